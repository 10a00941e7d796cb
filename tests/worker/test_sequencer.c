/* The sequencer as it is shipped: requests, batches, and when an answer may leave. */
#include "tests/worker/sequencer_driver.h"

static struct sent_batch first, second, third;

/* --- batches and answers --- */

static void an_empty_stream_makes_it_serve(void **state)
{
	struct draft mint = draft_of(ENTRY_MINT, "alice", 10);

	(void)state;
	start();
	submit(1, &mint, 1);
	expect_refused(1, 503, DETAIL_STARTING);
	stream_nothing();
	submit(2, &mint, 1);
	expect_work(&first);
	assert_int_equal(first.head.first_seq, 1);
	assert_int_equal(first.head.entry_count, 1);
}

static void no_verdict_leaves_before_its_batch_is_committed(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(2), 2);
	expect_work(&first);
	harness_expect_nothing(edge);
	commit(&first);
	expect_accepted(1, 1, 2, &kept.root);
}

static void two_batches_at_most_are_in_flight(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	submit(2, mints(255), 255);
	harness_expect_nothing(committer); /* not worth a second one */
	submit(3, mints(1), 1);
	expect_work(&second);
	assert_int_equal(second.head.first_seq, 2);
	assert_int_equal(second.head.entry_count, 256);
	submit(4, mints(300), 300);
	harness_expect_nothing(committer);
	harness_expect_nothing(edge);
	commit(&first);
	expect_accepted(1, 1, 1, &kept.root);
	expect_work(&third);
	assert_int_equal(third.head.first_seq, 258);
	commit(&second);
	expect_accepted(2, 2, 256, &kept.root);
	expect_accepted(3, 257, 257, &kept.root);
	commit(&third);
	expect_accepted(4, 258, 557, &kept.root);
}

static void a_second_batch_goes_out_when_the_first_is_committed(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	submit(2, mints(1), 1);
	harness_expect_nothing(committer);
	commit(&first);
	expect_work(&second);
	assert_int_equal(second.head.first_seq, 2);
}

static void a_batch_names_the_traced_requests_in_it(void **state)
{
	static const uint8_t wanted[16] = { 5, 0, 0, 0, 0, 0, 0, 0, 9 };

	(void)state;
	start_serving();
	submit(2, mints(1), 1);
	expect_work(&first);
	assert_int_equal(first.head.traced.bytes_count, 0);
	submit(5, mints(1), 1); /* tickets that are odd are traced */
	submit(6, mints(1), 1);
	submit(9, mints(1), 1);
	commit(&first);
	expect_work(&second);
	assert_int_equal(second.head.traced.bytes_count, sizeof wanted);
	assert_memory_equal(second.head.traced.bytes, wanted, sizeof wanted);
	commit(&second);
	for (uint64_t ticket = 11; ticket < 11 + 2 * 40; ticket += 2) {
		submit(ticket, mints(1), 1);
	}
	do { /* of more than it names there is no more than that */
		expect_work(&third);
		assert_true(third.head.traced.bytes_count <= VERB_TRACED_BYTES_MAX);
		commit(&third);
	} while (third.head.first_seq + third.head.entry_count <= 44);
}

static void a_request_of_1024_entries_is_one_batch(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1024), 1024);
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 1024);
	commit(&first);
	expect_accepted(1, 1, 1024, &kept.root);
}

