#include "common/peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "tests/peer_rig.h"

#define LARGE_BYTES 1000000u

static uint8_t large[LARGE_BYTES];

static struct slice large_part(size_t count)
{
	return (struct slice){ large, count };
}

static int fill_large(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof large; i++) {
		large[i] = (uint8_t)(i * 7 + (i >> 8));
	}
	return 0;
}

static enum err send_batch(struct peer *peer, uint64_t corr_id, size_t count)
{
	struct oap_batch batch = { .records = large_part(count) };

	return oap_send_batch(peer, corr_id, &batch);
}

static enum err send_body(struct peer *peer, uint64_t corr_id, size_t count)
{
	struct oap_body body = { .bytes = large_part(count) };

	return oap_send_body(peer, corr_id, &body);
}

/* --- frames --- */

static void frames_arrive_once_each_and_in_order(void **state)
{
	struct rig_pair pair;

	(void)state;
	rig_begin_pair(&pair, PROCESS_INGRESS, PROCESS_PREVALIDATOR);
	for (uint64_t i = 0; i < 2000; i++) {
		assert_int_equal(send_body(pair.to_b, i, (size_t)(i * 37 % 3000)), ERR_OK);
	}
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 2000);
	for (uint64_t i = 0; i < 2000; i++) {
		assert_true(pair.b.seen[i].corr_id == i);
		assert_int_equal(pair.b.seen[i].payload_bytes, 8 + i * 37 % 3000);
		assert_int_equal(pair.b.seen[i].verb, OAP_BODY);
		assert_int_equal(pair.b.seen[i].process, PROCESS_INGRESS);
		assert_int_equal(pair.b.seen[i].generation, RIG_GENERATION);
	}
	assert_true(peer_idle(pair.to_b));
	rig_end_pair(&pair);
}

static enum err compare_with_large(
	struct rig_side *side, const struct oap_from *from, const void *msg)
{
	const struct oap_batch *batch = msg;

	(void)side;
	assert_int_equal(from->verb, OAP_BATCH);
	assert_int_equal(batch->records.bytes_count, LARGE_BYTES);
	assert_memory_equal(batch->records.bytes, large, LARGE_BYTES);
	return ERR_OK;
}

static void frames_of_a_megabyte_arrive_whole(void **state)
{
	struct rig_pair pair;

	(void)state;
	rig_begin_pair(&pair, PROCESS_SEQUENCER, PROCESS_COMMITTER);
	pair.b.handle = compare_with_large;
	pair.b.gives_back = true;
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(send_batch(pair.to_b, round, LARGE_BYTES), ERR_OK);
		assert_int_equal(send_batch(pair.to_b, round, LARGE_BYTES), ERR_OK);
		rig_settle_pair(&pair);
	}
	assert_int_equal(pair.b.seen_count, 6);
	rig_end_pair(&pair);
}

static void a_frame_that_comes_byte_by_byte_is_handled_when_it_is_whole(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);
	uint8_t bytes[512];
	size_t count = rig_zero_frame(OAP_BATCH, 5, bytes);

	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(side.seen_count, 0);
		rig_write(fd, bytes + i, 1);
		rig_turn(&side);
	}
	assert_int_equal(side.seen_count, 1);
	assert_int_equal(side.accused_count, 0);
	close(fd);
	rig_end(&side);
}

static void send_from_turn(struct rig_side *side)
{
	if (side->turn_count == 1) {
		assert_int_equal(send_body(side->context, 9, 1), ERR_OK);
	}
}

static void what_the_turn_hook_sends_leaves_in_the_same_turn(void **state)
{
	struct rig_side side;
	struct peer *peer;
	struct frame_head head;
	int fd = rig_begin_alone(&side, PROCESS_INGRESS, PROCESS_PREVALIDATOR, &peer);

	(void)state;
	side.when_turn = send_from_turn;
	side.context = peer;
	rig_turn(&side);
	assert_int_equal(side.turn_count, 1);
	assert_true(rig_read_frame(fd, &head));
	assert_true(head.corr_id == 9);
	assert_int_equal(head.flags, FRAME_EVENT);
	close(fd);
	rig_end(&side);
}

