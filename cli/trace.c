/* macronode trace: the way of a request through the processes. A running node is asked for those
 * that were traced; a log is searched for the lines of any (trace_log.c). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cli/node.h"
#include "cli/trace_log.h"
#include "common/check.h"

/* As the supervisor keeps (supervisor/traces.h). */
#define SPANS_MAX 32u

struct span {
	const char *name, *id, *parent;
	uint64_t began_ns, ended_ns;
	const struct json_in *attributes;
	unsigned depth;
};

static uint64_t number_of(const struct json_in *span, const char *name)
{
	return strtoull(json_in_text_of(span, name), NULL, 10); /* OTLP writes them as text */
}

/* What began first comes first, and what lies in another behind it. */
static int compare(const void *a, const void *b)
{
	const struct span *one = a, *other = b;

	if (one->began_ns != other->began_ns) {
		return one->began_ns < other->began_ns ? -1 : 1;
	}
	return one->ended_ns > other->ended_ns ? -1 : one->ended_ns < other->ended_ns;
}

static size_t read_spans(const struct json_in *array, struct span spans[SPANS_MAX])
{
	size_t count = json_in_count(array) < SPANS_MAX ? json_in_count(array) : SPANS_MAX;

	for (size_t i = 0; i < count; i++) {
		const struct json_in *one = json_in_item(array, i);

		spans[i] = (struct span){
			.name = json_in_text_of(one, "name"),
			.id = json_in_text_of(one, "spanId"),
			.parent = json_in_text_of(one, "parentSpanId"),
			.began_ns = number_of(one, "startTimeUnixNano"),
			.ended_ns = number_of(one, "endTimeUnixNano"),
			.attributes = json_in_member(one, "attributes"),
		};
	}
	qsort(spans, count, sizeof spans[0], compare);
	return count;
}

static unsigned depth_of(const struct span *spans, size_t count, const struct span *span)
{
	unsigned depth = 0;

	for (size_t i = 0; i < count && depth < SPANS_MAX; i++) {
		if (strcmp(spans[i].id, span->parent) == 0) {
			span = &spans[i];
			depth++;
			i = (size_t)-1; /* from the beginning */
		}
	}
	return depth;
}

static const char *attribute(const struct span *span, const char *name)
{
	for (size_t i = 0; i < json_in_count(span->attributes); i++) {
		const struct json_in *one = json_in_item(span->attributes, i);
		const struct json_in *value = json_in_member(one, "value");

		if (strcmp(json_in_text_of(one, "key"), name) == 0) {
			const char *text = json_in_text_of(value, "stringValue");
			return text[0] != '\0' ? text : json_in_text_of(value, "intValue");
		}
	}
	return "";
}

static void print_facts(const struct span *span)
{
	static const struct {
		const char *name, *label;
	} facts[] = {
		{ "http.response.status_code", "status" },
		{ "status", "status" },
		{ "seq", "seq" },
		{ "batch_size", "entries" },
		{ "nonce", "nonce" },
		{ "reason", "reason" },
	};

	for (size_t i = 0; i < COUNT_OF(facts); i++) {
		const char *value = attribute(span, facts[i].name);

		if (value[0] != '\0') {
			(void)printf("  %s ", facts[i].label);
			cli_print_text(
				stdout, (struct slice){ (const uint8_t *)value, strlen(value) });
		}
	}
}

static void print_ms(uint64_t ns)
{
	(void)printf("%7" PRIu64 ".%03u", ns / 1000000, (unsigned)(ns / 1000 % 1000));
}

static void print_trace(const struct json_in *root)
{
	struct span spans[SPANS_MAX];
	size_t count = read_spans(json_in_member(root, "spans"), spans);
	uint64_t began_ns = count > 0 ? spans[0].began_ns : 0;
	char when[64];

	node_format_time(began_ns / 1000000, when, sizeof when);
	(void)printf("%s, %s\ncorr_id   %s\ntrace_id  %s\n\n%11s %11s  %s\n",
		json_in_text_of(root, "route"), when, json_in_text_of(root, "corr_id"),
		json_in_text_of(root, "trace_id"), "AT ms", "TOOK ms", "WHAT, BY WHOM");
	for (size_t i = 0; i < count; i++) {
		const struct span *span = &spans[i];

		print_ms(span->began_ns - began_ns);
		(void)putchar(' ');
		print_ms(span->ended_ns - span->began_ns);
		(void)printf("  %*s%s  (%s)", (int)(2 * depth_of(spans, count, span)), "",
			span->name, attribute(span, "process"));
		print_facts(span);
		(void)putchar('\n');
	}
	if (json_in_true_of(root, "cut")) {
		(void)fputs("there was more than is kept of one request\n", stdout);
	}
}

static void print_list(const struct json_in *root)
{
	const struct json_in *traces = json_in_member(root, "traces");

	(void)printf(
		"%-23s %11s %6s  %-36s  %s\n", "WHEN", "TOOK ms", "STATUS", "CORR_ID", "ROUTE");
	for (size_t i = 0; i < json_in_count(traces); i++) {
		const struct json_in *one = json_in_item(traces, i);
		char when[64];

		node_format_time(json_in_u64_of(one, "ts_ms"), when, sizeof when);
		(void)printf("%-23s ", when);
		print_ms(json_in_u64_of(one, "us") * 1000);
		(void)printf(" %6" PRIu64 "  %-36s  %s\n", json_in_u64_of(one, "status"),
			json_in_text_of(one, "corr_id"), json_in_text_of(one, "route"));
	}
}

static int print_answer(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else if (json_in_member(root, "traces") != NULL) {
		print_list(root);
	} else {
		print_trace(root);
	}
	json_in_free(root);
	return CLI_GOOD;
}

static int ask_node(const struct cli *cli, const char *id)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	enum mn_result result;
	int exit;

	if (!cli_load_config(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	result = control_trace(&control, id, &answer);
	if (result == MN_OK && answer.status == ERR_NOT_FOUND) {
		exit = cli_fail(cli, CLI_BAD,
			"%s: %.*s; send the request with `traceparent: 00-TRACE-SPAN-01`, raise "
			"otel.sample_ratio, or search a log: macronode trace --file LOG %s",
			id, (int)answer.text.bytes_count, (const char *)answer.text.bytes, id);
	} else {
		exit = node_control_exit(cli, &control, result, &answer);
	}
	if (exit == CLI_GOOD) {
		exit = print_answer(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}

int cli_trace(struct cli *cli)
{
	const char *path = cli_option(cli, "--file");
	const char *id = cli->word_count > 0 ? cli->words[0] : "";

	if (path == NULL) {
		return ask_node(cli, id);
	}
	if (id[0] == '\0') {
		return cli_fail(cli, CLI_USAGE, "--file needs a CORR_ID to look for");
	}
	return trace_log_print(cli, path, id);
}
