/* The sequencer as it is shipped: its start, its controls, and its end. */
#include "tests/worker/sequencer_driver.h"

static struct sent_batch first, second;

/* --- the stream of a start --- */

static void expect_state_bad(uint64_t seq)
{
	struct oap_state_bad bad;

	(void)harness_expect_state_bad(committer, &bad);
	assert_int_equal(bad.seq, seq);
	expect_phase(PHASE_SAFE_MODE, "replay_mismatch");
	submit(99, mints(1), 1);
	expect_refused(99, 503, DETAIL_SAFE_MODE);
}

static void send_fingerprints(uint64_t first_seq, size_t count)
{
	uint8_t bytes[256];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	byte_put_u64(&out, first_seq);
	for (size_t i = 0; i < 2 * count; i++) {
		byte_put_u64(&out, 1000 + i);
	}
	send_state_piece(STATE_FINGERPRINTS, (struct slice){ bytes, out.used });
}

static void a_gap_in_the_fingerprints_is_safe_mode(void **state)
{
	(void)state;
	start();
	stream_begin(4, 4);
	send_fingerprints(1, 2);
	send_fingerprints(4, 1);
	expect_state_bad(4);
}

static void state_that_does_not_reach_low_water_is_safe_mode(void **state)
{
	(void)state;
	start();
	stream_begin(4, 4);
	send_fingerprints(1, 3);
	harness_send_state_end(committer, 0, &(struct oap_state_end){ .size = 4 });
	expect_state_bad(4);
}

static void a_row_that_contradicts_another_is_safe_mode(void **state)
{
	uint8_t bytes[256];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct batch_account account = { 1, text_of("alice"), text_of("ron") };

	(void)state;
	start();
	stream_begin(0, 0);
	batch_put_account(&out, &account); /* there is no index 0 */
	send_state_piece(STATE_ROWS, (struct slice){ bytes, out.used });
	expect_state_bad(0);
}

static void an_entry_that_the_state_does_not_allow_is_safe_mode(void **state)
{
	static uint8_t bytes[2048];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct byte_reader in;
	struct batch_record record;

	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	in = byte_reader_of(first.head.records);
	do {
		assert_true(batch_next(&in, &record));
	} while (record.type != BATCH_ENTRY);
	byte_put_u64(&out, first.head.batch_ts_unix_ms);
	byte_put_u8(&out, BATCH_ENTRY);
	byte_put_slice32(&out, record.body);
	stream_begin(1, 0); /* its mint is there, and the accounts that it made are not */
	send_fingerprints(1, 1);
	send_state_piece(STATE_ENTRIES, (struct slice){ bytes, out.used });
	(void)expect_verdict(1, 503);
	expect_state_bad(1);
}

static void a_piece_that_does_not_parse_accuses_the_committer(void **state)
{
	static const uint8_t noise[3] = { 1, 2, 3 };

	(void)state;
	start();
	stream_begin(0, 0);
	send_state_piece(STATE_ROWS, (struct slice){ noise, sizeof noise });
	harness_expect_accusation(committer, OAP_STATE_PIECE, ERR_MALFORMED);
}

static void rows_behind_the_entries_accuse_the_committer(void **state)
{
	(void)state;
	start();
	stream_begin(0, 0);
	send_state_piece(STATE_ENTRIES, (struct slice){ NULL, 0 });
	send_state_piece(STATE_ROWS, (struct slice){ NULL, 0 });
	harness_expect_accusation(committer, OAP_STATE_PIECE, ERR_CONFLICT);
}

/* What it sent is sent back, and it goes on from there. */
static void it_goes_on_from_what_it_wrote(void **state)
{
	struct draft burn = draft_of(ENTRY_BURN, "alice", 20);

	(void)state;
	start_serving();
	submit(1, mints(2), 2);
	expect_work(&first);
	commit(&first);
	expect_accepted(1, 1, 2, &kept.root);
	stream_back(&first, 2);
	harness_send_state_end(committer, 0, &(struct oap_state_end){ .size = 2 });
	expect_phase(PHASE_SERVING, "");
	harness_expect_nothing(edge);
	submit(2, &burn, 1);
	expect_work(&second);
	assert_int_equal(second.head.first_seq, 3);
	assert_int_equal(second.head.state_no, 2);
	commit(&second);
	expect_accepted(2, 3, 3, &kept.root);
}

/* --- controls --- */

static void govern(uint64_t corr_id, uint8_t act, uint8_t scope, struct slice name, const char *why)
{
	harness_send_govern(&h.control, corr_id,
		&(struct oap_govern){ .act = act,
			.scope = scope,
			.name = name,
			.reason = text_of(why),
			.actor = text_of("operator") });
}

