#include "core/macaroon.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What is accepted is written back as the same bytes: there is one encoding. */
static void check_round_trip(struct slice input, const struct macaroon *macaroon)
{
	uint8_t buffer[MACAROON_BYTES_MAX];
	char text[TOKEN_BYTES_MAX + 1];
	size_t count = 0;
	size_t text_count = 0;

	assert(macaroon_serialise(macaroon, buffer, sizeof buffer, &count) == ERR_OK);
	assert(count == input.bytes_count && memcmp(buffer, input.bytes, count) == 0);
	assert(macaroon_text_encode(input, text, sizeof text, &text_count) == ERR_OK);
	assert(macaroon_text_decode((struct slice){ (uint8_t *)text, text_count }, buffer,
		       sizeof buffer, &count) == MACAROON_OK);
	assert(count == input.bytes_count && memcmp(buffer, input.bytes, count) == 0);
}

static void check_views(struct slice input, const struct macaroon *macaroon)
{
	const uint8_t *end = input.bytes + input.bytes_count;

	assert(macaroon->identifier.bytes_count > 0);
	assert(macaroon->caveat_count <= TOKEN_CAVEATS_MAX);
	for (size_t i = 0; i < macaroon->caveat_count; i++) {
		struct slice caveat = macaroon->caveats[i];

		assert(caveat.bytes_count > 0 && caveat.bytes_count <= CAVEAT_BYTES_MAX);
		assert(caveat.bytes > input.bytes && caveat.bytes + caveat.bytes_count < end);
	}
}

static void check_identifier(struct slice bytes)
{
	uint8_t back[MACAROON_IDENTIFIER_BYTES];
	struct macaroon_identifier identifier;

	if (macaroon_identifier_decode(bytes, &identifier) == ERR_OK) {
		macaroon_identifier_encode(&identifier, back);
		assert(memcmp(back, bytes.bytes, sizeof back) == 0);
	}
}

/* The same parts under our own key verify, and one caveat less does not. */
static void check_chain(const struct macaroon *parsed)
{
	const struct slice key = { (const uint8_t *)"key", 3 };
	struct macaroon ours;

	assert(macaroon_create(key, parsed->identifier, parsed->location, &ours) == ERR_OK);
	for (size_t i = 0; i < parsed->caveat_count; i++) {
		assert(macaroon_add_caveat(&ours, parsed->caveats[i]) == ERR_OK);
	}
	assert(macaroon_verify(&ours, key, NULL) == ERR_OK);
	if (ours.caveat_count > 0) {
		ours.caveat_count--;
		assert(macaroon_verify(&ours, key, NULL) == ERR_DENIED);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	const struct slice input = { bytes, bytes_count };
	struct macaroon macaroon;
	uint8_t buffer[MACAROON_BYTES_MAX];
	size_t count = 0;

	if (macaroon_parse(input, &macaroon) == MACAROON_OK) {
		check_views(input, &macaroon);
		check_round_trip(input, &macaroon);
		check_identifier(macaroon.identifier);
		check_chain(&macaroon);
	}
	check_identifier(input);
	if (macaroon_text_decode(input, buffer, sizeof buffer, &count) == MACAROON_OK) {
		char text[TOKEN_BYTES_MAX + 1];
		size_t text_count = 0;

		assert(macaroon_text_encode((struct slice){ buffer, count }, text, sizeof text,
			       &text_count) == ERR_OK);
		assert(text_count == bytes_count);
		assert(bytes_count == 0 || memcmp(text, bytes, bytes_count) == 0);
	}
	return 0;
}
