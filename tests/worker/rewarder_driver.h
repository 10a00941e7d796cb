#ifndef TESTS_WORKER_REWARDER_DRIVER_H
#define TESTS_WORKER_REWARDER_DRIVER_H

/* The rewarder and a calculator as they are shipped, joined; the test is everybody else: archive
 * with a few objects, kms, sequencer, prevalidator and edge. The epoch is that of the golden chain
 * (spec/rewarder.md 9.17), unless a test seals another one. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/object_faults.h"
#include "common/reward_reasons.h"
#include "core/attestation.h"
#include "core/base64.h"
#include "core/blake3.h"
#include "core/intent.h"
#include "core/note.h"
#include "core/reward_keys.h"
#include "core/reward_policy.h"
#include "tests/worker/grants.h"

#define GOLDEN_POLICY                                                                            \
	"{\"body\":{\"asset\":\"ron\",\"caps\":{\"actor_cap\":\"1000u\",\"category_cap\":{"      \
	"\"music\":\"400u\",\"video\":\"500u\"},\"epoch_cap\":\"250000u\"},\"emission_curve\":{" \
	"\"base_per_epoch\":\"1000000u\",\"kind\":\"halving\",\"period_epochs\":100000},"        \
	"\"rounding\":\"floor\",\"weights\":{\"subs\":0.7,\"views\":0.3}},\"id\":\"rev42\","     \
	"\"version\":\"1.2.0\""
#define GOLDEN_ROWS                                                                               \
	"[{\"actor\":\"did:ron:alice\",\"category\":\"video\",\"counts\":{\"subs\":\"3\",\"views" \
	"\":\"10\"}},{\"actor\":\"did:ron:bob\",\"category\":\"music\",\"counts\":{\"subs\":"     \
	"\"1\",\"views\":\"5\"}},{\"actor\":\"did:ron:carol\",\"category\":\"video\",\"counts\":" \
	"{\"subs\":\"3\",\"views\":\"2\"}}]"
#define GOLDEN_COMMITMENT "b3:c55b6233a984ddeec128dd303302b367217287dc5ed2da260b6147cfcccae75b"
#define GOLDEN_RUN_KEY    "699ccc18c1f41deb"
#define EPOCH             "2025-10-01"

#define ARTEFACT_KEY_ID 4711u
#define TEXT_MAX        (8u << 20)
#define OBJECTS_KEPT    32u

static struct harness h, calculator;
static struct harness_link *prevalidator, *edge, *archive, *sequencer, *kms;
static bool rewards_are_frozen; /* as the ledger has it */
static uint8_t gov_public[crypto_sign_PUBLICKEYBYTES], gov_secret[crypto_sign_SECRETKEYBYTES];

/* --- objects --- */

static struct kept {
	struct hash id;
	uint8_t *bytes; /* owned */
	size_t bytes_count;
} kept[OBJECTS_KEPT];
static size_t kept_count;

static inline struct hash keep_object(struct slice bytes)
{
	struct kept *object = &kept[kept_count];

	assert_in_range(kept_count, 0, OBJECTS_KEPT - 1);
	kept_count++;
	object->bytes = malloc(bytes.bytes_count + 1);
	assert_non_null(object->bytes);
	memcpy(object->bytes, bytes.bytes, bytes.bytes_count);
	object->bytes_count = bytes.bytes_count;
	blake3_hash(bytes.bytes, bytes.bytes_count, &object->id);
	return object->id;
}

