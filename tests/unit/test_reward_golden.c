/* The golden chain (spec/rewarder.md 9.12 and 9.17), byte for byte, from tests/vectors/v1. */
#include "tests/reward_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/ed25519.h"
#include "core/base64.h"
#include "core/hex.h"

#define FILE_BYTES_MAX 4096u

static struct {
	char policy[FILE_BYTES_MAX];
	char bundle[FILE_BYTES_MAX];
	char ledger[FILE_BYTES_MAX];
	char accounting[FILE_BYTES_MAX];
	char commitment[FILE_BYTES_MAX];
	char attestation[FILE_BYTES_MAX];
	char manifest[FILE_BYTES_MAX];
	char chain[FILE_BYTES_MAX];
} files;

static struct reward_world world;

static void read_file(const char *name, char text[FILE_BYTES_MAX])
{
	char path[4096];
	FILE *file;
	size_t count;

	assert_non_null(getenv("MACRONODE_VECTORS"));
	(void)snprintf(
		path, sizeof path, "%s/v1/golden_%s.json", getenv("MACRONODE_VECTORS"), name);
	file = fopen(path, "rb");
	assert_non_null(file);
	count = fread(text, 1, FILE_BYTES_MAX - 1, file);
	assert_true(feof(file));
	(void)fclose(file);
	text[count] = '\0';
}

static int read_files(void **state)
{
	(void)state;
	read_file("policy", files.policy);
	read_file("bundle", files.bundle);
	read_file("ledger", files.ledger);
	read_file("accounting", files.accounting);
	read_file("commitment", files.commitment);
	read_file("attestation", files.attestation);
	read_file("manifest", files.manifest);
	read_file("chain", files.chain);
	return 0;
}

/* A value of golden_chain.json. */
static const char *chain(const char *wanted)
{
	static char value[128];
	struct json in;
	struct slice text;
	bool is_wanted = false;

	reward_doc_begin(&in, reward_slice(files.chain));
	assert_true(reward_doc_object(&in));
	for (enum json_event event = json_next(&in, &text); event != JSON_OBJECT_END;
		event = json_next(&in, &text)) {
		assert_true(event == JSON_NAME || event == JSON_STRING);
		if (event == JSON_STRING && is_wanted) {
			assert_true(text.bytes_count < sizeof value);
			memcpy(value, text.bytes, text.bytes_count);
			value[text.bytes_count] = '\0';
			return value;
		}
		is_wanted = event == JSON_NAME && text.bytes_count == strlen(wanted) &&
			    memcmp(text.bytes, wanted, text.bytes_count) == 0;
	}
	fail_msg("golden_chain.json has no %s", wanted);
	return "";
}

static void assert_cid(const struct hash *hash, const char *name)
{
	char text[68];

	reward_text_print_cid(hash, text);
	assert_string_equal(text, chain(name));
}

static struct reward_case golden_case(void)
{
	return (struct reward_case){
		.policy = files.policy,
		.bundle = files.bundle,
		.ledger = files.ledger,
		.accounting = reward_slice(files.accounting),
	};
}

static void each_document_has_the_hash_that_the_next_one_names(void **state)
{
	char cid[68];

	(void)state;
	reward_cid_of(reward_slice(files.policy), cid);
	assert_string_equal(cid, chain("policy_hash"));
	reward_cid_of(reward_slice(files.accounting), cid);
	assert_string_equal(cid, chain("accounting_cid"));
	reward_cid_of(reward_slice(files.ledger), cid);
	assert_string_equal(cid, chain("ledger_cid"));
	reward_cid_of(reward_slice(files.bundle), cid);
	assert_string_equal(cid, chain("inputs_cid"));
}

static void the_chain_gives_its_keys_and_its_bytes(void **state)
{
	struct reward_case given = golden_case();
	struct reward_kept kept = { 0 };
	struct reward_text out;
	char run_key[65];

	(void)state;
	assert_true(reward_world_run(&world, &given));
	hex_encode(world.run.facts.run_key.bytes, HASH_BYTES, run_key);
	assert_string_equal(run_key, chain("run_key"));
	assert_cid(&world.run.policy.hash, "policy_hash");
	assert_cid(&world.run.facts.idempotency_key, "idempotency_key");
	assert_cid(&world.run.facts.commitment, "commitment");

	reward_text_begin(&out, reward_keep, &kept);
	reward_keys_write_commitment(&world.run.facts, &out);
	reward_text_end(&out);
	assert_string_equal(kept.bytes, files.commitment);
	kept.bytes_count = 0;

	reward_text_begin(&out, reward_keep, &kept);
	reward_manifest_write_attestation(
		&world.run.facts, reward_slice("2025-10-01T12:34:56Z"), &out);
	reward_text_end(&out);
	assert_string_equal(kept.bytes, files.attestation);
	free(kept.bytes);

	kept = reward_manifest_of(&world.run.facts);
	assert_string_equal(kept.bytes, files.manifest);
	free(kept.bytes);
	reward_world_finish(&world);
}

static void the_attestation_has_its_signature(void **state)
{
	uint8_t public_key[32], signature[64];
	const char *text = chain("signing_public_key");
	size_t count = 0;

	(void)state;
	assert_int_equal(hex_decode(text, strlen(text), public_key, sizeof public_key), ERR_OK);
	text = chain("attestation_signature") + strlen("base64:");
	assert_int_equal(
		base64_decode(text, strlen(text), signature, sizeof signature, &count), ERR_OK);
	assert_true(ed25519_verify(public_key,
		(struct slice){ (const uint8_t *)files.attestation, strlen(files.attestation) },
		signature));
}

