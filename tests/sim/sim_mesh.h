#ifndef TESTS_SIM_SIM_MESH_H
#define TESTS_SIM_SIM_MESH_H

/* Processes of a node in one process of a test. This stands in for common/peer.c, clock.c,
 * random.c and worker.c: what a worker sends waits in a queue, as encoded, until the night hands
 * it over; time is what the night says, and chance is the night's. The workers' own code is that
 * of the shipped executables.
 *
 * Links are as sockets are: in order, and when their sender dies, what it sent may still be read
 * before the end is seen; what was sent to it is gone. One process of a role. */

#include <stdbool.h>
#include <stdint.h>

#include "common/worker.h"

/* A frame on its way; the payload is for oap_decode_<verb>. */
struct sim_frame {
	struct sim_frame *next;
	struct oap_from from;
	struct slice payload;
	bool was_seen; /* the night's */
	uint8_t bytes[];
};

/* Time, for all; it is given back by clock_unix_ms() and clock_now(). */
extern int64_t sim_unix_ms, sim_mono_ms;

/* Nobody is alive; chance in workers begins at `seed`. */
void sim_mesh_init(uint64_t seed);
void sim_mesh_finish(void);

/* A process is there, and linked with all whom it has a verb with. NULL spec: the night plays it.
 * Who lived on with a dead one of that name sees its end first. */
void sim_mesh_start(unsigned process, struct worker *worker, const struct worker_spec *spec);
void sim_mesh_kill(unsigned process);
bool sim_mesh_is_alive(unsigned process);
uint32_t sim_mesh_generation(unsigned process); /* of the newest one */

/* For oap_send_<verb>: from one whom the night plays. NULL: no such link now. */
struct peer *sim_mesh_peer(unsigned from, unsigned to);

/* How many requests that way may be unanswered. */
void sim_mesh_set_window(unsigned from, unsigned to, uint32_t requests);

/* There is a frame, or an end to be seen. */
bool sim_mesh_is_due(unsigned from, unsigned to);

/* Hands over the next frame, or the end; without the receiver's turn. */
void sim_mesh_deliver(unsigned from, unsigned to);
void sim_mesh_turn(unsigned process);

/* The next frame to one whom the night plays; NULL: there is none. Freed by sim_mesh_free, which
 * gives its credit back. */
struct sim_frame *sim_mesh_take(unsigned from, unsigned to);
void sim_mesh_free(struct sim_frame *frame, unsigned receiver);

/* The frames under way, first to last. */
struct sim_frame *sim_mesh_first(unsigned from, unsigned to);

#endif
