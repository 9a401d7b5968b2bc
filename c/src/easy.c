/* easy.c: the door's memory, and the way from records to listeners. */
#include "easy.h"

#include <string.h>

enum { ALIGN = 16, MAX_LISTENERS = 1000000, MAX_MESSAGE_SIZE = 16 * 1024 * 1024, LARGEST = 0x40000000 };

/* A handle is 15 bits of slot index below its generation; the whole number is compared all the same. */
enum { INDEX_MASK = 0x7fff };

static struct {
  tw_easy *current;
  int32_t last_error;
} door;

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

static bool lay_out(const tw_limits *limits, const tw_easy_options *options, layout *it) {
  if (twc_need(limits) == 0 || options->listeners == 0 || options->listeners > MAX_LISTENERS ||
      options->message_size > MAX_MESSAGE_SIZE)
    return false;
  if (options->message_size > 0 && limits->webSockets > LARGEST / options->message_size)
    return false;
  *it = (layout){0};
  take(it, 1, sizeof(tw_easy));
  it->slots = take(it, (size_t)limits->sockets + limits->webSockets, sizeof(tw_easy_slot));
  it->joins = take(it, limits->webSockets, sizeof(tw_easy_join));
  it->entries = take(it, options->listeners, sizeof(tw_easy_entry));
  it->messages = take(it, limits->webSockets, options->message_size);
  return true;
}

size_t tw_easy_need(const tw_limits *limits, const tw_easy_options *options) {
  layout it;
  return lay_out(limits, options, &it) ? it.size : 0;
}

tw_easy *tw_easy_init(void *memory, size_t size, const tw_limits *limits, const tw_easy_options *options, tw_core *core,
                      const tw_easy_host *host) {
  layout it;
  if (!lay_out(limits, options, &it) || size < it.size || memory == NULL || (uintptr_t)memory % ALIGN != 0 ||
      core == NULL || host->now_ms == NULL)
    return NULL;
  char *base = memory;
  tw_easy *easy = memory;
  *easy = (tw_easy){.core = core,
                    .host = *host,
                    .sockets = limits->sockets,
                    .slot_count = limits->sockets + limits->webSockets,
                    .entry_count = options->listeners,
                    .max_message = limits->maxMessage,
                    .slots = (void *)(base + it.slots),
                    .joins = (void *)(base + it.joins),
                    .entries = (void *)(base + it.entries),
                    .messages = base + it.messages,
                    .message_size = options->message_size,
                    .next_call = TW_EASY_NONE,
                    .free_entry = TW_EASY_NONE,
                    .leaving = TW_EASY_NONE};
  memset(easy->slots, 0, easy->slot_count * sizeof *easy->slots);
  memset(easy->joins, 0, limits->webSockets * sizeof *easy->joins);
  return easy;
}

void tw_easy_use(tw_easy *easy) { door.current = easy; }
tw_easy *tw_easy_current(void) { return door.current; }

void tw_easy_release(tw_easy *easy) {
  for (uint32_t i = easy->sockets; i < easy->slot_count; i++)
    tw_easy_drop_message(easy, &easy->slots[i]);
}

/* ---- Results ------------------------------------------------------------------------------------------------- */

int32_t tw_easy_refuse(int32_t error) {
  door.last_error = error;
  return TW_NONE;
}

int32_t tw_easy_result(int32_t result) { return result < 0 ? tw_easy_refuse(result) : result; }

int32_t tw_last_error(void) { return door.last_error; }

uint32_t tw_easy_length(const char *text, uint32_t most) {
  uint32_t size = 0;
  while (text != NULL && size <= most && text[size] != 0)
    size++;
  return size;
}

int32_t tw_easy_text(int32_t size, char *text) {
  text[size < 0 ? 0 : size] = 0;
  return size == TW_ERR_STATE ? 0 : tw_easy_result(size);
}

/* ---- Handles ------------------------------------------------------------------------------------------------- */

tw_easy_slot *tw_easy_find(tw_easy *easy, int32_t handle) {
  uint32_t index = (uint32_t)handle & INDEX_MASK;
  if (handle <= 0 || index >= easy->slot_count || easy->slots[index].handle != handle)
    return NULL;
  return &easy->slots[index];
}

