/* kms as it is shipped: what it signs, what it never signs, and what it remembers of it. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/ed25519.h"
#include "core/audit.h"
#include "core/merkle.h"
#include "core/new_origin.h"
#include "core/note.h"
#include "core/signed.h"
#include "tests/worker/kms_driver.h"

static struct harness_link *committer;
static struct oap_origin told; /* its views are of `names` */
static char names[2][ORIGIN_BYTES_MAX + 1];

/* --- a tree --- */

/* The hash of 2^level leaves; `salt` makes another ledger of it from entry 5 on. */
static enum err node_get(void *salt, unsigned level, uint64_t index, struct hash *ret_node)
{
	struct hash left, right;

	if (level == 0) {
		uint64_t leaf[2] = { index, index < 5 ? 0 : *(const unsigned *)salt };

		merkle_leaf(MERKLE_SHA256, leaf, sizeof leaf, ret_node);
		return ERR_OK;
	}
	(void)!node_get(salt, level - 1, 2 * index, &left);
	(void)!node_get(salt, level - 1, 2 * index + 1, &right);
	merkle_node(MERKLE_SHA256, &left, &right, ret_node);
	return ERR_OK;
}

static struct hash root_of(uint64_t size, unsigned salt)
{
	struct merkle_frontier frontier;
	struct hash leaf, root;

	merkle_frontier_init(&frontier, MERKLE_SHA256);
	for (uint64_t i = 0; i < size; i++) {
		(void)!node_get(&salt, 0, i, &leaf);
		merkle_frontier_append(&frontier, &leaf);
	}
	merkle_frontier_root(&frontier, &root);
	return root;
}

/* --- asking --- */

static void link_committer(void)
{
	struct oap_origin origin;

	committer = harness_link_up(&h, PROCESS_COMMITTER, 0);
	(void)harness_expect_origin(committer, &origin);
	told = origin;
	(void)snprintf(names[0], sizeof names[0], "%.*s", (int)origin.origin.bytes_count,
		(const char *)origin.origin.bytes);
	(void)snprintf(names[1], sizeof names[1], "%.*s", (int)origin.origin_before.bytes_count,
		(const char *)origin.origin_before.bytes);
}

static void begin(void)
{
	start();
	link_committer();
}

static struct merkle_proof proof;

static struct oap_sign_checkpoint ask_for(uint64_t old_size, uint64_t size, unsigned salt)
{
	struct oap_sign_checkpoint ask = {
		.old_size = old_size,
		.size = size,
		.root = root_of(size, salt),
		.audit_count = 3,
		.audit_head = root_of(3, 9),
	};

	if (merkle_prove_consistency(MERKLE_SHA256, old_size, size, node_get, &salt, &proof) !=
		ERR_OK) {
		proof.hash_count = 0;
	}
	ask.proof = (struct slice){ proof.hashes[0].bytes, proof.hash_count * HASH_BYTES };
	return ask;
}

static struct oap_signed_checkpoint send_ask(const struct oap_sign_checkpoint *ask)
{
	static uint64_t corr_id = 40;
	struct oap_signed_checkpoint reply;

	harness_send_sign_checkpoint(committer, ++corr_id, ask);
	assert_int_equal(harness_expect_signed_checkpoint(committer, &reply), corr_id);
	return reply;
}

static void assert_note(struct slice bytes, struct note *ret_note)
{
	struct note_vkey vkey = note_vkey_of(text_of(names[0]), told.public_key.bytes);

	assert_int_equal(note_parse(bytes, ret_note), NOTE_OK);
	assert_int_equal(note_verify(ret_note, &vkey, ed25519_verify), NOTE_OK);
}

static void sign(uint64_t old_size, uint64_t size)
{
	struct oap_sign_checkpoint ask = ask_for(old_size, size, 0);
	struct oap_signed_checkpoint reply = send_ask(&ask);
	struct note_checkpoint checkpoint;
	struct note_audit audit;
	struct note note;

	assert_int_equal(reply.status, ERR_OK);
	assert_int_equal(reply.size, size);
	assert_int_equal(reply.signed_size, size);
	assert_note(reply.checkpoint, &note);
	assert_int_equal(note_checkpoint_parse(note.text, &checkpoint), NOTE_OK);
	assert_int_equal(checkpoint.size, size);
	assert_memory_equal(&checkpoint.root, &ask.root, HASH_BYTES);
	assert_int_equal(checkpoint.origin.bytes_count, strlen(names[0]));
	assert_note(reply.audit, &note);
	assert_int_equal(note_audit_parse(note.text, &audit), NOTE_OK);
	assert_int_equal(audit.count, 3);
	assert_memory_equal(&audit.head, &ask.audit_head, HASH_BYTES);
}

