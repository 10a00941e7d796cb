#include "client/rv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SMALL_BYTES_MAX 4096u /* of a bundle or a ledger snapshot */
#define OTHERS_MAX      32u   /* counts of a row that the policy does not weigh */

struct rv_run rv_run;

bool rv_quarantine(const char *kind)
{
	rv_run.kind = rv_run.kind == NULL ? kind : rv_run.kind;
	return false;
}

static bool check(bool good)
{
	return good || rv_quarantine("schema");
}

void rv_read_claims(const struct rv_node *manifest)
{
	if (!rv_fits(rv_member(manifest, "tenant"), RV_FORM_TENANT) ||
		!rv_is_epoch(rv_member(manifest, "epoch_id"))) {
		rv_stop(RV_BAD, "no manifest: expected a tenant and an epoch_id");
	}
	rv_run.tenant = rv_member(manifest, "tenant")->text;
	rv_run.epoch_id = rv_member(manifest, "epoch_id")->text;
	rv_run.is_said_quarantined = rv_is_text(rv_member(manifest, "status"), "quarantined");
}

static bool is_one(const struct rv_node *node)
{
	uint64_t number = 0;

	return rv_is_number(node, 1, &number) && number == 1;
}

static bool is_window(const struct rv_node *window)
{
	const struct rv_node *start = rv_member(window, "start"), *end = rv_member(window, "end");
	int64_t start_s = 0, end_s = 0;

	return rv_is_object(window, 2, RV_NAMES("start", "end")) &&
	       rv_fits(start, RV_FORM_MINUTE) && rv_fits(end, RV_FORM_MINUTE) &&
	       rv_is_time(start->text, &start_s) && rv_is_time(end->text, &end_s) &&
	       start_s < end_s;
}

static bool is_bundle(const struct rv_node *bundle)
{
	return rv_is_object(bundle, 10,
		       RV_NAMES("accounting_cid", "asset", "epoch_id", "epoch_index", "kind",
			       "ledger_cid", "policy_cid", "tenant", "v", "window")) &&
	       rv_fits(rv_member(bundle, "accounting_cid"), RV_FORM_CID) &&
	       rv_fits(rv_member(bundle, "ledger_cid"), RV_FORM_CID) &&
	       rv_fits(rv_member(bundle, "policy_cid"), RV_FORM_CID) &&
	       rv_fits(rv_member(bundle, "asset"), RV_FORM_ASSET) &&
	       rv_fits(rv_member(bundle, "tenant"), RV_FORM_TENANT) &&
	       rv_is_epoch(rv_member(bundle, "epoch_id")) &&
	       rv_is_number(rv_member(bundle, "epoch_index"), RV_INDEX_MAX, &rv_run.epoch_index) &&
	       rv_is_text(rv_member(bundle, "kind"), "ron.rewarder.inputs") &&
	       is_one(rv_member(bundle, "v")) && is_window(rv_member(bundle, "window"));
}

/* A run is quarantined if it was asked for under another tenant or epoch than the bundle's; one
 * that was paid is of the bundle's, whatever the manifest says. */
bool rv_read_bundle(struct rv_bytes text)
{
	bool is_whole;
	const struct rv_node *bundle = rv_parse(text, &is_whole);
	const struct rv_node *tenant = rv_member(bundle, "tenant"),
			     *epoch_id = rv_member(bundle, "epoch_id");

	rv_run.inputs_cid = rv_cid_of(text);
	if (text.count > SMALL_BYTES_MAX || !is_whole || !is_bundle(bundle)) {
		return rv_quarantine("schema");
	}
	rv_run.accounting_cid = rv_member(bundle, "accounting_cid")->text;
	rv_run.ledger_cid = rv_member(bundle, "ledger_cid")->text;
	if (!rv_run.is_said_quarantined) {
		rv_run.tenant = tenant->text;
		rv_run.epoch_id = epoch_id->text;
	}
	return check(rv_is_text(rv_member(bundle, "policy_cid"), rv_policy.hash) &&
		     rv_is_text(rv_member(bundle, "asset"), rv_policy.asset) &&
		     rv_is_text(tenant, rv_run.tenant) && rv_is_text(epoch_id, rv_run.epoch_id));
}

