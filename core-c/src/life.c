/* life.c: the states of a connection, deferred ends, reconnecting. */
#include "src/life.h"

#include "src/peers.h"

static void enter(tw_core *core, tw_slot *slot, uint32_t state) {
  slot->state = (uint8_t)state;
  switch (state) {
  case TW_STATE_CONNECTING:
    twc_timer_arm(core, slot, core->limits.connectTimeoutMs);
    break;
  case TW_STATE_OPEN:
    slot->flags |= TW_SLOT_CONNECTED;
    slot->phase = TW_PHASE_OPEN;
    slot->delay_index = 0;
    twc_timer_disarm(core, slot);
    break;
  case TW_STATE_CLOSING:
    slot->refused = 0; /* the application sends no more */
    twc_timer_arm(core, slot, core->limits.closeTimeoutMs);
    break;
  case TW_STATE_WAITING:
    if (!core->network_down)
      twc_timer_arm(core, slot, twc_life_retry_ms(slot, false));
    else
      twc_timer_disarm(core, slot); /* until twc_life_network */
    if (slot->delay_index + 1 < slot->delay_count)
      slot->delay_index++;
    break;
  default:
    twc_timer_disarm(core, slot);
    break;
  }
  twc_socket_update_reading(core, slot); /* a pause begins with OPEN and ends with CLOSING */
  twc_life_review(core, slot);
}

/* ---- Deferred ends ------------------------------------------------------------------------------------------- */

/* Whether the application may still have to answer to what came in front of the end, and can. */
static bool is_held_back(const tw_core *core, const tw_slot *slot) {
  if (slot->state != TW_STATE_OPEN || (slot->flags & TW_SLOT_SOCKET) == 0 ||
      !twc_timer_is_set(&core->timers, twc_slot_index(core, slot)))
    return false;
  return (slot->flags & TW_SLOT_PAUSED) != 0 || slot->refused > 0 || (slot->window > 0 && slot->unread > 0);
}

int32_t twc_life_review(tw_core *core, tw_slot *slot) {
  if (slot->deferred == 0 || is_held_back(core, slot))
    return 0;
  twc_slot_queue(core, &core->deferred, slot);
  return 1;
}

void twc_life_defer(tw_core *core, tw_slot *slot, int32_t why) {
  slot->deferred = (int16_t)why;
  if (slot->state == TW_STATE_OPEN)
    twc_timer_arm(core, slot, core->limits.closeTimeoutMs);
  twc_life_review(core, slot);
}

void twc_life_carry_out(tw_core *core) {
  while (core->deferred_due != TW_QUEUE_END && twc_events_room(core) > 0) {
    uint32_t index = twc_queue_pop(&core->deferred);
    if (index == core->deferred_due)
      core->deferred_due = TW_QUEUE_END;
    tw_slot *slot = &core->slots[index];
    if (slot->raised != 0) { /* events in front of it are not records yet: not before the next flush */
      twc_life_review(core, slot);
    } else if (slot->deferred != 0 && !is_held_back(core, slot)) {
      int32_t why = slot->deferred;
      slot->deferred = 0;
      slot->protocol->end(core, slot, why);
      if (slot->state == TW_STATE_CLOSING && (slot->flags & TW_SLOT_SOCKET) == 0) /* it was lost in the meantime */
        slot->protocol->closed(core, slot, 0, TW_STEP_RECEIVE);
    }
  }
}

void twc_life_accepted(tw_core *core, tw_slot *slot) { enter(core, slot, TW_STATE_CONNECTING); }

int32_t twc_life_open(tw_core *core, tw_slot *slot) {
  enter(core, slot, TW_STATE_CONNECTING);
  int32_t error = slot->protocol->start(core, slot);
  if (error == 0)
    return twc_slot_handle(core, slot);
  twc_slot_discard(core, slot);
  return error;
}

