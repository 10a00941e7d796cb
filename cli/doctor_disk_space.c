#include "cli/doctor_disk.h"

/* Files that the store, its log and a run of the node make, and some room. */
#define FILES_FREE_MIN 64u

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
