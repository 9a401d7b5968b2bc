/* receive.c: frames in, RFC 6455 5, 6.2, 10.7. */
#include <string.h>

#include "proto/ws/ws.h"
#include "src/bytes.h"
#include "src/mask.h"
#include "src/peers.h"
#include "src/utf8.h"

enum { RESERVED = 0x70, OPCODE = 0x0F, CONTROL = 0x08, MASKED = 0x80, LENGTH = 0x7F, KEY_SIZE = 4 };

static uint8_t opcode_of(const tw_ws_receiver *in) { return in->header[0] & OPCODE; }
static bool is_control(const tw_ws_receiver *in) { return (in->header[0] & CONTROL) != 0; }
static bool is_final(const tw_ws_receiver *in) { return (in->header[0] & TW_WS_FIN) != 0; }

static bool is_compressed(const tw_ws_receiver *in) { return (in->header[0] & TW_WS_RSV1) != 0; }

/* What is wrong with the first byte of a header, or 0. */
static uint32_t first_byte_fault(const tw_ws *ws, const tw_ws_receiver *in) {
  uint8_t meant =
      ws->deflate == 0 || is_control(in) || opcode_of(in) == TW_WS_CONTINUATION ? 0 : TW_WS_RSV1; /* RFC 7692 6 */
  uint8_t reserved = in->header[0] & RESERVED & (uint8_t)~meant;
  if (reserved != 0) /* RFC 6455 5.2: no extension gave them a meaning */
    return (reserved & ~TW_WS_RSV1) != 0 ? TW_WS_FAULT_RSV2_RSV3 : TW_WS_FAULT_RSV1;
  bool right = false;
  switch (opcode_of(in)) {
  case TW_WS_CONTINUATION:
    right = in->in_message;
    break;
  case TW_WS_TEXT:
  case TW_WS_BINARY:
    right = !in->in_message; /* RFC 6455 5.4: fragments of messages do not interleave */
    break;
  case TW_WS_CLOSE:
  case TW_WS_PING:
  case TW_WS_PONG:
    return is_final(in) ? 0 : TW_WS_FAULT_FRAGMENTED; /* RFC 6455 5.5: control frames never fragment */
  default:
    break;
  }
  return right ? 0 : TW_WS_FAULT_OPCODE;
}

static uint32_t second_byte_fault(const tw_ws *ws, const tw_ws_receiver *in) {
  if (is_control(in) && (in->header[1] & LENGTH) > TW_MAX_CONTROL)
    return TW_WS_FAULT_CONTROL_LENGTH;
  bool masked = (in->header[1] & MASKED) != 0;
  return masked == ws->server ? 0 : TW_WS_FAULT_MASK; /* RFC 6455 5.1: a client masks every frame, a server none */
}

/* The frame breaks the protocol. */
static void broken(tw_core *core, tw_slot *slot, tw_ws *ws, uint32_t fault) {
  ws->fault = (uint8_t)fault;
  twc_ws_end(core, slot, ws, TW_ERR_WS_PROTOCOL);
}

static uint32_t header_size(const tw_ws_receiver *in) {
  uint32_t key = (in->header[1] & MASKED) != 0 ? KEY_SIZE : 0;
  switch (in->header[1] & LENGTH) {
  case 126:
    return 4 + key;
  case 127:
    return 10 + key;
  default:
    return 2 + key;
  }
}

/* Takes the mask off the next `size` bytes of the payload. */
static void unmask(const tw_ws *ws, tw_ws_receiver *in, uint8_t *data, uint32_t size) {
  if (!ws->server)
    return;
  twc_mask_copy(data, data, size, in->header + header_size(in) - KEY_SIZE, in->phase);
  in->phase = (uint8_t)((in->phase + size) & 3);
}

/* RFC 6455 5.2: the most significant bit is 0, and the shortest form that holds a length must be used. */
static uint32_t length_fault(const tw_ws_receiver *in, uint64_t *length) {
  uint8_t form = in->header[1] & LENGTH;
  bool shortest = true;
  *length = form;
  if (form == 126) {
    *length = twc_load_be16(in->header + 2);
    shortest = *length > 125;
  } else if (form == 127) {
    *length = twc_load_be64(in->header + 2);
    shortest = *length > UINT16_MAX;
  }
  if (*length > INT64_MAX)
    return TW_WS_FAULT_HUGE;
  return shortest ? 0 : TW_WS_FAULT_LENGTH;
}

static void end_frame(tw_ws_receiver *in) {
  in->in_payload = false;
  in->control_size = 0;
}

