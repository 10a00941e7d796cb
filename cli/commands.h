#ifndef CLI_COMMANDS_H
#define CLI_COMMANDS_H

/* Every command of `macronode`: a row here, its options in commands.c, its code in cli_<name>.
 * Usage, help and completion are made from the rows. Exit codes are those of DESIGN.md section
 * 10. Data goes to stdout, talk to stderr; a secret is never an argument. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/config.h"
#include "common/slice.h"

enum cli_exit {
	CLI_GOOD = 0,
	CLI_BAD = 1,    /* checked, and it is bad */
	CLI_USAGE = 2,  /* the command line is wrong */
	CLI_CANNOT = 3, /* could not check, or could not run */
	CLI_DEGRADED = 4,
};

/* name, words, its other words, how many at least and at most, what it does */
#define CLI_COMMANDS(C)                                                                            \
	C(run, "run", "", 0, 0, "run the node in the foreground")                                  \
	C(check, "check", "", 0, 0, "check the configuration and this machine, start nothing")     \
	C(doctor, "doctor", "", 0, 0, "that, and how the node and its files are, with what helps") \
	C(status, "status", "", 0, 0, "show the processes, queues, height and root")               \
	C(reload, "reload", "", 0, 0, "let the node read its configuration again")                 \
	C(trace, "trace", "[CORR_ID]", 0, 1,                                                       \
		"show where the time of a request went, or the last ones that were traced")        \
	C(stop, "stop", "", 0, 0, "stop the node: finish what it accepted, then end")              \
	C(verify, "verify", "", 0, 0, "read and compute the whole ledger again")                   \
	C(snapshot_create, "snapshot create", "FILE", 1, 1, "write the whole ledger to a file")    \
	C(snapshot_verify, "snapshot verify", "FILE", 1, 1, "compute all that is in it again")     \
	C(snapshot_restore, "snapshot restore", "FILE", 1, 1, "make it a stopped node's store")    \
	C(snapshot_list, "snapshot list", "DIR", 1, 1, "say what snapshots are in a directory")    \
	C(audit_export, "audit export", "", 0, 0, "write entries and audit records as text")       \
	C(audit_verify, "audit verify", "[FILE]", 0, 1, "check such a text; needs no node")        \
	C(recover, "recover", "", 0, 0,                                                            \
		"explain safe mode, and go on after it with what is on disk")                      \
	C(config_print, "config print", "[CONFIG_KEY]", 0, 1,                                      \
		"print the effective configuration, or the value of one key")                      \
	C(config_validate, "config validate", "[FILE]", 0, 1,                                      \
		"check a configuration file, start nothing")                                       \
	C(policy_check, "policy check", "FILE", 1, 1,                                              \
		"check a policy document of the wallet, start nothing")                            \
	C(cap_mint, "cap mint", "", 0, 0, "make a token")                                          \
	C(cap_attenuate, "cap attenuate", "", 0, 0, "narrow a token; needs no node")               \
	C(cap_inspect, "cap inspect", "", 0, 0, "show what a token says; needs no node")           \
	C(cap_test, "cap test", "", 0, 0,                                                          \
		"would the caveats of a token allow this? needs no node")                          \
	C(cap_revoke, "cap revoke", "[CAPABILITY]", 0, 1, "take a token back, or a root key")      \
	C(cap_rotate, "cap rotate", "KEY", 1, 1, "let a new root key follow the active one, KEY")  \
	C(cap_list, "cap list", "", 0, 0, "list root keys and tokens, revoked ones too")           \
	C(key_show, "key show", "", 0, 0,                                                          \
		"show the key that signs checkpoints, as others need it")                          \
	C(gov_freeze, "gov freeze", "", 0, 0, "stop what leaves accounts")                         \
	C(gov_unfreeze, "gov unfreeze", "", 0, 0, "let it leave again")                            \
	C(ledger_ingest, "ledger ingest", "", 0, 0, "send an IngestRequest")                       \
	C(ledger_import, "ledger import", "FILE", 1, 1, "send the rows of a CSV file as entries")  \
	C(ledger_roots, "ledger roots", "", 0, 0, "list commits with their roots")                 \
	C(ledger_show, "ledger show", "SEQ", 1, 1, "show one entry, as it is stored")              \
	C(ledger_balance, "ledger balance", "ACCOUNT", 1, 1,                                       \
		"show what an account has, or had as of an entry")                                 \
	C(proof_check, "proof check", "FILE", 1, 1,                                                \
		"check a .tlog-proof or a checkpoint with the public key; needs no node")          \
	C(proof_entry, "proof entry", "SEQ", 1, 1, "prove that an entry is in the ledger")         \
	C(proof_consistency, "proof consistency", "", 0, 0,                                        \
		"has the ledger only grown since a checkpoint?")                                   \
	C(wallet_issue, "wallet issue", "", 0, 0, "create money on an account")                    \
	C(wallet_transfer, "wallet transfer", "", 0, 0, "move money from account to account")      \
	C(wallet_burn, "wallet burn", "", 0, 0, "destroy money of an account")                     \
	C(wallet_hold, "wallet hold", "", 0, 0, "set money of an account aside")                   \
	C(wallet_capture, "wallet capture", "TXID", 1, 1, "pay out of a hold")                     \
	C(wallet_release, "wallet release", "TXID", 1, 1, "give back what is held")                \
	C(wallet_balance, "wallet balance", "ACCOUNT", 1, 1, "show what an account has")           \
	C(wallet_tx, "wallet tx", "TXID", 1, 1, "show the receipt of an operation, or prove it")   \
	C(wallet_history, "wallet history", "ACCOUNT", 1, 1,                                       \
		"show what changed an account, newest first")                                      \
	C(wallet_watch, "wallet watch", "", 0, 0, "show what happens, as it happens")              \
	C(object_put, "object put", "FILE", 1, 1, "keep a file at the node, under its hash")       \
	C(object_get, "object get", "ADDRESS", 1, 1, "get it back, and check that it is it")       \
	C(reward_policy_keygen, "reward policy keygen", "FILE", 1, 1,                              \
		"make a key that signs policies of rewards; needs no node")                        \
	C(reward_policy_sign, "reward policy sign", "POLICY", 1, 1,                                \
		"sign a policy of rewards; needs no node")                                         \
	C(reward_policy_show, "reward policy show", "POLICY", 1, 1,                                \
		"show such a policy, its hash and who signed it; needs no node")                   \
	C(reward_policy_put, "reward policy put", "FILE", 1, 1,                                    \
		"bring a signed policy to the node")                                               \
	C(reward_policy_get, "reward policy get", "ID", 1, 1, "show a policy that the node has")   \
	C(reward_seal, "reward seal", "", 0, 0,                                                    \
		"make the sealed inputs of an epoch from a CSV file")                              \
	C(reward_compute, "reward compute", "[DIR]", 0, 1,                                         \
		"have the node compute and pay an epoch, or compute it here")                      \
	C(reward_show, "reward show", "EPOCH", 1, 1, "show what the node paid for an epoch")       \
	C(reward_runs, "reward runs", "", 0, 0, "list the runs of a tenant")                       \
	C(reward_release, "reward release", "EPOCH", 1, 1,                                         \
		"let a quarantined epoch be computed anew")                                        \
	C(reward_brownout, "reward brownout", "on|off|status", 1, 1,                               \
		"have epochs computed but not paid, or paid again")                                \
	C(reward_explain, "reward explain", "MANIFEST ACTOR", 2, 2,                                \
		"show how an actor's payment comes about; needs no node")                          \
	C(reward_verify, "reward verify", "MANIFEST", 1, 1,                                        \
		"compute an epoch again by other code, and compare; needs no node")                \
	C(version, "version", "", 0, 0, "print what this was built from")                          \
	C(completion, "completion", "bash|zsh|fish", 1, 1, "print a completion script")            \
	C(help, "help", "[COMMAND]", 0, 3, "explain a command")

