/* /metrics: pages of all processes, mapped read-only at the start. Names come from our table;
 * of the pages only numbers are believed. */
#include <errno.h>
#include <string.h>

#include "common/version.h"
#include "services/edge/edge.h"

static void map_page(struct edge *edge, const struct worker_fd *given)
{
	struct metrics_source *source = &edge->pages[edge->page_count];

	if (metrics_map(given->fd, &source->page) != ERR_OK) {
		worker_fail(edge->worker, "a metrics page cannot be mapped: %s", strerror(errno));
	}
	source->process = (struct process_id){
		.process = (uint8_t)(given->index >> 8),
		.instance = (uint8_t)given->index,
	};
	if (source->process.process >= PROCESS_COUNT) {
		worker_fail(edge->worker, "a metrics page is of no process: %u", given->index);
	}
	edge->page_count++;
}

void exposition_open(struct edge *edge)
{
	for (size_t i = 0; i < edge->worker->fd_count; i++) {
		if (edge->worker->fds[i].what == SETUP_FD_PAGE) {
			map_page(edge, &edge->worker->fds[i]);
		}
	}
}

/* The supervisor has run longest; its page says since when. */
static int64_t node_start_us(const struct edge *edge)
{
	for (size_t i = 0; i < edge->page_count; i++) {
		int64_t start_us = edge->pages[i].page->start_monotonic_us;
		if (edge->pages[i].process.process == PROCESS_SUPERVISOR && start_us > 0) {
			return start_us;
		}
	}
	return edge->start_us;
}

/* version_commit is "<sha> <date>". */
static const char *git_sha(void)
{
	static char sha[64];
	size_t sha_bytes = strcspn(version_commit, " ");

	if (sha[0] == '\0' && sha_bytes < sizeof sha) {
		memcpy(sha, version_commit, sha_bytes);
	}
	return sha;
}

void exposition_answer(struct exchange *exchange, bool openmetrics)
{
	struct edge *edge = exchange->client->edge;
	struct metrics_view view = {
		.sources = edge->pages,
		.source_count = edge->page_count,
		.build = { version_semver, git_sha(), version_toolchain },
		.uptime = { edge_now_us() - node_start_us(edge) },
		.format = openmetrics ? METRICS_OPENMETRICS : METRICS_PROMETHEUS,
	};
	struct answer answer = {
		.status = 200,
		.content_type = metrics_render_content_type(view.format),
	};
	size_t bytes_count = 0;
	enum err err =
		metrics_render(&view, (char *)edge->scratch, sizeof edge->scratch, &bytes_count);

	assert(err == ERR_OK); /* METRICS_TEXT_BYTES_MAX is proven to be enough */
	answer.body = (struct slice){ edge->scratch, bytes_count };
	exchange_answer(exchange, &answer);
}
