#include "common/api_errors.h"

#include "common/check.h"

static const struct api_error_row rows[API_ERROR_COUNT] = {
#define AS_ROW(NAME, code, status, retryable, retry_after, label) \
	[API_ERROR_##NAME] = { code, status, retryable, retry_after, API_LABEL_##label },
	API_ERRORS(AS_ROW)
#undef AS_ROW
};

const struct api_error_row *api_errors_row(unsigned error)
{
	return &rows[error < API_ERROR_COUNT ? error : API_ERROR_INTERNAL_ERROR];
}

enum api_error api_errors_of_status(uint16_t status)
{
	switch (status) {
	case 401:
		return API_ERROR_UNAUTHORIZED;
	case 403:
		return API_ERROR_FORBIDDEN;
	case 404:
		return API_ERROR_NOT_FOUND;
	case 413:
		return API_ERROR_TOO_LARGE;
	case 429:
		return API_ERROR_BUSY;
	case 500:
		return API_ERROR_INTERNAL_ERROR;
	case 503:
		return API_ERROR_RETRY_LATER;
	default:
		return API_ERROR_BAD_REQUEST;
	}
}
