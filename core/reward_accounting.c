#include "core/reward_accounting.h"

#include <string.h>

/* What the next event belongs to. */
enum state {
	STATE_BEGIN,
	STATE_MEMBER, /* of the snapshot: a name or the end */
	STATE_ACTORS,
	STATE_EPOCH_ID,
	STATE_EVENTS,
	STATE_KIND,
	STATE_ROWS,
	STATE_TENANT,
	STATE_V,
	STATE_ROW,        /* a row or the end of the rows */
	STATE_ROW_MEMBER, /* of a row: a name or the end */
	STATE_ACTOR,
	STATE_CATEGORY,
	STATE_COUNTS,
	STATE_METRIC, /* of the counts: a name or the end */
	STATE_COUNT,
	STATE_END,
};

/* In the order of the states. */
static const char *const member_names[] = { "actors", "epoch_id", "events", "kind", "rows",
	"tenant", "v" };
static const char *const row_names[] = { "actor", "category", "counts" };

#define MEMBERS_ALL ((1u << COUNT_OF(member_names)) - 1)
#define ROW_ALL     ((1u << COUNT_OF(row_names)) - 1)

void reward_accounting_init(struct reward_accounting *accounting,
	const struct reward_policy *policy, struct reward_rows *rows,
	struct reward_outcome *outcome)
{
	memset(accounting, 0, offsetof(struct reward_accounting, counts));
	accounting->policy = policy;
	accounting->rows = rows;
	accounting->outcome = outcome;
	accounting->state = STATE_BEGIN;
	blake3_start(&accounting->hash);
	json_init(&accounting->in);
}

/* ---- faults ---- */

static bool expected(struct reward_accounting *accounting, const char *what)
{
	return json_fail(&accounting->in, what, NULL);
}

/* A count that is a number, but none that can be summed. */
static bool quarantine(
	struct reward_accounting *accounting, enum reward_kind kind, const char *what)
{
	(void)reward_quarantine(accounting->outcome, kind, "accounting snapshot, byte ");
	reward_add_number(accounting->outcome, accounting->in.token_at);
	reward_add_text(accounting->outcome, ": expected ");
	reward_add_text(accounting->outcome, what);
	return json_fail(&accounting->in, what, NULL);
}

/* ---- the snapshot ---- */

static bool on_member(
	struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	uint32_t place;

	if (event == JSON_OBJECT_END) {
		accounting->state = STATE_END;
		return json_members_whole(
			&accounting->in, member_names, accounting->seen, MEMBERS_ALL);
	}
	place = json_member(
		&accounting->in, text, member_names, COUNT_OF(member_names), &accounting->seen);
	accounting->state = (uint8_t)(STATE_ACTORS + place);
	return place != JSON_NO_MEMBER;
}

static bool on_number(struct reward_accounting *accounting, enum json_event event,
	struct slice text, uint64_t *ret_number)
{
	u128 number = 0;

	if (event != JSON_NUMBER ||
		reward_number_parse(text, UINT64_MAX, &number) != REWARD_NUMBER_OK) {
		return expected(accounting, "a number from 0 on");
	}
	*ret_number = (uint64_t)number;
	return true;
}

static bool set_name(struct reward_name *name, struct slice text)
{
	name->bytes_count = (uint8_t)text.bytes_count;
	memcpy(name->bytes, text.bytes, text.bytes_count);
	return true;
}

static bool on_kind(enum json_event event, struct slice text)
{
	static const char kind[] = "ron.accounting.snapshot";

	return event == JSON_STRING && text.bytes_count == sizeof kind - 1 &&
	       memcmp(text.bytes, kind, text.bytes_count) == 0;
}

static bool on_head_value(
	struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	enum state state = (enum state)accounting->state;

	accounting->state = STATE_MEMBER;
	if (state == STATE_ACTORS) {
		return on_number(accounting, event, text, &accounting->actors);
	}
	if (state == STATE_EVENTS) {
		return on_number(accounting, event, text, &accounting->events);
	}
	if (state == STATE_V) {
		return (event == JSON_NUMBER && text.bytes_count == 1 && text.bytes[0] == '1') ||
		       expected(accounting, "version 1");
	}
	if (state == STATE_KIND) {
		return on_kind(event, text) || expected(accounting, "kind ron.accounting.snapshot");
	}
	if (state == STATE_TENANT) {
		return (event == JSON_STRING && reward_is_tenant(text) &&
			       set_name(&accounting->tenant, text)) ||
		       expected(accounting, "a tenant of 1 to 64 characters [A-Za-z0-9._-]");
	}
	assert(state == STATE_EPOCH_ID);
	return (event == JSON_STRING && reward_is_epoch(text) &&
		       set_name(&accounting->epoch_id, text)) ||
	       expected(accounting, "an epoch as 2025-10-13 or 2025-10-13T00:00Z");
}

/* ---- a row ---- */

