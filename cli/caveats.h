#ifndef CLI_CAVEATS_H
#define CLI_CAVEATS_H

/* From the options of `cap mint` and `cap attenuate` to caveats, checked here already, because
 * the sentence is better where the mistake was typed. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/commands.h"
#include "common/limits.h"
#include "common/slice.h"
#include "proto/verbs.h"

struct caveats {
	char text[VERB_CAVEATS_BYTES_MAX]; /* a line each, as CTL_MINT carries them */
	size_t bytes_count;
	size_t count;
	struct slice lines[TOKEN_CAVEATS_MAX]; /* without their line feeds */
	char error[512];
};

/* False: ret_caveats->error says what is wrong. */
bool caveats_from_options(const struct cli *cli, struct caveats *ret_caveats);

/* "90s", "15m", "24h", "30d" in seconds. */
bool caveats_parse_duration(const char *text, uint64_t *ret_seconds);

/* Seconds since 1970, or 2026-01-31T12:00:00Z. */
bool caveats_parse_time(const char *text, uint64_t *ret_unix_s);

/* The value of action=, shortened if it must be: where a list is longer than a caveat may be,
 * a group of which it has every action becomes `group.*`. That is the same today; a later
 * version may know more of the group, so a list that fits stays as it is.
 * False: it is no list of actions, or too long even so. */
bool caveats_fold_actions(const char *list, char *ret_value, size_t bytes_max);

#endif
