/* What it shows, to whom, and when it lets go of the store. */

#include "tests/worker/archive_driver.h"

/* --- roots --- */

static void ask_roots(uint64_t ticket, uint64_t since, uint32_t limit)
{
	harness_send_read_roots(prevalidator, ticket,
		&(struct oap_read_roots){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.since = since,
			.limit = limit });
}

/* The last seqs of the page, each a portion further. */
static uint64_t expect_roots(uint64_t ticket, uint64_t first_last_seq, size_t count)
{
	struct oap_roots roots;
	struct byte_reader in;

	assert_int_equal(harness_expect_roots(edge, &roots), ticket);
	in = byte_reader_of(roots.rows);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(byte_get_u64(&in), first_last_seq + i * PORTION);
		(void)byte_get_hash(&in);
		(void)byte_get_u64(&in);
	}
	assert_true(byte_reader_done(&in));
	return roots.next;
}

static void it_serves_once_the_committer_has_opened_the_store(void **state)
{
	(void)state;
	start();
	ask_roots(1, 0, 0);
	assert_int_equal(expect_roots(1, 0, 0), 0); /* cannot be read: not the same as none */
	tell_tree(300);
	expect_phase(PHASE_SERVING);
	ask_roots(2, 0, 0);
	assert_int_equal(expect_roots(2, 100, 3), 301);
}

static void roots_come_in_pages_and_since_is_exclusive(void **state)
{
	(void)state;
	start_serving();
	ask_roots(1, 0, 2);
	assert_int_equal(expect_roots(1, 100, 2), 201);
	ask_roots(2, 200, 2);
	assert_int_equal(expect_roots(2, 300, 1), 301);
	ask_roots(3, 99, 1);
	assert_int_equal(expect_roots(3, 100, 1), 101);
	ask_roots(4, 300, 2);
	assert_int_equal(expect_roots(4, 0, 0), 301);
	commit(1100);
	tell_tree(maker.size);
	harness_settle(&h);
	ask_roots(5, 0, 5000);
	assert_int_equal(expect_roots(5, 100, 1000), 100001);
}

static void nothing_beyond_the_announced_size_is_shown(void **state)
{
	struct oap_entry entry;

	(void)state;
	start();
	tell_tree(200);
	harness_settle(&h);
	ask_roots(1, 0, 0);
	assert_int_equal(expect_roots(1, 100, 2), 201);
	harness_send_read_entry(prevalidator, 2,
		&(struct oap_read_entry){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.seq = 201,
			.grant = grants_seal() });
	assert_int_equal(harness_expect_entry(edge, &entry), 2);
	assert_int_equal(entry.status, 404);
}

/* --- entries --- */

static struct oap_entry read_entry(uint64_t seq, struct slice grant)
{
	static uint64_t ticket = 100;
	struct oap_entry entry;

	ticket++;
	harness_send_read_entry(prevalidator, ticket,
		&(struct oap_read_entry){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.seq = seq,
			.grant = grant });
	assert_int_equal(harness_expect_entry(edge, &entry), ticket);
	return entry;
}

static void send_read_entry(uint64_t ticket, uint64_t seq)
{
	harness_send_read_entry(prevalidator, ticket,
		&(struct oap_read_entry){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.seq = seq,
			.grant = grants_seal() });
}

/* While archive stands still TREE comes, then the read of what it announces; a read before both
 * makes the prevalidator's socket the first of the two to be readable. */
static uint16_t read_announced(uint64_t size, bool prevalidator_first)
{
	struct oap_entry entry;

	harness_halt(&h);
	if (prevalidator_first) {
		send_read_entry(1, 1);
	}
	tell_tree(size);
	send_read_entry(2, size);
	harness_go_on(&h);
	if (prevalidator_first) {
		assert_int_equal(harness_expect_entry(edge, &entry), 1);
	}
	assert_int_equal(harness_expect_entry(edge, &entry), 2);
	return entry.status;
}

