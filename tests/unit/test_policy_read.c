/* The policy document: what is read, and every fault by its member. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/commands.h"
#include "cli/policy_read.h"
#include "core/caveat.h"

/* The table of commands is in the library that we test; nothing here runs one. */
#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *stub)              \
	{                                           \
		(void)stub;                         \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

#define HEAD           "{\"version\":1,\"allowed_ops\":[\"issue\",\"burn\"],\"assets\":"
#define EXPIRY         "\"expiry\":\"2027-01-01T00:00:00Z\""
#define ISSUANCE       "\"cap_minor\":\"900\",\"proposal_id\":\"p-1\"," EXPIRY
#define RON(members)   HEAD "{\"ron\":{" members "}}}"
#define REST(members)  HEAD "{}," members "}"
#define QUOTA(members) REST("\"quotas\":{\"per_tenant\":{" members "}}")

#define CERTIFICATE_TEXT "00000000000000000000000000000000000000000000000000000000000000ab"
#define CERTIFICATE      "\"" CERTIFICATE_TEXT "\""

static struct policy policy;
static struct policy_faults faults;

static bool read_text(const char *text)
{
	size_t bytes_count = strlen(text);
	uint8_t *copy = malloc(bytes_count + 1);
	bool good;

	assert_non_null(copy);
	memcpy(copy + 1, text, bytes_count);
	good = policy_read((struct slice){ copy + 1, bytes_count }, &policy, &faults);
	free(copy);
	assert_true(good == (faults.count == 0));
	return good;
}

static void expect_fault(const char *text, const char *path, const char *words)
{
	assert_false(read_text(text));
	assert_int_equal(faults.count, 1);
	assert_string_equal(faults.faults[0].path, path);
	if (strstr(faults.faults[0].text, words) == NULL) {
		fail_msg("%s: \"%s\", not \"%s\"", path, faults.faults[0].text, words);
	}
}

static void certificates_have_their_actions(void **state)
{
	struct hash certificate = { .bytes = { [31] = 0xab } };

	(void)state;
	assert_true(read_text(
		REST("\"clients\":{" CERTIFICATE ":[\"wallet.read\",\"admin.reload\"]}")));
	assert_true(policy.has_clients);
	assert_int_equal(policy_actions_of(&policy, &certificate),
		CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_READ) |
			CAVEAT_ACTION_BIT(CAVEAT_ACTION_ADMIN_RELOAD));
	certificate.bytes[0] = 1;
	assert_int_equal(policy_actions_of(&policy, &certificate), 0);
	assert_true(read_text(REST("\"clients\":{}")));
	assert_true(policy.has_clients);
	assert_true(read_text(HEAD "{}}"));
	assert_false(policy.has_clients);
}

static void a_document_is_read(void **state)
{
	const struct policy_asset *row;

	(void)state;
	assert_true(read_text(
		HEAD "{\"usd\":{},\"ron\":{\"max_amount_per_op\":\"5\",\"daily_ceiling\":\"20\","
		     "\"issuance\":{\"enabled\":true," ISSUANCE "}}},"
		     "\"quotas\":{\"per_account\":{\"ops_per_day\":7,"
		     "\"spend_minor_per_day\":\"80\"},\"per_tenant\":{}},"
		     "\"dispute_window_s\":0,\"signatures\":[]}"));
	assert_int_equal(
		policy.ops, POLICY_OP_BIT(OPERATION_ISSUE) | POLICY_OP_BIT(OPERATION_BURN));
	assert_int_equal(policy.asset_count, 2);
	assert_true(policy.per_account.ops == 7 && policy.per_account.spend_minor == 80);
	assert_true(policy.per_tenant.ops == UINT64_MAX);
	assert_true(policy.per_tenant.spend_minor == U128_MAX);
	row = policy_find(&policy, (struct slice){ (const uint8_t *)"ron", 3 });
	assert_non_null(row);
	assert_true(row->op_amount_max == 5 && row->daily_ceiling == 20 && row->may_issue);
	assert_true(row->issuance_cap == 900);
	assert_int_equal(row->issuance_expires_unix_ms, UINT64_C(1798761600000));
	row = policy_find(&policy, (struct slice){ (const uint8_t *)"usd", 3 });
	assert_non_null(row);
	assert_true(row->op_amount_max == U128_MAX && row->daily_ceiling == U128_MAX);
	assert_false(row->may_issue);
}

