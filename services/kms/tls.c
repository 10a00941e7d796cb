#include "services/kms/tls.h"

#include <sodium.h>
#include <string.h>

#include "services/kms/keys.h"

_Static_assert(TLS_KEY_SIGNATURE_BYTES <= VERB_TLS_SIGNATURE_BYTES, "a signature fits its frame");

/* NULL, or a sentence's end; then *ret_key is none. */
static const char *read_key(struct tls *tls, int fd, struct tls_key *ret_key)
{
	struct tls_secret *secret = tls->secret;
	size_t bytes_count = 0;
	const char *why = "it cannot be read";

	if (fd >= 0 && worker_read_fd(fd, secret->file, sizeof secret->file, &bytes_count)) {
		why = tls_pkcs8_read((struct slice){ secret->file, bytes_count }, ret_key);
	}
	sodium_memzero(secret->file, sizeof secret->file);
	return why;
}

static void draw_ticket_keys(struct tls *tls)
{
	randombytes_buf(tls->secret->ticket_keys, sizeof tls->secret->ticket_keys);
}

void tls_open(struct tls *tls, struct worker *worker)
{
	const char *why;

	tls->worker = worker;
	if (!worker->config.tls_enabled) {
		return;
	}
	tls_key_wipe_numbers();
	tls->secret = keys_locked_alloc(worker, sizeof *tls->secret);
	why = read_key(tls, worker_fd(worker, SETUP_FD_TLS_KEY, 0), &tls->secret->now);
	if (why != NULL) {
		worker_fail(worker, "tls.key_path: %s", why);
	}
	draw_ticket_keys(tls);
}

const char *tls_prepare(struct tls *tls)
{
	const char *why;

	if (tls->secret == NULL) {
		return NULL;
	}
	why = read_key(tls, worker_reload_fd(tls->worker, SETUP_FD_TLS_KEY), &tls->secret->staged);
	return why == NULL ? NULL : "tls.key_path: it is no key that this node can use";
}

/* A reload that brings the same key leaves the one before it, too: edges may still show its
 * certificate. */
void tls_commit(struct tls *tls)
{
	struct tls_secret *secret = tls->secret;

	if (secret == NULL) {
		return;
	}
	if (memcmp(&secret->staged.id, &secret->now.id, sizeof secret->now.id) != 0) {
		secret->before = secret->now;
		secret->now = secret->staged;
	}
	tls_abort(tls);
	draw_ticket_keys(tls);
}

void tls_abort(struct tls *tls)
{
	if (tls->secret != NULL) {
		sodium_memzero(&tls->secret->staged, sizeof tls->secret->staged);
	}
}

static bool is_it(const struct tls_key *key, const struct hash *id)
{
	return key->kind != TLS_KEY_NONE && memcmp(&key->id, id, sizeof *id) == 0;
}

static const struct tls_key *find(const struct tls *tls, const struct hash *id)
{
	const struct tls_secret *secret = tls->secret;

	if (secret == NULL) {
		return NULL;
	}
	if (is_it(&secret->now, id)) {
		return &secret->now;
	}
	if (is_it(&secret->before, id)) {
		return &secret->before;
	}
	return is_it(&secret->staged, id) ? &secret->staged : NULL;
}

enum err tls_sign(struct tls *tls, const struct oap_sign_tls *ask, struct slice *ret_signature)
{
	const struct tls_key *key = find(tls, &ask->key);
	size_t bytes_count = 0;
	enum err err;

	if (key == NULL) {
		return ERR_STALE;
	}
	err = tls_key_sign(key, ask->scheme, ask->transcript, tls->signature, &bytes_count);
	*ret_signature = (struct slice){ tls->signature, bytes_count };
	return err;
}

struct slice tls_ticket_key(const struct tls *tls, enum tls_plane plane)
{
	return tls->secret == NULL ? (struct slice){ NULL, 0 }
				   : (struct slice){ tls->secret->ticket_keys[plane],
					     sizeof tls->secret->ticket_keys[plane] };
}
