#include "core/caveat_set.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/entry.h"

#define ALL_KINDS UINT32_MAX
#define IAT       1000000u
#define NOW       1000100u
#define TRANSFER  CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_TRANSFER)
#define INGEST    CAVEAT_ACTION_BIT(CAVEAT_ACTION_LEDGER_INGEST)
#define MINT      CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT)

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void add(struct caveat_set *set, const char *text)
{
	static const struct id128 counter = { { 7 } };
	struct caveat caveat;

	assert_int_equal(caveat_parse(slice_of(text), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(set, &caveat, IAT, &counter), ERR_OK);
}

static void check_verdict(const char *caveats, struct caveat_verdict verdict,
	enum caveat_result result, enum caveat_kind kind)
{
	if (verdict.result != result || (result != CAVEAT_HOLDS && verdict.kind != kind)) {
		fail_msg("%s: %s", caveats, caveat_set_verdict_text(verdict));
	}
}

/* Caveats, separated by spaces, into a set. */
static struct caveat_set set_of(const char *caveats)
{
	static char text[4096];
	struct caveat_set set;
	char *rest = NULL;

	caveat_set_init(&set);
	assert_true(strlen(caveats) < sizeof text);
	memcpy(text, caveats, strlen(caveats) + 1);
	for (char *word = strtok_r(text, " ", &rest); word != NULL;
		word = strtok_r(NULL, " ", &rest)) {
		add(&set, word);
	}
	assert_true(caveat_set_is_sound(&set));
	return set;
}

static struct caveat_request full_request(void)
{
	return (struct caveat_request){
		.now_unix_s = NOW,
		.body_bytes = 500,
		.has_body_bytes = true,
		.tenant = slice_of("acme"),
		.epoch = slice_of("2025-10-01"),
		.method = slice_of("POST"),
		.path = slice_of("/v1/transfer"),
		.node = slice_of("macronode.local/00"),
		.peer_uid = 1000,
		.has_peer_uid = true,
	};
}

static void each_request_caveat_holds_or_fails(void **state)
{
	static const struct {
		const char *caveats;
		enum caveat_result result;
		enum caveat_kind kind;
	} rows[] = {
		{ "", CAVEAT_HOLDS, 0 },
		{ "tenant=acme", CAVEAT_HOLDS, 0 },
		{ "tenant=other,acme", CAVEAT_HOLDS, 0 },
		{ "tenant=acm", CAVEAT_FAILS, CAVEAT_TENANT },
		{ "tenant=acme2", CAVEAT_FAILS, CAVEAT_TENANT },
		{ "tenant=acme tenant=other", CAVEAT_FAILS, CAVEAT_TENANT },
		{ "tenant=acme,a tenant=acme,b", CAVEAT_HOLDS, 0 },
		{ "method=GET,POST", CAVEAT_HOLDS, 0 },
		{ "method=GET", CAVEAT_FAILS, CAVEAT_METHOD },
		{ "method=POST method=GET", CAVEAT_FAILS, CAVEAT_METHOD },
		{ "path=/v1/transfer", CAVEAT_HOLDS, 0 },
		{ "path=/v1", CAVEAT_FAILS, CAVEAT_PATH },
		{ "path=/v1/transfer/", CAVEAT_FAILS, CAVEAT_PATH },
		{ "epoch=2025-10-01", CAVEAT_HOLDS, 0 },
		{ "epoch=2025-10-02", CAVEAT_FAILS, CAVEAT_EPOCH },
		{ "node=macronode.local/00", CAVEAT_HOLDS, 0 },
		{ "node=macronode.local/00/1", CAVEAT_FAILS, CAVEAT_NODE },
		{ "peer-uid=0,1000", CAVEAT_HOLDS, 0 },
		{ "peer-uid=100", CAVEAT_FAILS, CAVEAT_PEER_UID },
		{ "peer-uid=10000", CAVEAT_FAILS, CAVEAT_PEER_UID },
		{ "max-bytes=500", CAVEAT_HOLDS, 0 },
		{ "max-bytes=499", CAVEAT_FAILS, CAVEAT_MAX_BYTES },
		{ "max-bytes=499 max-bytes=600", CAVEAT_FAILS, CAVEAT_MAX_BYTES },
		{ "max-bytes=600 max-bytes=499", CAVEAT_FAILS, CAVEAT_MAX_BYTES },
		/* now is 1000100: nbf forgives 60 s, exp and ttl none */
		{ "nbf=1000100", CAVEAT_HOLDS, 0 },
		{ "nbf=1000160", CAVEAT_HOLDS, 0 },
		{ "nbf=1000161", CAVEAT_FAILS, CAVEAT_NBF },
		{ "nbf=1000161 nbf=1", CAVEAT_FAILS, CAVEAT_NBF },
		{ "nbf=1 nbf=1000161", CAVEAT_FAILS, CAVEAT_NBF },
		{ "exp=1000101", CAVEAT_HOLDS, 0 },
		{ "exp=1000100", CAVEAT_FAILS, CAVEAT_EXP },
		{ "exp=0", CAVEAT_FAILS, CAVEAT_EXP },
		{ "exp=1000100 exp=2000000", CAVEAT_FAILS, CAVEAT_EXP },
		{ "exp=2000000 exp=1000100", CAVEAT_FAILS, CAVEAT_EXP },
		/* iat is 1000000 */
		{ "ttl=101", CAVEAT_HOLDS, 0 },
		{ "ttl=101s", CAVEAT_HOLDS, 0 },
		{ "ttl=100", CAVEAT_FAILS, CAVEAT_TTL },
		{ "ttl=0", CAVEAT_FAILS, CAVEAT_TTL },
		{ "ttl=100 exp=2000000", CAVEAT_FAILS, CAVEAT_TTL },
		{ "exp=1000100 ttl=9999", CAVEAT_FAILS, CAVEAT_EXP },
		{ "ttl=253402300799", CAVEAT_HOLDS, 0 },
		/* entry kinds are not judged here */
		{ "account=x asset=y kind=Mint amount<=1 daily<=1 action=gov.mint", CAVEAT_HOLDS,
			0 },
	};
	struct caveat_request request = full_request();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct caveat_set set = set_of(rows[i].caveats);

		check_verdict(rows[i].caveats, caveat_set_check_request(&set, ALL_KINDS, &request),
			rows[i].result, rows[i].kind);
	}
}

