#include "proto/frame.h"

#include "common/check.h"
#include "core/bytes.h"

const char *frame_verdict_name(enum frame_verdict verdict)
{
	switch (verdict) {
	case FRAME_OK:
	case FRAME_SHORT:
		return "";
	case FRAME_BAD_VERSION:
		return "BadVersion";
	case FRAME_TOO_LARGE:
		return "FrameTooLarge";
	case FRAME_LEN_BELOW_HEAD:
		return "BadRequest";
	}
	return "";
}

enum frame_verdict frame_decode(struct slice bytes, struct frame_head *ret_head)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct frame_head head;
	uint32_t len;

	if (bytes.bytes_count < 4) {
		return FRAME_SHORT;
	}
	len = byte_get_u32(&in);
	if (len > FRAME_LEN_MAX) {
		return FRAME_TOO_LARGE;
	}
	if (len < FRAME_LEN_MIN) {
		return FRAME_LEN_BELOW_HEAD;
	}
	if (in.left > 0 && in.next[0] != FRAME_VERSION) {
		return FRAME_BAD_VERSION;
	}
	if (bytes.bytes_count < FRAME_HEAD_BYTES) {
		return FRAME_SHORT;
	}
	(void)byte_get_u8(&in);
	head.flags = byte_get_u16(&in);
	head.tenant_id = byte_get_u128(&in);
	head.corr_id = byte_get_u64(&in);
	head.verb = byte_get_u16(&in);
	head.payload_bytes = len - FRAME_LEN_MIN;
	assert(!in.failed);
	*ret_head = head;
	return FRAME_OK;
}

void frame_encode(const struct frame_head *head, uint8_t ret_bytes[FRAME_HEAD_BYTES])
{
	struct byte_writer out = byte_writer_of(ret_bytes, FRAME_HEAD_BYTES);

	assert(head->payload_bytes <= FRAME_PAYLOAD_BYTES_MAX);
	byte_put_u32(&out, FRAME_LEN_MIN + head->payload_bytes);
	byte_put_u8(&out, FRAME_VERSION);
	byte_put_u16(&out, head->flags);
	byte_put_u128(&out, head->tenant_id);
	byte_put_u64(&out, head->corr_id);
	byte_put_u16(&out, head->verb);
	assert(!out.failed && out.used == FRAME_HEAD_BYTES);
}
