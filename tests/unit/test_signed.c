/* What the node key signed, as bytes: which of two sectors counts, and what is damage. */
#include "core/signed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t file[SIGNED_FILE_BYTES];

static struct signed_mark mark_of(uint64_t count)
{
	struct signed_mark mark = { .count = count, .size = 1000 - count };

	memset(&mark.root, (int)count, sizeof mark.root);
	memset(&mark.public_key, 7, sizeof mark.public_key);
	return mark;
}

static void write_mark(uint64_t count)
{
	struct signed_mark mark = mark_of(count);

	signed_mark_encode(&mark, file + (count - 1) % 2 * SIGNED_SECTOR_BYTES);
}

static void assert_newest(uint64_t count)
{
	struct signed_mark wanted = mark_of(count), found;

	assert_int_equal(signed_newest(file, &found), ERR_OK);
	assert_int_equal(found.count, wanted.count);
	assert_int_equal(found.size, wanted.size);
	assert_memory_equal(&found.root, &wanted.root, HASH_BYTES);
	assert_memory_equal(&found.public_key, &wanted.public_key, HASH_BYTES);
}

static void assert_corrupt(void)
{
	struct signed_mark found;

	assert_int_equal(signed_newest(file, &found), ERR_CORRUPT);
}

/* Goal: the layout is what docs/formats.md says. */
static void a_mark_has_its_bytes(void **state)
{
	static const uint8_t head[24] = { 'm', 'n', 's', 'i', 'g', 'n', 0, 1, 3, 0, 0, 0, 0, 0, 0,
		0, 0xe5, 0x03, 0, 0, 0, 0, 0, 0 };

	(void)state;
	memset(file, 0, sizeof file);
	write_mark(3);
	assert_memory_equal(file, head, sizeof head);
	for (size_t i = 24; i < 56; i++) {
		assert_int_equal(file[i], 3);
		assert_int_equal(file[i + 32], 7);
	}
}

static void the_larger_count_is_the_newer_mark_and_not_the_larger_size(void **state)
{
	(void)state;
	memset(file, 0, sizeof file);
	for (uint64_t count = 1; count < 20; count++) {
		write_mark(count);
		assert_newest(count);
	}
}

/* Goal: a write that was cut anywhere leaves the mark before. */
static void a_torn_write_leaves_the_mark_before(void **state)
{
	static uint8_t before[SIGNED_FILE_BYTES];

	(void)state;
	for (uint64_t count = 2; count < 6; count++) {
		size_t at = (count - 1) % 2 * SIGNED_SECTOR_BYTES;

		memset(file, 0, sizeof file);
		for (uint64_t i = 1; i < count; i++) {
			write_mark(i);
		}
		memcpy(before, file, sizeof file);
		for (size_t cut = 0; cut < SIGNED_MARK_BYTES; cut++) {
			memcpy(file, before, sizeof file);
			write_mark(count);
			memcpy(file + at + cut, before + at + cut, SIGNED_MARK_BYTES - cut);
			assert_newest(count - 1);
		}
	}
}

static void every_changed_byte_is_found(void **state)
{
	(void)state;
	memset(file, 0, sizeof file);
	write_mark(1);
	write_mark(2);
	for (size_t i = 0; i < SIGNED_MARK_BYTES; i++) {
		file[SIGNED_SECTOR_BYTES + i] ^= 0x20;
		assert_newest(1);
		file[i] ^= 0x20;
		assert_corrupt();
		file[i] ^= 0x20;
		file[SIGNED_SECTOR_BYTES + i] ^= 0x20;
	}
	assert_newest(2);
}

/* Goal: no file that no sequence of writes leaves is believed. */
static void marks_that_contradict_each_other_are_damage(void **state)
{
	(void)state;
	memset(file, 0, sizeof file);
	assert_corrupt(); /* never written at all */
	write_mark(2);
	assert_corrupt(); /* without a first */
	write_mark(1);
	assert_newest(2);
	write_mark(5);
	assert_corrupt(); /* the one between is lost */
	memset(file, 0, sizeof file);
	write_mark(3);
	assert_corrupt();
	memset(file, 0, sizeof file);
	write_mark(1);
	memcpy(file + SIGNED_SECTOR_BYTES, file, SIGNED_MARK_BYTES);
	assert_newest(1); /* a copy in the other sector is no mark there */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_mark_has_its_bytes),
		cmocka_unit_test(the_larger_count_is_the_newer_mark_and_not_the_larger_size),
		cmocka_unit_test(a_torn_write_leaves_the_mark_before),
		cmocka_unit_test(every_changed_byte_is_found),
		cmocka_unit_test(marks_that_contradict_each_other_are_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
