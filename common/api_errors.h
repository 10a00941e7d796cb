#ifndef COMMON_API_ERRORS_H
#define COMMON_API_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* How a request under /v1 is refused (spec/wallet.md section 4): code, status and what a client
 * may do next. Which of them a refusal is follows from its reason (common/api_reasons.h). Codes
 * are the one member that clients branch on; two rows may share one, where status, retryable or
 * the label of the graphs differ.
 *
 * Order is an id inside one build.
 * NAME, code, status, the same request may succeed later, seconds of Retry-After (0: none), reason
 * of wallet_rejects_total */
#define API_ERRORS(E)                                                                       \
	E(BAD_REQUEST, "BAD_REQUEST", 400, false, 0, BAD_REQUEST)                           \
	E(UNAUTHORIZED, "UNAUTHORIZED", 401, false, 0, UNAUTH)                              \
	E(FORBIDDEN, "FORBIDDEN", 403, false, 0, POLICY_DENIED)                             \
	E(LIMITS_EXCEEDED, "LIMITS_EXCEEDED", 403, false, 0, LIMITS_EXCEEDED)               \
	E(TOO_LARGE, "LIMITS_EXCEEDED", 413, false, 0, LIMITS_EXCEEDED)                     \
	E(NOT_FOUND, "NOT_FOUND", 404, false, 0, NOT_FOUND)                                 \
	E(INSUFFICIENT_FUNDS, "INSUFFICIENT_FUNDS", 409, false, 0, INSUFFICIENT_FUNDS)      \
	E(NONCE_CONFLICT, "NONCE_CONFLICT", 409, false, 0, NONCE_CONFLICT)                  \
	E(NONCE_GAP, "NONCE_CONFLICT", 409, true, 0, NONCE_CONFLICT)                        \
	E(IDEM_MISMATCH, "IDEM_MISMATCH", 422, false, 0, IDEM_MISMATCH)                     \
	E(IN_PROGRESS, "IN_PROGRESS", 409, true, 1, IN_PROGRESS)                            \
	E(BUSY, "BUSY", 429, true, 1, BUSY)                                                 \
	E(INTERNAL_ERROR, "INTERNAL_ERROR", 500, false, 0, INTERNAL)                        \
	E(RETRY_LATER, "RETRY_LATER", 503, true, 2, NOT_READY)                              \
	E(UPSTREAM_UNAVAILABLE, "UPSTREAM_UNAVAILABLE", 503, true, 2, UPSTREAM_UNAVAILABLE) \
	E(TIMEOUT, "UPSTREAM_UNAVAILABLE", 503, true, 2, TIMEOUT)

enum api_error {
#define AS_ENUM(NAME, code, status, retryable, retry_after, label) API_ERROR_##NAME,
	API_ERRORS(AS_ENUM)
#undef AS_ENUM
		API_ERROR_COUNT
};

/* The closed label set of wallet_rejects_total.
 * NAME, name */
#define API_LABELS(L)                                   \
	L(BAD_REQUEST, "bad_request")                   \
	L(UNAUTH, "unauth")                             \
	L(POLICY_DENIED, "policy_denied")               \
	L(LIMITS_EXCEEDED, "limits_exceeded")           \
	L(NOT_FOUND, "not_found")                       \
	L(INSUFFICIENT_FUNDS, "insufficient_funds")     \
	L(NONCE_CONFLICT, "nonce_conflict")             \
	L(IDEM_MISMATCH, "idem_mismatch")               \
	L(IN_PROGRESS, "in_progress")                   \
	L(BUSY, "busy")                                 \
	L(TIMEOUT, "timeout")                           \
	L(UPSTREAM_UNAVAILABLE, "upstream_unavailable") \
	L(NOT_READY, "not_ready")                       \
	L(INTERNAL, "internal")

enum api_label {
#define AS_ENUM(NAME, name) API_LABEL_##NAME,
	API_LABELS(AS_ENUM)
#undef AS_ENUM
		API_LABEL_COUNT
};

struct api_error_row {
	const char *code;
	uint16_t status;
	bool retryable;
	uint8_t retry_after_s;
	enum api_label label;
};

/* Takes any value: INTERNAL_ERROR's row for one that is not in the table. */
const struct api_error_row *api_errors_row(unsigned error);

/* For a status of which nothing more is known. What HTTP refuses by itself (405, 415, 431, 501 ...)
 * is a BAD_REQUEST that keeps its status. */
enum api_error api_errors_of_status(uint16_t status);

#endif
