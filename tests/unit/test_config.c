#include "common/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/config_value.h"

static struct config_load load;

static bool apply_file(const char *text)
{
	struct slice slice = { .bytes = (const uint8_t *)text, .bytes_count = strlen(text) };

	return config_apply_file(&load, slice, "test.toml");
}

static bool apply_env(const char *one, const char *two)
{
	char first[512], second[512];
	char *environment[] = { first, second, NULL };

	(void)snprintf(first, sizeof first, "%s", one);
	(void)snprintf(second, sizeof second, "%s", two != NULL ? two : "PATH=/bin");
	return config_apply_env(&load, environment);
}

static void expect_problem(const char *where, const char *text)
{
	assert_int_equal(load.problems_count, 1);
	assert_string_equal(load.problems[0].where, where);
	if (strstr(load.problems[0].text, text) == NULL) {
		fail_msg("want '%s' in '%s'", text, load.problems[0].text);
	}
}

/* ---- the table ---- */

static void every_default_is_valid_and_canonical(void **state)
{
	(void)state;
	config_init(&load);
	assert_true(config_check(&load));
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		char text[CONFIG_VALUE_TEXT_BYTES_MAX];
		union config_value value;

		config_value_get(config_key_at(id), &load.config, &value);
		config_value_print(config_key_at(id), &value, text);
		assert_string_equal(text, config_key_at(id)->preset);
	}
}

#define NAMES_MAX 1024 /* enough for all rows and refused names */

static void count_name(
	char names[][CONFIG_ENV_NAME_BYTES_MAX], size_t *count, const char *name, size_t bytes)
{
	assert_true(*count < NAMES_MAX && bytes < CONFIG_ENV_NAME_BYTES_MAX);
	memcpy(names[*count], name, bytes);
	names[*count][bytes] = '\0';
	for (size_t i = 0; i < *count; i++) {
		if (strcmp(names[i], names[*count]) == 0) {
			fail_msg("%s is there twice", names[i]);
		}
	}
	(*count)++;
}

static void count_names(char names[][CONFIG_ENV_NAME_BYTES_MAX], size_t *count, const char *list)
{
	const char *word = NULL;
	size_t bytes = 0;

	while (config_key_next_word(&list, ' ', &word, &bytes)) {
		count_name(names, count, word, bytes);
	}
}

/* Goal: a key, an environment name and a flag mean one thing each, among rows and refused
 * names alike. */
static void every_name_is_there_once(void **state)
{
	static char names[NAMES_MAX][CONFIG_ENV_NAME_BYTES_MAX];
	size_t count = 0;

	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		char env_name[CONFIG_ENV_NAME_BYTES_MAX];

		config_key_env_name(id, env_name);
		count_name(names, &count, key->name, strlen(key->name));
		count_name(names, &count, env_name, strlen(env_name));
		count_names(names, &count, key->env_names);
		count_names(names, &count, key->flags);
	}
#define AS_COUNT(name, env_names, flags, why)          \
	count_name(names, &count, name, strlen(name)); \
	count_names(names, &count, env_names);         \
	count_names(names, &count, flags);
	CONFIG_DROPPED(AS_COUNT)
#undef AS_COUNT
	assert_true(count > 200);
}

static void rows_are_told_to_processes_and_explained(void **state)
{
	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		size_t bytes = strlen(key->sentence);

		assert_true(key->readers != 0);
		assert_int_equal(key->readers & CONFIG_FOR(CLIENT), 0);
		assert_true(key->readers < 1u << PROCESS_COUNT);
		assert_true(bytes > 10 && key->sentence[bytes - 1] == '.');
		assert_string_equal(config_key_name((enum config_key_id)id), key->name);
		assert_int_equal(config_key_readers((enum config_key_id)id), key->readers);
		assert_int_equal(config_key_reload((enum config_key_id)id), key->reload);
	}
}

/* ---- precedence ---- */

