#include <sodium.h>
#include <string.h>

#include "core/caveat_set.h"
#include "services/kms/tokens.h"

_Static_assert(crypto_sign_BYTES == SIGNED_CAP_SIGNATURE_BYTES, "one algorithm");

/* ---- verified ---- */

const char *tokens_signed_read(struct tokens *tokens, size_t bytes_count, struct grant *grant)
{
	struct signed_cap *cap = &tokens->secret->cap;
	enum signed_cap_fault fault =
		signed_cap_parse((struct slice){ tokens->secret->bytes, bytes_count }, cap);

	if (fault != SIGNED_CAP_OK) {
		return signed_cap_fault_text(fault);
	}
	grant->key_id = cap->key_id;
	grant->capability_id = signed_cap_id(cap);
	grant->node_hash = tokens->keys->node_hash; /* the signature says whether it is ours */
	grant->iat_unix_s = cap->nbf_unix_s;
	return NULL;
}

/* With the key of the name that the ledger has now: tokens of an older one end with it. */
const char *tokens_signed_check(const struct tokens *tokens)
{
	struct tokens_secret *secret = tokens->secret;
	size_t message_bytes = signed_cap_message(&secret->cap, secret->message);
	const struct hash *public_key = &keys_origin_now(tokens->keys)->public_key;

	return crypto_sign_verify_detached(secret->cap.signature, secret->message, message_bytes,
		       public_key->bytes) == 0
		       ? NULL
		       : "the signature of the token is wrong";
}

static enum err add_time(struct caveat_set *set, enum caveat_kind kind, uint64_t unix_s)
{
	static const struct id128 no_counter;
	const struct caveat caveat = { .kind = kind, .number = unix_s };

	return caveat_set_add(set, &caveat, 0, &no_counter);
}

const char *tokens_signed_fold(const struct tokens *tokens, struct grant *grant)
{
	const struct signed_cap *cap = &tokens->secret->cap;
	enum err err;

	caveat_set_init(&grant->caveats);
	err = add_time(&grant->caveats, CAVEAT_NBF, cap->nbf_unix_s);
	if (err == ERR_OK) {
		err = add_time(&grant->caveats, CAVEAT_EXP, cap->exp_unix_s);
	}
	for (size_t i = 0; err == ERR_OK && i < cap->caveat_count; i++) {
		struct id128 counter_id = signed_cap_counter_id(&grant->capability_id, i);
		struct caveat caveat;
		enum caveat_fault fault = caveat_parse(cap->caveats[i], &caveat);

		if (fault != CAVEAT_FAULT_OK) {
			return caveat_fault_text(fault);
		}
		err = caveat_set_add(&grant->caveats, &caveat, cap->nbf_unix_s, &counter_id);
	}
	grant->tenant = caveat_set_tenant(&grant->caveats, grant->caveats.clause_count);
	return err == ERR_OK ? NULL : signed_cap_fault_text(SIGNED_CAP_CAVEATS);
}

/* ---- made ---- */

enum err tokens_signed_make(struct tokens *tokens, struct keys_item *item,
	const struct slice *lines, size_t line_count, struct slice *ret_text)
{
	struct tokens_secret *secret = tokens->secret;
	struct signed_cap *cap = &secret->cap;
	size_t bytes_count = 0, text_bytes = 0;
	enum err err;

	*cap = (struct signed_cap){
		.key_id = item->kid,
		.nbf_unix_s = item->iat_unix_s,
		.exp_unix_s = item->exp_unix_s,
		.caveat_count = line_count,
	};
	memcpy(cap->caveats, lines, line_count * sizeof *lines);
	err = signed_cap_write(cap, secret->bytes, sizeof secret->bytes);
	if (err != ERR_OK) {
		return err;
	}
	(void)crypto_sign_detached(cap->signature, NULL, secret->message,
		signed_cap_message(cap, secret->message), tokens->keys->secret->node_key);
	item->capability = signed_cap_id(cap);
	err = signed_cap_finish(cap, secret->bytes, sizeof secret->bytes, &bytes_count);
	if (err == ERR_OK) {
		err = macaroon_text_encode((struct slice){ secret->bytes, bytes_count },
			secret->text, sizeof secret->text, &text_bytes);
	}
	*ret_text = (struct slice){ (const uint8_t *)secret->text, text_bytes };
	return err;
}
