/* How fast an epoch is computed, from the bytes of its snapshot to run.json, and in how much memory
 * (spec/rewarder.md 9.16: S, M and L). Usage: bench_reward [S|M|L ...] */

#include <time.h>

#include "tests/reward_world.h"

#define ROUNDS    5
#define PIECE     65536u /* as frames bring it */
#define ROW_BYTES 160u

struct size {
	const char *name;
	uint32_t actors;
	uint32_t rows;
};

static const struct size sizes[] = { { "S", 1000, 10000 }, { "M", 10000, 100000 },
	{ "L", 50000, 500000 } };

static const char policy_form[] =
	"{\"body\":{\"asset\":\"ron\",\"caps\":{\"actor_cap\":\"900000000u\",\"category_cap\":"
	"{\"music\":\"400000000u\"},\"epoch_cap\":\"90000000000u\"},\"emission_curve\":"
	"{\"base_per_epoch\":\"100000000000u\",\"kind\":\"halving\",\"period_epochs\":100000},"
	"\"rounding\":\"floor\",\"weights\":{\"shares\":0.1,\"subs\":0.6,\"views\":0.3}},"
	"\"id\":\"rev42\",\"version\":\"1.2.0\"}";

static const char ledger[] =
	"{\"asset\":\"ron\",\"epoch_id\":\"2025-10-01\",\"kind\":\"ron.ledger.snapshot\","
	"\"pool_account\":\"sys:reward_pool:acme:ron\",\"pool_total_minor\":\"98765432101\","
	"\"root\":\"0000000000000000000000000000000000000000000000000000000000000000\","
	"\"seq\":1031,\"tenant\":\"acme\",\"v\":1}";

/* A row of actor i: every actor has rows, in an order in which none follows itself. */
static size_t print_row(char *to, uint32_t i, uint32_t actors)
{
	static const char *const categories[] = { "video", "music", "text", "live" };
	uint64_t mixed = (i + 1) * UINT64_C(0x9e3779b97f4a7c15);

	return (size_t)snprintf(to, ROW_BYTES,
		"%s{\"actor\":\"did:ron:user%07u\",\"category\":\"%s\",\"counts\":"
		"{\"shares\":\"%u\",\"subs\":\"%u\",\"views\":\"%u\"}}",
		i == 0 ? "" : ",", (i * 7919u) % actors, categories[mixed >> 40 & 3],
		(unsigned)(mixed >> 10 & 7), (unsigned)(mixed >> 20 & 15),
		(unsigned)(mixed >> 44 & 4095));
}

static struct slice make_snapshot(const struct size *size)
{
	char *text = malloc((size_t)ROW_BYTES * (size->rows + 2));
	size_t used;

	REWARD_REQUIRE(text != NULL);
	used = (size_t)snprintf(text, ROW_BYTES,
		"{\"actors\":%u,\"epoch_id\":\"2025-10-01\",\"events\":%u,"
		"\"kind\":\"ron.accounting.snapshot\",\"rows\":[",
		size->actors, size->rows);
	for (uint32_t i = 0; i < size->rows; i++) {
		used += print_row(text + used, i, size->actors);
	}
	memcpy(text + used, "],\"tenant\":\"acme\",\"v\":1}", 25);
	return (struct slice){ (const uint8_t *)text, used + 24 };
}

static void drop(void *owner, struct slice bytes)
{
	*(uint64_t *)owner += bytes.bytes_count;
}

/* Of this process alone: others may be busy too. */
static double cpu_ms(void)
{
	struct timespec now;

	REWARD_REQUIRE(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) == 0);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* Milliseconds of CPU of one run, with its manifest and the hash of the allocations. */
static double run(const struct reward_case *given, size_t *ret_peak, uint64_t *ret_manifest)
{
	static struct reward_world world;
	struct reward_text out;
	struct hash cid;
	double start = cpu_ms();
	double ms;

	REWARD_REQUIRE(reward_world_run(&world, given));
	reward_keys_allocations_cid(world.run.facts.alloc, &cid);
	*ret_manifest = 0;
	reward_text_begin(&out, drop, ret_manifest);
	reward_manifest_write(&world.run.facts, &out);
	reward_text_end(&out);
	ms = cpu_ms() - start;
	*ret_peak = world.memory.peak_bytes;
	reward_world_finish(&world);
	return ms;
}

static void measure(const struct size *size, const char *rounding, const char *policy)
{
	struct reward_case given = { .policy = policy,
		.ledger = ledger,
		.accounting = make_snapshot(size),
		.piece_bytes = PIECE };
	double best = 0;
	size_t peak = 0;
	uint64_t manifest = 0;

	for (int i = 0; i < ROUNDS; i++) {
		double ms = run(&given, &peak, &manifest);

		best = i == 0 || ms < best ? ms : best;
	}
	printf("%s %-7s %6u actors %7u rows %5.1f MiB of rows: %7.1f ms of CPU, %5.1f MiB of "
	       "memory, "
	       "run.json %.1f MiB\n",
		size->name, rounding, size->actors, size->rows,
		(double)given.accounting.bytes_count / 1048576, best, (double)peak / 1048576,
		(double)manifest / 1048576);
	free((void *)(uintptr_t)given.accounting.bytes);
}

int main(int argc, char *argv[])
{
	static char bankers[sizeof policy_form + 8];
	const char *floor = strstr(policy_form, "\"floor\"");

	(void)snprintf(bankers, sizeof bankers, "%.*s\"bankers\"%s", (int)(floor - policy_form),
		policy_form, floor + strlen("\"floor\""));
	for (size_t i = 0; i < COUNT_OF(sizes); i++) {
		bool is_wanted = argc < 2;

		for (int k = 1; k < argc; k++) {
			is_wanted = is_wanted || strcmp(argv[k], sizes[i].name) == 0;
		}
		if (is_wanted) {
			measure(&sizes[i], "floor", policy_form);
			measure(&sizes[i], "bankers", bankers);
		}
	}
	return 0;
}
