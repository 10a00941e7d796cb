#include "core/ledger_state.h"

#include "core/sha256.h"

/* ---- life ---- */

static void *take_array(
	struct ledger *ledger, uint64_t count, size_t item_bytes, bool *ret_is_complete)
{
	void *array = memory_take(ledger->memory, count * item_bytes);

	*ret_is_complete = *ret_is_complete && array != NULL;
	return array;
}

static uint32_t entries_max(const struct ledger *ledger)
{
	const struct ledger_limits *limits = &ledger->limits;

	return limits->intent_entries_max > limits->request_entries_max
		       ? limits->intent_entries_max
		       : limits->request_entries_max;
}

static bool take_all(struct ledger *ledger)
{
	uint32_t entries = entries_max(ledger);
	bool is_complete = true;

	for (ledger->heads_count = 16;
		ledger->heads_count < 2 * ledger->limits.request_entries_max + 2;) {
		ledger->heads_count *= 2; /* an intent has no groups */
	}
	ledger->assets =
		take_array(ledger, LEDGER_ASSETS_MAX, sizeof *ledger->assets, &is_complete);
	ledger->work = take_array(ledger, entries, sizeof *ledger->work, &is_complete);
	ledger->order = take_array(ledger, entries, sizeof *ledger->order, &is_complete);
	ledger->scratch = take_array(ledger, entries, sizeof *ledger->scratch, &is_complete);
	ledger->heads =
		take_array(ledger, ledger->heads_count, sizeof *ledger->heads, &is_complete);
	return is_complete && ledger_reserve(ledger, 1, 0) && ledger_reserve_entry(ledger);
}

static void init_segments(struct ledger *ledger)
{
	const struct memory *memory = ledger->memory;

	segments_init(&ledger->accounts, memory, sizeof(struct ledger_account));
	segments_init(&ledger->claims, memory, sizeof(struct ledger_claim));
	segments_init(&ledger->heap, memory, sizeof(uint32_t));
	segments_init(&ledger->counters, memory, sizeof(struct ledger_counter));
	segments_init(&ledger->rules, memory, sizeof(struct ledger_rule));
	segments_init(&ledger->settled, memory, sizeof(struct ledger_settlement));
	segments_init(&ledger->chunk_seqs, memory, sizeof(uint64_t));
	segments_init(&ledger->chunk_dirty, memory, sizeof(uint64_t));
	segments_init(&ledger->offsets, memory, sizeof(uint32_t));
	segments_init(&ledger->dirty_claims, memory, sizeof(uint32_t));
	segments_init(&ledger->dirty_counters, memory, sizeof(uint32_t));
	segments_init(&ledger->notes, memory, sizeof(struct ledger_note));
}

static void init_tables(struct ledger *ledger)
{
	table_init(&ledger->account_table, ledger->memory);
	table_init(&ledger->asset_table, ledger->memory);
	table_init(&ledger->key_table, ledger->memory);
	table_init(&ledger->id_table, ledger->memory);
	table_init(&ledger->claim_table, ledger->memory);
	table_init(&ledger->counter_table, ledger->memory);
	table_init(&ledger->rule_table, ledger->memory);
	table_init(&ledger->settled_table, ledger->memory);
}

struct ledger *ledger_create(const struct memory *memory, const struct ledger_limits *limits,
	const uint8_t fingerprint_key[SIPHASH_KEY_BYTES])
{
	struct ledger *ledger = memory_take(memory, sizeof *ledger);

	assert(limits->request_entries_max >= 1 && limits->fingerprint_mask != 0);
	if (ledger == NULL) {
		return NULL;
	}
	ledger->memory = memory;
	ledger->limits = *limits;
	memcpy(ledger->key, fingerprint_key, sizeof ledger->key);
	ledger->claim_free = LEDGER_NONE;
	ledger->next_seq = 1;
	init_segments(ledger);
	init_tables(ledger);
	if (!take_all(ledger)) {
		ledger_destroy(ledger);
		return NULL;
	}
	ledger->asset_count = 1; /* "", of the nonce lanes */
	ledger->assets[0].issuance = LEDGER_NONE;
	table_insert(&ledger->asset_table, ledger_fingerprint(ledger, NULL, 0), 1);
	return ledger;
}

