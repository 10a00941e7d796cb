#include "cli/reward_put.h"

#include <string.h>

#include "cli/node.h"
#include "core/blake3.h"
#include "core/reward_text.h"

static long read_document(void *context, void *bytes, size_t bytes_max)
{
	struct slice *left = context;
	size_t count = left->bytes_count < bytes_max ? left->bytes_count : bytes_max;

	if (count > 0) {
		memcpy(bytes, left->bytes, count);
		*left = (struct slice){ left->bytes + count, left->bytes_count - count };
	}
	return (long)count;
}

/* The node says under which address it kept the bytes. */
static int compare(const struct cli *cli, const struct mn_answer *answer, struct slice document)
{
	struct json_in *root = node_parse(
		cli, (struct slice){ (const uint8_t *)answer->json, answer->json_bytes });
	struct hash hash;
	char cid[68];
	bool same;

	if (root == NULL) {
		return CLI_CANNOT;
	}
	blake3_hash(document.bytes, document.bytes_count, &hash);
	reward_text_print_cid(&hash, cid);
	same = strcmp(json_in_text_of(root, "id"), cid) == 0;
	json_in_free(root);
	return same ? CLI_GOOD
		    : cli_fail(cli, CLI_BAD, "the node kept other bytes than those of %s", cid);
}

static int put(
	const struct cli *cli, struct mn_client *client, const char *token, struct slice document)
{
	struct slice left = document;
	struct mn_answer answer;
	enum mn_result result = mn_object_put(client, token, "application/json",
		document.bytes_count, read_document, &left, &answer);

	return result == MN_OK ? compare(cli, &answer, document)
			       : node_fail(cli, client, result, &answer);
}

int reward_put(const struct cli *cli, const struct slice *documents, size_t document_count)
{
	static struct config config;
	struct mn_client *client;
	const char *token;
	int exit = CLI_GOOD;

	if (!cli_load_config(cli, &config) || (token = cli_token(cli, false)) == NULL ||
		(client = node_open_client(cli, &config)) == NULL) {
		return CLI_CANNOT;
	}
	for (size_t i = 0; i < document_count && exit == CLI_GOOD; i++) {
		exit = put(cli, client, token, documents[i]);
	}
	mn_close(client);
	return exit;
}
