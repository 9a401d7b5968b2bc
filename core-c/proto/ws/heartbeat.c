/* heartbeat.c: whether the peer still lives. TCP does not report one that has vanished until something is sent, and
 * then late. The state's timer is free while a connection is open; this is what it serves then. */
#include "proto/ws/ws.h"
#include "src/life.h"

static uint32_t now_of(const tw_core *core) { return (uint32_t)core->now; }

static void begin(tw_core *core, tw_slot *slot, tw_ws *ws) {
  ws->received_at = now_of(core);
  ws->asked = false;
  if (ws->heartbeat_ms > 0)
    twc_timer_arm(core, slot, ws->heartbeat_ms);
  else
    twc_timer_disarm(core, slot);
}

static void refresh(tw_core *core, tw_slot *slot, tw_ws *ws) {
  ws->received_at = now_of(core);
  if (ws->asked && slot->state == TW_STATE_OPEN)
    begin(core, slot, ws);
}

static void due(tw_core *core, tw_slot *slot, tw_ws *ws) {
  if ((slot->flags & TW_SLOT_STOPPED) != 0) { /* we do not read: silence says nothing */
    begin(core, slot, ws);
    return;
  }
  if (ws->asked) {
    tw_end end = {.error = TW_ERR_HEARTBEAT, .step = TW_STEP_RECEIVE, .close_code = TW_WS_ABNORMAL};
    twc_life_drop(core, slot, &end);
    return;
  }
  uint32_t silence = now_of(core) - ws->received_at;
  if (silence < ws->heartbeat_ms) { /* the timer is not touched for each byte that comes */
    twc_timer_arm(core, slot, ws->heartbeat_ms - silence);
    return;
  }
  uint32_t ping = twc_ws_frame_size(ws, 0);
  if (twc_tx_fits(core, slot, ping) || twc_tx_fits_reserve(core, slot, ping)) {
    twc_ws_put_frame(core, slot, ws, TW_WS_FIN | TW_WS_PING, NULL, 0);
  } else if (slot->tx.size == 0) { /* others hold all there is: this peer can't answer what we can't ask */
    twc_timer_arm(core, slot, ws->heartbeat_ms);
    return;
  } /* else there is traffic that the peer does not read: as good a question as a ping */
  ws->asked = true;
  twc_timer_arm(core, slot, ws->patience_ms);
}

static const tw_ws_heartbeat_ops beats = {
    .begin = begin,
    .refresh = refresh,
    .due = due,
};

int32_t twc_ws_set_heartbeat(tw_core *core, int32_t handle, uint32_t interval_ms, uint32_t timeout_ms) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (interval_ms > 0 && timeout_ms == 0)
    return TW_ERR_ARGUMENT;
  tw_ws *ws = twc_ws_of(core, slot);
  core->heartbeat = &beats;
  ws->heartbeat_ms = interval_ms;
  ws->patience_ms = timeout_ms;
  if (slot->state == TW_STATE_OPEN && !ws->deaf)
    begin(core, slot, ws);
  return 0;
}
