#ifndef CLI_REWARD_DIR_H
#define CLI_REWARD_DIR_H

/* The sealed inputs of one epoch as files of a directory:
 *
 *     policy.json      the policy, with its signatures
 *     accounting.json  what the actors did, in exactly the bytes that accounting_cid names
 *     ledger.json      what there is to share; likewise
 *     bundle.json      names the other three; what is asked for is its own name, inputs_cid
 *     request.json     the body of POST /rewarder/epochs/{epoch_id}/compute that asks for it
 *
 * and a run over them, here, by the code of the node. */

#include "cli/commands.h"
#include "core/reward_run.h"

#define REWARD_DIR_POLICY     "policy.json"
#define REWARD_DIR_ACCOUNTING "accounting.json"
#define REWARD_DIR_LEDGER     "ledger.json"
#define REWARD_DIR_BUNDLE     "bundle.json"
#define REWARD_DIR_REQUEST    "request.json"

struct reward_dir {
	struct slice policy; /* all owned */
	struct slice accounting;
	struct slice ledger;
	struct slice bundle;
};

/* False after a sentence. To be freed in any case. */
bool reward_dir_read(const struct cli *cli, const char *path, struct reward_dir *ret_dir);
void reward_dir_free(struct reward_dir *dir);

/* "<dir>/<name>"; false after a sentence: too long. */
#define REWARD_DIR_PATH_BYTES 4096u
bool reward_dir_path(const struct cli *cli, const char *dir, const char *name,
	char ret_path[REWARD_DIR_PATH_BYTES]);

/* The request follows from the bundle, the policy and --salt. CLI_GOOD: run->facts is whole, ok or
 * quarantined. Else a sentence was said. To be finished in any case. */
int reward_dir_run(const struct cli *cli, const struct reward_dir *dir, struct reward_run *ret_run);

#endif
