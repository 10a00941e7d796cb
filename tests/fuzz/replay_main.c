/* Runs a fuzz target over files that are there already: the corpus, and whatever libFuzzer
 * once found. So each everyday test run, with gcc and without libFuzzer, holds every finding.
 *
 * Usage: fuzz_NAME DIRECTORY...     a directory that is not there is an empty one
 * TAP, a case for each file; a target fails by aborting. */

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_BYTES_MAX (4u << 20) /* libFuzzer's own inputs stay far below */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t bytes_count);

/* What was read, in a block of exactly its size, so that ASan sees one byte past it. */
static uint8_t *read_file(const char *path, size_t *ret_count)
{
	uint8_t *room = malloc(INPUT_BYTES_MAX);
	FILE *file = fopen(path, "rb");
	uint8_t *bytes = NULL;
	size_t count;

	if (room == NULL || file == NULL) {
		goto out;
	}
	count = fread(room, 1, INPUT_BYTES_MAX, file);
	if (ferror(file) || !feof(file)) {
		goto out; /* unreadable, or longer than we are ready for */
	}
	bytes = malloc(count == 0 ? 1 : count);
	if (bytes != NULL) {
		memcpy(bytes, room, count);
		*ret_count = count;
	}
out:
	if (file != NULL) {
		fclose(file);
	}
	free(room);
	return bytes;
}

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* Returns how many cases there are now; *ret_failed is raised by those that could not be read. */
static unsigned replay_directory(const char *directory, unsigned cases, unsigned *ret_failed)
{
	struct dirent **entries = NULL;
	int count = scandir(directory, &entries, is_visible, alphasort);

	for (int i = 0; i < count; i++) {
		char path[4096];
		size_t bytes_count = 0;
		uint8_t *bytes;

		snprintf(path, sizeof path, "%s/%s", directory, entries[i]->d_name);
		fprintf(stderr, "%s\n", path); /* the last one named is the one that aborted */
		bytes = read_file(path, &bytes_count);
		cases++;
		if (bytes == NULL) {
			(*ret_failed)++;
			printf("not ok %u - %s cannot be read\n", cases, entries[i]->d_name);
		} else {
			LLVMFuzzerTestOneInput(bytes, bytes_count);
			printf("ok %u - %s\n", cases, entries[i]->d_name);
		}
		fflush(stdout);
		free(bytes);
		free(entries[i]);
	}
	free(entries);
	return cases;
}

int main(int argc, char *argv[])
{
	unsigned cases = 1;
	unsigned failed = 0;

	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	printf("ok 1 - nothing at all\n");
	for (int i = 1; i < argc; i++) {
		cases = replay_directory(argv[i], cases, &failed);
	}
	printf("1..%u\n", cases);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
