/* The prevalidator as it is shipped: the test is its edges, kms, the sequencer and archive. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/reasons.h"
#include "common/routes.h"
#include "core/draft.h"
#include "core/grant.h"
#include "proto/links.h"
#include "tests/worker/harness.h"

#define ENTRY_JSON                                                               \
	"{\"id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\",\"ts\":1728794183123," \
	"\"kind\":\"Transfer\",\"account\":\"acct_123\",\"amount\":\"12345\","   \
	"\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"capability_ref\":"             \
	"\"101112131415161718191a1b1c1d1e1f\",\"v\":1,\"counter_account\":\"acct_456\"}"
#define GOOD_BODY "{\"batch\":[" ENTRY_JSON "]}"

static struct harness h;
static struct harness_link *edge, *kms, *sequencer, *archive;
static uint32_t asked; /* requests of `edge`: each is given back once */

/* --- setup --- */

static int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_PREVALIDATOR);
	asked = 0;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	harness_finish(&h);
	return 0;
}

static void start(void)
{
	harness_start(&h);
	harness_expect_up(&h);
	edge = harness_link_up(&h, PROCESS_INGRESS, 3);
}

static void start_with_all(void)
{
	start();
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
}

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static uint64_t mono_ms(int64_t from_now_ms)
{
	return (uint64_t)(clock_now().monotonic_us / 1000 + from_now_ms);
}

/* --- the edge --- */

static struct oap_request request_of(enum route route, const char *token)
{
	return (struct oap_request){
		.deadline_mono_ms = mono_ms(60000),
		.route = (uint8_t)route,
		.peer_class = GRANT_PEER_TCP,
		.token = text_of(token),
	};
}

static struct oap_request ingest_of(const char *token, const char *body)
{
	struct oap_request request = request_of(ROUTE_INGEST, token);

	request.body = text_of(body);
	request.body_bytes = (uint32_t)request.body.bytes_count;
	return request;
}

static void ask(uint64_t ticket, const struct oap_request *request)
{
	harness_send_request(edge, ticket, request);
	asked++;
}

static void ask_ingest(uint64_t ticket, const char *token)
{
	struct oap_request request = ingest_of(token, GOOD_BODY);

	ask(ticket, &request);
}

static void expect_refused(uint64_t ticket, unsigned status, enum reason reason, const char *detail)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_int_equal(refused.status, status);
	assert_int_equal(refused.reason, reason);
	assert_int_equal(refused.detail.bytes_count, strlen(detail));
	assert_memory_equal(refused.detail.bytes, detail, strlen(detail));
}

/* Nothing is said to anybody any more, and the edge has all of its credit. */
static void assert_all_is_done(void)
{
	harness_expect_nothing(edge);
	harness_expect_nothing(kms);
	harness_expect_nothing(sequencer);
	harness_expect_nothing(archive);
	assert_int_equal(edge->credit_requests, asked);
}

static struct oap_submit expect_submit(uint64_t ticket)
{
	struct oap_submit submit;

	assert_int_equal(harness_expect_submit(sequencer, &submit), ticket);
	return submit;
}

/* --- kms --- */

/* Seals what kms would say of a token with these caveats, separated by ";". */
static struct slice sealed_grant(const char *caveats)
{
	static const struct hash key = { { 9 } };
	static uint8_t sealed[GRANT_BYTES_MAX];
	struct grant grant = { .kms_generation = 1, .key_id = 7 };
	size_t sealed_bytes = 0;

	for (size_t i = 0; i < ID_BYTES; i++) {
		grant.capability_id.bytes[i] = (uint8_t)(0x10 + i);
	}
	grant.exp_unix_ms = (uint64_t)clock_unix_ms() + 60000;
	caveat_set_init(&grant.caveats);
	while (*caveats != '\0') {
		struct slice text = { (const uint8_t *)caveats, strcspn(caveats, ";") };
		struct caveat caveat;

		assert_int_equal(caveat_parse(text, &caveat), CAVEAT_FAULT_OK);
		assert_int_equal(caveat_set_add(&grant.caveats, &caveat, 0, NULL), ERR_OK);
		caveats += text.bytes_count + (caveats[text.bytes_count] == ';');
	}
	assert_int_equal(grant_seal(&grant, &key, sealed, sizeof sealed, &sealed_bytes), ERR_OK);
	return (struct slice){ sealed, sealed_bytes };
}

static void give_credit(struct harness_link *link, uint32_t requests, uint32_t bytes)
{
	harness_send_credit(link, 0, &(struct oap_credit){ requests, bytes });
}

