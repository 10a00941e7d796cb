#include <string.h>

#include "common/admin_acts.h"
#include "common/log.h"
#include "common/metrics.h"
#include "core/detail.h"
#include "core/macaroon.h"
#include "services/prevalidator/prevalidator.h"

/* auth -> policy -> quota -> handler. Each step either goes on or has the last word. */

/* --- the end of a request --- */

static struct peer *edge_of(struct prevalidator *self, const struct ask *ask)
{
	const struct oap_from *from = &ask->from;

	return mesh_peer_of(&self->worker->mesh, from->process, from->instance, from->generation);
}

static void finish(struct prevalidator *self, const struct ask *ask)
{
	struct duration spent = instant_since(ask->since, clock_now());

	mesh_give_back(&self->worker->mesh, &ask->from);
	metrics_observe(METRIC_PREVALIDATOR_DURATION, METRIC_PLAIN, (uint64_t)spent.us);
}

static enum metric_peer peer_label(const struct ask *ask, const char **ret_name)
{
	switch (ask->peer_class) {
	case GRANT_PEER_MTLS:
		*ret_name = "mtls";
		return METRIC_PEER_MTLS;
	case GRANT_PEER_UNIX:
		*ret_name = "uds";
		return METRIC_PEER_UDS;
	case GRANT_PEER_TCP:
	case GRANT_PEER_COUNT:
		break;
	}
	*ret_name = "http";
	return METRIC_PEER_HTTP;
}

/* An overloaded node must not also log: what is busy is only counted. */
static void note(const struct ask *ask, uint16_t status, enum reason reason, const char *detail)
{
	bool is_auth = reason == REASON_UNAUTH || reason == REASON_CAP_INVALID;
	const char *peer;
	enum metric_peer label = peer_label(ask, &peer);

	metrics_inc(METRIC_REJECTED, metrics_label_reason(reason));
	if (is_auth) {
		metrics_inc(METRIC_AUTH_FAILURES, label);
	}
	if (reason == REASON_BUSY) {
		return;
	}
	log_event(is_auth ? LOG_AUTH_FAILED : LOG_REQUEST_REFUSED,
		&(struct log_fields){ .ticket = ask->from.corr_id,
			.route = routes_template(ask->route),
			.status = status,
			.reason = reason_name(reason),
			.peer = is_auth ? peer : NULL,
			.text = detail });
}

static void say(struct prevalidator *self, const struct ask *ask, struct oap_refused refused,
	const char *detail)
{
	refused.detail =
		(struct slice){ (const uint8_t *)detail, strnlen(detail, VERB_TEXT_BYTES_MAX) };
	note(ask, refused.status, (enum reason)refused.reason, detail);
	(void)!oap_send_refused(
		edge_of(self, ask), ask->from.corr_id, &refused); /* or it is gone */
	finish(self, ask);
}

static void refuse(struct prevalidator *self, const struct ask *ask, uint16_t status,
	enum reason reason, uint8_t api_reason, uint8_t reward_reason, const char *detail)
{
	struct oap_refused refused = {
		.status = status,
		.reason = (uint8_t)reason,
		.api_reason = api_reason,
		.reward_reason = reward_reason,
	};

	say(self, ask, refused, detail);
}

void wall_refuse_rate(
	struct prevalidator *self, const struct ask *ask, const struct limiter_left *left)
{
	struct oap_refused refused = {
		.status = reason_status(REASON_BUSY),
		.reason = REASON_BUSY,
		.api_reason = API_REASON_RATE_LIMITED,
		.reward_reason = REWARD_REASON_QUOTA,
		.rate_limit = left->limit,
		.rate_reset_s = left->reset_s,
	};

	say(self, ask, refused, "tenant_rate");
}

void wall_refuse_with(struct prevalidator *self, const struct ask *ask, uint16_t status,
	enum reason reason, const char *detail)
{
	refuse(self, ask, status, reason, API_REASON_NONE, REWARD_REASON_NONE, detail);
}

