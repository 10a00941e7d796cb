#include "tests/sim/sim_mesh.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/random.h"
#include "proto/frame.h"

#define REQUIRE(truth)                                                              \
	do {                                                                        \
		if (!(truth)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth); \
			abort();                                                    \
		}                                                                   \
	} while (0)

/* One direction of a link: what `from` sends to `to`. */
struct peer {
	uint8_t from, to;
	bool is_up;   /* `from` may send */
	bool is_over; /* `from` is dead; `to` has not seen it yet */
	bool is_void; /* `to` is dead; `from` has not seen it yet */
	uint32_t window, asked;
	uint32_t from_generation, to_generation;
	struct sim_frame *first, **last;
};

struct node {
	bool is_alive;
	uint32_t generation;
	struct worker *worker;          /* NULL: the night plays it */
	const struct worker_spec *spec; /* likewise */
};

static struct node nodes[PROCESS_COUNT];
static struct peer peers[PROCESS_COUNT][PROCESS_COUNT];
static uint64_t random_state;

int64_t sim_unix_ms, sim_mono_ms;

#define WINDOW_REQUESTS 100000u /* more than a night asks */

/* ---- clock, chance ---- */

struct instant clock_now(void)
{
	return (struct instant){ .monotonic_us = sim_mono_ms * 1000 };
}

int64_t clock_unix_ms(void)
{
	return sim_unix_ms;
}

uint64_t random_u64(void)
{
	uint64_t mixed = random_state += 0x9e3779b97f4a7c15u;

	mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9u;
	mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111ebu;
	return mixed ^ (mixed >> 31);
}

void random_fill(void *bytes, size_t bytes_count)
{
	uint8_t *next = bytes;

	for (size_t i = 0; i < bytes_count; i++) {
		next[i] = (uint8_t)random_u64();
	}
}

/* ---- the worker's own words ---- */

void worker_report(struct worker *worker, enum worker_phase phase, uint64_t seq, uint64_t lag_ms,
	const struct hash *root, const char *text)
{
	(void)seq;
	(void)lag_ms;
	(void)root;
	worker->phase = (uint8_t)phase;
	if (phase == PHASE_SAFE_MODE && strcmp(text, SAFE_MODE_DISK_FULL) != 0) {
		fprintf(stderr, "safe mode: %s\n", text);
		abort();
	}
}

void worker_progress(struct worker *worker, uint64_t done, uint64_t total)
{
	(void)worker;
	(void)done;
	(void)total;
}

void worker_drained(struct worker *worker, uint64_t left_over)
{
	(void)left_over;
	worker->phase = PHASE_DRAINED;
}

noreturn void worker_fail(struct worker *worker, const char *format, ...)
{
	va_list arguments;

	(void)worker;
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	abort();
}

/* ---- queues ---- */

static void drop_first(struct peer *peer)
{
	struct sim_frame *frame = peer->first;

	peer->first = frame->next;
	if (peer->first == NULL) {
		peer->last = &peer->first;
	}
	frame->next = NULL;
}

static void drop_all(struct peer *peer)
{
	while (peer->first != NULL) {
		struct sim_frame *frame = peer->first;

		drop_first(peer);
		free(frame);
	}
}

static enum err post(struct peer *peer, unsigned verb, enum oap_kind kind, uint64_t corr_id,
	struct slice payload)
{
	struct sim_frame *frame;

	if (peer == NULL || !peer->is_up) {
		return ERR_STALE;
	}
	REQUIRE(oap_route_allows(verb, peer->from, peer->to));
	if (kind == OAP_KIND_REQUEST && !peer_has_credit(peer, payload.bytes_count)) {
		return ERR_BUSY;
	}
	peer->asked += kind == OAP_KIND_REQUEST ? 1u : 0u;
	if (peer->is_void) {
		return ERR_OK;
	}
	frame = calloc(1, sizeof *frame + payload.bytes_count);
	REQUIRE(frame != NULL);
	frame->from = (struct oap_from){
		.corr_id = corr_id,
		.generation = peer->from_generation,
		.payload_bytes = (uint32_t)payload.bytes_count,
		.verb = (uint16_t)verb,
		.process = peer->from,
	};
	memcpy(frame->bytes, payload.bytes, payload.bytes_count);
	frame->payload = (struct slice){ frame->bytes, payload.bytes_count };
	*peer->last = frame;
	peer->last = &frame->next;
	return ERR_OK;
}

