/* heartbeat.c: whether the peer still lives. TCP does not tell of one that has vanished until something is sent, and
 * then late. The state's timer is free while a connection is open; this is what it serves then. */
#include "proto/ws/ws.h"
#include "src/life.h"

static void arm(tw_core *core, tw_slot *slot, tw_ws *ws, bool asked) {
  ws->heard = false;
  ws->asked = asked;
  tw_timer_arm(core, slot, asked ? ws->patience_ms : ws->heartbeat_ms);
}

static void begin(tw_core *core, tw_slot *slot, tw_ws *ws) {
  if (ws->heartbeat_ms > 0)
    arm(core, slot, ws, false);
  else
    tw_timer_disarm(core, slot);
}

static void due(tw_core *core, tw_slot *slot, tw_ws *ws) {
  bool deaf = (slot->flags & TW_SLOT_STOPPED) != 0; /* we do not read: silence says nothing */
  if (ws->heard || deaf) {
    arm(core, slot, ws, false);
  } else if (ws->asked) {
    tw_end end = {.error = TW_ERR_HEARTBEAT, .step = TW_STEP_RECEIVE, .close_code = TW_WS_ABNORMAL};
    tw_life_drop(core, slot, &end);
  } else {
    /* Without room for it there is traffic that the peer does not read: as good a question as a ping. */
    uint32_t size = tw_ws_frame_size(ws, 0);
    if (tw_tx_fits(core, slot, size))
      tw_ws_put_frame(core, slot, ws, TW_WS_FIN | TW_WS_PING, NULL, 0);
    arm(core, slot, ws, true);
  }
}

static const tw_ws_heartbeat_ops beats = {
    .begin = begin,
    .due = due,
};

int32_t tw_ws_set_heartbeat(tw_core *core, int32_t handle, uint32_t interval_ms, uint32_t timeout_ms) {
  tw_slot *slot = tw_slot_owned(core, handle, TW_KIND_WS);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (interval_ms > 0 && timeout_ms == 0)
    return TW_ERR_ARGUMENT;
  tw_ws *ws = tw_ws_of(core, slot);
  core->heartbeat = &beats;
  ws->heartbeat_ms = interval_ms;
  ws->patience_ms = timeout_ms;
  if (slot->state == TW_STATE_OPEN)
    begin(core, slot, ws);
  return 0;
}
