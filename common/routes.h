#ifndef COMMON_ROUTES_H
#define COMMON_ROUTES_H

/* Every HTTP route, as a template: the closed label set of the http metrics and the `route`
 * of a log line. HEAD counts as its GET. What matches no route is OTHER, so that a client
 * cannot make new series.
 *
 * NAME, method, template */
#define ROUTES(R)                                            \
	R(OTHER, "other", "other")                           \
	R(HEALTHZ, "GET", "/healthz")                        \
	R(READYZ, "GET", "/readyz")                          \
	R(VERSION, "GET", "/version")                        \
	R(METRICS, "GET", "/metrics")                        \
	R(SCHEMAS, "GET", "/schemas")                        \
	R(SCHEMA, "GET", "/schemas/{name}")                  \
	R(STATUS, "GET", "/api/v1/status")                   \
	R(RELOAD, "POST", "/api/v1/reload")                  \
	R(SHUTDOWN, "POST", "/api/v1/shutdown")              \
	R(EVENTS, "GET", "/events")                          \
	R(INGEST, "POST", "/ingest")                         \
	R(ROOTS, "GET", "/roots")                            \
	R(ENTRY, "GET", "/entries/{seq}")                    \
	R(TLOG_CHECKPOINT, "GET", "/tlog/checkpoint")        \
	R(TLOG_TILE, "GET", "/tlog/tile/{level}/{index}")    \
	R(TLOG_ENTRIES, "GET", "/tlog/tile/entries/{index}") \
	R(BALANCE, "GET", "/v1/balance")                     \
	R(ISSUE, "POST", "/v1/issue")                        \
	R(TRANSFER, "POST", "/v1/transfer")                  \
	R(BURN, "POST", "/v1/burn")                          \
	R(TX, "GET", "/v1/tx/{txid}")                        \
	R(TX_PROOF, "GET", "/v1/tx/{txid}/proof")            \
	R(OBJECT_GET, "GET", "/o/{addr}")                    \
	R(OBJECT_PUT, "POST", "/put")

enum route {
#define AS_ENUM(NAME, method, template) ROUTE_##NAME,
	ROUTES(AS_ENUM)
#undef AS_ENUM
		ROUTE_COUNT
};

/* Statuses that we ever send; any other is counted as 0. */
#define STATUSES(S) \
	S(200)      \
	S(201)      \
	S(202)      \
	S(204)      \
	S(206)      \
	S(207)      \
	S(304)      \
	S(400)      \
	S(401)      \
	S(403)      \
	S(404)      \
	S(405)      \
	S(406)      \
	S(408)      \
	S(409)      \
	S(411)      \
	S(412)      \
	S(413)      \
	S(414)      \
	S(415)      \
	S(416)      \
	S(417)      \
	S(421)      \
	S(422)      \
	S(423)      \
	S(428)      \
	S(429)      \
	S(431)      \
	S(500)      \
	S(501)      \
	S(502)      \
	S(503)      \
	S(504)      \
	S(505)      \
	S(507)

/* Both take any value; that of one that is not a route is ROUTE_OTHER's. */
const char *routes_method(unsigned route);
const char *routes_template(unsigned route);

#endif