static void what_the_request_lacks_is_refused(void **state)
{
	static const struct {
		const char *caveat;
		enum caveat_kind kind;
	} rows[] = {
		{ "tenant=acme", CAVEAT_TENANT },
		{ "method=GET", CAVEAT_METHOD },
		{ "path=/", CAVEAT_PATH },
		{ "epoch=2025-10-01", CAVEAT_EPOCH },
		{ "node=n", CAVEAT_NODE },
		{ "peer-uid=0", CAVEAT_PEER_UID },
		{ "max-bytes=5", CAVEAT_MAX_BYTES },
	};
	struct caveat_request request = { .now_unix_s = NOW };
	struct caveat_set set;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		set = set_of(rows[i].caveat);
		check_verdict(rows[i].caveat, caveat_set_check_request(&set, ALL_KINDS, &request),
			CAVEAT_LACKS, rows[i].kind);
	}
	request.has_body_bytes = true; /* an empty body is one of 0 bytes */
	set = set_of("max-bytes=0");
	check_verdict("max-bytes=0", caveat_set_check_request(&set, ALL_KINDS, &request),
		CAVEAT_HOLDS, CAVEAT_MAX_BYTES);
}

/* Sequencer and archive see no connection: they judge the LEDGER kinds only. */
static void only_the_kinds_that_are_asked_for_are_judged(void **state)
{
	struct caveat_request request = { .now_unix_s = NOW };
	struct caveat_set set = set_of("path=/x method=GET peer-uid=0 node=n max-bytes=1");
	uint32_t ledger = caveat_kinds(CAVEAT_WHERE_LEDGER);

	(void)state;
	check_verdict(
		"edge kinds", caveat_set_check_request(&set, ledger, &request), CAVEAT_HOLDS, 0);
	add(&set, "exp=5");
	check_verdict("and exp", caveat_set_check_request(&set, ledger, &request), CAVEAT_FAILS,
		CAVEAT_EXP);
}

