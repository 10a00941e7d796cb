/* macronode recover: why the node is in safe mode, and going on with what is on disk. A running
 * node is asked; with --new-origin the store and the keys of a stopped one are written here. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/key_dir.h"
#include "cli/node.h"
#include "core/hex.h"
#include "store/reader.h"
#include "store/suspect.h"
#include "store/tail.h"

#define ROOT_TEXT_BYTES (HEX_TEXT_BYTES(HASH_BYTES) + 1)

/* "12:77ab...": decimal, colon, 64 lower-case hexadecimal digits. */
static bool take_acknowledgement(
	const struct cli *cli, const char *text, struct control_acknowledgement *ret)
{
	const char *colon = strchr(text, ':');
	char *end = NULL;

	errno = 0;
	ret->size = strtoull(text, &end, 10);
	if (colon == NULL || end != colon || text[0] < '0' || text[0] > '9' || errno != 0 ||
		hex_decode(colon + 1, strlen(colon + 1), ret->root.bytes, HASH_BYTES) != ERR_OK) {
		(void)cli_fail(cli, CLI_USAGE,
			"--ack %s: needs HEIGHT:ROOT as `macronode recover` prints it", text);
		return false;
	}
	return true;
}

/* ---- what a running node says ---- */

static void print_known(const char *label, const struct json_in *known)
{
	uint64_t height = json_in_u64_of(known, "height");

	if (known == NULL || json_in_text_of(known, "root")[0] == '\0') {
		(void)printf("%-13s not known\n", label);
	} else if (height == 0) {
		(void)printf("%-13s 0 entries\n", label);
	} else {
		(void)printf("%-13s %" PRIu64 " entries, root %s\n", label, height,
			json_in_text_of(known, "root"));
	}
}

static void print_text(const char *label, const char *text)
{
	(void)printf("%-13s ", label);
	cli_print_text(stdout, (struct slice){ (const uint8_t *)text, strlen(text) });
	(void)fputc('\n', stdout);
}

static void print_explanation(const struct json_in *root)
{
	const struct json_in *there = json_in_member(root, "on_disk");
	const struct json_in *was = json_in_member(root, "acknowledged");
	uint64_t missing = json_in_u64_of(root, "missing");
	uint64_t failed_at_ms = json_in_u64_of(root, "failed_at_ms");
	char when[64];

	print_text("safe mode", json_in_text_of(root, "reason"));
	if (failed_at_ms > 0) {
		node_format_time(failed_at_ms, when, sizeof when);
		print_text("since", when);
	}
	print_known("on disk", there);
	print_known("acknowledged", was);
	print_known("signed", json_in_member(root, "signed"));
	if (missing > 0) {
		uint64_t last = json_in_u64_of(was, "height");
		(void)printf("missing       %" PRIu64 " acknowledged entries, seq %" PRIu64
			     " to %" PRIu64 "\n",
			missing, last - missing + 1, last);
	}
	print_text("advice", json_in_text_of(root, "advice"));
	if (json_in_true_of(root, "may_acknowledge")) {
		(void)printf("to go on      macronode recover --ack %" PRIu64 ":%s\n",
			json_in_u64_of(there, "height"), json_in_text_of(there, "root"));
	}
}

static int print_answer(const struct cli *cli, const struct control_answer *answer, bool acked)
{
	struct json_in *root = node_parse(cli, answer->text);
	bool needed = json_in_true_of(root, "needed");

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(answer->text);
	} else if (needed) {
		print_explanation(root);
	} else if (acked) {
		const struct json_in *there = json_in_member(root, "on_disk");
		(void)printf("acknowledged %" PRIu64 " entries; the ledger goes on with them\n",
			json_in_u64_of(there, "height"));
	} else {
		(void)printf("nothing to recover: the node is not in safe mode\n");
	}
	json_in_free(root);
	return needed ? CLI_BAD : CLI_GOOD;
}

static int recover_there(
	const struct cli *cli, const struct config *config, struct control_acknowledgement *wanted)
{
	const struct passwd *user = getpwuid(getuid());
	struct control_answer answer;
	struct control control;
	char actor[96];
	int exit;

	if (!node_open_control(cli, config, &control)) {
		return CLI_CANNOT;
	}
	(void)snprintf(actor, sizeof actor, "uid:%u %s", (unsigned)getuid(),
		user != NULL ? user->pw_name : "");
	if (wanted != NULL) {
		wanted->actor = actor;
	}
	exit = node_control_exit(
		cli, &control, control_recover(&control, wanted, &answer), &answer);
	if (exit == CLI_GOOD) {
		exit = print_answer(cli, &answer, wanted != NULL);
	}
	control_finish(&control);
	return exit;
}

/* ---- a stopped node: a new origin ---- */

/* What is in the store, and whether it has the tree that was signed last. */
struct found {
	struct reader_head head;
	bool has_signed;
};

static bool has_signed(struct reader *reader, const struct key_dir *keys)
{
	struct schema_root at;

	if (keys->unknown[0] != '\0') {
		return false; /* nobody can say so, and kms signs no more under this name */
	}
	return keys->signed_size == 0 ||
	       (reader_root_at(reader, keys->signed_size, &at) == ERR_OK &&
		       at.last_seq == keys->signed_size &&
		       memcmp(&at.root, &keys->signed_root, sizeof at.root) == 0);
}

