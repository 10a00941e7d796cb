/* macronode reward seal: from a table of what actors did to the sealed inputs of an epoch. They
 * are computed once before they are written: what would be quarantined is not sealed. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/node.h"
#include "cli/out_file.h"
#include "cli/reward_buffer.h"
#include "cli/reward_dir.h"
#include "cli/reward_pool.h"
#include "cli/reward_put.h"
#include "cli/reward_table.h"
#include "core/json_out.h"

/* As `ledger import`: larger files are split first, and a snapshot has at most 64 MiB. */
#define FILE_BYTES_MAX (256u * 1024u * 1024u)
#define JSON_BYTES_MAX 4096u

struct seal {
	struct cli *cli;
	const char *tenant;
	const char *epoch_id;
	const char *window_start; /* not ended by a NUL */
	size_t window_start_bytes;
	const char *window_end;
	uint64_t epoch_index;
	struct reward_policy policy;
	struct reward_table table;
	struct reward_pool pool;
	struct reward_dir dir; /* the policy is owned here, the others are views of these */
	struct reward_buffer accounting;
	struct reward_buffer ledger;
	struct reward_buffer bundle;
	struct reward_buffer request;
	struct reward_buffer rules; /* the policy without signatures: what policy_cid names */
	struct reward_run run;
};

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct hash hash_of(const struct reward_buffer *buffer)
{
	struct hash hash;

	blake3_hash(buffer->bytes, buffer->bytes_count, &hash);
	return hash;
}

/* ---- the command line ---- */

static int check_epoch(struct seal *seal)
{
	const char *index = cli_option(seal->cli, "--epoch-index");
	const char *window = cli_option(seal->cli, "--window"), *slash = strchr(window, '/');
	int64_t start_unix_s = 0, end_unix_s = 0;
	u128 number = 0;

	if (!reward_is_epoch(slice_of(seal->epoch_id))) {
		return cli_fail(seal->cli, CLI_USAGE,
			"--epoch %s: expected a day as 2026-11-01, or a minute as "
			"2026-11-01T00:00Z",
			seal->epoch_id);
	}
	if (reward_number_parse(slice_of(index), REWARD_EPOCH_INDEX_MAX, &number) !=
		REWARD_NUMBER_OK) {
		return cli_fail(seal->cli, CLI_USAGE,
			"--epoch-index %s: expected a number from 0 to 2^53 - 1", index);
	}
	seal->epoch_index = (uint64_t)number;
	seal->window_start = window;
	seal->window_start_bytes = slash == NULL ? 0 : (size_t)(slash - window);
	seal->window_end = slash == NULL ? "" : slash + 1;
	if (!reward_time_parse((struct slice){ (const uint8_t *)window, seal->window_start_bytes },
		    &start_unix_s) ||
		!reward_time_parse(slice_of(seal->window_end), &end_unix_s) ||
		start_unix_s >= end_unix_s || start_unix_s % 60 != 0 || end_unix_s % 60 != 0) {
		return cli_fail(seal->cli, CLI_USAGE,
			"--window %s: expected two whole minutes, as "
			"2026-11-01T00:00:00Z/2026-12-01T00:00:00Z",
			window);
	}
	return CLI_GOOD;
}

static int check_names(struct seal *seal)
{
	const char *prefix = cli_option(seal->cli, "--actor-prefix");
	const char *category = cli_option(seal->cli, "--category");
	struct reward_table *table = &seal->table;

	if (!reward_is_tenant(slice_of(seal->tenant))) {
		return cli_fail(seal->cli, CLI_USAGE,
			"--tenant %s: expected 1 to 64 characters [A-Za-z0-9._-], the first no "
			"point",
			seal->tenant);
	}
	if (!reward_table_init(table, cli_option(seal->cli, "--metrics"))) {
		return cli_fail(seal->cli, CLI_USAGE, "--metrics: %s", table->error);
	}
	table->actor_column = cli_option(seal->cli, "--actor-column");
	table->actor_prefix = prefix == NULL ? "" : prefix;
	table->category_column = cli_option(seal->cli, "--category-column");
	table->category = category == NULL ? "" : category;
	if (table->category_column != NULL && category != NULL) {
		return cli_fail(
			seal->cli, CLI_USAGE, "--category-column and --category: one of the two");
	}
	if (!reward_is_category(slice_of(table->category)) ||
		!(table->actor_prefix[0] == '\0' ||
			reward_is_actor(slice_of(table->actor_prefix)))) {
		return cli_fail(seal->cli, CLI_USAGE,
			"expected a --category of at most 32 characters [a-z0-9_-], and an "
			"--actor-prefix that an actor's name may begin with");
	}
	return CLI_GOOD;
}

