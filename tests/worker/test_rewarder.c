/* The rewarder and a calculator, driven by hand through runs that go well, and runs that do not. */
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/worker/rewarder_driver.h"

/* Goal: the golden chain, from the request to the answer, and again. */
static void an_epoch_is_paid_once(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"run_key\":\"" GOLDEN_RUN_KEY "\"");
	expect_body(&reply, "\"commitment\":\"" GOLDEN_COMMITMENT "\"");
	expect_body(&reply, "\"totals\":{\"pool_minor_units\":\"1001\",\"payout_minor_units\":"
			    "\"999\",\"residual_minor_units\":\"2\"}");
	expect_body(&reply, "\"ledger\":{\"emitted\":true,\"result\":\"accepted\"");
	ask(3, EPOCH, &inputs); /* header alone */
	id = expect_intent(&intent, &bytes);
	answer_intent(id, INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"ledger\":{\"emitted\":true,\"result\":\"dup\"");
	harness_stop(&h);
}

/* Goal: what is computed alone leaves no trace in the ledger, nor in the way of others. */
static void a_dry_run_pays_nothing(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 2, &run);
	serve_inputs();
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_expect_nothing(sequencer);
	run_until_sealed(3, &inputs);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: the second joins the first: one computation, two answers. */
static void the_same_request_joins(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	ask(3, EPOCH, &inputs);
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	reply = expect_reply(2);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a snapshot of many times the calculator's window comes through, whoever is faster. */
static void a_large_snapshot_comes_through(void **state)
{
	static char rows[4u << 20];
	struct epoch large = { EPOCH, rows, "1001", 0, 0 };
	struct hash inputs;
	struct oap_run_reply reply;
	size_t used = 1;

	(void)state;
	rows[0] = '[';
	for (; used + 128 < sizeof rows; large.events++) {
		used += (size_t)snprintf(rows + used, sizeof rows - used,
			"%s{\"actor\":\"actor%u\",\"category\":\"video\",\"counts\":{\"subs\":"
			"\"1\","
			"\"views\":\"1\"}}",
			large.events == 0 ? "" : ",", large.events);
	}
	large.actors = large.events;
	memcpy(rows + used, "]", 2);
	inputs = seal_epoch(&large);
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	for (size_t i = 0; i < 2 + (kept[0].bytes_count + 65535) / 65536; i++) {
		assert_true(serve_object());
	}
	sign(ATTESTATION_OK); /* too many for the pool: nobody gets a unit */
	reply = expect_reply(2);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_stop(&h);
}

/* Goal: memory has an end, and that is the client's to know: the next run is computed. */
static void a_run_that_wants_too_much_is_refused(void **state)
{
	static char rows[1u << 20];
	struct epoch large = { "2025-10-02", rows, "1001", 0, 0 };
	struct hash inputs = seal_epoch(&golden), larges;
	struct oap_run_reply reply;
	size_t used = 1;

	(void)state;
	rows[0] = '[';
	for (; used + 128 < sizeof rows; large.events++) {
		used += (size_t)snprintf(rows + used, sizeof rows - used,
			"%s{\"actor\":\"actor%u\",\"category\":\"video\",\"counts\":{\"subs\":"
			"\"1\"}}",
			large.events == 0 ? "" : ",", large.events);
	}
	large.actors = large.events;
	memcpy(rows + used, "]", 2);
	larges = seal_epoch(&large);
	h.config.rewarder_run_memory_max_bytes = 3u << 20;
	start();
	put_policy();
	ask(2, "2025-10-02", &larges);
	do {
		assert_true(serve_object());
		harness_settle(&h);
		harness_settle(&calculator);
		harness_settle(&h);
	} while (harness_is_silent(edge));
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_MEMORY_CAP);
	while (!harness_is_silent(archive)) {
		(void)serve_object();
	}
	run_until_sealed(3, &inputs);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: what is too dear is computed if the operator says so, and not paid. */
static void a_run_that_is_too_dear_is_shown(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	h.config.rewarder_max_epoch_cost_ms = 1;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_COST_CAP);
	harness_kill(&h);
	h.config.rewarder_on_cost_exceed = CONFIG_COST_EXCEED_DRY_RUN;
	start_rewarder();
	ask(3, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"none\"}");
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

static void another_triple_is_a_conflict(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch other = { EPOCH, GOLDEN_ROWS, "1000", 3, 3 };
	struct hash others = seal_epoch(&other);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	(void)expect_reply(2);
	ask(3, EPOCH, &others);
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_COMMITMENT);
	harness_stop(&h);
}

