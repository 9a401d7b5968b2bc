/* tw_esp.h: what twinwire has on an ESP32 besides twinwire/net.h and ws.h: starting it, and calling it from other
 * tasks.
 *
 *   static void on_message(const WsMessage *e, void *ctx) { printf("%.*s", (int)e->size, e->message); }
 *
 *   static void open_stream(void *ctx) {                       // runs in the network task
 *     int32_t conn = tw_ws_open("ws://192.168.1.10:8080/");
 *     tw_ws_set_auto_reconnect(conn, true);
 *     tw_ws_on(conn, "message", on_message, NULL);
 *   }
 *
 *   ESP_ERROR_CHECK(tw_esp_start(NULL));                       // once, in app_main
 *   ESP_ERROR_CHECK(tw_esp_post(open_stream, NULL));           // in the handler of IP_EVENT_STA_GOT_IP
 *
 * Two ways. tw_esp_start makes a task that runs the loop, and other tasks reach it through a queue of
 * CONFIG_TWINWIRE_QUEUE places: tw_esp_post, tw_esp_call. Or tw_esp_begin, and the task that called it runs the loop
 * with tw_poll. Either way the functions of net.h and ws.h belong to the one task that runs the loop, the network task,
 * where the listeners are called.
 *
 * Memory. Taken when it starts, of the kind that menuconfig says, and given back when it has stopped, but for the stack
 * of the task, which lives on for the next start. Between the two twinwire allocates nothing but TLS sessions; lwIP has
 * its packets on the heap, as always.
 *
 * Waiting. While nothing happens the network task sleeps, without any wake-up of its own. */
#ifndef TWINWIRE_TW_ESP_H
#define TWINWIRE_TW_ESP_H

#include "esp_err.h"
#include "esp_netif.h"
#include "twinwire/host.h" /* tw_handles_options */
#include "twinwire/net.h"
#include "twinwire/ws.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The network task. The first tw_esp_start decides; later ones have to ask for the same stack and core. */
typedef struct tw_esp_task {
  uint32_t stack_size; /* bytes, at least 2048 */
  uint32_t priority;   /* 1..24 */
  int32_t core;        /* -1: any */
  bool stack_in_psram; /* CONFIG_FREERTOS_TASK_CREATE_ALLOW_EXT_MEM; slower */
} tw_esp_task;

/* What menuconfig says, for a program that wants to change some of it. Copied. */
typedef struct tw_esp_options {
  tw_limits limits;              /* sockets and webSockets: at most CONFIG_TWINWIRE_SOCKETS and ..._WEBSOCKETS */
  tw_handles_options easy;       /* listeners, message_size */
  uint32_t heartbeat_ms;         /* of every WebSocket at first: tw_ws_set_heartbeat; 0: none */
  uint32_t heartbeat_timeout_ms; /* its timeout */
  tw_keep_alive keep_alive;      /* of every TCP connection and listener at first: tw_net_set_keep_alive */
  tw_esp_task task;              /* of tw_esp_start */
  esp_netif_t *netif;            /* all sockets are bound to this interface; NULL: routes decide. It has to be up */
} tw_esp_options;

/* Fills in the options of menuconfig. */
void tw_esp_defaults(tw_esp_options *options);

/* Starts twinwire in a task of its own. `options` may be NULL: tw_esp_defaults. May be called before the network is up,
 * and even before esp_netif_init: until there is an address, opening returns -1 (TW_ERR_NETWORK_DOWN). Needs no event
 * loop: lwIP reports changes of the network.
 * Returns ESP_OK, ESP_ERR_INVALID_STATE (it runs, or is stopping), ESP_ERR_INVALID_ARG (an option is out of its range)
 * or ESP_ERR_NO_MEM. */
esp_err_t tw_esp_start(const tw_esp_options *options);

/* The same without a task: the calling task is the one that has to call tw_poll, often. */
esp_err_t tw_esp_begin(const tw_esp_options *options);

/* Asks for the end: every handle is closed, what is queued and the close frames go out, within limits.closeTimeoutMs;
 * then sockets and memory are given back. Returns at once; may be called from any task, from a listener and more than
 * once. The task stays, asleep, for the next start. After tw_esp_begin, tw_poll has to be called until it returns -1.
 */
void tw_esp_stop(void);

/* Whether it has been started and has not stopped entirely. */
bool tw_esp_running(void);

/* Runs `work(ctx)` in the network task, in its next loop iteration. Never waits. May be called from any task, from a
 * listener, from lwIP's own thread (SNTP's callback) and from an interrupt (but not from one that runs while the flash
 * cache is off, ESP_INTR_FLAG_IRAM).
 * Returns ESP_OK, ESP_ERR_TIMEOUT (the queue is full, nothing was done) or ESP_ERR_INVALID_STATE (it does not run). */
esp_err_t tw_esp_post(void (*work)(void *ctx), void *ctx);

/* Runs `work(ctx)` in the network task and waits for what it returns: one loop iteration, and the listeners that are
 * being called. In the network task itself, and so in a listener, it simply calls it. Not from an interrupt, and not
 * from lwIP's thread, which the network task may be waiting for. Returns what `work` returned; or TW_ERR_BACKPRESSURE
 * (the queue is full) or TW_ERR_STATE (it does not run), and `work` was not called. A listener must not wait for a task
 * that waits here: the two would wait for ever. */
int32_t tw_esp_call(int32_t (*work)(void *ctx), void *ctx);

/* tw_net_send, tw_ws_send_text and tw_ws_send_binary for other tasks. They wait as tw_esp_call does. Return `size`; or
 * an error of the table, here as a negative number and not as -1: nothing was queued.
 *
 * A message that is larger than limits.sendBuffer is sent in fragments (RFC 6455 5.4), and the call waits until all of
 * it is queued; other tasks that send to the same connection wait for that, and its listeners get TW_ERR_STATE for what
 * they send meanwhile. The wait ends with the connection at the latest: one that takes nothing ends after
 * limits.stallTimeoutMs. An error then leaves the message incomplete, and the connection is over. In the network task
 * such a message is refused with TW_ERR_TOO_LARGE. */
int32_t tw_esp_net_send(int32_t sock, const void *data, size_t size);
int32_t tw_esp_ws_send_text(int32_t conn, const char *text, size_t size);
int32_t tw_esp_ws_send_binary(int32_t conn, const void *data, size_t size);

/* tw_net_close and tw_ws_close for other tasks: posted, so they never wait. Return as tw_esp_post. */
esp_err_t tw_esp_net_close(int32_t sock);
esp_err_t tw_esp_ws_close(int32_t conn);

#ifdef __cplusplus
}
#endif
#endif
