#ifndef TESTS_VERB_CASES_H
#define TESTS_VERB_CASES_H

/* Every verb as a row of functions over untyped messages, expanded from OAP_VERBS like the
 * codec, so that a test or fuzz target can walk the whole protocol in one loop.
 *
 * The layout of a payload is written down a second time here, as fields with sizes and bounds:
 * what the codec must agree with. */

#include <stdbool.h>
#include <string.h>

#include "common/check.h"
#include "proto/verbs.h"

struct verb_field {
	uint32_t bytes;     /* of a FIXED field, or of the length before a SIZED one */
	uint32_t bytes_max; /* of a SIZED field */
	bool sized;
};

#define VERB_FIELDS_MAX 32u

/* Room for a message of any verb. */
union verb_message {
#define AS_MEMBER(id, NAME, name, senders, receivers, kind) struct oap_##name name;
	OAP_VERBS(AS_MEMBER)
#undef AS_MEMBER
};

struct verb_case {
	const char *name;
	uint32_t senders, receivers;
	uint16_t verb;
	enum oap_kind kind;
	size_t field_count;
	struct verb_field fields[VERB_FIELDS_MAX];
	/* Fixed fields and the bytes of each view are cut from `pattern`, one after the other;
	 * a view has at most `view_bytes` bytes. */
	void (*fill)(union verb_message *ret_msg, const uint8_t *pattern, size_t view_bytes);
	bool (*encode)(struct byte_writer *out, const union verb_message *msg);
	bool (*decode)(struct byte_reader *in, union verb_message *ret_msg);
	bool (*same)(const union verb_message *a, const union verb_message *b);
};

static inline bool verb_same_view(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count &&
	       (a.bytes_count == 0 || memcmp(a.bytes, b.bytes, a.bytes_count) == 0);
}

#define FIXED_FILL(kind, field)                        \
	memcpy(&msg.field, pattern, sizeof msg.field); \
	pattern += sizeof msg.field;
#define SIZED_FILL(field, bytes_max)                                                            \
	msg.field =                                                                             \
		(struct slice){ pattern, view_bytes < (bytes_max) ? view_bytes : (bytes_max) }; \
	pattern += msg.field.bytes_count;
#define FIXED_SAME(kind, field)      &&memcmp(&a->field, &b->field, sizeof a->field) == 0
#define SIZED_SAME(field, bytes_max) &&verb_same_view(a->field, b->field)
#define AS_FUNCTIONS(id, NAME, name, senders, receivers, kind)                                     \
	static inline void verb_fill_##name(                                                       \
		union verb_message *ret_msg, const uint8_t *pattern, size_t view_bytes)            \
	{                                                                                          \
		struct oap_##name msg;                                                             \
		(void)view_bytes;                                                                  \
		PAYLOAD_##NAME(FIXED_FILL, SIZED_FILL);                                            \
		(void)pattern;                                                                     \
		ret_msg->name = msg;                                                               \
	}                                                                                          \
	static inline bool verb_encode_##name(                                                     \
		struct byte_writer *out, const union verb_message *msg)                            \
	{                                                                                          \
		return oap_encode_##name(out, &msg->name);                                         \
	}                                                                                          \
	static inline bool verb_decode_##name(struct byte_reader *in, union verb_message *ret_msg) \
	{                                                                                          \
		return oap_decode_##name(in, &ret_msg->name);                                      \
	}                                                                                          \
	static inline bool verb_same_##name(                                                       \
		const union verb_message *left, const union verb_message *right)                   \
	{                                                                                          \
		const struct oap_##name *a = &left->name, *b = &right->name;                       \
		return true PAYLOAD_##NAME(FIXED_SAME, SIZED_SAME);                                \
	}
OAP_VERBS(AS_FUNCTIONS)
#undef AS_FUNCTIONS
#undef SIZED_SAME
#undef FIXED_SAME
#undef SIZED_FILL
#undef FIXED_FILL

#define FIXED_FIELD(kind, field)      { sizeof(verb_##kind), 0, false },
#define SIZED_FIELD(field, bytes_max) { 4, bytes_max, true },
#define FIXED_COUNT(kind, field)      +1
#define SIZED_COUNT(field, bytes_max) +1
#define AS_ROW(id, NAME, name, from, to, how)                                               \
	{ #NAME, from, to, id, OAP_KIND_##how, 0u PAYLOAD_##NAME(FIXED_COUNT, SIZED_COUNT), \
		{ PAYLOAD_##NAME(FIXED_FIELD, SIZED_FIELD) }, verb_fill_##name,             \
		verb_encode_##name, verb_decode_##name, verb_same_##name },
static const struct verb_case verb_cases[] = { OAP_VERBS(AS_ROW) };
#undef AS_ROW
#undef SIZED_COUNT
#undef FIXED_COUNT
#undef SIZED_FIELD
#undef FIXED_FIELD

/* A payload from the layout alone: zero bytes, every view empty but field `one`, whose length
 * says `says` and is followed by `has` bytes. Returns its size. */
static inline size_t verb_lay_out(const struct verb_case *verb, size_t one, uint32_t says,
	size_t has, uint8_t *payload, size_t payload_bytes)
{
	struct byte_writer out = byte_writer_of(payload, payload_bytes);
	static const uint8_t zeros[64];

	for (size_t i = 0; i < verb->field_count; i++) {
		if (i == one && verb->fields[i].sized) {
			byte_put_u32(&out, says);
			assert(has <= out.left);
			memset(out.next, 0xa5, has);
			out.next += has;
			out.left -= has;
			out.used += has;
		} else {
			byte_put_bytes(&out, zeros, verb->fields[i].bytes);
		}
	}
	assert(!out.failed);
	return out.used;
}

#endif
