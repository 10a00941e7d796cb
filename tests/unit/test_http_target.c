#include "core/http_target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct slice text_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void assert_slice(struct slice got, const char *expected)
{
	assert_int_equal(got.bytes_count, strlen(expected));
	assert_memory_equal(
		got.bytes_count > 0 ? (const char *)got.bytes : "", expected, got.bytes_count);
}

static void a_target_is_split_into_path_and_query(void **state)
{
	static const struct {
		const char *target;
		enum http_target_form form;
		const char *authority, *path, *query;
	} targets[] = {
		{ "/", HTTP_FORM_ORIGIN, "", "/", "" },
		{ "/v1/tx/", HTTP_FORM_ORIGIN, "", "/v1/tx/", "" },
		{ "/o/b3:ab@12", HTTP_FORM_ORIGIN, "", "/o/b3:ab@12", "" },
		{ "/epochs/2025-10-13T00:00Z", HTTP_FORM_ORIGIN, "", "/epochs/2025-10-13T00:00Z",
			"" },
		{ "/.well-known/x", HTTP_FORM_ORIGIN, "", "/.well-known/x", "" },
		{ "/...", HTTP_FORM_ORIGIN, "", "/...", "" },
		{ "/a.", HTTP_FORM_ORIGIN, "", "/a.", "" },
		{ "/%C3%A4", HTTP_FORM_ORIGIN, "", "/%C3%A4", "" },
		{ "/a%20b", HTTP_FORM_ORIGIN, "", "/a%20b", "" },
		{ "/a?", HTTP_FORM_ORIGIN, "", "/a", "" },
		{ "/a?b=c?d/e;f&g", HTTP_FORM_ORIGIN, "", "/a", "b=c?d/e;f&g" },
		{ "/a?%2e%2F%61", HTTP_FORM_ORIGIN, "", "/a", "%2e%2F%61" },
		{ "http://h/", HTTP_FORM_ABSOLUTE, "h", "/", "" },
		{ "https://h:1/a?b", HTTP_FORM_ABSOLUTE, "h:1", "/a", "b" },
		{ "*", HTTP_FORM_ASTERISK, "", "", "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		struct http_target target;

		assert_int_equal(
			http_target_parse(text_slice(targets[i].target), &target), HTTP_OK);
		assert_int_equal(target.form, targets[i].form);
		assert_slice(target.authority, targets[i].authority);
		assert_slice(target.path, targets[i].path);
		assert_slice(target.query, targets[i].query);
	}
}

/* What other servers would normalise, decode or cut. */
static const char *const second_spellings[] = {
	"//",
	"//a",
	"/a//b",
	"/.",
	"/./",
	"/..",
	"/../",
	"/a/.",
	"/a/./b",
	"/a/..",
	"/a/../b",
	"/%2e",
	"/%2E%2E/",
	"/a;b",
	"/;",
	"/a%3b%",
	"/a\\b",
	"/a%5Cb",
	"/a%2fb",
	"/a%2Fb",
	"/%00",
	"/%0A",
	"/%1F",
	"/%7F",
	"/%25",
	"/%",
	"/%4",
	"/%4G",
	"/%g1",
	"/%c3%a4",
	"/%C3%a4",
	"/%C3%Aa",
	"/%41",
	"/%5A",
	"/%61",
	"/%7A",
	"/%30",
	"/%2D",
	"/%5F",
	"/%7E",
	"/a\"",
	"/<",
	"/>",
	"/[",
	"/]",
	"/^",
	"/`",
	"/{",
	"/|",
	"/}",
	"/a#b",
	"/\x80",
	"/\xff",
	"/a b",
	"/\t",
	"/\x7f",
	"http://h",
	"http://h?a",
};

static void a_second_spelling_of_a_path_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(second_spellings); i++) {
		struct http_target target = { .form = HTTP_FORM_ASTERISK };

		if (http_target_parse(text_slice(second_spellings[i]), &target) != HTTP_PATH) {
			fail_msg("%s was accepted", second_spellings[i]);
		}
		assert_int_equal(target.form, HTTP_FORM_ASTERISK); /* untouched */
	}
}

