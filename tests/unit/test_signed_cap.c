/* Signed capabilities: one spelling is read, and no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/hex.h"
#include "core/signed_cap.h"

#define HEAD    "{\"typ\":\"macaroon\",\"ver\":1,\"iss\":\"ron-kms\",\"aud\":\"macronode\""
#define ALG     ",\"alg\":\"Ed25519\""
#define NUMBERS ",\"kid\":1,\"nbf\":10,\"exp\":20"
#define CAVEATS ",\"caveats\":[\"action=wallet.read\",\"account=a\"]"
#define ZEROS   "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
#define SIG     ",\"sig\":\"" ZEROS ZEROS "\"}"
#define BODY    HEAD ALG NUMBERS CAVEATS
#define GOOD    BODY SIG

static struct signed_cap cap;

static enum signed_cap_fault parse(const char *text, size_t bytes_count)
{
	uint8_t *copy = malloc(bytes_count + 1); /* exactly so long, for the sanitizer */
	enum signed_cap_fault fault;

	assert_non_null(copy);
	memcpy(copy + 1, text, bytes_count);
	fault = signed_cap_parse((struct slice){ copy + 1, bytes_count }, &cap);
	free(copy);
	return fault;
}

static enum signed_cap_fault parse_text(const char *text)
{
	return parse(text, strlen(text));
}

/* Goal: every prefix is refused, and so is any byte that was changed, but in a value. */
static void it_is_read_only_when_whole(void **state)
{
	const size_t count = sizeof GOOD - 1;

	(void)state;
	for (size_t cut = 0; cut <= count; cut++) {
		assert_int_equal(parse(GOOD, cut) == SIGNED_CAP_OK, cut == count);
	}
	assert_int_equal(cap.key_id, 1);
	assert_int_equal(cap.nbf_unix_s, 10);
	assert_int_equal(cap.exp_unix_s, 20);
	assert_int_equal(cap.caveat_count, 2);
	assert_int_not_equal(parse_text(GOOD " "), SIGNED_CAP_OK);
	assert_true(signed_cap_is_it((struct slice){ (const uint8_t *)GOOD, count }));
	assert_false(signed_cap_is_it((struct slice){ (const uint8_t *)"\2", 1 }));
	assert_false(signed_cap_is_it((struct slice){ 0 }));
}

static void other_spellings_are_refused(void **state)
{
	static const struct {
		const char *text;
		enum signed_cap_fault fault;
	} rows[] = {
		{ " " GOOD, SIGNED_CAP_FORM },
		{ HEAD ",\"alg\":\"none\"" NUMBERS CAVEATS SIG, SIGNED_CAP_ALGORITHM },
		{ HEAD ",\"alg\":\"\"" NUMBERS CAVEATS SIG, SIGNED_CAP_ALGORITHM },
		{ HEAD ",\"alg\":\"Dilithium3\"" NUMBERS CAVEATS SIG, SIGNED_CAP_POST_QUANTUM },
		{ HEAD ",\"alg\":\"Hybrid-Ed25519+Dilithium3\"" NUMBERS CAVEATS SIG,
			SIGNED_CAP_POST_QUANTUM },
		{ HEAD ALG ",\"kid\":01,\"nbf\":10,\"exp\":20" CAVEATS SIG, SIGNED_CAP_FORM },
		{ HEAD ALG ",\"kid\":4294967296,\"nbf\":10,\"exp\":20" CAVEATS SIG,
			SIGNED_CAP_FORM },
		{ HEAD ALG ",\"kid\":1,\"nbf\":-1,\"exp\":20" CAVEATS SIG, SIGNED_CAP_FORM },
		{ HEAD ALG ",\"kid\":1,\"nbf\":10,\"exp\":253402300800" CAVEATS SIG,
			SIGNED_CAP_FORM },
		{ HEAD ALG ",\"kid\":1,\"exp\":20,\"nbf\":10" CAVEATS SIG, SIGNED_CAP_FORM },
		{ HEAD ALG NUMBERS ",\"caveats\":[]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"\"]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"a\",]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"a\", \"b\"]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"a\\u0041\"]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"a\x80\"]" SIG, SIGNED_CAP_CAVEATS },
		{ HEAD ALG NUMBERS ",\"caveats\":[\"a\"" SIG, SIGNED_CAP_FORM },
		{ BODY ",\"sig\":\"" ZEROS "A" ZEROS "\"}", SIGNED_CAP_FORM },
		{ BODY ",\"sig\":\"" ZEROS "\"}", SIGNED_CAP_FORM },
		{ BODY ",\"x\":1" SIG, SIGNED_CAP_FORM },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(parse_text(rows[i].text), rows[i].fault);
		assert_true(strlen(signed_cap_fault_text(rows[i].fault)) > 0);
	}
}

