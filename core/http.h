#ifndef CORE_HTTP_H
#define CORE_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"

/* The words of HTTP/1.1 (RFC 9110, RFC 9112) that the http_* files share: methods, limits of a
 * head, and decisions. A decision is data: DESIGN-WALL.md section 5 is the table below, each
 * case a row, and tests walk it. */

/* NAME, what the method is allowed to do */
#define HTTP_METHODS(M)   \
	M(GET, SAFE)      \
	M(HEAD, SAFE)     \
	M(POST, UNSAFE)   \
	M(PUT, UNSAFE)    \
	M(DELETE, UNSAFE) \
	M(PATCH, UNSAFE)  \
	M(OPTIONS, SAFE)  \
	M(TRACE, SAFE)    \
	M(CONNECT, UNSAFE)

enum http_method {
	HTTP_METHOD_UNKNOWN = 0,
#define AS_ENUM(NAME, safety) HTTP_METHOD_##NAME,
	HTTP_METHODS(AS_ENUM)
#undef AS_ENUM
		HTTP_METHOD_COUNT
};

/* A set of methods: what a route answers, what Allow says. */
#define HTTP_METHOD_BIT(method) (1u << (unsigned)(method))

/* NAME, status, close, what was expected (told to the client).
 *
 * close: the framing behind this head cannot be trusted or was never learnt, so nothing after
 * it is read. Where it is false the head was understood in full, and the edge may keep the
 * connection when the rest of the body is small enough to drain (http_body_drainable). */
#define HTTP_DECISIONS(D)                                                                          \
	D(OK, 0, false, "complete and in order")                                                   \
	D(MORE, 0, false, "in order so far; more bytes are needed")                                \
	/* the bytes of a head */                                                                  \
	D(REQUEST_LINE, 400, true, "the request line is METHOD SP TARGET SP HTTP/1.1 CRLF")        \
	D(BARE_LF, 400, true, "a line ends with CR LF, never with LF alone")                       \
	D(BARE_CR, 400, true, "CR stands only before LF")                                          \
	D(BYTE, 400, true, "a head holds visible ASCII, SP and HTAB only")                         \
	D(OBS_FOLD, 400, true, "a field is not continued on a second line")                        \
	D(SPACE_BEFORE_COLON, 400, true, "no space between a field name and its colon")            \
	D(FIELD_NAME, 400, true, "a field line is a token, a colon and a value")                   \
	D(VERSION, 505, true, "only HTTP/1.1 is spoken here")                                      \
	D(TARGET_TOO_LONG, 414, true, "the request target is too long")                            \
	D(HEAD_TOO_LARGE, 431, true, "the head is too large")                                      \
	D(FIELDS_TOO_MANY, 431, true, "the head has too many fields")                              \
	/* the target */                                                                           \
	D(TARGET_FORM, 400, true, "the target starts with / or with http://host/")                 \
	D(TARGET_ASTERISK, 400, true, "the target * is for OPTIONS only")                          \
	D(TARGET_AUTHORITY, 400, true, "an absolute target names the same authority as Host")      \
	D(AUTHORITY_FORM, 501, true, "this is no proxy: a host and port is no target")             \
	D(CONNECT, 501, true, "this is no proxy: CONNECT is not spoken")                           \
	D(PATH, 400, true, "the path is not in its canonical form")                                \
	D(QUERY, 400, true, "the query holds a byte or an escape that it may not")                 \
	D(PARAMETERS, 400, false, "a query is name=value pairs joined by &, + and space escaped")  \
	D(PARAMETER_REPEATED, 400, false, "a query parameter stands at most once")                 \
	/* Host */                                                                                 \
	D(HOST_MISSING, 400, true, "a request has a Host field")                                   \
	D(HOST_REPEATED, 400, true, "a request has one Host field")                                \
	D(HOST_MALFORMED, 400, true, "Host is a name, an IPv4 or a bracketed IPv6 address, :port") \
	D(HOST_NOT_OURS, 421, false, "this node does not answer to that host name")                \
	/* framing */                                                                              \
	D(LENGTH_MALFORMED, 400, true, "Content-Length is decimal digits, below 2^63")             \
	D(LENGTH_REPEATED, 400, true, "a request has at most one Content-Length")                  \
	D(LENGTH_AND_CODING, 400, true, "never both Content-Length and Transfer-Encoding")         \
	D(CODING_REPEATED, 400, true, "a request has at most one Transfer-Encoding")               \
	D(CODING_UNKNOWN, 501, true, "the only transfer coding is chunked")                        \
	D(BODY_UNEXPECTED, 400, true, "GET, HEAD and DELETE have no body")                         \
	D(BODY_TOO_LARGE, 413, false, "the body is larger than limits.max_body_bytes")             \
	D(CHUNK_SIZE, 400, true, "a chunk size is 1 to 8 hex digits and CR LF")                    \
	D(CHUNK_EXTENSION, 400, true, "chunk extensions are not accepted")                         \
	D(CHUNK_END, 400, true, "the data of a chunk ends with CR LF")                             \
	/* other fields, other methods */                                                          \
	D(FIELD_REPEATED, 400, true, "a field that has one value was sent twice")                  \
	D(CORR_CONFLICT, 400, true, "X-Corr-ID and X-Request-Id contradict each other")            \
	D(EXPECTATION, 417, true, "the only expectation is 100-continue")                          \
	D(UNKNOWN_METHOD, 501, false, "the method is not known")                                   \
	D(TRACE, 405, false, "TRACE is not answered")                                              \
	D(ORIGIN, 403, false, "a write from a web page is not accepted")                           \
	D(ENCODING, 415, false, "the only Content-Encoding is gzip")                               \
	D(CONTENT_TYPE, 415, false, "the body is application/json in UTF-8")                       \
	D(MULTIPART, 415, false, "an object is the body itself: multipart is not taken apart")     \
	D(MEDIA_TYPE, 400, false, "Content-Type is type/subtype of at most 127 bytes")             \
	/* taken by the edge, which knows routes and clocks */                                     \
	D(ROUTE_UNKNOWN, 404, false, "there is no such path")                                      \
	D(OTHER_METHODS, 405, false, "the path does not answer to this method")                    \
	D(HEAD_LATE, 408, true, "the head did not arrive in time")                                 \
	D(BODY_LATE, 408, true, "the body did not arrive in time")

