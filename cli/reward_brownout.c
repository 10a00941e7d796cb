/* macronode reward brownout: rewards are computed, and not paid, for as long as somebody says so.
 * It is a freeze of the ledger, so it is in the audit log, outlives every process, and is obeyed by
 * the ledger itself. */
#include <inttypes.h>
#include <string.h>

#include "cli/node.h"
#include "common/degraded.h"
#include "core/batch.h"

static int set(struct cli *cli, bool is_on)
{
	static struct config config;
	const char *reason = cli_option(cli, "--reason");
	struct control_order order = {
		.act = is_on ? CONTROL_FREEZE : CONTROL_UNFREEZE,
		.scope = SCOPE_REWARDS,
		.name = "",
		.reason = reason,
	};
	struct control_answer answer;
	struct control control;
	char actor[NODE_ACTOR_BYTES];
	int exit;

	if (reason == NULL || reason[0] == '\0') {
		return cli_fail(cli, CLI_USAGE, "needs --reason TEXT: it is kept in the audit log");
	}
	node_actor(actor);
	order.actor = actor;
	if (!cli_load_config(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_govern(&control, &order, &answer), &answer);
	if (exit == CLI_GOOD && cli->json) {
		(void)printf("{\"brownout\":%s,\"after_seq\":%" PRIu64 "}\n",
			is_on ? "true" : "false", answer.next);
	} else if (exit == CLI_GOOD) {
		(void)printf("%s: in force after seq %" PRIu64 "\n",
			is_on ? "epochs are computed, and not paid" : "epochs are paid again",
			answer.next);
	}
	control_finish(&control);
	return exit;
}

static const struct json_in *find_rewarder(const struct json_in *root)
{
	const struct json_in *processes = json_in_member(root, "processes");

	for (size_t i = 0; i < json_in_count(processes); i++) {
		const struct json_in *one = json_in_item(processes, i);

		if (strcmp(json_in_text_of(one, "role"), "rewarder") == 0) {
			return one;
		}
	}
	return NULL;
}

/* What the rewarder says of itself. */
static int print_state(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);
	const struct json_in *rewarder = find_rewarder(root);
	const char *note = json_in_text_of(rewarder, "note");
	const char *state = json_in_text_of(rewarder, "state");
	bool is_frozen = strstr(note, degraded_name(DEGRADED_REWARDS_FROZEN)) != NULL;
	bool is_slow = strstr(note, degraded_name(DEGRADED_LEDGER)) != NULL;
	bool is_paid = strcmp(state, "serving") == 0 && !is_frozen && !is_slow;

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (rewarder == NULL) {
		json_in_free(root);
		return cli_fail(
			cli, CLI_CANNOT, "this node pays no epochs: rewarder.enabled is off");
	}
	if (cli->json) {
		(void)printf("{\"state\":\"%s\",\"frozen\":%s,\"ledger_degraded\":%s}\n", state,
			is_frozen ? "true" : "false", is_slow ? "true" : "false");
	} else {
		(void)printf("rewarder  %s\n", state);
		(void)printf("frozen    %s\n",
			is_frozen ? "yes: macronode reward brownout off ends it" : "no");
		(void)printf(
			"ledger    %s\n", is_slow ? "too slow, or did not answer: it ends by itself"
						  : "answers in time");
	}
	json_in_free(root);
	return is_paid ? CLI_GOOD : CLI_DEGRADED;
}

static int status(struct cli *cli)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	int exit;

	if (!cli_load_config(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_status(&control, &answer), &answer);
	if (exit == CLI_GOOD) {
		exit = print_state(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}

int cli_reward_brownout(struct cli *cli)
{
	const char *word = cli->words[0];

	if (strcmp(word, "status") == 0) {
		return status(cli);
	}
	if (strcmp(word, "on") != 0 && strcmp(word, "off") != 0) {
		return cli_fail(cli, CLI_USAGE, "expected on, off or status, not '%s'", word);
	}
	return set(cli, strcmp(word, "on") == 0);
}
