/* macronode reward policy keygen, sign, show: who approved which rules of rewards. Nothing here
 * needs a node. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/out_file.h"
#include "cli/reward_buffer.h"
#include "cli/reward_key.h"
#include "common/ed25519.h"
#include "core/amount.h"
#include "core/base64.h"
#include "core/json_out.h"

#define KEYS_MAX REWARD_SIGNATURES_MAX

/* For %.*s of a name or label. */
#define AS_TEXT(name) (int)(name).bytes_count, (const char *)(name).bytes

static int load(const struct cli *cli, const char *path, struct reward_policy *ret_policy)
{
	struct reward_outcome outcome = { 0 };
	struct slice text;
	bool good;

	if (!cli_read_file(cli, path, REWARD_POLICY_BYTES_MAX, &text)) {
		return CLI_CANNOT;
	}
	good = reward_policy_read(text, ret_policy, &outcome);
	free((void *)(uintptr_t)text.bytes);
	return good ? CLI_GOOD : cli_fail(cli, CLI_BAD, "%s: %s", path, outcome.detail);
}

/* What is signed: "b3:" and the hash, as text (R-O05). */
static struct slice message_of(const struct reward_policy *policy, char text[REWARD_CID_BYTES + 1])
{
	reward_text_print_cid(&policy->hash, text);
	return (struct slice){ (const uint8_t *)text, REWARD_CID_BYTES };
}

/* ---- keygen ---- */

int cli_reward_policy_keygen(struct cli *cli)
{
	const char *kid = cli_option(cli, "--kid");
	char vkey[NOTE_VKEY_BYTES_MAX];
	struct reward_key key;
	int exit;

	if (kid == NULL) {
		return cli_fail(cli, CLI_USAGE, "needs --kid NAME: whose key it is");
	}
	exit = reward_key_guard(cli) ? reward_key_create(cli, cli->words[0], kid, &key)
				     : CLI_CANNOT;
	if (exit != CLI_GOOD) {
		return exit;
	}
	reward_key_print(&key, vkey);
	reward_key_wipe(&key);
	(void)printf(cli->json ? "{\"vkey\":\"%s\"}\n" : "%s\n", vkey);
	return CLI_GOOD;
}

/* ---- sign ---- */

static bool add_signature(
	const struct cli *cli, struct reward_policy *policy, const struct reward_key *key)
{
	char text[REWARD_CID_BYTES + 1], vkey[NOTE_VKEY_BYTES_MAX];
	struct reward_policy_signature *place = policy->signatures;
	const struct reward_policy_signature *end = place + policy->signature_count;

	/* A signature of the same name is replaced: it was by a key that is gone, or of before. */
	while (place < end &&
		(place->kid.bytes_count != key->kid.bytes_count ||
			memcmp(place->kid.bytes, key->kid.bytes, key->kid.bytes_count) != 0)) {
		place++;
	}
	if (place == end) {
		if (policy->signature_count == REWARD_SIGNATURES_MAX) {
			(void)cli_fail(cli, CLI_BAD,
				"the policy has %u signatures, and no more fit",
				REWARD_SIGNATURES_MAX);
			return false;
		}
		policy->signature_count++;
	}
	place->kid = key->kid;
	reward_key_sign(key, message_of(policy, text), place->bytes);
	reward_key_print(key, vkey);
	(void)fprintf(stderr, "signed %s by %s\n", text, vkey);
	return true;
}

static bool add_signatures(const struct cli *cli, struct reward_policy *policy)
{
	const char *path = NULL;
	size_t at = 0;
	bool good = true;

	while (good && (path = cli_next(cli, "--key", &at)) != NULL) {
		struct reward_key key;

		good = reward_key_read(cli, path, &key) && add_signature(cli, policy, &key);
		reward_key_wipe(&key);
	}
	return good;
}

/* The canonical form, and the signatures where their name belongs: before "version", which is
 * last. */
static void write_signed(const struct reward_policy *policy, struct reward_buffer *ret_document)
{
	size_t tail_bytes = strlen(",\"version\":\"\"}") + policy->version.bytes_count;
	struct reward_buffer canonical = { 0 };
	struct reward_text out;

	reward_text_begin(&out, reward_buffer_put, &canonical);
	reward_policy_write(policy, &out);
	reward_text_end(&out);
	reward_text_begin(&out, reward_buffer_put, ret_document);
	if (!canonical.failed) {
		size_t head_bytes = canonical.bytes_count - tail_bytes;

		reward_text_put_bytes(&out, (struct slice){ canonical.bytes, head_bytes });
		for (uint32_t i = 0; i < policy->signature_count; i++) {
			const struct reward_policy_signature *one = &policy->signatures[i];
			char base64[BASE64_TEXT_BYTES(REWARD_SIGNATURE_BYTES) + 1];

			(void)base64_encode(one->bytes, sizeof one->bytes, base64);
			reward_text_put(&out, i == 0 ? ",\"signatures\":[" : ",");
			reward_text_put(&out, "{\"alg\":\"ed25519\",\"kid\":");
			reward_text_put_string(&out, reward_name_view(&one->kid));
			reward_text_put(&out, ",\"sig\":\"base64:");
			reward_text_put(&out, base64);
			reward_text_put(&out, "\"}");
		}
		reward_text_put(&out, "]");
		reward_text_put_bytes(
			&out, (struct slice){ canonical.bytes + head_bytes, tail_bytes });
		reward_text_put(&out, "\n");
	}
	reward_text_end(&out);
	ret_document->failed |= canonical.failed;
	reward_buffer_free(&canonical);
}

