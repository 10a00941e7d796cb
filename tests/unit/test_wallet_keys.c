/* Idempotency keys: what they stand for, for how long, and that there is always room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "services/wallet/keys.h"

#define PLACES 1024u
#define TTL_MS 1000

static struct keys keys;

static int set_up(void **state)
{
	(void)state;
	return keys_init(&keys, PLACES, TTL_MS) ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	keys_finish(&keys);
	return 0;
}

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static enum keys_claim claim_of(
	const char *principal, const char *key, uint8_t wish, int64_t now, uint32_t *ret_place)
{
	struct hash fingerprint = { { wish } };

	return keys_claim(&keys, text_of(principal), text_of(key), &fingerprint, now, ret_place);
}

static uint32_t claim_new(const char *key, int64_t now)
{
	uint32_t place = KEYS_NONE;

	assert_int_equal(claim_of("alice", key, 1, now, &place), KEYS_CLAIM_NEW);
	return place;
}

static void a_key_stands_for_one_wish(void **state)
{
	uint32_t place, again;

	(void)state;
	place = claim_new("k", 0);
	assert_int_equal(claim_of("alice", "k", 1, 0, &again), KEYS_CLAIM_BUSY);
	assert_int_equal(claim_of("alice", "k", 2, 0, &again), KEYS_CLAIM_OTHER);
	keys_done(&keys, place, 0);
	assert_int_equal(claim_of("alice", "k", 2, 0, &again), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k", 1, 0, &again), KEYS_CLAIM_SAME);
	assert_int_equal(again, place);
}

static void a_key_is_its_principals(void **state)
{
	uint32_t place;

	(void)state;
	keys_done(&keys, claim_new("k", 0), 0);
	assert_int_equal(claim_of("bob", "k", 2, 0, &place), KEYS_CLAIM_NEW);
	/* names that run into each other are two names */
	assert_int_equal(claim_of("alic", "ek", 2, 0, &place), KEYS_CLAIM_NEW);
}

static void a_refused_wish_leaves_its_key(void **state)
{
	uint32_t place;

	(void)state;
	keys_refused(&keys, claim_new("k", 0), false);
	assert_int_equal(keys.count, 0);
	assert_int_equal(claim_of("alice", "k", 2, 0, &place), KEYS_CLAIM_NEW);
}

static void a_refused_repeat_does_not(void **state)
{
	uint32_t place;

	(void)state;
	keys_done(&keys, claim_new("k", 0), 0);
	assert_int_equal(claim_of("alice", "k", 1, 0, &place), KEYS_CLAIM_SAME);
	keys_refused(&keys, place, false); /* its token is not good any more */
	assert_int_equal(claim_of("alice", "k", 2, 0, &place), KEYS_CLAIM_OTHER);
}

static void an_unknown_end_keeps_the_key(void **state)
{
	uint32_t place;

	(void)state;
	keys_unknown(&keys, claim_new("k", 0), 0);
	assert_int_equal(claim_of("alice", "k", 2, 0, &place), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k", 1, 0, &place), KEYS_CLAIM_SAME);
	keys_refused(&keys, place, true); /* so it was not done */
	assert_int_equal(claim_of("alice", "k", 2, 0, &place), KEYS_CLAIM_NEW);
}

static void a_refusal_that_settles_nothing_keeps_an_unknown_end(void **state)
{
	uint32_t place;

	(void)state;
	keys_unknown(&keys, claim_new("k", 0), 0);
	assert_int_equal(claim_of("alice", "k", 1, 0, &place), KEYS_CLAIM_SAME);
	keys_refused(&keys, place, false); /* the ledger was not even asked */
	assert_int_equal(claim_of("alice", "k", 2, 0, &place), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k", 1, TTL_MS - 1, &place), KEYS_CLAIM_SAME);
	keys_refused(&keys, place, false);
	assert_int_equal(claim_of("alice", "k", 2, TTL_MS, &place), KEYS_CLAIM_NEW);
}

static void its_time_begins_with_its_end_and_is_not_prolonged(void **state)
{
	uint32_t place;

	(void)state;
	place = claim_new("k", 0);
	keys_expire(&keys, 10 * TTL_MS); /* under way for long */
	assert_int_equal(keys.count, 1);
	keys_done(&keys, place, 500);
	assert_int_equal(claim_of("alice", "k", 1, 1400, &place), KEYS_CLAIM_SAME);
	keys_done(&keys, place, 1400);
	assert_int_equal(claim_of("alice", "k", 2, 1499, &place), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k", 2, 1500, &place), KEYS_CLAIM_NEW);
}

static void old_ones_are_forgotten_in_time(void **state)
{
	char key[16];

	(void)state;
	for (unsigned i = 0; i < PLACES; i++) {
		(void)snprintf(key, sizeof key, "k%u", i);
		keys_done(&keys, claim_new(key, i), i);
	}
	keys_expire(&keys, TTL_MS + 9);
	assert_int_equal(keys.count, PLACES - 10);
}

/* Goal: with all places taken the oldest go, and those under way never. */
static void the_oldest_make_room(void **state)
{
	uint32_t first, place;
	char key[16];

	(void)state;
	first = claim_new("first", 0);
	for (unsigned i = 0; i < 5 * PLACES; i++) {
		(void)snprintf(key, sizeof key, "k%u", i);
		keys_done(&keys, claim_new(key, 0), 0);
	}
	assert_int_equal(keys.count, PLACES);
	assert_int_equal(claim_of("alice", "first", 2, 0, &place), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k5119", 2, 0, &place), KEYS_CLAIM_OTHER);
	assert_int_equal(claim_of("alice", "k0", 2, 0, &place), KEYS_CLAIM_NEW);
	keys_done(&keys, first, 0);
}

static void without_room_a_wish_is_turned_away(void **state)
{
	uint32_t place, last = 0;
	char key[16];

	(void)state;
	for (unsigned i = 0; i < PLACES; i++) {
		(void)snprintf(key, sizeof key, "k%u", i);
		last = claim_new(key, 0);
	}
	assert_int_equal(claim_of("alice", "x", 1, 0, &place), KEYS_CLAIM_FULL);
	keys_done(&keys, last, 0);
	assert_int_equal(claim_of("alice", "x", 1, 0, &place), KEYS_CLAIM_NEW);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_key_stands_for_one_wish),
		TEST(a_key_is_its_principals),
		TEST(a_refused_wish_leaves_its_key),
		TEST(a_refused_repeat_does_not),
		TEST(an_unknown_end_keeps_the_key),
		TEST(a_refusal_that_settles_nothing_keeps_an_unknown_end),
		TEST(its_time_begins_with_its_end_and_is_not_prolonged),
		TEST(old_ones_are_forgotten_in_time),
		TEST(the_oldest_make_room),
		TEST(without_room_a_wish_is_turned_away),
	};
#undef TEST

	return cmocka_run_group_tests(tests, NULL, NULL);
}
