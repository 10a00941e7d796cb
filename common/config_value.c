#include "common/config_value.h"

#include <arpa/inet.h>
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/amount.h"
#include "core/note.h"
#include "core/utf8.h"

_Static_assert(CONFIG_HOST_NAMES_MAX *(CONFIG_NAME_BYTES_MAX + 1) <= CONFIG_VALUE_TEXT_BYTES_MAX,
	"a list of names fits");
_Static_assert(CONFIG_UIDS_MAX * 11 <= CONFIG_VALUE_TEXT_BYTES_MAX, "a list of uids fits");

#define RATIO_ONE UINT64_C(1000000)

struct unit {
	const char *name;
	uint64_t factor;
};

/* Smallest first: the last exact one is printed. */
static const struct unit duration_units[] = {
	{ "ms", 1 },
	{ "s", CONFIG_SECOND_MS },
	{ "m", CONFIG_MINUTE_MS },
	{ "h", CONFIG_HOUR_MS },
};
static const struct unit size_units[] = {
	{ "B", 1 },
	{ "KiB", CONFIG_KIB },
	{ "MiB", CONFIG_MIB },
	{ "GiB", 1024ull * CONFIG_MIB },
};
static const struct unit decimal_size_units[] = {
	{ "KB", 1000 },
	{ "MB", 1000000 },
};

/* ---- numbers and units ---- */

/* Digits up to the end, or up to something else: *ret_rest. */
static bool parse_digits(const char *text, uint64_t *ret_number, const char **ret_rest)
{
	uint64_t number = 0;

	if (*text < '0' || *text > '9') {
		return false;
	}
	for (; *text >= '0' && *text <= '9'; text++) {
		unsigned digit = (unsigned)(*text - '0');

		if (number > (UINT64_MAX - digit) / 10) {
			return false;
		}
		number = number * 10 + digit;
	}
	*ret_number = number;
	*ret_rest = text;
	return true;
}

static bool parse_number(const char *text, uint64_t *ret_number)
{
	const char *rest = NULL;

	return parse_digits(text, ret_number, &rest) && *rest == '\0';
}

/* "0.01", with at most six digits behind the point, as millionths. */
static bool parse_ratio(const char *text, uint64_t *ret_millionths)
{
	uint64_t whole = 0, scale = RATIO_ONE;
	const char *rest = NULL;

	if (!parse_digits(text, &whole, &rest) || whole > 1) {
		return false;
	}
	*ret_millionths = whole * RATIO_ONE;
	if (*rest == '\0') {
		return true;
	}
	if (*rest != '.' || rest[1] == '\0') {
		return false;
	}
	for (rest++; *rest >= '0' && *rest <= '9' && scale > 1; rest++) {
		scale /= 10;
		*ret_millionths += (uint64_t)(*rest - '0') * scale;
	}
	return *rest == '\0';
}

static void print_ratio(uint64_t millionths, char *ret_text)
{
	char fraction[8];
	size_t digits = 6;

	(void)snprintf(fraction, sizeof fraction, "%06" PRIu64, millionths % RATIO_ONE);
	while (digits > 1 && fraction[digits - 1] == '0') {
		digits--;
	}
	(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%" PRIu64 ".%.*s",
		millionths / RATIO_ONE, (int)digits, fraction);
}

static bool apply_unit(
	uint64_t *number, const char *name, const struct unit *units, size_t units_count)
{
	for (size_t i = 0; i < units_count; i++) {
		if (strcmp(units[i].name, name) == 0) {
			return !__builtin_mul_overflow(*number, units[i].factor, number);
		}
	}
	return false;
}

static bool parse_duration(const char *text, uint64_t *ret_ms)
{
	const char *unit = NULL;

	return parse_digits(text, ret_ms, &unit) &&
	       apply_unit(ret_ms, unit, duration_units, COUNT_OF(duration_units));
}

static bool parse_size(const char *text, uint64_t *ret_bytes)
{
	const char *unit = NULL;

	return parse_digits(text, ret_bytes, &unit) &&
	       (apply_unit(ret_bytes, unit, size_units, COUNT_OF(size_units)) ||
		       apply_unit(
			       ret_bytes, unit, decimal_size_units, COUNT_OF(decimal_size_units)));
}

static void print_unit(
	uint64_t number, const struct unit *units, size_t units_count, char *ret_text)
{
	size_t best = 0;

	for (size_t i = 1; number > 0 && i < units_count; i++) {
		if (number % units[i].factor == 0) {
			best = i;
		}
	}
	(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%" PRIu64 "%s",
		number / units[best].factor, units[best].name);
}

