#include "cli/caveats.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/caveat.h"

#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *stub)              \
	{                                           \
		(void)stub;                         \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

static struct cli cli;
static struct caveats caveats;

static bool make(char *option, char *value)
{
	char command[] = "macronode", cap[] = "cap", mint[] = "mint";
	char *words[] = { command, cap, mint, option, value };

	assert_true(cli_parse(5, words, &cli));
	return caveats_from_options(&cli, &caveats);
}

static bool make_text(const char *option, const char *value)
{
	static char option_copy[64], value_copy[1024];

	(void)snprintf(option_copy, sizeof option_copy, "%s", option);
	(void)snprintf(value_copy, sizeof value_copy, "%s", value);
	return make(option_copy, value_copy);
}

static void each_option_becomes_its_caveat(void **state)
{
	static const char *const rows[][3] = {
		{ "--action", "wallet.*,gov.mint", "action=wallet.*,gov.mint\n" },
		{ "--account", "acc_a*", "account=acc_a*\n" },
		{ "--asset", "ron", "asset=ron\n" },
		{ "--kind", "Transfer,Mint", "kind=Transfer,Mint\n" },
		{ "--amount", "100", "amount<=100\n" },
		{ "--daily", "1000", "daily<=1000\n" },
		{ "--tenant", "t1", "tenant=t1\n" },
		{ "--method", "POST", "method=POST\n" },
		{ "--path", "/ingest", "path=/ingest\n" },
		{ "--max-bytes", "65536", "max-bytes=65536\n" },
		{ "--epoch", "e1", "epoch=e1\n" },
		{ "--nbf", "2027-01-15T08:00:00Z", "nbf=1800000000\n" },
		{ "--exp", "1800000000", "exp=1800000000\n" },
		{ "--ttl", "24h", "ttl=86400\n" },
		{ "--peer-uid", "1000", "peer-uid=1000\n" },
		{ "--node", "macronode.local/x", "node=macronode.local/x\n" },
		{ "--caveat", "amount<=7", "amount<=7\n" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_true(make_text(rows[i][0], rows[i][1]));
		assert_int_equal(caveats.count, 1);
		assert_int_equal(caveats.bytes_count, strlen(rows[i][2]));
		assert_memory_equal(caveats.text, rows[i][2], caveats.bytes_count);
		assert_int_equal(caveats.lines[0].bytes_count, caveats.bytes_count - 1);
	}
}

static void a_value_that_is_none_is_refused_with_the_nearest(void **state)
{
	(void)state;
	assert_false(make_text("--action", "wallet.reed"));
	assert_non_null(strstr(caveats.error, "wallet.read"));
	assert_false(make_text("--ttl", "24"));
	assert_non_null(strstr(caveats.error, "--ttl"));
	assert_false(make_text("--exp", "tomorrow"));
	assert_false(make_text("--amount", "01"));
	assert_false(make_text("--account", "*"));
	assert_false(make_text("--caveat", "colour=red"));
}

static void durations_have_one_unit_and_are_not_zero(void **state)
{
	static const struct {
		const char *text;
		uint64_t seconds; /* 0: refused */
	} rows[] = {
		{ "1s", 1 },
		{ "90s", 90 },
		{ "15m", 900 },
		{ "24h", 86400 },
		{ "30d", 2592000 },
		{ "0s", 0 },
		{ "", 0 },
		{ "s", 0 },
		{ "1", 0 },
		{ "1ms", 0 },
		{ "-1s", 0 },
		{ "1.5h", 0 },
		{ " 1s", 0 },
		{ "1s ", 0 },
		{ "9999999999999999s", 0 },
		{ "999999999999999d", 0 },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint64_t seconds = 0;

		assert_int_equal(
			caveats_parse_duration(rows[i].text, &seconds), rows[i].seconds != 0);
		assert_int_equal(seconds, rows[i].seconds);
	}
}

static void times_are_seconds_or_utc(void **state)
{
	static const char *const bad[] = { "", "now", "2027-01-15", "2027-01-15T08:00:00",
		"2027-01-15T08:00:00+01:00", "2027-13-15T08:00:00Z", "1969-01-01T00:00:00Z",
		"253402300800", "1e9", "+1" };
	uint64_t unix_s = 0;

	(void)state;
	assert_true(caveats_parse_time("0", &unix_s));
	assert_true(caveats_parse_time("253402300799", &unix_s));
	assert_int_equal(unix_s, CAVEAT_UNIX_S_MAX);
	assert_true(caveats_parse_time("1970-01-01T00:00:01Z", &unix_s));
	assert_int_equal(unix_s, 1);
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(caveats_parse_time(bad[i], &unix_s));
	}
}

static uint32_t mask_of(const char *value)
{
	char text[CAVEAT_BYTES_MAX + 64];
	struct caveat caveat;
	int bytes = snprintf(text, sizeof text, "action=%s", value);

	assert_int_equal(caveat_parse((struct slice){ (uint8_t *)text, (size_t)bytes }, &caveat),
		CAVEAT_FAULT_OK);
	return caveat.mask;
}

/* Every action that there is, which is longer than a caveat: what a development token has. */
static void a_list_that_is_too_long_is_folded_to_the_same_actions(void **state)
{
	char list[1024] = "", folded[512];

	(void)state;
	for (unsigned i = 0; i < CAVEAT_ACTION_COUNT; i++) {
		(void)snprintf(list + strlen(list), sizeof list - strlen(list), "%s%s",
			i > 0 ? "," : "", caveat_action_name(i));
	}
	assert_true(strlen(list) + strlen("action=") > CAVEAT_BYTES_MAX);
	assert_true(caveats_fold_actions(list, folded, sizeof folded));
	assert_int_equal(mask_of(folded), (1u << CAVEAT_ACTION_COUNT) - 1);
	/* without one of a group, the others stand by their names */
	char *cut = strstr(list, ",audit.read");
	assert_non_null(cut);
	*cut = '\0';
	char *wallet = strstr(list, "wallet.issue,");
	assert_non_null(wallet);
	memmove(wallet, wallet + strlen("wallet.issue,"),
		strlen(wallet + strlen("wallet.issue,")) + 1);
	(void)strncat(list, ",ledger.ingest", sizeof list - strlen(list) - 1);
	assert_true(caveats_fold_actions(list, folded, sizeof folded));
	assert_int_equal(mask_of(folded), ((1u << CAVEAT_ACTION_COUNT) - 1) &
						  ~CAVEAT_ACTION_BIT(CAVEAT_ACTION_AUDIT_READ) &
						  ~CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_ISSUE));
}

