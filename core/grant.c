#include "core/grant.h"

#include <nettle/memops.h>

#include "core/bytes.h"
#include "core/sha256.h"

_Static_assert(sizeof(((struct caveat_daily *)0)->counter_id) + sizeof(u128) <= CAVEAT_BYTES_MAX,
	"a daily takes no more room than the caveat that it came from");

static void put_head(struct byte_writer *out, const struct grant *grant)
{
	const struct caveat_set *set = &grant->caveats;

	byte_put_u8(out, GRANT_VERSION);
	byte_put_u8(out, (uint8_t)grant->peer);
	byte_put_u8(out, 0);
	byte_put_u8(out, (uint8_t)set->clause_count);
	byte_put_u8(out, (uint8_t)set->daily_count);
	byte_put_u32(out, grant->kms_generation);
	byte_put_u32(out, grant->key_id);
	byte_put_u32(out, grant->peer_uid);
	byte_put_id128(out, &grant->capability_id);
	byte_put_u64(out, grant->iat_unix_s);
	byte_put_u64(out, grant->exp_mono_ms);
	byte_put_id128(out, &grant->node_hash);
	byte_put_u32(out, set->kinds);
	byte_put_u32(out, set->actions);
	byte_put_u8(out, set->entry_kinds);
	byte_put_u8(out, set->exp_is_ttl ? 1 : 0);
	byte_put_u128(out, set->amount_max);
	byte_put_u64(out, set->body_bytes_max);
	byte_put_u64(out, set->nbf_unix_s);
	byte_put_u64(out, set->exp_unix_s);
	assert(out->failed || out->used == GRANT_HEAD_BYTES);
}

static void put_lists(struct byte_writer *out, const struct grant *grant)
{
	const struct caveat_set *set = &grant->caveats;

	for (size_t i = 0; i < set->clause_count; i++) {
		byte_put_u8(out, set->clauses[i].kind);
		byte_put_string8(out, set->clauses[i].value);
	}
	for (size_t i = 0; i < set->daily_count; i++) {
		byte_put_id128(out, &set->dailies[i].counter_id);
		byte_put_u128(out, set->dailies[i].limit);
	}
	byte_put_string8(out, grant->tenant);
}

static void tag_of(struct slice body, const struct hash *key, struct hash *ret_tag)
{
	sha256_hmac((struct slice){ key->bytes, HASH_BYTES }, &body, 1, ret_tag);
}

static bool peer_is_sound(const struct grant *grant)
{
	return (unsigned)grant->peer < GRANT_PEER_COUNT &&
	       (grant->peer == GRANT_PEER_UNIX || grant->peer_uid == 0);
}

/* There is none only where caveats leave none, and those refuse all that has to do with one. */
static bool tenant_is_sound(const struct grant *grant)
{
	return grant->tenant.bytes_count == 0 ? (grant->caveats.kinds & (1u << CAVEAT_TENANT)) != 0
					      : caveat_set_is_tenant(grant->tenant);
}

enum err grant_seal(const struct grant *grant, const struct hash *key, uint8_t *buffer,
	size_t buffer_bytes, size_t *ret_bytes)
{
	struct byte_writer out = byte_writer_of(buffer, buffer_bytes);
	struct hash tag;

	assert(caveat_set_is_sound(&grant->caveats));
	assert(peer_is_sound(grant));
	assert(tenant_is_sound(grant));
	put_head(&out, grant);
	put_lists(&out, grant);
	if (out.failed) {
		return ERR_TOO_LARGE;
	}
	tag_of((struct slice){ buffer, out.used }, key, &tag);
	byte_put_hash(&out, &tag);
	if (out.failed) {
		return ERR_TOO_LARGE;
	}
	assert(out.used <= GRANT_BYTES_MAX);
	*ret_bytes = out.used;
	return ERR_OK;
}

