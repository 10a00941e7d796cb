#include "cli/commands.h"

/* Options of each command. A value's name is what help calls it. */

#define TOKEN_OPTION                                                                      \
	{                                                                                 \
		"--token-file", "FILE", "read the token from FILE (else MACRONODE_TOKEN)" \
	}
#define VKEY_OPTION                                                                         \
	{                                                                                   \
		"--vkey", "KEY", "the node's public key, as `macronode key show` prints it" \
	}
#define TOKEN_OR_STDIN_OPTION                                   \
	{                                                       \
		"--token-file", "FILE",                         \
			"read the token from FILE (else "       \
			"MACRONODE_TOKEN, else standard input)" \
	}

/* The caveats that a token is made of; cli/caveats.c turns them into text. */
#define CAVEAT_OPTIONS                                                                           \
	{ "--action", "LIST", "allow these actions only, such as ledger.ingest or wallet.*" },   \
		{ "--account", "LIST", "accounts whose balance falls, or beginnings with *" },   \
		{ "--asset", "LIST", "assets" },                                                 \
		{ "--kind", "LIST", "kinds of entries, such as Transfer" },                      \
		{ "--amount", "N", "at most this much an entry, in minor units" },               \
		{ "--daily", "N", "at most this much a UTC day and asset" },                     \
		{ "--tenant", "LIST", "tenants" }, { "--method", "LIST", "HTTP methods" },       \
		{ "--path", "LIST", "paths, compared byte for byte" },                           \
		{ "--max-bytes", "N", "at most this long a body" },                              \
		{ "--epoch", "LIST", "reward epochs" },                                          \
		{ "--nbf", "TIME", "not before (seconds since 1970, or 2026-01-31T12:00:00Z)" }, \
		{ "--exp", "TIME", "not at or after" },                                          \
		{ "--ttl", "DURATION", "for so long from minting: 90s, 15m, 24h, 30d" },         \
		{ "--peer-uid", "LIST", "user ids at the other end of a UNIX socket" },          \
		{ "--node", "NAME", "origin name of the node" },                                 \
	{                                                                                        \
		"--caveat", "TEXT", "a caveat as text; all of these may be repeated"             \
	}

