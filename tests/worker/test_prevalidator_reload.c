/* A reload, as a prevalidator sees it. */
#include "tests/worker/prevalidator_driver.h"

#define LARGE_BYTES 2000u

static void ask_large(uint64_t ticket, uint64_t generation)
{
	static char body[LARGE_BYTES + 1];
	struct oap_request request;

	memset(body, 'x', LARGE_BYTES);
	request = ingest_of("token", body);
	request.config_generation = generation;
	ask(ticket, &request);
}

/* The body is no JSON, which the sequencer is told: it was let in. */
static void expect_read(uint64_t ticket)
{
	(void)expect_submit(ticket);
}

static void expect_too_large(uint64_t ticket)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_int_equal(refused.status, 413);
}

/* Goal: a request is judged by the bound that its edge let it in by, whichever of us two heard of
 * the reload first. */
static void a_body_is_judged_by_the_generation_of_its_head(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "");
	h.config.limits_max_body_bytes = 1024;
	ask_large(10, 1);
	expect_read(10);
	harness_prepare(&h, 2, 0);
	ask_large(11, 1);
	expect_read(11);
	ask_large(12, 2); /* its edge has had COMMIT already */
	expect_too_large(12);
	harness_commit(&h, 2);
	warm("token", "");
	ask_large(13, 1); /* it was on its way */
	expect_read(13);
	ask_large(14, 2);
	expect_too_large(14);
	ask_large(15, 0); /* nobody's */
	expect_too_large(15);
	h.config.limits_max_body_bytes = 1048576;
	harness_reload(&h);
	warm("token", "");
	ask_large(16, 3);
	expect_read(16);
	ask_large(17, 1); /* two reloads ago: as any other */
	expect_read(17);
	assert_all_is_done();
}

/* Goal: kms.cache_ttl bounds how long a revocation takes for reads from the reload on. */
static void grants_that_were_kept_are_asked_for_again(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "");
	h.config.kms_cache_ttl_ms = 10;
	harness_reload(&h);
	ask_ingest(20, "token");
	grant("token", "");
	(void)expect_submit(20);
	assert_all_is_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_body_is_judged_by_the_generation_of_its_head, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			grants_that_were_kept_are_asked_for_again, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("prevalidator reload", tests, NULL, NULL);
}
