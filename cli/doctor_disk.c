/* The file systems of what lasts: of which kind, writable, and with how much room. */
#include "cli/doctor_disk.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include "cli/doctor.h"
#include "supervisor/filesystem.h"

/* node.data_dir, and those below it that an operator may have mounted apart. */
static const char *const places[] = { "", "/store", "/keys", "/objects", "/artifacts" };

#define PLACES (sizeof places / sizeof places[0])

/* It, or the parent in which it would be made. */
static bool nearest(const char *path, char ret_path[DOCTOR_PATH_BYTES], struct stat *ret_seen)
{
	(void)snprintf(ret_path, DOCTOR_PATH_BYTES, "%s", path);
	while (stat(ret_path, ret_seen) == -1) {
		char *slash = strrchr(ret_path, '/');

		if (errno != ENOENT || slash == NULL || slash[1] == '\0') {
			return false;
		}
		slash[slash == ret_path ? 1 : 0] = '\0';
	}
	return true;
}

static enum finding_result result_of(enum filesystem_verdict verdict)
{
	switch (verdict) {
	case FILESYSTEM_GOOD:
		return FINDING_IS_OK;
	case FILESYSTEM_WEAKER:
		return FINDING_IS_WEAKER;
	case FILESYSTEM_REFUSED:
		return FINDING_IS_BAD;
	case FILESYSTEM_UNKNOWN:
		break;
	}
	return FINDING_IS_UNKNOWN;
}

static void look_at_kind(struct doctor *doctor, const char *path, const struct statfs *found)
{
	struct filesystem_kind kind = filesystem_kind((uint64_t)found->f_type);
	char type[32];

	if ((found->f_flags & ST_RDONLY) != 0) {
		findings_add(doctor->findings, FINDING_FILESYSTEM, FINDING_IS_BAD,
			"%s: is mounted read-only", path);
		return;
	}
	(void)snprintf(type, sizeof type, "type %#" PRIx64, (uint64_t)found->f_type);
	findings_add(doctor->findings, FINDING_FILESYSTEM, result_of(kind.verdict), "%s: %s%s%s",
		path, kind.name[0] != '\0' ? kind.name : type, kind.why[0] != '\0' ? ", " : "",
		kind.why);
}

static void look_at_space(struct doctor *doctor, const char *path, const struct statfs *found)
{
	uint64_t reserve = doctor->config->engine_disk_reserve_bytes;
	uint64_t free_bytes = (uint64_t)found->f_bavail * (uint64_t)found->f_bsize;
	const char *why = "";
	enum finding_result result = doctor_disk_space(
		free_bytes, reserve, (uint64_t)found->f_ffree, (uint64_t)found->f_files, &why);

	findings_add(doctor->findings, FINDING_SPACE, result,
		"%s: %" PRIu64 " MiB are free, %" PRIu64 " MiB are the reserve%s%s", path,
		free_bytes >> 20, reserve >> 20, why[0] != '\0' ? "; " : "", why);
}

void doctor_disk(struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES], seen_path[DOCTOR_PATH_BYTES];
	dev_t devices[PLACES];
	size_t count = 0;

	if (doctor->config->amnesia_enabled) {
		return; /* what lies there is covered by memory */
	}
	for (size_t i = 0; i < PLACES; i++) {
		bool known = false;
		struct statfs found;
		struct stat seen;

		(void)snprintf(path, sizeof path, "%s%s", doctor->config->node_data_dir, places[i]);
		if (!nearest(path, seen_path, &seen) || statfs(seen_path, &found) == -1) {
			doctor_add_denied(doctor, FINDING_SPACE, "%s: %s", path, strerror(errno));
			return;
		}
		for (size_t j = 0; j < count; j++) {
			known = known || devices[j] == seen.st_dev;
		}
		if (!known) {
			devices[count++] = seen.st_dev;
			look_at_kind(doctor, seen_path, &found);
			look_at_space(doctor, seen_path, &found);
		}
	}
}
