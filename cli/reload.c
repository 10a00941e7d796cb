#include <inttypes.h>
#include <string.h>

#include "cli/node.h"

static void print_keys(const struct json_in *keys, const char *word)
{
	for (size_t i = 0; i < json_in_count(keys); i++) {
		const struct json_in *one = json_in_item(keys, i);
		const char *from = json_in_text_of(one, "from"), *to = json_in_text_of(one, "to");

		(void)printf("%-14s %s", word, json_in_text_of(one, "key"));
		if (strcmp(from, to) == 0) { /* the same path, and another document */
			(void)printf("  %s, another document\n", to);
		} else {
			(void)printf("  %s -> %s\n", from[0] == '\0' ? "\"\"" : from,
				to[0] == '\0' ? "\"\"" : to);
		}
	}
}

static int print_result(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else {
		print_keys(json_in_member(root, "changed"), "changed");
		print_keys(json_in_member(root, "needs_restart"), "needs restart");
		(void)fprintf(stderr, "configuration %" PRIu64 " is in force\n",
			json_in_u64_of(root, "generation"));
	}
	json_in_free(root);
	return CLI_GOOD;
}

/* What is wrong with the file is said here, from here: the node would say no more. */
static int refuse_unasked(const struct cli *cli)
{
	return cli_fail(cli, CLI_BAD, "the node was not asked, and keeps the configuration it has");
}

int cli_reload(struct cli *cli)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	int exit;

	if (!cli_load_config(cli, &config)) {
		return refuse_unasked(cli);
	}
	if (!node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_reload(&control, &answer), &answer);
	if (exit == CLI_GOOD) {
		exit = print_result(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}
