#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "core/batch.h"
#include "core/conserve.h"

static struct entry leg(
	uint64_t seq, enum entry_kind kind, u128 amount, uint64_t group_first, uint32_t group_count)
{
	return (struct entry){
		.seq = seq,
		.kind = kind,
		.source = SOURCE_INGEST,
		.account = ENTRY_VIEW("alice"),
		.asset = ENTRY_VIEW("ron"),
		.amount = amount,
		.capability_ref = ENTRY_VIEW("cap"),
		.group_first = group_first,
		.group_count = group_count,
	};
}

static struct entry single(uint64_t seq, enum entry_kind kind)
{
	struct entry entry = leg(seq, kind, 5, 0, 0);

	if (kind == ENTRY_TRANSFER) {
		entry.counter_account = ENTRY_VIEW("bob");
	}
	return entry;
}

static enum err add(struct conserve *conserve, struct entry entry)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	struct byte_writer out = byte_writer_of(leaf, sizeof leaf);

	entry_encode(&out, &entry);
	return conserve_add(conserve, (struct slice){ leaf, out.used });
}

static void what_moves_between_two_sides_is_even(void **state)
{
	static const enum entry_kind kinds[] = { ENTRY_TRANSFER, ENTRY_MINT, ENTRY_BURN,
		ENTRY_HOLD };
	struct conserve conserve;

	(void)state;
	conserve_init(&conserve, 1);
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		assert_int_equal(add(&conserve, single(i + 1, kinds[i])), ERR_OK);
		assert_true(conserve_is_even(&conserve));
	}
}

static void a_group_is_even_at_its_end_alone(void **state)
{
	struct conserve conserve;

	(void)state;
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, leg(1, ENTRY_DEBIT, 7, 1, 3)), ERR_OK);
	assert_false(conserve_is_even(&conserve));
	assert_int_equal(add(&conserve, leg(2, ENTRY_CREDIT, 4, 1, 3)), ERR_OK);
	assert_false(conserve_is_even(&conserve));
	assert_int_equal(add(&conserve, leg(3, ENTRY_CREDIT, 3, 1, 3)), ERR_OK);
	assert_true(conserve_is_even(&conserve));
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, leg(1, ENTRY_DEBIT, 7, 1, 2)), ERR_OK);
	assert_int_equal(add(&conserve, leg(2, ENTRY_CREDIT, 6, 1, 2)), ERR_CORRUPT);
}

static void reversed_legs_count_for_the_other_side(void **state)
{
	struct entry debit = leg(3, ENTRY_REVERSE, 7, 3, 2);
	struct entry credit = leg(4, ENTRY_REVERSE, 7, 3, 2);
	struct conserve conserve;

	(void)state;
	debit.effect = EFFECT_GROUP_DEBIT;
	debit.original_seq = 1;
	credit.effect = EFFECT_GROUP_CREDIT;
	credit.original_seq = 2;
	conserve_init(&conserve, 3);
	assert_int_equal(add(&conserve, debit), ERR_OK);
	assert_int_equal(add(&conserve, credit), ERR_OK);
	assert_true(conserve_is_even(&conserve));
	credit.effect = EFFECT_GROUP_DEBIT;
	conserve_init(&conserve, 3);
	assert_int_equal(add(&conserve, debit), ERR_OK);
	assert_int_equal(add(&conserve, credit), ERR_CORRUPT);
}

static void nothing_comes_between_the_legs_of_a_group(void **state)
{
	struct entry other = leg(2, ENTRY_CREDIT, 7, 1, 2);
	struct conserve conserve;

	(void)state;
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, leg(1, ENTRY_DEBIT, 7, 1, 3)), ERR_OK);
	assert_int_equal(add(&conserve, single(2, ENTRY_MINT)), ERR_CORRUPT);
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, leg(1, ENTRY_DEBIT, 7, 1, 2)), ERR_OK);
	other.asset = ENTRY_VIEW("gold");
	assert_int_equal(add(&conserve, other), ERR_CORRUPT);
	conserve_init(&conserve, 2);
	assert_int_equal(add(&conserve, leg(2, ENTRY_CREDIT, 7, 1, 2)), ERR_CORRUPT); /* no start */
}

static void sums_do_not_wrap(void **state)
{
	struct conserve conserve;

	(void)state;
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, leg(1, ENTRY_DEBIT, U128_MAX, 1, 3)), ERR_OK);
	assert_int_equal(add(&conserve, leg(2, ENTRY_DEBIT, 1, 1, 3)), ERR_CORRUPT);
}

static void a_gap_and_garbage_are_named(void **state)
{
	struct conserve conserve;
	uint8_t garbage[3] = { 1, 2, 3 };

	(void)state;
	conserve_init(&conserve, 1);
	assert_int_equal(add(&conserve, single(2, ENTRY_MINT)), ERR_CORRUPT);
	conserve_init(&conserve, 0); /* anywhere, but then without a gap */
	assert_int_equal(add(&conserve, single(9, ENTRY_MINT)), ERR_OK);
	assert_int_equal(add(&conserve, single(9, ENTRY_MINT)), ERR_CORRUPT);
	assert_int_equal(conserve_add(&conserve, (struct slice){ garbage, 3 }), ERR_MALFORMED);
}

static void no_batch_ends_within_a_group(void **state)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX], buffer[2048];
	struct byte_writer records = byte_writer_of(buffer, sizeof buffer);

	(void)state;
	for (uint64_t seq = 1; seq <= 2; seq++) {
		struct byte_writer out = byte_writer_of(leaf, sizeof leaf);
		struct entry entry = leg(seq, seq == 1 ? ENTRY_DEBIT : ENTRY_CREDIT, 7, 1, 2);

		entry_encode(&out, &entry);
		batch_put_entry(&records, &(struct batch_entry){ .leaf = { leaf, out.used } });
		assert_int_equal(conserve_batch(1, (struct slice){ buffer, records.used }),
			seq == 2 ? ERR_OK : ERR_CORRUPT);
	}
	assert_int_equal(
		conserve_batch(1, (struct slice){ buffer, records.used - 1 }), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_moves_between_two_sides_is_even),
		cmocka_unit_test(a_group_is_even_at_its_end_alone),
		cmocka_unit_test(reversed_legs_count_for_the_other_side),
		cmocka_unit_test(nothing_comes_between_the_legs_of_a_group),
		cmocka_unit_test(sums_do_not_wrap),
		cmocka_unit_test(a_gap_and_garbage_are_named),
		cmocka_unit_test(no_batch_ends_within_a_group),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
