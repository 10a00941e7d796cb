#include "services/rewarder/registry.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/blake3.h"
#include "core/bytes.h"

#define NAME     "registry"
#define NAME_NEW "registry.new"

#define RECORD_HEAD_BYTES 8u
#define ROW_BYTES_MAX     (4096u + VERB_GRANT_BYTES_MAX + VERB_NOTES_BYTES_MAX)
#define RECORD_BYTES_MAX  (RECORD_HEAD_BYTES + ROW_BYTES_MAX + HASH_BYTES)

/* Written anew when it is larger than this and than four times what is true of it. */
#define HISTORY_BYTES_MIN (16u * 1024u * 1024u)

/* In place of a state, of a row that is gone. */
#define GONE 255u

/* Behind every epoch: they begin with a digit. */
#define EPOCHS_END ((struct slice){ (const uint8_t *)"~", 1 })

static const uint8_t magic[8] = { 'm', 'n', 'r', 'u', 'n', 's', 0, 1 };

/* --- a row as bytes --- */

static void put_row(struct byte_writer *out, const struct registry_row *row)
{
	byte_put_u8(out, row->state);
	byte_put_u8(out, row->kind);
	byte_put_u8(out, row->result);
	byte_put_u8(out, row->detail);
	byte_put_u8(out, row->is_released);
	byte_put_u8(out, row->is_swept);
	byte_put_u32(out, row->count);
	byte_put_string8(out, reward_name_view(&row->tenant));
	byte_put_string8(out, reward_name_view(&row->epoch));
	byte_put_string8(out, reward_name_view(&row->policy_id));
	byte_put_string8(out, reward_name_view(&row->asset));
	byte_put_string8(out, reward_name_view(&row->pool));
	byte_put_hash(out, &row->policy_hash);
	byte_put_hash(out, &row->inputs_cid);
	byte_put_hash(out, &row->run_key);
	byte_put_hash(out, &row->idempotency_key);
	byte_put_hash(out, &row->commitment);
	byte_put_hash(out, &row->allocations_cid);
	byte_put_hash(out, &row->public_key);
	byte_put_u128(out, row->payout);
	byte_put_u128(out, row->residual);
	byte_put_u64(out, row->admitted_unix_ms);
	byte_put_u64(out, row->changed_unix_ms);
	byte_put_u64(out, row->signed_at_unix_s);
	byte_put_u64(out, row->seq_start);
	byte_put_u64(out, row->seq_end);
	byte_put_u64(out, row->cpu_us);
	byte_put_u64(out, row->cost_ms);
	byte_put_u64(out, row->manifest_bytes);
	byte_put_u64(out, row->allocations_bytes);
	byte_put_bytes(out, row->signature, sizeof row->signature);
	byte_put_string8(out, (struct slice){ (const uint8_t *)row->text, strlen(row->text) });
	byte_put_id128(out, &row->life);
	byte_put_slice32(out, (struct slice){ row->grant, row->grant_bytes });
	byte_put_slice32(out, (struct slice){ row->notes, row->notes_bytes });
}

static void get_name(struct byte_reader *in, struct reward_name *ret_name)
{
	struct slice view = byte_get_string8(in, sizeof ret_name->bytes);

	ret_name->bytes_count = (uint8_t)view.bytes_count;
	if (view.bytes_count > 0) {
		memcpy(ret_name->bytes, view.bytes, view.bytes_count);
	}
}

static void get_fixed(struct byte_reader *in, struct registry_row *row)
{
	const uint8_t *signature;
	struct slice text;

	row->payout = byte_get_u128(in);
	row->residual = byte_get_u128(in);
	row->admitted_unix_ms = byte_get_u64(in);
	row->changed_unix_ms = byte_get_u64(in);
	row->signed_at_unix_s = byte_get_u64(in);
	row->seq_start = byte_get_u64(in);
	row->seq_end = byte_get_u64(in);
	row->cpu_us = byte_get_u64(in);
	row->cost_ms = byte_get_u64(in);
	row->manifest_bytes = byte_get_u64(in);
	row->allocations_bytes = byte_get_u64(in);
	signature = byte_take(in, sizeof row->signature);
	if (signature != NULL) {
		memcpy(row->signature, signature, sizeof row->signature);
	}
	text = byte_get_string8(in, sizeof row->text - 1);
	if (text.bytes_count > 0) {
		memcpy(row->text, text.bytes, text.bytes_count);
	}
	row->text[text.bytes_count] = '\0';
}

