#include "proto/processes.h"

static const struct process_row {
	const char *name;
	uint8_t rank;
	uint8_t instances_max;
} rows[PROCESS_COUNT] = {
#define AS_ROW(NAME, name, rank, instances_max) { #name, rank, instances_max },
	PROCESSES(AS_ROW)
#undef AS_ROW
};

const char *process_name(unsigned process)
{
	return process < PROCESS_COUNT ? rows[process].name : "unknown";
}

const char *process_title(struct process_id id)
{
	return process_is_of_admin(id) ? "admin-check" : process_name(id.process);
}

unsigned process_rank(unsigned process)
{
	return process < PROCESS_COUNT ? rows[process].rank : 0;
}

unsigned process_instances_max(unsigned process)
{
	return process < PROCESS_COUNT ? rows[process].instances_max : 0;
}
