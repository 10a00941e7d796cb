/* What is asked: writes, bodies in pieces, reads, probes, edges that come and go. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/worker/prevalidator_driver.h"

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

/* The ledger tells it, with its root. */
static void what_is_no_ingest_request_goes_on_as_nothing_but_its_refusal(void **state)
{
	static const struct {
		const char *body;
		enum detail detail;
	} rows[] = {
		{ "{\"batch\":[" ENTRY_JSON "]", DETAIL_MALFORMED },
		{ "", DETAIL_MALFORMED },
		{ "{}", DETAIL_MISSING_FIELD },
		{ "{\"batch\":[]}", DETAIL_BATCH },
		{ "{\"batch\":[" ENTRY_JSON "],\"mode\":\"both\"}", DETAIL_MODE },
		{ "{\"batch\":[" ENTRY_JSON "],\"dry_run\":true,\"x\":1}", DETAIL_UNKNOWN_FIELD },
	};

	(void)state;
	start_with_all();
	warm("token", "");
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct oap_request request = ingest_of("token", rows[i].body);
		struct oap_submit submit;
		struct byte_reader in;
		struct draft draft;

		ask(10 + i, &request);
		submit = expect_submit(10 + i);
		assert_int_equal(submit.draft_count, 1);
		assert_int_equal(submit.dry_run, 0);
		in = byte_reader_of(submit.drafts);
		assert_int_equal(draft_decode(&in, SOURCE_INGEST, &draft), ERR_OK);
		assert_int_equal(in.left, 0);
		assert_int_equal(draft.idx, 0);
		assert_int_equal(draft.refused, rows[i].detail);
	}
	assert_all_is_done();
}

static void a_batch_too_many_is_refused_here(void **state)
{
	struct oap_request request = ingest_of("token", "{\"batch\":[{},{},{}]}");

	(void)state;
	h.config.engine_batch_max_entries = 2;
	start_with_all();
	warm("token", "");
	ask(1, &request);
	expect_refused(1, 413, REASON_TOO_LARGE, "too_many_entries");
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
	harness_settle(&h);
	ask_ingest(5001, "token");
	(void)expect_submit(5001);
	ask_ingest(5002, "token");
	expect_refused(5002, 429, REASON_BUSY, "busy");
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

static void a_body_on_its_way_outlives_kms(void **state)
{
	(void)state;
	start_with_all();
	ask_large(1, "token", 20000);
	grant("token", "");
	expect_proceed(1, 20000);
	harness_link_down(kms);
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	harness_settle(&h);
	send_pieces(1, body_of(20000), 0, 20000);
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
	static const char *const bad[] = { "", "x", "-1", "01", "1.0", "9223372036854775808" };
	struct oap_request request = request_of(ROUTE_ENTRY, "token");

	(void)state;
	start_with_all();
	warm("token", "");
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		request.query = text_of(bad[i]);
		ask(10 + i, &request);
		expect_refused(10 + i, 400, REASON_UNKNOWN_KIND, "seq");
	}
	request.query = text_of("1?x=1");
	ask(1, &request);
	expect_refused(1, 400, REASON_UNKNOWN_KIND, "unknown_field");
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
	harness_settle(&h);
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

/* --- packed bodies --- */

/* A member of one stored block: a gzip of ours that needs no library. */
static uint32_t crc_of(struct slice bytes)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < bytes.bytes_count; i++) {
		crc ^= bytes.bytes[i];
		for (int bit = 0; bit < 8; bit++) {
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
		}
	}
	return ~crc;
}

static struct slice packed_of(const char *text)
{
	static uint8_t packed[4096];
	struct slice plain = text_of(text);
	struct byte_writer out = byte_writer_of(packed, sizeof packed);

	byte_put_bytes(&out, "\x1f\x8b\x08\0\0\0\0\0\0\xff\x01", 11);
	byte_put_u16(&out, (uint16_t)plain.bytes_count);
	byte_put_u16(&out, (uint16_t)~plain.bytes_count);
	byte_put_bytes(&out, plain.bytes, plain.bytes_count);
	byte_put_u32(&out, crc_of(plain));
	byte_put_u32(&out, (uint32_t)plain.bytes_count);
	return (struct slice){ packed, out.used };
}

static void ask_packed(uint64_t ticket, enum route route, struct slice body)
{
	struct oap_request request = request_of(route, "token");

	request.is_gzip = 1;
	request.idem_key = text_of("k");
	request.body = body;
	request.body_bytes = (uint32_t)body.bytes_count;
	ask(ticket, &request);
}

static enum detail only_refusal(const struct oap_submit *submit)
{
	struct byte_reader in = byte_reader_of(submit->drafts);
	struct draft draft;

	assert_int_equal(submit->draft_count, 1);
	assert_int_equal(draft_decode(&in, SOURCE_INGEST, &draft), ERR_OK);
	return draft.refused;
}

static void a_packed_body_is_read_as_what_comes_out(void **state)
{
	struct slice packed;
	struct oap_submit submit;

	(void)state;
	start_with_all();
	warm("token", "");
	packed = packed_of(GOOD_BODY);
	ask_packed(2, ROUTE_INGEST, packed);
	submit = expect_submit(2);
	assert_int_equal(only_refusal(&submit), DETAIL_NONE);
	packed.bytes_count--;
	ask_packed(3, ROUTE_INGEST, packed);
	submit = expect_submit(3);
	assert_int_equal(only_refusal(&submit), DETAIL_DECOMPRESS_ERROR);
	ask_packed(4, ROUTE_INGEST, packed_of(""));
	submit = expect_submit(4);
	assert_int_equal(only_refusal(&submit), DETAIL_MALFORMED);
	assert_all_is_done();
}

static void a_packed_operation_is_refused_by_its_own_reason(void **state)
{
	struct slice packed = packed_of("{}");
	struct oap_refused refused;

	(void)state;
	start_with_all();
	warm("token", "");
	packed.bytes_count--;
	ask_packed(2, ROUTE_TRANSFER, packed);
	assert_int_equal(harness_expect_refused(edge, &refused), 2);
	assert_int_equal(refused.status, 400);
	assert_int_equal(refused.reason, REASON_DECOMPRESS);
	assert_int_equal(refused.api_reason, API_REASON_DECOMPRESS_ERROR);
	ask_packed(3, ROUTE_TRANSFER, (struct slice){ NULL, 0 });
	assert_int_equal(harness_expect_refused(edge, &refused), 3);
	assert_int_equal(refused.api_reason, API_REASON_DECOMPRESS_ERROR);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_becomes_one_submit_that_names_its_edge),
		TEST(a_refused_entry_travels_with_its_request),
		TEST(what_is_no_ingest_request_goes_on_as_nothing_but_its_refusal),
		TEST(a_batch_too_many_is_refused_here),
		TEST(without_credit_at_the_sequencer_it_is_busy_at_once),
		TEST(a_large_body_comes_in_pieces_after_proceed),
		TEST(a_token_must_be_good_when_the_body_is_there),
		TEST(a_body_on_its_way_outlives_kms),
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
		TEST(a_packed_body_is_read_as_what_comes_out),
		TEST(a_packed_operation_is_refused_by_its_own_reason),
		TEST(a_drain_waits_for_those_that_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
