/* The pipes of all workers become the one log. Nothing here waits for its reader. */
#include "supervisor/supervisor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"

#define PIPE_READ_BYTES 65536u

static void sink_flush(struct supervisor *self)
{
	if (log_sink_flush(self->sink)) {
		ev_io_stop(self->loop, &self->sink_writable);
	} else if (!ev_is_active(&self->sink_writable)) {
		ev_io_set(&self->sink_writable, log_sink_fd(self->sink), EV_WRITE);
		ev_io_start(self->loop, &self->sink_writable);
	}
}

static void on_sink_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
	(void)loop;
	(void)events;
	sink_flush(watcher->data);
}

static void take_own(void *context, const uint8_t *record, size_t record_bytes)
{
	struct supervisor *self = context;
	enum err err = log_source_take(&self->own_log, (struct slice){ record, record_bytes });

	assert(err == ERR_OK); /* our own record */
	sink_flush(self);
}

static enum log_format format_of(const struct supervisor *self)
{
	if (self->config.log_format == CONFIG_LOG_FORMAT_JSON) {
		return LOG_FORMAT_JSON;
	}
	return self->options.log_colour ? LOG_FORMAT_COLOUR : LOG_FORMAT_TEXT;
}

/* What is configured of how the lines of a source look, and of which there are. */
static void configure(const struct supervisor *self, struct log_source *source)
{
	source->format = format_of(self);
	source->tells_repeats = self->config.log_level == CONFIG_LOG_LEVEL_DEBUG;
}

bool logs_open(struct supervisor *self)
{
	const char *path = self->config.log_file[0] != '\0' ? self->config.log_file : NULL;

	if (log_sink_create(path, &self->sink) != ERR_OK) {
		return false;
	}
	ev_io_init(&self->sink_writable, on_sink_writable, log_sink_fd(self->sink), EV_WRITE);
	self->sink_writable.data = self;
	log_source_init(&self->own_log, self->sink, format_of(self),
		(struct process_id){ PROCESS_SUPERVISOR, 0 }, (uint32_t)getpid());
	log_open_local(take_own, self, (enum log_level)self->config.log_level);
	return true;
}

void logs_close(struct supervisor *self)
{
	log_open(-1, LOG_LEVEL_ERROR);
	if (self->sink != NULL) {
		ev_io_stop(self->loop, &self->sink_writable);
		log_source_finish(&self->own_log);
	}
	log_sink_destroy(self->sink);
	self->sink = NULL;
}

void logs_reopen(struct supervisor *self)
{
	ev_io_stop(self->loop, &self->sink_writable);
	if (log_sink_reopen(self->sink) == ERR_OK) {
		log_event(LOG_LOG_REOPENED, NULL);
	} else {
		log_event(LOG_LOG_REOPEN_FAILED, &(struct log_fields){ .os_error = errno });
	}
	sink_flush(self);
}

bool logs_prepare(struct supervisor *self, const struct config *next)
{
	const char *path = next->log_file[0] != '\0' ? next->log_file : NULL;

	return !config_key_differs(CONFIG_KEY_log_file, &self->config, next) ||
	       log_sink_create(path, &self->reload.log_next) == ERR_OK;
}

void logs_commit(struct supervisor *self)
{
	if (self->reload.log_next != NULL) {
		ev_io_stop(self->loop, &self->sink_writable);
		log_sink_take_over(self->sink, self->reload.log_next);
		self->reload.log_next = NULL;
	}
	log_set_level((enum log_level)self->config.log_level);
	configure(self, &self->own_log);
	for (size_t i = 0; i < self->child_count; i++) {
		configure(self, &self->children[i].log);
	}
	sink_flush(self);
}

void logs_abort(struct supervisor *self)
{
	log_sink_destroy(self->reload.log_next);
	self->reload.log_next = NULL;
}

/* False at the end of the pipe. */
static bool read_pipe(struct child *child, int fd, bool is_stderr)
{
	static uint8_t bytes[PIPE_READ_BYTES]; /* one reader at a time: this is one loop */
	ssize_t got = read(fd, bytes, sizeof bytes);

	if (got < 0) {
		return errno == EAGAIN || errno == EINTR;
	}
	if (got == 0) {
		return false;
	}
	struct slice view = { bytes, (size_t)got };
	if (is_stderr) {
		log_source_take_stderr(&child->log, view);
	} else if (log_source_take(&child->log, view) != ERR_OK) {
		return false;
	}
	sink_flush(child->supervisor);
	return true;
}

static void close_pipe(struct child *child, ev_io *watcher, int *fd)
{
	if (*fd >= 0) {
		ev_io_stop(child->supervisor->loop, watcher);
		close(*fd);
		*fd = -1;
	}
}

static void on_log(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct child *child = watcher->data;

	(void)loop;
	(void)events;
	if (!read_pipe(child, child->log_fd, false)) {
		close_pipe(child, &child->log_readable, &child->log_fd);
	}
}

static void on_stderr(struct ev_loop *loop, ev_io *watcher, int events)
{
	struct child *child = watcher->data;

	(void)loop;
	(void)events;
	if (!read_pipe(child, child->stderr_fd, true)) {
		close_pipe(child, &child->stderr_readable, &child->stderr_fd);
	}
}

void logs_attach(struct child *child, int log_fd, int stderr_fd)
{
	struct supervisor *self = child->supervisor;

	log_source_init(&child->log, self->sink, format_of(self),
		(struct process_id){ child->process, child->instance }, (uint32_t)child->pid);
	configure(self, &child->log);
	child->log.take_span = traces_take;
	child->log.span_context = self->traces;
	child->log_fd = log_fd;
	child->stderr_fd = stderr_fd;
	ev_io_init(&child->log_readable, on_log, log_fd, EV_READ);
	ev_io_init(&child->stderr_readable, on_stderr, stderr_fd, EV_READ);
	child->log_readable.data = child;
	child->stderr_readable.data = child;
	ev_io_start(self->loop, &child->log_readable);
	ev_io_start(self->loop, &child->stderr_readable);
}

static void drain_pipe(struct child *child, int fd, bool is_stderr)
{
	errno = 0;
	while (fd >= 0 && read_pipe(child, fd, is_stderr) && errno != EAGAIN) {
		errno = 0;
	}
}

void logs_detach(struct child *child)
{
	drain_pipe(child, child->log_fd, false);
	drain_pipe(child, child->stderr_fd, true);
	close_pipe(child, &child->log_readable, &child->log_fd);
	close_pipe(child, &child->stderr_readable, &child->stderr_fd);
	log_source_finish(&child->log);
	sink_flush(child->supervisor);
}

void logs_tick(struct supervisor *self)
{
	uint64_t dropped = log_sink_take_dropped(self->sink);

	for (size_t i = 0; i < self->child_count; i++) {
		if (self->children[i].pid > 0) {
			log_source_tick(&self->children[i].log);
		}
	}
	log_source_tick(&self->own_log);
	if (dropped > 0) {
		log_event(LOG_LOG_LINES_DROPPED, &(struct log_fields){ .count = dropped });
	}
	sink_flush(self);
}
