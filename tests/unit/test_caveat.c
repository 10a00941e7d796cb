#include "core/caveat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/entry.h"

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* `start`, then `unit` so many times. */
static struct slice repeated(char *buffer, const char *start, char unit, size_t count)
{
	size_t start_bytes = strlen(start);

	memcpy(buffer, start, start_bytes);
	memset(buffer + start_bytes, unit, count);
	return (struct slice){ (const uint8_t *)buffer, start_bytes + count };
}

static void good_texts_parse_and_print_as_they_were(void **state)
{
	static const struct {
		const char *text;
		enum caveat_kind kind;
	} rows[] = {
		{ "action=ledger.ingest", CAVEAT_ACTION },
		{ "action=wallet.*,gov.mint,audit.read", CAVEAT_ACTION },
		{ "account=acc_1", CAVEAT_ACCOUNT },
		{ "account=a*,sys:reward_pool:t:ron,B.c-d", CAVEAT_ACCOUNT },
		{ "asset=ron,usd.x_y-z,0", CAVEAT_ASSET },
		{ "kind=Transfer,Hold", CAVEAT_KIND },
		{ "amount<=0", CAVEAT_AMOUNT },
		{ "amount<=340282366920938463463374607431768211455", CAVEAT_AMOUNT },
		{ "daily<=1000", CAVEAT_DAILY },
		{ "tenant=acme,default", CAVEAT_TENANT },
		{ "method=GET,POST", CAVEAT_METHOD },
		{ "path=/", CAVEAT_PATH },
		{ "path=/v1/transfer,/v1/burn", CAVEAT_PATH },
		{ "max-bytes=18446744073709551615", CAVEAT_MAX_BYTES },
		{ "epoch=2025-10-13T00:00Z", CAVEAT_EPOCH },
		{ "nbf=0", CAVEAT_NBF },
		{ "exp=253402300799", CAVEAT_EXP },
		{ "ttl=60", CAVEAT_TTL },
		{ "ttl=60s", CAVEAT_TTL },
		{ "peer-uid=0,1000,4294967295", CAVEAT_PEER_UID },
		{ "node=macronode.local/0123456789abcdef", CAVEAT_NODE },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		size_t text_bytes = strlen(rows[i].text);
		struct caveat caveat = { .kind = CAVEAT_KIND_COUNT };
		char printed[CAVEAT_BYTES_MAX];
		size_t printed_bytes = 0;
		enum caveat_fault fault = caveat_parse(slice_of(rows[i].text), &caveat);

		if (fault != CAVEAT_FAULT_OK || caveat.kind != rows[i].kind) {
			fail_msg("%s: %s", rows[i].text, caveat_fault_text(fault));
		}
		assert_int_equal(caveat_print(&caveat, printed, text_bytes - 1, &printed_bytes),
			ERR_TOO_LARGE);
		assert_int_equal(
			caveat_print(&caveat, printed, text_bytes, &printed_bytes), ERR_OK);
		assert_int_equal(printed_bytes, text_bytes);
		assert_memory_equal(printed, rows[i].text, text_bytes);
	}
}

