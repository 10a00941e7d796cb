#include "services/prevalidator/ingest.h"

#include "common/random.h"
#include "core/amount.h"
#include "core/base64.h"
#include "core/caveat_set.h"
#include "core/sha256.h"
#include "core/uuid.h"

#define DEFAULT_ASSET ENTRY_VIEW("ron")
#define BIT(number)   (UINT32_C(1) << (number))

/* --- tables --- */

struct member_row {
	struct slice name;
	bool required;
};

#define AS_ROW(NAME, name, required) { { (const uint8_t *)(name), sizeof(name) - 1 }, required },
static const struct member_row members[] = { INGEST_MEMBERS(AS_ROW) };
static const struct member_row entry_members[] = { INGEST_ENTRY_MEMBERS(AS_ROW) };
#undef AS_ROW

#define AS_BIT(NAME, name, required) | ((required) ? BIT(INGEST_MEMBER_##NAME) : 0u)
static const uint32_t members_required = 0u INGEST_MEMBERS(AS_BIT);
#undef AS_BIT

#define AS_BIT(NAME, name, required) | ((required) ? BIT(INGEST_ENTRY_##NAME) : 0u)
static const uint32_t entry_members_required = 0u INGEST_ENTRY_MEMBERS(AS_BIT);
#undef AS_BIT

enum detail ingest_fault_detail(enum ingest_fault fault)
{
	static const enum detail details[] = {
#define AS_DETAIL(NAME, detail) DETAIL_##detail,
		INGEST_FAULTS(AS_DETAIL)
#undef AS_DETAIL
	};

	return details[fault];
}

/* Clients write their members in the same order every time: what came behind the last one when
 * that was seen before is tried first. Returns row_count for a name that is none. */
static unsigned find_member(
	const struct member_row *rows, unsigned row_count, uint8_t *behind_last, struct slice name)
{
	if (entry_views_equal(rows[*behind_last].name, name)) {
		return *behind_last;
	}
	for (unsigned row = 0; row < row_count; row++) {
		if (entry_views_equal(rows[row].name, name)) {
			*behind_last = (uint8_t)row;
			return row;
		}
	}
	return row_count;
}

/* --- values --- */

/* 0 .. 2^63 - 1, as JSON writes an integer: no sign, point, exponent or leading zero, which is
 * what an amount is, too. */
static bool parse_integer(struct slice text, uint64_t *ret_value)
{
	u128 value;

	if (amount_parse((const char *)text.bytes, text.bytes_count, &value) != AMOUNT_OK ||
		value > INT64_MAX) {
		return false;
	}
	*ret_value = (uint64_t)value;
	return true;
}

static bool parse_id(struct slice text, struct id128 *ret_id)
{
	struct id128 id;

	if (uuid_parse((const char *)text.bytes, text.bytes_count, &id) != ERR_OK ||
		entry_id_is_none(&id)) { /* the ledger's word for "none" */
		return false;
	}
	*ret_id = id;
	return true;
}

static bool parse_nonce(struct slice text, struct id128 *ret_nonce)
{
	struct id128 nonce;
	size_t bytes_count = 0;

	if (base64_decode((const char *)text.bytes, text.bytes_count, nonce.bytes,
		    sizeof nonce.bytes, &bytes_count) != ERR_OK ||
		bytes_count != sizeof nonce.bytes) {
		return false;
	}
	*ret_nonce = nonce;
	return true;
}

static bool parse_amount(struct slice text, u128 *ret_amount)
{
	return amount_parse((const char *)text.bytes, text.bytes_count, ret_amount) == AMOUNT_OK;
}

static bool parse_kind(struct slice text, enum entry_kind *ret_kind)
{
	unsigned kind = entry_kind_parse(text);

	*ret_kind = (enum entry_kind)kind;
	return kind != 0;
}

/* The text is gone when the listener returns. */
static struct slice keep(uint8_t *room, struct slice text)
{
	if (text.bytes_count > 0) {
		memcpy(room, text.bytes, text.bytes_count);
	}
	return (struct slice){ room, text.bytes_count };
}

