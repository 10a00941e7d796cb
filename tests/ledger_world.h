#ifndef TESTS_LEDGER_WORLD_H
#define TESTS_LEDGER_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/conserve.h"
#include "core/hex.h"
#include "core/ledger.h"
#include "core/merkle.h"
#include "core/sha256.h"

/* A ledger in a test: memory that is counted, a token that may do everything, and a store that
 * keeps what a committer would keep. Included by one .c each; every function is used or not. */

#define WORLD_FUNCTION static __attribute__((unused))
#define WORLD_REQUIRE(truth)                                                        \
	do {                                                                        \
		if (!(truth)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth); \
			abort();                                                    \
		}                                                                   \
	} while (0)

#define WORLD_NOW         1800000000000u /* ms */
#define WORLD_BATCH_BYTES BATCH_BYTES_MAX
#define WORLD_ENTRIES_MAX 240u /* of one request */

/* ---- memory ---- */

struct world_memory {
	struct memory memory;
	size_t bytes;     /* taken and not given back */
	size_t bytes_max; /* 0 = no bound */
};

WORLD_FUNCTION void *world_take(void *owner, size_t bytes)
{
	struct world_memory *memory = owner;

	if (memory->bytes_max != 0 && memory->bytes + bytes > memory->bytes_max) {
		return NULL;
	}
	memory->bytes += bytes;
	return calloc(1, bytes);
}

WORLD_FUNCTION void world_give(void *owner, void *region, size_t bytes)
{
	struct world_memory *memory = owner;

	memory->bytes -= bytes;
	free(region);
}

/* ---- the store ---- */

struct world_blob {
	uint64_t key;
	size_t bytes_count;
	uint8_t *bytes;
};

struct world_rows {
	struct world_blob *blobs;
	size_t count;
	size_t room;
};

WORLD_FUNCTION void world_rows_add(struct world_rows *rows, uint64_t key, struct slice body)
{
	struct world_blob *blob;

	if (rows->count == rows->room) {
		rows->room = rows->room == 0 ? 64 : 2 * rows->room;
		rows->blobs = realloc(rows->blobs, rows->room * sizeof *rows->blobs);
		WORLD_REQUIRE(rows->blobs != NULL);
	}
	blob = &rows->blobs[rows->count++];
	*blob = (struct world_blob){ .key = key, .bytes_count = body.bytes_count };
	blob->bytes = malloc(body.bytes_count + 1);
	WORLD_REQUIRE(blob->bytes != NULL);
	memcpy(blob->bytes, body.bytes, body.bytes_count);
}

WORLD_FUNCTION void world_rows_remove(struct world_rows *rows, uint64_t key)
{
	for (size_t i = 0; i < rows->count; i++) {
		if (rows->blobs[i].key == key) {
			free(rows->blobs[i].bytes);
			memmove(&rows->blobs[i], &rows->blobs[i + 1],
				(rows->count - i - 1) * sizeof *rows->blobs);
			rows->count--;
			return;
		}
	}
}

WORLD_FUNCTION void world_rows_free(struct world_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++) {
		free(rows->blobs[i].bytes);
	}
	free(rows->blobs);
	*rows = (struct world_rows){ 0 };
}

WORLD_FUNCTION struct slice world_blob_slice(const struct world_blob *blob)
{
	return (struct slice){ blob->bytes, blob->bytes_count };
}

struct world_store {
	struct world_rows tables[BATCH_AUDIT + 1]; /* by record type */
	struct world_rows batch_ts;                /* of each entry; key = ts */
	struct merkle_frontier tree;
	uint64_t low_water;
	uint64_t last_ts;
};

struct world {
	struct world_memory memory;
	struct ledger_limits limits;
	struct ledger *ledger;
	struct world_store store;
	struct grant grant;
	char capability_ref[2 * ID_BYTES + 1];
	uint8_t *buffer;
	struct byte_writer out;
	uint64_t now;
	uint32_t ids;         /* for ids and nonces that nobody else has */
	bool store_is_silent; /* knows rows but does not give them: requests park */
	uint32_t rows_asked;
	struct ledger_result results[WORLD_ENTRIES_MAX];
	struct ledger_verdict verdict;
};

WORLD_FUNCTION size_t world_size(const struct world *world)
{
	return world->store.tables[BATCH_ENTRY].count;
}

