#ifndef TESTS_SIM_WALLET_CHECKS_H
#define TESTS_SIM_WALLET_CHECKS_H

/* What a night knows of its requests, and what must be true of everything that is told and of
 * everything that is stored. Each property has its name; a violation says it with seed and step.
 * Included by sim_wallet.c alone. */

#include <stdarg.h>
#include <stdnoreturn.h>

#include "proto/verbs.h"
#include "tests/sim/sim_mesh.h"
#include "tests/sim/sim_workers.h"
#include "tests/sim/wallet_model.h"

enum {
	ATTEMPTS_MAX = 1600,
	READS_MAX = 400,
	READ_TICKETS = 1 << 20, /* those of reads begin here */
	UNTOLD = API_REASON_COUNT,
};

/* One request of a wish. */
struct attempt {
	int wish;
	uint32_t wallet; /* generation of the one that took it; 0: none did */
	uint32_t sent_step;
	uint64_t sent_size;
	int64_t sent_unix_ms, deadline_mono_ms;
	bool has_id, is_submitted;
	bool is_orphan;         /* its edge died before it was told */
	uint32_t given_up_step; /* when it was told "unknown", or lost */
	struct id128 id;
	uint64_t seq; /* the entry that it became */
	int told;     /* enum api_reason, or UNTOLD */
	bool told_replayed;
};

struct read {
	int account, asset;
	uint64_t floor; /* the newest entry of that balance that had been told when it was sent */
	int64_t sent_mono_ms;
	bool is_told;
	uint32_t wallet;
};

/* What a key stands for, as the wallet of now must know it. */
enum slot_state { SLOT_NONE, SLOT_CLAIMED, SLOT_UNKNOWN, SLOT_DONE };
struct slot {
	enum slot_state state, before; /* before it was claimed */
	int wish;
	bool is_unseen; /* an end of it was told to nobody */
	int64_t until_unix_ms;
	int64_t until_anew_unix_ms; /* had it been evicted before it was claimed last */
};

/* When the sequencer had heard that so much is on disk. */
struct heard {
	int64_t mono_ms;
	uint64_t size;
};

struct night {
	uint32_t step;
	struct model model;
	struct world world; /* its store alone */
	struct attempt attempts[ATTEMPTS_MAX];
	int attempt_count;
	struct read reads[READS_MAX];
	int read_count;
	struct slot slots[ACCOUNTS][KEYS];
	uint32_t claims; /* of this wallet */
	uint64_t told_new[ENTRIES_MAX + 1];
	uint64_t told_newest[ACCOUNTS][ASSETS];
	struct heard heards[ENTRIES_MAX * 4];
	int heard_count;
	struct id128 id_highest;  /* of what is stored */
	int64_t highest_unix_ms;  /* that the clock ever said */
	int64_t jumps[JUMPS_MAX]; /* the clock was set to */
	uint32_t jump_steps[JUMPS_MAX];
	int jump_count;
	uint32_t down_step, full_step; /* the last with that */
	bool is_full;                  /* the disk */
	uint64_t state_no;             /* of the last stream */
	bool is_calm;                  /* nothing is lost any more */
	uint32_t busy_share;           /* of what archive cannot read now, in percent */
	bool has_small_windows;
};
static struct night night;

/* What all nights did, so that one that does nothing is seen. */
#define KINDS(K)                                               \
	K(WALLET_DEATHS, "deaths of the wallet")               \
	K(PAIR_DEATHS, "deaths of sequencer and committer")    \
	K(ARCHIVE_DEATHS, "deaths of archive")                 \
	K(EDGE_DEATHS, "deaths of the edge")                   \
	K(PREVALIDATOR_DEATHS, "deaths of the prevalidator")   \
	K(LOST_BATCHES, "batches lost in flight")              \
	K(FULL_DISKS, "full disks")                            \
	K(STREAMS, "states streamed anew to one who lives")    \
	K(TWO_IN_FLIGHT, "two batches in flight")              \
	K(PARKED, "requests parked for rows")                  \
	K(LOST_REPLIES, "replies lost")                        \
	K(DONE, "done")                                        \
	K(REPLAYS, "replays")                                  \
	K(REPLAYS_RESTARTED, "replays by a later wallet")      \
	K(REPLAYS_OVER, "replays of a key whose time was up")  \
	K(REPLAYS_EVICTED, "replays where keys were evicted")  \
	K(RESOLVED_DONE, "unknown that had been done")         \
	K(RESOLVED_UNDONE, "unknown that had not been done")   \
	K(EXPIRIES, "expired holds")                           \
	K(DAYS, "days that ended")                             \
	K(SETBACKS, "clocks set back")                         \
	K(BALANCES, "balances told")                           \
	K(OWN_WRITES, "balances told after a write of theirs") \
	K(STALE_BALANCES, "balances told stale")               \
	K(REFUSED_BALANCES, "balances refused")
