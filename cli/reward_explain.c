/* macronode reward explain: why an actor was paid what the manifest says, from the sealed inputs,
 * with every number between as it is: whole minor units and exact fractions. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/reward_buffer.h"
#include "cli/reward_dir.h"
#include "core/amount.h"
#include "core/json_out.h"
#include "core/reward_wide.h"

/* Actors in it are at most as many as rows; each has a name and a sentence. */
#define MANIFEST_BYTES_MAX (1024u * 1024u * 1024u)

/* Of JSON: what does not depend on the actor, and each of its (category, metric). */
#define JSON_BYTES_FIXED 16384u
#define JSON_BYTES_SHARE 512u

struct explain {
	struct cli *cli;
	struct reward_dir dir;
	struct reward_run run;
	const struct reward_alloc *alloc;
	const struct reward_policy *policy;
	u128 pool; /* what is shared: the pool, or the cap of the epoch */
	uint32_t place;
	struct reward_actor actor;
	struct reward_reasons reasons;
	char why[4096]; /* as in the manifest */
	size_t why_bytes;
};

/* For %s in one call; each has its own. */
struct text {
	char digits[AMOUNT_TEXT_BYTES_MAX];
};

static const char *print(u128 amount, struct text *ret_text)
{
	(void)amount_print(amount, ret_text->digits);
	return ret_text->digits;
}
#define PRINT(amount) print((amount), &(struct text){ { 0 } })

/* For %.*s of names and views. */
#define AS_NAME(name)  (int)(name).bytes_count, (const char *)(name).bytes
#define AS_TEXT(slice) (int)(slice).bytes_count, (const char *)(slice).bytes

/* ---- what it is about ---- */

/* The bytes follow from the inputs, so they can be compared; a last line feed is an editor's. */
static int compare(struct explain *explain, struct slice manifest)
{
	struct reward_buffer computed = { 0 };
	struct reward_text out;
	bool same;

	reward_text_begin(&out, reward_buffer_put, &computed);
	reward_manifest_write(&explain->run.facts, &out);
	reward_text_end(&out);
	if (manifest.bytes_count > 0 && manifest.bytes[manifest.bytes_count - 1] == '\n') {
		manifest.bytes_count--;
	}
	same = manifest.bytes_count == computed.bytes_count &&
	       memcmp(manifest.bytes, computed.bytes, computed.bytes_count) == 0;
	if (computed.failed) {
		reward_buffer_free(&computed);
		return cli_fail(explain->cli, CLI_CANNOT, "no memory for the manifest");
	}
	reward_buffer_free(&computed);
	return same ? CLI_GOOD
		    : cli_fail(explain->cli, CLI_BAD,
			      "%s is not what these inputs give; `macronode reward verify` says "
			      "where",
			      explain->cli->words[0]);
}

static int compare_manifest(struct explain *explain)
{
	struct slice manifest;
	int exit;

	if (!cli_read_file(explain->cli, explain->cli->words[0], MANIFEST_BYTES_MAX, &manifest)) {
		return CLI_CANNOT;
	}
	exit = compare(explain, manifest);
	free((void *)(uintptr_t)manifest.bytes);
	return exit;
}

static void keep_why(void *owner, struct slice bytes)
{
	struct explain *explain = owner;
	size_t room = sizeof explain->why - explain->why_bytes;
	size_t count = bytes.bytes_count < room ? bytes.bytes_count : room;

	memcpy(explain->why + explain->why_bytes, bytes.bytes, count);
	explain->why_bytes += count;
}

