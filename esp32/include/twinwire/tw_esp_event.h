/* tw_esp_event.h: the events of a handle in the default event loop of ESP-IDF, for programs that are built on
 * esp_event.
 *
 *   static void on_event(void *arg, esp_event_base_t base, int32_t id, void *data) {   // in the event loop's task
 *     const tw_esp_event *e = data;
 *     if (id == TW_ESP_EVENT_DATA)
 *       printf("%.*s%s", (int)e->size, e->data, e->final ? "\n" : "");
 *   }
 *
 *   static void open_stream(void *ctx) {                                               // in the network task
 *     int32_t conn = tw_ws_open("ws://192.168.1.10:8080/");
 *     tw_esp_event_forward(conn);
 *   }
 *
 *   esp_event_handler_register(TWINWIRE_EVENT, ESP_EVENT_ANY_ID, on_event, NULL);
 *   tw_esp_post(open_stream, NULL);
 *
 * Listeners of net.h and ws.h are called in the network task, without a copy. Here esp_event copies each event to the
 * heap, and the handler runs later, in the task of the event loop. There only the functions of tw_esp.h may be called,
 * for example tw_esp_ws_send_text. */
#ifndef TWINWIRE_TW_ESP_EVENT_H
#define TWINWIRE_TW_ESP_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "esp_event.h"

#ifdef __cplusplus
extern "C" {
#endif

ESP_EVENT_DECLARE_BASE(TWINWIRE_EVENT);

typedef enum tw_esp_event_id {
  TW_ESP_EVENT_CONNECTED,    /* the connection is open; again after each reconnect */
  TW_ESP_EVENT_DATA,         /* bytes of a stream, or a message of a WebSocket or a part of one */
  TW_ESP_EVENT_DRAIN,        /* a send was refused with TW_ERR_BACKPRESSURE, and there is room again */
  TW_ESP_EVENT_ERROR,        /* an attempt to connect, or the connection, failed */
  TW_ESP_EVENT_DISCONNECTED, /* the connection has ended, see NetDisconnected and WsDisconnected */
} tw_esp_event_id;

/* Bytes of data in one event, at most. */
#define TW_ESP_EVENT_DATA_SIZE 512

/* What `event_data` of a handler points to, until the handler returns. esp_event copies only what is used of `data`:
 * nothing behind its NUL may be read. */
typedef struct tw_esp_event {
  int32_t handle;
  int32_t code;     /* ERROR: a TW_ERR_...; DISCONNECTED: a TW_ERR_..., a close code of a WebSocket, or 0; else 0 */
  int32_t retry_ms; /* ERROR and DISCONNECTED: milliseconds until the next attempt to connect; -1: there is none */
  uint32_t dropped; /* events, of all handles, that were dropped since the last one that was posted */
  bool binary;      /* DATA of a WebSocket: whether the message is binary */
  bool first;       /* DATA of a WebSocket: whether the message begins here */
  bool final;       /* DATA of a WebSocket: whether it ends here */
  uint32_t size;    /* bytes of `data`, without the NUL. More than TW_ESP_EVENT_DATA_SIZE come in several events */
  char data[TW_ESP_EVENT_DATA_SIZE + 1]; /* terminated by NUL */
} tw_esp_event;

/* Posts the events of a handle to the default event loop from now on; its listeners are called as before. A second call
 * for the same handle changes nothing. Must be called in the network task, after esp_event_loop_create_default.
 *
 * Since the network task does not wait, an event that finds the queue of the loop full
 * (CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE) is dropped: see `dropped`.
 *
 * `handle`: of a TCP connection or a WebSocket client. Takes five of tw_handles_options.listeners.
 * Returns 0, or -1: TW_ERR_HANDLE (no such handle), TW_ERR_MEMORY (too few listeners are free; none was added). */
int32_t tw_esp_event_forward(int32_t handle);

#ifdef __cplusplus
}
#endif
#endif
