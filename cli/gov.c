/* macronode gov freeze, gov unfreeze. */
#include <inttypes.h>

#include "cli/node.h"
#include "core/batch.h"
#include "core/json_out.h"

static bool take_scope(
	const struct cli *cli, enum batch_control_scope *ret_scope, const char **ret_name)
{
	const char *asset = cli_option(cli, "--asset");
	const char *account = cli_option(cli, "--account");
	int said = (asset != NULL) + (account != NULL) + cli_has(cli, "--global");

	if (said != 1) {
		(void)cli_fail(
			cli, CLI_USAGE, "needs one of --global, --asset NAME and --account NAME");
		return false;
	}
	*ret_scope = asset != NULL ? SCOPE_ASSET : account != NULL ? SCOPE_ACCOUNT : SCOPE_GLOBAL;
	*ret_name = asset != NULL ? asset : account != NULL ? account : "";
	return true;
}

static void print_done(const struct cli *cli, const struct control_order *order, uint64_t seq)
{
	const char *name = order->name[0] != '\0' ? order->name : "all accounts";

	if (cli->json) {
		(void)printf("{\"act\":\"%s\",\"scope\":\"%s\",\"after_seq\":%" PRIu64 "}\n",
			batch_control_kind_name(order->act), batch_control_scope_name(order->scope),
			seq);
		return;
	}
	(void)printf("%s %s: in force after seq %" PRIu64 "\n",
		order->act == CONTROL_FREEZE ? "froze" : "released", name, seq);
}

static int govern(struct cli *cli, enum batch_control_kind act)
{
	static struct config config;
	enum batch_control_scope scope = SCOPE_GLOBAL;
	const char *reason = cli_option(cli, "--reason");
	struct control_order order = { .act = (uint8_t)act, .reason = reason };
	struct control_answer answer;
	struct control control;
	char actor[NODE_ACTOR_BYTES];
	int exit;

	if (!take_scope(cli, &scope, &order.name)) {
		return CLI_USAGE;
	}
	if (reason == NULL || reason[0] == '\0') {
		return cli_fail(cli, CLI_USAGE, "needs --reason TEXT: it is kept in the audit log");
	}
	order.scope = (uint8_t)scope;
	node_actor(actor);
	order.actor = actor;
	if (!cli_load_config(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_govern(&control, &order, &answer), &answer);
	if (exit == CLI_GOOD) {
		print_done(cli, &order, answer.next);
	}
	control_finish(&control);
	return exit;
}

int cli_gov_freeze(struct cli *cli)
{
	return govern(cli, CONTROL_FREEZE);
}

int cli_gov_unfreeze(struct cli *cli)
{
	return govern(cli, CONTROL_UNFREEZE);
}
