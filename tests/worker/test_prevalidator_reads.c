/* Reads: what a query may say, who needs a token, and what archive is asked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/reads.h"
#include "core/detail.h"
#include "tests/worker/prevalidator_driver.h"

struct row {
	enum route route;
	const char *query;
	const char *wrong; /* NULL: it goes on as what follows */
	enum read_what what;
	uint64_t a, b;
	const char *text;
};

static const char no_tile[] = "no tile is written like this";
static const char no_parameter[] = "the query has a parameter that this route does not";
static const char no_names[] = "the request names an account and, in the query, asset=";
static const char no_limit[] = "limit: expected a number from 1 to 200";
static const char no_before[] = "before: expected a seq, digits from 1 to 2^63-1";
static const char no_after[] = "after: expected a seq, digits from 0 to 2^63-1";
static const char no_at[] = "at: expected a seq, digits from 0 to 2^63-1";
static const char no_account[] = "account: expected 1 to 128 of A-Z a-z 0-9 _ . : -";
static const char no_asset[] = "asset: expected 1 to 32 of a-z 0-9 . _ -, a letter or digit first";
static const char no_query[] = "the query is name=value pairs joined by &, each name at most once";
static const char no_txid[] = "txid: expected tx_ and 26 characters of Crockford's base32";

/* Of everybody. */
static const struct row public_rows[] = {
	{ ROUTE_TLOG_CHECKPOINT, "", NULL, READ_CHECKPOINT, 0, 0, "" },
	{ ROUTE_TLOG_CHECKPOINT, "x=1", "unknown_field", 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/000", NULL, READ_TILE, 0, 256, "" },
	{ ROUTE_TLOG_TILE, "1/x001/067.p/3", NULL, READ_TILE, 1067, 1u << 16 | 3, "" },
	{ ROUTE_TLOG_TILE, "0/000?x=1", "unknown_field", 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/000.p/256", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/000.p/0", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/000.p/01", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/0", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "00/000", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "64/000", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "-1/000", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/x000/001", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/1000", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "0/000/", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "data/000", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "?", no_tile, 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17", NULL, READ_PROOF_ENTRY, 17, READS_NEWEST, "" },
	{ ROUTE_PROOF_ENTRY, "17?size=17", NULL, READ_PROOF_ENTRY, 17, 17, "" },
	{ ROUTE_PROOF_ENTRY, "0", "seq", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "01", "seq", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "9223372036854775808", "seq", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "", "seq", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17?size=16", "size", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17?size=0", "size", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17?size=x", "size", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17?sizes=20", "unknown_field", 0, 0, 0, "" },
	{ ROUTE_PROOF_ENTRY, "17?size=20&size=20", "query", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=0&to=0", NULL, READ_PROOF_CONSISTENCY, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "to=9&from=3", NULL, READ_PROOF_CONSISTENCY, 3, 9, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=3", NULL, READ_PROOF_CONSISTENCY, 3, READS_NEWEST, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=9&to=3", "from", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "to=3", "missing_field", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "", "missing_field", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=-1", "from", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=1&to=", "to", 0, 0, 0, "" },
	{ ROUTE_PROOF_CONSISTENCY, "from=1&till=2", "unknown_field", 0, 0, 0, "" },
};

/* Of whoever has a token. */
static const struct row token_rows[] = {
	{ ROUTE_TLOG_TILE, "entries/000", NULL, READ_BUNDLE, 0, 256, "" },
	{ ROUTE_TLOG_TILE, "entries/x001/067.p/9", NULL, READ_BUNDLE, 1067, 9, "" },
	{ ROUTE_TLOG_TILE, "entries/000.p/256", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "entries/", no_tile, 0, 0, 0, "" },
	{ ROUTE_TLOG_TILE, "entries/000?x=1", "unknown_field", 0, 0, 0, "" },
	{ ROUTE_BALANCE, "at=0&account=sys:issuance&asset=b", NULL, READ_BALANCE, 0, 0,
		"sys:issuance b" },
	{ ROUTE_BALANCE, "account=a&asset=b&at=17", NULL, READ_BALANCE, 17, 0, "a b" },
	{ ROUTE_TX, "x", no_txid, 0, 0, 0, "" },
	{ ROUTE_TX, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X?x=1", no_parameter, 0, 0, 0, "" },
	{ ROUTE_TX_PROOF, "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1/proof", no_txid, 0, 0, 0, "" },
	{ ROUTE_HISTORY, "a?asset=b&before=9&limit=200", NULL, READ_HISTORY, 9, 200, "a b" },
	{ ROUTE_HISTORY, "a/history?asset=b", NULL, READ_HISTORY, READS_NEWEST, 50, "a b" },
	{ ROUTE_HISTORY, "a/history", no_names, 0, 0, 0, "" },
	{ ROUTE_HISTORY, "a/history?asset=b&limit=201", no_limit, 0, 0, 0, "" },
	{ ROUTE_HISTORY, "a/history?asset=b&limit=0", no_limit, 0, 0, 0, "" },
	{ ROUTE_HISTORY, "a/history?asset=b&before=0", no_before, 0, 0, 0, "" },
	{ ROUTE_HISTORY, "/history?asset=b", no_account, 0, 0, 0, "" },
	{ ROUTE_EVENTS, "", NULL, READ_EVENTS, 0, 100, "" },
	{ ROUTE_EVENTS, "after=7&limit=200", NULL, READ_EVENTS, 7, 200, "" },
	{ ROUTE_EVENTS, "after=x", no_after, 0, 0, 0, "" },
	{ ROUTE_EVENTS, "limit=201", no_limit, 0, 0, 0, "" },
	{ ROUTE_EVENTS, "before=1", no_parameter, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "", no_names, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=a", no_names, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "asset=b", no_names, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=&asset=b", no_account, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=%61&asset=b", no_account, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=a&asset=B", no_asset, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=a&asset=b&at=x", no_at, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=a&asset=b&when=1", no_parameter, 0, 0, 0, "" },
	{ ROUTE_BALANCE, "account=a&account=a&asset=b", no_query, 0, 0, 0, "" },
	{ ROUTE_EXPORT, "what=entries&after=17", NULL, READ_EXPORT, 17, READ_EXPORT_ENTRIES, "" },
	{ ROUTE_EXPORT, "what=head", NULL, READ_EXPORT, 0, READ_EXPORT_HEAD, "" },
	{ ROUTE_EXPORT, "what=heads", "what", 0, 0, 0, "" },
	{ ROUTE_EXPORT, "after=1", "what", 0, 0, 0, "" },
	{ ROUTE_EXPORT, "", "what", 0, 0, 0, "" },
	{ ROUTE_EXPORT, "what=head&after=-1", "after", 0, 0, 0, "" },
	{ ROUTE_EXPORT, "what=head&page=1", "unknown_field", 0, 0, 0, "" },
};

static void expect_read(uint64_t ticket, const struct row *row, struct slice grant)
{
	struct oap_read_tlog read;

	assert_int_equal(harness_expect_read_tlog(archive, &read), ticket);
	assert_int_equal(read.what, row->what);
	assert_true(read.a == row->a);
	assert_true(read.b == row->b);
	assert_int_equal(read.offset, 0);
	assert_int_equal(read.text.bytes_count, strlen(row->text));
	assert_memory_equal(row->text[0] == '\0' ? "" : (const char *)read.text.bytes, row->text,
		strlen(row->text));
	assert_int_equal(read.grant.bytes_count, grant.bytes_count);
	assert_int_equal(read.edge_process, PROCESS_INGRESS);
	assert_int_equal(read.edge_instance, 3);
	assert_int_equal(read.edge_generation, edge->generation);
}

static void ask_row(uint64_t ticket, const struct row *row, const char *token)
{
	struct oap_request request = request_of(row->route, token);

	request.query = text_of(row->query);
	ask(ticket, &request);
}

static void expect_row(uint64_t ticket, const struct row *row, struct slice grant)
{
	if (row->wrong != NULL) {
		expect_refused(
			ticket, row->wrong == no_tile ? 404 : 400, REASON_UNKNOWN_KIND, row->wrong);
	} else {
		expect_read(ticket, row, grant);
	}
}

static void what_is_public_needs_no_token(void **state)
{
	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(public_rows); i++) {
		ask_row(i, &public_rows[i], "");
		expect_row(i, &public_rows[i], (struct slice){ NULL, 0 });
	}
	assert_all_is_done();
}

static void what_is_not_public_is_asked_for_with_the_grant(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "action=audit.read");
	for (size_t i = 0; i < COUNT_OF(token_rows); i++) {
		ask_row(100 + i, &token_rows[i], "");
		expect_refused(100 + i, 401, REASON_UNAUTH, "a token is needed");
		ask_row(200 + i, &token_rows[i], "token");
		expect_row(200 + i, &token_rows[i], sealed_grant("action=audit.read"));
	}
	assert_all_is_done();
}

static void actions_decide_who_may_read(void **state)
{
	static const struct row bundle = { ROUTE_TLOG_TILE, "entries/000", NULL, READ_BUNDLE, 0,
		256, "" };
	static const struct row page = { ROUTE_EXPORT, "what=head", NULL, READ_EXPORT, 0,
		READ_EXPORT_HEAD, "" };
	static const struct row balance = { ROUTE_BALANCE, "account=a&asset=b&at=9", NULL,
		READ_BALANCE, 9, 0, "a b" };
	static const struct row proof = { ROUTE_PROOF_ENTRY, "17", NULL, READ_PROOF_ENTRY, 17,
		READS_NEWEST, "" };
	static const char denied[] = "the token does not allow this action";

	(void)state;
	start_with_all();
	warm("wallet", "action=wallet.read");
	ask_row(2, &bundle, "wallet");
	expect_refused(2, 403, REASON_CAP_INVALID, denied);
	ask_row(3, &page, "wallet");
	expect_refused(3, 403, REASON_CAP_INVALID, denied);
	ask_row(4, &balance, "wallet");
	expect_read(4, &balance, sealed_grant("action=wallet.read"));
	ask_row(5, &proof, "wallet"); /* archive leaves the entry out */
	expect_read(5, &proof, sealed_grant("action=wallet.read"));
	warm("writer", "action=ledger.ingest");
	ask_row(6, &balance, "writer");
	expect_refused(6, 403, REASON_CAP_INVALID, denied);
	assert_all_is_done();
}

/* Goal: the newest balance is asked of the wallet, of accounts that the token covers. */
static void the_newest_balance_is_the_wallets(void **state)
{
	static const struct row newest = { ROUTE_BALANCE, "account=a&asset=b", NULL, 0, 0, 0, "" };
	static const struct row other = { ROUTE_BALANCE, "account=c&asset=b", NULL, 0, 0, 0, "" };
	struct harness_link *wallet;
	struct oap_read_balance read;

	(void)state;
	start_with_all();
	wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	warm("reader", "account=a");
	ask_row(2, &newest, "reader");
	assert_int_equal(harness_expect_read_balance(wallet, &read), 2);
	assert_int_equal(read.account.bytes_count, 1);
	assert_memory_equal(read.account.bytes, "a", 1);
	assert_memory_equal(read.asset.bytes, "b", 1);
	assert_int_equal(read.edge_instance, 3);
	ask_row(3, &other, "reader");
	expect_refused(3, 403, REASON_CAP_INVALID, "the token does not cover this account");
	harness_expect_nothing(wallet);
	assert_all_is_done();
}

/* Goal: a token that allows no read at all is told so, also where only archive knows whose is what;
 * an empty page would say that nothing had happened. */
static void what_no_read_has_is_refused_by_each(void **state)
{
	static const char *const caveats[] = { "kind=Transfer", "amount<=5" };
	static const struct row rows[] = {
		{ ROUTE_EVENTS, "after=7", NULL, READ_EVENTS, 7, 100, "" },
		{ ROUTE_HISTORY, "a/history?asset=b", NULL, READ_HISTORY, READS_NEWEST, 50, "a b" },
		{ ROUTE_BALANCE, "account=a&asset=b", NULL, READ_BALANCE, READS_NEWEST, 0, "a b" },
	};
	struct oap_refused refused;

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(caveats); i++) {
		const char *token = i == 0 ? "of a kind" : "of an amount";

		for (size_t row = 0; row < COUNT_OF(rows); row++) {
			ask_row(10 * i + row, &rows[row], token);
			if (row == 0) {
				grant(token, caveats[i]);
			}
			assert_int_equal(harness_expect_refused(edge, &refused), 10 * i + row);
			assert_int_equal(refused.status, 403);
			assert_int_equal(refused.api_reason, API_REASON_SCOPE);
		}
	}
	assert_all_is_done();
}

/* Goal: path= compares with the whole path, and never with the query. */
static void path_caveats_see_the_whole_path(void **state)
{
	static const struct {
		struct row row;
		const char *path;
	} rows[] = {
		{ { ROUTE_TLOG_TILE, "entries/x001/067.p/9", NULL, READ_BUNDLE, 1067, 9, "" },
			"/tlog/tile/entries/x001/067.p/9" },
		{ { ROUTE_PROOF_ENTRY, "17?size=20", NULL, READ_PROOF_ENTRY, 17, 20, "" },
			"/proofs/entries/17" },
		{ { ROUTE_BALANCE, "account=a&asset=b&at=9", NULL, READ_BALANCE, 9, 0, "a b" },
			"/v1/balance" },
		{ { ROUTE_HISTORY, "a/history?asset=b", NULL, READ_HISTORY, READS_NEWEST, 50,
			  "a b" },
			"/v1/accounts/a/history" },
		{ { ROUTE_EVENTS, "after=7", NULL, READ_EVENTS, 7, 100, "" }, "/v1/events" },
	};
	char caveats[128];

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		char token[] = "token-0";

		token[6] = (char)('0' + i);
		(void)snprintf(caveats, sizeof caveats, "path=%s", rows[i].path);
		ask_row(10 * i, &rows[i].row, token);
		grant(token, caveats);
		expect_read(10 * i, &rows[i].row, sealed_grant(caveats));
		ask_row(10 * i + 1, &rows[(i + 1) % COUNT_OF(rows)].row, token);
		expect_refused(
			10 * i + 1, 403, REASON_CAP_INVALID, "the token does not allow this path");
	}
	assert_all_is_done();
}