static void assert_unsigned(const struct oap_sign_checkpoint *ask, enum err err, uint64_t kept)
{
	struct oap_signed_checkpoint reply = send_ask(ask);

	assert_int_equal(reply.status, err);
	assert_int_equal(reply.signed_size, kept);
	assert_int_equal(reply.checkpoint.bytes_count, 0);
	assert_int_equal(reply.audit.bytes_count, 0);
}

static void assert_told(uint64_t size, unsigned salt)
{
	struct hash root = root_of(size, salt);

	assert_int_equal(told.signed_size, size);
	assert_memory_equal(&told.signed_root, &root, HASH_BYTES);
}

/* --- what is signed --- */

static void a_growing_tree_is_signed_step_by_step(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 1, 2, 7, 8, 64, 65, 300 };

	(void)state;
	begin();
	assert_int_equal(told.signed_size, 0);
	for (size_t i = 1; i < COUNT_OF(sizes); i++) {
		sign(sizes[i - 1], sizes[i]);
	}
}

static void an_empty_tree_is_signed_too(void **state)
{
	struct oap_sign_checkpoint ask;

	(void)state;
	begin();
	sign(0, 0);
	ask = ask_for(0, 0, 0);
	ask.root.bytes[0] ^= 1;
	assert_unsigned(&ask, ERR_CONFLICT, 0);
}

static void what_does_not_continue_is_not_signed(void **state)
{
	struct oap_sign_checkpoint ask;

	(void)state;
	begin();
	sign(0, 100);
	ask = ask_for(99, 120, 0); /* what it does not remember */
	assert_unsigned(&ask, ERR_STALE, 100);
	ask = ask_for(0, 120, 0);
	assert_unsigned(&ask, ERR_STALE, 100);
	ask = ask_for(100, 120, 7); /* another ledger, and its own good proof */
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	ask = ask_for(100, 100, 7);
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	ask = ask_for(100, 90, 0); /* smaller */
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	ask = ask_for(100, 120, 0);
	ask.proof.bytes_count -= HASH_BYTES;
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	ask = ask_for(100, 120, 0);
	proof.hashes[0].bytes[31] ^= 1;
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	ask = ask_for(100, 120, 0);
	ask.root.bytes[5] ^= 1;
	assert_unsigned(&ask, ERR_CONFLICT, 100);
	sign(100, 120);
}

static void bytes_that_are_no_proof_accuse_the_committer(void **state)
{
	struct oap_sign_checkpoint ask;

	(void)state;
	begin();
	sign(0, 100);
	ask = ask_for(100, 120, 0);
	ask.proof.bytes_count -= 1;
	harness_send_sign_checkpoint(committer, 1, &ask);
	harness_expect_accusation(committer, OAP_SIGN_CHECKPOINT, ERR_MALFORMED);
}

/* --- what is remembered --- */

static void signed_path(char *ret_path, size_t path_bytes)
{
	harness_path(&h, "keys/signed", ret_path, path_bytes);
}

static void what_was_signed_is_remembered_over_a_kill(void **state)
{
	char path[256];
	struct stat info;

	(void)state;
	begin();
	sign(0, 5);
	sign(5, 9);
	harness_kill(&h);
	begin();
	assert_told(9, 0);
	sign(9, 9); /* asked for again: its answer may have been lost */
	harness_stop(&h);
	begin();
	assert_told(9, 0);
	signed_path(path, sizeof path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_size, SIGNED_FILE_BYTES);
}

