#include "cli/reward_key.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nettle/eddsa.h>

#include "cli/out_file.h"
#include "common/random.h"
#include "core/base64.h"

#define KID_WORD "kid: "
#define PEM_HEAD "-----BEGIN PRIVATE KEY-----\n"
#define PEM_TAIL "\n-----END PRIVATE KEY-----\n"

/* RFC 8410: version 0, the algorithm's name, and the 32 bytes in two wrappings. */
static const uint8_t pkcs8_head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b,
	0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };

#define PKCS8_BYTES      (sizeof pkcs8_head + REWARD_KEY_SEED_BYTES)
#define PKCS8_TEXT_BYTES BASE64_TEXT_BYTES(PKCS8_BYTES)
#define FILE_BYTES_MAX   512u

_Static_assert(REWARD_KEY_SEED_BYTES == ED25519_KEY_SIZE, "RFC 8032");
_Static_assert(NOTE_PUBLIC_KEY_BYTES == ED25519_KEY_SIZE, "RFC 8032");
_Static_assert(sizeof KID_WORD + REWARD_NAME_BYTES_MAX + 1 + sizeof PEM_HEAD + sizeof PEM_TAIL +
			       PKCS8_TEXT_BYTES <
		       FILE_BYTES_MAX,
	"every file of ours fits");

bool reward_key_guard(const struct cli *cli)
{
	struct rlimit no_core = { 0, 0 };

	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0 || setrlimit(RLIMIT_CORE, &no_core) != 0) {
		(void)cli_fail(
			cli, CLI_CANNOT, "the key could get into a core file: %s", strerror(errno));
		return false;
	}
	return true;
}

void reward_key_wipe(struct reward_key *key)
{
	explicit_bzero(key, sizeof *key);
}

/* ---- the text ---- */

static const char *take(const char *text, const char *word)
{
	size_t bytes = strlen(word);

	return text != NULL && strncmp(text, word, bytes) == 0 ? text + bytes : NULL;
}

static bool parse_kid(const char *text, size_t bytes_count, struct reward_name *ret_kid)
{
	if (!reward_is_name((struct slice){ (const uint8_t *)text, bytes_count })) {
		return false;
	}
	ret_kid->bytes_count = (uint8_t)bytes_count;
	memcpy(ret_kid->bytes, text, bytes_count);
	return true;
}

/* NULL, or what is expected instead. */
static const char *parse(const char *text, struct reward_key *ret_key)
{
	const char *kid = take(text, KID_WORD), *end = kid == NULL ? NULL : strchr(kid, '\n');
	const char *base64 = take(end == NULL ? NULL : end + 1, PEM_HEAD), *rest;
	uint8_t pkcs8[PKCS8_BYTES];
	size_t bytes_count = 0;
	bool good;

	if (end == NULL || !parse_kid(kid, (size_t)(end - kid), &ret_key->kid)) {
		return "a first line \"kid: NAME\", NAME of 1 to 128 characters [A-Za-z0-9._:-]";
	}
	rest = base64 != NULL && strlen(base64) > PKCS8_TEXT_BYTES ? base64 + PKCS8_TEXT_BYTES
								   : NULL;
	if (rest == NULL || strcmp(rest, PEM_TAIL) != 0) {
		return "a PEM \"PRIVATE KEY\" of Ed25519 behind the first line, and nothing more";
	}
	good = base64_decode(base64, PKCS8_TEXT_BYTES, pkcs8, sizeof pkcs8, &bytes_count) ==
		       ERR_OK &&
	       bytes_count == sizeof pkcs8 && memcmp(pkcs8, pkcs8_head, sizeof pkcs8_head) == 0;
	memcpy(ret_key->seed, pkcs8 + sizeof pkcs8_head, REWARD_KEY_SEED_BYTES);
	explicit_bzero(pkcs8, sizeof pkcs8);
	if (!good) {
		return "an Ed25519 key in the PKCS#8 form, as openssl genpkey writes it";
	}
	ed25519_sha512_public_key(ret_key->public_key, ret_key->seed);
	return NULL;
}

