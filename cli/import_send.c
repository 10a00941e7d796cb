#include "cli/import_send.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/limits.h"

/* A request is closed before an entry that might not fit: names, a memo of control characters
 * (six bytes each), and what JSON puts around them. */
#define ENTRY_JSON_BYTES_MAX (4096u)
/* Body of a request: token and length stand before it in the frame. */
#define REQUEST_JSON_BYTES_MAX (FRAME_PAYLOAD_BYTES_MAX - TOKEN_BYTES_MAX - 2u)

/* Some twenty seconds: a worker is back by then, or something is wrong. */
#define ATTEMPTS_MAX 16u

_Static_assert(REQUEST_JSON_BYTES_MAX <= sizeof(((struct import_send *)0)->json), "it fits");

static void begin_request(struct import_send *send)
{
	json_out_init(&send->out, send->json, REQUEST_JSON_BYTES_MAX);
	json_out_object_begin(&send->out);
	json_out_key(&send->out, "batch");
	json_out_array_begin(&send->out);
	send->count = 0;
}

static void pause_before(unsigned attempt)
{
	long ms = attempt < 6 ? 50l << attempt : 2000;
	struct timespec wait = { ms / 1000, ms % 1000 * 1000000 };

	(void)nanosleep(&wait, NULL);
}

/* ---- the height, by which repeats are told from new entries ---- */

/* The last seq of the page after `since`; `since` itself if there is none. While a worker is
 * being replaced nobody can tell. */
