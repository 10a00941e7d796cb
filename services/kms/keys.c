#include "services/kms/keys.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/worker.h"
#include "core/bytes.h"
#include "core/caveat.h"
#include "core/hex.h"
#include "core/macaroon.h"
#include "core/note.h"
#include "services/kms/signed_file.h"

#define ORIGIN_NAME           "macronode.local"
#define ORIGIN_RANDOM_BYTES   8u
#define ORIGIN_NAME_BYTES_MAX ((int)CONFIG_AMNESIA_NAME_BYTES_MAX) /* the rules see to it */

_Static_assert(NODE_NAME_BYTES_MAX + sizeof "/63" <= ORIGIN_BYTES_MAX, "a number fits behind it");

_Static_assert(KEYS_ITEMS_MAX < UINT16_MAX, "items are numbered in 16 bits");
_Static_assert(KEYS_SLOTS >= 2 * KEYS_ITEMS_MAX && (KEYS_SLOTS & (KEYS_SLOTS - 1)) == 0,
	"the table stays at most half full, and a mask finds a slot");

void *keys_locked_alloc(struct worker *worker, size_t bytes_count)
{
	void *memory = sodium_malloc(bytes_count);

	/* sodium_malloc says nothing when it could not lock (FACTS.md); asking again does */
	if (memory == NULL || sodium_mlock(memory, bytes_count) != 0) {
		worker_fail(worker,
			"no locked memory for secrets: %s (RLIMIT_MEMLOCK is too small)",
			strerror(errno));
	}
	sodium_memzero(memory, bytes_count);
	return memory;
}

static struct slice text_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

const struct keys_origin *keys_origin_now(const struct keys *keys)
{
	assert(keys->origin_count > 0);
	return &keys->origins[keys->origin_count - 1];
}

struct slice keys_origin(const struct keys *keys)
{
	return text_slice(keys_origin_now(keys)->name);
}

struct slice keys_origin_before(const struct keys *keys)
{
	return text_slice(keys->origin_count < 2 ? "" : keys->origins[keys->origin_count - 2].name);
}

bool keys_in_use(const struct keys *keys)
{
	return keys->item_count > keys->root_count; /* a root key is an item, too */
}

/* --- looking up --- */

static uint32_t slot_of(const struct id128 *capability)
{
	struct byte_reader in = byte_reader_of((struct slice){ capability->bytes, ID_BYTES });

	return byte_get_u32(&in) & (KEYS_SLOTS - 1); /* random: it is its own hash */
}

/* The slot that has it, or the empty one where it would be. */
static uint32_t slot_find(const struct keys *keys, const struct id128 *capability)
{
	uint32_t slot = slot_of(capability);

	while (keys->slots[slot] != 0 &&
		memcmp(&keys->items[keys->slots[slot] - 1].capability, capability, ID_BYTES) != 0) {
		slot = (slot + 1) & (KEYS_SLOTS - 1);
	}
	return slot;
}

static bool id_is_zero(const struct id128 *id)
{
	static const struct id128 zero;

	return memcmp(id, &zero, sizeof zero) == 0;
}

static const struct keys_item *root_item(const struct keys *keys, uint32_t kid)
{
	if (kid == 0 || kid > keys->root_count) {
		return NULL;
	}
	return &keys->items[keys->root_items[kid - 1]];
}

const struct keys_item *keys_find(
	const struct keys *keys, uint32_t kid, const struct id128 *capability)
{
	const struct keys_item *item;
	uint32_t slot;

	if (id_is_zero(capability)) {
		return root_item(keys, kid);
	}
	slot = slot_find(keys, capability);
	if (keys->slots[slot] == 0) {
		return NULL;
	}
	item = &keys->items[keys->slots[slot] - 1];
	return item->kid == kid ? item : NULL;
}

const struct hash *keys_root(const struct keys *keys, uint32_t kid)
{
	return root_item(keys, kid) == NULL ? NULL : &keys->secret->roots[kid - 1];
}

bool keys_root_is_revoked(const struct keys *keys, uint32_t kid)
{
	const struct keys_item *item = root_item(keys, kid);

	return item == NULL || item->revoked_unix_s != 0;
}

bool keys_root_is_expired(const struct keys *keys, uint32_t kid, uint64_t now_unix_s)
{
	const struct keys_item *next = root_item(keys, kid + 1);

	return next != NULL && now_unix_s >= next->iat_unix_s + KEYS_LIFE_MAX_S;
}

