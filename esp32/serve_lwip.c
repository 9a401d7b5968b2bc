/* serve_lwip.c: delivers what lwIP's sockets have. See port_lwip.h. */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "lwip/sockets.h"
#include "network.h"
#include "port_lwip.h"

enum {
  READS_AT_ONCE = 4,  /* of one socket, before the next is served */
  ACCEPTS_AT_ONCE = 8 /* of one listener */
};

static void deliver(const tw_esp_port *port, uint32_t ready) { tw_handles_deliver(port->handles, ready); }

static bool is_still(const tw_esp_socket *socket, int32_t handle) { return socket->handle == handle; }

void tw_esp_serve_loss(tw_esp_port *port, tw_esp_socket *socket, int32_t error) {
  int32_t handle = socket->handle;
  error = tw_esp_socket_reason(socket, error);
  tw_esp_socket_release(port, socket, false);
  deliver(port, twc_closed(port->core, handle, error));
}

/* ---- Connecting ---------------------------------------------------------------------------------------------- */

/* Connects to what the name has been resolved to, if the connection's policy allows it. */
static int32_t connect_resolved(const tw_esp_port *port, tw_esp_socket *socket, const ip_addr_t *ip) {
  struct sockaddr_storage address;
  char text[TW_MAX_ADDRESS];
  uint32_t number;
  tw_esp_address_store(&address, ip, socket->port);
  uint32_t size = tw_esp_address_print(&address, text, sizeof text, &number);
  int32_t error = twc_check_address(port->core, socket->handle, text, size);
  return error < 0 ? error : tw_esp_socket_connect(port, socket, ip);
}

static void serve_lookup(tw_esp_port *port, tw_esp_socket *socket) {
  tw_esp_lookup *lookup = &port->lookups[socket->lookup];
  uint32_t state = atomic_load(&lookup->state);
  if (state == TW_ESP_LOOKUP_PENDING)
    return;
  ip_addr_t ip = lookup->address;
  tw_esp_lookup_drop(lookup);
  socket->lookup = -1;
  int32_t error = state == TW_ESP_LOOKUP_FOUND ? connect_resolved(port, socket, &ip) : TW_ERR_NAME_FAILED;
  if (error < 0)
    tw_esp_serve_loss(port, socket, error);
}

