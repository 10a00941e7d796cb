/* Objects: their bytes on the way to archive and back.
 *
 * GET is a pull (pull.c) of verified chunks. What a client wishes beside the whole (a part of it,
 * or nothing at all when it has it already) is kept with the request, and settled when archive has
 * told how long the object is; then the question is asked without bytes first.
 *
 * PUT goes to archive directly once the prevalidator has let it in: archive says how far the client
 * may be read (PUT_WANT), so that an object of any size takes no memory here. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/object_faults.h"
#include "core/http_range.h"
#include "core/object.h"
#include "services/edge/edge.h"
#include "services/edge/replies_json.h"

struct object_wish {
	bool has_it;                        /* If-None-Match names it */
	struct http_range range;            /* that applies, or the whole */
	char tag[OBJECT_ADDRESS_BYTES + 3]; /* quoted */
	char part[64];                      /* Content-Range */
};

/* --- what is asked --- */

/* The tag is the address without a size. Of what is no address it is never sent. */
static struct slice tag_of(const struct object_wish *wish)
{
	return (struct slice){ (const uint8_t *)wish->tag + 1, OBJECT_ADDRESS_BYTES };
}

bool objects_keep(struct exchange *exchange, const struct http_head *head, struct ask *ask)
{
	struct object_wish *wish;
	struct http_range range;

	if (exchange->route != ROUTE_OBJECT) {
		return true;
	}
	wish = calloc(1, sizeof *wish);
	if (wish == NULL) {
		return false;
	}
	exchange->object = wish;
	if (ask->query.bytes_count >= OBJECT_ADDRESS_BYTES) {
		(void)snprintf(wish->tag, sizeof wish->tag, "\"%.*s\"", (int)OBJECT_ADDRESS_BYTES,
			(const char *)ask->query.bytes);
		range = http_range_parse(head->range);
		wish->has_it = http_range_has_tag(head->if_none_match, tag_of(wish));
		if (exchange->method == HTTP_METHOD_GET &&
			http_range_may_apply(head->if_range, tag_of(wish))) {
			wish->range = range;
		}
	}
	if (wish->has_it || exchange->method == HTTP_METHOD_HEAD ||
		wish->range.form != HTTP_RANGE_WHOLE) {
		ask->offset = OBJECT_OFFSET_NONE;
	}
	return true;
}

void objects_forget(struct exchange *exchange)
{
	free(exchange->object);
	exchange->object = NULL;
}

/* --- what comes back --- */

static bool is_sound(const struct oap_object *msg)
{
	bool has_bytes = msg->bytes.bytes_count > 0;

	if (msg->fault != OBJECT_FAULT_NONE) {
		return msg->fault < OBJECT_FAULT_COUNT && !has_bytes;
	}
	if (msg->total > OBJECT_BYTES_MAX ||
		(msg->content_type.bytes_count > 0 && !object_type_is_valid(msg->content_type))) {
		return false;
	}
	if (msg->offset == OBJECT_OFFSET_NONE || msg->total == 0) {
		return !has_bytes;
	}
	return msg->offset <= msg->total && has_bytes &&
	       msg->bytes.bytes_count <= msg->total - msg->offset;
}

