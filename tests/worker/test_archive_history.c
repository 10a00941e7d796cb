/* What the wallet's clients read of archive: operations by txid, their proofs, and the history of
 * an account. */
#include "common/reads.h"
#include "core/operation.h"
#include "core/tlog_proof.h"
#include "tests/worker/archive_past.h"

#define TRANSFER 111u /* through /v1, from acct-00011 to acct-00012 */
#define INGESTED 112u

static uint64_t ticket_last;

static uint64_t ask(
	enum read_what what, uint64_t a, uint64_t b, struct slice text, struct slice grant)
{
	harness_send_read_tlog(prevalidator, ++ticket_last,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.what = (uint8_t)what,
			.a = a,
			.b = b,
			.text = text,
			.grant = grant });
	return ticket_last;
}

static struct oap_blob expect_blob(uint64_t ticket)
{
	struct oap_blob blob;

	assert_int_equal(harness_expect_blob(edge, &blob), ticket);
	return blob;
}

static void expect_fault(uint64_t ticket, enum read_fault fault)
{
	struct oap_blob blob = expect_blob(ticket);

	assert_int_equal(blob.fault, fault);
	assert_int_equal(blob.bytes.bytes_count, 0);
}

/* Until the next one. */
static const char *expect_json(uint64_t ticket)
{
	static char text[VERB_REPLY_BYTES_MAX + 1];
	struct oap_blob blob = expect_blob(ticket);

	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_JSON);
	assert_int_equal(blob.cache, READ_CACHE_NEVER);
	memcpy(text, blob.bytes.bytes, blob.bytes.bytes_count);
	text[blob.bytes.bytes_count] = '\0';
	return text;
}

/* --- operations by txid --- */

static struct slice txid_of(uint64_t seq)
{
	static struct id128 id;

	maker_id(seq, 0x11, &id);
	return (struct slice){ id.bytes, ID_BYTES };
}

static uint64_t ask_tx(enum read_what what, uint64_t seq, struct slice grant)
{
	return ask(what, 0, 0, txid_of(seq), grant);
}

static void a_receipt_is_shown_as_it_was_stored(void **state)
{
	struct reader_config config = { .dir = dir };
	struct why why = { "" };
	struct reader *reader = NULL;
	struct reader_entry row;
	const char *text;

	(void)state;
	start_noted();
	assert_int_equal(reader_open(&config, &reader, &why), ERR_OK);
	assert_int_equal(reader_entry(reader, TRANSFER, &row), ERR_OK);
	text = expect_json(ask_tx(READ_TX, TRANSFER, grants_seal()));
	assert_int_equal(strlen(text), row.receipt.bytes_count);
	assert_memory_equal(text, row.receipt.bytes, row.receipt.bytes_count);
	assert_non_null(strstr(text, "\"seq\":111,"));
	reader_close(reader);
}

/* Goal: what is not there and what may not be seen cannot be told apart. */
static void a_receipt_is_for_whom_the_token_lets_see_an_account_of_it(void **state)
{
	static const struct {
		const char *caveat;
		bool sees;
	} rows[] = { { "account=acct-00011", true }, { "account=acct-00012", true },
		{ "account=acct-00013", false }, { "action=wallet.read", true },
		{ "action=audit.read", true }, { "action=wallet.transfer", false },
		{ "asset=ron", true }, { "asset=eur", false } };

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t ticket = ask_tx(READ_TX, TRANSFER, seal(rows[i].caveat));

		if (rows[i].sees) {
			assert_non_null(strstr(expect_json(ticket), "\"seq\":111,"));
		} else {
			expect_fault(ticket, READ_FAULT_NOT_THERE);
		}
	}
	expect_fault(ask_tx(READ_TX, INGESTED, grants_seal()), READ_FAULT_NOT_THERE);
	expect_fault(ask_tx(READ_TX, 5000, grants_seal()), READ_FAULT_NOT_THERE);
	expect_fault(ask_tx(READ_TX, TRANSFER, (struct slice){ NULL, 0 }), READ_FAULT_NOT_THERE);
	expect_fault(ask(READ_TX, 0, 0, text_of("too short"), grants_seal()), READ_FAULT_NOT_THERE);
	tell_tree(TRANSFER - 1); /* as if it were not announced yet */
	expect_fault(ask_tx(READ_TX, TRANSFER, grants_seal()), READ_FAULT_NOT_THERE);
	harness_link_down(committer);
	harness_settle(&h);
	expect_fault(ask_tx(READ_TX, TRANSFER, grants_seal()), READ_FAULT_CLOSED);
}

static void sign(uint64_t size)
{
	struct why why = { "" };
	struct schema_checkpoint checkpoint = {
		.size = size,
		.root = maker.root,
		.checkpoint = text_of("ledger.example\nand so on\n"),
		.audit = text_of("audit note\n"),
	};

	assert_int_equal(store_checkpoint_keep(store, &checkpoint), ERR_OK);
	assert_int_equal(store_checkpoint_flush(store, (struct instant){ 0 }, &why), ERR_OK);
}

