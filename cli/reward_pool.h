#ifndef CLI_REWARD_POOL_H
#define CLI_REWARD_POOL_H

/* How much there is to share, and as of when: the ledger snapshot (spec/rewarder.md 9.4). */

#include "cli/commands.h"
#include "common/types.h"
#include "core/reward_doc.h"
#include "core/reward_text.h"

struct reward_pool {
	char account[REWARD_NAME_BYTES_MAX + 1]; /* sys:reward_pool:<tenant>:<asset> */
	uint64_t seq;
	struct hash root;
	u128 total;
};

/* From --pool, --seq and --root, or else from the running node: what the account has as of its
 * newest root. An exit code, after a sentence if it is not CLI_GOOD. */
int reward_pool_get(const struct cli *cli, struct slice tenant, struct slice asset,
	struct reward_pool *ret_pool);

void reward_pool_write(const struct reward_pool *pool, struct slice tenant, struct slice epoch_id,
	struct slice asset, struct reward_text *out);

#endif
