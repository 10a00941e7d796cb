/* ingress: what clients of the ledger talk to, over HTTP and the local socket. Trusts nobody, and
 * is trusted by nobody. Its code is services/edge, which admin shares. */
#include "services/edge/edge.h"

static struct edge edge = { .plane = PLANE_API }; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_INGRESS,
		.self = &edge,
		.handlers = &edge_handlers,
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
