#include <inttypes.h>
#include <string.h>

#include "cli/node.h"

static void print_advice(const struct json_in *advices)
{
	for (size_t i = 0; i < json_in_count(advices); i++) {
		const struct json_in *one = json_in_item(advices, i);

		(void)printf("next      %s\n", json_in_text_of(one, "next"));
	}
}

static void print_config(const struct json_in *root)
{
	const struct json_in *config = json_in_member(root, "config");
	const struct json_in *last = json_in_member(config, "last_reload");
	const struct json_in *left = json_in_member(last, "needs_restart");
	const char *refusal = json_in_text_of(last, "refusal");
	char when[64];

	if (last == NULL) {
		return; /* that of the start */
	}
	node_format_time(json_in_u64_of(last, "ts_ms"), when, sizeof when);
	(void)printf("config    generation %" PRIu64 ", reload of %s %s",
		json_in_u64_of(config, "generation"), when,
		json_in_true_of(last, "applied") ? "taken" : "REFUSED: ");
	cli_print_text(stdout, (struct slice){ (const uint8_t *)refusal, strlen(refusal) });
	for (size_t i = 0; i < json_in_count(left); i++) {
		(void)printf("%s%s", i == 0 ? "\n          a restart is needed for " : ", ",
			json_in_text(json_in_item(left, i)));
	}
	(void)fputc('\n', stdout);
}

static void print_certificate(const struct json_in *root)
{
	const struct json_in *certificate = json_in_member(root, "certificate");
	const char *subject = json_in_text_of(certificate, "subject");
	char when[64];

	if (json_in_member(certificate, "days_left") == NULL) {
		return; /* no TLS is spoken */
	}
	node_format_time(json_in_u64_of(certificate, "not_after_ms"), when, sizeof when);
	(void)fputs("tls       ", stdout);
	cli_print_text(stdout, (struct slice){ (const uint8_t *)subject, strlen(subject) });
	(void)printf(", %s key, ends %s, days left: ", json_in_text_of(certificate, "key"), when);
	json_in_print(json_in_member(certificate, "days_left"));
	(void)fputc('\n', stdout);
}

static void print_head(const struct json_in *root)
{
	const struct json_in *ledger = json_in_member(root, "ledger");
	const struct json_in *queues = json_in_member(root, "queues");
	const char *state = json_in_true_of(root, "draining")   ? "draining"
			    : !json_in_true_of(root, "ready")   ? "not ready"
			    : json_in_true_of(root, "degraded") ? "degraded"
								: "ready";
	const char *reason = json_in_text_of(root, "reason");
	char age[32];

	node_format_age(json_in_u64_of(root, "uptime_s"), age, sizeof age);
	(void)printf("macronode %s, %s, up %s\n", json_in_text_of(root, "version"), state, age);
	if (reason[0] != '\0') {
		(void)fputs("reason    ", stdout);
		cli_print_text(stdout, (struct slice){ (const uint8_t *)reason, strlen(reason) });
		(void)fputc('\n', stdout);
	}
	print_advice(json_in_member(root, "advice"));
	if (json_in_true_of(root, "amnesia")) {
		(void)fputs("amnesia   the ledger is in memory and ends with the node\n", stdout);
	}
	(void)printf("ledger    seq %" PRIu64 "%s, oldest unanswered batch %" PRIu64 " ms\n"
		     "root      %s\n",
		json_in_u64_of(ledger, "seq"),
		json_in_true_of(ledger, "safe_mode") ? ", SAFE MODE: writes are refused" : "",
		json_in_u64_of(ledger, "lag_ms"), json_in_text_of(ledger, "root"));
	print_config(root);
	print_certificate(root);
	(void)printf("queues    ingress %" PRIu64 ", prevalidation %" PRIu64 ", commit %" PRIu64
		     "\n\n",
		json_in_u64_of(queues, "ingress"), json_in_u64_of(queues, "preval"),
		json_in_u64_of(queues, "commit"));
}

