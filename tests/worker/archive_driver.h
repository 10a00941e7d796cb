#ifndef TESTS_WORKER_ARCHIVE_DRIVER_H
#define TESTS_WORKER_ARCHIVE_DRIVER_H

/* The archive as it is shipped. The test is the committer that writes the store under it, and all
 * who ask. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/store_maker.h"
#include "tests/worker/grants.h"

static struct harness h;
static struct harness_link *committer, *sequencer, *kms, *prevalidator, *edge;
static struct maker maker;
static struct store *store;
static struct store_state opened;
static char dir[256];

/* Entries are committed in these portions; the first one brings the accounts. */
#define PORTION 100u

static inline void allow_reading(void)
{
	static const char *const names[] = { "ledger.db", "ledger.db-wal", "ledger.db-shm",
		"tail" };
	char path[300];

	assert_int_equal(chmod(dir, 0755), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		(void)snprintf(path, sizeof path, "%s/%s", dir, names[i]);
		assert_int_equal(chmod(path, 0644), 0);
	}
}

static inline void commit(uint64_t portions)
{
	struct why why = { "" };

	for (uint64_t i = 0; i < portions; i++) {
		uint64_t first_seq = maker.size + 1;

		if (first_seq == 1) {
			maker_accounts(&maker);
		}
		maker_entries(&maker, PORTION);
		assert_int_equal(maker_send(&maker, store, first_seq, &why), ERR_OK);
	}
}

static inline void open_store(void)
{
	struct store_config config = {
		.dir = dir, .origin = "ledger.example", .now_unix_ms = MAKER_TS_UNIX_MS
	};
	struct why why = { "" };

	memset(config.random, 0xab, sizeof config.random);
	if (store_open(&config, &store, &opened, &why) != ERR_OK) {
		fail_msg("%s", why.text);
	}
}

static inline int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_ARCHIVE);
	harness_make_dir(&h, "objects");
	harness_path(&h, "store", dir, sizeof dir);
	assert_int_equal(mkdir(dir, 0755), 0);
	open_store();
	maker_init(&maker, &opened);
	commit(3);
	allow_reading();
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	harness_finish(&h);
	store_close(store);
	store = NULL;
	maker_finish(&maker);
	return 0;
}

static inline void expect_phase(enum worker_phase phase)
{
	struct oap_report report;

	do {
		(void)harness_expect_report(&h.control, &report);
	} while (report.phase != phase);
}

static inline void tell_tree(uint64_t size)
{
	harness_send_tree(
		committer, 0, &(struct oap_tree){ .open = 1, .size = size, .root = maker.root });
}

static inline void start(void)
{
	harness_start(&h);
	harness_expect_up(&h);
	committer = harness_link_up(&h, PROCESS_COMMITTER, 0);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	grants_tell_key(kms);
	harness_settle(&h);
}

static inline void start_serving(void)
{
	start();
	tell_tree(maker.size);
	expect_phase(PHASE_SERVING);
}

static inline struct slice seal(const char *caveat)
{
	const char *const caveats[] = { caveat, NULL };

	return grants_seal_for(GRANTS_GENERATION, caveats);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
