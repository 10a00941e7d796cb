#include "services/rewarder/artefacts.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/random.h"
#include "core/bytes.h"
#include "core/hex.h"

#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define NONCE_AT    16u
#define HEAD_BYTES  (NONCE_AT + NONCE_BYTES)
#define AAD_BYTES   (HEAD_BYTES + 9u + ARTEFACTS_PATH_BYTES)
#define TEMP_SUFFIX ".new"

#define TEMP_PATH_BYTES (ARTEFACTS_PATH_BYTES + sizeof TEMP_SUFFIX)

_Static_assert(HEAD_BYTES == sizeof((struct artefacts_writer *)NULL)->head, "");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == HASH_BYTES, "");

static const uint8_t magic[8] = { 'm', 'n', 'a', 'r', 't', 0, 0, 1 };

/* What a run's directory may hold. */
static const char *const names[] = { "run.json", "commitment.txt", "attestation.json",
	"allocations" };

void artefacts_open(struct artefacts *artefacts, struct worker *worker, int dir_fd)
{
	*artefacts = (struct artefacts){ .worker = worker, .dir_fd = dir_fd };
	space_init(&artefacts->space, dir_fd, 0);
	artefacts_set_reserve(artefacts);
	artefacts->sealed = malloc(ARTEFACTS_PIECE_BYTES + TAG_BYTES);
	if (artefacts->sealed == NULL || sodium_init() < 0) {
		worker_fail(worker, "there is no memory for artefacts");
	}
}

/* As objects: what the ledger needs stays free. */
void artefacts_set_reserve(struct artefacts *artefacts)
{
	space_set_reserve(
		&artefacts->space, 2 * artefacts->worker->config.engine_disk_reserve_bytes);
}

enum err artefacts_check_space(struct artefacts *artefacts)
{
	return space_check(&artefacts->space, clock_now(), 0, 0);
}

/* --- sealing --- */

struct piece_seal {
	uint8_t nonce[NONCE_BYTES];
	uint8_t aad[AAD_BYTES];
	size_t aad_bytes;
};

/* That of another place in the file, or of another file, does not open. */
static struct piece_seal seal_of(
	const uint8_t head[HEAD_BYTES], const char *path, uint64_t number, bool is_last)
{
	struct piece_seal seal;
	struct byte_writer out = byte_writer_of(seal.aad, sizeof seal.aad);

	byte_put_bytes(&out, head, HEAD_BYTES);
	byte_put_u64(&out, number);
	byte_put_u8(&out, is_last);
	byte_put_bytes(&out, path, strlen(path));
	assert(!out.failed);
	seal.aad_bytes = out.used;
	memcpy(seal.nonce, head + NONCE_AT, NONCE_BYTES);
	for (size_t i = 0; i < 8; i++) {
		seal.nonce[NONCE_BYTES - 8 + i] ^= (uint8_t)(number >> 8 * i);
	}
	return seal;
}

/* --- where --- */

static void path_of(
	const struct artefacts_run *run, const char *name, char path[ARTEFACTS_PATH_BYTES])
{
	char key[HEX_TEXT_BYTES(8) + 1];
	int bytes;

	hex_encode(run->run_key->bytes, 8, key);
	bytes = snprintf(path, ARTEFACTS_PATH_BYTES, "%s/%.*s/%.*s/%s%s%s",
		run->is_dry ? "dry" : "runs", (int)run->tenant->bytes_count,
		(const char *)run->tenant->bytes, (int)run->epoch->bytes_count,
		(const char *)run->epoch->bytes, key, name[0] == '\0' ? "" : "/", name);
	assert(bytes > 0 && (size_t)bytes < ARTEFACTS_PATH_BYTES - sizeof TEMP_SUFFIX);
	(void)bytes;
}

/* Every directory on the way. */
static enum err make_dirs(struct artefacts *artefacts, const char *path)
{
	char part[ARTEFACTS_PATH_BYTES];

