/* The load client's command line: what to send where, for how long; JSON about it on stdout.
 * Exit: 0 done (whatever the answers were), 2 usage, 3 could not run. */

#include <arpa/inet.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/load/load.h"

static const char usage[] =
	"usage: load ingest|mint|transfer|balance|mixed|roots|ping --to ADDRESS:PORT|PATH "
	"[OPTION...]\n"
	"  --connections N   1         --entries N       a request; 1\n"
	"  --seconds N       10        --total N         entries in all, then end; 0: no bound\n"
	"  --accounts N      1000      --seed N          a new one for each run on a ledger; 1\n"
	"  --since N         0         --timeout-ms N    of an attempt; 15000\n"
	"  --retry-ms N      of a write, with back-off; 30000\n"
	"  --backoff-ms N    the longest wait between attempts; 2000\n"
	"  --token-file FILE else the variable TOKEN\n"
	"  --acks FILE       a line for each acknowledged write:\n"
	"                    first count ts_unix_ms seq_start seq_end root attempts;\n"
	"                    under /v1: form number seq txid receipt_hash attempts\n"
	"  --sent FILE       a line for each request: first count ts_unix_ms\n";

struct command {
	struct load_options options;
	const char *to;
	const char *token_file;
	const char *acks;
	const char *sent;
	uint64_t seconds;
	uint64_t timeout_ms;
	uint64_t retry_ms;
	uint64_t backoff_ms;
	uint64_t connections;
	uint64_t entries;
	uint64_t accounts;
};

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *ret_number)
{
	char *end;
	unsigned long long number;

	if (text[0] < '0' || text[0] > '9') {
		return false;
	}
	number = strtoull(text, &end, 10);
	if (*end != '\0' || number < min || number > max) {
		return false;
	}
	*ret_number = number;
	return true;
}

static bool parse_mode(const char *text, enum requests_mode *ret_mode)
{
	static const char *const names[] = { [REQUESTS_INGEST] = "ingest",
		[REQUESTS_MINT] = "mint",
		[REQUESTS_TRANSFER] = "transfer",
		[REQUESTS_BALANCE] = "balance",
		[REQUESTS_MIXED] = "mixed",
		[REQUESTS_ROOTS] = "roots",
		[REQUESTS_PING] = "ping" };

	for (unsigned i = 0; i < COUNT_OF(names); i++) {
		if (strcmp(text, names[i]) == 0) {
			*ret_mode = (enum requests_mode)i;
			return true;
		}
	}
	return false;
}

/* ADDRESS:PORT, else the path of a socket. */
static bool parse_address(const char *text, struct load_options *options)
{
	const char *colon = strrchr(text, ':');
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	struct sockaddr_in remote = { .sin_family = AF_INET };
	char host[64];
	uint64_t port;

	if (colon != NULL && (size_t)(colon - text) < sizeof host && text[0] != '/') {
		memcpy(host, text, (size_t)(colon - text));
		host[colon - text] = '\0';
		if (!parse_number(colon + 1, 1, 65535, &port) ||
			inet_pton(AF_INET, host, &remote.sin_addr) != 1) {
			return false;
		}
		remote.sin_port = htons((uint16_t)port);
		memcpy(&options->address, &remote, sizeof remote);
		options->address_bytes = sizeof remote;
		return true;
	}
	if (strlen(text) >= sizeof local.sun_path) {
		return false;
	}
	memcpy(local.sun_path, text, strlen(text));
	memcpy(&options->address, &local, sizeof local);
	options->address_bytes = sizeof local;
	return true;
}

static bool parse_option(struct command *command, const char *name, const char *value)
{
	const struct {
		const char *name;
		uint64_t *number;
		uint64_t min;
		uint64_t max;
	} numbers[] = {
		{ "connections", &command->connections, 1, LOAD_CONNECTIONS_MAX },
		{ "entries", &command->entries, 1, REQUESTS_ENTRIES_MAX },
		{ "seconds", &command->seconds, 1, 1000000 },
		{ "total", &command->options.entries_max, 0, UINT64_MAX },
		{ "accounts", &command->accounts, 2, REQUESTS_ACCOUNTS_MAX },
		{ "seed", &command->options.plan.seed, 0, UINT64_MAX },
		{ "since", &command->options.plan.since, 0, UINT64_MAX },
		{ "timeout-ms", &command->timeout_ms, 1, 1000000 },
		{ "retry-ms", &command->retry_ms, 1, 1000000 },
		{ "backoff-ms", &command->backoff_ms, 1, 1000000 },
	};
	const struct {
		const char *name;
		const char **text;
	} texts[] = {
		{ "to", &command->to },
		{ "token-file", &command->token_file },
		{ "acks", &command->acks },
		{ "sent", &command->sent },
	};

	for (unsigned i = 0; i < COUNT_OF(numbers); i++) {
		if (strcmp(name, numbers[i].name) == 0) {
			return parse_number(
				value, numbers[i].min, numbers[i].max, numbers[i].number);
		}
	}
	for (unsigned i = 0; i < COUNT_OF(texts); i++) {
		if (strcmp(name, texts[i].name) == 0) {
			*texts[i].text = value;
			return true;
		}
	}
	return false;
}

