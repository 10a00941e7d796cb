#include "core/toml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct toml doc;
static struct toml_error error;

/* What a document means, in one line: tables {key:value,...}, arrays [..], strings "..." as
 * decoded, integers as such, T and F, floats f and dates d as they were written. */
static char shown[TOML_FILE_BYTES_MAX + 1024];
static size_t shown_bytes;

static void show(const char *text, size_t bytes)
{
	assert_true(shown_bytes + bytes < sizeof shown);
	memcpy(shown + shown_bytes, text, bytes);
	shown_bytes += bytes;
	shown[shown_bytes] = '\0';
}

static void show_slice(struct slice slice)
{
	show((const char *)slice.bytes, slice.bytes_count);
}

static void show_node(uint32_t index, unsigned depth)
{
	const struct toml_node *node = &doc.nodes[index];
	bool table = node->value.type == TOML_TABLE;
	char number[32];

	assert_true(depth < 64);
	switch (node->value.type) {
	case TOML_TABLE:
	case TOML_ARRAY:
		show(table ? "{" : "[", 1);
		for (uint32_t i = node->first; i != 0; i = doc.nodes[i].next) {
			show(",", i != node->first);
			if (table) {
				show_slice(doc.nodes[i].key);
				show(":", 1);
			}
			show_node(i, depth + 1);
		}
		show(table ? "}" : "]", 1);
		break;
	case TOML_STRING:
		show("\"", 1);
		show_slice(node->value.text);
		show("\"", 1);
		break;
	case TOML_INTEGER:
		show(number, (size_t)snprintf(
				     number, sizeof number, "%lld", (long long)node->value.number));
		break;
	case TOML_BOOLEAN:
		show(node->value.number ? "T" : "F", 1);
		break;
	case TOML_FLOAT:
		show("f", 1);
		show_slice(node->value.text);
		break;
	case TOML_DATETIME:
		show("d", 1);
		show_slice(node->value.text);
		break;
	}
}

static enum err read_bytes(const char *text, size_t bytes)
{
	/* A copy of exactly its size: a sanitizer sees the first byte that is read too far. The
	 * nodes point into it, so it lives until the next one. */
	static uint8_t *copy;
	enum err err;

	free(copy);
	copy = malloc(bytes == 0 ? 1 : bytes);
	assert_non_null(copy);
	memcpy(copy, text, bytes);
	memset(&error, 0, sizeof error);
	err = toml_read(&doc, (struct slice){ .bytes = copy, .bytes_count = bytes }, &error);
	shown_bytes = 0;
	if (err == ERR_OK) {
		show_node(0, 0);
	} else {
		assert_int_equal(err, error.code);
	}
	return err;
}

static enum err read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

/* ---- what the grammar allows ---- */