/* What archive does; false: the question was of another object than there is. */
static inline bool serve_object(void)
{
	struct oap_fetch_object question;
	struct oap_object_piece piece = { .fault = OBJECT_FAULT_NOT_THERE };
	uint64_t id = harness_expect_fetch_object(archive, &question);

	for (size_t i = 0; i < kept_count; i++) {
		size_t left = kept[i].bytes_count - (size_t)question.offset;

		if (memcmp(&kept[i].id, &question.id, sizeof question.id) != 0) {
			continue;
		}
		piece = (struct oap_object_piece){ .total = kept[i].bytes_count,
			.offset = question.offset,
			.bytes = { kept[i].bytes + question.offset, left < 65536 ? left : 65536 } };
	}
	harness_send_credit(archive, 0, &(struct oap_credit){ 1, 40 });
	harness_send_object_piece(archive, id, &piece);
	return piece.fault == OBJECT_FAULT_NONE;
}

/* --- sealed inputs --- */

struct epoch {
	const char *epoch;
	const char *rows;
	const char *pool;
	unsigned actors, events;
};

static const struct epoch golden = { EPOCH, GOLDEN_ROWS, "1001", 3, 3 };

static inline struct hash policy_hash(void)
{
	static struct reward_policy policy;
	struct reward_outcome outcome = { 0 };

	assert_true(reward_policy_read(text_of(GOLDEN_POLICY "}"), &policy, &outcome));
	return policy.hash;
}

/* Puts the three objects; the hash of the bundle. */
static inline struct hash seal_epoch(const struct epoch *epoch)
{
	static char text[TEXT_MAX];
	char accounting_cid[68], ledger_cid[68], policy_cid[68];
	struct hash hash = policy_hash();

	reward_text_print_cid(&hash, policy_cid);
	(void)snprintf(text, sizeof text,
		"{\"actors\":%u,\"epoch_id\":\"%s\",\"events\":%u,\"kind\":\"ron.accounting."
		"snapshot\",\"rows\":%s,\"tenant\":\"acme\",\"v\":1}",
		epoch->actors, epoch->epoch, epoch->events, epoch->rows);
	hash = keep_object(text_of(text));
	reward_text_print_cid(&hash, accounting_cid);
	(void)snprintf(text, sizeof text,
		"{\"asset\":\"ron\",\"epoch_id\":\"%s\",\"kind\":\"ron.ledger.snapshot\","
		"\"pool_account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":\"%s\","
		"\"root\":\"0000000000000000000000000000000000000000000000000000000000000000\","
		"\"seq\":1031,\"tenant\":\"acme\",\"v\":1}",
		epoch->epoch, epoch->pool);
	hash = keep_object(text_of(text));
	reward_text_print_cid(&hash, ledger_cid);
	(void)snprintf(text, sizeof text,
		"{\"accounting_cid\":\"%s\",\"asset\":\"ron\",\"epoch_id\":\"%s\",\"epoch_index\":"
		"0,\"kind\":\"ron.rewarder.inputs\",\"ledger_cid\":\"%s\",\"policy_cid\":\"%s\","
		"\"tenant\":\"acme\",\"v\":1,\"window\":{\"end\":\"2025-10-02T00:00:00Z\",\"start\""
		":\"2025-10-01T00:00:00Z\"}}",
		accounting_cid, epoch->epoch, ledger_cid, policy_cid);
	return keep_object(text_of(text));
}

/* --- life --- */

static inline int set_up(void **state)
{
	static const uint8_t seed[crypto_sign_SEEDBYTES] = { 7 };
	char text[NOTE_VKEY_BYTES_MAX];
	struct note_vkey vkey;

	(void)state;
	assert_true(sodium_init() >= 0);
	crypto_sign_seed_keypair(gov_public, gov_secret, seed);
	harness_init(&h, PROCESS_REWARDER);
	harness_make_dir(&h, "artifacts");
	h.config.brownout_ping_ms = 3600000; /* unless a test is about it */
	h.config.rewarder_trust_keys.count = 1;
	vkey = note_vkey_of(text_of("gov-1"), gov_public);
	(void)snprintf(h.config.rewarder_trust_keys.texts[0], CONFIG_NAME_BYTES_MAX + 1, "%.*s",
		(int)note_vkey_print(&vkey, text), text);
	harness_init(&calculator, PROCESS_COMPUTE);
	rewards_are_frozen = false;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	harness_finish(&calculator);
	harness_finish(&h);
	for (size_t i = 0; i < kept_count; i++) {
		free(kept[i].bytes);
	}
	kept_count = 0;
	return 0;
}

