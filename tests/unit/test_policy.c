/* The policy of the wallet as it travels: what is written is read again, and nothing else is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/caveat.h"
#include "core/policy.h"

static struct policy sent, got;
static uint8_t bytes[POLICY_BYTES_MAX];

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static struct policy_asset row_of(const char *name)
{
	struct policy_asset row = {
		.name_bytes = (uint8_t)strlen(name),
		.op_amount_max = 5,
		.daily_ceiling = U128_MAX,
		.may_issue = true,
		.issuance_cap = U128_MAX - 1,
		.issuance_expires_unix_ms = UINT64_MAX,
	};

	memcpy(row.name, name, strlen(name));
	return row;
}

static bool add(const char *name)
{
	struct policy_asset row = row_of(name);

	return policy_add(&sent, &row);
}

static struct hash certificates[256];

static bool add_client(uint8_t which, uint32_t actions)
{
	struct policy_client row = { .actions = actions };

	certificates[which].bytes[0] = which;
	certificates[which].bytes[1] = 1;
	row.certificate = certificates[which];
	return policy_add_client(&sent, &row);
}

static enum err decode(size_t count)
{
	uint8_t *copy = malloc(count + 1); /* exactly so long, for the sanitizer */
	enum err err;

	assert_non_null(copy);
	memcpy(copy + 1, bytes, count);
	err = policy_decode((struct slice){ copy + 1, count }, &got);
	free(copy);
	return err;
}

static void without_a_document_all_may_be_done_and_nothing_issued(void **state)
{
	(void)state;
	policy_init(&got);
	for (unsigned kind = 1; kind <= OPERATION_KIND_MAX; kind++) {
		assert_true(policy_allows(&got, (enum operation_kind)kind));
	}
	assert_false(policy_may_issue(&got, text_of("ron")));
	assert_null(policy_find(&got, text_of("ron")));
	assert_true(got.per_account.ops == UINT64_MAX && got.per_tenant.ops == UINT64_MAX);
	assert_true(got.per_account.spend_minor == U128_MAX);
	assert_true(got.per_tenant.spend_minor == U128_MAX);
}

static void rows_are_found_whatever_their_order(void **state)
{
	static const char *const names[] = { "ron", "r", "zz", "a", "ro", "rona", "b-c" };

	(void)state;
	policy_init(&sent);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		assert_true(add(names[i]));
		assert_false(add(names[i]));
	}
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		const struct policy_asset *row = policy_find(&sent, text_of(names[i]));

		assert_non_null(row);
		assert_int_equal(row->name_bytes, strlen(names[i]));
		assert_memory_equal(row->name, names[i], strlen(names[i]));
	}
	assert_null(policy_find(&sent, text_of("rom")));
	assert_null(policy_find(&sent, text_of("")));
}

static void there_is_room_for_so_many_and_no_more(void **state)
{
	char name[ASSET_BYTES_MAX + 1];

	(void)state;
	policy_init(&sent);
	for (unsigned i = 0; i < POLICY_ASSETS_MAX; i++) {
		(void)snprintf(name, sizeof name, "a%031u", POLICY_ASSETS_MAX - i);
		assert_true(add(name));
	}
	assert_false(add("one-more"));
	sent.has_clients = true;
	for (unsigned i = 0; i < POLICY_CLIENTS_MAX; i++) {
		assert_true(add_client((uint8_t)i, i + 1));
		assert_false(add_client((uint8_t)i, 1));
	}
	assert_false(add_client(0xff, 1));
	assert_int_equal(policy_encode(&sent, bytes), POLICY_BYTES_MAX);
	assert_int_equal(decode(POLICY_BYTES_MAX), ERR_OK);
	assert_int_equal(got.asset_count, POLICY_ASSETS_MAX);
	assert_int_equal(policy_actions_of(&got, &certificates[63]), 64);
}

static void a_certificate_that_the_policy_does_not_name_may_do_nothing(void **state)
{
	(void)state;
	policy_init(&sent);
	assert_true(add_client(1, CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_READ)));
	assert_int_equal(policy_actions_of(&sent, &certificates[2]), CAVEAT_ACTIONS_ALL);
	sent.has_clients = true;
	assert_int_equal(policy_actions_of(&sent, &certificates[1]),
		CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_READ));
	assert_int_equal(policy_actions_of(&sent, &certificates[2]), 0);
}

