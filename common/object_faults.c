#include "common/object_faults.h"

#include <stddef.h>

const struct object_fault_row *object_faults_row(unsigned fault)
{
	static const struct object_fault_row rows[OBJECT_FAULT_COUNT] = {
#define AS_ROW(NAME, status, code, reason, text) \
	[OBJECT_FAULT_##NAME] = { status, code, REASON_##reason, text },
		OBJECT_FAULTS(AS_ROW)
#undef AS_ROW
	};

	return &rows[fault == OBJECT_FAULT_NONE || fault >= OBJECT_FAULT_COUNT ? OBJECT_FAULT_IO
									       : fault];
}
