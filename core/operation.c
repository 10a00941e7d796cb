#include "core/operation.h"

#include "core/blake3.h"
#include "core/caveat.h"
#include "core/json_out.h"
#include "core/sha256.h"
#include "core/ulid.h"

static const struct kind_row {
	const char *name;
	bool has_from, has_to, has_hold;
} kinds[OPERATION_KIND_MAX + 1] = {
#define AS_ROW(NAME, name, id, has_from, has_to, has_hold) \
	[id] = { name, has_from, has_to, has_hold },
	OPERATIONS(AS_ROW)
#undef AS_ROW
};

bool operation_kind_is_valid(unsigned kind)
{
	return kind >= OPERATION_ISSUE && kind <= OPERATION_KIND_MAX;
}

const char *operation_name(unsigned kind)
{
	return operation_kind_is_valid(kind) ? kinds[kind].name : "?";
}

bool operation_has_from(enum operation_kind kind)
{
	return kinds[kind].has_from;
}

bool operation_has_to(enum operation_kind kind)
{
	return kinds[kind].has_to;
}

bool operation_has_hold(enum operation_kind kind)
{
	return kinds[kind].has_hold;
}

static bool account_fits(struct slice account, bool is_wanted)
{
	return is_wanted ? entry_account_is_valid(account) : account.bytes_count == 0;
}

bool operation_is_sound(const struct operation *operation)
{
	const struct kind_row *kind;

	if (!operation_kind_is_valid(operation->kind)) {
		return false;
	}
	kind = &kinds[operation->kind];
	return account_fits(operation->from, kind->has_from) &&
	       account_fits(operation->to, kind->has_to) &&
	       entry_asset_is_valid(operation->asset) && operation->amount > 0 &&
	       operation->nonce >= 1 && operation->nonce <= OPERATION_NONCE_MAX &&
	       entry_id_is_none(&operation->hold) != kind->has_hold &&
	       (operation->expires_unix_ms == 0 || operation->kind == OPERATION_HOLD) &&
	       operation->expires_unix_ms <= INT64_MAX &&
	       operation->memo.bytes_count <= MEMO_BYTES_MAX &&
	       (operation->has_memo || operation->memo.bytes_count == 0);
}

static bool is_key_byte(uint8_t byte)
{
	return (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
	       (byte >= 'a' && byte <= 'z') || byte == '.' || byte == '_' || byte == ':' ||
	       byte == '-';
}

bool operation_key_is_valid(struct slice key)
{
	for (size_t i = 0; i < key.bytes_count; i++) {
		if (!is_key_byte(key.bytes[i])) {
			return false;
		}
	}
	return key.bytes_count >= 1 && key.bytes_count <= OPERATION_KEY_BYTES_MAX;
}

struct slice operation_principal(const struct operation *operation)
{
	return kinds[operation->kind].has_from ? operation->from : operation->to;
}

enum draft_lane operation_lane(const struct operation *operation)
{
	return operation->kind == OPERATION_ISSUE ? LANE_ISSUE : LANE_DEBIT;
}

uint32_t operation_action(enum operation_kind kind)
{
	switch (kind) {
	case OPERATION_ISSUE:
		return CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_ISSUE);
	case OPERATION_TRANSFER:
		return CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_TRANSFER);
	case OPERATION_BURN:
		return CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_BURN);
	case OPERATION_HOLD:
	case OPERATION_CAPTURE:
	case OPERATION_RELEASE:
		break;
	}
	return CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_HOLD);
}

/* ---- what it is known by ---- */

/* Names without a byte to escape, numbers, and a memo of which each byte may become six. */
#define CANONICAL_BYTES_MAX (1024u + 6u * MEMO_BYTES_MAX)

static void put_slice(struct json_out *out, const char *key, struct slice text)
{
	if (text.bytes_count > 0) {
		json_out_key(out, key);
		json_out_string(out, text);
	}
}

/* Keys sorted bytewise, what is absent left out (spec/wallet.md W-O03). */
static void put_canonical(struct json_out *out, const struct operation *operation)
{
	char hold[OPERATION_TXID_BYTES + 1];

	json_out_object_begin(out);
	json_out_key(out, "amount_minor");
	json_out_u128(out, operation->amount);
	put_slice(out, "asset", operation->asset);
	if (operation->expires_unix_ms != 0) {
		json_out_key(out, "expires_ts");
		json_out_u64(out, operation->expires_unix_ms);
	}
	put_slice(out, "from", operation->from);
	if (operation_has_hold(operation->kind)) {
		operation_txid_print(&operation->hold, hold);
		json_out_key(out, "hold");
		json_out_text(out, hold);
	}
	if (operation->has_memo) {
		json_out_key(out, "memo");
		json_out_string(out, operation->memo);
	}
	json_out_key(out, "nonce");
	json_out_u64(out, operation->nonce);
	json_out_key(out, "op");
	json_out_text(out, operation_name(operation->kind));
	put_slice(out, "to", operation->to);
	json_out_object_end(out);
}

