/* What the rewarder asks the sequencer besides payments: whether a grant covers a request, and that
 * a quarantine, or a release, stands in the audit log. */
#include "common/reward_reasons.h"
#include "core/audit.h"
#include "core/caveat.h"
#include "core/reward.h"
#include "tests/worker/sequencer_driver.h"

#define RUN        "action=rewarder.run"
#define INSPECT    "action=rewarder.inspect"
#define QUARANTINE "action=rewarder.quarantine"
#define DAY        "2025-10-01"

static struct harness_link *rewarder;
static struct sent_batch first;

static int set_up_rewarder(void **state)
{
	grants_peer = GRANT_PEER_TCP;
	return set_up(state);
}

static void start_with_rewarder(void)
{
	start_serving();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
}

/* Caveats behind one another with a semicolon. */
static struct slice sealed(const char *caveats)
{
	static char text[512];
	const char *lines[8] = { NULL };
	char *rest = text;
	size_t count = 0;

	(void)snprintf(text, sizeof text, "%s", caveats);
	for (char *line = strsep(&rest, ";"); line != NULL; line = strsep(&rest, ";")) {
		lines[count++] = line;
		assert_in_range(count, 0, COUNT_OF(lines) - 1);
	}
	return grants_seal_for(GRANTS_GENERATION, lines);
}

/* --- grants --- */

static void judge(
	uint64_t id, uint8_t action, const char *tenant, const char *epoch, struct slice grant)
{
	harness_send_judge_grant(rewarder, id,
		&(struct oap_judge_grant){ .action = action,
			.tenant = text_of(tenant),
			.epoch = text_of(epoch),
			.grant = grant });
}

static void expect_judged(uint64_t id, enum err status, enum reward_reason reason)
{
	struct oap_judged_grant judged;
	struct id128 nobody = { { 0 } }, capability = grants_capability();

	assert_int_equal(harness_expect_judged_grant(rewarder, &judged), id);
	assert_string_equal(reward_reasons_name(judged.reason), reward_reasons_name(reason));
	assert_int_equal(judged.reason, reason);
	assert_int_equal(judged.status, status);
	assert_memory_equal(&judged.capability,
		reason == REWARD_REASON_NONE ? &capability : &nobody, sizeof capability);
}

/* Goal: each request is judged by action, tenant and epoch, and by how its client came. */
static void a_grant_covers_what_it_says(void **state)
{
	static const struct {
		const char *caveats;
		const char *tenant, *epoch;
		uint8_t action;
		enum grant_peer peer;
		enum reward_reason reason;
	} rows[] = {
		{ RUN ";tenant=acme", "acme", DAY, CAVEAT_ACTION_REWARDER_RUN, GRANT_PEER_TCP,
			REWARD_REASON_NONE },
		{ RUN ";tenant=acme;epoch=" DAY, "acme", DAY, CAVEAT_ACTION_REWARDER_RUN,
			GRANT_PEER_TCP, REWARD_REASON_NONE },
		{ RUN ";tenant=acme;epoch=" DAY, "acme", "2025-10-02", CAVEAT_ACTION_REWARDER_RUN,
			GRANT_PEER_TCP, REWARD_REASON_CAVEAT },
		{ RUN ";tenant=acme;epoch=" DAY, "acme", "", CAVEAT_ACTION_REWARDER_RUN,
			GRANT_PEER_TCP, REWARD_REASON_CAVEAT },
		{ RUN ";tenant=acme", "other", DAY, CAVEAT_ACTION_REWARDER_RUN, GRANT_PEER_TCP,
			REWARD_REASON_TENANT },
		{ RUN, "default", DAY, CAVEAT_ACTION_REWARDER_RUN, GRANT_PEER_TCP,
			REWARD_REASON_TENANT },
		{ RUN, "", "", CAVEAT_ACTION_REWARDER_RUN, GRANT_PEER_TCP, REWARD_REASON_NONE },
		{ RUN ";tenant=acme,other", "", "", CAVEAT_ACTION_REWARDER_RUN, GRANT_PEER_TCP,
			REWARD_REASON_NONE },
		{ RUN ";tenant=acme", "acme", "", CAVEAT_ACTION_REWARDER_INSPECT, GRANT_PEER_TCP,
			REWARD_REASON_SCOPE },
		{ INSPECT ";tenant=acme", "acme", "", CAVEAT_ACTION_REWARDER_INSPECT,
			GRANT_PEER_TCP, REWARD_REASON_NONE },
		{ INSPECT ";tenant=acme;exp=1000", "acme", "", CAVEAT_ACTION_REWARDER_INSPECT,
			GRANT_PEER_TCP, REWARD_REASON_CAVEAT },
		{ QUARANTINE ";tenant=acme", "acme", DAY, CAVEAT_ACTION_REWARDER_QUARANTINE,
			GRANT_PEER_TCP, REWARD_REASON_CAVEAT },
		{ QUARANTINE ";tenant=acme", "acme", DAY, CAVEAT_ACTION_REWARDER_QUARANTINE,
			GRANT_PEER_UNIX, REWARD_REASON_NONE },
	};

	(void)state;
	start_with_rewarder();
	for (uint64_t i = 0; i < COUNT_OF(rows); i++) {
		grants_peer = rows[i].peer;
		print_message("# %s\n", rows[i].caveats);
		judge(i + 1, rows[i].action, rows[i].tenant, rows[i].epoch,
			sealed(rows[i].caveats));
		expect_judged(i + 1, ERR_OK, rows[i].reason);
	}
	harness_settle(&h);
	harness_expect_nothing(rewarder);
	assert_int_equal(rewarder->credit_requests, COUNT_OF(rows));
	harness_expect_nothing(committer);
}

