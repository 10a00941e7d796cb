/* The body of POST /ingest, from JSON to drafts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/sha256.h"
#include "services/prevalidator/ingest.h"

#define REF     "101112131415161718191a1b1c1d1e1f"
#define ID      "\"id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\""
#define TS      "\"ts\":1728794183123"
#define KIND    "\"kind\":\"Transfer\""
#define ACCOUNT "\"account\":\"acct_123\""
#define AMOUNT  "\"amount\":\"12345\""
#define NONCE   "\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\""
#define CAP     "\"capability_ref\":\"" REF "\""
#define VERSION "\"v\":1"
#define COUNTER "\"counter_account\":\"acct_456\""
#define GOOD    ID "," TS "," KIND "," ACCOUNT "," AMOUNT "," NONCE "," CAP "," VERSION "," COUNTER

#define BATCH(entries) "{\"batch\":[" entries "]}"

#define ENTRIES_MAX 1024u

static struct ingest ingest;
static struct grant grant;
static struct ingest_request request;
static struct draft drafts[REQUEST_ENTRIES_MAX];
static char body[BODY_BYTES_MAX + 1];

static int setup(void **state)
{
	(void)state;
	memset(&grant, 0, sizeof grant);
	memset(&request, 0, sizeof request);
	caveat_set_init(&grant.caveats);
	grant.key_id = 7;
	for (size_t i = 0; i < ID_BYTES; i++) {
		grant.capability_id.bytes[i] = (uint8_t)(0x10 + i);
	}
	return 0;
}

/* An exact copy on the heap, so that a read past its end is seen by the sanitizer. */
static enum ingest_fault read_bytes(const void *bytes, size_t bytes_count)
{
	uint8_t *copy = malloc(bytes_count + 1);
	enum ingest_fault fault;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, bytes_count);
	fault = ingest_read(
		&ingest, (struct slice){ copy + 1, bytes_count }, &grant, ENTRIES_MAX, &request);
	free(copy);
	return fault;
}

static enum ingest_fault read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* What was accepted decodes, each draft at its place, and is refused or in good form. */
static void decode_drafts(void)
{
	struct byte_reader in = byte_reader_of(request.drafts);

	for (size_t i = 0; i < request.draft_count; i++) {
		assert_int_equal(draft_decode(&in, SOURCE_INGEST, &drafts[i]), ERR_OK);
		assert_int_equal(drafts[i].idx, i);
		assert_int_equal(draft_check(&drafts[i]), drafts[i].refused);
	}
	assert_true(byte_reader_done(&in));
}

static void accept(const char *text, size_t draft_count)
{
	assert_int_equal(read_text(text), INGEST_OK);
	assert_int_equal(request.draft_count, draft_count);
	decode_drafts();
}

static enum detail detail_of_entry(const char *members)
{
	snprintf(body, sizeof body, "{\"batch\":[{%s}]}", members);
	accept(body, 1);
	return drafts[0].refused;
}

static void assert_slice(struct slice slice, const char *text)
{
	assert_int_equal(slice.bytes_count, strlen(text));
	assert_memory_equal(slice.bytes, text, strlen(text));
}

/* --- what is good --- */

static void an_entry_becomes_a_draft_with_the_grants_names(void **state)
{
	const struct entry *entry = &drafts[0].entry;

	(void)state;
	accept(BATCH("{" GOOD "}"), 1);
	assert_int_equal(drafts[0].refused, DETAIL_NONE);
	assert_int_equal(entry->kind, ENTRY_TRANSFER);
	assert_int_equal(entry->id.bytes[0], 0x9c);
	assert_int_equal(entry->id.bytes[15], 0x10);
	assert_true(entry->ts_unix_ms == 1728794183123u);
	assert_slice(entry->account, "acct_123");
	assert_slice(entry->counter_account, "acct_456");
	assert_slice(entry->asset, "ron");
	assert_true(entry->amount == 12345);
	assert_int_equal(entry->nonce.bytes[15], 15);
	assert_int_equal(entry->kid, 7);
	assert_slice(entry->capability_ref, REF);
	assert_false(drafts[0].has_memo);
	assert_false(request.atomic);
	assert_false(request.dry_run);
	assert_int_equal(request.idem_id.bytes_count, 0);
}

