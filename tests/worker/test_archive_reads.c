/* READ_TLOG: tiles, bundles, proofs and exports of a store that the test wrote itself, computed
 * again here from its entries. */
#include "common/reads.h"
#include "core/tile.h"
#include "core/tlog_proof.h"
#include "tests/worker/archive_driver.h"

/* --- asking --- */

static struct oap_blob ask(
	enum read_what what, uint64_t a, uint64_t b, uint64_t offset, struct slice grant)
{
	static uint64_t ticket = 1000;
	struct oap_blob blob;

	ticket++;
	harness_send_read_tlog(prevalidator, ticket,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.what = (uint8_t)what,
			.a = a,
			.b = b,
			.offset = offset,
			.grant = grant });
	assert_int_equal(harness_expect_blob(edge, &blob), ticket);
	return blob;
}

static struct oap_blob ask_public(enum read_what what, uint64_t a, uint64_t b)
{
	return ask(what, a, b, 0, (struct slice){ NULL, 0 });
}

static struct oap_blob ask_tile(unsigned level, uint64_t index, unsigned width)
{
	return ask_public(READ_TILE, index, (uint64_t)level << 16 | width);
}

static void expect_fault(struct oap_blob blob, enum read_fault fault)
{
	assert_int_equal(blob.fault, fault);
	assert_int_equal(blob.bytes.bytes_count, 0);
}

static const char *expect_json(struct oap_blob blob)
{
	static char text[VERB_REPLY_BYTES_MAX + 1];

	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_JSON);
	memcpy(text, blob.bytes.bytes, blob.bytes.bytes_count);
	text[blob.bytes.bytes_count] = '\0';
	return text;
}

/* --- the tree, from the exported entries alone --- */

#define ENTRIES_MAX 70000u

static struct hash leaves[ENTRIES_MAX];

static struct hash root_of(uint64_t size)
{
	struct merkle_frontier frontier;
	struct hash root;

	merkle_frontier_init(&frontier, MERKLE_SHA256);
	for (uint64_t i = 0; i < size; i++) {
		merkle_frontier_append(&frontier, &leaves[i]);
	}
	merkle_frontier_root(&frontier, &root);
	return root;
}

/* The node of `level` over these leaves. */
static struct hash node_of(unsigned level, uint64_t index)
{
	static struct hash row[ENTRIES_MAX];
	size_t count = (size_t)1 << level;

	memcpy(row, &leaves[index << level], count * sizeof row[0]);
	struct hash node;
	merkle_fold(MERKLE_SHA256, row, count, &node);
	return node;
}

static uint64_t take_entries(struct slice page, uint64_t after)
{
	struct byte_reader in = byte_reader_of(page);
	struct batch_record record;
	struct batch_entry entry;

	while (batch_next(&in, &record)) {
		assert_int_equal(record.type, BATCH_ENTRY);
		assert_int_equal(batch_get_entry(record.body, &entry), ERR_OK);
		assert_int_equal(entry_leaf_seq(entry.leaf), ++after);
		assert_int_equal(entry.has_memo, after % 5 == 0);
		assert_int_equal(entry.idem_id.bytes_count, after % 7 == 0 ? 4 : 0);
		assert_int_equal(entry.key_fingerprint, 0);
		merkle_leaf(MERKLE_SHA256, entry.leaf.bytes, entry.leaf.bytes_count,
			&leaves[after - 1]);
	}
	assert_true(byte_reader_done(&in));
	return after;
}

static struct oap_blob export_page(enum read_export what, uint64_t after)
{
	return ask(READ_EXPORT, after, what, 0, grants_seal());
}

/* All entries, as an export shows them; how many. */
static uint64_t take_all_entries(void)
{
	uint64_t after = 0, before;

	do {
		struct oap_blob page = export_page(READ_EXPORT_ENTRIES, after);

		assert_int_equal(page.fault, READ_FAULT_NONE);
		assert_int_equal(page.content, READ_CONTENT_BYTES);
		before = after;
		after = take_entries(page.bytes, after);
	} while (after > before);
	return after;
}

/* --- exports --- */

static void entries_are_exported_whole_and_in_order(void **state)
{
	struct hash root;

	(void)state;
	commit(20);
	start_serving();
	assert_int_equal(take_all_entries(), maker.size);
	root = root_of(maker.size);
	assert_memory_equal(&root, &maker.root, sizeof root);
}

