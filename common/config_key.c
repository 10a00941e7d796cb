#include "common/config_key.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

static const struct config_key keys[] = {
#define AS_ROW(member, TYPE, name, preset, min, max, readers, RELOAD, env_names, flags, sentence) \
	{ name, preset, CONFIG_##TYPE, min, max, "", readers, CONFIG_##RELOAD, env_names, flags,  \
		sentence, offsetof(struct config, member),                                        \
		sizeof((struct config *)NULL)->member },
#define AS_CHOICE(member, name, preset, words, readers, RELOAD, env_names, flags, sentence)     \
	{ name, preset, CONFIG_CHOICE, 0, 0, words, readers, CONFIG_##RELOAD, env_names, flags, \
		sentence, offsetof(struct config, member),                                      \
		sizeof((struct config *)NULL)->member },
	CONFIG_KEYS(AS_ROW, AS_CHOICE)
#undef AS_CHOICE
#undef AS_ROW
};

static const struct config_dropped dropped[] = {
#define AS_ROW(name, env_names, flags, why) { name, env_names, flags, why },
	CONFIG_DROPPED(AS_ROW)
#undef AS_ROW
};

_Static_assert(COUNT_OF(keys) == CONFIG_KEY_COUNT, "a row is a key");

const struct config_key *config_key_at(size_t id)
{
	assert(id < CONFIG_KEY_COUNT);
	return &keys[id];
}

/* ---- lists of words in a string ---- */

bool config_key_next_word(
	const char **list, char separator, const char **ret_word, size_t *ret_bytes)
{
	const char *word = *list;
	size_t bytes = 0;

	while (*word == separator) {
		word++;
	}
	while (word[bytes] != '\0' && word[bytes] != separator) {
		bytes++;
	}
	*list = word + bytes;
	*ret_word = word;
	*ret_bytes = bytes;
	return bytes > 0;
}

static bool has_word(const char *list, const char *word)
{
	const char *found = NULL;
	size_t bytes = 0;

	while (config_key_next_word(&list, ' ', &found, &bytes)) {
		if (strlen(word) == bytes && memcmp(found, word, bytes) == 0) {
			return true;
		}
	}
	return false;
}

/* ---- finding ---- */

void config_key_env_name(size_t id, char ret_name[CONFIG_ENV_NAME_BYTES_MAX])
{
	const char *name = config_key_at(id)->name;
	size_t count = (size_t)snprintf(ret_name, CONFIG_ENV_NAME_BYTES_MAX, "MACRO_%s", name);

	assert(count < CONFIG_ENV_NAME_BYTES_MAX);
	for (size_t i = 0; i < count; i++) {
		ret_name[i] = ret_name[i] == '.' ? '_' : (char)toupper((unsigned char)ret_name[i]);
	}
}

size_t config_key_find(const char *name)
{
	size_t id = 0;

	while (id < CONFIG_KEY_COUNT && strcmp(keys[id].name, name) != 0) {
		id++;
	}
	return id;
}

size_t config_key_find_env(const char *name)
{
	char canonical[CONFIG_ENV_NAME_BYTES_MAX];
	size_t id;

	for (id = 0; id < CONFIG_KEY_COUNT; id++) {
		config_key_env_name(id, canonical);
		if (strcmp(canonical, name) == 0 || has_word(keys[id].env_names, name)) {
			break;
		}
	}
	return id;
}

size_t config_key_find_flag(const char *flag)
{
	size_t id = 0;

	while (id < CONFIG_KEY_COUNT && !has_word(keys[id].flags, flag)) {
		id++;
	}
	return id;
}

static bool pattern_matches(const char *pattern, const char *name)
{
	size_t stem_bytes = strlen(pattern);

	if (stem_bytes < 2 || strcmp(pattern + stem_bytes - 2, ".*") != 0) {
		return strcmp(pattern, name) == 0;
	}
	return strncmp(pattern, name, stem_bytes - 1) == 0; /* with its dot */
}

const struct config_dropped *config_key_dropped(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(dropped); i++) {
		if (pattern_matches(dropped[i].name, name)) {
			return &dropped[i];
		}
	}
	return NULL;
}

const struct config_dropped *config_key_dropped_env(const char *name)
{
	for (size_t i = 0; i < COUNT_OF(dropped); i++) {
		if (has_word(dropped[i].env_names, name)) {
			return &dropped[i];
		}
	}
	return NULL;
}

const struct config_dropped *config_key_dropped_flag(const char *flag)
{
	for (size_t i = 0; i < COUNT_OF(dropped); i++) {
		if (has_word(dropped[i].flags, flag)) {
			return &dropped[i];
		}
	}
	return NULL;
}

static size_t section_bytes(const char *name)
{
	const char *dot = strchr(name, '.');

	return dot == NULL ? 0 : (size_t)(dot - name);
}

static bool is_in_section(const char *name, const char *section)
{
	size_t bytes = section_bytes(name);

	return bytes > 0 && strlen(section) == bytes && memcmp(name, section, bytes) == 0;
}

