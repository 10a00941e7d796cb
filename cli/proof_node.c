/* macronode proof entry and consistency: what the node proves, to keep or to compare. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/proof_say.h"
#include "core/amount.h"
#include "core/base64.h"
#include "core/hex.h"

/* The longest .tlog-proof of ours, as a JSON string. */
#define PROOF_JSON_BYTES_MAX (6u * 65536u)

static struct slice slice_of_answer(const struct mn_answer *answer)
{
	return (struct slice){ (const uint8_t *)answer->json, answer->json_bytes };
}

/* False after a sentence. "-" is stdout. */
static bool write_file(const struct cli *cli, const char *path, struct slice bytes)
{
	bool is_stdout = strcmp(path, "-") == 0;
	FILE *file = is_stdout ? stdout : fopen(path, "we");
	bool good = file != NULL &&
		    fwrite(bytes.bytes, 1, bytes.bytes_count, file) == bytes.bytes_count &&
		    fflush(file) == 0;
	int error = errno;

	if (file != NULL && !is_stdout && fclose(file) != 0) {
		good = false;
		error = errno;
	}
	if (!good) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(error));
	}
	return good;
}

/* ---- entry ---- */

/* Digits only, the whole word. */
static bool parse_number(const char *text, uint64_t *ret_number)
{
	u128 number = 0;

	if (amount_parse(text, strlen(text), &number) != AMOUNT_OK || number > MERKLE_SIZE_MAX) {
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

/* A token is not needed: without, the proof comes without its entry. NULL: there is none, or
 * *ret_bad, after a sentence, it could not be read. */
static const char *token_if_any(const struct cli *cli, bool *ret_bad)
{
	const char *token = NULL;

	*ret_bad = false;
	if (cli_has(cli, "--token-file") || getenv("MACRONODE_TOKEN") != NULL) {
		token = cli_token(cli, false);
		*ret_bad = token == NULL;
	}
	return token;
}

static void print_text_json(const char *name, struct slice text)
{
	static uint8_t bytes[PROOF_JSON_BYTES_MAX];
	struct json_out out;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	proof_say_put_text(&out, name, text);
	json_out_object_end(&out);
	proof_say_json(&out);
}

/* Of a given size the node answers JSON, of the newest checkpoint a .tlog-proof. */
static int hand_over(const struct cli *cli, uint64_t size, struct slice text)
{
	const char *path = cli_option(cli, "-o");

	if (path != NULL) {
		return write_file(cli, path, text) ? CLI_GOOD : CLI_CANNOT;
	}
	if (size != 0) {
		node_print_line(text);
	} else if (cli->json) {
		print_text_json("tlog_proof", text);
	} else {
		(void)fwrite(text.bytes, 1, text.bytes_count, stdout);
	}
	return CLI_GOOD;
}

int cli_proof_entry(struct cli *cli)
{
	static struct config config;
	const char *size_text = cli_option(cli, "--size");
	const char *token;
	struct mn_client *client;
	struct mn_answer answer;
	enum mn_result result;
	uint64_t seq = 0, size = 0;
	bool bad_token;
	int exit;

	if (!parse_number(cli->words[0], &seq) || seq == 0) {
		return cli_fail(cli, CLI_USAGE, "'%s': a seq is a number from 1", cli->words[0]);
	}
	if (size_text != NULL && (!parse_number(size_text, &size) || size < seq)) {
		return cli_fail(cli, CLI_USAGE, "--size %s: not a number of entries that holds %s",
			size_text, cli->words[0]);
	}
	token = token_if_any(cli, &bad_token);
	if (bad_token || !cli_load_config(cli, &config) ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	result = mn_proof_entry(client, token, seq, size, &answer);
	exit = result == MN_OK ? hand_over(cli, size, slice_of_answer(&answer))
			       : node_fail(cli, client, result, &answer);
	mn_close(client);
	return exit;
}

/* ---- consistency ---- */

struct growth {
	struct proof_check check;
	struct note_checkpoint from;
	struct note_checkpoint to;
	struct merkle_proof proof;
};

/* Verified if there is a key; else only read. False after a verdict in check. */
static bool read_checkpoint(struct slice bytes, const struct note_vkey *vkey,
	struct proof_check *check, struct note_checkpoint *ret_checkpoint)
{
	struct note note;
	enum note_fault fault;

	if (vkey != NULL) {
		bool good = proof_check_checkpoint(bytes, vkey, check);

		*ret_checkpoint = check->checkpoint;
		return good;
	}
	fault = note_parse(bytes, &note);
	if (fault == NOTE_OK) {
		fault = note_checkpoint_parse(note.text, ret_checkpoint);
	}
	if (fault != NOTE_OK) {
		check->exit = CLI_BAD;
		check->reason = PROOF_MALFORMED;
		(void)snprintf(check->what, sizeof check->what, "the checkpoint: %s",
			note_fault_text(fault));
	}
	return fault == NOTE_OK;
}

static bool take_hashes(const struct json_in *root, struct merkle_proof *ret_proof)
{
	const struct json_in *hashes = json_in_member(root, "hashes");
	size_t count = json_in_count(hashes);

	if (hashes == NULL || count > MERKLE_PROOF_HASHES_MAX) {
		return false;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = json_in_text(json_in_item(hashes, i));

		if (text == NULL || hex_decode(text, strlen(text), ret_proof->hashes[i].bytes,
					    HASH_BYTES) != ERR_OK) {
			return false;
		}
	}
	ret_proof->hash_count = count;
	return true;
}

/* Asks the node for what shows it. 0, or an exit code after a sentence. */
static int ask_for_hashes(const struct cli *cli, struct mn_client *client, struct growth *growth)
{
	struct mn_answer answer;
	enum mn_result result;
	struct json_in *root;
	bool good;

	growth->proof.hash_count = 0;
	if (growth->from.size == 0 || growth->from.size >= growth->to.size) {
		return CLI_GOOD; /* nothing can show it, or nothing must */
	}
	result = mn_proof_consistency(client, growth->from.size, growth->to.size, &answer);
	if (result != MN_OK) {
		return node_fail(cli, client, result, &answer);
	}
	root = node_parse(cli, slice_of_answer(&answer));
	good = root != NULL && take_hashes(root, &growth->proof);
	json_in_free(root);
	return good ? CLI_GOOD : cli_fail(cli, CLI_CANNOT, "the node's answer holds no proof");
}

static bool write_hashes(const struct cli *cli, const char *path, const struct merkle_proof *proof)
{
	char text[MERKLE_PROOF_HASHES_MAX * (BASE64_TEXT_BYTES(HASH_BYTES) + 1) + 1];
	size_t used = 0;

	for (size_t i = 0; i < proof->hash_count; i++) {
		used += base64_encode(proof->hashes[i].bytes, HASH_BYTES, text + used);
		text[used++] = '\n';
	}
	return write_file(cli, path, (struct slice){ (const uint8_t *)text, used });
}

static void print_growth_json(const struct growth *growth)
{
	static uint8_t bytes[PROOF_SAY_BYTES_MAX];
	char base64[BASE64_TEXT_BYTES(HASH_BYTES) + 1];
	struct json_out out;

	proof_say_begin(&out, bytes, &growth->check);
	if (growth->check.exit == CLI_GOOD) {
		proof_say_put_u64(&out, "from", growth->from.size);
		proof_say_put_u64(&out, "to", growth->to.size);
		proof_say_put_hash(&out, "from_root", &growth->from.root);
		proof_say_put_hash(&out, "to_root", &growth->to.root);
		json_out_key(&out, "hashes");
		json_out_array_begin(&out);
		for (size_t i = 0; i < growth->proof.hash_count; i++) {
			(void)base64_encode(growth->proof.hashes[i].bytes, HASH_BYTES, base64);
			json_out_text(&out, base64);
		}
		json_out_array_end(&out);
	}
	json_out_object_end(&out);
	proof_say_json(&out);
}

static int end_growth(const struct cli *cli, struct growth *growth)
{
	const char *path = cli_option(cli, "-o");

	if (growth->check.exit == CLI_GOOD) {
		growth->check.checkpoint = growth->to;
		if (path != NULL && !write_hashes(cli, path, &growth->proof)) {
			return CLI_CANNOT;
		}
	}
	if (cli->json) {
		print_growth_json(growth);
	} else if (growth->check.exit != CLI_GOOD) {
		proof_say_bad(cli, &growth->check);
	} else {
		(void)printf("good: size %" PRIu64 " continues size %" PRIu64 " of the log ",
			growth->to.size, growth->from.size);
		cli_print_text(stdout, growth->to.origin);
		(void)fputc('\n', stdout);
	}
	return (int)growth->check.exit;
}

/* Both checkpoints, what shows that one continues the other, and whether it does. */
static int compare(const struct cli *cli, struct mn_client *client, const struct note_vkey *vkey,
	struct slice from, const struct slice *to)
{
	static struct growth growth;
	static char newest[NOTE_BYTES_MAX];
	struct slice to_bytes;
	int exit;

	if (to == NULL) {
		struct mn_answer answer;
		enum mn_result result = mn_checkpoint(client, &answer);

		if (result != MN_OK) {
			return node_fail(cli, client, result, &answer);
		}
		if (answer.json_bytes > sizeof newest) {
			return cli_fail(cli, CLI_CANNOT, "%s", note_fault_text(NOTE_TOO_LARGE));
		}
		memcpy(newest, answer.json, answer.json_bytes); /* the next question takes it */
		to_bytes = (struct slice){ (const uint8_t *)newest, answer.json_bytes };
	} else {
		to_bytes = *to;
	}
	if (read_checkpoint(from, vkey, &growth.check, &growth.from) &&
		read_checkpoint(to_bytes, vkey, &growth.check, &growth.to)) {
		exit = ask_for_hashes(cli, client, &growth);
		if (exit != CLI_GOOD) {
			return exit;
		}
		(void)proof_check_consistency(
			&growth.from, &growth.to, &growth.proof, &growth.check);
	}
	return end_growth(cli, &growth);
}

int cli_proof_consistency(struct cli *cli)
{
	static struct config config;
	const char *from_path = cli_option(cli, "--from"), *to_path = cli_option(cli, "--to");
	struct slice from = { NULL, 0 }, to = { NULL, 0 };
	struct mn_client *client;
	struct note_vkey vkey;
	bool given;
	int exit = CLI_CANNOT;

	if (from_path == NULL) {
		return cli_fail(cli, CLI_USAGE, "needs --from FILE: a checkpoint that you kept");
	}
	if (!proof_say_vkey(cli, &vkey, &given)) {
		return CLI_USAGE;
	}
	if (!given) {
		(void)cli_fail(cli, CLI_GOOD, "no --vkey: signatures are not looked at");
	}
	if (!cli_load_config(cli, &config) || (client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	if (cli_read_file(cli, from_path, NOTE_BYTES_MAX, &from) &&
		(to_path == NULL || cli_read_file(cli, to_path, NOTE_BYTES_MAX, &to))) {
		exit = compare(
			cli, client, given ? &vkey : NULL, from, to_path != NULL ? &to : NULL);
	}
	proof_say_free(to);
	proof_say_free(from);
	mn_close(client);
	return exit;
}