static void change_byte(off_t offset)
{
	char path[256];
	uint8_t byte = 0;
	int fd;

	signed_path(path, sizeof path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	(void)close(fd);
}

static void start_and_be_refused(const char *words)
{
	harness_start(&h);
	harness_expect_refusal(&h, words);
}

static void without_its_memory_it_does_not_start(void **state)
{
	char path[256];

	(void)state;
	begin();
	sign(0, 5);
	harness_stop(&h);
	signed_path(path, sizeof path);
	assert_int_equal(unlink(path), 0);
	start_and_be_refused("keys/signed is missing");
	assert_int_equal(access(path, F_OK), -1);
}

/* Goal: a write that was cut off costs what was not signed yet, and nothing else. */
static void a_torn_sector_leaves_the_one_before(void **state)
{
	(void)state;
	for (off_t at = 0; at < (off_t)SIGNED_MARK_BYTES; at += 11) {
		begin();
		sign(told.signed_size, told.signed_size + 1);
		sign(told.signed_size + 1, told.signed_size + 2);
		harness_stop(&h);
		/* marks stand in turn: the newest has an odd count, so it is in the first sector */
		change_byte(at);
		begin();
		assert_int_equal(told.signed_size % 2, 1);
		sign(told.signed_size, told.signed_size + 1);
		harness_stop(&h);
	}
}

static void two_damaged_sectors_are_refused(void **state)
{
	(void)state;
	begin();
	sign(0, 5);
	sign(5, 6);
	harness_stop(&h);
	change_byte(20);
	change_byte((off_t)SIGNED_SECTOR_BYTES + 20);
	start_and_be_refused("keys/signed is damaged");
}

static void a_shorter_file_is_refused(void **state)
{
	char path[256];

	(void)state;
	begin();
	sign(0, 5);
	harness_stop(&h);
	signed_path(path, sizeof path);
	assert_int_equal(truncate(path, SIGNED_FILE_BYTES - 1), 0);
	start_and_be_refused("keys/signed is damaged");
}

/* Goal: keyring and memory of two nodes, or of two copies, are no pair. */
static void the_memory_of_another_key_is_refused(void **state)
{
	static uint8_t bytes[SIGNED_FILE_BYTES];
	struct signed_mark mark = { .count = 1, .size = 3 };
	char path[256];
	int fd;

	(void)state;
	begin();
	sign(0, 5);
	harness_stop(&h);
	signed_mark_encode(&mark, bytes);
	signed_path(path, sizeof path);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_int_equal(write(fd, bytes, sizeof bytes), sizeof bytes);
	(void)close(fd);
	start_and_be_refused("of another node key");
}

static void an_unfinished_genesis_is_begun_again_but_no_memory_is_lost(void **state)
{
	char path[256];

	(void)state;
	begin();
	harness_stop(&h);
	keyring_path(path, sizeof path);
	assert_int_equal(unlink(path), 0); /* as if the power had failed between two renames */
	begin();
	sign(0, 5);
	harness_stop(&h);
	assert_int_equal(unlink(path), 0);
	start_and_be_refused("holds signed");
}

/* --- a new origin --- */

static void request_path(char *ret_path, size_t path_bytes)
{
	harness_path(&h, "keys/new-origin", ret_path, path_bytes);
}

static void write_request(const char *text, size_t bytes)
{
	char path[256];
	int fd;

	request_path(path, sizeof path);
	fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, bytes), bytes);
	(void)close(fd);
	if (geteuid() == 0) {
		assert_int_equal(chown(path, h.uid, h.gid), 0);
	}
}

static void request(const char *origin, uint64_t size, unsigned salt)
{
	struct new_origin ask = {
		.origin = text_of(origin), .size = size, .root = root_of(size, salt)
	};
	char text[NEW_ORIGIN_BYTES_MAX];
	size_t bytes = new_origin_print(&ask, text);

	write_request(text, bytes);
}

static void name_the_node(void)
{
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.example");
}

static void a_new_origin_has_a_new_key_and_goes_on_from_there(void **state)
{
	struct hash first_key, signed_before = root_of(100, 0);
	struct oap_key_events events;
	char path[256], token[TOKEN_ROOM];

	(void)state;
	name_the_node();
	begin();
	mint(ordinary, token);
	(void)harness_expect_key_events(committer, &events);
	sign(0, 100);
	first_key = told.public_key;
	harness_stop(&h);
	request("ledger.example", 90, 7);
	for (int i = 0; i < 2; i++) { /* and again: the request is done with */
		begin();
		assert_string_equal(names[0], "ledger.example/1");
		assert_string_equal(names[1], "ledger.example");
		assert_memory_not_equal(&told.public_key, &first_key, HASH_BYTES);
		assert_int_equal(told.abandoned_size, 100);
		assert_memory_equal(&told.abandoned_root, &signed_before, HASH_BYTES);
		assert_told(90, 7);
		request_path(path, sizeof path);
		assert_int_equal(access(path, F_OK), -1);
		harness_stop(&h);
	}
	begin();
	assert_refused(link_prevalidator(), token, 403, "node"); /* it was bound to the old name */
	mint(ordinary, token);
	(void)harness_expect_key_events(committer, &events);
	assert_granted(link_prevalidator(), token);
	struct oap_sign_checkpoint ask = ask_for(90, 120, 0);
	assert_unsigned(&ask, ERR_CONFLICT, 90);
	ask = ask_for(90, 120, 7);
	struct oap_signed_checkpoint reply = send_ask(&ask);
	struct note note;
	assert_int_equal(reply.status, ERR_OK);
	assert_note(reply.checkpoint, &note);
	harness_stop(&h);
	request("ledger.example/1", 120, 7);
	begin();
	assert_string_equal(names[0], "ledger.example/2");
	assert_int_equal(told.abandoned_size, 120);
}