enum kind {
#define AS_ENUM(NAME, text) KIND_##NAME,
	KINDS(AS_ENUM)
#undef AS_ENUM
		KIND_COUNT
};
static uint64_t did[KIND_COUNT];
static uint64_t did_refuse[API_REASON_COUNT];

static noreturn __attribute__((format(printf, 2, 3))) void violated(
	const char *property, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "seed %llu, step %u: %s: ", (unsigned long long)nights_tonight, night.step,
		property);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fprintf(stderr, "\n");
	abort();
}

static const char *name_of(int wish)
{
	static char text[200];
	const struct wish *at = &night.model.wishes[wish];

	(void)snprintf(text, sizeof text,
		"wish %d (%s of %u %s by %s, nonce %llu, key k%d, seq %llu)", wish,
		operation_name(at->kind), at->amount, asset_names[at->asset],
		account_names[principal(at)], (unsigned long long)at->nonce, at->key,
		(unsigned long long)night.model.seqs[wish]);
	return text;
}

/* ---- what is stored ---- */

static struct attempt *attempt_of(const struct id128 *id)
{
	for (int i = night.attempt_count - 1; i >= 0; i--) {
		struct attempt *attempt = &night.attempts[i];

		if (attempt->has_id && memcmp(&attempt->id, id, sizeof *id) == 0) {
			return attempt;
		}
	}
	violated("nothing happens by itself", "an entry has an id that nobody gave");
}

/* The client was told "unknown" or nothing, asked again, and was refused: that was the end. */
static void check_end_was_final(const struct attempt *attempt)
{
	for (const struct attempt *later = attempt + 1;
		later < night.attempts + night.attempt_count; later++) {
		if (later->wish == attempt->wish && attempt->given_up_step != 0 &&
			attempt->given_up_step < later->sent_step && later->told != UNTOLD &&
			is_judged((enum api_reason)later->told)) {
			violated("a retry tells the end of what was unknown",
				"%s was refused with %s, and is done now", name_of(attempt->wish),
				api_reasons_name((unsigned)later->told));
		}
	}
}

static void check_receipt(uint64_t seq, const struct batch_entry *row, const struct entry *entry)
{
	char text[2048];
	size_t bytes_count = print_receipt(&night.model, seq, entry, text);

	if (row->receipt.bytes_count != bytes_count ||
		memcmp(row->receipt.bytes, text, bytes_count) != 0) {
		violated("a receipt tells what was done", "%.*s\nis not\n%s",
			(int)row->receipt.bytes_count, (const char *)row->receipt.bytes, text);
	}
}

static void take_wish(
	uint64_t seq, const struct batch_entry *row, const struct entry *entry, int64_t batch_ts)
{
	struct attempt *attempt = attempt_of(&entry->id);
	int wish = attempt->wish;
	enum api_reason reason = why_not(&night.model, seq - 1, wish, batch_ts);

	if (night.model.seqs[wish] != 0) {
		violated("done once", "%s is done again as %llu", name_of(wish),
			(unsigned long long)seq);
	}
	if (reason != API_REASON_NONE) {
		violated("only what is allowed is done", "%s: %s", name_of(wish),
			api_reasons_name(reason));
	}
	if (attempt->told != UNTOLD && attempt->told != API_REASON_OUTCOME_UNKNOWN) {
		violated("no phantom success", "%s is done, and was told %s", name_of(wish),
			api_reasons_name((unsigned)attempt->told));
	}
	check_end_was_final(attempt);
	attempt->seq = seq;
	if (memcmp(&entry->id, &night.id_highest, sizeof entry->id) > 0) {
		night.id_highest = entry->id;
	}
	add_wish(
		&night.model, (struct fact){ .wish = wish, .id = entry->id, .batch_ts = batch_ts });
	check_receipt(seq, row, entry);
}

