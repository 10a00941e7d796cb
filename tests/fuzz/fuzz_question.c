/* What a GET under /v1 asks. The first byte chooses the route. What is accepted is in its bounds,
 * and printed again it is the same question. */
#include <stdio.h>
#include <string.h>

#include "core/entry.h"
#include "core/operation.h"
#include "services/prevalidator/question.h"

static const enum route routes[] = { ROUTE_BALANCE, ROUTE_TX, ROUTE_TX_PROOF, ROUTE_HISTORY,
	ROUTE_EVENTS };

/* Every parameter, also those that may be left out; of a balance only one that is of before. */
static size_t print(enum route route, const struct question *question, char text[1024])
{
	char txid[OPERATION_TXID_BYTES + 1], at[32] = "", before[32] = "";
	int count = 0;

	if (question->a != READS_NEWEST) {
		(void)snprintf(at, sizeof at, "&at=%llu", (unsigned long long)question->a);
		(void)snprintf(
			before, sizeof before, "&before=%llu", (unsigned long long)question->a);
	}
	if (route == ROUTE_BALANCE) {
		count = snprintf(text, 1024, "account=%.*s&asset=%.*s%s",
			(int)question->account.bytes_count, (const char *)question->account.bytes,
			(int)question->asset.bytes_count, (const char *)question->asset.bytes, at);
	} else if (route == ROUTE_HISTORY) {
		count = snprintf(text, 1024, "%.*s/history?asset=%.*s&limit=%llu%s",
			(int)question->account.bytes_count, (const char *)question->account.bytes,
			(int)question->asset.bytes_count, (const char *)question->asset.bytes,
			(unsigned long long)question->b, before);
	} else if (route == ROUTE_EVENTS) {
		count = snprintf(text, 1024, "after=%llu&limit=%llu",
			(unsigned long long)question->a, (unsigned long long)question->b);
	} else {
		operation_txid_print(&question->txid, txid);
		count = snprintf(text, 1024, "%s%s", txid, route == ROUTE_TX ? "" : "/proof");
	}
	assert(count > 0 && count < 1024);
	return (size_t)count;
}

static void check_bounds(const struct question *question)
{
	if (question->what == READ_BALANCE || question->what == READ_HISTORY) {
		assert(entry_account_is_valid(question->account));
		assert(entry_asset_is_valid(question->asset));
		assert(question->a == READS_NEWEST || question->a <= INT64_MAX);
	} else {
		assert(question->account.bytes_count == 0 && question->asset.bytes_count == 0);
	}
	assert(question->what != READ_HISTORY ||
		(question->a > 0 && question->b > 0 && question->b <= READS_HISTORY_LIMIT_MAX));
	assert(question->what != READ_EVENTS || (question->a <= INT64_MAX && question->b > 0 &&
							question->b <= READS_EVENTS_LIMIT_MAX));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct question question, again;
	enum api_reason reason;
	const char *wrong;
	enum route route;
	char text[1024];

	if (bytes_count == 0) {
		return 0;
	}
	route = routes[bytes[0] % COUNT_OF(routes)];
	reason = question_read(
		route, (struct slice){ bytes + 1, bytes_count - 1 }, &question, &wrong);
	assert((reason == API_REASON_NONE) == (wrong[0] == '\0'));
	if (reason != API_REASON_NONE) {
		return 0;
	}
	check_bounds(&question);
	reason = question_read(route,
		(struct slice){ (const uint8_t *)text, print(route, &question, text) }, &again,
		&wrong);
	assert(reason == API_REASON_NONE && again.what == question.what && again.a == question.a &&
		again.b == question.b);
	assert(entry_views_equal(again.account, question.account));
	assert(entry_views_equal(again.asset, question.asset));
	assert(memcmp(&again.txid, &question.txid, sizeof again.txid) == 0);
	return 0;
}
