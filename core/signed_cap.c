#include "core/signed_cap.h"

#include <assert.h>
#include <string.h>

#include "core/amount.h"
#include "core/base64.h"
#include "core/bytes.h"
#include "core/caveat.h"
#include "core/entry.h"
#include "core/sha256.h"

#define TEXT_HEAD                                                                    \
	"{\"typ\":\"macaroon\",\"ver\":1,\"iss\":\"ron-kms\",\"aud\":\"macronode\"," \
	"\"alg\":\""
#define TEXT_ALG      "Ed25519"
#define TEXT_KID      "\",\"kid\":"
#define TEXT_NBF      ",\"nbf\":"
#define TEXT_EXP      ",\"exp\":"
#define TEXT_CAVEATS  ",\"caveats\":["
#define TEXT_SIG      ",\"sig\":\""
#define TEXT_END      "\"}"
#define SIG_TEXT      BASE64_URL_TEXT_BYTES(SIGNED_CAP_SIGNATURE_BYTES)
#define ALG_BYTES_MAX 32u

static const char *const fault_texts[SIGNED_CAP_FAULT_COUNT] = {
#define AS_TEXT(NAME, text) [SIGNED_CAP_##NAME] = (text),
	SIGNED_CAP_FAULTS(AS_TEXT)
#undef AS_TEXT
};

const char *signed_cap_fault_text(unsigned fault)
{
	return fault_texts[fault < SIGNED_CAP_FAULT_COUNT ? fault : SIGNED_CAP_FORM];
}

bool signed_cap_is_it(struct slice bytes)
{
	return bytes.bytes_count > 0 && bytes.bytes[0] == '{';
}

/* ---- reading ---- */

static bool take_text(struct byte_reader *in, const char *text)
{
	size_t count = strlen(text);
	const uint8_t *bytes = byte_take(in, count);

	return bytes != NULL && memcmp(bytes, text, count) == 0;
}

/* Up to a byte that is not taken. */
static bool take_until(
	struct byte_reader *in, uint8_t mark, size_t bytes_max, struct slice *ret_view)
{
	size_t room = in->left < bytes_max + 1 ? in->left : bytes_max + 1;
	const uint8_t *end = room == 0 ? NULL : memchr(in->next, mark, room);

	if (in->failed || end == NULL) {
		return false;
	}
	*ret_view = byte_get_view(in, (size_t)(end - in->next));
	return true;
}

static bool take_number(struct byte_reader *in, uint64_t max, uint64_t *ret_number)
{
	size_t count = 0;
	u128 number = 0;

	while (count < in->left && in->next[count] >= '0' && in->next[count] <= '9') {
		count++;
	}
	struct slice digits = byte_get_view(in, count);

	if (amount_parse((const char *)digits.bytes, digits.bytes_count, &number) != AMOUNT_OK ||
		number > max) {
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

/* Needs no escape in JSON, and is ASCII. */
static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.bytes_count; i++) {
		uint8_t byte = text.bytes[i];

		if (byte < ' ' || byte > '~' || byte == '"' || byte == '\\') {
			return false;
		}
	}
	return text.bytes_count > 0 && text.bytes_count <= CAVEAT_BYTES_MAX;
}

static enum signed_cap_fault take_caveats(struct byte_reader *in, struct signed_cap *cap)
{
	do {
		struct slice *caveat = &cap->caveats[cap->caveat_count];

		if (cap->caveat_count == TOKEN_CAVEATS_MAX) {
			return SIGNED_CAP_CAVEATS;
		}
		if (!take_text(in, "\"") || !take_until(in, '"', CAVEAT_BYTES_MAX, caveat) ||
			!is_plain(*caveat) || !take_text(in, "\"")) {
			return SIGNED_CAP_CAVEATS;
		}
		cap->caveat_count++;
	} while (in->left > 0 && *in->next == ',' && take_text(in, ","));
	return take_text(in, "]") ? SIGNED_CAP_OK : SIGNED_CAP_FORM;
}

static enum signed_cap_fault take_algorithm(struct byte_reader *in)
{
	struct slice name;

	if (!take_text(in, TEXT_HEAD) || !take_until(in, '"', ALG_BYTES_MAX, &name)) {
		return SIGNED_CAP_FORM;
	}
	if (entry_views_equal(name, ENTRY_VIEW(TEXT_ALG))) {
		return SIGNED_CAP_OK;
	}
	return entry_views_equal(name, ENTRY_VIEW("Dilithium3")) ||
			       entry_views_equal(name, ENTRY_VIEW("Hybrid-Ed25519+Dilithium3"))
		       ? SIGNED_CAP_POST_QUANTUM
		       : SIGNED_CAP_ALGORITHM;
}

static bool take_signature(struct byte_reader *in, struct signed_cap *cap)
{
	struct slice text;
	size_t bytes_count = 0;

	if (!take_text(in, TEXT_SIG)) {
		return false;
	}
	text = byte_get_view(in, SIG_TEXT);
	return !in->failed &&
	       base64_url_decode((const char *)text.bytes, text.bytes_count, cap->signature,
		       sizeof cap->signature, &bytes_count) == ERR_OK &&
	       bytes_count == sizeof cap->signature && take_text(in, TEXT_END) &&
	       byte_reader_done(in);
}

