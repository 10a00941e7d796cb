#ifndef COMMON_SANDBOX_BASE_H
#define COMMON_SANDBOX_BASE_H

#include "common/sandbox.h"

/* What every worker may do. Only common/sandbox.c and the tests look at it. */
extern const struct sandbox_policy sandbox_base;

/* What the sanitizers' own runtime does on top; empty in any other build. */
extern const struct sandbox_policy sandbox_base_sanitized;

#endif
