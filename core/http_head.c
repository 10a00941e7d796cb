#include "core/http_head.h"

#include <string.h>

#include "core/http_target.h"
#include "core/object.h"
#include "core/ulid.h"
#include "core/uuid.h"

/* What a head means. core/http_scan.c has seen to its grammar; here, what would let two readers
 * of the same bytes see different requests is refused and closes. The rest (unknown method,
 * foreign page, ...) is decided last, when the framing is known, so that the connection may
 * live on. */

#define LENGTH_DIGITS_MAX 19u

/* The fields that mean something here, and what a second one of the name is. HTTP_OK: it may
 * be repeated. All others only have to be well formed. */
#define FIELDS(F)                                                 \
	F(ACCEPT, "accept", HTTP_OK)                              \
	F(AUTHORIZATION, "authorization", HTTP_FIELD_REPEATED)    \
	F(CONNECTION, "connection", HTTP_OK)                      \
	F(ENCODING, "content-encoding", HTTP_FIELD_REPEATED)      \
	F(LENGTH, "content-length", HTTP_LENGTH_REPEATED)         \
	F(TYPE, "content-type", HTTP_FIELD_REPEATED)              \
	F(EXPECT, "expect", HTTP_EXPECTATION)                     \
	F(HOST, "host", HTTP_HOST_REPEATED)                       \
	F(IDEMPOTENCY, "idempotency-key", HTTP_FIELD_REPEATED)    \
	F(NONE_MATCH, "if-none-match", HTTP_OK)                   \
	F(IF_RANGE, "if-range", HTTP_FIELD_REPEATED)              \
	F(LAST_EVENT, "last-event-id", HTTP_FIELD_REPEATED)       \
	F(ORIGIN, "origin", HTTP_OK)                              \
	F(RANGE, "range", HTTP_FIELD_REPEATED)                    \
	F(TRACEPARENT, "traceparent", HTTP_OK)                    \
	F(CODING, "transfer-encoding", HTTP_CODING_REPEATED)      \
	F(CORR, "x-corr-id", HTTP_OK)                             \
	F(DEADLINE, "x-request-deadline-ms", HTTP_FIELD_REPEATED) \
	F(REQUEST_ID, "x-request-id", HTTP_OK)

enum field {
#define AS_ENUM(NAME, name, repeated) FIELD_##NAME,
	FIELDS(AS_ENUM)
#undef AS_ENUM
		FIELD_COUNT /* none of them */
};

struct field_plan {
	const char *name;
	size_t name_bytes;
	enum http_decision repeated;
};

static const struct field_plan plans[FIELD_COUNT] = {
#define AS_ROW(NAME, name, repeated) [FIELD_##NAME] = { name, sizeof name - 1, repeated },
	FIELDS(AS_ROW)
#undef AS_ROW
};

/* The last value of each field; bytes == NULL: not sent. */
struct fields {
	struct slice values[FIELD_COUNT];
};

static enum field find_field(struct slice name)
{
	unsigned i = 0;

	while (i < FIELD_COUNT && !(plans[i].name_bytes == name.bytes_count &&
					  http_equals_nocase(name, plans[i].name))) {
		i++;
	}
	return (enum field)i;
}

static bool is_blank(uint8_t byte)
{
	return byte == ' ' || byte == '\t';
}

static struct slice trim(struct slice text)
{
	while (text.bytes_count > 0 && is_blank(text.bytes[0])) {
		text.bytes++;
		text.bytes_count--;
	}
	while (text.bytes_count > 0 && is_blank(text.bytes[text.bytes_count - 1])) {
		text.bytes_count--;
	}
	return text;
}

/* Takes what stands before the next `stop`, and the stop; false when nothing is left. */
static bool take_part(struct slice *rest, uint8_t stop, struct slice *ret_part)
{
	const uint8_t *found;
	struct slice part = *rest;

	if (rest->bytes_count == 0) {
		return false;
	}
	found = memchr(rest->bytes, stop, rest->bytes_count);
	if (found == NULL) {
		*rest = (struct slice){ rest->bytes + rest->bytes_count, 0 };
	} else {
		part.bytes_count = (size_t)(found - rest->bytes);
		*rest = (struct slice){ found + 1, rest->bytes_count - part.bytes_count - 1 };
	}
	*ret_part = trim(part);
	return true;
}

