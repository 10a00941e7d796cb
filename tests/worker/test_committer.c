/* The committer as it is shipped: the start, what it appends, what it refuses, a full disk. */
#include <errno.h>
#include <sqlite3.h>

#include "common/space.h"
#include "core/audit.h"
#include "tests/skip.h"
#include "tests/worker/committer_driver.h"

/* --- the start --- */

static void without_the_lock_it_does_not_start(void **state)
{
	(void)state;
	harness_start(&h);
	harness_expect_refusal(&h, "not locked for us");
}

static void a_lock_that_somebody_else_holds_is_no_lock(void **state)
{
	char path[256];
	int other_fd;

	(void)state;
	harness_path(&h, "lock", path, sizeof path);
	other_fd = open(path, O_RDWR | O_CLOEXEC);
	assert_true(other_fd >= 0);
	harness_start_begin(&h);
	harness_give_fd(&h, SETUP_FD_LOCK, 0, other_fd);
	harness_start_end(&h);
	harness_expect_refusal(&h, "another macronode");
	(void)close(other_fd);
}

static void it_waits_for_the_name_of_the_ledger(void **state)
{
	char path[256];

	(void)state;
	start();
	link_sequencer();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	harness_expect_nothing(sequencer);
	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(access(path, F_OK), -1);
	send_origin();
	expect_stream();
	assert_int_equal(begun.size, 0);
	assert_int_equal(streamed.pieces, 0);
	assert_int_equal(access(path, F_OK), 0);
	expect_phase(PHASE_SERVING, "");
}

static void another_name_than_the_stores_is_safe_mode(void **state)
{
	static const char other[] = "other.example";

	(void)state;
	start_serving();
	harness_stop(&h);
	start();
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_send_origin(kms, 0,
		&(struct oap_origin){ .origin = { (const uint8_t *)other, sizeof other - 1 } });
	expect_phase(PHASE_SAFE_MODE, "other_ledger: ");
}

static void a_ledger_in_use_that_is_not_there_is_not_begun_anew(void **state)
{
	static const char origin[] = "ledger.example";
	char path[256];

	(void)state;
	start();
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_send_origin(kms, 0,
		&(struct oap_origin){
			.in_use = 1, .origin = { (const uint8_t *)origin, sizeof origin - 1 } });
	expect_phase(PHASE_SAFE_MODE, "store_missing: ");
	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(access(path, F_OK), -1); /* and no file is left in an empty mount point */
}

static void archive_is_told_of_the_tree(void **state)
{
	struct oap_tree tree;

	(void)state;
	start();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 0);
	send_origin();
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 1);
	assert_int_equal(tree.size, 0);
	link_sequencer();
	expect_stream();
	begin_maker();
	commit(3);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.size, 3);
	assert_memory_equal(&tree.root, &maker.root, HASH_BYTES);
}

/* --- appending --- */

static void roots_are_those_of_rfc_6962(void **state)
{
	static const uint64_t counts[] = { 1, 2, 3, 251, 1, 255, 256, 700 };

	(void)state;
	start_serving();
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		commit(counts[i]);
	}
}

static void two_batches_may_come_at_once(void **state)
{
	struct oap_committed committed;
	struct oap_batch batches[2];

	(void)state;
	start_serving();
	batches[0] = make_batch(100);
	send_batch(&batches[0]);
	hash_leaves(batches[0].records);
	maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
	batches[1] = make_batch(300);
	send_batch(&batches[1]);
	(void)harness_expect_committed(sequencer, &committed);
	assert_int_equal(committed.last_seq, 100);
	expect_committed(&batches[1]);
	harness_expect_nothing(sequencer);
	assert_int_equal(sequencer->credit_requests, 2);
}

static void a_batch_may_be_without_entries(void **state)
{
	struct oap_batch batch;

	(void)state;
	start_serving();
	commit(10);
	maker_control(&maker, "acct-00001");
	maker_audit(&maker, "{}");
	batch = batch_of(11);
	send_batch(&batch);
	expect_committed(&batch);
	commit(10);
}

