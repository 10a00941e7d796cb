#include "core/note.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <nettle/eddsa.h>

#include <cmocka.h>

#include "common/ed25519.h"
#include "core/merkle.h"

#define DASH "\xe2\x80\x94 "

/* The example of C2SP signed-note. */
#define EXAMPLE_VKEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define EXAMPLE_LINE                                                                    \
	DASH "example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E" \
	     "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n"
#define EXAMPLE_NOTE "This is an example message.\n\n" EXAMPLE_LINE

/* The example of C2SP tlog-checkpoint. */
#define CHECKPOINT                                \
	"example.com/behind-the-sofa\n20852163\n" \
	"CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
#define CHECKPOINT_LINE                                                                     \
	DASH "example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe" \
	     "4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=\n"

/* Text that holds no NUL. */
static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static bool is(struct slice slice, const char *text)
{
	return slice.bytes_count == strlen(text) &&
	       (slice.bytes_count == 0 || memcmp(slice.bytes, text, slice.bytes_count) == 0);
}

static enum note_fault parse(const char *text)
{
	struct note note;

	return note_parse(slice_of(text), &note);
}

static enum note_fault verify(const char *text, const char *key)
{
	struct note_vkey vkey;
	struct note note;

	assert_int_equal(note_vkey_parse(slice_of(key), &vkey), NOTE_OK);
	assert_int_equal(note_parse(slice_of(text), &note), NOTE_OK);
	return note_verify(&note, &vkey, ed25519_verify);
}

/* ---- keys ---- */

static void the_example_key_is_read_and_written(void **state)
{
	char text[NOTE_VKEY_BYTES_MAX];
	struct note_vkey vkey;

	(void)state;
	assert_int_equal(note_vkey_parse(slice_of(EXAMPLE_VKEY), &vkey), NOTE_OK);
	assert_true(is(vkey.name, "example.com/foo"));
	assert_int_equal(vkey.key_id, 0x530d903a);
	assert_int_equal(note_key_id(vkey.name, vkey.public_key), 0x530d903a);
	assert_int_equal(note_vkey_print(&vkey, text), strlen(EXAMPLE_VKEY));
	assert_string_equal(text, EXAMPLE_VKEY);
}

static void a_key_that_is_none_is_told_what_it_lacks(void **state)
{
	static const struct {
		const char *text;
		enum note_fault fault;
	} cases[] = {
		{ "", NOTE_VKEY },
		{ "example.com/foo", NOTE_VKEY },
		{ "example.com/foo+530d903a", NOTE_VKEY },
		{ "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", NOTE_VKEY },
		{ "a b+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", NOTE_VKEY },
		{ "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
			NOTE_VKEY },
		{ "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
			NOTE_VKEY },
		{ "example.com/foo+530d903a+", NOTE_VKEY },
		{ "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
			NOTE_VKEY },
		{ "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k\n",
			NOTE_VKEY },
		/* The public key is one byte short; one byte long; of a witness (type 4). */
		{ "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=",
			NOTE_VKEY_TYPE },
		{ "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2kAA==",
			NOTE_VKEY_TYPE },
		{ "example.com/foo+530d903a+BOkyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
			NOTE_VKEY_TYPE },
		{ "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
			NOTE_VKEY_ID },
		{ "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
			NOTE_VKEY_ID },
	};
	struct note_vkey vkey;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(note_vkey_parse(slice_of(cases[i].text), &vkey), cases[i].fault);
	}
}

static void names_have_no_space_of_any_kind_and_no_plus(void **state)
{
	static const char *const good[] = { "a", "example.com/log42", "gr\xc3\xbc\xc3\x9f.example",
		"\xe2\x80\x8b" /* U+200B is no space */, "a\x7f" };
	static const char *const bad[] = { "", "a b", " a", "a ", "a+b", "a\tb", "a\nb",
		"a\xc2\x85", "\xc2\xa0", "a\xe1\x9a\x80z", "\xe2\x80\x80", "\xe2\x80\x85",
		"\xe2\x80\x8a", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xaf", "\xe2\x81\x9f",
		"\xe3\x80\x80", "\xc3" /* cut */, "\xff" };
	char longest[NOTE_NAME_BYTES_MAX + 1];

	(void)state;
	for (size_t i = 0; i < COUNT_OF(good); i++) {
		assert_true(note_name_is_valid(slice_of(good[i])));
	}
	for (size_t i = 0; i < COUNT_OF(bad); i++) {
		assert_false(note_name_is_valid(slice_of(bad[i])));
	}
	memset(longest, 'a', sizeof longest);
	assert_true(note_name_is_valid(
		(struct slice){ (const uint8_t *)longest, NOTE_NAME_BYTES_MAX }));
	assert_false(
		note_name_is_valid((struct slice){ (const uint8_t *)longest, sizeof longest }));
}

