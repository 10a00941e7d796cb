#ifndef CORE_HTTP_HEAD_H
#define CORE_HTTP_HEAD_H

#include "core/http.h"
#include "core/http_scan.h"

/* What the head of an HTTP/1.1 request means (RFC 9112), strictly. http_scan found its end. */

enum http_content {
	HTTP_CONTENT_NONE,
	HTTP_CONTENT_JSON, /* application/json, charset absent or utf-8 */
	HTTP_CONTENT_OTHER,
};

/* Views borrow from the head's bytes; an absent field has bytes == NULL. */
struct http_head {
	enum http_method method;
	struct slice path;          /* canonical; empty for OPTIONS * */
	struct slice query;         /* without '?' */
	struct slice host;          /* as sent, with its port */
	struct slice host_name;     /* without port and brackets */
	uint64_t content_length;    /* 0 unless known */
	struct slice authorization; /* a secret: never logged */
	struct slice content_type;
	struct slice idempotency_key;
	struct slice last_event_id;
	struct slice deadline_ms; /* X-Request-Deadline-Ms */
	struct slice if_none_match, if_range, range;
	struct slice traceparent; /* sent once; core/traceparent.h */
	struct slice corr_id;     /* X-Corr-ID or X-Request-Id, when it is a ULID or UUID */
	enum http_content content;
	bool host_is_ip;
	bool content_length_known;
	bool chunked;
	bool gzip; /* Content-Encoding, of a method that may have a body */
	bool expect_continue;
	bool close; /* the client wants the connection closed */
	bool accepts_openmetrics;
	bool accepts_events;
};

/* bytes: exactly the head that scan accepted. Writes *ret_head when the head was understood,
 * that is at HTTP_OK and at every refusal that does not close (struct http_answer). */
MUST_CHECK enum http_decision http_head_parse(
	struct slice bytes, const struct http_scan *scan, struct http_head *ret_head);

/* HTTP_OK or HTTP_HOST_NOT_OURS. An IP literal and localhost are always ours, other names when
 * listed; a page of another site that rebinds its name to our address is neither. */
MUST_CHECK enum http_decision http_head_check_host(
	const struct http_head *head, const struct slice *names, size_t names_count);

/* HTTP_OK or HTTP_CONTENT_TYPE: for routes that take JSON. */
MUST_CHECK enum http_decision http_head_check_json(const struct http_head *head);

/* HTTP_OK, HTTP_ENCODING, HTTP_MULTIPART or HTTP_MEDIA_TYPE: for routes that keep the body as it
 * is, under the media type that it came with. */
MUST_CHECK enum http_decision http_head_check_object(const struct http_head *head);

/* The token of "Authorization: Bearer TOKEN" (RFC 6750); false when there is none. */
MUST_CHECK bool http_head_bearer(const struct http_head *head, struct slice *ret_token);

/* Whether text is a ULID or UUID as core/ulid.h and core/uuid.h read them. */
bool http_head_is_corr_id(struct slice text);

#endif
