#ifndef TESTS_WORKER_ARCHIVE_PAST_H
#define TESTS_WORKER_ARCHIVE_PAST_H

/* A store of which the test knows what every account had behind every entry. The test is also the
 * sequencer, which knows the newest balances. */

#include "tests/worker/archive_driver.h"

#define PAST_ENTRIES 400u

struct past {
	u128 available, held;
};

static struct past pasts[PAST_ENTRIES + 1][MAKER_BALANCES];

static inline void note_past(void)
{
	for (size_t i = 0; i < MAKER_BALANCES; i++) {
		pasts[maker.size][i] =
			(struct past){ maker.balances[i].available, maker.balances[i].held };
	}
}

/* Entries in one commit, with what everybody had behind each of them. */
static inline void commit_noting(uint64_t count)
{
	struct why why = { "" };
	uint64_t first_seq = maker.size + 1;

	for (uint64_t i = 0; i < count; i++) {
		maker_entries(&maker, 1);
		note_past();
	}
	assert_int_equal(maker_send(&maker, store, first_seq, &why), ERR_OK);
}

static inline void remove_file(const char *name)
{
	char path[256];

	harness_path(&h, name, path, sizeof path);
	assert_int_equal(unlink(path), 0);
}

/* A store of its own, whose every seq is noted. */
static inline void start_noted(void)
{
	store_close(store);
	maker_finish(&maker);
	remove_file("store/ledger.db");
	remove_file("store/ledger.db-wal");
	remove_file("store/ledger.db-shm");
	remove_file("store/tail");
	open_store();
	maker_init(&maker, &opened);
	maker_accounts(&maker);
	note_past();
	commit_noting(150);
	commit_noting(PAST_ENTRIES - 150);
	allow_reading();
	start_serving();
}

static inline uint64_t expect_locate(const char *account)
{
	struct oap_locate locate;
	uint64_t id = harness_expect_locate(sequencer, &locate);

	assert_int_equal(locate.account.bytes_count, strlen(account));
	assert_memory_equal(locate.account.bytes, account, strlen(account));
	harness_send_credit(sequencer, 0,
		&(struct oap_credit){
			1, 8 + (uint32_t)(locate.account.bytes_count + locate.asset.bytes_count) });
	return id;
}

static inline void send_located(uint64_t id, size_t index)
{
	const struct batch_balance *balance = &maker.balances[index];

	harness_send_located(sequencer, id,
		&(struct oap_located){ .known = 1,
			.as_of_seq = maker.size,
			.last_seq = balance->last_seq,
			.available = balance->available,
			.held = balance->held });
}

#endif
