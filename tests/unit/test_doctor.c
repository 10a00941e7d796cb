/* What doctor makes of numbers that a test cannot bring about everywhere: space, owners and modes.
 */
#include "cli/doctor_disk.h"
#include "cli/doctor_owners.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#define MIB UINT64_C(1048576)

static void space_is_judged_at_the_reserve_and_at_twice_it(void **state)
{
	const uint64_t reserve = 256 * MIB;
	const char *why = NULL;

	(void)state;
	assert_int_equal(doctor_disk_space(reserve - 1, reserve, 1000, 1000, &why), FINDING_IS_BAD);
	assert_int_equal(doctor_disk_space(reserve, reserve, 1000, 1000, &why), FINDING_IS_WEAKER);
	assert_int_equal(
		doctor_disk_space(2 * reserve - 1, reserve, 1000, 1000, &why), FINDING_IS_WEAKER);
	assert_int_equal(doctor_disk_space(2 * reserve, reserve, 1000, 1000, &why), FINDING_IS_OK);
	assert_string_equal(why, "");
	assert_int_equal(
		doctor_disk_space(UINT64_MAX, UINT64_MAX, 1000, 1000, &why), FINDING_IS_WEAKER);
}

static void a_file_system_without_inodes_is_full(void **state)
{
	const char *why = NULL;

	(void)state;
	assert_int_equal(doctor_disk_space(MIB, 1, 0, 1000, &why), FINDING_IS_BAD);
	assert_int_equal(doctor_disk_space(MIB, 1, 63, 1000, &why), FINDING_IS_BAD);
	assert_int_equal(doctor_disk_space(MIB, 1, 64, 1000, &why), FINDING_IS_OK);
	assert_int_equal(doctor_disk_space(MIB, 1, 0, 0, &why), FINDING_IS_OK); /* btrfs */
}

/* As the file of uid 7, mode 0640, is found. */
static enum finding_result judged(uid_t uid, mode_t mode, bool holds_secret)
{
	const struct doctor_owner wanted = { 7, S_IFREG | 0640 };
	const struct doctor_owner found = { uid, mode };
	const char *why = NULL;
	enum finding_result result = doctor_owners_judge(&wanted, &found, holds_secret, &why);

	assert_non_null(why);
	assert_int_equal(why[0] == '\0', result == FINDING_IS_OK);
	return result;
}

static void modes_may_be_stricter_and_not_laxer(void **state)
{
	(void)state;
	assert_int_equal(judged(7, S_IFREG | 0640, false), FINDING_IS_OK);
	assert_int_equal(judged(7, S_IFREG | 0600, true), FINDING_IS_OK);
	assert_int_equal(judged(7, S_IFREG | 0644, false), FINDING_IS_WEAKER);
	assert_int_equal(judged(7, S_IFREG | 0660, false), FINDING_IS_WEAKER);
	assert_int_equal(judged(7, S_IFREG | 0644, true), FINDING_IS_BAD);
	assert_int_equal(judged(7, S_IFREG | 0642, false), FINDING_IS_BAD);
	assert_int_equal(judged(7, S_IFREG | 0440, false), FINDING_IS_BAD);
	assert_int_equal(judged(7, S_IFREG | 0040, false), FINDING_IS_BAD);
}

static void another_user_or_type_is_bad(void **state)
{
	(void)state;
	assert_int_equal(judged(8, S_IFREG | 0640, false), FINDING_IS_BAD);
	assert_int_equal(judged(7, S_IFDIR | 0640, false), FINDING_IS_BAD);
	assert_int_equal(judged(7, S_IFLNK | 0640, false), FINDING_IS_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(space_is_judged_at_the_reserve_and_at_twice_it),
		cmocka_unit_test(a_file_system_without_inodes_is_full),
		cmocka_unit_test(modes_may_be_stricter_and_not_laxer),
		cmocka_unit_test(another_user_or_type_is_bad),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
