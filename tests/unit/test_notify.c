#include "supervisor/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct oap_readiness says(bool ready, bool degraded, const char *reason)
{
	return (struct oap_readiness){
		.ready = ready,
		.degraded = degraded,
		.reason = { (const uint8_t *)reason, strlen(reason) },
	};
}

static void a_path_and_an_abstract_name_are_addresses(void **state)
{
	struct sockaddr_un address;
	socklen_t bytes = 0;

	(void)state;
	assert_true(notify_address("/run/x", &address, &bytes));
	assert_string_equal(address.sun_path, "/run/x");
	assert_int_equal(bytes, offsetof(struct sockaddr_un, sun_path) + 7);
	assert_true(notify_address("@x/y", &address, &bytes));
	assert_memory_equal(address.sun_path, "\0x/y", 4);
	assert_int_equal(bytes, offsetof(struct sockaddr_un, sun_path) + 4);
}

static void what_is_neither_is_none(void **state)
{
	static const char *const wrong[] = { "", "/", "@", "run/x", "vsock:2:1", "x" };
	char longest[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1];
	struct sockaddr_un address;
	socklen_t bytes = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_false(notify_address(wrong[i], &address, &bytes));
	}
	memset(longest, 'a', sizeof longest);
	longest[0] = '/';
	longest[sizeof longest - 1] = '\0';
	assert_false(notify_address(longest, &address, &bytes));
	longest[sizeof longest - 2] = '\0';
	assert_true(notify_address(longest, &address, &bytes));
}

static void the_watchdog_is_for_the_process_that_it_names(void **state)
{
	uint64_t us = 77;

	(void)state;
	assert_true(notify_watchdog(NULL, NULL, 9, &us));
	assert_int_equal(us, 0);
	assert_true(notify_watchdog("30000000", NULL, 9, &us));
	assert_int_equal(us, 30000000);
	assert_true(notify_watchdog("1", "9", 9, &us));
	assert_int_equal(us, 1);
	assert_true(notify_watchdog("1", "8", 9, &us));
	assert_int_equal(us, 0);
}

static void a_watchdog_that_is_no_number_is_refused(void **state)
{
	static const char *const wrong[] = { "", "0", "-1", " 1", "1s", "0x10",
		"18446744073709551616" };
	uint64_t us = 77;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		assert_false(notify_watchdog(wrong[i], NULL, 9, &us));
		assert_int_equal(us, 0);
	}
	assert_false(notify_watchdog("1", "x", 9, &us));
}

static void the_status_is_a_word_and_the_reason(void **state)
{
	struct oap_readiness draining = says(false, true, "draining");
	struct oap_readiness ready = says(true, false, "");
	struct oap_readiness degraded = says(true, true, "crashing:wallet");
	struct oap_readiness starting = says(false, true, "starting:kms");
	char text[NOTIFY_STATUS_BYTES];

	(void)state;
	draining.draining = true;
	notify_status(&draining, text);
	assert_string_equal(text, "stopping");
	notify_status(&ready, text);
	assert_string_equal(text, "ready");
	notify_status(&degraded, text);
	assert_string_equal(text, "ready, degraded: crashing:wallet");
	notify_status(&starting, text);
	assert_string_equal(text, "not ready: starting:kms");
}

/* A reason is in part what a worker said: it must not become an assignment. */
static void a_reason_stays_on_its_line(void **state)
{
	struct oap_readiness evil = says(false, true, "safe_mode:x\nMAINPID=1\r\x7f\xc3\xa9");
	char text[NOTIFY_STATUS_BYTES];

	(void)state;
	notify_status(&evil, text);
	assert_string_equal(text, "not ready: safe_mode:x?MAINPID=1????");
}

static void the_longest_reason_fits(void **state)
{
	static uint8_t longest[VERB_TEXT_BYTES_MAX];
	struct oap_readiness readiness = { .reason = { longest, sizeof longest } };
	char text[NOTIFY_STATUS_BYTES];

	(void)state;
	memset(longest, 'r', sizeof longest);
	notify_status(&readiness, text);
	assert_int_equal(strlen(text), strlen("not ready: ") + sizeof longest);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_path_and_an_abstract_name_are_addresses),
		cmocka_unit_test(what_is_neither_is_none),
		cmocka_unit_test(the_watchdog_is_for_the_process_that_it_names),
		cmocka_unit_test(a_watchdog_that_is_no_number_is_refused),
		cmocka_unit_test(the_status_is_a_word_and_the_reason),
		cmocka_unit_test(a_reason_stays_on_its_line),
		cmocka_unit_test(the_longest_reason_fits),
	};

	return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
