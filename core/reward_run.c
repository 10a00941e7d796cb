#include "core/reward_run.h"

#include <string.h>

void reward_run_init(
	struct reward_run *run, const struct memory *memory, const struct reward_run_config *config)
{
	run->memory = *memory;
	run->config = *config;
	run->facts = (struct reward_facts){ .request = config->request };
	run->facts.pool_text = (struct reward_name){ .bytes_count = 1, .bytes = "0" };
	run->accounting_outcome = (struct reward_outcome){ 0 };
	run->alloc = (struct reward_alloc){ 0 };
	run->has_rows = false;
	run->cost_estimate_ms = 0;
	reward_keys_of_request(&config->request, &run->facts.run_key, &run->facts.idempotency_key);
}

void reward_run_finish(struct reward_run *run)
{
	reward_alloc_finish(&run->alloc);
	if (run->has_rows) {
		reward_rows_finish(&run->rows);
	}
	run->facts.alloc = NULL;
	run->has_rows = false;
}

/* What is quarantined is sealed too. */
static bool seal(struct reward_run *run, bool good)
{
	enum reward_verdict verdict = run->facts.outcome.verdict;

	assert(good == (verdict == REWARD_OK));
	if (verdict == REWARD_OK || verdict == REWARD_QUARANTINED) {
		reward_keys_commitment(&run->facts, &run->facts.commitment);
	}
	return good;
}

static bool names_equal(const struct reward_name *a, const struct reward_name *b)
{
	return a->bytes_count == b->bytes_count && memcmp(a->bytes, b->bytes, a->bytes_count) == 0;
}

