/* What is read of the ledger: query strings become typed questions to archive, which judges what
 * a token may see of it, for it knows whose entry it is. */
#include <string.h>

#include "common/reads.h"
#include "core/detail.h"
#include "core/entry.h"
#include "core/hex.h"
#include "core/tile.h"
#include "services/prevalidator/prevalidator.h"
#include "services/prevalidator/query.h"

/* --- paths and who needs no token --- */

#define ENTRIES_PREFIX "entries/"

static bool is_bundle(const struct ask *ask)
{
	size_t prefix_bytes = sizeof ENTRIES_PREFIX - 1;

	return ask->query.bytes_count >= prefix_bytes &&
	       memcmp(ask->query.bytes, ENTRIES_PREFIX, prefix_bytes) == 0;
}

bool reads_is_public(const struct ask *ask)
{
	switch (ask->route) {
	case ROUTE_ROOTS:
	case ROUTE_TLOG_CHECKPOINT:
	case ROUTE_PROOF_CONSISTENCY:
		return true;
	case ROUTE_TLOG_TILE:
		return !is_bundle(ask);
	case ROUTE_PROOF_ENTRY: /* with a token the entry itself comes along */
		return ask->token.bytes_count == 0;
	case ROUTE_INGEST:
	case ROUTE_ISSUE:
	case ROUTE_TRANSFER:
	case ROUTE_BURN:
	case ROUTE_HOLD:
	case ROUTE_CAPTURE:
	case ROUTE_RELEASE:
	case ROUTE_OBJECT_PUT:
	case ROUTE_OBJECT:
	case ROUTE_REWARD_COMPUTE:
	case ROUTE_REWARD_RELEASE:
	case ROUTE_REWARD_EPOCH:
	case ROUTE_REWARD_MANIFEST:
	case ROUTE_REWARD_RUNS:
	case ROUTE_REWARD_POLICY_PUT:
	case ROUTE_REWARD_POLICY: /* public if it is configured: rewards_is_public */
	case ROUTE_ENTRY:
	case ROUTE_BALANCE:
	case ROUTE_TX:
	case ROUTE_TX_PROOF:
	case ROUTE_HISTORY:
	case ROUTE_EVENTS:
	case ROUTE_EXPORT:
	case ROUTE_SIGN_SNAPSHOT:
	case ROUTE_VERIFY:
	case ROUTE_OTHER:
	case ROUTE_HEALTHZ:
	case ROUTE_READYZ:
	case ROUTE_VERSION:
	case ROUTE_METRICS:
	case ROUTE_ADMIN_STATUS:
	case ROUTE_ADMIN_RECOVERY:
	case ROUTE_ADMIN_EVENTS:
	case ROUTE_ADMIN_RELOAD:
	case ROUTE_ADMIN_SHUTDOWN:
	case ROUTE_SCHEMAS:
	case ROUTE_SCHEMA:
	case ROUTE_OPENAPI:
	case ROUTE_COMPUTE_SCHEMA:
	case ROUTE_PROBE:
	case ROUTE_COUNT:
		break;
	}
	return false;
}

struct slice reads_path(const struct ask *ask, char buffer[READS_PATH_BYTES_MAX])
{
	const char *template = routes_template(ask->route);
	size_t fixed_bytes = strcspn(template, "{");
	const char *after = strchr(template, '}') == NULL ? "" : strchr(template, '}') + 1;
	struct byte_writer out = byte_writer_of(buffer, READS_PATH_BYTES_MAX);
	struct slice query;

	byte_put_bytes(&out, template, fixed_bytes);
	if (template[fixed_bytes] != '\0') {
		struct slice variable = query_variable(ask->route, ask->query, &query);

		byte_put_bytes(&out, variable.bytes, variable.bytes_count);
		byte_put_bytes(&out, after, strlen(after));
	}
	return (struct slice){ (const uint8_t *)buffer, out.failed ? 0 : out.used };
}

/* --- to archive --- */

static struct peer *archive_of(struct prevalidator *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);
}

static struct slice sealed_of(const struct cached_grant *cached)
{
	return cached == NULL ? (struct slice){ NULL, 0 }
			      : (struct slice){ cached->sealed, cached->sealed_bytes };
}

