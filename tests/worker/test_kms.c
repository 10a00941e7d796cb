/* kms as it is shipped: what it mints, what it lets pass, and what it takes back. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "core/hex.h"
#include "tests/worker/kms_driver.h"

/* --- keys --- */

static void genesis_makes_one_file_that_nobody_else_can_read(void **state)
{
	char path[256];
	struct stat info;

	(void)state;
	start();
	keyring_path(path, sizeof path);
	assert_int_equal(stat(path, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	assert_int_equal(info.st_uid, h.uid);
	harness_path(&h, "keys/keyring.new", path, sizeof path);
	assert_int_equal(stat(path, &info), -1);
}

static void an_unfinished_genesis_is_begun_again(void **state)
{
	char path[256];
	int fd;

	(void)state;
	harness_path(&h, "keys/keyring.new", path, sizeof path);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	assert_int_equal(write(fd, "mnk", 3), 3);
	assert_int_equal(close(fd), 0);
	start();
	assert_int_equal(access(path, F_OK), -1);
}

static void the_origin_is_chosen_at_genesis_and_kept(void **state)
{
	struct oap_origin origin;
	char first[ORIGIN_BYTES_MAX];

	(void)state;
	start();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_int_equal(origin.origin.bytes_count, strlen("macronode.local/0123456789abcdef"));
	assert_memory_equal(origin.origin.bytes, "macronode.local/", 16);
	assert_int_equal(origin.in_use, 0);
	memcpy(first, origin.origin.bytes, origin.origin.bytes_count);
	restart();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_memory_equal(origin.origin.bytes, first, 32);
}

/* The committer makes no new ledger for tokens that had one. */
static void with_the_first_token_the_ledger_is_in_use(void **state)
{
	char token[TOKEN_ROOM];
	struct oap_origin origin;

	(void)state;
	start();
	mint(ordinary, token);
	restart();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_int_equal(origin.in_use, 1);
}

static void a_configured_name_is_the_origin_and_cannot_change(void **state)
{
	struct oap_origin origin;

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.example");
	start();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_int_equal(origin.origin.bytes_count, 14);
	assert_memory_equal(origin.origin.bytes, "ledger.example", 14);
	harness_stop(&h);
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "other.example");
	harness_start(&h);
	harness_expect_refusal(&h, "made for ledger.example");
	h.config.node_name[0] = '\0'; /* not saying it is fine */
	start();
}

/* Goal: with amnesia no two ledgers have one origin, while kms may die as often as it likes. */
static void a_name_with_amnesia_is_the_beginning_of_the_origin(void **state)
{
	struct oap_origin origin;
	uint8_t first[ORIGIN_BYTES_MAX];

	(void)state;
	h.config.amnesia_enabled = true;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.example");
	start();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_int_equal(origin.origin.bytes_count, strlen("ledger.example/0123456789abcdef"));
	assert_memory_equal(origin.origin.bytes, "ledger.example/", 15);
	memcpy(first, origin.origin.bytes, origin.origin.bytes_count);
	restart();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_memory_equal(origin.origin.bytes, first, origin.origin.bytes_count);
	harness_stop(&h);
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.exampl");
	harness_start(&h);
	harness_expect_refusal(&h, "made for ledger.example/");
}

static void the_longest_name_with_amnesia_fits(void **state)
{
	struct oap_origin origin;

	(void)state;
	h.config.amnesia_enabled = true;
	memset(h.config.node_name, 'n', CONFIG_AMNESIA_NAME_BYTES_MAX);
	start();
	(void)harness_expect_origin(harness_link_up(&h, PROCESS_COMMITTER, 0), &origin);
	assert_int_equal(origin.origin.bytes_count, NODE_NAME_BYTES_MAX);
}

static void a_token_verifies_after_a_restart_and_a_kill(void **state)
{
	char token[TOKEN_ROOM];

	(void)state;
	start();
	mint(ordinary, token);
	assert_granted(link_prevalidator(), token);
	restart();
	assert_granted(link_prevalidator(), token);
	harness_kill(&h);
	start();
	assert_granted(link_prevalidator(), token);
}

static void the_grant_key_is_new_at_each_start(void **state)
{
	static const struct hash zero;
	struct oap_grant_key first, archive, second;

	(void)state;
	start();
	(void)link_sequencer(&first);
	(void)harness_expect_grant_key(harness_link_up(&h, PROCESS_ARCHIVE, 0), &archive);
	assert_memory_equal(&first, &archive, sizeof first);
	restart();
	(void)link_sequencer(&second);
	assert_memory_not_equal(&first.key, &second.key, HASH_BYTES);
	assert_memory_not_equal(&first.key, &zero, HASH_BYTES);
}

static void a_name_that_no_token_could_carry_is_refused_at_genesis(void **state)
{
	char path[256];

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "a.example,b.example");
	harness_start(&h);
	harness_expect_refusal(&h, "a comma");
	keyring_path(path, sizeof path);
	assert_int_equal(access(path, F_OK), -1);
}

