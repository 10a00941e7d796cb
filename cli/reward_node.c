/* macronode reward compute, show, runs, release, policy put, policy get: what a running node pays.
 */
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/out_file.h"
#include "cli/reward_dir.h"
#include "cli/reward_node.h"
#include "common/limits.h"
#include "core/json_out.h"
#include "core/reward_inputs.h"
#include "core/reward_policy.h"

/* Notes of 1024 characters, each of which may become six bytes of JSON, and the rest. */
#define REQUEST_BYTES_MAX 16384u

/* A request of a sealed epoch has four short members. */
#define REQUEST_FILE_BYTES_MAX 4096u

struct session {
	struct mn_client *client;
	const char *token;
};

/* False: a sentence was said. */
static bool begin(const struct cli *cli, struct session *ret_session)
{
	static struct config config;

	*ret_session = (struct session){ .client = NULL };
	return cli_load_config(cli, &config) &&
	       (ret_session->token = cli_token(cli, false)) != NULL &&
	       (ret_session->client = node_open_client(cli, &config)) != NULL;
}

static void print_answer(
	const struct cli *cli, const struct mn_answer *answer, const struct json_in *root)
{
	if (cli->json) {
		node_print_line(
			(struct slice){ (const uint8_t *)answer->json, answer->json_bytes });
	} else {
		json_in_print_members(root);
	}
}

/* Prints the answer whole; its exit code, once it was had. */
static int end(const struct cli *cli, struct session *session, enum mn_result result,
	const struct mn_answer *answer)
{
	int exit = CLI_CANNOT;

	if (result != MN_OK) {
		exit = node_fail(cli, session->client, result, answer);
	} else {
		struct json_in *root = node_parse(
			cli, (struct slice){ (const uint8_t *)answer->json, answer->json_bytes });

		if (root != NULL) {
			print_answer(cli, answer, root);
			exit = CLI_GOOD;
		}
		json_in_free(root);
	}
	mn_close(session->client);
	return exit;
}

/* --- compute --- */

struct request {
	const char *epoch, *inputs, *policy, *policy_hash;
	struct json_in *sealed, *bundle; /* owned; what they may borrow from */
};

static struct json_in *read_sealed(
	const struct cli *cli, const char *dir, const char *name, size_t bytes_max)
{
	char path[OUT_FILE_PATH_BYTES];
	struct json_in *root;
	struct slice text;

	if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path) {
		(void)cli_fail(cli, CLI_USAGE, "%s: the path is too long", dir);
		return NULL;
	}
	if (!cli_read_file(cli, path, bytes_max, &text)) {
		return NULL;
	}
	root = json_in_parse(text);
	free((void *)(uintptr_t)text.bytes);
	if (root == NULL) {
		(void)cli_fail(cli, CLI_BAD, "%s: this is no JSON", path);
	}
	return root;
}

/* From the directory of `reward seal`, or from options; an exit code. */
static int take_request(const struct cli *cli, struct request *ret_request)
{
	*ret_request = (struct request){
		.epoch = cli_option(cli, "--epoch"),
		.inputs = cli_option(cli, "--inputs"),
		.policy = cli_option(cli, "--policy"),
		.policy_hash = cli_option(cli, "--policy-hash"),
	};
	if (cli->word_count == 0) {
		return ret_request->epoch != NULL && ret_request->inputs != NULL &&
				       ret_request->policy != NULL &&
				       ret_request->policy_hash != NULL
			       ? CLI_GOOD
			       : cli_fail(cli, CLI_USAGE,
					 "needs DIR, as `reward seal` writes it, or --offline DIR, "
					 "or --epoch, --inputs, --policy and --policy-hash");
	}
	if (ret_request->epoch != NULL || ret_request->inputs != NULL ||
		ret_request->policy != NULL || ret_request->policy_hash != NULL) {
		return cli_fail(cli, CLI_USAGE,
			"DIR says what --epoch, --inputs, --policy and --policy-hash would");
	}
	ret_request->sealed =
		read_sealed(cli, cli->words[0], REWARD_DIR_REQUEST, REQUEST_FILE_BYTES_MAX);
	ret_request->bundle = ret_request->sealed == NULL
				      ? NULL
				      : read_sealed(cli, cli->words[0], REWARD_DIR_BUNDLE,
						REWARD_BUNDLE_BYTES_MAX);
	if (ret_request->bundle == NULL) {
		return CLI_CANNOT;
	}
	ret_request->epoch = json_in_text_of(ret_request->bundle, "epoch_id");
	ret_request->inputs = json_in_text_of(ret_request->sealed, "inputs_cid");
	ret_request->policy = json_in_text_of(ret_request->sealed, "policy_id");
	ret_request->policy_hash = json_in_text_of(ret_request->sealed, "policy_hash");
	return CLI_GOOD;
}

