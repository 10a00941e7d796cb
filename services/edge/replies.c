#include "services/edge/replies.h"

#include <string.h>

#include "common/degraded.h"
#include "common/version.h"
#include "services/edge/replies_json.h"

/* Seconds after which asking again makes sense (spec/ledger.md LG-11). */
#define RETRY_AFTER_BUSY_S 1u
#define RETRY_AFTER_DOWN_S 5u

/* --- of the node --- */

void replies_readiness_keep(struct readiness *readiness, const struct oap_readiness *msg)
{
	size_t bytes_count = msg->reason.bytes_count;

	assert(bytes_count <= VERB_TEXT_BYTES_MAX);
	readiness->now = *msg;
	if (bytes_count > 0) {
		memcpy(readiness->reason, msg->reason.bytes, bytes_count);
	}
	readiness->reason[bytes_count] = '\0';
	readiness->now.reason = (struct slice){ (const uint8_t *)readiness->reason, bytes_count };
}

size_t replies_health(uint8_t *bytes)
{
	struct json_out out = begin_document(bytes);

	put_bool(&out, "ok", true);
	put_text(&out, "version", version_semver);
	json_out_key(&out, "checks");
	json_out_object_begin(&out);
	put_text(&out, "event_loop", "ok"); /* or nobody would answer */
	put_text(&out, "clock", "ok");
	json_out_object_end(&out);
	return end_document(&out);
}

/* version_commit is "<sha> <date>". */
static void put_commit(struct json_out *out)
{
	size_t sha_bytes = strcspn(version_commit, " ");
	const char *date = version_commit + sha_bytes;

	json_out_key(out, "git_sha");
	json_out_string(out, (struct slice){ (const uint8_t *)version_commit, sha_bytes });
	put_text(out, "build_ts", *date == ' ' ? date + 1 : "1970-01-01T00:00:00Z");
}

static const char *pq_mode_name(unsigned mode)
{
	static const char *const names[] = { "off", "hybrid", "pq-only" };

	return names[mode < COUNT_OF(names) ? mode : 0];
}

size_t replies_version(uint8_t *bytes, const struct readiness *readiness)
{
	struct json_out out = begin_document(bytes);

	put_text(&out, "service", "macronode");
	put_text(&out, "version", version_semver);
	put_text(&out, "semver", version_semver);
	put_commit(&out);
	put_text(&out, "compiler", version_toolchain);
	json_out_key(&out, "api");
	json_out_object_begin(&out);
	put_text(&out, "http", "v1");
	put_text(&out, "openapi", version_openapi);
	json_out_object_end(&out);
	json_out_key(&out, "features");
	json_out_object_begin(&out);
	put_bool(&out, "amnesia", readiness->amnesia);
	put_bool(&out, "tls", readiness->tls);
	put_bool(&out, "pq", readiness->pq_mode != 0);
	put_bool(&out, "zk", false);
	put_bool(&out, "arti", false);
	json_out_object_end(&out);
	put_text(&out, "pq_mode", pq_mode_name(readiness->pq_mode));
	return end_document(&out);
}

static bool has_reason(const struct readiness *readiness, enum degraded reason)
{
	return strstr(readiness->reason, degraded_name(reason)) != NULL;
}

static void put_missing(struct json_out *out, const struct oap_readiness *now)
{
	const struct {
		const char *name;
		uint8_t there;
	} roles[] = {
		{ "kms", now->kms_ready },
		{ "policy", now->prevalidator_ready },
		{ "sequencer", now->sequencer_ready },
		{ "storage", now->committer_ready },
		{ "archive", now->archive_ready },
		{ "wallet", now->wallet_ready },
		{ "rewarder", !now->rewarder_used || now->rewarder_ready },
	};

	json_out_key(out, "missing");
	json_out_array_begin(out);
	for (size_t i = 0; i < COUNT_OF(roles); i++) {
		if (!roles[i].there) {
			json_out_text(out, roles[i].name);
		}
	}
	json_out_array_end(out);
}

/* What paying epochs needs (spec/rewarder.md section 7), by the reasons that readiness names. */
static void put_rewarder(struct json_out *out, const struct readiness *readiness)
{
	const struct oap_readiness *now = &readiness->now;

	put_bool(out, "rewarder_ready", now->rewarder_ready);
	put_bool(out, "ledger_ok",
		now->sequencer_ready && !has_reason(readiness, DEGRADED_LEDGER) &&
			!has_reason(readiness, DEGRADED_REWARDS_FROZEN));
	put_bool(out, "accounting_ok", now->archive_ready);
	put_bool(out, "policy_registry_ok", now->rewarder_ready);
	put_bool(out, "queue_ok", !has_reason(readiness, DEGRADED_REWARDS_BACKPRESSURE));
}

