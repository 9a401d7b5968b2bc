/* frames.c: the receiver of frames, from every state that it can be in, with arbitrary bytes: by induction every stream
 * of frames, on both sides, wherever it is split. What the receiver calls does anything that it may. */
#include "proto/ws/receive.c"

#include "any.h"

enum { BYTES = 3 };

int Frama_C_interval(int least, int most);

static tw_event record;

uint32_t twc_events_room(const tw_core *core) {
  (void)core;
  return any_number;
}
void twc_events_seal(tw_core *core) { core->events_sealed = true; }
tw_event *twc_event_make(tw_core *core, const tw_slot *slot, uint32_t type) {
  (void)core, (void)slot;
  record.type = (uint16_t)type;
  return &record;
}
bool twc_ws_reports(const tw_slot *slot) { return slot->state == TW_STATE_OPEN; }
void twc_ws_end(tw_core *core, tw_slot *slot, tw_ws *ws, int32_t why) {
  (void)core, (void)slot, (void)why;
  ws->deaf = true;
}
void twc_socket_update_reading(tw_core *core, tw_slot *slot) { (void)core, (void)slot; }
uint32_t twc_ascii_prefix(const void *data, size_t size) {
  (void)data;
  return (uint32_t)Frama_C_interval(0, (int)size);
}
int32_t twc_utf8_scan(uint32_t *state, const void *data, size_t size) {
  (void)data;
  *state = any_number;
  return Frama_C_interval(-1, (int)size - 1);
}
bool twc_utf8_valid(const void *data, size_t size) {
  (void)data, (void)size;
  return any_byte != 0;
}
bool twc_ws_code_valid(uint32_t code) { return code >= 3000; }
uint32_t twc_ws_frame_size(const tw_ws *ws, uint32_t size) { return size + (ws->server ? 2 : 6); }
bool twc_tx_fits_reserve(const tw_core *core, const tw_slot *slot, uint32_t size) {
  (void)core, (void)slot, (void)size;
  return any_byte != 0;
}
void twc_tx_owe(tw_core *core, tw_slot *slot, uint32_t size) { (void)core, (void)slot, (void)size; }
void twc_ws_put_frame(tw_core *core, tw_slot *slot, const tw_ws *ws, uint8_t first, const void *payload,
                      uint32_t size) {
  (void)core, (void)slot, (void)ws, (void)first;
  //@ assert payload: size == 0 || \valid_read((uint8_t *)payload + (0 .. size - 1));
  (void)payload, (void)size;
}

static tw_core core;
static tw_slot slot;
static tw_ws ws;
static uint8_t bytes[BYTES];

/* The header of a frame: of a data frame or a control frame, with a length of one of the three forms. */
static void any_header(tw_ws_receiver *in) {
  any_bytes(in->header, sizeof in->header);
  uint32_t form = any_up_to(2);
  bool control = any_up_to(1) == 1;
  uint8_t masked = ws.server ? MASKED : 0;
  in->header[0] = (uint8_t)((control ? CONTROL : 0) | (any_byte & (TW_WS_FIN | TW_WS_RSV1)) |
                            (control ? Frama_C_interval(0, 2) : Frama_C_interval(0, 2)));
  in->header[1] = (uint8_t)(masked | (form == 0 || control ? Frama_C_interval(0, 125) : form == 1 ? 126 : 127));
}

int main(void) {
  tw_ws_receiver *in = &ws.in.receiver;
  core.arena = bytes;
  core.limits.maxUnfinished = any_number;
  core.unfinished = any_number;
  slot.state = any_up_to(1) == 0 ? TW_STATE_OPEN : TW_STATE_CLOSING;
  slot.window = any_number;
  slot.unread = any_number;
  slot.unfinished = any_number;
  ws.server = any_up_to(1) == 1;
  ws.options = any_byte;
  ws.deflate = any_byte;
  ws.max_message = any_number;
  ws.max_fragments = any_number;
  any_header(in);
  in->in_message = any_byte != 0;
  in->text = any_byte != 0;
  in->reported = any_byte != 0;
  in->compressed = any_byte != 0;
  in->phase = (uint8_t)Frama_C_interval(0, 3);
  in->fragments = any_number;
  in->message_size = any_number;
  in->utf8 = any_number;
  in->pong_size = (uint8_t)Frama_C_interval(0, TW_MAX_CONTROL);
  in->in_payload = any_up_to(1) == 1;
  if (in->in_payload) {
    in->header_size = (uint8_t)header_size(in);
    in->control_size = is_control(in) ? (uint8_t)any_up_to(TW_MAX_CONTROL) : 0;
    in->payload_left = is_control(in) ? (uint32_t)Frama_C_interval(0, TW_MAX_CONTROL - in->control_size) : any_number;
  } else {
    in->header_size = (uint8_t)any_up_to(sizeof in->header - 1);
    if (in->header_size >= 2 && in->header_size >= header_size(in))
      return 0; /* then it is whole */
  }
  any_bytes(bytes, BYTES);
  uint32_t used = twc_ws_frames(&core, &slot, &ws, bytes, any_up_to(BYTES));
  //@ assert consumed: used <= BYTES;
  //@ assert header: in->in_payload || ws.deaf || in->header_size < 14;
  return (int)used;
}
