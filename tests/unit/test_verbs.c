#include "proto/verbs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/frame.h"
#include "tests/verb_cases.h"

#define VIEW_BYTES 7u
#define NO_FIELD   SIZE_MAX

static uint8_t pattern[65536];
static uint8_t payload[FRAME_PAYLOAD_BYTES_MAX + 1];

static int fill_pattern(void **state)
{
	uint64_t seed = 0x2545f4914f6cdd1du;

	(void)state;
	for (size_t i = 0; i < sizeof pattern; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		pattern[i] = (uint8_t)(seed >> 56);
	}
	return 0;
}

static const struct verb_case *case_of(unsigned verb)
{
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		if (verb_cases[i].verb == verb) {
			return &verb_cases[i];
		}
	}
	return NULL;
}

static size_t encode(const struct verb_case *verb, const union verb_message *msg)
{
	struct byte_writer out = byte_writer_of(payload, sizeof payload);

	assert_true(verb->encode(&out, msg));
	return out.used;
}

static bool decodes(const struct verb_case *verb, size_t count, union verb_message *ret_msg)
{
	struct byte_reader in = byte_reader_of((struct slice){ payload, count });

	return verb->decode(&in, ret_msg);
}

/* --- codecs --- */

static void every_message_decodes_to_what_was_encoded(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		for (size_t view_bytes = 0; view_bytes < 300; view_bytes += 43) {
			union verb_message sent, got;
			verb->fill(&sent, pattern + i, view_bytes);
			if (!decodes(verb, encode(verb, &sent), &got) || !verb->same(&sent, &got)) {
				fail_msg("%s with views of %zu bytes", verb->name, view_bytes);
			}
		}
	}
}

/* Goal: every prefix of a good payload is refused, and so is one byte more; a refused payload
 * leaves the result as it was. */
static void every_message_decodes_only_when_whole(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		union verb_message sent, got, untouched;
		verb->fill(&sent, pattern, VIEW_BYTES);
		memset(&untouched, 0x5a, sizeof untouched);
		size_t whole = encode(verb, &sent);
		payload[whole] = 0;
		for (size_t cut = 0; cut <= whole + 1; cut++) {
			memcpy(&got, &untouched, sizeof got);
			if (decodes(verb, cut, &got) != (cut == whole)) {
				fail_msg("%s cut to %zu of %zu", verb->name, cut, whole);
			}
			if (cut != whole) {
				assert_memory_equal(&got, &untouched, sizeof got);
			}
		}
	}
}

static void an_encoder_fails_when_the_buffer_is_a_byte_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		union verb_message sent;
		verb->fill(&sent, pattern, VIEW_BYTES);
		size_t whole = encode(verb, &sent);
		for (size_t room = 0; room < whole; room++) {
			struct byte_writer out = byte_writer_of(payload, room);
			assert_false(verb->encode(&out, &sent));
		}
	}
}

static void each_view_passes_at_its_bound_and_not_a_byte_beyond(void **state)
{
	size_t views = 0;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		for (size_t field = 0; field < verb->field_count; field++) {
			uint32_t bound = verb->fields[field].bytes_max;
			union verb_message got;
			if (!verb->fields[field].sized) {
				continue;
			}
			views++;
			size_t count =
				verb_lay_out(verb, field, bound, bound, payload, sizeof payload);
			assert_true(decodes(verb, count, &got));
			count = verb_lay_out(
				verb, field, bound + 1, bound + 1, payload, sizeof payload);
			if (decodes(verb, count, &got)) {
				fail_msg("%s, field %zu, over %u", verb->name, field, bound);
			}
			count = verb_lay_out(
				verb, field, UINT32_MAX, bound, payload, sizeof payload);
			assert_false(decodes(verb, count, &got));
		}
	}
	assert_true(views > 20); /* the table was walked */
}

