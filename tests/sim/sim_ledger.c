#include "core/order.h"
#include "tests/ledger_world.h"
#include "tests/sim/ledger_model.h"

/* A bad night for the ledger, again and again: random requests against core/, a store that may
 * lose the last batches, and a model that is too simple to be wrong in the same way (arrays,
 * linear search, whole copies instead of a journal). After each batch both have the same
 * balances; after each crash the ledger that is read back is, bit by bit, the one that committed
 * last; clients repeat what was lost, and nothing happens twice.
 *
 * sim_ledger --seed N --cases N: the same seed is the same night. */

/* ---- the night ---- */

/* What all nights did, so that one that does nothing is seen. */
static struct {
	uint64_t crashes;
	uint64_t parked;
	uint64_t repeats;
	uint64_t refusals;
	uint64_t entries[ENTRY_REVERSE + 1];
	uint64_t legs;
	uint64_t expiries;
} did;

static void count_facts(const struct model *model)
{
	for (int i = 0; i < model->fact_count; i++) {
		did.entries[model->facts[i].wish.kind]++;
		did.legs += model->facts[i].group_count > 0 ? 1 : 0;
		did.expiries += model->facts[i].is_expiry ? 1 : 0;
	}
}

struct flight {
	uint8_t *bytes;
	size_t bytes_count;
	struct ledger_batch batch;
	struct model after;
	struct hash digest;
	struct sim_request requests[REQUESTS_MAX];
	int request_count;
};

struct sim {
	struct world world;
	struct model model;
	struct model committed;
	struct hash committed_digest;
	struct flight flights[FLIGHT_MAX];
	int flight_count;
	struct sim_request retries[RETRIES_MAX]; /* lost, to be sent again */
	int retry_count;
	uint32_t ids;
	bool rows_are_slow;
};

static bool sim_row(void *owner, uint64_t seq, struct ledger_row *ret_row)
{
	struct sim *sim = owner;
	struct batch_entry row;

	if (seq <= world_size(&sim->world)) {
		return !sim->rows_are_slow && world_row(&sim->world, seq, ret_row);
	}
	for (int i = 0; i < sim->flight_count; i++) {
		struct flight *flight = &sim->flights[i];
		struct slice records = { flight->bytes, flight->bytes_count };

		if (seq - flight->batch.first_seq < flight->batch.entry_count) {
			WORLD_REQUIRE(batch_find_entry(records, seq, &row) == ERR_OK);
			*ret_row = (struct ledger_row){ .leaf = row.leaf };
			return true;
		}
	}
	abort(); /* the ledger asks for what nobody has */
}

static struct draft to_draft(struct sim *sim, const struct wish *wish, uint32_t idx)
{
	struct draft draft =
		world_draft(&sim->world, wish->kind, account_names[wish->account], wish->amount);

	draft.idx = idx;
	draft.entry.asset = world_text(asset_names[wish->asset]);
	draft.entry.ts_unix_ms = wish->ts;
	draft.entry.expires_unix_ms = wish->expires;
	memset(&draft.entry.id, 0, sizeof draft.entry.id);
	memcpy(&draft.entry.id, &wish->id, sizeof wish->id);
	memset(&draft.entry.nonce, 0, sizeof draft.entry.nonce);
	memcpy(&draft.entry.nonce, &wish->nonce, sizeof wish->nonce);
	memcpy(&draft.entry.original_id, &wish->original_id, sizeof wish->original_id);
	if (wish->counter >= 0) {
		draft.entry.counter_account = world_text(account_names[wish->counter]);
	}
	return draft;
}

static struct wish some_wish(struct sim *sim)
{
	static const enum entry_kind kinds[] = { ENTRY_MINT, ENTRY_MINT, ENTRY_TRANSFER,
		ENTRY_TRANSFER, ENTRY_TRANSFER, ENTRY_BURN, ENTRY_HOLD, ENTRY_HOLD, ENTRY_REVERSE,
		ENTRY_REVERSE, ENTRY_DEBIT, ENTRY_CREDIT };
	struct wish wish = {
		.kind = kinds[chance(COUNT_OF(kinds))],
		.account = (int)chance(ACCOUNTS),
		.counter = -1,
		.asset = (int)chance(ASSETS),
		.amount = 1 + chance(40),
		.ts = sim->world.now + chance(50),
	};

