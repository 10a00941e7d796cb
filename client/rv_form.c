#include "client/rv.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool rv_text_fits(const char *text, enum rv_form form)
{
	static const struct {
		const char *pattern;
		size_t longest;
	} forms[] = {
#define AS_ROW(NAME, pattern, longest) { "^(" pattern ")$", longest },
		RV_FORMS(AS_ROW)
#undef AS_ROW
	};
	static regex_t compiled[RV_FORM_COUNT];
	static bool is_compiled[RV_FORM_COUNT];

	if (!is_compiled[form] &&
		regcomp(&compiled[form], forms[form].pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		rv_stop(RV_CANNOT, "no memory");
	}
	is_compiled[form] = true;
	return text != NULL && strlen(text) <= forms[form].longest &&
	       regexec(&compiled[form], text, 0, NULL, 0) == 0;
}

bool rv_fits(const struct rv_node *node, enum rv_form form)
{
	return node->type == RV_STRING && node->is_whole && rv_text_fits(node->text, form);
}

bool rv_is_text(const struct rv_node *node, const char *text)
{
	return node->type == RV_STRING && node->is_whole && strcmp(node->text, text) == 0;
}

bool rv_is_number(const struct rv_node *node, int64_t max, uint64_t *ret)
{
	if (node->type != RV_NUMBER || !rv_text_fits(node->text, RV_FORM_NATURAL) ||
		strlen(node->text) > 19) {
		return false;
	}
	*ret = strtoull(node->text, NULL, 10);
	return *ret <= (uint64_t)max;
}

/* There is such a day and minute; seconds since 1970. */
bool rv_is_time(const char *text, int64_t *ret)
{
	struct tm said = { .tm_mday = 1 }, is;
	time_t seconds;
	int count = sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2d", &said.tm_year, &said.tm_mon,
		&said.tm_mday, &said.tm_hour, &said.tm_min, &said.tm_sec);

	if (count < 3 || said.tm_year < 1) {
		return false;
	}
	said.tm_year -= 1900;
	said.tm_mon -= 1;
	is = said;
	seconds = timegm(&is);
	*ret = seconds;
	return is.tm_year == said.tm_year && is.tm_mon == said.tm_mon &&
	       is.tm_mday == said.tm_mday && is.tm_hour == said.tm_hour &&
	       is.tm_min == said.tm_min && is.tm_sec == said.tm_sec;
}

bool rv_is_epoch(const struct rv_node *node)
{
	int64_t seconds;

	return rv_fits(node, RV_FORM_EPOCH) && rv_is_time(node->text, &seconds);
}
