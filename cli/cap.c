/* macronode cap mint, revoke, rotate, list: questions for kms, through the control socket. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caveats.h"
#include "cli/node.h"
#include "core/hex.h"

/* Opens the control socket of the configured node; 0 or an exit code. */
static int connect_node(const struct cli *cli, struct control *ret_control)
{
	static struct config config;

	return cli_load_config(cli, &config) && node_open_control(cli, &config, ret_control)
		       ? CLI_GOOD
		       : CLI_CANNOT;
}

/* ---- mint ---- */

static void print_minted(const struct cli *cli, struct slice token)
{
	char capability[NODE_CAPABILITY_BYTES];

	if (!cli->json) {
		node_print_line(token);
		return;
	}
	(void)node_capability(token, capability);
	(void)printf("{\"token\":\"%.*s\",\"capability\":\"%s\"}\n", (int)token.bytes_count,
		(const char *)token.bytes, capability);
}

static bool take_form(const struct cli *cli, enum token_form *ret_form)
{
	const char *form = cli_option(cli, "--form");
	bool is_signed = form != NULL && strcmp(form, "signed") == 0;

	*ret_form = is_signed ? TOKEN_FORM_SIGNED : TOKEN_FORM_MACAROON;
	return form == NULL || is_signed || strcmp(form, "macaroon") == 0;
}