static void nobody_is_sent_nothing(void **state)
{
	(void)state;
	assert_int_equal(send_body(NULL, 1, 1), ERR_STALE);
	assert_int_equal(send_batch(NULL, 1, 1), ERR_STALE);
	assert_false(peer_has_credit(NULL, 0));
	peer_destroy(NULL);
}

/* --- credit --- */

static void exactly_the_window_of_requests_passes_and_giving_back_restores_it(void **state)
{
	struct rig_pair pair;
	struct oap_request request = { 0 };

	(void)state;
	rig_begin_pair(&pair, PROCESS_INGRESS, PROCESS_PREVALIDATOR);
	for (uint64_t i = 0; i < 512; i++) {
		assert_true(peer_has_credit(pair.to_b, 30));
		assert_int_equal(oap_send_request(pair.to_b, i, &request), ERR_OK);
	}
	assert_false(peer_has_credit(pair.to_b, 0));
	assert_int_equal(oap_send_request(pair.to_b, 512, &request), ERR_BUSY);
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 512); /* handled, but not finished with */
	assert_int_equal(oap_send_request(pair.to_b, 512, &request), ERR_BUSY);
	assert_false(peer_idle(pair.to_b));

	mesh_give_back(&pair.b.mesh, &pair.b.seen[100]);
	rig_settle_pair(&pair);
	assert_int_equal(oap_send_request(pair.to_b, 512, &request), ERR_OK);
	assert_int_equal(oap_send_request(pair.to_b, 513, &request), ERR_BUSY);
	rig_settle_pair(&pair);

	for (size_t i = 0; i < 513; i++) {
		if (i != 100) {
			mesh_give_back(&pair.b.mesh, &pair.b.seen[i]);
		}
	}
	rig_settle_pair(&pair);
	assert_true(peer_idle(pair.to_b));
	assert_int_equal(pair.a.accused_count + pair.b.accused_count, 0);
	rig_end_pair(&pair);
}

static void requests_that_give_back_at_once_pass_without_end(void **state)
{
	struct rig_pair pair;

	(void)state;
	rig_begin_pair(&pair, PROCESS_SEQUENCER, PROCESS_COMMITTER);
	pair.b.gives_back = true;
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(send_batch(pair.to_b, i, 3), ERR_OK);
		rig_turn(&pair.a); /* written */
		rig_turn(&pair.b); /* handled */
		rig_turn(&pair.b); /* credit written */
		rig_turn(&pair.a); /* credit read */
	}
	assert_int_equal(pair.b.seen_count, 1000);
	assert_int_equal(pair.a.accused_count + pair.b.accused_count, 0);
	rig_end_pair(&pair);
}

static void bytes_are_credit_too(void **state)
{
	struct rig_pair pair;
	struct oap_submit submit = { .drafts = large_part(LARGE_BYTES) };
	unsigned passed = 0;

	(void)state;
	rig_begin_pair(&pair, PROCESS_PREVALIDATOR, PROCESS_SEQUENCER);
	while (oap_send_submit(pair.to_b, passed, &submit) == ERR_OK) {
		passed++;
	}
	assert_int_equal(passed, 16); /* of 16 MiB, while 512 requests would pass */
	submit.drafts = large_part(1000);
	assert_int_equal(oap_send_submit(pair.to_b, passed, &submit), ERR_OK);
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 17);
	mesh_give_back(&pair.b.mesh, &pair.b.seen[0]);
	rig_settle_pair(&pair);
	submit.drafts = large_part(LARGE_BYTES);
	assert_int_equal(oap_send_submit(pair.to_b, passed, &submit), ERR_OK);
	rig_end_pair(&pair);
}

static void many_finished_requests_are_given_back_in_one_frame(void **state)
{
	struct rig_side side;
	struct peer *peer;
	struct frame_head head;
	int fd = rig_begin_alone(&side, PROCESS_PREVALIDATOR, PROCESS_INGRESS, &peer);

	(void)state;
	side.gives_back = true;
	for (uint64_t i = 0; i < 100; i++) {
		rig_write_zero_frame(fd, OAP_REQUEST, i);
	}
	rig_settle(&side);
	assert_int_equal(side.seen_count, 100);
	assert_true(rig_read_frame(fd, &head));
	assert_int_equal(head.verb, OAP_CREDIT);
	assert_false(rig_read_frame(fd, &head));
	close(fd);
	rig_end(&side);
}

