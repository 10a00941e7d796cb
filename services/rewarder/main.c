/* rewarder: pays out epochs from the configured pools; holds no money and no signing key. */
#include "services/rewarder/rewarder.h"

static struct rewarder rewarder; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_REWARDER,
		.self = &rewarder,
		.handlers = &rewarder_handlers,
		.sandbox = &rewarder_sandbox,
		.paths = rewarder_paths,
		.open = rewarder_open,
		.ready = rewarder_ready,
		.commit = rewarder_commit,
		.link_up = rewarder_link_up,
		.link_lost = rewarder_link_lost,
		.turn = rewarder_turn,
		.drain = rewarder_drain,
	};

	return worker_run(&spec, argc, argv);
}
