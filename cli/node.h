#ifndef CLI_NODE_H
#define CLI_NODE_H

/* The node that the configuration names: its two sockets, and what it answers. */

#include "cli/commands.h"
#include "cli/json_in.h"
#include "client/control.h"
#include "client/macronode.h"

/* How long its silence is waited for. A start replays for a while; the edge answers anyhow. */
#define NODE_TIMEOUT_MS 30000

/* False: a sentence was said. */
bool node_open_control(const struct cli *cli, const struct config *config, struct control *ret);
/* NULL: a sentence was said. */
struct mn_client *node_open_client(const struct cli *cli, const struct config *config);

/* The exit code of a question that failed, after a sentence. An error document of the node goes
 * to stdout when JSON is wanted. */
int node_fail(const struct cli *cli, const struct mn_client *client, enum mn_result result,
	const struct mn_answer *answer);

/* What a control question came to: CLI_GOOD if the node did it, else a sentence and a code. */
int node_control_exit(const struct cli *cli, const struct control *control, enum mn_result result,
	const struct control_answer *answer);

/* NULL after a sentence: the answer is no JSON. */
struct json_in *node_parse(const struct cli *cli, struct slice text);

/* The hex capability id of a token, which entries name as their capability_ref. False, and "",
 * if it is no token of ours. */
#define NODE_CAPABILITY_BYTES 33u
bool node_capability(struct slice token, char ret_hex[NODE_CAPABILITY_BYTES]);

/* Who says so: the user of this process, as the audit log has it. */
#define NODE_ACTOR_BYTES 96u
void node_actor(char ret_text[NODE_ACTOR_BYTES]);

void node_print_line(struct slice text); /* as it came, and a line feed */

/* A Balance in one line, and with more to read it by than the amount. */
void node_print_balance(const struct json_in *root);

/* "12 s", "3 min", "5 h", "2 d" */
void node_format_age(uint64_t seconds, char *ret_text, size_t bytes_max);

/* Of a process that has `role` and `instance`: what reasons of readiness and ps call it, too. */
const char *node_title(const struct json_in *who);

/* 2026-01-31 12:00:00 UTC */
void node_format_time(uint64_t unix_ms, char *ret_text, size_t bytes_max);

#endif
