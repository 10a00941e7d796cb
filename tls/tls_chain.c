#include "tls/tls_chain.h"

#include <stdlib.h>
#include <string.h>

#include <gnutls/ocsp.h>

static gnutls_datum_t datum_of(struct slice bytes)
{
	return (gnutls_datum_t){
		.data = (unsigned char *)(uintptr_t)bytes.bytes,
		.size = (unsigned)bytes.bytes_count,
	};
}

/* --- the server's certificates --- */

static const char *why_no_list(int code)
{
	switch (code) {
	case GNUTLS_E_CERTIFICATE_LIST_UNSORTED:
		return "the certificates are not in order: expected the server's own first, then "
		       "the issuer of each behind it";
	case GNUTLS_E_SHORT_MEMORY_BUFFER:
		return "it has more certificates than a chain can have";
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return "expected certificates in PEM (-----BEGIN CERTIFICATE-----)";
	default:
		return "a certificate in it cannot be read: expected X.509 in PEM";
	}
}

static void free_list(gnutls_x509_crt_t *certificates, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		gnutls_x509_crt_deinit(certificates[i]);
	}
	gnutls_free(certificates);
}

static const char *read_list(struct slice pem, unsigned count_max, unsigned flags,
	gnutls_x509_crt_t **ret_certificates, unsigned *ret_count)
{
	const gnutls_datum_t text = datum_of(pem);
	int code;

	*ret_certificates = NULL;
	*ret_count = 0;
	code = gnutls_x509_crt_list_import2(
		ret_certificates, ret_count, &text, GNUTLS_X509_FMT_PEM, flags);
	if (code >= 0 && *ret_count <= count_max) {
		return NULL;
	}
	if (code >= 0) {
		free_list(*ret_certificates, *ret_count);
		code = GNUTLS_E_SHORT_MEMORY_BUFFER;
	}
	return why_no_list(code);
}

static enum tls_key_kind kind_of_curve(gnutls_x509_crt_t certificate)
{
	gnutls_ecc_curve_t curve = GNUTLS_ECC_CURVE_INVALID;

	if (gnutls_x509_crt_get_pk_ecc_raw(certificate, &curve, NULL, NULL) < 0) {
		return TLS_KEY_NONE;
	}
	if (curve == GNUTLS_ECC_CURVE_SECP256R1) {
		return TLS_KEY_P256;
	}
	return curve == GNUTLS_ECC_CURVE_SECP384R1 ? TLS_KEY_P384 : TLS_KEY_NONE;
}

/* Only those kinds whose signatures we speak. */
static enum tls_key_kind kind_of(gnutls_x509_crt_t certificate, unsigned *ret_bits)
{
	int algorithm = gnutls_x509_crt_get_pk_algorithm(certificate, ret_bits);

	if (algorithm == GNUTLS_PK_EDDSA_ED25519) {
		return TLS_KEY_ED25519;
	}
	if (algorithm == GNUTLS_PK_RSA) {
		return *ret_bits >= TLS_KEY_RSA_BITS_MIN && *ret_bits <= TLS_KEY_RSA_BITS_MAX
			       ? TLS_KEY_RSA
			       : TLS_KEY_NONE;
	}
	return algorithm == GNUTLS_PK_ECDSA ? kind_of_curve(certificate) : TLS_KEY_NONE;
}

const char *tls_chain_read(struct slice pem, struct tls_chain *ret_chain)
{
	size_t id_bytes = HASH_BYTES;
	const char *why;

	memset(ret_chain, 0, sizeof *ret_chain);
	why = read_list(pem, TLS_CHAIN_CERTIFICATES_MAX, GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED,
		&ret_chain->certificates, &ret_chain->count);
	if (why != NULL) {
		return why;
	}
	ret_chain->kind = kind_of(ret_chain->certificates[0], &ret_chain->bits);
	if (ret_chain->kind == TLS_KEY_NONE ||
		gnutls_x509_crt_get_key_id(ret_chain->certificates[0], GNUTLS_KEYID_USE_SHA256,
			ret_chain->key_id.bytes, &id_bytes) < 0 ||
		id_bytes != HASH_BYTES) {
		tls_chain_free(ret_chain);
		return "the server's certificate has a key of another kind: expected Ed25519, "
		       "P-256, P-384, or RSA with 2048 to 4096 bits";
	}
	ret_chain->not_before_unix_s =
		gnutls_x509_crt_get_activation_time(ret_chain->certificates[0]);
	ret_chain->not_after_unix_s =
		gnutls_x509_crt_get_expiration_time(ret_chain->certificates[0]);
	return NULL;
}

void tls_chain_free(struct tls_chain *chain)
{
	if (chain->certificates != NULL) {
		free_list(chain->certificates, chain->count);
	}
	memset(chain, 0, sizeof *chain);
}