static void a_list_that_fits_stays_as_it_was_written(void **state)
{
	char folded[512];

	(void)state;
	assert_true(caveats_fold_actions("audit.read", folded, sizeof folded));
	assert_string_equal(folded, "audit.read");
}

static void a_token_has_room_for_32_caveats_and_no_more(void **state)
{
	static char words[2 * 40][16];
	char command[] = "macronode", cap[] = "cap", mint[] = "mint";
	char *argv[3 + 2 * 40] = { command, cap, mint };

	(void)state;
	for (int count = TOKEN_CAVEATS_MAX; count <= (int)TOKEN_CAVEATS_MAX + 1; count++) {
		for (int i = 0; i < count; i++) {
			(void)snprintf(words[2 * i], 16, "--amount");
			(void)snprintf(words[2 * i + 1], 16, "%d", i + 1);
			argv[3 + 2 * i] = words[2 * i];
			argv[4 + 2 * i] = words[2 * i + 1];
		}
		assert_true(cli_parse(3 + 2 * count, argv, &cli));
		assert_int_equal(
			caveats_from_options(&cli, &caveats), count <= (int)TOKEN_CAVEATS_MAX);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_option_becomes_its_caveat),
		cmocka_unit_test(a_value_that_is_none_is_refused_with_the_nearest),
		cmocka_unit_test(durations_have_one_unit_and_are_not_zero),
		cmocka_unit_test(times_are_seconds_or_utc),
		cmocka_unit_test(a_list_that_is_too_long_is_folded_to_the_same_actions),
		cmocka_unit_test(a_list_that_fits_stays_as_it_was_written),
		cmocka_unit_test(a_token_has_room_for_32_caveats_and_no_more),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
