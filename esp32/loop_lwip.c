/* loop_lwip.c: waits for lwIP's sockets and delivers what they have. See port_lwip.h. */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "lwip/sockets.h"
#include "port_lwip.h"

enum {
  READS_PER_TURN = 4,  /* of one socket, before the next has its turn */
  LOOKUP_POLL_MS = 10, /* lwIP's thread can't wake a select: a name's answer is looked for */
  TLS_POLL_MS = 50,    /* esp-tls does not say whether a handshake waits to read or to write */
  WATCH_MS = 250,      /* how often the network is looked at: an interface that goes down says so to nobody here */
};

/* What select is asked, and what it answers. */
typedef struct watch {
  fd_set read, write, failed;
  int highest; /* -1: nothing to wait for */
} watch;

static void deliver(const tw_lwip *port, uint32_t ready) { tw_easy_tell(port->easy, ready); }

/* The socket is gone: the core is told after it is. */
static void drop(tw_lwip *port, tw_lwip_socket *socket, int32_t error) {
  int32_t handle = socket->handle;
  tw_lwip_release(port, socket, false);
  deliver(port, twc_closed(port->core, handle, error));
}

static bool is_still(const tw_lwip_socket *socket, int32_t handle) { return socket->handle == handle; }

/* ---- Being woken --------------------------------------------------------------------------------------------- */

static const ip_addr_t *loopback(ip_addr_t *ip) {
  tw_esp_address_parse(ip, "127.0.0.1", 9);
  return ip;
}

/* lwIP needs CONFIG_LWIP_NETIF_LOOPBACK, on by default, for it. Without, turns are short: see wait_for. */
static void open_wake(tw_lwip *port) {
  ip_addr_t ip;
  struct sockaddr_storage address;
  socklen_t size = tw_esp_address_store(&address, loopback(&ip), 0);
  uint32_t number = 0;
  char text[TW_MAX_ADDRESS];
  int fd = lwip_socket(AF_INET, SOCK_DGRAM, 0);
  if (fd < 0)
    return;
  tw_lwip_tune(fd, false);
  if (lwip_bind(fd, (struct sockaddr *)&address, size) != 0 ||
      lwip_getsockname(fd, (struct sockaddr *)&address, &size) != 0 ||
      tw_esp_address_print(&address, text, sizeof text, &number) == 0) {
    lwip_close(fd);
    return;
  }
  port->wake_port = (uint16_t)number;
  atomic_store(&port->wake_fd, fd);
}

void tw_lwip_wake(tw_lwip *port) {
  int fd = atomic_load(&port->wake_fd);
  if (fd < 0 || atomic_exchange(&port->woken, true))
    return;
  ip_addr_t ip;
  struct sockaddr_storage self;
  socklen_t size = tw_esp_address_store(&self, loopback(&ip), port->wake_port);
  if (lwip_sendto(fd, "", 1, MSG_DONTWAIT, (struct sockaddr *)&self, size) < 0)
    atomic_store(&port->woken, false);
}

static void clear_wake(tw_lwip *port, int fd) {
  char byte[4];
  while (lwip_recv(fd, byte, sizeof byte, MSG_DONTWAIT) >= 0)
    ;
  atomic_store(&port->woken, false);
}

/* ---- The network --------------------------------------------------------------------------------------------- */

/* Connections of an address that is gone are gone, whatever lwIP still hopes for; saying so lets schedules run.
 * Listeners and UDP sockets are bound to every address, and live on. */
static void drop_connections(tw_lwip *port) {
  for (uint32_t i = 0; i < port->count; i++) {
    tw_lwip_socket *socket = &port->sockets[i];
    if (socket->handle != TW_NONE && socket->state <= TW_LWIP_SECURING)
      drop(port, socket, TW_ERR_NETWORK_DOWN);
  }
}

void tw_lwip_suspect(tw_lwip *port) { atomic_store(&port->suspect, true); }

/* Returns whether it can be woken only from now on: who tried before was not heard. */
static bool watch_network(tw_lwip *port) {
  tw_network now = tw_network_look();
  tw_network before = port->network;
  port->network = now;
  port->watched = tw_lwip_now(port);
  if (before.address != 0 && (now.interface != before.interface || now.address != before.address))
    drop_connections(port);
  if (now.address == 0 || atomic_load(&port->wake_fd) >= 0)
    return false;
  open_wake(port);
  return atomic_load(&port->wake_fd) >= 0;
}

