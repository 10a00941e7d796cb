/* macronode ledger import: the whole file is read and checked before its first row is sent. */
#include <inttypes.h>
#include <stdlib.h>

#include "cli/csv.h"
#include "cli/import_funds.h"
#include "cli/import_send.h"
#include "core/entry.h"

/* A quarter of a gigabyte: some million rows. Larger files are split first. */
#define FILE_BYTES_MAX (256u * 1024u * 1024u)

struct import {
	struct cli *cli;
	struct slice file; /* owned */
	struct import_map map;
	struct import_row row;
	struct csv csv;
	struct import_send send;
	const char *label;
	struct import_funds funds;
	uint64_t row_count;
	int exit;
};

static int fail_at(const struct import *import, uint64_t line, const char *what)
{
	(void)fprintf(stderr, "%s:%" PRIu64 ": %s\n", import->cli->words[0], line, what);
	return CLI_BAD;
}

/* ---- first: read all of it ---- */

static bool add_fund(struct import *import)
{
	enum err err = import_funds_add(&import->funds, import->row.fields[IMPORT_ACCOUNT],
		import->row.fields[IMPORT_ASSET], import->row.amount);

	if (err == ERR_TOO_LARGE) {
		import->exit = fail_at(
			import, import->csv.line, "the account's rows are over 2^128 - 1 in all");
	} else if (err != ERR_OK) {
		import->exit = cli_fail(import->cli, CLI_CANNOT, "no memory for the accounts");
	}
	return err == ERR_OK;
}

static bool check_row(struct import *import)
{
	if (!import_row_make(&import->map, import->csv.fields, &import->row)) {
		import->exit = fail_at(import, import->csv.line, import->map.error);
		return false;
	}
	import->row_count++;
	if (!cli_has(import->cli, "--fund-by-mint") ||
		entry_kind_parse(import->row.fields[IMPORT_KIND]) == ENTRY_MINT) {
		return true;
	}
	return add_fund(import);
}

/* The first line names the columns. */
static bool read_names(struct import *import)
{
	enum csv_result result;

	csv_init(&import->csv, import->file);
	result = csv_next(&import->csv);
	if (result == CSV_END) {
		import->exit = fail_at(import, 1, "the file is empty");
	} else if (result == CSV_BAD) {
		import->exit = fail_at(import, import->csv.line_bad, import->csv.fault);
	} else if (!import_map_bind(&import->map, import->csv.fields, import->csv.field_count)) {
		import->exit = cli_fail(import->cli, CLI_USAGE, "%s", import->map.error);
	}
	return import->exit == CLI_GOOD;
}

static bool check_file(struct import *import)
{
	enum csv_result result;

	if (!read_names(import)) {
		return false;
	}
	while ((result = csv_next(&import->csv)) == CSV_RECORD) {
		if (!check_row(import)) {
			return false;
		}
	}
	if (result == CSV_BAD) {
		import->exit = fail_at(import, import->csv.line_bad, import->csv.fault);
	}
	return import->exit == CLI_GOOD;
}

/* ---- then: send it ---- */

static bool send_fund(void *context, struct slice account, struct slice asset, u128 amount)
{
	struct import *import = context;

	import_row_fund(account, asset, import->label, amount, &import->row);
	import->exit = import_send_row(&import->send, &import->row, 0);
	return import->exit == CLI_GOOD;
}

static void send_funds(struct import *import)
{
	import_funds_walk(&import->funds, send_fund, import);
	if (import->exit == CLI_GOOD) {
		import->exit = import_send_flush(&import->send);
	}
	if (import->exit == CLI_GOOD && import->send.refused > 0) {
		import->exit = cli_fail(import->cli, CLI_BAD,
			"accounts could not be funded; no row of the file was sent");
	}
}

static void send_rows(struct import *import)
{
	if (!read_names(import)) {
		return;
	}
	while (import->exit == CLI_GOOD && csv_next(&import->csv) == CSV_RECORD) {
		bool made = import_row_make(&import->map, import->csv.fields, &import->row);

		assert(made); /* every row was made once before */
		(void)made;
		import->exit = import_send_row(&import->send, &import->row, import->csv.line);
	}
	if (import->exit == CLI_GOOD) {
		import->exit = import_send_flush(&import->send);
	}
}

static void print_summary(const struct import *import)
{
	const struct import_send *send = &import->send;

	if (import->cli->json) {
		(void)printf("{\"rows\":%" PRIu64 ",\"funded\":%" PRIu64 ",\"sent\":%" PRIu64
			     ",\"new\":%" PRIu64 ",\"repeated\":%" PRIu64 ",\"refused\":%" PRIu64
			     "}\n",
			import->row_count, import->funds.count, send->sent, send->added,
			send->repeated, send->refused);
		return;
	}
	(void)printf("%" PRIu64 " rows, %" PRIu64 " accounts funded: %" PRIu64 " new, %" PRIu64
		     " repeated, %" PRIu64 " refused\n",
		import->row_count, import->funds.count, send->added, send->repeated, send->refused);
}

static void send_file(struct import *import)
{
	static struct config config;

	if (!cli_load_config(import->cli, &config)) {
		import->exit = CLI_CANNOT;
		return;
	}
	import->exit = import_send_open(&import->send, import->cli, &config);
	if (import->exit == CLI_GOOD) {
		import->send.total = import->row_count + import->funds.count;
		send_funds(import);
		if (import->exit == CLI_GOOD) {
			send_rows(import);
		}
		import_send_end_line(&import->send);
		print_summary(import);
	}
	import_send_close(&import->send);
	if (import->exit == CLI_GOOD && import->send.refused > 0) {
		import->exit = CLI_BAD;
	}
}

/* ---- the command ---- */

static bool read_options(struct import *import)
{
	static const struct {
		const char *option;
		bool (*take)(struct import_map *map, const char *text);
	} takers[] = {
		{ "--map", import_map_add },
		{ "--set", import_map_set },
		{ "--prefix", import_map_prefix },
	};

	import_map_init(&import->map);
	for (size_t i = 0; i < COUNT_OF(takers); i++) {
		const char *text = NULL;
		size_t at = 0;

		while ((text = cli_next(import->cli, takers[i].option, &at)) != NULL) {
			if (!takers[i].take(&import->map, text)) {
				(void)cli_fail(import->cli, CLI_USAGE, "%s", import->map.error);
				return false;
			}
		}
	}
	import->label = cli_option(import->cli, "--fund-label");
	if (import->label == NULL) {
		import->label = "";
	}
	return true;
}

int cli_ledger_import(struct cli *cli)
{
	static struct import import;

	import.cli = cli;
	if (!read_options(&import)) {
		return CLI_USAGE;
	}
	if (!cli_read_file(cli, cli->words[0], FILE_BYTES_MAX, &import.file)) {
		return CLI_CANNOT;
	}
	if (check_file(&import)) {
		if (cli_has(cli, "--dry-run")) {
			(void)fprintf(stderr,
				"%s: %" PRIu64 " rows are good; %" PRIu64
				" accounts would be funded\n",
				cli->words[0], import.row_count, import.funds.count);
		} else {
			send_file(&import);
		}
	}
	import_funds_free(&import.funds);
	free((void *)(uintptr_t)import.file.bytes);
	return import.exit;
}
