/* macronode proof check: needs no node, only what it signed, and its public key. */
#include <inttypes.h>

#include "cli/node.h"
#include "cli/proof_say.h"
#include "core/amount.h"
#include "core/hex.h"

/* A proof with the longest entry, and a note as long as there may be. */
#define FILE_BYTES_MAX TLOG_PROOF_BYTES_MAX(TLOG_PROOF_EXTRA_BYTES_MAX, NOTE_BYTES_MAX)

static void put_entry(struct json_out *out, const struct entry *entry)
{
	json_out_key(out, "entry");
	json_out_object_begin(out);
	proof_say_put_u64(out, "seq", entry->seq);
	proof_say_put_u64(out, "ts", entry->ts_unix_ms);
	proof_say_put_text(out, "kind", proof_say_slice(entry_kind_name(entry->kind)));
	proof_say_put_text(out, "source", proof_say_slice(entry_source_name(entry->source)));
	proof_say_put_text(out, "account", entry->account);
	if (entry->counter_account.bytes_count > 0) {
		proof_say_put_text(out, "counter_account", entry->counter_account);
	}
	proof_say_put_text(out, "asset", entry->asset);
	json_out_key(out, "amount");
	json_out_u128(out, entry->amount);
	json_out_object_end(out);
}

static void print_check_json(const struct proof_check *check)
{
	static uint8_t bytes[PROOF_SAY_BYTES_MAX];
	struct json_out out;

	proof_say_begin(&out, bytes, check);
	if (check->exit == CLI_GOOD) {
		proof_say_put_u64(&out, "size", check->checkpoint.size);
		proof_say_put_hash(&out, "root", &check->checkpoint.root);
	}
	if (check->exit == CLI_GOOD && check->is_proof) {
		proof_say_put_u64(&out, "index", check->proof.index);
		proof_say_put_u64(&out, "seq", check->proof.index + 1);
		proof_say_put_hash(&out, "leaf_hash", &check->leaf_hash);
		if (check->has_entry) {
			put_entry(&out, &check->entry);
		}
	}
	json_out_object_end(&out);
	proof_say_json(&out);
}

static void print_entry(const struct entry *entry)
{
	char when[64], amount[AMOUNT_TEXT_BYTES_MAX];

	node_format_time(entry->ts_unix_ms, when, sizeof when);
	(void)amount_print(entry->amount, amount);
	(void)printf("entry  %s, %s %s of ", when, entry_kind_name(entry->kind), amount);
	cli_print_text(stdout, entry->asset);
	(void)fputs(", account ", stdout);
	cli_print_text(stdout, entry->account);
	if (entry->counter_account.bytes_count > 0) {
		(void)fputs(", counter account ", stdout);
		cli_print_text(stdout, entry->counter_account);
	}
	(void)fputc('\n', stdout);
}

static void print_check(const struct proof_check *check)
{
	char root[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	if (check->is_proof) {
		(void)printf("good: the entry with seq %" PRIu64 " is in the log ",
			check->proof.index + 1);
	} else {
		(void)fputs("good: a checkpoint of the log ", stdout);
	}
	cli_print_text(stdout, check->checkpoint.origin);
	hex_encode(check->checkpoint.root.bytes, HASH_BYTES, root);
	(void)printf("\nsize   %" PRIu64 "\nroot   %s\n", check->checkpoint.size, root);
	if (check->is_proof && check->has_entry) {
		print_entry(&check->entry);
	}
}

int cli_proof_check(struct cli *cli)
{
	static struct proof_check check;
	const char *entry_path = cli_option(cli, "--entry");
	struct slice file = { NULL, 0 }, leaf = { NULL, 0 };
	struct note_vkey vkey;
	bool given;

	if (!proof_say_vkey(cli, &vkey, &given)) {
		return CLI_USAGE;
	}
	if (!given) {
		return cli_fail(cli, CLI_USAGE,
			"needs --vkey KEY: the node's public key, from somewhere that you trust");
	}
	if (!cli_read_file(cli, cli->words[0], FILE_BYTES_MAX, &file)) {
		return CLI_CANNOT;
	}
	if (entry_path != NULL &&
		!cli_read_file(cli, entry_path, TLOG_PROOF_EXTRA_BYTES_MAX, &leaf)) {
		proof_say_free(file);
		return CLI_CANNOT;
	}
	(void)proof_check_file(file, entry_path != NULL ? &leaf : NULL, &vkey, &check);
	if (cli->json) {
		print_check_json(&check);
	} else if (check.exit == CLI_GOOD) {
		print_check(&check);
	} else {
		proof_say_bad(cli, &check);
	}
	proof_say_free(leaf);
	proof_say_free(file);
	return (int)check.exit;
}
