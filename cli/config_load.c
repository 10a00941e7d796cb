#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/commands.h"
#include "core/toml.h"

#define PACKAGED_CONFIG "/etc/macronode/macronode.toml"

extern char **environ;

/* The whole file; its bytes, or -1 after a line on stderr. One byte more than the bound is
 * read, so that a longer file is refused by the reader with its own words. */
static ssize_t read_file(const char *path, uint8_t *bytes, size_t bytes_max)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t used = 0;
	ssize_t got = 1;

	if (fd < 0) {
		fprintf(stderr, "macronode: %s: %s\n", path, strerror(errno));
		return -1;
	}
	while (used < bytes_max && (got = read(fd, bytes + used, bytes_max - used)) > 0) {
		used += (size_t)got;
	}
	if (got < 0) {
		fprintf(stderr, "macronode: %s: %s\n", path, strerror(errno));
		close(fd);
		return -1;
	}
	close(fd);
	return (ssize_t)used;
}

static bool apply_file(const struct cli *cli, struct config_load *load)
{
	static uint8_t bytes[TOML_FILE_BYTES_MAX + 1];
	const char *path = cli->config_path;
	ssize_t bytes_count;

	if (path == NULL) {
		if (access(PACKAGED_CONFIG, F_OK) == -1) {
			fprintf(stderr, "macronode: no %s, defaults hold\n", PACKAGED_CONFIG);
			return true;
		}
		path = PACKAGED_CONFIG;
	}
	bytes_count = read_file(path, bytes, sizeof bytes);
	if (bytes_count < 0) {
		return false;
	}
	(void)config_apply_file(load, (struct slice){ bytes, (size_t)bytes_count }, path);
	return true;
}

bool cli_load_config(const struct cli *cli, struct config *ret_config)
{
	static struct config_load load;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	config_init(&load);
	if (!apply_file(cli, &load)) {
		return false;
	}
	(void)config_apply_env(&load, environ);
	for (char **flag = cli->flags; flag[0] != NULL; flag += 2) {
		(void)config_apply_flag(&load, flag[0], flag[1]);
	}
	if (load.problems_count == 0) {
		(void)config_check(&load);
	}
	for (uint32_t i = 0; i < load.problems_count && i < CONFIG_PROBLEMS_MAX; i++) {
		fprintf(stderr, "macronode: %s: %s\n", load.problems[i].where,
			load.problems[i].text);
	}
	if (load.problems_count > 0) {
		return false;
	}
	config_resolve(&load.config, processors > 0 ? (unsigned)processors : 1);
	*ret_config = load.config;
	return true;
}
