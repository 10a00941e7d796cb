#include "proto/links.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "common/peer.h"
#include "proto/frame.h"
#include "tests/verb_cases.h"

#define PAIR(a, b) (1u << PROCESS_##a | 1u << PROCESS_##b)

/* The slots of an edge's tickets (DESIGN-WALL.md section 3). */
#define TICKETS_MAX (1u << 20)

static uint32_t requests_sum(unsigned receiver, uint64_t *ret_bytes)
{
	uint64_t requests = 0, bytes = 0;

	for (unsigned sender = 0; sender < PROCESS_COUNT; sender++) {
		struct link_window window = links_window(sender, receiver);
		requests += (uint64_t)window.requests * process_instances_max(sender);
		bytes += (uint64_t)window.bytes * process_instances_max(sender);
	}
	assert_true(requests <= UINT32_MAX);
	*ret_bytes = bytes;
	return (uint32_t)requests;
}

/* Goal: a new link is a change of who can talk to whom, and must be made here, too. */
static void these_processes_share_a_link_and_no_others(void **state)
{
	static const uint32_t links[] = {
		PAIR(ADMIN, PREVALIDATOR),
		PAIR(ADMIN, SEQUENCER),
		PAIR(ADMIN, ARCHIVE),
		PAIR(INGRESS, PREVALIDATOR),
		PAIR(INGRESS, SEQUENCER),
		PAIR(INGRESS, ARCHIVE),
		PAIR(PREVALIDATOR, KMS),
		PAIR(INGRESS, KMS),
		PAIR(ADMIN, KMS),
		PAIR(PREVALIDATOR, SEQUENCER),
		PAIR(PREVALIDATOR, ARCHIVE),
		PAIR(KMS, COMMITTER),
		PAIR(KMS, SEQUENCER),
		PAIR(KMS, ARCHIVE),
		PAIR(SEQUENCER, COMMITTER),
		PAIR(SEQUENCER, ARCHIVE),
		PAIR(COMMITTER, ARCHIVE),
		PAIR(WALLET, ADMIN),
		PAIR(WALLET, INGRESS),
		PAIR(WALLET, PREVALIDATOR),
		PAIR(WALLET, SEQUENCER),
		PAIR(WALLET, ARCHIVE),
		PAIR(REWARDER, ADMIN),
		PAIR(REWARDER, INGRESS),
		PAIR(REWARDER, PREVALIDATOR),
		PAIR(REWARDER, KMS),
		PAIR(REWARDER, SEQUENCER),
		PAIR(REWARDER, ARCHIVE),
		PAIR(REWARDER, COMPUTE),
	};

	(void)state;
	for (unsigned a = 0; a < PROCESS_COUNT; a++) {
		for (unsigned b = 0; b < PROCESS_COUNT; b++) {
			bool listed = false;
			for (size_t i = 0; i < COUNT_OF(links); i++) {
				listed = listed || links[i] == (1u << a | 1u << b);
			}
			if (links_exist(a, b) != listed) {
				fail_msg("%s and %s", process_name(a), process_name(b));
			}
		}
	}
	assert_false(links_exist(PROCESS_COUNT, PROCESS_KMS));
	assert_false(links_exist(PROCESS_KMS, 200));
}

/* Goal: whoever takes admin reaches one prevalidator, which reaches kms, and no farther. */
static void admin_and_its_prevalidator_have_nobody_else(void **state)
{
	const struct process_id admin = { PROCESS_ADMIN, 0 };
	const struct process_id its = { PROCESS_PREVALIDATOR, PREVALIDATOR_OF_ADMIN };

	(void)state;
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		for (unsigned i = 0; i < process_instances_max(process); i++) {
			const struct process_id other = { (uint8_t)process, (uint8_t)i };
			bool is_its = process_is_of_admin(other) || process == PROCESS_KMS;

			assert_int_equal(links_join(admin, other), is_its);
			assert_int_equal(links_join(other, admin), is_its);
			assert_int_equal(links_join(its, other),
				process == PROCESS_ADMIN || process == PROCESS_KMS);
			assert_int_equal(links_join(other, its), links_join(its, other));
		}
	}
	assert_true(links_join((struct process_id){ PROCESS_PREVALIDATOR, 0 },
		(struct process_id){ PROCESS_INGRESS, 15 }));
	assert_false(links_join((struct process_id){ PROCESS_INGRESS, 0 },
		(struct process_id){ PROCESS_COMMITTER, 0 }));
}