/* Goal: where a member stood last time is a guess and nothing else. */
static void members_may_change_their_order_at_any_time(void **state)
{
	static const char *const members[] = { ID, TS, KIND, ACCOUNT, AMOUNT, NONCE, CAP, VERSION,
		COUNTER };
	static const size_t steps[] = { 1, 2, 4, 5, 7, 8 }; /* each goes round all nine */
	const size_t count = COUNT_OF(members);
	uint8_t wanted[512];
	size_t wanted_bytes;

	(void)state;
	accept(BATCH("{" GOOD "}"), 1);
	wanted_bytes = request.drafts.bytes_count;
	assert_true(wanted_bytes <= sizeof wanted);
	memcpy(wanted, request.drafts.bytes, wanted_bytes);
	for (size_t at = 0; at < COUNT_OF(steps); at++) {
		for (size_t first = 0; first < count; first++) {
			size_t used = (size_t)snprintf(body, sizeof body, "{\"batch\":[{");

			for (size_t i = 0; i < count; i++) {
				used += (size_t)snprintf(body + used, sizeof body - used, "%s%s",
					i == 0 ? "" : ",",
					members[(first + i * steps[at]) % count]);
			}
			(void)snprintf(body + used, sizeof body - used, "}]}");
			accept(body, 1);
			assert_int_equal(request.drafts.bytes_count, wanted_bytes);
			assert_memory_equal(request.drafts.bytes, wanted, wanted_bytes);
		}
	}
	assert_int_equal(detail_of_entry("\"other\":1," GOOD), DETAIL_UNKNOWN_FIELD);
	assert_int_equal(detail_of_entry(GOOD "," ID), DETAIL_MALFORMED);
}

static void the_options_of_a_request_are_read(void **state)
{
	(void)state;
	accept("{\"dry_run\":true,\"mode\":\"atomic\",\"idem_id\":\"x1\",\"batch\":[{" GOOD "}]}",
		1);
	assert_true(request.atomic);
	assert_true(request.dry_run);
	assert_slice(request.idem_id, "x1");
	accept("{\"batch\":[{" GOOD "}],\"dry_run\":false,\"mode\":\"partial\"}", 1);
	assert_false(request.atomic);
	assert_false(request.dry_run);
}

static void a_request_inherits_nothing_of_the_one_before(void **state)
{
	(void)state;
	accept("{\"dry_run\":true,\"mode\":\"atomic\",\"idem_id\":\"x1\",\"batch\":[{" GOOD "}]}",
		1);
	accept(BATCH("{" GOOD "}"), 1);
	assert_false(request.atomic);
	assert_false(request.dry_run);
	assert_int_equal(request.idem_id.bytes_count, 0);
}

static void optional_members_are_read(void **state)
{
	(void)state;
	accept(BATCH("{\"id\":\"00000000-0000-0000-0000-000000000001\"," TS
		     ",\"kind\":\"Hold\"," ACCOUNT "," AMOUNT "," NONCE "," CAP "," VERSION
		     ",\"expires_ts\":9223372036854775807,\"asset\":\"usd\"},"
		     "{" GOOD ",\"original_id\":\"00000000-0000-0000-0000-00000000000F\"}"),
		2);
	assert_int_equal(drafts[0].refused, DETAIL_NONE);
	assert_true(drafts[0].entry.expires_unix_ms == INT64_MAX);
	assert_slice(drafts[0].entry.asset, "usd");
	assert_int_equal(drafts[1].refused, DETAIL_NONE);
	assert_int_equal(drafts[1].entry.original_id.bytes[15], 15);
	assert_slice(drafts[1].entry.asset, "ron"); /* not the one before */
}

static void a_memo_is_hashed_with_a_salt_of_its_own(void **state)
{
	struct hash hash;

	(void)state;
	accept(BATCH("{" GOOD ",\"memo\":\"rent\"},{" GOOD ",\"memo\":\"rent\"}"), 2);
	for (size_t i = 0; i < 2; i++) {
		struct slice parts[2] = { { drafts[i].salt, sizeof drafts[i].salt },
			drafts[i].memo };

		assert_true(drafts[i].has_memo);
		assert_slice(drafts[i].memo, "rent");
		sha256_hash_parts(parts, 2, &hash);
		assert_memory_equal(&hash, &drafts[i].entry.memo_hash, sizeof hash);
	}
	assert_memory_not_equal(drafts[0].salt, drafts[1].salt, sizeof drafts[0].salt);
}

static void more_memos_than_salts_in_stock_all_get_one(void **state)
{
	size_t used = (size_t)snprintf(body, sizeof body, "{\"batch\":[");

	(void)state;
	for (size_t i = 0; i < INGEST_SALTS + 2; i++) {
		used += (size_t)snprintf(body + used, sizeof body - used,
			"%s{" GOOD ",\"memo\":\"\"}", i == 0 ? "" : ",");
	}
	snprintf(body + used, sizeof body - used, "]}");
	accept(body, INGEST_SALTS + 2);
	for (size_t i = 1; i < INGEST_SALTS + 2; i++) {
		assert_memory_not_equal(drafts[i].salt, drafts[i - 1].salt, ENTRY_SALT_BYTES);
	}
}

