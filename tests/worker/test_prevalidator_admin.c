/* Admin's own prevalidator: what administrators ask for, on its way to the supervisor. */
#include "common/admin_acts.h"
#include "services/prevalidator/administration.h"
#include "tests/worker/prevalidator_driver.h"

#define CORR_ID "9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10"

static struct harness_link *admin;

static void start_of_admin(void)
{
	h.instance = PREVALIDATOR_OF_ADMIN;
	harness_start(&h);
	harness_expect_up(&h);
	admin = edge = harness_link_up(&h, PROCESS_ADMIN, 0);
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_settle(&h);
}

static struct oap_request act_of(enum route route, const char *body)
{
	struct oap_request request = request_of(route, "token");

	request.corr_id = text_of(CORR_ID);
	request.body = text_of(body);
	request.body_bytes = (uint32_t)request.body.bytes_count;
	return request;
}

static void ask_act(uint64_t ticket, enum route route, const char *body)
{
	struct oap_request request = act_of(route, body);

	ask(ticket, &request);
}

static void expect_slice(struct slice got, const char *text)
{
	assert_int_equal(got.bytes_count, strlen(text));
	assert_memory_equal(got.bytes, text, strlen(text));
}

static void expect_asked(uint64_t ticket, enum admin_act act, const char *reason)
{
	struct oap_admin_ask msg;

	assert_int_equal(harness_expect_admin_ask(&h.control, &msg), ticket);
	assert_int_equal(msg.act, act);
	assert_int_equal(msg.edge_generation, admin->generation);
	assert_true(msg.grant.bytes_count >= GRANT_BYTES_MIN);
	expect_slice(msg.corr_id, CORR_ID);
	expect_slice(msg.reason, reason);
	give_credit(&h.control, 1,
		(uint32_t)(1 + 4 + 8 + 12 + msg.corr_id.bytes_count + msg.reason.bytes_count +
			   msg.grant.bytes_count));
}

static void each_act_needs_its_action_and_goes_with_the_grant(void **state)
{
	static const struct {
		enum route route;
		const char *action;
	} rows[] = {
		{ ROUTE_ADMIN_STATUS, "action=admin.status" },
		{ ROUTE_ADMIN_RECOVERY, "action=admin.status" },
		{ ROUTE_ADMIN_EVENTS, "action=admin.status" },
		{ ROUTE_ADMIN_RELOAD, "action=admin.reload" },
		{ ROUTE_ADMIN_SHUTDOWN, "action=admin.shutdown" },
	};
	struct oap_forget_grants forget = { .kms_generation = 1 };

	(void)state;
	start_of_admin();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		harness_send_forget_grants(kms, 0, &forget);
		harness_settle(&h);
		ask_act(10 + i, rows[i].route, "");
		grant("token", rows[i].action);
		expect_asked(10 + i, admin_acts_of(rows[i].route), "");
		harness_send_forget_grants(kms, 0, &forget);
		harness_settle(&h);
		ask_act(20 + i, rows[i].route, "");
		grant("token", i < 3 ? "action=admin.reload" : "action=ledger.ingest");
		expect_refused(
			20 + i, 403, REASON_CAP_INVALID, "the token does not allow this action");
	}
}

static void a_reason_is_read_and_nothing_else(void **state)
{
	static char long_body[ADMINISTRATION_BODY_BYTES_MAX + 2];
	static const char bad[] = "reason: expected a string of 1 to 512 bytes without NUL, for "
				  "log and audit records";
	char body[600], longest[513];

	(void)state;
	start_of_admin();
	ask_act(1, ROUTE_ADMIN_SHUTDOWN, "{\"reason\":\"moving house\"}");
	grant("token", "action=admin.shutdown");
	expect_asked(1, ADMIN_ACT_SHUTDOWN, "moving house");
	ask_act(2, ROUTE_ADMIN_SHUTDOWN, "{}");
	expect_asked(2, ADMIN_ACT_SHUTDOWN, "");
	ask_act(3, ROUTE_ADMIN_SHUTDOWN, "{\"reason\":\"\"}");
	expect_refused(3, 400, REASON_UNKNOWN_KIND, bad);
	(void)snprintf(body, sizeof body, "{\"reason\":\"%0513d\"}", 0);
	ask_act(4, ROUTE_ADMIN_SHUTDOWN, body);
	expect_refused(4, 400, REASON_UNKNOWN_KIND, bad);
	(void)snprintf(longest, sizeof longest, "%0512d", 0);
	(void)snprintf(body, sizeof body, "{\"reason\":\"%s\"}", longest);
	ask_act(5, ROUTE_ADMIN_SHUTDOWN, body);
	expect_asked(5, ADMIN_ACT_SHUTDOWN, longest);
	ask_act(7, ROUTE_ADMIN_SHUTDOWN, "{\"reason\":\"not\\u0000seen\"}");
	expect_refused(7, 400, REASON_UNKNOWN_KIND, bad);
	memset(long_body, ' ', sizeof long_body - 1);
	ask_act(6, ROUTE_ADMIN_SHUTDOWN, long_body);
	expect_refused(6, 413, REASON_TOO_LARGE, "body");
}

static void no_act_has_a_query(void **state)
{
	struct oap_request request = act_of(ROUTE_ADMIN_STATUS, "");

	(void)state;
	start_of_admin();
	request.query = text_of("all=1");
	ask(7, &request);
	grant("token", "action=admin.status");
	expect_refused(7, 400, REASON_UNKNOWN_KIND, "this route has no query");
}

/* Goal: the two planes share an executable, and no route. */
static void each_plane_is_accused_of_the_routes_of_the_other(void **state)
{
	struct oap_request request;

	(void)state;
	start_of_admin();
	request = act_of(ROUTE_INGEST, GOOD_BODY);
	harness_send_request(admin, 1, &request);
	harness_expect_accusation(admin, OAP_REQUEST, ERR_MALFORMED);
	harness_kill(&h);
	h.instance = 0;
	start_with_all();
	request = act_of(ROUTE_ADMIN_SHUTDOWN, "");
	harness_send_request(edge, 1, &request);
	harness_expect_accusation(edge, OAP_REQUEST, ERR_MALFORMED);
}

static void it_serves_with_kms_alone(void **state)
{
	struct oap_report report;

	(void)state;
	h.instance = PREVALIDATOR_OF_ADMIN;
	harness_start(&h);
	harness_expect_up(&h);
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	do {
		(void)harness_expect_report(&h.control, &report);
	} while (report.phase != PHASE_SERVING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_act_needs_its_action_and_goes_with_the_grant),
		TEST(a_reason_is_read_and_nothing_else),
		TEST(no_act_has_a_query),
		TEST(each_plane_is_accused_of_the_routes_of_the_other),
		TEST(it_serves_with_kms_alone),
	};

	return cmocka_run_group_tests_name("prevalidator of admin", tests, NULL, NULL);
}
