/* kms and the edges: what it signs of a handshake, and with which key; keys of tickets. */
#include <sys/mman.h>
#include <unistd.h>

#include "common/ed25519.h"
#include "core/base64.h"
#include "core/hex.h"
#include "core/sha256.h"
#include "core/tls_content.h"
#include "tests/worker/kms_driver.h"
#include "tls/tls_key.h"

/* PKCS#8 of an Ed25519 key, whose seed follows; and the same of its public half. */
static const uint8_t secret_head[] = { 0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b,
	0x65, 0x70, 0x04, 0x22, 0x04, 0x20 };
static const uint8_t public_head[] = { 0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03,
	0x21, 0x00 };

/* RFC 8032, section 7.1, tests 1, 2 and 3: nobody's keys. */
static const struct {
	const char *seed, *public_key;
} keys[] = {
	{ "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
		"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a" },
	{ "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
		"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c" },
	{ "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
		"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025" },
};

static const uint8_t transcript[48] = { 7, 8, 9 };

static void public_of(size_t which, uint8_t ret_key[ED25519_PUBLIC_KEY_BYTES])
{
	assert_int_equal(hex_decode(keys[which].public_key, 64, ret_key, 32), ERR_OK);
}

static struct hash id_of(size_t which)
{
	uint8_t info[sizeof public_head + 32];
	struct hash id;

	memcpy(info, public_head, sizeof public_head);
	public_of(which, info + sizeof public_head);
	sha256_hash(info, sizeof info, &id);
	return id;
}

/* A file in memory with that key. */
static int file_of(size_t which)
{
	uint8_t der[sizeof secret_head + 32];
	char text[256], coded[BASE64_TEXT_BYTES(sizeof der) + 1];
	int fd = memfd_create("key", MFD_CLOEXEC);
	int length;

	memcpy(der, secret_head, sizeof secret_head);
	assert_int_equal(hex_decode(keys[which].seed, 64, der + sizeof secret_head, 32), ERR_OK);
	base64_encode(der, sizeof der, coded);
	length = snprintf(text, sizeof text,
		"-----BEGIN PRIVATE KEY-----\n%s\n-----END PRIVATE KEY-----\n", coded);
	assert_true(fd >= 0 && write(fd, text, (size_t)length) == length);
	return fd;
}

static void give(int fd)
{
	harness_give_fd(&h, SETUP_FD_TLS_KEY, 0, fd);
	(void)close(fd);
}

static void start_with_tls(void)
{
	h.config.tls_enabled = true;
	harness_start_begin(&h);
	give(file_of(0));
	harness_start_end(&h);
	harness_expect_up(&h);
}

static struct harness_link *link_edge(
	unsigned process, unsigned instance, struct oap_ticket_key *ret_ticket)
{
	struct harness_link *link = harness_link_up(&h, process, instance);

	(void)harness_expect_ticket_key(link, ret_ticket);
	assert_int_equal(ret_ticket->key.bytes_count, VERB_TICKET_KEY_BYTES);
	return link;
}

static struct oap_sign_tls question(size_t which, size_t transcript_bytes)
{
	return (struct oap_sign_tls){
		.key = id_of(which),
		.scheme = TLS_SCHEME_ED25519,
		.transcript = { transcript, transcript_bytes },
	};
}

static struct oap_signed_tls ask(struct harness_link *edge, const struct oap_sign_tls *asked)
{
	struct oap_signed_tls reply;

	harness_send_sign_tls(edge, 5, asked);
	assert_int_equal(harness_expect_signed_tls(edge, &reply), 5);
	return reply;
}

static void assert_signs(struct harness_link *edge, size_t which, size_t transcript_bytes)
{
	struct oap_sign_tls asked = question(which, transcript_bytes);
	struct oap_signed_tls reply = ask(edge, &asked);
	uint8_t content[TLS_CONTENT_BYTES_MAX], public[ED25519_PUBLIC_KEY_BYTES];
	size_t bytes_count = tls_content_build(asked.transcript, content);

	assert_int_equal(reply.status, ERR_OK);
	assert_int_equal(reply.signature.bytes_count, ED25519_SIGNATURE_BYTES);
	public_of(which, public);
	assert_true(ed25519_verify(
		public, (struct slice){ content, bytes_count }, reply.signature.bytes));
}

static void assert_has_no_key(struct harness_link *edge, size_t which)
{
	struct oap_sign_tls asked = question(which, 32);
	struct oap_signed_tls reply = ask(edge, &asked);

	assert_int_equal(reply.status, ERR_STALE);
	assert_int_equal(reply.signature.bytes_count, 0);
}

