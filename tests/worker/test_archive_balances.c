/* READ_BALANCE: what an account had as of each seq, against what was noted while the entries were
 * made; and who may see it. */
#include "common/reads.h"
#include "tests/worker/archive_past.h"

static void send_balance(uint64_t ticket, const char *names, uint64_t at, struct slice grant)
{
	harness_send_read_tlog(prevalidator, ticket,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.what = READ_BALANCE,
			.a = at,
			.text = text_of(names),
			.grant = grant });
}

static struct oap_blob expect_balance(uint64_t ticket)
{
	struct oap_blob blob;

	assert_int_equal(harness_expect_blob(edge, &blob), ticket);
	return blob;
}

static void expect_fault(uint64_t ticket, enum read_fault fault)
{
	struct oap_blob blob = expect_balance(ticket);

	assert_int_equal(blob.fault, fault);
	assert_int_equal(blob.bytes.bytes_count, 0);
}

static void check_balance(size_t index, const char *account, uint64_t at, uint64_t as_of)
{
	static uint64_t ticket = 5000;
	const struct past *past = &pasts[as_of][index];
	char names[64], begin[256], end[128], json[512];
	struct oap_blob blob;

	(void)snprintf(names, sizeof names, "%s ron", account);
	send_balance(++ticket, names, at, grants_seal());
	send_located(expect_locate(account), index);
	blob = expect_balance(ticket);
	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_JSON);
	(void)snprintf(json, sizeof json, "%.*s", (int)blob.bytes.bytes_count,
		(const char *)blob.bytes.bytes);
	(void)snprintf(begin, sizeof begin,
		"{\"account\":\"%s\",\"asset\":\"ron\",\"amount_minor\":\"%llu\","
		"\"held_minor\":\"%llu\",\"as_of\":\"",
		account, (unsigned long long)past->available, (unsigned long long)past->held);
	(void)snprintf(end, sizeof end, "Z\",\"as_of_seq\":%llu,\"stale_ms\":0}",
		(unsigned long long)as_of);
	if (strncmp(json, begin, strlen(begin)) != 0 ||
		strcmp(json + strlen(json) - strlen(end), end) != 0) {
		fail_msg("at %llu: %s is not %s ... %s", (unsigned long long)at, json, begin, end);
	}
}

/* The group of two legs counts as a whole: inside of it all is as before it. */
static uint64_t as_of(uint64_t at)
{
	return at > MAKER_ACCOUNTS && at % 100 == 55 ? at - 1 : at;
}

static void balances_are_those_of_every_seq(void **state)
{
	static const size_t numbers[] = { 10, 11, 20, 39, 40, 55, 56 };
	char account[16];

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		(void)maker_account(numbers[i], account);
		for (uint64_t at = 0; at <= PAST_ENTRIES; at++) {
			check_balance(1 + numbers[i], account, at, as_of(at));
		}
	}
	for (uint64_t at = 0; at <= PAST_ENTRIES; at += 7) {
		check_balance(0, "sys:issuance", at, as_of(at));
	}
	check_balance(11, "acct-00010", READS_NEWEST, PAST_ENTRIES);
}

static void a_balance_is_for_whom_the_token_lets_see_it(void **state)
{
	static const struct {
		const char *caveat;
		bool sees;
	} rows[] = { { "action=wallet.read", true }, { "action=audit.read", true },
		{ "action=ledger.ingest", false }, { "account=acct-00007", true },
		{ "account=acct-*", true }, { "account=acct-00008", false }, { "asset=ron", true },
		{ "asset=eur", false } };

	(void)state;
	start_serving();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		send_balance(i + 1, "acct-00007 ron", READS_NEWEST, seal(rows[i].caveat));
		if (rows[i].sees) {
			send_located(expect_locate("acct-00007"), 8);
		}
		assert_int_equal(expect_balance(i + 1).fault,
			rows[i].sees ? READ_FAULT_NONE : READ_FAULT_NOT_ALLOWED);
	}
	send_balance(100, "acct-00007 ron", 301, grants_seal());
	expect_fault(100, READ_FAULT_NOT_THERE);
}

static void a_balance_waits_for_the_sequencer_and_its_loss_is_told(void **state)
{
	(void)state;
	start_serving();
	send_balance(1, "acct-00007 ron", READS_NEWEST, grants_seal());
	(void)expect_locate("acct-00007");
	harness_link_down(sequencer);
	expect_fault(1, READ_FAULT_NO_STATE);
	send_balance(2, "acct-00007 ron", READS_NEWEST, grants_seal());
	expect_fault(2, READ_FAULT_NO_STATE);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	harness_settle(&h);
	send_balance(3, "acct-00007 ron", READS_NEWEST, grants_seal());
	harness_send_located(
		sequencer, expect_locate("acct-00007"), &(struct oap_located){ .known = 0 });
	expect_fault(3, READ_FAULT_NO_STATE);
	send_balance(4, "acct-00007 ron", 5, grants_seal());
	(void)expect_locate("acct-00007");
	harness_link_down(committer);
	expect_fault(4, READ_FAULT_CLOSED);
	harness_settle(&h);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 4);
}

static void a_balance_is_given_up_at_its_deadline(void **state)
{
	uint64_t id;

	(void)state;
	start_serving();
	harness_send_read_tlog(prevalidator, 1,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 50,
			.what = READ_BALANCE,
			.a = READS_NEWEST,
			.text = text_of("acct-00007 ron"),
			.grant = grants_seal() });
	id = expect_locate("acct-00007");
	expect_fault(1, READ_FAULT_DEADLINE);
	send_located(id, 8); /* too late for anybody */
	harness_settle(&h);
	harness_expect_nothing(edge);
}

/* A chain that leads elsewhere is damage, and no balance. */
static void a_balance_that_cannot_be_followed_is_not_told(void **state)
{
	(void)state;
	start_serving();
	send_balance(1, "acct-00007 ron", 5, grants_seal());
	harness_send_located(sequencer, expect_locate("acct-00007"),
		&(struct oap_located){ .known = 1, .as_of_seq = 300, .last_seq = 150 });
	expect_fault(1, READ_FAULT_CLOSED);
}

static void more_than_may_wait_are_told_busy(void **state)
{
	(void)state;
	start_serving();
	for (uint64_t ticket = 1; ticket <= 64; ticket++) {
		send_balance(ticket, "acct-00007 ron", READS_NEWEST, grants_seal());
	}
	send_balance(65, "acct-00007 ron", READS_NEWEST, grants_seal());
	expect_fault(65, READ_FAULT_BUSY);
	for (uint64_t ticket = 1; ticket <= 64; ticket++) {
		send_located(expect_locate("acct-00007"), 8);
		assert_int_equal(expect_balance(ticket).fault, READ_FAULT_NONE);
	}
}

static void names_that_are_none_accuse_the_prevalidator(void **state)
{
	(void)state;
	start_serving();
	send_balance(1, "acct-00007", READS_NEWEST, grants_seal());
	harness_expect_accusation(prevalidator, OAP_READ_TLOG, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(balances_are_those_of_every_seq),
		CASE(a_balance_is_for_whom_the_token_lets_see_it),
		CASE(a_balance_waits_for_the_sequencer_and_its_loss_is_told),
		CASE(a_balance_is_given_up_at_its_deadline),
		CASE(a_balance_that_cannot_be_followed_is_not_told),
		CASE(more_than_may_wait_are_told_busy),
		CASE(names_that_are_none_accuse_the_prevalidator),
	};

	return cmocka_run_group_tests_name("archive balances", tests, NULL, NULL);
}