bool registry_keep(uint8_t **bytes, uint32_t *bytes_count, struct slice given)
{
	uint8_t *copy = NULL;

	if (given.bytes_count > 0) {
		copy = malloc(given.bytes_count);
		if (copy == NULL) {
			return false;
		}
		memcpy(copy, given.bytes, given.bytes_count);
	}
	free(*bytes);
	*bytes = copy;
	*bytes_count = (uint32_t)given.bytes_count;
	return true;
}

static void put_gone(struct byte_writer *out, const struct registry_row *row)
{
	byte_put_u8(out, GONE);
	byte_put_string8(out, reward_name_view(&row->tenant));
	byte_put_string8(out, reward_name_view(&row->epoch));
}

/* *row is of zeros, or was read before. */
static bool get_row(struct slice bytes, struct registry_row *row)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct slice grant, notes;

	row->state = byte_get_u8(&in);
	row->kind = byte_get_u8(&in);
	row->result = byte_get_u8(&in);
	row->detail = byte_get_u8(&in);
	row->is_released = byte_get_u8(&in) != 0;
	row->is_swept = byte_get_u8(&in) != 0;
	row->count = byte_get_u32(&in);
	get_name(&in, &row->tenant);
	get_name(&in, &row->epoch);
	get_name(&in, &row->policy_id);
	get_name(&in, &row->asset);
	get_name(&in, &row->pool);
	row->policy_hash = byte_get_hash(&in);
	row->inputs_cid = byte_get_hash(&in);
	row->run_key = byte_get_hash(&in);
	row->idempotency_key = byte_get_hash(&in);
	row->commitment = byte_get_hash(&in);
	row->allocations_cid = byte_get_hash(&in);
	row->public_key = byte_get_hash(&in);
	get_fixed(&in, row);
	row->life = byte_get_id128(&in);
	grant = byte_get_slice32(&in, VERB_GRANT_BYTES_MAX);
	notes = byte_get_slice32(&in, VERB_NOTES_BYTES_MAX);
	return byte_reader_done(&in) && row->state >= REGISTRY_ADMITTED &&
	       row->state <= REGISTRY_FAILED && row->kind < REWARD_KIND_COUNT &&
	       registry_keep(&row->grant, &row->grant_bytes, grant) &&
	       registry_keep(&row->notes, &row->notes_bytes, notes);
}

/* --- in memory --- */

static int compare(struct slice a, struct slice b)
{
	size_t least = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = least == 0 ? 0 : memcmp(a.bytes, b.bytes, least);

	return order != 0 ? order
			  : (a.bytes_count > b.bytes_count) - (a.bytes_count < b.bytes_count);
}

uint32_t registry_place(const struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t low = 0, high = registry->count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct registry_row *row = registry->rows[middle];
		int order = compare(reward_name_view(&row->tenant), tenant);

		if (order == 0) {
			order = compare(reward_name_view(&row->epoch), epoch);
		}
		if (order < 0) {
			low = middle + 1;
		} else {
			high = middle;
		}
	}
	return low;
}

struct registry_row *registry_find(
	const struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t place = registry_place(registry, tenant, epoch);
	struct registry_row *row = place < registry->count ? registry->rows[place] : NULL;

	return row != NULL && compare(reward_name_view(&row->tenant), tenant) == 0 &&
			       compare(reward_name_view(&row->epoch), epoch) == 0
		       ? row
		       : NULL;
}

static void set_name(struct reward_name *name, struct slice text)
{
	assert(text.bytes_count <= sizeof name->bytes);
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
}

struct registry_row *registry_add(
	struct registry *registry, struct slice tenant, struct slice epoch)
{
	uint32_t place = registry_place(registry, tenant, epoch);
	struct registry_row *row =
		registry->count == REGISTRY_ROWS_MAX ? NULL : calloc(1, sizeof *row);

	if (row == NULL) {
		return NULL;
	}
	set_name(&row->tenant, tenant);
	set_name(&row->epoch, epoch);
	memmove(registry->rows + place + 1, registry->rows + place,
		(registry->count - place) * sizeof *registry->rows);
	registry->rows[place] = row;
	registry->count++;
	return row;
}

