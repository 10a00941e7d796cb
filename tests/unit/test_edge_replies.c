#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/detail.h"
#include "core/entry.h"
#include "services/edge/replies.h"
#include "services/edge/route_table.h"

#define HEX_01 "0101010101010101010101010101010101010101010101010101010101010101"
#define HEX_02 "0202020202020202020202020202020202020202020202020202020202020202"

static uint8_t bytes[REPLIES_BYTES_MAX + 1];

static void expect_text(size_t bytes_count, const char *text)
{
	bytes[bytes_count] = '\0';
	assert_string_equal((const char *)bytes, text);
}

static struct slice slice_of(const void *of, size_t bytes_count)
{
	return (struct slice){ of, bytes_count };
}

/* --- verdicts --- */

static void a_partial_verdict_names_each_refusal(void **state)
{
	uint8_t reasons[10];
	struct byte_writer out = byte_writer_of(reasons, sizeof reasons);
	struct oap_verdict verdict = {
		.status = 207, .seq_start = 4, .seq_end = 6, .root_known = 1
	};
	size_t bytes_count = 0;

	(void)state;
	memset(&verdict.root, 1, sizeof verdict.root);
	byte_put_u32(&out, 2);
	byte_put_u8(&out, DETAIL_INSUFFICIENT);
	byte_put_u32(&out, 4095);
	byte_put_u8(&out, DETAIL_NONCE);
	verdict.reasons = slice_of(reasons, sizeof reasons);
	assert_int_equal(replies_verdict(bytes, &verdict, &bytes_count), ERR_OK);
	expect_text(bytes_count,
		"{\"accepted\":false,\"seq_start\":4,\"seq_end\":6,\"new_root\":\"" HEX_01
		"\",\"reasons\":[{\"idx\":2,\"reason\":\"policy_denied\",\"details\":"
		"\"insufficient\"},{\"idx\":4095,\"reason\":\"unknown_kind\",\"details\":"
		"\"nonce\"}]}");
}

static void a_dry_run_is_marked(void **state)
{
	struct oap_verdict verdict = { .status = 200, .accepted = 1, .dry_run = 1 };
	size_t bytes_count = 0;

	(void)state;
	assert_int_equal(replies_verdict(bytes, &verdict, &bytes_count), ERR_OK);
	expect_text(bytes_count, "{\"accepted\":true,\"seq_start\":null,\"seq_end\":null,"
				 "\"new_root\":null,\"reasons\":[],\"dry_run\":true}");
}

static void the_longest_verdict_fits(void **state)
{
	static uint8_t reasons[REQUEST_ENTRIES_MAX * REPLIES_REASON_BYTES];
	struct byte_writer out = byte_writer_of(reasons, sizeof reasons);
	struct oap_verdict verdict = { .status = 403, .root_known = 1, .dry_run = 1 };
	unsigned longest = DETAIL_NONE + 1;
	size_t bytes_count = 0;

	(void)state;
	for (unsigned i = longest; i < DETAIL_COUNT; i++) {
		size_t length = strlen(detail_text(i)) + strlen(reason_name(detail_reason(i)));
		size_t best =
			strlen(detail_text(longest)) + strlen(reason_name(detail_reason(longest)));
		longest = length > best ? i : longest;
	}
	for (unsigned i = 0; i < REQUEST_ENTRIES_MAX; i++) {
		byte_put_u32(&out, REQUEST_ENTRIES_MAX - 1);
		byte_put_u8(&out, (uint8_t)longest);
	}
	verdict.reasons = slice_of(reasons, sizeof reasons);
	assert_int_equal(replies_verdict(bytes, &verdict, &bytes_count), ERR_OK);
	assert_in_range(bytes_count, 1, REPLIES_BYTES_MAX);
}