static bool keep_account(uint8_t *room, struct slice text, struct slice *ret_account)
{
	if (!entry_account_is_valid(text)) {
		return false;
	}
	*ret_account = keep(room, text);
	return true;
}

static bool keep_asset(uint8_t *room, struct slice text, struct slice *ret_asset)
{
	if (!entry_asset_is_valid(text)) {
		return false;
	}
	*ret_asset = keep(room, text);
	return true;
}

static bool keep_memo(struct ingest *ingest, struct slice text)
{
	if (text.bytes_count > MEMO_BYTES_MAX) {
		return false;
	}
	ingest->draft.memo = keep(ingest->memo, text);
	ingest->draft.has_memo = true;
	return true;
}

/* --- an entry --- */

static void refuse_entry(struct ingest *ingest, enum detail detail)
{
	if (ingest->draft.refused == DETAIL_NONE) {
		ingest->draft.refused = detail;
	}
}

static enum detail detail_of(enum ingest_entry_member member)
{
	switch (member) {
#define AS_CASE(NAME, name, required) \
	case INGEST_ENTRY_##NAME:     \
		return DETAIL_##NAME;
		INGEST_ENTRY_MEMBERS(AS_CASE)
#undef AS_CASE
	case INGEST_ENTRY_MEMBER_COUNT:
		break;
	}
	return DETAIL_UNKNOWN_FIELD;
}

static enum detail take_capability_ref(const struct ingest *ingest, struct slice text)
{
	struct slice ours = { (const uint8_t *)ingest->capability_ref,
		sizeof ingest->capability_ref - 1 };

	if (text.bytes_count == 0 || text.bytes_count > ENTRY_CAPABILITY_REF_BYTES_MAX) {
		return DETAIL_CAPABILITY_REF;
	}
	return entry_views_equal(text, ours) ? DETAIL_NONE : DETAIL_CAPABILITY_MISMATCH;
}

static bool take_string(struct ingest *ingest, enum ingest_entry_member member, struct slice text)
{
	struct entry *entry = &ingest->draft.entry;

	switch (member) {
	case INGEST_ENTRY_ID:
		return parse_id(text, &entry->id);
	case INGEST_ENTRY_KIND:
		return parse_kind(text, &entry->kind);
	case INGEST_ENTRY_ACCOUNT:
		return keep_account(ingest->account, text, &entry->account);
	case INGEST_ENTRY_AMOUNT:
		return parse_amount(text, &entry->amount);
	case INGEST_ENTRY_NONCE:
		return parse_nonce(text, &entry->nonce);
	case INGEST_ENTRY_CAPABILITY_REF:
		refuse_entry(ingest, take_capability_ref(ingest, text));
		return true;
	case INGEST_ENTRY_ASSET:
		return keep_asset(ingest->asset, text, &entry->asset);
	case INGEST_ENTRY_COUNTER_ACCOUNT:
		return keep_account(ingest->counter_account, text, &entry->counter_account);
	case INGEST_ENTRY_ORIGINAL_ID:
		return parse_id(text, &entry->original_id);
	case INGEST_ENTRY_MEMO:
		return keep_memo(ingest, text);
	case INGEST_ENTRY_TS:
	case INGEST_ENTRY_VERSION:
	case INGEST_ENTRY_EXPIRES_TS:
	case INGEST_ENTRY_MEMBER_COUNT:
		break;
	}
	return false;
}

static bool take_number(struct ingest *ingest, enum ingest_entry_member member, struct slice text)
{
	struct entry *entry = &ingest->draft.entry;
	uint64_t version;

	if (member == INGEST_ENTRY_TS) {
		return parse_integer(text, &entry->ts_unix_ms);
	}
	if (member == INGEST_ENTRY_EXPIRES_TS) {
		return parse_integer(text, &entry->expires_unix_ms) && entry->expires_unix_ms > 0;
	}
	return member == INGEST_ENTRY_VERSION && parse_integer(text, &version) &&
	       version == ENTRY_VERSION;
}

