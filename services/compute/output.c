#include "services/compute/compute.h"

#include <string.h>

#include "core/intent.h"

static bool reserve(struct output *output, const struct memory *memory, uint64_t bytes)
{
	if (bytes > SIZE_MAX) {
		return false;
	}
	output->bytes = memory_take(memory, (size_t)bytes);
	output->room = output->bytes == NULL ? 0 : (size_t)bytes;
	output->bytes_count = 0;
	return output->bytes != NULL;
}

static void count(void *owner, struct slice bytes)
{
	(void)owner;
	(void)bytes;
}

static void keep(void *owner, struct slice bytes)
{
	struct output *output = owner;

	assert(bytes.bytes_count <= output->room - output->bytes_count); /* the same text twice */
	memcpy(output->bytes + output->bytes_count, bytes.bytes, bytes.bytes_count);
	output->bytes_count += bytes.bytes_count;
}

bool output_manifest(
	struct output *output, const struct memory *memory, const struct reward_facts *facts)
{
	struct reward_text text;

	reward_text_begin(&text, count, NULL);
	reward_manifest_write(facts, &text);
	reward_text_end(&text);
	if (!reserve(output, memory, text.bytes_count)) {
		return false;
	}
	reward_text_begin(&text, keep, output);
	reward_manifest_write(facts, &text);
	reward_text_end(&text);
	return true;
}

static struct intent_allocation allocation_at(const struct reward_alloc *alloc, uint32_t place)
{
	struct reward_actor actor = reward_alloc_actor(alloc, place);

	return (struct intent_allocation){ .actor = actor.name, .amount = actor.amount };
}

bool output_allocations(
	struct output *output, const struct memory *memory, const struct reward_alloc *alloc)
{
	struct byte_writer out;
	uint64_t bytes = 0;

	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		struct intent_allocation allocation = allocation_at(alloc, place);

		bytes += allocation.amount == 0 ? 0 : 1 + allocation.actor.bytes_count + 16;
	}
	if (bytes == 0) {
		return true;
	}
	if (!reserve(output, memory, bytes)) {
		return false;
	}
	out = byte_writer_of(output->bytes, output->room);
	for (uint32_t place = 0; place < alloc->actor_count; place++) {
		struct intent_allocation allocation = allocation_at(alloc, place);

		if (allocation.amount != 0) {
			intent_put_allocation(&out, &allocation);
		}
	}
	assert(!out.failed && out.left == 0);
	output->bytes_count = out.used;
	return true;
}

void output_finish(struct output *output, const struct memory *memory)
{
	memory_give(memory, output->bytes, output->room);
	*output = (struct output){ NULL, 0, 0 };
}
