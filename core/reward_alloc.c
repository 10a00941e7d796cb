#include "core/reward_alloc.h"

#include <string.h>

#include "core/amount.h"
#include "core/reward_sort.h"
#include "core/reward_wide.h"

/* core/memory.h: big regions only. */
#define REGION_BYTES_MIN 65536u

/* What is needed while it runs. */
struct work {
	uint32_t *numbers; /* one more than there are cells, so than actors or categories; the */
	uint32_t *ranks;   /* others likewise */
	uint32_t *order;
	u128 *sums;     /* of the shares of each cell */
	u128 *excesses; /* bankers: of each cell, times T */
};

static size_t region_bytes(size_t count, size_t item_bytes)
{
	size_t bytes = count * item_bytes; /* at most 2^26 items of 16 bytes */

	return bytes < REGION_BYTES_MIN ? REGION_BYTES_MIN : bytes;
}

static void *take(const struct reward_alloc *alloc, size_t count, size_t item_bytes)
{
	return memory_take(alloc->memory, region_bytes(count, item_bytes));
}

static void give(const struct reward_alloc *alloc, void *region, size_t count, size_t item_bytes)
{
	memory_give(alloc->memory, region, region_bytes(count, item_bytes));
}

static size_t repaired_words(const struct reward_alloc *alloc)
{
	return ((size_t)alloc->cell_count * alloc->policy->metric_count + 63) / 64;
}

static size_t work_items(const struct reward_alloc *alloc)
{
	return (size_t)alloc->cell_count + 1;
}

static bool take_all(struct reward_alloc *alloc, struct work *work)
{
	bool is_bankers = alloc->policy->rounding == REWARD_ROUND_BANKERS;

	alloc->actors = take(alloc, alloc->actor_count, sizeof *alloc->actors);
	alloc->cells = take(alloc, alloc->cell_count, sizeof *alloc->cells);
	alloc->actor_cells =
		take(alloc, (size_t)alloc->actor_count + 1, sizeof *alloc->actor_cells);
	alloc->amounts = take(alloc, alloc->actor_count, sizeof *alloc->amounts);
	work->numbers = take(alloc, work_items(alloc), sizeof *work->numbers);
	work->ranks = take(alloc, work_items(alloc), sizeof *work->ranks);
	work->order = take(alloc, work_items(alloc), sizeof *work->order);
	work->sums = take(alloc, alloc->cell_count, sizeof *work->sums);
	if (is_bankers) {
		alloc->repaired = take(alloc, repaired_words(alloc), sizeof *alloc->repaired);
		work->excesses = take(alloc, alloc->cell_count, sizeof *work->excesses);
	}
	return alloc->actors != NULL && alloc->cells != NULL && alloc->actor_cells != NULL &&
	       alloc->amounts != NULL && work->numbers != NULL && work->ranks != NULL &&
	       work->order != NULL && work->sums != NULL &&
	       (!is_bankers || (alloc->repaired != NULL && work->excesses != NULL));
}

static void give_work(const struct reward_alloc *alloc, struct work *work)
{
	give(alloc, work->numbers, work_items(alloc), sizeof *work->numbers);
	give(alloc, work->ranks, work_items(alloc), sizeof *work->ranks);
	give(alloc, work->order, work_items(alloc), sizeof *work->order);
	give(alloc, work->sums, alloc->cell_count, sizeof *work->sums);
	give(alloc, work->excesses, alloc->cell_count, sizeof *work->excesses);
}

void reward_alloc_finish(struct reward_alloc *alloc)
{
	if (alloc->memory == NULL) {
		return;
	}
	give(alloc, alloc->actors, alloc->actor_count, sizeof *alloc->actors);
	give(alloc, alloc->cells, alloc->cell_count, sizeof *alloc->cells);
	give(alloc, alloc->actor_cells, (size_t)alloc->actor_count + 1, sizeof *alloc->actor_cells);
	give(alloc, alloc->amounts, alloc->actor_count, sizeof *alloc->amounts);
	give(alloc, alloc->repaired, repaired_words(alloc), sizeof *alloc->repaired);
	*alloc = (struct reward_alloc){ 0 };
}

