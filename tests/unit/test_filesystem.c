#include "supervisor/filesystem.h"

#include <linux/magic.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void network_file_systems_are_refused_by_name(void **state)
{
	static const struct {
		uint64_t magic;
		const char *name;
	} networks[] = { { NFS_SUPER_MAGIC, "nfs" }, { SMB_SUPER_MAGIC, "smb" },
		{ 0xFF534D42u, "cifs" }, { 0xFE534D42u, "smb3" }, { V9FS_MAGIC, "9p" },
		{ CEPH_SUPER_MAGIC, "ceph" }, { AFS_SUPER_MAGIC, "afs" } };

	(void)state;
	for (size_t i = 0; i < sizeof networks / sizeof networks[0]; i++) {
		struct filesystem_kind kind = filesystem_kind(networks[i].magic);

		assert_int_equal(kind.verdict, FILESYSTEM_REFUSED);
		assert_string_equal(kind.name, networks[i].name);
		assert_true(strlen(kind.why) > 0);
	}
}

static void disks_are_good_memory_is_weaker_and_the_rest_is_not_known(void **state)
{
	(void)state;
	assert_int_equal(filesystem_kind(EXT4_SUPER_MAGIC).verdict, FILESYSTEM_GOOD);
	assert_int_equal(filesystem_kind(BTRFS_SUPER_MAGIC).verdict, FILESYSTEM_GOOD);
	assert_int_equal(filesystem_kind(0x58465342u).verdict, FILESYSTEM_GOOD);
	assert_int_equal(filesystem_kind(TMPFS_MAGIC).verdict, FILESYSTEM_WEAKER);
	assert_int_equal(filesystem_kind(MSDOS_SUPER_MAGIC).verdict, FILESYSTEM_REFUSED);
	assert_int_equal(filesystem_kind(0x12345678u).verdict, FILESYSTEM_UNKNOWN);
	assert_string_equal(filesystem_kind(0x12345678u).name, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(network_file_systems_are_refused_by_name),
		cmocka_unit_test(disks_are_good_memory_is_weaker_and_the_rest_is_not_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
