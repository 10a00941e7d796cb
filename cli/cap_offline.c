/* macronode cap attenuate, inspect, test: what the holder of a token can do alone. None of it
 * knows a root key, so none of it can say that a token is genuine. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/caveats.h"
#include "cli/node.h"
#include "common/clock.h"
#include "core/amount.h"
#include "core/caveat_set.h"
#include "core/entry.h"
#include "core/hex.h"
#include "core/json_out.h"
#include "core/macaroon.h"
#include "core/signed_cap.h"

#define ACCOUNTS_MAX 16u

struct token {
	struct macaroon macaroon;
	struct macaroon_identifier identifier;
	bool is_ours;   /* its identifier is of our form */
	bool is_signed; /* the other form; its caveats and names are in the two above, too */
	struct signed_cap cap;
	uint8_t bytes[MACAROON_BYTES_MAX];
};

static int load_signed(const struct cli *cli, size_t bytes_count, struct token *token)
{
	struct signed_cap *cap = &token->cap;
	enum signed_cap_fault fault =
		signed_cap_parse((struct slice){ token->bytes, bytes_count }, cap);

	if (fault != SIGNED_CAP_OK) {
		return cli_fail(cli, CLI_BAD, "%s", signed_cap_fault_text(fault));
	}
	token->is_signed = true;
	memcpy(token->macaroon.caveats, cap->caveats, cap->caveat_count * sizeof cap->caveats[0]);
	token->macaroon.caveat_count = cap->caveat_count;
	token->identifier.key_id = cap->key_id;
	token->identifier.capability_id = signed_cap_id(cap);
	token->identifier.iat_unix_s = cap->nbf_unix_s;
	return CLI_GOOD;
}

/* 0, or an exit code after a sentence. */
static int load_token(const struct cli *cli, struct token *ret_token)
{
	const char *text = cli_token(cli, true);
	size_t bytes_count = 0;
	enum macaroon_fault fault;

	if (text == NULL) {
		return CLI_CANNOT;
	}
	fault = macaroon_text_decode((struct slice){ (const uint8_t *)text, strlen(text) },
		ret_token->bytes, sizeof ret_token->bytes, &bytes_count);
	if (fault == MACAROON_OK &&
		signed_cap_is_it((struct slice){ ret_token->bytes, bytes_count })) {
		return load_signed(cli, bytes_count, ret_token);
	}
	if (fault == MACAROON_OK) {
		fault = macaroon_parse(
			(struct slice){ ret_token->bytes, bytes_count }, &ret_token->macaroon);
	}
	if (fault != MACAROON_OK) {
		return cli_fail(cli, CLI_BAD, "%s", macaroon_fault_text(fault));
	}
	ret_token->is_ours = macaroon_identifier_decode(ret_token->macaroon.identifier,
				     &ret_token->identifier) == ERR_OK;
	return CLI_GOOD;
}

/* ---- attenuate ---- */

int cli_cap_attenuate(struct cli *cli)
{
	static struct token token;
	static struct caveats caveats;
	static uint8_t bytes[MACAROON_BYTES_MAX];
	static char text[TOKEN_BYTES_MAX + 1];
	size_t bytes_count = 0, text_bytes = 0;
	enum err err = ERR_OK;

	if (!caveats_from_options(cli, &caveats)) {
		return cli_fail(cli, CLI_USAGE, "%s", caveats.error);
	}
	if (caveats.count == 0) {
		return cli_fail(cli, CLI_USAGE, "narrow it by what? For example: --amount 1000");
	}
	int exit = load_token(cli, &token);
	if (exit != CLI_GOOD) {
		return exit;
	}
	if (token.is_signed) {
		return cli_fail(
			cli, CLI_BAD, "a signed capability cannot be narrowed; a macaroon can");
	}
	for (size_t i = 0; i < caveats.count && err == ERR_OK; i++) {
		err = macaroon_add_caveat(&token.macaroon, caveats.lines[i]);
	}
	if (err == ERR_OK) {
		err = macaroon_serialise(&token.macaroon, bytes, sizeof bytes, &bytes_count);
	}
	if (err == ERR_OK) {
		err = macaroon_text_encode(
			(struct slice){ bytes, bytes_count }, text, sizeof text, &text_bytes);
	}
	if (err != ERR_OK) {
		return cli_fail(cli, CLI_BAD,
			"the token would have more than %u caveats or %u "
			"characters",
			TOKEN_CAVEATS_MAX, TOKEN_BYTES_MAX);
	}
	(void)printf(cli->json ? "{\"token\":\"%s\"}\n" : "%s\n", text);
	return CLI_GOOD;
}

