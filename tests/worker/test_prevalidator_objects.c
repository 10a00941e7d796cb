/* Objects through the wall: who may, how much, under which address; their bytes never come here. */
#include "common/object_faults.h"
#include "core/object.h"
#include "tests/worker/prevalidator_driver.h"

#define ID "b3:d74981efa70a0c880b8d8c1985d075dbcbf679b99a5f9914e5aaf96b831a9e24"

static void ask_put(
	uint64_t ticket, const char *token, uint32_t body_bytes, const char *type, bool is_oap)
{
	struct oap_request request = request_of(ROUTE_OBJECT_PUT, token);

	request.body_bytes = body_bytes;
	request.query = text_of(type);
	request.is_oap = is_oap;
	ask(ticket, &request);
}

static void ask_get(uint64_t ticket, const char *token, const char *path, uint64_t offset)
{
	struct oap_request request = request_of(ROUTE_OBJECT, token);

	request.query = text_of(path);
	request.offset = offset;
	ask(ticket, &request);
}

static void expect_put(uint64_t ticket, uint64_t size, const char *type)
{
	struct oap_put_object put;

	assert_int_equal(harness_expect_put_object(archive, &put), ticket);
	assert_int_equal(put.size, size);
	assert_int_equal(put.content_type.bytes_count, strlen(type));
	assert_int_equal(put.edge_process, PROCESS_INGRESS);
	assert_int_equal(put.edge_instance, 3);
	assert_true(put.grant.bytes_count > 0);
}

/* Goal: the body is not asked for (no PROCEED): archive has the word from here on. */
static void a_put_goes_to_archive_without_its_body(void **state)
{
	(void)state;
	start_with_all();
	ask_put(1, "token", 700000, "text/csv", false);
	grant("token", "action=object.put");
	expect_put(1, 700000, "text/csv");
	ask_put(2, "token", 0, "", false); /* the grant is in the cache by now */
	expect_put(2, 0, "");
	ask_put(3, "token", 60u << 20, "", true);
	expect_put(3, 60u << 20, "");
	assert_all_is_done();
}

static void bounds_and_caveats_are_judged_by_the_size(void **state)
{
	(void)state;
	h.config.objects_max_object_bytes = 2u << 20;
	start_with_all();
	warm("token", "action=object.put,ledger.ingest");
	ask_put(2, "token", (1u << 20) + 1, "", false);
	expect_refused(2, 413, REASON_TOO_LARGE, "body");
	ask_put(3, "token", (2u << 20) + 1, "", true);
	expect_refused(3, 413, REASON_TOO_LARGE, object_faults_row(OBJECT_FAULT_TOO_LARGE)->text);
	ask_put(4, "token", 2u << 20, "", true);
	expect_put(4, 2u << 20, "");
	ask_put(5, "token", 1, "text", false);
	expect_refused(5, 400, REASON_UNKNOWN_KIND,
		"the content type is type/subtype of at most 127 bytes");
	ask_put(6, "small", 101, "", true);
	grant("small", "action=object.put;max-bytes=100");
	expect_refused(6, 403, REASON_CAP_INVALID, "the body is longer than the token allows");
	assert_all_is_done();
}

static void an_address_has_one_spelling(void **state)
{
	static const char wrong[] = "an address is b3: and 64 lower-case hex digits, then nothing "
				    "or @ and the size";
	struct oap_read_object read;

	(void)state;
	start_with_all();
	ask_get(1, "token", ID, 0);
	grant("token", "action=object.get;path=/o/" ID);
	assert_int_equal(harness_expect_read_object(archive, &read), 1);
	assert_int_equal(read.has_size, 0);
	ask_get(2, "all", ID "@11", OBJECT_OFFSET_NONE);
	grant("all", "action=object.get");
	assert_int_equal(harness_expect_read_object(archive, &read), 2);
	assert_true(read.has_size == 1 && read.size == 11 && read.offset == OBJECT_OFFSET_NONE);
	ask_get(3, "all", ID "@", 0);
	expect_refused(3, 400, REASON_UNKNOWN_KIND, wrong);
	ask_get(4, "all", "b3:00", 0);
	expect_refused(4, 400, REASON_UNKNOWN_KIND, wrong);
	ask_get(5, "all", ID "?x=1", 0);
	expect_refused(5, 400, REASON_UNKNOWN_KIND, "unknown_field");
	ask_get(6, "", ID, 0);
	expect_refused(6, 401, REASON_UNAUTH, "a token is needed");
	assert_all_is_done();
}

static void putting_and_getting_are_two_actions(void **state)
{
	static const char denied[] = "the token does not allow this action";

	(void)state;
	start_with_all();
	ask_put(1, "getter", 1, "", false);
	grant("getter", "action=object.get");
	expect_refused(1, 403, REASON_CAP_INVALID, denied);
	ask_get(2, "putter", ID, 0);
	grant("putter", "action=object.put");
	expect_refused(2, 403, REASON_CAP_INVALID, denied);
	assert_all_is_done();
}

/* Bytes of an object are nothing that an edge may send here. */
static void an_edge_that_sends_the_bytes_is_accused(void **state)
{
	struct oap_request request;

	(void)state;
	start_with_all();
	request = request_of(ROUTE_OBJECT_PUT, "token");
	request.body = text_of("hello");
	request.body_bytes = 5;
	harness_send_request(edge, 1, &request);
	harness_expect_accusation(edge, OAP_REQUEST, ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_put_goes_to_archive_without_its_body),
		TEST(bounds_and_caveats_are_judged_by_the_size),
		TEST(an_address_has_one_spelling),
		TEST(putting_and_getting_are_two_actions),
		TEST(an_edge_that_sends_the_bytes_is_accused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
