/* Stands in place of a worker in the directory of a test: runs the real one, which lies beside it
 * as `real-<name>`, with faults.so and its control file `control-<name>`. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char *argv[])
{
	char here[3072], real[4096], library[4096], control[4096];
	ssize_t bytes = readlink("/proc/self/exe", here, sizeof here - 1);
	char *slash;

	(void)argc;
	if (bytes < 0) {
		return EXIT_FAILURE;
	}
	here[bytes] = '\0';
	slash = strrchr(here, '/');
	*slash = '\0';
	(void)snprintf(real, sizeof real, "%s/real-%s", here, slash + 1);
	(void)snprintf(library, sizeof library, "%s/faults.so", here);
	(void)snprintf(control, sizeof control, "%s/control-%s", here, slash + 1);
	if (setenv("LD_PRELOAD", library, 1) == 0 && setenv("MN_FAULTS", control, 1) == 0) {
		(void)execv(real, argv);
	}
	perror(real);
	return EXIT_FAILURE;
}