static void replies_and_events_pass_without_any_credit(void **state)
{
	struct rig_pair pair;
	struct oap_committed committed = { 0 };
	struct oap_state_bad bad = { 0 };

	(void)state;
	rig_begin_pair(&pair, PROCESS_SEQUENCER, PROCESS_COMMITTER);
	assert_int_equal(send_batch(pair.to_b, 1, 1), ERR_OK);
	assert_int_equal(send_batch(pair.to_b, 2, 1), ERR_OK);
	assert_int_equal(send_batch(pair.to_b, 3, 1), ERR_BUSY);
	assert_int_equal(oap_send_state_bad(pair.to_b, 4, &bad), ERR_OK);
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 3);
	for (uint64_t i = 0; i < 1000; i++) {
		assert_int_equal(oap_send_committed(pair.to_a, i, &committed), ERR_OK);
	}
	rig_settle_pair(&pair);
	assert_int_equal(pair.a.seen_count, 1000);
	assert_int_equal(pair.a.accused_count, 0);
	rig_end_pair(&pair);
}

/* Goal: a reader that stands still costs what its windows say, and not a frame more. */
static void a_blocked_reader_holds_no_more_than_credit_allows(void **state)
{
	struct rig_pair pair;

	(void)state;
	rig_begin_pair(&pair, PROCESS_SEQUENCER, PROCESS_COMMITTER);
	for (uint64_t i = 0; i < 500; i++) {
		assert_int_equal(send_batch(pair.to_b, i, LARGE_BYTES), i < 2 ? ERR_OK : ERR_BUSY);
		rig_turn(&pair.a);
	}
	assert_int_equal(pair.a.accused_count + pair.a.lost_count, 0);
	rig_settle_pair(&pair);
	assert_int_equal(pair.b.seen_count, 2);
	rig_end_pair(&pair);
}

/* --- accusations --- */

static void a_request_over_the_window_is_accused_and_nothing_after_it_handled(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);

	(void)state;
	for (uint64_t i = 0; i < 3; i++) {
		rig_write_zero_frame(fd, OAP_BATCH, i);
	}
	rig_write_zero_frame(fd, OAP_STATE_BAD, 3);
	rig_settle(&side);
	rig_write_zero_frame(fd, OAP_STATE_BAD, 4);
	rig_settle(&side);
	assert_int_equal(side.seen_count, 2);
	assert_int_equal(side.accused_count, 1);
	assert_int_equal(side.accused_err, ERR_TOO_LARGE);
	assert_int_equal(side.accused.verb, OAP_BATCH);
	assert_true(side.accused.corr_id == 2);
	assert_int_equal(side.accused.process, PROCESS_SEQUENCER);
	assert_int_equal(side.accused.generation, RIG_GENERATION);
	close(fd);
	rig_end(&side);
}

/* Goal: finished is not given back: who did not wait for the credit went over the window. */
static void a_request_before_its_credit_was_written_is_accused(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);

	(void)state;
	side.gives_back = true;
	for (uint64_t i = 0; i < 3; i++) {
		rig_write_zero_frame(fd, OAP_BATCH, i);
	}
	rig_settle(&side);
	assert_int_equal(side.seen_count, 2);
	assert_int_equal(side.accused_count, 1);
	assert_int_equal(side.accused_err, ERR_TOO_LARGE);
	close(fd);
	rig_end(&side);
}

static uint32_t batch_bytes(size_t count)
{
	uint8_t payload[200];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);

	assert_true(oap_encode_batch(&out, &(struct oap_batch){ .records = large_part(count) }));
	return (uint32_t)out.used;
}

