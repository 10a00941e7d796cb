#include "cli/source.h"

#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "cli/data_dir.h"
#include "cli/node.h"
#include "core/hex.h"

#define PAGE_BYTES 65536u

/* A page that cannot be had now is asked for again for half a minute, longer than any worker's
 * restart takes. */
#define PAGE_PAUSE_MS   50
#define PAGE_PAUSES_MAX 600u

struct source {
	const struct cli *cli;
	struct source_head head;
	struct reader *reader;    /* owned; of a stopped node */
	struct mn_client *client; /* owned; of a running one */
	const char *token;
	struct slice checkpoint, audit_note; /* owned */
	uint8_t page[PAGE_BYTES];
};

void source_close(struct source *source)
{
	if (source == NULL) {
		return;
	}
	reader_close(source->reader);
	mn_close(source->client);
	free((void *)(uintptr_t)source->checkpoint.bytes);
	free((void *)(uintptr_t)source->audit_note.bytes);
	free(source);
}

const struct source_head *source_head(const struct source *source)
{
	return &source->head;
}

struct slice source_checkpoint(const struct source *source)
{
	return source->checkpoint;
}

struct slice source_audit_note(const struct source *source)
{
	return source->audit_note;
}

uint64_t source_last(const struct source *source, enum export_what what)
{
	switch (what) {
	case EXPORT_ENTRIES:
	case EXPORT_COMMITS:
		return source->head.size;
	case EXPORT_CONTROLS:
		return source->head.control_count;
	case EXPORT_AUDITS:
		return source->head.audit_count;
	case EXPORT_COUNTERS:
	case EXPORT_COUNT:
		break;
	}
	return MERKLE_SIZE_MAX;
}

static bool keep_note(struct source *source, struct slice note, struct slice *ret_kept)
{
	uint8_t *copy = malloc(note.bytes_count + 1);

	if (copy == NULL) {
		(void)cli_fail(source->cli, CLI_CANNOT, "no memory");
		return false;
	}
	memcpy(copy, note.bytes, note.bytes_count);
	*ret_kept = (struct slice){ copy, note.bytes_count };
	return true;
}

/* The two notes, each behind a u32 length; nothing before the first was signed. */
static bool take_notes(struct source *source, struct slice bytes)
{
	struct byte_reader in = byte_reader_of(bytes);
	struct slice checkpoint, audit;

	if (bytes.bytes_count == 0) {
		return true;
	}
	checkpoint = byte_get_slice32(&in, SCHEMA_NOTE_BYTES_MAX);
	audit = byte_get_slice32(&in, SCHEMA_NOTE_BYTES_MAX);
	if (!byte_reader_done(&in)) {
		(void)cli_fail(source->cli, CLI_CANNOT, "what came are no two notes");
		return false;
	}
	return keep_note(source, checkpoint, &source->checkpoint) &&
	       keep_note(source, audit, &source->audit_note);
}

/* ---- a stopped node ---- */

static bool store_notes(struct source *source)
{
	struct schema_checkpoint notes;
	enum err err = reader_checkpoint(source->reader, &notes);

	if (err == ERR_NOT_FOUND) {
		return true;
	}
	if (err != ERR_OK) {
		(void)cli_fail(source->cli, CLI_BAD,
			"the signed notes in the store are damaged; see `macronode verify`");
		return false;
	}
	return keep_note(source, notes.checkpoint, &source->checkpoint) &&
	       keep_note(source, notes.audit, &source->audit_note);
}

static bool store_head(struct source *source)
{
	struct schema_root last = { .batch_ts_unix_ms = 0 };
	struct reader_head head;
	enum err err = reader_head(source->reader, &head);

	if (err == ERR_OK && head.size > 0) {
		err = reader_root_at(source->reader, head.size, &last);
	}
	if (err != ERR_OK) {
		(void)cli_fail(source->cli, CLI_BAD,
			"the head of the store is damaged; see `macronode verify`");
		return false;
	}
	source->head = (struct source_head){ .hash = head.meta.hash,
		.size = head.size,
		.root = head.root,
		.born_unix_ms = head.meta.born_unix_ms,
		.batch_ts_unix_ms = last.batch_ts_unix_ms,
		.control_count = head.control_count,
		.audit_count = head.audit_count };
	memcpy(source->head.origin, head.meta.origin, sizeof source->head.origin);
	return true;
}

