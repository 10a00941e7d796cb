/* Who may: readiness, tokens and grants, caveats, deadlines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/worker/prevalidator_driver.h"

/* --- readiness --- */

static void expect_phase(enum worker_phase phase, const char *text)
{
	struct oap_report report;

	(void)harness_expect_report(&h.control, &report);
	assert_int_equal(report.phase, phase);
	assert_int_equal(report.text.bytes_count, strlen(text));
	assert_memory_equal(report.text.bytes, text, strlen(text));
}

static void it_serves_only_while_its_owners_are_linked(void **state)
{
	(void)state;
	start();
	expect_phase(PHASE_LOADING, "waiting for kms");
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	expect_phase(PHASE_LOADING, "waiting for the sequencer");
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	expect_phase(PHASE_LOADING, "waiting for archive");
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	expect_phase(PHASE_LOADING, "waiting for the wallet");
	(void)harness_link_up(&h, PROCESS_WALLET, 0);
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
	harness_settle(&h);
	ask_ingest(3, "token");
	grant("token", "");
	expect_refused(3, 503, REASON_INTERNAL, "starting");
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
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

static void a_grant_is_kept_no_longer_than_it_lasts(void **state)
{
	(void)state;
	grant_lasts_ms = 0;
	start_with_all();
	for (uint64_t ticket = 1; ticket < 3; ticket++) {
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
	harness_settle(&h);
	ask_ingest(4, "token");
	grant("token", "");
	(void)expect_submit(4);
	ask_ingest(5, "other"); /* and does not wait for what the old one was asked */
	grant("other", "");
	(void)expect_submit(5);
	assert_all_is_done();
}

static void a_silent_kms_is_a_timeout_and_its_late_grant_is_nobodys(void **state)
{
	uint64_t id;

	(void)state;
	h.config.kms_timeout_ms = 200;
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
		{ "tenant=a", false, false, CAVEAT_TENANT, false },
		{ "tenant=a,default", false, false, CAVEAT_KIND_COUNT, false },
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
	start_with_all();
	request.deadline_mono_ms = mono_ms(-1);
	ask(1, &request);
	expect_refused(1, 503, REASON_TIMEOUT, "deadline");
	harness_expect_nothing(kms);
	request.deadline_mono_ms = mono_ms(500);
	ask(2, &request);
	send_grant(expect_verify("token") + 1, ""); /* of nothing that was asked */
	expect_refused(2, 503, REASON_TIMEOUT, "deadline");
	assert_all_is_done();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_serves_only_while_its_owners_are_linked),
		TEST(without_their_owners_requests_are_refused),
		TEST(a_write_without_a_token_is_not_even_read),
		TEST(a_token_is_held_to_its_length),
		TEST(a_grant_is_asked_for_once),
		TEST(a_grant_is_for_one_way_to_come_in),
		TEST(requests_with_one_token_wait_for_one_verify),
		TEST(without_a_ttl_each_request_is_verified),
		TEST(a_grant_is_kept_no_longer_than_it_lasts),
		TEST(bad_news_is_passed_on_and_not_kept),
		TEST(forget_grants_empties_the_cache),
		TEST(losing_kms_empties_the_cache_and_ends_the_waiting),
		TEST(a_silent_kms_is_a_timeout_and_its_late_grant_is_nobodys),
		TEST(without_credit_at_kms_it_is_busy_at_once),
		TEST(a_grant_that_is_none_accuses_kms),
		TEST(caveats_about_the_request_are_judged),
		TEST(a_request_past_its_deadline_goes_nowhere),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
