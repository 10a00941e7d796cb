#include "client/rv.h"

#include <string.h>

#include <nettle/base64.h>
#include <nettle/eddsa.h>
#include <nettle/sha2.h>

size_t rv_paid_count;
const char *rv_commitment;
static const char *run_key, *idempotency_key;

/* ---- the manifest as it must be ---- */

static void put_explain(FILE *out, const struct rv_actor *actor)
{
	const char *between = "";

	for (size_t m = 0; m < rv_policy.weight_count; m++) {
		if (mpz_sgn(actor->sums[m]) > 0) {
			(void)gmp_fprintf(out, "%sweight:%s*rate=%Zd", between,
				rv_policy.weights[m].name, actor->sums[m]);
			between = ";";
		}
	}
	if (mpz_sgn(actor->category_cut) > 0) {
		(void)gmp_fprintf(out, "%scap:category=-%Zd", between, actor->category_cut);
		between = ";";
	}
	if (mpz_sgn(actor->actor_cut) > 0) {
		(void)gmp_fprintf(out, "%scap:actor=-%Zd", between, actor->actor_cut);
	}
}

/* Pays, and writes it twice: for the manifest, and for the commitment without reasons. */
static void put_allocations(FILE *manifest, FILE *committed)
{
	struct rv_actor *actor = rv_take(sizeof *actor);
	const char *comma = "";

	mpz_inits(actor->amount, actor->category_cut, actor->actor_cut, NULL);
	for (size_t m = 0; m < RV_METRICS_MAX; m++) {
		mpz_init(actor->sums[m]);
	}
	for (size_t at = 0; at < rv_cell_count;) {
		rv_pay_actor(actor, &at);
		if (mpz_sgn(actor->amount) > 0) {
			(void)gmp_fprintf(manifest,
				"%s{\"actor\":\"%s\",\"amount_minor\":\"%Zd\",\"explain\":\"",
				comma, actor->first->actor, actor->amount);
			put_explain(manifest, actor);
			(void)fputs("\"}", manifest);
			(void)gmp_fprintf(committed,
				"%s{\"actor\":\"%s\",\"amount_minor\":\"%Zd\"}", comma,
				actor->first->actor, actor->amount);
			comma = ",";
			rv_paid_count++;
		}
	}
}

static const char *key_of_run(void)
{
	struct rv_writing writing;
	char *hex = rv_take(RV_HASH_DIGITS + 1);

	(void)fprintf(
		rv_start(&writing), "%s%s%s", rv_run.epoch_id, rv_policy.hash, rv_run.inputs_cid);
	rv_blake3(rv_finish(&writing), hex);
	return hex;
}

static const char *key_of_intent(void)
{
	struct rv_writing writing;
	FILE *out = rv_start(&writing);

	(void)fputs("{\"domain\":", out);
	rv_put_string(out, rv_run.salt);
	(void)fprintf(out,
		",\"epoch_id\":\"%s\",\"inputs_cid\":\"%s\",\"policy_hash\":\"%s\","
		"\"tenant\":\"%s\"}",
		rv_run.epoch_id, rv_run.inputs_cid, rv_policy.hash, rv_run.tenant);
	return rv_cid_of(rv_finish(&writing));
}

static const char *text_of(struct rv_bytes bytes)
{
	return (const char *)bytes.at; /* a zero follows */
}

static const char *commit(const char *allocations)
{
	struct rv_writing writing;

	(void)gmp_fprintf(rv_start(&writing),
		"{\"domain\":\"ron.rewarder.commitment.v1\",\"epoch_id\":\"%s\",\"inputs\":{"
		"\"accounting_cid\":\"%s\",\"inputs_cid\":\"%s\",\"ledger_cid\":\"%s\","
		"\"policy_cid\":\"%s\"},\"outputs\":{\"allocations\":[%s],\"asset\":\"%s\","
		"\"delta_minor\":\"%Zd\",\"payout_total_minor\":\"%Zd\","
		"\"pool_total_minor\":\"%s\"},\"policy_hash\":\"%s\",\"tenant\":\"%s\"}",
		rv_run.epoch_id, rv_run.accounting_cid, rv_run.inputs_cid, rv_run.ledger_cid,
		rv_policy.hash, allocations, rv_policy.asset, rv_totals.delta, rv_totals.payout,
		rv_run.pool_text, rv_policy.hash, rv_run.tenant);
	return rv_cid_of(rv_finish(&writing));
}

/* The members in the order in which a difference is looked for: causes before what follows from
 * them. */
static struct rv_bytes manifest_as_it_must_be(void)
{
	struct rv_writing manifest, allocations, reasons;
	FILE *out;
	const char *explained;