bool config_key_has_section(const char *section)
{
	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		if (is_in_section(keys[i].name, section)) {
			return true;
		}
	}
	for (size_t i = 0; i < COUNT_OF(dropped); i++) {
		if (is_in_section(dropped[i].name, section)) {
			return true;
		}
	}
	return false;
}

/* ---- the nearest name ---- */

/* Longer ones are nobody's slip of the finger. */
#define NEAR_BYTES_MAX 64u

struct nearest {
	const char *wanted;
	char *found; /* of the caller */
	size_t found_bytes_max;
	unsigned changes;
};

static unsigned smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* Characters to insert, delete, replace or swap with a neighbour (optimal string alignment). */
static unsigned changes_between(const char *a, const char *b)
{
	unsigned rows[3][NEAR_BYTES_MAX + 1];
	size_t a_bytes = strlen(a), b_bytes = strlen(b);

	if (a_bytes > NEAR_BYTES_MAX || b_bytes > NEAR_BYTES_MAX) {
		return NEAR_BYTES_MAX;
	}
	for (size_t j = 0; j <= b_bytes; j++) {
		rows[0][j] = (unsigned)j;
	}
	for (size_t i = 1; i <= a_bytes; i++) {
		unsigned *before2 = rows[(i + 1) % 3], *before = rows[(i - 1) % 3];
		unsigned *row = rows[i % 3];

		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b_bytes; j++) {
			unsigned replaced = before[j - 1] + (a[i - 1] != b[j - 1]);

			row[j] = smaller(replaced, smaller(before[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
				row[j] = smaller(row[j], before2[j - 2] + 1);
			}
		}
	}
	return rows[a_bytes % 3][b_bytes];
}

/* A third of the name may be wrong: more is another name. */
static struct nearest nearest_begin(const char *wanted, char *found, size_t found_bytes_max)
{
	found[0] = '\0';
	return (struct nearest){
		.wanted = wanted,
		.found = found,
		.found_bytes_max = found_bytes_max,
		.changes = (unsigned)strlen(wanted) / 3 + 1,
	};
}

static void nearest_try(struct nearest *nearest, const char *name, size_t name_bytes)
{
	char copy[NEAR_BYTES_MAX + 1];
	unsigned changes;

	if (name_bytes > NEAR_BYTES_MAX) {
		return;
	}
	memcpy(copy, name, name_bytes);
	copy[name_bytes] = '\0';
	changes = changes_between(nearest->wanted, copy);
	if (changes < nearest->changes) {
		nearest->changes = changes;
		(void)snprintf(nearest->found, nearest->found_bytes_max, "%s", copy);
	}
}

void config_key_nearest(const char *name, char *ret_name, size_t bytes_max)
{
	struct nearest nearest = nearest_begin(name, ret_name, bytes_max);
	const char *dot = strrchr(name, '.');
	const char *last = dot == NULL ? name : dot + 1;

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		nearest_try(&nearest, keys[i].name, strlen(keys[i].name));
	}
	for (size_t i = 0; ret_name[0] == '\0' && i < COUNT_OF(keys); i++) {
		if (strcmp(keys[i].name + section_bytes(keys[i].name) + 1, last) == 0) {
			(void)snprintf(ret_name, bytes_max, "%s", keys[i].name); /* wrong section */
		}
	}
}

void config_key_nearest_env(const char *name, char *ret_name, size_t bytes_max)
{
	struct nearest nearest = nearest_begin(name, ret_name, bytes_max);

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		char canonical[CONFIG_ENV_NAME_BYTES_MAX];
		const char *list = keys[i].env_names, *word = NULL;
		size_t bytes = 0;

		config_key_env_name(i, canonical);
		nearest_try(&nearest, canonical, strlen(canonical));
		while (config_key_next_word(&list, ' ', &word, &bytes)) {
			nearest_try(&nearest, word, bytes);
		}
	}
}

void config_key_nearest_section(const char *name, char *ret_name, size_t bytes_max)
{
	struct nearest nearest = nearest_begin(name, ret_name, bytes_max);

	for (size_t i = 0; i < COUNT_OF(keys); i++) {
		nearest_try(&nearest, keys[i].name, section_bytes(keys[i].name));
	}
}

/* ---- what config.h promises about a key ---- */

const char *config_key_name(enum config_key_id id)
{
	return config_key_at(id)->name;
}

enum config_reload config_key_reload(enum config_key_id id)
{
	return config_key_at(id)->reload;
}

unsigned config_key_readers(enum config_key_id id)
{
	return config_key_at(id)->readers;
}

bool config_key_differs(enum config_key_id id, const struct config *a, const struct config *b)
{
	size_t offset = config_key_at(id)->member_offset;

	/* Members are whole copies of values that were zeroed first (config_value.c). */
	return memcmp((const char *)a + offset, (const char *)b + offset,
		       config_key_at(id)->member_bytes) != 0;
}

void config_key_copy(enum config_key_id id, struct config *to, const struct config *from)
{
	size_t offset = config_key_at(id)->member_offset;

	memcpy((char *)to + offset, (const char *)from + offset, config_key_at(id)->member_bytes);
}