static void put(struct json_out *out, const char *name, const char *text)
{
	json_out_key(out, name);
	json_out_text(out, text);
}

static bool print_request(const struct cli *cli, const struct request *request,
	uint8_t bytes[REQUEST_BYTES_MAX], size_t *ret_bytes_count)
{
	const char *notes = cli_option(cli, "--notes");
	struct json_out out;

	json_out_init(&out, bytes, REQUEST_BYTES_MAX);
	json_out_object_begin(&out);
	put(&out, "epoch_id", request->epoch);
	put(&out, "inputs_cid", request->inputs);
	put(&out, "policy_id", request->policy);
	put(&out, "policy_hash", request->policy_hash);
	if (cli_has(cli, "--dry-run")) {
		json_out_key(&out, "dry_run");
		json_out_bool(&out, true);
	}
	if (notes != NULL) {
		put(&out, "notes", notes);
	}
	json_out_object_end(&out);
	return json_out_finish(&out, ret_bytes_count) == ERR_OK;
}

/* What a script asks for: is it paid? */
static int exit_of(const struct cli *cli, const struct json_in *root)
{
	const char *status = json_in_text_of(root, "status");

	if (strcmp(status, "pending") == 0) {
		return cli_fail(cli, CLI_DEGRADED,
			"it is still being computed; ask again, or see `reward show`");
	}
	if (json_in_true_of(root, "quarantine")) {
		return cli_fail(cli, CLI_DEGRADED,
			"it is computed, and will be paid when the ledger is quick again");
	}
	return strcmp(status, "ok") == 0 ? CLI_GOOD : CLI_BAD;
}

static int end_compute(const struct cli *cli, struct session *session, enum mn_result result,
	const struct mn_answer *answer)
{
	struct json_in *root =
		result != MN_OK ? NULL
				: json_in_parse((struct slice){
					  (const uint8_t *)answer->json, answer->json_bytes });
	int exit = end(cli, session, result, answer);

	if (root != NULL && exit == CLI_GOOD) {
		exit = exit_of(cli, root);
	}
	json_in_free(root);
	return exit;
}

int reward_node_compute(const struct cli *cli)
{
	static uint8_t bytes[REQUEST_BYTES_MAX];
	struct request request;
	struct session session;
	struct mn_answer answer;
	size_t bytes_count = 0;
	int exit = take_request(cli, &request);

	if (exit == CLI_GOOD && !print_request(cli, &request, bytes, &bytes_count)) {
		exit = cli_fail(cli, CLI_USAGE, "the options are longer than any request can be");
	}
	json_in_free(request.sealed);
	json_in_free(request.bundle);
	if (exit != CLI_GOOD) {
		return exit;
	}
	if (!begin(cli, &session)) {
		return CLI_CANNOT;
	}
	enum mn_result result = mn_reward_compute(
		session.client, session.token, (const char *)bytes, bytes_count, &answer);
	return end_compute(cli, &session, result, &answer);
}

/* --- show, runs --- */

/* The bytes as they are: a hash is over them. */
static int save_manifest(const struct cli *cli, struct session *session, enum mn_result result,
	const struct mn_answer *answer)
{
	const char *path = cli_option(cli, "-o");
	int exit = CLI_CANNOT;

	if (result != MN_OK) {
		exit = node_fail(cli, session->client, result, answer);
	} else if (out_file_write(cli, path == NULL ? "-" : path, 0644,
			   (struct slice){ (const uint8_t *)answer->json, answer->json_bytes })) {
		exit = CLI_GOOD;
	}
	mn_close(session->client);
	return exit;
}

int cli_reward_show(struct cli *cli)
{
	struct session session;
	struct mn_answer answer;
	enum mn_result result;

	if (!cli_has(cli, "--manifest") && cli_option(cli, "-o") != NULL) {
		return cli_fail(cli, CLI_USAGE, "-o FILE is for --manifest");
	}
	if (!begin(cli, &session)) {
		return CLI_CANNOT;
	}
	if (cli_has(cli, "--manifest")) {
		result = mn_reward_manifest(session.client, session.token, cli->words[0], &answer);
		return save_manifest(cli, &session, result, &answer);
	}
	result = mn_reward_epoch(session.client, session.token, cli->words[0], &answer);
	return end(cli, &session, result, &answer);
}

