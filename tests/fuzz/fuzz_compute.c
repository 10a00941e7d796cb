/* Bodies of POST /rewarder/epochs/{epoch_id}/compute. The first byte says whether it comes over
 * OAP/1; what is accepted is sound, and printed as JSON it is read as an equal one. */
#include <string.h>

#include "core/json_out.h"
#include "services/prevalidator/compute.h"

static void put_cid(struct json_out *out, const char *name, const struct hash *hash)
{
	static const char digits[] = "0123456789abcdef";
	char text[REWARD_CID_BYTES + 1] = "b3:";

	for (size_t i = 0; i < HASH_BYTES; i++) {
		text[3 + 2 * i] = digits[hash->bytes[i] >> 4];
		text[4 + 2 * i] = digits[hash->bytes[i] & 15];
	}
	json_out_key(out, name);
	json_out_text(out, text);
}

static void put(struct json_out *out, const char *name, struct slice text)
{
	json_out_key(out, name);
	json_out_string(out, text);
}

static size_t print(const struct compute *compute, bool is_oap, uint8_t *bytes, size_t bytes_max)
{
	struct json_out out;
	size_t bytes_count = 0;
	enum err err;

	json_out_init(&out, bytes, bytes_max);
	json_out_object_begin(&out);
	put_cid(&out, "inputs_cid", &compute->inputs_cid);
	put(&out, "policy_id", compute->policy_id);
	put_cid(&out, "policy_hash", &compute->policy_hash);
	json_out_key(&out, "dry_run");
	json_out_bool(&out, compute->dry_run);
	put(&out, "notes", compute->notes);
	if (is_oap) {
		put(&out, "epoch_id", compute->epoch_id);
	}
	json_out_object_end(&out);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* every member is bounded */
	return bytes_count;
}

static bool same(struct slice a, struct slice b)
{
	return a.bytes_count == b.bytes_count &&
	       (a.bytes_count == 0 || memcmp(a.bytes, b.bytes, a.bytes_count) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static const struct slice epoch_id = { (const uint8_t *)"2025-10-01", 10 };
	static struct json json;
	static struct compute compute, again;
	static uint8_t printed[65536];
	const struct slice *path;
	const char *fault;

	if (bytes_count == 0 || bytes_count > BODY_BYTES_MAX) {
		return 0;
	}
	path = (bytes[0] & 0x80) != 0 ? NULL : &epoch_id;
	fault = compute_read(&compute, &json, (struct slice){ bytes + 1, bytes_count - 1 }, path);
	if (fault != NULL) {
		assert(fault[0] != '\0');
		return 0;
	}
	assert(reward_is_epoch(compute.epoch_id) && reward_is_name(compute.policy_id));
	fault = compute_read(&again, &json,
		(struct slice){ printed, print(&compute, path == NULL, printed, sizeof printed) },
		path);
	assert(fault == NULL && again.dry_run == compute.dry_run);
	assert(same(again.epoch_id, compute.epoch_id) && same(again.policy_id, compute.policy_id) &&
		same(again.notes, compute.notes));
	assert(memcmp(&again.policy_hash, &compute.policy_hash, sizeof again.policy_hash) == 0 &&
		memcmp(&again.inputs_cid, &compute.inputs_cid, sizeof again.inputs_cid) == 0);
	return 0;
}
