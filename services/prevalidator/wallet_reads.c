/* What is read under /v1: balances, receipts and their proofs, history, events. The token has to
 * allow wallet.read (or audit.read, which reads everything). Whether it covers the account is
 * judged here where the request names one; of receipts and events archive judges it, for it knows
 * whose they are. */
#include <string.h>

#include "common/reads.h"
#include "core/detail.h"
#include "core/entry.h"
#include "core/operation.h"
#include "services/prevalidator/prevalidator.h"

static void refuse(struct prevalidator *self, const struct ask *ask, enum api_reason api_reason,
	const char *what)
{
	wall_refuse_api(self, ask, api_reason, what);
}

/* --- who may --- */

static const uint32_t reading[] = {
	CAVEAT_ACTION_BIT(CAVEAT_ACTION_WALLET_READ),
	CAVEAT_ACTION_BIT(CAVEAT_ACTION_AUDIT_READ),
};

static bool has_action(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct caveat_verdict denied = { .result = CAVEAT_FAILS, .kind = CAVEAT_ACTION };

	if ((cached->grant.caveats.actions & (reading[0] | reading[1])) != 0) {
		return true;
	}
	refuse(self, ask, API_REASON_SCOPE, caveat_set_verdict_text(denied));
	return false;
}

static bool covers(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, struct slice account, struct slice asset)
{
	struct caveat_verdict verdict = { .result = CAVEAT_FAILS };

	for (size_t i = 0; i < COUNT_OF(reading) && verdict.result != CAVEAT_HOLDS; i++) {
		struct caveat_entry facts = {
			.actions = reading[i],
			.asset = asset,
			.accounts = &account,
			.account_count = 1,
		};
		struct caveat_verdict other =
			caveat_set_check_entry(&cached->grant.caveats, &facts);

		/* of the two why not, the one that is not about the action alone */
		if (i == 0 || other.result == CAVEAT_HOLDS || verdict.kind == CAVEAT_ACTION) {
			verdict = other;
		}
	}
	if (verdict.result != CAVEAT_HOLDS) {
		refuse(self, ask, API_REASON_SCOPE, caveat_set_verdict_text(verdict));
	}
	return verdict.result == CAVEAT_HOLDS;
}

/* --- what it says --- */

_Static_assert(READS_HISTORY_LIMIT_MAX == 200 && READS_EVENTS_LIMIT_MAX == 200, "as told");

/* What reads_query() found wrong, which other routes tell in that one word. */
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

static bool is_sound(struct prevalidator *self, const struct ask *ask, const char *wrong)
{
	if (wrong == NULL) {
		return true;
	}
	if (strcmp(wrong, detail_text(DETAIL_UNKNOWN_FIELD)) == 0) {
		refuse(self, ask, API_REASON_UNKNOWN_FIELD,
			"the query has a parameter that this route does not");
	} else {
		refuse(self, ask, API_REASON_SCHEMA, sentence_of(wrong));
	}
	return false;
}

static bool names_are_sound(
	struct prevalidator *self, const struct ask *ask, struct slice account, struct slice asset)
{
	if (account.bytes == NULL || asset.bytes == NULL) {
		refuse(self, ask, API_REASON_SCHEMA,
			"the request names an account and, in the query, asset=");
		return false;
	}
	if (!entry_account_is_valid(account)) {
		refuse(self, ask, API_REASON_ACCOUNT_FORMAT,
			api_reasons_text(API_REASON_ACCOUNT_FORMAT));
		return false;
	}
	if (!entry_asset_is_valid(asset)) {
		refuse(self, ask, API_REASON_ASSET_FORMAT,
			api_reasons_text(API_REASON_ASSET_FORMAT));
		return false;
	}
	return true;
}

static bool limit_is_sound(
	struct prevalidator *self, const struct ask *ask, uint64_t limit, uint64_t limit_max)
{
	if (limit == 0 || limit > limit_max) {
		refuse(self, ask, API_REASON_SCHEMA, sentence_of("limit"));
		return false;
	}
	return true;
}

#define NAMES_BYTES_MAX (ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX)