static uint8_t kms_life; /* another one is another kms */

static inline void send_artefact_key(void)
{
	struct oap_artefact_key key = { .key_id = ARTEFACT_KEY_ID };

	memset(&key.key, 0x33, sizeof key.key);
	memset(&key.life, kms_life, sizeof key.life);
	harness_send_artefact_key(kms, 0, &key);
}

static inline void link_kms(void)
{
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	send_artefact_key();
}

/* The sequencer as far as it is not the ledger: all grants are good, all is recorded. */
static inline bool serve_gate(
	struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload)
{
	const struct oap_credit credit = { 1, (uint32_t)payload.bytes_count };

	if (verb == OAP_JUDGE_GRANT) {
		harness_send_credit(link, 0, &credit);
		harness_send_judged_grant(link, corr_id,
			&(struct oap_judged_grant){ .capability = grants_capability() });
		return true;
	}
	if (verb == OAP_RECORD_RUN || verb == OAP_RECORD_DRAIN) {
		harness_send_credit(link, 0, &credit);
		harness_send_recorded_run(link, corr_id,
			&(struct oap_recorded_run){ .capability = grants_capability() });
		return true;
	}
	return false;
}

/* That, but what is recorded is the test's to answer, by `recorded`. */
static inline bool serve_grants_alone(
	struct harness_link *link, unsigned verb, uint64_t corr_id, struct slice payload)
{
	return verb == OAP_JUDGE_GRANT && serve_gate(link, verb, corr_id, payload);
}

static inline void recorded(uint64_t id, enum reward_reason reason)
{
	harness_send_recorded_run(sequencer, id,
		&(struct oap_recorded_run){
			.reason = (uint8_t)reason, .capability = grants_capability() });
}

/* It was started: everybody else comes. */
static inline void join_rewarder(void)
{
	harness_expect_up(&h);
	prevalidator = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	sequencer->serve = serve_gate;
	harness_send_payments(sequencer, 0, &(struct oap_payments){ rewards_are_frozen });
	link_kms();
	harness_join(&h, &calculator);
	harness_settle(&h);
}

static inline void start_rewarder(void)
{
	harness_start(&h);
	join_rewarder();
}

/* Without a policy. */
static inline void start_bare(void)
{
	harness_start(&calculator);
	harness_expect_up(&calculator);
	start_rewarder();
}

/* kill -9, and another one in its place. */
static inline void restart_rewarder(void)
{
	harness_kill(&h);
	start_rewarder();
}

#ifdef MACRONODE_TEST_HOOKS

/* Milliseconds that all clocks are ahead. */
static inline void start_rewarder_later(int64_t ahead_ms)
{
	int fd = memfd_create("clock", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, &ahead_ms, sizeof ahead_ms, 0), sizeof ahead_ms);
	harness_start_begin(&h);
	harness_give_fd(&h, SETUP_FD_CLOCK, 0, fd);
	harness_start_end(&h);
	(void)close(fd);
	join_rewarder();
}

#endif

/* --- requests --- */

static inline struct oap_run_reply expect_reply(uint64_t ticket)
{
	struct oap_run_reply reply;

	assert_int_equal(harness_expect_run_reply(edge, &reply), ticket);
	return reply;
}

static inline void expect_body(const struct oap_run_reply *reply, const char *words)
{
	if (memmem(reply->body.bytes, reply->body.bytes_count, words, strlen(words)) == NULL) {
		fail_msg("%s is not in status %u, reason %s: %.*s / %.*s", words, reply->status,
			reward_reasons_name(reply->reason), (int)reply->body.bytes_count,
			(const char *)reply->body.bytes, (int)reply->text.bytes_count,
			(const char *)reply->text.bytes);
	}
}