static bool is_pool_account(const struct rv_node *ledger)
{
	char account[256];

	(void)snprintf(account, sizeof account, "sys:reward_pool:%s:%s",
		rv_member(ledger, "tenant")->text, rv_member(ledger, "asset")->text);
	return rv_is_text(rv_member(ledger, "pool_account"), account);
}

static bool is_ledger(const struct rv_node *ledger)
{
	uint64_t seq;

	return rv_is_object(ledger, 9,
		       RV_NAMES("asset", "epoch_id", "kind", "pool_account", "pool_total_minor",
			       "root", "seq", "tenant", "v")) &&
	       rv_fits(rv_member(ledger, "asset"), RV_FORM_ASSET) &&
	       rv_is_epoch(rv_member(ledger, "epoch_id")) &&
	       rv_is_text(rv_member(ledger, "kind"), "ron.ledger.snapshot") &&
	       rv_fits(rv_member(ledger, "pool_total_minor"), RV_FORM_INTEGER) &&
	       rv_fits(rv_member(ledger, "root"), RV_FORM_HASH) &&
	       rv_is_number(rv_member(ledger, "seq"), RV_COUNT_MAX, &seq) &&
	       rv_fits(rv_member(ledger, "tenant"), RV_FORM_TENANT) &&
	       is_one(rv_member(ledger, "v")) && is_pool_account(ledger);
}

bool rv_read_ledger(struct rv_bytes text)
{
	bool is_whole;
	const struct rv_node *ledger = rv_parse(text, &is_whole);

	if (text.count > SMALL_BYTES_MAX || !is_whole || !is_ledger(ledger)) {
		return rv_quarantine("schema");
	}
	rv_run.pool_text = rv_member(ledger, "pool_total_minor")->text;
	(void)mpz_set_str(rv_run.pool, rv_run.pool_text, 10);
	if (mpz_sgn(rv_run.pool) < 0 || mpz_cmp(rv_run.pool, rv_policy.amount_max) > 0) {
		return rv_quarantine(mpz_sgn(rv_run.pool) < 0 ? "negative" : "overflow");
	}
	return check(rv_is_text(rv_member(ledger, "tenant"), rv_run.tenant) &&
		     rv_is_text(rv_member(ledger, "epoch_id"), rv_run.epoch_id) &&
		     rv_is_text(rv_member(ledger, "asset"), rv_policy.asset));
}

/* ---- the accounting snapshot ---- */

static bool read_count(const struct rv_node *at, uint64_t *ret)
{
	bool is_text = at->type == RV_STRING && at->is_whole;
	bool is_negative = is_text && at->text[0] == '-' && at->text[1] >= '1' &&
			   at->text[1] <= '9' &&
			   strspn(at->text + 1, "0123456789") == strlen(at->text + 1);

	if (is_negative) {
		return rv_quarantine("negative");
	}
	if (!is_text || (strcmp(at->text, "0") != 0 && at->text[0] == '0') || at->text[0] == '\0' ||
		strspn(at->text, "0123456789") != strlen(at->text)) {
		return rv_quarantine("schema");
	}
	errno = 0;
	*ret = strtoull(at->text, NULL, 10);
	return (errno == 0 && *ret <= (uint64_t)RV_COUNT_MAX) || rv_quarantine("overflow");
}

static size_t metric_of(const char *name)
{
	size_t metric = 0;

	while (metric < rv_policy.weight_count &&
		strcmp(rv_policy.weights[metric].name, name) != 0) {
		metric++;
	}
	return metric;
}

static bool read_counts(const struct rv_node *counts, struct rv_row *row)
{
	size_t other_count = 0;

	if (counts->type != RV_OBJECT) {
		return rv_quarantine("schema");
	}
	for (const struct rv_node *at = counts->first; at != NULL; at = at->next) {
		size_t metric = metric_of(at->name);
		bool is_other = metric == rv_policy.weight_count;
		uint64_t count = 0;

		if (!rv_text_fits(at->name, RV_FORM_METRIC) || rv_member(counts, at->name) != at ||
			(is_other && other_count++ == OTHERS_MAX)) {
			return rv_quarantine("schema");
		}
		if (!read_count(at, &count)) {
			return false;
		}
		if (!is_other) {
			row->counts[metric] = count;
		}
	}
	return check(counts->is_whole);
}

