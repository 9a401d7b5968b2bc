/* port_lwip.c: the calls of twinwire/port.h over lwIP's sockets. See port_lwip.h. */
#include "port_lwip.h"

#include <errno.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "esp_random.h"
#include "lwip/sockets.h"
#include "network.h"
#include "twinwire/port.h"

uint32_t tw_esp_port_now(void *host) {
  (void)host;
  return tw_esp_clock_ms();
}

bool tw_esp_port_is_up(void *host) {
  (void)host;
  return tw_esp_network_is_up();
}

/* ---- Opening and closing ------------------------------------------------------------------------------------- */

int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size,
                      uint32_t number) {
  tw_esp_port *port = host;
  if (kind != TW_SOCKET_TCP && kind != TW_SOCKET_UDP && kind != TW_SOCKET_TCP_LISTENER)
    return TW_ERR_UNSUPPORTED;
  if (!tw_esp_network_is_up())
    return TW_ERR_NETWORK_DOWN;
  tw_esp_socket *socket = tw_esp_socket_take(port, handle, TW_ESP_LOOKUP);
  if (socket == NULL)
    return TW_ERR_LIMIT;
  socket->port = (uint16_t)number;
  int32_t error = tw_esp_socket_open(port, socket, kind, name, name_size);
  if (error < 0)
    tw_esp_socket_release(port, socket, true);
  return error;
}

void twc_port_close(void *host, int32_t handle, uint32_t how) {
  tw_esp_port *port = host;
  tw_esp_socket *socket = tw_esp_socket_find(port, handle);
  if (socket != NULL)
    tw_esp_socket_release(port, socket, how == TW_CLOSE_ORDERLY);
}

void twc_port_shutdown(void *host, int32_t handle) {
  tw_esp_socket *socket = tw_esp_socket_find(host, handle);
  if (socket != NULL && socket->fd >= 0)
    tw_esp_socket_finish(socket);
}

void twc_port_read(void *host, int32_t handle, uint32_t on) {
  tw_esp_socket *socket = tw_esp_socket_find(host, handle);
  if (socket != NULL)
    socket->flags = (uint16_t)((socket->flags & ~TW_ESP_READING) | (on != 0 ? TW_ESP_READING : 0));
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

static int32_t write_plain(const tw_esp_port *port, const tw_esp_socket *socket, const tw_span *spans, uint32_t count) {
  struct iovec pieces[TW_MAX_SPANS];
  struct msghdr message;
  memset(&message, 0, sizeof message);
  for (uint32_t i = 0; i < count; i++) {
    pieces[i].iov_base = port->arena + spans[i].data;
    pieces[i].iov_len = spans[i].size;
  }
  message.msg_iov = pieces;
  message.msg_iovlen = (int)count;
  ssize_t done = lwip_sendmsg(socket->fd, &message, MSG_DONTWAIT);
  if (done >= 0)
    return (int32_t)done;
  return tw_esp_socket_is_full(errno) ? 0 : tw_esp_socket_error(errno);
}

static int32_t write_secured(const tw_esp_port *port, const tw_esp_socket *socket, const tw_span *spans,
                             uint32_t count) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t done = tw_esp_tls_write(socket->tls, port->arena + spans[i].data, spans[i].size);
    if (done < 0 && done != TW_ESP_TLS_AGAIN && total == 0)
      return done; /* after bytes that were taken, the next write reports it */
    if (done > 0)
      total += (uint32_t)done;
    if (done < (int32_t)spans[i].size)
      break;
  }
  return (int32_t)total;
}

int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  tw_esp_port *port = host;
  tw_esp_socket *socket = tw_esp_socket_find(port, handle);
  if (socket == NULL || socket->state != TW_ESP_OPEN)
    return TW_ERR_STATE;
  uint32_t offered = 0;
  for (uint32_t i = 0; i < count; i++)
    offered += spans[i].size;
  int32_t done =
      socket->tls != NULL ? write_secured(port, socket, spans, count) : write_plain(port, socket, spans, count);
  if (done < 0)
    return tw_esp_socket_reason(socket, done);
  if ((uint32_t)done < offered) {
    socket->flags |= TW_ESP_WRITE_OWED;
    /* lwIP can say that there is room and have no memory for it: then select would return at once, again and again. */
    if (done == 0)
      tw_esp_socket_hold(socket, TW_ESP_HELD);
  }
  return done;
}

