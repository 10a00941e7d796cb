#include "tls/tls_pkcs8.h"

#include <nettle/asn1.h>
#include <string.h>

#include "core/base64.h"

#define TEXT_BYTES_MAX TLS_PKCS8_FILE_BYTES_MAX
#define DER_BYTES_MAX  (TLS_KEY_BYTES_MAX + 64u)

static const uint8_t oid_ed25519[] = { 0x2b, 0x65, 0x70 };
static const uint8_t oid_rsa[] = { 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01 };
static const uint8_t oid_curve[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };

static const char no_der[] = "what is between BEGIN and END is no PKCS#8 private key";
static const char no_kind[] = "expected an Ed25519, P-256, P-384 or RSA key";
static const char no_good[] = "the numbers of the key are no key of its kind (RSA: 2048 to 4096 "
			      "bits)";

/* --- PEM --- */

static const uint8_t *find(struct slice text, const char *what)
{
	return memmem(text.bytes, text.bytes_count, what, strlen(what));
}

static const char *why_no_block(struct slice text)
{
	if (find(text, "-----BEGIN ENCRYPTED PRIVATE KEY-----") != NULL) {
		return "it is encrypted, and the node has nobody to ask for its password: `openssl "
		       "pkcs8 -topk8 -nocrypt` decrypts it";
	}
	if (find(text, "-----BEGIN EC PRIVATE KEY-----") != NULL ||
		find(text, "-----BEGIN RSA PRIVATE KEY-----") != NULL) {
		return "it is of an old form: `openssl pkcs8 -topk8 -nocrypt` makes PKCS#8 of it";
	}
	return "expected a block -----BEGIN PRIVATE KEY-----";
}

/* The characters between the lines, without their breaks. */
static const char *unfold(struct slice text, char *ret_text, size_t *ret_count)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----";
	static const char end[] = "-----END PRIVATE KEY-----";
	const uint8_t *at = find(text, begin), *stop;
	struct slice rest;

	if (at == NULL) {
		return why_no_block(text);
	}
	at += sizeof begin - 1;
	rest = (struct slice){ at, (size_t)(text.bytes + text.bytes_count - at) };
	stop = find(rest, end);
	if (stop == NULL) {
		return "expected -----END PRIVATE KEY----- behind its BEGIN";
	}
	if (find(rest, begin) != NULL) {
		return "expected one private key; there are two";
	}
	*ret_count = 0;
	for (; at < stop; at++) {
		if (*at != '\n' && *at != '\r' && *at != ' ') {
			ret_text[(*ret_count)++] = (char)*at;
		}
	}
	return NULL;
}

/* --- DER --- */

static bool is_oid(const struct asn1_der_iterator *at, const uint8_t *oid, size_t oid_bytes)
{
	return at->type == ASN1_IDENTIFIER && at->length == oid_bytes &&
	       memcmp(at->data, oid, oid_bytes) == 0;
}

#define IS_OID(at, oid) is_oid(at, oid, sizeof(oid))

/* AlgorithmIdentifier: which kind of key. */
static enum tls_key_kind kind_of(struct asn1_der_iterator *outer)
{
	struct asn1_der_iterator at;

	if (outer->type != ASN1_SEQUENCE ||
		asn1_der_decode_constructed(outer, &at) != ASN1_ITERATOR_PRIMITIVE) {
		return TLS_KEY_NONE;
	}
	if (IS_OID(&at, oid_ed25519)) {
		return TLS_KEY_ED25519;
	}
	if (IS_OID(&at, oid_rsa)) {
		return TLS_KEY_RSA;
	}
	if (!IS_OID(&at, oid_curve) || asn1_der_iterator_next(&at) != ASN1_ITERATOR_PRIMITIVE) {
		return TLS_KEY_NONE;
	}
	if (IS_OID(&at, oid_p256)) {
		return TLS_KEY_P256;
	}
	return IS_OID(&at, oid_p384) ? TLS_KEY_P384 : TLS_KEY_NONE;
}

static bool is_octets(const struct asn1_der_iterator *at)
{
	return at->type == ASN1_OCTETSTRING;
}

/* What the OCTET STRING of PKCS#8 holds: an OCTET STRING again, an ECPrivateKey (RFC 5915), or an
 * RSAPrivateKey (RFC 8017), which is kept as it is. */
