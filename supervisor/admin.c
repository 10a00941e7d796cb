/* What administrators ask for over the admin plane (common/admin_acts.h). Admin's prevalidator
 * passes it on with the grant of the token, and its word counts for nothing: kms looks whether it
 * sealed that grant and whether it allows the action. Then it is done, and answered to admin
 * itself.
 *
 *   ADMIN_ASK -> CHECK_GRANT -> GRANT_CHECKED -> done, or RECOVER -> RECOVER_ANSWER -> ADMIN_ANSWER
 */
#include "supervisor/supervisor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "core/hex.h"
#include "core/json_out.h"

/* DESIGN-WALL.md section 4. */
#define ACT_INTERVAL_MS 1000

/* Linux has 64; longer ones are cut. */
#define HOST_BYTES_MAX 65u
_Static_assert(VERB_TEXT_BYTES_MAX * 6 + 512 <= VERB_AUDIT_BYTES_MAX, "a record fits its frame");

/* Each is some 50 KiB of JSON out of this one loop; what watches a node asks once in seconds. */
#define READS_PER_S 20u

/* --- answers --- */

static struct admin_ask *find(struct supervisor *self, uint64_t id)
{
	for (size_t i = 0; i < ADMIN_ASKS_MAX; i++) {
		if (id != 0 && self->admin.asks[i].id == id) {
			return &self->admin.asks[i];
		}
	}
	return NULL;
}

/* What changes something is worth a line always, and so is what is refused. */
static void note(
	struct supervisor *self, const struct admin_ask *ask, unsigned status, const char *text)
{
	bool is_act = admin_acts_change(ask->act);

	log_event(is_act || (status >= 400 && status < 500 && status != 429) ? LOG_ADMIN_ASKED
									     : LOG_ADMIN_READ,
		&(struct log_fields){
			.ticket = ask->from.corr_id,
			.corr_id = ask->corr_id,
			.op = admin_acts_name(ask->act),
			.kid = ask->kid,
			.capability_ref = ask->kid == 0 ? NULL : &ask->capability,
			.status = status,
			.reason = ask->reason[0] == '\0' ? NULL : ask->reason,
			.outcome = is_act && audits_are_deferred(self) ? "audit=deferred" : NULL,
			.text = text[0] == '\0' ? NULL : text,
		});
}

/* The last word; the ask is free. */
static void answer(struct supervisor *self, struct admin_ask *ask, struct oap_admin_answer msg)
{
	struct peer *admin = mesh_peer_of(&self->mesh, PROCESS_ADMIN, 0, ask->edge_generation);

	if (admin != NULL) {
		(void)!oap_send_admin_answer(admin, ask->from.corr_id, &msg);
	}
	mesh_give_back(&self->mesh, &ask->from);
	ask->id = 0;
}

static void refuse(struct supervisor *self, struct admin_ask *ask, uint16_t status,
	uint32_t retry_after_s, const char *text)
{
	note(self, ask, status, text);
	answer(self, ask,
		(struct oap_admin_answer){
			.status = status,
			.retry_after_s = retry_after_s,
			.text = { (const uint8_t *)text, strnlen(text, VERB_TEXT_BYTES_MAX) },
		});
}

static void give(struct supervisor *self, struct admin_ask *ask, uint16_t status, struct slice body)
{
	note(self, ask, status, "");
	answer(self, ask, (struct oap_admin_answer){ .status = status, .body = body });
}

/* --- audit records --- */

static void key_text(struct json_out *out, const char *key, const char *value)
{
	json_out_key(out, key);
	json_out_text(out, value);
}

/* Members in the order of their names (core/audit.h). */
void admin_audit(struct supervisor *self, enum admin_act act, const struct admin_deed *deed)
{
	char host[HOST_BYTES_MAX] = "", instance[HOST_BYTES_MAX + 16], type[32];
	uint8_t json[VERB_AUDIT_BYTES_MAX];
	struct json_out out;
	size_t bytes = 0;

	(void)gethostname(host, sizeof host - 1);
	(void)snprintf(instance, sizeof instance, "macronode@%s", host);
	(void)snprintf(type, sizeof type, "admin.%s", admin_acts_name(act));
	json_out_init(&out, json, sizeof json);
	json_out_object_begin(&out);
	key_text(&out, "actor", deed->actor);
	key_text(&out, "instance", instance);
	json_out_key(&out, "kid");
	json_out_u64(&out, deed->kid);
	key_text(&out, "outcome", deed->outcome);
	key_text(&out, "reason", deed->reason);
	key_text(&out, "request_id", deed->request_id);
	key_text(&out, "type", type);
	json_out_object_end(&out);
	enum err err = json_out_finish(&out, &bytes);
	assert(err == ERR_OK); /* a reason, each byte of it escaped, and names */
	audits_add(self, AUDIT_ADMIN, (struct slice){ json, bytes });
}