/* ---- Waiting ------------------------------------------------------------------------------------------------- */

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* Whether something is there to read of which select knows nothing. */
static bool more_to_read(const tw_lwip_socket *socket) { return socket->tls != NULL && tw_tls_pending(socket->tls); }

/* Enters a socket, and returns how long may be waited for it. */
static uint32_t watch_socket(const tw_lwip_socket *socket, watch *on, uint32_t now) {
  uint32_t wait = TW_FOREVER;
  bool read = (socket->flags & (TW_LWIP_READING | TW_LWIP_ENDED)) == TW_LWIP_READING;
  bool write = (socket->flags & TW_LWIP_WRITE_OWED) != 0;
  switch (socket->state) {
  case TW_LWIP_LOOKUP:
    return LOOKUP_POLL_MS;
  case TW_LWIP_TLS_DUE:
  case TW_LWIP_LISTEN_DUE:
    return 0;
  case TW_LWIP_CONNECTING:
    read = false;
    write = true;
    break;
  case TW_LWIP_SECURING:
    read = true;
    write = false;
    wait = TLS_POLL_MS;
    break;
  default:
    if (read && more_to_read(socket))
      wait = 0;
    if (write && socket->held) {
      wait = least(wait, (int32_t)(socket->held_until - now) > 0 ? socket->held_until - now : 0);
      write = false;
    }
    break;
  }
  if (read)
    FD_SET(socket->fd, &on->read);
  if (write)
    FD_SET(socket->fd, &on->write);
  if (socket->state == TW_LWIP_CONNECTING)
    FD_SET(socket->fd, &on->failed);
  if ((read || write) && socket->fd > on->highest)
    on->highest = socket->fd;
  return wait;
}

/* ---- Serving what is ready ----------------------------------------------------------------------------------- */

static void serve_lookup(tw_lwip *port, tw_lwip_socket *socket) {
  tw_lookup *lookup = &port->lookups[socket->lookup];
  uint32_t state = atomic_load(&lookup->state);
  if (state == TW_LOOKUP_PENDING)
    return;
  ip_addr_t ip = lookup->address;
  tw_lookup_drop(lookup);
  socket->lookup = -1;
  int32_t error = state == TW_LOOKUP_FOUND ? tw_lwip_connect(socket, &ip) : TW_ERR_NAME_FAILED;
  if (error < 0)
    drop(port, socket, error);
}

static void serve_connecting(tw_lwip *port, tw_lwip_socket *socket) {
  int error = 0;
  socklen_t size = sizeof error;
  lwip_getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == ECONNRESET)
    error = ECONNREFUSED; /* lwIP has one error for every RST; this one answered a SYN */
  if (error != 0) {
    drop(port, socket, tw_lwip_error(error));
    return;
  }
  socket->state = TW_LWIP_OPEN;
  deliver(port, twc_connected(port->core, socket->handle));
}

/* The host's name of what the handle was opened for: "host:port", or a URL. */
static void target_name(const tw_lwip *port, int32_t handle, char *name, uint32_t capacity) {
  uint32_t size = (uint32_t)twc_target(port->core, handle, name, capacity - 1);
  tw_url url;
  uint32_t start = 0;
  uint32_t end = size;
  if (twc_url_parse(name, size, &url) == 0) {
    start = url.host;
    end = url.host + url.host_size;
  } else {
    while (end > 0 && name[end - 1] != ':')
      end--;
    end -= end > 0;
  }
  if (end > start && name[start] == '[') {
    start++;
    end--;
  }
  memmove(name, name + start, end - start);
  name[end - start] = '\0';
}

static void serve_tls_due(tw_lwip *port, tw_lwip_socket *socket) {
  char name[TW_MAX_HOST + 16]; /* of a URL, what follows the host may be cut off */
  target_name(port, socket->handle, name, sizeof name);
  int32_t error = tw_lwip_begin_tls(port, socket, name);
  if (error < 0)
    drop(port, socket, error);
}

static void serve_securing(tw_lwip *port, tw_lwip_socket *socket) {
  int32_t done = tw_tls_handshake(socket->tls);
  if (done == TW_TLS_AGAIN)
    return;
  if (done < 0) {
    drop(port, socket, done);
    return;
  }
  socket->state = TW_LWIP_OPEN;
  deliver(port, twc_secured(port->core, socket->handle));
}

