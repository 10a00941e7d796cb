#include "core/reward.h"

#include <string.h>

#include "core/amount.h"
#include "core/entry.h"

static const char *const kind_names[] = {
#define AS_NAME(NAME, name) (name),
	REWARD_KINDS(AS_NAME)
#undef AS_NAME
};

static const char *const refusal_names[] = {
#define AS_NAME(NAME, name) (name),
	REWARD_REFUSALS(AS_NAME)
#undef AS_NAME
};

const char *reward_kind_name(unsigned kind)
{
	return kind < REWARD_KIND_COUNT ? kind_names[kind] : "?";
}

const char *reward_refusal_name(unsigned refusal)
{
	return refusal < REWARD_REFUSAL_COUNT ? refusal_names[refusal] : "?";
}

/* ---- how it ended ---- */

void reward_add_text(struct reward_outcome *outcome, const char *text)
{
	size_t used = strlen(outcome->detail);
	size_t room = sizeof outcome->detail - 1 - used;
	size_t count = strlen(text) < room ? strlen(text) : room;

	memcpy(outcome->detail + used, text, count);
	outcome->detail[used + count] = '\0';
}

void reward_add_number(struct reward_outcome *outcome, u128 number)
{
	char digits[AMOUNT_TEXT_BYTES_MAX];

	(void)amount_print(number, digits);
	reward_add_text(outcome, digits);
}

static bool end(
	struct reward_outcome *outcome, const struct reward_outcome *with, const char *detail)
{
	if (outcome->verdict == REWARD_OK) {
		*outcome = *with;
		reward_add_text(outcome, detail);
	}
	return false;
}

bool reward_quarantine(struct reward_outcome *outcome, enum reward_kind kind, const char *detail)
{
	return end(outcome, &(struct reward_outcome){ .verdict = REWARD_QUARANTINED, .kind = kind },
		detail);
}

bool reward_refuse(struct reward_outcome *outcome, enum reward_refusal refusal, const char *detail)
{
	return end(outcome,
		&(struct reward_outcome){ .verdict = REWARD_REFUSED, .refusal = refusal }, detail);
}

bool reward_no_memory(struct reward_outcome *outcome)
{
	return end(outcome, &(struct reward_outcome){ .verdict = REWARD_NO_MEMORY },
		"the memory of a run is used up");
}

/* ---- names ---- */

static bool is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static bool is_lower(uint8_t byte)
{
	return byte >= 'a' && byte <= 'z';
}

bool reward_is_actor(struct slice name)
{
	return entry_account_is_valid(name) && !entry_account_is_sys(name);
}

bool reward_is_category(struct slice name)
{
	for (size_t i = 0; i < name.bytes_count; i++) {
		uint8_t byte = name.bytes[i];

		if (!is_lower(byte) && !is_digit(byte) && byte != '_' && byte != '-') {
			return false;
		}
	}
	return name.bytes_count <= REWARD_CATEGORY_BYTES;
}

bool reward_is_metric(struct slice name)
{
	_Static_assert(REWARD_METRIC_BYTES == REWARD_CATEGORY_BYTES, "one grammar");
	return name.bytes_count > 0 && reward_is_category(name);
}

bool reward_is_name(struct slice name)
{
	_Static_assert(REWARD_NAME_BYTES_MAX == ACCOUNT_BYTES_MAX, "one grammar");
	return entry_account_is_valid(name);
}

bool reward_is_tenant(struct slice name)
{
	return entry_account_is_valid(name) && name.bytes_count <= REWARD_TENANT_BYTES_MAX &&
	       name.bytes[0] != '.' && /* it names a directory too */
	       memchr(name.bytes, ':', name.bytes_count) == NULL;
}

bool reward_is_cid(struct slice text)
{
	if (text.bytes_count != REWARD_CID_BYTES || memcmp(text.bytes, "b3:", 3) != 0) {
		return false;
	}
	for (size_t i = 3; i < text.bytes_count; i++) {
		uint8_t byte = text.bytes[i];

		if (!is_digit(byte) && (byte < 'a' || byte > 'f')) {
			return false;
		}
	}
	return true;
}

/* ---- times ---- */

struct moment {
	unsigned year, month, day, hour, minute, second;
};

/* Digits where the form has 9, else the form's own byte. */
static bool has_form(struct slice text, const char *form)
{
	if (text.bytes_count != strlen(form)) {
		return false;
	}
	for (size_t i = 0; i < text.bytes_count; i++) {
		bool fits = form[i] == '9' ? is_digit(text.bytes[i])
					   : text.bytes[i] == (uint8_t)form[i];

		if (!fits) {
			return false;
		}
	}
	return true;
}

