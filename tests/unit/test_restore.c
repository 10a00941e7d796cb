#include "store/restore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/export.h"
#include "store/verify.h"
#include "tests/store_dir.h"

#define ENTRIES        4300u /* one full block of fingerprints, sixteen full tiles */
#define COMMIT_ENTRIES 50u
#define PAGE_BYTES     65536u

/* A ledger with entries of all kinds, and where it is restored to. */
struct pair {
	struct store_dir *from, *to;
	struct reader *reader;
	struct reader_head head;
	struct why why;
	uint64_t spoil_seq;       /* this entry's record gets another byte */
	const char *spoil_member; /* and behind this it does, where that is told */
	uint64_t skip_seq;
	uint64_t skip_commit; /* the one with this last seq */
};

static void fill(struct store_dir *dir)
{
	struct batch_counter counter = { .spent = 5, .asset = { (const uint8_t *)"ron", 3 } };
	struct batch_counter unknown = { .number = 1, .asset = { (const uint8_t *)"later", 5 } };
	struct batch_counter third = { .number = 2, .spent = 7 }; /* of operations */
	struct maker maker;

	store_dir_open(dir);
	maker_init(&maker, &dir->state);
	maker_accounts(&maker);
	while (maker.size < ENTRIES) {
		uint64_t first = maker.size + 1;

		maker_entries(&maker, COMMIT_ENTRIES);
		if (first % 100 == 1) {
			batch_put_counter(&maker.out, &counter);
			batch_put_counter(&maker.out, &unknown);
			batch_put_counter(&maker.out, &third);
			maker_control(&maker, "acct-00003");
			maker_audit(&maker, "something was done");
		}
		assert_int_equal(maker_send(&maker, dir->store, first, &dir->why), ERR_OK);
	}
	maker_finish(&maker);
	store_dir_close(dir);
}

static int setup(void **state)
{
	struct pair *pair = calloc(1, sizeof *pair);
	struct reader_config config;

	if (pair == NULL || store_dir_setup((void **)&pair->from) != 0 ||
		store_dir_setup((void **)&pair->to) != 0) {
		return -1;
	}
	fill(pair->from);
	config = (struct reader_config){ .dir = pair->from->path };
	*state = pair;
	if (reader_open(&config, &pair->reader, &pair->why) != ERR_OK) {
		return -1;
	}
	return reader_head(pair->reader, &pair->head) == ERR_OK ? 0 : -1;
}

static int teardown(void **state)
{
	struct pair *pair = *state;
	void *from = pair->from, *to = pair->to;

	reader_close(pair->reader);
	(void)store_dir_teardown(&from);
	(void)store_dir_teardown(&to);
	free(pair);
	return 0;
}

static struct restore_config config_of(const struct pair *pair, const char *dir)
{
	const struct reader_head *head = &pair->head;
	struct restore_config config = { .dir = dir,
		.head = { .hash = head->meta.hash,
			.origin = head->meta.origin,
			.born_unix_ms = head->meta.born_unix_ms,
			.batch_ts_unix_ms = head->batch_ts_unix_ms,
			.size = head->size,
			.root = head->root,
			.control_count = head->control_count,
			.audit_count = head->audit_count,
			.audit_head = head->audit_head } };

	memset(config.fingerprint_key, 0x77, sizeof config.fingerprint_key);
	return config;
}

static uint8_t *spoilt_byte(const struct pair *pair, struct slice body)
{
	uint8_t *bytes = (uint8_t *)(uintptr_t)body.bytes;
	uint8_t *member;

	if (pair->spoil_member == NULL) {
		return bytes + 100;
	}
	member = memmem(bytes, body.bytes_count, pair->spoil_member, strlen(pair->spoil_member));
	assert_non_null(member);
	return member + strlen(pair->spoil_member);
}

static enum err hand_on(
	struct pair *pair, struct restore *restore, enum export_what what, struct byte_reader *in)
{
	struct batch_record record;
	struct schema_root commit;
	enum err err = ERR_OK;