static bool apply_source(enum config_rank rank)
{
	switch (rank) {
	case CONFIG_FROM_FILE:
		return apply_file("[limits]\nrps = 1\n[kms]\ntimeout = \"1m\"");
	case CONFIG_FROM_ENV:
		return apply_env("SVC_WALLET_RPS=2", "MACRO_LIMITS_RPS=2");
	case CONFIG_FROM_FLAG:
		return config_apply_flag(&load, "limits.rps", "3");
	case CONFIG_FROM_DEFAULT:
		break;
	}
	return true;
}

static void the_stronger_source_wins_in_every_order(void **state)
{
	static const enum config_rank orders[][3] = {
		{ CONFIG_FROM_FILE, CONFIG_FROM_ENV, CONFIG_FROM_FLAG },
		{ CONFIG_FROM_FILE, CONFIG_FROM_FLAG, CONFIG_FROM_ENV },
		{ CONFIG_FROM_ENV, CONFIG_FROM_FILE, CONFIG_FROM_FLAG },
		{ CONFIG_FROM_ENV, CONFIG_FROM_FLAG, CONFIG_FROM_FILE },
		{ CONFIG_FROM_FLAG, CONFIG_FROM_FILE, CONFIG_FROM_ENV },
		{ CONFIG_FROM_FLAG, CONFIG_FROM_ENV, CONFIG_FROM_FILE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(orders); i++) {
		enum config_rank strongest = CONFIG_FROM_DEFAULT;

		config_init(&load);
		for (size_t step = 0; step < 3; step++) {
			assert_true(apply_source(orders[i][step]));
			strongest = orders[i][step] > strongest ? orders[i][step] : strongest;
			assert_int_equal(load.config.limits_rps, strongest);
			assert_int_equal(load.sources[CONFIG_KEY_limits_rps].rank, strongest);
		}
		assert_int_equal(load.config.kms_timeout_ms, 60000);
	}
}

static void a_wrong_value_is_a_problem_even_where_a_stronger_source_is_right(void **state)
{
	(void)state;
	config_init(&load);
	assert_true(config_apply_flag(&load, "limits.rps", "3"));
	assert_false(apply_file("[limits]\nrps = -1"));
	assert_int_equal(load.config.limits_rps, 3);
}

/* ---- messages ---- */

static void problems_name_place_expectation_and_finding(void **state)
{
	static const struct {
		const char *file, *where, *text;
	} cases[] = {
		{ "[api]\n  idle_timeout = \"60\"", "test.toml:2:18",
			"api.idle_timeout: expected a duration (ms, s, m, h) from 10ms to 1h, for "
			"example 1m; found \"60\"" },
		{ "[api]\nidle_timeout = 60", "test.toml:2:16",
			"from 10ms to 1h, for example 1m, in quotes; found an integer" },
		{ "[api]\nidel_timeout = \"1s\"", "test.toml:2:1",
			"there is no key api.idel_timeout; did you mean api.idle_timeout?" },
		{ "[api]\nrps = 1", "test.toml:2:1", "did you mean limits.rps?" },
		{ "[api]\nwhatever = 1", "test.toml:2:1", "there is no key api.whatever" },
		{ "[apii]\nx=1", "test.toml:1:2",
			"there is no section [apii]; did you mean [api]?" },
		{ "[quite_other]", "test.toml:1:2", "there is no section [quite_other]" },
		{ "api = 1", "test.toml:1:1", "expected one section [api]; found an integer" },
		{ "[[api]]", "test.toml:1:3", "expected one section [api]; found an array" },
		{ "[api.tls]\nx=1", "test.toml:1:6", "there is no key api.tls" },
		{ "bind_addr = \"x\"", "test.toml:1:1", "write it under [api] or [admin]" },
		{ "[tls]\nmin_version = '1.2'", "test.toml:2:1",
			"tls.min_version is not used, because TLS 1.3" },
		{ "[queues]\ncommit = 1", "test.toml:2:1", "queues.commit is not used, because" },
		{ "[uds]\nallow_uids = [1, \"x\"]", "test.toml:2:18", "found a string" },
		{ "[api]\nhost_names = [\"a,b\"]", "test.toml:2:15", "expected a list of" },
		{ "[api]\nhost_names = [\"\"]", "test.toml:2:15", "expected a list of" },
		{ "[api]\nmax_conns = 1\nmax_conns = 2", "test.toml:3:1", "is there twice" },
		{ "[api]\nmax_conns = 1 2", "test.toml:2:15", "expected the end of the line" },
		{ "[limits]\n\"r\\u0000ps\" = 1", "test.toml:2:1", "limits.r?ps" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		config_init(&load);
		assert_false(apply_file(cases[i].file));
		expect_problem(cases[i].where, cases[i].text);
	}
}

/* ---- the environment and flags ---- */

static void every_environment_name_sets_its_key(void **state)
{
	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const char *list = config_key_at(id)->env_names, *word = NULL;
		size_t bytes = 0;

		while (config_key_next_word(&list, ' ', &word, &bytes)) {
			char variable[512];

			(void)snprintf(variable, sizeof variable, "%.*s=%s", (int)bytes, word,
				config_key_at(id)->preset);
			config_init(&load);
			assert_true(apply_env(variable, NULL));
			assert_int_equal(load.sources[id].rank, CONFIG_FROM_ENV);
		}
	}
}

static void names_of_one_key_must_agree(void **state)
{
	(void)state;
	config_init(&load);
	assert_true(apply_env("RON_HTTP_ADDR=127.0.0.1:1", "MACRO_BIND_ADDR=127.0.0.1:1"));
	assert_true(apply_env("RON_LEDGER_KMS_TIMEOUT=60s", "MACRO_KMS_TIMEOUT=1m"));
	config_init(&load);
	assert_false(apply_env("RON_HTTP_ADDR=127.0.0.1:1", "MACRO_BIND_ADDR=127.0.0.1:2"));
	expect_problem(
		"environment MACRO_BIND_ADDR", "admin.bind_addr: RON_HTTP_ADDR says otherwise");
}

static void unknown_variables_with_our_prefixes_are_problems(void **state)
{
	(void)state;
	config_init(&load);
	assert_true(apply_env("RON_CONFIG=/x", "MACRONODE_X=1"));
	assert_true(apply_env("RON_SOMETHING=1", "NOEQUALS"));
	assert_false(apply_env("RON_LEDGER_BIND_ADR=127.0.0.1:1", NULL));
	expect_problem("environment RON_LEDGER_BIND_ADR", "did you mean RON_LEDGER_BIND_ADDR?");
	config_init(&load);
	assert_false(apply_env("MACRO_QQQQQQQQQQQQQQ=1", NULL));
	expect_problem("environment MACRO_QQQQQQQQQQQQQQ", "there is no such setting");
	config_init(&load);
	assert_false(apply_env("RON_LEDGER_WAL_DIR=/x", NULL));
	expect_problem("environment RON_LEDGER_WAL_DIR", "not used, because");
	config_init(&load);
	assert_true(apply_env("RON_AMNESIA=1", "AMNESIA=on"));
	assert_true(load.config.amnesia_enabled);
	assert_false(apply_env("RON_AMNESIA=1", "MACRO_AMNESIA=off"));
	expect_problem("environment MACRO_AMNESIA", "RON_AMNESIA says otherwise");
}

static void every_flag_is_known_and_sets_its_key(void **state)
{
	bool wants_value = false;

	(void)state;
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const char *flag = config_key_at(id)->flags;

		if (flag[0] == '\0') {
			continue;
		}
		config_init(&load);
		assert_true(config_knows_flag(flag, &wants_value));
		assert_true(wants_value == (config_key_at(id)->type != CONFIG_SWITCH));
		assert_true(config_apply_flag(&load, flag, config_key_at(id)->preset));
		assert_int_equal(load.sources[id].rank, CONFIG_FROM_FLAG);
		if (!wants_value) {
			assert_true(config_apply_flag(&load, flag, NULL));
			continue;
		}
		assert_false(config_apply_flag(&load, flag, NULL));
		expect_problem(load.problems[0].where, "a value must follow");
	}
	assert_false(config_knows_flag("--json", &wants_value));
	assert_false(config_knows_flag("", &wants_value));
	config_init(&load);
	assert_true(config_knows_flag("--no-tls", &wants_value));
	assert_false(config_apply_flag(&load, "--no-tls", NULL));
	expect_problem("flag --no-tls", "not used, because it is tls.enabled");
	config_init(&load);
	assert_true(config_apply_flag(&load, "sandbox.require", NULL));
	assert_true(load.config.sandbox_require);
	assert_false(config_apply_flag(&load, "no.such", "1"));
}

