/* Putting objects: the prevalidator says who may and how much, the edge brings the bytes, at most
 * OBJECT_WINDOW_BYTES beyond those that are written, and what was taken in whole is answered when
 * it is on disk. Of one that is given up nothing is left. */
#include "services/archive/archive.h"

#include <stdlib.h>

#include "common/degraded.h"
#include "common/log.h"
#include "common/metrics.h"
#include "common/object_faults.h"

/* An edge that lost its client says so; this is for the word that was lost with the order. */
#define IDLE_MS 60000u

#define SWEEP_S 1.0

/* Entries of the directory that are looked at in one turn: some 5 ms. */
#define COUNT_ENTRIES 256u

/* --- whether they can be written --- */

const char *uploads_text(const struct archive *self)
{
	return self->uploads.is_unwritable ? degraded_name(DEGRADED_OBJECTS) : "";
}

static void note_writable(struct archive *self, enum err err)
{
	bool is_unwritable = err == ERR_NO_SPACE || err == ERR_IO;

	if (is_unwritable == self->uploads.is_unwritable) {
		return;
	}
	self->uploads.is_unwritable = is_unwritable;
	metrics_set(METRIC_OBJECTS_UNWRITABLE, METRIC_PLAIN, is_unwritable);
	log_event(is_unwritable ? LOG_OBJECTS_UNWRITABLE : LOG_OBJECTS_WRITABLE,
		&(struct log_fields){ .fault = err });
	if (self->worker->phase == PHASE_SERVING) {
		worker_report(self->worker, PHASE_SERVING, self->size, 0, &self->root,
			uploads_text(self));
	}
}

static void show_shelf(const struct archive *self)
{
	metrics_set(METRIC_OBJECTS, METRIC_PLAIN, self->shelf.object_count);
	metrics_set(METRIC_OBJECT_BYTES, METRIC_PLAIN, self->shelf.used_bytes);
}

/* --- their end --- */

static void answer(struct archive *self, const struct read_route *route, uint64_t ticket,
	const struct oap_put_done *done)
{
	(void)!oap_send_put_done(archive_edge(self, route->edge_process, route->edge_instance,
					 route->edge_generation),
		ticket, done);
}

static void refuse(struct archive *self, const struct read_route *route, uint64_t ticket,
	enum object_fault fault)
{
	answer(self, route, ticket, &(struct oap_put_done){ .fault = (uint8_t)fault });
}

static void end(struct archive *self, struct upload *upload)
{
	shelf_drop(&self->shelf, &upload->temp);
	free(upload->chunk_ids);
	*upload = (struct upload){ .temp = { .fd = -1 } };
	show_shelf(self);
}

static enum object_fault fault_of(enum err err)
{
	switch (err) {
	case ERR_OK:
		return OBJECT_FAULT_NONE;
	case ERR_CONFLICT:
		return OBJECT_FAULT_CONFLICT;
	case ERR_BUSY:
		return OBJECT_FAULT_QUOTA;
	case ERR_NO_SPACE:
		return OBJECT_FAULT_NO_SPACE;
	case ERR_MALFORMED:
	case ERR_TOO_LARGE:
	case ERR_NOT_ROUTED:
	case ERR_NOT_FOUND:
	case ERR_STALE:
	case ERR_DENIED:
	case ERR_CORRUPT:
	case ERR_IO:
	case ERR_UNKNOWN:
		break;
	}
	return OBJECT_FAULT_IO;
}

static void fail(struct archive *self, struct upload *upload, enum err err)
{
	refuse(self, &upload->route, upload->ticket, fault_of(err));
	end(self, upload);
}

static void finish(struct archive *self, struct upload *upload)
{
	struct manifest manifest = { .size = upload->size };
	struct oap_put_done done = { .size = upload->size };
	enum err err;

	if (upload->type_bytes > 0) {
		manifest.content_type = (struct slice){ upload->type, upload->type_bytes };
	}
	blake3_finish(&upload->whole, &manifest.id);
	err = shelf_commit(&self->shelf, &upload->temp, &manifest, upload->chunk_ids);
	if (err != ERR_CONFLICT) {
		note_writable(self, err);
	}
	if (err != ERR_OK) {
		fail(self, upload, err);
		return;
	}
	objects_forget(self, &manifest.id);
	metrics_inc(METRIC_OBJECT_PUTS, METRIC_PLAIN);
	log_event(LOG_OBJECT_STORED,
		&(struct log_fields){
			.object = &manifest.id, .ticket = upload->ticket, .size = upload->size });
	done.id = manifest.id;
	done.chunks = object_chunk_count(upload->size);
	answer(self, &upload->route, upload->ticket, &done);
	end(self, upload);
}