int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t number,
                         const void *data, uint32_t size) {
  tw_esp_port *port = host;
  tw_esp_socket *socket = tw_esp_socket_find(port, handle);
  if (socket == NULL || socket->state != TW_ESP_UDP)
    return TW_ERR_STATE;
  if (!tw_esp_network_is_up())
    return TW_ERR_NETWORK_DOWN;
  ssize_t done;
  if (address_size == 0) {
    done = lwip_send(socket->fd, data, size, MSG_DONTWAIT);
  } else {
    ip_addr_t ip;
    struct sockaddr_storage to;
    if (!tw_esp_address_parse(&ip, address, address_size))
      return TW_ERR_ADDRESS;
    if ((tw_esp_address_family(&ip) != AF_INET) != ((socket->flags & TW_ESP_IS_V6) != 0))
      return TW_ERR_UNREACHABLE;
    socklen_t to_size = tw_esp_address_store(&to, &ip, number);
    done = lwip_sendto(socket->fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&to, to_size);
  }
  if (done >= 0)
    return (int32_t)size;
  if (!tw_esp_socket_is_full(errno))
    return tw_esp_socket_error(errno);
  socket->flags |= TW_ESP_WRITE_OWED;
  tw_esp_socket_hold(socket, TW_ESP_HELD); /* the driver's queue is full, and lwIP can't report when it is not */
  return TW_ERR_BACKPRESSURE;
}

/* ---- The rest ------------------------------------------------------------------------------------------------ */

int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t number) {
  tw_esp_socket *socket = tw_esp_socket_find(host, handle);
  ip_addr_t ip;
  struct sockaddr_storage to;
  if (socket == NULL || socket->state != TW_ESP_UDP)
    return TW_ERR_STATE;
  if (!tw_esp_address_parse(&ip, address, address_size))
    return TW_ERR_ADDRESS;
  if ((tw_esp_address_family(&ip) != AF_INET) != ((socket->flags & TW_ESP_IS_V6) != 0))
    return TW_ERR_UNREACHABLE;
  socklen_t size = tw_esp_address_store(&to, &ip, number);
  return lwip_connect(socket->fd, (struct sockaddr *)&to, size) == 0 ? 0 : tw_esp_socket_error(errno);
}

int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  tw_esp_port *port = host;
  tw_esp_socket *socket = tw_esp_socket_find(port, handle);
  if (socket == NULL || socket->state != TW_ESP_OPEN || socket->tls != NULL)
    return TW_ERR_STATE;
  int32_t error =
      tw_esp_tls_check(port, tw_handles_tls(port->handles, handle), tw_handles_accepted(port->handles, handle));
  if (error < 0)
    return error;
  if (name_size == 0) {
    socket->state = TW_ESP_TLS_DUE; /* the core has the name, and may not be asked within its own call */
    return 0;
  }
  char terminated[TW_MAX_HOST + 1];
  if (name_size > TW_MAX_HOST)
    return TW_ERR_ARGUMENT;
  memcpy(terminated, name, name_size);
  terminated[name_size] = '\0';
  return tw_esp_socket_begin_tls(port, socket, terminated);
}

void tw_esp_port_keep_alive(void *host, int32_t handle, const tw_keep_alive *keep_alive) {
  const tw_esp_socket *socket = tw_esp_socket_find(host, handle);
  if (socket == NULL || socket->fd < 0 || socket->state == TW_ESP_UDP)
    return;
  int on = keep_alive->idle_s > 0;
  int idle = (int)keep_alive->idle_s;
  int interval = (int)keep_alive->interval_s;
  int count = (int)keep_alive->count;
  lwip_setsockopt(socket->fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
  if (!on)
    return;
  lwip_setsockopt(socket->fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
  lwip_setsockopt(socket->fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
  lwip_setsockopt(socket->fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
}

int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  const tw_esp_socket *socket = tw_esp_socket_find(host, handle);
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  if (socket == NULL || socket->fd < 0)
    return TW_ERR_STATE;
  int failed = which == TW_ADDRESS_LOCAL ? lwip_getsockname(socket->fd, (struct sockaddr *)&address, &size)
                                         : lwip_getpeername(socket->fd, (struct sockaddr *)&address, &size);
  if (failed != 0)
    return TW_ERR_STATE;
  char whole[TW_MAX_ADDRESS];
  bool brackets = address.ss_family != AF_INET;
  uint32_t number;
  uint32_t used = tw_esp_address_print(&address, whole + brackets, (uint32_t)sizeof whole - 8, &number);
  if (used == 0)
    return TW_ERR_STATE;
  if (brackets) {
    whole[0] = '[';
    whole[++used] = ']';
    used++;
  }
  whole[used++] = ':';
  char digits[5];
  uint32_t length = 0;
  do
    digits[length++] = (char)('0' + number % 10);
  while ((number /= 10) > 0);
  while (length > 0)
    whole[used++] = digits[--length];
  used = used < capacity ? used : capacity;
  memcpy(text, whole, used);
  return (int32_t)used;
}

void twc_port_random(void *host, void *data, uint32_t size) {
  (void)host;
  esp_fill_random(data, size);
}