static void free_row(struct registry_row *row)
{
	free(row->grant);
	free(row->notes);
	free(row);
}

void registry_remove(struct registry *registry, struct registry_row *row)
{
	uint32_t place = registry_place(
		registry, reward_name_view(&row->tenant), reward_name_view(&row->epoch));

	assert(place < registry->count && registry->rows[place] == row);
	registry->count--;
	memmove(registry->rows + place, registry->rows + place + 1,
		(registry->count - place) * sizeof *registry->rows);
	free_row(row);
}

static void count_held(struct registry *registry)
{
	registry->held_count = 0;
	for (uint32_t i = 0; i < registry->count; i++) {
		const struct registry_row *row = registry->rows[i];

		registry->held_count += row->state == REGISTRY_QUARANTINED && !row->is_released;
	}
}

/* --- the file --- */

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

static bool write_whole(int fd, uint64_t offset, const uint8_t *bytes, size_t bytes_count)
{
	while (bytes_count > 0) {
		ssize_t written = pwrite(fd, bytes, bytes_count, (off_t)offset);

		if (written < 0 && errno == EINTR) {
			continue;
		}
		if (written <= 0) {
			return false;
		}
		bytes += written;
		offset += (uint64_t)written;
		bytes_count -= (size_t)written;
	}
	return true;
}

typedef void put_function(struct byte_writer *out, const struct registry_row *row);

/* The record in the scratch; its bytes. */
static size_t make_record(struct registry *registry, put_function *put,
	const struct registry_row *row, struct hash *chain)
{
	uint8_t *payload = registry->scratch + RECORD_HEAD_BYTES;
	struct byte_writer out = byte_writer_of(payload, ROW_BYTES_MAX);
	struct byte_writer head = byte_writer_of(registry->scratch, RECORD_HEAD_BYTES);

	put(&out, row);
	assert(!out.failed);
	byte_put_u32(&head, (uint32_t)out.used);
	byte_put_u32(&head, ~(uint32_t)out.used);
	*chain = chain_next(chain, (struct slice){ payload, out.used });
	memcpy(payload + out.used, chain->bytes, HASH_BYTES);
	return RECORD_HEAD_BYTES + out.used + HASH_BYTES;
}

/* Not yet synced. ERR_NO_SPACE: the file is as it was. */
static enum err append(struct registry *registry, put_function *put, const struct registry_row *row)
{
	struct hash chain = registry->chain;
	size_t bytes = make_record(registry, put, row, &chain);

	if (!write_whole(registry->fd, registry->bytes, registry->scratch, bytes)) {
		int why = errno;

		if (ftruncate(registry->fd, (off_t)registry->bytes) != 0 ||
			(why != ENOSPC && why != EDQUOT)) {
			worker_fail(registry->worker, "the registry of runs cannot be written: %s",
				strerror(why));
		}
		return ERR_NO_SPACE;
	}
	registry->chain = chain;
	registry->bytes += bytes;
	return ERR_OK;
}

static void sync_file(const struct registry *registry)
{
	if (fdatasync(registry->fd) != 0) {
		/* What is on disk is unknown now; only a new start can look. */
		worker_fail(registry->worker, "the registry of runs cannot be synced: %s",
			strerror(errno));
	}
}

enum err registry_put(struct registry *registry, struct registry_row *row)
{
	enum err err;

	row->changed_unix_ms = (uint64_t)clock_unix_ms();
	err = append(registry, put_row, row);
	if (err == ERR_OK) {
		sync_file(registry);
		count_held(registry);
	}
	return err;
}

static void start_file(struct registry *registry, int fd)
{
	if (!write_whole(fd, 0, magic, sizeof magic)) {
		worker_fail(registry->worker, "the registry of runs cannot be made: %s",
			strerror(errno));
	}
	registry->bytes = sizeof magic;
	blake3_hash(magic, sizeof magic, &registry->chain);
}

