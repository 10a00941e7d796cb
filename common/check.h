#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

/* Asserts hold the contracts of this code base together; a build without them is another
 * program. Wrong input is never asserted on, our own state always. */
#ifdef NDEBUG
#error "macronode is built with asserts: set b_ndebug=false"
#endif

#include <assert.h>

#define MUST_CHECK __attribute__((warn_unused_result))

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
