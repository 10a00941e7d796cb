/* prevalidator: reads what clients wrote, and forwards what is well-formed and allowed. */
#include "services/prevalidator/prevalidator.h"

static struct prevalidator prevalidator; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_PREVALIDATOR,
		.self = &prevalidator,
		.handlers = &prevalidator_handlers,
		.sandbox = &prevalidator_sandbox,
		.ready = prevalidator_ready,
		.commit = prevalidator_commit,
		.link_up = prevalidator_link_up,
		.link_lost = prevalidator_link_lost,
		.turn = prevalidator_turn,
		.drain = prevalidator_drain,
	};

	return worker_run(&spec, argc, argv);
}
