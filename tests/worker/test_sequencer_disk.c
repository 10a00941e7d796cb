/* The sequencer as it is shipped, when the disk is too full for a batch: it goes back to what is on
 * it, reads on, and writes again when the committer has found room. */
#include "tests/worker/sequencer_driver.h"

static struct sent_batch first, second, third;

static void refuse(const struct sent_batch *batch)
{
	harness_send_not_committed(committer, batch->head.batch_no,
		&(struct oap_not_committed){ batch->head.batch_no, 1 });
	give_credit(batch);
}

static void end_stream(uint64_t size, bool disk_full)
{
	harness_send_state_end(
		committer, 0, &(struct oap_state_end){ .size = size, .disk_full = disk_full });
}

/* --- reads --- */

static struct oap_located locate(uint64_t id, const char *account)
{
	struct oap_located located;

	harness_send_locate(archive, id,
		&(struct oap_locate){ .account = text_of(account), .asset = text_of("ron") });
	assert_int_equal(harness_expect_located(archive, &located), id);
	return located;
}

static void expect_balance(uint64_t id, const char *account, uint64_t available)
{
	struct oap_located located = locate(id, account);

	assert_int_equal(located.known, 1);
	assert_int_equal(located.as_of_seq, kept.size);
	assert_int_equal(located.available, available);
}

static void expect_told(uint64_t id, const char *account, uint64_t available)
{
	uint8_t names[64];
	struct byte_writer out = byte_writer_of(names, sizeof names);
	struct oap_told_balance told;
	struct byte_reader in;

	byte_put_u32(&out, 9);
	byte_put_u8(&out, (uint8_t)strlen(account));
	byte_put_bytes(&out, account, strlen(account));
	byte_put_u8(&out, 3);
	byte_put_bytes(&out, "ron", 3);
	harness_send_ask_balance(archive, id, &(struct oap_ask_balance){ { names, out.used } });
	assert_int_equal(harness_expect_told_balance(archive, &told), id);
	assert_int_equal(told.known, 1);
	assert_int_equal(told.as_of_seq, kept.size);
	in = byte_reader_of(told.balances);
	assert_int_equal(byte_get_u32(&in), 9);
	(void)byte_get_u64(&in);
	assert_int_equal(byte_get_u128(&in), available);
}

/* Two batches are on their way: alice has 20 on disk, and 10 or nothing afterwards. */
static void start_with_two_in_flight(void)
{
	static struct draft burn;

	start_serving();
	submit(1, mints(2), 2);
	expect_work(&first);
	commit(&first);
	expect_accepted(1, 1, 2, &kept.root);
	burn = draft_of(ENTRY_BURN, "alice", 10);
	submit(2, &burn, 1);
	expect_work(&second);
	submit(3, mints(256), 256);
	expect_work(&third);
}

/* --- a full disk --- */

static void a_full_disk_refuses_everything_until_the_state_comes_anew(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	submit(2, mints(256), 256);
	expect_work(&second);
	submit(3, mints(1), 1);
	harness_settle(&h);
	refuse(&first);
	expect_refused(1, 503, DETAIL_DISK_FULL);
	expect_refused(2, 503, DETAIL_DISK_FULL);
	expect_refused(3, 503, DETAIL_DISK_FULL);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	refuse(&second);
	submit(4, mints(1), 1);
	expect_refused(4, 503, DETAIL_DISK_FULL);
	harness_expect_nothing(committer);
	stream_nothing();
	submit(5, mints(1), 1);
	expect_work(&first);
	assert_int_equal(first.head.first_seq, 1);
	commit(&first);
	expect_accepted(5, 1, 1, &kept.root);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 5);
}

static void a_full_disk_is_read_on(void **state)
{
	struct oap_serving serving;

	(void)state;
	start_with_two_in_flight();
	submit(4, mints(1), 1);
	harness_settle(&h);
	refuse(&second);
	expect_refused(2, 503, DETAIL_DISK_FULL);
	expect_refused(3, 503, DETAIL_DISK_FULL);
	expect_refused(4, 503, DETAIL_DISK_FULL);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	assert_int_equal(locate(1, "alice").known, 0); /* what is in memory is not on disk */
	stream_back(&first, 2);
	submit(5, mints(1), 1);
	expect_refused(5, 503, DETAIL_DISK_FULL);
	end_stream(2, true);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	refuse(&third);
	expect_balance(2, "alice", 20);
	expect_balance(3, "nobody", 0);
	expect_told(4, "alice", 20);
	submit(6, mints(1), 1);
	expect_refused(6, 503, DETAIL_DISK_FULL);
	harness_expect_nothing(committer);
	harness_link_down(wallet);
	wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	(void)harness_expect_serving(wallet, &serving);
	assert_true(serving.latest_ts_unix_ms >= first.head.batch_ts_unix_ms);
}

