/* macronode snapshot restore: a snapshot becomes the store of a stopped node. It is built beside,
 * checked whole, and renamed into place; the store that was there is never changed. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/data_dir.h"
#include "cli/key_dir.h"
#include "cli/out_file.h"
#include "cli/progress.h"
#include "cli/snapshot_read.h"
#include "core/hex.h"
#include "store/lock.h"
#include "store/verify.h"

struct restoring {
	const struct cli *cli;
	const char *file;
	struct config config;
	struct key_dir keys;
	struct manifest manifest;
	struct snapshot_report report;
	bool new_origin; /* the fork rule asks for one, and it is allowed */
	char store[DATA_DIR_PATH_BYTES];
	char fresh[DATA_DIR_PATH_BYTES + 64];  /* where it is built */
	char before[DATA_DIR_PATH_BYTES + 64]; /* where the old one goes; "": there is none */
};

/* ---- may it be? ---- */

static bool lock_data_dir(struct restoring *self)
{
	const char *dir = self->config.node_data_dir;
	struct why why = { "" };
	int fd = -1;

	if (mkdir(dir, geteuid() == 0 ? 0711 : 0700) == -1 && errno != EEXIST) {
		(void)cli_fail(self->cli, CLI_CANNOT, "%s: %s", dir, strerror(errno));
		return false;
	}
	/* Held until we end; and what we need to own we must be allowed to give away. */
	if (lock_take(dir, &fd, &why) != ERR_OK) {
		(void)cli_fail(self->cli, CLI_CANNOT, "%s; stop it first", why.text);
		return false;
	}
	return true;
}

static bool old_store_may_go(struct restoring *self)
{
	char database[DATA_DIR_PATH_BYTES + 16], when[32];
	struct stat found;
	time_t now = time(NULL);
	struct tm utc;

	self->before[0] = '\0';
	(void)snprintf(database, sizeof database, "%s/ledger.db", self->store);
	if (stat(database, &found) == -1 && errno == ENOENT) {
		return true;
	}
	if (!cli_has(self->cli, "--replace")) {
		(void)cli_fail(self->cli, CLI_CANNOT,
			"%s: there is a ledger; --replace keeps it aside and takes the snapshot's "
			"place for it",
			self->store);
		return false;
	}
	(void)gmtime_r(&now, &utc);
	(void)strftime(when, sizeof when, "%Y%m%dT%H%M%SZ", &utc);
	(void)snprintf(self->before, sizeof self->before, "%s.before-%s", self->store, when);
	for (unsigned more = 2; lstat(self->before, &found) == 0; more++) { /* the same second */
		(void)snprintf(self->before, sizeof self->before, "%s.before-%s-%u", self->store,
			when, more);
	}
	return true;
}

static bool keys_fit(struct restoring *self)
{
	const struct source_head *head = &self->manifest.head;

	if (!key_dir_read(self->cli, self->config.node_data_dir, head->origin, &self->keys)) {
		return false;
	}
	if (!self->keys.there) {
		(void)cli_fail(self->cli, CLI_CANNOT,
			"%s/keys: holds no keys, and a snapshot has none: put the key directory of "
			"%s back first",
			self->config.node_data_dir, head->origin);
		return false;
	}
	if (!self->keys.knows_name) {
		(void)cli_fail(self->cli, CLI_BAD,
			"%s: is a snapshot of %s, the keys in %s/keys are those of %s", self->file,
			head->origin, self->config.node_data_dir, self->keys.origin);
		return false;
	}
	if (self->keys.unknown[0] != '\0' && !cli_has(self->cli, "--new-origin")) {
		(void)cli_fail(self->cli, CLI_CANNOT,
			"%s/keys/signed: %s: what was signed as %s is not known, and kms will not "
			"start either; restore it from a copy of the key directory, or give the "
			"name up with --new-origin",
			self->config.node_data_dir, self->keys.unknown, head->origin);
		return false;
	}
	if (head->size < self->keys.signed_size) {
		self->new_origin = true;
	}
	if (self->new_origin && !cli_has(self->cli, "--new-origin")) {
		(void)cli_fail(self->cli, CLI_BAD,
			"%s: ends at %" PRIu64 ", but %" PRIu64 " entries were signed as %s: going "
			"back would make two histories under one name; take a newer snapshot, or "
			"give the name up with --new-origin",
			self->file, head->size, self->keys.signed_size, head->origin);
		return false;
	}
	return true;
}

