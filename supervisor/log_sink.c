#include "supervisor/log_sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct log_sink {
	char *path; /* owned; NULL: stdout */
	int fd;     /* owned unless stdout */
	bool is_socket;
	uint64_t dropped;
	size_t first; /* of the waiting bytes */
	size_t used;
	char ring[LOG_SINK_RING_BYTES];
};

static int open_path(const char *path)
{
	const int flags = O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

	return path == NULL ? STDOUT_FILENO : open(path, flags, 0640);
}

static bool is_socket(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && S_ISSOCK(info.st_mode);
}

enum err log_sink_create(const char *path, struct log_sink **ret_sink)
{
	struct log_sink *sink = calloc(1, sizeof *sink);
	enum err err = ERR_IO;

	if (sink == NULL) {
		goto out;
	}
	sink->fd = -1;
	if (path != NULL) {
		sink->path = strdup(path);
		if (sink->path == NULL) {
			goto out;
		}
	}
	sink->fd = open_path(path);
	if (sink->fd == -1) {
		goto out;
	}
	sink->is_socket = is_socket(sink->fd);
	*ret_sink = sink;
	sink = NULL; /* handed over */
	err = ERR_OK;
out:
	log_sink_destroy(sink);
	return err;
}

void log_sink_destroy(struct log_sink *sink)
{
	int saved_errno = errno;

	if (sink == NULL) {
		return;
	}
	if (sink->fd != -1) {
		(void)log_sink_flush(sink);
	}
	if (sink->path != NULL && sink->fd != -1) {
		(void)close(sink->fd);
	}
	free(sink->path);
	free(sink);
	errno = saved_errno;
}

void log_sink_put(struct log_sink *sink, const char *line, size_t line_bytes)
{
	size_t end = (sink->first + sink->used) % LOG_SINK_RING_BYTES;
	size_t to_edge = LOG_SINK_RING_BYTES - end;

	if (line_bytes > LOG_SINK_RING_BYTES - sink->used) {
		sink->dropped++;
		return;
	}
	if (to_edge > line_bytes) {
		to_edge = line_bytes;
	}
	memcpy(sink->ring + end, line, to_edge);
	memcpy(sink->ring, line + to_edge, line_bytes - to_edge);
	sink->used += line_bytes;
}

/* A terminal or pipe that we share cannot be made non-blocking without changing it for the
 * shell as well. poll() promises room for PIPE_BUF bytes, so that much is written at once;
 * a file is always ready. */
static ssize_t write_some(const struct log_sink *sink, const char *bytes, size_t byte_count)
{
	struct pollfd ready = { .fd = sink->fd, .events = POLLOUT };

	if (sink->is_socket) {
		return send(sink->fd, bytes, byte_count, MSG_DONTWAIT | MSG_NOSIGNAL);
	}
	if (poll(&ready, 1, 0) != 1 || (ready.revents & POLLOUT) == 0) {
		errno = EAGAIN;
		return -1;
	}
	return write(sink->fd, bytes, byte_count > PIPE_BUF ? PIPE_BUF : byte_count);
}

/* Nobody reads any more, or the disk is full: what waits is lost, the next line tries
 * again. To wait for a broken fd would be a loop that never sleeps. */
static void discard(struct log_sink *sink)
{
	for (size_t i = 0; i < sink->used; i++) {
		sink->dropped += sink->ring[(sink->first + i) % LOG_SINK_RING_BYTES] == '\n';
	}
	sink->used = 0;
}

bool log_sink_flush(struct log_sink *sink)
{
	while (sink->used > 0) {
		size_t to_edge = LOG_SINK_RING_BYTES - sink->first;
		size_t byte_count = sink->used < to_edge ? sink->used : to_edge;
		ssize_t written = write_some(sink, sink->ring + sink->first, byte_count);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written < 0 && errno == EAGAIN) {
			return false;
		}
		if (written <= 0) {
			discard(sink);
			return true;
		}
		sink->first = (sink->first + (size_t)written) % LOG_SINK_RING_BYTES;
		sink->used -= (size_t)written;
	}
	return true;
}

int log_sink_fd(const struct log_sink *sink)
{
	return sink->fd;
}

enum err log_sink_reopen(struct log_sink *sink)
{
	int fd;

	if (sink->path == NULL) {
		return ERR_OK;
	}
	fd = open_path(sink->path);
	if (fd == -1) {
		return ERR_IO;
	}
	(void)log_sink_flush(sink); /* what belongs to the old file */
	(void)close(sink->fd);
	sink->fd = fd;
	sink->is_socket = is_socket(fd);
	return ERR_OK;
}

void log_sink_take_over(struct log_sink *sink, struct log_sink *next)
{
	char *path = sink->path;
	int fd = sink->fd;

	(void)log_sink_flush(sink); /* what belongs to the old file */
	sink->path = next->path;
	sink->fd = next->fd;
	sink->is_socket = next->is_socket;
	next->path = path;
	next->fd = fd;
	log_sink_destroy(next);
}

uint64_t log_sink_take_dropped(struct log_sink *sink)
{
	uint64_t dropped = sink->dropped;

	sink->dropped = 0;
	return dropped;
}
