#include "core/batch.h"

enum flag {
	FLAG_MEMO = 1 << 0,
	FLAG_RECEIPT = 1 << 1,
	FLAG_IDEM = 1 << 2,
	FLAG_LANE = 1 << 3,
	FLAGS_ALL = (1 << 4) - 1,
};

/* flags, two previous seqs, two fingerprints, the leaf's length */
#define ENTRY_LEAF_OFFSET (1u + 4 * 8u + 2u)

/* Leaves room for the head; end() fills in what became of the body. A record without room is
 * not there at all: the writer fails before or in the body, and nobody reads it. */
static uint8_t *begin(struct byte_writer *out, enum batch_type type)
{
	uint8_t *head = out->next;

	byte_put_u8(out, (uint8_t)type);
	byte_put_u32(out, 0);
	return head;
}

static void end(struct byte_writer *out, uint8_t *head)
{
	struct byte_writer length = byte_writer_of(head + 1, sizeof(uint32_t));

	if (!out->failed) {
		byte_put_u32(&length, (uint32_t)(out->next - head - (ptrdiff_t)BATCH_HEAD_BYTES));
	}
}

void batch_put_entry(struct byte_writer *out, const struct batch_entry *entry)
{
	struct byte_writer to = *out; /* in registers: no byte that is written is part of it */
	uint8_t *head = begin(&to, BATCH_ENTRY);
	unsigned flags = (entry->has_memo ? FLAG_MEMO : 0u) |
			 (entry->receipt.bytes_count > 0 ? FLAG_RECEIPT : 0u) |
			 (entry->idem_id.bytes_count > 0 ? FLAG_IDEM : 0u) |
			 (entry->lane != 0 ? FLAG_LANE : 0u);

	assert(entry->leaf.bytes_count <= ENTRY_LEAF_BYTES_MAX);
	assert(entry->memo.bytes_count <= MEMO_BYTES_MAX);
	assert(entry->receipt.bytes_count <= BATCH_RECEIPT_BYTES_MAX);
	assert(entry->idem_id.bytes_count <= IDEM_ID_BYTES_MAX);
	byte_put_u8(&to, (uint8_t)flags);
	byte_put_u64(&to, entry->prev_account_seq);
	byte_put_u64(&to, entry->prev_counter_seq);
	byte_put_u64(&to, entry->key_fingerprint);
	byte_put_u64(&to, entry->id_fingerprint);
	byte_put_slice16(&to, entry->leaf);
	if (flags & FLAG_MEMO) {
		byte_put_bytes(&to, entry->salt, sizeof entry->salt);
		byte_put_slice16(&to, entry->memo);
	}
	if (flags & FLAG_RECEIPT) {
		byte_put_slice16(&to, entry->receipt);
	}
	if (flags & FLAG_IDEM) {
		byte_put_string8(&to, entry->idem_id);
	}
	if (flags & FLAG_LANE) {
		byte_put_u8(&to, entry->lane);
		byte_put_u64(&to, entry->lane_nonce);
	}
	end(&to, head);
	*out = to;
}

void batch_put_account(struct byte_writer *out, const struct batch_account *account)
{
	uint8_t *head = begin(out, BATCH_ACCOUNT);

	byte_put_u32(out, account->index);
	byte_put_string8(out, account->name);
	byte_put_string8(out, account->asset);
	end(out, head);
}

void batch_put_chunk(struct byte_writer *out, const struct batch_chunk *chunk)
{
	struct byte_writer to = *out; /* like in batch_put_entry */
	uint8_t *head = begin(&to, BATCH_CHUNK);

	assert(chunk->count >= 1 && chunk->count <= BATCH_CHUNK_ACCOUNTS);
	byte_put_u32(&to, chunk->number);
	byte_put_u64(&to, chunk->true_at_seq);
	byte_put_u8(&to, chunk->count);
	for (size_t i = 0; i < chunk->count; i++) {
		byte_put_u128(&to, chunk->balances[i].available);
		byte_put_u128(&to, chunk->balances[i].held);
		byte_put_u64(&to, chunk->balances[i].last_seq);
		byte_put_u128(&to, chunk->balances[i].spent);
		byte_put_u32(&to, chunk->balances[i].day);
	}
	end(&to, head);
	*out = to;
}

