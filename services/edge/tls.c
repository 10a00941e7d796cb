/* The files of TLS, and what of them is in force. */
#include "services/edge/tls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "services/edge/edge.h"

/* --- the key, which is elsewhere --- */

static int sign(gnutls_privkey_t key, gnutls_sign_algorithm_t algorithm, void *context,
	unsigned flags, const gnutls_datum_t *wanted, gnutls_datum_t *ret_signature)
{
	struct tls_material *material = context;

	(void)key;
	(void)flags;
	return tls_stream_sign(material->tls, &material->key_id, algorithm, wanted, ret_signature);
}

static int tell_about_key(gnutls_privkey_t key, unsigned flags, void *context)
{
	static const gnutls_pk_algorithm_t algorithms[] = {
		[TLS_KEY_NONE] = GNUTLS_PK_UNKNOWN,
		[TLS_KEY_ED25519] = GNUTLS_PK_EDDSA_ED25519,
		[TLS_KEY_P256] = GNUTLS_PK_ECDSA,
		[TLS_KEY_P384] = GNUTLS_PK_ECDSA,
		[TLS_KEY_RSA] = GNUTLS_PK_RSA,
	};
	const struct tls_material *material = context;
	gnutls_pk_algorithm_t algorithm = algorithms[material->kind];

	(void)key;
	if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO) != 0) {
		return (int)algorithm;
	}
	if ((flags & GNUTLS_PRIVKEY_INFO_PK_ALGO_BITS) != 0) {
		return (int)material->bits;
	}
	if ((flags & GNUTLS_PRIVKEY_INFO_HAVE_SIGN_ALGO) != 0) {
		return gnutls_sign_supports_pk_algorithm(
			       GNUTLS_FLAGS_TO_SIGN_ALGO(flags), algorithm) != 0;
	}
	return -1;
}

/* --- the files --- */

/* NULL: there is no such file, or (errno) it cannot be read. */
static uint8_t *read_file(int fd, size_t bytes_max, struct slice *ret_text)
{
	uint8_t *bytes = fd < 0 ? NULL : malloc(bytes_max + 1);
	size_t bytes_count = 0;

	*ret_text = (struct slice){ NULL, 0 };
	if (bytes != NULL && !worker_read_fd(fd, bytes, bytes_max + 1, &bytes_count)) {
		free(bytes);
		bytes = NULL;
	}
	if (bytes != NULL) {
		*ret_text = (struct slice){ bytes, bytes_count };
	}
	return bytes;
}

static gnutls_datum_t datum_of(struct slice bytes)
{
	return (gnutls_datum_t){ (unsigned char *)(uintptr_t)bytes.bytes,
		(unsigned)bytes.bytes_count };
}

/* GnuTLS copies the list, and takes over what it points to and the key. */
static bool set_chain(struct tls_material *material, const struct tls_chain *chain)
{
	gnutls_pcert_st list[TLS_CHAIN_CERTIFICATES_MAX] = { 0 };
	gnutls_privkey_t key = NULL;

	if (gnutls_privkey_init(&key) < 0 || gnutls_privkey_import_ext4(key, material, sign, sign,
						     NULL, NULL, tell_about_key, 0) < 0) {
		return false; /* the process has no memory: it will not live to lose more */
	}
	for (unsigned i = 0; i < chain->count; i++) {
		if (gnutls_pcert_import_x509(&list[i], chain->certificates[i], 0) < 0) {
			return false;
		}
	}
	/* that they fit was seen where the key is: mn-tls-check, and by kms with each signature */
	gnutls_certificate_set_flags(material->credentials, GNUTLS_CERTIFICATE_SKIP_KEY_CERT_MATCH);
	return gnutls_certificate_set_key(
		       material->credentials, NULL, 0, list, (int)chain->count, key) >= 0;
}

static const char *fill_chain(struct tls_material *material, int fd)
{
	struct tls_chain chain;
	struct slice pem;
	uint8_t *bytes = read_file(fd, TLS_CHAIN_FILE_BYTES_MAX, &pem);
	const char *why =
		bytes == NULL ? "tls.cert_path: it cannot be read" : tls_chain_read(pem, &chain);

	free(bytes);
	if (why != NULL) {
		return why;
	}
	material->key_id = chain.key_id;
	material->kind = chain.kind;
	material->bits = chain.bits;
	why = set_chain(material, &chain) ? NULL : "tls.cert_path: it cannot be used";
	tls_chain_free(&chain);
	return why;
}

static const char *fill_roots(struct tls_material *material, int fd)
{
	struct slice pem;
	uint8_t *bytes = read_file(fd, TLS_CHAIN_ROOTS_BYTES_MAX, &pem);
	gnutls_datum_t datum = datum_of(pem);
	int code;

	if (fd < 0) {
		return NULL;
	}
	code = bytes == NULL ? -1
			     : gnutls_certificate_set_x509_trust_mem(
				       material->credentials, &datum, GNUTLS_X509_FMT_PEM);
	free(bytes);
	gnutls_certificate_set_verify_function(material->credentials, tls_stream_judge);
	material->has_roots = true;
	return code > 0 ? NULL : "tls.client_ca_path: no certificates in it can be used";
}