/* The class that rejected_total knows. */
static enum reason class_of(enum api_reason api_reason)
{
	switch (api_errors_row(api_reasons_error(api_reason))->status) {
	case 400:
		return api_reason == API_REASON_DECOMPRESS_RATIO ||
				       api_reason == API_REASON_DECOMPRESS_ERROR
			       ? REASON_DECOMPRESS
			       : REASON_UNKNOWN_KIND;
	case 401:
		return REASON_CAP_INVALID;
	case 403:
		return api_reason == API_REASON_SYS_ACCOUNT ? REASON_POLICY_DENIED
							    : REASON_CAP_INVALID;
	default:
		return REASON_POLICY_DENIED;
	}
}

void wall_refuse_api(struct prevalidator *self, const struct ask *ask, enum api_reason api_reason,
	const char *detail)
{
	refuse(self, ask, api_errors_row(api_reasons_error(api_reason))->status,
		class_of(api_reason), (uint8_t)api_reason, REWARD_REASON_NONE, detail);
}

static enum reason class_of_reward(enum reward_reason reward_reason)
{
	switch (reward_errors_row(reward_reasons_error(reward_reason))->status) {
	case 400:
		return reward_reason == REWARD_REASON_DECOMPRESS_CAP ? REASON_DECOMPRESS
								     : REASON_UNKNOWN_KIND;
	case 401:
	case 403:
		return REASON_CAP_INVALID;
	case 503:
		return REASON_TIMEOUT;
	default:
		return REASON_POLICY_DENIED;
	}
}

void wall_refuse_reward(struct prevalidator *self, const struct ask *ask,
	enum reward_reason reward_reason, const char *detail)
{
	refuse(self, ask, reward_errors_row(reward_reasons_error(reward_reason))->status,
		class_of_reward(reward_reason), API_REASON_NONE, (uint8_t)reward_reason, detail);
}

void wall_refuse(
	struct prevalidator *self, const struct ask *ask, enum reason reason, const char *detail)
{
	wall_refuse_with(self, ask, reason_status(reason), reason, detail);
}

/* A request to its owner went out, or could not. */
void wall_forwarded(struct prevalidator *self, const struct ask *ask, enum err err)
{
	if (err == ERR_OK) {
		finish(self, ask);
		return;
	}
	if (err != ERR_BUSY) { /* there is no link */
		wall_refuse(self, ask, REASON_INTERNAL, detail_text(DETAIL_STARTING));
		return;
	}
	if (routes_is_write(ask->route)) {
		metrics_inc(METRIC_BUSY_REJECTIONS, METRIC_BUSY_COMMIT);
	}
	log_event(LOG_CREDIT_EXHAUSTED, &(struct log_fields){ .ticket = ask->from.corr_id });
	wall_refuse(self, ask, REASON_BUSY, "busy");
}

/* --- handlers --- */

/* The sequencer tells the client, and counts; here it is known what the bytes were. */
static void note_bad_entries(const struct ask *ask, const struct ingest_request *request)
{
	if (request->refused_count > 0) {
		log_event(LOG_REQUEST_REFUSED,
			&(struct log_fields){ .ticket = ask->from.corr_id,
				.count = request->refused_count,
				.route = routes_template(ask->route),
				.reason = reason_name(detail_reason(request->refused_first)),
				.text = detail_text(request->refused_first) });
	}
}

/* fault: of its packed body, or none. */
static void ingest(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, enum ingest_fault fault)
{
	struct ingest_request request;

	if (fault == INGEST_OK) {
		fault = ingest_read(&self->ingest, ask->body, &cached->grant,
			(size_t)self->worker->config.engine_batch_max_entries, &request);
	}
	if (fault != INGEST_OK && detail_reason(ingest_fault_detail(fault)) == REASON_TOO_LARGE) {
		wall_refuse(self, ask, REASON_TOO_LARGE, detail_text(ingest_fault_detail(fault)));
		return;
	}
	if (fault != INGEST_OK) { /* a 400 tells the root (DESIGN-WALL.md section 7) */
		request = ingest_refusal(&self->ingest, fault);
	}
	note_bad_entries(ask, &request);
	struct oap_submit submit = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.mode = request.atomic,
		.dry_run = request.dry_run,
		.draft_count = request.draft_count,
		.idem_id = request.idem_id,
		.grant = { cached->sealed, cached->sealed_bytes },
		.drafts = request.drafts,
	};
	wall_forwarded(self, ask,
		oap_send_submit(mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0),
			ask->from.corr_id, &submit));
}

