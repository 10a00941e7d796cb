#include "common/reward_reasons.h"

#include "common/check.h"

static const struct reason_row {
	const char *name;
	enum reward_error error;
	enum reward_label_id label;
	const char *text;
} rows[REWARD_REASON_COUNT] = {
#define AS_ROW(NAME, name, error, label, text) \
	[REWARD_REASON_##NAME] = { name, REWARD_ERROR_##error, REWARD_LABEL_##label, text },
	REWARD_REASONS(AS_ROW)
#undef AS_ROW
};

static const struct reason_row *row_of(unsigned reason)
{
	return &rows[reason > REWARD_REASON_NONE && reason < REWARD_REASON_COUNT
			     ? reason
			     : REWARD_REASON_INTERNAL];
}

const char *reward_reasons_name(unsigned reason)
{
	return row_of(reason)->name;
}

enum reward_error reward_reasons_error(unsigned reason)
{
	return row_of(reason)->error;
}

enum reward_label_id reward_reasons_label(unsigned reason)
{
	return row_of(reason)->label;
}

const char *reward_reasons_text(unsigned reason)
{
	return row_of(reason)->text;
}

enum reward_reason reward_reasons_of_status(uint16_t status)
{
	switch (status) {
	case 401:
		return REWARD_REASON_UNAUTH;
	case 403:
		return REWARD_REASON_SCOPE;
	case 404:
		return REWARD_REASON_ROUTE;
	case 405:
		return REWARD_REASON_METHOD;
	case 413:
		return REWARD_REASON_BODY_TOO_LARGE;
	case 415:
		return REWARD_REASON_MEDIA_TYPE;
	case 429:
		return REWARD_REASON_BUSY;
	case 500:
		return REWARD_REASON_INTERNAL;
	case 503:
		return REWARD_REASON_DEP_OUTAGE;
	default:
		return REWARD_REASON_HTTP;
	}
}
