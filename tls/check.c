/* mn-tls-check: judges the files of [tls] for whoever is about to use them: a start, a reload, or
 * macronode check and doctor. It is a process of its own so that neither the supervisor nor the
 * command parses certificates, and it can do nothing but read what it was given and write lines:
 *
 *   argv[1]   which files there are, as letters: c chain (fd 3), k key (4), r roots (5), o OCSP (6)
 *   argv[2]   pq.mode as a number
 *   argv[3].. host names that the certificate should be for
 *
 *   bad KEY SENTENCE      what keeps TLS from being served; the key of [tls] that it is about
 *   not_before N, not_after N, ocsp_next N, roots N, kind NAME, subject NAME
 *   unnamed NAME          the certificate is not for that host
 *   end                   the last one
 *
 * Exit code 0: nothing is bad; 1: something is; 3: it could not look. */
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "common/landlock.h"
#include "common/sandbox.h"
#include "tls/tls_chain.h"
#include "tls/tls_pkcs8.h"

#define SUBJECT_BYTES 256 /* for people's eyes */

static int worst;

static void bad(const char *key, const char *why)
{
	(void)printf("bad %s %s\n", key, why);
	worst = 1;
}

/* All of it, from the start: the others who hold this file may have read it. */
static bool read_all(int fd, uint8_t *bytes, size_t bytes_max, struct slice *ret_text)
{
	size_t used = 0;
	ssize_t got = 1;

	while (got > 0 && used < bytes_max) {
		got = pread(fd, bytes + used, bytes_max - used, (off_t)used);
		used += got > 0 ? (size_t)got : 0;
	}
	*ret_text = (struct slice){ bytes, used };
	return got >= 0;
}

/* Whoever is handed the file later reads no more of it than this, and all of it. */
static const struct file {
	const char *key;
	char letter;
	int fd;
	unsigned bytes_max;
} chain_file = { "tls.cert_path", 'c', 3, TLS_CHAIN_FILE_BYTES_MAX },
  key_file = { "tls.key_path", 'k', 4, TLS_PKCS8_FILE_BYTES_MAX },
  roots_file = { "tls.client_ca_path", 'r', 5, TLS_CHAIN_ROOTS_BYTES_MAX },
  ocsp_file = { "tls.ocsp_path", 'o', 6, TLS_CHAIN_OCSP_BYTES_MAX };

static bool given(const char *letters, const struct file *file, struct slice *ret_text)
{
	char why[64];
	uint8_t *bytes;

	if (strchr(letters, file->letter) == NULL) {
		return false;
	}
	bytes = malloc(file->bytes_max + 1); /* as long as the process */
	if (bytes == NULL || !read_all(file->fd, bytes, file->bytes_max + 1, ret_text)) {
		_exit(3);
	}
	if (ret_text->bytes_count > file->bytes_max) {
		(void)snprintf(why, sizeof why, "expected at most %u bytes", file->bytes_max);
		bad(file->key, why);
		return false;
	}
	return true;
}

static void check_key(const char *letters, const struct tls_chain *chain)
{
	struct slice text;
	struct tls_key key;
	const char *why;

	if (!given(letters, &key_file, &text)) {
		return;
	}
	tls_key_wipe_numbers();
	why = tls_pkcs8_read(text, &key);
	if (why != NULL) {
		bad(key_file.key, why);
	} else if (chain != NULL && memcmp(&key.id, &chain->key_id, sizeof key.id) != 0) {
		bad(key_file.key, "it is not the key of the certificate in tls.cert_path");
	}
	explicit_bzero(&key, sizeof key);
	explicit_bzero((void *)(uintptr_t)text.bytes, text.bytes_count);
}

static void check_ocsp(const char *letters, const struct tls_chain *chain)
{
	int64_t next_unix_s = 0;
	struct slice text;
	const char *why;

	if (chain == NULL || !given(letters, &ocsp_file, &text)) {
		return;
	}
	why = tls_chain_check_ocsp(chain, text, &next_unix_s);
	if (why != NULL) {
		bad(ocsp_file.key, why);
	} else {
		(void)printf("ocsp_next %lld\n", (long long)next_unix_s);
	}
}

static void check_roots(const char *letters)
{
	struct slice text;
	unsigned count = 0;
	const char *why;

	if (!given(letters, &roots_file, &text)) {
		return;
	}
	why = tls_chain_check_roots(text, &count);
	if (why != NULL) {
		bad(roots_file.key, why);
	} else {
		(void)printf("roots %u\n", count);
	}
}

static void check_pq(const char *mode)
{
	unsigned pq = (unsigned)(mode[0] - '0');
	gnutls_priority_t priority = pq > TLS_PQ_ONLY ? NULL : tls_chain_priority((enum tls_pq)pq);

	if (priority == NULL) {
		bad("pq.mode", "GnuTLS " GNUTLS_VERSION " has no group " TLS_CHAIN_PQ_GROUP
			       ": expected off");
	} else {
		gnutls_priority_deinit(priority);
	}
}

static const struct tls_chain *check_chain(const char *letters, char *names[])
{
	static struct tls_chain chain;
	char subject[SUBJECT_BYTES];
	struct slice text;
	const char *why;

	if (!given(letters, &chain_file, &text)) {
		return NULL;
	}
	why = tls_chain_read(text, &chain);
	if (why != NULL) {
		bad(chain_file.key, why);
		return NULL;
	}
	(void)printf("kind %s\nnot_before %lld\nnot_after %lld\n", tls_key_kind_name(chain.kind),
		(long long)chain.not_before_unix_s, (long long)chain.not_after_unix_s);
	tls_chain_subject(&chain, subject, sizeof subject);
	(void)printf("subject %s\n", subject);
	for (size_t i = 0; names[i] != NULL; i++) {
		if (!tls_chain_has_name(&chain, names[i])) {
			(void)printf("unnamed %s\n", names[i]);
		}
	}
	return &chain;
}

int main(int argc, char *argv[])
{
	const struct tls_chain *chain;
	const char *failed = "";

	if (argc < 3) {
		(void)fprintf(stderr, "mn-tls-check: started by macronode only\n");
		return 3;
	}
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (landlock_enter(NULL, 0, &failed) == LANDLOCK_FAILED) {
		return 3;
	}
	static const struct sandbox_rule rules[] = {
		{ .syscall = SCMP_SYS(pread64), .reason = "what it was given" },
		{ .syscall = SCMP_SYS(newfstatat), .reason = "stdio asks what stdout is" },
	};
	static const struct sandbox_policy policy = { rules, COUNT_OF(rules) };
	if (sandbox_enter(&policy, SANDBOX_KILL, "tls-check", &failed) != ERR_OK) {
		return 3;
	}
	check_pq(argv[2]);
	chain = check_chain(argv[1], argv + 3);
	check_key(argv[1], chain);
	check_roots(argv[1]);
	check_ocsp(argv[1], chain);
	(void)puts("end"); /* it came so far */
	return fflush(stdout) == 0 ? worst : 3;
}
