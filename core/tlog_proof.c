#include "core/tlog_proof.h"

#include <string.h>

#include "core/base64.h"
#include "core/lines.h"

#define HEADER "c2sp.org/tlog-proof@v1"
#define EXTRA  "extra "
#define INDEX  "index "

_Static_assert(BASE64_TEXT_BYTES(HASH_BYTES) + 1 == 45, "a line for each hash");

const char *tlog_proof_fault_text(enum tlog_proof_fault fault)
{
	static const char *const texts[TLOG_PROOF_FAULT_COUNT] = {
#define AS_TEXT(NAME, text) [TLOG_PROOF_##NAME] = (text),
		TLOG_PROOF_FAULTS(AS_TEXT)
#undef AS_TEXT
	};

	assert(fault < TLOG_PROOF_FAULT_COUNT);
	return texts[fault];
}

static size_t put(char *text, const void *bytes, size_t bytes_count)
{
	memcpy(text, bytes, bytes_count);
	return bytes_count;
}

static size_t put_base64_line(char *text, const uint8_t *bytes, size_t bytes_count)
{
	size_t used = base64_encode(bytes, bytes_count, text);

	text[used++] = '\n';
	return used;
}

size_t tlog_proof_print(const struct tlog_proof *proof, char *ret_text)
{
	char digits[AMOUNT_TEXT_BYTES_MAX];
	size_t used = put(ret_text, HEADER "\n", strlen(HEADER) + 1);

	assert(proof->extra.bytes_count <= TLOG_PROOF_EXTRA_BYTES_MAX);
	assert(proof->index <= MERKLE_SIZE_MAX);
	assert(proof->path.hash_count <= MERKLE_PROOF_HASHES_MAX);
	assert(proof->checkpoint.bytes_count > 0);
	if (proof->extra.bytes_count > 0) {
		used += put(ret_text + used, EXTRA, strlen(EXTRA));
		used += put_base64_line(
			ret_text + used, proof->extra.bytes, proof->extra.bytes_count);
	}
	used += put(ret_text + used, INDEX, strlen(INDEX));
	used += put(ret_text + used, digits, amount_print(proof->index, digits));
	ret_text[used++] = '\n';
	for (size_t i = 0; i < proof->path.hash_count; i++) {
		used += put_base64_line(ret_text + used, proof->path.hashes[i].bytes, HASH_BYTES);
	}
	ret_text[used++] = '\n';
	used += put(ret_text + used, proof->checkpoint.bytes, proof->checkpoint.bytes_count);
	ret_text[used] = '\0';
	return used;
}

static bool decode(struct slice text, uint8_t *ret_bytes, size_t bytes_max, size_t *ret_count)
{
	return base64_decode((const char *)text.bytes, text.bytes_count, ret_bytes, bytes_max,
		       ret_count) == ERR_OK;
}

/* Hashes up to and including the empty line. */
static enum tlog_proof_fault take_hashes(struct slice *text, struct merkle_proof *ret_path)
{
	struct slice line;
	size_t bytes_count = 0;

	ret_path->hash_count = 0;
	for (;;) {
		if (!line_take(text, &line)) {
			return TLOG_PROOF_CUT;
		}
		if (line.bytes_count == 0) {
			return TLOG_PROOF_OK;
		}
		if (ret_path->hash_count == MERKLE_PROOF_HASHES_MAX) {
			return TLOG_PROOF_HASH_COUNT;
		}
		if (!decode(line, ret_path->hashes[ret_path->hash_count].bytes, HASH_BYTES,
			    &bytes_count) ||
			bytes_count != HASH_BYTES) {
			return TLOG_PROOF_HASH;
		}
		ret_path->hash_count++;
	}
}

enum tlog_proof_fault tlog_proof_parse(struct slice text, uint8_t *extra_buffer,
	size_t extra_bytes_max, struct tlog_proof *ret_proof)
{
	enum tlog_proof_fault fault;
	struct slice line;

	if (!line_take_word(&text, HEADER "\n")) {
		return TLOG_PROOF_HEADER;
	}
	ret_proof->extra = (struct slice){ extra_buffer, 0 };
	if (line_take_word(&text, EXTRA)) {
		if (!line_take(&text, &line) ||
			!decode(line, extra_buffer, extra_bytes_max,
				&ret_proof->extra.bytes_count) ||
			ret_proof->extra.bytes_count == 0) {
			return TLOG_PROOF_EXTRA; /* no extra is no line, not an empty one */
		}
	}
	if (!line_take_word(&text, INDEX) || !line_take(&text, &line) ||
		!line_number(line, MERKLE_SIZE_MAX, &ret_proof->index)) {
		return TLOG_PROOF_INDEX;
	}
	fault = take_hashes(&text, &ret_proof->path);
	if (fault != TLOG_PROOF_OK) {
		return fault;
	}
	ret_proof->checkpoint = text;
	return text.bytes_count > 0 ? TLOG_PROOF_OK : TLOG_PROOF_CUT;
}

bool tlog_proof_verify(
	const struct tlog_proof *proof, struct slice leaf, uint64_t size, const struct hash *root)
{
	struct hash leaf_hash;

	merkle_leaf(MERKLE_SHA256, leaf.bytes, leaf.bytes_count, &leaf_hash);
	return merkle_verify_inclusion(MERKLE_SHA256, &leaf_hash, proof->index, size,
		proof->path.hashes, proof->path.hash_count, root);
}
