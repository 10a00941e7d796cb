#ifndef TESTS_SIM_WALLET_PEERS_H
#define TESTS_SIM_WALLET_PEERS_H

/* Whom a night plays itself: the committer and the archive behind the two workers, who are but a
 * store in memory, and the hand that starts and kills everybody. Included by sim_wallet.c alone. */

#include "tests/sim/wallet_checks.h"

static const struct hash grant_key = { { 0x5a } };

/* ---- what comes out of the wallet ---- */

/* Everything that it has told since: checked when it is told, whenever it arrives. */
static void watch(void)
{
	for (struct sim_frame *frame = sim_mesh_first(PROCESS_WALLET, PROCESS_INGRESS);
		frame != NULL; frame = frame->next) {
		if (frame->was_seen) {
			continue;
		}
		frame->was_seen = true;
		if (frame->from.verb == OAP_WALLET_RESULT) {
			told_result(frame);
		} else {
			WORLD_REQUIRE(frame->from.verb == OAP_BALANCE);
			told_balance(frame);
		}
	}
}

/* The id under which the wallet sent the attempt on. */
static void watch_submit(struct attempt *attempt)
{
	for (struct sim_frame *frame = sim_mesh_first(PROCESS_WALLET, PROCESS_SEQUENCER);
		frame != NULL; frame = frame->next) {
		struct byte_reader in = byte_reader_of(frame->payload), draft_in;
		struct oap_op_submit submit;
		struct draft draft;

		if (frame->was_seen || frame->from.verb != OAP_OP_SUBMIT) {
			continue;
		}
		frame->was_seen = true;
		WORLD_REQUIRE(oap_decode_op_submit(&in, &submit));
		draft_in = byte_reader_of(submit.draft);
		WORLD_REQUIRE(draft_decode(&draft_in, SOURCE_V1, &draft) == ERR_OK);
		attempt->id = draft.entry.id;
		attempt->has_id = true;
		check_id(attempt);
	}
}

static void hand_to_wallet(void)
{
	const struct sim_frame *frame = sim_mesh_first(PROCESS_PREVALIDATOR, PROCESS_WALLET);
	struct attempt *attempt = NULL;

	if (frame != NULL && frame->from.verb == OAP_WALLET_OP) {
		attempt = &night.attempts[frame->from.corr_id - 1];
		attempt->wallet = sim_mesh_generation(PROCESS_WALLET);
		night.claims++;
	} else if (frame != NULL) {
		night.reads[frame->from.corr_id - READ_TICKETS].wallet =
			sim_mesh_generation(PROCESS_WALLET);
	}
	sim_mesh_deliver(PROCESS_PREVALIDATOR, PROCESS_WALLET);
	watch();
	if (attempt != NULL && attempt->told == UNTOLD) {
		attempt->is_submitted = true;
		check_claim(attempt);
		watch_submit(attempt);
	}
}

/* ---- the committer that we are ---- */

static struct peer *to_sequencer(void)
{
	return sim_mesh_peer(PROCESS_COMMITTER, PROCESS_SEQUENCER);
}

static void store(const struct oap_batch *batch)
{
	uint64_t first = world_size(&night.world) + 1;
	struct oap_committed committed = { .batch_no = batch->batch_no };
	struct ledger_batch closed = {
		.first_seq = batch->first_seq,
		.entry_count = batch->entry_count,
		.low_water = batch->low_water,
		.batch_ts_unix_ms = batch->batch_ts_unix_ms,
	};

	world_commit(&night.world, &closed, batch->records);
	for (uint64_t seq = first; seq <= world_size(&night.world); seq++) {
		WORLD_REQUIRE(seq <= ENTRIES_MAX);
		take_entry(seq, (int64_t)batch->batch_ts_unix_ms);
	}
	committed.last_seq = world_size(&night.world);
	merkle_frontier_root(&night.world.store.tree, &committed.root);
	WORLD_REQUIRE(oap_send_committed(to_sequencer(), batch->batch_no, &committed) == ERR_OK);
}

static uint8_t piece_bytes[VERB_STATE_BYTES_MAX];

static void send_piece(enum state_piece piece, struct byte_writer *out)
{
	WORLD_REQUIRE(!out->failed);
	if (out->used > 0) {
		WORLD_REQUIRE(oap_send_state_piece(to_sequencer(), 0,
				      &(struct oap_state_piece){ .piece = (uint8_t)piece,
					      .records = { piece_bytes, out->used } }) == ERR_OK);
	}
	*out = byte_writer_of(piece_bytes, sizeof piece_bytes);
}

