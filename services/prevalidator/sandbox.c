#include "services/prevalidator/prevalidator.h"

/* Over what every worker may do: nothing. yajl has its arena, and whoever breaks out of it finds
 * links and memory, but no file, no socket and no key. */
const struct sandbox_policy prevalidator_sandbox = { .rules = NULL, .rule_count = 0 };
