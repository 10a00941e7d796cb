/* Epochs through the wall: who may ask for what, in which form, and what the rewarder is told. */
#include "common/reward_reasons.h"
#include "core/hex.h"
#include "services/prevalidator/compute.h"
#include "tests/worker/prevalidator_driver.h"

#define HEX  "8a7efab2d047db37f228e34c7d7eb809d1929a701773322bf96e6fea47593817"
#define BODY "\"inputs_cid\":\"b3:" HEX "\",\"policy_id\":\"rev42\",\"policy_hash\":\"b3:" HEX "\""
#define RUN  "action=rewarder.run;tenant=acme"
#define LOOK "action=rewarder.inspect;tenant=acme"

static struct harness_link *rewarder;

static void start_with_rewarder(void)
{
	grants_name_tenant = true;
	start_with_all();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	harness_settle(&h);
}

static struct oap_request write_of(
	enum route route, const char *token, const char *path, const char *body)
{
	struct oap_request request = request_of(route, token);

	request.query = text_of(path);
	request.body = text_of(body);
	request.body_bytes = (uint32_t)request.body.bytes_count;
	return request;
}

static void ask_compute(uint64_t ticket, const char *token, const char *epoch, const char *body)
{
	struct oap_request request = write_of(ROUTE_REWARD_COMPUTE, token, epoch, body);

	ask(ticket, &request);
}

static void ask_read(uint64_t ticket, enum route route, const char *token, const char *query)
{
	struct oap_request request = request_of(route, token);

	request.query = text_of(query);
	ask(ticket, &request);
}

static void expect_text(struct slice got, const char *text)
{
	assert_int_equal(got.bytes_count, strlen(text));
	assert_memory_equal(got.bytes, text, strlen(text));
}

/* The one that kms sealed, as it was: the rewarder's word on it is the sequencer's. */
static void expect_own(struct slice sealed)
{
	struct grant grant;

	assert_int_equal(grant_read(sealed, &grant), ERR_OK);
	assert_int_equal(grant.capability_id.bytes[0], 0x10);
}

static void expect_reward_refused(uint64_t ticket, enum reward_reason reason, const char *text)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_int_equal(refused.reward_reason, reason);
	assert_int_equal(refused.status, reward_errors_row(reward_reasons_error(reason))->status);
	if (text != NULL) {
		expect_text(refused.detail, text);
	}
}

static struct oap_run_compute expect_run(uint64_t ticket)
{
	struct oap_run_compute run;

	assert_int_equal(harness_expect_run_compute(rewarder, &run), ticket);
	return run;
}

static void a_run_goes_to_the_rewarder_with_its_grant(void **state)
{
	struct oap_run_compute run;
	char hex[2 * HASH_BYTES + 1];

	(void)state;
	start_with_rewarder();
	ask_compute(
		1, "token", "2025-10-01", "{" BODY ",\"dry_run\":true,\"notes\":\"f\\u00fcr\"}");
	grant("token", RUN);
	run = expect_run(1);
	expect_text(run.tenant, "acme");
	expect_text(run.epoch, "2025-10-01");
	expect_text(run.policy_id, "rev42");
	expect_text(run.notes, "f\xc3\xbcr");
	assert_int_equal(run.dry_run, 1);
	hex_encode(run.inputs_cid.bytes, HASH_BYTES, hex);
	assert_string_equal(hex, HEX);
	hex_encode(run.policy_hash.bytes, HASH_BYTES, hex);
	assert_string_equal(hex, HEX);
	assert_int_equal(run.edge_process, PROCESS_INGRESS);
	assert_int_equal(run.edge_instance, 3);
	assert_true(run.grant.bytes_count > 0);
	ask_compute(2, "token", "2025-10-13T00:00Z", "{" BODY "}"); /* the grant is known by now */
	run = expect_run(2);
	assert_int_equal(run.dry_run, 0);
	assert_int_equal(run.notes.bytes_count, 0);
	assert_all_is_done();
}

