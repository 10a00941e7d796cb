#include "cli/caveats.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include "core/caveat.h"

enum value_form { FORM_TEXT, FORM_ACTIONS, FORM_TIME, FORM_DURATION };

static const struct option_row {
	const char *option;
	const char *caveat; /* "": the option's value is the whole caveat */
	enum value_form form;
} rows[] = {
	{ "--action", "action=", FORM_ACTIONS },
	{ "--account", "account=", FORM_TEXT },
	{ "--asset", "asset=", FORM_TEXT },
	{ "--kind", "kind=", FORM_TEXT },
	{ "--amount", "amount<=", FORM_TEXT },
	{ "--daily", "daily<=", FORM_TEXT },
	{ "--tenant", "tenant=", FORM_TEXT },
	{ "--method", "method=", FORM_TEXT },
	{ "--path", "path=", FORM_TEXT },
	{ "--max-bytes", "max-bytes=", FORM_TEXT },
	{ "--epoch", "epoch=", FORM_TEXT },
	{ "--nbf", "nbf=", FORM_TIME },
	{ "--exp", "exp=", FORM_TIME },
	{ "--ttl", "ttl=", FORM_DURATION },
	{ "--peer-uid", "peer-uid=", FORM_TEXT },
	{ "--node", "node=", FORM_TEXT },
	{ "--caveat", "", FORM_TEXT },
};

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct caveats *caveats, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(caveats->error, sizeof caveats->error, format, args);
	va_end(args);
	return false;
}

static bool parse_digits(const char **text, uint64_t *ret_number)
{
	uint64_t number = 0;
	size_t digits = 0;

	while (**text >= '0' && **text <= '9') {
		if (++digits > 15) {
			return false;
		}
		number = number * 10 + (uint64_t)(*(*text)++ - '0');
	}
	*ret_number = number;
	return digits > 0;
}

bool caveats_parse_duration(const char *text, uint64_t *ret_seconds)
{
	static const struct {
		char letter;
		uint64_t seconds;
	} units[] = { { 's', 1 }, { 'm', 60 }, { 'h', 3600 }, { 'd', 86400 } };
	uint64_t number = 0;

	if (!parse_digits(&text, &number) || number == 0 || text[0] == '\0' || text[1] != '\0') {
		return false;
	}
	for (size_t i = 0; i < COUNT_OF(units); i++) {
		if (units[i].letter == text[0] && number <= CAVEAT_UNIX_S_MAX / units[i].seconds) {
			*ret_seconds = number * units[i].seconds;
			return true;
		}
	}
	return false;
}

bool caveats_parse_time(const char *text, uint64_t *ret_unix_s)
{
	struct tm fields = { 0 };
	const char *rest = text;
	uint64_t number = 0;

	if (parse_digits(&rest, &number) && *rest == '\0') {
		*ret_unix_s = number;
		return number <= CAVEAT_UNIX_S_MAX;
	}
	rest = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &fields);
	if (strlen(text) != strlen("2026-01-31T12:00:00Z") || rest == NULL || *rest != '\0') {
		return false;
	}
	time_t unix_s = timegm(&fields);
	if (unix_s < 0) {
		return false;
	}
	*ret_unix_s = (uint64_t)unix_s;
	return true;
}

/* Bits of a group's actions: "wallet." of "wallet.read". */
static uint32_t group_mask(const char *name, size_t bytes)
{
	uint32_t mask = 0;

	for (unsigned i = 0; i < CAVEAT_ACTION_COUNT; i++) {
		if (strncmp(caveat_action_name(i), name, bytes) == 0) {
			mask |= CAVEAT_ACTION_BIT(i);
		}
	}
	return mask;
}

static bool append(char *value, size_t bytes_max, const char *text, size_t bytes, bool star)
{
	size_t used = strlen(value);
	int wrote = snprintf(value + used, bytes_max - used, "%s%.*s%s", used > 0 ? "," : "",
		(int)bytes, text, star ? "*" : "");

	return wrote > 0 && (size_t)wrote < bytes_max - used;
}

