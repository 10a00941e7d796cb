/* The files of TLS: whether a start could use them, for how long, and who else may read the key.
 * What is in them is judged by mn-tls-check, as at a start. */
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "supervisor/material.h"

/* Below this a certificate is as good as ended: somebody has to renew it on a working day. */
#define SOON_S (7 * 24 * 3600)

static bool is_soon(const struct material *material, int64_t now_unix_s)
{
	return now_unix_s < material->not_before_unix_s ||
	       now_unix_s > material->not_after_unix_s - SOON_S ||
	       (material->ocsp_next_unix_s != 0 && now_unix_s >= material->ocsp_next_unix_s);
}

static void look_at_dates(struct doctor *doctor, const struct material *material)
{
	char text[MATERIAL_WHY_BYTES];
	int64_t now_unix_s = time(NULL);

	material_dates(material, now_unix_s, text);
	if (text[0] == '\0') {
		findings_add(doctor->findings, FINDING_TLS_DATES, FINDING_IS_OK,
			"the certificate is good for %lld days more",
			(long long)(material->not_after_unix_s - now_unix_s) / 86400);
	} else {
		findings_add(doctor->findings, FINDING_TLS_DATES,
			is_soon(material, now_unix_s) ? FINDING_IS_BAD : FINDING_IS_WEAKER, "%s",
			text);
	}
}

static void look_at_names(struct doctor *doctor, const struct material *material)
{
	if (material->unnamed[0] != '\0') {
		findings_add(doctor->findings, FINDING_TLS_NAMES, FINDING_IS_WEAKER,
			"the certificate is not for %s", material->unnamed);
	} else if (doctor->config->api_host_names.count > 0) {
		findings_add(doctor->findings, FINDING_TLS_NAMES, FINDING_IS_OK,
			"the certificate is for each name of api.host_names");
	}
}

/* Whoever may write the directory may put another key there. */
static void look_at_key(struct doctor *doctor)
{
	const char *path = doctor->config->tls_key_path;
	char copy[CONFIG_TEXT_BYTES_MAX + 1];
	struct stat key, directory;

	(void)snprintf(copy, sizeof copy, "%s", path);
	if (stat(path, &key) != 0 || stat(dirname(copy), &directory) != 0) {
		return; /* said already */
	}
	if ((directory.st_mode & S_IWOTH) != 0 && (directory.st_mode & S_ISVTX) == 0) {
		findings_add(doctor->findings, FINDING_TLS_KEY, FINDING_IS_BAD,
			"everybody may write the directory of %s", path);
	} else if (key.st_uid != 0 && key.st_uid != doctor->owner) {
		findings_add(doctor->findings, FINDING_TLS_KEY, FINDING_IS_WEAKER,
			"%s belongs to user %u, who is neither root nor the node's", path,
			(unsigned)key.st_uid);
	} else if ((key.st_mode & S_IRGRP) != 0) {
		findings_add(doctor->findings, FINDING_TLS_KEY, FINDING_IS_WEAKER,
			"group %u may read %s", (unsigned)key.st_gid, path);
	} else {
		findings_add(doctor->findings, FINDING_TLS_KEY, FINDING_IS_OK,
			"%s is its owner's alone", path);
	}
}

void doctor_tls(struct doctor *doctor)
{
	const char *libexec = cli_option(doctor->cli, "--libexec");
	struct material material;
	int checker;

	if (!doctor->config->tls_enabled) {
		findings_add(doctor->findings, FINDING_TLS, FINDING_IS_OK,
			"off: every listener is on loopback");
		return;
	}
	checker = material_open_checker(libexec != NULL ? libexec : MACRONODE_LIBEXEC);
	if (!material_load(doctor->config, checker, NULL, &material)) {
		if (strstr(material.why, "denied") != NULL) {
			doctor_add_denied(doctor, FINDING_TLS, "%s", material.why);
		} else {
			findings_add(
				doctor->findings, FINDING_TLS, FINDING_IS_BAD, "%s", material.why);
		}
	} else {
		findings_add(doctor->findings, FINDING_TLS, FINDING_IS_OK, "%s, %s key",
			doctor->config->tls_cert_path, material.key_kind);
		look_at_dates(doctor, &material);
		look_at_names(doctor, &material);
		material_close(&material);
	}
	look_at_key(doctor);
	if (checker >= 0) {
		(void)close(checker);
	}
}