/* Goal: the wait ends before the deadline, and where the client says, if that is sooner. */
static void a_client_is_answered_before_its_time_is_up(void **state)
{
	struct oap_request request;
	struct oap_run_compute run;
	uint64_t before_ms;

	(void)state;
	start_with_rewarder();
	request = write_of(ROUTE_REWARD_COMPUTE, "token", "2025-10-01", "{" BODY "}");
	request.deadline_mono_ms = mono_ms(60000);
	ask(1, &request);
	grant("token", RUN);
	run = expect_run(1);
	assert_int_equal(run.wait_until_mono_ms, request.deadline_mono_ms - 250);
	assert_int_equal(run.deadline_mono_ms, request.deadline_mono_ms);
	request.wait_ms = 40;
	before_ms = mono_ms(0);
	ask(2, &request);
	run = expect_run(2);
	assert_true(run.wait_until_mono_ms >= before_ms + 40 &&
		    run.wait_until_mono_ms <= mono_ms(0) + 40);
	request.wait_ms = 300000; /* more than there is */
	ask(3, &request);
	run = expect_run(3);
	assert_int_equal(run.wait_until_mono_ms, request.deadline_mono_ms - 250);
	assert_all_is_done();
}

static void a_run_needs_its_action_and_one_tenant(void **state)
{
	static const char *const without[] = { "action=rewarder.run",
		"action=rewarder.run;tenant=a:b" };
	char token[16];

	(void)state;
	start_with_rewarder();
	for (uint64_t i = 0; i < COUNT_OF(without); i++) {
		(void)snprintf(token, sizeof token, "token%d", (int)i);
		ask_compute(i + 1, token, "2025-10-01", "{" BODY "}");
		grant(token, without[i]);
		expect_reward_refused(
			i + 1, REWARD_REASON_TENANT, reward_reasons_text(REWARD_REASON_TENANT));
	}
	ask_compute(6, "two", "2025-10-01", "{" BODY "}");
	grant("two", "action=rewarder.run;tenant=acme,globex");
	expect_reward_refused(6, REWARD_REASON_CAVEAT, NULL);
	ask_compute(7, "reader", "2025-10-01", "{" BODY "}");
	grant("reader", LOOK);
	expect_reward_refused(7, REWARD_REASON_SCOPE, "the token does not allow this action");
	ask_compute(8, "", "2025-10-01", "{" BODY "}");
	expect_refused(8, 401, REASON_UNAUTH, "a token is needed");
	assert_all_is_done();
}

static void a_token_may_be_for_one_epoch(void **state)
{
	static const char other[] = "the token is for another epoch";
	struct oap_run_compute run;
	struct oap_request request;

	(void)state;
	start_with_rewarder();
	ask_compute(1, "token", "2025-10-01", "{" BODY "}");
	grant("token", RUN ";epoch=2025-10-01");
	run = expect_run(1);
	expect_text(run.epoch, "2025-10-01");
	ask_compute(2, "token", "2025-10-02", "{" BODY "}");
	expect_reward_refused(2, REWARD_REASON_CAVEAT, other);
	request = write_of(
		ROUTE_REWARD_COMPUTE, "token", "", "{\"epoch_id\":\"2025-10-02\"," BODY "}");
	request.is_oap = 1;
	ask(3, &request);
	expect_reward_refused(3, REWARD_REASON_CAVEAT, other);
	request = write_of(
		ROUTE_REWARD_COMPUTE, "token", "", "{\"epoch_id\":\"2025-10-01\"," BODY "}");
	request.is_oap = 1;
	ask(4, &request);
	(void)expect_run(4);
	assert_all_is_done();
}

