#include "core/grant.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>

#include <cmocka.h>

#include "core/sha256.h"

static const struct hash key = { { 1, 2, 3 } };
static const struct hash other_key = { { 1, 2, 4 } };

static void add(struct caveat_set *set, const char *text)
{
	static const struct id128 counter = { { 9, 8, 7 } };
	struct slice bytes = { (const uint8_t *)text, strlen(text) };
	struct caveat caveat;

	assert_int_equal(caveat_parse(bytes, &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat_set_add(set, &caveat, 1000, &counter), ERR_OK);
}

/* One of every kind of caveat. */
static struct grant full_grant(void)
{
	static const char *const caveats[] = { "node=n", "action=wallet.transfer", "account=acc*,b",
		"asset=ron", "kind=Transfer,Hold",
		"amount<=340282366920938463463374607431768211454", "daily<=1000", "tenant=acme",
		"method=POST", "path=/v1/transfer", "max-bytes=4096", "epoch=2025-10-01", "nbf=5",
		"exp=9000", "ttl=60", "peer-uid=1000", "daily<=10" };
	struct grant grant = {
		.kms_generation = 3,
		.key_id = 0x01020304,
		.capability_id = { { 0xca } },
		.node_hash = { { 0x0d } },
		.iat_unix_s = 1000,
		.exp_mono_ms = 1060000,
		.peer = GRANT_PEER_UNIX,
		.peer_uid = 1000,
	};

	caveat_set_init(&grant.caveats);
	for (size_t i = 0; i < COUNT_OF(caveats); i++) {
		add(&grant.caveats, caveats[i]);
	}
	grant.tenant = caveat_set_tenant(&grant.caveats, grant.caveats.clause_count);
	return grant;
}

static struct grant bare_grant(void)
{
	struct grant grant = { .exp_mono_ms = 1 };

	caveat_set_init(&grant.caveats);
	grant.tenant = caveat_set_tenant(&grant.caveats, 0);
	return grant;
}

static struct slice sealed(const struct grant *grant, uint8_t buffer[GRANT_BYTES_MAX])
{
	size_t bytes = 0;

	assert_int_equal(grant_seal(grant, &key, buffer, GRANT_BYTES_MAX, &bytes), ERR_OK);
	return (struct slice){ buffer, bytes };
}

static void check_same_set(const struct caveat_set *a, const struct caveat_set *b)
{
	assert_int_equal(a->kinds, b->kinds);
	assert_int_equal(a->actions, b->actions);
	assert_int_equal(a->entry_kinds, b->entry_kinds);
	assert_int_equal(a->exp_is_ttl, b->exp_is_ttl);
	assert_true(a->amount_max == b->amount_max);
	assert_int_equal(a->body_bytes_max, b->body_bytes_max);
	assert_int_equal(a->nbf_unix_s, b->nbf_unix_s);
	assert_int_equal(a->exp_unix_s, b->exp_unix_s);
	assert_int_equal(a->clause_count, b->clause_count);
	assert_int_equal(a->daily_count, b->daily_count);
	for (size_t i = 0; i < a->clause_count; i++) {
		assert_int_equal(a->clauses[i].kind, b->clauses[i].kind);
		assert_int_equal(a->clauses[i].value.bytes_count, b->clauses[i].value.bytes_count);
		assert_memory_equal(a->clauses[i].value.bytes, b->clauses[i].value.bytes,
			a->clauses[i].value.bytes_count);
	}
	for (size_t i = 0; i < a->daily_count; i++) {
		assert_memory_equal(&a->dailies[i].counter_id, &b->dailies[i].counter_id, ID_BYTES);
		assert_true(a->dailies[i].limit == b->dailies[i].limit);
	}
}

static void check_comes_back(const struct grant *grant)
{
	uint8_t buffer[GRANT_BYTES_MAX];
	struct slice bytes = sealed(grant, buffer);
	uint32_t generation = 0;
	struct grant back;

	assert_int_equal(grant_generation(bytes, &generation), ERR_OK);
	assert_int_equal(generation, grant->kms_generation);
	assert_int_equal(grant_read(bytes, &back), ERR_OK);
	check_same_set(&back.caveats, &grant->caveats);
	assert_int_equal(grant_open(bytes, &key, &back), ERR_OK);
	check_same_set(&back.caveats, &grant->caveats);
	assert_int_equal(back.kms_generation, grant->kms_generation);
	assert_int_equal(back.key_id, grant->key_id);
	assert_memory_equal(&back.capability_id, &grant->capability_id, ID_BYTES);
	assert_memory_equal(&back.node_hash, &grant->node_hash, ID_BYTES);
	assert_int_equal(back.iat_unix_s, grant->iat_unix_s);
	assert_int_equal(back.exp_mono_ms, grant->exp_mono_ms);
	assert_int_equal(back.peer, grant->peer);
	assert_int_equal(back.peer_uid, grant->peer_uid);
	assert_int_equal(back.tenant.bytes_count, grant->tenant.bytes_count);
	assert_memory_equal(back.tenant.bytes, grant->tenant.bytes, grant->tenant.bytes_count);
}

static void what_was_sealed_opens(void **state)
{
	struct grant full = full_grant();
	struct grant bare = bare_grant();

	(void)state;
	check_comes_back(&full);
	check_comes_back(&bare);
	for (unsigned peer = 0; peer < GRANT_PEER_COUNT; peer++) {
		bare.peer = (enum grant_peer)peer;
		check_comes_back(&bare);
	}
}

static void the_longest_set_fits(void **state)
{
	char text[CAVEAT_BYTES_MAX + 1];
	struct grant grant = bare_grant();

	(void)state;
	memset(text, 'n', sizeof text);
	memcpy(text, "node=", 5);
	text[CAVEAT_BYTES_MAX] = '\0';
	for (size_t i = 0; i < TOKEN_CAVEATS_MAX; i++) {
		add(&grant.caveats, text);
	}
	check_comes_back(&grant);
}

static void a_buffer_that_is_too_small_is_refused(void **state)
{
	struct grant grant = full_grant();
	uint8_t buffer[GRANT_BYTES_MAX];
	size_t bytes = sealed(&grant, buffer).bytes_count;
	size_t untouched = 77;

	(void)state;
	for (size_t room = 0; room < bytes; room++) {
		assert_int_equal(grant_seal(&grant, &key, buffer, room, &untouched), ERR_TOO_LARGE);
	}
	assert_int_equal(untouched, 77);
}

static void no_other_key_opens_it(void **state)
{
	struct grant grant = full_grant();
	uint8_t buffer[GRANT_BYTES_MAX];
	struct slice bytes = sealed(&grant, buffer);
	struct grant back;

	(void)state;
	assert_int_equal(grant_open(bytes, &other_key, &back), ERR_DENIED);
}

static void every_cut_and_every_flipped_bit_is_refused(void **state)
{
	struct grant grant = full_grant();
	uint8_t buffer[GRANT_BYTES_MAX + 1];
	struct slice bytes = sealed(&grant, buffer);
	struct grant back;

	(void)state;
	for (size_t cut = 0; cut <= bytes.bytes_count + 1; cut++) {
		enum err err = grant_open((struct slice){ buffer, cut }, &key, &back);

		assert_int_equal(err, cut == bytes.bytes_count ? ERR_OK
				      : cut < GRANT_BYTES_MIN  ? ERR_MALFORMED
							       : ERR_DENIED);
	}
	for (size_t bit = 0; bit < bytes.bytes_count * 8; bit++) {
		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_int_equal(grant_open(bytes, &key, &back), ERR_DENIED);
		buffer[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

/* Puts a true tag under bytes that kms would not have written. */
static enum err open_forged(uint8_t *buffer, size_t bytes_count, struct grant *ret_grant)
{
	struct slice body = { buffer, bytes_count - GRANT_TAG_BYTES };
	struct hash tag;

	sha256_hmac((struct slice){ key.bytes, HASH_BYTES }, &body, 1, &tag);
	memcpy(buffer + body.bytes_count, tag.bytes, HASH_BYTES);
	return grant_open((struct slice){ buffer, bytes_count }, &key, ret_grant);
}

/* Even under a true tag, only what kms writes is read. Offsets are those of the format. */
static void a_true_tag_does_not_excuse_wrong_bytes(void **state)
{
	static const struct {
		size_t offset;
		uint8_t value;
	} rows[] = {
		{ 0, 1 },
		{ 0, 3 }, /* version */
		{ 1, GRANT_PEER_COUNT },
		{ 1, GRANT_PEER_TCP }, /* peer; TCP has no uid */
		{ 2, 1 },              /* flags */
		{ 3, 0 },
		{ 3, 255 },
		{ 4, 0 },
		{ 4, 3 },
		{ 4, 255 }, /* counts */
		{ 65, 0 },
		{ 67, 1 }, /* kinds: none, or one too many */
		{ 71, 0xff },
		{ 73, 1 },    /* actions: beyond the table */
		{ 73, 0xff }, /* entry kinds: bit 0 */
		{ 74, 2 },    /* exp is ttl */
		{ 106, 1 },   /* nbf: beyond all time */
		{ 114, 1 },   /* exp: likewise */
		{ 115, CAVEAT_ACTION },
		{ 115, CAVEAT_KIND_COUNT },
		{ 115, CAVEAT_TENANT }, /* clause */
		{ 116, 0 },
		{ 116, 255 },
		{ 117, ' ' },
	};
	struct grant grant = full_grant();
	uint8_t buffer[GRANT_BYTES_MAX];
	size_t bytes = sealed(&grant, buffer).bytes_count;
	struct grant back;

	(void)state;
	assert_int_equal(open_forged(buffer, bytes, &back), ERR_OK);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		uint8_t was = buffer[rows[i].offset];

		buffer[rows[i].offset] = rows[i].value;
		if (open_forged(buffer, bytes, &back) != ERR_MALFORMED) {
			fail_msg("byte %zu = %u", rows[i].offset, rows[i].value);
		}
		buffer[rows[i].offset] = was;
	}
}

/* A kind that no caveat limits must be written as unlimited. */
static void limits_without_their_kind_are_refused(void **state)
{
	static const size_t offsets[] = { 69, 73, 74, 75, 91, 99, 107 };
	struct grant grant = bare_grant();
	uint8_t buffer[GRANT_BYTES_MAX];
	size_t bytes = sealed(&grant, buffer).bytes_count;
	struct grant back;

	(void)state;
	assert_int_equal(bytes, GRANT_BYTES_MIN + sizeof CAVEAT_TENANT_DEFAULT - 1);
	for (size_t i = 0; i < COUNT_OF(offsets); i++) {
		buffer[offsets[i]] ^= 2;
		assert_int_equal(open_forged(buffer, bytes, &back), ERR_MALFORMED);
		buffer[offsets[i]] ^= 2;
	}
	assert_int_equal(open_forged(buffer, bytes, &back), ERR_OK);
}

/* A grant is of one tenant, unless a caveat left none. */
static void a_tenant_is_one_name(void **state)
{
	static const char *const wrong[] = { "", "a,b", "a b", "a*" };
	uint8_t buffer[GRANT_BYTES_MAX];
	struct grant grant = bare_grant(), back;
	size_t bytes = sealed(&grant, buffer).bytes_count;
	size_t at = bytes - GRANT_TAG_BYTES - sizeof CAVEAT_TENANT_DEFAULT;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(wrong); i++) {
		size_t length = strlen(wrong[i]);

		buffer[at] = (uint8_t)length;
		memcpy(buffer + at + 1, wrong[i], length);
		assert_int_equal(open_forged(buffer, at + 1 + length + GRANT_TAG_BYTES, &back),
			ERR_MALFORMED);
	}
	add(&grant.caveats, "tenant=a,b");
	grant.tenant = caveat_set_tenant(&grant.caveats, 1);
	assert_int_equal(grant.tenant.bytes_count, 0);
	check_comes_back(&grant);
}

static void expiry_is_the_callers_to_compare(void **state)
{
	struct grant grant = { .exp_mono_ms = 1000 };

	(void)state;
	assert_false(grant_is_expired(&grant, 999));
	assert_true(grant_is_expired(&grant, 1000));
	assert_true(grant_is_expired(&grant, 1001));
}

static void keys_open_grants_of_the_newest_kms_and_of_the_one_before(void **state)
{
	struct grant_keys keys = { 0 };
	uint8_t buffer[GRANT_BYTES_MAX];
	struct grant grant = full_grant(), opened;
	struct slice bytes;

	(void)state;
	bytes = sealed(&grant, buffer); /* by `key`, in generation 3 */
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_STALE);
	assert_int_equal(grant_keys_add(&keys, 0, &key), ERR_MALFORMED);
	assert_int_equal(grant_keys_add(&keys, 2, &other_key), ERR_OK);
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_STALE);
	assert_int_equal(grant_keys_add(&keys, 3, &other_key), ERR_OK);
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_DENIED);
	assert_int_equal(grant_keys_add(&keys, 3, &key), ERR_OK); /* told again: 2 stays */
	assert_int_equal(keys.known[1].kms_generation, 2);
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_OK);
	assert_int_equal(opened.key_id, grant.key_id);
	assert_int_equal(grant_keys_add(&keys, 4, &other_key), ERR_OK);
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_OK);
	assert_int_equal(grant_keys_add(&keys, 5, &other_key), ERR_OK);
	assert_int_equal(grant_keys_open(&keys, bytes, &opened), ERR_STALE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_sealed_opens),
		cmocka_unit_test(the_longest_set_fits),
		cmocka_unit_test(a_buffer_that_is_too_small_is_refused),
		cmocka_unit_test(no_other_key_opens_it),
		cmocka_unit_test(every_cut_and_every_flipped_bit_is_refused),
		cmocka_unit_test(a_true_tag_does_not_excuse_wrong_bytes),
		cmocka_unit_test(limits_without_their_kind_are_refused),
		cmocka_unit_test(a_tenant_is_one_name),
		cmocka_unit_test(expiry_is_the_callers_to_compare),
		cmocka_unit_test(keys_open_grants_of_the_newest_kms_and_of_the_one_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