/* ---- rules ---- */

#define TLS_GOOD "[tls]\nenabled=true\ncert_path='/c'\nkey_path='/k'\n"

static void check_refuses_what_no_row_can_say(void **state)
{
	static const struct {
		const char *file, *where, *text;
	} cases[] = {
		{ "[api]\nbind_addr='0.0.0.0:80'", "test.toml:2:11", "a loopback address" },
		{ "[admin]\nbind_addr='[::]:80'", "test.toml:2:11", "or tls.enabled" },
		{ "[api]\nbind_addr='192.168.0.1:1'", "test.toml:2:11", "or tls.enabled" },
		{ "[api]\nbind_addr='192.168.0.1:1'\n" TLS_GOOD "listeners='admin'",
			"test.toml:2:11", "tls.listeners all or api" },
		{ "[admin]\nbind_addr='192.168.0.1:1'\n" TLS_GOOD "listeners='api'",
			"test.toml:2:11", "tls.listeners all or admin" },
		{ "[admin]\nbind_addr='192.168.0.1:1'\n" TLS_GOOD, "test.toml:2:11",
			"tls.client_ca_path" },
		{ "[tls]\nenabled=true\nkey_path='/k'", "test.toml:2:9", "tls.cert_path" },
		{ "[tls]\nenabled=true\ncert_path='/c'", "test.toml:2:9", "tls.key_path" },
		{ TLS_GOOD "mtls_required=true", "test.toml:5:15", "tls.client_ca_path" },
		{ "[pq]\nmode='hybrid'", "test.toml:2:6", "expected off, or tls.enabled" },
		{ "[api]\nbind_addr='127.0.0.1:8080'", "test.toml:2:11", "two listeners" },
		{ "[node]\nrestart_min='501ms'", "test.toml:2:13", "node.restart_max" },
		{ "[node]\nrestart_max='6s'", "test.toml:2:13", "node.restart_cap" },
		{ "[node]\nname='a b'", "test.toml:2:6", "without blanks" },
		{ "[node]\nname='a+b'", "test.toml:2:6", "without blanks" },
		{ "[node]\nuid_base=999", "test.toml:2:10", "from 1000" },
		{ "[node]\ndata_dir='/run/macronode'", "test.toml:2:10", "two directories" },
		{ "[engine]\nmode='persistent'\n[amnesia]\nenabled=true", "test.toml:2:6",
			"engine.mode is persistent" },
		{ "[engine]\nmode='amnesia'\n[amnesia]\nenabled=false", "test.toml:2:6",
			"amnesia.enabled is false" },
		{ "[log]\nfile='/x'\n[amnesia]\nenabled=true", "test.toml:2:6",
			"the log goes to standard output" },
		{ "[amnesia]\nenabled=true\nsize='303MiB'", "test.toml:3:6",
			"48 MiB more than engine.disk_reserve" },
		{ "[amnesia]\nenabled=true\n[engine]\ndisk_reserve='1GiB'", "test.toml:4:14",
			"48 MiB more than engine.disk_reserve" },
		{ "[amnesia]\nenabled=true\n[node]\n"
		  "name='123456789.123456789.123456789.123456789.12345678'",
			"test.toml:4:6", "at most 47 bytes" },
	};
	static const char good[] =
		"[api]\nbind_addr='127.9.9.9:0'\n[admin]\nbind_addr='[::1]:0'\n"
		"[node]\nrestart_min='1ms'\nrestart_max='1ms'\nrestart_cap='1ms'\nuid_base=47000\n"
		"name='ledger.example/1'";

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		config_init(&load);
		assert_true(apply_file(cases[i].file));
		assert_false(config_check(&load));
		expect_problem(cases[i].where, cases[i].text);
	}
	config_init(&load);
	assert_true(apply_file(good));
	assert_true(config_check(&load));
	config_init(&load);
	assert_true(
		apply_file("[api]\nbind_addr='0.0.0.0:1'\n[admin]\nbind_addr='[::]:2'\n" TLS_GOOD
			   "client_ca_path='/ca'\nmtls_required=true\n[pq]\nmode='pq-only'"));
	assert_true(config_check(&load));
}

