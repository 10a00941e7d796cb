#include "store/settled.h"

#include <string.h>

#include "core/batch.h"
#include "core/entry.h"
#include "core/intent.h"

struct settled {
	struct intent intent;
	uint64_t seq_start, seq_end, seq_next;
	char pool[ACCOUNT_BYTES_MAX]; /* as soon as the first entry has told the asset */
	uint8_t asset[ASSET_BYTES_MAX];
	uint8_t actor[ACCOUNT_BYTES_MAX]; /* of the entry before */
	size_t pool_bytes, asset_bytes, actor_bytes;
	u128 paid;
	struct intent_cid cid;
	const char *wrong; /* NULL: nothing yet */
};

/* The pool of the first entry is that of the tenant, all others have the same. */
static bool is_pool(struct settled *settled, const struct entry *entry)
{
	if (entry->seq == settled->seq_start) {
		settled->asset_bytes = entry->asset.bytes_count;
		memcpy(settled->asset, entry->asset.bytes, entry->asset.bytes_count);
		settled->pool_bytes =
			intent_pool_account(settled->intent.tenant, entry->asset, settled->pool);
	}
	return settled->pool_bytes > 0 &&
	       entry_views_equal(entry->account,
		       (struct slice){ (const uint8_t *)settled->pool, settled->pool_bytes }) &&
	       entry_views_equal(
		       entry->asset, (struct slice){ settled->asset, settled->asset_bytes });
}

static bool rises(struct settled *settled, struct slice actor)
{
	size_t common =
		settled->actor_bytes < actor.bytes_count ? settled->actor_bytes : actor.bytes_count;
	int order = memcmp(settled->actor, actor.bytes, common);
	bool is_later = order < 0 || (order == 0 && settled->actor_bytes < actor.bytes_count);

	memcpy(settled->actor, actor.bytes, actor.bytes_count);
	settled->actor_bytes = actor.bytes_count;
	return is_later;
}

static const char *judge(struct settled *settled, const struct entry *entry)
{
	struct id128 nonce;

	if (entry->source != SOURCE_REWARD || entry->kind != ENTRY_TRANSFER) {
		return "is no reward";
	}
	if (!is_pool(settled, entry)) {
		return "does not come out of the tenant's pool";
	}
	if (!rises(settled, entry->counter_account)) {
		return "pays an actor out of order";
	}
	intent_nonce(&settled->intent.idempotency_key, entry->counter_account, &nonce);
	if (memcmp(&nonce, &entry->nonce, sizeof nonce) != 0) {
		return "has not the nonce of its actor";
	}
	if (entry->amount > settled->intent.payout_total - settled->paid) {
		return "pays more than was settled";
	}
	return NULL;
}

static bool on_entry(void *context, const struct reader_entry *row)
{
	struct settled *settled = context;
	struct intent_allocation allocation;
	struct entry entry;

	if (entry_decode(row->leaf, &entry) != ERR_OK || row->seq != settled->seq_next ||
		entry.seq != row->seq) {
		settled->wrong = "is missing or does not decode";
		return false;
	}
	settled->wrong = judge(settled, &entry);
	if (settled->wrong != NULL) {
		return false;
	}
	allocation = (struct intent_allocation){ .actor = entry.counter_account,
		.amount = entry.amount };
	intent_cid_add(&settled->cid, &allocation);
	settled->paid += entry.amount;
	settled->seq_next++;
	return true;
}

static enum err check_commit(struct reader *reader, const struct settled *settled, struct why *why)
{
	struct schema_root root;
	enum err err = reader_root_at(reader, settled->seq_end, &root);

	if (err != ERR_OK) {
		why_say(why, "the commit of entry %llu cannot be read",
			(unsigned long long)settled->seq_end);
		return err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
	}
	if (root.first_seq > settled->seq_start) {
		why_say(why, "its entries %llu to %llu are of more than one commit",
			(unsigned long long)settled->seq_start,
			(unsigned long long)settled->seq_end);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

static enum err check_entries(struct reader *reader, struct settled *settled, struct why *why)
{
	uint64_t key = settled->seq_start;
	bool done = false;
	enum err err = ERR_OK;
	struct hash cid;

	while (err == ERR_OK && !done && settled->wrong == NULL) {
		err = reader_entries(reader, &key, settled->seq_end, on_entry, settled, &done);
	}
	if (err == ERR_OK && settled->wrong == NULL && settled->seq_next != settled->seq_end + 1) {
		settled->wrong = "is missing";
	}
	if (err != ERR_OK || settled->wrong != NULL) {
		why_say(why, "entry %llu %s", (unsigned long long)settled->seq_next,
			settled->wrong != NULL ? settled->wrong : "cannot be read");
		return err != ERR_OK ? err : ERR_CORRUPT;
	}
	intent_cid_finish(&settled->cid, &cid);
	if (settled->paid != settled->intent.payout_total ||
		memcmp(&cid, &settled->intent.allocations_cid, sizeof cid) != 0) {
		why_say(why, "its entries %llu to %llu are not what was settled",
			(unsigned long long)settled->seq_start,
			(unsigned long long)settled->seq_end);
		return ERR_CORRUPT;
	}
	return ERR_OK;
}

enum err settled_check(
	struct reader *reader, struct slice record, struct settled_seen *seen, struct why *why)
{
	struct settled settled = { .wrong = NULL };
	struct batch_control control;
	enum err err = batch_get_control(record, &control);

	if (err == ERR_OK) {
		err = intent_get_settled(
			control.value, &settled.intent, &settled.seq_start, &settled.seq_end);
	}
	if (err != ERR_OK) {
		why_say(why, "it does not decode");
		return ERR_CORRUPT;
	}
	if (settled.seq_start <= seen->seq_end || control.after_seq != settled.seq_end) {
		why_say(why, "its entries %llu to %llu are not behind those of the one before",
			(unsigned long long)settled.seq_start, (unsigned long long)settled.seq_end);
		return ERR_CORRUPT;
	}
	seen->seq_end = settled.seq_end;
	seen->entry_count += settled.intent.count;
	settled.seq_next = settled.seq_start;
	intent_cid_init(&settled.cid);
	err = check_commit(reader, &settled, why);
	return err == ERR_OK ? check_entries(reader, &settled, why) : err;
}