static void with_room_it_goes_on_from_what_it_read(void **state)
{
	(void)state;
	start_with_two_in_flight();
	refuse(&second);
	expect_refused(2, 503, DETAIL_DISK_FULL);
	expect_refused(3, 503, DETAIL_DISK_FULL);
	stream_back(&first, 2);
	end_stream(2, true);
	refuse(&third);
	end_stream(2, true); /* it may say so again */
	harness_settle(&h);
	expect_balance(1, "alice", 20);
	end_stream(2, false);
	expect_phase(PHASE_SERVING, "");
	submit(4, mints(1), 1);
	expect_work(&second);
	assert_int_equal(second.head.first_seq, 3);
	assert_int_equal(second.head.state_no, 2);
	commit(&second);
	expect_accepted(4, 3, 3, &kept.root);
	expect_balance(2, "alice", 30);
}

static void a_node_that_starts_on_a_full_disk_is_read(void **state)
{
	(void)state;
	start_serving();
	fund("alice", 100);
	expect_balance(1, "alice", 100);
	harness_send_state_begin(committer, 0, &(struct oap_state_begin){ .state_no = 2 });
	end_stream(0, true);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	submit(2, mints(1), 1);
	expect_refused(2, 503, DETAIL_DISK_FULL);
	assert_int_equal(locate(2, "alice").known, 1);
}

static void a_freeze_waits_for_nobody_on_a_full_disk(void **state)
{
	struct oap_govern_answer answer;

	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	refuse(&first);
	expect_refused(1, 503, DETAIL_DISK_FULL);
	harness_send_govern(&h.control, 7,
		&(struct oap_govern){ .act = CONTROL_FREEZE, .scope = SCOPE_GLOBAL });
	assert_int_equal(harness_expect_govern_answer(&h.control, &answer), 7);
	assert_int_equal(answer.status, ERR_BUSY);
	assert_non_null(memmem(answer.text.bytes, answer.text.bytes_count, "disk", 4));
}

static void another_reason_than_the_disk_is_safe_mode(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	harness_send_not_committed(committer, first.head.batch_no,
		&(struct oap_not_committed){ .batch_no = first.head.batch_no });
	give_credit(&first);
	expect_refused(1, 503, DETAIL_SAFE_MODE);
	expect_phase(PHASE_SAFE_MODE, "the committer takes no batch");
	submit(2, mints(1), 1);
	expect_refused(2, 503, DETAIL_SAFE_MODE);
}

static void an_end_of_another_size_accuses_the_committer(void **state)
{
	(void)state;
	start_with_two_in_flight();
	refuse(&second);
	stream_back(&first, 2);
	end_stream(2, true);
	refuse(&third);
	end_stream(3, false);
	harness_expect_accusation(committer, OAP_STATE_END, ERR_CONFLICT);
}

/* A word about a batch of a stream that is over says nothing about those of this one. */
static void a_late_word_about_an_old_batch_changes_nothing(void **state)
{
	(void)state;
	start_serving();
	submit(1, mints(1), 1);
	expect_work(&first);
	stream_nothing();
	expect_refused(1, 503, DETAIL_OUTCOME_UNKNOWN);
	submit(2, mints(1), 1);
	expect_work(&second);
	refuse(&first);
	harness_expect_nothing(edge);
	commit(&second);
	expect_accepted(2, 1, 1, &kept.root);
}

static void a_revocation_survives_a_full_disk(void **state)
{
	struct oap_revoked_done done;

	(void)state;
	start_serving();
	send_revoked(0);
	expect_work(&first);
	refuse(&first);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	harness_expect_nothing(kms);
	stream_nothing();
	expect_work(&first);
	assert_int_equal(count_records(&first, BATCH_CONTROL), 1);
	commit(&first);
	assert_int_equal(harness_expect_revoked_done(kms, &done), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_full_disk_refuses_everything_until_the_state_comes_anew),
		CASE(a_full_disk_is_read_on),
		CASE(with_room_it_goes_on_from_what_it_read),
		CASE(a_node_that_starts_on_a_full_disk_is_read),
		CASE(a_freeze_waits_for_nobody_on_a_full_disk),
		CASE(another_reason_than_the_disk_is_safe_mode),
		CASE(an_end_of_another_size_accuses_the_committer),
		CASE(a_late_word_about_an_old_batch_changes_nothing),
		CASE(a_revocation_survives_a_full_disk),
	};

	return cmocka_run_group_tests_name("sequencer disk", tests, NULL, NULL);
}
