/* The keyring of kms: that nothing but a whole and honest one is ever run on. */
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/bytes.h"
#include "core/sha256.h"
#include "tests/skip.h"
#include "tests/worker/kms_driver.h"

/* --- the keyring file --- */

static size_t read_keyring(uint8_t *bytes, size_t bytes_max)
{
	char path[256];
	ssize_t got;
	int fd;

	keyring_path(path, sizeof path);
	fd = open(path, O_RDONLY);
	assert_true(fd >= 0);
	got = read(fd, bytes, bytes_max);
	assert_true(got > 0 && (size_t)got < bytes_max);
	(void)close(fd);
	return (size_t)got;
}

static void write_keyring(const uint8_t *bytes, size_t bytes_count)
{
	char path[256];
	int fd;

	keyring_path(path, sizeof path);
	fd = open(path, O_WRONLY | O_TRUNC);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, bytes_count), bytes_count);
	(void)close(fd);
}

/* Every 7th byte, so that each field of each record is hit. */
static void a_keyring_with_any_byte_changed_is_refused(void **state)
{
	uint8_t good[4096], bad[4096];
	char token[TOKEN_ROOM];
	size_t bytes_count;

	(void)state;
	start();
	mint(ordinary, token);
	harness_stop(&h);
	bytes_count = read_keyring(good, sizeof good);
	for (size_t i = 0; i < bytes_count; i += 7) {
		memcpy(bad, good, bytes_count);
		bad[i] ^= 0x10;
		write_keyring(bad, bytes_count);
		harness_start(&h);
		harness_expect_refusal(&h, i == 7 ? "format version" : "damaged");
		assert_int_equal(read_keyring(bad, sizeof bad), bytes_count);
	}
	write_keyring(good, bytes_count);
	start();
	assert_granted(link_prevalidator(), token);
}

static void a_record_that_the_end_cuts_off_was_never_acknowledged(void **state)
{
	static const size_t lost_bytes[] = { 1, 31, 32, 33, 60, 100 };
	uint8_t good[4096], after[4096];
	char first[TOKEN_ROOM], second[TOKEN_ROOM];
	size_t before_bytes, bytes_count;

	(void)state;
	start();
	mint(ordinary, first);
	before_bytes = read_keyring(good, sizeof good);
	mint(ordinary, second);
	harness_stop(&h);
	bytes_count = read_keyring(good, sizeof good);
	for (size_t i = 0; i < COUNT_OF(lost_bytes); i++) {
		assert_true(lost_bytes[i] < bytes_count - before_bytes);
		write_keyring(good, bytes_count - lost_bytes[i]);
		start();
		assert_granted(link_prevalidator(), first);
		assert_refused(link_prevalidator(), second, 403, "not on record");
		harness_stop(&h);
		assert_int_equal(read_keyring(after, sizeof after), before_bytes);
	}
}

static void a_keyring_cut_before_its_first_key_is_refused_and_left_alone(void **state)
{
	uint8_t good[4096], after[4096];

	(void)state;
	start();
	harness_stop(&h);
	(void)read_keyring(good, sizeof good);
	for (size_t cut = 1; cut < 100; cut += 9) {
		write_keyring(good, cut);
		harness_start(&h);
		harness_expect_refusal(&h, "damaged");
		assert_int_equal(read_keyring(after, sizeof after), cut);
	}
}

static void a_lost_keyring_is_never_made_anew_beside_other_files(void **state)
{
	char path[256], aside[256];

	(void)state;
	start();
	harness_stop(&h);
	keyring_path(path, sizeof path);
	harness_path(&h, "keys/keyring.bak", aside, sizeof aside);
	assert_int_equal(rename(path, aside), 0);
	harness_start(&h);
	harness_expect_refusal(&h, "has no keyring but holds keyring.bak");
}

static void a_keyring_open_to_others_is_refused(void **state)
{
	char path[256];

	(void)state;
	start();
	harness_stop(&h);
	keyring_path(path, sizeof path);
	assert_int_equal(chmod(path, 0640), 0);
	harness_start(&h);
	harness_expect_refusal(&h, "the keyring is open to others (mode 640)");
	assert_int_equal(chmod(path, 0600), 0);
	harness_path(&h, "keys", path, sizeof path);
	assert_int_equal(chmod(path, 0750), 0);
	harness_start(&h);
	harness_expect_refusal(&h, "the key directory is open to others");
}

