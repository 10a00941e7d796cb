/* POST under /v1: what the prevalidator hands to the wallet, and what it refuses before. */
#include "tests/worker/prevalidator_driver.h"

static struct harness_link *wallet;

#define TRANSFER_BODY                                                                    \
	"{\"from\":\"alice\",\"to\":\"bob\",\"asset\":\"ron\",\"amount_minor\":\"250\"," \
	"\"nonce\":42,\"memo\":\"for the tea\"}"
#define BURN_BODY  "{\"from\":\"alice\",\"asset\":\"ron\",\"amount_minor\":\"250\",\"nonce\":42}"
#define ISSUE_BODY "{\"to\":\"bob\",\"asset\":\"ron\",\"amount_minor\":\"250\",\"nonce\":42}"

static void start_with_wallet(void)
{
	start_with_all();
	wallet = harness_link_up(&h, PROCESS_WALLET, 0);
	harness_settle(&h);
	warm("token", "");
}

static void ask_op(uint64_t ticket, enum route route, const char *body)
{
	struct oap_request request = request_of(route, "token");

	request.idem_key = text_of("k-1");
	request.body = text_of(body);
	request.body_bytes = (uint32_t)request.body.bytes_count;
	ask(ticket, &request);
}

static void expect_api_refusal(uint64_t ticket, unsigned status, enum api_reason reason)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_string_equal(api_reasons_name(refused.api_reason), api_reasons_name(reason));
	assert_int_equal(refused.status, status);
}

static struct oap_wallet_op expect_op(uint64_t ticket, enum operation_kind kind)
{
	struct oap_wallet_op op;

	assert_int_equal(harness_expect_wallet_op(wallet, &op), ticket);
	assert_int_equal(op.op, kind);
	return op;
}

static void expect_text(struct slice got, const char *wanted)
{
	assert_int_equal(got.bytes_count, strlen(wanted));
	assert_memory_equal(got.bytes, wanted, strlen(wanted));
}

static void an_operation_goes_to_the_wallet_with_all_that_it_says(void **state)
{
	struct oap_wallet_op op;
	struct slice sealed;

	(void)state;
	start_with_wallet();
	ask_op(2, ROUTE_TRANSFER, TRANSFER_BODY);
	op = expect_op(2, OPERATION_TRANSFER);
	sealed = op.grant;
	assert_int_equal(op.edge_process, PROCESS_INGRESS);
	assert_int_equal(op.edge_instance, 3);
	assert_int_equal(op.edge_generation, edge->generation);
	expect_text(op.idem_key, "k-1");
	expect_text(op.from, "alice");
	expect_text(op.to, "bob");
	expect_text(op.asset, "ron");
	expect_text(op.memo, "for the tea");
	assert_int_equal(op.has_memo, 1);
	assert_true(op.amount == 250 && op.nonce == 42 && op.expires_unix_ms == 0);
	assert_true(sealed.bytes_count > 0);
	ask_op(3, ROUTE_BURN, BURN_BODY);
	op = expect_op(3, OPERATION_BURN);
	expect_text(op.to, "");
	assert_int_equal(op.has_memo, 0);
	assert_all_is_done();
}

static void what_is_wrong_is_told_before_the_wallet_hears_of_it(void **state)
{
	static const struct {
		enum route route;
		const char *body;
		unsigned status;
		enum api_reason reason;
	} rows[] = {
		{ ROUTE_TRANSFER, "{}", 400, API_REASON_SCHEMA },
		{ ROUTE_TRANSFER, BURN_BODY, 400, API_REASON_SCHEMA },
		{ ROUTE_BURN, TRANSFER_BODY, 400, API_REASON_UNKNOWN_FIELD },
		{ ROUTE_BURN,
			"{\"from\":\"sys:issuance\",\"asset\":\"ron\",\"amount_minor\":\"1\","
			"\"nonce\":1}",
			403, API_REASON_SYS_ACCOUNT },
	};

	(void)state;
	start_with_wallet();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ask_op(2 + i, rows[i].route, rows[i].body);
		expect_api_refusal(2 + i, rows[i].status, rows[i].reason);
	}
	harness_expect_nothing(wallet);
	assert_all_is_done();
}

