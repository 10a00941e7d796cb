/* Prints the tables that the manual pages hold, as mdoc, and those of docs/, as Markdown, from the
 * tables that the programs are built of. scripts/tables compares the pages with it, and rewrites
 * them on demand.
 *
 * Usage: tables SECTION [PAGE] */
#include <ctype.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/findings.h"
#include "common/admin_acts.h"
#include "common/api_reasons.h"
#include "common/check.h"
#include "common/config_print.h"
#include "common/errors.h"
#include "common/metrics.h"
#include "common/node_events.h"
#include "common/reasons.h"
#include "core/caveat.h"
#include "core/entry.h"
#include "proto/links.h"
#include "proto/verbs.h"
#include "services/edge/oap_request.h"
#include "supervisor/advice.h"

/* The table of commands names their functions, of which none runs here. */
#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *cli)               \
	{                                           \
		(void)cli;                          \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

static void print_set(uint32_t set)
{
	const char *between = "";

	if (set == BY_WORKER) {
		printf("every worker");
		return;
	}
	if (set == BY_PROCESS) {
		printf("every process");
		return;
	}
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		if ((set & 1u << process) != 0) {
			printf("%s%s", between, process_name(process));
			between = " or ";
		}
	}
}

static const char *kind_word(enum oap_kind kind)
{
	switch (kind) {
	case OAP_KIND_CONTROL:
		return "control";
	case OAP_KIND_REQUEST:
		return "request";
	case OAP_KIND_REPLY:
		return "reply";
	case OAP_KIND_EVENT:
		return "event";
	}
	return "";
}

struct field {
	const char *kind, *name;
	uint32_t bytes_max; /* 0: not a view */
};

static void print_verb(unsigned id, const char *name, uint32_t senders, uint32_t receivers,
	const struct field *fields, size_t field_count)
{
	printf(".It Li 0x%04X Sy %s , No %s\n", id, name, kind_word(oap_verb_kind(id)));
	print_set(senders);
	printf(" to ");
	print_set(receivers);
	printf(":\n");
	for (size_t i = 0; i < field_count; i++) {
		const char *end = i + 1 < field_count ? "," : ".";
		if (fields[i].bytes_max > 0) {
			printf("%s\n.Pq bytes, at most %u%s", fields[i].name, fields[i].bytes_max,
				i + 1 < field_count ? " ,\n" : " .\n");
		} else {
			printf("%s %s%s\n", fields[i].kind, fields[i].name, end);
		}
	}
}

