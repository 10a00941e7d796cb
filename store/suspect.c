#include "store/suspect.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/hex.h"

#define FIRST_LINE     "macronode suspect v1\n"
#define FILE_BYTES_MAX 1024u

_Static_assert(SUSPECT_REASON_BYTES_MAX + 200u < FILE_BYTES_MAX, "a mark fits");

static int dir_open(const char *dir)
{
	return open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static size_t print_mark(const struct suspect_mark *mark, char text[FILE_BYTES_MAX])
{
	char reason[SUSPECT_REASON_BYTES_MAX], root[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	int bytes;

	(void)snprintf(reason, sizeof reason, "%s", mark->reason);
	for (char *at = reason; *at != '\0'; at++) {
		if ((unsigned char)*at < ' ') {
			*at = ' ';
		}
	}
	hex_encode(mark->root.bytes, HASH_BYTES, root);
	bytes = snprintf(text, FILE_BYTES_MAX,
		FIRST_LINE "reason %s\nsize %" PRIu64 "\nroot %s\nts_ms %" PRIu64 "\n", reason,
		mark->size, root, mark->ts_unix_ms);
	return bytes < 0 ? 0 : (size_t)bytes;
}

enum err suspect_write(const char *dir, const struct suspect_mark *mark)
{
	char text[FILE_BYTES_MAX];
	size_t bytes = print_mark(mark, text);
	int dir_fd = dir_open(dir), fd;
	enum err err = ERR_IO;

	if (dir_fd < 0) {
		return ERR_IO;
	}
	fd = openat(
		dir_fd, SUSPECT_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0) {
		err = errno == EEXIST ? ERR_OK : ERR_IO;
	} else {
		bool written = write(fd, text, bytes) == (ssize_t)bytes;

		/* each is tried, whatever became of the one before it */
		written = fsync(fd) == 0 && written;
		written = fsync(dir_fd) == 0 && written;
		err = written ? ERR_OK : ERR_IO;
		(void)close(fd);
	}
	(void)close(dir_fd);
	return err;
}

/* The rest of the line behind `name` and a space; *at moves past it. NULL: another line. */
static const char *take_line(char **at, const char *name)
{
	size_t bytes = strlen(name);
	char *end = strchr(*at, '\n'), *value = *at + bytes + 1;

	if (end == NULL || strncmp(*at, name, bytes) != 0 || (*at)[bytes] != ' ') {
		return NULL;
	}
	*end = '\0';
	*at = end + 1;
	return value;
}

static bool take_u64(char **at, const char *name, uint64_t *ret_value)
{
	const char *text = take_line(at, name);
	char *end = NULL;

	if (text == NULL || text[0] < '0' || text[0] > '9') {
		return false;
	}
	errno = 0;
	*ret_value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool parse_mark(char *text, struct suspect_mark *mark)
{
	const char *line;

	if (strncmp(text, FIRST_LINE, sizeof FIRST_LINE - 1) != 0) {
		return false;
	}
	text += sizeof FIRST_LINE - 1;
	line = take_line(&text, "reason");
	if (line == NULL || line[0] == '\0') {
		return false;
	}
	(void)snprintf(mark->reason, sizeof mark->reason, "%s", line);
	if (!take_u64(&text, "size", &mark->size)) {
		return false;
	}
	line = take_line(&text, "root");
	return line != NULL &&
	       hex_decode(line, strlen(line), mark->root.bytes, HASH_BYTES) == ERR_OK &&
	       take_u64(&text, "ts_ms", &mark->ts_unix_ms) && *text == '\0';
}

enum err suspect_read(const char *dir, struct suspect_mark *ret_mark)
{
	char text[FILE_BYTES_MAX + 1];
	int dir_fd = dir_open(dir), fd = -1;
	ssize_t bytes = -1;

	*ret_mark = (struct suspect_mark){ .reason = "sync_failed: the mark of it cannot be read" };
	if (dir_fd < 0) {
		return ERR_NOT_FOUND; /* nor can anything else be found in it */
	}
	fd = openat(dir_fd, SUSPECT_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT) {
		(void)close(dir_fd);
		return ERR_NOT_FOUND;
	}
	if (fd >= 0) {
		bytes = read(fd, text, FILE_BYTES_MAX);
		(void)close(fd);
	}
	if (bytes >= 0) {
		text[bytes] = '\0';
		ret_mark->whole = parse_mark(text, ret_mark);
	}
	(void)close(dir_fd);
	return ERR_OK;
}

enum err suspect_remove(const char *dir, struct why *why)
{
	int dir_fd = dir_open(dir);
	bool gone = dir_fd >= 0 && (unlinkat(dir_fd, SUSPECT_NAME, 0) == 0 || errno == ENOENT) &&
		    fsync(dir_fd) == 0;

	if (!gone) {
		why_say(why, "%s/%s: cannot remove it: %s", dir, SUSPECT_NAME, strerror(errno));
	}
	if (dir_fd >= 0) {
		(void)close(dir_fd);
	}
	return gone ? ERR_OK : ERR_IO;
}