	put_allocations(rv_start(&reasons), rv_start(&allocations));
	explained = text_of(rv_finish(&reasons));
	if (rv_run.kind == NULL) {
		mpz_sub(rv_totals.delta, rv_run.pool, rv_totals.payout);
	}
	run_key = key_of_run();
	idempotency_key = key_of_intent();
	rv_commitment = commit(text_of(rv_finish(&allocations)));
	out = rv_start(&manifest);
	(void)fprintf(out,
		"{\"version\":\"1.1.0\",\"tenant\":\"%s\",\"epoch_id\":\"%s\",\"policy_id\":\"%s\","
		"\"policy_hash\":\"%s\",\"inputs\":{\"policy_cid\":\"%s\",\"inputs_cid\":\"%s\","
		"\"accounting_cid\":\"%s\",\"ledger_cid\":\"%s\"},\"run_key\":\"%s\","
		"\"idempotency_key\":\"%s\",\"status\":\"%s\"",
		rv_run.tenant, rv_run.epoch_id, rv_policy.id, rv_policy.hash, rv_policy.hash,
		rv_run.inputs_cid, rv_run.accounting_cid, rv_run.ledger_cid, run_key,
		idempotency_key, rv_run.kind == NULL ? "ok" : "quarantined");
	if (rv_run.kind != NULL) {
		(void)fprintf(
			out, ",\"quarantine\":{\"kind\":\"%s\",\"detail\":null}", rv_run.kind);
	}
	(void)gmp_fprintf(out,
		",\"pool_total_minor\":\"%s\",\"allocations\":[%s],\"residual\":{\"clamp\":\"%Zd\","
		"\"idle\":\"%Zd\",\"dust\":\"%Zd\",\"category_excess\":\"%Zd\",\"actor_excess\":"
		"\"%Zd\"},\"payout_total_minor\":\"%Zd\",\"delta_minor\":\"%Zd\",\"commitment\":"
		"\"%s\",\"proof\":{\"scheme\":\"none\",\"type\":\"none\"}}",
		rv_run.pool_text, explained, rv_totals.clamp, rv_totals.idle, rv_totals.dust,
		rv_totals.category_excess, rv_totals.actor_excess, rv_totals.payout,
		rv_totals.delta, rv_commitment);
	return rv_finish(&manifest);
}

/* ---- the comparison ---- */

static const char *shown(const struct rv_node *node)
{
	static const char *const names[] = { "nothing", "", "", "an object", "a list",
		"another value" };

	return node->text != NULL ? node->text : names[node->type];
}

static void compare(const struct rv_node *must, const struct rv_node *is, const char *path)
{
	char inner[512];
	size_t number = 0;

	/* What a quarantine says to people is in no hash, and not ours to write a second time. */
	if (strcmp(path, "quarantine.detail") == 0 && is->type == RV_STRING) {
		return;
	}
	if (must->type != is->type || (must->text != NULL && strcmp(must->text, is->text) != 0)) {
		rv_stop(RV_BAD, "%s: expected %.300s, found %.300s", path, shown(must), shown(is));
	}
	for (const struct rv_node *at = must->first; at != NULL && must->type == RV_OBJECT;
		at = at->next) {
		(void)snprintf(
			inner, sizeof inner, "%s%s%s", path, path[0] == '\0' ? "" : ".", at->name);
		compare(at, rv_member(is, at->name), inner);
	}
	for (const struct rv_node *at = is->first; at != NULL && is->type == RV_OBJECT;
		at = at->next) {
		if (rv_member(must, at->name)->type == RV_NOTHING ||
			rv_member(is, at->name) != at) {
			rv_stop(RV_BAD, "%s%s%.200s: expected no such member, or no second one",
				path, path[0] == '\0' ? "" : ".", at->name);
		}
	}
	for (const struct rv_node *at = must->first, *found = is->first;
		must->type == RV_ARRAY && (at != NULL || found != NULL);
		at = at->next, found = found->next) {
		static const struct rv_node nothing;

		(void)snprintf(inner, sizeof inner, "%s[%zu]", path, number++);
		compare(at == NULL ? &nothing : at, found == NULL ? &nothing : found, inner);
	}
}

/* The same values in the same bytes: a hash may have been taken of them. */
void rv_compare_manifest(const struct rv_node *is, struct rv_bytes text)
{
	bool is_whole;
	const struct rv_node *must = rv_parse(manifest_as_it_must_be(), &is_whole);
	struct rv_bytes again;

	compare(must, is, "");
	again = rv_canonical(is, NULL);
	text.count -= text.count > 0 && text.at[text.count - 1] == '\n' ? 1 : 0;
	if (again.count != text.count || memcmp(again.at, text.at, text.count) != 0) {
		rv_stop(RV_BAD,
			"all values are right, but these are not the bytes of canonical JSON");
	}
}

/* ---- the attestation ---- */

