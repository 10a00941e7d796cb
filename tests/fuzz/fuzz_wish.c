/* Bodies of POST under /v1. The first byte chooses the operation and whether it comes over OAP/1;
 * what is accepted is a sound operation, and printed as JSON it is read as an equal one. */
#include <string.h>

#include "core/json_out.h"
#include "services/prevalidator/wish.h"

#define TXID "tx_01JFA7Z2A7YQ4QW3EJ7N3N6D1X"

static const struct wish_frame frame = {
	.key = { (const uint8_t *)"k-1", 3 },
	.hold = { (const uint8_t *)TXID, sizeof TXID - 1 },
};

static void put(struct json_out *out, const char *name, struct slice text)
{
	if (text.bytes_count > 0) {
		json_out_key(out, name);
		json_out_string(out, text);
	}
}

static size_t print(const struct wish *wish, bool is_oap, uint8_t *bytes, size_t bytes_max)
{
	const struct operation *operation = &wish->operation;
	char txid[OPERATION_TXID_BYTES + 1];
	struct json_out out;
	size_t bytes_count = 0;
	enum err err;

	json_out_init(&out, bytes, bytes_max);
	json_out_object_begin(&out);
	put(&out, "from", operation->from);
	put(&out, "to", operation->to);
	put(&out, "asset", operation->asset);
	json_out_key(&out, "amount_minor");
	json_out_u128(&out, operation->amount);
	json_out_key(&out, "nonce");
	json_out_u64(&out, operation->nonce);
	if (operation->expires_unix_ms != 0) {
		json_out_key(&out, "expires_ts");
		json_out_u64(&out, operation->expires_unix_ms);
	}
	if (operation->has_memo) {
		json_out_key(&out, "memo");
		json_out_string(&out, operation->memo);
	}
	if (is_oap) {
		put(&out, "idempotency_key", wish->key);
		if (operation_has_hold(operation->kind)) {
			operation_txid_print(&operation->hold, txid);
			json_out_key(&out, "hold");
			json_out_text(&out, txid);
		}
	}
	json_out_object_end(&out);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* every member is bounded */
	return bytes_count;
}

static bool equal(const struct wish *a, const struct wish *b)
{
	struct hash left, right; /* of every member but the key */

	operation_fingerprint(&a->operation, &left);
	operation_fingerprint(&b->operation, &right);
	return memcmp(&left, &right, sizeof left) == 0 &&
	       a->key.bytes_count == b->key.bytes_count &&
	       memcmp(a->key.bytes, b->key.bytes, a->key.bytes_count) == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static struct json json;
	static struct wish wish, again;
	static uint8_t printed[8192];
	struct wish_frame of = frame;
	enum operation_kind kind;
	enum api_reason reason;
	const char *text;

	if (bytes_count == 0 || bytes_count > BODY_BYTES_MAX) {
		return 0;
	}
	kind = (enum operation_kind)(1 + (bytes[0] & 0x7f) % OPERATION_KIND_MAX);
	of.is_oap = (bytes[0] & 0x80) != 0;
	reason = wish_read(
		&wish, &json, (struct slice){ bytes + 1, bytes_count - 1 }, kind, &of, &text);
	assert((reason == API_REASON_NONE) == (text[0] == '\0'));
	if (reason != API_REASON_NONE) {
		return 0;
	}
	assert(wish.operation.kind == kind && operation_is_sound(&wish.operation));
	assert(operation_key_is_valid(wish.key));
	reason = wish_read(&again, &json,
		(struct slice){ printed, print(&wish, of.is_oap, printed, sizeof printed) }, kind,
		&of, &text);
	assert(reason == API_REASON_NONE && equal(&wish, &again));
	return 0;
}
