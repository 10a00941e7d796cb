#ifndef COMMON_CONFIG_FILE_H
#define COMMON_CONFIG_FILE_H

#include "common/config_load.h"
#include "core/toml.h"

/* Sets every key of a document that was read; each mistake is a problem with its place. */
void config_file_apply(struct config_load *load, const struct toml *doc);

#endif
