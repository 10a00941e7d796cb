#include "common/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/sandbox_base.h"

static bool entered;

#ifdef MACRONODE_SANDBOX_REPORT

static const char *reporting_name;

static void append(char *line, size_t line_bytes, size_t *used, const char *text)
{
	while (*text != '\0' && *used < line_bytes) {
		line[(*used)++] = *text++;
	}
}

/* Async-signal-safe: a fixed buffer, digits by hand, write(2), _exit(2). */
static void on_sigsys(int signal_number, siginfo_t *info, void *context)
{
	char line[128], digits[12];
	size_t used = 0, digit_count = 0;
	unsigned nr = (unsigned)info->si_syscall;

	(void)signal_number;
	(void)context;
	append(line, sizeof line, &used, "sandbox_violation process=");
	append(line, sizeof line - 32, &used, reporting_name);
	append(line, sizeof line, &used, " syscall_nr=");
	do {
		digits[digit_count++] = (char)('0' + nr % 10);
		nr /= 10;
	} while (nr > 0 && digit_count < sizeof digits);
	while (digit_count > 0 && used < sizeof line - 1) {
		line[used++] = digits[--digit_count];
	}
	append(line, sizeof line, &used, "\n");
	(void)!write(STDERR_FILENO, line, used);
	_exit(SANDBOX_REPORT_STATUS);
}

static bool report_to(const char *process_name)
{
	const struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO };

	reporting_name = process_name;
	return sigaction(SIGSYS, &action, NULL) == 0;
}

static bool report_is_built(void)
{
	return true;
}

#else

static bool report_to(const char *process_name)
{
	(void)process_name;
	return false;
}

static bool report_is_built(void)
{
	return false;
}

#endif

static bool condition_to_filter(
	const struct sandbox_condition *condition, struct scmp_arg_cmp *ret_compare)
{
	struct scmp_arg_cmp compare = { .arg = condition->argument, .op = SCMP_CMP_EQ };

	if (condition->argument > 5) {
		return false;
	}
	switch (condition->kind) {
	case SANDBOX_EQUALS:
		compare.datum_a = condition->value;
		break;
	case SANDBOX_MASKED:
		compare.op = SCMP_CMP_MASKED_EQ;
		compare.datum_a = condition->mask;
		compare.datum_b = condition->value;
		break;
	case SANDBOX_SELF_PID:
		compare.datum_a = (scmp_datum_t)getpid();
		break;
	case SANDBOX_ANY:
	default:
		return false;
	}
	*ret_compare = compare;
	return true;
}

static enum err allow_rule(scmp_filter_ctx filter, const struct sandbox_rule *rule)
{
	struct scmp_arg_cmp compares[SANDBOX_CONDITIONS_MAX];
	unsigned compare_count = 0;
	int result;

	if (rule->reason == NULL) {
		return ERR_MALFORMED;
	}
	for (size_t i = 0; i < SANDBOX_CONDITIONS_MAX; i++) {
		if (rule->when[i].kind == SANDBOX_ANY) {
			continue;
		}
		if (!condition_to_filter(&rule->when[i], &compares[compare_count])) {
			return ERR_MALFORMED;
		}
		compare_count++;
	}
	result = seccomp_rule_add_array(
		filter, SCMP_ACT_ALLOW, rule->syscall, compare_count, compares);
	if (result == -EEXIST) {
		return ERR_OK; /* base and role may say the same */
	}
	errno = -result;
	return result == 0 ? ERR_OK : ERR_MALFORMED;
}

static enum err allow_policy(scmp_filter_ctx filter, const struct sandbox_policy *policy)
{
	enum err err = ERR_OK;

	for (size_t i = 0; policy != NULL && i < policy->rule_count && err == ERR_OK; i++) {
		err = allow_rule(filter, &policy->rules[i]);
	}
	return err;
}

static bool set_attributes(scmp_filter_ctx filter)
{
	/* A foreign architecture's syscall numbers mean other things: never let them in. All
	 * threads go behind the filter, a library's too. A tree instead of a list of
	 * comparisons: the hot syscalls are then found in a few steps. */
	return seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS) == 0 &&
	       seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) == 0 &&
	       seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	       seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0;
}

static enum err fill(
	scmp_filter_ctx filter, const struct sandbox_policy *policy, const char **failed)
{
	enum err err;

	*failed = "filter attributes";
	if (!set_attributes(filter)) {
		return ERR_IO;
	}
	*failed = "base policy";
	err = allow_policy(filter, &sandbox_base);
	if (err == ERR_OK) {
		err = allow_policy(filter, &sandbox_base_sanitized);
	}
	if (err != ERR_OK) {
		return err;
	}
	*failed = "role policy";
	err = allow_policy(filter, policy);
	if (err != ERR_OK) {
		return err;
	}
	/* glibc tries clone3 first and takes clone after ENOSYS: a process that may not make
	 * threads dies of the clone, with the same stack that a debugger would look for. */
	*failed = "clone3";
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 ? ERR_OK
											  : ERR_IO;
}

enum err sandbox_enter(const struct sandbox_policy *policy, enum sandbox_mode mode,
	const char *process_name, const char **failed)
{
	scmp_filter_ctx filter = NULL;
	enum err err = ERR_IO;
	int result;

	if (entered) {
		*failed = "already inside";
		return ERR_CONFLICT;
	}
	if (mode == SANDBOX_REPORT && !report_is_built()) {
		*failed = "report mode is not in this build";
		return ERR_DENIED;
	}
	*failed = "filter";
	filter = seccomp_init(mode == SANDBOX_REPORT ? SCMP_ACT_TRAP : SCMP_ACT_KILL_PROCESS);
	if (filter == NULL) {
		goto out;
	}
	err = fill(filter, policy, failed);
	if (err != ERR_OK) {
		goto out;
	}
	err = ERR_IO;
	*failed = "SIGSYS handler";
	if (mode == SANDBOX_REPORT && !report_to(process_name)) {
		goto out;
	}
	*failed = "load";
	result = seccomp_load(filter);
	if (result != 0) {
		errno = -result;
		goto out;
	}
	entered = true;
	err = ERR_OK;
out:
	seccomp_release(filter); /* NULL is fine */
	return err;
}