static void refuse(struct exchange *exchange, unsigned fault)
{
	const struct object_fault_row *row = object_faults_row(fault);
	struct refusal refusal = {
		.status = row->status,
		.reason = row->reason,
		.code = row->code,
		.text = { (const uint8_t *)row->text, strlen(row->text) },
	};

	exchange_note_refusal(exchange, row->status, row->reason, row->text);
	exchange_refuse_as(exchange, &refusal, (struct answer){ .status = row->status });
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

#define FIELDS_MAX 3u

static size_t fields_of(const struct object_wish *wish, struct http_reply_field fields[FIELDS_MAX])
{
	size_t count = 0;

	fields[count++] = (struct http_reply_field){ "ETag", slice_of(wish->tag) };
	fields[count++] = (struct http_reply_field){ "Accept-Ranges", slice_of("bytes") };
	if (wish->part[0] != '\0') {
		fields[count++] =
			(struct http_reply_field){ "Content-Range", slice_of(wish->part) };
	}
	return count;
}

static void refuse_range(struct exchange *exchange, uint64_t total)
{
	static const char text[] = "the object has no such part";
	struct object_wish *wish = exchange->object;
	struct http_reply_field fields[FIELDS_MAX];
	struct refusal refusal = { .status = 416, .text = slice_of(text) };
	struct answer answer = { .status = 416, .fields = fields };

	(void)snprintf(wish->part, sizeof wish->part, "bytes */%" PRIu64, total);
	answer.fields_count = fields_of(wish, fields);
	exchange_note_refusal(exchange, 416, REASON_UNKNOWN_KIND, text);
	exchange_refuse_as(exchange, &refusal, answer);
}

/* The head of an HTTP answer, with the bytes that came along, if any. */
static void answer_first(
	struct exchange *exchange, const struct oap_object *msg, uint64_t first, uint64_t count)
{
	struct object_wish *wish = exchange->object;
	char type[OBJECT_TYPE_BYTES_MAX + 1] = "application/octet-stream";
	struct http_reply_field fields[FIELDS_MAX];
	bool is_part = wish->range.form != HTTP_RANGE_WHOLE;
	bool has_content = exchange->method != HTTP_METHOD_HEAD && !wish->has_it;
	struct answer answer = {
		.status = wish->has_it ? 304
			  : is_part    ? 206
				       : 200,
		.content_type = wish->has_it ? NULL : type,
		.cache = READ_CACHE_FOREVER_OWN,
		.total_bytes = count,
		.body = msg->bytes,
		.fields = fields,
	};

	if (msg->content_type.bytes_count > 0) {
		memcpy(type, msg->content_type.bytes, msg->content_type.bytes_count);
		type[msg->content_type.bytes_count] = '\0';
	}
	if (is_part) {
		(void)snprintf(wish->part, sizeof wish->part,
			"bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, first, first + count - 1,
			msg->total);
	}
	answer.fields_count = fields_of(wish, fields);
	exchange_answer_piece(exchange, &answer, true,
		!has_content || pull_begin(exchange, first, count, msg->bytes.bytes_count));
}

static void take_first(struct exchange *exchange, const struct oap_object *msg)
{
	uint64_t first, count;

	if (http_range_resolve(exchange->object->range, msg->total, &first, &count)) {
		answer_first(exchange, msg, first, count);
	} else {
		refuse_range(exchange, msg->total);
	}
}

/* Over OAP what HTTP says in fields comes as an event before the bytes. */
static void tell_manifest(struct exchange *exchange, const struct oap_object *msg)
{
	struct edge *edge = exchange->client->edge;
	struct json_out out = begin_document(edge->scratch);

	put_u64(&out, "size", msg->total);
	json_out_key(&out, "content_type");
	if (msg->content_type.bytes_count > 0) {
		json_out_string(&out, msg->content_type);
	} else {
		json_out_null(&out);
	}
	oap_client_tell(
		exchange, OAP_PUBLIC_OBJ_DATA, (struct slice){ edge->scratch, end_document(&out) });
}

static void take_more(struct exchange *exchange, const struct oap_object *msg)
{
	struct answer answer = {
		.status = 200,
		.oap_verb = OAP_PUBLIC_OBJ_DATA,
		.body = msg->bytes,
	};
	bool is_last = pull_take(exchange, &answer.body);

	exchange_answer_piece(exchange, &answer, false, is_last);
}

static void take_oap(struct exchange *exchange, const struct oap_object *msg)
{
	if (!pull_has_begun(exchange)) {
		tell_manifest(exchange, msg);
		(void)pull_begin(exchange, 0, msg->total, 0);
	}
	take_more(exchange, msg);
}

enum err objects_take(struct exchange *exchange, const struct oap_object *msg)
{
	if (!is_sound(msg)) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_OBJECT) {
		return ERR_CONFLICT;
	}
	if (msg->fault != OBJECT_FAULT_NONE) {
		refuse(exchange, msg->fault);
		return ERR_OK;
	}
	if (pull_has_begun(exchange) && !pull_is_at(exchange, msg->offset)) {
		return ERR_CONFLICT;
	}
	if (exchange->is_oap) {
		take_oap(exchange, msg);
	} else if (pull_has_begun(exchange)) {
		take_more(exchange, msg);
	} else {
		take_first(exchange, msg);
	}
	return ERR_OK;
}

