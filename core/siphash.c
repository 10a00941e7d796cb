#include "core/siphash.h"

#include <endian.h>
#include <string.h>

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t rotate_left(uint64_t word, unsigned bits)
{
	return word << bits | word >> (64 - bits);
}

static inline uint64_t load_word(const uint8_t bytes[8])
{
	uint64_t word;

	memcpy(&word, bytes, sizeof word);
	return le64toh(word);
}

/* The bytes behind the last whole word, little-endian, the missing ones zero. What has a whole
 * word before them is read with the end of that word, which is then shifted out. */
static uint64_t load_rest(const uint8_t *bytes, size_t bytes_count)
{
	size_t rest = bytes_count % 8;
	uint64_t word = 0;

	if (rest > 0 && bytes_count > 8) {
		return load_word(bytes + bytes_count - 8) >> (8 * (8 - rest));
	}
	for (size_t i = rest; i > 0; i--) {
		word = word << 8 | bytes[i - 1];
	}
	return word;
}

static inline void sip_round(struct state *s)
{
	s->v0 += s->v1;
	s->v1 = rotate_left(s->v1, 13) ^ s->v0;
	s->v0 = rotate_left(s->v0, 32);
	s->v2 += s->v3;
	s->v3 = rotate_left(s->v3, 16) ^ s->v2;
	s->v0 += s->v3;
	s->v3 = rotate_left(s->v3, 21) ^ s->v0;
	s->v2 += s->v1;
	s->v1 = rotate_left(s->v1, 17) ^ s->v2;
	s->v2 = rotate_left(s->v2, 32);
}

static inline void absorb(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	sip_round(s);
	sip_round(s);
	s->v0 ^= word;
}

uint64_t siphash_24(const uint8_t key[SIPHASH_KEY_BYTES], const void *bytes, size_t bytes_count)
{
	const uint8_t *next = bytes;
	uint64_t k0 = load_word(key);
	uint64_t k1 = load_word(key + 8);
	/* "somepseudorandomlygeneratedbytes" */
	struct state s = { k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d,
		k0 ^ 0x6c7967656e657261, k1 ^ 0x7465646279746573 };
	size_t left = bytes_count;

	for (; left >= 8; left -= 8) {
		absorb(&s, load_word(next));
		next += 8;
	}
	absorb(&s, (uint64_t)bytes_count << 56 | load_rest(bytes, bytes_count));
	s.v2 ^= 0xff;
	for (int i = 0; i < 4; i++) {
		sip_round(&s);
	}
	return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
