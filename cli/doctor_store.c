/* The store and the keys against each other: what a start would read of them first, and nothing
 * that takes long. `macronode verify` reads all of it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/doctor.h"
#include "cli/key_dir.h"
#include "common/clock.h"
#include "store/reader.h"
#include "store/suspect.h"
#include "store/tail.h"

/* What was read, each before that which must be at least as new: a node may run meanwhile. */
struct found {
	char dir[DOCTOR_PATH_BYTES]; /* <data>/store */
	struct key_dir keys;
	struct key_dir named; /* the same, now that the name of the ledger is known */
	struct tail_mark tail;
	enum err tail_err;
	struct why tail_why;
	struct reader *reader; /* owned */
	struct reader_head head;
};

/* ---- one thing each ---- */

static bool has_new_origin(const struct doctor *doctor)
{
	char path[DOCTOR_PATH_BYTES];

	(void)snprintf(path, sizeof path, "%s/keys/new-origin", doctor->config->node_data_dir);
	return access(path, F_OK) == 0;
}

static void look_at_keys(struct doctor *doctor, const struct found *found)
{
	const struct key_dir *keys = &found->named;
	bool has_store = found->reader != NULL;

	if (!keys->there) {
		findings_add(doctor->findings, FINDING_KEYS,
			has_store ? FINDING_IS_BAD : FINDING_IS_OK, "%s",
			has_store ? "there is a store, and no keys: a start would make new ones, "
				    "of another ledger"
				  : "none yet: the first start makes them");
	} else if (has_store && !keys->knows_name) {
		findings_add(doctor->findings, FINDING_KEYS, FINDING_IS_BAD,
			"they are of %s, and the store is of %s", keys->origin,
			found->head.meta.origin);
	} else {
		findings_add(doctor->findings, FINDING_KEYS, FINDING_IS_OK, "of %s%s", keys->origin,
			has_new_origin(doctor) ? ", which the next start gives up for a new name"
					       : "");
	}
}

static void look_at_tail(struct doctor *doctor, const struct found *found)
{
	const struct reader_head *head = &found->head;
	const struct tail_mark *tail = &found->tail;

	if (found->tail_err == ERR_IO) {
		doctor_add_denied(doctor, FINDING_TAIL, "%s", found->tail_why.text);
	} else if (found->tail_err != ERR_OK) {
		findings_add(
			doctor->findings, FINDING_TAIL, FINDING_IS_BAD, "%s", found->tail_why.text);
	} else if (tail->size > head->size) {
		findings_add(doctor->findings, FINDING_TAIL, FINDING_IS_BAD,
			"%" PRIu64 " entries were acknowledged, the store has %" PRIu64, tail->size,
			head->size);
	} else if (tail->size == head->size && tail->size > 0 &&
		   memcmp(&tail->root, &head->root, HASH_BYTES) != 0) {
		findings_add(doctor->findings, FINDING_TAIL, FINDING_IS_BAD,
			"the store has another root of %" PRIu64 " entries than was acknowledged",
			tail->size);
	} else {
		findings_add(doctor->findings, FINDING_TAIL, FINDING_IS_OK,
			"all %" PRIu64 " entries that were acknowledged", tail->size);
	}
}

static bool has_signed_root(const struct found *found)
{
	struct schema_root at;

	return reader_root_at(found->reader, found->keys.signed_size, &at) == ERR_OK &&
	       at.last_seq == found->keys.signed_size &&
	       memcmp(&at.root, &found->keys.signed_root, HASH_BYTES) == 0;
}

static void look_at_signed(struct doctor *doctor, const struct found *found)
{
	const struct key_dir *keys = &found->keys;

	if (keys->unknown[0] != '\0') {
		findings_add(doctor->findings, FINDING_SIGNED, FINDING_IS_BAD,
			"%s/keys/signed %s: what was signed last is not known, and kms does not "
			"start",
			doctor->config->node_data_dir, keys->unknown);
	} else if (keys->signed_size > found->head.size) {
		findings_add(doctor->findings, FINDING_SIGNED, FINDING_IS_BAD,
			"%" PRIu64 " entries were signed, the store has %" PRIu64,
			keys->signed_size, found->head.size);
	} else if (keys->signed_size > 0 && !has_signed_root(found)) {
		findings_add(doctor->findings, FINDING_SIGNED, FINDING_IS_BAD,
			"the store has another root of %" PRIu64 " entries than was signed",
			keys->signed_size);
	} else {
		findings_add(doctor->findings, FINDING_SIGNED, FINDING_IS_OK,
			"all %" PRIu64 " entries that were signed", keys->signed_size);
	}
}

static void look_at_suspect(struct doctor *doctor, const struct found *found)
{
	struct suspect_mark mark;

	if (suspect_read(found->dir, &mark) == ERR_OK) {
		findings_add(doctor->findings, FINDING_SUSPECT, FINDING_IS_BAD,
			"%s/" SUSPECT_NAME ": %s", found->dir,
			mark.whole ? mark.reason : "it says that something failed");
	} else {
		findings_add(doctor->findings, FINDING_SUSPECT, FINDING_IS_OK, "none has");
	}
}

