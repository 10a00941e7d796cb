/* The questions of macronode.h: public verbs of OAP/1 (DESIGN-WALL.md section 7). */
#include "client/macronode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/question.h"
#include "common/limits.h"
#include "core/bytes.h"
#include "core/json_out.h"

struct mn_client *mn_open(const char *socket_path, int timeout_ms)
{
	struct mn_client *client = calloc(1, sizeof *client);

	if (client == NULL) {
		return NULL;
	}
	if (!stream_init(&client->stream, socket_path, timeout_ms)) {
		free(client);
		return NULL;
	}
	return client;
}

struct mn_client *mn_open_nonblocking(const char *socket_path)
{
	struct mn_client *client = mn_open(socket_path, 0);

	if (client != NULL) {
		client->stream.nonblocking = true;
	}
	return client;
}

void mn_close(struct mn_client *client)
{
	if (client == NULL) {
		return;
	}
	stream_finish(&client->stream);
	free(client->answer);
	free(client);
}

const char *mn_error_text(const struct mn_client *client)
{
	return client->stream.error;
}

enum mn_result mn_step(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ "", 0 };
	if (client->verb == 0) {
		(void)snprintf(
			client->stream.error, sizeof client->stream.error, "nothing was asked");
		return MN_CLOSED;
	}
	return question_collect(client, ret_answer);
}

int mn_fd(const struct mn_client *client)
{
	return client->stream.fd;
}

int mn_wants_to_write(const struct mn_client *client)
{
	return stream_is_full(&client->stream);
}

int mn_was_replayed(const struct mn_client *client)
{
	return client->events > 0; /* that is what an event before a receipt says */
}

enum mn_result mn_ping(struct mn_client *client, struct mn_answer *ret_answer)
{
	return question_call(client, VERB_HEALTH_PING, NULL, 0, ret_answer);
}

enum mn_result mn_ingest(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[3];

	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	parts[2] = (struct slice){ (const uint8_t *)json, json_bytes };
	return question_call(client, VERB_INGEST, parts, 3, ret_answer);
}

enum mn_result mn_roots(struct mn_client *client, uint64_t since, struct mn_answer *ret_answer)
{
	char query[32];
	int bytes = snprintf(query, sizeof query, "since=%" PRIu64, since);
	struct slice part = { (const uint8_t *)query, (size_t)bytes };

	return question_call(client, VERB_ROOTS, &part, 1, ret_answer);
}

enum mn_result mn_entry(
	struct mn_client *client, const char *token, uint64_t seq, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[3];
	char digits[24];
	int bytes = snprintf(digits, sizeof digits, "%" PRIu64, seq);

	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	parts[2] = (struct slice){ (const uint8_t *)digits, (size_t)bytes };
	return question_call(client, VERB_ENTRY, parts, 3, ret_answer);
}

enum mn_result mn_checkpoint(struct mn_client *client, struct mn_answer *ret_answer)
{
	return question_call(client, VERB_CHECKPOINT, NULL, 0, ret_answer);
}

/* Questions in words are a path or a query, and never longer than the node takes. */
#define WORDS_BYTES_MAX 1024u

/* The token, which may be NULL, and what is asked in words. */
__attribute__((format(printf, 5, 6))) static enum mn_result call_in_words(struct mn_client *client,
	uint16_t verb, const char *token, struct mn_answer *ret_answer, const char *format, ...)
{
	char words[WORDS_BYTES_MAX + 1];
	uint8_t length[2];
	struct slice parts[3];
	va_list list;
	int bytes;

	va_start(list, format);
	bytes = vsnprintf(words, sizeof words, format, list);
	va_end(list);
	if (!question_token(token == NULL ? "" : token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	if (bytes < 0 || (size_t)bytes > WORDS_BYTES_MAX) {
		*ret_answer = (struct mn_answer){ "", 0 };
		(void)snprintf(client->stream.error, sizeof client->stream.error,
			"the question is over %u bytes", WORDS_BYTES_MAX);
		return MN_TOO_LARGE;
	}
	parts[2] = (struct slice){ (const uint8_t *)words, (size_t)bytes };
	return question_call(client, verb, parts, 3, ret_answer);
}

enum mn_result mn_tile(
	struct mn_client *client, const char *token, const char *path, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_TILE, token, ret_answer, "%s", path);
}

enum mn_result mn_proof_entry(struct mn_client *client, const char *token, uint64_t seq,
	uint64_t size, struct mn_answer *ret_answer)
{
	if (size == 0) {
		return call_in_words(
			client, VERB_PROOF, token, ret_answer, "entries/%" PRIu64, seq);
	}
	return call_in_words(client, VERB_PROOF, token, ret_answer,
		"entries/%" PRIu64 "?size=%" PRIu64, seq, size);
}

enum mn_result mn_proof_consistency(
	struct mn_client *client, uint64_t from, uint64_t to, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_PROOF, NULL, ret_answer,
		"consistency?from=%" PRIu64 "&to=%" PRIu64, from, to);
}

