#include "cli/reward_pool.h"

#include <string.h>

#include "cli/node.h"
#include "core/hex.h"

/* Commits behind the status are few; on a node that commits all the time there is no last one. */
#define ROOT_PAGES_MAX 16u

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* ---- as it is said ---- */

/* Without --seq and --root it stands for no ledger: seq 0 and a root of zeros. */
static int take_options(const struct cli *cli, const char *total, struct reward_pool *ret_pool)
{
	const char *seq = cli_option(cli, "--seq"), *root = cli_option(cli, "--root");
	u128 number = 0;

	if (reward_number_parse(slice_of(total), REWARD_AMOUNT_MAX, &ret_pool->total) !=
		REWARD_NUMBER_OK) {
		return cli_fail(cli, CLI_USAGE,
			"--pool %s: expected 0 to 2^127 - 1 minor units in decimal", total);
	}
	if ((seq == NULL) != (root == NULL)) {
		return cli_fail(cli, CLI_USAGE, "--seq and --root go together");
	}
	if (seq == NULL) {
		return CLI_GOOD;
	}
	if (reward_number_parse(slice_of(seq), INT64_MAX, &number) != REWARD_NUMBER_OK) {
		return cli_fail(cli, CLI_USAGE, "--seq %s: expected a number from 0", seq);
	}
	ret_pool->seq = (uint64_t)number;
	if (hex_decode(root, strlen(root), ret_pool->root.bytes, HASH_BYTES) != ERR_OK) {
		return cli_fail(cli, CLI_USAGE,
			"--root %s: expected 64 lower-case hexadecimal digits", root);
	}
	return CLI_GOOD;
}

/* ---- as the node says ---- */

static struct slice answer_view(const struct mn_answer *answer)
{
	return (struct slice){ (const uint8_t *)answer->json, answer->json_bytes };
}

static bool set_root(struct reward_pool *pool, const struct json_in *row)
{
	const char *hex = json_in_text_of(row, "root");

	pool->seq = json_in_u64_of(row, "seq");
	return hex_decode(hex, strlen(hex), pool->root.bytes, HASH_BYTES) == ERR_OK;
}

/* What the status says may be of a moment ago; it is where to look from. */
static int ask_status(
	const struct cli *cli, const struct config *config, struct reward_pool *ret_pool)
{
	struct control control;
	struct control_answer answer;
	struct json_in *status = NULL;
	int exit;

	if (!node_open_control(cli, config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_status(&control, &answer), &answer);
	if (exit == CLI_GOOD && (status = node_parse(cli, answer.text)) == NULL) {
		exit = CLI_CANNOT;
	}
	if (exit == CLI_GOOD && !set_root(ret_pool, json_in_member(status, "ledger"))) {
		exit = cli_fail(cli, CLI_CANNOT, "the node names no root");
	}
	json_in_free(status);
	control_finish(&control);
	return exit;
}

/* Goes on to the newest commit; while the node is busy, to one of now. */
static int ask_roots(const struct cli *cli, struct mn_client *client, struct reward_pool *ret_pool)
{
	int exit = CLI_GOOD;
	size_t count = 1;

	for (unsigned page = 0; page < ROOT_PAGES_MAX && count > 0 && exit == CLI_GOOD; page++) {
		struct mn_answer answer;
		enum mn_result result = mn_roots(client, ret_pool->seq, &answer);
		struct json_in *root = NULL;
		const struct json_in *rows;

		if (result != MN_OK) {
			return node_fail(cli, client, result, &answer);
		}
		if ((root = node_parse(cli, answer_view(&answer))) == NULL) {
			return CLI_CANNOT;
		}
		rows = json_in_member(root, "roots");
		count = json_in_count(rows);
		if (count > 0 && !set_root(ret_pool, json_in_item(rows, count - 1))) {
			exit = cli_fail(cli, CLI_CANNOT, "the node names no root");
		}
		json_in_free(root);
	}
	return exit;
}

static int ask_balance(const struct cli *cli, struct mn_client *client, const char *token,
	const char *asset, struct reward_pool *ret_pool)
{
	struct mn_answer answer;
	enum mn_result result =
		mn_balance(client, token, ret_pool->account, asset, ret_pool->seq, &answer);
	struct json_in *root;
	const char *amount;
	int exit = CLI_GOOD;

	if (result != MN_OK) {
		return node_fail(cli, client, result, &answer);
	}
	if ((root = node_parse(cli, answer_view(&answer))) == NULL) {
		return CLI_CANNOT;
	}
	amount = json_in_text_of(root, "amount_minor");
	if (reward_number_parse(slice_of(amount), REWARD_AMOUNT_MAX, &ret_pool->total) !=
		REWARD_NUMBER_OK) {
		exit = cli_fail(cli, CLI_BAD, "%s has %s, and a pool is at most 2^127 - 1",
			ret_pool->account, amount);
	}
	json_in_free(root);
	return exit;
}

static int ask_node(const struct cli *cli, const char *asset, struct reward_pool *ret_pool)
{
	static struct config config;
	struct mn_client *client;
	const char *token;
	int exit;

	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL) {
		return CLI_CANNOT;
	}
	exit = ask_status(cli, &config, ret_pool);
	if (exit != CLI_GOOD || (client = node_open_client(cli, &config)) == NULL) {
		return exit != CLI_GOOD ? exit : CLI_CANNOT;
	}
	exit = ask_roots(cli, client, ret_pool);
	if (exit == CLI_GOOD) {
		exit = ask_balance(cli, client, token, asset, ret_pool);
	}
	mn_close(client);
	return exit;
}

/* ---- both ---- */

int reward_pool_get(const struct cli *cli, struct slice tenant, struct slice asset,
	struct reward_pool *ret_pool)
{
	const char *total = cli_option(cli, "--pool");
	char asset_text[ASSET_BYTES_MAX + 1];

	*ret_pool = (struct reward_pool){ 0 };
	(void)snprintf(ret_pool->account, sizeof ret_pool->account, "sys:reward_pool:%.*s:%.*s",
		(int)tenant.bytes_count, (const char *)tenant.bytes, (int)asset.bytes_count,
		(const char *)asset.bytes);
	(void)snprintf(asset_text, sizeof asset_text, "%.*s", (int)asset.bytes_count,
		(const char *)asset.bytes);
	if (total != NULL) {
		return take_options(cli, total, ret_pool);
	}
	if (cli_has(cli, "--seq") || cli_has(cli, "--root")) {
		return cli_fail(cli, CLI_USAGE, "--seq and --root need --pool");
	}
	return ask_node(cli, asset_text, ret_pool);
}

void reward_pool_write(const struct reward_pool *pool, struct slice tenant, struct slice epoch_id,
	struct slice asset, struct reward_text *out)
{
	reward_text_put(out, "{\"asset\":");
	reward_text_put_string(out, asset);
	reward_text_put(out, ",\"epoch_id\":");
	reward_text_put_string(out, epoch_id);
	reward_text_put(out, ",\"kind\":\"ron.ledger.snapshot\",\"pool_account\":");
	reward_text_put_string(out, slice_of(pool->account));
	reward_text_put(out, ",\"pool_total_minor\":");
	reward_text_put_amount(out, pool->total);
	reward_text_put(out, ",\"root\":");
	reward_text_put_hex(out, (struct slice){ pool->root.bytes, HASH_BYTES });
	reward_text_put(out, ",\"seq\":");
	reward_text_put_number(out, pool->seq);
	reward_text_put(out, ",\"tenant\":");
	reward_text_put_string(out, tenant);
	reward_text_put(out, ",\"v\":1}");
}
