/* macronode reward compute --offline: what the node would compute of sealed inputs, computed here,
 * so that it can be looked at before it is paid, or compared afterwards. */
#include "cli/out_file.h"
#include "cli/reward_buffer.h"
#include "cli/reward_dir.h"
#include "cli/reward_node.h"
#include "core/amount.h"

static const char *print(u128 amount, char ret_text[AMOUNT_TEXT_BYTES_MAX])
{
	(void)amount_print(amount, ret_text);
	return ret_text;
}

static void say_totals(const struct reward_facts *facts)
{
	const struct reward_totals *totals = &facts->alloc->totals;
	char payout[AMOUNT_TEXT_BYTES_MAX], pool[AMOUNT_TEXT_BYTES_MAX];
	char parts[5][AMOUNT_TEXT_BYTES_MAX];

	(void)fprintf(stderr,
		"ok: %u of %u actors get %s of %s %.*s; what stays: clamp %s, idle %s, dust %s, "
		"category caps %s, actor caps %s\n",
		facts->alloc->allocation_count, facts->alloc->actor_count,
		print(totals->payout, payout), print(totals->pool_total, pool),
		(int)facts->asset.bytes_count, (const char *)facts->asset.bytes,
		print(totals->clamp, parts[0]), print(totals->idle, parts[1]),
		print(totals->dust, parts[2]), print(totals->category_excess, parts[3]),
		print(totals->actor_excess, parts[4]));
}

static int write_manifest(const struct cli *cli, const struct reward_facts *facts)
{
	const char *path = cli_option(cli, "-o");
	struct reward_buffer manifest = { 0 };
	struct reward_text out;
	int exit = CLI_CANNOT;

	reward_text_begin(&out, reward_buffer_put, &manifest);
	reward_manifest_write(facts, &out);
	if (path == NULL) {
		reward_text_put(&out, "\n"); /* for a terminal; the file has exactly its bytes */
	}
	reward_text_end(&out);
	if (manifest.failed) {
		(void)cli_fail(cli, CLI_CANNOT, "no memory for the manifest");
	} else if (out_file_write(
			   cli, path == NULL ? "-" : path, 0644, reward_buffer_view(&manifest))) {
		exit = CLI_GOOD;
	}
	reward_buffer_free(&manifest);
	return exit;
}

int cli_reward_compute(struct cli *cli)
{
	static struct reward_run run;
	const struct reward_outcome *outcome = &run.facts.outcome;
	const char *path = cli_option(cli, "--offline");
	struct reward_dir dir;
	int exit;

	if (path == NULL) {
		return reward_node_compute(cli);
	}
	if (cli->word_count > 0) {
		return cli_fail(cli, CLI_USAGE, "DIR asks the node, --offline DIR does not");
	}
	exit = reward_dir_read(cli, path, &dir) ? reward_dir_run(cli, &dir, &run) : CLI_CANNOT;
	if (exit == CLI_GOOD) {
		exit = write_manifest(cli, &run.facts);
	}
	if (exit == CLI_GOOD && outcome->verdict == REWARD_OK) {
		say_totals(&run.facts);
	} else if (exit == CLI_GOOD) {
		exit = cli_fail(cli, CLI_BAD, "quarantined, nobody is paid: %s: %s",
			reward_kind_name(outcome->kind), outcome->detail);
	}
	reward_run_finish(&run);
	reward_dir_free(&dir);
	return exit;
}
