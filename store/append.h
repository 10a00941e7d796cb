#ifndef STORE_APPEND_H
#define STORE_APPEND_H

#include "store/resume.h"
#include "store/store.h"
#include "store/writer.h"

/* One batch into the open transaction of a writer. Inside store/. */

/* Where a batch ends: what becomes the store's head once the commit succeeded. */
struct append_end {
	uint64_t entry_count;
	uint64_t control_count;
	uint64_t audit_count;
	struct hash audit_head;
	struct hash root;
};

/* The batch continues head exactly (the caller saw to it); memory moves along with the rows.
 * Anything but ERR_OK: roll back and resume the memory. ERR_MALFORMED, ERR_CONFLICT a seq out
 * of order, ERR_NO_SPACE, ERR_CORRUPT, ERR_IO. */
MUST_CHECK enum err append_batch(struct writer *writer, struct resume_memory *memory,
	const struct reader_head *head, const struct store_batch *batch,
	struct append_end *ret_end);

/* Is this batch, which starts at or below head's size, there already? ERR_OK with its root;
 * ERR_CONFLICT something else is there; ERR_MALFORMED; ERR_IO. */
MUST_CHECK enum err append_compare(
	struct reader *reader, const struct store_batch *batch, struct schema_root *ret_root);

#endif
