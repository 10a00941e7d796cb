#include "core/attestation.h"

#include "core/entry.h"
#include "core/hex.h"
#include "core/json_out.h"

#define CID_TEXT_BYTES  (3u + HEX_TEXT_BYTES(HASH_BYTES) + 1u)
#define TIME_TEXT_BYTES sizeof "9999-12-31T23:59:59Z"

static bool is_of_a_run(const struct attestation *attestation)
{
	bool is_ok = attestation->status == ATTESTATION_OK;

	if (!is_ok && attestation->status != ATTESTATION_QUARANTINED) {
		return false;
	}
	if (attestation->tenant.bytes_count > INTENT_TENANT_BYTES_MAX ||
		attestation->epoch.bytes_count > INTENT_EPOCH_BYTES_MAX ||
		!entry_account_is_valid(attestation->tenant) ||
		!entry_account_is_valid(attestation->epoch) ||
		attestation->signed_at_unix_s > ATTESTATION_UNIX_S_MAX) {
		return false;
	}
	if (is_ok && attestation->payout > attestation->pool) {
		return false;
	}
	return attestation->residual == 0 ||
	       (attestation->payout <= attestation->pool &&
		       attestation->residual == attestation->pool - attestation->payout);
}

static void put_two(char *to, uint64_t number)
{
	to[0] = (char)('0' + number / 10 % 10);
	to[1] = (char)('0' + number % 10);
}

/* Days since 1970 as a date: years that begin in March have their leap day at the end. */
static void print_time(uint64_t unix_s, char text[TIME_TEXT_BYTES])
{
	uint64_t days = unix_s / 86400 + 719468; /* since 1 March of the year 0 */
	uint64_t era = days / 146097, day_of_era = days % 146097;
	uint64_t year =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	uint64_t day = day_of_era - (365 * year + year / 4 - year / 100);
	uint64_t month = (5 * day + 2) / 153; /* 0 = March */

	memcpy(text, "0000-00-00T00:00:00Z", TIME_TEXT_BYTES);
	day -= (153 * month + 2) / 5;
	year += era * 400 + (month >= 10 ? 1 : 0);
	put_two(text, year / 100);
	put_two(text + 2, year % 100);
	put_two(text + 5, month < 10 ? month + 3 : month - 9);
	put_two(text + 8, day + 1);
	put_two(text + 11, unix_s % 86400 / 3600);
	put_two(text + 14, unix_s % 3600 / 60);
	put_two(text + 17, unix_s % 60);
}

static void put_cid(struct json_out *out, const char *name, const struct hash *hash)
{
	char text[CID_TEXT_BYTES] = "b3:";

	hex_encode(hash->bytes, HASH_BYTES, text + 3);
	json_out_key(out, name);
	json_out_text(out, text);
}

static void put_string(struct json_out *out, const char *name, struct slice text)
{
	json_out_key(out, name);
	json_out_string(out, text);
}

static void put_totals(struct json_out *out, const struct attestation *attestation)
{
	json_out_key(out, "totals");
	json_out_object_begin(out);
	json_out_key(out, "payout_minor_units");
	json_out_u128(out, attestation->payout);
	json_out_key(out, "pool_minor_units");
	json_out_u128(out, attestation->pool);
	json_out_key(out, "residual_minor_units");
	json_out_u128(out, attestation->residual);
	json_out_object_end(out);
}

enum err attestation_print(const struct attestation *attestation,
	uint8_t ret_text[ATTESTATION_BYTES_MAX], size_t *ret_bytes)
{
	static const char *const statuses[] = {
#define AS_TEXT(NAME, name, number) [number] = (name),
		ATTESTATION_STATUSES(AS_TEXT)
#undef AS_TEXT
	};
	char time[TIME_TEXT_BYTES];
	struct json_out out;

	if (!is_of_a_run(attestation)) {
		return ERR_MALFORMED;
	}
	print_time(attestation->signed_at_unix_s, time);
	json_out_init(&out, ret_text, ATTESTATION_BYTES_MAX);
	json_out_object_begin(&out);
	put_cid(&out, "commitment", &attestation->commitment);
	put_string(&out, "domain", ENTRY_VIEW("ron.rewarder.attest.v1"));
	put_string(&out, "epoch_id", attestation->epoch);
	put_cid(&out, "idempotency_key", &attestation->idempotency_key);
	put_cid(&out, "policy_hash", &attestation->policy_hash);
	json_out_key(&out, "run_key");
	json_out_hex(&out, (struct slice){ attestation->run_key.bytes, ATTESTATION_RUN_KEY_BYTES });
	json_out_key(&out, "signed_at");
	json_out_text(&out, time);
	json_out_key(&out, "status");
	json_out_text(&out, statuses[attestation->status]);
	put_string(&out, "tenant", attestation->tenant);
	put_totals(&out, attestation);
	json_out_object_end(&out);
	return json_out_finish(&out, ret_bytes);
}
