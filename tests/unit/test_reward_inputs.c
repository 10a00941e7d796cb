/* What is wrong with documents: each fault is one change of the golden ones, and has its kind or
 * reason and its place. Also the grammars and the cost. */
#include "tests/reward_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define TEXT_BYTES 16384u

static struct reward_world world;

static const char policy[] =
	"{\"body\":{\"asset\":\"ron\",\"caps\":{\"actor_cap\":\"1000u\",\"category_cap\":{"
	"\"music\":"
	"\"400u\",\"video\":\"500u\"},\"epoch_cap\":\"250000u\"},\"emission_curve\":{\"base_per_"
	"epoch\":\"1000000u\",\"kind\":\"halving\",\"period_epochs\":100000},\"rounding\":"
	"\"floor\","
	"\"weights\":{\"subs\":0.7,\"views\":0.3}},\"id\":\"rev42\",\"version\":\"1.2.0\"}";
static const char accounting[] =
	"{\"actors\":3,\"epoch_id\":\"2025-10-01\",\"events\":3,\"kind\":\"ron.accounting."
	"snapshot\","
	"\"rows\":[{\"actor\":\"did:ron:alice\",\"category\":\"video\",\"counts\":{\"subs\":\"3\","
	"\"views\":\"10\"}},{\"actor\":\"did:ron:bob\",\"category\":\"music\",\"counts\":{\"subs\":"
	"\"1\",\"views\":\"5\"}},{\"actor\":\"did:ron:carol\",\"category\":\"video\",\"counts\":"
	"{\"subs\":\"3\",\"views\":\"2\"}}],\"tenant\":\"acme\",\"v\":1}";
static const char ledger[] =
	"{\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"kind\":\"ron.ledger.snapshot\",\"pool_"
	"account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":\"1001\",\"root\":"
	"\"000000000000"
	"0000000000000000000000000000000000000000000000000000\",\"seq\":1031,\"tenant\":\"acme\","
	"\"v\":1}";

