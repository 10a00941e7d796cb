#include <stdlib.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/config_print.h"
#include "core/toml.h"

#define PACKAGED_CONFIG "/etc/macronode/macronode.toml"

extern char **environ;

static bool apply_file(const struct cli *cli, struct config_load *load)
{
	const char *path = cli->config_path;
	struct slice text;

	if (path == NULL) {
		if (access(PACKAGED_CONFIG, F_OK) == -1) {
			return true; /* the defaults hold */
		}
		path = PACKAGED_CONFIG;
	}
	/* One byte more than the bound, so that a longer file is refused in the reader's words. */
	if (!cli_read_file(cli, path, TOML_FILE_BYTES_MAX + 1, &text)) {
		return false;
	}
	(void)config_apply_file(load, text, path);
	free((void *)(uintptr_t)text.bytes);
	return true;
}

const struct config_load *cli_read_config(const struct cli *cli)
{
	static struct config_load load;

	config_init(&load);
	if (!apply_file(cli, &load)) {
		return NULL;
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

bool cli_load_config(const struct cli *cli, struct config *ret_config)
{
	const struct config_load *load = cli_read_config(cli);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (load == NULL) {
		return false;
	}
	if (load->problems_count > 0) {
		config_print_problems(stderr, load);
		return false;
	}
	*ret_config = load->config;
	config_resolve(ret_config, processors > 0 ? (unsigned)processors : 1);
	return true;
}