/* --- what was put --- */

static void answer_put(struct exchange *exchange, const struct oap_put_done *msg)
{
	struct edge *edge = exchange->client->edge;
	struct json_out out = begin_document(edge->scratch);
	char id[OBJECT_ADDRESS_BYTES + 1];

	object_address_print(&msg->id, id);
	put_text(&out, "id", id);
	put_u64(&out, "size", msg->size);
	put_u64(&out, "chunks", msg->chunks);
	if (exchange->is_oap) {
		put_bool(&out, "accepted", true);
	}
	exchange_answer(exchange, &(struct answer){
					  .status = 201,
					  .oap_verb = OAP_PUBLIC_OBJ_ACK,
					  .body = { edge->scratch, end_document(&out) },
				  });
}

enum err objects_put_done(struct exchange *exchange, const struct oap_put_done *msg)
{
	if (msg->fault >= OBJECT_FAULT_COUNT || msg->chunks != object_chunk_count(msg->size)) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (exchange->route != ROUTE_OBJECT_PUT) {
		return ERR_CONFLICT;
	}
	if (msg->fault != OBJECT_FAULT_NONE) {
		refuse(exchange, msg->fault);
	} else {
		answer_put(exchange, msg);
	}
	return ERR_OK;
}

/* Archive has the request in hand as long as its client sends. */
enum err objects_put_want(struct exchange *exchange, const struct oap_put_want *msg)
{
	struct client *client;
	struct ticket *ticket;

	if (exchange == NULL) {
		return ERR_OK;
	}
	client = exchange->client;
	if (exchange->route != ROUTE_OBJECT_PUT || client->current != exchange ||
		msg->upto > client->body_bytes || msg->upto <= client->body_upto ||
		(client->input != INPUT_PROCEED && client->input != INPUT_STREAM)) {
		return ERR_CONFLICT;
	}
	ticket = tickets_find(&client->edge->tickets, exchange->ticket);
	ticket->due_mono_ms = (uint64_t)(edge_now_us() + 2 * client->edge->limits.read_us) / 1000 +
			      client->edge->limits.req_timeout_ms + EDGE_GRACE_MS;
	client->body_upto = (uint32_t)msg->upto;
	if (client->input == INPUT_PROCEED) {
		intake_proceed(client);
	}
	client_mark(client);
	return ERR_OK;
}

void objects_drop(const struct exchange *exchange)
{
	struct edge *edge = exchange->client->edge;

	/* an archive that is gone has nothing to drop */
	(void)!oap_send_put_drop(mesh_peer(&edge->worker->mesh, PROCESS_ARCHIVE, 0),
		exchange->ticket, &(struct oap_put_drop){ .why = 1 });
}

bool objects_send(const struct exchange *exchange, uint32_t offset, struct slice bytes)
{
	struct edge *edge = exchange->client->edge;
	struct oap_put_bytes piece = { .offset = offset, .bytes = bytes };

	return bytes.bytes_count == 0 ||
	       oap_send_put_bytes(mesh_peer(&edge->worker->mesh, PROCESS_ARCHIVE, 0),
		       exchange->ticket, &piece) == ERR_OK;
}