/* `text` with the first `from` replaced; one of a few buffers in turn. */
static const char *changed(const char *text, const char *from, const char *to)
{
	static char buffers[4][TEXT_BYTES];
	static unsigned next;
	char *buffer = buffers[next++ % COUNT_OF(buffers)];
	const char *at = strstr(text, from);

	assert_non_null(at);
	(void)snprintf(
		buffer, TEXT_BYTES, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
	return buffer;
}

static struct reward_case usual(void)
{
	return (struct reward_case){
		.policy = policy,
		.ledger = ledger,
		.accounting = reward_slice(accounting),
	};
}

static void assert_detail(const char *part)
{
	if (strstr(world.run.facts.outcome.detail, part) == NULL) {
		fail_msg("'%s' is not in '%s'", part, world.run.facts.outcome.detail);
	}
}

/* Quarantined, and sealed: run.json and commitment are whole and know nothing of payments. */
static void assert_quarantined(struct reward_case given, enum reward_kind kind, const char *detail)
{
	struct reward_kept kept;
	struct hash commitment;

	assert_false(reward_world_run(&world, &given));
	assert_int_equal(world.run.facts.outcome.verdict, REWARD_QUARANTINED);
	assert_string_equal(reward_kind_name(world.run.facts.outcome.kind), reward_kind_name(kind));
	assert_detail(detail);
	reward_keys_commitment(&world.run.facts, &commitment);
	assert_memory_equal(&commitment, &world.run.facts.commitment, sizeof commitment);
	kept = reward_manifest_of(&world.run.facts);
	assert_non_null(strstr(kept.bytes, "{\"allocations\":[],"));
	assert_non_null(strstr(kept.bytes, "\"status\":\"quarantined\""));
	assert_non_null(strstr(kept.bytes, "\"payout_total_minor\":\"0\""));
	assert_non_null(strstr(kept.bytes, "\"delta_minor\":\"0\""));
	assert_non_null(strstr(kept.bytes, reward_kind_name(kind)));
	free(kept.bytes);
	reward_world_finish(&world);
}

static void assert_refused(
	struct reward_case given, enum reward_refusal refusal, const char *detail)
{
	assert_false(reward_world_run(&world, &given));
	assert_int_equal(world.run.facts.outcome.verdict, REWARD_REFUSED);
	assert_string_equal(
		reward_refusal_name(world.run.facts.outcome.refusal), reward_refusal_name(refusal));
	assert_detail(detail);
	reward_world_finish(&world);
}

struct change {
	const char *from;
	const char *to;
	const char *detail;
};

/* ---- the policy ---- */

static const struct change policy_changes[] = {
	{ "\"body\"", "\"boby\"", "byte 1: expected no member but those of this object" },
	{ ",\"id\":\"rev42\"", "", "expected the member id" },
	{ ",\"version\":\"1.2.0\"", "", "expected the member version" },
	{ ",\"version\":\"1.2.0\"", ",\"version\":\"1.2\"", "a version as 1.2.0" },
	{ ",\"version\":\"1.2.0\"", ",\"version\":\"1.02.0\"", "a version as 1.2.0" },
	{ ",\"version\":\"1.2.0\"", ",\"version\":\"1.2.0-\"", "a version as 1.2.0" },
	{ ",\"id\":\"rev42\"", ",\"id\":\"rev42\",\"id\":\"rev42\"", "once only the member id" },
	{ "\"rev42\"", "\"rev 42\"", "an id of 1 to 128 characters" },
	{ "\"rev42\"", "\"\"", "an id of 1 to 128 characters" },
	{ "\"rev42\"", "42", "an id of 1 to 128 characters" },
	{ "\"asset\":\"ron\"", "\"asset\":\"Ron\"", "byte 17: expected an asset of the ledger" },
	{ "\"asset\":\"ron\",", "", "expected the member asset" },
	{ "\"actor_cap\":\"1000u\",", "", "expected the member actor_cap" },
	{ ",\"epoch_cap\":\"250000u\"", "", "expected the member epoch_cap" },
	{ "\"1000u\"", "1000", "a decimal string of 0 to 2^127 - 1" },
	{ "\"1000u\"", "\"-1\"", "a decimal string of 0 to 2^127 - 1" },
	{ "\"1000u\"", "\"01000u\"", "a decimal string of 0 to 2^127 - 1" },
	{ "\"1000u\"", "\"1000uu\"", "a decimal string of 0 to 2^127 - 1" },
	{ "\"1000u\"", "\"u\"", "a decimal string of 0 to 2^127 - 1" },
	{ "\"1000u\"", "\"170141183460469231731687303715884105728u\"", "2^127 - 1 minor units" },
	{ "\"music\":\"400u\"", "\"video\":\"400u\"", "each category once" },
	{ "\"music\"", "\"Music\"", "a category of at most 32 characters" },
	{ "\"halving\"", "\"linear\"", "the curve halving" },
	{ "100000}", "0}", "a number of epochs from 1" },
	{ "100000}", "9007199254740992}", "a number of epochs from 1" },
	{ "100000}", "1.5}", "a number of epochs from 1" },
	{ "100000}", "1e5}", "a number of epochs from 1" },
	{ ",\"kind\":\"halving\"", "", "expected the member kind" },
	{ "\"floor\"", "\"ceil\"", "the rounding floor or bankers" },
	{ "\"floor\"", "true", "the rounding floor or bankers" },
	{ "0.7", "0.6", "weights that add up to 1 exactly" },
	{ "0.7", "0.70", "a weight above 0" },
	{ "0.7", "7e-1", "a weight above 0" },
	{ "0.7", "\"0.7\"", "a weight above 0" },
	{ "0.7", "0.7000000001", "a weight above 0" },
	{ "0.7", "0", "a weight above 0" },
	{ "0.7", "-0.7", "a weight above 0" },
	{ "0.7", "1.0", "a weight above 0" },
	{ "0.7", "1", "weights that add up to 1 exactly" },
	{ "\"subs\":0.7", "\"views\":0.7", "each metric once" },
	{ "\"subs\":0.7", "\"Subs\":0.7", "a metric of 1 to 32 characters" },
	{ "\"subs\":0.7", "\"\":0.7", "a metric of 1 to 32 characters" },
	{ "\"subs\":0.7,\"views\":0.3", "", "weights that add up to 1 exactly" },
	{ "\"1.2.0\"}", "\"1.2.0\"} x", "nothing behind the value" },
	{ "\"1.2.0\"}", "\"1.2.0\",\"signatures\":{}}", "a list of signatures" },
	{ "\"1.2.0\"}", "\"1.2.0\",\"signatures\":[1]}", "a signature" },
	{ "\"1.2.0\"}", "\"1.2.0\",\"signatures\":[{\"kid\":\"a\",\"alg\":\"ed25519\"}]}",
		"the member sig" },
	{ "\"1.2.0\"}",
		"\"1.2.0\",\"signatures\":[{\"kid\":\"a\",\"alg\":\"rsa\",\"sig\":\"base64:\"}]}",
		"the algorithm ed25519" },
	{ "\"1.2.0\"}", "\"1.2.0\",\"signatures\":[{\"sig\":\"base64:AAAA\"}]}",
		"a signature of 64 bytes" },
	{ "{\"body\"", "[{\"body\"", "byte 0: expected an object" },
};

static void a_policy_that_is_wrong_is_refused_with_its_place(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(policy_changes); i++) {
		struct reward_case given = usual();

		given.policy = changed(policy, policy_changes[i].from, policy_changes[i].to);
		assert_refused(given, REWARD_REFUSAL_POLICY_INVALID, policy_changes[i].detail);
	}
}