/* Goal: 202 and where to look, then the answer is there. */
static void whoever_does_not_wait_is_told_where_to_look(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	run = run_of(EPOCH, &inputs);
	run.wait_until_mono_ms = now_mono_ms();
	harness_send_run_compute(prevalidator, 2, &run);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	assert_memory_equal(reply.location.bytes, "/rewarder/epochs/" EPOCH, 17 + 10);
	expect_body(&reply, "\"status\":\"pending\"");
	serve_inputs();
	sign(ATTESTATION_OK);
	pay();
	ask(3, EPOCH, &inputs);
	answer_intent(
		expect_intent(&(struct intent){ 0 }, &(uint32_t){ 0 }), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	expect_body(&reply, "\"dup\"");
	harness_stop(&h);
}

static void what_is_kept_is_shown(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_run_show show;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	(void)expect_reply(2);
	show = (struct oap_run_show){ .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.tenant = text_of("acme"),
		.epoch = text_of(EPOCH) };
	harness_send_run_show(prevalidator, 3, &show);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	assert_int_equal(reply.cache, RUN_CACHE_IMMUTABLE);
	expect_body(&reply, "\"attestation\":{\"sig_ed25519\":\"base64:CQAA");
	expect_body(&reply, "\"signed_at\":\"2025-10-01T12:34:56Z\"");
	show.part = RUN_PART_MANIFEST;
	harness_send_run_show(prevalidator, 4, &show);
	reply = expect_reply(4);
	assert_int_equal(reply.total, reply.body.bytes_count);
	expect_body(&reply, "weight:subs*rate=300;weight:views*rate=176");
	show.tenant = text_of("other");
	harness_send_run_show(prevalidator, 5, &show);
	reply = expect_reply(5);
	expect_refusal(&reply, 404, REWARD_REASON_NOT_FOUND);
	harness_stop(&h);
}

/* Goal: requests that do not fit what there is are the client's, and leave nothing behind. */
static void what_does_not_fit_is_refused(void **state)
{
	struct hash inputs = seal_epoch(&golden), unknown = { { 1 } };
	struct oap_run_compute run;
	struct oap_run_reply reply;

	(void)state;
	start();
	ask(2, EPOCH, &inputs);
	reply = expect_reply(2);
	expect_refusal(&reply, 400, REWARD_REASON_POLICY_UNKNOWN);
	put_policy();
	run = run_of(EPOCH, &inputs);
	run.policy_hash.bytes[0] ^= 1;
	harness_send_run_compute(prevalidator, 3, &run);
	reply = expect_reply(3);
	expect_refusal(&reply, 400, REWARD_REASON_STALE);
	ask(4, EPOCH, &unknown);
	assert_false(serve_object());
	reply = expect_reply(4);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	kept[0].bytes[5] ^= 1; /* the accounting snapshot */
	ask(5, EPOCH, &inputs);
	serve_inputs();
	reply = expect_reply(5);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_MISMATCH);
	kept[0].bytes[5] ^= 1;
	run_until_sealed(6, &inputs); /* none of it is in the way */
	pay();
	reply = expect_reply(6);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: artefacts leave the ledger its reserve, as objects do; also those of dry runs. */
static void a_disk_near_its_reserve_takes_no_artefacts(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_compute run;
	struct oap_run_reply reply;
	uint64_t reserve_bytes = h.config.engine_disk_reserve_bytes;

	(void)state;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	assert_true(serve_object());
	harness_kill(&h);
	h.config.engine_disk_reserve_bytes = UINT64_C(1) << 40;
	start_rewarder();
	serve_inputs(); /* it was admitted: it is computed again, and cannot be kept */
	harness_settle(&h);
	harness_settle(&calculator);
	harness_settle(&h);
	harness_expect_nothing(kms);
	ask(3, EPOCH, &inputs);
	reply = expect_reply(3);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	run = run_of(EPOCH, &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 4, &run);
	reply = expect_reply(4);
	expect_refusal(&reply, 503, REWARD_REASON_DISK_FULL);
	harness_expect_nothing(archive);
	harness_kill(&h);
	h.config.engine_disk_reserve_bytes = reserve_bytes;
	start_rewarder();
	run_until_sealed(5, &inputs);
	pay();
	reply = expect_reply(5);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* --- quarantine --- */

static struct oap_run_reply release(uint64_t ticket, const char *reason)
{
	const struct oap_quarantine_release msg = { .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.capability = grants_capability(),
		.tenant = text_of("acme"),
		.epoch = text_of(EPOCH),
		.reason = text_of(reason) };

	harness_send_quarantine_release(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

/* Goal: a pool above the curve is sealed, told, and holds its tenant until it is released; also
 * behind a restart. */
static void a_broken_invariant_holds_the_tenant(void **state)
{
	const struct epoch greedy = { EPOCH, GOLDEN_ROWS, "1000001", 3, 3 };
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash inputs = seal_epoch(&greedy), good = seal_epoch(&golden);
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"status\":\"quarantined\",\"reason\":\"conservation\"");
	restart_rewarder();
	ask(3, EPOCH, &inputs); /* the same answer, nothing is computed */
	reply = expect_reply(3);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	ask(4, EPOCH, &good);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	ask(5, "2025-10-02", &nexts);
	reply = expect_reply(5);
	expect_refusal(&reply, 409, REWARD_REASON_LATCHED);
	assert_non_null(
		memmem(reply.details.bytes, reply.details.bytes_count, "release_required", 16));
	reply = release(6, "");
	expect_refusal(&reply, 400, REWARD_REASON_SCHEMA);
	reply = release(7, "the curve was raised by the board");
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"state\":\"released\"");
	restart_rewarder();
	run_until_sealed(8, &good);
	pay();
	reply = expect_reply(8);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: what was sealed before its tenant was held, and what the ledger was asked about before, is
 * not paid behind that. */
static void what_waits_is_not_paid_once_its_tenant_is_held(void **state)
{
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	const struct epoch greedy = { "2025-10-03", GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash inputs = seal_epoch(&golden), nexts = seal_epoch(&next);
	struct hash bad = seal_epoch(&greedy);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = 2 * HARNESS_WAIT_MS;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes); /* and is not answered yet */
	ask(3, "2025-10-02", &nexts);
	serve_inputs();
	sign(ATTESTATION_OK);
	ask(4, "2025-10-03", &bad);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(4);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	answer_intent(id, INTENT_NEED_BODY, DETAIL_NONE);
	for (uint64_t ticket = 2; ticket <= 3; ticket++) {
		reply = expect_reply(ticket);
		assert_int_equal(reply.status, 202);
		expect_body(&reply, "\"emitted\":false,\"result\":\"none\"");
	}
	harness_expect_nothing(sequencer);
	harness_stop(&h);
}

static void the_ledger_that_knows_otherwise_quarantines(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_CONFLICT, DETAIL_SETTLED_OTHERWISE);
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	expect_body(&reply, "\"reason\":\"idempotency\"");
	harness_stop(&h);
}

/* --- postponed --- */

/* Goal: what the ledger refuses for a reason that will not pass by itself is told, kept, and paid
 * when somebody asks again. */
static void what_the_ledger_refuses_is_postponed(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ERROR, DETAIL_INSUFFICIENT);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"ledger\":{\"emitted\":false,\"result\":\"error\",\"reason\":"
			    "\"insufficient\"}");
	expect_body(&reply, "\"quarantine\":true");
	ask(3, EPOCH, &inputs);
	pay();
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: a ledger that was restored to before a payment is not spoken for: the epoch is paid again,
 * or the answer says that it is not. */
static void a_payment_that_the_ledger_lost_is_not_claimed(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	(void)expect_reply(2);
	ask(3, EPOCH, &inputs);
	id = expect_intent(&intent, &bytes);
	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ERROR, DETAIL_INSUFFICIENT);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false,\"result\":\"error\",\"reason\":\"insufficient\"");
	ask(4, EPOCH, &inputs);
	pay();
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"accepted\"");
	ask(5, EPOCH, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_ERROR, DETAIL_CAVEAT);
	reply = expect_reply(5);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"emitted\":false");
	harness_stop(&h);
}