void tls_chain_subject(const struct tls_chain *chain, char *ret_text, size_t text_bytes)
{
	gnutls_datum_t name = { NULL, 0 };

	ret_text[0] = '\0';
	if (gnutls_x509_crt_get_dn3(chain->certificates[0], &name, 0) < 0) {
		return;
	}
	for (size_t i = 0; i < name.size && i + 1 < text_bytes; i++) {
		bool is_control = name.data[i] < 0x20 || name.data[i] == 0x7f;

		ret_text[i] = is_control ? '?' : (char)name.data[i];
		ret_text[i + 1] = '\0';
	}
	gnutls_free(name.data);
}

bool tls_chain_has_name(const struct tls_chain *chain, const char *name)
{
	return gnutls_x509_crt_check_hostname(chain->certificates[0], name) != 0;
}

/* --- OCSP --- */

static const char *judge_response(
	gnutls_ocsp_resp_t response, const struct tls_chain *chain, int64_t *ret_next_unix_s)
{
	time_t next = (time_t)-1;
	unsigned status = GNUTLS_OCSP_CERT_UNKNOWN;

	if (gnutls_ocsp_resp_get_status(response) != GNUTLS_OCSP_RESP_SUCCESSFUL) {
		return "its responder answered with an error";
	}
	if (gnutls_ocsp_resp_check_crt(response, 0, chain->certificates[0]) < 0) {
		return "it is not about the certificate of tls.cert_path";
	}
	if (gnutls_ocsp_resp_get_single(
		    response, 0, NULL, NULL, NULL, NULL, &status, NULL, &next, NULL, NULL) < 0) {
		return "it says nothing of a certificate";
	}
	if (status == GNUTLS_OCSP_CERT_REVOKED) {
		return "it says that the certificate is revoked";
	}
	if (status != GNUTLS_OCSP_CERT_GOOD) {
		return "it says that its responder does not know the certificate";
	}
	*ret_next_unix_s = next == (time_t)-1 ? INT64_MAX : (int64_t)next;
	return NULL;
}

const char *tls_chain_check_ocsp(
	const struct tls_chain *chain, struct slice der, int64_t *ret_next_unix_s)
{
	const gnutls_datum_t bytes = datum_of(der);
	gnutls_ocsp_resp_t response = NULL;
	const char *why = "it cannot be read: expected an OCSP response in DER";

	if (gnutls_ocsp_resp_init(&response) < 0) {
		return "no memory for it";
	}
	if (gnutls_ocsp_resp_import(response, &bytes) >= 0) {
		why = judge_response(response, chain, ret_next_unix_s);
	}
	gnutls_ocsp_resp_deinit(response);
	return why;
}

/* --- roots of clients --- */

const char *tls_chain_check_roots(struct slice pem, unsigned *ret_count)
{
	gnutls_x509_crt_t *certificates;
	const char *why = read_list(pem, TLS_CHAIN_ROOTS_MAX, 0, &certificates, ret_count);

	if (why != NULL) {
		return why;
	}
	for (unsigned i = 0; i < *ret_count; i++) {
		if (gnutls_x509_crt_get_ca_status(certificates[i], NULL) <= 0) {
			why = "a certificate in it is of no authority (its basic constraints have "
			      "no CA)";
		}
	}
	free_list(certificates, *ret_count);
	return why;
}

/* --- what is spoken --- */

#define PRIORITY_HEAD "NONE:+VERS-TLS1.3:+AEAD:+AES-256-GCM:+CHACHA20-POLY1305"
#define PRIORITY_TAIL                                                                         \
	":+SIGN-EDDSA-ED25519:+SIGN-ECDSA-SECP256R1-SHA256:+SIGN-ECDSA-SECP384R1-SHA384:"     \
	"+SIGN-RSA-PSS-RSAE-SHA256:+SIGN-RSA-PSS-RSAE-SHA384:+CTYPE-X509:%SERVER_PRECEDENCE:" \
	"%PROFILE_MEDIUM" /* of certificates of clients: RSA of 2048 bits, or as strong */
#define PRIORITY_CLASSIC ":+GROUP-X25519:+GROUP-SECP256R1:+GROUP-SECP384R1"

gnutls_priority_t tls_chain_priority(enum tls_pq pq)
{
	static const char *const texts[] = {
		[TLS_PQ_OFF] = "NONE:+VERS-TLS1.3:+AEAD:+AES-128-GCM:+AES-256-GCM:"
			       "+CHACHA20-POLY1305" PRIORITY_CLASSIC PRIORITY_TAIL,
		[TLS_PQ_HYBRID] =
			PRIORITY_HEAD ":+GROUP-" TLS_CHAIN_PQ_GROUP PRIORITY_CLASSIC PRIORITY_TAIL,
		[TLS_PQ_ONLY] = PRIORITY_HEAD ":+GROUP-" TLS_CHAIN_PQ_GROUP PRIORITY_TAIL,
	};
	gnutls_priority_t priority = NULL;

	return gnutls_priority_init(&priority, texts[pq], NULL) < 0 ? NULL : priority;
}