/* All that is true, in a new file that takes the place of the old one. */
static void write_anew(struct registry *registry)
{
	int fd = openat(registry->dir_fd, NAME_NEW,
		O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0) {
		worker_fail(registry->worker, "the registry of runs cannot be made: %s",
			strerror(errno));
	}
	start_file(registry, fd);
	for (uint32_t i = 0; i < registry->count; i++) {
		size_t bytes = make_record(registry, put_row, registry->rows[i], &registry->chain);

		if (!write_whole(fd, registry->bytes, registry->scratch, bytes)) {
			worker_fail(registry->worker, "the registry of runs cannot be written: %s",
				strerror(errno));
		}
		registry->bytes += bytes;
	}
	if (fsync(fd) != 0 || renameat(registry->dir_fd, NAME_NEW, registry->dir_fd, NAME) != 0 ||
		fsync(registry->dir_fd) != 0) {
		worker_fail(registry->worker, "the registry of runs cannot be written: %s",
			strerror(errno));
	}
	if (registry->fd >= 0) {
		(void)close(registry->fd);
	}
	registry->fd = fd;
	registry->bytes_live = registry->bytes;
}

static void drop_history(struct registry *registry)
{
	if (registry->bytes > HISTORY_BYTES_MIN && registry->bytes / 4 > registry->bytes_live) {
		write_anew(registry);
	}
}

enum err registry_forget(struct registry *registry, struct registry_row *row)
{
	enum err err = append(registry, put_gone, row);

	if (err == ERR_OK) {
		sync_file(registry);
		registry_remove(registry, row);
		count_held(registry);
		drop_history(registry);
	}
	return err;
}

static noreturn void damaged(const struct registry *registry, const char *what)
{
	worker_fail(registry->worker,
		"the registry of runs is damaged at byte %llu: %s; move it away: what was paid the "
		"ledger knows",
		(unsigned long long)registry->bytes, what);
}

static size_t read_some(
	const struct registry *registry, uint64_t offset, uint8_t *buffer, size_t bytes_count)
{
	size_t got_bytes = 0;

	while (got_bytes < bytes_count) {
		ssize_t got = pread(registry->fd, buffer + got_bytes, bytes_count - got_bytes,
			(off_t)(offset + got_bytes));

		if (got < 0 && errno == EINTR) {
			continue;
		}
		if (got < 0) {
			worker_fail(registry->worker, "the registry of runs cannot be read: %s",
				strerror(errno));
		}
		if (got == 0) {
			break;
		}
		got_bytes += (size_t)got;
	}
	return got_bytes;
}

static void take_gone(struct registry *registry, struct slice payload)
{
	struct byte_reader in = byte_reader_of(payload);
	struct slice tenant, epoch;
	struct registry_row *row;

	(void)byte_get_u8(&in);
	tenant = byte_get_string8(&in, REWARD_NAME_BYTES_MAX);
	epoch = byte_get_string8(&in, REWARD_NAME_BYTES_MAX);
	row = byte_reader_done(&in) ? registry_find(registry, tenant, epoch) : NULL;
	if (row == NULL) {
		damaged(registry, "a row is gone that was not there");
	}
	registry_remove(registry, row);
}

static void take_row(struct registry *registry, struct slice payload)
{
	struct registry_row read = { 0 };
	struct registry_row *row;

	if (payload.bytes[0] == GONE) {
		take_gone(registry, payload);
		return;
	}
	if (!get_row(payload, &read)) {
		damaged(registry, "a row is none");
	}
	row = registry_find(
		registry, reward_name_view(&read.tenant), reward_name_view(&read.epoch));
	if (row == NULL) {
		row = registry_add(
			registry, reward_name_view(&read.tenant), reward_name_view(&read.epoch));
	}
	if (row == NULL) {
		worker_fail(registry->worker, "there is no memory for the registry of runs");
	}
	free(row->grant);
	free(row->notes);
	*row = read;
}

/* False at the end. */
static bool load_next(struct registry *registry)
{
	uint8_t *buffer = registry->scratch;
	size_t head = read_some(registry, registry->bytes, buffer, RECORD_HEAD_BYTES);
	struct byte_reader in = byte_reader_of((struct slice){ buffer, RECORD_HEAD_BYTES });
	struct slice payload = { buffer + RECORD_HEAD_BYTES, 0 };
	struct hash chain;
	size_t rest;

	if (head < RECORD_HEAD_BYTES) {
		return false;
	}
	payload.bytes_count = byte_get_u32(&in);
	if (byte_get_u32(&in) != (uint32_t)~payload.bytes_count || payload.bytes_count == 0 ||
		payload.bytes_count > ROW_BYTES_MAX) {
		damaged(registry, "a length contradicts itself");
	}
	rest = payload.bytes_count + HASH_BYTES;
	if (read_some(registry, registry->bytes + head, buffer + head, rest) < rest) {
		return false;
	}
	chain = chain_next(&registry->chain, payload);
	if (memcmp(chain.bytes, payload.bytes + payload.bytes_count, HASH_BYTES) != 0) {
		damaged(registry, "a checksum does not fit");
	}
	take_row(registry, payload);
	registry->chain = chain;
	registry->bytes += head + rest;
	return true;
}