static const struct {
	const char *text;
	const char *meaning;
} valid[] = {
	/* Lines, comments, blanks. */
	{ "", "{}" },
	{ "\n\r\n \t\n", "{}" },
	{ "# only this", "{}" },
	{ "# \xC3\xA9 \xF0\x9F\x98\x80\tand a tab\nk=1 # and here\n", "{k:1}" },
	{ "k=1", "{k:1}" },
	{ " \tk \t= \t1 \t", "{k:1}" },
	{ "k=1\r\nl=2\r\n", "{k:1,l:2}" },
	{ "k='#'#\n", "{k:\"#\"}" },
	/* Keys. */
	{ "a-b_C9=1", "{a-b_C9:1}" },
	{ "1234=1\n-=2\n_=3", "{1234:1,-:2,_:3}" },
	{ "\"\"=1", "{:1}" },
	{ "''=1", "{:1}" },
	{ "\"a b\"=1\n'c\\d'=2", "{a b:1,c\\d:2}" },
	{ "\"\\u0061\\\"\"=1", "{a\":1}" },
	{ "\"\xC3\xA9\"=1", "{\xC3\xA9:1}" },
	{ "a.b.c=1\na.b.d=2\na.e=3", "{a:{b:{c:1,d:2},e:3}}" },
	{ "a . b\t.\"c.d\" = 1", "{a:{b:{c.d:1}}}" },
	{ "3.14=1", "{3:{14:1}}" },
	{ "true=1\ninf=2", "{true:1,inf:2}" },
	{ "a=1\nA=2", "{a:1,A:2}" },
	/* Basic strings. */
	{ "k=\"\"", "{k:\"\"}" },
	{ "k=\"it's\"", "{k:\"it's\"}" },
	{ "k=\"\\b\\t\\n\\f\\r\\\"\\\\\"", "{k:\"\b\t\n\f\r\"\\\"}" },
	{ "k=\"\\u00e9\\U0001F600\\uFFFF\"", "{k:\"\xC3\xA9\xF0\x9F\x98\x80\xEF\xBF\xBF\"}" },
	{ "k=\"\\uD7FF\\uE000\\U0010FFFF\"", "{k:\"\xED\x9F\xBF\xEE\x80\x80\xF4\x8F\xBF\xBF\"}" },
	{ "k=\"tab\there\"", "{k:\"tab\there\"}" },
	/* Literal strings. */
	{ "k='C:\\new\\\"x\"'", "{k:\"C:\\new\\\"x\"\"}" },
	{ "k=''", "{k:\"\"}" },
	/* Strings of many lines. */
	{ "k=\"\"\"\"\"\"", "{k:\"\"}" },
	{ "k=\"\"\"\na\nb\"\"\"", "{k:\"a\nb\"}" },
	{ "k=\"\"\"\r\na\r\nb\"\"\"", "{k:\"a\nb\"}" },
	{ "k=\"\"\"\n\na\"\"\"", "{k:\"\na\"}" },
	{ "k=\"\"\"a \\\n  \t\n  b\"\"\"", "{k:\"a b\"}" },
	{ "k=\"\"\"a \\ \t\n b\"\"\"", "{k:\"a b\"}" },
	{ "k=\"\"\"a\\\r\n\r\n b\"\"\"", "{k:\"ab\"}" },
	{ "k=\"\"\"\\\n  \"\"\"", "{k:\"\"}" },
	{ "k=\"\"\"a\\\\\nb\"\"\"", "{k:\"a\\\nb\"}" },
	{ "k=\"\"\"say \"x\" \"\"y\"\" \\\"\"\"\" # end", "{k:\"say \"x\" \"\"y\"\" \"\"}" },
	{ "k=\"\"\"\"q\"\"\"", "{k:\"\"q\"}" },
	{ "k=\"\"\"q\"\"\"\"", "{k:\"q\"\"}" },
	{ "k=\"\"\"q\"\"\"\"\"", "{k:\"q\"\"\"}" },
	{ "k=\"\"\"\"\"\"\"\"", "{k:\"\"\"\"}" },
	{ "k='''\nraw \\n ''x''\n'''", "{k:\"raw \\n ''x''\n\"}" },
	{ "k='''q'''''", "{k:\"q''\"}" },
	{ "k='''a\\\nb'''", "{k:\"a\\\nb\"}" },
	/* Integers. */
	{ "k=[0,+0,-0,+99,-17]", "{k:[0,0,0,99,-17]}" },
	{ "k=[1_000,5_349_221,1_2_3]", "{k:[1000,5349221,123]}" },
	{ "k=[0xDEADBEEF,0xdead_beef,0x00,0o755,0o01,0b1101_0110]",
		"{k:[3735928559,3735928559,0,493,1,214]}" },
	{ "k=[9223372036854775807,-9223372036854775808]",
		"{k:[9223372036854775807,-9223372036854775808]}" },
	{ "k=[0x7FFFFFFFFFFFFFFF,0x0000000000000000001]", "{k:[9223372036854775807,1]}" },
	/* Floats. */
	{ "k=[1.0,-0.01,+3.14,5e+22,1E06,-2E-2,6.626e-34,0e0]",
		"{k:[f1.0,f-0.01,f+3.14,f5e+22,f1E06,f-2E-2,f6.626e-34,f0e0]}" },
	{ "k=[224_617.445_991,1_0e1_0,0.0,-0.0]", "{k:[f224_617.445_991,f1_0e1_0,f0.0,f-0.0]}" },
	{ "k=[inf,+inf,-inf,nan,+nan,-nan]", "{k:[finf,f+inf,f-inf,fnan,f+nan,f-nan]}" },
	{ "k=99999999999999999999.5", "{k:f99999999999999999999.5}" },
	/* Booleans. */
	{ "k=true\nl=false", "{k:T,l:F}" },
	/* Dates and times. */
	{ "k=1979-05-27T07:32:00Z", "{k:d1979-05-27T07:32:00Z}" },
	{ "k=1979-05-27t00:32:00.999999-07:00", "{k:d1979-05-27t00:32:00.999999-07:00}" },
	{ "k=1979-05-27 07:32:00z # x", "{k:d1979-05-27 07:32:00z}" },
	{ "k=[1979-05-27T07:32:00,1979-05-27,07:32:00,00:32:00.5]",
		"{k:[d1979-05-27T07:32:00,d1979-05-27,d07:32:00,d00:32:00.5]}" },
	{ "k=1979-05-27 # date\nl=1", "{k:d1979-05-27,l:1}" },
	{ "k=[2000-02-29,2024-02-29,1990-12-31T23:59:60Z]",
		"{k:[d2000-02-29,d2024-02-29,d1990-12-31T23:59:60Z]}" },
	/* Arrays. */
	{ "k=[]", "{k:[]}" },
	{ "k=[ ]", "{k:[]}" },
	{ "k=[1,2,]", "{k:[1,2]}" },
	{ "k=[\n # a\n 1 # b\n , # c\n 2 # d\n, # e\n]", "{k:[1,2]}" },
	{ "k=[[],[[]],[1,\"a\",[true]]]", "{k:[[],[[]],[1,\"a\",[T]]]}" },
	{ "k=[1,'a',1.5,true,{x=1}]", "{k:[1,\"a\",f1.5,T,{x:1}]}" },
	{ "k=[\"\"\"a\nb\"\"\",'''c''']", "{k:[\"a\nb\",\"c\"]}" },
	{ "k=[{a=1},\n{a=2}\n]", "{k:[{a:1},{a:2}]}" },
	/* Inline tables. */
	{ "k={}", "{k:{}}" },
	{ "k={ }", "{k:{}}" },
	{ "k={a=1,b.c=2,b.d=3}", "{k:{a:1,b:{c:2,d:3}}}" },
	{ "k={ a = {b={c=1}} , d = [ 1,\n2 ] }", "{k:{a:{b:{c:1}},d:[1,2]}}" },
	{ "k={a=\"\"\"\nx\ny\"\"\"}", "{k:{a:\"x\ny\"}}" },
	{ "a.k={b=1}\na.l={b=2}", "{a:{k:{b:1},l:{b:2}}}" },
	/* Tables. */
	{ "[a]", "{a:{}}" },
	{ "[a]\nx=1\n[b]\nx=2", "{a:{x:1},b:{x:2}}" },
	{ " [ a . 'b.c' . \"d\" ] # x\nk=1", "{a:{b.c:{d:{k:1}}}}" },
	{ "[a.b]\nx=1\n[a]\ny=2", "{a:{b:{x:1},y:2}}" },
	{ "[a.b.c]\n[a]\nb.d=1", "{a:{b:{c:{},d:1}}}" },
	{ "[a.b]\n[c]\n[a.d]", "{a:{b:{},d:{}},c:{}}" },
	{ "[f]\na.c=1\n[f.a.t]\nx=2", "{f:{a:{c:1,t:{x:2}}}}" },
	{ "[\"\"]\nx=1", "{:{x:1}}" },
	/* Arrays of tables. */
	{ "[[p]]\nn=1\n[[p]]\n[[p]]\nn=3", "{p:[{n:1},{},{n:3}]}" },
	{ "[[a]]\n[a.b]\nx=1\n[[a.c]]\n[[a]]\n[a.b]\nx=2", "{a:[{b:{x:1},c:[{}]},{b:{x:2}}]}" },
	{ "[[a.b]]\nx=1\n[a]\ny=2", "{a:{b:[{x:1}],y:2}}" },
	{ "[[a]]\nb.c=1\n[[a]]\nb.c=2", "{a:[{b:{c:1}},{b:{c:2}}]}" },
};

