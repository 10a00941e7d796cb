#include "core/caveat_set.h"

#include <string.h>

#include "core/amount.h"

#define BIT(kind)       (1u << (kind))
#define ENTRY_KINDS_ALL 0xfeu /* bits 1-7 */

/* Kinds whose value is a list that stays text. */
#define CLAUSE_KINDS                                                                         \
	(BIT(CAVEAT_ACCOUNT) | BIT(CAVEAT_ASSET) | BIT(CAVEAT_TENANT) | BIT(CAVEAT_METHOD) | \
		BIT(CAVEAT_PATH) | BIT(CAVEAT_EPOCH) | BIT(CAVEAT_PEER_UID) | BIT(CAVEAT_NODE))

void caveat_set_init(struct caveat_set *ret_set)
{
	ret_set->kinds = 0;
	ret_set->actions = CAVEAT_ACTIONS_ALL;
	ret_set->entry_kinds = ENTRY_KINDS_ALL;
	ret_set->exp_is_ttl = false;
	ret_set->amount_max = U128_MAX;
	ret_set->body_bytes_max = UINT64_MAX;
	ret_set->nbf_unix_s = 0;
	ret_set->exp_unix_s = UINT64_MAX;
	ret_set->clause_count = 0;
	ret_set->daily_count = 0;
}

static void add_expiry(struct caveat_set *set, uint64_t exp_unix_s, bool is_ttl)
{
	if (exp_unix_s < set->exp_unix_s) {
		set->exp_unix_s = exp_unix_s;
		set->exp_is_ttl = is_ttl;
	}
}

static void add_clause(struct caveat_set *set, const struct caveat *caveat)
{
	struct caveat_clause *clause = &set->clauses[set->clause_count++];

	clause->kind = (uint8_t)caveat->kind;
	clause->value = caveat->value;
}

static void add_daily(
	struct caveat_set *set, const struct caveat *caveat, const struct id128 *counter_id)
{
	struct caveat_daily *daily = &set->dailies[set->daily_count++];

	assert(counter_id != NULL);
	daily->counter_id = *counter_id;
	daily->limit = caveat->amount;
}

enum err caveat_set_add(struct caveat_set *set, const struct caveat *caveat, uint64_t iat_unix_s,
	const struct id128 *counter_id)
{
	assert(iat_unix_s <= CAVEAT_UNIX_S_MAX);
	if (set->clause_count + set->daily_count >= (int)TOKEN_CAVEATS_MAX) {
		return ERR_TOO_LARGE;
	}
	set->kinds |= BIT(caveat->kind);
	switch (caveat->kind) {
	case CAVEAT_ACTION:
		set->actions &= caveat->mask;
		break;
	case CAVEAT_KIND:
		set->entry_kinds &= (uint8_t)caveat->mask;
		break;
	case CAVEAT_AMOUNT:
		set->amount_max =
			caveat->amount < set->amount_max ? caveat->amount : set->amount_max;
		break;
	case CAVEAT_DAILY:
		add_daily(set, caveat, counter_id);
		break;
	case CAVEAT_MAX_BYTES:
		set->body_bytes_max =
			caveat->number < set->body_bytes_max ? caveat->number : set->body_bytes_max;
		break;
	case CAVEAT_NBF:
		set->nbf_unix_s =
			caveat->number > set->nbf_unix_s ? caveat->number : set->nbf_unix_s;
		break;
	case CAVEAT_EXP:
		add_expiry(set, caveat->number, false);
		break;
	case CAVEAT_TTL:
		add_expiry(set, iat_unix_s + caveat->number, true);
		break;
	case CAVEAT_ACCOUNT:
	case CAVEAT_ASSET:
	case CAVEAT_TENANT:
	case CAVEAT_METHOD:
	case CAVEAT_PATH:
	case CAVEAT_EPOCH:
	case CAVEAT_PEER_UID:
	case CAVEAT_NODE:
		add_clause(set, caveat);
		break;
	case CAVEAT_KIND_COUNT:
		assert(false);
		break;
	}
	return ERR_OK;
}