	wish.id = ++sim->ids;
	wish.nonce = wish.id;
	if (wish.kind == ENTRY_TRANSFER) {
		wish.counter = (wish.account + 1 + (int)chance(ACCOUNTS - 1)) % ACCOUNTS;
	}
	if (wish.kind == ENTRY_HOLD && percent(50)) {
		wish.expires = sim->world.now + chance(300);
	}
	return wish;
}

/* One of the last ones, NULL if that is nobody's. */
static const struct fact *some_fact(const struct sim *sim)
{
	uint32_t count = (uint32_t)sim->model.fact_count;
	uint32_t back = chance(count < 200 ? count + 1 : 200);
	const struct fact *fact = back == 0 ? NULL : &sim->model.facts[count - back];

	return fact == NULL || fact->wish.account < 0 ? NULL : fact;
}

/* Refers to something that was done, mostly well. */
static void refer(struct sim *sim, struct wish *wish)
{
	const struct fact *fact;

	fact = some_fact(sim);
	if (fact == NULL) {
		return;
	}
	wish->original_id = fact->wish.id;
	if (percent(90)) {
		wish->account = fact->wish.account;
		wish->asset = fact->wish.asset;
	}
	if (percent(40)) {
		wish->amount = fact->wish.amount;
	}
	if (wish->counter == wish->account) {
		wish->counter = (wish->account + 1) % ACCOUNTS;
	}
}

/* Something that was asked before: the same, or nearly. */
static void repeat(struct sim *sim, struct wish *wish)
{
	const struct fact *fact;

	fact = some_fact(sim);
	if (fact == NULL || fact->is_expiry) {
		return;
	}
	*wish = fact->wish;
	wish->ts = sim->world.now - 1000 - ++sim->ids; /* no ties: canonical bytes are beyond us */
	wish->id = percent(50) ? wish->id : ++sim->ids;
	wish->amount += percent(20) ? 1 : 0;
	wish->nonce += percent(20) ? 1000000 : 0;
}

/* Legs that net, or nearly. */
static void make_group(struct sim *sim, struct sim_request *request)
{
	int asset = (int)chance(ASSETS);
	uint32_t sum = 0;
	int count = 2 + (int)chance(DRAFTS_MAX - 2);

	for (int i = 0; i < count; i++) {
		struct wish *wish = &request->wishes[i];

		*wish = some_wish(sim);
		wish->kind = i < count - 1 ? ENTRY_DEBIT : ENTRY_CREDIT;
		wish->counter = -1;
		wish->expires = 0;
		wish->asset = asset;
		wish->amount = 1 + chance(8);
		if (i == count - 1) {
			wish->amount = sum + (percent(10) ? 1 : 0);
		}
		sum += wish->amount;
	}
	request->wish_count = count;
}

static void make_reversed_group(struct sim *sim, struct sim_request *request)
{
	const struct fact *any = some_fact(sim);

	if (any == NULL || any->group_count == 0 || any->group_count > DRAFTS_MAX ||
		any->wish.kind == ENTRY_REVERSE) {
		return;
	}
	for (uint32_t i = 0; i < any->group_count; i++) {
		const struct fact *leg = &sim->model.facts[any->group_first - 1 + i];
		struct wish wish = some_wish(sim);

		wish.kind = ENTRY_REVERSE;
		wish.counter = -1;
		wish.expires = 0;
		wish.account = leg->wish.account;
		wish.asset = leg->wish.asset;
		wish.amount = leg->wish.amount;
		wish.original_id = leg->wish.id;
		request->wishes[i] = wish;
	}
	request->wish_count = (int)any->group_count - (percent(10) ? 1 : 0);
}

static struct sim_request some_request(struct sim *sim)
{
	struct sim_request request = {
		.wish_count = 1 + (int)chance(DRAFTS_MAX),
		.is_atomic = percent(20),
		.is_dry = percent(8),
	};

	for (int i = 0; i < request.wish_count; i++) {
		struct wish *wish = &request.wishes[i];

		*wish = some_wish(sim);
		if (wish->kind == ENTRY_REVERSE || (wish->kind == ENTRY_TRANSFER && percent(30))) {
			refer(sim, wish);
			if (wish->kind == ENTRY_REVERSE && wish->original_id == 0) {
				wish->kind = ENTRY_MINT;
			}
		}
		if (percent(12)) {
			repeat(sim, wish);
		}
	}
	if (percent(15)) {
		make_group(sim, &request);
	} else if (percent(15)) {
		make_reversed_group(sim, &request);
	}
	return request;
}

