/* Operations under /v1: what the client wishes, whether its token covers it, and on to the wallet.
 * Nothing is judged here that depends on what was done before: per-operation and daily limits,
 * nonces and money are the ledger's, which answers a repeat as it once did (spec/wallet.md section
 * 1.7). What the policy forbids altogether is refused here already; the ledger judges it again. */
#include "services/prevalidator/prevalidator.h"

static struct slice view_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* A system account is a refusal of its own, before any token could cover it. */
static bool names_system(const struct operation *operation)
{
	struct draft draft;

	operation_draft(operation, &draft);
	draft.entry.capability_ref = view_of("-"); /* the wallet knows */
	return draft_check(&draft) == DETAIL_SYS_ACCOUNT;
}

/* As core/ledger_judge.c. */
static struct caveat_verdict check_token(
	const struct grant *grant, const struct operation *operation)
{
	struct slice principal = operation_principal(operation);
	struct draft draft;
	struct caveat_entry facts = {
		.actions = operation_action(operation->kind),
		.has_amount = true,
		.amount = operation->amount,
		.asset = operation->asset,
		.accounts = &principal,
		.account_count = 1,
	};

	operation_draft(operation, &draft);
	facts.kind = (uint8_t)draft.entry.kind;
	if (entry_account_is_sys(draft.entry.counter_account)) {
		facts.actions |= CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT);
	}
	return caveat_set_check_entry(&grant->caveats, &facts);
}

static enum api_reason check_policy(const struct policy *policy, const struct operation *operation)
{
	if (!policy_allows(policy, operation->kind)) {
		return API_REASON_POLICY;
	}
	return operation->kind != OPERATION_ISSUE || policy_may_issue(policy, operation->asset)
		       ? API_REASON_NONE
		       : API_REASON_ISSUANCE_NOT_APPROVED;
}

static struct oap_wallet_op frame_of(const struct ask *ask, const struct wish *wish)
{
	const struct operation *operation = &wish->operation;

	return (struct oap_wallet_op){
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.op = (uint8_t)operation->kind,
		.nonce = operation->nonce,
		.amount = operation->amount,
		.hold = operation->hold,
		.expires_unix_ms = operation->expires_unix_ms,
		.has_memo = operation->has_memo,
		.idem_key = wish->key,
		.from = operation->from,
		.to = operation->to,
		.asset = operation->asset,
		.memo = operation->memo,
	};
}

void operations_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct wish_frame frame = {
		.is_oap = ask->is_oap,
		.key = ask->idem_key,
		.hold = ask->query,
	};
	struct wish *wish = &self->wish;
	struct caveat_verdict verdict;
	struct oap_wallet_op op;
	const char *text;
	enum api_reason reason = wish_read(wish, &self->ingest.json, ask->body,
		(enum operation_kind)routes_operation(ask->route), &frame, &text);

	if (reason != API_REASON_NONE) {
		wall_refuse_api(self, ask, reason, text);
		return;
	}
	if (names_system(&wish->operation)) {
		wall_refuse_api(self, ask, API_REASON_SYS_ACCOUNT,
			api_reasons_text(API_REASON_SYS_ACCOUNT));
		return;
	}
	verdict = check_token(&cached->grant, &wish->operation);
	if (verdict.result != CAVEAT_HOLDS) {
		wall_refuse_api(self, ask,
			verdict.kind == CAVEAT_AMOUNT ? API_REASON_TOKEN_CEILING : API_REASON_SCOPE,
			caveat_set_verdict_text(verdict));
		return;
	}
	reason = check_policy(&self->worker->policy, &wish->operation);
	if (reason != API_REASON_NONE) {
		wall_refuse_api(self, ask, reason, api_reasons_text(reason));
		return;
	}
	op = frame_of(ask, wish);
	op.grant = (struct slice){ cached->sealed, cached->sealed_bytes };
	wall_forwarded(self, ask,
		oap_send_wallet_op(
			mesh_peer(&self->worker->mesh, PROCESS_WALLET, 0), ask->from.corr_id, &op));
}