static void escapes_are_decoded_before_anything_is_judged(void **state)
{
	(void)state;
	accept(BATCH("{\"i\\u0064\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"," TS "," KIND
		     ",\"account\":\"a\\u0063ct\",\"amount\":\"\\u0031\"," NONCE "," CAP "," VERSION
		     ",\"counter_account\":\"\\u0062\","
		     "\"memo\":\"\\ud83d\\ude00\\n\\\"\\\\u0041\\u0000\"}"),
		1);
	assert_int_equal(drafts[0].refused, DETAIL_NONE);
	assert_slice(drafts[0].entry.account, "acct");
	assert_slice(drafts[0].entry.counter_account, "b");
	assert_true(drafts[0].entry.amount == 1);
	assert_int_equal(drafts[0].memo.bytes_count, 13);
	assert_memory_equal(drafts[0].memo.bytes, "\xf0\x9f\x98\x80\n\"\\u0041", 13);
}

static void white_space_of_json_is_skipped(void **state)
{
	(void)state;
	accept(" \t\r\n{ \"batch\" :\n[ {" GOOD " } ]\t}\r\n ", 1);
}

/* --- what is wrong in an entry --- */

static void every_member_that_must_be_there_is_missed(void **state)
{
	static const char *const all[] = { ID, TS, KIND, ACCOUNT, AMOUNT, NONCE, CAP, VERSION };
	char members[1024];

	(void)state;
	for (size_t left_out = 0; left_out < COUNT_OF(all); left_out++) {
		size_t used = (size_t)snprintf(members, sizeof members, COUNTER);

		for (size_t i = 0; i < COUNT_OF(all); i++) {
			if (i != left_out) {
				used += (size_t)snprintf(
					members + used, sizeof members - used, ",%s", all[i]);
			}
		}
		assert_int_equal(detail_of_entry(members), DETAIL_MISSING_FIELD);
	}
	assert_int_equal(detail_of_entry(""), DETAIL_MISSING_FIELD);
}

static void every_member_given_twice_is_refused(void **state)
{
	static const char *const all[] = { ID, TS, KIND, ACCOUNT, AMOUNT, NONCE, CAP, VERSION,
		COUNTER };
	char members[1024];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(all); i++) {
		snprintf(members, sizeof members, GOOD ",%s", all[i]);
		assert_int_equal(detail_of_entry(members), DETAIL_MALFORMED);
	}
	assert_int_equal(detail_of_entry(GOOD ",\"memo\":\"\",\"memo\":\"\""), DETAIL_MALFORMED);
	/* two spellings of one name are one name */
	assert_int_equal(detail_of_entry(GOOD ",\"\\u0074s\":1728794183123"), DETAIL_MALFORMED);
}

