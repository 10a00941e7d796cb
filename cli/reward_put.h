#ifndef CLI_REWARD_PUT_H
#define CLI_REWARD_PUT_H

/* Sealed documents as objects of the running node, where their names lead to them. */

#include "cli/commands.h"

/* Puts them one after the other, each under the address that it must have. An exit code, after a
 * sentence if it is not CLI_GOOD: then those before it are there. */
int reward_put(const struct cli *cli, const struct slice *documents, size_t document_count);

#endif
