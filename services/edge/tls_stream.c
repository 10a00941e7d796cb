/* A connection that speaks TLS. The handshake is driven by the client's turns, like everything
 * else; once it is over, bytes are read and written as on a bare socket. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/log.h"
#include "services/edge/edge.h"

struct tls_stream {
	struct tls *tls;
	struct tls_material *material; /* held */
	gnutls_session_t session;      /* owned */
	struct tls_transcript transcript;
	int fd;
	size_t unread_bytes; /* taken in, and nothing came of them yet */
	bool has_begun, is_open, is_http, has_failed, has_certificate;
	struct hash certificate;
};

/* --- bytes --- */

static ssize_t pull(gnutls_transport_ptr_t context, void *bytes, size_t bytes_max)
{
	struct tls_stream *stream = context;
	size_t room = TLS_UNREAD_BYTES_MAX - stream->unread_bytes;
	ssize_t got;

	if (room == 0) {
		errno = EMSGSIZE;
		return -1;
	}
	got = recv(stream->fd, bytes, bytes_max < room ? bytes_max : room, MSG_DONTWAIT);
	stream->unread_bytes += got > 0 ? (size_t)got : 0;
	return got;
}

static ssize_t push(gnutls_transport_ptr_t context, const void *bytes, size_t bytes_count)
{
	const struct tls_stream *stream = context;

	return send(stream->fd, bytes, bytes_count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t again(void)
{
	errno = EAGAIN;
	return -1;
}

static ssize_t broken(void)
{
	errno = EPIPE;
	return -1;
}

/* A client that closes without farewell is at its end as well: HTTP knows what is whole. */
ssize_t tls_stream_read(struct tls_stream *stream, void *bytes, size_t bytes_max)
{
	ssize_t got;

	do {
		got = gnutls_record_recv(stream->session, bytes, bytes_max);
	} while (got == GNUTLS_E_INTERRUPTED || got == GNUTLS_E_WARNING_ALERT_RECEIVED);
	if (got >= 0) {
		stream->unread_bytes = 0;
		return got;
	}
	if (got == GNUTLS_E_AGAIN) {
		return again();
	}
	return got == GNUTLS_E_PREMATURE_TERMINATION ? 0 : broken();
}

/* A record that did not go out whole lies ready in GnuTLS, which then wants no bytes of ours. */
ssize_t tls_stream_write(struct tls_stream *stream, const void *bytes, size_t bytes_count)
{
	ssize_t sent;

	do {
		sent = gnutls_record_send(stream->session, bytes, bytes_count);
	} while (sent == GNUTLS_E_INTERRUPTED);
	if (sent >= 0) {
		return sent;
	}
	return sent == GNUTLS_E_AGAIN ? again() : broken();
}

bool tls_stream_has_more(const struct tls_stream *stream)
{
	return stream->is_open && gnutls_record_check_pending(stream->session) > 0;
}

void tls_stream_farewell(struct tls_stream *stream)
{
	if (stream->is_open && !stream->has_failed) {
		(void)gnutls_bye(stream->session, GNUTLS_SHUT_WR);
	}
}

/* --- life --- */

static int on_message(gnutls_session_t session, unsigned type, unsigned when, unsigned incoming,
	const gnutls_datum_t *message)
{
	struct tls_stream *stream = gnutls_session_get_ptr(session);

	(void)when;
	(void)incoming;
	if (!stream->is_open) {
		tls_transcript_add(&stream->transcript, type, message);
	}
	return 0;
}

static bool set_up(struct tls_stream *stream)
{
	static const gnutls_datum_t http = { (unsigned char *)(uintptr_t) "http/1.1", 8 };
	const struct tls *tls = stream->tls;
	gnutls_datum_t ticket_key = { (unsigned char *)(uintptr_t)tls->ticket_key,
		sizeof tls->ticket_key };
	gnutls_session_t session = stream->session;

	gnutls_session_set_ptr(session, stream);
	gnutls_transport_set_ptr(session, stream);
	gnutls_transport_set_pull_function(session, pull);
	gnutls_transport_set_push_function(session, push);
	gnutls_handshake_set_hook_function(
		session, GNUTLS_HANDSHAKE_ANY, GNUTLS_HOOK_PRE, on_message);
	if (stream->material->has_roots) {
		gnutls_certificate_server_set_request(session,
			tls->demands_certificate ? GNUTLS_CERT_REQUIRE : GNUTLS_CERT_REQUEST);
	}
	gnutls_db_set_cache_expiration(session, TLS_TICKET_LIFE_S);
	return gnutls_priority_set(session, tls->priority) >= 0 &&
	       gnutls_credentials_set(
		       session, GNUTLS_CRD_CERTIFICATE, stream->material->credentials) >= 0 &&
	       gnutls_alpn_set_protocols(session, &http, 1, GNUTLS_ALPN_MANDATORY) >= 0 &&
	       (!tls->has_ticket_key ||
		       gnutls_session_ticket_enable_server(session, &ticket_key) >= 0);
}

struct tls_stream *tls_stream_create(struct tls *tls, int fd)
{
	unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;
	struct tls_stream *stream = calloc(1, sizeof *stream);

	if (stream == NULL) {
		return NULL;
	}
	stream->tls = tls;
	stream->fd = fd;
	stream->material = tls_material_hold(tls);
	tls_transcript_begin(&stream->transcript);
	if (gnutls_init(&stream->session, tls->has_ticket_key ? flags : flags | GNUTLS_NO_TICKETS) <
			0 ||
		!set_up(stream)) {
		tls_stream_destroy(stream);
		return NULL;
	}
	return stream;
}

void tls_stream_destroy(struct tls_stream *stream)
{
	if (stream == NULL) {
		return;
	}
	if (stream->session != NULL) {
		gnutls_deinit(stream->session);
	}
	tls_material_drop(stream->material);
	free(stream);
}

bool tls_stream_is_open(const struct tls_stream *stream)
{
	return stream->is_open;
}

bool tls_stream_waits(const struct tls_stream *stream)
{
	return !stream->is_open && !tls_signer_is_free(&stream->tls->signer);
}

bool tls_stream_wants_write(const struct tls_stream *stream)
{
	return !stream->is_open && stream->has_begun && !stream->has_failed &&
	       gnutls_record_get_direction(stream->session) == 1;
}

bool tls_stream_met_http(const struct tls_stream *stream)
{
	return stream->is_http;
}

const struct hash *tls_stream_certificate(const struct tls_stream *stream)
{
	return stream->has_certificate ? &stream->certificate : NULL;
}

/* --- signing --- */

/* Of those that the priority has; 0: none of ours. */
static unsigned scheme_of(gnutls_sign_algorithm_t algorithm)
{
	static const struct {
		gnutls_sign_algorithm_t algorithm;
		unsigned scheme;
	} rows[] = {
		{ GNUTLS_SIGN_EDDSA_ED25519, TLS_SCHEME_ED25519 },
		{ GNUTLS_SIGN_ECDSA_SECP256R1_SHA256, TLS_SCHEME_P256_SHA256 },
		{ GNUTLS_SIGN_ECDSA_SECP384R1_SHA384, TLS_SCHEME_P384_SHA384 },
		{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA256, TLS_SCHEME_RSA_PSS_SHA256 },
		{ GNUTLS_SIGN_RSA_PSS_RSAE_SHA384, TLS_SCHEME_RSA_PSS_SHA384 },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (rows[i].algorithm == algorithm) {
			return rows[i].scheme;
		}
	}
	return 0;
}

int tls_stream_sign(struct tls *tls, const struct hash *key_id, gnutls_sign_algorithm_t algorithm,
	const gnutls_datum_t *wanted, gnutls_datum_t *ret_signature)
{
	const struct tls_stream *stream = tls->turning;
	unsigned scheme = scheme_of(algorithm);
	uint8_t transcript[TLS_CONTENT_TRANSCRIPT_MAX];
	struct oap_sign_tls ask = {
		.key = *key_id,
		.scheme = (uint16_t)scheme,
		.transcript = { transcript, 0 },
	};
	struct slice signature = { NULL, 0 };
	enum err err = ERR_MALFORMED;

	if (stream != NULL && scheme != 0 &&
		tls_transcript_is_of(&stream->transcript,
			gnutls_cipher_get(stream->session) == GNUTLS_CIPHER_AES_256_GCM, scheme,
			(struct slice){ wanted->data, wanted->size }, transcript,
			&ask.transcript.bytes_count)) {
		err = tls_signer_sign(&tls->signer, &ask, &signature);
	}
	if (err != ERR_OK) {
		log_event(LOG_TLS_UNSIGNED, &(struct log_fields){ .fault = err });
		return GNUTLS_E_PK_SIGN_FAILED;
	}
	ret_signature->data = gnutls_malloc(signature.bytes_count);
	if (ret_signature->data == NULL) {
		return GNUTLS_E_MEMORY_ERROR;
	}
	memcpy(ret_signature->data, signature.bytes, signature.bytes_count);
	ret_signature->size = (unsigned)signature.bytes_count;
	return 0;
}

/* --- the client's certificate --- */

int tls_stream_judge(gnutls_session_t session)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)(uintptr_t)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	unsigned status = 0, count = 0;

	if (gnutls_certificate_get_peers(session, &count) == NULL || count == 0) {
		return 0; /* whether there must be one, GnuTLS knows */
	}
	if (gnutls_certificate_verify_peers(session, &purpose, 1, &status) < 0 || status != 0) {
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	return 0;
}

/* Again for a session that was resumed: its certificate may have ended since, or its authority be
 * one no longer. */
static int know_client(struct tls_stream *stream)
{
	unsigned count = 0;
	const gnutls_datum_t *certificates = gnutls_certificate_get_peers(stream->session, &count);
	size_t bytes_count = HASH_BYTES;

	if (!stream->material->has_roots) {
		return 0;
	}
	if (count == 0) {
		return stream->tls->demands_certificate ? GNUTLS_E_CERTIFICATE_REQUIRED : 0;
	}
	if (gnutls_session_is_resumed(stream->session) != 0 &&
		tls_stream_judge(stream->session) != 0) {
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	if (gnutls_fingerprint(GNUTLS_DIG_SHA256, &certificates[0], stream->certificate.bytes,
		    &bytes_count) < 0) {
		return GNUTLS_E_CERTIFICATE_ERROR;
	}
	stream->has_certificate = true;
	return 0;
}

/* --- the handshake --- */

static enum metric_tls failure_of(int code)
{
	switch (code) {
	case GNUTLS_E_UNSUPPORTED_VERSION_PACKET:
		return METRIC_TLS_VERSION;
	case GNUTLS_E_NO_CIPHER_SUITES:
	case GNUTLS_E_NO_COMMON_KEY_SHARE:
	case GNUTLS_E_UNWANTED_ALGORITHM:
	case GNUTLS_E_UNSUPPORTED_SIGNATURE_ALGORITHM:
	case GNUTLS_E_INSUFFICIENT_CREDENTIALS:
	case GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER:
	case GNUTLS_E_NO_APPLICATION_PROTOCOL:
		return METRIC_TLS_NOTHING_COMMON;
	case GNUTLS_E_CERTIFICATE_REQUIRED:
	case GNUTLS_E_NO_CERTIFICATE_FOUND:
		return METRIC_TLS_NO_CERTIFICATE;
	case GNUTLS_E_CERTIFICATE_ERROR:
	case GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR:
		return METRIC_TLS_BAD_CERTIFICATE;
	case GNUTLS_E_PREMATURE_TERMINATION:
	case GNUTLS_E_PULL_ERROR:
	case GNUTLS_E_PUSH_ERROR:
		return METRIC_TLS_LEFT;
	case GNUTLS_E_FATAL_ALERT_RECEIVED:
		return METRIC_TLS_REFUSED_US;
	case GNUTLS_E_PK_SIGN_FAILED:
		return METRIC_TLS_SIGNER;
	default:
		return METRIC_TLS_OTHER;
	}
}

static void count_failure(struct tls_stream *stream, enum metric_tls failure)
{
	stream->has_failed = true;
	metrics_inc(METRIC_TLS_HANDSHAKES, failure);
	metrics_inc(METRIC_TLS_HANDSHAKE_FAILURES, METRIC_PLAIN);
	if (failure == METRIC_TLS_NOTHING_COMMON && stream->tls->pq != TLS_PQ_OFF) {
		metrics_inc(METRIC_PQ_HANDSHAKE_FAILURES, METRIC_KEX_FAILURE_NO_COMMON_ALGO);
	}
}

static enum tls_step fail(struct tls_stream *stream, int code)
{
	bool is_too_long = stream->unread_bytes == TLS_UNREAD_BYTES_MAX;
	enum metric_tls failure = is_too_long ? METRIC_TLS_OTHER : failure_of(code);

	count_failure(stream, failure);
	if (failure == METRIC_TLS_NO_CERTIFICATE || failure == METRIC_TLS_BAD_CERTIFICATE) {
		metrics_inc(METRIC_AUTH_FAILURES, METRIC_PEER_MTLS);
	}
	log_event(LOG_TLS_FAILED,
		&(struct log_fields){ .text = is_too_long ? "the handshake is too long"
							  : gnutls_strerror(code) });
	(void)gnutls_alert_send_appropriate(stream->session, code);
	return TLS_STEP_FAILED;
}

static void count_group(const struct tls_stream *stream)
{
	gnutls_group_t group = gnutls_group_get(stream->session);
	const char *name = gnutls_group_get_name(group);
	bool is_hybrid = name != NULL && strcmp(name, TLS_CHAIN_PQ_GROUP) == 0;

	if (is_hybrid || group == GNUTLS_GROUP_X25519) {
		metrics_inc(METRIC_PQ_HANDSHAKE,
			metrics_label_kex(is_hybrid ? METRIC_KEX_HYBRID : METRIC_KEX_X25519,
				METRIC_SIDE_SERVER));
	}
	if (!is_hybrid && stream->tls->pq != TLS_PQ_OFF) {
		metrics_inc(METRIC_PQ_DOWNGRADE_DETECTED, METRIC_PLAIN);
	}
}

static enum tls_step finish(struct tls_stream *stream)
{
	int code = know_client(stream);

	stream->is_open = true;
	stream->unread_bytes = 0;
	if (code != 0) {
		return fail(stream, code);
	}
	metrics_inc(METRIC_TLS_HANDSHAKES, gnutls_session_is_resumed(stream->session) != 0
						   ? METRIC_TLS_RESUMED
						   : METRIC_TLS_FULL);
	count_group(stream);
	return TLS_STEP_DONE;
}

/* The first byte of TLS is 22; of HTTP it is a letter. */
static bool meets_http(struct tls_stream *stream)
{
	uint8_t first = 0;

	if (!stream->has_begun && recv(stream->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT) == 1) {
		stream->has_begun = true;
		stream->is_http = first >= 'A' && first <= 'Z';
	}
	return stream->is_http;
}

/* While nobody can sign, which a restart of kms makes a moment, clients wait: their time ends it.
 */
enum tls_step tls_stream_handshake(struct tls_stream *stream)
{
	struct tls *tls = stream->tls;
	int code;

	assert(!stream->is_open && !stream->has_failed);
	if (tls_stream_waits(stream)) {
		return TLS_STEP_AGAIN;
	}
	if (meets_http(stream)) {
		count_failure(stream, METRIC_TLS_NOT_TLS);
		return TLS_STEP_FAILED;
	}
	tls->turning = stream;
	do {
		code = gnutls_handshake(stream->session);
	} while (code == GNUTLS_E_INTERRUPTED || code == GNUTLS_E_WARNING_ALERT_RECEIVED ||
		 code == GNUTLS_E_GOT_APPLICATION_DATA);
	tls->turning = NULL;
	if (code == GNUTLS_E_AGAIN) {
		return TLS_STEP_AGAIN;
	}
	return code < 0 ? fail(stream, code) : finish(stream);
}

void tls_stream_give_up(struct tls_stream *stream)
{
	count_failure(stream, METRIC_TLS_LATE);
	metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_HANDSHAKE);
}