/* Goal: a ledger that does not answer is asked again, then runs are sealed but not paid; when it
 * answers again what was postponed is computed anew, and paid. */
static void a_slow_ledger_is_a_brownout(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	const struct epoch next = { "2025-10-02", GOLDEN_ROWS, "1001", 3, 3 };
	struct hash nexts = seal_epoch(&next);
	struct oap_run_reply reply;
	struct oap_intent intent;
	uint64_t id;

	(void)state;
	h.config.rewarder_ledger_deadline_ms = 50;
	h.config.brownout_exit_window_ms = 500;
	h.config.brownout_exit_p95_ms = 40;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	reply = expect_reply(2);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"quarantine\":true");
	ask(3, "2025-10-02", &nexts);
	serve_inputs();
	sign(ATTESTATION_OK);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 202);
	expect_body(&reply, "\"result\":\"none\"");
	while (harness_is_silent(archive)) { /* until the first is computed anew */
		if (harness_is_silent(sequencer)) {
			continue;
		}
		id = harness_expect_intent(sequencer, &intent); /* pings, and what came before */
		harness_send_credit(sequencer, 0,
			&(struct oap_credit){ 1, (uint32_t)(intent.header.bytes_count +
							    intent.grant.bytes_count + 20) });
		answer_intent(id, INTENT_ERROR, DETAIL_GRANT);
	}
	serve_inputs();
	pay();
	serve_inputs();
	pay();
	ask(4, EPOCH, &inputs);
	answer_intent(
		expect_intent(&(struct intent){ 0 }, &(uint32_t){ 0 }), INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(4);
	expect_body(&reply, "\"dup\"");
	harness_stop(&h);
}