/* ---- comparing ---- */

static void compare_balances(struct sim *sim)
{
	for (int k = 0; k < ASSETS; k++) {
		struct batch_balance balance = { 0 };

		(void)ledger_balance(sim->world.ledger, ENTRY_ISSUANCE_ACCOUNT,
			world_text(asset_names[k]), &balance);
		WORLD_REQUIRE(balance.available == (u128)sim->model.issued[k]);
		for (int i = 0; i < ACCOUNTS; i++) {
			balance = (struct batch_balance){ 0 };
			(void)ledger_balance(sim->world.ledger, world_text(account_names[i]),
				world_text(asset_names[k]), &balance);
			WORLD_REQUIRE(balance.available == (u128)sim->model.available[i][k]);
			WORLD_REQUIRE(balance.held == (u128)sim->model.held[i][k]);
		}
	}
	WORLD_REQUIRE(ledger_next_seq(sim->world.ledger) == (uint64_t)sim->model.fact_count + 1);
}

static void compare_answers(
	const struct sim *sim, const struct sim_request *request, const enum answer *answers)
{
	const struct ledger_verdict *verdict = &sim->world.verdict;
	uint32_t accepted = 0;

	for (int i = 0; i < request->wish_count; i++) {
		const struct ledger_result *result = &sim->world.results[i];

		if ((result->detail == DETAIL_NONE) != (answers[i] != REFUSED)) {
			fprintf(stderr, "\n%s by %s: the ledger says \"%s\", the model %d\n",
				entry_kind_name(request->wishes[i].kind),
				account_names[request->wishes[i].account],
				detail_text(result->detail), (int)answers[i]);
			abort();
		}
		did.refusals += result->detail != DETAIL_NONE ? 1 : 0;
		did.repeats += result->is_repeat ? 1 : 0;
		if (result->detail == DETAIL_NONE) {
			WORLD_REQUIRE(result->is_repeat == (answers[i] == REPEATED));
			accepted++;
		}
	}
	if (request->is_dry || (request->is_atomic && verdict->refused_count > 0)) {
		WORLD_REQUIRE(verdict->seq_start == 0);
		return;
	}
	WORLD_REQUIRE(verdict->accepted_count == accepted);
	WORLD_REQUIRE(verdict->seq_end <= verdict->wait_seq);
	WORLD_REQUIRE((verdict->seq_start == 0) == (accepted == 0));
}

/* False: the request was parked. */
static bool run_request(struct sim *sim, const struct sim_request *request)
{
	struct draft drafts[DRAFTS_MAX];
	enum answer answers[DRAFTS_MAX];
	struct ledger_request asked;

	for (int i = 0; i < request->wish_count; i++) {
		drafts[i] = to_draft(sim, &request->wishes[i], (uint32_t)i);
	}
	asked = world_request(&sim->world, drafts, (size_t)request->wish_count);
	asked.atomic = request->is_atomic;
	asked.dry_run = request->is_dry;
	asked.row = sim_row;
	asked.row_owner = sim;
	world_admit(&sim->world, &asked);
	if (sim->world.verdict.outcome == LEDGER_PARKED) {
		WORLD_REQUIRE(sim->rows_are_slow);
		did.parked++;
		return false;
	}
	WORLD_REQUIRE(sim->world.verdict.outcome == LEDGER_JUDGED);
	do_request(&sim->model, request, sim->world.now, answers);
	compare_answers(sim, request, answers);
	return true;
}

static void toggle_freeze(struct sim *sim)
{
	int who = (int)chance(ACCOUNTS);
	bool freeze = !sim->model.is_frozen[who] && percent(30);
	struct batch_control control = {
		.kind = freeze ? CONTROL_FREEZE : CONTROL_UNFREEZE,
		.scope = SCOPE_ACCOUNT,
		.value = world_text(account_names[who]),
	};

	WORLD_REQUIRE(ledger_control(sim->world.ledger, &control) == ERR_OK);
	sim->model.is_frozen[who] = freeze;
}

/* In the order that the sequencer would judge them. */
static void run_requests(
	struct sim *sim, struct sim_request *requests, int request_count, struct flight *flight)
{
	struct draft drafts[REQUESTS_MAX][DRAFTS_MAX];
	const struct draft *smallest[REQUESTS_MAX];
	uint32_t order[REQUESTS_MAX], scratch[REQUESTS_MAX];