static void nothing_beyond_the_announced_size_is_exported(void **state)
{
	struct byte_reader in;
	uint64_t last = 0;

	(void)state;
	start();
	tell_tree(200);
	expect_phase(PHASE_SERVING);
	assert_int_equal(take_all_entries(), 200);
	in = byte_reader_of(export_page(READ_EXPORT_COMMITS, 0).bytes);
	while (in.left > 0) {
		(void)byte_get_u64(&in);
		last = byte_get_u64(&in);
		(void)byte_get_view(&in, 2 * HASH_BYTES + 16);
	}
	assert_true(byte_reader_done(&in));
	assert_int_equal(last, 200);
	assert_int_equal(export_page(READ_EXPORT_COMMITS, 200).bytes.bytes_count, 0);
}

static void records_of_other_kinds_come_with_their_keys(void **state)
{
	struct why why = { "" };
	struct byte_reader in;
	struct slice body;

	(void)state;
	maker_control(&maker, "acct-00001");
	maker_audit(&maker, "{\"a\":1}");
	maker_audit(&maker, "{\"a\":2}");
	batch_put_counter(&maker.out, &(struct batch_counter){ .asset = ENTRY_VIEW("ron") });
	maker_entries(&maker, 1);
	assert_int_equal(maker_send(&maker, store, maker.size, &why), ERR_OK);
	start_serving();
	in = byte_reader_of(export_page(READ_EXPORT_AUDITS, 1).bytes);
	assert_int_equal(byte_get_u64(&in), 2);
	assert_int_equal(byte_get_u8(&in), BATCH_AUDIT);
	body = byte_get_slice32(&in, BATCH_AUDIT_BYTES_MAX);
	assert_memory_equal(body.bytes + body.bytes_count - 7, "{\"a\":2}", 7);
	assert_true(byte_reader_done(&in));
	in = byte_reader_of(export_page(READ_EXPORT_COUNTERS, 0).bytes);
	assert_int_equal(byte_get_u64(&in), 1); /* number 0 lies behind nothing, too */
	assert_int_equal(byte_get_u8(&in), BATCH_COUNTER);
	assert_int_equal(export_page(READ_EXPORT_COUNTERS, 1).bytes.bytes_count, 0);
	in = byte_reader_of(export_page(READ_EXPORT_CONTROLS, 0).bytes);
	assert_int_equal(byte_get_u64(&in), 1);
	assert_int_equal(byte_get_u8(&in), BATCH_CONTROL);
	assert_int_equal(export_page(READ_EXPORT_CONTROLS, 1).bytes.bytes_count, 0);
	assert_non_null(strstr(expect_json(export_page(READ_EXPORT_HEAD, 0)),
		"{\"audits\":2,\"batch_ts\":1700000000301,\"born_ts\":1700000000000,\"controls\":1,"
		"\"hash\":\"sha256\",\"origin\":\"ledger.example\",\"root\":\""));
}

static void exports_and_bundles_are_for_unrestricted_auditors(void **state)
{
	static const char *const caveats[] = { "action=ledger.ingest", "account=acct-00001",
		"asset=ron" };

	(void)state;
	start_serving();
	for (size_t i = 0; i < COUNT_OF(caveats); i++) {
		expect_fault(ask(READ_EXPORT, 0, READ_EXPORT_ENTRIES, 0, seal(caveats[i])),
			READ_FAULT_NOT_ALLOWED);
		expect_fault(ask(READ_BUNDLE, 0, 256, 0, seal(caveats[i])), READ_FAULT_NOT_ALLOWED);
	}
	expect_fault(ask_public(READ_EXPORT, 0, READ_EXPORT_HEAD), READ_FAULT_NOT_ALLOWED);
	expect_fault(ask_public(READ_BUNDLE, 0, 256), READ_FAULT_NOT_ALLOWED);
	expect_fault(ask(READ_BUNDLE, 0, 256, 0, grants_seal_for(GRANTS_GENERATION + 1, NULL)),
		READ_FAULT_STALE);
}

static void what_is_no_question_accuses_the_prevalidator(void **state)
{
	(void)state;
	start_serving();
	harness_send_read_tlog(prevalidator, 1,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.what = READ_WHAT_COUNT });
	harness_expect_accusation(prevalidator, OAP_READ_TLOG, ERR_MALFORMED);
}

