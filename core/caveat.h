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
 * - account= takes a whole name, or a beginning followed by `*`; `*` alone is refused. action=
 *   takes a whole name, or a group such as `wallet.*`: all of it that this version knows
 *   (the names of all actions together are longer than a caveat may be).
 * - Times are seconds since 1970, UTC. nbf forgives 60 s of clock skew, exp and ttl none.
 * - daily<= is only collected here: the sequencer counts (core/ledger.h).
 *
 * This file reads and prints one caveat; core/caveat_set.h judges requests by all of them. */

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

/* Whether a caveat of this kind fails today and held yesterday, or will tomorrow. */
static inline bool caveat_is_about_time(enum caveat_kind kind)
{
	return kind == CAVEAT_NBF || kind == CAVEAT_EXP || kind == CAVEAT_TTL;
}

enum caveat_where { CAVEAT_WHERE_EDGE, CAVEAT_WHERE_LEDGER, CAVEAT_WHERE_ENTRY };

/* Masks of kinds: bit = 1 << enum caveat_kind. caveat_set_check_request() is
 * told which to judge: the prevalidator EDGE and LEDGER, sequencer and archive LEDGER. */
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
#define CAVEAT_ACTIONS_ALL        ((1u << CAVEAT_ACTION_COUNT) - 1)

#define CAVEAT_NBF_SKEW_S 60u
#define CAVEAT_UNIX_S_MAX 253402300799u /* the year 9999: sums and milliseconds fit 64 bits */

/* Why a text is no caveat. */
#define CAVEAT_FAULTS(F)                                                                        \
	F(OK, "it is a caveat")                                                                 \
	F(TOO_LARGE, "a caveat, or a name in it, is too long")                                  \
	F(UNKNOWN, "there is no caveat of this name")                                           \
	F(EMPTY, "a value, or one of a list, is empty")                                         \
	F(NUMBER, "the value is not a decimal number without leading zeros, or too large")      \
	F(BYTE, "the value has a byte that cannot be in it")                                    \
	F(NAME, "the value is none of the closed list")                                         \
	F(STAR, "`*` may only end an account, after at least one byte, or an action after its " \
		"dot")

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
		uint32_t mask;   /* ACTION: bits of actions; KIND: bits of enum entry_kind */
		uint64_t number; /* MAX_BYTES, NBF, EXP, TTL */
		u128 amount;     /* AMOUNT, DAILY */
	};
};

MUST_CHECK enum caveat_fault caveat_parse(struct slice text, struct caveat *ret_caveat);

/* The name and the value: the text that was parsed. ERR_TOO_LARGE: it does not fit, or is
 * longer than CAVEAT_BYTES_MAX. No terminating zero. */
MUST_CHECK enum err caveat_print(
	const struct caveat *caveat, char *text, size_t text_bytes, size_t *ret_bytes);

/* For the operator: the known caveat, action or kind that a refused text is most like, or
 * NULL when none is near. */
const char *caveat_nearest(struct slice text);

/* A value that is a list of texts (account=, asset=, tenant=, method=, path=, epoch=,
 * peer-uid=, node=): is it one? And its items, one by one: false after the last. */
MUST_CHECK enum caveat_fault caveat_check_list(enum caveat_kind kind, struct slice value);
bool caveat_take_item(struct slice *rest, struct slice *ret_item);

const char *caveat_name(unsigned kind); /* "account=", "amount<="; "?" for none */
const char *caveat_text(unsigned kind); /* the manual's sentence */
const char *caveat_fault_text(unsigned fault);
const char *caveat_action_name(unsigned action);

#endif
