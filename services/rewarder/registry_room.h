#ifndef SERVICES_REWARDER_REGISTRY_ROOM_H
#define SERVICES_REWARDER_REGISTRY_ROOM_H

/* How many rows a tenant may have, and which make room for others.
 *
 * The table is in two parts. One is for all: a tenant may add to it while he has less than half as
 * many rows as are free in it, so that what one may have shrinks as it fills, and whoever comes
 * later finds some. The other is for the first rows of each tenant alone: whoever has fewer than
 * REGISTRY_FIRST_ROWS may add one in any case.
 *
 * So whatever the others do, a tenant has his first rows, as long as there are no more tenants than
 * REGISTRY_FIRST_TENANTS: rows beyond the first of their tenant are added only while there are
 * fewer than REGISTRY_SHARED_ROWS in all, or in place of another such row.
 *
 * Whoever has no room is made some: of what failed or was settled and swept, which the ledger
 * knows, his own first, then of the tenant that has most. */

#include "services/rewarder/registry.h"

/* A day and more of hourly epochs: with the shortest rewarder.retain_runs that is useful, a tenant
 * goes on for ever within them. */
#define REGISTRY_FIRST_ROWS 32u

/* Tokens name their tenant, and an operator mints them: more than so many at once is a node that
 * needs a larger table. */
#define REGISTRY_FIRST_TENANTS 512u

#define REGISTRY_SHARED_ROWS (REGISTRY_ROWS_MAX - REGISTRY_FIRST_ROWS * REGISTRY_FIRST_TENANTS)

/* What follows for one alone: hourly epochs of nearly two years. */
#define REGISTRY_TENANT_ROWS_MAX (REGISTRY_SHARED_ROWS / 3)

/* So many at a time make room, the oldest epochs first, so that what makes it is short. */
#define REGISTRY_DROPPED_ROWS 256u

enum registry_room { REGISTRY_ROOM, REGISTRY_FULL, REGISTRY_TENANT_FULL };

/* Whether there is room for a row more of the tenant, which is made if need be. */
enum registry_room registry_room_make(struct registry *registry, struct slice tenant);

/* Rows that may go, by their age. */
void registry_room_sweep(struct registry *registry, uint64_t before_unix_ms);

#endif
