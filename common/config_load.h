#ifndef COMMON_CONFIG_LOAD_H
#define COMMON_CONFIG_LOAD_H

#include "common/config_value.h"

/* The load in hand: how a value gets into it, and how a problem. For the files config*.c. */

/* Where a value stands, as the start of a message: "macronode.toml:12:3". */
void config_load_where(const struct config_load *load, const struct config_source *source,
	char ret_where[CONFIG_WHERE_BYTES_MAX]);

__attribute__((format(printf, 3, 4))) void config_load_problem(
	struct config_load *load, const struct config_source *source, const char *format, ...);

/* Parses text and keeps the value, unless a stronger source gave one. False: a problem. */
bool config_load_set(
	struct config_load *load, size_t id, const char *text, const struct config_source *source);

#endif
