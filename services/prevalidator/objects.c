/* Objects: who may put and get them. Their bytes go from the edge to archive without us. */
#include "common/object_faults.h"
#include "core/object.h"
#include "services/prevalidator/prevalidator.h"
#include "services/prevalidator/query.h"

static struct peer *archive_of(struct prevalidator *self)
{
	return mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);
}

/* Archive judges it again. */
static bool may(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached,
	enum caveat_action action)
{
	const struct caveat_verdict denied = { .result = CAVEAT_FAILS, .kind = CAVEAT_ACTION };

	if ((cached->grant.caveats.actions & CAVEAT_ACTION_BIT(action)) != 0) {
		return true;
	}
	wall_refuse(self, ask, REASON_CAP_INVALID, caveat_set_verdict_text(denied));
	return false;
}

/* What came as the query is the content type (PAYLOAD_REQUEST). */
static void put(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_put_object put = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.size = ask->body_bytes,
		.content_type = ask->query,
		.grant = { cached->sealed, cached->sealed_bytes },
	};

	if (!may(self, ask, cached, CAVEAT_ACTION_OBJECT_PUT)) {
		return;
	}
	if (ask->body_bytes > self->worker->config.objects_max_object_bytes) {
		wall_refuse(self, ask, REASON_TOO_LARGE,
			object_faults_row(OBJECT_FAULT_TOO_LARGE)->text);
		return;
	}
	if (ask->query.bytes_count > 0 && !object_type_is_valid(ask->query)) {
		wall_refuse(self, ask, REASON_UNKNOWN_KIND,
			"the content type is type/subtype of at most 127 bytes");
		return;
	}
	wall_forwarded(self, ask, oap_send_put_object(archive_of(self), ask->from.corr_id, &put));
}

static void get(struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	struct oap_read_object read = {
		.edge_process = ask->from.process,
		.edge_instance = ask->from.instance,
		.edge_generation = ask->from.generation,
		.deadline_mono_ms = ask->deadline_mono_ms,
		.offset = ask->offset,
		.grant = { cached->sealed, cached->sealed_bytes },
	};
	struct object_address address;
	struct slice query;
	struct slice text = query_variable(ask->route, ask->query, &query);
	const char *wrong = query_read(query, NULL, 0);

	if (!may(self, ask, cached, CAVEAT_ACTION_OBJECT_GET)) {
		return;
	}
	if (wrong == NULL && object_address_parse(text, &address) != ERR_OK) {
		wrong = "an address is b3: and 64 lower-case hex digits, then nothing or @ and the "
			"size";
	}
	if (wrong != NULL) {
		wall_refuse(self, ask, REASON_UNKNOWN_KIND, wrong);
		return;
	}
	read.id = address.id;
	read.has_size = address.has_size;
	read.size = address.size;
	wall_forwarded(self, ask, oap_send_read_object(archive_of(self), ask->from.corr_id, &read));
}

void objects_handle(
	struct prevalidator *self, const struct ask *ask, const struct cached_grant *cached)
{
	if (ask->route == ROUTE_OBJECT_PUT) {
		put(self, ask, cached);
	} else {
		get(self, ask, cached);
	}
}
