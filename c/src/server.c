/* server.c: HTTP servers: connections, and requests up to the event. respond.c answers them.
 *
 * A request that arrived whole in one delivery is emitted where it lies, in the receive buffer. One that comes in
 * pieces, or whose answer comes later, is copied. An idle connection has neither. */
#include "server.h"

#include <string.h>

enum { MAX_BODY = 1 << 20, TIMEOUT_MS = 60000, MAX_TIMEOUT_MS = 86400000, LARGEST_BODY = 0x40000000 };
enum { BAD_REQUEST = 400, NOT_FOUND = 404, REQUEST_TIMEOUT = 408, UPGRADE_REQUIRED = 426, UNAVAILABLE = 503 };

/* ---- Bytes ---------------------------------------------------------------------------------------------------- */

static bool append(tw_handles *handles, tw_bytes *bytes, const char *data, uint32_t size) {
  enum { FIRST_ROOM = 1024 };
  if (handles->unfinished + size > handles->max_unfinished)
    return false;
  uint32_t need = bytes->size + size + 1; /* and a NUL */
  if (need > bytes->room) {
    uint32_t room = bytes->room * 2 > need ? bytes->room * 2 : need;
    room = room < FIRST_ROOM ? FIRST_ROOM : room;
    char *grown = tw_handles_resize(handles, bytes->at, room);
    if (grown == NULL)
      return false;
    bytes->at = grown;
    bytes->room = room;
  }
  if (size > 0)
    memcpy(bytes->at + bytes->size, data, size);
  bytes->size += size;
  handles->unfinished += size;
  return true;
}

static void drop(tw_handles *handles, tw_bytes *bytes) {
  handles->unfinished -= bytes->size;
  if (bytes->at != NULL)
    tw_handles_resize(handles, bytes->at, 0);
  *bytes = (tw_bytes){0};
}

/* ---- Connections ---------------------------------------------------------------------------------------------- */

static void unlink_exchange(tw_handles *handles, const tw_exchange *exchange) {
  for (tw_exchange **link = &handles->settling; *link != NULL; link = &(*link)->settle)
    if (*link == exchange) {
      *link = exchange->settle;
      break;
    }
  if (handles->lender == exchange)
    handles->lender = NULL;
}

static void free_exchange(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  if (exchange == NULL)
    return;
  if (exchange->queued || exchange->lent)
    unlink_exchange(handles, exchange);
  drop(handles, &exchange->kept);
  drop(handles, &exchange->behind);
  tw_handles_resize(handles, exchange, 0);
  slot->exchange = NULL;
}

static void forget(tw_handles *handles, tw_handles_slot *slot) {
  tw_server *server = slot->server;
  free_exchange(handles, slot);
  slot->server = NULL;
  if (--server->count > 0)
    return;
  tw_handles_forget(handles, &server->first);
  tw_handles_resize(handles, server, 0);
}

static void close_connection(tw_handles *handles, tw_handles_slot *slot) {
  slot->exchange->phase = TW_EXCHANGE_OVER;
  if (!slot->released && twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot);
}

static void accepted(tw_handles *handles, tw_handles_slot *slot) {
  slot->server->count++;
  slot->exchange = slot->server->closed ? NULL : tw_handles_resize(handles, NULL, sizeof *slot->exchange);
  if (slot->exchange != NULL)
    *slot->exchange = (tw_exchange){.handle = slot->handle};
  else if (twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot);
}

/* ---- Events --------------------------------------------------------------------------------------------------- */

static void emit_error(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status) {
  HttpError event = {slot->handle, slot->server->handle, code, status};
  int32_t handle = slot->handle;
  if (tw_handles_call(handles, slot, TW_HANDLES_HttpError, &event) == 0 && handles->host.unhandled != NULL)
    handles->host.unhandled(handles->host.host, handle, code, 0);
}

static void refuse(tw_handles *handles, tw_handles_slot *slot, int32_t code, uint32_t status) {
  int32_t handle = slot->handle;
  slot->exchange->phase = TW_EXCHANGE_OVER;
  emit_error(handles, slot, code, status);
  if (slot->handle == handle && !slot->released)
    tw_exchange_refuse(handles, slot, status);
}

void tw_exchange_connected(tw_handles *handles, tw_handles_slot *slot) {
  if (slot->exchange->connected)
    return;
  slot->exchange->connected = true;
  WsConnected event = {slot->handle};
  tw_handles_call(handles, slot, TW_HANDLES_WsConnected, &event);
}

/* ---- A request ------------------------------------------------------------------------------------------------ */