/* The members of a ReadyzReport. */
static void put_readiness(struct json_out *out, const struct readiness *readiness)
{
	const struct oap_readiness *now = &readiness->now;

	put_bool(out, "ready", now->ready);
	put_bool(out, "degraded", now->degraded);
	put_bool(out, "kms_ready", now->kms_ready);
	put_bool(out, "policy_ready", now->prevalidator_ready);
	put_bool(out, "wallet_ready", now->wallet_ready);
	if (now->rewarder_used) {
		put_rewarder(out, readiness);
	}
	put_bool(out, "backpressure_ok", !has_reason(readiness, DEGRADED_LAG));
	put_u64(out, "committer_lag_ms", now->lag_ms);
	put_text(out, "pq_mode", pq_mode_name(readiness->pq_mode));
	put_bool(out, "amnesia", readiness->amnesia);
	if (now->degraded) {
		put_text(out, "reason", readiness->reason);
	}
	put_missing(out, now);
	json_out_key(out, "deps");
	json_out_object_begin(out);
	put_text(out, "config", "loaded");
	put_text(out, "network", "ok");
	put_text(out, "storage", now->committer_ready ? "ok" : "unavailable");
	json_out_object_end(out);
	if (!now->ready) {
		put_u64(out, "retry_after", replies_retry_after_s(readiness));
	}
}

uint32_t replies_retry_after_s(const struct readiness *readiness)
{
	return has_reason(readiness, DEGRADED_STARTING) ||
			       has_reason(readiness, DEGRADED_RESTARTING)
		       ? RETRY_AFTER_BUSY_S
		       : RETRY_AFTER_DOWN_S;
}

size_t replies_readiness(uint8_t *bytes, const struct readiness *readiness)
{
	struct json_out out = begin_document(bytes);

	put_readiness(&out, readiness);
	return end_document(&out);
}

size_t replies_pong(uint8_t *bytes, const struct readiness *readiness, bool echoed)
{
	struct json_out out = begin_document(bytes);

	put_bool(&out, "ready", echoed && readiness->now.ready);
	put_bool(&out, "echoed", echoed);
	json_out_key(&out, "snapshot");
	json_out_object_begin(&out);
	put_readiness(&out, readiness);
	json_out_object_end(&out);
	return end_document(&out);
}

/* --- refusals --- */

static const struct status_row {
	uint16_t status;
	enum reason reason;
	const char *code;
	const char *title;
} statuses[] = {
	{ 400, REASON_UNKNOWN_KIND, "BadRequest", "Bad Request" },
	{ 401, REASON_UNAUTH, "InvalidCapability", "Unauthorized" },
	{ 403, REASON_POLICY_DENIED, "InvalidCapability", "Forbidden" },
	{ 404, REASON_UNKNOWN_KIND, "NotFound", "Not Found" },
	{ 405, REASON_UNKNOWN_KIND, "MethodNotAllowed", "Method Not Allowed" },
	{ 408, REASON_TIMEOUT, "Timeout", "Request Timeout" },
	{ 409, REASON_POLICY_DENIED, "Conflict", "Conflict" },
	{ 413, REASON_TOO_LARGE, "FrameTooLarge", "Content Too Large" },
	{ 414, REASON_TOO_LARGE, "TargetTooLong", "URI Too Long" },
	{ 415, REASON_UNKNOWN_KIND, "UnsupportedMediaType", "Unsupported Media Type" },
	{ 416, REASON_UNKNOWN_KIND, "RangeNotSatisfiable", "Range Not Satisfiable" },
	{ 417, REASON_UNKNOWN_KIND, "ExpectationFailed", "Expectation Failed" },
	{ 421, REASON_UNKNOWN_KIND, "MisdirectedRequest", "Misdirected Request" },
	{ 422, REASON_UNKNOWN_KIND, "Unprocessable", "Unprocessable Content" },
	{ 429, REASON_BUSY, "Busy", "Too Many Requests" },
	{ 431, REASON_TOO_LARGE, "HeadTooLarge", "Request Header Fields Too Large" },
	{ 500, REASON_INTERNAL, "Internal", "Internal Server Error" },
	{ 501, REASON_UNKNOWN_KIND, "NotImplemented", "Not Implemented" },
	{ 502, REASON_INTERNAL, "IntegrityFail", "Bad Gateway" },
	{ 503, REASON_INTERNAL, "NotReady", "Service Unavailable" },
	{ 505, REASON_UNKNOWN_KIND, "VersionNotSupported", "HTTP Version Not Supported" },
};

static const struct status_row *find_status(uint16_t status)
{
	for (size_t i = 0; i < COUNT_OF(statuses); i++) {
		if (statuses[i].status == status) {
			return &statuses[i];
		}
	}
	return NULL;
}