/* A later piece is the same question from another place; of other routes there is none. */
static void a_later_piece_is_asked_for_with_its_offset(void **state)
{
	struct oap_request request = request_of(ROUTE_TLOG_TILE, "token");
	struct oap_read_tlog read;

	(void)state;
	start_with_all();
	warm("token", "");
	request.query = text_of("entries/000");
	request.offset = 65536;
	ask(2, &request);
	assert_int_equal(harness_expect_read_tlog(archive, &read), 2);
	assert_int_equal(read.offset, 65536);
	request.route = ROUTE_ENTRY;
	ask(3, &request);
	harness_expect_accusation(edge, OAP_REQUEST, ERR_MALFORMED);
}

static void without_archive_reads_are_refused(void **state)
{
	struct oap_request request = request_of(ROUTE_TLOG_CHECKPOINT, "");

	(void)state;
	start();
	ask(1, &request);
	expect_refused(1, 503, REASON_INTERNAL, "starting");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_public_needs_no_token),
		TEST(what_is_not_public_is_asked_for_with_the_grant),
		TEST(actions_decide_who_may_read),
		TEST(the_newest_balance_is_the_wallets),
		TEST(what_no_read_has_is_refused_by_each),
		TEST(path_caveats_see_the_whole_path),
		TEST(a_later_piece_is_asked_for_with_its_offset),
		TEST(without_archive_reads_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
