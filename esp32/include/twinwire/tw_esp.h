/* tw_esp.h: what twinwire has on an ESP32 beside twinwire/tw_easy.h: starting it, and calling it from other tasks.
 *
 *   static void on_message(const WsMessage *e, void *ctx) { printf("%s\n", e->message); }
 *
 *   static void open_stream(void *ctx) {                       // runs in the network task
 *     int32_t conn = tw_ws_open("ws://192.168.1.10:8080/");
 *     tw_ws_set_auto_reconnect(conn, true);
 *     tw_ws_on(conn, "message", on_message, NULL);
 *   }
 *
 *   tw_esp_start(NULL);                                        // once, in app_main
 *   tw_esp_post(open_stream, NULL);                            // in the handler of IP_EVENT_STA_GOT_IP
 *
 * Two ways. tw_esp_start makes a task that turns the loop, and everything that other tasks want of it goes through a
 * queue of CONFIG_TWINWIRE_QUEUE places: tw_esp_post, tw_esp_call. Or tw_esp_begin, and the task that called it turns
 * the loop with tw_poll. Either way the functions of tw_easy.h belong to the one task that turns the loop, where the
 * listeners are called.
 *
 * Memory. Taken when it starts, of the kind that menuconfig says, and given back when it has stopped. Between the two
 * nothing here takes any, but TLS sessions; lwIP itself has its packets on the heap, as always. */
#ifndef TWINWIRE_TW_ESP_H
#define TWINWIRE_TW_ESP_H

#include "twinwire/tw_easy.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What menuconfig would say, said in code. Copied. */
typedef struct tw_esp_options {
  tw_limits limits;     /* sockets and webSockets: at most CONFIG_TWINWIRE_SOCKETS and CONFIG_TWINWIRE_WEBSOCKETS */
  tw_easy_options easy; /* listeners, message_size */
} tw_esp_options;

/* The options of menuconfig, to change some of them. */
void tw_esp_defaults(tw_esp_options *options);

/* Starts twinwire in a task of its own (CONFIG_TWINWIRE_TASK_...). `options` may be NULL. May be called before the
 * network is up, and even before esp_netif_init: until there is an address, opening returns -1 (TW_ERR_NETWORK_DOWN).
 * If the default event loop exists, its IP_EVENTs make the task look at once.
 * Returns 0; or TW_ERR_STATE (it runs, or is stopping), TW_ERR_ARGUMENT (a limit is out of range), TW_ERR_MEMORY. */
int32_t tw_esp_start(const tw_esp_options *options);

/* The same without a task: the calling task is the one that has to call tw_poll, often. */
int32_t tw_esp_begin(const tw_esp_options *options);

/* Asks for the end: every handle is closed, what is queued and the close frames go out, within limits.closeTimeoutMs;
 * then sockets and memory are given back. Returns at once, may be called from any task and
 * from a listener, and more than once. The task stays, asleep, for the next start. After tw_esp_begin, tw_poll has to
 * be called until it returns -1. */
void tw_esp_stop(void);

/* Whether it has been started and has not stopped entirely. */
bool tw_esp_running(void);

/* Runs `work(ctx)` in the network task, at its next turn. Never blocks; from any task, not from an interrupt.
 * Returns 0, TW_ERR_BACKPRESSURE (the queue is full, nothing was done), or TW_ERR_STATE (it does not run). */
int32_t tw_esp_post(void (*work)(void *ctx), void *ctx);

/* Runs `work(ctx)` in the network task and waits for what it returns: one turn of the loop, and the listeners that are
 * being called. In the network task itself, and so in a listener, it simply calls it. Returns that; or
 * TW_ERR_BACKPRESSURE or TW_ERR_STATE, and `work` was not called. A listener must not wait for a task that waits
 * here: the two would wait for ever. */
int32_t tw_esp_call(int32_t (*work)(void *ctx), void *ctx);

/* tw_net_send, tw_ws_send_text and tw_ws_send_binary for other tasks. They wait as tw_esp_call does. Return `size`; or
 * an error of the table, here as a negative number and not as -1: nothing was queued. */
int32_t tw_esp_net_send(int32_t sock, const void *data, size_t size);
int32_t tw_esp_ws_send_text(int32_t conn, const char *text, size_t size);
int32_t tw_esp_ws_send_binary(int32_t conn, const void *data, size_t size);

/* tw_net_close and tw_ws_close for other tasks: posted, so they never wait. Return as tw_esp_post. */
int32_t tw_esp_net_close(int32_t sock);
int32_t tw_esp_ws_close(int32_t conn);

#ifdef __cplusplus
}
#endif
#endif
