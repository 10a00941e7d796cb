#include "client/rv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

const char *rv_subject = "";
bool rv_is_json;

void rv_put_string(FILE *out, const char *text)
{
	(void)fputc('"', out);
	for (; *text != '\0'; text++) {
		if ((unsigned char)*text < ' ') {
			(void)fprintf(out, "\\u%04x", (unsigned)*text);
		} else {
			(void)fprintf(out, *text == '"' || *text == '\\' ? "\\%c" : "%c", *text);
		}
	}
	(void)fputc('"', out);
}

_Noreturn void rv_stop(int code, const char *format, ...)
{
	char text[4096];
	va_list values;

	va_start(values, format);
	(void)vsnprintf(text, sizeof text, format, values);
	va_end(values);
	(void)fprintf(
		stderr, "%s: %s: %s\n", code == RV_BAD ? "BAD" : "rewardverify", rv_subject, text);
	if (rv_is_json) {
		(void)printf("{\"good\":false,\"checked\":%s,\"file\":",
			code == RV_BAD ? "true" : "false");
		rv_put_string(stdout, rv_subject);
		(void)fputs(",\"what\":", stdout);
		rv_put_string(stdout, text);
		(void)fputs("}\n", stdout);
	}
	exit(code);
}

/* Memory that lives as long as the program, from blocks that are chained: no leak. */
void *rv_take(size_t count)
{
	static struct block {
		struct block *next;
	} * blocks;
	static uint8_t *free_bytes;
	static size_t free_count;
	void *taken;

	count = (count + 15) / 16 * 16;
	if (count > free_count) {
		size_t block_bytes = count > RV_MIB ? count : RV_MIB;
		struct block *block = calloc(1, block_bytes + 16);

		if (block == NULL) {
			rv_stop(RV_CANNOT, "no memory");
		}
		block->next = blocks;
		blocks = block;
		free_bytes = (uint8_t *)block + 16;
		free_count = block_bytes;
	}
	taken = free_bytes;
	free_bytes += count;
	free_count -= count;
	return taken;
}

struct rv_bytes rv_read_file(const char *path, size_t count_max)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	size_t room = 65536, count = 0, got;
	struct rv_bytes kept;
	uint8_t *bytes;

	rv_subject = path;
	if (file == NULL || (bytes = malloc(room)) == NULL) {
		rv_stop(RV_CANNOT, "%s", strerror(errno));
	}
	while ((got = fread(bytes + count, 1, room - count, file)) > 0) {
		count += got;
		if (count > count_max) {
			rv_stop(RV_CANNOT, "it has more than %zu bytes", count_max);
		}
		if (count == room && (bytes = realloc(bytes, room *= 2)) == NULL) {
			rv_stop(RV_CANNOT, "no memory");
		}
	}
	if (ferror(file)) {
		rv_stop(RV_CANNOT, "%s", strerror(errno));
	}
	(void)fclose(file);
	kept = (struct rv_bytes){ memcpy(rv_take(count + 1), bytes, count), count };
	free(bytes);
	return kept;
}

FILE *rv_start(struct rv_writing *writing)
{
	writing->out = open_memstream(&writing->text, &writing->count);
	if (writing->out == NULL) {
		rv_stop(RV_CANNOT, "no memory");
	}
	return writing->out;
}

struct rv_bytes rv_finish(struct rv_writing *writing)
{
	struct rv_bytes kept;

	if (fclose(writing->out) != 0) {
		rv_stop(RV_CANNOT, "no memory");
	}
	kept = (struct rv_bytes){
		memcpy(rv_take(writing->count + 1), writing->text, writing->count), writing->count
	};
	free(writing->text);
	return kept;
}
