#include "tests/load/requests.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/base64.h"
#include "core/hex.h"

/* One entry with a digit or letter of the right count for each field. */
#define ENTRY_HEAD                                                 \
	"{\"id\":\"00000000-0000-0000-0000-000000000000\",\"ts\":" \
	"0000000000000,\"nonce\":\"000000000000000000000000\",\"v\":1,"
#define ENTRY_TRANSFER                                               \
	ENTRY_HEAD "\"account\":\"acct_0000000\",\"amount\":\"00\"," \
		   "\"counter_account\":\"acct_0000000\",\"kind\":\"Transfer\","
#define ENTRY_MINT \
	ENTRY_HEAD "\"account\":\"acct_0000000\",\"amount\":\"1000000000\",\"kind\":\"Mint\","
#define ENTRY_TAIL_FORMAT "\"capability_ref\":\"%s\"},"

#define BODY_HEAD "{\"batch\":["
#define BODY_TAIL "]}"

/* Where the fields of an entry begin. */
#define AT_ID      (sizeof("{\"id\":\"") - 1)
#define AT_TS      (AT_ID + 36 + sizeof("\",\"ts\":") - 1)
#define AT_NONCE   (AT_TS + 13 + sizeof(",\"nonce\":\"") - 1)
#define AT_ACCOUNT (sizeof(ENTRY_HEAD) - 1 + sizeof("\"account\":\"acct_") - 1)
#define AT_AMOUNT  (AT_ACCOUNT + 7 + sizeof("\",\"amount\":\"") - 1)
#define AT_COUNTER (AT_AMOUNT + 2 + sizeof("\",\"counter_account\":\"acct_") - 1)

#define ENTRY_BYTES_MAX 512u
#define HEAD_BYTES_MAX  (REQUESTS_TOKEN_MAX + 512u)

#define PING_HEAD_BYTES 33u
#define PING_AT_CORR    23u
#define PING_VERB       1u
#define PING_FLAG_REQ   1u

