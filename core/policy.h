#ifndef CORE_POLICY_H
#define CORE_POLICY_H

/* The policy of the wallet (spec/wallet.md W-O14), understood: which operations there are under
 * /v1, how many of them an account and a tenant may make on a day and what they may spend, for
 * each asset what one of them may move, what an account may spend on a day, and whether money may
 * be issued, how much of it and until when; and what a client with a certificate may do. It can
 * only lower what the configuration allows. The document is JSON and read before anything is
 * started (cli/policy.c); what travels from there to those who judge by it is the form of
 * policy_encode().
 *
 * Rows are in the order of the bytes of their assets; no asset has two. */

#include <stdbool.h>
#include <stdint.h>

#include "common/check.h"
#include "common/errors.h"
#include "common/limits.h"
#include "common/slice.h"
#include "common/types.h"
#include "core/operation.h"

/* As many as a person can approve; the ledger itself takes more. */
#define POLICY_ASSETS_MAX 256u

/* Certificates that a person keeps apart. */
#define POLICY_CLIENTS_MAX 64u

/* ops u8, two quotas of u64 and u128, rows u16, and a row: name with its u8, issuance u8, three
 * amounts, an expiry; then clients: has u8, rows u8, and a row: certificate, actions u32. */
#define POLICY_ROW_BYTES_MAX  (1u + ASSET_BYTES_MAX + 1u + 3u * 16u + 8u)
#define POLICY_QUOTA_BYTES    (8u + 16u)
#define POLICY_ROWS_BYTES_MAX (POLICY_ASSETS_MAX * POLICY_ROW_BYTES_MAX)
#define POLICY_CLIENTS_BYTES  (2u + POLICY_CLIENTS_MAX * (HASH_BYTES + 4u))
#define POLICY_BYTES_MAX \
	(3u + 2u * POLICY_QUOTA_BYTES + POLICY_ROWS_BYTES_MAX + POLICY_CLIENTS_BYTES)

/* Every reader of JSON has such a number exactly. */
#define POLICY_OPS_PER_DAY_MAX 9007199254740991u

#define POLICY_OP_BIT(kind) (1u << (kind))
#define POLICY_OPS_ALL      (((1u << (OPERATION_KIND_MAX + 1)) - 1) & ~1u)

struct policy_asset {
	uint8_t name_bytes;
	uint8_t name[ASSET_BYTES_MAX];
	u128 op_amount_max; /* U128_MAX: no more than the configuration says */
	u128 daily_ceiling; /* likewise */
	bool may_issue;
	u128 issuance_cap; /* of what is outstanding */
	uint64_t issuance_expires_unix_ms;
};

/* What one account, or one tenant, may do on a UTC day. */
struct policy_quota {
	uint64_t ops;     /* operations of every kind; UINT64_MAX: no end */
	u128 spend_minor; /* debits of each asset; U128_MAX: no end */
};

/* Who shows this certificate may do these: bits of core/caveat.h. */
struct policy_client {
	struct hash certificate; /* SHA-256 of it in DER */
	uint32_t actions;
};

struct policy {
	uint8_t ops; /* POLICY_OP_BIT of those that are allowed */
	struct policy_quota per_account;
	struct policy_quota per_tenant;
	uint16_t asset_count;
	struct policy_asset assets[POLICY_ASSETS_MAX];
	bool has_clients; /* then who is not among them may do nothing; else a certificate alone
			     decides nothing */
	uint8_t client_count;
	struct policy_client clients[POLICY_CLIENTS_MAX];
};

/* Without a document: every operation, no limits of its own, nothing is issued. */
void policy_init(struct policy *policy);

bool policy_allows(const struct policy *policy, enum operation_kind kind);

/* NULL: the document does not name it. */
const struct policy_asset *policy_find(const struct policy *policy, struct slice asset);

/* Is there an approval? That its time is not over, and how much it is of, the ledger judges. */
bool policy_may_issue(const struct policy *policy, struct slice asset);

/* What a certificate is good for; a token is needed all the same. */
uint32_t policy_actions_of(const struct policy *policy, const struct hash *certificate);

/* False: there is one of that certificate, or no room. */
MUST_CHECK bool policy_add_client(struct policy *policy, const struct policy_client *row);

/* Puts a row in its place. False: there is one of that asset, or no room. */
MUST_CHECK bool policy_add(struct policy *policy, const struct policy_asset *row);

/* How many bytes; they always fit. */
size_t policy_encode(const struct policy *policy, uint8_t ret_bytes[POLICY_BYTES_MAX]);

/* ERR_MALFORMED: not what policy_encode() writes of a sound policy. */
MUST_CHECK enum err policy_decode(struct slice bytes, struct policy *ret_policy);

#endif
