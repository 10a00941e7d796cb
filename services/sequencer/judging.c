/* Grants of what is asked of the rewarder, which holds no key of grants: it asks us, before it does
 * anything, whether kms sealed this one and whether it covers that (DESIGN-WALL.md section 4). So
 * nobody's word is believed about it, neither the prevalidator's nor the rewarder's. Our answer
 * waits for no batch, and comes in safe mode as well: reads go on there. */
#include <string.h>

#include "core/reward.h"
#include "services/sequencer/sequencer.h"

static const uint32_t rewarder_actions = CAVEAT_ACTION_BIT(CAVEAT_ACTION_REWARDER_RUN) |
					 CAVEAT_ACTION_BIT(CAVEAT_ACTION_REWARDER_INSPECT) |
					 CAVEAT_ACTION_BIT(CAVEAT_ACTION_REWARDER_QUARANTINE);

/* Without a state of the ledger nobody knows; a grant ends within seconds, as for any read. */
static bool is_revoked(const struct sequencer *self, const struct grant *grant)
{
	struct slice capability = { grant->capability_id.bytes, ID_BYTES };
	uint8_t bytes[sizeof grant->key_id];
	struct byte_writer out = byte_writer_of(bytes, sizeof bytes);

	byte_put_u32(&out, grant->key_id);
	return self->ledger != NULL &&
	       (ledger_is_frozen(self->ledger, SCOPE_CAPABILITY, capability) ||
		       ledger_is_frozen(
			       self->ledger, SCOPE_KEY, (struct slice){ bytes, out.used }));
}

static bool names_tenant(const struct grant *grant, struct slice tenant)
{
	return (grant->caveats.kinds & 1u << CAVEAT_TENANT) != 0 &&
	       entry_views_equal(grant->tenant, tenant);
}

/* Policies are of the node, and of no tenant. */
static uint32_t kinds_about(struct slice tenant)
{
	uint32_t kinds = caveat_kinds(CAVEAT_WHERE_LEDGER);

	return tenant.bytes_count == 0 ? kinds & ~(1u << CAVEAT_TENANT) : kinds;
}

static enum reward_reason judge(
	const struct sequencer *self, const struct grant *grant, const struct judged *what)
{
	struct caveat_request facts = {
		.now_unix_s = (uint64_t)clock_unix_ms() / 1000,
		.tenant = what->tenant,
		.epoch = what->epoch,
	};

	if (self->phase == PHASE_LOADING || grant_is_expired(grant, requests_now_mono_ms())) {
		return REWARD_REASON_CAP_TIMEOUT; /* soon there is another */
	}
	if (is_revoked(self, grant)) {
		return REWARD_REASON_UNAUTH;
	}
	if ((grant->caveats.actions & CAVEAT_ACTION_BIT(what->action)) == 0) {
		return REWARD_REASON_SCOPE;
	}
	if (what->tenant.bytes_count > 0 && !names_tenant(grant, what->tenant)) {
		return REWARD_REASON_TENANT;
	}
	if (what->action == CAVEAT_ACTION_REWARDER_QUARANTINE && grant->peer != GRANT_PEER_UNIX) {
		return REWARD_REASON_CAVEAT; /* R-O28: by who is on this machine */
	}
	return caveat_set_check_request(&grant->caveats, kinds_about(what->tenant), &facts)
				       .result == CAVEAT_HOLDS
		       ? REWARD_REASON_NONE
		       : REWARD_REASON_CAVEAT;
}

enum err judging_grant(const struct sequencer *self, struct slice sealed, const struct judged *what,
	struct grant *ret_grant, enum reward_reason *ret_reason)
{
	enum err err = grant_keys_open(&self->keys, sealed, ret_grant);

	if (err == ERR_STALE) { /* of a kms of before, or of one that we don't know yet */
		*ret_reason = REWARD_REASON_CAP_TIMEOUT;
		return ERR_OK;
	}
	*ret_reason = err == ERR_OK ? judge(self, ret_grant, what) : REWARD_REASON_UNAUTH;
	return err;
}

bool judging_is_sound(const struct judged *what)
{
	return what->action < CAVEAT_ACTION_COUNT &&
	       (rewarder_actions & CAVEAT_ACTION_BIT(what->action)) != 0 &&
	       (what->tenant.bytes_count == 0 || reward_is_tenant(what->tenant)) &&
	       (what->epoch.bytes_count == 0 || reward_is_epoch(what->epoch));
}

enum err judging_take(
	struct sequencer *self, const struct oap_from *from, const struct oap_judge_grant *msg)
{
	const struct judged what = { msg->action, msg->tenant, msg->epoch };
	struct mesh *mesh = &self->worker->mesh;
	struct oap_judged_grant judged = { .status = ERR_OK };
	enum reward_reason reason;
	struct grant grant;

	if (!judging_is_sound(&what)) {
		return ERR_MALFORMED;
	}
	judged.status = (uint8_t)judging_grant(self, msg->grant, &what, &grant, &reason);
	judged.reason = (uint8_t)reason;
	if (reason == REWARD_REASON_NONE) {
		judged.capability = grant.capability_id;
	}
	mesh_give_back(mesh, from);
	(void)!oap_send_judged_grant(
		mesh_peer_of(mesh, from->process, from->instance, from->generation), from->corr_id,
		&judged); /* or it is gone */
	return ERR_OK;
}