/* Goal: what kms never sealed is told apart from what it sealed once: only who brings the first is
 * to be accused, and never the rewarder that passes it on. */
static void a_forged_grant_is_told_from_an_old_one(void **state)
{
	static const char *const caveats[] = { INSPECT, "tenant=acme", NULL };
	uint8_t bytes[GRANT_BYTES_MAX];
	struct slice good, forged;

	(void)state;
	start_with_rewarder();
	good = sealed(INSPECT ";tenant=acme");
	memcpy(bytes, good.bytes, good.bytes_count);
	for (size_t i = 0; i < good.bytes_count; i += 7) {
		forged = (struct slice){ bytes, good.bytes_count };
		bytes[i] ^= 1;
		judge(1, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "", forged);
		if (i >= 5 && i < 9) { /* of another kms, then */
			expect_judged(1, ERR_OK, REWARD_REASON_CAP_TIMEOUT);
		} else {
			expect_judged(1, i == 0 ? ERR_MALFORMED : ERR_DENIED, REWARD_REASON_UNAUTH);
		}
		bytes[i] ^= 1;
	}
	judge(2, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "", text_of(""));
	expect_judged(2, ERR_MALFORMED, REWARD_REASON_UNAUTH);
	judge(3, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "",
		grants_seal_until(GRANTS_GENERATION, now_mono_ms() - 1, caveats));
	expect_judged(3, ERR_OK, REWARD_REASON_CAP_TIMEOUT);
	judge(4, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "",
		grants_seal_for(GRANTS_GENERATION + 1, caveats));
	expect_judged(4, ERR_OK, REWARD_REASON_CAP_TIMEOUT);
	judge(5, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "", sealed(INSPECT ";tenant=acme"));
	expect_judged(5, ERR_OK, REWARD_REASON_NONE);
}

static void a_revoked_grant_covers_nothing(void **state)
{
	struct oap_revoked_done done;

	(void)state;
	start_with_rewarder();
	harness_send_revoked(kms, 1,
		&(struct oap_revoked){ .kid = GRANTS_KEY_ID, .capability = grants_capability() });
	expect_work(&first);
	commit(&first);
	assert_int_equal(harness_expect_revoked_done(kms, &done), 1);
	judge(2, CAVEAT_ACTION_REWARDER_RUN, "acme", DAY, sealed(RUN ";tenant=acme"));
	expect_judged(2, ERR_OK, REWARD_REASON_UNAUTH);
}