/* --- their beginning --- */

static bool may_put(const struct grant *grant, uint64_t size)
{
	static const struct slice none = { NULL, 0 };
	const struct caveat_request request = { .body_bytes = size, .has_body_bytes = true };

	return archive_may(grant, CAVEAT_ACTION_OBJECT_PUT, none, none) &&
	       caveat_set_check_request(&grant->caveats, 1u << CAVEAT_MAX_BYTES, &request).result ==
		       CAVEAT_HOLDS;
}

static enum object_fault judge(struct archive *self, enum err opened, const struct grant *grant,
	const struct oap_put_object *msg)
{
	if (opened == ERR_STALE) {
		return OBJECT_FAULT_STALE;
	}
	if (!may_put(grant, msg->size)) {
		return OBJECT_FAULT_NOT_ALLOWED;
	}
	if (msg->deadline_mono_ms <= (uint64_t)clock_now().monotonic_us / 1000) {
		return OBJECT_FAULT_DEADLINE;
	}
	if (msg->size > self->worker->config.objects_max_object_bytes) {
		return OBJECT_FAULT_TOO_LARGE;
	}
	return self->shelf.walk != NULL ? OBJECT_FAULT_COUNTING : OBJECT_FAULT_NONE;
}

static struct upload *find_free(struct archive *self)
{
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		if (!self->uploads.list[i].is_used) {
			return &self->uploads.list[i];
		}
	}
	return NULL;
}

static void want_more(struct archive *self, struct upload *upload)
{
	uint64_t upto = upload->got_bytes + OBJECT_WINDOW_BYTES;

	upto = upto < upload->size ? upto : upload->size;
	if (upto == upload->wanted_bytes ||
		(upload->wanted_bytes - upload->got_bytes > OBJECT_WINDOW_BYTES / 2)) {
		return;
	}
	upload->wanted_bytes = upto;
	(void)!oap_send_put_want(
		archive_edge(self, upload->route.edge_process, upload->route.edge_instance,
			upload->route.edge_generation),
		upload->ticket, &(struct oap_put_want){ .upto = upto });
}

static enum object_fault begin(struct archive *self, const struct oap_from *from,
	const struct read_route *route, const struct oap_put_object *msg)
{
	struct upload *upload = find_free(self);
	size_t count = object_chunk_count(msg->size);
	struct hash *chunk_ids;
	enum err err;

	if (upload == NULL) {
		return OBJECT_FAULT_BUSY;
	}
	chunk_ids = calloc(count > 0 ? count : 1, sizeof chunk_ids[0]);
	if (chunk_ids == NULL) {
		return OBJECT_FAULT_BUSY;
	}
	*upload = (struct upload){ .route = *route,
		.ticket = from->corr_id,
		.moved_at = clock_now(),
		.size = msg->size,
		.type_bytes = (uint8_t)msg->content_type.bytes_count };
	err = shelf_begin(&self->shelf, msg->size, upload->moved_at, &upload->temp);
	if (err != ERR_OK) {
		free(chunk_ids);
		if (err != ERR_BUSY) {
			note_writable(self, err);
		}
		return fault_of(err);
	}
	upload->is_used = true;
	upload->chunk_ids = chunk_ids;
	if (upload->type_bytes > 0) {
		memcpy(upload->type, msg->content_type.bytes, upload->type_bytes);
	}
	blake3_start(&upload->whole);
	blake3_start(&upload->chunk);
	show_shelf(self);
	if (msg->size == 0) {
		finish(self, upload);
	} else {
		want_more(self, upload);
	}
	return OBJECT_FAULT_NONE;
}

enum err uploads_begin(
	struct archive *self, const struct oap_from *from, const struct oap_put_object *msg)
{
	struct read_route route = { msg->edge_process, msg->edge_instance, msg->edge_generation };
	struct grant grant;
	enum err err = grant_keys_open(&self->keys, msg->grant, &grant);
	enum object_fault fault;

	if (err != ERR_OK && err != ERR_STALE) {
		return err;
	}
	if (msg->size > OBJECT_BYTES_MAX ||
		(msg->content_type.bytes_count > 0 && !object_type_is_valid(msg->content_type))) {
		return ERR_MALFORMED;
	}
	fault = judge(self, err, &grant, msg);
	mesh_give_back(&self->worker->mesh, from);
	if (fault == OBJECT_FAULT_NONE) {
		fault = begin(self, from, &route, msg);
	}
	if (fault != OBJECT_FAULT_NONE) {
		refuse(self, &route, from->corr_id, fault);
	}
	return ERR_OK;
}

/* --- their bytes --- */

static struct upload *find(struct archive *self, const struct oap_from *from)
{
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		struct upload *upload = &self->uploads.list[i];

