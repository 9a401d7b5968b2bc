/* wake.c: wakes the network task by a socket that lwIP's thread marks readable. See wake.h. */
#include "wake.h"

#include <string.h>

#include "esp_netif.h"
#include "freertos/FreeRTOS.h"
#include "freertos/semphr.h"
#include "freertos/timers.h"
#include "lwip/api.h"
#include "lwip/sockets.h"
#include "lwip/tcpip.h"
#include "lwip/udp.h"
#include "twinwire/abi.gen.h"

enum { RETRY_MS = 10 }; /* after lwIP's mailbox had no place for the message */

static SemaphoreHandle_t idle; /* what the task waits on while there is no socket to wait for */
static TimerHandle_t retry;

/* Runs in lwIP's thread. The event is the one that lwIP raises when a datagram has come; no datagram is needed. */
static void mark(void *context) {
  tw_esp_wake *it = context;
  struct netconn *conn = atomic_load(&it->conn);
  if (conn != NULL && !atomic_exchange(&it->marked, true))
    API_EVENT(conn, NETCONN_EVT_RCVPLUS, 0);
}

static bool post_from_isr(tw_esp_wake *it) {
  err_t result = tcpip_callbackmsg_trycallback_fromisr(it->message);
  if (result == ERR_NEED_SCHED)
    portYIELD_FROM_ISR();
  return result == ERR_OK || result == ERR_NEED_SCHED;
}

static void post(tw_esp_wake *it) {
  bool isr = xPortInIsrContext();
  if (isr ? post_from_isr(it) : tcpip_callbackmsg_trycallback(it->message) == ERR_OK)
    return;
  BaseType_t switched = pdFALSE;
  BaseType_t started = isr ? xTimerStartFromISR(retry, &switched) : xTimerStart(retry, 0);
  if (started != pdPASS)
    atomic_store(&it->asked, false); /* the next waker tries again */
}

static void try_again(TimerHandle_t timer) {
  tw_esp_wake *it = pvTimerGetTimerID(timer);
  if (atomic_load(&it->conn) != NULL)
    post(it);
}

void tw_esp_wake_init(tw_esp_wake *it) {
  static StaticSemaphore_t idle_memory;
  static StaticTimer_t retry_memory;
  atomic_init(&it->fd, -1);
  idle = xSemaphoreCreateBinaryStatic(&idle_memory);
  TickType_t soon = pdMS_TO_TICKS(RETRY_MS) + 1;
  retry = xTimerCreateStatic("twinwire", soon, pdFALSE, it, try_again, &retry_memory);
}

/* What lwIP's thread is asked to find. */
typedef struct search {
  tw_esp_wake *wake;
  uint16_t port;
} search;

static esp_err_t find_conn(void *context) {
  const search *it = context;
  for (struct udp_pcb *pcb = udp_pcbs; pcb != NULL; pcb = pcb->next)
    if (pcb->local_port == it->port)
      atomic_store(&it->wake->conn, pcb->recv_arg);
  return ESP_OK;
}

/* A UDP socket that only this device can send to. Returns its descriptor, or -1. */
static int open_socket(uint16_t *port) {
  struct sockaddr_in self;
  socklen_t size = sizeof self;
  memset(&self, 0, sizeof self);
  self.sin_len = sizeof self;
  self.sin_family = AF_INET;
  self.sin_addr.s_addr = PP_HTONL(INADDR_LOOPBACK);
  int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0)
    return -1;
  if (lwip_bind(fd, (struct sockaddr *)&self, size) != 0 ||
      lwip_getsockname(fd, (struct sockaddr *)&self, &size) != 0) {
    lwip_close(fd);
    return -1;
  }
  *port = lwip_ntohs(self.sin_port);
  return fd;
}

bool tw_esp_wake_open(tw_esp_wake *it) {
  if (it->message == NULL)
    it->message = tcpip_callbackmsg_new(mark, it); /* kept for good: lwIP's mailbox may hold it at any time */
  search wanted = {.wake = it};
  int fd = it->message == NULL ? -1 : open_socket(&wanted.port);
  if (fd < 0)
    return false;
  atomic_store(&it->marked, false);
  if (esp_netif_tcpip_exec(find_conn, &wanted) != ESP_OK || atomic_load(&it->conn) == NULL) {
    lwip_close(fd);
    return false;
  }
  atomic_store(&it->fd, fd);
  return true;
}

void tw_esp_wake_close(tw_esp_wake *it) {
  int fd = atomic_exchange(&it->fd, -1);
  if (fd < 0)
    return;
  atomic_store(&it->conn, NULL);
  lwip_close(fd); /* by lwIP's thread, or under its lock: `mark` is not running by then */
}

void tw_esp_wake_up(tw_esp_wake *it) {
  if (atomic_exchange(&it->asked, true))
    return;
  if (xPortInIsrContext()) {
    BaseType_t switched = pdFALSE;
    xSemaphoreGiveFromISR(idle, &switched);
    if (switched == pdTRUE)
      portYIELD_FROM_ISR();
  } else {
    xSemaphoreGive(idle);
  }
  if (atomic_load(&it->conn) != NULL)
    post(it);
}

/* A datagram that another program of the device sent to the socket means nothing. */
static void discard(int fd) {
  char byte;
  while (lwip_recv(fd, &byte, sizeof byte, MSG_DONTWAIT) >= 0)
    ;
}

/* `asked` last: a waker that finds it set leaves the waking to the mark of another one. Were it cleared before that
 * mark, the next waker's message could find the old mark and add none, and the task would sleep while it is asked. */
void tw_esp_wake_clear(tw_esp_wake *it, bool readable) {
  struct netconn *conn = atomic_load(&it->conn);
  if (conn != NULL && atomic_exchange(&it->marked, false)) {
    API_EVENT(conn, NETCONN_EVT_RCVMINUS, 0);
  } else if (conn != NULL && readable) {
    discard(atomic_load(&it->fd));
  }
  atomic_store(&it->asked, false);
}

void tw_esp_wake_sleep(uint32_t ms) { xSemaphoreTake(idle, ms == TW_FOREVER ? portMAX_DELAY : pdMS_TO_TICKS(ms) + 1); }