static void refuse(struct prevalidator *self, const struct ask *ask, const char *what)
{
	wall_refuse(self, ask, REASON_UNKNOWN_KIND, what);
}

static bool has_action(const struct cached_grant *cached, enum caveat_action action)
{
	return (cached->grant.caveats.actions & CAVEAT_ACTION_BIT(action)) != 0;
}

/* Archive judges the rest, when it knows whose entry it is. */
static bool may_audit(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct caveat_verdict denied = { .result = CAVEAT_FAILS, .kind = CAVEAT_ACTION };

	if (has_action(cached, CAVEAT_ACTION_AUDIT_READ)) {
		return true;
	}
	wall_refuse(self, ask, REASON_CAP_INVALID, caveat_set_verdict_text(denied));
	return false;
}

void reads_send(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached,
	struct oap_read_tlog read)
{
	read.edge_process = ask->from.process;
	read.edge_instance = ask->from.instance;
	read.edge_generation = ask->from.generation;
	read.deadline_mono_ms = ask->deadline_mono_ms;
	read.offset = ask->offset;
	read.grant = sealed_of(cached);
	wall_forwarded(self, ask, oap_send_read_tlog(archive_of(self), ask->from.corr_id, &read));
}

/* Or refuses, if something is wrong with the question. */
static void send_unless(struct prevalidator *self, const struct ask *ask,
	const struct cached_grant *cached, const char *wrong, const struct oap_read_tlog *read)
{
	if (wrong != NULL) {
		refuse(self, ask, wrong);
	} else {
		reads_send(self, ask, cached, *read);
	}
}

/* --- roots, entries, verify --- */

static void roots(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	uint64_t since = 0;
	uint64_t limit = ROOTS_LIMIT_MAX;
	const struct query_wanted wanted[] = { { "since", &since, NULL },
		{ "limit", &limit, NULL } };
	const char *wrong = query_read(ask->query, wanted, COUNT_OF(wanted));

	(void)cached;
	if (wrong == NULL && (limit == 0 || limit > ROOTS_LIMIT_MAX)) {
		wrong = "limit";
	}
	if (wrong != NULL) {
		refuse(self, ask, wrong);
		return;
	}
	struct oap_read_roots read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.since = since,
		.limit = (uint32_t)limit,
	};
	wall_forwarded(self, ask, oap_send_read_roots(archive_of(self), ask->from.corr_id, &read));
}

static void entry(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_entry read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.grant = sealed_of(cached),
	};
	struct slice query;
	struct slice seq = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, NULL, 0);

	if (!may_audit(self, ask, cached)) {
		return;
	}
	if (wrong == NULL && !query_number(seq, &read.seq)) {
		wrong = "seq";
	}
	if (wrong != NULL) {
		refuse(self, ask, wrong);
		return;
	}
	wall_forwarded(self, ask, oap_send_read_entry(archive_of(self), ask->from.corr_id, &read));
}

static void verify(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_verify read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.grant = sealed_of(cached),
	};

	if (may_audit(self, ask, cached)) {
		wall_forwarded(self, ask,
			oap_send_read_verify(archive_of(self), ask->from.corr_id, &read));
	}
}

/* --- the transparency log --- */

static void checkpoint(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	const struct oap_read_tlog read = { .what = READ_CHECKPOINT };

	(void)cached;
	send_unless(self, ask, NULL, query_read(ask->query, NULL, 0), &read);
}

/* A tile has one name: any other is nobody's, and so 404. */
static void tile(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct slice query;
	struct slice path = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, NULL, 0);
	struct tile tile;

	if (cached != NULL && !may_audit(self, ask, cached)) {
		return;
	}
	if (wrong != NULL) {
		refuse(self, ask, wrong);
		return;
	}
	if (tile_path_parse((const char *)path.bytes, path.bytes_count, &tile) != ERR_OK) {
		wall_refuse_with(
			self, ask, 404, REASON_UNKNOWN_KIND, "no tile is written like this");
		return;
	}
	reads_send(self, ask, cached,
		(struct oap_read_tlog){
			.what = tile.entries ? READ_BUNDLE : READ_TILE,
			.a = tile.index,
			.b = (uint64_t)tile.level << 16 | tile.width,
		});
}