		if (upload->is_used && upload->ticket == from->corr_id &&
			upload->route.edge_process == from->process &&
			upload->route.edge_instance == from->instance &&
			upload->route.edge_generation == from->generation) {
			return upload;
		}
	}
	return NULL;
}

/* Pieces are as they came in; chunks end where they must. */
static void hash_piece(struct upload *upload, struct slice bytes)
{
	uint64_t at = upload->got_bytes;

	blake3_add(&upload->whole, bytes.bytes, bytes.bytes_count);
	while (bytes.bytes_count > 0) {
		size_t room = OBJECT_CHUNK_BYTES - (size_t)(at % OBJECT_CHUNK_BYTES);
		size_t used = bytes.bytes_count < room ? bytes.bytes_count : room;

		blake3_add(&upload->chunk, bytes.bytes, used);
		at += used;
		bytes.bytes += used;
		bytes.bytes_count -= used;
		if (used == room || at == upload->size) {
			blake3_finish(
				&upload->chunk, &upload->chunk_ids[(at - 1) / OBJECT_CHUNK_BYTES]);
			blake3_start(&upload->chunk);
			metrics_inc(METRIC_CHUNKS_WRITTEN, METRIC_PLAIN);
		}
	}
	upload->got_bytes = at;
}

enum err uploads_take(
	struct archive *self, const struct oap_from *from, const struct oap_put_bytes *msg)
{
	struct upload *upload = find(self, from);
	enum err err;

	if (upload == NULL) {
		return ERR_OK; /* it was refused meanwhile */
	}
	if (msg->offset != upload->got_bytes || msg->bytes.bytes_count == 0 ||
		msg->bytes.bytes_count > upload->wanted_bytes - upload->got_bytes) {
		return ERR_MALFORMED;
	}
	err = shelf_write(&upload->temp, msg->offset, msg->bytes);
	if (err != ERR_OK) {
		note_writable(self, err);
		fail(self, upload, err);
		return ERR_OK;
	}
	hash_piece(upload, msg->bytes);
	upload->moved_at = clock_now();
	if (upload->got_bytes == upload->size) {
		finish(self, upload);
	} else {
		want_more(self, upload);
	}
	return ERR_OK;
}

void uploads_drop(struct archive *self, const struct oap_from *from)
{
	struct upload *upload = find(self, from);

	if (upload != NULL) {
		end(self, upload);
	}
}

void uploads_edge_lost(struct archive *self, const struct oap_from *whom)
{
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		struct upload *upload = &self->uploads.list[i];

		if (upload->is_used && upload->route.edge_process == whom->process &&
			upload->route.edge_instance == whom->instance) {
			end(self, upload);
		}
	}
}

/* --- time --- */

static void on_sweep(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct archive *self = timer->data;
	struct instant now = clock_now();
	enum err err = space_check(&self->shelf.space, now, 0, 0);

	(void)loop;
	(void)events;
	if (err == ERR_NO_SPACE || self->uploads.is_unwritable) {
		note_writable(self, err);
	}
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		struct upload *upload = &self->uploads.list[i];

		if (upload->is_used &&
			instant_reached(
				instant_after(upload->moved_at, duration_ms(IDLE_MS)), now)) {
			refuse(self, &upload->route, upload->ticket, OBJECT_FAULT_DEADLINE);
			end(self, upload);
		}
	}
}

static void on_count(struct ev_loop *loop, ev_timer *timer, int events)
{
	struct archive *self = timer->data;
	enum err err;

	(void)events;
	if (!shelf_count(&self->shelf, COUNT_ENTRIES, &err)) {
		ev_timer_set(timer, 0.0, 0.0);
		ev_timer_start(loop, timer);
		return;
	}
	show_shelf(self);
	if (err != ERR_OK) {
		note_writable(self, err);
	}
	log_event(LOG_OBJECTS_COUNTED, &(struct log_fields){ .zeros = LOG_ZERO(count),
					       .count = self->shelf.object_count,
					       .bytes = self->shelf.used_bytes,
					       .seq = self->shelf.removed_count });
}

void uploads_ready(struct archive *self)
{
	for (size_t i = 0; i < UPLOADS_MAX; i++) {
		self->uploads.list[i].temp.fd = -1;
	}
	ev_timer_init(&self->uploads.sweep, on_sweep, SWEEP_S, SWEEP_S);
	self->uploads.sweep.data = self;
	ev_timer_start(self->worker->loop, &self->uploads.sweep);
	ev_timer_init(&self->uploads.count, on_count, 0.0, 0.0);
	self->uploads.count.data = self;
	ev_timer_start(self->worker->loop, &self->uploads.count);
}
