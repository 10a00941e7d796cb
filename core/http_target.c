#include "core/http_target.h"

#include <string.h>

/* A path has one spelling or it is refused. Nothing is decoded or normalised before it is
 * compared, so what the wall judged (the caveat path=) is what the handler sees:
 *
 *   bytes      pchar of RFC 3986 section 3.3 without ';', and '/' between segments
 *   segments   not empty (but the last), not "." and not ".."
 *   escapes    %XX in upper case, of a byte that may not stand unescaped; never of '/', '\',
 *              '%', a control byte or an unreserved one
 *
 * A query is pchar, '/' and '?' (RFC 3986 section 3.4); an escape in it may be of anything but a
 * control byte, because values are unescaped once before use. */

/* DNS names end at 253 bytes, IPv6 texts at 45. */
#define HOST_NAME_BYTES_MAX 253u
#define PORT_DIGITS_MAX     5u
#define IPV6_GROUPS         8u

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_unreserved(uint8_t byte)
{
	uint8_t letter = byte | 0x20u;

	return is_digit(byte) || (letter >= 'a' && letter <= 'z') ||
	       memchr("-._~", byte, 4) != NULL;
}

/* pchar without its escapes, and without ';', which some servers cut a path at. */
static bool is_path_byte(uint8_t byte)
{
	static const char others[] = "!$&'()*+,=:@";

	return is_unreserved(byte) || memchr(others, byte, sizeof others - 1) != NULL;
}

static bool is_query_byte(uint8_t byte)
{
	return is_path_byte(byte) || byte == '/' || byte == '?' || byte == ';';
}

