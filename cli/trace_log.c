#include "cli/trace_log.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/json_in.h"
#include "common/check.h"

/* A correlation id that is used again has a ticket each time; of more the last are not looked for.
 */
#define TICKETS_MAX      64u
#define TICKET_BYTES_MAX 16u

struct search {
	const struct cli *cli;
	const char *id;
	size_t ticket_count;
	char tickets[TICKETS_MAX][TICKET_BYTES_MAX + 1];
	size_t found, json_count, line_count;
};

typedef void (*take_line)(struct search *search, const struct json_in *line, struct slice text);

static bool knows(const struct search *search, const char *ticket)
{
	for (size_t i = 0; i < search->ticket_count; i++) {
		if (strcmp(search->tickets[i], ticket) == 0) {
			return true;
		}
	}
	return false;
}

/* Ingress logs ticket and correlation id together. */
static void note_ticket(struct search *search, const struct json_in *line, struct slice text)
{
	const char *ticket = json_in_text_of(line, "ticket");

	(void)text;
	if (strcmp(json_in_text_of(line, "corr_id"), search->id) == 0 &&
		strlen(ticket) == TICKET_BYTES_MAX && search->ticket_count < TICKETS_MAX &&
		!knows(search, ticket)) {
		memcpy(search->tickets[search->ticket_count++], ticket, TICKET_BYTES_MAX + 1);
	}
}

static void print_line(const struct json_in *line)
{
	static const char *const shown[] = { "ts", "lvl", "level", "service", "instance", "event",
		"ticket", "corr_id" };

	(void)printf("%s %-5s %s %s", json_in_text_of(line, "ts"), json_in_text_of(line, "level"),
		json_in_text_of(line, "service"), json_in_text_of(line, "event"));
	for (size_t i = 0; i < json_in_member_count(line); i++) {
		const char *name = json_in_member_name(line, i);
		bool is_shown = false;

		for (size_t j = 0; j < COUNT_OF(shown); j++) {
			is_shown = is_shown || strcmp(name, shown[j]) == 0;
		}
		if (!is_shown) {
			(void)printf(" %s=", name);
			json_in_print(json_in_member_at(line, i));
		}
	}
	(void)putchar('\n');
}

static void show(struct search *search, const struct json_in *line, struct slice text)
{
	if (strcmp(json_in_text_of(line, "corr_id"), search->id) != 0 &&
		!knows(search, json_in_text_of(line, "ticket"))) {
		return;
	}
	search->found++;
	if (search->cli->json) {
		(void)printf("%.*s\n", (int)text.bytes_count, (const char *)text.bytes);
	} else {
		print_line(line);
	}
}

/* Most lines are of other requests: what has neither is not parsed. */
static bool may_be_meant(const struct search *search, const char *text)
{
	if (strstr(text, search->id) != NULL) {
		return true;
	}
	for (size_t i = 0; i < search->ticket_count; i++) {
		if (strstr(text, search->tickets[i]) != NULL) {
			return true;
		}
	}
	return false;
}

/* False: errno says why it ended before its end. */
static bool each_line(struct search *search, FILE *file, take_line take)
{
	char *text = NULL;
	size_t room = 0;
	ssize_t count;

	search->json_count = search->line_count = 0;
	while ((count = getline(&text, &room, file)) > 0) {
		struct slice slice = { (const uint8_t *)text, (size_t)count };
		struct json_in *line;

		if (text[count - 1] == '\n') {
			slice.bytes_count--;
			text[count - 1] = '\0';
		}
		search->line_count++;
		search->json_count += text[0] == '{';
		if (!may_be_meant(search, text)) {
			continue;
		}
		line = json_in_parse(slice);
		if (line != NULL) {
			take(search, line, slice);
			json_in_free(line);
		}
	}
	free(text); /* which leaves errno as it is */
	return ferror(file) == 0;
}

int trace_log_print(const struct cli *cli, const char *path, const char *id)
{
	struct search search = { .cli = cli, .id = id };
	FILE *file = fopen(path, "re");
	bool is_whole;

	if (file == NULL) {
		return cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(errno));
	}
	is_whole = each_line(&search, file, note_ticket);
	if (is_whole && fseek(file, 0, SEEK_SET) != 0) {
		(void)fclose(file);
		return cli_fail(
			cli, CLI_CANNOT, "%s: it is read twice, so it cannot be a pipe", path);
	}
	is_whole = is_whole && each_line(&search, file, show);
	if (!is_whole) {
		int why = errno;

		(void)fclose(file);
		return cli_fail(cli, CLI_CANNOT, "%s: %s", path, strerror(why));
	}
	(void)fclose(file);
	if (search.found > 0) {
		return CLI_GOOD;
	}
	if (search.json_count == 0 && search.line_count > 0) {
		return cli_fail(cli, CLI_CANNOT,
			"%s: no line of it is JSON; log.format must be json", path);
	}
	return cli_fail(cli, CLI_BAD,
		"%s: nothing in %s is about it; requests that succeed, and each of a flood of "
		"refusals (log_repeated), are logged with log.level = \"debug\"",
		id, path);
}