static size_t read_file(const char *name, uint8_t *bytes, size_t bytes_max)
{
	char path[256];
	ssize_t got;
	int fd;

	harness_path(&h, name, path, sizeof path);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	got = read(fd, bytes, bytes_max);
	(void)close(fd);
	assert_true(got > 0);
	return (size_t)got;
}

static void write_file(const char *name, const uint8_t *bytes, size_t count)
{
	char path[256];
	int fd;

	harness_path(&h, name, path, sizeof path);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, count), count);
	(void)close(fd);
}

/* Goal: a crash behind each step: the record is there, what is remembered is not; both are, and the
 * request is still there. Each is taken up, and nothing is done twice. */
static void a_crash_within_a_new_origin_is_taken_up(void **state)
{
	static uint8_t before[SIGNED_FILE_BYTES];
	uint8_t keyring[4096], after[4096];
	size_t keyring_bytes;

	(void)state;
	name_the_node();
	begin();
	sign(0, 100);
	harness_stop(&h);
	assert_int_equal(read_file("keys/signed", before, sizeof before), sizeof before);
	request("ledger.example", 90, 7);
	begin();
	harness_stop(&h);
	keyring_bytes = read_file("keys/keyring", keyring, sizeof keyring);

	write_file("keys/signed", before, sizeof before);
	request("ledger.example", 90, 7);
	begin();
	assert_string_equal(names[0], "ledger.example/1");
	assert_told(90, 7);
	harness_stop(&h);

	request("ledger.example", 90, 7);
	begin();
	assert_string_equal(names[0], "ledger.example/1");
	assert_told(90, 7);
	harness_stop(&h);
	assert_int_equal(read_file("keys/keyring", after, sizeof after), keyring_bytes);
	assert_memory_equal(after, keyring, keyring_bytes);
}

static void a_new_origin_also_helps_who_lost_the_memory(void **state)
{
	char path[256];

	(void)state;
	name_the_node();
	begin();
	sign(0, 100);
	harness_stop(&h);
	signed_path(path, sizeof path);
	assert_int_equal(unlink(path), 0);
	request("ledger.example", 90, 7);
	begin();
	assert_told(90, 7);
	assert_int_equal(told.abandoned_size, 0); /* nobody knows */
}

static void a_request_that_makes_no_sense_is_refused(void **state)
{
	static const char junk[] = "macronode new-origin v2\n";

	(void)state;
	name_the_node();
	begin();
	harness_stop(&h);
	request("other.example", 90, 7);
	start_and_be_refused("gives up other.example, but this ledger is ledger.example");
	write_request(junk, sizeof junk - 1);
	start_and_be_refused("is no request");
}

static void names_that_mix_with_our_own_texts_are_refused(void **state)
{
	static const char *const bad[] = { "macronode.audit/v1", "macronode.snapshot/v1", "a b",
		"a+b" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		(void)snprintf(h.config.node_name, sizeof h.config.node_name, "%s", bad[i]);
		start_and_be_refused("cannot stand in");
	}
}

/* --- events --- */

struct seen {
	size_t count;
	uint16_t kinds[64];
	char json[64][512];
};

static void read_events(uint64_t after, struct seen *ret)
{
	static uint64_t corr_id = 900;
	struct oap_key_event_rows rows;
	struct byte_reader in;

	*ret = (struct seen){ .count = 0 };
	harness_send_read_key_events(
		committer, ++corr_id, &(struct oap_read_key_events){ .after = after });
	assert_int_equal(harness_expect_key_event_rows(committer, &rows), corr_id);
	in = byte_reader_of(rows.rows);
	while (in.left > 0 && ret->count < COUNT_OF(ret->kinds)) {
		ret->kinds[ret->count] = byte_get_u16(&in);
		assert_true(byte_get_u64(&in) > UINT64_C(1600000000000));
		struct slice json = byte_get_slice16(&in, 4096);
		(void)snprintf(ret->json[ret->count++], 512, "%.*s", (int)json.bytes_count,
			(const char *)json.bytes);
	}
	assert_true(byte_reader_done(&in));
}