/* The VERIFY of this token; its id. Credit for it is given back, as kms does with its answer. */
static uint64_t expect_verify(const char *token)
{
	struct oap_verify verify;
	uint64_t id = harness_expect_verify(kms, &verify);

	assert_int_equal(verify.token.bytes_count, strlen(token));
	assert_memory_equal(verify.token.bytes, token, strlen(token));
	give_credit(kms, 1, (uint32_t)(1 + 4 + 4 + verify.token.bytes_count));
	return id;
}

static void send_grant(uint64_t id, const char *caveats)
{
	harness_send_grant(
		kms, id, &(struct oap_grant){ .status = 200, .grant = sealed_grant(caveats) });
}

static void grant(const char *token, const char *caveats)
{
	send_grant(expect_verify(token), caveats);
}

/* From here on the token is in the cache. */
static void warm(const char *token, const char *caveats)
{
	ask_ingest(1, token);
	grant(token, caveats);
	(void)expect_submit(1);
}

/* --- readiness --- */

static void expect_phase(enum worker_phase phase, const char *text)
{
	struct oap_report report;

	(void)harness_expect_report(&h.control, &report);
	assert_int_equal(report.phase, phase);
	assert_int_equal(report.text.bytes_count, strlen(text));
	assert_memory_equal(report.text.bytes, text, strlen(text));
}

static void it_serves_only_while_kms_sequencer_and_archive_are_linked(void **state)
{
	(void)state;
	start();
	expect_phase(PHASE_LOADING, "waiting for kms");
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	expect_phase(PHASE_LOADING, "waiting for the sequencer");
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	expect_phase(PHASE_LOADING, "waiting for archive");
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	expect_phase(PHASE_SERVING, "");
	harness_link_down(sequencer);
	expect_phase(PHASE_LOADING, "waiting for the sequencer");
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	expect_phase(PHASE_SERVING, "");
}

static void without_their_owners_requests_are_refused(void **state)
{
	struct oap_request roots = request_of(ROUTE_ROOTS, "");

	(void)state;
	start();
	ask_ingest(1, "token");
	expect_refused(1, 503, REASON_INTERNAL, "kms");
	ask(2, &roots);
	expect_refused(2, 503, REASON_INTERNAL, "starting");
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	ask_ingest(3, "token");
	grant("token", "");
	expect_refused(3, 503, REASON_INTERNAL, "starting");
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	assert_all_is_done();
}

/* --- the way of a write --- */

static void a_request_becomes_one_submit_that_names_its_edge(void **state)
{
	struct oap_request request =
		ingest_of("token", "{\"batch\":[" ENTRY_JSON "," ENTRY_JSON
				   "],\"mode\":\"atomic\",\"dry_run\":true,\"idem_id\":\"x1\"}");
	struct slice sealed;
	struct oap_submit submit;
	struct byte_reader in;
	struct draft draft;

	(void)state;
	start_with_all();
	ask(0x1234567890abcdef, &request);
	grant("token", "action=ledger.ingest");
	submit = expect_submit(0x1234567890abcdef);
	assert_int_equal(submit.edge_process, PROCESS_INGRESS);
	assert_int_equal(submit.edge_instance, 3);
	assert_int_equal(submit.edge_generation, edge->generation);
	assert_true(submit.deadline_mono_ms == request.deadline_mono_ms);
	assert_int_equal(submit.mode, 1);
	assert_int_equal(submit.dry_run, 1);
	assert_int_equal(submit.draft_count, 2);
	assert_int_equal(submit.idem_id.bytes_count, 2);
	sealed = sealed_grant("action=ledger.ingest");
	assert_int_equal(submit.grant.bytes_count, sealed.bytes_count);
	in = byte_reader_of(submit.drafts);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(draft_decode(&in, SOURCE_INGEST, &draft), ERR_OK);
		assert_int_equal(draft.refused, DETAIL_NONE);
		assert_int_equal(draft.idx, i);
		assert_int_equal(draft.entry.kid, 7);
	}
	assert_true(byte_reader_done(&in));
	assert_all_is_done();
}

static void a_refused_entry_travels_with_its_request(void **state)
{
	struct oap_request request =
		ingest_of("token", "{\"batch\":[{\"colour\":1}," ENTRY_JSON "]}");
	struct oap_submit submit;
	struct byte_reader in;
	struct draft draft;

	(void)state;
	start_with_all();
	ask(1, &request);
	grant("token", "");
	submit = expect_submit(1);
	assert_int_equal(submit.draft_count, 2);
	in = byte_reader_of(submit.drafts);
	assert_int_equal(draft_decode(&in, SOURCE_INGEST, &draft), ERR_OK);
	assert_int_equal(draft.refused, DETAIL_UNKNOWN_FIELD);
	assert_all_is_done();
}

