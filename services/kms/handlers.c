#include "services/kms/kms.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/random.h"
#include "common/trace.h"

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
	random_fill(&kms->life, sizeof kms->life);
	keys_open(&kms->keys, worker, kms->dir, worker->config.node_name);
	signer_open(&kms->signer, &kms->keys, worker, kms->dir);
	tokens_init(&kms->tokens, &kms->keys, worker);
	tls_open(&kms->tls, worker);
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

static void tell_origin(struct kms *kms, struct peer *peer)
{
	const struct keys_origin *now = keys_origin_now(&kms->keys);
	const struct signed_mark *mark = signer_mark(&kms->signer);
	struct oap_origin origin = {
		.in_use = keys_in_use(&kms->keys),
		.signed_size = mark->size,
		.signed_root = mark->root,
		.public_key = now->public_key,
		.key_event_count = kms->keys.event_count,
		.origin = keys_origin(&kms->keys),
		.origin_before = keys_origin_before(&kms->keys),
		.abandoned_size = now->abandoned_size,
		.abandoned_root = now->abandoned_root,
	};

	kms->events_told = kms->keys.event_count;
	(void)!oap_send_origin(peer, 0, &origin);
}

static void tell_signer(struct kms *kms, struct peer *peer)
{
	struct oap_signer signer = {
		.public_key = keys_origin_now(&kms->keys)->public_key,
		.origin = keys_origin(&kms->keys),
	};

	(void)!oap_send_signer(peer, 0, &signer);
}

static void tell_artefact_key(struct kms *kms, struct peer *peer)
{
	struct oap_artefact_key artefacts;

	signer_artefact_key(&kms->signer, &artefacts.key_id, &artefacts.key);
	artefacts.life = kms->life;
	(void)!oap_send_artefact_key(peer, 0, &artefacts);
	sodium_memzero(&artefacts, sizeof artefacts);
}

static void tell_ticket_key(struct kms *kms, struct peer *peer, enum tls_plane plane)
{
	struct oap_ticket_key ticket = { .key = tls_ticket_key(&kms->tls, plane) };

	if (ticket.key.bytes_count > 0) {
		(void)!oap_send_ticket_key(peer, 0, &ticket);
	}
}

static void tell_ticket_keys(struct kms *kms)
{
	struct mesh *mesh = &kms->worker->mesh;

	tell_ticket_key(kms, mesh_peer(mesh, PROCESS_ADMIN, 0), TLS_PLANE_ADMIN);
	for (unsigned i = 0; i < process_instances_max(PROCESS_INGRESS); i++) {
		tell_ticket_key(kms, mesh_peer(mesh, PROCESS_INGRESS, i), TLS_PLANE_API);
	}
}

/* That something happened to a key; the committer asks what. */
static void tell_events(struct kms *kms)
{
	struct oap_key_events events = { .count = kms->keys.event_count };
	struct peer *committer = mesh_peer(&kms->worker->mesh, PROCESS_COMMITTER, 0);

	if (kms->events_told != events.count && committer != NULL) {
		kms->events_told = events.count;
		(void)!oap_send_key_events(committer, 0, &events);
	}
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
		tell_signer(kms, peer);
		break;
	case PROCESS_COMMITTER:
		tell_origin(kms, peer);
		break;
	case PROCESS_REWARDER:
		tell_artefact_key(kms, peer);
		break;
	case PROCESS_ADMIN:
		tell_ticket_key(kms, peer, TLS_PLANE_ADMIN);
		break;
	case PROCESS_INGRESS:
		tell_ticket_key(kms, peer, TLS_PLANE_API);
		break;
	case PROCESS_CLIENT:
	case PROCESS_SUPERVISOR:
	case PROCESS_KMS:
	case PROCESS_WALLET:
	case PROCESS_COMPUTE:
	case PROCESS_OTEL:
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
	tell_events(kms);
}

static void forget_everywhere(struct kms *kms)
{
	for (unsigned i = 0; i < process_instances_max(PROCESS_PREVALIDATOR); i++) {
		tell_forget(kms, mesh_peer(&kms->worker->mesh, PROCESS_PREVALIDATOR, i));
	}
}

/* --- a reload --- */

const char *kms_prepare(void *self, struct worker *worker)
{
	struct kms *kms = self;

	(void)worker;
	return tls_prepare(&kms->tls);
}

void kms_commit(void *self, struct worker *worker)
{
	struct kms *kms = self;

	tokens_configure(&kms->tokens, worker);
	tls_commit(&kms->tls);
	tell_ticket_keys(kms);
}

void kms_abort(void *self, struct worker *worker)
{
	struct kms *kms = self;

	(void)worker;
	tls_abort(&kms->tls);
}

/* --- what is asked --- */