/* Either key alone is enough, whichever source it is from, and both say so afterwards. */
static void amnesia_is_one_thing_with_two_keys(void **state)
{
	static const struct {
		const char *key, *value;
	} cases[] = { { "--engine", "amnesia" }, { "--amnesia", NULL },
		{ "amnesia.enabled", "true" } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		config_init(&load);
		assert_true(apply_file("[amnesia]\nsize='304MiB'\n[node]\n"
				       "name='123456789.123456789.123456789.123456789.1234567'"));
		assert_true(config_apply_flag(&load, cases[i].key, cases[i].value));
		assert_true(config_check(&load));
		assert_true(load.config.amnesia_enabled);
		assert_int_equal(load.config.engine_mode, CONFIG_ENGINE_AMNESIA);
		assert_int_equal(load.sources[CONFIG_KEY_engine_mode].rank, CONFIG_FROM_FLAG);
		assert_int_equal(load.sources[CONFIG_KEY_amnesia_enabled].rank, CONFIG_FROM_FLAG);
	}
	config_init(&load);
	assert_true(apply_file("[engine]\nmode='persistent'\n[log]\nfile='/x'"));
	assert_true(config_apply_flag(&load, "amnesia.enabled", "false"));
	assert_true(config_check(&load));
	config_init(&load);
	assert_true(apply_file("[engine]\nmode='persistent'"));
	assert_true(config_apply_flag(&load, "--amnesia", NULL));
	assert_false(config_check(&load));
	expect_problem("flag --amnesia", "engine.mode is persistent");
}

