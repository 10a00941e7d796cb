/* macronode config print, config validate. */
#include <string.h>

#include "cli/commands.h"
#include "common/config_print.h"
#include "common/config_value.h"
#include "core/json_out.h"

/* Every key with a value of the longest kind would fit. */
#define JSON_BYTES_MAX (1024u * 1024u)

static const char *rank_name(enum config_rank rank)
{
	switch (rank) {
	case CONFIG_FROM_DEFAULT:
		return "default";
	case CONFIG_FROM_FILE:
		return "file";
	case CONFIG_FROM_ENV:
		return "environment";
	case CONFIG_FROM_FLAG:
		return "flag";
	}
	return "default";
}

static const char *value_of(const struct config_load *load, size_t id)
{
	static char text[CONFIG_VALUE_TEXT_BYTES_MAX];
	static union config_value value;

	config_value_get(config_key_at(id), &load->config, &value);
	config_value_print(config_key_at(id), &value, text);
	return text;
}

/* Those from `first` to before `end`. */
static int print_json(
	const struct cli *cli, const struct config_load *load, size_t first, size_t end)
{
	static uint8_t bytes[JSON_BYTES_MAX];
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	for (size_t id = first; id < end; id++) {
		json_out_key(&out, config_key_at(id)->name);
		json_out_object_begin(&out);
		json_out_key(&out, "value");
		json_out_text(&out, value_of(load, id));
		json_out_key(&out, "from");
		json_out_text(&out, rank_name(load->sources[id].rank));
		json_out_object_end(&out);
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) != ERR_OK) {
		return cli_fail(cli, CLI_CANNOT, "the configuration is too long to print");
	}
	(void)fwrite(bytes, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return CLI_GOOD;
}

static int no_key(const struct cli *cli, const char *name)
{
	char nearest[CONFIG_ENV_NAME_BYTES_MAX];

	config_key_nearest(name, nearest, sizeof nearest);
	return cli_fail(cli, CLI_USAGE, "there is no key %s%s%s%s", name,
		nearest[0] == '\0' ? "" : "; did you mean ", nearest,
		nearest[0] == '\0' ? "" : "?");
}

/* The value alone, for a script. */
static int print_one(const struct cli *cli, const struct config_load *load, size_t id)
{
	if (cli->json) {
		return print_json(cli, load, id, id + 1);
	}
	(void)printf("%s\n", value_of(load, id));
	return CLI_GOOD;
}

int cli_config_print(struct cli *cli)
{
	const char *name = cli->word_count > 0 ? cli->words[0] : NULL;
	size_t id = name == NULL ? CONFIG_KEY_COUNT : config_key_find(name);
	const struct config_load *load;

	if (name != NULL && id == CONFIG_KEY_COUNT) {
		return no_key(cli, name);
	}
	load = cli_read_config(cli);
	if (load == NULL) {
		return CLI_CANNOT;
	}
	if (load->problems_count > 0) {
		config_print_problems(stderr, load);
		return CLI_BAD;
	}
	if (name != NULL) {
		return print_one(cli, load, id);
	}
	if (cli->json) {
		return print_json(cli, load, 0, CONFIG_KEY_COUNT);
	}
	config_print_values(stdout, load);
	return CLI_GOOD;
}

static int print_verdict(const struct config_load *load)
{
	static uint8_t bytes[CONFIG_PROBLEMS_MAX * 6 *
			     (CONFIG_WHERE_BYTES_MAX + CONFIG_PROBLEM_BYTES_MAX)];
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "good");
	json_out_bool(&out, load->problems_count == 0);
	json_out_key(&out, "problems");
	json_out_array_begin(&out);
	for (uint32_t i = 0; i < load->problems_count && i < CONFIG_PROBLEMS_MAX; i++) {
		json_out_object_begin(&out);
		json_out_key(&out, "where");
		json_out_text(&out, load->problems[i].where);
		json_out_key(&out, "text");
		json_out_text(&out, load->problems[i].text);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	enum err err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* six bytes a character are enough */
	(void)err;
	(void)fwrite(bytes, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return load->problems_count == 0 ? CLI_GOOD : CLI_BAD;
}

int cli_config_validate(struct cli *cli)
{
	const struct config_load *load;

	if (cli->word_count > 0) {
		cli->config_path = cli->words[0];
	}
	load = cli_read_config_and_policy(cli);
	if (load == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		return print_verdict(load);
	}
	if (load->problems_count > 0) {
		config_print_problems(stderr, load);
		return CLI_BAD;
	}
	(void)fprintf(stderr, "%s: good\n",
		cli->config_path != NULL ? cli->config_path : "the configuration");
	return CLI_GOOD;
}
