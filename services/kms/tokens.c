#include "services/kms/tokens.h"

#include <sodium.h>
#include <string.h>

#include "common/worker.h"
#include "core/bytes.h"
#include "core/caveat_set.h"

_Static_assert(GRANT_BYTES_MAX <= VERB_GRANT_BYTES_MAX, "a grant fits its frames");

#define BIT(kind) (1u << (kind))

/* What kms can judge: the rest is about the request, which it never sees. */
#define KINDS_JUDGED                                                              \
	(BIT(CAVEAT_NODE) | BIT(CAVEAT_NBF) | BIT(CAVEAT_EXP) | BIT(CAVEAT_TTL) | \
		BIT(CAVEAT_PEER_UID))

/* Deeper than the frames of core/macaroon.c and nettle below it, which held derived keys. */
#define STACK_WIPED_BYTES 8192u

void tokens_init(struct tokens *tokens, struct keys *keys, struct worker *worker)
{
	tokens->keys = keys;
	tokens->secret = keys_locked_alloc(worker, sizeof *tokens->secret);
	tokens->kms_generation = worker->generation;
	tokens_configure(tokens, worker);
}

void tokens_configure(struct tokens *tokens, const struct worker *worker)
{
	tokens->grant_life_ms = (uint64_t)worker->config.kms_cache_ttl_ms +
				(uint64_t)worker->config.limits_req_timeout_ms;
}

void tokens_wipe(struct tokens *tokens)
{
	sodium_memzero(tokens->secret, sizeof *tokens->secret);
	sodium_stackzero(STACK_WIPED_BYTES);
}

/* Each step of a verification is NULL, or the sentence that refuses. */

static const char *read_macaroon(
	struct tokens_secret *secret, size_t bytes_count, struct grant *grant)
{
	struct macaroon_identifier identifier;
	enum macaroon_fault fault =
		macaroon_parse((struct slice){ secret->bytes, bytes_count }, &secret->macaroon);

	if (fault != MACAROON_OK) {
		return macaroon_fault_text(fault);
	}
	if (macaroon_identifier_decode(secret->macaroon.identifier, &identifier) != ERR_OK) {
		return "the token was not made by macronode";
	}
	grant->key_id = identifier.key_id;
	grant->capability_id = identifier.capability_id;
	grant->node_hash = identifier.node_hash;
	grant->iat_unix_s = identifier.iat_unix_s;
	return NULL;
}

static const char *read_token(
	struct tokens *tokens, struct slice token, struct grant *grant, bool *ret_is_signed)
{
	struct tokens_secret *secret = tokens->secret;
	size_t bytes_count = 0;
	enum macaroon_fault fault =
		macaroon_text_decode(token, secret->bytes, sizeof secret->bytes, &bytes_count);

	if (fault != MACAROON_OK) {
		return macaroon_fault_text(fault);
	}
	*ret_is_signed = signed_cap_is_it((struct slice){ secret->bytes, bytes_count });
	return *ret_is_signed ? tokens_signed_read(tokens, bytes_count, grant)
			      : read_macaroon(secret, bytes_count, grant);
}

static const char *check_macaroon(const struct tokens *tokens, const struct grant *grant)
{
	const struct hash *root = keys_root(tokens->keys, grant->key_id);

	return macaroon_verify(&tokens->secret->macaroon, (struct slice){ root->bytes, HASH_BYTES },
		       tokens->secret->running) == ERR_OK
		       ? NULL
		       : "the signature of the token is wrong";
}

