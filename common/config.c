#include "common/config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/config_env.h"
#include "common/config_file.h"
#include "common/config_load.h"
#include "common/config_rules.h"
#include "core/toml.h"

void config_init(struct config_load *load)
{
	static const struct config_source source = { .rank = CONFIG_FROM_DEFAULT };

	memset(load, 0, sizeof *load);
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		bool ok = config_load_set(load, id, config_key_at(id)->preset, &source);

		assert(ok); /* every default is a value of its row */
	}
}

bool config_check(struct config_load *load)
{
	uint32_t problems_before = load->problems_count;

	config_rules_check(load);
	return load->problems_count == problems_before;
}

void config_resolve(struct config *config, unsigned processors)
{
	if (config->concurrency_ingress_workers == 0) {
		unsigned wanted = processors / 4;
		wanted = wanted < 1 ? 1 : wanted;
		config->concurrency_ingress_workers = wanted > INGRESS_MAX ? INGRESS_MAX : wanted;
	}
	if (config->concurrency_prevalidators == 0) {
		config->concurrency_prevalidators = processors < 4 ? 1 : 2;
	}
	if (config->rewarder_compute_workers == 0) {
		unsigned wanted = processors < 2 ? 1 : processors - 1;
		config->rewarder_compute_workers = wanted > COMPUTE_MAX ? COMPUTE_MAX : wanted;
	}
}

/* ---- the file ---- */

bool config_apply_file(struct config_load *load, struct slice text, const char *file_name)
{
	uint32_t problems_before = load->problems_count;
	struct config_source source = { .rank = CONFIG_FROM_FILE, .line = 1, .column = 1 };
	struct toml *doc = malloc(sizeof *doc);
	struct toml_error error;

	(void)snprintf(load->file_name, sizeof load->file_name, "%s", file_name);
	if (doc == NULL) {
		config_load_problem(load, &source, "no memory to read it");
	} else if (toml_read(doc, text, &error) != ERR_OK) {
		source.line = error.line;
		source.column = error.column;
		config_load_problem(load, &source, "%s", error.text);
	} else {
		config_file_apply(load, doc);
	}
	free(doc);
	return load->problems_count == problems_before;
}

bool config_apply_env(struct config_load *load, char *const *environment)
{
	uint32_t problems_before = load->problems_count;

	config_env_apply(load, environment);
	return load->problems_count == problems_before;
}

/* ---- flags ---- */

bool config_knows_flag(const char *flag, bool *ret_wants_value)
{
	size_t id = config_key_find_flag(flag);
	bool dropped = config_key_dropped_flag(flag) != NULL;

	if (id == CONFIG_KEY_COUNT && !dropped) {
		return false;
	}
	*ret_wants_value = id != CONFIG_KEY_COUNT && config_key_at(id)->type != CONFIG_SWITCH;
	return true;
}

bool config_apply_flag(struct config_load *load, const char *flag, const char *value)
{
	struct config_source source = { .rank = CONFIG_FROM_FLAG };
	const struct config_dropped *dropped = config_key_dropped_flag(flag);
	size_t id = config_key_find_flag(flag);

	(void)snprintf(source.name, sizeof source.name, "%s", flag);
	if (id == CONFIG_KEY_COUNT) {
		id = config_key_find(flag);
	}
	if (id == CONFIG_KEY_COUNT) {
		if (dropped == NULL) {
			dropped = config_key_dropped(flag);
		}
		config_load_problem(load, &source,
			dropped != NULL ? "not used, because %s" : "there is no such key%s",
			dropped != NULL ? dropped->why : "");
		return false;
	}
	if (value == NULL && config_key_at(id)->type != CONFIG_SWITCH) {
		config_load_problem(
			load, &source, "%s: a value must follow", config_key_at(id)->name);
		return false;
	}
	return config_load_set(load, id, value == NULL ? "true" : value, &source);
}

/* ---- telling a process ---- */

/* What a process is told: the hash of the table (u64), then for each of its keys in the
 * order of the table the length (u16) and the text form of the value, without a NUL. All
 * little-endian. Keys have no names here: both sides have the same table, or the hash differs. */

