/* handles.c: the memory of the handle API, and the way from records to listeners. */
#include "handles.h"

#include <string.h>

enum { ALIGN = 16, MAX_LISTENERS = 1000000, MAX_MESSAGE_SIZE = 16 * 1024 * 1024, LARGEST = 0x40000000 };

/* A handle is 15 bits of slot index below its generation; the whole number is compared all the same. */

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

static bool is_web_socket(const tw_handles_slot *slot) { return slot->kind == TW_KIND_WS; }

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
  if (is_web_socket(slot)) {
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
  if (is_web_socket(slot))
    tw_handles_take_join(handles, slot);
  if (handles->host.opened != NULL)
    handles->host.opened(handles->host.host, handle, kind);
  return handle;
}

/* A handle that the application has closed stays known until the core has emitted its last event. */
void tw_handles_leave(tw_handles *handles, tw_handles_slot *slot) {
  slot->released = true;
  if (slot->listed)
    return;
  slot->listed = true;
  slot->next_leaving = handles->leaving;
  handles->leaving = (uint32_t)(slot - handles->slots);
}

/* Forgets the handles that the core has forgotten. */
static void sweep(tw_handles *handles) {
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
    sweep(handles);
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

/* ---- Records ------------------------------------------------------------------------------------------------- */

/* A record may have been made before the application closed the handle: then no retry follows. */
static int32_t retry_of(const tw_handles_slot *slot, const tw_event *record) {
  return slot->released || record->retry_ms == TW_FOREVER ? -1 : (int32_t)record->retry_ms; /* at most a day */
}

static void deliver_end(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  bool clean = (record->flags & TW_FLAG_CLEAN) != 0;
  if (is_web_socket(slot)) {
    tw_handles_drop_message(handles, slot);
    WsDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_handles_call(handles, slot, TW_HANDLES_WsDisconnected, &event);
  } else {
    NetDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_handles_call(handles, slot, TW_HANDLES_NetDisconnected, &event);
  }
  if (slot->server != NULL && slot->accepted && !slot->released && twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot); /* no one else would close what a server has accepted */
}

static void deliver_error(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  uint32_t called;
  int32_t handle = slot->handle;
  if (is_web_socket(slot)) {
    WsError event = {handle, record->code, record->step, retry_of(slot, record), record->detail};
    called = tw_handles_call(handles, slot, TW_HANDLES_WsError, &event);
  } else {
    NetError event = {handle, record->code, record->step, retry_of(slot, record)};
    called = tw_handles_call(handles, slot, TW_HANDLES_NetError, &event);
  }
  if (called == 0 && slot->exchange == NULL && handles->host.unhandled != NULL)
    handles->host.unhandled(handles->host.host, handle, record->code, record->step);
}

void tw_handles_broken(tw_handles *handles, tw_handles_slot *slot, int32_t error, uint32_t close_code) {
  int32_t handle = slot->handle;
  tw_event record = {.handle = handle, .code = error, .step = TW_STEP_RECEIVE, .retry_ms = TW_FOREVER};
  deliver_error(handles, slot, &record);
  if (slot->handle == handle && !slot->released && twc_ws_close(handles->core, handle, close_code, "", 0) == 0)
    tw_handles_leave(handles, slot);
}

int32_t tw_handles_check_deflate(const tw_handles *handles, const tw_ws_deflate_options *options) {
  if (options == NULL)
    return 0;
  return handles->codec_ops == NULL ? TW_ERR_UNSUPPORTED : handles->codec_ops->check_deflate(options);
}

/* A control frame's bytes may lie where a NUL behind them would destroy something: they are copied. */
static void deliver_control(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data) {
  char bytes[TW_MAX_CONTROL + 1];
  memcpy(bytes, data, record->size);
  bytes[record->size] = 0;
  if (record->type == TW_EVENT_CLOSE) {
    WsClosing event = {slot->handle, record->code, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsClosing, &event);
  } else if (record->type == TW_EVENT_PING) {
    WsPing event = {slot->handle, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsPing, &event);
  } else {
    WsPong event = {slot->handle, bytes, record->size};
    tw_handles_call(handles, slot, TW_HANDLES_WsPong, &event);
  }
}

/* Text can be printed as it is: while its event is emitted, a NUL follows it in a byte that the core keeps free. */
static void deliver_data(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  char behind = data[record->size];
  char address[TW_MAX_ADDRESS + 1];
  uint32_t address_size = record->detail < TW_MAX_ADDRESS ? record->detail : TW_MAX_ADDRESS;
  if (record->type == TW_EVENT_DATAGRAM)
    memcpy(address, twc_rx_address(handles->core), address_size);
  address[address_size] = 0;
  data[record->size] = 0;
  if (record->type == TW_EVENT_DATA) {
    NetData event = {data, record->size, slot->handle};
    tw_handles_call(handles, slot, TW_HANDLES_NetData, &event);
  } else {
    NetDatagram event = {data, address, record->port, record->size, slot->handle};
    tw_handles_call(handles, slot, TW_HANDLES_NetDatagram, &event);
  }
  data[record->size] = behind;
}

/* Emits an event whose only field is the handle. */
#define EMIT_PLAIN(handles, slot, type)                                                                                \
  do {                                                                                                                 \
    type event = {(slot)->handle};                                                                                     \
    tw_handles_call((handles), (slot), TW_HANDLES_##type, &event);                                                     \
  } while (0)

static void deliver_state(tw_handles *handles, tw_handles_slot *slot, uint32_t type) {
  if (type == TW_EVENT_CONNECTED && is_web_socket(slot))
    EMIT_PLAIN(handles, slot, WsConnected);
  else if (type == TW_EVENT_CONNECTED)
    EMIT_PLAIN(handles, slot, NetConnected);
  else if (type == TW_EVENT_DRAIN && is_web_socket(slot))
    EMIT_PLAIN(handles, slot, WsDrain);
  else if (type == TW_EVENT_DRAIN)
    EMIT_PLAIN(handles, slot, NetDrain);
  else if (type == TW_EVENT_SECURED)
    EMIT_PLAIN(handles, slot, NetSecured);
  else if (type == TW_EVENT_ENDED)
    EMIT_PLAIN(handles, slot, NetEnded);
}

static void deliver_accepted(tw_handles *handles, const tw_event *record) {
  tw_handles_slot *listener = tw_handles_find(handles, (int32_t)record->detail);
  tw_handles_add(handles, record->handle, TW_KIND_TCP, listener == NULL ? NULL : listener->tls);
  tw_handles_slot *slot = tw_handles_find(handles, record->handle);
  slot->accepted = true;
  if (listener != NULL)
    slot->keep_alive = listener->keep_alive;
  if (listener != NULL && listener->server != NULL) {
    slot->server = listener->server;
    handles->server_ops->accepted(handles, slot);
    return;
  }
  NetAccepted event = {record->handle, (int32_t)record->detail};
  bool received =
      listener != NULL && !listener->released && tw_handles_call(handles, listener, TW_HANDLES_NetAccepted, &event) > 0;
  slot = tw_handles_find(handles, record->handle);
  if (!received && slot != NULL && twc_close(handles->core, record->handle) == 0)
    tw_handles_leave(handles, slot);
}

/* What an endpoint still receives once the application has closed it. */
static bool is_farewell(uint32_t type) { return type == TW_EVENT_CLOSE || type == TW_EVENT_DISCONNECTED; }

static void deliver_one(tw_handles *handles, const tw_event *record) {
  handles->delivered++;
  if (record->type == TW_EVENT_ACCEPTED) {
    deliver_accepted(handles, record);
    return;
  }
  tw_handles_slot *slot = tw_handles_find(handles, record->handle);
  if (slot == NULL || (slot->released && !is_farewell(record->type)))
    return;
  char *data = (char *)handles->core + record->data; /* the core lies at the start of its arena */
  if (slot->exchange != NULL && handles->server_ops->record(handles, slot, record, data))
    return;
  switch (record->type) {
  case TW_EVENT_DISCONNECTED:
    deliver_end(handles, slot, record);
    break;
  case TW_EVENT_DATA:
  case TW_EVENT_DATAGRAM:
    deliver_data(handles, slot, record, data);
    break;
  case TW_EVENT_MESSAGE:
    if (is_web_socket(slot)) /* a host can have made one of a connection that it accepted */
      tw_handles_message(handles, slot, record, data);
    break;
  case TW_EVENT_ERROR:
    deliver_error(handles, slot, record);
    break;
  case TW_EVENT_CLOSE:
  case TW_EVENT_PING:
  case TW_EVENT_PONG:
    deliver_control(handles, slot, record, data);
    break;
  case TW_EVENT_DEADLINE: {
    NetDeadline event = {slot->handle, record->detail};
    tw_handles_call(handles, slot, TW_HANDLES_NetDeadline, &event);
    break;
  }
  default:
    deliver_state(handles, slot, record->type);
    break;
  }
}

void tw_handles_drain(tw_handles *handles, uint32_t count) {
  for (; count > 0; count = twc_pump(handles->core))
    for (uint32_t i = 0; i < count; i++)
      deliver_one(handles, &twc_events(handles->core)[i]);
}

void tw_handles_deliver(tw_handles *handles, uint32_t count) {
  handles->delivering = true;
  tw_handles_drain(handles, count);
  if (handles->settling != NULL || handles->lender != NULL)
    handles->server_ops->settle(handles);
  handles->delivering = false;
}

uint32_t tw_handles_delivered(const tw_handles *handles) { return handles->delivered; }

bool tw_handles_delivering(const tw_handles *handles) { return handles->delivering; }

void tw_handles_touch(tw_handles *handles) {
  if (!handles->delivering && handles->waiting == 0)
    handles->waiting = twc_tick(handles->core, handles->host.now_ms(handles->host.host));
}

void tw_handles_tick(tw_handles *handles) {
  uint32_t waiting = handles->waiting;
  handles->waiting = 0;
  tw_handles_deliver(handles, waiting);
  tw_handles_deliver(handles, twc_tick(handles->core, handles->host.now_ms(handles->host.host)));
  tw_handles_deliver(handles,
                     twc_pump(handles->core)); /* ends that were deferred until the last loop iteration was over */
  sweep(handles);
}

bool tw_handles_flush(tw_handles *handles) {
  return twc_flush(handles->core) != 0 || handles->waiting > 0 || handles->settling != NULL;
}

void tw_handles_failed(tw_handles *handles, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms) {
  tw_handles_slot *slot = tw_handles_find(handles, handle);
  if (slot == NULL || slot->released)
    return;
  tw_event record = {.handle = handle, .code = error, .step = (uint16_t)step, .retry_ms = retry_ms};
  handles->delivered++;
  handles->delivering = true;
  deliver_error(handles, slot, &record);
  handles->delivering = false;
}