static void stream_rows(struct byte_writer *out)
{
	static const enum batch_type order[] = { BATCH_ACCOUNT, BATCH_CHUNK, BATCH_CLAIM,
		BATCH_COUNTER, BATCH_CONTROL };

	for (size_t i = 0; i < COUNT_OF(order); i++) {
		struct world_rows *rows = &night.world.store.tables[order[i]];

		if (rows->count > 0) {
			qsort(rows->blobs, rows->count, sizeof *rows->blobs, world_compare_keys);
		}
		for (size_t row = 0; row < rows->count; row++) {
			byte_put_u8(out, (uint8_t)order[i]);
			byte_put_slice32(out, world_blob_slice(&rows->blobs[row]));
		}
	}
	send_piece(STATE_ROWS, out);
}

static void stream_entries(struct byte_writer *out)
{
	byte_put_u64(out, 1);
	for (uint64_t seq = 1; seq <= world_size(&night.world); seq++) {
		struct batch_entry row = world_entry_row(&night.world, seq);

		byte_put_u64(out, row.key_fingerprint);
		byte_put_u64(out, row.id_fingerprint);
	}
	send_piece(STATE_FINGERPRINTS, out);
	for (uint64_t seq = night.world.store.low_water + 1; seq <= world_size(&night.world);
		seq++) {
		struct batch_entry row = world_entry_row(&night.world, seq);

		byte_put_u64(out, night.world.store.batch_ts.blobs[seq - 1].key);
		batch_put_entry(out, &row);
		if (out->left < 2 * BATCH_ENTRY_BYTES_MAX) {
			send_piece(STATE_ENTRIES, out);
		}
	}
	send_piece(STATE_ENTRIES, out);
}

static void send_end(void)
{
	struct oap_state_end end = { .size = world_size(&night.world), .disk_full = night.is_full };

	WORLD_REQUIRE(oap_send_state_end(to_sequencer(), 0, &end) == ERR_OK);
}

/* What is on disk, as after a start. */
static void stream_state(void)
{
	struct world_store *store = &night.world.store;
	struct byte_writer out = byte_writer_of(piece_bytes, sizeof piece_bytes);
	struct oap_state_begin begin = {
		.state_no = ++night.state_no,
		.fence = 3,
		.size = world_size(&night.world),
		.batch_ts_unix_ms = store->last_ts,
		.txid_ts_unix_ms = ulid_unix_ms(&night.id_highest),
		.low_water = store->low_water,
	};

	merkle_frontier_root(&store->tree, &begin.root);
	memcpy(begin.fingerprint_key.bytes, world_key, ID_BYTES);
	WORLD_REQUIRE(oap_send_state_begin(to_sequencer(), 0, &begin) == ERR_OK);
	stream_rows(&out);
	if (begin.size > 0) {
		stream_entries(&out);
	}
	send_end();
}

static void send_refusal(const struct oap_batch *batch)
{
	WORLD_REQUIRE(oap_send_not_committed(to_sequencer(), batch->batch_no,
			      &(struct oap_not_committed){ batch->batch_no, 1 }) == ERR_OK);
}

static void be_committer(void)
{
	const struct sim_frame *second;
	struct sim_frame *frame = sim_mesh_take(PROCESS_SEQUENCER, PROCESS_COMMITTER);
	struct oap_batch batch;
	struct byte_reader in;

	if (frame == NULL) {
		return;
	}
	second = sim_mesh_first(PROCESS_SEQUENCER, PROCESS_COMMITTER);
	did[KIND_TWO_IN_FLIGHT] += second != NULL ? 1 : 0;
	in = byte_reader_of(frame->payload);
	WORLD_REQUIRE(frame->from.verb == OAP_BATCH);
	WORLD_REQUIRE(oap_decode_batch(&in, &batch));
	if (night.is_full || batch.state_no != night.state_no) {
		did[KIND_LOST_BATCHES]++; /* it went out before the sequencer heard */
		send_refusal(&batch);
	} else if (!night.is_calm && percent(1)) {
		did[KIND_FULL_DISKS]++;
		send_refusal(&batch);
		night.is_full = true;
		stream_state();
	} else {
		store(&batch);
	}
	sim_mesh_free(frame, PROCESS_COMMITTER);
}

