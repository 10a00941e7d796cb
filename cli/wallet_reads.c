/* macronode wallet balance, tx, history, watch. */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "common/clock.h"
#include "core/entry.h"

/* How long a node that restarts is waited for. */
#define WATCH_PATIENCE_MS 60000

/* ---- the command line ---- */

static struct slice view_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct slice slice_of(const struct mn_answer *answer)
{
	return (struct slice){ (const uint8_t *)answer->json, answer->json_bytes };
}

/* Leaves *ret_number if the option was not said. */
static bool read_number(const struct cli *cli, const char *name, uint64_t number_min,
	uint64_t number_max, uint64_t *ret_number)
{
	const char *text = cli_option(cli, name);
	char *end = NULL;
	unsigned long long number;

	if (text == NULL) {
		return true;
	}
	errno = 0;
	number = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || errno != 0 || *end != '\0' || number < number_min ||
		number > number_max) {
		(void)cli_fail(cli, CLI_USAGE,
			"%s %s: expected a number from %" PRIu64 " to %" PRIu64, name, text,
			number_min, number_max);
		return false;
	}
	*ret_number = number;
	return true;
}

/* NULL: a sentence was said. */
static const char *read_asset(const struct cli *cli)
{
	const char *asset = cli_option(cli, "--asset");

	asset = asset == NULL ? "ron" : asset;
	if (entry_asset_is_valid(view_of(asset))) {
		return asset;
	}
	(void)cli_fail(cli, CLI_USAGE, "--asset %s: no asset has such a name", asset);
	return NULL;
}

static bool account_is_sound(const struct cli *cli, const char *account)
{
	if (entry_account_is_valid(view_of(account))) {
		return true;
	}
	(void)cli_fail(cli, CLI_USAGE, "'%s': no account has such a name", account);
	return false;
}

/* NULL: a sentence was said. */
static struct mn_client *open_node(struct cli *cli, const char **ret_token)
{
	static struct config config;

	if (!cli_load_config(cli, &config) || (*ret_token = cli_token(cli, false)) == NULL) {
		return NULL;
	}
	return node_open_client(cli, &config);
}

/* ---- one question, one answer ---- */

typedef void print_fn(const struct json_in *root);

static int finish(struct cli *cli, struct mn_client *client, enum mn_result result,
	const struct mn_answer *answer, print_fn *print)
{
	int exit = CLI_GOOD;
	struct json_in *root;

	if (result != MN_OK) {
		exit = node_fail(cli, client, result, answer);
	} else if (cli->json) {
		node_print_line(slice_of(answer));
	} else if ((root = node_parse(cli, slice_of(answer))) != NULL) {
		print(root);
		json_in_free(root);
	} else {
		exit = CLI_CANNOT;
	}
	mn_close(client);
	return exit;
}

int cli_wallet_balance(struct cli *cli)
{
	const char *account = cli->words[0], *asset = read_asset(cli), *token;
	struct mn_client *client;
	struct mn_answer answer;

	if (asset == NULL || !account_is_sound(cli, account)) {
		return CLI_USAGE;
	}
	client = open_node(cli, &token);
	if (client == NULL) {
		return CLI_CANNOT;
	}
	enum mn_result result = mn_balance(client, token, account, asset, MN_NOW, &answer);
	return finish(cli, client, result, &answer, node_print_balance);
}

int cli_wallet_tx(struct cli *cli)
{
	const char *txid = cli->words[0], *token;
	bool is_proof = cli_has(cli, "--proof");
	struct mn_client *client = open_node(cli, &token);
	struct mn_answer answer;

	if (client == NULL) {
		return CLI_CANNOT;
	}
	enum mn_result result = is_proof ? mn_tx_proof(client, token, txid, &answer)
					 : mn_tx(client, token, txid, &answer);
	if (is_proof && result == MN_OK) { /* text, for `proof check` and others */
		(void)fwrite(answer.json, 1, answer.json_bytes, stdout);
		mn_close(client);
		return CLI_GOOD;
	}
	return finish(cli, client, result, &answer, json_in_print_members);
}

/* ---- history ---- */

/* When, what, how much it changed and what was there then. */
static void print_item(const struct json_in *item)
{
	const char *change = json_in_text_of(item, "change_minor");
	const char *held = json_in_text_of(item, "held_change_minor");
	const char *other = json_in_text_of(item, "counterparty");

	(void)printf("%8" PRIu64 "  %s  %-8s  %s%s", json_in_u64_of(item, "seq"),
		json_in_text_of(item, "ts"), json_in_text_of(item, "kind"),
		change[0] == '-' ? "" : "+", change);
	if (held[0] != '\0' && strcmp(held, "0") != 0) {
		(void)printf(" (held %s%s)", held[0] == '-' ? "" : "+", held);
	}
	(void)printf(" = %s", json_in_text_of(item, "balance_minor"));
	if (other[0] != '\0') {
		(void)printf("  %s", other);
	}
	(void)printf("\n");
}