static unsigned number_at(struct slice text, size_t at, size_t digit_count)
{
	unsigned number = 0;

	for (size_t i = at; i < at + digit_count; i++) {
		number = 10 * number + (unsigned)(text.bytes[i] - '0');
	}
	return number;
}

static bool is_leap(unsigned year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static bool there_is(const struct moment *moment)
{
	static const unsigned days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	unsigned extra = moment->month == 2 && is_leap(moment->year) ? 1 : 0;

	return moment->year >= 1 && moment->month >= 1 && moment->month <= 12 && moment->day >= 1 &&
	       moment->day <= days[moment->month - 1] + extra && moment->hour < 24 &&
	       moment->minute < 60 && moment->second < 60;
}

bool reward_is_epoch(struct slice text)
{
	bool has_time = has_form(text, "9999-99-99T99:99Z");
	struct moment moment = { 0 };

	if (!has_time && !has_form(text, "9999-99-99")) {
		return false;
	}
	moment.year = number_at(text, 0, 4);
	moment.month = number_at(text, 5, 2);
	moment.day = number_at(text, 8, 2);
	moment.hour = has_time ? number_at(text, 11, 2) : 0;
	moment.minute = has_time ? number_at(text, 14, 2) : 0;
	return there_is(&moment);
}

/* Days from 1970-01-01, of the Gregorian calendar: years begin in March, so that the leap day is
 * the last of its year. */
static int64_t days_from_1970(const struct moment *moment)
{
	unsigned year = moment->month > 2 ? moment->year : moment->year - 1;
	unsigned month = (moment->month + 9) % 12;
	unsigned day_of_year = (153 * month + 2) / 5 + moment->day - 1;

	return (int64_t)365 * year + year / 4 - year / 100 + year / 400 + day_of_year - 719468;
}

bool reward_time_parse(struct slice text, int64_t *ret_unix_s)
{
	struct moment moment;

	if (!has_form(text, "9999-99-99T99:99:99Z")) {
		return false;
	}
	moment = (struct moment){
		.year = number_at(text, 0, 4),
		.month = number_at(text, 5, 2),
		.day = number_at(text, 8, 2),
		.hour = number_at(text, 11, 2),
		.minute = number_at(text, 14, 2),
		.second = number_at(text, 17, 2),
	};
	if (!there_is(&moment)) {
		return false;
	}
	*ret_unix_s = days_from_1970(&moment) * 86400 + moment.hour * 3600 + moment.minute * 60 +
		      moment.second;
	return true;
}

/* ---- numbers ---- */

enum reward_number reward_number_parse(struct slice text, u128 number_max, u128 *ret_number)
{
	bool is_negative = text.bytes_count > 1 && text.bytes[0] == '-';
	const char *digits = (const char *)text.bytes + (is_negative ? 1 : 0);
	size_t digit_count = text.bytes_count - (is_negative ? 1 : 0);
	u128 number = 0;
	enum amount_error error = amount_parse(digits, digit_count, &number);

	if (error != AMOUNT_OK && error != AMOUNT_TOO_LARGE) {
		return REWARD_NUMBER_NO_DECIMAL;
	}
	if (is_negative) {
		bool is_zero = error == AMOUNT_OK && number == 0;

		return is_zero ? REWARD_NUMBER_NO_DECIMAL : REWARD_NUMBER_NEGATIVE;
	}
	if (error == AMOUNT_TOO_LARGE || number > number_max) {
		return REWARD_NUMBER_TOO_LARGE;
	}
	*ret_number = number;
	return REWARD_NUMBER_OK;
}

bool reward_weight_parse(struct slice text, uint32_t *ret_weight)
{
	uint32_t weight = 0, unit = REWARD_WEIGHT_ONE;

	if (text.bytes_count == 1 && text.bytes[0] == '1') {
		*ret_weight = REWARD_WEIGHT_ONE;
		return true;
	}
	if (text.bytes_count < 3 || text.bytes_count > 11 || memcmp(text.bytes, "0.", 2) != 0 ||
		text.bytes[text.bytes_count - 1] == '0') {
		return false;
	}
	for (size_t i = 2; i < text.bytes_count; i++) {
		if (!is_digit(text.bytes[i])) {
			return false;
		}
		unit /= 10;
		weight += unit * (uint32_t)(text.bytes[i] - '0');
	}
	*ret_weight = weight;
	return true;
}

/* ---- cost ---- */

uint64_t reward_cost_ms(const struct reward_cost *cost, uint64_t actors, uint64_t events)
{
	u128 us = 0, part = 0;

	/* Two products of 128 bits and a word: each sum is checked. */
	if (!amount_add((u128)cost->actor_us * actors, (u128)cost->event_us * events, &part) ||
		!amount_add(part, cost->base_us, &us) || us > (u128)UINT64_MAX * 1000) {
		return UINT64_MAX;
	}
	return (uint64_t)((us + 999) / 1000);
}