static void automatic_counts_follow_the_processors(void **state)
{
	static const struct {
		unsigned processors, ingress, prevalidators;
	} cases[] = { { 0, 1, 1 }, { 1, 1, 1 }, { 2, 1, 1 }, { 4, 1, 2 }, { 8, 2, 2 },
		{ 1024, INGRESS_MAX, 2 } };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		config_init(&load);
		config_resolve(&load.config, cases[i].processors);
		assert_int_equal(load.config.concurrency_ingress_workers, cases[i].ingress);
		assert_int_equal(load.config.concurrency_prevalidators, cases[i].prevalidators);
	}
	load.config.concurrency_prevalidators = 7;
	config_resolve(&load.config, 2);
	assert_int_equal(load.config.concurrency_prevalidators, 7);
}

/* ---- telling a process ---- */

static const char busy_file[] =
	"[node]\nname='n/1'\ndata_dir='/d'\nrun_dir='/r'\ndrain_timeout='1s'\n"
	"[api]\nbind_addr='[::1]:1'\nhost_names=['a.b','c']\n[uds]\nallow_uids=[0,4294967294]\n"
	"[wallet]\nmax_amount_per_op='8'\ndaily_ceiling='900'\nmax_account_total='1_000'\n"
	"idempotency_ttl='2h'\nidem_capacity=2048\n[log]\nlevel='debug'\n[sandbox]\nrequire=true\n"
	"[engine]\nhash='blake3'\ndisk_reserve='3GiB'\n";

