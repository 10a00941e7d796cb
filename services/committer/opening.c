/* The store is opened once kms has named the ledger, and again when what was in the way may be
 * gone. Whatever is wrong with it is safe mode with a sentence, not a process that dies again and
 * again: reads go on where it can be read at all, and an operator is told what to do. Only a
 * disk that fails under us for the first time ends the process, so that the next one begins
 * without a page or a file of this one. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "common/metrics.h"
#include "common/random.h"
#include "services/committer/committer.h"

/* What heals is looked at again so many ticks later. */
#define TICKS_BETWEEN_LOOKS 3u

/* Whoever reads the store is usually gone in a moment: archive, that has not heard yet of the
 * death of the committer before us. Only then is it worth a word. */
#define BUSY_S         0.05
#define BUSY_LOOKS_MAX 100u

/* --- reads --- */

static bool is_our_ledger(const struct committer *self, const struct schema_meta *meta)
{
	return strcmp(meta->origin, self->told.origin) == 0 ||
	       strcmp(meta->origin, self->told.before) == 0;
}

/* Of a store whose log could not be folded with a sync, nothing is shown that was not
 * acknowledged: what is only in the page cache may be gone tomorrow. */
static bool show_acknowledged_only(struct committer *self, struct reader *reader)
{
	struct reader_head *head = &self->state.head;
	int dir_fd = open(self->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct tail_mark tail;
	struct schema_root at;
	bool known = dir_fd >= 0 && tail_read(dir_fd, self->dir, &tail, NULL) == ERR_OK;

	if (dir_fd >= 0) {
		(void)close(dir_fd);
	}
	if (!known || tail.size == 0 || tail.size > head->size ||
		reader_root_at(reader, tail.size, &at) != ERR_OK || at.last_seq != tail.size ||
		memcmp(&at.root, &tail.root, sizeof at.root) != 0) {
		return false;
	}
	head->size = tail.size;
	head->root = tail.root;
	return true;
}

/* Archive reads on where the files let it. */
static void look_whether_readable(struct committer *self, enum err err)
{
	struct reader_config config = { .dir = self->dir };
	struct reader *reader = NULL;

	self->is_readable_closed = reader_open(&config, &reader, NULL) == ERR_OK &&
				   reader_head(reader, &self->state.head) == ERR_OK &&
				   is_our_ledger(self, &self->state.head.meta);
	if (self->is_readable_closed && (err == ERR_IO || err == ERR_UNKNOWN)) {
		self->is_readable_closed = show_acknowledged_only(self, reader);
	}
	reader_close(reader);
	if (!self->is_readable_closed) {
		self->state.head = (struct reader_head){ .size = 0 };
	}
}

/* --- what is wrong with it --- */

static void wait_for_reader(struct committer *self, const char *why)
{
	ev_timer *tick = &self->tick;

	if (self->looks < BUSY_LOOKS_MAX) {
		self->trouble = TROUBLE_BUSY; /* not worth a word yet */
		ev_timer_stop(self->worker->loop, tick);
		ev_timer_set(tick, BUSY_S, TICK_S);
		ev_timer_start(self->worker->loop, tick);
		return;
	}
	trouble_enter(self, TROUBLE_BUSY, "%s: %s", trouble_word(TROUBLE_BUSY), why);
}

static void enter_corrupt(struct committer *self, const char *why)
{
	if (self->trouble != TROUBLE_CORRUPT) {
		metrics_inc(METRIC_LEDGER_SEQ_GAP_DETECTED, METRIC_PLAIN);
		log_event(LOG_STORE_FAILED, &(struct log_fields){ .text = why });
	}
	trouble_enter(self, TROUBLE_CORRUPT, "%s: %s", trouble_word(TROUBLE_CORRUPT), why);
}

/* The first time it ends us; whoever was born after that stays, and says so. */
static void enter_unreadable(struct committer *self, const char *why)
{
	if (!self->suspect) {
		committer_lose_trust(self, "%s: %s", trouble_word(TROUBLE_UNREADABLE), why);
	}
	trouble_enter(self, TROUBLE_UNREADABLE, "%s: %s", trouble_word(TROUBLE_UNREADABLE), why);
}

static void judge_failure(struct committer *self, enum err err, const char *why)
{
	switch (err) {
	case ERR_NO_SPACE:
		committer_disk_full(self, why);
		break;
	case ERR_CORRUPT:
		enter_corrupt(self, why);
		break;
	case ERR_DENIED: /* the sentence begins with a word of its own */
		trouble_enter(self, TROUBLE_NOT_OURS, "%s", why);
		break;
	case ERR_NOT_FOUND:
		trouble_enter(self, TROUBLE_MISSING, "%s: %s", trouble_word(TROUBLE_MISSING), why);
		break;
	case ERR_STALE:
		trouble_enter(self, TROUBLE_NEWER, "%s: %s", trouble_word(TROUBLE_NEWER), why);
		break;
	case ERR_CONFLICT:
		trouble_enter(self, TROUBLE_OTHER, "%s: %s", trouble_word(TROUBLE_OTHER), why);
		break;
	case ERR_BUSY:
		wait_for_reader(self, why);
		return;
	case ERR_IO:
	case ERR_UNKNOWN:
		enter_unreadable(self, why);
		break;
	case ERR_OK:
	case ERR_MALFORMED:
	case ERR_TOO_LARGE:
	case ERR_NOT_ROUTED:
		worker_fail(self->worker, "the store cannot be opened: %s", why);
	}
	look_whether_readable(self, err);
}

static void enter_tail(struct committer *self)
{
	switch (self->state.tail_finding) {
	case STORE_TAIL_GOOD:
		break;
	case STORE_TAIL_SHORT:
		trouble_enter(self, TROUBLE_TAIL,
			"acknowledged_tail_missing: %llu entries were acknowledged, %llu are "
			"there%s",
			(unsigned long long)self->state.tail.size,
			(unsigned long long)self->state.head.size,
			self->state.tail.size > self->state.head.size ? "" : ", with another root");
		break;
	case STORE_TAIL_GONE:
		trouble_enter(self, TROUBLE_TAIL,
			"acknowledged_tail_unknown: %s/%s is not there, which says how many "
			"entries were acknowledged; %llu are there",
			self->dir, TAIL_NAME, (unsigned long long)self->state.head.size);
		break;
	case STORE_TAIL_BROKEN:
		trouble_enter(self, TROUBLE_TAIL,
			"acknowledged_tail_unknown: no mark in %s/%s is whole, which says how many "
			"entries were acknowledged; %llu are there",
			self->dir, TAIL_NAME, (unsigned long long)self->state.head.size);
		break;
	}
}

/* After a batch that the store itself called damaged; opening it proves nothing about that. */
static bool is_marked_corrupt(const struct committer *self)
{
	const char *word = trouble_word(TROUBLE_CORRUPT);

	return self->suspect && strncmp(self->mark.reason, word, strlen(word)) == 0;
}

/* A store that goes back behind what was signed has another name from here on. */
static bool takes_its_name(struct committer *self)
{
	return strcmp(store_head(self->store)->meta.origin, self->told.origin) == 0 ||
	       audits_origin(self, &self->told) == ERR_OK;
}

/* The gravest first: what was signed, what was acknowledged, a disk that failed, our own records.
 * Only a store without any of them is written to, by its name if that has changed. */
void opening_judge(struct committer *self)
{
	char why[VERB_TEXT_BYTES_MAX];

	if (!checkpoint_agrees(self, why, sizeof why)) {
		committer_fork(self, why);
	} else if (self->state.tail_finding != STORE_TAIL_GOOD) {
		enter_tail(self);
	} else if (self->suspect) {
		trouble_enter(self, is_marked_corrupt(self) ? TROUBLE_CORRUPT : TROUBLE_SUSPECT,
			"%s", self->mark.reason);
	} else if (audits_resume(self) != ERR_OK) {
		trouble_enter(self, TROUBLE_CORRUPT, "%s: the audit records cannot be read",
			trouble_word(TROUBLE_CORRUPT));
	} else {
		trouble_leave(self);
		(void)takes_its_name(self); /* or the disk is full, and it is tried again */
	}
}

/* --- opening it --- */

/* The supervisor may remember what the mark could not be written about, and the other way round:
 * it was started anew, the mark is there. */
static void look_for_mark(struct committer *self)
{
	if (suspect_read(self->dir, &self->mark) == ERR_OK) {
		self->suspect = true;
		return;
	}
	self->suspect = self->worker->suspect;
	self->mark = (struct suspect_mark){
		.reason = "sync_failed: the store failed a committer before this one"
	};
}

static void settle(struct committer *self)
{
	self->looks = 0;
	self->is_readable_closed = false;
	self->reader = store_reader(self->store);
	log_event(LOG_STORE_OPENED, &(struct log_fields){ .size = self->state.head.size,
					    .root = &self->state.head.root,
					    .fence = self->state.head.meta.fence });
	metrics_set(METRIC_LEDGER_TREE_SIZE, METRIC_PLAIN, self->state.head.size);
	checkpoint_resume(self);
	if (self->suspect) {
		(void)!suspect_write(self->dir, &self->mark); /* if it is not there */
	}
	opening_judge(self);
}

void opening_try(struct committer *self)
{
	const struct config *config = &self->worker->config;
	struct store_config wanted = {
		.dir = self->dir,
		.disk_reserve_bytes = config->engine_disk_reserve_bytes,
		.origin = self->told.origin,
		.has_had_names = self->told.before[0] != '\0',
		.hash = config->engine_hash == CONFIG_HASH_BLAKE3 ? MERKLE_BLAKE3 : MERKLE_SHA256,
		.now_unix_ms = clock_unix_ms(),
		.in_use = self->in_use,
	};
	struct why why = { "" };
	enum err err;

	look_for_mark(self);
	wanted.suspect = self->suspect;
	random_fill(wanted.random, sizeof wanted.random);
	self->looks++;
	err = store_open(&wanted, &self->store, &self->state, &why);
	if (err != ERR_OK) {
		judge_failure(self, err, why.text);
		return;
	}
	settle(self);
}

/* --- and again --- */

/* Another directory than the one at our birth: a disk was mounted over it, and our walls are
 * around what lies below. */
static bool is_walled_off(const struct committer *self)
{
	struct stat now;

	return stat(self->dir, &now) == 0 &&
	       (now.st_dev != self->dir_dev || now.st_ino != self->dir_ino);
}

static void go_on(struct committer *self)
{
	audits_told(self, self->audits.told);
	committer_tell_archive(self);
	committer_stream(self);
}

static bool finds_room(struct committer *self)
{
	if (!store_has_space(self->store, clock_now())) {
		trouble_enter(self, TROUBLE_DISK_FULL, "%s", trouble_word(TROUBLE_DISK_FULL));
		return false;
	}
	opening_judge(self);
	return self->trouble != TROUBLE_DISK_FULL; /* again, over our own record */
}

/* A store that is open is read all the time: what the sequencer has is what is on disk, and with
 * room it goes on from there. */
static void look_at_space(struct committer *self)
{
	bool was_open = self->store != NULL;
	bool has_room;

	if (!was_open) {
		opening_try(self);
	}
	if (self->store == NULL) {
		return;
	}
	has_room = finds_room(self);
	if (has_room) {
		metrics_set(METRIC_DISK_PRESSURE, METRIC_PLAIN, 0);
		log_event(LOG_DISK_RELIEVED, NULL);
	}
	if (!was_open) {
		go_on(self);
	} else if (has_room) {
		stream_resume(self);
	}
}

void opening_again(struct committer *self)
{
	static const struct oap_tree let_go = { .open = 0 };
	struct peer *archive = mesh_peer(&self->worker->mesh, PROCESS_ARCHIVE, 0);

	if (self->store != NULL || self->told.origin[0] == '\0') {
		return;
	}
	if (is_walled_off(self)) {
		worker_fail(self->worker,
			"%s is another directory than before: begun anew, "
			"behind walls around that one",
			self->dir);
	}
	if (archive != NULL && self->is_readable_closed) {
		(void)!oap_send_tree(archive, 0, &let_go); /* a start needs the log alone */
		mesh_flush(&self->worker->mesh);
		self->is_readable_closed = false;
	}
	opening_try(self);
	go_on(self);
}

void opening_tick(struct committer *self)
{
	if (self->trouble == TROUBLE_DISK_FULL) {
		look_at_space(self);
		return;
	}
	if (trouble_cure_of(self->trouble) != CURE_HEALS) {
		return;
	}
	if (self->trouble == TROUBLE_BUSY || ++self->ticks % TICKS_BETWEEN_LOOKS == 0) {
		opening_again(self);
	}
}
