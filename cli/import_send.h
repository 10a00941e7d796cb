#ifndef CLI_IMPORT_SEND_H
#define CLI_IMPORT_SEND_H

/* Entries on their way to the node, in requests of at most IMPORT_REQUEST_ENTRIES. A request is
 * repeated until its outcome is known: its entries have their nonces, so that moves nothing
 * twice. */

#include "cli/import_row.h"
#include "cli/node.h"
#include "common/clock.h"

#define IMPORT_REQUEST_ENTRIES 256u

/* Refusals are named one by one up to here, then counted. */
#define IMPORT_REFUSALS_SHOWN 20u

struct import_send {
	const struct cli *cli;
	struct mn_client *client; /* owned */
	const char *token;
	char capability[NODE_CAPABILITY_BYTES];
	const char *path; /* of the file, for messages */
	struct json_out out;
	size_t count; /* entries in the request that is being filled */
	uint64_t lines[IMPORT_REQUEST_ENTRIES];
	uint64_t height; /* the largest seq that we know of */
	uint64_t total;  /* entries that will be sent in all, for the progress line */
	uint64_t sent, added, repeated, refused;
	struct instant told_at;
	bool told;
	uint8_t json[1024 * 1024];
};

/* Each is 0, or an exit code after a sentence. */
int import_send_open(struct import_send *send, const struct cli *cli, const struct config *config);
/* line: where in the file it stands; 0: it is a Mint that funds */
int import_send_row(struct import_send *send, const struct import_row *row, uint64_t line);
int import_send_flush(struct import_send *send);
void import_send_end_line(struct import_send *send); /* of progress, if there is one */
void import_send_close(struct import_send *send);

#endif
