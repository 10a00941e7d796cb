#include "common/peer_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BYTES_FIRST 65536u

bool peer_queue_init(struct peer_queue *queue)
{
	*queue = (struct peer_queue){ .bytes = malloc(BYTES_FIRST), .capacity = BYTES_FIRST };
	return queue->bytes != NULL;
}

void peer_queue_finish(struct peer_queue *queue)
{
	for (size_t i = 0; i < queue->fds_count; i++) {
		close(queue->fds[i].fd);
	}
	free(queue->bytes);
	*queue = (struct peer_queue){ 0 };
}

bool peer_queue_is_empty(const struct peer_queue *queue)
{
	return queue->head == queue->tail;
}

/* What is waiting moves to the front; the buffer doubles while more than half of it would be
 * waiting, so that each byte is moved at most once for each that left. */
uint8_t *peer_queue_reserve(struct peer_queue *queue, size_t bytes_count)
{
	size_t waiting = queue->tail - queue->head;
	size_t capacity = queue->capacity;

	if (bytes_count <= queue->capacity - queue->tail) {
		return queue->bytes + queue->tail;
	}
	if (waiting + bytes_count > PEER_QUEUE_BYTES_MAX) {
		return NULL;
	}
	while (capacity / 2 < waiting + bytes_count && capacity < PEER_QUEUE_BYTES_MAX) {
		capacity *= 2;
	}
	if (capacity != queue->capacity) {
		uint8_t *grown = realloc(queue->bytes, capacity);
		if (grown == NULL) {
			return NULL;
		}
		queue->bytes = grown;
		queue->capacity = capacity;
	}
	memmove(queue->bytes, queue->bytes + queue->head, waiting);
	queue->head = 0;
	queue->tail = waiting;
	return queue->bytes + queue->tail;
}

void peer_queue_add(struct peer_queue *queue, size_t bytes_count)
{
	assert(bytes_count <= queue->capacity - queue->tail);
	queue->tail += bytes_count;
}

bool peer_queue_attach(struct peer_queue *queue, int fd)
{
	if (queue->fds_count == PEER_FDS_MAX) {
		return false;
	}
	queue->fds[queue->fds_count++] = (struct peer_queue_fd){
		.at = queue->position + (queue->tail - queue->head),
		.fd = fd,
	};
	return true;
}

/* The fd whose frame starts at the head, or -1; *ret_limit is how far this write may go, because
 * the kernel gives an fd to the whole of a write. */
static int fd_at_head(const struct peer_queue *queue, size_t *ret_limit)
{
	size_t next = 0;
	int fd = -1;

	*ret_limit = queue->tail - queue->head;
	if (queue->fds_count > 0 && queue->fds[0].at == queue->position) {
		fd = queue->fds[0].fd;
		next = 1;
	}
	if (next < queue->fds_count && queue->fds[next].at - queue->position < *ret_limit) {
		*ret_limit = (size_t)(queue->fds[next].at - queue->position);
	}
	return fd;
}

static ssize_t send_some(int socket, uint8_t *bytes, size_t bytes_count, int fd)
{
	struct iovec part = { .iov_base = bytes, .iov_len = bytes_count };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	union {
		struct cmsghdr head;
		uint8_t bytes[CMSG_SPACE(sizeof(int))];
	} control;

	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		message.msg_control = &control;
		message.msg_controllen = sizeof control.bytes;
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
	}
	return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* It went with the first byte, however few were taken. */
static void drop_first_fd(struct peer_queue *queue)
{
	close(queue->fds[0].fd);
	queue->fds_count--;
	memmove(&queue->fds[0], &queue->fds[1], queue->fds_count * sizeof queue->fds[0]);
}

enum peer_queue_state peer_queue_write(struct peer_queue *queue, int socket)
{
	enum peer_queue_state state = PEER_QUEUE_EMPTY;

	while (queue->head < queue->tail) {
		size_t limit;
		int fd = fd_at_head(queue, &limit);
		ssize_t sent = send_some(socket, queue->bytes + queue->head, limit, fd);

		if (sent < 0) {
			if (errno == EINTR) {
				continue;
			}
			if (errno == EAGAIN || errno == EWOULDBLOCK) {
				return PEER_QUEUE_BLOCKED;
			}
			state = PEER_QUEUE_BROKEN;
			break;
		}
		if (fd >= 0) {
			drop_first_fd(queue);
		}
		queue->head += (size_t)sent;
		queue->position += (uint64_t)sent;
	}
	queue->position += queue->tail - queue->head;
	queue->head = 0;
	queue->tail = 0;
	return state;
}