/* ---- the order ---- */

/* Cells by category, then, keeping that, by actor. */
static void order_cells(struct reward_alloc *alloc, struct work *work)
{
	const struct reward_rows *rows = alloc->rows;
	uint32_t *places = work->order;

	reward_names_order(&rows->categories, work->numbers, work->order);
	for (uint32_t i = 0; i < rows->categories.count; i++) {
		places[work->numbers[i]] = i;
	}
	for (uint32_t i = 0; i < alloc->cell_count; i++) {
		work->ranks[i] = places[reward_rows_cell(rows, i)->category];
		alloc->cells[i] = i;
	}
	reward_sort_by_key(alloc->cells, alloc->cell_count, work->ranks, rows->categories.count,
		work->order, work->numbers);

	places = work->numbers;
	reward_names_order(&rows->actors, alloc->actors, work->numbers);
	for (uint32_t i = 0; i < alloc->actor_count; i++) {
		places[alloc->actors[i]] = i;
	}
	for (uint32_t i = 0; i < alloc->cell_count; i++) {
		work->ranks[i] = places[reward_rows_cell(rows, i)->actor];
	}
	reward_sort_by_key(work->order, alloc->cell_count, work->ranks, alloc->actor_count,
		alloc->cells, alloc->actor_cells);
}

/* ---- shares ---- */

static size_t bit_of(const struct reward_alloc *alloc, uint32_t cell_place, uint32_t metric)
{
	return (size_t)cell_place * alloc->policy->metric_count + metric;
}

static bool is_repaired(const struct reward_alloc *alloc, uint32_t cell_place, uint32_t metric)
{
	size_t bit = bit_of(alloc, cell_place, metric);

	return alloc->repaired != NULL && (alloc->repaired[bit / 64] >> (bit % 64) & 1) != 0;
}

static u128 count_of(const struct reward_alloc *alloc, uint32_t cell_place, uint32_t metric)
{
	return reward_rows_counts(alloc->rows, alloc->cells[cell_place])[metric];
}

struct reward_share reward_alloc_share(
	const struct reward_alloc *alloc, uint32_t cell_place, uint32_t metric)
{
	const struct reward_metric_total *of = &alloc->metrics[metric];
	struct reward_share share = { .pool = of->pool, .total = of->count };
	u128 doubled;

	share.count = count_of(alloc, cell_place, metric);
	if (share.count == 0) {
		return share; /* so too if all counts are */
	}
	share.quotient = reward_wide_share(share.pool, share.count, share.total, &share.remainder);
	share.amount = share.quotient;
	if (alloc->policy->rounding == REWARD_ROUND_BANKERS) {
		doubled = 2 * share.remainder; /* T is below 2^87 */
		share.is_rounded_up = doubled > share.total ||
				      (doubled == share.total && share.quotient % 2 == 1);
		share.is_repaired = is_repaired(alloc, cell_place, metric);
		share.amount += share.is_rounded_up ? 1 : 0;
		share.amount -= share.is_repaired ? 1 : 0;
	}
	return share;
}

static bool is_in_excess_of(const void *owner, uint32_t a, uint32_t b)
{
	const u128 *excesses = owner;

	return excesses[a] > excesses[b];
}

/* Takes back what rounding half to even gave too much: a unit each from those whose share was
 * rounded up by the most. Nobody was rounded up by more than a half, so there are enough. */
static void repair(struct reward_alloc *alloc, struct work *work, uint32_t metric)
{
	struct reward_metric_total *of = &alloc->metrics[metric];
	uint32_t candidate_count = 0;

	for (uint32_t place = 0; place < alloc->cell_count; place++) {
		struct reward_share share = reward_alloc_share(alloc, place, metric);

		if (share.is_rounded_up) {
			work->excesses[place] = share.total - share.remainder;
			work->numbers[candidate_count++] = place;
		}
	}
	reward_sort(work->numbers, candidate_count, work->ranks, is_in_excess_of, work->excesses);
	for (uint32_t i = 0; of->paid > of->pool; i++) {
		size_t bit;

		assert(i < candidate_count);
		bit = bit_of(alloc, work->numbers[i], metric);
		alloc->repaired[bit / 64] |= UINT64_C(1) << (bit % 64);
		work->sums[work->numbers[i]]--;
		of->paid--;
	}
}

