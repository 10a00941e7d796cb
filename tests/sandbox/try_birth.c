/* Begins as a worker does: try_birth SUPERVISOR_PID.
 * Prints the err, and the process name after success. */
#include <stdio.h>
#include <sys/prctl.h>

#include "common/birth.h"

int main(int argc, char *argv[])
{
	const char *failed = NULL;
	char comm[16] = "";
	enum err err;

	err = birth_begin("prevalidator", argc > 1 ? argv[1] : NULL, &failed);
	if (err != ERR_OK) {
		(void)printf("%s\n", err_name(err));
		return 1;
	}
	(void)prctl(PR_GET_NAME, comm);
	(void)printf("%s %s dumpable=%d\n", err_name(err), comm, prctl(PR_GET_DUMPABLE));
	return 0;
}
