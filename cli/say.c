/* What commands have in common: sentences, files, the token. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/commands.h"
#include "common/limits.h"

/* Two paths and what a node may say; the rest is cut. */
#define SENTENCE_BYTES_MAX 10240u

/* A part of it may be a worker's word, who may be captured: none of it moves a cursor. */
int cli_fail(const struct cli *cli, enum cli_exit exit, const char *format, ...)
{
	char text[SENTENCE_BYTES_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	(void)fprintf(stderr, "macronode%s%s: ", cli->command != NULL ? " " : "",
		cli->command != NULL ? cli->command->name : "");
	cli_print_text(stderr, (struct slice){ (const uint8_t *)text, strlen(text) });
	(void)fputc('\n', stderr);
	return (int)exit;
}

void cli_print_text(FILE *out, struct slice text)
{
	for (size_t i = 0; i < text.bytes_count; i++) {
		uint8_t byte = text.bytes[i];
		(void)fputc(byte < ' ' || byte == 0x7F ? '?' : byte, out);
	}
}

static bool read_all(int fd, size_t bytes_max, struct slice *ret_bytes, const char **ret_why)
{
	size_t room = 65536, used = 0;
	uint8_t *bytes = malloc(room);

	*ret_why = "no memory for it";
	while (bytes != NULL) {
		ssize_t got = read(fd, bytes + used, room - used - 1);

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			*ret_why = strerror(errno);
			break;
		}
		used += (size_t)got;
		if (used > bytes_max) {
			*ret_why = "it is too long";
			break;
		}
		if (got == 0) {
			bytes[used] = '\0';
			*ret_bytes = (struct slice){ bytes, used };
			return true;
		}
		if (room - used < 2) {
			uint8_t *grown = realloc(bytes, room * 2);
			if (grown == NULL) {
				break;
			}
			bytes = grown;
			room *= 2;
		}
	}
	free(bytes);
	return false;
}

bool cli_read_file(
	const struct cli *cli, const char *path, size_t bytes_max, struct slice *ret_bytes)
{
	bool is_stdin = strcmp(path, "-") == 0;
	int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	const char *why = NULL;
	bool good;

	if (fd < 0) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(errno));
		return false;
	}
	good = read_all(fd, bytes_max, ret_bytes, &why);
	if (!good) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", is_stdin ? "standard input" : path, why);
	}
	if (!is_stdin) {
		(void)close(fd);
	}
	return good;
}

bool cli_read_regular(
	const char *path, size_t bytes_max, struct slice *ret_bytes, const char **ret_why)
{
	/* a pipe without a writer would hold whoever opens it */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat found;
	bool good = false;

	*ret_why = fd < 0 ? strerror(errno) : "expected a regular file";
	if (fd < 0) {
		return false;
	}
	if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode)) {
		good = read_all(fd, bytes_max, ret_bytes, ret_why);
	}
	(void)close(fd);
	return good;
}

static bool is_blank(char byte)
{
	return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

static const char *trim(const struct cli *cli, const char *text)
{
	static char token[TOKEN_BYTES_MAX + 1];
	size_t bytes;

	while (is_blank(*text)) {
		text++;
	}
	bytes = strlen(text);
	while (bytes > 0 && is_blank(text[bytes - 1])) {
		bytes--;
	}
	if (bytes == 0 || bytes > TOKEN_BYTES_MAX) {
		(void)cli_fail(
			cli, CLI_CANNOT, "the token is %s", bytes == 0 ? "empty" : "too long");
		return NULL;
	}
	memcpy(token, text, bytes);
	token[bytes] = '\0';
	return token;
}

const char *cli_token(const struct cli *cli, bool may_be_stdin)
{
	const char *path = cli_option(cli, "--token-file");
	const char *text = getenv("MACRONODE_TOKEN");
	struct slice bytes;

	if (path == NULL && text != NULL && text[0] != '\0') {
		return trim(cli, text);
	}
	if (path == NULL && !may_be_stdin) {
		(void)cli_fail(cli, CLI_CANNOT,
			"needs a token: set MACRONODE_TOKEN, or name a file with --token-file; "
			"`macronode cap mint` makes one");
		return NULL;
	}
	/* A token and white space around it. */
	if (!cli_read_file(cli, path != NULL ? path : "-", 2 * TOKEN_BYTES_MAX, &bytes)) {
		return NULL;
	}
	text = trim(cli, (const char *)bytes.bytes);
	free((void *)(uintptr_t)bytes.bytes);
	return text;
}
