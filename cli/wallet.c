/* macronode wallet issue, transfer, burn, hold, capture, release. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "common/clock.h"
#include "common/random.h"
#include "core/operation.h"
#include "core/ulid.h"

/* A nonce that no lane has reached: its refusal names the next one, and does nothing. */
#define NONCE_TO_ASK OPERATION_NONCE_MAX

/* A key is forgotten some day, and with it who sent it before: then the next nonce would be asked
 * for, and the same command pay once more. A nonce stands for what was done with it for ever. */
#define NONCE_BESIDE_KEY                                                       \
	"--nonce N beside --idempotency-key: repeating both is safe, the key " \
	"alone is not"

struct wish {
	struct mn_operation operation;
	bool nonce_was_asked;
	bool key_was_drawn;
	char key[ULID_TEXT_BYTES + 1];
};

/* ---- the command line ---- */

static bool parse_number(const char *text, uint64_t *ret_number)
{
	char *end = NULL;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || number == 0 || number > INT64_MAX) {
		return false;
	}
	*ret_number = number;
	return true;
}

static bool read_number(const struct cli *cli, const char *name, uint64_t *ret_number)
{
	const char *text = cli_option(cli, name);

	if (text == NULL || parse_number(text, ret_number)) {
		return true;
	}
	(void)cli_fail(cli, CLI_USAGE, "%s %s: expected a number from 1 to 2^63-1", name, text);
	return false;
}

static bool is_there(const struct cli *cli, const char *name, const char *value, bool is_wanted)
{
	if (!is_wanted || value != NULL) {
		return true;
	}
	(void)cli_fail(cli, CLI_USAGE, "needs %s", name);
	return false;
}

static void draw_key(struct wish *wish)
{
	struct id128 id = { { 0 } };
	uint8_t random[ULID_RANDOM_BYTES];

	random_fill(random, sizeof random);
	ulid_advance(&id, clock_unix_ms(), random);
	ulid_print(&id, wish->key);
	wish->operation.idempotency_key = wish->key;
	wish->key_was_drawn = true;
}

static bool read_wish(const struct cli *cli, enum operation_kind kind, struct wish *wish)
{
	struct mn_operation *operation = &wish->operation;

	*wish = (struct wish){ .operation = {
				       .kind = (enum mn_operation_kind)kind,
				       .hold = cli->words[0],
				       .asset = "ron",
			       } };
	operation->from = operation_has_from(kind) ? cli_option(cli, "--from") : NULL;
	operation->to = operation_has_to(kind) ? cli_option(cli, "--to") : NULL;
	operation->amount_minor = cli_option(cli, "--amount");
	operation->memo = cli_option(cli, "--memo");
	operation->idempotency_key = cli_option(cli, "--idempotency-key");
	if (cli_option(cli, "--asset") != NULL) {
		operation->asset = cli_option(cli, "--asset");
	}
	if (operation->idempotency_key == NULL) {
		draw_key(wish);
	}
	return is_there(cli, "--from ACCOUNT", operation->from, operation_has_from(kind)) &&
	       is_there(cli, "--to ACCOUNT", operation->to, operation_has_to(kind)) &&
	       is_there(cli, "--amount N", operation->amount_minor, true) &&
	       is_there(cli, NONCE_BESIDE_KEY, cli_option(cli, "--nonce"), !wish->key_was_drawn) &&
	       read_number(cli, "--nonce", &operation->nonce) &&
	       (kind != OPERATION_HOLD || read_number(cli, "--expires", &operation->expires_ms));
}

/* ---- the nonce ---- */

static bool is_conflict(const struct mn_error *error)
{
	return strcmp(error->code, "NONCE_CONFLICT") == 0;
}

/* The node tells the next nonce to whoever may read the account, with the refusal of another. */
static enum mn_result ask_nonce(
	struct mn_client *client, const char *token, struct wish *wish, struct mn_answer *answer)
{
	struct mn_operation question = wish->operation;
	struct mn_error error;
	enum mn_result result;

	question.nonce = NONCE_TO_ASK;
	result = mn_wallet_op(client, token, &question, answer, NULL);
	if (result == MN_REFUSED && mn_read_error(answer, &error) && is_conflict(&error)) {
		wish->operation.nonce = error.nonce_next;
		wish->nonce_was_asked = error.nonce_next != 0;
	}
	return result;
}