/* --- what a record means ---
 *
 * The same for one that was read and for one that was just written. False: it contradicts what
 * came before it; nothing has changed then. */

static void note_event(struct keys *keys, enum keys_file_type type, uint32_t index)
{
	assert(keys->event_count < KEYS_EVENTS_MAX); /* two an item, one an origin */
	keys->events[keys->event_count++] =
		(struct keys_event){ .type = (uint16_t)type, .index = (uint16_t)index };
}

static bool apply_node(struct keys *keys, struct byte_reader *in)
{
	struct hash log_key = byte_get_hash(in);
	struct slice name = byte_get_string8(in, NODE_NAME_BYTES_MAX);

	if (!byte_reader_done(in) || name.bytes_count == 0 ||
		memchr(name.bytes, '\0', name.bytes_count) != NULL || keys->name[0] != '\0') {
		return false;
	}
	keys->secret->log_key = log_key;
	sodium_memzero(&log_key, sizeof log_key);
	memcpy(keys->name, name.bytes, name.bytes_count);
	keys->name[name.bytes_count] = '\0';
	return true;
}

/* The name itself, then with a number; NODE's is short enough for that, it was node.name. */
static void next_origin(const struct keys *keys, char ret_name[ORIGIN_BYTES_MAX + 1])
{
	int length = keys->origin_count == 0
			     ? snprintf(ret_name, ORIGIN_BYTES_MAX + 1, "%s", keys->name)
			     : snprintf(ret_name, ORIGIN_BYTES_MAX + 1, "%s/%u", keys->name,
				       (unsigned)keys->origin_count);

	assert(length > 0 && length <= (int)ORIGIN_BYTES_MAX);
	(void)length;
}

static bool apply_origin(struct keys *keys, uint64_t at_unix_s, struct byte_reader *in)
{
	struct keys_origin origin = { .at_unix_s = at_unix_s };
	struct slice seed = byte_get_view(in, crypto_sign_SEEDBYTES);
	struct slice name;

	origin.abandoned_size = byte_get_u64(in);
	origin.abandoned_root = byte_get_hash(in);
	name = byte_get_string8(in, ORIGIN_BYTES_MAX);
	if (!byte_reader_done(in) || keys->name[0] == '\0' ||
		keys->origin_count == KEYS_ORIGINS_MAX) {
		return false;
	}
	next_origin(keys, origin.name);
	if (name.bytes_count != strlen(origin.name) ||
		memcmp(name.bytes, origin.name, name.bytes_count) != 0) {
		return false;
	}
	assert(seed.bytes != NULL); /* the reader did not fail */
	(void)crypto_sign_seed_keypair(origin.public_key.bytes, keys->secret->node_key, seed.bytes);
	keys->node_hash = macaroon_node_hash(name);
	note_event(keys, KEYS_FILE_ORIGIN, keys->origin_count);
	keys->origins[keys->origin_count++] = origin;
	return true;
}

static bool apply_root(struct keys *keys, uint64_t at_unix_s, struct byte_reader *in)
{
	struct keys_item item = { .kid = byte_get_u32(in), .iat_unix_s = at_unix_s };
	struct slice key = byte_get_view(in, HASH_BYTES);

	if (!byte_reader_done(in) || keys->name[0] == '\0' || item.kid != keys->root_count + 1 ||
		keys->root_count == KEYS_ROOTS_MAX || keys->item_count == KEYS_ITEMS_MAX) {
		return false;
	}
	assert(key.bytes != NULL); /* the reader did not fail */
	memcpy(keys->secret->roots[keys->root_count].bytes, key.bytes, HASH_BYTES);
	keys->root_items[keys->root_count++] = keys->item_count;
	note_event(keys, KEYS_FILE_ROOT, keys->item_count);
	keys->items[keys->item_count++] = item;
	return true;
}

static bool apply_minted(
	struct keys *keys, uint64_t at_unix_s, uint64_t offset, struct byte_reader *in)
{
	struct keys_item item = { .iat_unix_s = at_unix_s };
	struct slice caveats;
	uint32_t slot;