static void it_serves_when_it_is_ready_and_says_so(void **state)
{
	struct oap_report report;

	(void)state;
	start();
	(void)harness_expect_report(&h.control, &report);
	assert_int_equal(report.phase, PHASE_SERVING);
}

#ifndef MACRONODE_SANITIZED /* ASan pretends to lock */
static void without_locked_memory_it_does_not_start(void **state)
{
	(void)state;
	h.locked_bytes_max = 0;
	harness_start(&h);
	harness_expect_refusal(&h, "RLIMIT_MEMLOCK");
}
#endif

/* --- minting --- */

static void a_token_says_first_where_then_what_then_until_when(void **state)
{
	char token[TOKEN_ROOM];
	struct taken_apart parts;

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.example");
	start();
	mint("asset=ron\nttl=60\n\naccount=a*\naction=wallet.read\nexp=99999999999", token);
	take_apart(token, &parts);
	assert_int_equal(parts.macaroon.caveat_count, 6);
	assert_true(caveat_is(&parts.macaroon, 0, "node=ledger.example"));
	assert_true(caveat_is(&parts.macaroon, 1, "action=wallet.read"));
	assert_true(caveat_is(&parts.macaroon, 2, "ttl=60"));
	assert_true(caveat_is(&parts.macaroon, 3, "exp=99999999999"));
	assert_true(caveat_is(&parts.macaroon, 4, "asset=ron"));
	assert_true(caveat_is(&parts.macaroon, 5, "account=a*"));
	assert_int_equal(parts.macaroon.location.bytes_count, 14);
	assert_memory_equal(parts.macaroon.location.bytes, "ledger.example", 14);
	assert_int_equal(parts.identifier.key_id, 1);
	assert_in_range(parts.identifier.iat_unix_s, now_unix_s() - 60, now_unix_s() + 1);
}

static void an_unrestricted_token_is_never_minted(void **state)
{
	char late[64], soon[64];

	(void)state;
	start();
	(void)snprintf(late, sizeof late, "action=wallet.read\nexp=%llu",
		(unsigned long long)now_unix_s() + 31u * 24 * 3600);
	(void)snprintf(soon, sizeof soon, "action=wallet.read\nexp=%llu",
		(unsigned long long)now_unix_s() - 1);
	assert_not_minted("", ERR_DENIED, "add action=");
	assert_not_minted("ttl=60", ERR_DENIED, "add action=");
	assert_not_minted("action=wallet.read", ERR_DENIED, "must expire");
	assert_not_minted("action=wallet.read\nnbf=5", ERR_DENIED, "must expire");
	assert_not_minted("action=wallet.read\nttl=2592001", ERR_DENIED, "30 days");
	assert_not_minted(late, ERR_DENIED, "30 days");
	assert_not_minted(soon, ERR_DENIED, "expired already");
	assert_not_minted("action=wallet.read\nttl=60\nnode=elsewhere", ERR_DENIED, "this one is");
	assert_not_minted(
		"action=wallet.read\naction=gov.mint\nttl=60", ERR_MALFORMED, "in common");
}

static void thirty_days_are_the_longest_life_of_a_token(void **state)
{
	char token[TOKEN_ROOM];

	(void)state;
	start();
	mint("action=wallet.read\nttl=2592000", token);
}

static void a_caveat_that_does_not_parse_is_named(void **state)
{
	(void)state;
	start();
	assert_not_minted("action=wallet.read\nttl=60\nacount=a", ERR_MALFORMED, "caveat 3:");
	assert_not_minted("acount=a", ERR_MALFORMED, "nearest is account=");
	assert_not_minted("action=wallet.reed", ERR_MALFORMED, "nearest is wallet.read");
	assert_not_minted("ttl=060", ERR_MALFORMED, "caveat 1:");
}