static void a_direction_has_a_window_if_and_only_if_requests_go_that_way(void **state)
{
	(void)state;
	for (unsigned pair = 0; pair < PROCESS_COUNT * PROCESS_COUNT; pair++) {
		unsigned from = pair / PROCESS_COUNT, to = pair % PROCESS_COUNT;
		struct link_window window = links_window(from, to);
		uint32_t largest = 0;
		for (size_t i = 0; i < COUNT_OF(verb_cases); i++) {
			const struct verb_case *verb = &verb_cases[i];
			uint32_t bytes = (uint32_t)oap_verb_payload_bytes_max(verb->verb);
			if (verb->kind == OAP_KIND_REQUEST &&
				oap_route_allows(verb->verb, from, to) && bytes > largest) {
				largest = bytes;
			}
		}
		assert_int_equal(window.requests > 0, largest > 0);
		/* one of the largest kind must always fit, or it can never be sent */
		if (window.bytes < largest || (window.bytes > 0) != (largest > 0)) {
			fail_msg("%s to %s", process_name(from), process_name(to));
		}
	}
	assert_int_equal(links_window(PROCESS_COUNT, PROCESS_KMS).requests, 0);
	assert_int_equal(links_window(PROCESS_KMS, PROCESS_COUNT).bytes, 0);
}

static void every_row_of_the_windows_is_found_and_none_stands_twice(void **state)
{
	static const struct {
		unsigned from, to, requests, bytes;
	} rows[] = {
#define AS_ROW(from, to, requests, bytes) { PROCESS_##from, PROCESS_##to, requests, bytes },
		OAP_WINDOWS(AS_ROW)
#undef AS_ROW
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct link_window window = links_window(rows[i].from, rows[i].to);
		assert_int_equal(window.requests, rows[i].requests);
		assert_int_equal(window.bytes, rows[i].bytes);
		for (size_t j = 0; j < i; j++) {
			assert_false(rows[i].from == rows[j].from && rows[i].to == rows[j].to);
		}
	}
}

/* Goal: two batches are in flight, whatever they hold (DESIGN.md section 3). */
static void two_batches_of_any_size_fit_towards_the_committer(void **state)
{
	struct link_window window = links_window(PROCESS_SEQUENCER, PROCESS_COMMITTER);

	(void)state;
	assert_int_equal(window.requests, 2);
	assert_true(window.bytes >= 2 * oap_verb_payload_bytes_max(OAP_BATCH));
}

/* Goal: one link cannot want more room than a queue has, an edge has a ticket for each request
 * that it may have open, and all that can be asked of a process at once stays countable. */
static void windows_together_stay_within_what_holds_them(void **state)
{
	(void)state;
	for (unsigned receiver = 0; receiver < PROCESS_COUNT; receiver++) {
		uint64_t bytes = 0;
		uint32_t requests = requests_sum(receiver, &bytes);
		assert_true(requests <= TICKETS_MAX);
		assert_true(bytes <= 512u << 20);
		for (unsigned sender = 0; sender < PROCESS_COUNT; sender++) {
			struct link_window window = links_window(sender, receiver);
			uint64_t queued =
				window.bytes + (uint64_t)window.requests * FRAME_HEAD_BYTES;
			assert_true(queued <= PEER_QUEUE_BYTES_MAX);
			assert_true((uint64_t)window.requests * process_instances_max(receiver) <=
				    TICKETS_MAX);
		}
	}
}

static void processes_have_names_ranks_and_instances(void **state)
{
	(void)state;
	assert_string_equal(process_name(PROCESS_CLIENT), "client");
	assert_string_equal(process_name(PROCESS_ARCHIVE), "archive");
	assert_string_equal(process_name(PROCESS_COUNT), "unknown");
	assert_int_equal(process_instances_max(PROCESS_INGRESS), INGRESS_MAX);
	assert_int_equal(process_instances_max(PROCESS_PREVALIDATOR), PREVALIDATORS_MAX + 1);
	assert_int_equal(process_instances_max(PROCESS_COUNT), 0);
	assert_int_equal(process_rank(PROCESS_COUNT), 0);
}

/* Goal: the order of DESIGN-WALL.md section 3, in which an accused ends or its accuser. */
static void ranks_are_in_the_order_of_the_design(void **state)
{
	static const unsigned falling[] = { PROCESS_SUPERVISOR, PROCESS_KMS, PROCESS_SEQUENCER,
		PROCESS_ARCHIVE, PROCESS_PREVALIDATOR, PROCESS_INGRESS, PROCESS_CLIENT };

	(void)state;
	for (size_t i = 1; i < COUNT_OF(falling); i++) {
		assert_true(process_rank(falling[i]) < process_rank(falling[i - 1]));
	}
	assert_int_equal(process_rank(PROCESS_COMMITTER), process_rank(PROCESS_KMS));
	assert_int_equal(process_rank(PROCESS_ADMIN), process_rank(PROCESS_INGRESS));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(these_processes_share_a_link_and_no_others),
		cmocka_unit_test(admin_and_its_prevalidator_have_nobody_else),
		cmocka_unit_test(a_direction_has_a_window_if_and_only_if_requests_go_that_way),
		cmocka_unit_test(every_row_of_the_windows_is_found_and_none_stands_twice),
		cmocka_unit_test(two_batches_of_any_size_fit_towards_the_committer),
		cmocka_unit_test(windows_together_stay_within_what_holds_them),
		cmocka_unit_test(processes_have_names_ranks_and_instances),
		cmocka_unit_test(ranks_are_in_the_order_of_the_design),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
