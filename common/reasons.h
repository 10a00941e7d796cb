#ifndef COMMON_REASONS_H
#define COMMON_REASONS_H

#include <stdint.h>

/* Why a client was refused (spec/ledger.md section 4.1): the closed set of RejectReason.
 * The wire string is also the label of rejected_total{reason}. Order is the wire id of
 * the inside verbs and the rank of nothing: which reason wins is the first refusal's
 * (DESIGN.md section 5).
 *
 * NAME, wire string, HTTP status of a request whose first refusal it is */
#define REASONS(R)                             \
	R(UNAUTH, "unauth", 401)               \
	R(CAP_INVALID, "cap_invalid", 403)     \
	R(UNKNOWN_KIND, "unknown_kind", 400)   \
	R(POLICY_DENIED, "policy_denied", 403) \
	R(BUSY, "busy", 429)                   \
	R(TOO_LARGE, "too_large", 413)         \
	R(TIMEOUT, "timeout", 503)             \
	R(INTERNAL, "internal", 503)           \
	R(DECOMPRESS, "decompress", 400)

enum reason {
	REASON_NONE = 0,
#define AS_ENUM(NAME, name, status) REASON_##NAME,
	REASONS(AS_ENUM)
#undef AS_ENUM
		REASON_COUNT
};

/* Both take any value and answer "internal" and 503 for one that is not a reason. */
const char *reason_name(unsigned reason);
uint16_t reason_status(unsigned reason);

#endif
