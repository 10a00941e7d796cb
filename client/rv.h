#ifndef CLIENT_RV_H
#define CLIENT_RV_H

/* What the files of rewardverify share (rewardverify.c says what it is). It is one run of one
 * program: what it knows of the epoch stands in a few variables, memory is taken and never given
 * back, and what is found wrong ends it.
 *
 *   rv           ending, memory, files, texts
 *   rv_blake3    BLAKE3, a second time
 *   rv_json      JSON as a tree
 *   rv_form      what the values of the documents may be
 *   rv_policy    the policy
 *   rv_inputs    bundle, ledger snapshot, accounting snapshot
 *   rv_share     who gets what
 *   rv_manifest  the manifest as it must be, compared with the one that is there */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <gmp.h>

/* ---- rv.c ---- */

enum { RV_GOOD = 0, RV_BAD = 1, RV_USAGE = 2, RV_CANNOT = 3 };

#define RV_MIB ((size_t)1 << 20)

struct rv_bytes {
	const uint8_t *at;
	size_t count;
};

extern const char *rv_subject; /* the file that is being looked at: rv_stop names it */
extern bool rv_is_json;        /* say the result as JSON, too */

/* Says why on stderr and ends: there is nothing to tidy up. */
__attribute__((format(printf, 2, 3))) _Noreturn void rv_stop(int code, const char *format, ...);

/* Zeros, as long as the program lives. */
void *rv_take(size_t count);

/* A zero follows the bytes. */
struct rv_bytes rv_read_file(const char *path, size_t count_max);

/* A string of JSON, with its quotes. */
void rv_put_string(FILE *out, const char *text);

/* A text that is written like a file. */
struct rv_writing {
	char *text;
	size_t count;
	FILE *out;
};
FILE *rv_start(struct rv_writing *writing);
struct rv_bytes rv_finish(struct rv_writing *writing); /* a zero follows the bytes */

/* ---- rv_blake3.c ---- */

#define RV_HASH_DIGITS 64u
#define RV_CID_BYTES   67u /* "b3:" and the digits */

void rv_blake3(struct rv_bytes text, char ret_hex[RV_HASH_DIGITS + 1]);
const char *rv_cid_of(struct rv_bytes text);

/* ---- rv_json.c ---- */

enum rv_type { RV_NOTHING, RV_STRING, RV_NUMBER, RV_OBJECT, RV_ARRAY, RV_OTHER };

/* A value, with its name if it is a member. */
struct rv_node {
	enum rv_type type;
	bool is_whole; /* its end was there; of a text: a NUL ends it, and none is inside */
	const char *name;
	const char *text;
	struct rv_node *first, *last, *next, *up;
};

/* Never NULL; what could be read up to a mistake. *ret_is_whole: there is none. */
const struct rv_node *rv_parse(struct rv_bytes text, bool *ret_is_whole);

/* Never NULL: RV_NOTHING. */
const struct rv_node *rv_member(const struct rv_node *object, const char *name);
bool rv_has_twice(const struct rv_node *object);

/* The place of a member among the names of a closed object; -1: it is none, or there again. */
int rv_place_of(const struct rv_node *at, const char *const *names, uint32_t *seen);

/* It has members of these names, the first ones of them in any case. */
bool rv_is_object(const struct rv_node *node, size_t needed_count, const char *const *names);
#define RV_NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* No white space, members by their names. leave: a member of it that is left out, or NULL. */
struct rv_bytes rv_canonical(const struct rv_node *node, const char *leave);

/* ---- rv_form.c ---- */

#define RV_LOCAL   "[A-Za-z0-9._:-]+"
#define RV_DAY     "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#define RV_NATURAL "(0|[1-9][0-9]*)"

/* name, extended regular expression, longest text */
#define RV_FORMS(F)                                                                           \
	F(NAME, RV_LOCAL, 128)                                                                \
	F(TENANT, "[A-Za-z0-9_-][A-Za-z0-9._-]*", 64)                                         \
	F(CATEGORY, "[a-z0-9_-]*", 32)                                                        \
	F(METRIC, "[a-z0-9_-]+", 32)                                                          \
	F(ASSET, "[a-z0-9][a-z0-9._-]*", 32)                                                  \
	F(EPOCH, RV_DAY "(T[0-9]{2}:[0-9]{2}Z)?", 17)                                         \
	F(MINUTE, RV_DAY "T[0-9]{2}:[0-9]{2}:00Z", 20)                                        \
	F(SECOND, RV_DAY "T[0-9]{2}:[0-9]{2}:[0-9]{2}Z", 20)                                  \
	F(CID, "b3:[0-9a-f]{64}", RV_CID_BYTES)                                               \
	F(HASH, "[0-9a-f]{64}", RV_HASH_DIGITS)                                               \
	F(NATURAL, RV_NATURAL, 128)                                                           \
	F(INTEGER, "0|-?[1-9][0-9]*", 128)                                                    \
	F(AMOUNT, RV_NATURAL "u?", 129)                                                       \
	F(WEIGHT, "1|0\\.[0-9]{0,8}[1-9]", 11)                                                \
	F(VERSION, RV_NATURAL "\\." RV_NATURAL "\\." RV_NATURAL "([-+][0-9A-Za-z.+-]+)?", 64) \
	F(SIGNATURE, "base64:[A-Za-z0-9+/]{85}[AQgw]==", 95)