static bool has(const struct caveat_set *set, enum caveat_kind kind)
{
	return (set->kinds & BIT(kind)) != 0;
}

/* What a folded field is when no caveat of its kind was added. */
static bool absent_fields_are_wide_open(const struct caveat_set *set)
{
	return (has(set, CAVEAT_ACTION) || set->actions == CAVEAT_ACTIONS_ALL) &&
	       (has(set, CAVEAT_KIND) || set->entry_kinds == ENTRY_KINDS_ALL) &&
	       (has(set, CAVEAT_AMOUNT) || set->amount_max == U128_MAX) &&
	       (has(set, CAVEAT_MAX_BYTES) || set->body_bytes_max == UINT64_MAX) &&
	       (has(set, CAVEAT_NBF) || set->nbf_unix_s == 0) &&
	       (has(set, CAVEAT_DAILY) == (set->daily_count > 0));
}

static bool expiry_is_sound(const struct caveat_set *set)
{
	bool has_any = has(set, CAVEAT_EXP) || has(set, CAVEAT_TTL);

	if (!has_any) {
		return set->exp_unix_s == UINT64_MAX && !set->exp_is_ttl;
	}
	return set->exp_unix_s <= 2 * CAVEAT_UNIX_S_MAX &&
	       has(set, set->exp_is_ttl ? CAVEAT_TTL : CAVEAT_EXP);
}

bool caveat_set_is_sound(const struct caveat_set *set)
{
	uint32_t clause_kinds = 0;

	if (set->kinds >= BIT(CAVEAT_KIND_COUNT) || (set->actions & ~CAVEAT_ACTIONS_ALL) != 0 ||
		(set->entry_kinds & ~ENTRY_KINDS_ALL) != 0 || set->nbf_unix_s > CAVEAT_UNIX_S_MAX ||
		set->clause_count + set->daily_count > (int)TOKEN_CAVEATS_MAX) {
		return false;
	}
	for (size_t i = 0; i < set->clause_count; i++) {
		const struct caveat_clause *clause = &set->clauses[i];

		if (clause->kind >= CAVEAT_KIND_COUNT ||
			(BIT(clause->kind) & CLAUSE_KINDS & set->kinds) == 0 ||
			caveat_check_list((enum caveat_kind)clause->kind, clause->value) !=
				CAVEAT_FAULT_OK) {
			return false;
		}
		clause_kinds |= BIT(clause->kind);
	}
	return clause_kinds == (set->kinds & CLAUSE_KINDS) && absent_fields_are_wide_open(set) &&
	       expiry_is_sound(set);
}

bool caveat_set_is_restricted(const struct caveat_set *set)
{
	return has(set, CAVEAT_NODE) && has(set, CAVEAT_ACTION) &&
	       (has(set, CAVEAT_EXP) || has(set, CAVEAT_TTL));
}

static const struct caveat_verdict holds = { .result = CAVEAT_HOLDS };

static struct caveat_verdict fails(enum caveat_kind kind)
{
	return (struct caveat_verdict){ .result = CAVEAT_FAILS, .kind = kind };
}

static struct caveat_verdict lacks(enum caveat_kind kind)
{
	return (struct caveat_verdict){ .result = CAVEAT_LACKS, .kind = kind };
}

static bool has_star(struct slice item)
{
	return item.bytes_count > 0 && item.bytes[item.bytes_count - 1] == '*';
}

static bool starts_with(struct slice bytes, struct slice start)
{
	return bytes.bytes_count >= start.bytes_count &&
	       memcmp(bytes.bytes, start.bytes, start.bytes_count) == 0;
}

static bool item_covers(struct slice item, struct slice subject, bool star_allowed)
{
	if (star_allowed && has_star(item)) {
		item.bytes_count--;
		return starts_with(subject, item);
	}
	return item.bytes_count == subject.bytes_count && starts_with(subject, item);
}

