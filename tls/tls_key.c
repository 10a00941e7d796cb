#include "tls/tls_key.h"

#include <gmp.h>
#include <nettle/bignum.h>
#include <nettle/dsa.h>
#include <nettle/ecc-curve.h>
#include <nettle/ecc.h>
#include <nettle/ecdsa.h>
#include <nettle/eddsa.h>
#include <nettle/pss.h>
#include <nettle/rsa.h>
#include <nettle/sha2.h>
#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "core/tls_content.h"

/* r and s of ECDSA in DER: a SEQUENCE of two INTEGERs. */
#define SCALAR_BYTES_MAX 48u

/* --- numbers: memory of GMP --- */

static void *numbers_alloc(size_t bytes_count)
{
	void *memory = malloc(bytes_count);

	if (memory == NULL) {
		abort(); /* GMP knows no other answer */
	}
	return memory;
}

static void numbers_free(void *memory, size_t bytes_count)
{
	explicit_bzero(memory, bytes_count);
	free(memory);
}

/* realloc would leave the old bytes behind. */
static void *numbers_realloc(void *memory, size_t old_bytes, size_t new_bytes)
{
	void *moved = numbers_alloc(new_bytes);

	memcpy(moved, memory, old_bytes < new_bytes ? old_bytes : new_bytes);
	numbers_free(memory, old_bytes);
	return moved;
}

void tls_key_wipe_numbers(void)
{
	mp_set_memory_functions(numbers_alloc, numbers_realloc, numbers_free);
}

static void chance(void *context_of_it, size_t bytes_count, uint8_t *ret_bytes)
{
	(void)context_of_it;
	random_fill(ret_bytes, bytes_count);
}

/* --- kinds --- */

const char *tls_key_kind_name(enum tls_key_kind kind)
{
	static const char *const names[] = { "none", "Ed25519", "P-256", "P-384", "RSA" };

	return names[kind];
}

bool tls_key_can(enum tls_key_kind kind, unsigned scheme)
{
	switch (kind) {
	case TLS_KEY_ED25519:
		return scheme == TLS_SCHEME_ED25519;
	case TLS_KEY_P256:
		return scheme == TLS_SCHEME_P256_SHA256;
	case TLS_KEY_P384:
		return scheme == TLS_SCHEME_P384_SHA384;
	case TLS_KEY_RSA:
		return scheme == TLS_SCHEME_RSA_PSS_SHA256 || scheme == TLS_SCHEME_RSA_PSS_SHA384;
	case TLS_KEY_NONE:
		break;
	}
	return false;
}

static const struct ecc_curve *curve_of(const struct tls_key *key)
{
	return key->kind == TLS_KEY_P384 ? nettle_get_secp_384r1() : nettle_get_secp_256r1();
}

static bool load_scalar(const struct tls_key *key, struct ecc_scalar *ret_scalar)
{
	mpz_t number;
	bool good;

	nettle_mpz_init_set_str_256_u(number, key->bytes_count, key->bytes);
	ecc_scalar_init(ret_scalar, curve_of(key));
	good = ecc_scalar_set(ret_scalar, number) == 1; /* from 1 to the order of the curve */
	mpz_clear(number);
	if (!good) {
		ecc_scalar_clear(ret_scalar);
	}
	return good;
}

struct rsa {
	struct rsa_public_key public;
	struct rsa_private_key private;
};

static void unload_rsa(struct rsa *rsa)
{
	rsa_public_key_clear(&rsa->public);
	rsa_private_key_clear(&rsa->private);
}

static bool is_below(const mpz_t number, const mpz_t limit)
{
	return mpz_sgn(number) > 0 && mpz_cmp(number, limit) < 0;
}

