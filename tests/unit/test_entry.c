#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/draft.h"
#include "core/entry.h"
#include "core/hex.h"
#include "core/merkle.h"

static struct slice text(const char *string)
{
	return (struct slice){ (const uint8_t *)string, strlen(string) };
}

static struct entry a_transfer(void)
{
	return (struct entry){
		.seq = 9,
		.id = { { 1 } },
		.ts_unix_ms = 1000,
		.kind = ENTRY_TRANSFER,
		.source = SOURCE_INGEST,
		.account = text("alice"),
		.asset = text("ron"),
		.amount = 5,
		.nonce = { { 2 } },
		.kid = 3,
		.capability_ref = text("cap"),
		.counter_account = text("bob"),
	};
}

static size_t encode(const struct entry *entry, uint8_t leaf[ENTRY_LEAF_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(leaf, ENTRY_LEAF_BYTES_MAX);

	entry_encode(&out, entry);
	assert_false(out.failed);
	return out.used;
}

/* ---- vectors ---- */

struct vector {
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	size_t leaf_bytes;
	struct hash hash;
	struct entry entry;
	char texts[4][256]; /* account, asset, capability_ref, counter_account */
};

static unsigned number_of(const char *(*name)(unsigned), const char *value)
{
	for (unsigned i = 0; i < 16; i++) {
		if (strcmp(name(i), value) == 0) {
			return i;
		}
	}
	fail_msg("no such name: %s", value);
	return 0;
}

static u128 decimal(const char *digits)
{
	u128 value = 0;

	for (; *digits != '\0'; digits++) {
		value = value * 10 + (unsigned)(*digits - '0');
	}
	return value;
}

static void set_text(struct vector *vector, size_t place, struct slice *member, const char *value)
{
	assert_true(strlen(value) < sizeof vector->texts[place]);
	memcpy(vector->texts[place], value, strlen(value) + 1);
	*member = text(vector->texts[place]);
}

static void set_bytes(void *bytes, size_t bytes_count, const char *value)
{
	assert_int_equal(hex_decode(value, strlen(value), bytes, bytes_count), ERR_OK);
}

static void set_member(struct vector *vector, const char *member, const char *value)
{
	struct entry *entry = &vector->entry;

	if (strcmp(member, "seq") == 0) {
		entry->seq = (uint64_t)decimal(value);
	} else if (strcmp(member, "id") == 0) {
		set_bytes(&entry->id, ID_BYTES, value);
	} else if (strcmp(member, "ts") == 0) {
		entry->ts_unix_ms = (uint64_t)decimal(value);
	} else if (strcmp(member, "kind") == 0) {
		entry->kind = (enum entry_kind)number_of(entry_kind_name, value);
	} else if (strcmp(member, "source") == 0) {
		entry->source = (enum entry_source)number_of(entry_source_name, value);
	} else if (strcmp(member, "account") == 0) {
		set_text(vector, 0, &entry->account, value);
	} else if (strcmp(member, "asset") == 0) {
		set_text(vector, 1, &entry->asset, value);
	} else if (strcmp(member, "amount") == 0) {
		entry->amount = decimal(value);
	} else if (strcmp(member, "nonce") == 0) {
		set_bytes(&entry->nonce, ID_BYTES, value);
	} else if (strcmp(member, "kid") == 0) {
		entry->kid = (uint32_t)decimal(value);
	} else if (strcmp(member, "capability_ref") == 0) {
		set_text(vector, 2, &entry->capability_ref, value);
	} else if (strcmp(member, "counter_account") == 0) {
		set_text(vector, 3, &entry->counter_account, value);
	} else if (strcmp(member, "original_id") == 0) {
		set_bytes(&entry->original_id, ID_BYTES, value);
	} else if (strcmp(member, "original_seq") == 0) {
		entry->original_seq = (uint64_t)decimal(value);
	} else if (strcmp(member, "effect") == 0) {
		entry->effect = (enum entry_effect)number_of(entry_effect_name, value);
	} else if (strcmp(member, "expires_ts") == 0) {
		entry->expires_unix_ms = (uint64_t)decimal(value);
	} else if (strcmp(member, "memo_hash") == 0) {
		set_bytes(&entry->memo_hash, HASH_BYTES, value);
	} else if (strcmp(member, "group_first") == 0) {
		entry->group_first = (uint64_t)decimal(value);
	} else if (strcmp(member, "group_count") == 0) {
		entry->group_count = (uint32_t)decimal(value);
	} else if (strcmp(member, "receipt_hash") == 0) {
		set_bytes(&entry->receipt_hash, HASH_BYTES, value);
	} else if (strcmp(member, "leaf") == 0) {
		vector->leaf_bytes = strlen(value) / 2;
		set_bytes(vector->leaf, vector->leaf_bytes, value);
	} else if (strcmp(member, "hash") == 0) {
		set_bytes(&vector->hash, HASH_BYTES, value);
	} else {
		assert_true(strcmp(member, "name") == 0 || strcmp(member, "version") == 0);
	}
}

static void check_vector(const struct vector *vector)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX], again[ENTRY_LEAF_BYTES_MAX];
	struct entry entry;
	struct hash hash;

	assert_int_equal(encode(&vector->entry, leaf), vector->leaf_bytes);
	assert_memory_equal(leaf, vector->leaf, vector->leaf_bytes);
	assert_int_equal(entry_decode((struct slice){ leaf, vector->leaf_bytes }, &entry), ERR_OK);
	assert_int_equal(encode(&entry, again), vector->leaf_bytes);
	assert_memory_equal(again, leaf, vector->leaf_bytes);
	merkle_leaf(MERKLE_SHA256, leaf, vector->leaf_bytes, &hash);
	assert_memory_equal(&hash, &vector->hash, sizeof hash);
	assert_true(
		entry_leaf_seq((struct slice){ leaf, vector->leaf_bytes }) == vector->entry.seq);
}

