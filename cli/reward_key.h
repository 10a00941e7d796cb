#ifndef CLI_REWARD_KEY_H
#define CLI_REWARD_KEY_H

/* The key of somebody who approves policies of rewards, in a file of its own:
 *
 *     kid: gov-1
 *     -----BEGIN PRIVATE KEY-----
 *     (64 characters of base64: the PKCS#8 form of an Ed25519 key)
 *     -----END PRIVATE KEY-----
 *
 * The lower three lines are what `openssl genpkey -algorithm ed25519` writes, and openssl reads
 * the whole file. The name is in the file, so that nobody signs under that of another. What others
 * need is the verifier key, in the form that the ledger's own has: NAME+ID+BASE64. */

#include "cli/commands.h"
#include "core/note.h"
#include "core/reward_policy.h"

#define REWARD_KEY_SEED_BYTES 32u

struct reward_key {
	struct reward_name kid;
	uint8_t seed[REWARD_KEY_SEED_BYTES]; /* secret: reward_key_wipe */
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES];
};

/* Before a secret is in memory: no core file, and no other process of this user looks in. */
bool reward_key_guard(const struct cli *cli);

/* False after a sentence. */
bool reward_key_read(const struct cli *cli, const char *path, struct reward_key *ret_key);
/* A new one; a file that is there stays as it is. An exit code, after a sentence if it is not
 * CLI_GOOD. */
int reward_key_create(
	const struct cli *cli, const char *path, const char *kid, struct reward_key *ret_key);
void reward_key_wipe(struct reward_key *key);

void reward_key_sign(const struct reward_key *key, struct slice message,
	uint8_t ret_signature[REWARD_SIGNATURE_BYTES]);
void reward_key_print(const struct reward_key *key, char ret_vkey[NOTE_VKEY_BYTES_MAX]);

#endif
