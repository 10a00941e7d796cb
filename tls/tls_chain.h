#ifndef TLS_TLS_CHAIN_H
#define TLS_TLS_CHAIN_H

/* The public files of TLS as an operator gives them, read and judged by GnuTLS: the server's
 * certificates, the roots of its clients, an OCSP response. Every fault is a sentence's end that
 * says what was expected. Dates never are one: a node whose clock or certificate is late starts
 * and says so, instead of taking the ledger down with it. */

#include <gnutls/x509.h>

#include "tls/tls_key.h"

/* A server's own, and the issuers up to a root: real chains have two to four. */
#define TLS_CHAIN_CERTIFICATES_MAX 8u
/* Certificates of the authorities whose clients are let in. */
#define TLS_CHAIN_ROOTS_MAX 64u

#define TLS_CHAIN_FILE_BYTES_MAX  65536u
#define TLS_CHAIN_ROOTS_BYTES_MAX 262144u
#define TLS_CHAIN_OCSP_BYTES_MAX  16384u

struct tls_chain {
	gnutls_x509_crt_t *certificates; /* owned; the server's own is the first */
	unsigned count;
	enum tls_key_kind kind; /* of the server's key */
	unsigned bits;          /* likewise */
	struct hash key_id;     /* as struct tls_key has it */
	int64_t not_before_unix_s, not_after_unix_s;
};

/* NULL, and *ret_chain to be freed; else what is wrong, and nothing to be freed. */
MUST_CHECK const char *tls_chain_read(struct slice pem, struct tls_chain *ret_chain);
void tls_chain_free(struct tls_chain *chain);

/* Whose it is ("CN=ledger.example"), on one line, cut where there is no room for all. */
void tls_chain_subject(const struct tls_chain *chain, char *ret_text, size_t text_bytes);

/* Whether the certificate is for that host name (or address). */
bool tls_chain_has_name(const struct tls_chain *chain, const char *name);

/* An OCSP response in DER about the server's certificate. *ret_next_unix_s: when it ends being
 * true; INT64_MAX: it does not say. */
MUST_CHECK const char *tls_chain_check_ocsp(
	const struct tls_chain *chain, struct slice der, int64_t *ret_next_unix_s);

MUST_CHECK const char *tls_chain_check_roots(struct slice pem, unsigned *ret_count);

/* What is spoken: TLS 1.3, three suites, three groups, five signatures (spec/node.md section 11).
 * With a post-quantum mode the hybrid group comes first, or is alone, and AES-128 is left out.
 * NULL: the library has no such group. The caller frees with gnutls_priority_deinit. */
enum tls_pq { TLS_PQ_OFF, TLS_PQ_HYBRID, TLS_PQ_ONLY };
gnutls_priority_t tls_chain_priority(enum tls_pq pq);

#define TLS_CHAIN_PQ_GROUP "X25519-MLKEM768"

#endif
