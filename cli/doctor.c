/* macronode check: would a start work on this machine? macronode doctor: that, and what a node that
 * runs or has run says about itself; what is weaker than it could be, and how to mend it. */
#include "cli/doctor.h"

#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who ran a node on this data directory, or whose it is; without one, whoever asks. */
static uid_t owner_of(const struct config *config)
{
	char path[DOCTOR_PATH_BYTES];
	struct stat seen;

	(void)snprintf(path, sizeof path, "%s/lock", config->node_data_dir);
	if (lstat(path, &seen) == 0) {
		return seen.st_uid;
	}
	return geteuid() != 0 && stat(config->node_data_dir, &seen) == 0 ? seen.st_uid : geteuid();
}

enum finding_result doctor_denied(const struct doctor *doctor)
{
	return doctor->owner == geteuid() || geteuid() == 0 ? FINDING_IS_BAD : FINDING_IS_UNKNOWN;
}

void doctor_add_denied(struct doctor *doctor, enum finding finding, const char *format, ...)
{
	enum finding_result result = doctor_denied(doctor);
	char text[DOCTOR_PATH_BYTES + 256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (result == FINDING_IS_UNKNOWN) {
		findings_add_mend(
			doctor->findings, finding, result, DOCTOR_MEND_DENIED, "%s", text);
	} else if (geteuid() != 0) {
		findings_add_mend(doctor->findings, finding, result,
			"open it to this user, or start the node as another one", "%s", text);
	} else { /* not for want of rights */
		findings_add(doctor->findings, finding, result, "%s", text);
	}
}

static bool look_at_config(struct doctor *doctor, const struct config_load *load)
{
	for (uint32_t i = 0; i < load->problems_count && i < CONFIG_PROBLEMS_MAX; i++) {
		findings_add(doctor->findings, FINDING_CONFIG, FINDING_IS_BAD, "%s: %s",
			load->problems[i].where, load->problems[i].text);
	}
	if (load->problems_count > 0) {
		return false; /* what it says cannot be looked for */
	}
	findings_add(doctor->findings, FINDING_CONFIG, FINDING_IS_OK, "%s, policy %s",
		doctor->cli->config_path != NULL ? doctor->cli->config_path
						 : "packaged file and defaults",
		load->config.policy_file[0] != '\0' ? load->config.policy_file
						    : "none: /v1 issues nothing");
	return true;
}

static int finish(struct doctor *doctor, enum cli_exit when_weaker)
{
	static const char too_long[] = "the findings are too long to print";

	json_in_free(doctor->status);
	if (!findings_end(doctor->findings)) {
		return cli_fail(doctor->cli, CLI_CANNOT, "%s", too_long);
	}
	switch (findings_worst(doctor->findings)) {
	case FINDING_IS_OK:
		return CLI_GOOD;
	case FINDING_IS_WEAKER:
		return (int)when_weaker;
	case FINDING_IS_UNKNOWN:
		return CLI_CANNOT;
	case FINDING_IS_BAD:
	case FINDING_RESULTS:
		break;
	}
	return CLI_BAD;
}

/* What a start would meet. */
static void look_before_a_start(struct doctor *doctor)
{
	doctor_dirs(doctor);
	doctor_disk(doctor);
	doctor_owners(doctor);
	doctor_network_ports(doctor);
	doctor_tls(doctor);
	doctor_roles(doctor);
	doctor_machine(doctor);
}

/* NULL: a sentence was said. */
static const struct config_load *begin(struct cli *cli, struct doctor *ret_doctor)
{
	static struct findings findings;
	static struct config config;
	const struct config_load *load = cli_read_config_and_policy(cli);
	long processors = sysconf(_SC_NPROCESSORS_ONLN);

	if (load == NULL) {
		return NULL;
	}
	config = load->config;
	config_resolve(&config, processors > 0 ? (unsigned)processors : 1);
	findings_begin(&findings, cli->json);
	*ret_doctor = (struct doctor){
		.cli = cli,
		.config = &config,
		.findings = &findings,
		.owner = owner_of(&config),
	};
	return load;
}

int cli_check(struct cli *cli)
{
	struct doctor doctor;
	const struct config_load *load = begin(cli, &doctor);

	if (load == NULL) {
		return CLI_CANNOT;
	}
	doctor.owner = geteuid(); /* it is he who would start it */
	if (look_at_config(&doctor, load)) {
		doctor_node_find(&doctor);
		look_before_a_start(&doctor);
	}
	return finish(&doctor, CLI_GOOD);
}

int cli_doctor(struct cli *cli)
{
	struct doctor doctor;
	const struct config_load *load = begin(cli, &doctor);

	if (load == NULL) {
		return CLI_CANNOT;
	}
	if (look_at_config(&doctor, load)) {
		doctor_node_find(&doctor);
		look_before_a_start(&doctor);
		doctor_store(&doctor);
		doctor_node(&doctor);
		doctor_network_names(&doctor); /* last: a name server may take its time */
	}
	return finish(&doctor, CLI_DEGRADED);
}
