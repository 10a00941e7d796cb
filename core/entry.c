#include "core/entry.h"

#include <string.h>

struct name_row {
	unsigned number;
	const char *name;
	size_t name_bytes;
};

#define AS_ROW(NAME, name, number) { (number), name, sizeof(name) - 1 },
static const struct name_row kinds[] = { ENTRY_KINDS(AS_ROW) };
static const struct name_row sources[] = { ENTRY_SOURCES(AS_ROW) };
static const struct name_row effects[] = { ENTRY_EFFECTS(AS_ROW) };
#undef AS_ROW

static const char *name_of(const struct name_row *rows, size_t row_count, unsigned number)
{
	for (size_t i = 0; i < row_count; i++) {
		if (rows[i].number == number) {
			return rows[i].name;
		}
	}
	return "?";
}

const char *entry_kind_name(unsigned kind)
{
	return name_of(kinds, COUNT_OF(kinds), kind);
}

const char *entry_source_name(unsigned source)
{
	return name_of(sources, COUNT_OF(sources), source);
}

const char *entry_effect_name(unsigned effect)
{
	return name_of(effects, COUNT_OF(effects), effect);
}

unsigned entry_kind_parse(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].name_bytes == name.bytes_count &&
			memcmp(kinds[i].name, name.bytes, name.bytes_count) == 0) {
			return kinds[i].number;
		}
	}
	return 0;
}

/* What a byte may be part of: a look into a table instead of up to eight comparisons. */
enum byte_class {
	IN_ACCOUNT = 1 << 0,
	IN_ASSET = 1 << 1,
	BEGINS_ASSET = 1 << 2,
};

#define AN IN_ACCOUNT
#define AS (IN_ACCOUNT | IN_ASSET)
#define AB (IN_ACCOUNT | IN_ASSET | BEGINS_ASSET)
/* clang-format off */
static const uint8_t byte_classes[UINT8_MAX + 1] = {
	[':'] = AN, ['-'] = AS, ['.'] = AS, ['_'] = AS,
	['0'] = AB, ['1'] = AB, ['2'] = AB, ['3'] = AB, ['4'] = AB, ['5'] = AB, ['6'] = AB,
	['7'] = AB, ['8'] = AB, ['9'] = AB,
	['a'] = AB, ['b'] = AB, ['c'] = AB, ['d'] = AB, ['e'] = AB, ['f'] = AB, ['g'] = AB,
	['h'] = AB, ['i'] = AB, ['j'] = AB, ['k'] = AB, ['l'] = AB, ['m'] = AB, ['n'] = AB,
	['o'] = AB, ['p'] = AB, ['q'] = AB, ['r'] = AB, ['s'] = AB, ['t'] = AB, ['u'] = AB,
	['v'] = AB, ['w'] = AB, ['x'] = AB, ['y'] = AB, ['z'] = AB,
	['A'] = AN, ['B'] = AN, ['C'] = AN, ['D'] = AN, ['E'] = AN, ['F'] = AN, ['G'] = AN,
	['H'] = AN, ['I'] = AN, ['J'] = AN, ['K'] = AN, ['L'] = AN, ['M'] = AN, ['N'] = AN,
	['O'] = AN, ['P'] = AN, ['Q'] = AN, ['R'] = AN, ['S'] = AN, ['T'] = AN, ['U'] = AN,
	['V'] = AN, ['W'] = AN, ['X'] = AN, ['Y'] = AN, ['Z'] = AN,
};
/* clang-format on */
#undef AN
#undef AS
#undef AB

static bool all_are(struct slice text, enum byte_class wanted)
{
	unsigned common = wanted;

	for (size_t i = 0; i < text.bytes_count; i++) {
		common &= byte_classes[text.bytes[i]];
	}
	return common != 0;
}

bool entry_account_is_valid(struct slice account)
{
	return account.bytes_count > 0 && account.bytes_count <= ACCOUNT_BYTES_MAX &&
	       all_are(account, IN_ACCOUNT);
}

bool entry_asset_is_valid(struct slice asset)
{
	return asset.bytes_count > 0 && asset.bytes_count <= ASSET_BYTES_MAX &&
	       (byte_classes[asset.bytes[0]] & BEGINS_ASSET) != 0 && all_are(asset, IN_ASSET);
}

