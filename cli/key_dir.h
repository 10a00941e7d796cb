#ifndef CLI_KEY_DIR_H
#define CLI_KEY_DIR_H

/* What the key directory of a stopped node says without giving a secret away: the ledger's name and
 * what was signed for it last. Read as root, or as its owner. */

#include <stdbool.h>
#include <stdint.h>

#include "cli/commands.h"
#include "common/errors.h"
#include "common/types.h"
#include "store/why.h"

struct key_dir {
	bool there;       /* there is a keyring */
	bool knows_name;  /* the ledger's name is, or was, the one that was asked about */
	char origin[256]; /* its name now */
	/* Of keys/signed. "" or why it cannot be known what was signed: the file is missing or
	 * damaged, kms does not start, and the ledger goes on under a new name or not at all. */
	const char *unknown;
	struct hash public_key;
	uint64_t signed_size; /* 0: nothing was signed yet */
	struct hash signed_root;
};

/* False after a sentence: it cannot be read, or the keyring is damaged. */
bool key_dir_read(
	const struct cli *cli, const char *data_dir, const char *name, struct key_dir *ret_keys);

/* The same; the sentence goes to `why`. ERR_DENIED: this user may not read it; ERR_CORRUPT: the
 * keyring is damaged; ERR_IO. */
enum err key_dir_look(
	const char *data_dir, const char *name, struct key_dir *ret_keys, struct why *why);

/* Without a word if they cannot be known: the key, whose it is, and what it signed last, unless
 * that is to be given up at the next start. */
bool key_dir_signer(const char *data_dir, struct key_dir *ret_keys);

/* Asks kms for a new name and key at its next start, because its store goes on from here
 * (core/new_origin.h). The file belongs to the owner of the directory. */
bool key_dir_ask_new_origin(const struct cli *cli, const char *data_dir, const struct key_dir *keys,
	uint64_t size, const struct hash *root);

#endif