static uint8_t payload_out[FRAME_PAYLOAD_BYTES_MAX];

#define AS_SEND(id, NAME, name, senders, receivers, kind)                                 \
	enum err oap_send_##name(                                                         \
		struct peer *peer, uint64_t corr_id, const struct oap_##name *msg)        \
	{                                                                                 \
		struct byte_writer out = byte_writer_of(payload_out, sizeof payload_out); \
		bool is_encoded = oap_encode_##name(&out, msg);                           \
		REQUIRE(is_encoded);                                                      \
		return post(peer, id, OAP_KIND_##kind, corr_id,                           \
			(struct slice){ payload_out, out.used });                         \
	}
OAP_VERBS(AS_SEND)
#undef AS_SEND

bool peer_has_credit(const struct peer *peer, size_t payload_bytes)
{
	(void)payload_bytes;
	return peer != NULL && peer->is_up && peer->asked < peer->window;
}

struct peer *mesh_peer(struct mesh *mesh, unsigned process, unsigned instance)
{
	return instance == 0 ? sim_mesh_peer(mesh->process, process) : NULL;
}

struct peer *mesh_peer_of(
	struct mesh *mesh, unsigned process, unsigned instance, uint32_t generation)
{
	struct peer *peer = mesh_peer(mesh, process, instance);

	return peer != NULL && peer->to_generation == generation ? peer : NULL;
}

void mesh_give_back(struct mesh *mesh, const struct oap_from *from)
{
	struct peer *asker = &peers[from->process][mesh->process];

	if (asker->is_up && asker->from_generation == from->generation) {
		REQUIRE(asker->asked > 0);
		asker->asked--;
	}
}

struct peer *sim_mesh_peer(unsigned from, unsigned to)
{
	struct peer *peer = &peers[from][to];

	return peer->is_up ? peer : NULL;
}

/* ---- life ---- */

void sim_mesh_init(uint64_t seed)
{
	random_state = seed;
	for (unsigned from = 0; from < PROCESS_COUNT; from++) {
		for (unsigned to = 0; to < PROCESS_COUNT; to++) {
			struct peer *peer = &peers[from][to];

			*peer = (struct peer){
				.from = (uint8_t)from, .to = (uint8_t)to, .window = WINDOW_REQUESTS
			};
			peer->last = &peer->first;
		}
	}
	memset(nodes, 0, sizeof nodes);
}

void sim_mesh_finish(void)
{
	for (unsigned from = 0; from < PROCESS_COUNT; from++) {
		for (unsigned to = 0; to < PROCESS_COUNT; to++) {
			drop_all(&peers[from][to]);
		}
	}
}

/* The receiver learns that the sender is gone, and can send it nothing more. */
static void see_end(struct peer *peer)
{
	struct oap_from whom = { .process = peer->from, .generation = peer->from_generation };
	const struct node *receiver = &nodes[peer->to];

	peer->is_over = false;
	peers[peer->to][peer->from].is_up = false;
	if (receiver->is_alive && receiver->spec != NULL && receiver->spec->link_lost != NULL) {
		receiver->spec->link_lost(receiver->spec->self, &whom);
		sim_mesh_turn(peer->to);
	}
}

static bool are_linked(unsigned a, unsigned b)
{
	for (unsigned verb = 0; verb < UINT16_MAX; verb++) {
		if (oap_route_allows(verb, a, b) || oap_route_allows(verb, b, a)) {
			return true;
		}
	}
	return false;
}

/* Worked out once; a night starts many. */
static bool may_link(unsigned a, unsigned b)
{
	static enum { UNASKED, NO, YES } answers[PROCESS_COUNT][PROCESS_COUNT];

	if (answers[a][b] == UNASKED) {
		answers[a][b] = are_linked(a, b) ? YES : NO;
	}
	return answers[a][b] == YES;
}

static void join(unsigned from, unsigned to)
{
	struct peer *peer = &peers[from][to];

	drop_all(peer);
	peer->is_up = true;
	peer->is_over = peer->is_void = false;
	peer->asked = 0;
	peer->from_generation = nodes[from].generation;
	peer->to_generation = nodes[to].generation;
}

