#ifndef MACRONODE_H
#define MACRONODE_H

/* libmacronode: a node on this machine, over its local socket (uds.path; macronode-oap(7)).
 *
 *	struct mn_client *node = mn_open("/run/macronode/macronode.sock", 5000);
 *	struct mn_answer answer;
 *
 *	if (mn_roots(node, 0, &answer) != MN_OK) {
 *		fprintf(stderr, "%s\n", mn_error_text(node));
 *	}
 *	mn_close(node);
 *
 * One question at a time on a client, and a client on one thread at a time; clients are
 * independent of each other. A connection is made when a question needs one, and again after a
 * failure. Nothing is ever asked twice by itself, but by mn_wallet_op_retry: after MN_TIMEOUT or
 * MN_CLOSED an ingest may have happened, and sending the same entries again is how to find out. It
 * moves nothing twice.
 *
 * Strings that a caller passes are read during the call and not kept. Amounts are text: decimal
 * minor units of their asset, "0" to 2^128-1. Times are milliseconds since 1970, UTC; waits are
 * milliseconds.
 *
 * Tokens are text as `macronode cap mint` prints it. Where one may be NULL, the answer holds what
 * everybody may know. */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum mn_result {
	MN_OK = 0,
	MN_REFUSED,   /* the node answered with an error: look at the answer */
	MN_NO_NODE,   /* nobody listens there, or we may not connect */
	MN_TIMEOUT,   /* the node said nothing for as long as the client waits */
	MN_CLOSED,    /* the node closed the connection before the answer was whole */
	MN_PROTOCOL,  /* what came is no answer to what was asked */
	MN_TOO_LARGE, /* question or answer over the protocol's bounds; nothing was sent, if it
			 was the question */
	MN_NO_MEMORY,
	MN_AGAIN,  /* nothing is wrong; the answer is not here yet (mn_open_nonblocking) */
	MN_UNKNOWN /* it may be done or not: only of mn_wallet_op_retry */
};

struct mn_client;

/* The bytes that the HTTP route would have had as its body: JSON, but for what says otherwise
 * below, and then the bytes may be any. Belongs to the client and lives until its next question.
 * Set for MN_OK and MN_REFUSED (always JSON), else empty. A zero follows. */
struct mn_answer {
	const char *json;
	size_t json_bytes;
};

/* timeout_ms: the longest silence of the node that is waited for; 0 or less waits for ever.
 * NULL: no memory, or a path too long for a socket. Connects to nothing yet. */
struct mn_client *mn_open(const char *socket_path, int timeout_ms);
void mn_close(struct mn_client *client); /* NULL is fine */

/* A sentence about the last question that was not MN_OK. Never holds a token. */
const char *mn_error_text(const struct mn_client *client);

/* Is it there, and ready? */
enum mn_result mn_ping(struct mn_client *client, struct mn_answer *ret_answer);

/* An IngestRequest, as for POST /ingest. MN_OK also when entries of it were refused: see
 * "accepted" and "reasons" of the answer. */
enum mn_result mn_ingest(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer);

/* The roots of the commits after this seq, a page of them; "next" is where to go on. */
enum mn_result mn_roots(struct mn_client *client, uint64_t since, struct mn_answer *ret_answer);

/* One entry, as it is stored. */
enum mn_result mn_entry(
	struct mn_client *client, const char *token, uint64_t seq, struct mn_answer *ret_answer);

/* The newest signed checkpoint: text, a C2SP signed note. Refused as long as there is none. */
enum mn_result mn_checkpoint(struct mn_client *client, struct mn_answer *ret_answer);

/* A tile of the tree as C2SP tlog-tiles names it: "0/x001/067", "1/000.p/12", bytes. One of
 * entries ("entries/000.p/8") needs a token. */
enum mn_result mn_tile(struct mn_client *client, const char *token, const char *path,
	struct mn_answer *ret_answer);

/* That the entry with this seq is in the tree of `size`, as JSON; of size 0: in that of the newest
 * signed checkpoint, as a C2SP .tlog-proof, text, with the checkpoint in it, and with the entry if
 * the token may read it. */
enum mn_result mn_proof_entry(struct mn_client *client, const char *token, uint64_t seq,
	uint64_t size, struct mn_answer *ret_answer);