/* Ten requests of the longest entries are more than a frame: whole ones go, in their order. */
static void what_does_not_fit_a_batch_is_in_the_next_in_order(void **state)
{
	static char account[ACCOUNT_BYTES_MAX + 1];
	static struct draft drafts[100];
	uint64_t seq = 2, first_count;

	(void)state;
	start_serving();
	submit(100, mints(1), 1);
	expect_work(&first);
	for (uint64_t ticket = 1; ticket <= 10; ticket++) {
		for (size_t i = 0; i < 100; i++) {
			drafts[i] = draft_of(ENTRY_MINT, account, 1);
			memset(account, 'a', ACCOUNT_BYTES_MAX);
			drafts[i].entry.account = text_of(account);
			drafts[i].has_memo = true;
			drafts[i].memo =
				(struct slice){ (const uint8_t *)account, ACCOUNT_BYTES_MAX };
			memset(drafts[i].entry.memo_hash.bytes, 1, HASH_BYTES);
			drafts[i].entry.ts_unix_ms -= 10 - ticket;
		}
		submit(ticket, drafts, 100);
	}
	harness_settle(&h);
	commit(&first);
	expect_accepted(100, 1, 1, &kept.root);
	expect_work(&second);
	first_count = second.head.entry_count;
	assert_int_equal(first_count % 100, 0); /* no request is split */
	commit(&second);
	for (uint64_t ticket = 1; ticket <= first_count / 100; ticket++, seq += 100) {
		expect_accepted(ticket, seq, seq + 99, &kept.root);
	}
	while (seq < 1002) {
		uint64_t ticket = (seq - 2) / 100 + 1;

		expect_work(&third);
		commit(&third);
		for (uint64_t i = 0; i < third.head.entry_count / 100; i++, seq += 100) {
			expect_accepted(ticket + i, seq, seq + 99, &kept.root);
		}
	}
}

static void requests_of_a_batch_are_ordered_by_their_time(void **state)
{
	struct draft late = draft_of(ENTRY_MINT, "late", 10);
	struct draft early = draft_of(ENTRY_MINT, "early", 10);

	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	early.entry.ts_unix_ms = late.entry.ts_unix_ms - 1000;
	submit(2, &late, 1);
	submit(3, &early, 1);
	harness_settle(&h);
	commit(&first);
	(void)expect_verdict(1, 200);
	expect_work(&second);
	commit(&second);
	expect_accepted(3, 2, 2, &kept.root); /* judged first, so answered first */
	expect_accepted(2, 3, 3, &kept.root);
}

/* --- exactly once --- */

static void a_repeat_in_flight_waits_for_its_batch(void **state)
{
	struct draft again[256];

	(void)state;
	start_serving();
	again[0] = mints(1)[0];
	submit(1, again, 1);
	expect_work(&first);
	for (size_t i = 1; i < COUNT_OF(again); i++) {
		again[i] = again[0]; /* enough of them to be judged at once */
	}
	submit(2, again, COUNT_OF(again));
	harness_expect_nothing(committer);
	harness_expect_nothing(edge);
	commit(&first);
	expect_accepted(1, 1, 1, &kept.root);
	expect_accepted(2, 1, 1, &kept.root);
	harness_expect_nothing(archive);
}

static void a_repeat_has_the_root_of_its_own_commit(void **state)
{
	struct draft mint = draft_of(ENTRY_MINT, "alice", 10);
	struct hash root;
	uint64_t corr_id;

	(void)state;
	start_serving();
	submit(1, &mint, 1);
	expect_work(&first);
	commit_and_rest(&first);
	root = kept.root;
	expect_accepted(1, 1, 1, &root);
	submit(2, mints(1), 1);
	expect_work(&second);
	commit_and_rest(&second);
	expect_accepted(2, 2, 2, &kept.root);
	submit(3, &mint, 1);
	corr_id = expect_fetch_of(1);
	harness_expect_nothing(edge);
	send_row(corr_id, 1, 1, &root);
	expect_accepted(3, 1, 1, &root);
}

static void the_same_nonce_for_something_else_is_a_conflict(void **state)
{
	struct draft mint = draft_of(ENTRY_MINT, "alice", 10);

	(void)state;
	start_serving();
	submit(1, &mint, 1);
	expect_work(&first);
	commit_and_rest(&first);
	expect_accepted(1, 1, 1, &kept.root);
	mint.entry.amount = 11;
	submit(2, &mint, 1);
	send_row(expect_fetch_of(1), 1, 1, &kept.root);
	expect_refused(2, 403, DETAIL_IDEM_CONFLICT);
}

static struct draft funded; /* seq 1, committed */

static void start_with_one_committed(void)
{
	funded = draft_of(ENTRY_MINT, "alice", 10);
	start_serving();
	submit(1, &funded, 1);
	expect_work(&first);
	commit_and_rest(&first);
	expect_accepted(1, 1, 1, &kept.root);
}

