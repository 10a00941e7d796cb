#ifndef PROTO_FRAME_H
#define PROTO_FRAME_H

/* The OAP/1 envelope (spec/node.md section 9.1): a 33-byte little-endian header, then the
 * payload. The same envelope is spoken inside, between our processes, and outside, by local
 * clients.
 *
 *   offset  size  field
 *        0     4  len        bytes that follow this field: 29 + payload
 *        4     1  ver        1
 *        5     2  flags      REQ 1, RESP 2, EVENT 4, CONT 8, END 16, COMP 32
 *        7    16  tenant_id  0 = unused
 *       23     8  corr_id    inside: the ticket or request id
 *       31     2  verb
 *       33     n  payload
 *
 * The cap is compared before anything is allocated or read. Bits of flags that we do not
 * know are preserved by the codec; who dispatches drops such a frame and counts it. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/slice.h"
#include "common/types.h"

#define FRAME_HEAD_BYTES        33u
#define FRAME_LEN_MIN           29u             /* a frame without payload */
#define FRAME_LEN_MAX           (1024u * 1024u) /* spec: 1 MiB, fixed */
#define FRAME_BYTES_MAX         (4u + FRAME_LEN_MAX)
#define FRAME_PAYLOAD_BYTES_MAX (FRAME_LEN_MAX - FRAME_LEN_MIN) /* 1 048 547 */
#define FRAME_CHUNK_BYTES_MAX   65536u                          /* payload of a CONT frame */
#define FRAME_VERSION           1u

enum frame_flag {
	FRAME_REQ = 1,
	FRAME_RESP = 2,
	FRAME_EVENT = 4,
	FRAME_CONT = 8,
	FRAME_END = 16,
	FRAME_COMP = 32,
};
#define FRAME_FLAGS_KNOWN 63u

struct frame_head {
	uint16_t flags;
	uint16_t verb;
	u128 tenant_id;
	uint64_t corr_id;
	uint32_t payload_bytes;
};

enum frame_verdict {
	FRAME_OK,
	FRAME_SHORT,          /* more bytes are needed; no error */
	FRAME_BAD_VERSION,    /* ver is not 1 */
	FRAME_TOO_LARGE,      /* len is over the cap */
	FRAME_LEN_BELOW_HEAD, /* len is under 29 */
};

/* The name a client is told (spec/node.md section 4.1); "" for FRAME_OK and FRAME_SHORT. */
const char *frame_verdict_name(enum frame_verdict verdict);

/* Looks at the first bytes of a stream. Length and version are judged as soon as they are
 * there, the rest when the header is. *ret_head is written on FRAME_OK only, which says
 * nothing about whether the payload has arrived. */
enum frame_verdict frame_decode(struct slice bytes, struct frame_head *ret_head);

/* Writes the 33 bytes. payload_bytes must be within the cap. */
void frame_encode(const struct frame_head *head, uint8_t ret_bytes[FRAME_HEAD_BYTES]);

#endif