/* Strictly; the number of bytes. */
static size_t decode(const char *text, size_t text_bytes, uint8_t *ret, size_t room)
{
	uint8_t bytes[128];
	char again[160];
	struct base64_decode_ctx decoder;
	size_t count = 0;

	base64_decode_init(&decoder);
	if (text_bytes > 128 || !base64_decode_update(&decoder, &count, bytes, text_bytes, text) ||
		!base64_decode_final(&decoder) || count > room) {
		return 0;
	}
	base64_encode_raw(again, count, bytes);
	if (BASE64_ENCODE_RAW_LENGTH(count) != text_bytes || memcmp(again, text, text_bytes) != 0) {
		return 0;
	}
	memcpy(ret, bytes, count);
	return count;
}

/* <name>+<hex of key id>+<base64 of type 1 and public key> */
static void parse_vkey(const char *text, uint8_t ret_public_key[ED25519_KEY_SIZE])
{
	const char *plus = strchr(text, '+'), *last = plus == NULL ? NULL : strchr(plus + 1, '+');
	uint8_t typed[1 + ED25519_KEY_SIZE], digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha256;
	char id[9];

	rv_subject = "the key";
	if (last == NULL ||
		decode(last + 1, strlen(last + 1), typed, sizeof typed) != sizeof typed ||
		typed[0] != 1) {
		rv_stop(RV_USAGE, "no Ed25519 vkey: NAME+8 hex digits+base64");
	}
	sha256_init(&sha256);
	sha256_update(&sha256, (size_t)(plus - text), (const uint8_t *)text);
	sha256_update(&sha256, 1, (const uint8_t *)"\n");
	sha256_update(&sha256, sizeof typed, typed);
	sha256_digest(&sha256, sizeof digest, digest);
	(void)snprintf(
		id, sizeof id, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
	if (last - plus != 9 || memcmp(id, plus + 1, 8) != 0) {
		rv_stop(RV_USAGE, "its id is not %s, as its name and public key want it", id);
	}
	memcpy(ret_public_key, typed + 1, ED25519_KEY_SIZE);
}

/* The node names the key that signed it; whoever verifies trusts the one that he was given. */
static void check_public_key(const struct rv_node *named, const uint8_t given[ED25519_KEY_SIZE])
{
	char digits[2 * ED25519_KEY_SIZE + 1];

	for (size_t i = 0; i < ED25519_KEY_SIZE; i++) {
		(void)snprintf(digits + 2 * i, 3, "%02x", given[i]);
	}
	if (named->type != RV_NOTHING && !rv_is_text(named, digits)) {
		rv_stop(RV_BAD, "public_key: expected that of the key, %s, found %.100s", digits,
			shown(named));
	}
}

void rv_check_attestation(const char *path, const char *vkey)
{
	uint8_t public_key[ED25519_KEY_SIZE], signature[ED25519_SIGNATURE_SIZE];
	const struct rv_node *is, *signed_at;
	struct rv_bytes text, message;
	struct rv_writing writing;
	bool is_whole;

	parse_vkey(vkey, public_key);
	text = rv_read_file(path, RV_MIB);
	is = rv_parse(text, &is_whole);
	signed_at = rv_member(is, "signed_at");
	if (!is_whole ||
		!rv_is_object(
			is, 2, RV_NAMES("sig_ed25519", "signed_at", "public_key", "sig_pq")) ||
		!rv_fits(rv_member(is, "sig_ed25519"), RV_FORM_SIGNATURE) ||
		!rv_fits(signed_at, RV_FORM_SECOND) ||
		decode(rv_member(is, "sig_ed25519")->text + 7, 88, signature, sizeof signature) !=
			sizeof signature) {
		rv_stop(RV_BAD, "no attestation: expected sig_ed25519 and signed_at");
	}
	check_public_key(rv_member(is, "public_key"), public_key);
	(void)gmp_fprintf(rv_start(&writing),
		"{\"commitment\":\"%s\",\"domain\":\"ron.rewarder.attest.v1\",\"epoch_id\":\"%s\","
		"\"idempotency_key\":\"%s\",\"policy_hash\":\"%s\",\"run_key\":\"%.16s\","
		"\"signed_at\":\"%s\",\"status\":\"%s\",\"tenant\":\"%s\",\"totals\":{"
		"\"payout_minor_units\":\"%Zd\",\"pool_minor_units\":\"%s\","
		"\"residual_minor_units\":\"%Zd\"}}",
		rv_commitment, rv_run.epoch_id, idempotency_key, rv_policy.hash, run_key,
		signed_at->text, rv_run.kind == NULL ? "ok" : "quarantined", rv_run.tenant,
		rv_totals.payout, rv_run.pool_text, rv_totals.delta);
	message = rv_finish(&writing);
	if (!ed25519_sha512_verify(public_key, message.count, message.at, signature)) {
		rv_stop(RV_BAD, "the signature is not this key's, or not about this manifest");
	}
}
