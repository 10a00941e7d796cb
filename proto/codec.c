/* Everything here is expanded from OAP_VERBS; to add a verb, edit proto/verbs.h. */
#include "proto/verbs.h"

#include "proto/frame.h"

#define BYTES_u8     1u
#define BYTES_u16    2u
#define BYTES_u32    4u
#define BYTES_u64    8u
#define BYTES_u128   16u
#define BYTES_hash   HASH_BYTES
#define BYTES_id128  ID_BYTES
#define BYTES_PREFIX 4u

#define FIXED_BYTES(kind, field)      +BYTES_##kind
#define SIZED_BYTES(field, bytes_max) +BYTES_PREFIX + (bytes_max)
#define PAYLOAD_BYTES_MAX(NAME)       (0u PAYLOAD_##NAME(FIXED_BYTES, SIZED_BYTES))

#define AS_SIZE_CHECK(id, NAME, name, senders, receivers, kind) \
	_Static_assert(PAYLOAD_BYTES_MAX(NAME) <= FRAME_PAYLOAD_BYTES_MAX, #NAME " is too large");
OAP_VERBS(AS_SIZE_CHECK)
#undef AS_SIZE_CHECK

#define put_u8(out, value)    byte_put_u8(out, *(value))
#define put_u16(out, value)   byte_put_u16(out, *(value))
#define put_u32(out, value)   byte_put_u32(out, *(value))
#define put_u64(out, value)   byte_put_u64(out, *(value))
#define put_u128(out, value)  byte_put_u128(out, *(value))
#define put_hash(out, value)  byte_put_hash(out, value)
#define put_id128(out, value) byte_put_id128(out, value)

#define FIXED_ENCODE(kind, field) put_##kind(out, &msg->field);
#define SIZED_ENCODE(field, bytes_max)                 \
	assert(msg->field.bytes_count <= (bytes_max)); \
	byte_put_slice32(out, msg->field);
#define FIXED_DECODE(kind, field)      msg.field = byte_get_##kind(in);
#define SIZED_DECODE(field, bytes_max) msg.field = byte_get_slice32(in, bytes_max);
#define AS_CODEC(id, NAME, name, senders, receivers, kind)                            \
	bool oap_encode_##name(struct byte_writer *out, const struct oap_##name *msg) \
	{                                                                             \
		PAYLOAD_##NAME(FIXED_ENCODE, SIZED_ENCODE);                           \
		return !out->failed;                                                  \
	}                                                                             \
	bool oap_decode_##name(struct byte_reader *in, struct oap_##name *ret_msg)    \
	{                                                                             \
		struct oap_##name msg;                                                \
		PAYLOAD_##NAME(FIXED_DECODE, SIZED_DECODE);                           \
		if (!byte_reader_done(in)) {                                          \
			return false;                                                 \
		}                                                                     \
		*ret_msg = msg;                                                       \
		return true;                                                          \
	}
OAP_VERBS(AS_CODEC)
#undef AS_CODEC

const char *oap_verb_name(unsigned verb)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		return #NAME;
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		return "UNKNOWN";
	}
}

bool oap_verb_known(unsigned verb)
{
	return oap_verb_payload_bytes_max(verb) > 0;
}

enum oap_kind oap_verb_kind(unsigned verb)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		return OAP_KIND_##kind;
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		assert(!"an unknown verb has no kind");
		return OAP_KIND_CONTROL;
	}
}

size_t oap_verb_payload_bytes_max(unsigned verb)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		return PAYLOAD_BYTES_MAX(NAME);
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		return 0;
	}
}

static bool in_set(unsigned set, unsigned process)
{
	return process < PROCESS_COUNT && (set >> process & 1u) != 0;
}

bool oap_route_allows(unsigned verb, unsigned sender, unsigned receiver)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		return in_set(senders, sender) && in_set(receivers, receiver);
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		return false;
	}
}

bool oap_handlers_complete(
	const struct oap_handlers *handlers, unsigned receiver, const char **ret_verb)
{
#define AS_CHECK(id, NAME, name, senders, receivers, kind)                              \
	if ((handlers->name != NULL) !=                                                 \
		(in_set(receivers, receiver) && OAP_KIND_##kind != OAP_KIND_CONTROL)) { \
		*ret_verb = #NAME;                                                      \
		return false;                                                           \
	}
	OAP_VERBS(AS_CHECK)
#undef AS_CHECK
	return true;
}

enum err oap_dispatch(const struct oap_handlers *handlers, void *self, unsigned receiver,
	const struct oap_from *from, struct slice payload)
{
	struct byte_reader in = byte_reader_of(payload);

	if (!oap_route_allows(from->verb, from->process, receiver)) {
		return ERR_NOT_ROUTED;
	}
	switch (from->verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id: {                                        \
		struct oap_##name msg;                    \
		if (handlers->name == NULL) {             \
			return ERR_NOT_ROUTED;            \
		}                                         \
		if (!oap_decode_##name(&in, &msg)) {      \
			return ERR_MALFORMED;             \
		}                                         \
		return handlers->name(self, from, &msg);  \
	}
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		return ERR_NOT_ROUTED;
	}
}

/* The text of a row says what a reviewer reads, but bounds and sets only by name: their values
 * are hashed with it. */
uint64_t oap_tables_hash(void)
{
#define FIXED_TEXT(kind, field)       #kind " " #field ";"
#define SIZED_TEXT(field, bytes_max)  #field ";"
#define SIZED_VALUE(field, bytes_max) (bytes_max),
#define NO_VALUE(kind, field)
#define AS_ROW(id, NAME, name, senders, receivers, kind)              \
	{ #NAME " " #kind " " PAYLOAD_##NAME(FIXED_TEXT, SIZED_TEXT), \
		{ id, senders, receivers, PAYLOAD_##NAME(NO_VALUE, SIZED_VALUE) } },
#define AS_WINDOW_ROW(sender, receiver, requests, bytes) \
	{ "window", { PROCESS_##sender, PROCESS_##receiver, requests, bytes } },
	static const struct table_row {
		const char *text;
		uint32_t values[12];
	} rows[] = { OAP_VERBS(AS_ROW) OAP_WINDOWS(AS_WINDOW_ROW) };
#undef AS_WINDOW_ROW
#undef AS_ROW
	uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a: it tells builds apart, no attacker */

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (const char *next = rows[i].text; *next != '\0'; next++) {
			hash = (hash ^ (uint8_t)*next) * 0x100000001b3u;
		}
		for (size_t j = 0; j < COUNT_OF(rows[i].values); j++) {
			hash = (hash ^ rows[i].values[j]) * 0x100000001b3u;
		}
	}
	return hash;
}
