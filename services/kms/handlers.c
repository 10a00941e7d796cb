#include "services/kms/kms.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

static uint64_t now_unix_ms(void)
{
	return (uint64_t)clock_unix_ms();
}

static struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

void kms_answer(struct kms *kms, const struct oap_from *from, enum err status, uint64_t next,
	struct slice text)
{
	struct oap_cap_answer answer = { .status = (uint8_t)status, .next = next, .text = text };
	struct mesh *mesh = &kms->worker->mesh;

	(void)!oap_send_cap_answer(mesh_peer(mesh, PROCESS_SUPERVISOR, 0), from->corr_id, &answer);
	mesh_give_back(mesh, from);
}

/* --- the start --- */

size_t kms_paths(
	void *self, const struct worker *worker, struct landlock_path ret_paths[WORKER_PATHS_MAX])
{
	struct kms *kms = self;

	(void)snprintf(kms->dir, sizeof kms->dir, "%s/keys", worker->config.node_data_dir);
	ret_paths[0] = (struct landlock_path){
		.path = kms->dir,
		.rights = LANDLOCK_RIGHTS_CREATE,
	};
	return 1;
}

void kms_open(void *self, struct worker *worker)
{
	struct kms *kms = self;

	kms->worker = worker;
	keys_open(&kms->keys, worker, kms->dir, worker->config.node_name);
	tokens_init(&kms->tokens, &kms->keys, worker);
}

/* --- links --- */

static void tell_grant_key(struct kms *kms, struct peer *peer)
{
	struct oap_grant_key key = {
		.kms_generation = kms->worker->generation,
		.key = kms->keys.secret->grant_key,
	};

	(void)!oap_send_grant_key(peer, 0, &key); /* a lost link has no other answer */
}

static void tell_forget(struct kms *kms, struct peer *peer)
{
	struct oap_forget_grants forget = { .kms_generation = kms->worker->generation };

	(void)!oap_send_forget_grants(peer, 0, &forget);
}

void kms_link_up(void *self, const struct oap_from *whom)
{
	struct kms *kms = self;
	struct peer *peer = mesh_peer(&kms->worker->mesh, whom->process, whom->instance);

	switch ((enum process)whom->process) {
	case PROCESS_PREVALIDATOR:
		tell_forget(kms, peer);
		break;
	case PROCESS_SEQUENCER:
		tell_grant_key(kms, peer);
		kms_revoked_restart(kms);
		break;
	case PROCESS_ARCHIVE:
		tell_grant_key(kms, peer);
		break;
	case PROCESS_COMMITTER: {
		struct oap_origin origin = {
			.in_use = keys_in_use(&kms->keys),
			.origin = keys_origin(&kms->keys),
		};
		(void)!oap_send_origin(peer, 0, &origin);
		break;
	}
	case PROCESS_CLIENT:
	case PROCESS_SUPERVISOR:
	case PROCESS_ADMIN:
	case PROCESS_INGRESS:
	case PROCESS_KMS:
	case PROCESS_COUNT:
		break;
	}
}

void kms_turn(void *self)
{
	struct kms *kms = self;

	if (kms->worker->phase == PHASE_STARTING) {
		worker_report(kms->worker, PHASE_SERVING, 0, 0, NULL, ""); /* READY went before */
	}
	kms_revoked_tell(kms);
}

static void forget_everywhere(struct kms *kms)
{
	for (unsigned i = 0; i < process_instances_max(PROCESS_PREVALIDATOR); i++) {
		tell_forget(kms, mesh_peer(&kms->worker->mesh, PROCESS_PREVALIDATOR, i));
	}
}

/* --- what is asked --- */