enum mn_result mn_export(struct mn_client *client, const char *token, const char *what,
	uint64_t after, struct mn_answer *ret_answer)
{
	return call_in_words(
		client, VERB_EXPORT, token, ret_answer, "what=%s&after=%" PRIu64, what, after);
}

enum mn_result mn_sign_snapshot(struct mn_client *client, const char *token, uint64_t size,
	const char *manifest_hex, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_SIGN_SNAPSHOT, token, ret_answer,
		"size=%" PRIu64 "&manifest=%s", size, manifest_hex);
}

enum mn_result mn_balance(struct mn_client *client, const char *token, const char *account,
	const char *asset, uint64_t at, struct mn_answer *ret_answer)
{
	if (at == MN_NOW) {
		return call_in_words(client, VERB_BALANCE, token, ret_answer, "account=%s&asset=%s",
			account, asset);
	}
	return call_in_words(client, VERB_BALANCE, token, ret_answer,
		"account=%s&asset=%s&at=%" PRIu64, account, asset, at);
}

/* Its strings are the node's to judge: an operation of ordinary ones fits. */
#define OPERATION_BYTES_MAX 8192u

static void put_text(struct json_out *out, const char *name, const char *text)
{
	if (text != NULL) {
		json_out_key(out, name);
		json_out_text(out, text);
	}
}

static bool print_operation(
	const struct mn_operation *operation, uint8_t *bytes, size_t *ret_bytes_count)
{
	struct json_out out;

	json_out_init(&out, bytes, OPERATION_BYTES_MAX);
	json_out_object_begin(&out);
	put_text(&out, "from", operation->from);
	put_text(&out, "to", operation->to);
	put_text(&out, "hold", operation->hold);
	put_text(&out, "asset", operation->asset);
	put_text(&out, "amount_minor", operation->amount_minor);
	put_text(&out, "memo", operation->memo);
	put_text(&out, "idempotency_key", operation->idempotency_key);
	json_out_key(&out, "nonce");
	json_out_u64(&out, operation->nonce);
	if (operation->expires_ms != 0) {
		json_out_key(&out, "expires_ts");
		json_out_u64(&out, operation->expires_ms);
	}
	json_out_object_end(&out);
	return json_out_finish(&out, ret_bytes_count) == ERR_OK;
}

enum mn_result mn_wallet_op(struct mn_client *client, const char *token,
	const struct mn_operation *operation, struct mn_answer *ret_answer, int *ret_replayed)
{
	uint8_t body[OPERATION_BYTES_MAX], length[2];
	struct slice parts[3] = { { NULL, 0 } };
	uint16_t verb = (uint16_t)(VERB_ISSUE + (unsigned)operation->kind - MN_ISSUE);
	size_t body_bytes = 0;
	enum mn_result result;

	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	if (!print_operation(operation, body, &body_bytes)) {
		*ret_answer = (struct mn_answer){ "", 0 };
		(void)snprintf(client->stream.error, sizeof client->stream.error,
			"the operation is over %u bytes", OPERATION_BYTES_MAX);
		return MN_TOO_LARGE;
	}
	parts[2] = (struct slice){ body, body_bytes };
	result = question_call(client, verb, parts, 3, ret_answer);
	if (ret_replayed != NULL) {
		*ret_replayed = result == MN_OK && mn_was_replayed(client);
	}
	return result;
}

enum mn_result mn_tx(
	struct mn_client *client, const char *token, const char *txid, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_TX, token, ret_answer, "%s", txid);
}

enum mn_result mn_tx_proof(
	struct mn_client *client, const char *token, const char *txid, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_TX, token, ret_answer, "%s/proof", txid);
}

enum mn_result mn_history(struct mn_client *client, const char *token, const char *account,
	const char *asset, uint64_t before, unsigned limit, struct mn_answer *ret_answer)
{
	char page[64] = "";

	if (before != 0) {
		(void)snprintf(page, sizeof page, "&before=%" PRIu64, before);
	}
	return call_in_words(client, VERB_HISTORY, token, ret_answer, "%s?asset=%s&limit=%u%s",
		account, asset, limit == 0 ? MN_PAGE : limit, page);
}

enum mn_result mn_events(struct mn_client *client, const char *token, uint64_t after,
	unsigned limit, struct mn_answer *ret_answer)
{
	return call_in_words(client, VERB_EVENTS, token, ret_answer, "after=%" PRIu64 "&limit=%u",
		after, limit == 0 ? MN_PAGE : limit);
}

enum mn_result mn_verify(struct mn_client *client, const char *token, mn_progress *progress,
	void *context, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[2];
	enum mn_result result;

	if (!question_token(token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	*ret_answer = (struct mn_answer){ "", 0 };
	result = question_ask(client, VERB_VERIFY, FRAME_REQ, parts, 2);
	if (result != MN_OK) {
		return result;
	}
	client->progress = progress;
	client->context = context;
	return client->stream.nonblocking ? MN_AGAIN : question_collect(client, ret_answer);
}
