/* Keys of many requests (spec/rewarder.md 16.4): whoever asks for something else has another key,
 * also in the 16 digits that the wire and the log have; and no field runs into the next. */
#include "tests/reward_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/sim/nights.h"

#define TRIPLES    1000000u
#define NEIGHBOURS 8u /* of each pair of hashes, itself among them */

static int compare_u64(const void *one, const void *two)
{
	uint64_t a, b;

	memcpy(&a, one, sizeof a);
	memcpy(&b, two, sizeof b);
	return a < b ? -1 : a > b;
}

static void assert_all_differ(uint64_t *keys, size_t count)
{
	qsort(keys, count, sizeof *keys, compare_u64);
	for (size_t i = 1; i < count; i++) {
		if (keys[i] == keys[i - 1]) {
			fail_msg("two of %zu have the key %016llx", count,
				(unsigned long long)keys[i]);
		}
	}
}

static struct reward_name day(uint32_t number, const char *time)
{
	char text[32];

	(void)snprintf(text, sizeof text, "20%02u-%02u-%02u%s", number / 336 % 100,
		1 + number / 28 % 12, 1 + number % 28, time);
	return reward_name_of(text);
}

/* Both hashes as one text of 128 digits, so much further to the left. */
static void shift(struct reward_request *request, unsigned bits)
{
	uint8_t bytes[2 * HASH_BYTES], shifted[2 * HASH_BYTES];

	memcpy(bytes, request->policy_hash.bytes, HASH_BYTES);
	memcpy(bytes + HASH_BYTES, request->inputs_cid.bytes, HASH_BYTES);
	for (size_t i = 0; i < sizeof bytes; i++) {
		uint8_t next = bytes[(i + 1) % sizeof bytes];

		shifted[i] = bits == 8 ? next : (uint8_t)(bytes[i] << 4 | next >> 4);
	}
	memcpy(request->policy_hash.bytes, shifted, HASH_BYTES);
	memcpy(request->inputs_cid.bytes, shifted + HASH_BYTES, HASH_BYTES);
}

/* What could be taken for it if a key were less than its three fields in their places. */
static void become_neighbour(struct reward_request *request, uint32_t number, uint32_t which)
{
	struct hash policy_hash = request->policy_hash;
	uint8_t bit = (uint8_t)(1u << chance(8));

	switch (which) {
	case 1: /* the same day in its longer form: its time stands before the hash */
		request->epoch_id = day(number, "T00:00Z");
		break;
	case 2:
		request->policy_hash = request->inputs_cid;
		request->inputs_cid = policy_hash;
		break;
	case 3: /* a digit, and two of them, of one hash are the other's */
		shift(request, 4);
		break;
	case 4:
		shift(request, 8);
		break;
	case 5:
		request->policy_hash.bytes[chance(HASH_BYTES)] ^= bit;
		break;
	case 6:
		request->inputs_cid.bytes[chance(HASH_BYTES)] ^= bit;
		break;
	case 7:
		request->epoch_id = day(number + 1, "");
		break;
	default: /* itself */
		break;
	}
}

static void a_million_triples_have_a_million_keys(void **state)
{
	uint64_t *run_keys = calloc(TRIPLES, sizeof *run_keys);
	uint64_t *idempotency_keys = calloc(TRIPLES, sizeof *idempotency_keys);
	struct reward_request pair = {
		.tenant = reward_name_of("acme"),
		.salt = reward_name_of(REWARD_SALT_DEFAULT),
	};

	(void)state;
	assert_true(run_keys != NULL && idempotency_keys != NULL);
	chance_state = 1;
	for (uint32_t i = 0; i < TRIPLES; i++) {
		struct reward_request request;
		struct hash run_key, idempotency_key;

		if (i % NEIGHBOURS == 0) {
			pair.epoch_id = day(i, "");
			for (size_t k = 0; k < HASH_BYTES; k++) {
				pair.policy_hash.bytes[k] = (uint8_t)chance(256);
				pair.inputs_cid.bytes[k] = (uint8_t)chance(256);
			}
		}
		request = pair;
		become_neighbour(&request, i - i % NEIGHBOURS, i % NEIGHBOURS);
		reward_keys_of_request(&request, &run_key, &idempotency_key);
		memcpy(&run_keys[i], run_key.bytes, sizeof *run_keys);
		memcpy(&idempotency_keys[i], idempotency_key.bytes, sizeof *idempotency_keys);
	}
	assert_all_differ(run_keys, TRIPLES);
	assert_all_differ(idempotency_keys, TRIPLES);
	free(run_keys);
	free(idempotency_keys);
}

/* Goal: a salt is any text, and can say nothing that another member says. */
static void no_salt_and_no_tenant_is_taken_for_others(void **state)
{
	static const char *const salts[] = { REWARD_SALT_DEFAULT, "a", "ab", "a\"", "a\\", "a\\\"",
		"a\",\"epoch_id\":\"2025-10-01", "a\",\"epoch_id\":\"2025-10-01\",\"tenant\":\"b",
		"a\n", "a\\n", "a\\u000a", "{\"domain\":\"a" };
	static const char *const tenants[] = { "a", "ab", "b", "-", "acme", "acme-",
		"svc-rewarder" };
	static const char *const epochs[] = { "2025-10-01", "2025-10-01T00:00Z", "2025-10-02" };
	uint64_t keys[COUNT_OF(salts) * COUNT_OF(tenants) * COUNT_OF(epochs)];
	struct reward_request request = { .policy_hash = { { 1 } }, .inputs_cid = { { 2 } } };
	struct hash run_key, idempotency_key;
	size_t count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		request.salt = reward_name_of(salts[i % COUNT_OF(salts)]);
		request.tenant = reward_name_of(tenants[i / COUNT_OF(salts) % COUNT_OF(tenants)]);
		request.epoch_id = reward_name_of(epochs[i / COUNT_OF(salts) / COUNT_OF(tenants)]);
		reward_keys_of_request(&request, &run_key, &idempotency_key);
		memcpy(&keys[count++], idempotency_key.bytes, sizeof keys[0]);
	}
	assert_all_differ(keys, count);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_million_triples_have_a_million_keys),
		cmocka_unit_test(no_salt_and_no_tenant_is_taken_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
