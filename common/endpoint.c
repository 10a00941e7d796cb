#include "common/endpoint.h"

#include <string.h>

#include "common/config_value.h"

#define SCHEME "http://"

/* Room for a bracketed IPv6 address and a port. */
#define AUTHORITY_BYTES_MAX 64u

static bool is_path(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text <= ' ' || *text >= 0x7F || strchr("?#%\\\"<>", *text) != NULL) {
			return false;
		}
	}
	return true;
}

bool endpoint_parse(const char *text, struct endpoint *ret_endpoint)
{
	struct endpoint endpoint = { .authority = text + strlen(SCHEME) };
	char authority[AUTHORITY_BYTES_MAX];

	if (strncmp(text, SCHEME, strlen(SCHEME)) != 0) {
		return false;
	}
	endpoint.authority_bytes = strcspn(endpoint.authority, "/");
	endpoint.path = endpoint.authority + endpoint.authority_bytes;
	endpoint.path_bytes = strlen(endpoint.path);
	if (endpoint.authority_bytes >= sizeof authority || !is_path(endpoint.path)) {
		return false;
	}
	memcpy(authority, endpoint.authority, endpoint.authority_bytes);
	authority[endpoint.authority_bytes] = '\0';
	while (endpoint.path_bytes > 0 && endpoint.path[endpoint.path_bytes - 1] == '/') {
		endpoint.path_bytes--;
	}
	if (!config_value_address(authority, &endpoint.address) || endpoint.address.port == 0) {
		return false;
	}
	*ret_endpoint = endpoint;
	return true;
}
