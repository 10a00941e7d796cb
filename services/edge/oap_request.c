#include "services/edge/oap_request.h"

#include <string.h>

#include "core/bytes.h"
#include "core/object.h"

/* Before its content type: size and length. */
#define OBJECT_FIXED_BYTES 10u

static const struct verdict_row {
	const char *code;
	const char *text;
} verdicts[OAP_REQUEST_VERDICT_COUNT] = {
#define AS_ROW(NAME, code, text) { code, text },
	OAP_REQUEST_VERDICTS(AS_ROW)
#undef AS_ROW
};

static const struct verb_row {
	uint16_t verb;
	enum route route;
	bool has_token;
} verbs[] = {
#define AS_ROW(id, NAME, route, has_token) { id, ROUTE_##route, has_token },
	OAP_PUBLIC_VERBS(AS_ROW)
#undef AS_ROW
};

const char *oap_request_code(enum oap_request_verdict verdict)
{
	return verdicts[verdict].code;
}

const char *oap_request_text(enum oap_request_verdict verdict)
{
	return verdicts[verdict].text;
}

static const struct verb_row *find_verb(uint16_t verb)
{
	for (size_t i = 0; i < COUNT_OF(verbs); i++) {
		if (verbs[i].verb == verb) {
			return &verbs[i];
		}
	}
	return NULL;
}

static enum oap_request_verdict judge_head(const struct frame_head *head)
{
	if ((head->flags & ~FRAME_FLAGS_KNOWN) != 0) {
		return OAP_REQUEST_SKIP;
	}
	if ((head->flags & FRAME_COMP) != 0) {
		return OAP_REQUEST_COMPRESSED;
	}
	if ((head->flags & ~(unsigned)FRAME_END) != FRAME_REQ &&
		(head->verb != OAP_PUBLIC_OBJ_PUT || head->flags != (FRAME_REQ | FRAME_CONT))) {
		return OAP_REQUEST_FLAGS;
	}
	if (find_verb(head->verb) == NULL) {
		return OAP_REQUEST_VERB;
	}
	return head->tenant_id != 0 ? OAP_REQUEST_TENANT : OAP_REQUEST_OK;
}

static size_t query_bytes_max(enum route route)
{
	return route == ROUTE_VERIFY || route == ROUTE_TLOG_CHECKPOINT ? 0 : VERB_QUERY_BYTES_MAX;
}

static bool cut_prefix(struct slice *text, const char *prefix)
{
	size_t prefix_bytes = strlen(prefix);

	if (text->bytes_count < prefix_bytes || memcmp(text->bytes, prefix, prefix_bytes) != 0) {
		return false;
	}
	text->bytes += prefix_bytes;
	text->bytes_count -= prefix_bytes;
	return true;
}

/* One verb for two routes, told apart as their paths are. */
static enum oap_request_verdict take_proof(struct oap_request_head *head)
{
	if (cut_prefix(&head->query, "consistency?")) {
		head->route = ROUTE_PROOF_CONSISTENCY;
		return OAP_REQUEST_OK;
	}
	return cut_prefix(&head->query, "entries/") ? OAP_REQUEST_OK : OAP_REQUEST_PROOF;
}

/* Likewise; what stands before "/proof" is looked at later. */
static enum oap_request_verdict take_tx(struct oap_request_head *head)
{
	static const char tail[] = "/proof";
	size_t tail_bytes = sizeof tail - 1;
	struct slice query = head->query;

	if (query.bytes_count >= tail_bytes &&
		memcmp(query.bytes + query.bytes_count - tail_bytes, tail, tail_bytes) == 0) {
		head->route = ROUTE_TX_PROOF;
	}
	return OAP_REQUEST_OK;
}

/* The payload as far as it is there, of a verb whose first field is a token. */
static enum oap_request_verdict take_token(
	struct byte_reader *in, uint32_t payload_bytes, struct slice *ret_token)
{
	uint64_t token_bytes;

	if (payload_bytes < 2) {
		return OAP_REQUEST_TOKEN;
	}
	if (in->left < 2) {
		return OAP_REQUEST_MORE;
	}
	token_bytes = byte_get_u16(in);
	if (token_bytes > VERB_TOKEN_BYTES_MAX || token_bytes > payload_bytes - 2) {
		return OAP_REQUEST_TOKEN;
	}
	if (in->left < token_bytes) {
		return OAP_REQUEST_MORE;
	}
	*ret_token = byte_get_view(in, (size_t)token_bytes);
	return OAP_REQUEST_OK;
}

/* What stands between token and bytes; what was taken before is payload_taken. */
static enum oap_request_verdict take_object(
	struct byte_reader *in, uint32_t payload_left, struct oap_request_head *head)
{
	uint64_t size, type_bytes;