static void caveats_fit_up_to_thirtytwo_with_the_node(void **state)
{
	char caveats[1024] = "action=wallet.read\nttl=60\n", token[TOKEN_ROOM];
	size_t used = strlen(caveats);

	(void)state;
	start();
	for (unsigned i = 0; i < 29; i++) {
		used += (size_t)snprintf(caveats + used, sizeof caveats - used, "asset=ron\n");
	}
	mint(caveats, token);
	assert_granted(link_prevalidator(), token);
	(void)snprintf(caveats + used, sizeof caveats - used, "asset=ron\n");
	assert_not_minted(caveats, ERR_TOO_LARGE, "at most 32");
}

static void a_token_longer_than_a_client_may_send_is_not_minted(void **state)
{
	static char caveats[VERB_CAVEATS_BYTES_MAX];
	size_t used = (size_t)snprintf(caveats, sizeof caveats, "action=wallet.read\nttl=60\n");
	struct oap_cap_list list = { 0 };
	struct oap_cap_answer answer;

	(void)state;
	start();
	for (unsigned i = 0; i < 27; i++) {
		used += (size_t)snprintf(
			caveats + used, sizeof caveats - used, "path=/%0230u\n", i);
	}
	assert_not_minted(caveats, ERR_TOO_LARGE, "longer than 8192");
	harness_send_cap_list(&h.control, 1, &list);
	(void)harness_expect_cap_answer(&h.control, &answer);
	assert_null(memmem(answer.text.bytes, answer.text.bytes_count, "capability", 10));
}

/* --- verifying --- */

static void a_grant_opens_with_the_key_that_the_sequencer_has(void **state)
{
	char token[TOKEN_ROOM];
	struct harness_link *prevalidator;
	struct oap_grant_key key;
	struct oap_revoked name;
	struct oap_grant answer;
	struct grant grant;
	uint64_t life_ms, before_ms;

	(void)state;
	start();
	(void)link_sequencer(&key);
	prevalidator = link_prevalidator();
	mint("action=wallet.*\nttl=3600\naccount=a*\ndaily<=500\npeer-uid=1000", token);
	name = name_of(token);
	before_ms = (uint64_t)clock_now().monotonic_us / 1000;
	answer = verify_as(prevalidator, token, GRANT_PEER_UNIX, 1000);
	assert_int_equal(answer.status, 200);
	assert_int_equal(grant_open(answer.grant, &key.key, &grant), ERR_OK);
	assert_int_equal(grant.kms_generation, h.generation);
	assert_int_equal(grant.key_id, 1);
	assert_memory_equal(&grant.capability_id, &name.capability, ID_BYTES);
	assert_int_equal(grant.peer, GRANT_PEER_UNIX);
	assert_int_equal(grant.peer_uid, 1000);
	assert_int_equal(grant.caveats.daily_count, 1);
	life_ms = (uint64_t)h.config.kms_cache_ttl_ms + (uint64_t)h.config.limits_req_timeout_ms;
	assert_in_range(grant.exp_mono_ms, before_ms + life_ms, before_ms + life_ms + 30000);
}

static void a_grant_never_outlives_its_token(void **state)
{
	char token[TOKEN_ROOM], caveats[64];
	uint64_t exp_unix_s = now_unix_s() + 20;
	uint64_t before_ms = (uint64_t)clock_now().monotonic_us / 1000;
	struct oap_grant_key key;
	struct oap_grant answer;
	struct grant grant;

	(void)state;
	h.config.kms_cache_ttl_ms = 60000;
	start();
	(void)link_sequencer(&key);
	(void)snprintf(caveats, sizeof caveats, "action=wallet.read\nexp=%llu",
		(unsigned long long)exp_unix_s);
	mint(caveats, token);
	answer = verify(link_prevalidator(), token);
	assert_int_equal(answer.status, 200);
	assert_int_equal(grant_open(answer.grant, &key.key, &grant), ERR_OK);
	/* 20 s from a second that had begun */
	assert_in_range(grant.exp_mono_ms, before_ms, before_ms + 20000);
}

