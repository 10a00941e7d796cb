#include "core/reward_doc.h"

#include <string.h>

#include "core/hex.h"

void reward_doc_begin(struct json *in, struct slice text)
{
	json_init(in);
	json_feed(in, text, true);
}

bool reward_doc_end(struct json *in)
{
	struct slice text;

	return json_next(in, &text) == JSON_END;
}

bool reward_doc_object(struct json *in)
{
	struct slice text;
	enum json_event event = json_next(in, &text);

	return event == JSON_OBJECT || json_fail(in, "an object", NULL);
}

bool reward_doc_name(struct json *in, struct slice *ret_name)
{
	return json_next(in, ret_name) == JSON_NAME;
}

bool reward_doc_member(struct json *in, const char *const *names, uint32_t name_count,
	uint32_t *seen, uint32_t *ret_place)
{
	struct slice name;

	if (!reward_doc_name(in, &name)) {
		return false;
	}
	*ret_place = json_member(in, name, names, name_count, seen);
	return *ret_place != JSON_NO_MEMBER;
}

bool reward_doc_string(struct json *in, const char *expected, struct slice *ret_text)
{
	return json_next(in, ret_text) == JSON_STRING || json_fail(in, expected, NULL);
}

bool reward_doc_literal(struct json *in, const char *wanted, const char *expected)
{
	struct slice text;

	return reward_doc_string(in, expected, &text) &&
	       ((text.bytes_count == strlen(wanted) &&
			memcmp(text.bytes, wanted, text.bytes_count) == 0) ||
		       json_fail(in, expected, NULL));
}

bool reward_doc_u64(
	struct json *in, uint64_t number_max, const char *expected, uint64_t *ret_number)
{
	struct slice text;
	u128 number = 0;

	if (json_next(in, &text) != JSON_NUMBER ||
		reward_number_parse(text, number_max, &number) != REWARD_NUMBER_OK) {
		return json_fail(in, expected, NULL);
	}
	*ret_number = (uint64_t)number;
	return true;
}

bool reward_doc_version(struct json *in)
{
	uint64_t version = 0;

	return reward_doc_u64(in, 1, "version 1", &version) &&
	       (version == 1 || json_fail(in, "version 1", NULL));
}

bool reward_doc_named(struct json *in, bool (*is)(struct slice), const char *expected,
	struct reward_name *ret_name)
{
	struct slice text;

	if (!reward_doc_string(in, expected, &text)) {
		return false;
	}
	if (text.bytes_count > sizeof ret_name->bytes || !is(text)) {
		return json_fail(in, expected, NULL);
	}
	ret_name->bytes_count = (uint8_t)text.bytes_count;
	if (text.bytes_count > 0) {
		memcpy(ret_name->bytes, text.bytes, text.bytes_count);
	}
	return true;
}

bool reward_doc_cid(struct json *in, struct hash *ret_hash)
{
	static const char expected[] = "b3: and 64 lower-case hexadecimal digits";
	struct slice text;

	return reward_doc_string(in, expected, &text) &&
	       ((reward_is_cid(text) &&
			hex_decode((const char *)text.bytes + 3, text.bytes_count - 3,
				ret_hash->bytes, HASH_BYTES) == ERR_OK) ||
		       json_fail(in, expected, NULL));
}

void reward_doc_tell(const struct json *in, const char *what, struct reward_outcome *outcome)
{
	assert(in->fault.expected != NULL);
	reward_add_text(outcome, what);
	reward_add_text(outcome, ", byte ");
	reward_add_number(outcome, in->fault.at);
	reward_add_text(outcome, ": expected ");
	reward_add_text(outcome, in->fault.expected);
	if (in->fault.name != NULL) {
		reward_add_text(outcome, " ");
		reward_add_text(outcome, in->fault.name);
	}
}
