#ifndef SERVICES_KMS_TLS_H
#define SERVICES_KMS_TLS_H

/* The key of TLS, separate from every other, and the keys of tickets. What is signed is the
 * CertificateVerify of a server (tls/tls_key.h), built here of a transcript hash.
 *
 * Around a reload two keys are known: edges go over to the new certificate one after the other, and
 * each asks for the key of that which it showed. */

#include "common/worker.h"
#include "proto/verbs.h"
#include "tls/tls_pkcs8.h"

enum tls_plane { TLS_PLANE_API, TLS_PLANE_ADMIN, TLS_PLANE_COUNT };

/* In locked memory. */
struct tls_secret {
	struct tls_key now, before, staged; /* kind NONE: there is none */
	uint8_t ticket_keys[TLS_PLANE_COUNT][VERB_TICKET_KEY_BYTES];
	uint8_t file[TLS_PKCS8_FILE_BYTES_MAX + 1]; /* on its way */
};

struct tls {
	struct worker *worker;
	struct tls_secret *secret;                  /* owned; NULL: no TLS is spoken */
	uint8_t signature[TLS_KEY_SIGNATURE_BYTES]; /* the last one */
};

/* Ends the process, with a sentence, when the key is none. */
void tls_open(struct tls *tls, struct worker *worker);

/* A reload: NULL, or a sentence. With it the keys of tickets are drawn anew. */
const char *tls_prepare(struct tls *tls);
void tls_commit(struct tls *tls);
void tls_abort(struct tls *tls);

/* ERR_STALE: there is no such key. ERR_MALFORMED: of the sender, no scheme of that key or no
 * transcript hash. */
MUST_CHECK enum err tls_sign(
	struct tls *tls, const struct oap_sign_tls *ask, struct slice *ret_signature);

/* Empty when no TLS is spoken. */
struct slice tls_ticket_key(const struct tls *tls, enum tls_plane plane);

#endif