tw_easy_slot *tw_easy_owned(tw_easy *easy, int32_t handle, uint32_t kinds) {
  tw_easy_slot *slot = easy == NULL ? NULL : tw_easy_find(easy, handle);
  if (slot != NULL && !slot->released && (kinds & 1u << slot->kind) != 0)
    return slot;
  tw_easy_refuse(easy == NULL ? TW_ERR_STATE : TW_ERR_HANDLE);
  return NULL;
}

tw_easy_join *tw_easy_join_of(const tw_easy *easy, const tw_easy_slot *slot) {
  return &easy->joins[(uint32_t)(slot - easy->slots) - easy->sockets];
}

static bool is_web_socket(const tw_easy_slot *slot) { return slot->kind == TW_KIND_WS; }

int32_t tw_easy_add(tw_easy *easy, int32_t handle, uint32_t kind, const tw_tls_options *tls) {
  tw_easy_slot *slot = &easy->slots[(uint32_t)handle & INDEX_MASK];
  if (slot->handle != 0)
    tw_easy_forget(easy, slot);
  if (!slot->listed)
    easy->open++; /* else the handle that had the place is gone, and was not yet counted off */
  *slot = (tw_easy_slot){.handle = handle,
                         .first = TW_EASY_NONE,
                         .next_leaving = slot->next_leaving,
                         .listed = slot->listed,
                         .kind = (uint8_t)kind,
                         .tls = tls};
  if (is_web_socket(slot)) {
    tw_easy_join *join = tw_easy_join_of(easy, slot);
    tw_easy_drop_message(easy, slot);
    *join = (tw_easy_join){0};
    if (easy->message_size > 0 && easy->host.resize == NULL) {
      uint32_t place = (uint32_t)(join - easy->joins);
      join->lent = easy->messages + (size_t)place * easy->message_size;
      join->lent_size = easy->message_size;
    }
  }
  if (easy->host.opened != NULL)
    easy->host.opened(easy->host.host, handle, kind);
  return handle;
}

/* What the application has closed stays known until the core has told its last word. */
void tw_easy_leave(tw_easy *easy, tw_easy_slot *slot) {
  slot->released = true;
  if (slot->listed)
    return;
  slot->listed = true;
  slot->next_leaving = easy->leaving;
  easy->leaving = (uint32_t)(slot - easy->slots);
}

/* Forgets the handles that the core has forgotten. */
static void sweep(tw_easy *easy) {
  for (uint32_t *link = &easy->leaving; *link != TW_EASY_NONE;) {
    tw_easy_slot *slot = &easy->slots[*link];
    if (slot->released && twc_state(easy->core, slot->handle) >= 0) {
      link = &slot->next_leaving;
      continue;
    }
    *link = slot->next_leaving;
    slot->listed = false;
    if (!slot->released)
      continue; /* its place was taken by another */
    easy->open--;
    tw_easy_forget(easy, slot);
    if (is_web_socket(slot))
      tw_easy_drop_message(easy, slot);
    slot->handle = 0;
  }
}

uint32_t tw_easy_open_handles(tw_easy *easy) {
  if (!easy->telling && easy->leaving != TW_EASY_NONE) {
    uint32_t waiting = easy->waiting;
    easy->waiting = 0;
    tw_easy_tell(easy, waiting);
    tw_easy_tell(easy, twc_pump(easy->core)); /* the core forgets a handle when its last records have been drained */
    sweep(easy);
  }
  return easy->open;
}

const tw_tls_options *tw_easy_tls(tw_easy *easy, int32_t handle) {
  tw_easy_slot *slot = tw_easy_find(easy, handle);
  return slot == NULL ? NULL : slot->tls;
}

const tw_keep_alive *tw_easy_keep_alive(tw_easy *easy, int32_t handle) {
  static const tw_keep_alive off;
  tw_easy_slot *slot = tw_easy_find(easy, handle);
  return slot == NULL ? &off : &slot->keep_alive;
}

bool tw_easy_accepted(tw_easy *easy, int32_t handle) {
  tw_easy_slot *slot = tw_easy_find(easy, handle);
  return slot != NULL && slot->accepted;
}

/* ---- Records ------------------------------------------------------------------------------------------------- */

