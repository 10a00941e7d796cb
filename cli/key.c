/* macronode key show: who signs this ledger's checkpoints, and what was signed last. */
#include <inttypes.h>

#include "cli/node.h"

static void print_key(const struct json_in *key)
{
	const char *root = json_in_text_of(key, "signed_root");

	(void)printf("vkey    %s\n", json_in_text_of(key, "vkey"));
	(void)printf("origin  %s\n", json_in_text_of(key, "origin"));
	(void)printf("key id  %s\n", json_in_text_of(key, "key_id"));
	if (root[0] == '\0') {
		(void)fputs("signed  nothing but the empty tree yet\n", stdout);
		return;
	}
	(void)printf(
		"signed  %" PRIu64 " entries, root %s\n", json_in_u64_of(key, "signed_size"), root);
}

static int show(const struct cli *cli, struct slice text)
{
	struct json_in *key = node_parse(cli, text);

	if (key == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else {
		print_key(key);
	}
	json_in_free(key);
	return CLI_GOOD;
}

int cli_key_show(struct cli *cli)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	int exit;

	if (!cli_load_config(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_key(&control, &answer), &answer);
	if (exit == CLI_GOOD) {
		exit = show(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}