static void what_is_no_ingest_request_is_refused_here(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
		enum reason reason;
		const char *detail;
	} rows[] = {
		{ "{\"batch\":[" ENTRY_JSON "]", 400, REASON_UNKNOWN_KIND, "malformed" },
		{ "", 400, REASON_UNKNOWN_KIND, "malformed" },
		{ "{}", 400, REASON_UNKNOWN_KIND, "missing_field" },
		{ "{\"batch\":[]}", 400, REASON_UNKNOWN_KIND, "batch" },
		{ "{\"batch\":[{},{},{}]}", 413, REASON_TOO_LARGE, "too_many_entries" },
	};

	(void)state;
	h.config.engine_batch_max_entries = 2;
	start_with_all();
	warm("token", "");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_request request = ingest_of("token", rows[i].body);

		ask(10 + i, &request);
		expect_refused(10 + i, rows[i].status, rows[i].reason, rows[i].detail);
	}
	assert_all_is_done();
}

static void without_credit_at_the_sequencer_it_is_busy_at_once(void **state)
{
	struct link_window window = links_window(PROCESS_PREVALIDATOR, PROCESS_SEQUENCER);

	(void)state;
	start_with_all();
	warm("token", "");
	for (uint32_t i = 1; i < window.requests; i++) {
		ask_ingest(i, "token");
		(void)expect_submit(i); /* and the sequencer keeps it */
	}
	ask_ingest(5000, "token");
	expect_refused(5000, 429, REASON_BUSY, "busy");
	give_credit(sequencer, 1, 300);
	ask_ingest(5001, "token");
	(void)expect_submit(5001);
	ask_ingest(5002, "token");
	expect_refused(5002, 429, REASON_BUSY, "busy");
	assert_all_is_done();
}

/* --- tokens --- */

static void a_write_without_a_token_is_not_even_read(void **state)
{
	struct oap_request entry = request_of(ROUTE_ENTRY, "");
	struct oap_request verify = request_of(ROUTE_VERIFY, "");

	(void)state;
	start_with_all();
	ask_ingest(1, "");
	expect_refused(1, 401, REASON_UNAUTH, "a token is needed");
	ask(2, &entry);
	expect_refused(2, 401, REASON_UNAUTH, "a token is needed");
	ask(3, &verify);
	expect_refused(3, 401, REASON_UNAUTH, "a token is needed");
	assert_all_is_done();
}

static void a_token_is_held_to_its_length(void **state)
{
	static char token[TOKEN_BYTES_MAX + 2];

	(void)state;
	start_with_all();
	memset(token, 'A', TOKEN_BYTES_MAX);
	ask_ingest(1, token);
	grant(token, "");
	(void)expect_submit(1);
	token[TOKEN_BYTES_MAX] = 'A';
	ask_ingest(2, token);
	expect_refused(2, 401, REASON_CAP_INVALID,
		"the token, its location or its identifier is too long");
	assert_all_is_done();
}

static void a_grant_is_asked_for_once(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "");
	for (uint64_t ticket = 2; ticket < 5; ticket++) {
		ask_ingest(ticket, "token");
		(void)expect_submit(ticket);
	}
	assert_all_is_done();
}

static void a_grant_is_for_one_way_to_come_in(void **state)
{
	struct oap_request request = ingest_of("token", GOOD_BODY);
	struct oap_verify verify;
	uint64_t id;

	(void)state;
	start_with_all();
	warm("token", "");
	request.peer_class = GRANT_PEER_UNIX;
	for (uint32_t uid = 0; uid < 2; uid++) {
		request.peer_uid = uid;
		ask(10 + uid, &request);
		id = harness_expect_verify(kms, &verify);
		assert_int_equal(verify.peer_class, GRANT_PEER_UNIX);
		assert_int_equal(verify.peer_uid, uid);
		send_grant(id, "");
		(void)expect_submit(10 + uid);
	}
	request.peer_class = GRANT_PEER_MTLS;
	request.peer_uid = 0;
	ask(12, &request);
	id = harness_expect_verify(kms, &verify);
	assert_int_equal(verify.peer_class, GRANT_PEER_MTLS);
	send_grant(id, "");
	(void)expect_submit(12);
	assert_all_is_done();
}

static void requests_with_one_token_wait_for_one_verify(void **state)
{
	bool seen[4] = { false };
	struct oap_submit submit;
	uint64_t id;

	(void)state;
	start_with_all();
	for (uint64_t ticket = 0; ticket < COUNT_OF(seen); ticket++) {
		ask_ingest(ticket, "token");
	}
	id = expect_verify("token");
	harness_expect_nothing(kms);
	send_grant(id, "");
	for (size_t i = 0; i < COUNT_OF(seen); i++) {
		uint64_t ticket = harness_expect_submit(sequencer, &submit);

		assert_true(ticket < COUNT_OF(seen) && !seen[ticket]);
		seen[ticket] = true;
	}
	assert_all_is_done();
}