/* ---- inspect ---- */

static enum caveat_fault judge_caveat(struct slice text)
{
	struct caveat caveat;

	return caveat_parse(text, &caveat);
}

static void print_signed(const struct token *token)
{
	char hex[HEX_TEXT_BYTES(ID_BYTES) + 1], from[64], until[64];

	hex_encode(token->identifier.capability_id.bytes, ID_BYTES, hex);
	node_format_time(token->cap.nbf_unix_s * 1000, from, sizeof from);
	node_format_time(token->cap.exp_unix_s * 1000, until, sizeof until);
	(void)printf("form        signed, Ed25519\ncapability  %s\nroot key    %" PRIu32
		     "\nissued      %s\nexpires     %s\n",
		hex, token->cap.key_id, from, until);
}

static void print_macaroon(const struct token *token)
{
	char hex[HEX_TEXT_BYTES(ID_BYTES) + 1], when[64];

	(void)fputs("location    ", stdout);
	cli_print_text(stdout, token->macaroon.location);
	(void)fputs(" (a hint, not proof)\n", stdout);
	if (token->is_ours) {
		hex_encode(token->identifier.capability_id.bytes, ID_BYTES, hex);
		node_format_time(token->identifier.iat_unix_s * 1000, when, sizeof when);
		(void)printf("capability  %s\nroot key    %" PRIu32 "\nissued      %s\n", hex,
			token->identifier.key_id, when);
		hex_encode(token->identifier.node_hash.bytes, ID_BYTES, hex);
		(void)printf("node hash   %s\n", hex);
	} else {
		(void)fputs("identifier  not one of macronode's\n", stdout);
	}
}

static void print_token(const struct token *token)
{
	if (token->is_signed) {
		print_signed(token);
	} else {
		print_macaroon(token);
	}
	for (size_t i = 0; i < token->macaroon.caveat_count; i++) {
		enum caveat_fault fault = judge_caveat(token->macaroon.caveats[i]);

		(void)fputs("caveat      ", stdout);
		cli_print_text(stdout, token->macaroon.caveats[i]);
		(void)printf("%s%s%s\n", fault == CAVEAT_FAULT_OK ? "" : "  (refused: ",
			fault == CAVEAT_FAULT_OK ? "" : caveat_fault_text(fault),
			fault == CAVEAT_FAULT_OK ? "" : ")");
	}
}

static void put_identifier(struct json_out *out, const struct token *token)
{
	json_out_key(out, "capability");
	json_out_hex(out, (struct slice){ token->identifier.capability_id.bytes, ID_BYTES });
	json_out_key(out, "kid");
	json_out_u64(out, token->identifier.key_id);
	json_out_key(out, "iat");
	json_out_u64(out, token->identifier.iat_unix_s);
	json_out_key(out, "node_hash");
	json_out_hex(out, (struct slice){ token->identifier.node_hash.bytes, ID_BYTES });
}

static void put_signed(struct json_out *out, const struct token *token)
{
	json_out_key(out, "form");
	json_out_text(out, "signed");
	json_out_key(out, "alg");
	json_out_text(out, "Ed25519");
	json_out_key(out, "capability");
	json_out_hex(out, (struct slice){ token->identifier.capability_id.bytes, ID_BYTES });
	json_out_key(out, "kid");
	json_out_u64(out, token->cap.key_id);
	json_out_key(out, "nbf");
	json_out_u64(out, token->cap.nbf_unix_s);
	json_out_key(out, "exp");
	json_out_u64(out, token->cap.exp_unix_s);
}

