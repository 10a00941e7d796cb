#include "client/control.h"

#include <stdio.h>
#include <string.h>

#include "proto/verbs.h"

/* Of what we ask, the caveats of a token are the longest. */
#define QUESTION_BYTES_MAX (VERB_CAVEATS_BYTES_MAX + 4u)

bool control_init(struct control *control, const char *run_dir, int timeout_ms)
{
	char path[STREAM_PATH_BYTES_MAX + 2];
	int bytes = snprintf(path, sizeof path, "%s/control", run_dir);

	*control = (struct control){ 0 };
	control->stream.fd = -1;
	return bytes > 0 && (size_t)bytes < sizeof path &&
	       stream_init(&control->stream, path, timeout_ms);
}

void control_finish(struct control *control)
{
	stream_finish(&control->stream);
}

const char *control_error_text(const struct control *control)
{
	return control->stream.error;
}

/* Encoders assert bounds: what comes from a command line is held to them here. */
static bool take_text(const char *text, size_t bytes_max, struct slice *ret_text)
{
	size_t bytes_count = strlen(text);

	if (bytes_count > bytes_max) {
		return false;
	}
	*ret_text = (struct slice){ (const uint8_t *)text, bytes_count };
	return true;
}

static enum mn_result refuse_long(struct control *control)
{
	return stream_fail(&control->stream, MN_TOO_LARGE,
		"the question is too long: %u bytes for a reason, %u for a name, %u for caveats",
		VERB_TEXT_BYTES_MAX, VERB_NAME_BYTES_MAX, VERB_CAVEATS_BYTES_MAX);
}

/* Credit given back comes in between; a client with one question at a time needs none. */
static enum mn_result await_answer(struct control *control, struct control_answer *ret_answer)
{
	struct frame_head head;
	struct oap_ctl_answer msg;
	enum mn_result result;

	do {
		result = stream_receive(&control->stream, &head);
		if (result != MN_OK) {
			return result;
		}
	} while (head.verb == OAP_CREDIT);
	struct byte_reader in =
		byte_reader_of((struct slice){ control->stream.payload, head.payload_bytes });
	if (head.verb != OAP_CTL_ANSWER || head.corr_id != control->corr_id ||
		!oap_decode_ctl_answer(&in, &msg)) {
		return stream_fail(&control->stream, MN_PROTOCOL,
			"%s: the node and this command are of different versions",
			control->stream.path);
	}
	*ret_answer = (struct control_answer){
		.status = (enum err)msg.status,
		.next = msg.next,
		.text = msg.text,
	};
	return MN_OK;
}

static enum mn_result ask(struct control *control, uint16_t verb, const struct byte_writer *out,
	const uint8_t *payload, struct control_answer *ret_answer)
{
	struct frame_head head = {
		.flags = FRAME_REQ, .verb = verb, .corr_id = ++control->corr_id
	};
	struct slice part = { payload, out->used };
	enum mn_result result;

	assert(!out->failed); /* each payload below has room for its verb */
	result = stream_connect(&control->stream);
	if (result == MN_OK) {
		result = stream_send(&control->stream, head, &part, 1);
	}
	return result == MN_OK ? await_answer(control, ret_answer) : result;
}

enum mn_result control_status(struct control *control, struct control_answer *ret_answer)
{
	uint8_t payload[1];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_status msg = { .detail = 1 };

	(void)!oap_encode_ctl_status(&out, &msg);
	return ask(control, OAP_CTL_STATUS, &out, payload, ret_answer);
}

enum mn_result control_stop(
	struct control *control, const char *reason, struct control_answer *ret_answer)
{
	uint8_t payload[VERB_TEXT_BYTES_MAX + 4];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_stop msg = { 0 };

	if (!take_text(reason, VERB_TEXT_BYTES_MAX, &msg.reason)) {
		return refuse_long(control);
	}
	(void)!oap_encode_ctl_stop(&out, &msg);
	return ask(control, OAP_CTL_STOP, &out, payload, ret_answer);
}

enum mn_result control_reload(struct control *control, struct control_answer *ret_answer)
{
	uint8_t payload[1];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_reload msg = { .detail = 1 };