/* Goal: the leaves that an independent script writes are ours, to the byte. */
static void frozen_vectors_hold(void **state)
{
	static struct vector vector;
	char path[4096], line[4096], member[64], value[4096];
	unsigned count = 0;
	FILE *file;

	(void)state;
	(void)snprintf(path, sizeof path, "%s/entry-v1.txt", getenv("MACRONODE_VECTORS"));
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof line, file) != NULL) {
		if (sscanf(line, "%63s %4095s", member, value) == 2) {
			set_member(&vector, member, value);
		} else {
			check_vector(&vector);
			memset(&vector, 0, sizeof vector);
			count++;
		}
	}
	(void)fclose(file);
	assert_int_equal(count, 12);
}

/* ---- strictness ---- */

static void a_leaf_decodes_only_when_whole(void **state)
{
	struct entry sent = a_transfer(), got;
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX + 1] = { 0 };
	size_t leaf_bytes = encode(&sent, leaf);

	(void)state;
	for (size_t cut = 0; cut <= leaf_bytes + 1; cut++) {
		enum err err = entry_decode((struct slice){ leaf, cut }, &got);

		assert_true((err == ERR_OK) == (cut == leaf_bytes));
	}
}

static void the_largest_leaf_has_the_size_that_the_header_says(void **state)
{
	char longest[ACCOUNT_BYTES_MAX + 1];
	struct entry entry = a_transfer();
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];

	(void)state;
	memset(longest, 'a', ACCOUNT_BYTES_MAX);
	longest[ACCOUNT_BYTES_MAX] = '\0';
	entry.account = text(longest);
	entry.counter_account = text(longest);
	entry.capability_ref = text(longest);
	entry.asset = (struct slice){ (const uint8_t *)longest, ASSET_BYTES_MAX };
	assert_int_equal(encode(&entry, leaf), ENTRY_LEAF_BYTES_MAX);
}

static bool decodes(const struct entry *entry)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	struct entry got;
	size_t leaf_bytes = encode(entry, leaf);

	return entry_decode((struct slice){ leaf, leaf_bytes }, &got) == ERR_OK;
}

static void what_no_ledger_could_have_written_does_not_decode(void **state)
{
	struct entry entry = a_transfer();

	(void)state;
	assert_true(decodes(&entry));
#define REFUSED(change)                        \
	do {                                   \
		entry = a_transfer();          \
		change;                        \
		assert_false(decodes(&entry)); \
	} while (0)
	REFUSED(entry.seq = 0);
	REFUSED(entry.amount = 0);
	REFUSED(entry.kind = (enum entry_kind)0);
	REFUSED(entry.kind = (enum entry_kind)8);
	REFUSED(entry.source = (enum entry_source)0);
	REFUSED(entry.source = (enum entry_source)5);
	REFUSED(entry.effect = (enum entry_effect)8);
	REFUSED(entry.account = text("no space"));
	REFUSED(entry.asset = text("RON"));
	REFUSED(entry.counter_account = text(""));
	REFUSED(entry.capability_ref = text(""));
	REFUSED(entry.original_id.bytes[0] = 1);
	REFUSED(entry.original_seq = 1);
	REFUSED(entry.effect = EFFECT_CAPTURE);
	REFUSED(entry.expires_unix_ms = 1);
	REFUSED(entry.group_count = 1);
	REFUSED(entry.group_first = 9);
	REFUSED(entry.kind = ENTRY_MINT); /* has a counter_account */
	REFUSED(entry.kind = ENTRY_DEBIT; entry.counter_account = text("")); /* has no group */
	REFUSED(entry.original_seq = 9; entry.effect = EFFECT_CAPTURE);      /* not before it */
#undef REFUSED
}