static void take_expiry(const struct entry *entry, int64_t batch_ts)
{
	const struct wish *hold = wish_of(&night.model, entry->original_seq);

	if (hold == NULL || hold->kind != OPERATION_HOLD || hold->expires == 0 ||
		(int64_t)hold->expires > batch_ts) {
		violated("only what is allowed is done", "%llu is no hold that expired",
			(unsigned long long)entry->original_seq);
	}
	did[KIND_EXPIRIES]++;
	add_expiry(&night.model,
		(struct fact){ .wish = NOBODY, .id = entry->id, .batch_ts = batch_ts },
		entry->original_seq);
}

static void take_entry(uint64_t seq, int64_t batch_ts)
{
	struct batch_entry row = world_entry_row(&night.world, seq);
	struct entry entry = world_entry(&night.world, seq);

	if (entry.source == SOURCE_V1) {
		take_wish(seq, &row, &entry, batch_ts);
	} else {
		take_expiry(&entry, batch_ts);
	}
	if (!is_sound(&night.model.states[seq])) {
		violated("no balance below zero, and sums are zero", "after entry %llu",
			(unsigned long long)seq);
	}
}

/* Whatever the clock says, and whoever died: what is done later has a later txid. */
static void check_id(const struct attempt *attempt)
{
	if (memcmp(&attempt->id, &night.id_highest, sizeof attempt->id) <= 0) {
		violated("txids rise", "%s", name_of(attempt->wish));
	}
}

/* ---- keys ---- */

static struct slot *slot_of(int wish)
{
	const struct wish *at = &night.model.wishes[wish];

	return &night.slots[principal(at)][at->key];
}

static bool stands(const struct slot *slot)
{
	return slot->state == SLOT_CLAIMED ||
	       (slot->state != SLOT_NONE && slot->until_unix_ms > sim_unix_ms);
}

static bool may_be_evicted(void)
{
	return night.claims > (uint32_t)sim_workers_plan.config.wallet_idem_capacity;
}

/* Nor was it over before the clock was set back, and forgotten then. */
static bool stands_surely(const struct slot *slot)
{
	return stands(slot) && !may_be_evicted() &&
	       (slot->state == SLOT_CLAIMED || slot->until_unix_ms > night.highest_unix_ms);
}

/* The wallet passed it on to the ledger. */
static void check_claim(const struct attempt *attempt)
{
	struct slot *slot = slot_of(attempt->wish);

	if (slot->is_unseen) {
		return;
	}
	if (slot->state == SLOT_CLAIMED) {
		violated("a key is in use once", "%s while wish %d is", name_of(attempt->wish),
			slot->wish);
	}
	if (stands_surely(slot) && slot->wish != attempt->wish) {
		violated("a key stands for one wish", "%s, but it stands for wish %d",
			name_of(attempt->wish), slot->wish);
	}
	if (!stands(slot) || slot->wish != attempt->wish) {
		*slot = (struct slot){ .wish = attempt->wish };
	}
	slot->before = slot->state;
	slot->state = SLOT_CLAIMED;
}

/* A refusal that the ledger judged ends an unknown one, too; any other says nothing of it. */
static void settle_key(const struct attempt *attempt)
{
	struct slot *slot = slot_of(attempt->wish);
	bool is_done = attempt->told == API_REASON_NONE;

	slot->until_anew_unix_ms = sim_unix_ms + sim_workers_plan.config.wallet_idempotency_ttl_ms;
	if (slot->before == SLOT_DONE) {
		slot->state = SLOT_DONE;
	} else if (is_done || attempt->told == API_REASON_OUTCOME_UNKNOWN) {
		slot->until_unix_ms = slot->until_anew_unix_ms;
		slot->state = is_done ? SLOT_DONE : SLOT_UNKNOWN;
	} else {
		slot->state = is_judged((enum api_reason)attempt->told) ? SLOT_NONE : slot->before;
	}
}

/* ---- what is told ---- */

static uint64_t receipt_seq(struct slice receipt)
{
	static const char name[] = ",\"seq\":";

	for (size_t at = 0; at + sizeof name < receipt.bytes_count; at++) {
		if (memcmp(receipt.bytes + at, name, sizeof name - 1) == 0) {
			return strtoull(
				(const char *)receipt.bytes + at + sizeof name - 1, NULL, 10);
		}
	}
	return 0;
}