static void each_entry_caveat_holds_or_fails(void **state)
{
	static const struct {
		const char *caveats;
		enum caveat_result result;
		enum caveat_kind kind;
	} rows[] = {
		{ "", CAVEAT_HOLDS, 0 },
		{ "action=ledger.ingest,gov.mint", CAVEAT_HOLDS, 0 },
		{ "action=ledger.*,gov.*", CAVEAT_HOLDS, 0 },
		{ "action=ledger.ingest", CAVEAT_FAILS, CAVEAT_ACTION },
		{ "action=wallet.read", CAVEAT_FAILS, CAVEAT_ACTION },
		{ "action=ledger.ingest,gov.mint action=gov.mint", CAVEAT_FAILS, CAVEAT_ACTION },
		{ "account=acc_1", CAVEAT_HOLDS, 0 },
		{ "account=acc_2,acc_1", CAVEAT_HOLDS, 0 },
		{ "account=acc*", CAVEAT_HOLDS, 0 },
		{ "account=acc_1*", CAVEAT_HOLDS, 0 },
		{ "account=acc_1x*", CAVEAT_FAILS, CAVEAT_ACCOUNT },
		{ "account=acc_", CAVEAT_FAILS, CAVEAT_ACCOUNT },
		{ "account=acc_11", CAVEAT_FAILS, CAVEAT_ACCOUNT },
		{ "account=ACC_1", CAVEAT_FAILS, CAVEAT_ACCOUNT },
		{ "account=acc* account=acc_2*", CAVEAT_FAILS, CAVEAT_ACCOUNT },
		{ "account=acc* account=acc_1,b", CAVEAT_HOLDS, 0 },
		{ "asset=usd,ron", CAVEAT_HOLDS, 0 },
		{ "asset=usd", CAVEAT_FAILS, CAVEAT_ASSET },
		{ "asset=ron asset=usd", CAVEAT_FAILS, CAVEAT_ASSET },
		{ "kind=Mint,Burn", CAVEAT_HOLDS, 0 },
		{ "kind=Burn", CAVEAT_FAILS, CAVEAT_KIND },
		{ "kind=Mint,Burn kind=Burn,Hold", CAVEAT_FAILS, CAVEAT_KIND },
		{ "amount<=100", CAVEAT_HOLDS, 0 },
		{ "amount<=99", CAVEAT_FAILS, CAVEAT_AMOUNT },
		{ "amount<=99 amount<=1000", CAVEAT_FAILS, CAVEAT_AMOUNT },
		{ "amount<=1000 amount<=99", CAVEAT_FAILS, CAVEAT_AMOUNT },
		{ "daily<=1", CAVEAT_HOLDS, 0 }, /* the sequencer counts */
		/* request kinds are not judged here */
		{ "tenant=t method=GET path=/ exp=1 node=n peer-uid=1 max-bytes=0", CAVEAT_HOLDS,
			0 },
	};
	const struct slice account = slice_of("acc_1");
	const struct caveat_entry entry = {
		.actions = INGEST | MINT,
		.kind = ENTRY_MINT,
		.has_amount = true,
		.amount = 100,
		.asset = slice_of("ron"),
		.accounts = &account,
		.account_count = 1,
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct caveat_set set = set_of(rows[i].caveats);

		check_verdict(rows[i].caveats, caveat_set_check_entry(&set, &entry), rows[i].result,
			rows[i].kind);
	}
}

static void what_the_entry_lacks_is_refused(void **state)
{
	static const struct {
		const char *caveat;
		enum caveat_kind kind;
	} rows[] = {
		{ "action=gov.mint", CAVEAT_ACTION },
		{ "account=a*", CAVEAT_ACCOUNT },
		{ "asset=ron", CAVEAT_ASSET },
		{ "kind=Transfer", CAVEAT_KIND },
		{ "amount<=5", CAVEAT_AMOUNT },
	};
	const struct caveat_entry nothing = { .actions = 0 };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct caveat_set set = set_of(rows[i].caveat);

		check_verdict(rows[i].caveat, caveat_set_check_entry(&set, &nothing), CAVEAT_LACKS,
			rows[i].kind);
	}
}