static inline void expect_refusal(
	const struct oap_run_reply *reply, uint16_t status, enum reward_reason reason)
{
	if (reply->status != status || reply->reason != reason) {
		fail_msg("status %u, reason %u %s: %.*s %.*s", reply->status, reply->reason,
			reward_reasons_name(reply->reason), (int)reply->text.bytes_count,
			(const char *)reply->text.bytes, (int)reply->body.bytes_count,
			(const char *)reply->body.bytes);
	}
}

static inline void put_policy_expecting(uint16_t status, enum reward_reason reason)
{
	static char text[TEXT_MAX];
	char cid[68], signature[BASE64_TEXT_BYTES(64) + 1];
	uint8_t bytes[64];
	struct hash hash = policy_hash();
	struct oap_policy_put put = {
		.edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.grant = grants_seal_acme(),
	};
	struct oap_run_reply reply;

	reward_text_print_cid(&hash, cid);
	(void)crypto_sign_detached(bytes, NULL, (const uint8_t *)cid, strlen(cid), gov_secret);
	(void)base64_encode(bytes, sizeof bytes, signature);
	(void)snprintf(text, sizeof text,
		GOLDEN_POLICY ",\"signatures\":[{\"alg\":\"ed25519\",\"kid\":\"gov-1\",\"sig\":"
			      "\"base64:%s\"}]}",
		signature);
	put.document = text_of(text);
	harness_send_policy_put(prevalidator, 1, &put);
	reply = expect_reply(1);
	expect_refusal(&reply, status, reason);
	if (status == 200) {
		expect_body(&reply, "\"signed\":true");
	}
}

static inline void put_policy(void)
{
	put_policy_expecting(200, REWARD_REASON_NONE);
}

static inline void start(void)
{
	start_bare();
	put_policy();
}

static inline struct oap_run_compute run_of(const char *epoch, const struct hash *inputs)
{
	return (struct oap_run_compute){
		.edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.wait_until_mono_ms = now_mono_ms() + 60000,
		.inputs_cid = *inputs,
		.policy_hash = policy_hash(),
		.tenant = text_of("acme"),
		.epoch = text_of(epoch),
		.policy_id = text_of("rev42"),
		.grant = grants_seal_acme(),
	};
}

static inline void ask(uint64_t ticket, const char *epoch, const struct hash *inputs)
{
	const struct oap_run_compute run = run_of(epoch, inputs);

	harness_send_run_compute(prevalidator, ticket, &run);
}

static inline void serve_inputs(void)
{
	for (size_t i = 0; i < 3; i++) {
		assert_true(serve_object());
	}
}

/* --- kms and the ledger --- */

static inline uint64_t expect_signing(uint8_t status)
{
	struct oap_sign_attestation question;
	uint64_t id = harness_expect_sign_attestation(kms, &question);

	assert_int_equal(question.run_status, status);
	return id;
}

static inline void answer_signing(uint64_t id)
{
	struct oap_signed_attestation answer = { .signed_at_unix_s = 1759322096 };
	uint8_t signature[64] = { 9 };

	answer.signature = (struct slice){ signature, sizeof signature };
	harness_send_signed_attestation(kms, id, &answer);
}

static inline void sign(uint8_t status)
{
	answer_signing(expect_signing(status));
}

static inline void refuse_to_sign(void)
{
	struct oap_sign_attestation question;
	uint64_t id = harness_expect_sign_attestation(kms, &question);

	harness_send_signed_attestation(
		kms, id, &(struct oap_signed_attestation){ .status = ERR_IO });
}

