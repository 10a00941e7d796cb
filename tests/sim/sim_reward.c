#include <stdarg.h>

#include "tests/reward_world.h"
#include "tests/sim/nights.h"
#include "tests/sim/reward_model.h"

/* Random epochs against core/reward, and a model that computes them as at school. In each case:
 * the same amounts and residual as the model; 0 <= sum <= pool, and its parts add up; the same
 * result when the rows are shuffled, when they are split, when it is done again; a policy that is
 * the same when it was read and written; and nobody loses by doing more, as far as R-O40 holds.
 *
 * sim_reward --seed N --cases N: the same seed is the same case. */

#define CASE_TEXT_BYTES 65536u

static struct {
	uint64_t bankers;
	uint64_t repaired; /* shares */
	uint64_t wide;     /* pools beyond 2^64 */
	uint64_t capped;
	uint64_t idle;
	uint64_t empty;
	uint64_t monotone;
} did;

/* ---- chance ---- */

/* Of any magnitude, small ones and the bound among them. */
static u128 some_amount(unsigned bits_max)
{
	unsigned bits = chance(bits_max + 1);
	u128 number = (u128)chance_u64() << 64 | chance_u64();

	if (chance(16) == 0) {
		return ((u128)1 << bits_max) - 1;
	}
	return bits == 0 ? 0 : number >> (128 - bits);
}

static struct big to_big(u128 number)
{
	struct big two_64 = big_add(big_of(UINT64_MAX), big_of(1));

	return big_add(
		big_multiply(big_of((uint64_t)(number >> 64)), two_64), big_of((uint64_t)number));
}

static u128 to_u128(struct big big)
{
	u128 number = 0;

	for (int i = BIG_DIGITS - 1; i >= 0; i--) {
		REWARD_REQUIRE(i < 16 || big.digits[i] == 0);
		number = number << 8 | big.digits[i];
	}
	return number;
}

/* ---- the same case as documents ---- */

/* In the order of their bytes; one is the other's beginning. */
static const char *const metric_names[MODEL_METRICS] = { "a", "ab", "likes", "views" };
static const char *const actor_names[MODEL_ACTORS] = { "A", "a", "acc:1", "acc:10", "b",
	"did:ron:z" };
static const char *const category_names[MODEL_CATEGORIES] = { "", "music", "music-2" };

struct text {
	char bytes[CASE_TEXT_BYTES];
	size_t used;
};

static void put(struct text *text, const char *form, ...) __attribute__((format(printf, 2, 3)));

static void put(struct text *text, const char *form, ...)
{
	va_list args;

	va_start(args, form);
	text->used += (size_t)vsnprintf(
		text->bytes + text->used, sizeof text->bytes - text->used, form, args);
	va_end(args);
	REWARD_REQUIRE(text->used < sizeof text->bytes);
}

static void put_amount(struct text *text, const char *before, struct big amount)
{
	char digits[40];
	u128 rest = to_u128(amount);
	size_t at = sizeof digits - 1;

	digits[at] = '\0';
	do {
		digits[--at] = (char)('0' + (int)(rest % 10));
		rest /= 10;
	} while (rest != 0);
	put(text, "%s\"%s\"", before, digits + at);
}

static void put_weight(struct text *text, uint32_t weight)
{
	char digits[16];
	size_t count;

	if (weight == MODEL_ONE) {
		put(text, "1");
		return;
	}
	count = (size_t)snprintf(digits, sizeof digits, "0.%09u", weight);
	while (digits[count - 1] == '0') {
		digits[--count] = '\0';
	}
	put(text, "%s", digits);
}

static void put_policy(struct text *text, const struct model *model)
{
	const char *comma = "";

	text->used = 0;
	put_amount(text, "{\"body\":{\"asset\":\"ron\",\"caps\":{\"actor_cap\":", model->actor_cap);
	put(text, ",\"category_cap\":{");
	for (int i = 0; i < MODEL_CATEGORIES; i++) {
		if (model->has_category_cap[i]) {
			put(text, "%s\"%s\":", comma, category_names[i]);
			put_amount(text, "", model->category_caps[i]);
			comma = ",";
		}
	}
	put_amount(text, "},\"epoch_cap\":", model->epoch_cap);
	put(text,
		"},\"emission_curve\":{\"base_per_epoch\":\"170141183460469231731687303715884105727"
		"\",\"kind\":\"halving\",\"period_epochs\":1},\"rounding\":\"%s\",\"weights\":{",
		model->bankers ? "bankers" : "floor");
	for (int i = 0; i < model->metric_count; i++) {
		put(text, "%s\"%s\":", i == 0 ? "" : ",", metric_names[i]);
		put_weight(text, model->weights[i]);
	}
	put(text, "}},\"id\":\"rev42\",\"version\":\"1.0.0\"}");
}

