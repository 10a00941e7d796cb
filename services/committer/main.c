/* committer: the only writer of the store. */
#include "services/committer/committer.h"

static struct committer committer; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_COMMITTER,
		.self = &committer,
		.handlers = &committer_handlers,
		.sandbox = &committer_sandbox,
		.paths = committer_paths,
		.open = committer_open,
		.ready = committer_ready,
		.commit = committer_commit,
		.link_up = committer_link_up,
		.link_lost = committer_link_lost,
		.turn = committer_turn,
		.drain = committer_drain,
	};

	return worker_run(&spec, argc, argv);
}