/* Goal: reads go on in safe mode; before the state is there nobody knows what was revoked. */
static void grants_are_judged_while_nothing_is_written(void **state)
{
	struct slice good;
	struct draft mint;

	(void)state;
	start();
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	judge(1, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "", sealed(INSPECT ";tenant=acme"));
	expect_judged(1, ERR_OK, REWARD_REASON_CAP_TIMEOUT);
	stream_nothing();
	mint = draft_of(ENTRY_MINT, "alice", 5);
	submit(2, &mint, 1);
	expect_work(&first);
	harness_send_not_committed(committer, first.head.batch_no,
		&(struct oap_not_committed){ first.head.batch_no, 1 });
	expect_refused(2, 503, DETAIL_DISK_FULL);
	good = sealed(INSPECT ";tenant=acme");
	judge(3, CAVEAT_ACTION_REWARDER_INSPECT, "acme", "", good);
	expect_judged(3, ERR_OK, REWARD_REASON_NONE);
}

static void a_question_about_something_else_accuses_the_rewarder(void **state)
{
	(void)state;
	start_with_rewarder();
	judge(1, CAVEAT_ACTION_LEDGER_INGEST, "acme", DAY, sealed("action=ledger.ingest"));
	harness_expect_accusation(rewarder, OAP_JUDGE_GRANT, ERR_MALFORMED);
}

/* --- records --- */

struct record {
	uint64_t id, ticket;
	enum quarantine_act act;
	const char *text;
	struct slice grant;
};

static void record(const struct record *what)
{
	struct oap_record_run msg = { .act = (uint8_t)what->act,
		.kind = REWARD_KIND_CONSERVATION,
		.ticket = what->ticket,
		.tenant = text_of("acme"),
		.epoch = text_of(DAY),
		.text = text_of(what->text),
		.grant = what->grant };

	memset(&msg.run_key, 0x69, sizeof msg.run_key);
	memset(&msg.commitment, 0xc5, sizeof msg.commitment);
	harness_send_record_run(rewarder, what->id, &msg);
}

static void expect_recorded(uint64_t id, enum reward_reason reason)
{
	struct oap_recorded_run recorded;

	assert_int_equal(harness_expect_recorded_run(rewarder, &recorded), id);
	assert_string_equal(reward_reasons_name(recorded.reason), reward_reasons_name(reason));
	assert_int_equal(recorded.reason, reason);
}

/* The audit records of a batch, one behind the other. */
static void expect_audits(const struct sent_batch *batch, const char *const *texts,
	const enum audit_kind *kinds, size_t count)
{
	struct byte_reader in = byte_reader_of(batch->head.records);
	struct batch_record found;
	struct batch_audit audit;
	size_t at = 0;

	while (batch_next(&in, &found)) {
		if (found.type != BATCH_AUDIT) {
			continue;
		}
		assert_true(at < count);
		assert_int_equal(batch_get_audit(found.body, &audit), ERR_OK);
		assert_int_equal(audit.kind, kinds[at]);
		assert_int_equal(audit.bytes.bytes_count, strlen(texts[at]));
		assert_memory_equal(audit.bytes.bytes, texts[at], audit.bytes.bytes_count);
		at++;
	}
	assert_int_equal(at, count);
}

#define HASH_69    "6969696969696969696969696969696969696969696969696969696969696969"
#define HASH_C5    "c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5c5"
#define CAPABILITY "abababababababababababababababab"