WORLD_FUNCTION void world_store_record(struct world_store *store, const struct batch_record *record)
{
	struct world_rows *rows = &store->tables[record->type];
	struct batch_claim claim;
	uint64_t key;

	if (batch_record_key(record, &key) != ERR_OK) {
		world_rows_add(rows, rows->count + 1, record->body); /* a log */
		return;
	}
	world_rows_remove(rows, key);
	if (record->type == BATCH_CLAIM) {
		WORLD_REQUIRE(batch_get_claim(record->body, &claim) == ERR_OK);
		if (batch_claim_is_closed(&claim)) {
			return;
		}
	}
	world_rows_add(rows, key, record->body);
}

/* What the committer does with a batch, proofs included. */
WORLD_FUNCTION void world_commit(
	struct world *world, const struct ledger_batch *batch, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	WORLD_REQUIRE(batch->first_seq == world_size(world) + 1);
	WORLD_REQUIRE(conserve_batch(batch->first_seq, records) == ERR_OK);
	while (batch_next(&in, &record)) {
		struct batch_entry entry;
		struct hash leaf;

		world_store_record(&world->store, &record);
		if (record.type != BATCH_ENTRY) {
			continue;
		}
		WORLD_REQUIRE(batch_get_entry(record.body, &entry) == ERR_OK);
		WORLD_REQUIRE(entry_leaf_seq(entry.leaf) == world_size(world));
		world_rows_add(&world->store.batch_ts, batch->batch_ts_unix_ms, record.body);
		merkle_leaf(MERKLE_SHA256, entry.leaf.bytes, entry.leaf.bytes_count, &leaf);
		merkle_frontier_append(&world->store.tree, &leaf);
	}
	WORLD_REQUIRE(byte_reader_done(&in));
	WORLD_REQUIRE(batch->first_seq + batch->entry_count == world_size(world) + 1);
	world->store.low_water = batch->low_water;
	world->store.last_ts = batch->batch_ts_unix_ms;
}

WORLD_FUNCTION struct batch_entry world_entry_row(const struct world *world, uint64_t seq)
{
	struct batch_entry row;

	WORLD_REQUIRE(seq >= 1 && seq <= world_size(world));
	WORLD_REQUIRE(
		batch_get_entry(world_blob_slice(&world->store.tables[BATCH_ENTRY].blobs[seq - 1]),
			&row) == ERR_OK);
	return row;
}

WORLD_FUNCTION struct entry world_entry(const struct world *world, uint64_t seq)
{
	struct batch_entry row = world_entry_row(world, seq);
	struct entry entry;

	WORLD_REQUIRE(entry_decode(row.leaf, &entry) == ERR_OK);
	return entry;
}

WORLD_FUNCTION bool world_row(void *owner, uint64_t seq, struct ledger_row *ret_row)
{
	struct world *world = owner;
	struct batch_entry row;

	world->rows_asked++;
	if (world->store_is_silent) {
		return false;
	}
	row = world_entry_row(world, seq);
	*ret_row = (struct ledger_row){ .leaf = row.leaf, .has_salt = row.has_memo };
	memcpy(ret_row->salt, row.salt, sizeof row.salt);
	return true;
}

/* ---- life ---- */

static const uint8_t world_key[SIPHASH_KEY_BYTES] = { 1, 2, 3, 4, 5, 6, 7, 8 };

WORLD_FUNCTION void world_open_grant(struct world *world)
{
	memset(&world->grant, 0, sizeof world->grant);
	caveat_set_init(&world->grant.caveats);
	world->grant.key_id = 7;
	world->grant.tenant = ENTRY_VIEW(CAVEAT_TENANT_DEFAULT);
	world->grant.exp_mono_ms = UINT64_MAX;
	memset(world->grant.capability_id.bytes, 0xab, ID_BYTES);
	hex_encode(world->grant.capability_id.bytes, ID_BYTES, world->capability_ref);
}