/* Goal: whatever an escape stands for has no other spelling in an accepted path. */
static void each_escape_in_a_path_is_the_only_spelling_of_its_byte(void **state)
{
	(void)state;
	for (unsigned byte = 0; byte <= UINT8_MAX; byte++) {
		char escaped[8], raw[3] = { '/', (char)byte, '\0' };
		struct http_target target;
		bool escaped_ok, raw_ok;

		snprintf(escaped, sizeof escaped, "/%%%02X", byte);
		escaped_ok = http_target_parse(text_slice(escaped), &target) == HTTP_OK;
		raw_ok = byte != '?' && http_target_parse((struct slice){ (const uint8_t *)raw, 2 },
						&target) == HTTP_OK;
		if (memchr("-_~", (int)byte, 3) != NULL || (byte >= '0' && byte <= '9') ||
			((byte | 0x20u) >= 'a' && (byte | 0x20u) <= 'z')) {
			assert_true(raw_ok && !escaped_ok);
		}
		if (byte < 0x20 || byte == 0x7f) {
			assert_false(raw_ok || escaped_ok);
		}
		if (byte > 0x7f) {
			assert_true(escaped_ok && !raw_ok);
		}
	}
}

static void a_query_with_broken_escapes_is_refused(void **state)
{
	static const char *const targets[] = { "/?%", "/?%4", "/?%4G", "/?%00", "/?%7f", "/?%1F",
		"/?#", "/?a b", "/?\"", "/?[", "/?\\", "/?\x80", "/?^" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(targets); i++) {
		struct http_target target;

		assert_int_equal(http_target_parse(text_slice(targets[i]), &target), HTTP_QUERY);
	}
}

static void what_is_no_path_is_refused_by_its_form(void **state)
{
	struct http_target target;

	(void)state;
	assert_int_equal(http_target_parse(text_slice(""), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("a"), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("?a"), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("**"), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("ftp://h/"), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("http:/h/"), &target), HTTP_TARGET_FORM);
	assert_int_equal(http_target_parse(text_slice("h:80"), &target), HTTP_AUTHORITY_FORM);
	assert_int_equal(http_target_parse(text_slice("[::1]:80"), &target), HTTP_AUTHORITY_FORM);
}

static void a_good_authority_is_split_into_name_and_port(void **state)
{
	static const struct {
		const char *text, *name;
		uint16_t port;
		bool is_ip;
	} authorities[] = {
		{ "localhost", "localhost", 0, false },
		{ "a-b_c.D:1", "a-b_c.D", 1, false },
		{ "h:65535", "h", 65535, false },
		{ "h:00080", "h", 80, false },
		{ "127.0.0.1", "127.0.0.1", 0, true },
		{ "255.255.255.255:80", "255.255.255.255", 80, true },
		{ "256.0.0.1", "256.0.0.1", 0, false },
		{ "127.0.0.01", "127.0.0.01", 0, false },
		{ "127.0.1", "127.0.1", 0, false },
		{ "1.2.3.4.5", "1.2.3.4.5", 0, false },
		{ "1.2.3.4.", "1.2.3.4.", 0, false },
		{ "[::]", "::", 0, true },
		{ "[::1]:8080", "::1", 8080, true },
		{ "[1::]", "1::", 0, true },
		{ "[2001:DB8:0:0:8:800:200c:417a]", "2001:DB8:0:0:8:800:200c:417a", 0, true },
		{ "[1:2:3:4:5:6:7::]", "1:2:3:4:5:6:7::", 0, true },
		{ "[::2:3:4:5:6:7:8]", "::2:3:4:5:6:7:8", 0, true },
		{ "[1:2:3::7:8]", "1:2:3::7:8", 0, true },
		{ "[::ffff:192.0.2.1]", "::ffff:192.0.2.1", 0, true },
		{ "[1:2:3:4:5:6:192.0.2.1]", "1:2:3:4:5:6:192.0.2.1", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(authorities); i++) {
		struct http_authority authority;

		assert_int_equal(http_target_authority(text_slice(authorities[i].text), &authority),
			HTTP_OK);
		assert_slice(authority.name, authorities[i].name);
		assert_int_equal(authority.port, authorities[i].port);
		assert_int_equal(authority.is_ip, authorities[i].is_ip);
	}
}

static void a_bad_authority_is_refused(void **state)
{
	static const char *const texts[] = { "", ":", ":80", "h:", "h:0", "h:65536", "h:123456",
		"h:8a", "h:80:80", "h ", " h", "a b", "a,b", "a/b", "user@h", "%41", "h~", "h*",
		"[", "[]", "[:]", "[:::]", "[1]", "[1:2:3:4:5:6:7]", "[1:2:3:4:5:6:7:8:9]",
		"[1:2:3:4:5:6:7:8::]", "[::1:2:3:4:5:6:7:8]", "[1::2::3]", "[1:2:3:4:5:6:7:]",
		"[:1:2:3:4:5:6:7]", "[12345::]", "[g::]", "[::1.2.3]", "[::1.2.3.256]",
		"[1:2:3:4:5:6::1.2.3.4]", "[1:2:3:4:5:6:7:1.2.3.4]", "[1.2.3.4::]", "[::1%eth0]",
		"[::1", "::1", "[::1]x", "[::1]80", "[v1.a]", "[[::1]]" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(texts); i++) {
		struct http_authority authority;

		if (http_target_authority(text_slice(texts[i]), &authority) == HTTP_OK) {
			fail_msg("%s was accepted", texts[i]);
		}
	}
}

static void a_host_name_ends_at_253_bytes(void **state)
{
	uint8_t name[254];
	struct http_authority authority;

	(void)state;
	memset(name, 'a', sizeof name);
	assert_int_equal(http_target_authority((struct slice){ name, 253 }, &authority), HTTP_OK);
	assert_int_equal(http_target_authority((struct slice){ name, 254 }, &authority),
		HTTP_HOST_MALFORMED);
}

static void parameters_are_found_by_name(void **state)
{
	struct http_parameters parameters;

	(void)state;
	assert_int_equal(http_target_parameters(
				 text_slice("account=acc_1&asset=&cursor=a%3D=b"), &parameters),
		HTTP_OK);
	assert_int_equal(parameters.count, 3);
	assert_slice(*http_target_parameter(&parameters, "account"), "acc_1");
	assert_slice(*http_target_parameter(&parameters, "asset"), "");
	assert_slice(*http_target_parameter(&parameters, "cursor"), "a%3D=b");
	assert_null(http_target_parameter(&parameters, "accoun"));
	assert_null(http_target_parameter(&parameters, "Account"));
	assert_int_equal(http_target_parameters((struct slice){ NULL, 0 }, &parameters), HTTP_OK);
	assert_int_equal(parameters.count, 0);
}

static void malformed_or_repeated_parameters_are_refused(void **state)
{
	static const char *const queries[] = { "a", "=", "=b", "a=b&", "&a=b", "a=b&&c=d", "a=b+c",
		"a%41=b", "a b=c", "a[]=b", "a=b&c" };
	struct http_parameters parameters;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(queries); i++) {
		assert_int_equal(http_target_parameters(text_slice(queries[i]), &parameters),
			HTTP_PARAMETERS);
	}
	assert_int_equal(http_target_parameters(text_slice("a=1&b=2&a=1"), &parameters),
		HTTP_PARAMETER_REPEATED);
}