static void a_keyring_of_another_user_is_refused(void **state)
{
	char path[256];

	(void)state;
	if (geteuid() != 0) {
		SKIP_ALOUD("only root can give files away");
	}
	start();
	harness_stop(&h);
	harness_path(&h, "keys", path, sizeof path);
	assert_int_equal(chown(path, h.uid + 1, h.gid), 0);
	assert_int_equal(chmod(path, 0755), 0);
	harness_start(&h);
	harness_expect_refusal(&h, "belongs to uid");
}

static void a_keyring_that_is_a_link_or_no_file_is_refused(void **state)
{
	char path[256];

	(void)state;
	keyring_path(path, sizeof path);
	assert_int_equal(symlink("/etc/passwd", path), 0);
	harness_start(&h);
	harness_expect_refusal(&h, "cannot be opened");
	assert_int_equal(unlink(path), 0);
	harness_make_dir(&h, "keys/keyring");
	harness_start(&h);
	harness_expect_refusal(&h, "cannot be opened");
}

/* --- keyrings that kms did not write --- */

#define DAY_S (24u * 3600u)

struct forged {
	uint8_t bytes[8192];
	size_t used;
	struct hash chain;
	uint8_t payload[256];
	struct byte_writer out; /* of the record that is being made */
};

static void forge_begin(struct forged *forged)
{
	static const uint8_t magic[8] = { 'm', 'n', 'k', 'e', 'y', 's', 0, 1 };

	memcpy(forged->bytes, magic, sizeof magic);
	forged->used = sizeof magic;
	sha256_hash(magic, sizeof magic, &forged->chain);
}

static void record_begin(struct forged *forged, uint8_t type, uint64_t at_unix_s)
{
	forged->out = byte_writer_of(forged->payload, sizeof forged->payload);
	byte_put_u8(&forged->out, type);
	byte_put_u64(&forged->out, at_unix_s);
}

static void record_end(struct forged *forged)
{
	const struct slice parts[] = { { forged->chain.bytes, HASH_BYTES },
		{ forged->payload, forged->out.used } };
	struct byte_writer out =
		byte_writer_of(forged->bytes + forged->used, sizeof forged->bytes - forged->used);

	sha256_hash_parts(parts, COUNT_OF(parts), &forged->chain);
	byte_put_u32(&out, (uint32_t)forged->out.used);
	byte_put_u32(&out, ~(uint32_t)forged->out.used);
	byte_put_bytes(&out, forged->payload, forged->out.used);
	byte_put_hash(&out, &forged->chain);
	assert_false(out.failed || forged->out.failed);
	forged->used += out.used;
}

static struct hash key_of(uint32_t kid)
{
	struct hash key = { { 0x5e, (uint8_t)kid } };

	return key;
}

static struct id128 capability_of(uint8_t number)
{
	struct id128 id = { { 0, 0, 0, 0, 0, number } }; /* all in one slot of the table */

	return id;
}

static void forge_node(struct forged *forged)
{
	static const struct hash log_key = { { 0x10 } };

	record_begin(forged, 1, 1);
	byte_put_hash(&forged->out, &log_key);
	byte_put_string8(&forged->out, text_of("forged.example"));
	record_end(forged);
}

static void forge_root(struct forged *forged, uint64_t at_unix_s, uint32_t kid)
{
	struct hash key = key_of(kid);

	record_begin(forged, 2, at_unix_s);
	byte_put_u32(&forged->out, kid);
	byte_put_hash(&forged->out, &key);
	record_end(forged);
}

static void forge_minted(
	struct forged *forged, uint64_t at_unix_s, uint32_t kid, struct id128 capability)
{
	record_begin(forged, 3, at_unix_s);
	byte_put_u32(&forged->out, kid);
	byte_put_id128(&forged->out, &capability);
	byte_put_u64(&forged->out, at_unix_s + 60);
	byte_put_slice16(&forged->out, text_of("action=wallet.read\n"));
	record_end(forged);
}

static void forge_revoked(
	struct forged *forged, uint64_t at_unix_s, uint32_t kid, struct id128 capability)
{
	record_begin(forged, 4, at_unix_s);
	byte_put_u32(&forged->out, kid);
	byte_put_id128(&forged->out, &capability);
	record_end(forged);
}

