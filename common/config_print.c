#include "common/config_print.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#include "common/config_load.h"

#define LINE_BYTES_MAX 78u

static const struct {
	const char *name;
	const char *value;
} packaged[] = {
#define AS_ROW(name, value) { name, value },
	CONFIG_PACKAGED(AS_ROW)
#undef AS_ROW
};

/* ---- pieces ---- */

static size_t section_bytes(const struct config_key *key)
{
	return strcspn(key->name, ".");
}

static const char *name_in_section(const struct config_key *key)
{
	return key->name + section_bytes(key) + 1;
}

/* Keys of a section stand together in the table. */
static bool begins_section(size_t id)
{
	const struct config_key *key = config_key_at(id);
	size_t bytes = section_bytes(key);

	return id == 0 || section_bytes(config_key_at(id - 1)) != bytes ||
	       memcmp(config_key_at(id - 1)->name, key->name, bytes) != 0;
}

static void print_quoted(FILE *out, const char *text, size_t bytes)
{
	(void)fputc('"', out);
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '"' || text[i] == '\\') {
			(void)fputc('\\', out);
		}
		(void)fputc(text[i], out); /* never a control character: config_value.c */
	}
	(void)fputc('"', out);
}

/* The text form of a value as TOML. */
static void print_toml(FILE *out, const struct config_key *key, const char *text)
{
	bool bare = key->type == CONFIG_NUMBER || key->type == CONFIG_SWITCH ||
		    key->type == CONFIG_RATIO;
	bool list = key->type == CONFIG_NUMBERS || key->type == CONFIG_TEXTS ||
		    key->type == CONFIG_SIGNERS;
	const char *element = NULL, *comma = "";
	size_t bytes = 0;

	if (bare) {
		(void)fputs(text, out);
	} else if (!list) {
		print_quoted(out, text, strlen(text));
	} else {
		(void)fputc('[', out);
		while (config_key_next_word(&text, ',', &element, &bytes)) {
			(void)fputs(comma, out);
			if (key->type == CONFIG_NUMBERS) {
				(void)fprintf(out, "%.*s", (int)bytes, element);
			} else {
				print_quoted(out, element, bytes);
			}
			comma = ", ";
		}
		(void)fputc(']', out);
	}
}

/* A sentence as comment lines. */
static void print_comment(FILE *out, const char *text)
{
	const char *word = NULL;
	size_t bytes = 0, column = 1;

	(void)fputc('#', out);
	while (config_key_next_word(&text, ' ', &word, &bytes)) {
		if (column + 1 + bytes > LINE_BYTES_MAX) {
			(void)fputs("\n#", out);
			column = 1;
		}
		(void)fprintf(out, " %.*s", (int)bytes, word);
		column += 1 + bytes;
	}
	(void)fputc('\n', out);
}

/* ---- for people ---- */

void config_print_problems(FILE *out, const struct config_load *load)
{
	uint32_t shown = load->problems_count < CONFIG_PROBLEMS_MAX ? load->problems_count
								    : CONFIG_PROBLEMS_MAX;

	for (uint32_t i = 0; i < shown; i++) {
		(void)fprintf(out, "%s: %s\n", load->problems[i].where, load->problems[i].text);
	}
	if (shown < load->problems_count) {
		(void)fprintf(out, "and %" PRIu32 " more\n", load->problems_count - shown);
	}
}

void config_print_values(FILE *out, const struct config_load *load)
{
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		char text[CONFIG_VALUE_TEXT_BYTES_MAX], where[CONFIG_WHERE_BYTES_MAX];
		union config_value value;

		if (begins_section(id)) {
			(void)fprintf(out, "%s[%.*s]\n", id == 0 ? "" : "\n",
				(int)section_bytes(key), key->name);
		}
		config_value_get(key, &load->config, &value);
		config_value_print(key, &value, text);
		config_load_where(load, &load->sources[id], where);
		(void)fprintf(out, "%s = ", name_in_section(key));
		print_toml(out, key, text);
		(void)fprintf(out, " # %s\n", where);
	}
}

