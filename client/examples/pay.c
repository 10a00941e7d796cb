/* Pays: a transfer that is done exactly once, whatever happens to the node or the connection.
 *
 *	cc pay.c $(pkg-config --cflags --libs libmacronode) -o pay
 *	MACRONODE_TOKEN=$(cat token) ./pay /run/macronode/macronode.sock alice bob 250
 *
 * A fifth word is how many times, each a payment of its own. Exit: 0 paid, 1 refused, 2 not asked,
 *3 nobody knows. */
#include <stdio.h>
#include <stdlib.h>

#include <macronode.h>

#define ANSWER_WITHIN_MS 5000  /* of one attempt */
#define GIVE_UP_AFTER_MS 60000 /* of one payment */

/* What became of it, as an exit code. */
static int say(
	const struct mn_client *node, enum mn_result result, const struct mn_outcome *outcome)
{
	if (result == MN_OK) {
		printf("%s seq %llu, %s left%s\n", outcome->receipt.txid,
			(unsigned long long)outcome->receipt.seq, outcome->receipt.balance_after,
			outcome->replayed ? ", done by an attempt that seemed to fail" : "");
		return 0;
	}
	if (result == MN_UNKNOWN) {
		/* Keep these two: with them the payment may be repeated, and is done once. */
		fprintf(stderr, "nobody knows whether it is paid: nonce %llu, key %s\n",
			(unsigned long long)outcome->nonce, outcome->idempotency_key);
		return 3;
	}
	if (result == MN_REFUSED) {
		fprintf(stderr, "not paid: %s (%s)\n", outcome->error.message, outcome->error.code);
	} else {
		fprintf(stderr, "not paid: %s\n", mn_error_text(node));
	}
	return 1;
}

int main(int argc, char *argv[])
{
	const char *token = getenv("MACRONODE_TOKEN");
	struct mn_client *node;
	struct mn_outcome outcome;
	int exit_code = 0;

	if (argc < 5 || argc > 6 || token == NULL) {
		fprintf(stderr, "usage: MACRONODE_TOKEN=... pay SOCKET FROM TO AMOUNT [TIMES]\n");
		return 2;
	}
	node = mn_open(argv[1], ANSWER_WITHIN_MS);
	if (node == NULL) {
		fprintf(stderr, "%s: not a socket's path\n", argv[1]);
		return 2;
	}
	/* No nonce: the library asks the node for the next one. No key: it draws one. */
	struct mn_operation payment = {
		.kind = MN_TRANSFER,
		.from = argv[2],
		.to = argv[3],
		.asset = "ron",
		.amount_minor = argv[4],
		.memo = "client/examples/pay.c",
	};
	long times = argc == 6 ? strtol(argv[5], NULL, 10) : 1;
	while (times-- > 0 && exit_code == 0) {
		enum mn_result result =
			mn_wallet_op_retry(node, token, &payment, GIVE_UP_AFTER_MS, &outcome);

		exit_code = say(node, result, &outcome);
		payment.nonce = outcome.nonce + 1; /* nobody else pays from this account */
	}
	mn_close(node);
	return exit_code;
}
