#include "core/caveat.h"

#include <string.h>

#include "core/amount.h"
#include "core/entry.h"

#define BIT(kind) (1u << (kind))
_Static_assert(CAVEAT_ACTION_COUNT < 32 && CAVEAT_KIND_COUNT <= 32, "masks are 32 bits wide");

struct name {
	const char *text;
	size_t bytes_count;
};

#define NAME_OF(text)                    \
	{                                \
		(text), sizeof(text) - 1 \
	}

static const struct name kind_names[] = {
#define AS_NAME(NAME, name, where, text, refusal) NAME_OF(name),
	CAVEATS(AS_NAME)
#undef AS_NAME
};

static const struct name action_names[] = {
#define AS_NAME(NAME, name) NAME_OF(name),
	CAVEAT_ACTIONS(AS_NAME)
#undef AS_NAME
};

static const struct name entry_kind_names[] = {
#define AS_NAME(NAME, name, number) [number] = NAME_OF(name),
	ENTRY_KINDS(AS_NAME)
#undef AS_NAME
};
_Static_assert(COUNT_OF(entry_kind_names) == 8, "caveat_set.c keeps kinds 1-7 in a byte");

static bool slice_is(struct slice bytes, const struct name *name)
{
	return bytes.bytes_count == name->bytes_count &&
	       memcmp(bytes.bytes, name->text, name->bytes_count) == 0;
}

static bool slice_starts_with(struct slice bytes, const void *start, size_t start_bytes)
{
	return bytes.bytes_count >= start_bytes && memcmp(bytes.bytes, start, start_bytes) == 0;
}

/* --- Texts ----------------------------------------------------------------------------- */

const char *caveat_name(unsigned kind)
{
	return kind < COUNT_OF(kind_names) ? kind_names[kind].text : "?";
}

const char *caveat_text(unsigned kind)
{
	static const char *const texts[] = {
#define AS_TEXT(NAME, name, where, text, refusal) text,
		CAVEATS(AS_TEXT)
#undef AS_TEXT
	};

	return kind < COUNT_OF(texts) ? texts[kind] : "?";
}

const char *caveat_fault_text(unsigned fault)
{
	static const char *const texts[] = {
#define AS_TEXT(NAME, text) text,
		CAVEAT_FAULTS(AS_TEXT)
#undef AS_TEXT
	};

	return fault < COUNT_OF(texts) ? texts[fault] : "unknown fault";
}

const char *caveat_action_name(unsigned action)
{
	return action < COUNT_OF(action_names) ? action_names[action].text : "?";
}

uint32_t caveat_kinds(enum caveat_where where)
{
	uint32_t kinds = 0;

#define AS_BIT(NAME, name, judged, text, refusal) \
	kinds |= where == CAVEAT_WHERE_##judged ? BIT(CAVEAT_##NAME) : 0;
	CAVEATS(AS_BIT)
#undef AS_BIT
	return kinds;
}

/* --- Parsing --------------------------------------------------------------------------- */

bool caveat_take_item(struct slice *rest, struct slice *ret_item)
{
	const uint8_t *comma;

	if (rest->bytes == NULL) {
		return false;
	}
	comma = rest->bytes_count == 0 ? NULL : memchr(rest->bytes, ',', rest->bytes_count);
	if (comma == NULL) {
		*ret_item = *rest;
		*rest = (struct slice){ NULL, 0 };
		return true;
	}
	ret_item->bytes = rest->bytes;
	ret_item->bytes_count = (size_t)(comma - rest->bytes);
	rest->bytes = comma + 1;
	rest->bytes_count -= ret_item->bytes_count + 1;
	return true;
}

static bool is_lower_or_digit(uint8_t byte)
{
	return (byte >= 'a' && byte <= 'z') || (byte >= '0' && byte <= '9');
}

static bool is_upper(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z';
}