static void handle_plain(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	if (ask->route == ROUTE_INGEST) {
		ingest(self, ask, cached, INGEST_OK);
	} else if (routes_operation(ask->route) != 0) {
		operations_handle(self, ask, cached);
	} else if (ask->route == ROUTE_OBJECT_PUT || ask->route == ROUTE_OBJECT) {
		objects_handle(self, ask, cached);
	} else if (routes_is_reward(ask->route)) {
		rewards_handle(self, ask, cached);
	} else if (admin_acts_of(ask->route) != ADMIN_ACT_COUNT) {
		administration_handle(self, ask, cached);
	} else {
		reads_handle(self, ask, cached);
	}
}

/* --- policy --- */

/* The caveats about the request as such. Those about entries are ingest.c's, those about the
 * node were judged by kms, which knows our origin. */
static bool caveats_hold(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	char path[READS_PATH_BYTES_MAX];
	const char *method = routes_method(ask->route);
	uint32_t kinds = self->caveats_judged;
	struct caveat_request facts = {
		.now_unix_s = (uint64_t)clock_unix_ms() / 1000,
		.body_bytes = ask->body_bytes,
		.has_body_bytes = true,
		.peer_uid = ask->peer_uid,
		.has_peer_uid = ask->peer_class == GRANT_PEER_UNIX,
		.tenant = cached->grant.tenant,
	};
	struct caveat_verdict verdict;

	if (!ask->is_oap) { /* that has neither */
		facts.method = (struct slice){ (const uint8_t *)method, strlen(method) };
		facts.path = reads_path(ask, path);
	}
	if (routes_is_reward(ask->route)) {
		kinds &= ~(1u << CAVEAT_EPOCH); /* rewards.c, which knows it */
	}
	verdict = caveat_set_check_request(&cached->grant.caveats, kinds, &facts);
	if (verdict.result == CAVEAT_HOLDS) {
		return true;
	}
	if (routes_is_reward(ask->route)) {
		wall_refuse_reward(
			self, ask, REWARD_REASON_CAVEAT, caveat_set_verdict_text(verdict));
	} else if (routes_is_v1(ask->route)) {
		wall_refuse_api(self, ask,
			caveat_is_about_time(verdict.kind) ? API_REASON_TOKEN_TIME
							   : API_REASON_SCOPE,
			caveat_set_verdict_text(verdict));
	} else {
		wall_refuse(self, ask, REASON_CAP_INVALID, caveat_set_verdict_text(verdict));
	}
	return false;
}

/* --- packed bodies --- */

/* Once the token is known to be good: nobody else has anything unpacked. */
static void refuse_packed(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, enum inflate_result result)
{
	bool is_ratio = result == INFLATE_RATIO;
	enum api_reason api_reason =
		is_ratio ? API_REASON_DECOMPRESS_RATIO : API_REASON_DECOMPRESS_ERROR;

	if (result == INFLATE_TOO_LARGE) {
		wall_refuse(self, ask, REASON_TOO_LARGE, "body");
	} else if (ask->route == ROUTE_INGEST) {
		ingest(self, ask, cached,
			is_ratio ? INGEST_DECOMPRESS_RATIO : INGEST_DECOMPRESS_ERROR);
	} else if (routes_is_reward(ask->route)) {
		wall_refuse_reward(
			self, ask, REWARD_REASON_DECOMPRESS_CAP, api_reasons_text(api_reason));
	} else {
		wall_refuse_api(self, ask, api_reason, api_reasons_text(api_reason));
	}
}

/* What is read is what came out, and a caveat on the size of a body is about that, too. */
static void handle_packed(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct ask plain = *ask;
	enum inflate_result result =
		inflate_body(&self->inflater, ask->body, (size_t)ask->body_bytes_max, &plain.body);

	if (result != INFLATE_OK) {
		refuse_packed(self, ask, cached, result);
		return;
	}
	plain.body_bytes = (uint32_t)plain.body.bytes_count;
	if (caveats_hold(self, &plain, cached)) {
		handle_plain(self, &plain, cached);
	}
}

