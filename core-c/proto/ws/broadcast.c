/* broadcast.c: one frame out to many. A server masks nothing, so the bytes are the same for all: the header is made
 * once, and each connection gets a copy into its queue, which a flush writes. */
#include "proto/ws/ws.h"
#include "src/utf8.h"

static int32_t admit(tw_core *core, int32_t handle, bool compressed, uint32_t frame_size, tw_slot **to) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  const tw_ws *ws = twc_ws_of(core, slot);
  if (!ws->server)
    return TW_ERR_HANDLE;
  if (slot->state != TW_STATE_OPEN || ws->sending)
    return TW_ERR_STATE;
  if (compressed && ws->deflate == 0)
    return TW_ERR_ARGUMENT;
  *to = slot;
  return twc_tx_admit(core, slot, frame_size);
}

int32_t twc_ws_broadcast(tw_core *core, int32_t *handles, uint32_t count, uint32_t flags, const void *data,
                         uint32_t size) {
  bool compressed = (flags & TW_SEND_COMPRESSED) != 0;
  bool text = (flags & TW_SEND_TEXT) != 0;
  if ((flags & ~(uint32_t)(TW_SEND_TEXT | TW_SEND_COMPRESSED)) != 0)
    return TW_ERR_ARGUMENT;
  if (text && !compressed && !twc_utf8_valid(data, size))
    return TW_ERR_WS_UTF8;
  uint8_t header[10];
  uint8_t first = TW_WS_FIN | (compressed ? TW_WS_RSV1 : 0) | (text ? TW_WS_TEXT : TW_WS_BINARY);
  uint32_t header_size = twc_ws_frame_header(header, first, size);
  int32_t took = 0;
  for (uint32_t i = 0; i < count; i++) {
    tw_slot *slot = NULL;
    int32_t error = size > core->limits.sendBuffer ? TW_ERR_TOO_LARGE
                                                   : admit(core, handles[i], compressed, header_size + size, &slot);
    handles[i] = error != 0 ? error : (int32_t)size;
    if (error != 0)
      continue;
    twc_tx_put(core, slot, header, header_size);
    twc_tx_put(core, slot, data, size);
    took++;
  }
  return took;
}