	for (const char *slash = strchr(path, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
		memcpy(part, path, (size_t)(slash - path));
		part[slash - path] = '\0';
		if (mkdirat(artefacts->dir_fd, part, 0700) != 0 && errno != EEXIST) {
			return file_err(errno);
		}
	}
	return ERR_OK;
}

/* --- writing --- */

static enum err write_at(struct artefacts_writer *writer, const uint8_t *bytes, size_t bytes_count)
{
	if (!file_write(writer->fd, writer->offset, bytes, bytes_count)) {
		return file_err(errno);
	}
	writer->offset += bytes_count;
	return ERR_OK;
}

enum err artefacts_begin(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, struct artefacts_writer *ret_writer)
{
	struct artefacts_writer writer = { .fd = -1 };
	struct byte_writer head = byte_writer_of(writer.head, sizeof writer.head);
	char temp[TEMP_PATH_BYTES];
	uint8_t nonce[NONCE_BYTES];
	enum err err;

	*ret_writer = writer;
	if (artefacts->key_id == 0) {
		return ERR_STALE;
	}
	err = artefacts_check_space(artefacts);
	if (err != ERR_OK) {
		return err;
	}
	random_fill(nonce, sizeof nonce);
	byte_put_bytes(&head, magic, sizeof magic);
	byte_put_u32(&head, artefacts->key_id);
	byte_put_u32(&head, 0);
	byte_put_bytes(&head, nonce, sizeof nonce);
	path_of(run, name, writer.path);
	err = make_dirs(artefacts, writer.path);
	if (err != ERR_OK) {
		return err;
	}
	(void)snprintf(temp, sizeof temp, "%s" TEMP_SUFFIX, writer.path);
	writer.fd = file_begin(artefacts->dir_fd, temp);
	err = writer.fd < 0 ? file_err(errno) : write_at(&writer, writer.head, sizeof writer.head);
	*ret_writer = writer;
	if (err != ERR_OK) {
		artefacts_drop(artefacts, ret_writer);
	}
	return err;
}

enum err artefacts_add(struct artefacts *artefacts, struct artefacts_writer *writer,
	struct slice piece, bool is_last)
{
	const struct piece_seal seal = seal_of(writer->head, writer->path, writer->pieces, is_last);
	enum err err =
		space_check(&artefacts->space, clock_now(), piece.bytes_count + TAG_BYTES, 0);

	if (err != ERR_OK) {
		return err;
	}
	assert(piece.bytes_count == ARTEFACTS_PIECE_BYTES ||
		(is_last && piece.bytes_count < ARTEFACTS_PIECE_BYTES));
	(void)crypto_aead_xchacha20poly1305_ietf_encrypt(artefacts->sealed, NULL, piece.bytes,
		piece.bytes_count, seal.aad, seal.aad_bytes, NULL, seal.nonce,
		artefacts->key.bytes);
	writer->pieces++;
	return write_at(writer, artefacts->sealed, piece.bytes_count + TAG_BYTES);
}

enum err artefacts_end(struct artefacts *artefacts, struct artefacts_writer *writer)
{
	char temp[TEMP_PATH_BYTES];
	enum err err = ERR_OK;

	(void)snprintf(temp, sizeof temp, "%s" TEMP_SUFFIX, writer->path);
	if (!file_publish(artefacts->dir_fd, writer->fd, temp, writer->path)) {
		err = file_err(errno);
	}
	artefacts_drop(artefacts, writer); /* what is published is under that name no more */
	return err;
}

void artefacts_drop(struct artefacts *artefacts, struct artefacts_writer *writer)
{
	char temp[TEMP_PATH_BYTES];

	if (writer->fd < 0) {
		return;
	}
	(void)close(writer->fd);
	writer->fd = -1;
	(void)snprintf(temp, sizeof temp, "%s" TEMP_SUFFIX, writer->path);
	(void)unlinkat(artefacts->dir_fd, temp, 0);
}

enum err artefacts_write(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, struct slice text)
{
	struct artefacts_writer writer;
	enum err err = artefacts_begin(artefacts, run, name, &writer);

	if (err != ERR_OK) {
		return err;
	}
	err = artefacts_add(artefacts, &writer, text, true);
	if (err != ERR_OK) {
		artefacts_drop(artefacts, &writer);
		return err;
	}
	return artefacts_end(artefacts, &writer);
}

/* --- reading --- */

static enum err check_head(const struct artefacts *artefacts, const uint8_t head[HEAD_BYTES])
{
	struct byte_reader in = byte_reader_of((struct slice){ head + sizeof magic, 8 });

