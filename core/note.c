#include "core/note.h"

#include <string.h>

#include "core/base64.h"
#include "core/bytes.h"
#include "core/hex.h"
#include "core/lines.h"
#include "core/merkle.h"
#include "core/sha256.h"
#include "core/utf8.h"

#define AUDIT_HEADER    "macronode.audit/v1"
#define SNAPSHOT_HEADER "macronode.snapshot/v1"
#define RESERVED_PREFIX "macronode."
#define RESERVED_MIDDLE "/v"

#define DASH                 "\xe2\x80\x94 " /* U+2014 and a space */
#define KEY_ID_BYTES         4u
#define SIGNED_BYTES         (KEY_ID_BYTES + NOTE_SIGNATURE_BYTES)
#define TYPED_KEY_BYTES      (1u + NOTE_PUBLIC_KEY_BYTES)
#define SIGNATURE_BASE64_MAX BASE64_TEXT_BYTES(KEY_ID_BYTES + NOTE_FOREIGN_SIGNATURE_MAX)
#define HASH_BASE64_BYTES    BASE64_TEXT_BYTES(HASH_BYTES)

_Static_assert(NOTE_SIGNATURE_LINE_BYTES_MAX ==
		       sizeof DASH - 1 + ORIGIN_BYTES_MAX + 1 + BASE64_TEXT_BYTES(SIGNED_BYTES) + 2,
	"a line is what it is made of");

const char *note_fault_text(enum note_fault fault)
{
	static const char *const texts[NOTE_FAULT_COUNT] = {
#define AS_TEXT(NAME, text) [NOTE_##NAME] = (text),
		NOTE_FAULTS(AS_TEXT)
#undef AS_TEXT
	};

	assert(fault < NOTE_FAULT_COUNT);
	return texts[fault];
}

static bool same(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count &&
	       (a.bytes_count == 0 || memcmp(a.bytes, b.bytes, a.bytes_count) == 0);
}

/* ---- printing ---- */

static void put_text(struct byte_writer *out, const char *text)
{
	byte_put_bytes(out, text, strlen(text));
}

static void put_slice(struct byte_writer *out, struct slice bytes)
{
	byte_put_bytes(out, bytes.bytes, bytes.bytes_count);
}

static void put_line(struct byte_writer *out, struct slice bytes)
{
	put_slice(out, bytes);
	byte_put_u8(out, '\n');
}

static void put_number_line(struct byte_writer *out, uint64_t number)
{
	char digits[AMOUNT_TEXT_BYTES_MAX];

	assert(number <= MERKLE_SIZE_MAX);
	byte_put_bytes(out, digits, amount_print(number, digits));
	byte_put_u8(out, '\n');
}

static void put_hash_line(struct byte_writer *out, const struct hash *hash)
{
	char text[HASH_BASE64_BYTES + 1];

	byte_put_bytes(out, text, base64_encode(hash->bytes, HASH_BYTES, text));
	byte_put_u8(out, '\n');
}

static size_t end_text(struct byte_writer *out)
{
	byte_put_u8(out, '\0');
	assert(!out->failed); /* the callers' buffers fit all that they may print */
	return out->used - 1;
}

/* ---- keys ---- */

/* Bytes of the Unicode space (property White_Space) that the valid UTF-8 text begins with; 0:
 * it begins with none. Those below U+0021 are control characters or the space. */
static size_t space_bytes(struct slice text)
{
	static const char *const spaces[] = {
		"\xc2\x85",     /* U+0085 next line */
		"\xc2\xa0",     /* U+00A0 no-break space */
		"\xe1\x9a\x80", /* U+1680 ogham space mark */
		"\xe2\x80\x80", "\xe2\x80\x81", "\xe2\x80\x82", "\xe2\x80\x83", /* U+2000 ... */
		"\xe2\x80\x84", "\xe2\x80\x85", "\xe2\x80\x86", "\xe2\x80\x87", "\xe2\x80\x88",
		"\xe2\x80\x89", "\xe2\x80\x8a", /* ... U+200A: quads and spaces */
		"\xe2\x80\xa8",                 /* U+2028 line separator */
		"\xe2\x80\xa9",                 /* U+2029 paragraph separator */
		"\xe2\x80\xaf",                 /* U+202F narrow no-break space */
		"\xe2\x81\x9f",                 /* U+205F medium mathematical space */
		"\xe3\x80\x80",                 /* U+3000 ideographic space */
	};

	if (text.bytes_count > 0 && text.bytes[0] <= ' ') {
		return 1;
	}
	for (size_t i = 0; i < COUNT_OF(spaces); i++) {
		if (line_take_word(&text, spaces[i])) {
			return strlen(spaces[i]);
		}
	}
	return 0;
}