/* A Reverse may lower two accounts: both must be covered. */
static void every_falling_account_must_be_covered(void **state)
{
	const struct slice accounts[] = { slice_of("acc_1"), slice_of("acc_2") };
	struct caveat_entry entry = { .accounts = accounts, .account_count = 2 };
	struct caveat_set set = set_of("account=acc_1");

	(void)state;
	check_verdict(
		"one of two", caveat_set_check_entry(&set, &entry), CAVEAT_FAILS, CAVEAT_ACCOUNT);
	set = set_of("account=acc_2");
	check_verdict(
		"other of two", caveat_set_check_entry(&set, &entry), CAVEAT_FAILS, CAVEAT_ACCOUNT);
	set = set_of("account=acc_2,acc_1");
	check_verdict("both", caveat_set_check_entry(&set, &entry), CAVEAT_HOLDS, 0);
}

static void an_unknown_kind_of_entry_is_covered_by_no_token(void **state)
{
	struct caveat_set set = set_of("kind=Credit,Debit,Transfer,Mint,Burn,Hold,Reverse");

	(void)state;
	for (unsigned kind = 0; kind < 256; kind++) {
		struct caveat_entry entry = { .kind = (uint8_t)kind };

		check_verdict("kind", caveat_set_check_entry(&set, &entry),
			kind == 0   ? CAVEAT_LACKS
			: kind <= 7 ? CAVEAT_HOLDS
				    : CAVEAT_FAILS,
			CAVEAT_KIND);
	}
}

static void order_means_nothing(void **state)
{
	static const char *const orders[] = {
		"action=wallet.transfer account=acc_1 amount<=5 exp=9000000",
		"exp=9000000 amount<=5 account=acc_1 action=wallet.transfer",
		"amount<=5 exp=9000000 action=wallet.transfer account=acc_1",
	};
	const struct slice account = slice_of("acc_1");
	struct caveat_entry entry = {
		.actions = TRANSFER, .has_amount = true, .accounts = &account, .account_count = 1
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		struct caveat_set set = set_of(orders[i]);

		entry.amount = 5;
		check_verdict(orders[i], caveat_set_check_entry(&set, &entry), CAVEAT_HOLDS, 0);
		entry.amount = 6;
		check_verdict(orders[i], caveat_set_check_entry(&set, &entry), CAVEAT_FAILS,
			CAVEAT_AMOUNT);
	}
}

static void every_daily_is_kept_with_its_counter(void **state)
{
	const struct id128 counters[] = { { { 1 } }, { { 2 } } };
	struct caveat_set set;
	struct caveat caveat;

	(void)state;
	caveat_set_init(&set);
	for (size_t i = 0; i < COUNT_OF(counters); i++) {
		assert_int_equal(
			caveat_parse(slice_of(i == 0 ? "daily<=10" : "daily<=20"), &caveat),
			CAVEAT_FAULT_OK);
		assert_int_equal(caveat_set_add(&set, &caveat, IAT, &counters[i]), ERR_OK);
	}
	assert_int_equal(set.daily_count, 2);
	assert_true(set.dailies[0].limit == 10 && set.dailies[0].counter_id.bytes[0] == 1);
	assert_true(set.dailies[1].limit == 20 && set.dailies[1].counter_id.bytes[0] == 2);
}

