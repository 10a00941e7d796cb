#include "core/caveat.h"

#include <string.h>

#include "core/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

static const struct hash key = { { 1 } };

/* Each line of the input is a caveat; what parses prints as the same bytes. */
static void take_line(struct caveat_set *set, struct slice line)
{
	static const struct id128 counter = { { 2 } };
	char text[CAVEAT_BYTES_MAX];
	size_t text_bytes = 0;
	struct caveat caveat;

	if (caveat_parse(line, &caveat) != CAVEAT_FAULT_OK) {
		(void)caveat_nearest(line);
		return;
	}
	assert(caveat_nearest(line) == NULL);
	assert(caveat_print(&caveat, text, sizeof text, &text_bytes) == ERR_OK);
	assert(text_bytes == line.bytes_count && memcmp(text, line.bytes, text_bytes) == 0);
	if (caveat_set_add(set, &caveat, 1000, &counter) != ERR_OK) {
		assert(set->clause_count + set->daily_count == (int)TOKEN_CAVEATS_MAX);
	}
}

/* A request and an entry that have something of everything, and ones that have nothing. */
static void judge(const struct caveat_set *set)
{
	const struct slice word = { (const uint8_t *)"ron", 3 };
	const struct caveat_request full = { .now_unix_s = 1000,
		.tenant = word,
		.epoch = word,
		.method = word,
		.path = word,
		.node = word,
		.has_body_bytes = true,
		.has_peer_uid = true };
	const struct caveat_entry entry = { .actions = 1,
		.kind = 3,
		.has_amount = true,
		.asset = word,
		.accounts = &word,
		.account_count = 1 };
	const struct caveat_request no_request = { .now_unix_s = 1000 };
	const struct caveat_entry no_entry = { .actions = 0 };

	assert(caveat_set_check_request(set, UINT32_MAX, &full).result != CAVEAT_LACKS);
	assert(caveat_set_check_entry(set, &entry).result != CAVEAT_LACKS);
	assert(caveat_set_check_entry(set, &no_entry).result != CAVEAT_FAILS);
	assert(caveat_set_check_request(set, caveat_kinds(CAVEAT_WHERE_EDGE), &no_request).result !=
		CAVEAT_FAILS);
}

/* The set survives a grant, and the grant has one encoding. */
static void seal_and_open(const struct caveat_set *set)
{
	static uint8_t first[GRANT_BYTES_MAX];
	static uint8_t second[GRANT_BYTES_MAX];
	struct grant grant = { .exp_mono_ms = 1,
		.caveats = *set,
		.tenant = caveat_set_tenant(set, set->clause_count) };
	struct grant back;
	size_t first_bytes = 0;
	size_t second_bytes = 0;

	assert(grant_seal(&grant, &key, first, sizeof first, &first_bytes) == ERR_OK);
	assert(grant_open((struct slice){ first, first_bytes }, &key, &back) == ERR_OK);
	assert(grant_seal(&back, &key, second, sizeof second, &second_bytes) == ERR_OK);
	assert(first_bytes == second_bytes && memcmp(first, second, first_bytes) == 0);
}

/* The same bytes taken as a grant, whose tag grant_read() does not look at. */
static void read_as_grant(struct slice input)
{
	static uint8_t buffer[GRANT_BYTES_MAX];
	struct grant grant;
	size_t count = 0;

	if (grant_read(input, &grant) == ERR_OK) {
		judge(&grant.caveats);
		assert(grant_seal(&grant, &key, buffer, sizeof buffer, &count) == ERR_OK);
		assert(count == input.bytes_count);
		assert(memcmp(buffer, input.bytes, count - GRANT_TAG_BYTES) == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice rest = { bytes, bytes_count };
	struct caveat_set set;

	caveat_set_init(&set);
	while (rest.bytes_count > 0) {
		const uint8_t *newline = memchr(rest.bytes, '\n', rest.bytes_count);
		size_t line_bytes =
			newline == NULL ? rest.bytes_count : (size_t)(newline - rest.bytes);
		size_t skip = newline == NULL ? line_bytes : line_bytes + 1;

		take_line(&set, (struct slice){ rest.bytes, line_bytes });
		rest.bytes += skip;
		rest.bytes_count -= skip;
	}
	assert(caveat_set_is_sound(&set));
	judge(&set);
	seal_and_open(&set);
	read_as_grant((struct slice){ bytes, bytes_count });
	return 0;
}