static void expect_governed(uint64_t corr_id, enum err status)
{
	struct oap_govern_answer answer;

	assert_int_equal(harness_expect_govern_answer(&h.control, &answer), corr_id);
	assert_int_equal(answer.status, status);
}

static void a_freeze_is_answered_when_it_is_on_disk_and_stops_what_goes_out(void **state)
{
	struct draft out, in;

	(void)state;
	start_serving();
	fund("alice", 100);
	govern(7, CONTROL_FREEZE, SCOPE_ACCOUNT, text_of("alice"), "a test");
	expect_work(&first);
	assert_int_equal(first.head.entry_count, 0);
	assert_int_equal(count_records(&first, BATCH_AUDIT), 1);
	harness_expect_nothing(&h.control);
	commit(&first);
	expect_governed(7, ERR_OK);
	out = transfer_of("alice", "bob", 1);
	submit(2, &out, 1);
	expect_refused(2, 403, DETAIL_FROZEN);
	in = draft_of(ENTRY_MINT, "alice", 1);
	submit(3, &in, 1);
	expect_work(&first);
	commit(&first);
	expect_accepted(3, 2, 2, &kept.root);
	govern(8, CONTROL_UNFREEZE, SCOPE_ACCOUNT, text_of("alice"), "over");
	expect_work(&first);
	commit_and_rest(&first);
	expect_governed(8, ERR_OK);
	out = transfer_of("alice", "bob", 1);
	submit(4, &out, 1);
	expect_work(&first);
	commit(&first);
	expect_accepted(4, 3, 3, &kept.root);
}

static void what_cannot_be_governed_is_answered_and_changes_nothing(void **state)
{
	static const struct slice nobody = { NULL, 0 };
	char escaped[VERB_TEXT_BYTES_MAX + 1];

	(void)state;
	memset(escaped, 1, sizeof escaped);
	escaped[VERB_TEXT_BYTES_MAX] = '\0';
	start_serving();
	govern(1, CONTROL_FREEZE, SCOPE_ACCOUNT, text_of("no such name!"), "");
	expect_governed(1, ERR_MALFORMED);
	govern(2, CONTROL_LIMIT, SCOPE_GLOBAL, text_of("account_total_max"), "");
	expect_governed(2, ERR_MALFORMED);
	govern(3, CONTROL_REVOKE, SCOPE_CAPABILITY, text_of("0123456789abcdef"), "");
	expect_governed(3, ERR_MALFORMED);
	govern(4, 0, 0, nobody, "");
	expect_governed(4, ERR_MALFORMED);
	govern(5, CONTROL_FREEZE, SCOPE_GLOBAL, nobody, "\xff");
	expect_governed(5, ERR_MALFORMED);
	submit(1, mints(1), 1);
	expect_work(&first);
	commit(&first);
	expect_accepted(1, 1, 1, &kept.root);
	harness_expect_nothing(&h.control);
	assert_int_equal(h.control.credit_requests, 5);
}

static void no_control_is_recorded_without_its_audit_record(void **state)
{
	static char reason[VERB_TEXT_BYTES_MAX + 1], actor[VERB_NAME_BYTES_MAX + 1];
	static char name[VERB_NAME_BYTES_MAX + 1];

	(void)state;
	memset(reason, 1, VERB_TEXT_BYTES_MAX); /* six bytes each in JSON */
	memset(actor, 1, VERB_NAME_BYTES_MAX);
	memset(name, 'a', VERB_NAME_BYTES_MAX);
	start_serving();
	harness_send_govern(&h.control, 1,
		&(struct oap_govern){ .act = CONTROL_FREEZE,
			.scope = SCOPE_ACCOUNT,
			.name = text_of(name),
			.reason = text_of(reason),
			.actor = text_of(actor) });
	expect_work(&first);
	assert_int_equal(count_records(&first, BATCH_AUDIT), count_records(&first, BATCH_CONTROL));
	commit(&first);
	expect_governed(1, ERR_OK);
}

static void a_revocation_is_done_when_it_is_on_disk(void **state)
{
	struct oap_revoked_done done;

	(void)state;
	start_serving();
	fund("alice", 100);
	send_revoked(0);
	expect_work(&first);
	harness_expect_nothing(kms);
	commit(&first);
	assert_int_equal(harness_expect_revoked_done(kms, &done), 0);
	assert_int_equal(done.after_seq, 1);
	submit(2, mints(1), 1);
	expect_refused(2, 403, DETAIL_REVOKED);
}

static void a_revocation_told_again_is_not_recorded_again(void **state)
{
	struct oap_revoked_done done;

	(void)state;
	start_serving();
	send_revoked(0);
	expect_work(&first);
	commit(&first);
	(void)harness_expect_revoked_done(kms, &done);
	send_revoked(1);
	assert_int_equal(harness_expect_revoked_done(kms, &done), 1);
	harness_expect_nothing(committer);
}

