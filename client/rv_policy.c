#include "client/rv.h"

#include <stdlib.h>
#include <string.h>

#define POLICY_BYTES_MAX 65536u
#define SIGNATURES_MAX   16u

struct rv_policy rv_policy;

static bool is_amount(const struct rv_node *node, mpz_t ret)
{
	char digits[130];

	if (!rv_fits(node, RV_FORM_AMOUNT)) {
		return false;
	}
	(void)snprintf(digits, sizeof digits, "%.*s", (int)strcspn(node->text, "u"), node->text);
	return mpz_init_set_str(ret, digits, 10) == 0 && mpz_cmp(ret, rv_policy.amount_max) <= 0;
}

static int compare_weights(const void *a, const void *b)
{
	return strcmp(((const struct rv_weight *)a)->name, ((const struct rv_weight *)b)->name);
}

/* "0.7" is 700000000. */
static uint32_t billionths(const char *text)
{
	const char *digit = text[1] == '.' ? text + 2 : "";
	uint32_t number = (uint32_t)(text[0] - '0');

	for (unsigned i = 0; i < 9; i++) {
		number = 10 * number + (*digit == '\0' ? 0 : (uint32_t)(*digit++ - '0'));
	}
	return number;
}

static bool read_weights(const struct rv_node *node)
{
	uint64_t sum = 0;

	if (node->type != RV_OBJECT || rv_has_twice(node)) {
		return false;
	}
	for (const struct rv_node *at = node->first; at != NULL; at = at->next) {
		if (rv_policy.weight_count == RV_METRICS_MAX ||
			!rv_text_fits(at->name, RV_FORM_METRIC) || at->type != RV_NUMBER ||
			!rv_text_fits(at->text, RV_FORM_WEIGHT)) {
			return false;
		}
		rv_policy.weights[rv_policy.weight_count++] =
			(struct rv_weight){ at->name, billionths(at->text) };
		sum += billionths(at->text);
	}
	qsort(rv_policy.weights, rv_policy.weight_count, sizeof rv_policy.weights[0],
		compare_weights);
	return sum == RV_WEIGHT_ONE;
}

static bool read_caps(const struct rv_node *node)
{
	const struct rv_node *caps = rv_member(node, "category_cap");

	if (!rv_is_object(node, 2, RV_NAMES("actor_cap", "epoch_cap", "category_cap")) ||
		!is_amount(rv_member(node, "actor_cap"), rv_policy.actor_cap) ||
		!is_amount(rv_member(node, "epoch_cap"), rv_policy.epoch_cap) ||
		rv_has_twice(caps)) {
		return false;
	}
	for (const struct rv_node *at = caps->first; at != NULL; at = at->next) {
		if (rv_policy.cap_count == RV_CAPS_MAX ||
			!rv_text_fits(at->name, RV_FORM_CATEGORY) ||
			!is_amount(at, rv_policy.caps[rv_policy.cap_count].most)) {
			return false;
		}
		rv_policy.caps[rv_policy.cap_count++].category = at->name;
	}
	return caps->type == RV_OBJECT || caps->type == RV_NOTHING;
}

static bool read_body(const struct rv_node *body)
{
	const struct rv_node *curve = rv_member(body, "emission_curve"),
			     *rounding = rv_member(body, "rounding");

	rv_policy.asset = rv_member(body, "asset")->text;
	rv_policy.is_bankers = rv_is_text(rounding, "bankers");
	return rv_is_object(body, 4,
		       RV_NAMES("asset", "caps", "emission_curve", "weights", "rounding")) &&
	       rv_fits(rv_member(body, "asset"), RV_FORM_ASSET) &&
	       read_caps(rv_member(body, "caps")) &&
	       rv_is_object(curve, 3, RV_NAMES("base_per_epoch", "kind", "period_epochs")) &&
	       rv_is_text(rv_member(curve, "kind"), "halving") &&
	       is_amount(rv_member(curve, "base_per_epoch"), rv_policy.base) &&
	       rv_is_number(rv_member(curve, "period_epochs"), RV_INDEX_MAX, &rv_policy.period) &&
	       rv_policy.period > 0 && read_weights(rv_member(body, "weights")) &&
	       (rv_policy.is_bankers || rounding->type == RV_NOTHING ||
		       rv_is_text(rounding, "floor"));
}

static bool are_signatures(const struct rv_node *node)
{
	size_t count = 0;

	for (const struct rv_node *at = node->first; at != NULL; at = at->next) {
		if (count++ == SIGNATURES_MAX ||
			!rv_is_object(at, 3, RV_NAMES("alg", "kid", "sig")) ||
			!rv_is_text(rv_member(at, "alg"), "ed25519") ||
			!rv_fits(rv_member(at, "kid"), RV_FORM_NAME) ||
			!rv_fits(rv_member(at, "sig"), RV_FORM_SIGNATURE)) {
			return false;
		}
	}
	return node->type == RV_ARRAY || node->type == RV_NOTHING;
}

void rv_read_policy(struct rv_bytes text)
{
	bool is_whole;
	const struct rv_node *document = rv_parse(text, &is_whole);

	rv_policy.id = rv_member(document, "id")->text;
	if (text.count > POLICY_BYTES_MAX || !is_whole ||
		!rv_is_object(document, 3, RV_NAMES("body", "id", "version", "signatures")) ||
		!rv_fits(rv_member(document, "id"), RV_FORM_NAME) ||
		!rv_fits(rv_member(document, "version"), RV_FORM_VERSION) ||
		!are_signatures(rv_member(document, "signatures")) ||
		!read_body(rv_member(document, "body"))) {
		rv_stop(RV_BAD,
			"no policy of rewards: a member is missing, is one too many, or is not "
			"as it must be");
	}
	rv_policy.hash = rv_cid_of(rv_canonical(document, "signatures"));
}