static void serve_connecting(tw_esp_port *port, tw_esp_socket *socket) {
  int error = 0;
  socklen_t size = sizeof error;
  int32_t handle = socket->handle;
  if (lwip_getsockopt(socket->fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) {
    error = errno;
    if (tw_esp_socket_is_full(error)) {
      tw_esp_socket_hold(socket, TW_ESP_HELD);
      return;
    }
  }
  if (error == ECONNRESET)
    error = ECONNREFUSED; /* lwIP has one error for every RST; this one answered a SYN */
  if (error != 0) {
    tw_esp_serve_loss(port, socket, tw_esp_socket_error(error));
    return;
  }
  socket->state = TW_ESP_OPEN;
  tw_esp_port_keep_alive(port, handle, tw_handles_keep_alive(port->handles, handle));
  deliver(port, twc_connected(port->core, handle));
}

/* The host's name of what the handle was opened for: "host:port", or a URL. */
static void target_name(const tw_esp_port *port, int32_t handle, char *name, uint32_t capacity) {
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

static void serve_tls_due(tw_esp_port *port, tw_esp_socket *socket) {
  char name[TW_MAX_HOST + 16]; /* of a URL, what follows the host may be cut off */
  target_name(port, socket->handle, name, sizeof name);
  int32_t error = tw_esp_socket_begin_tls(port, socket, name);
  if (error < 0)
    tw_esp_serve_loss(port, socket, error);
}

static void serve_securing(tw_esp_port *port, tw_esp_socket *socket) {
  int32_t done = tw_esp_tls_handshake(socket->tls);
  if (done == TW_ESP_TLS_AGAIN) {
    if (tw_esp_tls_wants_write(socket->tls))
      socket->flags |= TW_ESP_TLS_FULL;
    else
      socket->flags &= (uint16_t)~TW_ESP_TLS_FULL;
    return;
  }
  if (done < 0) {
    tw_esp_serve_loss(port, socket, done);
    return;
  }
  socket->state = TW_ESP_OPEN;
  socket->flags &= (uint16_t)~TW_ESP_TLS_FULL;
  deliver(port, twc_secured(port->core, socket->handle));
}

/* ---- Listening ----------------------------------------------------------------------------------------------- */

/* Every accept takes a connection from lwIP's queue, also one that fails: no error can repeat for ever. */
static void serve_listener(tw_esp_port *port, tw_esp_socket *listener) {
  int32_t handle = listener->handle;
  for (int i = 0; i < ACCEPTS_AT_ONCE && is_still(listener, handle); i++) {
    int fd = lwip_accept(listener->fd, NULL, NULL);
    if (fd < 0 && (errno == EWOULDBLOCK || errno == EAGAIN))
      return;
    if (fd < 0) {
      if (errno != ECONNABORTED) /* that peer has given up by itself */
        tw_handles_failed(port->handles, handle, tw_esp_socket_error(errno), TW_STEP_ACCEPT, TW_ESP_HOLD_MS);
      tw_esp_socket_hold(listener, TW_ESP_READ_HELD);
      return;
    }
    int32_t accepted = twc_accepted(port->core, handle);
    tw_esp_socket *socket = accepted < 0 ? NULL : tw_esp_socket_take(port, accepted, TW_ESP_OPEN);
    if (socket == NULL) {
      lwip_close(fd);
      continue;
    }
    socket->fd = fd;
    deliver(port, twc_pump(port->core)); /* the connection is known to the API from here on */
    if (!is_still(socket, accepted))
      continue;
    tw_esp_socket_adopt(port, socket, fd);
    deliver(port, twc_connected(port->core, accepted));
  }
}

/* ---- Reading ------------------------------------------------------------------------------------------------- */

/* Reads once. Returns whether there may be more. */
static bool read_stream(tw_esp_port *port, tw_esp_socket *socket) {
  uint8_t *buffer = twc_rx_buffer(port->core);
  int32_t got;
  if (!tw_esp_socket_may_read(socket)) {
    tw_esp_socket_hold(socket, TW_ESP_READ_HELD);
    return false;
  }
  if (socket->tls != NULL) {
    got = tw_esp_tls_read(socket->tls, buffer, port->recv_size);
    if (got == TW_ESP_TLS_AGAIN)
      return false;
  } else {
    got = (int32_t)lwip_recv(socket->fd, buffer, port->recv_size, MSG_DONTWAIT);
    if (got < 0 && (errno == EWOULDBLOCK || errno == EAGAIN))
      return false;
    if (got < 0 && tw_esp_socket_is_full(errno)) {
      tw_esp_socket_hold(socket, TW_ESP_READ_HELD);
      return false;
    }
    if (got < 0)
      got = tw_esp_socket_error(errno);
  }
  if (got < 0) {
    tw_esp_serve_loss(port, socket, got);
    return false;
  }
  if (got == 0) {
    socket->flags |= TW_ESP_ENDED;
    deliver(port, twc_ended(port->core, socket->handle));
    return false;
  }
  deliver(port, twc_received(port->core, socket->handle, (uint32_t)got));
  return true;
}

/* One that does not fit into the receive buffer is dropped: half a datagram is none. */
static bool read_datagram(tw_esp_port *port, tw_esp_socket *socket) {
  struct sockaddr_storage from;
  struct iovec piece = {twc_rx_buffer(port->core), port->recv_size};
  struct msghdr message;
  memset(&message, 0, sizeof message);
  message.msg_name = &from;
  message.msg_namelen = sizeof from;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  ssize_t got = lwip_recvmsg(socket->fd, &message, MSG_DONTWAIT);
  if (got < 0 && (errno == EWOULDBLOCK || errno == EAGAIN))
    return false;
  if (got < 0) {
    tw_handles_failed(port->handles, socket->handle, tw_esp_socket_error(errno), TW_STEP_RECEIVE, TW_ESP_HOLD_MS);
    tw_esp_socket_hold(socket, TW_ESP_READ_HELD);
    return false;
  }
  uint32_t number;
  uint32_t address_size = tw_esp_address_print(&from, twc_rx_address(port->core), TW_MAX_ADDRESS, &number);
  if ((message.msg_flags & MSG_TRUNC) == 0)
    deliver(port, twc_datagram(port->core, socket->handle, (uint32_t)got, address_size, number));
  return true;
}

bool tw_esp_serve_buffered(const tw_esp_socket *socket) {
  return socket->tls != NULL && socket->state == TW_ESP_OPEN && tw_esp_tls_pending(socket->tls);
}

static void serve_reading(tw_esp_port *port, tw_esp_socket *socket) {
  int32_t handle = socket->handle;
  for (int i = 0; i < READS_AT_ONCE; i++) {
    bool more = socket->state == TW_ESP_UDP ? read_datagram(port, socket) : read_stream(port, socket);
    if (!more || !is_still(socket, handle) || (socket->flags & (TW_ESP_READING | TW_ESP_ENDED)) != TW_ESP_READING ||
        (socket->state != TW_ESP_OPEN && socket->state != TW_ESP_UDP))
      return;
  }
}

static void serve_open(tw_esp_port *port, tw_esp_socket *socket, tw_esp_ready ready) {
  int32_t handle = socket->handle;
  if (ready.write && (socket->flags & TW_ESP_FINISHING) != 0)
    tw_esp_socket_finish(socket);
  if (ready.write && (socket->flags & TW_ESP_WRITE_OWED) != 0) {
    socket->flags &= (uint16_t)~TW_ESP_WRITE_OWED;
    deliver(port, twc_written(port->core, handle, 0));
  }
  if (ready.read && is_still(socket, handle) && (socket->flags & (TW_ESP_READING | TW_ESP_ENDED)) == TW_ESP_READING)
    serve_reading(port, socket);
}

void tw_esp_serve(tw_esp_port *port, tw_esp_socket *socket, tw_esp_ready ready) {
  switch (socket->state) {
  case TW_ESP_LOOKUP:
    serve_lookup(port, socket);
    break;
  case TW_ESP_CONNECTING:
    if (ready.write || ready.failed)
      serve_connecting(port, socket);
    break;
  case TW_ESP_TLS_DUE:
    serve_tls_due(port, socket);
    break;
  case TW_ESP_SECURING:
    if (ready.read || ready.write)
      serve_securing(port, socket);
    break;
  case TW_ESP_LISTEN_DUE:
    socket->state = TW_ESP_LISTENING;
    deliver(port, twc_connected(port->core, socket->handle));
    break;
  case TW_ESP_LISTENING:
    if (ready.read)
      serve_listener(port, socket);
    break;
  default:
    serve_open(port, socket, ready);
    break;
  }
}
