#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/base64.h"
#include "core/entry.h"
#include "core/hex.h"
#include "core/intent.h"

static const char *const golden_actors[] = { "did:ron:alice", "did:ron:bob", "did:ron:carol" };
static const uint64_t golden_amounts[] = { 476, 188, 335 };

static uint8_t body[4096];

static struct slice text(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct hash hash_of(const char *hex)
{
	struct hash hash;

	assert_int_equal(hex_decode(hex, strlen(hex), hash.bytes, HASH_BYTES), ERR_OK);
	return hash;
}

/* spec/rewarder.md section 9.12. */
static struct slice golden_allocations(void)
{
	struct byte_writer out = byte_writer_of(body, sizeof body);

	for (size_t i = 0; i < COUNT_OF(golden_actors); i++) {
		intent_put_allocation(&out,
			&(struct intent_allocation){ text(golden_actors[i]), golden_amounts[i] });
	}
	return (struct slice){ body, out.used };
}

static struct intent golden(void)
{
	const char array[] = "[{\"actor\":\"did:ron:alice\",\"amount_minor\":\"476\"},"
			     "{\"actor\":\"did:ron:bob\",\"amount_minor\":\"188\"},"
			     "{\"actor\":\"did:ron:carol\",\"amount_minor\":\"335\"}]";
	struct intent intent = {
		.tenant = text("acme"),
		.epoch = text("2025-10-01"),
		.policy_id = text("rev42"),
		.asset = text("ron"),
		.pool_account = text("sys:reward_pool:acme:ron"),
		.run_key =
			hash_of("699ccc18c1f41deb42fba707306312008c2aefd346973d47b3f09e4d9b580df5"),
		.idempotency_key =
			hash_of("93e6c5bdc98d198f6df72109d06fcc3013e270455fe41e433ff52adb8ae4bd9e"),
		.commitment =
			hash_of("c55b6233a984ddeec128dd303302b367217287dc5ed2da260b6147cfcccae75b"),
		.policy_hash =
			hash_of("3f2fa825dbdaa8c0629208b8ea9e058971cb59dae619fc81faec8dd48d5ad2c5"),
		.pool_total = 1001,
		.payout_total = 999,
		.count = 3,
	};

	blake3_hash(array, sizeof array - 1, &intent.allocations_cid); /* as b3sum would */
	return intent;
}

static void expect_allocations(
	const struct intent *intent, struct slice allocations, enum detail detail)
{
	assert_string_equal(
		detail_text(intent_check_allocations(intent, allocations)), detail_text(detail));
}

static void the_golden_nonces_come_out(void **state)
{
	static const char *const nonces[] = {
		"wQKPPNGr/fn2hbf+fPEejA==", "y8rjNViY0cegNeskdKi6Eg==", "Zf35a9uZWPomMzkyuus5Qg=="
	};
	struct intent intent = golden();

	(void)state;
	for (size_t i = 0; i < COUNT_OF(nonces); i++) {
		char spelled[BASE64_TEXT_BYTES(ID_BYTES) + 1];
		struct id128 nonce;

		intent_nonce(&intent.idempotency_key, text(golden_actors[i]), &nonce);
		(void)base64_encode(nonce.bytes, sizeof nonce.bytes, spelled);
		assert_string_equal(spelled, nonces[i]);
	}
}

static void a_header_is_itself_again(void **state)
{
	uint8_t bytes[INTENT_HEADER_BYTES_MAX], again[INTENT_HEADER_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct byte_writer second = byte_writer_of(again, sizeof again);
	struct intent intent = golden(), got;

	(void)state;
	intent_encode(&out, &intent);
	assert_int_equal(intent_decode((struct slice){ bytes, out.used }, &got), ERR_OK);
	assert_true(entry_views_equal(got.policy_id, intent.policy_id));
	assert_int_equal(got.count, 3);
	intent_encode(&second, &got);
	assert_int_equal(second.used, out.used);
	assert_memory_equal(again, bytes, out.used);
}

static void a_header_that_is_cut_or_longer_or_newer_is_none(void **state)
{
	uint8_t bytes[INTENT_HEADER_BYTES_MAX + 1];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct intent intent = golden(), got;

	(void)state;
	intent_encode(&out, &intent);
	for (size_t cut = 0; cut < out.used; cut++) {
		assert_int_equal(intent_decode((struct slice){ bytes, cut }, &got), ERR_MALFORMED);
	}
	bytes[out.used] = 0;
	assert_int_equal(intent_decode((struct slice){ bytes, out.used + 1 }, &got), ERR_MALFORMED);
	bytes[0] = INTENT_VERSION + 1;
	assert_int_equal(intent_decode((struct slice){ bytes, out.used }, &got), ERR_MALFORMED);
}

static void the_largest_header_fits_its_bound(void **state)
{
	uint8_t bytes[INTENT_HEADER_BYTES_MAX];
	uint8_t letters[ACCOUNT_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct intent intent = golden();

	(void)state;
	memset(letters, 'a', sizeof letters);
	intent.tenant = (struct slice){ letters, INTENT_TENANT_BYTES_MAX };
	intent.epoch = (struct slice){ letters, INTENT_EPOCH_BYTES_MAX };
	intent.policy_id = (struct slice){ letters, INTENT_POLICY_ID_BYTES_MAX };
	intent.asset = (struct slice){ letters, ASSET_BYTES_MAX };
	intent.pool_account = (struct slice){ letters, ACCOUNT_BYTES_MAX };
	intent_encode(&out, &intent);
	assert_false(out.failed);
	assert_int_equal(out.left, 0);
}

static void a_header_names_the_pool_of_its_tenant_and_asset(void **state)
{
	struct intent intent;

	(void)state;
	intent = golden(), assert_int_equal(intent_check(&intent), DETAIL_NONE);
#define REFUSED(change) \
	(intent = golden(), change, assert_int_equal(intent_check(&intent), DETAIL_INTENT))
	REFUSED(intent.pool_account = text("sys:reward_pool:other:ron"));
	REFUSED(intent.pool_account = text("sys:reward_pool:acme:gold"));
	REFUSED(intent.pool_account = text("alice"));
	REFUSED(intent.tenant = text("other"));
	REFUSED(intent.tenant = text(""));
	REFUSED((intent.tenant = text("a:b"),
		intent.pool_account = text("sys:reward_pool:a:b:ron")));
	REFUSED(intent.asset = text("RON"));
	REFUSED(intent.epoch = text(""));
	REFUSED(intent.policy_id = text("a b"));
	REFUSED(intent.count = 0);
	REFUSED(intent.payout_total = 0);
	REFUSED(intent.payout_total = 1002); /* more than the pool */
#undef REFUSED
}

static void allocations_are_what_the_header_says(void **state)
{
	struct intent intent = golden();
	struct slice good = golden_allocations();

	(void)state;
	expect_allocations(&intent, good, DETAIL_NONE);
	intent.count = 2, expect_allocations(&intent, good, DETAIL_ALLOCATIONS);
	intent.count = 4, expect_allocations(&intent, good, DETAIL_ALLOCATIONS);
	intent = golden();
	intent.payout_total = 998, expect_allocations(&intent, good, DETAIL_ALLOCATIONS);
	intent.payout_total = 1000, expect_allocations(&intent, good, DETAIL_ALLOCATIONS);
	intent = golden();
	intent.allocations_cid.bytes[31] ^= 1;
	expect_allocations(&intent, good, DETAIL_ALLOCATIONS_CID);
	intent = golden();
	for (size_t cut = 0; cut < good.bytes_count; cut++) {
		expect_allocations(&intent, (struct slice){ good.bytes, cut }, DETAIL_ALLOCATIONS);
	}
}

static void expect_pair(const char *first, u128 first_amount, const char *second,
	u128 second_amount, u128 payout, enum detail detail)
{
	struct intent intent = golden();
	struct intent_allocation each[] = { { text(first), first_amount },
		{ text(second), second_amount } };
	struct byte_writer out = byte_writer_of(body, sizeof body);
	struct intent_cid cid;

	intent_cid_init(&cid);
	for (size_t i = 0; i < COUNT_OF(each); i++) {
		intent_put_allocation(&out, &each[i]);
		intent_cid_add(&cid, &each[i]);
	}
	intent_cid_finish(&cid, &intent.allocations_cid);
	intent.count = 2;
	intent.pool_total = U128_MAX;
	intent.payout_total = payout;
	expect_allocations(&intent, (struct slice){ body, out.used }, detail);
}

static void actors_rise_and_get_something(void **state)
{
	(void)state;
	expect_pair("a", 1, "b", 2, 3, DETAIL_NONE);
	expect_pair("a", 1, "aa", 2, 3, DETAIL_NONE);
	expect_pair("B", 1, "a", 2, 3, DETAIL_NONE); /* bytes, not letters */
	expect_pair("b", 1, "a", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("aa", 1, "a", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("a", 1, "a", 2, 3, DETAIL_ALLOCATIONS); /* nobody twice */
	expect_pair("a", 0, "b", 3, 3, DETAIL_ALLOCATIONS);
	expect_pair("", 1, "b", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("a b", 1, "b", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("a", 1, "sys:issuance", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("a", 1, "sys:reward_pool:other:ron", 2, 3, DETAIL_ALLOCATIONS);
	expect_pair("a", U128_MAX, "b", 4, 3, DETAIL_ALLOCATIONS); /* 3, modulo 2^128 */
	expect_pair("a", U128_MAX - 1, "b", 1, U128_MAX, DETAIL_NONE);
}

static void nothing_has_the_cid_of_an_empty_array(void **state)
{
	struct hash known, got;
	struct intent_cid cid;

	(void)state;
	blake3_hash("[]", 2, &known);
	intent_cid_init(&cid);
	intent_cid_finish(&cid, &got);
	assert_memory_equal(&got, &known, sizeof got);
}

static void what_is_settled_is_kept_whole(void **state)
{
	uint8_t bytes[INTENT_SETTLED_BYTES_MAX];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct intent intent = golden(), got;
	uint64_t seq_start = 0, seq_end = 0;

	(void)state;
	intent_put_settled(&out, &intent, 7, 9);
	assert_int_equal(
		intent_get_settled((struct slice){ bytes, out.used }, &got, &seq_start, &seq_end),
		ERR_OK);
	assert_int_equal(seq_start, 7);
	assert_int_equal(seq_end, 9);
	assert_int_equal(got.count, 3);
	assert_true(entry_views_equal(got.epoch, intent.epoch));
	assert_memory_equal(&got.allocations_cid, &intent.allocations_cid, HASH_BYTES);
	for (size_t cut = 0; cut < out.used; cut++) {
		assert_int_equal(intent_get_settled(
					 (struct slice){ bytes, cut }, &got, &seq_start, &seq_end),
			ERR_MALFORMED);
	}
	out = byte_writer_of(bytes, sizeof bytes);
	intent_put_settled(&out, &intent, 9, 7);
	assert_int_equal(
		intent_get_settled((struct slice){ bytes, out.used }, &got, &seq_start, &seq_end),
		ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_golden_nonces_come_out),
		cmocka_unit_test(a_header_is_itself_again),
		cmocka_unit_test(a_header_that_is_cut_or_longer_or_newer_is_none),
		cmocka_unit_test(the_largest_header_fits_its_bound),
		cmocka_unit_test(a_header_names_the_pool_of_its_tenant_and_asset),
		cmocka_unit_test(allocations_are_what_the_header_says),
		cmocka_unit_test(actors_rise_and_get_something),
		cmocka_unit_test(nothing_has_the_cid_of_an_empty_array),
		cmocka_unit_test(what_is_settled_is_kept_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