bool note_name_is_valid(struct slice name)
{
	if (name.bytes_count == 0 || name.bytes_count > NOTE_NAME_BYTES_MAX ||
		!utf8_valid(name.bytes, name.bytes_count)) {
		return false;
	}
	for (size_t i = 0; i < name.bytes_count; i++) {
		struct slice rest = { name.bytes + i, name.bytes_count - i };

		if (name.bytes[i] == '+' || space_bytes(rest) != 0) {
			return false;
		}
	}
	return true;
}

bool note_name_is_reserved(struct slice name)
{
	if (!line_take_word(&name, RESERVED_PREFIX)) {
		return false;
	}
	while (name.bytes_count > 0) {
		if (line_take_word(&name, RESERVED_MIDDLE)) {
			return true;
		}
		name.bytes++;
		name.bytes_count--;
	}
	return false;
}

uint32_t note_key_id(struct slice name, const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES])
{
	static const uint8_t between[] = { '\n', NOTE_TYPE_ED25519 };
	struct slice parts[] = {
		name,
		{ between, sizeof between },
		{ public_key, NOTE_PUBLIC_KEY_BYTES },
	};
	struct hash hash;

	sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	return (uint32_t)hash.bytes[0] << 24 | (uint32_t)hash.bytes[1] << 16 |
	       (uint32_t)hash.bytes[2] << 8 | hash.bytes[3];
}

static void put_big_endian(uint32_t key_id, uint8_t ret_bytes[KEY_ID_BYTES])
{
	for (size_t i = 0; i < KEY_ID_BYTES; i++) {
		ret_bytes[i] = (uint8_t)(key_id >> (24 - 8 * i));
	}
}

static uint32_t get_big_endian(const uint8_t bytes[KEY_ID_BYTES])
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

struct note_vkey note_vkey_of(struct slice name, const uint8_t public_key[NOTE_PUBLIC_KEY_BYTES])
{
	struct note_vkey vkey = { .name = name, .key_id = note_key_id(name, public_key) };

	assert(note_name_is_valid(name));
	memcpy(vkey.public_key, public_key, NOTE_PUBLIC_KEY_BYTES);
	return vkey;
}

size_t note_vkey_print(const struct note_vkey *vkey, char ret_text[NOTE_VKEY_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_text, NOTE_VKEY_BYTES_MAX);
	uint8_t id[KEY_ID_BYTES], typed[TYPED_KEY_BYTES] = { NOTE_TYPE_ED25519 };
	char hex[HEX_TEXT_BYTES(KEY_ID_BYTES) + 1];
	char base64[BASE64_TEXT_BYTES(TYPED_KEY_BYTES) + 1];

	put_big_endian(vkey->key_id, id);
	hex_encode(id, sizeof id, hex);
	memcpy(typed + 1, vkey->public_key, NOTE_PUBLIC_KEY_BYTES);
	(void)base64_encode(typed, sizeof typed, base64);
	put_slice(&out, vkey->name);
	put_text(&out, "+");
	put_text(&out, hex);
	put_text(&out, "+");
	put_text(&out, base64);
	return end_text(&out);
}

/* What stands before the next plus sign; the base64 behind the second one may hold more. */
static bool take_until_plus(struct slice *text, struct slice *ret_part)
{
	const uint8_t *plus =
		text->bytes_count > 0 ? memchr(text->bytes, '+', text->bytes_count) : NULL;

	if (plus == NULL) {
		return false;
	}
	*ret_part = (struct slice){ text->bytes, (size_t)(plus - text->bytes) };
	text->bytes_count -= ret_part->bytes_count + 1;
	text->bytes = plus + 1;
	return true;
}

