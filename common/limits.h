#ifndef COMMON_LIMITS_H
#define COMMON_LIMITS_H

/* Every bound that two files share, with its reason. Bounds of one module stand in its
 * header. Bytes unless the name says otherwise. */

/* Names of the model (DESIGN.md section 5). */
#define ACCOUNT_BYTES_MAX 128u
#define ASSET_BYTES_MAX   32u
#define MEMO_BYTES_MAX    256u

/* spec/ledger.md section 1.3: caller's request id, recorded only. */
#define IDEM_ID_BYTES_MAX 128u

/* engine.batch_max_entries never exceeds it; a request of 1 MiB holds fewer anyway. */
#define REQUEST_ENTRIES_MAX 4096u

/* Allocations of one reward intent (DESIGN-LEDGER.md section 7): rewarder.intent_max_entries never
 * exceeds it. */
#define INTENT_ENTRIES_MAX 65536u

/* Connections over the local socket that an edge has room for when its others are all there: who
 * administers the machine gets in. */
#define CONNECTIONS_LOCAL_MAX 32u

/* What an edge may hold for one connection: what came in and is not taken, what goes out (256 KiB,
 * in a buffer that doubles), its requests, and TLS. The memory that the process may have follows
 * from it and from api.max_conns, so that no client can take what a link needs. */
#define CONNECTION_BYTES_MAX (656u * 1024u)

/* A body of spec/ledger.md section 1.3: 1 MiB. */
#define BODY_BYTES_MAX (1024u * 1024u)

/* DESIGN-WALL.md section 4. Each bound stands alone: 32 caveats fit, and so does one of 256 bytes,
 * but a token whose caveats are all as long as they may be is over the whole's bound. */
#define TOKEN_BYTES_MAX   8192u
#define TOKEN_CAVEATS_MAX 32u
#define CAVEAT_BYTES_MAX  256u

/* node.name, or what is chosen when it is empty. */
#define NODE_NAME_BYTES_MAX 64u

/* The origin of the ledger, the first line of each checkpoint: the name, and after a restore under
 * a new one a slash and a number. */
#define ORIGIN_BYTES_MAX 80u

/* Instances of a role (DESIGN-WALL.md section 7). Tables have room for one prevalidator more, which
 * is admin's alone. */
#define INGRESS_MAX       16u
#define PREVALIDATORS_MAX 16u
#define COMPUTE_MAX       16u

#endif
