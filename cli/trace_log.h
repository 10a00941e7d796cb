#ifndef CLI_TRACE_LOG_H
#define CLI_TRACE_LOG_H

#include "cli/commands.h"

/* Prints the lines of a log that are about the request of that correlation id: those that name it,
 * and those of its tickets. An exit code, after a sentence if it is not good. */
int trace_log_print(const struct cli *cli, const char *path, const char *id);

#endif