struct cli_option {
	const char *name;  /* NULL ends a list */
	const char *value; /* NULL: it takes none */
	const char *text;
};

struct cli;

struct cli_command {
	const char *name; /* "cap mint" */
	const char *words;
	size_t words_min;
	size_t words_max;
	const char *summary;
	const struct cli_option *options;
	int (*run)(struct cli *cli);
};

enum cli_command_id {
#define AS_ENUM(id, name, words, min, max, summary) CLI_##id,
	CLI_COMMANDS(AS_ENUM)
#undef AS_ENUM
		CLI_COMMAND_COUNT
};

extern const struct cli_command cli_commands[CLI_COMMAND_COUNT];
extern const struct cli_option cli_common_options[];

#define AS_PROTOTYPE(id, name, words, min, max, summary) int cli_##id(struct cli *cli);
CLI_COMMANDS(AS_PROTOTYPE)
#undef AS_PROTOTYPE

/* ---- the command line, understood (options.c) ---- */

#define CLI_NAME_BYTES  48u /* of a command's name, with its NUL; whatever is longer is none */
#define CLI_WORDS_MAX   4u
#define CLI_GIVEN_MAX   256u
#define CLI_FLAGS_MAX   64u
#define CLI_FLAG_BYTES  64u
#define CLI_ERROR_BYTES 256u