static void load(struct registry *registry)
{
	uint8_t found[sizeof magic];

	if (read_some(registry, 0, found, sizeof found) != sizeof found ||
		memcmp(found, magic, sizeof magic) != 0) {
		damaged(registry, "it is no registry of this macronode");
	}
	registry->bytes = sizeof magic;
	blake3_hash(magic, sizeof magic, &registry->chain);
	while (load_next(registry)) {
	}
	if (ftruncate(registry->fd, (off_t)registry->bytes) != 0) {
		worker_fail(registry->worker, "the registry of runs cannot be written: %s",
			strerror(errno));
	}
	count_held(registry);
}

void registry_open(struct registry *registry, struct worker *worker, int dir_fd)
{
	*registry = (struct registry){ .worker = worker, .dir_fd = dir_fd, .fd = -1 };
	registry->rows = calloc(REGISTRY_ROWS_MAX, sizeof *registry->rows);
	registry->scratch = malloc(RECORD_BYTES_MAX);
	if (registry->rows == NULL || registry->scratch == NULL) {
		worker_fail(worker, "there is no memory for the registry of runs");
	}
	registry->fd = openat(dir_fd, NAME, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (registry->fd < 0 && errno != ENOENT) {
		worker_fail(worker, "the registry of runs cannot be opened: %s", strerror(errno));
	}
	if (registry->fd >= 0) {
		load(registry);
	}
	write_anew(registry);
}

/* --- age --- */

static bool is_of_the_past(const struct registry_row *row)
{
	return row->state == REGISTRY_SETTLED && row->is_swept;
}

static bool has_failed(const struct registry_row *row)
{
	return row->state == REGISTRY_FAILED;
}

/* Of the rows from `begin` to `end` what may go, is old enough, and has no run under way. How many
 * went: fewer if the disk is full. */
static uint32_t drop(struct registry *registry, uint32_t begin, uint32_t end,
	bool (*may_go)(const struct registry_row *row), uint64_t before_unix_ms)
{
	uint32_t kept = begin, before = registry->count;
	bool is_writable = true;

	for (uint32_t i = begin; i < before; i++) {
		struct registry_row *row = registry->rows[i];

		is_writable = is_writable && i < end;
		if (is_writable && may_go(row) && !row->has_run &&
			row->changed_unix_ms < before_unix_ms) {
			is_writable = append(registry, put_gone, row) == ERR_OK;
			if (is_writable) {
				free_row(row);
				continue;
			}
		}
		registry->rows[kept++] = row;
	}
	registry->count = kept;
	if (kept < before) {
		sync_file(registry);
	}
	return before - kept;
}

static bool drop_some(struct registry *registry, uint32_t begin, uint32_t end)
{
	bool have_some = drop(registry, begin, end, has_failed, UINT64_MAX) > 0 ||
			 drop(registry, begin, end, is_of_the_past, UINT64_MAX) > 0;

	drop_history(registry);
	return have_some;
}

enum registry_room registry_make_room(struct registry *registry, struct slice tenant)
{
	uint32_t begin = registry_place(registry, tenant, (struct slice){ NULL, 0 });
	uint32_t end = registry_place(registry, tenant, EPOCHS_END);

	if (end - begin >= REGISTRY_TENANT_ROWS_MAX && !drop_some(registry, begin, end)) {
		return REGISTRY_TENANT_FULL;
	}
	return registry->count < REGISTRY_ROWS_MAX || drop_some(registry, 0, registry->count)
		       ? REGISTRY_ROOM
		       : REGISTRY_FULL;
}

void registry_sweep(struct registry *registry, uint64_t before_unix_ms)
{
	(void)drop(registry, 0, registry->count, has_failed, before_unix_ms);
	(void)drop(registry, 0, registry->count, is_of_the_past, before_unix_ms);
	drop_history(registry);
}