/* Goal: the records, whole, and no answer before they are on disk. */
static void what_is_recorded_is_answered_when_it_is_on_disk(void **state)
{
	static const char *const texts[] = {
		"{\"capability\":\"" CAPABILITY "\",\"commitment\":\"b3:" HASH_C5
		"\",\"detail\":\"pool above budget\",\"epoch_id\":\"" DAY
		"\",\"kid\":7,\"kind\":\"conservation\",\"run_key\":\"" HASH_69
		"\",\"tenant\":\"acme\",\"ticket\":\"0000000000000a0b\"}",
		"{\"commitment\":\"b3:" HASH_C5 "\",\"detail\":\"\",\"epoch_id\":\"" DAY
		"\",\"kind\":\"conservation\",\"run_key\":\"" HASH_69 "\",\"tenant\":\"acme\"}",
		"{\"capability\":\"" CAPABILITY "\",\"commitment\":\"b3:" HASH_C5
		"\",\"epoch_id\":\"" DAY "\",\"kid\":7,\"kind\":\"conservation\",\"peer_uid\":1000,"
		"\"reason\":\"\\u0001 \\\"compared\\\"\",\"run_key\":\"" HASH_69
		"\",\"tenant\":\"acme\",\"ticket\":\"0000000000000007\"}",
	};
	static const enum audit_kind kinds[] = { AUDIT_QUARANTINED, AUDIT_QUARANTINED,
		AUDIT_RELEASED };

	(void)state;
	start_with_rewarder();
	submit(1, mints(1), 1);
	expect_work(&first); /* and is not on disk: what comes now is in the next one */
	record(&(struct record){
		1, 0xa0b, QUARANTINE_ENTERED, "pool above budget", sealed(RUN ";tenant=acme") });
	record(&(struct record){ 2, 0, QUARANTINE_ENTERED, "", text_of("") });
	grants_peer = GRANT_PEER_UNIX;
	record(&(struct record){ 3, 7, QUARANTINE_RELEASED, "\x01 \"compared\"",
		sealed(QUARANTINE ";tenant=acme") });
	commit(&first);
	(void)expect_verdict(1, 200);
	expect_any_batch(&first);
	expect_audits(&first, texts, kinds, COUNT_OF(kinds));
	harness_expect_nothing(rewarder);
	commit(&first);
	for (uint64_t id = 1; id <= 3; id++) {
		expect_recorded(id, REWARD_REASON_NONE);
	}
	harness_settle(&h);
	harness_expect_nothing(rewarder);
	assert_int_equal(rewarder->credit_requests, 3);
}

/* Goal: that an operator released something is never recorded on anybody's word. */
static void a_release_needs_a_grant_that_covers_it(void **state)
{
	static const char *const caveats[] = { QUARANTINE, "tenant=acme", NULL };
	uint8_t bytes[GRANT_BYTES_MAX];
	struct slice forged;

	(void)state;
	start_with_rewarder();
	record(&(struct record){ 1, 7, QUARANTINE_RELEASED, "x", text_of("") });
	expect_recorded(1, REWARD_REASON_UNAUTH);
	record(&(struct record){
		2, 7, QUARANTINE_RELEASED, "x", sealed(QUARANTINE ";tenant=acme") });
	expect_recorded(2, REWARD_REASON_CAVEAT); /* over TCP */
	grants_peer = GRANT_PEER_UNIX;
	record(&(struct record){
		3, 7, QUARANTINE_RELEASED, "x", sealed(QUARANTINE ";tenant=other") });
	expect_recorded(3, REWARD_REASON_TENANT);
	record(&(struct record){ 4, 7, QUARANTINE_RELEASED, "x", sealed(RUN ";tenant=acme") });
	expect_recorded(4, REWARD_REASON_SCOPE);
	record(&(struct record){ 5, 7, QUARANTINE_RELEASED, "x",
		grants_seal_until(GRANTS_GENERATION, now_mono_ms() - 1, caveats) });
	expect_recorded(5, REWARD_REASON_CAP_TIMEOUT);
	forged = sealed(QUARANTINE ";tenant=acme");
	memcpy(bytes, forged.bytes, forged.bytes_count);
	bytes[forged.bytes_count - 1] ^= 1;
	forged.bytes = bytes;
	record(&(struct record){ 6, 7, QUARANTINE_RELEASED, "x", forged });
	expect_recorded(6, REWARD_REASON_UNAUTH);
	harness_expect_nothing(committer);
	record(&(struct record){
		7, 7, QUARANTINE_ENTERED, "x", forged }); /* but whose it was not */
	expect_any_batch(&first);
	assert_null(memmem(first.records, first.head.records.bytes_count, "capability", 10));
	commit(&first);
	expect_recorded(7, REWARD_REASON_NONE);
}