/* There is room again: what was streamed may be written to. */
static void make_room(void)
{
	if (!night.is_full || !sim_mesh_is_alive(PROCESS_COMMITTER) ||
		sim_mesh_is_due(PROCESS_COMMITTER, PROCESS_SEQUENCER)) {
		return;
	}
	night.is_full = false;
	send_end();
}

/* What the sequencer hears of the disk bounds what it may tell of balances; while a state is
 * streamed it is down. */
static void hear(void)
{
	const struct sim_frame *frame = sim_mesh_first(PROCESS_COMMITTER, PROCESS_SEQUENCER);
	struct byte_reader in;
	struct oap_committed committed;

	if (frame != NULL && frame->from.verb == OAP_STATE_BEGIN) {
		night.down_step = night.full_step = night.step;
	}
	if (frame == NULL || frame->from.verb != OAP_COMMITTED) {
		return;
	}
	in = byte_reader_of(frame->payload);
	WORLD_REQUIRE(oap_decode_committed(&in, &committed));
	WORLD_REQUIRE(night.heard_count < (int)COUNT_OF(night.heards));
	night.heards[night.heard_count++] =
		(struct heard){ .mono_ms = sim_mono_ms, .size = committed.last_seq };
}

/* It trusts nothing of what the sequencer has in flight, and begins anew; what was sent before the
 * sequencer hears of it is of the time before. */
static void stream_anew(void)
{
	struct sim_frame *frame;
	unsigned verb = 0;

	if (night.is_full || !sim_sequencer_is_serving()) {
		return;
	}
	did[KIND_STREAMS]++;
	stream_state();
	while (verb != OAP_STATE_BEGIN) {
		verb = sim_mesh_first(PROCESS_COMMITTER, PROCESS_SEQUENCER)->from.verb;
		hear();
		sim_mesh_deliver(PROCESS_COMMITTER, PROCESS_SEQUENCER);
	}
	while ((frame = sim_mesh_take(PROCESS_SEQUENCER, PROCESS_COMMITTER)) != NULL) {
		sim_mesh_free(frame, PROCESS_COMMITTER);
		did[KIND_LOST_BATCHES]++;
	}
}

/* ---- the archive that we are ---- */

static bool is_busy(void)
{
	return !night.is_calm && percent(night.busy_share);
}

static void answer_read(const struct sim_frame *frame)
{
	struct byte_reader in = byte_reader_of(frame->payload);
	struct oap_receipt receipt = { .status = ERR_BUSY };
	struct oap_read_receipt read;

	WORLD_REQUIRE(oap_decode_read_receipt(&in, &read));
	if (!is_busy()) {
		receipt.status = ERR_OK;
		receipt.receipt = world_entry_row(&night.world, read.seq).receipt;
	}
	(void)!oap_send_receipt(
		sim_mesh_peer(PROCESS_ARCHIVE, PROCESS_WALLET), frame->from.corr_id, &receipt);
}

