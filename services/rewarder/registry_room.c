#include "services/rewarder/registry_room.h"

#include <string.h>

/* Behind every epoch: they begin with a digit. */
#define EPOCHS_END ((struct slice){ (const uint8_t *)"~", 1 })

_Static_assert(REGISTRY_SHARED_ROWS > REGISTRY_ROWS_MAX / 2, "most of it is for all");

static bool has_failed(const struct registry_row *row)
{
	return row->state == REGISTRY_FAILED;
}

static bool is_of_the_past(const struct registry_row *row)
{
	return registry_row_is_idle(row) && !has_failed(row);
}

struct rows {
	uint32_t begin, end;
};

static uint32_t count_of(struct rows rows)
{
	return rows.end - rows.begin;
}

static bool drop_some(struct registry *registry, struct rows rows)
{
	const struct registry_drop failed = { has_failed, UINT64_MAX, REGISTRY_DROPPED_ROWS };
	const struct registry_drop past = { is_of_the_past, UINT64_MAX, REGISTRY_DROPPED_ROWS };

	return registry->idle_count > 0 &&
	       (registry_drop(registry, rows.begin, rows.end, &failed) > 0 ||
		       registry_drop(registry, rows.begin, rows.end, &past) > 0);
}

static bool is_same_tenant(const struct registry_row *a, const struct registry_row *b)
{
	return a->tenant.bytes_count == b->tenant.bytes_count &&
	       memcmp(a->tenant.bytes, b->tenant.bytes, a->tenant.bytes_count) == 0;
}

/* Those of the tenant that has most, of those of whom something may go. */
static struct rows find_largest(const struct registry *registry)
{
	struct rows largest = { 0, 0 }, rows = { 0, 0 };

	while (registry->idle_count > 0 && rows.begin < registry->count) {
		const struct registry_row *first = registry->rows[rows.begin];
		bool has_some = false;

		for (rows.end = rows.begin; rows.end < registry->count &&
					    is_same_tenant(first, registry->rows[rows.end]);
			rows.end++) {
			const struct registry_row *row = registry->rows[rows.end];

			has_some = has_some || (registry_row_is_idle(row) && !row->has_run);
		}
		if (has_some && count_of(rows) > count_of(largest)) {
			largest = rows;
		}
		rows.begin = rows.end;
	}
	return largest;
}

static bool has_share(const struct registry *registry, uint32_t rows)
{
	if (rows < REGISTRY_FIRST_ROWS) {
		return registry->count < REGISTRY_ROWS_MAX;
	}
	return registry->count < REGISTRY_SHARED_ROWS &&
	       rows < (REGISTRY_SHARED_ROWS - registry->count) / 2;
}

enum registry_room registry_room_make(struct registry *registry, struct slice tenant)
{
	const struct rows own = {
		registry_place(registry, tenant, (struct slice){ NULL, 0 }),
		registry_place(registry, tenant, EPOCHS_END),
	};
	struct rows largest;

	if (has_share(registry, count_of(own)) || drop_some(registry, own)) {
		return REGISTRY_ROOM;
	}
	largest = find_largest(registry);
	if (count_of(largest) > count_of(own) && drop_some(registry, largest)) {
		return REGISTRY_ROOM;
	}
	return count_of(own) < REGISTRY_FIRST_ROWS ? REGISTRY_FULL : REGISTRY_TENANT_FULL;
}

void registry_room_sweep(struct registry *registry, uint64_t before_unix_ms)
{
	const struct registry_drop failed = { has_failed, before_unix_ms, UINT32_MAX };
	const struct registry_drop past = { is_of_the_past, before_unix_ms, UINT32_MAX };

	(void)registry_drop(registry, 0, registry->count, &failed);
	(void)registry_drop(registry, 0, registry->count, &past);
}
