/* sequencer: the ledger's state machine; admits, numbers, opens nothing. */
#include "services/sequencer/sequencer.h"

static struct sequencer sequencer; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_SEQUENCER,
		.self = &sequencer,
		.handlers = &sequencer_handlers,
		.sandbox = &sequencer_sandbox,
		.open = sequencer_open,
		.ready = sequencer_ready,
		.commit = sequencer_commit,
		.link_up = sequencer_link_up,
		.link_lost = sequencer_link_lost,
		.turn = sequencer_turn,
		.drain = sequencer_drain,
	};

	return worker_run(&spec, argc, argv);
}
