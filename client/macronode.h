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
 * failure. Nothing is ever asked twice by itself: after MN_TIMEOUT or MN_CLOSED an ingest may
 * have happened, and sending the same entries again is how to find out. It moves nothing twice.
 *
 * Tokens are text as `macronode cap mint` prints it. */

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
	MN_NO_MEMORY
};

struct mn_client;

/* The JSON text that the HTTP route would have had as its body. Belongs to the client and lives
 * until its next question. Set for MN_OK and MN_REFUSED, else empty. A zero follows. */
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

/* Everything is read and computed again. Progress comes about once a second, as JSON; the
 * callback may be NULL, and ends the wait by returning 0: MN_CLOSED. */
typedef int mn_progress(void *context, const char *json, size_t json_bytes);
enum mn_result mn_verify(struct mn_client *client, const char *token, mn_progress *progress,
	void *context, struct mn_answer *ret_answer);

#ifdef __cplusplus
}
#endif

#endif
