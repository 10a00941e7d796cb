#include "services/prevalidator/compute.h"

#include <string.h>

#include "core/hex.h"

enum member {
#define AS_ENUM(NAME, name, type, required, oap_only, text) MEMBER_##NAME,
	COMPUTE_MEMBERS(AS_ENUM)
#undef AS_ENUM
		MEMBER_COUNT
};

enum release_member {
#define AS_ENUM(NAME, name, type, required, oap_only, text) MEMBER_##NAME,
	COMPUTE_RELEASE_MEMBERS(AS_ENUM)
#undef AS_ENUM
		RELEASE_MEMBER_COUNT
};

/* One table for each way in: a path has the epoch, a frame has it in the body. */
#define AS_HTTP(NAME, name, type, required, oap_only, text) \
	[MEMBER_##NAME] = { name, JSON_##type, required, oap_only, text },
#define AS_OAP(NAME, name, type, required, oap_only, text) \
	[MEMBER_##NAME] = { name, JSON_##type, required, false, text },
static const struct closed_member compute_http[] = { COMPUTE_MEMBERS(AS_HTTP) };
static const struct closed_member compute_oap[] = { COMPUTE_MEMBERS(AS_OAP) };
static const struct closed_member release_http[] = { COMPUTE_RELEASE_MEMBERS(AS_HTTP) };
static const struct closed_member release_oap[] = { COMPUTE_RELEASE_MEMBERS(AS_OAP) };
#undef AS_OAP
#undef AS_HTTP

/* --- values --- */

/* Who calls has looked at its length. */
static struct slice keep(uint8_t *room, struct slice text)
{
	if (text.bytes_count > 0) {
		memcpy(room, text.bytes, text.bytes_count);
	}
	return (struct slice){ room, text.bytes_count };
}

static bool keep_cid(struct slice text, struct hash *ret_hash)
{
	static const size_t prefix_bytes = 3; /* "b3:" */

	return reward_is_cid(text) &&
	       hex_decode((const char *)text.bytes + prefix_bytes, text.bytes_count - prefix_bytes,
		       ret_hash->bytes, sizeof ret_hash->bytes) == ERR_OK;
}

static bool keep_epoch(struct compute *compute, struct slice text)
{
	if (!reward_is_epoch(text)) {
		return false;
	}
	compute->epoch_id = keep(compute->epoch_bytes, text);
	return true;
}

static bool keep_policy(struct compute *compute, struct slice text)
{
	if (!reward_is_name(text)) {
		return false;
	}
	compute->policy_id = keep(compute->policy_bytes, text);
	return true;
}

/* JSON's reader passes UTF-8 alone, in which each byte that does not continue one begins a
 * character. */
static bool keep_notes(struct compute *compute, struct slice text)
{
	size_t chars = 0;

	for (size_t i = 0; i < text.bytes_count; i++) {
		chars += (text.bytes[i] & 0xc0u) != 0x80u;
	}
	if (chars > COMPUTE_NOTES_CHARS_MAX) {
		return false;
	}
	compute->notes = keep(compute->notes_bytes, text);
	return true;
}

static bool keep_reason(struct compute *compute, struct slice text)
{
	if (text.bytes_count == 0 || text.bytes_count > sizeof compute->reason_bytes) {
		return false;
	}
	compute->reason = keep(compute->reason_bytes, text);
	return true;
}

static bool take(void *self, unsigned member, struct slice text)
{
	struct compute *compute = self;

	switch ((enum member)member) {
	case MEMBER_INPUTS_CID:
		return keep_cid(text, &compute->inputs_cid);
	case MEMBER_POLICY_ID:
		return keep_policy(compute, text);
	case MEMBER_POLICY_HASH:
		return keep_cid(text, &compute->policy_hash);
	case MEMBER_DRY_RUN:
		compute->dry_run = text.bytes[0] == 't';
		return true;
	case MEMBER_NOTES:
		return keep_notes(compute, text);
	case MEMBER_EPOCH_ID:
		return keep_epoch(compute, text);
	case MEMBER_COUNT:
		break;
	}
	return false;
}

static bool take_release(void *self, unsigned member, struct slice text)
{
	switch ((enum release_member)member) {
	case MEMBER_REASON:
		return keep_reason(self, text);
	case MEMBER_RELEASE_EPOCH_ID:
		return keep_epoch(self, text);
	case RELEASE_MEMBER_COUNT:
		break;
	}
	return false;
}

/* --- the whole --- */

static const char *read_with(struct closed *closed, struct compute *compute, struct json *json,
	struct slice body, const struct slice *epoch_id)
{
	compute->epoch_id = compute->policy_id = compute->notes = compute->reason =
		(struct slice){ NULL, 0 };
	compute->dry_run = false;
	closed->self = compute;
	if (epoch_id != NULL && !keep_epoch(compute, *epoch_id)) {
		return COMPUTE_EPOCH_TEXT; /* it stands before the body */
	}
	return closed_read(closed, json, body);
}

const char *compute_read(
	struct compute *compute, struct json *json, struct slice body, const struct slice *epoch_id)
{
	struct closed closed = {
		.members = epoch_id == NULL ? compute_oap : compute_http,
		.count = MEMBER_COUNT,
		.take = take,
	};

	return read_with(&closed, compute, json, body, epoch_id);
}

const char *compute_read_release(
	struct compute *compute, struct json *json, struct slice body, const struct slice *epoch_id)
{
	struct closed closed = {
		.members = epoch_id == NULL ? release_oap : release_http,
		.count = RELEASE_MEMBER_COUNT,
		.take = take_release,
	};

	return read_with(&closed, compute, json, body, epoch_id);
}
