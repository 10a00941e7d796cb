#ifndef CORE_HTTP_REPLY_H
#define CORE_HTTP_REPLY_H

#include "common/errors.h"
#include "core/http.h"

/* Writes the head of a response (RFC 9112 section 4). What it says is ours or was validated when
 * it came in, so a byte that would end a line early is our bug: asserted, never sent. */

/* Status and reason phrase: all that this node answers. */
#define HTTP_STATUSES(S)                          \
	S(200, "OK")                              \
	S(201, "Created")                         \
	S(202, "Accepted")                        \
	S(204, "No Content")                      \
	S(206, "Partial Content")                 \
	S(207, "Multi-Status")                    \
	S(304, "Not Modified")                    \
	S(400, "Bad Request")                     \
	S(401, "Unauthorized")                    \
	S(403, "Forbidden")                       \
	S(404, "Not Found")                       \
	S(405, "Method Not Allowed")              \
	S(408, "Request Timeout")                 \
	S(409, "Conflict")                        \
	S(413, "Content Too Large")               \
	S(414, "URI Too Long")                    \
	S(415, "Unsupported Media Type")          \
	S(416, "Range Not Satisfiable")           \
	S(417, "Expectation Failed")              \
	S(421, "Misdirected Request")             \
	S(422, "Unprocessable Content")           \
	S(429, "Too Many Requests")               \
	S(431, "Request Header Fields Too Large") \
	S(500, "Internal Server Error")           \
	S(501, "Not Implemented")                 \
	S(502, "Bad Gateway")                     \
	S(503, "Service Unavailable")             \
	S(505, "HTTP Version Not Supported")

struct http_reply_field {
	const char *name;
	struct slice value;
};

/* Absent is NULL, zero or false. Views and strings are borrowed until the write returns. */
struct http_reply {
	uint16_t status;  /* of HTTP_STATUSES */
	const char *date; /* http_reply_date */
	const char *content_type;
	uint64_t content_length; /* written unless the status is 204 or 304, or until_close */
	bool until_close;        /* a stream: its end is the connection's; implies close */
	bool close;
	uint32_t retry_after_s;
	uint32_t allow;       /* HTTP_METHOD_BIT; HEAD comes with GET, OPTIONS always */
	struct slice corr_id; /* sent as X-Corr-ID and as X-Request-Id */
	const char *www_authenticate;
	const struct http_reply_field *fields; /* others, in this order */
	size_t fields_count;
};

/* ERR_TOO_LARGE when bytes_max is too small; then bytes hold nothing to send. */
MUST_CHECK enum err http_reply_write(
	const struct http_reply *reply, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes_count);

/* The interim answer to Expect: 100-continue. */
struct slice http_reply_continue(void);

/* Whether content follows the head: not for HEAD, 204 and 304. */
bool http_reply_has_content(enum http_method method, uint16_t status);

/* "Sun, 06 Nov 1994 08:49:37 GMT" and a NUL (RFC 9110 section 5.6.7). */
#define HTTP_REPLY_DATE_BYTES 30u

/* The last second of the year 9999: no text here can say a later one (asserted). */
#define HTTP_REPLY_UNIX_S_MAX UINT64_C(253402300799)

/* "1994-11-06T08:49:37Z" and a NUL (RFC 3339), as JSON has times that are for people. */
#define HTTP_REPLY_TIMESTAMP_BYTES 21u
void http_reply_timestamp(uint64_t unix_s, char ret_time[HTTP_REPLY_TIMESTAMP_BYTES]);

/* unix_s: seconds since 1970, UTC, up to the year 9999. */
void http_reply_date(uint64_t unix_s, char ret_date[HTTP_REPLY_DATE_BYTES]);

#endif