enum note_fault note_vkey_parse(struct slice text, struct note_vkey *ret_vkey)
{
	struct slice name, hex;
	uint8_t id[KEY_ID_BYTES], typed[TYPED_KEY_BYTES];
	size_t typed_bytes = 0;
	struct note_vkey vkey;
	enum err err;

	if (!take_until_plus(&text, &name) || !note_name_is_valid(name) ||
		!take_until_plus(&text, &hex) ||
		hex_decode((const char *)hex.bytes, hex.bytes_count, id, sizeof id) != ERR_OK) {
		return NOTE_VKEY;
	}
	err = base64_decode(
		(const char *)text.bytes, text.bytes_count, typed, sizeof typed, &typed_bytes);
	if (err == ERR_TOO_LARGE) {
		return NOTE_VKEY_TYPE;
	}
	if (err != ERR_OK || typed_bytes == 0) {
		return NOTE_VKEY;
	}
	if (typed_bytes != sizeof typed || typed[0] != NOTE_TYPE_ED25519) {
		return NOTE_VKEY_TYPE;
	}
	vkey = note_vkey_of(name, typed + 1);
	if (vkey.key_id != get_big_endian(id)) {
		return NOTE_VKEY_ID;
	}
	*ret_vkey = vkey;
	return NOTE_OK;
}

/* ---- notes ---- */

static bool characters_are_fine(struct slice bytes)
{
	for (size_t i = 0; i < bytes.bytes_count; i++) {
		if (bytes.bytes[i] < ' ' && bytes.bytes[i] != '\n') {
			return false;
		}
	}
	return utf8_valid(bytes.bytes, bytes.bytes_count);
}

/* The last empty line parts the two. */
static bool part(struct slice bytes, struct slice *ret_text, struct slice *ret_signatures)
{
	for (size_t at = bytes.bytes_count; at >= 2; at--) {
		if (bytes.bytes[at - 1] == '\n' && bytes.bytes[at - 2] == '\n') {
			*ret_text = (struct slice){ bytes.bytes, at - 1 };
			*ret_signatures =
				(struct slice){ bytes.bytes + at, bytes.bytes_count - at };
			return true;
		}
	}
	return false;
}

/* Decodes key id and signature; false: not base64, or no signature in it. */
static bool decode_signature(
	struct slice base64, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_bytes_count)
{
	return base64_decode((const char *)base64.bytes, base64.bytes_count, ret_bytes, bytes_max,
		       ret_bytes_count) == ERR_OK &&
	       *ret_bytes_count > KEY_ID_BYTES;
}

static bool parse_signature(struct slice line, struct note_signature *ret_signature)
{
	uint8_t bytes[KEY_ID_BYTES + NOTE_FOREIGN_SIGNATURE_MAX];
	const uint8_t *space;
	struct slice name;
	size_t bytes_count = 0;

	if (!line_take_word(&line, DASH) || line.bytes_count == 0) {
		return false;
	}
	space = memchr(line.bytes, ' ', line.bytes_count);
	if (space == NULL) {
		return false;
	}
	name = (struct slice){ line.bytes, (size_t)(space - line.bytes) };
	line = (struct slice){ space + 1, line.bytes_count - name.bytes_count - 1 };
	if (!note_name_is_valid(name) ||
		!decode_signature(line, bytes, sizeof bytes, &bytes_count)) {
		return false;
	}
	*ret_signature = (struct note_signature){
		.name = name,
		.key_id = get_big_endian(bytes),
		.base64 = line,
	};
	return true;
}

enum note_fault note_parse(struct slice bytes, struct note *ret_note)
{
	struct note note = { .signature_count = 0 };
	struct slice lines, line;

