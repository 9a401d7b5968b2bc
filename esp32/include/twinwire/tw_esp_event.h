/* tw_esp_event.h: a handle's events through the default event loop of ESP-IDF, for programs that are built on
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
 * Listeners of net.h and ws.h are called at once and without a copy; here each event is copied to the heap by
 * esp_event, and its handler runs later, in another task: it answers by tw_esp_ws_send_text and the other calls of
 * tw_esp.h. */
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
  TW_ESP_EVENT_CONNECTED,    /* also after each reconnect */
  TW_ESP_EVENT_DATA,         /* bytes of a stream, or a WebSocket's message or a part of it */
  TW_ESP_EVENT_DRAIN,        /* what was refused with TW_ERR_BACKPRESSURE fits now */
  TW_ESP_EVENT_ERROR,        /* an attempt or the connection failed */
  TW_ESP_EVENT_DISCONNECTED, /* as NetDisconnected and WsDisconnected */
} tw_esp_event_id;

#define TW_ESP_EVENT_DATA_SIZE 512

/* What the handler's `event_data` points to, until the handler returns. Behind the NUL of `data` nothing may be read.
 */
typedef struct tw_esp_event {
  int32_t handle;
  int32_t code;     /* ERROR: an error of twinwire; DISCONNECTED: that, or a close code; else 0 */
  int32_t retry_ms; /* ERROR and DISCONNECTED: milliseconds to the next attempt, -1: none will follow */
  uint32_t dropped; /* events of all handles that found the event loop's queue full since the last one that did not */
  bool binary;      /* DATA of a WebSocket: it was sent as binary */
  bool first;       /* DATA of a WebSocket: the message begins here */
  bool final;       /* DATA of a WebSocket: it ends here */
  uint32_t size;    /* bytes of `data` */
  char data[TW_ESP_EVENT_DATA_SIZE + 1]; /* terminated; what is larger comes in several events */
} tw_esp_event;

/* Posts the events of a TCP connection or WebSocket client to the default event loop from now on, in addition to its
 * listeners. Called in the network task. Takes five of tw_handles_options.listeners. An event that finds the loop's
 * queue full is dropped, because the network task does not wait: see `dropped`, and CONFIG_ESP_SYSTEM_EVENT_QUEUE_SIZE.
 * Returns 0, or -1: TW_ERR_HANDLE, TW_ERR_MEMORY (not enough listeners; none was added). */
int32_t tw_esp_event_forward(int32_t handle);

#ifdef __cplusplus
}
#endif
#endif
