#include "core/http.h"

#include <string.h>

const struct http_limits http_limits_default = {
	.head_bytes_max = HTTP_HEAD_BYTES_MAX,
	.target_bytes_max = HTTP_TARGET_BYTES_MAX,
	.fields_max = HTTP_FIELDS_MAX,
};

static const struct http_answer answers[] = {
#define AS_ROW(NAME, status, close, text) { status, close, #NAME, text },
	HTTP_DECISIONS(AS_ROW)
#undef AS_ROW
};

_Static_assert(COUNT_OF(answers) == HTTP_DECISION_COUNT, "a row for each decision");

const struct http_answer *http_answer(enum http_decision decision)
{
	assert(decision < HTTP_DECISION_COUNT);
	return &answers[decision];
}

static const char *const method_names[] = { [HTTP_METHOD_UNKNOWN] = "UNKNOWN",
#define AS_NAME(NAME, safety) [HTTP_METHOD_##NAME] = #NAME,
	HTTP_METHODS(AS_NAME)
#undef AS_NAME
};

const char *http_method_name(enum http_method method)
{
	assert(method < HTTP_METHOD_COUNT);
	return method_names[method];
}

enum http_method http_method_parse(struct slice name)
{
	for (unsigned i = HTTP_METHOD_UNKNOWN + 1; i < HTTP_METHOD_COUNT; i++) {
		if (strlen(method_names[i]) == name.bytes_count &&
			memcmp(method_names[i], name.bytes, name.bytes_count) == 0) {
			return (enum http_method)i;
		}
	}
	return HTTP_METHOD_UNKNOWN;
}

bool http_method_is_safe(enum http_method method)
{
	enum { UNSAFE, SAFE };
	static const bool safe[] = { [HTTP_METHOD_UNKNOWN] = UNSAFE,
#define AS_SAFETY(NAME, safety) [HTTP_METHOD_##NAME] = safety,
		HTTP_METHODS(AS_SAFETY)
#undef AS_SAFETY
	};

	assert(method < HTTP_METHOD_COUNT);
	return safe[method];
}

static uint8_t lower(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z' ? (uint8_t)(byte | 0x20u) : byte;
}

bool http_slices_equal_nocase(struct slice left, struct slice right)
{
	if (left.bytes_count != right.bytes_count) {
		return false;
	}
	for (size_t i = 0; i < left.bytes_count; i++) {
		if (lower(left.bytes[i]) != lower(right.bytes[i])) {
			return false;
		}
	}
	return true;
}

bool http_equals_nocase(struct slice bytes, const char *text)
{
	return http_slices_equal_nocase(
		bytes, (struct slice){ (const uint8_t *)text, strlen(text) });
}
