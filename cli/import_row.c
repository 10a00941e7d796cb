#include "cli/import_row.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/check.h"
#include "core/amount.h"
#include "core/base64.h"
#include "core/entry.h"
#include "core/sha256.h"
#include "core/uuid.h"

static const char nonce_domain[] = "macronode import nonce v1";
static const char id_domain[] = "macronode import id v1";

static const char *const names[IMPORT_FIELD_COUNT] = {
#define AS_NAME(NAME, name) [IMPORT_##NAME] = name,
	IMPORT_FIELDS(AS_NAME)
#undef AS_NAME
};

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct import_map *map, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(map->error, sizeof map->error, format, args);
	va_end(args);
	return false;
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* ---- the map ---- */

void import_map_init(struct import_map *map)
{
	memset(map, 0, sizeof *map);
	map->sources[IMPORT_KIND].constant = "Transfer";
}

/* The source of the field before `=`; NULL after a refusal. *ret_value is what follows. */
static struct import_source *find_source(
	struct import_map *map, const char *text, size_t bytes, const char **ret_value)
{
	const char *equals = memchr(text, '=', bytes);

	if (equals == NULL || equals + 1 == text + bytes) {
		(void)refuse(map, "'%.*s': expected FIELD=...", (int)bytes, text);
		return NULL;
	}
	*ret_value = equals + 1;
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		if (strlen(names[i]) == (size_t)(equals - text) &&
			memcmp(names[i], text, strlen(names[i])) == 0) {
			return &map->sources[i];
		}
	}
	(void)refuse(map,
		"'%.*s' is no field; there are kind, account, counter_account, amount, asset, "
		"nonce, memo (FIELD=COLUMN, the field first)",
		(int)(equals - text), text);
	return NULL;
}

static bool add_column(struct import_map *map, const char *text, size_t bytes)
{
	const char *name = NULL;
	struct import_source *source = find_source(map, text, bytes, &name);
	size_t name_bytes;

	if (source == NULL) {
		return false;
	}
	name_bytes = bytes - (size_t)(name - text);
	if (source->column != NULL) {
		return refuse(map, "'%.*s': the field has a column already", (int)bytes, text);
	}
	if (name_bytes + 1 > sizeof map->columns - map->columns_used) {
		return refuse(map, "the names of the columns are too long");
	}
	char *kept = map->columns + map->columns_used;
	memcpy(kept, name, name_bytes);
	kept[name_bytes] = '\0';
	map->columns_used += name_bytes + 1;
	source->column = kept;
	source->constant = NULL;
	return true;
}

bool import_map_add(struct import_map *map, const char *text)
{
	while (*text != '\0') {
		size_t bytes = strcspn(text, ",");

		if (!add_column(map, text, bytes)) {
			return false;
		}
		text += bytes;
		text += *text == ',';
	}
	return true;
}

bool import_map_set(struct import_map *map, const char *text)
{
	const char *value = NULL;
	struct import_source *source = find_source(map, text, strlen(text), &value);

	if (source == NULL) {
		return false;
	}
	if (source == &map->sources[IMPORT_NONCE]) {
		return refuse(map, "--set nonce: each row needs its own, or it is the same entry");
	}
	if (source->column != NULL) {
		return refuse(map, "--set %s: the field has a column already", text);
	}
	source->constant = value;
	return true;
}

bool import_map_prefix(struct import_map *map, const char *text)
{
	const char *value = NULL;
	struct import_source *source = find_source(map, text, strlen(text), &value);

	if (source == NULL) {
		return false;
	}
	source->prefix = value;
	return true;
}

static bool has(const struct import_map *map, enum import_field field)
{
	return map->sources[field].column != NULL || map->sources[field].constant != NULL;
}

static bool check_complete(struct import_map *map)
{
	static const enum import_field needed[] = { IMPORT_ACCOUNT, IMPORT_AMOUNT };

	for (size_t i = 0; i < COUNT_OF(needed); i++) {
		if (!has(map, needed[i])) {
			return refuse(map, "nothing says what %s is: --map %s=COLUMN, or --set",
				names[needed[i]], names[needed[i]]);
		}
	}
	if (map->sources[IMPORT_NONCE].column == NULL) {
		return refuse(map,
			"--map nonce=COLUMN is needed: a column whose value names the row "
			"for ever, such as an order's number");
	}
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		if (map->sources[i].prefix != NULL && map->sources[i].column == NULL) {
			return refuse(map, "--prefix %s: the field has no column", names[i]);
		}
	}
	return true;
}

bool import_map_bind(struct import_map *map, const struct slice *column_names, size_t name_count)
{
	for (size_t i = 0; i < IMPORT_FIELD_COUNT; i++) {
		struct import_source *source = &map->sources[i];
		size_t found = 0;

		for (size_t c = 0; source->column != NULL && c < name_count; c++) {
			if (entry_views_equal(column_names[c], slice_of(source->column))) {
				source->column_index = c;
				found++;
			}
		}
		if (source->column != NULL && found != 1) {
			return refuse(map, "the first line has %s column '%s'",
				found == 0 ? "no" : "more than one", source->column);
		}
	}
	return check_complete(map);
}

/* ---- a row ---- */

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
		return refuse(map, "%s is over %u bytes", names[field], IMPORT_VALUE_BYTES_MAX);
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
	return refuse(map, "%s '%.*s': expected 1 to 128 of A-Z a-z 0-9 _ . : -", names[field],
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
	return refuse(map,
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
		return refuse(map, "kind: expected Transfer, Mint, Burn or Hold");
	}
	if (!check_account(map, row, IMPORT_ACCOUNT) || !check_amount(map, row)) {
		return false;
	}
	if (kind == ENTRY_TRANSFER && !check_account(map, row, IMPORT_COUNTER)) {
		return false;
	}
	if (kind != ENTRY_TRANSFER && row->fields[IMPORT_COUNTER].bytes_count > 0) {
		return refuse(map, "counter_account: only a Transfer has one");
	}
	if (asset.bytes_count > 0 && !entry_asset_is_valid(asset)) {
		return refuse(map, "asset: expected 1 to 32 of a-z 0-9 . _ -");
	}
	if (row->fields[IMPORT_NONCE].bytes_count == 0) {
		return refuse(map, "nonce: the column is empty");
	}
	if (row->fields[IMPORT_MEMO].bytes_count > MEMO_BYTES_MAX) {
		return refuse(map, "memo is over %u bytes", MEMO_BYTES_MAX);
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
		json_out_key(out, names[field]);
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