/* That the tree of size `to` goes on from the one of size `from`. */
enum mn_result mn_proof_consistency(
	struct mn_client *client, uint64_t from, uint64_t to, struct mn_answer *ret_answer);

/* A page of everything of one kind behind the key `after`, bytes as macronode-oap(7) lays them out;
 * an empty answer is the end. what: "entries", "commits", "controls", "audits", "counters"; or
 * "checkpoint", and "head", which is JSON. */
enum mn_result mn_export(struct mn_client *client, const char *token, const char *what,
	uint64_t after, struct mn_answer *ret_answer);

/* The note by which the node's key says that a snapshot of the first `size` entries has this
 * manifest: text, a C2SP signed note. manifest_hex: its SHA-256, 64 digits. */
enum mn_result mn_sign_snapshot(struct mn_client *client, const char *token, uint64_t size,
	const char *manifest_hex, struct mn_answer *ret_answer);

/* What an account has of an asset, as of the entry with seq `at`; of MN_NOW: now. */
#define MN_NOW UINT64_MAX
enum mn_result mn_balance(struct mn_client *client, const char *token, const char *account,
	const char *asset, uint64_t at, struct mn_answer *ret_answer);

/* An operation of the wallet: one of those under /v1 (spec of the routes: docs/openapi). What it
 * does not have is NULL or 0. Amounts are decimal minor units, as text, from "1" to 2^128-1.
 * `nonce` is the next of the account that it is about (`from`; of an issue: `to`), and
 * `idempotency_key` a name of this wish, 1 to 64 of A-Z a-z 0-9 . _ : -. The same operation with
 * the same nonce and key may be sent as often as one likes: it is done once, and answered by the
 * same receipt.
 *
 *              from  to   hold  expires_ms
 *   issue      -     yes  -     -
 *   transfer   yes   yes  -     -
 *   burn       yes   -    -     -
 *   hold       yes   -    -     may
 *   capture    yes   yes  yes   -          from and hold: whose money is held, txid of its hold
 *   release    yes   -    yes   - */
enum mn_operation_kind { MN_ISSUE = 1, MN_TRANSFER, MN_BURN, MN_HOLD, MN_CAPTURE, MN_RELEASE };

struct mn_operation {
	enum mn_operation_kind kind;
	const char *from;
	const char *to;
	const char *hold;
	const char *asset;
	const char *amount_minor;
	const char *memo; /* may be NULL */
	const char *idempotency_key;
	uint64_t nonce;
	uint64_t expires_ms; /* since 1970 */
};

/* MN_OK: the answer is the receipt, on disk by now; *ret_replayed is 1 if it was done before (NULL:
 * who asked does not care). MN_REFUSED: an ApiError, whose "code" says why and whose "retryable"
 * says whether the same operation may succeed later. After anything else, and after a code of
 * UPSTREAM_UNAVAILABLE, send the same operation again: that is how to find out. */
enum mn_result mn_wallet_op(struct mn_client *client, const char *token,
	const struct mn_operation *operation, struct mn_answer *ret_answer, int *ret_replayed);

/* --- receipts and errors, read ---------------------------------------------------------- */

#define MN_AMOUNT_BYTES  40 /* 2^128-1 and a zero */
#define MN_ACCOUNT_BYTES 129
#define MN_TXID_BYTES    33

/* The receipt of an operation. What it does not have is "" or 0. */
struct mn_receipt {
	char txid[MN_TXID_BYTES];
	char op[16]; /* "issue", "transfer" ... */
	char from[MN_ACCOUNT_BYTES], to[MN_ACCOUNT_BYTES];
	char hold[MN_TXID_BYTES]; /* of capture and release */
	char asset[33];
	char amount_minor[MN_AMOUNT_BYTES];
	char idempotency_key[65];
	char ts[33];           /* RFC 3339, UTC */
	char receipt_hash[72]; /* "b3:" and 64 hex digits */
	uint64_t nonce;
	uint64_t seq; /* of its entry in the ledger */
	/* what `from` had available (of an issue: `to`), before and after */
	char balance_before[MN_AMOUNT_BYTES], balance_after[MN_AMOUNT_BYTES];
};

/* 1, or 0 if the answer is no receipt; then *ret_receipt is all zeros. */
int mn_read_receipt(const struct mn_answer *answer, struct mn_receipt *ret_receipt);

