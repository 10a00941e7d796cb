#ifndef SERVICES_WALLET_KEYS_H
#define SERVICES_WALLET_KEYS_H

/* Idempotency keys: what each stands for, in memory alone (DESIGN-LEDGER.md section 4).
 *
 * A key belongs to one principal. It is claimed when a request with it comes in, and then either
 * is forgotten (the request was refused: it may be anything next time) or stands for that request
 * until its time is up or, when there are too many, it is the oldest. Forgetting is never about
 * money: the ledger knows each nonce for ever. It only loses the refusal of another request that
 * comes with an old key. Claimed keys are not forgotten. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/slice.h"
#include "common/types.h"

#define KEYS_NONE UINT32_MAX

struct keys_place {
	struct id128 name; /* a hash of principal and key */
	struct hash fingerprint;
	int64_t until_unix_ms;
	uint32_t next;         /* of its bucket, or of the free ones */
	uint32_t older, newer; /* by when it was first claimed */
	uint8_t state;         /* enum keys_state */
	uint8_t before;        /* it was claimed; FREE: it stood for nothing */
};

enum keys_state { KEYS_FREE, KEYS_CLAIMED, KEYS_UNKNOWN, KEYS_DONE };

struct keys {
	uint8_t salt[ID_BYTES];    /* so that nobody can choose which keys share a bucket */
	struct keys_place *places; /* owned */
	uint32_t *buckets;         /* owned; a power of two */
	uint32_t places_max, bucket_mask;
	uint32_t used; /* places that were ever taken */
	uint32_t free_first;
	uint32_t oldest, newest;
	uint32_t count;
	int64_t ttl_ms;
};

/* False: no memory. */
MUST_CHECK bool keys_init(struct keys *keys, uint32_t places_max, int64_t ttl_ms);
void keys_set_ttl(struct keys *keys, int64_t ttl_ms); /* of those that are done from now on */
void keys_finish(struct keys *keys);

/* NEW and SAME: it is claimed now, at *ret_place. BUSY: the same request is under way. OTHER: it
 * stands for another one. FULL: all places are claimed. */
enum keys_claim {
	KEYS_CLAIM_NEW,
	KEYS_CLAIM_SAME,
	KEYS_CLAIM_BUSY,
	KEYS_CLAIM_OTHER,
	KEYS_CLAIM_FULL
};
enum keys_claim keys_claim(struct keys *keys, struct slice principal, struct slice key,
	const struct hash *fingerprint, int64_t now_unix_ms, uint32_t *ret_place);

/* How it ended: it stands for the request from now on; or perhaps; or the request was refused, and
 * a key that stood for nothing yet is forgotten. One that perhaps stood for it still does, unless
 * the refusal settles that it was never done. */
void keys_done(struct keys *keys, uint32_t place, int64_t now_unix_ms);
void keys_unknown(struct keys *keys, uint32_t place, int64_t now_unix_ms);
void keys_refused(struct keys *keys, uint32_t place, bool is_settled);

/* Forgets the oldest whose time is up, some at a time. */
void keys_expire(struct keys *keys, int64_t now_unix_ms);

#endif