static void count_replay(const struct attempt *attempt)
{
	const struct slot *slot = slot_of(attempt->wish);
	bool is_of_now = false;

	did[KIND_REPLAYS]++;
	for (int i = 0; i < night.attempt_count; i++) {
		const struct attempt *first = &night.attempts[i];

		is_of_now |= first->wish == attempt->wish && first->told == API_REASON_NONE &&
			     first != attempt && first->wallet == attempt->wallet;
	}
	did[KIND_REPLAYS_RESTARTED] += is_of_now ? 0 : 1;
	did[KIND_REPLAYS_OVER] +=
		is_of_now && slot->before == SLOT_NONE && !may_be_evicted() ? 1 : 0;
	did[KIND_REPLAYS_EVICTED] += is_of_now && may_be_evicted() ? 1 : 0;
}

static void told_done(struct attempt *attempt, const struct oap_wallet_result *result)
{
	const struct wish *wish = &night.model.wishes[attempt->wish];
	uint64_t seq = receipt_seq(result->receipt);
	struct batch_entry row;

	if (seq == 0 || seq > night.model.size) {
		violated("what is told is on disk", "%s as %llu of %llu", name_of(attempt->wish),
			(unsigned long long)seq, (unsigned long long)night.model.size);
	}
	row = world_entry_row(&night.world, seq);
	if (!entry_views_equal(row.receipt, result->receipt)) {
		violated("a receipt is the stored one, byte for byte", "%.*s",
			(int)result->receipt.bytes_count, (const char *)result->receipt.bytes);
	}
	if (night.model.facts[seq].wish != attempt->wish) {
		violated("a receipt is its own", "%s was told of %llu", name_of(attempt->wish),
			(unsigned long long)seq);
	}
	if (result->replayed == 0 && (attempt->seq != seq || night.told_new[seq]++ > 0)) {
		violated("new is told once, to who did it", "%s", name_of(attempt->wish));
	}
	did[KIND_DONE] += result->replayed == 0 ? 1 : 0;
	if (result->replayed == 1) {
		count_replay(attempt);
	}
	if (wish->from != NOBODY && night.told_newest[wish->from][wish->asset] < seq) {
		night.told_newest[wish->from][wish->asset] = seq;
	}
	if (wish->to != NOBODY && night.told_newest[wish->to][wish->asset] < seq) {
		night.told_newest[wish->to][wish->asset] = seq;
	}
}

/* Of some state that there was meanwhile, at some time that it was meanwhile. */
static bool was_reason_true(const struct attempt *attempt, enum api_reason reason)
{
	for (uint64_t size = attempt->sent_size; size <= night.model.size; size++) {
		if (is_reason_true(&night.model, size, attempt->wish, reason, sim_unix_ms) ||
			is_reason_true(
				&night.model, size, attempt->wish, reason, night.highest_unix_ms) ||
			is_reason_true(
				&night.model, size, attempt->wish, reason, attempt->sent_unix_ms)) {
			return true;
		}
		for (int i = 0; i < night.jump_count; i++) {
			if (night.jump_steps[i] >= attempt->sent_step &&
				is_reason_true(&night.model, size, attempt->wish, reason,
					night.jumps[i])) {
				return true;
			}
		}
	}
	return false;
}

static void check_lane_last(const struct attempt *attempt, const struct oap_wallet_result *result)
{
	const struct wish *wish = &night.model.wishes[attempt->wish];
	const struct state *then = &night.model.states[attempt->sent_size];
	const struct state *now = &night.model.states[night.model.size];
	uint64_t last = result->lane_last;

	if (result->has_lane_last == 0 || last < then->lanes[principal(wish)][lane(wish)] ||
		last > now->lanes[principal(wish)][lane(wish)] ||
		(result->api_reason == API_REASON_NONCE_GAP ? wish->nonce <= last + 1
							    : wish->nonce > last)) {
		violated("a nonce conflict tells the lane's last nonce", "%s: %llu",
			name_of(attempt->wish), (unsigned long long)last);
	}
}

/* Reasons of the node: was it so? */
static bool is_excuse_true(const struct attempt *attempt, unsigned reason)
{
	bool is_late = sim_mono_ms >= attempt->deadline_mono_ms;
	bool was_down = night.down_step + 1 >= attempt->sent_step;
	int64_t skew_ms = sim_workers_plan.config.ledger_ts_skew_ms;
	const struct slot *slot = slot_of(attempt->wish);

	switch (reason) {
	case API_REASON_OUTCOME_UNKNOWN:
		return was_down || is_late;
	case API_REASON_LEDGER_DOWN:
		return was_down;
	case API_REASON_TIMEOUT:
		return is_late || sim_unix_ms - attempt->sent_unix_ms > skew_ms ||
		       night.highest_unix_ms - sim_unix_ms > skew_ms;
	case API_REASON_DISK_FULL:
		return night.full_step + 1 >= attempt->sent_step;
	case API_REASON_QUEUE_FULL:
		return night.has_small_windows || may_be_evicted();
	case API_REASON_IN_PROGRESS:
		return slot->is_unseen ||
		       (slot->state == SLOT_CLAIMED && slot->wish == attempt->wish);
	case API_REASON_IDEM_MISMATCH:
		return slot->is_unseen ||
		       (slot->wish != attempt->wish &&
			       (stands(slot) || (slot->state == SLOT_DONE && !stands_surely(slot) &&
							slot->until_anew_unix_ms > sim_unix_ms)));
	default:
		return false;
	}
}

