#include "supervisor/amnesia.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "common/log.h"
#include "supervisor/supervisor.h"

#define FILE_SYSTEM_NAME "macronode"

/* "<inside> <outside> 1" of a map, and the options of the mount. */
#define SHORT_TEXT_BYTES 96u

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct amnesia *self, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(self->why, sizeof self->why, format, args);
	va_end(args);
	return false;
}

static bool is_memory(const struct statfs *found)
{
	return found->f_type == TMPFS_MAGIC || found->f_type == RAMFS_MAGIC;
}

/* --- swap --- */

/* A head, then a line for each device or file; a kernel without swap has no such file. */
static bool look_at_swap(struct amnesia *self)
{
	FILE *swaps = fopen("/proc/swaps", "re");
	int lines = 0;

	if (swaps == NULL) {
		return (errno == ENOENT && access("/proc/self/stat", F_OK) == 0) ||
		       refuse(self, "/proc/swaps: %s: whether swap is active cannot be told",
			       strerror(errno));
	}
	for (int byte = fgetc(swaps); byte != EOF && lines < 2; byte = fgetc(swaps)) {
		lines += byte == '\n';
	}
	(void)fclose(swaps);
	self->swap_is_active = lines > 1;
	return true;
}

/* --- namespaces --- */

static bool write_file(const char *path, const char *text)
{
	size_t bytes = strlen(text);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool written = fd >= 0 && write(fd, text, bytes) == (ssize_t)bytes;

	if (fd >= 0) {
		(void)close(fd);
	}
	return written;
}

/* We stay who we are. Groups that we are in besides cannot be named inside; giving up setgroups
 * is what an ordinary user pays for a map of his own group. */
static bool map_ourselves(uid_t uid, gid_t gid)
{
	char uids[SHORT_TEXT_BYTES], gids[SHORT_TEXT_BYTES];

	(void)snprintf(uids, sizeof uids, "%" PRIu32 " %" PRIu32 " 1", uid, uid);
	(void)snprintf(gids, sizeof gids, "%" PRIu32 " %" PRIu32 " 1", gid, gid);
	return write_file("/proc/self/uid_map", uids) &&
	       write_file("/proc/self/setgroups", "deny") && write_file("/proc/self/gid_map", gids);
}

/* What a user namespace shows in place of every user that it has no number for. */
static uint64_t overflow_uid(void)
{
	FILE *in = fopen("/proc/sys/kernel/overflowuid", "re");
	uint64_t uid = 65534;

	if (in != NULL) {
		(void)!fscanf(in, "%" SCNu64, &uid);
		(void)fclose(in);
	}
	return uid;
}

/* Else a stranger could pass for somebody who is allowed. */
static bool may_know_its_peers(struct amnesia *self, const struct config *config)
{
	const struct config_numbers *allowed = &config->uds_allow_uids;
	uint32_t uid = geteuid();

	if (uid == overflow_uid()) {
		return refuse(self,
			"user %" PRIu32 " is what a user namespace shows for every stranger: "
			"start the node as another user, or as root",
			uid);
	}
	for (uint32_t i = 0; i < allowed->count; i++) {
		if (allowed->values[i] != uid) {
			return refuse(self,
				"uds.allow_uids: %" PRIu32 " cannot be told from others in a user "
				"namespace: leave it empty, or start the node as root",
				allowed->values[i]);
		}
	}
	return config->uds_group[0] == '\0' ||
	       refuse(self, "uds.group: a user namespace has no other group: leave it empty, or "
			    "start the node as root");
}

/* Slave: what is mounted here is seen by nobody else, while what the machine unmounts goes from
 * here too, and a device is not kept busy by us. */