static void put_ledger(struct text *text, const struct model *model)
{
	text->used = 0;
	put_amount(text,
		"{\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"kind\":\"ron.ledger.snapshot\","
		"\"pool_account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":",
		model->pool);
	put(text, ",\"root\":\"%064d\",\"seq\":1,\"tenant\":\"acme\",\"v\":1}", 0);
}

static int count_actors(const struct model *model)
{
	bool seen[MODEL_ACTORS] = { false };
	int count = 0;

	for (int i = 0; i < model->row_count; i++) {
		count += seen[model->rows[i].actor] ? 0 : 1;
		seen[model->rows[i].actor] = true;
	}
	return count;
}

static void put_rows(struct text *text, const struct model *model)
{
	text->used = 0;
	put(text,
		"{\"actors\":%d,\"epoch_id\":\"2025-10-01\",\"events\":%d,\"kind\":"
		"\"ron.accounting.snapshot\",\"rows\":[",
		count_actors(model), model->row_count);
	for (int i = 0; i < model->row_count; i++) {
		const struct model_row *row = &model->rows[i];
		const char *comma = "";

		put(text, "%s{\"actor\":\"%s\",\"category\":\"%s\",\"counts\":{", i == 0 ? "" : ",",
			actor_names[row->actor], category_names[row->category]);
		for (int k = 0; k < model->metric_count; k++) {
			if (row->counts[k] != 0 || chance(2) == 0) {
				put(text, "%s\"%s\":\"%llu\"", comma, metric_names[k],
					(unsigned long long)row->counts[k]);
				comma = ",";
			}
		}
		put(text, "}}");
	}
	put(text, "],\"tenant\":\"acme\",\"v\":1}");
}

/* ---- a case ---- */

static uint64_t some_count(unsigned bits_max)
{
	return chance(4) == 0 ? 0 : (uint64_t)some_amount(bits_max);
}

static void make_case(struct model *model)
{
	/* Small counts tie, large ones need all of the bits. */
	static const unsigned pool_bits[] = { 4, 9, 32, 64, 100, 127 };
	static const unsigned count_bits[] = { 1, 3, 20, 63 };
	unsigned bits = count_bits[chance(4)];
	uint32_t left = MODEL_ONE;

	memset(model, 0, sizeof *model);
	model->bankers = chance(2) == 0;
	model->metric_count = 1 + (int)chance(MODEL_METRICS);
	for (int i = 0; i + 1 < model->metric_count; i++) {
		uint32_t rest = (uint32_t)(model->metric_count - 1 - i);

		model->weights[i] =
			chance(3) == 0 ? 1 + chance(9) : 1 + chance((left - rest) / (rest + 1));
		left -= model->weights[i];
	}
	model->weights[model->metric_count - 1] = left;
	model->pool = to_big(some_amount(pool_bits[chance(6)]));
	model->epoch_cap = chance(4) == 0 ? to_big(some_amount(127)) : to_big(REWARD_AMOUNT_MAX);
	model->actor_cap = chance(4) == 0 ? to_big(some_amount(127)) : to_big(REWARD_AMOUNT_MAX);
	for (int i = 0; i < MODEL_CATEGORIES; i++) {
		model->has_category_cap[i] = chance(4) == 0;
		model->category_caps[i] = to_big(some_amount(chance(2) == 0 ? 8 : 127));
	}
	model->row_count = (int)chance(chance(3) == 0 ? 3 : MODEL_ROWS_MAX / 4);
	for (int i = 0; i < model->row_count; i++) {
		struct model_row *row = &model->rows[i];

		row->actor = (int)chance(MODEL_ACTORS);
		row->category = (int)chance(MODEL_CATEGORIES);
		for (int k = 0; k < model->metric_count; k++) {
			row->counts[k] = some_count(bits);
		}
	}
}

static void shuffle(struct model *model)
{
	for (int i = model->row_count - 1; i > 0; i--) {
		int other = (int)chance((uint32_t)i + 1);
		struct model_row row = model->rows[i];

		model->rows[i] = model->rows[other];
		model->rows[other] = row;
	}
}

/* Some rows become two, whose counts add up to theirs. */
static void split(struct model *model)
{
	int row_count = model->row_count;

	for (int i = 0; i < row_count && model->row_count < MODEL_ROWS_MAX; i++) {
		struct model_row *one = &model->rows[i], *two = &model->rows[model->row_count];

		if (chance(2) == 0) {
			continue;
		}
		*two = *one;
		for (int k = 0; k < model->metric_count; k++) {
			one->counts[k] = one->counts[k] == 0 ? 0 : chance_u64() % one->counts[k];
			two->counts[k] -= one->counts[k];
		}
		model->row_count++;
	}
}