static void version_2_is_not_read(void **state)
{
	struct entry entry = a_transfer(), got;
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	size_t leaf_bytes = encode(&entry, leaf);

	(void)state;
	leaf[0] = 2;
	assert_int_equal(entry_decode((struct slice){ leaf, leaf_bytes }, &got), ERR_MALFORMED);
}

/* ---- names and grammar ---- */

static void names_of_kinds_are_case_sensitive(void **state)
{
	(void)state;
	for (unsigned kind = ENTRY_CREDIT; kind <= ENTRY_REVERSE; kind++) {
		assert_int_equal(entry_kind_parse(text(entry_kind_name(kind))), kind);
	}
	assert_int_equal(entry_kind_parse(text("credit")), 0);
	assert_int_equal(entry_kind_parse(text("")), 0);
	assert_int_equal(entry_kind_parse(text("Mintx")), 0);
	assert_string_equal(entry_kind_name(0), "?");
	assert_string_equal(entry_kind_name(8), "?");
}

static void accounts_take_exactly_their_bytes(void **state)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:-";
	char longest[ACCOUNT_BYTES_MAX + 2];

	(void)state;
	for (unsigned byte = 0; byte < 256; byte++) {
		uint8_t one = (uint8_t)byte;
		bool is_good = byte != 0 && strchr(good, (int)byte) != NULL;

		assert_true(entry_account_is_valid((struct slice){ &one, 1 }) == is_good);
	}
	memset(longest, 'a', sizeof longest);
	assert_false(entry_account_is_valid((struct slice){ 0 }));
	assert_true(entry_account_is_valid(
		(struct slice){ (const uint8_t *)longest, ACCOUNT_BYTES_MAX }));
	assert_false(entry_account_is_valid(
		(struct slice){ (const uint8_t *)longest, ACCOUNT_BYTES_MAX + 1 }));
}

static void assets_begin_with_a_letter_or_digit(void **state)
{
	char longest[ASSET_BYTES_MAX + 1];

	(void)state;
	memset(longest, 'a', sizeof longest);
	assert_true(entry_asset_is_valid(text("ron")));
	assert_true(entry_asset_is_valid(text("0x.a_b-c")));
	assert_false(entry_asset_is_valid(text("")));
	assert_false(entry_asset_is_valid(text(".a")));
	assert_false(entry_asset_is_valid(text("-a")));
	assert_false(entry_asset_is_valid(text("Ron")));
	assert_false(entry_asset_is_valid(text("a:b")));
	assert_true(
		entry_asset_is_valid((struct slice){ (const uint8_t *)longest, ASSET_BYTES_MAX }));
	assert_false(entry_asset_is_valid(
		(struct slice){ (const uint8_t *)longest, ASSET_BYTES_MAX + 1 }));
}

static void a_reward_pool_names_tenant_and_asset(void **state)
{
	(void)state;
	assert_true(entry_account_is_reward_pool(text("sys:reward_pool:t:ron"), text("ron")));
	assert_false(entry_account_is_reward_pool(text("sys:reward_pool:t:ron"), text("on")));
	assert_false(entry_account_is_reward_pool(text("sys:reward_pool::ron"), text("ron")));
	assert_false(entry_account_is_reward_pool(text("sys:reward_pool:a:b:ron"), text("ron")));
	assert_false(entry_account_is_reward_pool(text("sys:reward_pool:ron"), text("ron")));
	assert_false(entry_account_is_reward_pool(text("reward_pool:t:ron"), text("ron")));
	assert_true(entry_account_is_sys(text("sys:x")));
	assert_false(entry_account_is_sys(text("system")));
}

/* ---- drafts ---- */

static struct draft a_full_draft(void)
{
	struct draft draft = {
		.idx = 41,
		.entry = a_transfer(),
		.has_memo = true,
		.salt = { 1, 2, 3 },
		.memo = text("rent"),
		.lane = LANE_DEBIT,
		.lane_nonce = 77,
		.receipt = text("{\"a\":1"),
	};

	draft.entry.seq = 0;
	draft.entry.original_id.bytes[3] = 4;
	draft.entry.expires_unix_ms = 5;
	draft.entry.memo_hash.bytes[0] = 6;
	draft.entry.receipt_hash.bytes[0] = 7;
	return draft;
}

