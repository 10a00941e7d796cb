#ifndef CLI_AUDIT_LINE_H
#define CLI_AUDIT_LINE_H

/* The text of `macronode audit export`: a JSON object a line, members in the order of their names,
 * one spelling each (docs/formats.md). What is parsed prints again as it stood, so no byte of a
 * line can be changed without a word.
 *
 *   ledger      whose it is, which entries of how many; the first line
 *   commit      as in GET /roots, before the entries that it carries
 *   entry       the leaf in base64, which is the truth; its fields in words for people; what is
 * kept beside it audit       the record in base64, its hash in the chain; its parts in words
 *   checkpoint, audit_note    what kms signed last */

#include <stdint.h>

#include "cli/source.h"

#define AUDIT_LINE_BYTES_MAX 32768u

enum audit_type {
	AUDIT_LEDGER,
	AUDIT_COMMIT,
	AUDIT_ENTRY,
	AUDIT_AUDIT,
	AUDIT_CHECKPOINT,
	AUDIT_NOTE,
	AUDIT_TYPE_COUNT
};

/* Views borrow. */
struct audit_line {
	enum audit_type type;
	struct source_head head; /* LEDGER */
	uint64_t first_seq, last_seq;
	struct schema_root commit; /* COMMIT */
	struct batch_entry entry;  /* ENTRY; fingerprints are not in it */
	uint64_t index;            /* AUDIT */
	struct slice record;
	struct hash hash;
	struct slice note; /* CHECKPOINT, NOTE */
};

/* With the line feed; 0: it does not fit, or what is in it does not decode. */
MUST_CHECK size_t audit_line_print(const struct audit_line *line, uint8_t *bytes, size_t bytes_max);

struct json_in;
/* A line without its line feed. NULL: *ret_line is what it says, its views into the next two. Else
 * what is wrong. */
struct audit_line_room {
	struct json_in *root; /* owned: json_in_free */
	uint8_t bytes[AUDIT_LINE_BYTES_MAX];
};
const char *audit_line_parse(
	struct slice text, struct audit_line *ret_line, struct audit_line_room *room);

#endif
