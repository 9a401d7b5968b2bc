/* string.h for a target without a libc: what the C API uses beside the core's four functions. Only to be compiled. */
#ifndef TEST_C_API_WASM32_STRING_H
#define TEST_C_API_WASM32_STRING_H

#include "../../../wasm/shim/string.h"

size_t strlen(const char *text);
size_t strcspn(const char *text, const char *stop);
int strcmp(const char *left, const char *right);
void *memchr(const void *from, int byte, size_t size);

#endif
