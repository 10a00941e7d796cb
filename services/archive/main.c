/* archive: reads the store for everybody else; cannot write it. */
#include "services/archive/archive.h"

static struct archive archive; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_ARCHIVE,
		.self = &archive,
		.handlers = &archive_handlers,
		.sandbox = &archive_sandbox,
		.paths = archive_paths,
		.open = archive_open,
		.ready = archive_ready,
		.commit = archive_commit,
		.link_lost = archive_link_lost,
	};

	return worker_run(&spec, argc, argv);
}