/* Goal: whoever was told COMMITTED finds it, in whatever order the loop looks at sockets. */
static void what_was_announced_before_a_read_is_there_for_it(void **state)
{
	(void)state;
	start();
	tell_tree(100);
	expect_phase(PHASE_SERVING);
	assert_int_equal(read_announced(200, true), 200);
	assert_int_equal(read_announced(300, false), 200);
}

static void an_entry_comes_with_the_roots_of_its_commit(void **state)
{
	struct oap_entry reply;
	struct entry entry;

	(void)state;
	start_serving();
	reply = read_entry(300, grants_seal());
	assert_int_equal(reply.status, 200);
	assert_int_equal(entry_decode(reply.leaf, &entry), ERR_OK);
	assert_int_equal(entry.seq, 300);
	assert_memory_equal(&reply.new_root, &maker.root, HASH_BYTES);
	assert_memory_not_equal(&reply.prev_root, &maker.root, HASH_BYTES);
	assert_int_equal(reply.batch_ts_unix_ms, MAKER_TS_UNIX_MS + 300);
	assert_int_equal(reply.memo.bytes_count, 11); /* every fifth has one */
}

static void what_is_not_there_and_what_may_not_be_seen_look_alike(void **state)
{
	(void)state;
	start_serving();
	assert_int_equal(read_entry(0, grants_seal()).status, 404);
	assert_int_equal(read_entry(301, grants_seal()).status, 404);
	assert_int_equal(read_entry(1, seal("account=acct-00001")).status, 200);
	assert_int_equal(read_entry(2, seal("account=acct-00001")).status, 404);
	assert_int_equal(read_entry(1, seal("action=ledger.ingest")).status, 404);
	assert_int_equal(read_entry(1, seal("action=audit.read")).status, 200);
}

static void a_grant_of_an_unknown_kms_is_asked_for_again(void **state)
{
	(void)state;
	start_serving();
	assert_int_equal(read_entry(1, grants_seal_for(GRANTS_GENERATION + 1, NULL)).status, 503);
}

static void a_forged_grant_accuses_the_prevalidator(void **state)
{
	static uint8_t forged[GRANT_BYTES_MAX];
	struct slice grant = grants_seal();

	(void)state;
	start_serving();
	memcpy(forged, grant.bytes, grant.bytes_count);
	forged[60] ^= 1;
	harness_send_read_entry(prevalidator, 1,
		&(struct oap_read_entry){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.seq = 1,
			.grant = { forged, grant.bytes_count } });
	harness_expect_accusation(prevalidator, OAP_READ_ENTRY, ERR_DENIED);
	harness_expect_nothing(edge);
}

/* --- rows --- */