static bool on_row(struct reward_accounting *accounting, enum json_event event)
{
	if (event == JSON_ARRAY_END) {
		accounting->state = STATE_MEMBER;
		return true;
	}
	if (event != JSON_OBJECT) {
		return expected(accounting, "a row");
	}
	if (accounting->row_count == REWARD_ROWS_MAX) {
		return expected(accounting, "at most 5000000 rows");
	}
	accounting->row_count++;
	accounting->row_seen = 0;
	accounting->state = STATE_ROW_MEMBER;
	return true;
}

static bool end_row(struct reward_accounting *accounting)
{
	accounting->state = STATE_ROW;
	if (!json_members_whole(&accounting->in, row_names, accounting->row_seen, ROW_ALL)) {
		return false;
	}
	return reward_rows_add(accounting->rows, reward_name_view(&accounting->actor),
		       reward_label_view(&accounting->category), accounting->counts) ||
	       reward_no_memory(accounting->outcome);
}

static bool on_row_member(
	struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	uint32_t place;

	if (event == JSON_OBJECT_END) {
		return end_row(accounting);
	}
	place = json_member(
		&accounting->in, text, row_names, COUNT_OF(row_names), &accounting->row_seen);
	accounting->state = (uint8_t)(STATE_ACTOR + place);
	return place != JSON_NO_MEMBER;
}

static bool on_actor(struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	accounting->state = STATE_ROW_MEMBER;
	if (event != JSON_STRING || !reward_is_actor(text)) {
		return expected(
			accounting, "an actor of 1 to 128 characters [A-Za-z0-9._:-], not sys:");
	}
	reward_names_expect(&accounting->rows->actors, text); /* the rest of the row comes first */
	return set_name(&accounting->actor, text);
}

static bool on_category(
	struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	accounting->state = STATE_ROW_MEMBER;
	if (event != JSON_STRING || !reward_is_category(text)) {
		return expected(accounting, "a category of at most 32 characters [a-z0-9_-]");
	}
	accounting->category.bytes_count = (uint8_t)text.bytes_count;
	memcpy(accounting->category.bytes, text.bytes, text.bytes_count);
	return true;
}

/* ---- its counts ---- */

static bool on_counts(struct reward_accounting *accounting, enum json_event event)
{
	accounting->state = STATE_METRIC;
	accounting->metric_seen = 0;
	accounting->metric_next = 0;
	accounting->other_count = 0;
	memset(accounting->counts, 0, sizeof accounting->counts);
	return event == JSON_OBJECT || expected(accounting, "an object of counts");
}

static bool is_label(const struct reward_label *label, struct slice text)
{
	return label->bytes_count == text.bytes_count &&
	       memcmp(label->bytes, text.bytes, text.bytes_count) == 0;
}

/* Metrics mostly come in their order, so the next one is looked at first. */
static uint32_t find_metric(const struct reward_accounting *accounting, struct slice name)
{
	uint32_t count = accounting->policy->metric_count;

	for (uint32_t i = 0, at = accounting->metric_next; i < count; i++, at++) {
		at = at < count ? at : 0;
		if (is_label(&accounting->policy->metrics[at].name, name)) {
			return at;
		}
	}
	return REWARD_METRICS_MAX;
}

static bool add_other(struct reward_accounting *accounting, struct slice name)
{
	struct reward_label *other = &accounting->others[accounting->other_count];

	if (!reward_is_metric(name)) {
		return expected(accounting, "a metric of 1 to 32 characters [a-z0-9_-]");
	}
	if (accounting->other_count == COUNT_OF(accounting->others)) {
		return expected(accounting, "at most 32 counts that the policy does not weigh");
	}
	for (uint32_t i = 0; i < accounting->other_count; i++) {
		if (is_label(&accounting->others[i], name)) {
			return expected(accounting, "each metric once");
		}
	}
	other->bytes_count = (uint8_t)name.bytes_count;
	memcpy(other->bytes, name.bytes, name.bytes_count);
	accounting->other_count++;
	return true;
}

static bool on_metric(
	struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	uint32_t metric, bit;

	if (event == JSON_OBJECT_END) {
		accounting->state = STATE_ROW_MEMBER;
		return true;
	}
	metric = find_metric(accounting, text);
	bit = UINT32_C(1) << metric;
	accounting->state = STATE_COUNT;
	accounting->metric = metric;
	if (metric == REWARD_METRICS_MAX) {
		return add_other(accounting, text);
	}
	if ((accounting->metric_seen & bit) != 0) {
		return expected(accounting, "each metric once");
	}
	accounting->metric_seen |= bit;
	accounting->metric_next = metric + 1;
	return true;
}