static int check_options(struct seal *seal)
{
	static const char *const needed[] = { "--from", "--tenant", "--epoch", "--epoch-index",
		"--window", "--policy", "--actor-column", "--metrics", "-o" };
	int exit;

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		if (!cli_has(seal->cli, needed[i])) {
			return cli_fail(seal->cli, CLI_USAGE, "needs %s", needed[i]);
		}
	}
	seal->tenant = cli_option(seal->cli, "--tenant");
	seal->epoch_id = cli_option(seal->cli, "--epoch");
	exit = check_epoch(seal);
	return exit == CLI_GOOD ? check_names(seal) : exit;
}

/* ---- what it is made of ---- */

static bool table_has(const struct reward_table *table, const struct reward_label *name)
{
	for (uint32_t i = 0; i < table->metric_count; i++) {
		if (reward_policy_compare(reward_label_view(&table->metrics[i].name),
			    reward_label_view(name)) == 0) {
			return true;
		}
	}
	return false;
}

/* A metric that is weighed and that nobody counted would keep its part of the pool for ever. */
static int read_policy(struct seal *seal)
{
	const char *path = cli_option(seal->cli, "--policy");
	struct reward_outcome outcome = { 0 };

	if (!cli_read_file(seal->cli, path, REWARD_POLICY_BYTES_MAX, &seal->dir.policy)) {
		return CLI_CANNOT;
	}
	if (!reward_policy_read(seal->dir.policy, &seal->policy, &outcome)) {
		return cli_fail(seal->cli, CLI_BAD, "%s: %s", path, outcome.detail);
	}
	for (uint32_t i = 0; i < seal->policy.metric_count; i++) {
		const struct reward_label *name = &seal->policy.metrics[i].name;

		if (!table_has(&seal->table, name)) {
			return cli_fail(seal->cli, CLI_USAGE,
				"--metrics lacks %.*s, which the policy weighs",
				(int)name->bytes_count, (const char *)name->bytes);
		}
	}
	return CLI_GOOD;
}

static int read_table(struct seal *seal)
{
	const char *path = cli_option(seal->cli, "--from");
	struct slice text;
	bool good;

	if (!cli_read_file(seal->cli, path, FILE_BYTES_MAX, &text)) {
		return CLI_CANNOT;
	}
	good = reward_table_read(&seal->table, text);
	free((void *)(uintptr_t)text.bytes);
	if (!good) {
		(void)fprintf(stderr, "%s:%" PRIu64 ": %s\n", path, seal->table.line_bad,
			seal->table.error);
	}
	return good ? CLI_GOOD : CLI_BAD;
}

static int get_pool(struct seal *seal)
{
	return reward_pool_get(seal->cli, slice_of(seal->tenant),
		reward_name_view(&seal->policy.asset), &seal->pool);
}

/* ---- the documents ---- */

static void write_bundle(const struct seal *seal, struct reward_text *out)
{
	struct hash accounting_cid = hash_of(&seal->accounting),
		    ledger_cid = hash_of(&seal->ledger);

	reward_text_put(out, "{\"accounting_cid\":");
	reward_text_put_cid(out, &accounting_cid);
	reward_text_put(out, ",\"asset\":");
	reward_text_put_string(out, reward_name_view(&seal->policy.asset));
	reward_text_put(out, ",\"epoch_id\":");
	reward_text_put_string(out, slice_of(seal->epoch_id));
	reward_text_put(out, ",\"epoch_index\":");
	reward_text_put_number(out, seal->epoch_index);
	reward_text_put(out, ",\"kind\":\"ron.rewarder.inputs\",\"ledger_cid\":");
	reward_text_put_cid(out, &ledger_cid);
	reward_text_put(out, ",\"policy_cid\":");
	reward_text_put_cid(out, &seal->policy.hash);
	reward_text_put(out, ",\"tenant\":");
	reward_text_put_string(out, slice_of(seal->tenant));
	reward_text_put(out, ",\"v\":1,\"window\":{\"end\":");
	reward_text_put_string(out, slice_of(seal->window_end));
	reward_text_put(out, ",\"start\":");
	reward_text_put_string(out,
		(struct slice){ (const uint8_t *)seal->window_start, seal->window_start_bytes });
	reward_text_put(out, "}}");
}

