#ifndef CLI_POLICY_READ_H
#define CLI_POLICY_READ_H

/* The policy document of the wallet, from JSON to core/policy.h (spec/wallet.md W-O14):
 *
 *   {"version":1,
 *    "allowed_ops":["issue","transfer",...],
 *    "assets":{"ron":{"max_amount_per_op":"5000","daily_ceiling":"20000",
 *                     "issuance":{"enabled":true,"cap_minor":"1000000",
 *                                 "proposal_id":"2026-11","expiry":"2027-01-01T00:00:00Z"}}},
 *    "quotas":{"per_account":{"ops_per_day":1000,"spend_minor_per_day":"50000"},
 *              "per_tenant":{"ops_per_day":20000,"spend_minor_per_day":"900000"}},
 *    "clients":{"<SHA-256 of a certificate in DER, in hex>":["wallet.transfer",...]},
 *    "dispute_window_s":0,"signatures":[]}
 *
 * Closed: a member that it does not have is a fault, and so is one that asks for what the node
 * does not do (a dispute window, signatures). Nothing is ignored. */

#include "cli/json_in.h"
#include "core/policy.h"

/* A larger one is no policy of POLICY_ASSETS_MAX assets. */
#define POLICY_FILE_BYTES_MAX 262144u

#define POLICY_FAULTS_MAX         16u
#define POLICY_FAULT_PATH_BYTES   128u
#define POLICY_FAULT_TEXT_BYTES   320u
#define POLICY_PROPOSAL_BYTES_MAX 64u

struct policy_fault {
	char path[POLICY_FAULT_PATH_BYTES]; /* "assets.ron.daily_ceiling"; "" is the whole */
	char text[POLICY_FAULT_TEXT_BYTES]; /* what was expected; printable */
};

struct policy_faults {
	uint32_t count; /* also those that found no room */
	struct policy_fault faults[POLICY_FAULTS_MAX];
};

/* False: there are faults, and *ret_policy is not to be used. */
MUST_CHECK bool policy_read(
	struct slice text, struct policy *ret_policy, struct policy_faults *ret_faults);

#endif
