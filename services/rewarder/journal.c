#include "services/rewarder/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "core/blake3.h"

#define NAME     "registry"
#define NAME_NEW "registry.new"

/* Written anew when it is larger than this and than four times what is true of it. */
#define HISTORY_BYTES_MIN (16u * 1024u * 1024u)

static const uint8_t magic[8] = { 'm', 'n', 'r', 'u', 'n', 's', 0, 1 };

static noreturn void fail(const struct journal *journal, const char *what)
{
	worker_fail(
		journal->worker, "the registry of runs cannot be %s: %s", what, strerror(errno));
}

/* For a world that is full there is an answer; for one that is broken there is not. */
static enum err refuse(const struct journal *journal, const char *what)
{
	enum err err = file_err(errno);

	if (err != ERR_NO_SPACE) {
		fail(journal, what);
	}
	return err;
}

/* --- records --- */

static struct hash chain_next(const struct hash *chain, struct slice payload)
{
	struct blake3 hash;
	struct hash next;

	blake3_start(&hash);
	blake3_add(&hash, chain->bytes, HASH_BYTES);
	blake3_add(&hash, payload.bytes, payload.bytes_count);
	blake3_finish(&hash, &next);
	return next;
}

struct byte_writer journal_payload(struct journal *journal)
{
	return byte_writer_of(journal->scratch + JOURNAL_HEAD_BYTES, journal->payload_bytes_max);
}

/* Head and checksum around the payload in the scratch; bytes of the record. */
static size_t make_record(struct journal *journal, size_t payload_bytes, struct hash *chain)
{
	uint8_t *payload = journal->scratch + JOURNAL_HEAD_BYTES;
	struct byte_writer head = byte_writer_of(journal->scratch, JOURNAL_HEAD_BYTES);

	assert(payload_bytes > 0 && payload_bytes <= journal->payload_bytes_max);
	byte_put_u32(&head, (uint32_t)payload_bytes);
	byte_put_u32(&head, ~(uint32_t)payload_bytes);
	*chain = chain_next(chain, (struct slice){ payload, payload_bytes });
	memcpy(payload + payload_bytes, chain->bytes, HASH_BYTES);
	return JOURNAL_HEAD_BYTES + payload_bytes + HASH_BYTES;
}

static void start(struct journal *journal)
{
	journal->bytes = sizeof magic;
	blake3_hash(magic, sizeof magic, &journal->chain);
}

static void mark_synced(struct journal *journal)
{
	journal->synced_bytes = journal->bytes;
	journal->synced_chain = journal->chain;
}

/* Nothing behind what was promised can come back at the next start. */
static void take_back(struct journal *journal, uint64_t bytes)
{
	int why = errno;

	if (ftruncate(journal->fd, (off_t)bytes) != 0) {
		fail(journal, "written");
	}
	errno = why;
}

/* --- adding --- */

static bool put_none(void *owner, uint32_t number, struct byte_writer *out)
{
	(void)owner;
	(void)number;
	(void)out;
	return false;
}

enum err journal_append(struct journal *journal, size_t payload_bytes)
{
	struct hash chain = journal->chain;
	size_t record_bytes;

	if (journal->fd < 0) {
		enum err err = journal_write_anew(journal, put_none, NULL);

		if (err != ERR_OK) {
			return err;
		}
		chain = journal->chain;
	}
	record_bytes = make_record(journal, payload_bytes, &chain);
	if (space_check(&journal->space, clock_now(), record_bytes, 0) == ERR_NO_SPACE) {
		return ERR_NO_SPACE;
	}
	if (!file_write(journal->fd, journal->bytes, journal->scratch, record_bytes)) {
		take_back(journal, journal->bytes);
		return refuse(journal, "written");
	}
	journal->chain = chain;
	journal->bytes += record_bytes;
	return ERR_OK;
}

enum err journal_sync(struct journal *journal)
{
	enum err err;

	if (fdatasync(journal->fd) == 0) {
		mark_synced(journal);
		return ERR_OK;
	}
	/* A file system that finds out late that it is full; anything else only a new start can
	 * judge, for what is on disk is unknown. */
	err = refuse(journal, "synced");
	journal->bytes = journal->synced_bytes;
	journal->chain = journal->synced_chain;
	take_back(journal, journal->bytes);
	if (fdatasync(journal->fd) != 0) {
		fail(journal, "synced");
	}
	return err;
}

/* --- anew --- */

bool journal_is_old(const struct journal *journal)
{
	return journal->bytes > HISTORY_BYTES_MIN && journal->bytes / 4 > journal->bytes_live;
}