/* Goal: the hash is over what it says, not over how it is laid out. */
static void a_policy_of_any_layout_has_one_hash(void **state)
{
	static const char other[] =
		"{ \"version\":\"1.2.0\", \"signatures\":[ ],\n\"id\":\"rev\\u00342\",\"body\":{"
		"\"weights\":{\"views\":0.3,\"subs\":0.7},\"rounding\":\"floor\",\"emission_curve\""
		":{\"period_epochs\":100000,\"kind\":\"halving\",\"base_per_epoch\":\"1000000u\"},"
		"\"caps\":{\"epoch_cap\":\"250000u\",\"category_cap\":{\"video\":\"500u\","
		"\"music\":\"400u\"},\"actor_cap\":\"1000u\"},\"asset\":\"ron\"}}\n";
	static struct reward_policy one, two;
	struct reward_outcome outcome = { 0 };

	(void)state;
	assert_true(reward_policy_read(reward_slice(policy), &one, &outcome));
	assert_true(reward_policy_read(reward_slice(other), &two, &outcome));
	assert_memory_equal(&one.hash, &two.hash, sizeof one.hash);
	/* "1000" is another spelling than "1000u", and rounding may be left out */
	assert_true(
		reward_policy_read(reward_slice(changed(policy, "1000u", "1000")), &two, &outcome));
	assert_memory_not_equal(&one.hash, &two.hash, sizeof one.hash);
	assert_true(one.actor_cap.minor == two.actor_cap.minor);
	assert_true(reward_policy_read(
		reward_slice(changed(policy, "\"rounding\":\"floor\",", "")), &two, &outcome));
	assert_memory_not_equal(&one.hash, &two.hash, sizeof one.hash);
	assert_int_equal(two.rounding, REWARD_ROUND_FLOOR);
}

/* Goal: what was read prints back to a text that is read as the same. */
static void the_canonical_form_of_a_policy_is_its_own(void **state)
{
	static struct reward_policy one, two;
	struct reward_outcome outcome = { 0 };
	struct reward_kept kept = { 0 };
	struct reward_text out;

	(void)state;
	assert_true(reward_policy_read(reward_slice(policy), &one, &outcome));
	reward_text_begin(&out, reward_keep, &kept);
	reward_policy_write(&one, &out);
	reward_text_end(&out);
	assert_string_equal(kept.bytes, policy);
	assert_true(reward_policy_read(reward_slice(kept.bytes), &two, &outcome));
	assert_memory_equal(&one.hash, &two.hash, sizeof one.hash);
	free(kept.bytes);
}

static void a_policy_has_bounds(void **state)
{
	static char text[REWARD_POLICY_BYTES_MAX + 2];
	struct reward_case given = usual();
	char weights[1024] = "";
	size_t used = 0;

	(void)state;
	memset(text, ' ', sizeof text - 1);
	memcpy(text, policy, strlen(policy));
	text[REWARD_POLICY_BYTES_MAX] = '\0';
	given.policy = text;
	assert_true(reward_world_run(&world, &given));
	reward_world_finish(&world);
	text[REWARD_POLICY_BYTES_MAX] = ' ';
	assert_refused(given, REWARD_REFUSAL_POLICY_INVALID, "at most 65536 bytes");

	for (int i = 0; i < 17; i++) {
		used += (size_t)snprintf(weights + used, sizeof weights - used, "%s\"m%d\":0.0625",
			i == 0 ? "" : ",", i);
	}
	given.policy = changed(policy, "\"subs\":0.7,\"views\":0.3", weights);
	assert_refused(given, REWARD_REFUSAL_POLICY_INVALID, "at most 16 metrics");
	*strstr(weights, ",\"m16\"") = '\0';
	given.policy = changed(policy, "\"subs\":0.7,\"views\":0.3", weights);
	assert_true(reward_world_run(&world, &given));
	reward_world_finish(&world);
}

