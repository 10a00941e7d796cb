#include "cli/node.h"

#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/hex.h"
#include "core/macaroon.h"
#include "core/signed_cap.h"

bool node_open_control(const struct cli *cli, const struct config *config, struct control *ret)
{
	if (control_init(ret, config->node_run_dir, NODE_TIMEOUT_MS)) {
		return true;
	}
	(void)cli_fail(cli, CLI_CANNOT, "node.run_dir %s: too long for the path of a socket",
		config->node_run_dir);
	return false;
}

struct mn_client *node_open_client(const struct cli *cli, const struct config *config)
{
	struct mn_client *client;

	if (config->uds_path[0] == '\0') {
		(void)cli_fail(cli, CLI_CANNOT,
			"uds.path is empty: the node has no local socket to be asked on");
		return NULL;
	}
	client = mn_open(config->uds_path, NODE_TIMEOUT_MS);
	if (client == NULL) {
		(void)cli_fail(
			cli, CLI_CANNOT, "uds.path %s: too long for a socket", config->uds_path);
	}
	return client;
}

/* {"error":{"code":...,"message":...}}, or that alone: the parts that are text. */
static bool print_error(const struct cli *cli, const struct mn_answer *answer)
{
	struct slice text = { (const uint8_t *)answer->json, answer->json_bytes };
	struct json_in *root = json_in_parse(text);
	const struct json_in *inner = json_in_member(root, "error");
	const struct json_in *error = inner == NULL ? root : inner; /* an ApiError is flat */
	const char *code = json_in_text_of(error, "code");
	const char *message = json_in_text_of(error, "message");
	bool found = code[0] != '\0' || message[0] != '\0';

	if (found) {
		(void)cli_fail(cli, CLI_BAD, "the node refused: %s%s%s", code,
			code[0] != '\0' && message[0] != '\0' ? ": " : "", message);
	}
	json_in_free(root);
	return found;
}

int node_fail(const struct cli *cli, const struct mn_client *client, enum mn_result result,
	const struct mn_answer *answer)
{
	if (result == MN_REFUSED) {
		if (cli->json) {
			node_print_line((struct slice){
				(const uint8_t *)answer->json, answer->json_bytes });
		}
		return print_error(cli, answer)
			       ? CLI_BAD
			       : cli_fail(cli, CLI_BAD, "%s", mn_error_text(client));
	}
	return cli_fail(cli, CLI_CANNOT, "%s", mn_error_text(client));
}

int node_control_exit(const struct cli *cli, const struct control *control, enum mn_result result,
	const struct control_answer *answer)
{
	if (result != MN_OK) {
		return cli_fail(cli, CLI_CANNOT, "%s", control_error_text(control));
	}
	if (answer->status == ERR_OK) {
		return CLI_GOOD;
	}
	bool later = answer->status == ERR_BUSY || answer->status == ERR_UNKNOWN ||
		     answer->status == ERR_IO || answer->status == ERR_NO_SPACE;
	return cli_fail(cli, later ? CLI_CANNOT : CLI_BAD, "%.*s", (int)answer->text.bytes_count,
		(const char *)answer->text.bytes);
}

struct json_in *node_parse(const struct cli *cli, struct slice text)
{
	struct json_in *root = json_in_parse(text);

	if (root == NULL) {
		(void)cli_fail(cli, CLI_CANNOT, "the node's answer is no JSON");
	}
	return root;
}

bool node_capability(struct slice token, char ret_hex[NODE_CAPABILITY_BYTES])
{
	static uint8_t bytes[MACAROON_BYTES_MAX];
	static struct macaroon macaroon;
	static struct signed_cap cap;
	struct macaroon_identifier identifier;
	size_t bytes_count = 0;

	_Static_assert(NODE_CAPABILITY_BYTES == HEX_TEXT_BYTES(ID_BYTES) + 1, "it fits");
	ret_hex[0] = '\0';
	if (macaroon_text_decode(token, bytes, sizeof bytes, &bytes_count) != MACAROON_OK) {
		return false;
	}
	if (signed_cap_parse((struct slice){ bytes, bytes_count }, &cap) == SIGNED_CAP_OK) {
		struct id128 id = signed_cap_id(&cap);

		hex_encode(id.bytes, ID_BYTES, ret_hex);
		return true;
	}
	if (macaroon_parse((struct slice){ bytes, bytes_count }, &macaroon) != MACAROON_OK ||
		macaroon_identifier_decode(macaroon.identifier, &identifier) != ERR_OK) {
		return false;
	}
	hex_encode(identifier.capability_id.bytes, ID_BYTES, ret_hex);
	return true;
}

void node_print_line(struct slice text)
{
	(void)fwrite(text.bytes, 1, text.bytes_count, stdout);
	(void)fputc('\n', stdout);
}

void node_print_balance(const struct json_in *root)
{
	const char *held = json_in_text_of(root, "held_minor");
	uint64_t stale_ms = json_in_u64_of(root, "stale_ms");

	(void)printf(
		"%s %s", json_in_text_of(root, "amount_minor"), json_in_text_of(root, "asset"));
	if (strcmp(held, "0") != 0) {
		(void)printf(", and %s held", held);
	}
	(void)printf(" (as of seq %" PRIu64 ", %s", json_in_u64_of(root, "as_of_seq"),
		json_in_text_of(root, "as_of"));
	if (stale_ms != 0) { /* of the past nothing grows old */
		(void)printf(", %" PRIu64 " ms old", stale_ms);
	}
	(void)printf(")\n");
}

void node_actor(char ret_text[NODE_ACTOR_BYTES])
{
	const struct passwd *user = getpwuid(getuid());

	(void)snprintf(ret_text, NODE_ACTOR_BYTES, "uid:%u %s", (unsigned)getuid(),
		user != NULL ? user->pw_name : "");
}

void node_format_age(uint64_t seconds, char *ret_text, size_t bytes_max)
{
	if (seconds < 120) {
		(void)snprintf(ret_text, bytes_max, "%" PRIu64 " s", seconds);
	} else if (seconds < 7200) {
		(void)snprintf(ret_text, bytes_max, "%" PRIu64 " min", seconds / 60);
	} else if (seconds < 172800) {
		(void)snprintf(ret_text, bytes_max, "%" PRIu64 " h", seconds / 3600);
	} else {
		(void)snprintf(ret_text, bytes_max, "%" PRIu64 " d", seconds / 86400);
	}
}

void node_format_time(uint64_t unix_ms, char *ret_text, size_t bytes_max)
{
	time_t unix_s = (time_t)(unix_ms / 1000);
	struct tm fields;

	if (gmtime_r(&unix_s, &fields) == NULL ||
		strftime(ret_text, bytes_max, "%Y-%m-%d %H:%M:%S UTC", &fields) == 0) {
		(void)snprintf(ret_text, bytes_max, "-");
	}
}

const char *node_title(const struct json_in *who)
{
	const char *role = json_in_text_of(who, "role");
	const struct process_id of_admin = { PROCESS_PREVALIDATOR, PREVALIDATOR_OF_ADMIN };
	bool is_of_admin = strcmp(role, process_name(of_admin.process)) == 0 &&
			   json_in_u64_of(who, "instance") == of_admin.instance;

	return is_of_admin ? process_title(of_admin) : role;
}
