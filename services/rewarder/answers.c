/* What clients are told (spec/rewarder.md 1.3 to 1.6), as JSON; the edge writes the envelope. */
#include "services/rewarder/rewarder.h"

#include <stdio.h>
#include <string.h>

#include "core/base64.h"
#include "core/hex.h"
#include "core/reward_text.h"

#define TEXT_BYTES 2048u

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

void answers_send(struct rewarder *self, struct answer_route route, struct oap_run_reply *reply)
{
	(void)!oap_send_run_reply(mesh_peer_of(&self->worker->mesh, route.edge_process,
					  route.edge_instance, route.edge_generation),
		route.from->corr_id, reply);
	mesh_give_back(&self->worker->mesh, route.from);
}

/* --- members --- */

static void put_string(struct json_out *out, const char *key, struct slice text)
{
	json_out_key(out, key);
	json_out_string(out, text);
}

static void put_cid(struct json_out *out, const char *key, const struct hash *hash)
{
	char text[REWARD_CID_BYTES + 1];

	reward_text_print_cid(hash, text);
	json_out_key(out, key);
	json_out_text(out, text);
}

static void put_bool(struct json_out *out, const char *key, bool value)
{
	json_out_key(out, key);
	json_out_bool(out, value);
}

static void put_u64(struct json_out *out, const char *key, uint64_t value)
{
	json_out_key(out, key);
	json_out_u64(out, value);
}

static void put_run_key(struct json_out *out, const struct registry_row *row)
{
	json_out_key(out, "run_key");
	json_out_hex(out, (struct slice){ row->run_key.bytes, 8 });
}

static bool is_sealed(const struct registry_row *row)
{
	return row->manifest_bytes > 0;
}

static const char *status_of(const struct registry_row *row)
{
	if (row->kind != REWARD_KIND_NONE) {
		return "quarantined";
	}
	if (row->state == REGISTRY_FAILED) {
		return "fail";
	}
	return is_sealed(row) ? "ok" : "pending";
}

static void put_totals(struct json_out *out, const struct registry_row *row)
{
	json_out_key(out, "totals");
	json_out_object_begin(out);
	put_string(out, "pool_minor_units", reward_name_view(&row->pool));
	json_out_key(out, "payout_minor_units");
	json_out_u128(out, row->payout);
	json_out_key(out, "residual_minor_units");
	json_out_u128(out, row->residual);
	json_out_object_end(out);
}

static void put_policy(
	const struct rewarder *self, struct json_out *out, const struct registry_row *row)
{
	const struct policies_row *policy =
		policies_find(&self->policies, reward_name_view(&row->policy_id));

	json_out_key(out, "policy");
	json_out_object_begin(out);
	put_string(out, "id", reward_name_view(&row->policy_id));
	put_cid(out, "hash", &row->policy_hash);
	put_bool(out, "signed", policy != NULL && policy->is_signed);
	json_out_object_end(out);
}

static void put_invariants(struct json_out *out, const struct registry_row *row)
{
	json_out_key(out, "invariants");
	json_out_object_begin(out);
	put_bool(out, "conservation", row->kind != REWARD_KIND_CONSERVATION);
	put_bool(out, "overflow", row->kind == REWARD_KIND_OVERFLOW);
	put_bool(out, "negative", row->kind == REWARD_KIND_NEGATIVE);
	put_bool(out, "idempotent", row->kind != REWARD_KIND_IDEMPOTENCY);
	json_out_object_end(out);
}

static const char *result_name(uint8_t result)
{
	switch ((enum registry_result)result) {
	case RESULT_ACCEPTED:
		return "accepted";
	case RESULT_DUP:
		return "dup";
	case RESULT_ERROR:
		return "error";
	case RESULT_NONE:
		break;
	}
	return "none";
}

static void put_ledger(
	struct json_out *out, const struct registry_row *row, bool is_dry, bool is_replay)
{
	bool is_paid = row->state == REGISTRY_SETTLED && row->count > 0;
	uint8_t result = is_paid && is_replay ? RESULT_DUP : row->result;

	json_out_key(out, "ledger");
	json_out_object_begin(out);
	put_bool(out, "emitted", is_paid && !is_dry);
	json_out_key(out, "result");
	json_out_text(out, is_dry ? "none" : result_name(result));
	if (row->state == REGISTRY_POSTPONED && row->detail != DETAIL_NONE) {
		json_out_key(out, "reason");
		json_out_text(out, detail_text(row->detail));
	}
	if (is_paid && !is_dry) {
		put_u64(out, "seq_start", row->seq_start);
		put_u64(out, "seq_end", row->seq_end);
	}
	json_out_object_end(out);
}

/* --- refusals --- */

