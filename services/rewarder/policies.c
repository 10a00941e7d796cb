#include "services/rewarder/policies.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "core/hex.h"
#include "core/note.h"

_Static_assert(POLICIES_MAX == 1024u, "the text of REWARD_REASON_POLICIES_KEPT names it");

#define DIR_NAME   "policies"
#define SUFFIX     ".json"
#define PATH_BYTES (sizeof DIR_NAME + HEX_TEXT_BYTES(HASH_BYTES) + sizeof SUFFIX + 8u)

/* --- who is trusted --- */

static bool read_key(const char *text, struct policies_key *ret_key)
{
	struct slice bytes = { (const uint8_t *)text, strlen(text) };
	struct note_vkey vkey;

	if (note_vkey_parse(bytes, &vkey) != NOTE_OK ||
		vkey.name.bytes_count > sizeof ret_key->kid.bytes || !reward_is_name(vkey.name)) {
		return false;
	}
	ret_key->kid.bytes_count = (uint8_t)vkey.name.bytes_count;
	memcpy(ret_key->kid.bytes, vkey.name.bytes, vkey.name.bytes_count);
	memcpy(ret_key->public_key, vkey.public_key, sizeof ret_key->public_key);
	return true;
}

static void read_keys(struct policies *policies)
{
	const struct config_texts *texts = &policies->worker->config.rewarder_trust_keys;

	for (size_t i = 0; i < texts->count; i++) {
		if (!read_key(texts->texts[i], &policies->keys[policies->key_count++])) {
			worker_fail(policies->worker,
				"rewarder.trust_keys: number %zu is no vkey, or not of a name of "
				"[A-Za-z0-9._:-]",
				i + 1);
		}
	}
}

static bool is_signed_by(const struct policies_key *key,
	const struct reward_policy_signature *signature, const struct hash *hash)
{
	char text[REWARD_CID_BYTES + 1];

	reward_text_print_cid(hash, text);
	return key->kid.bytes_count == signature->kid.bytes_count &&
	       memcmp(key->kid.bytes, signature->kid.bytes, key->kid.bytes_count) == 0 &&
	       ed25519_verify(key->public_key,
		       (struct slice){ (const uint8_t *)text, REWARD_CID_BYTES }, signature->bytes);
}

static bool is_signed(const struct policies *policies, const struct reward_policy *policy)
{
	for (uint32_t i = 0; i < policy->signature_count; i++) {
		for (size_t k = 0; k < policies->key_count; k++) {
			if (is_signed_by(
				    &policies->keys[k], &policy->signatures[i], &policy->hash)) {
				return true;
			}
		}
	}
	return false;
}

/* --- what there is --- */

static int compare(struct slice a, struct slice b)
{
	size_t least = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = least == 0 ? 0 : memcmp(a.bytes, b.bytes, least);

	return order != 0 ? order
			  : (a.bytes_count > b.bytes_count) - (a.bytes_count < b.bytes_count);
}