static bool open_store(struct source *source, const struct config *config)
{
	char dir[DATA_DIR_PATH_BYTES];
	struct reader_config plan = { .dir = dir };
	struct why why = { "" };
	bool good;

	(void)snprintf(dir, sizeof dir, "%s/store", config->node_data_dir);
	if (!data_dir_enter(source->cli, dir)) {
		return false;
	}
	good = reader_open(&plan, &source->reader, &why) == ERR_OK;
	if (!good) {
		(void)cli_fail(source->cli, CLI_CANNOT, "%s", why.text);
	}
	good = good && store_notes(source) &&
	       store_head(source); /* the first read opens the files of its log */
	data_dir_leave();
	return good;
}

static bool store_page(struct source *source, enum export_what what, uint64_t after, uint64_t last,
	struct slice *ret_page)
{
	struct byte_writer out = byte_writer_of(source->page, sizeof source->page);
	bool done = false;
	enum err err = export_page(source->reader, what, after, last, &out, &after, &done);

	if (err != ERR_OK) {
		(void)cli_fail(source->cli, err == ERR_CORRUPT ? CLI_BAD : CLI_CANNOT,
			"the store cannot be read behind %" PRIu64 ": %s; see `macronode verify`",
			after, err_text(err));
		return false;
	}
	*ret_page = (struct slice){ source->page, out.used };
	return true;
}

/* ---- a running node ---- */

static bool told(struct source *source, enum mn_result result, const struct mn_answer *answer)
{
	if (result == MN_OK) {
		return true;
	}
	(void)node_fail(source->cli, source->client, result, answer);
	return false;
}

/* Reads give way to writes: archive lets go of a store whose log grows too long under them, and a
 * full window is busy. The same page can be read a moment later. A read may be asked for twice. */
static bool is_for_now(enum mn_result result, const struct mn_answer *answer)
{
	struct json_in *root = NULL;
	const char *code;
	bool is_so;

	if (result != MN_REFUSED) {
		return false;
	}
	root = json_in_parse((struct slice){ (const uint8_t *)answer->json, answer->json_bytes });
	code = json_in_text_of(json_in_member(root, "error"), "code");
	is_so = strcmp(code, "NotReady") == 0 || strcmp(code, "Busy") == 0 ||
		strcmp(code, "Timeout") == 0; /* whoever had it in hand died */
	json_in_free(root);
	return is_so;
}

static bool ask(
	struct source *source, const char *what, uint64_t after, struct mn_answer *ret_answer)
{
	enum mn_result result = mn_export(source->client, source->token, what, after, ret_answer);

	for (unsigned pauses = 0; pauses < PAGE_PAUSES_MAX && is_for_now(result, ret_answer);
		pauses++) {
		(void)poll(NULL, 0, PAGE_PAUSE_MS);
		result = mn_export(source->client, source->token, what, after, ret_answer);
	}
	return told(source, result, ret_answer);
}

static bool take_head(struct source *source, struct slice text)
{
	struct source_head *head = &source->head;
	struct json_in *root = node_parse(source->cli, text);
	const char *origin = json_in_text_of(root, "origin"), *hex = json_in_text_of(root, "root");
	bool good = root != NULL && origin[0] != '\0' && strlen(origin) < sizeof head->origin &&
		    hex_decode(hex, strlen(hex), head->root.bytes, HASH_BYTES) == ERR_OK;

	if (good) {
		memcpy(head->origin, origin, strlen(origin) + 1);
		head->hash = strcmp(json_in_text_of(root, "hash"), "blake3") == 0 ? MERKLE_BLAKE3
										  : MERKLE_SHA256;
		head->size = json_in_u64_of(root, "size");
		head->born_unix_ms = (int64_t)json_in_u64_of(root, "born_ts");
		head->batch_ts_unix_ms = (int64_t)json_in_u64_of(root, "batch_ts");
		head->control_count = json_in_u64_of(root, "controls");
		head->audit_count = json_in_u64_of(root, "audits");
	} else if (root != NULL) {
		(void)cli_fail(source->cli, CLI_CANNOT, "the node says no head of a ledger");
	}
	json_in_free(root);
	return good;
}