static const struct {
	const char *text;
	enum caveat_fault fault;
} bad_texts[] = {
	{ "", CAVEAT_FAULT_UNKNOWN },
	{ "colour=red", CAVEAT_FAULT_UNKNOWN },
	{ "Action=ledger.ingest", CAVEAT_FAULT_UNKNOWN },
	{ " action=ledger.ingest", CAVEAT_FAULT_UNKNOWN },
	{ "action", CAVEAT_FAULT_UNKNOWN },
	{ "action =ledger.ingest", CAVEAT_FAULT_UNKNOWN },
	{ "amount=5", CAVEAT_FAULT_UNKNOWN },
	{ "amount<5", CAVEAT_FAULT_UNKNOWN },
	{ "daily=5", CAVEAT_FAULT_UNKNOWN },
	{ "account<=acc", CAVEAT_FAULT_UNKNOWN },
	{ "action=", CAVEAT_FAULT_EMPTY },
	{ "ttl=", CAVEAT_FAULT_EMPTY },
	{ "amount<=", CAVEAT_FAULT_EMPTY },
	{ "action=gov.mint,", CAVEAT_FAULT_EMPTY },
	{ "account=,a", CAVEAT_FAULT_EMPTY },
	{ "account=a,,b", CAVEAT_FAULT_EMPTY },
	{ "peer-uid=1,", CAVEAT_FAULT_EMPTY },
	{ "action=ledger", CAVEAT_FAULT_NAME },
	{ "action=ledger.ingest2", CAVEAT_FAULT_NAME },
	{ "action=ledger.ingest, gov.mint", CAVEAT_FAULT_NAME },
	{ "action=*", CAVEAT_FAULT_STAR },
	{ "action=w*", CAVEAT_FAULT_STAR },
	{ "action=wallet*", CAVEAT_FAULT_STAR },
	{ "action=.*", CAVEAT_FAULT_STAR },
	{ "action=other.*", CAVEAT_FAULT_STAR },
	{ "kind=transfer", CAVEAT_FAULT_NAME },
	{ "kind=T*", CAVEAT_FAULT_STAR },
	{ "account=*", CAVEAT_FAULT_STAR },
	{ "account=a,*", CAVEAT_FAULT_STAR },
	{ "account=*a", CAVEAT_FAULT_STAR },
	{ "account=a*b", CAVEAT_FAULT_STAR },
	{ "account=a**", CAVEAT_FAULT_STAR },
	{ "asset=r*", CAVEAT_FAULT_STAR },
	{ "path=/v1/*", CAVEAT_FAULT_STAR },
	{ "tenant=t*", CAVEAT_FAULT_STAR },
	{ "node=n*", CAVEAT_FAULT_STAR },
	{ "account=a b", CAVEAT_FAULT_BYTE },
	{ "account=a/b", CAVEAT_FAULT_BYTE },
	{ "account=\xc3\xa4", CAVEAT_FAULT_BYTE },
	{ "asset=Ron", CAVEAT_FAULT_BYTE },
	{ "asset=-ron", CAVEAT_FAULT_BYTE },
	{ "method=get", CAVEAT_FAULT_BYTE },
	{ "path=v1", CAVEAT_FAULT_BYTE },
	{ "path=/v1?x", CAVEAT_FAULT_BYTE },
	{ "path=/v1 x", CAVEAT_FAULT_BYTE },
	{ "node=a+b", CAVEAT_FAULT_BYTE },
	{ "node=a\x7f", CAVEAT_FAULT_BYTE },
	{ "amount<=-1", CAVEAT_FAULT_NUMBER },
	{ "amount<=01", CAVEAT_FAULT_NUMBER },
	{ "amount<=1,2", CAVEAT_FAULT_NUMBER },
	{ "amount<=340282366920938463463374607431768211456", CAVEAT_FAULT_NUMBER },
	{ "daily<=1e3", CAVEAT_FAULT_NUMBER },
	{ "max-bytes=18446744073709551616", CAVEAT_FAULT_NUMBER },
	{ "nbf=+1", CAVEAT_FAULT_NUMBER },
	{ "exp=253402300800", CAVEAT_FAULT_NUMBER },
	{ "exp=60s", CAVEAT_FAULT_NUMBER },
	{ "ttl=s", CAVEAT_FAULT_NUMBER },
	{ "ttl=60ss", CAVEAT_FAULT_NUMBER },
	{ "ttl=1m", CAVEAT_FAULT_NUMBER },
	{ "peer-uid=4294967296", CAVEAT_FAULT_NUMBER },
	{ "peer-uid=root", CAVEAT_FAULT_NUMBER },
	{ "peer-uid=1*", CAVEAT_FAULT_NUMBER },
};

static void bad_texts_are_refused_by_what_is_wrong(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT_OF(bad_texts); i++) {
		struct caveat caveat = { .kind = CAVEAT_KIND_COUNT };
		enum caveat_fault fault = caveat_parse(slice_of(bad_texts[i].text), &caveat);

		if (fault != bad_texts[i].fault) {
			fail_msg("%s: %s", bad_texts[i].text, caveat_fault_text(fault));
		}
		assert_int_equal(caveat.kind, CAVEAT_KIND_COUNT); /* untouched */
	}
}

static void lengths_are_bounded(void **state)
{
	static const struct {
		const char *start;
		char unit;
		size_t fits;
	} rows[] = {
		{ "account=", 'a', ACCOUNT_BYTES_MAX },
		{ "asset=", 'a', ASSET_BYTES_MAX },
		{ "node=", 'n', CAVEAT_BYTES_MAX - 5 },
		{ "path=/", 'p', CAVEAT_BYTES_MAX - 6 },
	};
	char text[CAVEAT_BYTES_MAX + 8];
	struct caveat caveat;

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		assert_int_equal(
			caveat_parse(
				repeated(text, rows[i].start, rows[i].unit, rows[i].fits), &caveat),
			CAVEAT_FAULT_OK);
		assert_int_equal(
			caveat_parse(repeated(text, rows[i].start, rows[i].unit, rows[i].fits + 1),
				&caveat),
			CAVEAT_FAULT_TOO_LARGE);
	}
}

static void a_list_ends_where_its_text_ends(void **state)
{
	struct slice rest = slice_of("a,bc,");
	struct slice item;

	(void)state;
	assert_true(caveat_take_item(&rest, &item));
	assert_true(item.bytes_count == 1 && item.bytes[0] == 'a');
	assert_true(caveat_take_item(&rest, &item));
	assert_true(item.bytes_count == 2 && item.bytes[0] == 'b');
	assert_true(caveat_take_item(&rest, &item));
	assert_int_equal(item.bytes_count, 0);
	assert_false(caveat_take_item(&rest, &item));
}

