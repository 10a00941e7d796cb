#include "supervisor/filesystem.h"

#include <linux/magic.h>
#include <stddef.h>

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

#define NETWORK "a network file system: its locks and syncs are another machine's promise"
#define MODES   "has no owners and modes: each worker could read the keys"
#define MEMORY  "is memory: the ledger ends with the machine; amnesia.enabled says that aloud"

static const struct {
	uint64_t magic;
	struct filesystem_kind kind;
} kinds[] = {
	{ EXT4_SUPER_MAGIC, { "ext2/3/4", FILESYSTEM_GOOD, "" } },
	{ MAGIC_XFS, { "xfs", FILESYSTEM_GOOD, "" } },
	{ BTRFS_SUPER_MAGIC, { "btrfs", FILESYSTEM_GOOD, "" } },
	{ MAGIC_ZFS, { "zfs", FILESYSTEM_GOOD, "" } },
	{ MAGIC_F2FS, { "f2fs", FILESYSTEM_GOOD, "" } },
	{ OVERLAYFS_SUPER_MAGIC,
		{ "overlayfs", FILESYSTEM_WEAKER, "a layer that ends with its container" } },
	{ MAGIC_FUSE,
		{ "fuse", FILESYSTEM_WEAKER, "how it locks and syncs is up to another program" } },
	{ TMPFS_MAGIC, { "tmpfs", FILESYSTEM_WEAKER, MEMORY } },
	{ RAMFS_MAGIC, { "ramfs", FILESYSTEM_WEAKER, MEMORY } },
	{ MSDOS_SUPER_MAGIC, { "fat", FILESYSTEM_REFUSED, MODES } },
	{ MAGIC_EXFAT, { "exfat", FILESYSTEM_REFUSED, MODES } },
	{ NFS_SUPER_MAGIC, { "nfs", FILESYSTEM_REFUSED, NETWORK } },
	{ SMB_SUPER_MAGIC, { "smb", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_CIFS, { "cifs", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_SMB3, { "smb3", FILESYSTEM_REFUSED, NETWORK } },
	{ AFS_SUPER_MAGIC, { "afs", FILESYSTEM_REFUSED, NETWORK } },
	{ CODA_SUPER_MAGIC, { "coda", FILESYSTEM_REFUSED, NETWORK } },
	{ V9FS_MAGIC, { "9p", FILESYSTEM_REFUSED, NETWORK } },
	{ CEPH_SUPER_MAGIC, { "ceph", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_GFS2, { "gfs2", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_OCFS2, { "ocfs2", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_GPFS, { "gpfs", FILESYSTEM_REFUSED, NETWORK } },
	{ MAGIC_LUSTR, { "lustre", FILESYSTEM_REFUSED, NETWORK } },
};

struct filesystem_kind filesystem_kind(uint64_t magic)
{
	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (kinds[i].magic == magic) {
			return kinds[i].kind;
		}
	}
	return (struct filesystem_kind){ "", FILESYSTEM_UNKNOWN,
		"of a kind that nothing is known about here" };
}
