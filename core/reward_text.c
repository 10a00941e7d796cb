#include "core/reward_text.h"

#include <string.h>

#include "common/check.h"
#include "core/amount.h"
#include "core/hex.h"
#include "core/json.h"
#include "core/json_out.h"

/* Each byte of a string may become six. */
#define STRING_BYTES_MAX (6u * JSON_TOKEN_BYTES_MAX + 2u)

static void hand_over(struct reward_text *out)
{
	if (out->used > 0) {
		out->take(out->owner, (struct slice){ out->bytes, out->used });
	}
	out->used = 0;
}

void reward_text_begin(struct reward_text *out, reward_text_taker *take, void *owner)
{
	out->take = take;
	out->owner = owner;
	out->bytes_count = 0;
	out->used = 0;
}

void reward_text_end(struct reward_text *out)
{
	hand_over(out);
}

void reward_text_put_bytes(struct reward_text *out, struct slice bytes)
{
	out->bytes_count += bytes.bytes_count;
	while (bytes.bytes_count > 0) {
		size_t room = sizeof out->bytes - out->used;
		size_t count = bytes.bytes_count < room ? bytes.bytes_count : room;

		memcpy(out->bytes + out->used, bytes.bytes, count);
		out->used += count;
		bytes = (struct slice){ bytes.bytes + count, bytes.bytes_count - count };
		if (out->used == sizeof out->bytes) {
			hand_over(out);
		}
	}
}

void reward_text_put(struct reward_text *out, const char *text)
{
	reward_text_put_bytes(out, (struct slice){ (const uint8_t *)text, strlen(text) });
}

void reward_text_put_number(struct reward_text *out, u128 number)
{
	char digits[AMOUNT_TEXT_BYTES_MAX];
	size_t count = amount_print(number, digits);

	reward_text_put_bytes(out, (struct slice){ (const uint8_t *)digits, count });
}

void reward_text_put_string(struct reward_text *out, struct slice text)
{
	uint8_t bytes[STRING_BYTES_MAX];
	struct json_out json;
	size_t count = 0;
	enum err err;

	json_out_init(&json, bytes, sizeof bytes);
	json_out_string(&json, text);
	err = json_out_finish(&json, &count);
	assert(err == ERR_OK); /* the caller keeps the bound */
	reward_text_put_bytes(out, (struct slice){ bytes, count });
}

void reward_text_put_amount(struct reward_text *out, u128 amount)
{
	reward_text_put(out, "\"");
	reward_text_put_number(out, amount);
	reward_text_put(out, "\"");
}

void reward_text_put_hex(struct reward_text *out, struct slice bytes)
{
	char digits[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	assert(bytes.bytes_count <= HASH_BYTES);
	hex_encode(bytes.bytes, bytes.bytes_count, digits);
	reward_text_put(out, "\"");
	reward_text_put(out, digits);
	reward_text_put(out, "\"");
}

void reward_text_print_cid(const struct hash *hash, char ret_text[68])
{
	memcpy(ret_text, "b3:", 3);
	hex_encode(hash->bytes, HASH_BYTES, ret_text + 3);
}

void reward_text_put_cid(struct reward_text *out, const struct hash *hash)
{
	char text[68];

	reward_text_print_cid(hash, text);
	reward_text_put(out, "\"");
	reward_text_put(out, text);
	reward_text_put(out, "\"");
}

void reward_text_hash(void *owner, struct slice bytes)
{
	blake3_add(owner, bytes.bytes, bytes.bytes_count);
}