static void give_arenas(struct ledger *ledger)
{
	while (ledger->arenas != NULL) {
		void *piece = ledger->arenas;

		memcpy(&ledger->arenas, piece, sizeof ledger->arenas);
		memory_give(ledger->memory, piece, LEDGER_ARENA_BYTES);
	}
}

void ledger_destroy(struct ledger *ledger)
{
	uint32_t entries;

	if (ledger == NULL) {
		return;
	}
	entries = entries_max(ledger);
	struct segments *const segments[] = { &ledger->accounts, &ledger->claims, &ledger->heap,
		&ledger->counters, &ledger->rules, &ledger->settled, &ledger->chunk_seqs,
		&ledger->chunk_dirty, &ledger->offsets, &ledger->dirty_claims,
		&ledger->dirty_counters, &ledger->notes };
	struct table *const tables[] = { &ledger->account_table, &ledger->asset_table,
		&ledger->key_table, &ledger->id_table, &ledger->claim_table, &ledger->counter_table,
		&ledger->rule_table, &ledger->settled_table };

	for (size_t i = 0; i < COUNT_OF(segments); i++) {
		segments_finish(segments[i]);
	}
	for (size_t i = 0; i < COUNT_OF(tables); i++) {
		table_finish(tables[i]);
	}
	give_arenas(ledger);
	memory_give(ledger->memory, ledger->assets, LEDGER_ASSETS_MAX * sizeof *ledger->assets);
	memory_give(ledger->memory, ledger->work, entries * sizeof *ledger->work);
	memory_give(ledger->memory, ledger->order, entries * sizeof *ledger->order);
	memory_give(ledger->memory, ledger->scratch, entries * sizeof *ledger->scratch);
	memory_give(ledger->memory, ledger->heads, ledger->heads_count * sizeof *ledger->heads);
	memory_give(ledger->memory, ledger, sizeof *ledger);
}

void ledger_set_limits(struct ledger *ledger, const struct ledger_limits *limits)
{
	struct ledger_limits before = ledger->limits;

	ledger->limits = *limits;
	ledger->limits.request_entries_max = before.request_entries_max;
	ledger->limits.intent_entries_max = before.intent_entries_max;
	ledger->limits.fingerprint_mask = before.fingerprint_mask;
}

/* ---- a request ---- */

/* Form and fingerprints. What is refused here takes no part in what follows. */
static void prepare(
	struct ledger *ledger, const struct ledger_request *request, struct ledger_result *results)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		const struct draft *draft = &request->drafts[i];
		const struct entry *entry = &draft->entry;
		struct ledger_work *work = &ledger->work[i];
		enum detail detail = draft_check(draft);

		*work = (struct ledger_work){ .is_judged = detail != DETAIL_NONE };
		if (results != NULL) {
			results[i] = (struct ledger_result){ .detail = detail };
		}
		if (work->is_judged) {
			continue;
		}
		assert(entry->source == request->source); /* draft_decode() was told */
		work->key_fingerprint = ledger_key_fingerprint(
			ledger, entry->source, &entry->nonce, entry->account);
		work->id_fingerprint = ledger_id_fingerprint(ledger, &entry->id);
		if (!entry_id_is_none(&entry->original_id)) {
			work->original_fingerprint =
				ledger_id_fingerprint(ledger, &entry->original_id);
		}
	}
}

/* Every entry touches three tables and two accounts at random places, and each is a miss of the
 * cache when the ledger is large. Asked for ahead, all entries of a request wait together. */
static void warm(struct ledger *ledger, const struct ledger_request *request)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		struct ledger_work *work = &ledger->work[i];
		const struct entry *entry = &request->drafts[i].entry;

		if (!work->is_judged) {
			table_prefetch(&ledger->key_table, work->key_fingerprint);
			table_prefetch(&ledger->id_table, work->id_fingerprint);
			work->warm[0] =
				ledger_account_warm_slot(ledger, entry->account, entry->asset);
			work->warm[1] = ledger_account_warm_slot(
				ledger, entry->counter_account, entry->asset);
		}
	}
	for (size_t i = 0; i < 2 * request->draft_count; i++) {
		struct ledger_work *work = &ledger->work[i / 2];

		work->expected[i % 2] = ledger_account_warm(ledger, work->warm[i % 2]);
	}
	for (size_t i = 0; i < 2 * request->draft_count; i++) {
		ledger_account_warm_name(ledger, ledger->work[i / 2].expected[i % 2]);
	}
}