static void told_refusal(struct attempt *attempt, const struct oap_wallet_result *result)
{
	enum api_reason reason = (enum api_reason)result->api_reason;

	did_refuse[reason]++;
	if (is_judged(reason) ? !was_reason_true(attempt, reason)
			      : !is_excuse_true(attempt, reason)) {
		violated("a refusal is true", "%s was told %s", name_of(attempt->wish),
			api_reasons_name(reason));
	}
	if (reason == API_REASON_NONCE_GAP || reason == API_REASON_NONCE_USED) {
		check_lane_last(attempt, result);
	}
	if (reason == API_REASON_OUTCOME_UNKNOWN) {
		attempt->given_up_step = night.step;
	} else if (attempt->seq != 0) {
		violated("no lost success", "%s was told %s", name_of(attempt->wish),
			api_reasons_name(reason));
	}
}

static void told_result(const struct sim_frame *frame)
{
	struct byte_reader in = byte_reader_of(frame->payload);
	struct attempt *attempt = &night.attempts[frame->from.corr_id - 1];
	struct oap_wallet_result result;

	WORLD_REQUIRE(oap_decode_wallet_result(&in, &result));
	if (attempt->told != UNTOLD || attempt->wallet != frame->from.generation) {
		violated("a request is answered once", "%s", name_of(attempt->wish));
	}
	attempt->told = result.api_reason;
	if (result.api_reason == API_REASON_NONE) {
		told_done(attempt, &result);
	} else {
		told_refusal(attempt, &result);
	}
	if (attempt->is_submitted) {
		settle_key(attempt);
	}
}

/* ---- balances ---- */

static uint64_t heard_before(int64_t mono_ms)
{
	uint64_t size = 0;

	for (int i = 0; i < night.heard_count && night.heards[i].mono_ms < mono_ms; i++) {
		size = night.heards[i].size;
	}
	return size;
}

static bool was_balance(const struct read *read, uint64_t floor, u128 available)
{
	for (uint64_t size = floor; size <= night.model.size; size++) {
		if (night.model.states[size].available[read->account][read->asset] ==
			(int64_t)available) {
			return true;
		}
	}
	return false;
}

static void told_balance(const struct sim_frame *frame)
{
	const struct config *config = &sim_workers_plan.config;
	struct byte_reader in = byte_reader_of(frame->payload);
	struct read *read = &night.reads[frame->from.corr_id - READ_TICKETS];
	struct oap_balance balance;
	bool is_stale;

	WORLD_REQUIRE(oap_decode_balance(&in, &balance));
	if (read->is_told || read->wallet != frame->from.generation) {
		violated("a request is answered once", "a read");
	}
	read->is_told = true;
	if (balance.api_reason != API_REASON_NONE) {
		did[KIND_REFUSED_BALANCES]++;
		return;
	}
	is_stale = balance.stale_ms > config->wallet_staleness_window_ms;
	did[KIND_BALANCES]++;
	did[KIND_OWN_WRITES] += read->floor > 0 ? 1 : 0;
	did[KIND_STALE_BALANCES] += is_stale ? 1 : 0;
	if (!was_balance(read, read->floor, balance.available)) {
		violated("who wrote reads what he wrote", "%s has %llu %s after entry %llu",
			account_names[read->account], (unsigned long long)balance.available,
			asset_names[read->asset], (unsigned long long)read->floor);
	}
	if (!was_balance(read, heard_before(sim_mono_ms - balance.stale_ms), balance.available)) {
		violated("a balance tells its age",
			"%s has %llu %s, as %u ms ago; %lld ms ago it was asked",
			account_names[read->account], (unsigned long long)balance.available,
			asset_names[read->asset], balance.stale_ms,
			(long long)(sim_mono_ms - read->sent_mono_ms));
	}
}

#endif
