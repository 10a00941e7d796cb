#ifndef TESTS_SKIP_H
#define TESTS_SKIP_H

/* Ends a case that cannot run here, aloud. cmocka's own skip() says "not ok ... # SKIP" in TAP,
 * which counts as a failure. Include after <cmocka.h>. */
#define SKIP_ALOUD(why)                                                \
	do {                                                           \
		print_message("# skipped: %s: %s\n", __func__, (why)); \
		return;                                                \
	} while (0)

#endif