static void a_body_that_is_none_is_told_what_it_should_be(void **state)
{
	(void)state;
	start_with_rewarder();
	ask_compute(1, "token", "2025-10-01", "{" BODY ",\"oops\":1}");
	grant("token", RUN);
	expect_reward_refused(
		1, REWARD_REASON_SCHEMA, "the body has a member that this route does not");
	ask_compute(2, "token", "2025-10-01", "{");
	expect_reward_refused(2, REWARD_REASON_SCHEMA, NULL);
	ask_compute(3, "token", "demo", "{" BODY "}");
	expect_reward_refused(3, REWARD_REASON_SCHEMA, COMPUTE_EPOCH_TEXT);
	assert_all_is_done();
}

static void what_does_not_hold_is_a_caveat(void **state)
{
	(void)state;
	start_with_rewarder();
	ask_compute(1, "get", "2025-10-01", "{" BODY "}");
	grant("get", RUN ";method=GET");
	expect_reward_refused(1, REWARD_REASON_CAVEAT, NULL);
	ask_compute(2, "path", "2025-10-01", "{" BODY "}");
	grant("path", RUN ";path=/rewarder/epochs/2025-10-01/compute");
	(void)expect_run(2);
	ask_compute(3, "gone", "2025-10-01", "{" BODY "}");
	harness_send_grant(kms, expect_verify("gone"),
		&(struct oap_grant){ .status = 403,
			.reason = REASON_CAP_INVALID,
			.api_reason = API_REASON_REVOKED,
			.detail = text_of("it was revoked") });
	expect_reward_refused(3, REWARD_REASON_UNAUTH, "it was revoked");
	ask_compute(4, "old", "2025-10-01", "{" BODY "}");
	harness_send_grant(kms, expect_verify("old"),
		&(struct oap_grant){ .status = 403,
			.reason = REASON_CAP_INVALID,
			.api_reason = API_REASON_TOKEN_TIME,
			.detail = text_of("it has expired") });
	expect_reward_refused(4, REWARD_REASON_CAVEAT, "it has expired");
	assert_all_is_done();
}

/* Goal: a client learns that it was its token which could not be judged. */
static void kms_that_is_late_is_told(void **state)
{
	(void)state;
	h.config.kms_timeout_ms = 10;
	start_with_rewarder();
	ask_compute(1, "token", "2025-10-01", "{" BODY "}");
	(void)expect_verify("token");
	expect_reward_refused(1, REWARD_REASON_CAP_TIMEOUT, NULL);
	assert_all_is_done();
}

static void an_epoch_is_shown_to_its_tenant(void **state)
{
	static const struct {
		enum route route;
		const char *path;
		uint64_t offset;
		enum run_part part;
	} rows[] = {
		{ ROUTE_REWARD_EPOCH, "2025-10-01", 0, RUN_PART_SUMMARY },
		{ ROUTE_REWARD_MANIFEST, "2025-10-01/manifest", 0, RUN_PART_MANIFEST },
		{ ROUTE_REWARD_MANIFEST, "2025-10-01", 65536, RUN_PART_MANIFEST },
	};
	struct oap_run_show show;

	(void)state;
	start_with_rewarder();
	for (uint64_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_request request = request_of(rows[i].route, "token");

		request.query = text_of(rows[i].path);
		request.offset = rows[i].offset;
		ask(i + 1, &request);
		if (i == 0) {
			grant("token", LOOK);
		}
		assert_int_equal(harness_expect_run_show(rewarder, &show), i + 1);
		expect_text(show.tenant, "acme");
		expect_own(show.grant);
		expect_text(show.epoch, "2025-10-01");
		assert_int_equal(show.part, rows[i].part);
		assert_int_equal(show.offset, rows[i].offset);
	}
	ask_read(7, ROUTE_REWARD_EPOCH, "token", "yesterday");
	expect_reward_refused(7, REWARD_REASON_SCHEMA, COMPUTE_EPOCH_TEXT);
	ask_read(8, ROUTE_REWARD_EPOCH, "token", "2025-10-01?x=1");
	expect_reward_refused(8, REWARD_REASON_SCHEMA, NULL);
	ask_read(9, ROUTE_REWARD_EPOCH, "runner", "2025-10-01");
	grant("runner", RUN);
	expect_reward_refused(9, REWARD_REASON_SCOPE, NULL);
	assert_all_is_done();
}

