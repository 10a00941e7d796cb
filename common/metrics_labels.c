#include "common/metrics_labels.h"

#include "common/check.h"

/* The texts of each dimension, in the order of its enum; NULL is never shown. */

static const char *const NONE_texts[] = { "" };

static const char *const ROUTE_texts[] = {
#define AS_TEXT(NAME, method, template, ...) "route=\"" template "\",method=\"" method "\"",
	ROUTES(AS_TEXT)
#undef AS_TEXT
};

static const char *const STATUS_texts[] = { "status=\"other\"",
#define AS_TEXT(status) "status=\"" #status "\"",
	STATUSES(AS_TEXT)
#undef AS_TEXT
};

static const char *const REASON_texts[] = {
#define AS_TEXT(NAME, name, status) "reason=\"" name "\"",
	REASONS(AS_TEXT)
#undef AS_TEXT
};

static const char *const ROLE_texts[] = {
#define AS_TEXT(NAME, name, ...) \
	[PROCESS_##NAME] = PROCESS_##NAME == PROCESS_CLIENT ? NULL : "service=\"" #name "\"",
	PROCESSES(AS_TEXT)
#undef AS_TEXT
};

static const char *const INSTANCE_texts[] = {
#define I(n) "instance=\"" #n "\"",
	I(0) I(1) I(2) I(3) I(4) I(5) I(6) I(7) I(8) I(9) I(10) I(11) I(12) I(13) I(14) I(15) I(16)
#undef I
};

static const char *const QUEUE_texts[] = { "q=\"ingress\"", "q=\"preval\"", "q=\"commit\"",
	"q=\"work\"", "q=\"results\"", "q=\"intents\"" };
static const char *const BUSY_QUEUE_texts[] = { "q=\"ingress\"", "q=\"commit\"", "q=\"work\"" };
static const char *const PEER_texts[] = { "peer=\"http\"", "peer=\"uds\"", "peer=\"mtls\"" };
static const char *const BOOL_texts[] = { "state=\"false\"", "state=\"true\"" };
static const char *const OUTCOME_texts[] = { "status=\"ok\"", "status=\"failed\"" };
static const char *const KEX_texts[] = { "algo=\"x25519\"", "algo=\"ml-kem\"", "algo=\"hybrid\"" };
static const char *const SIDE_texts[] = { "role=\"client\"", "role=\"server\"" };
static const char *const KEX_FAILURE_texts[] = { "reason=\"no_common_algo\"",
	"reason=\"policy_refused\"", "reason=\"internal\"" };
static const char *const SIGNATURE_texts[] = { "algo=\"ed25519\"", "algo=\"ml-dsa\"",
	"algo=\"slh-dsa\"" };
static const char *const IO_texts[] = { "op=\"read\"", "op=\"write\"", "op=\"kms\"",
	"op=\"ledger\"", "op=\"handshake\"" };
static const char *const TLS_RESULT_texts[] = { "result=\"full\"", "result=\"resumed\"",
	"result=\"not_tls\"", "result=\"version\"", "result=\"nothing_common\"",
	"result=\"no_certificate\"", "result=\"bad_certificate\"", "result=\"refused_us\"",
	"result=\"late\"", "result=\"left\"", "result=\"signer\"", "result=\"other\"" };
static const char *const RATE_LIMIT_texts[] = { "limit=\"node\"", "limit=\"peer\"",
	"limit=\"tenant\"", "limit=\"auth\"" };
static const char *const CONN_REFUSAL_texts[] = { "reason=\"full\"", "reason=\"peer\"",
	"reason=\"rate\"", "reason=\"files\"" };
static const char *const OP_texts[] = { "op=\"sign\"", "op=\"verify\"" };
static const char *const PQ_MODE_texts[] = { "mode=\"off\"", "mode=\"hybrid\"",
	"mode=\"pq-only\"" };

static const char *const FREEZE_texts[] = { "scope=\"global\"", "scope=\"asset\"",
	"scope=\"account\"", "scope=\"rewards\"" };

static const char *const WALLET_OP_texts[] = {
#define AS_TEXT(NAME, name, ...) "op=\"" name "\"",
	OPERATIONS(AS_TEXT)
#undef AS_TEXT
		"op=\"balance\"",
	"op=\"receipt\"",
};
static const char *const API_LABEL_texts[] = {
#define AS_TEXT(NAME, name) "reason=\"" name "\"",
	API_LABELS(AS_TEXT)
#undef AS_TEXT
};

static const char *const RUN_STATUS_texts[] = { "status=\"ok\"", "status=\"quarantined\"",
	"status=\"fail\"" };
static const char *const REWARD_KIND_texts[] = {
#define AS_TEXT(NAME, name) REWARD_KIND_##NAME == REWARD_KIND_NONE ? NULL : "kind=\"" name "\"",
	REWARD_KINDS(AS_TEXT)
#undef AS_TEXT
};
static const char *const INTENT_RESULT_texts[] = { "result=\"accepted\"", "result=\"dup\"",
	"result=\"error\"" };
static const char *const INTENT_RETRY_texts[] = { "reason=\"timeout\"", "reason=\"refused\"" };
static const char *const EMISSION_texts[] = { "outcome=\"accepted\"", "outcome=\"dup\"",
	"outcome=\"error\"", "outcome=\"quarantine\"" };
static const char *const REWARD_CAP_texts[] = { "cap=\"epoch\"", "cap=\"actor\"",
	"cap=\"category\"" };
static const char *const DEGRADED_texts[] = { "cause=\"ledger_degraded\"",
	"cause=\"rewards_frozen\"", "cause=\"backpressure\"", "cause=\"dep_outage\"",
	"cause=\"disk_pressure\"" };
static const char *const SPAN_RESULT_texts[] = { "result=\"sent\"", "result=\"dropped\"",
	"result=\"refused\"" };
/* What is no rejection is never counted. */
static const char *const REWARD_LABEL_texts[] = {
#define AS_TEXT(NAME, name)     \
	[REWARD_LABEL_##NAME] = \
		REWARD_LABEL_##NAME == REWARD_LABEL_NONE ? NULL : "reason=\"" name "\"",
	REWARD_LABELS(AS_TEXT)
#undef AS_TEXT
};

#define AS_CHECK(NAME, count) \
	_Static_assert(COUNT_OF(NAME##_texts) == (count), "a text for each value of " #NAME);
METRIC_DIMENSIONS(AS_CHECK)
#undef AS_CHECK

static const char *const *const dimension_texts[METRIC_DIMENSION_COUNT] = {
#define AS_TEXTS(NAME, count) NAME##_texts,
	METRIC_DIMENSIONS(AS_TEXTS)
#undef AS_TEXTS
};

static const struct labels_row {
	enum metric_dimension outer;
	enum metric_dimension inner;
	size_t inner_count;
} rows[] = {
#define AS_ROW(NAME, outer, inner) \
	{ METRIC_DIMENSION_##outer, METRIC_DIMENSION_##inner, METRIC_DIMENSION_##inner##_COUNT },
	METRIC_LABELS(AS_ROW)
#undef AS_ROW
};

static const uint16_t statuses[METRIC_STATUS_COUNT] = { 0,
#define AS_STATUS(status) status,
	STATUSES(AS_STATUS)
#undef AS_STATUS
};

size_t metrics_label_route_status(enum route route, unsigned status)
{
	size_t index = METRIC_STATUS_COUNT - 1;

	assert((unsigned)route < ROUTE_COUNT);
	while (index > 0 && statuses[index] != status) {
		index--;
	}
	return (size_t)route * METRIC_STATUS_COUNT + index;
}

const char *metrics_label_outer_text(enum metric_labels labels, size_t label)
{
	const struct labels_row *row = &rows[labels];

	return dimension_texts[row->outer][label / row->inner_count];
}

const char *metrics_label_inner_text(enum metric_labels labels, size_t label)
{
	const struct labels_row *row = &rows[labels];

	return dimension_texts[row->inner][label % row->inner_count];
}