/* What was chosen for the caller is what he needs to repeat it. */
static void say_chosen(const struct cli *cli, const struct wish *wish)
{
	const struct mn_operation *operation = &wish->operation;

	if (wish->nonce_was_asked || wish->key_was_drawn) {
		(void)fprintf(stderr,
			"macronode %s: with --nonce %" PRIu64
			" --idempotency-key %s, which repeat it safely\n",
			cli->command->name, operation->nonce, operation->idempotency_key);
	}
}

/* ---- the answer ---- */

static int print_done(const struct cli *cli, const struct mn_answer *answer, bool replayed)
{
	struct slice text = { (const uint8_t *)answer->json, answer->json_bytes };
	struct json_in *root;

	if (cli->json) {
		node_print_line(text);
		return CLI_GOOD;
	}
	root = node_parse(cli, text);
	if (root == NULL) {
		return CLI_CANNOT;
	}
	(void)printf("%s %s %s%s\n%s, seq %" PRIu64 ", available %s, before %s\n",
		json_in_text_of(root, "op"), json_in_text_of(root, "amount_minor"),
		json_in_text_of(root, "asset"), replayed ? ", done before" : "",
		json_in_text_of(root, "txid"), json_in_u64_of(root, "seq"),
		json_in_text_of(root, "balance_after"), json_in_text_of(root, "balance_before"));
	json_in_free(root);
	return CLI_GOOD;
}

/* As the library judges it for whoever sends again. */
static bool may_be_done(const struct mn_error *error)
{
	struct mn_retry retry = { .attempts = 0 };

	(void)mn_retry_wait(&retry, MN_REFUSED, error, 0, 0);
	return retry.is_unknown != 0;
}

static void say_next_nonce(const struct cli *cli, const struct mn_error *error)
{
	if (error->nonce_next != 0) {
		(void)fprintf(stderr, "macronode %s: the next is --nonce %" PRIu64 "\n",
			cli->command->name, error->nonce_next);
	} else {
		(void)fprintf(stderr,
			"macronode %s: the token may not read the account, so that the next nonce "
			"is not told; --nonce N gives one\n",
			cli->command->name);
	}
}

/* The sentence of the refusal, and what helps: a script that is told 1 takes it for not done. */
static int fail(const struct cli *cli, struct mn_client *client, enum mn_result result,
	const struct wish *wish, const struct mn_answer *answer)
{
	int exit = node_fail(cli, client, result, answer);
	struct mn_error error;

	if (result != MN_REFUSED || !mn_read_error(answer, &error)) {
		return exit;
	}
	if (is_conflict(&error)) {
		say_next_nonce(cli, &error);
	} else if (may_be_done(&error)) {
		(void)fprintf(stderr, "macronode %s: %s\n", cli->command->name,
			wish->operation.nonce == 0
				? "nothing was asked for but the next nonce"
				: "it may be done: the same with this nonce and key finds out");
		return CLI_CANNOT;
	}
	return exit;
}

static int send(
	const struct cli *cli, struct mn_client *client, const char *token, struct wish *wish)
{
	struct mn_answer answer;
	enum mn_result result = MN_REFUSED;
	int replayed = 0;

	if (wish->operation.nonce == 0) {
		result = ask_nonce(client, token, wish, &answer);
		if (result != MN_REFUSED || wish->operation.nonce == 0) {
			return fail(cli, client, result, wish, &answer);
		}
	}
	say_chosen(cli, wish);
	result = mn_wallet_op(client, token, &wish->operation, &answer, &replayed);
	return result == MN_OK ? print_done(cli, &answer, replayed != 0)
			       : fail(cli, client, result, wish, &answer);
}

static int run(struct cli *cli, enum operation_kind kind)
{
	static struct config config;
	const char *token;
	struct mn_client *client;
	struct wish wish;
	int exit;

	if (!read_wish(cli, kind, &wish)) {
		return CLI_USAGE;
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	exit = send(cli, client, token, &wish);
	mn_close(client);
	return exit;
}

int cli_wallet_issue(struct cli *cli)
{
	return run(cli, OPERATION_ISSUE);
}

int cli_wallet_transfer(struct cli *cli)
{
	return run(cli, OPERATION_TRANSFER);
}

int cli_wallet_burn(struct cli *cli)
{
	return run(cli, OPERATION_BURN);
}

int cli_wallet_hold(struct cli *cli)
{
	return run(cli, OPERATION_HOLD);
}

int cli_wallet_capture(struct cli *cli)
{
	return run(cli, OPERATION_CAPTURE);
}

int cli_wallet_release(struct cli *cli)
{
	return run(cli, OPERATION_RELEASE);
}