/* ---- what is compared ---- */

static struct text policy_text, ledger_text, rows_text;
static struct reward_world world;

static void run_core(const struct model *model)
{
	struct reward_case given = {
		.policy = policy_text.bytes,
		.ledger = ledger_text.bytes,
		.piece_bytes = 1 + chance(512),
		.key = (uint8_t)chance(256),
	};

	put_policy(&policy_text, model);
	put_ledger(&ledger_text, model);
	put_rows(&rows_text, model);
	given.accounting = (struct slice){ (const uint8_t *)rows_text.bytes, rows_text.used };
	REWARD_REQUIRE(reward_world_run(&world, &given));
}

/* Everything of run.json but the keys, which follow from the bytes of the inputs. */
static struct reward_kept result_of_core(void)
{
	struct reward_facts facts = world.run.facts;

	memset(&facts.accounting_cid, 0, sizeof facts.accounting_cid);
	memset(&facts.request.inputs_cid, 0, sizeof facts.request.inputs_cid);
	memset(&facts.run_key, 0, sizeof facts.run_key);
	memset(&facts.idempotency_key, 0, sizeof facts.idempotency_key);
	reward_keys_commitment(&facts, &facts.commitment);
	return reward_manifest_of(&facts);
}

static bool is(struct big expected, u128 found)
{
	return big_compare(expected, to_big(found)) == 0;
}

/* pool * count = quotient * total + remainder, and what is made of it. */
static void check_shares(const struct reward_alloc *alloc)
{
	for (uint32_t cell = 0; cell < alloc->cell_count; cell++) {
		u128 sum = 0;

		for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
			struct reward_share share = reward_alloc_share(alloc, cell, metric);
			struct big product = big_multiply(to_big(share.pool), to_big(share.count));
			struct big back =
				big_add(big_multiply(to_big(share.quotient), to_big(share.total)),
					to_big(share.remainder));

			REWARD_REQUIRE(big_compare(product, back) == 0);
			REWARD_REQUIRE(share.total == 0 || share.remainder < share.total);
			REWARD_REQUIRE(share.is_rounded_up || !share.is_repaired);
			REWARD_REQUIRE(share.amount == share.quotient +
							       (share.is_rounded_up ? 1u : 0u) -
							       (share.is_repaired ? 1u : 0u));
			did.repaired += share.is_repaired ? 1 : 0;
			sum += share.amount;
		}
		REWARD_REQUIRE(reward_alloc_part(alloc, cell).sum == sum);
	}
}

static void check_reasons(const struct reward_alloc *alloc)
{
	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		struct reward_actor actor = reward_alloc_actor(alloc, place);
		struct reward_reasons reasons;
		u128 sum = 0;

		reward_alloc_reasons(alloc, place, &reasons);
		for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
			sum += reasons.metrics[metric];
		}
		REWARD_REQUIRE(sum == actor.amount + reasons.category_cut + reasons.actor_cut);
		REWARD_REQUIRE(place == 0 ||
			       reward_policy_compare(
				       reward_alloc_actor(alloc, place - 1).name, actor.name) < 0);
	}
}

/* Every unit of the pool is somebody's or is told why not. */
static void check_conservation(const struct reward_alloc *alloc)
{
	const struct reward_totals *totals = &alloc->totals;
	u128 paid = 0;

	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		paid += reward_alloc_actor(alloc, place).amount;
	}
	REWARD_REQUIRE(paid == totals->payout && totals->payout <= totals->pool_total);
	REWARD_REQUIRE(totals->clamp + totals->idle + totals->dust + totals->category_excess +
			       totals->actor_excess ==
		       totals->pool_total - totals->payout);
	REWARD_REQUIRE(totals->dust <= (u128)totals->share_count + totals->metric_count);
}

/* What was read is written as a text that is read as the same, and written as itself. */
static void check_canonical_form(struct slice text)
{
	static struct reward_policy policies[2];
	struct reward_outcome outcome = { 0 };
	struct reward_kept kept[2] = { { 0 } };

	for (size_t i = 0; i < COUNT_OF(kept); i++) {
		struct reward_text out;

		REWARD_REQUIRE(reward_policy_read(text, &policies[i], &outcome));
		reward_text_begin(&out, reward_keep, &kept[i]);
		reward_policy_write(&policies[i], &out);
		reward_text_end(&out);
		text = (struct slice){ (const uint8_t *)kept[i].bytes, kept[i].bytes_count };
	}
	REWARD_REQUIRE(strcmp(kept[0].bytes, kept[1].bytes) == 0);
	REWARD_REQUIRE(memcmp(&policies[0].hash, &policies[1].hash, HASH_BYTES) == 0);
	free(kept[0].bytes);
	free(kept[1].bytes);
}

