#include "store/verify.h"

#include "core/json_out.h"

size_t verify_print(const struct verify_result *result, enum err err, const struct why *why,
	uint8_t *bytes, size_t bytes_max)
{
	struct json_out out;
	size_t bytes_count = 0;

	json_out_init(&out, bytes, bytes_max);
	json_out_object_begin(&out);
	json_out_key(&out, "checked");
	json_out_bool(&out, err == ERR_OK);
	json_out_key(&out, "good");
	json_out_bool(&out, err == ERR_OK && result->good);
	json_out_key(&out, "size");
	json_out_u64(&out, result->size);
	json_out_key(&out, "root");
	json_out_hex(&out, (struct slice){ result->root.bytes, HASH_BYTES });
	if (err != ERR_OK || !result->good) {
		json_out_key(&out, "bad_seq");
		json_out_u64(&out, result->bad_seq);
		json_out_key(&out, "check");
		json_out_text(&out, verify_check_name(result->bad));
		json_out_key(&out, "what");
		json_out_text(&out, err != ERR_OK ? why->text : result->what.text);
	}
	json_out_object_end(&out);
	return json_out_finish(&out, &bytes_count) == ERR_OK ? bytes_count : 0;
}