/* Of the first that is not before it. */
static size_t place_of(const struct policies *policies, struct slice id)
{
	size_t low = 0, high = policies->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(reward_name_view(&policies->rows[middle].id), id) < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

const struct policies_row *policies_find(const struct policies *policies, struct slice id)
{
	size_t place = place_of(policies, id);
	const struct policies_row *row = &policies->rows[place];

	return place < policies->count && compare(reward_name_view(&row->id), id) == 0 ? row : NULL;
}

/* Of policies->scratch. NULL: no memory. */
static struct policies_row *add(
	struct policies *policies, struct slice document, uint64_t used_unix_ms)
{
	size_t place = place_of(policies, reward_name_view(&policies->scratch.id));
	struct policies_row *row = &policies->rows[place];
	uint8_t *copy = malloc(document.bytes_count);

	if (copy == NULL) {
		return NULL;
	}
	assert(policies->count < POLICIES_MAX);
	memcpy(copy, document.bytes, document.bytes_count);
	memmove(row + 1, row, (policies->count - place) * sizeof *row);
	*row = (struct policies_row){ .id = policies->scratch.id,
		.hash = policies->scratch.hash,
		.asset = policies->scratch.asset,
		.is_signed = is_signed(policies, &policies->scratch),
		.document = copy,
		.document_bytes = document.bytes_count,
		.used_unix_ms = used_unix_ms };
	policies->count++;
	return row;
}

/* --- files --- */

static void path_of(const struct hash *hash, const char *suffix, char path[PATH_BYTES])
{
	char digits[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(hash->bytes, HASH_BYTES, digits);
	(void)snprintf(path, PATH_BYTES, DIR_NAME "/%s%s", digits, suffix);
}

static enum err write_file(
	struct policies *policies, const struct hash *hash, struct slice document)
{
	char path[PATH_BYTES], temp[PATH_BYTES];
	enum err err = ERR_OK;
	int fd;

	if (mkdirat(policies->dir_fd, DIR_NAME, 0700) != 0 && errno != EEXIST) {
		return file_err(errno);
	}

	path_of(hash, SUFFIX, path);
	path_of(hash, ".new", temp);
	fd = file_begin(policies->dir_fd, temp);
	if (fd < 0) {
		return file_err(errno);
	}
	if (!file_write(fd, 0, document.bytes, document.bytes_count) ||
		!file_publish(policies->dir_fd, fd, temp, path)) {
		err = file_err(errno);
	}
	(void)close(fd);
	if (err != ERR_OK) {
		(void)unlinkat(policies->dir_fd, temp, 0);
	}
	return err;
}

/* One that cannot be read is none: whoever needs it puts it again. */
static void load_file(struct policies *policies, int dir_fd, const char *name)
{
	static uint8_t document[REWARD_POLICY_BYTES_MAX];
	struct reward_outcome outcome = { 0 };
	struct stat info = { 0 };
	ssize_t bytes;
	size_t name_bytes = strlen(name);
	int fd;

	if (name_bytes < sizeof SUFFIX ||
		strcmp(name + name_bytes - (sizeof SUFFIX - 1), SUFFIX) != 0 ||
		policies->count == POLICIES_MAX) {
		return;
	}
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		return;
	}
	bytes = fstat(fd, &info) == 0 ? pread(fd, document, sizeof document, 0) : -1;
	(void)close(fd);
	if (bytes > 0 &&
		reward_policy_read(
			(struct slice){ document, (size_t)bytes }, &policies->scratch, &outcome) &&
		add(policies, (struct slice){ document, (size_t)bytes },
			(uint64_t)info.st_mtime * 1000) == NULL) {
		worker_fail(policies->worker, "there is no memory for policies");
	}
}

void policies_open(struct policies *policies, struct worker *worker, int dir_fd)
{
	const struct dirent *entry;
	DIR *dir;
	int fd;

	policies->worker = worker;
	policies->dir_fd = dir_fd;
	policies->rows = calloc(POLICIES_MAX, sizeof *policies->rows);
	if (policies->rows == NULL) {
		worker_fail(worker, "there is no memory for policies");
	}
	read_keys(policies);
	/* As objects: what the ledger needs stays free. */
	space_init(&policies->space, dir_fd, 2 * worker->config.engine_disk_reserve_bytes);
	fd = openat(dir_fd, DIR_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) {
		return; /* it is made for the first of them */
	}
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (dir == NULL) {
		worker_fail(worker, "the directory of policies: %s", strerror(errno));
	}
	while ((entry = readdir(dir)) != NULL) {
		load_file(policies, fd, entry->d_name);
	}
	(void)closedir(dir);
}

static enum reward_reason reason_of(enum err err)
{
	return err == ERR_NO_SPACE ? REWARD_REASON_DISK_FULL : REWARD_REASON_STORAGE;
}

/* Signatures are in no hash: the same policy may come again, signed by a key that is trusted now
 * where those of before are not any more. */
static enum reward_reason put_again(
	struct policies *policies, struct policies_row *row, struct slice document)
{
	uint8_t *copy;
	enum err err;

	if (memcmp(&row->hash, &policies->scratch.hash, sizeof row->hash) != 0) {
		return REWARD_REASON_POLICY_EXISTS;
	}
	if (row->is_signed || !is_signed(policies, &policies->scratch)) {
		return REWARD_REASON_NONE;
	}
	copy = malloc(document.bytes_count);
	if (copy == NULL) {
		return REWARD_REASON_STORAGE;
	}
	err = space_check(&policies->space, clock_now(), document.bytes_count, 0);
	if (err == ERR_OK) {
		err = write_file(policies, &row->hash, document);
	}
	if (err != ERR_OK) {
		free(copy);
		return reason_of(err);
	}
	memcpy(copy, document.bytes, document.bytes_count);
	free(row->document);
	row->document = copy;
	row->document_bytes = document.bytes_count;
	row->is_signed = true;
	return REWARD_REASON_NONE;
}

enum reward_reason policies_put(struct policies *policies, struct slice document,
	const struct policies_row **ret_row, struct reward_outcome *outcome)
{
	const struct policies_row *row;
	enum err err;

	if (!reward_policy_read(document, &policies->scratch, outcome)) {
		return REWARD_REASON_POLICY_INVALID;
	}
	row = policies_find(policies, reward_name_view(&policies->scratch.id));
	if (row != NULL) {
		*ret_row = row;
		return put_again(policies, &policies->rows[row - policies->rows], document);
	}
	if (!is_signed(policies, &policies->scratch)) {
		return REWARD_REASON_POLICY_UNSIGNED;
	}
	err = space_check(&policies->space, clock_now(), document.bytes_count, 0);
	if (err == ERR_OK && policies->count == POLICIES_MAX) {
		return REWARD_REASON_POLICIES_KEPT;
	}
	if (err == ERR_OK) {
		err = write_file(policies, &policies->scratch.hash, document);
	}
	if (err != ERR_OK) {
		return reason_of(err);
	}
	*ret_row = add(policies, document, (uint64_t)clock_unix_ms());
	return *ret_row == NULL ? REWARD_REASON_STORAGE : REWARD_REASON_NONE;
}

/* The file of another one is durable behind it, and with it that this one is gone. */
void policies_forget(struct policies *policies, struct policies_row *row)
{
	size_t behind = policies->count - (size_t)(row - policies->rows) - 1;
	char path[PATH_BYTES];

	path_of(&row->hash, SUFFIX, path);
	(void)unlinkat(policies->dir_fd, path, 0);
	free(row->document);
	memmove(row, row + 1, behind * sizeof *row);
	policies->count--;
}
