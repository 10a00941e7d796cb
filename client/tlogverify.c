/* tlogverify: checks what a transparency log published, with the log's public key and nothing else:
 * no network, no node, no other file of this project. Build it anywhere with
 *
 *     cc -o tlogverify tlogverify.c -lhogweed -lnettle -lgmp
 *
 * Formats: signed-note, tlog-checkpoint, tlog-tiles and tlog-proof of c2sp.org; trees as in RFC
 * 6962, proofs as in RFC 9162. It shares no line with the node: see tlogverify(1). */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <nettle/base64.h>
#include <nettle/eddsa.h>
#include <nettle/sha2.h>

enum { GOOD = 0, BAD = 1, USAGE = 2, CANNOT = 3 };

#define HASH_BYTES  32u
#define ID_BYTES    4u
#define WIDTH       256u /* of a full tile */
#define LEVELS      8u   /* of tiles: eight bits each, more than sizes have */
#define PATH_BYTES  4096u
#define ENTRY_MAX   65535u
#define FILE_MAX    (WIDTH * (2u + ENTRY_MAX)) /* the largest bundle of entries */
#define ENCODED(n)  (((n) + 2u) / 3u * 4u)
#define HASH(hash)  of(&(hash), HASH_BYTES)
#define TEXT(bytes) (int)(bytes).count, (const char *)(bytes).at /* for %.*s */

struct bytes {
	const uint8_t *at;
	size_t count;
};

struct hash {
	uint8_t bytes[HASH_BYTES];
};

struct vkey {
	struct bytes name;
	uint8_t id[ID_BYTES];
	uint8_t public_key[ED25519_KEY_SIZE];
};

struct checkpoint {
	struct bytes origin;
	uint64_t size;
	struct hash root;
};

static const char *subject = ""; /* the file that is being looked at: stop() names it */

/* Says why on stderr and ends: there is nothing to tidy up. */
__attribute__((format(printf, 2, 3))) static _Noreturn void stop(int code, const char *format, ...)
{
	va_list values;

	va_start(values, format);
	(void)fprintf(stderr, "%s: %s: ", code == BAD ? "BAD" : "tlogverify", subject);
	(void)vfprintf(stderr, format, values);
	(void)fputc('\n', stderr);
	va_end(values);
	exit(code);
}

static struct bytes of(const void *at, size_t count)
{
	return (struct bytes){ at, count };
}

/* Each file that is needed at a time has its own slot. */
static struct bytes read_file(const char *path, unsigned slot, int if_missing)
{
	static uint8_t files[3][FILE_MAX + 1];
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t count;

	subject = path;
	if (file == NULL) {
		stop(errno == ENOENT ? if_missing : CANNOT, "%s", strerror(errno));
	}
	count = fread(files[slot], 1, FILE_MAX + 1, file);
	if (ferror(file) || count > FILE_MAX) {
		stop(CANNOT, "cannot be read, or is larger than anything of a log");
	}
	(void)fclose(file);
	return of(files[slot], count);
}

static bool same(struct bytes a, struct bytes b)
{
	return a.count == b.count && memcmp(a.at, b.at, a.count) == 0;
}

/* What stands before the next `end`; both are taken. False: there is none. */
static bool take_until(struct bytes *text, char end, struct bytes *ret)
{
	const uint8_t *found = memchr(text->at, end, text->count);

	if (found != NULL) {
		*ret = of(text->at, (size_t)(found - text->at));
		*text = of(found + 1, text->count - ret->count - 1);
	}
	return found != NULL;
}

static bool take_word(struct bytes *text, const char *word)
{
	size_t count = strlen(word);

	if (text->count < count || memcmp(text->at, word, count) != 0) {
		return false;
	}
	*text = of(text->at + count, text->count - count);
	return true;
}

/* A line of decimal digits below 2^63; the end of the line ends strtoull too. What it reads more
 * kindly than that is told by printing the number again. */
static bool take_number(struct bytes *text, uint64_t *ret)
{
	struct bytes line;
	char again[24];

	if (!take_until(text, '\n', &line)) {
		return false;
	}
	*ret = strtoull((const char *)line.at, NULL, 10);
	return *ret <= INT64_MAX &&
	       same(line, of(again, (size_t)snprintf(again, sizeof again, "%" PRIu64, *ret)));
}

/* The number of bytes, at most `room` <= ENTRY_MAX; 0 if it is not base64, or empty. nettle takes
 * more than the one spelling of some bytes, so what it decoded is encoded once more. */