static bool on_count(struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	u128 count = 0;

	accounting->state = STATE_METRIC;
	if (event != JSON_STRING) {
		return expected(accounting, "a count as a decimal string");
	}
	switch (reward_number_parse(text, REWARD_COUNT_MAX, &count)) {
	case REWARD_NUMBER_OK:
		break;
	case REWARD_NUMBER_NO_DECIMAL:
		return expected(accounting, "a count as a decimal string");
	case REWARD_NUMBER_NEGATIVE:
		return quarantine(accounting, REWARD_KIND_NEGATIVE, "a count that is not below 0");
	case REWARD_NUMBER_TOO_LARGE:
		return quarantine(accounting, REWARD_KIND_OVERFLOW, "a count of at most 2^63 - 1");
	}
	if (accounting->metric < REWARD_METRICS_MAX) {
		accounting->counts[accounting->metric] = (uint64_t)count;
	}
	return true;
}

/* ---- the stream ---- */

static bool on_event(struct reward_accounting *accounting, enum json_event event, struct slice text)
{
	switch ((enum state)accounting->state) {
	case STATE_COUNT:
		return on_count(accounting, event, text);
	case STATE_METRIC:
		return on_metric(accounting, event, text);
	case STATE_ROW_MEMBER:
		return on_row_member(accounting, event, text);
	case STATE_ACTOR:
		return on_actor(accounting, event, text);
	case STATE_CATEGORY:
		return on_category(accounting, event, text);
	case STATE_COUNTS:
		return on_counts(accounting, event);
	case STATE_ROW:
		return on_row(accounting, event);
	case STATE_BEGIN:
		accounting->state = STATE_MEMBER;
		return event == JSON_OBJECT || expected(accounting, "an object");
	case STATE_MEMBER:
		return on_member(accounting, event, text);
	case STATE_ROWS:
		accounting->state = STATE_ROW;
		return event == JSON_ARRAY || expected(accounting, "a list of rows");
	case STATE_ACTORS:
	case STATE_EPOCH_ID:
	case STATE_EVENTS:
	case STATE_KIND:
	case STATE_TENANT:
	case STATE_V:
		return on_head_value(accounting, event, text);
	case STATE_END:
		break;
	}
	assert(!"the reader tells nothing behind the end");
	return false;
}

static bool run(struct reward_accounting *accounting, enum json_event until)
{
	struct slice text = { (const uint8_t *)"", 0 };
	enum json_event event;
	bool good = true;

	do {
		event = json_next(&accounting->in, &text);
		good = event != JSON_FAULT && (event == JSON_MORE || event == JSON_END ||
						      on_event(accounting, event, text));
	} while (good && event != until);
	if (!good && accounting->outcome->verdict == REWARD_OK) {
		(void)reward_quarantine(accounting->outcome, REWARD_KIND_SCHEMA, "");
		reward_doc_tell(&accounting->in, "accounting snapshot", accounting->outcome);
	}
	return good;
}

bool reward_accounting_feed(struct reward_accounting *accounting, struct slice piece)
{
	blake3_add(&accounting->hash, piece.bytes, piece.bytes_count);
	if (piece.bytes_count > REWARD_SNAPSHOT_BYTES - accounting->bytes_count) {
		accounting->bytes_count = REWARD_SNAPSHOT_BYTES;
		return reward_refuse(accounting->outcome, REWARD_REFUSAL_OVERSIZE,
			"accounting snapshot: expected at most 64 MiB");
	}
	accounting->bytes_count += piece.bytes_count;
	if (accounting->outcome->verdict != REWARD_OK) {
		return false;
	}
	json_feed(&accounting->in, piece, false);
	return run(accounting, JSON_MORE);
}

static bool is_as_declared(struct reward_accounting *accounting)
{
	if (accounting->events != accounting->row_count) {
		(void)reward_quarantine(accounting->outcome, REWARD_KIND_SCHEMA,
			"accounting snapshot: expected events to be the number of rows, ");
		reward_add_number(accounting->outcome, accounting->row_count);
		return false;
	}
	if (accounting->actors != accounting->rows->actors.count) {
		(void)reward_quarantine(accounting->outcome, REWARD_KIND_SCHEMA,
			"accounting snapshot: expected actors to be the number of actors, ");
		reward_add_number(accounting->outcome, accounting->rows->actors.count);
		return false;
	}
	return true;
}

bool reward_accounting_end(struct reward_accounting *accounting)
{
	if (accounting->outcome->verdict != REWARD_OK) {
		return false;
	}
	json_feed(&accounting->in, (struct slice){ 0 }, true);
	return run(accounting, JSON_END) && is_as_declared(accounting);
}

void reward_accounting_hash(const struct reward_accounting *accounting, struct hash *ret_hash)
{
	blake3_finish(&accounting->hash, ret_hash);
}

bool reward_accounting_declares(
	const struct reward_accounting *accounting, uint64_t *ret_actors, uint64_t *ret_events)
{
	const uint32_t both =
		1u << (STATE_ACTORS - STATE_ACTORS) | 1u << (STATE_EVENTS - STATE_ACTORS);

	/* A member is seen with its name; its value may be in the next piece. */
	if ((accounting->seen & both) != both || accounting->state == STATE_ACTORS ||
		accounting->state == STATE_EVENTS) {
		return false;
	}
	*ret_actors = accounting->actors;
	*ret_events = accounting->events;
	return true;
}
