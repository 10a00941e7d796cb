/* Nothing here waits: a manager that does not read costs a datagram, and what it must know
 * (READY, STOPPING, STATUS) is told again at the next tick. */
#include "supervisor/notify.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/supervisor.h"

/* At most this often, however short WATCHDOG_USEC is. */
#define WATCHDOG_INTERVAL_S_MIN 0.01

/* A start may take as long as a replay does. Each tick asks for this much more, as long as no
 * worker dies again and again: then the manager's own limit counts. */
#define EXTEND_START_MS 60000

/* Behind node.drain_timeout: to reap and to close. */
#define EXTEND_STOP_MS 10000

#define MESSAGE_BYTES (NOTIFY_STATUS_BYTES + 128u)

/* --- what was asked for --- */

bool notify_address(const char *text, struct sockaddr_un *ret_address, socklen_t *ret_bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t bytes = strlen(text);

	if ((text[0] != '/' && text[0] != '@') || bytes < 2 || bytes >= sizeof address.sun_path) {
		return false;
	}
	memcpy(address.sun_path, text, bytes);
	if (text[0] == '@') {
		address.sun_path[0] = '\0'; /* abstract: no file; its length ends the name */
	} else {
		bytes++;
	}
	*ret_address = address;
	*ret_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);
	return true;
}

static bool read_number(const char *text, uint64_t *ret_number)
{
	char *end;

	if (text[0] < '0' || text[0] > '9') {
		return false; /* strtoull takes blanks and signs */
	}
	errno = 0;
	*ret_number = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

bool notify_watchdog(const char *usec, const char *for_pid, uint64_t pid, uint64_t *ret_us)
{
	uint64_t us = 0, wanted_pid = pid;

	*ret_us = 0;
	if (usec == NULL) {
		return true;
	}
	if (!read_number(usec, &us) || us == 0 ||
		(for_pid != NULL && !read_number(for_pid, &wanted_pid))) {
		return false;
	}
	*ret_us = wanted_pid == pid ? us : 0;
	return true;
}

static const char *word_of(const struct oap_readiness *readiness)
{
	if (readiness->draining) {
		return "stopping";
	}
	if (!readiness->ready) {
		return "not ready";
	}
	return readiness->degraded ? "ready, degraded" : "ready";
}

void notify_status(const struct oap_readiness *readiness, char ret_text[NOTIFY_STATUS_BYTES])
{
	struct slice reason = readiness->reason;

	if (readiness->draining || reason.bytes_count == 0) {
		(void)snprintf(ret_text, NOTIFY_STATUS_BYTES, "%s", word_of(readiness));
		return;
	}
	(void)snprintf(ret_text, NOTIFY_STATUS_BYTES, "%s: %.*s", word_of(readiness),
		(int)reason.bytes_count, (const char *)reason.bytes);
	for (char *byte = ret_text; *byte != '\0'; byte++) {
		if (*byte < ' ' || *byte > '~') {
			*byte = '?';
		}
	}
}

/* --- telling --- */

static bool tell(struct supervisor *self, const char *message)
{
	struct notify *notify = &self->notify;
	size_t bytes = strlen(message);

	if (notify->fd < 0) {
		return true; /* nobody asked */
	}
	if (sendto(notify->fd, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL,
		    (struct sockaddr *)&notify->address, notify->address_bytes) == (ssize_t)bytes) {
		return true;
	}
	if (!notify->failure_told && errno != EAGAIN) {
		notify->failure_told = true;
		log_event(LOG_NOTIFY_FAILED,
			&(struct log_fields){ .key = "NOTIFY_SOCKET", .os_error = errno });
	}
	return false;
}

/* The reader of the descriptor wants a line, and its end. */
static void tell_ready_fd(struct notify *notify)
{
	if (notify->ready_fd < 0) {
		return;
	}
	(void)!write(notify->ready_fd, "\n", 1);
	close(notify->ready_fd);
	notify->ready_fd = -1;
}

/* In safe mode the node is as ready as it gets without an operator, and answers reads: a manager
 * that waited on would end it, and nothing would be better. */
static bool has_started(const struct supervisor *self)
{
	return !self->readiness.draining && (self->readiness.ready || self->readiness.safe_mode);
}

static void tell_ready(struct supervisor *self)
{
	char message[MESSAGE_BYTES];

	(void)snprintf(message, sizeof message, "READY=1\nMAINPID=%ld\nSTATUS=%s", (long)getpid(),
		self->notify.status);
	self->notify.ready_told = tell(self, message);
	tell_ready_fd(&self->notify);
}

static bool any_dies_too_often(const struct supervisor *self)
{
	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].degraded) {
			return true;
		}
	}
	return false;
}

