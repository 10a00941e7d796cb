/* Revocations on their way to the sequencer. It is told all of them, in their order, after each
 * link up, one at a time: it stores them, so most of the second telling is waved through; they
 * are few; and what we said was revoked is then so whatever it had forgotten. A revocation is
 * answered when the sequencer has it: from then on no entry under it gets a number. */
#include "services/kms/kms.h"

#include <assert.h>

void kms_revoked_restart(struct kms *kms)
{
	kms->revoked_done = 0;
	kms->revoked_asked = false;
}

void kms_revoked_tell(struct kms *kms)
{
	const struct keys_item *item;
	struct oap_revoked revoked;

	if (kms->revoked_asked || kms->revoked_done == kms->keys.revoked_count) {
		return;
	}
	item = &kms->keys.items[kms->keys.revoked[kms->revoked_done]];
	revoked = (struct oap_revoked){ .kid = item->kid, .capability = item->capability };
	/* Without a link or credit, a later turn will find them. */
	kms->revoked_asked = oap_send_revoked(mesh_peer(&kms->worker->mesh, PROCESS_SEQUENCER, 0),
				     kms->revoked_done, &revoked) == ERR_OK;
}

static void answer_all_done(struct kms *kms, uint64_t after_seq)
{
	size_t left = 0;

	for (size_t i = 0; i < kms->waiting_count; i++) {
		struct kms_waiting waiting = kms->waiting[i];

		if (waiting.order < kms->revoked_done) {
			kms_answer(
				kms, &waiting.from, ERR_OK, after_seq, (struct slice){ NULL, 0 });
		} else {
			kms->waiting[left++] = waiting;
		}
	}
	kms->waiting_count = left;
}

void kms_revoked_wait(struct kms *kms, const struct oap_from *from, uint32_t order)
{
	assert(kms->waiting_count < KMS_WAITING_MAX); /* the supervisor's window */
	kms->waiting[kms->waiting_count++] = (struct kms_waiting){ *from, order };
	answer_all_done(kms, 0); /* asked for a second time, it may have been done long ago */
}

enum err kms_revoked_confirm(struct kms *kms, uint64_t corr_id, uint64_t after_seq)
{
	if (!kms->revoked_asked || corr_id != kms->revoked_done) {
		return ERR_CONFLICT;
	}
	kms->revoked_asked = false;
	kms->revoked_done++;
	answer_all_done(kms, after_seq);
	return ERR_OK;
}
