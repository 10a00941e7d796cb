#include "core/http_reply.h"

#include <string.h>

#define SECONDS_PER_DAY 86400u
#define U64_DIGITS_MAX  20u

/* Where the head grows; once full it stays so. */
struct sink {
	uint8_t *bytes;
	size_t bytes_max;
	size_t bytes_count;
	bool overflow;
};

static void put_bytes(struct sink *sink, const void *bytes, size_t bytes_count)
{
	if (sink->overflow || bytes_count > sink->bytes_max - sink->bytes_count) {
		sink->overflow = true;
		return;
	}
	if (bytes_count > 0) {
		memcpy(sink->bytes + sink->bytes_count, bytes, bytes_count);
		sink->bytes_count += bytes_count;
	}
}

static void put_text(struct sink *sink, const char *text)
{
	put_bytes(sink, text, strlen(text));
}

static void put_u64(struct sink *sink, uint64_t number)
{
	char digits[U64_DIGITS_MAX];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put_bytes(sink, digits + at, sizeof digits - at);
}

/* The one place where a value enters a head: response splitting ends here. */
static void put_field(struct sink *sink, const char *name, struct slice value)
{
	assert(name[0] != '\0');
	for (const char *byte = name; *byte != '\0'; byte++) {
		assert(http_is_token_byte((uint8_t)*byte));
	}
	for (size_t i = 0; i < value.bytes_count; i++) {
		assert(http_is_value_byte(value.bytes[i]));
	}
	put_text(sink, name);
	put_text(sink, ": ");
	put_bytes(sink, value.bytes, value.bytes_count);
	put_text(sink, "\r\n");
}

static void put_text_field(struct sink *sink, const char *name, const char *value)
{
	put_field(sink, name, (struct slice){ (const uint8_t *)value, strlen(value) });
}

static void put_u64_field(struct sink *sink, const char *name, uint64_t number)
{
	put_text(sink, name);
	put_text(sink, ": ");
	put_u64(sink, number);
	put_text(sink, "\r\n");
}

static void put_status_line(struct sink *sink, uint16_t status)
{
	const char *reason = NULL;

	switch (status) {
#define AS_CASE(number, phrase)  \
	case number:             \
		reason = phrase; \
		break;
		HTTP_STATUSES(AS_CASE)
#undef AS_CASE
	default:
		break;
	}
	assert(reason != NULL);
	put_text(sink, "HTTP/1.1 ");
	put_u64(sink, status);
	put_text(sink, " ");
	put_text(sink, reason);
	put_text(sink, "\r\n");
}

static void put_allow(struct sink *sink, uint32_t methods)
{
	const char *separator = "Allow: ";

	methods |= HTTP_METHOD_BIT(HTTP_METHOD_OPTIONS);
	if ((methods & HTTP_METHOD_BIT(HTTP_METHOD_GET)) != 0) {
		methods |= HTTP_METHOD_BIT(HTTP_METHOD_HEAD);
	}
	for (unsigned i = HTTP_METHOD_UNKNOWN + 1; i < HTTP_METHOD_COUNT; i++) {
		if ((methods & HTTP_METHOD_BIT(i)) != 0) {
			put_text(sink, separator);
			put_text(sink, http_method_name((enum http_method)i));
			separator = ", ";
		}
	}
	put_text(sink, "\r\n");
}

static void put_fields(struct sink *sink, const struct http_reply *reply)
{
	put_text_field(sink, "Date", reply->date);
	if (reply->content_type != NULL) {
		put_text_field(sink, "Content-Type", reply->content_type);
		put_text_field(sink, "X-Content-Type-Options", "nosniff");
	}
	if (reply->status != 204 && reply->status != 304 && !reply->until_close) {
		put_u64_field(sink, "Content-Length", reply->content_length);
	}
	if (reply->close || reply->until_close) {
		put_text_field(sink, "Connection", "close");
	}
	if (reply->retry_after_s > 0) {
		put_u64_field(sink, "Retry-After", reply->retry_after_s);
	}
	if (reply->allow != 0) {
		put_allow(sink, reply->allow);
	}
	if (reply->corr_id.bytes_count > 0) {
		put_field(sink, "X-Corr-ID", reply->corr_id);
		put_field(sink, "X-Request-Id", reply->corr_id);
	}
	if (reply->www_authenticate != NULL) {
		put_text_field(sink, "WWW-Authenticate", reply->www_authenticate);
	}
	for (size_t i = 0; i < reply->fields_count; i++) {
		put_field(sink, reply->fields[i].name, reply->fields[i].value);
	}
}

