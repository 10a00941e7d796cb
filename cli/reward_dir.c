#include "cli/reward_dir.h"

#include <stdlib.h>
#include <string.h>

#include "common/random.h"

bool reward_dir_path(const struct cli *cli, const char *dir, const char *name,
	char ret_path[REWARD_DIR_PATH_BYTES])
{
	int count = snprintf(ret_path, REWARD_DIR_PATH_BYTES, "%s/%s", dir, name);

	if (count < 0 || (size_t)count >= REWARD_DIR_PATH_BYTES) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: the path is too long", dir);
		return false;
	}
	return true;
}

bool reward_dir_read(const struct cli *cli, const char *path, struct reward_dir *ret_dir)
{
	const struct {
		const char *name;
		size_t bytes_max;
		struct slice *text;
	} files[] = {
		{ REWARD_DIR_POLICY, REWARD_POLICY_BYTES_MAX, &ret_dir->policy },
		{ REWARD_DIR_ACCOUNTING, REWARD_SNAPSHOT_BYTES, &ret_dir->accounting },
		{ REWARD_DIR_LEDGER, REWARD_LEDGER_BYTES_MAX, &ret_dir->ledger },
		{ REWARD_DIR_BUNDLE, REWARD_BUNDLE_BYTES_MAX, &ret_dir->bundle },
	};
	char file[REWARD_DIR_PATH_BYTES];

	*ret_dir = (struct reward_dir){ 0 };
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		if (!reward_dir_path(cli, path, files[i].name, file) ||
			!cli_read_file(cli, file, files[i].bytes_max, files[i].text)) {
			return false;
		}
	}
	return true;
}

void reward_dir_free(struct reward_dir *dir)
{
	free((void *)(uintptr_t)dir->policy.bytes);
	free((void *)(uintptr_t)dir->accounting.bytes);
	free((void *)(uintptr_t)dir->ledger.bytes);
	free((void *)(uintptr_t)dir->bundle.bytes);
	*dir = (struct reward_dir){ 0 };
}

/* ---- the run ---- */

static void *take(void *owner, size_t bytes)
{
	(void)owner;
	return calloc(1, bytes);
}

static void give(void *owner, void *region, size_t bytes)
{
	(void)owner;
	(void)bytes;
	free(region);
}

/* Text of one line, as any reader of JSON spells it. */
static bool is_salt(const char *salt)
{
	size_t bytes = strlen(salt);

	for (size_t i = 0; i < bytes; i++) {
		if ((uint8_t)salt[i] < ' ' || (uint8_t)salt[i] > '~') {
			return false;
		}
	}
	return bytes > 0 && bytes <= REWARD_NAME_BYTES_MAX;
}

static bool set_salt(const struct cli *cli, struct reward_name *ret_salt)
{
	const char *salt = cli_option(cli, "--salt");

	salt = salt == NULL ? REWARD_SALT_DEFAULT : salt;
	if (!is_salt(salt)) {
		(void)cli_fail(cli, CLI_USAGE, "--salt: expected 1 to %u characters of ASCII",
			REWARD_NAME_BYTES_MAX);
		return false;
	}
	ret_salt->bytes_count = (uint8_t)strlen(salt);
	memcpy(ret_salt->bytes, salt, ret_salt->bytes_count);
	return true;
}

static int say(const struct cli *cli, const struct reward_outcome *outcome)
{
	if (outcome->verdict == REWARD_NO_MEMORY) {
		return cli_fail(cli, CLI_CANNOT, "no memory for the run");
	}
	return cli_fail(cli, CLI_BAD, "%s", outcome->detail);
}

/* What a client would ask for. */
static int make_request(
	const struct cli *cli, const struct reward_dir *dir, struct reward_request *ret_request)
{
	static struct reward_policy policy;
	struct reward_outcome outcome = { 0 };
	struct reward_bundle bundle;

	if (!set_salt(cli, &ret_request->salt)) {
		return CLI_USAGE;
	}
	if (!reward_policy_read(dir->policy, &policy, &outcome) ||
		!reward_inputs_bundle(dir->bundle, &bundle, &outcome)) {
		return say(cli, &outcome);
	}
	ret_request->tenant = bundle.tenant;
	ret_request->epoch_id = bundle.epoch_id;
	ret_request->policy_id = policy.id;
	ret_request->policy_hash = policy.hash;
	blake3_hash(dir->bundle.bytes, dir->bundle.bytes_count, &ret_request->inputs_cid);
	return CLI_GOOD;
}

int reward_dir_run(const struct cli *cli, const struct reward_dir *dir, struct reward_run *ret_run)
{
	const struct memory memory = { take, give, NULL };
	/* What a server refuses for its own sake does not matter here: costs, and an epoch that
	 * is not over, of which nothing is paid. */
	static struct reward_run_config config = { .cost_ms_max = UINT64_MAX,
		.now_unix_s = INT64_MAX / 2 };
	const struct reward_outcome *outcome = &ret_run->facts.outcome;
	int exit = make_request(cli, dir, &config.request);

	random_fill(config.key, sizeof config.key);
	reward_run_init(ret_run, &memory, &config);
	if (exit != CLI_GOOD) {
		return exit;
	}
	(void)(reward_run_policy(ret_run, dir->policy) && reward_run_bundle(ret_run, dir->bundle) &&
		reward_run_ledger(ret_run, dir->ledger) &&
		reward_run_rows(ret_run, dir->accounting) && reward_run_compute(ret_run));
	return outcome->verdict == REWARD_OK || outcome->verdict == REWARD_QUARANTINED
		       ? CLI_GOOD
		       : say(cli, outcome);
}