static bool leave_namespaces(struct amnesia *self, bool privileged)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();

	if (unshare(CLONE_NEWNS | (privileged ? 0 : CLONE_NEWUSER)) == -1) {
		return refuse(self, "no mount namespace of its own%s: %s%s",
			privileged ? "" : " for an ordinary user", strerror(errno),
			privileged ? " (CAP_SYS_ADMIN is needed)"
				   : ": start the node as root, or allow user namespaces "
				     "(user.max_user_namespaces)");
	}
	if (!privileged && !map_ourselves(uid, gid)) {
		return refuse(self, "no place in a user namespace: %s: start the node as root",
			strerror(errno));
	}
	return mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) == 0 ||
	       refuse(self, "mounts cannot be kept to ourselves: %s%s", strerror(errno),
		       privileged ? "" : ": does a policy forbid it to user namespaces?");
}

/* In a user namespace of his own an ordinary user has all of them; what follows needs none. */
static bool drop_capabilities(struct amnesia *self)
{
	cap_t none = cap_init();
	bool dropped = none != NULL && cap_set_proc(none) == 0;

	(void)cap_free(none);
	return dropped || refuse(self, "capabilities cannot be dropped: %s", strerror(errno));
}

/* --- the mount --- */

static bool look_at_data_dir(struct amnesia *self, const char *path, dev_t *ret_device)
{
	const struct dirent *entry;
	struct stat found;
	DIR *dir;

	if (stat(path, &found) == -1) {
		return refuse(self,
			"node.data_dir %s: %s: nothing is made on a disk, so it must be there to "
			"be mounted on",
			path, strerror(errno));
	}
	if (!S_ISDIR(found.st_mode)) {
		return refuse(self, "node.data_dir %s: expected a directory", path);
	}
	*ret_device = found.st_dev;
	dir = opendir(path);
	if (dir == NULL) {
		return true; /* it is not for us to read: then nothing of it is ours */
	}
	while ((entry = readdir(dir)) != NULL) {
		self->covers_files |=
			strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
	}
	(void)closedir(dir);
	return true;
}

static bool try_mount(const struct config *config, const char *more)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
	char options[SHORT_TEXT_BYTES];

	(void)snprintf(options, sizeof options, "size=%" PRIu64 ",mode=%s%s",
		config->amnesia_size_bytes, geteuid() == 0 ? "0711" : "0700", more);
	return mount(FILE_SYSTEM_NAME, config->node_data_dir, "tmpfs", flags, options) == 0;
}

/* `noswap` is unknown before Linux 6.4 and forbidden in user namespaces. */
static bool cover_data_dir(struct amnesia *self, const struct config *config)
{
	const char *path = config->node_data_dir;
	dev_t before = 0;
	struct statfs system;
	struct stat after;

	if (!look_at_data_dir(self, path, &before)) {
		return false;
	}
	self->keeps_out_of_swap = try_mount(config, ",noswap");
	if (!self->keeps_out_of_swap && !try_mount(config, "")) {
		return refuse(self, "no memory file system over node.data_dir %s: %s", path,
			strerror(errno));
	}
	/* believed only when it is seen there: over "/" it would not be */
	if (stat(path, &after) == -1 || statfs(path, &system) == -1 || after.st_dev == before ||
		!is_memory(&system)) {
		return refuse(self, "node.data_dir %s cannot be covered by a mount", path);
	}
	return true;
}

/* --- what must be reached from outside --- */

static void cut_last_name(char *path)
{
	char *slash = strrchr(path, '/');

	slash[slash == path ? 1 : 0] = '\0';
}

/* `dir`, or what it will be made in. */
static bool is_outside_and_memory(
	struct amnesia *self, const struct config *config, const char *key, const char *dir)
{
	char path[CONFIG_TEXT_BYTES_MAX + 1];
	struct statfs system;
	struct stat place, ours;

	(void)snprintf(path, sizeof path, "%s", dir);
	if (stat(path, &place) == -1 && errno == ENOENT) {
		cut_last_name(path);
	}
	if (stat(path, &place) == -1 || statfs(path, &system) == -1 ||
		stat(config->node_data_dir, &ours) == -1) {
		return refuse(self, "%s: %s: %s", key, path, strerror(errno));
	}
	if (place.st_dev == ours.st_dev) {
		return refuse(self,
			"%s %s is below node.data_dir, where nobody else could reach it", key,
			path);
	}
	return is_memory(&system) ||
	       refuse(self,
		       "%s %s is on a disk: with amnesia.enabled sockets must be on a tmpfs, "
		       "such as /run or /dev/shm",
		       key, path);
}

