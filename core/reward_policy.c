#include "core/reward_policy.h"

#include <string.h>

#include "core/base64.h"
#include "core/entry.h"

static const char expected_amount[] =
	"a decimal string of 0 to 2^127 - 1 minor units, which may end in u";

int reward_policy_compare(struct slice a, struct slice b)
{
	size_t count = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = count == 0 ? 0 : memcmp(a.bytes, b.bytes, count);

	return order != 0 ? order
			  : (a.bytes_count > b.bytes_count) - (a.bytes_count < b.bytes_count);
}

/* ---- values ---- */

static bool read_amount(struct json *in, struct reward_policy_amount *ret_amount)
{
	struct slice text;
	u128 minor = 0;
	bool has_unit;

	if (!reward_doc_string(in, expected_amount, &text)) {
		return false;
	}
	has_unit = text.bytes_count > 0 && text.bytes[text.bytes_count - 1] == 'u';
	text.bytes_count -= has_unit ? 1 : 0;
	if (reward_number_parse(text, REWARD_AMOUNT_MAX, &minor) != REWARD_NUMBER_OK) {
		return json_fail(in, expected_amount, NULL);
	}
	*ret_amount = (struct reward_policy_amount){ .minor = minor, .has_unit = has_unit };
	return true;
}

/* "1.2.0", and behind it what semver allows: -pre.1+build.5, loosely. */
static bool is_version(struct slice text)
{
	size_t at = 0;

	if (text.bytes_count > REWARD_POLICY_VERSION_BYTES) {
		return false;
	}
	for (unsigned part = 0; part < 3; part++) {
		size_t start = at;

		while (at < text.bytes_count && text.bytes[at] >= '0' && text.bytes[at] <= '9') {
			at++;
		}
		if (at == start || (at > start + 1 && text.bytes[start] == '0')) {
			return false;
		}
		if (part < 2 && (at == text.bytes_count || text.bytes[at++] != '.')) {
			return false;
		}
	}
	if (at == text.bytes_count) {
		return true;
	}
	for (size_t i = at + 1; i < text.bytes_count; i++) {
		uint8_t byte = text.bytes[i], lower = byte | 0x20;

		if (!(byte >= '0' && byte <= '9') && !(lower >= 'a' && lower <= 'z') &&
			byte != '.' && byte != '-' && byte != '+') {
			return false;
		}
	}
	return at + 1 < text.bytes_count && (text.bytes[at] == '-' || text.bytes[at] == '+');
}

static void set_label(struct reward_label *label, struct slice name)
{
	label->bytes_count = (uint8_t)name.bytes_count;
	if (name.bytes_count > 0) {
		memcpy(label->bytes, name.bytes, name.bytes_count);
	}
}

/* ---- the body ---- */

static bool add_metric(struct json *in, struct reward_policy *policy, struct slice name)
{
	uint32_t at = policy->metric_count;
	struct reward_policy_metric metric = { 0 };
	struct slice text;

	if (!reward_is_metric(name)) {
		return json_fail(in, "a metric of 1 to 32 characters [a-z0-9_-]", NULL);
	}
	if (at == REWARD_METRICS_MAX) {
		return json_fail(in, "at most 16 metrics", NULL);
	}
	for (; at > 0; at--) {
		int order = reward_policy_compare(
			reward_label_view(&policy->metrics[at - 1].name), name);

		if (order == 0) {
			return json_fail(in, "each metric once", NULL);
		}
		if (order < 0) {
			break;
		}
	}
	set_label(&metric.name, name);
	if (json_next(in, &text) != JSON_NUMBER || !reward_weight_parse(text, &metric.weight)) {
		return json_fail(in,
			"a weight above 0 and at most 1 with at most 9 decimals, in its shortest "
			"form",
			NULL);
	}
	memmove(policy->metrics + at + 1, policy->metrics + at,
		(policy->metric_count - at) * sizeof policy->metrics[0]);
	policy->metrics[at] = metric;
	policy->metric_count++;
	return true;
}