static bool read_store(const struct cli *cli, const char *dir, const char *data_dir,
	struct key_dir *ret_keys, struct found *ret_found)
{
	struct reader_config config = { .dir = dir };
	struct reader *reader = NULL;
	struct why why = { "" };
	enum err err;
	bool done = false;

	if (!data_dir_enter(cli, dir)) {
		return false;
	}
	err = reader_open(&config, &reader, &why);
	if (err == ERR_OK) {
		err = reader_head(reader, &ret_found->head);
	}
	data_dir_leave(); /* the keys belong to somebody else */
	if (err != ERR_OK) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: cannot be read: %s", dir,
			why.text[0] != '\0' ? why.text : err_text(err));
	} else if (key_dir_read(cli, data_dir, ret_found->head.meta.origin, ret_keys)) {
		done = data_dir_enter(cli, dir);
		ret_found->has_signed = done && has_signed(reader, ret_keys);
		data_dir_leave();
	}
	reader_close(reader);
	return done;
}

static bool acknowledge_tail(
	const struct cli *cli, const char *dir, const struct control_acknowledgement *wanted)
{
	const struct tail_mark mark = { .size = wanted->size, .root = wanted->root };
	struct tail tail = { .fd = -1 };
	struct why why = { "the store directory cannot be opened" };
	int dir_fd;
	bool done;

	if (!data_dir_enter(cli, dir)) {
		return false;
	}
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	done = dir_fd >= 0 && tail_reset(&tail, dir_fd, dir, &mark, &why) == ERR_OK &&
	       suspect_remove(dir, &why) == ERR_OK;
	data_dir_leave();
	if (!done) {
		(void)cli_fail(cli, CLI_CANNOT, "%s", why.text);
	}
	tail_close(&tail);
	if (dir_fd >= 0) {
		(void)close(dir_fd);
	}
	return done;
}

static void print_request(const struct cli *cli, const struct reader_head *head)
{
	char root[ROOT_TEXT_BYTES];

	hex_encode(head->root.bytes, HASH_BYTES, root);
	if (cli->json) {
		(void)printf("{\"new_origin_requested\":true,\"height\":%" PRIu64
			     ",\"root\":\"%s\"}\n",
			head->size, root);
		return;
	}
	(void)printf("%s ends here: at its next start the node goes on with %" PRIu64
		     " entries under a new origin and key\n"
		     "tokens of the old one are no longer valid\n",
		head->meta.origin, head->size);
}

static int may_request(const struct cli *cli, const char *dir, const struct key_dir *keys,
	const struct found *found, const struct control_acknowledgement *wanted)
{
	char root[ROOT_TEXT_BYTES];

	hex_encode(found->head.root.bytes, HASH_BYTES, root);
	if (wanted->size != found->head.size ||
		memcmp(&wanted->root, &found->head.root, HASH_BYTES) != 0) {
		return cli_fail(cli, CLI_BAD,
			"%s has %" PRIu64 " entries and root %s, not what --ack says", dir,
			found->head.size, root);
	}
	if (!keys->there || !keys->knows_name) {
		return cli_fail(cli, CLI_BAD, "%s is the ledger of %s, and the keys are not", dir,
			found->head.meta.origin);
	}
	/* It breaks with every checkpoint that is out there: only where there is no other way. */
	if (found->has_signed) {
		return cli_fail(cli, CLI_BAD,
			"%s has all that was signed: it needs no new origin; start the node and "
			"see "
			"`macronode recover`",
			dir);
	}
	return CLI_GOOD;
}

static int recover_here(const struct cli *cli, const struct config *config,
	const struct control_acknowledgement *wanted)
{
	char dir[DATA_DIR_PATH_BYTES];
	struct found found = { .has_signed = false };
	struct key_dir keys;
	bool running = false;
	int exit;

	if (!data_dir_look(cli, config->node_data_dir, &running)) {
		return CLI_CANNOT;
	}
	if (running) {
		return cli_fail(cli, CLI_CANNOT,
			"%s: a node runs on it: stop it first, --new-origin changes its keys",
			config->node_data_dir);
	}
	(void)snprintf(dir, sizeof dir, "%s/store", config->node_data_dir);
	if (!read_store(cli, dir, config->node_data_dir, &keys, &found)) {
		return CLI_CANNOT;
	}
	exit = may_request(cli, dir, &keys, &found, wanted);
	if (exit != CLI_GOOD) {
		return exit;
	}
	if (!key_dir_ask_new_origin(
		    cli, config->node_data_dir, &keys, wanted->size, &wanted->root) ||
		!acknowledge_tail(cli, dir, wanted)) {
		return CLI_CANNOT;
	}
	print_request(cli, &found.head);
	return CLI_GOOD;
}

int cli_recover(struct cli *cli)
{
	static struct config config;
	struct control_acknowledgement wanted = { 0 };
	const char *ack = cli_option(cli, "--ack");
	bool new_origin = cli_has(cli, "--new-origin");

	if (ack != NULL && !take_acknowledgement(cli, ack, &wanted)) {
		return CLI_USAGE;
	}
	if (new_origin && ack == NULL) {
		return cli_fail(cli, CLI_USAGE,
			"--new-origin needs --ack HEIGHT:ROOT of the store that is to go on");
	}
	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	return new_origin ? recover_here(cli, &config, &wanted)
			  : recover_there(cli, &config, ack != NULL ? &wanted : NULL);
}
