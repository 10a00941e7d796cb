/* macronode verify. A running node is asked, which checks from its read-only connection; a
 * stopped node's store is read here, by store/verify.h in both cases. Snapshots and tiles are read
 * from their files and need no node. */
#include "cli/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data_dir.h"
#include "cli/key_dir.h"
#include "cli/node.h"
#include "cli/progress.h"
#include "cli/proof_say.h"
#include "cli/snapshot_read.h"
#include "cli/tiles.h"
#include "common/ed25519.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "store/verify.h"

/* ---- the verdict, the same document from both ---- */

static int print_verdict(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);
	bool checked = json_in_true_of(root, "checked"), good = json_in_true_of(root, "good");
	const char *what = json_in_text_of(root, "what");
	uint64_t size = json_in_u64_of(root, "size"), seq = json_in_u64_of(root, "bad_seq");

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else if (!checked) {
		(void)cli_fail(cli, CLI_CANNOT, "could not be checked: %s", what);
	} else if (good) {
		(void)printf("good: %" PRIu64 " entries\nroot %s\n", size,
			json_in_text_of(root, "root"));
	} else {
		(void)printf("BAD: first at seq %" PRIu64 " (%s): %s\n", seq,
			json_in_text_of(root, "check"), what);
	}
	json_in_free(root);
	return !checked ? CLI_CANNOT : good ? CLI_GOOD : CLI_BAD;
}

/* ---- what was kept ---- */

/* --checkpoint FILE: whoever kept it wants to know that this ledger is its continuation. */
static int kept_checkpoint(
	const struct cli *cli, const struct note_vkey *vkey, struct witness *ret_kept)
{
	const char *path = cli_option(cli, "--checkpoint");
	struct note_checkpoint checkpoint;
	struct slice bytes;
	struct note note;
	enum note_fault fault;

	if (path == NULL) {
		return CLI_GOOD;
	}
	if (vkey == NULL) {
		return cli_fail(cli, CLI_USAGE,
			"--checkpoint needs --vkey: one that nobody signed proves nothing");
	}
	if (!cli_read_file(cli, path, NOTE_BYTES_MAX, &bytes)) {
		return CLI_CANNOT;
	}
	fault = note_parse(bytes, &note);
	if (fault == NOTE_OK) {
		fault = note_verify(&note, vkey, ed25519_verify);
	}
	if (fault == NOTE_OK) {
		fault = note_checkpoint_parse(note.text, &checkpoint);
	}
	if (fault != NOTE_OK) {
		(void)cli_fail(cli, CLI_BAD, "%s: %s", path, note_fault_text(fault));
	} else {
		*ret_kept =
			(struct witness){ checkpoint.size > 0, checkpoint.size, checkpoint.root };
	}
	free((void *)(uintptr_t)bytes.bytes);
	return fault == NOTE_OK ? CLI_GOOD : CLI_BAD;
}

/* ---- here ---- */

static void on_store_progress(void *context, uint64_t done, uint64_t total)
{
	progress_tell(context, done, total);
}

static int verify_here(
	const struct cli *cli, const char *data_dir, bool live, struct verify_config plan)
{
	static struct verify_result result;
	static uint8_t text[8192];
	struct progress progress = progress_begin("verified", "entries");
	char dir[DATA_DIR_PATH_BYTES];
	struct reader_config reader = { .dir = dir };
	struct why why = { "" };
	struct key_dir keys;
	enum err err;

	(void)snprintf(dir, sizeof dir, "%s/store", data_dir);
	plan.progress = on_store_progress;
	plan.context = &progress;
	plan.live = live;
	plan.dir = live ? NULL : dir;
	plan.verify_signature = ed25519_verify;
	/* Before we are somebody who may not read it. Who may not now verifies without. */
	if (plan.public_key == NULL && key_dir_signer(data_dir, &keys)) {
		plan.public_key = keys.public_key.bytes;
		plan.public_key_origin = keys.origin;
		plan.signed_last = (struct witness){ keys.signed_size > 0 && !live,
			keys.signed_size, keys.signed_root };
	}
	if (!data_dir_become_owner(cli, dir)) {
		return CLI_CANNOT;
	}
	err = reader_open(&reader, &plan.reader, &why);
	if (err == ERR_CORRUPT) { /* what everybody needs first: it was looked at, and is bad */
		result.bad = VERIFY_HEAD;
		why_say(&result.what, "%s", why.text);
		err = ERR_OK;
	} else if (err == ERR_OK) {
		err = verify_store(&plan, &result, &why);
		reader_close(plan.reader);
	}
	progress_end(&progress);
	return print_verdict(
		cli, (struct slice){ text, verify_print(&result, err, &why, text, sizeof text) });
}

/* ---- the node ---- */

static int on_node_progress(void *context, const char *json, size_t json_bytes)
{
	struct json_in *root = json_in_parse((struct slice){ (const uint8_t *)json, json_bytes });

	progress_tell(context, json_in_u64_of(root, "entries_done"),
		json_in_u64_of(root, "entries_total"));
	json_in_free(root);
	return 1;
}

