#ifndef COMMON_ERRORS_H
#define COMMON_ERRORS_H

#include "common/check.h"

/* What one function tells another, and a handler says about the *sender* of a frame.
 * What a client is told is a reason (common/reasons.h), never one of these. */
#define ERRORS(E)                                                              \
	E(OK, "success")                                                       \
	E(MALFORMED, "bytes do not parse")                                     \
	E(TOO_LARGE, "a bound of common/limits.h was exceeded")                \
	E(NOT_ROUTED, "the verb table does not allow this verb on this link")  \
	E(NOT_FOUND, "there is no such thing")                                 \
	E(STALE, "it belongs to a generation or tree that is no longer there") \
	E(BUSY, "no credit or no room left; retry later")                      \
	E(DENIED, "not allowed")                                               \
	E(CONFLICT, "it contradicts what is already there")                    \
	E(CORRUPT, "stored or derived state contradicts itself")               \
	E(IO, "the operating system or the store refused; errno was logged")   \
	E(NO_SPACE, "the disk is full, or nearer to full than the reserve")    \
	E(UNKNOWN, "the outcome is not known; look before trying again")

enum err {
#define AS_ENUM(NAME, text) ERR_##NAME,
	ERRORS(AS_ENUM)
#undef AS_ENUM
};

const char *err_name(enum err err);
const char *err_text(enum err err);

#endif
