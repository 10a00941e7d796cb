#include "common/log_record.h"

#include <limits.h>
#include <string.h>

_Static_assert(LOG_RECORD_BYTES_MAX <= PIPE_BUF, "a record is written whole or not at all");
_Static_assert(LOG_RECORD_HEAD_BYTES + 3 + LOG_TEXT_BYTES_MAX <= LOG_RECORD_BYTES_MAX,
	"a text fits a record");

#define AS_CHECK(id, KIND, member) \
	_Static_assert((id) > 0 && (id) < LOG_FIELDS_END, "a field id is a bit of zeros");
LOG_FIELDS(AS_CHECK)
#undef AS_CHECK

static const struct event_row {
	const char *name;
	const char *text;
	enum log_level level;
} events[] = {
#define AS_ROW(id, NAME, name, level, sentence) [id] = { #name, sentence, LOG_LEVEL_##level },
	LOG_EVENTS(AS_ROW)
#undef AS_ROW
};

static const struct field_row {
	const char *name;
	enum log_kind kind;
} fields_by_id[LOG_FIELDS_END] = {
#define AS_ROW(id, KIND, member) [id] = { #member, LOG_KIND_##KIND },
	LOG_FIELDS(AS_ROW)
#undef AS_ROW
};

static const char *const level_names[] = {
#define AS_NAME(NAME, text) text,
	LOG_LEVELS(AS_NAME)
#undef AS_NAME
};

static const struct event_row *event_row(unsigned event)
{
	return event < COUNT_OF(events) && events[event].name != NULL ? &events[event] : NULL;
}

const char *log_record_event_name(unsigned event)
{
	const struct event_row *row = event_row(event);

	return row != NULL ? row->name : NULL;
}

const char *log_record_event_text(unsigned event)
{
	const struct event_row *row = event_row(event);

	return row != NULL ? row->text : NULL;
}

enum log_level log_record_event_level(unsigned event)
{
	const struct event_row *row = event_row(event);

	return row != NULL ? row->level : LOG_LEVEL_DEBUG;
}

const char *log_record_level_name(enum log_level level)
{
	assert((unsigned)level < LOG_LEVEL_COUNT);
	return level_names[level];
}

const char *log_record_field_name(unsigned field)
{
	return field < LOG_FIELDS_END ? fields_by_id[field].name : NULL;
}

enum log_kind log_record_field_kind(unsigned field)
{
	return field < LOG_FIELDS_END ? fields_by_id[field].kind : LOG_KIND_NONE;
}

/* Packing: a field that does not fit is left out, what comes after it may still fit. */

struct packer {
	uint8_t *bytes;
	size_t used;
	uint64_t zeros;
};

static void put_le(struct packer *out, uint64_t value, size_t byte_count)
{
	assert(byte_count <= LOG_RECORD_BYTES_MAX - out->used);
	for (size_t i = 0; i < byte_count; i++) {
		out->bytes[out->used++] = (uint8_t)(value >> (8 * i));
	}
}

static bool fits(const struct packer *out, size_t byte_count)
{
	return byte_count <= LOG_RECORD_BYTES_MAX - out->used;
}

static void put_number(struct packer *out, unsigned field, uint64_t number)
{
	bool shown = number != 0 || (out->zeros & UINT64_C(1) << field) != 0;

	if (shown && fits(out, 1 + 8)) {
		put_le(out, field, 1);
		put_le(out, number, 8);
	}
}

static void put_raw(struct packer *out, const uint8_t *bytes, size_t byte_count)
{
	memcpy(out->bytes + out->used, bytes, byte_count);
	out->used += byte_count;
}

static void put_bytes(struct packer *out, unsigned field, struct slice bytes)
{
	size_t byte_count = bytes.bytes_count;

	if (byte_count > LOG_TEXT_BYTES_MAX) {
		byte_count = LOG_TEXT_BYTES_MAX;
	}
	if (bytes.bytes != NULL && fits(out, 1 + 2 + byte_count)) {
		put_le(out, field, 1);
		put_le(out, byte_count, 2);
		put_raw(out, bytes.bytes, byte_count);
	}
}

static void put_text(struct packer *out, unsigned field, const char *text)
{
	struct slice bytes = { .bytes = (const uint8_t *)text };

	if (text != NULL) {
		bytes.bytes_count = strnlen(text, LOG_TEXT_BYTES_MAX);
		put_bytes(out, field, bytes);
	}
}

static void put_prefix(struct packer *out, unsigned field, const struct hash *hash)
{
	if (hash != NULL && fits(out, 1 + 8)) {
		put_le(out, field, 1);
		put_raw(out, hash->bytes, 8);
	}
}

static void put_id(struct packer *out, unsigned field, const struct id128 *id)
{
	if (id != NULL && fits(out, 1 + ID_BYTES)) {
		put_le(out, field, 1);
		put_raw(out, id->bytes, ID_BYTES);
	}
}