/* Whether a comma-separated list names `wanted`; parameters behind ';' are not looked at. */
static bool list_has(struct slice list, const char *wanted)
{
	struct slice item;

	while (take_part(&list, ',', &item)) {
		struct slice word;

		if (take_part(&item, ';', &word) && http_equals_nocase(word, wanted)) {
			return true;
		}
	}
	return false;
}

bool http_head_is_corr_id(struct slice text)
{
	const char *characters = (const char *)text.bytes;
	struct id128 id;

	return ulid_parse(characters, text.bytes_count, &id) == ERR_OK ||
	       uuid_parse(characters, text.bytes_count, &id) == ERR_OK;
}

/* Two names for one id. What is neither ULID nor UUID is as good as absent. */
static enum http_decision take_corr_id(struct http_head *head, struct slice value)
{
	if (!http_head_is_corr_id(value)) {
		return HTTP_OK;
	}
	if (head->corr_id.bytes != NULL &&
		(head->corr_id.bytes_count != value.bytes_count ||
			memcmp(head->corr_id.bytes, value.bytes, value.bytes_count) != 0)) {
		return HTTP_CORR_CONFLICT;
	}
	head->corr_id = value;
	return HTTP_OK;
}

static enum http_decision take_field(
	struct http_head *head, struct fields *fields, struct slice name, struct slice value)
{
	enum field field = find_field(name);

	if (field == FIELD_COUNT) {
		return HTTP_OK;
	}
	if (fields->values[field].bytes != NULL && plans[field].repeated != HTTP_OK) {
		return plans[field].repeated;
	}
	if (field == FIELD_TRACEPARENT && fields->values[field].bytes != NULL) {
		value.bytes_count = 0; /* two are none (W3C Trace Context, section 3.2.1) */
	}
	fields->values[field] = value;
	if (field == FIELD_CONNECTION) {
		head->close = head->close || list_has(value, "close");
	} else if (field == FIELD_ACCEPT) {
		head->accepts_openmetrics = head->accepts_openmetrics ||
					    list_has(value, "application/openmetrics-text");
		head->accepts_events = head->accepts_events || list_has(value, "text/event-stream");
	} else if (field == FIELD_CORR || field == FIELD_REQUEST_ID) {
		return take_corr_id(head, value);
	}
	return HTTP_OK;
}

/* rest: field lines and the empty line, as the scan accepted them. */
static enum http_decision take_fields(
	struct http_head *head, struct fields *fields, struct slice rest)
{
	enum http_decision decision = HTTP_OK;
	struct slice line, name;

	while (decision == HTTP_OK && take_part(&rest, '\r', &line) && line.bytes_count > 0) {
		bool has_colon = take_part(&line, ':', &name);

		assert(has_colon && name.bytes_count > 0 && rest.bytes_count > 0);
		decision = take_field(head, fields, name, trim(line));
		rest = (struct slice){ rest.bytes + 1, rest.bytes_count - 1 }; /* LF */
	}
	return decision;
}

static enum http_decision decide_host(
	struct http_head *head, struct slice host, const struct http_target *target)
{
	struct http_authority authority;

	if (host.bytes == NULL) {
		return HTTP_HOST_MISSING;
	}
	if (http_target_authority(host, &authority) != HTTP_OK) {
		return HTTP_HOST_MALFORMED;
	}
	if (target->form == HTTP_FORM_ABSOLUTE &&
		!http_slices_equal_nocase(host, target->authority)) {
		return HTTP_TARGET_AUTHORITY;
	}
	head->host = host;
	head->host_name = authority.name;
	head->host_is_ip = authority.is_ip;
	return HTTP_OK;
}

static enum http_decision parse_length(struct slice digits, uint64_t *ret_length)
{
	uint64_t length = 0;

	if (digits.bytes_count == 0 || digits.bytes_count > LENGTH_DIGITS_MAX) {
		return HTTP_LENGTH_MALFORMED;
	}
	for (size_t i = 0; i < digits.bytes_count; i++) {
		if (digits.bytes[i] < '0' || digits.bytes[i] > '9') {
			return HTTP_LENGTH_MALFORMED;
		}
		length = length * 10 + (uint64_t)(digits.bytes[i] - '0'); /* 19 digits fit */
	}
	if (length > INT64_MAX) {
		return HTTP_LENGTH_MALFORMED;
	}
	*ret_length = length;
	return HTTP_OK;
}

static enum http_decision decide_framing(struct http_head *head, const struct fields *fields)
{
	struct slice length = fields->values[FIELD_LENGTH];
	struct slice coding = fields->values[FIELD_CODING];
	bool bodiless = head->method == HTTP_METHOD_GET || head->method == HTTP_METHOD_HEAD ||
			head->method == HTTP_METHOD_DELETE;