static void tell_link_up(unsigned process, unsigned whom)
{
	const struct worker_spec *spec = nodes[process].spec;
	struct oap_from from = { .process = (uint8_t)whom, .generation = nodes[whom].generation };

	if (spec != NULL && spec->link_up != NULL) {
		spec->link_up(spec->self, &from);
		sim_mesh_turn(process);
	}
}

void sim_mesh_start(unsigned process, struct worker *worker, const struct worker_spec *spec)
{
	static uint32_t generation_last = 100;
	struct node *node = &nodes[process];

	REQUIRE(!node->is_alive);
	for (unsigned other = 0; other < PROCESS_COUNT; other++) {
		if (peers[process][other].is_over) {
			drop_all(&peers[process][other]);
			see_end(&peers[process][other]);
		}
	}
	*node = (struct node){ true, ++generation_last, worker, spec };
	if (worker != NULL) {
		worker->generation = node->generation;
		worker->mesh.process = process;
	}
	for (unsigned other = 0; other < PROCESS_COUNT; other++) {
		if (other != process && nodes[other].is_alive && may_link(process, other)) {
			join(process, other);
			join(other, process);
			tell_link_up(process, other);
			tell_link_up(other, process);
		}
	}
}

void sim_mesh_kill(unsigned process)
{
	REQUIRE(nodes[process].is_alive);
	nodes[process].is_alive = false;
	nodes[process].spec = NULL;
	for (unsigned other = 0; other < PROCESS_COUNT; other++) {
		struct peer *out = &peers[process][other], *in = &peers[other][process];

		drop_all(in);
		in->is_void = true;
		in->is_over = false; /* nobody is there to see it */
		out->is_over = out->is_up && nodes[other].is_alive;
		out->is_up = false;
		if (!nodes[other].is_alive) {
			drop_all(out);
			in->is_up = false;
		}
	}
}

bool sim_mesh_is_alive(unsigned process)
{
	return nodes[process].is_alive;
}

uint32_t sim_mesh_generation(unsigned process)
{
	return nodes[process].generation;
}

void sim_mesh_set_window(unsigned from, unsigned to, uint32_t requests)
{
	peers[from][to].window = requests;
}

/* ---- what is under way ---- */

bool sim_mesh_is_due(unsigned from, unsigned to)
{
	return nodes[to].is_alive && (peers[from][to].first != NULL || peers[from][to].is_over);
}

void sim_mesh_turn(unsigned process)
{
	const struct worker_spec *spec = nodes[process].spec;

	if (nodes[process].is_alive && spec != NULL && spec->turn != NULL) {
		spec->turn(spec->self);
	}
}

void sim_mesh_deliver(unsigned from, unsigned to)
{
	struct peer *peer = &peers[from][to];
	const struct worker_spec *spec = nodes[to].spec;
	struct sim_frame *frame = peer->first;
	enum err err;

	REQUIRE(sim_mesh_is_due(from, to));
	if (frame == NULL) {
		see_end(peer);
		return;
	}
	REQUIRE(spec != NULL);
	drop_first(peer);
	err = oap_dispatch(spec->handlers, spec->self, to, &frame->from, frame->payload);
	if (err != ERR_OK) {
		fprintf(stderr, "%s accuses %s of %s: %s\n", process_name(to), process_name(from),
			oap_verb_name(frame->from.verb), err_name(err));
		abort();
	}
	free(frame);
}

struct sim_frame *sim_mesh_take(unsigned from, unsigned to)
{
	struct peer *peer = &peers[from][to];
	struct sim_frame *frame = peer->first;

	if (frame != NULL) {
		drop_first(peer);
	} else if (peer->is_over) {
		see_end(peer);
	}
	return frame;
}

void sim_mesh_free(struct sim_frame *frame, unsigned receiver)
{
	if (oap_verb_kind(frame->from.verb) == OAP_KIND_REQUEST) {
		struct mesh mesh = { .process = receiver };

		mesh_give_back(&mesh, &frame->from);
	}
	free(frame);
}

struct sim_frame *sim_mesh_first(unsigned from, unsigned to)
{
	return peers[from][to].first;
}
