#ifndef COMMON_CONFIG_PRINT_H
#define COMMON_CONFIG_PRINT_H

#include <stdio.h>

#include "common/config.h"

/* The table and a load, for people. Everything printed as TOML can be read back. */

/* Each effective value, and behind it where it came from. */
void config_print_values(FILE *out, const struct config_load *load);

/* One line each: "macronode.toml:12:3: limits.rps: expected ...". */
void config_print_problems(FILE *out, const struct config_load *load);

/* etc/macronode.toml: every key with its sentence, commented out unless the package sets it
 * otherwise than the default. */
void config_print_example(FILE *out);

/* The list of keys of macronode.toml(5), in mdoc. */
void config_print_man(FILE *out);

#endif