static enum err on_verify(void *self, const struct oap_from *from, const struct oap_verify *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct tokens_now now = { now_unix_ms(), (uint64_t)clock_now().monotonic_us / 1000 };
	struct tokens_verdict verdict;
	struct oap_grant grant;

	if (msg->peer_class >= GRANT_PEER_COUNT || (msg->actions & ~CAVEAT_ACTIONS_ALL) != 0 ||
		(msg->peer_class != GRANT_PEER_UNIX && msg->peer_uid != 0)) {
		return ERR_MALFORMED;
	}
	struct trace_work work = trace_work_of(msg->ticket);

	verdict = tokens_verify(&kms->tokens, msg, &now);
	grant = (struct oap_grant){
		.status = verdict.status,
		.reason = (uint8_t)verdict.reason,
		.api_reason = (uint8_t)verdict.api_reason,
		.detail = text_of(verdict.detail),
		.grant = verdict.grant,
	};
	trace_done(TRACE_VERIFY, &work, &(struct log_fields){ .status = verdict.status });
	(void)!oap_send_grant(mesh_peer_of(mesh, from->process, from->instance, from->generation),
		from->corr_id, &grant);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_check_grant(
	void *self, const struct oap_from *from, const struct oap_check_grant *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct tokens_now now = { now_unix_ms(), (uint64_t)clock_now().monotonic_us / 1000 };
	struct grant grant;
	const char *why = NULL;

	if (msg->action >= CAVEAT_ACTION_COUNT) {
		return ERR_MALFORMED;
	}
	enum err err = tokens_check_grant(
		&kms->tokens, msg->grant, (enum caveat_action)msg->action, &now, &grant, &why);
	struct oap_grant_checked checked = {
		.status = (uint8_t)err,
		.covers = err == ERR_OK && why == NULL,
	};
	if (err == ERR_OK) {
		checked.kid = grant.key_id;
		checked.capability = grant.capability_id;
		checked.text = text_of(why == NULL ? "" : why);
	}
	(void)!oap_send_grant_checked(
		mesh_peer(mesh, PROCESS_SUPERVISOR, 0), from->corr_id, &checked);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_cap_mint(void *self, const struct oap_from *from, const struct oap_cap_mint *msg)
{
	struct kms *kms = self;
	char why[VERB_TEXT_BYTES_MAX] = "";
	struct slice text = { NULL, 0 };
	struct keys_item item;
	enum err err = tokens_mint(&kms->tokens, msg, now_unix_ms() / 1000, &text, &item, why);

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

/* --- signing --- */

static enum err on_sign_checkpoint(
	void *self, const struct oap_from *from, const struct oap_sign_checkpoint *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct slice checkpoint = { NULL, 0 }, audit = { NULL, 0 };
	enum err err = signer_checkpoint(&kms->signer, msg, &checkpoint, &audit);
	const struct signed_mark *mark = signer_mark(&kms->signer);
	struct oap_signed_checkpoint reply = {
		.status = (uint8_t)err,
		.size = msg->size,
		.signed_size = mark->size,
		.signed_root = mark->root,
		.checkpoint = checkpoint,
		.audit = audit,
	};

	if (err == ERR_MALFORMED) {
		return err;
	}
	if (err != ERR_OK) {
		log_event(LOG_CHECKPOINT_REFUSED,
			&(struct log_fields){
				.fault = err, .size = msg->size, .root = &msg->root });
	}
	(void)!oap_send_signed_checkpoint(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&reply);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_sign_snapshot(
	void *self, const struct oap_from *from, const struct oap_sign_snapshot *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct oap_signed_snapshot reply = { .note = { NULL, 0 } };
	enum err err = signer_snapshot(&kms->signer, msg, &reply.note);

	if (err == ERR_MALFORMED) {
		return err;
	}
	reply.status = (uint8_t)err;
	(void)!oap_send_signed_snapshot(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&reply);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_sign_attestation(
	void *self, const struct oap_from *from, const struct oap_sign_attestation *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct oap_signed_attestation reply = {
		.signed_at_unix_s = now_unix_ms() / 1000,
		.public_key = keys_origin_now(&kms->keys)->public_key,
		.signature = { NULL, 0 },
	};
	enum err err =
		signer_attestation(&kms->signer, msg, reply.signed_at_unix_s, &reply.signature);

	reply.status = (uint8_t)err;
	(void)!oap_send_signed_attestation(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&reply);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_sign_tls(void *self, const struct oap_from *from, const struct oap_sign_tls *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct oap_signed_tls reply = { .signature = { NULL, 0 } };
	enum err err = tls_sign(&kms->tls, msg, &reply.signature);

	if (err == ERR_MALFORMED) {
		return err;
	}
	reply.status = (uint8_t)err;
	(void)!oap_send_signed_tls(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&reply);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_read_key_events(
	void *self, const struct oap_from *from, const struct oap_read_key_events *msg)
{
	struct kms *kms = self;
	struct mesh *mesh = &kms->worker->mesh;
	struct oap_key_event_rows reply = { .rows = { NULL, 0 } };

	/* none when they cannot be read now: the committer asks again when it hears of more */
	(void)!kms_event_rows(kms, msg->after, &reply.rows);
	(void)!oap_send_key_event_rows(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&reply);
	mesh_give_back(mesh, from);
	return ERR_OK;
}

static enum err on_key_show(void *self, const struct oap_from *from, const struct oap_key_show *msg)
{
	struct kms *kms = self;
	size_t bytes = 0;
	enum err err = signer_show(&kms->signer, kms->list, sizeof kms->list, &bytes);

	(void)msg;
	kms_answer(kms, from, err, 0, (struct slice){ kms->list, bytes });
	return ERR_OK;
}

const struct oap_handlers kms_handlers = {
	.verify = on_verify,
	.revoked_done = on_revoked_done,
	.cap_mint = on_cap_mint,
	.cap_revoke = on_cap_revoke,
	.cap_list = on_cap_list,
	.cap_rotate = on_cap_rotate,
	.key_show = on_key_show,
	.check_grant = on_check_grant,
	.sign_checkpoint = on_sign_checkpoint,
	.sign_snapshot = on_sign_snapshot,
	.sign_attestation = on_sign_attestation,
	.sign_tls = on_sign_tls,
	.read_key_events = on_read_key_events,
};