static void the_supervisor_hears_how_far_it_is(void **state)
{
	struct oap_report report;

	(void)state;
	start_serving();
	commit(10);
	do {
		(void)harness_expect_report(&h.control, &report);
	} while (report.seq != 10);
	assert_int_equal(report.phase, PHASE_SERVING);
	assert_memory_equal(&report.root, &maker.root, HASH_BYTES);
}

static void what_does_not_continue_is_accused_and_not_appended(void **state)
{
	struct oap_batch batch;

	(void)state;
	for (int what = 0; what < 6; what++) {
		enum err wanted = ERR_CONFLICT;

		start_serving();
		if (maker.size == 0) {
			commit(10);
		}
		maker_entries(&maker, 1);
		batch = batch_of(11);
		switch (what) {
		case 0:
			batch.fence++;
			break;
		case 1:
			batch.fence--;
			break;
		case 2:
			batch.sequencer_generation--;
			break;
		case 3:
			batch.first_seq = 12; /* before the look at the entries */
			wanted = ERR_CORRUPT;
			break;
		case 4:
			batch.batch_ts_unix_ms = 1;
			break;
		case 5:
			batch.records.bytes_count--;
			wanted = ERR_MALFORMED;
			break;
		default:
			break;
		}
		send_batch(&batch);
		harness_expect_accusation(sequencer, OAP_BATCH, wanted);
		maker.size--;
		maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
		harness_stop(&h);
	}
	start_serving();
	assert_int_equal(begun.size, 10);
}

/* A debit that nobody gets. */
static void value_to_nowhere_is_accused_and_not_appended(void **state)
{
	struct oap_batch batch;

	(void)state;
	start_serving();
	commit(154);
	maker_entries(&maker, 1); /* the first leg of a group, alone */
	batch = batch_of(155);
	send_batch(&batch);
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_CORRUPT);
	harness_stop(&h);
	start_serving();
	assert_int_equal(begun.size, 154);
}

static void a_batch_before_the_stream_accuses_the_sequencer(void **state)
{
	struct oap_batch batch = { .batch_no = 1, .first_seq = 1 };

	(void)state;
	start();
	link_sequencer();
	batch.sequencer_generation = sequencer->generation;
	send_batch(&batch);
	harness_expect_accusation(sequencer, OAP_BATCH, ERR_CONFLICT);
}

/* --- the log --- */

#define WAL_BYTES_HIGH (256 * 1024 * 1024)
#define BATCHES_MAX    4000

static sqlite3 *pin_log(void)
{
	sqlite3 *reader = NULL;
	char path[256];

	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	return reader;
}

static void archive_is_asked_to_let_go_of_a_log_that_grows_without_end(void **state)
{
	struct oap_committed committed;
	struct oap_batch batch;
	struct oap_tree tree;
	struct stat info;
	sqlite3 *reader;
	char path[256];
	int count = 0;

	(void)state;
	start_serving();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_tree(archive, &tree);
	reader = pin_log();
	do {
		batch = make_batch(1500);
		send_batch(&batch);
		(void)harness_expect_committed(sequencer, &committed);
		maker.out = byte_writer_of(maker.bytes, MAKER_BYTES_MAX);
		(void)harness_expect_tree(archive, &tree); /* the commit */
		assert_int_equal(tree.open, 1);
		harness_settle(&h);
		count++;
	} while (harness_is_silent(archive) && count < BATCHES_MAX);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 0);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 1);
	assert_int_equal(tree.size, maker.size);
	harness_path(&h, "store/ledger.db-wal", path, sizeof path);
	assert_int_equal(stat(path, &info), 0);
	assert_true(info.st_size >= WAL_BYTES_HIGH);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
}

/* --- restarts --- */

