#include "cli/findings.h"

#include <stdarg.h>
#include <string.h>

#include "common/check.h"

/* A path, and a sentence around it. */
#define TEXT_BYTES_MAX (CONFIG_TEXT_BYTES_MAX + 1024u)

static const struct {
	const char *name;
	const char *what;
	const char *mend;
} rows[FINDING_COUNT] = {
#define AS_ROW(NAME, name, what, mend) [FINDING_##NAME] = { name, what, mend },
	FINDINGS(AS_ROW)
#undef AS_ROW
};

static const char *const words[FINDING_RESULTS] = {
#define AS_ROW(NAME, word) [FINDING_IS_##NAME] = word,
	FINDINGS_RESULTS(AS_ROW)
#undef AS_ROW
};

const char *finding_name(enum finding finding)
{
	return rows[finding].name;
}

const char *finding_what(enum finding finding)
{
	return rows[finding].what;
}

const char *finding_mend(enum finding finding)
{
	return rows[finding].mend;
}

const char *finding_word(enum finding_result result)
{
	return words[result];
}

void findings_begin(struct findings *findings, bool json)
{
	findings->json = json;
	memset(findings->counts, 0, sizeof findings->counts);
	json_out_init(&findings->out, findings->bytes, sizeof findings->bytes);
	json_out_object_begin(&findings->out);
	json_out_key(&findings->out, "checks");
	json_out_array_begin(&findings->out);
}

static void member(struct json_out *out, const char *name, const char *text)
{
	json_out_key(out, name);
	json_out_text(out, text);
}

/* What it says may come from a file or from a worker: it must not steer a terminal. */
static void print(const char *text)
{
	cli_print_text(stdout, (struct slice){ (const uint8_t *)text, strlen(text) });
	(void)fputc('\n', stdout);
}

static void tell(struct findings *findings, enum finding finding, enum finding_result result,
	const char *mend, const char *text)
{
	struct json_out *out = &findings->out;

	findings->counts[result]++;
	if (!findings->json) {
		(void)printf("%-8s %-12s ", words[result], rows[finding].name);
		print(text);
		if (result != FINDING_IS_OK) {
			(void)printf("%-8s %-12s mend: ", "", "");
			print(mend);
		}
		return;
	}
	json_out_object_begin(out);
	member(out, "what", rows[finding].name);
	member(out, "result", words[result]);
	member(out, "text", text);
	if (result != FINDING_IS_OK) {
		member(out, "mend", mend);
	}
	json_out_object_end(out);
}

void findings_add(struct findings *findings, enum finding finding, enum finding_result result,
	const char *format, ...)
{
	char text[TEXT_BYTES_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	tell(findings, finding, result, rows[finding].mend, text);
}

void findings_add_mend(struct findings *findings, enum finding finding, enum finding_result result,
	const char *mend, const char *format, ...)
{
	char text[TEXT_BYTES_MAX];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	tell(findings, finding, result, mend, text);
}

enum finding_result findings_worst(const struct findings *findings)
{
	enum finding_result worst = FINDING_IS_OK;

	for (unsigned result = 0; result < FINDING_RESULTS; result++) {
		if (findings->counts[result] > 0) {
			worst = (enum finding_result)result;
		}
	}
	return worst;
}

bool findings_end(struct findings *findings)
{
	struct json_out *out = &findings->out;
	size_t bytes_count = 0;

	if (!findings->json) {
		(void)printf("\n%u bad, %u unknown, %u weaker than possible, %u ok\n",
			findings->counts[FINDING_IS_BAD], findings->counts[FINDING_IS_UNKNOWN],
			findings->counts[FINDING_IS_WEAKER], findings->counts[FINDING_IS_OK]);
		return true;
	}
	json_out_array_end(out);
	member(out, "result", words[findings_worst(findings)]);
	json_out_key(out, "good");
	json_out_bool(out, findings->counts[FINDING_IS_BAD] == 0);
	json_out_object_end(out);
	if (json_out_finish(out, &bytes_count) != ERR_OK) {
		return false;
	}
	(void)fwrite(findings->bytes, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return true;
}
