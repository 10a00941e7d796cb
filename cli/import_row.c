#include "cli/import_row.h"

#include <assert.h>
#include <string.h>

#include "common/check.h"
#include "core/amount.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/sha256.h"
#include "core/uuid.h"

static const char nonce_domain[] = "macronode import nonce v1";
static const char id_domain[] = "macronode import id v1";

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static bool take_value(struct import_map *map, enum import_field field, const struct slice *fields,
	struct import_row *row)
{
	const struct import_source *source = &map->sources[field];
	struct slice prefix = slice_of(source->prefix != NULL ? source->prefix : "");
	struct slice value = { NULL, 0 };
	uint8_t *room = row->values[field];

	row->fields[field] = (struct slice){ room, 0 };
	if (source->constant != NULL) {
		value = slice_of(source->constant);
	} else if (source->column != NULL) {
		value = fields[source->column_index];
	}
	if (value.bytes_count == 0) {
		return true; /* an empty column has no prefix either */
	}
	if (prefix.bytes_count + value.bytes_count > IMPORT_VALUE_BYTES_MAX) {
		return import_map_refuse(
			map, "%s is over %u bytes", import_map_name(field), IMPORT_VALUE_BYTES_MAX);
	}
	memcpy(room, prefix.bytes, prefix.bytes_count);
	memcpy(room + prefix.bytes_count, value.bytes, value.bytes_count);
	row->fields[field].bytes_count = prefix.bytes_count + value.bytes_count;
	return true;
}

static bool check_account(
	struct import_map *map, const struct import_row *row, enum import_field field)
{
	struct slice account = row->fields[field];

	if (entry_account_is_valid(account)) {
		return true;
	}
	return import_map_refuse(map, "%s '%.*s': expected 1 to 128 of A-Z a-z 0-9 _ . : -",
		import_map_name(field),
		(int)(account.bytes_count < 140 ? account.bytes_count : 140),
		(const char *)account.bytes);
}

static bool check_amount(struct import_map *map, struct import_row *row)
{
	struct slice text = row->fields[IMPORT_AMOUNT];
	enum amount_error error =
		amount_parse((const char *)text.bytes, text.bytes_count, &row->amount);

	if (error == AMOUNT_OK && row->amount > 0) {
		return true;
	}
	return import_map_refuse(map,
		"amount '%.*s': expected minor units, a whole number from 1 without "
		"sign, point or leading zero",
		(int)(text.bytes_count < 60 ? text.bytes_count : 60), (const char *)text.bytes);
}

static bool check_row(struct import_map *map, struct import_row *row)
{
	unsigned kind = entry_kind_parse(row->fields[IMPORT_KIND]);
	struct slice asset = row->fields[IMPORT_ASSET];

	if (kind != ENTRY_TRANSFER && kind != ENTRY_MINT && kind != ENTRY_BURN &&
		kind != ENTRY_HOLD) {
		return import_map_refuse(map, "kind: expected Transfer, Mint, Burn or Hold");
	}
	if (!check_account(map, row, IMPORT_ACCOUNT) || !check_amount(map, row)) {
		return false;
	}
	if (kind == ENTRY_TRANSFER && !check_account(map, row, IMPORT_COUNTER)) {
		return false;
	}
	if (kind != ENTRY_TRANSFER && row->fields[IMPORT_COUNTER].bytes_count > 0) {
		return import_map_refuse(map, "counter_account: only a Transfer has one");
	}
	if (asset.bytes_count > 0 && !entry_asset_is_valid(asset)) {
		return import_map_refuse(map, "asset: expected 1 to 32 of a-z 0-9 . _ -");
	}
	if (row->fields[IMPORT_NONCE].bytes_count == 0) {
		return import_map_refuse(map, "nonce: the column is empty");
	}
	if (row->fields[IMPORT_MEMO].bytes_count > MEMO_BYTES_MAX) {
		return import_map_refuse(map, "memo is over %u bytes", MEMO_BYTES_MAX);
	}
	return true;
}