static void masks_have_a_bit_for_each_name(void **state)
{
	struct caveat caveat;

	(void)state;
	for (unsigned action = 0; action < CAVEAT_ACTION_COUNT; action++) {
		char text[64];

		(void)snprintf(text, sizeof text, "action=%s", caveat_action_name(action));
		assert_int_equal(caveat_parse(slice_of(text), &caveat), CAVEAT_FAULT_OK);
		assert_int_equal(caveat.mask, CAVEAT_ACTION_BIT(action));
	}
	assert_int_equal(
		caveat_parse(slice_of("action=gov.*,object.put"), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat.mask, CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_MINT) |
					      CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_REVERSE) |
					      CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_PROPOSE) |
					      CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_APPROVE) |
					      CAVEAT_ACTION_BIT(CAVEAT_ACTION_GOV_FREEZE) |
					      CAVEAT_ACTION_BIT(CAVEAT_ACTION_OBJECT_PUT));
	assert_int_equal(caveat_parse(slice_of("kind=Credit,Debit,Transfer,Mint,Burn,Hold,Reverse"),
				 &caveat),
		CAVEAT_FAULT_OK);
	assert_int_equal(caveat.mask, 0xfe);
	assert_int_equal(caveat_parse(slice_of("kind=Hold"), &caveat), CAVEAT_FAULT_OK);
	assert_int_equal(caveat.mask, 1u << ENTRY_HOLD);
}

/* The developer's token may do everything, and its scope must fit one caveat. */
static void all_groups_together_are_all_actions(void **state)
{
	struct caveat caveat;

	(void)state;
	assert_int_equal(caveat_parse(slice_of("action=ledger.*,wallet.*,rewarder.*,gov.*,object.*,"
					       "admin.*,audit.*"),
				 &caveat),
		CAVEAT_FAULT_OK);
	assert_int_equal(caveat.mask, (1u << CAVEAT_ACTION_COUNT) - 1);
}

static void the_nearest_known_name_is_found(void **state)
{
	static const struct {
		const char *text;
		const char *nearest; /* NULL: none */
	} rows[] = {
		{ "acount=acc_1", "account=" },
		{ "accounts=acc_1", "account=" },
		{ "amount=5", "amount<=" },
		{ "daily=5", "daily<=" },
		{ "maxbytes=5", "max-bytes=" },
		{ "max_bytes=5", "max-bytes=" },
		{ "peeruid=0", "peer-uid=" },
		{ "tennant", "tenant=" },
		{ "expires=5", NULL },
		{ "", NULL },
		{ "=", NULL },
		{ "favourite-colour=green", NULL },
		{ "action=wallet.transfr", "wallet.transfer" },
		{ "action=gov.mint,wallet.isue", "wallet.issue" },
		{ "action=zzzzzzzzzzzz", NULL },
		{ "kind=transfer", "Transfer" },
		{ "kind=Transfer", NULL },
		{ "account=*", NULL },
	};

	(void)state;
	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		const char *nearest = caveat_nearest(slice_of(rows[i].text));

		if (rows[i].nearest == NULL
				? nearest != NULL
				: nearest == NULL || strcmp(nearest, rows[i].nearest) != 0) {
			fail_msg("%s: %s", rows[i].text, nearest == NULL ? "none" : nearest);
		}
	}
}

static void each_kind_is_judged_in_one_place_and_has_its_texts(void **state)
{
	uint32_t edge = caveat_kinds(CAVEAT_WHERE_EDGE);
	uint32_t ledger = caveat_kinds(CAVEAT_WHERE_LEDGER);
	uint32_t entry = caveat_kinds(CAVEAT_WHERE_ENTRY);

	(void)state;
	assert_int_equal(edge | ledger | entry, (1u << CAVEAT_KIND_COUNT) - 1);
	assert_int_equal((edge & ledger) | (edge & entry) | (ledger & entry), 0);
	assert_int_equal(ledger, 1u << CAVEAT_TENANT | 1u << CAVEAT_EPOCH | 1u << CAVEAT_NBF |
					 1u << CAVEAT_EXP | 1u << CAVEAT_TTL);
	for (unsigned kind = 0; kind < CAVEAT_KIND_COUNT; kind++) {
		assert_string_not_equal(caveat_name(kind), "?");
		assert_string_not_equal(caveat_text(kind), "?");
	}
	assert_string_equal(caveat_name(CAVEAT_AMOUNT), "amount<=");
	assert_string_equal(caveat_name(CAVEAT_KIND_COUNT), "?");
	assert_string_equal(caveat_text(CAVEAT_KIND_COUNT), "?");
	assert_string_equal(caveat_action_name(CAVEAT_ACTION_COUNT), "?");
	assert_string_equal(caveat_fault_text(CAVEAT_FAULT_COUNT), "unknown fault");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_texts_parse_and_print_as_they_were),
		cmocka_unit_test(bad_texts_are_refused_by_what_is_wrong),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(a_list_ends_where_its_text_ends),
		cmocka_unit_test(masks_have_a_bit_for_each_name),
		cmocka_unit_test(all_groups_together_are_all_actions),
		cmocka_unit_test(the_nearest_known_name_is_found),
		cmocka_unit_test(each_kind_is_judged_in_one_place_and_has_its_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
