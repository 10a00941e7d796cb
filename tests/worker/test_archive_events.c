/* EVENTS: what happened, in order, for whom the token lets see it, with what the accounts had
 * behind each entry, against what was noted while the entries were made. */
#include "common/reads.h"
#include "tests/worker/archive_past.h"

static uint64_t ticket_last;

static uint64_t ask_until(
	uint64_t deadline_mono_ms, uint64_t after, uint64_t limit, struct slice grant)
{
	harness_send_read_tlog(prevalidator, ++ticket_last,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = deadline_mono_ms,
			.what = READ_EVENTS,
			.a = after,
			.b = limit,
			.grant = grant });
	return ticket_last;
}

static uint64_t ask(uint64_t after, uint64_t limit, struct slice grant)
{
	return ask_until(now_mono_ms() + 60000, after, limit, grant);
}

struct page {
	uint64_t next, size;
	char lines[VERB_REPLY_BYTES_MAX + 1];
};

/* Until the next one. */
static const struct page *expect_page(uint64_t ticket)
{
	static struct page page;
	struct oap_events msg;

	assert_int_equal(harness_expect_events(edge, &msg), ticket);
	assert_int_equal(msg.fault, READ_FAULT_NONE);
	page.next = msg.next;
	page.size = msg.size;
	memcpy(page.lines, msg.lines.bytes, msg.lines.bytes_count);
	page.lines[msg.lines.bytes_count] = '\0';
	return &page;
}

static void expect_fault(uint64_t ticket, enum read_fault fault)
{
	struct oap_events msg;

	assert_int_equal(harness_expect_events(edge, &msg), ticket);
	assert_int_equal(msg.fault, fault);
	assert_int_equal(msg.lines.bytes_count, 0);
}

/* --- the sequencer that we are --- */