static void the_largest_payload_is_the_sum_of_its_fields_and_fits_a_frame(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		size_t sum = 0;
		for (size_t field = 0; field < verb->field_count; field++) {
			sum += verb->fields[field].bytes + verb->fields[field].bytes_max;
		}
		assert_int_equal(oap_verb_payload_bytes_max(verb->verb), sum);
		assert_true(sum > 0 && sum <= FRAME_PAYLOAD_BYTES_MAX);
	}
}

/* --- the table --- */

static void a_verb_is_known_by_its_row_and_by_nothing_else(void **state)
{
	(void)state;
	for (unsigned id = 0; id <= UINT16_MAX + 1; id++) {
		const struct verb_case *verb = case_of(id);
		assert_int_equal(oap_verb_known(id), verb != NULL);
		assert_string_equal(oap_verb_name(id), verb != NULL ? verb->name : "UNKNOWN");
		if (verb == NULL) {
			assert_int_equal(oap_verb_payload_bytes_max(id), 0);
			continue;
		}
		assert_int_equal(oap_verb_kind(id), verb->kind);
		assert_true(id >= 0x0100); /* below are the public ones */
	}
}

static void only_the_listed_senders_reach_the_listed_receivers(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		for (unsigned from = 0; from < 64; from++) {
			for (unsigned to = 0; to < 64; to++) {
				bool listed = from < PROCESS_COUNT && to < PROCESS_COUNT &&
					      (verb->senders & 1u << from) != 0 &&
					      (verb->receivers & 1u << to) != 0;
				assert_int_equal(oap_route_allows(verb->verb, from, to), listed);
			}
		}
	}
	for (unsigned pair = 0; pair < PROCESS_COUNT * PROCESS_COUNT; pair++) {
		assert_false(oap_route_allows(0x0fff, pair / PROCESS_COUNT, pair % PROCESS_COUNT));
	}
}

/* Goal: the lines that a security reviewer asks about first, told without the table. */
static void what_authority_rests_on_comes_from_one_sender(void **state)
{
	static const struct {
		unsigned verb, from, to;
	} rows[] = {
		{ OAP_LINK, PROCESS_SUPERVISOR, PROCESS_SEQUENCER },
		{ OAP_SETUP_FD, PROCESS_SUPERVISOR, PROCESS_KMS },
		{ OAP_CAP_MINT, PROCESS_SUPERVISOR, PROCESS_KMS },
		{ OAP_CAP_REVOKE, PROCESS_SUPERVISOR, PROCESS_KMS },
		{ OAP_GOVERN, PROCESS_SUPERVISOR, PROCESS_SEQUENCER },
		{ OAP_GRANT, PROCESS_KMS, PROCESS_PREVALIDATOR },
		{ OAP_GRANT_KEY, PROCESS_KMS, PROCESS_SEQUENCER },
		{ OAP_SUBMIT, PROCESS_PREVALIDATOR, PROCESS_SEQUENCER },
		{ OAP_BATCH, PROCESS_SEQUENCER, PROCESS_COMMITTER },
		{ OAP_COMMITTED, PROCESS_COMMITTER, PROCESS_SEQUENCER },
		{ OAP_VERDICT, PROCESS_SEQUENCER, PROCESS_INGRESS },
		{ OAP_CTL_MINT, PROCESS_CLIENT, PROCESS_SUPERVISOR },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		for (unsigned from = 0; from < PROCESS_COUNT; from++) {
			assert_int_equal(oap_route_allows(rows[i].verb, from, rows[i].to),
				from == rows[i].from);
		}
	}
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) { /* clients reach nobody else */
		const struct verb_case *verb = &verb_cases[i];
		bool asks = verb->verb >= OAP_CTL_STATUS && verb->kind == OAP_KIND_REQUEST;
		for (unsigned to = 0; to < PROCESS_COUNT; to++) {
			assert_int_equal(oap_route_allows(verb->verb, PROCESS_CLIENT, to),
				asks && to == PROCESS_SUPERVISOR);
		}
	}
}