static void parked_requests_block_nobody(void **state)
{
	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	(void)expect_fetch_of(1);
	submit(3, mints(1), 1);
	expect_work(&second);
	commit(&second);
	expect_accepted(3, 2, 2, &kept.root);
}

static void a_lost_archive_is_asked_again_when_it_is_back(void **state)
{
	uint64_t corr_id;

	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	(void)expect_fetch_of(1);
	harness_link_down(archive);
	harness_settle(&h);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	corr_id = expect_fetch_of(1);
	send_row(corr_id, 1, 1, &kept.root);
	expect_accepted(2, 1, 1, &kept.root);
}

static void an_archive_without_a_store_is_asked_again(void **state)
{
	static const struct oap_rows nothing = { { NULL, 0 } };

	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	harness_send_rows(archive, expect_fetch_of(1), &nothing);
	harness_send_rows(archive, expect_fetch_of(1), &nothing);
	send_row(expect_fetch_of(1), 1, 1, &kept.root);
	expect_accepted(2, 1, 1, &kept.root);
}

static void a_missing_row_is_never_new(void **state)
{
	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	send_row(expect_fetch_of(1), 1, 0, &kept.root);
	expect_phase(PHASE_SAFE_MODE, "store_corrupt at seq 1");
	expect_refused(2, 503, DETAIL_SAFE_MODE);
	submit(3, mints(1), 1);
	expect_refused(3, 503, DETAIL_SAFE_MODE);
}

static void a_row_of_another_entry_is_never_new(void **state)
{
	(void)state;
	start_with_one_committed();
	submit(2, mints(1), 1);
	expect_work(&second);
	commit_and_rest(&second);
	expect_accepted(2, 2, 2, &kept.root);
	submit(3, &funded, 1);
	send_row(expect_fetch_of(1), 1, 2, &kept.root);
	expect_phase(PHASE_SAFE_MODE, "store_corrupt at seq 1");
	expect_refused(3, 503, DETAIL_SAFE_MODE);
}

static void what_is_in_flight_is_answered_in_safe_mode(void **state)
{
	uint64_t corr_id;

	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	corr_id = expect_fetch_of(1);
	submit(3, mints(1), 1);
	expect_work(&second);
	send_row(corr_id, 1, 0, &kept.root);
	expect_refused(2, 503, DETAIL_SAFE_MODE);
	commit(&second);
	expect_accepted(3, 2, 2, &kept.root);
}

static void rows_that_do_not_parse_accuse_archive(void **state)
{
	uint8_t half[20] = { 1 };

	(void)state;
	start_with_one_committed();
	submit(2, &funded, 1);
	harness_send_rows(archive, expect_fetch_of(1), &(struct oap_rows){ { half, sizeof half } });
	harness_expect_accusation(archive, OAP_ROWS, ERR_MALFORMED);
}

/* --- who may ask --- */

static void a_forged_grant_accuses_the_prevalidator(void **state)
{
	static uint8_t forged[GRANT_BYTES_MAX];
	struct slice grant = grants_seal();

	(void)state;
	start_serving();
	memcpy(forged, grant.bytes, grant.bytes_count);
	forged[60] ^= 1;
	submit_as(&(struct ask){ .ticket = 1,
		.drafts = mints(1),
		.draft_count = 1,
		.grant = { forged, grant.bytes_count } });
	harness_expect_accusation(prevalidator, OAP_SUBMIT, ERR_DENIED);
	harness_expect_nothing(edge);
	harness_expect_nothing(committer);
}

static void drafts_that_do_not_parse_accuse_the_prevalidator(void **state)
{
	static const uint8_t noise[40] = { 0xff };

	(void)state;
	start_serving();
	harness_send_submit(prevalidator, 1,
		&(struct oap_submit){
			.edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.draft_count = 1,
			.grant = grants_seal(),
			.drafts = { noise, sizeof noise },
		});
	harness_expect_accusation(prevalidator, OAP_SUBMIT, ERR_MALFORMED);
	expect_refused(1, 400, DETAIL_MALFORMED);
}

