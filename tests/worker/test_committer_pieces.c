/* A batch that is larger than a frame: its pieces, its head, one transaction. */
#include "tests/worker/committer_driver.h"

/* Some 1.5 MB of records. */
#define LARGE_ENTRIES 4000u

#define PIECE_BYTES 300000u

static struct oap_batch_piece piece_at(const struct oap_batch *batch, size_t offset)
{
	size_t left = maker.out.used - offset;

	return (struct oap_batch_piece){
		.batch_no = batch->batch_no,
		.total_bytes = (uint32_t)maker.out.used,
		.offset = (uint32_t)offset,
		.bytes = { maker.bytes + offset, left < PIECE_BYTES ? left : PIECE_BYTES },
	};
}

static void send_piece(const struct oap_batch_piece *piece)
{
	harness_send_batch_piece(sequencer, piece->batch_no, piece);
	harness_settle(&h); /* its credit is back */
}

static void send_pieces(const struct oap_batch *batch, size_t offset, size_t end)
{
	for (; offset < end; offset += PIECE_BYTES) {
		struct oap_batch_piece piece = piece_at(batch, offset);

		send_piece(&piece);
	}
}

/* The head behind its pieces. */
static struct oap_batch head_of(const struct oap_batch *batch)
{
	struct oap_batch head = *batch;

	head.pieces_bytes = (uint32_t)maker.out.used;
	head.records.bytes_count = 0;
	return head;
}

static void pieces_are_one_commit(void **state)
{
	struct oap_batch batch, head;
	struct oap_tree tree;

	(void)state;
	start_serving();
	commit(5);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_tree(archive, &tree);
	batch = make_batch(LARGE_ENTRIES);
	head = head_of(&batch);
	assert_true(maker.out.used > VERB_BATCH_BYTES_MAX);
	send_pieces(&batch, 0, maker.out.used);
	send_batch(&head);
	expect_committed(&batch);
	(void)harness_expect_tree(archive, &tree); /* nothing in between */
	assert_int_equal(tree.size, LARGE_ENTRIES + 5);
	commit(5); /* and what follows is ordinary again */
	harness_stop(&h);
	start_serving();
	assert_int_equal(begun.size, LARGE_ENTRIES + 10);
}

static void pieces_without_their_head_are_nothing(void **state)
{
	struct oap_batch batch;

	(void)state;
	start_serving();
	commit(5);
	batch = make_batch(LARGE_ENTRIES);
	send_pieces(&batch, 0, maker.out.used);
	harness_kill(&h);
	start_serving();
	assert_int_equal(begun.size, 5);
}

/* A sequencer that was given a new state numbers another batch. */
static void the_first_piece_takes_the_place_of_what_was_given_up(void **state)
{
	struct oap_batch batch, given_up, head;

	(void)state;
	start_serving();
	commit(5);
	batch = make_batch(LARGE_ENTRIES);
	given_up = batch;
	batch.batch_no = ++batch_no;
	head = head_of(&batch);
	send_pieces(&given_up, 0, 2 * PIECE_BYTES);
	send_pieces(&batch, 0, maker.out.used);
	send_batch(&head);
	expect_committed(&batch);
}

static void expect_accused(const struct oap_batch_piece *piece, enum err err)
{
	harness_send_batch_piece(sequencer, piece->batch_no, piece);
	harness_expect_accusation(sequencer, OAP_BATCH_PIECE, err);
	harness_stop(&h);
	start_serving();
	assert_int_equal(begun.size, 5);
}

static void pieces_that_do_not_join_accuse_the_sequencer(void **state)
{
	struct oap_batch batch;
	struct oap_batch_piece piece;

	(void)state;
	start_serving();
	commit(5);
	batch = make_batch(LARGE_ENTRIES);
	piece = piece_at(&batch, PIECE_BYTES); /* without the first */
	expect_accused(&piece, ERR_CONFLICT);
	send_pieces(&batch, 0, PIECE_BYTES);
	piece = piece_at(&batch, 2 * PIECE_BYTES); /* a gap */
	expect_accused(&piece, ERR_CONFLICT);
	send_pieces(&batch, 0, PIECE_BYTES);
	piece = piece_at(&batch, PIECE_BYTES);
	piece.batch_no++;
	expect_accused(&piece, ERR_CONFLICT);
	piece = piece_at(&batch, 0);
	piece.total_bytes = PIECE_BYTES - 1; /* less than is here */
	expect_accused(&piece, ERR_CONFLICT);
	piece = piece_at(&batch, 0);
	piece.total_bytes = VERB_LARGE_BATCH_BYTES_MAX + 1;
	expect_accused(&piece, ERR_TOO_LARGE);
	piece = piece_at(&batch, 0);
	piece.bytes.bytes_count = 0;
	expect_accused(&piece, ERR_MALFORMED);
}

static void a_head_without_all_pieces_accuses_the_sequencer(void **state)
{
	struct oap_batch batch, head;

	(void)state;
	start_serving();
	commit(5);
	batch = make_batch(LARGE_ENTRIES);
	head = head_of(&batch);
	send_pieces(&batch, 0, PIECE_BYTES);
	send_batch(&head);
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_CONFLICT);
	harness_stop(&h);
	start_serving();
	send_batch(&head); /* and none at all */
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_CONFLICT);
}

static void half_a_ticket_accuses_the_sequencer(void **state)
{
	struct oap_batch batch;

	(void)state;
	start_serving();
	batch = make_batch(1);
	batch.traced = (struct slice){ (const uint8_t *)"1234567812345678", 16 };
	send_batch(&batch);
	expect_committed(&batch);
	batch = make_batch(1);
	batch.traced = (struct slice){ (const uint8_t *)"1234567", 7 };
	send_batch(&batch);
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_MALFORMED);
}

static void value_from_nowhere_is_found_in_pieces_too(void **state)
{
	struct oap_batch batch, head;

	(void)state;
	start_serving();
	commit(5);
	batch = make_batch(LARGE_ENTRIES);
	maker.out.used--; /* the last record is cut */
	head = head_of(&batch);
	send_pieces(&batch, 0, maker.out.used);
	send_batch(&head);
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_MALFORMED);
	harness_stop(&h);
	start_serving();
	assert_int_equal(begun.size, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(pieces_are_one_commit),
		CASE(pieces_without_their_head_are_nothing),
		CASE(the_first_piece_takes_the_place_of_what_was_given_up),
		CASE(pieces_that_do_not_join_accuse_the_sequencer),
		CASE(a_head_without_all_pieces_accuses_the_sequencer),
		CASE(half_a_ticket_accuses_the_sequencer),
		CASE(value_from_nowhere_is_found_in_pieces_too),
	};

	return cmocka_run_group_tests_name("committer_pieces", tests, NULL, NULL);
}
