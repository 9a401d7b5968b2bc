/* memory.h: what the POSIX host allocates, by the application's allocator if it has one. */
#ifndef TW_POSIX_MEMORY_H
#define TW_POSIX_MEMORY_H

#include <stddef.h>

/* As realloc; `size` 0 frees and returns NULL. */
void *tw_posix_resize(void *memory, size_t size);

/* As calloc. */
void *tw_posix_zeroed(size_t count, size_t size);

/* As malloc, aligned to 16 bytes. */
void *tw_posix_aligned(size_t size);

/* As free. */
void tw_posix_free(void *memory);

#endif