static void a_verdict_out_of_shape_is_malformed(void **state)
{
	static const uint8_t bad_index[] = { 0, 16, 0, 0, DETAIL_NONCE };
	static const uint8_t bad_detail[] = { 0, 0, 0, 0, DETAIL_COUNT };
	static const uint8_t no_detail[] = { 0, 0, 0, 0, 0 };
	const struct oap_verdict verdicts[] = {
		{ .status = 201 },
		{ .status = 500 },
		{ .status = 207, .accepted = 1 },
		{ .status = 200, .accepted = 2 },
		{ .status = 200, .dry_run = 2 },
		{ .status = 200, .root_known = 2 },
		{ .status = 200, .seq_start = 2, .seq_end = 1 },
		{ .status = 207, .reasons = slice_of(bad_index, 5) },
		{ .status = 207, .reasons = slice_of(bad_detail, 5) },
		{ .status = 207, .reasons = slice_of(no_detail, 5) },
		{ .status = 207, .reasons = slice_of(no_detail, 4) },
	};
	size_t bytes_count = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(verdicts); i++) {
		assert_int_equal(replies_verdict(bytes, &verdicts[i], &bytes_count), ERR_MALFORMED);
	}
}

/* --- roots, entries --- */

static void roots_are_rows_and_next(void **state)
{
	uint8_t rows[2 * REPLIES_ROOT_ROW_BYTES];
	struct byte_writer out = byte_writer_of(rows, sizeof rows);
	struct hash root;
	size_t bytes_count = 0;

	(void)state;
	for (uint8_t i = 1; i <= 2; i++) {
		memset(&root, i, sizeof root);
		byte_put_u64(&out, i * 16u);
		byte_put_hash(&out, &root);
		byte_put_u64(&out, UINT64_MAX);
	}
	struct oap_roots roots = { .next = 33, .rows = slice_of(rows, sizeof rows) };
	assert_int_equal(replies_roots(bytes, &roots, &bytes_count), ERR_OK);
	expect_text(bytes_count,
		"{\"roots\":[{\"seq\":16,\"root\":\"" HEX_01 "\",\"ts\":18446744073709551615},"
		"{\"seq\":32,\"root\":\"" HEX_02 "\",\"ts\":18446744073709551615}],\"next\":33}");
	roots.rows.bytes_count--;
	assert_int_equal(replies_roots(bytes, &roots, &bytes_count), ERR_MALFORMED);
}

static void the_most_roots_fit_what_is_reserved_for_them(void **state)
{
	static uint8_t rows[VERB_REPLY_BYTES_MAX / REPLIES_ROOT_ROW_BYTES * REPLIES_ROOT_ROW_BYTES];
	struct oap_roots roots = { .next = UINT64_MAX, .rows = slice_of(rows, sizeof rows) };
	size_t bytes_count = 0;

	(void)state;
	memset(rows, 0xff, sizeof rows);
	assert_int_equal(replies_roots(bytes, &roots, &bytes_count), ERR_OK);
	assert_in_range(bytes_count, 1, REPLIES_ROOTS_BYTES_MAX);
}

static struct entry transfer(void)
{
	struct entry entry = {
		.seq = 17,
		.ts_unix_ms = 1728794183123,
		.kind = ENTRY_TRANSFER,
		.source = SOURCE_INGEST,
		.account = ENTRY_VIEW("alice"),
		.asset = ENTRY_VIEW("ron"),
		.amount = U128_MAX,
		.kid = 1,
		.capability_ref = ENTRY_VIEW("ab"),
		.counter_account = ENTRY_VIEW("bob"),
	};

	memset(&entry.id, 0x11, sizeof entry.id);
	return entry;
}

static void an_entry_has_all_its_fields_and_no_empty_ones(void **state)
{
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	struct byte_writer out = byte_writer_of(leaf, sizeof leaf);
	struct entry entry = transfer();
	struct oap_entry msg = {
		.status = 200, .batch_ts_unix_ms = 5, .memo = slice_of("a\"b", 3)
	};
	size_t bytes_count = 0;

	(void)state;
	entry_encode(&out, &entry);
	msg.leaf = slice_of(leaf, out.used);
	memset(&msg.prev_root, 1, sizeof msg.prev_root);
	memset(&msg.new_root, 2, sizeof msg.new_root);
	assert_int_equal(replies_entry(bytes, &msg, &bytes_count), ERR_OK);
	expect_text(bytes_count,
		"{\"seq\":17,\"id\":\"11111111-1111-1111-1111-111111111111\",\"ts\":1728794183123,"
		"\"kind\":\"Transfer\",\"account\":\"alice\",\"asset\":\"ron\",\"amount\":"
		"\"340282366920938463463374607431768211455\",\"nonce\":\"AAAAAAAAAAAAAAAAAAAAAA=="
		"\","
		"\"capability_ref\":\"ab\",\"v\":1,\"counter_account\":\"bob\",\"memo\":\"a\\\"b\","
		"\"source\":\"ingest\",\"kid\":1,\"batch_ts\":5,\"prev_root\":\"" HEX_01
		"\",\"new_root\":\"" HEX_02 "\"}");
	msg.leaf.bytes_count--;
	assert_int_equal(replies_entry(bytes, &msg, &bytes_count), ERR_MALFORMED);
}