/* Every account that a page asks about, as of now; returns how many. */
static size_t tell_balances(void)
{
	uint8_t bytes[VERB_TOLD_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct oap_ask_balance question;
	uint64_t id = harness_expect_ask_balance(sequencer, &question);
	struct byte_reader in = byte_reader_of(question.names);
	size_t count = 0;

	while (in.left > 0) {
		uint32_t place = byte_get_u32(&in);
		struct slice account = byte_get_string8(&in, ACCOUNT_BYTES_MAX);
		struct slice asset = byte_get_string8(&in, ASSET_BYTES_MAX);
		const struct batch_balance *balance;
		unsigned number;

		assert_false(in.failed);
		assert_int_equal(asset.bytes_count, 3);
		assert_int_equal(sscanf((const char *)account.bytes, "acct-%5u", &number), 1);
		balance = &maker.balances[1 + number];
		byte_put_u32(&out, place);
		byte_put_u64(&out, balance->last_seq);
		byte_put_u128(&out, balance->available);
		byte_put_u128(&out, balance->held);
		count++;
	}
	harness_send_credit(
		sequencer, 0, &(struct oap_credit){ 1, 4 + (uint32_t)question.names.bytes_count });
	harness_send_told_balance(sequencer, id,
		&(struct oap_told_balance){
			.known = 1, .as_of_seq = maker.size, .balances = { bytes, out.used } });
	return count;
}

/* The page, with whatever it asks for. */
static const struct page *serve_page(uint64_t ticket, size_t *asked)
{
	harness_settle(&h);
	while (!harness_is_silent(sequencer)) {
		*asked += tell_balances();
		harness_settle(&h);
	}
	return expect_page(ticket);
}

/* --- what a line must say --- */

/* The accounts that entry `seq` of the maker is about: one or two. */
static size_t accounts_of(uint64_t seq, size_t ret_numbers[2])
{
	uint64_t of_hundred = seq > MAKER_ACCOUNTS ? seq % 100 : 0;
	uint64_t number = of_hundred == 20   ? seq - 10
			  : of_hundred == 30 ? seq - 20
			  : of_hundred == 40 ? seq - 1
					     : seq;
	bool is_alone = seq <= MAKER_ACCOUNTS || of_hundred == 10 || of_hundred == 20 ||
			of_hundred == 55 || of_hundred == 56;

	ret_numbers[0] = number % MAKER_ACCOUNTS;
	ret_numbers[1] = (number + 1) % MAKER_ACCOUNTS;
	return is_alone ? 1 : 2;
}

#define ALL SIZE_MAX

/* With the balances of account `only`, or of ALL; returns what is behind the line. */
static const char *check_line(const char *line, uint64_t seq, size_t only)
{
	char begin[64], balances[512] = "\"balances\":[";
	const char *end = strchr(line, '\n'), *told = strstr(line, "\"balances\":");
	size_t numbers[2], used = strlen(balances);
	size_t count = accounts_of(seq, numbers);
	bool has_any = false;

	(void)snprintf(begin, sizeof begin, "{\"seq\":%llu,", (unsigned long long)seq);
	for (size_t i = 0; i < count; i++) {
		const struct past *past = &pasts[seq][1 + numbers[i]];

		if (only == ALL || only == numbers[i]) {
			used += (size_t)snprintf(balances + used, sizeof balances - used,
				"%s{\"account\":\"acct-%05zu\",\"amount_minor\":\"%llu\","
				"\"held_minor\":\"%llu\"}",
				has_any ? "," : "", numbers[i], (unsigned long long)past->available,
				(unsigned long long)past->held);
			has_any = true;
		}
	}
	(void)snprintf(balances + used, sizeof balances - used, "]}\n");
	if (end == NULL || told == NULL || strncmp(line, begin, strlen(begin)) != 0 ||
		strncmp(told, balances, strlen(balances)) != 0) {
		fail_msg("%.400s is not %s ... %s", line, begin, balances);
	}
	return end + 1;
}

/* All entries from `first` to `last` that are about account `only`, or ALL, and nothing else. */
static void check_lines(const char *lines, uint64_t first, uint64_t last, size_t only)
{
	for (uint64_t seq = first; seq <= last; seq++) {
		size_t numbers[2];
		size_t count = accounts_of(seq, numbers);

		if (only == ALL || numbers[0] == only || (count == 2 && numbers[1] == only)) {
			lines = check_line(lines, seq, only);
		}
	}
	assert_string_equal(lines, "");
}

/* --- pages --- */

/* Of a hundred accounts a few may share a place among the balances that were told last. */
#define ASKED_MAX 20u

/* Goal: whoever reads on gets every entry once, with its balances, and hardly one is asked for. */
static void events_are_read_on_from_the_first(void **state)
{
	static const uint64_t limits[] = { 1, 37, READS_EVENTS_LIMIT_MAX };
	uint64_t after = 0;
	size_t asked = 0;

	(void)state;
	start_noted();
	for (size_t i = 0; after < PAST_ENTRIES; i++) {
		uint64_t limit = limits[i % COUNT_OF(limits)];
		const struct page *page = serve_page(ask(after, limit, grants_seal()), &asked);

		assert_int_equal(page->size, PAST_ENTRIES);
		assert_in_range(page->next, after + 1, after + limit);
		check_lines(page->lines, after + 1, page->next, ALL);
		after = page->next;
	}
	assert_in_range(asked, 0, ASKED_MAX);
}

/* Goal: a resumed reader gets the balances as of each entry, whoever knows them. */
static void a_reader_that_resumes_gets_what_was_behind_each_entry(void **state)
{
	static const uint64_t afters[] = { 395, 250, 137, 101, 55, 300 };
	size_t asked = 0;

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(afters); i++) {
		const struct page *page;
		uint64_t ticket = ask(afters[i], 20, grants_seal());

		page = serve_page(ticket, &asked);
		assert_int_equal(
			page->next, afters[i] + 20 < PAST_ENTRIES ? afters[i] + 20 : PAST_ENTRIES);
		check_lines(page->lines, afters[i] + 1, page->next, ALL);
	}
	assert_in_range(asked, 20, 6 * 2 * 20);
}