static bool parse_command(struct command *command, int argc, char *argv[])
{
	struct load_options *options = &command->options;

	if (argc < 2 || argc % 2 != 0 || !parse_mode(argv[1], &options->plan.mode)) {
		return false;
	}
	for (int i = 2; i < argc; i += 2) {
		if (strncmp(argv[i], "--", 2) != 0 ||
			!parse_option(command, argv[i] + 2, argv[i + 1])) {
			(void)fprintf(
				stderr, "load: %s %s: not understood\n", argv[i], argv[i + 1]);
			return false;
		}
	}
	options->connections = (unsigned)command->connections;
	options->duration_us = (int64_t)command->seconds * 1000000;
	options->timeout_us = (int64_t)command->timeout_ms * 1000;
	options->retry_us = (int64_t)command->retry_ms * 1000;
	options->backoff_us_max = (int64_t)command->backoff_ms * 1000;
	options->plan.accounts = (uint32_t)command->accounts;
	options->plan.entries_per_request = (uint32_t)command->entries;
	return command->to != NULL && parse_address(command->to, options);
}

/* After a sentence on stderr false. */
static bool prepare(struct load_options *options)
{
	struct requests_plan *plan = &options->plan;

	if (!requests_is_wallet(plan->mode)) {
		if (!requests_prepare(plan)) {
			(void)fprintf(stderr, "load: a write needs a token of macronode\n");
			return false;
		}
		return true;
	}
	options->wallet = (struct wallet_plan){
		.seed = plan->seed,
		.accounts = plan->accounts,
		.connections = options->connections,
		.is_mixed = plan->mode == REQUESTS_MIXED,
		.form = plan->mode == REQUESTS_BALANCE ? WALLET_BALANCE : WALLET_TRANSFER,
	};
	plan->entries_per_request = 1;
	if (!wallet_prepare(&options->wallet, plan->token)) {
		return false;
	}
	plan->request_bytes = options->wallet.request_bytes_max;
	return true;
}

static const char *read_token(const char *path)
{
	static char token[REQUESTS_TOKEN_MAX + 2];
	const char *named = getenv("TOKEN");
	FILE *file;

	if (path == NULL) {
		return named == NULL ? "" : named;
	}
	file = fopen(path, "r");
	if (file == NULL || fgets(token, sizeof token, file) == NULL) {
		token[0] = '\0';
	}
	if (file != NULL) {
		(void)fclose(file);
	}
	token[strcspn(token, "\r\n")] = '\0';
	return token;
}

static bool open_journal(const char *path, FILE **ret_file)
{
	if (path == NULL) {
		return true;
	}
	*ret_file = fopen(path, "w");
	if (*ret_file == NULL) {
		perror(path);
		return false;
	}
	return true;
}

static bool close_journal(FILE *file)
{
	if (file != NULL && fclose(file) != 0) {
		perror("load: journal");
		return false;
	}
	return true;
}

static void on_signal(int number)
{
	(void)number;
	load_stop();
}

int main(int argc, char *argv[])
{
	static struct load load; /* the histogram is large */
	struct sigaction stop = { .sa_handler = on_signal };
	struct command command = { .connections = 1,
		.entries = 1,
		.seconds = 10,
		.accounts = 1000,
		.timeout_ms = 15000,
		.retry_ms = 30000,
		.backoff_ms = 2000,
		.options.plan.seed = 1 };
	bool good;

	if (!parse_command(&command, argc, argv)) {
		(void)fputs(usage, stderr);
		return 2;
	}
	command.options.plan.token = read_token(command.token_file);
	if (!prepare(&command.options)) {
		return 2;
	}
	if (!open_journal(command.acks, &command.options.acks) ||
		!open_journal(command.sent, &command.options.sent) ||
		!load_open(&load, &command.options)) {
		return 3;
	}
	(void)sigaction(SIGTERM, &stop, NULL);
	(void)sigaction(SIGINT, &stop, NULL);
	load_run(&load);
	load_report(&load, stdout);
	load_close(&load);
	wallet_finish(&command.options.wallet);
	good = close_journal(command.options.acks);
	good = close_journal(command.options.sent) && good;
	return good ? 0 : 3;
}
