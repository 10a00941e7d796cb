#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "services/edge/oap_request.h"

static uint8_t bytes[FRAME_BYTES_MAX + 16];

/* A frame, and something of the next behind it. */
static struct slice frame_of(uint16_t verb, const void *payload, size_t payload_bytes)
{
	struct frame_head head = {
		.flags = FRAME_REQ,
		.verb = verb,
		.corr_id = 42,
		.payload_bytes = (uint32_t)payload_bytes,
	};

	frame_encode(&head, bytes);
	memcpy(bytes + FRAME_HEAD_BYTES, payload, payload_bytes);
	memset(bytes + FRAME_HEAD_BYTES + payload_bytes, 'n', 16);
	return (struct slice){ bytes, FRAME_HEAD_BYTES + payload_bytes };
}

static const struct row {
	uint16_t verb;
	const char *payload;
	size_t payload_bytes;
	enum route route;
	const char *token, *query;
	uint32_t body_bytes;
} rows[] = {
	{ 0x0001, "", 0, ROUTE_PROBE, "", "", 0 },
	{ 0x0001, "{\"a\":1}", 7, ROUTE_PROBE, "", "", 0 },
	{ 0x0010, "\x02\0tk{}", 6, ROUTE_INGEST, "tk", "", 2 },
	{ 0x0010, "\0\0", 2, ROUTE_INGEST, "", "", 0 },
	{ 0x0011, "", 0, ROUTE_ROOTS, "", "", 0 },
	{ 0x0011, "since=17", 8, ROUTE_ROOTS, "", "since=17", 0 },
	{ 0x0012, "\x02\0tk17", 6, ROUTE_ENTRY, "tk", "17", 0 },
	{ 0x0013, "\x02\0tk", 4, ROUTE_VERIFY, "tk", "", 0 },
	{ 0x0014, "", 0, ROUTE_TLOG_CHECKPOINT, "", "", 0 },
	{ 0x0015,
		"\0\0"
		"0/000",
		7, ROUTE_TLOG_TILE, "", "0/000", 0 },
	{ 0x0015, "\x02\0tkentries/000.p/8", 19, ROUTE_TLOG_TILE, "tk", "entries/000.p/8", 0 },
	{ 0x0016, "\0\0entries/17", 12, ROUTE_PROOF_ENTRY, "", "17", 0 },
	{ 0x0016, "\x02\0tkentries/17?size=20", 22, ROUTE_PROOF_ENTRY, "tk", "17?size=20", 0 },
	{ 0x0016, "\0\0consistency?from=1", 20, ROUTE_PROOF_CONSISTENCY, "", "from=1", 0 },
	{ 0x0017, "\x02\0tkwhat=head", 13, ROUTE_EXPORT, "tk", "what=head", 0 },
	{ 0x0018, "\x02\0tkaccount=a", 13, ROUTE_BALANCE, "tk", "account=a", 0 },
	{ 0x0019, "\x02\0tksize=1&manifest=ab", 22, ROUTE_SIGN_SNAPSHOT, "tk", "size=1&manifest=ab",
		0 },
};

static void expect_slice(struct slice got, const char *text)
{
	assert_int_equal(got.bytes_count, strlen(text));
	assert_memory_equal(
		got.bytes_count == 0 ? text : (const char *)got.bytes, text, strlen(text));
}

/* Goal: no cut of a good frame is a request, but for the body of INGEST, which may follow. */
static void each_verb_is_read_when_it_is_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice whole = frame_of(rows[i].verb, rows[i].payload, rows[i].payload_bytes);
		size_t needed = whole.bytes_count - rows[i].body_bytes;

		for (size_t cut = 0; cut <= whole.bytes_count + 16; cut++) {
			struct oap_request_head head;
			enum oap_request_verdict verdict =
				oap_request_decode((struct slice){ bytes, cut }, &head);

			assert_int_equal(verdict, cut < needed ? OAP_REQUEST_MORE : OAP_REQUEST_OK);
			if (verdict != OAP_REQUEST_OK) {
				continue;
			}
			assert_int_equal(head.route, rows[i].route);
			assert_int_equal(head.corr_id, 42);
			assert_int_equal(head.head_bytes, needed);
			assert_int_equal(head.body_bytes, rows[i].body_bytes);
			expect_slice(head.token, rows[i].token);
			expect_slice(head.query, rows[i].query);
		}
	}
}

