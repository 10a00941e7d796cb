#ifndef COMMON_CONFIG_H
#define COMMON_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/check.h"
#include "common/config_table.h"
#include "common/errors.h"
#include "common/slice.h"
#include "common/types.h"

/* The configuration: values, where each came from, and what is wrong with it.
 *
 * A start and a reload do the same: config_init, then the file, the environment and the
 * flags in any order (flags win over environment, that over the file, that over the
 * default), then config_check. Every step goes on after a mistake and adds to the list of
 * problems; a load with a problem is never used. The supervisor then tells each process its
 * own keys (config_encode_for), and only those. */

/* ---- values ---- */

struct config_address {
	uint8_t family; /* 4 or 6 */
	uint8_t ip[16]; /* network order; the first 4 bytes for family 4 */
	uint16_t port;  /* host order; 0 lets the kernel choose */
};

struct config_numbers {
	uint32_t count;
	uint32_t values[CONFIG_UIDS_MAX];
};

struct config_texts {
	uint32_t count;
	char texts[CONFIG_HOST_NAMES_MAX][CONFIG_NAME_BYTES_MAX + 1];
};

/* The choices, in the order of the words of their rows. */
enum { CONFIG_ENGINE_PERSISTENT, CONFIG_ENGINE_AMNESIA };
enum { CONFIG_HASH_SHA256, CONFIG_HASH_BLAKE3 };
enum { CONFIG_TLS_ALL, CONFIG_TLS_API, CONFIG_TLS_ADMIN };
enum { CONFIG_PQ_OFF, CONFIG_PQ_HYBRID, CONFIG_PQ_ONLY };
enum {
	CONFIG_LOG_LEVEL_ERROR,
	CONFIG_LOG_LEVEL_WARN,
	CONFIG_LOG_LEVEL_INFO,
	CONFIG_LOG_LEVEL_DEBUG
};
enum { CONFIG_COST_EXCEED_REJECT, CONFIG_COST_EXCEED_DRY_RUN };
enum { CONFIG_LATCH_RUN, CONFIG_LATCH_TENANT, CONFIG_LATCH_SERVICE };
enum { CONFIG_LOG_FORMAT_JSON, CONFIG_LOG_FORMAT_TEXT };

#define CONFIG_MEMBER_NUMBER(member)   uint64_t member;
#define CONFIG_MEMBER_DURATION(member) int64_t member;
#define CONFIG_MEMBER_RATIO(member)    uint64_t member;
#define CONFIG_MEMBER_SIZE(member)     uint64_t member;
#define CONFIG_MEMBER_SWITCH(member)   bool member;
#define CONFIG_MEMBER_TEXT(member)     char member[CONFIG_TEXT_BYTES_MAX + 1];
#define CONFIG_MEMBER_PATH(member)     char member[CONFIG_TEXT_BYTES_MAX + 1];
#define CONFIG_MEMBER_ADDRESS(member)  struct config_address member;
#define CONFIG_MEMBER_AMOUNT(member)   u128 member;
#define CONFIG_MEMBER_NUMBERS(member)  struct config_numbers member;
#define CONFIG_MEMBER_TEXTS(member)    struct config_texts member;
#define CONFIG_MEMBER_SIGNERS(member)  struct config_texts member;

/* One member for each row of the table. In a worker, those of keys that it is not told are
 * zero. */
struct config {
#define AS_MEMBER(member, TYPE, ...) CONFIG_MEMBER_##TYPE(member)
#define AS_CHOICE(member, ...)       unsigned member;
	CONFIG_KEYS(AS_MEMBER, AS_CHOICE)
#undef AS_CHOICE
#undef AS_MEMBER
};

enum config_key_id {
#define AS_ID(member, ...) CONFIG_KEY_##member,
	CONFIG_KEYS(AS_ID, AS_ID)
#undef AS_ID
		CONFIG_KEY_COUNT
};

/* ---- the load ---- */

/* Who reads further than this has one mistake, made many times. */
#define CONFIG_PROBLEMS_MAX 32u

#define CONFIG_WHERE_BYTES_MAX   320u
#define CONFIG_PROBLEM_BYTES_MAX 512u

struct config_problem {
	char where[CONFIG_WHERE_BYTES_MAX]; /* "macronode.toml:12:3", "environment RON_LOG" */
	char text[CONFIG_PROBLEM_BYTES_MAX];
};

enum config_rank { CONFIG_FROM_DEFAULT, CONFIG_FROM_FILE, CONFIG_FROM_ENV, CONFIG_FROM_FLAG };

struct config_source {
	enum config_rank rank;
	uint32_t line; /* FROM_FILE */
	uint32_t column;
	char name[64]; /* FROM_ENV, FROM_FLAG: which */
};

/* Some 40 KiB: not for a stack. */
struct config_load {
	struct config config;
	struct config_source sources[CONFIG_KEY_COUNT];
	char file_name[CONFIG_WHERE_BYTES_MAX - 32];
	uint32_t problems_count; /* also those that found no room */
	struct config_problem problems[CONFIG_PROBLEMS_MAX];
};

void config_init(struct config_load *load);

/* Each is true if it found nothing wrong. The name of the file is for messages. */
bool config_apply_file(struct config_load *load, struct slice text, const char *file_name);
bool config_apply_env(struct config_load *load, char *const *environment); /* as environ */

/* flag: "--bind", or a key of the table ("api.bind_addr"). value may be NULL for a switch. */
bool config_apply_flag(struct config_load *load, const char *flag, const char *value);

/* True: the flag belongs to a key (or to one that is refused with a reason). */
bool config_knows_flag(const char *flag, bool *ret_wants_value);

/* What no row can say alone. Last, after everything was applied. */
bool config_check(struct config_load *load);

/* Numbers that are 0 for "automatic" become what they are on a machine of so many
 * processors. After config_check, before config_encode_for. */
void config_resolve(struct config *config, unsigned processors);

/* ---- comparing, for a reload ---- */

enum config_reload { CONFIG_HOT, CONFIG_REBIND, CONFIG_RESTART };

bool config_key_differs(enum config_key_id id, const struct config *a, const struct config *b);
void config_key_copy(enum config_key_id id, struct config *to, const struct config *from);
enum config_reload config_key_reload(enum config_key_id id);
const char *config_key_name(enum config_key_id id);
unsigned config_key_readers(enum config_key_id id); /* bits 1 << PROCESS_ */

/* ---- telling a process ---- */

/* Changes when any row changes: a worker of another build is refused by it. */
uint64_t config_table_hash(void);

/* ERR_TOO_LARGE: it does not fit. */
MUST_CHECK enum err config_encode_for(const struct config *config, enum process process,
	uint8_t *bytes, size_t bytes_max, size_t *ret_bytes_count);

/* ERR_STALE: of another table. ERR_MALFORMED: not exactly what this process is told. */
MUST_CHECK enum err config_decode(
	struct slice bytes, enum process process, struct config *ret_config);

#endif
