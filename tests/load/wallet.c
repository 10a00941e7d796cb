#include "tests/load/wallet.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/load/requests.h"

#define ACCOUNT_DIGITS 7u
#define TEXT_BYTES_MAX (REQUESTS_TOKEN_MAX + 1024u)
#define BODY_BYTES_MAX 512u

/* The mixed profile of spec/wallet.md section 13 in turns of twenty: 70 % balances, 20 % transfers,
 * 5 % issues, 5 % burns. */
#define MIXED_TURNS 20u

static enum wallet_form mixed_form(uint64_t turn)
{
	switch (turn % MIXED_TURNS) {
	case 0:
	case 5:
	case 10:
	case 15:
		return WALLET_TRANSFER;
	case 8:
		return WALLET_ISSUE;
	case 18:
		return WALLET_BURN;
	default:
		return WALLET_BALANCE;
	}
}

/* --- what follows from a number --- */

/* Of an account's own operation; whom it is about. */
struct facts {
	uint64_t account, counter;
	uint64_t amount;
	uint64_t nonce;
};

static struct facts facts_of(const struct wallet_plan *plan, const struct wallet_request *request)
{
	uint64_t h = requests_mix(requests_mix(plan->seed) ^ request->number);
	struct facts facts = { .account = h % plan->accounts, .amount = 10 + (h >> 24) % 90 };

	if (wallet_is_write(request->form)) {
		facts.account = request->number % plan->lanes * WALLET_STRIDE % plan->lanes;
		facts.nonce = 1 + request->number / plan->lanes;
	}
	facts.counter = (facts.account + 1 + (h >> 32) % (plan->accounts - 1)) % plan->accounts;
	return facts;
}

const char *wallet_form_name(enum wallet_form form)
{
	static const char *const names[WALLET_FORMS] = { [WALLET_TRANSFER] = "transfer",
		[WALLET_BURN] = "burn",
		[WALLET_ISSUE] = "issue",
		[WALLET_BALANCE] = "balance" };

	return names[form];
}

/* `form` is one hexadecimal digit, so that an issue never has the key of a debit. */
static void put_key(const struct wallet_plan *plan, const struct wallet_request *request, char *at)
{
	char text[WALLET_KEY_BYTES + 1];

	(void)snprintf(text, sizeof text, "load-%x%016" PRIx64 "%016" PRIx64,
		(unsigned)request->form, plan->seed, request->number);
	memcpy(at, text, WALLET_KEY_BYTES);
}

struct wallet_request wallet_next(
	const struct wallet_plan *plan, uint32_t connection, struct wallet_turns *turns)
{
	struct wallet_request request = { .form = plan->form };
	uint64_t *lane = &turns->debits;

	if (plan->is_mixed) {
		/* not all with the same at the same time */
		request.form = mixed_form(turns->turn + connection);
	}
	if (request.form == WALLET_BALANCE) {
		lane = &turns->reads;
	} else if (request.form == WALLET_ISSUE) {
		lane = &turns->issues;
	}
	request.number = *lane * plan->connections + connection;
	*lane += 1;
	turns->turn++;
	return request;
}

/* --- templates --- */

#define ACCOUNT_BLANK "acct_0000000"

static void body_text(enum wallet_form form, char text[BODY_BYTES_MAX])
{
	const char *parties = "";

	switch (form) {
	case WALLET_TRANSFER:
		parties = "\"from\":\"" ACCOUNT_BLANK "\",\"to\":\"" ACCOUNT_BLANK "\",";
		break;
	case WALLET_BURN:
		parties = "\"from\":\"" ACCOUNT_BLANK "\",";
		break;
	case WALLET_ISSUE:
		parties = "\"to\":\"" ACCOUNT_BLANK "\",";
		break;
	case WALLET_BALANCE:
	case WALLET_FORMS:
		text[0] = '\0';
		return;
	}
	(void)snprintf(text, BODY_BYTES_MAX,
		"{%s\"asset\":\"ron\",\"amount_minor\":\"00\",\"nonce\":%*u}", parties,
		(int)WALLET_NONCE_DIGITS, 0u);
}

