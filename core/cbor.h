#ifndef CORE_CBOR_H
#define CORE_CBOR_H

/* The part of DAG-CBOR (RFC 8949, one spelling of each value) that our own documents are made of:
 * unsigned numbers, texts, arrays and maps of known length. Heads have their shortest form; no
 * floats, tags, byte strings, negative numbers or lengths left open. Failure is sticky, as in
 * core/bytes.h. */

#include "core/bytes.h"

enum cbor_major {
	CBOR_UINT = 0,
	CBOR_TEXT = 3,
	CBOR_ARRAY = 4,
	CBOR_MAP = 5,
};

/* The number, or how many bytes, elements or pairs follow; above count_max is a failure. */
uint64_t cbor_get(struct byte_reader *in, enum cbor_major major, uint64_t count_max);
/* UTF-8 of at most bytes_max; borrowed. */
struct slice cbor_get_text(struct byte_reader *in, size_t bytes_max);
/* False, and nothing read, when the next text is another one. */
bool cbor_get_key(struct byte_reader *in, const char *key);

void cbor_put(struct byte_writer *out, enum cbor_major major, uint64_t count);
void cbor_put_text(struct byte_writer *out, struct slice text);
void cbor_put_key(struct byte_writer *out, const char *key);

#endif