static void a_restart_streams_what_was_committed(void **state)
{
	struct hash root;

	(void)state;
	start_serving();
	while (maker.size < 5000) {
		commit(1000);
	}
	maker_control(&maker, "acct-00001");
	maker_chunk(&maker, 0);
	commit(1000);
	root = maker.root;
	uint64_t fence = begun.fence;
	harness_kill(&h);
	start_serving();
	assert_int_equal(begun.size, 6000);
	assert_int_equal(begun.fence, fence + 1);
	assert_memory_equal(&begun.root, &root, sizeof root);
	assert_int_equal(streamed.records[BATCH_ACCOUNT], MAKER_BALANCES);
	assert_int_equal(streamed.records[BATCH_CHUNK], 1);
	assert_int_equal(streamed.records[BATCH_CONTROL], 1);
	assert_true(streamed.records[BATCH_CLAIM] > 0);
	assert_int_equal(streamed.fingerprints, 6000);
	assert_int_equal(streamed.entries, 6000);
	commit(100);
}

static void a_stream_keeps_to_its_credit_and_lets_pings_in_between(void **state)
{
	uint64_t owed_bytes = 0;
	uint32_t owed = 0;
	struct oap_state_end end;

	(void)state;
	start_serving();
	while (maker.size < 100000) {
		commit(1000);
	}
	harness_kill(&h);
	start();
	send_origin();
	link_sequencer();
	expect_begin();
	while (streamed.fingerprints < 100000 || streamed.entries < 100000) {
		owed_bytes += expect_piece();
		owed++;
		if (owed == 8) {
			if (streamed.entries < 100000) {
				harness_expect_nothing(sequencer); /* but pings are answered */
			}
			harness_send_credit(
				sequencer, 0, &(struct oap_credit){ 8, (uint32_t)owed_bytes });
			owed = 0;
			owed_bytes = 0;
		}
	}
	(void)harness_expect_state_end(sequencer, &end);
	assert_int_equal(end.size, 100000);
}

static void a_new_sequencer_gets_the_state_from_its_beginning(void **state)
{
	(void)state;
	start_serving();
	commit(20);
	harness_link_down(sequencer);
	harness_settle(&h);
	link_sequencer();
	expect_stream();
	assert_int_equal(begun.size, 20);
	commit(5);
}

static void a_missing_tail_is_safe_mode(void **state)
{
	struct oap_tree tree;
	char path[256];

	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	/* the store of before the last commits: a fresh one under the old tail */
	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(unlink(path), 0);
	harness_path(&h, "store/ledger.db-wal", path, sizeof path);
	(void)unlink(path);
	harness_path(&h, "store/ledger.db-shm", path, sizeof path);
	(void)unlink(path);
	start();
	link_sequencer();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	send_origin();
	expect_phase(PHASE_SAFE_MODE, "acknowledged_tail_missing: 10 entries");
	harness_expect_nothing(sequencer);
	do { /* reads go on */
		(void)harness_expect_tree(archive, &tree);
	} while (tree.open == 0);
}

static void a_sequencer_that_cannot_go_on_is_safe_mode(void **state)
{
	static const char why[] = "replay_mismatch at seq 7: no";

	(void)state;
	start_serving();
	harness_send_state_bad(sequencer, 0,
		&(struct oap_state_bad){ 7, { (const uint8_t *)why, sizeof why - 1 } });
	expect_phase(PHASE_SAFE_MODE, why);
}

static void a_drain_in_the_middle_of_a_stream_is_no_trouble(void **state)
{
	struct oap_drained drained;

	(void)state;
	start_serving();
	while (maker.size < 20000) {
		commit(1000);
	}
	harness_kill(&h);
	start();
	send_origin();
	link_sequencer();
	expect_begin();
	(void)expect_piece();
	harness_send_drain(&h.control, 0, &(struct oap_drain){ 0 });
	(void)harness_expect_drained(&h.control, &drained);
	harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, 100 });
	harness_settle(&h);
	harness_stop(&h);
}

