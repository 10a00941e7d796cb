#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "services/edge/tickets.h"

#define SLOTS 8u

static struct ticket slots[SLOTS];
static struct tickets tickets;
static int holder;

static int set_up(void **state)
{
	(void)state;
	tickets_init(&tickets, slots, SLOTS);
	return 0;
}

static struct ticket *open_one(uint64_t random)
{
	struct ticket plan = { .holder = &holder, .due_mono_ms = 5, .owner = 3 };

	return tickets_open(&tickets, &plan, random);
}

static void a_ticket_is_found_by_its_whole_number_only(void **state)
{
	struct ticket *ticket = open_one(0x123456789abcdef0);

	(void)state;
	assert_ptr_equal(tickets_find(&tickets, ticket->number), ticket);
	assert_ptr_equal(ticket->holder, &holder);
	for (unsigned bit = 0; bit < 64; bit++) {
		assert_null(tickets_find(&tickets, ticket->number ^ UINT64_C(1) << bit));
	}
	assert_null(tickets_find(&tickets, 0));
}

static void a_number_is_never_zero_and_holds_44_random_bits(void **state)
{
	struct ticket *first = open_one(0);
	struct ticket *second = open_one(UINT64_MAX);

	(void)state;
	assert_int_equal(first->number, 2); /* not 1: that bit says that it is traced */
	assert_int_equal(second->number, (UINT64_C(1) << 45) - 1);
}

static void a_slot_that_is_used_again_does_not_answer_to_its_old_number(void **state)
{
	struct ticket *ticket = open_one(7);
	uint64_t old = ticket->number;

	(void)state;
	tickets_close(&tickets, ticket);
	assert_null(tickets_find(&tickets, old));
	assert_ptr_equal(open_one(8), ticket);
	assert_null(tickets_find(&tickets, old));
	assert_int_equal(tickets.count, 1);
}

static void a_full_table_says_so_until_one_is_closed(void **state)
{
	struct ticket *last = NULL;

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++) {
		last = open_one(i + 1);
		assert_non_null(last);
	}
	assert_null(open_one(9));
	tickets_close(&tickets, last);
	assert_non_null(open_one(10));
	assert_null(open_one(11));
}

static bool is_odd(const struct ticket *ticket, const void *context)
{
	(void)context;
	return ticket->number % 2 == 1;
}

static void a_walk_meets_each_that_ends_and_stands_their_closing(void **state)
{
	uint32_t at = 0;
	unsigned met = 0;

	(void)state;
	for (unsigned i = 0; i < SLOTS; i++) {
		(void)!open_one(i + 2);
	}
	for (struct ticket *ticket = tickets_next(&tickets, &at, is_odd, NULL); ticket != NULL;
		ticket = tickets_next(&tickets, &at, is_odd, NULL)) {
		tickets_close(&tickets, ticket);
		met++;
	}
	assert_int_equal(met, SLOTS / 2);
	assert_int_equal(tickets.count, SLOTS / 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_ticket_is_found_by_its_whole_number_only, set_up),
		cmocka_unit_test_setup(a_number_is_never_zero_and_holds_44_random_bits, set_up),
		cmocka_unit_test_setup(
			a_slot_that_is_used_again_does_not_answer_to_its_old_number, set_up),
		cmocka_unit_test_setup(a_full_table_says_so_until_one_is_closed, set_up),
		cmocka_unit_test_setup(
			a_walk_meets_each_that_ends_and_stands_their_closing, set_up),
	};

	return cmocka_run_group_tests_name("edge tickets", tests, NULL, NULL);
}
