#ifndef SUPERVISOR_RELOAD_RESULT_H
#define SUPERVISOR_RELOAD_RESULT_H

/* What a reload came to, for whoever asked, for status, the log and the audit records. Nothing in
 * it is secret: of keys and certificates the configuration has the paths alone. */

#include "common/config.h"
#include "core/json_out.h"
#include "proto/verbs.h"

struct reload_result {
	int64_t unix_ms;     /* 0: there was none */
	uint64_t generation; /* of the configuration that is in force behind it */
	bool is_applied;
	bool is_passing; /* the configuration is not what it was refused for: it may be tried again
			  */
	char actor[VERB_NAME_BYTES_MAX + 1];
	char refusal[VERB_TEXT_BYTES_MAX + 1]; /* "": it was not refused */

	/* Of each key, whether it changed, and whether it will at the next start. A changed
	 * policy.file may have the same path: then its document is another one. */
	bool changed[CONFIG_KEY_COUNT];
	bool needs_restart[CONFIG_KEY_COUNT];
	struct config before, offered;
};

size_t reload_result_count(const bool keys[CONFIG_KEY_COUNT]);

/* One object, with its members in the order of their names. Values as they were and as they are
 * wanted, or names alone. */
void reload_result_write(
	struct json_out *out, const struct reload_result *result, bool with_values);

/* Their names, in an array; NULL: an empty one. */
void reload_result_write_keys(struct json_out *out, const bool *keys);

/* An event for the whole and one for each key. */
void reload_result_log(const struct reload_result *result);

#endif
