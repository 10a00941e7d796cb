#include "core/signed_cap.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What is accepted is written back as the same bytes: there is one spelling. */
static void check_round_trip(struct slice input, const struct signed_cap *parsed)
{
	static uint8_t buffer[MACAROON_BYTES_MAX];
	static uint8_t message[SIGNED_CAP_MESSAGE_BYTES_MAX];
	struct signed_cap made = *parsed;
	size_t count = 0;

	assert(signed_cap_write(&made, buffer, sizeof buffer) == ERR_OK);
	assert(signed_cap_finish(&made, buffer, sizeof buffer, &count) == ERR_OK);
	assert(count == input.bytes_count && memcmp(buffer, input.bytes, count) == 0);
	count = signed_cap_message(parsed, message);
	assert(count == sizeof SIGNED_CAP_DOMAIN - 1 + parsed->signed_part.bytes_count + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice input = { bytes, bytes_count };
	struct signed_cap cap;

	if (bytes_count > MACAROON_BYTES_MAX || signed_cap_parse(input, &cap) != SIGNED_CAP_OK) {
		return 0;
	}
	assert(signed_cap_is_it(input));
	assert(cap.caveat_count > 0 && cap.caveat_count <= TOKEN_CAVEATS_MAX);
	for (size_t i = 0; i < cap.caveat_count; i++) {
		assert(cap.caveats[i].bytes_count > 0);
		assert(cap.caveats[i].bytes_count <= CAVEAT_BYTES_MAX);
	}
	check_round_trip(input, &cap);
	return 0;
}