static void print_token_json(const struct token *token)
{
	static uint8_t bytes[6 * TOKEN_BYTES_MAX];
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	if (token->is_signed) {
		put_signed(&out, token);
	} else {
		json_out_key(&out, "location");
		json_out_string(&out, token->macaroon.location);
	}
	if (token->is_signed) {
		/* it has no identifier besides its members */
	} else if (token->is_ours) {
		put_identifier(&out, token);
	} else {
		json_out_key(&out, "identifier");
		json_out_hex(&out, token->macaroon.identifier);
	}
	json_out_key(&out, "caveats");
	json_out_array_begin(&out);
	for (size_t i = 0; i < token->macaroon.caveat_count; i++) {
		json_out_string(&out, token->macaroon.caveats[i]);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	enum err err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK); /* six bytes a character are enough */
	(void)err;
	node_print_line((struct slice){ bytes, bytes_count });
}

int cli_cap_inspect(struct cli *cli)
{
	static struct token token;
	int exit = load_token(cli, &token);

	if (exit != CLI_GOOD) {
		return exit;
	}
	if (cli->json) {
		print_token_json(&token);
	} else {
		print_token(&token);
	}
	return CLI_GOOD;
}

/* ---- test ---- */

/* The request that the options describe. What is not said, it lacks, and a caveat about what a
 * request lacks refuses it. */
struct described {
	struct caveat_request request;
	struct caveat_entry entry;
	struct slice accounts[ACCOUNTS_MAX];
};

static struct slice option_text(const struct cli *cli, const char *name)
{
	const char *value = cli_option(cli, name);

	return value != NULL ? (struct slice){ (const uint8_t *)value, strlen(value) }
			     : (struct slice){ NULL, 0 };
}

