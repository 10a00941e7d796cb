#include <stdlib.h>

#include "store/verify_state.h"

static bool on_account(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_account account;

	if (batch_get_account(record, &account) != ERR_OK || account.index != key) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_ACCOUNT, key, "its row does not decode");
	}
	return verify_judge(verify, replay_account(verify->replay, &account, &verify->result->what),
		VERIFY_ACCOUNT, key, NULL);
}

static bool on_chunk(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_chunk chunk;

	if (batch_get_chunk(record, &chunk) != ERR_OK || chunk.number != key) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_CHUNK, key, "its row does not decode");
	}
	if (verify->chunk_count == verify->chunk_max) {
		size_t larger_max = verify->chunk_max == 0 ? 1024 : verify->chunk_max * 2;
		void *larger = realloc(verify->chunks, larger_max * sizeof *verify->chunks);

		if (larger == NULL) {
			verify->err = ERR_IO;
			return false;
		}
		verify->chunks = larger;
		verify->chunk_max = larger_max;
	}
	verify->chunks[verify->chunk_count++] =
		(struct verify_chunk){ .true_at_seq = chunk.true_at_seq, .number = chunk.number };
	return true;
}

static int by_seq(const void *a, const void *b)
{
	const struct verify_chunk *left = a;
	const struct verify_chunk *right = b;

	return left->true_at_seq < right->true_at_seq ? -1 : left->true_at_seq > right->true_at_seq;
}

static void sort(struct verify *verify)
{
	size_t count = verify->chunk_count;

	/* Rows come by number: the last one has the largest. */
	verify->chunk_seq_count = count == 0 ? 0 : (size_t)verify->chunks[count - 1].number + 1;
	if (verify->chunk_seq_count > verify->result->checked[VERIFY_ACCOUNT]) {
		(void)verify_judge(verify, ERR_CORRUPT, VERIFY_CHUNK, verify->chunk_seq_count - 1,
			"there are not so many accounts");
		return;
	}
	verify->chunk_seqs = calloc(verify->chunk_seq_count + 1, sizeof *verify->chunk_seqs);
	if (verify->chunk_seqs == NULL) {
		verify->err = ERR_IO;
		return;
	}
	for (size_t i = 0; i < count; i++) {
		verify->chunk_seqs[verify->chunks[i].number] = verify->chunks[i].true_at_seq;
	}
	if (count > 0) {
		qsort(verify->chunks, count, sizeof *verify->chunks, by_seq);
	}
}

void verify_chunks_begin(struct verify *verify)
{
	verify_walk(verify, SCHEMA_ACCOUNT, VERIFY_ACCOUNT, on_account);
	verify_walk(verify, SCHEMA_CHUNK, VERIFY_CHUNK, on_chunk);
	if (verify_goes_on(verify)) {
		sort(verify);
	}
}

struct one_chunk {
	struct batch_chunk chunk;
	bool found;
};

static bool on_one_chunk(void *context, uint64_t key, struct slice record)
{
	struct one_chunk *one = context;

	one->found = batch_get_chunk(record, &one->chunk) == ERR_OK && one->chunk.number == key;
	return false;
}

/* Read again: while a node runs, a newer one may have taken its place since. */
static bool chunk_check(struct verify *verify, const struct verify_chunk *place)
{
	struct one_chunk one = { .found = false };
	uint64_t key = place->number;
	bool done = false;
	enum err err = reader_rows(verify->reader, SCHEMA_CHUNK, &key, on_one_chunk, &one, &done);

	if (err == ERR_OK && (!one.found || one.chunk.number != place->number)) {
		err = ERR_CORRUPT;
	}
	if (err != ERR_OK) {
		return verify_judge(verify, err, VERIFY_CHUNK, place->number, "the row is damaged");
	}
	if (one.chunk.true_at_seq != place->true_at_seq) {
		return true;
	}
	return verify_judge(verify, replay_chunk(verify->replay, &one.chunk, &verify->result->what),
		VERIFY_CHUNK, place->number, NULL);
}

bool verify_chunks_at(struct verify *verify, uint64_t seq)
{
	while (verify->chunk_next < verify->chunk_count &&
		verify->chunks[verify->chunk_next].true_at_seq == seq) {
		if (!chunk_check(verify, &verify->chunks[verify->chunk_next++])) {
			return false;
		}
	}
	if (seq != verify->head.low_water || verify->config->live) {
		return true;
	}
	return verify_judge(verify,
		replay_low_water(verify->replay, verify->chunk_seqs, verify->chunk_seq_count, seq,
			&verify->result->what),
		VERIFY_CHUNK, seq, NULL);
}