	if (bytes.bytes_count > NOTE_BYTES_MAX) {
		return NOTE_TOO_LARGE;
	}
	if (!characters_are_fine(bytes)) {
		return NOTE_CHARACTER;
	}
	if (!part(bytes, &note.text, &note.signature_lines)) {
		return NOTE_UNPARTED;
	}
	lines = note.signature_lines;
	if (lines.bytes_count == 0) {
		return NOTE_UNSIGNED;
	}
	while (line_take(&lines, &line)) {
		if (note.signature_count == NOTE_SIGNATURES_MAX) {
			return NOTE_SIGNATURE_COUNT;
		}
		if (!parse_signature(line, &note.signatures[note.signature_count])) {
			return NOTE_SIGNATURE_LINE;
		}
		note.signature_count++;
	}
	if (lines.bytes_count > 0) {
		return NOTE_SIGNATURE_LINE;
	}
	*ret_note = note;
	return NOTE_OK;
}

static void put_signature(struct byte_writer *out, struct slice name, uint32_t key_id,
	const uint8_t signature[NOTE_SIGNATURE_BYTES])
{
	uint8_t bytes[SIGNED_BYTES];
	char base64[BASE64_TEXT_BYTES(SIGNED_BYTES) + 1];

	put_big_endian(key_id, bytes);
	memcpy(bytes + KEY_ID_BYTES, signature, NOTE_SIGNATURE_BYTES);
	(void)base64_encode(bytes, sizeof bytes, base64);
	put_text(out, DASH);
	put_slice(out, name);
	put_text(out, " ");
	put_text(out, base64);
	put_text(out, "\n");
}

size_t note_signature_print(struct slice name, uint32_t key_id,
	const uint8_t signature[NOTE_SIGNATURE_BYTES], char ret_line[NOTE_SIGNATURE_LINE_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_line, NOTE_SIGNATURE_LINE_BYTES_MAX);

	put_signature(&out, name, key_id, signature);
	return end_text(&out);
}

size_t note_print(struct slice text, struct slice name, uint32_t key_id,
	const uint8_t signature[NOTE_SIGNATURE_BYTES], char ret_note[NOTE_SIGNED_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_note, NOTE_SIGNED_BYTES_MAX);

	assert(text.bytes_count > 0 && text.bytes[text.bytes_count - 1] == '\n');
	put_slice(&out, text);
	put_text(&out, "\n");
	put_signature(&out, name, key_id, signature);
	return end_text(&out);
}

enum note_fault note_verify(const struct note *note, const struct note_vkey *vkey,
	note_verify_signature *verify_signature)
{
	enum note_fault fault = NOTE_OTHER_KEY;

	for (size_t i = 0; i < note->signature_count; i++) {
		const struct note_signature *one = &note->signatures[i];
		uint8_t bytes[SIGNED_BYTES];
		size_t bytes_count = 0;

		if (one->key_id != vkey->key_id || !same(one->name, vkey->name)) {
			continue;
		}
		if (!decode_signature(one->base64, bytes, sizeof bytes, &bytes_count) ||
			bytes_count != sizeof bytes ||
			!verify_signature(vkey->public_key, note->text, bytes + KEY_ID_BYTES)) {
			return NOTE_FORGED;
		}
		fault = NOTE_OK;
	}
	return fault;
}

/* ---- texts ---- */

size_t note_checkpoint_print(
	const struct note_checkpoint *checkpoint, char ret_text[NOTE_TEXT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_text, NOTE_TEXT_BYTES_MAX);

	assert(checkpoint->origin.bytes_count <= ORIGIN_BYTES_MAX);
	put_line(&out, checkpoint->origin);
	put_number_line(&out, checkpoint->size);
	put_hash_line(&out, &checkpoint->root);
	return end_text(&out);
}

size_t note_audit_print(const struct note_audit *audit, char ret_text[NOTE_TEXT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_text, NOTE_TEXT_BYTES_MAX);

	assert(audit->origin.bytes_count <= ORIGIN_BYTES_MAX);
	put_text(&out, AUDIT_HEADER "\n");
	put_line(&out, audit->origin);
	put_number_line(&out, audit->count);
	put_hash_line(&out, &audit->head);
	return end_text(&out);
}

size_t note_snapshot_print(const struct note_snapshot *snapshot, char ret_text[NOTE_TEXT_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_text, NOTE_TEXT_BYTES_MAX);

	assert(snapshot->origin.bytes_count <= ORIGIN_BYTES_MAX);
	put_text(&out, SNAPSHOT_HEADER "\n");
	put_line(&out, snapshot->origin);
	put_number_line(&out, snapshot->first_seq);
	put_number_line(&out, snapshot->size);
	put_hash_line(&out, &snapshot->root);
	put_hash_line(&out, &snapshot->manifest_sha256);
	return end_text(&out);
}

