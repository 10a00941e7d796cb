/* What is read under /v1: balances, receipts and their proofs, history, events. The token has to
 * allow wallet.read (or audit.read, which reads everything). Whether it covers the account is
 * judged here where the request names one; of receipts and events archive judges it, for it knows
 * whose they are. */
#include "common/reads.h"
#include "core/entry.h"
#include "services/prevalidator/prevalidator.h"
#include "services/prevalidator/question.h"

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

/* Where the request names no account: whether the token allows to read anything at all. One with a
 * caveat about what no read has, a kind or an amount, does not, and would wait for nothing. */
static bool reads_something(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct caveat_set *caveats = &cached->grant.caveats;
	struct caveat_verdict denied = { .result = CAVEAT_FAILS, .kind = CAVEAT_ACTION };

	if ((caveats->actions & (reading[0] | reading[1])) != 0) {
		if ((caveats->kinds & (1u << CAVEAT_KIND | 1u << CAVEAT_AMOUNT)) == 0) {
			return true;
		}
		denied.result = CAVEAT_LACKS;
		denied.kind =
			(caveats->kinds & 1u << CAVEAT_KIND) != 0 ? CAVEAT_KIND : CAVEAT_AMOUNT;
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

/* --- to whom it goes --- */

#define NAMES_BYTES_MAX (ACCOUNT_BYTES_MAX + 1 + ASSET_BYTES_MAX)

static struct slice put_names(const struct question *question, uint8_t names[NAMES_BYTES_MAX])
{
	struct byte_writer out = byte_writer_of(names, NAMES_BYTES_MAX);

	byte_put_bytes(&out, question->account.bytes, question->account.bytes_count);
	byte_put_u8(&out, ' ');
	byte_put_bytes(&out, question->asset.bytes, question->asset.bytes_count);
	return (struct slice){ names, out.used };
}

static void ask_wallet(
	struct prevalidator *self, const struct ask *ask, const struct question *question)
{
	struct oap_read_balance read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.account = question->account,
		.asset = question->asset,
	};

	wall_forwarded(self, ask,
		oap_send_read_balance(mesh_peer(&self->worker->mesh, PROCESS_WALLET, 0),
			ask->from.corr_id, &read));
}

static void ask_archive(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, const struct question *question)
{
	struct oap_read_tlog read = {
		.what = (uint8_t)question->what,
		.a = question->a,
		.b = question->b,
	};
	uint8_t names[NAMES_BYTES_MAX];

	if (question->account.bytes_count > 0) {
		read.text = put_names(question, names);
	} else if (question->what == READ_TX || question->what == READ_TX_PROOF) {
		read.text = (struct slice){ question->txid.bytes, ID_BYTES };
	} else if (ask->offset != 0) { /* events go on, wherever they began */
		read.a = ask->offset;
	}
	reads_send(self, ask, cached, read);
}

void wallet_reads_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct question question;
	const char *text;
	enum api_reason reason = question_read(ask->route, ask->query, &question, &text);

	if (reason != API_REASON_NONE) {
		refuse(self, ask, reason, text);
		return;
	}
	if (question.account.bytes_count > 0
			? !covers(self, ask, cached, question.account, question.asset)
			: !reads_something(self, ask, cached)) {
		return;
	}
	if (question.what == READ_BALANCE && question.a == READS_NEWEST) {
		ask_wallet(self, ask, &question); /* one of before is archive's to tell */
	} else {
		ask_archive(self, ask, cached, &question);
	}
}