static void take_entry_value(struct ingest *ingest, enum json_type type, struct slice text)
{
	enum ingest_entry_member member = (enum ingest_entry_member)ingest->entry_member;
	bool is_good = (type == JSON_STRING && take_string(ingest, member, text)) ||
		       (type == JSON_NUMBER && take_number(ingest, member, text));

	if (!is_good) {
		refuse_entry(ingest, detail_of(member));
	}
}

static void take_entry_member(struct ingest *ingest, struct slice name)
{
	uint8_t *behind_last = &ingest->entry_member_behind[ingest->entry_member];
	unsigned member = find_member(entry_members, INGEST_ENTRY_MEMBER_COUNT, behind_last, name);

	ingest->entry_member = member;
	if (member == INGEST_ENTRY_MEMBER_COUNT) {
		refuse_entry(ingest, DETAIL_UNKNOWN_FIELD);
		return;
	}
	if ((ingest->entry_members_seen & BIT(member)) != 0) {
		refuse_entry(ingest, DETAIL_MALFORMED); /* given twice: which one was meant? */
		ingest->entry_member = INGEST_ENTRY_MEMBER_COUNT;
	}
	ingest->entry_members_seen |= BIT(member);
}

static void begin_entry(struct ingest *ingest)
{
	ingest->draft = (struct draft){
		.idx = (uint32_t)ingest->entry_count,
		.entry = { .source = SOURCE_INGEST },
	};
	ingest->entry_members_seen = 0;
	ingest->entry_member = INGEST_ENTRY_MEMBER_COUNT;
}

static void salt_memo(struct ingest *ingest)
{
	struct draft *draft = &ingest->draft;
	struct slice parts[2] = { { draft->salt, sizeof draft->salt }, draft->memo };

	if (ingest->salts_left == 0) {
		random_fill(ingest->salts, sizeof ingest->salts);
		ingest->salts_left = INGEST_SALTS;
	}
	ingest->salts_left--;
	memcpy(draft->salt, ingest->salts[ingest->salts_left], sizeof draft->salt);
	sha256_hash_parts(parts, COUNT_OF(parts), &draft->entry.memo_hash);
}

/* As core/ledger_judge.c, but for a Reverse, of which only the ledger knows what falls. */
static bool caveats_hold(const struct grant *grant, const struct entry *entry)
{
	bool mints = entry->kind == ENTRY_MINT || entry->kind == ENTRY_BURN;
	struct caveat_entry facts = {
		.actions = CAVEAT_ACTION_BIT(
			mints ? CAVEAT_ACTION_GOV_MINT : CAVEAT_ACTION_LEDGER_INGEST),
		.kind = (uint8_t)entry->kind,
		.has_amount = true,
		.amount = entry->amount,
		.asset = entry->asset,
		.accounts = &entry->account,
		.account_count = 1,
	};

	if (entry->kind == ENTRY_REVERSE) {
		return true;
	}
	if (entry_account_is_sys(entry->counter_account)) {
		facts.actions |= CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT);
	}
	return caveat_set_check_entry(&grant->caveats, &facts).result == CAVEAT_HOLDS;
}

static enum detail judge(struct ingest *ingest)
{
	struct draft *draft = &ingest->draft;
	enum detail detail;

	if (draft->refused != DETAIL_NONE) {
		return draft->refused;
	}
	if ((entry_members_required & ~ingest->entry_members_seen) != 0) {
		return DETAIL_MISSING_FIELD;
	}
	draft->entry.kid = ingest->grant->key_id;
	draft->entry.capability_ref = (struct slice){ (const uint8_t *)ingest->capability_ref,
		sizeof ingest->capability_ref - 1 };
	detail = draft_check(draft);
	if (detail != DETAIL_NONE) {
		return detail;
	}
	return caveats_hold(ingest->grant, &draft->entry) ? DETAIL_NONE : DETAIL_CAVEAT;
}

