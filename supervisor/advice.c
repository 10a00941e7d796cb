#include "supervisor/advice.h"

#include <string.h>

#include "common/check.h"

static const char *const texts[DEGRADED_COUNT] = {
#define AS_TEXT(NAME, text) [DEGRADED_##NAME] = text,
	ADVICES(AS_TEXT)
#undef AS_TEXT
};

enum {
#define AS_ONE(NAME, text) +1
	ADVICE_COUNT = 0 ADVICES(AS_ONE)
#undef AS_ONE
};

_Static_assert(
	(int)ADVICE_COUNT == (int)DEGRADED_COUNT, "each reason has its next step, and only one");

static bool find(struct slice reason, enum degraded *ret_kind)
{
	for (unsigned i = 0; i < DEGRADED_COUNT; i++) {
		const char *begin = degraded_name((enum degraded)i);
		size_t length = strlen(begin);

		if (reason.bytes_count >= length && memcmp(reason.bytes, begin, length) == 0) {
			*ret_kind = (enum degraded)i;
			return true;
		}
	}
	return false;
}

bool advice_next(struct slice *rest, struct slice *ret_reason, enum degraded *ret_kind)
{
	while (rest->bytes_count > 0) {
		const uint8_t *end = memmem(rest->bytes, rest->bytes_count, "; ", 2);
		struct slice part = *rest;

		*rest = (struct slice){ NULL, 0 };
		if (end != NULL) {
			size_t taken = (size_t)(end - part.bytes);

			*rest = (struct slice){ end + 2, part.bytes_count - taken - 2 };
			part.bytes_count = taken;
		}
		if (find(part, ret_kind)) {
			*ret_reason = part;
			return true;
		}
	}
	return false;
}

const char *advice_text(enum degraded kind)
{
	assert(kind < DEGRADED_COUNT);
	return texts[kind];
}
