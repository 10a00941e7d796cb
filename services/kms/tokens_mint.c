#include "services/kms/tokens.h"

#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/bytes.h"
#include "core/caveat_set.h"

#define BIT(kind) (1u << (kind))

struct order {
	const struct keys *keys;
	struct slice lines[TOKEN_CAVEATS_MAX];
	enum caveat_kind kinds[TOKEN_CAVEATS_MAX];
	size_t line_count;
	struct caveat_set set;
	char node[sizeof "node=" + ORIGIN_BYTES_MAX];
	enum token_form form;
	char *why; /* VERB_TEXT_BYTES_MAX */
};

static __attribute__((format(printf, 3, 4))) enum err refuse(
	struct order *order, enum err err, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(order->why, VERB_TEXT_BYTES_MAX, format, arguments);
	va_end(arguments);
	return err;
}

static enum err add_line(
	struct order *order, struct slice line, unsigned line_number, uint64_t now_unix_s)
{
	static const struct id128 no_counter; /* nothing is counted here */
	const char *nearest;
	struct caveat caveat;
	enum caveat_fault fault = caveat_parse(line, &caveat);

	if (fault != CAVEAT_FAULT_OK) {
		nearest = caveat_nearest(line);
		return refuse(order, ERR_MALFORMED, "caveat %u: %s%s%s", line_number,
			caveat_fault_text(fault), nearest == NULL ? "" : "; the nearest is ",
			nearest == NULL ? "" : nearest);
	}
	if (order->line_count == TOKEN_CAVEATS_MAX ||
		caveat_set_add(&order->set, &caveat, now_unix_s, &no_counter) != ERR_OK) {
		return refuse(order, ERR_TOO_LARGE, "at most %u caveats, node= among them",
			TOKEN_CAVEATS_MAX);
	}
	order->lines[order->line_count] = line;
	order->kinds[order->line_count++] = caveat.kind;
	return ERR_OK;
}

/* Lines of text; an empty one says nothing. */
static enum err add_lines(struct order *order, struct slice text, uint64_t now_unix_s)
{
	unsigned line_number = 1;

	while (text.bytes_count > 0) {
		const uint8_t *end = memchr(text.bytes, '\n', text.bytes_count);
		size_t bytes_count = end == NULL ? text.bytes_count : (size_t)(end - text.bytes);
		struct slice line = { text.bytes, bytes_count };
		size_t taken = end == NULL ? bytes_count : bytes_count + 1;

		if (bytes_count > 0) {
			enum err err = add_line(order, line, line_number++, now_unix_s);
			if (err != ERR_OK) {
				return err;
			}
		}
		text.bytes += taken;
		text.bytes_count -= taken;
	}
	return ERR_OK;
}

static enum err add_node(struct order *order, uint64_t now_unix_s)
{
	struct caveat_request request = { .node = keys_origin(order->keys) };
	struct caveat_verdict verdict;
	struct slice line = { (const uint8_t *)order->node, 0 };
	int bytes_count;

	if ((order->set.kinds & BIT(CAVEAT_NODE)) == 0) {
		bytes_count = snprintf(order->node, sizeof order->node, "node=%s",
			keys_origin_now(order->keys)->name);
		line.bytes_count = (size_t)bytes_count;
		return add_line(order, line, 0, now_unix_s);
	}
	verdict = caveat_set_check_request(&order->set, BIT(CAVEAT_NODE), &request);
	if (verdict.result != CAVEAT_HOLDS) {
		return refuse(order, ERR_DENIED, "node= names another node; this one is %s",
			keys_origin_now(order->keys)->name);
	}
	return ERR_OK;
}

static enum err demand_restricted(struct order *order, uint64_t now_unix_s)
{
	const struct caveat_set *set = &order->set;

	if ((set->kinds & BIT(CAVEAT_ACTION)) == 0) {
		return refuse(order, ERR_DENIED, "a token must say what it may do: add action=");
	}
	if ((set->kinds & (BIT(CAVEAT_EXP) | BIT(CAVEAT_TTL))) == 0) {
		return refuse(order, ERR_DENIED, "a token must expire: add ttl= or exp=");
	}
	if (set->actions == 0) {
		return refuse(order, ERR_MALFORMED, "the action= caveats have no action in common");
	}
	if (set->exp_unix_s <= now_unix_s) {
		return refuse(order, ERR_DENIED, "the token would have expired already");
	}
	if (set->exp_unix_s > now_unix_s + KEYS_LIFE_MAX_S) {
		return refuse(order, ERR_DENIED, "a token may live for %u days at most",
			KEYS_LIFE_MAX_S / (24u * 3600u));
	}
	assert(caveat_set_is_restricted(set));
	return ERR_OK;
}

static unsigned rank(enum caveat_kind kind)
{
	if (kind == CAVEAT_NODE) {
		return 0;
	}
	if (kind == CAVEAT_TENANT) {
		return 1;
	}
	if (kind == CAVEAT_ACTION) {
		return 2;
	}
	return kind == CAVEAT_EXP || kind == CAVEAT_TTL ? 3 : 4;
}

/* Node, action and expiry first: who reads a token sees at once where, what and until when. A
 * tenant is before the action, where only we can put it: see fold_caveats() in tokens.c. */
static void sort_lines(const struct order *order, struct slice ret_lines[TOKEN_CAVEATS_MAX])
{
	size_t count = 0;

	for (unsigned wanted = 0; wanted <= 4; wanted++) {
		for (size_t i = 0; i < order->line_count; i++) {
			if (rank(order->kinds[i]) == wanted) {
				ret_lines[count++] = order->lines[i];
			}
		}
	}
	assert(count == order->line_count);
}