static void an_approval_that_is_off_approves_nothing(void **state)
{
	(void)state;
	assert_true(read_text(RON("\"issuance\":{\"enabled\":false}")));
	assert_false(policy.assets[0].may_issue);
	assert_true(read_text(RON("\"issuance\":{\"enabled\":false," ISSUANCE "}")));
	assert_false(policy.assets[0].may_issue);
}

static void each_fault_is_named_by_its_member(void **state)
{
	static const struct {
		const char *text, *path, *words;
	} rows[] = {
		{ "", "", "JSON" },
		{ "{", "", "JSON" },
		{ REST("\"quotas\":{}") "x", "", "JSON" },
		{ REST("\"quo\\u0000tas\":{}"), "", "JSON" },
		{ "[]", "", "an object" },
		{ "{\"version\":2,\"allowed_ops\":[],\"assets\":{}}", "version", "expected 1" },
		{ "{\"version\":\"1\",\"allowed_ops\":[],\"assets\":{}}", "version", "expected 1" },
		{ "{\"allowed_ops\":[],\"assets\":{}}", "version", "missing" },
		{ "{\"version\":1,\"assets\":{}}", "allowed_ops", "missing" },
		{ "{\"version\":1,\"allowed_ops\":[]}", "assets", "missing" },
		{ "{\"version\":1,\"allowed_ops\":\"issue\",\"assets\":{}}", "allowed_ops",
			"array" },
		{ "{\"version\":1,\"allowed_ops\":[\"mint\"],\"assets\":{}}", "allowed_ops",
			"issue, transfer" },
		{ "{\"version\":1,\"allowed_ops\":[1],\"assets\":{}}", "allowed_ops", "issue" },
		{ "{\"version\":1,\"allowed_ops\":[\"burn\",\"burn\"],\"assets\":{}}",
			"allowed_ops", "twice" },
		{ HEAD "[]}", "assets", "object" },
		{ HEAD "{\"RON\":{}}}", "assets.RON", "expected an asset" },
		{ HEAD "{\"ron\":{},\"ron\":{}}}", "assets.ron", "twice" },
		{ HEAD "{\"ron\":1}}", "assets.ron", "an object" },
		{ RON("\"max\":\"1\""), "assets.ron.max",
			"one of max_amount_per_op, daily_ceiling" },
		{ RON("\"daily_ceiling\":20"), "assets.ron.daily_ceiling", "a string" },
		{ RON("\"daily_ceiling\":\"0\""), "assets.ron.daily_ceiling", "a string" },
		{ RON("\"daily_ceiling\":\"020\""), "assets.ron.daily_ceiling", "a string" },
		{ RON("\"daily_ceiling\":\"340282366920938463463374607431768211456\""),
			"assets.ron.daily_ceiling", "2^128-1" },
		{ RON("\"daily_ceiling\":\"1\",\"daily_ceiling\":\"2\""),
			"assets.ron.daily_ceiling", "twice" },
		{ RON("\"daily_ceiling\":\"1\",\"max_amount_per_op\":\"2\""), "assets.ron",
			"must not be above" },
		{ RON("\"issuance\":{}"), "assets.ron.issuance.enabled", "missing" },
		{ RON("\"issuance\":{\"enabled\":\"true\"}"), "assets.ron.issuance.enabled",
			"true" },
		{ RON("\"issuance\":{\"enabled\":true}"), "assets.ron.issuance", "cap_minor" },
		{ RON("\"issuance\":{\"enabled\":false,\"proposal_id\":\"a b\"}"),
			"assets.ron.issuance.proposal_id", "1 to 64" },
		{ RON("\"issuance\":{\"enabled\":false,\"expiry\":\"2026-02-30T00:00:00Z\"}"),
			"assets.ron.issuance.expiry", "UTC" },
		{ RON("\"issuance\":{\"enabled\":false,\"expiry\":\"2026-02-03T00:00:00+01:00\"}"),
			"assets.ron.issuance.expiry", "UTC" },
		{ RON("\"issuance\":{\"enabled\":false,\"expiry\":1798761600}"),
			"assets.ron.issuance.expiry", "UTC" },
		{ REST("\"dispute_window_s\":60"), "dispute_window_s", "not built" },
		{ REST("\"signatures\":[{\"kid\":\"1\",\"sig\":\"x\"}]"), "signatures",
			"not built" },
		{ REST("\"version\":1"), "version", "twice" },
		{ REST("\"\\u001bx\":1"), "?x", "no such member" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		expect_fault(rows[i].text, rows[i].path, rows[i].words);
	}
}

static void each_fault_of_a_quota_is_named_by_its_member(void **state)
{
	static const struct {
		const char *text, *path, *words;
	} rows[] = {
		{ REST("\"clients\":[]"), "clients", "an object" },
		{ REST("\"clients\":{\"AB\":[]}"), "clients.AB", "SHA-256" },
		{ REST("\"clients\":{" CERTIFICATE ":{}}"), "clients." CERTIFICATE_TEXT,
			"an array of actions" },
		{ REST("\"clients\":{" CERTIFICATE ":[\"wallet.steal\"]}"),
			"clients." CERTIFICATE_TEXT, "expected actions" },
		{ REST("\"clients\":{" CERTIFICATE ":[]," CERTIFICATE ":[]}"),
			"clients." CERTIFICATE_TEXT, "expected it once" },
		{ REST("\"quotas\":[]"), "quotas", "an object" },
		{ REST("\"quotas\":{\"per_user\":{}}"), "quotas.per_user",
			"one of per_account, per_tenant" },
		{ REST("\"quotas\":{\"per_tenant\":1}"), "quotas.per_tenant", "an object" },
		{ QUOTA("\"ops\":5"), "quotas.per_tenant.ops",
			"one of ops_per_day, spend_minor_per_day" },
		{ QUOTA("\"ops_per_day\":0"), "quotas.per_tenant.ops_per_day", "from 1 to" },
		{ QUOTA("\"ops_per_day\":-1"), "quotas.per_tenant.ops_per_day", "from 1 to" },
		{ QUOTA("\"ops_per_day\":1.5"), "quotas.per_tenant.ops_per_day", "from 1 to" },
		{ QUOTA("\"ops_per_day\":\"5\""), "quotas.per_tenant.ops_per_day", "from 1 to" },
		{ QUOTA("\"ops_per_day\":9007199254740992"), "quotas.per_tenant.ops_per_day",
			"to 9007199254740991" },
		{ QUOTA("\"ops_per_day\":5,\"ops_per_day\":6"), "quotas.per_tenant.ops_per_day",
			"twice" },
		{ QUOTA("\"spend_minor_per_day\":5"), "quotas.per_tenant.spend_minor_per_day",
			"a string" },
		{ QUOTA("\"spend_minor_per_day\":\"0\""), "quotas.per_tenant.spend_minor_per_day",
			"from 1 to" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		expect_fault(rows[i].text, rows[i].path, rows[i].words);
	}
}

static void all_faults_are_told_up_to_a_bound(void **state)
{
	static char text[POLICY_FILE_BYTES_MAX + 2];
	size_t used = (size_t)snprintf(text, sizeof text, "%s", HEAD "{\"ron\":{}},\"quotas\":{");

	(void)state;
	for (unsigned i = 0; i < 2 * POLICY_FAULTS_MAX; i++) {
		used += (size_t)snprintf(
			text + used, sizeof text - used, "%s\"q%u\":1", i == 0 ? "" : ",", i);
	}
	(void)snprintf(text + used, sizeof text - used, "}}");
	assert_false(read_text(text));
	assert_int_equal(faults.count, 2 * POLICY_FAULTS_MAX);
	assert_string_equal(faults.faults[POLICY_FAULTS_MAX - 1].path, "quotas.q15");
	memset(text, ' ', sizeof text - 1);
	assert_false(read_text(text));
	assert_non_null(strstr(faults.faults[0].text, "at most 262144 bytes"));
}

static void more_assets_than_there_is_room_for_are_refused(void **state)
{
	static char text[POLICY_FILE_BYTES_MAX];
	size_t used = (size_t)snprintf(text, sizeof text, "%s", HEAD "{");

	(void)state;
	for (unsigned i = 0; i <= POLICY_ASSETS_MAX; i++) {
		used += (size_t)snprintf(
			text + used, sizeof text - used, "%s\"a%u\":{}", i == 0 ? "" : ",", i);
	}
	(void)snprintf(text + used, sizeof text - used, "}}");
	expect_fault(text, "assets.a256", "at most 256 assets");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_document_is_read),
		cmocka_unit_test(certificates_have_their_actions),
		cmocka_unit_test(an_approval_that_is_off_approves_nothing),
		cmocka_unit_test(each_fault_is_named_by_its_member),
		cmocka_unit_test(each_fault_of_a_quota_is_named_by_its_member),
		cmocka_unit_test(all_faults_are_told_up_to_a_bound),
		cmocka_unit_test(more_assets_than_there_is_room_for_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
