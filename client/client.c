/* The questions of macronode.h: public verbs of OAP/1 (DESIGN-WALL.md section 7). */
#include "client/macronode.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/stream.h"
#include "common/limits.h"
#include "core/bytes.h"
#include "core/json_out.h"

/* Public verbs are numbered by DESIGN-WALL.md section 7; proto/verbs.h has the inside ones. */
enum public_verb {
	VERB_HEALTH_PING = 0x0001,
	VERB_HEALTH_PONG = 0x0002,
	VERB_INGEST = 0x0010,
	VERB_ROOTS = 0x0011,
	VERB_ENTRY = 0x0012,
	VERB_VERIFY = 0x0013,
	VERB_CHECKPOINT = 0x0014,
	VERB_TILE = 0x0015,
	VERB_PROOF = 0x0016,
	VERB_EXPORT = 0x0017,
	VERB_BALANCE = 0x0018,
	VERB_SIGN_SNAPSHOT = 0x0019,
	VERB_ISSUE = 0x0020, /* and the other kinds behind it, in the order of the header */
	VERB_TX = 0x0026,
	VERB_HISTORY = 0x0027,
	VERB_EVENTS = 0x0028,
};

/* No answer of a node comes near; one that does is not worth our memory. */
#define ANSWER_BYTES_MAX (16u * 1024u * 1024u)

/* An error is the only body that begins so: JSON of ours has no blanks, and of what is no JSON
 * records begin with small numbers, and hashes are no text. */
#define ERROR_BEGIN "{\"error\":"

/* And of those under /v1 so. */
#define API_ERROR_BEGIN "{\"code\":"

struct mn_client {
	struct stream stream;
	uint64_t corr_id;
	uint16_t verb;         /* of the question that is under way; 0: none is */
	unsigned events;       /* that came before its answer */
	mn_progress *progress; /* who is told of them; may be NULL */
	void *context;
	char *answer; /* owned */
	size_t answer_bytes;
	size_t answer_room;
};

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

static enum mn_result keep(struct mn_client *client, size_t bytes_count)
{
	size_t needed = client->answer_bytes + bytes_count + 1;

	if (needed > ANSWER_BYTES_MAX) {
		return stream_fail(&client->stream, MN_TOO_LARGE, "the answer has no end");
	}
	if (needed > client->answer_room) {
		size_t room = needed * 2;
		char *grown = realloc(client->answer, room);
		if (grown == NULL) {
			return stream_fail(
				&client->stream, MN_NO_MEMORY, "no memory for the answer");
		}
		client->answer = grown;
		client->answer_room = room;
	}
	memcpy(client->answer + client->answer_bytes, client->stream.payload, bytes_count);
	client->answer_bytes += bytes_count;
	client->answer[client->answer_bytes] = '\0';
	return MN_OK;
}

/* Of an earlier question the answer may still come: nobody waits for it any more. */
static enum mn_result ask(
	struct mn_client *client, uint16_t verb, const struct slice *parts, size_t part_count)
{
	struct frame_head head = { .flags = FRAME_REQ, .verb = verb, .corr_id = ++client->corr_id };
	enum mn_result result;

	if (client->verb != 0) {
		stream_disconnect(&client->stream);
	}
	client->verb = 0;
	client->events = 0;
	client->progress = NULL;
	client->answer_bytes = 0;
	client->stream.error[0] = '\0';
	result = stream_connect(&client->stream);
	if (result == MN_OK) {
		result = stream_send(&client->stream, head, parts, part_count);
	}
	if (result == MN_OK) {
		client->verb = verb;
	}
	return result;
}

/* The next frame that belongs to our question. */
static enum mn_result next_frame(struct mn_client *client, struct frame_head *ret_head)
{
	uint16_t verb = client->verb;
	uint16_t expected = verb == VERB_HEALTH_PING ? VERB_HEALTH_PONG : verb;
	enum mn_result result = stream_receive(&client->stream, ret_head);

	if (result != MN_OK) {
		return result;
	}
	if ((ret_head->flags & (FRAME_RESP | FRAME_EVENT)) == 0 ||
		ret_head->corr_id != client->corr_id ||
		(ret_head->verb != expected && ret_head->verb != verb)) {
		return stream_fail(&client->stream, MN_PROTOCOL,
			"%s: a frame came that answers nothing that was asked",
			client->stream.path);
	}
	return MN_OK;
}

static bool is_last(const struct frame_head *head)
{
	return (head->flags & FRAME_CONT) == 0 || (head->flags & FRAME_END) != 0;
}

/* The sentence of an error document stays JSON: whoever wants its parts reads the answer. */
static enum mn_result judge(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ client->answer, client->answer_bytes };
	if (strncmp(client->answer, ERROR_BEGIN, strlen(ERROR_BEGIN)) != 0 &&
		strncmp(client->answer, API_ERROR_BEGIN, strlen(API_ERROR_BEGIN)) != 0) {
		return MN_OK;
	}
	(void)snprintf(client->stream.error, sizeof client->stream.error, "the node refused: %s",
		client->answer);
	return MN_REFUSED;
}

static enum mn_result take_event(struct mn_client *client, const struct frame_head *head)
{
	const char *json = (const char *)client->stream.payload;

	client->events++;
	if (client->progress != NULL &&
		client->progress(client->context, json, head->payload_bytes) == 0) {
		return stream_fail(&client->stream, MN_CLOSED, "given up by the caller");
	}
	return MN_OK;
}

