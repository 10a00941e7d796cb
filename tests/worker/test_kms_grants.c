/* Grants that come back: what kms says of one that somebody brought to the supervisor. */
#include "tests/worker/kms_driver.h"

static const char of_admin[] = "action=admin.status,admin.shutdown\nttl=3600\n";

/* What the prevalidator got for the token; in one buffer for all. */
static struct slice grant_of(struct harness_link *prevalidator, const char *token)
{
	static uint8_t bytes[GRANT_BYTES_MAX];
	struct oap_grant grant = verify(prevalidator, token);

	assert_int_equal(grant.status, 200);
	memcpy(bytes, grant.grant.bytes, grant.grant.bytes_count);
	return (struct slice){ bytes, grant.grant.bytes_count };
}

static struct oap_grant_checked check(struct slice grant, enum caveat_action action)
{
	static uint64_t corr_id = 9000;
	struct oap_grant_checked checked;

	corr_id++;
	harness_send_check_grant(&h.control, corr_id,
		&(struct oap_check_grant){ .action = (uint8_t)action, .grant = grant });
	assert_int_equal(harness_expect_grant_checked(&h.control, &checked), corr_id);
	return checked;
}

static void expect_refused(struct slice grant, enum caveat_action action, const char *words)
{
	struct oap_grant_checked checked = check(grant, action);
	char text[VERB_TEXT_BYTES_MAX + 1];

	(void)snprintf(text, sizeof text, "%.*s", (int)checked.text.bytes_count,
		(const char *)checked.text.bytes);
	assert_int_equal(checked.status, ERR_OK);
	assert_int_equal(checked.covers, 0);
	assert_non_null(strstr(text, words));
}

static void a_grant_covers_its_actions_and_names_its_token(void **state)
{
	struct oap_grant_checked checked;
	char token[TOKEN_ROOM];
	struct slice grant;

	(void)state;
	start();
	mint(of_admin, token);
	grant = grant_of(link_prevalidator(), token);
	checked = check(grant, CAVEAT_ACTION_ADMIN_SHUTDOWN);
	struct oap_revoked name = name_of(token);
	assert_int_equal(checked.status, ERR_OK);
	assert_int_equal(checked.covers, 1);
	assert_int_equal(checked.kid, name.kid);
	assert_memory_equal(&checked.capability, &name.capability, ID_BYTES);
	assert_int_equal(checked.text.bytes_count, 0);
	expect_refused(grant, CAVEAT_ACTION_ADMIN_RELOAD, "action");
}

static void a_token_for_one_account_or_epoch_is_for_no_node(void **state)
{
	struct harness_link *prevalidator;
	char token[TOKEN_ROOM], narrow_token[TOKEN_ROOM];

	(void)state;
	start();
	prevalidator = link_prevalidator();
	mint(of_admin, token);
	narrow(token, "account=alice", narrow_token);
	expect_refused(grant_of(prevalidator, narrow_token), CAVEAT_ACTION_ADMIN_STATUS, "account");
	narrow(token, "epoch=2026-10-01", narrow_token);
	expect_refused(grant_of(prevalidator, narrow_token), CAVEAT_ACTION_ADMIN_STATUS, "epoch");
}

/* Goal: no byte of a grant can be another one. */
static void a_forged_grant_is_told_from_a_good_one(void **state)
{
	uint8_t forged[GRANT_BYTES_MAX + 1];
	char token[TOKEN_ROOM];
	struct slice grant;

	(void)state;
	start();
	mint(of_admin, token);
	grant = grant_of(link_prevalidator(), token);
	for (size_t i = 0; i < grant.bytes_count; i++) {
		memcpy(forged, grant.bytes, grant.bytes_count);
		forged[i] ^= 0x40;
		struct oap_grant_checked checked = check(
			(struct slice){ forged, grant.bytes_count }, CAVEAT_ACTION_ADMIN_STATUS);
		assert_int_not_equal(checked.status, ERR_OK);
		assert_int_equal(checked.covers, 0);
		assert_int_equal(checked.kid, 0);
	}
	for (size_t cut = 0; cut < grant.bytes_count; cut++) {
		assert_int_not_equal(
			check((struct slice){ grant.bytes, cut }, CAVEAT_ACTION_ADMIN_STATUS)
				.status,
			ERR_OK);
	}
	forged[grant.bytes_count - 1] ^= 1;
	assert_int_equal(
		check((struct slice){ forged, grant.bytes_count }, CAVEAT_ACTION_ADMIN_STATUS)
			.status,
		ERR_DENIED);
}

static void a_grant_of_the_kms_before_is_stale_and_no_forgery(void **state)
{
	char token[TOKEN_ROOM];
	struct slice grant;

	(void)state;
	start();
	mint(of_admin, token);
	grant = grant_of(link_prevalidator(), token);
	restart();
	assert_int_equal(check(grant, CAVEAT_ACTION_ADMIN_STATUS).status, ERR_STALE);
}

static void a_grant_ends(void **state)
{
	struct oap_grant_checked checked;
	char token[TOKEN_ROOM];
	struct slice grant;

	(void)state;
	h.config.kms_cache_ttl_ms = 1;
	h.config.limits_req_timeout_ms = 200;
	start();
	mint(of_admin, token);
	grant = grant_of(link_prevalidator(), token);
	do {
		checked = check(grant, CAVEAT_ACTION_ADMIN_STATUS);
	} while (checked.status == ERR_OK);
	assert_int_equal(checked.status, ERR_STALE);
}

static void a_revoked_token_has_no_grant_any_more(void **state)
{
	struct harness_link *sequencer;
	struct oap_grant_key key;
	char token[TOKEN_ROOM];
	struct slice grant;
	struct oap_revoked which;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	mint(of_admin, token);
	grant = grant_of(link_prevalidator(), token);
	which = name_of(token);
	send_revoke(77, &which);
	confirm(sequencer, &which);
	assert_int_equal(expect_answer(77), ERR_OK);
	expect_refused(grant, CAVEAT_ACTION_ADMIN_STATUS, "revoked");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_grant_covers_its_actions_and_names_its_token),
		CASE(a_token_for_one_account_or_epoch_is_for_no_node),
		CASE(a_forged_grant_is_told_from_a_good_one),
		CASE(a_grant_of_the_kms_before_is_stale_and_no_forgery),
		CASE(a_grant_ends),
		CASE(a_revoked_token_has_no_grant_any_more),
	};

	return cmocka_run_group_tests_name("kms grants", tests, NULL, NULL);
}
