/* Objects: put in pieces, verified before they are had, and of what was given up nothing is left.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mount.h>

#include "common/object_faults.h"
#include "core/blake3.h"
#include "core/manifest.h"
#include "tests/worker/archive_driver.h"

#define BIG_BYTES (3u * OBJECT_CHUNK_BYTES + 1000u)

static uint8_t big[BIG_BYTES];
static const struct slice hello = { (const uint8_t *)"hello world", 11 };

static struct slice big_object(void)
{
	for (size_t i = 0; i < sizeof big; i++) {
		big[i] = (uint8_t)(i * 2654435761u >> 13);
	}
	return (struct slice){ big, sizeof big };
}

static struct hash id_of(struct slice bytes)
{
	struct hash id;

	blake3_hash(bytes.bytes, bytes.bytes_count, &id);
	return id;
}

/* --- putting --- */

static void begin_put_as(struct slice grant, uint64_t ticket, uint64_t size, const char *type)
{
	harness_send_put_object(prevalidator, ticket,
		&(struct oap_put_object){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.deadline_mono_ms = now_mono_ms() + 60000,
			.size = size,
			.content_type = text_of(type),
			.grant = grant });
}

static void begin_put(uint64_t ticket, uint64_t size, const char *type)
{
	begin_put_as(seal("action=object.put"), ticket, size, type);
}

static void send_piece(uint64_t ticket, uint64_t offset, struct slice bytes)
{
	harness_send_put_bytes(
		edge, ticket, &(struct oap_put_bytes){ .offset = offset, .bytes = bytes });
}

static uint64_t expect_want(uint64_t ticket)
{
	struct oap_put_want want;

	assert_int_equal(harness_expect_put_want(edge, &want), ticket);
	return want.upto;
}

static struct oap_put_done expect_done(uint64_t ticket, enum object_fault fault)
{
	struct oap_put_done done;

	assert_int_equal(harness_expect_put_done(edge, &done), ticket);
	assert_int_equal(done.fault, fault);
	return done;
}

/* All of it in pieces of so many bytes, as far as archive allows each time. */
static struct oap_put_done put_in(
	uint64_t ticket, struct slice bytes, const char *type, size_t piece_bytes)
{
	uint64_t upto = 0, sent = 0;

	begin_put(ticket, bytes.bytes_count, type);
	while (sent < bytes.bytes_count) {
		size_t count = piece_bytes;

		if (sent == upto) {
			upto = expect_want(ticket);
			assert_true(upto > sent && upto <= bytes.bytes_count);
		}
		count = count < upto - sent ? count : (size_t)(upto - sent);
		send_piece(ticket, sent, (struct slice){ bytes.bytes + sent, count });
		sent += count;
		if (sent < bytes.bytes_count && upto - sent <= OBJECT_WINDOW_BYTES / 2 &&
			upto < bytes.bytes_count) {
			upto = expect_want(ticket);
		}
	}
	return expect_done(ticket, OBJECT_FAULT_NONE);
}

static struct oap_put_done put(uint64_t ticket, struct slice bytes, const char *type)
{
	return put_in(ticket, bytes, type, OBJECT_CHUNK_BYTES);
}

/* --- getting --- */

static struct oap_object get_at(const struct hash *id, uint64_t offset)
{
	static uint64_t ticket = 5000;
	struct oap_object object;

	ticket++;
	harness_send_read_object(prevalidator, ticket,
		&(struct oap_read_object){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.id = *id,
			.offset = offset,
			.grant = seal("action=object.get") });
	assert_int_equal(harness_expect_object(edge, &object), ticket);
	return object;
}

static void expect_object(struct slice bytes, const char *type)
{
	struct hash id = id_of(bytes);
	uint64_t at = 0;

	do {
		struct oap_object object = get_at(&id, at);

		assert_int_equal(object.fault, OBJECT_FAULT_NONE);
		assert_int_equal(object.total, bytes.bytes_count);
		assert_int_equal(object.content_type.bytes_count, strlen(type));
		assert_memory_equal(object.content_type.bytes, type, strlen(type));
		if (object.bytes.bytes_count > 0) { /* of none there is no pointer */
			assert_memory_equal(
				object.bytes.bytes, bytes.bytes + at, object.bytes.bytes_count);
		}
		at += object.bytes.bytes_count;
	} while (at < bytes.bytes_count);
}

