/* The first byte says how the others are cut. In pieces or as a whole: the same outcome to the
 * letter, the same hash, the same sums; and what is accepted is what it says of itself. */
#include "tests/reward_world.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

static struct reward_policy policy;

static void make_policy(void)
{
	static const char text[] =
		"{\"body\":{\"asset\":\"ron\",\"caps\":{\"actor_cap\":\"1\",\"epoch_cap\":\"1\"},"
		"\"emission_curve\":{\"base_per_epoch\":\"1\",\"kind\":\"halving\","
		"\"period_epochs\":1},\"weights\":{\"subs\":0.7,\"views\":0.3}},\"id\":\"a\","
		"\"version\":\"1.0.0\"}";
	struct reward_outcome outcome = { 0 };
	bool good = reward_policy_read(reward_slice(text), &policy, &outcome);

	assert(good);
}

struct reading {
	struct reward_memory memory;
	struct reward_rows rows;
	struct reward_accounting accounting;
	struct reward_outcome outcome;
	struct hash hash;
};

static void feed(struct reading *reading, struct slice text, size_t piece)
{
	/* Of its own, so that a sanitizer sees what is read behind its end. */
	for (size_t at = 0; at < text.bytes_count; at += piece) {
		size_t left = text.bytes_count - at, count = left < piece ? left : piece;
		uint8_t *bytes = malloc(count);

		assert(bytes != NULL);
		memcpy(bytes, text.bytes + at, count);
		(void)reward_accounting_feed(&reading->accounting, (struct slice){ bytes, count });
		free(bytes);
	}
}

static void read_pieces(struct reading *reading, struct slice text, size_t piece)
{
	uint8_t key[SIPHASH_KEY_BYTES];
	bool good;

	memset(&reading->memory, 0, sizeof reading->memory);
	reading->memory.memory =
		(struct memory){ reward_world_take, reward_world_give, &reading->memory };
	reading->outcome = (struct reward_outcome){ 0 };
	memset(key, (int)piece, sizeof key);
	reward_rows_init(&reading->rows, &reading->memory.memory, key, policy.metric_count);
	reward_accounting_init(&reading->accounting, &policy, &reading->rows, &reading->outcome);
	feed(reading, text, piece);
	good = reward_accounting_end(&reading->accounting);
	assert(good == (reading->outcome.verdict == REWARD_OK));
	assert(good || (reading->outcome.verdict == REWARD_QUARANTINED &&
			       reading->outcome.detail[0] != '\0'));
	reward_accounting_hash(&reading->accounting, &reading->hash);
}

static void compare(const struct reading *one, const struct reading *two)
{
	assert(one->outcome.kind == two->outcome.kind);
	assert(strcmp(one->outcome.detail, two->outcome.detail) == 0);
	assert(memcmp(&one->hash, &two->hash, sizeof one->hash) == 0);
	assert(one->rows.cell_count == two->rows.cell_count);
	assert(one->rows.actors.count == two->rows.actors.count);
	for (uint32_t i = 0; i < one->rows.cell_count; i++) {
		const u128 *sums = reward_rows_counts(&one->rows, i);

		assert(memcmp(sums, reward_rows_counts(&two->rows, i),
			       policy.metric_count * sizeof *sums) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	static struct reading whole, cut;
	struct slice text = { bytes + 1, bytes_count - 1 };
	struct hash hash;

	if (bytes_count < 2) {
		return 0;
	}
	if (policy.metric_count == 0) {
		make_policy();
	}
	read_pieces(&whole, text, text.bytes_count);
	read_pieces(&cut, text, 1 + (size_t)(bytes[0] & 63));
	compare(&whole, &cut);
	blake3_hash(text.bytes, text.bytes_count, &hash);
	assert(memcmp(&hash, &whole.hash, sizeof hash) == 0);
	if (whole.outcome.verdict == REWARD_OK) {
		assert(whole.accounting.events == whole.accounting.row_count);
		assert(whole.accounting.actors == whole.rows.actors.count);
	}
	reward_rows_finish(&whole.rows);
	reward_rows_finish(&cut.rows);
	assert(whole.memory.bytes == 0 && cut.memory.bytes == 0);
	return 0;
}