void batch_put_claim(struct byte_writer *out, const struct batch_claim *claim)
{
	uint8_t *head = begin(out, BATCH_CLAIM);

	byte_put_u64(out, claim->original_seq);
	byte_put_id128(out, &claim->original_id);
	byte_put_u8(out, (uint8_t)claim->effect);
	byte_put_u32(out, claim->account_index);
	byte_put_u128(out, claim->amount);
	byte_put_u128(out, claim->taken);
	byte_put_u64(out, claim->expires_unix_ms);
	end(out, head);
}

void batch_put_counter(struct byte_writer *out, const struct batch_counter *counter)
{
	uint8_t *head = begin(out, BATCH_COUNTER);

	byte_put_u32(out, counter->number);
	byte_put_id128(out, &counter->counter_id);
	byte_put_u32(out, counter->day);
	byte_put_u128(out, counter->spent);
	byte_put_string8(out, counter->asset);
	end(out, head);
}

void batch_put_control(struct byte_writer *out, const struct batch_control *control)
{
	uint8_t *head = begin(out, BATCH_CONTROL);

	assert(control->value.bytes_count <= BATCH_CONTROL_VALUE_BYTES_MAX);
	assert(control->actor.bytes_count <= BATCH_CONTROL_ACTOR_BYTES_MAX);
	assert(control->reason.bytes_count <= BATCH_CONTROL_REASON_BYTES_MAX);
	byte_put_u8(out, (uint8_t)control->kind);
	byte_put_u8(out, (uint8_t)control->scope);
	byte_put_u64(out, control->after_seq);
	byte_put_u64(out, control->ts_unix_ms);
	byte_put_u128(out, control->amount);
	byte_put_slice16(out, control->value);
	byte_put_string8(out, control->actor);
	byte_put_slice16(out, control->reason);
	end(out, head);
}

void batch_put_audit(struct byte_writer *out, const struct batch_audit *audit)
{
	uint8_t *head = begin(out, BATCH_AUDIT);

	assert(audit->bytes.bytes_count <= BATCH_AUDIT_BYTES_MAX);
	byte_put_u64(out, audit->ts_unix_ms);
	byte_put_u16(out, audit->kind);
	byte_put_slice16(out, audit->bytes);
	end(out, head);
}

static void get_entry_optional(struct byte_reader *in, unsigned flags, struct batch_entry *entry)
{
	if (flags & FLAG_MEMO) {
		const uint8_t *salt = byte_take(in, ENTRY_SALT_BYTES);

		if (salt != NULL) {
			memcpy(entry->salt, salt, ENTRY_SALT_BYTES);
		}
		entry->has_memo = true;
		entry->memo = byte_get_slice16(in, MEMO_BYTES_MAX);
	}
	if (flags & FLAG_RECEIPT) {
		entry->receipt = byte_get_slice16(in, BATCH_RECEIPT_BYTES_MAX);
		in->failed = in->failed || entry->receipt.bytes_count == 0;
	}
	if (flags & FLAG_IDEM) {
		entry->idem_id = byte_get_string8(in, IDEM_ID_BYTES_MAX);
		in->failed = in->failed || entry->idem_id.bytes_count == 0;
	}
	if (flags & FLAG_LANE) {
		entry->lane = byte_get_u8(in);
		entry->lane_nonce = byte_get_u64(in);
		in->failed = in->failed || entry->lane == 0 || entry->lane > LANE_ISSUE;
	}
}