static void write_request(const struct seal *seal, struct reward_text *out)
{
	struct hash inputs_cid = hash_of(&seal->bundle);

	reward_text_put(out, "{\"dry_run\":false,\"inputs_cid\":");
	reward_text_put_cid(out, &inputs_cid);
	reward_text_put(out, ",\"policy_hash\":");
	reward_text_put_cid(out, &seal->policy.hash);
	reward_text_put(out, ",\"policy_id\":");
	reward_text_put_string(out, reward_name_view(&seal->policy.id));
	reward_text_put(out, "}");
}

static int make_documents(struct seal *seal)
{
	struct slice tenant = slice_of(seal->tenant), epoch_id = slice_of(seal->epoch_id);
	struct reward_text out;

	reward_text_begin(&out, reward_buffer_put, &seal->accounting);
	reward_table_write(&seal->table, tenant, epoch_id, &out);
	reward_text_end(&out);
	reward_text_begin(&out, reward_buffer_put, &seal->ledger);
	reward_pool_write(
		&seal->pool, tenant, epoch_id, reward_name_view(&seal->policy.asset), &out);
	reward_text_end(&out);
	reward_text_begin(&out, reward_buffer_put, &seal->bundle);
	write_bundle(seal, &out);
	reward_text_end(&out);
	reward_text_begin(&out, reward_buffer_put, &seal->request);
	write_request(seal, &out);
	reward_text_end(&out);
	reward_text_begin(&out, reward_buffer_put, &seal->rules);
	reward_policy_write(&seal->policy, &out);
	reward_text_end(&out);
	if (seal->rules.failed || seal->accounting.failed || seal->ledger.failed ||
		seal->bundle.failed || seal->request.failed) {
		return cli_fail(seal->cli, CLI_CANNOT, "no memory for the snapshot");
	}
	seal->dir.accounting = reward_buffer_view(&seal->accounting);
	seal->dir.ledger = reward_buffer_view(&seal->ledger);
	seal->dir.bundle = reward_buffer_view(&seal->bundle);
	return CLI_GOOD;
}

static int try_run(struct seal *seal)
{
	const struct reward_outcome *outcome = &seal->run.facts.outcome;
	int exit = reward_dir_run(seal->cli, &seal->dir, &seal->run);

	if (exit == CLI_GOOD && outcome->verdict == REWARD_QUARANTINED) {
		exit = cli_fail(seal->cli, CLI_BAD,
			"nothing is sealed, for it would be quarantined: %s: %s",
			reward_kind_name(outcome->kind), outcome->detail);
	}
	reward_run_finish(&seal->run);
	return exit;
}

/* ---- the directory ---- */

/* What was sealed once stays as it is: somebody may have its name. The bundle is written last, so
 * that a directory with a bundle has all of it. */
static int write_files(struct seal *seal)
{
	const struct {
		const char *name;
		struct slice text;
	} files[] = {
		{ REWARD_DIR_POLICY, seal->dir.policy },
		{ REWARD_DIR_ACCOUNTING, seal->dir.accounting },
		{ REWARD_DIR_LEDGER, seal->dir.ledger },
		{ REWARD_DIR_REQUEST, reward_buffer_view(&seal->request) },
		{ REWARD_DIR_BUNDLE, seal->dir.bundle },
	};
	const char *dir = cli_option(seal->cli, "-o");
	char path[REWARD_DIR_PATH_BYTES];

	if (mkdir(dir, 0755) != 0 && errno != EEXIST) {
		return cli_fail(seal->cli, CLI_CANNOT, "%s: %s", dir, strerror(errno));
	}
	if (!reward_dir_path(seal->cli, dir, REWARD_DIR_BUNDLE, path)) {
		return CLI_CANNOT;
	}
	if (access(path, F_OK) == 0) {
		return cli_fail(seal->cli, CLI_CANNOT,
			"%s: inputs were sealed here, and stay as they are", dir);
	}
	for (size_t i = 0; i < COUNT_OF(files); i++) {
		if (!reward_dir_path(seal->cli, dir, files[i].name, path) ||
			!out_file_write(seal->cli, path, 0644, files[i].text)) {
			return CLI_CANNOT;
		}
	}
	return CLI_GOOD;
}

