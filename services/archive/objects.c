/* Reading objects. An edge asks for piece after piece as its client takes them; each is a chunk or
 * the rest of one, and verified by the chunk's id before it goes out. Those that were read last
 * stay open, so that a piece costs one read and one hash. */
#include "services/archive/archive.h"

#include "common/log.h"
#include "common/metrics.h"
#include "common/object_faults.h"

_Static_assert(OBJECT_CHUNK_BYTES <= VERB_REPLY_BYTES_MAX, "a chunk fits one reply");
_Static_assert(OBJECT_TYPE_BYTES_MAX <= VERB_TYPE_BYTES_MAX, "");
_Static_assert(OBJECT_BYTES_MAX == CONFIG_OBJECT_BYTES_MAX, "");

static size_t find_open(const struct objects *objects, const struct hash *id)
{
	size_t i = 0;

	while (i < OBJECTS_OPEN_MAX &&
		(objects->ages[i] == 0 || memcmp(&objects->open[i].id, id, sizeof *id) != 0)) {
		i++;
	}
	return i;
}

static size_t find_eldest(const struct objects *objects)
{
	size_t eldest = 0;

	for (size_t i = 1; i < OBJECTS_OPEN_MAX; i++) {
		if (objects->ages[i] < objects->ages[eldest]) {
			eldest = i;
		}
	}
	return eldest;
}

static void close_at(struct objects *objects, size_t at)
{
	if (objects->ages[at] != 0) {
		shelf_release(&objects->open[at]);
		objects->ages[at] = 0;
	}
}

void objects_forget(struct archive *self, const struct hash *id)
{
	size_t at = find_open(&self->objects, id);

	if (at < OBJECTS_OPEN_MAX) {
		close_at(&self->objects, at);
	}
}

static enum err open_object(
	struct archive *self, const struct hash *id, const struct shelf_object **ret_object)
{
	struct objects *objects = &self->objects;
	size_t at = find_open(objects, id);
	struct shelf_object object;
	enum err err;

	if (at == OBJECTS_OPEN_MAX) {
		err = shelf_find(&self->shelf, id, &object);
		if (err != ERR_OK) {
			return err;
		}
		at = find_eldest(objects);
		close_at(objects, at);
		objects->open[at] = object;
	}
	objects->ages[at] = ++objects->age;
	*ret_object = &objects->open[at];
	return ERR_OK;
}

static enum object_fault fault_of(struct archive *self, enum err err, const struct hash *id)
{
	if (err == ERR_OK) {
		return OBJECT_FAULT_NONE;
	}
	if (err == ERR_NOT_FOUND) {
		return OBJECT_FAULT_NOT_THERE;
	}
	objects_forget(self, id); /* it may be mended meanwhile */
	log_event(LOG_OBJECT_DAMAGED, &(struct log_fields){ .object = id, .fault = err });
	if (err == ERR_CORRUPT) {
		metrics_inc(METRIC_INTEGRITY_FAIL, METRIC_PLAIN);
		return OBJECT_FAULT_DAMAGED;
	}
	return OBJECT_FAULT_IO;
}

/* What is asked for; bytes are of the archive's page. */
static enum object_fault read_piece(
	struct archive *self, const struct oap_read_object *msg, struct oap_object *reply)
{
	const struct shelf_object *object = NULL;
	enum err err = open_object(self, &msg->id, &object);

	if (err != ERR_OK) {
		return fault_of(self, err, &msg->id);
	}
	if (msg->has_size && msg->size != object->size) {
		return OBJECT_FAULT_NOT_THERE; /* nothing of that size has this id */
	}
	reply->total = object->size;
	reply->content_type = (struct slice){ object->type, object->type_bytes };
	if (msg->offset >= object->size) { /* its description, or an empty one */
		return OBJECT_FAULT_NONE;
	}
	return fault_of(self, shelf_read(object, msg->offset, self->page, &reply->bytes), &msg->id);
}

static enum object_fault judge(struct archive *self, enum err opened, const struct grant *grant)
{
	static const struct slice none = { NULL, 0 };

	if (opened == ERR_STALE) {
		return OBJECT_FAULT_STALE;
	}
	if (!archive_may(grant, CAVEAT_ACTION_OBJECT_GET, none, none)) {
		return OBJECT_FAULT_NOT_ALLOWED;
	}
	return self->shelf.dir_fd == -1 ? OBJECT_FAULT_IO : OBJECT_FAULT_NONE;
}

enum err objects_answer(
	struct archive *self, const struct oap_from *from, const struct oap_read_object *msg)
{
	struct oap_object reply = { .offset = msg->offset };
	struct grant grant;
	enum err err = grant_keys_open(&self->keys, msg->grant, &grant);

	if ((err != ERR_OK && err != ERR_STALE) || msg->has_size > 1) {
		return err != ERR_OK ? err : ERR_MALFORMED;
	}
	reply.fault = (uint8_t)judge(self, err, &grant);
	if (reply.fault == OBJECT_FAULT_NONE) {
		reply.fault = (uint8_t)read_piece(self, msg, &reply);
	}
	if (reply.fault != OBJECT_FAULT_NONE) {
		reply = (struct oap_object){ .fault = reply.fault };
	}
	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_object(
		archive_edge(self, msg->edge_process, msg->edge_instance, msg->edge_generation),
		from->corr_id, &reply);
	return ERR_OK;
}

/* --- for the rewarder --- */

enum err objects_fetch(
	struct archive *self, const struct oap_from *from, const struct oap_fetch_object *msg)
{
	const struct oap_read_object question = { .id = msg->id, .offset = msg->offset };
	struct oap_object found = { .offset = msg->offset };
	struct oap_object_piece piece = { .offset = msg->offset };

	piece.fault = self->shelf.dir_fd == -1 ? (uint8_t)OBJECT_FAULT_IO
					       : (uint8_t)read_piece(self, &question, &found);
	if (piece.fault == OBJECT_FAULT_NONE) {
		piece.total = found.total;
		piece.bytes = found.bytes;
	}
	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_object_piece(
		mesh_peer_of(&self->worker->mesh, from->process, from->instance, from->generation),
		from->corr_id, &piece);
	return ERR_OK;
}
