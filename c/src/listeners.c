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

/* Appends behind the listeners that are there. One that is added while they are being called is called from the next
 * event on. */
static void append(tw_easy *easy, tw_easy_slot *slot, uint32_t index) {
  uint32_t *link = &slot->first;
  while (*link != TW_EASY_NONE)
    link = &easy->entries[*link].next;
  *link = index;
  easy->entries[index].fresh = slot == easy->calling;
  easy->added = easy->added || slot == easy->calling;
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

/* Takes an entry out of its list and frees it; the walk that is under way skips it. */
static void remove_entry(tw_easy *easy, uint32_t *link) {
  uint32_t index = *link;
  *link = easy->entries[index].next;
  if (easy->next_call == index)
    easy->next_call = *link;
  free_entry(easy, index);
}

int32_t tw_easy_off(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener) {
  tw_easy *easy = tw_easy_current();
  tw_easy_slot *slot = tw_easy_owned(easy, handle, kinds);
  if (slot == NULL)
    return TW_NONE;
  uint32_t found = find_event(slot, event, shape);
  if (found == TW_EASY_EVENTS)
    return tw_easy_refuse(TW_ERR_EVENT);
  uint32_t *latest = NULL;
  for (uint32_t *link = &slot->first; *link != TW_EASY_NONE; link = &easy->entries[*link].next)
    if (easy->entries[*link].event == found && easy->entries[*link].call == listener)
      latest = link;
  if (latest == NULL || listener == NULL)
    return tw_easy_refuse(TW_ERR_ARGUMENT);
  remove_entry(easy, latest);
  return 0;
}

void tw_easy_forget(tw_easy *easy, tw_easy_slot *slot) {
  while (slot->first != TW_EASY_NONE)
    remove_entry(easy, &slot->first);
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

/* Events that a handle still emits once the application has closed it. */
static bool follows_close(tw_easy_event event) {
  return event == TW_EASY_WsClosing || event == TW_EASY_WsDisconnected || event == TW_EASY_NetDisconnected;
}

uint32_t tw_easy_call(tw_easy *easy, tw_easy_slot *slot, tw_easy_event event, const void *data) {
  uint32_t called = 0;
  easy->calling = slot;
  easy->added = false;
  easy->next_call = slot->first;
  while (easy->next_call != TW_EASY_NONE && (!slot->released || follows_close(event))) {
    tw_easy_entry *entry = &easy->entries[easy->next_call];
    easy->next_call = entry->next;
    if (entry->event != event || entry->fresh)
      continue;
    called++;
    call_one(entry->call, entry->ctx, event, data);
  }
  easy->calling = NULL;
  for (uint32_t index = slot->first; easy->added && index != TW_EASY_NONE; index = easy->entries[index].next)
    easy->entries[index].fresh = false;
  return called;
}
