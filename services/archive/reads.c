/* READ_TLOG: one question, one BLOB, whatever is asked for. What is asked for are rows of a table;
 * those without a row take longer: somebody else has to be asked, or many rows read. */
#include "services/archive/archive.h"

#include "common/log.h"

static read_answer *const answers[READ_WHAT_COUNT] = {
	[READ_CHECKPOINT] = proofs_answer_checkpoint,
	[READ_TILE] = tiles_answer,
	[READ_BUNDLE] = tiles_answer_bundle,
	[READ_PROOF_ENTRY] = proofs_answer_entry,
	[READ_PROOF_CONSISTENCY] = proofs_answer_consistency,
	[READ_EXPORT] = exports_answer,
	[READ_TX] = receipts_answer,
	[READ_TX_PROOF] = receipts_answer_proof,
};

void reads_send(struct archive *self, const struct oap_from *from, const struct read_route *route,
	const struct oap_blob *blob)
{
	mesh_give_back(&self->worker->mesh, from);
	(void)!oap_send_blob(archive_edge(self, route->edge_process, route->edge_instance,
				     route->edge_generation),
		from->corr_id, blob);
}

enum read_fault reads_fault_of(enum err err, uint64_t seq)
{
	if (err == ERR_OK) {
		return READ_FAULT_NONE;
	}
	if (err == ERR_NOT_FOUND) {
		return READ_FAULT_NOT_THERE;
	}
	if (err != ERR_BUSY) { /* the log is being folded */
		log_event(LOG_STORE_FAILED, &(struct log_fields){ .fault = err, .seq = seq });
	}
	return READ_FAULT_CLOSED;
}

/* Those that may be answered later. */
static enum err answer_later(struct archive *self, const struct oap_from *from,
	const struct oap_read_tlog *msg, const struct grant *grant)
{
	struct read_route route = { msg->edge_process, msg->edge_instance, msg->edge_generation };
	enum read_fault fault;
	enum err err;

	if (msg->what == READ_BALANCE) {
		err = balances_accept(self, from, msg, grant, &fault);
	} else if (msg->what == READ_HISTORY) {
		err = histories_accept(self, from, msg, grant, &fault);
	} else {
		err = signs_accept(self, from, msg, grant, &fault);
	}

	if (err == ERR_OK && fault != READ_FAULT_NONE) {
		reads_send(self, from, &route, &(struct oap_blob){ .fault = (uint8_t)fault });
	}
	return err;
}

enum err reads_answer(
	struct archive *self, const struct oap_from *from, const struct oap_read_tlog *msg)
{
	struct read_route route = { msg->edge_process, msg->edge_instance, msg->edge_generation };
	struct oap_blob blob = { .offset = msg->offset };
	struct grant grant;
	bool has_grant = msg->grant.bytes_count > 0;
	enum err err = has_grant ? grant_keys_open(&self->keys, msg->grant, &grant) : ERR_OK;

	if (err != ERR_OK && err != ERR_STALE) {
		return err;
	}
	if (msg->what >= READ_WHAT_COUNT) {
		return ERR_MALFORMED;
	}
	if (msg->what == READ_EVENTS) { /* has a reply of its own */
		return events_accept(self, from, msg);
	}
	archive_catch_up(self);
	if (err == ERR_STALE) {
		blob.fault = READ_FAULT_STALE;
	} else if (self->reader == NULL) {
		blob.fault = READ_FAULT_CLOSED;
	} else if (answers[msg->what] == NULL) {
		return answer_later(self, from, msg, has_grant ? &grant : NULL);
	} else {
		blob.fault =
			(uint8_t)answers[msg->what](self, msg, has_grant ? &grant : NULL, &blob);
	}
	if (blob.fault != READ_FAULT_NONE) {
		blob = (struct oap_blob){ .fault = blob.fault };
	}
	reads_send(self, from, &route, &blob);
	return ERR_OK;
}

void reads_put_piece(struct oap_blob *blob, struct slice whole)
{
	uint64_t left = whole.bytes_count - blob->offset;

	assert(blob->offset <= whole.bytes_count);
	blob->total = whole.bytes_count;
	blob->bytes = (struct slice){ whole.bytes + blob->offset,
		left < VERB_REPLY_BYTES_MAX ? (size_t)left : VERB_REPLY_BYTES_MAX };
}

void reads_put_json(struct oap_blob *blob, struct json_out *json)
{
	size_t bytes_count = 0;
	enum err err;

	json_out_object_end(json);
	err = json_out_finish(json, &bytes_count);
	assert(err == ERR_OK); /* all that is in them is short */
	blob->content = READ_CONTENT_JSON;
	blob->cache = READ_CACHE_NEVER;
	reads_put_piece(blob, (struct slice){ json->bytes, bytes_count });
}