int cli_reward_policy_sign(struct cli *cli)
{
	static struct reward_policy policy;
	struct reward_buffer document = { 0 };
	const char *path = cli_option(cli, "-o");
	int exit;

	if (!cli_has(cli, "--key")) {
		return cli_fail(cli, CLI_USAGE,
			"needs --key FILE; `macronode reward policy keygen` makes one");
	}
	if (!reward_key_guard(cli)) {
		return CLI_CANNOT;
	}
	exit = load(cli, cli->words[0], &policy);
	if (exit != CLI_GOOD) {
		return exit;
	}
	exit = CLI_CANNOT;
	if (!add_signatures(cli, &policy)) {
		return CLI_CANNOT;
	}
	write_signed(&policy, &document);
	if (document.failed) {
		(void)cli_fail(cli, CLI_CANNOT, "no memory for the policy");
	} else if (out_file_write(
			   cli, path == NULL ? "-" : path, 0644, reward_buffer_view(&document))) {
		exit = CLI_GOOD;
	}
	reward_buffer_free(&document);
	return exit;
}

/* ---- show ---- */

/* The numbers are on no wire. */
enum standing { STANDING_UNKNOWN, STANDING_GOOD, STANDING_FORGED };

struct keys {
	struct note_vkey vkeys[KEYS_MAX];
	size_t count;
};

static bool read_keys(const struct cli *cli, struct keys *ret_keys)
{
	const char *text = NULL;
	size_t at = 0;

	while ((text = cli_next(cli, "--vkey", &at)) != NULL) {
		enum note_fault fault;

		if (ret_keys->count == KEYS_MAX) {
			(void)cli_fail(cli, CLI_USAGE, "at most %u keys", KEYS_MAX);
			return false;
		}
		fault = note_vkey_parse((struct slice){ (const uint8_t *)text, strlen(text) },
			&ret_keys->vkeys[ret_keys->count++]);
		if (fault != NOTE_OK) {
			(void)cli_fail(cli, CLI_USAGE, "--vkey: %s", note_fault_text(fault));
			return false;
		}
	}
	return true;
}

static enum standing judge(const struct reward_policy *policy,
	const struct reward_policy_signature *signature, const struct keys *keys)
{
	char text[REWARD_CID_BYTES + 1];

	for (size_t i = 0; i < keys->count; i++) {
		const struct note_vkey *vkey = &keys->vkeys[i];

		if (vkey->name.bytes_count == signature->kid.bytes_count &&
			memcmp(vkey->name.bytes, signature->kid.bytes, vkey->name.bytes_count) ==
				0) {
			return ed25519_verify(
				       vkey->public_key, message_of(policy, text), signature->bytes)
				       ? STANDING_GOOD
				       : STANDING_FORGED;
		}
	}
	return STANDING_UNKNOWN;
}

static const char *const standing_names[] = { "unknown key", "good",
	"FORGED: not by this key, or of another policy" };

static const char *weight_text(uint32_t weight, char ret_text[16])
{
	size_t used;

	if (weight == REWARD_WEIGHT_ONE) {
		return "1";
	}
	used = (size_t)snprintf(ret_text, 16, "0.%09" PRIu32, weight);
	while (ret_text[used - 1] == '0') {
		ret_text[--used] = '\0';
	}
	return ret_text;
}

static const char *amount_text(
	const struct reward_policy_amount *amount, char ret_text[AMOUNT_TEXT_BYTES_MAX])
{
	(void)amount_print(amount->minor, ret_text);
	return ret_text;
}

static void print_rules(const struct reward_policy *policy)
{
	char amount[AMOUNT_TEXT_BYTES_MAX], weight[16];

	(void)printf("asset      %.*s\nrounding   %s\n", AS_TEXT(policy->asset),
		policy->rounding == REWARD_ROUND_BANKERS ? "bankers" : "floor");
	for (uint32_t i = 0; i < policy->metric_count; i++) {
		(void)printf("weight     %.*s %s\n", AS_TEXT(policy->metrics[i].name),
			weight_text(policy->metrics[i].weight, weight));
	}
	(void)printf("epoch cap  %s\n", amount_text(&policy->epoch_cap, amount));
	(void)printf("actor cap  %s\n", amount_text(&policy->actor_cap, amount));
	for (uint32_t i = 0; i < policy->category_cap_count; i++) {
		(void)printf("category   %.*s, cap %s\n",
			AS_TEXT(policy->category_caps[i].category),
			amount_text(&policy->category_caps[i].amount, amount));
	}
	(void)printf("emission   at most %s an epoch, halved every %" PRIu64 " epochs\n",
		amount_text(&policy->base_per_epoch, amount), policy->period_epochs);
}

