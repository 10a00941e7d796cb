#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* Every command: a row here, a file cli/<name>.c with `cli_<name>`. Exit codes are those of
 * DESIGN.md section 10. Data goes to stdout, talk to stderr. */

#include <stdbool.h>

#include "common/config.h"

enum cli_exit {
	CLI_GOOD = 0,
	CLI_BAD = 1,        /* checked, and it is bad */
	CLI_USAGE = 2,      /* the command line is wrong */
	CLI_CANNOT = 3,     /* could not check, or could not run */
	CLI_DEGRADED = 4,
};

/* What stands before the command's own words, already understood. */
struct cli {
	const char *config_path; /* NULL: the packaged one if it is there */
	const char *libexec_dir; /* NULL: as built */
	bool json;
	bool report_syscalls;
	int argc; /* words of the command, its name first */
	char **argv;
	char **flags; /* configuration flags in order, NULL-terminated: name, value, ... */
};

#define CLI_COMMANDS(C) \
	C(run, "run", "run the node in the foreground")

#define AS_PROTOTYPE(name, word, summary) int cli_##name(struct cli *cli);
CLI_COMMANDS(AS_PROTOTYPE)
#undef AS_PROTOTYPE

/* File, environment and flags, checked; false after the problems were printed to stderr. */
bool cli_load_config(const struct cli *cli, struct config *ret_config);

#endif