static void a_page_has_what_the_token_lets_see_and_no_balance_of_others(void **state)
{
	const struct page *page;
	uint64_t after = 0;
	size_t asked = 0;

	(void)state;
	start_noted();
	while (after < PAST_ENTRIES) {
		page = serve_page(ask(after, 3, seal("account=acct-00010")), &asked);
		check_lines(page->lines, after + 1, page->next, 10);
		after = page->next;
	}
	page = expect_page(ask(0, 200, seal("account=nobody")));
	assert_string_equal(page->lines, "");
	assert_int_equal(page->next, PAST_ENTRIES); /* all was looked at */
	page = expect_page(ask(0, 200, seal("asset=eur")));
	assert_string_equal(page->lines, "");
	page = expect_page(ask(0, 200, seal("action=wallet.transfer")));
	assert_string_equal(page->lines, "");
	page = expect_page(ask(0, 5, seal("action=audit.read")));
	check_lines(page->lines, 1, 5, ALL);
	harness_expect_nothing(sequencer);
}

static void expect_grew(uint64_t size)
{
	struct oap_grew grew;

	do {
		(void)harness_expect_grew(edge, &grew);
	} while (grew.size != size);
}

static void at_the_end_there_is_nothing_and_growth_is_told(void **state)
{
	static const uint64_t old_size = PAST_ENTRIES - 150;
	const struct page *page;
	size_t asked = 0;

	(void)state;
	start_noted();
	tell_tree(old_size);
	expect_grew(old_size);
	page = expect_page(ask(old_size, 10, grants_seal()));
	assert_string_equal(page->lines, "");
	assert_int_equal(page->next, old_size);
	assert_int_equal(page->size, old_size);
	expect_fault(ask(old_size + 1, 10, grants_seal()), READ_FAULT_NOT_THERE);
	page = expect_page(ask(0, 200, seal("asset=eur")));
	assert_int_equal(page->next, old_size); /* nothing beyond what was announced */
	tell_tree(PAST_ENTRIES);
	expect_grew(PAST_ENTRIES);
	page = serve_page(ask(old_size, 10, grants_seal()), &asked);
	check_lines(page->lines, old_size + 1, old_size + 10, ALL);
}

/* Two readers that are not at one place do not spoil each other's balances. */
static void readers_in_turns_get_each_their_own(void **state)
{
	uint64_t after[2] = { 0, 0 };
	size_t asked = 0;

	(void)state;
	start_noted();
	while (after[0] < PAST_ENTRIES || after[1] < PAST_ENTRIES) {
		for (size_t i = 0; i < COUNT_OF(after); i++) {
			const struct page *page =
				serve_page(ask(after[i], i == 0 ? 30 : 11, grants_seal()), &asked);

			check_lines(page->lines, after[i] + 1, page->next, ALL);
			after[i] = page->next;
		}
	}
}

/* --- what goes wrong --- */

static void a_page_waits_for_the_sequencer_and_its_loss_is_told(void **state)
{
	struct oap_ask_balance question;
	uint64_t ticket, id;

	(void)state;
	start_noted();
	ticket = ask(250, 10, grants_seal());
	(void)harness_expect_ask_balance(sequencer, &question);
	harness_link_down(sequencer);
	expect_fault(ticket, READ_FAULT_NO_STATE);
	expect_fault(ask(250, 10, grants_seal()), READ_FAULT_NO_STATE);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	harness_settle(&h);
	ticket = ask(250, 10, grants_seal());
	id = harness_expect_ask_balance(sequencer, &question);
	harness_send_told_balance(sequencer, id, &(struct oap_told_balance){ .known = 0 });
	expect_fault(ticket, READ_FAULT_NO_STATE);
	ticket = ask(250, 10, grants_seal());
	(void)harness_expect_ask_balance(sequencer, &question);
	harness_link_down(committer);
	expect_fault(ticket, READ_FAULT_CLOSED);
	expect_fault(ask(0, 10, grants_seal()), READ_FAULT_CLOSED);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 5);
}