/* ---- hashes, and what the request says ---- */

static void what_does_not_match_its_name_is_refused(void **state)
{
	struct reward_case given = usual();

	(void)state;
	given.other_policy_hash = true;
	assert_refused(given, REWARD_REFUSAL_STALE, "policy_hash");
	given = usual();
	given.policy_id = "rev43";
	assert_refused(given, REWARD_REFUSAL_POLICY_INVALID, "policy_id");
	given = usual();
	given.other_inputs_cid = true;
	assert_refused(given, REWARD_REFUSAL_INPUTS_MISMATCH, "inputs_cid");
	given = usual();
	given.other_ledger = true;
	assert_refused(given, REWARD_REFUSAL_INPUTS_MISMATCH, "ledger_cid");
	given = usual();
	given.other_accounting = true;
	assert_refused(given, REWARD_REFUSAL_INPUTS_MISMATCH, "accounting_cid");
	/* also when what came is malformed: it is not what was sealed */
	given.accounting = reward_slice("{\"rows\":[{}");
	assert_refused(given, REWARD_REFUSAL_INPUTS_MISMATCH, "accounting_cid");
}

static void an_epoch_that_is_not_over_is_refused(void **state)
{
	struct reward_case given = usual();

	(void)state;
	given.now_unix_s = 1759363200 - 120 - 1; /* 2025-10-02T00:00:00Z, and the skew */
	assert_refused(given, REWARD_REFUSAL_EPOCH_NOT_CLOSED, "a window that is over");
	given.now_unix_s++;
	assert_true(reward_world_run(&world, &given));
	reward_world_finish(&world);
}

static void a_run_that_costs_too_much_is_refused_however_it_is_cut(void **state)
{
	struct reward_case given = usual();

	(void)state;
	for (given.piece_bytes = 1; given.piece_bytes < sizeof accounting; given.piece_bytes += 7) {
		given.cost_ms_max = 5;
		assert_refused(given, REWARD_REFUSAL_COST_CAP, "at most 5 ms, it is 6");
		given.cost_ms_max = 6;
		assert_true(reward_world_run(&world, &given));
		assert_int_equal(world.run.cost_estimate_ms, 6);
		reward_world_finish(&world);
	}
}

/* ---- sealed documents that are malformed ---- */

static const struct change bundle_changes[] = {
	{ "\"v\":1", "\"v\":2", "bundle, byte" },
	{ "\"v\":1", "\"v\":\"1\"", "version 1" },
	{ "\"kind\":\"ron.rewarder.inputs\"", "\"kind\":\"x\"", "kind ron.rewarder.inputs" },
	{ "\"asset\":\"ron\"", "\"asset\":\"xyz\"", "expected the asset of the policy" },
	{ "\"tenant\":\"acme\"", "\"tenant\":\"other\"", "expected the tenant of the request" },
	{ "\"tenant\":\"acme\"", "\"tenant\":\"a:b\"", "a tenant of 1 to 64 characters" },
	{ "\"tenant\":\"acme\"", "\"tenant\":\"..\"", "a tenant of 1 to 64 characters" },
	{ "\"epoch_id\":\"2025-10-01\"", "\"epoch_id\":\"2025-10-02\"",
		"expected the epoch_id of the request" },
	{ "\"epoch_id\":\"2025-10-01\"", "\"epoch_id\":\"2025-02-29\"", "an epoch as" },
	{ "\"epoch_index\":0", "\"epoch_index\":-1", "a number from 0 to 2^53 - 1" },
	{ "\"epoch_index\":0", "\"epoch_index\":9007199254740992", "a number from 0 to 2^53 - 1" },
	{ "\"%p\"", "\"%l\"", "expected policy_cid to be the policy_hash" },
	{ "\"%p\"", "\"b3:00\"", "b3: and 64 lower-case hexadecimal digits" },
	{ "\"tenant\":\"acme\",", "", "the member tenant" },
	{ "\"tenant\":\"acme\",", "\"tenant\":\"acme\",\"tenant\":\"acme\",", "once only" },
	{ "\"tenant\":\"acme\",", "\"tenant\":\"acme\",\"x\":1,", "no member but those" },
	{ "2025-10-02T00:00:00Z", "2025-10-01T00:00:00Z", "a window that starts before it ends" },
	{ "2025-10-02T00:00:00Z", "2025-10-02T00:00:01Z", "a whole minute" },
	{ "2025-10-02T00:00:00Z", "2025-10-02T00:00:00+00:00", "a whole minute" },
	{ "2025-10-02T00:00:00Z", "2025-10-02 00:00:00Z", "a whole minute" },
	{ "}}", "}", "a comma or the end of the list" },
};