/* The signature comes before anything that tells more about a token than who holds it knows. */
static const char *check_issue(const struct tokens *tokens, const struct grant *grant,
	bool is_signed, uint64_t now_unix_s, enum api_reason *ret_reason)
{
	const struct keys *keys = tokens->keys;
	const struct keys_item *item = keys_find(keys, grant->key_id, &grant->capability_id);
	const char *why;

	if (memcmp(&grant->node_hash, &keys->node_hash, sizeof keys->node_hash) != 0) {
		return "the token is for another node";
	}
	if (keys_root(keys, grant->key_id) == NULL) {
		return "the token names a key that this node does not have";
	}
	why = is_signed ? tokens_signed_check(tokens) : check_macaroon(tokens, grant);
	if (why != NULL) {
		return why;
	}
	if (keys_root_is_revoked(keys, grant->key_id)) {
		*ret_reason = API_REASON_REVOKED;
		return "the key of the token is revoked";
	}
	if (item == NULL || item->caveats_bytes == 0) {
		return "the token is not on record";
	}
	if (item->revoked_unix_s != 0) {
		*ret_reason = API_REASON_REVOKED;
		return "the token is revoked";
	}
	if (keys_root_is_expired(keys, grant->key_id, now_unix_s)) {
		*ret_reason = API_REASON_TOKEN_TIME;
		return "the key of the token has expired";
	}
	return NULL;
}

/* What a tenant= before the first action= says, the minting said (tokens_mint.c): whoever appends
 * one comes behind it. */
static const char *fold_caveats(const struct tokens_secret *secret, struct grant *grant)
{
	struct caveat_set *set = &grant->caveats;
	size_t made_count = 0;

	caveat_set_init(set);
	for (size_t i = 0; i < secret->macaroon.caveat_count; i++) {
		struct id128 counter_id = macaroon_counter_id(&secret->running[i]);
		struct caveat caveat;
		enum caveat_fault fault = caveat_parse(secret->macaroon.caveats[i], &caveat);

		if (fault != CAVEAT_FAULT_OK) {
			return caveat_fault_text(fault);
		}
		if (caveat_set_add(set, &caveat, grant->iat_unix_s, &counter_id) != ERR_OK) {
			return macaroon_fault_text(MACAROON_CAVEAT_COUNT);
		}
		if ((set->kinds & BIT(CAVEAT_ACTION)) == 0) {
			made_count = set->clause_count;
		}
	}
	grant->tenant = caveat_set_tenant(set, made_count);
	return NULL;
}

static const char *check_now(const struct tokens *tokens, const struct grant *grant,
	uint64_t now_unix_s, enum api_reason *ret_reason)
{
	struct caveat_request request = {
		.now_unix_s = now_unix_s,
		.node = keys_origin(tokens->keys),
		.peer_uid = grant->peer_uid,
		.has_peer_uid = grant->peer == GRANT_PEER_UNIX,
	};
	struct caveat_verdict verdict =
		caveat_set_check_request(&grant->caveats, KINDS_JUDGED, &request);

	if (verdict.result == CAVEAT_HOLDS) {
		return NULL;
	}
	if (caveat_is_about_time(verdict.kind)) {
		*ret_reason = API_REASON_TOKEN_TIME;
	}
	return caveat_set_verdict_text(verdict);
}

/* Not past the token's end, which is a whole second that has not begun or has just. */
static uint64_t life_ms(const struct tokens *tokens, uint64_t token_exp_s, uint64_t now_unix_ms)
{
	if (token_exp_s >= (now_unix_ms + tokens->grant_life_ms) / 1000) {
		return tokens->grant_life_ms;
	}
	return token_exp_s * 1000 > now_unix_ms ? token_exp_s * 1000 - now_unix_ms : 0;
}

static void seal(struct tokens *tokens, struct grant *grant, const struct tokens_now *now,
	struct tokens_verdict *verdict)
{
	size_t grant_bytes = 0;
	enum err err;

	grant->exp_mono_ms =
		now->mono_ms + life_ms(tokens, grant->caveats.exp_unix_s, now->unix_ms);
	err = grant_seal(grant, &tokens->keys->secret->grant_key, tokens->grant,
		sizeof tokens->grant, &grant_bytes);
	assert(err == ERR_OK); /* its bound is the sum of what a token can hold */
	*verdict = (struct tokens_verdict){
		.status = 200,
		.detail = "",
		.grant = { tokens->grant, grant_bytes },
	};
}

static struct tokens_verdict refusal(uint16_t status, enum api_reason api_reason, const char *why)
{
	return (struct tokens_verdict){
		.status = status,
		.reason = REASON_CAP_INVALID,
		.api_reason = api_reason,
		.detail = why,
	};
}