static const char *head_of(const tw_exchange *exchange) { return exchange->lent ? exchange->head : exchange->kept.at; }

/* Copies a request out of the receive buffer, which is about to be used again. */
static bool keep(tw_handles *handles, tw_exchange *exchange) {
  if (!exchange->lent)
    return true;
  exchange->lent = false;
  handles->lender = NULL;
  return append(handles, &exchange->kept, exchange->head, exchange->head_size) &&
         append(handles, &exchange->kept, exchange->body, exchange->body_size);
}

static void read_request(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  const tw_http_server_options *options = &slot->server->options;
  if (slot->server->closed || exchange->ended ||
      twc_http_read(handles->core, slot->handle, TW_HTTP_READ_REQUEST, options->max_body) != 0) {
    close_connection(handles, slot);
    return;
  }
  twc_set_deadline(handles->core, slot->handle, TW_DEADLINE_READ, options->timeout_ms);
}

static void connected(tw_handles *handles, tw_handles_slot *slot) {
  twc_set_half_open(handles->core, slot->handle, 1); /* a client may end its half behind its request */
  read_request(handles, slot);
}

static void take_head(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, const char *data) {
  tw_exchange *exchange = slot->exchange;
  bool first = (record->flags & TW_FLAG_FIRST) != 0;
  bool final = (record->flags & TW_FLAG_FINAL) != 0;
  if (first && final) {
    exchange->lent = true;
    exchange->head = data;
    exchange->head_size = record->size;
    exchange->body = NULL;
    exchange->body_size = 0;
    handles->lender = exchange;
  } else if (append(handles, &exchange->kept, data, record->size)) {
    exchange->head_size += record->size;
  } else {
    refuse(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
    return;
  }
  if (!final)
    return;
  exchange->keep_alive = (record->detail & TW_HTTP_KEEP_ALIVE) != 0;
  exchange->is_http10 = (record->detail & TW_HTTP_HTTP_1_0) != 0;
  exchange->upgrade = (record->detail & TW_HTTP_UPGRADE) != 0;
  static const char go_on[] = "Continue";
  if ((record->detail & TW_HTTP_CONTINUE) != 0)
    twc_http_send(handles->core, slot->handle, 0, 100, go_on, sizeof go_on, 0, NULL, 0);
}

static void take_body(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  const uint16_t whole = TW_FLAG_FIRST | TW_FLAG_FINAL;
  tw_exchange *exchange = slot->exchange;
  if (exchange->lent && (record->flags & whole) == whole) {
    exchange->body = data;
    exchange->body_size = record->size;
  } else if (!keep(handles, exchange) || !append(handles, &exchange->kept, data, record->size)) {
    refuse(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
  }
}

/* The method and the target, terminated, in one buffer; the core has checked the start line. */
typedef struct start_line {
  char *text;
  uint32_t target_at;
} start_line;

static bool read_start_line(tw_handles *handles, const tw_exchange *exchange, char *room, uint32_t size,
                            start_line *line) {
  const char *head = head_of(exchange);
  const char *end = memchr(head, '\r', exchange->head_size);
  const char *space = memchr(head, ' ', exchange->head_size);
  if (end == NULL)
    end = memchr(head, '\n', exchange->head_size);
  if (end == NULL || space == NULL || space > end)
    return false;
  uint32_t length = (uint32_t)(end - head);
  line->text = length < size ? room : tw_handles_resize(handles, NULL, length + 1);
  if (line->text == NULL)
    return false;
  memcpy(line->text, head, length);
  line->target_at = (uint32_t)(space - head) + 1;
  line->text[line->target_at - 1] = 0;
  char *behind = memchr(line->text + line->target_at, ' ', length - line->target_at);
  line->text[behind == NULL ? length : (uint32_t)(behind - line->text)] = 0;
  return true;
}

static bool is_web_socket_request(const tw_exchange *exchange) {
  return exchange->upgrade && twc_ws_judge(head_of(exchange), exchange->head_size) == 101;
}

/* No listener has answered, and none will. */
static void answer_by_default(tw_handles *handles, tw_handles_slot *slot, bool received) {
  tw_exchange *exchange = slot->exchange;
  const tw_ws_accept_options *accept = slot->server->options.web_sockets;
  if (exchange->upgrade && accept != NULL) {
    int32_t error = tw_exchange_accept(handles, slot, accept);
    if (error != 0)
      refuse(handles, slot, error, error == TW_ERR_LIMIT || error == TW_ERR_MEMORY ? UNAVAILABLE : BAD_REQUEST);
  } else if (!received) {
    tw_exchange_refuse(handles, slot, accept != NULL ? UPGRADE_REQUIRED : NOT_FOUND);
  } else if (!keep(handles, exchange)) { /* the answer comes later, and tw_ws_accept needs the head */
    refuse(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
  }
}

/* While listeners are called the request is lent wherever it lies: who answers it may still read it. */
static bool emit_request(tw_handles *handles, tw_handles_slot *slot, const start_line *line) {
  tw_exchange *exchange = slot->exchange;
  int32_t handle = slot->handle;
  tw_bytes kept = exchange->kept;
  if (!exchange->lent) {
    exchange->kept = (tw_bytes){0};
    exchange->lent = true;
    exchange->head = kept.at;
    exchange->body = kept.at + exchange->head_size;
    exchange->body_size = kept.size - exchange->head_size;
  }
  char *body = exchange->body;
  uint32_t size = exchange->body_size;
  HttpRequest event = {.sock = slot->handle,
                       .server = slot->server->handle,
                       .method = line->text,
                       .target = line->text + line->target_at,
                       .body = size == 0 ? "" : body,
                       .size = size,
                       .head = exchange->head,
                       .head_size = exchange->head_size,
                       .upgrade = exchange->upgrade};
  char behind = size == 0 ? 0 : body[size];
  if (size > 0)
    body[size] = 0;
  uint32_t called = tw_handles_call(handles, slot, TW_HANDLES_HttpRequest, &event);
  if (size > 0)
    body[size] = behind;
  bool waits = slot->handle == handle && slot->exchange == exchange && exchange->phase == TW_EXCHANGE_WAITING;
  if (kept.at != NULL && waits) {
    exchange->kept = kept;
    exchange->lent = false;
  } else {
    drop(handles, &kept);
  }
  return called > 0;
}

static void request_is_whole(tw_handles *handles, tw_handles_slot *slot) {
  enum { LINE = 1024 };
  char room[LINE];
  start_line line;
  int32_t handle = slot->handle;
  tw_exchange *exchange = slot->exchange;
  if (!read_start_line(handles, exchange, room, sizeof room, &line)) {
    refuse(handles, slot, TW_ERR_MEMORY, UNAVAILABLE);
    return;
  }
  exchange->phase = TW_EXCHANGE_WAITING;
  exchange->is_head = strcmp(line.text, "HEAD") == 0;
  exchange->upgrade = is_web_socket_request(exchange);
  twc_set_deadline(handles->core, handle, TW_DEADLINE_READ, 0);
  bool received = emit_request(handles, slot, &line);
  if (line.text != room)
    tw_handles_resize(handles, line.text, 0);
  if (slot->handle != handle || slot->released || slot->exchange != exchange)
    return;
  if (exchange->phase == TW_EXCHANGE_WAITING)
    answer_by_default(handles, slot, received);
  if (exchange->phase == TW_EXCHANGE_UPGRADED)
    tw_exchange_connected(handles, slot);
}

static void request_ended(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  const tw_exchange *exchange = slot->exchange;
  if (record->code == 0)
    request_is_whole(handles, slot);
  else if (exchange->head_size == 0 && record->code == TW_ERR_ENDED)
    close_connection(handles, slot); /* between two requests */
  else
    refuse(handles, slot, record->code, record->detail == 0 ? BAD_REQUEST : record->detail);
}

void tw_exchange_answered(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  exchange->lent = false;
  if (handles->lender == exchange)
    handles->lender = NULL;
  drop(handles, &exchange->kept);
  exchange->head_size = 0;
  if (!exchange->keep_alive || exchange->ended || slot->server->closed) {
    close_connection(handles, slot);
    return;
  }
  exchange->phase = TW_EXCHANGE_READING;
  read_request(handles, slot);
  if (exchange->behind.size > 0)
    tw_exchange_settle(handles, exchange);
}

/* ---- What comes behind a request ------------------------------------------------------------------------------ */

void tw_exchange_settle(tw_handles *handles, tw_exchange *exchange) {
  if (exchange->queued)
    return;
  exchange->queued = true;
  exchange->settle = handles->settling;
  handles->settling = exchange;
}

/* Keeps bytes until the request in front of them is answered. */
static void take_behind(tw_handles *handles, tw_handles_slot *slot, const char *data, uint32_t size) {
  tw_exchange *exchange = slot->exchange;
  if (exchange->phase == TW_EXCHANGE_OVER)
    return;
  if (!append(handles, &exchange->behind, data, size)) {
    close_connection(handles, slot);
    return;
  }
  if (exchange->phase == TW_EXCHANGE_READING || exchange->phase == TW_EXCHANGE_UPGRADED) {
    tw_exchange_settle(handles, exchange);
  } else if (!exchange->paused) {
    exchange->paused = true;
    twc_set_receiving(handles->core, slot->handle, 0);
  }
}

/* Delivers what came behind a request once more: to the next one, or to the WebSocket. */
static void deliver_behind(tw_handles *handles, tw_handles_slot *slot) {
  tw_exchange *exchange = slot->exchange;
  int32_t handle = slot->handle;
  bool ended = exchange->ended;
  if (exchange->paused) {
    exchange->paused = false;
    twc_set_receiving(handles->core, handle, 1);
  }
  tw_bytes bytes = exchange->behind;
  exchange->behind = (tw_bytes){0};
  for (uint32_t at = 0; at < bytes.size;) {
    uint32_t size = bytes.size - at < handles->recv_buffer ? bytes.size - at : handles->recv_buffer;
    memcpy(twc_rx_buffer(handles->core), bytes.at + at, size);
    at += size;
    tw_handles_drain(handles, twc_unread(handles->core, handle, size));
  }
  drop(handles, &bytes);
  if (ended)
    tw_handles_drain(handles, twc_ended(handles->core, handle));
}

static void settle_one(tw_handles *handles, tw_exchange *exchange) {
  tw_handles_slot *slot = tw_handles_find(handles, exchange->handle);
  if (slot == NULL || slot->exchange != exchange)
    return;
  if (exchange->phase == TW_EXCHANGE_UPGRADED)
    tw_exchange_connected(handles, slot);
  if (slot->exchange != exchange)
    return;
  if (exchange->behind.size > 0 && !slot->released &&
      (exchange->phase == TW_EXCHANGE_READING || exchange->phase == TW_EXCHANGE_UPGRADED))
    deliver_behind(handles, slot);
  if (slot->exchange == exchange && exchange->phase == TW_EXCHANGE_UPGRADED)
    free_exchange(handles, slot);
}

static void keep_lent(tw_handles *handles) {
  tw_exchange *exchange = handles->lender;
  if (exchange == NULL)
    return;
  tw_handles_slot *slot = tw_handles_find(handles, exchange->handle);
  if (!keep(handles, exchange) && slot != NULL)
    refuse(handles, slot, TW_ERR_OVERLOAD, UNAVAILABLE);
}

static void settle(tw_handles *handles) {
  keep_lent(handles);
  while (handles->settling != NULL) {
    tw_exchange *exchange = handles->settling;
    handles->settling = exchange->settle;
    exchange->queued = false;
    settle_one(handles, exchange);
    keep_lent(handles);
  }
}

/* ---- Records -------------------------------------------------------------------------------------------------- */

static void deadline(tw_handles *handles, tw_handles_slot *slot) {
  const tw_exchange *exchange = slot->exchange;
  if (exchange->phase != TW_EXCHANGE_READING)
    return;
  if (exchange->head_size > 0)
    refuse(handles, slot, TW_ERR_TIMEOUT, REQUEST_TIMEOUT);
  else
    close_connection(handles, slot);
}

static void ended(tw_handles *handles, tw_handles_slot *slot) {
  slot->exchange->ended = true;
  if (slot->exchange->phase == TW_EXCHANGE_READING && slot->exchange->behind.size == 0)
    close_connection(handles, slot);
}

/* The connection is lost. Between two requests that is nothing to report. */
static void lost(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  tw_exchange *exchange = slot->exchange;
  bool busy = exchange->phase == TW_EXCHANGE_WAITING || exchange->phase == TW_EXCHANGE_SENDING;
  bool secured = record->type != TW_EVENT_ERROR || record->step != TW_STEP_TLS;
  if (!busy && secured)
    return;
  exchange->phase = TW_EXCHANGE_OVER;
  emit_error(handles, slot, record->code == 0 ? TW_ERR_ENDED : record->code, 0);
}

static bool record_http(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  bool reading = slot->exchange->phase == TW_EXCHANGE_READING;
  switch (record->type) {
  case TW_EVENT_CONNECTED:
    connected(handles, slot);
    return true;
  case TW_EVENT_HTTP_HEAD:
    if (reading)
      take_head(handles, slot, record, data);
    return true;
  case TW_EVENT_HTTP_BODY:
    if (reading)
      take_body(handles, slot, record, data);
    return true;
  case TW_EVENT_HTTP_TRAILER:
    return true;
  case TW_EVENT_HTTP_END:
    if (reading)
      request_ended(handles, slot, record);
    return true;
  case TW_EVENT_DATA:
    take_behind(handles, slot, data, record->size);
    return true;
  case TW_EVENT_ENDED:
    ended(handles, slot);
    return true;
  case TW_EVENT_DEADLINE:
    deadline(handles, slot);
    return true;
  case TW_EVENT_DRAIN: {
    HttpDrain event = {slot->handle, slot->server->handle};
    tw_handles_call(handles, slot, TW_HANDLES_HttpDrain, &event);
    return true;
  }
  default: /* ERROR and DISCONNECTED are events of the socket as well */
    lost(handles, slot, record);
    return false;
  }
}

static bool record(tw_handles *handles, tw_handles_slot *slot, const tw_event *event, char *data) {
  if (slot->exchange->phase != TW_EXCHANGE_UPGRADED)
    return record_http(handles, slot, event, data);
  if (event->type == TW_EVENT_DATA) {
    take_behind(handles, slot, data, event->size);
    return true;
  }
  tw_exchange_connected(handles, slot);
  return false;
}

/* ---- Listening ------------------------------------------------------------------------------------------------ */

/* A server that is closed goes away: an unanswered request is still answered. */
static void close_server(tw_handles *handles, tw_handles_slot *listener) {
  enum { GOING_AWAY = 1001 };
  tw_server *server = listener->server;
  server->closed = true;
  for (uint32_t i = 0; i < handles->sockets; i++) {
    tw_handles_slot *slot = &handles->slots[i];
    if (slot->handle == 0 || slot->server != server || slot->released || slot == listener)
      continue;
    bool web_socket = slot->kind == TW_KIND_WS;
    if (!web_socket && slot->exchange == NULL)
      continue;
    if (web_socket && twc_ws_close(handles->core, slot->handle, GOING_AWAY, "", 0) == 0)
      tw_handles_leave(handles, slot);
    else if (!web_socket && slot->exchange->phase == TW_EXCHANGE_READING)
      close_connection(handles, slot);
  }
}

static const tw_server_ops ops = {
    .accepted = accepted,
    .record = record,
    .settle = settle,
    .close = close_server,
    .forget = forget,
};

static int32_t check_options(const tw_handles *handles, tw_http_server_options *options) {
  if (options->max_body == 0)
    options->max_body = MAX_BODY;
  if (options->timeout_ms == 0)
    options->timeout_ms = TIMEOUT_MS;
  const tw_ws_accept_options *accept = options->web_sockets;
  bool valid = options->max_body <= LARGEST_BODY && options->timeout_ms <= MAX_TIMEOUT_MS;
  if (accept != NULL && accept->heartbeat_interval_ms > 0 && accept->heartbeat_timeout_ms == 0)
    valid = false;
  if (!valid || accept == NULL)
    return valid ? 0 : TW_ERR_ARGUMENT;
  return tw_handles_check_deflate(handles, accept->deflate);
}

/* Makes a server of what is listening already. */
static int32_t serve(int32_t listener, const tw_http_server_options *options) {
  tw_handles *handles = tw_handles_current();
  if (listener < 0)
    return listener;
  tw_http_server_options copy = options == NULL ? (tw_http_server_options){0} : *options;
  int32_t error = handles->host.resize == NULL ? TW_ERR_UNSUPPORTED : check_options(handles, &copy);
  tw_server *server = error != 0 ? NULL : tw_handles_resize(handles, NULL, sizeof *server);
  if (server == NULL) {
    tw_net_close(listener);
    return tw_handles_refuse(error != 0 ? error : TW_ERR_MEMORY);
  }
  *server = (tw_server){.handle = listener, .first = TW_HANDLES_NONE, .count = 1, .options = copy};
  handles->server_ops = &ops;
  tw_handles_find(handles, listener)->server = server;
  return listener;
}

int32_t tw_http_listen(const char *host, int32_t port, const tw_http_server_options *options) {
  return serve(tw_net_tcp_listen(host, port), options);
}

int32_t tw_http_listen_unix(const char *path, const tw_http_server_options *options) {
  return serve(tw_net_unix_listen(path), options);
}

tw_exchange *tw_exchange_waiting(tw_handles *handles, int32_t sock, tw_handles_slot **slot) {
  *slot = tw_handles_owned(handles, sock, TW_HANDLES_NET | TW_HANDLES_WS);
  if (*slot == NULL)
    return NULL;
  tw_exchange *exchange = (*slot)->exchange;
  if (exchange != NULL && exchange->phase == TW_EXCHANGE_WAITING)
    return exchange;
  tw_handles_refuse(TW_ERR_STATE);
  return NULL;
}
