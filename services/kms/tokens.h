#ifndef SERVICES_KMS_TOKENS_H
#define SERVICES_KMS_TOKENS_H

/* Tokens: verified into grants, and minted. The caller brings the time. */

#include "common/api_reasons.h"
#include "common/check.h"
#include "common/errors.h"
#include "common/reasons.h"
#include "core/grant.h"
#include "core/macaroon.h"
#include "core/signed_cap.h"
#include "proto/verbs.h"
#include "services/kms/keys.h"

/* What passes through on the way, in locked memory: a token is as good as a key until it
 * expires. Wiped after each. */
struct tokens_secret {
	struct macaroon macaroon;
	struct signed_cap cap; /* the other form */
	uint8_t message[SIGNED_CAP_MESSAGE_BYTES_MAX];
	uint8_t bytes[MACAROON_BYTES_MAX];
	char text[TOKEN_BYTES_MAX + 1];
	struct hash running[TOKEN_CAVEATS_MAX];
};

struct tokens {
	struct keys *keys;
	struct tokens_secret *secret; /* owned */
	uint32_t kms_generation;
	uint64_t grant_life_ms;
	uint8_t grant[GRANT_BYTES_MAX]; /* the last one */
};

void tokens_init(struct tokens *tokens, struct keys *keys, struct worker *worker);
void tokens_configure(struct tokens *tokens, const struct worker *worker); /* in a reload, too */
void tokens_wipe(struct tokens *tokens);

/* detail is a constant sentence, fit for the client. grant borrows, until the next call. */
struct tokens_verdict {
	uint16_t status; /* 200: here is the grant. 401: no token of ours. 403: not (any more) good
			  */
	enum reason reason;
	enum api_reason api_reason; /* NONE: the usual one */
	const char *detail;
	struct slice grant;
};

/* Tokens end by the wall clock, grants by the monotonic one. */
struct tokens_now {
	uint64_t unix_ms;
	uint64_t mono_ms;
};

/* ask->peer_class is a GRANT_PEER_, with peer_uid 0 unless it is UNIX. */
struct tokens_verdict tokens_verify(
	struct tokens *tokens, const struct oap_verify *ask, const struct tokens_now *now);

/* Whether a grant of ours, brought by somebody else, allows the action now. ERR_OK: *ret_grant is
 * what it says, and *ret_why NULL, or the constant sentence that refuses. ERR_STALE: of a kms
 * before us, or past its end. ERR_DENIED, ERR_MALFORMED: it is not ours. */
MUST_CHECK enum err tokens_check_grant(const struct tokens *tokens, struct slice sealed,
	enum caveat_action action, const struct tokens_now *now, struct grant *ret_grant,
	const char **ret_why);

/* Mints for caveats given as lines of text; node= is added when it is not among them. What comes
 * first in the token is node, action and expiry, then the rest in their order. It is on record
 * when this returns ERR_OK; *ret_text borrows until tokens_wipe. Otherwise why says what is
 * wrong, for whoever asked. */
MUST_CHECK enum err tokens_mint(struct tokens *tokens, const struct oap_cap_mint *ask,
	uint64_t now_unix_s, struct slice *ret_text, struct keys_item *ret_item,
	char why[VERB_TEXT_BYTES_MAX]);

/* tokens_signed.c: the signed form. NULL, or the sentence that refuses. */
const char *tokens_signed_read(struct tokens *tokens, size_t bytes_count, struct grant *grant);
const char *tokens_signed_check(const struct tokens *tokens);
const char *tokens_signed_fold(const struct tokens *tokens, struct grant *grant);
/* Builds it from the lines, signs it, and names it; no bytes but our own are ever signed. */
MUST_CHECK enum err tokens_signed_make(struct tokens *tokens, struct keys_item *item,
	const struct slice *lines, size_t line_count, struct slice *ret_text);

#endif
