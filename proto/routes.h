#ifndef PROTO_ROUTES_H
#define PROTO_ROUTES_H

#include <stdint.h>

/* What a client can ask for, over HTTP or OAP/1 alike. One table for the edges, which route
 * and answer; for the prevalidator, which decodes; and for the labels of the metrics.
 *
 * NAME, method, path, OAP verb (0: HTTP only), owner: who answers in the end, API plane?,
 * admin plane?, write? A path that ends in a slash takes the rest as its argument. An owner of
 * its own edge (CLIENT) is answered by ingress or admin itself, at once. */
#define ROUTES(ROUTE)                                               \
	ROUTE(HEALTHZ, GET, "/healthz", 0, CLIENT, 1, 1, 0)         \
	ROUTE(READYZ, GET, "/readyz", 0, CLIENT, 1, 1, 0)           \
	ROUTE(VERSION, GET, "/version", 0, CLIENT, 1, 1, 0)         \
	ROUTE(METRICS, GET, "/metrics", 0, CLIENT, 0, 1, 0)         \
	ROUTE(INGEST, POST, "/ingest", 0x0010, SEQUENCER, 1, 0, 1)  \
	ROUTE(ROOTS, GET, "/roots", 0x0011, ARCHIVE, 1, 0, 0)       \
	ROUTE(ENTRY, GET, "/v1/entries/", 0x0012, ARCHIVE, 1, 0, 0) \
	ROUTE(VERIFY, POST, "", 0x0013, ARCHIVE, 1, 0, 0)           \
	ROUTE(PING, GET, "", 0x0001, SEQUENCER, 1, 0, 0)

enum route {
#define AS_ENUM(NAME, method, path, verb, owner, api, admin, write) ROUTE_##NAME,
	ROUTES(AS_ENUM)
#undef AS_ENUM
		ROUTE_COUNT
};

/* How a request reached us; what caveats and the counters of refused logins distinguish. */
enum peer_class {
	PEER_TCP_LOOPBACK,
	PEER_TCP,
	PEER_UDS,
};

#endif
