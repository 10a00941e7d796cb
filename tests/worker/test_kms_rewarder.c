/* kms and the rewarder: attestations of runs, and the key of artefacts. */
#include <time.h>

#include "common/ed25519.h"
#include "core/attestation.h"
#include "core/entry.h"
#include "tests/worker/kms_driver.h"

static struct harness_link *rewarder;
static struct oap_artefact_key artefacts;

static void link_rewarder(void)
{
	rewarder = harness_link_up(&h, PROCESS_REWARDER, 0);
	(void)harness_expect_artefact_key(rewarder, &artefacts);
}

static struct oap_sign_attestation run(void)
{
	return (struct oap_sign_attestation){
		.run_status = ATTESTATION_OK,
		.run_key = { { 1, 2, 3 } },
		.idempotency_key = { { 4, 5, 6 } },
		.commitment = { { 7, 8, 9 } },
		.policy_hash = { { 10, 11, 12 } },
		.pool = 1001,
		.payout = 999,
		.residual = 2,
		.tenant = ENTRY_VIEW("acme"),
		.epoch = ENTRY_VIEW("2025-10-01"),
	};
}

/* The message that these fields make, printed here once more, was signed. */
static void assert_signed(
	const struct oap_sign_attestation *ask, const struct oap_signed_attestation *reply)
{
	struct attestation attestation = {
		.status = (enum attestation_status)ask->run_status,
		.tenant = ask->tenant,
		.epoch = ask->epoch,
		.run_key = ask->run_key,
		.idempotency_key = ask->idempotency_key,
		.commitment = ask->commitment,
		.policy_hash = ask->policy_hash,
		.pool = ask->pool,
		.payout = ask->payout,
		.residual = ask->residual,
		.signed_at_unix_s = reply->signed_at_unix_s,
	};
	uint8_t text[ATTESTATION_BYTES_MAX];
	size_t bytes = 0;

	assert_int_equal(reply->status, ERR_OK);
	assert_int_equal(reply->signature.bytes_count, VERB_SIGNATURE_BYTES);
	assert_int_equal(attestation_print(&attestation, text, &bytes), ERR_OK);
	assert_true(ed25519_verify(
		reply->public_key.bytes, (struct slice){ text, bytes }, reply->signature.bytes));
}

static void a_run_is_attested_with_the_key_of_the_node(void **state)
{
	struct oap_sign_attestation ask = run();
	struct oap_signed_attestation reply;
	struct oap_origin told;
	uint64_t before = now_unix_s();

	(void)state;
	start();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &told);
	link_rewarder();
	harness_send_sign_attestation(rewarder, 7, &ask);
	assert_int_equal(harness_expect_signed_attestation(rewarder, &reply), 7);
	assert_signed(&ask, &reply);
	assert_in_range(reply.signed_at_unix_s, before, now_unix_s());
	assert_memory_equal(&reply.public_key, &told.public_key, HASH_BYTES);
}

static void what_is_no_run_is_not_attested(void **state)
{
	struct oap_sign_attestation ask = run();
	struct oap_signed_attestation reply;

	(void)state;
	start();
	link_rewarder();
	ask.tenant = ENTRY_VIEW("a\"},{");
	harness_send_sign_attestation(rewarder, 1, &ask);
	(void)harness_expect_signed_attestation(rewarder, &reply);
	assert_int_equal(reply.status, ERR_MALFORMED);
	assert_int_equal(reply.signature.bytes_count, 0);
	ask = run();
	ask.payout = 1002;
	harness_send_sign_attestation(rewarder, 2, &ask);
	(void)harness_expect_signed_attestation(rewarder, &reply);
	assert_int_equal(reply.status, ERR_MALFORMED);
	ask.run_status = ATTESTATION_QUARANTINED; /* that is what it is */
	ask.residual = 0;
	harness_send_sign_attestation(rewarder, 3, &ask);
	(void)harness_expect_signed_attestation(rewarder, &reply);
	assert_signed(&ask, &reply);
}

static void the_key_of_artefacts_stays_over_a_restart(void **state)
{
	static const struct hash nothing;
	struct oap_artefact_key first;

	(void)state;
	start();
	link_rewarder();
	first = artefacts;
	assert_memory_not_equal(&first.key, &nothing, HASH_BYTES);
	restart();
	link_rewarder();
	assert_int_equal(artefacts.key_id, first.key_id);
	assert_memory_equal(&artefacts.key, &first.key, HASH_BYTES);
	assert_memory_not_equal(&artefacts.life, &first.life, ID_BYTES); /* its grants end */
}

/* Its bytes are no part of what is published, and no other node has it. */
static void the_key_of_artefacts_is_of_this_node_alone(void **state)
{
	struct oap_artefact_key first;
	struct oap_origin told;

	start();
	link_rewarder();
	first = artefacts;
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &told);
	assert_memory_not_equal(&first.key, &told.public_key, HASH_BYTES);
	assert_int_equal(tear_down(state), 0);
	assert_int_equal(set_up(state), 0);
	start();
	link_rewarder();
	assert_memory_not_equal(&artefacts.key, &first.key, HASH_BYTES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_run_is_attested_with_the_key_of_the_node),
		CASE(what_is_no_run_is_not_attested),
		CASE(the_key_of_artefacts_stays_over_a_restart),
		CASE(the_key_of_artefacts_is_of_this_node_alone),
	};

	return cmocka_run_group_tests_name("kms_rewarder", tests, NULL, NULL);
}