/* --- death --- */

enum where { AT_ADMITTED, AT_ROWS, AT_SIGNING, AT_SEALED, AT_NEED_BODY, AT_BODY, WHERE_COUNT };

/* As far as `where`, then kill -9, then whatever is left must end in one payment. */
static void die_at(enum where where)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_sign_attestation question;
	struct intent intent;
	uint32_t bytes;
	uint64_t id;

	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	if (where >= AT_ROWS) {
		assert_true(serve_object());
		assert_true(serve_object());
	}
	if (where >= AT_SIGNING) {
		assert_true(serve_object());
		if (where == AT_SIGNING) {
			(void)harness_expect_sign_attestation(kms, &question);
		} else {
			sign(ATTESTATION_OK);
		}
	}
	if (where >= AT_SEALED) {
		id = expect_intent(&intent, &bytes);
		if (where == AT_BODY) {
			take_body(id, &intent, bytes);
		} else if (where == AT_NEED_BODY) {
			answer_intent(id, INTENT_NEED_BODY, DETAIL_NONE);
		}
	} else {
		harness_settle(&h);
	}
	restart_rewarder();
	if (where <= AT_SIGNING) {
		serve_inputs();
		sign(ATTESTATION_OK);
	}
	id = expect_intent(&intent, &bytes); /* nobody asked again: it goes on by itself */
	if (where == AT_BODY) {
		answer_intent(id, INTENT_DUP, DETAIL_NONE); /* it was taken */
	} else {
		take_body(id, &intent, bytes);
		answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	}
	harness_settle(&h);
	ask(3, EPOCH, &inputs);
	id = expect_intent(&intent, &bytes);
	answer_intent(id, INTENT_DUP, DETAIL_NONE);
	reply = expect_reply(3);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, GOLDEN_COMMITMENT);
	harness_stop(&h);
}