static void without_a_ttl_each_request_is_verified(void **state)
{
	(void)state;
	h.config.kms_cache_ttl_ms = 0;
	start_with_all();
	for (uint64_t ticket = 1; ticket < 4; ticket++) {
		ask_ingest(ticket, "token");
		grant("token", "");
		(void)expect_submit(ticket);
	}
	assert_all_is_done();
}

static void bad_news_is_passed_on_and_not_kept(void **state)
{
	(void)state;
	start_with_all();
	for (uint64_t ticket = 1; ticket < 3; ticket++) {
		ask_ingest(ticket, "token");
		harness_send_grant(kms, expect_verify("token"),
			&(struct oap_grant){ .status = 403,
				.reason = REASON_CAP_INVALID,
				.detail = text_of("the token is revoked") });
		expect_refused(ticket, 403, REASON_CAP_INVALID, "the token is revoked");
	}
	assert_all_is_done();
}

static void forget_grants_empties_the_cache(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "");
	harness_send_forget_grants(kms, 0, &(struct oap_forget_grants){ 1 });
	harness_settle(&h);
	ask_ingest(2, "token");
	grant("token", "");
	(void)expect_submit(2);
	assert_all_is_done();
}

static void losing_kms_empties_the_cache_and_ends_the_waiting(void **state)
{
	(void)state;
	start_with_all();
	warm("token", "");
	ask_ingest(2, "other");
	(void)expect_verify("other");
	harness_link_down(kms);
	expect_refused(2, 503, REASON_INTERNAL, "kms");
	ask_ingest(3, "token");
	expect_refused(3, 503, REASON_INTERNAL, "kms");
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	ask_ingest(4, "token");
	grant("token", "");
	(void)expect_submit(4);
	assert_all_is_done();
}

static void a_silent_kms_is_a_timeout_and_its_late_grant_is_nobodys(void **state)
{
	uint64_t id;

	(void)state;
	h.config.kms_timeout_ms = 10;
	start_with_all();
	ask_ingest(1, "token");
	id = expect_verify("token");
	expect_refused(1, 503, REASON_TIMEOUT, "kms");
	send_grant(id, "");
	harness_expect_nothing(sequencer);
	ask_ingest(2, "token"); /* what came late was not kept, either */
	grant("token", "");
	(void)expect_submit(2);
	assert_all_is_done();
}

static void without_credit_at_kms_it_is_busy_at_once(void **state)
{
	struct oap_verify verify;
	char token[16];

	(void)state;
	h.config.kms_timeout_ms = 60000;
	start_with_all();
	for (uint64_t ticket = 0; ticket < 64; ticket++) {
		snprintf(token, sizeof token, "token-%u", (unsigned)ticket);
		ask_ingest(ticket, token);
		(void)harness_expect_verify(kms, &verify);
	}
	ask_ingest(64, "one-more");
	expect_refused(64, 429, REASON_BUSY, "kms");
	ask_ingest(65, "token-0"); /* it waits with the others of that token */
	harness_expect_nothing(edge);
	harness_link_down(kms);
	for (uint64_t i = 0; i < 65; i++) {
		struct oap_refused refused;

		(void)harness_expect_refused(edge, &refused);
		assert_int_equal(refused.status, 503);
	}
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	assert_all_is_done();
}

static void a_grant_that_is_none_accuses_kms(void **state)
{
	uint64_t id;

	(void)state;
	start_with_all();
	ask_ingest(1, "token");
	id = expect_verify("token");
	harness_send_grant(
		kms, id, &(struct oap_grant){ .status = 200, .grant = text_of("no grant") });
	harness_expect_accusation(kms, OAP_GRANT, ERR_MALFORMED);
}

/* --- policy --- */