static void more_credit_than_was_asked_for_is_accused(void **state)
{
	const uint32_t sent_bytes = batch_bytes(7);
	const struct {
		struct oap_credit credit;
		bool lies;
	} rows[] = {
		{ { 0, 0 }, false },
		{ { 1, 0 }, false },
		{ { 1, sent_bytes }, false },
		{ { 2, 0 }, true },
		{ { 1, sent_bytes + 1 }, true },
		{ { UINT32_MAX, 0 }, true },
		{ { 0, UINT32_MAX }, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct rig_side side;
		struct peer *peer;
		int fd = rig_begin_alone(&side, PROCESS_SEQUENCER, PROCESS_COMMITTER, &peer);
		uint8_t payload[8], bytes[64];
		struct byte_writer out = byte_writer_of(payload, sizeof payload);

		assert_int_equal(send_batch(peer, 1, 7), ERR_OK);
		assert_true(oap_encode_credit(&out, &rows[i].credit));
		rig_write(fd, bytes,
			rig_frame(OAP_CREDIT, 0, (struct slice){ payload, 8 }, 0, bytes));
		rig_settle(&side);
		assert_int_equal(side.accused_count, rows[i].lies);
		if (rows[i].lies) {
			assert_int_equal(side.accused_err, ERR_TOO_LARGE);
		}
		close(fd);
		rig_end(&side);
	}
}

/* What is wrong with a frame, and how it is told. The committer hears it from the sequencer. */
struct bad_frame {
	const char *what;
	unsigned verb;
	uint16_t flags;       /* 0: as the verb wants */
	uint32_t len;         /* 0: as it is */
	size_t payload_bytes; /* zeros */
	uint8_t version, tenant;
	enum err err;
};

static const struct bad_frame bad_frames[] = {
	{ "a verb that there is not", 0x0fff, 4, 0, 0, 1, 0, ERR_NOT_ROUTED },
	{ "the same with a payload", 0x0fff, 4, 0, 9, 1, 0, ERR_NOT_ROUTED },
	{ "a public verb", 0x0010, 1, 0, 9, 1, 0, ERR_NOT_ROUTED },
	{ "a verb of another sender", OAP_SUBMIT, 0, 0, 37, 1, 0, ERR_NOT_ROUTED },
	{ "a verb for another receiver", OAP_FETCH, 0, 0, 4, 1, 0, ERR_NOT_ROUTED },
	{ "the receiver's own verb", OAP_COMMITTED, 0, 0, 48, 1, 0, ERR_NOT_ROUTED },
	{ "an order of the supervisor", OAP_LINK, 0, 0, 6, 1, 0, ERR_NOT_ROUTED },
	{ "a payload that is too short", OAP_STATE_BAD, 0, 0, 11, 1, 0, ERR_MALFORMED },
	{ "a payload that is too long", OAP_STATE_BAD, 0, 0, 13, 1, 0, ERR_MALFORMED },
	{ "credit that is cut", OAP_CREDIT, 0, 0, 7, 1, 0, ERR_MALFORMED },
	{ "a payload over the verb's bound", OAP_STATE_BAD, 0, 8 + 4 + 512 + 30, 0, 1, 0,
		ERR_TOO_LARGE },
	{ "a length over the cap", OAP_BATCH, 0, FRAME_LEN_MAX + 1, 0, 1, 0, ERR_MALFORMED },
	{ "a length below the header's", OAP_BATCH, 0, 28, 0, 1, 0, ERR_MALFORMED },
	{ "another version", OAP_STATE_BAD, 0, 0, 12, 2, 0, ERR_MALFORMED },
	{ "flags of another kind", OAP_STATE_BAD, FRAME_REQ, 0, 12, 1, 0, ERR_MALFORMED },
	{ "one flag more", OAP_STATE_BAD, FRAME_EVENT | FRAME_COMP, 0, 12, 1, 0, ERR_MALFORMED },
	{ "a flag that nobody knows", OAP_STATE_BAD, FRAME_EVENT | 0x8000, 0, 12, 1, 0,
		ERR_MALFORMED },
	{ "a tenant", OAP_STATE_BAD, 0, 0, 12, 1, 1, ERR_MALFORMED },
};

static size_t make_bad(const struct bad_frame *row, uint8_t *ret_bytes)
{
	static const uint8_t zeros[64];
	struct slice payload = { zeros, row->payload_bytes };
	size_t count = rig_frame(row->verb, 77, payload, row->flags, ret_bytes);

	for (unsigned i = 0; i < 4 && row->len != 0; i++) {
		ret_bytes[i] = (uint8_t)(row->len >> (8 * i));
	}
	ret_bytes[4] = row->version;
	ret_bytes[7] = row->tenant;
	return count;
}

static void whatever_the_table_forbids_is_accused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_frames); i++) {
		const struct bad_frame *row = &bad_frames[i];
		struct rig_side side;
		struct peer *peer;
		int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);
		uint8_t bytes[256];

		rig_write_zero_frame(fd, OAP_STATE_BAD, 1); /* a good one before it */
		rig_write(fd, bytes, make_bad(row, bytes));
		rig_write_zero_frame(fd, OAP_STATE_BAD, 2); /* and after it */
		rig_settle(&side);
		if (side.accused_count != 1 || side.accused_err != row->err) {
			fail_msg("%s: accused %u times, %s", row->what, side.accused_count,
				err_name(side.accused_err));
		}
		assert_int_equal(side.seen_count, 1);
		assert_int_equal(side.accused.process, PROCESS_SEQUENCER);
		assert_int_equal(side.lost_count, 0);
		close(fd);
		rig_end(&side);
	}
}