static void valid_documents_mean_what_they_say(void **state)
{
	(void)state;
	assert_true(sizeof valid / sizeof valid[0] >= 60);
	for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
		enum err err = read_text(valid[i].text);

		if (err != ERR_OK) {
			fail_msg("%s\n%u:%u: %s", valid[i].text, error.line, error.column,
				error.text);
		}
		assert_string_equal(shown, valid[i].meaning);
	}
}

/* Goal: the end of every line may be LF or CR LF, and nothing else changes. */
static void a_document_means_the_same_with_carriage_returns(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof valid / sizeof valid[0]; i++) {
		char twin[512];
		size_t used = 0;

		for (const char *at = valid[i].text; *at != '\0'; at++) {
			if (*at == '\n' && (at == valid[i].text || at[-1] != '\r')) {
				twin[used++] = '\r';
			}
			twin[used++] = *at;
			assert_true(used + 2 < sizeof twin);
		}
		assert_int_equal(read_bytes(twin, used), ERR_OK);
		assert_string_equal(shown, valid[i].meaning);
	}
}

/* ---- what it does not ---- */

static const struct {
	const char *text;
	uint32_t line, column;
	const char *says; /* a part of the sentence */
} invalid[] = {
	/* Bytes. */
	{ "\xEF\xBB\xBFk=1", 1, 1, "byte order mark" },
	{ "k=1\rl=2", 1, 4, "line feed after a carriage return" },
	{ "k='a\rb'", 1, 5, "line feed after a carriage return" },
	{ "k=1\r", 1, 4, "line feed after a carriage return" },
	{ "# \x01", 1, 3, "control character" },
	{ "k=\"\x1F\"", 1, 4, "control character" },
	{ "k='\x7F'", 1, 4, "control character" },
	{ "# \xC3\xA9\xFF", 1, 4, "UTF-8" },
	{ "# \xC0\x80", 1, 3, "UTF-8" },
	{ "# \xED\xA0\x80", 1, 3, "UTF-8" },
	{ "# \xF4\x90\x80\x80", 1, 3, "UTF-8" },
	{ "# \xE0\x80\xAF", 1, 3, "UTF-8" },
	{ "\n\n# \xE2\x82", 3, 3, "UTF-8" },
	/* Lines and keys. */
	{ "k", 1, 2, "expected = after a key, found the end of the file" },
	{ "k\n=1", 1, 2, "found the end of the line" },
	{ "k=", 1, 3, "expected a value" },
	{ "k= # no", 1, 4, "expected a value" },
	{ "=1", 1, 1, "expected a key" },
	{ "k=1 l=2", 1, 5, "expected the end of the line or a comment, found \"l\"" },
	{ "k='a' 'b'", 1, 7, "end of the line" },
	{ "k=1\xC3\xA9", 1, 4, "found \"\xC3\xA9\"" },
	{ "\xC3\xA9=1", 1, 1, "expected a key" },
	{ "a b=1", 1, 3, "expected = after a key" },
	{ "a..b=1", 1, 3, "expected a key" },
	{ ".a=1", 1, 1, "expected a key" },
	{ "a.=1", 1, 3, "expected a key" },
	{ "\"a\nb\"=1", 1, 3, "closing \"" },
	{ "\"\"\"a\"\"\"=1", 1, 3, "expected = after a key" },
	{ "'a=1", 1, 5, "closing '" },
	{ "k:1", 1, 2, "expected = after a key, found \":\"" },
	{ "{}", 1, 1, "expected a key" },
	/* Defined twice. */
	{ "a=1\na=2", 2, 1, "\"a\" is there twice: first on line 1" },
	{ "a=1\n\"a\"=2", 2, 1, "is there twice" },
	{ "a=1\na.b=2", 2, 1, "cannot be extended by a dotted key" },
	{ "a.b=1\na=2", 2, 1, "is there twice" },
	{ "a.b=1\na.b.c=2", 2, 3, "cannot be extended" },
	{ "[a]\n[a]", 2, 2, "cannot be this table: it was defined on line 1" },
	{ "[a]\nb=1\n[a.b]", 3, 4, "cannot be this table" },
	{ "[a]\nb=1\n[a.b.c]", 3, 4, "cannot be a table here: it was given a value on line 2" },
	{ "a=1\n[a.b]", 2, 2, "cannot be a table here" },
	{ "[f]\na.c=1\n[f.a]", 3, 4, "cannot be this table" },
	{ "a.b=1\n[a]", 2, 2, "cannot be this table" },
	{ "[a.b.c]\nz=9\n[a]\nb.c.t=1", 4, 3, "cannot be extended" },
	{ "[a.b]\n[a]\nb.c=1", 3, 1, "cannot be extended" },
	{ "k={a=1}\nk.b=2", 2, 1, "cannot be extended" },
	{ "k={a=1}\n[k.b]", 2, 2, "cannot be a table here" },
	{ "k={a=1}\n[k]", 2, 2, "cannot be this table" },
	{ "k={a=1,a=2}", 1, 8, "is there twice" },
	{ "k={a={b=1},a.c=2}", 1, 12, "cannot be extended" },
	{ "k={a.b=1,a={c=2}}", 1, 10, "is there twice" },
	{ "k=[]\n[[k]]", 2, 3, "cannot be an array of tables" },
	{ "k=[{a=1}]\n[k.b]", 2, 2, "cannot be a table here" },
	{ "[k]\n[[k]]", 2, 3, "cannot be an array of tables" },
	{ "[[k]]\n[k]", 2, 2, "cannot be this table" },
	{ "[k.l]\n[[k]]", 2, 3, "cannot be an array of tables" },
	{ "[[a]]\n[a.b]\n[a.b]", 3, 4, "cannot be this table" },
	{ "[[a.b]]\n[a]\nb.c=1", 3, 1, "cannot be extended" },
	/* Headers. */
	{ "[a", 1, 3, "a dot or ]" },
	{ "[]", 1, 2, "expected a key" },
	{ "[a]]", 1, 4, "expected the end of the line" },
	{ "[a] b=1", 1, 5, "expected the end of the line" },
	{ "[a\n]", 1, 3, "a dot or ]" },
	{ "[ [a] ]", 1, 3, "expected a key" },
	{ "[[a]", 1, 5, "]]" },
	{ "[[a] ]", 1, 5, "]]" },
	{ "[[a]]]", 1, 6, "expected the end of the line" },
	{ "[[]]", 1, 3, "expected a key" },
	{ "[a.]", 1, 4, "expected a key" },
	{ "[a b]", 1, 4, "a dot or ]" },
	/* Strings. */
	{ "k=\"a", 1, 5, "closing \", found the end of the file" },
	{ "k=\"a\nb\"", 1, 5, "closing \", found the end of the line" },
	{ "k='a\nb'", 1, 5, "closing '" },
	{ "k=\"\\q\"", 1, 5, "after a backslash" },
	{ "k=\"\\x41\"", 1, 5, "after a backslash" },
	{ "k=\"\\u12g4\"", 1, 8, "four hexadecimal digits" },
	{ "k=\"\\u123\"", 1, 9, "four hexadecimal digits" },
	{ "k=\"\\U0001F60\"", 1, 13, "eight hexadecimal digits" },
	{ "k=\"\\uD800\"", 1, 6, "surrogate" },
	{ "k=\"\\U00110000\"", 1, 6, "surrogate" },
	{ "k=\"\\", 1, 5, "found the end of the file" },
	{ "k=\"\"\"a\"\"", 1, 9, "closing \"\"\"" },
	{ "k=\"\"\"a \\ b\"\"\"", 1, 9, "after a backslash" },
	{ "k=\"\"\"a\"\"\"\"\"\"", 1, 12, "end of the line" },
	{ "k='''a''''''", 1, 12, "end of the line" },
	{ "k='''a", 1, 7, "closing '''" },
	/* Numbers. */
	{ "k=01", 1, 3, "\"01\" is no value" },
	{ "k=-01", 1, 3, "is no value" },
	{ "k=00", 1, 3, "is no value" },
	{ "k=1__0", 1, 3, "is no value" },
	{ "k=_1", 1, 3, "is no value" },
	{ "k=1_", 1, 3, "is no value" },
	{ "k=0x", 1, 3, "is no value" },
	{ "k=0X1", 1, 3, "is no value" },
	{ "k=+0x1", 1, 3, "is no value" },
	{ "k=0x_1", 1, 3, "is no value" },
	{ "k=0b2", 1, 3, "is no value" },
	{ "k=0o8", 1, 3, "is no value" },
	{ "k=++1", 1, 3, "is no value" },
	{ "k=1a", 1, 3, "is no value" },
	{ "k=9223372036854775808", 1, 3, "64 bits" },
	{ "k=-9223372036854775809", 1, 3, "64 bits" },
	{ "k=0x8000000000000000", 1, 3, "64 bits" },
	{ "k=.5", 1, 3, "is no value" },
	{ "k=5.", 1, 3, "is no value" },
	{ "k=1.e5", 1, 3, "is no value" },
	{ "k=1e", 1, 3, "is no value" },
	{ "k=1._5", 1, 3, "is no value" },
	{ "k=1.5_", 1, 3, "is no value" },
	{ "k=01.5", 1, 3, "is no value" },
	{ "k=1.2.3", 1, 3, "is no value" },
	{ "k=Inf", 1, 3, "is no value" },
	{ "k=NaN", 1, 3, "is no value" },
	{ "k=--nan", 1, 3, "is no value" },
	/* Words and dates. */
	{ "k=True", 1, 3, "is no value" },
	{ "k=yes", 1, 3, "is no value" },
	{ "k=truer", 1, 3, "is no value" },
	{ "k=1979-13-01", 1, 3, "is no value" },
	{ "k=1979-00-01", 1, 3, "is no value" },
	{ "k=1979-04-31", 1, 3, "is no value" },
	{ "k=1900-02-29", 1, 3, "is no value" },
	{ "k=2023-02-29", 1, 3, "is no value" },
	{ "k=1979-5-27", 1, 3, "is no value" },
	{ "k=1979-05-27T24:00:00Z", 1, 3, "is no value" },
	{ "k=1979-05-27T07:60:00", 1, 3, "is no value" },
	{ "k=1979-05-27T07:32", 1, 3, "is no value" },
	{ "k=1979-05-27T07:32:00.", 1, 3, "is no value" },
	{ "k=1979-05-27T07:32:00+24:00", 1, 3, "is no value" },
	{ "k=1979-05-27T", 1, 3, "is no value" },
	{ "k=07:32:00Z", 1, 3, "is no value" },
	{ "k=1979-05-27  07:32:00", 1, 15, "end of the line" },
	/* Arrays and inline tables. */
	{ "k=[", 1, 4, "expected a value" },
	{ "k=[1", 1, 5, "a comma or ]" },
	{ "k=[1 2]", 1, 6, "a comma or ]" },
	{ "k=[,]", 1, 4, "expected a value" },
	{ "k=[1,,2]", 1, 6, "expected a value" },
	{ "k=[1}", 1, 5, "a comma or ]" },
	{ "k=[1]]", 1, 6, "end of the line" },
	{ "k={a=1,}", 1, 8, "expected a key" },
	{ "k={,}", 1, 4, "expected a key" },
	{ "k={a=1", 1, 7, "a comma or }" },
	{ "k={a=1\n}", 1, 7, "on the same line" },
	{ "k={\n}", 1, 4, "expected a key" },
	{ "k={a=1 # x\n}", 1, 8, "on the same line" },
	{ "k={a=1 b=2}", 1, 8, "a comma or }" },
	{ "k={a}", 1, 5, "expected =" },
	{ "k={a=1]", 1, 7, "a comma or }" },
};

