#include "common/api_reasons.h"

#include "common/check.h"

static const struct reason_row {
	const char *name;
	enum api_error error;
	const char *text;
} rows[API_REASON_COUNT] = {
#define AS_ROW(NAME, name, error, text) [API_REASON_##NAME] = { name, API_ERROR_##error, text },
	API_REASONS(AS_ROW)
#undef AS_ROW
};

static const struct reason_row *row_of(unsigned reason)
{
	return &rows[reason > API_REASON_NONE && reason < API_REASON_COUNT ? reason
									   : API_REASON_INTERNAL];
}

const char *api_reasons_name(unsigned reason)
{
	return row_of(reason)->name;
}

enum api_error api_reasons_error(unsigned reason)
{
	return row_of(reason)->error;
}

const char *api_reasons_text(unsigned reason)
{
	return row_of(reason)->text;
}

enum api_reason api_reasons_of_status(uint16_t status)
{
	switch (status) {
	case 401:
		return API_REASON_TOKEN;
	case 403:
		return API_REASON_SCOPE;
	case 404:
		return API_REASON_ROUTE;
	case 405:
		return API_REASON_METHOD;
	case 413:
		return API_REASON_BODY_TOO_LARGE;
	case 415:
		return API_REASON_MEDIA_TYPE;
	case 429:
		return API_REASON_QUEUE_FULL;
	case 500:
		return API_REASON_INTERNAL;
	case 503:
		return API_REASON_NOT_READY;
	default:
		return API_REASON_HTTP;
	}
}
