#ifndef TESTS_SIM_WALLET_CLIENTS_H
#define TESTS_SIM_WALLET_CLIENTS_H

/* Who asks: some with sense, some with wrong nonces, with a key that stands for something else, or
 * for what is done, unknown or under way. Included by sim_wallet.c alone. */

#include "tests/sim/wallet_checks.h"

static struct slice grant; /* sealed; it may do everything */

/* ---- the clients ---- */

static struct attempt *send_wish(int wish)
{
	static char key[16], memo[16];
	const struct wish *at = &night.model.wishes[wish];
	struct attempt *attempt = &night.attempts[night.attempt_count];
	struct oap_wallet_op op = {
		.edge_process = PROCESS_INGRESS,
		.edge_generation = sim_mesh_generation(PROCESS_INGRESS),
		.deadline_mono_ms = (uint64_t)sim_mono_ms + 200 + chance(3000),
		.op = (uint8_t)at->kind,
		.nonce = at->nonce,
		.amount = at->amount,
		.expires_unix_ms = at->expires,
		.has_memo = at->memo != 0,
		.asset = world_text(asset_names[at->asset]),
		.grant = grant,
	};

	if (night.attempt_count == ATTEMPTS_MAX) {
		return NULL;
	}
	(void)snprintf(key, sizeof key, "k%d", at->key);
	op.idem_key = world_text(key);
	op.from = at->from == NOBODY ? (struct slice){ 0 } : world_text(account_names[at->from]);
	op.to = at->to == NOBODY ? (struct slice){ 0 } : world_text(account_names[at->to]);
	if (at->memo != 0) {
		(void)snprintf(memo, sizeof memo, "memo %d", at->memo);
		op.memo = world_text(memo);
	}
	if (operation_has_hold(at->kind)) {
		memset(&op.hold, 0x77, sizeof op.hold);
		op.hold = at->hold == 0 ? op.hold : night.model.facts[at->hold].id;
	}
	*attempt = (struct attempt){
		.wish = wish,
		.sent_step = night.step,
		.sent_size = night.model.size,
		.sent_unix_ms = sim_unix_ms,
		.deadline_mono_ms = (int64_t)op.deadline_mono_ms,
		.told = UNTOLD,
	};
	if (oap_send_wallet_op(sim_mesh_peer(PROCESS_PREVALIDATOR, PROCESS_WALLET),
		    (uint64_t)night.attempt_count + 1, &op) != ERR_OK) {
		return NULL; /* the prevalidator says so itself */
	}
	night.attempt_count++;
	return attempt;
}

/* Refers to a hold, mostly to one of the account. */
static uint64_t some_hold(int account)
{
	for (int i = 0; i < 20 && night.model.size > 0; i++) {
		uint64_t seq = 1 + chance((uint32_t)night.model.size);
		const struct wish *wish = wish_of(&night.model, seq);

		if (wish != NULL &&
			(percent(2) || (wish->kind == OPERATION_HOLD &&
					       (wish->from == account || percent(3))))) {
			return seq;
		}
	}
	return 0;
}

static uint64_t some_nonce(const struct wish *wish)
{
	uint64_t last = night.model.states[night.model.size].lanes[principal(wish)][lane(wish)];

	if (percent(85)) {
		return last + 1;
	}
	return percent(60) ? last + 2 : 1 + chance((uint32_t)last + 3);
}

static struct wish some_wish(void)
{
	static const enum operation_kind kinds[] = { OPERATION_ISSUE, OPERATION_ISSUE,
		OPERATION_ISSUE, OPERATION_TRANSFER, OPERATION_TRANSFER, OPERATION_TRANSFER,
		OPERATION_BURN, OPERATION_HOLD, OPERATION_HOLD, OPERATION_CAPTURE,
		OPERATION_CAPTURE, OPERATION_RELEASE };
	struct wish wish = {
		.kind = kinds[chance(COUNT_OF(kinds))],
		.from = (int)chance(ACCOUNTS),
		.to = NOBODY,
		.asset = percent(80) ? 0 : 1,
		.amount = 1 + chance(percent(4) ? 2 * OP_MAX : 50),
		.memo = percent(15) ? 1 + (int)chance(3) : 0,
	};

