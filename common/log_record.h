#ifndef COMMON_LOG_RECORD_H
#define COMMON_LOG_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/log.h"

/* A record on the pipe, little-endian:
 *
 *	u16 bytes of the whole record | u8 version | u8 level | u16 event | i64 monotonic us
 *	then per field, in rising id: u8 id | value
 *
 * A value is 8 bytes (NUMBER, SIGNED, HEX, MILLIS, ROLE, FAULT, ERRNO, PREFIX), 16 bytes
 * (ID), or u16 count and that many bytes (TEXT, BYTES). At most LOG_RECORD_BYTES_MAX, which
 * is below PIPE_BUF: a write is whole or not at all. Text longer than LOG_TEXT_BYTES_MAX is
 * cut, a field that no longer fits is left out. */
#define LOG_RECORD_VERSION    1u
#define LOG_RECORD_HEAD_BYTES 14u
#define LOG_RECORD_BYTES_MAX  2048u

enum log_kind {
	LOG_KIND_NONE, /* no field has this id */
	LOG_KIND_NUMBER,
	LOG_KIND_SIGNED,
	LOG_KIND_HEX,
	LOG_KIND_MILLIS,
	LOG_KIND_ROLE,
	LOG_KIND_FAULT,
	LOG_KIND_ERRNO,
	LOG_KIND_TEXT,
	LOG_KIND_BYTES,
	LOG_KIND_PREFIX,
	LOG_KIND_ID,
};

struct log_value {
	bool present;
	uint64_t number;    /* every kind of 8 bytes */
	struct slice bytes; /* TEXT, BYTES, ID: inside the record */
};

struct log_record {
	enum log_level level;
	unsigned event; /* known to this build */
	int64_t monotonic_us;
	struct log_value values[LOG_FIELDS_END];
};

/* fields may be NULL. Returns the bytes used. */
size_t log_record_pack(uint8_t record[LOG_RECORD_BYTES_MAX], enum log_event event,
	struct instant now, const struct log_fields *fields);

/* ERR_MALFORMED: the writer is buggy or owned. */
MUST_CHECK enum err log_record_unpack(struct slice record, struct log_record *ret_record);

/* NULL for an event that is not in the table. */
const char *log_record_event_name(unsigned event);
const char *log_record_event_text(unsigned event);
enum log_level log_record_event_level(unsigned event); /* DEBUG for one that is not */
const char *log_record_level_name(enum log_level level);
const char *log_record_field_name(unsigned field); /* NULL for one that is not */
enum log_kind log_record_field_kind(unsigned field);

#endif