static void a_handshake_is_signed_and_only_as_one(void **state)
{
	struct oap_ticket_key ticket;
	struct harness_link *edge;

	(void)state;
	start_with_tls();
	edge = link_edge(PROCESS_INGRESS, 0, &ticket);
	assert_signs(edge, 0, 32);
	assert_signs(edge, 0, 48);
	assert_has_no_key(edge, 1);
}

/* Goal: no hash of another length, and no scheme that is not the key's, is ever signed. */
static void what_is_no_handshake_is_accused(void **state)
{
	static const size_t lengths[] = { 0, 31, 33, 47 };
	struct oap_sign_tls asked;
	struct oap_ticket_key ticket;
	struct harness_link *edge;

	(void)state;
	start_with_tls();
	for (size_t i = 0; i <= COUNT_OF(lengths); i++) {
		asked = question(0, i < COUNT_OF(lengths) ? lengths[i] : 32);
		if (i == COUNT_OF(lengths)) {
			asked.scheme = TLS_SCHEME_P256_SHA256;
		}
		edge = link_edge(PROCESS_INGRESS, (unsigned)i, &ticket);
		harness_send_sign_tls(edge, 5, &asked);
		harness_expect_accusation(edge, OAP_SIGN_TLS, ERR_MALFORMED);
	}
}

static void tickets_of_one_plane_do_not_open_on_the_other(void **state)
{
	struct oap_ticket_key ticket;
	uint8_t kept[2][VERB_TICKET_KEY_BYTES];

	(void)state;
	start_with_tls();
	(void)link_edge(PROCESS_INGRESS, 0, &ticket);
	memcpy(kept[0], ticket.key.bytes, sizeof kept[0]);
	(void)link_edge(PROCESS_INGRESS, 1, &ticket);
	assert_memory_equal(ticket.key.bytes, kept[0], sizeof kept[0]);
	(void)link_edge(PROCESS_ADMIN, 0, &ticket);
	assert_memory_not_equal(ticket.key.bytes, kept[0], sizeof kept[0]);
}

static void without_tls_nothing_is_signed(void **state)
{
	struct harness_link *edge;

	(void)state;
	start();
	edge = harness_link_up(&h, PROCESS_INGRESS, 0);
	assert_has_no_key(edge, 0);
}

/* Goal: an edge that shows the old certificate a moment longer gets its signature, and one that
 * shows the new one a moment sooner, too. */
static void a_reload_brings_a_key_and_keeps_the_one_before(void **state)
{
	struct oap_ticket_key ticket;
	uint8_t kept[VERB_TICKET_KEY_BYTES];
	struct harness_link *edge;

	(void)state;
	start_with_tls();
	edge = link_edge(PROCESS_INGRESS, 0, &ticket);
	memcpy(kept, ticket.key.bytes, sizeof kept);
	give(file_of(1));
	harness_prepare(&h, 2, 0);
	assert_signs(edge, 0, 32);
	assert_signs(edge, 1, 32);
	harness_commit(&h, 2);
	(void)harness_expect_ticket_key(edge, &ticket);
	assert_memory_not_equal(ticket.key.bytes, kept, sizeof kept);
	assert_signs(edge, 0, 32);
	assert_signs(edge, 1, 32);
	give(file_of(1)); /* a reload for another reason, right behind it */
	harness_prepare(&h, 3, 0);
	harness_commit(&h, 3);
	(void)harness_expect_ticket_key(edge, &ticket);
	assert_signs(edge, 0, 32);
	assert_signs(edge, 1, 32);
	give(file_of(2));
	harness_prepare(&h, 4, 0);
	harness_commit(&h, 4);
	(void)harness_expect_ticket_key(edge, &ticket);
	assert_has_no_key(edge, 0);
	assert_signs(edge, 1, 32);
	assert_signs(edge, 2, 32);
}

static void a_reload_that_is_dropped_leaves_nothing(void **state)
{
	struct oap_ticket_key ticket;
	struct harness_link *edge;

	(void)state;
	start_with_tls();
	edge = link_edge(PROCESS_INGRESS, 0, &ticket);
	give(file_of(1));
	harness_prepare(&h, 2, 0);
	harness_abort(&h, 2);
	assert_has_no_key(edge, 1);
	assert_signs(edge, 0, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_handshake_is_signed_and_only_as_one),
		CASE(what_is_no_handshake_is_accused),
		CASE(tickets_of_one_plane_do_not_open_on_the_other),
		CASE(without_tls_nothing_is_signed),
		CASE(a_reload_brings_a_key_and_keeps_the_one_before),
		CASE(a_reload_that_is_dropped_leaves_nothing),
	};

	return cmocka_run_group_tests_name("kms_tls", tests, NULL, NULL);
}