static void print_verbs(void)
{
	printf(".Bl -tag -width Ds\n");
#define FIXED_FIELD(kind, field)      { #kind, #field, 0 },
#define SIZED_FIELD(field, bytes_max) { "", #field, bytes_max },
#define AS_ROW(id, NAME, name, senders, receivers, kind)                                           \
	{                                                                                          \
		static const struct field fields[] = { PAYLOAD_##NAME(FIXED_FIELD, SIZED_FIELD) }; \
		print_verb(id, #NAME, senders, receivers, fields, COUNT_OF(fields));               \
	}
	OAP_VERBS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_processes(void)
{
	printf(".Bl -column -compact \"prevalidator\" \"wire id\" \"rank\" \"instances\"\n"
	       ".It Em process Ta Em wire id Ta Em rank Ta Em instances\n");
	for (unsigned process = 0; process < PROCESS_COUNT; process++) {
		printf(".It %s Ta %u Ta %u Ta %u\n", process_name(process), process,
			process_rank(process), process_instances_max(process));
	}
	printf(".El\n");
}

static void print_links(void)
{
	printf(".Bl -column -compact \"prevalidator\" \"prevalidator, sequencer, archive\"\n"
	       ".It Em process Ta Em has links to\n");
	for (unsigned a = 0; a < PROCESS_COUNT; a++) {
		unsigned links = 0;
		for (unsigned b = 0; b < PROCESS_COUNT; b++) {
			if (!links_exist(a, b)) {
				continue;
			}
			if (links++ == 0) {
				printf(".It %s Ta %s", process_name(a), process_name(b));
			} else {
				printf(", %s", process_name(b));
			}
		}
		printf("%s", links > 0 ? "\n" : "");
	}
	printf(".El\n");
}

static void print_windows(void)
{
	printf(".Bl -column -compact \"prevalidator\" \"prevalidator\" \"requests\" \"16777216\"\n"
	       ".It Em from Ta Em to Ta Em requests Ta Em bytes\n");
	for (unsigned pair = 0; pair < PROCESS_COUNT * PROCESS_COUNT; pair++) {
		unsigned from = pair / PROCESS_COUNT, to = pair % PROCESS_COUNT;
		struct link_window window = links_window(from, to);
		if (window.requests > 0) {
			printf(".It %s Ta %s Ta %u Ta %u\n", process_name(from), process_name(to),
				window.requests, window.bytes);
		}
	}
	printf(".El\n");
}

static void print_errors(void)
{
	printf(".Bl -tag -width NOT_ROUTED -compact\n");
#define AS_ROW(NAME, text) printf(".It Er %s\n%s\n", #NAME, text);
	ERRORS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_reasons(void)
{
	printf(".Bl -column -compact \"policy_denied\" \"status\"\n"
	       ".It Em reason Ta Em status\n");
#define AS_ROW(NAME, name, status) printf(".It Li %s Ta %u\n", name, status);
	REASONS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_admin_acts(void)
{
	printf(".Bl -column -compact \"POST\" \"/api/v1/shutdown\" \"admin.shutdown\"\n"
	       ".It Em method Ta Em path Ta Em action\n");
#define AS_ROW(NAME, name, action)                                                 \
	printf(".It Li %s Ta Li %s Ta Li %s\n", routes_method(ROUTE_ADMIN_##NAME), \
		routes_template(ROUTE_ADMIN_##NAME), caveat_action_name(CAVEAT_ACTION_##action));
	ADMIN_ACTS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_node_events(void)
{
	printf(".Bl -tag -width Ds\n");
#define AS_ROW(NAME, topic, members, text)                                                         \
	printf(".It Li %s\n%c%s.\n.br\nMembers:\n.Li %s\n", topic, toupper((text)[0]), &(text)[1], \
		members);
	NODE_EVENTS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_api_reasons(void)
{
	printf(".Bl -tag -width Ds\n");
	for (unsigned reason = API_REASON_NONE + 1; reason < API_REASON_COUNT; reason++) {
		const struct api_error_row *error = api_errors_row(api_reasons_error(reason));

		printf(".It Li %s No %s , %u%s\n%s\n", api_reasons_name(reason), error->code,
			error->status, error->retryable ? ", retryable" : "",
			api_reasons_text(reason));
	}
	printf(".El\n");
}

static void print_refusals(void)
{
	printf(".Bl -tag -width Ds\n");
#define AS_ROW(NAME, code, text)                                                  \
	if (sizeof(code) > 1) {                                                   \
		printf(".It Er %s\n%s; the connection is closed.\n", code, text); \
	}
	OAP_REQUEST_VERDICTS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static const char *where_word(enum caveat_where where)
{
	switch (where) {
	case CAVEAT_WHERE_EDGE:
		return "the connection";
	case CAVEAT_WHERE_LEDGER:
		return "the request";
	case CAVEAT_WHERE_ENTRY:
		return "each entry";
	}
	return "";
}

static void print_caveats(void)
{
	printf(".Bl -tag -width Ds\n");
#define AS_ROW(NAME, name, where, text, refusal)                                     \
	printf(".It Ic %s\n%s\nJudged for %s.\nRefused as:\n.Dq %s .\n", name, text, \
		where_word(CAVEAT_WHERE_##where), refusal);
	CAVEATS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_actions(void)
{
	printf(".Bl -item -compact\n");
#define AS_ROW(NAME, name) printf(".It\n.Li %s\n", name);
	CAVEAT_ACTIONS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_kinds(void)
{
	printf(".Bl -item -compact\n");
#define AS_ROW(NAME, name, number) printf(".It\n.Li %s\n", name);
	ENTRY_KINDS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_faults(void)
{
	printf(".Bl -bullet -compact\n");
#define AS_ROW(NAME, text)                            \
	if (CAVEAT_FAULT_##NAME != CAVEAT_FAULT_OK) { \
		printf(".It\n%s\n", text);            \
	}
	CAVEAT_FAULTS(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

static void print_config_keys(void)
{
	config_print_man(stdout);
}

static void print_options(const struct cli_option *options)
{
	if (options->name == NULL) {
		return;
	}
	printf(".Bl -tag -width Ds -compact\n");
	for (; options->name != NULL; options++) {
		printf(".It Fl %s%s%s\n", options->name + 1, options->value != NULL ? " Ar " : "",
			options->value != NULL ? options->value : "");
		printf("%s\n", options->text);
	}
	printf(".El\n");
}

/* Which page tells of a command: by its first word. A word that is not here has macronode.1. */
static const struct {
	const char *word, *page;
} command_pages[] = {
	{ "audit", "macronode-audit" },
	{ "cap", "macronode-cap" },
	{ "check", "macronode-doctor" },
	{ "config", "macronode-config" },
	{ "doctor", "macronode-doctor" },
	{ "gov", "macronode-gov" },
	{ "key", "macronode-proof" },
	{ "ledger", "macronode-ledger" },
	{ "object", "macronode-object" },
	{ "policy", "macronode-config" },
	{ "proof", "macronode-proof" },
	{ "reward", "macronode-reward" },
	{ "snapshot", "macronode-snapshot" },
	{ "verify", "macronode-verify" },
	{ "wallet", "macronode-wallet" },
};

static const char *page_of(const struct cli_command *command)
{
	size_t bytes = strcspn(command->name, " ");

	for (size_t i = 0; i < COUNT_OF(command_pages); i++) {
		const char *word = command_pages[i].word;

		if (strlen(word) == bytes && strncmp(word, command->name, bytes) == 0) {
			return command_pages[i].page;
		}
	}
	return "macronode";
}

static void print_command(const struct cli_command *command)
{
	printf(".It Ic %s%s%s\n%s\n", command->name, command->words[0] != '\0' ? " Ar " : "",
		command->words, command->summary);
}

/* Those of a page, with their options. */
static void print_commands(const char *page)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		if (strcmp(page_of(&cli_commands[i]), page) == 0) {
			print_command(&cli_commands[i]);
			print_options(cli_commands[i].options);
		}
	}
	printf(".El\n");
}

/* Those of all other pages than macronode.1, in a line each, page by page. */
static void print_command_index(void)
{
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const char *its_page = page_of(&cli_commands[i]);
		bool is_first = strcmp(its_page, "macronode") != 0;

		for (size_t above = 0; above < i; above++) {
			is_first = is_first && page_of(&cli_commands[above]) != its_page;
		}
		if (!is_first) {
			continue;
		}
		printf(".Pp\n.Xr %s 1 :\n.Bl -tag -width Ds -compact\n", its_page);
		for (size_t other = i; other < CLI_COMMAND_COUNT; other++) {
			if (page_of(&cli_commands[other]) == its_page) {
				print_command(&cli_commands[other]);
			}
		}
		printf(".El\n");
	}
}

static void print_common_options(void)
{
	print_options(cli_common_options);
}

static void print_findings(void)
{
	printf(".Bl -tag -width Ds\n");
	for (unsigned i = 0; i < FINDING_COUNT; i++) {
		printf(".It Li %s\n%s.\nElse: %s.\n", finding_name((enum finding)i),
			finding_what((enum finding)i), finding_mend((enum finding)i));
	}
	printf(".El\n");
}

static void print_advices(void)
{
	printf(".Bl -tag -width Ds\n");
#define AS_ROW(NAME, text) printf(".It Li %s\n%s.\n", degraded_name(DEGRADED_##NAME), text);
	ADVICES(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

/* A label with more values than these is known by its name. */
#define LABEL_VALUES_TOLD 16u

/* `route="/x",method="GET"` as `route`, `method`. */
static void print_label_names(const char *pairs)
{
	while (*pairs != '\0') {
		size_t bytes = strcspn(pairs, "=");
		const char *end = strchr(pairs + bytes + 2, '"');

		printf("; `%.*s`", (int)bytes, pairs);
		pairs = end + (end[1] == ',' ? 2 : 1);
	}
}

/* The first value of a dimension may be one that is never shown. */
static const char *outer_of(const struct metrics_row *row)
{
	const char *outer = NULL;

	for (size_t label = 0; outer == NULL && label < row->label_count; label++) {
		outer = metrics_label_outer_text(row->labels, label);
	}
	return outer;
}

/* The values of the one label that these have: `q`: ingress, preval, commit. */
static void print_label_values(const struct metrics_row *row)
{
	const char *between = ": ";

	print_label_names(outer_of(row));
	for (size_t label = 0; label < row->label_count; label++) {
		const char *pair = metrics_label_outer_text(row->labels, label);
		const char *value = pair != NULL ? strchr(pair, '"') : NULL;

		if (value != NULL) {
			printf("%s%.*s", between, (int)strcspn(value + 1, "\""), value + 1);
			between = ", ";
		}
	}
}

static void print_labels(const struct metrics_row *row)
{
	const char *inner = metrics_label_inner_text(row->labels, 0);

	if (row->spread == METRIC_SPREAD_SERVICE) {
		printf("; `service`");
	}
	if (inner[0] == '\0' && row->label_count <= LABEL_VALUES_TOLD) {
		print_label_values(row);
		return;
	}
	print_label_names(outer_of(row));
	print_label_names(inner);
}

/* Markdown. */
static void print_metrics(void)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram" };

	printf("| series | kind, labels | what it is | act when |\n|---|---|---|---|\n");
	for (size_t i = 0; i < METRIC_COUNT; i++) {
		const struct metrics_row *row = &metrics_rows[i];

		printf("| `%s` | %s", row->name, kinds[row->kind]);
		print_labels(row);
		printf(" | %s | %s |\n", row->text, row->act_when);
	}
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*print)(void);
		void (*print_of)(const char *page);
	} sections[] = {
		{ "actions", print_actions, NULL },
		{ "admin_acts", print_admin_acts, NULL },
		{ "advices", print_advices, NULL },
		{ "api_reasons", print_api_reasons, NULL },
		{ "caveats", print_caveats, NULL },
		{ "command_index", print_command_index, NULL },
		{ "commands", NULL, print_commands },
		{ "common_options", print_common_options, NULL },
		{ "config_keys", print_config_keys, NULL },
		{ "errors", print_errors, NULL },
		{ "faults", print_faults, NULL },
		{ "findings", print_findings, NULL },
		{ "kinds", print_kinds, NULL },
		{ "links", print_links, NULL },
		{ "metrics", print_metrics, NULL },
		{ "node_events", print_node_events, NULL },
		{ "processes", print_processes, NULL },
		{ "reasons", print_reasons, NULL },
		{ "refusals", print_refusals, NULL },
		{ "verbs", print_verbs, NULL },
		{ "windows", print_windows, NULL },
	};

	for (size_t i = 0; argc > 1 && i < COUNT_OF(sections); i++) {
		if (strcmp(argv[1], sections[i].name) != 0) {
			continue;
		}
		if (argc == 2 && sections[i].print != NULL) {
			sections[i].print();
			return 0;
		}
		if (argc == 3 && sections[i].print_of != NULL) {
			sections[i].print_of(argv[2]);
			return 0;
		}
	}
	fprintf(stderr, "usage: tables SECTION, or tables commands PAGE; SECTION is one of:");
	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		fprintf(stderr, " %s", sections[i].name);
	}
	fprintf(stderr, "\n");
	return 2;
}