static void expect_fault(const struct hash *id, enum object_fault fault)
{
	assert_int_equal(get_at(id, 0).fault, fault);
}

/* --- the directory --- */

static void path_of(const char *name, char path[400])
{
	char objects[256];

	harness_path(&h, "objects", objects, sizeof objects);
	(void)snprintf(path, 400, "%s/%s", objects, name);
}

static size_t files(void)
{
	char path[400];
	DIR *list;
	size_t count = 0;
	const struct dirent *entry;

	path_of("", path);
	list = opendir(path);
	assert_non_null(list);
	while ((entry = readdir(list)) != NULL) {
		count += entry->d_name[0] != '.';
	}
	(void)closedir(list);
	return count;
}

static void object_path(const struct hash *id, const char *suffix, char path[400])
{
	char name[HEX_TEXT_BYTES(HASH_BYTES) + 16];

	hex_encode(id->bytes, HASH_BYTES, name);
	memcpy(name + HEX_TEXT_BYTES(HASH_BYTES), suffix, strlen(suffix) + 1);
	path_of(name, path);
}

static void flip(const struct hash *id, const char *suffix, off_t at)
{
	char path[400];
	uint8_t byte = 0;
	int fd;

	object_path(id, suffix, path);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, at), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, at), 1);
	(void)close(fd);
}

/* --- what holds --- */

static void what_was_put_is_had_however_it_came(void **state)
{
	static const size_t pieces[] = { 65536, 40000, 1009 };
	struct slice bytes = big_object();
	struct hash id = id_of(bytes);

	(void)state;
	start_serving();
	for (size_t i = 0; i < COUNT_OF(pieces); i++) {
		struct oap_put_done done = put_in(i + 1, bytes, "text/csv", pieces[i]);

		assert_memory_equal(&done.id, &id, sizeof id);
		assert_int_equal(done.size, bytes.bytes_count);
		assert_int_equal(done.chunks, 4);
		expect_object(bytes, "text/csv");
	}
	assert_int_equal(files(), 2);
	(void)put(9, hello, "");
	expect_object(hello, "");
	(void)put(10, (struct slice){ NULL, 0 }, "a/b");
	expect_object((struct slice){ NULL, 0 }, "a/b");
}

/* The manifest on disk is the vector, and 32 bytes to tell whether it still is. */
static void the_manifest_on_disk_is_the_vector(void **state)
{
	struct hash id = id_of(hello), check;
	uint8_t found[512], vector[512];
	struct manifest manifest = { .id = id, .size = hello.bytes_count };
	struct byte_writer out = byte_writer_of(vector, sizeof vector);
	char path[400];
	ssize_t got;
	int fd;

	(void)state;
	start_serving();
	(void)put(1, hello, "");
	object_path(&id, ".cbor", path);
	fd = open(path, O_RDONLY);
	got = read(fd, found, sizeof found);
	(void)close(fd);
	assert_int_equal(got, 173 + HASH_BYTES);
	assert_int_equal(manifest_encode(&manifest, &id, &out), ERR_OK);
	assert_memory_equal(found, vector, 173);
	blake3_hash(found, 173, &check);
	assert_memory_equal(found + 173, &check, HASH_BYTES);
}

static void a_description_comes_without_bytes_and_a_size_must_fit(void **state)
{
	struct hash id = id_of(hello);
	struct oap_object object;

	(void)state;
	start_serving();
	(void)put(1, hello, "text/plain");
	object = get_at(&id, OBJECT_OFFSET_NONE);
	assert_int_equal(object.fault, OBJECT_FAULT_NONE);
	assert_int_equal(object.total, 11);
	assert_int_equal(object.bytes.bytes_count, 0);
	for (uint64_t size = 10; size <= 12; size++) {
		harness_send_read_object(prevalidator, size,
			&(struct oap_read_object){ .edge_process = PROCESS_INGRESS,
				.edge_generation = edge->generation,
				.id = id,
				.has_size = 1,
				.size = size,
				.grant = seal("action=object.get") });
		assert_int_equal(harness_expect_object(edge, &object), size);
		assert_int_equal(
			object.fault, size == 11 ? OBJECT_FAULT_NONE : OBJECT_FAULT_NOT_THERE);
	}
}

