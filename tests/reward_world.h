#ifndef TESTS_REWARD_WORLD_H
#define TESTS_REWARD_WORLD_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/reward_run.h"

/* Runs of core/reward in a test: documents as text, whose hashes are put where they belong, and
 * memory that is counted. Included by one .c each; every function is used or not. */

#define REWARD_WORLD static __attribute__((unused))
#define REWARD_REQUIRE(truth)                                                       \
	do {                                                                        \
		if (!(truth)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #truth); \
			abort();                                                    \
		}                                                                   \
	} while (0)

struct reward_memory {
	struct memory memory;
	size_t bytes; /* taken and not given back */
	size_t peak_bytes;
	size_t bytes_max; /* 0: no bound */
};

REWARD_WORLD void *reward_world_take(void *owner, size_t bytes)
{
	struct reward_memory *memory = owner;
	void *region;

	REWARD_REQUIRE(bytes >= 65536); /* core/memory.h: big regions only */
	if (memory->bytes_max != 0 && bytes > memory->bytes_max - memory->bytes) {
		return NULL;
	}
	region = calloc(1, bytes);
	REWARD_REQUIRE(region != NULL);
	memory->bytes += bytes;
	memory->peak_bytes =
		memory->bytes > memory->peak_bytes ? memory->bytes : memory->peak_bytes;
	return region;
}

REWARD_WORLD void reward_world_give(void *owner, void *region, size_t bytes)
{
	struct reward_memory *memory = owner;

	memory->bytes -= bytes;
	free(region);
}

