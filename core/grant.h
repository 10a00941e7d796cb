#ifndef CORE_GRANT_H
#define CORE_GRANT_H

/* Grants: what kms made of a token, in a form that sequencer and archive can check themselves
 * (DESIGN-WALL.md section 4). kms seals one when it has verified the token; every write frame
 * carries it; nobody in between can make or widen one, because the tag is an HMAC-SHA256
 * under a key that is made at each start of kms and known to kms, sequencer and archive only.
 *
 * Format version 2, little-endian:
 *   version u8 = 2 | peer u8 | flags u8 = 0 | clauses u8 | dailies u8
 *   kms generation u32 | key id u32 | peer uid u32 | capability id 16
 *   iat u64 (s) | exp u64 (monotonic ms) | node hash 16
 *   kinds u32 | actions u32 | entry kinds u8 | exp is ttl u8
 *   amount max u128 | body bytes max u64 | nbf u64 (s) | caveat exp u64 (s)
 *   clauses x (kind u8, length u8, value) | dailies x (counter id 16, limit u128)
 *   tenant: length u8, name
 *   tag 32, over everything before it
 * One set of caveats has one encoding given its order; what is not canonical is refused. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/caveat_set.h"

#define GRANT_VERSION    2u
#define GRANT_TAG_BYTES  HASH_BYTES
#define GRANT_HEAD_BYTES 115u

/* Every caveat is a clause of at most CAVEAT_BYTES_MAX (2 bytes of head, name left out), or a
 * daily of 32, or nothing. */
#define GRANT_BYTES_MIN (GRANT_HEAD_BYTES + 1u + GRANT_TAG_BYTES)
#define GRANT_BYTES_MAX (GRANT_BYTES_MIN + TOKEN_CAVEATS_MAX * CAVEAT_BYTES_MAX + CAVEAT_BYTES_MAX)

/* How the client reached us: a grant is good for this way only. */
enum grant_peer {
	GRANT_PEER_TCP,  /* without client certificate */
	GRANT_PEER_MTLS, /* with one */
	GRANT_PEER_UNIX, /* SO_PEERCRED: peer_uid is set */
	GRANT_PEER_COUNT
};

struct grant {
	uint32_t kms_generation; /* which grant key sealed it */
	uint32_t key_id;         /* kid of entries */
	struct id128 capability_id;
	struct id128 node_hash;
	uint64_t iat_unix_s;
	/* End of the grant, not past the token's as kms saw it; who opens it compares. Of the
	 * monotonic clock, which all processes share: a wall clock that is set would end good
	 * grants, or keep ended ones. */
	uint64_t exp_mono_ms;
	enum grant_peer peer;
	uint32_t peer_uid;         /* 0 unless peer is UNIX */
	struct caveat_set caveats; /* views borrow from the sealed bytes */
	struct slice tenant;       /* caveat_set_tenant(), of kms; likewise */
};

/* ERR_TOO_LARGE: it does not fit; GRANT_BYTES_MAX always do. */
MUST_CHECK enum err grant_seal(const struct grant *grant, const struct hash *key, uint8_t *buffer,
	size_t buffer_bytes, size_t *ret_bytes);

/* ERR_MALFORMED, ERR_TOO_LARGE, or ERR_DENIED: the tag is not of this key. Tags are compared
 * in constant time, before anything else is believed. Does not look at exp_mono_ms. */
MUST_CHECK enum err grant_open(
	struct slice sealed, const struct hash *key, struct grant *ret_grant);

/* For the prevalidator, who got it from kms itself and knows no key: the tag is not checked. */
MUST_CHECK enum err grant_read(struct slice sealed, struct grant *ret_grant);

/* Which key to open it with. Nothing but the length and version is checked. */
MUST_CHECK enum err grant_generation(struct slice sealed, uint32_t *ret_generation);

/* The keys of the newest kms and of the one before, whose grants are still out for some seconds.
 * All zero there are none. */
struct grant_keys {
	struct {
		uint32_t kms_generation; /* 0: none */
		struct hash key;
	} known[2];
};

/* A key of the generation that is the newest already replaces it. ERR_MALFORMED: no generation. */
MUST_CHECK enum err grant_keys_add(
	struct grant_keys *keys, uint32_t kms_generation, const struct hash *key);

/* As grant_open. ERR_STALE: of a kms whose key is not known (yet, or any more). */
MUST_CHECK enum err grant_keys_open(
	const struct grant_keys *keys, struct slice sealed, struct grant *ret_grant);

bool grant_is_expired(const struct grant *grant, uint64_t now_mono_ms);

#endif