static void answer_fetch(const struct sim_frame *frame)
{
	static uint8_t bytes[VERB_ROWS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct byte_reader in = byte_reader_of(frame->payload), seqs;
	struct hash root;
	struct oap_fetch fetch;

	WORLD_REQUIRE(oap_decode_fetch(&in, &fetch));
	did[KIND_PARKED]++;
	merkle_frontier_root(&night.world.store.tree, &root);
	seqs = byte_reader_of(fetch.seqs);
	while (seqs.left > 0 && !is_busy()) {
		uint64_t seq = byte_get_u64(&seqs);
		struct batch_entry row = world_entry_row(&night.world, seq);

		byte_put_u64(&out, seq);
		byte_put_u64(&out, seq);
		byte_put_hash(&out, &root);
		byte_put_u8(&out, row.has_memo);
		byte_put_bytes(&out, row.salt, sizeof row.salt);
		byte_put_slice16(&out, row.leaf);
	}
	(void)!oap_send_rows(sim_mesh_peer(PROCESS_ARCHIVE, PROCESS_SEQUENCER), frame->from.corr_id,
		&(struct oap_rows){ { bytes, out.used } });
}

static void be_archive(unsigned from)
{
	struct sim_frame *frame = sim_mesh_take(from, PROCESS_ARCHIVE);

	if (frame == NULL) {
		return;
	}
	if (frame->from.verb == OAP_READ_RECEIPT) {
		answer_read(frame);
	} else {
		answer_fetch(frame);
	}
	sim_mesh_free(frame, PROCESS_ARCHIVE);
}

/* ---- lives ---- */

static void kill_wallet(void)
{
	for (int i = 0; i < night.attempt_count; i++) {
		struct attempt *attempt = &night.attempts[i];

		if (attempt->told == UNTOLD && attempt->given_up_step == 0) {
			attempt->given_up_step = night.step;
		}
	}
	memset(night.slots, 0, sizeof night.slots);
	night.claims = 0;
	did[KIND_WALLET_DEATHS]++;
	sim_wallet_kill();
}

static void kill_pair(void)
{
	const struct sim_frame *frame = sim_mesh_first(PROCESS_SEQUENCER, PROCESS_COMMITTER);

	for (; frame != NULL; frame = frame->next) {
		did[KIND_LOST_BATCHES]++;
	}
	did[KIND_PAIR_DEATHS]++;
	night.is_full = false;
	sim_sequencer_kill();
	sim_mesh_kill(PROCESS_COMMITTER);
}

static void start_pair(void)
{
	struct oap_grant_key key = { .kms_generation = 1, .key = grant_key };

	sim_mesh_start(PROCESS_COMMITTER, NULL, NULL);
	sim_sequencer_start();
	watch(); /* the wallet has seen the end of the one before */
	WORLD_REQUIRE(oap_send_grant_key(sim_mesh_peer(PROCESS_KMS, PROCESS_SEQUENCER), 0, &key) ==
		      ERR_OK);
	while (sim_mesh_is_due(PROCESS_KMS, PROCESS_SEQUENCER)) {
		sim_mesh_deliver(PROCESS_KMS, PROCESS_SEQUENCER);
	}
	stream_state();
}

static void start_archive(void)
{
	sim_mesh_start(PROCESS_ARCHIVE, NULL, NULL);
	watch();
}

/* What it was to pass on is told to nobody, and what became of keys meanwhile is not seen. */
static void kill_edge(void)
{
	for (int i = 0; i < night.attempt_count; i++) {
		struct attempt *attempt = &night.attempts[i];

		if (attempt->told == UNTOLD && !attempt->is_orphan) {
			attempt->is_orphan = true;
			slot_of(attempt->wish)->is_unseen = true;
			did[KIND_LOST_REPLIES] += attempt->is_submitted ? 1 : 0;
		}
	}
	for (int i = 0; i < night.read_count; i++) {
		night.reads[i].is_told = true;
	}
	did[KIND_EDGE_DEATHS]++;
	sim_mesh_kill(PROCESS_INGRESS);
	sim_mesh_start(PROCESS_INGRESS, NULL, NULL);
}

/* What it had sent may still be read, or not. */
static void kill_prevalidator(void)
{
	did[KIND_PREVALIDATOR_DEATHS]++;
	sim_mesh_kill(PROCESS_PREVALIDATOR);
}

static void revive(uint32_t share)
{
	if (!sim_mesh_is_alive(PROCESS_PREVALIDATOR) && percent(share)) {
		sim_mesh_start(PROCESS_PREVALIDATOR, NULL, NULL);
	}
	if (!sim_mesh_is_alive(PROCESS_WALLET) && percent(share)) {
		sim_wallet_start();
	}
	if (!sim_mesh_is_alive(PROCESS_SEQUENCER) && percent(share)) {
		start_pair();
	}
	if (!sim_mesh_is_alive(PROCESS_ARCHIVE) && percent(share)) {
		start_archive();
	}
	if (percent(share)) {
		make_room();
	}
}

static void kill_some(void)
{
	if (sim_mesh_is_alive(PROCESS_WALLET) && chance(250) == 0) {
		kill_wallet();
	}
	if (sim_mesh_is_alive(PROCESS_SEQUENCER) && chance(250) == 0) {
		kill_pair();
	}
	if (sim_mesh_is_alive(PROCESS_ARCHIVE) && chance(200) == 0) {
		sim_mesh_kill(PROCESS_ARCHIVE);
		did[KIND_ARCHIVE_DEATHS]++;
	}
	if (chance(300) == 0) {
		stream_anew();
	}
	if (chance(600) == 0) {
		kill_edge();
	}
	if (sim_mesh_is_alive(PROCESS_PREVALIDATOR) && chance(300) == 0) {
		kill_prevalidator();
	}
}

#endif
