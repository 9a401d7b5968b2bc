/* deflate_none.c: messages are not compressed. See deflate.h. */
#include "deflate.h"

void tw_esp_deflate_use(tw_handles *handles) { (void)handles; }
