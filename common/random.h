#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* From the kernel's generator; never fails after boot, or the process ends. For ids, tickets
 * and salts; keys come from libsodium in kms. */
void random_fill(void *bytes, size_t bytes_count);
uint64_t random_u64(void);

#endif
