#ifndef TESTS_WORKER_WALLET_DRIVER_H
#define TESTS_WORKER_WALLET_DRIVER_H

/* The wallet, driven by hand: the test is its prevalidator, sequencer, archive and edge. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/api_reasons.h"
#include "core/receipt.h"
#include "core/ulid.h"
#include "tests/worker/grants.h"

static struct harness h;
static struct harness_link *prevalidator, *sequencer, *archive, *edge;

/* What the wallet sent the ledger: the draft borrows from the bytes. */
struct sent {
	uint64_t id;
	uint8_t bytes[DRAFT_BYTES_MAX];
	struct draft draft;
};

static inline int tear_down(void **state)
{
	(void)state;
	harness_finish(&h);
	return 0;
}

/* --- a life --- */

static inline void tell_serving(uint64_t batch_ts_unix_ms)
{
	harness_send_serving(
		sequencer, 0, &(struct oap_serving){ .latest_ts_unix_ms = batch_ts_unix_ms });
	harness_settle(&h);
}

static inline void start_alone(void)
{
	harness_start(&h);
	harness_expect_up(&h);
	prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	harness_settle(&h);
}

static inline void start(void)
{
	start_alone();
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	tell_serving(0);
}

/* --- an operation --- */

static inline struct oap_wallet_op transfer_of(uint64_t nonce, const char *key)
{
	return (struct oap_wallet_op){
		.edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.op = OPERATION_TRANSFER,
		.nonce = nonce,
		.amount = 250,
		.idem_key = text_of(key),
		.from = text_of("alice"),
		.to = text_of("bob"),
		.asset = text_of("ron"),
		.grant = grants_seal(),
	};
}

static inline struct sent *expect_submit(void)
{
	static struct sent sent;
	struct oap_op_submit submit;
	struct byte_reader in;

	sent.id = harness_expect_op_submit(sequencer, &submit);
	assert_in_range(submit.draft.bytes_count, 1, sizeof sent.bytes);
	memcpy(sent.bytes, submit.draft.bytes, submit.draft.bytes_count);
	in = byte_reader_of((struct slice){ sent.bytes, submit.draft.bytes_count });
	assert_int_equal(draft_decode(&in, SOURCE_V1, &sent.draft), ERR_OK);
	assert_int_equal(in.left, 0);
	assert_int_equal(draft_check(&sent.draft), DETAIL_NONE);
	return &sent;
}

/* As the ledger completes it. */
static inline struct slice complete(const struct sent *sent)
{
	static char text[VERB_RECEIPT_BYTES_MAX];
	int bytes_count = snprintf(text, sizeof text,
		"%.*s,\"seq\":9,\"balance_before\":\"900\",\"balance_after\":\"650\"}",
		(int)sent->draft.receipt.bytes_count, (const char *)sent->draft.receipt.bytes);

	assert_in_range(bytes_count, 1, sizeof text - 1);
	return (struct slice){ (const uint8_t *)text, (size_t)bytes_count };
}

static inline void judge(uint64_t id, struct oap_op_verdict verdict)
{
	harness_send_op_verdict(sequencer, id, &verdict);
}

static inline void commit(const struct sent *sent)
{
	judge(sent->id, (struct oap_op_verdict){ .seq = 9, .receipt = complete(sent) });
}

static inline struct oap_wallet_result expect_result(uint64_t ticket)
{
	struct oap_wallet_result result;

	assert_int_equal(harness_expect_wallet_result(edge, &result), ticket);
	return result;
}

#endif
