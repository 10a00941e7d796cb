#include "supervisor/supervisor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"

/* A burst of connections waits in the kernel while every ingress is busy with a turn. */
#define LISTEN_BACKLOG 1024

static int refuse(int fd, const char *where, const char *what)
{
	log_event(LOG_LISTENER_FAILED,
		&(struct log_fields){ .path = where, .text = what, .os_error = errno });
	if (fd >= 0) {
		close(fd);
	}
	return -1;
}

static socklen_t sockaddr_of(
	const struct config_address *address, struct sockaddr_storage *ret_sockaddr)
{
	memset(ret_sockaddr, 0, sizeof *ret_sockaddr);
	if (address->family == 6) {
		struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret_sockaddr;
		in6->sin6_family = AF_INET6;
		in6->sin6_port = htons(address->port);
		memcpy(&in6->sin6_addr, address->ip, sizeof in6->sin6_addr);
		return sizeof *in6;
	}
	struct sockaddr_in *in4 = (struct sockaddr_in *)ret_sockaddr;
	in4->sin_family = AF_INET;
	in4->sin_port = htons(address->port);
	memcpy(&in4->sin_addr, address->ip, sizeof in4->sin_addr);
	return sizeof *in4;
}

bool listen_is_at(int fd, const struct config_address *address)
{
	struct sockaddr_storage wanted, bound = { .ss_family = AF_UNSPEC };
	socklen_t bytes = sizeof bound;
	struct sockaddr_in *in4 = (struct sockaddr_in *)&bound;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&bound;

	(void)sockaddr_of(address, &wanted);
	if (getsockname(fd, (struct sockaddr *)&bound, &bytes) == -1 ||
		bound.ss_family != wanted.ss_family) {
		return false;
	}
	in_port_t port = address->family == 6 ? in6->sin6_port : in4->sin_port;
	const void *ip = address->family == 6 ? (void *)&in6->sin6_addr : (void *)&in4->sin_addr;
	return (address->port == 0 || port == htons(address->port)) &&
	       memcmp(ip, address->ip, address->family == 6 ? 16 : 4) == 0;
}

bool listen_has_port(int fd, uint16_t port)
{
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t bytes = sizeof bound;

	if (fd < 0 || getsockname(fd, (struct sockaddr *)&bound, &bytes) == -1) {
		return false;
	}
	return bound.ss_family == AF_INET6
		       ? ((struct sockaddr_in6 *)&bound)->sin6_port == htons(port)
		       : ((struct sockaddr_in *)&bound)->sin_port == htons(port);
}

static void name_of(int fd, char *buffer, size_t buffer_bytes)
{
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t bytes = sizeof bound;
	char ip[INET6_ADDRSTRLEN] = "?";
	unsigned port = 0;

	if (getsockname(fd, (struct sockaddr *)&bound, &bytes) == 0) {
		if (bound.ss_family == AF_INET6) {
			struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&bound;
			inet_ntop(AF_INET6, &in6->sin6_addr, ip, sizeof ip);
			port = ntohs(in6->sin6_port);
		} else {
			struct sockaddr_in *in4 = (struct sockaddr_in *)&bound;
			inet_ntop(AF_INET, &in4->sin_addr, ip, sizeof ip);
			port = ntohs(in4->sin_port);
		}
	}
	snprintf(buffer, buffer_bytes, "%s:%u", ip, port);
}

/* Bound plainly: with SO_REUSEPORT a second node would share the port in silence. Only in a reload
 * a socket shares it, with the one of ours that it takes the place of. */