/* --- refusals --- */

static void a_refusal_is_said_in_three_ways(void **state)
{
	struct refusal refusal = {
		.status = 403,
		.index = 2,
		.reason = REASON_CAP_INVALID,
		.text = slice_of("caveat", 6),
		.corr_id = slice_of("7", 1),
	};

	(void)state;
	expect_text(replies_refusal(bytes, REPLY_INGEST, &refusal),
		"{\"accepted\":false,\"seq_start\":null,\"seq_end\":null,\"new_root\":null,"
		"\"reasons\":[{\"idx\":2,\"reason\":\"cap_invalid\",\"details\":\"caveat\"}]}");
	expect_text(replies_refusal(bytes, REPLY_ERROR, &refusal),
		"{\"error\":{\"code\":\"InvalidCapability\",\"message\":\"caveat\",\"corr_id\":"
		"\"7\"}}");
	expect_text(replies_refusal(bytes, REPLY_PROBLEM, &refusal),
		"{\"type\":\"about:blank\",\"title\":\"Forbidden\",\"status\":403,\"detail\":"
		"\"caveat\",\"instance\":\"7\",\"error\":{\"code\":\"InvalidCapability\","
		"\"message\":\"caveat\",\"corr_id\":\"7\"}}");
}

/* Goal: no client of /v1 is told one word: where a finder has no sentence, the reason has. */
static void an_api_error_speaks_in_sentences(void **state)
{
	struct refusal refusal = {
		.status = 503,
		.api_reason = API_REASON_NOT_READY,
		.text = slice_of("kms", 3),
		.corr_id = slice_of("7", 1),
	};

	(void)state;
	expect_text(replies_refusal(bytes, REPLY_API, &refusal),
		"{\"code\":\"RETRY_LATER\",\"http\":503,\"message\":\"service not ready: a part of "
		"the node is starting; repeat the request later\",\"retryable\":true,\"corr_id\":"
		"\"7\",\"details\":{\"reason\":\"not_ready\"}}");
	refusal.text = slice_of("the store rests", 15);
	expect_text(replies_refusal(bytes, REPLY_API, &refusal),
		"{\"code\":\"RETRY_LATER\",\"http\":503,\"message\":\"the store rests\","
		"\"retryable\":true,\"corr_id\":\"7\",\"details\":{\"reason\":\"not_ready\"}}");
	for (unsigned reason = 0; reason <= API_REASON_COUNT; reason++) {
		assert_non_null(strchr(api_reasons_text(reason), ' '));
	}
}

static void only_what_is_a_refusal_passes_for_one(void **state)
{
	(void)state;
	for (unsigned status = 0; status < 600; status++) {
		struct oap_refused msg = { .status = (uint16_t)status, .reason = REASON_BUSY };
		enum err err = replies_check_refused(&msg);

		assert_true(err == ERR_OK ? status >= 400 && status <= 505 : true);
		assert_int_equal(err == ERR_OK, replies_is_refusal((uint16_t)status));
	}
	assert_int_equal(
		replies_check_refused(&(struct oap_refused){ .status = 400 }), ERR_MALFORMED);
	assert_int_equal(replies_check_refused(
				 &(struct oap_refused){ .status = 400, .reason = REASON_COUNT }),
		ERR_MALFORMED);
}

/* --- routes --- */

static struct slice path_of(const char *text)
{
	return slice_of(text, strlen(text));
}

/* Goal: each route is found on its plane by its method, its HEAD and OPTIONS, and by nothing
 * else. */
