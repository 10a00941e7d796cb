#include "common/errors.h"

const char *err_name(enum err err)
{
	switch (err) {
#define AS_CASE(NAME, text) \
	case ERR_##NAME:    \
		return #NAME;
		ERRORS(AS_CASE)
#undef AS_CASE
	}
	return "UNKNOWN_ERR";
}

const char *err_text(enum err err)
{
	switch (err) {
#define AS_CASE(NAME, text) \
	case ERR_##NAME:    \
		return text;
		ERRORS(AS_CASE)
#undef AS_CASE
	}
	return "unknown error";
}