static void print_run(const struct json_in *run)
{
	const char *state = json_in_text_of(run, "state");

	(void)printf("%-17s  %s  %s%s%s\n", json_in_text_of(run, "epoch_id"),
		json_in_text_of(run, "run_key"), json_in_text_of(run, "status"),
		state[0] != '\0' ? "  " : "", state);
}

/* Prints a page, and moves `after` to where the next begins; false when it was the last. */
static bool print_page(const struct json_in *root, char after[REWARD_EPOCH_BYTES_MAX + 1])
{
	const struct json_in *runs = json_in_member(root, "runs");
	const char *next = json_in_text_of(root, "next");

	for (size_t i = 0; i < json_in_count(runs); i++) {
		print_run(json_in_item(runs, i));
	}
	return next[0] != '\0' && snprintf(after, REWARD_EPOCH_BYTES_MAX + 1, "%s", next) <=
					  (int)REWARD_EPOCH_BYTES_MAX;
}

static enum mn_result ask_page(const struct session *session, const char *after, bool only_held,
	struct mn_answer *ret_answer)
{
	char query[64];

	(void)snprintf(query, sizeof query, "%s%s%s%s", after[0] != '\0' ? "after=" : "", after,
		after[0] != '\0' && only_held ? "&" : "", only_held ? "held=true" : "");
	return mn_reward_runs(session->client, session->token, query, ret_answer);
}

/* All pages for people; of JSON the one that was asked for, which says where the next begins. */
static int list(const struct cli *cli, struct session *session, char *after)
{
	bool only_held = cli_has(cli, "--held"), more = true;
	int exit = CLI_GOOD;

	while (more && exit == CLI_GOOD) {
		struct mn_answer answer;
		enum mn_result result = ask_page(session, after, only_held, &answer);
		struct json_in *root;

		if (result != MN_OK || cli->json) {
			return end(cli, session, result, &answer);
		}
		root = node_parse(
			cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
		more = root != NULL && print_page(root, after);
		exit = root == NULL ? CLI_CANNOT : CLI_GOOD;
		json_in_free(root);
	}
	mn_close(session->client);
	return exit;
}

int cli_reward_runs(struct cli *cli)
{
	const char *given = cli_option(cli, "--after");
	char after[REWARD_EPOCH_BYTES_MAX + 1];
	struct session session;

	if (snprintf(after, sizeof after, "%s", given == NULL ? "" : given) >= (int)sizeof after) {
		return cli_fail(cli, CLI_USAGE, "--after: expected an epoch, such as 2026-11-01");
	}
	return begin(cli, &session) ? list(cli, &session, after) : CLI_CANNOT;
}

/* --- release --- */

int cli_reward_release(struct cli *cli)
{
	const char *reason = cli_option(cli, "--reason");
	uint8_t bytes[REQUEST_BYTES_MAX];
	struct session session;
	struct mn_answer answer;
	struct json_out out;
	size_t bytes_count = 0;

	if (reason == NULL || reason[0] == '\0') {
		return cli_fail(cli, CLI_USAGE, "needs --reason TEXT, for the log");
	}
	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	put(&out, "epoch_id", cli->words[0]);
	put(&out, "reason", reason);
	json_out_object_end(&out);
	if (json_out_finish(&out, &bytes_count) != ERR_OK) {
		return cli_fail(cli, CLI_USAGE, "--reason: expected at most 512 bytes");
	}
	if (!begin(cli, &session)) {
		return CLI_CANNOT;
	}
	enum mn_result result = mn_reward_release(
		session.client, session.token, (const char *)bytes, bytes_count, &answer);
	return end(cli, &session, result, &answer);
}

/* --- policies --- */

int cli_reward_policy_put(struct cli *cli)
{
	struct session session;
	struct mn_answer answer;
	struct slice document;

	if (!cli_read_file(cli, cli->words[0], REWARD_POLICY_BYTES_MAX, &document)) {
		return CLI_CANNOT;
	}
	if (!begin(cli, &session)) {
		free((void *)(uintptr_t)document.bytes);
		return CLI_CANNOT;
	}
	enum mn_result result = mn_reward_policy_put(session.client, session.token,
		(const char *)document.bytes, document.bytes_count, &answer);
	free((void *)(uintptr_t)document.bytes);
	return end(cli, &session, result, &answer);
}

int cli_reward_policy_get(struct cli *cli)
{
	struct session session;
	struct mn_answer answer;

	if (!begin(cli, &session)) {
		return CLI_CANNOT;
	}
	enum mn_result result =
		mn_reward_policy(session.client, session.token, cli->words[0], &answer);
	return end(cli, &session, result, &answer);
}
