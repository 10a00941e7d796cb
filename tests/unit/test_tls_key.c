/* The key of TLS, held against GnuTLS: it makes the keys, and judges what ours sign. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <gnutls/abstract.h>
#include <gnutls/x509.h>

#include "core/tls_content.h"
#include "tls/tls_pkcs8.h"

static const struct {
	gnutls_pk_algorithm_t algorithm;
	unsigned bits;
	enum tls_key_kind kind;
	unsigned scheme;
	gnutls_sign_algorithm_t sign;
} rows[] = {
	{ GNUTLS_PK_EDDSA_ED25519, 256, TLS_KEY_ED25519, TLS_SCHEME_ED25519,
		GNUTLS_SIGN_EDDSA_ED25519 },
	{ GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), TLS_KEY_P256,
		TLS_SCHEME_P256_SHA256, GNUTLS_SIGN_ECDSA_SHA256 },
	{ GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP384R1), TLS_KEY_P384,
		TLS_SCHEME_P384_SHA384, GNUTLS_SIGN_ECDSA_SHA384 },
	{ GNUTLS_PK_RSA, 2048, TLS_KEY_RSA, TLS_SCHEME_RSA_PSS_SHA256,
		GNUTLS_SIGN_RSA_PSS_RSAE_SHA256 },
	{ GNUTLS_PK_RSA, 2049, TLS_KEY_RSA, TLS_SCHEME_RSA_PSS_SHA384,
		GNUTLS_SIGN_RSA_PSS_RSAE_SHA384 },
};

static gnutls_x509_privkey_t theirs;
static gnutls_datum_t pem;
static struct tls_key ours;

static void make(gnutls_pk_algorithm_t algorithm, unsigned bits)
{
	assert_int_equal(gnutls_x509_privkey_init(&theirs), 0);
	assert_int_equal(gnutls_x509_privkey_generate(theirs, algorithm, bits, 0), 0);
	assert_int_equal(gnutls_x509_privkey_export2_pkcs8(
				 theirs, GNUTLS_X509_FMT_PEM, NULL, GNUTLS_PKCS_PLAIN, &pem),
		0);
}

static void forget(void)
{
	gnutls_free(pem.data);
	gnutls_x509_privkey_deinit(theirs);
}

static const char *read_text(const void *text, size_t bytes_count)
{
	return tls_pkcs8_read((struct slice){ text, bytes_count }, &ours);
}

static void assert_good_signature(
	gnutls_sign_algorithm_t sign, struct slice transcript, struct slice signature)
{
	uint8_t content[TLS_CONTENT_BYTES_MAX];
	gnutls_datum_t data = { content, (unsigned)tls_content_build(transcript, content) };
	gnutls_datum_t bytes = { (unsigned char *)(uintptr_t)signature.bytes,
		(unsigned)signature.bytes_count };
	gnutls_privkey_t key;
	gnutls_pubkey_t public;

	assert_int_equal(gnutls_privkey_init(&key), 0);
	assert_int_equal(gnutls_pubkey_init(&public), 0);
	assert_int_equal(gnutls_privkey_import_x509(key, theirs, 0), 0);
	assert_int_equal(gnutls_pubkey_import_privkey(public, key, 0, 0), 0);
	assert_true(gnutls_pubkey_verify_data2(public, sign, 0, &data, &bytes) >= 0);
	content[70] ^= 1; /* in the sentence */
	assert_true(gnutls_pubkey_verify_data2(public, sign, 0, &data, &bytes) < 0);
	gnutls_pubkey_deinit(public);
	gnutls_privkey_deinit(key);
}

static void what_we_sign_gnutls_finds_good(void **state)
{
	static const uint8_t transcript[48] = { 1, 2, 3 };
	static const unsigned schemes[] = { TLS_SCHEME_ED25519, TLS_SCHEME_P256_SHA256,
		TLS_SCHEME_P384_SHA384, TLS_SCHEME_RSA_PSS_SHA256, TLS_SCHEME_RSA_PSS_SHA384, 0 };
	uint8_t signature[TLS_KEY_SIGNATURE_BYTES];
	size_t bytes_count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct hash id;
		size_t id_bytes = sizeof id.bytes;

		make(rows[i].algorithm, rows[i].bits);
		assert_null(read_text(pem.data, pem.size));
		assert_int_equal(ours.kind, rows[i].kind);
		assert_int_equal(gnutls_x509_privkey_get_key_id(
					 theirs, GNUTLS_KEYID_USE_SHA256, id.bytes, &id_bytes),
			0);
		assert_memory_equal(&ours.id, &id, sizeof id);
		for (size_t bytes = 32; bytes <= 48; bytes += 16) {
			struct slice hash = { transcript, bytes };

			assert_int_equal(
				tls_key_sign(&ours, rows[i].scheme, hash, signature, &bytes_count),
				ERR_OK);
			assert_good_signature(
				rows[i].sign, hash, (struct slice){ signature, bytes_count });
		}
		for (size_t k = 0; k < COUNT_OF(schemes); k++) {
			assert_int_equal(
				tls_key_sign(&ours, schemes[k], (struct slice){ transcript, 32 },
					signature, &bytes_count),
				tls_key_can(ours.kind, schemes[k]) ? ERR_OK : ERR_MALFORMED);
		}
		assert_int_equal(tls_key_sign(&ours, rows[i].scheme,
					 (struct slice){ transcript, 33 }, signature, &bytes_count),
			ERR_MALFORMED);
		forget();
	}
}

