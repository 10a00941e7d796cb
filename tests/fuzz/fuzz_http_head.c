#include "core/http_head.h"
#include "core/http_target.h"

#include <stdio.h>
#include <string.h>

#define HEAD_TEXT_BYTES (2 * HTTP_HEAD_BYTES_MAX)

/* Scans in pieces of piece_bytes; *ret_used is where the head ends, at HTTP_OK. */
static enum http_decision scan_pieces(
	struct slice bytes, size_t piece_bytes, struct http_scan *ret_scan, size_t *ret_used)
{
	struct http_scan scan = { .bytes_count = 0 };
	enum http_decision decision = HTTP_MORE;
	size_t at = 0;

	while (decision == HTTP_MORE && at < bytes.bytes_count) {
		size_t left = bytes.bytes_count - at;
		struct slice piece = { bytes.bytes + at, left < piece_bytes ? left : piece_bytes };
		size_t used = 0;

		decision = http_scan(&scan, &http_limits_default, piece, &used);
		assert(used <= piece.bytes_count);
		at += used;
	}
	*ret_scan = scan;
	*ret_used = at;
	return decision;
}

static void assert_inside(struct slice view, struct slice whole)
{
	if (view.bytes != NULL) {
		assert(view.bytes >= whole.bytes);
		assert(view.bytes_count <= whole.bytes_count);
		assert((size_t)(view.bytes - whole.bytes) <= whole.bytes_count - view.bytes_count);
	}
}

static void check_head(const struct http_head *head, struct slice bytes)
{
	const struct slice views[] = { head->path, head->query, head->host, head->host_name,
		head->authorization, head->content_type, head->idempotency_key, head->corr_id };
	struct http_parameters parameters;

	for (size_t i = 0; i < COUNT_OF(views); i++) {
		assert_inside(views[i], bytes);
		for (size_t at = 0; at < views[i].bytes_count; at++) {
			assert(http_is_value_byte(views[i].bytes[at]));
		}
	}
	assert(head->path.bytes_count == 0 || head->path.bytes[0] == '/');
	assert(head->host_name.bytes_count > 0);
	assert(!head->chunked || !head->content_length_known);
	assert(head->content_length <= INT64_MAX);
	if (http_target_parameters(head->query, &parameters) == HTTP_OK) {
		for (size_t i = 0; i < parameters.count; i++) {
			uint8_t value[HTTP_TARGET_BYTES_MAX];
			size_t value_bytes = 0;

			assert_inside(parameters.list[i].name, head->query);
			assert_inside(parameters.list[i].value, head->query);
			assert(http_target_unescape(parameters.list[i].value, value, sizeof value,
				       &value_bytes) == ERR_OK);
			assert(value_bytes <= parameters.list[i].value.bytes_count);
		}
	}
}

struct text {
	char bytes[HEAD_TEXT_BYTES];
	size_t bytes_count;
};

static void put(struct text *text, struct slice bytes)
{
	assert(bytes.bytes_count <= sizeof text->bytes - text->bytes_count);
	if (bytes.bytes_count > 0) {
		memcpy(text->bytes + text->bytes_count, bytes.bytes, bytes.bytes_count);
		text->bytes_count += bytes.bytes_count;
	}
}

static void put_text(struct text *text, const char *string)
{
	put(text, (struct slice){ (const uint8_t *)string, strlen(string) });
}

static void put_field(struct text *text, const char *name, struct slice value)
{
	if (value.bytes != NULL) {
		put_text(text, name);
		put(text, value);
		put_text(text, "\r\n");
	}
}

