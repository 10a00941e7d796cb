#include "common/reward_errors.h"

#include "common/check.h"

static const struct reward_error_row rows[REWARD_ERROR_COUNT] = {
#define AS_ROW(NAME, code, status, retryable, retry_after) \
	[REWARD_ERROR_##NAME] = { code, status, retryable, retry_after },
	REWARD_ERRORS(AS_ROW)
#undef AS_ROW
};

const struct reward_error_row *reward_errors_row(unsigned error)
{
	return &rows[error < REWARD_ERROR_COUNT ? error : REWARD_ERROR_INTERNAL];
}

enum reward_error reward_errors_of_status(uint16_t status)
{
	switch (status) {
	case 401:
		return REWARD_ERROR_UNAUTHENTICATED;
	case 403:
		return REWARD_ERROR_UNAUTHORIZED;
	case 404:
		return REWARD_ERROR_NOT_FOUND;
	case 413:
		return REWARD_ERROR_TOO_LARGE;
	case 429:
		return REWARD_ERROR_RATE_LIMITED;
	case 500:
		return REWARD_ERROR_INTERNAL;
	case 503:
		return REWARD_ERROR_DEPENDENCY;
	default:
		return REWARD_ERROR_BAD_REQUEST;
	}
}