/* May `byte` stand at `place` of an item? */
static bool item_may_have(enum caveat_kind kind, size_t place, uint8_t byte)
{
	switch (kind) {
	case CAVEAT_ACCOUNT:
	case CAVEAT_TENANT:
	case CAVEAT_EPOCH:
		return is_lower_or_digit(byte) || is_upper(byte) || byte == '_' || byte == '.' ||
		       byte == ':' || byte == '-';
	case CAVEAT_ASSET:
		return is_lower_or_digit(byte) ||
		       (place > 0 && (byte == '.' || byte == '_' || byte == '-'));
	case CAVEAT_METHOD:
		return is_upper(byte);
	case CAVEAT_PATH:
		return place == 0 ? byte == '/'
				  : byte > 0x20 && byte < 0x7f && byte != '?' && byte != '#';
	case CAVEAT_NODE:
		return byte > 0x20 && byte < 0x7f && byte != '+';
	case CAVEAT_ACTION:
	case CAVEAT_KIND:
	case CAVEAT_AMOUNT:
	case CAVEAT_DAILY:
	case CAVEAT_MAX_BYTES:
	case CAVEAT_NBF:
	case CAVEAT_EXP:
	case CAVEAT_TTL:
	case CAVEAT_PEER_UID:
	case CAVEAT_KIND_COUNT:
		break;
	}
	return false;
}

static size_t item_bytes_max(enum caveat_kind kind)
{
	return kind == CAVEAT_ACCOUNT ? ACCOUNT_BYTES_MAX
	       : kind == CAVEAT_ASSET ? ASSET_BYTES_MAX
				      : CAVEAT_BYTES_MAX;
}

static bool has_star(struct slice item)
{
	return item.bytes_count > 0 && item.bytes[item.bytes_count - 1] == '*';
}

static enum caveat_fault check_text_item(enum caveat_kind kind, struct slice item)
{
	size_t bytes_count = item.bytes_count;

	if (kind == CAVEAT_ACCOUNT && has_star(item)) {
		bytes_count--;
		if (bytes_count == 0) {
			return CAVEAT_FAULT_STAR;
		}
	}
	if (bytes_count > item_bytes_max(kind)) {
		return CAVEAT_FAULT_TOO_LARGE;
	}
	for (size_t i = 0; i < bytes_count; i++) {
		if (item.bytes[i] == '*') {
			return CAVEAT_FAULT_STAR;
		}
		if (!item_may_have(kind, i, item.bytes[i])) {
			return CAVEAT_FAULT_BYTE;
		}
	}
	return CAVEAT_FAULT_OK;
}

static enum caveat_fault parse_number(struct slice digits, uint64_t max, uint64_t *ret_number)
{
	u128 number = 0;

	if (amount_parse((const char *)digits.bytes, digits.bytes_count, &number) != AMOUNT_OK ||
		number > max) {
		return CAVEAT_FAULT_NUMBER;
	}
	*ret_number = (uint64_t)number;
	return CAVEAT_FAULT_OK;
}

static enum caveat_fault check_item(enum caveat_kind kind, struct slice item)
{
	uint64_t uid = 0;

	if (item.bytes_count == 0) {
		return CAVEAT_FAULT_EMPTY;
	}
	if (kind == CAVEAT_PEER_UID) {
		return parse_number(item, UINT32_MAX, &uid);
	}
	return check_text_item(kind, item);
}

enum caveat_fault caveat_check_list(enum caveat_kind kind, struct slice value)
{
	struct slice rest = value;
	struct slice item = { NULL, 0 };
	enum caveat_fault fault = CAVEAT_FAULT_OK;

	if (value.bytes_count == 0) {
		return CAVEAT_FAULT_EMPTY;
	}
	if (value.bytes_count > CAVEAT_BYTES_MAX - kind_names[kind].bytes_count) {
		return CAVEAT_FAULT_TOO_LARGE;
	}
	while (fault == CAVEAT_FAULT_OK && caveat_take_item(&rest, &item)) {
		fault = check_item(kind, item);
	}
	return fault;
}

