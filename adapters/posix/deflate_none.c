/* deflate_none.c: a host that was built without zlib. */
#include "posix.h"

const tw_deflate_library *tw_posix_deflate(void) { return NULL; }
