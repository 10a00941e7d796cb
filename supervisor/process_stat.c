#include "supervisor/process_stat.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/metrics.h"

/* Fields of /proc/<pid>/stat after the name's closing parenthesis (proc(5)): utime is the
 * 12th of them, stime the 13th, rss the 22nd. */
#define STAT_UTIME 12u
#define STAT_STIME 13u
#define STAT_RSS   22u

static bool read_stat(pid_t pid, char *text, size_t text_bytes)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		return false;
	}
	got = read(fd, text, text_bytes - 1);
	close(fd);
	text[got > 0 ? got : 0] = '\0';
	return got > 0;
}

static uint64_t field_of(const char *after_name, unsigned wanted)
{
	const char *next = after_name;

	for (unsigned field = 1; *next != '\0'; field++) {
		next += strspn(next, " ");
		if (field == wanted) {
			return strtoull(next, NULL, 10);
		}
		next += strcspn(next, " ");
	}
	return 0;
}

/* 0 where we may not look. */
static uint64_t count_fds(pid_t pid)
{
	char path[64];
	uint64_t count = 0;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
	dir = opendir(path);
	if (dir == NULL) {
		return 0;
	}
	while (readdir(dir) != NULL) {
		count++;
	}
	closedir(dir);
	return count > 2 ? count - 2 : 0; /* . and .. */
}

void process_stat_publish(pid_t pid, struct process_id who)
{
	size_t label = metrics_label_process(who);
	char text[1024];
	const char *after_name;
	uint64_t tick_us = 1000000u / (uint64_t)sysconf(_SC_CLK_TCK);

	if (pid <= 0 || !read_stat(pid, text, sizeof text)) {
		metrics_clear(METRIC_PROCESS_RESIDENT, label);
		metrics_clear(METRIC_PROCESS_OPEN_FDS, label);
		return;
	}
	after_name = strrchr(text, ')');
	if (after_name == NULL) {
		return;
	}
	after_name++;
	metrics_set(METRIC_PROCESS_CPU, label,
		(field_of(after_name, STAT_UTIME) + field_of(after_name, STAT_STIME)) * tick_us);
	metrics_set(METRIC_PROCESS_RESIDENT, label,
		field_of(after_name, STAT_RSS) * (uint64_t)sysconf(_SC_PAGESIZE));
	metrics_set(METRIC_PROCESS_OPEN_FDS, label, count_fds(pid));
}
