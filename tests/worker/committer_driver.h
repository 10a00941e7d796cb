#ifndef TESTS_WORKER_COMMITTER_DRIVER_H
#define TESTS_WORKER_COMMITTER_DRIVER_H

/* The committer, driven by hand: the test holds the lock, names the ledger as kms would, and is
 * a sequencer whose entries come from tests/store_maker.h. */

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/lock.h"
#include "tests/store_maker.h"
#include "tests/worker/pages.h"

static struct harness h;
static struct harness_link *sequencer, *archive, *kms;
static struct maker maker;
static uint64_t batch_no;
static int lock_fd = -1;
static struct metrics_page *page; /* of the worker */

static struct oap_state_begin begun; /* of the last stream */

/* What came in the last stream. */
static struct {
	size_t records[BATCH_AUDIT + 1];
	uint64_t fingerprints;
	uint64_t entries;
	size_t pieces;
} streamed;

/* Leaf hashes, for a root of our own. */
static struct hash *leaves;
static size_t leaf_count;
#define TREE_LEAVES_MAX 200000u

static inline int set_up(void **state)
{
	struct why why = { "" };

	(void)state;
	harness_init(&h, PROCESS_COMMITTER);
	harness_make_dir(&h, "store");
	assert_int_equal(lock_take(h.dir, &lock_fd, &why), ERR_OK);
	leaves = calloc(TREE_LEAVES_MAX, sizeof *leaves);
	assert_non_null(leaves);
	leaf_count = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	char path[256];

	(void)state;
	harness_path(&h, "store", path, sizeof path);
	(void)umount2(path, MNT_DETACH); /* of a test that failed before it did */
	harness_finish(&h);
	(void)close(lock_fd);
	maker_finish(&maker);
	free(leaves);
	return 0;
}

static inline void start(void)
{
	int reader_fd;

	harness_start_begin(&h);
	page = pages_give(&h, &reader_fd);
	close(reader_fd);
	harness_give_fd(&h, SETUP_FD_LOCK, 0, lock_fd);
	harness_start_end(&h);
	harness_expect_up(&h);
	batch_no = 0;
}

static inline void send_origin(void)
{
	static const char origin[] = "ledger.example";

	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_send_origin(kms, 0,
		&(struct oap_origin){ .origin = { (const uint8_t *)origin, sizeof origin - 1 } });
}

static inline void link_sequencer(void)
{
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
}

static inline void expect_phase(enum worker_phase phase, const char *words)
{
	struct oap_report report;
	char text[VERB_TEXT_BYTES_MAX + 1];

	do {
		(void)harness_expect_report(&h.control, &report);
	} while (report.phase != phase);
	(void)snprintf(text, sizeof text, "%.*s", (int)report.text.bytes_count,
		(const char *)report.text.bytes);
	if (strstr(text, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", text, words);
	}
}

/* --- the stream --- */

static inline void expect_begin(void)
{
	(void)harness_expect_state_begin(sequencer, &begun);
	memset(&streamed, 0, sizeof streamed);
}

static inline void note_rows(struct slice records)
{
	static const enum batch_type order[] = { BATCH_ACCOUNT, BATCH_CHUNK, BATCH_CLAIM,
		BATCH_COUNTER, BATCH_CONTROL };
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	assert_int_equal(streamed.fingerprints + streamed.entries, 0);
	while (batch_next(&in, &record)) {
		for (size_t i = COUNT_OF(order); order[i - 1] != record.type; i--) {
			assert_int_equal(streamed.records[order[i - 1]], 0); /* not yet */
		}
		streamed.records[record.type]++;
	}
	assert_true(byte_reader_done(&in));
}

static inline void note_entries(struct slice records)
{
	struct byte_reader in = byte_reader_of(records);

	while (in.left > 0) {
		uint64_t batch_ts_unix_ms = byte_get_u64(&in);
		struct batch_record record;
		struct batch_entry entry;

		assert_true(batch_next(&in, &record));
		assert_int_equal(record.type, BATCH_ENTRY);
		assert_int_equal(batch_get_entry(record.body, &entry), ERR_OK);
		streamed.entries++;
		assert_int_equal(entry_leaf_seq(entry.leaf), begun.low_water + streamed.entries);
		assert_true(batch_ts_unix_ms >= (uint64_t)MAKER_TS_UNIX_MS);
	}
}

static inline uint32_t expect_piece(void)
{
	struct oap_state_piece piece;
	struct byte_reader in;

	(void)harness_expect_state_piece(sequencer, &piece);
	streamed.pieces++;
	switch (piece.piece) {
	case STATE_ROWS:
		note_rows(piece.records);
		break;
	case STATE_FINGERPRINTS:
		assert_int_equal(streamed.entries, 0);
		in = byte_reader_of(piece.records);
		assert_int_equal(byte_get_u64(&in), streamed.fingerprints + 1);
		assert_int_equal(in.left % FINGERPRINT_BYTES, 0);
		streamed.fingerprints += in.left / FINGERPRINT_BYTES;
		break;
	case STATE_ENTRIES:
		note_entries(piece.records);
		break;
	default:
		fail();
	}
	return 5 + (uint32_t)piece.records.bytes_count;
}

static inline void take_pieces(void)
{
	while (streamed.fingerprints < begun.size ||
		begun.low_water + streamed.entries < begun.size) {
		uint32_t bytes = expect_piece();

		harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, bytes });
	}
}

