/* wallet: idempotency keys and receipts of /v1; decides no money, opens nothing. */
#include "services/wallet/wallet.h"

static struct wallet wallet; /* the process's whole state */

int main(int argc, char *argv[])
{
	static const struct worker_spec spec = {
		.process = PROCESS_WALLET,
		.self = &wallet,
		.handlers = &wallet_handlers,
		.sandbox = &wallet_sandbox,
		.open = wallet_open,
		.ready = wallet_ready,
		.commit = wallet_commit,
		.link_up = wallet_link_up,
		.link_lost = wallet_link_lost,
		.turn = wallet_turn,
		.drain = wallet_drain,
	};

	return worker_run(&spec, argc, argv);
}
