#ifndef CORE_CAVEAT_H
#define CORE_CAVEAT_H

/* Caveats: the closed, typed set of conditions under which a token may be used (DESIGN.md
 * section 8, DESIGN-WALL.md section 4). The rules, which macronode-caveats(7) repeats:
 *
 * - A caveat is `name=value` or `name<=value`, of at most CAVEAT_BYTES_MAX bytes. One that is
 *   not in the table is a refusal: we cannot hold what we do not understand.
 * - All caveats must hold, for each entry of the request; so repeats intersect, and order
 *   means nothing. Where a value is a list, `a,b` holds if a or b does.
 * - A caveat about something that the request lacks is a refusal: peer-uid over TCP, path
 *   over OAP, epoch outside of the rewarder, amount where nothing is moved.
 * - account= takes a whole name, or a beginning followed by `*`; `*` alone is refused.
 * - Times are seconds since 1970, UTC. nbf forgives 60 s of clock skew, exp and ttl none.
 * - daily<= is only collected here: the sequencer counts (core/ledger.h).
 *
 * Evaluation is in two steps, so that a request of many entries pays for its caveats once:
 * caveats are folded into a caveat_set, request-level kinds are checked once, entry-level
 * kinds for each entry. Nothing here is secret, and no verdict repeats a value. */

#include <stdbool.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"

/* Order is the bit in masks and the id in sealed grants: append only.
 *
 * NAME, text before the value, where it is judged, what it says (the manual), why refused.
 * EDGE kinds are about the connection and the HTTP head, which only the prevalidator sees;
 * LEDGER kinds sequencer and archive judge again, from the grant; ENTRY kinds per entry. */
#define CAVEATS(C)                                                                             \
	C(ACTION, "action=", ENTRY, "What may be done: one or more of the closed list.",       \
		"the token does not allow this action")                                        \
	C(ACCOUNT, "account=", ENTRY,                                                          \
		"The account whose balance falls (of Mint and Credit: rises; of a read: that " \
		"is read), whole or as a beginning with `*`.",                                 \
		"the token does not cover this account")                                       \
	C(ASSET, "asset=", ENTRY, "The asset of each entry.",                                  \
		"the token does not cover this asset")                                         \
	C(KIND, "kind=", ENTRY, "The kind of each entry, such as Transfer.",                   \
		"the token does not allow entries of this kind")                               \
	C(AMOUNT, "amount<=", ENTRY, "The most that one entry may move, in minor units.",      \
		"the amount is above what the token allows")                                   \
	C(DAILY, "daily<=", ENTRY,                                                             \
		"The most that may be debited, burned and minted per UTC day and asset with "  \
		"this token and all tokens narrowed from it.",                                 \
		"the day's amount of the token is used up")                                    \
	C(TENANT, "tenant=", LEDGER, "The tenant for whom the request is.",                    \
		"the token is for another tenant")                                             \
	C(METHOD, "method=", EDGE, "The HTTP method.", "the token does not allow this method") \
	C(PATH, "path=", EDGE, "The path of the request, whole, compared byte for byte.",      \
		"the token does not allow this path")                                          \
	C(MAX_BYTES, "max-bytes=", EDGE, "The most bytes that the body may have.",             \
		"the body is longer than the token allows")                                    \
	C(EPOCH, "epoch=", LEDGER, "The reward epoch.", "the token is for another epoch")      \
	C(NBF, "nbf=", LEDGER, "Not before this time; forgives 60 s.",                         \
		"the token is not valid yet")                                                  \
	C(EXP, "exp=", LEDGER, "Not at or after this time.", "the token has expired")          \
	C(TTL, "ttl=", LEDGER, "So many seconds from the minting of the token.",               \
		"the token has expired")                                                       \
	C(PEER_UID, "peer-uid=", EDGE, "The user id at the other end of a UNIX socket.",       \
		"the token is for another user id")                                            \
	C(NODE, "node=", EDGE, "The origin name of the node.", "the token is for another node")

enum caveat_kind {
#define AS_ENUM(NAME, name, where, text, refusal) CAVEAT_##NAME,
	CAVEATS(AS_ENUM)
#undef AS_ENUM
	CAVEAT_KIND_COUNT
};

enum caveat_where { CAVEAT_WHERE_EDGE, CAVEAT_WHERE_LEDGER, CAVEAT_WHERE_ENTRY };

/* Masks of kinds: bit = 1 << enum caveat_kind. caveat_check_request() judges those of `kinds`
 * that are not ENTRY kinds: the prevalidator all of them, sequencer and archive LEDGER. */
uint32_t caveat_kinds(enum caveat_where where);