/* The bundle last, as above. */
static int put_objects(struct seal *seal)
{
	const struct slice documents[] = { reward_buffer_view(&seal->rules), seal->dir.accounting,
		seal->dir.ledger, seal->dir.bundle };

	return cli_has(seal->cli, "--put") ? reward_put(seal->cli, documents, COUNT_OF(documents))
					   : CLI_GOOD;
}

static void print_json(const struct seal *seal, char cids[4][REWARD_CID_BYTES + 1])
{
	static const char *const names[] = { "accounting_cid", "ledger_cid", "policy_hash",
		"inputs_cid" };
	char path[64];
	uint8_t bytes[JSON_BYTES_MAX];
	struct json_out out;
	size_t bytes_count = 0;
	enum err err;

	(void)snprintf(path, sizeof path, "/rewarder/epochs/%s/compute", seal->epoch_id);
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		json_out_key(&out, names[i]);
		json_out_text(&out, cids[i]);
	}
	json_out_key(&out, "actors");
	json_out_u64(&out, seal->table.actor_count);
	json_out_key(&out, "rows");
	json_out_u64(&out, seal->table.row_count);
	json_out_key(&out, "pool_total_minor");
	json_out_u128(&out, seal->pool.total);
	json_out_key(&out, "method");
	json_out_text(&out, "POST");
	json_out_key(&out, "path");
	json_out_text(&out, path);
	json_out_key(&out, "body");
	json_out_string(&out, reward_buffer_view(&seal->request));
	json_out_object_end(&out);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* names of at most 128 bytes */
	(void)err;
	node_print_line((struct slice){ bytes, bytes_count });
}

static void print(const struct seal *seal)
{
	const struct hash hashes[] = { hash_of(&seal->accounting), hash_of(&seal->ledger),
		seal->policy.hash, hash_of(&seal->bundle) };
	char cids[4][REWARD_CID_BYTES + 1];

	for (size_t i = 0; i < COUNT_OF(hashes); i++) {
		reward_text_print_cid(&hashes[i], cids[i]);
	}
	if (seal->cli->json) {
		print_json(seal, cids);
		return;
	}
	(void)printf("accounting_cid  %s\nledger_cid      %s\npolicy_hash     %s\n"
		     "inputs_cid      %s\nPOST /rewarder/epochs/%s/compute\n%.*s\n",
		cids[0], cids[1], cids[2], cids[3], seal->epoch_id, (int)seal->request.bytes_count,
		(const char *)seal->request.bytes);
}

/* ---- the command ---- */

typedef int step(struct seal *seal); /* an exit code */

static int seal_all(struct seal *seal)
{
	static step *const steps[] = { check_options, read_policy, read_table, get_pool,
		make_documents, try_run, write_files, put_objects };
	int exit = CLI_GOOD;

	for (size_t i = 0; i < COUNT_OF(steps) && exit == CLI_GOOD; i++) {
		exit = steps[i](seal);
	}
	return exit;
}

int cli_reward_seal(struct cli *cli)
{
	static struct seal seal;
	int exit;

	seal.cli = cli;
	exit = seal_all(&seal);
	if (exit == CLI_GOOD) {
		print(&seal);
	}
	reward_table_free(&seal.table);
	free((void *)(uintptr_t)seal.dir.policy.bytes);
	reward_buffer_free(&seal.accounting);
	reward_buffer_free(&seal.ledger);
	reward_buffer_free(&seal.bundle);
	reward_buffer_free(&seal.request);
	reward_buffer_free(&seal.rules);
	return exit;
}