/* A part of a data message, maybe empty. Reports it unless the application has closed the connection. */
static void report_part(tw_core *core, tw_slot *slot, tw_ws_receiver *in, const uint8_t *data, uint32_t size,
                        bool final, bool ascii) {
  if ((size == 0 && !final) || !twc_ws_reports(slot))
    return;
  tw_event *event = twc_event_make(core, slot, TW_EVENT_MESSAGE);
  event->data = (uint32_t)(data - core->arena);
  event->size = size;
  event->flags =
      (uint16_t)((in->reported ? 0 : TW_FLAG_FIRST) | (final ? TW_FLAG_FINAL : 0) | (in->text ? TW_FLAG_TEXT : 0) |
                 (ascii ? TW_FLAG_ASCII : 0) | (in->compressed ? TW_FLAG_COMPRESSED : 0));
  in->reported = true;
  if (slot->window > 0) {
    slot->unread += size;
    twc_socket_update_reading(core, slot);
  }
}

/* Counts the parts that the application keeps until their message is complete, and returns how much of a further part
 * it may be given: a connection may have it keep as much as all together leave of maxUnfinished (the dynamic threshold
 * of tx.c), so that those who never finish can't use up what the others need. */
static uint32_t count_part(tw_core *core, tw_slot *slot, uint32_t size, bool final) {
  if (final || !twc_ws_reports(slot)) {
    core->unfinished -= slot->unfinished;
    slot->unfinished = 0;
    return size;
  }
  uint32_t kept = core->unfinished + slot->unfinished;
  uint32_t most = kept < core->limits.maxUnfinished ? (core->limits.maxUnfinished - kept) / 2 : 0;
  if (size > most)
    size = most;
  core->unfinished += size;
  slot->unfinished += size;
  return size;
}

static void take_data(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  tw_ws_receiver *in = &ws->in.receiver;
  in->payload_left -= size;
  bool final = in->payload_left == 0 && is_final(in);
  bool ascii = false;
  if (in->text && !in->compressed && twc_ws_reports(slot)) {
    ascii = in->utf8 == 0 && twc_ascii_prefix(data, size) == size;
    int32_t bad = ascii ? -1 : twc_utf8_scan(&in->utf8, data, size);
    if (bad >= 0 || (final && in->utf8 != 0)) { /* RFC 6455 8.1 */
      report_part(core, slot, in, data, bad >= 0 ? (uint32_t)bad : size, false, false);
      twc_ws_end(core, slot, ws, TW_ERR_WS_UTF8);
      return;
    }
  }
  uint32_t allowed = count_part(core, slot, size, final);
  if (allowed < size) {
    report_part(core, slot, in, data, allowed, false, ascii);
    twc_ws_end(core, slot, ws, TW_ERR_OVERLOAD);
    return;
  }
  report_part(core, slot, in, data, size, final, ascii);
  if (final)
    in->in_message = false;
  if (in->payload_left == 0)
    end_frame(in);
}

static void take_close(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  if (size > 0) {
    uint32_t code = size == 1 ? 0 : twc_load_be16(data);
    if (!twc_ws_code_valid(code)) { /* RFC 6455 5.5.1, 7.4 */
      ws->fault_code = (uint16_t)code;
      broken(core, slot, ws, size == 1 ? TW_WS_FAULT_CONTROL_LENGTH : TW_WS_FAULT_CLOSE_CODE);
      return;
    }
    if (!twc_utf8_valid(data + 2, size - 2)) {
      twc_ws_end(core, slot, ws, TW_ERR_WS_UTF8);
      return;
    }
  }
  tw_ws_receiver *in = &ws->in.receiver;
  memmove(in->control, data, size);
  in->control_size = (uint8_t)size;
  twc_ws_end(core, slot, ws, TW_DEFERRED_CLOSE);
}

void twc_ws_put_pong(tw_core *core, tw_slot *slot, tw_ws *ws) {
  tw_ws_receiver *in = &ws->in.receiver;
  uint32_t size = twc_ws_frame_size(ws, in->pong_size);
  if (!in->pong_owed)
    return;
  in->pong_owed = !twc_tx_fits_reserve(core, slot, size);
  if (in->pong_owed)
    twc_tx_owe(core, slot, size);
  else
    twc_ws_put_frame(core, slot, ws, TW_WS_FIN | TW_WS_PONG, in->pong, in->pong_size);
}

/* A whole control frame. */
static void take_control(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  uint8_t opcode = opcode_of(&ws->in.receiver);
  end_frame(&ws->in.receiver);
  if (opcode == TW_WS_CLOSE) {
    take_close(core, slot, ws, data, size);
    return;
  }
  if (!twc_ws_reports(slot))
    return;
  if (opcode == TW_WS_PING && slot->state == TW_STATE_OPEN && (ws->options & TW_WS_OPTION_NO_AUTO_PONG) == 0) {
    /* At most one is owed, the latest: RFC 6455 5.5.3. So a peer that does not read can't have us hold more. */
    ws->in.receiver.pong_owed = true;
    ws->in.receiver.pong_size = (uint8_t)size;
    memcpy(ws->in.receiver.pong, data, size);
    twc_ws_put_pong(core, slot, ws);
  }
  tw_event *event = twc_event_make(core, slot, opcode == TW_WS_PING ? TW_EVENT_PING : TW_EVENT_PONG);
  event->data = (uint32_t)(data - core->arena);
  event->size = size;
}