static enum err answer_conflict(struct rig_side *side, const struct oap_from *from, const void *msg)
{
	(void)side;
	(void)from;
	(void)msg;
	return ERR_CONFLICT;
}

static void what_a_handler_says_about_its_sender_is_passed_on(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);

	(void)state;
	side.handle = answer_conflict;
	rig_write_zero_frame(fd, OAP_BATCH, 1);
	rig_write_zero_frame(fd, OAP_BATCH, 2);
	rig_settle(&side);
	assert_int_equal(side.seen_count, 1);
	assert_int_equal(side.accused_count, 1);
	assert_int_equal(side.accused_err, ERR_CONFLICT);
	close(fd);
	rig_end(&side);
}

/* Goal: what was under way to an accused is failed when it ends, not when it is replaced. */
static void the_end_of_an_accused_is_still_told(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_SEQUENCER, PROCESS_COMMITTER, &peer);

	(void)state;
	assert_int_equal(send_batch(peer, 1, 1), ERR_OK);
	rig_write_zero_frame(fd, OAP_FETCH, 1);
	rig_settle(&side);
	assert_int_equal(side.accused_count, 1);
	for (unsigned i = 0; i < 500; i++) {
		rig_write(fd, large, 5000); /* whatever it still says, beyond any buffer */
		rig_turn(&side);
	}
	assert_int_equal(side.lost_count, 0);
	close(fd);
	rig_settle(&side);
	assert_int_equal(side.lost_count, 1);
	assert_int_equal(side.accused_count, 1);
	assert_null(mesh_peer(&side.mesh, PROCESS_COMMITTER, 0));
	rig_end(&side);
}

/* Goal: answers to whom others asked for do not fell the one that gives them. */
static void a_reader_that_never_reads_is_accused_at_the_end_of_its_queue(void **state)
{
	struct rig_side side;
	struct peer *peer;
	struct oap_verdict verdict = { .reasons = large_part(VERB_REASONS_BYTES_MAX) };
	int fd = rig_begin_alone(&side, PROCESS_SEQUENCER, PROCESS_INGRESS, &peer);
	uint64_t sent = 0;

	(void)state;
	while (oap_send_verdict(peer, sent, &verdict) == ERR_OK) {
		sent++;
		assert_true(sent <= PEER_QUEUE_BYTES_MAX / VERB_REASONS_BYTES_MAX);
	}
	assert_true(sent > PEER_QUEUE_BYTES_MAX / VERB_REASONS_BYTES_MAX - 10);
	assert_int_equal(side.accused_count, 0); /* not while a handler may hold the peer */
	assert_int_equal(oap_send_verdict(peer, sent, &verdict), ERR_STALE);
	rig_settle(&side);
	assert_int_equal(side.accused_count, 1);
	assert_int_equal(side.accused_err, ERR_TOO_LARGE);
	assert_int_equal(side.accused.process, PROCESS_INGRESS);
	assert_int_equal(side.accused.verb, 0);
	close(fd);
	rig_settle(&side);
	assert_int_equal(side.lost_count, 1);
	rig_end(&side);
}

