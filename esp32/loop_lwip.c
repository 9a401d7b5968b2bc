/* loop_lwip.c: waits for lwIP's sockets. See port_lwip.h.
 *
 * It sleeps until a socket is ready, a timer of the core is due, lwIP reports a change of the network, a name has been
 * looked up, or another task wakes it. It never wakes without one of these. */
#include <string.h>

#include "clock.h"
#include "esp_log.h"
#include "lwip/sockets.h"
#include "network.h"
#include "port_lwip.h"

enum {
  DEAF_MS = 10 /* the longest wait while no other task can end it */
};

/* What select is asked, and what it answers. */
typedef struct watch {
  fd_set read, write, failed;
  int highest;   /* -1: nothing to wait for */
  uint32_t wait; /* ms */
} watch;

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* ---- The network --------------------------------------------------------------------------------------------- */

/* Connections of an address that is gone are gone, whatever lwIP still hopes for. Those of other interfaces, listeners
 * and UDP sockets live on. */
static void drop_connections(tw_esp_port *port) {
  for (uint32_t i = 0; i < port->count; i++) {
    tw_esp_socket *socket = &port->sockets[i];
    if (socket->handle != TW_NONE && socket->state <= TW_ESP_SECURING &&
        tw_esp_socket_reason(socket, TW_ERR_RESET) == TW_ERR_NETWORK_DOWN)
      tw_esp_serve_loss(port, socket, TW_ERR_NETWORK_DOWN);
  }
}

static void watch_network(tw_esp_port *port) {
  if (!tw_esp_network_changed())
    return;
  drop_connections(port);
  tw_handles_deliver(port->handles, twc_network(port->core, tw_esp_network_is_up()));
}