static void a_bundle_that_is_wrong_is_quarantined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bundle_changes); i++) {
		struct reward_case given = usual();

		given.bundle =
			changed(REWARD_USUAL_BUNDLE, bundle_changes[i].from, bundle_changes[i].to);
		assert_quarantined(given, REWARD_KIND_SCHEMA, bundle_changes[i].detail);
	}
}

static const struct change ledger_changes[] = {
	{ "\"v\":1", "\"v\":0", "ledger snapshot, byte" },
	{ "\"kind\":\"ron.ledger.snapshot\"", "\"kind\":\"ron.rewarder.inputs\"",
		"kind ron.ledger.snapshot" },
	{ "\"asset\":\"ron\"", "\"asset\":\"xyz\"", "expected the pool account" },
	{ "reward_pool:acme:ron", "reward_pool:other:ron", "expected the pool account" },
	{ "sys:reward_pool:acme:ron", "did:ron:alice", "sys:reward_pool:<tenant>:<asset>" },
	{ "sys:reward_pool:acme:ron", "sys:issuance", "expected the pool account" },
	{ "\"tenant\":\"acme\"", "\"tenant\":\"other\"", "expected the pool account" },
	{ "\"epoch_id\":\"2025-10-01\"", "\"epoch_id\":\"2025-10-02\"",
		"expected the epoch_id of the request" },
	{ "\"1001\"", "1001", "a decimal string of at most 128 digits" },
	{ "\"1001\"", "\"01001\"", "a decimal string of at most 128 digits" },
	{ "\"1001\"", "\"1e3\"", "a decimal string of at most 128 digits" },
	{ "\"1001\"", "\"\"", "a decimal string of at most 128 digits" },
	{ "\"1001\"", "\"-\"", "a decimal string of at most 128 digits" },
	{ "\"1001\"", "\"-0\"", "a decimal string of at most 128 digits" },
	{ "\"root\":\"00", "\"root\":\"0", "64 lower-case hexadecimal digits" },
	{ "\"seq\":1031", "\"seq\":9223372036854775808", "a number from 0 to 2^63 - 1" },
	{ "\"seq\":1031,", "", "the member seq" },
};

static void a_ledger_snapshot_that_is_wrong_is_quarantined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(ledger_changes); i++) {
		struct reward_case given = usual();

		given.ledger = changed(ledger, ledger_changes[i].from, ledger_changes[i].to);
		assert_quarantined(given, REWARD_KIND_SCHEMA, ledger_changes[i].detail);
	}
}

static const struct change rows_changes[] = {
	{ "\"actors\":3", "\"actors\":4", "expected actors to be the number of actors, 3" },
	{ "\"actors\":3", "\"actors\":\"3\"", "byte 10: expected a number from 0 on" },
	{ "\"actors\":3", "\"actors\":-3", "byte 10: expected a number from 0 on" },
	{ "\"actors\":3,", "", "the member actors" },
	{ "\"events\":3", "\"events\":2", "expected events to be the number of rows, 3" },
	{ "\"events\":3", "\"events\":18446744073709551615", "the number of rows, 3" },
	{ "\"events\":3", "\"events\":18446744073709551616", "a number from 0 on" },
	{ "\"v\":1", "\"v\":1.0", "version 1" },
	{ "ron.accounting.snapshot", "ron.ledger.snapshot", "kind ron.accounting.snapshot" },
	{ "\"epoch_id\":\"2025-10-01\"", "\"epoch_id\":\"2025-10-02\"",
		"expected the epoch_id of the request" },
	{ "\"tenant\":\"acme\"", "\"tenant\":\"other\"", "expected the tenant of the request" },
	{ "\"rows\":[", "\"rows\":{", "expected a list of rows" },
	{ "\"actor\":\"did:ron:alice\"", "\"actor\":\"did ron alice\"", "an actor of 1 to 128" },
	{ "\"actor\":\"did:ron:alice\"", "\"actor\":\"sys:issuance\"", "not sys:" },
	{ "\"actor\":\"did:ron:alice\"", "\"actor\":\"\"", "an actor of 1 to 128" },
	{ "\"actor\":\"did:ron:alice\",", "", "the member actor" },
	{ "\"category\":\"video\",", "", "the member category" },
	{ "\"category\":\"video\"", "\"category\":\"Video\"", "a category of at most 32" },
	{ "\"category\":\"video\"", "\"category\":\"012345678901234567890123456789012\"",
		"a category of at most 32" },
	{ "\"category\":\"video\"", "\"category\":\"video\",\"category\":\"video\"",
		"once only the member category" },
	{ "\"subs\":\"3\"", "\"subs\":3", "a count as a decimal string" },
	{ "\"subs\":\"3\"", "\"subs\":\"03\"", "a count as a decimal string" },
	{ "\"subs\":\"3\"", "\"subs\":\"3.0\"", "a count as a decimal string" },
	{ "\"subs\":\"3\"", "\"subs\":\"\"", "a count as a decimal string" },
	{ "\"subs\":\"3\"", "\"views\":\"3\"", "each metric once" },
	{ "\"subs\":\"3\"", "\"x\":\"3\",\"x\":\"3\"", "each metric once" },
	{ "\"subs\":\"3\"", "\"X\":\"3\"", "a metric of 1 to 32 characters" },
	{ "\"counts\":{\"subs\":\"3\",\"views\":\"10\"}", "\"counts\":[]", "an object of counts" },
	{ "\"counts\":{\"subs\":\"3\",\"views\":\"10\"}", "\"weight\":1", "no member but those" },
	{ "{\"actor\":\"did:ron:alice\"", "[[[[[[[[[[[[[[[[", "a row" },
	{ "\"v\":1}", "\"v\":1}}", "nothing behind the value" },
	{ "\"v\":1}", "\"v\":1", "a comma or the end of the list" },
};