static int find_actor(struct explain *explain)
{
	const char *name = explain->cli->words[1];
	struct reward_text out;

	explain->alloc = explain->run.facts.alloc;
	explain->policy = &explain->run.policy;
	if (explain->alloc == NULL || explain->run.facts.outcome.verdict != REWARD_OK) {
		return cli_fail(explain->cli, CLI_BAD,
			"the run is quarantined, and nobody is paid: %s: %s",
			reward_kind_name(explain->run.facts.outcome.kind),
			explain->run.facts.outcome.detail);
	}
	explain->place = reward_alloc_find(
		explain->alloc, (struct slice){ (const uint8_t *)name, strlen(name) });
	if (explain->place == UINT32_MAX) {
		return cli_fail(explain->cli, CLI_BAD,
			"no row of the accounting snapshot is about %s, who is paid nothing", name);
	}
	explain->actor = reward_alloc_actor(explain->alloc, explain->place);
	explain->pool = explain->alloc->totals.pool_total - explain->alloc->totals.clamp;
	reward_alloc_reasons(explain->alloc, explain->place, &explain->reasons);
	reward_text_begin(&out, keep_why, explain);
	reward_manifest_write_explain(explain->alloc, explain->place, &out);
	reward_text_end(&out);
	return CLI_GOOD;
}

/* ---- for people ---- */

static void print_pool(const struct explain *explain)
{
	const struct reward_run *run = &explain->run;
	const struct reward_policy *policy = explain->policy;

	(void)printf("%.*s of %.*s is paid %s %.*s in %.*s.\n\n", AS_TEXT(explain->actor.name),
		AS_NAME(run->facts.request.tenant), PRINT(explain->actor.amount),
		AS_NAME(policy->asset), AS_NAME(run->facts.request.epoch_id));
	(void)printf("pool       %s on %.*s, as of seq %" PRIu64 "\n",
		PRINT(explain->alloc->totals.pool_total), AS_NAME(run->ledger.pool_account),
		run->ledger.seq);
	(void)printf("budget     %s: %s halved %" PRIu64 " times, at epoch %" PRIu64
		     ", once every %" PRIu64 "\n",
		PRINT(reward_policy_budget(policy, run->bundle.epoch_index)),
		PRINT(policy->base_per_epoch.minor),
		run->bundle.epoch_index / policy->period_epochs, run->bundle.epoch_index,
		policy->period_epochs);
	(void)printf("shared     %s: the pool, at most the epoch's cap of %s; %s stays\n",
		PRINT(explain->pool), PRINT(policy->epoch_cap.minor),
		PRINT(explain->alloc->totals.clamp));
}

static void print_share(const struct explain *explain, uint32_t cell, uint32_t metric)
{
	struct reward_share share = reward_alloc_share(explain->alloc, cell, metric);
	struct reward_part part = reward_alloc_part(explain->alloc, cell);
	const char *rounding = share.remainder == 0   ? ", exactly"
			       : !share.is_rounded_up ? ", rounded down"
			       : share.is_repaired    ? ", rounded up to even, and one given back: "
							"the sum was more than the pool"
						      : ", rounded up";

	(void)printf("  %-8.*s ", AS_TEXT(part.category));
	if (share.count == 0) {
		(void)fputs("count 0: 0\n", stdout);
		return;
	}
	(void)printf("%s * %s / %s = %s + %s/%s: %s%s\n", PRINT(share.pool), PRINT(share.count),
		PRINT(share.total), PRINT(share.quotient), PRINT(share.remainder),
		PRINT(share.total), PRINT(share.amount), rounding);
}

static void print_metric(const struct explain *explain, uint32_t metric)
{
	const struct reward_policy_metric *of = &explain->policy->metrics[metric];
	const struct reward_metric_total *total = &explain->alloc->metrics[metric];
	u128 remainder = 0;
	u128 pool = reward_wide_share(explain->pool, of->weight, REWARD_WEIGHT_ONE, &remainder);

	(void)printf("\n%.*s: %s * %" PRIu32 "/%u = %s + %s/%u: %s is shared by a count of %s%s\n",
		AS_NAME(of->name), PRINT(explain->pool), of->weight, REWARD_WEIGHT_ONE, PRINT(pool),
		PRINT(remainder), REWARD_WEIGHT_ONE, PRINT(total->pool), PRINT(total->count),
		total->count == 0 ? ", so it stays" : "");
	for (uint32_t cell = explain->actor.cell_first; cell < explain->actor.cell_end; cell++) {
		print_share(explain, cell, metric);
	}
}