static void the_largest_of_each_part_is_taken_and_one_more_is_not(void **state)
{
	static uint8_t payload[FRAME_PAYLOAD_BYTES_MAX];
	struct oap_request_head head;

	(void)state;
	payload[0] = (uint8_t)VERB_TOKEN_BYTES_MAX;
	payload[1] = (uint8_t)(VERB_TOKEN_BYTES_MAX >> 8);
	assert_int_equal(oap_request_decode(frame_of(0x0010, payload, sizeof payload), &head),
		OAP_REQUEST_OK);
	assert_int_equal(head.body_bytes, sizeof payload - 2 - VERB_TOKEN_BYTES_MAX);
	assert_int_equal(
		oap_request_decode(frame_of(0x0012, payload, OAP_REQUEST_SMALL_BYTES_MAX), &head),
		OAP_REQUEST_OK);
	assert_int_equal(oap_request_decode(
				 frame_of(0x0012, payload, OAP_REQUEST_SMALL_BYTES_MAX + 1), &head),
		OAP_REQUEST_PAYLOAD);
	payload[0]++;
	assert_int_equal(oap_request_decode(frame_of(0x0010, payload, sizeof payload), &head),
		OAP_REQUEST_TOKEN);
	assert_int_equal(oap_request_decode(frame_of(0x0011, payload, VERB_QUERY_BYTES_MAX), &head),
		OAP_REQUEST_OK);
	assert_int_equal(
		oap_request_decode(frame_of(0x0011, payload, VERB_QUERY_BYTES_MAX + 1), &head),
		OAP_REQUEST_PAYLOAD);
}

static void a_token_may_not_reach_over_its_frame(void **state)
{
	struct oap_request_head head;

	(void)state;
	assert_int_equal(oap_request_decode(frame_of(0x0010, "\x01", 1), &head), OAP_REQUEST_TOKEN);
	assert_int_equal(
		oap_request_decode(frame_of(0x0010, "\x02\0t", 3), &head), OAP_REQUEST_TOKEN);
	assert_int_equal(
		oap_request_decode(frame_of(0x0013, "\x01\0tx", 4), &head), OAP_REQUEST_PAYLOAD);
}

static void a_proof_is_of_one_of_two_kinds(void **state)
{
	static const char *const payloads[] = { "\0\0", "\0\0roots/17777777",
		"\0\0consistencyfrom=1", "\0\0entries" };
	static const size_t payload_bytes[] = { 2, 16, 19, 9 };
	struct oap_request_head head;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(payloads); i++) {
		assert_int_equal(
			oap_request_decode(frame_of(0x0016, payloads[i], payload_bytes[i]), &head),
			OAP_REQUEST_PROOF);
	}
	assert_int_equal(oap_request_decode(frame_of(0x0014, "x", 1), &head), OAP_REQUEST_PAYLOAD);
}

static void every_other_verb_is_not_for_clients(void **state)
{
	struct oap_request_head head;

	(void)state;
	for (uint32_t verb = 0; verb <= UINT16_MAX; verb++) {
		bool is_public = verb == 1 || verb == 7 || verb == 9 ||
				 (verb >= 0x10 && verb <= 0x19) || (verb >= 0x20 && verb <= 0x28) ||
				 (verb >= 0x30 && verb <= 0x36);
		enum oap_request_verdict verdict =
			oap_request_decode(frame_of((uint16_t)verb, "\0\0", 2), &head);

		assert_int_equal(verdict == OAP_REQUEST_VERB, !is_public);
		assert_int_equal(head.verb, verb);
	}
}

/* token "tk", size, type "a/b", then bytes */
static size_t put_payload(uint8_t *to, uint64_t size, size_t object_bytes)
{
	struct byte_writer out = byte_writer_of(to, 4096);

	byte_put_u16(&out, 2);
	byte_put_bytes(&out, "tk", 2);
	byte_put_u64(&out, size);
	byte_put_u16(&out, 3);
	byte_put_bytes(&out, "a/b", 3);
	memset(out.next, 'x', object_bytes);
	return out.used + object_bytes;
}

/* Goal: what stands before the bytes is whole at every cut or waited for, and the frame brings
 * what its flags say. */