struct cli_given {
	const struct cli_option *option;
	const char *value; /* NULL when it takes none */
};

struct cli {
	const struct cli_command *command; /* NULL: none was named */
	char group[CLI_NAME_BYTES];        /* its words as far as they have come: "cap" */
	const char *config_path;           /* NULL: the packaged one if it is there */
	bool json;
	bool help;
	size_t word_count;
	const char *words[CLI_WORDS_MAX];
	size_t given_count;
	struct cli_given given[CLI_GIVEN_MAX];
	size_t flag_count; /* of the configuration, in order */
	char flag_names[CLI_FLAGS_MAX][CLI_FLAG_BYTES];
	const char *flag_values[CLI_FLAGS_MAX];
	char error[CLI_ERROR_BYTES]; /* what is wrong with the command line */
};

/* False: ret_cli->error says why; the rest holds what was understood until then. */
bool cli_parse(int argc, char *argv[], struct cli *ret_cli);

/* The value given last; NULL: was not given. */
const char *cli_option(const struct cli *cli, const char *name);
bool cli_has(const struct cli *cli, const char *name);
/* Each value of an option that may be repeated: *at is 0 first. NULL after the last. */
const char *cli_next(const struct cli *cli, const char *name, size_t *at);

/* ---- help.c ---- */

/* Of those of one group, or with "" of all commands. */
void cli_print_usage(FILE *out, const char *group);
void cli_print_help(FILE *out, const struct cli_command *command);

/* ---- config_load.c ---- */

/* File, environment and flags, with what is wrong with them. NULL after a sentence on stderr:
 * the file could not be read. */
const struct config_load *cli_read_config(const struct cli *cli);

/* For a node that runs: free of problems and resolved, and the caller's until the next time. NULL:
 * *ret_why is a sentence. Nothing is printed, and only a regular file is read. */
struct config_load *cli_read_config_again(const struct cli *cli, char *ret_why, size_t why_bytes);

/* The same, free of problems and resolved; false after they were printed to stderr. */
bool cli_load_config(const struct cli *cli, struct config *ret_config);

/* For the way to a node that runs, whatever became of its file: problems are printed, and what is
 * understood is used. False: the file could not be read. */
bool cli_load_config_to_ask(const struct cli *cli, struct config *ret_config);

/* ---- policy.c ---- */

struct policy;

/* cli_read_config(), and the document that policy.file names; for those who only look. */
const struct config_load *cli_read_config_and_policy(const struct cli *cli);

/* The policy that a node of this configuration runs under; false after it was said why not. */
bool cli_load_policy(const struct cli *cli, const struct config *config, struct policy *ret_policy);
/* The same for a node that runs; false: *ret_why is a sentence, and nothing is printed. */
bool cli_load_policy_again(
	const struct config *config, struct policy *ret_policy, char *ret_why, size_t why_bytes);

/* ---- say.c ---- */

/* "macronode COMMAND: sentence" on stderr; the exit code is handed through. */
__attribute__((format(printf, 3, 4))) int cli_fail(
	const struct cli *cli, enum cli_exit exit, const char *format, ...);

/* Text that others wrote: control characters are replaced, so that it cannot steer a terminal. */
void cli_print_text(FILE *out, struct slice text);

/* A file as a whole, "-" is stdin; the caller frees *ret_bytes. A zero follows the bytes.
 * False: a sentence was said. */
bool cli_read_file(
	const struct cli *cli, const char *path, size_t bytes_max, struct slice *ret_bytes);

/* The same of what is a file, at once: no pipe, no device. False: *ret_why is a sentence's end. */
bool cli_read_regular(
	const char *path, size_t bytes_max, struct slice *ret_bytes, const char **ret_why);

/* The token from --token-file, or MACRONODE_TOKEN; for attenuate, inspect and test, else from
 * stdin. White space around it is dropped. NULL: a sentence was said. */
const char *cli_token(const struct cli *cli, bool may_be_stdin);

#endif