	item.kid = byte_get_u32(in);
	item.capability = byte_get_id128(in);
	item.exp_unix_s = byte_get_u64(in);
	caveats = byte_get_slice16(in, VERB_CAVEATS_BYTES_MAX);
	item.caveats_bytes = (uint32_t)caveats.bytes_count;
	item.caveats_offset = offset - caveats.bytes_count; /* it is the last field */
	if (!byte_reader_done(in) || keys_root_is_revoked(keys, item.kid) ||
		id_is_zero(&item.capability) || keys->item_count == KEYS_ITEMS_MAX) {
		return false;
	}
	slot = slot_find(keys, &item.capability);
	if (keys->slots[slot] != 0) {
		return false;
	}
	note_event(keys, KEYS_FILE_MINTED, keys->item_count);
	keys->items[keys->item_count++] = item;
	keys->slots[slot] = (uint16_t)keys->item_count;
	return true;
}

static bool apply_revoked(struct keys *keys, uint64_t at_unix_s, struct byte_reader *in)
{
	uint32_t kid = byte_get_u32(in);
	struct id128 capability = byte_get_id128(in);
	const struct keys_item *found;
	struct keys_item *item;

	if (!byte_reader_done(in) || at_unix_s == 0) {
		return false;
	}
	found = keys_find(keys, kid, &capability);
	if (found == NULL || found->revoked_unix_s != 0) {
		return false;
	}
	item = &keys->items[found - keys->items];
	item->revoked_unix_s = at_unix_s;
	item->revoked_order = keys->revoked_count;
	keys->revoked[keys->revoked_count++] = (uint16_t)(found - keys->items);
	note_event(keys, KEYS_FILE_REVOKED, (uint32_t)(found - keys->items));
	return true;
}

static bool apply(struct keys *keys, struct slice payload, uint64_t offset)
{
	struct byte_reader in = byte_reader_of(payload);
	uint8_t type = byte_get_u8(&in);
	uint64_t at_unix_s = byte_get_u64(&in);

	if (in.failed || at_unix_s > CAVEAT_UNIX_S_MAX) {
		return false;
	}
	switch ((enum keys_file_type)type) {
	case KEYS_FILE_NODE:
		return apply_node(keys, &in);
	case KEYS_FILE_ROOT:
		return apply_root(keys, at_unix_s, &in);
	case KEYS_FILE_MINTED:
		return apply_minted(keys, at_unix_s, offset + payload.bytes_count, &in);
	case KEYS_FILE_REVOKED:
		return apply_revoked(keys, at_unix_s, &in);
	case KEYS_FILE_ORIGIN:
		return apply_origin(keys, at_unix_s, &in);
	default:
		return false;
	}
}

/* --- adding --- */

static struct byte_writer payload_begin(
	struct keys *keys, enum keys_file_type type, uint64_t at_unix_s)
{
	struct byte_writer out =
		byte_writer_of(keys->secret->record + 8, KEYS_FILE_PAYLOAD_BYTES_MAX);

	byte_put_u8(&out, (uint8_t)type);
	byte_put_u64(&out, at_unix_s);
	return out;
}

/* To the file, then, if `applied`, to memory. */
static enum err payload_end(struct keys *keys, const struct byte_writer *out, bool applied)
{
	struct slice payload = { keys->secret->record + 8, out->used };
	uint64_t offset = 0;
	enum err err;

	assert(!out->failed);
	err = keys_file_append(&keys->file, keys->worker, keys->secret->record, out->used, &offset);
	if (err == ERR_OK && applied) {
		bool fits = apply(keys, payload, offset);
		assert(fits); /* else the next start would call it damage */
	}
	sodium_memzero(keys->secret->record, sizeof keys->secret->record);
	return err;
}

static enum err put_root(struct keys *keys, uint32_t kid, uint64_t now_unix_s, bool applied)
{
	struct byte_writer out = payload_begin(keys, KEYS_FILE_ROOT, now_unix_s);

	byte_put_u32(&out, kid);
	assert(out.left >= HASH_BYTES);
	randombytes_buf(out.next, HASH_BYTES); /* where it stays: in locked memory */
	out.next += HASH_BYTES;
	out.left -= HASH_BYTES;
	out.used += HASH_BYTES;
	return payload_end(keys, &out, applied);
}

void keys_draw_node_key(struct keys *keys, struct hash *ret_public_key)
{
	(void)crypto_sign_keypair(ret_public_key->bytes, keys->secret->node_key);
}

