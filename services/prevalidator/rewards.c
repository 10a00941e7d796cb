/* Epochs that are paid: what is asked for, whether the token covers it, and on to the rewarder. A
 * token is for one tenant, which its maker said: without one there is nobody to pay for. What was
 * computed before, what a policy says and whether the inputs are what they should be is judged
 * there; that the grant covers this action, tenant and epoch the sequencer judges again, before the
 * rewarder does anything, and before it pays. */
#include <string.h>

#include "services/prevalidator/prevalidator.h"
#include "services/prevalidator/query.h"

/* R-C20: so long before its deadline a request is answered at the latest. */
#define WAIT_MARGIN_MS 250u

static struct peer *rewarder_of(struct prevalidator *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_REWARDER, 0);
}

/* --- who may --- */

static bool may(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached,
	enum caveat_action action)
{
	const struct caveat_verdict denied = { .result = CAVEAT_FAILS, .kind = CAVEAT_ACTION };

	if ((cached->grant.caveats.actions & CAVEAT_ACTION_BIT(action)) != 0) {
		return true;
	}
	wall_refuse_reward(self, ask, REWARD_REASON_SCOPE, caveat_set_verdict_text(denied));
	return false;
}

/* R-O19. A token whose maker named none is for the default one, which is not to be paid by
 * accident. */
static bool has_tenant(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct grant *grant = &cached->grant;

	if ((grant->caveats.kinds & 1u << CAVEAT_TENANT) != 0 && reward_is_tenant(grant->tenant)) {
		return true;
	}
	wall_refuse_reward(
		self, ask, REWARD_REASON_TENANT, reward_reasons_text(REWARD_REASON_TENANT));
	return false;
}

/* epoch: empty for what is about none. */
static bool epoch_holds(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, struct slice epoch)
{
	struct caveat_request facts = { .epoch = epoch };
	struct caveat_verdict verdict =
		caveat_set_check_request(&cached->grant.caveats, 1u << CAVEAT_EPOCH, &facts);

	if (verdict.result == CAVEAT_HOLDS) {
		return true;
	}
	wall_refuse_reward(self, ask, REWARD_REASON_CAVEAT, caveat_set_verdict_text(verdict));
	return false;
}

static bool may_with_tenant(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, enum caveat_action action)
{
	return may(self, ask, cached, action) && has_tenant(self, ask, cached);
}

static struct slice sealed_of(const struct cached_grant *cached)
{
	return (struct slice){ cached->sealed, cached->sealed_bytes };
}

/* --- compute --- */

static uint64_t wait_until_ms(const struct ask *ask)
{
	uint64_t since_ms = (uint64_t)ask->since.monotonic_us / 1000;
	uint64_t until_ms = ask->deadline_mono_ms > since_ms + WAIT_MARGIN_MS
				    ? ask->deadline_mono_ms - WAIT_MARGIN_MS
				    : since_ms;

	return ask->wait_ms != 0 && ask->wait_ms < until_ms - since_ms ? since_ms + ask->wait_ms
								       : until_ms;
}

/* The epoch of the path; NULL over OAP/1, where the body has it. */
static const struct slice *path_epoch(const struct ask *ask)
{
	return ask->is_oap ? NULL : &ask->query;
}

static void compute(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct compute *asked = &self->compute;
	const char *fault;
	struct oap_run_compute run;

	if (!may_with_tenant(self, ask, cached, CAVEAT_ACTION_REWARDER_RUN)) {
		return;
	}
	fault = compute_read(&self->compute, &self->ingest.json, ask->body, path_epoch(ask));
	if (fault != NULL) {
		wall_refuse_reward(self, ask, REWARD_REASON_SCHEMA, fault);
		return;
	}
	if (!epoch_holds(self, ask, cached, asked->epoch_id)) {
		return;
	}
	run = (struct oap_run_compute){
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.wait_until_mono_ms = wait_until_ms(ask),
		.dry_run = asked->dry_run,
		.inputs_cid = asked->inputs_cid,
		.policy_hash = asked->policy_hash,
		.tenant = cached->grant.tenant,
		.epoch = asked->epoch_id,
		.policy_id = asked->policy_id,
		.notes = asked->notes,
		.grant = sealed_of(cached),
	};
	wall_forwarded(self, ask, oap_send_run_compute(rewarder_of(self), ask->from.corr_id, &run));
}

/* --- release: R-O28, by who is on this machine --- */

static void release(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct compute *asked = &self->compute;
	const char *fault;
	struct oap_quarantine_release release;

	if (!may_with_tenant(self, ask, cached, CAVEAT_ACTION_REWARDER_QUARANTINE)) {
		return;
	}
	if (ask->peer_class != GRANT_PEER_UNIX) {
		wall_refuse_reward(self, ask, REWARD_REASON_CAVEAT,
			"an epoch is released over the local socket alone");
		return;
	}
	fault = compute_read_release(
		&self->compute, &self->ingest.json, ask->body, path_epoch(ask));
	if (fault != NULL) {
		wall_refuse_reward(self, ask, REWARD_REASON_SCHEMA, fault);
		return;
	}
	if (!epoch_holds(self, ask, cached, asked->epoch_id)) {
		return;
	}
	release = (struct oap_quarantine_release){
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.tenant = cached->grant.tenant,
		.epoch = asked->epoch_id,
		.reason = asked->reason,
		.grant = sealed_of(cached),
	};
	wall_forwarded(self, ask,
		oap_send_quarantine_release(rewarder_of(self), ask->from.corr_id, &release));
}

