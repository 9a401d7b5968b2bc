/* string.h for a target without a libc: the four functions that the core may use, no more. */
#ifndef TWINWIRE_SHIM_STRING_H
#define TWINWIRE_SHIM_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);

#endif
