/* Balances for whoever asks without `at`: from the view while what it has is young enough, else
 * from the sequencer, which is asked once a turn for all that are missing. While the ledger cannot
 * be asked, or does not answer, what it told last is told, with its true age, as long as
 * wallet.degraded_stale_max allows. */
#include <string.h>

#include "common/metrics.h"
#include "core/entry.h"
#include "services/wallet/wallet.h"

static uint64_t now_mono_ms(void)
{
	return (uint64_t)clock_now().monotonic_us / 1000;
}

bool balances_init(struct balances *balances)
{
	balances->read_free = VIEW_NONE;
	return view_init(&balances->view);
}

/* --- answers --- */

static void send(
	struct wallet *self, const struct balance_read *read, const struct oap_balance *balance)
{
	struct mesh *mesh = &self->worker->mesh;

	mesh_give_back(mesh, &read->from);
	if (oap_send_balance(mesh_peer_of(mesh, read->edge_process, read->edge_instance,
				     read->edge_generation),
		    read->from.corr_id, balance) != ERR_OK) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN);
	}
}

static void refuse(struct wallet *self, const struct balance_read *read, enum api_reason reason)
{
	send(self, read, &(struct oap_balance){ .api_reason = (uint8_t)reason });
}

static uint64_t age_ms(const struct view_place *place, uint64_t now_ms)
{
	return now_ms > place->as_of_mono_ms ? now_ms - place->as_of_mono_ms : 0;
}

static void tell(struct wallet *self, const struct balance_read *read,
	const struct view_place *place, uint64_t now_ms)
{
	uint64_t age = age_ms(place, now_ms);

	send(self, read,
		&(struct oap_balance){ .available = place->available,
			.held = place->held,
			.as_of_seq = place->as_of_seq,
			.as_of_unix_ms = (uint64_t)clock_unix_ms() - age,
			.stale_ms = age < UINT32_MAX ? (uint32_t)age : UINT32_MAX,
			.account = view_account(place),
			.asset = view_asset(place) });
}

static bool is_young(const struct view_place *place, uint64_t now_ms, int64_t ms_max)
{
	return place->is_known && age_ms(place, now_ms) <= (uint64_t)ms_max;
}

/* Without the ledger's word. */
static bool may_degrade(const struct wallet *self, const struct view_place *place, uint64_t now_ms)
{
	return is_young(place, now_ms, self->worker->config.wallet_degraded_stale_max_ms);
}

static void degrade(struct wallet *self, const struct balance_read *read,
	const struct view_place *place, uint64_t now_ms, enum api_reason reason)
{
	if (may_degrade(self, place, now_ms)) {
		metrics_inc(METRIC_WALLET_STALE_READS, METRIC_PLAIN);
		tell(self, read, place, now_ms);
	} else {
		refuse(self, read, reason);
	}
}

/* --- who waits --- */

static struct balance_read *take_slot(struct balances *balances)
{
	uint32_t slot = balances->read_free;

	if (slot != VIEW_NONE) {
		balances->read_free = balances->reads[slot].next;
	} else if (balances->read_used < BALANCE_READS_MAX) {
		slot = balances->read_used++;
	} else {
		return NULL;
	}
	return &balances->reads[slot];
}

static void give_slot(struct balances *balances, uint32_t slot)
{
	balances->reads[slot].waits = false;
	balances->reads[slot].next = balances->read_free;
	balances->read_free = slot;
}

/* It is answered; its slot goes with the others of its place. */
static void end_wait(struct balances *balances, struct balance_read *read)
{
	read->waits = false;
	balances->read_count--;
}

/* All that wait at a place: told if it is known by now, else as well as can be. */
static void end_place(
	struct wallet *self, struct view_place *place, bool is_told, enum api_reason reason)
{
	struct balances *balances = &self->balances;
	uint64_t now_ms = now_mono_ms();
	uint32_t next;

	for (uint32_t slot = place->waiting; slot != VIEW_NONE; slot = next) {
		struct balance_read *read = &balances->reads[slot];

		next = read->next;
		if (read->waits && is_told) {
			tell(self, read, place, now_ms);
		} else if (read->waits) {
			degrade(self, read, place, now_ms, reason);
		}
		if (read->waits) {
			end_wait(balances, read);
		}
		give_slot(balances, slot);
	}
	place->waiting = VIEW_NONE;
	place->asked = 0;
	place->is_held = false;
}

/* --- a read --- */

static void wait(struct wallet *self, const struct balance_read *read, struct view_place *place)
{
	struct balances *balances = &self->balances;
	struct balance_read *slot = take_slot(balances);

	if (slot == NULL) {
		degrade(self, read, place, read->since_mono_ms, API_REASON_QUEUE_FULL);
		return;
	}
	*slot = *read;
	slot->place = (uint32_t)(place - balances->view.places);
	slot->next = place->waiting;
	slot->waits = true;
	place->waiting = (uint32_t)(slot - balances->reads);
	balances->read_count++;
	if (!place->is_held) {
		metrics_inc(METRIC_WALLET_VIEW_MISSES, METRIC_PLAIN);
		place->is_held = true;
		assert(balances->asked_count < BALANCE_READS_MAX); /* each has who waits */
		balances->asked[balances->asked_count++] = slot->place;
	}
}

