/* The header fields that the operator gives a collector. They may hold a key, so they come from a
 * file, and are in no message of ours. */
#include <string.h>
#include <unistd.h>

#include "core/http.h"
#include "services/otel/otel.h"

/* Those are ours to say. */
static bool is_ours(struct slice name)
{
	static const char *const ours[] = { "host", "content-length", "content-type",
		"transfer-encoding", "connection", "expect" };

	for (size_t i = 0; i < COUNT_OF(ours); i++) {
		if (http_equals_nocase(name, ours[i])) {
			return true;
		}
	}
	return false;
}

static bool is_name(struct slice name)
{
	for (size_t i = 0; i < name.bytes_count; i++) {
		uint8_t byte = name.bytes[i];
		bool is_letter = (byte | 0x20) >= 'a' && (byte | 0x20) <= 'z';

		if (!is_letter && !(byte >= '0' && byte <= '9') && byte != '-' && byte != '_') {
			return false;
		}
	}
	return name.bytes_count > 0;
}

static bool is_value(const char *value, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if ((uint8_t)value[i] < ' ' || (uint8_t)value[i] >= 0x7F) {
			return false;
		}
	}
	return true;
}

static bool is_field(const char *line, size_t count)
{
	const char *colon = memchr(line, ':', count);
	struct slice name = { (const uint8_t *)line, 0 };

	if (colon == NULL) {
		return false;
	}
	name.bytes_count = (size_t)(colon - line);
	return is_name(name) && !is_ours(name) && is_value(colon + 1, count - name.bytes_count - 1);
}

/* Lines to fields: an empty one, and one that begins with #, is none. */
static bool convert(const char *text, char *ret_headers, const char **ret_why)
{
	size_t used = 0;

	while (*text != '\0') {
		size_t line = strcspn(text, "\n");
		size_t count = line > 0 && text[line - 1] == '\r' ? line - 1 : line;

		if (count > 0 && text[0] != '#') {
			if (!is_field(text, count)) {
				*ret_why =
					"a line is no `Name: value`, or sets a field that is ours";
				return false;
			}
			if (used + count + 2 > OTEL_HEADERS_BYTES_MAX) {
				*ret_why = "it is too long";
				return false;
			}
			memcpy(ret_headers + used, text, count);
			memcpy(ret_headers + used + count, "\r\n", 2);
			used += count + 2;
		}
		text += line + (text[line] == '\n');
	}
	ret_headers[used] = '\0';
	return true;
}

bool headers_read(int fd, char ret_headers[OTEL_HEADERS_BYTES_MAX + 1], const char **ret_why)
{
	char text[OTEL_HEADERS_BYTES_MAX + 1];
	size_t used = 0;
	ssize_t got;

	do {
		got = read(fd, text + used, sizeof text - used);
		used += got > 0 ? (size_t)got : 0;
	} while (got > 0 && used < sizeof text);
	if (got < 0) {
		*ret_why = "it cannot be read";
		return false;
	}
	if (used == sizeof text || memchr(text, '\0', used) != NULL) {
		*ret_why = "it is too long, or no text";
		return false;
	}
	text[used] = '\0';
	return convert(text, ret_headers, ret_why);
}