/* What nettle asserts, and does not look at when it reads a key. */
static bool is_in_bounds(const struct rsa *rsa)
{
	const struct rsa_public_key *public = &rsa->public;
	const struct rsa_private_key *private = &rsa->private;
	mpz_t product;
	bool is_ours;

	mpz_init(product);
	mpz_mul(product, private->p, private->q);
	is_ours = mpz_cmp(product, public->n) == 0;
	mpz_clear(product);
	return is_ours && mpz_odd_p(public->n) != 0 && mpz_odd_p(public->e) != 0 &&
	       is_below(public->e, public->n) && is_below(private->a, private->p) &&
	       is_below(private->b, private->q) && is_below(private->c, private->p);
}

static bool load_rsa(const struct tls_key *key, struct rsa *ret_rsa)
{
	size_t bits;

	rsa_public_key_init(&ret_rsa->public);
	rsa_private_key_init(&ret_rsa->private);
	if (rsa_keypair_from_der(&ret_rsa->public, &ret_rsa->private, TLS_KEY_RSA_BITS_MAX,
		    key->bytes_count, key->bytes) == 1) {
		bits = mpz_sizeinbase(ret_rsa->public.n, 2);
		if (bits >= TLS_KEY_RSA_BITS_MIN && bits <= TLS_KEY_RSA_BITS_MAX &&
			is_in_bounds(ret_rsa)) {
			return true;
		}
	}
	unload_rsa(ret_rsa);
	return false;
}

/* --- the name of the public key: SHA-256 of its SubjectPublicKeyInfo --- */

static void put_head(struct sha256_ctx *hash, uint8_t tag, size_t length)
{
	uint8_t head[4] = { tag, 0x82, (uint8_t)(length >> 8), (uint8_t)length };

	if (length < 0x80) {
		head[1] = (uint8_t)length;
		sha256_update(hash, 2, head);
	} else if (length < 0x100) {
		head[1] = 0x81;
		head[2] = (uint8_t)length;
		sha256_update(hash, 3, head);
	} else {
		sha256_update(hash, 4, head);
	}
}

static size_t head_bytes(size_t length)
{
	return length < 0x80 ? 2 : length < 0x100 ? 3 : 4;
}

static void finish_id(struct sha256_ctx *hash, struct tls_key *key)
{
	sha256_digest(hash, HASH_BYTES, key->id.bytes);
}

static void name_ed25519(struct tls_key *key)
{
	static const uint8_t head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
		0x21, 0x00 };
	uint8_t public[ED25519_KEY_SIZE];
	struct sha256_ctx hash;

	ed25519_sha512_public_key(public, key->bytes);
	sha256_init(&hash);
	sha256_update(&hash, sizeof head, head);
	sha256_update(&hash, sizeof public, public);
	finish_id(&hash, key);
}

static bool name_curve(struct tls_key *key)
{
	static const uint8_t head256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
		0x03, 0x42, 0x00, 0x04 };
	static const uint8_t head384[] = { 0x30, 0x76, 0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48,
		0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22, 0x03, 0x62, 0x00,
		0x04 };
	bool is_384 = key->kind == TLS_KEY_P384;
	uint8_t coordinate[SCALAR_BYTES_MAX];
	struct ecc_scalar scalar;
	struct ecc_point point;
	struct sha256_ctx hash;
	mpz_t numbers[2];

	if (!load_scalar(key, &scalar)) {
		return false;
	}
	ecc_point_init(&point, curve_of(key));
	ecc_point_mul_g(&point, &scalar);
	ecc_scalar_clear(&scalar);
	mpz_inits(numbers[0], numbers[1], NULL);
	ecc_point_get(&point, numbers[0], numbers[1]);
	ecc_point_clear(&point);
	sha256_init(&hash);
	sha256_update(&hash, is_384 ? sizeof head384 : sizeof head256, is_384 ? head384 : head256);
	for (int i = 0; i < 2; i++) {
		nettle_mpz_get_str_256(key->bytes_count, coordinate, numbers[i]);
		sha256_update(&hash, key->bytes_count, coordinate);
	}
	mpz_clears(numbers[0], numbers[1], NULL);
	finish_id(&hash, key);
	return true;
}

