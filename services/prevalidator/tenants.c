/* Requests a second of a tenant (limits.tenant_rps_max). Whose a token is, kms says: its maker, not
 * its holder, so that nobody buys himself a bucket with a caveat of his own. Each prevalidator
 * keeps its share: an edge gives a request to whoever has the fewest, so they fill alike under
 * load, and a tenant that sends one request after the other may have the share of one alone. */
#include <string.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "services/prevalidator/prevalidator.h"

/* A line about a tenant over its limit at most so often. */
#define TELL_US INT64_C(1000000)

void tenants_init(struct prevalidator *self)
{
	random_fill(self->tenants.key, sizeof self->tenants.key);
	tenants_take_limits(self);
}

void tenants_take_limits(struct prevalidator *self)
{
	const struct config *config = &self->worker->config;
	uint64_t shares = config->concurrency_prevalidators;

	self->tenant_rate = limiter_share(config->limits_tenant_rps_max,
		config->limits_tenant_burst, shares == 0 ? 1 : shares);
}

static void tell(struct prevalidator *self, const struct ask *ask, struct slice tenant)
{
	char name[CAVEAT_BYTES_MAX + 1] = "";

	if (self->told_us != 0 && ask->since.monotonic_us - self->told_us < TELL_US) {
		return;
	}
	self->told_us = ask->since.monotonic_us;
	assert(tenant.bytes_count <= CAVEAT_BYTES_MAX); /* grant_read saw to it */
	if (tenant.bytes_count > 0) {
		memcpy(name, tenant.bytes, tenant.bytes_count);
	}
	log_event(LOG_RATE_LIMITED, &(struct log_fields){ .tenant = name,
					    .key = "limits.tenant_rps_max",
					    .count = self->tenant_rate.per_second,
					    .ticket = ask->from.corr_id });
}

bool tenants_admit(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct slice tenant = cached->grant.tenant;
	int64_t now_us = ask->since.monotonic_us;
	struct limiter_entry *entry;
	struct limiter_left left;

	if (self->tenant_rate.per_second == 0 || ask->is_counted ||
		ask->from.process == PROCESS_ADMIN) {
		return true;
	}
	entry = limiter_find(&self->tenants, tenant, now_us);
	if (limiter_take(&entry->requests, self->tenant_rate, now_us)) {
		return true;
	}
	left = limiter_left_of(&entry->requests, self->tenant_rate, now_us);
	metrics_inc(METRIC_QUOTA_EXHAUSTIONS, METRIC_PLAIN);
	metrics_inc(METRIC_RATE_LIMITED, METRIC_RATE_LIMIT_TENANT);
	tell(self, ask, tenant);
	wall_refuse_rate(self, ask, &left);
	return false;
}