static const struct cli_option options_run[] = {
	{ "--libexec", "DIR", "take the executables of the workers from DIR" },
	{ "--ready-fd", "N", "write a line to descriptor N, and close it, when the node is ready" },
	{ "--report-syscalls", NULL, "name a forbidden system call before ending (test builds)" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_check[] = {
	{ "--libexec", "DIR", "take the executables of the workers from DIR" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_none[] = { { NULL, NULL, NULL } };
static const struct cli_option options_trace[] = {
	{ "--file", "FILE", "search a log (log.format = \"json\") instead; needs no node" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_stop[] = {
	{ "--reason", "TEXT", "why, for the log" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_verify[] = {
	{ "--offline", NULL, "read the store itself, even while a node runs on it" },
	{ "--snapshot", "FILE", "verify a snapshot instead; needs no node" },
	{ "--tiles", "DIR", "verify a directory of tiles instead; needs no node" },
	{ "--checkpoint", "FILE", "also: is this ledger the continuation of that checkpoint?" },
	VKEY_OPTION,
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_snapshot_create[] = {
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_snapshot_verify[] = {
	VKEY_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_snapshot_restore[] = {
	{ "--replace", NULL, "keep the ledger that is there aside, and take its place" },
	{ "--new-origin", NULL, "give the ledger's name up: what was signed goes further" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_audit_export[] = {
	{ "--range", "A:B", "these entries only; B may be latest" },
	{ "--out", "FILE", "write to FILE (else standard output)" },
	{ "--tiles", "DIR", "write the transparency log as static files instead" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_audit_verify[] = {
	VKEY_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_recover[] = {
	{ "--ack", "HEIGHT:ROOT",
		"go on with what is on disk, which must be that; missing entries are given up" },
	{ "--new-origin", NULL,
		"with --ack, of a stopped node: under a new name and key, when more was signed" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_mint[] = {
	CAVEAT_OPTIONS,
	{ "--form", "FORM", "macaroon, or signed: nobody can narrow that one" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_attenuate[] = {
	CAVEAT_OPTIONS,
	TOKEN_OR_STDIN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_inspect[] = {
	TOKEN_OR_STDIN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_test[] = {
	{ "--action", "LIST", "the actions that the request needs" },
	{ "--account", "NAME", "the account whose balance falls, or that is read (repeatable)" },
	{ "--asset", "NAME", "the asset" },
	{ "--kind", "KIND", "the kind of entry" },
	{ "--amount", "N", "the amount" },
	{ "--tenant", "NAME", "the tenant" },
	{ "--method", "NAME", "the HTTP method" },
	{ "--path", "PATH", "the path, without its query" },
	{ "--bytes", "N", "length of the body" },
	{ "--epoch", "NAME", "the reward epoch" },
	{ "--peer-uid", "N", "user id at the other end of a UNIX socket" },
	{ "--node", "NAME", "origin name of the node (else the one of the token)" },
	{ "--at", "TIME", "as of this time instead of now" },
	TOKEN_OR_STDIN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_revoke[] = {
	{ "--key", "N", "revoke root key N, and with it every token under it" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_govern[] = {
	{ "--global", NULL, "all accounts" },
	{ "--asset", "NAME", "one asset" },
	{ "--account", "NAME", "one account" },
	{ "--reason", "TEXT", "why, for the audit log" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_ingest[] = {
	{ "-f", "FILE", "the request, JSON as for POST /ingest; - is standard input" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_import[] = {
	{ "--map", "FIELD=COLUMN,...", "what is taken from which column (repeatable)" },
	{ "--set", "FIELD=VALUE", "what is the same in every row; kind is Transfer if not said" },
	{ "--prefix", "FIELD=TEXT", "put TEXT before what the column holds" },
	{ "--fund-by-mint", NULL, "first mint to each account what the rows take from it" },
	{ "--fund-label", "TEXT", "name of this funding: another name mints again" },
	{ "--dry-run", NULL, "read and check the whole file, send nothing" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_roots[] = {
	{ "--since", "SEQ", "only commits after this entry" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_show[] = {
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};

static const struct cli_option options_balance[] = {
	{ "--asset", "NAME", "the asset; ron if not said" },
	{ "--at", "SEQ", "as of this entry instead of now; 0 is before the first" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};

static const struct cli_option options_proof_check[] = {
	VKEY_OPTION,
	{ "--entry", "FILE", "the bytes of the entry, when the proof does not hold them" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_proof_entry[] = {
	{ "-o", "FILE", "write the proof to FILE" },
	{ "--size", "N", "in the tree of the first N entries, as JSON without a checkpoint" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_proof_consistency[] = {
	{ "--from", "FILE", "a checkpoint from earlier" },
	{ "--to", "FILE", "a later one; else the node's newest" },
	VKEY_OPTION,
	{ "-o", "FILE", "write the hashes to FILE, a line of base64 each" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_object_put[] = {
	{ "--content-type", "TYPE", "its media type, which whoever gets it is told" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_object_get[] = {
	{ "-o", "FILE", "write it to FILE, which is there whole or not at all; else to stdout" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
/* Of every operation of the wallet. */
#define WALLET_OPTIONS                                                                    \
	{ "--amount", "N", "how much, in minor units" },                                  \
		{ "--asset", "NAME", "the asset; ron if not said" },                      \
		{ "--nonce", "N", "the account's next nonce; asked for if not said" },    \
		{ "--idempotency-key", "KEY", "a name of this wish; drawn if not said" }, \
		{ "--memo", "TEXT", "kept beside the entry, at most 256 bytes" }, TOKEN_OPTION

static const struct cli_option options_issue[] = {
	{ "--to", "ACCOUNT", "whose it will be" },
	WALLET_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_transfer[] = {
	{ "--from", "ACCOUNT", "whose it is" },
	{ "--to", "ACCOUNT", "whose it will be" },
	WALLET_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_burn[] = {
	{ "--from", "ACCOUNT", "whose it is" },
	WALLET_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_hold[] = {
	{ "--from", "ACCOUNT", "whose it is, and stays" },
	{ "--expires", "TIME", "released by itself then (milliseconds since 1970)" },
	WALLET_OPTIONS,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_wallet_balance[] = {
	{ "--asset", "NAME", "the asset; ron if not said" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_wallet_tx[] = {
	{ "--proof", NULL, "its .tlog-proof instead, which `proof check` reads" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_wallet_history[] = {
	{ "--asset", "NAME", "the asset; ron if not said" },
	{ "--before", "SEQ", "only what stands before this entry" },
	{ "--limit", "N", "at most so many, and at most 200; 100 if not said" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_wallet_watch[] = {
	{ "--after", "SEQ", "what stands behind this entry; all if not said" },
	{ "--count", "N", "end after so many; never if not said" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
#define INPUTS_OPTION                                                                \
	{                                                                            \
		"--inputs", "DIR", "the sealed inputs, as `reward seal` writes them" \
	}
#define SALT_OPTION                                                                         \
	{                                                                                   \
		"--salt", "TEXT", "the node's rewarder.idempotency_salt, if it has its own" \
	}

static const struct cli_option options_reward_policy_keygen[] = {
	{ "--kid", "NAME", "whose key it is: the name that signatures have" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_policy_sign[] = {
	{ "--key", "FILE", "the key of who signs (repeatable); only the user may read it" },
	{ "-o", "FILE", "write the signed policy to FILE (else standard output)" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_policy_show[] = {
	{ "--vkey", "KEY", "a key that is trusted, as keygen and sign print it (repeatable)" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_seal[] = {
	{ "--from", "FILE", "CSV with a line of column names: what the actors did" },
	{ "--tenant", "NAME", "whose epoch it is" },
	{ "--epoch", "NAME", "its name: a day, or a minute as 2026-11-01T00:00Z" },
	{ "--epoch-index", "N", "its number on the emission curve" },
	{ "--window", "START/END", "2026-11-01T00:00:00Z/2026-12-01T00:00:00Z" },
	{ "--policy", "FILE", "the policy by which it is paid" },
	{ "--actor-column", "NAME", "the column that names the actors" },
	{ "--actor-prefix", "TEXT", "put TEXT before what that column holds" },
	{ "--metrics", "LIST", "what is counted: columns, or METRIC=COLUMN, with commas" },
	{ "--category-column", "NAME", "the column of categories" },
	{ "--category", "NAME", "the category of all rows; none if not said" },
	{ "--pool", "N", "what there is to share; else what the pool's account has" },
	{ "--seq", "N", "with --pool: as of this entry" },
	{ "--root", "HEX", "with --seq: and this root" },
	{ "-o", "DIR", "where the inputs go" },
	{ "--put", NULL, "also keep them at the running node, as objects" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_compute[] = {
	{ "--epoch", "NAME", "without DIR: whose computation it is" },
	{ "--inputs", "CID", "and the hash of its bundle, an object of the node" },
	{ "--policy", "ID", "and the policy, which the node has" },
	{ "--policy-hash", "HASH", "and its hash" },
	{ "--dry-run", NULL, "compute, and pay nothing" },
	{ "--notes", "TEXT", "for whoever reads the run; kept with it" },
	TOKEN_OPTION,
	{ "--offline", "DIR", "the sealed inputs; no node is asked, and nothing is paid" },
	{ "-o", "FILE", "with --offline: write the manifest to FILE (else standard output)" },
	SALT_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_show[] = {
	{ "--manifest", NULL, "all that was computed, run.json, byte for byte" },
	{ "-o", "FILE", "with --manifest: write it to FILE" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_runs[] = {
	{ "--after", "EPOCH", "those behind this one" },
	{ "--held", NULL, "only those that keep others from being paid" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_release[] = {
	{ "--reason", "TEXT", "why; it stands in the log" },
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_brownout[] = {
	{ "--reason", "TEXT", "with on and off: why; it is kept in the audit log" },
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_policy_put[] = {
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_policy_get[] = {
	TOKEN_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_explain[] = {
	INPUTS_OPTION,
	SALT_OPTION,
	{ NULL, NULL, NULL },
};
static const struct cli_option options_reward_verify[] = {
	INPUTS_OPTION,
	{ "--attestation", "FILE", "also: what the node signed about this manifest" },
	{ "--vkey", "KEY", "with --attestation: the key that signed it" },
	SALT_OPTION,
	{ NULL, NULL, NULL },
};

#define options_doctor          options_check
#define options_status          options_none
#define options_reload          options_none
#define options_config_print    options_none
#define options_config_validate options_none
#define options_policy_check    options_none
#define options_cap_mint        options_mint
#define options_cap_attenuate   options_attenuate
#define options_cap_inspect     options_inspect
#define options_cap_test        options_test
#define options_cap_revoke      options_revoke
#define options_cap_rotate      options_none
#define options_cap_list        options_none
#define options_key_show        options_none
#define options_gov_freeze      options_govern
#define options_gov_unfreeze    options_govern
#define options_ledger_ingest   options_ingest
#define options_ledger_import   options_import
#define options_ledger_roots    options_roots
#define options_ledger_show     options_show
#define options_ledger_balance  options_balance
#define options_snapshot_list   options_none
#define options_wallet_issue    options_issue
#define options_wallet_transfer options_transfer
#define options_wallet_burn     options_burn
#define options_wallet_hold     options_hold
#define options_wallet_capture  options_transfer
#define options_wallet_release  options_burn
#define options_version         options_none
#define options_completion      options_none
#define options_help            options_none

const struct cli_option cli_common_options[] = {
	{ "--config", "FILE", "the configuration (else /etc/macronode/macronode.toml, if there)" },
	{ "--json", NULL, "print JSON" },
	{ "--help", NULL, "explain the command" },
	{ NULL, NULL, NULL },
};

const struct cli_command cli_commands[CLI_COMMAND_COUNT] = {
#define AS_ROW(id, name, words, min, max, summary) \
	[CLI_##id] = { name, words, min, max, summary, options_##id, cli_##id },
	CLI_COMMANDS(AS_ROW)
#undef AS_ROW
};
