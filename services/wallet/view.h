#ifndef SERVICES_WALLET_VIEW_H
#define SERVICES_WALLET_VIEW_H

/* What the ledger told of balances, and when: a bounded table in memory, keyed by account and
 * asset. When it is full, the balance that was longest not asked for makes room. A place that
 * somebody waits at is held: it does not. Nothing here is ever the truth; it is what was true at
 * as_of_mono_ms. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/siphash.h"

#define VIEW_NONE UINT32_MAX

/* 16 MiB when all are used: those who are read again within wallet.staleness_window. */
#define VIEW_PLACES 65536u
_Static_assert((VIEW_PLACES & (VIEW_PLACES - 1)) == 0, "a mask");

struct view_place {
	uint64_t name; /* view_name */
	u128 available, held;
	uint64_t as_of_seq, as_of_mono_ms;
	uint64_t asked;        /* the question about it; 0: none is under way */
	uint32_t next;         /* of its bucket */
	uint32_t older, newer; /* by when it was asked for */
	uint32_t waiting;      /* the caller's: who waits for it, VIEW_NONE */
	bool is_known, is_held;
	uint8_t account_bytes, asset_bytes;
	uint8_t names[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX];
};

struct view {
	uint8_t key[SIPHASH_KEY_BYTES]; /* so that nobody can choose which names share a bucket */
	struct view_place *places;      /* owned */
	uint32_t *buckets;              /* owned; place + 1, 0: empty */
	uint32_t used;                  /* places that were ever taken */
	uint32_t oldest, newest;
};

/* False: no memory. */
MUST_CHECK bool view_init(struct view *view);
void view_finish(struct view *view);

uint64_t view_name(const struct view *view, struct slice account, struct slice asset);

/* The place of this balance, from now on the newest; one that was not there is not known. NULL: all
 * are held. */
struct view_place *view_take(struct view *view, struct slice account, struct slice asset);

/* It is not known any more. */
void view_forget(struct view *view, uint64_t name);

static inline struct slice view_account(const struct view_place *place)
{
	return (struct slice){ place->names, place->account_bytes };
}

static inline struct slice view_asset(const struct view_place *place)
{
	return (struct slice){ place->names + place->account_bytes, place->asset_bytes };
}

#endif
