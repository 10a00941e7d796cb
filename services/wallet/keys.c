#include "services/wallet/keys.h"

#include <stdlib.h>
#include <string.h>

#include "common/random.h"
#include "core/sha256.h"

/* What one look at the oldest may cost. */
#define EXPIRE_STEP 1024u

bool keys_init(struct keys *keys, uint32_t places_max, int64_t ttl_ms)
{
	uint32_t bucket_count = 1;

	while (bucket_count < places_max) {
		bucket_count *= 2;
	}
	*keys = (struct keys){
		.places_max = places_max,
		.bucket_mask = bucket_count - 1,
		.free_first = KEYS_NONE,
		.oldest = KEYS_NONE,
		.newest = KEYS_NONE,
		.ttl_ms = ttl_ms,
	};
	/* untouched memory is not there yet: both cost what is used of them; a bucket holds a
	 * place + 1, so that zeros are empty buckets */
	keys->places = calloc(places_max, sizeof *keys->places);
	keys->buckets = calloc(bucket_count, sizeof *keys->buckets);
	random_fill(keys->salt, sizeof keys->salt);
	if (keys->places == NULL || keys->buckets == NULL) {
		keys_finish(keys);
		return false;
	}
	return true;
}

void keys_set_ttl(struct keys *keys, int64_t ttl_ms)
{
	keys->ttl_ms = ttl_ms;
}

void keys_finish(struct keys *keys)
{
	free(keys->places);
	free(keys->buckets);
	keys->places = NULL;
	keys->buckets = NULL;
}

/* ---- places ---- */

static struct id128 name_of(const struct keys *keys, struct slice principal, struct slice key)
{
	static const uint8_t between[1] = { 0 }; /* in neither of them */
	struct slice parts[] = {
		{ keys->salt, sizeof keys->salt },
		principal,
		{ between, sizeof between },
		key,
	};
	struct hash hash;
	struct id128 name;

	sha256_hash_parts(parts, COUNT_OF(parts), &hash);
	memcpy(name.bytes, hash.bytes, sizeof name.bytes);
	return name;
}

static uint32_t *bucket_of(struct keys *keys, const struct id128 *name)
{
	uint32_t bits;

	memcpy(&bits, name->bytes, sizeof bits);
	return &keys->buckets[bits & keys->bucket_mask];
}

static uint32_t find(struct keys *keys, const struct id128 *name)
{
	uint32_t place = *bucket_of(keys, name) - 1;

	while (place != KEYS_NONE && memcmp(&keys->places[place].name, name, sizeof *name) != 0) {
		place = keys->places[place].next;
	}
	return place;
}

static void unlink_age(struct keys *keys, const struct keys_place *at)
{
	uint32_t *newer = at->older == KEYS_NONE ? &keys->oldest : &keys->places[at->older].newer;
	uint32_t *older = at->newer == KEYS_NONE ? &keys->newest : &keys->places[at->newer].older;

	*newer = at->newer;
	*older = at->older;
}

static void link_newest(struct keys *keys, uint32_t place)
{
	struct keys_place *at = &keys->places[place];

	at->older = keys->newest;
	at->newer = KEYS_NONE;
	if (keys->newest == KEYS_NONE) {
		keys->oldest = place;
	} else {
		keys->places[keys->newest].newer = place;
	}
	keys->newest = place;
}

static void forget(struct keys *keys, uint32_t place)
{
	struct keys_place *at = &keys->places[place];
	uint32_t *bucket = bucket_of(keys, &at->name);

	if (*bucket == place + 1) {
		*bucket = at->next + 1;
	} else {
		uint32_t before = *bucket - 1;

		while (keys->places[before].next != place) {
			before = keys->places[before].next;
			assert(before != KEYS_NONE); /* it is in its bucket */
		}
		keys->places[before].next = at->next;
	}
	unlink_age(keys, at);
	at->state = KEYS_FREE;
	at->next = keys->free_first;
	keys->free_first = place;
	keys->count--;
}