static void without_a_store_nothing_is_read(void **state)
{
	(void)state;
	start();
	expect_fault(ask_tile(0, 0, 1), READ_FAULT_CLOSED);
	expect_fault(ask_public(READ_PROOF_CONSISTENCY, 0, 0), READ_FAULT_CLOSED);
}

/* --- tiles --- */

static void expect_tile(unsigned level, uint64_t index, unsigned width)
{
	struct oap_blob blob = ask_tile(level, index, width);

	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_BYTES);
	assert_int_equal(blob.cache, READ_CACHE_FOREVER);
	assert_int_equal(blob.bytes.bytes_count, width * HASH_BYTES);
	for (unsigned i = 0; i < width; i++) {
		struct hash node = node_of(8 * level, index * TILE_WIDTH + i);

		assert_memory_equal(blob.bytes.bytes + i * HASH_BYTES, &node, HASH_BYTES);
	}
}

/* Goal: full and partial tiles of all levels, at sizes around the borders, growing under us. */
static void tiles_are_those_of_the_entries(void **state)
{
	(void)state;
	commit(3); /* 600: two full tiles, 88 */
	start_serving();
	assert_int_equal(take_all_entries(), 600);
	expect_tile(0, 0, 256);
	expect_tile(0, 0, 1);
	expect_tile(0, 1, 255);
	expect_tile(0, 2, 88);
	expect_tile(0, 2, 3);
	expect_tile(1, 0, 2);
	expect_fault(ask_tile(0, 2, 89), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, 2, 256), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, 3, 1), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(1, 0, 3), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(2, 0, 1), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, UINT64_MAX / 256, 1), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, UINT64_MAX, 1), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, 0, 0), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(0, 0, 257), READ_FAULT_NOT_THERE);
	expect_fault(ask_tile(255, 0, 1), READ_FAULT_NOT_THERE);
	commit(2);
	tell_tree(maker.size); /* 800: three full, 32 */
	assert_int_equal(take_all_entries(), 800);
	expect_tile(0, 2, 88);
	expect_tile(0, 2, 256);
	expect_tile(0, 3, 32);
	expect_tile(1, 0, 3);
}

static void a_full_tile_above_is_made_of_those_below(void **state)
{
	(void)state;
	commit(656); /* 65 900 */
	start_serving();
	assert_int_equal(take_all_entries(), 65900);
	expect_tile(1, 0, 256);
	expect_tile(1, 1, 1);
	expect_tile(2, 0, 1);
	expect_tile(0, 257, 65900 % 256);
}

/* --- bundles --- */

static size_t bundle_piece(uint64_t index, unsigned width, size_t offset, uint8_t *bytes)
{
	struct oap_blob blob = ask(READ_BUNDLE, index, width, offset, grants_seal());

	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.cache, READ_CACHE_FOREVER_OWN);
	assert_int_equal(blob.offset, offset);
	memcpy(bytes + offset, blob.bytes.bytes, blob.bytes.bytes_count);
	assert_int_equal(blob.bytes.bytes_count, blob.total - offset < VERB_REPLY_BYTES_MAX
							 ? blob.total - offset
							 : VERB_REPLY_BYTES_MAX);
	return (size_t)blob.total;
}

static void check_bundle(
	const uint8_t *bytes, size_t bytes_count, uint64_t first_seq, unsigned width)
{
	struct byte_reader in = byte_reader_of((struct slice){ bytes, bytes_count });

	for (unsigned i = 0; i < width; i++) {
		size_t leaf_bytes = (size_t)byte_get_u8(&in) << 8;
		struct slice leaf;
		struct hash hash;

		leaf_bytes |= byte_get_u8(&in);
		leaf = byte_get_view(&in, leaf_bytes);
		assert_int_equal(entry_leaf_seq(leaf), first_seq + i);
		merkle_leaf(MERKLE_SHA256, leaf.bytes, leaf.bytes_count, &hash);
		assert_memory_equal(&hash, &leaves[first_seq + i - 1], sizeof hash);
	}
	assert_true(byte_reader_done(&in));
}