	if (memcmp(head, magic, sizeof magic) != 0) {
		return ERR_CORRUPT;
	}
	return byte_get_u32(&in) == artefacts->key_id ? ERR_OK : ERR_STALE;
}

struct opened {
	const char *path;
	int fd;
	uint64_t file_bytes;
	uint8_t head[HEAD_BYTES];
};

static enum err open_piece(struct artefacts *artefacts, const struct opened *file, uint64_t number,
	uint8_t buffer[ARTEFACTS_PIECE_BYTES], struct slice *ret_bytes)
{
	const uint64_t step = ARTEFACTS_PIECE_BYTES + TAG_BYTES;
	uint64_t at = HEAD_BYTES + number * step;
	uint64_t left = file->file_bytes - at;
	size_t bytes = left < step ? (size_t)left : (size_t)step;
	const struct piece_seal seal = seal_of(file->head, file->path, number, left <= step);
	unsigned long long opened = 0;

	if (pread(file->fd, artefacts->sealed, bytes, (off_t)at) != (ssize_t)bytes) {
		return ERR_IO;
	}
	if (crypto_aead_xchacha20poly1305_ietf_decrypt(buffer, &opened, NULL, artefacts->sealed,
		    bytes, seal.aad, seal.aad_bytes, seal.nonce, artefacts->key.bytes) != 0) {
		return ERR_CORRUPT;
	}
	*ret_bytes = (struct slice){ buffer, (size_t)opened };
	return ERR_OK;
}

static enum err read_from(struct artefacts *artefacts, struct opened *file, uint64_t offset,
	uint8_t buffer[ARTEFACTS_PIECE_BYTES], struct slice *ret_bytes, uint64_t *ret_total)
{
	const uint64_t step = ARTEFACTS_PIECE_BYTES + TAG_BYTES;
	struct stat info;
	uint64_t sealed, pieces;
	enum err err;

	if (fstat(file->fd, &info) != 0 ||
		pread(file->fd, file->head, sizeof file->head, 0) != (ssize_t)sizeof file->head) {
		return ERR_IO;
	}
	err = check_head(artefacts, file->head);
	if (err != ERR_OK) {
		return err;
	}
	file->file_bytes = (uint64_t)info.st_size;
	sealed = file->file_bytes - HEAD_BYTES;
	pieces = (sealed + step - 1) / step;
	if (pieces == 0 || sealed < pieces * TAG_BYTES) {
		return ERR_CORRUPT;
	}
	*ret_total = sealed - pieces * TAG_BYTES;
	if (offset % ARTEFACTS_PIECE_BYTES != 0 || offset / ARTEFACTS_PIECE_BYTES >= pieces) {
		return ERR_NOT_FOUND;
	}
	return open_piece(artefacts, file, offset / ARTEFACTS_PIECE_BYTES, buffer, ret_bytes);
}

enum err artefacts_read(struct artefacts *artefacts, const struct artefacts_run *run,
	const char *name, uint64_t offset, uint8_t buffer[ARTEFACTS_PIECE_BYTES],
	struct slice *ret_bytes, uint64_t *ret_total)
{
	char path[ARTEFACTS_PATH_BYTES];
	struct opened file = { .path = path };
	enum err err;

	if (artefacts->key_id == 0) {
		return ERR_STALE;
	}
	path_of(run, name, path);
	file.fd = openat(artefacts->dir_fd, path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (file.fd < 0) {
		return file_err(errno);
	}
	err = read_from(artefacts, &file, offset, buffer, ret_bytes, ret_total);
	(void)close(file.fd);
	return err;
}

/* --- removing --- */

void artefacts_remove(struct artefacts *artefacts, const struct artefacts_run *run)
{
	char path[ARTEFACTS_PATH_BYTES];
	char *slash;

	for (size_t i = 0; i < COUNT_OF(names); i++) {
		path_of(run, names[i], path);
		(void)unlinkat(artefacts->dir_fd, path, 0);
		(void)snprintf(path + strlen(path), sizeof path - strlen(path), "%s", TEMP_SUFFIX);
		(void)unlinkat(artefacts->dir_fd, path, 0);
	}
	path_of(run, "", path);
	(void)unlinkat(artefacts->dir_fd, path, AT_REMOVEDIR);
	slash = strrchr(path, '/'); /* the epoch's, if that was its last; not the tenant's */
	*slash = '\0';
	(void)unlinkat(artefacts->dir_fd, path, AT_REMOVEDIR);
}