int listen_tcp_bind(const struct config_address *address, bool shares_port)
{
	struct sockaddr_storage sockaddr;
	socklen_t sockaddr_bytes = sockaddr_of(address, &sockaddr);
	int fd = socket(sockaddr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int yes = 1, saved_errno;

	if (fd < 0) {
		return -1;
	}
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
	listen_share_port(fd, shares_port);
	if (bind(fd, (struct sockaddr *)&sockaddr, sockaddr_bytes) == 0) {
		return fd;
	}
	saved_errno = errno;
	close(fd);
	errno = saved_errno;
	return -1;
}

void listen_share_port(int fd, bool shares_port)
{
	int on = shares_port ? 1 : 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
}

bool listen_tcp_begin(int fd, const char *what)
{
	char name[INET6_ADDRSTRLEN + 8];

	if (listen(fd, LISTEN_BACKLOG) == -1) {
		return false;
	}
	name_of(fd, name, sizeof name);
	log_event(LOG_LISTENER_OPENED, &(struct log_fields){ .path = what, .text = name });
	return true;
}

int listen_tcp(const struct config_address *address, const char *what)
{
	int fd = listen_tcp_bind(address, false);

	if (fd < 0) {
		return refuse(fd, what, "the address cannot be bound; does another node run?");
	}
	return listen_tcp_begin(fd, what) ? fd : refuse(fd, what, "cannot listen");
}

/* Does somebody answer there? Waits a moment for one that is just ending. */
static bool is_taken(const char *path)
{
	const struct timespec moment = { .tv_nsec = 50000000 };
	struct sockaddr_un sockaddr = { .sun_family = AF_UNIX };

	memcpy(sockaddr.sun_path, path, strlen(path) + 1); /* listen_unix saw that it fits */
	for (int i = 0; i < 20; i++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		if (fd < 0) {
			return false;
		}
		int connected = connect(fd, (struct sockaddr *)&sockaddr, sizeof sockaddr);
		bool answers = connected == 0 || errno == EAGAIN;
		close(fd);
		if (!answers) {
			return false;
		}
		(void)nanosleep(&moment, NULL);
	}
	return true;
}

/* Whatever else than a socket stands there is somebody's: a mistyped uds.path costs no file. */
static bool is_free(const char *path)
{
	struct stat status;

	return lstat(path, &status) == -1 ? errno == ENOENT : S_ISSOCK(status.st_mode);
}

static bool temporary_name(const char *path, struct sockaddr_un *ret_sockaddr)
{
	int length = snprintf(ret_sockaddr->sun_path, sizeof ret_sockaddr->sun_path, "%s~", path);

	ret_sockaddr->sun_family = AF_UNIX;
	errno = ENAMETOOLONG;
	return length > 0 && (size_t)length < sizeof ret_sockaddr->sun_path;
}

int listen_unix_bind(const struct listen_unix_plan *plan)
{
	struct sockaddr_un sockaddr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		return refuse(fd, plan->path, "no socket");
	}
	if (!temporary_name(plan->path, &sockaddr)) {
		return refuse(fd, plan->path, "the path of the socket is too long");
	}
	if (!is_free(plan->path) || !is_free(sockaddr.sun_path)) {
		errno = EEXIST;
		return refuse(
			fd, plan->path, "what stands there, or beside it with a ~, is no socket");
	}
	if (!plan->replaces_ours && is_taken(plan->path)) {
		errno = EADDRINUSE;
		return refuse(
			fd, plan->path, "somebody answers on this socket; does another node run?");
	}
	(void)unlink(sockaddr.sun_path);
	mode_t old_mask = umask(0177);
	int bound = bind(fd, (struct sockaddr *)&sockaddr, sizeof sockaddr);
	umask(old_mask);
	if (bound == -1) {
		return refuse(fd, plan->path, "the socket cannot be bound");
	}
	if ((plan->gid != (gid_t)-1 && chown(sockaddr.sun_path, (uid_t)-1, plan->gid) == -1) ||
		chmod(sockaddr.sun_path, plan->mode) == -1) {
		(void)refuse(fd, plan->path, "the socket cannot be given to its group");
		listen_unix_drop(plan->path);
		return -1;
	}
	return fd;
}

void listen_unix_drop(const char *path)
{
	struct sockaddr_un sockaddr;
	int saved_errno = errno;

	if (temporary_name(path, &sockaddr)) {
		(void)unlink(sockaddr.sun_path);
	}
	errno = saved_errno;
}

/* Renamed from a name beside it: nobody ever meets a socket that does not answer, and one that a
 * dead node left behind, or that we had until now, is replaced. */
bool listen_unix_begin(int fd, const char *path)
{
	struct sockaddr_un sockaddr;

	if (!temporary_name(path, &sockaddr) || listen(fd, LISTEN_BACKLOG) == -1 ||
		rename(sockaddr.sun_path, path) == -1) {
		return false;
	}
	log_event(LOG_LISTENER_OPENED, &(struct log_fields){ .path = path });
	return true;
}

int listen_unix(const char *path, unsigned mode, gid_t gid)
{
	struct listen_unix_plan plan = { .path = path, .mode = mode, .gid = gid };
	int fd = listen_unix_bind(&plan);

	if (fd >= 0 && !listen_unix_begin(fd, path)) {
		(void)refuse(fd, path, "cannot listen");
		listen_unix_drop(path);
		return -1;
	}
	return fd;
}

static void leave(int *fd)
{
	if (*fd >= 0) {
		close(*fd);
		*fd = -1;
	}
}

void listen_api_close(struct supervisor *self)
{
	if (self->api_uds_fd >= 0 && !self->uds_is_inherited) {
		(void)unlink(self->config.uds_path);
	}
	leave(&self->api_tcp_fd);
	leave(&self->api_uds_fd);
}