static void credit_goes_wherever_a_request_went(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		for (unsigned pair = 0; pair < PROCESS_COUNT * PROCESS_COUNT; pair++) {
			unsigned from = pair / PROCESS_COUNT, to = pair % PROCESS_COUNT;
			if (verb->kind == OAP_KIND_REQUEST && from != PROCESS_CLIENT &&
				oap_route_allows(verb->verb, from, to)) {
				assert_true(oap_route_allows(OAP_CREDIT, to, from));
			}
		}
	}
}

/* --- dispatch --- */

static struct {
	unsigned calls;
	unsigned verb;
	union verb_message msg;
	struct oap_from from;
	void *self;
	enum err answer;
} seen;

#define AS_HANDLER(id, NAME, name, senders, receivers, kind)                           \
	static enum err on_##name(                                                     \
		void *self, const struct oap_from *from, const struct oap_##name *msg) \
	{                                                                              \
		seen.calls++;                                                          \
		seen.verb = id;                                                        \
		seen.msg.name = *msg;                                                  \
		seen.from = *from;                                                     \
		seen.self = self;                                                      \
		return seen.answer;                                                    \
	}
OAP_VERBS(AS_HANDLER)
#undef AS_HANDLER

static const struct oap_handlers all_handlers = {
#define AS_SLOT(id, NAME, name, senders, receivers, kind) .name = on_##name,
	OAP_VERBS(AS_SLOT)
#undef AS_SLOT
};

static void clear_slot(struct oap_handlers *handlers, unsigned verb)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		handlers->name = NULL;                    \
		break;
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		fail();
	}
}

static void set_slot(struct oap_handlers *handlers, unsigned verb)
{
	switch (verb) {
#define AS_CASE(id, NAME, name, senders, receivers, kind) \
	case id:                                          \
		handlers->name = on_##name;               \
		break;
		OAP_VERBS(AS_CASE)
#undef AS_CASE
	default:
		fail();
	}
}

static enum err dispatch(const struct oap_handlers *handlers, const struct verb_case *verb,
	unsigned from, unsigned to, size_t count)
{
	struct oap_from sender = {
		.corr_id = 0x0123456789abcdef,
		.generation = 77,
		.payload_bytes = (uint32_t)count,
		.verb = verb->verb,
		.process = (uint8_t)from,
		.instance = 3,
	};

	seen.calls = 0;
	return oap_dispatch(handlers, &seen, to, &sender, (struct slice){ payload, count });
}

static unsigned first_of(uint32_t set)
{
	return (unsigned)__builtin_ctz(set);
}

static void a_message_reaches_its_handler_as_it_was_sent(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		unsigned from = first_of(verb->senders), to = first_of(verb->receivers);
		union verb_message sent;
		verb->fill(&sent, pattern, VIEW_BYTES);
		size_t count = encode(verb, &sent);

		seen.answer = ERR_OK;
		assert_int_equal(dispatch(&all_handlers, verb, from, to, count), ERR_OK);
		assert_int_equal(seen.calls, 1);
		assert_int_equal(seen.verb, verb->verb);
		assert_true(verb->same(&sent, &seen.msg));
		assert_ptr_equal(seen.self, &seen);
		assert_true(seen.from.corr_id == 0x0123456789abcdef);
		assert_int_equal(seen.from.process, from);
		assert_int_equal(seen.from.instance, 3);
		assert_int_equal(seen.from.generation, 77);

		seen.answer = ERR_CONFLICT; /* what a handler says is what comes back */
		assert_int_equal(dispatch(&all_handlers, verb, from, to, count), ERR_CONFLICT);
	}
}