/* By the monotonic clock: the wall clock may be set to any time and ends no grant. */
static void a_grant_that_has_ended_is_refused(void **state)
{
	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1,
		.drafts = mints(1),
		.draft_count = 1,
		.grant = grants_seal_until(GRANTS_GENERATION, now_mono_ms(), NULL) });
	expect_refused(1, 403, DETAIL_GRANT_EXPIRED);
}

static void a_grant_of_an_unknown_kms_is_stale_and_of_the_last_one_good(void **state)
{
	struct hash other_key;

	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1,
		.drafts = mints(1),
		.draft_count = 1,
		.grant = grants_seal_for(GRANTS_GENERATION + 1, NULL) });
	expect_refused(1, 429, DETAIL_GRANT_STALE);
	memset(&other_key, 1, sizeof other_key);
	harness_send_grant_key(kms, 0,
		&(struct oap_grant_key){
			.kms_generation = GRANTS_GENERATION + 1, .key = other_key });
	harness_settle(&h);
	submit(2, mints(1), 1);
	expect_work(&first);
	harness_send_grant_key(kms, 0,
		&(struct oap_grant_key){
			.kms_generation = GRANTS_GENERATION + 2, .key = other_key });
	harness_settle(&h);
	submit(3, mints(1), 1);
	expect_refused(3, 429, DETAIL_GRANT_STALE);
}

static void caveats_are_judged_for_each_entry(void **state)
{
	static const char *const caveats[] = { "account=alice", NULL };
	struct draft drafts[2] = { draft_of(ENTRY_MINT, "alice", 1),
		draft_of(ENTRY_MINT, "bob", 1) };
	struct oap_verdict verdict;

	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1,
		.drafts = drafts,
		.draft_count = 2,
		.grant = grants_seal_for(GRANTS_GENERATION, caveats) });
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 1);
	commit(&first);
	verdict = expect_verdict(1, 207);
	assert_int_equal(verdict.seq_start, 1);
	assert_int_equal(verdict.reasons.bytes_count, 5);
	assert_int_equal(verdict.reasons.bytes[0], 1); /* the client's position */
	assert_int_equal(verdict.reasons.bytes[4], DETAIL_CAVEAT);
}

/* --- deadlines, routes, credit --- */

static void a_deadline_that_passed_while_waiting_is_a_timeout(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	submit_as(&(struct ask){ .ticket = 2,
		.drafts = mints(1),
		.draft_count = 1,
		.deadline_mono_ms = now_mono_ms() + 1 });
	expect_refused(2, 503, DETAIL_DEADLINE);
}

static void a_deadline_that_passed_while_parked_is_a_timeout(void **state)
{
	(void)state;
	start_with_one_committed();
	submit_as(&(struct ask){ .ticket = 2,
		.drafts = &funded,
		.draft_count = 1,
		.deadline_mono_ms = now_mono_ms() + 300 });
	(void)expect_fetch_of(1);
	expect_refused(2, 503, DETAIL_DEADLINE);
}

static void a_deadline_never_passes_after_admission(void **state)
{
	uint64_t deadline_mono_ms = now_mono_ms() + 2000;

	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1,
		.drafts = mints(1),
		.draft_count = 1,
		.deadline_mono_ms = deadline_mono_ms });
	expect_work(&first);
	while (now_mono_ms() <= deadline_mono_ms) {
		harness_settle(&h);
	}
	commit(&first);
	expect_accepted(1, 1, 1, &kept.root);
}

static void an_edge_of_another_generation_gets_nothing(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	commit(&first);
	harness_expect_nothing(edge);
	submit(2, mints(1), 1);
	expect_work(&second);
	commit(&second);
	expect_accepted(2, 2, 2, &kept.root);
}

static void a_lost_prevalidator_takes_nothing_along(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	harness_link_down(prevalidator);
	harness_settle(&h);
	prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	commit(&first);
	expect_accepted(1, 1, 1, &kept.root);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 0); /* it was of the one before */
}

