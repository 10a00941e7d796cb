#ifndef TESTS_WORKER_GRANTS_H
#define TESTS_WORKER_GRANTS_H

/* A kms for tests of those who check grants themselves: one key, one token. */

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "core/grant.h"
#include "core/hex.h"
#include "tests/worker/harness.h"

#define GRANTS_GENERATION 5u
#define GRANTS_KEY_ID     7u

static inline struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline uint64_t now_unix_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline uint64_t now_mono_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static inline struct hash grants_key(void)
{
	struct hash key;

	memset(&key, 0x5a, sizeof key);
	return key;
}

static inline void grants_tell_key(struct harness_link *kms)
{
	harness_send_grant_key(kms, 0,
		&(struct oap_grant_key){
			.kms_generation = GRANTS_GENERATION, .key = grants_key() });
}

static inline struct id128 grants_capability(void)
{
	struct id128 capability;

	memset(&capability, 0xab, sizeof capability);
	return capability;
}

static inline struct slice grants_capability_ref(void)
{
	static char text[2 * ID_BYTES + 1];

	hex_encode(grants_capability().bytes, ID_BYTES, text);
	return text_of(text);
}

/* How the client came whose grants are sealed from now on. */
static enum grant_peer grants_peer = GRANT_PEER_TCP;

/* Caveats as lines, in the buffer of the last call. */
static inline struct slice grants_seal_until(
	uint32_t generation, uint64_t exp_mono_ms, const char *const *caveats)
{
	static uint8_t sealed[GRANT_BYTES_MAX];
	struct hash key = grants_key();
	struct grant grant = {
		.kms_generation = generation,
		.key_id = GRANTS_KEY_ID,
		.capability_id = grants_capability(),
		.exp_mono_ms = exp_mono_ms,
		.peer = grants_peer,
		.peer_uid = grants_peer == GRANT_PEER_UNIX ? 1000 : 0,
	};
	size_t bytes = 0;

	caveat_set_init(&grant.caveats);
	for (; caveats != NULL && *caveats != NULL; caveats++) {
		struct caveat caveat;

		assert_int_equal(caveat_parse(text_of(*caveats), &caveat), 0);
		assert_int_equal(caveat_set_add(&grant.caveats, &caveat, now_unix_ms() / 1000,
					 &grant.capability_id), /* where daily<= counts */
			ERR_OK);
	}
	grant.tenant = caveat_set_tenant(&grant.caveats, grant.caveats.clause_count);
	assert_int_equal(grant_seal(&grant, &key, sealed, sizeof sealed, &bytes), ERR_OK);
	return (struct slice){ sealed, bytes };
}

/* Good for an hour. */
static inline struct slice grants_seal_for(uint32_t generation, const char *const *caveats)
{
	return grants_seal_until(generation, now_mono_ms() + 3600000, caveats);
}

static inline struct slice grants_seal(void)
{
	return grants_seal_for(GRANTS_GENERATION, NULL);
}

/* Of a run for that tenant alone, under which intents of tests are. */
static inline struct slice grants_seal_acme(void)
{
	static const char *const caveats[] = { "tenant=acme", NULL };

	return grants_seal_for(GRANTS_GENERATION, caveats);
}

#endif
