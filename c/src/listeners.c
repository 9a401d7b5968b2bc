/* listeners.c: the listeners of all handles in one table, in which each handle has a list. */
#include <string.h>

#include "handles.h"

static const struct {
  const char *name;
  uint32_t kinds;
  uint32_t shape;
} events[TW_HANDLES_EVENTS] = {
#define EVENT(type, name, kinds, shape) {name, kinds, shape},
    TW_HANDLES_NET_EVENTS(EVENT) TW_HANDLES_WS_EVENTS(EVENT) TW_HANDLES_HTTP_EVENTS(EVENT)
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

static bool is_for_connections(uint32_t event) { return event >= TW_HANDLES_WsConnected; }

/* The list for an event of a handle: a server's listeners for its connections have one of their own. NULL: a listener
 * that is no server has no such events. */
static uint32_t *list_of(tw_handles_slot *slot, uint32_t event) {
  if (slot->kind != TW_KIND_LISTENER || !is_for_connections(event))
    return &slot->first;
  return slot->server == NULL ? NULL : &slot->server->first;
}

static bool is_calling(const tw_handles *handles, const uint32_t *list) {
  const tw_handles_slot *slot = handles->calling;
  return slot != NULL && (list == &slot->first || (slot->server != NULL && list == &slot->server->first));
}

/* Appends behind the listeners that are there. One that is added while they are being called is called from the next
 * event on. */
static void append(tw_handles *handles, uint32_t *list, uint32_t index) {
  bool fresh = is_calling(handles, list);
  uint32_t *link = list;
  while (*link != TW_HANDLES_NONE)
    link = &handles->entries[*link].next;
  *link = index;
  handles->entries[index].fresh = fresh;
  handles->added = handles->added || fresh;
}

/* Returns the list for an event, named or known by the shape of its struct, and its number; NULL, with the error noted:
 * the handle has no such event. */
static uint32_t *find_list(tw_handles *handles, uint32_t kinds, int32_t handle, const char *event, uint32_t shape,
                           uint32_t *found) {
  tw_handles_slot *slot = tw_handles_owned(handles, handle, kinds);
  if (slot == NULL)
    return NULL;
  *found = find_event(slot, event, shape);
  uint32_t *list = *found == TW_HANDLES_EVENTS ? NULL : list_of(slot, *found);
  if (list == NULL)
    tw_handles_refuse(TW_ERR_EVENT);
  return list;
}

int32_t tw_handles_on(uint32_t kinds, int32_t handle, const char *event, uint32_t shape, tw_listener listener,
                      void *ctx) {
  tw_handles *handles = tw_handles_current();
  uint32_t found;
  uint32_t *list = find_list(handles, kinds, handle, event, shape, &found);
  if (list == NULL)
    return TW_NONE;
  if (listener == NULL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  uint32_t index = take_entry(handles);
  if (index == TW_HANDLES_NONE)
    return tw_handles_refuse(TW_ERR_MEMORY);
  handles->entries[index] =
      (tw_handles_entry){.call = listener, .ctx = ctx, .next = TW_HANDLES_NONE, .event = (uint8_t)found};
  append(handles, list, index);
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
  uint32_t found;
  uint32_t *list = find_list(handles, kinds, handle, event, shape, &found);
  if (list == NULL)
    return TW_NONE;
  uint32_t *latest = NULL;
  for (uint32_t *link = list; *link != TW_HANDLES_NONE; link = &handles->entries[*link].next)
    if (handles->entries[*link].event == found && handles->entries[*link].call == listener &&
        handles->entries[*link].ctx == ctx)
      latest = link;
  if (latest == NULL || listener == NULL)
    return tw_handles_refuse(TW_ERR_ARGUMENT);
  remove_entry(handles, latest);
  return 0;
}

void tw_handles_forget(tw_handles *handles, uint32_t *first) {
  while (*first != TW_HANDLES_NONE)
    remove_entry(handles, first);
}

static void call_one(tw_listener call, void *ctx, tw_handles_event event, const void *data) {
  switch (event) {
#define CALL(type, name, kinds, shape)                                                                                 \
  case TW_HANDLES_##type:                                                                                              \
    ((void (*)(const type *, void *))call)(data, ctx);                                                                 \
    return;
    TW_HANDLES_NET_EVENTS(CALL)
    TW_HANDLES_WS_EVENTS(CALL)
    TW_HANDLES_HTTP_EVENTS(CALL)
#undef CALL
  case TW_HANDLES_EVENTS:
    return;
  }
}

/* Events that a handle still emits once the application has closed it. */
static bool follows_close(tw_handles_event event) {
  return event == TW_HANDLES_WsClosing || event == TW_HANDLES_WsDisconnected || event == TW_HANDLES_NetDisconnected;
}

static uint32_t call_list(tw_handles *handles, const tw_handles_slot *slot, uint32_t first, tw_handles_event event,
                          const void *data) {
  uint32_t called = 0;
  handles->next_call = first;
  while (handles->next_call != TW_HANDLES_NONE && (!slot->released || follows_close(event))) {
    tw_handles_entry *entry = &handles->entries[handles->next_call];
    handles->next_call = entry->next;
    if (entry->event != event || entry->fresh)
      continue;
    called++;
    call_one(entry->call, entry->ctx, event, data);
  }
  return called;
}

static void no_longer_fresh(tw_handles *handles, uint32_t first) {
  for (uint32_t index = first; index != TW_HANDLES_NONE; index = handles->entries[index].next)
    handles->entries[index].fresh = false;
}

uint32_t tw_handles_call(tw_handles *handles, tw_handles_slot *slot, tw_handles_event event, const void *data) {
  const tw_server *server = is_for_connections(event) ? slot->server : NULL;
  handles->calling = slot;
  handles->added = false;
  uint32_t called = call_list(handles, slot, slot->first, event, data);
  if (server != NULL)
    called += call_list(handles, slot, server->first, event, data);
  handles->calling = NULL;
  if (handles->added) {
    no_longer_fresh(handles, slot->first);
    if (server != NULL)
      no_longer_fresh(handles, server->first);
  }
  return called;
}
