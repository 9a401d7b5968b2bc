/* server.c: HTTP servers: their listeners, and the records of the connections that they accept. */
#include "server.h"

enum { MAX_BODY = 1 << 20, TIMEOUT_MS = 60000, MAX_TIMEOUT_MS = 86400000, LARGEST_BODY = 0x40000000 };
enum { REQUEST_TIMEOUT = 408 };

/* ---- Connections ------------------------------------------------------------------------------------------------- */

static void accepted(tw_handles *handles, tw_handles_slot *slot) {
  slot->server->count++;
  slot->exchange = slot->server->closed ? NULL : tw_handles_resize(handles, NULL, sizeof *slot->exchange);
  if (slot->exchange != NULL)
    *slot->exchange = (tw_exchange){.handle = slot->handle};
  else if (twc_close(handles->core, slot->handle) == 0)
    tw_handles_leave(handles, slot);
}

static void forget(tw_handles *handles, tw_handles_slot *slot) {
  tw_server *server = slot->server;
  tw_exchange_free(handles, slot);
  slot->server = NULL;
  if (--server->count > 0)
    return;
  tw_handles_forget(handles, &server->first);
  tw_handles_resize(handles, server, 0);
}

static void connected(tw_handles *handles, tw_handles_slot *slot) {
  twc_set_half_open(handles->core, slot->handle, 1); /* a client may end its half behind its request */
  tw_exchange_read(handles, slot);
}

/* ---- Records ----------------------------------------------------------------------------------------------------- */

static void deadline(tw_handles *handles, tw_handles_slot *slot) {
  const tw_exchange *exchange = slot->exchange;
  if (exchange->phase != TW_EXCHANGE_READING)
    return;
  if (exchange->head_size > 0)
    tw_exchange_fail(handles, slot, TW_ERR_TIMEOUT, REQUEST_TIMEOUT);
  else
    tw_exchange_close(handles, slot);
}

static void ended(tw_handles *handles, tw_handles_slot *slot) {
  slot->exchange->ended = true;
  if (slot->exchange->phase == TW_EXCHANGE_READING && slot->exchange->behind.size == 0)
    tw_exchange_close(handles, slot);
}

/* The connection is lost. Between two requests that is nothing to report. */
static void lost(tw_handles *handles, tw_handles_slot *slot, const tw_event *record) {
  tw_exchange *exchange = slot->exchange;
  bool busy = exchange->phase == TW_EXCHANGE_WAITING || exchange->phase == TW_EXCHANGE_SENDING;
  bool secured = record->type != TW_EVENT_ERROR || record->step != TW_STEP_TLS;
  if (!busy && secured)
    return;
  exchange->phase = TW_EXCHANGE_OVER;
  tw_exchange_report(handles, slot, record->code == 0 ? TW_ERR_ENDED : record->code, 0);
}

static bool record_http(tw_handles *handles, tw_handles_slot *slot, const tw_event *record, char *data) {
  bool reading = slot->exchange->phase == TW_EXCHANGE_READING;
  switch (record->type) {
  case TW_EVENT_CONNECTED:
    connected(handles, slot);
    return true;
  case TW_EVENT_HTTP_HEAD:
    if (reading)
      tw_request_head(handles, slot, record, data);
    return true;
  case TW_EVENT_HTTP_BODY:
    if (reading)
      tw_request_body(handles, slot, record, data);
    return true;
  case TW_EVENT_HTTP_TRAILER:
    return true;
  case TW_EVENT_HTTP_END:
    if (reading)
      tw_request_end(handles, slot, record);
    return true;
  case TW_EVENT_DATA:
    tw_exchange_take_behind(handles, slot, data, record->size);
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
    tw_exchange_take_behind(handles, slot, data, event->size);
    return true;
  }
  tw_exchange_connected(handles, slot);
  return false;
}

/* ---- Listening --------------------------------------------------------------------------------------------------- */

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
      tw_exchange_close(handles, slot);
  }
}

static const tw_server_ops ops = {
    .accepted = accepted,
    .record = record,
    .settle = tw_exchange_settle_all,
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