static void compare_with_model(struct model *model)
{
	const struct reward_alloc *alloc = world.run.facts.alloc;
	const struct reward_totals *totals = &alloc->totals;

	model_run(model);
	for (int actor = 0; actor < MODEL_ACTORS; actor++) {
		REWARD_REQUIRE(
			is(model->amounts[actor], reward_amount_of(&world, actor_names[actor])));
	}
	REWARD_REQUIRE(is(model->payout, totals->payout) && is(model->clamp, totals->clamp));
	REWARD_REQUIRE(is(model->idle, totals->idle) && is(model->dust, totals->dust));
	REWARD_REQUIRE(is(model->category_excess, totals->category_excess));
	REWARD_REQUIRE(is(model->actor_excess, totals->actor_excess));
	check_conservation(alloc);
	check_shares(alloc);
	check_reasons(alloc);
	did.bankers += model->bankers ? 1 : 0;
	did.wide += totals->pool_total > UINT64_MAX ? 1 : 0;
	did.capped += totals->category_excess + totals->actor_excess > 0 ? 1 : 0;
	did.idle += totals->idle > 0 ? 1 : 0;
	did.empty += model->row_count == 0 ? 1 : 0;
}

/* The same amounts from other bytes. */
static void require_same(const struct model *model, const struct reward_kept *expected)
{
	struct reward_kept kept;

	run_core(model);
	kept = result_of_core();
	REWARD_REQUIRE(strcmp(kept.bytes, expected->bytes) == 0);
	free(kept.bytes);
	reward_world_finish(&world);
}

/* The categories that an actor has. */
static unsigned count_cells(const struct model *model, int actor)
{
	bool seen[MODEL_CATEGORIES] = { false };
	unsigned count = 0;

	for (int i = 0; i < model->row_count; i++) {
		bool *is_seen = &seen[model->rows[i].category];

		if (model->rows[i].actor == actor && !*is_seen) {
			*is_seen = true;
			count++;
		}
	}
	return count;
}

/* R-O40: rounding down, no cap of a category, and one does more. With one category nobody loses;
 * with more, the others of his own cells are rounded anew, and each may lose a unit of a metric. */
static void check_monotone(struct model model)
{
	struct model_row *row = &model.rows[model.row_count];
	u128 before, after, loss;

	model.bankers = false;
	memset(model.has_category_cap, 0, sizeof model.has_category_cap);
	run_core(&model);
	row->actor = (int)chance(MODEL_ACTORS);
	row->category = (int)chance(MODEL_CATEGORIES);
	before = reward_amount_of(&world, actor_names[row->actor]);
	reward_world_finish(&world);
	for (int k = 0; k < model.metric_count; k++) {
		row->counts[k] = some_count(chance(2) == 0 ? 3 : 62);
	}
	model.row_count++;
	loss = (u128)(count_cells(&model, row->actor) - 1) * (unsigned)model.metric_count;
	run_core(&model);
	after = reward_amount_of(&world, actor_names[row->actor]);
	REWARD_REQUIRE(after + loss >= before);
	reward_world_finish(&world);
	did.monotone += loss == 0 ? 1 : 0;
}

static void run_case(uint64_t seed)
{
	static struct model model;
	struct reward_kept expected;

	chance_state = seed * 0x2545f4914f6cdd1du;
	make_case(&model);
	run_core(&model);
	compare_with_model(&model);
	check_canonical_form(
		(struct slice){ (const uint8_t *)policy_text.bytes, policy_text.used });
	expected = result_of_core();
	reward_world_finish(&world);

	require_same(&model, &expected);
	shuffle(&model);
	require_same(&model, &expected);
	split(&model);
	shuffle(&model);
	require_same(&model, &expected);
	free(expected.bytes);
	check_monotone(model);
}

int main(int argc, char *argv[])
{
	struct nights nights = { .name = "sim_reward", .seed = 1, .cases = 1000 };

	nights_run(&nights, argc, argv, run_case);
	printf("%llu by bankers with %llu shares repaired, %llu pools beyond 2^64, %llu capped, "
	       "%llu "
	       "with an idle metric, %llu empty, %llu times more work of one category\n",
		(unsigned long long)did.bankers, (unsigned long long)did.repaired,
		(unsigned long long)did.wide, (unsigned long long)did.capped,
		(unsigned long long)did.idle, (unsigned long long)did.empty,
		(unsigned long long)did.monotone);
	return 0;
}
