#include "cli/policy_read.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/amount.h"
#include "core/caveat.h"
#include "core/entry.h"
#include "core/hex.h"

struct reader {
	struct policy *policy;
	struct policy_faults *faults;
	char path[POLICY_FAULT_PATH_BYTES]; /* of the value in hand */
	struct policy_asset row;            /* in hand */
	struct policy_quota *quota;         /* likewise */
	struct policy_client client;        /* likewise */
	bool has_cap, has_proposal, has_expiry;
};

/* One member of a closed object. */
struct member {
	const char *name;
	void (*take)(struct reader *reader, const struct json_in *value);
	bool is_required;
};

__attribute__((format(printf, 2, 3))) static void fault(
	struct reader *reader, const char *format, ...)
{
	struct policy_faults *faults = reader->faults;
	va_list args;

	if (faults->count < POLICY_FAULTS_MAX) {
		struct policy_fault *one = &faults->faults[faults->count];

		(void)snprintf(one->path, sizeof one->path, "%s", reader->path);
		va_start(args, format);
		(void)vsnprintf(one->text, sizeof one->text, format, args);
		va_end(args);
	}
	faults->count++;
}

/* Returns where the path ended before; leave() goes back there. What is written in a name may be
 * anything, and ends on a terminal. */
static size_t enter(struct reader *reader, const char *name)
{
	size_t length = strlen(reader->path), used = length;

	if (used > 0 && used + 1 < sizeof reader->path) {
		reader->path[used++] = '.';
	}
	for (; *name != '\0' && used + 1 < sizeof reader->path; name++) {
		reader->path[used++] = *name > ' ' && *name < 0x7F ? *name : '?';
	}
	reader->path[used] = '\0';
	return length;
}

static void leave(struct reader *reader, size_t length)
{
	reader->path[length] = '\0';
}

/* ---- closed objects ---- */

static bool is_repeated(const struct json_in *object, size_t index)
{
	const char *name = json_in_member_name(object, index);

	for (size_t i = 0; i < index; i++) {
		if (strcmp(json_in_member_name(object, i), name) == 0) {
			return true;
		}
	}
	return false;
}

static const struct member *find_member(const struct member *members, const char *name)
{
	while (members->name != NULL && strcmp(members->name, name) != 0) {
		members++;
	}
	return members->name == NULL ? NULL : members;
}

static void list_members(const struct member *members, char *ret_text, size_t bytes_max)
{
	size_t used = 0;

	ret_text[0] = '\0';
	for (; members->name != NULL && used < bytes_max; members++) {
		used += (size_t)snprintf(ret_text + used, bytes_max - used, "%s%s",
			used == 0 ? "" : ", ", members->name);
	}
}

static void find_missing(
	struct reader *reader, const struct json_in *object, const struct member *members)
{
	for (; members->name != NULL; members++) {
		if (members->is_required && json_in_member(object, members->name) == NULL) {
			size_t length = enter(reader, members->name);

			fault(reader, "expected this member; it is missing");
			leave(reader, length);
		}
	}
}

/* The list ends with a row without a name. */
static void take_object(
	struct reader *reader, const struct json_in *object, const struct member *members)
{
	char names[192];

	if (json_in_type(object) != JSON_IN_OBJECT) {
		fault(reader, "expected an object");
		return;
	}
	for (size_t i = 0; i < json_in_member_count(object); i++) {
		const struct member *member = find_member(members, json_in_member_name(object, i));
		size_t length = enter(reader, json_in_member_name(object, i));

		if (member == NULL) {
			list_members(members, names, sizeof names);
			fault(reader, "there is no such member; expected one of %s", names);
		} else if (is_repeated(object, i)) {
			fault(reader, "expected it once; it is given twice");
		} else {
			member->take(reader, json_in_member_at(object, i));
		}
		leave(reader, length);
	}
	find_missing(reader, object, members);
}

/* ---- values ---- */

