#include "tests/sim/sim_workers.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "services/sequencer/sequencer.h"
#include "services/wallet/wallet.h"
#include "tests/sim/sim_mesh.h"

struct sim_workers_plan sim_workers_plan;

static struct ev_loop *loop; /* never run: timers are the night's */

static struct wallet *wallet;
static struct sequencer *sequencer;
static struct worker wallet_worker, sequencer_worker;

static struct worker_spec wallet_spec = {
	.process = PROCESS_WALLET,
	.handlers = &wallet_handlers,
	.link_up = wallet_link_up,
	.link_lost = wallet_link_lost,
	.turn = wallet_turn,
};

static struct worker_spec sequencer_spec = {
	.process = PROCESS_SEQUENCER,
	.handlers = &sequencer_handlers,
	.link_up = sequencer_link_up,
	.link_lost = sequencer_link_lost,
	.turn = sequencer_turn,
};

static void fail(void *self, const struct oap_from *from, enum err err)
{
	(void)self;
	(void)from;
	(void)err;
	abort(); /* nobody here is captured */
}

/* The tables of a life are large, and mostly never touched: each is a mapping of its own, however
 * many were freed before, so that its zeros cost nothing. */
void sim_workers_init(void)
{
	(void)mallopt(M_MMAP_THRESHOLD, 128 * 1024);
	loop = ev_loop_new(EVFLAG_NOENV);
	assert(loop != NULL);
}

static void prepare(struct worker *worker)
{
	memset(worker, 0, sizeof *worker);
	worker->loop = loop;
	worker->config = sim_workers_plan.config;
	worker->mesh.hooks.accuse = fail;
	policy_init(&worker->policy);
	for (size_t i = 0; sim_workers_plan.issued_names[i] != NULL; i++) {
		struct policy_asset row = {
			.name_bytes = (uint8_t)strlen(sim_workers_plan.issued_names[i]),
			.op_amount_max = U128_MAX,
			.daily_ceiling = U128_MAX,
			.may_issue = true,
			.issuance_cap = U128_MAX,
			.issuance_expires_unix_ms = UINT64_MAX,
		};
		bool is_added;

		memcpy(row.name, sim_workers_plan.issued_names[i], row.name_bytes);
		is_added = policy_add(&worker->policy, &row);
		assert(is_added);
	}
}

/* ---- the wallet ---- */

void sim_wallet_start(void)
{
	prepare(&wallet_worker);
	wallet = calloc(1, sizeof *wallet);
	assert(wallet != NULL);
	wallet_spec.self = wallet;
	wallet_open(wallet, &wallet_worker);
	wallet_worker.mesh.process = PROCESS_WALLET;
	wallet_ready(wallet, &wallet_worker);
	sim_mesh_start(PROCESS_WALLET, &wallet_worker, &wallet_spec);
}

void sim_wallet_kill(void)
{
	sim_mesh_kill(PROCESS_WALLET);
	ev_timer_stop(loop, &wallet->tick);
	keys_finish(&wallet->keys);
	view_finish(&wallet->balances.view);
	free(wallet);
	wallet = NULL;
}

void sim_wallet_tick(void)
{
	ev_invoke(loop, &wallet->tick, EV_TIMER);
	sim_mesh_turn(PROCESS_WALLET);
}

bool sim_wallet_is_serving(void)
{
	return wallet != NULL && wallet->is_serving;
}

/* ---- the sequencer ---- */

void sim_sequencer_start(void)
{
	prepare(&sequencer_worker);
	sequencer = calloc(1, sizeof *sequencer);
	assert(sequencer != NULL);
	sequencer_spec.self = sequencer;
	sequencer_open(sequencer, &sequencer_worker);
	sequencer->limits.fingerprint_mask = sim_workers_plan.fingerprint_mask;
	sequencer->second_batch_entries = sim_workers_plan.second_batch_entries;
	sequencer_worker.mesh.process = PROCESS_SEQUENCER;
	sequencer_ready(sequencer, &sequencer_worker);
	sim_mesh_start(PROCESS_SEQUENCER, &sequencer_worker, &sequencer_spec);
}

static void forget_batch(struct batch *batch)
{
	while (batch->answers != NULL) {
		struct answer *answer = batch->answers;

		batch->answers = answer->next;
		free(answer);
	}
	while (batch->asks != NULL) {
		struct ask *ask = batch->asks;

		batch->asks = ask->next;
		free(ask);
	}
	free(batch->records);
	free(batch->offsets);
}

static void forget_requests(struct request_list *list)
{
	struct request *request;

	while ((request = requests_take(list)) != NULL) {
		requests_destroy(request);
	}
}

void sim_sequencer_kill(void)
{
	sim_mesh_kill(PROCESS_SEQUENCER);
	ev_timer_stop(loop, &sequencer->tick);
	for (size_t i = 0; i < BATCH_SLOTS; i++) {
		forget_batch(&sequencer->batches[i]);
	}
	forget_requests(&sequencer->waiting);
	forget_requests(&sequencer->parked);
	ledger_destroy(sequencer->ledger);
	free(sequencer->drafts);
	free(sequencer->results);
	free(sequencer);
	sequencer = NULL;
}

void sim_sequencer_tick(void)
{
	ev_invoke(loop, &sequencer->tick, EV_TIMER);
	sim_mesh_turn(PROCESS_SEQUENCER);
}

bool sim_sequencer_is_serving(void)
{
	return sequencer != NULL && sequencer->phase == PHASE_SERVING;
}

struct batch_balance sim_sequencer_balance(struct slice account, struct slice asset)
{
	struct batch_balance balance = { 0 };

	(void)ledger_balance(sequencer->ledger, account, asset, &balance);
	return balance;
}

void sim_sequencer_lanes(struct slice account, uint64_t *ret_debit, uint64_t *ret_issue)
{
	ledger_lanes(sequencer->ledger, account, ret_debit, ret_issue);
}
