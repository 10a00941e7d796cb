/* Where walks back through accounts' entries got to, so that the next page of a history does not
 * begin with the newest entry again, and a walk that ran out of time goes on where it was. */
#include <string.h>

#include "services/archive/archive.h"

static bool is_of(const struct bookmark *mark, const struct balance *balance)
{
	return mark->upper > 0 && mark->account_bytes == balance->account.bytes_count &&
	       mark->asset_bytes == balance->asset.bytes_count &&
	       memcmp(mark->names, balance->account.bytes, mark->account_bytes) == 0 &&
	       memcmp(mark->names + mark->account_bytes, balance->asset.bytes, mark->asset_bytes) ==
		       0;
}

const struct bookmark *bookmarks_find(
	struct bookmarks *bookmarks, const struct balance *balance, uint64_t before)
{
	struct bookmark *nearest = NULL;

	for (size_t i = 0; i < BOOKMARKS_MAX; i++) {
		struct bookmark *mark = &bookmarks->list[i];

		if (mark->upper >= before && is_of(mark, balance) &&
			(nearest == NULL || mark->upper < nearest->upper)) {
			nearest = mark;
		}
	}
	if (nearest != NULL) {
		nearest->age = ++bookmarks->age;
	}
	return nearest;
}

/* The same place again, or the one that was longest not used. */
static struct bookmark *place_for(
	struct bookmarks *bookmarks, const struct balance *balance, uint64_t upper)
{
	struct bookmark *place = &bookmarks->list[0];

	for (size_t i = 0; i < BOOKMARKS_MAX; i++) {
		struct bookmark *mark = &bookmarks->list[i];

		if (mark->upper == upper && is_of(mark, balance)) {
			return mark;
		}
		if (mark->age < place->age) {
			place = mark;
		}
	}
	return place;
}

void bookmarks_put(
	struct bookmarks *bookmarks, const struct balance *balance, uint64_t seq, uint64_t upper)
{
	struct bookmark *place;

	if (upper == READS_NEWEST) {
		return; /* what is newest does not stay so */
	}
	place = place_for(bookmarks, balance, upper);
	*place = (struct bookmark){
		.seq = seq,
		.upper = upper,
		.available = balance->available,
		.held = balance->held,
		.age = ++bookmarks->age,
		.account_bytes = (uint8_t)balance->account.bytes_count,
		.asset_bytes = (uint8_t)balance->asset.bytes_count,
	};
	memcpy(place->names, balance->account.bytes, place->account_bytes);
	memcpy(place->names + place->account_bytes, balance->asset.bytes, place->asset_bytes);
}