bool caveats_fold_actions(const char *list, char *ret_value, size_t bytes_max)
{
	uint32_t wanted = 0, done = 0;
	struct slice rest = { (const uint8_t *)list, strlen(list) };
	struct slice item;

	if (rest.bytes_count + strlen("action=") <= CAVEAT_BYTES_MAX &&
		rest.bytes_count < bytes_max) {
		memcpy(ret_value, list, rest.bytes_count + 1);
		return true;
	}
	while (caveat_take_item(&rest, &item)) {
		char text[CAVEAT_BYTES_MAX];
		struct caveat caveat;
		int bytes = snprintf(text, sizeof text, "action=%.*s", (int)item.bytes_count,
			(const char *)item.bytes);

		if (bytes < 0 || (size_t)bytes >= sizeof text ||
			caveat_parse((struct slice){ (const uint8_t *)text, (size_t)bytes },
				&caveat) != CAVEAT_FAULT_OK) {
			return false;
		}
		wanted |= caveat.mask;
	}
	ret_value[0] = '\0';
	for (unsigned i = 0; i < CAVEAT_ACTION_COUNT; i++) {
		const char *name = caveat_action_name(i);
		size_t group_bytes = strcspn(name, ".") + 1;
		uint32_t group = group_mask(name, group_bytes);
		bool whole = (wanted & group) == group;

		if ((wanted & ~done & CAVEAT_ACTION_BIT(i)) == 0) {
			continue;
		}
		if (!append(ret_value, bytes_max, name, whole ? group_bytes : strlen(name),
			    whole)) {
			return false;
		}
		done |= whole ? group : CAVEAT_ACTION_BIT(i);
	}
	return true;
}

/* The text of the caveat behind its name. */
static bool write_value(struct caveats *caveats, const struct option_row *row, const char *value,
	char ret_text[512])
{
	uint64_t number = 0;

	switch (row->form) {
	case FORM_TEXT:
		(void)snprintf(ret_text, 512, "%s", value);
		return true;
	case FORM_ACTIONS:
		return caveats_fold_actions(value, ret_text, 512) ||
		       refuse(caveats, "--action %.200s: not a list of actions", value);
	case FORM_TIME:
		if (!caveats_parse_time(value, &number)) {
			return refuse(caveats,
				"%s %.100s: expected seconds since 1970, or 2026-01-31T12:00:00Z",
				row->option, value);
		}
		break;
	case FORM_DURATION:
		if (!caveats_parse_duration(value, &number)) {
			return refuse(caveats, "%s %.100s: expected a duration such as 15m or 24h",
				row->option, value);
		}
		break;
	}
	(void)snprintf(ret_text, 512, "%" PRIu64, number);
	return true;
}

static bool refuse_caveat(struct caveats *caveats, struct slice text, enum caveat_fault fault)
{
	const char *nearest = caveat_nearest(text);

	return refuse(caveats, "'%.*s': %s%s%s%s",
		(int)(text.bytes_count < 200 ? text.bytes_count : 200), (const char *)text.bytes,
		caveat_fault_text(fault), nearest != NULL ? "; did you mean '" : "",
		nearest != NULL ? nearest : "", nearest != NULL ? "'?" : "");
}

static bool add(struct caveats *caveats, const struct option_row *row, const char *value)
{
	char text[1024], behind[512];
	struct caveat parsed;
	struct slice line;
	enum caveat_fault fault;

	if (!write_value(caveats, row, value, behind)) {
		return false;
	}
	int bytes = snprintf(text, sizeof text, "%s%s", row->caveat, behind);
	line = (struct slice){ (const uint8_t *)text, bytes > 0 ? (size_t)bytes : 0 };
	fault = caveat_parse(line, &parsed);
	if (fault != CAVEAT_FAULT_OK) {
		return refuse_caveat(caveats, line, fault);
	}
	if (caveats->count == TOKEN_CAVEATS_MAX ||
		line.bytes_count + 1 > sizeof caveats->text - caveats->bytes_count) {
		return refuse(caveats, "more than %u caveats", TOKEN_CAVEATS_MAX);
	}
	char *to = caveats->text + caveats->bytes_count;
	memcpy(to, text, line.bytes_count);
	to[line.bytes_count] = '\n';
	caveats->lines[caveats->count++] = (struct slice){ (uint8_t *)to, line.bytes_count };
	caveats->bytes_count += line.bytes_count + 1;
	return true;
}

bool caveats_from_options(const struct cli *cli, struct caveats *ret_caveats)
{
	_Static_assert(TOKEN_CAVEATS_MAX * (CAVEAT_BYTES_MAX + 1) <= VERB_CAVEATS_BYTES_MAX + 32,
		"as many caveats as a token has fit, but for the last line feeds");
	ret_caveats->bytes_count = 0;
	ret_caveats->count = 0;
	for (size_t i = 0; i < cli->given_count; i++) {
		for (size_t r = 0; r < COUNT_OF(rows); r++) {
			if (strcmp(cli->given[i].option->name, rows[r].option) == 0 &&
				!add(ret_caveats, &rows[r], cli->given[i].value)) {
				return false;
			}
		}
	}
	return true;
}
