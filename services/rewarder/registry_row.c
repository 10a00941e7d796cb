#include "services/rewarder/registry_row.h"

#include <stdlib.h>
#include <string.h>

/* In place of a state, of a row that is gone. */
#define GONE 255u

/* Bits of what came after a row was quarantined, or postponed. */
#define FLAG_RELEASED 1u
#define FLAG_AUDITED  2u
#define FLAG_DRAINED  4u
#define FLAGS_ALL     (FLAG_RELEASED | FLAG_AUDITED | FLAG_DRAINED)

bool registry_row_says_drained(const struct registry_row *row)
{
	return row->is_drained && row->state != REGISTRY_POSTPONED;
}

void registry_row_put(struct byte_writer *out, const struct registry_row *row)
{
	byte_put_u8(out, row->state);
	byte_put_u8(out, row->kind);
	byte_put_u8(out, row->result);
	byte_put_u8(out, row->detail);
	byte_put_u8(out, (uint8_t)((row->is_released ? FLAG_RELEASED : 0) |
				   (row->is_audited ? FLAG_AUDITED : 0) |
				   (registry_row_says_drained(row) ? FLAG_DRAINED : 0)));
	byte_put_u8(out, row->is_swept);
	byte_put_u32(out, row->count);
	byte_put_string8(out, reward_name_view(&row->tenant));
	byte_put_string8(out, reward_name_view(&row->epoch));
	byte_put_string8(out, reward_name_view(&row->policy_id));
	byte_put_string8(out, reward_name_view(&row->asset));
	byte_put_string8(out, reward_name_view(&row->pool));
	byte_put_hash(out, &row->policy_hash);
	byte_put_hash(out, &row->inputs_cid);
	byte_put_hash(out, &row->run_key);
	byte_put_hash(out, &row->idempotency_key);
	byte_put_hash(out, &row->commitment);
	byte_put_hash(out, &row->allocations_cid);
	byte_put_hash(out, &row->public_key);
	byte_put_u128(out, row->payout);
	byte_put_u128(out, row->residual);
	byte_put_u64(out, row->admitted_unix_ms);
	byte_put_u64(out, row->changed_unix_ms);
	byte_put_u64(out, row->signed_at_unix_s);
	byte_put_u64(out, row->seq_start);
	byte_put_u64(out, row->seq_end);
	byte_put_u64(out, row->cpu_us);
	byte_put_u64(out, row->cost_ms);
	byte_put_u64(out, row->manifest_bytes);
	byte_put_u64(out, row->allocations_bytes);
	byte_put_bytes(out, row->signature, sizeof row->signature);
	byte_put_string8(out, (struct slice){ (const uint8_t *)row->text, strlen(row->text) });
	byte_put_id128(out, &row->life);
	byte_put_slice32(out, (struct slice){ row->grant, row->grant_bytes });
	byte_put_slice32(out, (struct slice){ row->notes, row->notes_bytes });
}

static void get_name(struct byte_reader *in, struct reward_name *ret_name)
{
	struct slice view = byte_get_string8(in, sizeof ret_name->bytes);

	ret_name->bytes_count = (uint8_t)view.bytes_count;
	if (view.bytes_count > 0) {
		memcpy(ret_name->bytes, view.bytes, view.bytes_count);
	}
}

static void get_fixed(struct byte_reader *in, struct registry_row *row)
{
	const uint8_t *signature;
	struct slice text;

	row->payout = byte_get_u128(in);
	row->residual = byte_get_u128(in);
	row->admitted_unix_ms = byte_get_u64(in);
	row->changed_unix_ms = byte_get_u64(in);
	row->signed_at_unix_s = byte_get_u64(in);
	row->seq_start = byte_get_u64(in);
	row->seq_end = byte_get_u64(in);
	row->cpu_us = byte_get_u64(in);
	row->cost_ms = byte_get_u64(in);
	row->manifest_bytes = byte_get_u64(in);
	row->allocations_bytes = byte_get_u64(in);
	signature = byte_take(in, sizeof row->signature);
	if (signature != NULL) {
		memcpy(row->signature, signature, sizeof row->signature);
	}
	text = byte_get_string8(in, sizeof row->text - 1);
	if (text.bytes_count > 0) {
		memcpy(row->text, text.bytes, text.bytes_count);
	}
	row->text[text.bytes_count] = '\0';
}