static void an_accounting_snapshot_that_is_wrong_is_quarantined(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows_changes); i++) {
		static const size_t pieces[] = { 0, 1, 64 };

		for (size_t k = 0; k < COUNT_OF(pieces); k++) {
			struct reward_case given = usual();

			given.accounting = reward_slice(
				changed(accounting, rows_changes[i].from, rows_changes[i].to));
			given.piece_bytes = pieces[k];
			assert_quarantined(given, REWARD_KIND_SCHEMA, rows_changes[i].detail);
		}
	}
}

/* Goal: the order of members is free, also where one of them is wrong. */
static void the_pool_of_a_ledger_snapshot_that_is_wrong_is_zero_wherever_the_fault_is(void **state)
{
	static const struct {
		const char *from, *to;
	} faults[] = {
		{ "\"asset\":\"ron\"", "\"asset\":\"R\"" }, /* before the pool */
		{ "sys:reward_pool:acme:ron", "sys:x" },
		{ "\"seq\":1031", "\"seq\":-1" }, /* behind it */
		{ "\"v\":1}", "\"v\":1" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(faults); i++) {
		struct reward_case given = usual();
		struct reward_kept kept;

		given.ledger = changed(ledger, faults[i].from, faults[i].to);
		assert_false(reward_world_run(&world, &given));
		kept = reward_manifest_of(&world.run.facts);
		assert_non_null(strstr(kept.bytes, "\"pool_total_minor\":\"0\""));
		free(kept.bytes);
		reward_world_finish(&world);
	}
}

static void numbers_out_of_bounds_have_their_own_kinds(void **state)
{
	static const char ten_to_40[] = "\"10000000000000000000000000000000000000000\"";
	struct reward_case given = usual();
	struct reward_kept kept;

	(void)state;
	given.accounting = reward_slice(changed(accounting, "\"10\"", "\"-10\""));
	assert_quarantined(given, REWARD_KIND_NEGATIVE, "a count that is not below 0");
	given.accounting = reward_slice(changed(accounting, "\"10\"", ten_to_40));
	assert_quarantined(given, REWARD_KIND_OVERFLOW, "a count of at most 2^63 - 1");
	given.accounting = reward_slice(changed(accounting, "\"10\"", "\"9223372036854775808\""));
	assert_quarantined(given, REWARD_KIND_OVERFLOW, "a count of at most 2^63 - 1");
	/* also of a metric that counts for nothing */
	given.accounting = reward_slice(changed(accounting, "\"subs\":\"3\"", "\"x\":\"-3\""));
	assert_quarantined(given, REWARD_KIND_NEGATIVE, "a count that is not below 0");

	given = usual();
	given.ledger = changed(ledger, "\"1001\"", "\"-1001\"");
	assert_quarantined(given, REWARD_KIND_NEGATIVE, "a pool that is not below zero");
	given.ledger = changed(ledger, "\"1001\"", "\"170141183460469231731687303715884105728\"");
	assert_quarantined(given, REWARD_KIND_OVERFLOW, "a pool of at most 2^127 - 1");
	/* what is sealed is what is committed to (9.8) */
	given.ledger = changed(ledger, "\"1001\"", ten_to_40);
	assert_false(reward_world_run(&world, &given));
	kept = reward_manifest_of(&world.run.facts);
	assert_non_null(strstr(
		kept.bytes, "\"pool_total_minor\":\"10000000000000000000000000000000000000000\""));
	free(kept.bytes);
	reward_world_finish(&world);
}

static void a_pool_above_the_emission_is_quarantined(void **state)
{
	struct reward_case given = usual();

	(void)state;
	given.ledger = changed(ledger, "\"1001\"", "\"1000001\"");
	assert_quarantined(given, REWARD_KIND_CONSERVATION, "exceeds the emission budget");
	given.ledger = changed(ledger, "\"1001\"", "\"1000000\"");
	assert_true(reward_world_run(&world, &given));
	assert_true(world.run.alloc.totals.clamp == 750000);
	reward_world_finish(&world);
	given = usual();
	given.bundle = changed(REWARD_USUAL_BUNDLE, "\"epoch_index\":0", "\"epoch_index\":2000000");
	assert_quarantined(given, REWARD_KIND_CONSERVATION, "exceeds the emission budget");
}

/* Goal: what is legal JSON is read, for a CID is over bytes, not over their order. */
static void members_come_in_any_order_and_layout(void **state)
{
	static const char other[] =
		"{\"v\":1,\n \"rows\" : [ "
		"{\"counts\":{\"views\":\"2\",\"subs\":\"3\"},\"category\":"
		"\"vide\\u006f\",\"actor\":\"did:ron:carol\"},{\"counts\":{\"views\":\"10\","
		"\"subs\":"
		"\"3\"},\"actor\":\"did:ron:alice\",\"category\":\"video\"},{\"actor\":\"did:ron:"
		"bob\","
		"\"category\":\"music\",\"counts\":{\"subs\":\"1\",\"views\":\"5\"}}],\"kind\":"
		"\"ron.accounting.snapshot\",\"events\":3,\"tenant\":\"acme\",\"epoch_id\":"
		"\"2025-10-01\",\"actors\":3}\n";
	struct reward_case given = usual();

	(void)state;
	given.accounting = reward_slice(other);
	for (given.piece_bytes = 1; given.piece_bytes < 9; given.piece_bytes++) {
		assert_true(reward_world_run(&world, &given));
		assert_true(reward_amount_of(&world, "did:ron:alice") == 476);
		assert_true(reward_amount_of(&world, "did:ron:bob") == 188);
		assert_true(reward_amount_of(&world, "did:ron:carol") == 335);
		reward_world_finish(&world);
	}
	given.cost_ms_max = 5; /* declared behind the rows, and still minded */
	assert_refused(given, REWARD_REFUSAL_COST_CAP, "at most 5 ms");
}

static void a_snapshot_is_at_most_64_mib(void **state)
{
	static char spaces[1 << 20];
	struct reward_case given = usual();
	struct reward_run_config config = reward_world_config(&given, &world);
	bool good = true;

	(void)state;
	memset(spaces, ' ', sizeof spaces);
	world.memory = (struct reward_memory){ .memory = { reward_world_take, reward_world_give,
						       &world.memory } };
	reward_run_init(&world.run, &world.memory.memory, &config);
	assert_true(reward_run_policy(&world.run, reward_slice(policy)));
	assert_true(reward_run_bundle(&world.run, reward_slice(world.bundle)));
	assert_true(reward_run_ledger(&world.run, reward_slice(ledger)));
	for (int i = 0; i < 64; i++) {
		assert_true(reward_run_rows(
			&world.run, (struct slice){ (uint8_t *)spaces, sizeof spaces }));
	}
	good = reward_run_rows(&world.run, (struct slice){ (uint8_t *)spaces, 1 });
	assert_false(good);
	assert_int_equal(world.run.facts.outcome.refusal, REWARD_REFUSAL_OVERSIZE);
	reward_world_finish(&world);
}

/* ---- grammars ---- */

static void epochs_are_days_and_minutes_that_there_are(void **state)
{
	static const char *const good[] = { "2025-10-01", "2025-10-13T00:00Z", "2024-02-29",
		"2000-02-29", "0001-01-01", "9999-12-31T23:59Z" };
	static const char *const bad[] = { "", "demo", "2025-10-1", "2025-13-01", "2025-00-01",
		"2025-10-00", "2025-10-32", "2025-02-29", "1900-02-29", "0000-01-01", "2025-10-01T",
		"2025-10-01T24:00Z", "2025-10-01T00:60Z", "2025-10-01T00:00",
		"2025-10-01T00:00:00Z", "2025-10-01t00:00z", "2025/10/01", " 2025-10-01",
		"2025-10-01 ", "2025-1O-01" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(reward_is_epoch(reward_slice(good[i])));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(reward_is_epoch(reward_slice(bad[i])));
	}
}

static void times_are_seconds_since_1970(void **state)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} good[] = { { "1970-01-01T00:00:00Z", 0 }, { "2025-10-02T00:00:00Z", 1759363200 },
		{ "2024-02-29T12:34:56Z", 1709210096 }, { "1969-12-31T23:59:59Z", -1 },
		{ "0001-01-01T00:00:00Z", -62135596800 },
		{ "9999-12-31T23:59:59Z", 253402300799 } };
	static const char *const bad[] = { "2025-10-02T00:00:60Z", "2025-10-02T00:00:00.0Z",
		"2025-10-02T00:00:00", "2025-02-30T00:00:00Z", "2025-10-02" };
	int64_t unix_s = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(reward_time_parse(reward_slice(good[i].text), &unix_s));
		assert_true(unix_s == good[i].unix_s);
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(reward_time_parse(reward_slice(bad[i]), &unix_s));
	}
}

