#include "tests/intent_maker.h"
#include "tests/ledger_world.h"
#include "tests/sim/nights.h"

/* Pay days that go wrong. Runs of the same epochs compete, a rewarder asks again for what it was
 * not told, pools run dry, accounts are frozen, and the node dies with batches in flight. After
 * each crash and at the end: an epoch was paid by one run, whole, once, or not at all; what was
 * acknowledged is there; and the pools have lost exactly that.
 *
 * sim_intent --seed N --cases N: the same seed is the same night. */

#define EPOCHS     6u
#define RUNS       2u /* of each epoch */
#define ACTORS_MAX 30u
#define FLIGHT_MAX 2u
#define STEPS      300u
#define POOL       "sys:reward_pool:acme:ron"

/* What all nights did, so that one that does nothing is seen. */
static struct {
	uint64_t crashes, lost, paid, repeats, conflicts, dry, frozen, parked;
} did;

struct flight {
	uint8_t *bytes;
	size_t bytes_count;
	struct ledger_batch batch;
	int epoch, run; /* that it settles; -1: none */
	uint64_t seq_start;
};

static struct night {
	struct world world;
	struct intent_maker makers[EPOCHS][RUNS];
	int acked[EPOCHS]; /* the run that was acknowledged; -1: none */
	uint64_t acked_start[EPOCHS];
	struct flight flights[FLIGHT_MAX];
	size_t flight_count;
	u128 funded; /* on disk */
	u128 funded_in[FLIGHT_MAX];
	bool rows_are_slow;
} night;

static bool night_row(void *owner, uint64_t seq, struct ledger_row *ret_row)
{
	struct batch_entry row;

	(void)owner;
	for (size_t i = 0; i < night.flight_count; i++) {
		struct flight *flight = &night.flights[i];

		if (seq - flight->batch.first_seq < flight->batch.entry_count) {
			WORLD_REQUIRE(batch_find_entry(
					      (struct slice){ flight->bytes, flight->bytes_count },
					      seq, &row) == ERR_OK);
			*ret_row = (struct ledger_row){ .leaf = row.leaf };
			return true;
		}
	}
	return !night.rows_are_slow && world_row(&night.world, seq, ret_row);
}

/* ---- what happens to batches ---- */

static void take_flight(struct flight *flight)
{
	free(flight->bytes);
	memmove(&night.flights[0], &night.flights[1], sizeof *flight);
	night.funded_in[0] = night.funded_in[1];
	night.flight_count--;
}

static void commit_oldest(void)
{
	struct flight *flight = &night.flights[0];

	if (night.flight_count == 0) {
		return;
	}
	world_commit(
		&night.world, &flight->batch, (struct slice){ flight->bytes, flight->bytes_count });
	night.funded += night.funded_in[0];
	if (flight->epoch >= 0) {
		WORLD_REQUIRE(night.acked[flight->epoch] < 0);
		night.acked[flight->epoch] = flight->run;
		night.acked_start[flight->epoch] = flight->seq_start;
		did.paid++;
	}
	take_flight(flight);
}

/* What is in flight is lost, or was on disk all the same, and nobody was told. */
static void crash(void)
{
	if (chance(2) == 0) {
		commit_oldest();
	}
	while (night.flight_count > 0) {
		did.lost++;
		take_flight(&night.flights[0]);
	}
	world_restart(&night.world);
	did.crashes++;
}

/* The batch that is open goes on its way. */
static void send_off(int epoch, int run, uint64_t seq_start, u128 funds)
{
	struct flight *flight = &night.flights[night.flight_count];

	*flight = (struct flight){ .epoch = epoch, .run = run, .seq_start = seq_start };
	ledger_batch_end(night.world.ledger, 0, &flight->batch);
	flight->bytes_count = night.world.out.used;
	flight->bytes = malloc(flight->bytes_count + 1);
	WORLD_REQUIRE(flight->bytes != NULL);
	memcpy(flight->bytes, night.world.buffer, flight->bytes_count);
	night.funded_in[night.flight_count++] = funds;
}

