/* What is on disk, on its way to the sequencer: state rows, fingerprints, and the entries that
 * the oldest chunk has not seen. A piece at a time and as far as credit goes, so that pings are
 * answered in between however large the ledger is. */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "core/batch.h"
#include "core/ulid.h"
#include "services/committer/committer.h"
#include "store/fingerprint.h"

/* A piece is sent when another record may not fit. */
#define RECORD_BYTES_MAX 8192u

_Static_assert(BATCH_ENTRY_BYTES_MAX + 8u <= RECORD_BYTES_MAX, "an entry and its time fit");
_Static_assert(BATCH_HEAD_BYTES + BATCH_CHUNK_BYTES_MAX <= RECORD_BYTES_MAX, "a chunk fits");

static struct peer *sequencer_of(struct committer *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0);
}

static void send_piece(struct committer *self, enum state_piece piece)
{
	struct stream *stream = &self->stream;
	struct oap_state_piece msg = {
		.piece = (uint8_t)piece,
		.records = { stream->piece, stream->out.used },
	};
	enum err err;

	if (stream->out.used == 0) {
		return;
	}
	err = oap_send_state_piece(sequencer_of(self), 0, &msg);
	assert(err == ERR_OK || err == ERR_STALE); /* the pump looked at the credit */
	stream->out = byte_writer_of(stream->piece, VERB_STATE_BYTES_MAX);
}

static bool has_room(const struct stream *stream)
{
	return stream->out.left >= RECORD_BYTES_MAX;
}

/* --- what goes into pieces --- */

static bool take_row_as(struct stream *stream, enum batch_type type, struct slice body)
{
	byte_put_u8(&stream->out, (uint8_t)type);
	byte_put_slice32(&stream->out, body);
	assert(!stream->out.failed); /* has_room left for the largest */
	return has_room(stream);
}

static bool on_account(void *context, uint64_t key, struct slice record)
{
	(void)key;
	return take_row_as(context, BATCH_ACCOUNT, record);
}

static bool on_chunk(void *context, uint64_t key, struct slice record)
{
	(void)key;
	return take_row_as(context, BATCH_CHUNK, record);
}

static bool on_claim(void *context, uint64_t key, struct slice record)
{
	(void)key;
	return take_row_as(context, BATCH_CLAIM, record);
}

static bool on_counter(void *context, uint64_t key, struct slice record)
{
	(void)key;
	return take_row_as(context, BATCH_COUNTER, record);
}

static bool on_control(void *context, uint64_t key, struct slice record)
{
	(void)key;
	return take_row_as(context, BATCH_CONTROL, record);
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct committer *self = context;
	struct stream *stream = &self->stream;
	struct batch_entry record;

	if (row->seq > stream->root.last_seq) {
		stream->err = reader_root_at(self->reader, row->seq, &stream->root);
		if (stream->err != ERR_OK) {
			return false;
		}
	}
	stream->err = fingerprint_record(stream->head.meta.fingerprint_key, row, &record);
	if (stream->err != ERR_OK) {
		return false;
	}
	byte_put_u64(&stream->out, (uint64_t)stream->root.batch_ts_unix_ms);
	batch_put_entry(&stream->out, &record);
	assert(!stream->out.failed);
	return has_room(stream);
}

/* --- the stages --- */

static void next_stage(struct committer *self)
{
	struct stream *stream = &self->stream;

	stream->stage++;
	stream->key = 0;
	if (stream->stage == STREAM_ENTRIES) {
		stream->key = stream->head.low_water + 1;
	}
}

static enum err state_rows(struct committer *self, bool *ret_done)
{
	static reader_on_row *const takers[] = { on_account, on_chunk, on_claim, on_counter };
	struct stream *stream = &self->stream;
	unsigned table = (unsigned)(stream->stage - STREAM_ACCOUNTS);
	enum err err = reader_rows(self->reader, (enum schema_table)table, &stream->key,
		takers[table], stream, ret_done);

	if (*ret_done || !has_room(stream)) {
		send_piece(self, STATE_ROWS);
	}
	return err;
}

static enum err control_rows(struct committer *self, bool *ret_done)
{
	struct stream *stream = &self->stream;
	enum err err = reader_controls(self->reader, &stream->key, on_control, stream, ret_done);

	send_piece(self, STATE_ROWS);
	return err;
}

/* One block is one piece. */
static enum err fingerprint_block(struct committer *self, bool *ret_done)
{
	struct stream *stream = &self->stream;
	struct slice block;
	enum err err;

	*ret_done = stream->key >= stream->head.size / FINGERPRINT_BLOCK_ENTRIES;
	if (*ret_done) {
		return ERR_OK;
	}
	err = reader_fingerprints(self->reader, stream->key, &block);
	if (err != ERR_OK) {
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	byte_put_u64(&stream->out, stream->key * FINGERPRINT_BLOCK_ENTRIES + 1);
	byte_put_bytes(&stream->out, block.bytes, block.bytes_count);
	send_piece(self, STATE_FINGERPRINTS);
	stream->key++;
	return ERR_OK;
}

/* Behind the last full block fingerprints are no rows: the store has computed them again. */
static void fingerprint_tail(struct committer *self)
{
	struct stream *stream = &self->stream;
	struct slice tail = store_fingerprint_tail(self->store);

	if (tail.bytes_count > 0) {
		byte_put_u64(&stream->out,
			stream->head.size / FINGERPRINT_BLOCK_ENTRIES * FINGERPRINT_BLOCK_ENTRIES +
				1);
		byte_put_bytes(&stream->out, tail.bytes, tail.bytes_count);
		send_piece(self, STATE_FINGERPRINTS);
	}
}

static enum err entry_rows(struct committer *self, bool *ret_done)
{
	struct stream *stream = &self->stream;
	enum err err = reader_entries(
		self->reader, &stream->key, stream->head.size, on_entry, self, ret_done);