	if (length.bytes != NULL && coding.bytes != NULL) {
		return HTTP_LENGTH_AND_CODING;
	}
	if (coding.bytes != NULL && !http_equals_nocase(coding, "chunked")) {
		return HTTP_CODING_UNKNOWN;
	}
	head->chunked = coding.bytes != NULL;
	head->content_length_known = length.bytes != NULL;
	if (head->content_length_known) {
		enum http_decision decision = parse_length(length, &head->content_length);

		if (decision != HTTP_OK) {
			return decision;
		}
	}
	if (bodiless && (head->chunked || head->content_length > 0)) {
		return HTTP_BODY_UNEXPECTED;
	}
	return HTTP_OK;
}

/* A media type with at most one parameter, charset=utf-8, which JSON does not need. */
static enum http_content classify_content(struct slice value)
{
	struct slice type, charset;

	if (value.bytes == NULL) {
		return HTTP_CONTENT_NONE;
	}
	if (!take_part(&value, ';', &type) || !http_equals_nocase(type, "application/json")) {
		return HTTP_CONTENT_OTHER;
	}
	if (!take_part(&value, ';', &charset)) {
		return HTTP_CONTENT_JSON;
	}
	if (value.bytes_count == 0 && (http_equals_nocase(charset, "charset=utf-8") ||
					      http_equals_nocase(charset, "charset=\"utf-8\""))) {
		return HTTP_CONTENT_JSON;
	}
	return HTTP_CONTENT_OTHER;
}

static enum http_decision decide_expectation(struct http_head *head, struct slice expect)
{
	if (expect.bytes == NULL) {
		return HTTP_OK;
	}
	if (!http_equals_nocase(expect, "100-continue")) {
		return HTTP_EXPECTATION;
	}
	head->expect_continue = head->chunked || head->content_length > 0;
	return HTTP_OK;
}

/* Where no body can be, nothing can be packed. */
static enum http_decision decide_encoding(struct http_head *head, struct slice encoding)
{
	if (encoding.bytes == NULL || http_equals_nocase(encoding, "identity")) {
		return HTTP_OK;
	}
	head->gzip = http_equals_nocase(encoding, "gzip") && !http_method_is_safe(head->method);
	return head->gzip ? HTTP_OK : HTTP_ENCODING;
}

/* What does not touch framing, so the head is handed out with it. */
static enum http_decision decide_rest(struct http_head *head, const struct fields *fields)
{
	if (head->method == HTTP_METHOD_UNKNOWN) {
		return HTTP_UNKNOWN_METHOD;
	}
	if (head->method == HTTP_METHOD_TRACE) {
		return HTTP_TRACE;
	}
	if (fields->values[FIELD_ORIGIN].bytes != NULL && !http_method_is_safe(head->method)) {
		return HTTP_ORIGIN;
	}
	return decide_encoding(head, fields->values[FIELD_ENCODING]);
}

static enum http_decision decide_version(struct slice version)
{
	static const char pattern[] = "HTTP/d.d";

	if (version.bytes_count != (sizeof pattern - 1)) {
		return HTTP_REQUEST_LINE;
	}
	if (memcmp(version.bytes, "HTTP/1.1", (sizeof pattern - 1)) == 0) {
		return HTTP_OK;
	}
	for (size_t i = 0; i < (sizeof pattern - 1); i++) {
		bool digit = version.bytes[i] >= '0' && version.bytes[i] <= '9';

		if (pattern[i] == 'd' ? !digit : version.bytes[i] != (uint8_t)pattern[i]) {
			return HTTP_REQUEST_LINE;
		}
	}
	return HTTP_VERSION;
}

/* The request line; *ret_rest is what follows it. Version first: it decides what the rest may
 * mean, and HTTP/2's preface has to hear 505. */
static enum http_decision take_line(struct slice bytes, const struct http_scan *scan,
	struct http_head *head, struct http_target *ret_target, struct slice *ret_rest)
{
	struct slice method = { bytes.bytes, scan->method_bytes };
	struct slice target = { method.bytes + method.bytes_count + 1, scan->target_bytes };
	struct slice version = { target.bytes + target.bytes_count + 1, scan->version_bytes };
	enum http_decision decision = decide_version(version);
	const uint8_t *rest = version.bytes + version.bytes_count + 2; /* CR LF */