uint64_t requests_mix(uint64_t value)
{
	value += UINT64_C(0x9e3779b97f4a7c15);
	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static size_t entry_text(const struct requests_plan *plan, char text[ENTRY_BYTES_MAX])
{
	const char *head = plan->mode == REQUESTS_MINT ? ENTRY_MINT : ENTRY_TRANSFER;

	return (size_t)snprintf(
		text, ENTRY_BYTES_MAX, "%s" ENTRY_TAIL_FORMAT, head, plan->capability_ref);
}

static size_t head_text(const struct requests_plan *plan, size_t length, char text[HEAD_BYTES_MAX])
{
	if (plan->mode == REQUESTS_ROOTS) {
		return (size_t)snprintf(text, HEAD_BYTES_MAX,
			"GET /roots?since=%" PRIu64 " HTTP/1.1\r\nHost: localhost\r\n\r\n",
			plan->since);
	}
	return (size_t)snprintf(text, HEAD_BYTES_MAX,
		"POST /ingest HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n"
		"Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
		plan->token, length);
}

/* The comma behind the last entry is not sent. */
static size_t body_bytes(const struct requests_plan *plan)
{
	return sizeof(BODY_HEAD) - 1 + plan->entry_bytes * plan->entries_per_request - 1 +
	       sizeof(BODY_TAIL) - 1;
}

/* The hex capability id inside a macaroon v2 of ours (DESIGN-WALL.md section 4): version 2, then
 * fields (type, length, bytes), of which 2 is the identifier: version u8, key id u32, capability
 * id 16. Only a location may stand before it, of less than 128 bytes. */
static bool find_capability_ref(const char *token, char ret_ref[33])
{
	uint8_t raw[REQUESTS_TOKEN_MAX];
	size_t count = 0;
	size_t at = 1;

	if (base64_url_decode(token, strlen(token), raw, sizeof raw, &count) != ERR_OK) {
		return false;
	}
	while (at + 1 < count && raw[at] != 2) {
		at += 2u + raw[at + 1];
	}
	at += 2 + 1 + 4;
	if (at + 16 > count) {
		return false;
	}
	hex_encode(raw + at, 16, ret_ref);
	return true;
}

bool requests_prepare(struct requests_plan *plan)
{
	char text[HEAD_BYTES_MAX];

	if (plan->mode == REQUESTS_PING) {
		plan->request_bytes = PING_HEAD_BYTES;
		return true;
	}
	if (plan->mode == REQUESTS_ROOTS) {
		plan->request_bytes = head_text(plan, 0, text);
		return true;
	}
	if (strlen(plan->token) > REQUESTS_TOKEN_MAX ||
		!find_capability_ref(plan->token, plan->capability_ref)) {
		return false;
	}
	plan->entry_bytes = entry_text(plan, text);
	plan->request_bytes = head_text(plan, body_bytes(plan), text) + body_bytes(plan);
	plan->entries_at = plan->request_bytes - body_bytes(plan) + sizeof(BODY_HEAD) - 1;
	return true;
}

static void ping_init(char *bytes)
{
	memset(bytes, 0, PING_HEAD_BYTES);
	bytes[0] = PING_HEAD_BYTES - 4; /* the length counts what follows it */
	bytes[4] = 1;                   /* version */
	bytes[5] = PING_FLAG_REQ;
	bytes[31] = PING_VERB;
}

void requests_init(const struct requests_plan *plan, char *bytes)
{
	char text[HEAD_BYTES_MAX];
	char *at = bytes + plan->entries_at;

	if (plan->mode == REQUESTS_PING) {
		ping_init(bytes);
		return;
	}
	memcpy(bytes, text, head_text(plan, body_bytes(plan), text));
	if (plan->mode == REQUESTS_ROOTS) {
		return;
	}
	memcpy(at - (sizeof(BODY_HEAD) - 1), BODY_HEAD, sizeof(BODY_HEAD) - 1);
	(void)entry_text(plan, text);
	for (uint32_t i = 0; i < plan->entries_per_request; i++) {
		memcpy(at, text, plan->entry_bytes);
		at += plan->entry_bytes;
	}
	memcpy(at - 1, BODY_TAIL, sizeof(BODY_TAIL) - 1);
}

static void put_decimal(char *at, size_t digits, uint64_t value)
{
	for (size_t i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
}

static void put_u64(uint8_t *at, uint64_t value)
{
	for (size_t i = 0; i < 8; i++) {
		at[i] = (uint8_t)(value >> (56 - 8 * i));
	}
}

static void put_uuid(char *at, uint64_t high, uint64_t low)
{
	uint8_t bytes[16];
	char text[HEX_TEXT_BYTES(16) + 1];

	put_u64(bytes, (high & ~UINT64_C(0xf000)) | 0x4000);
	put_u64(bytes + 8, (low & (UINT64_MAX >> 2)) | UINT64_C(1) << 63);
	hex_encode(bytes, sizeof bytes, text);
	memcpy(at, text, 8);
	memcpy(at + 9, text + 8, 4);
	memcpy(at + 14, text + 12, 4);
	memcpy(at + 19, text + 16, 4);
	memcpy(at + 24, text + 20, 12);
}

static void put_nonce(char *at, uint64_t high, uint64_t low)
{
	uint8_t bytes[16];
	char text[BASE64_TEXT_BYTES(16) + 1];

	put_u64(bytes, high);
	put_u64(bytes + 8, low);
	memcpy(at, text, base64_encode(bytes, sizeof bytes, text));
}

static void fill_entry(const struct requests_plan *plan, char *at, uint64_t number, uint64_t ts)
{
	uint64_t h = requests_mix(requests_mix(plan->seed) ^ number);
	uint64_t account =
		plan->mode == REQUESTS_MINT ? number % plan->accounts : h % plan->accounts;

	put_uuid(at + AT_ID, requests_mix(h), requests_mix(h + 1));
	put_decimal(at + AT_TS, 13, ts);
	put_nonce(at + AT_NONCE, plan->seed, number);
	put_decimal(at + AT_ACCOUNT, 7, account);
	if (plan->mode == REQUESTS_INGEST) {
		put_decimal(at + AT_AMOUNT, 2, 10 + (h >> 24) % 90);
		put_decimal(at + AT_COUNTER, 7,
			(account + 1 + (h >> 32) % (plan->accounts - 1)) % plan->accounts);
	}
}

void requests_fill(const struct requests_plan *plan, char *bytes, uint64_t first, uint64_t ts)
{
	char *at = bytes + plan->entries_at;

	switch (plan->mode) {
	case REQUESTS_ROOTS:
		return;
	case REQUESTS_PING:
		memcpy(bytes + PING_AT_CORR, &first, sizeof first);
		return;
	case REQUESTS_TRANSFER:
	case REQUESTS_BALANCE:
	case REQUESTS_MIXED:
		return; /* wallet_fill() */
	case REQUESTS_INGEST:
	case REQUESTS_MINT:
		break;
	}
	for (uint32_t i = 0; i < plan->entries_per_request; i++) {
		fill_entry(plan, at, first + i, ts);
		at += plan->entry_bytes;
	}
}