static bool look_at_sockets(struct amnesia *self, const struct config *config)
{
	char dir[CONFIG_TEXT_BYTES_MAX + 1];

	if (!is_outside_and_memory(self, config, "node.run_dir", config->node_run_dir)) {
		return false;
	}
	if (config->uds_path[0] == '\0') {
		return true;
	}
	(void)snprintf(dir, sizeof dir, "%s", config->uds_path);
	cut_last_name(dir);
	return strcmp(dir, config->node_run_dir) == 0 ||
	       is_outside_and_memory(self, config, "uds.path", dir);
}

bool amnesia_enter(const struct config *config, struct amnesia *ret)
{
	bool privileged = geteuid() == 0;

	*ret = (struct amnesia){ .why = "" };
	if (!look_at_swap(ret) || (!privileged && !may_know_its_peers(ret, config)) ||
		!leave_namespaces(ret, privileged) || !cover_data_dir(ret, config) ||
		!look_at_sockets(ret, config)) {
		return false;
	}
	if (ret->swap_is_active && !ret->keeps_out_of_swap && !config->amnesia_allow_swap) {
		return refuse(ret,
			"swap is active, and %s cannot keep memory out of it: swapoff, or "
			"amnesia.allow_swap",
			privileged ? "this kernel (noswap is Linux 6.4)" : "an ordinary user");
	}
	return privileged || drop_capabilities(ret);
}

/* --- the node --- */

/* A shell's redirection is a log file as well. */
static bool output_is_no_disk(struct amnesia *self)
{
	for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
		struct statfs system;
		struct stat found;

		if (fstat(fd, &found) == 0 && S_ISREG(found.st_mode) &&
			(fstatfs(fd, &system) == -1 || !is_memory(&system))) {
			return refuse(self,
				"standard %s is a file on a disk: with amnesia.enabled the log "
				"goes to a pipe, a terminal or a file in memory",
				fd == STDOUT_FILENO ? "output" : "error");
		}
	}
	return true;
}

/* The store is out of swap by its mount, balances and requests in the processes by this; each
 * worker does the same for itself (birth_lock_memory), which the limit allows it. */
static bool lock_memory(struct amnesia *self, const struct config *config)
{
	const struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	bool locked = setrlimit(RLIMIT_MEMLOCK, &unlimited) == 0 &&
		      mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT) == 0;

	return locked || !self->swap_is_active || config->amnesia_allow_swap ||
	       refuse(self,
		       "swap is active, and memory cannot be locked: %s: swapoff, or "
		       "amnesia.allow_swap",
		       strerror(errno));
}

bool amnesia_begin(struct supervisor *self)
{
	const struct config *config = &self->config;
	struct amnesia found;

	if (!config->amnesia_enabled) {
		return true;
	}
	if (!amnesia_enter(config, &found) || !output_is_no_disk(&found) ||
		(self->privileged && !lock_memory(&found, config))) {
		log_event(LOG_START_FAILED,
			&(struct log_fields){ .key = "amnesia.enabled", .text = found.why });
		return false;
	}
	log_event(LOG_AMNESIA, &(struct log_fields){ .path = config->node_data_dir,
				       .bytes = config->amnesia_size_bytes });
	if (found.covers_files) {
		log_event(
			LOG_AMNESIA_COVERS, &(struct log_fields){ .path = config->node_data_dir });
	}
	if (found.swap_is_active && config->amnesia_allow_swap) {
		log_event(LOG_SANDBOX_WEAKER,
			&(struct log_fields){ .text = "amnesia.allow_swap: swap is active, and "
						      "memory of the node may reach a disk" });
	}
	return true;
}
