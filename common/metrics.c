#include "common/metrics.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const uint64_t bounds_rows[][METRIC_BOUNDS_MAX] = {
#define AS_ROW(NAME, unit, ...) { __VA_ARGS__ },
	METRIC_BOUNDS(AS_ROW)
#undef AS_ROW
};

#define SLOT_OF(name) (offsetof(struct metrics_slots, name) / sizeof(uint64_t))

const struct metrics_row metrics_rows[METRIC_COUNT] = {
#define AS_VALUE(NAME, series, label_set, unit_, spread_, shown_, writers_, sentence, act_, kind_) \
	[METRIC_##NAME] = { .slot = SLOT_OF(series),                                               \
		.label_count = METRIC_LABELS_##label_set##_COUNT,                                  \
		.series_slots = 1,                                                                 \
		.kind = kind_,                                                                     \
		.labels = METRIC_LABELS_##label_set,                                               \
		.unit = METRIC_UNIT_##unit_,                                                       \
		.spread = METRIC_SPREAD_##spread_,                                                 \
		.shown = METRIC_SHOWN_##shown_,                                                    \
		.writers = writers_,                                                               \
		.name = #series,                                                                   \
		.text = sentence,                                                                  \
		.act_when = act_ },
#define AS_COUNTER(...) AS_VALUE(__VA_ARGS__, METRIC_KIND_COUNTER)
#define AS_GAUGE(...)   AS_VALUE(__VA_ARGS__, METRIC_KIND_GAUGE)
#define AS_HISTOGRAM(NAME, series, label_set, bounds_, spread_, shown_, writers_, sentence, act_) \
	[METRIC_##NAME] = { .slot = SLOT_OF(series),                                              \
		.label_count = METRIC_LABELS_##label_set##_COUNT,                                 \
		.series_slots = METRIC_SLOTS_##bounds_,                                           \
		.bounds = METRIC_BOUNDS_##bounds_,                                                \
		.kind = METRIC_KIND_HISTOGRAM,                                                    \
		.labels = METRIC_LABELS_##label_set,                                              \
		.unit = METRIC_UNIT_OF_##bounds_,                                                 \
		.spread = METRIC_SPREAD_##spread_,                                                \
		.shown = METRIC_SHOWN_##shown_,                                                   \
		.writers = writers_,                                                              \
		.name = #series,                                                                  \
		.text = sentence,                                                                 \
		.act_when = act_ },
	METRICS(AS_COUNTER, AS_GAUGE, AS_HISTOGRAM)
#undef AS_HISTOGRAM
#undef AS_GAUGE
#undef AS_COUNTER
#undef AS_VALUE
};

/* Until metrics_open, counts go where nobody looks: what runs early need not ask. */
static struct metrics_page unread;
struct metrics_page *metrics_own = &unread;

const uint64_t *metrics_bounds(enum metric metric)
{
	assert(metrics_rows[metric].kind == METRIC_KIND_HISTOGRAM);
	return bounds_rows[metrics_rows[metric].bounds];
}

void metrics_observe(enum metric metric, size_t label, uint64_t value)
{
	const struct metrics_row *row = &metrics_rows[metric];
	const uint64_t *bounds = metrics_bounds(metric);
	_Atomic uint64_t *slots = metrics_slot(metric, label);
	size_t bound_count = row->series_slots - 2u;
	size_t bucket = 0;

	while (bucket < bound_count && value > bounds[bucket]) {
		bucket++;
	}
	/* One writer: a load and a store are enough. */
	atomic_store_explicit(&slots[bucket],
		atomic_load_explicit(&slots[bucket], memory_order_relaxed) + 1,
		memory_order_relaxed);
	atomic_store_explicit(&slots[bound_count + 1],
		atomic_load_explicit(&slots[bound_count + 1], memory_order_relaxed) + value,
		memory_order_relaxed);
}

/* FNV-1a, over what a reader and a writer must agree on. It tells builds apart, it does not
 * stand against an attacker. */
static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t byte_count)
{
	const uint8_t *byte = bytes;

	for (size_t i = 0; i < byte_count; i++) {
		hash = (hash ^ byte[i]) * UINT64_C(0x100000001b3);
	}
	return hash;
}

static uint64_t hash_text(uint64_t hash, const char *text)
{
	return text == NULL ? hash_bytes(hash, "", 1) : hash_bytes(hash, text, strlen(text) + 1);
}

