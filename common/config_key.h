#ifndef COMMON_CONFIG_KEY_H
#define COMMON_CONFIG_KEY_H

#include "common/config.h"

/* The rows of the table as data, for the files config*.c; others see config.h. */

enum config_type {
	CONFIG_NUMBER,
	CONFIG_DURATION, /* int64_t, milliseconds */
	CONFIG_SIZE,     /* bytes */
	CONFIG_RATIO,    /* millionths */
	CONFIG_SWITCH,
	CONFIG_TEXT,
	CONFIG_PATH, /* absolute */
	CONFIG_ADDRESS,
	CONFIG_AMOUNT,
	CONFIG_NUMBERS,
	CONFIG_TEXTS,   /* names of hosts */
	CONFIG_SIGNERS, /* vkeys: core/note.h */
	CONFIG_CHOICE,
};

struct config_key {
	const char *name;
	const char *preset; /* the default, as text */
	enum config_type type;
	uint64_t min;
	uint64_t max;
	const char *words; /* CHOICE: "one|two" */
	unsigned readers;
	enum config_reload reload;
	const char *env_names; /* separated by blanks */
	const char *flags;     /* separated by blanks */
	const char *sentence;
	size_t member_offset;
	size_t member_bytes;
};

struct config_dropped {
	const char *name;
	const char *env_names;
	const char *flags;
	const char *why;
};

#define CONFIG_ENV_NAME_BYTES_MAX 64u

const struct config_key *config_key_at(size_t id);

/* CONFIG_KEY_COUNT: no row has it. */
size_t config_key_find(const char *name);
size_t config_key_find_env(const char *name);
size_t config_key_find_flag(const char *flag);

/* NULL: not among the names that are refused with a reason. */
const struct config_dropped *config_key_dropped(const char *name);
const struct config_dropped *config_key_dropped_env(const char *name);
const struct config_dropped *config_key_dropped_flag(const char *flag);

/* Some row or refused name stands in this section. */
bool config_key_has_section(const char *section);

/* MACRO_<SECTION>_<KEY> */
void config_key_env_name(size_t id, char ret_name[CONFIG_ENV_NAME_BYTES_MAX]);

/* The known name that takes the fewest changes to write; "" if none is near. */
void config_key_nearest(const char *name, char *ret_name, size_t bytes_max);
void config_key_nearest_env(const char *name, char *ret_name, size_t bytes_max);
void config_key_nearest_section(const char *name, char *ret_name, size_t bytes_max);

/* Steps through a list of words; false at its end. */
bool config_key_next_word(
	const char **list, char separator, const char **ret_word, size_t *ret_bytes);

#endif
