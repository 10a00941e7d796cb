#include "services/rewarder/registry_room.h"

/* Behind every epoch: they begin with a digit. */
#define EPOCHS_END ((struct slice){ (const uint8_t *)"~", 1 })

static bool is_of_the_past(const struct registry_row *row)
{
	return row->state == REGISTRY_SETTLED && row->is_swept;
}

static bool has_failed(const struct registry_row *row)
{
	return row->state == REGISTRY_FAILED;
}

static bool drop_some(struct registry *registry, uint32_t begin, uint32_t end)
{
	const struct registry_drop failed = { has_failed, UINT64_MAX, UINT32_MAX };
	const struct registry_drop past = { is_of_the_past, UINT64_MAX, UINT32_MAX };

	return registry_drop(registry, begin, end, &failed) > 0 ||
	       registry_drop(registry, begin, end, &past) > 0;
}

enum registry_room registry_room_make(struct registry *registry, struct slice tenant)
{
	uint32_t begin = registry_place(registry, tenant, (struct slice){ NULL, 0 });
	uint32_t end = registry_place(registry, tenant, EPOCHS_END);

	if (end - begin >= REGISTRY_TENANT_ROWS_MAX && !drop_some(registry, begin, end)) {
		return REGISTRY_TENANT_FULL;
	}
	return registry->count < REGISTRY_ROWS_MAX || drop_some(registry, 0, registry->count)
		       ? REGISTRY_ROOM
		       : REGISTRY_FULL;
}

void registry_room_sweep(struct registry *registry, uint64_t before_unix_ms)
{
	const struct registry_drop failed = { has_failed, before_unix_ms, UINT32_MAX };
	const struct registry_drop past = { is_of_the_past, before_unix_ms, UINT32_MAX };

	(void)registry_drop(registry, 0, registry->count, &failed);
	(void)registry_drop(registry, 0, registry->count, &past);
}
