/* Epochs that are paid (routes under /rewarder). */
#include <string.h>

#include "client/question.h"

/* Token, then what the route takes. */
static enum mn_result ask(struct mn_client *client, uint16_t verb, const char *token,
	const char *text, size_t bytes_count, struct mn_answer *ret_answer)
{
	uint8_t length[2];
	struct slice parts[3];

	*ret_answer = (struct mn_answer){ "", 0 };
	if (!question_token(token == NULL ? "" : token, length, parts)) {
		return question_refuse_token(client, ret_answer);
	}
	parts[2] = (struct slice){ (const uint8_t *)text, bytes_count };
	return question_call(client, verb, parts, 3, ret_answer);
}

enum mn_result mn_reward_compute(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_COMPUTE, token, json, json_bytes, ret_answer);
}

enum mn_result mn_reward_release(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_RELEASE, token, json, json_bytes, ret_answer);
}

enum mn_result mn_reward_epoch(struct mn_client *client, const char *token, const char *epoch,
	struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_EPOCH, token, epoch, strlen(epoch), ret_answer);
}

enum mn_result mn_reward_manifest(struct mn_client *client, const char *token, const char *epoch,
	struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_MANIFEST, token, epoch, strlen(epoch), ret_answer);
}

enum mn_result mn_reward_runs(struct mn_client *client, const char *token, const char *query,
	struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_RUNS, token, query, strlen(query), ret_answer);
}

enum mn_result mn_reward_policy_put(struct mn_client *client, const char *token, const char *json,
	size_t json_bytes, struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_POLICY_PUT, token, json, json_bytes, ret_answer);
}

enum mn_result mn_reward_policy(struct mn_client *client, const char *token, const char *policy_id,
	struct mn_answer *ret_answer)
{
	return ask(client, VERB_REWARD_POLICY, token, policy_id, strlen(policy_id), ret_answer);
}