enum err batch_get_entry(struct slice body, struct batch_entry *ret_entry)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_entry entry = { 0 };
	unsigned flags = byte_get_u8(&in);

	entry.prev_account_seq = byte_get_u64(&in);
	entry.prev_counter_seq = byte_get_u64(&in);
	entry.key_fingerprint = byte_get_u64(&in);
	entry.id_fingerprint = byte_get_u64(&in);
	entry.leaf = byte_get_slice16(&in, ENTRY_LEAF_BYTES_MAX);
	get_entry_optional(&in, flags, &entry);
	if (!byte_reader_done(&in) || flags > FLAGS_ALL) {
		return ERR_MALFORMED;
	}
	*ret_entry = entry;
	return ERR_OK;
}

enum err batch_get_account(struct slice body, struct batch_account *ret_account)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_account account = { 0 };

	account.index = byte_get_u32(&in);
	account.name = byte_get_string8(&in, ACCOUNT_BYTES_MAX);
	account.asset = byte_get_string8(&in, ASSET_BYTES_MAX);
	if (!byte_reader_done(&in) || !entry_account_is_valid(account.name) ||
		(account.asset.bytes_count > 0 && !entry_asset_is_valid(account.asset))) {
		return ERR_MALFORMED;
	}
	*ret_account = account;
	return ERR_OK;
}

enum err batch_get_chunk(struct slice body, struct batch_chunk *ret_chunk)
{
	struct byte_reader in = byte_reader_of(body);
	uint32_t number = byte_get_u32(&in);
	uint64_t true_at_seq = byte_get_u64(&in);
	uint8_t count = byte_get_u8(&in);

	if (in.failed || count == 0 || count > BATCH_CHUNK_ACCOUNTS ||
		in.left != (size_t)count * BATCH_CHUNK_ACCOUNT_BYTES) {
		return ERR_MALFORMED;
	}
	ret_chunk->number = number;
	ret_chunk->true_at_seq = true_at_seq;
	ret_chunk->count = count;
	for (size_t i = 0; i < count; i++) {
		ret_chunk->balances[i].available = byte_get_u128(&in);
		ret_chunk->balances[i].held = byte_get_u128(&in);
		ret_chunk->balances[i].last_seq = byte_get_u64(&in);
		ret_chunk->balances[i].spent = byte_get_u128(&in);
		ret_chunk->balances[i].day = byte_get_u32(&in);
	}
	return ERR_OK;
}

enum err batch_get_claim(struct slice body, struct batch_claim *ret_claim)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_claim claim = { 0 };
	uint8_t effect;

	claim.original_seq = byte_get_u64(&in);
	claim.original_id = byte_get_id128(&in);
	effect = byte_get_u8(&in);
	claim.account_index = byte_get_u32(&in);
	claim.amount = byte_get_u128(&in);
	claim.taken = byte_get_u128(&in);
	claim.expires_unix_ms = byte_get_u64(&in);
	if (!byte_reader_done(&in) || claim.original_seq == 0 || effect > EFFECT_GROUP_CREDIT) {
		return ERR_MALFORMED;
	}
	claim.effect = (enum entry_effect)effect;
	if (effect == EFFECT_NONE ? claim.taken > claim.amount
				  : claim.amount != 0 || claim.expires_unix_ms != 0) {
		return ERR_MALFORMED;
	}
	*ret_claim = claim;
	return ERR_OK;
}

enum err batch_get_counter(struct slice body, struct batch_counter *ret_counter)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_counter counter = { 0 };

	counter.number = byte_get_u32(&in);
	counter.counter_id = byte_get_id128(&in);
	counter.day = byte_get_u32(&in);
	counter.spent = byte_get_u128(&in);
	counter.asset = byte_get_string8(&in, ASSET_BYTES_MAX);
	if (!byte_reader_done(&in) ||
		(counter.asset.bytes_count > 0 && !entry_asset_is_valid(counter.asset))) {
		return ERR_MALFORMED;
	}
	*ret_counter = counter;
	return ERR_OK;
}

