#ifndef COMMON_OBJECT_FAULTS_H
#define COMMON_OBJECT_FAULTS_H

#include <stdint.h>

#include "common/reasons.h"

/* Why an object is not put or not had (spec/node.md section 4.1): what archive tells the edge, and
 * the edge its client. Order is the wire id inside.
 *
 * NAME, status, code, reason, sentence; a code of NULL is that of the status */
#define OBJECT_FAULTS(F)                                                                        \
	F(NOT_THERE, 404, NULL, UNKNOWN_KIND, "there is no such object")                        \
	F(NOT_ALLOWED, 403, NULL, CAP_INVALID, "the token does not allow this object")          \
	F(STALE, 503, NULL, INTERNAL, "the token was verified by a kms of before; try again")   \
	F(DAMAGED, 502, NULL, INTERNAL, "what is on the disk is not the object; put it again")  \
	F(CONFLICT, 409, NULL, POLICY_DENIED, "the object is there under another content type") \
	F(TOO_LARGE, 413, NULL, TOO_LARGE, "larger than objects.max_object_bytes")              \
	F(QUOTA, 429, "QuotaExceeded", BUSY, "objects.quota_bytes does not leave room for it")  \
	F(NO_SPACE, 503, NULL, INTERNAL, "the disk is nearly full")                             \
	F(COUNTING, 503, NULL, INTERNAL, "the objects are being counted; try again")            \
	F(BUSY, 429, NULL, BUSY, "busy")                                                        \
	F(DEADLINE, 503, "Timeout", TIMEOUT, "deadline")                                        \
	F(IO, 503, NULL, INTERNAL, "the objects cannot be read or written now")

enum object_fault {
	OBJECT_FAULT_NONE,
#define AS_ENUM(NAME, status, code, reason, text) OBJECT_FAULT_##NAME,
	OBJECT_FAULTS(AS_ENUM)
#undef AS_ENUM
		OBJECT_FAULT_COUNT
};

struct object_fault_row {
	uint16_t status;
	const char *code;
	enum reason reason;
	const char *text;
};

/* Takes any value: that of IO for one that is none. */
const struct object_fault_row *object_faults_row(unsigned fault);

/* Of a question for the description of an object alone, without its bytes. */
#define OBJECT_OFFSET_NONE UINT64_MAX

/* Bytes of one object that its sender may send beyond those that archive has written: two of its
 * chunks, so that it is never idle, and a turn in which all UPLOADS_MAX send stays short. */
#define OBJECT_WINDOW_BYTES 131072u

#endif
