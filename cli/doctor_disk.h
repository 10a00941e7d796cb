#ifndef CLI_DOCTOR_DISK_H
#define CLI_DOCTOR_DISK_H

/* What free space is enough. Pure. */

#include <stdint.h>

#include "cli/findings.h"

/* Free space against what is kept free: below it nothing is appended, below twice it no object is
 * put. Without inodes nothing can be made either; files_total 0: the file system has no such
 * number. */
enum finding_result doctor_disk_space(uint64_t free_bytes, uint64_t reserve_bytes,
	uint64_t files_free, uint64_t files_total, const char **ret_why);

#endif