static const char *packaged_value(const struct config_key *key)
{
	for (size_t i = 0; i < COUNT_OF(packaged); i++) {
		if (strcmp(packaged[i].name, key->name) == 0) {
			return packaged[i].value;
		}
	}
	return NULL;
}

void config_print_example(FILE *out)
{
	(void)fputs("# macronode's configuration; macronode.toml(5) explains it. What is commented "
		    "out\n# is the default. Check a change with: macronode config validate FILE\n",
		out);
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		const struct config_key *key = config_key_at(id);
		const char *packaged_text = packaged_value(key);
		const char *text = packaged_text != NULL ? packaged_text : key->preset;

		if (begins_section(id)) {
			(void)fprintf(out, "\n[%.*s]\n", (int)section_bytes(key), key->name);
		}
		print_comment(out, key->sentence);
		(void)fprintf(
			out, "%s%s = ", packaged_text != NULL ? "" : "#", name_in_section(key));
		print_toml(out, key, text);
		(void)fputs("\n", out);
	}
}

/* ---- mdoc ---- */

/* A line for each sentence, and none too long, as mandoc -Tlint wants it. */
static void print_mdoc(FILE *out, const char *text)
{
	const char *word = NULL;
	size_t bytes = 0, column = 0;
	bool sentence_ended = false;

	while (config_key_next_word(&text, ' ', &word, &bytes)) {
		bool breaks = sentence_ended || column + 1 + bytes > LINE_BYTES_MAX;

		assert(word[0] != '.' && word[0] != '\'' && memchr(word, '\\', bytes) == NULL);
		(void)fprintf(out, "%s%.*s",
			column == 0 ? ""
			: breaks    ? "\n"
				    : " ",
			(int)bytes, word);
		column = (breaks ? 0 : column + 1) + bytes;
		sentence_ended = word[bytes - 1] == '.';
	}
}

static void print_man_names(FILE *out, const char *macro, const char *names)
{
	const char *word = NULL;
	size_t bytes = 0;

	while (config_key_next_word(&names, ' ', &word, &bytes)) {
		/* .Fl writes the first - of a flag itself. */
		int skipped = word[0] == '-';

		(void)fprintf(out, " ,\n.%s %.*s", macro, (int)bytes - skipped, word + skipped);
	}
}

static void print_man_key(FILE *out, size_t id)
{
	const struct config_key *key = config_key_at(id);
	char expected[256], env_name[CONFIG_ENV_NAME_BYTES_MAX];

	config_value_expect(key, expected, sizeof expected);
	config_key_env_name(id, env_name);
	(void)fprintf(out, ".It Ic %s\n", key->name);
	print_mdoc(out, key->sentence);
	(void)fputs("\nTakes\n", out);
	print_mdoc(out, expected);
	(void)fputs(".\n", out);
	if (key->preset[0] == '\0') {
		(void)fputs("Empty by default.\n", out);
	} else {
		(void)fprintf(out, "The default is\n.Ql %s .\n", key->preset);
	}
	(void)fprintf(out, "Also\n.Ev %s", env_name);
	print_man_names(out, "Ev", key->env_names);
	print_man_names(out, "Fl", key->flags);
	(void)fputs(" .\n", out);
	if (key->reload == CONFIG_RESTART) {
		(void)fputs("A change takes a restart.\n", out);
	}
}

void config_print_man(FILE *out)
{
	for (size_t id = 0; id < CONFIG_KEY_COUNT; id++) {
		if (begins_section(id)) {
			(void)fprintf(out, "%s.Ss Section %.*s\n.Bl -tag -width Ds\n",
				id == 0 ? "" : ".El\n", (int)section_bytes(config_key_at(id)),
				config_key_at(id)->name);
		}
		print_man_key(out, id);
	}
	(void)fputs(".El\n", out);
}
