#ifndef COMMON_REWARD_ERRORS_H
#define COMMON_REWARD_ERRORS_H

#include <stdbool.h>
#include <stdint.h>

/* How a request under /rewarder is refused (spec/rewarder.md section 4): code, status, and what a
 * client may do next. Which of them a refusal is follows from its reason
 * (common/reward_reasons.h). Two rows may share a code, where status or Retry-After differ.
 *
 * Order is an id inside one build.
 * NAME, code, status, the same request may succeed later, seconds of Retry-After (0: none) */
#define REWARD_ERRORS(E)                                      \
	E(BAD_REQUEST, "BAD_REQUEST", 400, false, 0)          \
	E(TOO_LARGE, "BAD_REQUEST", 413, false, 0)            \
	E(UNAUTHENTICATED, "UNAUTHENTICATED", 401, false, 0)  \
	E(UNAUTHORIZED, "UNAUTHORIZED", 403, false, 0)        \
	E(NOT_FOUND, "NOT_FOUND", 404, false, 0)              \
	E(CONFLICT, "CONFLICT", 409, false, 0)                \
	E(QUARANTINED, "QUARANTINED", 409, false, 0)          \
	E(RATE_LIMITED, "RATE_LIMITED", 429, true, 1)         \
	E(BACKPRESSURE, "RATE_LIMITED", 429, true, 2)         \
	E(DEPENDENCY, "DEPENDENCY_UNAVAILABLE", 503, true, 5) \
	E(INTERNAL, "INTERNAL", 500, false, 0)

enum reward_error {
#define AS_ENUM(NAME, code, status, retryable, retry_after) REWARD_ERROR_##NAME,
	REWARD_ERRORS(AS_ENUM)
#undef AS_ENUM
		REWARD_ERROR_COUNT
};

struct reward_error_row {
	const char *code;
	uint16_t status;
	bool retryable;
	uint8_t retry_after_s;
};

/* Takes any value: INTERNAL's row for one that is not in the table. */
const struct reward_error_row *reward_errors_row(unsigned error);

/* For a status of which nothing more is known. What HTTP refuses by itself (405, 415, 431, 501 ...)
 * is a BAD_REQUEST that keeps its status. */
enum reward_error reward_errors_of_status(uint16_t status);

#endif
