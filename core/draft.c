#include "core/draft.h"

enum flag {
	FLAG_REFUSED = 1 << 0,
	FLAG_COUNTER = 1 << 1,
	FLAG_ORIGINAL = 1 << 2,
	FLAG_EXPIRES = 1 << 3,
	FLAG_MEMO = 1 << 4,
	FLAG_LANE = 1 << 5,
	FLAG_RECEIPT = 1 << 6,
	FLAGS_ALL = (1 << 7) - 1,
};

static unsigned flags_of(const struct draft *draft)
{
	const struct entry *entry = &draft->entry;
	unsigned flags = 0;

	if (draft->refused != DETAIL_NONE) {
		return FLAG_REFUSED;
	}
	flags |= entry->counter_account.bytes_count > 0 ? FLAG_COUNTER : 0u;
	flags |= !entry_id_is_none(&entry->original_id) ? FLAG_ORIGINAL : 0u;
	flags |= entry->expires_unix_ms != 0 ? FLAG_EXPIRES : 0u;
	flags |= draft->has_memo ? FLAG_MEMO : 0u;
	flags |= draft->lane != LANE_NONE ? FLAG_LANE : 0u;
	flags |= draft->receipt.bytes_count > 0 ? FLAG_RECEIPT : 0u;
	return flags;
}

static void put_optional(struct byte_writer *out, const struct draft *draft, unsigned flags)
{
	const struct entry *entry = &draft->entry;

	if (flags & FLAG_COUNTER) {
		byte_put_string8(out, entry->counter_account);
	}
	if (flags & FLAG_ORIGINAL) {
		byte_put_id128(out, &entry->original_id);
	}
	if (flags & FLAG_EXPIRES) {
		byte_put_u64(out, entry->expires_unix_ms);
	}
	if (flags & FLAG_MEMO) {
		byte_put_bytes(out, draft->salt, sizeof draft->salt);
		byte_put_hash(out, &entry->memo_hash);
		byte_put_slice16(out, draft->memo);
	}
	if (flags & FLAG_LANE) {
		byte_put_u8(out, (uint8_t)draft->lane);
		byte_put_u64(out, draft->lane_nonce);
	}
	if (flags & FLAG_RECEIPT) {
		byte_put_hash(out, &entry->receipt_hash);
		byte_put_slice16(out, draft->receipt);
	}
}

void draft_encode(struct byte_writer *out, const struct draft *draft)
{
	const struct entry *entry = &draft->entry;
	unsigned flags = flags_of(draft);
	struct byte_writer to = *out; /* in registers: no byte that is written is part of it */

	assert(draft->memo.bytes_count <= MEMO_BYTES_MAX);
	assert(draft->receipt.bytes_count <= DRAFT_RECEIPT_BYTES_MAX);
	byte_put_u16(&to, (uint16_t)flags);
	byte_put_u32(&to, draft->idx);
	byte_put_u8(&to, (uint8_t)entry->kind);
	byte_put_string8(&to, entry->asset);
	if (flags & FLAG_REFUSED) {
		byte_put_u8(&to, (uint8_t)draft->refused);
		*out = to;
		return;
	}
	byte_put_id128(&to, &entry->id);
	byte_put_u64(&to, entry->ts_unix_ms);
	byte_put_string8(&to, entry->account);
	byte_put_u128(&to, entry->amount);
	byte_put_id128(&to, &entry->nonce);
	byte_put_u32(&to, entry->kid);
	byte_put_string8(&to, entry->capability_ref);
	*out = to;
	put_optional(out, draft, flags);
}

