#ifndef CORE_REWARD_DOC_H
#define CORE_REWARD_DOC_H

/* Small documents of JSON that are there as a whole: the policy, the bundle, the ledger snapshot.
 * Closed objects whose members come in any order; each of these reads one value and is false once
 * something was wrong, which json.fault then tells. A getter writes its result only when true. */

#include "core/json.h"
#include "core/reward.h"

/* A name or text of ours, kept by value: views die with the next event. */
struct reward_name {
	uint8_t bytes_count;
	uint8_t bytes[REWARD_NAME_BYTES_MAX];
};

static inline struct slice reward_name_view(const struct reward_name *name)
{
	return (struct slice){ name->bytes, name->bytes_count };
}

void reward_doc_begin(struct json *in, struct slice text);
MUST_CHECK bool reward_doc_end(struct json *in); /* nothing follows */

MUST_CHECK bool reward_doc_object(struct json *in);

/* True with the place of the next member; false at the end of the object, or when it failed. */
MUST_CHECK bool reward_doc_member(struct json *in, const char *const *names, uint32_t name_count,
	uint32_t *seen, uint32_t *ret_place);

/* Members of an object with free names: likewise. */
MUST_CHECK bool reward_doc_name(struct json *in, struct slice *ret_name);

MUST_CHECK bool reward_doc_string(struct json *in, const char *expected, struct slice *ret_text);
MUST_CHECK bool reward_doc_literal(struct json *in, const char *wanted, const char *expected);
MUST_CHECK bool reward_doc_version(struct json *in); /* 1 */
MUST_CHECK bool reward_doc_u64(
	struct json *in, uint64_t number_max, const char *expected, uint64_t *ret_number);

/* A string that `is` says yes to, of at most REWARD_NAME_BYTES_MAX bytes. */
MUST_CHECK bool reward_doc_named(struct json *in, bool (*is)(struct slice), const char *expected,
	struct reward_name *ret_name);
MUST_CHECK bool reward_doc_cid(struct json *in, struct hash *ret_hash);

/* The fault as a sentence: `what` and the byte. */
void reward_doc_tell(const struct json *in, const char *what, struct reward_outcome *outcome);

#endif
