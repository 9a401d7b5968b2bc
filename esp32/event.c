/* event.c: listeners that post what they are called with to the default event loop. See tw_esp_event.h. */
#include <stddef.h>
#include <string.h>

#include "twinwire/tw_esp_event.h"

#include "twinwire/host.h"
#include "twinwire/net.h"
#include "twinwire/ws.h"

ESP_EVENT_DEFINE_BASE(TWINWIRE_EVENT);

/* Both belong to the network task. esp_event copies an event. */
static uint32_t dropped;
static tw_esp_event event;

static void post(tw_esp_event_id id, int32_t handle, int32_t code, int32_t retry_ms) {
  event.handle = handle;
  event.code = code;
  event.retry_ms = retry_ms;
  event.dropped = dropped;
  event.data[event.size] = '\0';
  size_t size = offsetof(tw_esp_event, data) + event.size + 1;
  if (esp_event_post(TWINWIRE_EVENT, id, &event, size, 0) == ESP_OK)
    dropped = 0;
  else
    dropped++;
  event.size = 0;
  event.binary = event.first = event.final = false;
}

/* In as many events as its size needs. */
static void post_data(int32_t handle, const char *data, uint32_t size, bool binary, bool first, bool final) {
  uint32_t left = size;
  do {
    event.size = left < TW_ESP_EVENT_DATA_SIZE ? left : TW_ESP_EVENT_DATA_SIZE;
    memcpy(event.data, data + (size - left), event.size);
    event.binary = binary;
    event.first = first && left == size;
    left -= event.size;
    event.final = final && left == 0;
    post(TW_ESP_EVENT_DATA, handle, 0, 0);
  } while (left > 0);
}

/* ---- TCP ---- */

static void on_net_connected(const NetConnected *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_CONNECTED, e->sock, 0, 0);
}

static void on_net_data(const NetData *e, void *ctx) {
  (void)ctx;
  post_data(e->sock, e->data, e->size, false, false, false);
}

static void on_net_drain(const NetDrain *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_DRAIN, e->sock, 0, 0);
}

static void on_net_error(const NetError *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_ERROR, e->sock, e->code, e->retry_ms);
}

static void on_net_disconnected(const NetDisconnected *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_DISCONNECTED, e->sock, e->code, e->retry_ms);
}

/* ---- WebSockets ---- */

static void on_ws_connected(const WsConnected *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_CONNECTED, e->conn, 0, 0);
}

static void on_ws_message(const WsMessage *e, void *ctx) {
  (void)ctx;
  post_data(e->conn, e->message, e->size, e->binary, e->first, e->final);
}

static void on_ws_drain(const WsDrain *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_DRAIN, e->conn, 0, 0);
}

static void on_ws_error(const WsError *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_ERROR, e->conn, e->code, e->retry_ms);
}

static void on_ws_disconnected(const WsDisconnected *e, void *ctx) {
  (void)ctx;
  post(TW_ESP_EVENT_DISCONNECTED, e->conn, e->code, e->retry_ms);
}

/* ---- Forwarding ---- */

static int32_t add_net(int32_t sock) {
  return tw_net_on(sock, on_net_connected, &event) + tw_net_on(sock, on_net_data, &event) +
         tw_net_on(sock, on_net_drain, &event) + tw_net_on(sock, on_net_error, &event) +
         tw_net_on(sock, on_net_disconnected, &event);
}

static void remove_net(int32_t sock) {
  tw_net_off(sock, on_net_connected, &event);
  tw_net_off(sock, on_net_data, &event);
  tw_net_off(sock, on_net_drain, &event);
  tw_net_off(sock, on_net_error, &event);
  tw_net_off(sock, on_net_disconnected, &event);
}

static int32_t add_ws(int32_t conn) {
  return tw_ws_on(conn, on_ws_connected, &event) + tw_ws_on(conn, on_ws_message, &event) +
         tw_ws_on(conn, on_ws_drain, &event) + tw_ws_on(conn, on_ws_error, &event) +
         tw_ws_on(conn, on_ws_disconnected, &event);
}

static void remove_ws(int32_t conn) {
  tw_ws_off(conn, on_ws_connected, &event);
  tw_ws_off(conn, on_ws_message, &event);
  tw_ws_off(conn, on_ws_drain, &event);
  tw_ws_off(conn, on_ws_error, &event);
  tw_ws_off(conn, on_ws_disconnected, &event);
}

/* Removes before it adds, so that a second call changes nothing. */
int32_t tw_esp_event_forward(int32_t handle) {
  bool is_ws = tw_ws_off(handle, on_ws_connected, &event) == 0 || tw_last_error() != TW_ERR_HANDLE;
  void (*remove)(int32_t) = is_ws ? remove_ws : remove_net;
  remove(handle);
  int32_t result = is_ws ? add_ws(handle) : add_net(handle);
  if (result == 0)
    return 0;
  int32_t error = tw_last_error();
  remove(handle);
  return tw_handles_refuse(error);
}
