#ifndef COMMON_VERSION_H
#define COMMON_VERSION_H

/* What this was built from; /version, `macronode version` and build_info agree by it. */
extern const char version_semver[];
extern const char version_commit[]; /* "<sha> <date of the commit>", or "unknown ..." */
extern const char version_toolchain[];
extern const char version_openapi[]; /* version of docs/openapi/macronode.yaml */

#endif
