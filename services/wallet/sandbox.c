#include "services/wallet/wallet.h"

/* Over what every worker may do: nothing. It remembers and it talks. */
const struct sandbox_policy wallet_sandbox = { .rules = NULL, .rule_count = 0 };