/* "" for all that is no text; no value of ours may be empty. */
static const char *text_of(const struct json_in *value)
{
	return json_in_type(value) == JSON_IN_STRING ? json_in_text(value) : "";
}

static void take_amount(struct reader *reader, const struct json_in *value, u128 *ret_amount)
{
	const char *text = text_of(value);
	u128 amount = 0;

	if (amount_parse(text, strlen(text), &amount) != AMOUNT_OK || amount == 0) {
		fault(reader, "expected a string of decimal digits, from 1 to 2^128-1");
		return;
	}
	*ret_amount = amount;
}

/* RFC 3339 in UTC and whole seconds. Printed again it must be the same: no 30th of February. */
static bool parse_time(const char *text, uint64_t *ret_unix_ms)
{
	static const char format[] = "%Y-%m-%dT%H:%M:%SZ";
	struct tm fields = { 0 };
	char again[32];
	const char *end = strptime(text, format, &fields);
	time_t unix_s = end == NULL || *end != '\0' ? -1 : timegm(&fields);

	if (unix_s < 0 || gmtime_r(&unix_s, &fields) == NULL ||
		strftime(again, sizeof again, format, &fields) == 0 || strcmp(again, text) != 0) {
		return false;
	}
	*ret_unix_ms = (uint64_t)unix_s * 1000;
	return true;
}

/* ---- issuance ---- */

static void take_enabled(struct reader *reader, const struct json_in *value)
{
	if (json_in_type(value) != JSON_IN_BOOL) {
		fault(reader, "expected true or false");
		return;
	}
	reader->row.may_issue = json_in_is_true(value);
}

static void take_cap(struct reader *reader, const struct json_in *value)
{
	reader->has_cap = true;
	take_amount(reader, value, &reader->row.issuance_cap);
}

static void take_proposal(struct reader *reader, const struct json_in *value)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789._:-";
	const char *text = text_of(value);
	size_t length = strlen(text);

	reader->has_proposal = true;
	if (length == 0 || length > POLICY_PROPOSAL_BYTES_MAX || strspn(text, allowed) != length) {
		fault(reader, "expected a string of 1 to %u of A-Z a-z 0-9 . _ : -",
			POLICY_PROPOSAL_BYTES_MAX);
	}
}

static void take_expiry(struct reader *reader, const struct json_in *value)
{
	reader->has_expiry = true;
	if (!parse_time(text_of(value), &reader->row.issuance_expires_unix_ms)) {
		fault(reader, "expected a time in UTC, like \"2027-01-01T00:00:00Z\"");
	}
}

static void take_issuance(struct reader *reader, const struct json_in *value)
{
	static const struct member members[] = {
		{ "enabled", take_enabled, true },
		{ "cap_minor", take_cap, false },
		{ "proposal_id", take_proposal, false },
		{ "expiry", take_expiry, false },
		{ NULL, NULL, false },
	};

	take_object(reader, value, members);
	if (reader->row.may_issue &&
		!(reader->has_cap && reader->has_proposal && reader->has_expiry)) {
		fault(reader,
			"expected cap_minor, proposal_id and expiry, because enabled is true");
	}
}

/* ---- assets ---- */

static void take_op_max(struct reader *reader, const struct json_in *value)
{
	take_amount(reader, value, &reader->row.op_amount_max);
}

static void take_ceiling(struct reader *reader, const struct json_in *value)
{
	take_amount(reader, value, &reader->row.daily_ceiling);
}