static void assert_says(const char *json, const char *words)
{
	if (strstr(json, words) == NULL) {
		fail_msg("%s does not say %s", json, words);
	}
}

static void what_happens_to_keys_is_an_event_each(void **state)
{
	static struct seen seen, again;
	struct oap_key_events events;
	char token[TOKEN_ROOM];
	struct oap_revoked which;

	(void)state;
	name_the_node();
	begin();
	assert_int_equal(told.key_event_count, 2);
	mint(ordinary, token);
	(void)harness_expect_key_events(committer, &events);
	assert_int_equal(events.count, 3);
	which = name_of(token);
	send_revoke(7, &which);
	(void)harness_expect_key_events(committer, &events);
	assert_int_equal(events.count, 4);
	harness_send_cap_rotate(&h.control, 8, &(struct oap_cap_rotate){ .active_kid = 1 });
	assert_int_equal(expect_answer(8), ERR_OK);
	(void)harness_expect_key_events(committer, &events);
	assert_int_equal(events.count, 5);
	read_events(0, &seen);
	assert_int_equal(seen.count, 5);
	assert_int_equal(seen.kinds[0], AUDIT_KEY_CREATED);
	assert_says(seen.json[0], "{\"event\":1,\"key\":\"node\",\"origin\":\"ledger.example\",");
	assert_says(seen.json[0], "\"vkey\":\"ledger.example+");
	assert_int_equal(seen.kinds[1], AUDIT_KEY_CREATED);
	assert_string_equal(seen.json[1], "{\"event\":2,\"key\":\"root\",\"kid\":1}");
	assert_int_equal(seen.kinds[2], AUDIT_MINTED);
	assert_says(
		seen.json[2], "\"caveats\":[\"node=ledger.example\",\"action=wallet.transfer\",");
	assert_says(seen.json[2], "\"event\":3,");
	assert_int_equal(seen.kinds[3], AUDIT_REVOKED);
	assert_says(seen.json[3], "\"event\":4,\"kid\":1}");
	assert_int_equal(seen.kinds[4], AUDIT_ROTATED);
	assert_string_equal(seen.json[4], "{\"event\":5,\"key\":\"root\",\"kid\":2}");
	harness_kill(&h);
	begin();
	assert_int_equal(told.key_event_count, 5);
	read_events(0, &again);
	assert_memory_equal(&again, &seen, sizeof seen);
	read_events(4, &again);
	assert_int_equal(again.count, 1);
	read_events(5, &again);
	assert_int_equal(again.count, 0);
	read_events(UINT64_MAX, &again);
	assert_int_equal(again.count, 0);
}

/* Goal: caveats longer than an audit record can be are named by their hash. */
static void a_long_token_still_is_an_event(void **state)
{
	static struct seen seen;
	char caveats[VERB_CAVEATS_BYTES_MAX] = "action=wallet.transfer\nttl=3600\n";
	char token[TOKEN_ROOM];
	struct oap_key_events events;

	(void)state;
	begin();
	for (int i = 0; i < 28; i++) {
		char line[256];
		int used = snprintf(line, sizeof line, "account=");

		memset(line + used, 'a' + i % 26, 180);
		line[used + 90] = ','; /* two accounts */
		(void)snprintf(line + used + 180, sizeof line - (size_t)used - 180, "\n");
		strncat(caveats, line, sizeof caveats - strlen(caveats) - 1);
	}
	mint(caveats, token);
	(void)harness_expect_key_events(committer, &events);
	read_events(2, &seen);
	assert_int_equal(seen.count, 1);
	assert_says(seen.json[0], "\"caveats_sha256\":\"");
	assert_says(seen.json[0], "\"event\":3,");
}

/* --- what it tells --- */

