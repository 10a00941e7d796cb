#ifndef CLI_VERIFY_H
#define CLI_VERIFY_H

#include "cli/commands.h"
#include "common/types.h"

/* A snapshot is verified: sentence, JSON and exit code. --vkey of the command is heeded. */
int verify_snapshot(const struct cli *cli, const char *path);

/* What all that is verified by files says at its end. what: NULL or "": it is good. */
struct verify_verdict {
	enum cli_exit exit;
	const char *what;
	const char *origin;
	uint64_t size;
	struct hash root;
	const char *signature; /* "verified", "not checked", "none" */
};
int verify_say(const struct cli *cli, const struct verify_verdict *verdict);

#endif
