/* A bad night for money under /v1, again and again: the real wallet and the real sequencer, random
 * clients before them and behind them a committer and an archive that are only a store in memory.
 * Everything is late, replies are lost, clients lose patience and ask again, keys are used twice,
 * the clock jumps, disks are full, and everybody dies. What must be true of every answer and of
 * every entry all the same stands in wallet_checks.h; what an operation does, in wallet_model.h.
 *
 * sim_wallet --seed N --cases N: the same seed is the same night; no time is waited for. */
#include "tests/sim/wallet_clients.h"
#include "tests/sim/wallet_peers.h"

#define STEPS        800
#define DRAIN_STEPS  200000
#define QUIET_ROUNDS 200

#define NIGHT_UNIX_MS 1800000000000
#define NIGHT_MONO_MS 5000000

/* ---- the night ---- */

static const struct {
	unsigned from, to;
} links[] = {
	{ PROCESS_PREVALIDATOR, PROCESS_WALLET },
	{ PROCESS_WALLET, PROCESS_SEQUENCER },
	{ PROCESS_SEQUENCER, PROCESS_WALLET },
	{ PROCESS_SEQUENCER, PROCESS_COMMITTER },
	{ PROCESS_COMMITTER, PROCESS_SEQUENCER },
	{ PROCESS_WALLET, PROCESS_ARCHIVE },
	{ PROCESS_ARCHIVE, PROCESS_WALLET },
	{ PROCESS_SEQUENCER, PROCESS_ARCHIVE },
	{ PROCESS_ARCHIVE, PROCESS_SEQUENCER },
	{ PROCESS_WALLET, PROCESS_INGRESS },
};

static void hand_over(unsigned from, unsigned to)
{
	if (to == PROCESS_COMMITTER) {
		be_committer();
	} else if (to == PROCESS_ARCHIVE) {
		be_archive(from);
	} else if (to == PROCESS_INGRESS) {
		be_client();
	} else if (from == PROCESS_PREVALIDATOR) {
		hand_to_wallet();
	} else {
		if (from == PROCESS_COMMITTER) {
			hear();
		}
		sim_mesh_deliver(from, to);
		watch();
	}
}

/* On some link, as many frames as are read in one turn. False: there is none anywhere. */
static bool deliver_some(void)
{
	size_t due[COUNT_OF(links)], due_count = 0, link;
	uint32_t frames = 1 + chance(3);

	for (size_t i = 0; i < COUNT_OF(links); i++) {
		if (sim_mesh_is_due(links[i].from, links[i].to)) {
			due[due_count++] = i;
		}
	}
	if (due_count == 0) {
		return false;
	}
	link = due[chance((uint32_t)due_count)];
	while (frames-- > 0 && sim_mesh_is_due(links[link].from, links[link].to)) {
		hand_over(links[link].from, links[link].to);
	}
	sim_mesh_turn(links[link].to);
	watch();
	return true;
}

static void tick(void)
{
	if (sim_mesh_is_alive(PROCESS_SEQUENCER)) {
		sim_sequencer_tick();
	}
	if (sim_mesh_is_alive(PROCESS_WALLET)) {
		sim_wallet_tick();
		watch();
	}
}

static void jump(int64_t by_ms)
{
	int64_t day = sim_unix_ms / DAY_MS;

	sim_unix_ms += by_ms;
	did[KIND_DAYS] += sim_unix_ms / DAY_MS > day ? 1 : 0;
	did[KIND_SETBACKS] += by_ms < 0 ? 1 : 0;
	if (night.jump_count < JUMPS_MAX) {
		night.jumps[night.jump_count] = sim_unix_ms;
		night.jump_steps[night.jump_count++] = night.step;
	}
}

/* Who is refused, or told nothing, in these steps was so rightly; and how late it ever was. */
static void note_trouble(void)
{
	if (night.highest_unix_ms < sim_unix_ms) {
		night.highest_unix_ms = sim_unix_ms;
	}
	if (!sim_wallet_is_serving() || !sim_sequencer_is_serving()) {
		night.down_step = night.step;
	}
	if (night.is_full || !sim_sequencer_is_serving()) {
		night.full_step = night.step;
	}
}

static void pass_time(void)
{
	int64_t passed = percent(4) ? 1 + chance(500) : 1 + chance(3);

	sim_mono_ms += passed;
	sim_unix_ms += passed;
	if (night.jump_count < JUMPS_MAX && chance(60) == 0) {
		jump(percent(50)      ? chance(DAY_MS / 2)
			: percent(60) ? chance(4000000)
				      : -(int64_t)chance(4000000));
	}
	note_trouble();
}