static bool open_node(struct source *source, const struct config *config)
{
	struct mn_answer answer;

	source->token = cli_token(source->cli, false);
	if (source->token == NULL ||
		(source->client = node_open_client(source->cli, config)) == NULL ||
		!ask(source, "checkpoint", 0, &answer) ||
		!take_notes(source,
			(struct slice){ (const uint8_t *)answer.json, answer.json_bytes })) {
		return false;
	}
	/* Behind the notes, so that it is of a later moment than they are. */
	return ask(source, "head", 0, &answer) &&
	       take_head(source, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
}

static bool node_page(
	struct source *source, enum export_what what, uint64_t after, struct slice *ret_page)
{
	static const char *const names[EXPORT_COUNT] = {
#define AS_NAME(NAME, name) [EXPORT_##NAME] = #name,
		EXPORTS(AS_NAME)
#undef AS_NAME
	};
	struct mn_answer answer;

	if (!ask(source, names[what], after, &answer)) {
		return false;
	}
	*ret_page = (struct slice){ (const uint8_t *)answer.json, answer.json_bytes };
	return true;
}

bool source_signs(const struct source *source)
{
	return source->client != NULL;
}

bool source_sign(struct source *source, const struct hash *manifest_sha256, struct slice *ret_note)
{
	char hex[HEX_TEXT_BYTES(HASH_BYTES) + 1];
	struct mn_answer answer;

	*ret_note = (struct slice){ NULL, 0 };
	if (source->client == NULL) {
		return true;
	}
	hex_encode(manifest_sha256->bytes, HASH_BYTES, hex);
	if (!told(source,
		    mn_sign_snapshot(
			    source->client, source->token, source->head.size, hex, &answer),
		    &answer)) {
		return false;
	}
	*ret_note = (struct slice){ (const uint8_t *)answer.json, answer.json_bytes };
	return true;
}

/* ---- both ---- */

struct source *source_open(const struct cli *cli, const struct config *config)
{
	struct source *source = calloc(1, sizeof *source);
	bool running = false;

	if (source == NULL) {
		(void)cli_fail(cli, CLI_CANNOT, "no memory");
		return NULL;
	}
	source->cli = cli;
	/* What lies in the data directory of a node with amnesia is not its ledger. */
	running = config->amnesia_enabled;
	if ((!running && !data_dir_look(cli, config->node_data_dir, &running)) ||
		!(running ? open_node(source, config) : open_store(source, config))) {
		source_close(source);
		return NULL;
	}
	return source;
}

static bool next_entry(struct byte_reader *in, struct source_item *item)
{
	struct batch_record record;
	struct batch_entry entry;
	struct byte_reader leaf;

	if (!batch_next(in, &record) || record.type != BATCH_ENTRY ||
		batch_get_entry(record.body, &entry) != ERR_OK) {
		in->failed = true;
		return false;
	}
	leaf = byte_reader_of(entry.leaf);
	(void)byte_get_u16(&leaf); /* the version; then the seq (docs/formats.md) */
	item->key = byte_get_u64(&leaf);
	item->body = record.body;
	return !leaf.failed;
}

static bool next_row(struct byte_reader *in, enum export_what what, struct source_item *item)
{
	const enum batch_type type = what == EXPORT_CONTROLS ? BATCH_CONTROL
				     : what == EXPORT_AUDITS ? BATCH_AUDIT
							     : BATCH_COUNTER;
	struct batch_record record;

	item->key = byte_get_u64(in);
	if (!batch_next(in, &record) || record.type != type) {
		in->failed = true;
		return false;
	}
	item->body = record.body;
	return true;
}

bool source_next(struct byte_reader *in, enum export_what what, struct source_item *ret_item)
{
	struct source_item item = { .what = what };
	const uint8_t *begin = in->next;
	bool good;

	if (in->left == 0 || in->failed) {
		return false;
	}
	if (what == EXPORT_COMMITS) {
		good = export_next_commit(in, &item.commit);
		item.key = item.commit.last_seq;
	} else if (what == EXPORT_ENTRIES) {
		good = next_entry(in, &item);
	} else {
		good = next_row(in, what, &item);
	}
	if (!good || in->failed) {
		in->failed = true;
		return false;
	}
	item.bytes = (struct slice){ begin, (size_t)(in->next - begin) };
	*ret_item = item;
	return true;
}

bool source_walk(struct source *source, enum export_what what, uint64_t after, uint64_t last,
	source_on_item *on_item, void *context)
{
	struct slice page = { NULL, 0 };

	while (after < last) {
		struct source_item item = { .key = 0 };
		struct byte_reader in;
		bool good = source->reader != NULL ? store_page(source, what, after, last, &page)
						   : node_page(source, what, after, &page);

		if (!good) {
			return false;
		}
		if (page.bytes_count == 0) {
			break;
		}
		in = byte_reader_of(page);
		while (after < last && source_next(&in, what, &item) && item.key <= last) {
			if (item.key <= after) {
				in.failed = true; /* or it might go on for ever */
				break;
			}
			if (!on_item(context, &item)) {
				return false;
			}
			after = item.key;
		}
		if (in.failed) {
			(void)cli_fail(source->cli, CLI_CANNOT,
				"what came behind %" PRIu64 " is no page of records", after);
			return false;
		}
		if (item.key > last) {
			break;
		}
	}
	return true;
}