/* --- ends --- */

static void an_end_within_a_frame_is_a_loss_and_no_accusation(void **state)
{
	uint8_t bytes[512];
	size_t count = rig_zero_frame(OAP_BATCH, 5, bytes);

	(void)state;
	for (size_t cut = 0; cut <= count; cut++) {
		struct rig_side side;
		struct peer *peer;
		int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);

		rig_write_zero_frame(fd, OAP_BATCH, 4);
		rig_write(fd, bytes, cut);
		close(fd);
		rig_settle(&side);
		assert_int_equal(side.seen_count, cut == count ? 2 : 1);
		assert_int_equal(side.lost_count, 1);
		assert_int_equal(side.lost.process, PROCESS_SEQUENCER);
		assert_int_equal(side.lost.generation, RIG_GENERATION);
		assert_int_equal(side.accused_count, 0);
		assert_null(mesh_peer(&side.mesh, PROCESS_SEQUENCER, 0));
		rig_end(&side);
	}
}

/* Goal: between the failed write and the end that the read side sees, handlers still finish
 * with the requests of the dead. */
static void requests_of_a_peer_that_is_gone_can_be_given_back(void **state)
{
	struct rig_side side;
	struct peer *peer;
	struct oap_committed committed = { 0 };
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &peer);

	(void)state;
	rig_write_zero_frame(fd, OAP_BATCH, 1);
	rig_write_zero_frame(fd, OAP_BATCH, 2);
	rig_settle(&side);
	close(fd);
	mesh_give_back(&side.mesh, &side.seen[0]);
	assert_int_equal(oap_send_committed(peer, 1, &committed), ERR_OK);
	mesh_flush(&side.mesh); /* the write fails here */
	mesh_give_back(&side.mesh, &side.seen[1]);
	assert_int_equal(oap_send_committed(peer, 2, &committed), ERR_STALE);
	mesh_flush(&side.mesh);
	assert_int_equal(side.lost_count, 0);
	rig_settle(&side);
	assert_int_equal(side.lost_count, 1);
	mesh_give_back(&side.mesh, &side.seen[1]); /* later still, it is nobody's */
	rig_end(&side);
}

static enum err destroy_at_two(struct rig_side *side, const struct oap_from *from, const void *msg)
{
	(void)msg;
	if (from->corr_id != 2) {
		return ERR_OK;
	}
	peer_destroy(side->context);
	assert_null(mesh_peer(&side->mesh, from->process, 0)); /* at once, for everybody */
	mesh_give_back(&side->mesh, from);
	return ERR_CONFLICT; /* of no interest any more */
}

static void a_peer_can_be_destroyed_by_its_own_handler(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_PREVALIDATOR, PROCESS_INGRESS, &peer);

	(void)state;
	side.handle = destroy_at_two;
	side.context = peer;
	for (uint64_t i = 1; i <= 3; i++) {
		rig_write_zero_frame(fd, OAP_REQUEST, i);
	}
	rig_settle(&side);
	assert_int_equal(side.seen_count, 2);
	assert_int_equal(side.lost_count + side.accused_count, 0);        /* who destroys knows */
	assert_int_equal(recv(fd, large, 1, MSG_DONTWAIT | MSG_PEEK), 0); /* and it is closed */
	close(fd);
	rig_end(&side);
}

static enum err replace_itself(struct rig_side *side, const struct oap_from *from, const void *msg)
{
	int *new_fd = side->context;

	(void)msg;
	if (from->corr_id == 1) {
		peer_destroy(mesh_peer(&side->mesh, from->process, 0));
		(void)rig_join(side, *new_fd, from->process, RIG_GENERATION + 1);
	}
	return ERR_OK;
}

