/* rewardverify: computes the rewards of an epoch again from its sealed inputs, and compares each
 * number, each hash and each byte with the manifest that was paid. No network, no node, no file of
 * this project but these few. Build it anywhere, in the folder above client/, with
 *
 *     cc -I. -o rewardverify client/rewardverify.c client/rv*.c -lyajl -lhogweed -lnettle -lgmp
 *
 * It shares no line with the node, so that a mistake of the one is not the other's too: yajl reads
 * the documents, GMP computes, and BLAKE3 is written a second time. See rewardverify(1). */
#include <string.h>
#include <unistd.h>

#include "client/rv.h"

#ifdef REWARDVERIFY_IS_LINKED
#include "client/rewardverify.h"
#else
#define rewardverify_main main
#endif

/* What a node computes and seals, with room for any of ours. */
#define SALT_BYTES_MAX     128u
#define DOCUMENT_BYTES_MAX RV_MIB
#define SNAPSHOT_BYTES_MAX (64 * RV_MIB)
#define MANIFEST_BYTES_MAX (1024 * RV_MIB)

static struct rv_bytes read_input(const char *dir, const char *name, size_t count_max)
{
	size_t room = strlen(dir) + strlen(name) + 2;
	char *path = rv_take(room);

	(void)snprintf(path, room, "%s/%s", dir, name);
	return rv_read_file(path, count_max);
}

/* Exactly the bytes that the bundle names. */
static struct rv_bytes read_named(
	const char *dir, const char *name, size_t count_max, const char *cid)
{
	struct rv_bytes text = read_input(dir, name, count_max);
	const char *is = rv_cid_of(text);

	if (strcmp(is, cid) != 0) {
		rv_stop(RV_BAD, "its BLAKE3 is %s, and the bundle names %s", is, cid);
	}
	return text;
}

static void read_inputs(const char *dir)
{
	mpz_inits(rv_policy.amount_max, rv_run.pool, rv_totals.payout, rv_totals.delta,
		rv_totals.clamp, rv_totals.idle, rv_totals.dust, rv_totals.category_excess,
		rv_totals.actor_excess, NULL);
	mpz_ui_pow_ui(rv_policy.amount_max, 2, 127);
	mpz_sub_ui(rv_policy.amount_max, rv_policy.amount_max, 1);
	rv_run.pool_text = "0";
	rv_run.accounting_cid = rv_run.ledger_cid = "";
	rv_read_policy(read_input(dir, "policy.json", DOCUMENT_BYTES_MAX));
	(void)(rv_read_bundle(read_input(dir, "bundle.json", DOCUMENT_BYTES_MAX)) &&
		rv_read_ledger(
			read_named(dir, "ledger.json", DOCUMENT_BYTES_MAX, rv_run.ledger_cid)) &&
		rv_read_accounting(read_named(
			dir, "accounting.json", SNAPSHOT_BYTES_MAX, rv_run.accounting_cid)) &&
		rv_allocate());
}

static void say_good(const char *path)
{
	if (rv_is_json) {
		(void)printf("{\"good\":true,\"checked\":true,\"file\":");
		rv_put_string(stdout, path);
		(void)gmp_printf(
			",\"status\":\"%s\",\"allocations\":%zu,\"payout_total_minor\":\"%Zd\","
			"\"commitment\":\"%s\"}\n",
			rv_run.kind == NULL ? "ok" : "quarantined", rv_paid_count, rv_totals.payout,
			rv_commitment);
	} else if (rv_run.kind != NULL) {
		(void)printf("good: epoch %s of %s is quarantined (%s), and nobody is paid\n"
			     "commitment %s\n",
			rv_run.epoch_id, rv_run.tenant, rv_run.kind, rv_commitment);
	} else {
		(void)gmp_printf("good: epoch %s of %s pays %Zd of %s %s to %zu actors\n"
				 "commitment %s\n",
			rv_run.epoch_id, rv_run.tenant, rv_totals.payout, rv_run.pool_text,
			rv_policy.asset, rv_paid_count, rv_commitment);
	}
}

/* Of one line of ASCII, which has one spelling in JSON. */
static bool is_salt(const char *salt)
{
	for (const char *at = salt; *at != '\0'; at++) {
		if (*at < ' ' || *at > '~') {
			return false;
		}
	}
	return salt[0] != '\0' && strlen(salt) <= SALT_BYTES_MAX;
}

static _Noreturn void stop_usage(void)
{
	rv_subject = "usage";
	rv_stop(RV_USAGE, "[-j] [-s SALT] [-a ATTESTATION -k VKEY] MANIFEST DIRECTORY");
}

int rewardverify_main(int argc, char *argv[])
{
	const char *attestation = NULL, *vkey = NULL;
	const struct rv_node *manifest;
	struct rv_bytes text;
	bool is_whole;
	int letter;

	rv_run.salt = "svc-rewarder|v1";
	while ((letter = getopt(argc, argv, "ja:k:s:")) != -1) {
		switch (letter) {
		case 'j':
			rv_is_json = true;
			break;
		case 'a':
			attestation = optarg;
			break;
		case 'k':
			vkey = optarg;
			break;
		case 's':
			rv_run.salt = optarg;
			break;
		default:
			stop_usage();
		}
	}
	if (argc - optind != 2 || (attestation == NULL) != (vkey == NULL) ||
		!is_salt(rv_run.salt)) {
		stop_usage();
	}
	text = rv_read_file(argv[optind], MANIFEST_BYTES_MAX);
	manifest = rv_parse(text, &is_whole);
	if (!is_whole) {
		rv_stop(RV_BAD, "it is no JSON");
	}
	rv_read_claims(manifest);
	read_inputs(argv[optind + 1]);
	rv_subject = argv[optind];
	rv_compare_manifest(manifest, text);
	if (attestation != NULL) {
		rv_check_attestation(attestation, vkey);
	}
	say_good(argv[optind]);
	return fflush(stdout) == 0 ? RV_GOOD : RV_CANNOT;
}