static void a_bundle_comes_in_pieces(void **state)
{
	static uint8_t bytes[READS_BYTES_MAX];
	size_t total, got;

	(void)state;
	commit(3);
	start_serving();
	(void)take_all_entries();
	total = bundle_piece(1, 256, 0, bytes);
	assert_in_range(total, VERB_REPLY_BYTES_MAX / 2, READS_BYTES_MAX);
	for (got = VERB_REPLY_BYTES_MAX; got < total; got += VERB_REPLY_BYTES_MAX) {
		assert_int_equal(bundle_piece(1, 256, got, bytes), total);
	}
	check_bundle(bytes, total, 257, 256);
	assert_int_equal(bundle_piece(1, 256, 100, bytes), total); /* at any offset */
	check_bundle(bytes, total, 257, 256);
	total = bundle_piece(2, 7, 0, bytes);
	check_bundle(bytes, total, 513, 7);
	expect_fault(ask(READ_BUNDLE, 2, 7, total, grants_seal()), READ_FAULT_NOT_THERE);
	expect_fault(ask(READ_BUNDLE, 2, 7, UINT64_MAX, grants_seal()), READ_FAULT_NOT_THERE);
	expect_fault(ask(READ_BUNDLE, 2, 89, 0, grants_seal()), READ_FAULT_NOT_THERE);
	expect_fault(ask(READ_TILE, 0, 256, 1, grants_seal()), READ_FAULT_NOT_THERE);
}

/* --- proofs --- */

static void put_hex(char *text, const struct hash *hash)
{
	for (size_t i = 0; i < HASH_BYTES; i++) {
		(void)snprintf(text + 2 * i, 3, "%02x", hash->bytes[i]);
	}
}

/* "name":"<hex of hash>" is in it. */
static void expect_hash(const char *json, const char *name, const struct hash *hash)
{
	char text[128], hex[2 * HASH_BYTES + 1];

	put_hex(hex, hash);
	(void)snprintf(text, sizeof text, "\"%s\":\"%s\"", name, hex);
	if (strstr(json, text) == NULL) {
		fail_msg("%s does not say %s", json, text);
	}
}

static size_t take_hashes(const char *json, struct hash *hashes)
{
	const char *next = strstr(json, "\"hashes\":[");
	size_t count = 0;

	assert_non_null(next);
	next += strlen("\"hashes\":[");
	while (*next == '"') {
		for (size_t i = 0; i < HASH_BYTES; i++) {
			char two[3] = { next[1 + 2 * i], next[2 + 2 * i], '\0' };
			hashes[count].bytes[i] = (uint8_t)strtoul(two, NULL, 16);
		}
		count++;
		next += 2 + 2 * HASH_BYTES;
		next += *next == ',';
	}
	assert_string_equal(next, "]}");
	return count;
}

static void check_inclusion(uint64_t seq, uint64_t size)
{
	const char *json = expect_json(ask_public(READ_PROOF_ENTRY, seq, size));
	struct hash hashes[MERKLE_PROOF_HASHES_MAX];
	struct hash root = root_of(size);
	size_t count = take_hashes(json, hashes);

	expect_hash(json, "root", &root);
	expect_hash(json, "leaf_hash", &leaves[seq - 1]);
	assert_true(merkle_verify_inclusion(
		MERKLE_SHA256, &leaves[seq - 1], seq - 1, size, hashes, count, &root));
}

static void check_consistency(uint64_t from, uint64_t to)
{
	const char *json = expect_json(ask_public(READ_PROOF_CONSISTENCY, from, to));
	struct hash hashes[MERKLE_PROOF_HASHES_MAX];
	struct hash old_root = root_of(from), new_root = root_of(to);
	size_t count = take_hashes(json, hashes);

	expect_hash(json, "from_root", &old_root);
	expect_hash(json, "to_root", &new_root);
	assert_true(merkle_verify_consistency(
		MERKLE_SHA256, from, &old_root, to, &new_root, hashes, count));
}

static void proofs_hold_for_every_size(void **state)
{
	static const uint64_t sizes[] = { 1, 2, 3, 255, 256, 257, 511, 512, 513, 599, 600 };

	(void)state;
	commit(3);
	start_serving();
	(void)take_all_entries();
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		check_inclusion(1, sizes[i]);
		check_inclusion(sizes[i], sizes[i]);
		check_inclusion((sizes[i] + 1) / 2, sizes[i]);
		check_consistency(0, sizes[i]);
		for (size_t j = i; j < COUNT_OF(sizes); j++) {
			check_consistency(sizes[i], sizes[j]);
		}
	}
	check_consistency(0, 0);
	expect_fault(ask_public(READ_PROOF_ENTRY, 601, 601), READ_FAULT_NOT_THERE);
	expect_fault(ask_public(READ_PROOF_ENTRY, 1, 601), READ_FAULT_NOT_THERE);
	expect_fault(ask_public(READ_PROOF_CONSISTENCY, 1, 601), READ_FAULT_NOT_THERE);
	expect_fault(ask_public(READ_PROOF_CONSISTENCY, 601, 602), READ_FAULT_NOT_THERE);
	expect_fault(ask_public(READ_PROOF_CONSISTENCY, 601, READS_NEWEST), READ_FAULT_NOT_THERE);
}

