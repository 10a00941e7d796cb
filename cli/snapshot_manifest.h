#ifndef CLI_SNAPSHOT_MANIFEST_H
#define CLI_SNAPSHOT_MANIFEST_H

/* manifest.json, the first member of a snapshot: of what ledger it is, and what is in it, each
 * member with its size and SHA-256 (docs/formats.md). One manifest has one text: what is parsed
 * must print as it stood. */

#include <stdint.h>

#include "cli/source.h"

#define MANIFEST_VERSION   1u
#define MANIFEST_BYTES_MAX 8192u

/* In the order in which they stand in the file, behind manifest.json and manifest.sig. The notes
 * are missing until a first checkpoint was signed. Commits stand before the entries that they
 * carry. NAME, name, kind of records or EXPORT_COUNT */
#define SNAPSHOT_MEMBERS(M)                          \
	M(CHECKPOINT, "checkpoint", EXPORT_COUNT)    \
	M(AUDIT_NOTE, "audit-note", EXPORT_COUNT)    \
	M(COMMITS, "commits.bin", EXPORT_COMMITS)    \
	M(ENTRIES, "entries.bin", EXPORT_ENTRIES)    \
	M(CONTROLS, "controls.bin", EXPORT_CONTROLS) \
	M(AUDITS, "audits.bin", EXPORT_AUDITS)       \
	M(COUNTERS, "counters.bin", EXPORT_COUNTERS)

enum snapshot_member {
#define AS_ENUM(NAME, name, what) MEMBER_##NAME,
	SNAPSHOT_MEMBERS(AS_ENUM)
#undef AS_ENUM
		MEMBER_COUNT
};

const char *snapshot_manifest_name(unsigned member);
enum export_what snapshot_manifest_what(unsigned member);

struct manifest_member {
	bool there;
	uint64_t bytes_count;
	uint64_t record_count; /* 0 for a note */
	struct hash sha256;
};

struct manifest {
	struct source_head head;
	struct hash audit_head;
	int64_t created_unix_ms;
	bool is_signed; /* by kms, in manifest.sig; a stopped node has none to ask */
	struct manifest_member members[MEMBER_COUNT];
};

/* 0: it does not fit. */
MUST_CHECK size_t snapshot_manifest_print(
	const struct manifest *manifest, uint8_t *bytes, size_t bytes_max);
/* NULL, or what is wrong with it. */
const char *snapshot_manifest_parse(struct slice text, struct manifest *ret_manifest);

#endif