	if (operation_has_hold(wish.kind)) {
		wish.hold = some_hold(wish.from);
		if (wish.hold == 0 && percent(90)) {
			wish.kind = OPERATION_HOLD;
		}
	}
	if (operation_has_to(wish.kind)) {
		wish.to = (wish.from + 1 + (int)chance(ACCOUNTS - 1)) % ACCOUNTS;
	}
	if (!operation_has_from(wish.kind)) {
		wish.from = NOBODY;
	}
	if (operation_has_hold(wish.kind)) {
		wish.asset = wish.hold != 0 && percent(95) ? wish_of(&night.model, wish.hold)->asset
							   : wish.asset;
		wish.amount = 1 + chance(30);
	}
	if (wish.kind == OPERATION_ISSUE) {
		wish.amount += 60;
	}
	if (wish.kind == OPERATION_HOLD && percent(50)) {
		wish.expires = (uint64_t)sim_unix_ms + 1 + chance(percent(50) ? 3000 : 300);
	}
	wish.nonce = some_nonce(&wish);
	wish.key = (int)chance(KEYS);
	return wish;
}

/* What somebody asked before, nearly. */
static struct wish bend(struct wish wish)
{
	switch (chance(4)) {
	case 0:
		wish.amount++;
		break;
	case 1:
		wish.key = (wish.key + 1) % KEYS;
		break;
	case 2:
		wish.nonce = some_nonce(&wish);
		break;
	default:
		wish.memo = wish.memo == 0 ? 1 : 0;
	}
	return wish;
}

/* One of the last ones: it may be under way, unknown, refused or done. */
static int some_old_wish(void)
{
	int count = night.model.wish_count, back = 1 + (int)chance(percent(70) ? 6 : 60);

	return count == 0 ? NOBODY : back > count ? 0 : count - back;
}

static void ask_wish(void)
{
	uint32_t what = chance(100);
	int old = some_old_wish();
	struct wish wish;
	int number;

	if (old == NOBODY || what < 55) {
		wish = some_wish();
	} else {
		wish = night.model.wishes[old];
		wish = what < 70 ? bend(wish) : wish;
	}
	number = wish_number(&night.model, &wish);
	if (number != NOBODY) {
		(void)send_wish(number);
		if (percent(5)) {
			(void)send_wish(number); /* impatient */
		}
	}
}

static void ask_balance(void)
{
	struct read *read = &night.reads[night.read_count];
	struct oap_read_balance ask = {
		.edge_process = PROCESS_INGRESS,
		.edge_generation = sim_mesh_generation(PROCESS_INGRESS),
		.deadline_mono_ms = (uint64_t)sim_mono_ms + 200 + chance(3000),
	};

	if (night.read_count == READS_MAX) {
		return;
	}
	*read = (struct read){ .account = (int)chance(ACCOUNTS),
		.asset = percent(80) ? 0 : 1,
		.sent_mono_ms = sim_mono_ms };
	read->floor = night.told_newest[read->account][read->asset];
	ask.account = world_text(account_names[read->account]);
	ask.asset = world_text(asset_names[read->asset]);
	if (oap_send_read_balance(sim_mesh_peer(PROCESS_PREVALIDATOR, PROCESS_WALLET),
		    READ_TICKETS + (uint64_t)night.read_count, &ask) == ERR_OK) {
		night.read_count++;
	}
}

/* It was looked at when it was told; clients ask again whether they have got it or not. */
static void be_client(void)
{
	struct sim_frame *frame = sim_mesh_take(PROCESS_WALLET, PROCESS_INGRESS);

	if (frame != NULL) {
		sim_mesh_free(frame, PROCESS_INGRESS);
	}
}

#endif
