#ifndef COMMON_ENDPOINT_H
#define COMMON_ENDPOINT_H

#include <stddef.h>

#include "common/config.h"

/* The base URL of a collector, "http://127.0.0.1:4318" or "http://[::1]:4318/otlp": an address
 * instead of a name, because nobody here asks a name server, and no https, because the exporter
 * holds no trust anchors: whoever has a collector elsewhere runs one beside the node. */
struct endpoint {
	struct config_address address;
	const char *authority; /* borrowed from the text, like path */
	size_t authority_bytes;
	const char *path; /* without a slash at its end; "" as a rule */
	size_t path_bytes;
};

MUST_CHECK bool endpoint_parse(const char *text, struct endpoint *ret_endpoint);

#endif