static void step(void)
{
	uint32_t what = chance(100);

	night.step++;
	pass_time();
	if (what < 17) {
		ask_wish();
	} else if (what < 23) {
		ask_balance();
	} else if (what < 29) {
		tick();
	} else {
		(void)deliver_some();
	}
	kill_some();
	note_trouble();
	revive(12);
}

static bool is_anybody_waiting(void)
{
	uint32_t wallet = sim_mesh_generation(PROCESS_WALLET);

	for (int i = 0; i < night.attempt_count; i++) {
		const struct attempt *attempt = &night.attempts[i];

		if (attempt->wallet == wallet && attempt->told == UNTOLD && !attempt->is_orphan) {
			return true;
		}
	}
	for (int i = 0; i < night.read_count; i++) {
		if (night.reads[i].wallet == wallet && !night.reads[i].is_told) {
			return true;
		}
	}
	return !sim_wallet_is_serving() || !sim_sequencer_is_serving();
}

/* Until nothing is under way and everybody has his answer. */
static void calm_down(void)
{
	int quiet = 0;

	night.is_calm = true;
	for (int i = 0; i < DRAIN_STEPS; i++) {
		night.step++;
		note_trouble();
		revive(100);
		if (deliver_some()) {
			continue;
		}
		if (!is_anybody_waiting()) {
			return;
		}
		if (quiet++ == QUIET_ROUNDS) {
			break;
		}
		sim_mono_ms += 100;
		sim_unix_ms += 100;
		tick();
	}
	violated("every request is answered", "one was not");
}

/* ---- the morning ---- */

/* What it is told now that nothing is lost. What an edge that died had asked may still be under
 * way, and take the place. */
static const struct attempt *ask_again(int wish)
{
	const struct attempt *attempt;
	int rounds = 0;

	do {
		attempt = send_wish(wish);
		WORLD_REQUIRE(attempt != NULL && rounds++ < QUIET_ROUNDS);
		calm_down();
		sim_mono_ms += 100;
		tick();
	} while (attempt->told == API_REASON_IN_PROGRESS || attempt->told == API_REASON_QUEUE_FULL);
	if (night.model.seqs[wish] != 0 && attempt->told != API_REASON_NONE &&
		attempt->told != API_REASON_IDEM_MISMATCH) {
		violated("what is done is told for ever", "%s was told %s", name_of(wish),
			api_reasons_name((unsigned)attempt->told));
	}
	return attempt;
}

static bool is_unknown(int wish)
{
	for (int i = 0; i < night.attempt_count; i++) {
		const struct attempt *attempt = &night.attempts[i];

		if (attempt->wish == wish && attempt->told == API_REASON_NONE) {
			return false;
		}
	}
	return true;
}

static void resolve_all(void)
{
	for (int wish = 0; wish < night.model.wish_count; wish++) {
		bool was_done = night.model.seqs[wish] != 0;

		if (!is_unknown(wish) || (!was_done && percent(70))) {
			continue;
		}
		if (ask_again(wish)->told == API_REASON_NONE) {
			did[was_done ? KIND_RESOLVED_DONE : KIND_RESOLVED_UNDONE]++;
		}
	}
}

static void replay_all(void)
{
	for (int wish = 0; wish < night.model.wish_count; wish++) {
		if (night.model.seqs[wish] != 0) {
			(void)ask_again(wish);
		}
	}
}

static void compare_with_ledger(void)
{
	const struct state *state = &night.model.states[night.model.size];

	for (int account = 0; account < ACCOUNTS; account++) {
		struct slice name = world_text(account_names[account]);
		uint64_t debit, issue;

		sim_sequencer_lanes(name, &debit, &issue);
		if (debit != state->lanes[account][0] || issue != state->lanes[account][1]) {
			violated("nonces of a lane are 1 to n", "%s", account_names[account]);
		}
		for (int asset = 0; asset < ASSETS; asset++) {
			struct batch_balance balance =
				sim_sequencer_balance(name, world_text(asset_names[asset]));

			if (balance.available != (u128)state->available[account][asset] ||
				balance.held != (u128)state->held[account][asset]) {
				violated("balances are what was done", "%s, %s",
					account_names[account], asset_names[asset]);
			}
		}
	}
}

/* ---- */

static void seal_grant(void)
{
	static uint8_t bytes[GRANT_BYTES_MAX];
	struct grant open = { .kms_generation = 1,
		.tenant = ENTRY_VIEW(CAVEAT_TENANT_DEFAULT),
		.key_id = 7,
		.capability_id = { { 0xab } },
		.exp_mono_ms = UINT64_MAX,
		.peer = GRANT_PEER_TCP };

	caveat_set_init(&open.caveats);
	WORLD_REQUIRE(
		grant_seal(&open, &grant_key, bytes, sizeof bytes, &grant.bytes_count) == ERR_OK);
	grant.bytes = bytes;
}

