#ifndef SUPERVISOR_LOG_RENDER_H
#define SUPERVISOR_LOG_RENDER_H

#include <stddef.h>
#include <stdint.h>

#include "common/log_record.h"
#include "proto/processes.h"

/* One record becomes one line: JSON (spec/ledger.md section 6.1 and spec/node.md section
 * 6.1 in one: lvl and level, msg and event) or text for people. Whatever bytes a worker put
 * into a text, the line stays one line of valid UTF-8: a control character cannot forge a
 * second line or speak to the terminal. */
enum log_format {
	LOG_FORMAT_JSON,
	LOG_FORMAT_TEXT,
	LOG_FORMAT_COLOUR, /* TEXT on a terminal */
};

/* What the supervisor knows from the pipe that a record came in on; nothing in it is the
 * worker's word. */
struct log_stamp {
	struct process_id process;
	uint32_t pid;
	int64_t unix_ns;
};

/* Six bytes for each byte of a record, and room for names and stamp. */
#define LOG_LINE_BYTES_MAX (LOG_RECORD_BYTES_MAX * 6u + 4096u)

/* Ends with a newline; returns its bytes. */
size_t log_render(char line[LOG_LINE_BYTES_MAX], enum log_format format,
	const struct log_stamp *stamp, const struct log_record *record);

#endif