/* A flag whose member then is the value for "none" would be a second encoding. */
static void get_optional(struct byte_reader *in, unsigned flags, struct draft *draft)
{
	struct entry *entry = &draft->entry;

	if (flags & FLAG_COUNTER) {
		entry->counter_account = byte_get_string8(in, ACCOUNT_BYTES_MAX);
		in->failed = in->failed || entry->counter_account.bytes_count == 0;
	}
	if (flags & FLAG_ORIGINAL) {
		entry->original_id = byte_get_id128(in);
		in->failed = in->failed || entry_id_is_none(&entry->original_id);
	}
	if (flags & FLAG_EXPIRES) {
		entry->expires_unix_ms = byte_get_u64(in);
		in->failed = in->failed || entry->expires_unix_ms == 0;
	}
	if (flags & FLAG_MEMO) {
		const uint8_t *salt = byte_take(in, ENTRY_SALT_BYTES);

		if (salt != NULL) {
			memcpy(draft->salt, salt, ENTRY_SALT_BYTES);
		}
		draft->has_memo = true;
		entry->memo_hash = byte_get_hash(in);
		draft->memo = byte_get_slice16(in, MEMO_BYTES_MAX);
		in->failed = in->failed || entry_hash_is_none(&entry->memo_hash);
	}
	if (flags & FLAG_LANE) {
		uint8_t lane = byte_get_u8(in);

		draft->lane = lane == LANE_DEBIT ? LANE_DEBIT : LANE_ISSUE;
		draft->lane_nonce = byte_get_u64(in);
		in->failed = in->failed || (lane != LANE_DEBIT && lane != LANE_ISSUE);
	}
	if (flags & FLAG_RECEIPT) {
		entry->receipt_hash = byte_get_hash(in);
		draft->receipt = byte_get_slice16(in, DRAFT_RECEIPT_BYTES_MAX);
		in->failed = in->failed || draft->receipt.bytes_count == 0;
	}
}

static void get_refused(struct byte_reader *in, struct draft *draft)
{
	uint8_t detail = byte_get_u8(in);

	if (detail == DETAIL_NONE || detail >= DETAIL_COUNT) {
		in->failed = true;
		return;
	}
	draft->refused = (enum detail)detail;
}

static void get_judgeable(struct byte_reader *in, unsigned flags, struct draft *draft)
{
	struct entry *entry = &draft->entry;

	entry->id = byte_get_id128(in);
	entry->ts_unix_ms = byte_get_u64(in);
	entry->account = byte_get_string8(in, ACCOUNT_BYTES_MAX);
	entry->amount = byte_get_u128(in);
	entry->nonce = byte_get_id128(in);
	entry->kid = byte_get_u32(in);
	entry->capability_ref = byte_get_string8(in, ENTRY_CAPABILITY_REF_BYTES_MAX);
	get_optional(in, flags, draft);
	in->failed = in->failed || entry->kind == 0;
}

enum err draft_decode(struct byte_reader *in, enum entry_source source, struct draft *ret_draft)
{
	struct draft draft = { .entry.source = source };
	unsigned flags = byte_get_u16(in);
	uint8_t kind;

	draft.idx = byte_get_u32(in);
	kind = byte_get_u8(in);
	draft.entry.asset = byte_get_string8(in, ASSET_BYTES_MAX);
	if (kind > ENTRY_REVERSE || (flags & ~(unsigned)FLAGS_ALL) != 0 ||
		(source != SOURCE_V1 && (flags & FLAG_RECEIPT) != 0)) {
		return ERR_MALFORMED;
	}
	draft.entry.kind = (enum entry_kind)kind;
	if (flags == FLAG_REFUSED) {
		get_refused(in, &draft);
	} else if ((flags & FLAG_REFUSED) != 0) {
		return ERR_MALFORMED;
	} else {
		get_judgeable(in, flags, &draft);
	}
	if (in->failed) {
		return ERR_MALFORMED;
	}
	*ret_draft = draft;
	return ERR_OK;
}

/* Which optional members a kind must have or must not have. */
static enum detail check_members(const struct draft *draft)
{
	const struct entry *entry = &draft->entry;
	bool has_counter = entry->counter_account.bytes_count > 0;
	bool has_original = !entry_id_is_none(&entry->original_id);