/* Goal: who writes a policy for a client knows of every bit that it has. */
static void actions_that_there_are_not_are_refused(void **state)
{
	(void)state;
	policy_init(&sent);
	sent.has_clients = true;
	assert_true(add_client(1, CAVEAT_ACTIONS_ALL + 1));
	assert_int_equal(decode(policy_encode(&sent, bytes)), ERR_MALFORMED);
	sent.clients[0].actions = CAVEAT_ACTIONS_ALL;
	assert_int_equal(decode(policy_encode(&sent, bytes)), ERR_OK);
	sent.has_clients = false;
	assert_int_equal(decode(policy_encode(&sent, bytes)), ERR_MALFORMED);
}

/* Goal: every prefix of what was written is refused, and so is one byte more. */
static void it_is_read_only_when_whole(void **state)
{
	static uint8_t again[POLICY_BYTES_MAX];
	size_t count;

	(void)state;
	policy_init(&sent);
	sent.ops = POLICY_OP_BIT(OPERATION_BURN);
	sent.per_account = (struct policy_quota){ .ops = 3, .spend_minor = U128_MAX - 1 };
	sent.per_tenant = (struct policy_quota){ .ops = UINT64_MAX, .spend_minor = 9 };
	assert_true(add("usd") && add("ron"));
	count = policy_encode(&sent, bytes);
	bytes[count] = 0;
	for (size_t cut = 0; cut <= count + 1; cut++) {
		assert_int_equal(decode(cut), cut == count ? ERR_OK : ERR_MALFORMED);
		if (cut != count) {
			assert_int_equal(got.ops, 0); /* who goes on regardless does nothing */
			assert_int_equal(got.asset_count, 0);
		}
	}
	assert_int_equal(decode(count), ERR_OK);
	assert_int_equal(policy_encode(&got, again), count);
	assert_memory_equal(again, bytes, count);
	assert_true(policy_allows(&got, OPERATION_BURN) && !policy_allows(&got, OPERATION_HOLD));
	assert_true(policy_may_issue(&got, text_of("ron")));
	assert_int_equal(got.per_account.ops, 3);
	assert_true(got.per_account.spend_minor == U128_MAX - 1);
	assert_true(got.per_tenant.ops == UINT64_MAX && got.per_tenant.spend_minor == 9);
}

static void what_nobody_writes_is_refused(void **state)
{
	uint8_t *name = bytes + 1 + 2 * POLICY_QUOTA_BYTES + 2 + 1; /* of the first row */
	size_t count;

	(void)state;
	policy_init(&sent);
	assert_true(add("ron") && add("usd"));
	count = policy_encode(&sent, bytes);
	bytes[0] |= 1; /* there is no operation 0 */
	assert_int_equal(decode(count), ERR_MALFORMED);
	bytes[0] = POLICY_OPS_ALL;
	memcpy(name, "usd", 3); /* twice */
	assert_int_equal(decode(count), ERR_MALFORMED);
	memcpy(name, "zzz", 3); /* out of order */
	assert_int_equal(decode(count), ERR_MALFORMED);
	memcpy(name, "RON", 3); /* no asset */
	assert_int_equal(decode(count), ERR_MALFORMED);
	memcpy(name, "ron", 3);
	assert_int_equal(decode(count), ERR_OK);
	name[3 + 32] = 2; /* neither yes nor no */
	assert_int_equal(decode(count), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_a_document_all_may_be_done_and_nothing_issued),
		cmocka_unit_test(rows_are_found_whatever_their_order),
		cmocka_unit_test(there_is_room_for_so_many_and_no_more),
		cmocka_unit_test(a_certificate_that_the_policy_does_not_name_may_do_nothing),
		cmocka_unit_test(actions_that_there_are_not_are_refused),
		cmocka_unit_test(it_is_read_only_when_whole),
		cmocka_unit_test(what_nobody_writes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