static void each_route_answers_to_its_methods_on_its_plane(void **state)
{
	static const struct {
		const char *path;
		enum route route;
		enum http_method method;
		bool admin, api;
	} rows[] = {
		{ "/healthz", ROUTE_HEALTHZ, HTTP_METHOD_GET, true, true },
		{ "/readyz", ROUTE_READYZ, HTTP_METHOD_GET, true, true },
		{ "/version", ROUTE_VERSION, HTTP_METHOD_GET, true, true },
		{ "/metrics", ROUTE_METRICS, HTTP_METHOD_GET, true, false },
		{ "/api/v1/status", ROUTE_ADMIN_STATUS, HTTP_METHOD_GET, true, false },
		{ "/api/v1/reload", ROUTE_ADMIN_RELOAD, HTTP_METHOD_POST, true, false },
		{ "/api/v1/shutdown", ROUTE_ADMIN_SHUTDOWN, HTTP_METHOD_POST, true, false },
		{ "/recovery", ROUTE_ADMIN_RECOVERY, HTTP_METHOD_GET, true, false },
		{ "/events", ROUTE_ADMIN_EVENTS, HTTP_METHOD_GET, true, false },
		{ "/schemas", ROUTE_SCHEMAS, HTTP_METHOD_GET, true, true },
		{ "/schemas/receipt.json", ROUTE_SCHEMA, HTTP_METHOD_GET, true, true },
		{ "/ingest", ROUTE_INGEST, HTTP_METHOD_POST, false, true },
		{ "/roots", ROUTE_ROOTS, HTTP_METHOD_GET, false, true },
		{ "/entries/7", ROUTE_ENTRY, HTTP_METHOD_GET, false, true },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned method = 1; method < HTTP_METHOD_COUNT; method++) {
			bool is_its =
				method == (unsigned)rows[i].method ||
				(method == HTTP_METHOD_HEAD && rows[i].method == HTTP_METHOD_GET);
			struct route_match match;
			enum http_decision api = route_table_find(
				PLANE_API, path_of(rows[i].path), (enum http_method)method, &match);

			if (rows[i].api) {
				assert_int_equal(match.route, is_its ? rows[i].route : ROUTE_OTHER);
				assert_int_equal(api, is_its || method == HTTP_METHOD_OPTIONS
							      ? HTTP_OK
							      : HTTP_OTHER_METHODS);
			} else {
				assert_int_equal(api, HTTP_ROUTE_UNKNOWN);
			}
			enum http_decision admin = route_table_find(PLANE_ADMIN,
				path_of(rows[i].path), (enum http_method)method, &match);
			assert_int_equal(admin == HTTP_ROUTE_UNKNOWN, !rows[i].admin);
		}
	}
}

static void a_path_is_itself_and_nothing_like_it(void **state)
{
	static const char *const paths[] = { "", "/", "/ingest/", "/inges", "/ingestx", "/Ingest",
		"/entries", "/entries/", "/entries/1/", "other", "verify", "health_ping" };
	struct route_match match;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(paths); i++) {
		assert_int_equal(
			route_table_find(PLANE_API, path_of(paths[i]), HTTP_METHOD_GET, &match),
			HTTP_ROUTE_UNKNOWN);
	}
	assert_int_equal(
		route_table_find(PLANE_API, path_of("/entries/17"), HTTP_METHOD_GET, &match),
		HTTP_OK);
	assert_int_equal(match.variable.bytes_count, 2);
	assert_memory_equal(match.variable.bytes, "17", 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_partial_verdict_names_each_refusal),
		cmocka_unit_test(a_dry_run_is_marked),
		cmocka_unit_test(the_longest_verdict_fits),
		cmocka_unit_test(a_verdict_out_of_shape_is_malformed),
		cmocka_unit_test(roots_are_rows_and_next),
		cmocka_unit_test(the_most_roots_fit_what_is_reserved_for_them),
		cmocka_unit_test(an_entry_has_all_its_fields_and_no_empty_ones),
		cmocka_unit_test(a_refusal_is_said_in_three_ways),
		cmocka_unit_test(an_api_error_speaks_in_sentences),
		cmocka_unit_test(only_what_is_a_refusal_passes_for_one),
		cmocka_unit_test(each_route_answers_to_its_methods_on_its_plane),
		cmocka_unit_test(a_path_is_itself_and_nothing_like_it),
	};

	return cmocka_run_group_tests_name("edge replies", tests, NULL, NULL);
}