	send_piece(self, STATE_ENTRIES);
	return err == ERR_OK ? stream->err : err;
}

static enum err run_stage(struct committer *self, bool *ret_done)
{
	switch (self->stream.stage) {
	case STREAM_ACCOUNTS:
	case STREAM_CHUNKS:
	case STREAM_CLAIMS:
	case STREAM_COUNTERS:
		return state_rows(self, ret_done);
	case STREAM_CONTROLS:
		return control_rows(self, ret_done);
	case STREAM_FINGERPRINTS:
		return fingerprint_block(self, ret_done);
	case STREAM_FINGERPRINT_TAIL:
		fingerprint_tail(self);
		break;
	case STREAM_ENTRIES:
		return entry_rows(self, ret_done);
	case STREAM_IDLE:
	case STREAM_DONE:
		break;
	}
	*ret_done = true;
	return ERR_OK;
}

/* A row that is wrong stays wrong; a disk that does not answer may do so tomorrow. */
static void cannot_read(struct committer *self, enum err err, const char *what)
{
	log_event(LOG_STORE_FAILED,
		&(struct log_fields){ .fault = err, .seq = self->stream.key, .text = what });
	if (err == ERR_IO) {
		committer_lose_trust(self, "io_error: %s", what);
	}
	trouble_enter(self, TROUBLE_CORRUPT, "%s: %s", trouble_word(TROUBLE_CORRUPT), what);
}

static void send_end(struct committer *self, bool is_full)
{
	struct oap_state_end end = { .size = self->stream.head.size, .disk_full = is_full };

	(void)!oap_send_state_end(sequencer_of(self), 0, &end);
	self->stream.told_full = is_full;
}

static void serve(struct committer *self)
{
	audits_start(self);
	if (self->trouble == TROUBLE_NONE) { /* there was room for that */
		committer_report(self, PHASE_SERVING, "");
	}
}

static void finish(struct committer *self)
{
	self->stream.stage = STREAM_DONE;
	send_end(self, self->trouble == TROUBLE_DISK_FULL);
	if (self->trouble == TROUBLE_NONE) {
		serve(self);
	}
}

void stream_resume(struct committer *self)
{
	if (self->trouble != TROUBLE_NONE) {
		return;
	}
	if (self->stream.stage == STREAM_IDLE) {
		committer_stream(self);
	} else if (self->stream.stage == STREAM_DONE) {
		if (self->stream.told_full) {
			send_end(self, false);
		}
		serve(self);
	}
}

void stream_pump(struct committer *self)
{
	struct stream *stream = &self->stream;
	struct peer *sequencer = sequencer_of(self);

	while (stream->stage != STREAM_IDLE && stream->stage != STREAM_DONE && sequencer != NULL &&
		peer_has_credit(sequencer, VERB_STATE_BYTES_MAX + 8)) {
		bool done = false;
		enum err err = run_stage(self, &done);

		if (err != ERR_OK) {
			cannot_read(self, err, "the stored state cannot be read");
			return;
		}
		if (done) {
			next_stage(self);
		}
		if (stream->stage == STREAM_DONE) {
			finish(self);
		}
	}
}

void stream_begin(struct committer *self)
{
	struct stream *stream = &self->stream;
	struct oap_state_begin begin;
	struct id128 txid_last = { { 0 } };
	enum err err = reader_head(self->reader, &stream->head);

	if (err == ERR_OK) {
		err = reader_txid_last(self->reader, &txid_last);
	}
	if (err != ERR_OK && err != ERR_NOT_FOUND) {
		cannot_read(self, err, "its head cannot be read");
		return;
	}
	stream->stage = STREAM_ACCOUNTS;
	stream->no++;
	stream->key = 0;
	stream->err = ERR_OK;
	stream->root = (struct schema_root){ .last_seq = 0 };
	stream->out = byte_writer_of(stream->piece, VERB_STATE_BYTES_MAX);
	begin = (struct oap_state_begin){
		.state_no = stream->no,
		.fence = stream->head.meta.fence,
		.size = stream->head.size,
		.root = stream->head.root,
		.batch_ts_unix_ms = (uint64_t)stream->head.batch_ts_unix_ms,
		.txid_ts_unix_ms = ulid_unix_ms(&txid_last),
		.low_water = stream->head.low_water,
	};
	memcpy(begin.fingerprint_key.bytes, stream->head.meta.fingerprint_key, ID_BYTES);
	(void)!oap_send_state_begin(sequencer_of(self), 0, &begin);
	if (self->trouble == TROUBLE_NONE) {
		committer_report(self, PHASE_LOADING, "streaming the state");
	}
}
