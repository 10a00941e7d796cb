#ifndef TESTS_LOAD_LOAD_H
#define TESTS_LOAD_LOAD_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/un.h>

#include "tests/load/histogram.h"
#include "tests/load/requests.h"
#include "tests/load/wallet.h"

/* A closed loop of clients: each connection has one request under way, and sends the next when
 * that one has ended. A write that was not answered, or with "later" (429, 503), is sent again
 * as it was, with back-off, until it is acknowledged: what an honest client does (spec/ledger.md
 * section 1.8); under /v1 that is whatever is called retryable. One thread, one epoll.
 *
 *   WAITING   nothing under way; the attempt begins at due_us
 *   CONNECTING, TALKING   an attempt; given up at due_us
 *   FINISHED  no request left to send
 */

#define LOAD_CONNECTIONS_MAX 4096u
#define LOAD_STATUSES        600u

enum load_state { LOAD_WAITING, LOAD_CONNECTING, LOAD_TALKING, LOAD_FINISHED };

struct load_connection {
	enum load_state state;
	int fd; /* owned; -1: none */
	unsigned attempts;
	uint64_t first; /* of the entries under way; of PING the correlation id */
	struct wallet_turns turns;
	struct wallet_request said; /* under /v1 */
	uint64_t ts_unix_ms;
	int64_t started_us; /* the request, not the attempt */
	int64_t due_us;
	char *request; /* owned */
	size_t request_bytes;
	size_t sent;
	char *answer; /* owned */
	size_t answer_used;
	size_t answer_size;
};

struct load_options {
	struct requests_plan plan;
	struct wallet_plan wallet;
	unsigned connections;
	int64_t duration_us;  /* no new request afterwards; those under way are ended */
	uint64_t entries_max; /* no new request once so many entries were sent; 0: no bound */
	int64_t timeout_us;   /* of one attempt */
	int64_t retry_us;     /* of one request */
	int64_t backoff_us_max;
	struct sockaddr_storage address;
	socklen_t address_bytes;
	FILE *acks; /* NULL: no journal. Closed by main */
	FILE *sent;
};

struct load_counts {
	uint64_t acknowledged; /* requests */
	uint64_t statuses[LOAD_STATUSES];
	uint64_t errors;    /* pings that were answered, but did not come through */
	uint64_t retries;   /* attempts beyond the first */
	uint64_t replayed;  /* receipts of an attempt before */
	uint64_t lost;      /* connections that the node closed or refused */
	uint64_t timeouts;  /* attempts that were neither answered nor closed */
	uint64_t abandoned; /* requests that were not acknowledged in time: fate unknown */
	uint64_t refused;   /* requests with a final answer that is no acknowledgement */
	uint64_t wrong;     /* answers to another question, or to none */
};

struct load {
	struct load_options options;
	struct load_counts counts;
	struct histogram latency_us;
	struct load_connection *connections; /* owned */
	uint64_t next_number;
	uint64_t jitter;
	int64_t started_us;
	int64_t ended_us;
	int epoll; /* owned */
	unsigned live;
	bool stopping;
};

/* False after a sentence on stderr. */
MUST_CHECK bool load_open(struct load *load, const struct load_options *options);
/* Returns when all connections are finished. */
void load_run(struct load *load);
void load_stop(void); /* from a signal handler too */
void load_close(struct load *load);

/* One JSON object. */
void load_report(const struct load *load, FILE *out);

#endif