/* Why a node refused. */
struct mn_error {
	char code[33];       /* "NONCE_CONFLICT" ...: what to branch on */
	char reason[65];     /* "nonce_used" ...: why exactly */
	char message[257];   /* for people */
	char corr_id[65];    /* names the request in the log of the node */
	int http;            /* its status over HTTP; 0: not said */
	int retryable;       /* the same request may succeed later */
	int retry_after_ms;  /* and not before so long; 0: not said */
	uint64_t nonce_next; /* of a NONCE_CONFLICT, if the token may read the account; else 0 */
};

/* 1, or 0 if the answer is no error of a node; then *ret_error is all zeros. */
int mn_read_error(const struct mn_answer *answer, struct mn_error *ret_error);

/* --- again, and safely ------------------------------------------------------------------- */

/* How an operation went. */
struct mn_outcome {
	struct mn_receipt receipt; /* of MN_OK */
	int replayed;              /* it had been done before this call, or by an attempt of it that
				      seemed to fail */
	struct mn_error error;     /* of MN_REFUSED, or of the last refusal before giving up */
	int attempts;
	uint64_t nonce;           /* with these two the same operation may be sent again, */
	char idempotency_key[65]; /* by anybody, at any time: it is done once */
};

/* As mn_wallet_op, but does not give up at once: what may succeed later is sent again, the same
 * operation with the same nonce and key, until it is answered for good or `deadline_ms` have
 * passed. Between two attempts it waits 50 ms, then twice as long each time up to 2 s, half of it
 * by chance, and never less than the node asks for. A key that is NULL is drawn, and a nonce of 0
 * is asked of the node, once; both are in *ret_outcome before the first attempt. A key without a
 * nonce is refused: some day the node forgets the key, and would do the same under the next nonce.
 *
 *   MN_OK       it is done; the receipt is on disk at the node
 *   MN_REFUSED  it is not done, and no attempt of this call will still do it
 *   MN_UNKNOWN  time is up, or the token or the node's policy does not allow it any more, and an
 *               attempt was never answered: it may be done. Call again with the nonce and the key
 *               of *ret_outcome, and with the same operation
 *   else        it is not done: no attempt reached a node, or it can not be sent
 *
 * A node whose limits.req_timeout is over 10 s can still do what an attempt asked for after a later
 * one was refused. This call waits, so not in a client that does not. */
enum mn_result mn_wallet_op_retry(struct mn_client *client, const char *token,
	const struct mn_operation *operation, int deadline_ms, struct mn_outcome *ret_outcome);

/* The same decision for those who wait by themselves. Set to zeros, then called with each result of
 * an operation, what mn_read_error made of a refusal, and a clock that only goes forward. */
struct mn_retry {
	unsigned attempts;
	int is_unknown; /* an attempt had no answer, so that it may be done */
	int64_t unknown_ms;
};

/* How many milliseconds to wait before the same operation is sent again; -1: the result is final,
 * or time will be up by then (is_unknown tells how much is known). error may be NULL but for
 * MN_REFUSED. */
int mn_retry_wait(struct mn_retry *retry, enum mn_result result, const struct mn_error *error,
	int64_t now_ms, int64_t deadline_ms);

/* --- what was done ----------------------------------------------------------------------- */

/* The receipt of the operation with this txid, byte for byte. */
enum mn_result mn_tx(struct mn_client *client, const char *token, const char *txid,
	struct mn_answer *ret_answer);

/* That its entry is in the tree of the newest signed checkpoint: a C2SP .tlog-proof, text. */
enum mn_result mn_tx_proof(struct mn_client *client, const char *token, const char *txid,
	struct mn_answer *ret_answer);

/* A page of what moved an account's balance of an asset, newest first, before the entry with that
 * seq (0: from now), at most `limit` (0: MN_PAGE; at most MN_PAGE_MAX). "next" of the answer,
 * unless null, is `before` of the next page. */
#define MN_PAGE     100
#define MN_PAGE_MAX 200
enum mn_result mn_history(struct mn_client *client, const char *token, const char *account,
	const char *asset, uint64_t before, unsigned limit, struct mn_answer *ret_answer);

/* A page of what happened behind the entry with that seq, oldest first, of what the token may see:
 * lines of JSON, an event each, and {"next":seq,"size":seq} as the last, where to go on. When
 * nothing has happened the node waits a few seconds for something, and then answers with that line
 * alone. */
