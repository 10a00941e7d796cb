/* The committer over a store that it may not go on with: what it says, what it lets an operator
 * acknowledge, what heals. */
#include <sqlite3.h>

#include "tests/worker/committer_driver.h"

static struct oap_recover_answer answered; /* to the last question; its text is in said */
static char said[8192];

static void ask(enum recover_act act, uint64_t size, const struct hash *root)
{
	struct oap_recover question = {
		.act = (uint8_t)act, .size = size, .actor = { (const uint8_t *)"uid:0 root", 10 }
	};

	if (root != NULL) {
		question.root = *root;
	}
	harness_send_recover(&h.control, 77, &question);
	assert_int_equal(harness_expect_recover_answer(&h.control, &answered), 77);
	(void)snprintf(said, sizeof said, "%.*s", (int)answered.text.bytes_count,
		(const char *)answered.text.bytes);
}

static void expect_said(enum err status, bool left, const char *words)
{
	assert_int_equal(answered.status, status);
	assert_int_equal(answered.left, left);
	if (strstr(said, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", said, words);
	}
}

static void remove_file(const char *name)
{
	char path[256];

	harness_path(&h, name, path, sizeof path);
	assert_int_equal(unlink(path), 0);
}

static bool is_there(const char *name)
{
	char path[256];

	harness_path(&h, name, path, sizeof path);
	return access(path, F_OK) == 0;
}

static void start_in_safe_mode(const char *words)
{
	start();
	link_sequencer();
	send_origin();
	expect_phase(PHASE_SAFE_MODE, words);
	harness_expect_nothing(sequencer);
}

static void acknowledge_and_serve(uint64_t size)
{
	struct hash wrong = maker.root;

	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, true, "\"may_acknowledge\":true");
	ask(RECOVER_ACKNOWLEDGE, size + 1, &maker.root);
	expect_said(ERR_CONFLICT, true, "not the height and root on disk");
	wrong.bytes[31] ^= 1;
	ask(RECOVER_ACKNOWLEDGE, size, &wrong);
	expect_said(ERR_CONFLICT, true, "not the height and root on disk");
	harness_expect_nothing(sequencer);
	ask(RECOVER_ACKNOWLEDGE, size, &maker.root);
	expect_said(ERR_OK, false, "\"needed\":false");
	assert_int_equal(answered.cleared, 1);
	assert_false(is_there("store/suspect"));
	expect_stream();
	expect_phase(PHASE_SERVING, "");
	begin_maker();
	commit(5);
}

static void without_trouble_there_is_nothing_to_acknowledge(void **state)
{
	(void)state;
	start();
	ask(RECOVER_EXPLAIN, 0, NULL); /* and no store yet */
	expect_said(ERR_OK, false, "\"on_disk\":null");
	send_origin();
	link_sequencer();
	expect_stream();
	begin_maker();
	commit(3);
	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, false, "\"on_disk\":{\"height\":3");
	ask(RECOVER_ACKNOWLEDGE, 3, &maker.root);
	expect_said(ERR_CONFLICT, false, "nothing to acknowledge");
	commit(3);
}

/* Goal: what the supervisor remembers is enough, and is made a mark of that outlives it. */
static void a_committer_born_suspect_appends_nothing(void **state)
{
	struct oap_tree tree;

	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	h.suspect = true;
	start_in_safe_mode("sync_failed: ");
	assert_true(is_there("store/suspect"));
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 1); /* reads go on */
	assert_int_equal(tree.size, 10);
	harness_stop(&h);
	h.suspect = false; /* the node was started anew */
	start_in_safe_mode("sync_failed: ");
	acknowledge_and_serve(10);
	harness_stop(&h);
	start_serving();
	assert_int_equal(begun.size, 15);
}

static void a_tail_that_is_gone_is_safe_mode_until_it_is_acknowledged(void **state)
{
	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	remove_file("store/tail");
	start_in_safe_mode("acknowledged_tail_unknown: ");
	harness_stop(&h);
	start_in_safe_mode("acknowledged_tail_unknown: ");
	acknowledge_and_serve(10);
}

static void entries_that_are_missing_are_given_up_by_acknowledging(void **state)
{
	static const struct hash empty = { { 0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a,
		0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93,
		0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55 } };

	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	remove_file("store/ledger.db-wal");
	start_in_safe_mode("acknowledged_tail_missing: 10 entries");
	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, true, "\"missing\":10");
	ask(RECOVER_ACKNOWLEDGE, 10, &maker.root); /* the ones that are not there */
	expect_said(ERR_CONFLICT, true, "not the height and root on disk");
	maker_finish(&maker);
	maker.bytes = NULL;
	maker.root = empty;
	leaf_count = 0;
	acknowledge_and_serve(0);
}

