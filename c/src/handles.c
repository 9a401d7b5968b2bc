/* handles.c: the memory of the handle API, and its handles from opening until the core forgets them. */
#include "handles.h"

#include <string.h>

enum { ALIGN = 16, MAX_LISTENERS = 1000000, MAX_MESSAGE_SIZE = 16 * 1024 * 1024, LARGEST = 0x40000000 };

/* ---- Setting up ---------------------------------------------------------------------------------------------- */

typedef struct layout {
  size_t slots;
  size_t joins;
  size_t entries;
  size_t messages;
  size_t size;
} layout;

static size_t take(layout *it, size_t count, size_t size) {
  size_t at = it->size;
  it->size = (at + count * size + ALIGN - 1) / ALIGN * ALIGN;
  return at;
}

static bool lay_out(const tw_limits *limits, const tw_handles_options *options, layout *it) {
  if (twc_need(limits) == 0 || options->listeners == 0 || options->listeners > MAX_LISTENERS ||
      options->message_size > MAX_MESSAGE_SIZE)
    return false;
  if (options->message_size > 0 && limits->webSockets > LARGEST / options->message_size)
    return false;
  *it = (layout){0};
  take(it, 1, sizeof(tw_handles));
  it->slots = take(it, (size_t)limits->sockets + limits->webSockets, sizeof(tw_handles_slot));
  it->joins = take(it, limits->webSockets, sizeof(tw_handles_join));
  it->entries = take(it, options->listeners, sizeof(tw_handles_entry));
  it->messages = take(it, limits->webSockets, options->message_size);
  return true;
}

size_t tw_handles_need(const tw_limits *limits, const tw_handles_options *options) {
  layout it;
  return lay_out(limits, options, &it) ? it.size : 0;
}

tw_handles *tw_handles_init(void *memory, size_t size, const tw_limits *limits, const tw_handles_options *options,
                            tw_core *core, const tw_handles_host *host) {
  layout it;
  if (!lay_out(limits, options, &it) || size < it.size || memory == NULL || (uintptr_t)memory % ALIGN != 0 ||
      core == NULL || host->now_ms == NULL)
    return NULL;
  char *base = memory;
  tw_handles *handles = memory;
  *handles = (tw_handles){.core = core,
                          .host = *host,
                          .sockets = limits->sockets,
                          .slot_count = limits->sockets + limits->webSockets,
                          .entry_count = options->listeners,
                          .join_count = limits->webSockets,
                          .max_message = limits->maxMessage,
                          .max_unfinished = limits->maxUnfinished,
                          .recv_buffer = limits->recvBuffer,
                          .send_buffer = limits->sendBuffer,
                          .slots = (void *)(base + it.slots),
                          .joins = (void *)(base + it.joins),
                          .entries = (void *)(base + it.entries),
                          .messages = base + it.messages,
                          .message_size = options->message_size,
                          .next_call = TW_HANDLES_NONE,
                          .free_entry = TW_HANDLES_NONE,
                          .free_join = TW_HANDLES_NONE,
                          .leaving = TW_HANDLES_NONE};
  memset(handles->slots, 0, handles->slot_count * sizeof *handles->slots);
  return handles;
}

static void forget_slot(tw_handles *handles, tw_handles_slot *slot);

void tw_handles_release(tw_handles *handles) {
  for (uint32_t i = 0; i < handles->slot_count; i++)
    if (handles->slots[i].handle != 0)
      forget_slot(handles, &handles->slots[i]);
  if (handles->codec_ops != NULL)
    handles->codec_ops->release_codecs(handles);
}

void *tw_handles_resize(tw_handles *handles, void *memory, size_t size) {
  return handles->host.resize == NULL ? NULL : handles->host.resize(handles->host.host, memory, size);
}

/* ---- Results ------------------------------------------------------------------------------------------------- */

int32_t tw_handles_result(int32_t result) { return result < 0 ? tw_handles_refuse(result) : result; }

uint32_t tw_handles_length(const char *text, uint32_t most) {
  uint32_t size = 0;
  while (text != NULL && size <= most && text[size] != 0)
    size++;
  return size;
}

int32_t tw_handles_text(int32_t size, char *text) {
  text[size < 0 ? 0 : size] = 0;
  return size == TW_ERR_STATE ? 0 : tw_handles_result(size);
}

/* ---- Handles ------------------------------------------------------------------------------------------------- */

/* The low 15 bits of a handle are the index of its slot, the others its generation: so the whole number is compared. */
tw_handles_slot *tw_handles_find(tw_handles *handles, int32_t handle) {
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (handle <= 0 || index >= handles->slot_count || handles->slots[index].handle != handle)
    return NULL;
  return &handles->slots[index];
}

