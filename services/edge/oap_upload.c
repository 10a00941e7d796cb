/* An object that a local client puts in a stream of OBJ_PUT frames (oap_request.h): the first was a
 * request like others; those behind it bring bytes and nothing else. */
#include <string.h>

#include "services/edge/edge.h"

static bool refuse(struct client *client, const char *code, const char *text)
{
	struct exchange *exchange = client->current;
	struct refusal refusal = {
		.status = 400,
		.reason = REASON_UNKNOWN_KIND,
		.code = code,
		.text = { (const uint8_t *)text, strlen(text) },
	};

	exchange->close = true;
	exchange_note_refusal(exchange, 400, REASON_UNKNOWN_KIND, text);
	dispatch_abandon(exchange);
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = 400 });
	return true;
}

/* The next frame goes on where the last one ended, and the last one ends the object. */
static bool next_frame(struct client *client)
{
	struct slice bytes = { client->in + client->in_head, client->in_tail - client->in_head };
	uint32_t left = client->body_bytes - client->body_sent;
	struct frame_head head = { 0 };
	enum frame_verdict verdict = frame_decode(bytes, &head);

	if (verdict == FRAME_SHORT) {
		return false;
	}
	if (verdict != FRAME_OK || head.verb != OAP_PUBLIC_OBJ_PUT || head.tenant_id != 0 ||
		head.corr_id != client->current->oap_corr_id ||
		(head.flags != (FRAME_REQ | FRAME_CONT) && head.flags != (FRAME_REQ | FRAME_END))) {
		return refuse(client, "BadRequest",
			"an object goes on in frames of its verb and corr_id with REQ and CONT or "
			"END");
	}
	if (head.payload_bytes > FRAME_CHUNK_BYTES_MAX) {
		return refuse(client, "ChunkTooLarge", "a frame of a stream has at most 64 KiB");
	}
	if (!oap_upload_fits(left, head.payload_bytes, (head.flags & FRAME_END) != 0)) {
		return refuse(client, "BadRequest",
			"the frame with END is the one that makes the object as long as it said");
	}
	client->in_head += FRAME_HEAD_BYTES;
	client->frame_left = head.payload_bytes;
	client->frame_is_last = (head.flags & FRAME_END) != 0;
	return true;
}

bool oap_upload_fits(uint64_t left, uint64_t payload_bytes, bool is_last)
{
	return is_last ? payload_bytes == left : payload_bytes > 0 && payload_bytes < left;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

bool oap_upload_step(struct client *client)
{
	size_t there = client->in_tail - client->in_head;
	size_t count =
		least(there, least(client->frame_left, client->body_upto - client->body_sent));

	if (client->frame_left == 0) {
		return next_frame(client);
	}
	if (count == 0) {
		return false;
	}
	if (!objects_send(client->current, client->body_sent,
		    (struct slice){ client->in + client->in_head, count })) {
		return false; /* its end is told by the link */
	}
	client->in_head += count;
	client->frame_left -= (uint32_t)count;
	client->body_sent += (uint32_t)count;
	client->input_due_us = edge_now_us() + client->edge->limits.read_us;
	intake_passed(client);
	return true;
}
