#ifndef CLI_PROOF_SAY_H
#define CLI_PROOF_SAY_H

/* What the commands about proofs have in common: the key, and verdicts for people and programs. */

#include "cli/proof_check.h"
#include "core/json_out.h"

/* One origin, one sentence and an entry, or the hashes of a proof. */
#define PROOF_SAY_BYTES_MAX 32768u

struct slice proof_say_slice(const char *text);
void proof_say_free(struct slice file); /* of cli_read_file */

/* --vkey. False after a sentence. *ret_given: the option is there at all. */
bool proof_say_vkey(const struct cli *cli, struct note_vkey *ret_vkey, bool *ret_given);

void proof_say_put_hash(struct json_out *out, const char *name, const struct hash *hash);
void proof_say_put_u64(struct json_out *out, const char *name, uint64_t number);
void proof_say_put_text(struct json_out *out, const char *name, struct slice text);

/* Opens the object, with what every verdict says. */
void proof_say_begin(
	struct json_out *out, uint8_t bytes[PROOF_SAY_BYTES_MAX], const struct proof_check *check);
void proof_say_json(struct json_out *out);

/* For people, when it is not good. */
void proof_say_bad(const struct cli *cli, const struct proof_check *check);

#endif
