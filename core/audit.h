#ifndef CORE_AUDIT_H
#define CORE_AUDIT_H

/* Audit records: what was done to the ledger by whom, each chained to the one before it
 * (schema_audit_link in store/schema.h). A record has a time, a kind of this table, and a JSON
 * object with its members in the order of their names. Ids are in stores for ever: append only.
 *
 * Governance and revocations are written by the sequencer with the batch that they are in force
 * from, as are what the rewarder quarantined, what an operator released of it, and what became of
 * runs that were postponed; reloads by the committer as the supervisor tells it, the others by the
 * committer. Kinds from AUDIT_KEY_EVENT_MIN
 * on mirror the keyring of kms, each of its events once; their member "event" is the event's
 * number. */

#include <stdint.h>

#define AUDIT_KINDS(K)                         \
	K(GOVERNANCE, "governance", 1)         \
	K(REVOCATION, "revocation", 2)         \
	K(START, "start", 3)                   \
	K(STOP, "stop", 4)                     \
	K(RECOVER, "recover", 5)               \
	K(ORIGIN_CHANGED, "origin_changed", 6) \
	K(QUARANTINED, "quarantined", 7)       \
	K(RELEASED, "released", 8)             \
	K(RELOAD, "reload", 9)                 \
	K(ADMIN, "admin", 10)                  \
	K(DRAINED, "drained", 11)              \
	K(KEY_CREATED, "key_created", 16)      \
	K(MINTED, "minted", 17)                \
	K(REVOKED, "revoked", 18)              \
	K(ROTATED, "rotated", 19)

#define AUDIT_KEY_EVENT_MIN 16u

enum audit_kind {
#define AS_ENUM(NAME, name, number) AUDIT_##NAME = (number),
	AUDIT_KINDS(AS_ENUM)
#undef AS_ENUM
};

const char *audit_kind_name(unsigned kind); /* NULL for one that is not */

#endif
