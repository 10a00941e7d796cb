/* Listening sockets that whoever starts us has bound already (sd_listen_fds(3)): a port below 1024
 * without a capability for it, or connections that wait while the node starts. They are told
 * apart by name. The configuration stays the one truth: a socket must be bound to what it says,
 * or a rule that holds for an address (loopback without TLS) would not hold for this one. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/log.h"

#define FIRST_FD 3

enum listener { ADMIN, API, UDS, LISTENER_COUNT };

static const char *const names[LISTENER_COUNT] = { "admin", "api", "uds" };

__attribute__((format(printf, 2, 3))) static bool refuse(const char *about, const char *format, ...)
{
	char text[LOG_TEXT_BYTES_MAX];
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	log_event(LOG_LISTENER_FAILED, &(struct log_fields){ .path = about, .text = text });
	return false;
}

static bool is_listening(int fd)
{
	int type = 0, listening = 0;
	socklen_t type_bytes = sizeof type, listening_bytes = sizeof listening;

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_bytes) == 0 &&
	       getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &listening_bytes) == 0 &&
	       type == SOCK_STREAM && listening == 1;
}

static bool is_at_path(int fd, const char *path)
{
	struct sockaddr_un bound = { .sun_family = AF_UNSPEC };
	socklen_t bytes = sizeof bound;

	return getsockname(fd, (struct sockaddr *)&bound, &bytes) == 0 &&
	       bound.sun_family == AF_UNIX && bytes <= sizeof bound && path[0] != '\0' &&
	       strncmp(bound.sun_path, path, sizeof bound.sun_path) == 0;
}

static bool is_where_it_should(const struct supervisor *self, enum listener listener, int fd)
{
	switch (listener) {
	case ADMIN:
		return listen_is_at(fd, &self->config.admin_bind_addr);
	case API:
		return listen_is_at(fd, &self->config.api_bind_addr);
	case UDS:
		return is_at_path(fd, self->config.uds_path);
	case LISTENER_COUNT:
		break;
	}
	return false;
}

static bool take(struct supervisor *self, const char *name, int fd)
{
	static const char *const keys[LISTENER_COUNT] = { "admin.bind_addr", "api.bind_addr",
		"uds.path" };
	int *const places[LISTENER_COUNT] = { &self->admin_fd, &self->api_tcp_fd,
		&self->api_uds_fd };
	bool *const marks[LISTENER_COUNT] = { &self->admin_is_inherited, &self->api_is_inherited,
		&self->uds_is_inherited };
	unsigned listener = 0;
	int yes = 1;

	while (listener < LISTENER_COUNT && strcmp(name, names[listener]) != 0) {
		listener++;
	}
	if (listener == LISTENER_COUNT) {
		return refuse("LISTEN_FDNAMES", "%s: expected admin, api or uds", name);
	}
	if (*places[listener] >= 0) {
		return refuse("LISTEN_FDNAMES", "%s: is there twice", name);
	}
	if (fd == self->notify.ready_fd || !is_listening(fd)) {
		return refuse(name, "descriptor %d: expected a listening stream socket", fd);
	}
	if (!is_where_it_should(self, (enum listener)listener, fd)) {
		return refuse(name, "the socket that was passed is not bound to %s; set both alike",
			keys[listener]);
	}
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) == -1 || fcntl(fd, F_SETFL, O_NONBLOCK) == -1) {
		return refuse(name, "descriptor %d: %s", fd, strerror(errno));
	}
	if (listener != UDS) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	}
	*places[listener] = fd;
	*marks[listener] = true;
	log_event(LOG_LISTENER_OPENED,
		&(struct log_fields){ .path = keys[listener], .text = "inherited" });
	return true;
}

/* For another process, which started us without clearing its environment. */
static bool is_for_us(const char *pid_text)
{
	char own[32];

	(void)snprintf(own, sizeof own, "%ld", (long)getpid());
	return pid_text != NULL && strcmp(pid_text, own) == 0;
}

bool inherit_listeners(struct supervisor *self)
{
	const char *count_text = getenv("LISTEN_FDS"), *names_text = getenv("LISTEN_FDNAMES");
	char name[16];
	int count;

	if (count_text == NULL || !is_for_us(getenv("LISTEN_PID"))) {
		return true;
	}
	if (count_text[0] < '1' || count_text[0] > '0' + LISTENER_COUNT || count_text[1] != '\0') {
		return refuse("LISTEN_FDS", "expected a number from 1 to %d", LISTENER_COUNT);
	}
	if (names_text == NULL) {
		return refuse("LISTEN_FDNAMES", "expected a name for each of LISTEN_FDS");
	}
	count = count_text[0] - '0';
	for (int i = 0; i < count; i++) {
		size_t bytes = strcspn(names_text, ":");
		(void)snprintf(name, sizeof name, "%.*s", (int)bytes, names_text);
		if (!take(self, name, FIRST_FD + i)) {
			return false;
		}
		names_text += bytes + (names_text[bytes] == ':');
	}
	return names_text[0] == '\0' ||
	       refuse("LISTEN_FDNAMES", "expected as many names as LISTEN_FDS says");
}