enum http_decision {
#define AS_ENUM(NAME, status, close, text) HTTP_##NAME,
	HTTP_DECISIONS(AS_ENUM)
#undef AS_ENUM
		HTTP_DECISION_COUNT
};

struct http_answer {
	uint16_t status; /* 0: no answer yet, the request goes on */
	bool close;
	const char *name; /* as in the table, for logs and tests */
	const char *text; /* one sentence for the client */
};

/* Bounds of a head, and of the trailers behind a chunked body. */
struct http_limits {
	uint32_t head_bytes_max; /* request line, fields, and the empty line */
	uint32_t target_bytes_max;
	uint32_t fields_max;
};

/* spec/wallet.md W-O36; a token of TOKEN_BYTES_MAX fits beside everything else. */
#define HTTP_HEAD_BYTES_MAX   32768u
#define HTTP_TARGET_BYTES_MAX 8192u
#define HTTP_FIELDS_MAX       64u

extern const struct http_limits http_limits_default;

/* decision: one of the enum, asserted: it never comes from outside. */
const struct http_answer *http_answer(enum http_decision decision);

/* "UNKNOWN" for HTTP_METHOD_UNKNOWN, which is no method's name. Names are case-sensitive. */
const char *http_method_name(enum http_method method);
enum http_method http_method_parse(struct slice name);

/* Changes nothing (RFC 9110 section 9.2.1): may overlap with its neighbours in a pipeline. */
bool http_method_is_safe(enum http_method method);

/* token characters of RFC 9110 section 5.6.2 */
static inline bool http_is_token_byte(uint8_t byte)
{
	/* Bit n of word w stands for byte 64 * w + n. */
	static const uint64_t token[2] = { 0x03ff6cfa00000000u, 0x57ffffffc7fffffeu };

	return byte < 0x80 && (token[byte >> 6] >> (byte & 63u) & 1u) != 0;
}

/* A byte of a field value: visible ASCII, space, tab. obs-text is refused. */
static inline bool http_is_value_byte(uint8_t byte)
{
	return (byte >= 0x20 && byte <= 0x7e) || byte == '\t';
}

/* ASCII letters without regard to case; text is a C string. */
bool http_equals_nocase(struct slice bytes, const char *text);
bool http_slices_equal_nocase(struct slice left, struct slice right);

#endif