static void caveats_about_the_request_are_judged(void **state)
{
	static const struct {
		const char *caveats;
		bool is_oap, is_unix;
		enum caveat_kind refused; /* COUNT: it passes */
		bool lacks;
	} rows[] = {
		{ "method=POST;path=/ingest", false, false, CAVEAT_KIND_COUNT, false },
		{ "method=GET", false, false, CAVEAT_METHOD, false },
		{ "path=/roots", false, false, CAVEAT_PATH, false },
		{ "method=POST", true, false, CAVEAT_METHOD, true },
		{ "path=/ingest", true, false, CAVEAT_PATH, true },
		{ "max-bytes=4096", false, false, CAVEAT_KIND_COUNT, false },
		{ "max-bytes=10", false, false, CAVEAT_MAX_BYTES, false },
		{ "peer-uid=1000", false, true, CAVEAT_KIND_COUNT, false },
		{ "peer-uid=1001", false, true, CAVEAT_PEER_UID, false },
		{ "peer-uid=1000", false, false, CAVEAT_PEER_UID, true },
		{ "exp=1", false, false, CAVEAT_EXP, false },
		{ "nbf=200000000000", false, false, CAVEAT_NBF, false },
		{ "tenant=a", false, false, CAVEAT_TENANT, true },
		{ "epoch=e", false, false, CAVEAT_EPOCH, true },
		{ "node=of-another-name", false, false, CAVEAT_KIND_COUNT, false }, /* kms did */
	};

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct caveat_verdict verdict = {
			.result = rows[i].lacks ? CAVEAT_LACKS : CAVEAT_FAILS,
			.kind = rows[i].refused,
		};
		char token[16];
		struct oap_request request;

		snprintf(token, sizeof token, "token-%u", (unsigned)i);
		request = ingest_of(token, GOOD_BODY);
		request.is_oap = rows[i].is_oap;
		request.peer_class = rows[i].is_unix ? GRANT_PEER_UNIX : GRANT_PEER_TCP;
		request.peer_uid = rows[i].is_unix ? 1000 : 0;
		for (uint64_t again = 0; again < 2; again++) { /* from kms, and from the cache */
			uint64_t ticket = 2 * i + again;

			ask(ticket, &request);
			if (again == 0) {
				grant(token, rows[i].caveats);
			}
			if (rows[i].refused == CAVEAT_KIND_COUNT) {
				(void)expect_submit(ticket);
			} else {
				expect_refused(ticket, 403, REASON_CAP_INVALID,
					caveat_set_verdict_text(verdict));
			}
		}
	}
	assert_all_is_done();
}

/* --- time --- */

static void a_request_past_its_deadline_goes_nowhere(void **state)
{
	struct oap_request request = ingest_of("token", GOOD_BODY);

	(void)state;
	h.config.kms_timeout_ms = 60000;
	start_with_all();
	request.deadline_mono_ms = mono_ms(-1);
	ask(1, &request);
	expect_refused(1, 503, REASON_TIMEOUT, "deadline");
	harness_expect_nothing(kms);
	request.deadline_mono_ms = mono_ms(300);
	ask(2, &request);
	send_grant(expect_verify("token") + 1, ""); /* of nothing that was asked */
	expect_refused(2, 503, REASON_TIMEOUT, "deadline");
	assert_all_is_done();
}

/* --- bodies --- */

static char large[BODY_BYTES_MAX];

/* A batch of one, made as long as that by white space. */
static struct slice body_of(size_t bytes_count)
{
	memset(large, ' ', bytes_count);
	memcpy(large + bytes_count - (sizeof GOOD_BODY - 1), GOOD_BODY, sizeof GOOD_BODY - 1);
	return (struct slice){ (const uint8_t *)large, bytes_count };
}

static void ask_large(uint64_t ticket, const char *token, uint32_t body_bytes)
{
	struct oap_request request = request_of(ROUTE_INGEST, token);

	request.body_bytes = body_bytes;
	ask(ticket, &request);
}

static void expect_proceed(uint64_t ticket, uint32_t body_bytes)
{
	struct oap_proceed proceed;

	assert_int_equal(harness_expect_proceed(edge, &proceed), ticket);
	assert_int_equal(proceed.body_bytes, body_bytes);
}

static void send_pieces(uint64_t ticket, struct slice body, size_t from, size_t to)
{
	while (from < to) {
		size_t piece = to - from < VERB_BODY_CHUNK_BYTES_MAX ? to - from
								     : VERB_BODY_CHUNK_BYTES_MAX;

		harness_send_body(edge, ticket,
			&(struct oap_body){
				.offset = (uint32_t)from, .bytes = { body.bytes + from, piece } });
		from += piece;
	}
}

static void a_large_body_comes_in_pieces_after_proceed(void **state)
{
	static const uint32_t sizes[] = { 1000, VERB_BODY_INLINE_BYTES_MAX + 1, 65536, 65537,
		BODY_BYTES_MAX };

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		struct slice body = body_of(sizes[i]);

		ask_large(i, "token", sizes[i]);
		if (i == 0) {
			grant("token", "");
		}
		expect_proceed(i, sizes[i]);
		send_pieces(i, body, 0, sizes[i] - 1);
		harness_expect_nothing(sequencer);
		send_pieces(i, body, sizes[i] - 1, sizes[i]);
		assert_int_equal(expect_submit(i).draft_count, 1);
	}
	assert_all_is_done();
}

