#include "core/balance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* What each entry of 5 does to its account a, to b, and to sys:issuance. */
static const struct row {
	enum entry_kind kind;
	enum entry_effect effect;
	bool has_counter;
	int a_available, a_held, b_available, issuance;
} rows[] = {
	{ ENTRY_CREDIT, EFFECT_NONE, false, 5, 0, 0, 0 },
	{ ENTRY_DEBIT, EFFECT_NONE, false, -5, 0, 0, 0 },
	{ ENTRY_TRANSFER, EFFECT_NONE, true, -5, 0, 5, 0 },
	{ ENTRY_TRANSFER, EFFECT_CAPTURE, true, 0, -5, 5, 0 },
	{ ENTRY_MINT, EFFECT_NONE, false, 5, 0, 0, 5 },
	{ ENTRY_BURN, EFFECT_NONE, false, -5, 0, 0, -5 },
	{ ENTRY_HOLD, EFFECT_NONE, false, -5, 5, 0, 0 },
	{ ENTRY_REVERSE, EFFECT_TRANSFER, true, 5, 0, -5, 0 },
	{ ENTRY_REVERSE, EFFECT_CAPTURE, true, 5, 0, -5, 0 },
	{ ENTRY_REVERSE, EFFECT_MINT, false, -5, 0, 0, -5 },
	{ ENTRY_REVERSE, EFFECT_BURN, false, 5, 0, 0, 5 },
	{ ENTRY_REVERSE, EFFECT_HOLD_RELEASE, false, 5, -5, 0, 0 },
	{ ENTRY_REVERSE, EFFECT_GROUP_DEBIT, false, 5, 0, 0, 0 },
	{ ENTRY_REVERSE, EFFECT_GROUP_CREDIT, false, -5, 0, 0, 0 },
};

static struct entry entry_of(const struct row *row)
{
	return (struct entry){
		.kind = row->kind,
		.effect = row->effect,
		.account = ENTRY_VIEW("a"),
		.counter_account = row->has_counter ? ENTRY_VIEW("b") : (struct slice){ NULL, 0 },
		.asset = ENTRY_VIEW("ron"),
		.amount = 5,
	};
}

static void check(const struct row *row, struct slice account, int available, int held)
{
	struct entry entry = entry_of(row);
	struct balance balance = {
		.account = account, .asset = ENTRY_VIEW("ron"), .available = 100, .held = 100
	};
	bool is_counter = false;
	bool is_about = balance_undo(&balance, &entry, &is_counter);

	assert_int_equal(is_about, available != 0 || held != 0);
	assert_int_equal(balance.available, 100 - available);
	assert_int_equal(balance.held, 100 - held);
	assert_int_equal(is_counter, !entry_views_equal(account, ENTRY_VIEW("a")));
}

static void every_kind_is_taken_back_on_each_of_its_accounts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		check(&rows[i], ENTRY_VIEW("a"), rows[i].a_available, rows[i].a_held);
		check(&rows[i], ENTRY_VIEW("b"), rows[i].b_available, 0);
		check(&rows[i], ENTRY_ISSUANCE_ACCOUNT, rows[i].issuance, 0);
		check(&rows[i], ENTRY_VIEW("c"), 0, 0);
	}
}

static void another_asset_is_another_balance(void **state)
{
	struct entry entry = entry_of(&rows[0]);
	struct balance balance = { .account = ENTRY_VIEW("a"), .asset = ENTRY_VIEW("eur") };
	bool is_counter;

	(void)state;
	assert_false(balance_undo(&balance, &entry, &is_counter));
	assert_int_equal(balance.available, 0);
}

/* A debit that was allowed because a credit of its group follows. */
static void a_group_wraps_inside_and_not_at_its_ends(void **state)
{
	struct entry debit = entry_of(&rows[1]), credit = entry_of(&rows[0]);
	struct balance balance = { .account = ENTRY_VIEW("a"), .asset = ENTRY_VIEW("ron") };
	bool is_counter;

	(void)state;
	assert_true(balance_undo(&balance, &credit, &is_counter));
	assert_true(balance.available > 100);
	assert_true(balance_undo(&balance, &debit, &is_counter));
	assert_int_equal(balance.available, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_is_taken_back_on_each_of_its_accounts),
		cmocka_unit_test(another_asset_is_another_balance),
		cmocka_unit_test(a_group_wraps_inside_and_not_at_its_ends),
	};

	return cmocka_run_group_tests_name("balance", tests, NULL, NULL);
}
