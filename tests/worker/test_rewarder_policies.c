/* A table of policies that is full: which of them make room for another one, and which never do. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "services/rewarder/policies.h"
#include "tests/worker/rewarder_driver.h"

#define DAY_S 86400

#ifdef MACRONODE_TEST_HOOKS
static const struct epoch greedy = { EPOCH, GOLDEN_ROWS, "1000001", 3, 3 };
#endif

/* The golden one under another id, with what comes behind its last member. */
static void print_policy(const char *id, const char *tail, char *text, size_t text_bytes)
{
	static const char golden_policy[] = GOLDEN_POLICY;
	const char *at = strstr(golden_policy, "rev42");

	assert_non_null(at);
	(void)snprintf(text, text_bytes, "%.*s%s%s%s", (int)(at - golden_policy), golden_policy, id,
		at + strlen("rev42"), tail);
}

static struct hash hash_of(const char *document)
{
	static struct reward_policy policy;
	struct reward_outcome outcome = { 0 };

	assert_true(reward_policy_read(text_of(document), &policy, &outcome));
	return policy.hash;
}

/* Where the rewarder keeps it. */
static void path_of(const char *id, char *path, size_t path_bytes)
{
	char text[1024], name[128];
	struct hash hash;
	size_t used;

	print_policy(id, "}", text, sizeof text);
	hash = hash_of(text);
	used = (size_t)snprintf(name, sizeof name, "artifacts/policies/");
	for (size_t i = 0; i < HASH_BYTES; i++) {
		used += (size_t)snprintf(name + used, sizeof name - used, "%02x", hash.bytes[i]);
	}
	(void)snprintf(name + used, sizeof name - used, ".json");
	harness_path(&h, name, path, path_bytes);
}

/* As if it had been put so long ago. */
static void make_old(const char *id, time_t age_s)
{
	struct timespec then[2];
	char path[256];

	path_of(id, path, sizeof path);
	(void)clock_gettime(CLOCK_REALTIME, &then[0]);
	then[0].tv_sec -= age_s;
	then[1] = then[0];
	assert_int_equal(utimensat(AT_FDCWD, path, then, 0), 0);
}

static void keep_policy(const char *id, time_t age_s)
{
	char text[1024], path[256];
	ssize_t bytes;
	int fd;

	path_of(id, path, sizeof path);
	print_policy(id, "}", text, sizeof text);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	bytes = write(fd, text, strlen(text));
	assert_int_equal(bytes, strlen(text));
	assert_int_equal(fchown(fd, h.uid, h.gid), 0);
	(void)close(fd);
	make_old(id, age_s);
}

/* p0 is the oldest of them. */
static void fill(unsigned count, time_t age_s)
{
	char id[16];

	for (unsigned i = 0; i < count; i++) {
		(void)snprintf(id, sizeof id, "p%u", i);
		keep_policy(id, age_s + (time_t)(count - i));
	}
}

static struct oap_run_reply put(uint64_t ticket, const char *id)
{
	char text[2048], tail[256], cid[REWARD_CID_BYTES + 1];
	char signature[BASE64_TEXT_BYTES(64) + 1];
	struct oap_policy_put msg = { .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.grant = grants_seal_acme() };
	uint8_t bytes[64];
	struct hash hash;

	print_policy(id, "}", text, sizeof text);
	hash = hash_of(text);
	reward_text_print_cid(&hash, cid);
	(void)crypto_sign_detached(bytes, NULL, (const uint8_t *)cid, strlen(cid), gov_secret);
	(void)base64_encode(bytes, sizeof bytes, signature);
	(void)snprintf(tail, sizeof tail,
		",\"signatures\":[{\"alg\":\"ed25519\",\"kid\":\"gov-1\",\"sig\":\"base64:%s\"}]}",
		signature);
	print_policy(id, tail, text, sizeof text);
	msg.document = text_of(text);
	harness_send_policy_put(prevalidator, ticket, &msg);
	return expect_reply(ticket);
}

