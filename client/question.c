/* One question and its answer, whatever is asked. */
#include "client/question.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "core/bytes.h"

/* No answer of a node comes near; one that does is not worth our memory. */
#define ANSWER_BYTES_MAX (16u * 1024u * 1024u)

/* An error is the only body that begins so: JSON of ours has no blanks, and of what is no JSON
 * records begin with small numbers, and hashes are no text. */
#define ERROR_BEGIN "{\"error\":"

/* And of those under /v1 so. */
#define API_ERROR_BEGIN "{\"code\":"

enum mn_result question_keep(struct mn_client *client, size_t bytes_count)
{
	size_t needed = client->answer_bytes + bytes_count + 1;

	if (needed > ANSWER_BYTES_MAX) {
		return stream_fail(&client->stream, MN_TOO_LARGE, "the answer has no end");
	}
	if (needed > client->answer_room) {
		size_t room = needed * 2;
		char *grown = realloc(client->answer, room);
		if (grown == NULL) {
			return stream_fail(
				&client->stream, MN_NO_MEMORY, "no memory for the answer");
		}
		client->answer = grown;
		client->answer_room = room;
	}
	memcpy(client->answer + client->answer_bytes, client->stream.payload, bytes_count);
	client->answer_bytes += bytes_count;
	client->answer[client->answer_bytes] = '\0';
	return MN_OK;
}

/* Of an earlier question the answer may still come: nobody waits for it any more. */
enum mn_result question_ask(struct mn_client *client, uint16_t verb, uint16_t flags,
	const struct slice *parts, size_t part_count)
{
	struct frame_head head = { .flags = flags, .verb = verb, .corr_id = ++client->corr_id };
	enum mn_result result;

	if (client->verb != 0) {
		stream_disconnect(&client->stream);
	}
	client->verb = 0;
	client->events = 0;
	client->progress = NULL;
	client->answer_bytes = 0;
	client->stream.error[0] = '\0';
	result = stream_connect(&client->stream);
	if (result == MN_OK) {
		result = stream_send(&client->stream, head, parts, part_count);
	}
	if (result == MN_OK) {
		client->verb = verb;
	}
	return result;
}

/* Some have a verb of their own for what is good. */
static uint16_t answer_of(uint16_t verb)
{
	switch (verb) {
	case VERB_HEALTH_PING:
		return VERB_HEALTH_PONG;
	case VERB_OBJ_GET:
		return VERB_OBJ_DATA;
	case VERB_OBJ_PUT:
		return VERB_OBJ_ACK;
	default:
		return verb;
	}
}

/* The next frame that belongs to our question. */
enum mn_result question_next_frame(struct mn_client *client, struct frame_head *ret_head)
{
	uint16_t verb = client->verb;
	uint16_t expected = answer_of(verb);
	enum mn_result result = stream_receive(&client->stream, ret_head);

	if (result != MN_OK) {
		return result;
	}
	if ((ret_head->flags & (FRAME_RESP | FRAME_EVENT)) == 0 ||
		ret_head->corr_id != client->corr_id ||
		(ret_head->verb != expected && ret_head->verb != verb)) {
		return stream_fail(&client->stream, MN_PROTOCOL,
			"%s: a frame came that answers nothing that was asked",
			client->stream.path);
	}
	return MN_OK;
}

bool question_is_last(const struct frame_head *head)
{
	return (head->flags & FRAME_CONT) == 0 || (head->flags & FRAME_END) != 0;
}

/* The sentence of an error document stays JSON: whoever wants its parts reads the answer. */
enum mn_result question_judge(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ client->answer, client->answer_bytes };
	if (strncmp(client->answer, ERROR_BEGIN, strlen(ERROR_BEGIN)) != 0 &&
		strncmp(client->answer, API_ERROR_BEGIN, strlen(API_ERROR_BEGIN)) != 0) {
		return MN_OK;
	}
	(void)snprintf(client->stream.error, sizeof client->stream.error, "the node refused: %s",
		client->answer);
	return MN_REFUSED;
}

static enum mn_result take_event(struct mn_client *client, const struct frame_head *head)
{
	const char *json = (const char *)client->stream.payload;

	client->events++;
	if (client->progress != NULL &&
		client->progress(client->context, json, head->payload_bytes) == 0) {
		return stream_fail(&client->stream, MN_CLOSED, "given up by the caller");
	}
	return MN_OK;
}

/* One frame after another until the answer is whole, or nothing more is there. */
enum mn_result question_collect(struct mn_client *client, struct mn_answer *ret_answer)
{
	struct frame_head head = { 0 };
	enum mn_result result = MN_OK;

	*ret_answer = (struct mn_answer){ "", 0 };
	while (result == MN_OK) {
		result = question_next_frame(client, &head);
		if (result == MN_OK && (head.flags & FRAME_RESP) == 0) {
			result = take_event(client, &head);
			continue;
		}
		if (result == MN_OK) {
			result = question_keep(client, head.payload_bytes);
		}
		if (result == MN_OK && question_is_last(&head)) {
			client->verb = 0;
			return question_judge(client, ret_answer);
		}
	}
	if (result != MN_AGAIN) {
		client->verb = 0;
	}
	return result;
}

enum mn_result question_call(struct mn_client *client, uint16_t verb, const struct slice *parts,
	size_t part_count, struct mn_answer *ret_answer)
{
	enum mn_result result = question_ask(client, verb, FRAME_REQ, parts, part_count);

	*ret_answer = (struct mn_answer){ "", 0 };
	if (result != MN_OK) {
		return result;
	}
	return client->stream.nonblocking ? MN_AGAIN : question_collect(client, ret_answer);
}

/* u16 length, token, then what the route takes. False: no token of ours is that long. */
bool question_token(const char *token, uint8_t ret_length[2], struct slice ret_parts[2])
{
	size_t bytes_count = strlen(token);
	struct byte_writer out = byte_writer_of(ret_length, 2);

	if (bytes_count > TOKEN_BYTES_MAX) {
		return false;
	}
	byte_put_u16(&out, (uint16_t)bytes_count);
	ret_parts[0] = (struct slice){ ret_length, 2 };
	ret_parts[1] = (struct slice){ (const uint8_t *)token, bytes_count };
	return true;
}

enum mn_result question_refuse_token(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ "", 0 };
	(void)snprintf(client->stream.error, sizeof client->stream.error,
		"the token is over %u bytes", TOKEN_BYTES_MAX);
	return MN_TOO_LARGE;
}
