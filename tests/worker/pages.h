#ifndef TESTS_WORKER_PAGES_H
#define TESTS_WORKER_PAGES_H

/* What a worker under test counts. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/metrics.h"
#include "tests/worker/harness.h"

/* Between the begin and the end of a start. *ret_reader_fd: owned by whoever asked. */
static inline struct metrics_page *pages_give(struct harness *harness, int *ret_reader_fd)
{
	struct metrics_page *page;
	int fd;

	assert_int_equal(metrics_create((struct process_id){ (uint8_t)harness->process, 0 }, &fd,
				 ret_reader_fd, &page),
		ERR_OK);
	harness_give_fd(harness, SETUP_FD_METRICS, 0, fd);
	close(fd);
	return page;
}

static inline uint64_t pages_counted(
	const struct metrics_page *page, enum metric metric, size_t label)
{
	const _Atomic uint64_t *slots = (const _Atomic uint64_t *)&page->slots;
	const struct metrics_row *row = &metrics_rows[metric];

	return slots[row->slot + label * row->series_slots];
}

#endif