static void ask_audit(uint64_t corr_id, uint16_t kind)
{
	static const char json[] = "{\"generation\":2}";

	harness_send_audit(&h.control, corr_id,
		&(struct oap_audit){
			.kind = kind,
			.ts_unix_ms = 1700000000000,
			.json = { (const uint8_t *)json, sizeof json - 1 },
		});
}

static enum err audited(uint64_t corr_id)
{
	struct oap_audited answer;

	assert_int_equal(harness_expect_audited(&h.control, &answer), corr_id);
	return (enum err)answer.status;
}

/* --- a full disk --- */

#define DISK_BYTES (64u * 1024u * 1024u)

static bool mount_small_disk(char *path, size_t path_bytes)
{
	char options[64];

	harness_path(&h, "store", path, path_bytes);
	(void)snprintf(options, sizeof options, "size=%u,mode=0700,uid=%u,gid=%u", DISK_BYTES,
		(unsigned)h.uid, (unsigned)h.gid);
	if (mount("tmpfs", path, "tmpfs", MS_NOSUID | MS_NODEV, options) != 0) {
		return false;
	}
	return true;
}

static void fill(const char *name, size_t bytes)
{
	static const uint8_t block[1u << 20];
	char path[256];
	int fd;

	harness_path(&h, name, path, sizeof path);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	for (size_t i = 0; i < bytes / sizeof block; i++) {
		if (write(fd, block, sizeof block) != (ssize_t)sizeof block) {
			break; /* it is full now */
		}
	}
	(void)close(fd);
}

/* What was free is believed for a tenth of a second. */
static void forget_free_space(void)
{
	struct instant until = instant_after(clock_now(), duration_ms(2 * SPACE_CACHE_MS));

	while (!instant_reached(until, clock_now())) {
		harness_settle(&h);
	}
}

static void empty_disk(void)
{
	char filler[256];

	harness_path(&h, "store/filler", filler, sizeof filler);
	assert_int_equal(unlink(filler), 0);
}

static void expect_refusal(const struct oap_batch *batch)
{
	struct oap_not_committed refused;

	(void)harness_expect_not_committed(sequencer, &refused);
	assert_int_equal(refused.batch_no, batch->batch_no);
	assert_int_equal(refused.disk_full, 1);
}

/* What is on disk comes at once; what was judged on another state is refused, and not appended when
 * there is room. */
static void a_full_disk_refuses_is_read_and_heals(void **state)
{
	struct oap_batch batch, late;
	char path[256];

	(void)state;
	if (!mount_small_disk(path, sizeof path)) {
		SKIP_ALOUD("no right to mount a tmpfs");
	}
	h.config.engine_disk_reserve_bytes = 16u * 1024u * 1024u;
	start_serving();
	commit(100);
	fill("store/filler", DISK_BYTES);
	forget_free_space();
	batch = make_batch(10);
	send_batch(&batch);
	expect_refusal(&batch);
	expect_begin();
	assert_int_equal(begun.size, maker.size - 10);
	assert_int_equal(begun.state_no, batch.state_no + 1);
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	take_pieces();
	expect_end(true);
	late = batch;
	late.batch_no = ++batch_no;
	late.first_seq += late.entry_count; /* behind the one that was refused */
	send_batch(&late);
	expect_refusal(&late);
	harness_expect_nothing(sequencer);
	empty_disk();
	expect_end(false);
	expect_phase(PHASE_SERVING, "");
	late.batch_no = ++batch_no;
	send_batch(&late);
	(void)harness_expect_not_committed(sequencer, &(struct oap_not_committed){ 0 });
	assert_int_equal(pages_counted(page, METRIC_LEDGER_SEQ_GAP_DETECTED, METRIC_PLAIN), 0);
	batch.batch_no = ++batch_no;
	batch.state_no = begun.state_no;
	send_batch(&batch);
	expect_committed(&batch);
	harness_stop(&h);
	assert_int_equal(umount(path), 0);
}

