#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/clock.h"
#include "common/log.h"
#include "proto/verbs.h"

/* Where the time of a request goes. Whether a request is traced is decided once, by the edge, and
 * stands in the lowest bit of its ticket: all who hold the ticket decide alike, without a word to
 * each other. Who worked for a traced request writes one record about it, through its log pipe and
 * as its log does: in one write that never waits, dropped and counted when the pipe is full. The
 * supervisor joins them by the ticket (supervisor/traces.c).
 *
 * A record has what the log may have (common/log.h), so no account, token or body.
 *
 * Names are those of spec/ledger.md section 6 and spec/wallet.md section 6, and made like them
 * where those have none. Ids are stable, as those of log events are. A span lies in that of its
 * parent; if there is none, in that of the parent's parent, and at last in that of the edge.
 *
 * id, NAME, name, parent, the REQUEST that it is the work on: from its coming to its credit given
 * back, written by common/peer.c (0: its process writes it itself) */
#define TRACE_SPANS(S)                                                                     \
	S(1, REQUEST, "svc.ron-ledger.ingress.handle", NONE, 0)                            \
	S(2, CHECK, "svc.ron-ledger.prevalidator.check", REQUEST, OAP_REQUEST)             \
	S(3, PROBE, "svc.ron-ledger.prevalidator.probe", REQUEST, OAP_PROBE)               \
	S(4, VERIFY, "svc.wallet.auth.verify", CHECK, 0)                                   \
	S(5, ASSIGN, "svc.ron-ledger.sequencer.assign", NONE, 0)                           \
	S(6, QUEUE, "svc.ron-ledger.sequencer.queue", ASSIGN, 0)                           \
	S(16, COMMIT, "svc.ron-ledger.sequencer.commit", ASSIGN, 0)                        \
	S(7, APPEND, "svc.ron-ledger.commit.append_wal", COMMIT, 0)                        \
	S(8, SYNC, "svc.ron-ledger.commit.sync", APPEND, 0)                                \
	S(9, ISSUE, "svc.wallet.issue", REQUEST, 0)                                        \
	S(10, TRANSFER, "svc.wallet.transfer", REQUEST, 0)                                 \
	S(11, BURN, "svc.wallet.burn", REQUEST, 0)                                         \
	S(12, HOLD, "svc.wallet.hold", REQUEST, 0)                                         \
	S(13, CAPTURE, "svc.wallet.capture", REQUEST, 0)                                   \
	S(14, RELEASE, "svc.wallet.release", REQUEST, 0)                                   \
	S(15, BALANCE, "svc.wallet.balance", REQUEST, OAP_READ_BALANCE)                    \
	S(20, ROOTS, "svc.ron-ledger.archive.roots", REQUEST, OAP_READ_ROOTS)              \
	S(21, ENTRY, "svc.ron-ledger.archive.entry", REQUEST, OAP_READ_ENTRY)              \
	S(22, READ_VERIFY, "svc.ron-ledger.archive.verify", REQUEST, OAP_READ_VERIFY)      \
	S(23, READ, "svc.ron-ledger.archive.read", REQUEST, OAP_READ_TLOG)                 \
	S(24, PUT_OBJECT, "svc.ron-ledger.archive.put_object", REQUEST, OAP_PUT_OBJECT)    \
	S(25, READ_OBJECT, "svc.ron-ledger.archive.read_object", REQUEST, OAP_READ_OBJECT) \
	S(30, COMPUTE, "svc.rewarder.compute", REQUEST, OAP_RUN_COMPUTE)                   \
	S(31, PREPARE, "svc.rewarder.prepare", COMPUTE, 0)                                 \
	S(33, EMIT, "svc.rewarder.ledger.emit", COMPUTE, 0)                                \
	S(34, RUN_SHOW, "svc.rewarder.show", REQUEST, OAP_RUN_SHOW)                        \
	S(35, RUN_LIST, "svc.rewarder.list", REQUEST, OAP_RUN_LIST)                        \
	S(36, UNLATCH, "svc.rewarder.release", REQUEST, OAP_QUARANTINE_RELEASE)            \
	S(37, POLICY_PUT, "svc.rewarder.policy_put", REQUEST, OAP_POLICY_PUT)              \
	S(38, POLICY_SHOW, "svc.rewarder.policy_show", REQUEST, OAP_POLICY_SHOW)

enum trace_kind {
	TRACE_NONE = 0,
#define AS_ENUM(id, NAME, name, parent, verb) TRACE_##NAME = (id),
	TRACE_SPANS(AS_ENUM)
#undef AS_ENUM
		TRACE_KIND_END = 64
};

/* A wallet operation of kind k has the span TRACE_ISSUE + k - 1; asserted in services/wallet. */

#define TRACE_SAMPLED_BIT UINT64_C(1)

static inline bool trace_is_sampled(uint64_t ticket)
{
	return (ticket & TRACE_SAMPLED_BIT) != 0;
}

/* What a request of another's is known by until its work is done; ticket 0: it is not traced. */
struct trace_work {
	uint64_t ticket;
	struct instant since;
};

/* Begins now. */
struct trace_work trace_work_of(uint64_t ticket);

/* Writes a span from `since` to `until`, if the ticket is a traced one. more: further fields, or
 * NULL; of those for spans (common/log.h) only what the edge knows. */
void trace_span(enum trace_kind kind, uint64_t ticket, struct instant since, struct instant until,
	const struct log_fields *more);

/* The same until now. */
void trace_done(enum trace_kind kind, const struct trace_work *work, const struct log_fields *more);

/* Of a REQUEST whose corr_id is a ticket: when it came; 0: it is not traced. */
int64_t trace_request_came(unsigned receiver, const struct oap_from *from);
/* Its work is done. */
void trace_request_done(const struct oap_from *from);

const char *trace_name(unsigned kind); /* NULL for one that is none */
enum trace_kind trace_parent(unsigned kind);

#endif