static void a_page_is_given_up_at_its_deadline(void **state)
{
	struct oap_ask_balance question;
	uint64_t ticket, id;

	(void)state;
	start_noted();
	ticket = ask_until(now_mono_ms() + 50, 250, 10, grants_seal());
	id = harness_expect_ask_balance(sequencer, &question);
	expect_fault(ticket, READ_FAULT_DEADLINE);
	harness_send_told_balance(
		sequencer, id, &(struct oap_told_balance){ .known = 1, .as_of_seq = PAST_ENTRIES });
	harness_expect_nothing(edge); /* too late for anybody */
}

static void more_pages_than_may_wait_are_told_busy(void **state)
{
	uint64_t tickets[8];

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(tickets); i++) {
		tickets[i] = ask(250, 10, grants_seal());
	}
	expect_fault(ask(250, 10, grants_seal()), READ_FAULT_BUSY);
	for (size_t i = 0; i < COUNT_OF(tickets); i++) {
		(void)tell_balances();
		check_lines(expect_page(tickets[i])->lines, 251, 260, ALL);
	}
}

static void a_sequencer_that_tells_nonsense_is_accused(void **state)
{
	static const struct {
		uint32_t place;
		uint64_t last_seq;
		size_t cut;
	} rows[] = { { 1000, PAST_ENTRIES, 0 }, { 0, 1, 0 }, { 0, PAST_ENTRIES + 1, 0 },
		{ 0, PAST_ENTRIES, 1 } };

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t bytes[BALANCE_TOLD_BYTES];
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
		struct oap_ask_balance question;
		uint64_t id;

		(void)ask(250, 10, grants_seal());
		id = harness_expect_ask_balance(sequencer, &question);
		byte_put_u32(&out, rows[i].place);
		byte_put_u64(&out, rows[i].last_seq);
		byte_put_u128(&out, 0);
		byte_put_u128(&out, 0);
		harness_send_told_balance(sequencer, id,
			&(struct oap_told_balance){ .known = 1,
				.as_of_seq = PAST_ENTRIES,
				.balances = { bytes, out.used - rows[i].cut } });
		harness_expect_accusation(sequencer, OAP_TOLD_BALANCE, ERR_MALFORMED);
		harness_link_down(sequencer);
		sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
		harness_settle(&h);
		expect_fault(ticket_last, READ_FAULT_NO_STATE);
	}
}

static void limits_that_are_none_accuse_the_prevalidator(void **state)
{
	static const uint64_t limits[] = { 0, READS_EVENTS_LIMIT_MAX + 1, UINT64_MAX };

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		(void)ask(0, limits[i], grants_seal());
		harness_expect_accusation(prevalidator, OAP_READ_TLOG, ERR_MALFORMED);
		prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(events_are_read_on_from_the_first),
		CASE(a_reader_that_resumes_gets_what_was_behind_each_entry),
		CASE(a_page_has_what_the_token_lets_see_and_no_balance_of_others),
		CASE(at_the_end_there_is_nothing_and_growth_is_told),
		CASE(readers_in_turns_get_each_their_own),
		CASE(a_page_waits_for_the_sequencer_and_its_loss_is_told),
		CASE(a_page_is_given_up_at_its_deadline),
		CASE(more_pages_than_may_wait_are_told_busy),
		CASE(a_sequencer_that_tells_nonsense_is_accused),
		CASE(limits_that_are_none_accuse_the_prevalidator),
	};

	return cmocka_run_group_tests_name("archive events", tests, NULL, NULL);
}
