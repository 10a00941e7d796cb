#ifndef TESTS_SIM_REWARD_MODEL_H
#define TESTS_SIM_REWARD_MODEL_H

/* Rewards once more, too simple to be wrong in the same way: rows are kept as rows, looked through
 * again and again, and numbers are digits of a large base that are multiplied and subtracted as at
 * school. Shares no code with core/. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

#define BIG_DIGITS 40 /* of 2^8: 320 bits */

struct big {
	uint16_t digits[BIG_DIGITS]; /* the smallest first */
};

static struct big big_of(uint64_t number)
{
	struct big big = { { 0 } };

	for (int i = 0; i < 8; i++) {
		big.digits[i] = (uint16_t)(number >> (8 * i) & 255);
	}
	return big;
}

static struct big big_carry(const uint32_t sums[BIG_DIGITS])
{
	struct big big;
	uint32_t carry = 0;

	for (int i = 0; i < BIG_DIGITS; i++) {
		carry += sums[i];
		big.digits[i] = (uint16_t)(carry & 255);
		carry >>= 8;
	}
	if (carry != 0) {
		abort();
	}
	return big;
}

static struct big big_add(struct big a, struct big b)
{
	uint32_t sums[BIG_DIGITS];

	for (int i = 0; i < BIG_DIGITS; i++) {
		sums[i] = (uint32_t)a.digits[i] + b.digits[i];
	}
	return big_carry(sums);
}

static struct big big_multiply(struct big a, struct big b)
{
	uint32_t sums[BIG_DIGITS] = { 0 };

	for (int i = 0; i < BIG_DIGITS; i++) {
		for (int k = 0; i + k < BIG_DIGITS; k++) {
			sums[i + k] += (uint32_t)a.digits[i] * b.digits[k];
		}
	}
	return big_carry(sums);
}

static int big_compare(struct big a, struct big b)
{
	for (int i = BIG_DIGITS - 1; i >= 0; i--) {
		if (a.digits[i] != b.digits[i]) {
			return a.digits[i] < b.digits[i] ? -1 : 1;
		}
	}
	return 0;
}

static struct big big_subtract(struct big a, struct big b)
{
	struct big rest;
	int borrow = 0;

	if (big_compare(a, b) < 0) {
		abort();
	}
	for (int i = 0; i < BIG_DIGITS; i++) {
		int digit = (int)a.digits[i] - (int)b.digits[i] - borrow;

		borrow = digit < 0 ? 1 : 0;
		rest.digits[i] = (uint16_t)(digit + 256 * borrow);
	}
	return rest;
}

/* A digit of the quotient at a time, by trying. */
static struct big big_divide(struct big a, struct big b)
{
	struct big quotient = { { 0 } }, rest = { { 0 } };

	for (int i = BIG_DIGITS - 1; i >= 0; i--) {
		memmove(rest.digits + 1, rest.digits, (BIG_DIGITS - 1) * sizeof rest.digits[0]);
		rest.digits[0] = a.digits[i];
		while (big_compare(rest, b) >= 0) {
			rest = big_subtract(rest, b);
			quotient.digits[i]++;
		}
	}
	return quotient;
}

static bool big_is_zero(struct big a)
{
	return big_compare(a, big_of(0)) == 0;
}

static struct big big_min(struct big a, struct big b)
{
	return big_compare(a, b) < 0 ? a : b;
}

/* ---- the rows ---- */

#define MODEL_METRICS    4
#define MODEL_ACTORS     6
#define MODEL_CATEGORIES 3
#define MODEL_ROWS_MAX   64
#define MODEL_CELLS      (MODEL_ACTORS * MODEL_CATEGORIES)
#define MODEL_ONE        1000000000u

/* Metrics, actors and categories are numbers in the order of their names. */
struct model_row {
	int actor;
	int category;
	uint64_t counts[MODEL_METRICS];
};

struct model {
	bool bankers;
	int metric_count;
	uint32_t weights[MODEL_METRICS];
	struct big pool;
	struct big epoch_cap;
	struct big actor_cap;
	bool has_category_cap[MODEL_CATEGORIES];
	struct big category_caps[MODEL_CATEGORIES];
	int row_count;
	struct model_row rows[MODEL_ROWS_MAX];
	/* What comes out. */
	struct big amounts[MODEL_ACTORS];
	struct big payout;
	struct big shares[MODEL_CELLS]; /* the sum over metrics */
	struct big clamp, idle, dust, category_excess, actor_excess;
};

