#include "supervisor/material.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "core/sha256.h"

#define FILE_BYTES_MAX 262144u /* of roots: 64 of them; the others are smaller still */

/* It needs some milliseconds; a machine that swaps may take its time. */
#define CHECK_WAIT_MS 10000

#define CHECK_FD_FIRST 3
#define DAY_S          86400

static const struct {
	enum config_key_id key;
	char letter;
	bool is_secret;
} kinds[MATERIAL_KIND_COUNT] = {
	[MATERIAL_CHAIN] = { CONFIG_KEY_tls_cert_path, 'c', false },
	[MATERIAL_KEY] = { CONFIG_KEY_tls_key_path, 'k', true },
	[MATERIAL_ROOTS] = { CONFIG_KEY_tls_client_ca_path, 'r', false },
	[MATERIAL_OCSP] = { CONFIG_KEY_tls_ocsp_path, 'o', false },
};

static const char *path_of(const struct config *config, unsigned kind)
{
	const char *const paths[MATERIAL_KIND_COUNT] = {
		[MATERIAL_CHAIN] = config->tls_cert_path,
		[MATERIAL_KEY] = config->tls_key_path,
		[MATERIAL_ROOTS] = config->tls_client_ca_path,
		[MATERIAL_OCSP] = config->tls_ocsp_path,
	};

	return paths[kind];
}

__attribute__((format(printf, 2, 3))) static bool refuse(
	struct material *material, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(material->why, sizeof material->why, format, arguments);
	va_end(arguments);
	return false;
}

void material_init(struct material *material)
{
	memset(material, 0, sizeof *material);
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		material->fds[kind] = -1;
	}
}

void material_close(struct material *material)
{
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (material->fds[kind] >= 0) {
			close(material->fds[kind]);
			material->fds[kind] = -1;
		}
	}
	if (material->held != NULL) {
		(void)munmap(material->held, material->held_bytes);
		material->held = NULL;
	}
}

/* --- the copies --- */

/* -1 with errno: EFBIG when it is longer than any such file. */
static ssize_t read_all(int fd, uint8_t *bytes)
{
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && used < FILE_BYTES_MAX) {
		got = read(fd, bytes + used, FILE_BYTES_MAX - used);
		if (got < 0 && errno == EINTR) {
			got = 1;
			continue;
		}
		used += got > 0 ? (size_t)got : 0;
	}
	if (got > 0) {
		errno = EFBIG;
		return -1;
	}
	return got < 0 ? -1 : (ssize_t)used;
}

/* Where we may, as with all keys. A memory file has no other way to stay out of swap than that its
 * pages are locked where they are mapped; nobody is to read them there. */
static void hold_in_memory(struct material *material, int fd, size_t bytes_count)
{
	void *held = mmap(NULL, bytes_count, PROT_READ, MAP_PRIVATE, fd, 0);

	if (held == MAP_FAILED) {
		return; /* an empty file */
	}
	(void)mlock(held, bytes_count);
	(void)mprotect(held, bytes_count, PROT_NONE);
	material->held = held;
	material->held_bytes = bytes_count;
}