/* The sequencer did not hear of it: its next batch is refused, and then it reads, too. */
static void a_record_that_finds_no_room_is_read_on(void **state)
{
	struct oap_batch batch;
	char path[256];

	(void)state;
	if (!mount_small_disk(path, sizeof path)) {
		SKIP_ALOUD("no right to mount a tmpfs");
	}
	h.config.engine_disk_reserve_bytes = 16u * 1024u * 1024u;
	start_serving();
	commit(100);
	fill("store/filler", DISK_BYTES);
	forget_free_space();
	ask_audit(1, AUDIT_RELOAD);
	assert_int_equal(audited(1), ERR_NO_SPACE);
	batch = make_batch(10);
	send_batch(&batch);
	expect_refusal(&batch);
	expect_begin();
	take_pieces();
	expect_end(true);
	empty_disk();
	expect_end(false);
	expect_phase(PHASE_SERVING, "");
	batch.batch_no = ++batch_no;
	batch.state_no = begun.state_no;
	send_batch(&batch);
	expect_committed(&batch);
	harness_stop(&h);
	assert_int_equal(umount(path), 0);
}

static void a_genesis_on_a_full_disk_waits_for_room(void **state)
{
	char path[256];

	(void)state;
	if (!mount_small_disk(path, sizeof path)) {
		SKIP_ALOUD("no right to mount a tmpfs");
	}
	h.config.engine_disk_reserve_bytes = 1024u * 1024u;
	fill("store/filler", DISK_BYTES);
	start();
	link_sequencer();
	send_origin();
	expect_phase(PHASE_SAFE_MODE, "disk_full");
	empty_disk();
	expect_stream();
	begin_maker();
	commit(10);
	harness_stop(&h);
	assert_int_equal(umount(path), 0);
}

/* --- what the supervisor did --- */

static void a_record_of_the_supervisor_is_taken_while_writes_are(void **state)
{
	(void)state;
	start();
	ask_audit(1, AUDIT_RELOAD);
	assert_int_equal(audited(1), ERR_BUSY);
	harness_stop(&h);
	start_serving();
	ask_audit(2, AUDIT_RELOAD);
	assert_int_equal(audited(2), ERR_OK);
	ask_audit(3, AUDIT_GOVERNANCE); /* which is not its to tell */
	harness_expect_refusal(&h, "AUDIT is MALFORMED");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_record_of_the_supervisor_is_taken_while_writes_are),
		CASE(without_the_lock_it_does_not_start),
		CASE(a_lock_that_somebody_else_holds_is_no_lock),
		CASE(it_waits_for_the_name_of_the_ledger),
		CASE(another_name_than_the_stores_is_safe_mode),
		CASE(a_ledger_in_use_that_is_not_there_is_not_begun_anew),
		CASE(archive_is_told_of_the_tree),
		CASE(roots_are_those_of_rfc_6962),
		CASE(two_batches_may_come_at_once),
		CASE(a_batch_may_be_without_entries),
		CASE(the_supervisor_hears_how_far_it_is),
		CASE(what_does_not_continue_is_accused_and_not_appended),
		CASE(value_to_nowhere_is_accused_and_not_appended),
		CASE(a_batch_before_the_stream_accuses_the_sequencer),
		CASE(archive_is_asked_to_let_go_of_a_log_that_grows_without_end),
		CASE(a_restart_streams_what_was_committed),
		CASE(a_stream_keeps_to_its_credit_and_lets_pings_in_between),
		CASE(a_new_sequencer_gets_the_state_from_its_beginning),
		CASE(a_missing_tail_is_safe_mode),
		CASE(a_sequencer_that_cannot_go_on_is_safe_mode),
		CASE(a_drain_in_the_middle_of_a_stream_is_no_trouble),
		CASE(a_full_disk_refuses_is_read_and_heals),
		CASE(a_record_that_finds_no_room_is_read_on),
		CASE(a_genesis_on_a_full_disk_waits_for_room),
	};

	return cmocka_run_group_tests_name("committer", tests, NULL, NULL);
}
