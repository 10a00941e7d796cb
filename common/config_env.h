#ifndef COMMON_CONFIG_ENV_H
#define COMMON_CONFIG_ENV_H

#include "common/config_load.h"

/* Sets every key that a variable names; each mistake is a problem with the variable's name. */
void config_env_apply(struct config_load *load, char *const *environment);

#endif
