#ifndef COMMON_CONFIG_RULES_H
#define COMMON_CONFIG_RULES_H

#include "common/config_load.h"

/* Every rule about a value that its row cannot say, or about two values. */
void config_rules_check(struct config_load *load);

#endif
