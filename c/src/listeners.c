/* listeners.c: who listens to what. One table serves all handles; a handle has a list in it. */
#include <string.h>

#include "easy.h"

static const struct {
  const char *name;
  uint32_t kinds;
  uint32_t shape;
} events[TW_EASY_EVENTS] = {
#define EVENT(type, name, kinds, shape) {name, kinds, shape},
    TW_EASY_NET_EVENTS(EVENT) TW_EASY_WS_EVENTS(EVENT)
#undef EVENT
};

static bool same_text(const char *a, const char *b) {
  while (*a != 0 && *a == *b)
    a++, b++;
  return *a == *b;
}

/* The event of a handle that has this name and shape; TW_EASY_EVENTS if there is none. */
static uint32_t find_event(const tw_easy_slot *slot, const char *name, uint32_t shape) {
  for (uint32_t i = 0; name != NULL && i < TW_EASY_EVENTS; i++)
    if ((events[i].kinds & 1u << slot->kind) != 0 && same_text(events[i].name, name))
      return events[i].shape == shape ? i : TW_EASY_EVENTS;
  return TW_EASY_EVENTS;
}

static uint32_t take_entry(tw_easy *easy) {
  uint32_t index = easy->free_entry;
  if (index != TW_EASY_NONE)
    easy->free_entry = easy->entries[index].next;
  else if (easy->fresh_entry < easy->entry_count)
    index = easy->fresh_entry++;
  return index;
}

static void free_entry(tw_easy *easy, uint32_t index) {
  easy->entries[index].next = easy->free_entry;
  easy->free_entry = index;
}

static void append(tw_easy *easy, tw_easy_slot *slot, uint32_t index) {
  uint32_t *link = &slot->first;
  while (*link != TW_EASY_NONE)
    link = &easy->entries[*link].next;
  *link = index;
}

int32_t tw_easy_on(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener, void *ctx) {
  tw_easy *easy = tw_easy_current();
  tw_easy_slot *slot = tw_easy_owned(easy, handle, kinds);
  if (slot == NULL)
    return TW_NONE;
  uint32_t found = find_event(slot, event, shape);
  if (found == TW_EASY_EVENTS)
    return tw_easy_refuse(TW_ERR_EVENT);
  if (listener == NULL)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  uint32_t index = take_entry(easy);
  if (index == TW_EASY_NONE)
    return tw_easy_refuse(TW_ERR_MEMORY);
  easy->entries[index] = (tw_easy_entry){.call = listener, .ctx = ctx, .next = TW_EASY_NONE, .event = (uint8_t)found};
  append(easy, slot, index);
  return 0;
}

/* Takes those out of a list that were taken off while it was walked. */
static void close_holes(tw_easy *easy, tw_easy_slot *slot) {
  slot->holes = false;
  for (uint32_t *link = &slot->first; *link != TW_EASY_NONE;) {
    uint32_t index = *link;
    if (easy->entries[index].call != NULL) {
      link = &easy->entries[index].next;
      continue;
    }
    *link = easy->entries[index].next;
    free_entry(easy, index);
  }
}

int32_t tw_easy_off(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener) {
  tw_easy *easy = tw_easy_current();
  tw_easy_slot *slot = tw_easy_owned(easy, handle, kinds);
  if (slot == NULL)
    return TW_NONE;
  uint32_t found = find_event(slot, event, shape);
  if (found == TW_EASY_EVENTS)
    return tw_easy_refuse(TW_ERR_EVENT);
  tw_easy_entry *latest = NULL;
  for (uint32_t index = slot->first; index != TW_EASY_NONE; index = easy->entries[index].next)
    if (easy->entries[index].event == found && easy->entries[index].call == listener)
      latest = &easy->entries[index];
  if (latest == NULL || listener == NULL)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  latest->call = NULL;
  if (easy->telling)
    slot->holes = true; /* one of its listeners may be running: the list stays as it is until the event is told */
  else
    close_holes(easy, slot);
  return 0;
}

void tw_easy_forget(tw_easy *easy, tw_easy_slot *slot) {
  while (slot->first != TW_EASY_NONE) {
    uint32_t index = slot->first;
    slot->first = easy->entries[index].next;
    free_entry(easy, index);
  }
  slot->holes = false;
}

static void call_one(tw_listener call, void *ctx, tw_easy_event event, const void *data) {
  switch (event) {
#define CALL(type, name, kinds, shape)                                                                                 \
  case TW_EASY_##type:                                                                                                 \
    ((void (*)(const type *, void *))call)(data, ctx);                                                                 \
    return;
    TW_EASY_NET_EVENTS(CALL)
    TW_EASY_WS_EVENTS(CALL)
#undef CALL
  case TW_EASY_EVENTS:
    return;
  }
}

uint32_t tw_easy_call(tw_easy *easy, tw_easy_slot *slot, tw_easy_event event, const void *data) {
  int32_t handle = slot->handle;
  uint32_t last = TW_EASY_NONE; /* what is added meanwhile comes behind it, and counts from the next event on */
  for (uint32_t index = slot->first; index != TW_EASY_NONE; index = easy->entries[index].next)
    last = index;
  uint32_t called = 0;
  for (uint32_t index = slot->first; index != TW_EASY_NONE; index = easy->entries[index].next) {
    tw_easy_entry entry = easy->entries[index];
    if (entry.event == event && entry.call != NULL) {
      called++;
      call_one(entry.call, entry.ctx, event, data);
      if (slot->handle != handle)
        return called; /* it was closed, and its place taken by another */
    }
    if (index == last)
      break;
  }
  if (slot->holes)
    close_holes(easy, slot);
  return called;
}
