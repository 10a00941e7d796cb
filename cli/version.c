#include <string.h>

#include "cli/commands.h"
#include "common/version.h"
#include "core/json_out.h"

static void put(struct json_out *out, const char *key, struct slice text)
{
	json_out_key(out, key);
	json_out_string(out, text);
}

static struct slice slice_of(const char *text)
{
	return (struct slice){ (const uint8_t *)text, strlen(text) };
}

/* The members of /version that a command can know. */
static int print_json(struct slice commit, struct slice date)
{
	uint8_t bytes[1024];
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, sizeof bytes);
	json_out_object_begin(&out);
	put(&out, "service", slice_of("macronode"));
	put(&out, "version", slice_of(version_semver));
	put(&out, "git_sha", commit);
	put(&out, "build_ts", date);
	put(&out, "compiler", slice_of(version_toolchain));
	json_out_key(&out, "api");
	json_out_object_begin(&out);
	put(&out, "http", slice_of("v1"));
	put(&out, "openapi", slice_of(version_openapi));
	json_out_object_end(&out);
	json_out_object_end(&out);
	enum err err = json_out_finish(&out, &bytes_count);
	assert(err == ERR_OK);
	(void)err;
	(void)fwrite(bytes, 1, bytes_count, stdout);
	(void)fputc('\n', stdout);
	return CLI_GOOD;
}

int cli_version(struct cli *cli)
{
	const char *blank = strchr(version_commit, ' ');
	size_t commit_bytes =
		blank != NULL ? (size_t)(blank - version_commit) : strlen(version_commit);
	const char *date = blank != NULL ? blank + 1 : "";

	if (cli->json) {
		return print_json((struct slice){ (const uint8_t *)version_commit, commit_bytes },
			slice_of(date));
	}
	(void)printf("macronode %s\ncommit    %.*s\ndate      %s\ncompiler  %s\n"
		     "api       http v1, openapi %s\n",
		version_semver, (int)commit_bytes, version_commit, date, version_toolchain,
		version_openapi);
	return CLI_GOOD;
}
