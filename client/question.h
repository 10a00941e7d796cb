#ifndef CLIENT_QUESTION_H
#define CLIENT_QUESTION_H

/* How a question of macronode.h is asked and its answer had: one under way at a time. */

#include "client/stream.h"

/* Public verbs are numbered by DESIGN-WALL.md section 7; proto/verbs.h has the inside ones. */
enum public_verb {
	VERB_HEALTH_PING = 0x0001,
	VERB_HEALTH_PONG = 0x0002,
	VERB_OBJ_GET = 0x0007,
	VERB_OBJ_DATA = 0x0008,
	VERB_OBJ_PUT = 0x0009,
	VERB_OBJ_ACK = 0x000A,
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
	VERB_REWARD_COMPUTE = 0x0030,
	VERB_REWARD_EPOCH = 0x0031,
	VERB_REWARD_MANIFEST = 0x0032,
	VERB_REWARD_RUNS = 0x0033,
	VERB_REWARD_RELEASE = 0x0034,
	VERB_REWARD_POLICY_PUT = 0x0035,
	VERB_REWARD_POLICY = 0x0036,
};

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

/* Sends it, or its first frame. Of an earlier one the answer may still come: nobody waits for it.
 */
MUST_CHECK enum mn_result question_ask(struct mn_client *client, uint16_t verb, uint16_t flags,
	const struct slice *parts, size_t part_count);

/* The next frame that belongs to it, in client->stream.payload. */
MUST_CHECK enum mn_result question_next_frame(
	struct mn_client *client, struct frame_head *ret_head);
bool question_is_last(const struct frame_head *head);

/* The frame is a part of the answer. */
MUST_CHECK enum mn_result question_keep(struct mn_client *client, size_t bytes_count);
/* The answer is whole: MN_OK, or MN_REFUSED when it is an error. */
enum mn_result question_judge(struct mn_client *client, struct mn_answer *ret_answer);

/* One frame after another until the answer is whole, or nothing more is there. */
enum mn_result question_collect(struct mn_client *client, struct mn_answer *ret_answer);

/* Asks and collects; of a client that does not wait only asks. */
enum mn_result question_call(struct mn_client *client, uint16_t verb, const struct slice *parts,
	size_t part_count, struct mn_answer *ret_answer);

/* u16 length, token, then what the route takes. False: no token of ours is that long. */
bool question_token(const char *token, uint8_t ret_length[2], struct slice ret_parts[2]);
enum mn_result question_refuse_token(struct mn_client *client, struct mn_answer *ret_answer);

#endif