static void a_process_gets_its_keys_and_no_others(void **state)
{
	static struct config got, nothing;
	static uint8_t bytes[8192];

	(void)state;
	config_init(&load);
	assert_true(apply_file(busy_file));
	for (unsigned process = 1; process < PROCESS_COUNT; process++) {
		size_t count = 0;

		assert_int_equal(config_encode_for(&load.config, (enum process)process, bytes,
					 sizeof bytes, &count),
			ERR_OK);
		memset(&got, 0xEE, sizeof got);
		assert_int_equal(
			config_decode((struct slice){ bytes, count }, (enum process)process, &got),
			ERR_OK);
		for (unsigned id = 0; id < CONFIG_KEY_COUNT; id++) {
			bool told = (config_key_at(id)->readers & 1u << process) != 0;

			assert_false(config_key_differs(
				(enum config_key_id)id, &got, told ? &load.config : &nothing));
		}
	}
}

static void a_told_config_decodes_only_when_whole(void **state)
{
	static struct config got;
	static uint8_t bytes[8192];
	size_t count = 0;

	(void)state;
	config_init(&load);
	assert_int_equal(
		config_encode_for(&load.config, PROCESS_SEQUENCER, bytes, sizeof bytes, &count),
		ERR_OK);
	for (size_t cut = 0; cut <= count + 1; cut++) {
		enum err want = cut == count ? ERR_OK : ERR_MALFORMED;

		assert_int_equal(
			config_decode((struct slice){ bytes, cut }, PROCESS_SEQUENCER, &got), want);
	}
	for (size_t room = 0; room < count; room++) {
		size_t unused;

		assert_int_equal(
			config_encode_for(&load.config, PROCESS_SEQUENCER, bytes, room, &unused),
			ERR_TOO_LARGE);
	}
	assert_int_equal(
		config_encode_for(&load.config, PROCESS_SEQUENCER, bytes, sizeof bytes, &count),
		ERR_OK);
	assert_int_equal(
		config_decode((struct slice){ bytes, count }, PROCESS_KMS, &got), ERR_MALFORMED);
	bytes[0] ^= 1;
	assert_int_equal(
		config_decode((struct slice){ bytes, count }, PROCESS_SEQUENCER, &got), ERR_STALE);
}

static void differences_are_seen_key_by_key(void **state)
{
	static struct config_load other;

	(void)state;
	config_init(&load);
	other = load;
	assert_true(config_apply_flag(&load, "--log-level", "warn"));
	for (unsigned id = 0; id < CONFIG_KEY_COUNT; id++) {
		assert_int_equal(
			config_key_differs((enum config_key_id)id, &load.config, &other.config),
			id == CONFIG_KEY_log_level);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_default_is_valid_and_canonical),
		cmocka_unit_test(every_name_is_there_once),
		cmocka_unit_test(rows_are_told_to_processes_and_explained),
		cmocka_unit_test(the_stronger_source_wins_in_every_order),
		cmocka_unit_test(a_wrong_value_is_a_problem_even_where_a_stronger_source_is_right),
		cmocka_unit_test(problems_name_place_expectation_and_finding),
		cmocka_unit_test(every_environment_name_sets_its_key),
		cmocka_unit_test(names_of_one_key_must_agree),
		cmocka_unit_test(unknown_variables_with_our_prefixes_are_problems),
		cmocka_unit_test(every_flag_is_known_and_sets_its_key),
		cmocka_unit_test(check_refuses_what_no_row_can_say),
		cmocka_unit_test(amnesia_is_one_thing_with_two_keys),
		cmocka_unit_test(automatic_counts_follow_the_processors),
		cmocka_unit_test(a_process_gets_its_keys_and_no_others),
		cmocka_unit_test(a_told_config_decodes_only_when_whole),
		cmocka_unit_test(differences_are_seen_key_by_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