static void runs_are_listed_by_their_tenant(void **state)
{
	static const char *const wrong[] = { "after=x", "held=false", "held=", "limit=5",
		"held=true&held=true" };
	struct oap_run_list list;

	(void)state;
	start_with_rewarder();
	ask_read(1, ROUTE_REWARD_RUNS, "token", "");
	grant("token", LOOK);
	assert_int_equal(harness_expect_run_list(rewarder, &list), 1);
	expect_text(list.tenant, "acme");
	expect_own(list.grant);
	assert_true(list.only_held == 0 && list.after.bytes_count == 0);
	ask_read(2, ROUTE_REWARD_RUNS, "token", "after=2025-10-01&held=true");
	assert_int_equal(harness_expect_run_list(rewarder, &list), 2);
	assert_int_equal(list.only_held, 1);
	expect_text(list.after, "2025-10-01");
	for (uint64_t i = 0; i < COUNT_OF(wrong); i++) {
		ask_read(3 + i, ROUTE_REWARD_RUNS, "token", wrong[i]);
		expect_reward_refused(3 + i, REWARD_REASON_SCHEMA, NULL);
	}
	ask_read(20, ROUTE_REWARD_RUNS, "epoch", ""); /* of all, and the token is for one */
	grant("epoch", LOOK ";epoch=2025-10-01");
	expect_reward_refused(20, REWARD_REASON_CAVEAT, NULL);
	assert_all_is_done();
}

static void an_epoch_is_released_over_the_local_socket(void **state)
{
	static const char caveats[] = "action=rewarder.quarantine;tenant=acme";
	struct oap_request request;
	struct oap_quarantine_release release;

	(void)state;
	start_with_rewarder();
	request =
		write_of(ROUTE_REWARD_RELEASE, "token", "2025-10-01", "{\"reason\":\"compared\"}");
	ask(1, &request);
	grant("token", caveats);
	expect_reward_refused(
		1, REWARD_REASON_CAVEAT, "an epoch is released over the local socket alone");
	request.peer_class = GRANT_PEER_UNIX;
	ask(2, &request);
	grant("token", caveats);
	assert_int_equal(harness_expect_quarantine_release(rewarder, &release), 2);
	expect_text(release.tenant, "acme");
	expect_text(release.epoch, "2025-10-01");
	expect_text(release.reason, "compared");
	expect_own(release.grant);
	request.body = text_of("{}");
	request.body_bytes = 2;
	ask(3, &request);
	expect_reward_refused(3, REWARD_REASON_SCHEMA, NULL);
	request = write_of(ROUTE_REWARD_RELEASE, "runner", "2025-10-01", "{\"reason\":\"x\"}");
	request.peer_class = GRANT_PEER_UNIX;
	ask(4, &request);
	grant("runner", RUN);
	expect_reward_refused(4, REWARD_REASON_SCOPE, NULL);
	assert_all_is_done();
}

