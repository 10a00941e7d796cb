#include "client/stream.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == STREAM_PATH_BYTES_MAX + 1,
	"a path that we accept fits");

bool stream_init(struct stream *stream, const char *path, int timeout_ms)
{
	size_t path_bytes = strlen(path);

	if (path_bytes > STREAM_PATH_BYTES_MAX) {
		return false;
	}
	*stream = (struct stream){ .fd = -1, .timeout_ms = timeout_ms > 0 ? timeout_ms : -1 };
	memcpy(stream->path, path, path_bytes + 1);
	return true;
}

void stream_finish(struct stream *stream)
{
	stream_disconnect(stream);
	free(stream->payload);
	free(stream->out);
	stream->payload = stream->out = NULL;
	stream->payload_room = stream->out_room = 0;
}

void stream_disconnect(struct stream *stream)
{
	if (stream->fd >= 0) {
		(void)close(stream->fd);
		stream->fd = -1;
	}
	stream->got_bytes = 0;
	stream->out_head = stream->out_tail = 0;
}

enum mn_result stream_fail(struct stream *stream, enum mn_result result, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(stream->error, sizeof stream->error, format, args);
	va_end(args);
	stream_disconnect(stream);
	return result;
}

static enum mn_result explain_connect(struct stream *stream, int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return stream_fail(stream, MN_NO_NODE, "%s: no node is listening", stream->path);
	case EACCES:
	case EPERM:
		return stream_fail(
			stream, MN_NO_NODE, "%s: this user may not connect", stream->path);
	default:
		return stream_fail(stream, MN_NO_NODE, "%s: %s", stream->path, strerror(error));
	}
}

/* A UNIX socket connects at once, or when the listener's backlog has room: whoever must not wait
 * for that is told that nobody is there. */
enum mn_result stream_connect(struct stream *stream)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct timeval patience = { stream->timeout_ms / 1000, 0 };
	int flags = SOCK_STREAM | SOCK_CLOEXEC | (stream->nonblocking ? SOCK_NONBLOCK : 0);

	if (stream->fd >= 0) {
		return MN_OK;
	}
	memcpy(address.sun_path, stream->path, sizeof stream->path);
	stream->fd = socket(AF_UNIX, flags, 0);
	if (stream->fd < 0) {
		return stream_fail(stream, MN_NO_NODE, "no socket: %s", strerror(errno));
	}
	if (stream->timeout_ms > 0) { /* also of connect() */
		patience.tv_usec = (stream->timeout_ms % 1000) * 1000;
		(void)setsockopt(stream->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
	}
	if (connect(stream->fd, (struct sockaddr *)&address, sizeof address) == -1) {
		return explain_connect(stream, errno);
	}
	return MN_OK;
}

static bool grow(uint8_t **bytes, size_t *room, size_t needed)
{
	uint8_t *grown;

	if (needed <= *room) {
		return true;
	}
	grown = realloc(*bytes, needed);
	if (grown == NULL) {
		return false;
	}
	*bytes = grown;
	*room = needed;
	return true;
}

bool stream_is_full(const struct stream *stream)
{
	return stream->out_head < stream->out_tail;
}

/* What goes; the rest stays for the next time, of whoever does not wait. */
static enum mn_result flush(struct stream *stream)
{
	while (stream_is_full(stream)) {
		ssize_t sent = send(stream->fd, stream->out + stream->out_head,
			stream->out_tail - stream->out_head, MSG_NOSIGNAL);

		if (sent >= 0) {
			stream->out_head += (size_t)sent;
		} else if (errno == EAGAIN || errno == EWOULDBLOCK) {
			return stream->nonblocking
				       ? MN_OK
				       : stream_fail(stream, MN_TIMEOUT,
						 "%s: the node reads nothing", stream->path);
		} else if (stream->hears_last_word && (errno == EPIPE || errno == ECONNRESET)) {
			break;
		} else if (errno != EINTR) {
			return stream_fail(stream, MN_CLOSED,
				"%s: the node closed the connection: %s", stream->path,
				strerror(errno));
		}
	}
	stream->out_head = stream->out_tail = 0;
	return MN_OK;
}