/* In place of the one that a first start makes. */
static void put_forged(const struct forged *forged)
{
	char path[256];

	keyring_path(path, sizeof path);
	if (access(path, F_OK) != 0) {
		start();
		harness_stop(&h);
	}
	write_keyring(forged->bytes, forged->used);
}

static void token_under(uint32_t kid, uint8_t number, uint64_t iat_unix_s, char token[TOKEN_ROOM])
{
	struct macaroon_identifier identifier = {
		.key_id = kid,
		.capability_id = capability_of(number),
		.iat_unix_s = iat_unix_s,
		.node_hash = macaroon_node_hash(text_of("forged.example")),
	};
	struct hash key = key_of(kid);
	uint8_t name[MACAROON_IDENTIFIER_BYTES];
	struct macaroon macaroon;

	macaroon_identifier_encode(&identifier, name);
	assert_int_equal(macaroon_create((struct slice){ key.bytes, HASH_BYTES },
				 (struct slice){ name, sizeof name }, text_of("f"), &macaroon),
		ERR_OK);
	put_together(&macaroon, token);
}

static void an_old_root_key_verifies_for_thirty_days_after_the_next(void **state)
{
	uint64_t now = now_unix_s();
	static struct forged forged;
	char token[TOKEN_ROOM];

	(void)state;
	token_under(1, 7, now - 40 * DAY_S, token);
	for (unsigned late = 0; late < 2; late++) {
		forge_begin(&forged);
		forge_node(&forged);
		forge_root(&forged, now - 50 * DAY_S, 1);
		forge_minted(&forged, now - 40 * DAY_S, 1, capability_of(7));
		forge_root(&forged, late == 0 ? now - 30 * DAY_S + 600 : now - 30 * DAY_S, 2);
		put_forged(&forged);
		start();
		if (late == 0) {
			assert_granted(link_prevalidator(), token);
		} else {
			assert_refused(
				link_prevalidator(), token, 403, "key of the token has expired");
		}
		harness_stop(&h);
	}
}

static void capabilities_that_share_a_slot_are_told_apart(void **state)
{
	static struct forged forged;
	struct harness_link *prevalidator;
	char token[TOKEN_ROOM];

	(void)state;
	forge_begin(&forged);
	forge_node(&forged);
	forge_root(&forged, 1, 1);
	for (uint8_t number = 1; number <= 20; number++) {
		forge_minted(&forged, number, 1, capability_of(number));
	}
	forge_revoked(&forged, 100, 1, capability_of(13));
	put_forged(&forged);
	start();
	prevalidator = link_prevalidator();
	for (uint8_t number = 1; number <= 21; number++) {
		token_under(1, number, number, token);
		if (number == 13) {
			assert_refused(prevalidator, token, 403, "the token is revoked");
		} else if (number == 21) {
			assert_refused(prevalidator, token, 403, "not on record");
		} else {
			assert_granted(prevalidator, token);
		}
	}
}

static void forge_stray(struct forged *forged, uint8_t type, uint64_t at_unix_s)
{
	record_begin(forged, type, at_unix_s);
	byte_put_u32(&forged->out, 2);
	byte_put_hash(&forged->out, &forged->chain);
	byte_put_u8(&forged->out, 0); /* one byte more than a root key has */
	record_end(forged);
}

/* Each after a good NODE, ROOT 1, MINTED 1 and REVOKED 1. */
static void forge_contradiction(struct forged *forged, unsigned number)
{
	switch (number) {
	case 0:
		forge_node(forged);
		break;
	case 1:
		forge_root(forged, 5, 1);
		break;
	case 2:
		forge_root(forged, 5, 3);
		break;
	case 3:
		forge_root(forged, 253402300800u, 2);
		break;
	case 4:
		forge_minted(forged, 5, 1, capability_of(1));
		break;
	case 5:
		forge_minted(forged, 5, 1, capability_of(0));
		break;
	case 6:
		forge_minted(forged, 5, 2, capability_of(2));
		break;
	case 7:
		forge_revoked(forged, 5, 1, capability_of(1));
		break;
	case 8:
		forge_revoked(forged, 5, 1, capability_of(2));
		break;
	case 9:
		forge_revoked(forged, 5, 2, capability_of(0));
		break;
	case 10:
		forge_revoked(forged, 0, 1, capability_of(0));
		break;
	case 11:
		forge_revoked(forged, 5, 1, capability_of(0)); /* good: the root key */
		forge_minted(forged, 5, 1, capability_of(2));
		break;
	case 12:
		forge_stray(forged, 2, 5);
		break;
	case 13:
		forge_stray(forged, 0, 5);
		break;
	default:
		forge_stray(forged, 5, 5);
		break;
	}
}