static void a_peer_destroyed_by_its_handler_leaves_its_successor_alone(void **state)
{
	struct rig_side side;
	struct peer *older, *newer;
	int fd = rig_begin_alone(&side, PROCESS_PREVALIDATOR, PROCESS_INGRESS, &older);
	int fds[2];

	(void)state;
	rig_socketpair(fds);
	side.handle = replace_itself;
	side.context = &fds[0];
	rig_write_zero_frame(fd, OAP_REQUEST, 1);
	rig_settle(&side);
	newer = mesh_peer(&side.mesh, PROCESS_INGRESS, 0);
	assert_non_null(newer);
	assert_int_equal(peer_generation(newer), RIG_GENERATION + 1);
	rig_write_zero_frame(fds[1], OAP_REQUEST, 2);
	rig_settle(&side);
	assert_int_equal(side.seen_count, 2);
	close(fd);
	close(fds[1]);
	rig_end(&side);
}

static void destroy_accused(struct rig_side *side)
{
	peer_destroy(mesh_peer(&side->mesh, side->accused.process, side->accused.instance));
}

static void a_peer_can_be_destroyed_when_it_is_accused(void **state)
{
	struct rig_side side;
	struct peer *peer;
	struct oap_ctl_answer answer = { .text = large_part(VERB_REPLY_BYTES_MAX) };
	int fd = rig_begin_alone(&side, PROCESS_SUPERVISOR, PROCESS_CLIENT, &peer);

	(void)state;
	side.when_accused = destroy_accused;
	rig_write_zero_frame(fd, OAP_SUBMIT, 1); /* found while reading */
	rig_settle(&side);
	assert_int_equal(side.accused_count, 1);
	assert_int_equal(side.lost_count, 0);
	assert_null(mesh_peer(&side.mesh, PROCESS_CLIENT, 0));
	close(fd);
	rig_end(&side);

	fd = rig_begin_alone(&side, PROCESS_SUPERVISOR, PROCESS_CLIENT, &peer);
	side.when_accused = destroy_accused;
	while (oap_send_ctl_answer(peer, 1, &answer) == ERR_OK) {
	}
	rig_settle(&side); /* found while writing */
	assert_int_equal(side.accused_count, 1);
	assert_null(mesh_peer(&side.mesh, PROCESS_CLIENT, 0));
	close(fd);
	rig_end(&side);
}

static void a_newer_peer_takes_the_place_of_the_older_which_is_lost_first(void **state)
{
	struct rig_side side;
	struct peer *older, *newer;
	struct oap_from from_older;
	int fd = rig_begin_alone(&side, PROCESS_COMMITTER, PROCESS_SEQUENCER, &older);
	int fds[2];

	(void)state;
	rig_write_zero_frame(fd, OAP_BATCH, 1);
	rig_settle(&side);
	from_older = side.seen[0];
	assert_ptr_equal(mesh_peer_of(&side.mesh, PROCESS_SEQUENCER, 0, RIG_GENERATION), older);

	rig_socketpair(fds);
	newer = rig_join(&side, fds[0], PROCESS_SEQUENCER, RIG_GENERATION + 1);
	assert_int_equal(side.lost_count, 1);
	assert_int_equal(side.lost.generation, RIG_GENERATION);
	assert_ptr_equal(mesh_peer(&side.mesh, PROCESS_SEQUENCER, 0), newer);
	assert_int_equal(peer_generation(newer), RIG_GENERATION + 1);
	assert_null(mesh_peer_of(&side.mesh, PROCESS_SEQUENCER, 0, RIG_GENERATION));
	assert_int_equal(recv(fd, large, 1, MSG_DONTWAIT), 0); /* the old socket is closed */

	mesh_give_back(&side.mesh, &from_older); /* not to the newer, who asked nothing */
	rig_write_zero_frame(fds[1], OAP_BATCH, 2);
	rig_write_zero_frame(fds[1], OAP_BATCH, 3);
	rig_settle(&side);
	assert_int_equal(side.seen_count, 3);
	assert_int_equal(side.seen[2].generation, RIG_GENERATION + 1);
	assert_int_equal(recv(fds[1], large, 1, MSG_DONTWAIT), -1);
	assert_int_equal(side.accused_count, 0);
	close(fd);
	close(fds[1]);
	rig_end(&side);
}

static enum err answer_client(struct rig_side *side, const struct oap_from *from, const void *msg)
{
	struct oap_ctl_answer answer = { .status = ERR_OK };

