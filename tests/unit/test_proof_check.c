#include "cli/proof_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <nettle/eddsa.h>

#include <cmocka.h>

#define ORIGIN "ledger.example"

/* A log of three leaves, the second of which is an entry, signed with a key of its own. */
struct world {
	uint8_t secret[ED25519_KEY_SIZE];
	char origin[ORIGIN_BYTES_MAX + 1];
	uint64_t seq; /* that the entry claims */
	uint64_t size;
	struct note_vkey vkey;
	uint8_t leaf[ENTRY_LEAF_BYTES_MAX];
	size_t leaf_bytes;
	struct tlog_proof proof;
	struct hash root;
	char note[NOTE_SIGNED_BYTES_MAX];
	char text[TLOG_PROOF_BYTES_MAX(ENTRY_LEAF_BYTES_MAX, NOTE_SIGNED_BYTES_MAX)];
	struct proof_check check;
};

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static void make_entry(struct world *world)
{
	struct byte_writer out = byte_writer_of(world->leaf, sizeof world->leaf);
	struct entry entry = {
		.seq = world->seq,
		.id = { { 1 } },
		.ts_unix_ms = 1,
		.kind = ENTRY_MINT,
		.source = SOURCE_INGEST,
		.account = ENTRY_VIEW("alice"),
		.asset = ENTRY_VIEW("eur"),
		.amount = 5,
		.nonce = { { 2 } },
		.capability_ref = ENTRY_VIEW("00112233445566778899aabbccddeeff"),
	};

	entry_encode(&out, &entry);
	assert_false(out.failed);
	world->leaf_bytes = out.used;
}

static void make_tree(struct world *world)
{
	struct hash first, second, third, pair;

	merkle_leaf(MERKLE_SHA256, "first", 5, &first);
	merkle_leaf(MERKLE_SHA256, world->leaf, world->leaf_bytes, &second);
	merkle_leaf(MERKLE_SHA256, "third", 5, &third);
	merkle_node(MERKLE_SHA256, &first, &second, &pair);
	merkle_node(MERKLE_SHA256, &pair, &third, &world->root);
	world->proof.index = 1;
	world->proof.path.hashes[0] = first;
	world->proof.path.hashes[1] = third;
	world->proof.path.hash_count = 2;
	world->proof.extra = (struct slice){ world->leaf, world->leaf_bytes };
}

static void sign(struct world *world)
{
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES], signature[NOTE_SIGNATURE_BYTES];
	struct note_checkpoint checkpoint = {
		.origin = slice_of(world->origin),
		.size = world->size,
		.root = world->root,
	};
	char text[NOTE_TEXT_BYTES_MAX];
	size_t text_bytes = note_checkpoint_print(&checkpoint, text);

	ed25519_sha512_public_key(public_key, world->secret);
	ed25519_sha512_sign(
		public_key, world->secret, text_bytes, (const uint8_t *)text, signature);
	world->vkey = note_vkey_of(slice_of(ORIGIN), public_key);
	(void)note_print(
		slice_of(text), slice_of(ORIGIN), world->vkey.key_id, signature, world->note);
}

/* Members that are zero get what makes everything good. */
static void make(struct world *world)
{
	(void)memcpy(world->origin, ORIGIN, sizeof ORIGIN);
	world->seq = 2;
	world->size = 3;
	make_entry(world);
	make_tree(world);
	sign(world);
}

static void print(struct world *world)
{
	world->proof.checkpoint = slice_of(world->note);
	(void)tlog_proof_print(&world->proof, world->text);
}

/* Checks what the world prints now. */
static void expect(struct world *world, enum cli_exit exit, enum proof_reason reason)
{
	print(world);
	(void)proof_check_file(slice_of(world->text), NULL, &world->vkey, &world->check);
	assert_int_equal(world->check.exit, exit);
	assert_int_equal(world->check.reason, reason);
	assert_true(exit == CLI_GOOD || strlen(world->check.what) > 10);
}

static void a_good_proof_shows_its_entry(void **state)
{
	static struct world world;

	(void)state;
	make(&world);
	expect(&world, CLI_GOOD, PROOF_NONE);
	assert_true(world.check.is_proof && world.check.has_entry);
	assert_int_equal(world.check.entry.seq, 2);
	assert_int_equal(world.check.checkpoint.size, 3);
}

