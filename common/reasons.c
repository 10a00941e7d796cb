#include "common/reasons.h"

const char *reason_name(unsigned reason)
{
	switch (reason) {
#define AS_CASE(NAME, name, status) \
	case REASON_##NAME:         \
		return name;
		REASONS(AS_CASE)
#undef AS_CASE
	default:
		return "internal";
	}
}

uint16_t reason_status(unsigned reason)
{
	switch (reason) {
#define AS_CASE(NAME, name, status) \
	case REASON_##NAME:         \
		return status;
		REASONS(AS_CASE)
#undef AS_CASE
	default:
		return 503;
	}
}