/* Of a clock that was ahead, the ledger keeps the time: commits do not go back. */
static void look_at_drift(struct doctor *doctor, const struct found *found)
{
	int64_t ahead_s = (found->head.batch_ts_unix_ms - clock_unix_ms()) / 1000;

	if (ahead_s > DOCTOR_CLOCK_SLACK_S) {
		findings_add(doctor->findings, FINDING_CLOCK, FINDING_IS_BAD,
			"it is %" PRIi64
			" s behind the last commit of the ledger: was it set back?",
			ahead_s);
	}
}

static void look_at_head(struct doctor *doctor, const struct found *found)
{
	const struct reader_head *head = &found->head;
	struct schema_root last;
	bool overtaken = head->size > 0 &&
			 reader_root_at(found->reader, head->size, &last) == ERR_OK &&
			 last.fence > head->meta.fence;

	findings_add(doctor->findings, FINDING_STORE, overtaken ? FINDING_IS_BAD : FINDING_IS_OK,
		"%s: schema version %u, start %" PRIu64 ", %" PRIu64 " entries of %s%s", found->dir,
		(unsigned)head->meta.version, head->meta.fence, head->size, head->meta.origin,
		overtaken ? "; the last commit is of a later start, which is impossible" : "");
}

/* ---- all of it ---- */

/* As the owner of the directory: what is opened may leave files beside it. */
static enum err read_store(struct found *found, struct why *why)
{
	const struct reader_config config = { .dir = found->dir };
	int dir_fd = open(found->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err err;

	if (dir_fd < 0) {
		why_say(why, "%s: %s", found->dir, strerror(errno));
		return errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
	}
	if (faccessat(dir_fd, SCHEMA_DATABASE, R_OK, AT_EACCESS) == -1) {
		why_say(why, "%s/" SCHEMA_DATABASE ": %s", found->dir, strerror(errno));
		err = errno == ENOENT ? ERR_NOT_FOUND : ERR_DENIED;
		(void)close(dir_fd);
		return err;
	}
	found->tail_err = tail_read(dir_fd, found->dir, &found->tail, &found->tail_why);
	(void)close(dir_fd);
	err = reader_open(&config, &found->reader, why);
	if (err == ERR_OK) {
		err = reader_head(found->reader, &found->head);
	}
	if (err != ERR_OK) {
		reader_close(found->reader);
		found->reader = NULL;
		why_say(why, "%s: %s", found->dir,
			why->text[0] != '\0' ? why->text : err_text(err));
	}
	return err == ERR_NOT_FOUND ? ERR_IO : err; /* it is there */
}

static void tell_unread(
	struct doctor *doctor, const struct found *found, enum err err, const struct why *why)
{
	if (err == ERR_DENIED) {
		doctor_add_denied(doctor, FINDING_STORE, "%s", why->text);
	} else if (err != ERR_NOT_FOUND) {
		findings_add(doctor->findings, FINDING_STORE, FINDING_IS_BAD, "%s", why->text);
	} else if (found->keys.signed_size > 0) {
		findings_add(doctor->findings, FINDING_STORE, FINDING_IS_BAD,
			"%s, though %" PRIu64 " entries were signed: is it mounted?", why->text,
			found->keys.signed_size);
	} else {
		findings_add(doctor->findings, FINDING_STORE, FINDING_IS_OK,
			"none yet: the first start makes it");
	}
}

static void look_at_all(struct doctor *doctor, struct found *found)
{
	const char *data_dir = doctor->config->node_data_dir;
	struct why keys_why = { "" }, store_why = { "" };
	enum err keys_err = key_dir_look(data_dir, "", &found->keys, &keys_why), err;

	if (access(found->dir, F_OK) == 0 && !data_dir_enter(doctor->cli, found->dir)) {
		return;
	}
	err = read_store(found, &store_why);
	if (err == ERR_OK) {
		look_at_head(doctor, found);
		look_at_tail(doctor, found);
		look_at_drift(doctor, found);
		look_at_suspect(doctor, found);
	} else {
		tell_unread(doctor, found, err, &store_why);
	}
	data_dir_leave(); /* the keys belong to somebody else */
	if (keys_err == ERR_DENIED) {
		doctor_add_denied(doctor, FINDING_KEYS, "%s", keys_why.text);
		return;
	}
	if (keys_err != ERR_OK) {
		findings_add(doctor->findings, FINDING_KEYS, FINDING_IS_BAD, "%s", keys_why.text);
		return;
	}
	if (err == ERR_OK || err == ERR_NOT_FOUND) {
		keys_err = key_dir_look(data_dir, found->head.meta.origin, &found->named, NULL);
		look_at_keys(doctor, found);
	}
	if (err == ERR_OK && keys_err == ERR_OK && found->keys.there) {
		look_at_signed(doctor, found);
	}
}

void doctor_store(struct doctor *doctor)
{
	static struct found found;

	if (doctor->config->amnesia_enabled) {
		findings_add(doctor->findings, FINDING_STORE, FINDING_IS_OK,
			"in the memory of the node, and not to be seen from here");
		return;
	}
	(void)snprintf(found.dir, sizeof found.dir, "%s/store", doctor->config->node_data_dir);
	look_at_all(doctor, &found);
	reader_close(found.reader);
}
