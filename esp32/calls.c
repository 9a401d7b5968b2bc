/* calls.c: what other tasks most often want of the network task, made of tw_esp_call and tw_esp_post. See tw_esp.h. */
#include <stdint.h>

#include "twinwire/tw_esp.h"

typedef struct sending {
  int32_t handle;
  const void *data;
  size_t size;
} sending;

/* The -1 of the handle API as the error it stands for. */
static int32_t result_of(int32_t result) { return result < 0 ? tw_last_error() : result; }

static int32_t send_net(void *ctx) {
  const sending *it = ctx;
  return result_of(tw_net_send(it->handle, it->data, it->size));
}

static int32_t send_text(void *ctx) {
  const sending *it = ctx;
  return result_of(tw_ws_send_text(it->handle, it->data, it->size));
}

static int32_t send_binary(void *ctx) {
  const sending *it = ctx;
  return result_of(tw_ws_send_binary(it->handle, it->data, it->size));
}

int32_t tw_esp_net_send(int32_t sock, const void *data, size_t size) {
  return tw_esp_call(send_net, &(sending){sock, data, size});
}

int32_t tw_esp_ws_send_text(int32_t conn, const char *text, size_t size) {
  return tw_esp_call(send_text, &(sending){conn, text, size});
}

int32_t tw_esp_ws_send_binary(int32_t conn, const void *data, size_t size) {
  return tw_esp_call(send_binary, &(sending){conn, data, size});
}

/* A handle travels as the pointer itself: a post has nobody who keeps its memory. */
static void close_net(void *handle) { tw_net_close((int32_t)(intptr_t)handle); }
static void close_ws(void *handle) { tw_ws_close((int32_t)(intptr_t)handle); }

esp_err_t tw_esp_net_close(int32_t sock) { return tw_esp_post(close_net, (void *)(intptr_t)sock); }
esp_err_t tw_esp_ws_close(int32_t conn) { return tw_esp_post(close_ws, (void *)(intptr_t)conn); }