static enum err on_verify(void *self, const struct oap_from *from, const struct oap_verify *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct tokens_now now = { now_unix_ms(), (uint64_t)clock_now().monotonic_us / 1000 };
	struct tokens_verdict verdict;
	struct oap_grant grant;

	if (msg->peer_class >= GRANT_PEER_COUNT ||
		(msg->peer_class != GRANT_PEER_UNIX && msg->peer_uid != 0)) {
		return ERR_MALFORMED;
	}
	verdict = tokens_verify(&kms->tokens, msg, &now);
	grant = (struct oap_grant){
		.status = verdict.status,
		.reason = (uint8_t)verdict.reason,
		.detail = text_of(verdict.detail),
		.grant = verdict.grant,
	};
	(void)!oap_send_grant(mesh_peer_of(mesh, from->process, from->instance, from->generation),
		from->corr_id, &grant);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_cap_mint(void *self, const struct oap_from *from, const struct oap_cap_mint *msg)
{
	struct kms *kms = self;
	char why[VERB_TEXT_BYTES_MAX] = "";
	struct slice text = { NULL, 0 };
	struct keys_item item;
	enum err err =
		tokens_mint(&kms->tokens, msg->caveats, now_unix_ms() / 1000, &text, &item, why);

	if (err == ERR_OK) {
		log_event(LOG_CAPABILITY_MINTED, &(struct log_fields){ .kid = item.kid,
							 .capability_ref = &item.capability });
	} else {
		text = text_of(why);
	}
	kms_answer(kms, from, err, 0, text);
	tokens_wipe(&kms->tokens);
	return ERR_OK;
}

static enum err revoke(struct kms *kms, const struct keys_item *item)
{
	uint64_t now_unix_s = now_unix_ms() / 1000;
	uint32_t index = (uint32_t)(item - kms->keys.items);
	struct log_fields fields = { .kid = item->kid, .capability_ref = &item->capability };
	bool is_active_root = index == kms->keys.root_items[kms->keys.root_count - 1];
	enum err err;

	if (is_active_root && keys_add_root(&kms->keys, now_unix_s) == ERR_OK) {
		log_event(LOG_KEY_ROTATED, &(struct log_fields){ .kid = kms->keys.root_count });
	}
	/* without a new key nothing can be minted, but the old one must go all the same */
	err = keys_revoke(&kms->keys, index, now_unix_s);
	if (err == ERR_OK) {
		log_event(LOG_CAPABILITY_REVOKED, &fields);
		forget_everywhere(kms);
	}
	return err;
}

static enum err on_cap_revoke(
	void *self, const struct oap_from *from, const struct oap_cap_revoke *msg)
{
	struct kms *kms = self;
	const struct keys_item *item = keys_find(&kms->keys, msg->kid, &msg->capability);
	enum err err = ERR_OK;

	if (item == NULL) {
		kms_answer(kms, from, ERR_NOT_FOUND, 0,
			text_of("there is no such capability; `cap list` shows all"));
		return ERR_OK;
	}
	if (item->revoked_unix_s == 0) {
		err = revoke(kms, item);
	}
	if (err != ERR_OK) {
		kms_answer(kms, from, err, 0, text_of("the keyring cannot be written"));
		return ERR_OK;
	}
	kms_revoked_wait(kms, from, item->revoked_order);
	return ERR_OK;
}

static enum err on_cap_list(void *self, const struct oap_from *from, const struct oap_cap_list *msg)
{
	struct kms *kms = self;
	struct slice text;
	uint64_t next = 0;
	enum err err = kms_list(kms, msg->after, &text, &next);

	if (err != ERR_OK) {
		text = text_of("the keyring cannot be read");
	}
	kms_answer(kms, from, err, next, text);
	return ERR_OK;
}

static enum err on_cap_rotate(
	void *self, const struct oap_from *from, const struct oap_cap_rotate *msg)
{
	struct kms *kms = self;
	enum err err;

	if (msg->active_kid != kms->keys.root_count) {
		kms_answer(kms, from, ERR_STALE, kms->keys.root_count,
			text_of("another root key is active now; `cap list` shows it"));
		return ERR_OK;
	}
	err = keys_add_root(&kms->keys, now_unix_ms() / 1000);
	if (err == ERR_OK) {
		log_event(LOG_KEY_ROTATED, &(struct log_fields){ .kid = kms->keys.root_count });
	}
	kms_answer(kms, from, err, kms->keys.root_count,
		text_of(err == ERR_OK ? "" : "the keyring is full or cannot be written"));
	return ERR_OK;
}

static enum err on_revoked_done(
	void *self, const struct oap_from *from, const struct oap_revoked_done *msg)
{
	return kms_revoked_confirm(self, from->corr_id, msg->after_seq);
}

const struct oap_handlers kms_handlers = {
	.verify = on_verify,
	.revoked_done = on_revoked_done,
	.cap_mint = on_cap_mint,
	.cap_revoke = on_cap_revoke,
	.cap_list = on_cap_list,
	.cap_rotate = on_cap_rotate,
};
