#ifndef SERVICES_ARCHIVE_ITEMS_H
#define SERVICES_ARCHIVE_ITEMS_H

/* What histories.c and events.c say of an entry, in the same words. */

#include "core/entry.h"
#include "core/json_out.h"
#include "store/reader.h"

void items_put_slice(struct json_out *json, const char *name, struct slice text);

/* seq, ts, kind, amount_minor; original_seq and txid if it has them. */
void items_put_head(
	struct json_out *json, const struct reader_entry *row, const struct entry *entry);

/* What the entry did to one side of a balance: nothing, or its amount up or down. */
void items_put_change(struct json_out *json, const char *name, u128 before, u128 after,
	const struct entry *entry);

/* What is available behind the entry. Inside of a group of legs it may be below zero. */
void items_put_available(
	struct json_out *json, const char *name, u128 available, const struct entry *entry);

#endif