static bool take_number(
	const struct cli *cli, const char *name, uint64_t max, uint64_t *ret_number, bool *ret_has)
{
	struct slice text = option_text(cli, name);
	u128 number = 0;

	*ret_has = text.bytes != NULL;
	if (text.bytes == NULL) {
		return true;
	}
	if (amount_parse((const char *)text.bytes, text.bytes_count, &number) != AMOUNT_OK ||
		number > max) {
		(void)cli_fail(cli, CLI_USAGE, "%s: not a number, or too large", name);
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

static bool take_request(const struct cli *cli, struct caveat_request *request)
{
	const char *at = cli_option(cli, "--at");
	uint64_t uid = 0;

	request->now_unix_s = (uint64_t)clock_unix_ms() / 1000;
	if (at != NULL && !caveats_parse_time(at, &request->now_unix_s)) {
		(void)cli_fail(cli, CLI_USAGE,
			"--at %s: expected seconds since 1970, or 2026-01-31T12:00:00Z", at);
		return false;
	}
	request->tenant = option_text(cli, "--tenant");
	request->epoch = option_text(cli, "--epoch");
	request->method = option_text(cli, "--method");
	request->path = option_text(cli, "--path");
	request->node = option_text(cli, "--node");
	if (!take_number(cli, "--peer-uid", UINT32_MAX, &uid, &request->has_peer_uid) ||
		!take_number(cli, "--bytes", UINT64_MAX, &request->body_bytes,
			&request->has_body_bytes)) {
		return false;
	}
	request->peer_uid = (uint32_t)uid;
	return true;
}

/* All of a list of actions, as bits. */
static bool take_actions(const struct cli *cli, uint32_t *ret_actions)
{
	const char *value = NULL;
	size_t at = 0;

	while ((value = cli_next(cli, "--action", &at)) != NULL) {
		struct slice rest = { (const uint8_t *)value, strlen(value) };
		struct slice item;

		while (caveat_take_item(&rest, &item)) {
			char text[CAVEAT_BYTES_MAX];
			struct caveat caveat;
			int bytes = snprintf(text, sizeof text, "action=%.*s",
				(int)item.bytes_count, (const char *)item.bytes);

			if (bytes < 0 || (size_t)bytes >= sizeof text ||
				caveat_parse((struct slice){ (const uint8_t *)text, (size_t)bytes },
					&caveat) != CAVEAT_FAULT_OK) {
				(void)cli_fail(
					cli, CLI_USAGE, "--action %s: no such action", value);
				return false;
			}
			*ret_actions |= caveat.mask;
		}
	}
	return true;
}

static bool take_entry(const struct cli *cli, struct described *described)
{
	struct caveat_entry *entry = &described->entry;
	struct slice amount = option_text(cli, "--amount");
	struct slice kind = option_text(cli, "--kind");
	const char *account = NULL;
	size_t at = 0;

	entry->asset = option_text(cli, "--asset");
	entry->accounts = described->accounts;
	while ((account = cli_next(cli, "--account", &at)) != NULL &&
		entry->account_count < ACCOUNTS_MAX) {
		described->accounts[entry->account_count++] =
			(struct slice){ (const uint8_t *)account, strlen(account) };
	}
	entry->kind = (uint8_t)entry_kind_parse(kind);
	if (kind.bytes != NULL && entry->kind == 0) {
		(void)cli_fail(cli, CLI_USAGE, "--kind: no such kind of entry");
		return false;
	}
	entry->has_amount = amount.bytes != NULL;
	if (entry->has_amount && amount_parse((const char *)amount.bytes, amount.bytes_count,
					 &entry->amount) != AMOUNT_OK) {
		(void)cli_fail(cli, CLI_USAGE, "--amount: not a whole number of minor units");
		return false;
	}
	return take_actions(cli, &entry->actions);
}

/* NULL: it holds; else why it does not. */
static const char *judge(
	const struct token *token, struct slice text, const struct described *described)
{
	static const struct id128 no_counter;
	struct caveat_set set;
	struct caveat caveat;
	struct caveat_verdict verdict;
	enum caveat_fault fault = caveat_parse(text, &caveat);

	if (fault != CAVEAT_FAULT_OK) {
		return caveat_fault_text(fault);
	}
	caveat_set_init(&set);
	if (caveat_set_add(&set, &caveat, token->identifier.iat_unix_s, &no_counter) != ERR_OK) {
		return "the token has too many caveats";
	}
	verdict = caveat_set_check_request(&set,
		caveat_kinds(CAVEAT_WHERE_EDGE) | caveat_kinds(CAVEAT_WHERE_LEDGER),
		&described->request);
	if (verdict.result == CAVEAT_HOLDS) {
		verdict = caveat_set_check_entry(&set, &described->entry);
	}
	return verdict.result == CAVEAT_HOLDS ? NULL : caveat_set_verdict_text(verdict);
}

/* --node is only looked at when it is said: nobody else knows what the node is called. */
static bool is_about_unsaid_node(const struct cli *cli, struct slice text)
{
	struct caveat caveat;

	return !cli_has(cli, "--node") && caveat_parse(text, &caveat) == CAVEAT_FAULT_OK &&
	       caveat.kind == CAVEAT_NODE;
}

static void print_result(const struct cli *cli, struct slice text, const char *why)
{
	static uint8_t bytes[8 * CAVEAT_BYTES_MAX];
	struct json_out out;
	size_t bytes_count = 0;

	if (!cli->json) {
		(void)fputs(why == NULL ? "holds    " : "REFUSES  ", stdout);
		cli_print_text(stdout, text);
		(void)printf("%s%s\n", why == NULL ? "" : "  -- ", why == NULL ? "" : why);
		return;
	}
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	json_out_key(&out, "caveat");
	json_out_string(&out, text);
	json_out_key(&out, "holds");
	json_out_bool(&out, why == NULL);
	if (why != NULL) {
		json_out_key(&out, "why");
		json_out_text(&out, why);
	}
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) == ERR_OK) {
		node_print_line((struct slice){ bytes, bytes_count });
	}
}

int cli_cap_test(struct cli *cli)
{
	static struct token token;
	static struct described described;
	size_t refused = 0;

	if (!take_request(cli, &described.request) || !take_entry(cli, &described)) {
		return CLI_USAGE;
	}
	int exit = load_token(cli, &token);
	if (exit != CLI_GOOD) {
		return exit;
	}
	for (size_t i = 0; i < token.macaroon.caveat_count; i++) {
		struct slice text = token.macaroon.caveats[i];
		const char *why =
			is_about_unsaid_node(cli, text) ? NULL : judge(&token, text, &described);

		print_result(cli, text, why);
		refused += why != NULL;
	}
	if (token.is_signed && described.request.now_unix_s >= token.cap.exp_unix_s) {
		print_result(cli, ENTRY_VIEW("exp"), "the token has expired");
		refused++;
	}
	if (!cli->json) {
		(void)printf("%s\n", refused == 0 ? "allowed by its caveats (its signature was "
						    "not checked: only the node can)"
						  : "refused");
	}
	return refused == 0 ? CLI_GOOD : CLI_BAD;
}
