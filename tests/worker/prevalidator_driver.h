#ifndef TESTS_WORKER_PREVALIDATOR_DRIVER_H
#define TESTS_WORKER_PREVALIDATOR_DRIVER_H

/* The prevalidator as it is shipped, driven by hand: the test is its edge, kms, the sequencer and
 * archive. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/api_reasons.h"
#include "common/clock.h"
#include "common/reasons.h"
#include "common/routes.h"
#include "core/draft.h"
#include "core/grant.h"
#include "proto/links.h"
#include "tests/worker/harness.h"

#define ENTRY_JSON                                                               \
	"{\"id\":\"9c7d9bda-1f8a-4f3e-8f7a-1a0e3b6a9a10\",\"ts\":1728794183123," \
	"\"kind\":\"Transfer\",\"account\":\"acct_123\",\"amount\":\"12345\","   \
	"\"nonce\":\"AAECAwQFBgcICQoLDA0ODw==\",\"capability_ref\":"             \
	"\"101112131415161718191a1b1c1d1e1f\",\"v\":1,\"counter_account\":\"acct_456\"}"
#define GOOD_BODY "{\"batch\":[" ENTRY_JSON "]}"

static struct harness h;
static struct harness_link *edge, *kms, *sequencer, *archive;
static uint64_t grant_lasts_ms; /* of the grants that we seal */
static bool grants_name_tenant; /* whoever made the token said its tenant=; else a holder did */
static uint32_t asked;          /* requests of `edge`: each is given back once */

/* --- setup --- */

static inline int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_PREVALIDATOR);
	h.config.kms_timeout_ms = 60000; /* a slow machine changes no outcome */
	h.config.kms_cache_ttl_ms = 60000;
	grant_lasts_ms = 60000;
	grants_name_tenant = false;
	asked = 0;
	return 0;
}

static inline int tear_down(void **state)
{
	(void)state;
	harness_finish(&h);
	return 0;
}

static inline void start(void)
{
	harness_start(&h);
	harness_expect_up(&h);
	edge = harness_link_up(&h, PROCESS_INGRESS, 3);
}

static inline void start_with_all(void)
{
	start();
	kms = harness_link_up(&h, PROCESS_KMS, 0);
	sequencer = harness_link_up(&h, PROCESS_SEQUENCER, 0);
	archive = harness_link_up(&h, PROCESS_ARCHIVE, 0);
	harness_settle(&h); /* which of two sockets is read first, nobody knows */
}

static inline struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline uint64_t mono_ms(int64_t from_now_ms)
{
	return (uint64_t)(clock_now().monotonic_us / 1000 + from_now_ms);
}

/* --- the edge --- */

static inline struct oap_request request_of(enum route route, const char *token)
{
	return (struct oap_request){
		.deadline_mono_ms = mono_ms(60000),
		.route = (uint8_t)route,
		.peer_class = GRANT_PEER_TCP,
		.token = text_of(token),
	};
}

static inline struct oap_request ingest_of(const char *token, const char *body)
{
	struct oap_request request = request_of(ROUTE_INGEST, token);

	request.body = text_of(body);
	request.body_bytes = (uint32_t)request.body.bytes_count;
	return request;
}

static inline void ask(uint64_t ticket, const struct oap_request *request)
{
	harness_send_request(edge, ticket, request);
	asked++;
}

static inline void ask_ingest(uint64_t ticket, const char *token)
{
	struct oap_request request = ingest_of(token, GOOD_BODY);

	ask(ticket, &request);
}

static inline void expect_refused(
	uint64_t ticket, unsigned status, enum reason reason, const char *detail)
{
	struct oap_refused refused;

	assert_int_equal(harness_expect_refused(edge, &refused), ticket);
	assert_int_equal(refused.status, status);
	assert_int_equal(refused.reason, reason);
	assert_int_equal(refused.detail.bytes_count, strlen(detail));
	assert_memory_equal(refused.detail.bytes, detail, strlen(detail));
}

/* Nothing is said to anybody any more, and the edge has all of its credit. */
static inline void assert_all_is_done(void)
{
	harness_expect_nothing(edge);
	harness_expect_nothing(kms);
	harness_expect_nothing(sequencer);
	harness_expect_nothing(archive);
	assert_int_equal(edge->credit_requests, asked);
}

static inline struct oap_submit expect_submit(uint64_t ticket)
{
	struct oap_submit submit;

	assert_int_equal(harness_expect_submit(sequencer, &submit), ticket);
	return submit;
}

/* --- kms --- */

/* Seals what kms would say of a token with these caveats, separated by ";". */
static inline struct slice sealed_grant(const char *caveats)
{
	static const struct hash key = { { 9 } };
	static uint8_t sealed[GRANT_BYTES_MAX];
	static const char tenant[] = CAVEAT_TENANT_DEFAULT;
	struct grant grant = { .kms_generation = 1,
		.key_id = 7,
		.tenant = { (const uint8_t *)tenant, sizeof tenant - 1 } };
	size_t sealed_bytes = 0;

	for (size_t i = 0; i < ID_BYTES; i++) {
		grant.capability_id.bytes[i] = (uint8_t)(0x10 + i);
	}
	grant.exp_mono_ms = (uint64_t)clock_now().monotonic_us / 1000 + grant_lasts_ms;
	caveat_set_init(&grant.caveats);
	while (*caveats != '\0') {
		struct slice text = { (const uint8_t *)caveats, strcspn(caveats, ";") };
		struct caveat caveat;

		assert_int_equal(caveat_parse(text, &caveat), CAVEAT_FAULT_OK);
		assert_int_equal(caveat_set_add(&grant.caveats, &caveat, 0, NULL), ERR_OK);
		caveats += text.bytes_count + (caveats[text.bytes_count] == ';');
	}
	if (grants_name_tenant) {
		grant.tenant = caveat_set_tenant(&grant.caveats, grant.caveats.clause_count);
	}
	assert_int_equal(grant_seal(&grant, &key, sealed, sizeof sealed, &sealed_bytes), ERR_OK);
	return (struct slice){ sealed, sealed_bytes };
}

static inline void give_credit(struct harness_link *link, uint32_t requests, uint32_t bytes)
{
	harness_send_credit(link, 0, &(struct oap_credit){ requests, bytes });
}

/* The VERIFY of this token; its id. Credit for it is given back, as kms does with its answer. */
static inline uint64_t expect_verify(const char *token)
{
	struct oap_verify verify;
	uint64_t id = harness_expect_verify(kms, &verify);

	assert_int_equal(verify.token.bytes_count, strlen(token));
	assert_memory_equal(verify.token.bytes, token, strlen(token));
	give_credit(kms, 1, (uint32_t)(1 + 4 + 4 + verify.token.bytes_count));
	return id;
}

static inline void send_grant(uint64_t id, const char *caveats)
{
	harness_send_grant(
		kms, id, &(struct oap_grant){ .status = 200, .grant = sealed_grant(caveats) });
}

static inline void grant(const char *token, const char *caveats)
{
	send_grant(expect_verify(token), caveats);
}

/* From here on the token is in the cache. */
static inline void warm(const char *token, const char *caveats)
{
	ask_ingest(1, token);
	grant(token, caveats);
	(void)expect_submit(1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
