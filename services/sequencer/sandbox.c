#include "services/sequencer/sequencer.h"

/* Over what every worker may do: nothing. Memory for a growing ledger is anonymous, and the
 * base allows that. */
const struct sandbox_policy sequencer_sandbox = { .rules = NULL, .rule_count = 0 };