static void descendants_share_a_day_counter(void **state)
{
	char token[TOKEN_ROOM], child[TOKEN_ROOM];
	struct harness_link *prevalidator;
	struct oap_grant answer;
	struct id128 counter;
	struct grant grant;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	mint("action=wallet.transfer\nttl=60\ndaily<=10", token);
	narrow(token, "asset=ron", child);
	answer = verify(prevalidator, token);
	assert_int_equal(grant_read(answer.grant, &grant), ERR_OK);
	counter = grant.caveats.dailies[0].counter_id;
	answer = verify(prevalidator, child);
	assert_int_equal(grant_read(answer.grant, &grant), ERR_OK);
	assert_memory_equal(&grant.caveats.dailies[0].counter_id, &counter, sizeof counter);
}

static void assert_tenant(
	struct harness_link *prevalidator, const char *token, const char *expected)
{
	struct oap_grant answer = verify(prevalidator, token);
	struct grant grant;

	assert_int_equal(answer.status, 200);
	assert_int_equal(grant_read(answer.grant, &grant), ERR_OK);
	assert_int_equal(grant.tenant.bytes_count, strlen(expected));
	assert_memory_equal(grant.tenant.bytes, expected, strlen(expected));
}

/* Goal: nobody leaves a tenant whose quota is used up by writing another one into his token. */
static void a_tenant_is_minted_and_not_appended(void **state)
{
	char token[TOKEN_ROOM], child[TOKEN_ROOM];
	struct harness_link *prevalidator;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	mint("action=wallet.transfer\nttl=60", token);
	assert_tenant(prevalidator, token, "default");
	narrow(token, "tenant=acme", child);
	assert_tenant(prevalidator, child, "");
	narrow(token, "tenant=default", child);
	assert_tenant(prevalidator, child, "default");
	mint("action=wallet.transfer\nttl=60\ntenant=acme,other", token);
	assert_tenant(prevalidator, token, "");
	narrow(token, "tenant=other", child);
	assert_tenant(prevalidator, child, "other");
	narrow(child, "tenant=acme", token);
	assert_tenant(prevalidator, token, "");
}

static void what_is_no_token_is_401(void **state)
{
	struct harness_link *prevalidator;
	struct macaroon foreign;
	char token[TOKEN_ROOM];

	(void)state;
	start();
	prevalidator = link_prevalidator();
	assert_refused(prevalidator, "", 401, "");
	assert_refused(prevalidator, "Bearer", 401, "");
	assert_refused(prevalidator, "AAAA====", 401, "base64url");
	assert_refused(prevalidator, "eyJhbGciOiJIUzI1NiJ9", 401, "not a signed capability");
	assert_refused(prevalidator, "AwE", 401, "not a macaroon");
	assert_int_equal(macaroon_create(text_of("key"), text_of("someone else's"),
				 text_of("elsewhere"), &foreign),
		ERR_OK);
	put_together(&foreign, token);
	assert_refused(prevalidator, token, 401, "not made by macronode");
}

/* Every character of a token but those of the location, which is a hint and not signed. */
static void a_token_with_any_character_changed_is_refused(void **state)
{
	struct harness_link *prevalidator;
	char token[TOKEN_ROOM];
	size_t location_end = (2 + 2 + strlen("n")) * 4 / 3 + 2;

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "n");
	start();
	prevalidator = link_prevalidator();
	mint(ordinary, token);
	for (size_t i = location_end; i < strlen(token); i++) {
		char was = token[i];
		struct oap_grant answer;

		token[i] = was == 'A' ? 'B' : 'A';
		answer = verify(prevalidator, token);
		assert_true(answer.status == 401 || answer.status == 403);
		assert_int_equal(answer.reason, REASON_CAP_INVALID);
		token[i] = was;
	}
	assert_granted(prevalidator, token);
}

static void a_caveat_that_was_taken_off_is_missed(void **state)
{
	struct taken_apart parts;
	char token[TOKEN_ROOM];

	(void)state;
	start();
	mint("action=wallet.read\nttl=60\nasset=ron", token);
	take_apart(token, &parts);
	parts.macaroon.caveat_count--;
	put_together(&parts.macaroon, token);
	assert_refused(link_prevalidator(), token, 403, "signature");
}

static void a_token_of_another_node_is_refused(void **state)
{
	char token[TOKEN_ROOM], path[256];

	(void)state;
	start();
	mint(ordinary, token);
	harness_stop(&h);
	keyring_path(path, sizeof path);
	assert_int_equal(unlink(path), 0);
	start();
	assert_refused(link_prevalidator(), token, 403, "another node");
}