static void print_history(const struct json_in *root)
{
	const struct json_in *items = json_in_member(root, "items");
	uint64_t next = json_in_u64_of(root, "next");

	for (size_t i = 0; i < json_in_count(items); i++) {
		print_item(json_in_item(items, i));
	}
	if (next != 0) {
		(void)printf("older ones: --before %" PRIu64 "\n", next);
	}
}

int cli_wallet_history(struct cli *cli)
{
	const char *account = cli->words[0], *asset = read_asset(cli), *token;
	uint64_t before = 0, limit = 0;
	struct mn_client *client;
	struct mn_answer answer;

	if (asset == NULL || !account_is_sound(cli, account) ||
		!read_number(cli, "--before", 1, INT64_MAX, &before) ||
		!read_number(cli, "--limit", 1, MN_PAGE_MAX, &limit)) {
		return CLI_USAGE;
	}
	client = open_node(cli, &token);
	if (client == NULL) {
		return CLI_CANNOT;
	}
	enum mn_result result =
		mn_history(client, token, account, asset, before, (unsigned)limit, &answer);
	return finish(cli, client, result, &answer, print_history);
}

/* ---- watch ---- */

struct watch {
	struct cli *cli;
	uint64_t after, left; /* left: lines until it is enough */
	bool is_endless;
};

static void print_event(const struct json_in *event)
{
	const char *other = json_in_text_of(event, "counter_account");

	(void)printf("%8" PRIu64 "  %s  %-8s  %s %s  %s%s%s\n", json_in_u64_of(event, "seq"),
		json_in_text_of(event, "ts"), json_in_text_of(event, "kind"),
		json_in_text_of(event, "amount_minor"), json_in_text_of(event, "asset"),
		json_in_text_of(event, "account"), other[0] != '\0' ? ", " : "", other);
}

/* An event, or what stands behind the last one: where to go on. */
static bool take_line(struct watch *watch, struct slice line)
{
	struct json_in *root = node_parse(watch->cli, line);

	if (root == NULL) {
		return false;
	}
	if (json_in_member(root, "seq") == NULL) {
		watch->after = json_in_u64_of(root, "next");
	} else if (watch->is_endless || watch->left > 0) {
		watch->left -= watch->is_endless ? 0 : 1;
		if (watch->cli->json) {
			node_print_line(line);
		} else {
			print_event(root);
		}
	}
	json_in_free(root);
	return true;
}

static bool take_page(struct watch *watch, const struct mn_answer *answer)
{
	struct slice rest = slice_of(answer);

	while (rest.bytes_count > 0) {
		const uint8_t *end = memchr(rest.bytes, '\n', rest.bytes_count);
		size_t line_bytes = end == NULL ? rest.bytes_count : (size_t)(end - rest.bytes);
		size_t used = line_bytes + (end != NULL);

		if (!take_line(watch, (struct slice){ rest.bytes, line_bytes })) {
			return false;
		}
		rest = (struct slice){ rest.bytes + used, rest.bytes_count - used };
	}
	(void)fflush(stdout); /* somebody is waiting for it */
	return true;
}

static int64_t now_ms(void)
{
	return clock_now().monotonic_us / 1000;
}

/* An empty page comes after a while, so that asking again is no hurry. A node that goes away is
 * asked again, and goes on where we were. */
static int watch_on(struct watch *watch, struct mn_client *client, const char *token)
{
	struct mn_retry retry = { .attempts = 0 };
	int64_t good_ms = now_ms();

	while (watch->is_endless || watch->left > 0) {
		struct mn_answer answer;
		struct mn_error error = { .http = 0 };
		enum mn_result result = mn_events(client, token, watch->after, 0, &answer);
		int wait_ms;

		if (result == MN_OK) {
			if (!take_page(watch, &answer)) {
				return CLI_CANNOT;
			}
			retry = (struct mn_retry){ .attempts = 0 };
			good_ms = now_ms();
			continue;
		}
		if (result == MN_REFUSED && !mn_read_error(&answer, &error)) {
			return node_fail(watch->cli, client, result, &answer);
		}
		wait_ms = result == MN_REFUSED && !error.retryable
				  ? -1
				  : mn_retry_wait(&retry, result, &error, now_ms(),
					    good_ms + WATCH_PATIENCE_MS);
		if (wait_ms < 0) {
			return node_fail(watch->cli, client, result, &answer);
		}
		(void)poll(NULL, 0, wait_ms);
	}
	return CLI_GOOD;
}

int cli_wallet_watch(struct cli *cli)
{
	struct watch watch = { .cli = cli, .is_endless = cli_option(cli, "--count") == NULL };
	struct mn_client *client;
	const char *token;
	int exit;

	if (!read_number(cli, "--after", 0, INT64_MAX, &watch.after) ||
		!read_number(cli, "--count", 1, INT64_MAX, &watch.left)) {
		return CLI_USAGE;
	}
	client = open_node(cli, &token);
	if (client == NULL) {
		return CLI_CANNOT;
	}
	exit = watch_on(&watch, client, token);
	mn_close(client);
	return exit;
}