static bool name_rsa(struct tls_key *key)
{
	static const uint8_t algorithm[] = { 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7,
		0x0d, 0x01, 0x01, 0x01, 0x05, 0x00 };
	uint8_t number[TLS_KEY_RSA_BITS_MAX / 8 + 1];
	size_t lengths[2], pair, bits;
	struct sha256_ctx hash;
	struct rsa rsa;

	if (!load_rsa(key, &rsa)) {
		return false;
	}
	/* nettle's sizes are of signed numbers: with the zero that an INTEGER may begin with */
	lengths[0] = nettle_mpz_sizeinbase_256_s(rsa.public.n);
	lengths[1] = nettle_mpz_sizeinbase_256_s(rsa.public.e);
	pair = head_bytes(lengths[0]) + lengths[0] + head_bytes(lengths[1]) + lengths[1];
	bits = 1 + head_bytes(pair) + pair;
	sha256_init(&hash);
	put_head(&hash, 0x30, sizeof algorithm + head_bytes(bits) + bits);
	sha256_update(&hash, sizeof algorithm, algorithm);
	put_head(&hash, 0x03, bits);
	sha256_update(&hash, 1, (const uint8_t[1]){ 0 });
	put_head(&hash, 0x30, pair);
	for (int i = 0; i < 2; i++) {
		if (lengths[i] > sizeof number) {
			unload_rsa(&rsa);
			return false; /* an exponent as long as the modulus */
		}
		nettle_mpz_get_str_256(lengths[i], number, i == 0 ? rsa.public.n : rsa.public.e);
		put_head(&hash, 0x02, lengths[i]);
		sha256_update(&hash, lengths[i], number);
	}
	unload_rsa(&rsa);
	finish_id(&hash, key);
	return true;
}

/* An RSA key says most things twice. Where they do not fit each other, nettle finds that its
 * signature is none; better now than in each handshake. */
static bool is_sound_rsa(const struct tls_key *key)
{
	static const uint8_t transcript[32];
	uint8_t signature[TLS_KEY_SIGNATURE_BYTES];
	size_t bytes_count = 0;

	return tls_key_sign(key, TLS_SCHEME_RSA_PSS_SHA256,
		       (struct slice){ transcript, sizeof transcript }, signature,
		       &bytes_count) == ERR_OK;
}

bool tls_key_complete(struct tls_key *key)
{
	switch (key->kind) {
	case TLS_KEY_ED25519:
		if (key->bytes_count != ED25519_KEY_SIZE) {
			return false;
		}
		name_ed25519(key);
		return true;
	case TLS_KEY_P256:
		return key->bytes_count == 32 && name_curve(key);
	case TLS_KEY_P384:
		return key->bytes_count == 48 && name_curve(key);
	case TLS_KEY_RSA:
		return name_rsa(key) && is_sound_rsa(key);
	case TLS_KEY_NONE:
		break;
	}
	return false;
}

/* --- signing --- */

static size_t digest_of(unsigned scheme, struct slice content, uint8_t ret_digest[48])
{
	if (scheme == TLS_SCHEME_P384_SHA384 || scheme == TLS_SCHEME_RSA_PSS_SHA384) {
		struct sha384_ctx hash;

		sha384_init(&hash);
		sha384_update(&hash, content.bytes_count, content.bytes);
		sha384_digest(&hash, SHA384_DIGEST_SIZE, ret_digest);
		return SHA384_DIGEST_SIZE;
	}
	struct sha256_ctx hash;

	sha256_init(&hash);
	sha256_update(&hash, content.bytes_count, content.bytes);
	sha256_digest(&hash, SHA256_DIGEST_SIZE, ret_digest);
	return SHA256_DIGEST_SIZE;
}

static size_t sign_ed25519(const struct tls_key *key, struct slice content, uint8_t *ret_signature)
{
	uint8_t public[ED25519_KEY_SIZE];

	ed25519_sha512_public_key(public, key->bytes);
	ed25519_sha512_sign(public, key->bytes, content.bytes_count, content.bytes, ret_signature);
	return ED25519_SIGNATURE_SIZE;
}

