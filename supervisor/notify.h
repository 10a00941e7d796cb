#ifndef SUPERVISOR_NOTIFY_H
#define SUPERVISOR_NOTIFY_H

/* What a service manager is told: sd_notify(3) datagrams to NOTIFY_SOCKET, and the newline on a
 * descriptor that s6 waits for. Spoken here, so that nothing links libsystemd. */

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "proto/verbs.h"

/* Room for a word before the longest reason. */
#define NOTIFY_STATUS_BYTES (VERB_TEXT_BYTES_MAX + 32u)

struct notify {
	int fd; /* owned; -1: nobody asked */
	struct sockaddr_un address;
	socklen_t address_bytes;
	int ready_fd;         /* owned; -1: nobody asked, or it was told */
	uint64_t watchdog_us; /* 0: nobody asked */
	bool ready_told;
	bool stopping_told;
	bool failure_told;                /* in the log */
	char status[NOTIFY_STATUS_BYTES]; /* the last that was told */
	ev_timer watchdog;
};

/* A path, or @ and an abstract name. False: it is neither, or too long. */
bool notify_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_bytes);

/* What WATCHDOG_USEC and WATCHDOG_PID ask of the process `pid`: 0 is nothing. False: they are
 * no numbers. Either may be NULL. */
bool notify_watchdog(const char *usec, const char *for_pid, uint64_t pid, uint64_t *ret_us);

/* The line that stands in `systemctl status`. Of the reason, which workers may have written,
 * nothing but text: a line feed would begin an assignment of its own. */
void notify_status(const struct oap_readiness *readiness, char ret_text[NOTIFY_STATUS_BYTES]);

#endif