/* One frame after another until the answer is whole, or nothing more is there. */
static enum mn_result collect(struct mn_client *client, struct mn_answer *ret_answer)
{
	struct frame_head head = { 0 };
	enum mn_result result = MN_OK;

	*ret_answer = (struct mn_answer){ "", 0 };
	while (result == MN_OK) {
		result = next_frame(client, &head);
		if (result == MN_OK && (head.flags & FRAME_RESP) == 0) {
			result = take_event(client, &head);
			continue;
		}
		if (result == MN_OK) {
			result = keep(client, head.payload_bytes);
		}
		if (result == MN_OK && is_last(&head)) {
			client->verb = 0;
			return judge(client, ret_answer);
		}
	}
	if (result != MN_AGAIN) {
		client->verb = 0;
	}
	return result;
}

static enum mn_result call(struct mn_client *client, uint16_t verb, const struct slice *parts,
	size_t part_count, struct mn_answer *ret_answer)
{
	enum mn_result result = ask(client, verb, parts, part_count);

	*ret_answer = (struct mn_answer){ "", 0 };
	if (result != MN_OK) {
		return result;
	}
	return client->stream.nonblocking ? MN_AGAIN : collect(client, ret_answer);
}

enum mn_result mn_step(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ "", 0 };
	if (client->verb == 0) {
		(void)snprintf(
			client->stream.error, sizeof client->stream.error, "nothing was asked");
		return MN_CLOSED;
	}
	return collect(client, ret_answer);
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

/* u16 length, token, then what the route takes. False: no token of ours is that long. */
static bool token_part(const char *token, uint8_t ret_length[2], struct slice ret_parts[2])
{
	size_t bytes_count = strlen(token);
	struct byte_writer out = byte_writer_of(ret_length, 2);

	if (bytes_count > TOKEN_BYTES_MAX) {
		return false;
	}
	byte_put_u16(&out, (uint16_t)bytes_count);
	ret_parts[0] = (struct slice){ ret_length, 2 };
	ret_parts[1] = (struct slice){ (const uint8_t *)token, bytes_count };
	return true;
}

static enum mn_result refuse_token(struct mn_client *client, struct mn_answer *ret_answer)
{
	*ret_answer = (struct mn_answer){ "", 0 };
	(void)snprintf(client->stream.error, sizeof client->stream.error,
		"the token is over %u bytes", TOKEN_BYTES_MAX);
	return MN_TOO_LARGE;
}

enum mn_result mn_ping(struct mn_client *client, struct mn_answer *ret_answer)
{
	return call(client, VERB_HEALTH_PING, NULL, 0, ret_answer);
}

enum mn_result mn_ingest(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[3];

	if (!token_part(token, length, parts)) {
		return refuse_token(client, ret_answer);
	}
	parts[2] = (struct slice){ (const uint8_t *)json, json_bytes };
	return call(client, VERB_INGEST, parts, 3, ret_answer);
}

enum mn_result mn_roots(struct mn_client *client, uint64_t since, struct mn_answer *ret_answer)
{
	char query[32];
	int bytes = snprintf(query, sizeof query, "since=%" PRIu64, since);
	struct slice part = { (const uint8_t *)query, (size_t)bytes };

	return call(client, VERB_ROOTS, &part, 1, ret_answer);
}

enum mn_result mn_entry(
	struct mn_client *client, const char *token, uint64_t seq, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[3];
	char digits[24];
	int bytes = snprintf(digits, sizeof digits, "%" PRIu64, seq);

	if (!token_part(token, length, parts)) {
		return refuse_token(client, ret_answer);
	}
	parts[2] = (struct slice){ (const uint8_t *)digits, (size_t)bytes };
	return call(client, VERB_ENTRY, parts, 3, ret_answer);
}

enum mn_result mn_checkpoint(struct mn_client *client, struct mn_answer *ret_answer)
{
	return call(client, VERB_CHECKPOINT, NULL, 0, ret_answer);
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
	if (!token_part(token == NULL ? "" : token, length, parts)) {
		return refuse_token(client, ret_answer);
	}
	if (bytes < 0 || (size_t)bytes > WORDS_BYTES_MAX) {
		*ret_answer = (struct mn_answer){ "", 0 };
		(void)snprintf(client->stream.error, sizeof client->stream.error,
			"the question is over %u bytes", WORDS_BYTES_MAX);
		return MN_TOO_LARGE;
	}
	parts[2] = (struct slice){ (const uint8_t *)words, (size_t)bytes };
	return call(client, verb, parts, 3, ret_answer);
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

	if (!token_part(token, length, parts)) {
		return refuse_token(client, ret_answer);
	}
	if (!print_operation(operation, body, &body_bytes)) {
		*ret_answer = (struct mn_answer){ "", 0 };
		(void)snprintf(client->stream.error, sizeof client->stream.error,
			"the operation is over %u bytes", OPERATION_BYTES_MAX);
		return MN_TOO_LARGE;
	}
	parts[2] = (struct slice){ body, body_bytes };
	result = call(client, verb, parts, 3, ret_answer);
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

	if (!token_part(token, length, parts)) {
		return refuse_token(client, ret_answer);
	}
	*ret_answer = (struct mn_answer){ "", 0 };
	result = ask(client, VERB_VERIFY, parts, 2);
	if (result != MN_OK) {
		return result;
	}
	client->progress = progress;
	client->context = context;
	return client->stream.nonblocking ? MN_AGAIN : collect(client, ret_answer);
}
