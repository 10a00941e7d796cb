/* What a node answered, as the structs of macronode.h. */
#include <string.h>

#include "client/macronode.h"
#include "client/members.h"
#include "common/api_errors.h"

static struct slice view_of(const struct mn_answer *answer)
{
	return (struct slice){ (const uint8_t *)answer->json, answer->json_bytes };
}

/* What is not there stays empty. */
#define TAKE_TEXT(object, name, text) (void)!members_text(object, name, text, sizeof(text))

int mn_read_receipt(const struct mn_answer *answer, struct mn_receipt *ret_receipt)
{
	struct slice object = view_of(answer);
	struct mn_receipt receipt = { .nonce = 0 };

	*ret_receipt = receipt;
	TAKE_TEXT(object, "from", receipt.from);
	TAKE_TEXT(object, "to", receipt.to);
	TAKE_TEXT(object, "hold", receipt.hold);
	TAKE_TEXT(object, "idem", receipt.idempotency_key);
	TAKE_TEXT(object, "ts", receipt.ts);
	TAKE_TEXT(object, "balance_before", receipt.balance_before);
	TAKE_TEXT(object, "balance_after", receipt.balance_after);
	if (!members_text(object, "txid", receipt.txid, sizeof receipt.txid) ||
		!members_text(object, "op", receipt.op, sizeof receipt.op) ||
		!members_text(object, "asset", receipt.asset, sizeof receipt.asset) ||
		!members_text(object, "amount_minor", receipt.amount_minor,
			sizeof receipt.amount_minor) ||
		!members_text(object, "receipt_hash", receipt.receipt_hash,
			sizeof receipt.receipt_hash) ||
		!members_u64(object, "nonce", &receipt.nonce) ||
		!members_u64(object, "seq", &receipt.seq)) {
		return 0;
	}
	*ret_receipt = receipt;
	return 1;
}

/* A frame has no Retry-After: what HTTP would say follows from the code. */
static int retry_after_ms(const char *code)
{
	static const struct {
		const char *code;
		int seconds;
	} rows[] = {
#define AS_ROW(NAME, code, status, retryable, retry_after, label) { code, retry_after },
		API_ERRORS(AS_ROW)
#undef AS_ROW
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (rows[i].seconds > 0 && strcmp(rows[i].code, code) == 0) {
			return rows[i].seconds * 1000;
		}
	}
	return 0;
}

/* An ApiError is flat; other errors stand in a member of their own. */
int mn_read_error(const struct mn_answer *answer, struct mn_error *ret_error)
{
	struct slice object = view_of(answer), inner, details = { NULL, 0 };
	struct mn_error error = { .http = 0 };
	uint64_t http = 0;

	*ret_error = error;
	if (members_find(object, "error", &inner)) {
		object = inner;
	}
	if (!members_text(object, "code", error.code, sizeof error.code)) {
		return 0;
	}
	TAKE_TEXT(object, "message", error.message);
	TAKE_TEXT(object, "corr_id", error.corr_id);
	if (members_u64(object, "http", &http) && http < 600) {
		error.http = (int)http;
	}
	error.retryable = members_is_true(object, "retryable");
	error.retry_after_ms = error.retryable ? retry_after_ms(error.code) : 0;
	if (members_find(object, "details", &details)) {
		TAKE_TEXT(details, "reason", error.reason);
		(void)!members_u64(details, "expected", &error.nonce_next);
	}
	*ret_error = error;
	return 1;
}