/* --- the checkpoint --- */

static void sign(uint64_t size, const struct hash *root)
{
	struct why why = { "" };
	struct schema_checkpoint checkpoint = {
		.size = size,
		.root = *root,
		.checkpoint = text_of("ledger.example\nand so on\n"),
		.audit = text_of("audit note\n"),
	};

	assert_int_equal(store_checkpoint_keep(store, &checkpoint), ERR_OK);
	assert_int_equal(store_checkpoint_flush(store, (struct instant){ 0 }, &why), ERR_OK);
}

static void a_checkpoint_is_shown_once_there_is_one(void **state)
{
	struct oap_blob blob;

	(void)state;
	start_serving();
	expect_fault(ask_public(READ_CHECKPOINT, 0, 0), READ_FAULT_NOT_SIGNED_YET);
	expect_fault(ask_public(READ_PROOF_ENTRY, 1, READS_NEWEST), READ_FAULT_NOT_SIGNED_YET);
	assert_int_equal(export_page(READ_EXPORT_CHECKPOINT, 0).bytes.bytes_count, 0);
	sign(300, &maker.root);
	blob = ask_public(READ_CHECKPOINT, 0, 0);
	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_TEXT);
	assert_int_equal(blob.cache, READ_CACHE_ASK);
	assert_int_equal(blob.bytes.bytes_count, 25);
	assert_memory_equal(blob.bytes.bytes, "ledger.example\nand so on\n", 25);
	blob = export_page(READ_EXPORT_CHECKPOINT, 0);
	assert_int_equal(blob.bytes.bytes_count, 4 + 25 + 4 + 11);
	assert_memory_equal(blob.bytes.bytes + 4 + 25, "\x0b\0\0\0audit note\n", 4 + 11);
}

/* Goal: a proof for the signed tree, with the entry only for whom the token lets see it. */
static void a_proof_of_the_signed_tree_has_the_entry_for_auditors(void **state)
{
	static uint8_t extra[ENTRY_LEAF_BYTES_MAX];
	static const struct {
		const char *caveat;
		bool sees;
	} rows[] = { { NULL, false }, { "action=audit.read", true }, { "account=acct-00007", true },
		{ "account=acct-00001", false }, { "action=ledger.ingest", false } };
	struct hash root;

	(void)state;
	commit(1);
	start_serving();
	(void)take_all_entries();
	root = root_of(300);
	sign(300, &root);
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		struct slice grant = { NULL, 0 };
		struct tlog_proof proof;
		struct oap_blob blob;

		if (rows[i].caveat != NULL) {
			grant = seal(rows[i].caveat);
		}
		blob = ask(READ_PROOF_ENTRY, 7, READS_NEWEST, 0, grant);
		assert_int_equal(blob.content, READ_CONTENT_TEXT);
		assert_int_equal(
			tlog_proof_parse(blob.bytes, extra, sizeof extra, &proof), TLOG_PROOF_OK);
		assert_int_equal(proof.index, 6);
		assert_true(merkle_verify_inclusion(MERKLE_SHA256, &leaves[6], 6, 300,
			proof.path.hashes, proof.path.hash_count, &root));
		assert_int_equal(proof.extra.bytes_count > 0, rows[i].sees);
		assert_true(!rows[i].sees || tlog_proof_verify(&proof, proof.extra, 300, &root));
	}
	expect_fault(ask_public(READ_PROOF_ENTRY, 301, READS_NEWEST), READ_FAULT_NOT_SIGNED_YET);
	expect_fault(ask_public(READ_PROOF_ENTRY, 401, READS_NEWEST), READ_FAULT_NOT_THERE);
	expect_fault(ask_public(READ_PROOF_ENTRY, 0, READS_NEWEST), READ_FAULT_NOT_THERE);
	assert_non_null(strstr(
		expect_json(ask_public(READ_PROOF_CONSISTENCY, 5, READS_NEWEST)), "\"to\":300,"));
	assert_non_null(strstr(
		expect_json(ask_public(READ_PROOF_CONSISTENCY, 301, READS_NEWEST)), "\"to\":400,"));
}

