#ifndef SERVICES_PREVALIDATOR_QUESTION_H
#define SERVICES_PREVALIDATOR_QUESTION_H

/* What a GET under /v1 asks: balances, receipts and their proofs, history, events. Whether it may
 * is judged elsewhere. */

#include "common/api_reasons.h"
#include "common/reads.h"
#include "common/types.h"
#include "services/prevalidator/query.h"

struct question {
	enum read_what what;
	uint64_t a, b;               /* as common/reads.h says */
	struct slice account, asset; /* borrow from the text; empty: it names none */
	struct id128 txid;           /* of TX and TX_PROOF */
};

/* text: what came behind the route's path. NONE, or why not and in *ret_text what is wrong, which
 * holds nothing of the client's. */
MUST_CHECK enum api_reason question_read(
	enum route route, struct slice text, struct question *ret_question, const char **ret_text);

#endif