static void two_uploads_of_one_object_are_one(void **state)
{
	struct slice bytes = big_object();
	struct slice half = { bytes.bytes, OBJECT_CHUNK_BYTES };

	(void)state;
	start_serving();
	begin_put(1, half.bytes_count, "a/b");
	begin_put(2, half.bytes_count, "a/b");
	assert_int_equal(expect_want(1), half.bytes_count);
	assert_int_equal(expect_want(2), half.bytes_count);
	send_piece(2, 0, half);
	(void)expect_done(2, OBJECT_FAULT_NONE);
	send_piece(1, 0, half);
	(void)expect_done(1, OBJECT_FAULT_NONE);
	assert_int_equal(files(), 2);
	expect_object(half, "a/b");
}

static void another_content_type_is_a_conflict(void **state)
{
	(void)state;
	start_serving();
	(void)put(1, hello, "text/plain");
	begin_put(2, hello.bytes_count, "text/html");
	(void)expect_want(2);
	send_piece(2, 0, hello);
	(void)expect_done(2, OBJECT_FAULT_CONFLICT);
	assert_int_equal(files(), 2);
	expect_object(hello, "text/plain");
}

/* --- authority --- */

static void only_who_may_puts_and_gets(void **state)
{
	struct hash id = id_of(hello);
	struct oap_object object;

	(void)state;
	start_serving();
	begin_put_as(seal("action=object.get"), 1, 11, "");
	(void)expect_done(1, OBJECT_FAULT_NOT_ALLOWED);
	begin_put_as(seal("account=x"), 2, 11, "");
	(void)expect_done(2, OBJECT_FAULT_NOT_ALLOWED); /* an object is no account's */
	begin_put_as(seal("max-bytes=10"), 3, 11, "");
	(void)expect_done(3, OBJECT_FAULT_NOT_ALLOWED);
	begin_put_as(seal("max-bytes=11"), 4, 11, "");
	(void)expect_want(4);
	send_piece(4, 0, hello);
	(void)expect_done(4, OBJECT_FAULT_NONE);
	harness_send_read_object(prevalidator, 5,
		&(struct oap_read_object){ .edge_process = PROCESS_INGRESS,
			.edge_generation = edge->generation,
			.id = id,
			.grant = seal("action=object.put") });
	assert_int_equal(harness_expect_object(edge, &object), 5);
	assert_int_equal(object.fault, OBJECT_FAULT_NOT_ALLOWED);
	assert_int_equal(object.bytes.bytes_count, 0);
}

/* --- bounds --- */

static void an_edge_that_goes_beyond_its_window_is_accused(void **state)
{
	struct slice bytes = big_object();

	(void)state;
	start_serving();
	begin_put(1, bytes.bytes_count, "");
	assert_int_equal(expect_want(1), OBJECT_WINDOW_BYTES);
	send_piece(1, OBJECT_CHUNK_BYTES, (struct slice){ bytes.bytes, 10 });
	harness_expect_accusation(edge, OAP_PUT_BYTES, ERR_MALFORMED);
}

static void the_largest_object_is_bounded(void **state)
{
	(void)state;
	h.config.objects_max_object_bytes = 1024;
	start_serving();
	begin_put(1, 1025, "");
	(void)expect_done(1, OBJECT_FAULT_TOO_LARGE);
	begin_put(2, 1024, "");
	assert_int_equal(expect_want(2), 1024);
}