REWARD_WORLD struct slice reward_slice(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

REWARD_WORLD struct reward_name reward_name_of(const char *text)
{
	struct reward_name name = { .bytes_count = (uint8_t)strlen(text) };

	REWARD_REQUIRE(strlen(text) <= sizeof name.bytes);
	memcpy(name.bytes, text, strlen(text));
	return name;
}

/* What a run is made of. NULL: the usual one. In the bundle, %a, %l and %p are the cids of
 * accounting, ledger and policy; so a test can write a wrong one instead. */
struct reward_case {
	const char *policy;
	const char *bundle;
	const char *ledger;
	struct slice accounting;
	const char *tenant;
	const char *epoch_id;
	const char *policy_id;
	size_t piece_bytes;   /* 0: all at once */
	uint64_t cost_ms_max; /* 0: no bound */
	size_t memory_max;
	int64_t now_unix_s; /* 0: long after */
	uint8_t key;
	bool other_policy_hash; /* the request's is another */
	bool other_inputs_cid;
	bool other_ledger; /* is handed in than the one that is named */
	bool other_accounting;
};

struct reward_world {
	struct reward_memory memory;
	struct reward_run run;
	char bundle[8192];
	bool good;
};

#define REWARD_USUAL_BUNDLE                                                                 \
	"{\"accounting_cid\":\"%a\",\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"epoch_" \
	"index\":0,"                                                                        \
	"\"kind\":\"ron.rewarder.inputs\",\"ledger_cid\":\"%l\",\"policy_cid\":\"%p\","     \
	"\"tenant\":\"acme\",\"v\":1,\"window\":{\"end\":\"2025-10-02T00:00:00Z\","         \
	"\"start\":\"2025-10-01T00:00:00Z\"}}"

REWARD_WORLD void reward_cid_of(struct slice text, char ret_text[68])
{
	struct hash hash;

	blake3_hash(text.bytes, text.bytes_count, &hash);
	reward_text_print_cid(&hash, ret_text);
}

REWARD_WORLD void reward_world_bundle(struct reward_world *world, const char *form,
	const char *accounting_cid, const char *ledger_cid, const char *policy_cid)
{
	size_t used = 0;

	for (; *form != '\0'; form++) {
		const char *cid = "";

		if (*form != '%') {
			world->bundle[used++] = *form;
			continue;
		}
		form++;
		cid = *form == 'a' ? accounting_cid : *form == 'l' ? ledger_cid : policy_cid;
		memcpy(world->bundle + used, cid, strlen(cid));
		used += strlen(cid);
		REWARD_REQUIRE(used + 68 < sizeof world->bundle);
	}
	world->bundle[used] = '\0';
}

REWARD_WORLD struct reward_run_config reward_world_config(
	const struct reward_case *given, struct reward_world *world)
{
	const char *epoch_id = given->epoch_id ? given->epoch_id : "2025-10-01";
	struct reward_run_config config = {
		.request = {
			.tenant = reward_name_of(given->tenant ? given->tenant : "acme"),
			.epoch_id = reward_name_of(epoch_id),
			.policy_id = reward_name_of(given->policy_id ? given->policy_id : "rev42"),
			.salt = reward_name_of(REWARD_SALT_DEFAULT),
		},
		.cost = { 5000, 4, 1 },
		.cost_ms_max = given->cost_ms_max ? given->cost_ms_max : UINT64_MAX,
		.now_unix_s = given->now_unix_s ? given->now_unix_s : INT64_C(4000000000),
		.epoch_skew_s = 120,
	};
	static struct reward_policy policy;
	struct reward_outcome outcome = { 0 };
	char accounting_cid[68], ledger_cid[68], policy_cid[68];

	memset(config.key, given->key, sizeof config.key);
	/* What cannot be read has no hash: the test is about that, then. */
	(void)(reward_policy_read(reward_slice(given->policy), &policy, &outcome) ? 0 : 1);
	config.request.policy_hash = policy.hash;
	reward_cid_of(given->accounting, accounting_cid);
	reward_cid_of(reward_slice(given->ledger), ledger_cid);
	reward_text_print_cid(&policy.hash, policy_cid);
	reward_world_bundle(world, given->bundle ? given->bundle : REWARD_USUAL_BUNDLE,
		accounting_cid, ledger_cid, policy_cid);
	blake3_hash(world->bundle, strlen(world->bundle), &config.request.inputs_cid);
	config.request.policy_hash.bytes[0] ^= given->other_policy_hash ? 1 : 0;
	config.request.inputs_cid.bytes[0] ^= given->other_inputs_cid ? 1 : 0;
	return config;
}

REWARD_WORLD bool reward_world_rows(struct reward_world *world, const struct reward_case *given)
{
	struct slice left = given->accounting;
	size_t piece = given->piece_bytes == 0 ? left.bytes_count : given->piece_bytes;

	while (left.bytes_count > 0) {
		size_t count = left.bytes_count < piece ? left.bytes_count : piece;

		if (!reward_run_rows(&world->run, (struct slice){ left.bytes, count })) {
			return false;
		}
		left = (struct slice){ left.bytes + count, left.bytes_count - count };
	}
	return !given->other_accounting || reward_run_rows(&world->run, reward_slice(" "));
}

/* To be finished; false: world->run.facts.outcome says why. */
REWARD_WORLD bool reward_world_run(struct reward_world *world, const struct reward_case *given)
{
	struct reward_run_config config;

	memset(&world->memory, 0, sizeof world->memory);
	world->memory.memory =
		(struct memory){ reward_world_take, reward_world_give, &world->memory };
	world->memory.bytes_max = given->memory_max;
	config = reward_world_config(given, world);
	reward_run_init(&world->run, &world->memory.memory, &config);
	world->good = reward_run_policy(&world->run, reward_slice(given->policy)) &&
		      reward_run_bundle(&world->run, reward_slice(world->bundle)) &&
		      reward_run_ledger(&world->run,
			      reward_slice(given->other_ledger ? "{}" : given->ledger)) &&
		      reward_world_rows(world, given) && reward_run_compute(&world->run);
	return world->good;
}

REWARD_WORLD void reward_world_finish(struct reward_world *world)
{
	reward_run_finish(&world->run);
	REWARD_REQUIRE(world->memory.bytes == 0);
}

/* A text that is kept, to be compared. */
struct reward_kept {
	char *bytes; /* owned */
	size_t bytes_count;
	size_t room;
};

REWARD_WORLD void reward_keep(void *owner, struct slice bytes)
{
	struct reward_kept *kept = owner;

	if (kept->bytes_count + bytes.bytes_count + 1 > kept->room) {
		kept->room = 2 * (kept->bytes_count + bytes.bytes_count + 1);
		kept->bytes = realloc(kept->bytes, kept->room);
		REWARD_REQUIRE(kept->bytes != NULL);
	}
	memcpy(kept->bytes + kept->bytes_count, bytes.bytes, bytes.bytes_count);
	kept->bytes_count += bytes.bytes_count;
	kept->bytes[kept->bytes_count] = '\0';
}

REWARD_WORLD struct reward_kept reward_manifest_of(const struct reward_facts *facts)
{
	struct reward_kept kept = { 0 };
	struct reward_text out;

	reward_text_begin(&out, reward_keep, &kept);
	reward_manifest_write(facts, &out);
	reward_text_end(&out);
	REWARD_REQUIRE(out.bytes_count == kept.bytes_count);
	return kept;
}

/* The amount of an actor; 0 if there is none. */
REWARD_WORLD u128 reward_amount_of(const struct reward_world *world, const char *actor)
{
	const struct reward_alloc *alloc = world->run.facts.alloc;
	uint32_t place = alloc == NULL ? UINT32_MAX : reward_alloc_find(alloc, reward_slice(actor));

	return place == UINT32_MAX ? 0 : reward_alloc_actor(alloc, place).amount;
}

#endif