	if (decision != HTTP_OK) {
		return decision;
	}
	head->method = http_method_parse(method);
	if (head->method == HTTP_METHOD_CONNECT) {
		return HTTP_CONNECT;
	}
	decision = http_target_parse(target, ret_target);
	if (decision != HTTP_OK) {
		return decision;
	}
	if (ret_target->form == HTTP_FORM_ASTERISK && head->method != HTTP_METHOD_OPTIONS) {
		return HTTP_TARGET_ASTERISK;
	}
	head->path = ret_target->path;
	head->query = ret_target->query;
	*ret_rest = (struct slice){ rest, bytes.bytes_count - (size_t)(rest - bytes.bytes) };
	return HTTP_OK;
}

enum http_decision http_head_parse(
	struct slice bytes, const struct http_scan *scan, struct http_head *ret_head)
{
	struct http_head head = { .method = HTTP_METHOD_UNKNOWN };
	struct fields fields = { .values = { { NULL, 0 } } };
	struct http_target target;
	struct slice rest;
	enum http_decision decision;

	assert(scan->state == HTTP_SCAN_DONE && scan->bytes_count == bytes.bytes_count);
	assert(scan->method_bytes > 0); /* not a scan of trailers */
	decision = take_line(bytes, scan, &head, &target, &rest);
	if (decision == HTTP_OK) {
		decision = take_fields(&head, &fields, rest);
	}
	if (decision == HTTP_OK) {
		decision = decide_host(&head, fields.values[FIELD_HOST], &target);
	}
	if (decision == HTTP_OK) {
		decision = decide_framing(&head, &fields);
	}
	if (decision == HTTP_OK) {
		decision = decide_expectation(&head, fields.values[FIELD_EXPECT]);
	}
	if (decision != HTTP_OK) {
		return decision;
	}
	head.authorization = fields.values[FIELD_AUTHORIZATION];
	head.content_type = fields.values[FIELD_TYPE];
	head.idempotency_key = fields.values[FIELD_IDEMPOTENCY];
	head.last_event_id = fields.values[FIELD_LAST_EVENT];
	head.deadline_ms = fields.values[FIELD_DEADLINE];
	head.traceparent = fields.values[FIELD_TRACEPARENT];
	head.if_none_match = fields.values[FIELD_NONE_MATCH];
	head.if_range = fields.values[FIELD_IF_RANGE];
	head.range = fields.values[FIELD_RANGE];
	head.content = classify_content(head.content_type);
	decision = decide_rest(&head, &fields);
	*ret_head = head;
	return decision;
}

enum http_decision http_head_check_host(
	const struct http_head *head, const struct slice *names, size_t names_count)
{
	if (head->host_is_ip || http_equals_nocase(head->host_name, "localhost")) {
		return HTTP_OK;
	}
	for (size_t i = 0; i < names_count; i++) {
		if (http_slices_equal_nocase(head->host_name, names[i])) {
			return HTTP_OK;
		}
	}
	return HTTP_HOST_NOT_OURS;
}

enum http_decision http_head_check_json(const struct http_head *head)
{
	return head->content == HTTP_CONTENT_JSON ? HTTP_OK : HTTP_CONTENT_TYPE;
}

enum http_decision http_head_check_object(const struct http_head *head)
{
	static const char multipart[] = "multipart/";
	struct slice type = head->content_type;

	if (head->gzip) {
		return HTTP_ENCODING; /* what is stored is what was sent, and is not unpacked */
	}
	if (type.bytes == NULL) {
		return HTTP_OK;
	}
	if (type.bytes_count >= sizeof multipart - 1 &&
		http_equals_nocase((struct slice){ type.bytes, sizeof multipart - 1 }, multipart)) {
		return HTTP_MULTIPART;
	}
	return object_type_is_valid(type) ? HTTP_OK : HTTP_MEDIA_TYPE;
}

bool http_head_bearer(const struct http_head *head, struct slice *ret_token)
{
	struct slice rest = head->authorization;
	struct slice scheme;

	if (!take_part(&rest, ' ', &scheme) || !http_equals_nocase(scheme, "bearer")) {
		return false;
	}
	rest = trim(rest);
	for (size_t i = 0; i < rest.bytes_count; i++) {
		if (is_blank(rest.bytes[i]) || rest.bytes[i] == ',') {
			return false;
		}
	}
	if (rest.bytes_count == 0) {
		return false;
	}
	*ret_token = rest;
	return true;
}