static void credit_is_given_back_once_a_request(void **state)
{
	(void)state;
	start_with_one_committed(); /* 1: accepted */
	submit(2, &funded, 1);      /* 2: a repeat */
	send_row(expect_fetch_of(1), 1, 1, &kept.root);
	(void)expect_verdict(2, 200);
	submit_as(&(struct ask){ .ticket = 3,
		.drafts = mints(1),
		.draft_count = 1,
		.grant = grants_seal_for(99, NULL) }); /* 3: refused before */
	(void)expect_verdict(3, 429);
	funded.entry.account = text_of("nobody");
	funded.entry.kind = ENTRY_BURN;
	funded = draft_of(ENTRY_BURN, "nobody", 1); /* 4: refused by judgement */
	submit(4, &funded, 1);
	(void)expect_verdict(4, 403);
	submit(5, mints(1), 1); /* 5: in flight */
	expect_work(&second);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 4);
	commit(&second);
	(void)expect_verdict(5, 200);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 5);
}

static void many_refused_requests_do_not_wait_for_each_other(void **state)
{
	struct draft burn;

	(void)state;
	start_serving();
	for (uint64_t ticket = 1; ticket <= 500; ticket++) {
		burn = draft_of(ENTRY_BURN, "nobody", 1);
		submit(ticket, &burn, 1);
	}
	for (uint64_t ticket = 1; ticket <= 500; ticket++) {
		expect_refused(ticket, 403, DETAIL_INSUFFICIENT);
	}
}

static void a_probe_comes_back_to_its_edge(void **state)
{
	struct oap_probe_echo echo;

	(void)state;
	start();
	harness_send_probe_order(prevalidator, 9,
		&(struct oap_probe_order){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.nonce = 77 });
	assert_int_equal(harness_expect_probe_echo(edge, &echo), 9);
	assert_int_equal(echo.nonce, 77);
}

/* --- what a request can be --- */

static void an_atomic_request_fails_whole(void **state)
{
	struct draft drafts[2] = { draft_of(ENTRY_MINT, "alice", 5),
		draft_of(ENTRY_BURN, "nobody", 5) };
	struct oap_verdict verdict;

	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1, .drafts = drafts, .draft_count = 2, .atomic = true });
	verdict = expect_verdict(1, 403);
	assert_int_equal(verdict.accepted, 0);
	assert_int_equal(verdict.seq_start, 0);
	submit(2, mints(1), 1);
	expect_work(&first);
	assert_int_equal(first.head.first_seq, 1);
	assert_int_equal(first.head.entry_count, 1);
}

static void a_dry_run_consumes_nothing(void **state)
{
	struct draft mint = draft_of(ENTRY_MINT, "alice", 5);
	struct oap_verdict verdict;

	(void)state;
	start_serving();
	submit_as(&(struct ask){ .ticket = 1, .drafts = &mint, .draft_count = 1, .dry_run = true });
	verdict = expect_verdict(1, 200);
	assert_int_equal(verdict.dry_run, 1);
	assert_int_equal(verdict.seq_start, 0);
	submit(2, &mint, 1);
	expect_work(&first);
	commit(&first);
	expect_accepted(2, 1, 1, &kept.root);
}

static void legs_of_one_asset_are_a_group(void **state)
{
	struct draft legs[2];

	(void)state;
	start_serving();
	fund("alice", 100);
	legs[0] = draft_of(ENTRY_DEBIT, "alice", 40);
	legs[1] = draft_of(ENTRY_CREDIT, "bob", 39);
	submit(2, legs, 2);
	expect_refused(2, 403, DETAIL_GROUP_UNBALANCED);
	legs[0] = draft_of(ENTRY_DEBIT, "alice", 40);
	legs[1] = draft_of(ENTRY_CREDIT, "bob", 40);
	submit(3, legs, 2);
	expect_work(&first);
	commit(&first);
	expect_accepted(3, 2, 3, &kept.root);
}

/* --- balances for archive --- */

static struct oap_located locate(uint64_t id, const char *account)
{
	struct oap_located located;

	harness_send_locate(archive, id,
		&(struct oap_locate){ .account = text_of(account), .asset = text_of("ron") });
	assert_int_equal(harness_expect_located(archive, &located), id);
	return located;
}