static struct slice put_names(
	struct slice account, struct slice asset, uint8_t names[NAMES_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(names, NAMES_BYTES_MAX);

	byte_put_bytes(&out, account.bytes, account.bytes_count);
	byte_put_u8(&out, ' ');
	byte_put_bytes(&out, asset.bytes, asset.bytes_count);
	return (struct slice){ names, out.used };
}

/* --- balances --- */

/* The newest is the wallet's to tell, one of before archive's. */
static void ask_wallet(
	struct prevalidator *self, const struct ask *ask, struct slice account, struct slice asset)
{
	struct oap_read_balance read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.account = account,
		.asset = asset,
	};

	wall_forwarded(self, ask,
		oap_send_read_balance(mesh_peer(&self->worker->mesh, PROCESS_WALLET, 0),
			ask->from.corr_id, &read));
}

static void balance(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_BALANCE, .a = READS_NEWEST };
	struct slice account = { NULL, 0 }, asset = { NULL, 0 };
	const struct reads_wanted wanted[] = { { "account", NULL, &account },
		{ "asset", NULL, &asset }, { "at", &read.a, NULL } };
	uint8_t names[NAMES_BYTES_MAX];

	if (!is_sound(self, ask, reads_query(ask->query, wanted, COUNT_OF(wanted))) ||
		!names_are_sound(self, ask, account, asset) ||
		!covers(self, ask, cached, account, asset)) {
		return;
	}
	if (read.a == READS_NEWEST) {
		ask_wallet(self, ask, account, asset);
		return;
	}
	read.text = put_names(account, asset, names);
	reads_send(self, ask, cached, read);
}

/* --- receipts --- */

static void receipt(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, enum read_what what)
{
	struct oap_read_tlog read = { .what = (uint8_t)what };
	struct slice query, text = reads_variable(ask, &query);
	struct id128 txid;

	if (!is_sound(self, ask, reads_query(query, NULL, 0))) {
		return;
	}
	if (!operation_txid_parse(text, &txid)) {
		refuse(self, ask, API_REASON_TXID_FORMAT, api_reasons_text(API_REASON_TXID_FORMAT));
		return;
	}
	if (has_action(self, ask, cached)) {
		read.text = (struct slice){ txid.bytes, ID_BYTES };
		reads_send(self, ask, cached, read);
	}
}

/* --- history, events --- */

static void history(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = {
		.what = READ_HISTORY,
		.a = READS_NEWEST,
		.b = READS_HISTORY_LIMIT_USUAL,
	};
	struct slice query, account = reads_variable(ask, &query), asset = { NULL, 0 };
	const struct reads_wanted wanted[] = { { "asset", NULL, &asset },
		{ "before", &read.a, NULL }, { "limit", &read.b, NULL } };
	uint8_t names[NAMES_BYTES_MAX];

	if (!is_sound(self, ask, reads_query(query, wanted, COUNT_OF(wanted))) ||
		!names_are_sound(self, ask, account, asset) ||
		!limit_is_sound(self, ask, read.b, READS_HISTORY_LIMIT_MAX)) {
		return;
	}
	if (read.a == 0) {
		refuse(self, ask, API_REASON_SCHEMA,
			sentence_of("before")); /* there is nothing before 1 */
		return;
	}
	if (covers(self, ask, cached, account, asset)) {
		read.text = put_names(account, asset, names);
		reads_send(self, ask, cached, read);
	}
}

static void events(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_EVENTS, .b = READS_EVENTS_LIMIT_USUAL };
	const struct reads_wanted wanted[] = { { "after", &read.a, NULL },
		{ "limit", &read.b, NULL } };

	if (!is_sound(self, ask, reads_query(ask->query, wanted, COUNT_OF(wanted))) ||
		!limit_is_sound(self, ask, read.b, READS_EVENTS_LIMIT_MAX)) {
		return;
	}
	if (ask->offset != 0) { /* it goes on, wherever it began */
		read.a = ask->offset;
	}
	if (has_action(self, ask, cached)) {
		reads_send(self, ask, cached, read);
	}
}

void wallet_reads_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	if (ask->route == ROUTE_BALANCE) {
		balance(self, ask, cached);
	} else if (ask->route == ROUTE_TX) {
		receipt(self, ask, cached, READ_TX);
	} else if (ask->route == ROUTE_TX_PROOF) {
		receipt(self, ask, cached, READ_TX_PROOF);
	} else if (ask->route == ROUTE_HISTORY) {
		history(self, ask, cached);
	} else {
		assert(ask->route == ROUTE_EVENTS);
		events(self, ask, cached);
	}
}
