/* What sequencer and archive answer, as JSON. */
#include <string.h>

#include "core/base64.h"
#include "core/bytes.h"
#include "core/detail.h"
#include "core/entry.h"
#include "core/http_reply.h"
#include "core/uuid.h"
#include "services/edge/replies.h"
#include "services/edge/replies_json.h"

/* --- IngestResponse --- */

static bool is_verdict_status(uint16_t status)
{
	switch (status) {
	case 200:
	case 207:
	case 400:
	case 403:
	case 413:
	case 429:
	case 503:
		return true;
	default:
		return false;
	}
}

static enum err put_reasons(struct json_out *out, struct slice reasons)
{
	struct byte_reader in = byte_reader_of(reasons);

	while (in.left > 0) {
		uint32_t index = byte_get_u32(&in);
		unsigned detail = byte_get_u8(&in);

		if (in.failed || index >= REQUEST_ENTRIES_MAX || detail == DETAIL_NONE ||
			detail >= DETAIL_COUNT) {
			return ERR_MALFORMED;
		}
		json_out_object_begin(out);
		put_u64(out, "idx", index);
		put_text(out, "reason", reason_name(detail_reason(detail)));
		put_text(out, "details", detail_text(detail));
		json_out_object_end(out);
	}
	return ERR_OK;
}

static void put_seq(struct json_out *out, const char *key, uint64_t seq)
{
	json_out_key(out, key);
	if (seq == 0) {
		json_out_null(out);
	} else {
		json_out_u64(out, seq);
	}
}

enum err replies_verdict(uint8_t *bytes, const struct oap_verdict *msg, size_t *ret_bytes_count)
{
	struct json_out out = begin_document(bytes);

	if (!is_verdict_status(msg->status) || msg->accepted > 1 || msg->dry_run > 1 ||
		msg->root_known > 1 || msg->seq_start > msg->seq_end ||
		msg->reasons.bytes_count > REQUEST_ENTRIES_MAX * REPLIES_REASON_BYTES ||
		(msg->accepted && msg->status != 200)) {
		return ERR_MALFORMED;
	}
	put_bool(&out, "accepted", msg->accepted);
	put_seq(&out, "seq_start", msg->seq_start);
	put_seq(&out, "seq_end", msg->seq_end);
	if (msg->root_known) {
		put_hash(&out, "new_root", &msg->root);
	} else {
		json_out_key(&out, "new_root");
		json_out_null(&out);
	}
	json_out_key(&out, "reasons");
	json_out_array_begin(&out);
	if (put_reasons(&out, msg->reasons) != ERR_OK) {
		return ERR_MALFORMED;
	}
	json_out_array_end(&out);
	if (msg->dry_run) {
		put_bool(&out, "dry_run", true);
	}
	*ret_bytes_count = end_document(&out);
	return ERR_OK;
}

unsigned replies_verdict_detail(const struct oap_verdict *msg)
{
	struct byte_reader in = byte_reader_of(msg->reasons);

	(void)byte_get_u32(&in);
	unsigned detail = byte_get_u8(&in);

	return in.failed ? DETAIL_NONE : detail;
}

/* --- RootsResponse --- */

enum err replies_roots(uint8_t *bytes, const struct oap_roots *msg, size_t *ret_bytes_count)
{
	struct byte_reader in = byte_reader_of(msg->rows);
	struct json_out out = begin_document(bytes);

