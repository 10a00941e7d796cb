#ifndef CLI_SOURCE_H
#define CLI_SOURCE_H

/* All records of a ledger in their order, page by page: of a running node, which is asked, or of
 * a stopped node's store, which is read here under the lock of its data directory. The same bytes
 * in both cases (store/export.h). */

#include <stdbool.h>
#include <stdint.h>

#include "cli/commands.h"
#include "common/types.h"
#include "core/batch.h"
#include "core/merkle.h"
#include "store/export.h"

struct source;

/* As of one moment; nothing of later is handed out, but counters, which have no history. */
struct source_head {
	char origin[SCHEMA_ORIGIN_BYTES_MAX + 1];
	enum merkle_hash hash;
	uint64_t size;
	struct hash root;
	int64_t born_unix_ms;
	int64_t batch_ts_unix_ms; /* of the last commit */
	uint64_t control_count;
	uint64_t audit_count;
};

/* NULL after a sentence. config: where the node is. A token is needed if it runs. */
struct source *source_open(const struct cli *cli, const struct config *config);
void source_close(struct source *source); /* NULL is fine */

const struct source_head *source_head(const struct source *source);
/* The notes that were signed last when the source was opened; empty: none. Their size is at most
 * the head's. */
struct slice source_checkpoint(const struct source *source);
struct slice source_audit_note(const struct source *source);

/* One record: bytes as they stand in a page; what they mean depends on the kind. */
struct source_item {
	enum export_what what;
	uint64_t key;              /* seq, last seq of a commit, index */
	struct slice bytes;        /* whole */
	struct slice body;         /* of the record of core/batch.h */
	struct schema_root commit; /* EXPORT_COMMITS */
};

/* Each record of a kind behind `after`, up to `last` (as of the head, at most). The callback
 * returns false to give up, having said why. False: given up, or a sentence was said. */
typedef bool source_on_item(void *context, const struct source_item *item);
bool source_walk(struct source *source, enum export_what what, uint64_t after, uint64_t last,
	source_on_item *on_item, void *context);

/* The last key that the head knows of a kind. */
uint64_t source_last(const struct source *source, enum export_what what);

/* kms of a running node signs what a snapshot's manifest says; of a stopped one *ret_note stays
 * empty. False after a sentence. */
bool source_signs(const struct source *source);
bool source_sign(struct source *source, const struct hash *manifest_sha256, struct slice *ret_note);

/* One item from a page or from a snapshot's member, which is the same. False at the end, or at
 * damage: then *in has failed. */
bool source_next(struct byte_reader *in, enum export_what what, struct source_item *ret_item);

#endif