static int whole_text(enum wallet_form form, const char *token, char *text)
{
	char body[BODY_BYTES_MAX];

	if (form == WALLET_BALANCE) {
		return snprintf(text, TEXT_BYTES_MAX,
			"GET /v1/balance?account=" ACCOUNT_BLANK "&asset=ron HTTP/1.1\r\n"
			"Host: localhost\r\nAuthorization: Bearer %s\r\n\r\n",
			token);
	}
	body_text(form, body);
	return snprintf(text, TEXT_BYTES_MAX,
		"POST /v1/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nIdempotency-Key: %*s\r\n"
		"Content-Length: %zu\r\n\r\n%s",
		wallet_form_name(form), token, (int)WALLET_KEY_BYTES, "", strlen(body), body);
}

/* Where the value behind `name` begins; 0: it is not there. */
static size_t find(const char *text, const char *name)
{
	const char *found = strstr(text, name);

	return found == NULL ? 0 : (size_t)(found - text) + strlen(name);
}

static bool make_template(
	struct wallet_template *template, enum wallet_form form, const char *token)
{
	int bytes;

	template->text = malloc(TEXT_BYTES_MAX);
	if (template->text == NULL) {
		perror("load");
		return false;
	}
	bytes = whole_text(form, token, template->text);
	if (bytes < 0 || (size_t)bytes >= TEXT_BYTES_MAX) {
		(void)fprintf(stderr, "load: the token is too long\n");
		return false;
	}
	template->bytes = (size_t)bytes;
	template->at_key = find(template->text, "\r\nIdempotency-Key: ");
	template->at_from = find(template->text, "{\"from\":\"acct_");
	template->at_to = find(template->text, "\"to\":\"acct_");
	template->at_amount = find(template->text, "\"amount_minor\":\"");
	template->at_nonce = find(template->text, "\"nonce\":");
	template->at_account = find(template->text, "?account=acct_");
	return true;
}

void wallet_finish(struct wallet_plan *plan)
{
	for (unsigned form = 0; form < WALLET_FORMS; form++) {
		free(plan->templates[form].text);
		plan->templates[form].text = NULL;
	}
}

bool wallet_prepare(struct wallet_plan *plan, const char *token)
{
	plan->lanes = plan->accounts - plan->accounts % plan->connections;
	if (plan->lanes == 0) {
		(void)fprintf(stderr, "load: a connection needs an account of its own\n");
		return false;
	}
	if (token[0] == '\0') {
		(void)fprintf(stderr, "load: /v1 needs a token\n");
		return false;
	}
	for (unsigned form = 0; form < WALLET_FORMS; form++) {
		struct wallet_template *template = &plan->templates[form];

		if (!make_template(template, (enum wallet_form)form, token)) {
			wallet_finish(plan);
			return false;
		}
		if (template->bytes > plan->request_bytes_max) {
			plan->request_bytes_max = template->bytes;
		}
	}
	return true;
}

/* --- requests --- */

