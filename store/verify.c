#include "store/verify.h"

#include <stdlib.h>
#include <time.h>

#include "store/verify_state.h"

#define PAUSE_NS 1000000

const char *verify_check_name(enum verify_check check)
{
	static const char *const names[VERIFY_CHECK_COUNT] = { [VERIFY_NONE] = "",
#define AS_NAME(NAME, name) [VERIFY_##NAME] = name,
		VERIFY_CHECKS(AS_NAME)
#undef AS_NAME
	};

	return names[check];
}

bool verify_bad(struct verify *verify, enum verify_check check, uint64_t seq)
{
	verify->result->bad = check;
	verify->result->bad_seq = seq;
	return false;
}

bool verify_judge(struct verify *verify, enum err err, enum verify_check check, uint64_t seq,
	const char *what)
{
	switch (err) {
	case ERR_OK:
		verify->result->checked[check]++;
		return true;
	case ERR_CORRUPT:
	case ERR_NOT_FOUND:
	case ERR_MALFORMED:
		if (what != NULL) {
			why_say(&verify->result->what, "%s %llu: %s", verify_check_name(check),
				(unsigned long long)seq, what);
		}
		return verify_bad(verify, check, seq);
	case ERR_TOO_LARGE:
	case ERR_NOT_ROUTED:
	case ERR_STALE:
	case ERR_BUSY:
	case ERR_DENIED:
	case ERR_CONFLICT:
	case ERR_IO:
	case ERR_NO_SPACE:
	case ERR_UNKNOWN:
		break;
	}
	verify->err = err;
	return false;
}

bool verify_goes_on(const struct verify *verify)
{
	return verify->err == ERR_OK && verify->result->bad == VERIFY_NONE;
}

/* Where the caller gets to do other work, and may have changed its mind. */
void verify_pause(struct verify *verify)
{
	static const struct timespec pause = { .tv_nsec = PAUSE_NS };
	const struct verify_config *config = verify->config;

	if (config->progress != NULL) {
		config->progress(config->context, verify->seq, verify->head.size);
	}
	if (config->stop != NULL && *config->stop && verify_goes_on(verify)) {
		verify->err = ERR_STALE;
	}
	if (config->live) {
		(void)nanosleep(&pause, NULL);
	}
}

void verify_walk(struct verify *verify, enum schema_table table, enum verify_check check,
	reader_on_row *on_row)
{
	uint64_t key = 0;
	bool done = false;

	while (!done && verify_goes_on(verify)) {
		enum err err = reader_rows(verify->reader, table, &key, on_row, verify, &done);

		if (err != ERR_OK) {
			(void)verify_judge(verify, err, check, key, "the row is damaged");
		}
		verify_pause(verify);
	}
}

static void check_all(struct verify *verify)
{
	verify_witnesses_begin(verify);
	verify_chunks_begin(verify);
	if (verify_goes_on(verify)) {
		verify_entries(verify);
	}
	if (verify_goes_on(verify)) {
		(void)verify_judge(verify, replay_sums(verify->replay, &verify->result->what),
			VERIFY_BALANCE, verify->seq, NULL);
	}
	if (verify_goes_on(verify)) {
		verify_rows(verify);
	}
}

static void verify_destroy(struct verify *verify)
{
	if (verify == NULL) {
		return;
	}
	replay_destroy(verify->replay);
	free(verify->chunks);
	free(verify->chunk_seqs);
	free(verify);
}

enum err verify_store(
	const struct verify_config *config, struct verify_result *ret_result, struct why *why)
{
	struct verify_result result = { .good = false };
	struct verify *verify = calloc(1, sizeof *verify);
	enum err err = ERR_IO;

	if (verify == NULL || (verify->replay = replay_create()) == NULL) {
		why_say(why, "no memory to verify");
		goto out;
	}
	verify->config = config;
	verify->reader = config->reader;
	verify->result = &result;
	err = reader_head(verify->reader, &verify->head);
	if (err == ERR_OK) {
		result.size = verify->head.size;
		result.root = verify->head.root;
		tile_builder_init(&verify->memory.builder, verify->head.meta.hash);
		merkle_empty(verify->head.meta.hash, &verify->root_before.root);
		check_all(verify);
	} else {
		(void)verify_judge(verify, err, VERIFY_HEAD, 0,
			"the meta row, the last root, or the last entry is damaged");
	}
	err = verify->err;
	if (err != ERR_OK) {
		why_say(why, "the store could not be read to its end: %s", err_text(err));
		goto out;
	}
	result.good = result.bad == VERIFY_NONE;
	*ret_result = result;
out:
	verify_destroy(verify);
	return err;
}
