#include "services/rewarder/registry.h"

#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

/* --- in memory --- */

static int compare(struct slice a, struct slice b)
{
	size_t least = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = least == 0 ? 0 : memcmp(a.bytes, b.bytes, least);

	return order != 0 ? order
			  : (a.bytes_count > b.bytes_count) - (a.bytes_count < b.bytes_count);
}

uint32_t registry_place(const struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t low = 0, high = registry->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct registry_row *row = registry->rows[middle];
		int order = compare(reward_name_view(&row->tenant), tenant);

		if (order == 0) {
			order = compare(reward_name_view(&row->epoch), epoch);
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct registry_row *registry_find(
	const struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t place = registry_place(registry, tenant, epoch);
	struct registry_row *row = place < registry->count ? registry->rows[place] : NULL;

	return row != NULL && compare(reward_name_view(&row->tenant), tenant) == 0 &&
			       compare(reward_name_view(&row->epoch), epoch) == 0
		       ? row
		       : NULL;
}

static void set_name(struct reward_name *name, struct slice text)
{
	assert(text.bytes_count <= sizeof name->bytes);
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
}

struct registry_row *registry_add(
	struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t place = registry_place(registry, tenant, epoch);
	struct registry_row *row =
		registry->count == REGISTRY_ROWS_MAX ? NULL : calloc(1, sizeof *row);

	if (row == NULL) {
		return NULL;
	}
	set_name(&row->tenant, tenant);
	set_name(&row->epoch, epoch);
	memmove(registry->rows + place + 1, registry->rows + place,
		(registry->count - place) * sizeof *registry->rows);
	registry->rows[place] = row;
	registry->count++;
	return row;
}

static void count(
	struct registry *registry, struct registry_row *row, struct registry_counted counted)
{
	registry->held_count += counted.as_held;
	registry->held_count -= row->counted.as_held;
	registry->unaudited_count += counted.as_unaudited;
	registry->unaudited_count -= row->counted.as_unaudited;
	registry->idle_count += counted.as_idle;
	registry->idle_count -= row->counted.as_idle;
	row->counted = counted;
}

static void count_as_it_is(struct registry *registry, struct registry_row *row)
{
	count(registry, row,
		(struct registry_counted){
			registry_row_is_held(row),
			registry_row_is_unaudited(row),
			registry_row_is_idle(row),
		});
}

static void free_row(struct registry *registry, struct registry_row *row)
{
	count(registry, row, (struct registry_counted){ false, false, false });
	registry_row_finish(row);
	free(row);
}

void registry_remove(struct registry *registry, struct registry_row *row)
{
	uint32_t place = registry_place(
		registry, reward_name_view(&row->tenant), reward_name_view(&row->epoch));

	assert(place < registry->count && registry->rows[place] == row);
	registry->count--;
	memmove(registry->rows + place, registry->rows + place + 1,
		(registry->count - place) * sizeof *registry->rows);
	free_row(registry, row);
}

/* --- on disk --- */

static enum err append_gone(struct registry *registry, const struct registry_row *row)
{
	struct byte_writer out = journal_payload(&registry->journal);

	registry_row_put_gone(&out, row);
	assert(!out.failed);
	return journal_append(&registry->journal, out.used);
}

static bool put_next(void *owner, uint32_t number, struct byte_writer *out)
{
	const struct registry *registry = owner;

	if (number == registry->count) {
		return false;
	}
	registry_row_put(out, registry->rows[number]);
	return true;
}

/* A disk that is full has room for it later. */
static void drop_history(struct registry *registry)
{
	if (journal_is_old(&registry->journal)) {
		(void)!journal_write_anew(&registry->journal, put_next, registry);
	}
}

enum err registry_put(struct registry *registry, struct registry_row *row)
{
	struct byte_writer out = journal_payload(&registry->journal);
	enum err err;

	row->changed_unix_ms = (uint64_t)clock_unix_ms();
	registry_row_put(&out, row);
	assert(!out.failed);
	err = journal_append(&registry->journal, out.used);
	if (err == ERR_OK) {
		err = journal_sync(&registry->journal);
	}
	if (err == ERR_OK) {
		count_as_it_is(registry, row);
		drop_history(registry);
	}
	return err;
}

/* The flag is not written; all else is. */
static enum err append_undrained(struct registry *registry, struct registry_row *row)
{
	struct byte_writer out = journal_payload(&registry->journal);

	row->is_drained = false;
	registry_row_put(&out, row);
	row->is_drained = true; /* until all of them are on disk */
	assert(!out.failed);
	return journal_append(&registry->journal, out.used);
}

enum err registry_end_drain(struct registry *registry)
{
	enum err err = ERR_OK;
	bool any = false;

	for (uint32_t i = 0; i < registry->count && err == ERR_OK; i++) {
		if (registry_row_says_drained(registry->rows[i])) {
			err = append_undrained(registry, registry->rows[i]);
			any = true;
		}
	}
	if (err == ERR_OK && any) {
		err = journal_sync(&registry->journal);
	}
	if (err != ERR_OK) {
		return err;
	}
	for (uint32_t i = 0; i < registry->count; i++) {
		if (registry->rows[i]->is_drained) {
			registry->rows[i]->is_drained = false;
			count_as_it_is(registry, registry->rows[i]);
		}
	}
	drop_history(registry);
	return ERR_OK;
}

enum err registry_forget(struct registry *registry, struct registry_row *row)
{
	enum err err = append_gone(registry, row);

	if (err == ERR_OK) {
		err = journal_sync(&registry->journal);
	}
	if (err == ERR_OK) {
		registry_remove(registry, row);
		drop_history(registry);
	}
	return err;
}

/* Those that were chosen, if that is on disk. */
static uint32_t drop_chosen(struct registry *registry, uint32_t begin)
{
	bool is_synced = journal_sync(&registry->journal) == ERR_OK;
	uint32_t kept = begin, before = registry->count;

	for (uint32_t i = begin; i < before; i++) {
		struct registry_row *row = registry->rows[i];
		bool goes = is_synced && row->is_dropped;

		row->is_dropped = false;
		if (goes) {
			free_row(registry, row);
		} else {
			registry->rows[kept++] = row;
		}
	}
	registry->count = kept;
	return before - kept;
}

uint32_t registry_drop(
	struct registry *registry, uint32_t begin, uint32_t end, const struct registry_drop *drop)
{
	uint32_t chosen = 0, dropped;

	for (uint32_t i = begin; i < end && chosen < drop->rows_max; i++) {
		struct registry_row *row = registry->rows[i];

		row->is_dropped = !row->has_run && drop->may_go(row) &&
				  row->changed_unix_ms < drop->before_unix_ms &&
				  append_gone(registry, row) == ERR_OK;
		chosen += row->is_dropped;
	}
	if (chosen == 0) {
		return 0;
	}
	dropped = drop_chosen(registry, begin);
	drop_history(registry);
	return dropped;
}

/* --- as it was found --- */

static void take_row(struct registry *registry, struct registry_row *read, bool is_gone)
{
	struct slice tenant = reward_name_view(&read->tenant);
	struct slice epoch = reward_name_view(&read->epoch);
	struct registry_row *row = registry_find(registry, tenant, epoch);

	if (is_gone && row == NULL) {
		journal_damaged(&registry->journal, "a row is gone that was not there");
	}
	if (is_gone) {
		registry_remove(registry, row);
		return;
	}
	if (row == NULL) {
		row = registry_add(registry, tenant, epoch);
	}
	if (row == NULL) {
		worker_fail(
			registry->journal.worker, "there is no memory for the registry of runs");
	}
	registry_row_finish(row);
	read->counted = row->counted;
	*row = *read;
	count_as_it_is(registry, row);
}

static void load(struct registry *registry)
{
	struct slice payload = journal_next(&registry->journal);

	while (payload.bytes_count > 0) {
		struct registry_row read = { 0 };
		bool is_gone;

		if (!registry_row_get(payload, &read, &is_gone)) {
			journal_damaged(&registry->journal, "a row is none");
		}
		take_row(registry, &read, is_gone);
		payload = journal_next(&registry->journal);
	}
}

void registry_open(struct registry *registry, struct worker *worker, int dir_fd)
{
	*registry = (struct registry){ 0 };
	registry->rows = calloc(REGISTRY_ROWS_MAX, sizeof *registry->rows);
	if (registry->rows == NULL) {
		worker_fail(worker, "there is no memory for the registry of runs");
	}
	journal_open(&registry->journal, worker, dir_fd, REGISTRY_ROW_BYTES_MAX);
	load(registry);
	/* What is true of a long life is short; on a full disk the old one does as well. */
	(void)!journal_write_anew(&registry->journal, put_next, registry);
}