size_t ledger_lookups(struct ledger *ledger, const struct ledger_request *request,
	uint64_t *ret_seqs, size_t seq_max)
{
	if (request->draft_count > ledger_entries_max(ledger, request)) {
		return 0; /* will be refused without a look */
	}
	prepare(ledger, request, NULL);
	return ledger_missing(ledger, request, ret_seqs, seq_max);
}

static void admit_single(struct ledger *ledger, const struct ledger_request *request,
	uint32_t place, struct ledger_result *result)
{
	const struct draft *draft = &request->drafts[place];
	const struct ledger_work *work = &ledger->work[place];
	struct ledger_original original = { 0 };
	struct entry entry;
	uint64_t repeat_seq = 0;
	enum detail detail = DETAIL_CAPACITY;
	enum err err;

	ledger_account_expect(ledger, work->expected);
	if (ledger_reserve_entry(ledger)) {
		detail = ledger_judge_entry(
			ledger, request, draft, work, &entry, &original, &repeat_seq);
	}
	if (repeat_seq != 0 && request->intent != NULL) {
		*result = (struct ledger_result){ .detail = DETAIL_SETTLED_OTHERWISE };
		return; /* it was paid, and by no intent that is known: nobody is paid twice */
	}
	if (repeat_seq != 0) {
		*result = (struct ledger_result){ .is_repeat = true, .seq = repeat_seq };
		return;
	}
	if (detail == DETAIL_NONE && original.group_count > 0) {
		detail = DETAIL_REVERSE_GROUP; /* of a group that this request makes */
	}
	if (detail == DETAIL_NONE) {
		detail = ledger_judge_money(ledger, &entry, &original);
	}
	if (detail == DETAIL_NONE) {
		detail = ledger_days_judge(ledger, request, &entry);
	}
	if (detail != DETAIL_NONE) {
		*result = (struct ledger_result){ .detail = detail };
		return;
	}
	err = ledger_number(ledger, &entry, draft, work, request->idem_id, result);
	assert(err == ERR_OK); /* judgement is the only way in */
	ledger_days_charge(ledger, request, &entry);
}

static void set_lanes(
	struct ledger *ledger, const struct ledger_request *request, struct ledger_result *results)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		const struct draft *draft = &request->drafts[i];
		uint64_t debit, issue;

		if (draft->lane != LANE_NONE && draft->refused == DETAIL_NONE) {
			ledger_lanes(ledger, draft->entry.account, &debit, &issue);
			results[i].lane_last = draft->lane == LANE_DEBIT ? debit : issue;
		}
	}
}

static void count(const struct ledger_request *request, const struct ledger_result *results,
	struct ledger_verdict *verdict)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		const struct ledger_result *result = &results[i];

		if (result->detail != DETAIL_NONE) {
			verdict->first_refusal = verdict->refused_count == 0
							 ? result->detail
							 : verdict->first_refusal;
			verdict->refused_count++;
			continue;
		}
		verdict->accepted_count++;
		verdict->new_count += result->is_repeat ? 0u : 1u;
	}
}

/* New entries alone; if there are none, the originals of the repeats. */
static void set_range(const struct ledger_request *request, const struct ledger_result *results,
	struct ledger_verdict *verdict)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		const struct ledger_result *result = &results[i];

		if (result->seq == 0 || (result->is_repeat && verdict->new_count > 0)) {
			continue;
		}
		if (verdict->seq_start == 0 || result->seq < verdict->seq_start) {
			verdict->seq_start = result->seq;
		}
		if (result->seq > verdict->seq_end) {
			verdict->seq_end = result->seq;
		}
	}
	verdict->root_seq = verdict->seq_end;
}

static void forget_seqs(const struct ledger_request *request, struct ledger_result *results)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		results[i].seq = 0;
		results[i].receipt = (struct slice){ 0 };
	}
}

