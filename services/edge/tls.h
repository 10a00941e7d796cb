#ifndef SERVICES_EDGE_TLS_H
#define SERVICES_EDGE_TLS_H

/* TLS 1.3 on the TCP listeners of an edge (DESIGN.md section 9). The edge has the certificates; it
 * has no key. What a handshake has to have signed it asks of kms, on a link that it reads by
 * itself: GnuTLS wants the signature from the function that it calls, so the edge waits for it
 * where it stands, for TLS_SIGNATURE_WAIT_MS at most.
 *
 *   tls.c             the files, and what of them is in force; a reload changes it for those who
 *                     come later, and keeps the old for those who are there
 *   tls_stream.c      a connection: handshake, bytes, farewell
 *   tls_transcript.c  the hash of a handshake, which is all that kms is told of it
 *   tls_signer.c      the link to kms */

#include <ev.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <nettle/sha2.h>
#include <sys/types.h>

#include "common/worker.h"
#include "core/tls_content.h"
#include "tls/tls_chain.h"

/* kms answers in 0.05 ms (an elliptic curve) to 8 ms (RSA of 4096 bits), times the edges that ask
 * at once; the whole edge stands still meanwhile. */
#define TLS_SIGNATURE_WAIT_MS 500

/* DESIGN-WALL.md section 5. */
#define TLS_TICKET_LIFE_S 3600u

/* What a client sends before it comes to anything, a handshake or a record of data: two hellos and
 * a chain of eight certificates of RSA-4096 fit, and so does a record. GnuTLS takes a message of 16
 * MiB together before it looks at it, of each client. */
#define TLS_UNREAD_BYTES_MAX 32768u

/* Frames of kms: a signature of 512 bytes, a ticket key, credit. */
#define TLS_SIGNER_IN_BYTES 4096u

struct edge;
struct tls_stream;

/* --- tls_transcript.c --- */

/* Both hashes are kept until the handshake has chosen one. */
struct tls_transcript {
	struct sha256_ctx sha256;
	struct sha384_ctx sha384;
};

void tls_transcript_begin(struct tls_transcript *transcript);
/* A message as GnuTLS tells of it: without its head; a HelloRetryRequest has a type of its own. */
void tls_transcript_add(
	struct tls_transcript *transcript, unsigned type, const gnutls_datum_t *message);
/* Whether kms, told this hash, would sign what GnuTLS wants to have signed: `wanted` is the whole
 * (Ed25519), or its digest. */
MUST_CHECK bool tls_transcript_is_of(const struct tls_transcript *transcript, bool is_sha384,
	unsigned scheme, struct slice wanted, uint8_t ret_hash[TLS_CONTENT_TRANSCRIPT_MAX],
	size_t *ret_bytes);

/* --- tls_signer.c --- */

struct tls_signer {
	struct edge *edge;
	int fd; /* owned; -1: there is no kms now */
	uint32_t generation;
	ev_io readable;
	uint64_t asked; /* corr_id of the question that is out; 0: none */
	uint64_t corr_id_last;
	bool answered;
	enum err status;
	size_t signature_bytes;
	uint8_t signature[VERB_TLS_SIGNATURE_BYTES];
	size_t in_used;
	uint8_t in[TLS_SIGNER_IN_BYTES];
};

/* Its fd becomes ours. */
void tls_signer_link(struct tls_signer *signer, const struct oap_from *whom, int fd);
/* Somebody is there, and owes no answer. */
bool tls_signer_is_free(const struct tls_signer *signer);
MUST_CHECK enum err tls_signer_sign(
	struct tls_signer *signer, const struct oap_sign_tls *ask, struct slice *ret_signature);
enum err tls_signer_take(
	struct tls_signer *signer, const struct oap_from *from, const struct oap_signed_tls *msg);

/* --- tls.c --- */

/* What a connection was begun with stays as it is as long as one has it. */
struct tls_material {
	struct tls *tls;
	unsigned users;
	gnutls_certificate_credentials_t credentials; /* owned */
	struct hash key_id;
	enum tls_key_kind kind;
	unsigned bits;
	bool has_roots;
};

struct tls {
	struct edge *edge;
	gnutls_priority_t priority;   /* owned */
	struct tls_material *current; /* owned with its users */
	struct tls_material *staged;  /* likewise, of a reload that is on its way; NULL */
	struct tls_signer signer;
	uint8_t ticket_key[VERB_TICKET_KEY_BYTES];
	bool has_ticket_key;
	struct tls_stream *turning; /* whose handshake is in hand */
	enum tls_pq pq;
	bool demands_certificate;
};

/* Before the filter, if this plane speaks TLS at all. Ends the process when the files are not
 * what the supervisor saw them to be. */
void tls_open(struct edge *edge);
/* A reload: NULL, or a sentence. Who is connected keeps what he was met with. */
const char *tls_prepare(struct edge *edge);
void tls_commit(struct edge *edge);
void tls_abort(struct edge *edge);
bool tls_takes_link(struct edge *edge, const struct oap_from *whom, int fd);
enum err tls_take_ticket_key(struct edge *edge, const struct oap_ticket_key *msg);
struct tls_material *tls_material_hold(struct tls *tls); /* that in force */
void tls_material_drop(struct tls_material *material);   /* NULL is fine */

/* --- tls_stream.c --- */

enum tls_step { TLS_STEP_DONE, TLS_STEP_AGAIN, TLS_STEP_FAILED };

/* NULL: no memory. The fd stays the caller's. */
struct tls_stream *tls_stream_create(struct tls *tls, int fd);
void tls_stream_destroy(struct tls_stream *stream); /* NULL is fine */

/* Takes the handshake further. FAILED: counted; an alert went out as far as one write goes. */
enum tls_step tls_stream_handshake(struct tls_stream *stream);
bool tls_stream_is_open(const struct tls_stream *stream); /* the handshake is over */
bool tls_stream_wants_write(const struct tls_stream *stream);
/* The handshake goes no further whatever the client sends, until kms is there. */
bool tls_stream_waits(const struct tls_stream *stream);
/* The time of the handshake is up: counted. */
void tls_stream_give_up(struct tls_stream *stream);
/* Somebody spoke HTTP to us, to whom it can be said. */
bool tls_stream_met_http(const struct tls_stream *stream);

/* As recv and send do: -1 with errno EAGAIN when the socket is not ready. */
ssize_t tls_stream_read(struct tls_stream *stream, void *bytes, size_t bytes_max);
ssize_t tls_stream_write(struct tls_stream *stream, const void *bytes, size_t bytes_count);
/* There is more to read, whatever the socket says. */
bool tls_stream_has_more(const struct tls_stream *stream);
void tls_stream_farewell(struct tls_stream *stream);

/* SHA-256 of the client's certificate; NULL: it showed none. */
const struct hash *tls_stream_certificate(const struct tls_stream *stream);

/* The signing function of the credentials. */
int tls_stream_sign(struct tls *tls, const struct hash *key_id, gnutls_sign_algorithm_t algorithm,
	const gnutls_datum_t *wanted, gnutls_datum_t *ret_signature);
/* Their judge of client certificates: 0, or an error of GnuTLS. */
int tls_stream_judge(gnutls_session_t session);

#endif