static bool read_weights(struct json *in, struct reward_policy *policy)
{
	uint64_t sum = 0;
	struct slice name;

	if (!reward_doc_object(in)) {
		return false;
	}
	while (reward_doc_name(in, &name)) {
		if (!add_metric(in, policy, name)) {
			return false;
		}
	}
	for (uint32_t i = 0; i < policy->metric_count; i++) {
		sum += policy->metrics[i].weight;
	}
	return sum == REWARD_WEIGHT_ONE || json_fail(in, "weights that add up to 1 exactly", NULL);
}

static bool add_cap(struct json *in, struct reward_policy *policy, struct slice category)
{
	uint32_t at = policy->category_cap_count;
	struct reward_policy_cap cap = { 0 };

	if (!reward_is_category(category)) {
		return json_fail(in, "a category of at most 32 characters [a-z0-9_-]", NULL);
	}
	if (at == REWARD_CATEGORY_CAPS_MAX) {
		return json_fail(in, "at most 256 categories", NULL);
	}
	for (; at > 0; at--) {
		int order = reward_policy_compare(
			reward_label_view(&policy->category_caps[at - 1].category), category);

		if (order == 0) {
			return json_fail(in, "each category once", NULL);
		}
		if (order < 0) {
			break;
		}
	}
	set_label(&cap.category, category);
	if (!read_amount(in, &cap.amount)) {
		return false;
	}
	memmove(policy->category_caps + at + 1, policy->category_caps + at,
		(policy->category_cap_count - at) * sizeof policy->category_caps[0]);
	policy->category_caps[at] = cap;
	policy->category_cap_count++;
	return true;
}

static bool read_category_caps(struct json *in, struct reward_policy *policy)
{
	struct slice name;

	policy->category_caps_are_given = true;
	if (!reward_doc_object(in)) {
		return false;
	}
	while (reward_doc_name(in, &name)) {
		if (!add_cap(in, policy, name)) {
			return false;
		}
	}
	return in->fault.expected == NULL;
}

static bool read_caps(struct json *in, struct reward_policy *policy)
{
	static const char *const names[] = { "actor_cap", "category_cap", "epoch_cap" };
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		good = place == 1   ? read_category_caps(in, policy)
		       : place == 0 ? read_amount(in, &policy->actor_cap)
				    : read_amount(in, &policy->epoch_cap);
	}
	return good && json_members_whole(in, names, seen, 1 << 0 | 1 << 2);
}

static bool read_curve(struct json *in, struct reward_policy *policy)
{
	static const char *const names[] = { "base_per_epoch", "kind", "period_epochs" };
	static const char expected[] = "a number of epochs from 1 to 2^53 - 1";
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		if (place == 0) {
			good = read_amount(in, &policy->base_per_epoch);
		} else if (place == 1) {
			good = reward_doc_literal(in, "halving", "the curve halving");
		} else {
			good = reward_doc_u64(in, REWARD_EPOCH_INDEX_MAX, expected,
				       &policy->period_epochs) &&
			       (policy->period_epochs > 0 || json_fail(in, expected, NULL));
		}
	}
	return good && json_members_whole(in, names, seen, 7);
}

static bool read_rounding(struct json *in, struct reward_policy *policy)
{
	static const char expected[] = "the rounding floor or bankers";
	struct slice text;

	policy->rounding_is_given = true;
	if (!reward_doc_string(in, expected, &text)) {
		return false;
	}
	policy->rounding = entry_views_equal(text, ENTRY_VIEW("bankers")) ? REWARD_ROUND_BANKERS
									  : REWARD_ROUND_FLOOR;
	return policy->rounding == REWARD_ROUND_BANKERS ||
	       entry_views_equal(text, ENTRY_VIEW("floor")) || json_fail(in, expected, NULL);
}

static bool read_body(struct json *in, struct reward_policy *policy)
{
	enum { ASSET, CAPS, CURVE, ROUNDING, WEIGHTS };
	static const char *const names[] = { "asset", "caps", "emission_curve", "rounding",
		"weights" };
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		switch (place) {
		case ASSET:
			good = reward_doc_named(
				in, entry_asset_is_valid, "an asset of the ledger", &policy->asset);
			break;
		case CAPS:
			good = read_caps(in, policy);
			break;
		case CURVE:
			good = read_curve(in, policy);
			break;
		case ROUNDING:
			good = read_rounding(in, policy);
			break;
		default:
			good = read_weights(in, policy);
			break;
		}
	}
	return good && json_members_whole(
			       in, names, seen, 1 << ASSET | 1 << CAPS | 1 << CURVE | 1 << WEIGHTS);
}

