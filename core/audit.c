#include "core/audit.h"

#include <stddef.h>

const char *audit_kind_name(unsigned kind)
{
	switch (kind) {
#define AS_CASE(NAME, name, number) \
	case number:                \
		return name;
		AUDIT_KINDS(AS_CASE)
#undef AS_CASE
	default:
		return NULL;
	}
}