static void open_batch(void)
{
	while (night.flight_count == FLIGHT_MAX) {
		commit_oldest();
	}
	night.world.now += 1 + chance(1000);
	world_begin(&night.world);
}

/* ---- what happens ---- */

static void fund(void)
{
	u128 amount = 1 + chance(200);
	struct draft mint;
	struct ledger_request request;

	open_batch();
	mint = world_draft(&night.world, ENTRY_MINT, POOL, amount);
	mint.entry.ts_unix_ms = night.world.now;
	request = world_request(&night.world, &mint, 1);
	request.row = night_row;
	world_admit(&night.world, &request);
	if (night.world.verdict.outcome == LEDGER_PARKED) {
		did.parked++;
	}
	send_off(-1, -1, 0, night.world.verdict.new_count == 1 ? amount : 0);
}

static void govern(void)
{
	static const char *const accounts[] = { POOL, "did:ron:actor000000",
		"did:ron:actor000007" };
	struct batch_control control = {
		.kind = chance(3) == 0 ? CONTROL_FREEZE : CONTROL_UNFREEZE,
		.scope = SCOPE_ACCOUNT,
		.value = world_text(accounts[chance(COUNT_OF(accounts))]),
	};

	open_batch();
	WORLD_REQUIRE(ledger_control(night.world.ledger, &control) == ERR_OK);
	send_off(-1, -1, 0, 0);
}

/* Acknowledged, or on its way: the run that an epoch belongs to; -1: none. */
static int owner_of(int epoch, uint64_t *ret_start)
{
	for (size_t i = 0; i < night.flight_count; i++) {
		if (night.flights[i].epoch == epoch) {
			*ret_start = night.flights[i].seq_start;
			return night.flights[i].run;
		}
	}
	*ret_start = night.acked_start[epoch];
	return night.acked[epoch];
}

static void check_refusal(enum detail detail, bool is_owned_by_other)
{
	WORLD_REQUIRE((detail == DETAIL_SETTLED_OTHERWISE) == is_owned_by_other);
	WORLD_REQUIRE(
		is_owned_by_other || detail == DETAIL_INSUFFICIENT || detail == DETAIL_FROZEN);
	did.conflicts += is_owned_by_other ? 1 : 0;
	did.dry += detail == DETAIL_INSUFFICIENT ? 1 : 0;
	did.frozen += detail == DETAIL_FROZEN ? 1 : 0;
}

static void pay(void)
{
	static struct draft drafts[ACTORS_MAX];
	int epoch = (int)chance(EPOCHS), run = (int)chance(RUNS);
	struct intent_maker *maker = &night.makers[epoch][run];
	struct ledger_request request = { .drafts = drafts,
		.draft_count = maker->intent.count,
		.source = SOURCE_REWARD,
		.atomic = true,
		.grant = &night.world.grant,
		.tenant = maker->intent.tenant,
		.epoch = maker->intent.epoch,
		.intent = &maker->intent,
		.row = night_row };
	const struct ledger_verdict *verdict = &night.world.verdict;
	uint64_t start = 0;
	bool is_paid;
	int owner;

	open_batch();
	owner = owner_of(epoch, &start);
	ledger_intent_drafts(night.world.ledger, &maker->intent, intent_maker_allocations(maker), 7,
		world_text(night.world.capability_ref), night.world.now, drafts);
	world_admit(&night.world, &request);
	is_paid = verdict->outcome == LEDGER_JUDGED && verdict->new_count > 0;
	if (verdict->outcome == LEDGER_PARKED) {
		did.parked++;
	} else if (verdict->is_settled_before) {
		WORLD_REQUIRE(owner == run && verdict->seq_start == start);
		did.repeats++;
	} else if (is_paid) {
		WORLD_REQUIRE(owner < 0 && verdict->new_count == maker->intent.count);
		WORLD_REQUIRE(verdict->seq_end - verdict->seq_start + 1 == maker->intent.count);
	} else {
		check_refusal(verdict->first_refusal, owner >= 0 && owner != run);
	}
	send_off(is_paid ? epoch : -1, is_paid ? run : -1, verdict->seq_start, 0);
}