/* ---- the document ---- */

static bool read_signature_bytes(struct json *in, uint8_t ret_bytes[REWARD_SIGNATURE_BYTES])
{
	static const char expected[] = "base64: and a signature of 64 bytes";
	static const char prefix[] = "base64:";
	size_t prefix_bytes = sizeof prefix - 1, count = 0;
	struct slice text;

	if (!reward_doc_string(in, expected, &text)) {
		return false;
	}
	return (text.bytes_count > prefix_bytes && memcmp(text.bytes, prefix, prefix_bytes) == 0 &&
		       base64_decode((const char *)text.bytes + prefix_bytes,
			       text.bytes_count - prefix_bytes, ret_bytes, REWARD_SIGNATURE_BYTES,
			       &count) == ERR_OK &&
		       count == REWARD_SIGNATURE_BYTES) ||
	       json_fail(in, expected, NULL);
}

static bool read_signature(struct json *in, struct reward_policy_signature *signature)
{
	static const char *const names[] = { "alg", "kid", "sig" };
	uint32_t seen = 0, place = 0;
	bool good = true;

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		if (place == 0) {
			good = reward_doc_literal(in, "ed25519", "the algorithm ed25519");
		} else if (place == 1) {
			good = reward_doc_named(in, reward_is_name,
				"a key's name of 1 to 128 characters [A-Za-z0-9._:-]",
				&signature->kid);
		} else {
			good = read_signature_bytes(in, signature->bytes);
		}
	}
	return good && json_members_whole(in, names, seen, 7);
}

static bool read_signatures(struct json *in, struct reward_policy *policy)
{
	struct slice text;
	enum json_event event = json_next(in, &text);

	if (event != JSON_ARRAY) {
		return json_fail(in, "a list of signatures", NULL);
	}
	while ((event = json_next(in, &text)) == JSON_OBJECT) {
		if (policy->signature_count == REWARD_SIGNATURES_MAX) {
			return json_fail(in, "at most 16 signatures", NULL);
		}
		if (!read_signature(in, &policy->signatures[policy->signature_count])) {
			return false;
		}
		policy->signature_count++;
	}
	return event == JSON_ARRAY_END || json_fail(in, "a signature", NULL);
}

static bool read_document(struct json *in, struct reward_policy *policy)
{
	enum { BODY, ID, SIGNATURES, VERSION };
	static const char *const names[] = { "body", "id", "signatures", "version" };
	uint32_t seen = 0, place = 0;
	bool good = reward_doc_object(in);

	while (good && reward_doc_member(in, names, COUNT_OF(names), &seen, &place)) {
		switch (place) {
		case BODY:
			good = read_body(in, policy);
			break;
		case ID:
			good = reward_doc_named(in, reward_is_name,
				"an id of 1 to 128 characters [A-Za-z0-9._:-]", &policy->id);
			break;
		case SIGNATURES:
			good = read_signatures(in, policy);
			break;
		default:
			good = reward_doc_named(
				in, is_version, "a version as 1.2.0", &policy->version);
			break;
		}
	}
	return good && json_members_whole(in, names, seen, 1 << BODY | 1 << ID | 1 << VERSION) &&
	       reward_doc_end(in);
}

bool reward_policy_read(
	struct slice text, struct reward_policy *ret_policy, struct reward_outcome *outcome)
{
	struct json in;
	struct blake3 hash;
	struct reward_text out;

	if (text.bytes_count > REWARD_POLICY_BYTES_MAX) {
		return reward_refuse(outcome, REWARD_REFUSAL_POLICY_INVALID,
			"the policy has at most 65536 bytes");
	}
	memset(ret_policy, 0, sizeof *ret_policy);
	reward_doc_begin(&in, text);
	if (!read_document(&in, ret_policy)) {
		(void)reward_refuse(outcome, REWARD_REFUSAL_POLICY_INVALID, "");
		reward_doc_tell(&in, "policy", outcome);
		return false;
	}
	blake3_start(&hash);
	reward_text_begin(&out, reward_text_hash, &hash);
	reward_policy_write(ret_policy, &out);
	reward_text_end(&out);
	blake3_finish(&hash, &ret_policy->hash);
	return true;
}

