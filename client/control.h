#ifndef CLIENT_CONTROL_H
#define CLIENT_CONTROL_H

#include "client/stream.h"
#include "common/errors.h"
#include "common/types.h"

/* The control socket, <node.run_dir>/control (DESIGN-WALL.md section 6): for root and the
 * node's own user. Not part of the public library: it changes with the node. */

struct control {
	struct stream stream;
	uint64_t corr_id;
};

/* status ERR_OK: text is what was asked for; else it is the sentence that says why not. It
 * lives until the next question. */
struct control_answer {
	enum err status;
	uint64_t next;
	struct slice text;
};

struct control_order {
	uint8_t act;   /* enum batch_control_kind */
	uint8_t scope; /* enum batch_control_scope */
	const char *name;
	const char *reason;
	const char *actor;
};

struct control_acknowledgement {
	uint64_t size;
	struct hash root;
	const char *actor;
};

/* False: the path of the socket is too long. */
MUST_CHECK bool control_init(struct control *control, const char *run_dir, int timeout_ms);
void control_finish(struct control *control);
const char *control_error_text(const struct control *control); /* when not MN_OK */

MUST_CHECK enum mn_result control_status(
	struct control *control, struct control_answer *ret_answer);
MUST_CHECK enum mn_result control_stop(
	struct control *control, const char *reason, struct control_answer *ret_answer);
/* Waits until it is over: JSON of supervisor/reload_result.c. */
MUST_CHECK enum mn_result control_reload(
	struct control *control, struct control_answer *ret_answer);
/* form: enum token_form of proto/verbs.h; caveats: lines of text */
MUST_CHECK enum mn_result control_mint(struct control *control, uint8_t form, struct slice caveats,
	struct control_answer *ret_answer);
MUST_CHECK enum mn_result control_revoke(struct control *control, uint32_t kid,
	const struct id128 *capability, struct control_answer *ret_answer);
/* active_kid: the root key that a new one is to follow; refused when it no longer is. */
MUST_CHECK enum mn_result control_rotate(
	struct control *control, uint32_t active_kid, struct control_answer *ret_answer);
MUST_CHECK enum mn_result control_list(
	struct control *control, uint64_t after, struct control_answer *ret_answer);
/* The node key: JSON. */
MUST_CHECK enum mn_result control_key(struct control *control, struct control_answer *ret_answer);
/* The trace of that correlation or trace id; id "": the newest of all. JSON. */
MUST_CHECK enum mn_result control_trace(
	struct control *control, const char *id, struct control_answer *ret_answer);
/* What keeps the node from writing; next of the answer is 1 when there is something. With a size
 * and root: go on with what is on disk, which must be that. */
MUST_CHECK enum mn_result control_recover(struct control *control,
	const struct control_acknowledgement *acknowledged, struct control_answer *ret_answer);
MUST_CHECK enum mn_result control_govern(struct control *control, const struct control_order *order,
	struct control_answer *ret_answer);

#endif