static void invalid_documents_are_refused_where_they_are_wrong(void **state)
{
	(void)state;
	assert_true(sizeof invalid / sizeof invalid[0] >= 60);
	for (size_t i = 0; i < sizeof invalid / sizeof invalid[0]; i++) {
		assert_int_equal(read_text(invalid[i].text), ERR_MALFORMED);
		if (error.line != invalid[i].line || error.column != invalid[i].column) {
			fail_msg("%s\nwant %u:%u, got %u:%u: %s", invalid[i].text, invalid[i].line,
				invalid[i].column, error.line, error.column, error.text);
		}
		if (strstr(error.text, invalid[i].says) == NULL) {
			fail_msg("%s\nwant '%s', got '%s'", invalid[i].text, invalid[i].says,
				error.text);
		}
	}
}

static void a_nul_is_a_control_character(void **state)
{
	(void)state;
	assert_int_equal(read_bytes("k=1\0", 4), ERR_MALFORMED);
	assert_int_equal(error.column, 4);
	assert_int_equal(read_bytes("# \0\n", 4), ERR_MALFORMED);
}

/* Goal: a file that was cut anywhere is read or refused, and the position is inside it. */
static void every_prefix_of_a_document_is_safe(void **state)
{
	static const char whole[] = "[a.'b c']\nk = [1, {x = \"\\u00e9\", y.z = '''\n\xC3\xA9'''}, "
				    "# c\n 1979-05-27 07:32:00Z]\r\n"
				    "[[l]]\ns = \"\"\"a \\\n  \\\"\"\"\"\"\n";

	(void)state;
	for (size_t cut = 0; cut < sizeof whole; cut++) {
		if (read_bytes(whole, cut) != ERR_OK) {
			assert_in_range(error.line, 1, 8);
			assert_in_range(error.column, 1, sizeof whole);
			assert_true(strlen(error.text) > 0);
		}
	}
	assert_int_equal(read_text(whole), ERR_OK);
}