	while (err == ERR_OK && what == EXPORT_COMMITS && export_next_commit(in, &commit)) {
		if (commit.last_seq != pair->skip_commit) {
			err = restore_commit(restore, &commit, &pair->why);
		}
	}
	while (err == ERR_OK && in->left > 0) {
		uint64_t seq = restore_size(restore) + 1;

		if (what != EXPORT_ENTRIES) {
			(void)byte_get_u64(in);
		}
		assert_true(batch_next(in, &record));
		if (what == EXPORT_ENTRIES && seq == pair->spoil_seq) {
			*spoilt_byte(pair, record.body) ^= 1;
		}
		if (what == EXPORT_ENTRIES && seq == pair->skip_seq) {
			pair->skip_seq = 0;
			continue;
		}
		switch (what) {
		case EXPORT_ENTRIES:
			err = restore_entry(restore, record.body, &pair->why);
			break;
		case EXPORT_CONTROLS:
			err = restore_control(restore, record.body, &pair->why);
			break;
		case EXPORT_AUDITS:
			err = restore_audit(restore, record.body, &pair->why);
			break;
		case EXPORT_COUNTERS:
			err = restore_counter(restore, record.body, &pair->why);
			break;
		case EXPORT_COMMITS:
		case EXPORT_COUNT:
			break;
		}
	}
	return err;
}

/* Page by page, as over a socket. */
static enum err copy(struct pair *pair, struct restore *restore, enum export_what what)
{
	static uint8_t bytes[PAGE_BYTES];
	uint64_t after = 0, last = pair->head.size;
	bool done = false;
	enum err err = ERR_OK;

	last = what == EXPORT_CONTROLS   ? pair->head.control_count
	       : what == EXPORT_AUDITS   ? pair->head.audit_count
	       : what == EXPORT_COUNTERS ? MERKLE_SIZE_MAX
					 : last;
	while (err == ERR_OK && !done) {
		struct byte_writer out = byte_writer_of(bytes, sizeof bytes);
		struct byte_reader in;

		assert_int_equal(
			export_page(pair->reader, what, after, last, &out, &after, &done), ERR_OK);
		in = byte_reader_of((struct slice){ bytes, out.used });
		err = hand_on(pair, restore, what, &in);
	}
	return err;
}

static enum err copy_all(struct pair *pair, const struct restore_config *config)
{
	static const enum export_what order[] = { EXPORT_COMMITS, EXPORT_ENTRIES, EXPORT_CONTROLS,
		EXPORT_AUDITS, EXPORT_COUNTERS };
	struct restore *restore = NULL;
	enum err err = restore_begin(config, &restore, &pair->why);

	for (size_t i = 0; err == ERR_OK && i < COUNT_OF(order); i++) {
		err = copy(pair, restore, order[i]);
	}
	if (err == ERR_OK) {
		err = restore_finish(restore, &pair->why);
	}
	restore_destroy(restore);
	return err;
}

static struct verify_result verify(struct store_dir *dir)
{
	struct reader_config reader_config = { .dir = dir->path };
	struct verify_config config = { .live = false };
	struct verify_result result = { .good = false };

	assert_int_equal(reader_open(&reader_config, &config.reader, &dir->why), ERR_OK);
	assert_int_equal(verify_store(&config, &result, &dir->why), ERR_OK);
	reader_close(config.reader);
	return result;
}

static void a_restored_store_is_good_and_has_the_same_roots(void **state)
{
	struct pair *pair = *state;
	struct restore_config config = config_of(pair, pair->to->path);
	struct reader_config reader_config = { .dir = pair->to->path };
	struct schema_root before, after;
	struct verify_result result;
	struct reader *reader = NULL;

	assert_int_equal(copy_all(pair, &config), ERR_OK);
	result = verify(pair->to);
	assert_string_equal(result.what.text, "");
	assert_true(result.good);
	assert_int_equal(result.size, ENTRIES);
	assert_memory_equal(&result.root, &pair->head.root, sizeof result.root);
	assert_int_equal(result.checked[VERIFY_COUNTER], 2); /* of no asset that is known: one */
	assert_int_equal(result.checked[VERIFY_CONTROL], pair->head.control_count);
	assert_int_equal(result.checked[VERIFY_AUDIT], pair->head.audit_count);
	assert_int_equal(result.checked[VERIFY_CLAIM], verify(pair->from).checked[VERIFY_CLAIM]);
	assert_int_equal(reader_open(&reader_config, &reader, &pair->why), ERR_OK);
	for (uint64_t seq = 1; seq <= ENTRIES; seq += COMMIT_ENTRIES) {
		assert_int_equal(reader_root_at(pair->reader, seq, &before), ERR_OK);
		assert_int_equal(reader_root_at(reader, seq, &after), ERR_OK);
		assert_memory_equal(&before, &after, sizeof before);
	}
	reader_close(reader);
}