/* Nobody can change it any more. */
static int seal_copy(const uint8_t *bytes, size_t bytes_count)
{
	int fd = memfd_create("macronode-tls", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	size_t used = 0;

	while (fd >= 0 && used < bytes_count) {
		ssize_t put = write(fd, bytes + used, bytes_count - used);

		if (put < 0 && errno == EINTR) {
			continue;
		}
		if (put <= 0) {
			close(fd);
			return -1;
		}
		used += (size_t)put;
	}
	if (fd >= 0 && fcntl(fd, F_ADD_SEALS,
			       F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

static const char *judge_mode(const struct stat *seen, bool is_secret)
{
	if (!S_ISREG(seen->st_mode)) {
		return "expected a file";
	}
	if (is_secret && (seen->st_mode & (S_IRWXO | S_IWGRP | S_IXGRP)) != 0) {
		return "expected a key that nobody may read but its owner and its group: chmod "
		       "0600, or 0640";
	}
	return NULL;
}

static bool copy_file(struct material *material, const struct config *config, unsigned kind)
{
	static uint8_t bytes[FILE_BYTES_MAX];
	const char *path = path_of(config, kind), *name = config_key_name(kinds[kind].key);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	const char *why;
	struct stat seen;
	ssize_t got;

	if (fd < 0 || fstat(fd, &seen) != 0) {
		refuse(material, "%s %s: it cannot be read: %s", name, path, strerror(errno));
		if (fd >= 0) {
			close(fd);
		}
		return false;
	}
	why = judge_mode(&seen, kinds[kind].is_secret);
	if (why != NULL) {
		close(fd);
		return refuse(material, "%s %s: %s", name, path, why);
	}
	(void)mlock(bytes, sizeof bytes); /* where we may: for as long as the key is in it */
	got = read_all(fd, bytes);
	close(fd);
	if (got >= 0) {
		material->fds[kind] = seal_copy(bytes, (size_t)got);
		sha256_hash(bytes, (size_t)got, &material->digests[kind]);
	}
	if (material->fds[kind] >= 0 && kinds[kind].is_secret) {
		hold_in_memory(material, material->fds[kind], (size_t)got);
	}
	if (material->fds[kind] < 0) {
		refuse(material, "%s %s: it cannot be read: %s", name, path, strerror(errno));
	}
	explicit_bzero(bytes, sizeof bytes);
	(void)munlock(bytes, sizeof bytes);
	return material->fds[kind] >= 0;
}

/* --- mn-tls-check --- */

int material_open_checker(const char *libexec_dir)
{
	char path[PATH_MAX];
	int fd;

	(void)snprintf(path, sizeof path, "%s/mn-tls-check", libexec_dir);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0) { /* in the build tree */
		(void)snprintf(path, sizeof path, "%s/../tls/mn-tls-check", libexec_dir);
		fd = open(path, O_PATH | O_CLOEXEC);
	}
	return fd;
}

/* In the child: the fds where it looks for them, above which nothing is left. */
static bool arrange(const struct material *material, int checker, int output)
{
	int sources[MATERIAL_KIND_COUNT + 2];
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	/* first out of the way of one another */
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		int fd = material->fds[kind] >= 0 ? material->fds[kind] : null;

		sources[kind] = fcntl(fd, F_DUPFD_CLOEXEC, 20);
	}
	sources[MATERIAL_KIND_COUNT] = fcntl(output, F_DUPFD_CLOEXEC, 20);
	sources[MATERIAL_KIND_COUNT + 1] = fcntl(checker, F_DUPFD_CLOEXEC, 20);
	if (dup2(null, STDIN_FILENO) < 0 || dup2(null, STDERR_FILENO) < 0 ||
		dup2(sources[MATERIAL_KIND_COUNT], STDOUT_FILENO) < 0) {
		return false;
	}
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (dup2(sources[kind], CHECK_FD_FIRST + (int)kind) < 0) {
			return false;
		}
	}
	return dup3(sources[MATERIAL_KIND_COUNT + 1], CHECK_FD_FIRST + MATERIAL_KIND_COUNT,
		       O_CLOEXEC) >= 0 &&
	       close_range(CHECK_FD_FIRST + MATERIAL_KIND_COUNT + 1, ~0u, 0) == 0;
}

static noreturn void become_checker(const struct config *config, const struct material *material,
	int checker, int output, const struct identity_plan *plan)
{
	char name[] = "mn-tls-check", letters[MATERIAL_KIND_COUNT + 1] = "", mode[2];
	char zone[] = "TZ=UTC0", locale[] = "LC_ALL=C";
	char *environment[] = { zone, locale, NULL };
	char *argv[4 + CONFIG_HOST_NAMES_MAX] = { name, letters, mode };
	const char *failed = "";
	size_t used = 0;
	sigset_t none;

	for (int number = 1; number < NSIG; number++) {
		(void)signal(number, SIG_DFL);
	}
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (material->fds[kind] >= 0) {
			letters[used++] = kinds[kind].letter;
		}
	}
	(void)snprintf(mode, sizeof mode, "%u", config->pq_mode);
	for (uint32_t i = 0; i < config->api_host_names.count; i++) {
		argv[3 + i] = (char *)(uintptr_t)config->api_host_names.texts[i];
	}
	if (!arrange(material, checker, output) ||
		(plan != NULL && identity_drop(plan, &failed) != ERR_OK)) {
		_exit(3);
	}
	execveat(CHECK_FD_FIRST + MATERIAL_KIND_COUNT, "", argv, environment, AT_EMPTY_PATH);
	_exit(3);
}