/* A record may have been made before the application closed the handle: then no retry follows. */
static int32_t retry_of(const tw_easy_slot *slot, const tw_event *record) {
  return slot->released || record->retry_ms == TW_FOREVER ? -1 : (int32_t)record->retry_ms; /* at most a day */
}

static void tell_end(tw_easy *easy, tw_easy_slot *slot, const tw_event *record) {
  bool clean = (record->flags & TW_FLAG_CLEAN) != 0;
  if (is_web_socket(slot)) {
    tw_easy_drop_message(easy, slot);
    WsDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_easy_call(easy, slot, TW_EASY_WsDisconnected, &event);
  } else {
    NetDisconnected event = {slot->handle, record->code, clean, record->detail, retry_of(slot, record)};
    tw_easy_call(easy, slot, TW_EASY_NetDisconnected, &event);
  }
}

static void tell_error(tw_easy *easy, tw_easy_slot *slot, const tw_event *record) {
  if (is_web_socket(slot)) {
    WsError event = {slot->handle, record->code, record->step, retry_of(slot, record), record->detail};
    tw_easy_call(easy, slot, TW_EASY_WsError, &event);
  } else {
    NetError event = {slot->handle, record->code, record->step, retry_of(slot, record)};
    tw_easy_call(easy, slot, TW_EASY_NetError, &event);
  }
}

/* A control frame's bytes may lie where a NUL behind them would destroy something: they are copied. */
static void tell_control(tw_easy *easy, tw_easy_slot *slot, const tw_event *record, const char *data) {
  char bytes[TW_MAX_CONTROL + 1];
  memcpy(bytes, data, record->size);
  bytes[record->size] = 0;
  if (record->type == TW_EVENT_CLOSE) {
    WsClosing event = {slot->handle, record->code, bytes, record->size};
    tw_easy_call(easy, slot, TW_EASY_WsClosing, &event);
  } else if (record->type == TW_EVENT_PING) {
    WsPing event = {slot->handle, bytes, record->size};
    tw_easy_call(easy, slot, TW_EASY_WsPing, &event);
  } else {
    WsPong event = {slot->handle, bytes, record->size};
    tw_easy_call(easy, slot, TW_EASY_WsPong, &event);
  }
}

/* Text can be printed as it is: a NUL stands behind it while it is told, in the byte that the wall keeps free there. */
static void tell_data(tw_easy *easy, tw_easy_slot *slot, const tw_event *record, char *data) {
  char behind = data[record->size];
  char address[TW_MAX_ADDRESS + 1];
  uint32_t address_size = record->detail < TW_MAX_ADDRESS ? record->detail : TW_MAX_ADDRESS;
  if (record->type == TW_EVENT_DATAGRAM)
    memcpy(address, twc_rx_address(easy->core), address_size);
  address[address_size] = 0;
  data[record->size] = 0;
  if (record->type == TW_EVENT_DATA) {
    NetData event = {data, record->size, slot->handle};
    tw_easy_call(easy, slot, TW_EASY_NetData, &event);
  } else {
    NetDatagram event = {data, address, record->port, record->size, slot->handle};
    tw_easy_call(easy, slot, TW_EASY_NetDatagram, &event);
  }
  data[record->size] = behind;
}