static void put_decimal(char *bytes, size_t at, size_t digits, uint64_t value)
{
	if (at == 0) {
		return;
	}
	for (size_t i = digits; i > 0; i--) {
		bytes[at + i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* Right-aligned, and blanks before it: a number of JSON begins with no zero. */
static void put_nonce(char *bytes, size_t at, uint64_t nonce)
{
	size_t i = WALLET_NONCE_DIGITS;

	while (i > 0 && nonce > 0) {
		bytes[at + --i] = (char)('0' + nonce % 10);
		nonce /= 10;
	}
	memset(bytes + at, ' ', i);
}

size_t wallet_fill(
	const struct wallet_plan *plan, const struct wallet_request *request, char *bytes)
{
	const struct wallet_template *template = &plan->templates[request->form];
	struct facts facts = facts_of(plan, request);
	bool is_issue = request->form == WALLET_ISSUE;

	memcpy(bytes, template->text, template->bytes);
	if (!wallet_is_write(request->form)) {
		put_decimal(bytes, template->at_account, ACCOUNT_DIGITS, facts.account);
		return template->bytes;
	}
	put_key(plan, request, bytes + template->at_key);
	put_decimal(bytes, template->at_from, ACCOUNT_DIGITS, facts.account);
	put_decimal(
		bytes, template->at_to, ACCOUNT_DIGITS, is_issue ? facts.account : facts.counter);
	put_decimal(bytes, template->at_amount, 2, facts.amount);
	put_nonce(bytes, template->at_nonce, facts.nonce);
	return template->bytes;
}

/* --- answers --- */

struct cursor {
	const char *at;
	const char *end;
};

static bool take_text(struct cursor *in, const char *text)
{
	size_t bytes = strlen(text);

	if ((size_t)(in->end - in->at) < bytes || memcmp(in->at, text, bytes) != 0) {
		return false;
	}
	in->at += bytes;
	return true;
}

static bool take_bytes(struct cursor *in, char *ret_text, size_t bytes)
{
	if ((size_t)(in->end - in->at) < bytes) {
		return false;
	}
	memcpy(ret_text, in->at, bytes);
	ret_text[bytes] = '\0';
	in->at += bytes;
	return true;
}

static bool take_number(struct cursor *in, uint64_t *ret_number)
{
	const char *start = in->at;
	uint64_t number = 0;

	while (in->at < in->end && in->at - start < 19 && *in->at >= '0' && *in->at <= '9') {
		number = number * 10 + (uint64_t)(*in->at++ - '0');
	}
	*ret_number = number;
	return in->at > start;
}

static void receipt_middle(const struct wallet_plan *plan, const struct wallet_request *request,
	char text[BODY_BYTES_MAX])
{
	struct facts facts = facts_of(plan, request);
	char key[WALLET_KEY_BYTES + 1] = { 0 };
	char from[40] = "", to[40] = "";

	put_key(plan, request, key);
	if (request->form != WALLET_ISSUE) {
		(void)snprintf(
			from, sizeof from, "\"from\":\"acct_%07" PRIu64 "\",", facts.account);
	}
	if (request->form != WALLET_BURN) {
		(void)snprintf(to, sizeof to, "\"to\":\"acct_%07" PRIu64 "\",",
			request->form == WALLET_ISSUE ? facts.account : facts.counter);
	}
	(void)snprintf(text, BODY_BYTES_MAX,
		"\",\"op\":\"%s\",%s%s\"asset\":\"ron\",\"amount_minor\":\"%" PRIu64
		"\",\"nonce\":%" PRIu64 ",\"idem\":\"%s\",\"ts\":\"",
		wallet_form_name(request->form), from, to, facts.amount, facts.nonce, key);
}

bool wallet_read_receipt(const struct wallet_plan *plan, const struct wallet_request *request,
	const char *body, size_t body_bytes, struct wallet_receipt *ret_receipt)
{
	struct cursor in = { body, body + body_bytes };
	struct wallet_receipt receipt;
	char middle[BODY_BYTES_MAX], ts[21];
	uint64_t before, after;

	receipt_middle(plan, request, middle);
	if (!take_text(&in, "{\"txid\":\"") || !take_bytes(&in, receipt.txid, 29) ||
		!take_text(&in, middle) || !take_bytes(&in, ts, 20) ||
		!take_text(&in, "\",\"receipt_hash\":\"") || !take_bytes(&in, receipt.hash, 67) ||
		!take_text(&in, "\",\"seq\":") || !take_number(&in, &receipt.seq) ||
		!take_text(&in, ",\"balance_before\":\"") || !take_number(&in, &before) ||
		!take_text(&in, "\",\"balance_after\":\"") || !take_number(&in, &after) ||
		!take_text(&in, "\"}") || in.at != in.end) {
		return false;
	}
	*ret_receipt = receipt;
	return after == (request->form == WALLET_ISSUE ? before + facts_of(plan, request).amount
						       : before - facts_of(plan, request).amount);
}

bool wallet_is_balance(const struct wallet_plan *plan, const struct wallet_request *request,
	const char *body, size_t body_bytes)
{
	struct cursor in = { body, body + body_bytes };
	char head[BODY_BYTES_MAX], as_of[21];
	uint64_t amount, held, seq, stale_ms;

	(void)snprintf(head, sizeof head,
		"{\"account\":\"acct_%07" PRIu64 "\",\"asset\":\"ron\",\"amount_minor\":\"",
		facts_of(plan, request).account);
	return take_text(&in, head) && take_number(&in, &amount) &&
	       take_text(&in, "\",\"held_minor\":\"") && take_number(&in, &held) &&
	       take_text(&in, "\",\"as_of\":\"") && take_bytes(&in, as_of, 20) &&
	       take_text(&in, "\",\"as_of_seq\":") && take_number(&in, &seq) &&
	       take_text(&in, ",\"stale_ms\":") && take_number(&in, &stale_ms) &&
	       take_text(&in, "}") && in.at == in.end;
}
