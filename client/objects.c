/* mn_object_put and mn_object_get: streams of frames, one way and the other. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "client/members.h"
#include "client/question.h"
#include "core/blake3.h"
#include "core/bytes.h"
#include "core/object.h"

/* --- put --- */

/* As much of it as fits, so that a source may bring little at a time. */
static bool fill(mn_source *source, void *context, uint8_t *bytes, size_t bytes_count)
{
	size_t got = 0;

	while (got < bytes_count) {
		long more = source(context, bytes + got, bytes_count - got);

		if (more <= 0 || (size_t)more > bytes_count - got) {
			return false;
		}
		got += (size_t)more;
	}
	return true;
}

static bool has_answer(const struct mn_client *client)
{
	struct pollfd wanted = { .fd = client->stream.fd, .events = POLLIN };

	return poll(&wanted, 1, 0) > 0;
}

/* The frames behind the first. A node that answers before the last wants no more of them. */
static enum mn_result send_rest(
	struct mn_client *client, uint64_t left, mn_source *source, void *context)
{
	struct frame_head head = { .verb = VERB_OBJ_PUT, .corr_id = client->corr_id };
	uint8_t bytes[FRAME_CHUNK_BYTES_MAX];
	enum mn_result result = MN_OK;

	while (result == MN_OK && left > 0 && !has_answer(client)) {
		struct slice part = { bytes, left < sizeof bytes ? (size_t)left : sizeof bytes };

		if (!fill(source, context, bytes, part.bytes_count)) {
			return stream_fail(
				&client->stream, MN_CLOSED, "the object ended before its size");
		}
		left -= part.bytes_count;
		head.flags = FRAME_REQ | (left == 0 ? FRAME_END : FRAME_CONT);
		result = stream_send(&client->stream, head, &part, 1);
	}
	return result;
}

static enum mn_result put(struct mn_client *client, const struct slice *parts, size_t part_count,
	uint64_t left, mn_source *source, void *context)
{
	uint16_t flags = FRAME_REQ | (left == 0 ? FRAME_END : FRAME_CONT);
	enum mn_result result = question_ask(client, VERB_OBJ_PUT, flags, parts, part_count);

	if (result == MN_OK) {
		client->stream.hears_last_word = true;
		result = send_rest(client, left, source, context);
		client->stream.hears_last_word = false;
	}
	if (result != MN_OK) {
		client->verb = 0;
	}
	return result;
}

enum mn_result mn_object_put(struct mn_client *client, const char *token, const char *content_type,
	uint64_t size, mn_source *source, void *context, struct mn_answer *ret_answer)
{
	const char *type = content_type == NULL ? "" : content_type;
	uint8_t length[2], fixed[10], bytes[FRAME_CHUNK_BYTES_MAX];
	struct byte_writer out = byte_writer_of(fixed, sizeof fixed);
	size_t first = size < sizeof bytes ? (size_t)size : sizeof bytes;
	struct slice parts[5];
	enum mn_result result;

	*ret_answer = (struct mn_answer){ "", 0 };
	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	if (size > OBJECT_BYTES_MAX || strlen(type) > OBJECT_TYPE_BYTES_MAX) {
		return stream_fail(&client->stream, MN_TOO_LARGE,
			"an object has at most 1 GiB, and a content type 127 bytes");
	}
	if (!fill(source, context, bytes, first)) {
		return stream_fail(&client->stream, MN_CLOSED, "the object ended before its size");
	}
	byte_put_u64(&out, size);
	byte_put_u16(&out, (uint16_t)strlen(type));
	parts[2] = (struct slice){ fixed, out.used };
	parts[3] = (struct slice){ (const uint8_t *)type, strlen(type) };
	parts[4] = (struct slice){ bytes, first };
	result = put(client, parts, 5, size - first, source, context);
	return result == MN_OK ? question_collect(client, ret_answer) : result;
}

/* --- get --- */

struct getting {
	mn_sink *sink;
	void *context;
	struct blake3 hash;
	uint64_t got_bytes;
	bool is_described;
	struct mn_object *object;
};

static void describe(struct mn_client *client, size_t bytes_count, struct getting *getting)
{
	struct slice json = { client->stream.payload, bytes_count };

	getting->is_described = members_u64(json, "size", &getting->object->size);
	(void)!members_text(json, "content_type", getting->object->content_type,
		sizeof getting->object->content_type);
}

static enum mn_result take_bytes(
	struct mn_client *client, size_t bytes_count, struct getting *getting)
{
	blake3_add(&getting->hash, client->stream.payload, bytes_count);
	getting->got_bytes += bytes_count;
	if (bytes_count > 0 &&
		getting->sink(getting->context, client->stream.payload, bytes_count) == 0) {
		return stream_fail(&client->stream, MN_CLOSED, "given up by the caller");
	}
	return MN_OK;
}

/* Frame after frame until the last. */
static enum mn_result receive(
	struct mn_client *client, struct getting *getting, struct mn_answer *ret_answer)
{
	struct frame_head head = { 0 };
	enum mn_result result = MN_OK;

	do {
		result = question_next_frame(client, &head);
		if (result == MN_OK && head.verb != VERB_OBJ_DATA) {
			result = question_keep(client, head.payload_bytes);
		} else if (result == MN_OK && (head.flags & FRAME_RESP) == 0) {
			describe(client, head.payload_bytes, getting);
		} else if (result == MN_OK) {
			result = take_bytes(client, head.payload_bytes, getting);
		}
	} while (result == MN_OK && ((head.flags & FRAME_RESP) == 0 || !question_is_last(&head)));
	client->verb = 0;
	if (result == MN_OK && head.verb != VERB_OBJ_DATA) {
		return question_judge(client, ret_answer);
	}
	return result;
}

static enum mn_result check(struct mn_client *client, const struct getting *getting,
	const struct object_address *address)
{
	struct hash id;

	blake3_finish(&getting->hash, &id);
	if (!getting->is_described || getting->got_bytes != getting->object->size ||
		memcmp(&id, &address->id, sizeof id) != 0) {
		return stream_fail(
			&client->stream, MN_PROTOCOL, "what came is not what the address says");
	}
	return MN_OK;
}

enum mn_result mn_object_get(struct mn_client *client, const char *token, const char *address,
	mn_sink *sink, void *context, struct mn_object *ret_object, struct mn_answer *ret_answer)
{
	struct getting getting = { .sink = sink, .context = context, .object = ret_object };
	struct slice text = { (const uint8_t *)address, strlen(address) };
	struct object_address parsed;
	uint8_t length[2];
	struct slice parts[3];
	enum mn_result result;

	*ret_answer = (struct mn_answer){ "", 0 };
	*ret_object = (struct mn_object){ .size = 0 };
	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	if (object_address_parse(text, &parsed) != ERR_OK) {
		return stream_fail(&client->stream, MN_TOO_LARGE,
			"an address is b3: and 64 lower-case hex digits, then nothing or @ and the "
			"size");
	}
	blake3_start(&getting.hash);
	parts[2] = text;
	result = question_ask(client, VERB_OBJ_GET, FRAME_REQ, parts, 3);
	if (result == MN_OK) {
		result = receive(client, &getting, ret_answer);
	}
	return result == MN_OK ? check(client, &getting, &parsed) : result;
}
