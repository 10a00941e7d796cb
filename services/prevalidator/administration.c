/* What administrators ask the supervisor for over the admin plane. It does not believe us: kms
 * looks at the grant again, which goes along. */
#include "services/prevalidator/administration.h"

#include <string.h>

#include "common/admin_acts.h"
#include "services/prevalidator/prevalidator.h"

/* --- the body --- */

enum member {
#define AS_ENUM(NAME, name, type, required, text) MEMBER_##NAME,
	ADMINISTRATION_MEMBERS(AS_ENUM)
#undef AS_ENUM
		MEMBER_COUNT
};

static const struct closed_member members[] = {
#define AS_MEMBER(NAME, name, type, required, text) \
	[MEMBER_##NAME] = { name, JSON_##type, required, false, text },
	ADMINISTRATION_MEMBERS(AS_MEMBER)
#undef AS_MEMBER
};

static bool take(void *self, unsigned member, struct slice text)
{
	struct administration *administration = self;

	assert(member == MEMBER_REASON);
	if (text.bytes_count == 0 || text.bytes_count > sizeof administration->reason_bytes ||
		memchr(text.bytes, '\0', text.bytes_count) != NULL) {
		return false;
	}
	memcpy(administration->reason_bytes, text.bytes, text.bytes_count);
	administration->reason = (struct slice){ administration->reason_bytes, text.bytes_count };
	return true;
}

const char *administration_read(
	struct administration *administration, struct json *json, struct slice body)
{
	struct closed closed = {
		.members = members,
		.count = MEMBER_COUNT,
		.take = take,
		.self = administration,
	};

	administration->reason = (struct slice){ NULL, 0 };
	return body.bytes_count == 0 ? NULL : closed_read(&closed, json, body);
}

/* --- the request --- */

static bool is_allowed(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, enum admin_act act)
{
	const struct caveat_entry entry = {
		.actions = CAVEAT_ACTION_BIT(admin_acts_action(act)),
	};
	struct caveat_verdict verdict = caveat_set_check_entry(&cached->grant.caveats, &entry);

	if (verdict.result == CAVEAT_HOLDS) {
		return true;
	}
	wall_refuse(self, ask, REASON_CAP_INVALID, caveat_set_verdict_text(verdict));
	return false;
}

void administration_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	enum admin_act act = admin_acts_of(ask->route);
	struct administration *administration = &self->administration;
	const char *fault;

	if (!is_allowed(self, ask, cached, act)) {
		return;
	}
	fault = ask->query.bytes_count > 0
			? "this route has no query"
			: administration_read(administration, &self->ingest.json, ask->body);
	if (fault != NULL) {
		wall_refuse(self, ask, REASON_UNKNOWN_KIND, fault);
		return;
	}
	const struct oap_admin_ask message = {
		.act = (uint8_t)act,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.corr_id = ask->corr_id,
		.reason = administration->reason,
		.grant = { cached->sealed, cached->sealed_bytes },
	};
	wall_forwarded(self, ask,
		oap_send_admin_ask(mesh_peer(&self->worker->mesh, PROCESS_SUPERVISOR, 0),
			ask->from.corr_id, &message));
}