static void caveats_have_their_bounds(void **state)
{
	static char text[MACAROON_BYTES_MAX];
	char caveat[CAVEAT_BYTES_MAX + 2];

	(void)state;
	for (unsigned count = TOKEN_CAVEATS_MAX; count <= TOKEN_CAVEATS_MAX + 1; count++) {
		size_t used = (size_t)snprintf(
			text, sizeof text, "%s", HEAD ALG NUMBERS ",\"caveats\":[");

		for (unsigned i = 0; i < count; i++) {
			used += (size_t)snprintf(
				text + used, sizeof text - used, "%s\"a\"", i == 0 ? "" : ",");
		}
		(void)snprintf(text + used, sizeof text - used, "]" SIG);
		assert_int_equal(parse_text(text),
			count == TOKEN_CAVEATS_MAX ? SIGNED_CAP_OK : SIGNED_CAP_CAVEATS);
	}
	for (unsigned bytes = CAVEAT_BYTES_MAX; bytes <= CAVEAT_BYTES_MAX + 1; bytes++) {
		memset(caveat, 'a', bytes);
		caveat[bytes] = '\0';
		(void)snprintf(
			text, sizeof text, HEAD ALG NUMBERS ",\"caveats\":[\"%s\"]" SIG, caveat);
		assert_int_equal(parse_text(text),
			bytes == CAVEAT_BYTES_MAX ? SIGNED_CAP_OK : SIGNED_CAP_CAVEATS);
	}
}

static void what_is_written_is_read_and_has_one_id(void **state)
{
	static uint8_t buffer[MACAROON_BYTES_MAX], message[SIGNED_CAP_MESSAGE_BYTES_MAX];
	struct signed_cap made = {
		.key_id = 1,
		.nbf_unix_s = 10,
		.exp_unix_s = 20,
		.caveats = { { (const uint8_t *)"action=wallet.read", 18 },
			{ (const uint8_t *)"account=a", 9 } },
		.caveat_count = 2,
	};
	size_t bytes_count = 0, message_bytes;
	struct id128 id, other;
	char hex[HEX_TEXT_BYTES(ID_BYTES) + 1];

	(void)state;
	assert_int_equal(signed_cap_write(&made, buffer, sizeof buffer), ERR_OK);
	message_bytes = signed_cap_message(&made, message);
	assert_int_equal(message_bytes, sizeof SIGNED_CAP_DOMAIN BODY "}" - 1);
	assert_memory_equal(message, SIGNED_CAP_DOMAIN BODY "}", message_bytes);
	assert_int_equal(signed_cap_finish(&made, buffer, sizeof buffer, &bytes_count), ERR_OK);
	assert_int_equal(bytes_count, sizeof GOOD - 1);
	assert_memory_equal(buffer, GOOD, bytes_count);
	assert_int_equal(
		signed_cap_parse((struct slice){ buffer, bytes_count }, &cap), SIGNED_CAP_OK);
	id = signed_cap_id(&cap);
	hex_encode(id.bytes, ID_BYTES, hex);
	assert_string_equal(hex, "05ed3c01ec7ce197f2daff557c5f4c6d"); /* sha256sum of BODY} */
	other = signed_cap_counter_id(&id, 1);
	id = signed_cap_counter_id(&id, 0);
	assert_memory_not_equal(&id, &other, sizeof id);
	for (size_t room = 0; room < bytes_count; room++) {
		enum err err = signed_cap_write(&made, buffer, room);

		if (err == ERR_OK) {
			err = signed_cap_finish(&made, buffer, room, &bytes_count);
		}
		assert_int_equal(err, ERR_TOO_LARGE);
		bytes_count = sizeof GOOD - 1;
	}
	made.caveats[0] = (struct slice){ (const uint8_t *)"path=/\"", 7 };
	assert_int_equal(signed_cap_write(&made, buffer, sizeof buffer), ERR_MALFORMED);
	made.caveat_count = 0;
	assert_int_equal(signed_cap_write(&made, buffer, sizeof buffer), ERR_MALFORMED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_is_read_only_when_whole),
		cmocka_unit_test(other_spellings_are_refused),
		cmocka_unit_test(caveats_have_their_bounds),
		cmocka_unit_test(what_is_written_is_read_and_has_one_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
