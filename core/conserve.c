#include "core/conserve.h"

#include "core/batch.h"

void conserve_init(struct conserve *conserve, uint64_t first_seq)
{
	*conserve = (struct conserve){ .next_seq = first_seq };
}

/* How many times its amount an entry takes from somewhere, and gives to somewhere. */
struct postings {
	unsigned falls;
	unsigned rises;
};

static struct postings postings_of(const struct entry *entry)
{
	static const struct postings both = { 1, 1 };
	static const struct postings falls = { 1, 0 };
	static const struct postings rises = { 0, 1 };

	switch (entry->kind) {
	case ENTRY_CREDIT:
		return rises;
	case ENTRY_DEBIT:
		return falls;
	case ENTRY_TRANSFER: /* account or its held, to counter_account */
	case ENTRY_MINT:     /* sys:issuance to account */
	case ENTRY_BURN:     /* account to sys:issuance */
	case ENTRY_HOLD:     /* available to held */
		return both;
	case ENTRY_REVERSE:
		break;
	}
	switch (entry->effect) {
	case EFFECT_GROUP_DEBIT:
		return rises;
	case EFFECT_GROUP_CREDIT:
		return falls;
	case EFFECT_TRANSFER:
	case EFFECT_MINT:
	case EFFECT_BURN:
	case EFFECT_HOLD_RELEASE:
	case EFFECT_CAPTURE:
		return both;
	case EFFECT_NONE:
		break;
	}
	return falls; /* a Reverse of nothing: from somewhere to nowhere */
}

static enum err open_group(struct conserve *conserve, const struct entry *entry)
{
	if (entry->group_first != entry->seq) {
		return ERR_CORRUPT;
	}
	conserve->group_first = entry->group_first;
	conserve->group_count = entry->group_count;
	conserve->asset_bytes = (uint8_t)entry->asset.bytes_count;
	memcpy(conserve->asset, entry->asset.bytes, entry->asset.bytes_count);
	conserve->falls = 0;
	conserve->rises = 0;
	return ERR_OK;
}

static bool is_of_group(const struct conserve *conserve, const struct entry *entry)
{
	struct slice asset = { conserve->asset, conserve->asset_bytes };

	return entry->group_first == conserve->group_first &&
	       entry->group_count == conserve->group_count &&
	       entry_views_equal(entry->asset, asset);
}

static enum err add_leg(struct conserve *conserve, const struct entry *entry)
{
	struct postings postings = postings_of(entry);
	u128 *sum = postings.falls > 0 ? &conserve->falls : &conserve->rises;
	enum err err = conserve->group_count == 0 ? open_group(conserve, entry) : ERR_OK;

	if (err != ERR_OK || !is_of_group(conserve, entry) || postings.falls == postings.rises ||
		entry->amount > U128_MAX - *sum) {
		return ERR_CORRUPT;
	}
	*sum += entry->amount;
	if (entry->seq - entry->group_first + 1 < entry->group_count) {
		return ERR_OK;
	}
	conserve->group_count = 0;
	return conserve->falls == conserve->rises ? ERR_OK : ERR_CORRUPT;
}

enum err conserve_add(struct conserve *conserve, struct slice leaf)
{
	struct entry entry;
	struct postings postings;
	enum err err = entry_decode(leaf, &entry);

	if (err != ERR_OK) {
		return err;
	}
	if (conserve->next_seq != 0 && entry.seq != conserve->next_seq) {
		return ERR_CORRUPT;
	}
	conserve->next_seq = entry.seq + 1;
	if (entry.group_count > 0) {
		return add_leg(conserve, &entry);
	}
	postings = postings_of(&entry);
	return conserve->group_count == 0 && postings.falls == postings.rises ? ERR_OK
									      : ERR_CORRUPT;
}

bool conserve_is_even(const struct conserve *conserve)
{
	return conserve->group_count == 0;
}

enum err conserve_batch(uint64_t first_seq, struct slice records)
{
	struct byte_reader in = byte_reader_of(records);
	struct batch_record record;
	struct conserve conserve;

	conserve_init(&conserve, first_seq);
	while (batch_next(&in, &record)) {
		struct batch_entry entry;
		enum err err = ERR_OK;

		if (record.type == BATCH_ENTRY) {
			err = batch_get_entry(record.body, &entry);
			err = err == ERR_OK ? conserve_add(&conserve, entry.leaf) : err;
		}
		if (err != ERR_OK) {
			return err;
		}
	}
	if (!byte_reader_done(&in)) {
		return ERR_MALFORMED;
	}
	return conserve_is_even(&conserve) ? ERR_OK : ERR_CORRUPT;
}
