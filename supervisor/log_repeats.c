#include "supervisor/log_repeats.h"

#include <stdio.h>
#include <string.h>

/* FNV-1a: an enemy who makes two rules of his own alike loses lines of his own. */
#define HASH_START UINT64_C(0xcbf29ce484222325)
#define HASH_PRIME UINT64_C(0x100000001b3)

/* What refuses a client, and the line that joins its ticket to a correlation id. What else clients
 * bring about has a bound where it is written. */
static bool is_of_clients(unsigned event)
{
	static const unsigned events[] = {
		LOG_UDS_DENIED,
		LOG_AUTH_FAILED,
		LOG_REQUEST_ANSWERED,
		LOG_REQUEST_REFUSED,
		LOG_CONNECTIONS_FULL, /* again and again, of who lets one go and opens two */
		LOG_TLS_UNSIGNED,
		LOG_OPERATION_REFUSED,
	};

	for (size_t i = 0; i < COUNT_OF(events); i++) {
		if (events[i] == event) {
			return true;
		}
	}
	return false;
}

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t bytes_count)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < bytes_count; i++) {
		hash = (hash ^ at[i]) * HASH_PRIME;
	}
	return hash;
}

static uint64_t hash_text(uint64_t hash, const struct log_value *value)
{
	uint64_t bytes_count = value->bytes.bytes_count;

	hash = hash_bytes(hash, &bytes_count, sizeof bytes_count);
	return hash_bytes(hash, value->bytes.bytes, value->bytes.bytes_count);
}

static uint64_t rule_of(const struct log_record *record)
{
	uint64_t hash = hash_bytes(HASH_START, &record->event, sizeof record->event);

	hash = hash_bytes(hash, &record->values[LOG_FIELD_status].number, sizeof(uint64_t));
	hash = hash_text(hash, &record->values[LOG_FIELD_route]);
	hash = hash_text(hash, &record->values[LOG_FIELD_reason]);
	hash = hash_text(hash, &record->values[LOG_FIELD_text]);
	return hash | 1; /* none is 0 */
}

/* The rule that is alike, or a free place for it, or that of all others. */
static struct log_repeat *find(struct log_repeats *repeats, uint64_t rule)
{
	struct log_repeat *place = &repeats->rules[LOG_REPEATS_RULES];

	for (size_t i = LOG_REPEATS_RULES; i-- > 0;) {
		if (repeats->rules[i].rule == rule) {
			return &repeats->rules[i];
		}
		if (repeats->rules[i].rule == 0) {
			place = &repeats->rules[i];
		}
	}
	return place;
}

static void keep_text(char *to, size_t to_bytes, const struct log_value *value)
{
	(void)snprintf(to, to_bytes, "%.*s", (int)value->bytes.bytes_count,
		value->bytes.bytes != NULL ? (const char *)value->bytes.bytes : "");
}

static void name(struct log_repeat *repeat, uint64_t rule, const struct log_record *record)
{
	repeat->rule = rule;
	repeat->event = record->event;
	repeat->status = (uint32_t)record->values[LOG_FIELD_status].number;
	keep_text(repeat->route, sizeof repeat->route, &record->values[LOG_FIELD_route]);
	keep_text(repeat->reason, sizeof repeat->reason, &record->values[LOG_FIELD_reason]);
	keep_text(repeat->text, sizeof repeat->text, &record->values[LOG_FIELD_text]);
}

bool log_repeats_admit(
	struct log_repeats *repeats, const struct log_record *record, struct instant now)
{
	struct log_repeat *repeat;
	uint64_t rule;

	if (!is_of_clients(record->event)) {
		return true;
	}
	if (!repeats->is_open) {
		repeats->is_open = true;
		repeats->since = now;
	}
	rule = rule_of(record);
	repeat = find(repeats, rule);
	if (repeat->rule == 0 && repeat != &repeats->rules[LOG_REPEATS_RULES]) {
		name(repeat, rule, record);
	}
	repeat->count++;
	if (repeat->count <= (repeat->is_flooded ? 1 : LOG_REPEATS_WHOLE)) {
		return true;
	}
	repeat->left_out++;
	return false;
}

static void tell_of(const struct log_repeat *repeat, log_repeats_tell tell, void *context)
{
	const bool is_named = repeat->rule != 0;
	const struct log_fields fields = {
		.count = repeat->left_out,
		.event_of = is_named ? log_record_event_name(repeat->event) : "others",
		.route = repeat->route[0] != '\0' ? repeat->route : NULL,
		.status = repeat->status,
		.reason = repeat->reason[0] != '\0' ? repeat->reason : NULL,
		.text = repeat->text[0] != '\0' ? repeat->text : NULL,
	};

	tell(context, &fields);
}

void log_repeats_end(struct log_repeats *repeats, log_repeats_tell tell, void *context)
{
	for (size_t i = 0; i < COUNT_OF(repeats->rules); i++) {
		struct log_repeat *repeat = &repeats->rules[i];

		if (repeat->left_out > 0) {
			tell_of(repeat, tell, context);
		}
		repeat->is_flooded = repeat->count > LOG_REPEATS_WHOLE;
		repeat->count = repeat->left_out = 0;
		if (!repeat->is_flooded) {
			repeat->rule = 0;
		}
	}
	repeats->is_open = false;
}

bool log_repeats_is_due(const struct log_repeats *repeats, struct instant now)
{
	return repeats->is_open && instant_since(repeats->since, now).us >= LOG_REPEATS_PERIOD_US;
}