static void send_fetch(uint64_t corr_id, const uint64_t *seqs, size_t count)
{
	static uint8_t bytes[VERB_SEQS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	for (size_t i = 0; i < count; i++) {
		byte_put_u64(&out, seqs[i]);
	}
	harness_send_fetch(sequencer, corr_id, &(struct oap_fetch){ { bytes, out.used } });
}

static bool next_row(struct byte_reader *in, uint64_t *ret_seq, struct slice *ret_leaf)
{
	if (in->left == 0) {
		return false;
	}
	*ret_seq = byte_get_u64(in);
	(void)byte_get_u64(in);
	(void)byte_get_hash(in);
	(void)byte_get_u8(in);
	(void)byte_get_view(in, ENTRY_SALT_BYTES);
	*ret_leaf = byte_get_slice16(in, ENTRY_LEAF_BYTES_MAX);
	assert_false(in->failed);
	return true;
}

static void rows_come_as_asked_and_a_missing_one_is_empty(void **state)
{
	static const uint64_t seqs[] = { 7, 300, 3, 301 };
	struct oap_rows rows;
	struct byte_reader in;
	struct slice leaf;
	uint64_t seq;

	(void)state;
	start_serving();
	send_fetch(5, seqs, COUNT_OF(seqs));
	assert_int_equal(harness_expect_rows(sequencer, &rows), 5);
	in = byte_reader_of(rows.rows);
	for (size_t i = 0; i < COUNT_OF(seqs); i++) {
		assert_true(next_row(&in, &seq, &leaf));
		assert_int_equal(seq, seqs[i]);
		assert_int_equal(leaf.bytes_count == 0, seq == 301);
		assert_int_equal(leaf.bytes_count == 0 ? 301 : entry_leaf_seq(leaf), seq);
	}
	assert_true(byte_reader_done(&in));
}

/* The sequencer hears of a commit before archive does. */
static void rows_are_shown_before_they_are_announced(void **state)
{
	static const uint64_t seqs[] = { 301 };
	struct oap_rows rows;
	struct byte_reader in;
	struct slice leaf;
	uint64_t seq;

	(void)state;
	start_serving();
	commit(1);
	send_fetch(5, seqs, 1);
	(void)harness_expect_rows(sequencer, &rows);
	in = byte_reader_of(rows.rows);
	assert_true(next_row(&in, &seq, &leaf));
	assert_true(leaf.bytes_count > 0);
}

static void without_a_store_there_is_no_word_about_a_row(void **state)
{
	static const uint64_t seqs[] = { 1, 2 };
	struct oap_rows rows;

	(void)state;
	start();
	send_fetch(5, seqs, 2);
	assert_int_equal(harness_expect_rows(sequencer, &rows), 5);
	assert_int_equal(rows.rows.bytes_count, 0);
}

static void what_does_not_fit_is_left_for_another_time(void **state)
{
	static uint64_t seqs[VERB_SEQS_BYTES_MAX / 8];
	struct oap_rows rows;
	struct byte_reader in;
	struct slice leaf;
	uint64_t seq, count = 0;

	(void)state;
	commit(60);
	start_serving();
	for (size_t i = 0; i < COUNT_OF(seqs); i++) {
		seqs[i] = i + 1;
	}
	send_fetch(5, seqs, COUNT_OF(seqs));
	(void)harness_expect_rows(sequencer, &rows);
	in = byte_reader_of(rows.rows);
	while (next_row(&in, &seq, &leaf)) {
		count++;
		assert_int_equal(seq, count);
	}
	assert_in_range(count, 1000, COUNT_OF(seqs) - 1);
}

/* --- verify --- */

static void send_verify(uint64_t ticket)
{
	harness_send_read_verify(prevalidator, ticket,
		&(struct oap_read_verify){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.grant = grants_seal() });
}

static void expect_verified(uint64_t ticket, const char *words)
{
	struct oap_verified verified;
	char text[1024];

	do {
		assert_int_equal(harness_expect_verified(edge, &verified), ticket);
	} while (!verified.done);
	(void)snprintf(text, sizeof text, "%.*s", (int)verified.text.bytes_count,
		(const char *)verified.text.bytes);
	if (strstr(text, words) == NULL) {
		fail_msg("%s does not say %s", text, words);
	}
}

static void a_verify_runs_while_reads_and_pings_are_answered(void **state)
{
	static const uint64_t seqs[] = { 1 };
	struct oap_verified verified;
	struct oap_rows rows;

	(void)state;
	commit(400);
	start_serving();
	send_verify(1);
	harness_settle(&h);
	send_verify(2); /* one at a time */
	assert_int_equal(harness_expect_verified(edge, &verified), 2);
	assert_int_equal(verified.done, 1);
	ask_roots(3, 0, 1);
	assert_int_equal(expect_roots(3, 100, 1), 101);
	send_fetch(5, seqs, 1);
	assert_int_equal(harness_expect_rows(sequencer, &rows), 5);
	expect_verified(1, "\"good\":true");
	send_verify(4);
	expect_verified(4, "\"size\":40300");
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 4);
}