static struct caveat_verdict judge_clause(const struct caveat_clause *clause, struct slice subject)
{
	enum caveat_kind kind = (enum caveat_kind)clause->kind;
	struct slice rest = clause->value;
	struct slice item = { NULL, 0 };

	if (subject.bytes_count == 0) {
		return lacks(kind);
	}
	while (caveat_take_item(&rest, &item)) {
		if (item_covers(item, subject, kind == CAVEAT_ACCOUNT)) {
			return holds;
		}
	}
	return fails(kind);
}

static bool every_clause_covers(const struct caveat_set *set, struct slice tenant)
{
	for (size_t i = 0; i < set->clause_count; i++) {
		if (set->clauses[i].kind == CAVEAT_TENANT &&
			judge_clause(&set->clauses[i], tenant).result != CAVEAT_HOLDS) {
			return false;
		}
	}
	return true;
}

static bool is_same(struct slice left, struct slice right)
{
	return left.bytes_count == right.bytes_count && starts_with(left, right);
}

struct slice caveat_set_tenant(const struct caveat_set *set, size_t made_count)
{
	static const char unsaid[] = CAVEAT_TENANT_DEFAULT;
	struct slice rest = { (const uint8_t *)unsaid, sizeof unsaid - 1 };
	struct slice item = { NULL, 0 }, found = { NULL, 0 };

	assert(made_count <= set->clause_count);
	for (size_t i = 0; i < made_count; i++) {
		if (set->clauses[i].kind == CAVEAT_TENANT) {
			rest = set->clauses[i].value;
			break;
		}
	}
	while (caveat_take_item(&rest, &item)) {
		if (!every_clause_covers(set, item) || is_same(item, found)) {
			continue;
		}
		if (found.bytes_count > 0) {
			return (struct slice){ NULL, 0 };
		}
		found = item;
	}
	return found;
}

bool caveat_set_is_tenant(struct slice name)
{
	return name.bytes_count > 0 && caveat_check_list(CAVEAT_TENANT, name) == CAVEAT_FAULT_OK &&
	       memchr(name.bytes, ',', name.bytes_count) == NULL;
}

/* uid_text is the decimal peer uid: the list has canonical decimals, so texts are compared. */
static struct slice request_subject(
	const struct caveat_request *request, unsigned kind, struct slice uid_text)
{
	return kind == CAVEAT_TENANT   ? request->tenant
	       : kind == CAVEAT_METHOD ? request->method
	       : kind == CAVEAT_PATH   ? request->path
	       : kind == CAVEAT_EPOCH  ? request->epoch
	       : kind == CAVEAT_NODE   ? request->node
				       : uid_text;
}

static struct caveat_verdict judge_numbers(
	const struct caveat_set *set, uint32_t kinds, const struct caveat_request *request)
{
	uint64_t now_unix_s = request->now_unix_s;

	if ((kinds & BIT(CAVEAT_NBF)) != 0 && set->nbf_unix_s > now_unix_s &&
		set->nbf_unix_s - now_unix_s > CAVEAT_NBF_SKEW_S) {
		return fails(CAVEAT_NBF);
	}
	if ((kinds & (BIT(CAVEAT_EXP) | BIT(CAVEAT_TTL))) != 0 && now_unix_s >= set->exp_unix_s) {
		return fails(set->exp_is_ttl ? CAVEAT_TTL : CAVEAT_EXP);
	}
	if ((kinds & BIT(CAVEAT_MAX_BYTES)) != 0) {
		if (!request->has_body_bytes) {
			return lacks(CAVEAT_MAX_BYTES);
		}
		if (request->body_bytes > set->body_bytes_max) {
			return fails(CAVEAT_MAX_BYTES);
		}
	}
	return holds;
}