static void share_metric(struct reward_alloc *alloc, struct work *work, uint32_t metric, u128 pool)
{
	struct reward_metric_total *of = &alloc->metrics[metric];
	struct reward_totals *totals = &alloc->totals;
	u128 rest = 0;

	of->pool = reward_wide_share(
		pool, alloc->policy->metrics[metric].weight, REWARD_WEIGHT_ONE, &rest);
	for (uint32_t place = 0; place < alloc->cell_count; place++) {
		of->count += count_of(alloc, place, metric);
	}
	if (of->count == 0) {
		totals->idle += of->pool;
		return;
	}
	for (uint32_t place = 0; place < alloc->cell_count; place++) {
		struct reward_share share = reward_alloc_share(alloc, place, metric);

		of->paid += share.amount;
		work->sums[place] += share.amount;
		totals->share_count += share.count > 0 ? 1 : 0;
	}
	if (of->paid > of->pool) {
		repair(alloc, work, metric);
	}
	totals->dust += of->pool - of->paid;
}

/* ---- caps ---- */

static struct slice category_of(const struct reward_alloc *alloc, uint32_t cell_place)
{
	const struct reward_cell *cell = reward_rows_cell(alloc->rows, alloc->cells[cell_place]);

	return reward_names_view(&alloc->rows->categories, cell->category);
}

static u128 category_cut(const struct reward_alloc *alloc, uint32_t cell_place, u128 sum)
{
	const struct reward_policy_cap *cap;

	if (alloc->policy->category_cap_count == 0) {
		return 0;
	}
	cap = reward_policy_cap_of(alloc->policy, category_of(alloc, cell_place));
	return cap != NULL && sum > cap->amount.minor ? sum - cap->amount.minor : 0;
}

struct reward_part reward_alloc_part(const struct reward_alloc *alloc, uint32_t cell_place)
{
	struct reward_part part = { .category = category_of(alloc, cell_place) };

	for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
		part.sum += reward_alloc_share(alloc, cell_place, metric).amount;
	}
	part.cut = category_cut(alloc, cell_place, part.sum);
	return part;
}

static void pay_actor(struct reward_alloc *alloc, const struct work *work, uint32_t place)
{
	struct reward_totals *totals = &alloc->totals;
	u128 cap = alloc->policy->actor_cap.minor, amount = 0;

	for (uint32_t i = alloc->actor_cells[place]; i < alloc->actor_cells[place + 1]; i++) {
		u128 cut = category_cut(alloc, i, work->sums[i]);

		amount += work->sums[i] - cut;
		totals->category_excess += cut;
	}
	if (amount > cap) {
		totals->actor_excess += amount - cap;
		amount = cap;
	}
	alloc->amounts[place] = amount;
	alloc->allocation_count += amount > 0 ? 1 : 0;
	totals->payout += amount;
}

/* ---- the whole ---- */

bool reward_alloc_check(const struct reward_totals *totals, struct reward_outcome *outcome)
{
	const u128 parts[] = { totals->clamp, totals->idle, totals->dust, totals->category_excess,
		totals->actor_excess };
	u128 sum = 0;

	if (totals->payout > totals->pool_total) {
		return reward_quarantine(
			outcome, REWARD_KIND_CONSERVATION, "sum of payouts exceeds pool_total");
	}
	for (size_t i = 0; i < COUNT_OF(parts); i++) {
		if (!amount_add(sum, parts[i], &sum) || sum > REWARD_AMOUNT_MAX) {
			return reward_quarantine(outcome, REWARD_KIND_OVERFLOW,
				"the parts of the residual exceed 2^127 - 1");
		}
	}
	if (sum != totals->pool_total - totals->payout) {
		return reward_quarantine(outcome, REWARD_KIND_DUST_POLICY,
			"the parts of the residual do not add up to it");
	}
	return totals->dust <= (u128)totals->share_count + totals->metric_count ||
	       reward_quarantine(outcome, REWARD_KIND_DUST_POLICY,
		       "rounding lost more than a unit for each share and metric");
}

