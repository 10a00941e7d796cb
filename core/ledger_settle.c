#include "core/ledger_state.h"

#include "core/sha256.h"

/* Settled intents (DESIGN-LEDGER.md section 7). One is known by three names, each of which may be
 * used once: (tenant, epoch), (tenant, run_key) and idempotency_key. They are kept for ever, some
 * 250 bytes each in memory, and stored as control records (intent_put_settled). */

#define NAMES 3u
_Static_assert(INTENT_SETTLED_BYTES_MAX <= BATCH_CONTROL_VALUE_BYTES_MAX, "a control carries it");

/* Hashes, so that names of any length compare exactly in a fixed place. */
static void name_all(const struct intent *intent, struct hash ret_names[NAMES])
{
	uint8_t tenant_bytes = (uint8_t)intent->tenant.bytes_count;
	struct slice length = { &tenant_bytes, 1 };
	struct slice epoch[] = { ENTRY_VIEW("epoch"), length, intent->tenant, intent->epoch };
	struct slice run[] = { ENTRY_VIEW("run"), length, intent->tenant,
		{ intent->run_key.bytes, HASH_BYTES } };

	sha256_hash_parts(epoch, COUNT_OF(epoch), &ret_names[0]);
	sha256_hash_parts(run, COUNT_OF(run), &ret_names[1]);
	ret_names[2] = intent->idempotency_key;
}

static uint64_t name_fingerprint(
	const struct ledger *ledger, uint8_t which, const struct hash *name)
{
	uint8_t bytes[1 + HASH_BYTES];

	bytes[0] = which;
	memcpy(bytes + 1, name->bytes, HASH_BYTES);
	return ledger_fingerprint(ledger, bytes, sizeof bytes);
}

static const struct ledger_settlement *find(
	const struct ledger *ledger, uint8_t which, const struct hash *name)
{
	struct table_scan scan =
		table_find(&ledger->settled_table, name_fingerprint(ledger, which, name));
	uint64_t value;

	while (table_next(&scan, &value)) {
		const struct ledger_settlement *settled =
			segments_at(&ledger->settled, (uint32_t)value - 1);

		if (memcmp(&settled->names[which], name, sizeof *name) == 0) {
			return settled;
		}
	}
	return NULL;
}

enum ledger_settled ledger_settled(const struct ledger *ledger, const struct intent *intent,
	uint64_t *ret_seq_start, uint64_t *ret_seq_end)
{
	const struct ledger_settlement *first = NULL;
	struct hash names[NAMES];
	uint32_t found_count = 0;

	name_all(intent, names);
	for (uint8_t which = 0; which < NAMES; which++) {
		const struct ledger_settlement *settled = find(ledger, which, &names[which]);

		if (settled != NULL && first != NULL && settled != first) {
			return LEDGER_SETTLED_OTHERWISE;
		}
		found_count += settled != NULL ? 1u : 0u;
		first = settled != NULL ? settled : first;
	}
	if (first == NULL) {
		return LEDGER_SETTLED_NEVER;
	}
	if (found_count != NAMES ||
		memcmp(&first->commitment, &intent->commitment, sizeof first->commitment) != 0) {
		return LEDGER_SETTLED_OTHERWISE;
	}
	*ret_seq_start = first->seq_start;
	*ret_seq_end = first->seq_end;
	return LEDGER_SETTLED_SAME;
}

uint32_t ledger_settled_count(const struct ledger *ledger)
{
	return ledger->settled_count;
}

/* ---- what pays the allocations ---- */

/* Nobody outside knows the key, so no client can have used the id before, and stand in the way of
 * an epoch's pay. */
static struct id128 entry_id(
	const struct ledger *ledger, const struct intent *intent, struct slice actor)
{
	uint8_t bytes[1 + HASH_BYTES + ACCOUNT_BYTES_MAX];
	size_t bytes_count = 1 + HASH_BYTES + actor.bytes_count;
	struct id128 id;
	struct byte_writer out = byte_writer_of(id.bytes, sizeof id.bytes);

	memcpy(bytes + 1, intent->idempotency_key.bytes, HASH_BYTES);
	memcpy(bytes + 1 + HASH_BYTES, actor.bytes, actor.bytes_count);
	for (uint8_t half = 0; half < 2; half++) {
		bytes[0] = half;
		byte_put_u64(&out, siphash_24(ledger->key, bytes, bytes_count));
	}
	return id;
}

void ledger_intent_drafts(const struct ledger *ledger, const struct intent *intent,
	struct slice allocations, uint32_t kid, struct slice capability_ref, uint64_t ts_unix_ms,
	struct draft *ret_drafts)
{
	struct byte_reader in = byte_reader_of(allocations);
	struct intent_allocation each;

