#ifndef SERVICES_KMS_KEYS_H
#define SERVICES_KMS_KEYS_H

/* The keyring: every secret that lasts, and what was ever issued or taken back with it. In
 * memory it is what services/kms/keys_file.h read; both change together, the file first. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "proto/verbs.h"
#include "services/kms/keys_file.h"

struct worker;

/* A root key lives for years unless it leaks; one that is not active verifies this long, which
 * is also the longest life of a token (DESIGN-WALL.md section 4). */
#define KEYS_ROOTS_MAX  64u
#define KEYS_LIFE_MAX_S (30u * 24u * 3600u)

/* Root keys and capabilities, all of which stay listed for ever: forty years of one a day. */
#define KEYS_ITEMS_MAX 16384u
#define KEYS_SLOTS     32768u /* half full at most */

/* Names that a ledger had, each with a node key of its own: one a restore behind what was signed.
 */
#define KEYS_ORIGINS_MAX 64u

/* Records of the keyring that the committer mirrors as audit records: all but NODE. */
#define KEYS_EVENTS_MAX (2u * KEYS_ITEMS_MAX + KEYS_ORIGINS_MAX)

struct keys_origin {
	char name[ORIGIN_BYTES_MAX + 1];
	uint64_t at_unix_s;
	struct hash public_key;
	uint64_t abandoned_size; /* signed under the one before; 0: nothing, or it is not known */
	struct hash abandoned_root;
};

struct keys_event {
	uint16_t type;  /* enum keys_file_type */
	uint16_t index; /* of an item or an origin */
};

/* What was issued: a root key (its capability is zero), or a capability under one. */
struct keys_item {
	uint32_t kid;
	struct id128 capability;
	uint64_t iat_unix_s;
	uint64_t exp_unix_s;     /* of a capability */
	uint64_t caveats_offset; /* where in the file, in clear text */
	uint32_t caveats_bytes;
	uint64_t revoked_unix_s; /* 0: is good */
	uint32_t revoked_order;  /* which revocation it was, from 0 */
};

/* In locked memory, which is zeroed at its end. */
struct keys_secret {
	struct hash grant_key; /* made at each start, in no file */
	struct hash log_key;   /* for hashes of accounts in logs; no log names an account yet */
	struct hash roots[KEYS_ROOTS_MAX];
	uint8_t node_key[64]; /* Ed25519 as libsodium has it: seed and public key; of the origin */
	uint8_t record[KEYS_FILE_RECORD_BYTES_MAX]; /* on its way from or to the file */
};

struct keys {
	struct worker *worker;
	struct keys_file file;
	struct keys_secret *secret;         /* owned */
	char name[NODE_NAME_BYTES_MAX + 1]; /* at genesis; each origin is it, or it with a number */
	struct id128 node_hash;             /* of the origin */
	uint32_t origin_count;              /* the last is the ledger's */
	struct keys_origin origins[KEYS_ORIGINS_MAX];
	uint32_t event_count;
	struct keys_event events[KEYS_EVENTS_MAX];
	uint32_t root_count; /* kid of the active one */
	uint32_t root_items[KEYS_ROOTS_MAX];
	uint32_t item_count;
	uint32_t revoked_count;
	struct keys_item items[KEYS_ITEMS_MAX];
	uint16_t revoked[KEYS_ITEMS_MAX]; /* items, in the order of their revocation */
	uint16_t slots[KEYS_SLOTS];       /* capability id -> item + 1 */
};

/* Memory for secrets that the kernel never writes to a swap device, guarded on both sides.
 * Ends the process when there is none. */
void *keys_locked_alloc(struct worker *worker, size_t bytes_count);

/* Loads the directory's keyring, or makes it when the directory is empty: then the origin is
 * `name`, or chosen when that is empty. Ends the process, with a sentence, when the keyring is
 * damaged, is not ours alone, or was made for another name.
 * A keyring of before there were node keys holds no origin then: keys_add_origin is the caller's.
 */
void keys_open(struct keys *keys, struct worker *worker, const char *dir, const char *name);

struct slice keys_origin(const struct keys *keys);
/* Its record: name and public key, and what was abandoned for it. */
const struct keys_origin *keys_origin_now(const struct keys *keys);
/* The name before; "" for the first. */
struct slice keys_origin_before(const struct keys *keys);

/* A capability was minted, ever. */
bool keys_in_use(const struct keys *keys);

/* NULL: was never issued here. A zero capability is the root key itself. */
const struct keys_item *keys_find(
	const struct keys *keys, uint32_t kid, const struct id128 *capability);

/* NULL: unknown. */
const struct hash *keys_root(const struct keys *keys, uint32_t kid);
bool keys_root_is_revoked(const struct keys *keys, uint32_t kid);
/* Not active, and replaced longer ago than any token lives. */
bool keys_root_is_expired(const struct keys *keys, uint32_t kid, uint64_t now_unix_s);

/* A key for the next name, drawn where it will stay until keys_add_origin puts it to the keyring.
 */
void keys_draw_node_key(struct keys *keys, struct hash *ret_public_key);
MUST_CHECK enum err keys_add_origin(struct keys *keys, uint64_t now_unix_s, uint64_t abandoned_size,
	const struct hash *abandoned_root);

/* Each is on disk when it returns ERR_OK. ERR_NO_SPACE: of the disk or the keyring; ERR_IO. */
MUST_CHECK enum err keys_add_root(struct keys *keys, uint64_t now_unix_s);
MUST_CHECK enum err keys_add_capability(
	struct keys *keys, const struct keys_item *item, struct slice caveats);
MUST_CHECK enum err keys_revoke(struct keys *keys, uint32_t item, uint64_t now_unix_s);

/* The caveats of a capability as lines of text, as they were minted. */
MUST_CHECK enum err keys_read_caveats(const struct keys *keys, const struct keys_item *item,
	uint8_t ret_text[VERB_CAVEATS_BYTES_MAX]);

#endif
