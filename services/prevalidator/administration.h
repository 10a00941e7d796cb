#ifndef SERVICES_PREVALIDATOR_ADMINISTRATION_H
#define SERVICES_PREVALIDATOR_ADMINISTRATION_H

/* The body of POST /api/v1/reload and /api/v1/shutdown, which may be missing. */

#include "proto/verbs.h"
#include "services/prevalidator/closed.h"

/* A reason, each byte of it escaped, and some room. */
#define ADMINISTRATION_BODY_BYTES_MAX 4096u

/* NAME, name, type, must it be there, what is expected of it */
#define ADMINISTRATION_MEMBERS(M)                                                             \
	M(REASON, "reason", STRING, false,                                                    \
		"reason: expected a string of 1 to 512 bytes without NUL, for log and audit " \
		"records")

struct administration {
	struct slice reason; /* empty: none was given */
	uint8_t reason_bytes[VERB_TEXT_BYTES_MAX];
};

/* NULL: it is sound, and good until the next read. Else what is wrong, which holds nothing of the
 * client's. */
MUST_CHECK const char *administration_read(
	struct administration *administration, struct json *json, struct slice body);

#endif
