/* macronode ledger ingest, roots, show, balance. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "common/limits.h"
#include "core/entry.h"

static struct slice slice_of(const struct mn_answer *answer)
{
	return (struct slice){ (const uint8_t *)answer->json, answer->json_bytes };
}

/* ---- ingest ---- */

static void print_reasons(const struct json_in *reasons)
{
	for (size_t i = 0; i < json_in_count(reasons); i++) {
		const struct json_in *one = json_in_item(reasons, i);
		const char *details = json_in_text_of(one, "details");

		(void)printf("entry %" PRIu64 ": %s%s", json_in_u64_of(one, "idx"),
			json_in_text_of(one, "reason"), details[0] != '\0' ? ", " : "");
		cli_print_text(stdout, (struct slice){ (const uint8_t *)details, strlen(details) });
		(void)fputc('\n', stdout);
	}
}

static int print_ingested(const struct cli *cli, const struct mn_answer *answer)
{
	struct json_in *root = node_parse(cli, slice_of(answer));
	bool accepted = json_in_true_of(root, "accepted");
	uint64_t first = json_in_u64_of(root, "seq_start"), last = json_in_u64_of(root, "seq_end");

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(slice_of(answer));
	} else {
		(void)printf("%s", accepted     ? "accepted, all of it"
				   : first != 0 ? "accepted in part"
						: "refused");
		if (first != 0) {
			(void)printf(": seq %" PRIu64 " to %" PRIu64 "\nroot %s", first, last,
				json_in_text_of(root, "new_root"));
		}
		(void)fputc('\n', stdout);
		print_reasons(json_in_member(root, "reasons"));
	}
	json_in_free(root);
	return accepted ? CLI_GOOD : CLI_BAD;
}

int cli_ledger_ingest(struct cli *cli)
{
	static struct config config;
	const char *path = cli_option(cli, "-f");
	const char *token;
	struct mn_client *client;
	struct mn_answer answer;
	struct slice request;
	enum mn_result result;
	int exit;

	if (path == NULL) {
		return cli_fail(cli, CLI_USAGE, "needs -f FILE");
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	if (!cli_read_file(cli, path, BODY_BYTES_MAX, &request)) {
		mn_close(client);
		return CLI_CANNOT;
	}
	result =
		mn_ingest(client, token, (const char *)request.bytes, request.bytes_count, &answer);
	exit = result == MN_OK ? print_ingested(cli, &answer)
			       : node_fail(cli, client, result, &answer);
	free((void *)(uintptr_t)request.bytes);
	mn_close(client);
	return exit;
}

/* ---- roots ---- */

/* Digits only, the whole word. */
static bool parse_seq(const char *text, uint64_t *ret_seq)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	unsigned long long seq = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || seq > INT64_MAX) {
		return false;
	}
	*ret_seq = seq;
	return true;
}

/* Prints the rows after *since, and moves it to the last of them. */
static bool print_page(const struct cli *cli, const struct json_in *rows, uint64_t *since)
{
	bool more = false;

	for (size_t i = 0; i < json_in_count(rows); i++) {
		const struct json_in *row = json_in_item(rows, i);
		uint64_t seq = json_in_u64_of(row, "seq"), ts = json_in_u64_of(row, "ts");
		char when[64];

		if (seq <= *since) {
			continue;
		}
		node_format_time(ts, when, sizeof when);
		if (cli->json) {
			(void)printf("{\"seq\":%" PRIu64 ",\"root\":\"%s\",\"ts\":%" PRIu64 "}\n",
				seq, json_in_text_of(row, "root"), ts);
		} else {
			(void)printf(
				"%12" PRIu64 "  %s  %s\n", seq, json_in_text_of(row, "root"), when);
		}
		*since = seq;
		more = true;
	}
	return more;
}

int cli_ledger_roots(struct cli *cli)
{
	static struct config config;
	const char *text = cli_option(cli, "--since");
	struct mn_client *client;
	uint64_t since = 0;
	bool more = true;
	int exit = CLI_GOOD;

	if (text != NULL && !parse_seq(text, &since)) {
		return cli_fail(cli, CLI_USAGE, "--since %s: not a number", text);
	}
	if (!cli_load_config(cli, &config) || (client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	while (more && exit == CLI_GOOD) {
		struct mn_answer answer;
		enum mn_result result = mn_roots(client, since, &answer);
		struct json_in *root = NULL;

		more = false;
		if (result != MN_OK) {
			exit = node_fail(cli, client, result, &answer);
		} else if ((root = node_parse(cli, slice_of(&answer))) == NULL) {
			exit = CLI_CANNOT;
		} else {
			more = print_page(cli, json_in_member(root, "roots"), &since);
		}
		json_in_free(root);
	}
	mn_close(client);
	return exit;
}

/* ---- show ---- */

int cli_ledger_show(struct cli *cli)
{
	static struct config config;
	const char *token;
	struct mn_client *client;
	struct mn_answer answer;
	struct json_in *root = NULL;
	enum mn_result result;
	uint64_t seq = 0;
	int exit = CLI_GOOD;

	if (!parse_seq(cli->words[0], &seq) || seq == 0) {
		return cli_fail(cli, CLI_USAGE, "'%s': a seq is a number from 1", cli->words[0]);
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	result = mn_entry(client, token, seq, &answer);
	if (result != MN_OK) {
		exit = node_fail(cli, client, result, &answer);
	} else if (cli->json) {
		node_print_line(slice_of(&answer));
	} else if ((root = node_parse(cli, slice_of(&answer))) != NULL) {
		json_in_print_members(root);
	} else {
		exit = CLI_CANNOT;
	}
	json_in_free(root);
	mn_close(client);
	return exit;
}

/* ---- balance ---- */

static struct slice view_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static int print_balance(const struct cli *cli, const struct mn_answer *answer)
{
	struct json_in *root = cli->json ? NULL : node_parse(cli, slice_of(answer));

	if (cli->json) {
		node_print_line(slice_of(answer));
		return CLI_GOOD;
	}
	if (root == NULL) {
		return CLI_CANNOT;
	}
	node_print_balance(root);
	json_in_free(root);
	return CLI_GOOD;
}

int cli_ledger_balance(struct cli *cli)
{
	static struct config config;
	const char *account = cli->words[0], *token;
	const char *asset = cli_option(cli, "--asset"), *text = cli_option(cli, "--at");
	struct mn_client *client;
	struct mn_answer answer;
	enum mn_result result;
	uint64_t at = MN_NOW;
	int exit;

	asset = asset == NULL ? "ron" : asset;
	if (!entry_account_is_valid(view_of(account))) {
		return cli_fail(cli, CLI_USAGE, "'%s': no account has such a name", account);
	}
	if (!entry_asset_is_valid(view_of(asset))) {
		return cli_fail(cli, CLI_USAGE, "--asset %s: no asset has such a name", asset);
	}
	if (text != NULL && !parse_seq(text, &at)) {
		return cli_fail(cli, CLI_USAGE, "--at %s: not a number", text);
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	result = mn_balance(client, token, account, asset, at, &answer);
	exit = result == MN_OK ? print_balance(cli, &answer)
			       : node_fail(cli, client, result, &answer);
	mn_close(client);
	return exit;
}
