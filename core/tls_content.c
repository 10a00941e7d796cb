#include "core/tls_content.h"

#include <assert.h>
#include <string.h>

#define BLANKS 64u

static const char sentence[] = "TLS 1.3, server CertificateVerify"; /* its NUL is signed, too */
_Static_assert(BLANKS + sizeof sentence + TLS_CONTENT_TRANSCRIPT_MAX == TLS_CONTENT_BYTES_MAX, "");

size_t tls_content_build(struct slice transcript, uint8_t ret_content[TLS_CONTENT_BYTES_MAX])
{
	assert(transcript.bytes_count == 32 || transcript.bytes_count == 48);
	memset(ret_content, ' ', BLANKS);
	memcpy(ret_content + BLANKS, sentence, sizeof sentence);
	memcpy(ret_content + BLANKS + sizeof sentence, transcript.bytes, transcript.bytes_count);
	return BLANKS + sizeof sentence + transcript.bytes_count;
}