	(void)msg;
	return oap_send_ctl_answer(
		mesh_peer(&side->mesh, PROCESS_CLIENT, 0), from->corr_id, &answer);
}

/* Goal: who speaks the control socket's verbs by hand sees an answer for each question, and
 * nothing else. */
static void a_client_gets_answers_and_no_credit(void **state)
{
	struct rig_side side;
	struct peer *peer;
	int fd = rig_begin_alone(&side, PROCESS_SUPERVISOR, PROCESS_CLIENT, &peer);

	(void)state;
	side.handle = answer_client;
	side.gives_back = true;
	for (uint64_t i = 0; i < 20; i++) {
		struct frame_head head;
		rig_write_zero_frame(fd, OAP_CTL_STATUS, i);
		rig_settle(&side);
		assert_true(rig_read_frame(fd, &head));
		assert_int_equal(head.verb, OAP_CTL_ANSWER);
		assert_int_equal(head.flags, FRAME_RESP);
		assert_true(head.corr_id == i);
		assert_false(rig_read_frame(fd, &head));
	}
	assert_int_equal(side.accused_count, 0);
	close(fd);
	rig_end(&side);
}

static void the_supervisor_gets_credit_from_those_whom_it_asks(void **state)
{
	struct rig_pair pair;
	struct oap_cap_list list = { 0 };

	(void)state;
	rig_begin_pair(&pair, PROCESS_SUPERVISOR, PROCESS_KMS);
	pair.b.gives_back = true;
	for (uint64_t i = 0; i < 100; i++) {
		assert_int_equal(oap_send_cap_list(pair.to_b, i, &list), ERR_OK);
		rig_settle_pair(&pair);
	}
	assert_int_equal(pair.b.seen_count, 100);
	assert_int_equal(pair.a.accused_count + pair.b.accused_count, 0);
	rig_end_pair(&pair);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_arrive_once_each_and_in_order),
		cmocka_unit_test(frames_of_a_megabyte_arrive_whole),
		cmocka_unit_test(a_frame_that_comes_byte_by_byte_is_handled_when_it_is_whole),
		cmocka_unit_test(what_the_turn_hook_sends_leaves_in_the_same_turn),
		cmocka_unit_test(nobody_is_sent_nothing),
		cmocka_unit_test(exactly_the_window_of_requests_passes_and_giving_back_restores_it),
		cmocka_unit_test(requests_that_give_back_at_once_pass_without_end),
		cmocka_unit_test(bytes_are_credit_too),
		cmocka_unit_test(many_finished_requests_are_given_back_in_one_frame),
		cmocka_unit_test(replies_and_events_pass_without_any_credit),
		cmocka_unit_test(a_blocked_reader_holds_no_more_than_credit_allows),
		cmocka_unit_test(a_request_over_the_window_is_accused_and_nothing_after_it_handled),
		cmocka_unit_test(a_request_before_its_credit_was_written_is_accused),
		cmocka_unit_test(more_credit_than_was_asked_for_is_accused),
		cmocka_unit_test(whatever_the_table_forbids_is_accused),
		cmocka_unit_test(what_a_handler_says_about_its_sender_is_passed_on),
		cmocka_unit_test(the_end_of_an_accused_is_still_told),
		cmocka_unit_test(a_reader_that_never_reads_is_accused_at_the_end_of_its_queue),
		cmocka_unit_test(an_end_within_a_frame_is_a_loss_and_no_accusation),
		cmocka_unit_test(requests_of_a_peer_that_is_gone_can_be_given_back),
		cmocka_unit_test(a_peer_can_be_destroyed_by_its_own_handler),
		cmocka_unit_test(a_peer_destroyed_by_its_handler_leaves_its_successor_alone),
		cmocka_unit_test(a_peer_can_be_destroyed_when_it_is_accused),
		cmocka_unit_test(a_newer_peer_takes_the_place_of_the_older_which_is_lost_first),
		cmocka_unit_test(a_client_gets_answers_and_no_credit),
		cmocka_unit_test(the_supervisor_gets_credit_from_those_whom_it_asks),
	};

	return cmocka_run_group_tests(tests, fill_large, NULL);
}
