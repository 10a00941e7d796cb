#ifndef STORE_VERIFY_H
#define STORE_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/types.h"
#include "store/reader.h"
#include "store/why.h"

/* Proof from nothing (DESIGN.md section 6): every entry is read again, every leaf, root,
 * tile, balance, state row, fingerprint and audit link computed again and compared. It ends
 * at the first thing that is wrong and names its seq, what was expected and what is there. */

struct verify_result {
	bool good;
	uint64_t size; /* entries that were to be checked: committed when the check began */
	struct hash root;
	uint64_t entries, roots, tiles, rows, fingerprints, controls, audits, txids; /* checked */
	uint64_t bad_seq;  /* first bad one; 0 if what is wrong has no seq */
	const char *check; /* a static word: "leaf", "root", "tile", ...; NULL if good */
	struct why what;   /* the sentence */
};

struct verify_config {
	struct reader *reader;
	void (*progress)(void *context, uint64_t done, uint64_t total); /* or NULL */
	void *context;
	bool live; /* a node is running on the store: pause between pages */
};

/* ERR_OK: the check was made, see ret_result->good. Anything else: it could not be made. */
MUST_CHECK enum err verify_store(
	const struct verify_config *config, struct verify_result *ret_result, struct why *why);

#endif
