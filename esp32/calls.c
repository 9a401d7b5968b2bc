/* calls.c: what other tasks most often want of the network task, made of tw_esp_call and tw_esp_post. See tw_esp.h. */
#include <stdatomic.h>
#include <stdint.h>

#include "freertos/FreeRTOS.h"
#include "freertos/task.h"
#include "network_task.h"
#include "sdkconfig.h"
#include "twinwire/tw_esp.h"

typedef struct sending {
  int32_t handle;
  const void *data;
  size_t size;
  bool binary;
  bool final;
} sending;

/* The -1 of the handle API as the error it stands for. */
static int32_t result_of(int32_t result) { return result < 0 ? tw_last_error() : result; }

static int32_t send_net(void *ctx) {
  const sending *it = ctx;
  return result_of(tw_net_send(it->handle, it->data, it->size));
}

static int32_t send_message(void *ctx) {
  const sending *it = ctx;
  return result_of(it->binary ? tw_ws_send_binary(it->handle, it->data, it->size)
                              : tw_ws_send_text(it->handle, it->data, it->size));
}

static int32_t send_fragment(void *ctx) {
  const sending *it = ctx;
  return result_of(tw_ws_send_fragment(it->handle, it->binary, it->data, it->size, it->final));
}

/* ---- Messages larger than the send buffer ---- */

/* The WebSockets to which a task is sending: between two fragments no other message can be sent (RFC 6455 5.4). Their
 * slots are CONFIG_TWINWIRE_WEBSOCKETS in a row, so the remainder is another one for each. */
static atomic_bool sending_to[CONFIG_TWINWIRE_WEBSOCKETS];

static atomic_bool *flag_of(int32_t conn) {
  return &sending_to[((uint32_t)conn & TW_HANDLE_INDEX) % CONFIG_TWINWIRE_WEBSOCKETS];
}

static void wait_for_turn(int32_t conn) {
  while (atomic_exchange(flag_of(conn), true))
    vTaskDelay(1);
}

static void end_turn(int32_t conn) { atomic_store(flag_of(conn), false); }

/* Ends when all of it is queued or the connection has ended: one that takes nothing is ended by stallTimeoutMs. */
static int32_t send_fragments(const sending *whole) {
  size_t most = tw_esp_send_buffer() / 2;
  for (size_t sent = 0; sent < whole->size;) {
    size_t left = whole->size - sent;
    sending part = {.handle = whole->handle,
                    .data = (const char *)whole->data + sent,
                    .size = left < most ? left : most,
                    .binary = whole->binary,
                    .final = left <= most};
    int32_t result = tw_esp_call(send_fragment, &part);
    if (result >= 0)
      sent += part.size;
    else if (result == TW_ERR_BACKPRESSURE)
      vTaskDelay(1);
    else
      return result;
  }
  return (int32_t)whole->size;
}

static int32_t send_ws(int32_t conn, bool binary, const void *data, size_t size) {
  sending it = {.handle = conn, .data = data, .size = size, .binary = binary};
  if (tw_esp_is_network_task())
    return send_message(&it);
  wait_for_turn(conn);
  int32_t result = tw_esp_call(send_message, &it);
  if (result == TW_ERR_TOO_LARGE && size <= INT32_MAX)
    result = send_fragments(&it);
  end_turn(conn);
  return result;
}

/* ---- The calls ---- */

int32_t tw_esp_net_send(int32_t sock, const void *data, size_t size) {
  return tw_esp_call(send_net, &(sending){.handle = sock, .data = data, .size = size});
}

int32_t tw_esp_ws_send_text(int32_t conn, const char *text, size_t size) { return send_ws(conn, false, text, size); }

int32_t tw_esp_ws_send_binary(int32_t conn, const void *data, size_t size) { return send_ws(conn, true, data, size); }

/* A handle travels as the pointer itself: a post has nobody who keeps its memory. */
static void close_net(void *handle) { tw_net_close((int32_t)(intptr_t)handle); }
static void close_ws(void *handle) { tw_ws_close((int32_t)(intptr_t)handle); }

esp_err_t tw_esp_net_close(int32_t sock) { return tw_esp_post(close_net, (void *)(intptr_t)sock); }
esp_err_t tw_esp_ws_close(int32_t conn) { return tw_esp_post(close_ws, (void *)(intptr_t)conn); }
