/* life.c: how a WebSocket opens, closes and fails, RFC 6455 7. */
#include "src/life.h"

#include <string.h>

#include "proto/ws/ws.h"
#include "src/bytes.h"
#include "src/utf8.h"

tw_ws *twc_ws_of(const tw_core *core, const tw_slot *slot) { return &core->web_sockets[slot->web_socket - 1]; }

tw_ws *twc_ws_take(tw_core *core, tw_slot *slot) {
  uint32_t place = core->free_ws;
  if (place != TW_WS_NONE)
    core->free_ws = core->web_sockets[place].next_free;
  else if (core->fresh_ws < core->limits.webSockets)
    place = core->fresh_ws++;
  else
    return NULL;
  slot->web_socket = place + 1;
  tw_ws *ws = &core->web_sockets[place];
  memset(ws, 0, sizeof *ws);
  twc_chain_init(&ws->headers);
  twc_chain_init(&ws->protocols);
  return ws;
}

static void give_back(tw_core *core, tw_slot *slot) {
  tw_ws *ws = twc_ws_of(core, slot);
  ws->next_free = core->free_ws;
  core->free_ws = slot->web_socket - 1;
  slot->web_socket = 0;
}

bool twc_ws_code_valid(uint32_t code) {
  if (code >= 3000)
    return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static int32_t start(tw_core *core, tw_slot *slot) {
  tw_ws *ws = twc_ws_of(core, slot);
  ws->deaf = false;
  ws->close_sent = ws->close_received = ws->close_owed = ws->sending = false;
  ws->chosen_size = 0;
  ws->deflate = 0;
  char host[TW_MAX_HOST];
  twc_chain_copy(&core->text_pool, &slot->target, ws->url.host, host, ws->url.host_size);
  uint32_t kind = (slot->flags & TW_SLOT_UNIX) != 0 ? TW_SOCKET_UNIX : TW_SOCKET_TCP;
  return twc_socket_open(core, slot, kind, host, ws->url.host_size, ws->url.port);
}

static void connected(tw_core *core, tw_slot *slot) {
  int32_t error = twc_ws_request(core, slot, twc_ws_of(core, slot));
  if (error == 0)
    twc_timer_arm(core, slot, core->limits.handshakeTimeoutMs);
  else if (error != TW_ERR_BACKPRESSURE) /* which `room` ends, or connectTimeoutMs */
    twc_ws_refused(core, slot, error, 0);
}

void twc_ws_ready(tw_core *core, tw_slot *slot, tw_ws *ws) {
  ws->in.receiver = (tw_ws_receiver){.header_size = 0};
  twc_life_ready(core, slot);
  if (ws->heartbeat_ms > 0)
    core->heartbeat->begin(core, slot, ws);
  else
    twc_timer_disarm(core, slot);
}

void twc_ws_init(const tw_core *core, tw_ws *ws) {
  ws->max_message = core->limits.maxMessage;
  ws->max_fragments = core->limits.maxFragments;
}

void twc_ws_adopt(tw_core *core, tw_slot *slot, tw_ws *ws, bool server) {
  twc_ws_init(core, ws);
  ws->server = server;
  slot->kind = TW_KIND_WS;
  slot->protocol = &twc_ws_protocol_ops;
  slot->flags &= ~(uint32_t)TW_SLOT_HALF_OPEN;
  slot->unread = 0;
  twc_socket_update_reading(core, slot);
}

void twc_ws_refused(tw_core *core, tw_slot *slot, int32_t error, uint32_t detail) {
  /* The server understood and will not: asking again would not change its mind. 408 and 429 are about the moment. */
  bool final = error == TW_ERR_WS_REFUSED && detail >= 400 && detail < 500 && detail != 408 && detail != 429;
  tw_end end = {
      .error = error, .step = TW_STEP_HANDSHAKE, .detail = detail, .close_code = TW_WS_ABNORMAL, .final = final};
  twc_life_drop(core, slot, &end);
}

/* What the core itself owed the peer may fit now: the request, a close frame or a pong. */
static void room(tw_core *core, tw_slot *slot) {
  tw_ws *ws = twc_ws_of(core, slot);
  if (ws->close_owed)
    twc_ws_put_close(core, slot, ws, ws->owed_code, NULL, 0);
  else if (slot->state == TW_STATE_OPEN)
    twc_ws_put_pong(core, slot, ws);
  else if (slot->state == TW_STATE_CONNECTING)
    connected(core, slot);
}

/* ---- Receiving ----------------------------------------------------------------------------------------------- */

static uint32_t received(tw_core *core, tw_slot *slot, uint8_t *data, uint32_t size) {
  tw_ws *ws = twc_ws_of(core, slot);
  if (ws->deaf)
    return size;
  if (ws->heartbeat_ms > 0)
    core->heartbeat->refresh(core, slot, ws);
  if (twc_ws_is_agreed(slot))
    return twc_ws_frames(core, slot, ws, data, size);
  if (slot->phase == TW_PHASE_HANDSHAKE && slot->owed == 0) /* the request is queued */
    return twc_ws_answer(core, slot, ws, data, size);
  return size;
}

/* ---- Closing ------------------------------------------------------------------------------------------------- */

/* The end of a connection that was closing: what is reported depends on what the peer has sent. */
static tw_end closing_end(const tw_slot *slot, const tw_ws *ws) {
  return (tw_end){.close_code = ws->close_received ? ws->close_code : TW_WS_ABNORMAL,
                  .clean = ws->close_received && ws->close_sent && slot->tx.size == 0,
                  .final = ws->close_received && ws->close_code == TW_WS_POLICY,
                  .orderly = (slot->flags & TW_SLOT_ENDED) != 0 && slot->tx.size == 0};
}

/* From now on what is queued is written, with a close frame of this code behind it; TW_WS_NO_STATUS: one without a
 * code; 0: none. */
static void begin_closing(tw_core *core, tw_slot *slot, uint32_t code, const char *reason, uint32_t reason_size) {
  tw_ws *ws = twc_ws_of(core, slot);
  if (code != 0)
    twc_ws_put_close(core, slot, ws, code == TW_WS_NO_STATUS ? 0 : code, reason, reason_size);
  if (slot->state == TW_STATE_OPEN)
    twc_life_closing(core, slot);
  twc_ws_await_room(core, slot, ws);
  twc_tx_schedule(core, slot); /* flushed follows even if nothing is left to write */
}

static uint32_t report_close(tw_core *core, tw_slot *slot, tw_ws *ws) {
  const tw_ws_receiver *in = &ws->in.receiver;
  uint32_t code = in->control_size == 0 ? TW_WS_NO_STATUS : twc_load_be16(in->control);
  tw_event *event = twc_event_make(core, slot, TW_EVENT_CLOSE);
  event->code = (int32_t)code;
  if (in->control_size > 2) {
    event->data = (uint32_t)(in->control + 2 - core->arena);
    event->size = in->control_size - 2u;
  }
  ws->close_received = true;
  ws->close_code = (uint16_t)code;
  return code;
}

static uint32_t report_failure(tw_core *core, tw_slot *slot, int32_t error) {
  uint32_t code = error == TW_ERR_WS_PROTOCOL     ? TW_WS_PROTOCOL_ERROR
                  : error == TW_ERR_WS_UTF8       ? TW_WS_INVALID_DATA
                  : error == TW_ERR_WS_TOO_BIG    ? TW_WS_TOO_BIG
                  : error == TW_ERR_OVERLOAD      ? TW_WS_TRY_AGAIN_LATER
                  : error == TW_ERR_ADDRESS_LIMIT ? TW_WS_POLICY
                                                  : 0;
  tw_end end = {.error = error, .step = TW_STEP_RECEIVE, .detail = code};
  if (slot->state == TW_STATE_OPEN || (slot->flags & TW_SLOT_RELEASED) == 0)
    twc_event_raise_error(core, slot, &end, twc_life_retry_ms(slot, false));
  return code;
}

/* RFC 6455 7.1.1: the server closes the TCP connection first (flushed); CLOSING bounds the wait. */
static void end_by_peer(tw_core *core, tw_slot *slot, int32_t why) {
  tw_ws *ws = twc_ws_of(core, slot);
  uint32_t code = why == TW_DEFERRED_CLOSE ? report_close(core, slot, ws) : report_failure(core, slot, why);
  begin_closing(core, slot, code, NULL, 0);
}

bool twc_ws_reports(const tw_slot *slot) {
  return slot->state == TW_STATE_OPEN || (slot->flags & TW_SLOT_RECEIVING) != 0;
}

void twc_ws_end(tw_core *core, tw_slot *slot, tw_ws *ws, int32_t why) {
  ws->deaf = true;
  slot->flags &= ~(uint32_t)TW_SLOT_RECEIVING;
  twc_socket_update_reading(core, slot);
  twc_life_defer(core, slot, why);
}

static void ended(tw_core *core, tw_slot *slot) {
  tw_ws *ws = twc_ws_of(core, slot);
  if (slot->state == TW_STATE_CONNECTING) {
    twc_ws_refused(core, slot, TW_ERR_ENDED, 0);
  } else if (slot->deferred != 0) {
    return; /* flushed looks for it, too */
  } else if (slot->state == TW_STATE_OPEN) {
    twc_ws_end(core, slot, ws, TW_ERR_ENDED);
  } else if (slot->tx.size == 0) { /* else flushed looks for it */
    tw_end end = closing_end(slot, ws);
    twc_life_drop(core, slot, &end);
  }
}

/* A server whose peer broke the protocol ends its half and reads on: closing at once, with bytes unread, would be a
 * reset that can overtake the close frame. */
static void linger(tw_core *core, tw_slot *slot) {
  if ((slot->flags & TW_SLOT_FINISHED) != 0)
    return;
  slot->flags |= TW_SLOT_FINISHED;
  twc_socket_shutdown(core, slot);
}

static void flushed(tw_core *core, tw_slot *slot) {
  const tw_ws *ws = twc_ws_of(core, slot);
  if (slot->deferred != 0)
    return; /* it comes first, and looks here again */
  bool over = (slot->flags & TW_SLOT_ENDED) != 0 || (ws->server && ws->close_sent && ws->close_received);
  if (over) {
    tw_end end = closing_end(slot, ws);
    twc_life_drop(core, slot, &end);
  } else if (ws->server && ws->deaf && ws->close_sent) {
    linger(core, slot);
  } /* else the peer's close frame or its end is still to come */
}

static void closed(tw_core *core, tw_slot *slot, int32_t error, uint32_t step) {
  tw_ws *ws = twc_ws_of(core, slot);
  tw_end end = closing_end(slot, ws);
  if (slot->state != TW_STATE_CLOSING) {
    end.error = error != 0 ? error : TW_ERR_ENDED;
    end.step = slot->state == TW_STATE_OPEN ? step : twc_connect_step(slot);
  }
  twc_life_drop(core, slot, &end);
}

static void expired(tw_core *core, tw_slot *slot) {
  tw_ws *ws = twc_ws_of(core, slot);
  if (slot->state == TW_STATE_OPEN) {
    core->heartbeat->due(core, slot, ws);
    return;
  }
  tw_end timeout = closing_end(slot, ws);
  if (slot->state == TW_STATE_CONNECTING) {
    timeout.error = TW_ERR_TIMEOUT;
    timeout.step = twc_connect_step(slot);
  }
  twc_life_expired(core, slot, &timeout);
}

static void close_with(tw_core *core, tw_slot *slot, uint32_t code, const char *reason, uint32_t reason_size) {
  if (slot->state == TW_STATE_OPEN)
    begin_closing(core, slot, code, reason, reason_size);
  else if (slot->state != TW_STATE_CLOSING)
    twc_life_close(core, slot, TW_WS_ABNORMAL);
}

static void app_close(tw_core *core, tw_slot *slot) { close_with(core, slot, TW_WS_NORMAL, NULL, 0); }

static void retired(tw_core *core, tw_slot *slot) {
  if (slot->web_socket == 0)
    return;
  tw_ws *ws = twc_ws_of(core, slot);
  twc_chain_clear(&core->text_pool, &ws->headers);
  twc_chain_clear(&core->text_pool, &ws->protocols);
  give_back(core, slot);
}

const tw_protocol_ops twc_ws_protocol_ops = {
    .start = start,
    .connected = connected,
    .received = received,
    .ended = ended,
    .closed = closed,
    .flushed = flushed,
    .room = room,
    .expired = expired,
    .close = app_close,
    .end = end_by_peer,
    .retired = retired,
};

int32_t twc_ws_close(tw_core *core, int32_t handle, uint32_t code, const char *reason, uint32_t reason_size) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (code != 0 && !twc_ws_code_valid(code))
    return TW_ERR_ARGUMENT;
  if (reason_size > (code == 0 ? 0 : TW_MAX_REASON) || !twc_utf8_valid(reason, reason_size))
    return TW_ERR_ARGUMENT;
  const tw_ws *ws = twc_ws_of(core, slot);
  if ((ws->options & TW_WS_OPTION_RECEIVE_WHILE_CLOSING) == 0)
    slot->flags |= TW_SLOT_RELEASED;
  else if (slot->state == TW_STATE_OPEN && !ws->deaf)
    slot->flags |= TW_SLOT_RECEIVING;
  close_with(core, slot, code == 0 ? TW_WS_NO_STATUS : code, reason, reason_size);
  return 0;
}