/* ---- what must be so ---- */

/* Told by the entries alone. */
static void check_store(void)
{
	u128 spent = 0, owed = 0;
	uint64_t reward_count = 0, owed_count = 0;

	for (uint64_t seq = 1; seq <= world_size(&night.world); seq++) {
		struct entry entry = world_entry(&night.world, seq);

		if (entry.source == SOURCE_REWARD) {
			spent += entry.amount;
			reward_count++;
		}
	}
	for (size_t i = 0; i < EPOCHS; i++) {
		const struct intent *intent;

		if (night.acked[i] < 0) {
			continue;
		}
		intent = &night.makers[i][night.acked[i]].intent;
		owed += intent->payout_total;
		owed_count += intent->count;
		for (uint32_t k = 0; k < intent->count; k++) {
			struct entry entry = world_entry(&night.world, night.acked_start[i] + k);
			struct id128 nonce;

			intent_nonce(&intent->idempotency_key, entry.counter_account, &nonce);
			WORLD_REQUIRE(memcmp(&nonce, &entry.nonce, sizeof nonce) == 0);
		}
	}
	WORLD_REQUIRE(spent == owed && reward_count == owed_count);
	WORLD_REQUIRE(world_available(&night.world, POOL) == night.funded - owed);
}

static void run_night(uint64_t seed)
{
	chance_state = seed * 0x2545f4914f6cdd1du;
	memset(&night, 0, sizeof night);
	world_create(&night.world, chance(2) == 0 ? UINT64_MAX : 0x3f);
	for (uint32_t i = 0; i < EPOCHS * RUNS; i++) {
		char epoch[32];

		(void)snprintf(epoch, sizeof epoch, "2025-10-%02u", i / RUNS + 1);
		intent_maker_init(&night.makers[i / RUNS][i % RUNS], epoch, i + 1,
			1 + (uint32_t)chance(ACTORS_MAX));
		night.acked[i / RUNS] = -1;
	}
	for (uint32_t step = 0; step < STEPS; step++) {
		uint64_t what = chance(100);

		night.rows_are_slow = chance(20) == 0;
		if (what < 20) {
			fund();
		} else if (what < 30) {
			govern();
		} else if (what < 80) {
			pay();
		} else if (what < 94) {
			commit_oldest();
		} else {
			crash();
			check_store();
		}
	}
	crash();
	check_store();
	WORLD_REQUIRE(world_replays(&night.world));
	world_destroy(&night.world);
	for (uint32_t i = 0; i < EPOCHS * RUNS; i++) {
		intent_maker_finish(&night.makers[i / RUNS][i % RUNS]);
	}
}

int main(int argc, char *argv[])
{
	struct nights nights = { .name = "sim_intent", .seed = 1, .cases = 100 };

	nights_run(&nights, argc, argv, run_night);
	printf("%llu crashes, %llu batches lost, %llu epochs paid, %llu repeats, %llu "
	       "conflicts, %llu dry pools, %llu freezes, %llu parked\n",
		(unsigned long long)did.crashes, (unsigned long long)did.lost,
		(unsigned long long)did.paid, (unsigned long long)did.repeats,
		(unsigned long long)did.conflicts, (unsigned long long)did.dry,
		(unsigned long long)did.frozen, (unsigned long long)did.parked);
	WORLD_REQUIRE(
		nights.cases < 100 ||
		(did.crashes > 0 && did.lost > 0 && did.paid > 0 && did.repeats > 0 &&
			did.conflicts > 0 && did.dry > 0 && did.frozen > 0 && did.parked > 0));
	return 0;
}