static void a_balance_is_located_once_it_is_on_disk(void **state)
{
	struct draft transfer = transfer_of("alice", "bob", 30);
	struct oap_located located;

	(void)state;
	start_serving();
	fund("alice", 100);
	located = locate(1, "alice");
	assert_int_equal(located.known, 1);
	assert_int_equal(located.as_of_seq, 1);
	assert_int_equal(located.last_seq, 1);
	assert_int_equal(located.available, 100);
	submit(2, &transfer, 1);
	expect_work(&first);
	harness_send_locate(archive, 2,
		&(struct oap_locate){ .account = text_of("bob"), .asset = text_of("ron") });
	harness_expect_nothing(archive);
	commit(&first);
	assert_int_equal(harness_expect_located(archive, &located), 2);
	assert_int_equal(located.as_of_seq, 2);
	assert_int_equal(located.last_seq, 2);
	assert_int_equal(located.available, 30);
	located = locate(3, "nobody");
	assert_int_equal(located.known, 1);
	assert_int_equal(located.last_seq, 0);
	assert_int_equal(located.available, 0);
	harness_settle(&h);
	harness_expect_nothing(archive);
	assert_int_equal(archive->credit_requests, 3);
}

static void a_balance_of_what_was_not_committed_is_not_located(void **state)
{
	struct oap_located located;

	(void)state;
	start();
	assert_int_equal(locate(1, "alice").known, 0);
	stream_nothing();
	submit(2, mints(1), 1);
	expect_work(&first);
	harness_send_locate(archive, 2,
		&(struct oap_locate){ .account = text_of("alice"), .asset = text_of("ron") });
	harness_settle(&h);
	harness_send_not_committed(
		committer, 0, &(struct oap_not_committed){ first.head.batch_no, 1 });
	assert_int_equal(harness_expect_located(archive, &located), 2);
	assert_int_equal(located.known, 0);
	assert_int_equal(locate(3, "alice").known, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_empty_stream_makes_it_serve),
		CASE(no_verdict_leaves_before_its_batch_is_committed),
		CASE(two_batches_at_most_are_in_flight),
		CASE(a_second_batch_goes_out_when_the_first_is_committed),
		CASE(a_batch_names_the_traced_requests_in_it),
		CASE(a_request_of_1024_entries_is_one_batch),
		CASE(what_does_not_fit_a_batch_is_in_the_next_in_order),
		CASE(requests_of_a_batch_are_ordered_by_their_time),
		CASE(a_repeat_in_flight_waits_for_its_batch),
		CASE(a_repeat_has_the_root_of_its_own_commit),
		CASE(the_same_nonce_for_something_else_is_a_conflict),
		CASE(parked_requests_block_nobody),
		CASE(a_lost_archive_is_asked_again_when_it_is_back),
		CASE(an_archive_without_a_store_is_asked_again),
		CASE(a_missing_row_is_never_new),
		CASE(a_row_of_another_entry_is_never_new),
		CASE(what_is_in_flight_is_answered_in_safe_mode),
		CASE(rows_that_do_not_parse_accuse_archive),
		CASE(a_forged_grant_accuses_the_prevalidator),
		CASE(drafts_that_do_not_parse_accuse_the_prevalidator),
		CASE(a_grant_that_has_ended_is_refused),
		CASE(a_grant_of_an_unknown_kms_is_stale_and_of_the_last_one_good),
		CASE(caveats_are_judged_for_each_entry),
		CASE(a_deadline_that_passed_while_waiting_is_a_timeout),
		CASE(a_deadline_that_passed_while_parked_is_a_timeout),
		CASE(a_deadline_never_passes_after_admission),
		CASE(an_edge_of_another_generation_gets_nothing),
		CASE(a_lost_prevalidator_takes_nothing_along),
		CASE(credit_is_given_back_once_a_request),
		CASE(many_refused_requests_do_not_wait_for_each_other),
		CASE(a_probe_comes_back_to_its_edge),
		CASE(an_atomic_request_fails_whole),
		CASE(a_dry_run_consumes_nothing),
		CASE(legs_of_one_asset_are_a_group),
		CASE(a_balance_is_located_once_it_is_on_disk),
		CASE(a_balance_of_what_was_not_committed_is_not_located),
	};

	return cmocka_run_group_tests_name("sequencer", tests, NULL, NULL);
}
