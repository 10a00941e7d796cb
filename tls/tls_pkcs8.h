#ifndef TLS_TLS_PKCS8_H
#define TLS_TLS_PKCS8_H

/* A private key as openssl, certtool and ACME clients write it: PEM around PKCS#8, not encrypted.
 * Strict: one such block, nothing of DER behind what the form has. */

#include "tls/tls_key.h"

/* The largest, RSA with 4096 bits, takes 3.3 KiB; comments may stand before it. */
#define TLS_PKCS8_FILE_BYTES_MAX 16384u

/* NULL: *ret_key is whole. Else a sentence's end that says what was expected. What was decoded on
 * the way is wiped; `text` is the caller's to wipe. */
MUST_CHECK const char *tls_pkcs8_read(struct slice text, struct tls_key *ret_key);

#endif
