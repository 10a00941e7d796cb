/* Drops its identity as the supervisor's child does, then tries to take it back:
 *
 *	try_identity switch|keep|poor
 *
 * switch: from root to uid 47001, gid 47001, one more group; keep: the same uid; poor: keep, with a
 * hard limit of 32 files that it cannot raise to the 64 it wants. Exit 0:
 * gone for good; 1: not, and what on stderr; 4: identity_drop refused (its err on stdout). */
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/identity.h"

#define TEST_UID   47001
#define TEST_GROUP 47900

static int failures;
static rlim_t files_expected = 64;

static void expect(bool holds, const char *what)
{
	if (!holds) {
		(void)fprintf(stderr, "not so: %s\n", what);
		failures++;
	}
}

/* The kernel's own words, not the library's that the code under test used. */
static bool status_says(const char *line_wanted)
{
	FILE *status = fopen("/proc/self/status", "re");
	char line[256];
	bool found = false;

	while (status != NULL && fgets(line, sizeof line, status) != NULL) {
		found = found || strcmp(line, line_wanted) == 0;
	}
	if (status != NULL) {
		(void)fclose(status);
	}
	return found;
}

static bool limit_is(__rlimit_resource_t resource, rlim_t value)
{
	struct rlimit limit;

	return getrlimit(resource, &limit) == 0 && limit.rlim_cur == value &&
	       limit.rlim_max == value;
}

static void expect_powerless(void)
{
	expect(status_says("CapInh:\t0000000000000000\n"), "no inheritable capability");
	expect(status_says("CapPrm:\t0000000000000000\n"), "no permitted capability");
	expect(status_says("CapEff:\t0000000000000000\n"), "no effective capability");
	expect(status_says("CapAmb:\t0000000000000000\n"), "no ambient capability");
	expect(status_says("NoNewPrivs:\t1\n"), "no new privileges");
	expect(limit_is(RLIMIT_NOFILE, files_expected), "64 files, or what there is");
	expect(limit_is(RLIMIT_FSIZE, 0), "no file grows");
	expect(limit_is(RLIMIT_CORE, 0), "no core");
	expect(setuid(0) != 0, "setuid(0) fails");
	expect(setresuid(0, 0, 0) != 0, "setresuid(0) fails");
	expect(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0, "no_new_privs stays");
	expect(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) != 0,
		"no ambient capability can be raised");
}

static void expect_switched(void)
{
	expect(status_says("Uid:\t47001\t47001\t47001\t47001\n"), "all four uids");
	expect(status_says("Gid:\t47001\t47001\t47001\t47001\n"), "all four gids");
	expect(status_says("Groups:\t47900 \n"), "the one group");
	expect(status_says("CapBnd:\t0000000000000000\n"), "an empty bounding set");
	expect(setgroups(0, NULL) != 0, "setgroups fails");
}

int main(int argc, char *argv[])
{
	const gid_t groups[] = { TEST_GROUP };
	struct identity_plan plan = {
		.uid = TEST_UID,
		.gid = TEST_UID,
		.groups = groups,
		.group_count = 1,
		.limits = { .files = 64,
			.file_bytes = 0,
			.data_bytes = IDENTITY_UNLIMITED,
			.locked_bytes = 1 << 20 },
	};
	const char *failed = NULL;
	enum err err;

	if (argc != 2) {
		(void)fprintf(stderr, "usage: try_identity switch|keep|poor\n");
		return 2;
	}
	plan.switch_user = strcmp(argv[1], "switch") == 0;
	if (strcmp(argv[1], "poor") == 0) {
		files_expected = 32;
		expect(setrlimit(RLIMIT_NOFILE, &(struct rlimit){ 32, 32 }) == 0, "a low limit");
	}
	err = identity_drop(&plan, &failed);
	if (err != ERR_OK) {
		(void)printf("%s: %s\n", err_name(err), failed);
		return 4;
	}
	expect_powerless();
	if (plan.switch_user) {
		expect_switched();
	}
	return failures == 0 ? 0 : 1;
}