static void a_policy_is_put_as_it_is(void **state)
{
	struct oap_request request;
	struct oap_policy_put put;
	struct oap_proceed proceed;
	static char large[VERB_REWARD_POLICY_BYTES_MAX + 2];

	(void)state;
	start_with_rewarder();
	request = write_of(ROUTE_REWARD_POLICY_PUT, "token", "", "{\"id\":\"rev42\"}");
	ask(1, &request);
	grant("token", "action=rewarder.run"); /* of no tenant */
	assert_int_equal(harness_expect_policy_put(rewarder, &put), 1);
	expect_text(put.document, "{\"id\":\"rev42\"}");
	expect_own(put.grant);
	memset(large, ' ', sizeof large - 1);
	request.body = (struct slice){ NULL, 0 };
	request.body_bytes = sizeof large - 1;
	ask(2, &request);
	assert_int_equal(harness_expect_proceed(edge, &proceed), 2);
	for (uint32_t at = 0; at < sizeof large - 1; at += VERB_BODY_CHUNK_BYTES_MAX) {
		uint32_t left = (uint32_t)(sizeof large - 1) - at;

		harness_send_body(edge, 2,
			&(struct oap_body){ .offset = at,
				.bytes = { (const uint8_t *)large,
					left < VERB_BODY_CHUNK_BYTES_MAX
						? left
						: VERB_BODY_CHUNK_BYTES_MAX } });
	}
	expect_reward_refused(2, REWARD_REASON_BODY_TOO_LARGE, "a policy has at most 65536 bytes");
	ask_read(3, ROUTE_REWARD_POLICY_PUT, "reader", "");
	grant("reader", LOOK);
	expect_reward_refused(3, REWARD_REASON_SCOPE, NULL);
	assert_all_is_done();
}

static void a_policy_is_shown_to_whoever_may_inspect(void **state)
{
	struct oap_policy_show show;

	(void)state;
	start_with_rewarder();
	ask_read(1, ROUTE_REWARD_POLICY, "token", "rev42");
	grant("token", "action=rewarder.inspect");
	assert_int_equal(harness_expect_policy_show(rewarder, &show), 1);
	expect_text(show.policy_id, "rev42");
	expect_own(show.grant);
	ask_read(2, ROUTE_REWARD_POLICY, "token", "rev%2042");
	expect_reward_refused(2, REWARD_REASON_SCHEMA, NULL);
	ask_read(3, ROUTE_REWARD_POLICY, "", "rev42");
	expect_refused(3, 401, REASON_UNAUTH, "a token is needed");
	assert_all_is_done();
}

static void a_policy_may_be_everybodys(void **state)
{
	struct oap_policy_show show;

	(void)state;
	h.config.rewarder_policy_public_read = true;
	start_with_rewarder();
	ask_read(1, ROUTE_REWARD_POLICY, "", "rev42");
	assert_int_equal(harness_expect_policy_show(rewarder, &show), 1);
	assert_int_equal(show.grant.bytes_count, 0);
	ask_read(2, ROUTE_REWARD_EPOCH, "", "2025-10-01");
	expect_refused(2, 401, REASON_UNAUTH, "a token is needed");
	ask_read(3, ROUTE_REWARD_POLICY, "bad", "rev42"); /* who has one is judged by it */
	grant("bad", "action=audit.read");
	expect_reward_refused(3, REWARD_REASON_SCOPE, NULL);
	assert_all_is_done();
}

static void without_a_rewarder_it_is_told(void **state)
{
	(void)state;
	grants_name_tenant = true;
	start_with_all();
	ask_compute(1, "token", "2025-10-01", "{" BODY "}");
	grant("token", RUN);
	expect_refused(1, 503, REASON_INTERNAL, detail_text(DETAIL_STARTING));
	assert_all_is_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_run_goes_to_the_rewarder_with_its_grant),
		TEST(a_client_is_answered_before_its_time_is_up),
		TEST(a_run_needs_its_action_and_one_tenant),
		TEST(a_token_may_be_for_one_epoch),
		TEST(a_body_that_is_none_is_told_what_it_should_be),
		TEST(what_does_not_hold_is_a_caveat),
		TEST(kms_that_is_late_is_told),
		TEST(an_epoch_is_shown_to_its_tenant),
		TEST(runs_are_listed_by_their_tenant),
		TEST(an_epoch_is_released_over_the_local_socket),
		TEST(a_policy_is_put_as_it_is),
		TEST(a_policy_is_shown_to_whoever_may_inspect),
		TEST(a_policy_may_be_everybodys),
		TEST(without_a_rewarder_it_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
