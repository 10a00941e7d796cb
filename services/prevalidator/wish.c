#include "services/prevalidator/wish.h"

#include <string.h>

#include "core/amount.h"

#define BIT(number) (UINT32_C(1) << (number))

static const struct member_row {
	struct slice name;
	uint32_t required, optional; /* sets of operations */
	bool oap_only;
	enum api_reason reason;
	const char *text;
} members[WISH_MEMBER_COUNT] = {
#define AS_ROW(NAME, name, required, optional, oap_only, reason, text)                    \
	[WISH_MEMBER_##NAME] = { { (const uint8_t *)(name), sizeof(name) - 1 }, required, \
		optional, oap_only, API_REASON_##reason, text },
	WISH_MEMBERS(AS_ROW)
#undef AS_ROW
};

static void refuse(struct wish *wish, enum api_reason reason, const char *text)
{
	if (wish->reason == API_REASON_NONE) {
		wish->reason = reason;
		wish->text = text;
	}
}

/* --- values --- */

static bool parse_number(struct slice text, uint64_t *ret_number)
{
	u128 number;

	if (amount_parse((const char *)text.bytes, text.bytes_count, &number) != AMOUNT_OK ||
		number == 0 || number > INT64_MAX) {
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

/* The text is gone when the listener returns. */
static struct slice keep(uint8_t *room, struct slice text)
{
	if (text.bytes_count > 0) {
		memcpy(room, text.bytes, text.bytes_count);
	}
	return (struct slice){ room, text.bytes_count };
}

static bool keep_account(uint8_t *room, struct slice text, struct slice *ret_account)
{
	if (!entry_account_is_valid(text)) {
		return false;
	}
	*ret_account = keep(room, text);
	return true;
}

static bool keep_asset(struct wish *wish, struct slice text)
{
	if (!entry_asset_is_valid(text)) {
		return false;
	}
	wish->operation.asset = keep(wish->asset, text);
	return true;
}

static bool keep_memo(struct wish *wish, struct slice text)
{
	if (text.bytes_count > MEMO_BYTES_MAX) {
		return false;
	}
	wish->operation.memo = keep(wish->memo, text);
	wish->operation.has_memo = true;
	return true;
}

static bool keep_key(struct wish *wish, struct slice text)
{
	if (!operation_key_is_valid(text)) {
		return false;
	}
	wish->key = keep(wish->key_bytes, text);
	return true;
}

static bool take_string(struct wish *wish, struct slice text)
{
	struct operation *operation = &wish->operation;

	switch ((enum wish_member)wish->member) {
	case WISH_MEMBER_FROM:
		return keep_account(wish->from, text, &operation->from);
	case WISH_MEMBER_TO:
		return keep_account(wish->to, text, &operation->to);
	case WISH_MEMBER_ASSET:
		return keep_asset(wish, text);
	case WISH_MEMBER_AMOUNT_MINOR:
		return amount_parse((const char *)text.bytes, text.bytes_count,
			       &operation->amount) == AMOUNT_OK &&
		       operation->amount > 0;
	case WISH_MEMBER_MEMO:
		return keep_memo(wish, text);
	case WISH_MEMBER_HOLD:
		return operation_txid_parse(text, &operation->hold);
	case WISH_MEMBER_IDEMPOTENCY_KEY:
		return keep_key(wish, text);
	case WISH_MEMBER_NONCE:
	case WISH_MEMBER_EXPIRES_TS:
	case WISH_MEMBER_COUNT:
		break;
	}
	return false;
}

static bool take_number(struct wish *wish, struct slice text)
{
	if (wish->member == WISH_MEMBER_NONCE) {
		return parse_number(text, &wish->operation.nonce);
	}
	return wish->member == WISH_MEMBER_EXPIRES_TS &&
	       parse_number(text, &wish->operation.expires_unix_ms);
}

/* --- events: depth 0 is around the object, 1 in it; what lies deeper is refused already --- */

static void on_open(void *self, enum json_type type)
{
	struct wish *wish = self;
	unsigned depth = wish->depth++;

	if (depth == 0 && type != JSON_OBJECT) {
		refuse(wish, API_REASON_SCHEMA, "the body is not a JSON object");
	} else if (depth == 1 && wish->member != WISH_MEMBER_COUNT) {
		refuse(wish, members[wish->member].reason, members[wish->member].text);
	}
}

static void on_close(void *self)
{
	struct wish *wish = self;

	wish->depth--;
}

static unsigned find_member(const struct wish *wish, struct slice name)
{
	unsigned member = 0;

	while (member < WISH_MEMBER_COUNT && !entry_views_equal(members[member].name, name)) {
		member++;
	}
	if (member == WISH_MEMBER_COUNT || (members[member].oap_only && !wish->is_oap) ||
		((members[member].required | members[member].optional) & wish->kind_bit) == 0) {
		return WISH_MEMBER_COUNT;
	}
	return member;
}

static void on_member(void *self, struct slice name)
{
	struct wish *wish = self;

	if (wish->depth != 1) {
		return;
	}
	wish->member = find_member(wish, name);
	if (wish->member == WISH_MEMBER_COUNT) {
		refuse(wish, API_REASON_UNKNOWN_FIELD,
			"the body has a member that this operation does not");
		return;
	}
	if ((wish->members_seen & BIT(wish->member)) != 0) {
		refuse(wish, API_REASON_SCHEMA, "a member of the body is given twice");
	}
	wish->members_seen |= BIT(wish->member);
}

static void on_scalar(void *self, enum json_type type, struct slice text)
{
	struct wish *wish = self;

	if (wish->depth == 0) {
		refuse(wish, API_REASON_SCHEMA, "the body is not a JSON object");
		return;
	}
	if (wish->depth != 1 || wish->member == WISH_MEMBER_COUNT) {
		return; /* refused already */
	}
	if (!((type == JSON_STRING && take_string(wish, text)) ||
		    (type == JSON_NUMBER && take_number(wish, text)))) {
		refuse(wish, members[wish->member].reason, members[wish->member].text);
	}
}

static const struct json_listener listener = {
	.open = on_open,
	.close = on_close,
	.member = on_member,
	.scalar = on_scalar,
};

/* --- the whole --- */

/* Before the body, because it stands before it. */
static void take_frame(struct wish *wish, const struct wish_frame *frame)
{
	if (frame->is_oap) {
		return;
	}
	if (frame->key.bytes_count == 0) {
		refuse(wish, API_REASON_IDEM_KEY_MISSING, "the field Idempotency-Key is missing");
	} else if (!keep_key(wish, frame->key)) {
		refuse(wish, API_REASON_IDEM_KEY_FORMAT,
			"Idempotency-Key: expected 1 to 64 of A-Z a-z 0-9 . _ : -");
	}
	if (operation_has_hold(wish->operation.kind) &&
		!operation_txid_parse(frame->hold, &wish->operation.hold)) {
		refuse(wish, API_REASON_TXID_FORMAT,
			"the path names a hold by its txid, tx_ and 26 characters");
	}
}

static void find_missing(struct wish *wish)
{
	for (unsigned member = 0; member < WISH_MEMBER_COUNT; member++) {
		const struct member_row *row = &members[member];

		if ((row->required & wish->kind_bit) == 0 || (row->oap_only && !wish->is_oap) ||
			(wish->members_seen & BIT(member)) != 0) {
			continue;
		}
		refuse(wish,
			member == WISH_MEMBER_IDEMPOTENCY_KEY ? API_REASON_IDEM_KEY_MISSING
							      : API_REASON_SCHEMA,
			row->text);
	}
}

static void judge_whole(struct wish *wish)
{
	const struct operation *operation = &wish->operation;

	if (operation_has_from(operation->kind) && operation_has_to(operation->kind) &&
		entry_views_equal(operation->from, operation->to)) {
		refuse(wish, API_REASON_SELF_TRANSFER, "from and to are one account");
	}
}

enum api_reason wish_read(struct wish *wish, struct json *json, struct slice body,
	enum operation_kind kind, const struct wish_frame *frame, const char **ret_text)
{
	wish->operation = (struct operation){ .kind = kind };
	wish->key = (struct slice){ NULL, 0 };
	wish->kind_bit = BIT(kind);
	wish->is_oap = frame->is_oap;
	wish->members_seen = 0;
	wish->member = WISH_MEMBER_COUNT;
	wish->depth = 0;
	wish->reason = API_REASON_NONE;
	wish->text = "";
	take_frame(wish, frame);
	if (!json_parse(json, body, &listener, wish)) {
		wish->reason = API_REASON_NONE; /* what was told before means nothing then */
		refuse(wish, API_REASON_SCHEMA,
			"the body is not JSON: expected one object in UTF-8, at most 8 levels "
			"deep");
	}
	if (wish->reason == API_REASON_NONE) {
		find_missing(wish);
	}
	if (wish->reason == API_REASON_NONE) {
		judge_whole(wish);
	}
	*ret_text = wish->text;
	return wish->reason;
}
