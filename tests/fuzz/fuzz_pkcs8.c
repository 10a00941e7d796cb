/* A private key, from its DER on: the PEM around it is made here, so that every byte of the input
 * is one that the parser walks over. */
#include "tls/tls_pkcs8.h"

#include <string.h>

#include "core/base64.h"

#define DER_BYTES_MAX 4096u

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What is accepted is a key: it signs for one scheme of its kind, and for no other. */
static void check_key(const struct tls_key *key)
{
	static const unsigned schemes[] = { TLS_SCHEME_ED25519, TLS_SCHEME_P256_SHA256,
		TLS_SCHEME_P384_SHA384, TLS_SCHEME_RSA_PSS_SHA256 };
	static const uint8_t transcript[32];
	uint8_t signature[TLS_KEY_SIGNATURE_BYTES];
	size_t count = 0;

	assert(key->kind != TLS_KEY_NONE && key->bytes_count <= sizeof key->bytes);
	for (size_t i = 0; i < COUNT_OF(schemes); i++) {
		enum err err = tls_key_sign(
			key, schemes[i], (struct slice){ transcript, 32 }, signature, &count);

		assert(err == (tls_key_can(key->kind, schemes[i]) ? ERR_OK : ERR_MALFORMED));
		assert(err != ERR_OK || (count > 0 && count <= sizeof signature));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static const char begin[] = "-----BEGIN PRIVATE KEY-----\n";
	static const char end[] = "\n-----END PRIVATE KEY-----\n";
	static char text[BASE64_TEXT_BYTES(DER_BYTES_MAX) + sizeof begin + sizeof end];
	struct tls_key key;
	size_t used = sizeof begin - 1;

	if (bytes_count > DER_BYTES_MAX) {
		return 0;
	}
	memcpy(text, begin, used);
	used += base64_encode(bytes, bytes_count, text + used);
	memcpy(text + used, end, sizeof end - 1);
	used += sizeof end - 1;
	if (tls_pkcs8_read((struct slice){ (const uint8_t *)text, used }, &key) == NULL) {
		check_key(&key);
	} else {
		assert(key.kind == TLS_KEY_NONE && key.bytes_count == 0);
	}
	return 0;
}