static void what_contradicts_itself_cannot_be_acknowledged(void **state)
{
	static const char why[] = "replay_mismatch at seq 7: no";

	(void)state;
	start_serving();
	commit(10);
	harness_send_state_bad(sequencer, 0,
		&(struct oap_state_bad){ 7, { (const uint8_t *)why, sizeof why - 1 } });
	expect_phase(PHASE_SAFE_MODE, why);
	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, true, "\"may_acknowledge\":false");
	ask(RECOVER_ACKNOWLEDGE, 10, &maker.root);
	expect_said(ERR_CONFLICT, true, "restore a snapshot");
}

static void a_database_that_is_none_is_safe_mode_and_stays_as_it_is(void **state)
{
	static const char words[] = "this is no database, and was never one";
	char path[256], found[sizeof words] = "";
	int fd;

	(void)state;
	harness_path(&h, "store/ledger.db", path, sizeof path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, words, sizeof words), sizeof words);
	assert_int_equal(fchown(fd, h.uid, h.gid), 0);
	start_in_safe_mode("store_corrupt: ");
	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, true, "\"on_disk\":null");
	ask(RECOVER_ACKNOWLEDGE, 0, &maker.root);
	expect_said(ERR_CONFLICT, true, "restore a snapshot");
	assert_int_equal(pread(fd, found, sizeof found, 0), sizeof found);
	assert_string_equal(found, words);
	(void)close(fd);
}

static void a_wrong_mode_heals_when_it_is_asked_about(void **state)
{
	char path[256];

	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(chmod(path, 0666), 0);
	start_in_safe_mode("wrong_mode: ");
	ask(RECOVER_ACKNOWLEDGE, 10, &maker.root);
	expect_said(ERR_CONFLICT, true, "give the file back");
	assert_int_equal(chmod(path, 0640), 0);
	ask(RECOVER_EXPLAIN, 0, NULL);
	expect_said(ERR_OK, false, "\"needed\":false");
	expect_stream();
	begin_maker();
	commit(5);
}

static void a_reader_in_the_way_is_waited_for(void **state)
{
	char path[256];
	sqlite3 *reader = NULL;

	(void)state;
	start_serving();
	commit(10);
	harness_kill(&h);
	harness_path(&h, "store/ledger.db", path, sizeof path);
	assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_exec(reader, "BEGIN; SELECT * FROM meta", NULL, NULL, NULL), SQLITE_OK);
	harness_path(&h, "store/ledger.db-shm", path, sizeof path);
	(void)!chown(path, h.uid, h.gid); /* it was made by us */
	(void)chmod(path, 0640);
	start_in_safe_mode("store_busy: ");
	assert_int_equal(sqlite3_exec(reader, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	expect_stream();
	begin_maker();
	commit(5);
	(void)sqlite3_close(reader);
}

static void a_question_that_is_none_is_refused(void **state)
{
	static const struct oap_recover wrong = { .act = RECOVER_ACKNOWLEDGE + 1 };

	(void)state;
	start_serving();
	harness_send_recover(&h.control, 1, &wrong);
	assert_int_equal(harness_expect_recover_answer(&h.control, &answered), 1);
	assert_int_equal(answered.status, ERR_MALFORMED);
	commit(5);
}

static void an_actor_of_any_text_fits_the_record(void **state)
{
	static uint8_t names[VERB_NAME_BYTES_MAX];
	struct oap_recover question = { .act = RECOVER_ACKNOWLEDGE, .size = 10 };

	(void)state;
	start_serving();
	commit(10);
	harness_stop(&h);
	remove_file("store/tail");
	start_in_safe_mode("acknowledged_tail_unknown: ");
	memset(names, 1, sizeof names); /* each is six bytes in JSON, and still fits */
	question.root = maker.root;
	question.actor = (struct slice){ names, sizeof names };
	harness_send_recover(&h.control, 5, &question);
	assert_int_equal(harness_expect_recover_answer(&h.control, &answered), 5);
	assert_int_equal(answered.status, ERR_OK);
	names[0] = 0xff; /* no UTF-8 */
	harness_send_recover(&h.control, 6, &question);
	assert_int_equal(harness_expect_recover_answer(&h.control, &answered), 6);
	assert_int_equal(answered.status, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(without_trouble_there_is_nothing_to_acknowledge),
		CASE(a_committer_born_suspect_appends_nothing),
		CASE(a_tail_that_is_gone_is_safe_mode_until_it_is_acknowledged),
		CASE(entries_that_are_missing_are_given_up_by_acknowledging),
		CASE(what_contradicts_itself_cannot_be_acknowledged),
		CASE(a_database_that_is_none_is_safe_mode_and_stays_as_it_is),
		CASE(a_wrong_mode_heals_when_it_is_asked_about),
		CASE(a_reader_in_the_way_is_waited_for),
		CASE(a_question_that_is_none_is_refused),
		CASE(an_actor_of_any_text_fits_the_record),
	};

	return cmocka_run_group_tests_name("committer recovery", tests, NULL, NULL);
}