static const char *fill_ocsp(struct tls_material *material, int fd)
{
	struct slice der;
	uint8_t *bytes = read_file(fd, TLS_CHAIN_OCSP_BYTES_MAX, &der);
	gnutls_datum_t datum = datum_of(der);
	int code;

	if (fd < 0) {
		return NULL;
	}
	code = bytes == NULL ? -1
			     : gnutls_certificate_set_ocsp_status_request_mem(
				       material->credentials, &datum, 0, GNUTLS_X509_FMT_DER);
	free(bytes);
	return code >= 0 ? NULL : "tls.ocsp_path: it is no response about the certificate";
}

static const char *make_material(struct tls *tls, int chain_fd, int roots_fd, int ocsp_fd,
	struct tls_material **ret_material)
{
	struct tls_material *material = calloc(1, sizeof *material);
	const char *why;

	if (material == NULL ||
		gnutls_certificate_allocate_credentials(&material->credentials) < 0) {
		free(material);
		return "there is no memory for certificates";
	}
	material->tls = tls;
	material->users = 1;
	why = fill_chain(material, chain_fd);
	if (why == NULL) {
		why = fill_roots(material, roots_fd);
	}
	if (why == NULL) {
		why = fill_ocsp(material, ocsp_fd);
	}
	if (why != NULL) {
		tls_material_drop(material);
		return why;
	}
	*ret_material = material;
	return NULL;
}

void tls_material_drop(struct tls_material *material)
{
	if (material == NULL || --material->users > 0) {
		return;
	}
	gnutls_certificate_free_credentials(material->credentials);
	free(material);
}

struct tls_material *tls_material_hold(struct tls *tls)
{
	tls->current->users++;
	return tls->current;
}

/* --- the start --- */

static bool speaks_tls(const struct edge *edge)
{
	const struct config *config = &edge->worker->config;
	unsigned other = edge->plane == PLANE_ADMIN ? CONFIG_TLS_API : CONFIG_TLS_ADMIN;

	return config->tls_enabled && config->tls_listeners != other;
}

/* The admin plane is for whoever the operator knows; the API asks, and demands if it is told to. */
static void take_config(struct tls *tls)
{
	const struct edge *edge = tls->edge;

	tls->demands_certificate =
		edge->plane == PLANE_ADMIN || edge->worker->config.tls_mtls_required;
}

void tls_open(struct edge *edge)
{
	struct worker *worker = edge->worker;
	const char *why;
	struct tls *tls;

	if (!speaks_tls(edge)) {
		return;
	}
	tls = calloc(1, sizeof *tls);
	if (tls == NULL) {
		worker_fail(worker, "there is no memory for TLS");
	}
	tls->edge = edge;
	tls->signer = (struct tls_signer){ .edge = edge, .fd = -1 };
	tls->pq = (enum tls_pq)worker->config.pq_mode;
	tls->priority = tls_chain_priority(tls->pq);
	if (tls->priority == NULL) {
		worker_fail(worker, "pq.mode: this GnuTLS (%s) has no group " TLS_CHAIN_PQ_GROUP,
			gnutls_check_version(NULL));
	}
	why = make_material(tls, worker_fd(worker, SETUP_FD_TLS_CHAIN, 0),
		worker_fd(worker, SETUP_FD_TLS_ROOTS, 0), worker_fd(worker, SETUP_FD_TLS_OCSP, 0),
		&tls->current);
	if (why != NULL) {
		worker_fail(worker, "%s", why);
	}
	take_config(tls);
	edge->tls = tls;
}

/* --- a reload --- */

const char *tls_prepare(struct edge *edge)
{
	const struct worker *worker = edge->worker;
	struct tls *tls = edge->tls;

	if (tls == NULL) {
		return NULL;
	}
	assert(tls->staged == NULL); /* worker_reload.c: one at a time */
	return make_material(tls, worker_reload_fd(worker, SETUP_FD_TLS_CHAIN),
		worker_reload_fd(worker, SETUP_FD_TLS_ROOTS),
		worker_reload_fd(worker, SETUP_FD_TLS_OCSP), &tls->staged);
}

void tls_commit(struct edge *edge)
{
	struct tls *tls = edge->tls;

	if (tls == NULL) {
		return;
	}
	tls_material_drop(tls->current);
	tls->current = tls->staged;
	tls->staged = NULL;
	take_config(tls);
}

void tls_abort(struct edge *edge)
{
	if (edge->tls != NULL) {
		tls_material_drop(edge->tls->staged);
		edge->tls->staged = NULL;
	}
}

/* --- kms --- */

/* Without TLS nobody reads it, and nothing is said on it. */
bool tls_takes_link(struct edge *edge, const struct oap_from *whom, int fd)
{
	if (whom->process != PROCESS_KMS) {
		return false;
	}
	if (edge->tls == NULL) {
		close(fd);
	} else {
		tls_signer_link(&edge->tls->signer, whom, fd);
	}
	return true;
}

enum err tls_take_ticket_key(struct edge *edge, const struct oap_ticket_key *msg)
{
	struct tls *tls = edge->tls;

	if (tls == NULL || msg->key.bytes_count != sizeof tls->ticket_key) {
		return ERR_MALFORMED;
	}
	memcpy(tls->ticket_key, msg->key.bytes, sizeof tls->ticket_key);
	tls->has_ticket_key = true;
	return ERR_OK;
}
