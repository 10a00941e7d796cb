/* glibc's search tree; its header has a `struct entry` of its own, so core/entry.h stays out. */
#include "cli/import_funds.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "common/limits.h"
#include "core/amount.h"

struct fund {
	struct slice account;
	struct slice asset;
	u128 amount;
	uint8_t text[ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX]; /* both */
};

struct walk {
	import_on_fund *on_fund;
	void *context;
	bool ended;
};

static int compare_slices(struct slice a, struct slice b)
{
	size_t bytes = a.bytes_count < b.bytes_count ? a.bytes_count : b.bytes_count;
	int order = bytes > 0 ? memcmp(a.bytes, b.bytes, bytes) : 0;

	return order != 0 ? order
			  : (a.bytes_count > b.bytes_count) - (a.bytes_count < b.bytes_count);
}

static int compare_funds(const void *left, const void *right)
{
	const struct fund *a = left, *b = right;
	int order = compare_slices(a->account, b->account);

	return order != 0 ? order : compare_slices(a->asset, b->asset);
}

static struct fund *new_fund(const struct fund *probe)
{
	size_t account_bytes = probe->account.bytes_count, asset_bytes = probe->asset.bytes_count;
	struct fund *fund = calloc(1, sizeof *fund);

	assert(account_bytes <= ACCOUNT_BYTES_MAX && asset_bytes <= ASSET_BYTES_MAX);
	if (fund == NULL) {
		return NULL;
	}
	memcpy(fund->text, probe->account.bytes, account_bytes);
	if (asset_bytes > 0) {
		memcpy(fund->text + account_bytes, probe->asset.bytes, asset_bytes);
	}
	fund->account = (struct slice){ fund->text, account_bytes };
	fund->asset = (struct slice){ fund->text + account_bytes, asset_bytes };
	return fund;
}

enum err import_funds_add(
	struct import_funds *funds, struct slice account, struct slice asset, u128 amount)
{
	struct fund probe = { .account = account, .asset = asset };
	struct fund **found = tfind(&probe, &funds->root, compare_funds);

	if (found == NULL) {
		struct fund *fund = new_fund(&probe);

		if (fund == NULL) {
			return ERR_NO_SPACE;
		}
		found = tsearch(fund, &funds->root, compare_funds);
		if (found == NULL) {
			free(fund);
			return ERR_NO_SPACE;
		}
		funds->count++;
	}
	return amount_add((*found)->amount, amount, &(*found)->amount) ? ERR_OK : ERR_TOO_LARGE;
}

static void visit(const void *node, VISIT when, void *context)
{
	const struct fund *fund = *(struct fund *const *)node;
	struct walk *walk = context;

	if ((when == postorder || when == leaf) && !walk->ended) {
		walk->ended =
			!walk->on_fund(walk->context, fund->account, fund->asset, fund->amount);
	}
}

void import_funds_walk(const struct import_funds *funds, import_on_fund *on_fund, void *context)
{
	struct walk walk = { .on_fund = on_fund, .context = context };

	twalk_r(funds->root, visit, &walk);
}

void import_funds_free(struct import_funds *funds)
{
	tdestroy(funds->root, free);
	*funds = (struct import_funds){ 0 };
}