/* --- what is asked for --- */

static char text[VERB_REPLY_BYTES_MAX]; /* one answer at a time: this is one loop */

static void give_text(struct supervisor *self, struct admin_ask *ask, size_t bytes)
{
	if (bytes == 0) {
		refuse(self, ask, 500, 0, "the answer does not fit a frame");
		return;
	}
	give(self, ask, 200, (struct slice){ (const uint8_t *)text, bytes });
}

static void status(struct supervisor *self, struct admin_ask *ask)
{
	give_text(self, ask, status_write(self, text, sizeof text));
}

static void tell_recovery(struct supervisor *self, struct admin_ask *ask, struct slice explained)
{
	give_text(self, ask, status_write_recovery(self, explained, text, sizeof text));
}

/* The committer knows more, when it is there. */
static void recovery(struct supervisor *self, struct admin_ask *ask)
{
	const struct child *committer = supervisor_child(self, PROCESS_COMMITTER, 0);
	const struct oap_recover question = { .act = RECOVER_EXPLAIN };

	if (committer->state != CHILD_UP ||
		oap_send_recover(
			mesh_peer_of(&self->mesh, PROCESS_COMMITTER, 0, committer->generation),
			ask->id, &question) != ERR_OK) {
		tell_recovery(self, ask, (struct slice){ NULL, 0 });
		return;
	}
	ask->process = PROCESS_COMMITTER;
}

static void audit(struct supervisor *self, const struct admin_ask *ask, const char *outcome)
{
	char actor[sizeof "capability " + HEX_TEXT_BYTES(ID_BYTES)] = "capability ";

	hex_encode(ask->capability.bytes, ID_BYTES, actor + strlen(actor));
	admin_audit(self, ask->act,
		&(struct admin_deed){
			.actor = actor,
			.kid = ask->kid,
			.reason = ask->reason,
			.request_id = ask->corr_id,
			.outcome = outcome,
		});
}

static void shut_down(struct supervisor *self, struct admin_ask *ask)
{
	static const char body[] = "{\"draining\":true}";

	audit(self, ask, "accepted");
	give(self, ask, 202, (struct slice){ (const uint8_t *)body, sizeof body - 1 });
	drain_begin(self, "asked over the admin plane");
}

static void on_reloaded(struct supervisor *self, uint64_t id, const struct reload_result *result)
{
	struct admin_ask *ask = find(self, id);
	struct json_out out;
	size_t bytes = 0;

	assert(ask != NULL && ask->process == PROCESS_SUPERVISOR);
	audit(self, ask, result->is_applied ? "applied" : "refused");
	if (!result->is_applied) {
		refuse(self, ask, result->is_passing ? 503 : 422, result->is_passing ? 1 : 0,
			result->refusal);
		return;
	}
	for (int with_values = 1; with_values >= 0 && bytes == 0; with_values--) {
		json_out_init(&out, (uint8_t *)text, sizeof text);
		reload_result_write(&out, result, with_values == 1);
		if (json_out_finish(&out, &bytes) != ERR_OK) {
			bytes = 0; /* the names alone do fit */
		}
	}
	give_text(self, ask, bytes);
}

static void reload(struct supervisor *self, struct admin_ask *ask)
{
	char actor[sizeof "capability " + HEX_TEXT_BYTES(ID_BYTES)] = "capability ";

	hex_encode(ask->capability.bytes, ID_BYTES, actor + strlen(actor));
	ask->process = PROCESS_SUPERVISOR; /* it is in our own hands */
	reload_request(self, actor, on_reloaded, ask->id);
}

static void act(struct supervisor *self, struct admin_ask *ask)
{
	switch (ask->act) {
	case ADMIN_ACT_STATUS:
		status(self, ask);
		return;
	case ADMIN_ACT_RECOVERY:
		recovery(self, ask);
		return;
	case ADMIN_ACT_EVENTS: /* admin has them: this is the leave to tell them */
		give(self, ask, 200, (struct slice){ NULL, 0 });
		return;
	case ADMIN_ACT_RELOAD:
		reload(self, ask);
		return;
	case ADMIN_ACT_SHUTDOWN:
		shut_down(self, ask);
		return;
	case ADMIN_ACT_COUNT:
		break;
	}
	assert(false); /* looked at when it came in */
}

/* --- how often --- */

static bool is_in_time(struct supervisor *self, enum admin_act act, struct instant now)
{
	struct admin *admin = &self->admin;

	if (admin_acts_change(act)) {
		if (!instant_reached(admin->act_after, now)) {
			return false;
		}
		admin->act_after = instant_after(now, duration_ms(ACT_INTERVAL_MS));
		return true;
	}
	if (instant_reached(admin->reads_until, now)) {
		admin->reads_until = instant_after(now, duration_ms(1000));
		admin->reads = 0;
	}
	return admin->reads++ < READS_PER_S;
}