static enum err put_origin(struct keys *keys, uint64_t now_unix_s, uint64_t abandoned_size,
	const struct hash *abandoned_root, const char *name, bool applied)
{
	struct byte_writer out = payload_begin(keys, KEYS_FILE_ORIGIN, now_unix_s);

	byte_put_bytes(&out, keys->secret->node_key, crypto_sign_SEEDBYTES); /* it begins with it */
	byte_put_u64(&out, abandoned_size);
	byte_put_hash(&out, abandoned_root);
	byte_put_string8(&out, text_slice(name));
	return payload_end(keys, &out, applied);
}

enum err keys_add_origin(struct keys *keys, uint64_t now_unix_s, uint64_t abandoned_size,
	const struct hash *abandoned_root)
{
	char name[ORIGIN_BYTES_MAX + 1];

	if (keys->origin_count == KEYS_ORIGINS_MAX) {
		return ERR_NO_SPACE;
	}
	next_origin(keys, name);
	return put_origin(keys, now_unix_s, abandoned_size, abandoned_root, name, true);
}

enum err keys_add_root(struct keys *keys, uint64_t now_unix_s)
{
	if (keys->root_count == KEYS_ROOTS_MAX || keys->item_count == KEYS_ITEMS_MAX) {
		return ERR_NO_SPACE;
	}
	return put_root(keys, keys->root_count + 1, now_unix_s, true);
}

enum err keys_add_capability(struct keys *keys, const struct keys_item *item, struct slice caveats)
{
	struct byte_writer out = payload_begin(keys, KEYS_FILE_MINTED, item->iat_unix_s);

	assert(caveats.bytes_count <= VERB_CAVEATS_BYTES_MAX);
	if (keys->item_count == KEYS_ITEMS_MAX) {
		return ERR_NO_SPACE;
	}
	byte_put_u32(&out, item->kid);
	byte_put_id128(&out, &item->capability);
	byte_put_u64(&out, item->exp_unix_s);
	byte_put_slice16(&out, caveats);
	return payload_end(keys, &out, true);
}

enum err keys_revoke(struct keys *keys, uint32_t item, uint64_t now_unix_s)
{
	struct byte_writer out = payload_begin(keys, KEYS_FILE_REVOKED, now_unix_s);

	assert(item < keys->item_count && keys->items[item].revoked_unix_s == 0);
	byte_put_u32(&out, keys->items[item].kid);
	byte_put_id128(&out, &keys->items[item].capability);
	return payload_end(keys, &out, true);
}

enum err keys_read_caveats(const struct keys *keys, const struct keys_item *item,
	uint8_t ret_text[VERB_CAVEATS_BYTES_MAX])
{
	return keys_file_read(&keys->file, item->caveats_offset, ret_text, item->caveats_bytes);
}

/* --- the start --- */

/* With amnesia a name is the beginning of many, one a start: no two ledgers may have one origin. */
static void choose_origin(
	const struct keys *keys, const char *name, char ret_origin[NODE_NAME_BYTES_MAX + 1])
{
	uint8_t random[ORIGIN_RANDOM_BYTES];
	char digits[HEX_TEXT_BYTES(ORIGIN_RANDOM_BYTES) + 1];
	bool amnesia = keys->worker->config.amnesia_enabled;

	if (name[0] != '\0' && !amnesia) {
		assert(strlen(name) <= NODE_NAME_BYTES_MAX); /* the bound of its row */
		(void)snprintf(ret_origin, NODE_NAME_BYTES_MAX + 1, "%s", name);
		return;
	}
	randombytes_buf(random, sizeof random);
	hex_encode(random, sizeof random, digits);
	(void)snprintf(ret_origin, NODE_NAME_BYTES_MAX + 1, "%.*s/%s", ORIGIN_NAME_BYTES_MAX,
		name[0] != '\0' ? name : ORIGIN_NAME, digits);
}

static bool is_of_name(const struct keys *keys, const char *name)
{
	size_t bytes = strlen(name);

	return keys->worker->config.amnesia_enabled
		       ? strncmp(keys->name, name, bytes) == 0 && keys->name[bytes] == '/'
		       : strcmp(keys->name, name) == 0;
}

