#ifndef COMMON_METRICS_RENDER_H
#define COMMON_METRICS_RENDER_H

#include <stddef.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/errors.h"
#include "common/metrics.h"

/* What /metrics answers: names and labels from our table, only numbers from the pages. */
enum metrics_format {
	METRICS_PROMETHEUS,  /* text/plain; version=0.0.4; charset=utf-8 */
	METRICS_OPENMETRICS, /* application/openmetrics-text; version=1.0.0; charset=utf-8 */
};

/* A page and who writes it, as the supervisor said. */
struct metrics_source {
	struct process_id process;
	const struct metrics_page *page;
};

/* Labels of build_info. Borrowed. */
struct metrics_build {
	const char *version;
	const char *git_sha;
	const char *toolchain;
};

struct metrics_view {
	const struct metrics_source *sources;
	size_t source_count;
	struct metrics_build build;
	struct duration uptime; /* of the node */
	enum metrics_format format;
};

/* Enough for every series of the table to be shown (a test proves it). */
#define METRICS_TEXT_BYTES_MAX (1024u * 1024u)

const char *metrics_render_content_type(enum metrics_format format);

/* ERR_TOO_LARGE: the text does not fit; the buffer then holds nothing of use. */
MUST_CHECK enum err metrics_render(
	const struct metrics_view *view, char *text, size_t text_bytes_max, size_t *ret_text_bytes);

#endif