/* ---- the new directory ---- */

static void remove_fresh(const struct restoring *self)
{
	DIR *listing = opendir(self->fresh);
	struct dirent *item;

	while (listing != NULL && (item = readdir(listing)) != NULL) {
		(void)unlinkat(dirfd(listing), item->d_name, 0);
	}
	if (listing != NULL) {
		(void)closedir(listing);
	}
	(void)rmdir(self->fresh);
}

static bool make_fresh(const struct restoring *self)
{
	struct data_dir_owner owner;

	if (!data_dir_owner_of_store(self->cli, &self->config, &owner)) {
		return false;
	}
	remove_fresh(self); /* of a restore that was interrupted */
	if (mkdir(self->fresh, 0700) == -1 ||
		(geteuid() == 0 && chown(self->fresh, owner.uid, owner.gid) == -1) ||
		chmod(self->fresh, owner.mode) == -1) {
		(void)cli_fail(self->cli, CLI_CANNOT, "%s: %s", self->fresh, strerror(errno));
		return false;
	}
	return true;
}

/* ---- building ---- */

static void on_progress(void *context, uint64_t done, uint64_t total)
{
	progress_tell(context, done, total);
}

/* The result is read again from disk, with the code that checks any store. */
static bool verify_fresh(const struct restoring *self)
{
	static struct verify_result result;
	struct progress progress = progress_begin("verified", "entries");
	struct reader_config reader = { .dir = self->fresh };
	struct verify_config plan = { .progress = on_progress, .context = &progress };
	struct why why = { "" };
	enum err err = reader_open(&reader, &plan.reader, &why);

	if (err == ERR_OK) {
		err = verify_store(&plan, &result, &why);
		reader_close(plan.reader);
	}
	progress_end(&progress);
	if (err != ERR_OK || !result.good) {
		(void)cli_fail(self->cli, err == ERR_OK ? CLI_BAD : CLI_CANNOT,
			"what was restored does not verify: %s",
			err != ERR_OK ? why.text : result.what.text);
		return false;
	}
	return true;
}

static int build(struct restoring *self)
{
	const struct source_head *head = &self->manifest.head;
	struct snapshot_remembered remembered = { self->keys.signed_size, self->keys.signed_root };
	struct slice origin = { (const uint8_t *)head->origin, strlen(head->origin) };
	struct note_vkey vkey = note_vkey_of(origin, self->keys.public_key.bytes);
	bool knows_key = strcmp(head->origin, self->keys.origin) == 0 &&
			 self->keys.unknown[0] == '\0'; /* each name has its own key */
	struct snapshot_goal goal = {
		.path = self->file,
		.fd = open(self->file, O_RDONLY | O_CLOEXEC), /* as who we are, not as the owner */
		.restore_dir = self->fresh,
		.vkey = knows_key ? &vkey : NULL,
		.remembered = self->new_origin || remembered.size == 0 ? NULL : &remembered,
	};
	enum cli_exit exit;

	if (goal.fd < 0) {
		return cli_fail(self->cli, CLI_CANNOT, "%s: %s", self->file, strerror(errno));
	}
	if (!data_dir_enter(self->cli, self->fresh)) {
		return CLI_CANNOT;
	}
	exit = snapshot_read(&goal, &self->report);
	if (exit != CLI_GOOD) {
		(void)cli_fail(self->cli, exit, "%s: %s", self->file, self->report.what.text);
	} else if (!verify_fresh(self)) {
		exit = CLI_BAD;
	}
	data_dir_leave();
	return (int)exit;
}