static bool find_secret(enum tls_key_kind kind, struct slice inner, struct slice *ret_secret)
{
	struct asn1_der_iterator at, fields;
	uint32_t version = 0;

	*ret_secret = inner;
	if (kind == TLS_KEY_RSA) {
		return true;
	}
	if (kind == TLS_KEY_ED25519) {
		if (asn1_der_iterator_first(&at, inner.bytes_count, inner.bytes) !=
				ASN1_ITERATOR_PRIMITIVE ||
			!is_octets(&at)) {
			return false;
		}
		*ret_secret = (struct slice){ at.data, at.length };
		return asn1_der_iterator_next(&at) == ASN1_ITERATOR_END;
	}
	if (asn1_der_iterator_first(&at, inner.bytes_count, inner.bytes) !=
			ASN1_ITERATOR_CONSTRUCTED ||
		at.type != ASN1_SEQUENCE ||
		asn1_der_decode_constructed(&at, &fields) != ASN1_ITERATOR_PRIMITIVE ||
		asn1_der_get_uint32(&fields, &version) != 1 || version != 1 ||
		asn1_der_iterator_next(&fields) != ASN1_ITERATOR_PRIMITIVE || !is_octets(&fields)) {
		return false;
	}
	*ret_secret = (struct slice){ fields.data, fields.length };
	return true;
}

/* A scalar is as long as the order of its curve (RFC 5915), which not everybody heeds: some have
 * zeros before it (GnuTLS, of a number), some leave its own out. */
static bool keep_scalar(struct slice secret, size_t bytes_count, struct tls_key *key)
{
	while (secret.bytes_count > 0 && secret.bytes[0] == 0) {
		secret.bytes++;
		secret.bytes_count--;
	}
	if (secret.bytes_count == 0 || secret.bytes_count > bytes_count) {
		return false;
	}
	memcpy(key->bytes + bytes_count - secret.bytes_count, secret.bytes, secret.bytes_count);
	key->bytes_count = bytes_count;
	return true;
}

static bool keep_secret(struct slice secret, struct tls_key *key)
{
	if (key->kind == TLS_KEY_P256) {
		return keep_scalar(secret, 32, key);
	}
	if (key->kind == TLS_KEY_P384) {
		return keep_scalar(secret, 48, key);
	}
	if (secret.bytes_count > sizeof key->bytes) {
		return false;
	}
	memcpy(key->bytes, secret.bytes, secret.bytes_count);
	key->bytes_count = secret.bytes_count;
	return true;
}

static const char *read_der(const uint8_t *der, size_t der_bytes, struct tls_key *ret_key)
{
	struct asn1_der_iterator at, fields;
	struct slice secret;
	uint32_t version = 0;

	if (asn1_der_iterator_first(&at, der_bytes, der) != ASN1_ITERATOR_CONSTRUCTED ||
		at.type != ASN1_SEQUENCE || at.length + (size_t)(at.data - der) != der_bytes ||
		asn1_der_decode_constructed(&at, &fields) != ASN1_ITERATOR_PRIMITIVE ||
		asn1_der_get_uint32(&fields, &version) != 1 || version > 1 ||
		asn1_der_iterator_next(&fields) != ASN1_ITERATOR_CONSTRUCTED) {
		return no_der;
	}
	ret_key->kind = kind_of(&fields);
	if (ret_key->kind == TLS_KEY_NONE) {
		return no_kind;
	}
	if (asn1_der_iterator_next(&fields) != ASN1_ITERATOR_PRIMITIVE || !is_octets(&fields) ||
		!find_secret(
			ret_key->kind, (struct slice){ fields.data, fields.length }, &secret)) {
		return no_der;
	}
	return keep_secret(secret, ret_key) && tls_key_complete(ret_key) ? NULL : no_good;
}

const char *tls_pkcs8_read(struct slice text, struct tls_key *ret_key)
{
	char characters[TEXT_BYTES_MAX];
	uint8_t der[DER_BYTES_MAX];
	size_t count = 0, der_bytes = 0;
	const char *why;

	memset(ret_key, 0, sizeof *ret_key);
	if (text.bytes_count > TLS_PKCS8_FILE_BYTES_MAX) {
		return "it is longer than a private key can be";
	}
	why = unfold(text, characters, &count);
	if (why == NULL &&
		base64_decode(characters, count, der, sizeof der, &der_bytes) != ERR_OK) {
		why = no_der;
	}
	if (why == NULL) {
		why = read_der(der, der_bytes, ret_key);
	}
	explicit_bzero(characters, sizeof characters);
	explicit_bzero(der, sizeof der);
	if (why != NULL) {
		explicit_bzero(ret_key, sizeof *ret_key);
	}
	return why;
}
