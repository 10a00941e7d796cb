#ifndef COMMON_ED25519_H
#define COMMON_ED25519_H

/* Verifying Ed25519 signatures (RFC 8032) with nettle's hogweed, in programs that hold no secret
 * and need no libsodium. Only who depends on ed25519_dep links it. */

#include <stdbool.h>

#include "common/check.h"
#include "common/slice.h"

#define ED25519_PUBLIC_KEY_BYTES 32u
#define ED25519_SIGNATURE_BYTES  64u

/* Any bytes may be given. */
MUST_CHECK bool ed25519_verify(const uint8_t public_key[ED25519_PUBLIC_KEY_BYTES],
	struct slice message, const uint8_t signature[ED25519_SIGNATURE_BYTES]);

#endif
