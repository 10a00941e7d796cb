/* What the build made of docs/openapi (scripts/openapi-json). */
#include "services/edge/edge.h"

static const uint8_t openapi[] = {
#define OPENAPI
#include "services/edge/documents.inc"
#undef OPENAPI
};

static const uint8_t compute_schema[] = {
#define COMPUTE_SCHEMA
#include "services/edge/documents.inc"
#undef COMPUTE_SCHEMA
};

struct slice documents_openapi(void)
{
	return (struct slice){ openapi, sizeof openapi };
}

struct slice documents_compute_schema(void)
{
	return (struct slice){ compute_schema, sizeof compute_schema };
}
