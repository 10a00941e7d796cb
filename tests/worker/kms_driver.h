#ifndef TESTS_WORKER_KMS_DRIVER_H
#define TESTS_WORKER_KMS_DRIVER_H

/* kms, driven by hand: what its tests ask it again and again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/reasons.h"
#include "core/grant.h"
#include "core/macaroon.h"
#include "tests/worker/harness.h"

#define TOKEN_ROOM (TOKEN_BYTES_MAX + 1)

static struct harness h; /* kms, of the running test */

static const char ordinary[] = "action=wallet.transfer\nttl=3600\n";

/* --- setup --- */

static inline int set_up(void **state)
{
	(void)state;
	harness_init(&h, PROCESS_KMS);
	harness_make_dir(&h, "keys");
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
}

static inline void restart(void)
{
	harness_stop(&h);
	start();
}

static inline struct slice text_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

static inline uint64_t now_unix_s(void)
{
	return (uint64_t)time(NULL);
}

static inline void keyring_path(char *ret_path, size_t path_bytes)
{
	harness_path(&h, "keys/keyring", ret_path, path_bytes);
}

/* --- what is asked of it --- */

static inline enum err ask_mint(const char *caveats, char *ret_text, size_t text_bytes)
{
	static uint64_t corr_id = 100;
	struct oap_cap_answer answer;

	corr_id++;
	harness_send_cap_mint(
		&h.control, corr_id, &(struct oap_cap_mint){ .caveats = text_of(caveats) });
	assert_int_equal(harness_expect_cap_answer(&h.control, &answer), corr_id);
	assert_true(answer.text.bytes_count < text_bytes);
	memcpy(ret_text, answer.text.bytes, answer.text.bytes_count);
	ret_text[answer.text.bytes_count] = '\0';
	return (enum err)answer.status;
}

static inline void mint(const char *caveats, char token[TOKEN_ROOM])
{
	enum err err = ask_mint(caveats, token, TOKEN_ROOM);

	if (err != ERR_OK) {
		fail_msg("not minted: %s", token);
	}
}