static size_t decode(struct bytes text, uint8_t *ret, size_t room)
{
	static uint8_t bytes[BASE64_DECODE_LENGTH(ENCODED(ENTRY_MAX)) + 1];
	static char again[ENCODED(ENTRY_MAX) + 1];
	struct base64_decode_ctx decoder;
	size_t count = 0;

	base64_decode_init(&decoder);
	if (text.count > ENCODED(room) ||
		!base64_decode_update(&decoder, &count, bytes, text.count, (const char *)text.at) ||
		!base64_decode_final(&decoder) || count > room) {
		return 0;
	}
	base64_encode_raw(again, count, bytes);
	memcpy(ret, bytes, count);
	return same(text, of(again, ENCODED(count))) ? count : 0;
}

/* A line of base64. */
static bool take_hash(struct bytes *text, struct hash *ret)
{
	struct bytes line;

	return take_until(text, '\n', &line) && decode(line, ret->bytes, HASH_BYTES) == HASH_BYTES;
}

static struct hash sha256_of(struct bytes a, struct bytes b, struct bytes c)
{
	struct sha256_ctx sha256;
	struct hash hash;

	sha256_init(&sha256);
	sha256_update(&sha256, a.count, a.at);
	sha256_update(&sha256, b.count, b.at);
	sha256_update(&sha256, c.count, c.at);
	sha256_digest(&sha256, HASH_BYTES, hash.bytes);
	return hash;
}

/* <name>+<hex of key id>+<base64 of type 1 and public key> */
static struct vkey parse_vkey(const char *text)
{
	struct bytes rest = of(text, strlen(text)), hex;
	uint8_t typed[1 + ED25519_KEY_SIZE];
	char id[2 * ID_BYTES + 1];
	struct vkey vkey;
	struct hash hash;

	if (!take_until(&rest, '+', &vkey.name) || vkey.name.count == 0 ||
		!take_until(&rest, '+', &hex) ||
		decode(rest, typed, sizeof typed) != sizeof typed || typed[0] != 1) {
		stop(USAGE, "the key is no Ed25519 vkey: NAME+8 hex digits+base64");
	}
	hash = sha256_of(vkey.name, of("\n", 1), of(typed, sizeof typed));
	memcpy(vkey.id, hash.bytes, ID_BYTES);
	memcpy(vkey.public_key, typed + 1, ED25519_KEY_SIZE);
	(void)snprintf(
		id, sizeof id, "%02x%02x%02x%02x", vkey.id[0], vkey.id[1], vkey.id[2], vkey.id[3]);
	if (!same(hex, of(id, 2 * ID_BYTES))) {
		stop(USAGE, "the key's id is not %s, as its name and public key want it", id);
	}
	return vkey;
}

/* Returns only what was signed with this key, and for the log that the key names. The text goes
 * up to the last empty line; signatures of others are ignored, each of this key must verify. */
static struct checkpoint verify_note(struct bytes note, const struct vkey *vkey)
{
	uint8_t bytes[ID_BYTES + ED25519_SIGNATURE_SIZE], *signature = bytes + ID_BYTES;
	struct checkpoint checkpoint;
	struct bytes text, lines, line, name;
	size_t end = note.count;
	bool is_signed = false;

	while (end >= 2 && memcmp(note.at + end - 2, "\n\n", 2) != 0) {
		end--;
	}
	if (end < 2) {
		stop(BAD, "no empty line parts text and signatures");
	}
	text = of(note.at, end - 1);
	lines = of(note.at + end, note.count - end);
	while (take_until(&lines, '\n', &line)) {
		if (!take_word(&line, "\xe2\x80\x94 ") || !take_until(&line, ' ', &name) ||
			!same(name, vkey->name) ||
			decode(line, bytes, sizeof bytes) != sizeof bytes ||
			memcmp(bytes, vkey->id, ID_BYTES) != 0) {
			continue;
		}
		if (!ed25519_sha512_verify(vkey->public_key, text.count, text.at, signature)) {
			stop(BAD, "the signature does not verify: it or the text was changed");
		}
		is_signed = true;
	}
	if (!is_signed) {
		stop(BAD, "not signed with the key of %.*s", TEXT(vkey->name));
	}
	if (!take_until(&text, '\n', &checkpoint.origin) || !take_number(&text, &checkpoint.size) ||
		!take_hash(&text, &checkpoint.root)) {
		stop(BAD, "no checkpoint: it lacks origin, size or root");
	}
	if (!same(checkpoint.origin, vkey->name)) {
		stop(BAD, "of another log than the key's: %.*s", TEXT(checkpoint.origin));
	}
	return checkpoint;
}

static struct hash node_hash(const struct hash *left, const struct hash *right)
{
	return sha256_of(of("\1", 1), HASH(*left), HASH(*right));
}

/* The loop of both verifiers of RFC 9162: fn is the node below, sn the last one of its level. Takes
 * a hash of the proof for each step; *left joins what stands to the left alone, *all joins all. */