/* ---- positions and bounds ---- */

static void nodes_know_where_key_and_value_stand(void **state)
{
	uint32_t a, b, list, second;

	(void)state;
	assert_int_equal(read_text("# \xC3\xA9\n[a]\n\"\xC3\xA9\" . b = [ 1,\n  2 ]\n"), ERR_OK);
	a = doc.nodes[0].first;
	b = doc.nodes[a].first;
	list = doc.nodes[b].first;
	second = doc.nodes[doc.nodes[list].first].next;
	assert_int_equal(doc.nodes[a].key_line, 2);
	assert_int_equal(doc.nodes[a].key_column, 2);
	assert_int_equal(doc.nodes[list].key_line, 3);
	assert_int_equal(doc.nodes[list].key_column, 7);
	assert_int_equal(doc.nodes[list].value_column, 11);
	assert_int_equal(doc.nodes[second].value_line, 4);
	assert_int_equal(doc.nodes[second].value_column, 3);
}

static void find_finds_children_and_nothing_else(void **state)
{
	struct slice a = { (const uint8_t *)"a", 1 }, none = { NULL, 0 };

	(void)state;
	assert_int_equal(read_text("\"\"=1\na=2"), ERR_OK);
	assert_int_equal(doc.nodes[toml_find(&doc, 0, a)].value.number, 2);
	assert_int_equal(doc.nodes[toml_find(&doc, 0, none)].value.number, 1);
	assert_int_equal(read_text("ab=1"), ERR_OK);
	assert_int_equal(toml_find(&doc, 0, a), 0);
	assert_int_equal(toml_find(&doc, 0, none), 0);
}