static void assert_nonce(const char *actor, const char *name)
{
	struct id128 nonce =
		reward_keys_nonce(&world.run.facts.idempotency_key, reward_slice(actor));
	char text[BASE64_TEXT_BYTES(ID_BYTES) + 1];

	base64_encode(nonce.bytes, ID_BYTES, text);
	assert_string_equal(text, chain(name));
}

static void each_payment_has_its_nonce(void **state)
{
	struct reward_case given = golden_case();

	(void)state;
	assert_true(reward_world_run(&world, &given));
	assert_nonce("did:ron:alice", "nonce_alice");
	assert_nonce("did:ron:bob", "nonce_bob");
	assert_nonce("did:ron:carol", "nonce_carol");
	reward_world_finish(&world);
}

static void each_number_can_be_asked_for(void **state)
{
	struct reward_case given = golden_case();
	const struct reward_alloc *alloc = &world.run.alloc;
	struct reward_share share;
	uint32_t alice;

	(void)state;
	assert_true(reward_world_run(&world, &given));
	assert_true(alloc->metrics[0].pool == 700 && alloc->metrics[0].count == 7);
	assert_true(alloc->metrics[1].pool == 300 && alloc->metrics[1].count == 17);
	assert_true(alloc->totals.payout == 999 && alloc->totals.dust == 2);
	alice = reward_alloc_find(alloc, reward_slice("did:ron:alice"));
	assert_int_equal(alice, 0);
	share = reward_alloc_share(alloc, reward_alloc_actor(alloc, alice).cell_first, 1);
	assert_true(share.pool == 300 && share.count == 10 && share.total == 17);
	assert_true(share.quotient == 176 && share.remainder == 8 && share.amount == 176);
	assert_int_equal(reward_alloc_find(alloc, reward_slice("did:ron:dave")), UINT32_MAX);
	assert_true(reward_amount_of(&world, "did:ron:alice") == 476);
	assert_true(reward_amount_of(&world, "did:ron:bob") == 188);
	assert_true(reward_amount_of(&world, "did:ron:carol") == 335);
	reward_world_finish(&world);
}

/* Goal: of the six variants in 9.8 the chosen one. */
static void the_keys_of_the_other_triple_are_the_chosen_variant(void **state)
{
	struct reward_request request = {
		.tenant = reward_name_of("acme"),
		.epoch_id = reward_name_of("2025-10-01"),
		.policy_id = reward_name_of("rev42"),
		.salt = reward_name_of(REWARD_SALT_DEFAULT),
	};
	struct hash run_key, idempotency_key;
	char text[65];

	(void)state;
	for (unsigned i = 0; i < HASH_BYTES; i++) {
		static const uint8_t cycle[] = { 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89 };

		request.policy_hash.bytes[i] = (uint8_t)i;
		request.inputs_cid.bytes[i] = cycle[i % sizeof cycle];
	}
	reward_keys_of_request(&request, &run_key, &idempotency_key);
	hex_encode(run_key.bytes, HASH_BYTES, text);
	assert_string_equal(text, chain("other_run_key"));
	assert_cid(&idempotency_key, "other_idempotency_key");
}

static void bankers_rounding_gives_the_golden_amounts_too(void **state)
{
	struct reward_case given = golden_case();
	char policy[FILE_BYTES_MAX];
	const char *floor = strstr(files.policy, "\"floor\"");

	(void)state;
	(void)snprintf(policy, sizeof policy, "%.*s\"bankers\"%s", (int)(floor - files.policy),
		files.policy, floor + strlen("\"floor\""));
	given.policy = policy;
	given.bundle = NULL;
	assert_true(reward_world_run(&world, &given));
	assert_true(reward_amount_of(&world, "did:ron:alice") == 476);
	assert_true(reward_amount_of(&world, "did:ron:bob") == 188);
	assert_true(reward_amount_of(&world, "did:ron:carol") == 335);
	reward_world_finish(&world);
}

/* Goal: nothing depends on how the bytes are cut, nor on the key of the tables. */
static void every_cut_gives_the_same_manifest(void **state)
{
	(void)state;
	for (size_t piece = 1; piece <= strlen(files.accounting); piece++) {
		struct reward_case given = golden_case();
		struct reward_kept kept;

		given.piece_bytes = piece;
		given.key = (uint8_t)piece;
		assert_true(reward_world_run(&world, &given));
		kept = reward_manifest_of(&world.run.facts);
		assert_string_equal(kept.bytes, files.manifest);
		free(kept.bytes);
		reward_world_finish(&world);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_document_has_the_hash_that_the_next_one_names),
		cmocka_unit_test(the_chain_gives_its_keys_and_its_bytes),
		cmocka_unit_test(the_attestation_has_its_signature),
		cmocka_unit_test(each_payment_has_its_nonce),
		cmocka_unit_test(each_number_can_be_asked_for),
		cmocka_unit_test(the_keys_of_the_other_triple_are_the_chosen_variant),
		cmocka_unit_test(bankers_rounding_gives_the_golden_amounts_too),
		cmocka_unit_test(every_cut_gives_the_same_manifest),
	};

	return cmocka_run_group_tests(tests, read_files, NULL);
}