static bool climb(uint64_t fn, uint64_t sn, struct bytes *path, struct hash *left, struct hash *all)
{
	struct hash next;

	for (; sn != 0; fn >>= 1, sn >>= 1) {
		if (!take_hash(path, &next)) {
			return false;
		}
		if ((fn & 1) == 0 && fn != sn) {
			*all = node_hash(all, &next);
			continue;
		}
		*left = node_hash(&next, left);
		*all = node_hash(&next, all);
		for (; (fn & 1) == 0 && fn != 0; fn >>= 1) {
			sn >>= 1;
		}
	}
	return true;
}

static struct hash leaf_hash(struct bytes entry)
{
	return sha256_of(of("\0", 1), entry, of("", 0));
}

/* RFC 9162, section 2.1.4.2; the proof is all of that text. */
static bool is_continued(struct checkpoint old, struct checkpoint new, struct bytes proof)
{
	uint64_t fn = old.size - 1, sn = new.size - 1;
	struct hash left = old.root, all;

	if (old.size == 0 || old.size >= new.size) {
		return proof.count == 0 && old.size <= new.size &&
		       (old.size == 0 || same(HASH(old.root), HASH(new.root)));
	}
	if ((old.size & fn) != 0 && !take_hash(&proof, &left)) {
		return false; /* a tree that is no node of the new one begins with a hash */
	}
	for (all = left; (fn & 1) == 1; fn >>= 1) {
		sn >>= 1;
	}
	return climb(fn, sn, &proof, &left, &all) && proof.count == 0 &&
	       same(HASH(left), HASH(old.root)) && same(HASH(all), HASH(new.root));
}

/* Of each level how many hashes there are, and those that are in no full tile yet. */
struct tiles {
	const char *dir;
	uint64_t counts[LEVELS];
	struct hash rows[LEVELS][WIDTH];
};

/* The root over a row of nodes, of which the last may stand for less than the others. */
static struct hash fold(const struct hash *hashes, size_t count)
{
	struct hash row[WIDTH];

	memcpy(row, hashes, count * sizeof row[0]);
	for (; count > 1; count = (count + 1) / 2) {
		for (size_t i = 0; i < count; i += 2) {
			row[i / 2] = i + 1 < count ? node_hash(&row[i], &row[i + 1]) : row[i];
		}
	}
	return row[0];
}

/* <dir>/tile/<level>/x001/x234/067[.p/<width>] */
static struct bytes read_tile(
	const struct tiles *tiles, const char *level, uint64_t index, size_t width, unsigned slot)
{
	static char path[PATH_BYTES];
	int used = snprintf(path, PATH_BYTES, "%s/tile/%s", tiles->dir, level);
	uint64_t divisor = 1;

	if (used < 0 || used > (int)PATH_BYTES - 64) { /* names of tiles are shorter */
		stop(CANNOT, "the name of the directory is too long");
	}
	while (index / divisor >= 1000) {
		divisor *= 1000;
	}
	for (; divisor > 0; divisor /= 1000) {
		used += snprintf(path + used, 8, "/%s%03u", divisor > 1 ? "x" : "",
			(unsigned)(index / divisor % 1000));
	}
	if (width < WIDTH) {
		(void)snprintf(path + used, 16, ".p/%zu", width);
	}
	return read_file(path, slot, BAD);
}

static void compare_tile(const struct tiles *tiles, unsigned level, uint64_t index, size_t width)
{
	const char name[] = { (char)('0' + level), '\0' };
	struct bytes bytes = read_tile(tiles, name, index, width, 0);

	if (!same(bytes, of(tiles->rows[level], width * HASH_BYTES))) {
		stop(BAD, "not the %zu hashes of what is below this tile", width);
	}
}

static void append(struct tiles *tiles, struct hash hash)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		uint64_t count = ++tiles->counts[level];

		tiles->rows[level][(count - 1) % WIDTH] = hash;
		if (count % WIDTH != 0) {
			return;
		}
		compare_tile(tiles, level, count / WIDTH - 1, WIDTH);
		hash = fold(tiles->rows[level], WIDTH);
	}
}

/* The next `width` entries, each behind its length in two bytes. */
static void append_bundle(struct tiles *tiles, size_t width)
{
	struct bytes rest = read_tile(tiles, "entries", tiles->counts[0] / WIDTH, width, 1);

	for (size_t i = 0; i < width; i++) {
		size_t count = rest.count < 2 ? 0 : (size_t)rest.at[0] << 8 | rest.at[1];

		if (rest.count < 2 + count) {
			stop(BAD, "the bundle ends within entry %zu", i);
		}
		append(tiles, leaf_hash(of(rest.at + 2, count)));
		rest = of(rest.at + 2 + count, rest.count - 2 - count);
	}
	if (rest.count > 0) {
		stop(BAD, "there are more than %zu entries in the bundle", width);
	}
}

/* Compares the partial tiles, too. */
static struct hash root_of(struct tiles *tiles)
{
	struct hash root = sha256_of(of("", 0), of("", 0), of("", 0));
	bool is_empty = true;

