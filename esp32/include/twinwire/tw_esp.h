/* tw_esp.h: starting and stopping twinwire on an ESP32, and calling it from other tasks. Sockets and WebSockets are
 * those of twinwire/net.h and twinwire/ws.h.
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
 * Tasks. One task runs the loop: the network task. Listeners are called there, and only there may the functions of
 * net.h and ws.h be called. tw_esp_start creates that task; with tw_esp_begin it is the calling task, which then calls
 * tw_poll. Every other task uses the functions below.
 *
 * Memory. A start allocates all memory that twinwire needs, in the kind of RAM that is set in menuconfig, and the end
 * frees it; only the network task and its stack are kept for the next start. In between, twinwire allocates TLS
 * sessions, and more only with CONFIG_TWINWIRE_HEAP. lwIP allocates its packets from the heap, as for any program.
 *
 * Power. While nothing happens, the network task sleeps and sets no timer. */
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

/* The task that tw_esp_start creates. It is created once: later starts may change its priority; with another stack or
 * core they return ESP_ERR_INVALID_ARG. */
typedef struct tw_esp_task {
  uint32_t stack_size; /* bytes, at least 2048. Listeners and TLS handshakes run on it */
  uint32_t priority;   /* 1..24 */
  int32_t core;        /* the core that it runs on, 0 or 1; -1: any */
  bool stack_in_psram; /* the stack lies in external RAM, which is slower; listeners must not write to flash then.
                          Needs CONFIG_FREERTOS_TASK_CREATE_ALLOW_EXT_MEM */
} tw_esp_task;

/* The options of a start. Fill them with tw_esp_defaults, then change what has to differ from menuconfig. */
typedef struct tw_esp_options {
  tw_limits limits;              /* of the core. `sockets` and `webSockets`: at most CONFIG_TWINWIRE_SOCKETS and
                                    CONFIG_TWINWIRE_WEBSOCKETS */
  tw_handles_options handles;    /* of the event API: how many listeners, and the size of joined messages */
  uint32_t heartbeat_ms;         /* heartbeat of a new WebSocket, see tw_ws_set_heartbeat; 0: none */
  uint32_t heartbeat_timeout_ms; /* its timeout, at least 1 if there is a heartbeat */
  tw_keep_alive keep_alive;      /* TCP keep-alive of a new connection or listener, see tw_net_set_keep_alive */
  tw_esp_task task;              /* of tw_esp_start; tw_esp_begin ignores it */
  esp_netif_t *netif;            /* the interface that all sockets are bound to, which must be up at the start; NULL:
                                    lwIP's routes decide */
} tw_esp_options;

/* Fills `options` with the values of menuconfig. */
void tw_esp_defaults(tw_esp_options *options);

/* Starts twinwire in a task of its own.
 *
 * It may be called before the network is up, and even before esp_netif_init: until there is an address, calls that open
 * a socket return -1 (TW_ERR_NETWORK_DOWN). No event loop is needed: lwIP reports changes of the network itself.
 *
 * `options`: copied; NULL: those of tw_esp_defaults.
 * Returns ESP_OK; ESP_ERR_INVALID_STATE: it runs, or has not stopped yet; ESP_ERR_INVALID_ARG: an option is out of its
 * range, or `netif` is not up; ESP_ERR_NO_MEM. */
esp_err_t tw_esp_start(const tw_esp_options *options);

/* Starts twinwire in the calling task, which becomes the network task and has to call tw_poll, again and again:
 *
 *   ESP_ERROR_CHECK(tw_esp_begin(NULL));
 *   open_stream(NULL);
 *   while (tw_poll(100) >= 0)
 *     read_sensors();
 *
 * Parameter and results as of tw_esp_start. */
esp_err_t tw_esp_begin(const tw_esp_options *options);

/* Stops twinwire: closes every handle, sends what is queued and the close frames, waits for the peers for at most
 * limits.closeTimeoutMs and one second, and then closes the sockets and frees the memory.
 *
 * Returns at once; tw_esp_running is false when it is over. It may be called from any task and from a listener, and
 * more than once. After tw_esp_begin, the network task goes on calling tw_poll until that returns -1. */
void tw_esp_stop(void);

/* Returns whether twinwire has been started and has not stopped completely. May be called from any task. */
bool tw_esp_running(void);

/* Runs `work(ctx)` in the network task, in the next iteration of its loop. Never waits. What `ctx` points to must stay
 * valid until `work` has run.
 *
 * May be called from any task, from a listener, from lwIP's own thread (for example in SNTP's callback) and from an
 * interrupt, but not from one that runs while the flash cache is off (ESP_INTR_FLAG_IRAM).
 *
 * Returns ESP_OK; ESP_ERR_TIMEOUT: all CONFIG_TWINWIRE_QUEUE entries of the queue are in use, and `work` will not run;
 * ESP_ERR_INVALID_STATE: twinwire does not run. Work that is still queued when twinwire ends is dropped. */
esp_err_t tw_esp_post(void (*work)(void *ctx), void *ctx);

/* Runs `work(ctx)` in the network task, waits until it has returned, and returns its result. The wait lasts for one
 * iteration of the loop, including the listeners that are being called. In the network task itself, `work` is called
 * directly.
 *
 *   static int32_t check_open(void *ctx) { return tw_net_state(*(int32_t *)ctx) == TW_STATE_OPEN; }
 *
 *   bool is_open = tw_esp_call(check_open, &sock) == 1;
 *
 * Must not be called from an interrupt, nor from lwIP's thread, which the network task may be waiting for. A listener
 * must not wait for a task that waits here: neither would ever go on.
 *
 * Returns what `work` returned. TW_ERR_BACKPRESSURE: the queue is full; TW_ERR_STATE: twinwire does not run, or ended
 * before `work` could run. In both cases `work` was not called. */
int32_t tw_esp_call(int32_t (*work)(void *ctx), void *ctx);

/* Send as tw_net_send, tw_ws_send_text and tw_ws_send_binary do, from any task. They wait as tw_esp_call does. `data`
 * is copied: it may be reused when the call returns.
 *
 * Return `size`, or the error itself, a negative TW_ERR_... (tw_last_error belongs to the network task). After an error
 * nothing was queued.
 *
 * A message that is larger than limits.sendBuffer is sent in fragments (RFC 6455 5.4). The call then waits until all of
 * them are queued. Meanwhile other tasks that send to this WebSocket wait too, and what its listeners send is refused
 * with TW_ERR_STATE. The wait has an end: a connection whose peer takes nothing is closed after limits.stallTimeoutMs.
 * An error leaves such a message incomplete; the connection has ended then. Called in the network task, which can't
 * wait, the functions refuse such a message with TW_ERR_TOO_LARGE. */
int32_t tw_esp_net_send(int32_t sock, const void *data, size_t size);
int32_t tw_esp_ws_send_text(int32_t conn, const char *text, size_t size);
int32_t tw_esp_ws_send_binary(int32_t conn, const void *data, size_t size);

/* Close a handle as tw_net_close and tw_ws_close do, from any task. They never wait, and return as tw_esp_post does. */
esp_err_t tw_esp_net_close(int32_t sock);
esp_err_t tw_esp_ws_close(int32_t conn);

#ifdef __cplusplus
}
#endif
#endif