/* Into `anew`, which is `journal` with another file. */
static bool write_all(struct journal *anew, journal_put *put, void *owner)
{
	struct byte_writer out = journal_payload(anew);

	start(anew);
	if (!file_write(anew->fd, 0, magic, sizeof magic)) {
		return false;
	}
	for (uint32_t number = 0; put(owner, number, &out); number++) {
		size_t record_bytes = make_record(anew, out.used, &anew->chain);

		assert(!out.failed);
		if (!file_write(anew->fd, anew->bytes, anew->scratch, record_bytes)) {
			return false;
		}
		anew->bytes += record_bytes;
		out = journal_payload(anew);
	}
	return fsync(anew->fd) == 0;
}

enum err journal_write_anew(struct journal *journal, journal_put *put, void *owner)
{
	struct journal anew = *journal;
	enum err err;

	if (space_check(&journal->space, clock_now(), journal->bytes_live, 0) == ERR_NO_SPACE) {
		return ERR_NO_SPACE;
	}
	anew.fd = file_begin(journal->dir_fd, NAME_NEW);
	if (anew.fd < 0 || !write_all(&anew, put, owner)) {
		err = refuse(journal, "written anew");
		if (anew.fd >= 0) {
			(void)close(anew.fd);
		}
		(void)unlinkat(journal->dir_fd, NAME_NEW, 0);
		return err;
	}
	if (!file_publish(journal->dir_fd, anew.fd, NAME_NEW, NAME)) {
		fail(journal, "written anew"); /* which of the two it is now, a start finds out */
	}
	if (journal->fd >= 0) {
		(void)close(journal->fd);
	}
	anew.bytes_live = anew.bytes;
	anew.space = journal->space;
	mark_synced(&anew);
	*journal = anew;
	return ERR_OK;
}

/* --- reading --- */

noreturn void journal_damaged(const struct journal *journal, const char *what)
{
	worker_fail(journal->worker,
		"the registry of runs is damaged at byte %llu: %s; move it away: what was paid the "
		"ledger knows",
		(unsigned long long)journal->bytes, what);
}

static size_t read_some(
	const struct journal *journal, uint64_t offset, uint8_t *buffer, size_t bytes_count)
{
	size_t got_bytes = 0;

	if (!file_read(journal->fd, offset, buffer, bytes_count, &got_bytes)) {
		fail(journal, "read");
	}
	return got_bytes;
}

/* The file ends here, for whoever appends. */
static struct slice end(struct journal *journal)
{
	take_back(journal, journal->bytes);
	mark_synced(journal);
	return (struct slice){ NULL, 0 };
}

struct slice journal_next(struct journal *journal)
{
	uint8_t *buffer = journal->scratch;
	struct byte_reader in = byte_reader_of((struct slice){ buffer, JOURNAL_HEAD_BYTES });
	struct slice payload = { buffer + JOURNAL_HEAD_BYTES, 0 };
	struct hash chain;
	size_t rest;

	if (journal->fd < 0) {
		return payload;
	}
	if (read_some(journal, journal->bytes, buffer, JOURNAL_HEAD_BYTES) < JOURNAL_HEAD_BYTES) {
		return end(journal);
	}
	payload.bytes_count = byte_get_u32(&in);
	if (byte_get_u32(&in) != (uint32_t)~payload.bytes_count || payload.bytes_count == 0 ||
		payload.bytes_count > journal->payload_bytes_max) {
		journal_damaged(journal, "a length contradicts itself");
	}
	rest = payload.bytes_count + HASH_BYTES;
	if (read_some(journal, journal->bytes + JOURNAL_HEAD_BYTES, buffer + JOURNAL_HEAD_BYTES,
		    rest) < rest) {
		return end(journal);
	}
	chain = chain_next(&journal->chain, payload);
	if (memcmp(chain.bytes, payload.bytes + payload.bytes_count, HASH_BYTES) != 0) {
		journal_damaged(journal, "a checksum does not fit");
	}
	journal->chain = chain;
	journal->bytes += JOURNAL_HEAD_BYTES + rest;
	return payload;
}

void journal_open(
	struct journal *journal, struct worker *worker, int dir_fd, size_t payload_bytes_max)
{
	uint8_t found[sizeof magic];

	*journal = (struct journal){
		.worker = worker, .dir_fd = dir_fd, .payload_bytes_max = payload_bytes_max
	};
	space_init(&journal->space, dir_fd, worker->config.engine_disk_reserve_bytes);
	journal->scratch = malloc(JOURNAL_HEAD_BYTES + payload_bytes_max + HASH_BYTES);
	if (journal->scratch == NULL) {
		worker_fail(worker, "there is no memory for the registry of runs");
	}
	journal->fd = openat(dir_fd, NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (journal->fd < 0 && errno != ENOENT) {
		fail(journal, "opened");
	}
	if (journal->fd >= 0 && (read_some(journal, 0, found, sizeof found) != sizeof found ||
					memcmp(found, magic, sizeof magic) != 0)) {
		journal_damaged(journal, "it is no registry of this macronode");
	}
	start(journal);
}
