#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/order.h"

enum { COUNT = 64 };

static uint32_t chance_state = 7;

static uint32_t chance(uint32_t below)
{
	chance_state = chance_state * 1664525 + 1013904223;
	return (chance_state >> 8) % below;
}

/* Few values, so that every tie occurs. */
static struct draft some_draft(void)
{
	struct draft draft = {
		.refused = chance(8) == 0 ? DETAIL_AMOUNT : DETAIL_NONE,
		.entry = {
			.ts_unix_ms = chance(4),
			.id = { { (uint8_t)chance(3) } },
			.kind = ENTRY_MINT,
			.source = SOURCE_INGEST,
			.account = ENTRY_VIEW("alice"),
			.asset = ENTRY_VIEW("ron"),
			.amount = 1 + chance(3),
			.capability_ref = ENTRY_VIEW("cap"),
		},
	};

	return draft;
}

static void entries_come_by_ts_then_id_then_bytes(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 200; round++) {
		struct draft drafts[COUNT];
		uint32_t order[COUNT], scratch[COUNT];
		bool seen[COUNT] = { false };
		size_t count = 1 + chance(COUNT);
		size_t judgeable;

		for (size_t i = 0; i < count; i++) {
			drafts[i] = some_draft();
		}
		judgeable = order_drafts(drafts, count, order, scratch);
		for (size_t i = 0; i < count; i++) {
			assert_false(seen[order[i]]); /* a permutation */
			seen[order[i]] = true;
			assert_true((drafts[order[i]].refused == DETAIL_NONE) == (i < judgeable));
			if (i > 0 && i < judgeable) {
				assert_true(order_compare(
						    &drafts[order[i - 1]], &drafts[order[i]]) <= 0);
			}
		}
	}
}

/* Goal: the same entries in any places give the same sequence of entries. */
static void order_does_not_depend_on_the_clients_places(void **state)
{
	struct draft drafts[COUNT], shuffled[COUNT];
	uint32_t order[2][COUNT], scratch[COUNT];

	(void)state;
	for (size_t i = 0; i < COUNT; i++) {
		drafts[i] = some_draft();
		drafts[i].refused = DETAIL_NONE;
		shuffled[i] = drafts[i];
	}
	for (uint32_t i = COUNT - 1; i > 0; i--) {
		uint32_t other = chance(i + 1);
		struct draft draft = shuffled[i];

		shuffled[i] = shuffled[other];
		shuffled[other] = draft;
	}
	(void)order_drafts(drafts, COUNT, order[0], scratch);
	(void)order_drafts(shuffled, COUNT, order[1], scratch);
	for (size_t i = 0; i < COUNT; i++) {
		assert_int_equal(order_compare(&drafts[order[0][i]], &shuffled[order[1][i]]), 0);
	}
}

static void ids_compare_as_written(void **state)
{
	struct draft low = some_draft(), high = low;

	(void)state;
	low.entry.id = (struct id128){ { 0, 0xff } };
	high.entry.id = (struct id128){ { 1, 0 } };
	assert_true(order_compare(&low, &high) < 0);
	assert_true(order_compare(&high, &low) > 0);
}

static void requests_come_by_their_smallest_entry(void **state)
{
	struct draft drafts[3][2];
	const struct draft *smallest[4];
	uint32_t order[4], scratch[4];

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		drafts[i][0] = some_draft();
		drafts[i][0].refused = DETAIL_NONE;
		drafts[i][0].entry.ts_unix_ms = 100 + i;
		drafts[i][1] = drafts[i][0];
		drafts[i][1].entry.ts_unix_ms = 50 - i;
	}
	drafts[0][1].refused = DETAIL_NONCE; /* takes no part */
	for (size_t i = 0; i < 3; i++) {
		smallest[i] = order_smallest(drafts[i], 2);
	}
	drafts[0][0].refused = DETAIL_NONCE;
	smallest[3] = order_smallest(drafts[0], 2);
	assert_null(smallest[3]);
	order_requests(smallest, 4, order, scratch);
	assert_int_equal(order[0], 2);
	assert_int_equal(order[1], 1);
	assert_int_equal(order[2], 0);
	assert_int_equal(order[3], 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries_come_by_ts_then_id_then_bytes),
		cmocka_unit_test(order_does_not_depend_on_the_clients_places),
		cmocka_unit_test(ids_compare_as_written),
		cmocka_unit_test(requests_come_by_their_smallest_entry),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
