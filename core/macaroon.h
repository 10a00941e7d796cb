#ifndef CORE_MACAROON_H
#define CORE_MACAROON_H

/* Macaroons: tokens that their holder can narrow without asking anybody. Binary format v2 of
 * libmacaroons and go-macaroon (doc/format.txt there), in unpadded base64url (RFC 4648
 * section 5); first-party caveats only. What the caveats mean is core/caveat.h's business. */

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

/* TOKEN_BYTES_MAX bounds what a client sends: the text. Four characters carry three bytes. */
#define MACAROON_BYTES_MAX      (TOKEN_BYTES_MAX / 4u * 3u)
#define MACAROON_NAME_BYTES_MAX 256u /* a location, and an identifier, which ours never fill */

/* Why bytes are no macaroon of ours. The sentence is fit for the client: it holds no secret. */
#define MACAROON_FAULTS(F)                                                       \
	F(OK, "it is a macaroon")                                                \
	F(TOO_LARGE, "the token, its location or its identifier is too long")    \
	F(TEXT, "the token is not unpadded base64url")                           \
	F(VERSION, "the token is not a macaroon of format version 2")            \
	F(CUT, "the token ends too early")                                       \
	F(VARINT, "a length is not written in its shortest form")                \
	F(FIELD, "a field is unknown, empty, repeated, missing or out of order") \
	F(THIRD_PARTY, "third-party caveats are not supported")                  \
	F(CAVEAT_COUNT, "the token has too many caveats")                        \
	F(CAVEAT_BYTES, "a caveat is too long")                                  \
	F(SIGNATURE, "the signature is not 32 bytes long")                       \
	F(TRAILING, "bytes follow the signature")

enum macaroon_fault {
#define AS_ENUM(NAME, text) MACAROON_##NAME,
	MACAROON_FAULTS(AS_ENUM)
#undef AS_ENUM
		MACAROON_FAULT_COUNT
};

/* The views borrow from what was parsed, or from what was handed to create and add. */
struct macaroon {
	struct slice location; /* a hint for people: printed, never trusted; empty = none */
	struct slice identifier;
	struct slice caveats[TOKEN_CAVEATS_MAX];
	size_t caveat_count;
	struct hash signature; /* who knows it can use the token and narrow it */
};

const char *macaroon_fault_text(unsigned fault);

MUST_CHECK enum macaroon_fault macaroon_parse(struct slice bytes, struct macaroon *ret_macaroon);

/* ERR_TOO_LARGE: it does not fit buffer_bytes or MACAROON_BYTES_MAX. */
MUST_CHECK enum err macaroon_serialise(
	const struct macaroon *macaroon, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes);

/* Text is base64url without padding; decoding refuses any other way to write the same bytes.
 * Encoding writes a final zero that *ret_bytes does not count. ERR_TOO_LARGE: no room. */
MUST_CHECK enum err macaroon_text_encode(
	struct slice bytes, char *text, size_t text_bytes, size_t *ret_bytes);
MUST_CHECK enum macaroon_fault macaroon_text_decode(
	struct slice text, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes);

/* A macaroon without caveats: may do everything. Only kms makes them, and adds at once.
 * ERR_TOO_LARGE or ERR_MALFORMED (empty): location or identifier. */
MUST_CHECK enum err macaroon_create(struct slice root_key, struct slice identifier,
	struct slice location, struct macaroon *ret_macaroon);

/* Narrows it: needs no key but the signature that it replaces. ERR_TOO_LARGE, ERR_MALFORMED
 * (empty); the text of the caveat is not judged. */
MUST_CHECK enum err macaroon_add_caveat(struct macaroon *macaroon, struct slice caveat);

/* ERR_DENIED: not signed with root_key. ret_running, if not NULL, has room for caveat_count
 * hashes: the running HMAC after each caveat. They are secrets of the same rank as the
 * signature; written on success only. */
MUST_CHECK enum err macaroon_verify(
	const struct macaroon *macaroon, struct slice root_key, struct hash *ret_running);

/* The name of the day counter of a daily<= caveat. All tokens narrowed from one that carries
 * this caveat share it, siblings do not; it tells nothing about the running HMAC. */
struct id128 macaroon_counter_id(const struct hash *running);

/* Our identifier, little-endian: version 1 u8 | key id u32 | capability id 16 | iat u64 |
 * node hash 16 (first half of SHA-256 of the node's origin). */
#define MACAROON_IDENTIFIER_BYTES   45u
#define MACAROON_IDENTIFIER_VERSION 1u

struct macaroon_identifier {
	uint32_t key_id;
	struct id128 capability_id; /* random */
	uint64_t iat_unix_s;        /* at most CAVEAT_UNIX_S_MAX */
	struct id128 node_hash;
};

void macaroon_identifier_encode(
	const struct macaroon_identifier *identifier, uint8_t ret_bytes[MACAROON_IDENTIFIER_BYTES]);
MUST_CHECK enum err macaroon_identifier_decode(
	struct slice bytes, struct macaroon_identifier *ret_identifier);
struct id128 macaroon_node_hash(struct slice origin);

#endif