/* The header of an intent that a grant came with. */
static inline uint64_t expect_intent(struct intent *ret_intent, uint32_t *ret_bytes)
{
	struct oap_intent intent;
	uint64_t id;

	do {
		id = harness_expect_intent(sequencer, &intent);
	} while (intent.grant.bytes_count == 0); /* is one of the brownout's */
	assert_int_equal(intent_decode(intent.header, ret_intent), ERR_OK);
	assert_int_equal(intent_check(ret_intent), DETAIL_NONE);
	*ret_bytes = intent.allocations_bytes;
	return id;
}

static inline void answer_intent(uint64_t id, enum intent_status status, enum detail detail)
{
	harness_send_intent_result(sequencer, id,
		&(struct oap_intent_result){ .status = (uint8_t)status,
			.detail = (uint8_t)detail,
			.seq_start = 10,
			.seq_end = 12 });
}

/* Asks for the body of the golden epoch and reads it. */
static inline void take_body(uint64_t id, const struct intent *intent, uint32_t bytes)
{
	struct oap_intent_body body;

	answer_intent(id, INTENT_NEED_BODY, DETAIL_NONE);
	assert_int_equal(harness_expect_intent_body(sequencer, &body), id);
	assert_int_equal(body.bytes.bytes_count, bytes);
	assert_int_equal(intent_check_allocations(intent, body.bytes), DETAIL_NONE);
	harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, bytes + 8 });
}

/* From the request to the intent that is paid. */
static inline void pay(void)
{
	struct intent intent;
	uint32_t bytes;
	uint64_t id = expect_intent(&intent, &bytes);

	take_body(id, &intent, bytes);
	answer_intent(id, INTENT_ACCEPTED, DETAIL_NONE);
	harness_settle(&h);
}

static inline void run_until_sealed(uint64_t ticket, const struct hash *inputs)
{
	ask(ticket, EPOCH, inputs);
	serve_inputs();
	sign(ATTESTATION_OK);
}

static inline void expect_accepted(uint64_t ticket)
{
	struct oap_run_reply reply = expect_reply(ticket);

	assert_int_equal(reply.status, 200);
	expect_body(&reply, "\"accepted\"");
}

/* From the request to the answer that it is never paid. */
static inline void quarantine(uint64_t ticket, const char *epoch, const struct hash *inputs)
{
	struct oap_run_reply reply;

	ask(ticket, epoch, inputs);
	serve_inputs();
	sign(ATTESTATION_QUARANTINED);
	reply = expect_reply(ticket);
	expect_refusal(&reply, 409, REWARD_REASON_INVARIANT);
}

static inline struct oap_quarantine_release release_of(const char *epoch, const char *reason)
{
	return (struct oap_quarantine_release){ .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.tenant = text_of("acme"),
		.epoch = text_of(epoch),
		.reason = text_of(reason),
		.grant = grants_seal_acme() };
}

static inline struct oap_run_reply release(uint64_t ticket, const char *epoch, const char *reason)
{
	const struct oap_quarantine_release msg = release_of(epoch, reason);

	harness_send_quarantine_release(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

static inline struct oap_run_show show_of(const char *epoch)
{
	return (struct oap_run_show){ .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.tenant = text_of("acme"),
		.epoch = text_of(epoch),
		.grant = grants_seal_acme() };
}

static inline struct oap_run_reply show(uint64_t ticket, const char *epoch)
{
	const struct oap_run_show msg = show_of(epoch);

	harness_send_run_show(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

static inline struct oap_run_reply show_manifest(uint64_t ticket)
{
	struct oap_run_show msg = show_of(EPOCH);

	msg.part = RUN_PART_MANIFEST;
	harness_send_run_show(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

/* From the request to the answer that it is paid. */
static inline void pay_epoch(uint64_t ticket, const struct hash *inputs)
{
	struct oap_run_reply reply;

	run_until_sealed(ticket, inputs);
	pay();
	reply = expect_reply(ticket);
	expect_body(&reply, "\"ledger\":{\"emitted\":true,\"result\":\"accepted\"");
}

#endif
