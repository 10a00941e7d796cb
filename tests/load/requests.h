#ifndef TESTS_LOAD_REQUESTS_H
#define TESTS_LOAD_REQUESTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

/* What the load client says outside of /v1. An entry follows from (seed, number) and its ts alone,
 * so that whoever has the journal of the acknowledged numbers can say what must be in the ledger;
 * tests/crash/ledger_check.py computes the same:
 *
 *   mix(x)   splitmix64's finalizer of x + 0x9e3779b97f4a7c15
 *   nonce    seed u64 | number u64, big-endian
 *   id       mix(h) u64 | mix(h + 1) u64, with the bits of a random UUID; h = mix(nonce)
 *   account  "acct_" and 7 digits: h % accounts for a Transfer, number % accounts for a Mint
 *   counter  another account: (h % accounts + 1 + (h >> 32) % (accounts - 1)) % accounts
 *   amount   10 + (h >> 24) % 90 for a Transfer, 1000000000 for a Mint
 *
 * where mix(nonce) = mix(mix(seed) ^ number). All entries of a request have one ts. Every field
 * has a fixed width, so that the next request is written over the last one. */

enum requests_mode {
	REQUESTS_INGEST,
	REQUESTS_MINT,
	REQUESTS_TRANSFER, /* from here on wallet.h has the words */
	REQUESTS_BALANCE,
	REQUESTS_MIXED,
	REQUESTS_ROOTS,
	REQUESTS_PING
};

static inline bool requests_is_wallet(enum requests_mode mode)
{
	return mode >= REQUESTS_TRANSFER && mode <= REQUESTS_MIXED;
}

#define REQUESTS_ENTRIES_MAX  1024u
#define REQUESTS_ACCOUNTS_MAX 10000000u
#define REQUESTS_TOKEN_MAX    8192u

struct requests_plan {
	enum requests_mode mode;
	uint64_t seed;
	uint64_t since; /* of ROOTS */
	uint32_t accounts;
	uint32_t entries_per_request;
	const char *token;

	/* requests_prepare() sets the rest. */
	char capability_ref[33];
	size_t request_bytes; /* the same for all */
	size_t entries_at;
	size_t entry_bytes;
};

/* False when the token is none. */
MUST_CHECK bool requests_prepare(struct requests_plan *plan);

/* Writes what all requests of the plan have in common, request_bytes of them. */
void requests_init(const struct requests_plan *plan, char *bytes);

/* Writes what is the request's own: entries first, first + 1 ... at ts_unix_ms; of PING the
 * correlation id, which is `first`. */
void requests_fill(const struct requests_plan *plan, char *bytes, uint64_t first, uint64_t ts);

uint64_t requests_mix(uint64_t value);

#endif