static void an_object_begins_with_its_size(void **state)
{
	static uint8_t payload[FRAME_PAYLOAD_BYTES_MAX];
	static const struct {
		uint16_t flags;
		uint64_t size;
		size_t object_bytes;
		enum oap_request_verdict verdict;
	} firsts[] = {
		{ FRAME_REQ, 10, 10, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_END, 10, 10, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_END, 0, 0, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_END, 11, 10, OAP_REQUEST_SIZE },
		{ FRAME_REQ | FRAME_END, 9, 10, OAP_REQUEST_SIZE },
		{ FRAME_REQ | FRAME_CONT, 11, 10, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_CONT, 11, 0, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_CONT, 10, 10, OAP_REQUEST_SIZE },
		{ FRAME_REQ | FRAME_CONT, 1u << 30, 65536, OAP_REQUEST_OK },
		{ FRAME_REQ | FRAME_CONT, 1u << 30, 65537, OAP_REQUEST_CHUNK },
		{ FRAME_REQ | FRAME_CONT, (1u << 30) + 1, 10, OAP_REQUEST_SIZE },
		{ FRAME_REQ | FRAME_CONT | FRAME_END, 11, 10, OAP_REQUEST_FLAGS },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(firsts); i++) {
		size_t used = put_payload(payload, firsts[i].size, firsts[i].object_bytes);
		struct slice frame = frame_of(0x0009, payload, used);
		struct oap_request_head head;

		bytes[5] = (uint8_t)firsts[i].flags;
		assert_int_equal(oap_request_decode(frame, &head), firsts[i].verdict);
		if (firsts[i].verdict != OAP_REQUEST_OK) {
			continue;
		}
		assert_int_equal(head.route, ROUTE_OBJECT_PUT);
		assert_int_equal(head.object_bytes, firsts[i].size);
		assert_int_equal(head.body_bytes, firsts[i].object_bytes);
		assert_int_equal(head.goes_on, (firsts[i].flags & FRAME_CONT) != 0);
		expect_slice(head.token, "tk");
		expect_slice(head.query, "a/b");
		for (size_t cut = 0; cut < head.head_bytes; cut++) {
			struct oap_request_head got;

			assert_int_equal(oap_request_decode((struct slice){ bytes, cut }, &got),
				OAP_REQUEST_MORE);
		}
	}
}

static void flags_and_tenant_are_judged_before_the_payload(void **state)
{
	struct frame_head head = { .flags = FRAME_REQ | FRAME_END, .verb = 0x0011 };
	struct oap_request_head got;
	struct slice one = { bytes, FRAME_HEAD_BYTES };

	(void)state;
	frame_encode(&head, bytes);
	assert_int_equal(oap_request_decode(one, &got), OAP_REQUEST_OK);
	for (unsigned flags = 0; flags < 64; flags++) {
		head.flags = (uint16_t)flags;
		frame_encode(&head, bytes);
		bool good = (flags & ~(unsigned)FRAME_END) == FRAME_REQ;
		enum oap_request_verdict wanted = good ? OAP_REQUEST_OK
						  : (flags & FRAME_COMP) != 0
							  ? OAP_REQUEST_COMPRESSED
							  : OAP_REQUEST_FLAGS;
		assert_int_equal(oap_request_decode(one, &got), wanted);
	}
	head = (struct frame_head){ .flags = 64, .verb = 0x0011, .payload_bytes = 9 };
	frame_encode(&head, bytes);
	assert_int_equal(oap_request_decode(one, &got), OAP_REQUEST_SKIP);
	assert_int_equal(got.head_bytes + got.body_bytes, FRAME_HEAD_BYTES + 9);
	head = (struct frame_head){ .flags = FRAME_REQ, .verb = 0x0011, .tenant_id = 1 };
	frame_encode(&head, bytes);
	assert_int_equal(oap_request_decode(one, &got), OAP_REQUEST_TENANT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_verb_is_read_when_it_is_whole),
		cmocka_unit_test(the_largest_of_each_part_is_taken_and_one_more_is_not),
		cmocka_unit_test(a_token_may_not_reach_over_its_frame),
		cmocka_unit_test(a_proof_is_of_one_of_two_kinds),
		cmocka_unit_test(every_other_verb_is_not_for_clients),
		cmocka_unit_test(an_object_begins_with_its_size),
		cmocka_unit_test(flags_and_tenant_are_judged_before_the_payload),
	};

	return cmocka_run_group_tests_name("edge oap request", tests, NULL, NULL);
}