static void weights_are_exact(void **state)
{
	uint32_t weight = 0;

	(void)state;
	assert_true(reward_weight_parse(reward_slice("0.3"), &weight) && weight == 300000000);
	assert_true(reward_weight_parse(reward_slice("0.000000001"), &weight) && weight == 1);
	assert_true(
		reward_weight_parse(reward_slice("0.999999999"), &weight) && weight == 999999999);
	assert_true(reward_weight_parse(reward_slice("1"), &weight) && weight == REWARD_WEIGHT_ONE);
}

static void the_cost_is_that_of_the_contract(void **state)
{
	const struct reward_cost cost = { 5000, 4, 1 };
	const struct reward_cost dear = { UINT64_MAX, UINT64_MAX, UINT64_MAX };

	(void)state;
	assert_int_equal(reward_cost_ms(&cost, 1000, 10000), 19);
	assert_int_equal(reward_cost_ms(&cost, 10000, 100000), 145);
	assert_int_equal(reward_cost_ms(&cost, 50000, 500000), 705);
	assert_int_equal(reward_cost_ms(&cost, 0, 0), 5);
	assert_int_equal(reward_cost_ms(&cost, 0, 1), 6);
	assert_true(reward_cost_ms(&dear, UINT64_MAX, UINT64_MAX) == UINT64_MAX);
	assert_true(reward_cost_ms(&cost, UINT64_MAX, UINT64_MAX) > INT64_MAX / 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_policy_that_is_wrong_is_refused_with_its_place),
		cmocka_unit_test(a_policy_of_any_layout_has_one_hash),
		cmocka_unit_test(the_canonical_form_of_a_policy_is_its_own),
		cmocka_unit_test(a_policy_has_bounds),
		cmocka_unit_test(what_does_not_match_its_name_is_refused),
		cmocka_unit_test(an_epoch_that_is_not_over_is_refused),
		cmocka_unit_test(a_run_that_costs_too_much_is_refused_however_it_is_cut),
		cmocka_unit_test(a_bundle_that_is_wrong_is_quarantined),
		cmocka_unit_test(a_ledger_snapshot_that_is_wrong_is_quarantined),
		cmocka_unit_test(an_accounting_snapshot_that_is_wrong_is_quarantined),
		cmocka_unit_test(numbers_out_of_bounds_have_their_own_kinds),
		cmocka_unit_test(
			the_pool_of_a_ledger_snapshot_that_is_wrong_is_zero_wherever_the_fault_is),
		cmocka_unit_test(a_pool_above_the_emission_is_quarantined),
		cmocka_unit_test(members_come_in_any_order_and_layout),
		cmocka_unit_test(a_snapshot_is_at_most_64_mib),
		cmocka_unit_test(epochs_are_days_and_minutes_that_there_are),
		cmocka_unit_test(times_are_seconds_since_1970),
		cmocka_unit_test(weights_are_exact),
		cmocka_unit_test(the_cost_is_that_of_the_contract),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