static void a_token_must_be_good_when_the_body_is_there(void **state)
{
	struct slice body = body_of(20000);

	(void)state;
	start_with_all();
	ask_large(1, "token", 20000);
	grant("token", "");
	expect_proceed(1, 20000);
	harness_send_forget_grants(kms, 0, &(struct oap_forget_grants){ 1 });
	harness_settle(&h);
	send_pieces(1, body, 0, 20000);
	grant("token", "");
	(void)expect_submit(1);
	assert_all_is_done();
}

static void a_body_over_the_limit_is_refused_before_it_is_read(void **state)
{
	(void)state;
	h.config.limits_max_body_bytes = 20000;
	start_with_all();
	ask_large(1, "token", 20001);
	expect_refused(1, 413, REASON_TOO_LARGE, "body");
	ask_large(2, "token", 20000);
	grant("token", "");
	expect_proceed(2, 20000);
	send_pieces(2, body_of(20000), 0, 20000);
	(void)expect_submit(2);
	assert_all_is_done();
}

static void bodies_share_one_budget(void **state)
{
	(void)state;
	start_with_all();
	for (uint64_t ticket = 0; ticket < 64; ticket++) {
		ask_large(ticket, "token", BODY_BYTES_MAX);
		if (ticket == 0) {
			grant("token", "");
		}
		expect_proceed(ticket, BODY_BYTES_MAX);
	}
	ask_large(64, "token", 20000);
	expect_refused(64, 429, REASON_BUSY, "bodies");
	harness_send_abandon(edge, 7, &(struct oap_abandon){ 0 });
	ask_large(65, "token", 20000);
	expect_proceed(65, 20000);
	for (uint64_t ticket = 0; ticket < 66; ticket++) {
		harness_send_abandon(edge, ticket, &(struct oap_abandon){ 0 });
	}
	assert_all_is_done();
}

static void an_abandoned_request_is_forgotten(void **state)
{
	uint64_t id;

	(void)state;
	start_with_all();
	ask_ingest(1, "token");
	id = expect_verify("token");
	harness_send_abandon(edge, 1, &(struct oap_abandon){ 0 });
	harness_settle(&h);
	send_grant(id, "");
	ask_large(2, "token", 20000);
	expect_proceed(2, 20000);
	send_pieces(2, body_of(20000), 0, 10000);
	harness_send_abandon(edge, 2, &(struct oap_abandon){ 0 });
	send_pieces(2, body_of(20000), 10000, 20000); /* was on its way */
	assert_all_is_done();
}

static void pieces_that_do_not_fit_accuse_the_edge(void **state)
{
	static const struct {
		uint32_t offset, bytes;
	} rows[] = { { 1, 10 }, { 0, 0 }, { 0, 20001 } };

	(void)state;
	start_with_all();
	warm("token", "");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		ask_large(10, "token", 20000);
		expect_proceed(10, 20000);
		harness_send_body(edge, 10,
			&(struct oap_body){ .offset = rows[i].offset,
				.bytes = { (const uint8_t *)large, rows[i].bytes } });
		harness_expect_accusation(edge, OAP_BODY, ERR_MALFORMED);
		edge = harness_link_up(&h, PROCESS_INGRESS, 3);
	}
	ask_ingest(11, "other"); /* a piece before PROCEED */
	harness_send_body(edge, 11,
		&(struct oap_body){ .offset = 0, .bytes = { (const uint8_t *)large, 1 } });
	harness_expect_accusation(edge, OAP_BODY, ERR_MALFORMED);
}

/* --- reads --- */

static void roots_need_no_token(void **state)
{
	static const struct {
		const char *query;
		uint64_t since;
		uint32_t limit;
		const char *wrong;
	} rows[] = {
		{ "", 0, 1000, NULL },
		{ "since=0", 0, 1000, NULL },
		{ "since=9223372036854775807", INT64_MAX, 1000, NULL },
		{ "since=17&limit=1", 17, 1, NULL },
		{ "limit=1000&since=3", 3, 1000, NULL },
		{ "limit=0", 0, 0, "limit" },
		{ "limit=1001", 0, 0, "limit" },
		{ "since=", 0, 0, "since" },
		{ "since=-1", 0, 0, "since" },
		{ "since=01", 0, 0, "since" },
		{ "since=%31", 0, 0, "since" },
		{ "since=9223372036854775808", 0, 0, "since" },
		{ "from=1", 0, 0, "unknown_field" },
		{ "since=1&Since=1", 0, 0, "unknown_field" },
		{ "since=1&since=1", 0, 0, "query" },
		{ "since=1+1", 0, 0, "query" },
		{ "&", 0, 0, "query" },
	};
	struct oap_read_roots read;

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_request request = request_of(ROUTE_ROOTS, "");

		request.query = text_of(rows[i].query);
		ask(i, &request);
		if (rows[i].wrong != NULL) {
			expect_refused(i, 400, REASON_UNKNOWN_KIND, rows[i].wrong);
			continue;
		}
		assert_int_equal(harness_expect_read_roots(archive, &read), i);
		assert_true(read.since == rows[i].since);
		assert_int_equal(read.limit, rows[i].limit);
		assert_int_equal(read.edge_process, PROCESS_INGRESS);
		assert_int_equal(read.edge_instance, 3);
		assert_int_equal(read.edge_generation, edge->generation);
		assert_true(read.deadline_mono_ms == request.deadline_mono_ms);
	}
	assert_all_is_done();
}