static void a_wrong_sender_or_receiver_calls_nobody(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		size_t count = verb_lay_out(verb, NO_FIELD, 0, 0, payload, sizeof payload);
		seen.answer = ERR_OK;
		for (unsigned pair = 0; pair < PROCESS_COUNT * PROCESS_COUNT; pair++) {
			unsigned from = pair / PROCESS_COUNT, to = pair % PROCESS_COUNT;
			bool allowed = oap_route_allows(verb->verb, from, to);
			assert_int_equal(dispatch(&all_handlers, verb, from, to, count),
				allowed ? ERR_OK : ERR_NOT_ROUTED);
			assert_int_equal(seen.calls, allowed);
		}
	}
}

static void a_missing_handler_an_unknown_verb_and_a_bad_payload_call_nobody(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
		const struct verb_case *verb = &verb_cases[i];
		unsigned from = first_of(verb->senders), to = first_of(verb->receivers);
		struct oap_handlers handlers = all_handlers;
		struct verb_case unknown = *verb;
		size_t count = verb_lay_out(verb, NO_FIELD, 0, 0, payload, sizeof payload);

		seen.answer = ERR_OK;
		assert_int_equal(dispatch(&handlers, verb, from, to, count - 1), ERR_MALFORMED);
		assert_int_equal(dispatch(&handlers, verb, from, to, count + 1), ERR_MALFORMED);
		assert_int_equal(seen.calls, 0);
		unknown.verb = 0x0fff;
		assert_int_equal(dispatch(&handlers, &unknown, from, to, count), ERR_NOT_ROUTED);
		clear_slot(&handlers, verb->verb);
		assert_int_equal(dispatch(&handlers, verb, from, to, count), ERR_NOT_ROUTED);
		assert_int_equal(seen.calls, 0);
	}
}

/* What `receiver` must handle itself; control verbs are the runtime's. */
static bool wanted(const struct verb_case *verb, unsigned receiver)
{
	return verb->kind != OAP_KIND_CONTROL && (verb->receivers & 1u << receiver) != 0;
}

static void a_set_of_handlers_is_complete_or_told_the_verb_that_is_wrong(void **state)
{
	(void)state;
	for (unsigned receiver = 0; receiver < PROCESS_COUNT; receiver++) {
		struct oap_handlers right = { 0 };
		const char *wrong = "";
		for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
			if (wanted(&verb_cases[i], receiver)) {
				set_slot(&right, verb_cases[i].verb);
			}
		}
		assert_true(oap_handlers_complete(&right, receiver, &wrong));
		assert_string_equal(wrong, "");
		for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
			struct oap_handlers changed = right;
			if (wanted(&verb_cases[i], receiver)) {
				clear_slot(&changed, verb_cases[i].verb);
			} else {
				set_slot(&changed, verb_cases[i].verb);
			}
			assert_false(oap_handlers_complete(&changed, receiver, &wrong));
			assert_string_equal(wrong, verb_cases[i].name);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_message_decodes_to_what_was_encoded),
		cmocka_unit_test(every_message_decodes_only_when_whole),
		cmocka_unit_test(an_encoder_fails_when_the_buffer_is_a_byte_short),
		cmocka_unit_test(each_view_passes_at_its_bound_and_not_a_byte_beyond),
		cmocka_unit_test(the_largest_payload_is_the_sum_of_its_fields_and_fits_a_frame),
		cmocka_unit_test(a_verb_is_known_by_its_row_and_by_nothing_else),
		cmocka_unit_test(only_the_listed_senders_reach_the_listed_receivers),
		cmocka_unit_test(what_authority_rests_on_comes_from_one_sender),
		cmocka_unit_test(credit_goes_wherever_a_request_went),
		cmocka_unit_test(a_message_reaches_its_handler_as_it_was_sent),
		cmocka_unit_test(a_wrong_sender_or_receiver_calls_nobody),
		cmocka_unit_test(a_missing_handler_an_unknown_verb_and_a_bad_payload_call_nobody),
		cmocka_unit_test(a_set_of_handlers_is_complete_or_told_the_verb_that_is_wrong),
	};

	return cmocka_run_group_tests(tests, fill_pattern, NULL);
}