static struct big model_count(const struct model *model, int actor, int category, int metric)
{
	struct big sum = big_of(0);

	for (int i = 0; i < model->row_count; i++) {
		const struct model_row *row = &model->rows[i];

		if (row->actor == actor && row->category == category) {
			sum = big_add(sum, big_of(row->counts[metric]));
		}
	}
	return sum;
}

/* Half to even; whether it went up. */
static bool model_rounds_up(struct big product, struct big floor, struct big total)
{
	struct big rest = big_subtract(product, big_multiply(floor, total));
	int order = big_compare(big_add(rest, rest), total);

	return order > 0 || (order == 0 && floor.digits[0] % 2 == 1);
}

/* Takes a unit from the cell that has the most too much, as often as needed. */
static void model_repair(
	const struct big *products, struct big *shares, struct big total, struct big pool)
{
	while (true) {
		struct big sum = big_of(0), most = big_of(0);
		int at = -1;

		for (int cell = 0; cell < MODEL_CELLS; cell++) {
			sum = big_add(sum, shares[cell]);
		}
		if (big_compare(sum, pool) <= 0) {
			return;
		}
		for (int cell = 0; cell < MODEL_CELLS; cell++) {
			struct big given = big_multiply(shares[cell], total);

			if (big_compare(given, products[cell]) > 0 &&
				big_compare(big_subtract(given, products[cell]), most) > 0) {
				most = big_subtract(given, products[cell]);
				at = cell;
			}
		}
		if (at < 0) {
			abort();
		}
		shares[at] = big_subtract(shares[at], big_of(1));
	}
}

static void model_metric(struct model *model, int metric, struct big pool)
{
	struct big products[MODEL_CELLS], shares[MODEL_CELLS], total = big_of(0), paid = big_of(0);

	for (int cell = 0; cell < MODEL_CELLS; cell++) {
		total = big_add(total, model_count(model, cell / MODEL_CATEGORIES,
					       cell % MODEL_CATEGORIES, metric));
	}
	if (big_is_zero(total)) {
		model->idle = big_add(model->idle, pool);
		return;
	}
	for (int cell = 0; cell < MODEL_CELLS; cell++) {
		products[cell] = big_multiply(pool, model_count(model, cell / MODEL_CATEGORIES,
							    cell % MODEL_CATEGORIES, metric));
		shares[cell] = big_divide(products[cell], total);
		if (model->bankers && model_rounds_up(products[cell], shares[cell], total)) {
			shares[cell] = big_add(shares[cell], big_of(1));
		}
	}
	if (model->bankers) {
		model_repair(products, shares, total, pool);
	}
	for (int cell = 0; cell < MODEL_CELLS; cell++) {
		paid = big_add(paid, shares[cell]);
		model->shares[cell] = big_add(model->shares[cell], shares[cell]);
	}
	model->dust = big_add(model->dust, big_subtract(pool, paid));
}

static void model_caps(struct model *model)
{
	for (int actor = 0; actor < MODEL_ACTORS; actor++) {
		struct big sum = big_of(0);

		for (int category = 0; category < MODEL_CATEGORIES; category++) {
			struct big share = model->shares[actor * MODEL_CATEGORIES + category];
			struct big left = share;

			if (model->has_category_cap[category]) {
				left = big_min(share, model->category_caps[category]);
			}
			model->category_excess =
				big_add(model->category_excess, big_subtract(share, left));
			sum = big_add(sum, left);
		}
		model->amounts[actor] = big_min(sum, model->actor_cap);
		model->actor_excess =
			big_add(model->actor_excess, big_subtract(sum, model->amounts[actor]));
		model->payout = big_add(model->payout, model->amounts[actor]);
	}
}

static void model_run(struct model *model)
{
	struct big pool = big_min(model->pool, model->epoch_cap), shared = big_of(0);

	memset(model->shares, 0, sizeof model->shares);
	model->payout = model->idle = model->dust = big_of(0);
	model->category_excess = model->actor_excess = big_of(0);
	model->clamp = big_subtract(model->pool, pool);
	for (int metric = 0; metric < model->metric_count; metric++) {
		struct big part = big_divide(
			big_multiply(pool, big_of(model->weights[metric])), big_of(MODEL_ONE));

		shared = big_add(shared, part);
		model_metric(model, metric, part);
	}
	model->dust = big_add(model->dust, big_subtract(pool, shared));
	model_caps(model);
}

#endif
