#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/config_print.h"
#include "core/toml.h"

#define PACKAGED_CONFIG "/etc/macronode/macronode.toml"

extern char **environ;

/* NULL: there is none, and the defaults hold. */
static const char *path_of(const struct cli *cli)
{
	if (cli->config_path != NULL) {
		return cli->config_path;
	}
	return access(PACKAGED_CONFIG, F_OK) == 0 ? PACKAGED_CONFIG : NULL;
}

/* path NULL: there is no file. */
static struct config_load *understand(const struct cli *cli, const char *path, struct slice text)
{
	static struct config_load load;

	config_init(&load);
	if (path != NULL) {
		(void)config_apply_file(&load, text, path);
	}
	(void)config_apply_env(&load, environ);
	for (size_t i = 0; i < cli->flag_count; i++) {
		(void)config_apply_flag(&load, cli->flag_names[i], cli->flag_values[i]);
	}
	if (load.problems_count == 0) {
		(void)config_check(&load);
	}
	return &load;
}

const struct config_load *cli_read_config(const struct cli *cli)
{
	const struct config_load *load;
	const char *path = path_of(cli);
	struct slice text = { 0 };

	/* One byte more than the bound, so that a longer file is refused in the reader's words. */
	if (path != NULL && !cli_read_file(cli, path, TOML_FILE_BYTES_MAX + 1, &text)) {
		return NULL;
	}
	load = understand(cli, path, text);
	free((void *)(uintptr_t)text.bytes);
	return load;
}

static unsigned processor_count(void)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	return processors > 0 ? (unsigned)processors : 1;
}

struct config_load *cli_read_config_again(const struct cli *cli, char *ret_why, size_t why_bytes)
{
	struct config_load *load;
	const char *path = path_of(cli), *why = "";
	struct slice text = { 0 };

	if (path != NULL && !cli_read_regular(path, TOML_FILE_BYTES_MAX + 1, &text, &why)) {
		(void)snprintf(ret_why, why_bytes, "%s: %s", path, why);
		return NULL;
	}
	load = understand(cli, path, text);
	free((void *)(uintptr_t)text.bytes);
	if (load->problems_count > 0) {
		(void)snprintf(ret_why, why_bytes, "%s: %s%s", load->problems[0].where,
			load->problems[0].text,
			load->problems_count > 1 ? "; macronode config validate lists more" : "");
		return NULL;
	}
	config_resolve(&load->config, processor_count());
	return load;
}

/* A file that was broken since the start is when one asks: what of it is understood says where. */
bool cli_load_config_to_ask(const struct cli *cli, struct config *ret_config)
{
	const struct config_load *load = cli_read_config(cli);

	if (load == NULL) {
		return false;
	}
	config_print_problems(stderr, load);
	if (load->problems_count > 0) {
		(void)cli_fail(cli, CLI_GOOD,
			"this is what a start or a reload would say; the node that runs is asked "
			"in %s",
			load->config.node_run_dir);
	}
	*ret_config = load->config;
	return true;
}

bool cli_load_config(const struct cli *cli, struct config *ret_config)
{
	const struct config_load *load = cli_read_config(cli);

	if (load == NULL) {
		return false;
	}
	if (load->problems_count > 0) {
		config_print_problems(stderr, load);
		return false;
	}
	*ret_config = load->config;
	config_resolve(ret_config, processor_count());
	return true;
}
