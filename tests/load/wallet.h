#ifndef TESTS_LOAD_WALLET_H
#define TESTS_LOAD_WALLET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

/* What the load client says under /v1, and what it must hear. A write follows from (seed, form,
 * number) alone; tests/crash/ledger_check.py computes the same:
 *
 *   lanes    accounts, less what the connections leave over
 *   payer    "acct_" and 7 digits: (number % lanes) * 2654435761 % lanes; of an issue the receiver
 *   nonce    1 + number / lanes
 *   counter  another account, as of an entry with this seed and number (requests.h)
 *   amount   as of such an entry
 *   key      "load-", then form, seed and number in hexadecimal
 *
 * Connection c has the numbers c, c + connections ... of each lane, one after the other, so an
 * account belongs to one connection, and its nonces are used strictly in order whatever the
 * others do. The stride, a prime above every number of accounts, puts consecutive numbers far
 * apart. Transfers and burns are one lane, issues another, as in the ledger. */

enum wallet_form { WALLET_TRANSFER, WALLET_BURN, WALLET_ISSUE, WALLET_BALANCE, WALLET_FORMS };

#define WALLET_STRIDE       UINT64_C(2654435761)
#define WALLET_NONCE_DIGITS 9u /* blanks before the number are JSON */
#define WALLET_KEY_BYTES    38u

/* One request, and where in it its own fields begin; 0: it has none. */
struct wallet_template {
	char *text; /* owned */
	size_t bytes;
	size_t at_key, at_from, at_to, at_amount, at_nonce, at_account;
};

struct wallet_plan {
	uint64_t seed;
	uint32_t accounts;
	uint32_t connections;
	uint32_t lanes;
	bool is_mixed; /* else all is of one form */
	enum wallet_form form;
	size_t request_bytes_max;
	struct wallet_template templates[WALLET_FORMS];
};

/* What a connection has said so far. */
struct wallet_turns {
	uint64_t turn;
	uint64_t reads, debits, issues;
};

struct wallet_request {
	enum wallet_form form;
	uint64_t number;
};

struct wallet_receipt {
	uint64_t seq;
	char txid[30];
	char hash[68];
};

/* False after a sentence on stderr. accounts >= connections. */
MUST_CHECK bool wallet_prepare(struct wallet_plan *plan, const char *token);
void wallet_finish(struct wallet_plan *plan);

/* What connection `connection` says next. */
struct wallet_request wallet_next(
	const struct wallet_plan *plan, uint32_t connection, struct wallet_turns *turns);

static inline bool wallet_is_write(enum wallet_form form)
{
	return form != WALLET_BALANCE;
}
const char *wallet_form_name(enum wallet_form form);

/* Writes the request; returns its bytes. */
size_t wallet_fill(
	const struct wallet_plan *plan, const struct wallet_request *request, char *bytes);

/* Is the body the receipt of this request, member for member? */
MUST_CHECK bool wallet_read_receipt(const struct wallet_plan *plan,
	const struct wallet_request *request, const char *body, size_t body_bytes,
	struct wallet_receipt *ret_receipt);

/* Is it the balance that was asked for? */
MUST_CHECK bool wallet_is_balance(const struct wallet_plan *plan,
	const struct wallet_request *request, const char *body, size_t body_bytes);

#endif
