#ifndef CORE_HTTP_TARGET_H
#define CORE_HTTP_TARGET_H

#include "common/errors.h"
#include "core/http.h"

/* The request target (RFC 9112 section 3.2) and the authority of Host. Views borrow from what
 * was handed in; results are written on HTTP_OK only. */

enum http_target_form {
	HTTP_FORM_ORIGIN,   /* /path?query */
	HTTP_FORM_ABSOLUTE, /* http://authority/path?query */
	HTTP_FORM_ASTERISK, /* *: path and query are empty */
};

struct http_target {
	enum http_target_form form;
	struct slice authority; /* of the absolute form */
	struct slice path;      /* starts with /, canonical: equal paths are equal bytes */
	struct slice query;     /* without its question mark; escapes are well formed */
};

MUST_CHECK enum http_decision http_target_parse(
	struct slice target, struct http_target *ret_target);

struct http_authority {
	struct slice name; /* without port and brackets */
	uint16_t port;     /* 0: none was given */
	bool is_ip;
};

/* HTTP_OK or HTTP_HOST_MALFORMED. No user info, no zone, no empty port. */
MUST_CHECK enum http_decision http_target_authority(
	struct slice text, struct http_authority *ret_authority);

/* No route has more than a handful; the bound keeps the search for repeats small. */
#define HTTP_PARAMETERS_MAX 16u

struct http_parameter {
	struct slice name;  /* [A-Za-z0-9_.-]+, never escaped */
	struct slice value; /* still escaped: http_target_unescape */
};

struct http_parameters {
	struct http_parameter list[HTTP_PARAMETERS_MAX];
	size_t count;
};

/* HTTP_OK, HTTP_PARAMETERS or HTTP_PARAMETER_REPEATED. A raw + is refused: half of the world
 * reads it as a space. */
MUST_CHECK enum http_decision http_target_parameters(
	struct slice query, struct http_parameters *ret_parameters);

/* Returns the still escaped value, or NULL. */
const struct slice *http_target_parameter(
	const struct http_parameters *parameters, const char *name);

/* ERR_TOO_LARGE when it does not fit bytes_max, ERR_MALFORMED for a broken escape. */
MUST_CHECK enum err http_target_unescape(
	struct slice escaped, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes_count);

#endif