int cli_cap_mint(struct cli *cli)
{
	static struct caveats caveats;
	struct control control;
	struct control_answer answer;
	struct slice lines;
	enum token_form form;
	int exit;

	if (!caveats_from_options(cli, &caveats)) {
		return cli_fail(cli, CLI_USAGE, "%s", caveats.error);
	}
	if (caveats.count == 0) {
		return cli_fail(cli, CLI_USAGE,
			"what may it do, and how long? For example: --action ledger.ingest --ttl "
			"24h");
	}
	if (!take_form(cli, &form)) {
		return cli_fail(cli, CLI_USAGE, "--form: expected macaroon or signed");
	}
	if (connect_node(cli, &control) != CLI_GOOD) {
		return CLI_CANNOT;
	}
	lines = (struct slice){ (const uint8_t *)caveats.text, caveats.bytes_count };
	exit = node_control_exit(
		cli, &control, control_mint(&control, (uint8_t)form, lines, &answer), &answer);
	if (exit == CLI_GOOD) {
		print_minted(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}

/* ---- the list, line by line ---- */

/* Called with each line of the list, as text and parsed; false ends the walk. */
typedef bool on_item(void *context, struct slice line, const struct json_in *item);

static bool walk_page(struct slice page, on_item *callback, void *context)
{
	while (page.bytes_count > 0) {
		const uint8_t *end = memchr(page.bytes, '\n', page.bytes_count);
		size_t bytes = end != NULL ? (size_t)(end - page.bytes) : page.bytes_count;
		struct slice line = { page.bytes, bytes };
		struct json_in *item = json_in_parse(line);
		bool more = item == NULL || callback(context, line, item);

		json_in_free(item);
		if (!more) {
			return false;
		}
		bytes += end != NULL;
		page.bytes += bytes;
		page.bytes_count -= bytes;
	}
	return true;
}

static int walk_list(
	const struct cli *cli, struct control *control, on_item *callback, void *context)
{
	struct control_answer answer = { .next = 0 };
	uint64_t after;

	do {
		after = answer.next;
		int exit = node_control_exit(
			cli, control, control_list(control, after, &answer), &answer);
		if (exit != CLI_GOOD) {
			return exit;
		}
	} while (walk_page(answer.text, callback, context) && answer.next > after);
	return CLI_GOOD;
}

static void print_when(const struct json_in *item, const char *name)
{
	uint64_t unix_s = json_in_u64_of(item, name);
	char text[64] = "-";

	if (unix_s != 0) {
		node_format_time(unix_s * 1000, text, sizeof text);
	}
	(void)printf("%-24s", text);
}

struct listing {
	bool json;
	bool begun;
};

static bool print_item(void *context, struct slice line, const struct json_in *item)
{
	struct listing *listing = context;
	const struct json_in *caveats = json_in_member(item, "caveats");
	bool is_key = json_in_true_of(item, "root_key");

	if (listing->json) {
		node_print_line(line);
		return true;
	}
	if (!listing->begun) { /* there is a root key at least, or no answer */
		(void)printf("%-4s %-33s%-24s%-24s%-24s%s\n", "KEY", "CAPABILITY", "ISSUED",
			"EXPIRES", "REVOKED", "CAVEATS");
		listing->begun = true;
	}
	(void)printf("%-4" PRIu64 " %-33s", json_in_u64_of(item, "kid"),
		!is_key                           ? json_in_text_of(item, "capability")
		: json_in_true_of(item, "active") ? "root key, active"
						  : "root key");
	print_when(item, "iat");
	print_when(item, "exp");
	print_when(item, "revoked");
	for (size_t i = 0; i < json_in_count(caveats); i++) {
		const char *text = json_in_text(json_in_item(caveats, i));

		(void)fputs(i > 0 ? "; " : "", stdout);
		if (text != NULL) {
			cli_print_text(
				stdout, (struct slice){ (const uint8_t *)text, strlen(text) });
		}
	}
	(void)fputc('\n', stdout);
	return true;
}

int cli_cap_list(struct cli *cli)
{
	struct listing listing = { .json = cli->json };
	struct control control;
	int exit;

	if (connect_node(cli, &control) != CLI_GOOD) {
		return CLI_CANNOT;
	}
	exit = walk_list(cli, &control, print_item, &listing);
	control_finish(&control);
	return exit;
}

/* ---- revoke ---- */

struct wanted {
	const char *capability; /* hex */
	uint64_t kid;           /* 0: not found */
};

static bool match(void *context, struct slice line, const struct json_in *item)
{
	struct wanted *wanted = context;

	(void)line;
	if (strcmp(json_in_text_of(item, "capability"), wanted->capability) != 0) {
		return true;
	}
	wanted->kid = json_in_u64_of(item, "kid");
	return false;
}

static int read_key(const struct cli *cli, const char *text, uint32_t *ret_kid)
{
	char *end = NULL;
	unsigned long kid = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || kid == 0 || kid > UINT32_MAX) {
		return cli_fail(cli, CLI_USAGE,
			"%s: not the number of a root key, as `cap list` shows it", text);
	}
	*ret_kid = (uint32_t)kid;
	return CLI_GOOD;
}

/* What is to be revoked: a capability, whose key the list tells, or with id zero a key. */
static int find_revoked(const struct cli *cli, struct control *control, uint32_t *ret_kid,
	struct id128 *ret_capability)
{
	const char *key = cli_option(cli, "--key");
	struct wanted wanted = { .capability = cli->words[0] };

	if ((key != NULL) == (cli->word_count > 0)) {
		return cli_fail(cli, CLI_USAGE, "needs a capability id, or --key N");
	}
	*ret_capability = (struct id128){ { 0 } };
	if (key != NULL) {
		return read_key(cli, key, ret_kid);
	}
	if (hex_decode(wanted.capability, strlen(wanted.capability), ret_capability->bytes,
		    ID_BYTES) != ERR_OK) {
		return cli_fail(cli, CLI_USAGE, "'%s': a capability id is 32 hexadecimal digits",
			wanted.capability);
	}
	int exit = walk_list(cli, control, match, &wanted);
	if (exit == CLI_GOOD && wanted.kid == 0) {
		return cli_fail(cli, CLI_BAD, "no such capability was ever issued here");
	}
	*ret_kid = (uint32_t)wanted.kid;
	return exit;
}

int cli_cap_revoke(struct cli *cli)
{
	struct control control;
	struct control_answer answer;
	struct id128 capability;
	uint32_t kid = 0;
	int exit;

	if (connect_node(cli, &control) != CLI_GOOD) {
		return CLI_CANNOT;
	}
	exit = find_revoked(cli, &control, &kid, &capability);
	if (exit == CLI_GOOD) {
		exit = node_control_exit(cli, &control,
			control_revoke(&control, kid, &capability, &answer), &answer);
	}
	if (exit == CLI_GOOD && cli->json) {
		(void)printf("{\"revoked\":true,\"after_seq\":%" PRIu64 "}\n", answer.next);
	} else if (exit == CLI_GOOD) {
		(void)printf("revoked: writes after seq %" PRIu64 " are refused\n", answer.next);
	}
	control_finish(&control);
	return exit;
}

/* ---- rotate ---- */

/* The active key is named, so that a command that is repeated by mistake makes no second one. */
int cli_cap_rotate(struct cli *cli)
{
	struct control control;
	struct control_answer answer;
	uint32_t kid = 0;
	int exit = read_key(cli, cli->words[0], &kid);

	if (exit != CLI_GOOD) {
		return exit;
	}
	if (connect_node(cli, &control) != CLI_GOOD) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_rotate(&control, kid, &answer), &answer);
	if (exit == CLI_GOOD && cli->json) {
		(void)printf("{\"active_key\":%" PRIu64 "}\n", answer.next);
	} else if (exit == CLI_GOOD) {
		(void)printf("root key %" PRIu64 " is active; key %" PRIu32
			     " verifies for 30 days more\n",
			answer.next, kid);
	}
	control_finish(&control);
	return exit;
}
