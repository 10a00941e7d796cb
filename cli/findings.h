#ifndef CLI_FINDINGS_H
#define CLI_FINDINGS_H

/* What `macronode check` and `macronode doctor` look at: a row each, from which their output, its
 * JSON and the manual's table are made. Then the report that a run of them fills: it prints each
 * finding as it comes, and says at the end what all of them together mean. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/commands.h"
#include "core/json_out.h"

/* NAME, name, what is looked at, how to mend it */
#define FINDINGS(F)                                                                               \
	F(CONFIG, "config", "the configuration, and the policy document that it names",           \
		"correct what is named; macronode.toml(5) explains each key")                     \
	F(DATA_DIR, "data_dir", "node.data_dir can be reached and written",                       \
		"make the directory that is named, or open it to the users that are named")       \
	F(RUN_DIR, "run_dir", "node.run_dir can be reached and written",                          \
		"make the directory that is named, or open it to this user")                      \
	F(UDS, "uds.path", "the directory of uds.path can be written",                            \
		"make the directory, or set uds.path to one that this user may write")            \
	F(AMNESIA, "amnesia", "what a ledger in memory needs",                                    \
		"see amnesia.enabled in macronode.toml(5)")                                       \
	F(FILESYSTEM, "filesystem", "the file systems below node.data_dir lock, sync and last",   \
		"put node.data_dir on a local file system that lasts, such as ext4 or xfs")       \
	F(SPACE, "space", "free space against engine.disk_reserve",                               \
		"free some, or give node.data_dir a larger file system")                          \
	F(OWNERS, "owners", "who owns what a node made, and who else may read or change it",      \
		"chown and chmod what is named; macronode(1), FILES, says whose it is")           \
	F(LOCK, "lock", "nobody but a node holds the data directory",                             \
		"end the process that holds it, if it is no node; one that ends lets go")         \
	F(API, "api", "api.bind_addr is free, unless the node has it",                            \
		"end who has the port, or set api.bind_addr to another")                          \
	F(ADMIN, "admin", "admin.bind_addr is free, unless the node has it",                      \
		"end who has the port, or set admin.bind_addr to another")                        \
	F(TLS, "tls", "the files of TLS can be read, are whole and belong together",              \
		"correct the file that is named; macronode.toml(5), TLS, says what is expected")  \
	F(TLS_DATES, "tls.dates", "certificate and OCSP response are good for some weeks",        \
		"renew them, then `macronode reload`; or set the clock right")                    \
	F(TLS_NAMES, "tls.names", "the certificate is for each name of api.host_names",           \
		"have it issued for these names as well, or take them out")                       \
	F(TLS_KEY, "tls.key", "nobody but its owner reads the private key",                       \
		"chown root, chmod 0600, in a directory that only root writes")                   \
	F(HOST_NAMES, "host_names", "each name of api.host_names is known to this machine",       \
		"give the name an address in DNS or /etc/hosts, or take it out")                  \
	F(USERS, "users", "each role has a user of its own",                                      \
		"start the node as root, with the package's users (systemd-sysusers) or "         \
		"node.uid_base")                                                                  \
	F(WORKERS, "workers", "the executables of all roles",                                     \
		"install the package again, or name their directory with --libexec")              \
	F(NAMESPACES, "namespaces", "each role can have a network and mounts of its own",         \
		"let root make namespaces: CAP_SYS_ADMIN, and no filter that forbids unshare")    \
	F(SECCOMP, "seccomp", "the kernel can end a worker that makes a forbidden system call",   \
		"run a kernel with CONFIG_SECCOMP_FILTER")                                        \
	F(LANDLOCK, "landlock", "the kernel can keep a worker from opening files",                \
		"run a kernel with Landlock (5.13 or later, and in /sys/kernel/security/lsm)")    \
	F(LIMITS, "limits", "descriptors and locked memory are enough",                           \
		"raise LimitNOFILE and LimitMEMLOCK of the unit, or ulimit -Hn and -Hl")          \
	F(SWAP, "swap", "memory does not reach a disk", "swapoff -a, or encrypt the swap device") \
	F(ENTROPY, "entropy", "the kernel's random generator is seeded",                          \
		"wait; a virtual machine needs a virtio random number device")                    \
	F(CLOCK, "clock", "the clock is not before what was made with it",                        \
		"set the clock right, then start the node")                                       \
	F(CLOCK_SYNC, "clock_sync", "the clock is kept in step with others",                      \
		"run chrony, systemd-timesyncd or another client of NTP")                         \
	F(KEYS, "keys", "the key directory is there, whole, and of this ledger",                  \
		"put back the keys that belong to the store; do not start before")                \
	F(STORE, "store", "the store opens, and is of a version that this program reads",         \
		"`macronode verify` says more; a snapshot can be restored "                       \
		"(macronode-snapshot(1))")                                                        \
	F(TAIL, "tail", "the store has all that was acknowledged",                                \
		"start the node, and see `macronode recover`; or restore a snapshot")             \
	F(SIGNED, "signed", "the store has all that was signed",                                  \
		"restore a newer snapshot; else `macronode recover --new-origin`")                \
	F(SUSPECT, "suspect", "no sync, write or read of the store has failed",                   \
		"look at the disk; then `macronode recover` explains, and goes on")               \
	F(NODE, "node", "the node that runs answers",                                             \
		"ask as root or as the node's user; look in the log for its last line")           \
	F(VERSION, "version", "the node that runs is of this version",                            \
		"restart the node: the package was changed under it")                             \
	F(READINESS, "readiness", "the node is ready, and no part of it fails",                   \
		"see `macronode status`")                                                         \
	F(DEATHS, "deaths", "no worker died of late",                                             \
		"mend what the cause names; a bug of ours is worth a report")                     \
	F(LOG, "log", "the log is whole", "set log.level higher, or read the log faster")

enum finding {
#define AS_ENUM(NAME, name, what, mend) FINDING_##NAME,
	FINDINGS(AS_ENUM)
#undef AS_ENUM
		FINDING_COUNT
};

/* In the order of how bad it is to leave it so; each with its word. */
#define FINDINGS_RESULTS(R)   \
	R(OK, "ok")           \
	R(WEAKER, "weaker")   \
	R(UNKNOWN, "unknown") \
	R(BAD, "bad")

enum finding_result {
#define AS_ENUM(NAME, word) FINDING_IS_##NAME,
	FINDINGS_RESULTS(AS_ENUM)
#undef AS_ENUM
		FINDING_RESULTS
};

const char *finding_name(enum finding finding);
const char *finding_what(enum finding finding);
const char *finding_mend(enum finding finding);
const char *finding_word(enum finding_result result);

/* ---- the report ---- */

#define FINDINGS_JSON_BYTES_MAX 131072u

struct findings {
	bool json;
	unsigned counts[FINDING_RESULTS];
	struct json_out out;
	uint8_t bytes[FINDINGS_JSON_BYTES_MAX];
};

void findings_begin(struct findings *findings, bool json);

/* The sentence says what was seen. The mend of the row goes with whatever is not ok; with `mend`
 * another one. */
__attribute__((format(printf, 4, 5))) void findings_add(struct findings *findings,
	enum finding finding, enum finding_result result, const char *format, ...);
__attribute__((format(printf, 5, 6))) void findings_add_mend(struct findings *findings,
	enum finding finding, enum finding_result result, const char *mend, const char *format,
	...);

/* The worst that was found. */
enum finding_result findings_worst(const struct findings *findings);

/* Prints what is left to print. False: the JSON is too long. */
bool findings_end(struct findings *findings);

#endif
