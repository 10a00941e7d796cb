#include "common/reads.h"

#include <string.h>

#include "common/check.h"

static const struct fault_row {
	uint16_t status;
	enum reason reason;
	enum api_reason api_reason;
	const char *text;
} faults[READ_FAULT_COUNT] = { [READ_FAULT_NONE] = { 200, REASON_NONE, API_REASON_NONE, "" },
#define AS_ROW(NAME, status, reason, api_reason, text) \
	[READ_FAULT_##NAME] = { status, REASON_##reason, API_REASON_##api_reason, text },
	READ_FAULTS(AS_ROW)
#undef AS_ROW
};

static const struct fault_row *row_of(unsigned fault)
{
	return &faults[fault < READ_FAULT_COUNT ? fault : READ_FAULT_CLOSED];
}

uint16_t reads_fault_status(unsigned fault)
{
	return row_of(fault)->status;
}

enum reason reads_fault_reason(unsigned fault)
{
	return row_of(fault)->reason;
}

enum api_reason reads_fault_api_reason(unsigned fault)
{
	return row_of(fault)->api_reason;
}

const char *reads_fault_text(unsigned fault)
{
	return row_of(fault)->text;
}

enum read_export reads_export_parse(const void *name, size_t name_bytes)
{
	static const char *const names[READ_EXPORT_COUNT] = {
#define AS_NAME(NAME, name) name,
		READ_EXPORTS(AS_NAME)
#undef AS_NAME
	};

	for (unsigned i = 0; i < READ_EXPORT_COUNT; i++) {
		if (strlen(names[i]) == name_bytes && memcmp(names[i], name, name_bytes) == 0) {
			return (enum read_export)i;
		}
	}
	return READ_EXPORT_COUNT;
}