static int last_after(struct import_send *send, uint64_t since, uint64_t *ret_seq)
{
	struct mn_answer answer;
	enum mn_result result = mn_roots(send->client, since, &answer);
	struct json_in *root;
	const struct json_in *rows;

	for (unsigned i = 1; result != MN_OK && result != MN_NO_NODE && i < ATTEMPTS_MAX; i++) {
		pause_before(i);
		result = mn_roots(send->client, since, &answer);
	}
	if (result != MN_OK) {
		return node_fail(send->cli, send->client, result, &answer);
	}
	root = node_parse(
		send->cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
	if (root == NULL) {
		return CLI_CANNOT;
	}
	rows = json_in_member(root, "roots");
	*ret_seq = since;
	if (json_in_count(rows) > 0) {
		*ret_seq = json_in_u64_of(json_in_item(rows, json_in_count(rows) - 1), "seq");
	}
	json_in_free(root);
	return CLI_GOOD;
}

/* Doubling steps up until nothing is after, then halving between: some forty small questions
 * for a ledger of any length. */
static int find_height(struct import_send *send)
{
	uint64_t low = 0, step = 1024, after = 0;
	bool growing = true;
	int exit = last_after(send, 0, &low);

	while (exit == CLI_GOOD && step > 0) {
		exit = last_after(send, low + step, &after);
		if (exit == CLI_GOOD && after > low + step) {
			low = after;
			step = growing ? step * 2 : step;
		} else {
			growing = false;
			step /= 2;
		}
	}
	/* Between low and low + 1024 a page without rows means that there is none. */
	if (exit == CLI_GOOD) {
		exit = last_after(send, low, &low);
	}
	send->height = low;
	return exit;
}

/* ---- one request ---- */

static void tell(struct import_send *send)
{
	struct instant now = clock_now();

	if (isatty(STDERR_FILENO) == 1 && instant_since(send->told_at, now).us >= 100000) {
		(void)fprintf(stderr, "\rimport: %" PRIu64 " of %" PRIu64 " entries", send->sent,
			send->total);
		send->told_at = now;
		send->told = true;
	}
}

void import_send_end_line(struct import_send *send)
{
	if (send->told) {
		(void)fputc('\n', stderr);
		send->told = false;
	}
}

static void say_refusal(struct import_send *send, const struct json_in *reason)
{
	uint64_t idx = json_in_u64_of(reason, "idx");
	uint64_t line = idx < send->count ? send->lines[idx] : 0;
	const char *details = json_in_text_of(reason, "details");

	if (send->refused++ >= IMPORT_REFUSALS_SHOWN) {
		return;
	}
	import_send_end_line(send);
	if (line == 0) {
		(void)fprintf(stderr, "%s: funding: ", send->path);
	} else {
		(void)fprintf(stderr, "%s:%" PRIu64 ": ", send->path, line);
	}
	(void)fprintf(
		stderr, "%s%s", json_in_text_of(reason, "reason"), details[0] != '\0' ? ", " : "");
	cli_print_text(stderr, (struct slice){ (const uint8_t *)details, strlen(details) });
	(void)fputs(line == 0 && strcmp(details, "idem_conflict") == 0
			    ? ": another total was minted to this account under this label; "
			      "--fund-label NAME funds anew\n"
			    : "\n",
		stderr);
}

static const char *first_reason(const struct json_in *root)
{
	return json_in_text_of(json_in_item(json_in_member(root, "reasons"), 0), "reason");
}

/* Nothing was accepted, for a reason that passes. */
static bool is_passing(const struct json_in *root)
{
	const char *reason = first_reason(root);

	return json_in_u64_of(root, "seq_start") == 0 &&
	       (strcmp(reason, "busy") == 0 || strcmp(reason, "timeout") == 0 ||
		       strcmp(reason, "internal") == 0);
}

/* What came of it, counted. Where nothing was accepted one reason may stand for all entries. */
static void count(struct import_send *send, const struct json_in *root)
{
	const struct json_in *reasons = json_in_member(root, "reasons");
	uint64_t first = json_in_u64_of(root, "seq_start"), last = json_in_u64_of(root, "seq_end");
	uint64_t refused = json_in_count(reasons), refused_before = send->refused;
	uint64_t accepted, added = 0;

	for (size_t i = 0; i < json_in_count(reasons); i++) {
		say_refusal(send, json_in_item(reasons, i));
	}
	if (first == 0) {
		refused = send->count;
		send->refused = refused_before + refused;
	}
	accepted = refused < send->count ? send->count - refused : 0;
	if (first > send->height) {
		added = last - first + 1;
		send->height = last;
	}
	send->added += added;
	send->repeated += accepted > added ? accepted - added : 0;
}

/* True: the outcome is known, and *ret_exit says what it means for the import. */
static bool attempt(struct import_send *send, size_t json_bytes, bool is_last, int *ret_exit)
{
	struct mn_answer answer;
	enum mn_result result =
		mn_ingest(send->client, send->token, (const char *)send->json, json_bytes, &answer);
	struct json_in *root;
	bool known = true;

	if (result != MN_OK) {
		bool passes = result == MN_TIMEOUT || result == MN_CLOSED || result == MN_NO_NODE;
		if (passes && !is_last) {
			return false;
		}
		import_send_end_line(send);
		*ret_exit = node_fail(send->cli, send->client, result, &answer);
		return true;
	}
	root = node_parse(
		send->cli, (struct slice){ (const uint8_t *)answer.json, answer.json_bytes });
	*ret_exit = root == NULL ? CLI_CANNOT : CLI_GOOD;
	if (root != NULL && !is_passing(root)) {
		count(send, root);
	} else if (root != NULL && !is_last) {
		known = false;
	} else if (root != NULL) {
		import_send_end_line(send);
		*ret_exit = cli_fail(send->cli, CLI_CANNOT,
			"the node takes no writes (%s); the import can be repeated from its "
			"beginning at any time",
			first_reason(root));
	}
	json_in_free(root);
	return known;
}

int import_send_flush(struct import_send *send)
{
	size_t json_bytes = 0;
	int exit = CLI_GOOD;

	if (send->count == 0) {
		return CLI_GOOD;
	}
	json_out_array_end(&send->out);
	json_out_object_end(&send->out);
	if (json_out_finish(&send->out, &json_bytes) != ERR_OK) {
		return cli_fail(send->cli, CLI_CANNOT, "a request does not fit a frame");
	}
	for (unsigned i = 1; !attempt(send, json_bytes, i >= ATTEMPTS_MAX, &exit); i++) {
		pause_before(i);
	}
	send->sent += send->count;
	tell(send);
	begin_request(send);
	return exit;
}

int import_send_row(struct import_send *send, const struct import_row *row, uint64_t line)
{
	uint64_t ts_unix_ms = (uint64_t)clock_unix_ms() + send->count;

	send->lines[send->count++] = line;
	import_row_write(row, ts_unix_ms, send->capability, &send->out);
	if (send->count == IMPORT_REQUEST_ENTRIES ||
		send->out.bytes_max - send->out.bytes_count < ENTRY_JSON_BYTES_MAX) {
		return import_send_flush(send);
	}
	return CLI_GOOD;
}

int import_send_open(struct import_send *send, const struct cli *cli, const struct config *config)
{
	struct slice token;

	memset(send, 0, sizeof *send);
	send->cli = cli;
	send->path = cli->words[0];
	send->token = cli_token(cli, false);
	if (send->token == NULL) {
		return CLI_CANNOT;
	}
	token = (struct slice){ (const uint8_t *)send->token, strlen(send->token) };
	if (!node_capability(token, send->capability)) {
		return cli_fail(cli, CLI_CANNOT, "the token is not one of macronode's");
	}
	send->client = node_open_client(cli, config);
	if (send->client == NULL) {
		return CLI_CANNOT;
	}
	begin_request(send);
	return find_height(send);
}

void import_send_close(struct import_send *send)
{
	import_send_end_line(send);
	mn_close(send->client);
	send->client = NULL;
}
