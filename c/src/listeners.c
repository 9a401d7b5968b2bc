/* listeners.c: the listeners of all handles in one table, in which each handle has a list. */
#include <string.h>

#include "handles.h"

static const struct {
  const char *name;
  uint32_t kinds;
  uint32_t shape;
} events[TW_HANDLES_EVENTS] = {
#define EVENT(type, name, kinds, shape) {name, kinds, shape},
    TW_HANDLES_NET_EVENTS(EVENT) TW_HANDLES_WS_EVENTS(EVENT)
#undef EVENT
};

static bool same_text(const char *a, const char *b) {
  while (*a != 0 && *a == *b)
    a++, b++;
  return *a == *b;
}

/* The event of a handle that has this shape, and this name if it is given; TW_HANDLES_EVENTS if there is none. */
static uint32_t find_event(const tw_handles_slot *slot, const char *name, uint32_t shape) {
  for (uint32_t i = 0; i < TW_HANDLES_EVENTS; i++)
    if ((events[i].kinds & 1u << slot->kind) != 0 && events[i].shape == shape)
      return name == NULL || same_text(events[i].name, name) ? i : TW_HANDLES_EVENTS;
  return TW_HANDLES_EVENTS;
}

static uint32_t take_entry(tw_handles *handles) {
  uint32_t index = handles->free_entry;
  if (index != TW_HANDLES_NONE)
    handles->free_entry = handles->entries[index].next;
  else if (handles->fresh_entry < handles->entry_count)
    index = handles->fresh_entry++;
  return index;
}

static void free_entry(tw_handles *handles, uint32_t index) {
  handles->entries[index].next = handles->free_entry;
  handles->free_entry = index;
}

/* Appends behind the listeners that are there. One that is added while they are being called is called from the next
 * event on. */
static void append(tw_handles *handles, tw_handles_slot *slot, uint32_t index) {
  uint32_t *link = &slot->first;
  while (*link != TW_HANDLES_NONE)
    link = &handles->entries[*link].next;
  *link = index;
  handles->entries[index].fresh = slot == handles->calling;
  handles->added = handles->added || slot == handles->calling;
}

int32_t tw_handles_on(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener,
                      void *ctx) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = tw_handles_owned(handles, handle, kinds);
  if (slot == NULL)
    return TW_NONE;
  uint32_t found = find_event(slot, event, shape);
  if (found == TW_HANDLES_EVENTS)
    return tw_handles_refuse(TW_ERR_EVENT);
  if (listener == NULL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  uint32_t index = take_entry(handles);
  if (index == TW_HANDLES_NONE)
    return tw_handles_refuse(TW_ERR_MEMORY);
  handles->entries[index] =
      (tw_handles_entry){.call = listener, .ctx = ctx, .next = TW_HANDLES_NONE, .event = (uint8_t)found};
  append(handles, slot, index);
  return 0;
}

/* Takes an entry out of its list and frees it; the walk that is under way skips it. */
static void remove_entry(tw_handles *handles, uint32_t *link) {
  uint32_t index = *link;
  *link = handles->entries[index].next;
  if (handles->next_call == index)
    handles->next_call = *link;
  free_entry(handles, index);
}

int32_t tw_handles_off(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener,
                       void *ctx) {
  tw_handles *handles = tw_handles_current();
  tw_handles_slot *slot = tw_handles_owned(handles, handle, kinds);
  if (slot == NULL)
    return TW_NONE;
  uint32_t found = find_event(slot, event, shape);
  if (found == TW_HANDLES_EVENTS)
    return tw_handles_refuse(TW_ERR_EVENT);
  uint32_t *latest = NULL;
  for (uint32_t *link = &slot->first; *link != TW_HANDLES_NONE; link = &handles->entries[*link].next)
    if (handles->entries[*link].event == found && handles->entries[*link].call == listener &&
        handles->entries[*link].ctx == ctx)
      latest = link;
  if (latest == NULL || listener == NULL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  remove_entry(handles, latest);
  return 0;
}

void tw_handles_forget(tw_handles *handles, tw_handles_slot *slot) {
  while (slot->first != TW_HANDLES_NONE)
    remove_entry(handles, &slot->first);
}

static void call_one(tw_listener call, void *ctx, tw_handles_event event, const void *data) {
  switch (event) {
#define CALL(type, name, kinds, shape)                                                                                 \
  case TW_HANDLES_##type:                                                                                              \
    ((void (*)(const type *, void *))call)(data, ctx);                                                                 \
    return;
    TW_HANDLES_NET_EVENTS(CALL)
    TW_HANDLES_WS_EVENTS(CALL)
#undef CALL
  case TW_HANDLES_EVENTS:
    return;
  }
}

/* Events that a handle still emits once the application has closed it. */
static bool follows_close(tw_handles_event event) {
  return event == TW_HANDLES_WsClosing || event == TW_HANDLES_WsDisconnected || event == TW_HANDLES_NetDisconnected;
}

uint32_t tw_handles_call(tw_handles *handles, tw_handles_slot *slot, tw_handles_event event, const void *data) {
  uint32_t called = 0;
  handles->calling = slot;
  handles->added = false;
  handles->next_call = slot->first;
  while (handles->next_call != TW_HANDLES_NONE && (!slot->released || follows_close(event))) {
    tw_handles_entry *entry = &handles->entries[handles->next_call];
    handles->next_call = entry->next;
    if (entry->event != event || entry->fresh)
      continue;
    called++;
    call_one(entry->call, entry->ctx, event, data);
  }
  handles->calling = NULL;
  for (uint32_t index = slot->first; handles->added && index != TW_HANDLES_NONE; index = handles->entries[index].next)
    handles->entries[index].fresh = false;
  return called;
}