const char *replies_code(uint16_t status)
{
	const struct status_row *row = find_status(status);

	return row == NULL ? "Internal" : row->code;
}

bool replies_is_refusal(uint16_t status)
{
	return find_status(status) != NULL;
}

enum reason replies_reason(uint16_t status)
{
	const struct status_row *row = find_status(status);

	return row == NULL ? REASON_INTERNAL : row->reason;
}

/* Nothing of it was looked at by the sequencer: one reason for the whole (spec/ledger.md 4.3). */
static void put_ingest_refusal(struct json_out *out, const struct refusal *refusal)
{
	put_bool(out, "accepted", false);
	json_out_key(out, "seq_start");
	json_out_null(out);
	json_out_key(out, "seq_end");
	json_out_null(out);
	json_out_key(out, "new_root");
	json_out_null(out);
	json_out_key(out, "reasons");
	json_out_array_begin(out);
	json_out_object_begin(out);
	put_u64(out, "idx", refusal->index);
	put_text(out, "reason", reason_name(refusal->reason));
	if (refusal->text.bytes_count > 0) {
		put_slice(out, "details", refusal->text);
	}
	json_out_object_end(out);
	json_out_array_end(out);
}

/* What HTTP has fields for: Retry-After and X-RateLimit-*. In an error whose members are a contract
 * they are details. */
static void put_when(struct json_out *out, const struct refusal *refusal)
{
	if (refusal->retry_after_s > 0) {
		put_u64(out, "retry_after", refusal->retry_after_s);
	}
	if (refusal->limit.limit > 0) {
		json_out_key(out, "rate_limit");
		json_out_object_begin(out);
		put_u64(out, "limit", refusal->limit.limit);
		put_u64(out, "remaining", refusal->limit.remaining);
		put_u64(out, "reset", refusal->limit.reset_s);
		json_out_object_end(out);
	}
}

static void put_error(struct json_out *out, const struct refusal *refusal)
{
	const char *code = refusal->code == NULL ? replies_code(refusal->status) : refusal->code;

	json_out_key(out, "error");
	json_out_object_begin(out);
	put_text(out, "code", code);
	put_slice(out, "message", refusal->text);
	put_slice(out, "corr_id", refusal->corr_id);
	json_out_object_end(out);
}

static void put_problem(struct json_out *out, const struct refusal *refusal)
{
	const struct status_row *row = find_status(refusal->status);

	put_text(out, "type", "about:blank");
	put_text(out, "title", row == NULL ? "Error" : row->title);
	put_u64(out, "status", refusal->status);
	put_slice(out, "detail", refusal->text);
	put_slice(out, "instance", refusal->corr_id);
	put_error(out, refusal);
}

enum api_reason replies_api_reason(const struct refusal *refusal)
{
	if (refusal->api_reason != API_REASON_NONE) {
		return refusal->api_reason;
	}
	return refusal->status == 503 && refusal->reason == REASON_TIMEOUT
		       ? API_REASON_TIMEOUT
		       : api_reasons_of_status(refusal->status);
}

/* Of one word are the details of /ingest, "busy" or "deadline", which clients match. */
static bool is_sentence(struct slice text)
{
	return text.bytes_count > 0 && memchr(text.bytes, ' ', text.bytes_count) != NULL;
}

/* A refusal of HTTP itself keeps its status, 405 or 431, under the code of all such. */
static void put_api_error(struct json_out *out, const struct refusal *refusal)
{
	const struct api_error_row *row = api_errors_row(api_reasons_error(refusal->api_reason));

	put_text(out, "code", row->code);
	put_u64(out, "http", refusal->status);
	if (is_sentence(refusal->text)) {
		put_slice(out, "message", refusal->text);
	} else {
		put_text(out, "message", api_reasons_text(refusal->api_reason));
	}
	put_bool(out, "retryable", row->retryable);
	put_slice(out, "corr_id", refusal->corr_id);
	json_out_key(out, "details");
	json_out_object_begin(out);
	put_text(out, "reason", api_reasons_name(refusal->api_reason));
	if (refusal->has_lane_last) {
		put_u64(out, "last", refusal->lane_last);
		put_u64(out, "expected", refusal->lane_last + 1);
	}
	put_when(out, refusal);
	json_out_object_end(out);
}

enum reward_reason replies_reward_reason(const struct refusal *refusal)
{
	if (refusal->reward_reason != REWARD_REASON_NONE) {
		return refusal->reward_reason;
	}
	switch (refusal->status) {
	case 429:
		return refusal->api_reason == API_REASON_RATE_LIMITED ||
				       refusal->api_reason == API_REASON_AUTH_FAILURES
			       ? REWARD_REASON_QUOTA
			       : REWARD_REASON_BUSY;
	case 503:
		return refusal->api_reason == API_REASON_DRAINING ? REWARD_REASON_DRAINING
								  : REWARD_REASON_DEP_OUTAGE;
	case 400:
		return refusal->api_reason == API_REASON_UNKNOWN_FIELD ? REWARD_REASON_UNKNOWN_FIELD
		       : refusal->api_reason == API_REASON_SCHEMA      ? REWARD_REASON_SCHEMA
								       : REWARD_REASON_HTTP;
	default:
		return reward_reasons_of_status(refusal->status);
	}
}