static void a_token_of_the_same_name_under_other_keys_is_refused(void **state)
{
	char token[TOKEN_ROOM], path[256];

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "ledger.example");
	start();
	mint(ordinary, token);
	harness_stop(&h);
	keyring_path(path, sizeof path);
	assert_int_equal(unlink(path), 0);
	start();
	assert_refused(link_prevalidator(), token, 403, "signature");
}

static void what_kms_can_judge_of_caveats_it_judges(void **state)
{
	struct harness_link *prevalidator;
	char token[TOKEN_ROOM], child[TOKEN_ROOM], nbf[64];
	struct oap_grant answer;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	mint(ordinary, token);
	narrow(token, "exp=1000", child);
	assert_refused(prevalidator, child, 403, "expired");
	narrow(token, "ttl=0", child);
	assert_refused(prevalidator, child, 403, "expired");
	(void)snprintf(nbf, sizeof nbf, "nbf=%llu", (unsigned long long)now_unix_s() + 600);
	narrow(token, nbf, child);
	assert_refused(prevalidator, child, 403, "not valid yet");
	narrow(token, "node=elsewhere", child);
	assert_refused(prevalidator, child, 403, "another node");
	narrow(token, "colour=blue", child);
	assert_refused(prevalidator, child, 403, "no caveat of this name");
	narrow(token, "peer-uid=1000", child);
	assert_refused(prevalidator, child, 403, "");
	answer = verify_as(prevalidator, child, GRANT_PEER_UNIX, 1001);
	assert_detail(&answer, 403, "another user");
	assert_int_equal(verify_as(prevalidator, child, GRANT_PEER_UNIX, 1000).status, 200);
	narrow(token, "method=POST", child); /* the prevalidator's to judge */
	assert_granted(prevalidator, child);
}

static void a_full_window_of_tokens_is_answered_and_given_back(void **state)
{
	char token[TOKEN_ROOM];
	struct harness_link *prevalidator;
	struct oap_grant answer;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	mint(ordinary, token);
	for (uint64_t i = 1; i <= 64; i++) {
		harness_send_verify(prevalidator, i,
			&(struct oap_verify){
				.actions = CAVEAT_ACTIONS_ALL, .token = text_of(token) });
	}
	for (uint64_t i = 1; i <= 64; i++) {
		assert_int_equal(harness_expect_grant(prevalidator, &answer), i);
		assert_int_equal(answer.status, 200);
	}
	harness_expect_nothing(prevalidator);
	assert_int_equal(prevalidator->credit_requests, 64);
}

/* --- revoking --- */

static void a_revoked_token_is_refused_at_once_and_after_a_restart(void **state)
{
	struct harness_link *prevalidator, *sequencer;
	struct oap_forget_grants forget;
	char token[TOKEN_ROOM], child[TOKEN_ROOM], other[TOKEN_ROOM];
	struct oap_grant_key key;
	struct oap_revoked name;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	prevalidator = link_prevalidator();
	mint(ordinary, token);
	mint(ordinary, other);
	narrow(token, "asset=ron", child);
	name = name_of(token);
	send_revoke(9, &name);
	(void)harness_expect_forget_grants(prevalidator, &forget);
	assert_refused(prevalidator, token, 403, "the token is revoked");
	confirm(sequencer, &name);
	assert_int_equal(expect_answer(9), ERR_OK);
	assert_refused(prevalidator, child, 403, "the token is revoked");
	assert_granted(prevalidator, other);
	restart();
	prevalidator = link_prevalidator();
	assert_refused(prevalidator, token, 403, "the token is revoked");
	assert_granted(prevalidator, other);
}

static void a_revocation_is_answered_only_when_the_sequencer_has_it(void **state)
{
	struct harness_link *sequencer;
	char token[TOKEN_ROOM];
	struct oap_grant_key key;
	struct oap_revoked name;

	(void)state;
	start();
	mint(ordinary, token);
	name = name_of(token);
	send_revoke(9, &name);
	harness_expect_nothing(&h.control); /* there is no sequencer */
	sequencer = link_sequencer(&key);
	harness_expect_nothing(&h.control); /* it has not answered */
	harness_link_down(sequencer);
	sequencer = link_sequencer(&key); /* the first one died over it */
	harness_expect_nothing(&h.control);
	confirm(sequencer, &name);
	assert_int_equal(expect_answer(9), ERR_OK);
}