/* A value that stands where a good one was, and what it is refused as. */
static const struct {
	const char *name;
	const char *value;
	enum detail detail;
} bad_values[] = {
	{ "id", "\"\"", DETAIL_ID },
	{ "id", "\"9c7d9bda1f8a4f3e8f7a1a0e3b6a9a10\"", DETAIL_ID },
	{ "id", "\"00000000-0000-0000-0000-000000000000\"", DETAIL_ID },
	{ "id", "17", DETAIL_ID },
	{ "ts", "-1", DETAIL_TS },
	{ "ts", "-0", DETAIL_TS },
	{ "ts", "1.0", DETAIL_TS },
	{ "ts", "1.5", DETAIL_TS },
	{ "ts", "1e3", DETAIL_TS },
	{ "ts", "1E400", DETAIL_TS },
	{ "ts", "9223372036854775808", DETAIL_TS },
	{ "ts", "18446744073709551617", DETAIL_TS },
	{ "ts", "99999999999999999999", DETAIL_TS },
	{ "ts", "\"1728794183123\"", DETAIL_TS },
	{ "ts", "null", DETAIL_TS },
	{ "kind", "\"transfer\"", DETAIL_KIND },
	{ "kind", "\"Gift\"", DETAIL_KIND },
	{ "kind", "\"\"", DETAIL_KIND },
	{ "kind", "3", DETAIL_KIND },
	{ "account", "\"\"", DETAIL_ACCOUNT },
	{ "account", "\"a b\"", DETAIL_ACCOUNT },
	{ "account", "\"\xc3\xa9\"", DETAIL_ACCOUNT },
	{ "account", "\"a\\u0000\"", DETAIL_ACCOUNT },
	{ "account", "null", DETAIL_ACCOUNT },
	{ "account", "{\"account\":\"a\"}", DETAIL_ACCOUNT },
	{ "account", "\"sys:issuance\"", DETAIL_SYS_ACCOUNT },
	{ "account", "\"acct_456\"", DETAIL_SELF_TRANSFER },
	{ "amount", "\"\"", DETAIL_AMOUNT },
	{ "amount", "\"0\"", DETAIL_AMOUNT },
	{ "amount", "\"01\"", DETAIL_AMOUNT },
	{ "amount", "\"-1\"", DETAIL_AMOUNT },
	{ "amount", "\"+1\"", DETAIL_AMOUNT },
	{ "amount", "\"1.5\"", DETAIL_AMOUNT },
	{ "amount", "\"1e3\"", DETAIL_AMOUNT },
	{ "amount", "\" 1\"", DETAIL_AMOUNT },
	{ "amount", "\"340282366920938463463374607431768211456\"", DETAIL_AMOUNT },
	{ "amount", "1", DETAIL_AMOUNT },
	{ "amount", "[\"1\"]", DETAIL_AMOUNT },
	{ "nonce", "\"\"", DETAIL_NONCE },
	{ "nonce", "\"AAECAwQFBgcICQoLDA0ODw\"", DETAIL_NONCE },
	{ "nonce", "\"AAECAwQFBgcICQoLDA0ODx==\"", DETAIL_NONCE },
	{ "nonce", "\"AAECAwQFBgcICQoLDA0O\"", DETAIL_NONCE },
	{ "nonce", "\"AAECAwQFBgcICQoLDA0ODxA=\"", DETAIL_NONCE },
	{ "nonce", "\"AAECAwQFBgcICQoLDA0ODw==\\n\"", DETAIL_NONCE },
	{ "nonce", "\"__ECAwQFBgcICQoLDA0ODw==\"", DETAIL_NONCE },
	{ "nonce", "0", DETAIL_NONCE },
	{ "capability_ref", "\"\"", DETAIL_CAPABILITY_REF },
	{ "capability_ref", "1", DETAIL_CAPABILITY_REF },
	{ "capability_ref", "\"cap_abc\"", DETAIL_CAPABILITY_MISMATCH },
	{ "v", "0", DETAIL_VERSION },
	{ "v", "2", DETAIL_VERSION },
	{ "v", "\"1\"", DETAIL_VERSION },
	{ "v", "true", DETAIL_VERSION },
	{ "asset", "\"\"", DETAIL_ASSET },
	{ "asset", "\"RON\"", DETAIL_ASSET },
	{ "asset", "null", DETAIL_ASSET },
	{ "counter_account", "\"\"", DETAIL_COUNTER_ACCOUNT },
	{ "counter_account", "false", DETAIL_COUNTER_ACCOUNT },
	{ "counter_account", "\"sys:issuance\"", DETAIL_SYS_ACCOUNT },
	{ "original_id", "\"\"", DETAIL_ORIGINAL_ID },
	{ "original_id", "\"00000000-0000-0000-0000-000000000000\"", DETAIL_ORIGINAL_ID },
	{ "expires_ts", "0", DETAIL_EXPIRES_TS },
	{ "expires_ts", "1", DETAIL_EXPIRES_TS }, /* a Transfer has none */
	{ "expires_ts", "\"1\"", DETAIL_EXPIRES_TS },
	{ "memo", "1", DETAIL_MEMO },
	{ "memo", "[]", DETAIL_MEMO },
	{ "colour", "\"red\"", DETAIL_UNKNOWN_FIELD },
	{ "colour", "{\"id\":[{}]}", DETAIL_UNKNOWN_FIELD },
	{ "", "1", DETAIL_UNKNOWN_FIELD },
	{ "ID", "\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"", DETAIL_UNKNOWN_FIELD },
};

static const struct {
	const char *name, *member;
} good_members[] = {
	{ "id", ID },
	{ "ts", TS },
	{ "kind", KIND },
	{ "account", ACCOUNT },
	{ "amount", AMOUNT },
	{ "nonce", NONCE },
	{ "capability_ref", CAP },
	{ "v", VERSION },
	{ "counter_account", COUNTER },
};

/* The good entry, with this value in place of the one of that name, or added. */
static enum detail detail_with(const char *name, const char *value)
{
	static char members[8192];
	size_t used = (size_t)snprintf(members, sizeof members, "\"%s\":%s", name, value);

	for (size_t i = 0; i < COUNT_OF(good_members); i++) {
		if (strcmp(good_members[i].name, name) != 0) {
			used += (size_t)snprintf(members + used, sizeof members - used, ",%s",
				good_members[i].member);
		}
	}
	return detail_of_entry(members);
}

static void every_bad_value_has_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_values); i++) {
		enum detail detail = detail_with(bad_values[i].name, bad_values[i].value);

		if (detail != bad_values[i].detail) {
			fail_msg("\"%s\":%s is %s", bad_values[i].name, bad_values[i].value,
				detail_text(detail));
		}
	}
}

