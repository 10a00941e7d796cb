/* macronode object put, get. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/node.h"
#include "cli/out_file.h"
#include "core/json_out.h"
#include "core/object.h"

/* --- put --- */

struct input {
	int fd; /* -1: the bytes are at hand */
	struct slice left;
	uint64_t size;
};

static long read_input(void *context, void *bytes, size_t bytes_max)
{
	struct input *input = context;
	ssize_t got;

	if (input->fd == -1) {
		size_t count =
			input->left.bytes_count < bytes_max ? input->left.bytes_count : bytes_max;

		if (count > 0) {
			memcpy(bytes, input->left.bytes, count);
			input->left.bytes += count;
			input->left.bytes_count -= count;
		}
		return (long)count;
	}
	do {
		got = read(input->fd, bytes, bytes_max);
	} while (got < 0 && errno == EINTR);
	return (long)got;
}

/* A file that has a size is read as it is sent; what has none (a pipe, standard input) first. */
static bool open_input(const struct cli *cli, const char *path, struct input *ret_input)
{
	struct stat info;

	*ret_input = (struct input){ .fd = -1 };
	if (strcmp(path, "-") != 0) {
		ret_input->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (ret_input->fd == -1 || fstat(ret_input->fd, &info) == -1) {
			(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(errno));
			return false;
		}
		if (S_ISREG(info.st_mode)) {
			ret_input->size = (uint64_t)info.st_size;
			return true;
		}
		(void)close(ret_input->fd);
		ret_input->fd = -1;
	}
	if (!cli_read_file(cli, path, OBJECT_BYTES_MAX, &ret_input->left)) {
		return false;
	}
	ret_input->size = ret_input->left.bytes_count;
	return true;
}

static int print_put(const struct cli *cli, const struct mn_answer *answer)
{
	struct slice text = { (const uint8_t *)answer->json, answer->json_bytes };
	struct json_in *root = node_parse(cli, text);

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else {
		const char *id = json_in_text_of(root, "id");

		cli_print_text(stdout, (struct slice){ (const uint8_t *)id, strlen(id) });
		(void)fputc('\n', stdout);
	}
	json_in_free(root);
	return CLI_GOOD;
}

static int put_input(
	const struct cli *cli, const struct config *config, const char *token, struct input *input)
{
	struct mn_client *client = node_open_client(cli, config);
	struct mn_answer answer;
	enum mn_result result;
	int exit;

	if (client == NULL) {
		return CLI_CANNOT;
	}
	result = mn_object_put(client, token, cli_option(cli, "--content-type"), input->size,
		read_input, input, &answer);
	exit = result == MN_OK ? print_put(cli, &answer) : node_fail(cli, client, result, &answer);
	mn_close(client);
	return exit;
}

int cli_object_put(struct cli *cli)
{
	static struct config config;
	const char *type = cli_option(cli, "--content-type");
	struct input input = { .fd = -1 };
	const char *token;
	const uint8_t *owned;
	int exit = CLI_CANNOT;

	if (type != NULL &&
		!object_type_is_valid((struct slice){ (const uint8_t *)type, strlen(type) })) {
		return cli_fail(cli, CLI_USAGE,
			"--content-type %s: expected type/subtype of at most 127 bytes", type);
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL) {
		return CLI_CANNOT;
	}
	if (open_input(cli, cli->words[0], &input)) {
		owned = input.left.bytes;
		exit = put_input(cli, &config, token, &input);
		free((void *)(uintptr_t)owned);
	}
	if (input.fd != -1) {
		(void)close(input.fd);
	}
	return exit;
}

/* --- get --- */

struct output {
	const struct cli *cli;
	struct out_file file;
};

static int write_output(void *context, const void *bytes, size_t bytes_count)
{
	struct output *output = context;

	return out_file_put(output->cli, &output->file, (struct slice){ bytes, bytes_count });
}

/* Not where the object itself goes. */
static void say_got(
	const struct cli *cli, const char *address, const struct mn_object *object, bool is_stdout)
{
	uint8_t bytes[512];
	struct json_out out;
	size_t bytes_count = 0;

	if (is_stdout) {
		return;
	}
	if (!cli->json) {
		(void)printf(
			"good: %" PRIu64 " bytes that are what the address says\n", object->size);
		return;
	}
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "id");
	json_out_string(&out, (struct slice){ (const uint8_t *)address, OBJECT_ADDRESS_BYTES });
	json_out_key(&out, "size");
	json_out_u64(&out, object->size);
	json_out_key(&out, "content_type");
	if (object->content_type[0] != '\0') {
		json_out_text(&out, object->content_type);
	} else {
		json_out_null(&out);
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) == ERR_OK) {
		node_print_line((struct slice){ bytes, bytes_count });
	}
}

static int get_into(const struct cli *cli, const struct config *config, const char *token,
	struct output *output)
{
	struct mn_client *client = node_open_client(cli, config);
	struct mn_object object;
	struct mn_answer answer;
	enum mn_result result;
	int exit = CLI_GOOD;

	if (client == NULL) {
		return CLI_CANNOT;
	}
	result =
		mn_object_get(client, token, cli->words[0], write_output, output, &object, &answer);
	if (result == MN_PROTOCOL) {
		exit = cli_fail(cli, CLI_BAD, "%s", mn_error_text(client));
	} else if (result != MN_OK) {
		exit = node_fail(cli, client, result, &answer);
	} else if (!out_file_finish(cli, &output->file)) {
		exit = CLI_CANNOT;
	} else {
		say_got(cli, cli->words[0], &object, output->file.is_stdout);
	}
	mn_close(client);
	return exit;
}

int cli_object_get(struct cli *cli)
{
	static struct config config;
	const char *path = cli_option(cli, "-o");
	struct output output = { .cli = cli };
	struct slice address = { (const uint8_t *)cli->words[0], strlen(cli->words[0]) };
	struct object_address parsed;
	const char *token;
	int exit;

	if (object_address_parse(address, &parsed) != ERR_OK) {
		return cli_fail(cli, CLI_USAGE,
			"ADDRESS is b3: and 64 lower-case hex digits, then nothing or @ and the "
			"size");
	}
	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		!out_file_open(cli, path == NULL ? "-" : path, 0644, &output.file)) {
		return CLI_CANNOT;
	}
	exit = get_into(cli, &config, token, &output);
	out_file_drop(&output.file);
	return exit;
}
