#ifndef SERVICES_REWARDER_REGISTRY_H
#define SERVICES_REWARDER_REGISTRY_H

/* What is known of every run, durable: one row for each tenant and epoch (spec/rewarder.md 9.11).
 * A journal of whole rows, the last of a name is true; one that is gone is followed by its name
 * alone. When most of it is history it is written anew. */

#include "services/rewarder/journal.h"
#include "services/rewarder/registry_row.h"

/* Hourly epochs of three tenants for two years and more. Each takes some 2 KiB of memory, and up to
 * 16 KiB more while it may yet be paid: a gibibyte, were all of them so and their tokens as long as
 * they may be. supervisor/processes.c leaves room for that. */
#define REGISTRY_ROWS_MAX 65536u

struct registry {
	struct journal journal;
	uint32_t count;
	uint32_t held_count, unaudited_count, idle_count;
	struct registry_row **rows; /* owned; by tenant, then epoch */
};

/* Before the filter; ends the worker with a sentence when it cannot. dir_fd stays the caller's. */
void registry_open(struct registry *registry, struct worker *worker, int dir_fd);

/* NULL: there is none. */
struct registry_row *registry_find(
	const struct registry *registry, struct slice tenant, struct slice epoch);

/* The place of the first row that is not before it; may be registry->count. */
uint32_t registry_place(const struct registry *registry, struct slice tenant, struct slice epoch);

/* A new row, in memory alone until it is put; NULL: there is no room. */
struct registry_row *registry_add(
	struct registry *registry, struct slice tenant, struct slice epoch);
void registry_remove(struct registry *registry, struct registry_row *row); /* was never put */

/* On disk when it returns. ERR_NO_SPACE: there it is as it was; a disk that fails ends the worker.
 */
MUST_CHECK enum err registry_put(struct registry *registry, struct registry_row *row);

/* No row is drained any more, nor changed otherwise. ERR_NO_SPACE: all are as they were. */
MUST_CHECK enum err registry_end_drain(struct registry *registry);

/* There and on disk no more. ERR_NO_SPACE: it is as it was. */
MUST_CHECK enum err registry_forget(struct registry *registry, struct registry_row *row);

/* What may go, of the rows from `begin` to `end`, the oldest epochs of a tenant first. */
struct registry_drop {
	bool (*may_go)(const struct registry_row *row);
	uint64_t before_unix_ms; /* of those that have not changed since */
	uint32_t rows_max;
};
/* How many went, none of which has a run under way: none if the disk is full. */
uint32_t registry_drop(
	struct registry *registry, uint32_t begin, uint32_t end, const struct registry_drop *drop);

#endif