/* A text is taken line by line; the first fault stays. */
struct lines {
	struct slice rest;
	enum note_fault fault;
};

static struct slice next_line(struct lines *lines)
{
	struct slice line = { NULL, 0 };

	if (lines->fault == NOTE_OK && !line_take(&lines->rest, &line)) {
		lines->fault = NOTE_LINES;
	}
	return line;
}

static void blame(struct lines *lines, enum note_fault fault)
{
	if (lines->fault == NOTE_OK) {
		lines->fault = fault;
	}
}

static void take_header(struct lines *lines, const char *header)
{
	struct slice line = next_line(lines);

	if (!same(line, (struct slice){ (const uint8_t *)header, strlen(header) })) {
		blame(lines, NOTE_HEADER);
	}
}

static struct slice take_origin(struct lines *lines)
{
	struct slice line = next_line(lines);

	if (line.bytes_count == 0 || line.bytes_count > NOTE_NAME_BYTES_MAX) {
		blame(lines, NOTE_ORIGIN);
	}
	return line;
}

static uint64_t take_number(struct lines *lines)
{
	struct slice line = next_line(lines);
	uint64_t number = 0;

	if (!line_number(line, MERKLE_SIZE_MAX, &number)) {
		blame(lines, NOTE_NUMBER);
	}
	return number;
}

static struct hash take_hash(struct lines *lines)
{
	struct slice line = next_line(lines);
	struct hash hash = { { 0 } };
	size_t bytes_count = 0;

	if (base64_decode((const char *)line.bytes, line.bytes_count, hash.bytes, HASH_BYTES,
		    &bytes_count) != ERR_OK ||
		bytes_count != HASH_BYTES) {
		blame(lines, NOTE_HASH);
	}
	return hash;
}

static enum note_fault end_lines(struct lines *lines)
{
	if (lines->rest.bytes_count > 0) {
		blame(lines, NOTE_LINES);
	}
	return lines->fault;
}

static void check_extensions(struct lines *lines)
{
	struct lines rest = *lines;

	while (rest.fault == NOTE_OK && rest.rest.bytes_count > 0) {
		if (next_line(&rest).bytes_count == 0) {
			blame(&rest, NOTE_EXTENSION);
		}
	}
	lines->fault = rest.fault;
}

enum note_fault note_checkpoint_parse(struct slice text, struct note_checkpoint *ret_checkpoint)
{
	struct lines lines = { .rest = text };
	struct note_checkpoint checkpoint;

	checkpoint.origin = take_origin(&lines);
	checkpoint.size = take_number(&lines);
	checkpoint.root = take_hash(&lines);
	check_extensions(&lines);
	checkpoint.extensions = lines.rest;
	if (lines.fault == NOTE_OK) {
		*ret_checkpoint = checkpoint;
	}
	return lines.fault;
}

enum note_fault note_audit_parse(struct slice text, struct note_audit *ret_audit)
{
	struct lines lines = { .rest = text };
	struct note_audit audit;

	take_header(&lines, AUDIT_HEADER);
	audit.origin = take_origin(&lines);
	audit.count = take_number(&lines);
	audit.head = take_hash(&lines);
	if (end_lines(&lines) == NOTE_OK) {
		*ret_audit = audit;
	}
	return lines.fault;
}

enum note_fault note_snapshot_parse(struct slice text, struct note_snapshot *ret_snapshot)
{
	struct lines lines = { .rest = text };
	struct note_snapshot snapshot;

	take_header(&lines, SNAPSHOT_HEADER);
	snapshot.origin = take_origin(&lines);
	snapshot.first_seq = take_number(&lines);
	snapshot.size = take_number(&lines);
	snapshot.root = take_hash(&lines);
	snapshot.manifest_sha256 = take_hash(&lines);
	if (end_lines(&lines) == NOTE_OK) {
		*ret_snapshot = snapshot;
	}
	return lines.fault;
}