static void take_asset(struct reader *reader, const char *name, const struct json_in *value)
{
	static const struct member members[] = {
		{ "max_amount_per_op", take_op_max, false },
		{ "daily_ceiling", take_ceiling, false },
		{ "issuance", take_issuance, false },
		{ NULL, NULL, false },
	};
	struct slice asset = { (const uint8_t *)name, strlen(name) };

	if (!entry_asset_is_valid(asset)) {
		fault(reader,
			"expected an asset, 1 to 32 of a-z 0-9 . _ -, a letter or digit first");
		return;
	}
	reader->has_cap = reader->has_proposal = reader->has_expiry = false;
	reader->row = (struct policy_asset){
		.name_bytes = (uint8_t)asset.bytes_count,
		.op_amount_max = U128_MAX,
		.daily_ceiling = U128_MAX,
	};
	memcpy(reader->row.name, asset.bytes, asset.bytes_count);
	take_object(reader, value, members);
	if (reader->row.op_amount_max != U128_MAX &&
		reader->row.op_amount_max > reader->row.daily_ceiling) {
		fault(reader, "max_amount_per_op must not be above daily_ceiling");
	}
	if (policy_find(reader->policy, asset) != NULL) {
		fault(reader, "expected it once; it is given twice");
	} else if (!policy_add(reader->policy, &reader->row)) {
		fault(reader, "expected at most %u assets", POLICY_ASSETS_MAX);
	}
}

static void take_assets(struct reader *reader, const struct json_in *value)
{
	if (json_in_type(value) != JSON_IN_OBJECT) {
		fault(reader, "expected an object, with a member for each asset");
		return;
	}
	for (size_t i = 0; i < json_in_member_count(value); i++) {
		const char *name = json_in_member_name(value, i);
		size_t length = enter(reader, name);

		take_asset(reader, name, json_in_member_at(value, i));
		leave(reader, length);
	}
}

/* ---- the whole ---- */

static void take_version(struct reader *reader, const struct json_in *value)
{
	uint64_t version = 0;

	if (!json_in_u64(value, &version) || version != 1) {
		fault(reader, "expected 1, the form of this document");
	}
}

static void take_op(struct reader *reader, const struct json_in *value)
{
	for (unsigned kind = 1; kind <= OPERATION_KIND_MAX; kind++) {
		if (strcmp(text_of(value), operation_name(kind)) == 0) {
			if ((reader->policy->ops & POLICY_OP_BIT(kind)) != 0) {
				fault(reader, "%s: expected it once; it is given twice",
					operation_name(kind));
			}
			reader->policy->ops |= (uint8_t)POLICY_OP_BIT(kind);
			return;
		}
	}
	fault(reader, "expected operations: issue, transfer, burn, hold, capture, release");
}

static void take_ops(struct reader *reader, const struct json_in *value)
{
	if (json_in_type(value) != JSON_IN_ARRAY) {
		fault(reader, "expected an array of operations");
		return;
	}
	for (size_t i = 0; i < json_in_count(value); i++) {
		take_op(reader, json_in_item(value, i));
	}
}

/* ---- quotas ---- */

static void take_ops_per_day(struct reader *reader, const struct json_in *value)
{
	uint64_t ops = 0;

	if (!json_in_u64(value, &ops) || ops == 0 || ops > POLICY_OPS_PER_DAY_MAX) {
		fault(reader, "expected a whole number, from 1 to %llu",
			(unsigned long long)POLICY_OPS_PER_DAY_MAX);
		return;
	}
	reader->quota->ops = ops;
}

static void take_spend_per_day(struct reader *reader, const struct json_in *value)
{
	take_amount(reader, value, &reader->quota->spend_minor);
}

static void take_quota(
	struct reader *reader, const struct json_in *value, struct policy_quota *quota)
{
	static const struct member members[] = {
		{ "ops_per_day", take_ops_per_day, false },
		{ "spend_minor_per_day", take_spend_per_day, false },
		{ NULL, NULL, false },
	};

	reader->quota = quota;
	take_object(reader, value, members);
}

static void take_per_account(struct reader *reader, const struct json_in *value)
{
	take_quota(reader, value, &reader->policy->per_account);
}

static void take_per_tenant(struct reader *reader, const struct json_in *value)
{
	take_quota(reader, value, &reader->policy->per_tenant);
}

static void take_quotas(struct reader *reader, const struct json_in *value)
{
	static const struct member members[] = {
		{ "per_account", take_per_account, false },
		{ "per_tenant", take_per_tenant, false },
		{ NULL, NULL, false },
	};

	take_object(reader, value, members);
}