static char *repeat(const char *head, const char *piece, size_t times, const char *tail)
{
	size_t piece_bytes = strlen(piece), used = strlen(head);
	char *text = malloc(used + piece_bytes * times + strlen(tail) + 1);

	assert_non_null(text);
	memcpy(text, head, used);
	for (size_t i = 0; i < times; i++, used += piece_bytes) {
		memcpy(text + used, piece, piece_bytes);
	}
	memcpy(text + used, tail, strlen(tail) + 1);
	return text;
}

static enum err read_repeated(const char *head, const char *piece, size_t times, const char *tail)
{
	char *text = repeat(head, piece, times, tail);
	enum err err = read_text(text);

	free(text);
	return err;
}

static void bounds_hold_exactly(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("#", "x", TOML_FILE_BYTES_MAX - 1, ""), ERR_OK);
	assert_int_equal(read_repeated("#", "x", TOML_FILE_BYTES_MAX, ""), ERR_TOO_LARGE);

	assert_int_equal(read_repeated("", "k", TOML_KEY_BYTES_MAX, "=1"), ERR_OK);
	assert_int_equal(read_repeated("", "k", TOML_KEY_BYTES_MAX + 1, "=1"), ERR_TOO_LARGE);

	assert_int_equal(read_repeated("", "a.", TOML_DEPTH_MAX - 1, "a=1"), ERR_OK);
	assert_int_equal(read_repeated("", "a.", TOML_DEPTH_MAX, "a=1"), ERR_TOO_LARGE);
	assert_int_equal(read_repeated("[", "a.", TOML_DEPTH_MAX, "a]"), ERR_TOO_LARGE);

	assert_int_equal(read_repeated("k=", "[", TOML_DEPTH_MAX, "]]]]]]]]]]]]]]]]"), ERR_OK);
	assert_int_equal(read_repeated("k=", "[", TOML_DEPTH_MAX + 1, ""), ERR_TOO_LARGE);
	assert_int_equal(read_repeated("k=", "{a=", TOML_DEPTH_MAX + 1, ""), ERR_TOO_LARGE);
	assert_int_equal(error.column, 3 + 3 * TOML_DEPTH_MAX);

	/* The root and the array are nodes too. */
	assert_int_equal(read_repeated("k=[", "1,", TOML_NODES_MAX - 2, "]"), ERR_OK);
	assert_int_equal(read_repeated("k=[", "1,", TOML_NODES_MAX - 1, "]"), ERR_TOO_LARGE);
	assert_int_equal(read_repeated("", "[[a]]\n", TOML_NODES_MAX, ""), ERR_TOO_LARGE);
}