#define HEAD_BYTES   8u
#define LENGTH_BYTES 2u

/* FNV-1a, 64 bits: it tells builds apart, not attackers. */
static uint64_t hash_text(uint64_t hash, const char *text)
{
	do {
		hash = (hash ^ (unsigned char)*text) * 1099511628211u;
	} while (*text++ != '\0'); /* the NUL too: "ab","c" is not "a","bc" */
	return hash;
}

uint64_t config_table_hash(void)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		char numbers[96];

		(void)snprintf(numbers, sizeof numbers, "%d %ju %ju %x %zu", (int)key->type,
			(uintmax_t)key->min, (uintmax_t)key->max, key->readers, key->member_bytes);
		hash = hash_text(hash, key->name);
		hash = hash_text(hash, key->words);
		hash = hash_text(hash, numbers);
	}
	return hash;
}

static bool is_told(const struct config_key *key, enum process process)
{
	return (key->readers & 1u << process) != 0;
}

enum err config_encode_for(const struct config *config, enum process process, uint8_t *bytes,
	size_t bytes_max, size_t *ret_bytes_count)
{
	uint64_t hash = config_table_hash();
	size_t used = HEAD_BYTES;

	assert(process < PROCESS_COUNT);
	if (bytes_max < HEAD_BYTES) {
		return ERR_TOO_LARGE;
	}
	for (size_t i = 0; i < HEAD_BYTES; i++) {
		bytes[i] = (uint8_t)(hash >> 8 * i);
	}
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		char text[CONFIG_VALUE_TEXT_BYTES_MAX];
		union config_value value;
		size_t count;

		if (!is_told(key, process)) {
			continue;
		}
		config_value_get(key, config, &value);
		config_value_print(key, &value, text);
		count = strlen(text);
		if (count + LENGTH_BYTES > bytes_max - used) {
			return ERR_TOO_LARGE;
		}
		bytes[used] = (uint8_t)count;
		bytes[used + 1] = (uint8_t)(count >> 8);
		memcpy(bytes + used + LENGTH_BYTES, text, count);
		used += LENGTH_BYTES + count;
	}
	*ret_bytes_count = used;
	return ERR_OK;
}

/* Takes one value off the front of *bytes. */
static bool take_value(struct slice *bytes, const struct config_key *key, struct config *config)
{
	char text[CONFIG_VALUE_TEXT_BYTES_MAX];
	union config_value value;
	size_t count;

	if (bytes->bytes_count < LENGTH_BYTES) {
		return false;
	}
	count = (size_t)(bytes->bytes[0] | bytes->bytes[1] << 8);
	if (count >= sizeof text || count > bytes->bytes_count - LENGTH_BYTES ||
		memchr(bytes->bytes + LENGTH_BYTES, '\0', count) != NULL) {
		return false;
	}
	memcpy(text, bytes->bytes + LENGTH_BYTES, count);
	text[count] = '\0';
	bytes->bytes += LENGTH_BYTES + count;
	bytes->bytes_count -= LENGTH_BYTES + count;
	if (!config_value_parse(key, text, &value)) {
		return false;
	}
	config_value_put(key, config, &value);
	return true;
}

enum err config_decode(struct slice bytes, enum process process, struct config *ret_config)
{
	uint64_t hash = 0;
	struct config config;

	assert(process < PROCESS_COUNT);
	if (bytes.bytes_count < HEAD_BYTES) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < HEAD_BYTES; i++) {
		hash |= (uint64_t)bytes.bytes[i] << 8 * i;
	}
	if (hash != config_table_hash()) {
		return ERR_STALE;
	}
	bytes.bytes += HEAD_BYTES;
	bytes.bytes_count -= HEAD_BYTES;
	memset(&config, 0, sizeof config);
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (is_told(config_key_at(id), process) &&
			!take_value(&bytes, config_key_at(id), &config)) {
			return ERR_MALFORMED;
		}
	}
	if (bytes.bytes_count != 0) {
		return ERR_MALFORMED;
	}
	memcpy(ret_config, &config, sizeof config);
	return ERR_OK;
}