static void proof_entry(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_PROOF_ENTRY, .b = READS_NEWEST };
	const struct query_wanted wanted[] = { { "size", &read.b, NULL } };
	struct slice query;
	struct slice seq = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, wanted, COUNT_OF(wanted));

	if (wrong == NULL && (!query_number(seq, &read.a) || read.a == 0)) {
		wrong = "seq";
	}
	if (wrong == NULL && read.b < read.a) {
		wrong = "size"; /* a tree of that size does not hold the entry */
	}
	send_unless(self, ask, cached, wrong, &read);
}

static void proof_consistency(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_PROOF_CONSISTENCY, .b = READS_NEWEST };
	const struct query_wanted wanted[] = { { "from", &read.a, NULL }, { "to", &read.b, NULL } };
	const char *wrong;

	(void)cached;
	read.a = READS_NEWEST; /* not given */
	wrong = query_read(ask->query, wanted, COUNT_OF(wanted));
	if (wrong == NULL && read.a == READS_NEWEST) {
		wrong = detail_text(DETAIL_MISSING_FIELD);
	}
	if (wrong == NULL && read.b < read.a) {
		wrong = "from"; /* behind `to` */
	}
	send_unless(self, ask, NULL, wrong, &read);
}

/* --- exports --- */

static void export_page(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_EXPORT };
	struct slice what = { NULL, 0 };
	const struct query_wanted wanted[] = { { "what", NULL, &what },
		{ "after", &read.a, NULL } };
	const char *wrong = query_read(ask->query, wanted, COUNT_OF(wanted));

	if (!may_audit(self, ask, cached)) {
		return;
	}
	read.b = reads_export_parse(what.bytes, what.bytes_count);
	if (wrong == NULL && read.b == READ_EXPORT_COUNT) {
		wrong = "what";
	}
	send_unless(self, ask, cached, wrong, &read);
}

static void sign_snapshot(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_tlog read = { .what = READ_SIGN_SNAPSHOT, .a = READS_NEWEST };
	struct slice manifest = { NULL, 0 };
	uint8_t sha256[HASH_BYTES];
	const struct query_wanted wanted[] = { { "size", &read.a, NULL },
		{ "manifest", NULL, &manifest } };
	const char *wrong = query_read(ask->query, wanted, COUNT_OF(wanted));

	if (!may_audit(self, ask, cached)) {
		return;
	}
	if (wrong == NULL && read.a == READS_NEWEST) {
		wrong = "size";
	}
	if (wrong == NULL && (manifest.bytes_count != HEX_TEXT_BYTES(HASH_BYTES) ||
				     hex_decode((const char *)manifest.bytes, manifest.bytes_count,
					     sha256, sizeof sha256) != ERR_OK)) {
		wrong = "manifest";
	}
	read.text = (struct slice){ sha256, sizeof sha256 };
	send_unless(self, ask, cached, wrong, &read);
}

void reads_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	static void (*const readers[ROUTE_COUNT])(struct prevalidator * self, const struct ask *ask,
		const struct cached_grant *cached) = {
		[ROUTE_ROOTS] = roots,
		[ROUTE_ENTRY] = entry,
		[ROUTE_TLOG_CHECKPOINT] = checkpoint,
		[ROUTE_TLOG_TILE] = tile,
		[ROUTE_PROOF_ENTRY] = proof_entry,
		[ROUTE_PROOF_CONSISTENCY] = proof_consistency,
		[ROUTE_BALANCE] = wallet_reads_handle,
		[ROUTE_TX] = wallet_reads_handle,
		[ROUTE_TX_PROOF] = wallet_reads_handle,
		[ROUTE_HISTORY] = wallet_reads_handle,
		[ROUTE_EVENTS] = wallet_reads_handle,
		[ROUTE_EXPORT] = export_page,
		[ROUTE_SIGN_SNAPSHOT] = sign_snapshot,
		[ROUTE_VERIFY] = verify,
	};

	assert(readers[ask->route] != NULL); /* handlers.c lets no other in */
	readers[ask->route](self, ask, cached);
}