tw_handles_slot *tw_handles_owned(tw_handles *handles, int32_t handle, uint32_t kinds) {
  tw_handles_slot *slot = handles == NULL ? NULL : tw_handles_find(handles, handle);
  if (slot != NULL && !slot->released && (kinds & 1u << slot->kind) != 0)
    return slot;
  tw_handles_refuse(handles == NULL ? TW_ERR_STATE : TW_ERR_HANDLE);
  return NULL;
}

tw_handles_join *tw_handles_join_of(const tw_handles *handles, const tw_handles_slot *slot) {
  return &handles->joins[slot->join];
}

/* There is a place for each WebSocket that the core can have. */
void tw_handles_take_join(tw_handles *handles, tw_handles_slot *slot) {
  uint32_t place = handles->free_join;
  if (place != TW_HANDLES_NONE)
    handles->free_join = handles->joins[place].next_free;
  else
    place = handles->fresh_join++;
  slot->join = place;
  tw_handles_join *join = &handles->joins[place];
  *join = (tw_handles_join){0};
  if (handles->message_size > 0 && handles->host.resize == NULL) {
    join->lent = true;
    join->buffer = handles->messages + (size_t)place * handles->message_size;
    join->room = handles->message_size;
  }
}

/* All that a slot has. */
static void forget_slot(tw_handles *handles, tw_handles_slot *slot) {
  tw_handles_forget(handles, &slot->first);
  if (tw_handles_is_web_socket(slot)) {
    tw_handles_drop_message(handles, slot);
    tw_handles_join *join = tw_handles_join_of(handles, slot);
    if (join->codec != NULL)
      handles->codec_ops->forget_codec(handles, join->codec);
    join->next_free = handles->free_join;
    handles->free_join = slot->join;
  }
  if (slot->server != NULL)
    handles->server_ops->forget(handles, slot);
}

int32_t tw_handles_add(tw_handles *handles, int32_t handle, uint32_t kind, const tw_tls_options *tls) {
  tw_handles_slot *slot = &handles->slots[(uint32_t)handle & TW_HANDLE_INDEX];
  if (slot->handle != 0)
    forget_slot(handles, slot);
  if (!slot->listed)
    handles->open++; /* else the handle that had the place is gone, and was not yet counted off */
  *slot = (tw_handles_slot){.handle = handle,
                            .first = TW_HANDLES_NONE,
                            .next_leaving = slot->next_leaving,
                            .listed = slot->listed,
                            .kind = (uint8_t)kind,
                            .tls = tls};
  if (tw_handles_is_web_socket(slot))
    tw_handles_take_join(handles, slot);
  if (handles->host.opened != NULL)
    handles->host.opened(handles->host.host, handle, kind);
  return handle;
}

void tw_handles_leave(tw_handles *handles, tw_handles_slot *slot) {
  slot->released = true;
  if (slot->listed)
    return;
  slot->listed = true;
  slot->next_leaving = handles->leaving;
  handles->leaving = (uint32_t)(slot - handles->slots);
}

void tw_handles_sweep(tw_handles *handles) {
  for (uint32_t *link = &handles->leaving; *link != TW_HANDLES_NONE;) {
    tw_handles_slot *slot = &handles->slots[*link];
    if (slot->released && twc_state(handles->core, slot->handle) >= 0) {
      link = &slot->next_leaving;
      continue;
    }
    *link = slot->next_leaving;
    slot->listed = false;
    if (!slot->released)
      continue; /* its place was taken by another */
    handles->open--;
    forget_slot(handles, slot);
    slot->handle = 0;
  }
}

uint32_t tw_handles_open_handles(tw_handles *handles) {
  if (!handles->delivering && handles->leaving != TW_HANDLES_NONE) {
    uint32_t waiting = handles->waiting;
    handles->waiting = 0;
    tw_handles_deliver(handles, waiting);
    tw_handles_deliver(handles,
                       twc_pump(handles->core)); /* the core forgets a handle when its last records have been drained */
    tw_handles_sweep(handles);
  }
  return handles->open;
}

const tw_tls_options *tw_handles_tls(tw_handles *handles, int32_t handle) {
  tw_handles_slot *slot = tw_handles_find(handles, handle);
  return slot == NULL ? NULL : slot->tls;
}

const tw_keep_alive *tw_handles_keep_alive(tw_handles *handles, int32_t handle) {
  static const tw_keep_alive off;
  tw_handles_slot *slot = tw_handles_find(handles, handle);
  return slot == NULL ? &off : &slot->keep_alive;
}

bool tw_handles_accepted(tw_handles *handles, int32_t handle) {
  tw_handles_slot *slot = tw_handles_find(handles, handle);
  return slot != NULL && slot->accepted;
}

int32_t tw_handles_check_deflate(const tw_handles *handles, const tw_ws_deflate_options *options) {
  if (options == NULL)
    return 0;
  return handles->codec_ops == NULL ? TW_ERR_UNSUPPORTED : handles->codec_ops->check_deflate(options);
}