/* --- reads --- */

/* Or says what is wrong with it. */
static bool query_is_sound(struct prevalidator *self, const struct ask *ask, const char *wrong)
{
	if (wrong == NULL) {
		return true;
	}
	wall_refuse_reward(self, ask, REWARD_REASON_SCHEMA,
		strchr(wrong, ' ') != NULL ? wrong
					   : "the query has a parameter that this route does not, "
					     "or one twice");
	return false;
}

static void show(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct slice query;
	struct slice epoch = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, NULL, 0);
	struct oap_run_show show = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.part = ask->route == ROUTE_REWARD_MANIFEST ? RUN_PART_MANIFEST : RUN_PART_SUMMARY,
		.offset = ask->offset,
		.tenant = cached->grant.tenant,
		.epoch = epoch,
		.grant = sealed_of(cached),
	};

	if (!may_with_tenant(self, ask, cached, CAVEAT_ACTION_REWARDER_INSPECT) ||
		!query_is_sound(self, ask, reward_is_epoch(epoch) ? wrong : COMPUTE_EPOCH_TEXT) ||
		!epoch_holds(self, ask, cached, epoch)) {
		return;
	}
	wall_forwarded(self, ask, oap_send_run_show(rewarder_of(self), ask->from.corr_id, &show));
}

static void list(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct slice after = { NULL, 0 }, held = { NULL, 0 };
	const struct query_wanted wanted[] = { { "after", NULL, &after }, { "held", NULL, &held } };
	const char *wrong = query_read(ask->query, wanted, COUNT_OF(wanted));
	bool is_true = held.bytes_count == 4 && memcmp(held.bytes, "true", 4) == 0;
	struct oap_run_list list = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.only_held = is_true,
		.tenant = cached->grant.tenant,
		.after = after,
		.grant = sealed_of(cached),
	};

	if (wrong == NULL && after.bytes != NULL && !reward_is_epoch(after)) {
		wrong = "after: expected an epoch, such as 2025-10-13 or 2025-10-13T00:00Z";
	} else if (wrong == NULL && held.bytes != NULL && !is_true) {
		wrong = "held: expected true, or nothing";
	}
	if (may_with_tenant(self, ask, cached, CAVEAT_ACTION_REWARDER_INSPECT) &&
		query_is_sound(self, ask, wrong) &&
		epoch_holds(self, ask, cached, (struct slice){ NULL, 0 })) {
		wall_forwarded(
			self, ask, oap_send_run_list(rewarder_of(self), ask->from.corr_id, &list));
	}
}

/* --- policies: of the node, and so of no tenant --- */

bool rewards_is_public(const struct prevalidator *self, const struct ask *ask)
{
	return ask->route == ROUTE_REWARD_POLICY && ask->token.bytes_count == 0 &&
	       self->worker->config.rewarder_policy_public_read;
}

static void show_policy(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct slice query;
	struct slice id = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, NULL, 0);
	struct oap_policy_show show = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.policy_id = id,
		.grant = cached == NULL ? (struct slice){ NULL, 0 } : sealed_of(cached),
	};

	if (cached != NULL && (!may(self, ask, cached, CAVEAT_ACTION_REWARDER_INSPECT) ||
				      !epoch_holds(self, ask, cached, (struct slice){ NULL, 0 }))) {
		return;
	}
	if (wrong == NULL && !reward_is_name(id)) {
		wrong = reward_reasons_text(REWARD_REASON_POLICY_ID_FORM);
	}
	if (query_is_sound(self, ask, wrong)) {
		wall_forwarded(self, ask,
			oap_send_policy_show(rewarder_of(self), ask->from.corr_id, &show));
	}
}

/* Who signed it is what counts; that somebody may bring it is no more than that. */
static void put_policy(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_policy_put put = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.document = ask->body,
		.grant = sealed_of(cached),
	};

	if (!may(self, ask, cached, CAVEAT_ACTION_REWARDER_RUN) ||
		!epoch_holds(self, ask, cached, (struct slice){ NULL, 0 })) {
		return;
	}
	if (ask->body.bytes_count > VERB_REWARD_POLICY_BYTES_MAX) {
		wall_refuse_reward(self, ask, REWARD_REASON_BODY_TOO_LARGE,
			"a policy has at most 65536 bytes");
		return;
	}
	wall_forwarded(self, ask, oap_send_policy_put(rewarder_of(self), ask->from.corr_id, &put));
}

void rewards_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	if (ask->route == ROUTE_REWARD_COMPUTE) {
		compute(self, ask, cached);
	} else if (ask->route == ROUTE_REWARD_RELEASE) {
		release(self, ask, cached);
	} else if (ask->route == ROUTE_REWARD_POLICY_PUT) {
		put_policy(self, ask, cached);
	} else if (ask->route == ROUTE_REWARD_POLICY) {
		show_policy(self, ask, cached);
	} else if (ask->route == ROUTE_REWARD_RUNS) {
		list(self, ask, cached);
	} else {
		assert(ask->route == ROUTE_REWARD_EPOCH || ask->route == ROUTE_REWARD_MANIFEST);
		show(self, ask, cached);
	}
}
