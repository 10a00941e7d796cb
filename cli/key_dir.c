#include "cli/key_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/out_file.h"
#include "core/bytes.h"
#include "core/new_origin.h"
#include "core/signed.h"

/* Of services/kms/keys_file.h, which has the format: records that name the ledger. */
#define KEYRING_HEAD_BYTES  8u
#define KEYRING_BYTES_MAX   (256u * 1024u * 1024u)
#define RECORD_BYTES_MAX    8192u
#define RECORD_NODE         1u
#define RECORD_ORIGIN       5u
#define NODE_ORIGIN_OFFSET  32u              /* behind type and time: the log key */
#define LATER_ORIGIN_OFFSET (32u + 8u + 32u) /* seed, abandoned size and root */

static bool take_origin(struct slice payload, const char *name, struct key_dir *keys)
{
	struct byte_reader in = byte_reader_of(payload);
	uint8_t type = byte_get_u8(&in);
	struct slice origin;

	(void)byte_get_u64(&in);
	if (type != RECORD_NODE && type != RECORD_ORIGIN) {
		return true;
	}
	(void)byte_take(&in, type == RECORD_NODE ? NODE_ORIGIN_OFFSET : LATER_ORIGIN_OFFSET);
	origin = byte_get_string8(&in, sizeof keys->origin - 1);
	if (in.failed) {
		return false;
	}
	memcpy(keys->origin, origin.bytes, origin.bytes_count);
	keys->origin[origin.bytes_count] = '\0';
	keys->knows_name = keys->knows_name || strcmp(keys->origin, name) == 0;
	return true;
}

/* kms checks the hashes of the file at each start; here only the name is looked for. */
static bool read_keyring(
	const char *path, const char *name, struct key_dir *keys, const char **ret_why)
{
	uint8_t bytes[RECORD_BYTES_MAX];
	FILE *file = fopen(path, "re");
	bool good = true;

	if (file == NULL) {
		*ret_why = strerror(errno);
		return errno == ENOENT;
	}
	*ret_why = "is damaged";
	good = fread(bytes, KEYRING_HEAD_BYTES, 1, file) == 1;
	while (good && fread(bytes, 8, 1, file) == 1) {
		struct byte_reader in = byte_reader_of((struct slice){ bytes, 8 });
		uint32_t length = byte_get_u32(&in), inverse = byte_get_u32(&in);

		if (length != ~inverse || length > sizeof bytes - HASH_BYTES) {
			good = false;
			break;
		}
		if (fread(bytes, length + HASH_BYTES, 1, file) != 1) {
			break; /* a record that was cut was never acknowledged */
		}
		good = take_origin((struct slice){ bytes, length }, name, keys);
	}
	good = good && keys->origin[0] != '\0';
	explicit_bzero(bytes, sizeof bytes);
	(void)setvbuf(file, NULL, _IONBF, 0);
	(void)fclose(file);
	keys->there = good;
	return good;
}

/* False: not even that it is unknown. */
static bool read_signed(const char *path, struct key_dir *keys)
{
	uint8_t bytes[SIGNED_FILE_BYTES];
	struct signed_mark mark;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t got;

	if (fd < 0 && errno != ENOENT) {
		return false;
	}
	if (fd < 0) {
		keys->unknown = "is missing, though there are keys";
		return true;
	}
	got = read(fd, bytes, sizeof bytes);
	(void)close(fd);
	if (got < 0) {
		return false;
	}
	if (got != (ssize_t)sizeof bytes || signed_newest(bytes, &mark) != ERR_OK) {
		keys->unknown = "is damaged";
		return true;
	}
	keys->unknown = "";
	keys->public_key = mark.public_key;
	keys->signed_size = mark.size;
	keys->signed_root = mark.root;
	return true;
}

enum err key_dir_look(
	const char *data_dir, const char *name, struct key_dir *ret_keys, struct why *why)
{
	char path[DATA_DIR_PATH_BYTES];
	const char *text = "";

	*ret_keys = (struct key_dir){ .unknown = "" };
	(void)snprintf(path, sizeof path, "%s/keys/keyring", data_dir);
	errno = 0;
	if (!read_keyring(path, name, ret_keys, &text)) {
		why_say(why, "%s: %s", path, text);
		return errno == EACCES ? ERR_DENIED : ERR_CORRUPT;
	}
	if (!ret_keys->there) {
		return ERR_OK;
	}
	(void)snprintf(path, sizeof path, "%s/keys/signed", data_dir);
	if (!read_signed(path, ret_keys)) {
		why_say(why, "%s: %s", path, strerror(errno));
		return errno == EACCES ? ERR_DENIED : ERR_IO;
	}
	return ERR_OK;
}

bool key_dir_read(
	const struct cli *cli, const char *data_dir, const char *name, struct key_dir *ret_keys)
{
	struct why why = { "" };

	if (key_dir_look(data_dir, name, ret_keys, &why) != ERR_OK) {
		(void)cli_fail(cli, CLI_CANNOT, "%s", why.text);
		return false;
	}
	return true;
}

bool key_dir_signer(const char *data_dir, struct key_dir *ret_keys)
{
	char path[DATA_DIR_PATH_BYTES];
	const char *why;

	*ret_keys = (struct key_dir){ .unknown = "" };
	(void)snprintf(path, sizeof path, "%s/keys/keyring", data_dir);
	if (!read_keyring(path, "", ret_keys, &why) || !ret_keys->there) {
		return false;
	}
	(void)snprintf(path, sizeof path, "%s/keys/signed", data_dir);
	if (!read_signed(path, ret_keys) || ret_keys->unknown[0] != '\0') {
		return false;
	}
	(void)snprintf(path, sizeof path, "%s/keys/" NEW_ORIGIN_NAME, data_dir);
	if (access(path, F_OK) == 0) {
		ret_keys->signed_size = 0; /* given up, though kms has not heard of it yet */
	}
	return true;
}

bool key_dir_ask_new_origin(const struct cli *cli, const char *data_dir, const struct key_dir *keys,
	uint64_t size, const struct hash *root)
{
	const struct new_origin ask = {
		.origin = { (const uint8_t *)keys->origin, strlen(keys->origin) },
		.size = size,
		.root = *root,
	};
	char dir[DATA_DIR_PATH_BYTES], path[DATA_DIR_PATH_BYTES + 16];
	char text[NEW_ORIGIN_BYTES_MAX];
	size_t bytes = new_origin_print(&ask, text);
	bool good;

	(void)snprintf(dir, sizeof dir, "%s/keys", data_dir);
	(void)snprintf(path, sizeof path, "%s/" NEW_ORIGIN_NAME, dir);
	if (!data_dir_enter(cli, dir)) {
		return false;
	}
	good = out_file_write(cli, path, 0600, (struct slice){ (const uint8_t *)text, bytes });
	data_dir_leave();
	return good;
}
