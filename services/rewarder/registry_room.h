#ifndef SERVICES_REWARDER_REGISTRY_ROOM_H
#define SERVICES_REWARDER_REGISTRY_ROOM_H

/* How many rows a tenant may have, and which make room for others. */

#include "services/rewarder/registry.h"

enum registry_room { REGISTRY_ROOM, REGISTRY_FULL, REGISTRY_TENANT_FULL };

/* Whether there is room for a row more of the tenant. It is made if need be, of his own rows where
 * it is his share that is full: what failed goes, else what was settled and swept: the ledger
 * knows it. */
enum registry_room registry_room_make(struct registry *registry, struct slice tenant);

/* Rows that may go, by their age. */
void registry_room_sweep(struct registry *registry, uint64_t before_unix_ms);

#endif