static void print_caps(const struct explain *explain)
{
	u128 left = 0;

	(void)fputc('\n', stdout);
	for (uint32_t cell = explain->actor.cell_first; cell < explain->actor.cell_end; cell++) {
		struct reward_part part = reward_alloc_part(explain->alloc, cell);
		const struct reward_policy_cap *cap =
			reward_policy_cap_of(explain->policy, part.category);

		(void)printf("category '%.*s': %s, ", AS_TEXT(part.category), PRINT(part.sum));
		if (cap == NULL) {
			(void)fputs("no cap\n", stdout);
		} else {
			(void)printf("cap %s: -%s\n", PRINT(cap->amount.minor), PRINT(part.cut));
		}
		left += part.sum - part.cut;
	}
	(void)printf("actor: %s, cap %s: -%s\n", PRINT(left),
		PRINT(explain->policy->actor_cap.minor), PRINT(explain->reasons.actor_cut));
	(void)printf("paid: %s, as the manifest says: %.*s\n", PRINT(explain->actor.amount),
		(int)explain->why_bytes, explain->why);
}

/* Of the whole epoch: what nobody got. */
static void print_residual(const struct explain *explain)
{
	const struct reward_totals *totals = &explain->alloc->totals;

	(void)printf(
		"\nOf the epoch, %s is paid and %s stays: clamp %s, idle %s, dust %s, category "
		"caps %s, actor caps %s.\n",
		PRINT(totals->payout), PRINT(totals->pool_total - totals->payout),
		PRINT(totals->clamp), PRINT(totals->idle), PRINT(totals->dust),
		PRINT(totals->category_excess), PRINT(totals->actor_excess));
}

static void print_all(const struct explain *explain)
{
	print_pool(explain);
	for (uint32_t metric = 0; metric < explain->policy->metric_count; metric++) {
		print_metric(explain, metric);
	}
	print_caps(explain);
	print_residual(explain);
}

/* ---- for programs ---- */

static void put(struct json_out *out, const char *name, u128 amount)
{
	json_out_key(out, name);
	json_out_u128(out, amount);
}

static void put_share(
	const struct explain *explain, uint32_t cell, uint32_t metric, struct json_out *out)
{
	struct reward_share share = reward_alloc_share(explain->alloc, cell, metric);

	json_out_object_begin(out);
	json_out_key(out, "category");
	json_out_string(out, reward_alloc_part(explain->alloc, cell).category);
	put(out, "count", share.count);
	put(out, "quotient", share.quotient);
	put(out, "remainder", share.remainder);
	json_out_key(out, "rounded_up");
	json_out_bool(out, share.is_rounded_up);
	json_out_key(out, "repaired");
	json_out_bool(out, share.is_repaired);
	put(out, "amount_minor", share.amount);
	json_out_object_end(out);
}

static void put_metric(const struct explain *explain, uint32_t metric, struct json_out *out)
{
	const struct reward_policy_metric *of = &explain->policy->metrics[metric];
	u128 remainder = 0;

	(void)reward_wide_share(explain->pool, of->weight, REWARD_WEIGHT_ONE, &remainder);
	json_out_object_begin(out);
	json_out_key(out, "metric");
	json_out_string(out, reward_label_view(&of->name));
	json_out_key(out, "weight_billionths");
	json_out_u64(out, of->weight);
	put(out, "pool_minor", explain->alloc->metrics[metric].pool);
	put(out, "pool_remainder_billionths", remainder);
	put(out, "total_count", explain->alloc->metrics[metric].count);
	json_out_key(out, "shares");
	json_out_array_begin(out);
	for (uint32_t cell = explain->actor.cell_first; cell < explain->actor.cell_end; cell++) {
		put_share(explain, cell, metric, out);
	}
	json_out_array_end(out);
	put(out, "sum_minor", explain->reasons.metrics[metric]);
	json_out_object_end(out);
}

