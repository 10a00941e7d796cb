#ifndef TESTS_SIM_NIGHTS_H
#define TESTS_SIM_NIGHTS_H

/* Chance with a seed, and the command line of a program of nights:
 *
 *	sim_NAME [--seed N] [--cases N]
 *
 * Each night has a seed of its own, one after the other; a night that ends in abort() says how it
 * is had again. Included by one .c each. */

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t chance_state;

static uint64_t chance_u64(void)
{
	uint64_t z = chance_state += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static uint32_t chance(uint32_t below)
{
	return (uint32_t)(chance_u64() >> 32) % below;
}

__attribute__((unused)) static bool percent(uint32_t share)
{
	return chance(100) < share;
}

struct nights {
	const char *name;
	uint64_t seed, cases;
};

static const char *nights_name;
static uint64_t nights_tonight;

static void nights_tell(int signal_number)
{
	(void)signal_number;
	fprintf(stderr, "%s --seed %llu --cases 1\n", nights_name,
		(unsigned long long)nights_tonight);
}

/* MACRONODE_SIM_CASES is what scripts/dev test sim --cases says. */
__attribute__((unused)) static void nights_run(
	struct nights *nights, int argc, char *argv[], void (*run)(uint64_t seed))
{
	const char *wanted = getenv("MACRONODE_SIM_CASES");

	if (wanted != NULL) {
		nights->cases = strtoull(wanted, NULL, 10);
	}
	for (int i = 1; i + 1 < argc; i += 2) {
		uint64_t *value = strcmp(argv[i], "--seed") == 0 ? &nights->seed : &nights->cases;

		*value = strtoull(argv[i + 1], NULL, 10);
	}
	nights_name = nights->name;
	(void)signal(SIGABRT, nights_tell);
	for (uint64_t night = 0; night < nights->cases; night++) {
		nights_tonight = nights->seed + night;
		run(nights_tonight);
	}
	printf("%s: %llu nights survived\n", nights->name, (unsigned long long)nights->cases);
}

#endif
