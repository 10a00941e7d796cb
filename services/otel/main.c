/* otel: sends traces to a collector, over the one connected socket that the supervisor hands it. It
 * makes no connection, opens no file, and holds nothing else; the ledger does not wait for it. */
#include "services/otel/otel.h"

static struct otel otel; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_OTEL,
		.self = &otel,
		.handlers = &otel_handlers,
		.sandbox = &otel_sandbox,
		.open = otel_open,
		.ready = otel_ready,
		.drain = otel_drain,
	};

	return worker_run(&spec, argc, argv);
}