/* Goal: what a node finds at its start is complete, and it can go on from there. */
static void a_restored_store_opens_and_goes_on(void **state)
{
	struct pair *pair = *state;
	struct restore_config config = config_of(pair, pair->to->path);
	struct maker maker;

	assert_int_equal(copy_all(pair, &config), ERR_OK);
	store_dir_open(pair->to);
	assert_false(pair->to->state.born);
	assert_int_equal(pair->to->state.tail_finding, STORE_TAIL_GOOD);
	assert_int_equal(pair->to->state.tail.size, ENTRIES);
	assert_int_equal(pair->to->state.head.low_water, ENTRIES);
	maker_init(&maker, &pair->to->state);
	maker.size = ENTRIES;
	maker_control(&maker, "acct-00003"); /* has its audit record: verify wants both */
	maker_audit(&maker, "and on");
	{
		struct store_batch batch = maker_batch(&maker, ENTRIES + 1);
		struct store_commit commit;

		batch.low_water = ENTRIES;
		assert_int_equal(store_append(pair->to->store, &batch, (struct instant){ 0 },
					 &commit, &pair->why),
			ERR_OK);
		assert_int_equal(commit.audit_count, pair->head.audit_count + 1);
	}
	maker_finish(&maker);
	store_dir_close(pair->to);
	assert_true(verify(pair->to).good);
}

static void nothing_is_written_where_no_directory_is_named(void **state)
{
	struct pair *pair = *state;
	struct restore_config config = config_of(pair, NULL);

	assert_int_equal(copy_all(pair, &config), ERR_OK);
}

static void an_existing_store_is_never_written_over(void **state)
{
	struct pair *pair = *state;
	struct restore_config config = config_of(pair, pair->from->path);

	assert_int_equal(copy_all(pair, &config), ERR_CONFLICT);
	assert_true(verify(pair->from).good);
}

/* Each thing that does not fit is refused, and named. */
static void what_does_not_come_out_is_refused_by_name(void **state)
{
	struct pair *pair = *state;
	struct restore_config config = config_of(pair, NULL);

	pair->spoil_seq = 2222;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_non_null(strstr(pair->why.text, "22"));
	pair->spoil_seq = 2223;
	pair->spoil_member = "\"seq\":222";
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_string_equal(pair->why.text,
		"entry 2223: its receipt should say \"seq\":2223, and says \"seq\":2222");
	pair->spoil_seq = 0;
	pair->skip_seq = 2222;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_string_equal(
		pair->why.text, "entry 2222: is missing, another one stands in its place");
	pair->skip_seq = ENTRIES;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_string_equal(pair->why.text, "entry 4300: is missing, 4300 were expected");
	pair->skip_seq = 0;
	pair->skip_commit = 2150;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_non_null(strstr(pair->why.text, "root 2101: "));
	pair->skip_commit = 0;
	config.head.root.bytes[3] ^= 1;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_non_null(strstr(pair->why.text, "root 4300: is "));
	config = config_of(pair, NULL);
	config.head.control_count++;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_non_null(strstr(pair->why.text, "control "));
	config = config_of(pair, NULL);
	config.head.audit_head.bytes[0] ^= 1;
	assert_int_equal(copy_all(pair, &config), ERR_CORRUPT);
	assert_non_null(strstr(pair->why.text, "audit "));
}

#define PAIRED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PAIRED(a_restored_store_is_good_and_has_the_same_roots),
		PAIRED(a_restored_store_opens_and_goes_on),
		PAIRED(nothing_is_written_where_no_directory_is_named),
		PAIRED(an_existing_store_is_never_written_over),
		PAIRED(what_does_not_come_out_is_refused_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
