/* admin: health, readiness, metrics and administration, on a listener and in a process of its own,
 * so that they are there when the API is saturated, restarting or draining. The same code as
 * ingress. */
#include "services/edge/edge.h"

static struct edge edge = { .plane = PLANE_ADMIN }; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_ADMIN,
		.self = &edge,
		.handlers = &edge_admin_handlers,
		.sandbox = &edge_sandbox,
		.open = edge_open,
		.ready = edge_ready,
		.prepare = edge_prepare,
		.commit = edge_commit,
		.abort = edge_abort,
		.take_link = edge_take_link,
		.link_up = edge_link_up,
		.link_lost = edge_link_lost,
		.turn = edge_turn,
		.drain = edge_drain,
	};
	return worker_run(&spec, argc, argv);
}
