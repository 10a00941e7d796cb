#include "core/macaroon.h"

#include <nettle/memops.h>
#include <string.h>

#include "core/base64.h"
#include "core/bytes.h"
#include "core/caveat.h"
#include "core/sha256.h"

/* The format, after libmacaroons' doc/format.txt:
 *
 *   macaroon = 0x02 [location] identifier EOS *(identifier EOS) EOS signature
 *   field    = type length data       type, length: unsigned LEB128; EOS is the lone type 0
 *
 * A caveat with a location or a vid is a third-party one. The signature is a chain:
 * s0 = HMAC(HMAC("macaroons-key-generator" padded to 32, root key), identifier),
 * s(i) = HMAC(s(i-1), caveat i). */

#define FORMAT_VERSION   2u
#define VARINT_BYTES_MAX 4u /* holds more than any length of ours */

enum field {
	FIELD_EOS = 0,
	FIELD_LOCATION = 1,
	FIELD_IDENTIFIER = 2,
	FIELD_VID = 4,
	FIELD_SIGNATURE = 6,
};

const char *macaroon_fault_text(unsigned fault)
{
	static const char *const texts[] = {
#define AS_TEXT(NAME, text) text,
		MACAROON_FAULTS(AS_TEXT)
#undef AS_TEXT
	};

	return fault < COUNT_OF(texts) ? texts[fault] : "unknown fault";
}

static enum macaroon_fault take_varint(struct byte_reader *in, uint32_t *ret_value)
{
	uint32_t value = 0;

	for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
		uint8_t byte = byte_get_u8(in);

		if (in->failed) {
			return MACAROON_CUT;
		}
		value |= (uint32_t)(byte & 0x7f) << (7 * i);
		if ((byte & 0x80) == 0) {
			*ret_value = value;
			return byte == 0 && i > 0 ? MACAROON_VARINT : MACAROON_OK;
		}
	}
	return MACAROON_TOO_LARGE;
}

static enum macaroon_fault take_data(struct byte_reader *in, struct slice *ret_data)
{
	uint32_t bytes_count = 0;
	enum macaroon_fault fault = take_varint(in, &bytes_count);

	if (fault != MACAROON_OK) {
		return fault;
	}
	*ret_data = byte_get_view(in, bytes_count);
	return in->failed ? MACAROON_CUT : MACAROON_OK;
}

static enum macaroon_fault take_eos(struct byte_reader *in)
{
	uint32_t type = 0;
	enum macaroon_fault fault = take_varint(in, &type);

	if (fault != MACAROON_OK) {
		return fault;
	}
	if (type == FIELD_VID) {
		return MACAROON_THIRD_PARTY;
	}
	return type == FIELD_EOS ? MACAROON_OK : MACAROON_FIELD;
}

/* A location or an identifier, of which neither may be empty. */
static enum macaroon_fault take_name(struct byte_reader *in, struct slice *ret_name)
{
	struct slice name = { NULL, 0 };
	enum macaroon_fault fault = take_data(in, &name);

	if (fault != MACAROON_OK) {
		return fault;
	}
	if (name.bytes_count > MACAROON_NAME_BYTES_MAX) {
		return MACAROON_TOO_LARGE;
	}
	if (name.bytes_count == 0) {
		return MACAROON_FIELD;
	}
	*ret_name = name;
	return MACAROON_OK;
}

static enum macaroon_fault take_head(struct byte_reader *in, struct macaroon *macaroon)
{
	uint32_t type = 0;
	enum macaroon_fault fault = take_varint(in, &type);

	if (fault == MACAROON_OK && type == FIELD_LOCATION) {
		fault = take_name(in, &macaroon->location);
		if (fault == MACAROON_OK) {
			fault = take_varint(in, &type);
		}
	}
	if (fault != MACAROON_OK) {
		return fault;
	}
	if (type != FIELD_IDENTIFIER) {
		return MACAROON_FIELD;
	}
	fault = take_name(in, &macaroon->identifier);
	return fault != MACAROON_OK ? fault : take_eos(in);
}

static enum macaroon_fault take_caveat(struct byte_reader *in, struct macaroon *macaroon)
{
	struct slice caveat = { NULL, 0 };
	enum macaroon_fault fault = take_data(in, &caveat);

	if (fault != MACAROON_OK) {
		return fault;
	}
	if (caveat.bytes_count > CAVEAT_BYTES_MAX) {
		return MACAROON_CAVEAT_BYTES;
	}
	if (caveat.bytes_count == 0) {
		return MACAROON_FIELD;
	}
	if (macaroon->caveat_count == TOKEN_CAVEATS_MAX) {
		return MACAROON_CAVEAT_COUNT;
	}
	macaroon->caveats[macaroon->caveat_count++] = caveat;
	return take_eos(in);
}

