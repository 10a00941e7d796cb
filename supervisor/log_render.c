#include "supervisor/log_render.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NS_PER_S INT64_C(1000000000)

/* LOG_LINE_BYTES_MAX is a proof that every record fits, so running out of room is a bug. */
struct line {
	char *chars;
	size_t used;
	enum log_format format;
};

static void put_char(struct line *out, char one)
{
	assert(out->used < LOG_LINE_BYTES_MAX);
	out->chars[out->used++] = one;
}

static void put_raw(struct line *out, const char *text)
{
	size_t text_bytes = strlen(text);

	assert(text_bytes <= LOG_LINE_BYTES_MAX - out->used);
	memcpy(out->chars + out->used, text, text_bytes);
	out->used += text_bytes;
}

__attribute__((format(printf, 2, 3))) static void print(struct line *out, const char *format, ...)
{
	size_t left = LOG_LINE_BYTES_MAX - out->used;
	va_list arguments;
	int written;

	va_start(arguments, format);
	written = vsnprintf(out->chars + out->used, left, format, arguments);
	va_end(arguments);
	assert(written >= 0 && (size_t)written < left);
	out->used += (size_t)written;
}

/* Bytes of the UTF-8 character at the start; 0 when there is none that may stand in a log:
 * malformed, or one of the C1 controls that some terminals obey. */
static size_t utf8_bytes(const uint8_t *bytes, size_t left)
{
	uint8_t lead = bytes[0];
	size_t count = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
	uint32_t code = lead & (0x7Fu >> count);
	static const uint32_t smallest[] = { 0, 0, 0xA0, 0x800, 0x10000 };

	if (lead < 0xC2 || lead > 0xF4 || count > left) {
		return 0;
	}
	for (size_t i = 1; i < count; i++) {
		if ((bytes[i] & 0xC0) != 0x80) {
			return 0;
		}
		code = code << 6 | (bytes[i] & 0x3Fu);
	}
	if (code < smallest[count] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) {
		return 0;
	}
	return count;
}

/* U+2028 and U+2029 end a line for some readers, U+202A-202E and U+2066-2069 turn what is
 * seen around: E2 80 A8-AE, E2 81 A6-A9. */
static bool misleads(const uint8_t *bytes, size_t count)
{
	if (count != 3 || bytes[0] != 0xE2) {
		return false;
	}
	return (bytes[1] == 0x80 && bytes[2] >= 0xA8 && bytes[2] <= 0xAE) ||
	       (bytes[1] == 0x81 && bytes[2] >= 0xA6 && bytes[2] <= 0xA9);
}

static void put_ascii(struct line *out, uint8_t byte)
{
	if (byte == '"' || byte == '\\') {
		put_char(out, '\\');
		put_char(out, (char)byte);
	} else if (byte < 0x20 || byte == 0x7F) {
		print(out, "\\u%04x", (unsigned)byte);
	} else {
		put_char(out, (char)byte);
	}
}

/* Between quotes, in JSON and in text alike. At most six bytes for one. */
static void put_quoted(struct line *out, struct slice text)
{
	size_t at = 0;

	put_char(out, '"');
	while (at < text.bytes_count) {
		const uint8_t *bytes = text.bytes + at;
		size_t count = 1;

		if (bytes[0] < 0x80) {
			put_ascii(out, bytes[0]);
			at++;
			continue;
		}
		count = utf8_bytes(bytes, text.bytes_count - at);
		if (count == 0 || misleads(bytes, count)) {
			put_raw(out, "\xEF\xBF\xBD"); /* U+FFFD */
			at += count == 0 ? 1 : count;
			continue;
		}
		for (size_t i = 0; i < count; i++) {
			put_char(out, (char)bytes[i]);
		}
		at += count;
	}
	put_char(out, '"');
}

static void put_quoted_text(struct line *out, const char *text)
{
	put_quoted(out, (struct slice){ (const uint8_t *)text, strlen(text) });
}

static void put_time(struct line *out, int64_t unix_ns)
{
	time_t seconds = (time_t)(unix_ns / NS_PER_S);
	struct tm utc = { 0 };
	char text[32];

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
	print(out, "%s.%09" PRId64 "Z", text, unix_ns % NS_PER_S);
}

/* "name": in JSON, " name=" in text. */
static void put_name(struct line *out, const char *name)
{
	if (out->format == LOG_FORMAT_JSON) {
		print(out, ",\"%s\":", name);
	} else {
		print(out, " %s=", name);
	}
}

static void put_hex(struct line *out, const uint8_t *bytes, size_t byte_count)
{
	put_char(out, '"');
	for (size_t i = 0; i < byte_count; i++) {
		print(out, "%02x", bytes[i]);
	}
	put_char(out, '"');
}