void notify_tick(struct supervisor *self)
{
	char message[MESSAGE_BYTES];
	int64_t more_ms = EXTEND_START_MS + self->config.node_ping_timeout_ms;

	notify_update(self);
	if (self->drain_stage > 0 && !self->notify.stopping_told) {
		notify_stopping(self);
	}
	if (self->notify.ready_told || self->drain_stage > 0 || any_dies_too_often(self)) {
		return;
	}
	(void)snprintf(message, sizeof message, "EXTEND_TIMEOUT_USEC=%" PRId64, more_ms * 1000);
	(void)!tell(self, message);
}

void notify_update(struct supervisor *self)
{
	char status[NOTIFY_STATUS_BYTES], message[MESSAGE_BYTES];
	struct notify *notify = &self->notify;

	notify_status(&self->readiness, status);
	if (strcmp(status, notify->status) != 0) {
		(void)snprintf(message, sizeof message, "STATUS=%s", status);
		if (tell(self, message)) {
			memcpy(notify->status, status, sizeof status);
		}
	}
	if (!notify->ready_told && has_started(self)) {
		tell_ready(self);
	}
}

/* sd_notify(3) wants both at once. */
void notify_reloading(struct supervisor *self)
{
	char message[MESSAGE_BYTES];

	if (self->notify.ready_told) {
		(void)snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			clock_now().monotonic_us);
		(void)!tell(self, message);
	}
}

/* Not behind STOPPING, which is the last word. */
void notify_reloaded(struct supervisor *self)
{
	if (self->notify.ready_told && self->drain_stage == 0) {
		tell_ready(self);
	}
}

void notify_stopping(struct supervisor *self)
{
	char message[MESSAGE_BYTES];
	int64_t more_ms = self->config.node_drain_timeout_ms + EXTEND_STOP_MS;

	(void)snprintf(message, sizeof message, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%" PRId64,
		more_ms * 1000);
	self->notify.stopping_told = tell(self, message);
}

/* From the loop, so that a loop that is stuck says nothing. */
static void on_watchdog(struct ev_loop *loop, ev_timer *watcher, int events)
{
	(void)loop;
	(void)events;
	(void)!tell(watcher->data, "WATCHDOG=1");
}

/* --- life --- */

static void complain(const char *key, const char *what)
{
	log_event(LOG_NOTIFY_FAILED, &(struct log_fields){ .key = key, .text = what });
}

void notify_open(struct supervisor *self, int ready_fd)
{
	struct notify *notify = &self->notify;
	const char *where = getenv("NOTIFY_SOCKET");

	notify->ready_fd = ready_fd;
	if (where == NULL) {
		return;
	}
	if (!notify_address(where, &notify->address, &notify->address_bytes)) {
		complain("NOTIFY_SOCKET", "expected the path of a socket, or @ and a name");
		return;
	}
	notify->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (!notify_watchdog(getenv("WATCHDOG_USEC"), getenv("WATCHDOG_PID"), (uint64_t)getpid(),
		    &notify->watchdog_us)) {
		complain("WATCHDOG_USEC", "expected microseconds, and a pid in WATCHDOG_PID");
	}
	if (notify->watchdog_us > 0) {
		double interval_s = (double)notify->watchdog_us / 2e6;
		if (interval_s < WATCHDOG_INTERVAL_S_MIN) {
			interval_s = WATCHDOG_INTERVAL_S_MIN;
		}
		ev_timer_init(&notify->watchdog, on_watchdog, interval_s, interval_s);
		ev_set_priority(&notify->watchdog, EV_MINPRI); /* behind the work of a turn */
		notify->watchdog.data = self;
		ev_timer_start(self->loop, &notify->watchdog);
	}
}

void notify_close(struct supervisor *self)
{
	struct notify *notify = &self->notify;

	if (notify->watchdog_us > 0) {
		ev_timer_stop(self->loop, &notify->watchdog);
	}
	if (notify->fd >= 0) {
		close(notify->fd);
	}
	if (notify->ready_fd >= 0) {
		close(notify->ready_fd);
	}
	notify->fd = notify->ready_fd = -1;
}