static bool hashes_equal(const struct hash *a, const struct hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

static bool is_named(
	struct reward_run *run, struct slice text, const struct hash *cid, const char *detail)
{
	struct hash hash;

	blake3_hash(text.bytes, text.bytes_count, &hash);
	return hashes_equal(&hash, cid) ||
	       reward_refuse(&run->facts.outcome, REWARD_REFUSAL_INPUTS_MISMATCH, detail);
}

bool reward_run_policy(struct reward_run *run, struct slice text)
{
	struct reward_outcome *outcome = &run->facts.outcome;

	if (!reward_policy_read(text, &run->policy, outcome)) {
		return false;
	}
	if (!hashes_equal(&run->policy.hash, &run->config.request.policy_hash)) {
		return reward_refuse(outcome, REWARD_REFUSAL_STALE,
			"policy_hash: expected the hash of the policy of that id");
	}
	if (!names_equal(&run->policy.id, &run->config.request.policy_id)) {
		return reward_refuse(outcome, REWARD_REFUSAL_POLICY_INVALID,
			"policy_id: expected the id in the policy of that hash");
	}
	run->facts.asset = run->policy.asset;
	return true;
}

static bool check(struct reward_run *run, bool good, const char *detail)
{
	return good || reward_quarantine(&run->facts.outcome, REWARD_KIND_SCHEMA, detail);
}

static bool bundle_fits(struct reward_run *run)
{
	const struct reward_request *request = &run->config.request;
	const struct reward_bundle *bundle = &run->bundle;

	return check(run, hashes_equal(&bundle->policy_cid, &request->policy_hash),
		       "bundle: expected policy_cid to be the policy_hash of the request") &&
	       check(run, names_equal(&bundle->tenant, &request->tenant),
		       "bundle: expected the tenant of the request") &&
	       check(run, names_equal(&bundle->epoch_id, &request->epoch_id),
		       "bundle: expected the epoch_id of the request") &&
	       check(run, names_equal(&bundle->asset, &run->policy.asset),
		       "bundle: expected the asset of the policy");
}

static bool is_closed(struct reward_run *run)
{
	int64_t now_unix_s = run->config.now_unix_s;

	return run->bundle.window_end_unix_s <= now_unix_s + run->config.epoch_skew_s ||
	       reward_refuse(&run->facts.outcome, REWARD_REFUSAL_EPOCH_NOT_CLOSED,
		       "bundle: expected a window that is over");
}

bool reward_run_bundle(struct reward_run *run, struct slice text)
{
	bool good;

	if (!is_named(run, text, &run->config.request.inputs_cid,
		    "inputs_cid: expected the BLAKE3 of the bundle")) {
		return false;
	}
	good = reward_inputs_bundle(text, &run->bundle, &run->facts.outcome);
	if (good) {
		run->facts.has_inputs = true;
		run->facts.accounting_cid = run->bundle.accounting_cid;
		run->facts.ledger_cid = run->bundle.ledger_cid;
		good = bundle_fits(run);
	}
	return good ? is_closed(run) : seal(run, false);
}

static bool ledger_fits(struct reward_run *run)
{
	const struct reward_ledger *ledger = &run->ledger;

	return check(run, names_equal(&ledger->tenant, &run->config.request.tenant),
		       "ledger snapshot: expected the tenant of the request") &&
	       check(run, names_equal(&ledger->epoch_id, &run->config.request.epoch_id),
		       "ledger snapshot: expected the epoch_id of the request") &&
	       check(run, names_equal(&ledger->asset, &run->policy.asset),
		       "ledger snapshot: expected the asset of the policy");
}

bool reward_run_ledger(struct reward_run *run, struct slice text)
{
	if (!is_named(run, text, &run->bundle.ledger_cid,
		    "ledger_cid: expected the BLAKE3 of the ledger snapshot")) {
		return false;
	}
	if (!reward_inputs_ledger(text, &run->ledger, &run->facts.pool_text, &run->facts.outcome) ||
		!ledger_fits(run)) {
		return seal(run, false);
	}
	reward_rows_init(&run->rows, &run->memory, run->config.key, run->policy.metric_count);
	reward_accounting_init(
		&run->accounting, &run->policy, &run->rows, &run->accounting_outcome);
	run->has_rows = true;
	return true;
}

static bool is_affordable(struct reward_run *run)
{
	uint64_t actors = 0, events = 0;

	if (!reward_accounting_declares(&run->accounting, &actors, &events)) {
		return true; /* not yet */
	}
	run->cost_estimate_ms = reward_cost_ms(&run->config.cost, actors, events);
	if (run->cost_estimate_ms <= run->config.cost_ms_max) {
		return true;
	}
	(void)reward_refuse(&run->facts.outcome, REWARD_REFUSAL_COST_CAP,
		"accounting snapshot: expected an estimate of at most ");
	reward_add_number(&run->facts.outcome, run->config.cost_ms_max);
	reward_add_text(&run->facts.outcome, " ms, it is ");
	reward_add_number(&run->facts.outcome, run->cost_estimate_ms);
	return false;
}

/* Whatever the bytes are: it cannot go on. */
static bool is_over(struct reward_run *run)
{
	enum reward_verdict verdict = run->accounting_outcome.verdict;

	if (verdict != REWARD_REFUSED && verdict != REWARD_NO_MEMORY) {
		return false;
	}
	run->facts.outcome = run->accounting_outcome;
	return true;
}

bool reward_run_rows(struct reward_run *run, struct slice piece)
{
	assert(run->has_rows);
	(void)reward_accounting_feed(&run->accounting, piece);
	return !is_over(run) && is_affordable(run);
}

static bool rows_fit(struct reward_run *run)
{
	const struct reward_accounting *accounting = &run->accounting;

	return check(run, names_equal(&accounting->tenant, &run->config.request.tenant),
		       "accounting snapshot: expected the tenant of the request") &&
	       check(run, names_equal(&accounting->epoch_id, &run->config.request.epoch_id),
		       "accounting snapshot: expected the epoch_id of the request");
}

static bool allocate(struct reward_run *run)
{
	bool good = reward_alloc_run(&run->alloc, &run->memory, &run->policy, &run->rows,
		run->ledger.pool_total, run->bundle.epoch_index, &run->facts.outcome);

	run->facts.alloc = run->alloc.actors == NULL ? NULL : &run->alloc;
	return good;
}

bool reward_run_compute(struct reward_run *run)
{
	struct hash hash;
	bool good;

	assert(run->has_rows);
	good = reward_accounting_end(&run->accounting);
	if (is_over(run)) {
		return false;
	}
	reward_accounting_hash(&run->accounting, &hash);
	if (!hashes_equal(&hash, &run->bundle.accounting_cid)) {
		return reward_refuse(&run->facts.outcome, REWARD_REFUSAL_INPUTS_MISMATCH,
			"accounting_cid: expected the BLAKE3 of the accounting snapshot");
	}
	run->facts.outcome = run->accounting_outcome;
	return seal(run, good && rows_fit(run) && allocate(run));
}
