#include <unistd.h>

#include "cli/commands.h"
#include "supervisor/supervisor.h"

int cli_run(struct cli *cli)
{
	static struct config config;
	const char *libexec = cli_option(cli, "--libexec");
	struct supervisor_options options = {
		.libexec_dir = libexec != NULL ? libexec : MACRONODE_LIBEXEC,
		.report_syscalls = cli_has(cli, "--report-syscalls"),
		.log_colour = isatty(STDOUT_FILENO) == 1,
	};

	if (!cli_load_config(cli, &config)) {
		return CLI_CANNOT;
	}
	return supervisor_run(&config, &options);
}
