#include "cli/snapshot_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/sha256.h"

#define LEVEL       "6" /* a third of the size at 100 MB/s; 3 is an eighth larger */
#define BLOCK_BYTES 65536u

static const uint8_t seal_head[8] = { 0x50, 0x2a, 0x4d, 0x18, HASH_BYTES, 0, 0, 0 };
_Static_assert(sizeof seal_head + HASH_BYTES == SNAPSHOT_SEAL_BYTES, "a head and a hash");

/* ---- writing ---- */

struct snapshot_writer {
	struct archive *archive; /* owned */
	int fd;
	int number; /* errno of a failed write */
	struct sha256 sum;
};

static bool write_all(int fd, const uint8_t *bytes, size_t bytes_count)
{
	while (bytes_count > 0) {
		ssize_t wrote = write(fd, bytes, bytes_count);

		if (wrote < 0 && errno == EINTR) {
			continue;
		}
		if (wrote <= 0) {
			return false;
		}
		bytes += wrote;
		bytes_count -= (size_t)wrote;
	}
	return true;
}

static la_ssize_t on_write(
	struct archive *archive, void *context, const void *bytes, size_t bytes_count)
{
	struct snapshot_writer *writer = context;

	if (!write_all(writer->fd, bytes, bytes_count)) {
		writer->number = errno;
		archive_set_error(archive, errno, "%s", strerror(errno));
		return -1;
	}
	sha256_add(&writer->sum, bytes, bytes_count);
	return (la_ssize_t)bytes_count;
}

static bool wrote(const struct snapshot_writer *writer, int code, struct why *why)
{
	if (code == ARCHIVE_OK) {
		return true;
	}
	why_say(why, "cannot write the snapshot: %s",
		writer->number != 0 ? strerror(writer->number)
				    : archive_error_string(writer->archive));
	return false;
}

struct snapshot_writer *snapshot_file_begin(int fd, struct why *why)
{
	struct snapshot_writer *writer = calloc(1, sizeof *writer);
	bool good = writer != NULL && (writer->archive = archive_write_new()) != NULL;

	if (!good) {
		why_say(why, "no memory for the snapshot");
		snapshot_file_drop(writer);
		return NULL;
	}
	writer->fd = fd;
	sha256_start(&writer->sum);
	good = wrote(writer, archive_write_set_format_pax_restricted(writer->archive), why) &&
	       wrote(writer, archive_write_add_filter_zstd(writer->archive), why) &&
	       wrote(writer,
		       archive_write_set_filter_option(
			       writer->archive, "zstd", "compression-level", LEVEL),
		       why) &&
	       wrote(writer, archive_write_set_bytes_in_last_block(writer->archive, 1), why) &&
	       wrote(writer, archive_write_open(writer->archive, writer, NULL, on_write, NULL),
		       why);
	if (!good) {
		snapshot_file_drop(writer);
		return NULL;
	}
	return writer;
}

void snapshot_file_drop(struct snapshot_writer *writer)
{
	if (writer == NULL) {
		return;
	}
	(void)archive_write_free(writer->archive); /* NULL is fine */
	free(writer);
}

bool snapshot_file_begin_member(struct snapshot_writer *writer, const char *name,
	uint64_t bytes_count, int64_t mtime_unix_s, struct why *why)
{
	struct archive_entry *entry = archive_entry_new();
	int code;

	if (entry == NULL) {
		why_say(why, "no memory for the snapshot");
		return false;
	}
	archive_entry_set_pathname(entry, name);
	archive_entry_set_size(entry, (la_int64_t)bytes_count);
	archive_entry_set_filetype(entry, AE_IFREG);
	archive_entry_set_perm(entry, 0600);
	archive_entry_set_mtime(entry, (time_t)mtime_unix_s, 0);
	code = archive_write_header(writer->archive, entry);
	archive_entry_free(entry);
	return wrote(writer, code, why);
}

bool snapshot_file_put(struct snapshot_writer *writer, struct slice bytes, struct why *why)
{
	la_ssize_t took = archive_write_data(writer->archive, bytes.bytes, bytes.bytes_count);

	return wrote(
		writer, took == (la_ssize_t)bytes.bytes_count ? ARCHIVE_OK : ARCHIVE_FATAL, why);
}

bool snapshot_file_finish(struct snapshot_writer *writer, struct why *why)
{
	uint8_t seal[SNAPSHOT_SEAL_BYTES];
	struct hash sum;

	if (!wrote(writer, archive_write_close(writer->archive), why)) {
		return false;
	}
	sha256_finish(&writer->sum, &sum);
	memcpy(seal, seal_head, sizeof seal_head);
	memcpy(seal + sizeof seal_head, sum.bytes, HASH_BYTES);
	if (!write_all(writer->fd, seal, sizeof seal)) {
		why_say(why, "cannot write the snapshot: %s", strerror(errno));
		return false;
	}
	return true;
}

/* ---- reading ---- */

struct snapshot_reader {
	struct archive *archive; /* owned, like fd */
	int fd;
	int number;
	uint64_t left; /* before the seal */
	struct hash seal;
	struct sha256 sum;
	uint8_t in[BLOCK_BYTES];
	uint8_t out[BLOCK_BYTES];
};

