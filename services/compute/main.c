/* compute: one reward run at a time, from the bytes of its sealed inputs to what is paid. It parses
 * what others have written, so it holds nothing, and may die of it. */
#include "services/compute/compute.h"

static struct compute compute; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_COMPUTE,
		.self = &compute,
		.handlers = &compute_handlers,
		.sandbox = &compute_sandbox,
		.open = compute_open,
		.link_lost = compute_link_lost,
		.turn = compute_turn,
	};

	return worker_run(&spec, argc, argv);
}