static void it_dies_at_every_step(void **state)
{
	for (unsigned where = 0; where < WHERE_COUNT; where++) {
		print_message("# dies at step %u\n", where);
		die_at((enum where)where);
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

/* Goal: a grant that was kept over a start of the whole node is never shown to the ledger, which
 * would take it for forged: it is asked whether it knows, and whoever wants the epoch paid asks. */
static void the_whole_node_dies(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct oap_intent intent;
	struct intent header;
	uint32_t bytes;
	uint64_t id;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	(void)expect_intent(&header, &bytes);
	kms_life++;
	restart_rewarder();
	id = harness_expect_intent(sequencer, &intent);
	assert_int_equal(intent.grant.bytes_count, 0);
	answer_intent(id, INTENT_ERROR, DETAIL_GRANT);
	harness_settle(&h);
	ask(3, EPOCH, &inputs);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

/* Goal: the run fails, the node does not, and the same request may be sent again. */
static void a_calculator_dies(void **state)
{
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;

	(void)state;
	start();
	put_policy();
	ask(2, EPOCH, &inputs);
	assert_true(serve_object());
	assert_true(serve_object());
	harness_settle(&h);
	harness_kill(&calculator);
	reply = expect_reply(2);
	expect_refusal(&reply, 500, REWARD_REASON_INTERNAL);
	harness_start(&calculator);
	harness_expect_up(&calculator);
	harness_join(&h, &calculator);
	while (!harness_is_silent(archive)) {
		(void)serve_object();
	}
	run_until_sealed(3, &inputs);
	pay();
	reply = expect_reply(3);
	expect_body(&reply, "\"accepted\"");
	harness_stop(&h);
}

#ifdef MACRONODE_TEST_HOOKS

/* Milliseconds that all clocks are ahead. */
static void start_rewarder_later(int64_t ahead_ms)
{
	int fd = memfd_create("clock", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &ahead_ms, sizeof ahead_ms, 0), sizeof ahead_ms);
	harness_start_begin(&h);
	harness_give_fd(&h, SETUP_FD_CLOCK, 0, fd);
	harness_start_end(&h);
	(void)close(fd);
	join_rewarder();
}

static bool is_there(const char *path)
{
	char whole[256];
	struct stat info;

	harness_path(&h, path, whole, sizeof whole);
	return stat(whole, &info) == 0;
}

/* Goal: a day later the manifest is gone, what was paid is still known; what is quarantined stays.
 */
static void what_is_old_is_swept(void **state)
{
	const struct epoch greedy = { "2025-10-02", GOLDEN_ROWS, "1000001", 3, 3 };
	struct hash inputs = seal_epoch(&golden), bad = seal_epoch(&greedy);
	struct oap_run_compute run;
	struct oap_run_reply reply;
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;

	(void)state;
	start();
	put_policy();
	run = run_of("2025-10-03", &inputs);
	run.dry_run = 1;
	harness_send_run_compute(prevalidator, 2, &run); /* of another epoch than its inputs' */
	assert_true(serve_object());
	reply = expect_reply(2);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
	run_until_sealed(3, &inputs);
	pay();
	(void)expect_reply(3);
	ask(4, "2025-10-02", &bad);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	(void)expect_reply(4);
	assert_true(is_there("artifacts/runs/acme/" EPOCH "/" GOLDEN_RUN_KEY "/run.json"));
	assert_true(is_there("artifacts/dry/acme/2025-10-03"));
	harness_kill(&h);
	start_rewarder_later(25 * 3600 * 1000);
	while (is_there("artifacts/runs/acme/" EPOCH) ||
		is_there("artifacts/dry/acme/2025-10-03")) {
		assert_true(now_mono_ms() < due);
	}
	assert_true(is_there("artifacts/runs/acme/2025-10-02"));
	ask(5, EPOCH, &inputs);
	reply = expect_reply(5); /* its tenant is held, and so nothing is asked of the ledger */
	expect_body(&reply, "\"result\":\"dup\"");
	harness_stop(&h);
}

/* Goal: what the ledger lost is paid again also when nothing is left of it but its row. */
static void what_was_swept_is_computed_anew(void **state)
{
	static const char run_json[] = "artifacts/runs/acme/" EPOCH "/" GOLDEN_RUN_KEY "/run.json";
	struct hash inputs = seal_epoch(&golden);
	struct oap_run_reply reply;
	struct intent intent;
	uint32_t bytes;
	uint64_t due = now_mono_ms() + HARNESS_WAIT_MS;

	(void)state;
	start();
	put_policy();
	run_until_sealed(2, &inputs);
	pay();
	(void)expect_reply(2);
	harness_kill(&h);
	start_rewarder_later(25 * 3600 * 1000);
	while (is_there(run_json)) {
		assert_true(now_mono_ms() < due);
	}
	ask(3, EPOCH, &inputs);
	answer_intent(expect_intent(&intent, &bytes), INTENT_NEED_BODY, DETAIL_NONE);
	kept[2].id.bytes[0] ^= 1; /* its inputs are gone as well: it is not claimed */
	assert_false(serve_object());
	kept[2].id.bytes[0] ^= 1;
	reply = expect_reply(3);
	expect_refusal(&reply, 400, REWARD_REASON_INPUTS_NOT_FOUND);
	ask(4, EPOCH, &inputs);
	serve_inputs();
	pay();
	reply = expect_reply(4);
	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"emitted\":true,\"result\":\"accepted\"");
	assert_true(is_there(run_json));
	harness_stop(&h);
}

#endif

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_epoch_is_paid_once),
		CASE(a_dry_run_pays_nothing),
		CASE(the_same_request_joins),
		CASE(a_large_snapshot_comes_through),
		CASE(a_run_that_wants_too_much_is_refused),
		CASE(a_run_that_is_too_dear_is_shown),
		CASE(another_triple_is_a_conflict),
		CASE(whoever_does_not_wait_is_told_where_to_look),
		CASE(what_is_kept_is_shown),
		CASE(what_does_not_fit_is_refused),
		CASE(a_disk_near_its_reserve_takes_no_artefacts),
		CASE(a_broken_invariant_holds_the_tenant),
		CASE(what_waits_is_not_paid_once_its_tenant_is_held),
		CASE(the_ledger_that_knows_otherwise_quarantines),
		CASE(what_the_ledger_refuses_is_postponed),
		CASE(a_payment_that_the_ledger_lost_is_not_claimed),
		CASE(a_slow_ledger_is_a_brownout),
		CASE(it_dies_at_every_step),
		CASE(the_whole_node_dies),
		CASE(a_calculator_dies),
#ifdef MACRONODE_TEST_HOOKS
		CASE(what_is_old_is_swept),
		CASE(what_was_swept_is_computed_anew),
#endif
	};

	return cmocka_run_group_tests_name("rewarder", tests, NULL, NULL);
}
