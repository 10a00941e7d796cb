#include <stdlib.h>
#include <string.h>

#include "common/metrics.h"
#include "common/random.h"
#include "core/sha256.h"
#include "services/prevalidator/prevalidator.h"

/* What kms said of tokens, for kms.cache_ttl. Only good news is kept: a token that was refused
 * is asked about again each time. Requests with the same token share one VERIFY. */

void grants_init(struct grants *grants)
{
	random_fill(grants->salt, sizeof grants->salt);
	grants->verify_id_last = random_u64() >> 1; /* no reply of a former us fits, none is 0 */
}

struct hash grants_name(const struct grants *grants, const struct ask *ask)
{
	const uint8_t way[9] = { (uint8_t)ask->peer_class, (uint8_t)ask->peer_uid,
		(uint8_t)(ask->peer_uid >> 8), (uint8_t)(ask->peer_uid >> 16),
		(uint8_t)(ask->peer_uid >> 24), (uint8_t)ask->actions, (uint8_t)(ask->actions >> 8),
		(uint8_t)(ask->actions >> 16), (uint8_t)(ask->actions >> 24) };
	const struct slice parts[] = {
		{ grants->salt, sizeof grants->salt },
		{ way, sizeof way },
		ask->token,
	};
	struct hash name;

	sha256_hash_parts(parts, COUNT_OF(parts), &name);
	return name;
}

/* --- the cache --- */

static struct cached_grant *set_of(struct grants *grants, const struct hash *name)
{
	uint32_t bits = (uint32_t)name->bytes[0] | (uint32_t)name->bytes[1] << 8;

	return grants->cached[bits % GRANTS_SETS];
}

static void drop(struct cached_grant *cached)
{
	free(cached->sealed);
	cached->sealed = NULL;
}

const struct cached_grant *grants_find(
	struct grants *grants, const struct hash *name, struct instant now)
{
	struct cached_grant *set = set_of(grants, name);

	for (size_t way = 0; way < GRANTS_WAYS; way++) {
		if (set[way].sealed != NULL && memcmp(&set[way].name, name, sizeof *name) == 0) {
			return instant_reached(set[way].until, now) ? NULL : &set[way];
		}
	}
	return NULL;
}

/* The same token's place, a free one, or that of the grant that ends first. */
static struct cached_grant *place_for(struct grants *grants, const struct hash *name)
{
	struct cached_grant *set = set_of(grants, name);
	struct cached_grant *best = &set[0];

	for (size_t way = 0; way < GRANTS_WAYS; way++) {
		if (set[way].sealed == NULL) {
			best = best->sealed == NULL ? best : &set[way];
		} else if (memcmp(&set[way].name, name, sizeof *name) == 0) {
			return &set[way];
		} else if (best->sealed != NULL &&
			   set[way].until.monotonic_us < best->until.monotonic_us) {
			best = &set[way];
		}
	}
	return best;
}

/* For as long as kms.cache_ttl says, but not past the end of the grant. */
static struct instant end_of(const struct prevalidator *self, const struct grant *grant)
{
	struct instant now = clock_now();
	uint64_t now_ms = (uint64_t)now.monotonic_us / 1000;
	uint64_t left_ms = grant->exp_mono_ms > now_ms ? grant->exp_mono_ms - now_ms : 0;
	uint64_t ttl_ms = (uint64_t)self->worker->config.kms_cache_ttl_ms;

	return instant_after(now, duration_ms((int64_t)(left_ms < ttl_ms ? left_ms : ttl_ms)));
}

static enum err keep(struct prevalidator *self, const struct hash *name, struct slice sealed,
	const struct cached_grant **ret_cached)
{
	struct cached_grant *cached = place_for(&self->grants, name);
	struct grant grant;

	if (grant_read(sealed, &grant) != ERR_OK) {
		return ERR_MALFORMED;
	}
	drop(cached);
	cached->sealed = malloc(sealed.bytes_count);
	assert(cached->sealed != NULL); /* GRANTS_MAX of them are planned for */
	memcpy(cached->sealed, sealed.bytes, sealed.bytes_count);
	cached->sealed_bytes = sealed.bytes_count;
	cached->name = *name;
	enum err err =
		grant_read((struct slice){ cached->sealed, cached->sealed_bytes }, &cached->grant);
	assert(err == ERR_OK); /* the same bytes, at their place */
	cached->until = end_of(self, &cached->grant);
	*ret_cached = cached;
	return ERR_OK;
}

void grants_forget(struct grants *grants)
{
	for (size_t set = 0; set < GRANTS_SETS; set++) {
		for (size_t way = 0; way < GRANTS_WAYS; way++) {
			if (grants->cached[set][way].sealed != NULL) { /* leave clean pages clean */
				drop(&grants->cached[set][way]);
			}
		}
	}
}

/* --- VERIFYs under way --- */

static struct verify *find_verify(struct grants *grants, uint64_t id)
{
	for (size_t i = 0; i < VERIFIES_MAX; i++) {
		if (grants->verifies[i].id == id) {
			return &grants->verifies[i];
		}
	}
	return NULL;
}

static const struct verify *find_verify_of(const struct grants *grants, const struct hash *name)
{
	for (size_t i = 0; i < VERIFIES_MAX; i++) {
		const struct verify *verify = &grants->verifies[i];

		if (verify->id != 0 && memcmp(&verify->name, name, sizeof *name) == 0) {
			return verify;
		}
	}
	return NULL;
}

static void refuse_busy(struct prevalidator *self, const struct ask *ask)
{
	metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
	wall_refuse(self, ask, REASON_BUSY, "kms");
}

