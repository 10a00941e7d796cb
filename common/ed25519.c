#include "common/ed25519.h"

#include <nettle/eddsa.h>

_Static_assert(ED25519_PUBLIC_KEY_BYTES == ED25519_KEY_SIZE, "RFC 8032");
_Static_assert(ED25519_SIGNATURE_BYTES == ED25519_SIGNATURE_SIZE, "RFC 8032");

bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_KEY_BYTES], struct slice message,
	const uint8_t signature[ED25519_SIGNATURE_BYTES])
{
	return ed25519_sha512_verify(public_key, message.bytes_count, message.bytes, signature) ==
	       1;
}