static void print_processes(const struct json_in *root)
{
	const struct json_in *processes = json_in_member(root, "processes");
	char age[32];

	node_format_age(json_in_u64_of(root, "uptime_s"), age, sizeof age);
	(void)printf("%-18s %-10s %8s %9s %9s  %s\n", "PROCESS", "STATE", "PID", "UP", "RESTARTS",
		"NOTE");
	(void)printf("%-18s %-10s %8" PRIu64 " %9s %9s\n", "supervisor", "serving",
		json_in_u64_of(root, "supervisor_pid"), age, "-");
	for (size_t i = 0; i < json_in_count(processes); i++) {
		const struct json_in *one = json_in_item(processes, i);
		const char *note = json_in_text_of(one, "note");
		char name[64];

		(void)snprintf(name, sizeof name, "  %s %" PRIu64, node_title(one),
			json_in_u64_of(one, "instance"));
		node_format_age(json_in_u64_of(one, "uptime_s"), age, sizeof age);
		(void)printf("%-18s %-10s %8" PRIu64 " %9s %9" PRIu64 "  %s", name,
			json_in_text_of(one, "state"), json_in_u64_of(one, "pid"), age,
			json_in_u64_of(one, "restarts"),
			json_in_true_of(one, "degraded") ? "degraded " : "");
		cli_print_text(stdout, (struct slice){ (const uint8_t *)note, strlen(note) });
		(void)fputc('\n', stdout);
	}
}

/* `who` has role and instance. */
static void print_death(const struct json_in *who, const struct json_in *death)
{
	const char *cause = json_in_text_of(death, "cause");
	char when[64];

	node_format_time(json_in_u64_of(death, "ts_ms"), when, sizeof when);
	(void)printf("  %s  %s %" PRIu64 " (pid %" PRIu64 ")  ", when, node_title(who),
		json_in_u64_of(who, "instance"), json_in_u64_of(death, "pid"));
	cli_print_text(stdout, (struct slice){ (const uint8_t *)cause, strlen(cause) });
	(void)fputc('\n', stdout);
}

/* The newest of all, and then the last one of who is not among them: whoever dies all the time
 * does not hide the death of another. */
static void print_deaths(const struct json_in *root)
{
	const struct json_in *deaths = json_in_member(root, "deaths");
	const struct json_in *processes = json_in_member(root, "processes");
	size_t count = json_in_count(deaths);
	uint64_t oldest_ms = UINT64_MAX;

	if (count > 0) {
		(void)fputs("\nLast deaths\n", stdout);
	}
	for (size_t i = 0; i < count; i++) {
		const struct json_in *one = json_in_item(deaths, i);

		oldest_ms = json_in_u64_of(one, "ts_ms");
		print_death(one, one);
	}
	for (size_t i = 0; i < json_in_count(processes); i++) {
		const struct json_in *one = json_in_item(processes, i);
		const struct json_in *death = json_in_member(one, "last_death");

		if (death != NULL && json_in_u64_of(death, "ts_ms") < oldest_ms) {
			print_death(one, death);
		}
	}
}

static int print_status(const struct cli *cli, struct slice text)
{
	struct json_in *root = node_parse(cli, text);
	bool healthy = json_in_true_of(root, "ready") && !json_in_true_of(root, "degraded");

	if (root == NULL) {
		return CLI_CANNOT;
	}
	if (cli->json) {
		node_print_line(text);
	} else {
		print_head(root);
		print_processes(root);
		print_deaths(root);
	}
	json_in_free(root);
	return healthy ? CLI_GOOD : CLI_DEGRADED;
}

int cli_status(struct cli *cli)
{
	static struct config config;
	struct control control;
	struct control_answer answer;
	int exit;

	if (!cli_load_config_to_ask(cli, &config) || !node_open_control(cli, &config, &control)) {
		return CLI_CANNOT;
	}
	exit = node_control_exit(cli, &control, control_status(&control, &answer), &answer);
	if (exit == CLI_GOOD) {
		exit = print_status(cli, answer.text);
	}
	control_finish(&control);
	return exit;
}