/* Goal: what is under way counts, what was given up does not, and what is put again is one. */
static void the_quota_holds(void **state)
{
	struct slice bytes = big_object();

	(void)state;
	h.config.objects_quota_bytes = 1024 * 1024; /* 800 KiB of it are promised to somebody */
	start_serving();
	begin_put(1, 800 * 1024, "");
	(void)expect_want(1);
	begin_put(2, bytes.bytes_count, "");
	(void)expect_done(2, OBJECT_FAULT_QUOTA);
	harness_send_put_drop(edge, 1, &(struct oap_put_drop){ .why = 1 });
	harness_settle(&h); /* what the other link brings is not ordered after it */
	for (uint64_t ticket = 3; ticket < 20; ticket++) {
		(void)put(ticket, bytes, "");
	}
	begin_put(20, 800 * 1024, "");
	(void)expect_done(20, OBJECT_FAULT_QUOTA);
	harness_stop(&h);
	start_serving(); /* counted again, to the same */
	begin_put(21, 800 * 1024, "");
	(void)expect_done(21, OBJECT_FAULT_QUOTA);
	begin_put(22, 400 * 1024, "");
	(void)expect_want(22);
	expect_object(bytes, "");
}

static void uploads_are_bounded(void **state)
{
	(void)state;
	start_serving();
	for (uint64_t ticket = 1; ticket <= 32; ticket++) {
		begin_put(ticket, 100, "");
		(void)expect_want(ticket);
	}
	begin_put(33, 100, "");
	(void)expect_done(33, OBJECT_FAULT_BUSY);
	harness_link_down(edge);
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	harness_settle(&h);
	assert_int_equal(files(), 0);
	begin_put(34, 100, "");
	(void)expect_want(34);
}

/* --- what is given up, and crashes --- */

static void nothing_is_left_of_what_was_given_up(void **state)
{
	struct slice bytes = big_object();
	struct hash id = id_of(bytes);

	(void)state;
	start_serving();
	begin_put(1, bytes.bytes_count, "");
	(void)expect_want(1);
	send_piece(1, 0, (struct slice){ bytes.bytes, OBJECT_CHUNK_BYTES });
	(void)expect_want(1);
	assert_int_equal(files(), 1);
	expect_fault(&id, OBJECT_FAULT_NOT_THERE);
	harness_send_put_drop(edge, 1, &(struct oap_put_drop){ .why = 1 });
	harness_settle(&h);
	assert_int_equal(files(), 0);
	send_piece(
		1, OBJECT_CHUNK_BYTES, (struct slice){ bytes.bytes, 10 }); /* too late, no crime */
	harness_expect_nothing(edge);
}

/* Goal: killed in the middle of one upload, it has what it acknowledged and nothing else. */
static void a_crash_leaves_what_was_acknowledged(void **state)
{
	struct slice bytes = big_object();
	struct hash id = id_of(bytes);
	char path[400];
	int fd;

	(void)state;
	start_serving();
	(void)put(1, hello, "text/plain");
	begin_put(2, bytes.bytes_count, "");
	(void)expect_want(2);
	send_piece(2, 0, (struct slice){ bytes.bytes, OBJECT_CHUNK_BYTES });
	(void)expect_want(2);
	assert_int_equal(files(), 3);
	harness_kill(&h);
	object_path(&id, "", path); /* as if killed between the two renames */
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	(void)close(fd);
	start_serving();
	expect_object(hello, "text/plain");
	(void)put(3, hello, "text/plain"); /* the count is over */
	assert_int_equal(files(), 2);
	expect_fault(&id, OBJECT_FAULT_NOT_THERE);
	(void)put(4, bytes, "");
	expect_object(bytes, "");
}

/* --- damage --- */

/* Goal: a changed byte anywhere is never served, and putting the object again mends it. */
static void damage_is_told_and_mended(void **state)
{
	struct slice bytes = big_object();
	struct hash id = id_of(bytes);
	struct oap_object object;
	char path[400];

	(void)state;
	start_serving();
	(void)put(1, bytes, "text/csv");
	expect_object(bytes, "text/csv");
	flip(&id, "", 2 * OBJECT_CHUNK_BYTES + 17);
	object = get_at(&id, OBJECT_CHUNK_BYTES); /* this chunk is sound */
	assert_int_equal(object.fault, OBJECT_FAULT_NONE);
	object = get_at(&id, 2 * OBJECT_CHUNK_BYTES);
	assert_int_equal(object.fault, OBJECT_FAULT_DAMAGED);
	assert_int_equal(object.bytes.bytes_count, 0);
	(void)put(2, bytes, "text/csv");
	expect_object(bytes, "text/csv");
	for (off_t at = 0; at < 300; at += 23) {
		flip(&id, ".cbor", at);
		harness_stop(&h);
		start_serving();
		expect_fault(&id, OBJECT_FAULT_DAMAGED);
		flip(&id, ".cbor", at);
	}
	object_path(&id, "", path);
	assert_int_equal(truncate(path, BIG_BYTES - 1), 0);
	expect_fault(&id, OBJECT_FAULT_DAMAGED);
	(void)put(3, bytes, "text/csv");
	expect_object(bytes, "text/csv");
	assert_int_equal(unlink(path), 0);
	harness_stop(&h);
	start_serving();
	expect_fault(&id, OBJECT_FAULT_DAMAGED);
}

