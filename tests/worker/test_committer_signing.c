/* The committer as it is shipped: checkpoints, the fork rule, and audit records of its own. The
 * test is kms, whose signatures here are words: the committer does not look into a note. */
#include "common/clock.h"
#include "core/audit.h"
#include "tests/worker/committer_driver.h"

static const char name[] = "ledger.example";
static struct oap_sign_checkpoint asked; /* its proof is in `proof` */
static struct hash proof[MERKLE_PROOF_HASHES_MAX];
static size_t proof_count;
static uint64_t asked_id;

/* --- kms --- */

static struct slice view(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void tell(const struct oap_origin *origin)
{
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_send_origin(kms, 0, origin);
}

static struct oap_origin origin_of(uint64_t signed_size, const struct hash *signed_root)
{
	struct oap_origin origin = { .signed_size = signed_size, .origin = view(name) };

	if (signed_root != NULL) {
		origin.signed_root = *signed_root;
	}
	return origin;
}

static void expect_ask(void)
{
	struct oap_sign_checkpoint msg;

	asked_id = harness_expect_sign_checkpoint(kms, &msg);
	proof_count = msg.proof.bytes_count / HASH_BYTES;
	if (msg.proof.bytes_count > 0) {
		memcpy(proof, msg.proof.bytes, msg.proof.bytes_count);
	}
	asked = msg;
}

static void answer_as(enum err status, uint64_t signed_size, const struct hash *signed_root)
{
	struct oap_signed_checkpoint reply = {
		.status = (uint8_t)status,
		.size = asked.size,
		.signed_size = signed_size,
		.signed_root = *signed_root,
	};

	if (status == ERR_OK) {
		reply.checkpoint = view("checkpoint\n");
		reply.audit = view("audit\n");
	}
	harness_send_signed_checkpoint(kms, asked_id, &reply);
	harness_send_credit(kms, 0, &(struct oap_credit){ 1, 8 });
}

static void answer(void)
{
	answer_as(ERR_OK, asked.size, &asked.root);
}

/* --- the store, read beside it --- */

static struct reader *open_reader(void)
{
	char dir[256];
	struct reader_config config = { .dir = dir };
	struct reader *reader = NULL;
	struct why why = { "" };

	harness_path(&h, "store", dir, sizeof dir);
	assert_int_equal(reader_open(&config, &reader, &why), ERR_OK);
	return reader;
}

struct found {
	size_t count;
	uint16_t kinds[64];
	char json[64][512];
};

static bool on_audit(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	struct found *found = context;
	struct batch_audit audit;

	(void)hash;
	assert_int_equal(index, found->count + 1);
	assert_int_equal(batch_get_audit(record, &audit), ERR_OK);
	found->kinds[found->count] = audit.kind;
	(void)snprintf(found->json[found->count++], 512, "%.*s", (int)audit.bytes.bytes_count,
		(const char *)audit.bytes.bytes);
	return true;
}

static struct found audits(void)
{
	static struct found found;
	struct reader *reader = open_reader();
	uint64_t key = 1;
	bool done = false;

	found.count = 0;
	while (!done) {
		assert_int_equal(reader_audits(reader, &key, on_audit, &found, &done), ERR_OK);
	}
	reader_close(reader);
	return found;
}

static size_t count_kind(const struct found *found, unsigned kind)
{
	size_t count = 0;

	for (size_t i = 0; i < found->count; i++) {
		count += found->kinds[i] == kind;
	}
	return count;
}

static enum err kept(struct schema_checkpoint *ret_checkpoint)
{
	struct reader *reader = open_reader();
	enum err err = reader_checkpoint(reader, ret_checkpoint);

	reader_close(reader);
	return err;
}

static void assert_says(const char *json, const char *words)
{
	if (strstr(json, words) == NULL) {
		fail_msg("%s does not say %s", json, words);
	}
}

/* --- life --- */

static void serve(const struct oap_origin *origin)
{
	start();
	tell(origin);
	link_sequencer();
	expect_stream();
	begin_maker();
}

static void drain(uint64_t limit_ms)
{
	harness_send_drain(&h.control, 0,
		&(struct oap_drain){ (uint64_t)(clock_now().monotonic_us / 1000) + limit_ms });
}

static void expect_drained(void)
{
	struct oap_drained drained;

	(void)harness_expect_drained(&h.control, &drained);
	harness_stop(&h);
}

/* --- asking and keeping --- */

static void what_has_grown_is_signed_and_kept(void **state)
{
	struct schema_checkpoint checkpoint;
	struct hash first;

	(void)state;
	h.config.audit_root_emit_interval_ms = 100;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask(); /* of the empty tree: its start is an audit record */
	assert_int_equal(asked.size, 0);
	assert_int_equal(asked.audit_count, 1);
	answer();
	commit(300);
	expect_ask();
	assert_int_equal(asked.old_size, 0);
	assert_int_equal(asked.size, 300);
	assert_memory_equal(&asked.root, &maker.root, HASH_BYTES);
	assert_int_equal(proof_count, 0);
	first = asked.root;
	answer();
	commit(57);
	expect_ask();
	assert_int_equal(asked.old_size, 300);
	assert_int_equal(asked.size, 357);
	assert_true(merkle_verify_consistency(
		MERKLE_SHA256, 300, &first, 357, &asked.root, proof, proof_count));
	answer();
	harness_settle(&h);
	harness_expect_nothing(kms); /* nothing has grown since */
	commit(1);                   /* takes the notes along, unless they were flushed */
	assert_int_equal(kept(&checkpoint), ERR_OK);
	assert_int_equal(checkpoint.size, 357);
	assert_int_equal(checkpoint.audit_count, 1);
}

/* Goal: no batch waits for kms, and one interval brings one question, however much has grown. */
static void batches_do_not_wait_for_a_signature(void **state)
{
	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	for (int i = 0; i < 50; i++) {
		commit(10);
	}
	answer();
	commit(10);
	harness_expect_nothing(kms); /* the interval is 5 s */
}

static void notes_are_kept_without_another_batch(void **state)
{
	struct schema_checkpoint checkpoint;
	struct instant limit = instant_after(clock_now(), duration_ms(HARNESS_WAIT_MS));

	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	answer();
	while (kept(&checkpoint) != ERR_OK) {
		assert_false(instant_reached(limit, clock_now()));
		harness_settle(&h);
	}
	assert_int_equal(checkpoint.size, 0);
	assert_int_equal(checkpoint.checkpoint.bytes_count, 11);
}

/* Goal: kms was restarted and remembers more than we were told: asked again from there. */
static void a_question_that_came_too_late_is_asked_anew(void **state)
{
	(void)state;
	h.config.audit_root_emit_interval_ms = 100;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	answer();
	commit(20);
	expect_ask();
	answer_as(ERR_STALE, asked.size, &asked.root);
	expect_ask();
	assert_int_equal(asked.old_size, 20);
	answer();
	commit(2);
	expect_ask();
	assert_int_equal(asked.old_size, 20);
	harness_link_down(kms);
	tell(&(struct oap_origin){
		.signed_size = 22, .signed_root = asked.root, .origin = view(name) });
	expect_ask();
	assert_int_equal(asked.old_size, 22);
	assert_int_equal(asked.size, 22);
	answer();
}

static void notes_that_fit_nothing_accuse_kms(void **state)
{
	struct hash root = { { 0 } };

	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	asked.size = 7;
	answer_as(ERR_OK, 7, &root);
	harness_expect_accusation(kms, OAP_SIGNED_CHECKPOINT, ERR_MALFORMED);
}

/* --- the fork rule --- */

static void build(uint64_t first, uint64_t second)
{
	serve(&(struct oap_origin){ .origin = view(name) });
	commit(first);
	if (second > 0) {
		commit(second);
	}
	harness_stop(&h);
}

static void expect_fork(const struct oap_origin *origin, const char *words)
{
	struct oap_tree tree;

	start();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_tree(archive, &tree);
	tell(origin);
	link_sequencer();
	expect_phase(PHASE_SAFE_MODE, words);
	(void)harness_expect_tree(archive, &tree);
	assert_int_equal(tree.open, 1); /* reads go on */
	harness_expect_nothing(sequencer);
	harness_expect_nothing(kms);
	harness_stop(&h);
}

static void a_store_that_is_not_what_was_signed_is_not_written(void **state)
{
	struct hash at_10, other = { { 1, 2, 3 } };
	struct oap_origin origin;
	struct found before;

	(void)state;
	build(10, 0);
	at_10 = maker.root;
	before = audits();
	origin = origin_of(12, &other);
	expect_fork(&origin, "acknowledged_tail_missing: 12 entries with root 010203");
	origin = origin_of(10, &other);
	expect_fork(&origin, "fork: root 010203");
	origin = origin_of(7, &at_10); /* no commit ended there */
	expect_fork(&origin, "fork: root ");
	assert_int_equal(audits().count, before.count);
	origin = origin_of(10, &at_10);
	serve(&origin);
	assert_int_equal(begun.size, 10);
	harness_stop(&h);
}

/* Goal: also when the fork shows itself later. */
static void a_tree_that_kms_refuses_is_safe_mode(void **state)
{
	struct oap_not_committed refused;
	struct oap_batch batch;
	struct hash other = { { 9 } };

	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	answer_as(ERR_CONFLICT, 0, &other);
	expect_phase(PHASE_SAFE_MODE, "fork: kms refuses to sign");
	batch = make_batch(3);
	send_batch(&batch);
	assert_int_equal(harness_expect_not_committed(sequencer, &refused), batch.batch_no);
}

static void a_kms_that_comes_back_with_another_memory_is_safe_mode(void **state)
{
	struct oap_origin origin;
	struct hash other = { { 9 } };

	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	commit(5);
	harness_link_down(kms);
	origin = origin_of(5, &other);
	tell(&origin);
	expect_phase(PHASE_SAFE_MODE, "fork: root 09");
}

/* --- another name --- */

static void a_new_name_is_taken_with_one_record(void **state)
{
	struct hash abandoned = { { 0xab } }, root;
	struct oap_origin origin;
	struct reader *reader;
	struct reader_head head;
	struct found found;

	(void)state;
	build(10, 0);
	root = maker.root;
	origin = origin_of(10, &root);
	origin.origin = view("ledger.example/1");
	origin.origin_before = view(name);
	origin.abandoned_size = 25;
	origin.abandoned_root = abandoned;
	for (int i = 0; i < 2; i++) {
		serve(&origin);
		harness_kill(&h);
	}
	reader = open_reader();
	assert_int_equal(reader_head(reader, &head), ERR_OK);
	assert_string_equal(head.meta.origin, "ledger.example/1");
	reader_close(reader);
	found = audits();
	assert_int_equal(count_kind(&found, AUDIT_ORIGIN_CHANGED), 1);
	assert_int_equal(found.kinds[1], AUDIT_ORIGIN_CHANGED); /* behind the first start */
	assert_says(found.json[1], "{\"abandoned_root\":\"ab00");
	assert_says(found.json[1], "\"abandoned_size\":25,\"new_origin\":\"ledger.example/1\","
				   "\"old_origin\":\"ledger.example\",");
	start();
	origin = origin_of(10, &root);
	tell(&origin); /* keys of before */
	expect_phase(PHASE_SAFE_MODE, "is the ledger of ledger.example/1");
}

/* --- start and stop --- */

static void a_start_and_a_stop_are_a_record_each(void **state)
{
	struct oap_origin origin = { .origin = view(name) };
	struct found found;

	(void)state;
	serve(&origin);
	expect_ask();
	harness_kill(&h);
	serve(&origin);
	expect_ask();
	answer();
	drain(HARNESS_WAIT_MS);
	expect_ask();
	answer();
	expect_drained();
	serve(&origin);
	harness_kill(&h);
	found = audits();
	assert_int_equal(found.count, 4);
	assert_int_equal(found.kinds[0], AUDIT_START);
	assert_says(found.json[0], "{\"after\":\"genesis\",\"fence\":1,");
	assert_int_equal(found.kinds[1], AUDIT_START);
	assert_says(found.json[1], "{\"after\":\"crash\",\"fence\":2,");
	assert_int_equal(found.kinds[2], AUDIT_STOP);
	assert_says(found.json[2], "{\"fence\":2,");
	assert_int_equal(found.kinds[3], AUDIT_START);
	assert_says(found.json[3], "{\"after\":\"stop\",\"fence\":3,");
}

/* Goal: what was under way when the stop came is answered first, and then comes the last. */
static void an_orderly_stop_keeps_a_last_checkpoint(void **state)
{
	struct schema_checkpoint checkpoint;

	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	commit(10);
	drain(HARNESS_WAIT_MS);
	harness_settle(&h);
	answer();
	expect_ask();
	assert_int_equal(asked.size, 10);
	assert_int_equal(asked.audit_count, 2); /* with the stop itself */
	answer();
	expect_drained();
	assert_int_equal(kept(&checkpoint), ERR_OK);
	assert_int_equal(checkpoint.size, 10);
	assert_int_equal(checkpoint.audit_count, 2);
}

static void a_stop_does_not_wait_for_a_kms_that_is_gone(void **state)
{
	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	commit(10);
	drain(HARNESS_WAIT_MS);
	harness_settle(&h);
	harness_link_down(kms);
	expect_drained();
}

static void a_stop_does_not_wait_longer_than_it_may(void **state)
{
	(void)state;
	serve(&(struct oap_origin){ .origin = view(name) });
	expect_ask();
	drain(50);
	expect_drained();
}

static void a_stop_before_the_store_is_open_is_at_once(void **state)
{
	(void)state;
	start();
	drain(HARNESS_WAIT_MS);
	expect_drained();
}

/* --- events of the keyring --- */

static uint64_t expect_read(uint64_t after)
{
	struct oap_read_key_events msg;
	uint64_t id;

	id = harness_expect_read_key_events(kms, &msg);
	assert_int_equal(msg.after, after);
	return id;
}

static void send_rows(uint64_t id, uint64_t first, uint64_t last)
{
	uint8_t bytes[4096];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	for (uint64_t event = first; event <= last; event++) {
		char json[64];

		(void)snprintf(json, sizeof json, "{\"event\":%u,\"kid\":1}", (unsigned)event);
		byte_put_u16(&out, AUDIT_MINTED);
		byte_put_u64(&out, 1700000000000 + event);
		byte_put_slice16(&out, view(json));
	}
	harness_send_key_event_rows(
		kms, id, &(struct oap_key_event_rows){ .rows = { bytes, out.used } });
	harness_send_credit(kms, 0, &(struct oap_credit){ 1, 8 });
}

static struct oap_origin origin_with_events(uint64_t count)
{
	return (struct oap_origin){ .key_event_count = count, .origin = view(name) };
}

static void link_and_serve(const struct oap_origin *origin)
{
	h.config.audit_root_emit_interval_ms = 3600000;
	serve(origin);
	expect_ask(); /* the first question; it stays unanswered */
}

/* What comes next on the link of kms may be READ_KEY_EVENTS before or behind SIGN_CHECKPOINT; both
 * are asked in the same turn, events first. */
static void serve_and_read(const struct oap_origin *origin, uint64_t after, uint64_t *ret_id)
{
	h.config.audit_root_emit_interval_ms = 3600000;
	serve(origin);
	*ret_id = expect_read(after);
	expect_ask();
}

static void each_event_becomes_a_record_once(void **state)
{
	struct oap_origin origin = origin_with_events(5);
	struct found found;
	uint64_t id;

	(void)state;
	serve_and_read(&origin, 0, &id);
	harness_kill(&h); /* asked and not answered */
	serve_and_read(&origin, 0, &id);
	send_rows(id, 1, 3); /* a page may hold fewer */
	id = expect_read(3);
	harness_kill(&h);
	serve_and_read(&origin, 3, &id);
	send_rows(id, 4, 5);
	harness_settle(&h);
	harness_send_key_events(kms, 0, &(struct oap_key_events){ 6 });
	id = expect_read(5);
	send_rows(id, 6, 6);
	harness_settle(&h);
	harness_kill(&h);
	origin = origin_with_events(6);
	link_and_serve(&origin); /* nothing to read */
	harness_kill(&h);
	found = audits();
	assert_int_equal(count_kind(&found, AUDIT_MINTED), 6);
	for (uint64_t event = 1, i = 0; i < found.count; i++) {
		if (found.kinds[i] == AUDIT_MINTED) {
			char words[32];

			(void)snprintf(words, sizeof words, "{\"event\":%u,", (unsigned)event++);
			assert_says(found.json[i], words);
		}
	}
}

/* Goal: an older copy of the keys is told aloud, and what happens to it is recorded from there. */
static void an_older_keyring_goes_on_from_its_own_end(void **state)
{
	struct oap_origin origin = origin_with_events(4);
	struct found found;
	uint64_t id;

	(void)state;
	serve_and_read(&origin, 0, &id);
	send_rows(id, 1, 4);
	harness_settle(&h);
	harness_kill(&h);
	origin = origin_with_events(2);
	link_and_serve(&origin);
	harness_send_key_events(kms, 0, &(struct oap_key_events){ 3 });
	id = expect_read(2);
	send_rows(id, 3, 3);
	harness_settle(&h);
	harness_kill(&h);
	found = audits();
	assert_int_equal(count_kind(&found, AUDIT_MINTED), 5);
}

static void events_with_a_gap_accuse_kms(void **state)
{
	struct oap_origin origin = origin_with_events(5);
	uint64_t id;

	(void)state;
	serve_and_read(&origin, 0, &id);
	send_rows(id, 2, 3);
	harness_expect_accusation(kms, OAP_KEY_EVENT_ROWS, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_has_grown_is_signed_and_kept),
		CASE(batches_do_not_wait_for_a_signature),
		CASE(notes_are_kept_without_another_batch),
		CASE(a_question_that_came_too_late_is_asked_anew),
		CASE(notes_that_fit_nothing_accuse_kms),
		CASE(a_store_that_is_not_what_was_signed_is_not_written),
		CASE(a_tree_that_kms_refuses_is_safe_mode),
		CASE(a_kms_that_comes_back_with_another_memory_is_safe_mode),
		CASE(a_new_name_is_taken_with_one_record),
		CASE(a_start_and_a_stop_are_a_record_each),
		CASE(an_orderly_stop_keeps_a_last_checkpoint),
		CASE(a_stop_does_not_wait_for_a_kms_that_is_gone),
		CASE(a_stop_does_not_wait_longer_than_it_may),
		CASE(a_stop_before_the_store_is_open_is_at_once),
		CASE(each_event_becomes_a_record_once),
		CASE(an_older_keyring_goes_on_from_its_own_end),
		CASE(events_with_a_gap_accuse_kms),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