static void put_os_error(struct line *out, uint64_t number)
{
	const char *name = number <= INT32_MAX ? strerrorname_np((int)number) : NULL;

	if (name != NULL) {
		put_quoted_text(out, name);
	} else {
		print(out, "\"%" PRIu64 "\"", number);
	}
}

static void put_prefix(struct line *out, uint64_t number)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < sizeof bytes; i++) {
		bytes[i] = (uint8_t)(number >> (8 * i));
	}
	put_hex(out, bytes, sizeof bytes);
}

static void put_value(struct line *out, unsigned field, const struct log_value *value)
{
	uint64_t number = value->number;

	switch (log_record_field_kind(field)) {
	case LOG_KIND_NUMBER:
		print(out, "%" PRIu64, number);
		break;
	case LOG_KIND_SIGNED:
		print(out, "%" PRId64, (int64_t)number);
		break;
	case LOG_KIND_HEX:
		print(out, "\"%016" PRIx64 "\"", number);
		break;
	case LOG_KIND_MILLIS:
		print(out, "%" PRIu64 ".%03" PRIu64, number / 1000, number % 1000);
		break;
	case LOG_KIND_ROLE:
		put_quoted_text(out,
			process_name(number < PROCESS_COUNT ? (unsigned)number : PROCESS_COUNT));
		break;
	case LOG_KIND_FAULT:
		put_quoted_text(out, number <= ERR_UNKNOWN ? err_name((enum err)number) : "?");
		break;
	case LOG_KIND_ERRNO:
		put_os_error(out, number);
		break;
	case LOG_KIND_TEXT:
	case LOG_KIND_BYTES:
		put_quoted(out, value->bytes);
		break;
	case LOG_KIND_PREFIX:
		put_prefix(out, number);
		break;
	case LOG_KIND_ID:
		put_hex(out, value->bytes.bytes, ID_BYTES);
		break;
	case LOG_KIND_NONE:
	default:
		assert(!"log_record_unpack lets no unknown field through");
	}
}

static void put_fields(struct line *out, const struct log_record *record)
{
	for (unsigned field = 0; field < LOG_FIELDS_END; field++) {
		if (record->values[field].present) {
			put_name(out, log_record_field_name(field));
			put_value(out, field, &record->values[field]);
		}
	}
}

/* Both vocabularies of spec/: lvl and msg, level and event, with equal values. */
static void put_json(
	struct line *out, const struct log_stamp *stamp, const struct log_record *record)
{
	const char *level = log_record_level_name(record->level);

	put_raw(out, "{\"ts\":\"");
	put_time(out, stamp->unix_ns);
	print(out, "\",\"lvl\":\"%s\",\"level\":\"%s\"", level, level);
	print(out, ",\"service\":\"%s\",\"instance\":%u,\"pid\":%" PRIu32,
		process_name(stamp->process.process), (unsigned)stamp->process.instance,
		stamp->pid);
	print(out, ",\"event\":\"%s\",\"msg\":", log_record_event_name(record->event));
	put_quoted_text(out, log_record_event_text(record->event));
	print(out, ",\"mono_us\":%" PRId64, record->monotonic_us);
	put_fields(out, record);
	put_char(out, '}');
}

static const char *colour_of(enum log_level level)
{
	static const char *const colours[LOG_LEVEL_COUNT] = {
		[LOG_LEVEL_ERROR] = "\x1b[1;31m",
		[LOG_LEVEL_WARN] = "\x1b[33m",
		[LOG_LEVEL_INFO] = "\x1b[32m",
		[LOG_LEVEL_DEBUG] = "\x1b[2m",
	};

	return colours[level];
}

static void put_text(
	struct line *out, const struct log_stamp *stamp, const struct log_record *record)
{
	bool colour = out->format == LOG_FORMAT_COLOUR;

	put_time(out, stamp->unix_ns);
	print(out, " %s%-5s%s", colour ? colour_of(record->level) : "",
		log_record_level_name(record->level), colour ? "\x1b[0m" : "");
	print(out, " %s/%u[%" PRIu32 "] %s", process_name(stamp->process.process),
		(unsigned)stamp->process.instance, stamp->pid,
		log_record_event_name(record->event));
	put_fields(out, record);
	print(out, " (%s)", log_record_event_text(record->event));
}

size_t log_render(char line[LOG_LINE_BYTES_MAX], enum log_format format,
	const struct log_stamp *stamp, const struct log_record *record)
{
	struct line out = { .chars = line, .format = format };

	if (format == LOG_FORMAT_JSON) {
		put_json(&out, stamp, record);
	} else {
		put_text(&out, stamp, record);
	}
	put_char(&out, '\n');
	return out.used;
}