	for (int r = 0; r < request_count; r++) {
		for (int i = 0; i < requests[r].wish_count; i++) {
			drafts[r][i] = to_draft(sim, &requests[r].wishes[i], (uint32_t)i);
		}
		smallest[r] = order_smallest(drafts[r], (size_t)requests[r].wish_count);
	}
	order_requests(smallest, (size_t)request_count, order, scratch);
	for (int k = 0; k < request_count; k++) {
		struct sim_request *request = &requests[order[k]];

		if (run_request(sim, request)) {
			flight->requests[flight->request_count++] = *request;
		} else if (sim->retry_count < RETRIES_MAX) {
			sim->retries[sim->retry_count++] = *request;
		}
	}
}

static void run_batch(struct sim *sim)
{
	struct flight *flight = &sim->flights[sim->flight_count];
	struct sim_request requests[REQUESTS_MAX];
	int request_count = 1 + (int)chance(REQUESTS_MAX);

	sim->world.now += chance(100);
	sim->rows_are_slow = percent(10);
	for (int i = 0; i < request_count; i++) {
		if (sim->retry_count > 0 && percent(50)) {
			requests[i] = sim->retries[--sim->retry_count];
		} else {
			requests[i] = some_request(sim);
		}
	}
	flight->request_count = 0;
	world_begin(&sim->world);
	expire(&sim->model, sim->world.now);
	if (percent(5)) {
		toggle_freeze(sim);
	}
	run_requests(sim, requests, request_count, flight);
	compare_balances(sim);
	ledger_batch_end(sim->world.ledger, percent(50) ? 1 : 0, &flight->batch);
	flight->bytes_count = sim->world.out.used;
	flight->bytes = malloc(flight->bytes_count + 1);
	WORLD_REQUIRE(flight->bytes != NULL);
	memcpy(flight->bytes, sim->world.buffer, flight->bytes_count);
	memcpy(&flight->after, &sim->model, sizeof flight->after);
	ledger_digest(sim->world.ledger, &flight->digest);
	sim->flight_count++;
}

/* The store says done to the oldest. */
static void commit_oldest(struct sim *sim)
{
	struct flight *flight = &sim->flights[0];

	world_commit(
		&sim->world, &flight->batch, (struct slice){ flight->bytes, flight->bytes_count });
	memcpy(&sim->committed, &flight->after, sizeof sim->committed);
	sim->committed_digest = flight->digest;
	free(flight->bytes);
	sim->flight_count--;
	memmove(&sim->flights[0], &sim->flights[1], (size_t)sim->flight_count * sizeof *flight);
}

/* Sequencer and committer die. Of what was in flight the store has the first `done` batches,
 * whatever it answered; the clients got no answer and ask again. */
static void crash(struct sim *sim, int done)
{
	struct hash digest;

	did.crashes++;
	for (int i = 0; i < sim->flight_count; i++) {
		for (int r = 0; r < sim->flights[i].request_count; r++) {
			if (sim->retry_count < RETRIES_MAX && !sim->flights[i].requests[r].is_dry) {
				sim->retries[sim->retry_count++] = sim->flights[i].requests[r];
			}
		}
	}
	for (int i = 0; i < done; i++) {
		commit_oldest(sim);
	}
	while (sim->flight_count > 0) {
		free(sim->flights[--sim->flight_count].bytes);
	}
	memcpy(&sim->model, &sim->committed, sizeof sim->model);
	world_restart(&sim->world);
	if (world_size(&sim->world) > 0) {
		ledger_digest(sim->world.ledger, &digest);
		WORLD_REQUIRE(memcmp(&digest, &sim->committed_digest, sizeof digest) == 0);
	}
	compare_balances(sim);
}

/* Accounts that nobody uses, so that those in use lie in chunks far apart, which are written at
 * different times: only then has replay anything to tell apart. To the model they are facts
 * without an account. */
