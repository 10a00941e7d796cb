#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/attestation.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/hex.h"

/* spec/rewarder.md sections 9.12 and 9.17. */
static const char golden_message[] =
	"{\"commitment\":\"b3:c55b6233a984ddeec128dd303302b367217287dc5ed2da260b6147cfcccae75b\","
	"\"domain\":\"ron.rewarder.attest.v1\",\"epoch_id\":\"2025-10-01\",\"idempotency_key\":"
	"\"b3:93e6c5bdc98d198f6df72109d06fcc3013e270455fe41e433ff52adb8ae4bd9e\",\"policy_hash\":"
	"\"b3:3f2fa825dbdaa8c0629208b8ea9e058971cb59dae619fc81faec8dd48d5ad2c5\",\"run_key\":"
	"\"699ccc18c1f41deb\",\"signed_at\":\"2025-10-01T12:34:56Z\",\"status\":\"ok\","
	"\"tenant\":\"acme\",\"totals\":{\"payout_minor_units\":\"999\",\"pool_minor_units\":"
	"\"1001\",\"residual_minor_units\":\"2\"}}";
static const char golden_signature[] =
	"Up/O4H5PjIdgg+QPVVL+GiXci+ukOmkCWrJ0WMJ3Mbxt73OQlUH3mh/Tc7X2"
	"fIMSOcx65tbtqbB/nyGSUPqWAg==";

static struct hash hash_of(const char *hex)
{
	struct hash hash;

	assert_int_equal(hex_decode(hex, strlen(hex), hash.bytes, HASH_BYTES), ERR_OK);
	return hash;
}

static struct attestation golden(void)
{
	return (struct attestation){
		.status = ATTESTATION_OK,
		.tenant = ENTRY_VIEW("acme"),
		.epoch = ENTRY_VIEW("2025-10-01"),
		.run_key =
			hash_of("699ccc18c1f41deb42fba707306312008c2aefd346973d47b3f09e4d9b580df5"),
		.idempotency_key =
			hash_of("93e6c5bdc98d198f6df72109d06fcc3013e270455fe41e433ff52adb8ae4bd9e"),
		.commitment =
			hash_of("c55b6233a984ddeec128dd303302b367217287dc5ed2da260b6147cfcccae75b"),
		.policy_hash =
			hash_of("3f2fa825dbdaa8c0629208b8ea9e058971cb59dae619fc81faec8dd48d5ad2c5"),
		.pool = 1001,
		.payout = 999,
		.residual = 2,
		.signed_at_unix_s = 1759322096,
	};
}

static void expect_message(const struct attestation *attestation, const char *part)
{
	uint8_t text[ATTESTATION_BYTES_MAX + 1] = { 0 };
	size_t bytes = 0;

	assert_int_equal(attestation_print(attestation, text, &bytes), ERR_OK);
	assert_int_equal(strlen((const char *)text), bytes);
	if (strstr((const char *)text, part) == NULL) {
		fail_msg("%s is not in %s", part, (const char *)text);
	}
}

static void expect_refused(struct attestation attestation)
{
	uint8_t text[ATTESTATION_BYTES_MAX];
	size_t bytes = 0;

	assert_int_equal(attestation_print(&attestation, text, &bytes), ERR_MALFORMED);
}

static void the_golden_run_has_the_golden_message(void **state)
{
	uint8_t text[ATTESTATION_BYTES_MAX];
	struct attestation run = golden();
	size_t bytes = 0;

	(void)state;
	assert_int_equal(attestation_print(&run, text, &bytes), ERR_OK);
	assert_int_equal(bytes, 499);
	assert_int_equal(bytes, sizeof golden_message - 1);
	assert_memory_equal(text, golden_message, bytes);
}