static void an_entry_needs_audit_read(void **state)
{
	struct oap_request request = request_of(ROUTE_ENTRY, "auditor");
	struct oap_read_entry read;

	(void)state;
	start_with_all();
	request.query = text_of("42");
	ask(1, &request);
	grant("auditor", "action=audit.read;method=GET;path=/entries/42");
	assert_int_equal(harness_expect_read_entry(archive, &read), 1);
	assert_true(read.seq == 42);
	assert_int_equal(read.edge_generation, edge->generation);
	assert_true(read.grant.bytes_count >= GRANT_BYTES_MIN);
	request.query = text_of("43");
	ask(2, &request);
	expect_refused(2, 403, REASON_CAP_INVALID, "the token does not allow this path");
	request.token = text_of("writer");
	ask(3, &request);
	grant("writer", "action=ledger.ingest");
	expect_refused(3, 403, REASON_CAP_INVALID, "the token does not allow this action");
	assert_all_is_done();
}

static void an_entry_is_named_by_its_seq(void **state)
{
	static const char *const bad[] = { "", "x", "-1", "01", "1.0", "9223372036854775808",
		"1?x=1" };
	struct oap_request request = request_of(ROUTE_ENTRY, "token");

	(void)state;
	start_with_all();
	warm("token", "");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		request.query = text_of(bad[i]);
		ask(10 + i, &request);
		expect_refused(10 + i, 400, REASON_UNKNOWN_KIND, "seq");
	}
	assert_all_is_done();
}

static void verify_needs_audit_read(void **state)
{
	struct oap_request request = request_of(ROUTE_VERIFY, "auditor");
	struct oap_read_verify read;

	(void)state;
	start_with_all();
	request.is_oap = 1;
	ask(1, &request);
	grant("auditor", "action=audit.read");
	assert_int_equal(harness_expect_read_verify(archive, &read), 1);
	assert_int_equal(read.edge_instance, 3);
	assert_true(read.grant.bytes_count >= GRANT_BYTES_MIN);
	request.token = text_of("writer");
	ask(2, &request);
	grant("writer", "action=ledger.ingest");
	expect_refused(2, 403, REASON_CAP_INVALID, "the token does not allow this action");
	assert_all_is_done();
}

static void reads_have_no_body(void **state)
{
	struct oap_request request = request_of(ROUTE_ROOTS, "");

	(void)state;
	start_with_all();
	request.body = text_of("{}");
	request.body_bytes = 2;
	ask(1, &request);
	expect_refused(1, 400, REASON_UNKNOWN_KIND, "body");
	assert_all_is_done();
}

/* --- the diagnostic --- */

static void a_probe_goes_on_to_the_sequencer(void **state)
{
	struct link_window window = links_window(PROCESS_PREVALIDATOR, PROCESS_SEQUENCER);
	struct oap_probe probe = { .deadline_mono_ms = mono_ms(60000), .nonce = 99 };
	struct oap_probe_refused refused;
	struct oap_probe_order order;

	(void)state;
	start();
	harness_send_probe(edge, 1, &probe);
	assert_int_equal(harness_expect_probe_refused(edge, &refused), 1);
	assert_int_equal(refused.reason, REASON_INTERNAL);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	for (uint64_t i = 0; i < window.requests; i++) {
		harness_send_probe(edge, i, &probe);
		assert_int_equal(harness_expect_probe_order(sequencer, &order), i);
		assert_true(order.nonce == 99);
		assert_int_equal(order.edge_process, PROCESS_INGRESS);
		assert_int_equal(order.edge_instance, 3);
		assert_int_equal(order.edge_generation, edge->generation);
	}
	harness_send_probe(edge, 2, &probe);
	assert_int_equal(harness_expect_probe_refused(edge, &refused), 2);
	assert_int_equal(refused.reason, REASON_BUSY);
	harness_expect_nothing(edge);
	assert_int_equal(edge->credit_requests, window.requests + 2);
}