bool grants_ask(struct prevalidator *self, struct job *job)
{
	struct grants *grants = &self->grants;
	const struct verify *same = find_verify_of(grants, &job->name);
	struct peer *kms = mesh_peer(&self->worker->mesh, PROCESS_KMS, 0);
	struct verify *verify = find_verify(grants, 0);
	struct oap_verify msg = {
		.ticket = job->ask.from.corr_id,
		.peer_class = (uint8_t)job->ask.peer_class,
		.peer_uid = job->ask.peer_uid,
		.actions = job->ask.actions,
		.token = job->ask.token,
	};
	enum err err;

	if (same != NULL) {
		job->verify_id = same->id;
		return true;
	}
	if (verify == NULL) {
		refuse_busy(self, &job->ask);
		return false;
	}
	err = oap_send_verify(kms, grants->verify_id_last + 1, &msg);
	if (err == ERR_BUSY) {
		refuse_busy(self, &job->ask);
		return false;
	}
	if (err != ERR_OK) {
		wall_refuse(self, &job->ask, REASON_INTERNAL, "kms");
		return false;
	}
	verify->id = ++grants->verify_id_last;
	verify->name = job->name;
	verify->due = instant_after(clock_now(), duration_ms(self->worker->config.kms_timeout_ms));
	job->verify_id = verify->id;
	return true;
}

/* What all that wait for one VERIFY are told. */
struct outcome {
	uint64_t verify_id;                /* 0: for any */
	const struct cached_grant *cached; /* NULL: refused */
	uint16_t status;
	enum reason reason;
	enum api_reason api_reason; /* of a refusal by kms */
	const char *detail;
};

/* Under /rewarder, what is not as everywhere: a token that was good once or will be has a caveat
 * that does not hold, one that never will be is none (spec/rewarder.md section 1.6); and a client
 * learns that it was the token which could not be looked at in time (1.8). */
static bool tell_reward(struct prevalidator *self, struct job *job, const struct outcome *outcome)
{
	if (outcome->reason == REASON_TIMEOUT) {
		wall_refuse_reward(self, &job->ask, REWARD_REASON_CAP_TIMEOUT,
			reward_reasons_text(REWARD_REASON_CAP_TIMEOUT));
		return true;
	}
	if (outcome->status != 403) {
		return false;
	}
	wall_refuse_reward(self, &job->ask,
		outcome->api_reason == API_REASON_TOKEN_TIME ? REWARD_REASON_CAVEAT
							     : REWARD_REASON_UNAUTH,
		outcome->detail);
	return true;
}

static bool tell(struct prevalidator *self, struct job *job, const void *context)
{
	const struct outcome *outcome = context;
	bool is_meant = outcome->verify_id == 0 ? job->verify_id != 0
						: job->verify_id == outcome->verify_id;

	if (!is_meant) {
		return false;
	}
	job->verify_id = 0;
	if (outcome->cached != NULL) {
		return wall_resume(self, job, outcome->cached);
	}
	if (routes_is_reward(job->ask.route) && tell_reward(self, job, outcome)) {
		return true;
	}
	if (outcome->status == 403 && routes_is_v1(job->ask.route)) {
		/* revoked, expired, of another node: no valid token (spec/wallet.md section 4) */
		wall_refuse_api(self, &job->ask, outcome->api_reason, outcome->detail);
	} else {
		wall_refuse_with(
			self, &job->ask, outcome->status, outcome->reason, outcome->detail);
	}
	return true;
}

enum err grants_answered(struct prevalidator *self, uint64_t verify_id, const struct oap_grant *msg)
{
	char detail[VERB_TEXT_BYTES_MAX + 1] = "";
	struct verify *verify = verify_id == 0 ? NULL : find_verify(&self->grants, verify_id);
	struct outcome outcome = {
		.verify_id = verify_id,
		.status = msg->status,
		.reason = (enum reason)msg->reason,
		.api_reason = msg->api_reason == API_REASON_NONE ? API_REASON_TOKEN
								 : (enum api_reason)msg->api_reason,
		.detail = detail,
	};

	if (verify == NULL) {
		metrics_inc(METRIC_LATE_REPLIES, METRIC_PLAIN);
		return ERR_OK;
	}
	if (msg->status == 200) {
		if (keep(self, &verify->name, msg->grant, &outcome.cached) != ERR_OK) {
			return ERR_MALFORMED;
		}
	} else if (msg->status < 400 || msg->status > 599 || msg->reason == REASON_NONE ||
		   msg->reason >= REASON_COUNT || msg->api_reason >= API_REASON_COUNT) {
		return ERR_MALFORMED;
	}
	if (msg->detail.bytes_count > 0) {
		memcpy(detail, msg->detail.bytes, msg->detail.bytes_count);
	}
	verify->id = 0;
	jobs_each(self, tell, &outcome);
	return ERR_OK;
}

void grants_give_up_late(struct prevalidator *self, struct instant now)
{
	for (size_t i = 0; i < VERIFIES_MAX; i++) {
		struct verify *verify = &self->grants.verifies[i];
		struct outcome outcome = {
			.verify_id = verify->id,
			.status = reason_status(REASON_TIMEOUT),
			.reason = REASON_TIMEOUT,
			.detail = "kms",
		};

		if (verify->id != 0 && instant_reached(verify->due, now)) {
			verify->id = 0;
			metrics_inc(METRIC_IO_TIMEOUTS, METRIC_IO_KMS);
			jobs_each(self, tell, &outcome);
		}
	}
}

void grants_kms_lost(struct prevalidator *self)
{
	static const struct outcome outcome = {
		.status = 503,
		.reason = REASON_INTERNAL,
		.detail = "kms",
	};

	memset(self->grants.verifies, 0, sizeof self->grants.verifies);
	grants_forget(&self->grants);
	jobs_each(self, tell, &outcome);
}
