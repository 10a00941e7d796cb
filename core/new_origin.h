#ifndef CORE_NEW_ORIGIN_H
#define CORE_NEW_ORIGIN_H

/* <data>/keys/new-origin: what asks kms, at its next start, for a new name and a new key of the
 * ledger, because its store goes back behind what was signed. Written by `macronode recover
 * --new-origin` and `macronode snapshot restore --new-origin` while the node is stopped, and handed
 * to the owner of the key directory, who must be able to read it (mode 0600). Text:
 *
 *	macronode new-origin v1
 *	<origin that is given up>
 *	<entries of the store that goes on, decimal>
 *	<their root, hexadecimal>
 *
 * kms writes the new key to its keyring, sets what it remembers as signed to that size and root,
 * and removes the file; whatever is interrupted in between is taken up at the next start. */

#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

#define NEW_ORIGIN_NAME      "new-origin"
#define NEW_ORIGIN_BYTES_MAX (24u + ORIGIN_BYTES_MAX + 1u + 20u + 65u + 1u)

struct new_origin {
	struct slice origin; /* borrows */
	uint64_t size;       /* at most MERKLE_SIZE_MAX */
	struct hash root;
};

/* Returns the length without the final NUL. The origin is at most ORIGIN_BYTES_MAX long. */
size_t new_origin_print(const struct new_origin *ask, char ret_text[NEW_ORIGIN_BYTES_MAX]);

/* Only what print makes: else ERR_MALFORMED. */
MUST_CHECK enum err new_origin_parse(struct slice text, struct new_origin *ret_ask);

#endif