static void lengths_are_held_to_the_byte(void **state)
{
	static const struct {
		const char *name;
		size_t bytes_max;
		enum detail detail;
	} rows[] = {
		{ "account", ACCOUNT_BYTES_MAX, DETAIL_ACCOUNT },
		{ "counter_account", ACCOUNT_BYTES_MAX, DETAIL_COUNTER_ACCOUNT },
		{ "asset", ASSET_BYTES_MAX, DETAIL_ASSET },
		{ "memo", MEMO_BYTES_MAX, DETAIL_MEMO },
	};
	char value[512];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		memset(value, 'a', sizeof value);
		value[0] = '"';
		value[rows[i].bytes_max + 1] = '"';
		value[rows[i].bytes_max + 2] = '\0';
		assert_int_equal(detail_with(rows[i].name, value), DETAIL_NONE);
		value[rows[i].bytes_max + 1] = 'a';
		value[rows[i].bytes_max + 2] = '"';
		value[rows[i].bytes_max + 3] = '\0';
		assert_int_equal(detail_with(rows[i].name, value), rows[i].detail);
	}
}

static void the_largest_amount_is_taken_and_5000_digits_are_not(void **state)
{
	char digits[5003];

	(void)state;
	assert_int_equal(
		detail_with("amount", "\"340282366920938463463374607431768211455\""), DETAIL_NONE);
	assert_true(drafts[0].entry.amount == U128_MAX);
	memset(digits, '9', sizeof digits);
	digits[0] = '"';
	digits[5001] = '"';
	digits[5002] = '\0';
	assert_int_equal(detail_with("amount", digits), DETAIL_AMOUNT);
	digits[5001] = '\0';
	assert_int_equal(detail_with("ts", digits + 1), DETAIL_TS);
}

static void an_element_that_is_no_object_is_a_refused_entry(void **state)
{
	(void)state;
	accept(BATCH("1,\"x\",null,true,[],[{" GOOD "}],{" GOOD "}"), 7);
	for (size_t i = 0; i < 6; i++) {
		assert_int_equal(drafts[i].refused, DETAIL_MALFORMED);
	}
	assert_int_equal(drafts[6].refused, DETAIL_NONE);
}

static void the_first_thing_wrong_is_the_one_that_is_told(void **state)
{
	(void)state;
	assert_int_equal(detail_of_entry("\"ts\":-1,\"amount\":1"), DETAIL_TS);
	assert_int_equal(detail_of_entry("\"amount\":1,\"ts\":-1"), DETAIL_AMOUNT);
}

static void a_refused_entry_keeps_kind_and_asset_for_its_group(void **state)
{
	(void)state;
	accept(BATCH("{\"kind\":\"Debit\",\"asset\":\"usd\",\"amount\":1},{\"kind\":\"Credit\"},"
		     "{\"kind\":\"X\",\"asset\":\"\"}"),
		3);
	assert_int_equal(drafts[0].entry.kind, ENTRY_DEBIT);
	assert_slice(drafts[0].entry.asset, "usd");
	assert_int_equal(drafts[1].entry.kind, ENTRY_CREDIT);
	assert_slice(drafts[1].entry.asset, "ron");
	assert_int_equal(drafts[2].entry.kind, 0);
	assert_slice(drafts[2].entry.asset, "");
}

static void one_bad_entry_leaves_the_others_alone(void **state)
{
	(void)state;
	accept(BATCH("{" GOOD "},{" GOOD ",\"x\":1},{" GOOD "}"), 3);
	assert_int_equal(drafts[0].refused, DETAIL_NONE);
	assert_int_equal(drafts[1].refused, DETAIL_UNKNOWN_FIELD);
	assert_int_equal(drafts[2].refused, DETAIL_NONE);
}

static void add_caveat(const char *text)
{
	struct caveat caveat;

	assert_int_equal(
		caveat_parse((struct slice){ (const uint8_t *)text, strlen(text) }, &caveat),
		CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(&grant.caveats, &caveat, 0, NULL), ERR_OK);
}

static void caveats_about_entries_are_judged_early(void **state)
{
	static const struct {
		const char *caveat;
		enum detail transfer, mint, reverse;
	} rows[] = {
		{ "action=ledger.ingest", DETAIL_NONE, DETAIL_CAVEAT, DETAIL_NONE },
		{ "action=gov.mint", DETAIL_CAVEAT, DETAIL_NONE, DETAIL_NONE },
		{ "account=acct_123", DETAIL_NONE, DETAIL_NONE, DETAIL_NONE },
		{ "account=acct_4*", DETAIL_CAVEAT, DETAIL_CAVEAT, DETAIL_NONE },
		{ "asset=usd", DETAIL_CAVEAT, DETAIL_CAVEAT, DETAIL_NONE },
		{ "kind=Transfer", DETAIL_NONE, DETAIL_CAVEAT, DETAIL_NONE },
		{ "amount<=12345", DETAIL_NONE, DETAIL_NONE, DETAIL_NONE },
		{ "amount<=12344", DETAIL_CAVEAT, DETAIL_CAVEAT, DETAIL_NONE },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		setup(state);
		add_caveat(rows[i].caveat);
		accept(BATCH("{" GOOD "},{" ID "," TS ",\"kind\":\"Mint\"," ACCOUNT "," AMOUNT
			     "," NONCE "," CAP "," VERSION "},{" ID "," TS
			     ",\"kind\":\"Reverse\"," ACCOUNT "," AMOUNT "," NONCE "," CAP
			     "," VERSION
			     ",\"original_id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\"}"),
			3);
		assert_int_equal(drafts[0].refused, rows[i].transfer);
		assert_int_equal(drafts[1].refused, rows[i].mint);
		assert_int_equal(
			drafts[2].refused, rows[i].reverse); /* the ledger knows what falls */
	}
}