/* Goal: what is on no disk is not said to be, and can be asked again. */
static void what_cannot_be_recorded_is_told(void **state)
{
	(void)state;
	start_with_rewarder();
	record(&(struct record){ 1, 0, QUARANTINE_ENTERED, "x", text_of("") });
	expect_any_batch(&first);
	record(&(struct record){ 2, 0, QUARANTINE_ENTERED, "y", text_of("") });
	harness_settle(&h);
	harness_send_not_committed(committer, first.head.batch_no,
		&(struct oap_not_committed){ first.head.batch_no, 1 });
	expect_recorded(1, REWARD_REASON_DEP_OUTAGE);
	expect_recorded(2, REWARD_REASON_DEP_OUTAGE);
	record(&(struct record){ 3, 0, QUARANTINE_ENTERED, "x", text_of("") });
	expect_recorded(3, REWARD_REASON_DEP_OUTAGE);
	stream_nothing();
	give_credit(&first);
	record(&(struct record){ 4, 0, QUARANTINE_ENTERED, "x", text_of("") });
	expect_any_batch(&first);
	commit(&first);
	expect_recorded(4, REWARD_REASON_NONE);
}

/* Goal: more of them than a batch takes are recorded all, in their order. */
static void many_records_go_into_several_batches(void **state)
{
	const uint64_t many = 40;
	size_t found = 0;

	(void)state;
	start_with_rewarder();
	for (uint64_t id = 1; id <= many; id++) {
		record(&(struct record){ id, id, QUARANTINE_ENTERED, "x", text_of("") });
	}
	while (found < many) {
		expect_any_batch(&first);
		found += count_records(&first, BATCH_AUDIT);
		commit(&first);
	}
	for (uint64_t id = 1; id <= many; id++) {
		expect_recorded(id, REWARD_REASON_NONE);
	}
}

/* Goal: what became of the postponed is a record beside the others, answered when it is on disk. */
static void a_drain_is_recorded(void **state)
{
	static const char *const texts[] = { "{\"paid\":3,\"postponed\":1,\"quarantined\":2}" };
	static const enum audit_kind kinds[] = { AUDIT_DRAINED };

	(void)state;
	start_with_rewarder();
	harness_send_record_drain(rewarder, 1,
		&(struct oap_record_drain){ .paid = 3, .quarantined = 2, .postponed = 1 });
	expect_any_batch(&first);
	expect_audits(&first, texts, kinds, COUNT_OF(kinds));
	harness_expect_nothing(rewarder);
	commit(&first);
	expect_recorded(1, REWARD_REASON_NONE);
}

static void a_drain_of_nothing_accuses_the_rewarder(void **state)
{
	(void)state;
	start_with_rewarder();
	harness_send_record_drain(rewarder, 1, &(struct oap_record_drain){ 0 });
	harness_expect_accusation(rewarder, OAP_RECORD_DRAIN, ERR_MALFORMED);
}

static void a_record_that_is_none_accuses_the_rewarder(void **state)
{
	(void)state;
	start_with_rewarder();
	record(&(struct record){ 1, 0, QUARANTINE_ENTERED, "\xff", text_of("") });
	harness_expect_accusation(rewarder, OAP_RECORD_RUN, ERR_MALFORMED);
}

#define REWARDER_CASE(name) cmocka_unit_test_setup_teardown(name, set_up_rewarder, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		REWARDER_CASE(a_grant_covers_what_it_says),
		REWARDER_CASE(a_forged_grant_is_told_from_an_old_one),
		REWARDER_CASE(a_revoked_grant_covers_nothing),
		REWARDER_CASE(grants_are_judged_while_nothing_is_written),
		REWARDER_CASE(a_question_about_something_else_accuses_the_rewarder),
		REWARDER_CASE(what_is_recorded_is_answered_when_it_is_on_disk),
		REWARDER_CASE(a_release_needs_a_grant_that_covers_it),
		REWARDER_CASE(what_cannot_be_recorded_is_told),
		REWARDER_CASE(many_records_go_into_several_batches),
		REWARDER_CASE(a_record_that_is_none_accuses_the_rewarder),
		REWARDER_CASE(a_drain_is_recorded),
		REWARDER_CASE(a_drain_of_nothing_accuses_the_rewarder),
	};

	return cmocka_run_group_tests_name("sequencer_rewarder", tests, NULL, NULL);
}
