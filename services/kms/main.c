/* kms: every secret key; turns tokens into grants, mints and revokes them. No network, no JSON
 * to read, and nothing that it is sent is signed as it is. */
#include "services/kms/kms.h"

static struct kms kms; /* the process's whole state, apart from locked memory */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_KMS,
		.self = &kms,
		.handlers = &kms_handlers,
		.sandbox = &kms_sandbox,
		.paths = kms_paths,
		.open = kms_open,
		.prepare = kms_prepare,
		.commit = kms_commit,
		.abort = kms_abort,
		.link_up = kms_link_up,
		.turn = kms_turn,
	};
	return worker_run(&spec, argc, argv);
}