/* It is as good as minting rewards. */
static void filling_a_reward_pool_needs_gov_mint(void **state)
{
	static const char pool[] = "\"sys:reward_pool:acme:ron\"";

	(void)state;
	add_caveat("action=ledger.ingest,gov.mint");
	assert_int_equal(detail_with("counter_account", pool), DETAIL_NONE);
	add_caveat("action=ledger.ingest");
	assert_int_equal(detail_with("counter_account", pool), DETAIL_CAVEAT);
}

/* --- what is wrong with the whole --- */

#define E "{" GOOD "}"

static const struct {
	const char *text;
	enum ingest_fault fault;
} bad_wholes[] = {
	{ "", INGEST_MALFORMED },
	{ " ", INGEST_MALFORMED },
	{ "null", INGEST_MALFORMED },
	{ "1", INGEST_MALFORMED },
	{ "\"batch\"", INGEST_MALFORMED },
	{ "[]", INGEST_MALFORMED },
	{ "[" E "]", INGEST_MALFORMED },
	{ "{}", INGEST_MISSING_FIELD },
	{ "{\"mode\":\"atomic\"}", INGEST_MISSING_FIELD },
	{ BATCH(""), INGEST_BATCH },
	{ "{\"batch\":{}}", INGEST_BATCH },
	{ "{\"batch\":{\"batch\":[" E "]}}", INGEST_BATCH },
	{ "{\"batch\":null}", INGEST_BATCH },
	{ "{\"batch\":\"" REF "\"}", INGEST_BATCH },
	{ "{\"batch\":[" E "],\"batch\":[" E "]}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"mode\":\"atomic\",\"mode\":\"atomic\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"note\":1}", INGEST_UNKNOWN_FIELD },
	{ "{\"batch\":[" E "],\"note\":[{}]}", INGEST_UNKNOWN_FIELD },
	{ "{\"note\":[[1],{\"batch\":2}],\"batch\":[" E "]}", INGEST_UNKNOWN_FIELD },
	{ "{\"batch\":[" E "],\"mode\":\"all\"}", INGEST_MODE },
	{ "{\"batch\":[" E "],\"mode\":null}", INGEST_MODE },
	{ "{\"batch\":[" E "],\"mode\":[]}", INGEST_MODE },
	{ "{\"batch\":[" E "],\"dry_run\":1}", INGEST_DRY_RUN },
	{ "{\"batch\":[" E "],\"dry_run\":\"true\"}", INGEST_DRY_RUN },
	{ "{\"batch\":[" E "],\"dry_run\":null}", INGEST_DRY_RUN },
	{ "{\"batch\":[" E "],\"idem_id\":1}", INGEST_IDEM_ID },
	/* no JSON */
	{ BATCH(E) "x", INGEST_MALFORMED },
	{ BATCH(E) BATCH(E), INGEST_MALFORMED },
	{ BATCH(E) ",", INGEST_MALFORMED },
	{ BATCH(E ","), INGEST_MALFORMED },
	{ BATCH("{" GOOD ",}"), INGEST_MALFORMED },
	{ BATCH("{" GOOD " " GOOD "}"), INGEST_MALFORMED },
	{ BATCH("{" ID "," TS "," KIND ",account:\"a\"}"), INGEST_MALFORMED },
	{ BATCH("{'id':1}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":01}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":+1}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":1.}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":.5}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":1e}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":0x10}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":NaN}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":Infinity}"), INGEST_MALFORMED },
	{ BATCH("{\"ts\":True}"), INGEST_MALFORMED },
	{ BATCH("/* why */" E), INGEST_MALFORMED },
	{ "// why\n" BATCH(E), INGEST_MALFORMED },
	{ "\xef\xbb\xbf" BATCH(E), INGEST_MALFORMED },
	{ "\v" BATCH(E), INGEST_MALFORMED },
	{ "{\f\"batch\":[" E "]}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"a\nb\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"a\tb\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"a\x01\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"a\\x\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\\u12g4\"}", INGEST_MALFORMED },
	/* text that is none, wherever it stands */
	{ "{\"batch\":[" E "],\"idem_id\":\"\xff\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\xc0\xaf\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\xed\xa0\x80\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\xf4\x90\x80\x80\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\xf5\"}", INGEST_MALFORMED },
	{ "{\"batch\":[" E "],\"idem_id\":\"\xe2\x82\"}", INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\xff\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\ud800\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\udc00\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\ud83d\\u0041\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\ud83d\\ud83d\\ude00\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\ud83d\\\\ude00\"}"), INGEST_MALFORMED },
	{ BATCH("{\"memo\":\"\\ud83dx\"}"), INGEST_MALFORMED },
	{ BATCH("{\"\\udc00\":1}"), INGEST_MALFORMED },
};

