/* macronode reward verify: the program rewardverify, which shares no code with the node, told what
 * the command line says. */
#include "cli/commands.h"
#include "client/rewardverify.h"

#define ARGUMENTS_MAX 16

struct arguments {
	int count;
	char *values[ARGUMENTS_MAX + 1];
};

static void add(struct arguments *arguments, const char *value)
{
	arguments->values[arguments->count++] = (char *)(uintptr_t)value; /* never written */
}

static void add_option(
	struct arguments *arguments, const struct cli *cli, const char *name, const char *letter)
{
	const char *value = cli_option(cli, name);

	if (value != NULL) {
		add(arguments, letter);
		add(arguments, value);
	}
}

int cli_reward_verify(struct cli *cli)
{
	const char *inputs = cli_option(cli, "--inputs");
	struct arguments arguments = { 0 };

	if (inputs == NULL) {
		return cli_fail(cli, CLI_USAGE, "needs --inputs DIR: what was sealed");
	}
	if (cli_has(cli, "--attestation") != cli_has(cli, "--vkey")) {
		return cli_fail(cli, CLI_USAGE, "--attestation and --vkey go together");
	}
	add(&arguments, "macronode reward verify");
	if (cli->json) {
		add(&arguments, "-j");
	}
	add_option(&arguments, cli, "--salt", "-s");
	add_option(&arguments, cli, "--attestation", "-a");
	add_option(&arguments, cli, "--vkey", "-k");
	add(&arguments, "--");
	add(&arguments, cli->words[0]);
	add(&arguments, inputs);
	return rewardverify_main(arguments.count, arguments.values);
}
