/* deflate.h: compression of WebSocket messages (permessage-deflate). deflate_miniz.c: CONFIG_TWINWIRE_DEFLATE, received
 * messages are inflated by the miniz that is in the chip's ROM. deflate_none.c: it is not negotiated. */
#ifndef TWINWIRE_ESP32_DEFLATE_H
#define TWINWIRE_ESP32_DEFLATE_H

#include "twinwire/host.h"

/* Gives `handles` the library, if there is one. */
void tw_esp_deflate_use(tw_handles *handles);

#endif
