#ifndef SUPERVISOR_REBIND_H
#define SUPERVISOR_REBIND_H

/* Listening sockets in a reload. New ones are bound first, and listen only when everybody can go by
 * the new configuration; then the old ones go. Connections that exist are nobody's business here:
 * their workers hold them. */

#include <stdbool.h>
#include <sys/types.h>

#include "common/config.h"

struct supervisor;
struct child;
struct peer;

struct rebind {
	int admin_fd, api_tcp_fd, api_uds_fd; /* owned; bound, not listening; -1: none */
	bool changes_uds;                     /* another path, group, or none any more */
	bool shares_port;                     /* SO_REUSEPORT is set, on both sides */
	gid_t uds_gid;
};

void rebind_init(struct rebind *rebind);

/* False: *ret_key says of which key, errno why. */
MUST_CHECK bool rebind_prepare(
	struct supervisor *self, const struct config *next, const char **ret_key);

/* What this worker listens on; *ret_closes: bits of what nothing takes the place of. False: no fd
 * was left to pass one. */
MUST_CHECK bool rebind_send(
	const struct child *child, const struct config *next, uint16_t *ret_closes);

/* From here on clients may connect. The last step that can fail; what it began it takes back. */
MUST_CHECK bool rebind_publish(
	struct supervisor *self, const struct config *next, const char **ret_key);

void rebind_commit(struct supervisor *self, const struct config *before);
void rebind_abort(struct supervisor *self, const struct config *next);

#endif