static void sixteen_parameters_fit_and_no_more(void **state)
{
	static const char query[] = "a=&b=&c=&d=&e=&f=&g=&h=&i=&j=&k=&l=&m=&n=&o=&p=&q=";
	struct http_parameters parameters;
	struct slice all = text_slice(query);

	(void)state;
	assert_int_equal(http_target_parameters(all, &parameters), HTTP_PARAMETERS);
	all.bytes_count -= strlen("&q=");
	assert_int_equal(http_target_parameters(all, &parameters), HTTP_OK);
	assert_int_equal(parameters.count, HTTP_PARAMETERS_MAX);
}

static void a_value_is_unescaped_once_and_within_bounds(void **state)
{
	uint8_t bytes[8];
	size_t bytes_count = 99;

	(void)state;
	assert_int_equal(
		http_target_unescape(text_slice("%C3%a4b%2541"), bytes, 6, &bytes_count), ERR_OK);
	assert_int_equal(bytes_count, 6);
	assert_memory_equal(bytes,
		"\xc3\xa4"
		"b%41",
		6);
	bytes_count = 99;
	assert_int_equal(http_target_unescape(text_slice("%C3%a4b%2541"), bytes, 5, &bytes_count),
		ERR_TOO_LARGE);
	assert_int_equal(
		http_target_unescape(text_slice("a%4"), bytes, 8, &bytes_count), ERR_MALFORMED);
	assert_int_equal(
		http_target_unescape(text_slice("%"), bytes, 8, &bytes_count), ERR_MALFORMED);
	assert_int_equal(
		http_target_unescape(text_slice("%xy"), bytes, 8, &bytes_count), ERR_MALFORMED);
	assert_int_equal(bytes_count, 99);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_target_is_split_into_path_and_query),
		cmocka_unit_test(a_second_spelling_of_a_path_is_refused),
		cmocka_unit_test(each_escape_in_a_path_is_the_only_spelling_of_its_byte),
		cmocka_unit_test(a_query_with_broken_escapes_is_refused),
		cmocka_unit_test(what_is_no_path_is_refused_by_its_form),
		cmocka_unit_test(a_good_authority_is_split_into_name_and_port),
		cmocka_unit_test(a_bad_authority_is_refused),
		cmocka_unit_test(a_host_name_ends_at_253_bytes),
		cmocka_unit_test(parameters_are_found_by_name),
		cmocka_unit_test(malformed_or_repeated_parameters_are_refused),
		cmocka_unit_test(sixteen_parameters_fit_and_no_more),
		cmocka_unit_test(a_value_is_unescaped_once_and_within_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