static void a_revocation_before_the_start_is_recorded_after_it(void **state)
{
	struct oap_revoked_done done;

	(void)state;
	start();
	send_revoked(3);
	harness_expect_nothing(kms);
	stream_nothing();
	expect_work(&first);
	commit(&first);
	assert_int_equal(harness_expect_revoked_done(kms, &done), 3);
}

/* --- time --- */

static void an_expired_hold_is_released_when_nobody_asks(void **state)
{
	struct draft hold;
	struct byte_reader in;
	struct batch_record record;
	struct batch_entry row;
	struct entry entry;

	(void)state;
	start_serving();
	fund("alice", 100);
	hold = draft_of(ENTRY_HOLD, "alice", 30);
	hold.entry.expires_unix_ms = now_unix_ms() + 700;
	submit(2, &hold, 1);
	expect_work(&first);
	commit(&first);
	expect_accepted(2, 2, 2, &kept.root);
	expect_work(&second);
	assert_int_equal(second.head.first_seq, 3);
	assert_int_equal(second.head.entry_count, 1);
	in = byte_reader_of(second.head.records);
	assert_true(batch_next(&in, &record));
	assert_int_equal(batch_get_entry(record.body, &row), ERR_OK);
	assert_int_equal(entry_decode(row.leaf, &entry), ERR_OK);
	assert_int_equal(entry.kind, ENTRY_REVERSE);
	assert_int_equal(entry.source, SOURCE_SYS);
	assert_int_equal(entry.amount, 30);
	assert_true(second.head.batch_ts_unix_ms >= hold.entry.expires_unix_ms);
}

/* --- what the committer says --- */

static void a_committed_batch_that_was_not_sent_accuses_the_committer(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	harness_send_committed(committer, 9, &(struct oap_committed){ 9, 1, kept.root });
	harness_expect_accusation(committer, OAP_COMMITTED, ERR_CONFLICT);
}

/* --- the end --- */

static void a_drain_answers_flushes_and_says_so(void **state)
{
	struct oap_drained drained;
	static struct draft drafts[300];
	static char names[300][16];

	(void)state;
	start_serving();
	for (size_t i = 0; i < COUNT_OF(drafts); i++) {
		(void)snprintf(names[i], sizeof names[i], "account-%zu", i);
		drafts[i] = draft_of(ENTRY_MINT, names[i], 1);
	}
	submit(1, drafts, COUNT_OF(drafts));
	expect_work(&first);
	harness_send_drain(&h.control, 0, &(struct oap_drain){ now_mono_ms() + 10000 });
	harness_expect_nothing(&h.control);
	commit(&first);
	(void)expect_verdict(1, 200);
	if (first.head.low_water < 300) {
		expect_any_batch(&second);
		assert_int_equal(second.head.entry_count, 0);
		assert_int_equal(second.head.low_water, 300); /* the next start replays nothing */
		harness_expect_nothing(&h.control);
		commit(&second);
	}
	(void)harness_expect_drained(&h.control, &drained);
	assert_int_equal(drained.left_over, 0);
	submit(2, mints(1), 1);
	expect_refused(2, 503, DETAIL_DRAINING);
	harness_stop(&h);
}

static void a_drain_before_the_start_does_not_wait_for_it(void **state)
{
	struct oap_drained drained;

	(void)state;
	start();
	send_revoked(0);
	harness_settle(&h);
	harness_send_drain(&h.control, 0, &(struct oap_drain){ now_mono_ms() + 10000 });
	(void)harness_expect_drained(&h.control, &drained);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_gap_in_the_fingerprints_is_safe_mode),
		CASE(state_that_does_not_reach_low_water_is_safe_mode),
		CASE(a_row_that_contradicts_another_is_safe_mode),
		CASE(an_entry_that_the_state_does_not_allow_is_safe_mode),
		CASE(a_piece_that_does_not_parse_accuses_the_committer),
		CASE(rows_behind_the_entries_accuse_the_committer),
		CASE(it_goes_on_from_what_it_wrote),
		CASE(a_freeze_is_answered_when_it_is_on_disk_and_stops_what_goes_out),
		CASE(what_cannot_be_governed_is_answered_and_changes_nothing),
		CASE(no_control_is_recorded_without_its_audit_record),
		CASE(a_revocation_is_done_when_it_is_on_disk),
		CASE(a_revocation_told_again_is_not_recorded_again),
		CASE(a_revocation_before_the_start_is_recorded_after_it),
		CASE(an_expired_hold_is_released_when_nobody_asks),
		CASE(a_committed_batch_that_was_not_sent_accuses_the_committer),
		CASE(a_drain_answers_flushes_and_says_so),
		CASE(a_drain_before_the_start_does_not_wait_for_it),
	};

	return cmocka_run_group_tests_name("sequencer state", tests, NULL, NULL);
}