static void the_golden_key_signs_it_as_the_golden_signature(void **state)
{
	uint8_t seed[32], public_key[32], secret_key[64], signature[64],
		text[ATTESTATION_BYTES_MAX];
	char spelled[BASE64_TEXT_BYTES(64) + 1];
	struct attestation run = golden();
	struct hash known =
		hash_of("03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8");
	size_t bytes = 0;

	(void)state;
	for (uint8_t i = 0; i < sizeof seed; i++) {
		seed[i] = i;
	}
	assert_int_equal(crypto_sign_seed_keypair(public_key, secret_key, seed), 0);
	assert_memory_equal(public_key, known.bytes, sizeof public_key);
	assert_int_equal(attestation_print(&run, text, &bytes), ERR_OK);
	assert_int_equal(crypto_sign_detached(signature, NULL, text, bytes, secret_key), 0);
	(void)base64_encode(signature, sizeof signature, spelled);
	assert_string_equal(spelled, golden_signature);
}

static void a_run_is_signed_at_any_second_of_the_calendar(void **state)
{
	static const struct {
		uint64_t unix_s;
		const char *text;
	} cases[] = {
		{ 0, "\"1970-01-01T00:00:00Z\"" },
		{ 951782399, "\"2000-02-28T23:59:59Z\"" },
		{ 951782400, "\"2000-02-29T00:00:00Z\"" },
		{ 951868800, "\"2000-03-01T00:00:00Z\"" },
		{ 4107542400, "\"2100-03-01T00:00:00Z\"" },
		{ 1735689599, "\"2024-12-31T23:59:59Z\"" },
		{ ATTESTATION_UNIX_S_MAX, "\"9999-12-31T23:59:59Z\"" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		struct attestation run = golden();

		run.signed_at_unix_s = cases[i].unix_s;
		expect_message(&run, cases[i].text);
	}
}

static void a_quarantined_run_owes_nothing(void **state)
{
	struct attestation run = golden();

	(void)state;
	run.status = ATTESTATION_QUARANTINED;
	run.residual = 0;
	expect_message(&run, "\"status\":\"quarantined\"");
	run.payout = 2000; /* that is why it is quarantined */
	expect_message(&run, "\"payout_minor_units\":\"2000\"");
}

static void the_longest_names_and_numbers_fit(void **state)
{
	char tenant[INTENT_TENANT_BYTES_MAX], epoch[INTENT_EPOCH_BYTES_MAX];
	struct attestation run = golden();

	(void)state;
	memset(tenant, 't', sizeof tenant);
	memset(epoch, 'e', sizeof epoch);
	run.tenant = (struct slice){ (const uint8_t *)tenant, sizeof tenant };
	run.epoch = (struct slice){ (const uint8_t *)epoch, sizeof epoch };
	run.pool = run.payout = U128_MAX;
	run.residual = 0;
	expect_message(&run, "340282366920938463463374607431768211455");
}

static void what_is_no_run_is_refused(void **state)
{
	struct attestation run;

	(void)state;
	run = golden(), run.status = (enum attestation_status)0, expect_refused(run);
	run = golden(), run.status = (enum attestation_status)3, expect_refused(run);
	run = golden(), run.tenant = ENTRY_VIEW(""), expect_refused(run);
	run = golden(), run.tenant = ENTRY_VIEW("a\"b"), expect_refused(run);
	run = golden(), run.epoch = ENTRY_VIEW("2025 10"), expect_refused(run);
	run = golden(), run.payout = 1002, run.residual = 0, expect_refused(run);
	run = golden(), run.residual = 3, expect_refused(run);
	run = golden(), run.signed_at_unix_s = ATTESTATION_UNIX_S_MAX + 1, expect_refused(run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_run_has_the_golden_message),
		cmocka_unit_test(the_golden_key_signs_it_as_the_golden_signature),
		cmocka_unit_test(a_run_is_signed_at_any_second_of_the_calendar),
		cmocka_unit_test(a_quarantined_run_owes_nothing),
		cmocka_unit_test(the_longest_names_and_numbers_fit),
		cmocka_unit_test(what_is_no_run_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
