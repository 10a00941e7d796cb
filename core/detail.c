#include "core/detail.h"

#include "common/check.h"

static const struct {
	const char *text;
	enum reason reason;
} details[] = { [DETAIL_NONE] = { "", REASON_NONE },
#define AS_ROW(NAME, text, reason) [DETAIL_##NAME] = { text, REASON_##reason },
	DETAILS(AS_ROW)
#undef AS_ROW
};
_Static_assert(COUNT_OF(details) == DETAIL_COUNT, "a row for each detail");

const char *detail_text(unsigned detail)
{
	return detail < DETAIL_COUNT ? details[detail].text : "internal";
}

enum reason detail_reason(unsigned detail)
{
	return detail < DETAIL_COUNT ? details[detail].reason : REASON_INTERNAL;
}