void operation_fingerprint(const struct operation *operation, struct hash *ret_fingerprint)
{
	uint8_t bytes[CANONICAL_BYTES_MAX];
	struct json_out out;
	size_t bytes_count = 0;
	enum err err;

	json_out_init(&out, bytes, sizeof bytes);
	put_canonical(&out, operation);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* operation_is_sound() bounds each member */
	blake3_hash(bytes, bytes_count, ret_fingerprint);
}

void operation_ledger_nonce(const struct operation *operation, struct id128 *ret_nonce)
{
	static const char domain[] = "macronode.wallet.nonce/v1\n";
	uint8_t bytes[sizeof domain - 1 + 1 + 1 + ACCOUNT_BYTES_MAX + 8];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
	struct hash hash;

	byte_put_bytes(&out, domain, sizeof domain - 1);
	byte_put_u8(&out, (uint8_t)operation_lane(operation));
	byte_put_string8(&out, operation_principal(operation));
	byte_put_u64(&out, operation->nonce);
	assert(!out.failed);
	sha256_hash(bytes, out.used, &hash);
	memcpy(ret_nonce->bytes, hash.bytes, ID_BYTES);
}

/* ---- its entry ---- */

static enum entry_kind entry_kind_of(enum operation_kind kind)
{
	switch (kind) {
	case OPERATION_ISSUE:
		return ENTRY_MINT;
	case OPERATION_BURN:
		return ENTRY_BURN;
	case OPERATION_HOLD:
		return ENTRY_HOLD;
	case OPERATION_RELEASE:
		return ENTRY_REVERSE;
	case OPERATION_TRANSFER:
	case OPERATION_CAPTURE:
		break;
	}
	return ENTRY_TRANSFER;
}

void operation_draft(const struct operation *operation, struct draft *ret_draft)
{
	*ret_draft = (struct draft){
		.entry = {
			.kind = entry_kind_of(operation->kind),
			.source = SOURCE_V1,
			.account = operation_principal(operation),
			.asset = operation->asset,
			.amount = operation->amount,
			.original_id = operation->hold,
			.expires_unix_ms = operation->expires_unix_ms,
		},
		.has_memo = operation->has_memo,
		.memo = operation->memo,
		.lane = operation_lane(operation),
		.lane_nonce = operation->nonce,
	};
	if (ret_draft->entry.kind == ENTRY_TRANSFER) {
		ret_draft->entry.counter_account = operation->to;
	}
	operation_ledger_nonce(operation, &ret_draft->entry.nonce);
}

/* A hold that is captured or released is its original, before and after it is numbered; of a
 * Reverse, effect says of what. */
static enum operation_kind kind_of_entry(const struct entry *entry)
{
	switch (entry->kind) {
	case ENTRY_MINT:
		return OPERATION_ISSUE;
	case ENTRY_BURN:
		return OPERATION_BURN;
	case ENTRY_HOLD:
		return OPERATION_HOLD;
	case ENTRY_TRANSFER:
		return entry_id_is_none(&entry->original_id) ? OPERATION_TRANSFER
							     : OPERATION_CAPTURE;
	case ENTRY_REVERSE:
		return entry->effect == EFFECT_NONE || entry->effect == EFFECT_HOLD_RELEASE
			       ? OPERATION_RELEASE
			       : 0;
	case ENTRY_CREDIT:
	case ENTRY_DEBIT:
		break;
	}
	return 0;
}

bool operation_of_entry(
	const struct entry *entry, uint64_t lane_nonce, struct operation *ret_operation)
{
	struct operation operation = {
		.kind = kind_of_entry(entry),
		.asset = entry->asset,
		.amount = entry->amount,
		.nonce = lane_nonce,
		.hold = entry->original_id,
		.expires_unix_ms = entry->expires_unix_ms,
	};
	struct id128 nonce;

	if (!operation_kind_is_valid(operation.kind)) {
		return false;
	}
	*(operation_has_from(operation.kind) ? &operation.from : &operation.to) = entry->account;
	if (entry->kind == ENTRY_TRANSFER) {
		operation.to = entry->counter_account;
	}
	if (!operation_is_sound(&operation)) {
		return false;
	}
	operation_ledger_nonce(&operation, &nonce);
	if (memcmp(&nonce, &entry->nonce, sizeof nonce) != 0) {
		return false;
	}
	*ret_operation = operation;
	return true;
}

/* ---- txids ---- */

static const char txid_prefix[] = "tx_";
#define PREFIX_BYTES (sizeof txid_prefix - 1)

_Static_assert(OPERATION_TXID_BYTES == sizeof txid_prefix - 1 + ULID_TEXT_BYTES, "");

void operation_txid_print(const struct id128 *id, char ret_text[OPERATION_TXID_BYTES + 1])
{
	memcpy(ret_text, txid_prefix, PREFIX_BYTES);
	ulid_print(id, ret_text + PREFIX_BYTES);
}

bool operation_txid_parse(struct slice text, struct id128 *ret_id)
{
	return text.bytes_count == OPERATION_TXID_BYTES &&
	       memcmp(text.bytes, txid_prefix, PREFIX_BYTES) == 0 &&
	       ulid_parse((const char *)text.bytes + PREFIX_BYTES, ULID_TEXT_BYTES, ret_id) ==
		       ERR_OK &&
	       !entry_id_is_none(ret_id);
}
