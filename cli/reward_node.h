#ifndef CLI_REWARD_NODE_H
#define CLI_REWARD_NODE_H

#include "cli/commands.h"

/* `reward compute` without --offline: asks the node to compute an epoch and to pay it. */
int reward_node_compute(const struct cli *cli);

#endif