static void names_that_look_like_our_first_lines_are_reserved(void **state)
{
	static const char *const reserved[] = { "macronode.audit/v1", "macronode.snapshot/v1",
		"macronode.anything/v", "macronode./v9", "macronode.local/x/v2" };
	static const char *const free_names[] = { "", "macronode", "macronode.", "macronode.local",
		"macronode.local/00ff", "macronode/v1", "ledger.example/v1",
		"xmacronode.audit/v1" };

	(void)state;
	for (size_t i = 0; i < COUNT_OF(reserved); i++) {
		assert_true(note_name_is_reserved(slice_of(reserved[i])));
	}
	for (size_t i = 0; i < COUNT_OF(free_names); i++) {
		assert_false(note_name_is_reserved(slice_of(free_names[i])));
	}
}

/* ---- notes ---- */

static void the_example_note_verifies(void **state)
{
	struct note note;

	(void)state;
	assert_int_equal(note_parse(slice_of(EXAMPLE_NOTE), &note), NOTE_OK);
	assert_true(is(note.text, "This is an example message.\n"));
	assert_int_equal(note.signature_count, 1);
	assert_true(is(note.signatures[0].name, "example.com/foo"));
	assert_int_equal(note.signatures[0].key_id, 0x530d903a);
	assert_int_equal(verify(EXAMPLE_NOTE, EXAMPLE_VKEY), NOTE_OK);
}

/* Goal: whatever single bit of a note is flipped, it does not verify any more. */
static void no_flipped_bit_of_a_note_verifies(void **state)
{
	char text[sizeof EXAMPLE_NOTE];
	struct note_vkey vkey;
	struct note note;

	(void)state;
	assert_int_equal(note_vkey_parse(slice_of(EXAMPLE_VKEY), &vkey), NOTE_OK);
	for (size_t bit = 0; bit < 8 * (sizeof text - 1); bit++) {
		struct slice bytes = { (const uint8_t *)text, sizeof text - 1 };

		memcpy(text, EXAMPLE_NOTE, sizeof text);
		text[bit / 8] ^= (char)(1u << bit % 8);
		assert_false(note_parse(bytes, &note) == NOTE_OK &&
			     note_verify(&note, &vkey, ed25519_verify) == NOTE_OK);
	}
}

static void no_cut_note_parses(void **state)
{
	struct note note;

	(void)state;
	for (size_t cut = 0; cut < strlen(EXAMPLE_NOTE); cut++) {
		struct slice bytes = { (const uint8_t *)EXAMPLE_NOTE, cut };

		assert_int_not_equal(note_parse(bytes, &note), NOTE_OK);
	}
}

static void signatures_of_strangers_are_ignored_but_each_of_ours_must_verify(void **state)
{
	static const char forged[] =
		DASH "example.com/foo Uw2QOgAAAAB1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
		     "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
	static const char short_one[] = DASH "example.com/foo Uw2QOgA=\n";
	static const char other_name[] =
		DASH "example.com/bar Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1E"
		     "RYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
	static const char other_id[] = DASH "example.com/foo AAAAAAA=\n";
	char text[2048];

	(void)state;
	(void)snprintf(text, sizeof text, "%s%s%s", EXAMPLE_NOTE, other_name, other_id);
	assert_int_equal(verify(text, EXAMPLE_VKEY), NOTE_OK);
	(void)snprintf(text, sizeof text, "%s%s", EXAMPLE_NOTE, EXAMPLE_LINE);
	assert_int_equal(verify(text, EXAMPLE_VKEY), NOTE_OK);
	(void)snprintf(text, sizeof text, "%s%s", EXAMPLE_NOTE, forged);
	assert_int_equal(verify(text, EXAMPLE_VKEY), NOTE_FORGED);
	(void)snprintf(text, sizeof text, "%s%s", EXAMPLE_NOTE, short_one);
	assert_int_equal(verify(text, EXAMPLE_VKEY), NOTE_FORGED);
	(void)snprintf(text, sizeof text, "text\n\n%s%s", other_name, other_id);
	assert_int_equal(verify(text, EXAMPLE_VKEY), NOTE_OTHER_KEY);
}

