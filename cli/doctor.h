#ifndef CLI_DOCTOR_H
#define CLI_DOCTOR_H

/* What check and doctor know while they look. Each file below has one reason; none of them makes
 * or changes anything, and each names what it sees in rows of cli/findings.h.
 *
 *   doctor.c          the two commands: who looks, in which order, and the exit code
 *   doctor_node.c     is there a node, and what does it say of itself
 *   doctor_dirs.c     can a start reach and write its directories
 *   doctor_disk.c     file systems and free space
 *   doctor_owners.c   whose the files are, and who else may read or change them
 *   doctor_network.c  ports and host names
 *   doctor_tls.c      certificate and key
 *   doctor_roles.c    users, executables and walls of the workers
 *   doctor_machine.c  clock, entropy, limits, swap
 *   doctor_store.c    store and keys against each other */

#include <sys/types.h>

#include "cli/findings.h"
#include "cli/json_in.h"
#include "common/config.h"

/* A path of the configuration, and what lies below it. */
#define DOCTOR_PATH_BYTES (CONFIG_TEXT_BYTES_MAX + 64u)

/* A clock that is off by more than this from what was made with it makes entries of the future. */
#define DOCTOR_CLOCK_SLACK_S 60

/* What helps who may not look. */
#define DOCTOR_MEND_DENIED "look again as root or as the node's user"

enum doctor_presence {
	DOCTOR_NODE_NONE,
	DOCTOR_NODE_ANSWERS, /* then ports and sockets are its own */
	DOCTOR_NODE_SILENT,  /* one listens, and says nothing */
	DOCTOR_NODE_HIDDEN,  /* one may run, and does not speak with this user */
};

struct doctor {
	const struct cli *cli;
	const struct config *config;
	struct findings *findings;
	/* Whose node it is, or would be: then root sees it with the rights of his supervisor. */
	uid_t owner;
	enum doctor_presence node;
	pid_t supervisor_pid;   /* 0: not known */
	struct json_in *status; /* owned; NULL: no node, or it does not tell us */
};

/* Before the others; each of them may look at what it found. */
void doctor_node_find(struct doctor *doctor);

void doctor_dirs(struct doctor *doctor);
void doctor_disk(struct doctor *doctor);
void doctor_owners(struct doctor *doctor);
void doctor_network_ports(struct doctor *doctor);
void doctor_network_names(struct doctor *doctor);
void doctor_tls(struct doctor *doctor);
void doctor_roles(struct doctor *doctor);
void doctor_machine(struct doctor *doctor);
void doctor_store(struct doctor *doctor);
void doctor_node(struct doctor *doctor);

/* What this user is not let see is his to ask as somebody else, unless the node would be his. */
enum finding_result doctor_denied(const struct doctor *doctor);

/* The same as a finding, with what helps against that instead of the mend of the row. */
__attribute__((format(printf, 3, 4))) void doctor_add_denied(
	struct doctor *doctor, enum finding finding, const char *format, ...);

#endif