/* Order is the bit in masks and in sealed grants: append only. */
#define CAVEAT_ACTIONS(A)                             \
	A(LEDGER_INGEST, "ledger.ingest")             \
	A(WALLET_ISSUE, "wallet.issue")               \
	A(WALLET_TRANSFER, "wallet.transfer")         \
	A(WALLET_BURN, "wallet.burn")                 \
	A(WALLET_HOLD, "wallet.hold")                 \
	A(WALLET_READ, "wallet.read")                 \
	A(REWARDER_RUN, "rewarder.run")               \
	A(REWARDER_INSPECT, "rewarder.inspect")       \
	A(REWARDER_QUARANTINE, "rewarder.quarantine") \
	A(GOV_MINT, "gov.mint")                       \
	A(GOV_REVERSE, "gov.reverse")                 \
	A(GOV_PROPOSE, "gov.propose")                 \
	A(GOV_APPROVE, "gov.approve")                 \
	A(GOV_FREEZE, "gov.freeze")                   \
	A(OBJECT_PUT, "object.put")                   \
	A(OBJECT_GET, "object.get")                   \
	A(ADMIN_STATUS, "admin.status")               \
	A(ADMIN_RELOAD, "admin.reload")               \
	A(ADMIN_SHUTDOWN, "admin.shutdown")           \
	A(AUDIT_READ, "audit.read")

enum caveat_action {
#define AS_ENUM(NAME, name) CAVEAT_ACTION_##NAME,
	CAVEAT_ACTIONS(AS_ENUM)
#undef AS_ENUM
	CAVEAT_ACTION_COUNT
};

#define CAVEAT_ACTION_BIT(action) (1u << (action))

/* The names of kind=, with the numbers of spec/ledger.md section 9 (1-7). */
#define CAVEAT_ENTRY_KINDS(K) \
	K(1, "Credit")        \
	K(2, "Debit")         \
	K(3, "Transfer")      \
	K(4, "Mint")          \
	K(5, "Burn")          \
	K(6, "Hold")          \
	K(7, "Reverse")

#define CAVEAT_NBF_SKEW_S 60u
#define CAVEAT_UNIX_S_MAX 253402300799u /* the year 9999: sums and milliseconds fit 64 bits */

/* Why a text is no caveat. */
#define CAVEAT_FAULTS(F)                                                                   \
	F(OK, "it is a caveat")                                                            \
	F(TOO_LARGE, "a caveat is too long")                                               \
	F(UNKNOWN, "there is no caveat of this name")                                      \
	F(EMPTY, "a value, or one of a list, is empty")                                    \
	F(NUMBER, "the value is not a decimal number without leading zeros, or too large") \
	F(BYTE, "the value has a byte that cannot be in it")                               \
	F(NAME, "the value is none of the closed list")                                    \
	F(STAR, "`*` may only end an account, after at least one byte")

enum caveat_fault {
#define AS_ENUM(NAME, text) CAVEAT_FAULT_##NAME,
	CAVEAT_FAULTS(AS_ENUM)
#undef AS_ENUM
	CAVEAT_FAULT_COUNT
};

/* One caveat, parsed. Which member of the union is set follows from the kind. */
struct caveat {
	enum caveat_kind kind;
	struct slice value; /* what follows `=` or `<=`; borrows from the text */
	union {
		uint32_t mask;   /* ACTION: bits of actions; KIND: bits 1-7 */
		uint64_t number; /* MAX_BYTES, NBF, EXP, TTL */
		u128 amount;     /* AMOUNT, DAILY */
	};
};

MUST_CHECK enum caveat_fault caveat_parse(struct slice text, struct caveat *ret_caveat);

/* The canonical text; ERR_TOO_LARGE if it does not fit. No terminating zero. */
MUST_CHECK enum err caveat_print(
	const struct caveat *caveat, char *text, size_t text_bytes, size_t *ret_bytes);

/* For the operator: the known caveat, action or kind that a refused text is most like, or
 * NULL when none is near. */
const char *caveat_nearest(struct slice text);

const char *caveat_name(unsigned kind); /* "account=", "amount<="; "?" for none */
const char *caveat_text(unsigned kind); /* the manual's sentence */
const char *caveat_fault_text(unsigned fault);
const char *caveat_action_name(unsigned action);

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

/* iat_unix_s is the token's (for ttl=); counter_id belongs to a DAILY caveat (macaroon.h), and
 * is ignored for others. ERR_TOO_LARGE: more than TOKEN_CAVEATS_MAX; the set is unchanged. */
MUST_CHECK enum err caveat_set_add(struct caveat_set *set, const struct caveat *caveat,
	uint64_t iat_unix_s, const struct id128 *counter_id);

/* What kms demands before it mints: node=, action=, and exp= or ttl=. */
bool caveat_set_is_restricted(const struct caveat_set *set);

/* What a request is, as far as it is known. An empty slice or false = the request lacks it. */
struct caveat_request {
	uint64_t now_unix_s;
	uint64_t body_bytes;
	struct slice tenant;
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
	uint8_t kind;     /* 1-7; 0 = lacks */
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

struct caveat_verdict caveat_check_request(
	const struct caveat_set *set, uint32_t kinds, const struct caveat_request *request);

/* daily<= always holds here: set->dailies is for the sequencer to count. */
struct caveat_verdict caveat_check_entry(
	const struct caveat_set *set, const struct caveat_entry *entry);

/* A sentence for the client, with the name of the kind but no value. */
const char *caveat_verdict_text(struct caveat_verdict verdict);

#endif