static void end_entry(struct ingest *ingest)
{
	struct draft *draft = &ingest->draft;

	ingest->entry_count++;
	if (ingest->entry_count > ingest->entries_max) {
		return; /* refused as a whole; only counted on */
	}
	if ((ingest->entry_members_seen & BIT(INGEST_ENTRY_ASSET)) == 0) {
		draft->entry.asset = DEFAULT_ASSET;
	}
	draft->refused = judge(ingest);
	if (draft->refused != DETAIL_NONE && ingest->refused_count++ == 0) {
		ingest->refused_first = (enum detail)draft->refused;
	}
	if (draft->refused == DETAIL_NONE && draft->has_memo) {
		salt_memo(ingest);
	}
	draft_encode(&ingest->out, draft);
}

/* --- the top level --- */

static void refuse(struct ingest *ingest, enum ingest_fault fault)
{
	if (ingest->fault == INGEST_OK) {
		ingest->fault = fault;
	}
}

static enum ingest_fault fault_of(enum ingest_member member)
{
	switch (member) {
#define AS_CASE(NAME, name, required) \
	case INGEST_MEMBER_##NAME:    \
		return INGEST_##NAME;
		INGEST_MEMBERS(AS_CASE)
#undef AS_CASE
	case INGEST_MEMBER_COUNT:
		break;
	}
	return INGEST_UNKNOWN_FIELD;
}

static void take_member(struct ingest *ingest, struct slice name)
{
	uint8_t *behind_last = &ingest->member_behind[ingest->member];
	unsigned member = find_member(members, INGEST_MEMBER_COUNT, behind_last, name);

	ingest->member = member;
	if (member == INGEST_MEMBER_COUNT) {
		refuse(ingest, INGEST_UNKNOWN_FIELD);
		return;
	}
	if ((ingest->members_seen & BIT(member)) != 0) {
		refuse(ingest, INGEST_MALFORMED); /* given twice */
	}
	ingest->members_seen |= BIT(member);
}

static bool take_mode(struct ingest *ingest, struct slice text)
{
	ingest->atomic = entry_views_equal(text, ENTRY_VIEW("atomic"));
	return ingest->atomic || entry_views_equal(text, ENTRY_VIEW("partial"));
}

static bool take_idem_id(struct ingest *ingest, struct slice text)
{
	if (text.bytes_count > IDEM_ID_BYTES_MAX) {
		return false;
	}
	ingest->idem_id_bytes = keep(ingest->idem_id, text).bytes_count;
	return true;
}

static bool take_value(struct ingest *ingest, enum json_type type, struct slice text)
{
	switch ((enum ingest_member)ingest->member) {
	case INGEST_MEMBER_IDEM_ID:
		return type == JSON_STRING && take_idem_id(ingest, text);
	case INGEST_MEMBER_MODE:
		return type == JSON_STRING && take_mode(ingest, text);
	case INGEST_MEMBER_DRY_RUN:
		ingest->dry_run = text.bytes_count == sizeof "true" - 1;
		return type == JSON_BOOLEAN;
	case INGEST_MEMBER_BATCH:
	case INGEST_MEMBER_COUNT:
		break;
	}
	return false;
}

/* --- events --- */

/* Containers that are open around what is told: 0 nothing, 1 the request, 2 the batch, 3 one of
 * its elements. What lies deeper belongs to something that is refused already. */

static void on_open(void *self, enum json_type type)
{
	struct ingest *ingest = self;
	unsigned depth = ingest->depth++;

	if (depth == 0 && type != JSON_OBJECT) {
		refuse(ingest, INGEST_MALFORMED);
	} else if (depth == 1 && ingest->member == INGEST_MEMBER_BATCH && type == JSON_ARRAY) {
		ingest->in_batch = true;
	} else if (depth == 1) {
		refuse(ingest, fault_of((enum ingest_member)ingest->member));
	} else if (depth == 2 && ingest->in_batch) {
		begin_entry(ingest);
		ingest->in_entry = type == JSON_OBJECT;
		if (!ingest->in_entry) {
			refuse_entry(ingest, DETAIL_MALFORMED);
		}
	} else if (depth == 3 && ingest->in_entry) {
		refuse_entry(ingest, detail_of((enum ingest_entry_member)ingest->entry_member));
	}
}