/* Returns whether it can be woken from now on, and could not before: who tried meanwhile was not noticed. */
static bool open_wake(tw_esp_port *port) {
  static bool warned;
  if (atomic_load(&port->wake->fd) >= 0 || !tw_esp_network_exists())
    return false;
  bool opened = tw_esp_wake_open(port->wake);
  if (!opened && !warned)
    ESP_LOGW("twinwire", "no socket is left for twinwire itself: it polls every %d ms; raise CONFIG_LWIP_MAX_SOCKETS",
             DEAF_MS);
  warned = !opened;
  return opened;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------- */

static uint32_t until(uint32_t time) {
  int32_t left = (int32_t)(time - tw_esp_clock_ms());
  return left > 0 ? (uint32_t)left : 0;
}

/* Enters a socket, and bounds the wait by what it needs. */
static void watch_socket(const tw_esp_socket *socket, watch *on) {
  bool read = (socket->flags & (TW_ESP_READING | TW_ESP_ENDED)) == TW_ESP_READING;
  bool write = (socket->flags & (TW_ESP_WRITE_OWED | TW_ESP_FINISHING)) != 0;
  switch (socket->state) {
  case TW_ESP_LOOKUP:
    return; /* lwIP's thread wakes us */
  case TW_ESP_TLS_DUE:
  case TW_ESP_LISTEN_DUE:
    on->wait = 0;
    return;
  case TW_ESP_CONNECTING:
    read = false;
    write = true;
    if ((socket->flags & TW_ESP_HELD) == 0)
      FD_SET(socket->fd, &on->failed);
    break;
  case TW_ESP_SECURING:
    read = true;
    write = (socket->flags & TW_ESP_TLS_FULL) != 0;
    break;
  default:
    if (read && tw_esp_serve_buffered(socket))
      on->wait = 0;
    break;
  }
  if ((socket->flags & (TW_ESP_HELD | TW_ESP_READ_HELD)) != 0) {
    on->wait = least(on->wait, until(socket->held_until));
    write = write && (socket->flags & TW_ESP_HELD) == 0;
    read = read && (socket->flags & TW_ESP_READ_HELD) == 0;
  }
  if (read)
    FD_SET(socket->fd, &on->read);
  if (write)
    FD_SET(socket->fd, &on->write);
  if ((read || write) && socket->fd > on->highest)
    on->highest = socket->fd;
}

static void prepare(const tw_esp_port *port, watch *on, uint32_t ms) {
  int wake_fd = atomic_load(&port->wake->fd);
  memset(on, 0, sizeof *on);
  on->highest = wake_fd;
  on->wait = least(ms, twc_wait(port->core));
  if (wake_fd >= 0)
    FD_SET(wake_fd, &on->read);
  for (uint32_t i = 0; i < port->count; i++)
    if (port->sockets[i].handle != TW_NONE)
      watch_socket(&port->sockets[i], on);
  if (wake_fd < 0 && on->highest >= 0)
    on->wait = least(on->wait, DEAF_MS);
}

/* Waits, and leaves in `on` what is ready. */
static void wait_for(watch *on) {
  if (on->highest < 0) {
    tw_esp_wake_sleep(on->wait);
    return;
  }
  struct timeval time = {(long)(on->wait / 1000), (long)(on->wait % 1000) * 1000};
  int found = lwip_select(on->highest + 1, &on->read, &on->write, &on->failed, on->wait == TW_FOREVER ? NULL : &time);
  if (found < 0) /* no memory to wait with */
    tw_esp_wake_sleep(least(on->wait, DEAF_MS));
  if (found <= 0) {
    FD_ZERO(&on->read);
    FD_ZERO(&on->write);
    FD_ZERO(&on->failed);
  }
}

/* The directions that were held and are no longer. */
static uint32_t take_released(tw_esp_socket *socket) {
  uint32_t held = socket->flags & (TW_ESP_HELD | TW_ESP_READ_HELD);
  if (held == 0 || until(socket->held_until) > 0)
    return 0;
  socket->flags &= (uint16_t)~(TW_ESP_HELD | TW_ESP_READ_HELD);
  return held;
}

static void serve_all(tw_esp_port *port, const watch *on) {
  for (uint32_t i = 0; i < port->count; i++) {
    tw_esp_socket *socket = &port->sockets[i];
    if (socket->handle == TW_NONE)
      continue;
    uint32_t released = take_released(socket);
    tw_esp_ready ready = {.read = tw_esp_serve_buffered(socket) || (released & TW_ESP_READ_HELD) != 0,
                          .write = (released & TW_ESP_HELD) != 0};
    if (socket->fd >= 0) {
      ready.read = ready.read || FD_ISSET(socket->fd, &on->read);
      ready.write = ready.write || FD_ISSET(socket->fd, &on->write);
      ready.failed = FD_ISSET(socket->fd, &on->failed);
    }
    tw_esp_serve(port, socket, ready);
  }
}

/* ---- The iteration ------------------------------------------------------------------------------------------- */

void tw_esp_port_start(tw_esp_port *port, tw_esp_wake *wake, tw_esp_socket *sockets, tw_esp_lookup *lookups,
                       uint32_t count, uint32_t recv_size) {
  memset(port, 0, sizeof *port);
  port->wake = wake;
  port->sockets = sockets;
  port->lookups = lookups;
  port->count = count;
  port->recv_size = recv_size;
  for (uint32_t i = 0; i < count; i++)
    sockets[i] = (tw_esp_socket){.handle = TW_NONE, .fd = -1, .lookup = -1};
  tw_esp_network_watch(wake);
}

void tw_esp_port_stop(tw_esp_port *port) {
  tw_esp_network_watch(NULL);
  for (uint32_t i = 0; i < port->count; i++)
    if (port->sockets[i].handle != TW_NONE)
      tw_esp_socket_release(port, &port->sockets[i], false);
  tw_esp_wake_close(port->wake);
}

void tw_esp_port_run(tw_esp_port *port, uint32_t ms) {
  uint32_t before = tw_handles_delivered(port->handles);
  bool open = tw_handles_open_handles(port->handles) > 0;
  tw_handles_tick(port->handles);
  bool opened = open_wake(port);
  watch_network(port);
  bool again = tw_handles_flush(port->handles);
  bool emptied = open && tw_handles_open_handles(port->handles) == 0; /* the caller may wait for just that */
  /* A listener that was called may have sent something, and the application may wait for what it was called with. */
  if (tw_handles_flush(port->handles) || again || emptied || opened || tw_handles_delivered(port->handles) != before)
    ms = 0;
  watch on;
  prepare(port, &on, ms);
  wait_for(&on);
  int wake_fd = atomic_load(&port->wake->fd);
  tw_esp_wake_clear(port->wake, wake_fd >= 0 && FD_ISSET(wake_fd, &on.read));
  tw_handles_tick(port->handles); /* time has passed */
  serve_all(port, &on);
  tw_handles_flush(port->handles);
}