static void each_new_sequencer_is_told_every_revocation_in_order(void **state)
{
	struct harness_link *sequencer;
	struct oap_revoked names[20];
	char token[TOKEN_ROOM];
	struct oap_grant_key key;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		mint(ordinary, token);
		names[i] = name_of(token);
		send_revoke(i, &names[i]);
		confirm(sequencer, &names[i]);
		assert_int_equal(expect_answer(i), ERR_OK);
		harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, 20 });
	}
	for (unsigned round = 0; round < 2; round++) {
		if (round == 1) {
			restart();
		}
		sequencer = link_sequencer(&key);
		for (size_t i = 0; i < COUNT_OF(names); i++) {
			confirm(sequencer, &names[i]);
			harness_send_credit(sequencer, 0, &(struct oap_credit){ 1, 20 });
		}
		harness_expect_nothing(sequencer);
	}
}

static void revoking_twice_is_answered_twice_and_told_once(void **state)
{
	struct harness_link *sequencer;
	char token[TOKEN_ROOM];
	struct oap_grant_key key;
	struct oap_revoked name;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	mint(ordinary, token);
	name = name_of(token);
	send_revoke(1, &name);
	send_revoke(2, &name);
	confirm(sequencer, &name);
	assert_int_equal(expect_answer(1), ERR_OK);
	assert_int_equal(expect_answer(2), ERR_OK);
	send_revoke(3, &name);
	assert_int_equal(expect_answer(3), ERR_OK);
	harness_expect_nothing(sequencer);
}

static void what_was_never_issued_cannot_be_revoked(void **state)
{
	struct oap_revoked name;
	char token[TOKEN_ROOM];

	(void)state;
	start();
	mint(ordinary, token);
	name = name_of(token);
	name.kid = 2;
	send_revoke(1, &name);
	assert_int_equal(expect_answer(1), ERR_NOT_FOUND);
	name.kid = 1;
	name.capability.bytes[0] ^= 1;
	send_revoke(2, &name);
	assert_int_equal(expect_answer(2), ERR_NOT_FOUND);
	send_revoke(3, &(struct oap_revoked){ .kid = 0 });
	assert_int_equal(expect_answer(3), ERR_NOT_FOUND);
	assert_granted(link_prevalidator(), token);
}

static void revoking_a_root_key_takes_all_its_tokens_and_makes_the_next(void **state)
{
	struct harness_link *prevalidator, *sequencer;
	char token[TOKEN_ROOM], later[TOKEN_ROOM];
	const struct oap_revoked root = { .kid = 1 };
	struct oap_forget_grants forget;
	struct oap_grant_key key;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	prevalidator = link_prevalidator();
	mint(ordinary, token);
	send_revoke(4, &root);
	confirm(sequencer, &root);
	assert_int_equal(expect_answer(4), ERR_OK);
	(void)harness_expect_forget_grants(prevalidator, &forget);
	assert_refused(prevalidator, token, 403, "the key of the token is revoked");
	mint(ordinary, later);
	assert_int_equal(name_of(later).kid, 2);
	assert_granted(prevalidator, later);
	restart();
	prevalidator = link_prevalidator();
	assert_refused(prevalidator, token, 403, "the key of the token is revoked");
	assert_granted(prevalidator, later);
}

static void after_a_rotation_the_old_key_still_verifies(void **state)
{
	char token[TOKEN_ROOM], later[TOKEN_ROOM];
	struct oap_cap_answer answer;

	(void)state;
	start();
	mint(ordinary, token);
	harness_send_cap_rotate(&h.control, 1, &(struct oap_cap_rotate){ .active_kid = 1 });
	(void)harness_expect_cap_answer(&h.control, &answer);
	assert_int_equal(answer.status, ERR_OK);
	assert_int_equal(answer.next, 2);
	harness_send_cap_rotate(&h.control, 2, &(struct oap_cap_rotate){ .active_kid = 1 });
	(void)harness_expect_cap_answer(&h.control, &answer);
	assert_int_equal(answer.status, ERR_STALE);
	mint(ordinary, later);
	assert_int_equal(name_of(later).kid, 2);
	restart();
	assert_granted(link_prevalidator(), token);
	assert_granted(link_prevalidator(), later);
}