static void compute(struct reward_alloc *alloc, struct work *work)
{
	struct reward_totals *totals = &alloc->totals;
	u128 epoch_cap = alloc->policy->epoch_cap.minor;
	u128 pool = totals->pool_total < epoch_cap ? totals->pool_total : epoch_cap;
	u128 shared = 0;

	totals->clamp = totals->pool_total - pool;
	totals->metric_count = alloc->policy->metric_count;
	order_cells(alloc, work);
	for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
		share_metric(alloc, work, metric, pool);
		shared += alloc->metrics[metric].pool;
	}
	totals->dust += pool - shared; /* the weights add up to 1: rounding down cannot exceed it */
	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		pay_actor(alloc, work, place);
	}
}

bool reward_alloc_run(struct reward_alloc *alloc, const struct memory *memory,
	const struct reward_policy *policy, const struct reward_rows *rows, u128 pool_total,
	uint64_t epoch_index, struct reward_outcome *outcome)
{
	struct work work = { 0 };

	assert(pool_total <= REWARD_AMOUNT_MAX && rows->metric_count == policy->metric_count);
	*alloc = (struct reward_alloc){
		.memory = memory,
		.policy = policy,
		.rows = rows,
		.totals.pool_total = pool_total,
	};
	if (pool_total > reward_policy_budget(policy, epoch_index)) {
		return reward_quarantine(outcome, REWARD_KIND_CONSERVATION,
			"pool_total exceeds the emission budget of the epoch");
	}
	alloc->actor_count = rows->actors.count;
	alloc->cell_count = rows->cell_count;
	if (!take_all(alloc, &work)) {
		give_work(alloc, &work);
		reward_alloc_finish(alloc);
		return reward_no_memory(outcome);
	}
	compute(alloc, &work);
	give_work(alloc, &work);
	return reward_alloc_check(&alloc->totals, outcome);
}

/* ---- to look at it ---- */

struct reward_actor reward_alloc_actor(const struct reward_alloc *alloc, uint32_t place)
{
	assert(place < alloc->actor_count);
	return (struct reward_actor){
		.name = reward_names_view(&alloc->rows->actors, alloc->actors[place]),
		.cell_first = alloc->actor_cells[place],
		.cell_end = alloc->actor_cells[place + 1],
		.amount = alloc->amounts[place],
	};
}

uint32_t reward_alloc_find(const struct reward_alloc *alloc, struct slice name)
{
	uint32_t first = 0, end = alloc->actor_count;

	while (first < end) {
		uint32_t middle = first + (end - first) / 2;
		int order = reward_policy_compare(reward_alloc_actor(alloc, middle).name, name);

		if (order == 0) {
			return middle;
		}
		first = order < 0 ? middle + 1 : first;
		end = order < 0 ? end : middle;
	}
	return UINT32_MAX;
}

void reward_alloc_reasons(
	const struct reward_alloc *alloc, uint32_t place, struct reward_reasons *ret_reasons)
{
	struct reward_actor actor = reward_alloc_actor(alloc, place);
	u128 left = 0;

	*ret_reasons = (struct reward_reasons){ 0 };
	for (uint32_t i = actor.cell_first; i < actor.cell_end; i++) {
		u128 sum = 0, cut;

		for (uint32_t metric = 0; metric < alloc->policy->metric_count; metric++) {
			u128 amount = reward_alloc_share(alloc, i, metric).amount;

			ret_reasons->metrics[metric] += amount;
			sum += amount;
		}
		cut = category_cut(alloc, i, sum);
		ret_reasons->category_cut += cut;
		left += sum - cut;
	}
	ret_reasons->actor_cut = left - actor.amount;
}