static void put_reward_error(struct json_out *out, const struct refusal *refusal)
{
	static const char timeout[] = "\"cap_timeout\":true";
	unsigned reason = refusal->reward_reason;

	json_out_key(out, "error");
	json_out_object_begin(out);
	put_text(out, "code", reward_errors_row(reward_reasons_error(reason))->code);
	if (is_sentence(refusal->text)) {
		put_slice(out, "message", refusal->text);
	} else {
		put_text(out, "message", reward_reasons_text(reason));
	}
	put_slice(out, "corr_id", refusal->corr_id);
	json_out_key(out, "details");
	json_out_object_begin(out);
	put_text(out, "reason", reward_reasons_name(reason));
	put_when(out, refusal);
	json_out_members(out, refusal->details);
	if (reason == REWARD_REASON_CAP_TIMEOUT) {
		json_out_members(
			out, (struct slice){ (const uint8_t *)timeout, sizeof timeout - 1 });
	}
	json_out_object_end(out);
	json_out_object_end(out);
	json_out_members(out, refusal->members);
}

size_t replies_refusal(uint8_t *bytes, enum reply_style style, const struct refusal *refusal)
{
	struct json_out out = begin_document(bytes);

	switch (style) {
	case REPLY_INGEST:
		put_ingest_refusal(&out, refusal);
		put_when(&out, refusal);
		break;
	case REPLY_ERROR:
		put_error(&out, refusal);
		put_when(&out, refusal);
		break;
	case REPLY_PROBLEM:
		put_problem(&out, refusal);
		break;
	case REPLY_API:
		put_api_error(&out, refusal);
		break;
	case REPLY_REWARD:
		put_reward_error(&out, refusal);
		break;
	}
	return end_document(&out);
}

const char *replies_content_type(enum reply_style style)
{
	return style == REPLY_PROBLEM ? "application/problem+json"
				      : "application/json; charset=utf-8";
}

enum err replies_check_refused(const struct oap_refused *msg)
{
	if ((msg->rate_limit > 0 && msg->status != 429) || find_status(msg->status) == NULL ||
		msg->reason == REASON_NONE || msg->reason >= REASON_COUNT ||
		msg->api_reason >= API_REASON_COUNT || msg->reward_reason >= REWARD_REASON_COUNT) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* A receipt is written once, by wallet and sequencer, and goes out as it is. */
enum err replies_check_wallet_result(const struct oap_wallet_result *msg)
{
	bool is_done = msg->api_reason == API_REASON_NONE;

	if (msg->api_reason >= API_REASON_COUNT || msg->replayed > 1 || msg->has_lane_last > 1 ||
		is_done != (msg->receipt.bytes_count > 0) || (!is_done && msg->replayed == 1) ||
		msg->lane_last > INT64_MAX) {
		return ERR_MALFORMED;
	}
	return ERR_OK;
}

/* Fits between quotes, and into a line of a head. */
static bool is_plain(struct slice text)
{
	for (size_t i = 0; i < text.bytes_count; i++) {
		if (text.bytes[i] <= ' ' || text.bytes[i] > '~' || text.bytes[i] == '"') {
			return false;
		}
	}
	return true;
}

static bool is_whole_or_part(const struct oap_run_reply *msg)
{
	return msg->total <= REPLIES_RUN_BYTES_MAX && msg->offset <= msg->total &&
	       msg->body.bytes_count > 0 && msg->body.bytes_count <= msg->total - msg->offset;
}

/* JSON of the rewarder is written once, by it, and goes out as it is. */
enum err replies_check_run(const struct oap_run_reply *msg)
{
	bool is_done = msg->reason == REWARD_REASON_NONE;

	if (msg->reason >= REWARD_REASON_COUNT || msg->cache > RUN_CACHE_IMMUTABLE ||
		!is_plain(msg->etag) || !is_plain(msg->location)) {
		return ERR_MALFORMED;
	}
	if (is_done) {
		return (msg->status == 200 || msg->status == 201 || msg->status == 202) &&
				       is_whole_or_part(msg)
			       ? ERR_OK
			       : ERR_MALFORMED;
	}
	return msg->status == reward_errors_row(reward_reasons_error(msg->reason))->status
		       ? ERR_OK
		       : ERR_MALFORMED;
}
