#include "client/rv.h"

#include <stdlib.h>
#include <string.h>

static struct rv_cell *cells;
size_t rv_cell_count;
struct rv_totals rv_totals;

static struct rv_cell *next_cell(const struct rv_row *row)
{
	struct rv_cell *cell = &cells[rv_cell_count++];
	mpz_t *numbers = rv_take(3 * rv_policy.weight_count * sizeof *numbers);

	*cell = (struct rv_cell){ .actor = row->actor,
		.category = row->category,
		.counts = numbers,
		.shares = numbers + rv_policy.weight_count,
		.excess = numbers + 2 * rv_policy.weight_count };
	for (size_t i = 0; i < 3 * rv_policy.weight_count; i++) {
		mpz_init(numbers[i]);
	}
	return cell;
}

static void sum_cells(void)
{
	struct rv_cell *cell = NULL;

	cells = rv_take((rv_run.row_count + 1) * sizeof *cells);
	for (size_t i = 0; i < rv_run.row_count; i++) {
		const struct rv_row *row = &rv_run.rows[i];

		if (cell == NULL || rv_compare_rows(row - 1, row) != 0) {
			cell = next_cell(row);
		}
		for (size_t m = 0; m < rv_policy.weight_count; m++) {
			mpz_add_ui(cell->counts[m], cell->counts[m], row->counts[m]);
		}
	}
}

static size_t metric_in_order; /* of the comparison below */

/* The most rounded up first; then the first of them. */
static int compare_excess(const void *a, const void *b)
{
	const struct rv_cell *left = *(struct rv_cell *const *)a,
			     *right = *(struct rv_cell *const *)b;
	int order = mpz_cmp(right->excess[metric_in_order], left->excess[metric_in_order]);

	return order != 0 ? order : (left > right) - (left < right);
}

/* Takes back what rounding half to even gave above the pool. */
static void repair(size_t m, const mpz_t pool, mpz_t sum)
{
	struct rv_cell **up = rv_take((rv_cell_count + 1) * sizeof(struct rv_cell *));
	size_t up_count = 0;

	for (size_t i = 0; i < rv_cell_count; i++) {
		if (mpz_sgn(cells[i].excess[m]) > 0) {
			up[up_count++] = &cells[i];
		}
	}
	metric_in_order = m;
	qsort(up, up_count, sizeof(struct rv_cell *), compare_excess);
	for (size_t i = 0; i < up_count && mpz_cmp(sum, pool) > 0; i++) {
		mpz_sub_ui(up[i]->shares[m], up[i]->shares[m], 1);
		mpz_sub_ui(sum, sum, 1);
	}
}

/* pool * count / total, rounded; what rounding up added is kept, times total. */
static void share(struct rv_cell *cell, size_t m, const mpz_t pool, const mpz_t total)
{
	mpz_t rest, twice;
	int half;

	mpz_inits(rest, twice, NULL);
	mpz_mul(cell->shares[m], pool, cell->counts[m]);
	mpz_fdiv_qr(cell->shares[m], rest, cell->shares[m], total);
	mpz_mul_ui(twice, rest, 2);
	half = mpz_cmp(twice, total);
	if (rv_policy.is_bankers && (half > 0 || (half == 0 && mpz_odd_p(cell->shares[m])))) {
		mpz_add_ui(cell->shares[m], cell->shares[m], 1);
		mpz_sub(cell->excess[m], total, rest);
	}
	mpz_clears(rest, twice, NULL);
}