void snapshot_file_close(struct snapshot_reader *reader)
{
	if (reader == NULL) {
		return;
	}
	(void)archive_read_free(reader->archive);
	if (reader->fd >= 0) {
		(void)close(reader->fd);
	}
	free(reader);
}

static la_ssize_t on_read(struct archive *archive, void *context, const void **ret_bytes)
{
	struct snapshot_reader *reader = context;
	size_t wanted = reader->left < sizeof reader->in ? (size_t)reader->left : sizeof reader->in;
	ssize_t got = wanted == 0 ? 0 : read(reader->fd, reader->in, wanted);

	if (got < 0 || (got == 0 && wanted > 0)) {
		reader->number = got < 0 ? errno : EIO;
		archive_set_error(archive, reader->number, "%s", strerror(reader->number));
		return -1;
	}
	sha256_add(&reader->sum, reader->in, (size_t)got);
	reader->left -= (uint64_t)got;
	*ret_bytes = reader->in;
	return got;
}

static bool read_seal(struct snapshot_reader *reader, const char *path, struct why *why)
{
	uint8_t seal[SNAPSHOT_SEAL_BYTES];
	struct stat found;

	if (fstat(reader->fd, &found) != 0 || !S_ISREG(found.st_mode)) {
		why_say(why, "%s: is not a regular file", path);
		return false;
	}
	if (found.st_size < (off_t)sizeof seal ||
		pread(reader->fd, seal, sizeof seal, found.st_size - (off_t)sizeof seal) !=
			(ssize_t)sizeof seal ||
		memcmp(seal, seal_head, sizeof seal_head) != 0) {
		why_say(why, "%s: no seal stands at its end: it was cut, or is no snapshot", path);
		return false;
	}
	memcpy(reader->seal.bytes, seal + sizeof seal_head, HASH_BYTES);
	reader->left = (uint64_t)found.st_size - sizeof seal;
	return true;
}

struct snapshot_reader *snapshot_file_open(const char *path, int fd, struct why *why)
{
	struct snapshot_reader *reader = calloc(1, sizeof *reader);

	if (reader == NULL || (reader->archive = archive_read_new()) == NULL) {
		why_say(why, "no memory for the snapshot");
		free(reader);
		if (fd >= 0) {
			(void)close(fd);
		}
		return NULL;
	}
	reader->fd = fd >= 0 ? fd : open(path, O_RDONLY | O_CLOEXEC);
	if (reader->fd < 0) {
		why_say(why, "%s: %s", path, strerror(errno));
		snapshot_file_close(reader);
		return NULL;
	}
	sha256_start(&reader->sum);
	if (!read_seal(reader, path, why)) {
		snapshot_file_close(reader);
		return NULL;
	}
	if (archive_read_support_format_tar(reader->archive) != ARCHIVE_OK ||
		archive_read_support_filter_zstd(reader->archive) != ARCHIVE_OK ||
		archive_read_open(reader->archive, reader, NULL, on_read, NULL) != ARCHIVE_OK) {
		why_say(why, "%s: is no tar behind zstd: %s", path,
			archive_error_string(reader->archive));
		snapshot_file_close(reader);
		return NULL;
	}
	return reader;
}

static bool damaged(const struct snapshot_reader *reader, struct why *why)
{
	const char *text = archive_error_string(reader->archive);

	why_say(why, "the archive is damaged or cut: %s", text != NULL ? text : "it ends too soon");
	return false;
}

/* What stands behind the archive is hashed too: nothing, or it is no file of ours. */
static bool seal_holds(struct snapshot_reader *reader, struct why *why)
{
	struct hash sum;
	const void *bytes;

	while (reader->left > 0) {
		if (on_read(reader->archive, reader, &bytes) <= 0) {
			return damaged(reader, why);
		}
	}
	sha256_finish(&reader->sum, &sum);
	if (memcmp(&sum, &reader->seal, sizeof sum) != 0) {
		why_say(why, "the seal at its end does not hold: a byte of the file was changed");
		return false;
	}
	return true;
}

bool snapshot_file_next_member(struct snapshot_reader *reader, const char **ret_name,
	uint64_t *ret_bytes_count, bool *ret_end, struct why *why)
{
	struct archive_entry *entry = NULL;
	int code = archive_read_next_header(reader->archive, &entry);

	*ret_end = false;
	if (code == ARCHIVE_EOF) {
		*ret_end = seal_holds(reader, why);
		return false;
	}
	if (code != ARCHIVE_OK || archive_entry_pathname(entry) == NULL) {
		return damaged(reader, why);
	}
	if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_size_is_set(entry) == 0 ||
		archive_entry_size(entry) < 0) {
		why_say(why, "a member is not a file");
		return false;
	}
	*ret_name = archive_entry_pathname(entry);
	*ret_bytes_count = (uint64_t)archive_entry_size(entry);
	return true;
}

bool snapshot_file_get(struct snapshot_reader *reader, struct slice *ret_bytes, struct why *why)
{
	la_ssize_t got = archive_read_data(reader->archive, reader->out, sizeof reader->out);

	if (got < 0) {
		return damaged(reader, why);
	}
	*ret_bytes = (struct slice){ reader->out, (size_t)got };
	return true;
}