static void every_bad_whole_has_its_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_wholes); i++) {
		enum ingest_fault fault = read_text(bad_wholes[i].text);

		if (fault != bad_wholes[i].fault) {
			fail_msg("row %zu: %s is \"%s\"", i, bad_wholes[i].text,
				detail_text(ingest_fault_detail(fault)));
		}
	}
}

static void a_nul_byte_is_no_json(void **state)
{
	static const char in_string[] = "{\"batch\":[" E "],\"idem_id\":\"a\0b\"}";
	static const char behind[] = BATCH(E) "\0";

	(void)state;
	assert_int_equal(read_bytes(in_string, sizeof in_string - 1), INGEST_MALFORMED);
	assert_int_equal(read_bytes(behind, sizeof behind - 1), INGEST_MALFORMED);
}

static void every_cut_of_a_body_is_malformed(void **state)
{
	static const char whole[] =
		"{\"idem_id\":\"\xc3\xa9\",\"mode\":\"atomic\",\"dry_run\":true,\"batch\":[" E
		",{" GOOD ",\"memo\":\"\\ud83d\\ude00\"}]}";

	(void)state;
	assert_int_equal(read_text(whole), INGEST_OK);
	for (size_t cut = 0; cut < sizeof whole - 1; cut++) {
		assert_int_equal(read_bytes(whole, cut), INGEST_MALFORMED);
	}
}

static void idem_id_is_held_to_the_byte(void **state)
{
	char id[IDEM_ID_BYTES_MAX + 2];

	(void)state;
	memset(id, 'i', sizeof id);
	id[IDEM_ID_BYTES_MAX] = '\0';
	snprintf(body, sizeof body, "{\"idem_id\":\"%s\",\"batch\":[" E "]}", id);
	accept(body, 1);
	assert_slice(request.idem_id, id);
	id[IDEM_ID_BYTES_MAX] = 'i';
	id[IDEM_ID_BYTES_MAX + 1] = '\0';
	snprintf(body, sizeof body, "{\"idem_id\":\"%s\",\"batch\":[" E "]}", id);
	assert_int_equal(read_text(body), INGEST_IDEM_ID);
}

static void read_batch_of(size_t entry_count, const char *entry)
{
	size_t used = (size_t)snprintf(body, sizeof body, "{\"batch\":[");

	for (size_t i = 0; i < entry_count; i++) {
		used += (size_t)snprintf(
			body + used, sizeof body - used, "%s%s", i == 0 ? "" : ",", entry);
	}
	snprintf(body + used, sizeof body - used, "]}");
}

static void a_batch_is_held_to_its_count(void **state)
{
	(void)state;
	read_batch_of(ENTRIES_MAX, E);
	accept(body, ENTRIES_MAX);
	read_batch_of(ENTRIES_MAX + 1, E);
	assert_int_equal(read_text(body), INGEST_TOO_MANY_ENTRIES);
	read_batch_of(300000, "{}");
	assert_int_equal(read_text(body), INGEST_TOO_MANY_ENTRIES);
}

static void nesting_is_bounded(void **state)
{
	(void)state;
	for (size_t depth = 1; depth <= 100; depth++) {
		size_t used = (size_t)snprintf(body, sizeof body, "{\"batch\":[{\"memo\":");

		memset(body + used, '[', depth);
		memset(body + used + depth, ']', depth);
		used += 2 * depth;
		snprintf(body + used, sizeof body - used, "}]}");
		assert_int_equal(read_text(body),
			depth + 3 <= JSON_DEPTH_MAX ? INGEST_OK : INGEST_MALFORMED);
	}
	memset(body, '[', BODY_BYTES_MAX);
	assert_int_equal(read_bytes(body, BODY_BYTES_MAX), INGEST_MALFORMED);
}