	if (msg->rows.bytes_count % REPLIES_ROOT_ROW_BYTES != 0) {
		return ERR_MALFORMED;
	}
	json_out_key(&out, "roots");
	json_out_array_begin(&out);
	while (in.left > 0) {
		uint64_t seq = byte_get_u64(&in);
		struct hash root = byte_get_hash(&in);

		json_out_object_begin(&out);
		put_u64(&out, "seq", seq);
		put_hash(&out, "root", &root);
		put_u64(&out, "ts", byte_get_u64(&in));
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	put_u64(&out, "next", msg->next);
	*ret_bytes_count = end_document(&out);
	return ERR_OK;
}

/* --- an entry --- */

static void put_id(struct json_out *out, const char *key, const struct id128 *id)
{
	char text[UUID_TEXT_BYTES + 1];

	uuid_print(id, text);
	put_text(out, key, text);
}

static void put_nonce(struct json_out *out, const struct id128 *nonce)
{
	char text[BASE64_TEXT_BYTES(ID_BYTES) + 1];

	base64_encode(nonce->bytes, ID_BYTES, text);
	put_text(out, "nonce", text);
}

/* As it was asked for, under the names of IngestRequest. */
static void put_asked(struct json_out *out, const struct entry *entry)
{
	put_id(out, "id", &entry->id);
	put_u64(out, "ts", entry->ts_unix_ms);
	put_text(out, "kind", entry_kind_name(entry->kind));
	put_slice(out, "account", entry->account);
	put_slice(out, "asset", entry->asset);
	json_out_key(out, "amount");
	json_out_u128(out, entry->amount);
	put_nonce(out, &entry->nonce);
	put_slice(out, "capability_ref", entry->capability_ref);
	put_u64(out, "v", ENTRY_VERSION);
	if (entry->counter_account.bytes_count > 0) {
		put_slice(out, "counter_account", entry->counter_account);
	}
	if (!entry_id_is_none(&entry->original_id)) {
		put_id(out, "original_id", &entry->original_id);
	}
	if (entry->expires_unix_ms != 0) {
		put_u64(out, "expires_ts", entry->expires_unix_ms);
	}
}

/* What the ledger made of it. What it does not have is left out. */
static void put_made(struct json_out *out, const struct entry *entry)
{
	put_text(out, "source", entry_source_name(entry->source));
	put_u64(out, "kid", entry->kid);
	if (entry->original_seq != 0) {
		put_u64(out, "original_seq", entry->original_seq);
	}
	if (entry->effect != EFFECT_NONE) {
		put_text(out, "effect", entry_effect_name(entry->effect));
	}
	if (!entry_hash_is_none(&entry->memo_hash)) {
		put_hash(out, "memo_hash", &entry->memo_hash);
	}
	if (entry->group_first != 0) {
		put_u64(out, "group_first", entry->group_first);
		put_u64(out, "group_count", entry->group_count);
	}
	if (!entry_hash_is_none(&entry->receipt_hash)) {
		put_hash(out, "receipt_hash", &entry->receipt_hash);
	}
}

enum err replies_entry(uint8_t *bytes, const struct oap_entry *msg, size_t *ret_bytes_count)
{
	struct json_out out = begin_document(bytes);
	struct entry entry;

	if (entry_decode(msg->leaf, &entry) != ERR_OK) {
		return ERR_MALFORMED;
	}
	put_u64(&out, "seq", entry.seq);
	put_asked(&out, &entry);
	if (msg->memo.bytes_count > 0) {
		put_slice(&out, "memo", msg->memo);
	}
	put_made(&out, &entry);
	put_u64(&out, "batch_ts", msg->batch_ts_unix_ms);
	put_hash(&out, "prev_root", &msg->prev_root);
	put_hash(&out, "new_root", &msg->new_root);
	*ret_bytes_count = end_document(&out);
	return ERR_OK;
}

/* --- a verification on its way --- */

size_t replies_progress(uint8_t *bytes, const struct oap_verified *msg)
{
	struct json_out out = begin_document(bytes);

	put_u64(&out, "entries_done", msg->entries_done);
	put_u64(&out, "entries_total", msg->entries_total);
	return end_document(&out);
}

/* The last that a timestamp can say. */
#define AS_OF_MS_MAX (HTTP_REPLY_UNIX_S_MAX * 1000 + 999)

enum err replies_balance(uint8_t *bytes, const struct oap_balance *msg, size_t *ret_bytes_count)
{
	char as_of[HTTP_REPLY_TIMESTAMP_BYTES];
	struct json_out out;

	if (msg->api_reason != API_REASON_NONE) {
		return msg->api_reason < API_REASON_COUNT ? ERR_OK : ERR_MALFORMED;
	}
	if (msg->as_of_unix_ms > AS_OF_MS_MAX || !entry_account_is_valid(msg->account) ||
		!entry_asset_is_valid(msg->asset)) {
		return ERR_MALFORMED;
	}
	http_reply_timestamp(msg->as_of_unix_ms / 1000, as_of);
	out = begin_document(bytes);
	put_slice(&out, "account", msg->account);
	put_slice(&out, "asset", msg->asset);
	json_out_key(&out, "amount_minor");
	json_out_u128(&out, msg->available);
	json_out_key(&out, "held_minor");
	json_out_u128(&out, msg->held);
	put_text(&out, "as_of", as_of);
	put_u64(&out, "as_of_seq", msg->as_of_seq);
	put_u64(&out, "stale_ms", msg->stale_ms);
	*ret_bytes_count = end_document(&out);
	return ERR_OK;
}