static void queue(struct stream *stream, const void *bytes, size_t bytes_count)
{
	if (bytes_count > 0) {
		memcpy(stream->out + stream->out_tail, bytes, bytes_count);
		stream->out_tail += bytes_count;
	}
}

enum mn_result stream_send(
	struct stream *stream, struct frame_head head, const struct slice *parts, size_t part_count)
{
	uint8_t bytes[FRAME_HEAD_BYTES];
	size_t left = FRAME_PAYLOAD_BYTES_MAX;

	for (size_t i = 0; i < part_count; i++) {
		if (parts[i].bytes_count > left) {
			return stream_fail(stream, MN_TOO_LARGE,
				"the request is over %u bytes, the most that a frame carries",
				FRAME_PAYLOAD_BYTES_MAX);
		}
		left -= parts[i].bytes_count;
	}
	head.payload_bytes = (uint32_t)(FRAME_PAYLOAD_BYTES_MAX - left);
	frame_encode(&head, bytes);
	if (!grow(&stream->out, &stream->out_room,
		    stream->out_tail + sizeof bytes + head.payload_bytes)) {
		return stream_fail(stream, MN_NO_MEMORY, "no memory for a question");
	}
	queue(stream, bytes, sizeof bytes);
	for (size_t i = 0; i < part_count; i++) {
		queue(stream, parts[i].bytes, parts[i].bytes_count);
	}
	return flush(stream);
}

/* Waits for bytes; the bound is on silence, so an answer that trickles in is still read. */
static enum mn_result await(struct stream *stream)
{
	struct pollfd wanted = { .fd = stream->fd, .events = POLLIN };

	for (;;) {
		int ready = poll(&wanted, 1, stream->timeout_ms);

		if (ready > 0) {
			return MN_OK;
		}
		if (ready == 0) {
			return stream_fail(stream, MN_TIMEOUT,
				"%s: the node did not answer within %d ms", stream->path,
				stream->timeout_ms);
		}
		if (errno != EINTR) {
			return stream_fail(stream, MN_CLOSED, "poll: %s", strerror(errno));
		}
	}
}

/* Into `bytes`, which begin at `from` of the frame, until its first `until` bytes are there. */
static enum mn_result receive_until(
	struct stream *stream, uint8_t *bytes, size_t from, size_t until)
{
	while (stream->got_bytes < until) {
		enum mn_result result = stream->nonblocking ? MN_OK : await(stream);
		ssize_t got;

		if (result != MN_OK) {
			return result;
		}
		got = recv(stream->fd, bytes + (stream->got_bytes - from),
			until - stream->got_bytes, 0);
		if (got > 0) {
			stream->got_bytes += (size_t)got;
		} else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			return MN_AGAIN; /* only of a socket that does not wait */
		} else if (got == 0 || errno != EINTR) {
			return stream_fail(stream, MN_CLOSED,
				"%s: the node closed the connection without an answer",
				stream->path);
		}
	}
	return MN_OK;
}

enum mn_result stream_receive(struct stream *stream, struct frame_head *ret_head)
{
	struct frame_head head;
	enum frame_verdict verdict;
	enum mn_result result = flush(stream);

	if (result == MN_OK) {
		result = receive_until(stream, stream->head, 0, FRAME_HEAD_BYTES);
	}
	if (result != MN_OK) {
		return result;
	}
	verdict = frame_decode((struct slice){ stream->head, FRAME_HEAD_BYTES }, &head);
	if (verdict != FRAME_OK) {
		return stream_fail(stream, MN_PROTOCOL, "%s: what answers speaks no OAP/1 (%s)",
			stream->path, frame_verdict_name(verdict));
	}
	if (!grow(&stream->payload, &stream->payload_room, (size_t)head.payload_bytes + 1)) {
		return stream_fail(stream, MN_NO_MEMORY, "no memory for an answer");
	}
	result = receive_until(stream, stream->payload, FRAME_HEAD_BYTES,
		FRAME_HEAD_BYTES + (size_t)head.payload_bytes);
	if (result != MN_OK) {
		return result;
	}
	stream->payload[head.payload_bytes] = '\0';
	stream->got_bytes = 0;
	*ret_head = head;
	return MN_OK;
}