static inline void assert_not_minted(const char *caveats, enum err err, const char *words)
{
	char why[TOKEN_ROOM];

	assert_int_equal(ask_mint(caveats, why, sizeof why), err);
	if (strstr(why, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	}
}

static inline struct oap_grant verify_as(
	struct harness_link *link, const char *token, enum grant_peer peer, uint32_t uid)
{
	static uint64_t corr_id = 5000;
	struct oap_verify ask = {
		.peer_class = (uint8_t)peer,
		.peer_uid = uid,
		.actions = CAVEAT_ACTIONS_ALL,
		.token = text_of(token),
	};
	struct oap_grant grant;

	corr_id++;
	harness_send_verify(link, corr_id, &ask);
	assert_int_equal(harness_expect_grant(link, &grant), corr_id);
	return grant;
}

static inline struct oap_grant verify(struct harness_link *link, const char *token)
{
	return verify_as(link, token, GRANT_PEER_TCP, 0);
}

static inline void assert_granted(struct harness_link *link, const char *token)
{
	struct oap_grant grant = verify(link, token);

	if (grant.status != 200) {
		fail_msg("%u: %.*s", grant.status, (int)grant.detail.bytes_count,
			(const char *)grant.detail.bytes);
	}
}

static inline void assert_detail(const struct oap_grant *grant, uint16_t status, const char *words)
{
	char detail[VERB_TEXT_BYTES_MAX + 1];

	(void)snprintf(detail, sizeof detail, "%.*s", (int)grant->detail.bytes_count,
		(const char *)grant->detail.bytes);
	if (strstr(detail, words) == NULL) {
		fail_msg("\"%s\" does not say \"%s\"", detail, words);
	}
	assert_int_equal(grant->status, status);
	assert_int_equal(grant->reason, REASON_CAP_INVALID);
	assert_int_equal(grant->grant.bytes_count, 0);
}

static inline void assert_refused(
	struct harness_link *link, const char *token, uint16_t status, const char *words)
{
	struct oap_grant grant = verify(link, token);

	assert_detail(&grant, status, words);
}

static inline struct harness_link *link_prevalidator(void)
{
	struct harness_link *link = harness_link_up(&h, PROCESS_PREVALIDATOR, 0);
	struct oap_forget_grants forget;

	(void)harness_expect_forget_grants(link, &forget);
	assert_int_equal(forget.kms_generation, h.generation);
	return link;
}

static inline struct harness_link *link_sequencer(struct oap_grant_key *ret_key)
{
	struct harness_link *link = harness_link_up(&h, PROCESS_SEQUENCER, 0);

	(void)harness_expect_grant_key(link, ret_key);
	assert_int_equal(ret_key->kms_generation, h.generation);
	return link;
}

static inline void confirm(struct harness_link *sequencer, const struct oap_revoked *wanted)
{
	struct oap_revoked revoked;
	uint64_t corr_id = harness_expect_revoked(sequencer, &revoked);

	assert_int_equal(revoked.kid, wanted->kid);
	assert_memory_equal(&revoked.capability, &wanted->capability, ID_BYTES);
	harness_send_revoked_done(
		sequencer, corr_id, &(struct oap_revoked_done){ .after_seq = 77 });
}

static inline void send_revoke(uint64_t corr_id, const struct oap_revoked *which)
{
	harness_send_cap_revoke(&h.control, corr_id,
		&(struct oap_cap_revoke){ .kid = which->kid, .capability = which->capability });
}

static inline enum err expect_answer(uint64_t corr_id)
{
	struct oap_cap_answer answer;

	assert_int_equal(harness_expect_cap_answer(&h.control, &answer), corr_id);
	return (enum err)answer.status;
}

/* --- tokens taken apart --- */

struct taken_apart {
	uint8_t bytes[MACAROON_BYTES_MAX];
	struct macaroon macaroon;
	struct macaroon_identifier identifier;
};

static inline void take_apart(const char *token, struct taken_apart *ret)
{
	size_t bytes_count = 0;

	assert_int_equal(
		macaroon_text_decode(text_of(token), ret->bytes, sizeof ret->bytes, &bytes_count),
		MACAROON_OK);
	assert_int_equal(macaroon_parse((struct slice){ ret->bytes, bytes_count }, &ret->macaroon),
		MACAROON_OK);
	assert_int_equal(
		macaroon_identifier_decode(ret->macaroon.identifier, &ret->identifier), ERR_OK);
}

static inline void put_together(const struct macaroon *macaroon, char token[TOKEN_ROOM])
{
	uint8_t bytes[MACAROON_BYTES_MAX];
	size_t bytes_count = 0, text_bytes = 0;

	assert_int_equal(macaroon_serialise(macaroon, bytes, sizeof bytes, &bytes_count), ERR_OK);
	assert_int_equal(macaroon_text_encode((struct slice){ bytes, bytes_count }, token,
				 TOKEN_ROOM, &text_bytes),
		ERR_OK);
}

/* What any holder can do, offline. */
static inline void narrow(const char *token, const char *caveat, char ret_token[TOKEN_ROOM])
{
	struct taken_apart parts;

	take_apart(token, &parts);
	assert_int_equal(macaroon_add_caveat(&parts.macaroon, text_of(caveat)), ERR_OK);
	put_together(&parts.macaroon, ret_token);
}

static inline struct oap_revoked name_of(const char *token)
{
	struct taken_apart parts;

	take_apart(token, &parts);
	return (struct oap_revoked){
		.kid = parts.identifier.key_id,
		.capability = parts.identifier.capability_id,
	};
}

static inline bool caveat_is(const struct macaroon *macaroon, size_t index, const char *text)
{
	struct slice caveat = macaroon->caveats[index];

	return caveat.bytes_count == strlen(text) &&
	       memcmp(caveat.bytes, text, caveat.bytes_count) == 0;
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

#endif
