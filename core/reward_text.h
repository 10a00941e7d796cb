#ifndef CORE_REWARD_TEXT_H
#define CORE_REWARD_TEXT_H

/* Canonical JSON (spec/wallet.md W-O03, R-O12) that is too long to be held: it goes through a
 * small buffer to whoever wants it, a hash, a file, or both. The writers put the members in the
 * order of their names and the commas themselves. */

#include <stdint.h>

#include "common/slice.h"
#include "common/types.h"
#include "core/blake3.h"

#define REWARD_TEXT_BYTES 4096u

/* Takes all of the bytes; what it thinks of them is its own matter. */
typedef void reward_text_taker(void *owner, struct slice bytes);

struct reward_text {
	reward_text_taker *take;
	void *owner;
	uint64_t bytes_count; /* of the whole text so far */
	size_t used;
	uint8_t bytes[REWARD_TEXT_BYTES];
};

void reward_text_begin(struct reward_text *out, reward_text_taker *take, void *owner);
void reward_text_end(struct reward_text *out); /* hands over what is left */

void reward_text_put(struct reward_text *out, const char *text); /* as it is */
void reward_text_put_bytes(struct reward_text *out, struct slice bytes);
void reward_text_put_number(struct reward_text *out, u128 number);

/* Values: with their quotes; of at most JSON_TOKEN_BYTES_MAX bytes, and UTF-8. */
void reward_text_put_string(struct reward_text *out, struct slice text);
void reward_text_put_amount(struct reward_text *out, u128 amount);
void reward_text_put_hex(struct reward_text *out, struct slice bytes);
void reward_text_put_cid(struct reward_text *out, const struct hash *hash); /* "b3:..." */

/* Takers: a struct blake3. */
void reward_text_hash(void *owner, struct slice bytes);

/* "b3:" and digits, with a NUL; and what reward_is_cid() says yes to, back. */
void reward_text_print_cid(const struct hash *hash, char ret_text[68]);

#endif
