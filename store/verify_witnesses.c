#include <string.h>

#include "core/hex.h"
#include "store/verify_state.h"

static bool witness_begin(
	struct verify *verify, const struct witness *witness, enum verify_check check)
{
	if (!witness->there || witness->size <= verify->head.size) {
		return true;
	}
	why_say(&verify->result->what,
		"%s: says that there are %llu entries, the store ends at %llu",
		verify_check_name(check), (unsigned long long)witness->size,
		(unsigned long long)verify->head.size);
	return verify_judge(verify, ERR_NOT_FOUND, check, verify->head.size + 1, NULL);
}

/* The row of a running node may be of a later moment than what we read. */
void verify_witnesses_begin(struct verify *verify)
{
	const struct verify_config *config = verify->config;
	struct why *what = &verify->result->what;
	/* A restored store may have an earlier name than the keys, until its next start. */
	bool is_of_keys = config->public_key_origin == NULL ||
			  strcmp(config->public_key_origin, verify->head.meta.origin) == 0;
	enum err err;

	if (is_of_keys) {
		verify->signed_last = config->signed_last;
	}
	if (config->dir != NULL) {
		err = witness_tail(config->dir, &verify->tail, what);
		if (err != ERR_OK) {
			(void)verify_judge(verify, err, VERIFY_TAIL, verify->head.size, NULL);
			return;
		}
	}
	err = witness_notes(verify->reader, &verify->head.meta,
		is_of_keys ? config->public_key : NULL, config->verify_signature, &verify->notes,
		what);
	if (err != ERR_OK) {
		(void)verify_judge(verify, err, VERIFY_CHECKPOINT, 0, NULL);
		return;
	}
	if (config->live && verify->notes.checkpoint.size > verify->head.size) {
		verify->notes = (struct witness_notes){ .has_audit = false };
	}
	(void)(witness_begin(verify, &verify->tail, VERIFY_TAIL) &&
		witness_begin(verify, &verify->notes.checkpoint, VERIFY_CHECKPOINT) &&
		witness_begin(verify, &verify->signed_last, VERIFY_SIGNED) &&
		witness_begin(verify, &config->kept, VERIFY_KEPT));
}

static bool witness_at(
	struct verify *verify, const struct witness *witness, enum verify_check check, uint64_t seq)
{
	char expected[HEX_TEXT_BYTES(HASH_BYTES) + 1], found[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	struct hash mine;

	if (!witness->there || witness->size != seq) {
		return true;
	}
	tile_builder_root(&verify->memory.builder, &mine);
	if (memcmp(&mine, &witness->root, sizeof mine) == 0) {
		verify->result->checked[check]++;
		return true;
	}
	hex_encode(witness->root.bytes, HASH_BYTES, expected);
	hex_encode(mine.bytes, HASH_BYTES, found);
	why_say(&verify->result->what, "%s: says that the root of %llu entries is %s, it is %s",
		verify_check_name(check), (unsigned long long)seq, expected, found);
	return verify_judge(verify, ERR_CORRUPT, check, seq, NULL);
}

bool verify_witnesses_at(struct verify *verify, uint64_t seq)
{
	return witness_at(verify, &verify->tail, VERIFY_TAIL, seq) &&
	       witness_at(verify, &verify->notes.checkpoint, VERIFY_CHECKPOINT, seq) &&
	       witness_at(verify, &verify->signed_last, VERIFY_SIGNED, seq) &&
	       witness_at(verify, &verify->config->kept, VERIFY_KEPT, seq);
}
