#include "services/prevalidator/question.h"

#include <string.h>

#include "core/detail.h"
#include "core/entry.h"
#include "core/operation.h"

static enum api_reason refuse(enum api_reason reason, const char *what, const char **ret_text)
{
	*ret_text = what;
	return reason;
}

_Static_assert(READS_HISTORY_LIMIT_MAX == 200 && READS_EVENTS_LIMIT_MAX == 200, "as told");

/* What query_read() found wrong, which other routes tell in that one word. */
static const char *sentence_of(const char *wrong)
{
	static const struct {
		const char *word, *sentence;
	} rows[] = {
		{ "query", "the query is name=value pairs joined by &, each name at most once" },
		{ "at", "at: expected a seq, digits from 0 to 2^63-1" },
		{ "after", "after: expected a seq, digits from 0 to 2^63-1" },
		{ "before", "before: expected a seq, digits from 1 to 2^63-1" },
		{ "limit", "limit: expected a number from 1 to 200" },
	};

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		if (strcmp(rows[i].word, wrong) == 0) {
			return rows[i].sentence;
		}
	}
	return wrong;
}

static enum api_reason read_query(struct slice query, const struct query_wanted *wanted,
	size_t wanted_count, const char **ret_text)
{
	const char *wrong = query_read(query, wanted, wanted_count);

	if (wrong == NULL) {
		return API_REASON_NONE;
	}
	if (strcmp(wrong, detail_text(DETAIL_UNKNOWN_FIELD)) == 0) {
		return refuse(API_REASON_UNKNOWN_FIELD,
			"the query has a parameter that this route does not", ret_text);
	}
	return refuse(API_REASON_SCHEMA, sentence_of(wrong), ret_text);
}

static enum api_reason judge_names(const struct question *question, const char **ret_text)
{
	if (question->account.bytes == NULL || question->asset.bytes == NULL) {
		return refuse(API_REASON_SCHEMA,
			"the request names an account and, in the query, asset=", ret_text);
	}
	if (!entry_account_is_valid(question->account)) {
		return refuse(API_REASON_ACCOUNT_FORMAT,
			api_reasons_text(API_REASON_ACCOUNT_FORMAT), ret_text);
	}
	if (!entry_asset_is_valid(question->asset)) {
		return refuse(API_REASON_ASSET_FORMAT, api_reasons_text(API_REASON_ASSET_FORMAT),
			ret_text);
	}
	return API_REASON_NONE;
}

static enum api_reason judge_limit(uint64_t limit, uint64_t limit_max, const char **ret_text)
{
	return limit == 0 || limit > limit_max
		       ? refuse(API_REASON_SCHEMA, sentence_of("limit"), ret_text)
		       : API_REASON_NONE;
}

static enum api_reason read_balance(
	struct slice text, struct question *question, const char **ret_text)
{
	const struct query_wanted wanted[] = { { "account", NULL, &question->account },
		{ "asset", NULL, &question->asset }, { "at", &question->a, NULL } };
	enum api_reason reason;

	question->what = READ_BALANCE;
	question->a = READS_NEWEST;
	reason = read_query(text, wanted, COUNT_OF(wanted), ret_text);
	return reason == API_REASON_NONE ? judge_names(question, ret_text) : reason;
}

static enum api_reason read_txid(
	enum route route, struct slice text, struct question *question, const char **ret_text)
{
	struct slice query, txid = query_variable(route, text, &query);
	enum api_reason reason = read_query(query, NULL, 0, ret_text);

	question->what = route == ROUTE_TX ? READ_TX : READ_TX_PROOF;
	if (reason != API_REASON_NONE) {
		return reason;
	}
	return operation_txid_parse(txid, &question->txid)
		       ? API_REASON_NONE
		       : refuse(API_REASON_TXID_FORMAT, api_reasons_text(API_REASON_TXID_FORMAT),
				 ret_text);
}

static enum api_reason read_history(
	struct slice text, struct question *question, const char **ret_text)
{
	const struct query_wanted wanted[] = { { "asset", NULL, &question->asset },
		{ "before", &question->a, NULL }, { "limit", &question->b, NULL } };
	struct slice query;
	enum api_reason reason;

	question->what = READ_HISTORY;
	question->a = READS_NEWEST;
	question->b = READS_HISTORY_LIMIT_USUAL;
	question->account = query_variable(ROUTE_HISTORY, text, &query);
	reason = read_query(query, wanted, COUNT_OF(wanted), ret_text);
	if (reason == API_REASON_NONE) {
		reason = judge_names(question, ret_text);
	}
	if (reason == API_REASON_NONE) {
		reason = judge_limit(question->b, READS_HISTORY_LIMIT_MAX, ret_text);
	}
	if (reason == API_REASON_NONE && question->a == 0) {
		reason = refuse(API_REASON_SCHEMA, sentence_of("before"),
			ret_text); /* nothing is before 1 */
	}
	return reason;
}

static enum api_reason read_events(
	struct slice text, struct question *question, const char **ret_text)
{
	const struct query_wanted wanted[] = { { "after", &question->a, NULL },
		{ "limit", &question->b, NULL } };
	enum api_reason reason;

	question->what = READ_EVENTS;
	question->b = READS_EVENTS_LIMIT_USUAL;
	reason = read_query(text, wanted, COUNT_OF(wanted), ret_text);
	return reason == API_REASON_NONE
		       ? judge_limit(question->b, READS_EVENTS_LIMIT_MAX, ret_text)
		       : reason;
}

enum api_reason question_read(
	enum route route, struct slice text, struct question *ret_question, const char **ret_text)
{
	*ret_question = (struct question){ .a = 0 };
	*ret_text = "";
	if (route == ROUTE_BALANCE) {
		return read_balance(text, ret_question, ret_text);
	}
	if (route == ROUTE_TX || route == ROUTE_TX_PROOF) {
		return read_txid(route, text, ret_question, ret_text);
	}
	if (route == ROUTE_HISTORY) {
		return read_history(text, ret_question, ret_text);
	}
	assert(route == ROUTE_EVENTS); /* who calls lets no other in */
	return read_events(text, ret_question, ret_text);
}