/* --- listing --- */

static void a_list_shows_what_was_issued_and_no_secret(void **state)
{
	static char text[VERB_REPLY_BYTES_MAX + 1];
	char token[TOKEN_ROOM], digits[HEX_TEXT_BYTES(ID_BYTES) + 1];
	struct oap_cap_answer answer;
	struct oap_revoked name;

	(void)state;
	(void)snprintf(h.config.node_name, sizeof h.config.node_name, "n");
	start();
	mint("action=wallet.read\nttl=60", token);
	name = name_of(token);
	hex_encode(name.capability.bytes, ID_BYTES, digits);
	send_revoke(1, &name);
	harness_send_cap_list(&h.control, 2, &(struct oap_cap_list){ 0 });
	assert_int_equal(harness_expect_cap_answer(&h.control, &answer), 2);
	assert_int_equal(answer.next, 0);
	memcpy(text, answer.text.bytes, answer.text.bytes_count);
	text[answer.text.bytes_count] = '\0';
	assert_memory_equal(text, "{\"kid\":1,\"iat\":", 15);
	assert_non_null(strstr(text, "\"revoked\":null,\"root_key\":true,\"active\":true}\n{"));
	assert_non_null(strstr(text, digits));
	assert_non_null(
		strstr(text, "\"caveats\":[\"node=n\",\"action=wallet.read\",\"ttl=60\"]}\n"));
	assert_null(strstr(strchr(text, '\n'), "\"revoked\":null"));
	assert_null(strstr(text, token));
}

static void a_long_list_comes_in_pages(void **state)
{
	char caveats[2048] = "action=wallet.read\nttl=60\n", token[TOKEN_ROOM];
	size_t used = strlen(caveats), lines = 0, pages = 0;
	struct oap_cap_list list = { 0 };
	struct oap_cap_answer answer;

	(void)state;
	start();
	for (unsigned i = 0; i < 7; i++) {
		used += (size_t)snprintf(
			caveats + used, sizeof caveats - used, "path=/%0200u\n", i);
	}
	for (unsigned i = 0; i < 100; i++) {
		mint(caveats, token);
	}
	do {
		harness_send_cap_list(&h.control, 1, &list);
		(void)harness_expect_cap_answer(&h.control, &answer);
		assert_int_equal(answer.status, ERR_OK);
		assert_true(answer.text.bytes_count > 0);
		for (size_t i = 0; i < answer.text.bytes_count; i++) {
			lines += answer.text.bytes[i] == '\n' ? 1 : 0;
		}
		assert_true(answer.next == 0 || answer.next == lines);
		list.after = answer.next;
		pages++;
	} while (answer.next != 0);
	assert_int_equal(lines, 101);
	assert_true(pages > 2);
	list.after = UINT64_MAX;
	harness_send_cap_list(&h.control, 1, &list);
	(void)harness_expect_cap_answer(&h.control, &answer);
	assert_int_equal(answer.text.bytes_count, 0);
	assert_int_equal(answer.next, 0);
}

/* --- peers that lie --- */

static void a_verb_from_the_wrong_peer_is_accused(void **state)
{
	struct oap_grant_key key;
	struct harness_link *sequencer, *prevalidator;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	harness_send_cap_mint(
		prevalidator, 1, &(struct oap_cap_mint){ .caveats = text_of(ordinary) });
	harness_expect_accusation(prevalidator, OAP_CAP_MINT, ERR_NOT_ROUTED);
	sequencer = link_sequencer(&key);
	harness_send_revoked_done(sequencer, 0, &(struct oap_revoked_done){ 0 });
	harness_expect_accusation(sequencer, OAP_REVOKED_DONE, ERR_CONFLICT);
}

static void a_confirmation_of_another_revocation_is_accused(void **state)
{
	struct harness_link *sequencer;
	char token[TOKEN_ROOM];
	struct oap_grant_key key;
	struct oap_revoked name;
	uint64_t corr_id;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	mint(ordinary, token);
	name = name_of(token);
	send_revoke(1, &name);
	corr_id = harness_expect_revoked(sequencer, &name);
	harness_send_revoked_done(sequencer, corr_id + 1, &(struct oap_revoked_done){ 0 });
	harness_expect_accusation(sequencer, OAP_REVOKED_DONE, ERR_CONFLICT);
}

