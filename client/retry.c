/* The same operation again, until its outcome is known. That it is the same, nonce and key
 * included, is what makes it safe: however many attempts arrive, the ledger does it once and
 * answers all of them by one receipt.
 *
 * Three things are easily got wrong. An attempt without an answer may still be on its way through
 * the node when the next one is refused, for want of money that comes in between: so a refusal
 * that could be another one later is final only when the node has forgotten the unanswered attempt.
 * A caller who gives up must not be told "refused" as long as one attempt may have been done. And
 * neither must one whose token ended before his question was answered.
 */
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "client/macronode.h"
#include "core/operation.h"
#include "core/ulid.h"

#define WAIT_MS_MIN 50
#define WAIT_MS_MAX 2000

/* limits.req_timeout is 5 s unless an operator wrote another, and a node refuses what is later. */
#define FORGOTTEN_AFTER_MS 10000

static int64_t monotonic_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t unix_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void draw(void *bytes, size_t bytes_count)
{
	while (getrandom(bytes, bytes_count, 0) != (ssize_t)bytes_count) {
		/* interrupted: so few bytes never come in part */
	}
}

/* --- the decision --- */

static bool is_code(const struct mn_error *error, const char *code)
{
	return strcmp(error->code, code) == 0;
}

/* No attempt of the same operation can ever be done: its form is wrong, or its nonce or key stands
 * for another one. */
static bool is_hopeless(const struct mn_error *error)
{
	return !error->retryable &&
	       (is_code(error, "BAD_REQUEST") || is_code(error, "NONCE_CONFLICT") ||
		       is_code(error, "IDEM_MISMATCH") || error->http == 413);
}

static void note(
	struct mn_retry *retry, enum mn_result result, const struct mn_error *error, int64_t now_ms)
{
	bool may_be_done = result == MN_TIMEOUT || result == MN_CLOSED || result == MN_PROTOCOL ||
			   result == MN_NO_MEMORY;

	if (result == MN_REFUSED) {
		may_be_done = is_code(error, "UPSTREAM_UNAVAILABLE") ||
			      is_code(error, "IN_PROGRESS") || is_code(error, "INTERNAL_ERROR");
	}
	if (may_be_done) {
		retry->is_unknown = 1;
		retry->unknown_ms = now_ms;
	}
}

static bool is_final(const struct mn_retry *retry, enum mn_result result,
	const struct mn_error *error, int64_t now_ms)
{
	switch (result) {
	case MN_OK:
	case MN_TOO_LARGE:
	case MN_AGAIN:
	case MN_UNKNOWN:
		return true;
	case MN_NO_NODE:
	case MN_TIMEOUT:
	case MN_CLOSED:
	case MN_PROTOCOL:
	case MN_NO_MEMORY:
		return false;
	case MN_REFUSED:
		break;
	}
	if (error->retryable) {
		return false;
	}
	return is_hopeless(error) || !retry->is_unknown ||
	       now_ms - retry->unknown_ms >= FORGOTTEN_AFTER_MS;
}

/* Such a refusal comes before anybody looks for what was done: the token ended meanwhile, or the
 * policy is another one. About the attempts before it says nothing. */
static bool is_about_the_asker(const struct mn_error *error)
{
	return is_code(error, "UNAUTHORIZED") || is_code(error, "FORBIDDEN");
}

/* At least half of it, so that a node that comes back is not met by everybody at once. */
static int next_wait_ms(const struct mn_retry *retry)
{
	int wait_ms = WAIT_MS_MIN;
	uint32_t random;

	for (unsigned i = 1; i < retry->attempts && wait_ms < WAIT_MS_MAX; i++) {
		wait_ms *= 2;
	}
	wait_ms = wait_ms < WAIT_MS_MAX ? wait_ms : WAIT_MS_MAX;
	draw(&random, sizeof random);
	return wait_ms - (int)(random % (uint32_t)(wait_ms / 2 + 1));
}

int mn_retry_wait(struct mn_retry *retry, enum mn_result result, const struct mn_error *error,
	int64_t now_ms, int64_t deadline_ms)
{
	int wait_ms;

	retry->attempts++;
	note(retry, result, error, now_ms);
	if (is_final(retry, result, error, now_ms)) {
		if (result == MN_OK || (result == MN_REFUSED && !is_about_the_asker(error))) {
			retry->is_unknown = 0; /* now it is known */
		}
		return -1;
	}
	wait_ms = next_wait_ms(retry);
	if (result == MN_REFUSED && error->retry_after_ms > wait_ms) {
		wait_ms = error->retry_after_ms;
	}
	return deadline_ms - now_ms > wait_ms ? wait_ms : -1;
}