static void handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	if (ask->is_gzip) {
		handle_packed(self, ask, cached);
	} else {
		handle_plain(self, ask, cached);
	}
}

/* --- auth --- */

/* Here, or on its way to somebody else. */
static bool body_is_here(const struct ask *ask)
{
	return ask->body.bytes_count == ask->body_bytes || ask->route == ROUTE_OBJECT_PUT;
}

/* Objects that come in a stream have a bound of their own. */
static bool is_too_large(const struct ask *ask)
{
	bool is_stream = ask->route == ROUTE_OBJECT_PUT && ask->is_oap;

	if (admin_acts_of(ask->route) != ADMIN_ACT_COUNT) {
		return ask->body_bytes > ADMINISTRATION_BODY_BYTES_MAX;
	}
	return !is_stream && ask->body_bytes > ask->body_bytes_max;
}

/* NULL, or why it cannot be a token. */
static const char *token_fault(const struct ask *ask, enum reason *ret_reason)
{
	*ret_reason = REASON_UNAUTH;
	if (ask->token.bytes_count == 0) {
		return "a token is needed";
	}
	*ret_reason = REASON_CAP_INVALID;
	return ask->token.bytes_count > TOKEN_BYTES_MAX ? macaroon_fault_text(MACAROON_TOO_LARGE)
							: NULL;
}

static void wait(struct prevalidator *self, const struct ask *ask, const struct hash *name,
	const struct cached_grant *cached)
{
	struct job *job = jobs_add(self, ask);

	assert(job != NULL); /* handlers.c looked */
	job->name = *name;
	job->ask.is_counted |= cached != NULL;
	if (!(cached != NULL ? bodies_begin(self, job) : grants_ask(self, job))) {
		jobs_remove(self, job);
	}
}

void wall_enter(struct prevalidator *self, const struct ask *ask)
{
	const struct cached_grant *cached;
	enum reason reason;
	const char *fault;
	struct hash name;

	if (ask->deadline_mono_ms <= (uint64_t)ask->since.monotonic_us / 1000) {
		wall_refuse(self, ask, REASON_TIMEOUT, detail_text(DETAIL_DEADLINE));
		return;
	}
	if (is_too_large(ask)) {
		wall_refuse(self, ask, REASON_TOO_LARGE, "body");
		return;
	}
	if (ask->body_bytes > 0 && !routes_is_write(ask->route)) {
		wall_refuse(self, ask, REASON_UNKNOWN_KIND, "body");
		return;
	}
	if (reads_is_public(ask)) {
		reads_handle(self, ask, NULL);
		return;
	}
	if (rewards_is_public(self, ask)) {
		rewards_handle(self, ask, NULL);
		return;
	}
	fault = token_fault(ask, &reason);
	if (fault != NULL) {
		wall_refuse_with(self, ask, 401, reason, fault);
		return;
	}
	name = grants_name(&self->grants, ask);
	cached = grants_find(&self->grants, &name, ask->since);
	metrics_inc(
		cached != NULL ? METRIC_GRANT_CACHE_HITS : METRIC_GRANT_CACHE_MISSES, METRIC_PLAIN);
	if (cached != NULL &&
		!(caveats_hold(self, ask, cached) && tenants_admit(self, ask, cached))) {
		return;
	}
	if (cached != NULL && body_is_here(ask)) {
		handle(self, ask, cached);
		return;
	}
	wait(self, ask, &name, cached);
}

bool wall_resume(struct prevalidator *self, struct job *job, const struct cached_grant *cached)
{
	if (!caveats_hold(self, &job->ask, cached) || !tenants_admit(self, &job->ask, cached)) {
		return true;
	}
	job->ask.is_counted = true;
	if (!body_is_here(&job->ask)) {
		return !bodies_begin(self, job);
	}
	self->worker->ticket_in_hand = job->ask.from.corr_id;
	handle(self, &job->ask, cached);
	self->worker->ticket_in_hand = 0;
	return true;
}

bool wall_body_is_here(struct prevalidator *self, struct job *job)
{
	const struct cached_grant *cached = grants_find(&self->grants, &job->name, clock_now());

	return cached != NULL ? wall_resume(self, job, cached) : !grants_ask(self, job);
}