static void a_record_that_contradicts_those_before_it_is_damage(void **state)
{
	static struct forged forged;

	(void)state;
	for (unsigned number = 0; number <= 15; number++) {
		forge_begin(&forged);
		forge_node(&forged);
		forge_root(&forged, 1, 1);
		forge_minted(&forged, 2, 1, capability_of(1));
		forge_revoked(&forged, 3, 1, capability_of(1));
		if (number < 15) {
			forge_contradiction(&forged, number);
		}
		put_forged(&forged);
		harness_start(&h);
		if (number < 15) {
			harness_expect_refusal(&h, "contradicts those before it");
		} else {
			harness_expect_up(&h); /* without any, it is good */
		}
	}
}

static void a_keyring_without_its_beginning_is_damage(void **state)
{
	static struct forged forged;

	(void)state;
	forge_begin(&forged);
	put_forged(&forged);
	harness_start(&h);
	harness_expect_refusal(&h, "holds no root key");
	forge_root(&forged, 1, 1);
	put_forged(&forged);
	harness_start(&h);
	harness_expect_refusal(&h, "contradicts");
	forge_begin(&forged);
	forge_node(&forged);
	put_forged(&forged);
	harness_start(&h);
	harness_expect_refusal(&h, "holds no root key");
}

/* --- a disk that is full --- */

static bool mount_small(const char *path)
{
	char options[96];

	(void)snprintf(options, sizeof options, "size=16k,mode=0700,uid=%lu,gid=%lu",
		(unsigned long)h.uid, (unsigned long)h.gid);
	return geteuid() == 0 && unshare(CLONE_NEWNS) == 0 &&
	       mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", path, "tmpfs", 0, options) == 0;
}

static void a_full_disk_refuses_a_token_and_harms_none(void **state)
{
	char path[256], token[TOKEN_ROOM], last[TOKEN_ROOM], text[TOKEN_ROOM];
	uint8_t bytes[32768];
	size_t bytes_count = 0;
	struct oap_grant_key key;
	struct oap_revoked name;
	enum err err;

	(void)state;
	harness_path(&h, "keys", path, sizeof path);
	if (!mount_small(path)) {
		SKIP_ALOUD("no right to mount a tmpfs");
	}
	start();
	mint(ordinary, token);
	while ((err = ask_mint(ordinary, text, sizeof text)) == ERR_OK) {
		memcpy(last, text, sizeof last);
		bytes_count = read_keyring(bytes, sizeof bytes);
	}
	assert_int_equal(err, ERR_NO_SPACE);
	assert_non_null(strstr(text, "no room on the disk"));
	assert_int_equal(read_keyring(bytes, sizeof bytes), bytes_count); /* taken back */
	assert_granted(link_prevalidator(), last);
	name = name_of(last);
	send_revoke(1, &name); /* is shorter: fits */
	confirm(link_sequencer(&key), &name);
	assert_int_equal(expect_answer(1), ERR_OK);
	restart();
	assert_granted(link_prevalidator(), token);
	assert_refused(link_prevalidator(), last, 403, "the token is revoked");
	harness_stop(&h);
	assert_int_equal(umount(path), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(a_keyring_with_any_byte_changed_is_refused),
		CASE(a_record_that_the_end_cuts_off_was_never_acknowledged),
		CASE(a_keyring_cut_before_its_first_key_is_refused_and_left_alone),
		CASE(a_lost_keyring_is_never_made_anew_beside_other_files),
		CASE(a_keyring_open_to_others_is_refused),
		CASE(a_keyring_of_another_user_is_refused),
		CASE(a_keyring_that_is_a_link_or_no_file_is_refused),
		CASE(an_old_root_key_verifies_for_thirty_days_after_the_next),
		CASE(capabilities_that_share_a_slot_are_told_apart),
		CASE(a_record_that_contradicts_those_before_it_is_damage),
		CASE(a_keyring_without_its_beginning_is_damage),
		CASE(a_full_disk_refuses_a_token_and_harms_none),
	};

	return cmocka_run_group_tests_name("kms keyring", tests, NULL, NULL);
}
