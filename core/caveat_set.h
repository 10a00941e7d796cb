#ifndef CORE_CAVEAT_SET_H
#define CORE_CAVEAT_SET_H

/* All caveats of one token, folded into one value, and requests judged by it. In two steps, so
 * that a request of many entries pays for its caveats once: the request is checked once, then
 * each entry by the kinds that are about entries (CAVEAT_WHERE_ENTRY). Nothing allocates, a
 * set borrows the text that it was made from, and no verdict repeats a value. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/caveat.h"

/* Caveats of one token, folded. Lists of text stay text: views that borrow from it. */
struct caveat_clause {
	uint8_t kind; /* ACCOUNT, ASSET, TENANT, METHOD, PATH, EPOCH, PEER_UID or NODE */
	struct slice value;
};

struct caveat_daily {
	struct id128 counter_id;
	u128 limit;
};

struct caveat_set {
	uint32_t kinds;      /* which kinds there are */
	uint32_t actions;    /* all bits when there is no action= */
	uint8_t entry_kinds; /* likewise */
	bool exp_is_ttl;     /* which of the two exp_unix_s comes from */
	u128 amount_max;
	uint64_t body_bytes_max;
	uint64_t nbf_unix_s; /* 0 when there is none */
	uint64_t exp_unix_s; /* the earlier of exp= and iat + ttl=; UINT64_MAX when none */
	uint16_t clause_count;
	uint16_t daily_count;
	struct caveat_clause clauses[TOKEN_CAVEATS_MAX];
	struct caveat_daily dailies[TOKEN_CAVEATS_MAX];
};

void caveat_set_init(struct caveat_set *ret_set);

/* iat_unix_s is the token's (for ttl=), at most CAVEAT_UNIX_S_MAX; counter_id belongs to a DAILY
 * caveat (macaroon.h), and is ignored for others. ERR_TOO_LARGE: more than TOKEN_CAVEATS_MAX; the
 * set is unchanged. */
MUST_CHECK enum err caveat_set_add(struct caveat_set *set, const struct caveat *caveat,
	uint64_t iat_unix_s, const struct id128 *counter_id);

/* What a set that was built by add always is, and one from a grant must be. */
bool caveat_set_is_sound(const struct caveat_set *set);

/* What kms demands before it mints: node=, action=, and exp= or ttl=. */
bool caveat_set_is_restricted(const struct caveat_set *set);

/* Of a token whose maker said nothing about tenants. */
#define CAVEAT_TENANT_DEFAULT "default"

/* Whose the token is: of the names that its maker gave it, those of the first tenant= among the
 * first made_count clauses, or else the default, the one that every tenant= leaves. Holders
 * append caveats, and would otherwise give their token the quota of a tenant that they
 * invent. Empty: none is left, or several. Borrows from the set. */
struct slice caveat_set_tenant(const struct caveat_set *set, size_t made_count);

/* One name, as tenant= has it. */
bool caveat_set_is_tenant(struct slice name);

/* What a request is, as far as it is known. An empty slice or false = the request lacks it. */
struct caveat_request {
	uint64_t now_unix_s;
	uint64_t body_bytes;
	struct slice tenant; /* of the token: caveat_set_tenant(), or of an intent */
	struct slice epoch;
	struct slice method;
	struct slice path; /* without the query */
	struct slice node; /* our own origin */
	uint32_t peer_uid;
	bool has_body_bytes; /* true for an empty body too: it has 0 bytes */
	bool has_peer_uid;
};

/* What an entry is. A read is one entry without amount; a request that neither moves nor reads
 * a balance is checked with one entry that has only actions. */
struct caveat_entry {
	uint32_t actions; /* bits: every action that it needs; 0 = lacks */
	uint8_t kind;     /* enum entry_kind; 0 = lacks */
	bool has_amount;
	u128 amount;
	struct slice asset;
	const struct slice *accounts; /* the one, or all that fall for a Reverse; each must hold */
	size_t account_count;         /* 0 = lacks */
};

enum caveat_result { CAVEAT_HOLDS, CAVEAT_FAILS, CAVEAT_LACKS };

struct caveat_verdict {
	enum caveat_result result;
	enum caveat_kind kind; /* which refused; meaningless when all hold */
};

struct caveat_verdict caveat_set_check_request(
	const struct caveat_set *set, uint32_t kinds, const struct caveat_request *request);

/* daily<= always holds here: set->dailies is for the sequencer to count. */
struct caveat_verdict caveat_set_check_entry(
	const struct caveat_set *set, const struct caveat_entry *entry);

/* A sentence for the client, with the name of the kind but no value. */
const char *caveat_set_verdict_text(struct caveat_verdict verdict);

#endif
