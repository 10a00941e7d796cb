/* Appends the entries of a stopped node's store in seq order, in batches of other sizes, to an
 * empty store, and says the root of both: the root depends on the entries alone.
 * Usage: reappend STORE_DIR EMPTY_DIR SEED. Exit: 0 the same root, 1 another, 3 could not. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "core/batch.h"
#include "core/hex.h"
#include "store/fingerprint.h"
#include "store/store.h"

#define RECORDS_BYTES_MAX (1024u * 1024u)
#define BATCH_ENTRIES_MAX 700u

struct reappend {
	struct store *store;
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	uint64_t fence;
	uint64_t size;
	uint64_t commits;
	struct hash root;
	uint64_t seed;
	struct byte_writer out;
	unsigned waiting; /* entries in `out` */
	unsigned wanted;  /* how many go into it */
	struct why why;
	enum err err;
	uint8_t records[RECORDS_BYTES_MAX];
};

static void draw(struct reappend *self)
{
	self->seed = self->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	self->wanted = 1 + (unsigned)((self->seed >> 33) % BATCH_ENTRIES_MAX);
	self->waiting = 0;
	self->out = byte_writer_of(self->records, sizeof self->records);
}

static void send(struct reappend *self)
{
	struct store_batch batch = { .fence = self->fence,
		.first_seq = self->size + 1,
		.prev_root = self->root,
		.batch_ts_unix_ms = (int64_t)self->commits + 1,
		.records = { self->records, self->out.used } };
	struct store_commit commit;

	self->err = store_append(self->store, &batch, clock_now(), &commit, &self->why);
	if (self->err == ERR_OK) {
		self->err = store_maintain(self->store, &self->why);
	}
	if (self->err == ERR_OK) {
		self->size = commit.size;
		self->root = commit.root;
		self->commits++;
	}
	draw(self);
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct reappend *self = context;
	struct batch_entry record = { .leaf = row->leaf,
		.prev_account_seq = row->prev_account_seq,
		.prev_counter_seq = row->prev_counter_seq,
		.has_memo = row->salt.bytes_count == ENTRY_SALT_BYTES,
		.memo = row->memo,
		.receipt = row->receipt,
		.idem_id = row->idem_id,
		.lane = row->lane,
		.lane_nonce = row->lane_nonce };
	struct entry entry;

	if (record.has_memo) {
		memcpy(record.salt, row->salt.bytes, sizeof record.salt);
	}
	self->err = entry_decode(row->leaf, &entry);
	if (self->err != ERR_OK) {
		return false;
	}
	record.key_fingerprint = fingerprint_of_key(self->fingerprint_key, &entry);
	record.id_fingerprint = fingerprint_of_id(self->fingerprint_key, &entry);
	batch_put_entry(&self->out, &record);
	if (++self->waiting == self->wanted) {
		send(self);
	}
	return self->err == ERR_OK;
}

static enum err copy(struct reappend *self, struct reader *reader, uint64_t size)
{
	uint64_t key = 1;
	bool done = false;

	draw(self);
	while (!done && self->err == ERR_OK) {
		enum err err = reader_entries(reader, &key, size, on_entry, self, &done);

		if (err != ERR_OK) {
			return err;
		}
	}
	if (self->err == ERR_OK && self->waiting > 0) {
		send(self);
	}
	return self->err;
}

static int compare(const struct reappend *self, const struct reader_head *head)
{
	char ours[HEX_TEXT_BYTES(HASH_BYTES) + 1], theirs[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(self->root.bytes, HASH_BYTES, ours);
	hex_encode(head->root.bytes, HASH_BYTES, theirs);
	printf("%s %" PRIu64 " entries\n%s %" PRIu64 " entries in %" PRIu64 " commits\n", theirs,
		head->size, ours, self->size, self->commits);
	return self->size == head->size && strcmp(ours, theirs) == 0 ? 0 : 1;
}

int main(int argc, char *argv[])
{
	static struct reappend self; /* the records are large */
	struct reader_config from = { .dir = argc == 4 ? argv[1] : "" };
	struct store_config to = { .dir = argc == 4 ? argv[2] : "", .hash = MERKLE_SHA256 };
	struct reader *reader = NULL;
	struct reader_head head;
	struct store_state state;
	int code = 3;

	if (argc != 4) {
		(void)fprintf(stderr, "usage: reappend STORE_DIR EMPTY_DIR SEED\n");
		return 3;
	}
	self.seed = strtoull(argv[3], NULL, 10);
	if (reader_open(&from, &reader, &self.why) == ERR_OK &&
		reader_head(reader, &head) == ERR_OK &&
		store_open(&to, &self.store, &state, &self.why) == ERR_OK) {
		self.fence = state.head.meta.fence;
		self.root = state.head.root;
		memcpy(self.fingerprint_key, state.head.meta.fingerprint_key,
			sizeof self.fingerprint_key);
		if (copy(&self, reader, head.size) == ERR_OK) {
			code = compare(&self, &head);
		}
	}
	if (code == 3) {
		(void)fprintf(stderr, "reappend: at %" PRIu64 ": %s\n", self.size, self.why.text);
	}
	store_close(self.store);
	reader_close(reader);
	return code;
}