/* One name, or a group `wallet.*`. 0 = there is none. */
static uint32_t action_mask(struct slice item)
{
	bool group =
		item.bytes_count >= 2 && has_star(item) && item.bytes[item.bytes_count - 2] == '.';
	uint32_t mask = 0;

	for (unsigned action = 0; action < CAVEAT_ACTION_COUNT; action++) {
		const struct name *name = &action_names[action];
		struct slice text = { (const uint8_t *)name->text, name->bytes_count };

		if (group ? slice_starts_with(text, item.bytes, item.bytes_count - 1)
			  : slice_is(item, name)) {
			mask |= CAVEAT_ACTION_BIT(action);
		}
	}
	return mask;
}

static uint32_t entry_kind_mask(struct slice item)
{
	for (unsigned kind = 1; kind < COUNT_OF(entry_kind_names); kind++) {
		if (slice_is(item, &entry_kind_names[kind])) {
			return BIT(kind);
		}
	}
	return 0;
}

/* ret_bad is the item that was refused. */
static enum caveat_fault parse_mask(
	enum caveat_kind kind, struct slice value, uint32_t *ret_mask, struct slice *ret_bad)
{
	struct slice rest = value;
	struct slice item = { NULL, 0 };
	uint32_t mask = 0;

	while (caveat_take_item(&rest, &item)) {
		uint32_t bits = kind == CAVEAT_ACTION ? action_mask(item) : entry_kind_mask(item);

		if (bits == 0) {
			*ret_bad = item;
			return item.bytes_count == 0 ? CAVEAT_FAULT_EMPTY
			       : has_star(item)      ? CAVEAT_FAULT_STAR
						     : CAVEAT_FAULT_NAME;
		}
		mask |= bits;
	}
	*ret_mask = mask;
	return CAVEAT_FAULT_OK;
}

static enum caveat_fault parse_amount(struct slice value, u128 *ret_amount)
{
	return amount_parse((const char *)value.bytes, value.bytes_count, ret_amount) == AMOUNT_OK
		       ? CAVEAT_FAULT_OK
		       : CAVEAT_FAULT_NUMBER;
}

static enum caveat_fault parse_value(struct caveat *caveat)
{
	struct slice value = caveat->value;
	struct slice bad;

	switch (caveat->kind) {
	case CAVEAT_ACTION:
	case CAVEAT_KIND:
		return parse_mask(caveat->kind, value, &caveat->mask, &bad);
	case CAVEAT_AMOUNT:
	case CAVEAT_DAILY:
		return parse_amount(value, &caveat->amount);
	case CAVEAT_MAX_BYTES:
		return parse_number(value, UINT64_MAX, &caveat->number);
	case CAVEAT_TTL:
		if (value.bytes[value.bytes_count - 1] == 's') {
			value.bytes_count--; /* ttl=60s, spec/node.md section 9.3 */
		}
		return parse_number(value, CAVEAT_UNIX_S_MAX, &caveat->number);
	case CAVEAT_NBF:
	case CAVEAT_EXP:
		return parse_number(value, CAVEAT_UNIX_S_MAX, &caveat->number);
	case CAVEAT_ACCOUNT:
	case CAVEAT_ASSET:
	case CAVEAT_TENANT:
	case CAVEAT_METHOD:
	case CAVEAT_PATH:
	case CAVEAT_EPOCH:
	case CAVEAT_PEER_UID:
	case CAVEAT_NODE:
		return caveat_check_list(caveat->kind, value);
	case CAVEAT_KIND_COUNT:
		break;
	}
	return CAVEAT_FAULT_UNKNOWN;
}

enum caveat_fault caveat_parse(struct slice text, struct caveat *ret_caveat)
{
	if (text.bytes_count > CAVEAT_BYTES_MAX) {
		return CAVEAT_FAULT_TOO_LARGE;
	}
	for (unsigned kind = 0; kind < CAVEAT_KIND_COUNT; kind++) {
		const struct name *name = &kind_names[kind];
		struct caveat caveat = { .kind = (enum caveat_kind)kind };
		enum caveat_fault fault;

		if (!slice_starts_with(text, name->text, name->bytes_count)) {
			continue;
		}
		caveat.value.bytes = text.bytes + name->bytes_count;
		caveat.value.bytes_count = text.bytes_count - name->bytes_count;
		if (caveat.value.bytes_count == 0) {
			return CAVEAT_FAULT_EMPTY;
		}
		fault = parse_value(&caveat);
		if (fault == CAVEAT_FAULT_OK) {
			*ret_caveat = caveat;
		}
		return fault;
	}
	return CAVEAT_FAULT_UNKNOWN;
}