enum err balances_accept(
	struct wallet *self, const struct oap_from *from, const struct oap_read_balance *msg)
{
	struct balance_read read = {
		.from = *from,
		.edge_process = msg->edge_process,
		.edge_instance = msg->edge_instance,
		.edge_generation = msg->edge_generation,
		.deadline_mono_ms = msg->deadline_mono_ms,
		.since_mono_ms = now_mono_ms(),
	};
	struct view_place *place;

	if (!entry_account_is_valid(msg->account) || !entry_asset_is_valid(msg->asset)) {
		return ERR_MALFORMED; /* the prevalidator looked at both */
	}
	place = view_take(&self->balances.view, msg->account, msg->asset);
	if (place == NULL) {
		refuse(self, &read, API_REASON_QUEUE_FULL);
	} else if (is_young(place, read.since_mono_ms,
			   self->worker->config.wallet_staleness_window_ms)) {
		tell(self, &read, place, read.since_mono_ms);
	} else if (!self->is_serving) {
		degrade(self, &read, place, read.since_mono_ms, API_REASON_LEDGER_DOWN);
	} else {
		wait(self, &read, place);
	}
	return ERR_OK;
}

/* --- to the sequencer --- */

static uint32_t put_names(struct wallet *self, uint32_t first, uint64_t id, struct byte_writer *out)
{
	struct balances *balances = &self->balances;
	uint32_t at = first;

	for (; at < balances->asked_count && at - first < BALANCE_NAMES_MAX; at++) {
		struct view_place *place = &balances->view.places[balances->asked[at]];

		place->asked = id;
		byte_put_u32(out, balances->asked[at]);
		byte_put_u8(out, place->account_bytes);
		byte_put_bytes(out, place->names, place->account_bytes);
		byte_put_u8(out, place->asset_bytes);
		byte_put_bytes(out, place->names + place->account_bytes, place->asset_bytes);
	}
	assert(!out->failed);
	return at;
}

void balances_ask(struct wallet *self)
{
	static uint8_t names[VERB_NAMES_BYTES_MAX]; /* one question at a time */
	struct balances *balances = &self->balances;
	uint32_t next;

	for (uint32_t first = 0; first < balances->asked_count; first = next) {
		struct byte_writer out = byte_writer_of(names, sizeof names);
		uint64_t id = ++self->id_last << OPERATIONS_SLOT_BITS;
		enum err err;

		next = put_names(self, first, id, &out);
		err = oap_send_ask_balance(mesh_peer(&self->worker->mesh, PROCESS_SEQUENCER, 0), id,
			&(struct oap_ask_balance){ { names, out.used } });
		for (uint32_t at = first; err != ERR_OK && at < next; at++) {
			end_place(self, &balances->view.places[balances->asked[at]], false,
				err == ERR_BUSY ? API_REASON_QUEUE_FULL : API_REASON_LEDGER_DOWN);
		}
	}
	balances->asked_count = 0;
}

/* The places were ours; a question of before the link was lost is not waited for any more. */
static enum err take_told(struct wallet *self, const struct oap_from *from,
	const struct oap_told_balance *msg, struct byte_reader *in)
{
	uint32_t number = byte_get_u32(in);
	struct view_place *place;
	u128 available, held;

	(void)byte_get_u64(in); /* of the last entry about it */
	available = byte_get_u128(in);
	held = byte_get_u128(in);
	if (in->failed || number >= self->balances.view.used) {
		return ERR_MALFORMED;
	}
	place = &self->balances.view.places[number];
	if (place->asked != from->corr_id || place->asked == 0) {
		return ERR_OK;
	}
	if (msg->known == 1) {
		place->available = available;
		place->held = held;
		place->as_of_seq = msg->as_of_seq;
		place->as_of_mono_ms = msg->as_of_mono_ms;
		place->is_known = true;
	}
	end_place(self, place, msg->known == 1, API_REASON_LEDGER_DOWN);
	return ERR_OK;
}

enum err balances_told(
	struct wallet *self, const struct oap_from *from, const struct oap_told_balance *msg)
{
	struct byte_reader in = byte_reader_of(msg->balances);
	enum err err = msg->known > 1 ? ERR_MALFORMED : ERR_OK;

	while (err == ERR_OK && in.left > 0) {
		err = take_told(self, from, msg, &in);
	}
	return err;
}

/* --- when it does not tell --- */

void balances_ledger_lost(struct wallet *self)
{
	struct view *view = &self->balances.view;

	self->balances.asked_count = 0; /* those end here with the others */
	for (uint32_t i = 0; i < view->used; i++) {
		if (view->places[i].is_held) {
			end_place(self, &view->places[i], false, API_REASON_LEDGER_DOWN);
		}
	}
}

void balances_tick(struct wallet *self)
{
	struct balances *balances = &self->balances;
	uint64_t now_ms = balances->read_count == 0 ? 0 : now_mono_ms();

	for (uint32_t i = 0; i < balances->read_used && balances->read_count > 0; i++) {
		struct balance_read *read = &balances->reads[i];
		const struct view_place *place;

		if (!read->waits) {
			continue;
		}
		place = &balances->view.places[read->place];
		if (now_ms >= read->deadline_mono_ms) {
			degrade(self, read, place, now_ms, API_REASON_TIMEOUT);
			end_wait(balances, read);
		} else if (now_ms - read->since_mono_ms >= BALANCE_PATIENCE_MS &&
			   may_degrade(self, place, now_ms)) {
			degrade(self, read, place, now_ms, API_REASON_TIMEOUT);
			end_wait(balances, read);
		}
	}
}