/* Each token carries node=, whose value is a list: a name with a comma would be two others. */
static void demand_nameable(const struct keys *keys, const char *name)
{
	char text[sizeof "node=" + ORIGIN_BYTES_MAX];
	int bytes_count = snprintf(text, sizeof text, "node=%s", name);
	struct caveat caveat;

	if (strchr(name, ',') != NULL ||
		caveat_parse((struct slice){ (const uint8_t *)text, (size_t)bytes_count },
			&caveat) != CAVEAT_FAULT_OK) {
		worker_fail(keys->worker,
			"node.name: %s cannot stand in a token, where a comma parts two names",
			name);
	}
	if (!note_name_is_valid(text_slice(name)) || note_name_is_reserved(text_slice(name))) {
		worker_fail(keys->worker,
			"node.name: %s cannot stand in a signed checkpoint: no space, no plus "
			"sign, "
			"and nothing that looks like macronode.audit/v1",
			name);
	}
}

/* What it signed comes into being before the keyring does, so that a known key has one. */
static void make_signed(struct keys *keys)
{
	struct signed_file file = { .fd = -1 };
	struct signed_mark mark = { .size = 0 };

	keys_draw_node_key(keys, &mark.public_key);
	signed_file_create(&file, keys->worker, keys->file.dir_fd, mark);
	(void)close(file.fd);
}

static enum err put_node(struct keys *keys, uint64_t now_unix_s, const char *name)
{
	struct byte_writer out = payload_begin(keys, KEYS_FILE_NODE, now_unix_s);

	randombytes_buf(keys->secret->log_key.bytes, HASH_BYTES);
	byte_put_hash(&out, &keys->secret->log_key);
	byte_put_string8(&out, text_slice(name));
	return payload_end(keys, &out, false);
}

static void make(struct keys *keys, const char *name)
{
	static const struct hash nothing;
	uint64_t now_unix_s = (uint64_t)clock_unix_ms() / 1000;
	char origin[NODE_NAME_BYTES_MAX + 1];
	enum err err;

	choose_origin(keys, name, origin);
	demand_nameable(keys, origin);
	make_signed(keys);
	keys_file_create_begin(&keys->file, keys->worker);
	err = put_node(keys, now_unix_s, origin);
	if (err == ERR_OK) {
		err = put_origin(keys, now_unix_s, 0, &nothing, origin, false);
	}
	if (err == ERR_OK) {
		err = put_root(keys, 1, now_unix_s, false);
	}
	if (err != ERR_OK) {
		worker_fail(keys->worker, "the keyring cannot be made: %s", err_text(err));
	}
	keys_file_create_end(&keys->file, keys->worker);
	log_event(LOG_KEYS_CREATED, &(struct log_fields){ .kid = 1, .text = origin });
}

static void load(struct keys *keys)
{
	uint64_t offset = 0;

	keys_file_rewind(&keys->file, keys->worker);
	for (;;) {
		struct slice payload =
			keys_file_next(&keys->file, keys->worker, keys->secret->record, &offset);

		if (payload.bytes_count == 0) {
			break;
		}
		if (!apply(keys, payload, offset)) {
			worker_fail(keys->worker,
				"the keyring is damaged: the record at byte %llu contradicts those "
				"before it; restore it from a copy of the key directory",
				(unsigned long long)offset);
		}
	}
	sodium_memzero(keys->secret->record, sizeof keys->secret->record);
	if (keys->root_count == 0) {
		worker_fail(keys->worker, "the keyring is damaged: it holds no root key; restore "
					  "it from a copy of the key directory");
	}
	keys_file_trim(&keys->file, keys->worker);
	log_event(LOG_KEYS_LOADED,
		&(struct log_fields){ .kid = keys->root_count, .count = keys->item_count });
}

void keys_open(struct keys *keys, struct worker *worker, const char *dir, const char *name)
{
	keys->worker = worker;
	if (sodium_init() < 0) {
		worker_fail(worker, "libsodium does not start");
	}
	keys->secret = keys_locked_alloc(worker, sizeof *keys->secret);
	randombytes_buf(keys->secret->grant_key.bytes, HASH_BYTES);
	if (!keys_file_open(&keys->file, worker, dir)) {
		make(keys, name);
	}
	load(keys);
	if (name[0] != '\0' && !is_of_name(keys, name)) {
		worker_fail(worker,
			"node.name is %s, but the keyring was made for %s: a ledger cannot be "
			"renamed",
			name, keys->name);
	}
}