static void serve_listener(tw_lwip *port, tw_lwip_socket *listener) {
  int32_t handle = listener->handle;
  while (is_still(listener, handle)) {
    int fd = lwip_accept(listener->fd, NULL, NULL);
    if (fd < 0)
      return;
    int32_t accepted = twc_accepted(port->core, handle);
    tw_lwip_socket *socket = accepted < 0 ? NULL : tw_lwip_place(port, accepted, TW_LWIP_OPEN);
    if (socket == NULL) {
      lwip_close(fd);
      continue;
    }
    tw_lwip_tune(fd, true);
    socket->fd = fd;
    deliver(port, twc_pump(port->core));
    deliver(port, twc_connected(port->core, accepted));
  }
}

/* Reads once. Returns whether more may be there. */
static bool read_stream(tw_lwip *port, tw_lwip_socket *socket) {
  uint8_t *buffer = twc_rx_buffer(port->core);
  int32_t got;
  if (socket->tls != NULL) {
    got = tw_tls_read(socket->tls, buffer, port->recv_size);
    if (got == TW_TLS_AGAIN)
      return false;
  } else {
    got = (int32_t)lwip_recv(socket->fd, buffer, port->recv_size, MSG_DONTWAIT);
    if (got < 0 && (errno == EWOULDBLOCK || errno == EAGAIN))
      return false;
    if (got < 0)
      got = tw_lwip_error(errno);
  }
  if (got < 0) {
    drop(port, socket, got);
    return false;
  }
  if (got == 0) {
    socket->flags |= TW_LWIP_ENDED;
    deliver(port, twc_ended(port->core, socket->handle));
    return false;
  }
  deliver(port, twc_received(port->core, socket->handle, (uint32_t)got));
  return true;
}

/* One that does not fit into the receive buffer is dropped: half a datagram is none. */
static bool read_datagram(tw_lwip *port, tw_lwip_socket *socket) {
  struct sockaddr_storage from;
  struct iovec piece = {twc_rx_buffer(port->core), port->recv_size};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t got = lwip_recvmsg(socket->fd, &message, MSG_DONTWAIT);
  if (got < 0)
    return false;
  uint32_t number;
  uint32_t address_size = tw_esp_address_print(&from, twc_rx_address(port->core), TW_MAX_ADDRESS, &number);
  if ((message.msg_flags & MSG_TRUNC) == 0)
    deliver(port, twc_datagram(port->core, socket->handle, (uint32_t)got, address_size, number));
  return true;
}

static void serve_reading(tw_lwip *port, tw_lwip_socket *socket) {
  int32_t handle = socket->handle;
  for (int i = 0; i < READS_PER_TURN; i++) {
    bool more = socket->state == TW_LWIP_UDP ? read_datagram(port, socket) : read_stream(port, socket);
    if (!more || !is_still(socket, handle) || (socket->flags & TW_LWIP_READING) == 0 ||
        (socket->state != TW_LWIP_OPEN && socket->state != TW_LWIP_UDP))
      return;
  }
}

static void serve(tw_lwip *port, tw_lwip_socket *socket, bool read, bool write, bool failed) {
  int32_t handle = socket->handle;
  switch (socket->state) {
  case TW_LWIP_LOOKUP:
    serve_lookup(port, socket);
    return;
  case TW_LWIP_CONNECTING:
    if (write || failed)
      serve_connecting(port, socket);
    return;
  case TW_LWIP_TLS_DUE:
    serve_tls_due(port, socket);
    return;
  case TW_LWIP_SECURING:
    serve_securing(port, socket);
    return;
  case TW_LWIP_LISTEN_DUE:
    socket->state = TW_LWIP_LISTENING;
    deliver(port, twc_connected(port->core, handle));
    return;
  case TW_LWIP_LISTENING:
    if (read)
      serve_listener(port, socket);
    return;
  default:
    break;
  }
  if (write && (socket->flags & TW_LWIP_WRITE_OWED) != 0) {
    socket->flags &= (uint8_t)~TW_LWIP_WRITE_OWED;
    deliver(port, twc_written(port->core, handle, 0));
  }
  if (read && is_still(socket, handle) && (socket->flags & TW_LWIP_READING) != 0)
    serve_reading(port, socket);
}