struct caveat_verdict caveat_set_check_request(
	const struct caveat_set *set, uint32_t kinds, const struct caveat_request *request)
{
	uint32_t judged = set->kinds & kinds & ~caveat_kinds(CAVEAT_WHERE_ENTRY);
	struct caveat_verdict verdict = judge_numbers(set, judged, request);
	char digits[AMOUNT_TEXT_BYTES_MAX];
	struct slice uid_text = { (const uint8_t *)digits, 0 };

	if ((judged & BIT(CAVEAT_PEER_UID)) != 0 && request->has_peer_uid) {
		uid_text.bytes_count = amount_print(request->peer_uid, digits);
	}
	if ((judged & CLAUSE_KINDS) == 0) {
		return verdict;
	}
	for (size_t i = 0; i < set->clause_count && verdict.result == CAVEAT_HOLDS; i++) {
		const struct caveat_clause *clause = &set->clauses[i];

		if ((judged & BIT(clause->kind)) != 0) {
			verdict = judge_clause(
				clause, request_subject(request, clause->kind, uid_text));
		}
	}
	return verdict;
}

static struct caveat_verdict judge_accounts(
	const struct caveat_clause *clause, const struct caveat_entry *entry)
{
	struct caveat_verdict verdict = holds;

	if (entry->account_count == 0) {
		return lacks(CAVEAT_ACCOUNT);
	}
	for (size_t i = 0; i < entry->account_count && verdict.result == CAVEAT_HOLDS; i++) {
		verdict = judge_clause(clause, entry->accounts[i]);
	}
	return verdict;
}

static struct caveat_verdict judge_folded(
	const struct caveat_set *set, const struct caveat_entry *entry)
{
	if (has(set, CAVEAT_ACTION)) {
		if (entry->actions == 0) {
			return lacks(CAVEAT_ACTION);
		}
		if ((entry->actions & ~set->actions) != 0) {
			return fails(CAVEAT_ACTION);
		}
	}
	if (has(set, CAVEAT_KIND)) {
		if (entry->kind == 0) {
			return lacks(CAVEAT_KIND);
		}
		if (entry->kind > 7 || (set->entry_kinds & BIT(entry->kind)) == 0) {
			return fails(CAVEAT_KIND);
		}
	}
	if (has(set, CAVEAT_AMOUNT)) {
		if (!entry->has_amount) {
			return lacks(CAVEAT_AMOUNT);
		}
		if (entry->amount > set->amount_max) {
			return fails(CAVEAT_AMOUNT);
		}
	}
	return holds;
}

struct caveat_verdict caveat_set_check_entry(
	const struct caveat_set *set, const struct caveat_entry *entry)
{
	struct caveat_verdict verdict = judge_folded(set, entry);

	if ((set->kinds & (BIT(CAVEAT_ACCOUNT) | BIT(CAVEAT_ASSET))) == 0) {
		return verdict;
	}
	for (size_t i = 0; i < set->clause_count && verdict.result == CAVEAT_HOLDS; i++) {
		const struct caveat_clause *clause = &set->clauses[i];

		if (clause->kind == CAVEAT_ACCOUNT) {
			verdict = judge_accounts(clause, entry);
		} else if (clause->kind == CAVEAT_ASSET) {
			verdict = judge_clause(clause, entry->asset);
		}
	}
	return verdict;
}

const char *caveat_set_verdict_text(struct caveat_verdict verdict)
{
	static const char *const fails[] = {
#define AS_TEXT(NAME, name, where, text, refusal) refusal,
		CAVEATS(AS_TEXT)
#undef AS_TEXT
	};
	static const char *const lacks[] = {
#define AS_TEXT(NAME, name, where, text, refusal) \
	"the token has a caveat " name " and the request has nothing that it could be about",
		CAVEATS(AS_TEXT)
#undef AS_TEXT
	};

	assert((unsigned)verdict.kind < CAVEAT_KIND_COUNT);
	switch (verdict.result) {
	case CAVEAT_HOLDS:
		return "all caveats hold";
	case CAVEAT_FAILS:
		return fails[verdict.kind];
	case CAVEAT_LACKS:
		return lacks[verdict.kind];
	}
	return "?";
}