	for (uint32_t i = 0; i < intent->count; i++) {
		bool is_there = intent_next(&in, &each);

		assert(is_there); /* they were counted */
		ret_drafts[i] = (struct draft){
			.idx = i,
			.entry = {
				.id = entry_id(ledger, intent, each.actor),
				.ts_unix_ms = ts_unix_ms,
				.kind = ENTRY_TRANSFER,
				.source = SOURCE_REWARD,
				.account = intent->pool_account,
				.asset = intent->asset,
				.amount = each.amount,
				.kid = kid,
				.capability_ref = capability_ref,
				.counter_account = each.actor,
			},
		};
		intent_nonce(&intent->idempotency_key, each.actor, &ret_drafts[i].entry.nonce);
	}
}

/* Each Transfer with the account that it brings; what else a batch may have fits the room of an
 * ordinary one. */
size_t ledger_intent_bytes(const struct intent *intent, size_t allocations_bytes)
{
	size_t actors_bytes = allocations_bytes - intent->count * (1u + 16u);
	size_t entry_bytes = BATCH_HEAD_BYTES + 33u + 2u + ENTRY_LEAF_FIXED_BYTES +
			     intent->pool_account.bytes_count + intent->asset.bytes_count +
			     2u * ID_BYTES;
	size_t account_bytes = BATCH_HEAD_BYTES + 4u + 1u + 1u + intent->asset.bytes_count;

	return intent->count * (entry_bytes + account_bytes) + 2u * actors_bytes + BATCH_BYTES_MAX;
}

/* ---- settling ---- */

static void refuse(const struct ledger_request *request, enum detail detail,
	struct ledger_result *results, struct ledger_verdict *verdict)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		results[i] = (struct ledger_result){ .detail = detail };
	}
	verdict->refused_count = (uint32_t)request->draft_count;
	verdict->first_refusal = detail;
}

bool ledger_settle_judge(struct ledger *ledger, const struct ledger_request *request,
	struct ledger_result *results, struct ledger_verdict *verdict)
{
	assert(request->atomic && request->source == SOURCE_REWARD);
	switch (ledger_settled(ledger, request->intent, &verdict->seq_start, &verdict->seq_end)) {
	case LEDGER_SETTLED_NEVER:
		if (ledger->settled_count < ledger->limits.settled_max) {
			return false;
		}
		refuse(request, DETAIL_CAPACITY, results, verdict);
		return true;
	case LEDGER_SETTLED_SAME:
		verdict->is_settled_before = true;
		verdict->root_seq = verdict->seq_end;
		verdict->accepted_count = (uint32_t)request->draft_count;
		return true;
	case LEDGER_SETTLED_OTHERWISE:
		refuse(request, DETAIL_SETTLED_OTHERWISE, results, verdict);
		return true;
	}
	return false;
}

static void remember(
	struct ledger *ledger, const struct intent *intent, uint64_t seq_start, uint64_t seq_end)
{
	uint32_t index = ledger->settled_count++;
	struct ledger_settlement *settled = segments_at(&ledger->settled, index);

	name_all(intent, settled->names);
	settled->commitment = intent->commitment;
	settled->seq_start = seq_start;
	settled->seq_end = seq_end;
	for (uint8_t which = 0; which < NAMES; which++) {
		table_insert(&ledger->settled_table,
			name_fingerprint(ledger, which, &settled->names[which]),
			(uint64_t)index + 1);
	}
}

void ledger_settle_record(
	struct ledger *ledger, const struct intent *intent, uint64_t seq_start, uint64_t seq_end)
{
	uint8_t value[INTENT_SETTLED_BYTES_MAX];
	struct byte_writer out = byte_writer_of(value, sizeof value);

	intent_put_settled(&out, intent, seq_start, seq_end);
	assert(!out.failed);
	batch_put_control(ledger->batch.out, &(struct batch_control){
						     .kind = CONTROL_SETTLED,
						     .scope = SCOPE_GLOBAL,
						     .after_seq = seq_end,
						     .ts_unix_ms = ledger->batch_ts_unix_ms,
						     .value = { value, out.used },
						     .actor = ENTRY_VIEW("sys:reward"),
					     });
	remember(ledger, intent, seq_start, seq_end);
}

enum err ledger_settle_load(struct ledger *ledger, struct slice value)
{
	struct intent intent;
	uint64_t seq_start, seq_end;
	enum err err = intent_get_settled(value, &intent, &seq_start, &seq_end);

	if (err != ERR_OK) {
		return err;
	}
	if (!ledger_reserve(ledger, 1, 0)) {
		return ERR_BUSY;
	}
	if (ledger_settled(ledger, &intent, &seq_start, &seq_end) != LEDGER_SETTLED_NEVER) {
		return ERR_CORRUPT; /* nothing is settled twice */
	}
	remember(ledger, &intent, seq_start, seq_end);
	return ERR_OK;
}