/* ---- the canonical form ---- */

static void put_amount(struct reward_text *out, const struct reward_policy_amount *amount)
{
	reward_text_put(out, "\"");
	reward_text_put_number(out, amount->minor);
	reward_text_put(out, amount->has_unit ? "u\"" : "\"");
}

static void put_weight(struct reward_text *out, uint32_t weight)
{
	char digits[] = "0.000000000";
	size_t count = sizeof digits - 1;

	if (weight == REWARD_WEIGHT_ONE) {
		reward_text_put(out, "1");
		return;
	}
	for (size_t at = count - 1; at > 1; at--) {
		digits[at] = (char)('0' + weight % 10);
		weight /= 10;
	}
	while (digits[count - 1] == '0') {
		count--;
	}
	reward_text_put_bytes(out, (struct slice){ (const uint8_t *)digits, count });
}

static void put_caps(struct reward_text *out, const struct reward_policy *policy)
{
	reward_text_put(out, ",\"caps\":{\"actor_cap\":");
	put_amount(out, &policy->actor_cap);
	if (policy->category_caps_are_given) {
		reward_text_put(out, ",\"category_cap\":{");
		for (uint32_t i = 0; i < policy->category_cap_count; i++) {
			const struct reward_policy_cap *cap = &policy->category_caps[i];

			reward_text_put(out, i == 0 ? "" : ",");
			reward_text_put_string(out, reward_label_view(&cap->category));
			reward_text_put(out, ":");
			put_amount(out, &cap->amount);
		}
		reward_text_put(out, "}");
	}
	reward_text_put(out, ",\"epoch_cap\":");
	put_amount(out, &policy->epoch_cap);
}

void reward_policy_write(const struct reward_policy *policy, struct reward_text *out)
{
	reward_text_put(out, "{\"body\":{\"asset\":");
	reward_text_put_string(out, reward_name_view(&policy->asset));
	put_caps(out, policy);
	reward_text_put(out, "},\"emission_curve\":{\"base_per_epoch\":");
	put_amount(out, &policy->base_per_epoch);
	reward_text_put(out, ",\"kind\":\"halving\",\"period_epochs\":");
	reward_text_put_number(out, policy->period_epochs);
	reward_text_put(out, "}");
	if (policy->rounding_is_given) {
		reward_text_put(out, ",\"rounding\":");
		reward_text_put(out,
			policy->rounding == REWARD_ROUND_BANKERS ? "\"bankers\"" : "\"floor\"");
	}
	reward_text_put(out, ",\"weights\":{");
	for (uint32_t i = 0; i < policy->metric_count; i++) {
		reward_text_put(out, i == 0 ? "" : ",");
		reward_text_put_string(out, reward_label_view(&policy->metrics[i].name));
		reward_text_put(out, ":");
		put_weight(out, policy->metrics[i].weight);
	}
	reward_text_put(out, "}},\"id\":");
	reward_text_put_string(out, reward_name_view(&policy->id));
	reward_text_put(out, ",\"version\":");
	reward_text_put_string(out, reward_name_view(&policy->version));
	reward_text_put(out, "}");
}

/* ---- what it says ---- */

u128 reward_policy_budget(const struct reward_policy *policy, uint64_t epoch_index)
{
	uint64_t halvings = epoch_index / policy->period_epochs;

	return halvings >= 127 ? 0 : policy->base_per_epoch.minor >> halvings;
}

const struct reward_policy_cap *reward_policy_cap_of(
	const struct reward_policy *policy, struct slice category)
{
	uint32_t first = 0, end = policy->category_cap_count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		const struct reward_policy_cap *cap = &policy->category_caps[middle];
		int order = reward_policy_compare(reward_label_view(&cap->category), category);

		if (order == 0) {
			return cap;
		}
		first = order < 0 ? middle + 1 : first;
		end = order < 0 ? end : middle;
	}
	return NULL;
}