/* Refuses all that was not refused for a reason of its own. */
static void refuse_all(
	const struct ledger_request *request, enum detail detail, struct ledger_result *results)
{
	for (size_t i = 0; i < request->draft_count; i++) {
		enum detail own = request->drafts[i].refused;

		results[i] = (struct ledger_result){ .detail = own != DETAIL_NONE ? own : detail };
	}
}

/* An intent has its own order, by actor, so that each entry stands where its allocation did. */
static size_t order(struct ledger *ledger, const struct ledger_request *request)
{
	if (request->intent == NULL) {
		return order_drafts(
			request->drafts, request->draft_count, ledger->order, ledger->scratch);
	}
	for (uint32_t i = 0; i < request->draft_count; i++) {
		ledger->order[i] = i;
	}
	return request->draft_count;
}

/* Every entry, in order. False: the batch has no room for them. */
static bool admit_all(
	struct ledger *ledger, const struct ledger_request *request, struct ledger_result *results)
{
	size_t judgeable = order(ledger, request);

	if (request->intent == NULL) {
		ledger_group_link(ledger, request, judgeable);
	}
	for (size_t k = 0; k < judgeable; k++) {
		uint32_t place = ledger->order[k];

		if (ledger->work[place].is_judged) {
			continue;
		}
		if (ledger->work[place].is_leg) {
			ledger_group_admit(ledger, request, place, results);
		} else {
			admit_single(ledger, request, place, &results[place]);
		}
		if (!ledger_batch_fits(ledger)) {
			return false;
		}
	}
	return true;
}

/* More than this an entry with all that it brings along never takes. */
static size_t bytes_at_most(const struct ledger *ledger, const struct ledger_request *request)
{
	size_t charges = ledger_days_charges_max(ledger, request);
	size_t per_entry = BATCH_ENTRY_BYTES_MAX +
			   3 * (BATCH_HEAD_BYTES + 6u + ACCOUNT_BYTES_MAX + ASSET_BYTES_MAX) +
			   100u + 100u * charges;

	return request->draft_count * per_entry;
}

/* Takes back what must not stay; false means that the batch was too small. */
static bool conclude(struct ledger *ledger, const struct ledger_request *request,
	const struct ledger_mark *mark, bool has_room, struct ledger_result *results,
	struct ledger_verdict *verdict)
{
	bool is_refused, is_kept;

	if (!has_room) {
		assert(mark != NULL);
		ledger_mark_undo(ledger, mark);
		return false;
	}
	count(request, results, verdict);
	is_refused = request->atomic && verdict->refused_count > 0;
	is_kept = !request->dry_run && !is_refused;
	if (is_kept) {
		set_range(request, results, verdict);
	} else {
		forget_seqs(request, results);
	}
	if (is_refused) {
		verdict->accepted_count = 0;
		verdict->new_count = 0;
	}
	if (mark != NULL && is_kept) {
		ledger_mark_keep(ledger);
	} else if (mark != NULL) {
		ledger_mark_undo(ledger, mark);
	}
	return true;
}

/* The journal is on only when something may have to be taken back. */
static bool needs_mark(const struct ledger *ledger, const struct ledger_request *request)
{
	return request->dry_run || request->atomic ||
	       bytes_at_most(ledger, request) + ledger_batch_end_bytes(ledger) >
		       ledger->batch.out->left;
}

static void judge(struct ledger *ledger, const struct ledger_request *request,
	struct ledger_result *results, struct ledger_verdict *verdict)
{
	bool is_first = ledger->batch.out->used == 0; /* controls take room, too */
	bool has_mark = needs_mark(ledger, request);
	struct ledger_mark mark;
	bool has_room;

	if (has_mark) {
		mark = ledger_mark(ledger);
	}
	has_room = admit_all(ledger, request, results);
	if (conclude(ledger, request, has_mark ? &mark : NULL, has_room, results, verdict)) {
		set_lanes(ledger, request, results);
	} else if (is_first) {
		refuse_all(
			request, DETAIL_TOO_MANY_ENTRIES, results); /* in no batch there is room */
		count(request, results, verdict);
	} else {
		verdict->outcome = LEDGER_FULL;
	}
}

