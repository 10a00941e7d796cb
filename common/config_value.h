#ifndef COMMON_CONFIG_VALUE_H
#define COMMON_CONFIG_VALUE_H

#include "common/config_key.h"

/* A value has one text form, the same in the environment, in a flag, as a default, and on
 * the way to a worker: "5s", "1MiB", "true", "127.0.0.1:8080", lists with commas. The file
 * has TOML's types, which config_file.c turns into it. Printing and parsing are inverse. */

/* Every list and text fits, with its NUL. */
#define CONFIG_VALUE_TEXT_BYTES_MAX 4352u

union config_value {
	uint64_t number; /* also SIZE */
	int64_t duration_ms;
	bool on;
	unsigned choice;
	char text[CONFIG_TEXT_BYTES_MAX + 1];
	struct config_address address;
	u128 amount;
	struct config_numbers numbers;
	struct config_texts texts;
};

/* False: it is not a value of this key, or outside of its bounds. */
MUST_CHECK bool config_value_parse(
	const struct config_key *key, const char *text, union config_value *ret_value);

/* Of an ADDRESS alone, for whatever has one in it. */
MUST_CHECK bool config_value_address(const char *text, struct config_address *ret_address);

/* The text form, canonical: durations and sizes in the largest unit that is exact. */
void config_value_print(const struct config_key *key, const union config_value *value,
	char ret_text[CONFIG_VALUE_TEXT_BYTES_MAX]);

/* What the key takes, for a sentence: "a duration from 1ms to 1m, for example 5s". */
void config_value_expect(const struct config_key *key, char *ret_text, size_t bytes_max);

void config_value_get(
	const struct config_key *key, const struct config *config, union config_value *ret_value);
void config_value_put(
	const struct config_key *key, struct config *config, const union config_value *value);

#endif
