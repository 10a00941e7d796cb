#ifndef PROTO_LINKS_H
#define PROTO_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/processes.h"

/* Which processes share a socketpair, and how much may be under way on it. All of it follows
 * from proto/verbs.h. The supervisor's own sockets (fd 3) are no links. */

/* Two workers share a link if and only if some verb other than CREDIT goes between them. */
bool links_exist(unsigned a, unsigned b);

/* Whether these two of such roles are linked: admin and its prevalidator are to each other and to
 * kms, and to nobody else. */
bool links_join(struct process_id a, struct process_id b);

/* Credit of the direction sender -> receiver, fd 3 included. Zero requests when no REQUEST
 * goes that way. */
struct link_window {
	uint32_t requests;
	uint32_t bytes;
};
struct link_window links_window(unsigned sender, unsigned receiver);

#endif
