#ifndef SUPERVISOR_MATERIAL_H
#define SUPERVISOR_MATERIAL_H

/* The files of TLS (DESIGN.md section 9). Whoever starts a node may read them, its workers may not:
 * they are opened here, as root where the operator keeps them to root, and travel as fds, the key
 * to kms alone. What is passed on is a sealed copy, so that a worker that is started again next
 * week gets what was looked at, and not half of what somebody is writing now.
 *
 * What is in them is judged by mn-tls-check, a process without rights; nobody here parses it. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/check.h"
#include "common/config.h"
#include "common/identity.h"
#include "common/types.h"

enum material_kind {
	MATERIAL_CHAIN,
	MATERIAL_KEY,
	MATERIAL_ROOTS,
	MATERIAL_OCSP,
	MATERIAL_KIND_COUNT
};

#define MATERIAL_WHY_BYTES     2048u
#define MATERIAL_SUBJECT_BYTES 256u
#define MATERIAL_NAMES_BYTES   (CONFIG_HOST_NAMES_MAX * (CONFIG_NAME_BYTES_MAX + 2u))

struct material {
	int fds[MATERIAL_KIND_COUNT]; /* owned; -1: there is no such file */
	void *held;                   /* owned: keeps the key's copy out of swap */
	size_t held_bytes;
	struct hash digests[MATERIAL_KIND_COUNT]; /* of their contents */
	int64_t not_before_unix_s, not_after_unix_s;
	int64_t ocsp_next_unix_s;             /* 0: none is stapled */
	char key_kind[16];                    /* "P-256" */
	char subject[MATERIAL_SUBJECT_BYTES]; /* "CN=ledger.example", cut if need be */
	char unnamed[MATERIAL_NAMES_BYTES];   /* of api.host_names, those it is not for: "a, b" */
	char why[MATERIAL_WHY_BYTES];         /* "": all is good; else a sentence */
};

/* mn-tls-check at work. */
#define MATERIAL_CHECK_BYTES 16384u /* what it writes: a line for each fault, date and name */
struct material_check {
	int output; /* owned, does not block; -1: there is none */
	pid_t pid;  /* reaped by material_end or material_check_stop alone */
	size_t text_bytes;
	char text[MATERIAL_CHECK_BYTES];
};

/* All fds -1. */
void material_init(struct material *material);
void material_close(struct material *material);

/* Opens, copies and has judged what [tls] and [pq] name; nothing when tls.enabled is false.
 * checker: the executable of mn-tls-check; plan: what it becomes (NULL: as we are). False: why says
 * why, and nothing is open. */
MUST_CHECK bool material_load(const struct config *config, int checker,
	const struct identity_plan *plan, struct material *ret_material);

/* The same in parts, for whoever has other things to do meanwhile; tls.enabled is true. After
 * begin, read whenever there is something to read, until it says false, or time is up; then end. */
void material_check_init(struct material_check *check);
MUST_CHECK bool material_begin(const struct config *config, int checker,
	const struct identity_plan *plan, struct material *ret_material,
	struct material_check *ret_check);
MUST_CHECK bool material_check_read(struct material_check *check); /* more may come */
MUST_CHECK bool material_end(
	const struct config *config, struct material *material, struct material_check *check);
void material_check_stop(struct material_check *check); /* nobody wants to know any more */

/* -1: it is not where it should be. */
int material_open_checker(const char *libexec_dir);

/* Whole days; -1 in the first day after its end. */
int64_t material_days_left(const struct material *material, int64_t now_unix_s);

/* A sentence when the certificate, or the response, is not good at that time, or soon will not be;
 * "" else. */
#define MATERIAL_SOON_S (21 * 24 * 3600)
void material_dates(
	const struct material *material, int64_t now_unix_s, char ret_text[MATERIAL_WHY_BYTES]);

#endif