/* Both numbers are below 2^384: no length needs more than one byte. */
static size_t put_pair(const struct dsa_signature *signature, uint8_t *ret_bytes)
{
	size_t lengths[2] = { nettle_mpz_sizeinbase_256_s(signature->r),
		nettle_mpz_sizeinbase_256_s(signature->s) };
	size_t used = 0;

	ret_bytes[used++] = 0x30;
	ret_bytes[used++] = (uint8_t)(lengths[0] + lengths[1] + 4);
	for (int i = 0; i < 2; i++) {
		ret_bytes[used++] = 0x02;
		ret_bytes[used++] = (uint8_t)lengths[i];
		nettle_mpz_get_str_256(
			lengths[i], ret_bytes + used, i == 0 ? signature->r : signature->s);
		used += lengths[i];
	}
	return used;
}

static size_t sign_curve(const struct tls_key *key, struct slice digest, uint8_t *ret_signature)
{
	struct dsa_signature signature;
	struct ecc_scalar scalar;
	size_t used;

	if (!load_scalar(key, &scalar)) {
		return 0;
	}
	dsa_signature_init(&signature);
	ecdsa_sign(&scalar, NULL, chance, digest.bytes_count, digest.bytes, &signature);
	used = put_pair(&signature, ret_signature);
	dsa_signature_clear(&signature);
	ecc_scalar_clear(&scalar);
	return used;
}

static size_t sign_rsa(const struct tls_key *key, struct slice digest, uint8_t *ret_signature)
{
	uint8_t salt[SHA384_DIGEST_SIZE]; /* as long as the digest: RFC 8446 section 4.2.3 */
	struct rsa rsa;
	mpz_t number;
	size_t used = 0;
	int good;

	if (!load_rsa(key, &rsa)) {
		return 0;
	}
	random_fill(salt, digest.bytes_count);
	mpz_init(number);
	good = digest.bytes_count == SHA384_DIGEST_SIZE
		       ? rsa_pss_sha384_sign_digest_tr(&rsa.public, &rsa.private, NULL, chance,
				 digest.bytes_count, salt, digest.bytes, number)
		       : rsa_pss_sha256_sign_digest_tr(&rsa.public, &rsa.private, NULL, chance,
				 digest.bytes_count, salt, digest.bytes, number);
	if (good == 1) {
		used = rsa.public.size;
		nettle_mpz_get_str_256(used, ret_signature, number);
	}
	mpz_clear(number);
	unload_rsa(&rsa);
	return used;
}

enum err tls_key_sign(const struct tls_key *key, unsigned scheme, struct slice transcript,
	uint8_t ret_signature[TLS_KEY_SIGNATURE_BYTES], size_t *ret_bytes)
{
	uint8_t content_bytes[TLS_CONTENT_BYTES_MAX], digest_bytes[48];
	struct slice content = { content_bytes, 0 }, digest = { digest_bytes, 0 };

	if (!tls_key_can(key->kind, scheme) ||
		(transcript.bytes_count != 32 && transcript.bytes_count != 48)) {
		return ERR_MALFORMED;
	}
	content.bytes_count = tls_content_build(transcript, content_bytes);
	digest.bytes_count = digest_of(scheme, content, digest_bytes);
	switch (key->kind) {
	case TLS_KEY_ED25519:
		*ret_bytes = sign_ed25519(key, content, ret_signature);
		break;
	case TLS_KEY_P256:
	case TLS_KEY_P384:
		*ret_bytes = sign_curve(key, digest, ret_signature);
		break;
	case TLS_KEY_RSA:
		*ret_bytes = sign_rsa(key, digest, ret_signature);
		break;
	case TLS_KEY_NONE:
		*ret_bytes = 0;
		break;
	}
	return *ret_bytes > 0 ? ERR_OK : ERR_CORRUPT;
}
