#include <assert.h>
#include <string.h>

#include "core/utf8.h"
#include "supervisor/log_render.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* One line, nothing in it that a terminal or a log reader obeys, all of it UTF-8. */
static void expect_harmless(const char *line, size_t line_bytes)
{
	assert(line_bytes > 1 && line_bytes <= LOG_LINE_BYTES_MAX);
	assert(line[line_bytes - 1] == '\n');
	for (size_t i = 0; i < line_bytes - 1; i++) {
		assert((unsigned char)line[i] >= 0x20 && line[i] != 0x7F);
	}
	assert(utf8_valid((const uint8_t *)line, line_bytes));
}

/* The supervisor renders what a captured worker wrote. The length is put right, so that the
 * fuzzer need not find it. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	const struct log_stamp stamp = { .process = { PROCESS_INGRESS, 0 }, .unix_ns = 1 };
	uint8_t copy[LOG_RECORD_BYTES_MAX];
	char line[LOG_LINE_BYTES_MAX];
	struct log_record record;

	if (bytes_count < 2 || bytes_count > sizeof copy) {
		return 0;
	}
	memcpy(copy, bytes, bytes_count);
	copy[0] = (uint8_t)bytes_count;
	copy[1] = (uint8_t)(bytes_count >> 8);
	if (log_record_unpack((struct slice){ copy, bytes_count }, &record) == ERR_OK) {
		expect_harmless(line, log_render(line, LOG_FORMAT_JSON, &stamp, &record));
		expect_harmless(line, log_render(line, LOG_FORMAT_TEXT, &stamp, &record));
		(void)log_render(line, LOG_FORMAT_COLOUR, &stamp, &record);
	}
	return 0;
}