/* The members of an object alone, without its braces. */
static struct slice members_of(const struct json_out *out)
{
	size_t bytes = 0;

	if (json_out_finish(out, &bytes) != ERR_OK || bytes < 2) {
		return (struct slice){ NULL, 0 };
	}
	return (struct slice){ out->bytes + 1, bytes - 2 };
}

static void put_quarantine(struct json_out *out, const struct registry_row *row)
{
	json_out_key(out, "status");
	json_out_text(out, "quarantined");
	json_out_key(out, "reason");
	json_out_text(out, reward_kind_name(row->kind));
	json_out_key(out, "details");
	json_out_text(out, row->text);
	put_run_key(out, row);
	put_cid(out, "commitment", &row->commitment);
}

void answers_refuse(struct rewarder *self, struct answer_route route, enum reward_reason reason,
	const char *text, const struct registry_row *row)
{
	const struct reward_error_row *error = reward_errors_row(reward_reasons_error(reason));
	struct oap_run_reply reply = { .status = error->status,
		.reason = (uint8_t)reason,
		.retry_after_s = error->retry_after_s };
	uint8_t flat_bytes[TEXT_BYTES], details_bytes[VERB_TEXT_BYTES_MAX];
	struct json_out flat, details;

	json_out_init(&flat, flat_bytes, sizeof flat_bytes);
	json_out_init(&details, details_bytes, sizeof details_bytes);
	json_out_object_begin(&flat);
	json_out_object_begin(&details);
	if (row != NULL && row->kind != REWARD_KIND_NONE) {
		put_quarantine(&flat, row);
		json_out_key(&details, "kind");
		json_out_text(&details, reward_kind_name(row->kind));
	}
	if (reason == REWARD_REASON_LATCHED && row != NULL) {
		json_out_key(&details, "hint");
		json_out_text(&details, "release_required");
		put_string(&details, "epoch_id", reward_name_view(&row->epoch));
	} else if (row != NULL && row->state != 0) {
		put_run_key(&details, row);
	}
	json_out_object_end(&flat);
	json_out_object_end(&details);
	reply.body = members_of(&flat);
	reply.details = members_of(&details);
	reply.text = text == NULL ? (struct slice){ NULL, 0 } : text_of(text);
	answers_send(self, route, &reply);
}

/* --- results --- */

void answers_result(struct rewarder *self, struct answer_route route,
	const struct registry_row *row, bool is_dry, bool is_replay)
{
	struct oap_run_reply reply = { .status = 200 };
	bool is_postponed = !is_dry && row->state == REGISTRY_POSTPONED;
	uint8_t bytes[TEXT_BYTES];
	struct json_out out;
	size_t count = 0;

	if (row->kind != REWARD_KIND_NONE) {
		answers_refuse(self, route, REWARD_REASON_INVARIANT, NULL, row);
		return;
	}
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	put_string(&out, "epoch_id", reward_name_view(&row->epoch));
	put_run_key(&out, row);
	put_cid(&out, "commitment", &row->commitment);
	json_out_key(&out, "status");
	json_out_text(&out, status_of(row));
	put_totals(&out, row);
	put_policy(self, &out, row);
	put_invariants(&out, row);
	put_ledger(&out, row, is_dry, is_replay);
	json_out_key(&out, "metrics");
	json_out_object_begin(&out);
	put_u64(&out, "compute_ms", row->cpu_us / 1000);
	put_u64(&out, "cost_estimate_ms", row->cost_ms);
	json_out_object_end(&out);
	if (is_postponed) {
		put_bool(&out, "quarantine", true);
		reply.status = 202;
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &count) != ERR_OK) {
		assert(!"a result fits");
	}
	reply.body = (struct slice){ bytes, count };
	reply.total = count;
	answers_send(self, route, &reply);
}

void answers_pending(
	struct rewarder *self, struct answer_route route, const struct registry_row *row)
{
	struct oap_run_reply reply = { .status = 202, .retry_after_s = 1 };
	char location[VERB_NAME_BYTES_MAX];
	uint8_t bytes[TEXT_BYTES];
	struct json_out out;
	size_t count = 0;
	int location_bytes = snprintf(location, sizeof location, "/rewarder/epochs/%.*s",
		(int)row->epoch.bytes_count, (const char *)row->epoch.bytes);

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	put_string(&out, "epoch_id", reward_name_view(&row->epoch));
	put_run_key(&out, row);
	json_out_key(&out, "status");
	json_out_text(&out, "pending");
	json_out_object_end(&out);
	if (json_out_finish(&out, &count) != ERR_OK) {
		assert(!"it fits");
	}
	reply.body = (struct slice){ bytes, count };
	reply.total = count;
	reply.location = (struct slice){ (const uint8_t *)location, (size_t)location_bytes };
	answers_send(self, route, &reply);
}