void twc_life_ready(tw_core *core, tw_slot *slot) {
  if (slot->kind != TW_KIND_LISTENER) /* which counts what it accepts */
    slot->stats.connects++;
  enter(core, slot, TW_STATE_OPEN);
  twc_event_raise(core, slot, TW_RAISED_CONNECTED);
}

void twc_life_closing(tw_core *core, tw_slot *slot) { enter(core, slot, TW_STATE_CLOSING); }

uint32_t twc_life_retry_ms(const tw_slot *slot, bool final) {
  const uint32_t matter = TW_SLOT_RECONNECT | TW_SLOT_RELEASED | TW_SLOT_ACCEPTED;
  bool again = !final && (slot->flags & matter) == TW_SLOT_RECONNECT;
  return again ? slot->delays_ms[slot->delay_index] : TW_FOREVER;
}

void twc_life_drop(tw_core *core, tw_slot *slot, const tw_end *end) {
  twc_reader_end(core, slot);
  twc_socket_close(core, slot, end->clean || end->orderly ? TW_CLOSE_ORDERLY : TW_CLOSE_ABORT);
  slot->deferred = 0;
  if (core->peers != NULL)
    core->peers->left(core, slot);
  twc_deadline_arm(core, slot, TW_DEADLINE_READ, 0);
  twc_deadline_arm(core, slot, TW_DEADLINE_WRITE, 0);
  uint32_t unsent = twc_tx_drop(core, slot);
  core->unfinished -= slot->unfinished;
  slot->unfinished = 0;
  uint32_t retry_ms = twc_life_retry_ms(slot, end->final);
  bool connected = (slot->flags & TW_SLOT_CONNECTED) != 0;
  bool released = (slot->flags & TW_SLOT_RELEASED) != 0;
  slot->flags &= ~(uint32_t)TW_SLOT_CONNECTED;

  if (end->error != 0 && !released)
    twc_event_raise_error(core, slot, end, retry_ms);
  if (connected || (retry_ms == TW_FOREVER && !released)) {
    slot->end_code = end->close_code;
    slot->end_flags = end->clean ? TW_FLAG_CLEAN : 0;
    slot->end_unsent = unsent;
    slot->end_retry_ms = retry_ms;
    twc_event_raise(core, slot, TW_RAISED_DISCONNECTED);
  }

  enter(core, slot, retry_ms == TW_FOREVER ? TW_STATE_CLOSED : TW_STATE_WAITING);
  if (released)
    twc_slot_retire(core, slot);
}

void twc_life_expired(tw_core *core, tw_slot *slot, const tw_end *timeout) {
  if (slot->state != TW_STATE_WAITING) {
    twc_life_drop(core, slot, timeout);
    return;
  }
  enter(core, slot, TW_STATE_CONNECTING);
  int32_t error = slot->protocol->start(core, slot);
  if (error == 0)
    return;
  tw_end end = {.error = error, .step = TW_STEP_OPEN, .close_code = timeout->close_code};
  twc_life_drop(core, slot, &end);
}

void twc_life_close(tw_core *core, tw_slot *slot, int32_t close_code) {
  tw_end end = {.close_code = close_code};
  twc_life_drop(core, slot, &end);
}

void twc_life_stop_waiting(tw_core *core, tw_slot *slot) {
  if (slot->state == TW_STATE_WAITING)
    enter(core, slot, TW_STATE_CLOSED);
}

/* Slots that were never taken are not looked at: nothing has been written to them. */
static void review_waiting(tw_core *core, uint32_t first, uint32_t end) {
  for (uint32_t i = first; i < end; i++) {
    tw_slot *slot = &core->slots[i];
    if (slot->kind == 0 || slot->state != TW_STATE_WAITING)
      continue;
    if (core->network_down)
      twc_timer_disarm(core, slot);
    else
      twc_timer_arm(core, slot, 0);
  }
}

void twc_life_network(tw_core *core) {
  review_waiting(core, 0, core->socket_slots.fresh);
  review_waiting(core, core->limits.sockets, core->web_socket_slots.fresh);
}
