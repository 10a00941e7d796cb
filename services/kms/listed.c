#include "services/kms/kms.h"

#include "core/json_out.h"

void kms_put_caveats(struct json_out *out, struct slice text)
{
	json_out_key(out, "caveats");
	json_out_array_begin(out);
	while (text.bytes_count > 0) {
		size_t line_bytes = 0;

		while (line_bytes < text.bytes_count && text.bytes[line_bytes] != '\n') {
			line_bytes++;
		}
		json_out_string(out, (struct slice){ text.bytes, line_bytes });
		line_bytes += line_bytes < text.bytes_count ? 1 : 0;
		text.bytes += line_bytes;
		text.bytes_count -= line_bytes;
	}
	json_out_array_end(out);
}

static void put_time(struct json_out *out, const char *key, uint64_t unix_s)
{
	json_out_key(out, key);
	if (unix_s == 0) {
		json_out_null(out);
	} else {
		json_out_u64(out, unix_s);
	}
}

static void put_root_key(struct json_out *out, const struct kms *kms, const struct keys_item *item)
{
	json_out_key(out, "root_key");
	json_out_bool(out, true);
	json_out_key(out, "active");
	json_out_bool(out, item->kid == kms->keys.root_count && item->revoked_unix_s == 0);
}

static enum err put_capability(
	struct json_out *out, const struct kms *kms, const struct keys_item *item)
{
	uint8_t text[VERB_CAVEATS_BYTES_MAX];

	if (keys_read_caveats(&kms->keys, item, text) != ERR_OK) {
		return ERR_IO;
	}
	json_out_key(out, "capability");
	json_out_hex(out, (struct slice){ item->capability.bytes, ID_BYTES });
	put_time(out, "exp", item->exp_unix_s);
	kms_put_caveats(out, (struct slice){ text, item->caveats_bytes });
	return ERR_OK;
}

static enum err put_line(
	const struct kms *kms, const struct keys_item *item, uint8_t *line, size_t *bytes_count)
{
	const struct keys_item *root = &kms->keys.items[kms->keys.root_items[item->kid - 1]];
	struct json_out out;
	enum err err = ERR_OK;

	if (*bytes_count == 0) {
		return ERR_TOO_LARGE;
	}
	json_out_init(&out, line, *bytes_count - 1); /* the newline */
	json_out_object_begin(&out);
	json_out_key(&out, "kid");
	json_out_u64(&out, item->kid);
	put_time(&out, "iat", item->iat_unix_s);
	/* with its root key, a capability is revoked too */
	put_time(&out, "revoked",
		item->revoked_unix_s != 0 ? item->revoked_unix_s : root->revoked_unix_s);
	if (item == root) {
		put_root_key(&out, kms, item);
	} else {
		err = put_capability(&out, kms, item);
	}
	json_out_object_end(&out);
	if (err == ERR_OK) {
		err = json_out_finish(&out, bytes_count);
	}
	if (err == ERR_OK) {
		line[(*bytes_count)++] = '\n';
	}
	return err;
}

enum err kms_list(struct kms *kms, uint64_t after, struct slice *ret_text, uint64_t *ret_next)
{
	size_t used = 0;
	uint64_t next = after;
	enum err err = ERR_OK;

	while (next < kms->keys.item_count && err == ERR_OK) {
		size_t line_bytes = sizeof kms->list - used;

		err = put_line(kms, &kms->keys.items[next], kms->list + used, &line_bytes);
		if (err == ERR_OK) {
			used += line_bytes;
			next++;
		}
	}
	if (err == ERR_TOO_LARGE && used > 0) {
		err = ERR_OK; /* the page is full, the next begins with that line */
	}
	if (err == ERR_OK) {
		*ret_text = (struct slice){ kms->list, used };
		*ret_next = next < kms->keys.item_count ? next : 0;
	}
	return err;
}