/* The first commit at or behind the kept size, after the whole ledger was found good. */
static int compare_kept(const struct cli *cli, struct mn_client *client, const struct witness *kept)
{
	char expected[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	struct mn_answer answer;
	enum mn_result result;
	const struct json_in *row;
	struct json_in *root;
	bool good;

	if (!kept->there) {
		return CLI_GOOD;
	}
	result = mn_roots(client, kept->size - 1, &answer);
	if (result != MN_OK) {
		return node_fail(cli, client, result, &answer);
	}
	root = node_parse(cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
	row = json_in_item(json_in_member(root, "roots"), 0);
	hex_encode(kept->root.bytes, HASH_BYTES, expected);
	good = json_in_u64_of(row, "seq") == kept->size &&
	       strcmp(json_in_text_of(row, "root"), expected) == 0;
	if (!good) {
		(void)cli_fail(cli, CLI_BAD,
			"the kept checkpoint says that the root of %" PRIu64
			" entries is %s, this ledger has %s",
			kept->size, expected,
			json_in_u64_of(row, "seq") == kept->size ? json_in_text_of(row, "root")
								 : "no such root");
	}
	json_in_free(root);
	return good ? CLI_GOOD : CLI_BAD;
}

static int verify_there(
	const struct cli *cli, const struct config *config, const struct witness *kept)
{
	struct progress progress = progress_begin("verified", "entries");
	struct mn_answer answer;
	enum mn_result result;
	const char *token = cli_token(cli, false);
	struct mn_client *client = token != NULL ? node_open_client(cli, config) : NULL;
	int exit;

	if (client == NULL) {
		return CLI_CANNOT;
	}
	result = mn_verify(client, token, on_node_progress, &progress, &answer);
	progress_end(&progress);
	if (result == MN_OK) {
		exit = print_verdict(
			cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
	} else {
		(void)node_fail(cli, client, result, &answer);
		exit = CLI_CANNOT; /* who may not look, or not now, has found nothing bad */
	}
	if (exit == CLI_GOOD) {
		exit = compare_kept(cli, client, kept);
	}
	mn_close(client);
	return exit;
}

/* ---- files ---- */

static void print_json(const struct verify_verdict *verdict)
{
	bool good = verdict->exit == CLI_GOOD;
	uint8_t text[2048];
	struct json_out out;
	size_t bytes = 0;

	json_out_init(&out, text, sizeof text);
	json_out_object_begin(&out);
	json_out_key(&out, "checked");
	json_out_bool(&out, verdict->exit != CLI_CANNOT);
	json_out_key(&out, "good");
	json_out_bool(&out, good);
	json_out_key(&out, "size");
	json_out_u64(&out, verdict->size);
	json_out_key(&out, "root");
	json_out_hex(&out, (struct slice){ verdict->root.bytes, HASH_BYTES });
	json_out_key(&out, "origin");
	json_out_text(&out, verdict->origin);
	json_out_key(&out, good ? "signature" : "what");
	json_out_text(&out, good ? verdict->signature : verdict->what);
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes) == ERR_OK) {
		node_print_line((struct slice){ text, bytes });
	}
}

int verify_say(const struct cli *cli, const struct verify_verdict *verdict)
{
	char root[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(verdict->root.bytes, HASH_BYTES, root);
	if (cli->json) {
		print_json(verdict);
	} else if (verdict->exit == CLI_GOOD) {
		(void)printf("good: %" PRIu64 " entries of %s, signature %s\nroot %s\n",
			verdict->size, verdict->origin, verdict->signature, root);
	} else if (verdict->exit == CLI_BAD) {
		(void)printf("BAD: %s\n", verdict->what);
	} else {
		(void)cli_fail(cli, CLI_CANNOT, "could not be checked: %s", verdict->what);
	}
	return (int)verdict->exit;
}

int verify_snapshot(const struct cli *cli, const char *path)
{
	static struct snapshot_report report;
	struct snapshot_goal goal = { .path = path, .fd = -1 };
	struct note_vkey vkey;
	bool given = false;
	struct verify_verdict verdict;

	if (!proof_say_vkey(cli, &vkey, &given)) {
		return CLI_USAGE;
	}
	goal.vkey = given ? &vkey : NULL;
	verdict.exit = snapshot_read(&goal, &report);
	verdict.what = report.what.text;
	verdict.origin = report.manifest.head.origin;
	verdict.size = report.manifest.head.size;
	verdict.root = report.manifest.head.root;
	verdict.signature = !report.manifest.is_signed && !report.has_checkpoint ? "none"
			    : !report.signatures_checked                         ? "not checked"
			    : report.manifest.is_signed                          ? "verified"
							: "verified, of its checkpoint";
	return verify_say(cli, &verdict);
}

/* ---- which of them ---- */

int cli_verify(struct cli *cli)
{
	static struct config config;
	const char *snapshot = cli_option(cli, "--snapshot"), *tiles = cli_option(cli, "--tiles");
	struct verify_config plan = { .live = false };
	struct note_vkey vkey;
	bool running = false, given = false;
	int exit;

	if (snapshot != NULL || tiles != NULL) {
		return snapshot != NULL ? verify_snapshot(cli, snapshot) : tiles_verify(cli, tiles);
	}
	if (!proof_say_vkey(cli, &vkey, &given)) {
		return CLI_USAGE;
	}
	exit = kept_checkpoint(cli, given ? &vkey : NULL, &plan.kept);
	if (exit != CLI_GOOD) {
		return exit;
	}
	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	if (config.amnesia_enabled) { /* what lies in the data directory is not its ledger */
		return cli_has(cli, "--offline")
			       ? cli_fail(cli, CLI_CANNOT,
					 "--offline: a ledger with amnesia.enabled is in the "
					 "memory of its node, which must be asked")
			       : verify_there(cli, &config, &plan.kept);
	}
	if (!data_dir_look(cli, config.node_data_dir, &running)) {
		return CLI_CANNOT;
	}
	if (running && !cli_has(cli, "--offline")) {
		return verify_there(cli, &config, &plan.kept);
	}
	plan.public_key = given ? vkey.public_key : NULL;
	return verify_here(cli, config.node_data_dir, running, plan);
}
