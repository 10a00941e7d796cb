#ifndef STORE_SCHEMA_H
#define STORE_SCHEMA_H

#include <stdint.h>

#include "common/types.h"
#include "core/merkle.h"

/* What is in ledger.db, shared by the writer and the reader. */

#define SCHEMA_VERSION          1u
#define SCHEMA_ORIGIN_BYTES_MAX 128u
#define SCHEMA_DATABASE         "ledger.db"

#define FINGERPRINT_KEY_BYTES 16u

/* Fingerprints of 4096 consecutive entries are one row: block b holds seqs
 * b * 4096 + 1 ... (b + 1) * 4096, each as u64 of the key and u64 of the id. */
#define FINGERPRINT_BLOCK_ENTRIES 4096u
#define FINGERPRINT_BYTES         16u

struct schema_meta {
	uint32_t version;
	enum merkle_hash hash;
	uint64_t fence; /* a boot counter */
	int64_t born_unix_ms;
	uint8_t fingerprint_key[FINGERPRINT_KEY_BYTES];
	char origin[SCHEMA_ORIGIN_BYTES_MAX + 1];
};

/* State of the sequencer that is written in place: key -> (seq, record).
 * Record bytes are those of core/; the store never looks inside. */
#define SCHEMA_STATE_TABLES(T) \
	T(ACCOUNTS, accounts)  \
	T(CHUNKS, chunks)      \
	T(CLAIMS, claims)      \
	T(COUNTERS, counters)

enum schema_table {
#define AS_ENUM(NAME, name) SCHEMA_##NAME,
	SCHEMA_STATE_TABLES(AS_ENUM)
#undef AS_ENUM
		SCHEMA_TABLE_COUNT
};

#endif
