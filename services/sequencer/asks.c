/* The newest balances of many accounts at once, for the wallet's view and for archive's events. As
 * with locates.c they are told only when they are on disk, so that whoever is told has been told
 * nothing that a crash could take back, and of an operation no earlier than of its end: an answer
 * that was looked up before an operation was numbered leaves before that operation's verdict. */
#include <stdlib.h>
#include <string.h>

#include "services/sequencer/sequencer.h"

_Static_assert(BALANCE_NAMES_MAX *BALANCE_NAME_BYTES_MAX <= VERB_NAMES_BYTES_MAX, "names fit");
_Static_assert(BALANCE_NAMES_MAX *BALANCE_TOLD_BYTES <= VERB_TOLD_BYTES_MAX, "balances fit");

/* When they were the newest for the last time: the next batch is not on disk yet. */
static void tell(struct sequencer *self, const struct oap_from *from, struct oap_told_balance *told)
{
	struct mesh *mesh = &self->worker->mesh;

	told->as_of_mono_ms = (uint64_t)clock_now().monotonic_us / 1000;
	mesh_give_back(mesh, from);
	(void)!oap_send_told_balance(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		told); /* or it is gone */
}

static bool put_balance(struct sequencer *self, struct byte_reader *in, struct byte_writer *out)
{
	uint32_t place = byte_get_u32(in);
	struct slice account = byte_get_view(in, byte_get_u8(in));
	struct slice asset = byte_get_view(in, byte_get_u8(in));
	struct batch_balance balance = { .last_seq = 0 };

	if (in->failed || !entry_account_is_valid(account) || !entry_asset_is_valid(asset)) {
		return false;
	}
	if (state_is_readable(self)) {
		(void)ledger_balance(self->ledger, account, asset, &balance);
	}
	byte_put_u32(out, place);
	byte_put_u64(out, balance.last_seq);
	byte_put_u128(out, balance.available);
	byte_put_u128(out, balance.held);
	return !out->failed;
}

static void keep(
	struct batch *newest, const struct oap_from *from, const struct oap_told_balance *told)
{
	struct ask *ask = malloc(sizeof *ask + told->balances.bytes_count);

	assert(ask != NULL); /* the credit windows bound what we hold */
	*ask = (struct ask){ .next = newest->asks, .from = *from, .told = *told };
	memcpy(ask->bytes, told->balances.bytes, told->balances.bytes_count);
	ask->told.balances.bytes = ask->bytes;
	newest->asks = ask;
}

enum err asks_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_ask_balance *msg)
{
	static uint8_t balances[VERB_TOLD_BYTES_MAX]; /* one question at a time */
	struct byte_writer out = byte_writer_of(balances, sizeof balances);
	struct byte_reader in = byte_reader_of(msg->names);
	struct batch *newest = batches_newest(self);
	struct oap_told_balance told = { .known = state_is_readable(self) };

	while (in.left > 0) {
		if (!put_balance(self, &in, &out)) {
			return ERR_MALFORMED;
		}
	}
	if (out.used == 0) {
		return ERR_MALFORMED;
	}
	if (told.known) {
		told.as_of_seq = ledger_next_seq(self->ledger) - 1;
	}
	told.balances = (struct slice){ balances, out.used };
	if (!told.known || newest == NULL) {
		tell(self, from, &told);
	} else {
		keep(newest, from, &told);
	}
	return ERR_OK;
}

void asks_answer(struct sequencer *self, struct batch *batch, bool is_committed)
{
	struct ask *next;

	for (struct ask *ask = batch->asks; ask != NULL; ask = next) {
		next = ask->next;
		if (!is_committed) {
			ask->told.known = 0;
		}
		tell(self, &ask->from, &ask->told);
		free(ask);
	}
	batch->asks = NULL;
}
