/* Prints the tables that the manual pages hold, as mdoc, from the tables that the programs are
 * built of. scripts/tables compares the pages with it, and rewrites them on demand.
 *
 * Usage: tables SECTION */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/findings.h"
#include "common/api_reasons.h"
#include "common/check.h"
#include "common/config_print.h"
#include "common/errors.h"
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

static void print_commands(void)
{
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < CLI_COMMAND_COUNT; i++) {
		const struct cli_command *command = &cli_commands[i];

		printf(".It Ic %s%s%s\n%s\n", command->name,
			command->words[0] != '\0' ? " Ar " : "", command->words, command->summary);
		print_options(command->options);
	}
	printf(".El\n");
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
#define AS_ROW(NAME, begin, text) printf(".It Li %s\n%s.\n", begin, text);
	ADVICES(AS_ROW)
#undef AS_ROW
	printf(".El\n");
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*print)(void);
	} sections[] = {
		{ "actions", print_actions },
		{ "advices", print_advices },
		{ "caveats", print_caveats },
		{ "commands", print_commands },
		{ "common_options", print_common_options },
		{ "config_keys", print_config_keys },
		{ "errors", print_errors },
		{ "faults", print_faults },
		{ "findings", print_findings },
		{ "kinds", print_kinds },
		{ "links", print_links },
		{ "processes", print_processes },
		{ "api_reasons", print_api_reasons },
		{ "reasons", print_reasons },
		{ "refusals", print_refusals },
		{ "verbs", print_verbs },
		{ "windows", print_windows },
	};

	for (size_t i = 0; argc == 2 && i < COUNT_OF(sections); i++) {
		if (strcmp(argv[1], sections[i].name) == 0) {
			sections[i].print();
			return 0;
		}
	}
	fprintf(stderr, "usage: tables SECTION, which is one of:");
	for (size_t i = 0; i < COUNT_OF(sections); i++) {
		fprintf(stderr, " %s", sections[i].name);
	}
	fprintf(stderr, "\n");
	return 2;
}