/* ---- The turn ------------------------------------------------------------------------------------------------ */

void tw_lwip_start(tw_lwip *port, tw_lwip_socket *sockets, tw_lookup *lookups, uint32_t count, uint32_t recv_size) {
  memset(port, 0, sizeof *port);
  port->sockets = sockets;
  port->lookups = lookups;
  port->count = count;
  port->recv_size = recv_size;
  atomic_init(&port->wake_fd, -1);
  for (uint32_t i = 0; i < count; i++)
    sockets[i] = (tw_lwip_socket){.handle = TW_NONE, .fd = -1, .lookup = -1};
}

void tw_lwip_stop(tw_lwip *port) {
  for (uint32_t i = 0; i < port->count; i++)
    if (port->sockets[i].handle != TW_NONE)
      tw_lwip_release(port, &port->sockets[i], false);
  int fd = atomic_exchange(&port->wake_fd, -1);
  if (fd >= 0)
    lwip_close(fd);
}

/* How long may be waited, and for which sockets. */
static uint32_t wait_for(const tw_lwip *port, watch *on, uint32_t ms) {
  uint32_t now = tw_lwip_now(NULL);
  int wake_fd = atomic_load(&port->wake_fd);
  uint32_t wait = least(least(ms, twc_wait(port->core)), WATCH_MS);
  FD_ZERO(&on->read);
  FD_ZERO(&on->write);
  FD_ZERO(&on->failed);
  on->highest = wake_fd;
  if (wake_fd >= 0)
    FD_SET(wake_fd, &on->read);
  for (uint32_t i = 0; i < port->count; i++)
    if (port->sockets[i].handle != TW_NONE)
      wait = least(wait, watch_socket(&port->sockets[i], on, now));
  if (wake_fd < 0 && on->highest >= 0)
    wait = least(wait, LOOKUP_POLL_MS); /* nobody can end the select */
  return wait;
}

static void serve_all(tw_lwip *port, const watch *on) {
  uint32_t now = tw_lwip_now(NULL);
  for (uint32_t i = 0; i < port->count; i++) {
    tw_lwip_socket *socket = &port->sockets[i];
    if (socket->handle == TW_NONE)
      continue;
    bool known = socket->fd >= 0;
    bool read = known && (FD_ISSET(socket->fd, &on->read) || more_to_read(socket));
    bool over = socket->held && (int32_t)(socket->held_until - now) <= 0;
    bool write = known && (FD_ISSET(socket->fd, &on->write) || over);
    serve(port, socket, read, write, known && FD_ISSET(socket->fd, &on->failed));
  }
}

uint32_t tw_lwip_turn(tw_lwip *port, uint32_t ms) {
  uint32_t told = tw_easy_told(port->easy);
  bool open = tw_easy_open_handles(port->easy) > 0;
  tw_easy_turn(port->easy);
  uint32_t now = tw_lwip_now(port);
  if (atomic_exchange(&port->suspect, false) || port->network.address == 0 || now - port->watched >= WATCH_MS)
    ms = watch_network(port) ? 0 : ms;
  bool again = tw_easy_flush(port->easy);
  bool emptied = open && tw_easy_open_handles(port->easy) == 0; /* that the last one has just gone is news, too */
  /* Who was told something may wait for just that, and may have sent something. */
  if (tw_easy_flush(port->easy) || again || emptied || tw_easy_told(port->easy) != told)
    ms = 0;
  watch on;
  uint32_t wait = wait_for(port, &on, ms);
  if (on.highest < 0)
    return wait;
  struct timeval time = {(long)(wait / 1000), (long)(wait % 1000) * 1000};
  if (lwip_select(on.highest + 1, &on.read, &on.write, &on.failed, &time) < 0) {
    FD_ZERO(&on.read);
    FD_ZERO(&on.write);
    FD_ZERO(&on.failed);
  }
  int wake_fd = atomic_load(&port->wake_fd);
  if (wake_fd >= 0 && FD_ISSET(wake_fd, &on.read))
    clear_wake(port, wake_fd);
  tw_easy_turn(port->easy); /* time has passed */
  serve_all(port, &on);
  tw_easy_flush(port->easy);
  return 0;
}
