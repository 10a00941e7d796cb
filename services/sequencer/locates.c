/* Where the newest balance of an account is, for archive, which walks back from there. It is told
 * only of what is on disk: the answer waits, like any other, for all that was numbered before. */
#include <stdlib.h>

#include "services/sequencer/sequencer.h"

static void answer(
	struct sequencer *self, const struct oap_from *from, const struct oap_located *msg)
{
	struct mesh *mesh = &self->worker->mesh;

	mesh_give_back(mesh, from);
	(void)!oap_send_located(mesh_peer_of(mesh, from->process, from->instance, from->generation),
		from->corr_id, msg); /* or it is gone */
}

void locates_take(struct sequencer *self, const struct oap_from *from, const struct oap_locate *msg)
{
	struct batch *newest = batches_newest(self);
	struct batch_balance balance = { .last_seq = 0 };
	struct oap_located located = { .known = state_is_readable(self) };
	struct locate *locate;

	if (located.known) {
		(void)ledger_balance(self->ledger, msg->account, msg->asset, &balance);
		located.as_of_seq = ledger_next_seq(self->ledger) - 1;
		located.last_seq = balance.last_seq; /* 0: there is no such account */
		located.available = balance.available;
		located.held = balance.held;
	}
	if (!located.known || newest == NULL) {
		answer(self, from, &located);
		return;
	}
	locate = calloc(1, sizeof *locate);
	assert(locate != NULL); /* the window allows a few dozen */
	locate->from = *from;
	locate->located = located;
	locate->next = newest->locates;
	newest->locates = locate;
}

void locates_answer(struct sequencer *self, struct batch *batch, bool is_committed)
{
	struct locate *next;

	for (struct locate *locate = batch->locates; locate != NULL; locate = next) {
		next = locate->next;
		if (!is_committed) {
			locate->located = (struct oap_located){ .known = 0 };
		}
		answer(self, &locate->from, &locate->located);
		free(locate);
	}
	batch->locates = NULL;
}
