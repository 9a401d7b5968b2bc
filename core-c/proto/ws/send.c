/* send.c: frames out, RFC 6455 5 and 6.1. */
#include "proto/ws/ws.h"
#include "src/bytes.h"
#include "src/mask.h"
#include "src/utf8.h"

enum { MASKED = 0x80, KEY_SIZE = 4 };

uint32_t twc_ws_frame_header(uint8_t header[10], uint8_t first, uint32_t size) {
  header[0] = first;
  if (size < 126) {
    header[1] = (uint8_t)size;
    return 2;
  }
  if (size <= UINT16_MAX) {
    header[1] = 126;
    twc_store_be16(header + 2, (uint16_t)size);
    return 4;
  }
  header[1] = 127;
  twc_store_be64(header + 2, size);
  return 10;
}

uint32_t twc_ws_frame_size(const tw_ws *ws, uint32_t size) {
  return (size < 126 ? 2u : size <= UINT16_MAX ? 4u : 10u) + (ws->server ? 0 : KEY_SIZE) + size;
}

void twc_ws_put_frame(tw_core *core, tw_slot *slot, const tw_ws *ws, uint8_t first, const void *payload,
                      uint32_t size) {
  uint8_t header[10 + KEY_SIZE];
  uint32_t at = twc_ws_frame_header(header, first, size);
  if (ws->server) { /* RFC 6455 5.1: a server masks no frame */
    twc_tx_put(core, slot, header, at);
    twc_tx_put(core, slot, payload, size);
    return;
  }
  uint8_t *key = header + at;
  header[1] |= MASKED;
  twc_random_bytes(core, key, KEY_SIZE); /* RFC 6455 5.3: a fresh key a frame, from a strong source */
  twc_tx_put(core, slot, header, at + KEY_SIZE);
  const uint8_t *from = payload;
  for (uint32_t done = 0, got; done < size; done += got) {
    uint8_t *to = twc_tx_extend(core, slot, size - done, &got);
    twc_mask_copy(to, from + done, got, key, done);
  }
}

void twc_ws_put_close(tw_core *core, tw_slot *slot, tw_ws *ws, uint32_t code, const char *reason,
                      uint32_t reason_size) {
  uint8_t payload[TW_MAX_CONTROL];
  uint32_t size = 0;
  if (code != 0) {
    twc_store_be16(payload, (uint16_t)code);
    for (uint32_t i = 0; i < reason_size; i++)
      payload[2 + i] = (uint8_t)reason[i];
    size = 2 + reason_size;
  }
  /* Beyond the connection's cap if need be: it is the last frame, and small. */
  if (ws->close_sent)
    return;
  ws->close_owed = !twc_chain_fits(&core->tx_pool, &slot->tx, twc_ws_frame_size(ws, size));
  ws->owed_code = (uint16_t)code;
  if (ws->close_owed)
    return;
  ws->close_sent = true;
  twc_ws_put_frame(core, slot, ws, TW_WS_FIN | TW_WS_CLOSE, payload, size);
}

void twc_ws_await_room(tw_core *core, tw_slot *slot, const tw_ws *ws) {
  if (ws->close_owed)
    twc_tx_owe(core, slot, twc_ws_frame_size(ws, 2));
}

static tw_slot *open_slot(tw_core *core, int32_t handle, int32_t *error) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  *error = slot == NULL ? TW_ERR_HANDLE : slot->state != TW_STATE_OPEN ? TW_ERR_STATE : 0;
  return slot;
}

int32_t twc_ws_send(tw_core *core, int32_t handle, uint32_t flags, const void *data, uint32_t size) {
  int32_t error;
  tw_slot *slot = open_slot(core, handle, &error);
  if (error != 0)
    return error;
  bool part = (flags & TW_SEND_PART) != 0;
  bool more = (flags & TW_SEND_MORE) != 0;
  bool compressed = (flags & TW_SEND_COMPRESSED) != 0;
  if ((flags & ~(uint32_t)(TW_SEND_TEXT | TW_SEND_PART | TW_SEND_MORE | TW_SEND_COMPRESSED)) != 0 || (more && !part))
    return TW_ERR_ARGUMENT;
  if (size > core->limits.sendBuffer)
    return TW_ERR_TOO_LARGE;

  tw_ws *ws = twc_ws_of(core, slot);
  if (ws->sending && !part)
    return TW_ERR_STATE;
  if (compressed && ws->deflate == 0)
    return TW_ERR_ARGUMENT;
  bool text = ws->sending ? ws->sending_text : (flags & TW_SEND_TEXT) != 0;
  uint32_t utf8 = ws->sending ? ws->sent_utf8 : 0;
  bool plain = ws->sending ? !ws->sending_compressed : !compressed;
  if (text && plain && (twc_utf8_scan(&utf8, data, size) >= 0 || (!more && utf8 != 0)))
    return TW_ERR_WS_UTF8;
  error = twc_tx_admit(core, slot, twc_ws_frame_size(ws, size));
  if (error != 0)
    return error;

  uint8_t first = ws->sending ? TW_WS_CONTINUATION : text ? TW_WS_TEXT : TW_WS_BINARY;
  if (compressed && !ws->sending)
    first |= TW_WS_RSV1; /* RFC 7692 6: on the first frame of a message only */
  twc_ws_put_frame(core, slot, ws, more ? first : first | TW_WS_FIN, data, size);
  ws->sending_compressed = !plain;
  ws->sending = more;
  ws->sending_text = text;
  ws->sent_utf8 = utf8;
  return (int32_t)size;
}

static int32_t send_control(tw_core *core, int32_t handle, uint8_t opcode, const void *data, uint32_t size) {
  int32_t error;
  tw_slot *slot = open_slot(core, handle, &error);
  if (error != 0)
    return error;
  if (size > TW_MAX_CONTROL)
    return TW_ERR_ARGUMENT;
  tw_ws *ws = twc_ws_of(core, slot);
  error = twc_tx_admit(core, slot, twc_ws_frame_size(ws, size));
  if (error != 0)
    return error;
  twc_ws_put_frame(core, slot, ws, TW_WS_FIN | opcode, data, size);
  return (int32_t)size;
}

int32_t twc_ws_ping(tw_core *core, int32_t handle, const void *data, uint32_t size) {
  return send_control(core, handle, TW_WS_PING, data, size);
}

int32_t twc_ws_pong(tw_core *core, int32_t handle, const void *data, uint32_t size) {
  return send_control(core, handle, TW_WS_PONG, data, size);
}