static void a_verify_needs_audit_read(void **state)
{
	(void)state;
	start_serving();
	harness_send_read_verify(prevalidator, 1,
		&(struct oap_read_verify){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.grant = seal("action=ledger.ingest") });
	expect_verified(1, "does not allow audit.read");
}

/* --- letting go --- */

/* A new committer must have the store alone, or it cannot fold the log. */
static void expect_store_is_free(void)
{
	store_close(store);
	open_store();
	maker.fence = opened.head.meta.fence;
	allow_reading();
}

static void a_lost_committer_closes_the_store(void **state)
{
	(void)state;
	start_serving();
	ask_roots(1, 0, 1);
	(void)expect_roots(1, 100, 1);
	harness_link_down(committer);
	expect_phase(PHASE_LOADING);
	expect_store_is_free();
	committer = harness_link_up(&h, PROCESS_COMMITTER, 0);
	tell_tree(maker.size);
	expect_phase(PHASE_SERVING);
	ask_roots(2, 0, 1);
	(void)expect_roots(2, 100, 1);
}

static void a_lost_committer_ends_a_verify(void **state)
{
	(void)state;
	commit(400);
	start_serving();
	send_verify(1);
	harness_settle(&h);
	harness_link_down(committer);
	expect_verified(1, "\"checked\":false");
	expect_store_is_free();
}

static void it_lets_go_of_the_log_when_the_committer_asks(void **state)
{
	(void)state;
	start_serving();
	harness_send_tree(committer, 0, &(struct oap_tree){ .open = 0 });
	tell_tree(maker.size);
	expect_phase(PHASE_LOADING);
	expect_phase(PHASE_SERVING);
	ask_roots(1, 0, 1);
	(void)expect_roots(1, 100, 1);
}

/* --- who may say what --- */

static void a_verb_of_somebody_else_accuses_its_sender(void **state)
{
	struct oap_tree tree = { .open = 1, .size = 999 };

	(void)state;
	start_serving();
	harness_send_tree(prevalidator, 0, &tree);
	harness_expect_accusation(prevalidator, OAP_TREE, ERR_NOT_ROUTED);
}

static void seqs_that_do_not_parse_accuse_the_sequencer(void **state)
{
	static const uint8_t half[12] = { 1 };

	(void)state;
	start_serving();
	harness_send_fetch(sequencer, 1, &(struct oap_fetch){ { half, sizeof half } });
	harness_expect_accusation(sequencer, OAP_FETCH, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(it_serves_once_the_committer_has_opened_the_store),
		CASE(roots_come_in_pages_and_since_is_exclusive),
		CASE(nothing_beyond_the_announced_size_is_shown),
		CASE(what_was_announced_before_a_read_is_there_for_it),
		CASE(an_entry_comes_with_the_roots_of_its_commit),
		CASE(what_is_not_there_and_what_may_not_be_seen_look_alike),
		CASE(a_grant_of_an_unknown_kms_is_asked_for_again),
		CASE(a_forged_grant_accuses_the_prevalidator),
		CASE(rows_come_as_asked_and_a_missing_one_is_empty),
		CASE(rows_are_shown_before_they_are_announced),
		CASE(without_a_store_there_is_no_word_about_a_row),
		CASE(what_does_not_fit_is_left_for_another_time),
		CASE(a_verify_runs_while_reads_and_pings_are_answered),
		CASE(a_verify_needs_audit_read),
		CASE(a_lost_committer_closes_the_store),
		CASE(a_lost_committer_ends_a_verify),
		CASE(it_lets_go_of_the_log_when_the_committer_asks),
		CASE(a_verb_of_somebody_else_accuses_its_sender),
		CASE(seqs_that_do_not_parse_accuse_the_sequencer),
	};

	return cmocka_run_group_tests_name("archive", tests, NULL, NULL);
}
