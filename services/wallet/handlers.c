#include "services/wallet/wallet.h"

#include "common/random.h"
#include "core/ulid.h"

/* --- what others say --- */

static enum err on_wallet_op(
	void *owner, const struct oap_from *from, const struct oap_wallet_op *msg)
{
	return operations_accept(owner, from, msg);
}

static enum err on_op_verdict(
	void *owner, const struct oap_from *from, const struct oap_op_verdict *msg)
{
	return operations_judged(owner, from, msg);
}

static enum err on_receipt(void *owner, const struct oap_from *from, const struct oap_receipt *msg)
{
	return operations_read(owner, from, msg);
}

static enum err on_read_balance(
	void *owner, const struct oap_from *from, const struct oap_read_balance *msg)
{
	return balances_accept(owner, from, msg);
}

static enum err on_told_balance(
	void *owner, const struct oap_from *from, const struct oap_told_balance *msg)
{
	return balances_told(owner, from, msg);
}

static void report(struct wallet *self)
{
	bool has_archive = mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0) != NULL;

	if (self->worker->phase == PHASE_DRAINED) {
		return;
	}
	if (!self->is_serving || !has_archive) {
		worker_report(self->worker, PHASE_LOADING, 0, 0, NULL,
			self->is_serving ? "waiting for archive" : "waiting for the sequencer");
	} else if (self->worker->phase != PHASE_SERVING) {
		worker_report(self->worker, PHASE_SERVING, 0, 0, NULL, "");
	}
}

/* No txid of a wallet before us is of a later time: so ours are later than all of its, whatever the
 * clock says. */
static enum err on_serving(void *owner, const struct oap_from *from, const struct oap_serving *msg)
{
	static const uint8_t highest[ULID_RANDOM_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff };
	struct wallet *self = owner;

	(void)from;
	if (msg->latest_ts_unix_ms > INT64_MAX) {
		return ERR_MALFORMED;
	}
	ulid_advance(&self->txid_last, (int64_t)msg->latest_ts_unix_ms, highest);
	self->is_serving = true;
	report(self);
	return ERR_OK;
}

const struct oap_handlers wallet_handlers = {
	.wallet_op = on_wallet_op,
	.op_verdict = on_op_verdict,
	.receipt = on_receipt,
	.serving = on_serving,
	.read_balance = on_read_balance,
	.told_balance = on_told_balance,
};

/* --- links --- */

void wallet_link_up(void *owner, const struct oap_from *whom)
{
	(void)whom;
	report(owner);
}

/* What a lost prevalidator asked goes on: its client may still get the answer. */
void wallet_link_lost(void *owner, const struct oap_from *whom)
{
	struct wallet *self = owner;

	if (whom->process == PROCESS_SEQUENCER) {
		self->is_serving = false;
		operations_ledger_lost(self);
		balances_ledger_lost(self);
	}
	if (whom->process == PROCESS_ARCHIVE) {
		operations_archive_lost(self);
	}
	report(self);
}

/* --- life --- */

static void on_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct wallet *self = timer->data;

	(void)loop;
	(void)events;
	operations_tick(self);
	balances_tick(self);
	keys_expire(&self->keys, clock_unix_ms());
}

void wallet_open(void *owner, struct worker *worker)
{
	struct wallet *self = owner;

	self->worker = worker;
	if (!keys_init(&self->keys, (uint32_t)worker->config.wallet_idem_capacity,
		    worker->config.wallet_idempotency_ttl_ms)) {
		worker_fail(worker, "no memory for wallet.idem_capacity keys");
	}
	if (!balances_init(&self->balances)) {
		worker_fail(worker, "no memory for the view of balances");
	}
}

void wallet_ready(void *owner, struct worker *worker)
{
	struct wallet *self = owner;

	self->op_free = UINT32_MAX;
	self->id_last = random_u64();
	ev_timer_init(&self->tick, on_tick, TICK_S, TICK_S);
	self->tick.data = self;
	ev_timer_start(worker->loop, &self->tick);
	report(self);
}

/* A key that is known stays known for as long as was promised. */
void wallet_commit(void *owner, struct worker *worker)
{
	struct wallet *self = owner;

	keys_set_ttl(&self->keys, worker->config.wallet_idempotency_ttl_ms);
}

void wallet_drain(void *owner, uint64_t deadline_mono_ms)
{
	struct wallet *self = owner;

	(void)deadline_mono_ms; /* the supervisor keeps it */
	self->draining = true;
}

/* Prevalidators have stopped before us: nothing new comes. */
void wallet_turn(void *owner)
{
	struct wallet *self = owner;

	balances_ask(self);
	if (self->draining && self->op_count == 0 && self->worker->phase != PHASE_DRAINED) {
		worker_drained(self->worker, 0);
	}
}