	(void)!oap_encode_ctl_reload(&out, &msg);
	return ask(control, OAP_CTL_RELOAD, &out, payload, ret_answer);
}

enum mn_result control_mint(struct control *control, uint8_t form, struct slice caveats,
	struct control_answer *ret_answer)
{
	uint8_t payload[QUESTION_BYTES_MAX];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_mint msg = { .form = form, .caveats = caveats };

	if (caveats.bytes_count > VERB_CAVEATS_BYTES_MAX) {
		return refuse_long(control);
	}
	(void)!oap_encode_ctl_mint(&out, &msg);
	return ask(control, OAP_CTL_MINT, &out, payload, ret_answer);
}

enum mn_result control_revoke(struct control *control, uint32_t kid, const struct id128 *capability,
	struct control_answer *ret_answer)
{
	uint8_t payload[4 + ID_BYTES];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_revoke msg = { .kid = kid, .capability = *capability };

	(void)!oap_encode_ctl_revoke(&out, &msg);
	return ask(control, OAP_CTL_REVOKE, &out, payload, ret_answer);
}

enum mn_result control_rotate(
	struct control *control, uint32_t active_kid, struct control_answer *ret_answer)
{
	uint8_t payload[4];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_rotate msg = { .active_kid = active_kid };

	(void)!oap_encode_ctl_rotate(&out, &msg);
	return ask(control, OAP_CTL_ROTATE, &out, payload, ret_answer);
}

enum mn_result control_list(
	struct control *control, uint64_t after, struct control_answer *ret_answer)
{
	uint8_t payload[8];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_list msg = { .after = after };

	(void)!oap_encode_ctl_list(&out, &msg);
	return ask(control, OAP_CTL_LIST, &out, payload, ret_answer);
}

enum mn_result control_key(struct control *control, struct control_answer *ret_answer)
{
	uint8_t payload[1];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_key msg = { .detail = 1 };

	(void)!oap_encode_ctl_key(&out, &msg);
	return ask(control, OAP_CTL_KEY, &out, payload, ret_answer);
}

enum mn_result control_trace(
	struct control *control, const char *id, struct control_answer *ret_answer)
{
	uint8_t payload[4 + VERB_NAME_BYTES_MAX];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_trace msg = { 0 };

	if (!take_text(id, VERB_NAME_BYTES_MAX, &msg.id)) {
		return refuse_long(control);
	}
	(void)!oap_encode_ctl_trace(&out, &msg);
	return ask(control, OAP_CTL_TRACE, &out, payload, ret_answer);
}

enum mn_result control_recover(struct control *control,
	const struct control_acknowledgement *acknowledged, struct control_answer *ret_answer)
{
	uint8_t payload[1 + 8 + HASH_BYTES + 4 + VERB_NAME_BYTES_MAX];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_recover msg = { .act = RECOVER_EXPLAIN };

	if (acknowledged != NULL) {
		msg.act = RECOVER_ACKNOWLEDGE;
		msg.size = acknowledged->size;
		msg.root = acknowledged->root;
		if (!take_text(acknowledged->actor, VERB_NAME_BYTES_MAX, &msg.actor)) {
			return refuse_long(control);
		}
	}
	(void)!oap_encode_ctl_recover(&out, &msg);
	return ask(control, OAP_CTL_RECOVER, &out, payload, ret_answer);
}

enum mn_result control_govern(struct control *control, const struct control_order *order,
	struct control_answer *ret_answer)
{
	uint8_t payload[2 + 3 * 4 + VERB_TEXT_BYTES_MAX + 2 * VERB_NAME_BYTES_MAX];
	struct byte_writer out = byte_writer_of(payload, sizeof payload);
	struct oap_ctl_govern msg = { .act = order->act, .scope = order->scope };

	if (!take_text(order->name, VERB_NAME_BYTES_MAX, &msg.name) ||
		!take_text(order->reason, VERB_TEXT_BYTES_MAX, &msg.reason) ||
		!take_text(order->actor, VERB_NAME_BYTES_MAX, &msg.actor)) {
		return refuse_long(control);
	}
	(void)!oap_encode_ctl_govern(&out, &msg);
	return ask(control, OAP_CTL_GOVERN, &out, payload, ret_answer);
}
