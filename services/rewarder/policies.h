#ifndef SERVICES_REWARDER_POLICIES_H
#define SERVICES_REWARDER_POLICIES_H

/* The policies that somebody put, each in a file policies/<hash>.json as it was sent. One is never
 * changed but in its signatures. One that nobody needs any more goes when there is no room for
 * another (policies_room.c); whoever needs it again puts it again. */

#include "common/ed25519.h"
#include "common/reward_reasons.h"
#include "common/space.h"
#include "common/worker.h"
#include "core/reward_policy.h"

/* Of at most 64 KiB each, all of them in memory: 64 MiB of the rewarder's. */
#define POLICIES_MAX 1024u

struct policies_key {
	struct reward_name kid;
	uint8_t public_key[ED25519_PUBLIC_KEY_BYTES];
};

struct policies_row {
	struct reward_name id;
	struct hash hash;
	struct reward_name asset;
	bool is_signed;    /* by a key that is trusted now */
	uint8_t *document; /* owned */
	size_t document_bytes;
	uint64_t used_unix_ms; /* put, or by a run that was looked at last */
	bool is_needed;        /* by one that is kept */
};

struct policies {
	struct worker *worker;
	int dir_fd; /* of ours, not of policies/ */
	struct space space;
	size_t key_count;
	struct policies_key keys[CONFIG_HOST_NAMES_MAX];
	size_t count;
	struct policies_row *rows; /* owned; by id */
	struct reward_policy scratch;
};

/* Before the filter; ends the worker with a sentence when it cannot. */
void policies_open(struct policies *policies, struct worker *worker, int dir_fd);

/* NULL: there is none. */
const struct policies_row *policies_find(const struct policies *policies, struct slice id);

/* NONE: it is there, now or before. POLICIES_KEPT: it would be, were there room. outcome: of
 * POLICY_INVALID, says where. Rows may be elsewhere behind it. */
enum reward_reason policies_put(struct policies *policies, struct slice document,
	const struct policies_row **ret_row, struct reward_outcome *outcome);

/* It is not there any more, nor is its file. */
void policies_forget(struct policies *policies, struct policies_row *row);

#endif