WORLD_FUNCTION void world_create(struct world *world, uint64_t fingerprint_mask)
{
	memset(world, 0, sizeof *world);
	world->memory.memory =
		(struct memory){ .take = world_take, .give = world_give, .owner = &world->memory };
	world->limits = (struct ledger_limits){
		.account_total_max = U128_MAX,
		.daily_ceiling = U128_MAX,
		.op_amount_max = U128_MAX,
		.ts_skew_ms_max = 86400000,
		.dedupe_entries_max = 1000000,
		.request_entries_max = WORLD_ENTRIES_MAX,
		.intent_entries_max = WORLD_ENTRIES_MAX,
		.settled_max = 1000,
		.claims_max = 100000,
		.counters_max = 100000,
		.fingerprint_mask = fingerprint_mask,
	};
	world->now = WORLD_NOW;
	world->buffer = malloc(WORLD_BATCH_BYTES);
	WORLD_REQUIRE(world->buffer != NULL);
	merkle_frontier_init(&world->store.tree, MERKLE_SHA256);
	world_open_grant(world);
	world->ledger = ledger_create(&world->memory.memory, &world->limits, world_key);
	WORLD_REQUIRE(world->ledger != NULL);
}

WORLD_FUNCTION void world_destroy(struct world *world)
{
	ledger_destroy(world->ledger);
	WORLD_REQUIRE(world->memory.bytes == 0);
	for (size_t i = 0; i < COUNT_OF(world->store.tables); i++) {
		world_rows_free(&world->store.tables[i]);
	}
	world_rows_free(&world->store.batch_ts);
	free(world->buffer);
}

WORLD_FUNCTION int world_compare_keys(const void *a, const void *b)
{
	uint64_t left = ((const struct world_blob *)a)->key;
	uint64_t right = ((const struct world_blob *)b)->key;

	return (left > right) - (left < right);
}

WORLD_FUNCTION enum err world_load_table(
	struct world *world, struct ledger *ledger, enum batch_type type)
{
	struct world_rows *rows = &world->store.tables[type];
	enum err err = ERR_OK;

	if (type != BATCH_CONTROL && rows->count > 0) {
		qsort(rows->blobs, rows->count, sizeof *rows->blobs, world_compare_keys);
	}
	for (size_t i = 0; i < rows->count && err == ERR_OK; i++) {
		err = ledger_load(ledger, &(struct batch_record){
						  .type = type,
						  .body = world_blob_slice(&rows->blobs[i]),
					  });
	}
	return err;
}

WORLD_FUNCTION enum err world_load_fingerprints(struct world *world, struct ledger *ledger)
{
	for (uint64_t seq = 1; seq <= world_size(world); seq++) {
		struct batch_entry row = world_entry_row(world, seq);
		uint64_t pair[2] = { row.key_fingerprint, row.id_fingerprint };
		enum err err = ledger_load_fingerprints(
			ledger, seq, (struct slice){ (const uint8_t *)pair, sizeof pair });

		if (err != ERR_OK) {
			return err;
		}
	}
	return ERR_OK;
}

/* A second ledger from what is stored; NULL and why on failure. */
WORLD_FUNCTION struct ledger *world_load(struct world *world, enum err *ret_err)
{
	static const enum batch_type order[] = { BATCH_ACCOUNT, BATCH_CHUNK, BATCH_CLAIM,
		BATCH_COUNTER, BATCH_CONTROL };
	struct ledger *ledger = ledger_create(&world->memory.memory, &world->limits, world_key);
	enum err err = ERR_OK;

	WORLD_REQUIRE(ledger != NULL);
	for (size_t i = 0; i < COUNT_OF(order) && err == ERR_OK; i++) {
		err = world_load_table(world, ledger, order[i]);
	}
	if (err == ERR_OK) {
		err = world_load_fingerprints(world, ledger);
	}
	if (err == ERR_OK) {
		err = ledger_load_finished(
			ledger, world->store.low_water, world_size(world), world->store.last_ts);
	}
	for (uint64_t seq = world->store.low_water + 1; seq <= world_size(world) && err == ERR_OK;
		seq++) {
		struct batch_entry row = world_entry_row(world, seq);

		err = ledger_replay(ledger, &row, world->store.batch_ts.blobs[seq - 1].key);
	}
	if (err == ERR_OK) {
		err = ledger_replay_finished(ledger);
	}
	*ret_err = err;
	if (err != ERR_OK) {
		ledger_destroy(ledger);
		return NULL;
	}
	return ledger;
}

/* A crash: what was not committed is gone. */
WORLD_FUNCTION void world_restart(struct world *world)
{
	enum err err;

	ledger_destroy(world->ledger);
	world->ledger = world_load(world, &err);
	if (world->ledger == NULL) {
		fprintf(stderr, "replay: error %d\n", (int)err);
	}
	WORLD_REQUIRE(world->ledger != NULL);
}

/* ---- batches and requests ---- */

