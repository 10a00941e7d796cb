#include "core/ledger_state.h"

#include "core/sha256.h"

/* Settled intents (DESIGN-LEDGER.md section 7). A settlement is known by three names, each of
 * which may be used once: (tenant, epoch), (tenant, run_key) and idempotency_key. The value of
 * its control record:
 *
 *   tenant | epoch (u8 lengths) | run_key 32 | idempotency_key 32 | commitment 32
 *   seq_start u64 | seq_end u64 */

#define NAMES           3u
#define VALUE_BYTES_MAX (2u * (1u + LEDGER_SETTLEMENT_NAME_BYTES_MAX) + 3u * HASH_BYTES + 16u)
_Static_assert(VALUE_BYTES_MAX <= BATCH_CONTROL_VALUE_BYTES_MAX, "a control carries it");

/* Hashes, so that names of any length compare exactly in a fixed place. */
static void name_all(const struct ledger_settlement *settlement, struct hash ret_names[NAMES])
{
	uint8_t tenant_bytes = (uint8_t)settlement->tenant.bytes_count;
	struct slice length = { &tenant_bytes, 1 };
	struct slice epoch[] = { ENTRY_VIEW("epoch"), length, settlement->tenant,
		settlement->epoch };
	struct slice run[] = { ENTRY_VIEW("run"), length, settlement->tenant,
		{ settlement->run_key.bytes, HASH_BYTES } };

	sha256_hash_parts(epoch, COUNT_OF(epoch), &ret_names[0]);
	sha256_hash_parts(run, COUNT_OF(run), &ret_names[1]);
	ret_names[2] = settlement->idempotency_key;
}

static uint64_t name_fingerprint(
	const struct ledger *ledger, uint8_t which, const struct hash *name)
{
	uint8_t bytes[1 + HASH_BYTES];

	bytes[0] = which;
	memcpy(bytes + 1, name->bytes, HASH_BYTES);
	return ledger_fingerprint(ledger, bytes, sizeof bytes);
}

static const struct ledger_settled *find(
	const struct ledger *ledger, uint8_t which, const struct hash *name)
{
	struct table_scan scan =
		table_find(&ledger->settled_table, name_fingerprint(ledger, which, name));
	uint64_t value;

	while (table_next(&scan, &value)) {
		const struct ledger_settled *settled =
			segments_at(&ledger->settled, (uint32_t)value - 1);

		if (memcmp(&settled->names[which], name, sizeof *name) == 0) {
			return settled;
		}
	}
	return NULL;
}

enum ledger_settle ledger_settle_find(const struct ledger *ledger,
	const struct ledger_settlement *settlement, uint64_t *ret_start, uint64_t *ret_end)
{
	const struct ledger_settled *first = NULL;
	struct hash names[NAMES];
	uint32_t found_count = 0;

	name_all(settlement, names);
	for (uint8_t which = 0; which < NAMES; which++) {
		const struct ledger_settled *settled = find(ledger, which, &names[which]);

		if (settled != NULL && first != NULL && settled != first) {
			return SETTLE_OTHERWISE;
		}
		found_count += settled != NULL ? 1u : 0u;
		first = settled != NULL ? settled : first;
	}
	if (first == NULL) {
		return SETTLE_NEW;
	}
	if (found_count != NAMES || memcmp(&first->commitment, &settlement->commitment,
					    sizeof first->commitment) != 0) {
		return SETTLE_OTHERWISE;
	}
	*ret_start = first->seq_start;
	*ret_end = first->seq_end;
	return SETTLE_SAME;
}

static void remember(struct ledger *ledger, const struct ledger_settlement *settlement,
	uint64_t seq_start, uint64_t seq_end)
{
	uint32_t index = ledger->settled_count++;
	struct ledger_settled *settled = segments_at(&ledger->settled, index);

	name_all(settlement, settled->names);
	settled->commitment = settlement->commitment;
	settled->seq_start = seq_start;
	settled->seq_end = seq_end;
	for (uint8_t which = 0; which < NAMES; which++) {
		table_insert(&ledger->settled_table,
			name_fingerprint(ledger, which, &settled->names[which]),
			(uint64_t)index + 1);
	}
}

void ledger_settle_record(struct ledger *ledger, const struct ledger_settlement *settlement,
	uint64_t seq_start, uint64_t seq_end)
{
	uint8_t value[VALUE_BYTES_MAX];
	struct byte_writer out = byte_writer_of(value, sizeof value);

	byte_put_string8(&out, settlement->tenant);
	byte_put_string8(&out, settlement->epoch);
	byte_put_hash(&out, &settlement->run_key);
	byte_put_hash(&out, &settlement->idempotency_key);
	byte_put_hash(&out, &settlement->commitment);
	byte_put_u64(&out, seq_start);
	byte_put_u64(&out, seq_end);
	assert(!out.failed); /* ledger_admit compared the names with their bound */
	batch_put_control(ledger->batch.out, &(struct batch_control){
						     .kind = CONTROL_SETTLED,
						     .scope = SCOPE_GLOBAL,
						     .after_seq = seq_end,
						     .ts_unix_ms = ledger->batch_ts_unix_ms,
						     .value = { value, out.used },
						     .actor = ENTRY_VIEW("sys:reward"),
					     });
	remember(ledger, settlement, seq_start, seq_end);
}

enum err ledger_settle_load(struct ledger *ledger, struct slice value)
{
	struct byte_reader in = byte_reader_of(value);
	struct ledger_settlement settlement;
	uint64_t seq_start, seq_end;

	settlement.tenant = byte_get_string8(&in, LEDGER_SETTLEMENT_NAME_BYTES_MAX);
	settlement.epoch = byte_get_string8(&in, LEDGER_SETTLEMENT_NAME_BYTES_MAX);
	settlement.run_key = byte_get_hash(&in);
	settlement.idempotency_key = byte_get_hash(&in);
	settlement.commitment = byte_get_hash(&in);
	seq_start = byte_get_u64(&in);
	seq_end = byte_get_u64(&in);
	if (!byte_reader_done(&in)) {
		return ERR_MALFORMED;
	}
	if (!ledger_reserve(ledger, 1, 0)) {
		return ERR_BUSY;
	}
	remember(ledger, &settlement, seq_start, seq_end);
	return ERR_OK;
}
