/* calls.c: the application's calls that are the same for every kind of handle. */
#include <string.h>

#include "src/internal.h"
#include "src/life.h"

int32_t twc_close(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  slot->flags |= TW_SLOT_RELEASED;
  slot->protocol->close(core, slot);
  return 0;
}

int32_t twc_abort(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_find(core, handle);
  bool closing = slot != NULL && slot->state == TW_STATE_CLOSING;
  if (slot == NULL || ((slot->flags & TW_SLOT_RELEASED) != 0 && !closing))
    return TW_ERR_HANDLE;
  slot->flags |= TW_SLOT_RELEASED;
  if (slot->kind == TW_KIND_TCP || slot->kind == TW_KIND_WS)
    twc_life_drop(core, slot, &(tw_end){.close_code = slot->kind == TW_KIND_WS ? TW_WS_ABNORMAL : 0});
  else
    slot->protocol->close(core, slot); /* nothing of it takes time */
  return 0;
}

int32_t twc_state(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_find(core, handle);
  return slot == NULL ? TW_ERR_HANDLE : slot->state;
}

int32_t twc_buffered(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  return slot == NULL ? TW_ERR_HANDLE : (int32_t)slot->tx.size;
}

int32_t twc_set_receiving(tw_core *core, int32_t handle, uint32_t on) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL || slot->kind == TW_KIND_LISTENER)
    return TW_ERR_HANDLE; /* a listener receives nothing */
  if (on != 0)
    slot->flags &= ~(uint32_t)TW_SLOT_PAUSED;
  else
    slot->flags |= TW_SLOT_PAUSED;
  twc_socket_update_reading(core, slot);
  return twc_life_review(core, slot);
}

/* Handles that connect, and so can connect again. */
static tw_slot *connecting_slot(tw_core *core, int32_t handle) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  return slot != NULL && (slot->kind == TW_KIND_TCP || slot->kind == TW_KIND_WS) ? slot : NULL;
}

int32_t twc_set_auto_reconnect(tw_core *core, int32_t handle, uint32_t on) {
  tw_slot *slot = connecting_slot(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (on != 0) {
    slot->flags |= TW_SLOT_RECONNECT;
  } else {
    slot->flags &= ~(uint32_t)TW_SLOT_RECONNECT;
    twc_life_stop_waiting(core, slot);
  }
  return 0;
}

int32_t twc_set_reconnect_delays(tw_core *core, int32_t handle, const uint32_t *delays_ms, uint32_t count) {
  tw_slot *slot = connecting_slot(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (count == 0 || count > TW_MAX_DELAYS)
    return TW_ERR_ARGUMENT;
  for (uint32_t i = 0; i < count; i++)
    if (delays_ms[i] == TW_FOREVER)
      return TW_ERR_ARGUMENT;
  if ((slot->flags & TW_SLOT_ACCEPTED) != 0)
    return 0; /* it is never connected again */
  memcpy(slot->delays_ms, delays_ms, count * sizeof *delays_ms);
  slot->delay_count = (uint8_t)count;
  slot->delay_index = 0;
  return 0;
}

int32_t twc_stats(tw_core *core, int32_t handle, tw_stats *stats) {
  tw_slot *slot = twc_slot_find(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  *stats = slot->stats;
  return 0;
}

typedef struct event_binding {
  uint8_t kind;
  uint8_t name_size;
  const char *name;
  uint32_t signature;
} event_binding;

static const event_binding bindings[] = {
#define BINDING(struct_name, kind, name, signature) {kind, sizeof(name) - 1, name, signature},
    TW_EVENTS_LIST(BINDING)
#undef BINDING
};

int32_t twc_bind_event(tw_core *core, int32_t handle, const char *name, uint32_t name_size, uint32_t signature) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  for (size_t i = 0; i < sizeof bindings / sizeof *bindings; i++) {
    const event_binding *binding = &bindings[i];
    if (binding->kind == slot->kind && binding->name_size == name_size && memcmp(binding->name, name, name_size) == 0)
      return binding->signature == signature ? 0 : TW_ERR_EVENT;
  }
  return TW_ERR_EVENT;
}

int32_t twc_address(tw_core *core, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  tw_slot *slot = twc_slot_owned(core, handle, 0);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  if (which > TW_ADDRESS_REMOTE)
    return TW_ERR_ARGUMENT;
  return twc_socket_address(core, slot, which, text, capacity);
}

/* Copies as much of a text as fits. */
static uint32_t append(char *text, uint32_t at, uint32_t capacity, const char *from, uint32_t size) {
  uint32_t room = capacity - at;
  if (size > room)
    size = room;
  memcpy(text + at, from, size);
  return at + size;
}

int32_t twc_target(tw_core *core, int32_t handle, char *text, uint32_t capacity) {
  tw_slot *slot = twc_slot_find(core, handle);
  if (slot == NULL)
    return TW_ERR_HANDLE;
  uint32_t size = slot->target.size < capacity ? slot->target.size : capacity;
  twc_chain_copy(&core->text_pool, &slot->target, 0, text, size);
  if (slot->kind == TW_KIND_WS || (slot->flags & (TW_SLOT_UNIX | TW_SLOT_ACCEPTED)) != 0)
    return (int32_t)size;
  char digits[10];
  size = append(text, size, capacity, ":", 1);
  return (int32_t)append(text, size, capacity, digits, twc_text_decimal(digits, slot->port));
}