static inline void expect_end(bool disk_full)
{
	struct oap_state_end end;

	(void)harness_expect_state_end(sequencer, &end);
	assert_int_equal(end.size, begun.size);
	assert_int_equal(end.disk_full, disk_full);
}

static inline void expect_stream(void)
{
	expect_begin();
	take_pieces();
	expect_end(false);
}

/* --- batches --- */

static inline void begin_maker(void)
{
	struct store_state state = { .head = { .size = begun.size, .root = begun.root } };

	state.head.meta.fence = begun.fence;
	memcpy(state.head.meta.fingerprint_key, begun.fingerprint_key.bytes, ID_BYTES);
	if (maker.bytes == NULL) {
		maker_init(&maker, &state);
	}
	maker.fence = begun.fence;
}

/* All of a start, with an empty store or the last one's. */
static inline void start_serving(void)
{
	start();
	send_origin();
	link_sequencer();
	expect_stream();
	begin_maker();
}

static inline struct oap_batch batch_of(uint64_t first_seq)
{
	uint64_t ts_unix_ms = (uint64_t)MAKER_TS_UNIX_MS + maker.size;

	return (struct oap_batch){
		.sequencer_generation = sequencer->generation,
		.fence = maker.fence,
		.state_no = begun.state_no,
		.batch_no = ++batch_no,
		.first_seq = first_seq,
		.entry_count = (uint32_t)(maker.size + 1 - first_seq),
		.batch_ts_unix_ms =
			ts_unix_ms > begun.batch_ts_unix_ms ? ts_unix_ms : begun.batch_ts_unix_ms,
		.records = { maker.bytes, maker.out.used },
	};
}

static inline void hash_leaves(struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	while (batch_next(&in, &record)) {
		static const uint8_t prefix = 0;
		struct batch_entry entry;
		struct slice parts[2] = { { &prefix, 1 } };

		if (record.type != BATCH_ENTRY) {
			continue;
		}
		assert_int_equal(batch_get_entry(record.body, &entry), ERR_OK);
		parts[1] = entry.leaf;
		assert_true(leaf_count < TREE_LEAVES_MAX);
		sha256_hash_parts(parts, 2, &leaves[leaf_count++]);
	}
}

/* RFC 6962 section 2.1, level by level: what has no neighbour rises as it is. */
static inline struct hash root_of_leaves(void)
{
	static const uint8_t prefix = 1;
	struct hash *level = calloc(leaf_count, sizeof *level), root;
	size_t count = leaf_count;

	assert_non_null(level);
	memcpy(level, leaves, leaf_count * sizeof *level);
	while (count > 1) {
		for (size_t i = 0; i < count; i += 2) {
			const struct slice parts[3] = { { &prefix, 1 },
				{ level[i].bytes, HASH_BYTES },
				{ level[i + (i + 1 < count ? 1 : 0)].bytes, HASH_BYTES } };

			if (i + 1 < count) {
				sha256_hash_parts(parts, 3, &root);
			} else {
				root = level[i];
			}
			level[i / 2] = root;
		}
		count = (count + 1) / 2;
	}
	root = level[0];
	free(level);
	return root;
}

static inline void send_batch(const struct oap_batch *batch)
{
	harness_send_batch(sequencer, batch->batch_no, batch);
}

static inline void expect_committed(const struct oap_batch *batch)
{
	struct oap_committed committed;
	struct hash root;

	hash_leaves(batch->records);
	assert_int_equal(harness_expect_committed(sequencer, &committed), batch->batch_no);
	assert_int_equal(committed.batch_no, batch->batch_no);
	assert_int_equal(committed.last_seq, maker.size);
	root = root_of_leaves();
	assert_memory_equal(&committed.root, &root, sizeof root);
	maker.root = root;
	maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
}

/* The next entries, and with the first ones their accounts. */
static inline struct oap_batch make_batch(uint64_t count)
{
	uint64_t first_seq = maker.size + 1;

	if (first_seq == 1) {
		maker_accounts(&maker);
	}
	maker_entries(&maker, count);
	return batch_of(first_seq);
}

static inline void commit(uint64_t count)
{
	struct oap_batch batch = make_batch(count);

	send_batch(&batch);
	expect_committed(&batch);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