static enum err sign(struct tokens *tokens, const struct keys_item *item, const struct slice *lines,
	size_t line_count, struct slice *ret_text)
{
	struct tokens_secret *secret = tokens->secret;
	const struct hash *root = keys_root(tokens->keys, item->kid);
	struct macaroon_identifier identifier = {
		.key_id = item->kid,
		.capability_id = item->capability,
		.iat_unix_s = item->iat_unix_s,
		.node_hash = tokens->keys->node_hash,
	};
	uint8_t name[MACAROON_IDENTIFIER_BYTES];
	size_t bytes_count = 0, text_bytes = 0;
	enum err err;

	macaroon_identifier_encode(&identifier, name);
	err = macaroon_create((struct slice){ root->bytes, HASH_BYTES },
		(struct slice){ name, sizeof name }, keys_origin(tokens->keys), &secret->macaroon);
	for (size_t i = 0; err == ERR_OK && i < line_count; i++) {
		err = macaroon_add_caveat(&secret->macaroon, lines[i]);
	}
	if (err == ERR_OK) {
		err = macaroon_serialise(
			&secret->macaroon, secret->bytes, sizeof secret->bytes, &bytes_count);
	}
	if (err == ERR_OK) {
		err = macaroon_text_encode((struct slice){ secret->bytes, bytes_count },
			secret->text, sizeof secret->text, &text_bytes);
	}
	if (err == ERR_OK) {
		*ret_text = (struct slice){ (const uint8_t *)secret->text, text_bytes };
	}
	return err;
}

/* On record before anybody has it: no token is ever out that cannot be listed and revoked. */
static enum err record(struct tokens *tokens, const struct keys_item *item,
	const struct slice *lines, size_t line_count)
{
	uint8_t text[VERB_CAVEATS_BYTES_MAX];
	struct byte_writer out = byte_writer_of(text, sizeof text);

	for (size_t i = 0; i < line_count; i++) {
		byte_put_bytes(&out, lines[i].bytes, lines[i].bytes_count);
		byte_put_u8(&out, '\n');
	}
	if (out.failed) {
		return ERR_TOO_LARGE;
	}
	return keys_add_capability(tokens->keys, item, (struct slice){ text, out.used });
}

/* Two signed ones of a second and with the same caveats are one: its id follows from its text. */
static bool is_known(
	const struct order *order, const struct keys_item *item, const struct keys_item **ret_known)
{
	*ret_known = order->form == TOKEN_FORM_SIGNED
			     ? keys_find(order->keys, item->kid, &item->capability)
			     : NULL;
	return *ret_known != NULL;
}

static enum err issue(
	struct tokens *tokens, struct order *order, struct keys_item *item, struct slice *ret_text)
{
	struct slice lines[TOKEN_CAVEATS_MAX];
	const struct keys_item *known;
	enum err err;

	sort_lines(order, lines);
	err = order->form == TOKEN_FORM_SIGNED
		      ? tokens_signed_make(tokens, item, lines, order->line_count, ret_text)
		      : sign(tokens, item, lines, order->line_count, ret_text);
	if (err == ERR_MALFORMED) {
		return refuse(order, err,
			"a signed capability has no caveat with \", \\ or what is not ASCII");
	}
	if (err == ERR_OK && is_known(order, item, &known)) {
		return known->revoked_unix_s == 0
			       ? ERR_OK
			       : refuse(order, ERR_BUSY,
					 "that token was revoked just now; ask again "
					 "in a second");
	}
	if (err == ERR_OK) {
		err = record(tokens, item, lines, order->line_count);
	}
	if (err == ERR_TOO_LARGE) {
		return refuse(order, err, "the token would be longer than %u characters",
			TOKEN_BYTES_MAX);
	}
	if (err == ERR_NO_SPACE) {
		return refuse(order, err,
			"no room on the disk, or for more than %u keys and capabilities",
			KEYS_ITEMS_MAX);
	}
	if (err != ERR_OK) {
		return refuse(order, err, "the keyring cannot be written");
	}
	return ERR_OK;
}

enum err tokens_mint(struct tokens *tokens, const struct oap_cap_mint *ask, uint64_t now_unix_s,
	struct slice *ret_text, struct keys_item *ret_item, char why[VERB_TEXT_BYTES_MAX])
{
	struct order order = {
		.keys = tokens->keys, .form = (enum token_form)ask->form, .why = why
	};
	struct keys_item item = { .kid = tokens->keys->root_count, .iat_unix_s = now_unix_s };
	enum err err;

	caveat_set_init(&order.set);
	if (ask->form > TOKEN_FORM_SIGNED) {
		return refuse(&order, ERR_MALFORMED, "there is no such form of a token");
	}
	if (keys_root_is_revoked(tokens->keys, item.kid)) {
		return refuse(&order, ERR_DENIED, "the active root key is revoked: rotate it");
	}
	err = add_lines(&order, ask->caveats, now_unix_s);
	if (err == ERR_OK) {
		err = add_node(&order, now_unix_s);
	}
	if (err == ERR_OK) {
		err = demand_restricted(&order, now_unix_s);
	}
	if (err != ERR_OK) {
		return err;
	}
	randombytes_buf(&item.capability, sizeof item.capability);
	item.exp_unix_s = order.set.exp_unix_s;
	err = issue(tokens, &order, &item, ret_text);
	if (err == ERR_OK) {
		*ret_item = item;
	}
	return err;
}
