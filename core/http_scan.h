#ifndef CORE_HTTP_SCAN_H
#define CORE_HTTP_SCAN_H

#include "core/http.h"

/* Finds the end of a request's head while its bytes come in, and refuses what is no head. */

enum http_scan_state {
	HTTP_SCAN_METHOD,
	HTTP_SCAN_TARGET,
	HTTP_SCAN_VERSION,
	HTTP_SCAN_LINE_LF,
	HTTP_SCAN_FIELD,
	HTTP_SCAN_NAME,
	HTTP_SCAN_VALUE,
	HTTP_SCAN_VALUE_LF,
	HTTP_SCAN_END_LF,
	HTTP_SCAN_DONE,
};

/* How far a scan is. All zero is the start of a request; fields are read-only outside. */
struct http_scan {
	size_t bytes_count; /* taken so far; at HTTP_OK, the bytes of the head */
	uint32_t method_bytes;
	uint32_t target_bytes;
	uint32_t version_bytes;
	uint32_t fields_count;
	enum http_scan_state state;
};

/* Starts at the field lines: the trailers of a chunked body obey the same grammar. */
void http_scan_trailers(struct http_scan *scan);

/* Takes the bytes that follow those taken before. HTTP_OK: *ret_used of them end the head;
 * HTTP_MORE: all were taken. Anything else is the refusal, and the scan is over. Each byte is
 * looked at once, however the bytes are cut. An empty line before the request line is refused,
 * which RFC 9112 section 2.2 would let pass. */
MUST_CHECK enum http_decision http_scan(struct http_scan *scan, const struct http_limits *limits,
	struct slice more, size_t *ret_used);

#endif
