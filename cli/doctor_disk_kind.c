#include <linux/magic.h>

#include "cli/doctor_disk.h"

#include "common/check.h"

/* Not in every linux/magic.h. */
#define MAGIC_CIFS  0xFF534D42u
#define MAGIC_SMB3  0xFE534D42u
#define MAGIC_GFS2  0x01161970u
#define MAGIC_OCFS2 0x7461636Fu
#define MAGIC_GPFS  0x47504653u
#define MAGIC_LUSTR 0x0BD00BD0u
#define MAGIC_FUSE  0x65735546u
#define MAGIC_ZFS   0x2FC12FC1u
#define MAGIC_EXFAT 0x2011BAB0u
#define MAGIC_XFS   0x58465342u
#define MAGIC_F2FS  0xF2F52010u

/* Files that the store, its log and a run of the node make, and some room. */
#define FILES_FREE_MIN 64u

#define NETWORK "a network file system: its locks and syncs are another machine's promise"
#define MODES   "has no owners and modes: each worker could read the keys"
#define MEMORY  "is memory: the ledger ends with the machine; amnesia.enabled says that aloud"

static const struct {
	uint64_t magic;
	struct doctor_disk_kind kind;
} kinds[] = {
	{ EXT4_SUPER_MAGIC, { "ext2/3/4", FINDING_IS_OK, "" } },
	{ MAGIC_XFS, { "xfs", FINDING_IS_OK, "" } },
	{ BTRFS_SUPER_MAGIC, { "btrfs", FINDING_IS_OK, "" } },
	{ MAGIC_ZFS, { "zfs", FINDING_IS_OK, "" } },
	{ MAGIC_F2FS, { "f2fs", FINDING_IS_OK, "" } },
	{ OVERLAYFS_SUPER_MAGIC,
		{ "overlayfs", FINDING_IS_WEAKER, "a layer that ends with its container" } },
	{ MAGIC_FUSE,
		{ "fuse", FINDING_IS_WEAKER, "how it locks and syncs is up to another program" } },
	{ TMPFS_MAGIC, { "tmpfs", FINDING_IS_WEAKER, MEMORY } },
	{ RAMFS_MAGIC, { "ramfs", FINDING_IS_WEAKER, MEMORY } },
	{ MSDOS_SUPER_MAGIC, { "fat", FINDING_IS_BAD, MODES } },
	{ MAGIC_EXFAT, { "exfat", FINDING_IS_BAD, MODES } },
	{ NFS_SUPER_MAGIC, { "nfs", FINDING_IS_BAD, NETWORK } },
	{ SMB_SUPER_MAGIC, { "smb", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_CIFS, { "cifs", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_SMB3, { "smb3", FINDING_IS_BAD, NETWORK } },
	{ AFS_SUPER_MAGIC, { "afs", FINDING_IS_BAD, NETWORK } },
	{ CODA_SUPER_MAGIC, { "coda", FINDING_IS_BAD, NETWORK } },
	{ V9FS_MAGIC, { "9p", FINDING_IS_BAD, NETWORK } },
	{ CEPH_SUPER_MAGIC, { "ceph", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_GFS2, { "gfs2", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_OCFS2, { "ocfs2", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_GPFS, { "gpfs", FINDING_IS_BAD, NETWORK } },
	{ MAGIC_LUSTR, { "lustre", FINDING_IS_BAD, NETWORK } },
};

struct doctor_disk_kind doctor_disk_kind(uint64_t magic)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].magic == magic) {
			return kinds[i].kind;
		}
	}
	return (struct doctor_disk_kind){ "", FINDING_IS_UNKNOWN,
		"of a kind that nothing is known about here" };
}

enum finding_result doctor_disk_space(uint64_t free_bytes, uint64_t reserve_bytes,
	uint64_t files_free, uint64_t files_total, const char **ret_why)
{
	if (free_bytes < reserve_bytes) {
		*ret_why = "below engine.disk_reserve: nothing is appended";
		return FINDING_IS_BAD;
	}
	if (files_total > 0 && files_free < FILES_FREE_MIN) {
		*ret_why = "hardly a file can be made: no inodes are left";
		return FINDING_IS_BAD;
	}
	if (free_bytes / 2 < reserve_bytes) {
		*ret_why = "below twice engine.disk_reserve: no object is put, and soon nothing "
			   "is appended";
		return FINDING_IS_WEAKER;
	}
	*ret_why = "";
	return FINDING_IS_OK;
}