	if (payload_left < OBJECT_FIXED_BYTES) {
		return OAP_REQUEST_OBJECT;
	}
	if (in->left < OBJECT_FIXED_BYTES) {
		return OAP_REQUEST_MORE;
	}
	size = byte_get_u64(in);
	type_bytes = byte_get_u16(in);
	if (type_bytes > OBJECT_TYPE_BYTES_MAX || type_bytes > payload_left - OBJECT_FIXED_BYTES) {
		return OAP_REQUEST_OBJECT;
	}
	if (size > OBJECT_BYTES_MAX) {
		return OAP_REQUEST_SIZE;
	}
	if (in->left < type_bytes) {
		return OAP_REQUEST_MORE;
	}
	head->object_bytes = (uint32_t)size;
	head->query = byte_get_view(in, (size_t)type_bytes);
	return OAP_REQUEST_OK;
}

/* Of an object: its first frame is what it says, as far as it goes. */
static enum oap_request_verdict judge_object(const struct oap_request_head *head)
{
	if (!head->goes_on) {
		return head->body_bytes == head->object_bytes ? OAP_REQUEST_OK : OAP_REQUEST_SIZE;
	}
	if (head->body_bytes > FRAME_CHUNK_BYTES_MAX) {
		return OAP_REQUEST_CHUNK;
	}
	return head->body_bytes < head->object_bytes ? OAP_REQUEST_OK : OAP_REQUEST_SIZE;
}

static enum oap_request_verdict take_payload(struct byte_reader *in, const struct verb_row *row,
	uint32_t payload_bytes, struct oap_request_head *head)
{
	enum oap_request_verdict verdict = OAP_REQUEST_OK;

	if (!routes_is_write(row->route)) {
		if (payload_bytes > OAP_REQUEST_SMALL_BYTES_MAX) {
			return OAP_REQUEST_PAYLOAD;
		}
		if (in->left < payload_bytes) {
			return OAP_REQUEST_MORE;
		}
		in->left = payload_bytes; /* not what the next frame holds */
	}
	if (row->has_token) {
		verdict = take_token(in, payload_bytes, &head->token);
	}
	if (verdict == OAP_REQUEST_OK && row->route == ROUTE_OBJECT_PUT) {
		return take_object(in, payload_bytes - 2 - (uint32_t)head->token.bytes_count, head);
	}
	if (verdict != OAP_REQUEST_OK || routes_is_write(row->route)) {
		return verdict;
	}
	if (row->route == ROUTE_PROBE) {
		return OAP_REQUEST_OK;
	}
	head->query = byte_get_view(in, in->left);
	if (head->query.bytes_count > query_bytes_max(row->route)) {
		return OAP_REQUEST_PAYLOAD;
	}
	if (row->verb == OAP_PUBLIC_TX) {
		return take_tx(head);
	}
	return row->verb == OAP_PUBLIC_PROOF ? take_proof(head) : OAP_REQUEST_OK;
}

static enum oap_request_verdict verdict_of(enum frame_verdict verdict)
{
	switch (verdict) {
	case FRAME_OK:
		return OAP_REQUEST_OK;
	case FRAME_SHORT:
		return OAP_REQUEST_MORE;
	case FRAME_BAD_VERSION:
		return OAP_REQUEST_VERSION;
	case FRAME_TOO_LARGE:
		return OAP_REQUEST_TOO_LARGE;
	case FRAME_LEN_BELOW_HEAD:
		return OAP_REQUEST_LENGTH;
	}
	return OAP_REQUEST_LENGTH;
}

enum oap_request_verdict oap_request_decode(struct slice bytes, struct oap_request_head *ret_head)
{
	struct frame_head frame = { 0 };
	enum oap_request_verdict verdict = verdict_of(frame_decode(bytes, &frame));
	struct oap_request_head head = { .corr_id = frame.corr_id, .verb = frame.verb };
	struct byte_reader in = byte_reader_of(bytes);

	*ret_head = head;
	if (verdict != OAP_REQUEST_OK) {
		return verdict;
	}
	(void)byte_take(&in, FRAME_HEAD_BYTES);
	verdict = judge_head(&frame);
	if (verdict == OAP_REQUEST_SKIP) {
		ret_head->head_bytes = FRAME_HEAD_BYTES;
		ret_head->body_bytes = frame.payload_bytes;
		return verdict;
	}
	if (verdict == OAP_REQUEST_OK) {
		const struct verb_row *row = find_verb(frame.verb);

		head.route = row->route;
		verdict = take_payload(&in, row, frame.payload_bytes, &head);
	}
	if (verdict == OAP_REQUEST_OK) {
		/* of a write all but its body */
		head.head_bytes = routes_is_write(head.route)
					  ? (uint32_t)(in.next - bytes.bytes)
					  : FRAME_HEAD_BYTES + frame.payload_bytes;
		head.body_bytes = FRAME_HEAD_BYTES + frame.payload_bytes - head.head_bytes;
		head.goes_on = (frame.flags & FRAME_CONT) != 0;
		if (head.route == ROUTE_OBJECT_PUT) {
			verdict = judge_object(&head);
		}
	}
	if (verdict == OAP_REQUEST_OK) {
		*ret_head = head;
	}
	return verdict;
}