static enum macaroon_fault take_caveats(struct byte_reader *in, struct macaroon *macaroon)
{
	for (;;) {
		uint32_t type = 0;
		enum macaroon_fault fault = take_varint(in, &type);

		if (fault != MACAROON_OK) {
			return fault;
		}
		switch (type) {
		case FIELD_EOS:
			return MACAROON_OK;
		case FIELD_LOCATION:
			return MACAROON_THIRD_PARTY;
		case FIELD_IDENTIFIER:
			fault = take_caveat(in, macaroon);
			break;
		default:
			return MACAROON_FIELD;
		}
		if (fault != MACAROON_OK) {
			return fault;
		}
	}
}

static enum macaroon_fault take_signature(struct byte_reader *in, struct macaroon *macaroon)
{
	struct slice signature = { NULL, 0 };
	uint32_t type = 0;
	enum macaroon_fault fault = take_varint(in, &type);

	if (fault != MACAROON_OK) {
		return fault;
	}
	if (type != FIELD_SIGNATURE) {
		return MACAROON_FIELD;
	}
	fault = take_data(in, &signature);
	if (fault != MACAROON_OK) {
		return fault;
	}
	if (signature.bytes_count != HASH_BYTES) {
		return MACAROON_SIGNATURE;
	}
	memcpy(macaroon->signature.bytes, signature.bytes, HASH_BYTES);
	return byte_reader_done(in) ? MACAROON_OK : MACAROON_TRAILING;
}

enum macaroon_fault macaroon_parse(struct slice bytes, struct macaroon *ret_macaroon)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct macaroon macaroon = { .caveat_count = 0 };
	enum macaroon_fault fault;
	uint8_t version;

	if (bytes.bytes_count > MACAROON_BYTES_MAX) {
		return MACAROON_TOO_LARGE;
	}
	version = byte_get_u8(&in);
	if (in.failed) {
		return MACAROON_CUT;
	}
	if (version != FORMAT_VERSION) {
		return MACAROON_VERSION;
	}
	fault = take_head(&in, &macaroon);
	if (fault == MACAROON_OK) {
		fault = take_caveats(&in, &macaroon);
	}
	if (fault == MACAROON_OK) {
		fault = take_signature(&in, &macaroon);
	}
	if (fault == MACAROON_OK) {
		*ret_macaroon = macaroon;
	}
	return fault;
}

static void put_field(struct byte_writer *out, enum field type, struct slice data)
{
	size_t left = data.bytes_count;

	byte_put_u8(out, (uint8_t)type);
	while (left >= 0x80) {
		byte_put_u8(out, (uint8_t)(left | 0x80));
		left >>= 7;
	}
	byte_put_u8(out, (uint8_t)left);
	byte_put_bytes(out, data.bytes, data.bytes_count);
}

enum err macaroon_serialise(
	const struct macaroon *macaroon, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes)
{
	struct byte_writer out = byte_writer_of(buffer, buffer_bytes);

	assert(macaroon->caveat_count <= TOKEN_CAVEATS_MAX);
	byte_put_u8(&out, FORMAT_VERSION);
	if (macaroon->location.bytes_count > 0) {
		put_field(&out, FIELD_LOCATION, macaroon->location);
	}
	put_field(&out, FIELD_IDENTIFIER, macaroon->identifier);
	byte_put_u8(&out, FIELD_EOS);
	for (size_t i = 0; i < macaroon->caveat_count; i++) {
		put_field(&out, FIELD_IDENTIFIER, macaroon->caveats[i]);
		byte_put_u8(&out, FIELD_EOS);
	}
	byte_put_u8(&out, FIELD_EOS);
	put_field(&out, FIELD_SIGNATURE, (struct slice){ macaroon->signature.bytes, HASH_BYTES });
	if (out.failed || out.used > MACAROON_BYTES_MAX) {
		return ERR_TOO_LARGE;
	}
	*ret_bytes = out.used;
	return ERR_OK;
}

enum err macaroon_text_encode(struct slice bytes, char *text, size_t text_bytes, size_t *ret_bytes)
{
	if (bytes.bytes_count > MACAROON_BYTES_MAX ||
		text_bytes <= BASE64_URL_TEXT_BYTES(bytes.bytes_count)) {
		return ERR_TOO_LARGE;
	}
	*ret_bytes = base64_url_encode(bytes.bytes, bytes.bytes_count, text);
	return ERR_OK;
}

enum macaroon_fault macaroon_text_decode(
	struct slice text, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes)
{
	size_t bytes_count = 0;
	enum err err;

	if (text.bytes_count > TOKEN_BYTES_MAX) {
		return MACAROON_TOO_LARGE;
	}
	err = base64_url_decode(
		(const char *)text.bytes, text.bytes_count, buffer, buffer_bytes, &bytes_count);
	if (err != ERR_OK) {
		return err == ERR_TOO_LARGE ? MACAROON_TOO_LARGE : MACAROON_TEXT;
	}
	*ret_bytes = bytes_count;
	return MACAROON_OK;
}

static void hmac(struct slice key, struct slice message, struct hash *ret_mac)
{
	sha256_hmac(key, &message, 1, ret_mac);
}