static uint32_t oldest_unclaimed(const struct keys *keys)
{
	uint32_t place = keys->oldest;

	while (place != KEYS_NONE && keys->places[place].state == KEYS_CLAIMED) {
		place = keys->places[place].newer;
	}
	return place;
}

static uint32_t take_place(struct keys *keys)
{
	uint32_t place = keys->free_first;

	if (place == KEYS_NONE && keys->used < keys->places_max) {
		return keys->used++;
	}
	if (place == KEYS_NONE) {
		place = oldest_unclaimed(keys);
		if (place == KEYS_NONE) {
			return KEYS_NONE;
		}
		forget(keys, place);
	}
	keys->free_first = keys->places[place].next;
	return place;
}

/* ---- claims ---- */

static bool is_over(const struct keys_place *at, int64_t now_unix_ms)
{
	return at->state != KEYS_CLAIMED && at->until_unix_ms <= now_unix_ms;
}

static enum keys_claim claim_again(struct keys_place *at, const struct hash *fingerprint)
{
	if (memcmp(&at->fingerprint, fingerprint, sizeof *fingerprint) != 0) {
		return KEYS_CLAIM_OTHER;
	}
	if (at->state == KEYS_CLAIMED) {
		return KEYS_CLAIM_BUSY;
	}
	at->before = at->state;
	at->state = KEYS_CLAIMED;
	return KEYS_CLAIM_SAME;
}

enum keys_claim keys_claim(struct keys *keys, struct slice principal, struct slice key,
	const struct hash *fingerprint, int64_t now_unix_ms, uint32_t *ret_place)
{
	struct id128 name = name_of(keys, principal, key);
	uint32_t place = find(keys, &name);
	uint32_t *bucket = bucket_of(keys, &name);

	if (place != KEYS_NONE && is_over(&keys->places[place], now_unix_ms)) {
		forget(keys, place);
		place = KEYS_NONE;
	}
	if (place != KEYS_NONE) {
		*ret_place = place;
		return claim_again(&keys->places[place], fingerprint);
	}
	place = take_place(keys);
	if (place == KEYS_NONE) {
		return KEYS_CLAIM_FULL;
	}
	keys->places[place] = (struct keys_place){
		.name = name,
		.fingerprint = *fingerprint,
		.next = *bucket - 1,
		.state = KEYS_CLAIMED,
	};
	*bucket = place + 1;
	link_newest(keys, place);
	keys->count++;
	*ret_place = place;
	return KEYS_CLAIM_NEW;
}

/* The time of a key that stood for its request already goes on. */
void keys_done(struct keys *keys, uint32_t place, int64_t now_unix_ms)
{
	struct keys_place *at = &keys->places[place];

	assert(at->state == KEYS_CLAIMED);
	if (at->before != KEYS_DONE) {
		at->until_unix_ms = now_unix_ms + keys->ttl_ms;
	}
	at->state = KEYS_DONE;
}

void keys_unknown(struct keys *keys, uint32_t place, int64_t now_unix_ms)
{
	struct keys_place *at = &keys->places[place];

	assert(at->state == KEYS_CLAIMED);
	if (at->before == KEYS_DONE) {
		at->state = KEYS_DONE;
		return;
	}
	at->until_unix_ms = now_unix_ms + keys->ttl_ms;
	at->state = KEYS_UNKNOWN;
}

void keys_refused(struct keys *keys, uint32_t place, bool is_settled)
{
	struct keys_place *at = &keys->places[place];

	assert(at->state == KEYS_CLAIMED);
	if (at->before == KEYS_DONE || (at->before == KEYS_UNKNOWN && !is_settled)) {
		at->state = at->before;
	} else {
		forget(keys, place);
	}
}

void keys_expire(struct keys *keys, int64_t now_unix_ms)
{
	for (unsigned i = 0; i < EXPIRE_STEP; i++) {
		if (keys->oldest == KEYS_NONE ||
			!is_over(&keys->places[keys->oldest], now_unix_ms)) {
			return;
		}
		forget(keys, keys->oldest);
	}
}