/* --- and its execution --- */

static void wait_for(int wait_ms)
{
	int64_t until_ms = monotonic_ms() + wait_ms;

	for (int64_t left_ms = wait_ms; left_ms > 0; left_ms = until_ms - monotonic_ms()) {
		(void)poll(NULL, 0, (int)left_ms); /* and again after a signal */
	}
}

/* One that is longer than any key the node shall refuse. */
static void choose_key(struct mn_operation *operation, struct mn_outcome *outcome)
{
	struct id128 id = { { 0 } };
	uint8_t random[ULID_RANDOM_BYTES];

	if (operation->idempotency_key == NULL) {
		draw(random, sizeof random);
		ulid_advance(&id, unix_ms(), random);
		ulid_print(&id, outcome->idempotency_key);
		operation->idempotency_key = outcome->idempotency_key;
	} else if (strlen(operation->idempotency_key) < sizeof outcome->idempotency_key) {
		memcpy(outcome->idempotency_key, operation->idempotency_key,
			strlen(operation->idempotency_key) + 1);
	}
}

static enum mn_result attempt(struct mn_client *client, const char *token,
	const struct mn_operation *operation, struct mn_outcome *outcome)
{
	struct mn_answer answer;
	int replayed = 0;
	enum mn_result result = mn_wallet_op(client, token, operation, &answer, &replayed);

	outcome->attempts++;
	if (result == MN_REFUSED && !mn_read_error(&answer, &outcome->error)) {
		return MN_PROTOCOL;
	}
	if (result == MN_OK && !mn_read_receipt(&answer, &outcome->receipt)) {
		return MN_PROTOCOL;
	}
	outcome->replayed = replayed;
	return result;
}

/* Nothing was asked: whoever comes with his key again, and again without a nonce, would pay twice
 * once the node has forgotten the key. */
static enum mn_result refuse_key_alone(struct mn_outcome *outcome)
{
	outcome->error = (struct mn_error){
		.code = "BAD_REQUEST",
		.reason = "nonce_format",
		.message = "an idempotency key of yours needs the nonce that belongs to it: only "
			   "both together are done once",
		.http = 400,
	};
	return MN_REFUSED;
}

/* The operation, again and again; a nonce that no lane has reached asks for the next one. */
static enum mn_result repeat(struct mn_client *client, const char *token,
	const struct mn_operation *operation, int64_t deadline_ms, struct mn_outcome *outcome)
{
	struct mn_retry retry = { .attempts = 0 };

	for (;;) {
		enum mn_result result = attempt(client, token, operation, outcome);
		int wait_ms;

		if (result == MN_REFUSED && operation->nonce == OPERATION_NONCE_MAX &&
			is_code(&outcome->error, "NONCE_CONFLICT")) {
			return result; /* told, or not for this token to know */
		}
		wait_ms =
			mn_retry_wait(&retry, result, &outcome->error, monotonic_ms(), deadline_ms);
		if (wait_ms < 0) {
			return result != MN_OK && retry.is_unknown ? MN_UNKNOWN : result;
		}
		wait_for(wait_ms);
	}
}

enum mn_result mn_wallet_op_retry(struct mn_client *client, const char *token,
	const struct mn_operation *operation, int deadline_ms, struct mn_outcome *ret_outcome)
{
	struct mn_operation chosen = *operation;
	int64_t until_ms = monotonic_ms() + (deadline_ms > 0 ? deadline_ms : 0);
	enum mn_result result;

	*ret_outcome = (struct mn_outcome){ .attempts = 0 };
	if (operation->nonce == 0 && operation->idempotency_key != NULL) {
		return refuse_key_alone(ret_outcome);
	}
	choose_key(&chosen, ret_outcome);
	if (chosen.nonce == 0) { /* nothing can be done by asking: there is no such nonce yet */
		chosen.nonce = OPERATION_NONCE_MAX;
		result = repeat(client, token, &chosen, until_ms, ret_outcome);
		if (result != MN_REFUSED || ret_outcome->error.nonce_next == 0) {
			return result == MN_UNKNOWN ? MN_TIMEOUT : result;
		}
		chosen.nonce = ret_outcome->error.nonce_next;
		ret_outcome->error = (struct mn_error){ .http = 0 };
	}
	ret_outcome->nonce = chosen.nonce;
	return repeat(client, token, &chosen, until_ms, ret_outcome);
}