/* A control frame's payload is collected if it comes in pieces; its event points to the collection, so nothing further
 * may be received before that event has been drained. */
static void collect_control(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  tw_ws_receiver *in = &ws->in.receiver;
  if (in->control_size == 0 && size == in->payload_left) {
    take_control(core, slot, ws, data, size);
    return;
  }
  memcpy(in->control + in->control_size, data, size);
  in->control_size = (uint8_t)(in->control_size + size);
  in->payload_left -= size;
  if (in->payload_left == 0) {
    take_control(core, slot, ws, in->control, in->control_size);
    twc_events_seal(core);
  }
}

/* The header is whole and its parts are right. `data` is where the payload will begin. */
static void begin_payload(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data) {
  tw_ws_receiver *in = &ws->in.receiver;
  uint64_t length;
  uint32_t fault = length_fault(in, &length);
  if (fault != 0) {
    broken(core, slot, ws, fault);
    return;
  }
  if (!is_control(in)) {
    bool goes_on = opcode_of(in) == TW_WS_CONTINUATION;
    uint32_t before = goes_on ? in->message_size : 0;
    in->fragments = goes_on ? in->fragments + 1 : 1;
    /* RFC 6455 10.4: what a message may take is bounded before it is there. */
    if (before > ws->max_message || length > ws->max_message - before || in->fragments > ws->max_fragments) {
      ws->fault = length >> 53 != 0 ? TW_WS_FAULT_HUGE : in->fragments > ws->max_fragments ? TW_WS_FAULT_FRAGMENTS : 0;
      twc_ws_end(core, slot, ws, TW_ERR_WS_TOO_BIG);
      return;
    }
    if (!in->in_message) {
      if (core->peers != NULL && !core->peers->message(core, slot)) {
        twc_ws_end(core, slot, ws, TW_ERR_ADDRESS_LIMIT);
        return;
      }
      in->in_message = true;
      in->text = opcode_of(in) == TW_WS_TEXT;
      in->compressed = is_compressed(in);
      in->reported = false;
      in->utf8 = 0;
    }
    in->message_size = before + (uint32_t)length;
  }
  in->in_payload = true;
  in->phase = 0;
  in->payload_left = (uint32_t)length;
  if (length > 0)
    return;
  if (is_control(in))
    take_control(core, slot, ws, data, 0);
  else
    take_data(core, slot, ws, data, 0);
}

static uint32_t take_header(tw_core *core, tw_slot *slot, tw_ws *ws, const uint8_t *data, uint32_t size) {
  tw_ws_receiver *in = &ws->in.receiver;
  for (uint32_t at = 0; at < size;) {
    in->header[in->header_size++] = data[at++];
    uint32_t fault = in->header_size == 1   ? first_byte_fault(ws, in)
                     : in->header_size == 2 ? second_byte_fault(ws, in)
                                            : 0;
    if (fault != 0) {
      broken(core, slot, ws, fault);
      return at;
    }
    if (in->header_size >= 2 && in->header_size == header_size(in)) {
      in->header_size = 0;
      begin_payload(core, slot, ws, data + at);
      return at;
    }
  }
  return size;
}

uint32_t twc_ws_frames(tw_core *core, tw_slot *slot, tw_ws *ws, uint8_t *data, uint32_t size) {
  tw_ws_receiver *in = &ws->in.receiver;
  uint32_t at = 0;
  while (at < size && !ws->deaf && twc_events_room(core) > 0) {
    if (!in->in_payload) {
      at += take_header(core, slot, ws, data + at, size - at);
      continue;
    }
    uint32_t part = size - at < in->payload_left ? size - at : in->payload_left;
    unmask(ws, in, data + at, part);
    if (is_control(in))
      collect_control(core, slot, ws, data + at, part);
    else
      take_data(core, slot, ws, data + at, part);
    at += part;
  }
  return ws->deaf ? size : at;
}

/* The value that goes with a fault: it is still in the header. */
static uint32_t fault_value(const tw_ws *ws) {
  const tw_ws_receiver *in = &ws->in.receiver;
  switch (ws->fault) {
  case TW_WS_FAULT_OPCODE:
    return opcode_of(in);
  case TW_WS_FAULT_CONTROL_LENGTH:
    return in->header[1] & LENGTH;
  case TW_WS_FAULT_MASK:
    return ws->server;
  case TW_WS_FAULT_CLOSE_CODE:
    return ws->fault_code;
  default:
    return 0;
  }
}

int32_t twc_ws_fault(tw_core *core, int32_t handle) {
  const tw_slot *slot = twc_slot_find(core, handle);
  if (slot == NULL || slot->kind != TW_KIND_WS || slot->web_socket == 0)
    return TW_ERR_HANDLE;
  const tw_ws *ws = twc_ws_of(core, slot);
  return (int32_t)((uint32_t)ws->fault << 16 | fault_value(ws));
}