static void print_policy(const struct reward_policy *policy, const enum standing *standings)
{
	char cid[REWARD_CID_BYTES + 1];

	reward_text_print_cid(&policy->hash, cid);
	(void)printf("id         %.*s\nversion    %.*s\nhash       %s\n", AS_TEXT(policy->id),
		AS_TEXT(policy->version), cid);
	print_rules(policy);
	for (uint32_t i = 0; i < policy->signature_count; i++) {
		(void)printf("signature  %.*s: %s\n", AS_TEXT(policy->signatures[i].kid),
			standing_names[standings[i]]);
	}
	if (policy->signature_count == 0) {
		(void)fputs("signature  none\n", stdout);
	}
}

static void put_rules(struct json_out *out, const struct reward_policy *policy)
{
	char weight[16], name[REWARD_METRIC_BYTES + 1];

	json_out_key(out, "asset");
	json_out_string(out, reward_name_view(&policy->asset));
	json_out_key(out, "rounding");
	json_out_text(out, policy->rounding == REWARD_ROUND_BANKERS ? "bankers" : "floor");
	json_out_key(out, "weights");
	json_out_object_begin(out);
	for (uint32_t i = 0; i < policy->metric_count; i++) {
		(void)snprintf(name, sizeof name, "%.*s", AS_TEXT(policy->metrics[i].name));
		json_out_key(out, name);
		json_out_text(out, weight_text(policy->metrics[i].weight, weight));
	}
	json_out_object_end(out);
	json_out_key(out, "epoch_cap");
	json_out_u128(out, policy->epoch_cap.minor);
	json_out_key(out, "actor_cap");
	json_out_u128(out, policy->actor_cap.minor);
	json_out_key(out, "category_cap");
	json_out_object_begin(out);
	for (uint32_t i = 0; i < policy->category_cap_count; i++) {
		(void)snprintf(
			name, sizeof name, "%.*s", AS_TEXT(policy->category_caps[i].category));
		json_out_key(out, name);
		json_out_u128(out, policy->category_caps[i].amount.minor);
	}
	json_out_object_end(out);
	json_out_key(out, "base_per_epoch");
	json_out_u128(out, policy->base_per_epoch.minor);
	json_out_key(out, "period_epochs");
	json_out_u64(out, policy->period_epochs);
}

static void print_json(
	const struct reward_policy *policy, const enum standing *standings, bool is_signed)
{
	static const char *const names[] = { "unknown_key", "good", "forged" };
	static uint8_t bytes[4 * REWARD_POLICY_BYTES_MAX];
	char cid[REWARD_CID_BYTES + 1];
	struct json_out out;
	size_t bytes_count = 0;
	enum err err;

	reward_text_print_cid(&policy->hash, cid);
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "id");
	json_out_string(&out, reward_name_view(&policy->id));
	json_out_key(&out, "version");
	json_out_string(&out, reward_name_view(&policy->version));
	json_out_key(&out, "hash");
	json_out_text(&out, cid);
	put_rules(&out, policy);
	json_out_key(&out, "signatures");
	json_out_array_begin(&out);
	for (uint32_t i = 0; i < policy->signature_count; i++) {
		json_out_object_begin(&out);
		json_out_key(&out, "kid");
		json_out_string(&out, reward_name_view(&policy->signatures[i].kid));
		json_out_key(&out, "standing");
		json_out_text(&out, names[standings[i]]);
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_key(&out, "signed");
	json_out_bool(&out, is_signed);
	json_out_object_end(&out);
	err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* it was read from fewer bytes */
	(void)err;
	node_print_line((struct slice){ bytes, bytes_count });
}

/* Signed: a key that is trusted signed it. A forged signature is never good company. */
int cli_reward_policy_show(struct cli *cli)
{
	static struct reward_policy policy;
	static struct keys keys;
	enum standing standings[REWARD_SIGNATURES_MAX];
	bool has_good = false, has_forged = false;

	int exit;

	if (!read_keys(cli, &keys)) {
		return CLI_USAGE;
	}
	exit = load(cli, cli->words[0], &policy);
	if (exit != CLI_GOOD) {
		return exit;
	}
	for (uint32_t i = 0; i < policy.signature_count; i++) {
		standings[i] = judge(&policy, &policy.signatures[i], &keys);
		has_good |= standings[i] == STANDING_GOOD;
		has_forged |= standings[i] == STANDING_FORGED;
	}
	if (cli->json) {
		print_json(&policy, standings, has_good && !has_forged);
	} else {
		print_policy(&policy, standings);
	}
	return keys.count == 0 || (has_good && !has_forged) ? CLI_GOOD : CLI_BAD;
}