/* ---- clients ---- */

static void take_action(struct reader *reader, const struct json_in *value)
{
	for (unsigned action = 0; action < CAVEAT_ACTION_COUNT; action++) {
		if (strcmp(text_of(value), caveat_action_name(action)) == 0) {
			reader->client.actions |= CAVEAT_ACTION_BIT(action);
			return;
		}
	}
	fault(reader, "expected actions as tokens have them (macronode-caveats(7)), like "
		      "\"wallet.transfer\"");
}

static void take_client(struct reader *reader, const char *name, const struct json_in *value)
{
	reader->client = (struct policy_client){ .actions = 0 };
	if (hex_decode(name, strlen(name), reader->client.certificate.bytes, HASH_BYTES) !=
		ERR_OK) {
		fault(reader, "expected the SHA-256 of a certificate in DER, 64 of 0-9 a-f");
		return;
	}
	if (json_in_type(value) != JSON_IN_ARRAY) {
		fault(reader, "expected an array of actions");
		return;
	}
	for (size_t i = 0; i < json_in_count(value); i++) {
		take_action(reader, json_in_item(value, i));
	}
	if (!policy_add_client(reader->policy, &reader->client)) {
		fault(reader, "expected it once, and at most %u clients", POLICY_CLIENTS_MAX);
	}
}

static void take_clients(struct reader *reader, const struct json_in *value)
{
	if (json_in_type(value) != JSON_IN_OBJECT) {
		fault(reader, "expected an object, with a member for each certificate");
		return;
	}
	reader->policy->has_clients = true;
	for (size_t i = 0; i < json_in_member_count(value); i++) {
		const char *name = json_in_member_name(value, i);
		size_t length = enter(reader, name);

		take_client(reader, name, json_in_member_at(value, i));
		leave(reader, length);
	}
}

/* ---- what is not held: who writes it would believe that it is ---- */

static void take_dispute_window(struct reader *reader, const struct json_in *value)
{
	uint64_t seconds = 0;

	if (!json_in_u64(value, &seconds) || seconds != 0) {
		fault(reader,
			"expected 0: disputes are not built yet, so nothing would hold the window");
	}
}

static void take_signatures(struct reader *reader, const struct json_in *value)
{
	if (json_in_type(value) != JSON_IN_ARRAY || json_in_count(value) != 0) {
		fault(reader,
			"expected []: signatures are not built yet, so nobody would check them");
	}
}

/* It would end a name or a value early, and the rest would be hidden. */
static bool has_escaped_nul(struct slice text)
{
	static const char escaped[] = "\\u0000";

	return memmem(text.bytes, text.bytes_count, escaped, sizeof escaped - 1) != NULL;
}

bool policy_read(struct slice text, struct policy *ret_policy, struct policy_faults *ret_faults)
{
	static const struct member members[] = {
		{ "version", take_version, true },
		{ "allowed_ops", take_ops, true },
		{ "assets", take_assets, true },
		{ "quotas", take_quotas, false },
		{ "clients", take_clients, false },
		{ "dispute_window_s", take_dispute_window, false },
		{ "signatures", take_signatures, false },
		{ NULL, NULL, false },
	};
	struct reader reader = { .policy = ret_policy, .faults = ret_faults };
	struct json_in *root;

	policy_init(ret_policy);
	ret_policy->ops = 0;
	ret_faults->count = 0;
	if (text.bytes_count > POLICY_FILE_BYTES_MAX) {
		fault(&reader, "expected at most %u bytes", POLICY_FILE_BYTES_MAX);
		return false;
	}
	root = has_escaped_nul(text) ? NULL : json_in_parse(text);
	if (root == NULL) {
		fault(&reader, "expected JSON in UTF-8, without \\u0000");
		return false;
	}
	take_object(&reader, root, members);
	json_in_free(root);
	return ret_faults->count == 0;
}