/* --- what is kept --- */

/* Days since 1970 as a date: years that begin in March have their leap day at the end. */
static void print_time(uint64_t unix_s, char text[32])
{
	uint64_t days = unix_s / 86400 + 719468;
	uint64_t era = days / 146097, day_of_era = days % 146097;
	uint64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day = day_of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day + 2) / 153;

	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10 ? 1 : 0);
	(void)snprintf(text, 32, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)year % 10000,
		(unsigned)(month < 10 ? month + 3 : month - 9), (unsigned)day + 1,
		(unsigned)(unix_s / 3600 % 24), (unsigned)(unix_s / 60 % 60),
		(unsigned)(unix_s % 60));
}

static void put_attestation(struct json_out *out, const struct registry_row *row)
{
	char signature[BASE64_TEXT_BYTES(VERB_SIGNATURE_BYTES) + 8] = "base64:";
	char signed_at[32];

	(void)base64_encode(row->signature, sizeof row->signature, signature + 7);
	print_time(row->signed_at_unix_s, signed_at);
	json_out_key(out, "attestation");
	json_out_object_begin(out);
	json_out_key(out, "sig_ed25519");
	json_out_text(out, signature);
	json_out_key(out, "signed_at");
	json_out_text(out, signed_at);
	json_out_key(out, "public_key");
	json_out_hex(out, (struct slice){ row->public_key.bytes, HASH_BYTES });
	json_out_object_end(out);
}

static const char *state_name(const struct registry_row *row)
{
	switch ((enum registry_state)row->state) {
	case REGISTRY_ADMITTED:
		return "admitted";
	case REGISTRY_SEALED:
		return "sealed";
	case REGISTRY_EMITTING:
		return "emitting";
	case REGISTRY_SETTLED:
		return "settled";
	case REGISTRY_POSTPONED:
		return "postponed";
	case REGISTRY_QUARANTINED:
		return row->is_released ? "released" : "quarantined";
	case REGISTRY_FAILED:
		break;
	}
	return "failed";
}

/* An EpochManifest (spec/rewarder.md 1.4); what there is of it so far. */
static void put_summary(
	const struct rewarder *self, struct json_out *out, const struct registry_row *row)
{
	json_out_object_begin(out);
	put_string(out, "epoch_id", reward_name_view(&row->epoch));
	put_run_key(out, row);
	json_out_key(out, "status");
	json_out_text(out, status_of(row));
	json_out_key(out, "state");
	json_out_text(out, state_name(row));
	put_policy(self, out, row);
	if (is_sealed(row)) {
		put_cid(out, "commitment", &row->commitment);
		put_totals(out, row);
	}
	if (row->signed_at_unix_s != 0) {
		put_attestation(out, row);
	}
	if (row->kind != REWARD_KIND_NONE) {
		json_out_key(out, "quarantine");
		json_out_object_begin(out);
		json_out_key(out, "kind");
		json_out_text(out, reward_kind_name(row->kind));
		json_out_key(out, "detail");
		json_out_text(out, row->text);
		json_out_object_end(out);
	}
	put_ledger(out, row, false, false);
	json_out_object_end(out);
}

void answers_summary(
	struct rewarder *self, struct answer_route route, const struct registry_row *row)
{
	struct oap_run_reply reply = { .status = 200 };
	char etag[REWARD_CID_BYTES + 1];
	uint8_t bytes[2 * TEXT_BYTES];
	struct json_out out;
	size_t count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	put_summary(self, &out, row);
	if (json_out_finish(&out, &count) != ERR_OK) {
		assert(!"a summary fits");
	}
	reply.body = (struct slice){ bytes, count };
	reply.total = count;
	if (row->state == REGISTRY_SETTLED) {
		reward_text_print_cid(&row->commitment, etag);
		reply.etag = text_of(etag);
		reply.cache = RUN_CACHE_IMMUTABLE;
	}
	answers_send(self, route, &reply);
}

static void show_manifest(struct rewarder *self, struct answer_route route,
	const struct registry_row *row, uint64_t offset)
{
	const struct artefacts_run files = { false, &row->tenant, &row->epoch, &row->run_key };
	struct oap_run_reply reply = { .status = 200, .offset = offset };
	char etag[REWARD_CID_BYTES + 1];
	enum err err = is_sealed(row) && !row->is_swept
			       ? artefacts_read(&self->artefacts, &files, "run.json", offset,
					 self->page, &reply.body, &reply.total)
			       : ERR_NOT_FOUND;

	if (err == ERR_NOT_FOUND) {
		answers_refuse(self, route, REWARD_REASON_NOT_FOUND,
			"the manifest is not there, or not any more", NULL);
		return;
	}
	if (err != ERR_OK) {
		report_run(LOG_ARTEFACT_DAMAGED, row, (struct log_fields){ .fault = err });
		answers_refuse(
			self, route, REWARD_REASON_STORAGE, "the manifest cannot be read", NULL);
		return;
	}
	reward_text_print_cid(&row->commitment, etag);
	reply.etag = text_of(etag);
	reply.cache = row->state == REGISTRY_SETTLED ? RUN_CACHE_IMMUTABLE : RUN_CACHE_NO_STORE;
	answers_send(self, route, &reply);
}