enum signed_cap_fault signed_cap_parse(struct slice bytes, struct signed_cap *ret_cap)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct signed_cap cap = { 0 };
	uint64_t key_id = 0;
	enum signed_cap_fault fault = take_algorithm(&in);

	if (fault != SIGNED_CAP_OK) {
		return fault;
	}
	if (!take_text(&in, TEXT_KID) || !take_number(&in, UINT32_MAX, &key_id) ||
		!take_text(&in, TEXT_NBF) ||
		!take_number(&in, CAVEAT_UNIX_S_MAX, &cap.nbf_unix_s) ||
		!take_text(&in, TEXT_EXP) ||
		!take_number(&in, CAVEAT_UNIX_S_MAX, &cap.exp_unix_s) ||
		!take_text(&in, TEXT_CAVEATS)) {
		return SIGNED_CAP_FORM;
	}
	fault = take_caveats(&in, &cap);
	if (fault != SIGNED_CAP_OK) {
		return fault;
	}
	cap.key_id = (uint32_t)key_id;
	cap.signed_part = (struct slice){ bytes.bytes, bytes.bytes_count - in.left };
	if (!take_signature(&in, &cap)) {
		return SIGNED_CAP_FORM;
	}
	*ret_cap = cap;
	return SIGNED_CAP_OK;
}

/* ---- writing ---- */

static void put_text(struct byte_writer *out, const char *text)
{
	byte_put_bytes(out, text, strlen(text));
}

static void put_number(struct byte_writer *out, uint64_t number)
{
	char text[AMOUNT_TEXT_BYTES_MAX];

	byte_put_bytes(out, text, amount_print(number, text));
}

enum err signed_cap_write(struct signed_cap *cap, uint8_t *buffer, size_t buffer_bytes)
{
	struct byte_writer out = byte_writer_of(buffer, buffer_bytes);

	put_text(&out, TEXT_HEAD TEXT_ALG TEXT_KID);
	put_number(&out, cap->key_id);
	put_text(&out, TEXT_NBF);
	put_number(&out, cap->nbf_unix_s);
	put_text(&out, TEXT_EXP);
	put_number(&out, cap->exp_unix_s);
	put_text(&out, TEXT_CAVEATS);
	for (size_t i = 0; i < cap->caveat_count; i++) {
		if (!is_plain(cap->caveats[i])) {
			return ERR_MALFORMED;
		}
		put_text(&out, i == 0 ? "\"" : ",\"");
		byte_put_bytes(&out, cap->caveats[i].bytes, cap->caveats[i].bytes_count);
		put_text(&out, "\"");
	}
	put_text(&out, "]");
	cap->signed_part = (struct slice){ buffer, out.used };
	if (cap->caveat_count == 0) {
		return ERR_MALFORMED;
	}
	return out.failed ? ERR_TOO_LARGE : ERR_OK;
}

enum err signed_cap_finish(
	const struct signed_cap *cap, uint8_t *buffer, size_t buffer_bytes, size_t *ret_bytes)
{
	struct byte_writer out;
	char text[SIG_TEXT + 1];
	size_t used = cap->signed_part.bytes_count;

	assert(cap->signed_part.bytes == buffer && used <= buffer_bytes);
	out = byte_writer_of(buffer + used, buffer_bytes - used);
	put_text(&out, TEXT_SIG);
	byte_put_bytes(&out, text, base64_url_encode(cap->signature, sizeof cap->signature, text));
	put_text(&out, TEXT_END);
	*ret_bytes = used + out.used;
	return out.failed ? ERR_TOO_LARGE : ERR_OK;
}

/* ---- what it stands for ---- */

size_t signed_cap_message(
	const struct signed_cap *cap, uint8_t ret_message[SIGNED_CAP_MESSAGE_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(ret_message, SIGNED_CAP_MESSAGE_BYTES_MAX);

	put_text(&out, SIGNED_CAP_DOMAIN);
	byte_put_bytes(&out, cap->signed_part.bytes, cap->signed_part.bytes_count);
	put_text(&out, "}");
	assert(!out.failed); /* a token ends with more than that */
	return out.used;
}

static struct id128 half_hash(const struct slice *parts, size_t part_count)
{
	struct hash hash;
	struct id128 id;

	sha256_hash_parts(parts, part_count, &hash);
	memcpy(id.bytes, hash.bytes, sizeof id.bytes);
	return id;
}

struct id128 signed_cap_id(const struct signed_cap *cap)
{
	const struct slice parts[] = { cap->signed_part, ENTRY_VIEW("}") };

	return half_hash(parts, 2);
}

struct id128 signed_cap_counter_id(const struct id128 *capability, size_t place)
{
	uint8_t number = (uint8_t)place;
	const struct slice parts[] = {
		ENTRY_VIEW("macronode signed capability, day counter\n"),
		{ capability->bytes, ID_BYTES },
		{ &number, sizeof number },
	};

	return half_hash(parts, 3);
}