/* Goal: the arena holds whatever a body of the largest size can make yajl ask for. */
static void the_longest_strings_fit_the_arena(void **state)
{
	static const char head[] = "{\"batch\":[" E "],\"idem_id\":\"";
	size_t used = sizeof head - 1;

	(void)state;
	memcpy(body, head, used);
	for (; used + 2 <= BODY_BYTES_MAX - 2; used += 2) {
		memcpy(body + used, "\\n", 2);
	}
	memcpy(body + used, "\"}", 2);
	assert_int_equal(read_bytes(body, used + 2), INGEST_IDEM_ID);
	assert_int_equal(read_bytes(body, used), INGEST_MALFORMED); /* ends inside the string */
	memset(body + sizeof head - 1, 'a', used - sizeof head + 1);
	memcpy(body + used - 2, "\\n", 2);
	assert_int_equal(read_bytes(body, used + 2), INGEST_IDEM_ID);
	memset(body, '1', BODY_BYTES_MAX);
	assert_int_equal(read_bytes(body, BODY_BYTES_MAX), INGEST_MALFORMED);
}

static size_t heard_bytes;

static void hear_scalar(void *self, enum json_type type, struct slice text)
{
	(void)self;
	assert_int_equal(type, JSON_STRING);
	heard_bytes = text.bytes_count;
	for (size_t i = 0; i < text.bytes_count; i++) {
		assert_int_equal(text.bytes[i], i % 2 == 0 ? '\n' : 'a' + i / 2 % 26);
	}
}

static void a_long_string_is_decoded_whole(void **state)
{
	static const struct json_listener hearing = { .scalar = hear_scalar };
	size_t used = 1;

	(void)state;
	body[0] = '"';
	for (size_t i = 0; i < 20000; i++) {
		body[used++] = '\\';
		body[used++] = 'n';
		body[used++] = (char)('a' + i % 26);
	}
	body[used++] = '"';
	assert_true(json_parse(
		&ingest.json, (struct slice){ (const uint8_t *)body, used }, &hearing, NULL));
	assert_int_equal(heard_bytes, 40000);
}

static void a_refusal_of_the_whole_is_one_draft_that_is_refused(void **state)
{
	(void)state;
	assert_int_equal(
		read_text("{\"batch\":[{},{}],\"dry_run\":true,\"mode\":\"?\"}"), INGEST_MODE);
	request = ingest_refusal(&ingest, INGEST_MODE);
	assert_int_equal(request.draft_count, 1);
	assert_int_equal(request.refused_count, 1);
	assert_false(request.dry_run);
	decode_drafts();
	assert_int_equal(drafts[0].refused, DETAIL_MODE);
	assert_int_equal(ingest_fault_detail(INGEST_OK), DETAIL_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(an_entry_becomes_a_draft_with_the_grants_names, setup),
		cmocka_unit_test_setup(members_may_change_their_order_at_any_time, setup),
		cmocka_unit_test_setup(the_options_of_a_request_are_read, setup),
		cmocka_unit_test_setup(a_request_inherits_nothing_of_the_one_before, setup),
		cmocka_unit_test_setup(optional_members_are_read, setup),
		cmocka_unit_test_setup(a_memo_is_hashed_with_a_salt_of_its_own, setup),
		cmocka_unit_test_setup(more_memos_than_salts_in_stock_all_get_one, setup),
		cmocka_unit_test_setup(escapes_are_decoded_before_anything_is_judged, setup),
		cmocka_unit_test_setup(white_space_of_json_is_skipped, setup),
		cmocka_unit_test_setup(every_member_that_must_be_there_is_missed, setup),
		cmocka_unit_test_setup(every_member_given_twice_is_refused, setup),
		cmocka_unit_test_setup(every_bad_value_has_its_name, setup),
		cmocka_unit_test_setup(lengths_are_held_to_the_byte, setup),
		cmocka_unit_test_setup(the_largest_amount_is_taken_and_5000_digits_are_not, setup),
		cmocka_unit_test_setup(an_element_that_is_no_object_is_a_refused_entry, setup),
		cmocka_unit_test_setup(the_first_thing_wrong_is_the_one_that_is_told, setup),
		cmocka_unit_test_setup(a_refused_entry_keeps_kind_and_asset_for_its_group, setup),
		cmocka_unit_test_setup(one_bad_entry_leaves_the_others_alone, setup),
		cmocka_unit_test_setup(caveats_about_entries_are_judged_early, setup),
		cmocka_unit_test_setup(filling_a_reward_pool_needs_gov_mint, setup),
		cmocka_unit_test_setup(every_bad_whole_has_its_name, setup),
		cmocka_unit_test_setup(a_nul_byte_is_no_json, setup),
		cmocka_unit_test_setup(every_cut_of_a_body_is_malformed, setup),
		cmocka_unit_test_setup(idem_id_is_held_to_the_byte, setup),
		cmocka_unit_test_setup(a_batch_is_held_to_its_count, setup),
		cmocka_unit_test_setup(nesting_is_bounded, setup),
		cmocka_unit_test_setup(the_longest_strings_fit_the_arena, setup),
		cmocka_unit_test_setup(a_long_string_is_decoded_whole, setup),
		cmocka_unit_test_setup(a_refusal_of_the_whole_is_one_draft_that_is_refused, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