enum mn_result mn_events(struct mn_client *client, const char *token, uint64_t after,
	unsigned limit, struct mn_answer *ret_answer);

/* Everything is read and computed again. Progress comes about once a second, as JSON; the
 * callback may be NULL, and ends the wait by returning 0: MN_CLOSED. */
typedef int mn_progress(void *context, const char *json, size_t json_bytes);
enum mn_result mn_verify(struct mn_client *client, const char *token, mn_progress *progress,
	void *context, struct mn_answer *ret_answer);

/* --- objects: bytes under their own hash --------------------------------------------------- */

/* Brings up to bytes_max of what is put, at least one while there are any; 0: that was all, -1: it
 * cannot be had. And takes what is got; returning 0 gives up: MN_CLOSED. */
typedef long mn_source(void *context, void *bytes, size_t bytes_max);
typedef int mn_sink(void *context, const void *bytes, size_t bytes_count);

/* Puts the next `size` bytes of the source, of this content type (NULL: none). MN_OK: they are on
 * disk, under the "id" of the answer, {"id":"b3:...","size":n,"chunks":n,"accepted":true}. Putting
 * them again is the same. MN_CLOSED without a word of the node: the source ended too early. Waits,
 * so not in a client that does not. */
enum mn_result mn_object_put(struct mn_client *client, const char *token, const char *content_type,
	uint64_t size, mn_source *source, void *context, struct mn_answer *ret_answer);

struct mn_object {
	uint64_t size;
	char content_type[128]; /* "": none */
};

/* Gets the object of an address, "b3:" and 64 hex digits, and hashes what comes: MN_OK: the sink
 * has had all of it, and it is what the address says. After anything else the sink may have had
 * bytes of no use. *ret_answer is that of MN_REFUSED. Waits, likewise. */
enum mn_result mn_object_get(struct mn_client *client, const char *token, const char *address,
	mn_sink *sink, void *context, struct mn_object *ret_object, struct mn_answer *ret_answer);

/* Epochs of rewards, whose tenant is the token's. Bodies are those of the routes under /rewarder
 * (docs/openapi), with one member more, "epoch_id". The same computation may be asked for as often
 * as one likes: it is paid once. MN_OK also for what is not paid yet: see "status", and
 * "quarantine". */
enum mn_result mn_reward_compute(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer);
/* What an epoch paid, as it was attested; and run.json, which names whom and why. */
enum mn_result mn_reward_epoch(struct mn_client *client, const char *token, const char *epoch,
	struct mn_answer *ret_answer);
enum mn_result mn_reward_manifest(struct mn_client *client, const char *token, const char *epoch,
	struct mn_answer *ret_answer);
/* query: "", or after=EPOCH and held=true, joined by &. */
enum mn_result mn_reward_runs(struct mn_client *client, const char *token, const char *query,
	struct mn_answer *ret_answer);
/* {"epoch_id":...,"reason":...}: a quarantined epoch may be computed anew. */
enum mn_result mn_reward_release(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer);
/* A signed policy, and the one of an id. token may be NULL where policies are public. */
enum mn_result mn_reward_policy_put(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer);
enum mn_result mn_reward_policy(struct mn_client *client, const char *token, const char *policy_id,
	struct mn_answer *ret_answer);

/* --- without waiting ---------------------------------------------------------------------- */

/* A client for an event loop. Its questions are the functions above (not mn_wallet_op_retry,
 * mn_object_put and mn_object_get): they send what goes and return MN_AGAIN, or what is wrong. Then
 * mn_step, whenever mn_fd can be read, or written while mn_wants_to_write, until it returns
 * something else than MN_AGAIN: that is the result of the question, and *ret_answer its answer.
 * There is no time-out but the caller's, who may give up with another question, or with mn_close.
 * The fd is another one after each failure: ask for it each time. */
struct mn_client *mn_open_nonblocking(const char *socket_path);
int mn_fd(const struct mn_client *client); /* -1: not connected */
int mn_wants_to_write(const struct mn_client *client);
enum mn_result mn_step(struct mn_client *client, struct mn_answer *ret_answer);

/* Whether the receipt that came last is of an operation that was done before. */
int mn_was_replayed(const struct mn_client *client);

#ifdef __cplusplus
}
#endif

#endif
