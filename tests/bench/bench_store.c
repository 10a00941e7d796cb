/* How fast the store alone is: batches are made beforehand, only store_append, store_maintain
 * and then verify_store are timed. Usage: bench_store DIR [entries per append ...] */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/clock.h"
#include "store/verify.h"
#include "tests/store_maker.h"

#define SECONDS_PER_SIZE 3

static int fail(const char *what, const struct why *why)
{
	(void)fprintf(stderr, "bench_store: %s: %s\n", what, why->text);
	return 1;
}

/* A commit of one entry cuts the maker's groups, which verify rightly minds. */
static int verify(const char *dir)
{
	struct reader_config reader_config = { .dir = dir };
	struct verify_config config = { .live = false };
	struct verify_result result;
	struct why why = { "" };
	struct instant start = clock_now();
	int64_t us;

	if (reader_open(&reader_config, &config.reader, &why) != ERR_OK ||
		verify_store(&config, &result, &why) != ERR_OK) {
		return fail("verify", &why);
	}
	us = instant_since(start, clock_now()).us;
	reader_close(config.reader);
	if (!result.good) {
		return fail("verify", &result.what);
	}
	printf("      verified: %8.0f entries/s\n", (double)result.size * 1e6 / (double)us);
	return 0;
}

static int run(const char *dir, unsigned entries_per_append)
{
	struct store_config config = { .dir = dir, .hash = MERKLE_SHA256 };
	struct store *store = NULL;
	struct store_state state;
	struct maker maker;
	struct why why = { "" };
	int64_t append_us = 0, maintain_us = 0;
	uint64_t first;

	if (store_open(&config, &store, &state, &why) != ERR_OK) {
		return fail("open", &why);
	}
	maker_init(&maker, &state);
	maker_accounts(&maker);
	while (append_us + maintain_us < SECONDS_PER_SIZE * 1000000) {
		struct instant start, appended;

		first = maker.size + 1;
		maker_entries(&maker, entries_per_append);
		for (uint32_t i = 0; i < entries_per_append / 64 && i < 8; i++) {
			maker_chunk(&maker, i % maker_chunk_count());
		}
		start = clock_now();
		if (maker_send(&maker, store, first, &why) != ERR_OK) {
			return fail("append", &why);
		}
		appended = clock_now();
		if (store_maintain(store, &why) != ERR_OK) {
			return fail("maintain", &why);
		}
		append_us += instant_since(start, appended).us;
		maintain_us += instant_since(appended, clock_now()).us;
	}
	printf("%5u entries an append: %8.0f entries/s, %8.0f with folding the log (%" PRIu64
	       " entries)\n",
		entries_per_append, (double)maker.size * 1e6 / (double)append_us,
		(double)maker.size * 1e6 / (double)(append_us + maintain_us), maker.size);
	maker_finish(&maker);
	store_close(store);
	return entries_per_append % 2 == 0 ? verify(dir) : 0;
}

int main(int argc, char *argv[])
{
	static const unsigned defaults[] = { 256, 16, 1 };
	unsigned count = argc > 2 ? (unsigned)argc - 2 : COUNT_OF(defaults);

	if (argc < 2) {
		(void)fprintf(stderr, "usage: bench_store DIR [entries per append ...]\n");
		return 2;
	}
	for (unsigned i = 0; i < count; i++) {
		unsigned size = argc > 2 ? (unsigned)strtoul(argv[2 + i], NULL, 10) : defaults[i];
		char dir[4096];

		(void)snprintf(dir, sizeof dir, "%s/store-%u-XXXXXX", argv[1], size);
		if (size == 0 || mkdtemp(dir) == NULL) {
			perror("bench_store");
			return 1;
		}
		if (run(dir, size) != 0) {
			return 1;
		}
	}
	return 0;
}