static void on_close(void *self)
{
	struct ingest *ingest = self;

	ingest->depth--;
	if (ingest->depth == 2 && ingest->in_batch) {
		end_entry(ingest);
		ingest->in_entry = false;
	} else if (ingest->depth == 1) {
		ingest->in_batch = false;
	}
}

static void on_member(void *self, struct slice name)
{
	struct ingest *ingest = self;

	if (ingest->depth == 1) {
		take_member(ingest, name);
	} else if (ingest->depth == 3 && ingest->in_entry) {
		take_entry_member(ingest, name);
	}
}

static void on_scalar(void *self, enum json_type type, struct slice text)
{
	struct ingest *ingest = self;

	if (ingest->depth == 0) {
		refuse(ingest, INGEST_MALFORMED);
	} else if (ingest->depth == 1) {
		if (!take_value(ingest, type, text)) {
			refuse(ingest, fault_of((enum ingest_member)ingest->member));
		}
	} else if (ingest->depth == 2 && ingest->in_batch) {
		begin_entry(ingest);
		refuse_entry(ingest, DETAIL_MALFORMED);
		end_entry(ingest);
	} else if (ingest->depth == 3 && ingest->in_entry) {
		take_entry_value(ingest, type, text);
	}
}

static const struct json_listener listener = {
	.open = on_open,
	.close = on_close,
	.member = on_member,
	.scalar = on_scalar,
};

static void begin(struct ingest *ingest, const struct grant *grant, size_t entries_max)
{
	ingest->grant = grant;
	hex_encode(grant->capability_id.bytes, ID_BYTES, ingest->capability_ref);
	ingest->entries_max = entries_max;
	ingest->fault = INGEST_OK;
	ingest->depth = 0;
	ingest->in_batch = false;
	ingest->in_entry = false;
	ingest->members_seen = 0;
	ingest->member = INGEST_MEMBER_COUNT;
	ingest->atomic = false;
	ingest->dry_run = false;
	ingest->idem_id_bytes = 0;
	ingest->entry_count = 0;
	ingest->refused_count = 0;
	ingest->out = byte_writer_of(ingest->drafts, sizeof ingest->drafts);
}

static enum ingest_fault judge_whole(const struct ingest *ingest)
{
	if (ingest->fault != INGEST_OK) {
		return ingest->fault;
	}
	if ((members_required & ~ingest->members_seen) != 0) {
		return INGEST_MISSING_FIELD;
	}
	if (ingest->entry_count == 0) {
		return INGEST_BATCH;
	}
	if (ingest->entry_count > ingest->entries_max) {
		return INGEST_TOO_MANY_ENTRIES;
	}
	return ingest->out.failed ? INGEST_TOO_MANY_BYTES : INGEST_OK;
}

enum ingest_fault ingest_read(struct ingest *ingest, struct slice body, const struct grant *grant,
	size_t entries_max, struct ingest_request *ret_request)
{
	enum ingest_fault fault;

	assert(entries_max <= REQUEST_ENTRIES_MAX);
	begin(ingest, grant, entries_max);
	if (!json_parse(&ingest->json, body, &listener, ingest)) {
		return INGEST_MALFORMED;
	}
	fault = judge_whole(ingest);
	if (fault != INGEST_OK) {
		return fault;
	}
	*ret_request = (struct ingest_request){
		.atomic = ingest->atomic,
		.dry_run = ingest->dry_run,
		.draft_count = (uint16_t)ingest->entry_count,
		.refused_count = (uint16_t)ingest->refused_count,
		.refused_first = ingest->refused_first,
		.idem_id = { ingest->idem_id, ingest->idem_id_bytes },
		.drafts = { ingest->drafts, ingest->out.used },
	};
	return INGEST_OK;
}

struct ingest_request ingest_refusal(struct ingest *ingest, enum ingest_fault fault)
{
	enum detail detail = ingest_fault_detail(fault);

	ingest->out = byte_writer_of(ingest->drafts, sizeof ingest->drafts);
	draft_encode(&ingest->out, &(struct draft){ .refused = detail });
	return (struct ingest_request){
		.draft_count = 1,
		.refused_count = 1,
		.refused_first = detail,
		.drafts = { ingest->drafts, ingest->out.used },
	};
}