static void a_set_takes_32_and_stays_as_it_was(void **state)
{
	struct caveat_set set;
	struct caveat caveat;

	(void)state;
	caveat_set_init(&set);
	for (size_t i = 0; i < TOKEN_CAVEATS_MAX; i++) {
		add(&set, i % 2 == 0 ? "daily<=5" : "tenant=t");
	}
	assert_int_equal(caveat_parse(slice_of("node=n"), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(&set, &caveat, IAT, NULL), ERR_TOO_LARGE);
	assert_true(caveat_set_is_sound(&set));
	assert_int_equal(set.kinds, 1u << CAVEAT_DAILY | 1u << CAVEAT_TENANT);
}

static void only_node_action_and_expiry_together_restrict(void **state)
{
	static const struct {
		const char *caveats;
		bool restricted;
	} rows[] = {
		{ "", false },
		{ "node=n action=gov.mint", false },
		{ "node=n exp=5", false },
		{ "action=gov.mint exp=5", false },
		{ "node=n action=gov.mint exp=5", true },
		{ "node=n action=gov.mint ttl=5", true },
		{ "node=n action=gov.mint nbf=5", false },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct caveat_set set = set_of(rows[i].caveats);

		assert_int_equal(caveat_set_is_restricted(&set), rows[i].restricted);
	}
}

static void a_verdict_names_the_kind_and_no_value(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < CAVEAT_KIND_COUNT; kind++) {
		struct caveat_verdict verdict = { CAVEAT_LACKS, (enum caveat_kind)kind };

		assert_non_null(strstr(caveat_set_verdict_text(verdict), caveat_name(kind)));
		verdict.result = CAVEAT_FAILS;
		assert_true(strlen(caveat_set_verdict_text(verdict)) > 10);
	}
}

/* Goal: whoever holds a token can narrow it to a tenant that it is of already, and to no other. */
static void a_tenant_is_who_the_maker_said(void **state)
{
	static const struct {
		const char *made, *appended, *tenant;
	} rows[] = {
		{ "", "", "default" },
		{ "", "tenant=default", "default" },
		{ "", "tenant=default,acme", "default" },
		{ "", "tenant=acme", "" },
		{ "", "tenant=acme tenant=default", "" },
		{ "tenant=acme", "", "acme" },
		{ "tenant=acme,acme", "", "acme" },
		{ "tenant=acme", "tenant=acme", "acme" },
		{ "tenant=acme", "tenant=other", "" },
		{ "tenant=acme", "tenant=acme2", "" },
		{ "tenant=acme", "tenant=default", "" },
		{ "tenant=acme,other", "", "" },
		{ "tenant=acme,other", "tenant=other", "other" },
		{ "tenant=acme,other", "tenant=third,acme", "acme" },
		{ "tenant=acme,other", "tenant=default", "" },
		{ "tenant=acme,other tenant=other,third", "", "other" },
		{ "node=n tenant=acme", "asset=ron", "acme" },
		{ "node=n", "account=a tenant=acme", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t made_count = set_of(rows[i].made).clause_count;
		struct caveat_set set;
		struct slice tenant;
		char both[128];

		(void)snprintf(both, sizeof both, "%s %s", rows[i].made, rows[i].appended);
		set = set_of(both);
		tenant = caveat_set_tenant(&set, made_count);
		if (tenant.bytes_count != strlen(rows[i].tenant) ||
			memcmp(tenant.bytes_count == 0 ? (const uint8_t *)"" : tenant.bytes,
				rows[i].tenant, tenant.bytes_count) != 0) {
			fail_msg("%s, then %s", rows[i].made, rows[i].appended);
		}
		assert_int_equal(caveat_set_is_tenant(tenant), tenant.bytes_count > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tenant_is_who_the_maker_said),
		cmocka_unit_test(each_request_caveat_holds_or_fails),
		cmocka_unit_test(what_the_request_lacks_is_refused),
		cmocka_unit_test(only_the_kinds_that_are_asked_for_are_judged),
		cmocka_unit_test(each_entry_caveat_holds_or_fails),
		cmocka_unit_test(what_the_entry_lacks_is_refused),
		cmocka_unit_test(every_falling_account_must_be_covered),
		cmocka_unit_test(an_unknown_kind_of_entry_is_covered_by_no_token),
		cmocka_unit_test(order_means_nothing),
		cmocka_unit_test(every_daily_is_kept_with_its_counter),
		cmocka_unit_test(a_set_takes_32_and_stays_as_it_was),
		cmocka_unit_test(only_node_action_and_expiry_together_restrict),
		cmocka_unit_test(a_verdict_names_the_kind_and_no_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