static void expect_kept(uint64_t ticket, const char *id, bool is_kept)
{
	const struct oap_policy_show msg = { .edge_process = PROCESS_INGRESS,
		.edge_generation = edge->generation,
		.deadline_mono_ms = now_mono_ms() + 60000,
		.policy_id = text_of(id),
		.grant = grants_seal_acme() };
	struct oap_run_reply reply;
	char path[256];

	harness_send_policy_show(prevalidator, ticket, &msg);
	reply = expect_reply(ticket);
	assert_int_equal(reply.status, is_kept ? 200 : 404);
	path_of(id, path, sizeof path);
	assert_int_equal(access(path, F_OK), is_kept ? 0 : -1);
}

static void expect_put(uint64_t ticket, const char *id)
{
	struct oap_run_reply reply = put(ticket, id);

	expect_refusal(&reply, 200, REWARD_REASON_NONE);
}

/* Goal: what was not used for longest makes room, one for each, also behind a restart; what is
 * forgotten may come again, and no more than there is room for is read. */
static void the_oldest_make_room(void **state)
{
	(void)state;
	harness_make_dir(&h, "artifacts/policies");
	fill(POLICIES_MAX, 2 * DAY_S);
	start_bare();
	expect_kept(1, "p0", true);
	expect_put(2, "new1");
	expect_kept(3, "p0", false);
	expect_put(4, "new2");
	expect_kept(5, "p1", false);
	expect_kept(6, "p2", true);
	restart_rewarder();
	expect_kept(7, "new1", true);
	expect_kept(8, "new2", true);
	expect_put(9, "new1"); /* is there */
	expect_kept(10, "p2", true);
	expect_put(11, "p0");
	expect_kept(12, "p0", true);
	expect_kept(13, "p2", false);
	harness_stop(&h);
}

/* Goal: of policies that were put lately none is forgotten: whoever brings another one is told what
 * the bound is; a document that is none, or not signed, never takes anybody's place. */
static void those_of_today_stay(void **state)
{
	struct oap_run_reply reply;

	(void)state;
	harness_make_dir(&h, "artifacts/policies");
	fill(POLICIES_MAX, DAY_S / 2);
	start_bare();
	reply = put(1, "new1");
	expect_refusal(&reply, 429, REWARD_REASON_POLICIES_KEPT);
	expect_kept(2, "p0", true);
	harness_kill(&h);
	make_old("p7", 2 * DAY_S);
	h.config.rewarder_trust_keys.count = 0;
	start_rewarder();
	reply = put(3, "new1");
	expect_refusal(&reply, 400, REWARD_REASON_POLICY_UNSIGNED);
	expect_kept(4, "p7", true);
	harness_kill(&h);
	h.config.rewarder_trust_keys.count = 1;
	start_rewarder();
	expect_put(5, "new1");
	expect_kept(6, "p7", false);
	reply = put(7, "new2");
	expect_refusal(&reply, 429, REWARD_REASON_POLICIES_KEPT);
	harness_stop(&h);
}

#ifdef MACRONODE_TEST_HOOKS

/* Goal: what a run that is kept was computed by stays, however old it is. */
static void what_a_run_needs_stays(void **state)
{
	struct hash inputs = seal_epoch(&greedy);
	struct oap_run_reply reply;
	char id[16];

	(void)state;
	start_bare();
	put_policy();
	quarantine(2, EPOCH, &inputs);
	harness_kill(&h);
	fill(1, DAY_S);
	for (unsigned i = 1; i < POLICIES_MAX - 1; i++) {
		(void)snprintf(id, sizeof id, "young%u", i);
		keep_policy(id, -9 * DAY_S);
	}
	start_rewarder_later((int64_t)9 * DAY_S * 1000);
	expect_put(3, "new1");
	expect_kept(4, "p0", false);
	reply = put(5, "new2"); /* the others are of today, and of a run of nine days ago */
	expect_refusal(&reply, 429, REWARD_REASON_POLICIES_KEPT);
	expect_kept(6, "rev42", true);
	harness_stop(&h);
}

#endif

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_oldest_make_room),
		CASE(those_of_today_stay),
#ifdef MACRONODE_TEST_HOOKS
		CASE(what_a_run_needs_stays),
#endif
	};

	return cmocka_run_group_tests_name("rewarder_policies", tests, NULL, NULL);
}