static void a_note_that_is_none_is_told_what_it_lacks(void **state)
{
	(void)state;
	assert_int_equal(parse(""), NOTE_UNPARTED);
	assert_int_equal(parse("text\n"), NOTE_UNPARTED);
	assert_int_equal(parse("text\n" EXAMPLE_LINE), NOTE_UNPARTED);
	assert_int_equal(parse("text\n\n"), NOTE_UNSIGNED);
	assert_int_equal(parse("te\txt\n\n" EXAMPLE_LINE), NOTE_CHARACTER);
	assert_int_equal(parse("text\r\n\n" EXAMPLE_LINE), NOTE_CHARACTER);
	assert_int_equal(parse("te\xc3xt\n\n" EXAMPLE_LINE), NOTE_CHARACTER);
	assert_int_equal(parse("text\n\nexample.com/foo AAAAAAA=\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n- example.com/foo AAAAAAA=\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH "\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH "name\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH " AAAAAAA=\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH "a+b AAAAAAA=\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH "name AAAAAAA\n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(
		parse("text\n\n" DASH "name AAAAAA==\n"), NOTE_SIGNATURE_LINE); /* id only */
	assert_int_equal(parse("text\n\n" DASH "name AAAAAAA= \n"), NOTE_SIGNATURE_LINE);
	assert_int_equal(parse("text\n\n" DASH "name AAAAAAA="), NOTE_SIGNATURE_LINE);
}

static void texts_may_have_empty_lines_and_look_like_signatures(void **state)
{
	struct note note;

	(void)state;
	assert_int_equal(
		note_parse(slice_of("a\n\n" EXAMPLE_LINE "\n" EXAMPLE_LINE), &note), NOTE_OK);
	assert_true(is(note.text, "a\n\n" EXAMPLE_LINE));
	assert_int_equal(note.signature_count, 1);
}

static void sixteen_signatures_are_taken_and_no_more(void **state)
{
	char text[32 * (NOTE_SIGNATURES_MAX + 1) + 8] = "text\n\n";
	struct note note;

	(void)state;
	for (size_t i = 0; i < NOTE_SIGNATURES_MAX; i++) {
		(void)strncat(text, DASH "name AAAAAAA=\n", sizeof text - strlen(text) - 1);
	}
	assert_int_equal(note_parse(slice_of(text), &note), NOTE_OK);
	assert_int_equal(note.signature_count, NOTE_SIGNATURES_MAX);
	(void)strncat(text, DASH "name AAAAAAA=\n", sizeof text - strlen(text) - 1);
	assert_int_equal(note_parse(slice_of(text), &note), NOTE_SIGNATURE_COUNT);
}

static void a_note_over_the_bound_is_refused_unread(void **state)
{
	static uint8_t zeros[NOTE_BYTES_MAX + 1];
	struct note note;

	(void)state;
	assert_int_equal(
		note_parse((struct slice){ zeros, NOTE_BYTES_MAX }, &note), NOTE_CHARACTER);
	assert_int_equal(
		note_parse((struct slice){ zeros, NOTE_BYTES_MAX + 1 }, &note), NOTE_TOO_LARGE);
}

static void what_is_signed_and_printed_here_verifies(void **state)
{
	static const uint8_t secret[ED25519_KEY_SIZE] = { 1, 2, 3 };
	char origin[ORIGIN_BYTES_MAX + 1] = { 0 };
	char text[NOTE_TEXT_BYTES_MAX], signed_note[NOTE_SIGNED_BYTES_MAX];
	char line[NOTE_SIGNATURE_LINE_BYTES_MAX], key[NOTE_VKEY_BYTES_MAX];
	uint8_t public_key[NOTE_PUBLIC_KEY_BYTES], signature[NOTE_SIGNATURE_BYTES];
	struct note_snapshot snapshot = { .first_seq = MERKLE_SIZE_MAX, .size = MERKLE_SIZE_MAX };
	struct note_vkey vkey;
	size_t text_bytes, note_bytes, line_bytes;

	(void)state;
	memset(origin, 'o', ORIGIN_BYTES_MAX); /* the longest that there can be */
	snapshot.origin = slice_of(origin);
	text_bytes = note_snapshot_print(&snapshot, text);
	assert_int_equal(text_bytes, strlen(text));
	ed25519_sha512_public_key(public_key, secret);
	ed25519_sha512_sign(public_key, secret, text_bytes, (const uint8_t *)text, signature);
	vkey = note_vkey_of(snapshot.origin, public_key);
	(void)note_vkey_print(&vkey, key);
	note_bytes = note_print(slice_of(text), vkey.name, vkey.key_id, signature, signed_note);
	assert_int_equal(note_bytes, strlen(signed_note));
	line_bytes = note_signature_print(vkey.name, vkey.key_id, signature, line);
	assert_int_equal(line_bytes, strlen(line));
	assert_int_equal(note_bytes, text_bytes + 1 + line_bytes);
	assert_string_equal(signed_note + text_bytes + 1, line);
	assert_int_equal(verify(signed_note, key), NOTE_OK);
}

/* ---- texts ---- */

static void the_example_checkpoint_is_read_and_written(void **state)
{
	struct note_checkpoint checkpoint;
	char text[NOTE_TEXT_BYTES_MAX];
	struct note note;

	(void)state;
	assert_int_equal(note_parse(slice_of(CHECKPOINT "\n" CHECKPOINT_LINE), &note), NOTE_OK);
	assert_int_equal(note_checkpoint_parse(note.text, &checkpoint), NOTE_OK);
	assert_true(is(checkpoint.origin, "example.com/behind-the-sofa"));
	assert_int_equal(checkpoint.size, 20852163);
	assert_int_equal(checkpoint.root.bytes[0], 0x0a);
	assert_int_equal(checkpoint.root.bytes[31], 0x62);
	assert_int_equal(checkpoint.extensions.bytes_count, 0);
	assert_int_equal(note_checkpoint_print(&checkpoint, text), strlen(CHECKPOINT));
	assert_string_equal(text, CHECKPOINT);
}

#define ZEROS "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

static void a_checkpoint_that_is_none_is_told_what_it_lacks(void **state)
{
	static const struct {
		const char *text;
		enum note_fault fault;
	} cases[] = {
		{ "o\n0\n" ZEROS "\n", NOTE_OK },
		{ "o\n9223372036854775807\n" ZEROS "\n", NOTE_OK },
		{ "a b+c\n1\n" ZEROS "\n", NOTE_OK }, /* an origin may be no key name */
		{ "", NOTE_LINES },
		{ "o\n", NOTE_LINES },
		{ "o\n1\n", NOTE_LINES },
		{ "o\n1\n" ZEROS, NOTE_LINES },
		{ "\n1\n" ZEROS "\n", NOTE_ORIGIN },
		{ "o\n\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n01\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n+1\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n-1\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n1 \n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n9223372036854775808\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n18446744073709551617\n" ZEROS "\n", NOTE_NUMBER },
		{ "o\n1\n\n", NOTE_HASH },
		{ "o\n1\nAAAA\n", NOTE_HASH },
		{ "o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n", NOTE_HASH },
		{ "o\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", NOTE_HASH },
		{ "o\n1\n" ZEROS " \n", NOTE_HASH },
		{ "o\n1\n" ZEROS "\n\n", NOTE_EXTENSION },
		{ "o\n1\n" ZEROS "\nmore\n\n", NOTE_EXTENSION },
		{ "o\n1\n" ZEROS "\nmore", NOTE_LINES },
	};
	struct note_checkpoint checkpoint;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(cases); i++) {
		assert_int_equal(note_checkpoint_parse(slice_of(cases[i].text), &checkpoint),
			cases[i].fault);
	}
	assert_int_equal(
		note_checkpoint_parse(slice_of("o\n1\n" ZEROS "\nmore\nlines\n"), &checkpoint),
		NOTE_OK);
	assert_true(is(checkpoint.extensions, "more\nlines\n"));
}

static void audit_texts_are_read_and_written(void **state)
{
	static const char text[] = "macronode.audit/v1\nledger.example\n7\n" ZEROS "\n";
	char again[NOTE_TEXT_BYTES_MAX];
	struct note_audit audit;

	(void)state;
	assert_int_equal(note_audit_parse(slice_of(text), &audit), NOTE_OK);
	assert_true(is(audit.origin, "ledger.example"));
	assert_int_equal(audit.count, 7);
	assert_int_equal(note_audit_print(&audit, again), strlen(text));
	assert_string_equal(again, text);
	assert_int_equal(note_audit_parse(slice_of("o\n7\n" ZEROS "\n"), &audit), NOTE_HEADER);
	assert_int_equal(
		note_audit_parse(slice_of("macronode.audit/v2\no\n7\n" ZEROS "\n"), &audit),
		NOTE_HEADER);
	assert_int_equal(
		note_audit_parse(slice_of("macronode.audit/v1\no\n7\n" ZEROS "\nx\n"), &audit),
		NOTE_LINES);
}

static void snapshot_texts_are_read_and_written(void **state)
{
	static const char text[] = "macronode.snapshot/v1\nledger.example\n1\n12\n" ZEROS "\n"
				   "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
	char again[NOTE_TEXT_BYTES_MAX];
	struct note_snapshot snapshot;

	(void)state;
	assert_int_equal(note_snapshot_parse(slice_of(text), &snapshot), NOTE_OK);
	assert_int_equal(snapshot.first_seq, 1);
	assert_int_equal(snapshot.size, 12);
	assert_int_equal(snapshot.manifest_sha256.bytes[0], 0x0a);
	assert_int_equal(note_snapshot_print(&snapshot, again), strlen(text));
	assert_string_equal(again, text);
	for (size_t cut = 0; cut < strlen(text); cut++) {
		assert_int_not_equal(
			note_snapshot_parse(
				(struct slice){ (const uint8_t *)text, cut }, &snapshot),
			NOTE_OK);
	}
}

/* Goal: no text of one kind is one of another kind as well. */
static void the_three_kinds_of_text_are_never_each_other(void **state)
{
	struct note_checkpoint checkpoint;
	struct note_snapshot snapshot;
	struct note_audit audit;
	char text[NOTE_TEXT_BYTES_MAX];

	(void)state;
	audit = (struct note_audit){ .origin = slice_of("ledger.example"), .count = 1 };
	(void)note_audit_print(&audit, text);
	assert_int_not_equal(note_checkpoint_parse(slice_of(text), &checkpoint), NOTE_OK);
	assert_int_not_equal(note_snapshot_parse(slice_of(text), &snapshot), NOTE_OK);
	/* The case that note_name_is_reserved is there for: this name's checkpoint is an audit
	 * text of the origin "1", but for its third line. */
	checkpoint =
		(struct note_checkpoint){ .origin = slice_of("macronode.audit/v1"), .size = 1 };
	(void)note_checkpoint_print(&checkpoint, text);
	assert_int_equal(note_audit_parse(slice_of(text), &audit), NOTE_NUMBER);
	assert_true(note_name_is_reserved(checkpoint.origin));
}

static void each_fault_has_a_sentence(void **state)
{
	(void)state;
	for (enum note_fault fault = NOTE_OK; fault < NOTE_FAULT_COUNT; fault++) {
		assert_true(strlen(note_fault_text(fault)) > 8);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_key_is_read_and_written),
		cmocka_unit_test(a_key_that_is_none_is_told_what_it_lacks),
		cmocka_unit_test(names_have_no_space_of_any_kind_and_no_plus),
		cmocka_unit_test(names_that_look_like_our_first_lines_are_reserved),
		cmocka_unit_test(the_example_note_verifies),
		cmocka_unit_test(no_flipped_bit_of_a_note_verifies),
		cmocka_unit_test(no_cut_note_parses),
		cmocka_unit_test(signatures_of_strangers_are_ignored_but_each_of_ours_must_verify),
		cmocka_unit_test(a_note_that_is_none_is_told_what_it_lacks),
		cmocka_unit_test(texts_may_have_empty_lines_and_look_like_signatures),
		cmocka_unit_test(sixteen_signatures_are_taken_and_no_more),
		cmocka_unit_test(a_note_over_the_bound_is_refused_unread),
		cmocka_unit_test(what_is_signed_and_printed_here_verifies),
		cmocka_unit_test(the_example_checkpoint_is_read_and_written),
		cmocka_unit_test(a_checkpoint_that_is_none_is_told_what_it_lacks),
		cmocka_unit_test(audit_texts_are_read_and_written),
		cmocka_unit_test(snapshot_texts_are_read_and_written),
		cmocka_unit_test(the_three_kinds_of_text_are_never_each_other),
		cmocka_unit_test(each_fault_has_a_sentence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