static void a_peer_class_that_does_not_exist_is_accused(void **state)
{
	struct harness_link *prevalidator;

	(void)state;
	start();
	prevalidator = link_prevalidator();
	harness_send_verify(
		prevalidator, 1, &(struct oap_verify){ .peer_class = GRANT_PEER_COUNT });
	harness_expect_accusation(prevalidator, OAP_VERIFY, ERR_MALFORMED);
	prevalidator = link_prevalidator();
	harness_send_verify(prevalidator, 1,
		&(struct oap_verify){ .peer_class = GRANT_PEER_TCP, .peer_uid = 1 });
	harness_expect_accusation(prevalidator, OAP_VERIFY, ERR_MALFORMED);
}

static void more_than_the_window_is_accused(void **state)
{
	struct harness_link *sequencer;
	struct oap_grant_key key;
	char token[TOKEN_ROOM];
	struct oap_revoked name;

	(void)state;
	start();
	sequencer = link_sequencer(&key);
	mint(ordinary, token);
	name = name_of(token);
	send_revoke(1, &name);
	confirm(sequencer, &name);
	assert_int_equal(expect_answer(1), ERR_OK);
	harness_send_credit(sequencer, 0, &(struct oap_credit){ 2, 20 });
	harness_expect_accusation(sequencer, OAP_CREDIT, ERR_TOO_LARGE);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		CASE(genesis_makes_one_file_that_nobody_else_can_read),
		CASE(an_unfinished_genesis_is_begun_again),
		CASE(the_origin_is_chosen_at_genesis_and_kept),
		CASE(with_the_first_token_the_ledger_is_in_use),
		CASE(a_configured_name_is_the_origin_and_cannot_change),
		CASE(a_name_with_amnesia_is_the_beginning_of_the_origin),
		CASE(the_longest_name_with_amnesia_fits),
		CASE(a_token_verifies_after_a_restart_and_a_kill),
		CASE(the_grant_key_is_new_at_each_start),
		CASE(a_name_that_no_token_could_carry_is_refused_at_genesis),
		CASE(it_serves_when_it_is_ready_and_says_so),
#ifndef MACRONODE_SANITIZED
		CASE(without_locked_memory_it_does_not_start),
#endif
		CASE(a_token_says_first_where_then_what_then_until_when),
		CASE(an_unrestricted_token_is_never_minted),
		CASE(thirty_days_are_the_longest_life_of_a_token),
		CASE(a_caveat_that_does_not_parse_is_named),
		CASE(caveats_fit_up_to_thirtytwo_with_the_node),
		CASE(a_token_longer_than_a_client_may_send_is_not_minted),
		CASE(a_grant_opens_with_the_key_that_the_sequencer_has),
		CASE(a_grant_never_outlives_its_token),
		CASE(descendants_share_a_day_counter),
		CASE(a_tenant_is_minted_and_not_appended),
		CASE(what_is_no_token_is_401),
		CASE(a_token_with_any_character_changed_is_refused),
		CASE(a_caveat_that_was_taken_off_is_missed),
		CASE(a_token_of_another_node_is_refused),
		CASE(a_token_of_the_same_name_under_other_keys_is_refused),
		CASE(what_kms_can_judge_of_caveats_it_judges),
		CASE(a_full_window_of_tokens_is_answered_and_given_back),
		CASE(a_revoked_token_is_refused_at_once_and_after_a_restart),
		CASE(a_revocation_is_answered_only_when_the_sequencer_has_it),
		CASE(each_new_sequencer_is_told_every_revocation_in_order),
		CASE(revoking_twice_is_answered_twice_and_told_once),
		CASE(what_was_never_issued_cannot_be_revoked),
		CASE(revoking_a_root_key_takes_all_its_tokens_and_makes_the_next),
		CASE(after_a_rotation_the_old_key_still_verifies),
		CASE(a_list_shows_what_was_issued_and_no_secret),
		CASE(a_long_list_comes_in_pages),
		CASE(a_verb_from_the_wrong_peer_is_accused),
		CASE(a_confirmation_of_another_revocation_is_accused),
		CASE(a_peer_class_that_does_not_exist_is_accused),
		CASE(more_than_the_window_is_accused),
	};

	return cmocka_run_group_tests_name("kms", tests, NULL, NULL);
}
