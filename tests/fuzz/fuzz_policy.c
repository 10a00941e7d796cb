/* A policy: the document that an operator writes, and what travels of it between processes. What
 * is read encodes and decodes to the same; what decodes encodes to the same bytes. */
#include <assert.h>
#include <string.h>

#include "cli/commands.h"
#include "cli/policy_read.h"

/* The table of commands is in the library that is fuzzed; nothing here runs one. */
#define AS_STUB(id, name, words, min, max, summary) \
	int cli_##id(struct cli *stub)              \
	{                                           \
		(void)stub;                         \
		return 0;                           \
	}
CLI_COMMANDS(AS_STUB)
#undef AS_STUB

static struct policy policy, again;
static uint8_t encoded[POLICY_BYTES_MAX], encoded_again[POLICY_BYTES_MAX];

static void check_encoded(const struct policy *read)
{
	size_t bytes_count = policy_encode(read, encoded);
	enum err err = policy_decode((struct slice){ encoded, bytes_count }, &again);

	assert(err == ERR_OK && policy_encode(&again, encoded_again) == bytes_count);
	assert(memcmp(encoded, encoded_again, bytes_count) == 0);
	for (uint32_t i = 0; i < again.asset_count; i++) {
		struct slice name = { again.assets[i].name, again.assets[i].name_bytes };

		assert(policy_find(&again, name) == &again.assets[i]);
		assert(policy_may_issue(&again, name) == again.assets[i].may_issue);
	}
}

static void check_document(struct slice text)
{
	static struct policy_faults faults;

	if (policy_read(text, &policy, &faults)) {
		assert(faults.count == 0);
		check_encoded(&policy);
		return;
	}
	assert(faults.count > 0);
	for (uint32_t i = 0; i < faults.count && i < POLICY_FAULTS_MAX; i++) {
		assert(memchr(faults.faults[i].path, '\0', POLICY_FAULT_PATH_BYTES) != NULL);
		assert(memchr(faults.faults[i].text, '\0', POLICY_FAULT_TEXT_BYTES) != NULL);
		assert(faults.faults[i].text[0] != '\0');
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count)
{
	struct slice input = { bytes, bytes_count };

	if (bytes_count > POLICY_FILE_BYTES_MAX) {
		return 0;
	}
	check_document(input);
	if (policy_decode(input, &policy) == ERR_OK) {
		size_t encoded_bytes = policy_encode(&policy, encoded);

		assert(encoded_bytes == bytes_count && memcmp(encoded, bytes, bytes_count) == 0);
		check_encoded(&policy);
	} else {
		assert(policy.ops == 0 && policy.asset_count == 0);
	}
	return 0;
}