static uint64_t hash_row(uint64_t hash, const struct metrics_row *row)
{
	const uint32_t facts[] = { row->slot, row->label_count, row->series_slots, row->bounds,
		row->kind, row->unit, row->spread, row->shown, row->writers };

	hash = hash_text(hash, row->name);
	hash = hash_bytes(hash, facts, sizeof facts);
	for (size_t label = 0; label < row->label_count; label++) {
		hash = hash_text(hash, metrics_label_outer_text(row->labels, label));
		hash = hash_text(hash, metrics_label_inner_text(row->labels, label));
	}
	return hash;
}

uint64_t metrics_tables_hash(void)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < METRIC_COUNT; i++) {
		hash = hash_row(hash, &metrics_rows[i]);
	}
	for (unsigned which = 0; which < METRIC_EXEMPLAR_COUNT; which++) {
		uint16_t writers = metrics_exemplar_writers((enum metric_exemplar)which);

		hash = hash_bytes(hash, &writers, sizeof writers);
	}
	return hash_bytes(hash, bounds_rows, sizeof bounds_rows);
}

void metrics_begin(struct metrics_page *page, uint32_t pid, struct instant start)
{
	_Atomic uint64_t *slots = (_Atomic uint64_t *)&page->slots;

	page->pid = pid;
	page->start_monotonic_us = start.monotonic_us;
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metrics_row *row = &metrics_rows[i];

		for (size_t slot = 0; row->kind == METRIC_KIND_GAUGE && slot < row->label_count;
			slot++) {
			atomic_store_explicit(&slots[row->slot + slot], 0, memory_order_relaxed);
		}
	}
}

static int create_sealed(void)
{
	int fd = memfd_create("mn-metrics", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	if (fd == -1) {
		return -1;
	}
	if (ftruncate(fd, sizeof(struct metrics_page)) != 0 ||
		fcntl(fd, F_ADD_SEALS, PAGE_SEALS) != 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* A second open file description, without the right to write: a reader who holds it can
 * never map the page writable. */
static int open_reader(int fd)
{
	char path[32];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static void *map_page(int fd, int protection)
{
	void *page = mmap(NULL, sizeof(struct metrics_page), protection, MAP_SHARED, fd, 0);

	return page == MAP_FAILED ? NULL : page;
}

enum err metrics_create(
	struct process_id process, int *ret_fd, int *ret_reader_fd, struct metrics_page **ret_page)
{
	struct metrics_page *page = NULL;
	int fd = create_sealed();
	int reader_fd = fd == -1 ? -1 : open_reader(fd);

	if (reader_fd != -1) {
		page = map_page(fd, PROT_READ | PROT_WRITE);
	}
	if (page == NULL) {
		if (reader_fd != -1) {
			(void)close(reader_fd);
		}
		if (fd != -1) {
			(void)close(fd);
		}
		return ERR_IO;
	}
	page->magic = METRICS_MAGIC;
	page->table_hash = metrics_tables_hash();
	page->process = process;
	*ret_fd = fd;
	*ret_reader_fd = reader_fd;
	*ret_page = page;
	return ERR_OK;
}

/* A page that can shrink would kill its reader with SIGBUS, so the seals are looked at. */
static enum err check_page(int fd)
{
	struct stat info;
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals == -1 || (seals & PAGE_SEALS) != PAGE_SEALS || fstat(fd, &info) != 0) {
		return ERR_CORRUPT;
	}
	return info.st_size == (off_t)sizeof(struct metrics_page) ? ERR_OK : ERR_STALE;
}

static enum err map_checked(int fd, int protection, struct metrics_page **ret_page)
{
	struct metrics_page *page = NULL;
	enum err err = check_page(fd);

	if (err != ERR_OK) {
		return err;
	}
	page = map_page(fd, protection);
	if (page == NULL) {
		return ERR_IO;
	}
	if (page->magic != METRICS_MAGIC || page->table_hash != metrics_tables_hash()) {
		err = page->magic != METRICS_MAGIC ? ERR_CORRUPT : ERR_STALE;
		(void)munmap(page, sizeof *page);
		return err;
	}
	*ret_page = page;
	return ERR_OK;
}

enum err metrics_open(int fd)
{
	return map_checked(fd, PROT_READ | PROT_WRITE, &metrics_own);
}

void metrics_use(struct metrics_page *page)
{
	metrics_own = page;
}

enum err metrics_map(int reader_fd, const struct metrics_page **ret_page)
{
	struct metrics_page *page = NULL;
	enum err err = map_checked(reader_fd, PROT_READ, &page);

	if (err == ERR_OK) {
		*ret_page = page;
	}
	return err;
}

void metrics_unmap(const struct metrics_page *page)
{
	if (page != NULL) {
		/* munmap wants a pointer to what we may not write */
		(void)munmap((void *)(uintptr_t)page, sizeof *page);
	}
}