/* The fixed part. What it says of counts is bounded here, the rest by caveat_set_is_sound(). */
static bool get_head(struct byte_reader *in, struct grant *grant)
{
	struct caveat_set *set = &grant->caveats;
	uint8_t version = byte_get_u8(in);
	uint8_t peer = byte_get_u8(in);
	uint8_t flags = byte_get_u8(in);
	uint8_t exp_is_ttl;

	set->clause_count = byte_get_u8(in);
	set->daily_count = byte_get_u8(in);
	grant->kms_generation = byte_get_u32(in);
	grant->key_id = byte_get_u32(in);
	grant->peer_uid = byte_get_u32(in);
	grant->capability_id = byte_get_id128(in);
	grant->iat_unix_s = byte_get_u64(in);
	grant->exp_mono_ms = byte_get_u64(in);
	grant->node_hash = byte_get_id128(in);
	set->kinds = byte_get_u32(in);
	set->actions = byte_get_u32(in);
	set->entry_kinds = byte_get_u8(in);
	exp_is_ttl = byte_get_u8(in);
	set->amount_max = byte_get_u128(in);
	set->body_bytes_max = byte_get_u64(in);
	set->nbf_unix_s = byte_get_u64(in);
	set->exp_unix_s = byte_get_u64(in);
	set->exp_is_ttl = exp_is_ttl == 1;
	grant->peer = (enum grant_peer)peer;
	return !in->failed && version == GRANT_VERSION && flags == 0 && exp_is_ttl <= 1 &&
	       set->clause_count + set->daily_count <= (int)TOKEN_CAVEATS_MAX &&
	       peer_is_sound(grant);
}

static void get_lists(struct byte_reader *in, struct grant *grant)
{
	struct caveat_set *set = &grant->caveats;

	for (size_t i = 0; i < set->clause_count; i++) {
		set->clauses[i].kind = byte_get_u8(in);
		set->clauses[i].value = byte_get_string8(in, CAVEAT_BYTES_MAX);
	}
	for (size_t i = 0; i < set->daily_count; i++) {
		set->dailies[i].counter_id = byte_get_id128(in);
		set->dailies[i].limit = byte_get_u128(in);
	}
	grant->tenant = byte_get_string8(in, CAVEAT_BYTES_MAX);
}

enum err grant_read(struct slice sealed, struct grant *ret_grant)
{
	struct byte_reader in;
	struct grant grant;

	if (sealed.bytes_count > GRANT_BYTES_MAX) {
		return ERR_TOO_LARGE;
	}
	if (sealed.bytes_count < GRANT_BYTES_MIN) {
		return ERR_MALFORMED;
	}
	sealed.bytes_count -= GRANT_TAG_BYTES;
	in = byte_reader_of(sealed);
	if (!get_head(&in, &grant)) {
		return ERR_MALFORMED;
	}
	get_lists(&in, &grant);
	if (!byte_reader_done(&in) || !caveat_set_is_sound(&grant.caveats) ||
		!tenant_is_sound(&grant)) {
		return ERR_MALFORMED;
	}
	*ret_grant = grant;
	return ERR_OK;
}

enum err grant_open(struct slice sealed, const struct hash *key, struct grant *ret_grant)
{
	struct slice body = sealed;
	struct hash tag;

	if (sealed.bytes_count > GRANT_BYTES_MAX) {
		return ERR_TOO_LARGE;
	}
	if (sealed.bytes_count < GRANT_BYTES_MIN) {
		return ERR_MALFORMED;
	}
	body.bytes_count -= GRANT_TAG_BYTES;
	tag_of(body, key, &tag);
	if (nettle_memeql_sec(tag.bytes, body.bytes + body.bytes_count, GRANT_TAG_BYTES) != 1) {
		return ERR_DENIED;
	}
	return grant_read(sealed, ret_grant);
}

enum err grant_generation(struct slice sealed, uint32_t *ret_generation)
{
	struct byte_reader in = byte_reader_of(sealed);

	if (sealed.bytes_count < GRANT_BYTES_MIN || byte_get_u8(&in) != GRANT_VERSION) {
		return ERR_MALFORMED;
	}
	(void)byte_get_view(&in, 4); /* peer, flags, counts */
	*ret_generation = byte_get_u32(&in);
	return ERR_OK;
}

enum err grant_keys_add(struct grant_keys *keys, uint32_t kms_generation, const struct hash *key)
{
	if (kms_generation == 0) {
		return ERR_MALFORMED;
	}
	if (keys->known[0].kms_generation != kms_generation) {
		keys->known[1] = keys->known[0];
	}
	keys->known[0].kms_generation = kms_generation;
	keys->known[0].key = *key;
	return ERR_OK;
}

enum err grant_keys_open(
	const struct grant_keys *keys, struct slice sealed, struct grant *ret_grant)
{
	uint32_t generation = 0;
	enum err err = grant_generation(sealed, &generation);

	if (err != ERR_OK) {
		return err;
	}
	for (size_t i = 0; i < COUNT_OF(keys->known); i++) {
		if (generation != 0 && keys->known[i].kms_generation == generation) {
			return grant_open(sealed, &keys->known[i].key, ret_grant);
		}
	}
	return ERR_STALE;
}

bool grant_is_expired(const struct grant *grant, uint64_t now_mono_ms)
{
	return now_mono_ms >= grant->exp_mono_ms;
}