static bool start_checker(const struct config *config, const struct material *material, int checker,
	const struct identity_plan *plan, struct material_check *ret_check)
{
	sigset_t all, before;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0) {
		return false;
	}
	(void)fcntl(ends[0], F_SETFL, O_NONBLOCK);
	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &before);
	ret_check->pid = fork();
	if (ret_check->pid == 0) {
		become_checker(config, material, checker, ends[1], plan);
	}
	(void)sigprocmask(SIG_SETMASK, &before, NULL);
	close(ends[1]);
	ret_check->output = ends[0];
	if (ret_check->pid < 0) {
		material_check_stop(ret_check);
		return false;
	}
	return true;
}

void material_check_init(struct material_check *check)
{
	check->pid = 0;
	check->output = -1;
}

bool material_check_read(struct material_check *check)
{
	size_t room = sizeof check->text - 1 - check->text_bytes;
	ssize_t got = read(check->output, check->text + check->text_bytes, room);

	check->text_bytes += got > 0 ? (size_t)got : 0;
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* It may hang: it is not reaped yet, so the pid is its own. */
void material_check_stop(struct material_check *check)
{
	if (check->output < 0) {
		return;
	}
	close(check->output);
	check->output = -1;
	if (check->pid > 0) {
		(void)kill(check->pid, SIGKILL);
		while (waitpid(check->pid, NULL, 0) == -1 && errno == EINTR) {
		}
	}
}

/* For who has no loop: all that it writes until it ends, or its time does. */
static void wait_for(struct material_check *check)
{
	struct instant deadline = instant_after(clock_now(), duration_ms(CHECK_WAIT_MS));
	struct pollfd ready = { .fd = check->output, .events = POLLIN };

	do {
		(void)poll(&ready, 1, CHECK_WAIT_MS / 100); /* or a byte now and then is for ever */
	} while (material_check_read(check) && !instant_reached(deadline, clock_now()));
}

/* --- what it said --- */

static bool number_of(const char *line, const char *name, int64_t *ret_number)
{
	size_t name_bytes = strlen(name);

	if (strncmp(line, name, name_bytes) != 0 || line[name_bytes] != ' ') {
		return false;
	}
	*ret_number = strtoll(line + name_bytes + 1, NULL, 10);
	return true;
}

static void take_bad(struct material *material, const struct config *config, char *rest)
{
	char *sentence = strchr(rest, ' ');

	if (sentence == NULL || material->why[0] != '\0') {
		return; /* the first says enough */
	}
	*sentence++ = '\0';
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT; kind++) {
		if (strcmp(rest, config_key_name(kinds[kind].key)) == 0) {
			refuse(material, "%s %s: %s", rest, path_of(config, kind), sentence);
			return;
		}
	}
	refuse(material, "%s: %s", rest, sentence);
}

static void take_line(struct material *material, const struct config *config, char *line)
{
	size_t used = strlen(material->unnamed);

	if (number_of(line, "not_before", &material->not_before_unix_s) ||
		number_of(line, "not_after", &material->not_after_unix_s) ||
		number_of(line, "ocsp_next", &material->ocsp_next_unix_s)) {
		return;
	}
	if (strncmp(line, "bad ", 4) == 0) {
		take_bad(material, config, line + 4);
	} else if (strncmp(line, "subject ", 8) == 0) {
		(void)snprintf(material->subject, sizeof material->subject, "%s", line + 8);
	} else if (strncmp(line, "kind ", 5) == 0) {
		(void)snprintf(material->key_kind, sizeof material->key_kind, "%s", line + 5);
	} else if (strncmp(line, "unnamed ", 8) == 0) {
		(void)snprintf(material->unnamed + used, sizeof material->unnamed - used, "%s%s",
			used == 0 ? "" : ", ", line + 8);
	}
}