static void the_key_is_shown(void **state)
{
	struct note_vkey vkey;
	char text[2048], expected[NOTE_VKEY_BYTES_MAX];
	struct oap_cap_answer answer;

	(void)state;
	name_the_node();
	begin();
	for (int i = 0; i < 2; i++) {
		harness_send_key_show(&h.control, 70, &(struct oap_key_show){ .detail = 0 });
		assert_int_equal(harness_expect_cap_answer(&h.control, &answer), 70);
		assert_int_equal(answer.status, ERR_OK);
		(void)snprintf(text, sizeof text, "%.*s", (int)answer.text.bytes_count,
			(const char *)answer.text.bytes);
		vkey = note_vkey_of(text_of("ledger.example"), told.public_key.bytes);
		(void)note_vkey_print(&vkey, expected);
		assert_says(text, expected);
		assert_says(text, "\"origin\":\"ledger.example\"");
		assert_says(text,
			i == 0 ? "\"signed_root\":null,\"signed_size\":0" : "\"signed_size\":12,");
		sign(i == 0 ? 0 : 12, 12);
	}
}

static void archive_is_told_who_signs(void **state)
{
	struct harness_link *archive;
	struct oap_grant_key key;
	struct oap_signer signer;

	(void)state;
	begin();
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_grant_key(archive, &key);
	(void)harness_expect_signer(archive, &signer);
	assert_memory_equal(&signer.public_key, &told.public_key, HASH_BYTES);
	assert_int_equal(signer.origin.bytes_count, strlen(names[0]));
}

/* Goal: kms makes the text itself, and a root that contradicts what it signed is not signed. */
static void a_snapshot_is_signed_unless_it_contradicts_what_was_signed(void **state)
{
	struct oap_sign_snapshot ask = { .first_seq = 1,
		.size = 20,
		.root = root_of(20, 0),
		.manifest_sha256 = root_of(1, 77) };
	struct oap_signed_snapshot reply;
	struct note_snapshot snapshot;
	struct oap_grant_key key;
	struct oap_signer signer;
	struct harness_link *archive;
	struct note note;

	(void)state;
	begin();
	sign(0, 20);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	(void)harness_expect_grant_key(archive, &key);
	(void)harness_expect_signer(archive, &signer);
	harness_send_sign_snapshot(archive, 7, &ask);
	assert_int_equal(harness_expect_signed_snapshot(archive, &reply), 7);
	assert_int_equal(reply.status, ERR_OK);
	assert_note(reply.note, &note);
	assert_int_equal(note_snapshot_parse(note.text, &snapshot), NOTE_OK);
	assert_int_equal(snapshot.first_seq, 1);
	assert_int_equal(snapshot.size, 20);
	assert_memory_equal(&snapshot.root, &ask.root, HASH_BYTES);
	assert_memory_equal(&snapshot.manifest_sha256, &ask.manifest_sha256, HASH_BYTES);
	ask.root = root_of(20, 1);
	harness_send_sign_snapshot(archive, 8, &ask);
	assert_int_equal(harness_expect_signed_snapshot(archive, &reply), 8);
	assert_int_equal(reply.status, ERR_CONFLICT);
	assert_int_equal(reply.note.bytes_count, 0);
	ask.size = 25; /* not signed yet: archive's word */
	harness_send_sign_snapshot(archive, 9, &ask);
	assert_int_equal(harness_expect_signed_snapshot(archive, &reply), 9);
	assert_int_equal(reply.status, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_growing_tree_is_signed_step_by_step),
		CASE(an_empty_tree_is_signed_too),
		CASE(what_does_not_continue_is_not_signed),
		CASE(bytes_that_are_no_proof_accuse_the_committer),
		CASE(what_was_signed_is_remembered_over_a_kill),
		CASE(without_its_memory_it_does_not_start),
		CASE(a_torn_sector_leaves_the_one_before),
		CASE(two_damaged_sectors_are_refused),
		CASE(a_shorter_file_is_refused),
		CASE(the_memory_of_another_key_is_refused),
		CASE(an_unfinished_genesis_is_begun_again_but_no_memory_is_lost),
		CASE(a_new_origin_has_a_new_key_and_goes_on_from_there),
		CASE(a_crash_within_a_new_origin_is_taken_up),
		CASE(a_new_origin_also_helps_who_lost_the_memory),
		CASE(a_request_that_makes_no_sense_is_refused),
		CASE(names_that_mix_with_our_own_texts_are_refused),
		CASE(what_happens_to_keys_is_an_event_each),
		CASE(a_long_token_still_is_an_event),
		CASE(the_key_is_shown),
		CASE(archive_is_told_who_signs),
		CASE(a_snapshot_is_signed_unless_it_contradicts_what_was_signed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