static void put_fields(struct packer *out, const struct log_fields *fields)
{
	out->zeros = fields->zeros;
#define PUT_NUMBER(id, value)    put_number(out, id, (uint64_t)(value))
#define PUT_HEX                  PUT_NUMBER
#define PUT_MILLIS               PUT_NUMBER
#define PUT_SIGNED               PUT_NUMBER
#define PUT_ROLE                 PUT_NUMBER
#define PUT_FAULT                PUT_NUMBER
#define PUT_ERRNO                PUT_NUMBER
#define PUT_TEXT(id, value)      put_text(out, id, value)
#define PUT_BYTES(id, value)     put_bytes(out, id, value)
#define PUT_PREFIX(id, value)    put_prefix(out, id, value)
#define PUT_ID(id, value)        put_id(out, id, value)
#define AS_PUT(id, KIND, member) PUT_##KIND(id, fields->member);
	LOG_FIELDS(AS_PUT)
#undef AS_PUT
#undef PUT_ID
#undef PUT_PREFIX
#undef PUT_BYTES
#undef PUT_TEXT
#undef PUT_ERRNO
#undef PUT_FAULT
#undef PUT_ROLE
#undef PUT_SIGNED
#undef PUT_MILLIS
#undef PUT_HEX
#undef PUT_NUMBER
}

size_t log_record_pack(uint8_t record[LOG_RECORD_BYTES_MAX], enum log_event event,
	struct instant now, const struct log_fields *fields)
{
	struct packer out = { .bytes = record };
	size_t record_bytes;

	put_le(&out, 0, 2); /* the length, when it is known */
	put_le(&out, LOG_RECORD_VERSION, 1);
	put_le(&out, (uint64_t)log_record_event_level(event), 1);
	put_le(&out, (uint64_t)event, 2);
	put_le(&out, (uint64_t)now.monotonic_us, 8);
	assert(out.used == LOG_RECORD_HEAD_BYTES);
	if (fields != NULL) {
		put_fields(&out, fields);
	}
	record_bytes = out.used;
	out.used = 0;
	put_le(&out, record_bytes, 2);
	return record_bytes;
}

/* Unpacking: strict, since the writer is us or an intruder. */

struct unpacker {
	const uint8_t *bytes;
	size_t left;
};

static bool take(struct unpacker *in, size_t byte_count, const uint8_t **ret_bytes)
{
	if (byte_count > in->left) {
		return false;
	}
	*ret_bytes = in->bytes;
	in->bytes += byte_count;
	in->left -= byte_count;
	return true;
}

static bool take_le(struct unpacker *in, size_t byte_count, uint64_t *ret_value)
{
	const uint8_t *bytes = NULL;
	uint64_t value = 0;

	if (!take(in, byte_count, &bytes)) {
		return false;
	}
	for (size_t i = 0; i < byte_count; i++) {
		value |= (uint64_t)bytes[i] << (8 * i);
	}
	*ret_value = value;
	return true;
}

static bool take_value(struct unpacker *in, enum log_kind kind, struct log_value *ret_value)
{
	struct log_value value = { .present = true };
	uint64_t byte_count = ID_BYTES;

	switch (kind) {
	case LOG_KIND_NUMBER:
	case LOG_KIND_SIGNED:
	case LOG_KIND_HEX:
	case LOG_KIND_MILLIS:
	case LOG_KIND_ROLE:
	case LOG_KIND_FAULT:
	case LOG_KIND_ERRNO:
	case LOG_KIND_PREFIX:
		if (!take_le(in, 8, &value.number)) {
			return false;
		}
		break;
	case LOG_KIND_TEXT:
	case LOG_KIND_BYTES:
		if (!take_le(in, 2, &byte_count) || byte_count > LOG_TEXT_BYTES_MAX) {
			return false;
		}
		value.bytes.bytes_count = (size_t)byte_count;
		if (!take(in, (size_t)byte_count, &value.bytes.bytes)) {
			return false;
		}
		break;
	case LOG_KIND_ID:
		value.bytes.bytes_count = ID_BYTES;
		if (!take(in, ID_BYTES, &value.bytes.bytes)) {
			return false;
		}
		break;
	case LOG_KIND_NONE:
	default:
		return false;
	}
	*ret_value = value;
	return true;
}

static bool take_head(struct unpacker *in, size_t record_bytes, struct log_record *record)
{
	uint64_t length = 0, version = 0, level = 0, event = 0, monotonic_us = 0;

	if (!take_le(in, 2, &length) || length != record_bytes ||
		record_bytes > LOG_RECORD_BYTES_MAX) {
		return false;
	}
	if (!take_le(in, 1, &version) || version != LOG_RECORD_VERSION) {
		return false;
	}
	if (!take_le(in, 1, &level) || level >= LOG_LEVEL_COUNT) {
		return false;
	}
	if (!take_le(in, 2, &event) || log_record_event_name((unsigned)event) == NULL) {
		return false;
	}
	if (!take_le(in, 8, &monotonic_us)) {
		return false;
	}
	record->level = (enum log_level)level;
	record->event = (unsigned)event;
	record->monotonic_us = (int64_t)monotonic_us;
	return true;
}

enum err log_record_unpack(struct slice bytes, struct log_record *ret_record)
{
	struct unpacker in = { .bytes = bytes.bytes, .left = bytes.bytes_count };
	struct log_record record = { 0 };
	uint64_t field = 0, field_last = 0;

	if (!take_head(&in, bytes.bytes_count, &record)) {
		return ERR_MALFORMED;
	}
	while (in.left > 0) {
		if (!take_le(&in, 1, &field) || field <= field_last || field >= LOG_FIELDS_END) {
			return ERR_MALFORMED; /* rising ids: no field twice */
		}
		if (!take_value(
			    &in, log_record_field_kind((unsigned)field), &record.values[field])) {
			return ERR_MALFORMED;
		}
		field_last = field;
	}
	*ret_record = record;
	return ERR_OK;
}