/* ---- into place ---- */

static bool put_in_place(const struct restoring *self)
{
	struct stat found;
	bool there = lstat(self->store, &found) == 0;

	/* An empty directory, as a start leaves it before a ledger is made, gives way. */
	if (self->before[0] != '\0' ? rename(self->store, self->before) == -1
				    : there && rmdir(self->store) == -1) {
		(void)cli_fail(self->cli, CLI_CANNOT, "%s: %s", self->store, strerror(errno));
		return false;
	}
	if (rename(self->fresh, self->store) == -1 || !out_file_sync_dir(self->store)) {
		(void)cli_fail(self->cli, CLI_CANNOT, "%s: %s", self->store, strerror(errno));
		return false;
	}
	return true;
}

static void say(const struct restoring *self)
{
	const struct source_head *head = &self->manifest.head;
	char root[HEX_TEXT_BYTES(HASH_BYTES) + 1];

	hex_encode(head->root.bytes, HASH_BYTES, root);
	if (self->cli->json) {
		(void)printf("{\"origin\":\"%s\",\"size\":%" PRIu64
			     ",\"root\":\"%s\",\"new_origin\":%s,\"kept\":\"%s\"}\n",
			head->origin, head->size, root, self->new_origin ? "true" : "false",
			self->before);
	} else {
		(void)printf("restored %" PRIu64 " entries of %s into %s\nroot %s\n", head->size,
			head->origin, self->store, root);
	}
	if (self->before[0] != '\0') {
		(void)fprintf(stderr, "the ledger that was there is kept in %s\n", self->before);
	}
	if (self->new_origin) {
		(void)fprintf(stderr,
			"at its next start the node takes a new name and a new key: tokens that "
			"were minted for %s become invalid, mint new ones\n",
			head->origin);
	}
}

/* Behind the move: if we end in between, the node finds a store that is behind what was signed,
 * stays in safe mode and says so. */
static bool ask_new_origin(const struct restoring *self)
{
	const struct source_head *head = &self->manifest.head;

	if (!self->new_origin || key_dir_ask_new_origin(self->cli, self->config.node_data_dir,
					 &self->keys, head->size, &head->root)) {
		return true;
	}
	(void)cli_fail(self->cli, CLI_CANNOT,
		"the store is in place, but no new name could be asked for: use `macronode recover "
		"--new-origin`");
	return false;
}

int cli_snapshot_restore(struct cli *cli)
{
	static struct restoring self;
	struct why why = { "" };
	int exit;

	self.cli = cli;
	self.file = cli->words[0];
	if (!cli_load_config(cli, &self.config)) {
		return CLI_CANNOT;
	}
	if (self.config.amnesia_enabled) {
		return cli_fail(cli, CLI_CANNOT,
			"a node with amnesia.enabled begins with an empty ledger, always");
	}
	(void)snprintf(self.store, sizeof self.store, "%s/store", self.config.node_data_dir);
	(void)snprintf(self.fresh, sizeof self.fresh, "%s.restoring", self.store);
	if (!snapshot_read_manifest(self.file, &self.manifest, &why)) {
		return cli_fail(
			cli, access(self.file, R_OK) == 0 ? CLI_BAD : CLI_CANNOT, "%s", why.text);
	}
	/* Also where it would not be needed: whoever says it wants to give the name up. */
	self.new_origin = cli_has(cli, "--new-origin");
	if (!lock_data_dir(&self) || !old_store_may_go(&self) || !keys_fit(&self) ||
		!make_fresh(&self)) {
		return CLI_CANNOT;
	}
	exit = build(&self);
	if (exit == CLI_GOOD && !put_in_place(&self)) {
		exit = CLI_CANNOT;
	}
	if (exit != CLI_GOOD) {
		remove_fresh(&self);
		return exit;
	}
	say(&self);
	return ask_new_origin(&self) ? CLI_GOOD : CLI_CANNOT;
}
