#include <string.h>

#include "core/audit.h"
#include "store/verify_state.h"

static bool on_claim(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_claim claim;

	if (batch_get_claim(record, &claim) != ERR_OK || claim.original_seq != key) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_CLAIM, key, "its row does not decode");
	}
	return verify_judge(verify, replay_claim(verify->replay, &claim, &verify->result->what),
		VERIFY_CLAIM, key, NULL);
}

static bool on_counter(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_counter counter;

	if (batch_get_counter(record, &counter) != ERR_OK || counter.number != key) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_COUNTER, key, "its row does not decode");
	}
	if (key != verify->result->checked[VERIFY_COUNTER]) { /* they are numbered from zero on */
		return verify_judge(verify, ERR_NOT_FOUND, VERIFY_COUNTER,
			verify->result->checked[VERIFY_COUNTER], "is missing");
	}
	verify->result->checked[VERIFY_COUNTER]++;
	return true;
}

static bool on_control(void *context, uint64_t key, struct slice record)
{
	struct verify *verify = context;
	struct batch_control control;

	if (key > verify->head.control_count) {
		return false; /* came while we were reading */
	}
	if (key != ++verify->count) {
		return verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_CONTROL, verify->count, "is missing");
	}
	if (batch_get_control(record, &control) != ERR_OK) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_CONTROL, key, "its row does not decode");
	}
	if (control.kind == CONTROL_SETTLED) { /* no audit record: its entries tell of it */
		memcpy(verify->settled_record, record.bytes, record.bytes_count);
		verify->settled_bytes = record.bytes_count;
		return false; /* its entries cannot be read while we walk here */
	}
	verify->governed++;
	verify->result->checked[VERIFY_CONTROL]++;
	return true;
}

/* The one that ended the page. */
static void settled_next(struct verify *verify)
{
	const struct slice record = { verify->settled_record, verify->settled_bytes };
	struct why why = { "" };
	enum err err;

	if (verify_goes_on(verify) && verify->settled_bytes > 0) {
		verify->settled_bytes = 0;
		err = settled_check(verify->reader, record, &verify->settled, &why);
		(void)verify_judge(verify, err, VERIFY_CONTROL, verify->count, why.text);
	}
}

/* So that the last one of them cannot be cut off unseen. */
static void settled_compare(struct verify *verify)
{
	if (verify_goes_on(verify) && verify->settled.entry_count != verify->rewards) {
		why_say(&verify->result->what,
			"%s: there are %llu rewards, and settled intents name %llu of them",
			verify_check_name(VERIFY_CONTROL), (unsigned long long)verify->rewards,
			(unsigned long long)verify->settled.entry_count);
		(void)verify_judge(verify, ERR_NOT_FOUND, VERIFY_CONTROL,
			verify->head.control_count + 1, NULL);
	}
}

static bool on_audit(void *context, uint64_t index, struct slice record, const struct hash *hash)
{
	struct verify *verify = context;
	struct batch_audit audit;

	if (index > verify->head.audit_count) {
		return false;
	}
	if (index != ++verify->count) {
		return verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_AUDIT, verify->count, "is missing");
	}
	schema_audit_link(&verify->audit_head, record, &verify->audit_head);
	if (memcmp(hash, &verify->audit_head, sizeof *hash) != 0) {
		return verify_judge(verify, ERR_CORRUPT, VERIFY_AUDIT, index,
			"the hash chain breaks at this record");
	}
	if (verify->notes.has_audit && index == verify->notes.audit_count &&
		memcmp(hash, &verify->notes.audit_head, sizeof *hash) != 0) {
		return verify_judge(verify, ERR_CORRUPT, VERIFY_AUDIT, index,
			"the signed audit note says another hash of the chain up to here");
	}
	if (batch_get_audit(record, &audit) != ERR_OK) {
		return verify_judge(
			verify, ERR_CORRUPT, VERIFY_AUDIT, index, "its row does not decode");
	}
	verify->recorded += audit.kind == AUDIT_GOVERNANCE || audit.kind == AUDIT_REVOCATION;
	verify->result->checked[VERIFY_AUDIT]++;
	return true;
}

static void controls_check(struct verify *verify)
{
	uint64_t key = 0;
	bool done = false;

	verify->count = 0;
	while (!done && verify_goes_on(verify) && key <= verify->head.control_count) {
		enum err err = reader_controls(verify->reader, &key, on_control, verify, &done);

		if (err != ERR_OK) {
			(void)verify_judge(verify, err, VERIFY_CONTROL, key, "the row is damaged");
		}
		settled_next(verify);
		verify_pause(verify);
	}
	if (verify_goes_on(verify) && verify->count < verify->head.control_count) {
		(void)verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_CONTROL, verify->count + 1, "is missing");
	}
	settled_compare(verify);
}