enum err batch_get_control(struct slice body, struct batch_control *ret_control)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_control control = { 0 };
	uint8_t kind = byte_get_u8(&in);
	uint8_t scope = byte_get_u8(&in);

	control.after_seq = byte_get_u64(&in);
	control.ts_unix_ms = byte_get_u64(&in);
	control.amount = byte_get_u128(&in);
	control.value = byte_get_slice16(&in, BATCH_CONTROL_VALUE_BYTES_MAX);
	control.actor = byte_get_string8(&in, BATCH_CONTROL_ACTOR_BYTES_MAX);
	control.reason = byte_get_slice16(&in, BATCH_CONTROL_REASON_BYTES_MAX);
	if (!byte_reader_done(&in) || kind < CONTROL_FREEZE || kind > CONTROL_SETTLED ||
		scope < SCOPE_GLOBAL || scope > SCOPE_REWARDS) {
		return ERR_MALFORMED;
	}
	control.kind = (enum batch_control_kind)kind;
	control.scope = (enum batch_control_scope)scope;
	*ret_control = control;
	return ERR_OK;
}

enum err batch_get_audit(struct slice body, struct batch_audit *ret_audit)
{
	struct byte_reader in = byte_reader_of(body);
	struct batch_audit audit = { 0 };

	audit.ts_unix_ms = byte_get_u64(&in);
	audit.kind = byte_get_u16(&in);
	audit.bytes = byte_get_slice16(&in, BATCH_AUDIT_BYTES_MAX);
	if (!byte_reader_done(&in)) {
		return ERR_MALFORMED;
	}
	*ret_audit = audit;
	return ERR_OK;
}

bool batch_next(struct byte_reader *in, struct batch_record *ret_record)
{
	uint8_t type;
	struct slice body;

	if (in->failed || in->left == 0) {
		return false;
	}
	type = byte_get_u8(in);
	body = byte_get_slice32(in, BATCH_BYTES_MAX);
	if (in->failed || type < BATCH_ENTRY || type > BATCH_AUDIT) {
		in->failed = true;
		return false;
	}
	*ret_record = (struct batch_record){ .type = (enum batch_type)type, .body = body };
	return true;
}

enum err batch_record_key(const struct batch_record *record, uint64_t *ret_key)
{
	struct byte_reader in = byte_reader_of(record->body);
	uint64_t key = 0;

	switch (record->type) {
	case BATCH_ACCOUNT:
	case BATCH_CHUNK:
	case BATCH_COUNTER:
		key = byte_get_u32(&in);
		break;
	case BATCH_CLAIM:
		key = byte_get_u64(&in);
		break;
	case BATCH_ENTRY:
	case BATCH_CONTROL:
	case BATCH_AUDIT:
		return ERR_MALFORMED;
	}
	if (in.failed) {
		return ERR_MALFORMED;
	}
	*ret_key = key;
	return ERR_OK;
}

bool batch_claim_is_closed(const struct batch_claim *claim)
{
	return claim->effect == EFFECT_NONE && claim->taken == claim->amount;
}

/* Of an ENTRY, without decoding the rest. */
static uint64_t body_seq(struct slice body)
{
	struct byte_reader in = byte_reader_of(body);

	(void)byte_take(&in, ENTRY_LEAF_OFFSET);
	(void)byte_get_u16(&in); /* the leaf's version */
	return byte_get_u64(&in);
}

enum err batch_find_entry(struct slice records, uint64_t seq, struct batch_entry *ret_entry)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;

	while (batch_next(&in, &record)) {
		if (record.type == BATCH_ENTRY && body_seq(record.body) == seq) {
			return batch_get_entry(record.body, ret_entry);
		}
	}
	return ERR_NOT_FOUND;
}

#define AS_CASE(NAME, name, number) \
	case number:                \
		return name;

const char *batch_control_kind_name(unsigned kind)
{
	switch (kind) {
		BATCH_CONTROL_KINDS(AS_CASE)
	default:
		return "?";
	}
}

const char *batch_control_scope_name(unsigned scope)
{
	switch (scope) {
		BATCH_CONTROL_SCOPES(AS_CASE)
	default:
		return "?";
	}
}
#undef AS_CASE