/* Its last line shows that it came to its end. */
static bool judge(struct material *material, const struct config *config, char *text)
{
	bool has_ended = false;
	char *rest = NULL;

	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
		line = strtok_r(NULL, "\n", &rest)) {
		has_ended = strcmp(line, "end") == 0;
		take_line(material, config, line);
	}
	if (!has_ended && material->why[0] == '\0') {
		return refuse(material,
			"tls.enabled: mn-tls-check, which looks at the files of TLS, "
			"failed");
	}
	return material->why[0] == '\0';
}

bool material_begin(const struct config *config, int checker, const struct identity_plan *plan,
	struct material *ret_material, struct material_check *ret_check)
{
	bool good = true;

	material_init(ret_material);
	ret_check->text_bytes = 0;
	for (unsigned kind = 0; kind < MATERIAL_KIND_COUNT && good; kind++) {
		good = path_of(config, kind)[0] == '\0' || copy_file(ret_material, config, kind);
	}
	if (good && checker < 0) {
		good = refuse(ret_material, "tls.enabled: mn-tls-check is not installed");
	}
	if (good && !start_checker(config, ret_material, checker, plan, ret_check)) {
		good = refuse(ret_material, "tls.enabled: mn-tls-check cannot be started: %s",
			strerror(errno));
	}
	if (!good) {
		material_close(ret_material);
	}
	return good;
}

bool material_end(
	const struct config *config, struct material *material, struct material_check *check)
{
	material_check_stop(check);
	check->text[check->text_bytes] = '\0';
	if (!judge(material, config, check->text)) {
		material_close(material);
		return false;
	}
	return true;
}

bool material_load(const struct config *config, int checker, const struct identity_plan *plan,
	struct material *ret_material)
{
	static struct material_check check;

	if (!config->tls_enabled) {
		material_init(ret_material);
		return true;
	}
	material_check_init(&check);
	if (!material_begin(config, checker, plan, ret_material, &check)) {
		return false;
	}
	wait_for(&check);
	return material_end(config, ret_material, &check);
}

int64_t material_days_left(const struct material *material, int64_t now_unix_s)
{
	int64_t left_s = material->not_after_unix_s - now_unix_s;

	return left_s >= 0 ? left_s / DAY_S : -1 - (-1 - left_s) / DAY_S;
}

/* In hours where days would be "0" or "1". */
static void print_span(int64_t span_s, char ret_text[32])
{
	bool is_short = span_s < 2 * DAY_S;

	(void)snprintf(ret_text, 32, "%" PRId64 " %s", is_short ? span_s / 3600 : span_s / DAY_S,
		is_short ? "hours" : "days");
}

void material_dates(
	const struct material *material, int64_t now_unix_s, char ret_text[MATERIAL_WHY_BYTES])
{
	int64_t left_s = material->not_after_unix_s - now_unix_s;
	char span[32];

	print_span(left_s < 0 ? -left_s : left_s, span);
	ret_text[0] = '\0';
	if (now_unix_s < material->not_before_unix_s) {
		(void)snprintf(ret_text, MATERIAL_WHY_BYTES,
			"the certificate begins in %" PRId64 " hours",
			(material->not_before_unix_s - now_unix_s) / 3600 + 1);
	} else if (left_s <= 0) {
		(void)snprintf(ret_text, MATERIAL_WHY_BYTES, "the certificate ended %s ago", span);
	} else if (left_s < MATERIAL_SOON_S) {
		(void)snprintf(ret_text, MATERIAL_WHY_BYTES, "the certificate ends in %s", span);
	} else if (material->ocsp_next_unix_s != 0 && material->ocsp_next_unix_s <= now_unix_s) {
		(void)snprintf(ret_text, MATERIAL_WHY_BYTES,
			"the OCSP response is too old to be believed");
	}
}