enum rv_form {
#define AS_ENUM(NAME, pattern, longest) RV_FORM_##NAME,
	RV_FORMS(AS_ENUM)
#undef AS_ENUM
		RV_FORM_COUNT
};

#define RV_COUNT_MAX INT64_MAX
#define RV_INDEX_MAX ((INT64_C(1) << 53) - 1)

bool rv_text_fits(const char *text, enum rv_form form);
bool rv_fits(const struct rv_node *node, enum rv_form form); /* a string */
bool rv_is_text(const struct rv_node *node, const char *text);
bool rv_is_number(const struct rv_node *node, int64_t max, uint64_t *ret);
bool rv_is_epoch(const struct rv_node *node);
/* There is such a day and minute; seconds since 1970. */
bool rv_is_time(const char *text, int64_t *ret);

/* ---- rv_policy.c ---- */

#define RV_METRICS_MAX 16u
#define RV_CAPS_MAX    256u
#define RV_WEIGHT_ONE  1000000000u

struct rv_weight {
	const char *name;
	uint32_t billionths;
};

struct rv_cap {
	const char *category;
	mpz_t most;
};

struct rv_policy {
	const char *id, *hash, *asset;
	bool is_bankers;
	size_t weight_count, cap_count;
	struct rv_weight weights[RV_METRICS_MAX]; /* by name */
	struct rv_cap caps[RV_CAPS_MAX];
	mpz_t amount_max; /* 2^127 - 1 */
	mpz_t epoch_cap, actor_cap, base;
	uint64_t period;
};
extern struct rv_policy rv_policy;

void rv_read_policy(struct rv_bytes text);

/* ---- rv_inputs.c ---- */

struct rv_row {
	const char *actor, *category;
	uint64_t counts[RV_METRICS_MAX]; /* in the order of the weights */
};

/* What was asked for, and what the inputs say. */
struct rv_run {
	const char *tenant, *epoch_id, *inputs_cid, *accounting_cid, *ledger_cid, *salt;
	bool is_said_quarantined; /* by the manifest */
	uint64_t epoch_index;
	const char *pool_text;
	mpz_t pool;
	const char *kind; /* why it is quarantined; NULL: it is not */
	struct rv_row *rows;
	size_t row_count, row_room;
};
extern struct rv_run rv_run;

/* The first of several kinds stands; returns false. */
bool rv_quarantine(const char *kind);

/* By actor and category, once rv_read_accounting was true. */
int rv_compare_rows(const void *a, const void *b);

/* Who asked, for which epoch: as the manifest says, until the bundle says better. */
void rv_read_claims(const struct rv_node *manifest);

/* Each: false when quarantined, and then the next one is not asked. */
bool rv_read_bundle(struct rv_bytes text);
bool rv_read_ledger(struct rv_bytes text);
bool rv_read_accounting(struct rv_bytes text);

/* ---- rv_share.c ---- */

/* All that an actor did in a category. */
struct rv_cell {
	const char *actor, *category;
	mpz_t *counts, *shares, *excess; /* of each weight */
};

struct rv_totals {
	mpz_t payout, delta, clamp, idle, dust, category_excess, actor_excess;
};
extern struct rv_totals rv_totals;
extern size_t rv_cell_count;

/* One of those that may be paid. */
struct rv_actor {
	const struct rv_cell *first, *end;
	mpz_t amount, sums[RV_METRICS_MAX], category_cut, actor_cut;
};

bool rv_allocate(void); /* as rv_read_... */

/* The next one by name; *at goes on behind its cells. */
void rv_pay_actor(struct rv_actor *actor, size_t *at);

/* ---- rv_manifest.c ---- */

extern size_t rv_paid_count;
extern const char *rv_commitment;

/* text: what `is` was read from. */
void rv_compare_manifest(const struct rv_node *is, struct rv_bytes text);
void rv_check_attestation(const char *path, const char *vkey);

#endif
