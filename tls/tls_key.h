#ifndef TLS_TLS_KEY_H
#define TLS_TLS_KEY_H

/* The private key of TLS, and the one thing that it signs: the CertificateVerify of a server in
 * TLS 1.3 (RFC 8446 section 4.4.3). Nettle only, so that kms, whose key it is, links no TLS
 * library: a key is read from PKCS#8 (RFC 5208, RFC 5958) by tls_pkcs8.h.
 *
 * What is signed is built here from a transcript hash; no caller can have other bytes signed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"

enum tls_key_kind {
	TLS_KEY_NONE,
	TLS_KEY_ED25519,
	TLS_KEY_P256,
	TLS_KEY_P384,
	TLS_KEY_RSA,
};

/* RFC 8446 section 4.2.3: those that we speak. */
enum tls_scheme {
	TLS_SCHEME_P256_SHA256 = 0x0403,
	TLS_SCHEME_P384_SHA384 = 0x0503,
	TLS_SCHEME_RSA_PSS_SHA256 = 0x0804,
	TLS_SCHEME_RSA_PSS_SHA384 = 0x0805,
	TLS_SCHEME_ED25519 = 0x0807,
};

/* Shorter RSA is broken within reach; longer costs more than a handshake is worth. */
#define TLS_KEY_RSA_BITS_MIN 2048u
#define TLS_KEY_RSA_BITS_MAX 4096u

/* RSAPrivateKey of 4096 bits: nine numbers, of 512 bytes or half of it, and their heads. */
#define TLS_KEY_BYTES_MAX       2560u
#define TLS_KEY_SIGNATURE_BYTES 512u /* the largest: RSA */

/* As it lies in memory that its owner locked: a seed (Ed25519), a scalar, big-endian (P-256,
 * P-384), or an RSAPrivateKey in DER. Numbers are made of it for one signature, and wiped. */
struct tls_key {
	enum tls_key_kind kind;
	struct hash id; /* SHA-256 of the SubjectPublicKeyInfo: X.509's name of a public key */
	size_t bytes_count;
	uint8_t bytes[TLS_KEY_BYTES_MAX];
};

/* Once, before any key is touched: numbers are wiped when their memory is given back. */
void tls_key_wipe_numbers(void);

/* Sets the id; kind and bytes are there. False: it is no key of its kind, or too short or long. */
MUST_CHECK bool tls_key_complete(struct tls_key *key);

const char *tls_key_kind_name(enum tls_key_kind kind);
bool tls_key_can(enum tls_key_kind kind, unsigned scheme);

/* ERR_MALFORMED: no scheme of this key, or no transcript hash. ERR_CORRUPT: the key is none. */
MUST_CHECK enum err tls_key_sign(const struct tls_key *key, unsigned scheme,
	struct slice transcript, uint8_t ret_signature[TLS_KEY_SIGNATURE_BYTES], size_t *ret_bytes);

#endif
