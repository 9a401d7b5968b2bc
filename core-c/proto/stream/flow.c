/* flow.c: flow control of streams: windows, deadlines, half-close, TLS in place. */
#include "proto/stream/stream.h"
#include "src/life.h"

int32_t twc_set_half_open(tw_core *core, int32_t handle, uint32_t on) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (on != 0)
    slot->flags |= TW_SLOT_HALF_OPEN;
  else
    slot->flags &= ~(uint32_t)TW_SLOT_HALF_OPEN;
  return 0;
}

/* Streams, and what is messages over streams. */
static tw_slot *windowed(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  return slot != NULL && (slot->kind == TW_KIND_TCP || slot->kind == TW_KIND_WS) ? slot : NULL;
}

int32_t twc_set_window(tw_core *core, int32_t handle, uint32_t size) {
  tw_slot *slot = windowed(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  slot->window = size;
  twc_socket_update_reading(core, slot);
  return twc_life_review(core, slot);
}

int32_t twc_consumed(tw_core *core, int32_t handle, uint32_t size) {
  tw_slot *slot = windowed(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  slot->unread -= size < slot->unread ? size : slot->unread;
  twc_socket_update_reading(core, slot);
  return twc_life_review(core, slot);
}

int32_t twc_set_deadline(tw_core *core, int32_t handle, uint32_t which, uint32_t ms) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (which == 0 || which > (TW_DEADLINE_READ | TW_DEADLINE_WRITE))
    return TW_ERR_ARGUMENT;
  if (slot->state == TW_STATE_CLOSED)
    return ms == 0 ? 0 : TW_ERR_STATE;
  if ((which & TW_DEADLINE_READ) != 0)
    twc_deadline_arm(core, slot, TW_DEADLINE_READ, ms);
  if ((which & TW_DEADLINE_WRITE) != 0)
    twc_deadline_arm(core, slot, TW_DEADLINE_WRITE, ms);
  return 0;
}

int32_t twc_set_tls(tw_core *core, int32_t handle, uint32_t on) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL || slot->kind == TW_KIND_UDP)
    return TW_ERR_HANDLE;
  if (slot->kind != TW_KIND_LISTENER && slot->state != TW_STATE_CONNECTING)
    return TW_ERR_STATE;
  if (on != 0)
    slot->flags |= TW_SLOT_TLS;
  else if (slot->kind != TW_KIND_WS) /* the URL said wss: it stays so */
    slot->flags &= ~(uint32_t)TW_SLOT_TLS;
  else if ((slot->flags & TW_SLOT_TLS) != 0)
    return TW_ERR_ARGUMENT;
  return 0;
}

int32_t twc_start_tls(tw_core *core, int32_t handle, const char *name, uint32_t name_size) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  const uint32_t busy = TW_SLOT_SECURED | TW_SLOT_ENDED | TW_SLOT_WRITING;
  if (!twc_is_sending(slot) || (slot->flags & busy) != 0 || slot->tx.size > 0)
    return TW_ERR_STATE;
  if (slot->unread > 0)
    return TW_ERR_TLS_BUFFERED;
  if (name_size > 0 && !twc_text_is_host(name, name_size))
    return TW_ERR_ARGUMENT;
  int32_t error = twc_socket_start_tls(core, slot, name, name_size);
  if (error != 0)
    slot->phase = TW_PHASE_OPEN;
  else
    twc_timer_arm(core, slot, core->limits.handshakeTimeoutMs);
  return error;
}

int32_t twc_shutdown(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, TW_KIND_TCP);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (!twc_is_sending(slot))
    return TW_ERR_STATE;
  slot->flags |= TW_SLOT_SHUTDOWN;
  twc_tx_schedule(core, slot); /* the flush ends our half, also with an empty queue */
  return 0;
}
