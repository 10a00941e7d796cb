#include "core/traceparent.h"

#include <string.h>

#include "core/hex.h"

#define VERSION_AT  0u
#define TRACE_AT    3u
#define PARENT_AT   36u
#define FLAGS_AT    53u
#define SAMPLED_BIT 0x01u

static bool read_hex(struct slice text, size_t at, uint8_t *ret_bytes, size_t bytes_count)
{
	return hex_decode((const char *)text.bytes + at, HEX_TEXT_BYTES(bytes_count), ret_bytes,
		       bytes_count) == ERR_OK;
}

static bool is_zero(const uint8_t *bytes, size_t bytes_count)
{
	uint8_t any = 0;

	for (size_t i = 0; i < bytes_count; i++) {
		any |= bytes[i];
	}
	return any == 0;
}

static bool has_dashes(struct slice text)
{
	return text.bytes[TRACE_AT - 1] == '-' && text.bytes[PARENT_AT - 1] == '-' &&
	       text.bytes[FLAGS_AT - 1] == '-';
}

bool traceparent_parse(struct slice text, struct traceparent *ret_parent)
{
	struct traceparent parent = { .parent_id = 0 };
	uint8_t version = 0, flags = 0, id[8];

	if (text.bytes_count < TRACEPARENT_TEXT_BYTES || !has_dashes(text) ||
		!read_hex(text, VERSION_AT, &version, 1) || version == 0xff) {
		return false;
	}
	if (text.bytes_count > TRACEPARENT_TEXT_BYTES &&
		(version == 0 || text.bytes[TRACEPARENT_TEXT_BYTES] != '-')) {
		return false;
	}
	if (!read_hex(text, TRACE_AT, parent.trace_id.bytes, ID_BYTES) ||
		!read_hex(text, PARENT_AT, id, sizeof id) || !read_hex(text, FLAGS_AT, &flags, 1) ||
		is_zero(parent.trace_id.bytes, ID_BYTES) || is_zero(id, sizeof id)) {
		return false;
	}
	for (size_t i = 0; i < sizeof id; i++) {
		parent.parent_id = parent.parent_id << 8 | id[i];
	}
	parent.is_sampled = (flags & SAMPLED_BIT) != 0;
	*ret_parent = parent;
	return true;
}