static void each_fault_has_its_reason(void **state)
{
	static struct world good, world;
	struct hash hash;

	(void)state;
	make(&good);
	world = good;
	world.secret[0] = 1;
	sign(&world);
	world.vkey = good.vkey;
	expect(&world, CLI_BAD, PROOF_OTHER_KEY);

	world = good;
	world.note[strlen(ORIGIN) + 1] = '4'; /* the size */
	expect(&world, CLI_BAD, PROOF_FORGED);

	world = good;
	(void)memcpy(world.origin, "other.example", sizeof "other.example");
	sign(&world);
	expect(&world, CLI_BAD, PROOF_OTHER_ORIGIN);

	world = good;
	world.note[strlen(world.note) - 1] = '\0';
	expect(&world, CLI_BAD, PROOF_MALFORMED);

	world = good;
	world.proof.index = 3;
	expect(&world, CLI_BAD, PROOF_INDEX_BEYOND);

	world = good;
	world.proof.path.hash_count = 1;
	expect(&world, CLI_BAD, PROOF_HASH_COUNT);

	world = good;
	world.proof.index = 0; /* as many hashes, on other sides */
	expect(&world, CLI_BAD, PROOF_OTHER_ROOT);

	world = good;
	hash = world.proof.path.hashes[0];
	world.proof.path.hashes[0] = world.proof.path.hashes[1];
	world.proof.path.hashes[1] = hash;
	expect(&world, CLI_BAD, PROOF_OTHER_ROOT);

	world = good;
	world.proof.extra.bytes_count = 0;
	expect(&world, CLI_CANNOT, PROOF_NO_ENTRY);

	world = good;
	world.seq = 7;
	make_entry(&world);
	make_tree(&world);
	sign(&world);
	expect(&world, CLI_BAD, PROOF_OTHER_SEQ);
}

static void an_entry_from_elsewhere_takes_the_place_of_the_extra(void **state)
{
	static struct world world;
	struct slice leaf, wrong = slice_of("other");

	(void)state;
	make(&world);
	leaf = world.proof.extra;
	world.proof.extra.bytes_count = 0;
	print(&world);
	assert_true(proof_check_file(slice_of(world.text), &leaf, &world.vkey, &world.check));
	assert_false(proof_check_file(slice_of(world.text), &wrong, &world.vkey, &world.check));
	assert_int_equal(world.check.reason, PROOF_OTHER_ROOT);
}

static void a_checkpoint_alone_is_checked_too(void **state)
{
	static struct world world;

	(void)state;
	make(&world);
	assert_true(proof_check_file(slice_of(world.note), NULL, &world.vkey, &world.check));
	assert_false(world.check.is_proof);
	assert_false(proof_check_file(slice_of("junk"), NULL, &world.vkey, &world.check));
	assert_int_equal(world.check.reason, PROOF_MALFORMED);
}

/* Goal: the number is the one of a proof that is made, for each place in each small tree. */
static enum err zero_node(void *context, unsigned level, uint64_t index, struct hash *ret_node)
{
	(void)context;
	(void)level;
	(void)index;
	*ret_node = (struct hash){ { 0 } };
	return ERR_OK;
}

static void proofs_have_as_many_hashes_as_is_said(void **state)
{
	struct merkle_proof proof;

	(void)state;
	for (uint64_t size = 1; size <= 70; size++) {
		for (uint64_t index = 0; index < size; index++) {
			assert_int_equal(merkle_prove_inclusion(MERKLE_SHA256, index, size,
						 zero_node, NULL, &proof),
				ERR_OK);
			assert_int_equal(proof_check_hash_count(index, size), proof.hash_count);
		}
	}
}

static void growth_is_shown_or_blamed(void **state)
{
	static struct world world;
	struct note_checkpoint older = { .origin = slice_of(ORIGIN), .size = 2 };
	struct note_checkpoint newer = { .origin = slice_of(ORIGIN), .size = 3 };
	struct merkle_proof proof = { .hash_count = 1 };

	(void)state;
	make(&world);
	merkle_leaf(MERKLE_SHA256, world.leaf, world.leaf_bytes, &older.root);
	merkle_node(MERKLE_SHA256, &world.proof.path.hashes[0], &older.root, &older.root);
	newer.root = world.root;
	proof.hashes[0] = world.proof.path.hashes[1];
	assert_true(proof_check_consistency(&older, &newer, &proof, &world.check));
	assert_false(proof_check_consistency(&newer, &older, &proof, &world.check));
	assert_int_equal(world.check.reason, PROOF_SIZES_REVERSED);
	older.root.bytes[0] ^= 1;
	assert_false(proof_check_consistency(&older, &newer, &proof, &world.check));
	assert_int_equal(world.check.reason, PROOF_NOT_CONTINUED);
	older.origin = slice_of("other.example");
	assert_false(proof_check_consistency(&older, &newer, &proof, &world.check));
	assert_int_equal(world.check.reason, PROOF_OTHER_ORIGIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_good_proof_shows_its_entry),
		cmocka_unit_test(each_fault_has_its_reason),
		cmocka_unit_test(an_entry_from_elsewhere_takes_the_place_of_the_extra),
		cmocka_unit_test(a_checkpoint_alone_is_checked_too),
		cmocka_unit_test(proofs_have_as_many_hashes_as_is_said),
		cmocka_unit_test(growth_is_shown_or_blamed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