void answers_show(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_show *msg)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	const struct registry_row *row = registry_find(&self->registry, msg->tenant, msg->epoch);

	if (row == NULL) {
		answers_refuse(self, route, REWARD_REASON_NOT_FOUND, NULL, NULL);
	} else if (msg->part == RUN_PART_MANIFEST) {
		show_manifest(self, route, row, msg->offset);
	} else {
		answers_summary(self, route, row);
	}
}

/* As many as fit a page; "next" is the epoch to go on behind, if there are more. */
void answers_list(
	struct rewarder *self, const struct oap_from *from, const struct oap_run_list *msg)
{
	struct answer_route route = ANSWER_ROUTE(from, msg);
	struct oap_run_reply reply = { .status = 200 };
	const struct registry *registry = &self->registry;
	const struct registry_row *last = NULL;
	uint32_t place = registry_place(registry, msg->tenant, msg->after);
	bool is_more = false;
	struct json_out out;
	size_t count = 0;

	json_out_init(&out, self->page, sizeof self->page);
	json_out_object_begin(&out);
	json_out_key(&out, "runs");
	json_out_array_begin(&out);
	for (; place < registry->count && !is_more; place++) {
		const struct registry_row *row = registry->rows[place];
		bool is_held = row->state == REGISTRY_QUARANTINED && !row->is_released;
		struct slice tenant = reward_name_view(&row->tenant);

		if (tenant.bytes_count != msg->tenant.bytes_count ||
			memcmp(tenant.bytes, msg->tenant.bytes, tenant.bytes_count) != 0) {
			break;
		}
		if ((msg->only_held && !is_held) ||
			(row->epoch.bytes_count == msg->after.bytes_count &&
				memcmp(row->epoch.bytes, msg->after.bytes,
					msg->after.bytes_count) == 0)) {
			continue;
		}
		is_more = out.bytes_count > sizeof self->page - 2 * TEXT_BYTES;
		if (!is_more) {
			put_summary(self, &out, row);
			last = row;
		}
	}
	json_out_array_end(&out);
	if (is_more && last != NULL) {
		put_string(&out, "next", reward_name_view(&last->epoch));
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &count) != ERR_OK) {
		assert(!"a page fits");
	}
	reply.body = (struct slice){ self->page, count };
	reply.total = count;
	answers_send(self, route, &reply);
}

/* --- policies --- */

struct page {
	uint8_t *bytes;
	size_t used;
};

static void put_page(void *owner, struct slice bytes)
{
	struct page *page = owner;

	assert(bytes.bytes_count <= ARTEFACTS_PIECE_BYTES - page->used);
	memcpy(page->bytes + page->used, bytes.bytes, bytes.bytes_count);
	page->used += bytes.bytes_count;
}

/* The canonical form, with the hash of it and whether somebody trusted signed it. */
void answers_policy(struct rewarder *self, struct answer_route route,
	const struct policies_row *row, uint16_t status)
{
	struct oap_run_reply reply = { .status = status };
	struct page page = { self->page, 0 };
	struct reward_policy *policy = &self->policies.scratch;
	struct reward_outcome outcome = { 0 };
	char etag[REWARD_CID_BYTES + 1];
	struct reward_text out;

	if (!reward_policy_read(
		    (struct slice){ row->document, row->document_bytes }, policy, &outcome)) {
		answers_refuse(self, route, REWARD_REASON_INTERNAL, NULL, NULL);
		return;
	}
	reward_text_begin(&out, put_page, &page);
	reward_policy_write(policy, &out);
	reward_text_end(&out);
	page.used--; /* its closing brace */
	reward_text_print_cid(&row->hash, etag);
	reward_text_begin(&out, put_page, &page);
	reward_text_put(&out, ",\"hash\":\"");
	reward_text_put(&out, etag);
	reward_text_put(&out, row->is_signed ? "\",\"signed\":true}" : "\",\"signed\":false}");
	reward_text_end(&out);
	reply.body = (struct slice){ self->page, page.used };
	reply.total = page.used;
	reply.etag = text_of(etag);
	answers_send(self, route, &reply);
}
