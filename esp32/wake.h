/* wake.h: makes the network task return from waiting: from any task, from lwIP's own thread and from interrupts.
 *
 * The task waits in lwip_select, which knows only of sockets. So one socket is its own: a waker asks lwIP's thread, by
 * a message that was allocated beforehand, to mark that socket readable. Nothing is sent, allocated or waited for.
 * Before there is a stack the task waits on a semaphore. */
#ifndef TWINWIRE_ESP32_WAKE_H
#define TWINWIRE_ESP32_WAKE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

struct netconn;
struct tcpip_callback_msg;

/* Static, and the only one: lwIP's thread may still look at it after tw_esp_wake_close. */
typedef struct tw_esp_wake {
  _Atomic int fd;                 /* the socket; -1: none */
  _Atomic(struct netconn *) conn; /* what lwIP has below it; NULL: none */
  atomic_bool asked;              /* the task has been asked to return, and has not done so yet */
  atomic_bool marked;             /* the socket was marked readable */
  struct tcpip_callback_msg *message;
} tw_esp_wake;

/* Prepares a zeroed `it`, once. */
void tw_esp_wake_init(tw_esp_wake *it);

/* Opens the socket. lwIP has to be running. Returns whether there is one now. Called by the network task. */
bool tw_esp_wake_open(tw_esp_wake *it);

/* Closes the socket. Called by the network task. */
void tw_esp_wake_close(tw_esp_wake *it);

/* Makes the task return from waiting now, or from the next time that it waits. Never waits itself. */
void tw_esp_wake_up(tw_esp_wake *it);

/* Called by the network task when it is awake, before it looks at what it may have been woken for. `readable`: select
 * has found the socket readable. */
void tw_esp_wake_clear(tw_esp_wake *it, bool readable);

/* Waits at most `ms` (TW_FOREVER: without limit) for tw_esp_wake_up: where there is no socket to wait for. */
void tw_esp_wake_sleep(uint32_t ms);

#endif