static void start_chain(struct slice root_key, struct slice identifier, struct hash *ret_running)
{
	static const uint8_t generator[32] = "macaroons-key-generator"; /* zero-padded */
	struct hash key;

	hmac((struct slice){ generator, sizeof generator }, root_key, &key);
	hmac((struct slice){ key.bytes, HASH_BYTES }, identifier, ret_running);
	memset(&key, 0, sizeof key);
	__asm__ volatile("" : : "r"(&key) : "memory"); /* or the memset would be optimised away */
}

static void extend_chain(struct hash *running, struct slice caveat)
{
	struct hash next;

	hmac((struct slice){ running->bytes, HASH_BYTES }, caveat, &next);
	*running = next;
}

enum err macaroon_create(struct slice root_key, struct slice identifier, struct slice location,
	struct macaroon *ret_macaroon)
{
	struct macaroon macaroon = { .location = location, .identifier = identifier };

	if (identifier.bytes_count > MACAROON_NAME_BYTES_MAX ||
		location.bytes_count > MACAROON_NAME_BYTES_MAX) {
		return ERR_TOO_LARGE;
	}
	if (identifier.bytes_count == 0) {
		return ERR_MALFORMED;
	}
	start_chain(root_key, identifier, &macaroon.signature);
	*ret_macaroon = macaroon;
	return ERR_OK;
}

enum err macaroon_add_caveat(struct macaroon *macaroon, struct slice caveat)
{
	if (caveat.bytes_count == 0) {
		return ERR_MALFORMED;
	}
	if (caveat.bytes_count > CAVEAT_BYTES_MAX || macaroon->caveat_count >= TOKEN_CAVEATS_MAX) {
		return ERR_TOO_LARGE;
	}
	macaroon->caveats[macaroon->caveat_count++] = caveat;
	extend_chain(&macaroon->signature, caveat);
	return ERR_OK;
}

enum err macaroon_verify(
	const struct macaroon *macaroon, struct slice root_key, struct hash *ret_running)
{
	struct hash running[TOKEN_CAVEATS_MAX];
	struct hash signature;

	assert(macaroon->caveat_count <= TOKEN_CAVEATS_MAX);
	start_chain(root_key, macaroon->identifier, &signature);
	for (size_t i = 0; i < macaroon->caveat_count; i++) {
		extend_chain(&signature, macaroon->caveats[i]);
		running[i] = signature;
	}
	if (nettle_memeql_sec(signature.bytes, macaroon->signature.bytes, HASH_BYTES) != 1) {
		return ERR_DENIED;
	}
	if (ret_running != NULL && macaroon->caveat_count > 0) {
		memcpy(ret_running, running, macaroon->caveat_count * sizeof running[0]);
	}
	return ERR_OK;
}

/* The first half of SHA-256(parts). */
static struct id128 half_hash(const struct slice *parts, size_t part_count)
{
	struct hash hash;
	struct id128 half;

	sha256_hash_parts(parts, part_count, &hash);
	memcpy(half.bytes, hash.bytes, ID_BYTES);
	return half;
}

struct id128 macaroon_counter_id(const struct hash *running)
{
	static const char domain[] = "macronode daily counter v1";
	const struct slice parts[] = {
		{ (const uint8_t *)domain, sizeof domain }, /* with its zero, as a border */
		{ running->bytes, HASH_BYTES },
	};

	return half_hash(parts, COUNT_OF(parts));
}

struct id128 macaroon_node_hash(struct slice origin)
{
	return half_hash(&origin, 1);
}

void macaroon_identifier_encode(
	const struct macaroon_identifier *identifier, uint8_t ret_bytes[MACAROON_IDENTIFIER_BYTES])
{
	struct byte_writer out = byte_writer_of(ret_bytes, MACAROON_IDENTIFIER_BYTES);

	assert(identifier->iat_unix_s <= CAVEAT_UNIX_S_MAX);
	byte_put_u8(&out, MACAROON_IDENTIFIER_VERSION);
	byte_put_u32(&out, identifier->key_id);
	byte_put_id128(&out, &identifier->capability_id);
	byte_put_u64(&out, identifier->iat_unix_s);
	byte_put_id128(&out, &identifier->node_hash);
	assert(!out.failed && out.left == 0);
}

enum err macaroon_identifier_decode(struct slice bytes, struct macaroon_identifier *ret_identifier)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct macaroon_identifier identifier;
	uint8_t version = byte_get_u8(&in);

	identifier.key_id = byte_get_u32(&in);
	identifier.capability_id = byte_get_id128(&in);
	identifier.iat_unix_s = byte_get_u64(&in);
	identifier.node_hash = byte_get_id128(&in);
	if (!byte_reader_done(&in) || version != MACAROON_IDENTIFIER_VERSION ||
		identifier.iat_unix_s > CAVEAT_UNIX_S_MAX) {
		return ERR_MALFORMED;
	}
	*ret_identifier = identifier;
	return ERR_OK;
}