enum err caveat_print(const struct caveat *caveat, char *text, size_t text_bytes, size_t *ret_bytes)
{
	const struct name *name = &kind_names[caveat->kind];
	size_t name_bytes = name->bytes_count;
	size_t value_bytes = caveat->value.bytes_count;

	if (value_bytes > CAVEAT_BYTES_MAX - name_bytes || text_bytes < name_bytes + value_bytes) {
		return ERR_TOO_LARGE;
	}
	memcpy(text, name->text, name_bytes);
	memcpy(text + name_bytes, caveat->value.bytes, value_bytes);
	*ret_bytes = name_bytes + value_bytes;
	return ERR_OK;
}

/* --- The nearest known name ------------------------------------------------------------ */

#define WORD_BYTES_MAX 32u /* longer than every name */

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein: how many bytes must be put in, left out or changed. */
static size_t distance(struct slice word, const struct name *name)
{
	size_t row[WORD_BYTES_MAX + 1];

	assert(name->bytes_count <= WORD_BYTES_MAX);
	for (size_t column = 0; column <= name->bytes_count; column++) {
		row[column] = column;
	}
	for (size_t i = 0; i < word.bytes_count; i++) {
		size_t diagonal = row[0];

		row[0] = i + 1;
		for (size_t column = 1; column <= name->bytes_count; column++) {
			bool same = word.bytes[i] == (uint8_t)name->text[column - 1];
			size_t changed = diagonal + (same ? 0 : 1);

			diagonal = row[column];
			row[column] = min_size(changed, min_size(row[column], row[column - 1]) + 1);
		}
	}
	return row[name->bytes_count];
}

static const char *nearest_of(struct slice word, const struct name *names, size_t name_count)
{
	size_t best_distance = word.bytes_count / 3 + 2; /* farther is a guess, not a help */
	const char *best = NULL;

	if (word.bytes_count == 0 || word.bytes_count > WORD_BYTES_MAX) {
		return NULL;
	}
	for (size_t i = 0; i < name_count; i++) {
		size_t candidate = distance(word, &names[i]);

		if (candidate < best_distance && candidate < names[i].bytes_count) {
			best_distance = candidate;
			best = names[i].text;
		}
	}
	return best;
}

static const char *nearest_in_list(const struct caveat *caveat)
{
	struct slice bad = { NULL, 0 };
	uint32_t mask = 0;

	if (parse_mask(caveat->kind, caveat->value, &mask, &bad) == CAVEAT_FAULT_OK) {
		return NULL;
	}
	return caveat->kind == CAVEAT_ACTION
		       ? nearest_of(bad, action_names, COUNT_OF(action_names))
		       : nearest_of(bad, entry_kind_names + 1, COUNT_OF(entry_kind_names) - 1);
}

const char *caveat_nearest(struct slice text)
{
	const uint8_t *equals;
	struct slice word = text;

	if (text.bytes_count == 0) {
		return NULL;
	}
	equals = memchr(text.bytes, '=', text.bytes_count);
	if (equals != NULL) {
		word.bytes_count = (size_t)(equals - text.bytes) + 1;
	}
	for (unsigned kind = 0; kind < CAVEAT_KIND_COUNT; kind++) {
		struct caveat caveat = { .kind = (enum caveat_kind)kind };

		if (slice_is(word, &kind_names[kind])) {
			caveat.value.bytes = text.bytes + word.bytes_count;
			caveat.value.bytes_count = text.bytes_count - word.bytes_count;
			return kind == CAVEAT_ACTION || kind == CAVEAT_KIND
				       ? nearest_in_list(&caveat)
				       : NULL;
		}
	}
	return nearest_of(word, kind_names, COUNT_OF(kind_names));
}
