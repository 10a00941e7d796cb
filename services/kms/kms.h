#ifndef SERVICES_KMS_KMS_H
#define SERVICES_KMS_KMS_H

#include "common/worker.h"
#include "services/kms/keys.h"
#include "services/kms/signer.h"
#include "services/kms/tls.h"
#include "services/kms/tokens.h"

/* As many revocations as the supervisor may have asked for at once: its window. */
#define KMS_WAITING_MAX 16u

/* Who is to be told when the sequencer has this revocation. */
struct kms_waiting {
	struct oap_from from;
	uint32_t order;
};

struct kms {
	struct worker *worker;
	char dir[CONFIG_TEXT_BYTES_MAX + sizeof "/keys"];
	struct keys keys;
	struct tokens tokens;
	struct signer signer;
	struct tls tls;
	uint64_t events_told; /* to the committer that is linked now */

	/* How far the sequencer that is linked now has confirmed our revocations, in their
	 * order; the next is asked for, or will be. */
	uint32_t revoked_done;
	bool revoked_asked;
	struct kms_waiting waiting[KMS_WAITING_MAX];
	size_t waiting_count;

	struct id128 life; /* random; told to the rewarder, who keeps grants */

	uint8_t list[VERB_REPLY_BYTES_MAX]; /* the page of CAP_LIST in the making */
};

extern const struct oap_handlers kms_handlers;
extern const struct sandbox_policy kms_sandbox;

/* handlers.c */
size_t kms_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX]);
void kms_open(void *self, struct worker *worker);
const char *kms_prepare(void *self, struct worker *worker);
void kms_commit(void *self, struct worker *worker);
void kms_abort(void *self, struct worker *worker);
void kms_link_up(void *self, const struct oap_from *whom);
void kms_turn(void *self);

/* Answers one of the supervisor's questions and gives its credit back. */
void kms_answer(struct kms *kms, const struct oap_from *from, enum err status, uint64_t next,
	struct slice text);

/* events.c: what happened to the keys behind event `after`, as rows of KEY_EVENT_ROWS. */
MUST_CHECK enum err kms_event_rows(struct kms *kms, uint64_t after, struct slice *ret_rows);

/* The member "caveats": an array of the lines. */
struct json_out;
void kms_put_caveats(struct json_out *out, struct slice text);

/* listed.c: one page of what was ever issued, as JSON lines. *ret_next: 0 after the last. */
MUST_CHECK enum err kms_list(
	struct kms *kms, uint64_t after, struct slice *ret_text, uint64_t *ret_next);

/* revoked.c */
void kms_revoked_restart(struct kms *kms); /* a new sequencer: it is told everything again */
void kms_revoked_tell(struct kms *kms);    /* the next one, if it is time */
void kms_revoked_wait(struct kms *kms, const struct oap_from *from, uint32_t order);
MUST_CHECK enum err kms_revoked_confirm(struct kms *kms, uint64_t corr_id, uint64_t after_seq);

#endif