	for (unsigned level = 0; level < LEVELS; level++) {
		size_t count = tiles->counts[level] % WIDTH;

		if (count > 0) {
			compare_tile(tiles, level, tiles->counts[level] / WIDTH, count);
		}
		if (!is_empty) {
			tiles->rows[level][count++] = root; /* of the levels below */
		}
		if (count > 0) {
			root = fold(tiles->rows[level], count);
			is_empty = false;
		}
	}
	return root;
}

/* The commands: each returns what was proven, or does not return. */
static struct checkpoint check_proof(const struct vkey *vkey, const char *path, const char *entry)
{
	static uint8_t extra[ENTRY_MAX];
	struct bytes rest = read_file(path, 0, CANNOT), note, line, leaf = { extra, 0 };
	struct checkpoint checkpoint;
	struct hash root, left;
	uint64_t index = 0;

	if (!take_word(&rest, "c2sp.org/tlog-proof@v1\n") ||
		(take_word(&rest, "extra ") &&
			(!take_until(&rest, '\n', &line) ||
				(leaf.count = decode(line, extra, sizeof extra)) == 0)) ||
		!take_word(&rest, "index ") || !take_number(&rest, &index)) {
		stop(BAD, "no c2sp.org/tlog-proof@v1: header, extra or index is wrong");
	}
	note = rest; /* but for the lines of hashes and an empty one */
	while (take_until(&note, '\n', &line) && line.count > 0) {
	}
	checkpoint = verify_note(note, vkey);
	if (entry == NULL && leaf.count == 0) {
		stop(CANNOT, "the proof holds no entry: name the file that does");
	}
	leaf = entry != NULL ? read_file(entry, 1, CANNOT) : leaf;
	root = left = leaf_hash(leaf);
	if (index >= checkpoint.size || !climb(index, checkpoint.size - 1, &rest, &left, &root) ||
		!same(HASH(root), HASH(checkpoint.root)) || !take_word(&rest, "\n")) {
		stop(BAD, "entry, index and hashes do not lead to the signed root");
	}
	return checkpoint;
}

static struct checkpoint check_consistency(const struct vkey *vkey, char *paths[])
{
	struct checkpoint old = verify_note(read_file(paths[0], 0, CANNOT), vkey);
	struct checkpoint new = verify_note(read_file(paths[1], 1, CANNOT), vkey);

	if (!is_continued(old, new, read_file(paths[2], 2, CANNOT))) {
		stop(BAD, "does not show that %s continues %s", paths[1], paths[0]);
	}
	return new;
}

/* All is computed from the entries alone; each hash tile and the root must be what they give. */
static struct checkpoint check_tiles(const struct vkey *vkey, const char *dir, const char *note)
{
	static struct tiles tiles;
	char own[PATH_BYTES];
	struct checkpoint checkpoint;
	struct hash root;

	tiles.dir = dir;
	(void)snprintf(own, sizeof own, "%s/checkpoint", dir);
	checkpoint = verify_note(read_file(note != NULL ? note : own, 2, CANNOT), vkey);
	while (tiles.counts[0] < checkpoint.size) {
		uint64_t left = checkpoint.size - tiles.counts[0];

		append_bundle(&tiles, left < WIDTH ? (size_t)left : WIDTH);
	}
	root = root_of(&tiles);
	subject = dir;
	if (!same(HASH(root), HASH(checkpoint.root))) {
		stop(BAD, "the entries do not lead to the signed root");
	}
	return checkpoint;
}

int main(int argc, char *argv[])
{
	const char *command = argc > 3 ? argv[1] : "";
	struct vkey vkey = argc > 3 ? parse_vkey(argv[2]) : (struct vkey){ .id = { 0 } };
	struct checkpoint proven;

	if (strcmp(command, "checkpoint") == 0 && argc == 4) {
		proven = verify_note(read_file(argv[3], 0, CANNOT), &vkey);
	} else if (strcmp(command, "proof") == 0 && argc <= 5) {
		proven = check_proof(&vkey, argv[3], argv[4]);
	} else if (strcmp(command, "consistency") == 0 && argc == 6) {
		proven = check_consistency(&vkey, argv + 3);
	} else if (strcmp(command, "tiles") == 0 && argc <= 5) {
		proven = check_tiles(&vkey, argv[3], argv[4]);
	} else {
		subject = "usage";
		stop(USAGE,
			"checkpoint VKEY FILE | proof VKEY FILE [ENTRY] | "
			"consistency VKEY OLDER NEWER HASHES | tiles VKEY DIRECTORY [CHECKPOINT]");
	}
	(void)printf("good: %s of %.*s at size %" PRIu64 "\n", command, TEXT(proven.origin),
		proven.size);
	return fflush(stdout) == 0 ? GOOD : CANNOT;
}
