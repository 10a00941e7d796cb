#ifndef TESTS_WORKER_SEQUENCER_DRIVER_H
#define TESTS_WORKER_SEQUENCER_DRIVER_H

/* The sequencer, driven by hand. The test is its prevalidator and edge, its kms, its archive,
 * its wallet, and a committer that keeps what it was sent. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/batch.h"
#include "core/draft.h"
#include "core/merkle.h"
#include "tests/worker/grants.h"

#define LEAVES_MAX 8192u
#define DRAFTS_MAX 1024u

static struct harness h;
static struct harness_link *committer, *archive, *kms, *prevalidator, *edge, *wallet;

/* What a committer keeps. */
static struct {
	struct merkle_frontier tree;
	uint64_t size;
	struct hash root;
	uint8_t leaves[LEAVES_MAX][ENTRY_LEAF_BYTES_MAX];
	size_t leaf_bytes[LEAVES_MAX];
} kept;

struct sent_batch {
	struct oap_batch head; /* its records are a copy */
	uint8_t records[BATCH_BYTES_MAX];
};

/* --- a life --- */

static inline int set_up(void **state)
{
	(void)state;
	memset(&kept, 0, sizeof kept);
	merkle_frontier_init(&kept.tree, MERKLE_SHA256);
	merkle_frontier_root(&kept.tree, &kept.root);
	harness_init(&h, PROCESS_SEQUENCER);
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	harness_finish(&h);
	return 0;
}

