/* Epochs that are paid: what the rewarder says of them. */
#include <stdio.h>
#include <string.h>

#include "core/http_range.h"
#include "services/edge/edge.h"

static bool is_of_rewarder(const struct exchange *exchange)
{
	return route_table_owner((enum route)exchange->route) == PROCESS_REWARDER;
}

static void refuse(struct exchange *exchange, const struct oap_run_reply *msg)
{
	const char *text = reward_reasons_text(msg->reason);
	struct refusal refusal = {
		.status = msg->status,
		.reward_reason = (enum reward_reason)msg->reason,
		.details = msg->details,
		.members = msg->body,
		.text = msg->text.bytes_count > 0
				? msg->text
				: (struct slice){ (const uint8_t *)text, strlen(text) },
	};

	exchange_refuse_as(exchange, &refusal,
		(struct answer){ .status = msg->status, .retry_after_s = msg->retry_after_s });
}

#define FIELDS_MAX 2u

struct fields {
	size_t count;
	struct http_reply_field list[FIELDS_MAX];
	char tag[VERB_NAME_BYTES_MAX + 3]; /* quoted */
};

static void set_fields(struct fields *fields, const struct oap_run_reply *msg)
{
	fields->count = 0;
	if (msg->etag.bytes_count > 0) {
		int bytes = snprintf(fields->tag, sizeof fields->tag, "\"%.*s\"",
			(int)msg->etag.bytes_count, (const char *)msg->etag.bytes);

		fields->list[fields->count++] = (struct http_reply_field){ "ETag",
			{ (const uint8_t *)fields->tag, (size_t)bytes } };
	}
	if (msg->location.bytes_count > 0) {
		fields->list[fields->count++] =
			(struct http_reply_field){ "Location", msg->location };
	}
}

static void answer(struct exchange *exchange, const struct oap_run_reply *msg)
{
	const struct oap_blob piece = {
		.total = msg->total,
		.offset = msg->offset,
		.bytes = msg->body,
	};
	struct fields fields;
	struct answer told = {
		.status = msg->status,
		.cache = msg->cache == RUN_CACHE_IMMUTABLE ? READ_CACHE_FOREVER_OWN
							   : READ_CACHE_NEVER,
		.total_bytes = msg->total,
		.retry_after_s = msg->retry_after_s,
		.body = msg->body,
		.fields = fields.list,
	};
	bool is_first = !pull_has_begun(exchange);
	bool is_last = pull_note(exchange, &piece);

	set_fields(&fields, msg);
	told.fields_count = fields.count;
	exchange_answer_piece(exchange, &told, is_first, is_last);
}

void rewards_keep(struct exchange *exchange, const struct http_head *head)
{
	struct slice field = head->if_none_match;

	if (exchange->is_reward && field.bytes_count > 0 &&
		field.bytes_count <= sizeof exchange->variable) {
		memcpy(exchange->variable, field.bytes, field.bytes_count);
		exchange->variable_bytes = (uint8_t)field.bytes_count;
	}
}

static bool has_it(const struct exchange *exchange, const struct oap_run_reply *msg)
{
	struct slice field = { exchange->variable, exchange->variable_bytes };

	return !exchange->is_oap && !exchange_is_write(exchange) && field.bytes_count > 0 &&
	       msg->etag.bytes_count > 0 && !pull_has_begun(exchange) &&
	       http_range_has_tag(field, msg->etag);
}

static void answer_unchanged(struct exchange *exchange, const struct oap_run_reply *msg)
{
	struct fields fields;
	struct answer told = { .status = 304,
		.cache = msg->cache == RUN_CACHE_IMMUTABLE ? READ_CACHE_FOREVER_OWN
							   : READ_CACHE_NEVER,
		.fields = fields.list };

	set_fields(&fields, msg);
	told.fields_count = fields.count;
	exchange_answer_piece(exchange, &told, true, true);
}

enum err rewards_take(struct exchange *exchange, const struct oap_run_reply *msg)
{
	const struct oap_blob piece = {
		.total = msg->total,
		.offset = msg->offset,
		.bytes = msg->body,
	};

	if (replies_check_run(msg) != ERR_OK) {
		return ERR_MALFORMED;
	}
	if (exchange == NULL) {
		return ERR_OK;
	}
	if (!is_of_rewarder(exchange)) {
		return ERR_CONFLICT;
	}
	if (msg->reason != REWARD_REASON_NONE) {
		refuse(exchange, msg);
		return ERR_OK;
	}
	if (has_it(exchange, msg)) {
		answer_unchanged(exchange, msg);
		return ERR_OK;
	}
	if (!pull_fits(exchange, &piece)) {
		return ERR_CONFLICT;
	}
	answer(exchange, msg);
	return ERR_OK;
}
