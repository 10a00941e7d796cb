/* Requests a second of a tenant. Of the buckets themselves: tests/unit/test_limiter.c. */
#include "tests/worker/prevalidator_driver.h"

/* A slow machine refills a bucket of one request a second meanwhile; not as often as this. */
#define TRIES_MAX 1000u

static void begin(void)
{
	start_with_all();
	grants_name_tenant = true;
	warm("of acme", "tenant=acme");
	warm("of acme, too", "tenant=acme");
	warm("of zeta", "tenant=zeta");
}

static void limit(uint64_t per_second, uint64_t burst)
{
	h.config.limits_tenant_rps_max = per_second;
	h.config.limits_tenant_burst = burst;
	harness_reload(&h); /* which forgets the grants: each is asked for once more */
	warm("of acme", "tenant=acme");
	warm("of acme, too", "tenant=acme");
	warm("of zeta", "tenant=zeta");
}

static void expect_rate(uint64_t ticket)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_int_equal(refused.status, 429);
	assert_int_equal(refused.reason, REASON_BUSY);
	assert_int_equal(refused.api_reason, API_REASON_RATE_LIMITED);
	assert_int_equal(refused.rate_limit, 1);
	assert_in_range(refused.rate_reset_s, 1, 50);
}

/* True: it went to the sequencer; else it was refused, as it must be. */
static bool is_let_in(uint64_t ticket, const struct oap_request *request)
{
	ask(ticket, request);
	harness_settle(&h);
	if (!harness_is_silent(sequencer)) {
		(void)expect_submit(ticket);
		return true;
	}
	expect_rate(ticket);
	return false;
}

static bool may_ingest(uint64_t ticket, const char *token)
{
	struct oap_request request = ingest_of(token, GOOD_BODY);

	return is_let_in(ticket, &request);
}

static unsigned drain(uint64_t ticket, const char *token)
{
	unsigned let_in = 0;

	while (may_ingest(ticket + let_in, token)) {
		assert_true(++let_in < TRIES_MAX);
	}
	return let_in;
}

static void a_tenant_has_one_rate_for_all_of_its_tokens(void **state)
{
	(void)state;
	begin();
	limit(1, 3); /* its two tokens were asked for: two are spent */
	(void)drain(100, "of acme");
	(void)drain(2000, "of acme, too");
	assert_true(may_ingest(4000, "of zeta"));
	assert_all_is_done();
}

/* Goal: an answer in pieces, a stream that asks again, is one request. */
static void what_goes_on_is_not_counted(void **state)
{
	struct oap_request request;

	(void)state;
	begin();
	limit(1, 2);
	(void)drain(100, "of acme");
	request = ingest_of("of acme", GOOD_BODY);
	request.is_again = 1;
	for (unsigned i = 0; i < 20; i++) {
		assert_true(is_let_in(2000 + i, &request));
	}
	request.is_again = 2;
	harness_send_request(edge, 3000, &request);
	harness_expect_accusation(edge, OAP_REQUEST, ERR_MALFORMED);
}

/* Goal: a long body is refused before it is read, and counted once though it passes twice. */
static void a_long_body_is_counted_once(void **state)
{
	struct oap_request request;
	struct oap_proceed proceed;
	struct oap_body piece;

	(void)state;
	begin();
	limit(1, 50);
	request = ingest_of("of zeta", GOOD_BODY);
	piece = (struct oap_body){ .bytes = request.body };
	request.body = (struct slice){ NULL, 0 };
	for (unsigned i = 0; i < 40; i++) {
		ask(100 + i, &request);
		assert_int_equal(harness_expect_proceed(edge, &proceed), 100 + i);
		harness_send_body(edge, 100 + i, &piece);
		(void)expect_submit(100 + i);
	}
	(void)drain(1000, "of zeta");
	assert_false(is_let_in(3000, &request));
	assert_all_is_done();
}

static void each_prevalidator_keeps_its_share_and_zero_is_no_limit(void **state)
{
	struct oap_refused refused;

	(void)state;
	h.config.concurrency_prevalidators = 4;
	begin();
	for (unsigned i = 0; i < 40; i++) {
		assert_true(may_ingest(100 + i, "of acme"));
	}
	limit(8, 8);
	for (unsigned i = 0;; i++) {
		assert_true(i < TRIES_MAX);
		ask_ingest(1000 + i, "of zeta");
		harness_settle(&h);
		if (harness_is_silent(sequencer)) {
			break;
		}
		(void)expect_submit(1000 + i);
	}
	(void)harness_expect_refused(edge, &refused);
	assert_int_equal(refused.rate_limit, 2);
	assert_int_equal(refused.rate_reset_s, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_tenant_has_one_rate_for_all_of_its_tokens),
		TEST(what_goes_on_is_not_counted),
		TEST(a_long_body_is_counted_once),
		TEST(each_prevalidator_keeps_its_share_and_zero_is_no_limit),
	};

	return cmocka_run_group_tests_name("prevalidator tenants", tests, NULL, NULL);
}
