#ifndef CORE_SIGNED_CAP_H
#define CORE_SIGNED_CAP_H

/* Signed capabilities: the other form of a token (spec/node.md section 9.3). JSON to look at, but
 * of one canonical form only, so that it takes no parser of JSON to read one:
 *
 *   {"typ":"macaroon","ver":1,"iss":"ron-kms","aud":"macronode","alg":"Ed25519","kid":1,
 *    "nbf":1764000000,"exp":1764086400,"caveats":["node=...","action=..."],"sig":"..."}
 *
 * without the line break: these members in this order, no white space, no escapes, numbers
 * without leading zeros. The text of a token is that in unpadded base64url, as for macaroons. kid
 * is the root key under which the capability is listed; the signature is the node key's, over a
 * domain string and all up to `]` with a `}` behind it. The capability id is the first half of the
 * SHA-256 of the latter. Caveats are those of core/caveat.h; nobody but kms can add one. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/macaroon.h"

#define SIGNED_CAP_SIGNATURE_BYTES   64u
#define SIGNED_CAP_DOMAIN            "macronode signed capability, version 1\n"
#define SIGNED_CAP_MESSAGE_BYTES_MAX (sizeof SIGNED_CAP_DOMAIN - 1 + MACAROON_BYTES_MAX)

#define SIGNED_CAP_FAULTS(F)                                                                      \
	F(OK, "it is a signed capability")                                                        \
	F(FORM, "the token is not a signed capability in its canonical form")                     \
	F(ALGORITHM, "the algorithm of the token is not known; Ed25519 is")                       \
	F(POST_QUANTUM, "Dilithium3 and Hybrid-Ed25519+Dilithium3 are not built yet; Ed25519 is") \
	F(CAVEATS, "a signed capability has 1 to 32 caveats of at most 256 characters")

enum signed_cap_fault {
#define AS_ENUM(NAME, text) SIGNED_CAP_##NAME,
	SIGNED_CAP_FAULTS(AS_ENUM)
#undef AS_ENUM
		SIGNED_CAP_FAULT_COUNT
};

/* The views borrow from what was parsed, or from what was handed to write. */
struct signed_cap {
	uint32_t key_id;
	uint64_t nbf_unix_s; /* when it was made; ttl= counts from here */
	uint64_t exp_unix_s;
	struct slice caveats[TOKEN_CAVEATS_MAX];
	size_t caveat_count;
	struct slice signed_part; /* up to ], without the } that is signed behind it */
	uint8_t signature[SIGNED_CAP_SIGNATURE_BYTES];
};

const char *signed_cap_fault_text(unsigned fault);

/* Whether the bytes of a token can only be one of these: no macaroon begins so. */
bool signed_cap_is_it(struct slice bytes);

MUST_CHECK enum signed_cap_fault signed_cap_parse(struct slice bytes, struct signed_cap *ret_cap);

/* Writes all up to `]` and sets signed_part to it. ERR_MALFORMED: a caveat cannot be written
 * without an escape, or there is none. ERR_TOO_LARGE. */
MUST_CHECK enum err signed_cap_write(struct signed_cap *cap, uint8_t *buffer, size_t buffer_bytes);

/* Appends the signature to what signed_cap_write() left in the buffer. */
MUST_CHECK enum err signed_cap_finish(
	const struct signed_cap *cap, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes);

/* What is signed; returns its length. */
size_t signed_cap_message(
	const struct signed_cap *cap, uint8_t ret_message[SIGNED_CAP_MESSAGE_BYTES_MAX]);

struct id128 signed_cap_id(const struct signed_cap *cap);

/* The name of the day counter of the caveat at this place: each has its own, for nobody can derive
 * another token from this one. */
struct id128 signed_cap_counter_id(const struct id128 *capability, size_t place);

#endif