/* Writes what was understood of a head, and the field that its decision was about. */
static void put_head(struct text *text, const struct http_head *head, enum http_decision decision)
{
	char length[64];

	put_text(text, http_method_name(head->method));
	put_text(text, head->path.bytes_count > 0 ? " " : " *");
	put(text, head->path);
	put_text(text, head->query.bytes_count > 0 ? "?" : "");
	put(text, head->query);
	put_text(text, " HTTP/1.1\r\n");
	put_field(text, "Host:", head->host);
	put_field(text, "Authorization:", head->authorization);
	put_field(text, "Content-Type:", head->content_type);
	put_field(text, "Idempotency-Key:", head->idempotency_key);
	put_field(text, "X-Corr-ID:", head->corr_id);
	if (head->content_length_known) {
		snprintf(length, sizeof length, "Content-Length:%llu\r\n",
			(unsigned long long)head->content_length);
		put_text(text, length);
	}
	put_text(text, head->chunked ? "Transfer-Encoding:chunked\r\n" : "");
	put_text(text, head->expect_continue ? "Expect:100-continue\r\n" : "");
	put_text(text, head->close ? "Connection:close\r\n" : "");
	put_text(text, head->accepts_openmetrics ? "Accept:application/openmetrics-text\r\n" : "");
	put_text(text, decision == HTTP_ORIGIN ? "Origin:null\r\n" : "");
	put_text(text, decision == HTTP_ENCODING ? "Content-Encoding:br\r\n" : "");
	put_text(text, head->gzip ? "Content-Encoding:gzip\r\n" : "");
	put_text(text, "\r\n");
}

static void assert_same(struct slice left, struct slice right)
{
	assert((left.bytes == NULL) == (right.bytes == NULL) || left.bytes_count == 0);
	assert(left.bytes_count == right.bytes_count);
	assert(left.bytes_count == 0 || memcmp(left.bytes, right.bytes, left.bytes_count) == 0);
}

/* What we understood, said in one canonical way, is understood in the same way. */
static void check_round_trip(const struct http_head *head, enum http_decision decision)
{
	static struct text text;
	struct http_scan scan;
	struct http_head again;
	struct slice bytes;
	size_t used = 0;

	text.bytes_count = 0;
	put_head(&text, head, decision);
	bytes = (struct slice){ (const uint8_t *)text.bytes, text.bytes_count };
	assert(scan_pieces(bytes, SIZE_MAX, &scan, &used) == HTTP_OK);
	assert(used == bytes.bytes_count);
	assert(http_head_parse(bytes, &scan, &again) == decision);
	assert(again.method == head->method);
	assert_same(again.path, head->path);
	assert_same(again.query, head->query);
	assert_same(again.host, head->host);
	assert_same(again.host_name, head->host_name);
	assert_same(again.authorization, head->authorization);
	assert_same(again.content_type, head->content_type);
	assert_same(again.idempotency_key, head->idempotency_key);
	assert_same(again.corr_id, head->corr_id);
	assert(again.gzip == head->gzip);
	assert(again.content_length == head->content_length);
	assert(again.content_length_known == head->content_length_known);
	assert(again.content == head->content && again.host_is_ip == head->host_is_ip);
	assert(again.chunked == head->chunked && again.close == head->close);
	assert(again.expect_continue == head->expect_continue);
	assert(again.accepts_openmetrics == head->accepts_openmetrics);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t input_bytes)
{
	struct slice bytes = { input, input_bytes };
	struct http_scan scan, scan_again;
	size_t used = 0, used_again = 0;
	struct http_head head;
	enum http_decision decision = scan_pieces(bytes, SIZE_MAX, &scan, &used);

	assert(scan_pieces(bytes, 1, &scan_again, &used_again) == decision);
	if (decision != HTTP_OK) {
		return 0;
	}
	assert(used == used_again && used == scan.bytes_count && used >= 4);
	assert(memcmp(input + used - 4, "\r\n\r\n", 4) == 0);
	decision = http_head_parse((struct slice){ input, used }, &scan, &head);
	if (!http_answer(decision)->close) {
		check_head(&head, (struct slice){ input, used });
		check_round_trip(&head, decision);
	}
	return 0;
}