	if (has_counter != (entry->kind == ENTRY_TRANSFER)) {
		return DETAIL_COUNTER_ACCOUNT;
	}
	if (has_original && entry->kind != ENTRY_TRANSFER && entry->kind != ENTRY_REVERSE) {
		return DETAIL_ORIGINAL_ID;
	}
	if (!has_original && entry->kind == ENTRY_REVERSE) {
		return DETAIL_ORIGINAL_ID;
	}
	if (entry->expires_unix_ms != 0 && entry->kind != ENTRY_HOLD) {
		return DETAIL_EXPIRES_TS;
	}
	if (draft->memo.bytes_count > MEMO_BYTES_MAX) {
		return DETAIL_MEMO;
	}
	return DETAIL_NONE;
}

/* sys: accounts move by the ledger's own hand, with one exception: a reward pool may rise by
 * Mint or Transfer, and fall by the rewarder's intents. A Reverse names what its original
 * named; that it does is compared with the original. */
static enum detail check_sys(const struct entry *entry)
{
	struct slice rising = entry->kind == ENTRY_MINT ? entry->account : entry->counter_account;
	bool account_is_sys = entry_account_is_sys(entry->account);

	if (entry->kind == ENTRY_REVERSE) {
		return DETAIL_NONE;
	}
	if (entry_account_is_sys(rising) && !entry_account_is_reward_pool(rising, entry->asset)) {
		return DETAIL_SYS_ACCOUNT;
	}
	if (entry->source == SOURCE_REWARD) {
		return entry_account_is_reward_pool(entry->account, entry->asset) &&
				       entry->kind == ENTRY_TRANSFER
			       ? DETAIL_NONE
			       : DETAIL_POOL;
	}
	return account_is_sys && entry->kind != ENTRY_MINT ? DETAIL_SYS_ACCOUNT : DETAIL_NONE;
}

/* Every /v1 debit and issue has its nonce, and nothing else has one. */
static bool lane_fits(const struct draft *draft)
{
	const struct entry *entry = &draft->entry;

	if (entry->source != SOURCE_V1) {
		return draft->lane == LANE_NONE;
	}
	switch (entry->kind) {
	case ENTRY_MINT:
		return draft->lane == LANE_ISSUE;
	case ENTRY_BURN:
		return draft->lane == LANE_DEBIT;
	case ENTRY_TRANSFER:
		return draft->lane == LANE_DEBIT || !entry_id_is_none(&entry->original_id);
	case ENTRY_CREDIT:
	case ENTRY_DEBIT:
	case ENTRY_HOLD:
	case ENTRY_REVERSE:
		return draft->lane != LANE_ISSUE;
	}
	return false;
}

enum detail draft_check(const struct draft *draft)
{
	const struct entry *entry = &draft->entry;
	enum detail detail;

	if (draft->refused != DETAIL_NONE) {
		return draft->refused;
	}
	if (!entry_account_is_valid(entry->account)) {
		return DETAIL_ACCOUNT;
	}
	if (!entry_asset_is_valid(entry->asset)) {
		return DETAIL_ASSET;
	}
	if (entry->amount == 0) {
		return DETAIL_AMOUNT;
	}
	if (entry->ts_unix_ms > INT64_MAX) {
		return DETAIL_TS;
	}
	if (entry->capability_ref.bytes_count == 0) {
		return DETAIL_CAPABILITY_REF;
	}
	if (!lane_fits(draft)) {
		return DETAIL_NONCE;
	}
	detail = check_members(draft);
	if (detail != DETAIL_NONE) {
		return detail;
	}
	if (entry->kind == ENTRY_TRANSFER && !entry_account_is_valid(entry->counter_account)) {
		return DETAIL_COUNTER_ACCOUNT;
	}
	if (entry_views_equal(entry->account, entry->counter_account)) {
		return DETAIL_SELF_TRANSFER;
	}
	return check_sys(entry);
}