static void put_category(const struct explain *explain, uint32_t cell, struct json_out *out)
{
	struct reward_part part = reward_alloc_part(explain->alloc, cell);
	const struct reward_policy_cap *cap = reward_policy_cap_of(explain->policy, part.category);

	json_out_object_begin(out);
	json_out_key(out, "category");
	json_out_string(out, part.category);
	put(out, "sum_minor", part.sum);
	json_out_key(out, "cap_minor");
	if (cap == NULL) {
		json_out_null(out);
	} else {
		json_out_u128(out, cap->amount.minor);
	}
	put(out, "cut_minor", part.cut);
	json_out_object_end(out);
}

static void put_all(const struct explain *explain, struct json_out *out)
{
	const struct reward_totals *totals = &explain->alloc->totals;

	json_out_object_begin(out);
	json_out_key(out, "actor");
	json_out_string(out, explain->actor.name);
	json_out_key(out, "epoch_id");
	json_out_string(out, reward_name_view(&explain->run.facts.request.epoch_id));
	put(out, "pool_total_minor", totals->pool_total);
	put(out, "budget_minor",
		reward_policy_budget(explain->policy, explain->run.bundle.epoch_index));
	put(out, "epoch_cap_minor", explain->policy->epoch_cap.minor);
	put(out, "shared_minor", explain->pool);
	json_out_key(out, "rounding");
	json_out_text(out, explain->policy->rounding == REWARD_ROUND_BANKERS ? "bankers" : "floor");
	json_out_key(out, "metrics");
	json_out_array_begin(out);
	for (uint32_t metric = 0; metric < explain->policy->metric_count; metric++) {
		put_metric(explain, metric, out);
	}
	json_out_array_end(out);
	json_out_key(out, "categories");
	json_out_array_begin(out);
	for (uint32_t cell = explain->actor.cell_first; cell < explain->actor.cell_end; cell++) {
		put_category(explain, cell, out);
	}
	json_out_array_end(out);
	put(out, "actor_cap_minor", explain->policy->actor_cap.minor);
	put(out, "actor_cut_minor", explain->reasons.actor_cut);
	put(out, "amount_minor", explain->actor.amount);
	json_out_key(out, "explain");
	json_out_string(out, (struct slice){ (const uint8_t *)explain->why, explain->why_bytes });
	put(out, "dust_minor", totals->dust);
	json_out_object_end(out);
}

static int print_json(const struct explain *explain)
{
	size_t cells = explain->actor.cell_end - explain->actor.cell_first;
	size_t room =
		JSON_BYTES_FIXED + cells * (explain->policy->metric_count + 1u) * JSON_BYTES_SHARE;
	uint8_t *bytes = malloc(room);
	size_t bytes_count = 0;
	struct json_out out;
	enum err err;

	if (bytes == NULL) {
		return cli_fail(explain->cli, CLI_CANNOT, "no memory for the answer");
	}
	json_out_init(&out, bytes, room);
	put_all(explain, &out);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* numbers of 39 digits and labels of 32 bytes fit */
	(void)err;
	node_print_line((struct slice){ bytes, bytes_count });
	free(bytes);
	return CLI_GOOD;
}

/* ---- the command ---- */

int cli_reward_explain(struct cli *cli)
{
	static struct explain explain;
	const char *path = cli_option(cli, "--inputs");
	int exit;

	explain.cli = cli;
	if (path == NULL) {
		return cli_fail(cli, CLI_USAGE, "needs --inputs DIR: what was sealed");
	}
	exit = reward_dir_read(cli, path, &explain.dir)
		       ? reward_dir_run(cli, &explain.dir, &explain.run)
		       : CLI_CANNOT;
	if (exit == CLI_GOOD) {
		exit = compare_manifest(&explain);
	}
	if (exit == CLI_GOOD) {
		exit = find_actor(&explain);
	}
	if (exit == CLI_GOOD && cli->json) {
		exit = print_json(&explain);
	} else if (exit == CLI_GOOD) {
		print_all(&explain);
	}
	reward_run_finish(&explain.run);
	reward_dir_free(&explain.dir);
	return exit;
}