static void print_number(const struct config_key *key, uint64_t number, char *ret_text)
{
	if (key->type == CONFIG_DURATION) {
		print_unit(number, duration_units, COUNT_OF(duration_units), ret_text);
	} else if (key->type == CONFIG_SIZE) {
		print_unit(number, size_units, COUNT_OF(size_units), ret_text);
	} else if (key->type == CONFIG_RATIO) {
		print_ratio(number, ret_text);
	} else {
		(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%" PRIu64, number);
	}
}

static bool is_within(const struct config_key *key, uint64_t number)
{
	return number >= key->min && number <= key->max;
}

/* ---- the other types ---- */

/* Single underscores between digits are for eyes (spec/wallet.md section 3). */
static bool parse_amount(const char *text, u128 *ret_amount)
{
	char digits[AMOUNT_DIGITS_MAX];
	size_t count = 0;

	for (size_t i = 0; text[i] != '\0'; i++) {
		if (text[i] == '_' && i > 0 && text[i - 1] != '_' && text[i + 1] != '\0') {
			continue;
		}
		if (count == sizeof digits) {
			return false;
		}
		digits[count++] = text[i];
	}
	return amount_parse(digits, count, ret_amount) == AMOUNT_OK && *ret_amount > 0;
}

/* A file has booleans; the environment of others says 1 or on (RON_AMNESIA=1). */
static bool parse_switch(const char *text, bool *ret_on)
{
	*ret_on = strcmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcmp(text, "on") == 0;
	return *ret_on || strcmp(text, "false") == 0 || strcmp(text, "0") == 0 ||
	       strcmp(text, "off") == 0;
}

static bool parse_choice(const char *words, const char *text, unsigned *ret_choice)
{
	const char *word = NULL;
	size_t bytes = 0;

	for (unsigned choice = 0; config_key_next_word(&words, '|', &word, &bytes); choice++) {
		if (strlen(text) == bytes && memcmp(word, text, bytes) == 0) {
			*ret_choice = choice;
			return true;
		}
	}
	return false;
}

static void print_choice(const char *words, unsigned choice, char *ret_text)
{
	const char *word = NULL;
	size_t bytes = 0;

	do {
		bool found = config_key_next_word(&words, '|', &word, &bytes);

		assert(found); /* a choice is an index that was parsed */
	} while (choice-- > 0);
	(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%.*s", (int)bytes, word);
}

/* Printable and whole: it is going to stand in messages, logs and terminals. */
static bool is_text(const char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if ((unsigned char)text[i] < 0x20 || text[i] == 0x7F) {
			return false;
		}
	}
	return utf8_valid((const uint8_t *)text, bytes);
}

static bool parse_text(const struct config_key *key, const char *text, char *ret_text)
{
	size_t bytes = strlen(text);

	assert(key->max <= CONFIG_TEXT_BYTES_MAX);
	if (!is_within(key, bytes) || !is_text(text, bytes) ||
		(key->type == CONFIG_PATH && bytes > 0 && text[0] != '/')) {
		return false;
	}
	memcpy(ret_text, text, bytes + 1);
	return true;
}

/* "127.0.0.1:80" or "[::1]:80": numbers, so that a start never waits for a name server. */
bool config_value_address(const char *text, struct config_address *ret_address)
{
	char ip[INET6_ADDRSTRLEN];
	const char *colon = strrchr(text, ':');
	uint64_t port = 0;
	bool six = text[0] == '[';
	size_t bytes;

	if (colon == NULL || !parse_number(colon + 1, &port) || port > UINT16_MAX ||
		strlen(colon + 1) > 5) {
		return false;
	}
	bytes = (size_t)(colon - text);
	if (six && (bytes < 2 || text[bytes - 1] != ']')) {
		return false;
	}
	text += six;
	bytes -= six ? 2 : 0;
	if (bytes >= sizeof ip) {
		return false;
	}
	memcpy(ip, text, bytes);
	ip[bytes] = '\0';
	ret_address->family = six ? 6 : 4;
	ret_address->port = (uint16_t)port;
	return inet_pton(six ? AF_INET6 : AF_INET, ip, ret_address->ip) == 1;
}

static void print_address(const struct config_address *address, char *ret_text)
{
	char ip[INET6_ADDRSTRLEN] = "";
	bool six = address->family == 6;

	(void)inet_ntop(six ? AF_INET6 : AF_INET, address->ip, ip, sizeof ip);
	(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, six ? "[%s]:%u" : "%s:%u", ip,
		address->port);
}

/* ---- lists ---- */

/* Copies what stands before the next comma; false at the end, or if it has no room. */
static bool next_element(const char **text, char *ret_element, size_t bytes_max)
{
	size_t bytes = strcspn(*text, ",");

	if (bytes == 0 || bytes >= bytes_max) {
		return false;
	}
	memcpy(ret_element, *text, bytes);
	ret_element[bytes] = '\0';
	*text += bytes;
	if (**text == ',' && (*text)[1] != '\0') {
		(*text)++; /* a comma at the end stays, and is refused */
	}
	return true;
}

static bool parse_numbers(
	const struct config_key *key, const char *text, struct config_numbers *ret_numbers)
{
	char element[24];

	while (ret_numbers->count < CONFIG_UIDS_MAX &&
		next_element(&text, element, sizeof element)) {
		uint64_t number = 0;

		if (!parse_number(element, &number) || !is_within(key, number)) {
			return false;
		}
		ret_numbers->values[ret_numbers->count++] = (uint32_t)number;
	}
	return *text == '\0';
}

static bool is_host_name(const char *text)
{
	return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0' &&
	       text[0] != '.' && text[0] != '-' && strstr(text, "..") == NULL;
}

static bool is_signer(const char *text)
{
	struct note_vkey vkey;

	return note_vkey_parse((struct slice){ (const uint8_t *)text, strlen(text) }, &vkey) ==
	       NOTE_OK;
}

static bool parse_texts(
	const struct config_key *key, const char *text, struct config_texts *ret_texts)
{
	assert(key->max == CONFIG_HOST_NAMES_MAX);
	while (ret_texts->count < key->max &&
		next_element(
			&text, ret_texts->texts[ret_texts->count], CONFIG_NAME_BYTES_MAX + 1)) {
		const char *element = ret_texts->texts[ret_texts->count];

		if (key->type == CONFIG_SIGNERS ? !is_signer(element) : !is_host_name(element)) {
			return false;
		}
		ret_texts->count++;
	}
	return *text == '\0';
}

static void print_list(
	const struct config_key *key, const union config_value *value, char *ret_text)
{
	bool numbers = key->type == CONFIG_NUMBERS;
	uint32_t count = numbers ? value->numbers.count : value->texts.count;
	size_t used = 0;

	ret_text[0] = '\0';
	for (uint32_t i = 0; i < count; i++) {
		size_t left = CONFIG_VALUE_TEXT_BYTES_MAX - used;
		const char *comma = i == 0 ? "" : ",";

		used += (size_t)(numbers ? snprintf(ret_text + used, left, "%s%" PRIu32, comma,
						   value->numbers.values[i])
					 : snprintf(ret_text + used, left, "%s%s", comma,
						   value->texts.texts[i]));
		assert(used < CONFIG_VALUE_TEXT_BYTES_MAX);
	}
}

/* ---- every type ---- */

static bool parse(const struct config_key *key, const char *text, union config_value *value)
{
	switch (key->type) {
	case CONFIG_NUMBER:
		return parse_number(text, &value->number) && is_within(key, value->number);
	case CONFIG_DURATION:
		return parse_duration(text, &value->number) && is_within(key, value->number);
	case CONFIG_SIZE:
		return parse_size(text, &value->number) && is_within(key, value->number);
	case CONFIG_RATIO:
		return parse_ratio(text, &value->number) && is_within(key, value->number);
	case CONFIG_SWITCH:
		return parse_switch(text, &value->on);
	case CONFIG_TEXT:
	case CONFIG_PATH:
		return parse_text(key, text, value->text);
	case CONFIG_ADDRESS:
		return config_value_address(text, &value->address);
	case CONFIG_AMOUNT:
		return parse_amount(text, &value->amount);
	case CONFIG_NUMBERS:
		return parse_numbers(key, text, &value->numbers);
	case CONFIG_TEXTS:
	case CONFIG_SIGNERS:
		return parse_texts(key, text, &value->texts);
	case CONFIG_CHOICE:
		return parse_choice(key->words, text, &value->choice);
	}
	return false;
}

bool config_value_parse(
	const struct config_key *key, const char *text, union config_value *ret_value)
{
	union config_value value;

	memset(&value, 0, sizeof value); /* padding too: members are compared whole */
	if (!parse(key, text, &value)) {
		return false;
	}
	memcpy(ret_value, &value, sizeof value);
	return true;
}

void config_value_print(const struct config_key *key, const union config_value *value,
	char ret_text[CONFIG_VALUE_TEXT_BYTES_MAX])
{
	switch (key->type) {
	case CONFIG_NUMBER:
	case CONFIG_DURATION:
	case CONFIG_SIZE:
	case CONFIG_RATIO:
		print_number(key, value->number, ret_text);
		break;
	case CONFIG_SWITCH:
		(void)snprintf(
			ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%s", value->on ? "true" : "false");
		break;
	case CONFIG_TEXT:
	case CONFIG_PATH:
		(void)snprintf(ret_text, CONFIG_VALUE_TEXT_BYTES_MAX, "%s", value->text);
		break;
	case CONFIG_ADDRESS:
		print_address(&value->address, ret_text);
		break;
	case CONFIG_AMOUNT:
		(void)amount_print(value->amount, ret_text);
		break;
	case CONFIG_NUMBERS:
	case CONFIG_TEXTS:
	case CONFIG_SIGNERS:
		print_list(key, value, ret_text);
		break;
	case CONFIG_CHOICE:
		print_choice(key->words, value->choice, ret_text);
		break;
	}
}

static void expect_range(
	const struct config_key *key, const char *what, const char *example, char *text, size_t max)
{
	char low[CONFIG_VALUE_TEXT_BYTES_MAX], high[CONFIG_VALUE_TEXT_BYTES_MAX];

	print_number(key, key->min, low);
	print_number(key, key->max, high);
	(void)snprintf(
		text, max, "%s from %.40s to %.40s, for example %s", what, low, high, example);
}

static void expect_choice(const char *words, char *text, size_t max)
{
	const char *word = NULL;
	size_t bytes = 0, used = (size_t)snprintf(text, max, "one of");

	while (config_key_next_word(&words, '|', &word, &bytes) && used < max) {
		used += (size_t)snprintf(text + used, max - used, " %.*s", (int)bytes, word);
	}
}

void config_value_expect(const struct config_key *key, char *ret_text, size_t bytes_max)
{
	switch (key->type) {
	case CONFIG_NUMBER:
		expect_range(key, "a number", key->preset, ret_text, bytes_max);
		break;
	case CONFIG_DURATION:
		expect_range(key, "a duration (ms, s, m, h)", key->preset, ret_text, bytes_max);
		break;
	case CONFIG_SIZE:
		expect_range(
			key, "a size (B, KiB, MiB, GiB, KB, MB)", key->preset, ret_text, bytes_max);
		break;
	case CONFIG_RATIO:
		expect_range(key, "a ratio", key->preset, ret_text, bytes_max);
		break;
	case CONFIG_SWITCH:
		(void)snprintf(ret_text, bytes_max, "true or false");
		break;
	case CONFIG_TEXT:
		(void)snprintf(ret_text, bytes_max, "printable text of at most %" PRIu64 " bytes",
			key->max);
		break;
	case CONFIG_PATH:
		(void)snprintf(ret_text, bytes_max,
			"an absolute path of at most %" PRIu64 " bytes%s", key->max,
			key->min == 0 ? ", or nothing" : "");
		break;
	case CONFIG_ADDRESS:
		(void)snprintf(ret_text, bytes_max,
			"an IP address and a port, for example %s or [::1]:8080", key->preset);
		break;
	case CONFIG_AMOUNT:
		(void)snprintf(ret_text, bytes_max,
			"a whole number in quotes, from \"1\" to \"2^128 - 1\"");
		break;
	case CONFIG_NUMBERS:
		(void)snprintf(ret_text, bytes_max,
			"a list of at most %u numbers from %" PRIu64 " to %" PRIu64,
			CONFIG_UIDS_MAX, key->min, key->max);
		break;
	case CONFIG_TEXTS:
		(void)snprintf(ret_text, bytes_max,
			"a list of at most %" PRIu64 " host names in small letters", key->max);
		break;
	case CONFIG_SIGNERS:
		(void)snprintf(
			ret_text, bytes_max, "a list of at most %" PRIu64 " of vkeys", key->max);
		break;
	case CONFIG_CHOICE:
		expect_choice(key->words, ret_text, bytes_max);
		break;
	}
}

void config_value_get(
	const struct config_key *key, const struct config *config, union config_value *ret_value)
{
	memset(ret_value, 0, sizeof *ret_value);
	memcpy(ret_value, (const char *)config + key->member_offset, key->member_bytes);
}

void config_value_put(
	const struct config_key *key, struct config *config, const union config_value *value)
{
	memcpy((char *)config + key->member_offset, value, key->member_bytes);
}
