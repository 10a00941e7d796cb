#ifndef COMMON_READS_H
#define COMMON_READS_H

#include <stddef.h>
#include <stdint.h>

#include "common/api_reasons.h"
#include "common/reasons.h"

/* What can be read beside roots and entries: READ_TLOG asks archive for it, BLOB brings it or a
 * piece of it, or says why not. Order is the wire id inside.
 *
 *   what               a       b                      text
 *   CHECKPOINT         -       -                      -
 *   TILE               index   level << 16 | width    -
 *   BUNDLE             index   width                  -
 *   PROOF_ENTRY        seq     size, READS_NEWEST     -
 *   PROOF_CONSISTENCY  from    to, READS_NEWEST       -
 *   BALANCE            seq, READS_NEWEST  -           account, a blank, asset
 *   EXPORT             after   enum read_export       -
 *   SIGN_SNAPSHOT      size    -                      SHA-256 of the manifest, 32 bytes
 *
 *   TX                -       -                      the 16 bytes of a txid
 *   TX_PROOF          -       -                      the same
 *   HISTORY           before, READS_NEWEST  limit    account, a blank, asset
 *   EVENTS            after   limit                  -
 *
 * Only BUNDLE can be longer than one BLOB; its bytes never change, so a later piece is the same
 * question with another offset. */

enum read_what {
	READ_CHECKPOINT,
	READ_TILE,
	READ_BUNDLE,
	READ_PROOF_ENTRY,
	READ_PROOF_CONSISTENCY,
	READ_BALANCE,
	READ_EXPORT,
	READ_SIGN_SNAPSHOT,
	READ_TX,
	READ_TX_PROOF,
	READ_HISTORY,
	READ_EVENTS,
	READ_WHAT_COUNT
};

#define READS_NEWEST UINT64_MAX

/* Items of one page of history, and of events. A page may have fewer: it ends where its bytes do.
 */
#define READS_HISTORY_LIMIT_USUAL 50u
#define READS_HISTORY_LIMIT_MAX   200u
#define READS_EVENTS_LIMIT_USUAL  100u
#define READS_EVENTS_LIMIT_MAX    200u

/* Of all that is read at once and in pieces: a bundle of 256 entries of 601 bytes. */
#define READS_BYTES_MAX 262144u

/* What `what=` of an export may be, in alphabetical order: one page at a time, from the key
 * behind `after` on. macronode-oap(7) says what a page is made of. */
#define READ_EXPORTS(E)             \
	E(AUDITS, "audits")         \
	E(CHECKPOINT, "checkpoint") \
	E(COMMITS, "commits")       \
	E(CONTROLS, "controls")     \
	E(COUNTERS, "counters")     \
	E(ENTRIES, "entries")       \
	E(HEAD, "head")

enum read_export {
#define AS_ENUM(NAME, name) READ_EXPORT_##NAME,
	READ_EXPORTS(AS_ENUM)
#undef AS_ENUM
		READ_EXPORT_COUNT
};

/* READ_EXPORT_COUNT: it is none. */
enum read_export reads_export_parse(const void *name, size_t name_bytes);

enum read_content { READ_CONTENT_JSON, READ_CONTENT_TEXT, READ_CONTENT_BYTES, READ_CONTENT_COUNT };

/* Who may keep an answer: nobody; whoever asks each time whether it is still the newest; anybody
 * for ever; or for ever, but only who asked, for a token was needed. */
enum read_cache {
	READ_CACHE_NEVER,
	READ_CACHE_ASK,
	READ_CACHE_FOREVER,
	READ_CACHE_FOREVER_OWN,
	READ_CACHE_COUNT
};

/* Why not. Archive neither counts nor logs them; the edge that tells the client does.
 * NAME, status, reason, reason under /v1, sentence or word */
#define READ_FAULTS(F)                                                                             \
	F(NOT_THERE, 404, UNKNOWN_KIND, NOT_FOUND,                                                 \
		"there is no such thing in the ledger, or none that you may see")                  \
	F(NOT_ALLOWED, 403, CAP_INVALID, SCOPE, "the token does not allow to read this")           \
	F(CLOSED, 503, INTERNAL, NOT_READY, "the store cannot be read now")                        \
	F(STALE, 503, INTERNAL, NOT_READY, "the token was verified by a kms of before; try again") \
	F(NOT_SIGNED_YET, 503, INTERNAL, NOT_SIGNED_YET, "not_signed_yet")                         \
	F(OTHER_HASH, 501, UNKNOWN_KIND, HTTP,                                                     \
		"transparency logs are of sha256, this one of blake3")                             \
	F(BUSY, 429, BUSY, QUEUE_FULL, "busy")                                                     \
	F(DEADLINE, 503, TIMEOUT, TIMEOUT, "deadline")                                             \
	F(NO_STATE, 503, INTERNAL, LEDGER_DOWN, "the sequencer has no balances now")

enum read_fault {
	READ_FAULT_NONE,
#define AS_ENUM(NAME, status, reason, api_reason, text) READ_FAULT_##NAME,
	READ_FAULTS(AS_ENUM)
#undef AS_ENUM
		READ_FAULT_COUNT
};

/* All take any value: 200, REASON_NONE, API_REASON_NONE and "" for none, those of CLOSED for one
 * that is not in the table. */
uint16_t reads_fault_status(unsigned fault);
enum reason reads_fault_reason(unsigned fault);
enum api_reason reads_fault_api_reason(unsigned fault);
const char *reads_fault_text(unsigned fault);

#endif
