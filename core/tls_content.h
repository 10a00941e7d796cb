#ifndef CORE_TLS_CONTENT_H
#define CORE_TLS_CONTENT_H

/* What a TLS 1.3 server signs in its CertificateVerify (RFC 8446 section 4.4.3): 64 blanks, a
 * sentence with its NUL, and the hash of the handshake so far. kms builds it to sign it, the edge
 * to see that this is what is wanted. */

#include "common/check.h"
#include "common/slice.h"

#define TLS_CONTENT_TRANSCRIPT_MAX 48u /* SHA-384 */
#define TLS_CONTENT_BYTES_MAX      (64u + 34u + TLS_CONTENT_TRANSCRIPT_MAX)

/* transcript: 32 or 48 bytes. Returns how many bytes. */
size_t tls_content_build(struct slice transcript, uint8_t ret_content[TLS_CONTENT_BYTES_MAX]);

#endif
