/* frames.c: one step of the receiver of frames on both sides, from every state that it can be in, with arbitrary bytes:
 * by induction every stream of frames that comes byte by byte. What the receiver calls does anything that it may. */
#include "proto/ws/receive.c"

#include "any.h"

enum { SIZE = 1 };

/* The receiver and the bytes lie in the core's arena. */
static struct {
  tw_ws ws;
  uint8_t bytes[SIZE];
} arena;
static tw_core core;
static tw_slot slot;
static tw_event record;
static uint32_t steps;

/* One step: what the next one finds is a state of which the same is proved. */
uint32_t twc_events_room(const tw_core *it) { return (void)it, steps++ == 0; }

void twc_events_seal(tw_core *it) { it->events_sealed = true; }
tw_event *twc_event_make(tw_core *it, const tw_slot *of, uint32_t type) {
  (void)it, (void)of;
  record.type = (uint16_t)type;
  return &record;
}
bool twc_ws_reports(const tw_slot *of) { return (void)of, any_byte != 0; }
void twc_ws_end(tw_core *it, tw_slot *of, tw_ws *ws, int32_t why) {
  (void)it, (void)of, (void)why;
  ws->deaf = true;
}
void twc_socket_update_reading(tw_core *it, tw_slot *of) { (void)it, (void)of; }
size_t twc_ascii_prefix(const uint8_t *data, size_t size) {
  (void)data;
  return (size_t)Frama_C_interval(0, (int)size);
}
int32_t twc_utf8_scan(uint32_t *state, const void *data, uint32_t size) {
  (void)data;
  *state = any_number;
  return Frama_C_interval(-1, (int)size - 1);
}
bool twc_utf8_valid(const void *data, size_t size) { return (void)data, (void)size, any_byte != 0; }
bool twc_ws_code_valid(uint32_t code) { return (void)code, any_byte != 0; }
uint32_t twc_ws_frame_size(const tw_ws *ws, uint32_t size) { return size + (ws->server ? 2 : 6); }
bool twc_tx_fits_reserve(const tw_core *it, const tw_slot *of, uint32_t size) {
  return (void)it, (void)of, (void)size, any_byte != 0;
}
void twc_tx_owe(tw_core *it, tw_slot *of, uint32_t size) { (void)it, (void)of, (void)size; }
void twc_ws_put_frame(tw_core *it, tw_slot *of, const tw_ws *ws, uint8_t first, const void *payload, uint32_t size) {
  (void)it, (void)of, (void)ws, (void)first;
  //@ assert payload: size == 0 || \valid_read((uint8_t *)payload + (0 .. size - 1));
  (void)payload, (void)size;
}
tw_slot *twc_slot_find(tw_core *it, int32_t handle) { return (void)it, (void)handle, NULL; }
tw_ws *twc_ws_of(const tw_core *it, const tw_slot *of) { return (void)it, (void)of, &arena.ws; }

/* A byte whose lower half is `low`. */
#define with_low(low) ((uint8_t)(16 * Frama_C_interval(0, 15) + (low)))

/* The second byte of a header, of each form of length. */
#define any_second_byte(form, masked)                                                                                  \
  ((uint8_t)((masked ? MASKED : 0) + ((form) == 0 ? Frama_C_interval(0, 125) : (form) == 1 ? 126 : 127)))

#define any_bool() (any_byte != 0)

int main(void) {
  tw_ws *ws = &arena.ws;
  tw_ws_receiver *in = &ws->in.receiver;
  core.arena = (uint8_t *)&arena;
  core.limits.maxUnfinished = any_number;
  core.unfinished = any_number;
  slot.state = any_bool() ? TW_STATE_OPEN : TW_STATE_CLOSING;
  slot.window = any_number;
  slot.unread = any_number;
  slot.unfinished = any_number;
  ws->server = any_up_to(1) == 1;
  ws->options = any_byte;
  ws->deflate = any_byte;
  ws->max_message = any_number;
  ws->max_fragments = any_number;
  in->in_message = any_bool();
  in->text = any_bool();
  in->reported = any_bool();
  in->compressed = any_bool();
  in->pong_owed = any_bool();
  in->phase = (uint8_t)Frama_C_interval(0, 3);
  in->fragments = any_number;
  in->message_size = any_number;
  in->utf8 = any_number;
  in->pong_size = (uint8_t)Frama_C_interval(0, TW_MAX_CONTROL);
  any_bytes(in->header, sizeof in->header);
  any_bytes(arena.bytes, SIZE);

  uint32_t size = 1 + any_up_to(SIZE - 1);
  uint8_t *data = arena.bytes + (SIZE - size); /* what is behind the piece is not there */
  in->in_payload = any_up_to(1) == 1;
  in->header_size = in->in_payload ? 0 : (uint8_t)any_up_to(sizeof in->header - 1);
  if (!in->in_payload && in->header_size == 0) {
    data[0] = with_low(any_up_to(OPCODE));
    if (size > 1)
      data[1] = any_second_byte(any_up_to(2), any_up_to(1) == 1);
  } else {
    /* What is there of a header has been found right. */
    uint32_t known = any_up_to(5);
    uint32_t opcode = known < 3 ? known : known - 3 + TW_WS_CLOSE;
    bool control = opcode >= TW_WS_CLOSE;
    in->header[0] = with_low(opcode);
    if (!in->in_payload && in->header_size == 1)
      data[0] = any_second_byte(any_up_to(2), any_up_to(1) == 1);
    else
      in->header[1] = any_second_byte(control ? 0 : any_up_to(2), ws->server);
    if (in->in_payload) {
      uint32_t left = any_up_to(SIZE + 1);
      if (!control) {
        in->payload_left = any_number;
        if (left <= SIZE)
          in->payload_left = left;
        else if (in->payload_left <= SIZE)
          return 0;
      } else if (left <= SIZE) { /* what ends in this piece, behind any number of bytes */
        in->control_size = (uint8_t)Frama_C_interval(0, (int)(TW_MAX_CONTROL - left));
        in->payload_left = left;
      } else {
        in->control_size = (uint8_t)any_up_to(TW_MAX_CONTROL - SIZE - 1);
        in->payload_left = (uint32_t)Frama_C_interval(SIZE + 1, TW_MAX_CONTROL - in->control_size);
      }
    } else if (in->header_size > 1 && in->header_size >= header_size(in))
      return 0;
  }

  uint32_t used = twc_ws_frames(&core, &slot, ws, data, size);
  //@ assert consumed: used <= size;
  //@ assert header: in->header_size < 14;
  uint32_t whole = header_size(in);
  //@ assert unfinished: in->header_size < 2 || in->header_size < whole || ws->deaf;
  if (is_control(in)) {
    //@ assert fits: in->in_payload ==> in->control_size + in->payload_left <= 125;
  }
  return 0;
}