static void plan_night(void)
{
	struct config *config = &sim_workers_plan.config;

	config->engine_batch_max_entries = 64;
	config->wallet_max_amount_per_op = OP_MAX;
	config->wallet_daily_ceiling = CEILING;
	config->wallet_max_account_total = TOTAL_MAX;
	config->wallet_idem_capacity = percent(30) ? 4 + chance(12) : 1000;
	config->wallet_idempotency_ttl_ms = percent(50) ? 3600000 : 400;
	config->wallet_staleness_window_ms = percent(50) ? 250 : 20;
	config->wallet_degraded_stale_max_ms = percent(50) ? 300000 : 300;
	sim_workers_plan.fingerprint_mask = percent(30) ? 0xf : UINT64_MAX;
	sim_workers_plan.second_batch_entries = 1 + chance(3);
	sim_workers_plan.issued_names = asset_names;
	night.busy_share = percent(30) ? 60 : 10;
	night.has_small_windows = percent(20);
	if (night.has_small_windows) {
		sim_mesh_set_window(PROCESS_WALLET, PROCESS_SEQUENCER, 1 + chance(4));
		sim_mesh_set_window(PROCESS_WALLET, PROCESS_ARCHIVE, 1);
	}
}

static void begin_night(uint64_t seed)
{
	chance_state = seed;
	memset(&night, 0, sizeof night);
	merkle_frontier_init(&night.world.store.tree, MERKLE_SHA256);
	sim_unix_ms = NIGHT_UNIX_MS + chance(DAY_MS);
	night.highest_unix_ms = sim_unix_ms;
	sim_mono_ms = NIGHT_MONO_MS;
	sim_mesh_init(seed);
	plan_night();
	sim_mesh_start(PROCESS_PREVALIDATOR, NULL, NULL);
	sim_mesh_start(PROCESS_INGRESS, NULL, NULL);
	sim_mesh_start(PROCESS_KMS, NULL, NULL);
	start_archive();
	start_pair();
	sim_wallet_start();
}

static void end_night(void)
{
	if (sim_mesh_is_alive(PROCESS_WALLET)) {
		sim_wallet_kill();
	}
	sim_sequencer_kill();
	sim_mesh_finish();
	for (size_t i = 0; i < COUNT_OF(night.world.store.tables); i++) {
		world_rows_free(&night.world.store.tables[i]);
	}
	world_rows_free(&night.world.store.batch_ts);
}

static void run_night(uint64_t seed)
{
	begin_night(seed);
	for (int i = 0; i < STEPS; i++) {
		step();
	}
	calm_down();
	resolve_all();
	kill_wallet();
	calm_down();
	replay_all();
	compare_with_ledger();
	kill_pair(); /* and from disk */
	calm_down();
	compare_with_ledger();
	end_night();
}

static bool report(void)
{
	static const char *const texts[KIND_COUNT] = {
#define AS_TEXT(NAME, text) [KIND_##NAME] = (text),
		KINDS(AS_TEXT)
#undef AS_TEXT
	};
	static const enum api_reason others[] = { API_REASON_OUTCOME_UNKNOWN,
		API_REASON_LEDGER_DOWN, API_REASON_TIMEOUT, API_REASON_DISK_FULL,
		API_REASON_QUEUE_FULL, API_REASON_IN_PROGRESS, API_REASON_IDEM_MISMATCH };
	bool all_happened = true;

	for (int i = 0; i < KIND_COUNT; i++) {
		printf("%s: %llu\n", texts[i], (unsigned long long)did[i]);
		all_happened = all_happened && did[i] > 0;
	}
	for (int i = 1; i < API_REASON_COUNT; i++) {
		if (did_refuse[i] > 0) {
			printf("refused, %s: %llu\n", api_reasons_name((unsigned)i),
				(unsigned long long)did_refuse[i]);
		}
	}
	for (size_t i = 0; i < COUNT_OF(judged_reasons); i++) {
		/* an expired hold is closed before anything else of its batch, but in a crowd */
		all_happened =
			all_happened && (did_refuse[judged_reasons[i]] > 0 ||
						judged_reasons[i] == API_REASON_HOLD_EXPIRED);
	}
	for (size_t i = 0; i < COUNT_OF(others); i++) {
		all_happened = all_happened && did_refuse[others[i]] > 0;
	}
	return all_happened;
}

int main(int argc, char *argv[])
{
	static struct config_load load;
	struct nights nights = { .name = "sim_wallet", .seed = 1, .cases = 1000 };

	config_init(&load);
	sim_workers_plan.config = load.config;
	config_resolve(&sim_workers_plan.config, 2);
	sim_workers_init();
	seal_grant();
	nights_run(&nights, argc, argv, run_night);
	if (!report() && nights.cases >= 100) {
		fprintf(stderr, "something of this never happened\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