void ledger_admit(struct ledger *ledger, const struct ledger_request *request,
	struct ledger_result *results, struct ledger_verdict *ret_verdict)
{
	struct ledger_verdict verdict = { .outcome = LEDGER_JUDGED };
	enum detail detail = ledger_judge_request(ledger, request);
	bool is_intent = request->intent != NULL && detail == DETAIL_NONE;
	uint64_t missing_seq;

	assert(ledger->batch.out != NULL && ledger->journal_depth == 0);
	if (is_intent && ledger_settle_judge(ledger, request, results, &verdict)) {
		verdict.wait_seq = ledger->next_seq - 1;
		*ret_verdict = verdict;
		return;
	}
	if (detail == DETAIL_NONE) {
		prepare(ledger, request, results);
		warm(ledger, request);
		if (ledger_missing(ledger, request, &missing_seq, 1) > 0) {
			verdict.outcome = LEDGER_PARKED;
			*ret_verdict = verdict;
			return;
		}
		detail = ledger_reserve(ledger, request->draft_count,
				 ledger_days_charges_max(ledger, request))
				 ? DETAIL_NONE
				 : DETAIL_CAPACITY;
	}
	if (detail != DETAIL_NONE) {
		refuse_all(request, detail, results);
		count(request, results, &verdict);
	} else {
		judge(ledger, request, results, &verdict);
	}
	if (is_intent && verdict.new_count > 0 && verdict.seq_end != 0) {
		ledger_settle_record(ledger, request->intent, verdict.seq_start, verdict.seq_end);
	}
	verdict.wait_seq = ledger->next_seq - 1;
	*ret_verdict = verdict;
}

/* ---- questions ---- */

uint64_t ledger_next_seq(const struct ledger *ledger)
{
	return ledger->next_seq;
}

uint32_t ledger_claims(const struct ledger *ledger)
{
	return ledger->claims_live;
}

uint32_t ledger_counters(const struct ledger *ledger)
{
	return ledger->counters_today;
}

uint32_t ledger_freezes(const struct ledger *ledger, enum batch_control_scope scope)
{
	switch (scope) {
	case SCOPE_GLOBAL:
		return ledger->is_frozen ? 1 : 0;
	case SCOPE_ASSET:
		return ledger->frozen_assets;
	case SCOPE_ACCOUNT:
		return ledger->frozen_accounts;
	case SCOPE_REWARDS:
		return ledger->rewards_frozen ? 1 : 0;
	case SCOPE_CAPABILITY:
	case SCOPE_KEY:
		break; /* these are revoked */
	}
	return 0;
}

uint64_t ledger_batch_ts(const struct ledger *ledger)
{
	return ledger->batch_ts_unix_ms;
}

bool ledger_balance(struct ledger *ledger, struct slice account, struct slice asset,
	struct batch_balance *ret_balance)
{
	const struct ledger_account *found;
	uint32_t index = LEDGER_NONE;

	if (entry_account_is_valid(account) && entry_asset_is_valid(asset)) {
		index = ledger_account_find(ledger, account, asset);
	}
	if (index == LEDGER_NONE) {
		return false;
	}
	found = ledger_account_at(ledger, index);
	*ret_balance = (struct batch_balance){
		.available = found->available,
		.held = found->held,
		.last_seq = found->last_seq,
		.spent = found->spent,
		.day = found->day,
	};
	return true;
}

void ledger_lanes(
	struct ledger *ledger, struct slice account, uint64_t *ret_debit, uint64_t *ret_issue)
{
	uint32_t index = ledger_account_find(ledger, account, (struct slice){ 0 });
	const struct ledger_account *lanes;

	*ret_debit = 0;
	*ret_issue = 0;
	if (index != LEDGER_NONE) {
		lanes = ledger_account_at(ledger, index);
		*ret_debit = (uint64_t)lanes->available;
		*ret_issue = (uint64_t)lanes->held;
	}
}

bool ledger_is_frozen(
	const struct ledger *ledger, enum batch_control_scope scope, struct slice value)
{
	return ledger_rule_is_on(ledger, scope, value);
}