static void share_metric(size_t m, const mpz_t shared, mpz_t rest_of_shared)
{
	mpz_t pool, total, sum;

	mpz_inits(pool, total, sum, NULL);
	mpz_mul_ui(pool, shared, rv_policy.weights[m].billionths);
	mpz_fdiv_q_ui(pool, pool, RV_WEIGHT_ONE);
	mpz_sub(rest_of_shared, rest_of_shared, pool);
	for (size_t i = 0; i < rv_cell_count; i++) {
		mpz_add(total, total, cells[i].counts[m]);
	}
	if (mpz_sgn(total) == 0) {
		mpz_add(rv_totals.idle, rv_totals.idle, pool);
	} else {
		for (size_t i = 0; i < rv_cell_count; i++) {
			share(&cells[i], m, pool, total);
			mpz_add(sum, sum, cells[i].shares[m]);
		}
		repair(m, pool, sum);
		mpz_sub(pool, pool, sum);
		mpz_add(rv_totals.dust, rv_totals.dust, pool);
	}
	mpz_clears(pool, total, sum, NULL);
}

/* What the curve allows for this epoch is at least the pool. */
static bool is_within_budget(void)
{
	uint64_t halvings = rv_run.epoch_index / rv_policy.period;
	mpz_t budget;
	bool is_within;

	mpz_init(budget);
	mpz_fdiv_q_2exp(budget, rv_policy.base, halvings > 127 ? 127 : halvings);
	is_within = mpz_cmp(rv_run.pool, budget) <= 0;
	mpz_clear(budget);
	return is_within;
}

bool rv_allocate(void)
{
	mpz_t shared;

	if (!is_within_budget()) {
		return rv_quarantine("conservation");
	}
	sum_cells();
	mpz_init(shared);
	mpz_set(shared,
		mpz_cmp(rv_run.pool, rv_policy.epoch_cap) < 0 ? rv_run.pool : rv_policy.epoch_cap);
	mpz_sub(rv_totals.clamp, rv_run.pool, shared);
	mpz_set(rv_totals.dust, shared);
	for (size_t m = 0; m < rv_policy.weight_count; m++) {
		share_metric(m, shared, rv_totals.dust);
	}
	mpz_clear(shared);
	return true;
}

static void cap_cell(const struct rv_cell *cell, struct rv_actor *actor)
{
	mpz_t sum;

	mpz_init(sum);
	for (size_t m = 0; m < rv_policy.weight_count; m++) {
		mpz_add(sum, sum, cell->shares[m]);
		mpz_add(actor->sums[m], actor->sums[m], cell->shares[m]);
	}
	for (size_t i = 0; i < rv_policy.cap_count; i++) {
		const struct rv_cap *cap = &rv_policy.caps[i];

		if (strcmp(cap->category, cell->category) == 0 && mpz_cmp(sum, cap->most) > 0) {
			mpz_add(actor->category_cut, actor->category_cut, sum);
			mpz_sub(actor->category_cut, actor->category_cut, cap->most);
			mpz_set(sum, cap->most);
		}
	}
	mpz_add(actor->amount, actor->amount, sum);
	mpz_clear(sum);
}

/* The next one's; *at goes on behind its cells. */
void rv_pay_actor(struct rv_actor *actor, size_t *at)
{
	mpz_set_ui(actor->amount, 0);
	mpz_set_ui(actor->category_cut, 0);
	mpz_set_ui(actor->actor_cut, 0);
	for (size_t m = 0; m < rv_policy.weight_count; m++) {
		mpz_set_ui(actor->sums[m], 0);
	}
	actor->first = actor->end = &cells[*at];
	do {
		cap_cell(actor->end, actor);
		actor->end++;
		++*at;
	} while (*at < rv_cell_count && strcmp(actor->end->actor, actor->first->actor) == 0);
	if (mpz_cmp(actor->amount, rv_policy.actor_cap) > 0) {
		mpz_sub(actor->actor_cut, actor->amount, rv_policy.actor_cap);
		mpz_set(actor->amount, rv_policy.actor_cap);
	}
	mpz_add(rv_totals.payout, rv_totals.payout, actor->amount);
	mpz_add(rv_totals.category_excess, rv_totals.category_excess, actor->category_cut);
	mpz_add(rv_totals.actor_excess, rv_totals.actor_excess, actor->actor_cut);
}