static bool has_prefix(struct slice text, struct slice prefix)
{
	return text.bytes_count >= prefix.bytes_count &&
	       memcmp(text.bytes, prefix.bytes, prefix.bytes_count) == 0;
}

bool entry_account_is_sys(struct slice account)
{
	return has_prefix(account, ENTRY_VIEW("sys:"));
}

bool entry_account_is_reward_pool(struct slice account, struct slice asset)
{
	const struct slice prefix = ENTRY_VIEW("sys:reward_pool:");
	size_t tenant_bytes;

	if (!has_prefix(account, prefix) ||
		account.bytes_count < prefix.bytes_count + 2 + asset.bytes_count) {
		return false; /* no room for a tenant, a colon and the asset */
	}
	tenant_bytes = account.bytes_count - prefix.bytes_count - 1 - asset.bytes_count;
	return account.bytes[prefix.bytes_count + tenant_bytes] == ':' &&
	       memchr(account.bytes + prefix.bytes_count, ':', tenant_bytes) == NULL &&
	       memcmp(account.bytes + account.bytes_count - asset.bytes_count, asset.bytes,
		       asset.bytes_count) == 0;
}

bool entry_views_equal(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count &&
	       (a.bytes_count == 0 || memcmp(a.bytes, b.bytes, a.bytes_count) == 0);
}

bool entry_id_is_none(const struct id128 *id)
{
	static const struct id128 none;

	return memcmp(id, &none, sizeof none) == 0;
}

bool entry_hash_is_none(const struct hash *hash)
{
	static const struct hash none;

	return memcmp(hash, &none, sizeof none) == 0;
}

int entry_compare(const struct entry *a, const struct entry *b)
{
	if (a->ts_unix_ms != b->ts_unix_ms) {
		return a->ts_unix_ms < b->ts_unix_ms ? -1 : 1;
	}
	return memcmp(a->id.bytes, b->id.bytes, sizeof a->id.bytes);
}

void entry_encode(struct byte_writer *out, const struct entry *entry)
{
	struct byte_writer to = *out; /* in registers: no byte that is written is part of it */

	assert(entry->account.bytes_count <= ACCOUNT_BYTES_MAX);
	assert(entry->counter_account.bytes_count <= ACCOUNT_BYTES_MAX);
	assert(entry->asset.bytes_count <= ASSET_BYTES_MAX);
	assert(entry->capability_ref.bytes_count <= ENTRY_CAPABILITY_REF_BYTES_MAX);

	byte_put_u16(&to, ENTRY_VERSION);
	byte_put_u64(&to, entry->seq);
	byte_put_id128(&to, &entry->id);
	byte_put_u64(&to, entry->ts_unix_ms);
	byte_put_u8(&to, (uint8_t)entry->kind);
	byte_put_u8(&to, (uint8_t)entry->source);
	byte_put_string8(&to, entry->account);
	byte_put_string8(&to, entry->asset);
	byte_put_u128(&to, entry->amount);
	byte_put_id128(&to, &entry->nonce);
	byte_put_u32(&to, entry->kid);
	byte_put_string8(&to, entry->capability_ref);
	byte_put_string8(&to, entry->counter_account);
	byte_put_id128(&to, &entry->original_id);
	byte_put_u64(&to, entry->original_seq);
	byte_put_u8(&to, (uint8_t)entry->effect);
	byte_put_u64(&to, entry->expires_unix_ms);
	byte_put_hash(&to, &entry->memo_hash);
	byte_put_u64(&to, entry->group_first);
	byte_put_u32(&to, entry->group_count);
	byte_put_hash(&to, &entry->receipt_hash);
	*out = to;
}