/* Goal: who may see an operation gets its entry, whose leaf holds the receipt's hash, in the tree.
 */
static void the_proof_of_an_operation_brings_its_leaf(void **state)
{
	static uint8_t extra[ENTRY_LEAF_BYTES_MAX];
	struct tlog_proof proof;
	struct oap_blob blob;
	struct entry entry;
	char hex[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	(void)state;
	start_noted();
	expect_fault(ask_tx(READ_TX_PROOF, TRANSFER, grants_seal()), READ_FAULT_NOT_SIGNED_YET);
	sign(PAST_ENTRIES);
	blob = expect_blob(ask_tx(READ_TX_PROOF, TRANSFER, seal("account=acct-00012")));
	assert_int_equal(blob.content, READ_CONTENT_TEXT);
	assert_int_equal(tlog_proof_parse(blob.bytes, extra, sizeof extra, &proof), TLOG_PROOF_OK);
	assert_int_equal(proof.index, TRANSFER - 1);
	assert_true(tlog_proof_verify(&proof, proof.extra, PAST_ENTRIES, &maker.root));
	assert_int_equal(entry_decode(proof.extra, &entry), ERR_OK);
	hex_encode(entry.receipt_hash.bytes, HASH_BYTES, hex);
	assert_non_null(strstr(expect_json(ask_tx(READ_TX, TRANSFER, grants_seal())), hex));
	expect_fault(
		ask_tx(READ_TX_PROOF, TRANSFER, seal("account=acct-00013")), READ_FAULT_NOT_THERE);
	expect_fault(ask_tx(READ_TX_PROOF, INGESTED, grants_seal()), READ_FAULT_NOT_THERE);
}

/* --- history --- */

static uint64_t ask_history(const char *names, uint64_t before, uint64_t limit, struct slice grant)
{
	return ask(READ_HISTORY, before, limit, text_of(names), grant);
}

/* The next seq below `before` that changed what account `number` has; 0: there is none. */
static uint64_t change_below(uint64_t before, size_t number)
{
	for (uint64_t seq = before - 1; seq > 0; seq--) {
		const struct past *now = &pasts[seq][1 + number];
		const struct past *then = &pasts[seq - 1][1 + number];

		if (now->available != then->available || now->held != then->held) {
			return seq;
		}
	}
	return 0;
}

static void check_item(const char *item, uint64_t seq, size_t number)
{
	const struct past *now = &pasts[seq][1 + number];
	const struct past *then = &pasts[seq - 1][1 + number];
	char wanted[256];
	const char *end = strstr(item, "\"change_minor\":");

	(void)snprintf(wanted, sizeof wanted,
		"\"change_minor\":\"%lld\",\"held_change_minor\":\"%lld\",\"balance_minor\":\"%"
		"llu\","
		"\"held_minor\":\"%llu\"}",
		(long long)(now->available - then->available), (long long)(now->held - then->held),
		(unsigned long long)now->available, (unsigned long long)now->held);
	if (end == NULL || strncmp(end, wanted, strlen(wanted)) != 0) {
		fail_msg("seq %llu: %.400s has no %s", (unsigned long long)seq, item, wanted);
	}
}

/* Every item of a page is the next older change; where the next page begins, 0: there is none. */
static uint64_t check_page(const char *json, size_t number, uint64_t before, uint64_t *ret_count)
{
	static const char seq_name[] = "{\"seq\":";
	const char *item = json;
	uint64_t seq = before;

	*ret_count = 0;
	while ((item = strstr(item, seq_name)) != NULL) {
		item += strlen(seq_name);
		seq = change_below(seq, number);
		assert_int_equal(strtoull(item, NULL, 10), seq);
		check_item(item, seq, number);
		++*ret_count;
	}
	if (strstr(json, "\"next\":null}") != NULL) {
		assert_int_equal(change_below(seq, number), 0);
		return 0;
	}
	item = strstr(json, "\"next\":");
	assert_non_null(item);
	assert_int_equal(strtoull(item + 7, NULL, 10), seq);
	return seq;
}

/* Goal: pages of any length tell every change once, newest first, with what was there behind it;
 * only the first of them asks the sequencer. */
static void a_history_is_read_page_by_page(void **state)
{
	static const size_t numbers[] = { 10, 11, 39, 40, 55, 56 };
	static const uint64_t limits[] = { 1, 2, 5, READS_HISTORY_LIMIT_MAX };
	char account[16], names[32];

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(numbers) * COUNT_OF(limits); i++) {
		size_t number = numbers[i / COUNT_OF(limits)];
		uint64_t limit = limits[i % COUNT_OF(limits)], before = READS_NEWEST;
		uint64_t told = PAST_ENTRIES + 1, count;

		(void)maker_account(number, account);
		(void)snprintf(names, sizeof names, "%s ron", account);
		do {
			uint64_t ticket = ask_history(names, before, limit, grants_seal());

			if (before == READS_NEWEST) {
				send_located(expect_locate(account), 1 + number);
			}
			before = check_page(expect_json(ticket), number, told, &count);
			assert_true(count == limit || before == 0);
			told = before;
		} while (before != 0);
		harness_expect_nothing(sequencer);
	}
}