static int hex_value(uint8_t byte)
{
	if (is_digit(byte)) {
		return byte - '0';
	}
	if (byte >= 'A' && byte <= 'F') {
		return byte - 'A' + 10;
	}
	return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* The byte that text escapes at `at`, where a '%' stands; -1 when that is no escape. */
static int escape_value(struct slice text, size_t at)
{
	int high, low;

	if (text.bytes_count - at < 3) {
		return -1;
	}
	high = hex_value(text.bytes[at + 1]);
	low = hex_value(text.bytes[at + 2]);
	return high < 0 || low < 0 ? -1 : high * 16 + low;
}

static bool path_escape_ok(struct slice path, size_t at)
{
	int value = escape_value(path, at);

	if (value < 0x20 || value == 0x7f || value == '/' || value == '\\' || value == '%') {
		return false;
	}
	if (is_unreserved((uint8_t)value)) {
		return false;
	}
	return path.bytes[at + 1] < 'a' && path.bytes[at + 2] < 'a'; /* one case, one spelling */
}

static bool segment_ok(struct slice segment, bool is_last)
{
	if (segment.bytes_count == 0) {
		return is_last;
	}
	if (segment.bytes_count > 2 || segment.bytes[0] != '.') {
		return true;
	}
	return segment.bytes_count == 2 && segment.bytes[1] != '.';
}

static bool path_ok(struct slice path)
{
	size_t start = 1;

	if (path.bytes_count == 0 || path.bytes[0] != '/') {
		return false;
	}
	for (size_t i = 1; i < path.bytes_count; i++) {
		uint8_t byte = path.bytes[i];

		if (byte == '/') {
			if (!segment_ok((struct slice){ path.bytes + start, i - start }, false)) {
				return false;
			}
			start = i + 1;
		} else if (byte == '%' ? !path_escape_ok(path, i) : !is_path_byte(byte)) {
			return false;
		}
	}
	return segment_ok((struct slice){ path.bytes + start, path.bytes_count - start }, true);
}

static bool query_ok(struct slice query)
{
	for (size_t i = 0; i < query.bytes_count; i++) {
		if (query.bytes[i] == '%') {
			int value = escape_value(query, i);

			if (value < 0x20 || value == 0x7f) {
				return false;
			}
		} else if (!is_query_byte(query.bytes[i])) {
			return false;
		}
	}
	return true;
}

static struct slice slice_from(struct slice text, size_t at)
{
	return (struct slice){ text.bytes + at, text.bytes_count - at };
}

/* Cuts text before the first `stop`, or at its end. */
static struct slice slice_until(struct slice text, uint8_t stop)
{
	const uint8_t *found = NULL;

	if (text.bytes_count > 0) {
		found = memchr(text.bytes, stop, text.bytes_count);
	}
	if (found != NULL) {
		text.bytes_count = (size_t)(found - text.bytes);
	}
	return text;
}

static bool has_scheme(struct slice target, const char *scheme)
{
	size_t scheme_bytes = strlen(scheme);

	return target.bytes_count >= scheme_bytes &&
	       http_equals_nocase((struct slice){ target.bytes, scheme_bytes }, scheme);
}

/* What is no path: host:port is the authority form, which only a proxy answers. */
static enum http_decision refuse_form(struct slice target)
{
	struct http_authority authority;

	if (http_target_authority(target, &authority) == HTTP_OK && authority.port != 0) {
		return HTTP_AUTHORITY_FORM;
	}
	return HTTP_TARGET_FORM;
}

enum http_decision http_target_parse(struct slice target, struct http_target *ret_target)
{
	struct http_target parsed = { .form = HTTP_FORM_ORIGIN };
	struct slice rest = target;

	if (http_equals_nocase(target, "*")) {
		*ret_target = (struct http_target){ .form = HTTP_FORM_ASTERISK };
		return HTTP_OK;
	}
	if (has_scheme(target, "http://") || has_scheme(target, "https://")) {
		parsed.form = HTTP_FORM_ABSOLUTE;
		rest = slice_from(rest, has_scheme(target, "http://") ? 7 : 8);
		parsed.authority = slice_until(slice_until(rest, '/'), '?');
		rest = slice_from(rest, parsed.authority.bytes_count);
	} else if (target.bytes_count == 0 || target.bytes[0] != '/') {
		return refuse_form(target);
	}
	parsed.path = slice_until(rest, '?');
	if (!path_ok(parsed.path)) {
		return HTTP_PATH;
	}
	rest = slice_from(rest, parsed.path.bytes_count);
	if (rest.bytes_count > 0) {
		parsed.query = slice_from(rest, 1);
	}
	if (!query_ok(parsed.query)) {
		return HTTP_QUERY;
	}
	*ret_target = parsed;
	return HTTP_OK;
}

/* Four decimal numbers up to 255, without leading zeros: "010" is eight to some. */
static bool is_ipv4(struct slice text)
{
	for (unsigned part = 0; part < 4; part++) {
		struct slice number = slice_until(text, '.');
		unsigned value = 0;

		if (number.bytes_count == 0 || number.bytes_count > 3) {
			return false;
		}
		if (number.bytes_count > 1 && number.bytes[0] == '0') {
			return false;
		}
		for (size_t i = 0; i < number.bytes_count; i++) {
			if (!is_digit(number.bytes[i])) {
				return false;
			}
			value = value * 10 + (unsigned)(number.bytes[i] - '0');
		}
		if (value > 255 || (number.bytes_count == text.bytes_count) != (part == 3)) {
			return false;
		}
		text = slice_from(text, number.bytes_count + (part < 3));
	}
	return true;
}

/* RFC 4291 section 2.2: eight groups of hex digits, one "::" for a run of zero groups, the last
 * two groups perhaps written as IPv4. */
static bool is_ipv6(struct slice text)
{
	unsigned groups = 0;
	bool has_gap = false;

	if (text.bytes_count >= 2 && text.bytes[0] == ':' && text.bytes[1] == ':') {
		has_gap = true;
		text = slice_from(text, 2);
		if (text.bytes_count == 0) {
			return true;
		}
	}
	while (groups < IPV6_GROUPS) {
		struct slice group = slice_until(text, ':');

		if (group.bytes_count == text.bytes_count && is_ipv4(group)) {
			groups += 2;
			return has_gap ? groups < IPV6_GROUPS : groups == IPV6_GROUPS;
		}
		if (group.bytes_count == 0 || group.bytes_count > 4) {
			return false;
		}
		for (size_t i = 0; i < group.bytes_count; i++) {
			if (hex_value(group.bytes[i]) < 0) {
				return false;
			}
		}
		groups++;
		text = slice_from(text, group.bytes_count);
		if (text.bytes_count == 0) {
			return has_gap ? groups < IPV6_GROUPS : groups == IPV6_GROUPS;
		}
		text = slice_from(text, 1); /* the colon */
		if (text.bytes_count > 0 && text.bytes[0] == ':') {
			if (has_gap) {
				return false;
			}
			has_gap = true;
			text = slice_from(text, 1);
			if (text.bytes_count == 0) {
				return groups < IPV6_GROUPS;
			}
		}
	}
	return false;
}

static bool is_host_name(struct slice name)
{
	if (name.bytes_count == 0 || name.bytes_count > HOST_NAME_BYTES_MAX) {
		return false;
	}
	for (size_t i = 0; i < name.bytes_count; i++) {
		if (!is_unreserved(name.bytes[i]) || name.bytes[i] == '~') {
			return false;
		}
	}
	return true;
}

/* text is what stands behind the name: nothing, or a colon and digits. */
static bool parse_port(struct slice text, uint16_t *ret_port)
{
	unsigned port = 0;

	if (text.bytes_count == 0) {
		*ret_port = 0;
		return true;
	}
	if (text.bytes[0] != ':' || text.bytes_count > 1 + PORT_DIGITS_MAX) {
		return false;
	}
	for (size_t i = 1; i < text.bytes_count; i++) {
		if (!is_digit(text.bytes[i])) {
			return false;
		}
		port = port * 10 + (unsigned)(text.bytes[i] - '0');
	}
	*ret_port = (uint16_t)port;
	return port > 0 && port <= UINT16_MAX; /* "" and 0 are no ports */
}

enum http_decision http_target_authority(struct slice text, struct http_authority *ret_authority)
{
	struct http_authority parsed;
	struct slice rest;

	if (text.bytes_count > 0 && text.bytes[0] == '[') {
		parsed.name = slice_until(slice_from(text, 1), ']');
		if (parsed.name.bytes_count + 1 == text.bytes_count) {
			return HTTP_HOST_MALFORMED; /* no closing bracket */
		}
		rest = slice_from(text, parsed.name.bytes_count + 2);
		parsed.is_ip = is_ipv6(parsed.name);
		if (!parsed.is_ip) {
			return HTTP_HOST_MALFORMED;
		}
	} else {
		parsed.name = slice_until(text, ':');
		rest = slice_from(text, parsed.name.bytes_count);
		parsed.is_ip = is_ipv4(parsed.name);
		if (!is_host_name(parsed.name)) {
			return HTTP_HOST_MALFORMED;
		}
	}
	if (!parse_port(rest, &parsed.port)) {
		return HTTP_HOST_MALFORMED;
	}
	*ret_authority = parsed;
	return HTTP_OK;
}

static bool is_parameter_name(struct slice name)
{
	for (size_t i = 0; i < name.bytes_count; i++) {
		if (!is_unreserved(name.bytes[i]) || name.bytes[i] == '~') {
			return false;
		}
	}
	return name.bytes_count > 0;
}

static enum http_decision add_parameter(struct http_parameters *parameters, struct slice pair)
{
	struct http_parameter added = { .name = slice_until(pair, '=') };

	if (added.name.bytes_count == pair.bytes_count || !is_parameter_name(added.name)) {
		return HTTP_PARAMETERS;
	}
	added.value = slice_from(pair, added.name.bytes_count + 1);
	if (slice_until(added.value, '+').bytes_count != added.value.bytes_count) {
		return HTTP_PARAMETERS;
	}
	for (size_t i = 0; i < parameters->count; i++) {
		struct slice name = parameters->list[i].name;

		if (name.bytes_count == added.name.bytes_count &&
			memcmp(name.bytes, added.name.bytes, name.bytes_count) == 0) {
			return HTTP_PARAMETER_REPEATED;
		}
	}
	if (parameters->count == HTTP_PARAMETERS_MAX) {
		return HTTP_PARAMETERS;
	}
	parameters->list[parameters->count++] = added;
	return HTTP_OK;
}

enum http_decision http_target_parameters(
	struct slice query, struct http_parameters *ret_parameters)
{
	struct http_parameters parsed = { .count = 0 };
	bool more = query.bytes_count > 0;

	while (more) {
		struct slice pair = slice_until(query, '&');
		enum http_decision decision = add_parameter(&parsed, pair);

		if (decision != HTTP_OK) {
			return decision;
		}
		more = pair.bytes_count < query.bytes_count;
		query = slice_from(query, pair.bytes_count + more);
	}
	*ret_parameters = parsed;
	return HTTP_OK;
}

const struct slice *http_target_parameter(
	const struct http_parameters *parameters, const char *name)
{
	size_t name_bytes = strlen(name);

	assert(parameters->count <= HTTP_PARAMETERS_MAX);
	for (size_t i = 0; i < parameters->count; i++) {
		const struct http_parameter *parameter = &parameters->list[i];

		if (parameter->name.bytes_count == name_bytes &&
			memcmp(parameter->name.bytes, name, name_bytes) == 0) {
			return &parameter->value;
		}
	}
	return NULL;
}

enum err http_target_unescape(
	struct slice escaped, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes_count)
{
	size_t bytes_count = 0;

	for (size_t i = 0; i < escaped.bytes_count; i++) {
		int value = escaped.bytes[i];

		if (value == '%') {
			value = escape_value(escaped, i);
			i += 2;
		}
		if (value < 0) {
			return ERR_MALFORMED;
		}
		if (bytes_count == bytes_max) {
			return ERR_TOO_LARGE;
		}
		bytes[bytes_count++] = (uint8_t)value;
	}
	*ret_bytes_count = bytes_count;
	return ERR_OK;
}