static size_t print(const struct reward_key *key, char ret_text[FILE_BYTES_MAX])
{
	char base64[PKCS8_TEXT_BYTES + 1];
	uint8_t pkcs8[PKCS8_BYTES];
	int count;

	memcpy(pkcs8, pkcs8_head, sizeof pkcs8_head);
	memcpy(pkcs8 + sizeof pkcs8_head, key->seed, sizeof key->seed);
	(void)base64_encode(pkcs8, sizeof pkcs8, base64);
	count = snprintf(ret_text, FILE_BYTES_MAX, KID_WORD "%.*s\n" PEM_HEAD "%s" PEM_TAIL,
		(int)key->kid.bytes_count, (const char *)key->kid.bytes, base64);
	explicit_bzero(pkcs8, sizeof pkcs8);
	explicit_bzero(base64, sizeof base64);
	return (size_t)count;
}

/* ---- the file ---- */

/* NULL, or why not. */
static const char *read_ours(int fd, char ret_text[FILE_BYTES_MAX])
{
	struct stat info;
	ssize_t count;

	if (fstat(fd, &info) != 0) {
		return strerror(errno);
	}
	if (!S_ISREG(info.st_mode)) {
		return "it is no regular file";
	}
	if (info.st_uid != geteuid()) {
		return "it belongs to somebody else; a secret key belongs to who uses it";
	}
	if ((info.st_mode & 077) != 0) {
		return "it is open to others; it holds a secret key: chmod 600";
	}
	count = read(fd, ret_text, FILE_BYTES_MAX);
	if (count < 0) {
		return strerror(errno);
	}
	if ((size_t)count == FILE_BYTES_MAX) {
		return "it is too long for a key";
	}
	ret_text[count] = '\0';
	return NULL;
}

bool reward_key_read(const struct cli *cli, const char *path, struct reward_key *ret_key)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char text[FILE_BYTES_MAX];
	const char *why, *expected = NULL;

	if (fd < 0) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(errno));
		return false;
	}
	why = read_ours(fd, text);
	(void)close(fd);
	if (why == NULL) {
		expected = parse(text, ret_key);
	}
	explicit_bzero(text, sizeof text);
	if (why != NULL || expected != NULL) {
		(void)cli_fail(cli, CLI_CANNOT, "%s: %s%s", path, why != NULL ? "" : "expected ",
			why != NULL ? why : expected);
		reward_key_wipe(ret_key);
		return false;
	}
	return true;
}

int reward_key_create(
	const struct cli *cli, const char *path, const char *kid, struct reward_key *ret_key)
{
	char text[FILE_BYTES_MAX];
	size_t bytes_count;
	bool good;

	if (!parse_kid(kid, strlen(kid), &ret_key->kid)) {
		return cli_fail(cli, CLI_USAGE,
			"--kid %s: expected a name of 1 to 128 characters [A-Za-z0-9._:-]", kid);
	}
	if (access(path, F_OK) == 0) {
		return cli_fail(cli, CLI_CANNOT, "%s: it is there, and stays as it is", path);
	}
	random_fill(ret_key->seed, sizeof ret_key->seed);
	ed25519_sha512_public_key(ret_key->public_key, ret_key->seed);
	bytes_count = print(ret_key, text);
	good = out_file_write(
		cli, path, 0600, (struct slice){ (const uint8_t *)text, bytes_count });
	explicit_bzero(text, sizeof text);
	if (!good) {
		reward_key_wipe(ret_key);
	}
	return good ? CLI_GOOD : CLI_CANNOT;
}

/* ---- what it is for ---- */

void reward_key_sign(const struct reward_key *key, struct slice message,
	uint8_t ret_signature[REWARD_SIGNATURE_BYTES])
{
	ed25519_sha512_sign(
		key->public_key, key->seed, message.bytes_count, message.bytes, ret_signature);
}

void reward_key_print(const struct reward_key *key, char ret_vkey[NOTE_VKEY_BYTES_MAX])
{
	struct note_vkey vkey = note_vkey_of(reward_name_view(&key->kid), key->public_key);

	(void)note_vkey_print(&vkey, ret_vkey);
}