/* Goal: every prefix of a good file is refused, but for the line's end behind it. */
static void a_key_is_read_only_when_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		make(rows[i].algorithm, rows[i].bits);
		for (size_t cut = 0; cut + 1 < pem.size; cut++) {
			assert_non_null(read_text(pem.data, cut));
			assert_int_equal(ours.kind, TLS_KEY_NONE);
		}
		forget();
	}
}

/* Goal: no byte that is another reads or writes where it may not; the sanitizer looks. */
static void a_key_with_a_changed_byte_is_refused_or_another(void **state)
{
	(void)state;
	for (size_t i = 0; i < 4; i++) {
		make(rows[i].algorithm, rows[i].bits);
		for (size_t at = 0; at < pem.size; at++) {
			unsigned char kept = pem.data[at];

			pem.data[at] = kept == 'A' ? 'Q' : 'A';
			(void)!read_text(pem.data, pem.size);
			pem.data[at] = kept;
		}
		assert_null(read_text(pem.data, pem.size));
		forget();
	}
}

/* The last byte of a number of the key's is another. */
static const char *read_with_wrong(const gnutls_datum_t *number)
{
	gnutls_datum_t der, text;
	uint8_t *at;
	const char *why;

	assert_int_equal(gnutls_pem_base64_decode2("PRIVATE KEY", &pem, &der), 0);
	at = memmem(der.data, der.size, number->data, number->size);
	assert_non_null(at);
	at[number->size - 1] ^= 4;
	assert_int_equal(gnutls_pem_base64_encode2("PRIVATE KEY", &der, &text), 0);
	why = read_text(text.data, text.size);
	gnutls_free(text.data);
	gnutls_free(der.data);
	return why;
}

/* Goal: a damaged file is found before handshakes fail by it: its public half is still that of the
 * certificate. */
static void an_rsa_key_whose_numbers_do_not_fit_each_other_is_refused(void **state)
{
	gnutls_datum_t n, e, d, primes[2], rest[3];

	(void)state;
	make(GNUTLS_PK_RSA, 2048);
	assert_int_equal(gnutls_x509_privkey_export_rsa_raw2(theirs, &n, &e, &d, &primes[0],
				 &primes[1], &rest[0], &rest[1], &rest[2]),
		0);
	for (size_t i = 0; i < COUNT_OF(primes); i++) {
		assert_non_null(read_with_wrong(&primes[i]));
		gnutls_free(primes[i].data);
	}
	for (size_t i = 0; i < COUNT_OF(rest); i++) {
		assert_non_null(read_with_wrong(&rest[i]));
		gnutls_free(rest[i].data);
	}
	gnutls_free(n.data);
	gnutls_free(e.data);
	gnutls_free(d.data);
	forget();
}

static void assert_refused(const char *text, size_t bytes_count, const char *words)
{
	const char *why = read_text(text, bytes_count);

	assert_non_null(why);
	if (strstr(why, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	}
}

static void what_is_no_key_is_refused_with_a_sentence(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "-----BEGIN PRIVATE KEY-----" },
		{ "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
			"expected a block" },
		{ "-----BEGIN EC PRIVATE KEY-----\n", "old form" },
		{ "-----BEGIN RSA PRIVATE KEY-----\n", "old form" },
		{ "-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "encrypted" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n", "-----END" },
		{ "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "no PKCS#8" },
		{ "-----BEGIN PRIVATE KEY-----\n====\n-----END PRIVATE KEY-----\n", "no PKCS#8" },
		{ "-----BEGIN PRIVATE KEY-----\n-----BEGIN PRIVATE KEY-----\nAAAA\n"
		  "-----END PRIVATE KEY-----\n",
			"there are two" },
	};
	static char long_one[TLS_PKCS8_FILE_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_refused(cases[i].text, strlen(cases[i].text), cases[i].words);
	}
	assert_refused(long_one, sizeof long_one, "longer than");
	make(GNUTLS_PK_RSA, 1024);
	assert_refused((const char *)pem.data, pem.size, "2048 to 4096");
	forget();
	make(GNUTLS_PK_ECDSA, GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP521R1));
	assert_refused((const char *)pem.data, pem.size, "expected an Ed25519");
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_we_sign_gnutls_finds_good),
		cmocka_unit_test(a_key_is_read_only_when_whole),
		cmocka_unit_test(a_key_with_a_changed_byte_is_refused_or_another),
		cmocka_unit_test(an_rsa_key_whose_numbers_do_not_fit_each_other_is_refused),
		cmocka_unit_test(what_is_no_key_is_refused_with_a_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