static void audits_check(struct verify *verify)
{
	uint64_t key = 0;
	bool done = false;

	verify->count = 0;
	while (!done && verify_goes_on(verify) && key <= verify->head.audit_count) {
		enum err err = reader_audits(verify->reader, &key, on_audit, verify, &done);

		if (err != ERR_OK) {
			(void)verify_judge(verify, err, VERIFY_AUDIT, key, "the row is damaged");
		}
		verify_pause(verify);
	}
	if (verify_goes_on(verify) && verify->count < verify->head.audit_count) {
		(void)verify_judge(
			verify, ERR_NOT_FOUND, VERIFY_AUDIT, verify->count + 1, "is missing");
	}
	if (verify_goes_on(verify) && verify->notes.has_audit &&
		verify->notes.audit_count > verify->head.audit_count && !verify->config->live) {
		(void)verify_judge(verify, ERR_NOT_FOUND, VERIFY_AUDIT,
			verify->head.audit_count + 1,
			"is missing: the signed audit note counts more records");
	}
}

/* Each control came with its record, so that the last one of either cannot be cut off unseen. */
static void controls_compare(struct verify *verify)
{
	bool is_control = verify->governed < verify->recorded;

	if (verify->governed != verify->recorded) {
		why_say(&verify->result->what,
			"%s: there are %llu freezes, limits and revocations, and %llu audit "
			"records "
			"of them",
			verify_check_name(is_control ? VERIFY_CONTROL : VERIFY_AUDIT),
			(unsigned long long)verify->governed, (unsigned long long)verify->recorded);
		(void)verify_judge(verify, ERR_NOT_FOUND,
			is_control ? VERIFY_CONTROL : VERIFY_AUDIT,
			(is_control ? verify->head.control_count : verify->head.audit_count) + 1,
			NULL);
	}
}

/* Rows that nothing in an entry leads to. */
static void counts_check(struct verify *verify)
{
	struct reader_counts counts;
	uint64_t tiles = 0;
	enum err err = reader_counts(verify->reader, &counts);

	if (err != ERR_OK) {
		verify->err = err;
		return;
	}
	for (unsigned level = 0; level < TILE_LEVELS_MAX; level++) {
		tiles += tile_full_count(level, verify->head.size);
	}
	if (counts.txids != verify->result->checked[VERIFY_TXID]) {
		(void)verify_judge(
			verify, ERR_CORRUPT, VERIFY_TXID, 0, "there are more than entries");
	} else if (counts.tiles != tiles) {
		(void)verify_judge(
			verify, ERR_CORRUPT, VERIFY_TILE, 0, "there are more than the tree has");
	} else if (counts.fingerprints != verify->head.size / FINGERPRINT_BLOCK_ENTRIES) {
		(void)verify_judge(verify, ERR_CORRUPT, VERIFY_FINGERPRINT, 0,
			"there are more blocks than entries fill");
	}
}

static void tables_check(struct verify *verify)
{
	verify_walk(verify, SCHEMA_CLAIM, VERIFY_CLAIM, on_claim);
	if (verify_goes_on(verify) &&
		verify->result->checked[VERIFY_CLAIM] != replay_claim_count(verify->replay)) {
		(void)verify_judge(verify, ERR_NOT_FOUND, VERIFY_CLAIM, 0,
			"there are fewer rows than the entries leave claims");
	}
	if (verify_goes_on(verify)) {
		counts_check(verify);
	}
}

/* Claims and counts of rows are those of the last commit, so what was found about them counts
 * only if that is still the one that we began with. */
static void claims_check(struct verify *verify)
{
	struct reader_head now;
	enum err err;

	tables_check(verify);
	err = verify->err == ERR_OK ? reader_head(verify->reader, &now) : verify->err;
	if (err != ERR_OK) {
		verify->err = err;
	} else if (now.size != verify->head.size) {
		verify->result->claims_moved = true;
		verify->result->bad = VERIFY_NONE;
		verify->result->bad_seq = 0;
		verify->result->what.text[0] = '\0';
	}
}

void verify_rows(struct verify *verify)
{
	controls_check(verify);
	audits_check(verify);
	if (verify_goes_on(verify)) {
		controls_compare(verify);
	}
	verify_walk(verify, SCHEMA_COUNTER, VERIFY_COUNTER, on_counter);
	if (verify_goes_on(verify)) {
		claims_check(verify);
	}
}
