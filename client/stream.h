#ifndef CLIENT_STREAM_H
#define CLIENT_STREAM_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/macronode.h"
#include "common/check.h"
#include "common/slice.h"
#include "proto/frame.h"

/* A connection to a UNIX socket that speaks OAP/1 frames. It waits, with a bound on how long the
 * other end may be silent; or, with `nonblocking` set before it connects, never: what did not go
 * yet goes with the next call, and what is not whole yet is MN_AGAIN. A failure closes it, because
 * what follows in the stream is then anybody's guess, and leaves a sentence. */

#define STREAM_PATH_BYTES_MAX  107u /* sun_path without its NUL */
#define STREAM_ERROR_BYTES_MAX 512u

struct stream {
	int fd; /* -1: not connected */
	int timeout_ms;
	bool nonblocking;
	bool hears_last_word; /* what cannot be sent is dropped: the answer may say why */
	char path[STREAM_PATH_BYTES_MAX + 1];
	char error[STREAM_ERROR_BYTES_MAX];
	uint8_t *payload; /* owned: of the last frame, followed by a zero */
	size_t payload_room;
	uint8_t head[FRAME_HEAD_BYTES]; /* of the frame that is coming in */
	size_t got_bytes;               /* of its head and payload */
	uint8_t *out;                   /* owned: frames on their way, from out_head to out_tail */
	size_t out_room, out_head, out_tail;
};

/* False: the path is too long for a socket. */
MUST_CHECK bool stream_init(struct stream *stream, const char *path, int timeout_ms);
void stream_finish(struct stream *stream);

/* Connects unless it is connected. */
MUST_CHECK enum mn_result stream_connect(struct stream *stream);
void stream_disconnect(struct stream *stream);

/* The payload is the parts, one after another; head->payload_bytes is set here. */
MUST_CHECK enum mn_result stream_send(struct stream *stream, struct frame_head head,
	const struct slice *parts, size_t part_count);

/* Some of what was sent waits for room. */
bool stream_is_full(const struct stream *stream);

/* One frame; its payload stands in stream->payload until the next. */
MUST_CHECK enum mn_result stream_receive(struct stream *stream, struct frame_head *ret_head);

/* Says what is wrong, closes, returns `result`. */
__attribute__((format(printf, 3, 4))) enum mn_result stream_fail(
	struct stream *stream, enum mn_result result, const char *format, ...);

#endif
