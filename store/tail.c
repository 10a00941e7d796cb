#include "store/tail.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/bytes.h"
#include "core/sha256.h"

#define TAIL_SECTORS    2u
#define TAIL_SUM_OFFSET 48u
#define TAIL_MARK_BYTES (TAIL_SUM_OFFSET + HASH_BYTES)

static const uint8_t magic[8] = { 'm', 'n', '-', 't', 'a', 'i', 'l', '1' };

enum sector { SECTOR_FRESH, SECTOR_WHOLE, SECTOR_BROKEN };

static void mark_encode(const struct tail_mark *mark, uint8_t ret_bytes[TAIL_MARK_BYTES])
{
	struct byte_writer out = byte_writer_of(ret_bytes, TAIL_MARK_BYTES);
	struct hash sum;

	byte_put_bytes(&out, magic, sizeof magic);
	byte_put_u64(&out, mark->size);
	byte_put_hash(&out, &mark->root);
	assert(!out.failed && out.used == TAIL_SUM_OFFSET);
	sha256_hash(ret_bytes, TAIL_SUM_OFFSET, &sum);
	byte_put_hash(&out, &sum);
}

static enum sector mark_decode(const uint8_t bytes[TAIL_MARK_BYTES], struct tail_mark *ret_mark)
{
	static const uint8_t zeros[TAIL_MARK_BYTES];
	struct byte_reader in = byte_reader_of((struct slice){ bytes, TAIL_MARK_BYTES });
	struct tail_mark mark;
	struct hash sum;

	if (memcmp(bytes, zeros, sizeof zeros) == 0) {
		return SECTOR_FRESH;
	}
	sha256_hash(bytes, TAIL_SUM_OFFSET, &sum);
	if (memcmp(bytes, magic, sizeof magic) != 0 ||
		memcmp(bytes + TAIL_SUM_OFFSET, sum.bytes, HASH_BYTES) != 0) {
		return SECTOR_BROKEN;
	}
	(void)byte_take(&in, sizeof magic);
	mark.size = byte_get_u64(&in);
	mark.root = byte_get_hash(&in);
	*ret_mark = mark;
	return SECTOR_WHOLE;
}

/* The newest whole mark. Two sectors that were both written and are both broken are no torn
 * write: then nobody knows what was acknowledged. */
static enum err marks_read(
	int fd, const char *dir, struct tail_mark *ret_mark, unsigned *ret_slot, struct why *why)
{
	struct tail_mark newest = { .size = 0 };
	unsigned slot = TAIL_SECTORS - 1;
	unsigned whole_count = 0;
	unsigned broken_count = 0;

	for (unsigned i = 0; i < TAIL_SECTORS; i++) {
		uint8_t bytes[TAIL_MARK_BYTES] = { 0 };
		struct tail_mark mark = { .size = 0 };
		ssize_t got = pread(fd, bytes, sizeof bytes, (off_t)i * TAIL_SECTOR_BYTES);

		if (got < 0) {
			why_say(why, "%s/%s: cannot read: %s", dir, TAIL_NAME, strerror(errno));
			return ERR_IO;
		}
		switch (mark_decode(bytes, &mark)) {
		case SECTOR_FRESH:
			break;
		case SECTOR_BROKEN:
			broken_count++;
			break;
		case SECTOR_WHOLE:
			if (whole_count++ == 0 || mark.size >= newest.size) {
				newest = mark;
				slot = i;
			}
			break;
		}
	}
	if (whole_count == 0 && broken_count > 0) {
		why_say(why, "%s/%s: no mark of what was acknowledged last is whole", dir,
			TAIL_NAME);
		return ERR_CORRUPT;
	}
	*ret_mark = newest;
	*ret_slot = slot;
	return ERR_OK;
}

static bool prewrite(int fd, int dir_fd)
{
	static const uint8_t zeros[TAIL_SECTORS * TAIL_SECTOR_BYTES];

	return pwrite(fd, zeros, sizeof zeros, 0) == (ssize_t)sizeof zeros && fsync(fd) == 0 &&
	       fsync(dir_fd) == 0;
}

static enum err file_open(int dir_fd, const char *dir, bool may_make, int *ret_fd, struct why *why)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | (may_make ? O_CREAT : 0);
	int fd = openat(dir_fd, TAIL_NAME, flags, 0640);
	enum err err = ERR_IO;
	struct stat status;

	if (fd < 0) {
		why_say(why, "%s/%s: cannot open: %s", dir, TAIL_NAME, strerror(errno));
		return errno == ENOENT && !may_make ? ERR_NOT_FOUND : ERR_IO;
	}
	if (fstat(fd, &status) != 0 || (may_make && status.st_size == 0 && !prewrite(fd, dir_fd))) {
		err = errno == ENOSPC ? ERR_NO_SPACE : ERR_IO;
		why_say(why, "%s/%s: cannot create: %s", dir, TAIL_NAME, strerror(errno));
		(void)close(fd);
		return err;
	}
	*ret_fd = fd;
	return ERR_OK;
}

enum err tail_open(struct tail *tail, int dir_fd, const char *dir, bool may_make,
	struct tail_mark *ret_mark, struct why *why)
{
	struct tail_mark mark;
	unsigned slot;
	int fd = -1;
	enum err err = file_open(dir_fd, dir, may_make, &fd, why);

	if (err != ERR_OK) {
		return err;
	}
	err = marks_read(fd, dir, &mark, &slot, why);
	if (err != ERR_OK) {
		(void)close(fd);
		return err;
	}
	*tail = (struct tail){ .fd = fd, .slot = (slot + 1) % TAIL_SECTORS };
	*ret_mark = mark;
	return ERR_OK;
}

enum err tail_reset(struct tail *tail, int dir_fd, const char *dir, const struct tail_mark *mark,
	struct why *why)
{
	enum err err = ERR_OK;

	if (tail->fd < 0) {
		*tail = (struct tail){ .fd = -1 };
		err = file_open(dir_fd, dir, true, &tail->fd, why);
	}
	if (err != ERR_OK) {
		return err;
	}
	/* Both sectors: the older one holds what is no longer there. */
	if (tail_write(tail, mark) != ERR_OK || tail_write(tail, mark) != ERR_OK ||
		fsync(tail->fd) != 0) {
		why_say(why, "%s/%s: cannot write: %s", dir, TAIL_NAME, strerror(errno));
		return ERR_IO;
	}
	return ERR_OK;
}

enum err tail_write(struct tail *tail, const struct tail_mark *mark)
{
	uint8_t bytes[TAIL_MARK_BYTES];

	mark_encode(mark, bytes);
	if (pwrite(tail->fd, bytes, sizeof bytes, (off_t)tail->slot * TAIL_SECTOR_BYTES) !=
		(ssize_t)sizeof bytes) {
		return ERR_IO;
	}
	tail->slot = (tail->slot + 1) % TAIL_SECTORS;
	return ERR_OK;
}

void tail_close(struct tail *tail)
{
	if (tail->fd >= 0) {
		(void)close(tail->fd);
		tail->fd = -1;
	}
}

enum err tail_read(int dir_fd, const char *dir, struct tail_mark *ret_mark, struct why *why)
{
	unsigned slot;
	enum err err;
	int fd = openat(dir_fd, TAIL_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		why_say(why, "%s/%s: cannot open: %s", dir, TAIL_NAME, strerror(errno));
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_IO;
	}
	err = marks_read(fd, dir, ret_mark, &slot, why);
	(void)close(fd);
	return err;
}