enum err http_reply_write(
	const struct http_reply *reply, uint8_t *bytes, size_t bytes_max, size_t *ret_bytes_count)
{
	struct sink sink = { .bytes = bytes, .bytes_max = bytes_max };

	assert(reply->date != NULL);
	assert(reply->status != 204 || (reply->content_length == 0 && !reply->until_close));
	put_status_line(&sink, reply->status);
	put_fields(&sink, reply);
	put_text(&sink, "\r\n");
	if (sink.overflow) {
		return ERR_TOO_LARGE;
	}
	*ret_bytes_count = sink.bytes_count;
	return ERR_OK;
}

struct slice http_reply_continue(void)
{
	static const uint8_t text[] = "HTTP/1.1 100 Continue\r\n\r\n";

	return (struct slice){ text, sizeof text - 1 };
}

bool http_reply_has_content(enum http_method method, uint16_t status)
{
	return method != HTTP_METHOD_HEAD && status != 204 && status != 304;
}

struct day {
	unsigned year, month, day_of_month; /* month from 0 */
};

/* A day number since 1970-01-01 as a date, in a calendar whose years begin in March, so that
 * the leap day is a year's last, and whose 400-year eras of 146,097 days begin in the year 0. */
static struct day day_from_number(uint64_t day_number)
{
	unsigned days = (unsigned)day_number + 719468u; /* since 0000-03-01 */
	unsigned era = days / 146097u;
	unsigned day_of_era = days % 146097u;
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460u + day_of_era / 36524u - day_of_era / 146096u) /
		365u;
	unsigned day_of_year =
		day_of_era - (365u * year_of_era + year_of_era / 4u - year_of_era / 100u);
	unsigned month_from_march = (5u * day_of_year + 2u) / 153u;
	bool next_year = month_from_march >= 10; /* January and February */

	return (struct day){
		.year = era * 400u + year_of_era + next_year,
		.month = next_year ? month_from_march - 10u : month_from_march + 2u,
		.day_of_month = day_of_year - (153u * month_from_march + 2u) / 5u + 1u,
	};
}

static void put_digits(char *text, unsigned digits_count, unsigned number)
{
	for (unsigned i = digits_count; i > 0; i--) {
		text[i - 1] = (char)('0' + number % 10);
		number /= 10;
	}
	assert(number == 0);
}

void http_reply_date(uint64_t unix_s, char ret_date[HTTP_REPLY_DATE_BYTES])
{
	static const char weekdays[] = "ThuFriSatSunMonTueWed"; /* 1970 began on a Thursday */
	static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
	unsigned second = (unsigned)(unix_s % SECONDS_PER_DAY);
	struct day day;

	assert(unix_s <= HTTP_REPLY_UNIX_S_MAX);
	day = day_from_number(unix_s / SECONDS_PER_DAY);
	memcpy(ret_date, "Www, DD Mmm YYYY hh:mm:ss GMT", HTTP_REPLY_DATE_BYTES);
	memcpy(ret_date, weekdays + unix_s / SECONDS_PER_DAY % 7 * 3, 3);
	put_digits(ret_date + 5, 2, day.day_of_month);
	memcpy(ret_date + 8, months + day.month * 3, 3);
	put_digits(ret_date + 12, 4, day.year);
	put_digits(ret_date + 17, 2, second / 3600);
	put_digits(ret_date + 20, 2, second / 60 % 60);
	put_digits(ret_date + 23, 2, second % 60);
}

void http_reply_timestamp(uint64_t unix_s, char ret_time[HTTP_REPLY_TIMESTAMP_BYTES])
{
	unsigned second = (unsigned)(unix_s % SECONDS_PER_DAY);
	struct day day;

	assert(unix_s <= HTTP_REPLY_UNIX_S_MAX);
	day = day_from_number(unix_s / SECONDS_PER_DAY);
	memcpy(ret_time, "YYYY-MM-DDThh:mm:ssZ", HTTP_REPLY_TIMESTAMP_BYTES);
	put_digits(ret_time, 4, day.year);
	put_digits(ret_time + 5, 2, day.month + 1);
	put_digits(ret_time + 8, 2, day.day_of_month);
	put_digits(ret_time + 11, 2, second / 3600);
	put_digits(ret_time + 14, 2, second / 60 % 60);
	put_digits(ret_time + 17, 2, second % 60);
}