static void a_checkpoint_of_another_tree_proves_nothing(void **state)
{
	static const struct hash other = { { 1 } };

	(void)state;
	start_serving();
	sign(300, &other);
	expect_fault(ask_public(READ_PROOF_ENTRY, 7, READS_NEWEST), READ_FAULT_CLOSED);
}

/* --- snapshots --- */

static void ask_signature(uint64_t ticket, uint64_t size, struct slice grant)
{
	static const uint8_t manifest[HASH_BYTES] = { 5 };

	harness_send_read_tlog(prevalidator, ticket,
		&(struct oap_read_tlog){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = (uint64_t)clock_now().monotonic_us / 1000 + 60000,
			.what = READ_SIGN_SNAPSHOT,
			.a = size,
			.text = { manifest, sizeof manifest },
			.grant = grant });
}

static void expect_signature_fault(uint64_t ticket, enum read_fault fault)
{
	struct oap_blob blob;

	assert_int_equal(harness_expect_blob(edge, &blob), ticket);
	expect_fault(blob, fault);
}

/* Goal: the root is archive's own, never the caller's, and one question is open at a time. */
static void kms_is_asked_to_sign_the_root_that_stands_there(void **state)
{
	static const char note[] = "a note\n";
	struct oap_sign_snapshot asked;
	struct oap_blob blob;
	struct hash root;
	uint64_t id;

	(void)state;
	start_serving();
	assert_true(take_all_entries() >= 200);
	root = root_of(200);
	ask_signature(1, 200, grants_seal());
	id = harness_expect_sign_snapshot(kms, &asked);
	assert_int_equal(asked.first_seq, 1);
	assert_int_equal(asked.size, 200);
	assert_memory_equal(&asked.root, &root, HASH_BYTES);
	assert_int_equal(asked.manifest_sha256.bytes[0], 5);
	ask_signature(2, 200, grants_seal());
	expect_signature_fault(2, READ_FAULT_BUSY);
	harness_send_signed_snapshot(kms, id,
		&(struct oap_signed_snapshot){
			.status = ERR_OK, .note = { (const uint8_t *)note, sizeof note - 1 } });
	assert_int_equal(harness_expect_blob(edge, &blob), 1);
	assert_int_equal(blob.fault, READ_FAULT_NONE);
	assert_int_equal(blob.content, READ_CONTENT_TEXT);
	assert_int_equal(blob.bytes.bytes_count, sizeof note - 1);
	assert_memory_equal(blob.bytes.bytes, note, sizeof note - 1);
	ask_signature(3, 200, grants_seal());
	id = harness_expect_sign_snapshot(kms, &asked);
	harness_send_signed_snapshot(
		kms, id, &(struct oap_signed_snapshot){ .status = ERR_CONFLICT });
	expect_signature_fault(3, READ_FAULT_CLOSED);
}

static void no_snapshot_ends_where_no_commit_does(void **state)
{
	(void)state;
	start_serving();
	ask_signature(1, 150, grants_seal());
	expect_signature_fault(1, READ_FAULT_NOT_THERE);
	ask_signature(2, 1000000, grants_seal());
	expect_signature_fault(2, READ_FAULT_NOT_THERE);
	ask_signature(3, 200, (struct slice){ NULL, 0 });
	expect_signature_fault(3, READ_FAULT_NOT_ALLOWED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(entries_are_exported_whole_and_in_order),
		CASE(nothing_beyond_the_announced_size_is_exported),
		CASE(records_of_other_kinds_come_with_their_keys),
		CASE(exports_and_bundles_are_for_unrestricted_auditors),
		CASE(what_is_no_question_accuses_the_prevalidator),
		CASE(without_a_store_nothing_is_read),
		CASE(tiles_are_those_of_the_entries),
		CASE(a_full_tile_above_is_made_of_those_below),
		CASE(a_bundle_comes_in_pieces),
		CASE(proofs_hold_for_every_size),
		CASE(a_checkpoint_is_shown_once_there_is_one),
		CASE(a_proof_of_the_signed_tree_has_the_entry_for_auditors),
		CASE(a_checkpoint_of_another_tree_proves_nothing),
		CASE(kms_is_asked_to_sign_the_root_that_stands_there),
		CASE(no_snapshot_ends_where_no_commit_does),
	};

	return cmocka_run_group_tests_name("archive reads", tests, NULL, NULL);
}