/* Which effects a kind may have, and whether it moves to a counter account. */
static bool shape_is_valid(const struct entry *entry)
{
	bool has_counter = entry->counter_account.bytes_count > 0;
	bool has_original = entry->original_seq != 0;

	if (has_original != (entry->effect != EFFECT_NONE)) {
		return false;
	}
	if (!has_original && !entry_id_is_none(&entry->original_id)) {
		return false;
	}
	switch (entry->kind) {
	case ENTRY_TRANSFER:
		return has_counter &&
		       (entry->effect == EFFECT_NONE || entry->effect == EFFECT_CAPTURE);
	case ENTRY_REVERSE:
		return has_original && has_counter == (entry->effect == EFFECT_TRANSFER ||
							      entry->effect == EFFECT_CAPTURE);
	case ENTRY_CREDIT:
	case ENTRY_DEBIT:
		return !has_counter && !has_original && entry->group_count > 0;
	case ENTRY_MINT:
	case ENTRY_BURN:
	case ENTRY_HOLD:
		return !has_counter && !has_original;
	}
	return false;
}

static bool group_is_valid(const struct entry *entry)
{
	bool is_leg = entry->kind == ENTRY_CREDIT || entry->kind == ENTRY_DEBIT ||
		      entry->effect == EFFECT_GROUP_CREDIT || entry->effect == EFFECT_GROUP_DEBIT;

	if (!is_leg) {
		return entry->group_first == 0 && entry->group_count == 0;
	}
	return entry->group_first != 0 && entry->group_first <= entry->seq &&
	       entry->seq - entry->group_first < entry->group_count;
}

static bool entry_is_valid(const struct entry *entry)
{
	return entry->seq != 0 && entry_account_is_valid(entry->account) &&
	       entry_asset_is_valid(entry->asset) && entry->amount != 0 &&
	       entry->capability_ref.bytes_count > 0 &&
	       (entry->counter_account.bytes_count == 0 ||
		       entry_account_is_valid(entry->counter_account)) &&
	       entry->original_seq < entry->seq &&
	       (entry->kind == ENTRY_HOLD || entry->expires_unix_ms == 0) &&
	       shape_is_valid(entry) && group_is_valid(entry);
}

enum err entry_decode(struct slice leaf, struct entry *ret_entry)
{
	struct byte_reader in = byte_reader_of(leaf);
	uint16_t version = byte_get_u16(&in);
	struct entry entry;
	uint8_t kind, source, effect;

	entry.seq = byte_get_u64(&in);
	entry.id = byte_get_id128(&in);
	entry.ts_unix_ms = byte_get_u64(&in);
	kind = byte_get_u8(&in);
	source = byte_get_u8(&in);
	entry.account = byte_get_string8(&in, ACCOUNT_BYTES_MAX);
	entry.asset = byte_get_string8(&in, ASSET_BYTES_MAX);
	entry.amount = byte_get_u128(&in);
	entry.nonce = byte_get_id128(&in);
	entry.kid = byte_get_u32(&in);
	entry.capability_ref = byte_get_string8(&in, ENTRY_CAPABILITY_REF_BYTES_MAX);
	entry.counter_account = byte_get_string8(&in, ACCOUNT_BYTES_MAX);
	entry.original_id = byte_get_id128(&in);
	entry.original_seq = byte_get_u64(&in);
	effect = byte_get_u8(&in);
	entry.expires_unix_ms = byte_get_u64(&in);
	entry.memo_hash = byte_get_hash(&in);
	entry.group_first = byte_get_u64(&in);
	entry.group_count = byte_get_u32(&in);
	entry.receipt_hash = byte_get_hash(&in);
	if (!byte_reader_done(&in) || version != ENTRY_VERSION || kind < ENTRY_CREDIT ||
		kind > ENTRY_REVERSE || source < SOURCE_INGEST || source > SOURCE_REWARD ||
		effect > EFFECT_GROUP_CREDIT) {
		return ERR_MALFORMED;
	}
	entry.kind = (enum entry_kind)kind;
	entry.source = (enum entry_source)source;
	entry.effect = (enum entry_effect)effect;
	if (!entry_is_valid(&entry)) {
		return ERR_MALFORMED;
	}
	*ret_entry = entry;
	return ERR_OK;
}

uint64_t entry_leaf_seq(struct slice leaf)
{
	struct byte_reader in = byte_reader_of(leaf);

	(void)byte_get_u16(&in);
	return byte_get_u64(&in);
}