/* Tells an event that says no more than whose it is. */
#define TELL_PLAIN(easy, slot, type)                                                                                   \
  do {                                                                                                                 \
    type event = {(slot)->handle};                                                                                     \
    tw_easy_call((easy), (slot), TW_EASY_##type, &event);                                                              \
  } while (0)

static void tell_state(tw_easy *easy, tw_easy_slot *slot, uint32_t type) {
  if (type == TW_EVENT_CONNECTED && is_web_socket(slot))
    TELL_PLAIN(easy, slot, WsConnected);
  else if (type == TW_EVENT_CONNECTED)
    TELL_PLAIN(easy, slot, NetConnected);
  else if (type == TW_EVENT_DRAIN && is_web_socket(slot))
    TELL_PLAIN(easy, slot, WsDrain);
  else if (type == TW_EVENT_DRAIN)
    TELL_PLAIN(easy, slot, NetDrain);
  else if (type == TW_EVENT_SECURED)
    TELL_PLAIN(easy, slot, NetSecured);
  else if (type == TW_EVENT_ENDED)
    TELL_PLAIN(easy, slot, NetEnded);
}

static void tell_accepted(tw_easy *easy, const tw_event *record) {
  tw_easy_slot *listener = tw_easy_find(easy, (int32_t)record->detail);
  tw_easy_add(easy, record->handle, TW_KIND_TCP, listener == NULL ? NULL : listener->tls);
  tw_easy_slot *slot = tw_easy_find(easy, record->handle);
  slot->accepted = true;
  if (listener != NULL)
    slot->keep_alive = listener->keep_alive;
  NetAccepted event = {record->handle, (int32_t)record->detail};
  bool heard = listener != NULL && !listener->released && tw_easy_call(easy, listener, TW_EASY_NetAccepted, &event) > 0;
  slot = tw_easy_find(easy, record->handle);
  if (!heard && slot != NULL && twc_close(easy->core, record->handle) == 0)
    tw_easy_leave(easy, slot);
}

/* What an endpoint still hears once the application has closed it. */
static bool is_farewell(uint32_t type) { return type == TW_EVENT_CLOSE || type == TW_EVENT_DISCONNECTED; }

static void tell_one(tw_easy *easy, const tw_event *record) {
  easy->told++;
  if (record->type == TW_EVENT_ACCEPTED) {
    tell_accepted(easy, record);
    return;
  }
  tw_easy_slot *slot = tw_easy_find(easy, record->handle);
  if (slot == NULL || (slot->released && !is_farewell(record->type)))
    return;
  char *data = (char *)easy->core + record->data; /* the core lies at the start of its arena */
  switch (record->type) {
  case TW_EVENT_DISCONNECTED:
    tell_end(easy, slot, record);
    break;
  case TW_EVENT_DATA:
  case TW_EVENT_DATAGRAM:
    tell_data(easy, slot, record, data);
    break;
  case TW_EVENT_MESSAGE:
    if (is_web_socket(slot)) /* see tw_easy_init: a connection that was accepted can have become one */
      tw_easy_message(easy, slot, record, data);
    break;
  case TW_EVENT_ERROR:
    tell_error(easy, slot, record);
    break;
  case TW_EVENT_CLOSE:
  case TW_EVENT_PING:
  case TW_EVENT_PONG:
    tell_control(easy, slot, record, data);
    break;
  case TW_EVENT_DEADLINE: {
    NetDeadline event = {slot->handle, record->detail};
    tw_easy_call(easy, slot, TW_EASY_NetDeadline, &event);
    break;
  }
  default:
    tell_state(easy, slot, record->type);
    break;
  }
}

void tw_easy_tell(tw_easy *easy, uint32_t count) {
  easy->telling = true;
  for (; count > 0; count = twc_pump(easy->core))
    for (uint32_t i = 0; i < count; i++)
      tell_one(easy, &twc_events(easy->core)[i]);
  easy->telling = false;
}

uint32_t tw_easy_told(const tw_easy *easy) { return easy->told; }

bool tw_easy_telling(const tw_easy *easy) { return easy->telling; }

void tw_easy_touch(tw_easy *easy) {
  if (!easy->telling && easy->waiting == 0)
    easy->waiting = twc_tick(easy->core, easy->host.now_ms(easy->host.host));
}

void tw_easy_turn(tw_easy *easy) {
  uint32_t waiting = easy->waiting;
  easy->waiting = 0;
  tw_easy_tell(easy, waiting);
  tw_easy_tell(easy, twc_tick(easy->core, easy->host.now_ms(easy->host.host)));
  tw_easy_tell(easy, twc_pump(easy->core)); /* ends that were deferred until the last loop iteration was over */
  sweep(easy);
}

bool tw_easy_flush(tw_easy *easy) { return twc_flush(easy->core) != 0 || easy->waiting > 0; }

void tw_easy_failed(tw_easy *easy, int32_t handle, int32_t error, uint32_t step, uint32_t retry_ms) {
  tw_easy_slot *slot = tw_easy_find(easy, handle);
  if (slot == NULL || slot->released)
    return;
  tw_event record = {.handle = handle, .code = error, .step = (uint16_t)step, .retry_ms = retry_ms};
  easy->told++;
  easy->telling = true;
  tell_error(easy, slot, &record);
  easy->telling = false;
}
