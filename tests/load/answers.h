#ifndef TESTS_LOAD_ANSWERS_H
#define TESTS_LOAD_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"

/* What a node answers, as far as a load client cares. */

enum answers_parse { ANSWERS_MORE, ANSWERS_WHOLE, ANSWERS_BROKEN };

struct answers_http {
	size_t bytes; /* of the whole response */
	unsigned status;
	bool close;
	bool replayed;    /* Idempotency-Replayed: true */
	const char *body; /* borrowed, and not terminated */
	size_t body_bytes;
};

MUST_CHECK enum answers_parse answers_parse_http(
	const char *bytes, size_t count, struct answers_http *ret_http);

/* The members of an IngestResponse. False: it is none, or says nothing of a commit. */
struct answers_commit {
	uint64_t seq_start;
	uint64_t seq_end;
	char root[65];
};
MUST_CHECK bool answers_parse_commit(
	const char *body, size_t body_bytes, struct answers_commit *ret_commit);

/* Does an error under /v1 say that the request may be sent again? */
MUST_CHECK bool answers_is_retryable(const char *body, size_t body_bytes);

struct answers_frame {
	size_t bytes;
	uint64_t corr_id;
	uint16_t flags;
	uint16_t verb;
	const char *payload; /* borrowed, and not terminated */
	size_t payload_bytes;
};

#define ANSWERS_FLAG_RESP 2u
#define ANSWERS_FLAG_CONT 8u
#define ANSWERS_VERB_PONG 2u

MUST_CHECK enum answers_parse answers_parse_frame(
	const char *bytes, size_t count, struct answers_frame *ret_frame);

#endif
