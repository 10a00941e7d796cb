#include "cli/doctor_owners.h"

#include <sys/stat.h>

enum finding_result doctor_owners_judge(const struct doctor_owner *wanted,
	const struct doctor_owner *found, bool holds_secret, const char **ret_why)
{
	const mode_t rights = S_IRWXU | S_IRWXG | S_IRWXO;
	mode_t more = found->mode & ~wanted->mode & rights;

	if ((found->mode & S_IFMT) != (wanted->mode & S_IFMT)) {
		*ret_why = "is of another type";
		return FINDING_IS_BAD;
	}
	if (found->uid != wanted->uid) {
		*ret_why = "belongs to another user";
		return FINDING_IS_BAD;
	}
	if ((wanted->mode & ~found->mode & S_IRWXU) != 0) {
		*ret_why = "cannot be used by its own user";
		return FINDING_IS_BAD;
	}
	if (more == 0) {
		*ret_why = "";
		return FINDING_IS_OK;
	}
	*ret_why = (more & (S_IWGRP | S_IWOTH)) != 0   ? "can be changed by others"
		   : (more & (S_IRGRP | S_IROTH)) != 0 ? "can be read by others"
						       : "can be passed through by others";
	return holds_secret || (more & S_IWOTH) != 0 ? FINDING_IS_BAD : FINDING_IS_WEAKER;
}
