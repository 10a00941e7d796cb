/* The transcript of a handshake (RFC 8446 section 4.4.1), followed from outside of GnuTLS: it tells
 * of each message, and asks for a signature of what it made of them. So kms can be told the hash
 * alone, and a mistake of ours shows here, where it is compared, as a handshake that fails. */
#include <string.h>

#include "services/edge/tls.h"

#define HEAD_BYTES        4u
#define TYPE_SERVER_HELLO 2u
#define TYPE_MESSAGE_HASH 254u /* stands for the first ClientHello before a HelloRetryRequest */

void tls_transcript_begin(struct tls_transcript *transcript)
{
	sha256_init(&transcript->sha256);
	sha384_init(&transcript->sha384);
}

static void add(struct tls_transcript *transcript, const void *bytes, size_t bytes_count)
{
	sha256_update(&transcript->sha256, bytes_count, bytes);
	sha384_update(&transcript->sha384, bytes_count, bytes);
}

static void fold_first_hello(struct tls_transcript *transcript)
{
	uint8_t head[HEAD_BYTES] = { TYPE_MESSAGE_HASH, 0, 0, SHA256_DIGEST_SIZE };
	uint8_t digest[SHA384_DIGEST_SIZE];

	sha256_digest(&transcript->sha256, SHA256_DIGEST_SIZE, digest); /* begins anew, too */
	sha256_update(&transcript->sha256, sizeof head, head);
	sha256_update(&transcript->sha256, SHA256_DIGEST_SIZE, digest);
	head[3] = SHA384_DIGEST_SIZE;
	sha384_digest(&transcript->sha384, SHA384_DIGEST_SIZE, digest);
	sha384_update(&transcript->sha384, sizeof head, head);
	sha384_update(&transcript->sha384, SHA384_DIGEST_SIZE, digest);
}

void tls_transcript_add(
	struct tls_transcript *transcript, unsigned type, const gnutls_datum_t *message)
{
	bool is_retry = type == GNUTLS_HANDSHAKE_HELLO_RETRY_REQUEST;
	uint8_t head[HEAD_BYTES] = { (uint8_t)(is_retry ? TYPE_SERVER_HELLO : type),
		(uint8_t)(message->size >> 16), (uint8_t)(message->size >> 8),
		(uint8_t)message->size };

	if (is_retry) {
		fold_first_hello(transcript);
	}
	add(transcript, head, sizeof head);
	add(transcript, message->data, message->size);
}

static size_t hash_so_far(const struct tls_transcript *transcript, bool is_sha384,
	uint8_t ret_hash[TLS_CONTENT_TRANSCRIPT_MAX])
{
	struct tls_transcript copy = *transcript;

	if (is_sha384) {
		sha384_digest(&copy.sha384, SHA384_DIGEST_SIZE, ret_hash);
		return SHA384_DIGEST_SIZE;
	}
	sha256_digest(&copy.sha256, SHA256_DIGEST_SIZE, ret_hash);
	return SHA256_DIGEST_SIZE;
}

bool tls_transcript_is_of(const struct tls_transcript *transcript, bool is_sha384, unsigned scheme,
	struct slice wanted, uint8_t ret_hash[TLS_CONTENT_TRANSCRIPT_MAX], size_t *ret_bytes)
{
	uint8_t content_bytes[TLS_CONTENT_BYTES_MAX], digest[SHA384_DIGEST_SIZE];
	struct slice ours = { content_bytes, 0 };
	struct tls_transcript hash;

	*ret_bytes = hash_so_far(transcript, is_sha384, ret_hash);
	ours.bytes_count = tls_content_build((struct slice){ ret_hash, *ret_bytes }, content_bytes);
	if (scheme != TLS_SCHEME_ED25519) {
		tls_transcript_begin(&hash);
		add(&hash, ours.bytes, ours.bytes_count);
		ours = (struct slice){ digest, hash_so_far(&hash,
						       scheme == TLS_SCHEME_P384_SHA384 ||
							       scheme == TLS_SCHEME_RSA_PSS_SHA384,
						       digest) };
	}
	return ours.bytes_count == wanted.bytes_count &&
	       memcmp(ours.bytes, wanted.bytes, ours.bytes_count) == 0;
}