/* --- what others say --- */

static void copy_text(char *to, size_t to_bytes, struct slice from)
{
	assert(from.bytes_count < to_bytes); /* the verb's bounds */
	if (from.bytes_count > 0) {
		memcpy(to, from.bytes, from.bytes_count);
	}
	to[from.bytes_count] = '\0';
}

static struct admin_ask *free_ask(struct admin *admin)
{
	for (size_t i = 0; i < ADMIN_ASKS_MAX; i++) {
		if (admin->asks[i].id == 0) {
			return &admin->asks[i];
		}
	}
	return NULL;
}

enum err admin_ask(void *self, const struct oap_from *from, const struct oap_admin_ask *msg)
{
	struct supervisor *supervisor = self;
	struct oap_check_grant check = { .grant = msg->grant };
	struct admin_ask *ask = free_ask(&supervisor->admin);
	const struct child *kms = supervisor_child(supervisor, PROCESS_KMS, 0);

	if (!process_is_of_admin((struct process_id){ from->process, from->instance })) {
		return ERR_NOT_ROUTED; /* those of the API have no business here */
	}
	if (msg->act >= ADMIN_ACT_COUNT) {
		return ERR_MALFORMED;
	}
	if (ask == NULL) { /* a prevalidator before this one has them; kms has yet to answer */
		mesh_give_back(&supervisor->mesh, from);
		return ERR_OK; /* admin's own deadline ends it */
	}
	*ask = (struct admin_ask){
		.id = ++supervisor->asked_last,
		.process = PROCESS_KMS,
		.act = (enum admin_act)msg->act,
		.from = *from,
		.edge_generation = msg->edge_generation,
	};
	copy_text(ask->corr_id, sizeof ask->corr_id, msg->corr_id);
	copy_text(ask->reason, sizeof ask->reason, msg->reason);
	check.action = (uint8_t)admin_acts_action(ask->act);
	if (msg->deadline_mono_ms <= (uint64_t)clock_now().monotonic_us / 1000 ||
		kms->state != CHILD_UP ||
		oap_send_check_grant(
			mesh_peer_of(&supervisor->mesh, PROCESS_KMS, 0, kms->generation), ask->id,
			&check) != ERR_OK) {
		refuse(supervisor, ask, 503, 1, "kms is not there right now; try again");
	}
	return ERR_OK;
}

static void judge(
	struct supervisor *self, struct admin_ask *ask, const struct oap_grant_checked *msg)
{
	char why[VERB_TEXT_BYTES_MAX + 1];

	ask->kid = msg->kid;
	ask->capability = msg->capability;
	copy_text(why, sizeof why, msg->text);
	if (msg->covers != 1) {
		refuse(self, ask, 403, 0, why);
	} else if (!is_in_time(self, ask->act, clock_now())) {
		refuse(self, ask, 429, 1,
			admin_acts_change(ask->act) ? "at most one reload or shutdown a second"
						    : "too many questions a second");
	} else {
		act(self, ask);
	}
}

/* A grant that kms never sealed was made by the prevalidator: it is broken, or captured. */
enum err admin_grant_checked(
	void *self, const struct oap_from *from, const struct oap_grant_checked *msg)
{
	struct supervisor *supervisor = self;
	struct admin_ask *ask = find(supervisor, from->corr_id);

	if (ask == NULL || ask->process != PROCESS_KMS) {
		return ERR_OK; /* who asked has left */
	}
	if (msg->status == ERR_OK) {
		judge(supervisor, ask, msg);
		return ERR_OK;
	}
	struct oap_from bringer = ask->from;

	refuse(supervisor, ask, 503, 1, "the token has to be looked at again; try again");
	if (msg->status != ERR_STALE) {
		life_accuse(supervisor, &bringer, (enum err)msg->status);
	}
	return ERR_OK;
}

bool admin_recover_answer(
	struct supervisor *self, const struct oap_from *from, const struct oap_recover_answer *msg)
{
	struct admin_ask *ask = find(self, from->corr_id);

	if (ask == NULL || ask->process != PROCESS_COMMITTER ||
		from->process != PROCESS_COMMITTER) {
		return false;
	}
	tell_recovery(self, ask, msg->status == ERR_OK ? msg->text : (struct slice){ NULL, 0 });
	return true;
}

/* Questions that a dead worker will never answer. */
void admin_worker_lost(struct supervisor *self, unsigned process)
{
	for (size_t i = 0; i < ADMIN_ASKS_MAX; i++) {
		struct admin_ask *ask = &self->admin.asks[i];

		if (ask->id == 0 || ask->process != process) {
			continue;
		}
		if (process == PROCESS_COMMITTER) {
			tell_recovery(self, ask, (struct slice){ NULL, 0 });
		} else {
			refuse(self, ask, 503, 1, "kms died over the question; try again");
		}
	}
}