static void spread(struct sim *sim)
{
	struct draft drafts[BATCH_CHUNK_ACCOUNTS];
	char names[BATCH_CHUNK_ACCOUNTS][16];
	struct ledger_request request;

	for (int place = 0; place < SPREAD; place++) {
		struct sim_request mint = { .wish_count = 1 };
		struct wish nobody = { .kind = ENTRY_MINT, .account = -1, .amount = 1 };

		mint.wishes[0] = some_wish(sim);
		mint.wishes[0].kind = ENTRY_MINT;
		mint.wishes[0].account = place;
		mint.wishes[0].counter = -1;
		mint.wishes[0].expires = 0;
		world_begin(&sim->world);
		WORLD_REQUIRE(run_request(sim, &mint));
		for (size_t i = 0; i < COUNT_OF(drafts); i++) {
			(void)snprintf(names[i], sizeof names[i], "%d-%d", place, (int)i);
			drafts[i] = world_draft(&sim->world, ENTRY_MINT, names[i], 1);
			drafts[i].entry.asset = world_text("dust");
			memset(&drafts[i].entry.id, 0xff, sizeof drafts[i].entry.id);
			nobody.id = UINT32_MAX - (uint32_t)sim->model.fact_count;
			memcpy(&drafts[i].entry.id, &nobody.id, sizeof nobody.id);
			(void)add_fact(&sim->model, &nobody, -1);
		}
		request = world_request(&sim->world, drafts, COUNT_OF(drafts));
		world_admit(&sim->world, &request);
		WORLD_REQUIRE(sim->world.verdict.new_count == COUNT_OF(drafts));
		(void)world_end(&sim->world, 0);
	}
	memcpy(&sim->committed, &sim->model, sizeof sim->committed);
	ledger_digest(sim->world.ledger, &sim->committed_digest);
}

static void run_night(uint64_t seed)
{
	static struct sim sim;

	chance_state = seed;
	memset(&sim, 0, sizeof sim);
	world_create(&sim.world, percent(50) ? 0xff : UINT64_MAX);
	ledger_digest(sim.world.ledger, &sim.committed_digest);
	if (percent(50)) {
		spread(&sim);
	}
	for (int batch = 0; batch < 60; batch++) {
		run_batch(&sim);
		if (percent(10)) {
			crash(&sim, (int)chance((uint32_t)sim.flight_count + 1));
		} else if (sim.flight_count == FLIGHT_MAX || percent(60)) {
			commit_oldest(&sim);
		}
	}
	crash(&sim, sim.flight_count);
	count_facts(&sim.model);
	world_destroy(&sim.world);
}

/* ---- batch borders mean nothing ---- */

static void run_stream(uint64_t seed, uint32_t borders, struct hash *ret_root)
{
	static struct sim sim;
	static struct sim_request request;
	uint64_t border_state = seed + borders;
	uint64_t saved;

	chance_state = seed;
	memset(&sim, 0, sizeof sim);
	world_create(&sim.world, UINT64_MAX);
	world_begin(&sim.world);
	for (int i = 0; i < 100; i++) {
		request = some_request(&sim);
		for (int k = 0; k < request.wish_count; k++) {
			request.wishes[k].expires = 0; /* time passes between batches only */
		}
		(void)run_request(&sim, &request);
		saved = chance_state;
		chance_state = border_state;
		if (chance(borders) == 0) {
			(void)world_end(&sim.world, 0);
			world_begin(&sim.world);
		}
		border_state = chance_state;
		chance_state = saved;
	}
	(void)world_end(&sim.world, 0);
	merkle_frontier_root(&sim.world.store.tree, ret_root);
	world_destroy(&sim.world);
}

static void run_case(uint64_t seed)
{
	struct hash one, many;

	run_night(seed);
	run_stream(seed, 1, &one);
	run_stream(seed, 20, &many);
	WORLD_REQUIRE(memcmp(&one, &many, sizeof one) == 0);
}

int main(int argc, char *argv[])
{
	struct nights nights = { .name = "sim_ledger", .seed = 1, .cases = 100 };

	nights_run(&nights, argc, argv, run_case);
	printf("%llu crashes, %llu parked, %llu repeats, %llu refusals\n",
		(unsigned long long)did.crashes, (unsigned long long)did.parked,
		(unsigned long long)did.repeats, (unsigned long long)did.refusals);
	for (unsigned kind = ENTRY_CREDIT; kind <= ENTRY_REVERSE; kind++) {
		printf("%s %llu, ", entry_kind_name(kind), (unsigned long long)did.entries[kind]);
	}
	printf("in groups %llu, expired %llu\n", (unsigned long long)did.legs,
		(unsigned long long)did.expiries);
	return 0;
}