/* --- disks --- */

static void a_disk_near_its_reserve_takes_no_objects(void **state)
{
	struct oap_report report;

	(void)state;
	h.config.engine_disk_reserve_bytes = UINT64_C(1) << 40;
	start_serving();
	begin_put(1, 11, "");
	(void)expect_done(1, OBJECT_FAULT_NO_SPACE);
	do {
		(void)harness_expect_report(&h.control, &report);
	} while (report.text.bytes_count == 0);
	assert_int_equal(report.phase, PHASE_SERVING);
	assert_memory_equal(report.text.bytes, "objects_unwritable", report.text.bytes_count);
	assert_int_equal(files(), 0);
}

/* Goal: a disk that is full in the middle of it is told, and leaves nothing. */
static void a_disk_that_fills_up_is_told(void **state)
{
	struct slice bytes = big_object();
	char path[400], options[100];

	(void)state;
	path_of("", path);
	path[strlen(path) - 1] = '\0';
	(void)snprintf(options, sizeof options, "size=3M,mode=0700,uid=%u,gid=%u", (unsigned)h.uid,
		(unsigned)h.gid);
	if (mount("tmpfs", path, "tmpfs", 0, options) == -1) {
		print_message("# skipped: cannot mount a small file system: %s\n", strerror(errno));
		skip();
	}
	h.config.engine_disk_reserve_bytes = 1024 * 1024;
	start_serving();
	begin_put(1, OBJECT_CHUNK_BYTES, ""); /* promised, not written yet */
	(void)expect_want(1);
	begin_put(2, OBJECT_CHUNK_BYTES, "");
	(void)expect_want(2);
	path_of("filler", path);
	int fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	while (write(fd, bytes.bytes, 4096) > 0) { /* somebody else's */
	}
	(void)close(fd);
	send_piece(1, 0, (struct slice){ bytes.bytes, OBJECT_CHUNK_BYTES });
	(void)expect_done(1, OBJECT_FAULT_NO_SPACE);
	assert_int_equal(unlink(path), 0);
	send_piece(2, 0, (struct slice){ bytes.bytes, OBJECT_CHUNK_BYTES });
	(void)expect_done(2, OBJECT_FAULT_NONE);
	expect_object((struct slice){ bytes.bytes, OBJECT_CHUNK_BYTES }, "");
	assert_int_equal(files(), 2);
}

static int tear_down_disk(void **state)
{
	char path[400];

	path_of("", path);
	path[strlen(path) - 1] = '\0';
	if (h.pid != 0) {
		harness_stop(&h);
	}
	(void)umount2(path, MNT_DETACH); /* if it was mounted */
	return tear_down(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_was_put_is_had_however_it_came),
		CASE(the_manifest_on_disk_is_the_vector),
		CASE(a_description_comes_without_bytes_and_a_size_must_fit),
		CASE(two_uploads_of_one_object_are_one),
		CASE(another_content_type_is_a_conflict),
		CASE(only_who_may_puts_and_gets),
		CASE(an_edge_that_goes_beyond_its_window_is_accused),
		CASE(the_largest_object_is_bounded),
		CASE(the_quota_holds),
		CASE(uploads_are_bounded),
		CASE(nothing_is_left_of_what_was_given_up),
		CASE(a_crash_leaves_what_was_acknowledged),
		CASE(damage_is_told_and_mended),
		CASE(a_disk_near_its_reserve_takes_no_objects),
		cmocka_unit_test_setup_teardown(
			a_disk_that_fills_up_is_told, set_up, tear_down_disk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
