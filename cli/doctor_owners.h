#ifndef CLI_DOCTOR_OWNERS_H
#define CLI_DOCTOR_OWNERS_H

/* Whose a file should be, against whose it is (DESIGN-WALL.md section 7). Pure. */

#include <stdbool.h>
#include <sys/types.h>

#include "cli/findings.h"

struct doctor_owner {
	uid_t uid;
	mode_t mode; /* with its type: S_IFDIR, S_IFREG, ... */
};

/* What is too much is a way in: `holds_secret` makes it bad, else it is weaker. What is missing for
 * the owner himself, another owner or another type is bad. */
enum finding_result doctor_owners_judge(const struct doctor_owner *wanted,
	const struct doctor_owner *found, bool holds_secret, const char **ret_why);

#endif