/* --- edges --- */

static void an_edge_that_breaks_the_table_is_accused(void **state)
{
	struct oap_request good = ingest_of("token", GOOD_BODY);
	struct oap_request bad[6];

	(void)state;
	start_with_all();
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		bad[i] = good;
	}
	bad[0].route = ROUTE_HEALTHZ; /* the edge's own */
	bad[1].route = ROUTE_COUNT;
	bad[2].peer_class = GRANT_PEER_COUNT;
	bad[3].is_oap = 2;
	bad[4].body_bytes--;
	bad[5].body_bytes++;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		harness_send_request(edge, i, &bad[i]);
		harness_expect_accusation(edge, OAP_REQUEST, ERR_MALFORMED);
		edge = harness_link_up(&h, PROCESS_INGRESS, 3);
	}
	harness_send_request(edge, 1, &good); /* one ticket for two that are under way */
	harness_send_request(edge, 1, &good);
	harness_expect_accusation(edge, OAP_REQUEST, ERR_CONFLICT);
}

static void nobody_gets_the_answer_of_an_edge_that_is_gone(void **state)
{
	struct harness_link *other;
	uint64_t id;

	(void)state;
	start_with_all();
	other = harness_link_up(&h, PROCESS_ADMIN, 0);
	ask_ingest(1, "token");
	id = expect_verify("token");
	harness_send_request(other, 1, &(struct oap_request){ .route = ROUTE_ROOTS });
	edge = harness_link_up(&h, PROCESS_INGRESS, 3);
	asked = 0;
	harness_settle(&h);
	send_grant(id, "");
	harness_expect_nothing(sequencer);
	ask_ingest(1, "token"); /* the same ticket, by chance */
	assert_int_equal(expect_submit(1).edge_generation, edge->generation);
	assert_all_is_done();
}

/* --- the end --- */

static void a_drain_waits_for_those_that_wait(void **state)
{
	struct oap_drained drained;
	uint64_t id;

	(void)state;
	start_with_all();
	ask_ingest(1, "token");
	id = expect_verify("token");
	harness_send_drain(&h.control, 0, &(struct oap_drain){ mono_ms(10000) });
	harness_expect_nothing(&h.control);
	send_grant(id, "");
	(void)expect_submit(1);
	(void)harness_expect_drained(&h.control, &drained);
	assert_true(drained.left_over == 0);
	assert_all_is_done();
	harness_stop(&h);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_serves_only_while_kms_sequencer_and_archive_are_linked),
		TEST(without_their_owners_requests_are_refused),
		TEST(a_request_becomes_one_submit_that_names_its_edge),
		TEST(a_refused_entry_travels_with_its_request),
		TEST(what_is_no_ingest_request_is_refused_here),
		TEST(without_credit_at_the_sequencer_it_is_busy_at_once),
		TEST(a_write_without_a_token_is_not_even_read),
		TEST(a_token_is_held_to_its_length),
		TEST(a_grant_is_asked_for_once),
		TEST(a_grant_is_for_one_way_to_come_in),
		TEST(requests_with_one_token_wait_for_one_verify),
		TEST(without_a_ttl_each_request_is_verified),
		TEST(bad_news_is_passed_on_and_not_kept),
		TEST(forget_grants_empties_the_cache),
		TEST(losing_kms_empties_the_cache_and_ends_the_waiting),
		TEST(a_silent_kms_is_a_timeout_and_its_late_grant_is_nobodys),
		TEST(without_credit_at_kms_it_is_busy_at_once),
		TEST(a_grant_that_is_none_accuses_kms),
		TEST(caveats_about_the_request_are_judged),
		TEST(a_request_past_its_deadline_goes_nowhere),
		TEST(a_large_body_comes_in_pieces_after_proceed),
		TEST(a_token_must_be_good_when_the_body_is_there),
		TEST(a_body_over_the_limit_is_refused_before_it_is_read),
		TEST(bodies_share_one_budget),
		TEST(an_abandoned_request_is_forgotten),
		TEST(pieces_that_do_not_fit_accuse_the_edge),
		TEST(roots_need_no_token),
		TEST(an_entry_needs_audit_read),
		TEST(an_entry_is_named_by_its_seq),
		TEST(verify_needs_audit_read),
		TEST(reads_have_no_body),
		TEST(a_probe_goes_on_to_the_sequencer),
		TEST(an_edge_that_breaks_the_table_is_accused),
		TEST(nobody_gets_the_answer_of_an_edge_that_is_gone),
		TEST(a_drain_waits_for_those_that_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
