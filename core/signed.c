#include "core/signed.h"

#include <string.h>

#include "core/bytes.h"
#include "core/sha256.h"

#define SUM_OFFSET 88u

static const uint8_t magic[8] = { 'm', 'n', 's', 'i', 'g', 'n', 0, 1 };

enum sector { SECTOR_FRESH, SECTOR_WHOLE, SECTOR_BROKEN };

void signed_mark_encode(const struct signed_mark *mark, uint8_t ret_bytes[SIGNED_MARK_BYTES])
{
	struct byte_writer out = byte_writer_of(ret_bytes, SIGNED_MARK_BYTES);
	struct hash sum;

	byte_put_bytes(&out, magic, sizeof magic);
	byte_put_u64(&out, mark->count);
	byte_put_u64(&out, mark->size);
	byte_put_hash(&out, &mark->root);
	byte_put_hash(&out, &mark->public_key);
	assert(!out.failed && out.used == SUM_OFFSET);
	sha256_hash(ret_bytes, SUM_OFFSET, &sum);
	byte_put_hash(&out, &sum);
}

static enum sector decode(const uint8_t *bytes, unsigned slot, struct signed_mark *ret_mark)
{
	static const uint8_t zeros[SIGNED_MARK_BYTES];
	struct byte_reader in = byte_reader_of((struct slice){ bytes, SIGNED_MARK_BYTES });
	struct signed_mark mark;
	struct hash sum;

	if (memcmp(bytes, zeros, sizeof zeros) == 0) {
		return SECTOR_FRESH;
	}
	sha256_hash(bytes, SUM_OFFSET, &sum);
	if (memcmp(bytes, magic, sizeof magic) != 0 ||
		memcmp(bytes + SUM_OFFSET, sum.bytes, HASH_BYTES) != 0) {
		return SECTOR_BROKEN;
	}
	(void)byte_take(&in, sizeof magic);
	mark.count = byte_get_u64(&in);
	mark.size = byte_get_u64(&in);
	mark.root = byte_get_hash(&in);
	mark.public_key = byte_get_hash(&in);
	if (mark.count == 0 || (mark.count - 1) % 2 != slot) {
		return SECTOR_BROKEN;
	}
	*ret_mark = mark;
	return SECTOR_WHOLE;
}

enum err signed_newest(const uint8_t file[SIGNED_FILE_BYTES], struct signed_mark *ret_mark)
{
	struct signed_mark marks[2] = { { .count = 0 }, { .count = 0 } };
	enum sector first = decode(file, 0, &marks[0]);
	enum sector second = decode(file + SIGNED_SECTOR_BYTES, 1, &marks[1]);

	if (first != SECTOR_WHOLE && second != SECTOR_WHOLE) {
		return ERR_CORRUPT;
	}
	/* the first mark fills the first sector, and no two counts are further apart than one */
	if ((first == SECTOR_FRESH) || (second == SECTOR_FRESH && marks[0].count != 1)) {
		return ERR_CORRUPT;
	}
	if (first == SECTOR_WHOLE && second == SECTOR_WHOLE &&
		marks[0].count + 1 != marks[1].count && marks[1].count + 1 != marks[0].count) {
		return ERR_CORRUPT;
	}
	*ret_mark = marks[0].count > marks[1].count ? marks[0] : marks[1];
	return ERR_OK;
}