static void a_history_begins_before_any_seq(void **state)
{
	uint64_t count, ticket;

	(void)state;
	start_noted();
	for (uint64_t before = PAST_ENTRIES + 1; before > 0; before -= 25) {
		ticket = ask_history("acct-00010 ron", before, 3, grants_seal());
		harness_settle(&h);
		if (!harness_is_silent(sequencer)) { /* or a bookmark of before leads there */
			send_located(expect_locate("acct-00010"), 11);
		}
		(void)check_page(expect_json(ticket), 10, before, &count);
		assert_in_range(count, 0, 3);
		if (before < 25) {
			break;
		}
	}
	ticket = ask_history("nobody ron", READS_NEWEST, 3, grants_seal());
	harness_send_located(sequencer, expect_locate("nobody"),
		&(struct oap_located){ .known = 1, .as_of_seq = PAST_ENTRIES });
	assert_string_equal(expect_json(ticket),
		"{\"account\":\"nobody\",\"asset\":\"ron\",\"items\":[],\"next\":null}");
}

static void a_foreign_history_is_not_told(void **state)
{
	static const struct {
		const char *caveat;
		bool sees;
	} rows[] = { { "account=acct-00010", true }, { "account=acct-00011", false },
		{ "action=audit.read", true }, { "action=wallet.transfer", false },
		{ "asset=eur", false } };

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t ticket =
			ask_history("acct-00010 ron", READS_NEWEST, 5, seal(rows[i].caveat));

		if (rows[i].sees) {
			send_located(expect_locate("acct-00010"), 11);
			(void)expect_json(ticket);
		} else {
			expect_fault(ticket, READ_FAULT_NOT_ALLOWED);
		}
	}
	expect_fault(ask_history("acct-00010 ron", READS_NEWEST, 5, (struct slice){ NULL, 0 }),
		READ_FAULT_NOT_ALLOWED);
}

static void a_history_waits_for_the_sequencer_and_its_loss_is_told(void **state)
{
	uint64_t ticket;

	(void)state;
	start_noted();
	ticket = ask_history("acct-00010 ron", READS_NEWEST, 5, grants_seal());
	(void)expect_locate("acct-00010");
	harness_link_down(sequencer);
	expect_fault(ticket, READ_FAULT_NO_STATE);
	ticket = ask_history("acct-00010 ron", READS_NEWEST, 5, grants_seal());
	expect_fault(ticket, READ_FAULT_NO_STATE);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	harness_settle(&h);
	ticket = ask_history("acct-00010 ron", READS_NEWEST, 5, grants_seal());
	(void)expect_locate("acct-00010");
	harness_link_down(committer);
	expect_fault(ticket, READ_FAULT_CLOSED);
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 3);
}

/* A chain that leads elsewhere is damage, and no history. */
static void a_history_that_cannot_be_followed_is_not_told(void **state)
{
	uint64_t ticket;

	(void)state;
	start_noted();
	ticket = ask_history("acct-00010 ron", READS_NEWEST, 5, grants_seal());
	harness_send_located(sequencer, expect_locate("acct-00010"),
		&(struct oap_located){ .known = 1, .as_of_seq = 300, .last_seq = 150 });
	expect_fault(ticket, READ_FAULT_CLOSED);
}

static void limits_that_are_none_accuse_the_prevalidator(void **state)
{
	static const uint64_t limits[] = { 0, READS_HISTORY_LIMIT_MAX + 1, UINT64_MAX };

	(void)state;
	start_noted();
	for (size_t i = 0; i < COUNT_OF(limits); i++) {
		(void)ask_history("acct-00010 ron", READS_NEWEST, limits[i], grants_seal());
		harness_expect_accusation(prevalidator, OAP_READ_TLOG, ERR_MALFORMED);
		prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_receipt_is_shown_as_it_was_stored),
		CASE(a_receipt_is_for_whom_the_token_lets_see_an_account_of_it),
		CASE(the_proof_of_an_operation_brings_its_leaf),
		CASE(a_history_is_read_page_by_page),
		CASE(a_history_begins_before_any_seq),
		CASE(a_foreign_history_is_not_told),
		CASE(a_history_waits_for_the_sequencer_and_its_loss_is_told),
		CASE(a_history_that_cannot_be_followed_is_not_told),
		CASE(limits_that_are_none_accuse_the_prevalidator),
	};

	return cmocka_run_group_tests_name("archive history", tests, NULL, NULL);
}
