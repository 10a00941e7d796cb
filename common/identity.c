#include "common/identity.h"

#include <errno.h>
#include <grp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define GROUPS_MAX 32

/* Who started us may have given less than we want, and then no user can take more: less is
 * no danger, and what needs more says so when it meets the limit. */
static bool limit(__rlimit_resource_t resource, uint64_t value)
{
	const struct rlimit wanted = { value, value };
	struct rlimit now;

	if (value == IDENTITY_UNLIMITED || setrlimit(resource, &wanted) == 0) {
		return true;
	}
	if (errno != EPERM || getrlimit(resource, &now) != 0 || now.rlim_max > value) {
		return false;
	}
	now.rlim_cur = now.rlim_max;
	return setrlimit(resource, &now) == 0;
}

static bool set_limits(const struct identity_limits *limits)
{
#ifdef MACRONODE_SANITIZED
	const uint64_t data_bytes = IDENTITY_UNLIMITED;
#else
	const uint64_t data_bytes = limits->data_bytes;
#endif

	return limit(RLIMIT_CORE, 0) && limit(RLIMIT_NOFILE, limits->files) &&
	       limit(RLIMIT_FSIZE, limits->file_bytes) && limit(RLIMIT_DATA, data_bytes) &&
	       limit(RLIMIT_MEMLOCK, limits->locked_bytes);
}

static bool can_set_capabilities(void)
{
	cap_flag_value_t value = CAP_CLEAR;
	cap_t now = cap_get_proc();
	bool can = now != NULL && cap_get_flag(now, CAP_SETPCAP, CAP_EFFECTIVE, &value) == 0 &&
		   value == CAP_SET;

	(void)cap_free(now);
	return can;
}

/* Needs CAP_SETPCAP, so it comes first; who never had it cannot gain through the bounding
 * set either, once NO_NEW_PRIVS is set. */
static bool drop_bounding(void)
{
	for (cap_value_t cap = 0; CAP_IS_SUPPORTED(cap); cap++) {
		if (cap_get_bound(cap) == 1 && cap_drop_bound(cap) != 0) {
			return false;
		}
	}
	return true;
}

static bool switch_user(const struct identity_plan *plan)
{
	return setgroups(plan->group_count, plan->groups) == 0 &&
	       setresgid(plan->gid, plan->gid, plan->gid) == 0 &&
	       setresuid(plan->uid, plan->uid, plan->uid) == 0;
}

/* Who has none asks for nothing: a service manager's filter may refuse the question itself. */
static bool drop_capabilities(void)
{
	cap_t none = cap_init(), now = cap_get_proc();
	bool empty = none != NULL && now != NULL && cap_compare(now, none) == 0;
	bool dropped = empty || (none != NULL && cap_set_proc(none) == 0);

	(void)cap_free(none);
	(void)cap_free(now);
	return dropped && cap_reset_ambient() == 0;
}

static bool is_user(const struct identity_plan *plan)
{
	uid_t ruid, euid, suid;
	gid_t rgid, egid, sgid;
	gid_t groups[GROUPS_MAX];
	int group_count = getgroups(GROUPS_MAX, groups);

	if (getresuid(&ruid, &euid, &suid) != 0 || getresgid(&rgid, &egid, &sgid) != 0) {
		return false;
	}
	if (ruid != plan->uid || euid != plan->uid || suid != plan->uid) {
		return false;
	}
	if (rgid != plan->gid || egid != plan->gid || sgid != plan->gid) {
		return false;
	}
	return group_count >= 0 && (size_t)group_count == plan->group_count;
}

static bool has_no_capability(bool bounding_too)
{
	cap_t now = cap_get_proc();
	cap_t none = cap_init();
	bool empty = now != NULL && none != NULL && cap_compare(now, none) == 0;

	(void)cap_free(now);
	(void)cap_free(none);
	for (cap_value_t cap = 0; empty && CAP_IS_SUPPORTED(cap); cap++) {
		empty = cap_get_ambient(cap) == 0 && !(bounding_too && cap_get_bound(cap) != 0);
	}
	return empty;
}

/* What was dropped is believed only when it reads as dropped and cannot be taken back. */
static enum err verify(const struct identity_plan *plan, bool bounding_too, const char **failed)
{
	*failed = "user and groups read back";
	if (plan->switch_user && !is_user(plan)) {
		return ERR_DENIED;
	}
	*failed = "capabilities read back";
	if (!has_no_capability(bounding_too)) {
		return ERR_DENIED;
	}
	*failed = "root can be regained";
	if (setresuid((uid_t)-1, 0, (uid_t)-1) == 0 || setuid(0) == 0) {
		return ERR_DENIED;
	}
	*failed = "no_new_privs read back";
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? ERR_OK : ERR_DENIED;
}

enum err identity_drop(const struct identity_plan *plan, const char **failed)
{
	bool privileged = can_set_capabilities();

	*failed = "no worker runs as root";
	if (plan->group_count > GROUPS_MAX ||
		(plan->switch_user && (plan->uid == 0 || plan->gid == 0)) ||
		(!plan->switch_user && geteuid() == 0)) {
		return ERR_DENIED;
	}
	*failed = "rlimits";
	if (!set_limits(&plan->limits)) {
		return ERR_IO;
	}
	*failed = "bounding set";
	if (privileged && !drop_bounding()) {
		return ERR_IO;
	}
	*failed = "user and groups";
	if (plan->switch_user && !switch_user(plan)) {
		return ERR_IO;
	}
	*failed = "capabilities";
	if (!drop_capabilities()) {
		return ERR_IO;
	}
	*failed = "no_new_privs";
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
		return ERR_IO;
	}
	return verify(plan, privileged, failed);
}
