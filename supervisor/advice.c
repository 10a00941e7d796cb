#include "supervisor/advice.h"

#include <string.h>

#include "common/check.h"

static const struct {
	const char *begin;
	const char *text;
} rows[ADVICE_COUNT] = {
#define AS_ROW(NAME, begin, text) [ADVICE_##NAME] = { begin, text },
	ADVICES(AS_ROW)
#undef AS_ROW
};

static bool find(struct slice reason, enum advice *ret_advice)
{
	for (unsigned i = 0; i < ADVICE_COUNT; i++) {
		size_t length = strlen(rows[i].begin);

		if (reason.bytes_count >= length &&
			memcmp(reason.bytes, rows[i].begin, length) == 0) {
			*ret_advice = (enum advice)i;
			return true;
		}
	}
	return false;
}

bool advice_next(struct slice *rest, struct slice *ret_reason, enum advice *ret_advice)
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
		if (find(part, ret_advice)) {
			*ret_reason = part;
			return true;
		}
	}
	return false;
}

const char *advice_text(enum advice advice)
{
	assert(advice < ADVICE_COUNT);
	return rows[advice].text;
}
