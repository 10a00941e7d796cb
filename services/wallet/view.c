#include "services/wallet/view.h"

#include <stdlib.h>
#include <string.h>

#include "common/random.h"

bool view_init(struct view *view)
{
	*view = (struct view){ .oldest = VIEW_NONE, .newest = VIEW_NONE };
	random_fill(view->key, sizeof view->key);
	view->places = calloc(VIEW_PLACES, sizeof *view->places);
	view->buckets = calloc(VIEW_PLACES, sizeof *view->buckets);
	if (view->places == NULL || view->buckets == NULL) {
		view_finish(view);
		return false;
	}
	return true;
}

void view_finish(struct view *view)
{
	free(view->places);
	free(view->buckets);
	view->places = NULL;
	view->buckets = NULL;
}

uint64_t view_name(const struct view *view, struct slice account, struct slice asset)
{
	uint8_t names[ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX];
	size_t used = 0;

	assert(account.bytes_count <= ACCOUNT_BYTES_MAX && asset.bytes_count <= ASSET_BYTES_MAX);
	if (account.bytes_count > 0) {
		memcpy(names, account.bytes, account.bytes_count);
	}
	used = account.bytes_count;
	names[used++] = ' '; /* in neither of them */
	if (asset.bytes_count > 0) {
		memcpy(names + used, asset.bytes, asset.bytes_count);
	}
	return siphash_24(view->key, names, used + asset.bytes_count);
}

static uint32_t *bucket_of(const struct view *view, uint64_t name)
{
	return &view->buckets[name & (VIEW_PLACES - 1)];
}

/* --- by age --- */

static void unlink_age(struct view *view, const struct view_place *at)
{
	*(at->older == VIEW_NONE ? &view->oldest : &view->places[at->older].newer) = at->newer;
	*(at->newer == VIEW_NONE ? &view->newest : &view->places[at->newer].older) = at->older;
}

static void link_newest(struct view *view, uint32_t place)
{
	struct view_place *at = &view->places[place];

	at->older = view->newest;
	at->newer = VIEW_NONE;
	*(view->newest == VIEW_NONE ? &view->oldest : &view->places[view->newest].newer) = place;
	view->newest = place;
}

/* --- by name --- */

static bool is_of(const struct view_place *at, struct slice account, struct slice asset)
{
	return at->account_bytes == account.bytes_count && at->asset_bytes == asset.bytes_count &&
	       memcmp(at->names, account.bytes, account.bytes_count) == 0 &&
	       memcmp(at->names + at->account_bytes, asset.bytes, asset.bytes_count) == 0;
}

static uint32_t find(
	const struct view *view, uint64_t name, struct slice account, struct slice asset)
{
	uint32_t place = *bucket_of(view, name) - 1;

	while (place != VIEW_NONE && (view->places[place].name != name ||
					     !is_of(&view->places[place], account, asset))) {
		place = view->places[place].next;
	}
	return place;
}

static void leave_bucket(struct view *view, uint32_t place)
{
	const struct view_place *at = &view->places[place];
	uint32_t *bucket = bucket_of(view, at->name);
	uint32_t before = *bucket - 1;

	if (before == place) {
		*bucket = at->next + 1;
		return;
	}
	while (view->places[before].next != place) {
		before = view->places[before].next;
		assert(before != VIEW_NONE); /* it is in its bucket */
	}
	view->places[before].next = at->next;
}

/* The oldest that nobody waits at; those that are passed over are as good as asked for now. */
static uint32_t make_room(struct view *view)
{
	for (uint32_t i = 0; i < view->used; i++) {
		uint32_t place = view->oldest;

		unlink_age(view, &view->places[place]);
		if (!view->places[place].is_held) {
			leave_bucket(view, place);
			return place;
		}
		link_newest(view, place);
	}
	return VIEW_NONE;
}

struct view_place *view_take(struct view *view, struct slice account, struct slice asset)
{
	uint64_t name = view_name(view, account, asset);
	uint32_t place = find(view, name, account, asset);
	uint32_t *bucket = bucket_of(view, name);
	struct view_place *at;

	if (place != VIEW_NONE) {
		unlink_age(view, &view->places[place]);
		link_newest(view, place);
		return &view->places[place];
	}
	place = view->used < VIEW_PLACES ? view->used++ : make_room(view);
	if (place == VIEW_NONE) {
		return NULL;
	}
	at = &view->places[place];
	*at = (struct view_place){
		.name = name,
		.next = *bucket - 1,
		.waiting = VIEW_NONE,
		.account_bytes = (uint8_t)account.bytes_count,
		.asset_bytes = (uint8_t)asset.bytes_count,
	};
	memcpy(at->names, account.bytes, account.bytes_count);
	memcpy(at->names + account.bytes_count, asset.bytes, asset.bytes_count);
	*bucket = place + 1;
	link_newest(view, place);
	return at;
}

void view_forget(struct view *view, uint64_t name)
{
	uint32_t place = *bucket_of(view, name) - 1;

	for (; place != VIEW_NONE; place = view->places[place].next) {
		if (view->places[place].name == name) {
			view->places[place].is_known = false;
		}
	}
}
