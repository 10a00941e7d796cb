/* The sequencer as it is shipped, and a rewarder that is played: from a header to the answer. */
#include "tests/intent_maker.h"
#include "tests/worker/sequencer_driver.h"

#define POOL "sys:reward_pool:acme:ron"

static struct harness_link *rewarder;
static struct sent_batch first, second;
static struct intent_maker maker;

/* What one INTENT_BODY carries here: pieces, however small the intent is. */
#define PIECE_BYTES 40u

static int set_up_intent(void **state)
{
	memset(&maker, 0, sizeof maker);
	return set_up(state);
}

static int tear_down_intent(void **state)
{
	intent_maker_finish(&maker);
	return tear_down(state);
}

static void start_with(uint32_t count, uint64_t pool)
{
	intent_maker_init(&maker, "2025-10-01", 1, count);
	start_serving();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	if (pool > 0) {
		fund(POOL, pool);
	}
}

struct header {
	uint64_t id, deadline_mono_ms;
	const struct intent *intent;
	struct slice grant;
	uint32_t allocations_bytes;
};

static void send_header(const struct header *header)
{
	uint8_t bytes[INTENT_HEADER_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	intent_encode(&out, header->intent);
	harness_send_intent(rewarder, header->id,
		&(struct oap_intent){
			.deadline_mono_ms = header->deadline_mono_ms != 0 ? header->deadline_mono_ms
									  : now_mono_ms() + 60000,
			.allocations_bytes = header->allocations_bytes,
			.header = { bytes, out.used },
			.grant = header->grant,
		});
}

static void ask(uint64_t id)
{
	send_header(&(struct header){
		.id = id,
		.intent = &maker.intent,
		.grant = grants_seal_acme(),
		.allocations_bytes = (uint32_t)maker.allocations_bytes,
	});
}

static void send_piece(uint64_t id, uint32_t offset, size_t bytes_max)
{
	size_t left = maker.allocations_bytes - offset;

	harness_send_intent_body(rewarder, id,
		&(struct oap_intent_body){
			.offset = offset,
			.bytes = { maker.allocations + offset,
				left < bytes_max ? left : bytes_max },
		});
}

static void send_body(uint64_t id, size_t piece_bytes)
{
	for (size_t offset = 0; offset < maker.allocations_bytes; offset += piece_bytes) {
		send_piece(id, (uint32_t)offset, piece_bytes);
	}
}

static struct oap_intent_result expect_result(uint64_t id, enum intent_status status)
{
	struct oap_intent_result result;

	assert_int_equal(harness_expect_intent_result(rewarder, &result), id);
	if (result.status != status) {
		fail_msg("status %u, detail %s", result.status, detail_text(result.detail));
	}
	return result;
}

static void expect_error(uint64_t id, enum detail detail)
{
	struct oap_intent_result result = expect_result(id, INTENT_ERROR);

	assert_string_equal(detail_text(result.detail), detail_text(detail));
	assert_int_equal(result.seq_end, 0);
}

static void expect_settled(uint64_t id, enum intent_status status, uint64_t seq_start,
	uint64_t seq_end, const struct hash *root)
{
	struct oap_intent_result result = expect_result(id, status);

	assert_int_equal(result.seq_start, seq_start);
	assert_int_equal(result.seq_end, seq_end);
	assert_memory_equal(&result.root, root, sizeof *root);
}

/* Up to its batch, which is not committed yet. */
static void submit_intent(uint64_t id, struct sent_batch *ret_batch)
{
	ask(id);
	(void)expect_result(id, INTENT_NEED_BODY);
	send_body(id, PIECE_BYTES);
	expect_work(ret_batch);
}

/* --- settling --- */

static void an_intent_is_settled_in_a_batch_of_its_own(void **state)
{
	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	assert_int_equal(first.head.first_seq, 2);
	assert_int_equal(first.head.entry_count, 3);
	assert_int_equal(count_records(&first, BATCH_CONTROL), 1);
	harness_expect_nothing(rewarder); /* not before it is on disk */
	commit(&first);
	expect_settled(7, INTENT_ACCEPTED, 2, 4, &kept.root);
}

static void all_credit_comes_back(void **state)
{
	uint32_t requests;

	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	commit(&first);
	(void)expect_result(7, INTENT_ACCEPTED);
	harness_settle(&h);
	requests = 1 + (uint32_t)((maker.allocations_bytes + PIECE_BYTES - 1) / PIECE_BYTES);
	harness_expect_nothing(rewarder);
	assert_int_equal(rewarder->credit_requests, requests);
}

static void a_header_alone_is_told_what_was_settled(void **state)
{
	struct hash root;

	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	commit(&first);
	root = kept.root;
	(void)expect_result(7, INTENT_ACCEPTED);
	send_header(&(struct header){ .id = 8, .intent = &maker.intent }); /* without a grant */
	expect_settled(8, INTENT_DUP, 2, 4, &root);
}

/* The root of an old commit is in the store alone. */
static void the_root_of_an_old_settlement_comes_from_archive(void **state)
{
	const struct hash old = { { 0x77 } };

	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	commit(&first);
	(void)expect_result(7, INTENT_ACCEPTED);
	for (uint64_t ticket = 20; ticket < 30; ticket++) {
		submit(ticket, mints(1), 1);
		expect_work(&first);
		commit(&first);
		(void)expect_verdict(ticket, 200);
	}
	ask(8);
	send_row(expect_fetch_of(4), 4, 4, &old);
	expect_settled(8, INTENT_DUP, 2, 4, &old);
}

/* It is numbered and not on disk: the answer waits for that. */
static void a_question_about_one_in_flight_waits_for_it(void **state)
{
	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	ask(8);
	harness_expect_nothing(rewarder);
	commit(&first);
	expect_settled(7, INTENT_ACCEPTED, 2, 4, &kept.root);
	expect_settled(8, INTENT_DUP, 2, 4, &kept.root);
}

static void another_run_of_a_settled_epoch_is_a_conflict(void **state)
{
	struct intent other;

	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	commit(&first);
	(void)expect_result(7, INTENT_ACCEPTED);
	other = maker.intent;
	other.run_key.bytes[9] ^= 1;
	other.idempotency_key.bytes[9] ^= 1;
	send_header(&(struct header){ .id = 8, .intent = &other, .grant = grants_seal_acme() });
	assert_int_equal(expect_result(8, INTENT_CONFLICT).detail, DETAIL_SETTLED_OTHERWISE);
	other = maker.intent;
	other.commitment.bytes[9] ^= 1;
	send_header(&(struct header){ .id = 9, .intent = &other, .grant = grants_seal_acme() });
	(void)expect_result(9, INTENT_CONFLICT);
}

/* --- refused --- */

static void a_short_pool_pays_nobody_and_may_try_again(void **state)
{
	(void)state;
	start_with(3, 5); /* of 6 */
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_body(7, PIECE_BYTES);
	expect_error(7, DETAIL_INSUFFICIENT);
	fund(POOL, 1);
	submit_intent(8, &first);
	assert_int_equal(first.head.entry_count, 3);
	commit(&first);
	(void)expect_result(8, INTENT_ACCEPTED);
}

static void a_body_must_be_what_the_header_says(void **state)
{
	(void)state;
	start_with(3, 100);
	maker.intent.allocations_cid.bytes[0] ^= 1;
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_body(7, PIECE_BYTES);
	expect_error(7, DETAIL_ALLOCATIONS_CID);
	maker.intent.allocations_cid.bytes[0] ^= 1;
	maker.intent.payout_total++;
	maker.intent.pool_total++;
	ask(8);
	(void)expect_result(8, INTENT_NEED_BODY);
	send_body(8, PIECE_BYTES);
	expect_error(8, DETAIL_ALLOCATIONS);
}

static void a_header_that_contradicts_itself_is_refused(void **state)
{
	struct intent other;

	(void)state;
	start_with(3, 100);
	other = maker.intent;
	other.payout_total = other.pool_total + 1;
	send_header(&(struct header){ .id = 1, .intent = &other, .grant = grants_seal_acme() });
	expect_error(1, DETAIL_INTENT);
	other = maker.intent;
	other.pool_account = text_of("sys:reward_pool:other:ron");
	send_header(&(struct header){ .id = 2, .intent = &other, .grant = grants_seal_acme() });
	expect_error(2, DETAIL_INTENT);
	send_header(&(struct header){ .id = 3,
		.intent = &maker.intent,
		.grant = grants_seal_acme(),
		.allocations_bytes = 3 * INTENT_ALLOCATION_BYTES_MAX + 1 });
	expect_error(3, DETAIL_ALLOCATIONS);
	other = maker.intent;
	other.count = INTENT_ENTRIES_MAX + 1;
	send_header(&(struct header){ .id = 4, .intent = &other, .grant = grants_seal_acme() });
	expect_error(4, DETAIL_TOO_MANY_ENTRIES);
}

static void nobodys_word_is_believed_about_a_grant(void **state)
{
	static const char *const other[] = { "tenant=other", NULL };
	static const char *const act[] = { "action=ledger.ingest", "tenant=acme", NULL };

	(void)state;
	start_with(3, 100);
	send_header(&(struct header){ .id = 1, .intent = &maker.intent });
	expect_error(1, DETAIL_GRANT);
	send_header(&(struct header){ .id = 2,
		.intent = &maker.intent,
		.grant = grants_seal_until(GRANTS_GENERATION + 1, now_mono_ms() + 60000, NULL) });
	expect_error(2, DETAIL_GRANT_STALE);
	send_header(&(struct header){ .id = 3,
		.intent = &maker.intent,
		.grant = grants_seal_for(GRANTS_GENERATION, other),
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	expect_error(3, DETAIL_CAVEAT);
	send_header(&(struct header){ .id = 4,
		.intent = &maker.intent,
		.grant = grants_seal(), /* of no tenant in particular */
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	expect_error(4, DETAIL_CAVEAT);
	send_header(&(struct header){ .id = 5,
		.intent = &maker.intent,
		.grant = grants_seal_for(GRANTS_GENERATION, act),
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	(void)expect_result(5, INTENT_NEED_BODY);
	send_body(5, PIECE_BYTES);
	expect_error(5, DETAIL_CAVEAT);
}

/* A run may last longer than a grant is cached. */
static void a_grant_of_an_older_run_is_as_good(void **state)
{
	static const char *const caveats[] = { "tenant=acme", NULL };

	(void)state;
	start_with(3, 100);
	send_header(&(struct header){ .id = 7,
		.intent = &maker.intent,
		.grant = grants_seal_until(GRANTS_GENERATION, now_mono_ms() - 1000, caveats),
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	(void)expect_result(7, INTENT_NEED_BODY);
	send_body(7, PIECE_BYTES);
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 3);
}

static void a_forged_grant_accuses_the_rewarder(void **state)
{
	struct slice sealed;

	(void)state;
	start_with(3, 100);
	sealed = grants_seal_acme();
	((uint8_t *)(uintptr_t)sealed.bytes)[sealed.bytes_count - 1] ^= 1;
	send_header(&(struct header){ .id = 7, .intent = &maker.intent, .grant = sealed });
	harness_expect_accusation(rewarder, OAP_INTENT, ERR_DENIED);
}

static void bytes_that_are_no_header_accuse_the_rewarder(void **state)
{
	(void)state;
	start_with(3, 0);
	harness_send_intent(rewarder, 7, &(struct oap_intent){ .header = text_of("nonsense") });
	harness_expect_accusation(rewarder, OAP_INTENT, ERR_MALFORMED);
}

static void a_body_out_of_order_accuses_the_rewarder(void **state)
{
	(void)state;
	start_with(3, 100);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_piece(7, PIECE_BYTES, PIECE_BYTES);
	harness_expect_accusation(rewarder, OAP_INTENT_BODY, ERR_MALFORMED);
}

/* --- one at a time --- */

static void another_intent_is_told_to_wait(void **state)
{
	struct intent other;

	(void)state;
	start_with(3, 100);
	other = maker.intent;
	other.epoch = text_of("2025-10-02");
	other.run_key.bytes[9] ^= 1;
	other.idempotency_key.bytes[9] ^= 1;
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_header(&(struct header){ .id = 8,
		.intent = &other,
		.grant = grants_seal_acme(),
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	expect_error(8, DETAIL_INTENT_BUSY);
	send_body(7, PIECE_BYTES);
	expect_work(&first);
	commit(&first);
	(void)expect_result(7, INTENT_ACCEPTED);
	send_header(&(struct header){ .id = 9,
		.intent = &other,
		.grant = grants_seal_acme(),
		.allocations_bytes = (uint32_t)maker.allocations_bytes });
	(void)expect_result(9, INTENT_NEED_BODY);
}

/* Goal: there is one place, and a rewarder that sends no more of a body does not keep it from
 * another tenant, although the deadline of that intent is long. */
static void a_body_that_stalls_gives_its_place_to_the_next(void **state)
{
	static const char *const caveats[] = { "tenant=other", NULL };
	struct intent other;
	struct oap_intent_result result;
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;
	uint64_t id = 8;

	(void)state;
	start_with(3, 100);
	other = maker.intent;
	other.tenant = text_of("other");
	other.pool_account = text_of("sys:reward_pool:other:ron");
	other.run_key.bytes[9] ^= 1;
	other.idempotency_key.bytes[9] ^= 1;
	ask(7); /* good for a minute */
	(void)expect_result(7, INTENT_NEED_BODY);
	send_piece(7, 0, PIECE_BYTES);
	for (;; id++) {
		send_header(&(struct header){ .id = id,
			.intent = &other,
			.grant = grants_seal_for(GRANTS_GENERATION, caveats),
			.allocations_bytes = (uint32_t)maker.allocations_bytes });
		if (harness_expect_intent_result(rewarder, &result) == 7) {
			break;
		}
		assert_int_equal(result.detail, DETAIL_INTENT_BUSY);
		assert_true(now_mono_ms() < due);
		harness_settle(&h);
	}
	assert_string_equal(detail_text(result.detail), "deadline");
	(void)expect_result(id, INTENT_NEED_BODY);
	send_piece(7, PIECE_BYTES, PIECE_BYTES); /* was on its way: no accusation */
	ask(7);
	expect_error(7, DETAIL_INTENT_BUSY);
}

static void a_run_that_comes_again_takes_the_place_of_its_body(void **state)
{
	(void)state;
	start_with(3, 100);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	ask(8);
	expect_error(7, DETAIL_INTENT_BUSY);
	(void)expect_result(8, INTENT_NEED_BODY);
	send_piece(7, 0, PIECE_BYTES); /* on its way: of nobody now */
	send_body(8, PIECE_BYTES);
	expect_work(&first);
	commit(&first);
	(void)expect_result(8, INTENT_ACCEPTED);
}

static void ordinary_requests_go_on_while_a_body_comes(void **state)
{
	(void)state;
	start_with(3, 100);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_piece(7, 0, PIECE_BYTES);
	submit(21, mints(2), 2);
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 2);
	commit(&first);
	(void)expect_verdict(21, 200);
}

static void requests_around_it_are_in_batches_of_their_own(void **state)
{
	(void)state;
	start_with(3, 100);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	submit(21, mints(1), 1);
	expect_work(&first); /* and what comes now waits */
	send_body(7, maker.allocations_bytes);
	harness_settle(&h);
	submit(22, mints(2), 2);
	harness_settle(&h);
	commit(&first);
	(void)expect_verdict(21, 200);
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 3);
	assert_int_equal(count_records(&first, BATCH_CONTROL), 1);
	commit(&first);
	(void)expect_result(7, INTENT_ACCEPTED);
	expect_work(&second);
	assert_int_equal(second.head.entry_count, 2);
	commit(&second);
	(void)expect_verdict(22, 200);
}

/* --- ends on the way --- */

static void a_lost_rewarder_leaves_nothing_behind(void **state)
{
	(void)state;
	start_with(3, 100);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_piece(7, 0, PIECE_BYTES);
	harness_settle(&h);
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	harness_settle(&h);
	submit_intent(8, &first);
	commit(&first);
	expect_settled(8, INTENT_ACCEPTED, 2, 4, &kept.root);
}

/* What was whole when it was lost is paid, and the next one is told so. */
static void a_rewarder_lost_behind_its_body_is_told_later(void **state)
{
	(void)state;
	start_with(3, 100);
	submit_intent(7, &first);
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	harness_settle(&h);
	ask(8);
	commit(&first);
	expect_settled(8, INTENT_DUP, 2, 4, &kept.root);
}

static void a_body_that_does_not_come_in_time_is_given_up(void **state)
{
	(void)state;
	start_with(3, 100);
	send_header(&(struct header){ .id = 7,
		.intent = &maker.intent,
		.grant = grants_seal_acme(),
		.allocations_bytes = (uint32_t)maker.allocations_bytes,
		.deadline_mono_ms = now_mono_ms() + 1 });
	(void)expect_result(7, INTENT_NEED_BODY);
	expect_error(7, DETAIL_DEADLINE);
	send_piece(7, 0, PIECE_BYTES); /* was on its way: no accusation */
	submit_intent(8, &first);
	commit(&first);
	(void)expect_result(8, INTENT_ACCEPTED);
}

static void a_full_disk_is_an_error_and_no_settlement(void **state)
{
	struct hash before;

	(void)state;
	start_with(3, 100);
	before = kept.root;
	submit_intent(7, &first);
	harness_send_not_committed(committer, first.head.batch_no,
		&(struct oap_not_committed){ first.head.batch_no, 1 });
	give_credit(&first);
	expect_error(7, DETAIL_DISK_FULL);
	ask(8);
	expect_error(8, DETAIL_DISK_FULL);
	assert_memory_equal(&before, &kept.root, sizeof before);
}

static void without_a_state_nothing_is_answered(void **state)
{
	(void)state;
	intent_maker_init(&maker, "2025-10-01", 1, 3);
	start();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	ask(7);
	expect_error(7, DETAIL_STARTING);
}

/* --- a large one --- */

/* Its records in pieces, and the head that completes them. */
static void expect_pieces(struct oap_batch *ret_head, uint8_t **ret_records)
{
	struct oap_batch_piece piece = { .total_bytes = 0 };
	size_t filled = 0;

	*ret_records = NULL;
	do {
		(void)harness_expect_batch_piece(committer, &piece);
		if (*ret_records == NULL) {
			*ret_records = malloc(piece.total_bytes);
			assert_non_null(*ret_records);
		}
		assert_int_equal(piece.offset, filled);
		memcpy(*ret_records + filled, piece.bytes.bytes, piece.bytes.bytes_count);
		filled += piece.bytes.bytes_count;
		harness_send_credit(committer, 0,
			&(struct oap_credit){
				.requests = 1, .bytes = 20 + (uint32_t)piece.bytes.bytes_count });
	} while (filled < piece.total_bytes);
	(void)harness_expect_batch(committer, ret_head);
	assert_int_equal(ret_head->batch_no, piece.batch_no);
	assert_int_equal(ret_head->pieces_bytes, filled);
	assert_int_equal(ret_head->records.bytes_count, 0);
}

static void a_large_intent_goes_to_the_committer_in_pieces(void **state)
{
	enum { COUNT = 6000 };
	static struct sent_batch frame; /* of the head alone */
	uint8_t *records;

	(void)state;
	start_with(COUNT, COUNT * (COUNT + 1ull) / 2);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_body(7, VERB_BODY_CHUNK_BYTES_MAX);
	expect_pieces(&frame.head, &records);
	assert_int_equal(frame.head.entry_count, COUNT);
	submit(21, mints(300), 300); /* enough for a second batch: it goes behind it */
	expect_any_batch(&second);
	assert_int_equal(second.head.first_seq, frame.head.first_seq + COUNT);
	commit_records(&frame.head, (struct slice){ records, frame.head.pieces_bytes });
	give_credit(&frame);
	expect_settled(7, INTENT_ACCEPTED, 2, COUNT + 1, &kept.root);
	commit(&second);
	(void)expect_verdict(21, 200);
	free(records);
}

static void freeze_rewards(uint64_t corr_id, enum batch_control_kind act)
{
	struct oap_govern_answer answer;

	harness_send_govern(&h.control, corr_id,
		&(struct oap_govern){ .act = (uint8_t)act,
			.scope = SCOPE_REWARDS,
			.reason = text_of("a test"),
			.actor = text_of("operator") });
	expect_work(&first);
	assert_int_equal(count_records(&first, BATCH_AUDIT), 1);
	commit(&first);
	assert_int_equal(harness_expect_govern_answer(&h.control, &answer), corr_id);
	assert_int_equal(answer.status, ERR_OK);
}

static void expect_told(bool is_frozen)
{
	struct oap_payments payments;

	(void)harness_expect_payments(rewarder, &payments);
	assert_int_equal(payments.is_frozen, is_frozen);
}

/* Goal: the ledger itself refuses what is frozen, tells the rewarder, also the next one, and goes
 * on with everything else; released, the same intent is settled. */
static void frozen_rewards_are_refused_and_told(void **state)
{
	struct draft mint;

	(void)state;
	start_with(3, 100);
	expect_told(false);
	freeze_rewards(1, CONTROL_FREEZE);
	expect_told(true);
	ask(7);
	(void)expect_result(7, INTENT_NEED_BODY);
	send_body(7, PIECE_BYTES);
	expect_error(7, DETAIL_FROZEN);
	mint = draft_of(ENTRY_MINT, "alice", 1);
	submit(2, &mint, 1);
	expect_work(&first);
	commit(&first);
	(void)expect_verdict(2, 200);
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	expect_told(true);
	freeze_rewards(3, CONTROL_UNFREEZE);
	expect_told(false);
	submit_intent(8, &first);
	commit(&first);
	(void)expect_result(8, INTENT_ACCEPTED);
}

#define INTENT_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_intent, tear_down_intent)

int main(void)
{
	const struct CMUnitTest tests[] = {
		INTENT_CASE(an_intent_is_settled_in_a_batch_of_its_own),
		INTENT_CASE(all_credit_comes_back),
		INTENT_CASE(a_header_alone_is_told_what_was_settled),
		INTENT_CASE(the_root_of_an_old_settlement_comes_from_archive),
		INTENT_CASE(a_question_about_one_in_flight_waits_for_it),
		INTENT_CASE(another_run_of_a_settled_epoch_is_a_conflict),
		INTENT_CASE(a_short_pool_pays_nobody_and_may_try_again),
		INTENT_CASE(a_body_must_be_what_the_header_says),
		INTENT_CASE(a_header_that_contradicts_itself_is_refused),
		INTENT_CASE(nobodys_word_is_believed_about_a_grant),
		INTENT_CASE(a_grant_of_an_older_run_is_as_good),
		INTENT_CASE(a_forged_grant_accuses_the_rewarder),
		INTENT_CASE(bytes_that_are_no_header_accuse_the_rewarder),
		INTENT_CASE(a_body_out_of_order_accuses_the_rewarder),
		INTENT_CASE(another_intent_is_told_to_wait),
		INTENT_CASE(a_body_that_stalls_gives_its_place_to_the_next),
		INTENT_CASE(a_run_that_comes_again_takes_the_place_of_its_body),
		INTENT_CASE(ordinary_requests_go_on_while_a_body_comes),
		INTENT_CASE(requests_around_it_are_in_batches_of_their_own),
		INTENT_CASE(a_lost_rewarder_leaves_nothing_behind),
		INTENT_CASE(a_rewarder_lost_behind_its_body_is_told_later),
		INTENT_CASE(a_body_that_does_not_come_in_time_is_given_up),
		INTENT_CASE(a_full_disk_is_an_error_and_no_settlement),
		INTENT_CASE(without_a_state_nothing_is_answered),
		INTENT_CASE(frozen_rewards_are_refused_and_told),
		INTENT_CASE(a_large_intent_goes_to_the_committer_in_pieces),
	};

	return cmocka_run_group_tests_name("sequencer_intents", tests, NULL, NULL);
}