static struct id128 derive(const struct slice *parts, size_t part_count)
{
	struct hash hash;
	struct id128 id;

	sha256_hash_parts(parts, part_count, &hash);
	memcpy(id.bytes, hash.bytes, ID_BYTES);
	return id;
}

static void derive_ids(struct import_row *row, const struct slice *value, size_t value_parts)
{
	static const struct slice nul = { (const uint8_t *)"", 1 };
	struct slice parts[12] = { slice_of(nonce_domain), nul };

	assert(value_parts + 4 <= COUNT_OF(parts));
	memcpy(parts + 2, value, value_parts * sizeof *value);
	row->nonce = derive(parts, 2 + value_parts);
	parts[0] = slice_of(id_domain);
	parts[2] = row->fields[IMPORT_ACCOUNT];
	parts[3] = nul;
	memcpy(parts + 4, value, value_parts * sizeof *value);
	row->id = derive(parts, 4 + value_parts);
	row->id.bytes[6] = (row->id.bytes[6] & 0x0F) | 0x80; /* version 8, RFC 9562 */
	row->id.bytes[8] = (row->id.bytes[8] & 0x3F) | 0x80;
}

bool import_row_make(struct import_map *map, const struct slice *fields, struct import_row *ret_row)
{
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		if (!take_value(map, (enum import_field)i, fields, ret_row)) {
			return false;
		}
	}
	if (!check_row(map, ret_row)) {
		return false;
	}
	derive_ids(ret_row, &ret_row->fields[IMPORT_NONCE], 1);
	return true;
}

void import_row_fund(struct slice account, struct slice asset, const char *label, u128 amount,
	struct import_row *ret_row)
{
	static const struct slice nul = { (const uint8_t *)"", 1 };
	struct slice value[] = {
		slice_of("fund"),
		nul,
		slice_of(label),
		nul,
		asset,
		nul,
		account,
	};

	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		ret_row->fields[i] = (struct slice){ ret_row->values[i], 0 };
	}
	ret_row->fields[IMPORT_KIND] = slice_of("Mint");
	ret_row->fields[IMPORT_ACCOUNT] = account;
	ret_row->fields[IMPORT_ASSET] = asset;
	ret_row->amount = amount;
	derive_ids(ret_row, value, COUNT_OF(value));
}

/* ---- JSON ---- */

static void put_optional(
	const struct import_row *row, enum import_field field, struct json_out *out)
{
	if (row->fields[field].bytes_count > 0) {
		json_out_key(out, import_map_name(field));
		json_out_string(out, row->fields[field]);
	}
}

void import_row_write(const struct import_row *row, uint64_t ts_unix_ms, const char *capability_ref,
	struct json_out *out)
{
	char id[UUID_TEXT_BYTES + 1], nonce[BASE64_TEXT_BYTES(ID_BYTES) + 1];

	uuid_print(&row->id, id);
	base64_encode(row->nonce.bytes, ID_BYTES, nonce);
	json_out_object_begin(out);
	json_out_key(out, "id");
	json_out_text(out, id);
	json_out_key(out, "ts");
	json_out_u64(out, ts_unix_ms);
	put_optional(row, IMPORT_KIND, out);
	put_optional(row, IMPORT_ACCOUNT, out);
	put_optional(row, IMPORT_COUNTER, out);
	put_optional(row, IMPORT_ASSET, out);
	json_out_key(out, "amount");
	json_out_u128(out, row->amount);
	json_out_key(out, "nonce");
	json_out_text(out, nonce);
	json_out_key(out, "capability_ref");
	json_out_text(out, capability_ref);
	json_out_key(out, "v");
	json_out_u64(out, ENTRY_VERSION);
	put_optional(row, IMPORT_MEMO, out);
	json_out_object_end(out);
}
