#ifndef SERVICES_PREVALIDATOR_CLOSED_H
#define SERVICES_PREVALIDATOR_CLOSED_H

/* A body that is one closed object of plain values: strings, booleans, numbers. A member that is
 * not in the table, one that comes twice, one of another type or whose value the taker refuses, one
 * that is missing: each is a fault, and the first in the order of the document is told, then what
 * is missing in the order of the table. */

#include <stdbool.h>

#include "services/prevalidator/json.h"

#define CLOSED_MEMBERS_MAX 32u

struct closed_member {
	const char *name;
	enum json_type type;
	bool required;
	bool absent;      /* it is none of this way in */
	const char *text; /* what is expected of it */
};

struct closed {
	const struct closed_member *members; /* borrowed */
	unsigned count;
	/* False: refused. The text is gone when it returns. */
	bool (*take)(void *self, unsigned member, struct slice text);
	void *self;

	uint32_t seen;
	unsigned member; /* whose value comes next; count: one that we don't know */
	unsigned depth;
	const char *fault;
};

/* NULL, or what is wrong, which holds nothing of the client's. The four borrowed members are set by
 * the caller. */
MUST_CHECK const char *closed_read(struct closed *closed, struct json *json, struct slice body);

#endif
