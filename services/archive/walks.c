/* The way back through an account's entries, and the turns of those who go it. Whatever is asked
 * about the past, the newest balance is known to the sequencer, and each entry's row leads to the
 * one before it of the same account. That may be many: a job goes a few rows a turn, one job after
 * the other, with a pause for the log to be folded and others to be heard. */
#include <string.h>

#include "services/archive/archive.h"

#define TURN_ROWS_MAX 500u
#define TURN_MS       5
#define PAUSE_S       0.001
#define WAIT_TICK_S   0.1

/* So many rows between looks at the clock. */
#define CLOCK_ROWS 32u

bool walks_names(struct slice text, uint8_t names[ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX],
	struct balance *ret_balance)
{
	const uint8_t *blank =
		text.bytes_count == 0 ? NULL : memchr(text.bytes, ' ', text.bytes_count);
	size_t account_bytes = blank == NULL ? 0 : (size_t)(blank - text.bytes);

	if (blank == NULL || text.bytes_count > ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX) {
		return false;
	}
	memcpy(names, text.bytes, text.bytes_count);
	*ret_balance = (struct balance){
		.account = { names, account_bytes },
		.asset = { names + account_bytes + 1, text.bytes_count - account_bytes - 1 },
	};
	return entry_account_is_valid(ret_balance->account) &&
	       entry_asset_is_valid(ret_balance->asset);
}

enum err walks_read(struct archive *self, uint64_t seq, struct walk_row *ret_row)
{
	enum err err = reader_entry(self->reader, seq, &ret_row->row);

	if (err == ERR_OK) {
		err = entry_decode(ret_row->row.leaf, &ret_row->entry);
	}
	/* it was committed */
	return err == ERR_NOT_FOUND || err == ERR_MALFORMED ? ERR_CORRUPT : err;
}

enum err walks_back(struct archive *self, uint64_t seq, struct balance *balance,
	struct walk_row *ret_row, uint64_t *ret_previous)
{
	bool is_counter;
	uint64_t previous;
	enum err err = walks_read(self, seq, ret_row);

	if (err != ERR_OK) {
		return err;
	}
	if (!balance_undo(balance, &ret_row->entry, &is_counter)) {
		return ERR_CORRUPT;
	}
	previous = is_counter ? ret_row->row.prev_counter_seq : ret_row->row.prev_account_seq;
	if (previous >= seq) {
		return ERR_CORRUPT;
	}
	*ret_previous = previous;
	return ERR_OK;
}

struct walk_turn walks_turn(void)
{
	return (struct walk_turn){ .due = instant_after(clock_now(), duration_ms(TURN_MS)) };
}

bool walks_go_on(struct walk_turn *turn)
{
	if (turn->rows == TURN_ROWS_MAX || (turn->rows % CLOCK_ROWS == CLOCK_ROWS - 1 &&
						   instant_reached(turn->due, clock_now()))) {
		return false;
	}
	turn->rows++;
	return true;
}

bool walks_are_late(uint64_t deadline_mono_ms, struct instant now)
{
	return deadline_mono_ms <= (uint64_t)now.monotonic_us / 1000;
}

void walks_arrange(struct archive *self, ev_timer *timer, bool any_walks, bool any_waits)
{
	ev_timer_stop(self->worker->loop, timer);
	if (any_walks || any_waits) {
		ev_timer_set(timer, any_walks ? PAUSE_S : WAIT_TICK_S, 0.0);
		ev_timer_start(self->worker->loop, timer);
	}
}
