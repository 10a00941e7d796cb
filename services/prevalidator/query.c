#include "services/prevalidator/query.h"

#include <string.h>

#include "core/amount.h"
#include "core/detail.h"
#include "core/http_target.h"
#include "core/merkle.h"

/* What follows {name} in the template came along. */
static struct slice without_tail(enum route route, struct slice variable)
{
	const char *end = strchr(routes_template(route), '}');
	size_t tail_bytes = end == NULL ? 0 : strlen(end + 1);

	if (tail_bytes > 0 && tail_bytes <= variable.bytes_count &&
		memcmp(variable.bytes + variable.bytes_count - tail_bytes, end + 1, tail_bytes) ==
			0) {
		variable.bytes_count -= tail_bytes;
	}
	return variable;
}

struct slice query_variable(enum route route, struct slice text, struct slice *ret_query)
{
	const uint8_t *mark =
		text.bytes_count == 0 ? NULL : memchr(text.bytes, '?', text.bytes_count);
	size_t bytes_count = mark == NULL ? text.bytes_count : (size_t)(mark - text.bytes);

	*ret_query = (struct slice){ NULL, 0 };
	if (mark != NULL) {
		*ret_query = (struct slice){ mark + 1, text.bytes_count - bytes_count - 1 };
	}
	return without_tail(route, (struct slice){ text.bytes, bytes_count });
}

bool query_number(struct slice text, uint64_t *ret_number)
{
	u128 number;

	if (amount_parse((const char *)text.bytes, text.bytes_count, &number) != AMOUNT_OK ||
		number > MERKLE_SIZE_MAX) {
		return false;
	}
	*ret_number = (uint64_t)number;
	return true;
}

const char *query_read(struct slice query, const struct query_wanted *wanted, size_t wanted_count)
{
	struct http_parameters parameters = { .count = 0 };
	size_t found = 0;

	if (http_target_parameters(query, &parameters) != HTTP_OK) {
		return "query";
	}
	for (size_t i = 0; i < wanted_count; i++) {
		const struct slice *value = http_target_parameter(&parameters, wanted[i].name);

		if (value == NULL) {
			continue;
		}
		found++;
		if (wanted[i].ret_text != NULL) {
			*wanted[i].ret_text = *value;
		} else if (!query_number(*value, wanted[i].ret_number)) {
			return wanted[i].name;
		}
	}
	return found == parameters.count ? NULL : detail_text(DETAIL_UNKNOWN_FIELD);
}
