#include <stdio.h>

#include "cli/commands.h"

int main(int argc, char *argv[])
{
	static struct cli cli;

	if (!cli_parse(argc, argv, &cli)) {
		(void)fprintf(stderr, "macronode: %s\n", cli.error);
		(void)fputs("macronode: `macronode help` lists the commands\n", stderr);
		return CLI_USAGE;
	}
	if (cli.help) {
		if (cli.command != NULL) {
			cli_print_help(stdout, cli.command);
		} else {
			cli_print_usage(stdout, cli.group);
		}
		return CLI_GOOD;
	}
	if (argc == 1) {
		cli_print_usage(stderr, "");
		return CLI_USAGE;
	}
	if (cli.command == NULL) {
		cli.command = &cli_commands[CLI_run]; /* flags alone mean run */
	}
	/* Data that nobody took is a failure, also when it is still in stdio's buffer. */
	int exit = cli.command->run(&cli);
	if (fflush(stdout) != 0 && exit == CLI_GOOD) {
		return cli_fail(&cli, CLI_CANNOT, "standard output takes nothing more");
	}
	return exit;
}
