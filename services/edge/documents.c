/* What the build made of docs/openapi and docs/schemas (scripts/openapi-json). */
#include "services/edge/edge.h"

#include <string.h>

static const uint8_t bytes[] = {
#define BYTES
#include "services/edge/documents.inc"
#undef BYTES
};

/* One behind the other in `bytes`; the first three have no name for clients. */
static const struct document {
	const char *name;
	size_t from, bytes_count;
	char tag[DOCUMENTS_TAG_BYTES + 1];
} documents[] = {
#define DOCUMENTS
#include "services/edge/documents.inc"
#undef DOCUMENTS
};

enum { OPENAPI, COMPUTE_SCHEMA, SCHEMAS, NAMED };

static struct slice slice_of(const struct document *document)
{
	return (struct slice){ bytes + document->from, document->bytes_count };
}

struct slice documents_openapi(void)
{
	return slice_of(&documents[OPENAPI]);
}

struct slice documents_compute_schema(void)
{
	return slice_of(&documents[COMPUTE_SCHEMA]);
}

struct slice documents_schemas(void)
{
	return slice_of(&documents[SCHEMAS]);
}

struct slice documents_schema(struct slice name)
{
	for (size_t i = NAMED; i < COUNT_OF(documents); i++) {
		if (strlen(documents[i].name) == name.bytes_count &&
			memcmp(documents[i].name, name.bytes, name.bytes_count) == 0) {
			return slice_of(&documents[i]);
		}
	}
	return (struct slice){ NULL, 0 };
}

const char *documents_tag(struct slice document)
{
	size_t i = 0;

	while (document.bytes != bytes + documents[i].from) {
		i++;
		assert(i < COUNT_OF(documents)); /* it came from here */
	}
	return documents[i].tag;
}