void registry_row_put_gone(struct byte_writer *out, const struct registry_row *row)
{
	byte_put_u8(out, GONE);
	byte_put_string8(out, reward_name_view(&row->tenant));
	byte_put_string8(out, reward_name_view(&row->epoch));
}

bool registry_row_keep(uint8_t **bytes, uint32_t *bytes_count, struct slice given)
{
	uint8_t *copy = NULL;

	if (given.bytes_count > 0) {
		copy = malloc(given.bytes_count);
		if (copy == NULL) {
			return false;
		}
		memcpy(copy, given.bytes, given.bytes_count);
	}
	free(*bytes);
	*bytes = copy;
	*bytes_count = (uint32_t)given.bytes_count;
	return true;
}

bool registry_row_is_held(const struct registry_row *row)
{
	return row->state == REGISTRY_QUARANTINED && !row->is_released;
}

bool registry_row_is_unaudited(const struct registry_row *row)
{
	return row->state == REGISTRY_QUARANTINED && !row->is_audited;
}

bool registry_row_is_idle(const struct registry_row *row)
{
	return row->state == REGISTRY_FAILED ||
	       (row->state == REGISTRY_SETTLED && row->is_swept && !row->is_drained);
}

void registry_row_finish(struct registry_row *row)
{
	free(row->grant);
	row->grant = NULL;
	free(row->notes);
	row->notes = NULL;
}

static bool get_gone(struct byte_reader *in, struct registry_row *row)
{
	(void)byte_get_u8(in);
	get_name(in, &row->tenant);
	get_name(in, &row->epoch);
	return byte_reader_done(in);
}

bool registry_row_get(struct slice bytes, struct registry_row *row, bool *ret_is_gone)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct slice grant, notes;
	unsigned flags;

	*ret_is_gone = bytes.bytes_count > 0 && bytes.bytes[0] == GONE;
	if (*ret_is_gone) {
		return get_gone(&in, row);
	}
	row->state = byte_get_u8(&in);
	row->kind = byte_get_u8(&in);
	row->result = byte_get_u8(&in);
	row->detail = byte_get_u8(&in);
	flags = byte_get_u8(&in);
	row->is_released = (flags & FLAG_RELEASED) != 0;
	row->is_audited = (flags & FLAG_AUDITED) != 0;
	row->is_drained = (flags & FLAG_DRAINED) != 0;
	row->is_swept = byte_get_u8(&in) != 0;
	row->count = byte_get_u32(&in);
	get_name(&in, &row->tenant);
	get_name(&in, &row->epoch);
	get_name(&in, &row->policy_id);
	get_name(&in, &row->asset);
	get_name(&in, &row->pool);
	row->policy_hash = byte_get_hash(&in);
	row->inputs_cid = byte_get_hash(&in);
	row->run_key = byte_get_hash(&in);
	row->idempotency_key = byte_get_hash(&in);
	row->commitment = byte_get_hash(&in);
	row->allocations_cid = byte_get_hash(&in);
	row->public_key = byte_get_hash(&in);
	get_fixed(&in, row);
	row->life = byte_get_id128(&in);
	grant = byte_get_slice32(&in, VERB_GRANT_BYTES_MAX);
	notes = byte_get_slice32(&in, VERB_NOTES_BYTES_MAX);
	return byte_reader_done(&in) && flags <= FLAGS_ALL && row->state >= REGISTRY_ADMITTED &&
	       row->state <= REGISTRY_FAILED && row->kind < REWARD_KIND_COUNT &&
	       registry_row_keep(&row->grant, &row->grant_bytes, grant) &&
	       registry_row_keep(&row->notes, &row->notes_bytes, notes);
}