static size_t encode_draft(const struct draft *draft, uint8_t bytes[DRAFT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(bytes, DRAFT_BYTES_MAX);

	draft_encode(&out, draft);
	assert_false(out.failed);
	return out.used;
}

static void a_draft_comes_back_whole_and_only_whole(void **state)
{
	struct draft sent = a_full_draft(), got;
	uint8_t bytes[DRAFT_BYTES_MAX], again[DRAFT_BYTES_MAX];
	size_t bytes_count = encode_draft(&sent, bytes);

	(void)state;
	for (size_t cut = 0; cut < bytes_count; cut++) {
		struct byte_reader in = byte_reader_of((struct slice){ bytes, cut });

		assert_int_equal(draft_decode(&in, SOURCE_V1, &got), ERR_MALFORMED);
	}
	struct byte_reader in = byte_reader_of((struct slice){ bytes, bytes_count });

	assert_int_equal(draft_decode(&in, SOURCE_V1, &got), ERR_OK);
	assert_true(byte_reader_done(&in));
	assert_int_equal(got.entry.source, SOURCE_V1);
	assert_int_equal(encode_draft(&got, again), bytes_count);
	assert_memory_equal(again, bytes, bytes_count);
	assert_int_equal(got.idx, 41);
	assert_true(got.lane == LANE_DEBIT && got.lane_nonce == 77 && got.has_memo);
	assert_true(entry_views_equal(got.receipt, sent.receipt));
	assert_true(entry_views_equal(got.memo, sent.memo));
}

static void a_refused_draft_carries_kind_and_asset(void **state)
{
	struct draft sent = { .idx = 3, .refused = DETAIL_NONCE }, got;
	uint8_t bytes[DRAFT_BYTES_MAX];
	struct byte_reader in;

	(void)state;
	sent.entry.kind = ENTRY_DEBIT;
	sent.entry.asset = text("ron");
	in = byte_reader_of((struct slice){ bytes, encode_draft(&sent, bytes) });
	assert_int_equal(draft_decode(&in, SOURCE_INGEST, &got), ERR_OK);
	assert_true(byte_reader_done(&in) && got.refused == DETAIL_NONCE && got.idx == 3);
	assert_true(got.entry.kind == ENTRY_DEBIT && got.entry.asset.bytes_count == 3);
	assert_int_equal(draft_check(&got), DETAIL_NONCE);
}

/* Goal: each row of which optional member each kind may have. */
static void optional_members_belong_to_their_kinds(void **state)
{
	(void)state;
	for (unsigned kind = ENTRY_CREDIT; kind <= ENTRY_REVERSE; kind++) {
		for (unsigned members = 0; members < 8; members++) {
			struct draft draft = { .entry = a_transfer() };
			bool has_counter = (members & 1) != 0;
			bool has_original = (members & 2) != 0;
			bool has_expiry = (members & 4) != 0;
			bool is_good =
				has_counter == (kind == ENTRY_TRANSFER) &&
				(!has_expiry || kind == ENTRY_HOLD) &&
				(kind == ENTRY_TRANSFER || has_original == (kind == ENTRY_REVERSE));

			draft.entry.kind = (enum entry_kind)kind;
			draft.entry.counter_account = text(has_counter ? "bob" : "");
			draft.entry.original_id.bytes[0] = has_original ? 1 : 0;
			draft.entry.expires_unix_ms = has_expiry ? 1 : 0;
			assert_true((draft_check(&draft) == DETAIL_NONE) == is_good);
		}
	}
}

static void each_detail_has_a_text_and_a_reason(void **state)
{
	(void)state;
	assert_string_equal(detail_text(DETAIL_NONE), "");
	for (unsigned detail = 1; detail < DETAIL_COUNT; detail++) {
		assert_true(strlen(detail_text(detail)) > 0);
		assert_true(detail_reason(detail) != REASON_NONE);
		for (unsigned other = 1; other < detail; other++) {
			assert_string_not_equal(detail_text(detail), detail_text(other));
		}
	}
	assert_int_equal(detail_reason(DETAIL_COUNT), REASON_INTERNAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frozen_vectors_hold),
		cmocka_unit_test(a_leaf_decodes_only_when_whole),
		cmocka_unit_test(the_largest_leaf_has_the_size_that_the_header_says),
		cmocka_unit_test(what_no_ledger_could_have_written_does_not_decode),
		cmocka_unit_test(version_2_is_not_read),
		cmocka_unit_test(names_of_kinds_are_case_sensitive),
		cmocka_unit_test(accounts_take_exactly_their_bytes),
		cmocka_unit_test(assets_begin_with_a_letter_or_digit),
		cmocka_unit_test(a_reward_pool_names_tenant_and_asset),
		cmocka_unit_test(a_draft_comes_back_whole_and_only_whole),
		cmocka_unit_test(a_refused_draft_carries_kind_and_asset),
		cmocka_unit_test(optional_members_belong_to_their_kinds),
		cmocka_unit_test(each_detail_has_a_text_and_a_reason),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