static void a_token_is_held_to_each_operation(void **state)
{
	static const struct {
		const char *caveats;
		enum api_reason reason; /* NONE: it passes */
	} rows[] = { { "action=wallet.transfer", API_REASON_NONE },
		{ "action=wallet.burn", API_REASON_SCOPE }, { "account=alice", API_REASON_NONE },
		{ "account=bob", API_REASON_SCOPE }, { "asset=eur", API_REASON_SCOPE },
		{ "amount<=250", API_REASON_NONE }, { "amount<=249", API_REASON_TOKEN_CEILING } };

	(void)state;
	start_with_wallet();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_request request;
		char token[] = "narrow-0";

		token[7] = (char)('0' + i);
		request = request_of(ROUTE_TRANSFER, token);
		request.idem_key = text_of("k-1");
		request.body = text_of(TRANSFER_BODY);
		request.body_bytes = (uint32_t)request.body.bytes_count;
		ask(2 + i, &request);
		grant(token, rows[i].caveats);
		if (rows[i].reason == API_REASON_NONE) {
			(void)expect_op(2 + i, OPERATION_TRANSFER);
		} else {
			expect_api_refusal(2 + i, 403, rows[i].reason);
		}
	}
	assert_all_is_done();
}

/* --- the policy that a start hands over --- */

static struct policy policy;

static void approve(const char *asset)
{
	struct policy_asset row = { .name_bytes = (uint8_t)strlen(asset),
		.op_amount_max = U128_MAX,
		.daily_ceiling = U128_MAX,
		.may_issue = true,
		.issuance_cap = U128_MAX,
		.issuance_expires_unix_ms = INT64_MAX };

	memcpy(row.name, asset, row.name_bytes);
	assert_true(policy_add(&policy, &row));
}

/* Without one nothing is issued; with one, what it says, until a start hands over another. */
static void operations_are_judged_by_the_policy_of_the_start(void **state)
{
	(void)state;
	start_with_wallet();
	ask_op(2, ROUTE_ISSUE, ISSUE_BODY);
	expect_api_refusal(2, 403, API_REASON_ISSUANCE_NOT_APPROVED);
	ask_op(3, ROUTE_BURN, BURN_BODY);
	(void)expect_op(3, OPERATION_BURN);
	harness_stop(&h);
	policy_init(&policy);
	policy.ops = POLICY_OP_BIT(OPERATION_ISSUE);
	approve("ron");
	h.policy = &policy;
	start_with_wallet();
	ask_op(4, ROUTE_ISSUE, ISSUE_BODY);
	(void)expect_op(4, OPERATION_ISSUE);
	ask_op(5, ROUTE_BURN, BURN_BODY);
	expect_api_refusal(5, 403, API_REASON_POLICY);
	harness_kill(&h); /* as after a crash */
	start_with_wallet();
	ask_op(6, ROUTE_BURN, BURN_BODY);
	expect_api_refusal(6, 403, API_REASON_POLICY);
	harness_stop(&h);
	policy_init(&policy);
	approve("eur");
	start_with_wallet();
	ask_op(7, ROUTE_ISSUE, ISSUE_BODY);
	expect_api_refusal(7, 403, API_REASON_ISSUANCE_NOT_APPROVED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_operation_goes_to_the_wallet_with_all_that_it_says),
		TEST(what_is_wrong_is_told_before_the_wallet_hears_of_it),
		TEST(a_token_is_held_to_each_operation),
		TEST(operations_are_judged_by_the_policy_of_the_start),
	};

	return cmocka_run_group_tests_name("prevalidator operations", tests, NULL, NULL);
}
