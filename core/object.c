#include "core/object.h"

#include <string.h>

#include "core/amount.h"
#include "core/http.h"

#define PREFIX       "b3:"
#define PREFIX_BYTES (sizeof PREFIX - 1)

_Static_assert(PREFIX_BYTES + HEX_TEXT_BYTES(HASH_BYTES) == OBJECT_ADDRESS_BYTES, "");

static enum err parse_size(struct slice text, uint64_t *ret_size)
{
	u128 size;

	if (amount_parse((const char *)text.bytes, text.bytes_count, &size) != AMOUNT_OK ||
		size > INT64_MAX) {
		return ERR_MALFORMED;
	}
	*ret_size = (uint64_t)size;
	return ERR_OK;
}

enum err object_address_parse(struct slice text, struct object_address *ret_address)
{
	struct object_address address = { .has_size = text.bytes_count > OBJECT_ADDRESS_BYTES };

	if (text.bytes_count < OBJECT_ADDRESS_BYTES ||
		memcmp(text.bytes, PREFIX, PREFIX_BYTES) != 0 ||
		hex_decode((const char *)text.bytes + PREFIX_BYTES, HEX_TEXT_BYTES(HASH_BYTES),
			address.id.bytes, HASH_BYTES) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (address.has_size) {
		struct slice size = { text.bytes + OBJECT_ADDRESS_BYTES + 1,
			text.bytes_count - OBJECT_ADDRESS_BYTES - 1 };

		if (text.bytes[OBJECT_ADDRESS_BYTES] != '@' ||
			parse_size(size, &address.size) != ERR_OK) {
			return ERR_MALFORMED;
		}
	}
	*ret_address = address;
	return ERR_OK;
}

void object_address_print(const struct hash *id, char ret_text[OBJECT_ADDRESS_BYTES + 1])
{
	memcpy(ret_text, PREFIX, PREFIX_BYTES);
	hex_encode(id->bytes, HASH_BYTES, ret_text + PREFIX_BYTES);
}

uint32_t object_chunk_count(uint64_t size)
{
	return (uint32_t)(size / OBJECT_CHUNK_BYTES + (size % OBJECT_CHUNK_BYTES != 0));
}

static size_t token_bytes(struct slice text, size_t at)
{
	size_t end = at;

	while (end < text.bytes_count && http_is_token_byte(text.bytes[end])) {
		end++;
	}
	return end - at;
}

bool object_type_is_valid(struct slice type)
{
	size_t main_bytes = token_bytes(type, 0);
	size_t at = main_bytes + 1;
	size_t sub_bytes;

	if (type.bytes_count > OBJECT_TYPE_BYTES_MAX || main_bytes == 0 ||
		main_bytes == type.bytes_count || type.bytes[main_bytes] != '/') {
		return false;
	}
	sub_bytes = token_bytes(type, at);
	at += sub_bytes;
	while (at < type.bytes_count && type.bytes[at] == ' ') {
		at++;
	}
	if (sub_bytes == 0 || (at < type.bytes_count && type.bytes[at] != ';')) {
		return false;
	}
	for (; at < type.bytes_count; at++) {
		if (type.bytes[at] < 0x20 || type.bytes[at] > 0x7e) {
			return false;
		}
	}
	return type.bytes[type.bytes_count - 1] != ' ';
}