static struct tokens_verdict judge(
	struct tokens *tokens, const struct oap_verify *ask, const struct tokens_now *now)
{
	uint64_t now_unix_s = now->unix_ms / 1000;
	bool is_signed = false;
	struct grant grant = {
		.kms_generation = tokens->kms_generation,
		.peer = (enum grant_peer)ask->peer_class,
		.peer_uid = ask->peer_uid,
	};
	enum api_reason api_reason = API_REASON_NONE;
	struct tokens_verdict verdict;
	const char *why = read_token(tokens, ask->token, &grant, &is_signed);

	if (why != NULL) {
		return refusal(401, api_reason, why);
	}
	why = check_issue(tokens, &grant, is_signed, now_unix_s, &api_reason);
	if (why == NULL) {
		why = is_signed ? tokens_signed_fold(tokens, &grant)
				: fold_caveats(tokens->secret, &grant);
	}
	if (why == NULL) {
		why = check_now(tokens, &grant, now_unix_s, &api_reason);
	}
	if (why != NULL) {
		return refusal(403, api_reason, why);
	}
	if (ask->actions != CAVEAT_ACTIONS_ALL) { /* as an action= that the client appended */
		grant.caveats.kinds |= BIT(CAVEAT_ACTION);
		grant.caveats.actions &= ask->actions;
	}
	if (grant.caveats.actions == 0) {
		return refusal(403, API_REASON_SCOPE,
			"the policy gives the client's certificate none of the token's actions");
	}
	seal(tokens, &grant, now, &verdict);
	return verdict;
}

struct tokens_verdict tokens_verify(
	struct tokens *tokens, const struct oap_verify *ask, const struct tokens_now *now)
{
	struct tokens_verdict verdict = judge(tokens, ask, now);

	tokens_wipe(tokens);
	return verdict;
}

/* --- grants that come back --- */

/* As check_issue, of what may have changed since. */
static const char *check_revoked(const struct keys *keys, const struct grant *grant)
{
	const struct keys_item *item = keys_find(keys, grant->key_id, &grant->capability_id);

	if (keys_root_is_revoked(keys, grant->key_id)) {
		return "the key of the token is revoked";
	}
	return item == NULL || item->revoked_unix_s != 0 ? "the token is revoked" : NULL;
}

/* What is asked is about no account, asset or epoch: who may only ask about one may not. */
static const char *check_covers(
	const struct grant *grant, enum caveat_action action, uint64_t now_unix_s)
{
	const struct caveat_request request = {
		.now_unix_s = now_unix_s,
		.tenant = grant->tenant,
	};
	const struct caveat_entry entry = { .actions = CAVEAT_ACTION_BIT(action) };
	struct caveat_verdict verdict = caveat_set_check_request(
		&grant->caveats, caveat_kinds(CAVEAT_WHERE_LEDGER), &request);

	if (verdict.result == CAVEAT_HOLDS) {
		verdict = caveat_set_check_entry(&grant->caveats, &entry);
	}
	return verdict.result == CAVEAT_HOLDS ? NULL : caveat_set_verdict_text(verdict);
}

enum err tokens_check_grant(const struct tokens *tokens, struct slice sealed,
	enum caveat_action action, const struct tokens_now *now, struct grant *ret_grant,
	const char **ret_why)
{
	uint32_t generation = 0;
	enum err err = grant_generation(sealed, &generation);

	*ret_why = NULL;
	if (err != ERR_OK) {
		return err;
	}
	if (generation < tokens->kms_generation) {
		return ERR_STALE;
	}
	err = grant_open(sealed, &tokens->keys->secret->grant_key, ret_grant);
	if (err != ERR_OK) {
		return err;
	}
	if (grant_is_expired(ret_grant, now->mono_ms)) {
		return ERR_STALE;
	}
	*ret_why = check_revoked(tokens->keys, ret_grant);
	if (*ret_why == NULL) {
		*ret_why = check_covers(ret_grant, action, now->unix_ms / 1000);
	}
	return ERR_OK;
}