static bool read_row(const struct rv_node *node)
{
	static const char *const names[] = { "actor", "category", "counts", NULL };
	struct rv_row row = { 0 };
	uint32_t seen = 0;

	if (node->type != RV_OBJECT) {
		return rv_quarantine("schema");
	}
	for (const struct rv_node *at = node->first; at != NULL; at = at->next) {
		int place = rv_place_of(at, names, &seen);

		if (place == 0 && rv_fits(at, RV_FORM_NAME) && strncmp(at->text, "sys:", 4) != 0) {
			row.actor = at->text;
		} else if (place == 1 && rv_fits(at, RV_FORM_CATEGORY)) {
			row.category = at->text;
		} else if (place != 2) {
			return rv_quarantine("schema");
		} else if (!read_counts(at, &row)) {
			return false;
		}
	}
	if (!node->is_whole || seen != 7) {
		return rv_quarantine("schema");
	}
	if (rv_run.row_count == rv_run.row_room) {
		rv_run.row_room = rv_run.row_room == 0 ? 1024 : 2 * rv_run.row_room;
		rv_run.rows = realloc(rv_run.rows, rv_run.row_room * sizeof *rv_run.rows);
		if (rv_run.rows == NULL) {
			rv_stop(RV_CANNOT, "no memory");
		}
	}
	rv_run.rows[rv_run.row_count++] = row;
	return true;
}

static bool read_rows(const struct rv_node *node)
{
	if (node->type != RV_ARRAY) {
		return rv_quarantine("schema");
	}
	for (const struct rv_node *at = node->first; at != NULL; at = at->next) {
		if (!read_row(at)) {
			return false;
		}
	}
	return check(node->is_whole);
}

int rv_compare_rows(const void *a, const void *b)
{
	const struct rv_row *left = a, *right = b;
	int order = strcmp(left->actor, right->actor);

	return order != 0 ? order : strcmp(left->category, right->category);
}

static uint64_t count_actors(void)
{
	uint64_t count = 0;

	if (rv_run.row_count > 0) {
		qsort(rv_run.rows, rv_run.row_count, sizeof *rv_run.rows, rv_compare_rows);
	}
	for (size_t i = 0; i < rv_run.row_count; i++) {
		count += i == 0 || strcmp(rv_run.rows[i - 1].actor, rv_run.rows[i].actor) != 0 ? 1
											       : 0;
	}
	return count;
}

bool rv_read_accounting(struct rv_bytes text)
{
	static const char *const names[] = { "actors", "epoch_id", "events", "kind", "rows",
		"tenant", "v", NULL };
	bool is_whole;
	const struct rv_node *document = rv_parse(text, &is_whole);
	uint64_t actors = 0, events = 0;
	uint32_t seen = 0;

	for (const struct rv_node *at = document->first; at != NULL; at = at->next) {
		int place = document->type == RV_OBJECT ? rv_place_of(at, names, &seen) : -1;
		bool good = place == 0   ? rv_is_number(at, INT64_MAX, &actors)
			    : place == 1 ? rv_is_epoch(at)
			    : place == 2 ? rv_is_number(at, INT64_MAX, &events)
			    : place == 3 ? rv_is_text(at, "ron.accounting.snapshot")
			    : place == 4 ? read_rows(at)
			    : place == 5 ? rv_fits(at, RV_FORM_TENANT)
			    : place == 6 ? is_one(at)
					 : false;

		if (!check(good)) {
			return false;
		}
	}
	return check(is_whole && seen == 127 && events == rv_run.row_count &&
		     actors == count_actors() &&
		     rv_is_text(rv_member(document, "tenant"), rv_run.tenant) &&
		     rv_is_text(rv_member(document, "epoch_id"), rv_run.epoch_id));
}
