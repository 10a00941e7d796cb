#include "services/archive/items.h"

#include <string.h>

#include "core/amount.h"
#include "core/http_reply.h"
#include "core/operation.h"

/* An entry may tell a time that no timestamp can say. */
#define TS_MS_MAX (HTTP_REPLY_UNIX_S_MAX * 1000)

void items_put_slice(struct json_out *json, const char *name, struct slice text)
{
	json_out_key(json, name);
	json_out_string(json, text);
}

void items_put_head(
	struct json_out *json, const struct reader_entry *row, const struct entry *entry)
{
	char ts[HTTP_REPLY_TIMESTAMP_BYTES], txid[OPERATION_TXID_BYTES + 1];

	http_reply_timestamp(
		entry->ts_unix_ms < TS_MS_MAX ? entry->ts_unix_ms / 1000 : TS_MS_MAX / 1000, ts);
	json_out_key(json, "seq");
	json_out_u64(json, entry->seq);
	json_out_key(json, "ts");
	json_out_text(json, ts);
	json_out_key(json, "kind");
	json_out_text(json, entry_kind_name(entry->kind));
	json_out_key(json, "amount_minor");
	json_out_u128(json, entry->amount);
	if (entry->original_seq > 0) {
		json_out_key(json, "original_seq");
		json_out_u64(json, entry->original_seq);
	}
	if (row->receipt.bytes_count > 0) {
		operation_txid_print(&entry->id, txid);
		json_out_key(json, "txid");
		json_out_text(json, txid);
	}
}

static void put_signed(struct json_out *json, const char *name, u128 magnitude, bool is_negative)
{
	char text[1 + AMOUNT_TEXT_BYTES_MAX];

	text[0] = '-';
	(void)amount_print(magnitude, text + 1);
	json_out_key(json, name);
	json_out_text(json, is_negative ? text : text + 1);
}

/* Inside of a group of legs sums wrap modulo 2^128, so which is larger does not say it. */
void items_put_change(
	struct json_out *json, const char *name, u128 before, u128 after, const struct entry *entry)
{
	bool rises = after - before == entry->amount;

	if (rises && before - after == entry->amount) { /* 2^127 */
		rises = after > before;
	}
	put_signed(json, name, after == before ? 0 : entry->amount, after != before && !rises);
}

void items_put_available(
	struct json_out *json, const char *name, u128 available, const struct entry *entry)
{
	bool is_inside =
		entry->group_count > 0 && entry->seq < entry->group_first + entry->group_count - 1;

	if (is_inside && available >> 127 != 0) {
		put_signed(json, name, (u128)0 - available, true);
	} else {
		put_signed(json, name, available, false);
	}
}
