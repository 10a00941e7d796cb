#include "cli/proof_say.h"

#include <stdlib.h>
#include <string.h>

#include "cli/node.h"

struct slice proof_say_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

void proof_say_free(struct slice file)
{
	free((void *)(uintptr_t)file.bytes);
}

bool proof_say_vkey(const struct cli *cli, struct note_vkey *ret_vkey, bool *ret_given)
{
	const char *text = cli_option(cli, "--vkey");
	enum note_fault fault;

	*ret_given = text != NULL;
	if (text == NULL) {
		return true;
	}
	fault = note_vkey_parse(proof_say_slice(text), ret_vkey);
	if (fault != NOTE_OK) {
		(void)cli_fail(cli, CLI_USAGE, "--vkey: %s", note_fault_text(fault));
		return false;
	}
	return true;
}

void proof_say_put_hash(struct json_out *out, const char *name, const struct hash *hash)
{
	json_out_key(out, name);
	json_out_hex(out, (struct slice){ hash->bytes, HASH_BYTES });
}

void proof_say_put_u64(struct json_out *out, const char *name, uint64_t number)
{
	json_out_key(out, name);
	json_out_u64(out, number);
}

void proof_say_put_text(struct json_out *out, const char *name, struct slice text)
{
	json_out_key(out, name);
	json_out_string(out, text);
}

void proof_say_json(struct json_out *out)
{
	size_t bytes_count = 0;
	enum err err = json_out_finish(out, &bytes_count);

	assert(err == ERR_OK); /* the bound is for all that can stand in it */
	(void)err;
	node_print_line((struct slice){ out->bytes, bytes_count });
}

void proof_say_begin(
	struct json_out *out, uint8_t bytes[PROOF_SAY_BYTES_MAX], const struct proof_check *check)
{
	json_out_init(out, bytes, PROOF_SAY_BYTES_MAX);
	json_out_object_begin(out);
	json_out_key(out, "good");
	json_out_bool(out, check->exit == CLI_GOOD);
	if (check->exit != CLI_GOOD) {
		proof_say_put_text(
			out, "reason", proof_say_slice(proof_check_reason_name(check->reason)));
		proof_say_put_text(out, "what", proof_say_slice(check->what));
		return;
	}
	proof_say_put_text(out, "origin", check->checkpoint.origin);
}

void proof_say_bad(const struct cli *cli, const struct proof_check *check)
{
	if (check->exit == CLI_CANNOT) {
		(void)cli_fail(cli, CLI_CANNOT, "%s", check->what);
		return;
	}
	(void)fputs("BAD: ", stdout);
	cli_print_text(stdout, proof_say_slice(check->what));
	(void)fputc('\n', stdout);
}