WORLD_FUNCTION void world_begin(struct world *world)
{
	world->out = byte_writer_of(world->buffer, WORLD_BATCH_BYTES);
	ledger_batch_begin(world->ledger, &world->out, world->now);
}

WORLD_FUNCTION struct ledger_batch world_end(struct world *world, uint32_t chunks_min)
{
	struct ledger_batch batch;

	ledger_batch_end(world->ledger, chunks_min, &batch);
	world_commit(world, &batch, (struct slice){ world->buffer, world->out.used });
	return batch;
}

WORLD_FUNCTION struct slice world_text(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* A fresh id and nonce, asset "ron". */
WORLD_FUNCTION struct draft world_draft(
	struct world *world, enum entry_kind kind, const char *account, u128 amount)
{
	struct draft draft = {
		.entry = {
			.ts_unix_ms = world->now + world->ids,
			.kind = kind,
			.source = SOURCE_INGEST,
			.account = world_text(account),
			.asset = world_text("ron"),
			.amount = amount,
			.kid = 7,
			.capability_ref = { (const uint8_t *)world->capability_ref, 2 * ID_BYTES },
		},
	};

	world->ids++;
	memcpy(draft.entry.id.bytes, &world->ids, sizeof world->ids);
	memcpy(draft.entry.nonce.bytes, &world->ids, sizeof world->ids);
	return draft;
}

WORLD_FUNCTION struct draft world_transfer(
	struct world *world, const char *from, const char *to, u128 amount)
{
	struct draft draft = world_draft(world, ENTRY_TRANSFER, from, amount);

	draft.entry.counter_account = world_text(to);
	return draft;
}

WORLD_FUNCTION struct draft world_reverse(
	struct world *world, const struct draft *original, u128 amount)
{
	struct draft draft = world_draft(world, ENTRY_REVERSE, "", amount);

	draft.entry.account = original->entry.account;
	draft.entry.asset = original->entry.asset;
	draft.entry.original_id = original->entry.id;
	return draft;
}

WORLD_FUNCTION struct draft world_capture(
	struct world *world, const struct draft *hold, const char *to, u128 amount)
{
	struct draft draft = world_transfer(world, "", to, amount);

	draft.entry.account = hold->entry.account;
	draft.entry.original_id = hold->entry.id;
	return draft;
}

WORLD_FUNCTION struct ledger_request world_request(
	struct world *world, const struct draft *drafts, size_t draft_count)
{
	return (struct ledger_request){
		.drafts = drafts,
		.draft_count = draft_count,
		.source = draft_count > 0 ? drafts[0].entry.source : SOURCE_INGEST,
		.grant = &world->grant,
		.row = world_row,
		.row_owner = world,
	};
}

/* In the open batch. */
WORLD_FUNCTION void world_admit(struct world *world, const struct ledger_request *request)
{
	WORLD_REQUIRE(request->draft_count <= WORLD_ENTRIES_MAX);
	ledger_admit(world->ledger, request, world->results, &world->verdict);
}

/* In a batch of its own. */
WORLD_FUNCTION void world_run(struct world *world, const struct ledger_request *request)
{
	world_begin(world);
	world_admit(world, request);
	(void)world_end(world, 0);
}

WORLD_FUNCTION enum detail world_do(struct world *world, struct draft draft)
{
	struct ledger_request request = world_request(world, &draft, 1);

	world_run(world, &request);
	WORLD_REQUIRE(world->verdict.outcome == LEDGER_JUDGED);
	return world->results[0].detail;
}

WORLD_FUNCTION enum detail world_mint(struct world *world, const char *account, u128 amount)
{
	return world_do(world, world_draft(world, ENTRY_MINT, account, amount));
}

WORLD_FUNCTION u128 world_available(struct world *world, const char *account)
{
	struct batch_balance balance = { 0 };

	(void)ledger_balance(world->ledger, world_text(account), world_text("ron"), &balance);
	return balance.available;
}

WORLD_FUNCTION u128 world_held(struct world *world, const char *account)
{
	struct batch_balance balance = { 0 };

	(void)ledger_balance(world->ledger, world_text(account), world_text("ron"), &balance);
	return balance.held;
}

/* Same state from the store as in memory. */
WORLD_FUNCTION bool world_replays(struct world *world)
{
	struct hash before, after;

	ledger_digest(world->ledger, &before);
	world_restart(world);
	ledger_digest(world->ledger, &after);
	return memcmp(&before, &after, sizeof before) == 0;
}

#endif