static void a_string_may_fill_the_file(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("k='", "x", TOML_FILE_BYTES_MAX - 4, "'"), ERR_OK);
	assert_int_equal(
		doc.nodes[doc.nodes[0].first].value.text.bytes_count, TOML_FILE_BYTES_MAX - 4);
}

static void a_long_piece_is_cut_between_characters(void **state)
{
	(void)state;
	assert_int_equal(read_repeated("a='x'\n'", "\xE2\x82\xAC", 40, "'=1\n'"), ERR_MALFORMED);
	assert_int_equal(read_repeated("\"x", "\xE2\x82\xAC", 40, "\".b=1\n[\"x\"]\n[\"x\"]"),
		ERR_MALFORMED);
	assert_int_equal(read_repeated("k=", "9", 100, ""), ERR_MALFORMED);
	assert_non_null(strstr(error.text, "9...\""));
	assert_true(strlen(error.text) < TOML_ERROR_BYTES_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_documents_mean_what_they_say),
		cmocka_unit_test(a_document_means_the_same_with_carriage_returns),
		cmocka_unit_test(invalid_documents_are_refused_where_they_are_wrong),
		cmocka_unit_test(a_nul_is_a_control_character),
		cmocka_unit_test(every_prefix_of_a_document_is_safe),
		cmocka_unit_test(nodes_know_where_key_and_value_stand),
		cmocka_unit_test(find_finds_children_and_nothing_else),
		cmocka_unit_test(bounds_hold_exactly),
		cmocka_unit_test(a_string_may_fill_the_file),
		cmocka_unit_test(a_long_piece_is_cut_between_characters),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