static inline void start(void)
{
	harness_start(&h);
	harness_expect_up(&h);
	committer = harness_link_up(&h, PROCESS_COMMITTER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	grants_tell_key(kms);
	harness_settle(&h);
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

static inline void stream_begin(uint64_t size, uint64_t low_water)
{
	harness_send_state_begin(committer, 0,
		&(struct oap_state_begin){
			.fence = 3, .size = size, .low_water = low_water, .root = kept.root });
}

static inline void send_state_piece(enum state_piece piece, struct slice records)
{
	harness_send_state_piece(committer, 0,
		&(struct oap_state_piece){ .piece = (uint8_t)piece, .records = records });
}

static inline void stream_nothing(void)
{
	stream_begin(0, 0);
	harness_send_state_end(committer, 0, &(struct oap_state_end){ .size = 0 });
	expect_phase(PHASE_SERVING, "");
}

static inline void start_serving(void)
{
	start();
	stream_nothing();
}

/* --- drafts --- */

static uint32_t draft_last; /* for ids and nonces that nobody else has */

static inline struct draft draft_of(enum entry_kind kind, const char *account, uint64_t amount)
{
	struct draft draft = { .entry = {
				       .ts_unix_ms = now_unix_ms(),
				       .kind = kind,
				       .source = SOURCE_INGEST,
				       .account = text_of(account),
				       .asset = text_of("ron"),
				       .amount = amount,
				       .kid = GRANTS_KEY_ID,
				       .capability_ref = grants_capability_ref(),
			       } };
	struct byte_writer id = byte_writer_of(draft.entry.id.bytes, ID_BYTES);
	struct byte_writer nonce = byte_writer_of(draft.entry.nonce.bytes, ID_BYTES);

	draft_last++;
	byte_put_u64(&id, __builtin_bswap64(draft_last)); /* ids rise */
	byte_put_u64(&id, 1);
	byte_put_u64(&nonce, draft_last);
	byte_put_u64(&nonce, 2);
	return draft;
}

static inline struct draft transfer_of(const char *from, const char *to, uint64_t amount)
{
	struct draft draft = draft_of(ENTRY_TRANSFER, from, amount);

	draft.entry.counter_account = text_of(to);
	return draft;
}

/* --- asking --- */

struct ask {
	uint64_t ticket;
	const struct draft *drafts;
	size_t draft_count;
	struct slice grant; /* empty: one that may do everything */
	uint64_t deadline_mono_ms;
	bool atomic, dry_run;
};

static inline void submit_as(const struct ask *ask)
{
	static uint8_t bytes[VERB_DRAFTS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	for (size_t i = 0; i < ask->draft_count; i++) {
		struct draft draft = ask->drafts[i];

		draft.idx = (uint32_t)i;
		draft_encode(&out, &draft);
	}
	assert_false(out.failed);
	harness_send_submit(prevalidator, ask->ticket,
		&(struct oap_submit){
			.edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = ask->deadline_mono_ms != 0 ? ask->deadline_mono_ms
								       : now_mono_ms() + 60000,
			.mode = ask->atomic,
			.dry_run = ask->dry_run,
			.draft_count = (uint16_t)ask->draft_count,
			.grant = ask->grant.bytes_count > 0 ? ask->grant : grants_seal(),
			.drafts = { bytes, out.used },
		});
}

static inline void submit(uint64_t ticket, const struct draft *drafts, size_t draft_count)
{
	submit_as(&(struct ask){ .ticket = ticket, .drafts = drafts, .draft_count = draft_count });
}

/* Many new mints to one account. */
static inline const struct draft *mints(size_t count)
{
	static struct draft drafts[DRAFTS_MAX];

	assert_in_range(count, 1, DRAFTS_MAX);
	for (size_t i = 0; i < count; i++) {
		drafts[i] = draft_of(ENTRY_MINT, "alice", 10);
	}
	return drafts;
}

static inline void send_revoked(uint64_t corr_id)
{
	harness_send_revoked(kms, corr_id,
		&(struct oap_revoked){ .kid = GRANTS_KEY_ID, .capability = grants_capability() });
}

/* --- the committer that we are --- */

static inline void keep_leaf(struct slice body)
{
	struct batch_entry entry;
	struct hash leaf;

	assert_int_equal(batch_get_entry(body, &entry), ERR_OK);
	assert_int_equal(entry_leaf_seq(entry.leaf), kept.size + 1);
	assert_true(kept.size < LEAVES_MAX);
	memcpy(kept.leaves[kept.size], entry.leaf.bytes, entry.leaf.bytes_count);
	kept.leaf_bytes[kept.size] = entry.leaf.bytes_count;
	kept.size++;
	merkle_leaf(MERKLE_SHA256, entry.leaf.bytes, entry.leaf.bytes_count, &leaf);
	merkle_frontier_append(&kept.tree, &leaf);
}

static inline void give_credit(const struct sent_batch *batch)
{
	uint32_t payload_bytes = 64 + (uint32_t)batch->head.records.bytes_count;

	harness_send_credit(
		committer, 0, &(struct oap_credit){ .requests = 1, .bytes = payload_bytes });
}

/* These records, whichever way they came. */
static inline void commit_records(const struct oap_batch *head, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	assert_int_equal(head->first_seq, kept.size + 1);
	while (batch_next(&in, &record)) {
		if (record.type == BATCH_ENTRY) {
			keep_leaf(record.body);
		}
	}
	merkle_frontier_root(&kept.tree, &kept.root);
	harness_send_committed(committer, head->batch_no,
		&(struct oap_committed){ head->batch_no, kept.size, kept.root });
}

static inline void commit(const struct sent_batch *batch)
{
	commit_records(&batch->head, batch->head.records);
	give_credit(batch);
}

/* A stream, up to its end, of a store that has this batch alone. */
static inline void stream_back(const struct sent_batch *batch, uint64_t state_no)
{
	static uint8_t rows[VERB_STATE_BYTES_MAX], pairs[1024], entries[16384];
	struct byte_writer row_out = byte_writer_of(rows, sizeof rows);
	struct byte_writer pair_out = byte_writer_of(pairs, sizeof pairs);
	struct byte_writer entry_out = byte_writer_of(entries, sizeof entries);
	struct byte_reader in = byte_reader_of(batch->head.records);
	struct batch_record record;
	struct batch_entry entry;

	byte_put_u64(&pair_out, batch->head.first_seq);
	while (batch_next(&in, &record)) {
		if (record.type == BATCH_ACCOUNT) {
			byte_put_u8(&row_out, BATCH_ACCOUNT);
			byte_put_slice32(&row_out, record.body);
		}
		if (record.type == BATCH_ENTRY) {
			assert_int_equal(batch_get_entry(record.body, &entry), ERR_OK);
			byte_put_u64(&pair_out, entry.key_fingerprint);
			byte_put_u64(&pair_out, entry.id_fingerprint);
			byte_put_u64(&entry_out, batch->head.batch_ts_unix_ms);
			byte_put_u8(&entry_out, BATCH_ENTRY);
			byte_put_slice32(&entry_out, record.body);
		}
	}
	assert_false(row_out.failed || pair_out.failed || entry_out.failed);
	harness_send_state_begin(committer, 0,
		&(struct oap_state_begin){ .state_no = state_no,
			.fence = 3,
			.size = batch->head.entry_count,
			.root = kept.root,
			.batch_ts_unix_ms = batch->head.batch_ts_unix_ms });
	send_state_piece(STATE_ROWS, (struct slice){ rows, row_out.used });
	send_state_piece(STATE_FINGERPRINTS, (struct slice){ pairs, pair_out.used });
	send_state_piece(STATE_ENTRIES, (struct slice){ entries, entry_out.used });
}

static inline size_t count_records(const struct sent_batch *batch, enum batch_type type)
{
	struct byte_reader in = byte_reader_of(batch->head.records);
	struct batch_record record;
	size_t count = 0;

	while (batch_next(&in, &record)) {
		count += record.type == type ? 1 : 0;
	}
	assert_true(byte_reader_done(&in));
	return count;
}

static inline void expect_any_batch(struct sent_batch *ret_batch)
{
	uint64_t corr_id = harness_expect_batch(committer, &ret_batch->head);

	assert_int_equal(corr_id, ret_batch->head.batch_no);
	assert_int_equal(ret_batch->head.sequencer_generation, h.generation);
	assert_int_equal(ret_batch->head.fence, 3);
	memcpy(ret_batch->records, ret_batch->head.records.bytes,
		ret_batch->head.records.bytes_count);
	ret_batch->head.records.bytes = ret_batch->records;
	assert_int_equal(count_records(ret_batch, BATCH_ENTRY), ret_batch->head.entry_count);
}

/* With entries or controls; what an idle node writes is committed on the way. */
static inline void expect_work(struct sent_batch *ret_batch)
{
	expect_any_batch(ret_batch);
	while (ret_batch->head.entry_count == 0 && count_records(ret_batch, BATCH_CONTROL) == 0) {
		commit(ret_batch);
		expect_any_batch(ret_batch);
	}
}

/* Commits, and lets the node write its stale chunks: nothing is left to be written. */
static inline void commit_and_rest(const struct sent_batch *batch)
{
	static struct sent_batch chunks;

	commit(batch);
	do {
		expect_any_batch(&chunks);
		assert_int_equal(chunks.head.entry_count, 0);
		commit(&chunks);
	} while (chunks.head.low_water < kept.size);
}

/* --- the archive that we are --- */

static inline uint64_t expect_fetch_of(uint64_t seq)
{
	struct oap_fetch fetch;
	uint64_t corr_id = harness_expect_fetch(archive, &fetch);
	struct byte_reader in = byte_reader_of(fetch.seqs);

	assert_int_equal(byte_get_u64(&in), seq);
	assert_true(byte_reader_done(&in));
	harness_send_credit(archive, 0, &(struct oap_credit){ 1, 12 });
	return corr_id;
}

/* The row of `seq`, with the leaf of `leaf_seq` (0: none), as of that root. */
static inline void send_row(
	uint64_t corr_id, uint64_t seq, uint64_t leaf_seq, const struct hash *root)
{
	static const uint8_t no_salt[ENTRY_SALT_BYTES];
	uint8_t bytes[1024];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	byte_put_u64(&out, seq);
	byte_put_u64(&out, seq);
	byte_put_hash(&out, root);
	byte_put_u8(&out, 0);
	byte_put_bytes(&out, no_salt, sizeof no_salt);
	byte_put_slice16(&out, leaf_seq == 0 ? (struct slice){ NULL, 0 }
					     : (struct slice){ kept.leaves[leaf_seq - 1],
						       kept.leaf_bytes[leaf_seq - 1] });
	harness_send_rows(archive, corr_id, &(struct oap_rows){ { bytes, out.used } });
}

/* --- answers --- */

static inline struct oap_verdict expect_verdict(uint64_t ticket, uint16_t status)
{
	struct oap_verdict verdict;

	assert_int_equal(harness_expect_verdict(edge, &verdict), ticket);
	if (verdict.status != status) {
		fail_msg("status %u, detail %s", verdict.status,
			verdict.reasons.bytes_count < 5 ? "none"
							: detail_text(verdict.reasons.bytes[4]));
	}
	return verdict;
}

static inline void expect_accepted(
	uint64_t ticket, uint64_t seq_start, uint64_t seq_end, const struct hash *root)
{
	struct oap_verdict verdict = expect_verdict(ticket, 200);

	assert_int_equal(verdict.accepted, 1);
	assert_int_equal(verdict.seq_start, seq_start);
	assert_int_equal(verdict.seq_end, seq_end);
	assert_int_equal(verdict.root_known, 1);
	assert_memory_equal(&verdict.root, root, sizeof *root);
	assert_int_equal(verdict.reasons.bytes_count, 0);
}

static inline void expect_refused(uint64_t ticket, uint16_t status, enum detail detail)
{
	struct oap_verdict verdict = expect_verdict(ticket, status);

	assert_int_equal(verdict.accepted, 0);
	assert_true(verdict.reasons.bytes_count >= 5);
	assert_string_equal(detail_text(verdict.reasons.bytes[4]), detail_text(detail));
}

/* One account has so much, as seq 1, and the node is at rest. */
static inline void fund(const char *account, uint64_t amount)
{
	static struct sent_batch batch;
	struct draft mint = draft_of(ENTRY_MINT, account, amount);

	submit(1, &mint, 1);
	expect_work(&batch);
	commit_and_rest(&batch);
	(void)expect_verdict(1, 200);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
