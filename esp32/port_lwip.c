/* port_lwip.c: the calls of twinwire/port.h over lwIP's sockets. See port_lwip.h. */
#include "port_lwip.h"

#include <errno.h>
#include <string.h>

#include "address.h"
#include "esp_netif.h"
#include "esp_random.h"
#include "esp_timer.h"
#include "lwip/sockets.h"
#include "twinwire/port.h"

enum {
  BACKLOG = 4,
  PAUSE_MS = 10, /* before a write that lwIP had no memory for is tried again */
};

uint32_t tw_lwip_now(void *host) {
  (void)host;
  return (uint32_t)((uint64_t)esp_timer_get_time() / 1000u);
}

/* ESP-IDF keeps the default interface in a variable of its own, so this is safe before lwIP runs. */
tw_network tw_network_look(void) {
  tw_network none = {NULL, 0};
  esp_netif_t *netif = esp_netif_get_default_netif();
  esp_netif_ip_info_t info;
  if (netif == NULL || !esp_netif_is_netif_up(netif) || esp_netif_get_ip_info(netif, &info) != ESP_OK)
    return none;
  tw_network network = {netif, info.ip.addr};
  return info.ip.addr == 0 ? none : network;
}

bool tw_lwip_is_up(void *host) {
  (void)host;
  return tw_network_look().address != 0;
}

int32_t tw_lwip_error(int error) {
  switch (error) {
  case ECONNREFUSED:
    return TW_ERR_REFUSED;
  case ECONNRESET:
  case ENOTCONN:
  case EPIPE:
    return TW_ERR_RESET;
  case ETIMEDOUT:
  case ECONNABORTED: /* lwIP's word for a peer that acknowledges nothing any more */
    return TW_ERR_TIMEOUT;
  case EHOSTUNREACH:
  case ENETUNREACH:
    return TW_ERR_UNREACHABLE;
  case ENETDOWN:
    return TW_ERR_NETWORK_DOWN;
  case EADDRINUSE:
    return TW_ERR_IN_USE;
  case EADDRNOTAVAIL:
  case EAFNOSUPPORT:
    return TW_ERR_ADDRESS;
  case EACCES:
    return TW_ERR_ACCESS;
  case EMSGSIZE:
    return TW_ERR_TOO_LARGE;
  case ENFILE:
  case EMFILE: /* LWIP_MAX_SOCKETS */
    return TW_ERR_LIMIT;
  default:
    return TW_ERR_HOST;
  }
}

/* ---- Sockets ------------------------------------------------------------------------------------------------- */

tw_lwip_socket *tw_lwip_find(tw_lwip *port, int32_t handle) {
  for (uint32_t i = 0; i < port->count; i++)
    if (port->sockets[i].handle == handle)
      return &port->sockets[i];
  return NULL;
}

tw_lwip_socket *tw_lwip_place(tw_lwip *port, int32_t handle, tw_lwip_state state) {
  tw_lwip_socket *socket = tw_lwip_find(port, TW_NONE);
  if (socket == NULL)
    return NULL;
  memset(socket, 0, sizeof *socket);
  socket->handle = handle;
  socket->fd = -1;
  socket->lookup = -1;
  socket->state = (uint8_t)state;
  socket->flags = TW_LWIP_READING;
  return socket;
}

/* With FIN, or at once with RST where lwIP is built with SO_LINGER; without it a FIN has to do. */
static void close_socket(int fd, bool orderly) {
  if (!orderly) {
    struct linger at_once = {1, 0};
    lwip_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  }
  lwip_close(fd);
}

void tw_lwip_release(tw_lwip *port, tw_lwip_socket *socket, bool orderly) {
  if (socket->lookup >= 0)
    tw_lookup_drop(&port->lookups[socket->lookup]);
  if (socket->tls != NULL) {
    if (orderly)
      tw_tls_finish(socket->tls);
    tw_tls_free(socket->tls);
  } else if (socket->fd >= 0) {
    close_socket(socket->fd, orderly);
  }
  socket->handle = TW_NONE;
  socket->fd = -1;
  socket->tls = NULL;
  socket->lookup = -1;
}

void tw_lwip_tune(int fd, bool stream) {
  int on = 1;
  lwip_fcntl(fd, F_SETFL, lwip_fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  if (!stream)
    return;
  lwip_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* When there is no memory for a FIN, lwip_close waits for some as long as this says, else 20 s. */
  struct timeval soon = {0, 1000};
  lwip_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
}

static int32_t make_socket(tw_lwip_socket *socket, const ip_addr_t *ip, bool stream) {
  int family = tw_esp_address_family(ip);
  socket->fd = lwip_socket(family, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (socket->fd < 0)
    return tw_lwip_error(errno);
  if (family != AF_INET)
    socket->flags |= TW_LWIP_V6;
  tw_lwip_tune(socket->fd, stream);
  return 0;
}

int32_t tw_lwip_connect(tw_lwip_socket *socket, const ip_addr_t *ip) {
  int32_t error = make_socket(socket, ip, true);
  if (error < 0)
    return error;
  struct sockaddr_storage address;
  socklen_t size = tw_esp_address_store(&address, ip, socket->port);
  socket->state = TW_LWIP_CONNECTING;
  if (lwip_connect(socket->fd, (struct sockaddr *)&address, size) == 0 || errno == EINPROGRESS)
    return 0; /* select says when */
  return tw_lwip_error(errno);
}

static int32_t open_stream(tw_lwip *port, tw_lwip_socket *socket, const char *name, uint32_t name_size) {
  ip_addr_t ip;
  if (name_size > 0 && tw_esp_address_parse(&ip, name, name_size))
    return tw_lwip_connect(socket, &ip);
  int32_t lookup = tw_lookup_start(port->lookups, port->count, name, name_size);
  if (lookup < 0)
    return lookup;
  socket->lookup = (int16_t)lookup;
  return 0;
}

static int32_t open_bound(tw_lwip_socket *socket, const char *name, uint32_t name_size, bool stream) {
  ip_addr_t ip;
  if (!tw_esp_address_parse(&ip, name, name_size))
    return TW_ERR_ADDRESS;
  int32_t error = make_socket(socket, &ip, stream);
  if (error < 0)
    return error;
  int on = 1;
  if (stream) /* a port whose old connections linger in TIME_WAIT is free to listen on */
    lwip_setsockopt(socket->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_storage address;
  socklen_t size = tw_esp_address_store(&address, &ip, socket->port);
  if (lwip_bind(socket->fd, (struct sockaddr *)&address, size) != 0)
    return tw_lwip_error(errno);
  return stream && lwip_listen(socket->fd, BACKLOG) != 0 ? tw_lwip_error(errno) : 0;
}

static int32_t open_kind(tw_lwip *port, tw_lwip_socket *socket, uint32_t kind, const char *name, uint32_t name_size) {
  switch (kind) {
  case TW_SOCKET_TCP:
    return open_stream(port, socket, name, name_size);
  case TW_SOCKET_UDP:
    socket->state = TW_LWIP_UDP;
    return open_bound(socket, name, name_size, false);
  default:
    socket->state = TW_LWIP_LISTEN_DUE;
    return open_bound(socket, name, name_size, true);
  }
}

int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size,
                      uint32_t number) {
  tw_lwip *port = host;
  if (kind != TW_SOCKET_TCP && kind != TW_SOCKET_UDP && kind != TW_SOCKET_TCP_LISTENER)
    return TW_ERR_UNSUPPORTED;
  if (!tw_lwip_is_up(port))
    return TW_ERR_NETWORK_DOWN;
  tw_lwip_socket *socket = tw_lwip_place(port, handle, TW_LWIP_LOOKUP);
  if (socket == NULL)
    return TW_ERR_LIMIT;
  socket->port = (uint16_t)number;
  int32_t error = open_kind(port, socket, kind, name, name_size);
  if (error < 0)
    tw_lwip_release(port, socket, true);
  return error;
}

void twc_port_close(void *host, int32_t handle, uint32_t how) {
  tw_lwip *port = host;
  tw_lwip_socket *socket = tw_lwip_find(port, handle);
  if (socket != NULL)
    tw_lwip_release(port, socket, how == TW_CLOSE_ORDERLY);
}

void twc_port_read(void *host, int32_t handle, uint32_t on) {
  tw_lwip_socket *socket = tw_lwip_find(host, handle);
  if (socket != NULL)
    socket->flags = (uint8_t)((socket->flags & ~TW_LWIP_READING) | (on != 0 ? TW_LWIP_READING : 0));
}

/* ---- Writing ------------------------------------------------------------------------------------------------- */

void tw_lwip_owe(tw_lwip_socket *socket, bool pause) {
  socket->flags |= TW_LWIP_WRITE_OWED;
  socket->held = pause;
  if (pause)
    socket->held_until = tw_lwip_now(NULL) + PAUSE_MS;
}

static bool is_full(int error) {
  return error == EWOULDBLOCK || error == EAGAIN || error == ENOMEM || error == ENOBUFS;
}

static int32_t write_plain(const tw_lwip *port, const tw_lwip_socket *socket, const tw_span *spans, uint32_t count) {
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
  return is_full(errno) ? 0 : tw_lwip_error(errno);
}

static int32_t write_secured(const tw_lwip *port, const tw_lwip_socket *socket, const tw_span *spans, uint32_t count) {
  uint32_t total = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t done = tw_tls_write(socket->tls, port->arena + spans[i].data, spans[i].size);
    if (done < 0 && done != TW_TLS_AGAIN && total == 0)
      return done; /* after bytes that were taken, it is told by the next write */
    if (done > 0)
      total += (uint32_t)done;
    if (done < (int32_t)spans[i].size)
      break;
  }
  return (int32_t)total;
}

int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  tw_lwip *port = host;
  tw_lwip_socket *socket = tw_lwip_find(port, handle);
  if (socket == NULL || socket->state != TW_LWIP_OPEN)
    return TW_ERR_STATE;
  uint32_t offered = 0;
  for (uint32_t i = 0; i < count; i++)
    offered += spans[i].size;
  int32_t done =
      socket->tls != NULL ? write_secured(port, socket, spans, count) : write_plain(port, socket, spans, count);
  /* lwIP can say that there is room and have no memory for it: then select would return at once, again and again. */
  if (done >= 0 && (uint32_t)done < offered)
    tw_lwip_owe(socket, done == 0);
  return done;
}

int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t number,
                         const void *data, uint32_t size) {
  tw_lwip *port = host;
  tw_lwip_socket *socket = tw_lwip_find(port, handle);
  if (socket == NULL || socket->state != TW_LWIP_UDP)
    return TW_ERR_STATE;
  if (!tw_lwip_is_up(port))
    return TW_ERR_NETWORK_DOWN;
  ssize_t done;
  if (address_size == 0) {
    done = lwip_send(socket->fd, data, size, MSG_DONTWAIT);
  } else {
    ip_addr_t ip;
    struct sockaddr_storage to;
    if (!tw_esp_address_parse(&ip, address, address_size))
      return TW_ERR_ADDRESS;
    if ((tw_esp_address_family(&ip) != AF_INET) != ((socket->flags & TW_LWIP_V6) != 0))
      return TW_ERR_UNREACHABLE;
    socklen_t to_size = tw_esp_address_store(&to, &ip, number);
    done = lwip_sendto(socket->fd, data, size, MSG_DONTWAIT, (struct sockaddr *)&to, to_size);
  }
  if (done >= 0)
    return (int32_t)size;
  if (!is_full(errno))
    return tw_lwip_error(errno);
  tw_lwip_owe(socket, true); /* the driver's queue is full, and lwIP can't tell when it is not */
  return TW_ERR_BACKPRESSURE;
}

void twc_port_shutdown(void *host, int32_t handle) {
  tw_lwip_socket *socket = tw_lwip_find(host, handle);
  if (socket == NULL || socket->fd < 0)
    return;
  if (socket->tls != NULL)
    tw_tls_finish(socket->tls);
  lwip_shutdown(socket->fd, SHUT_WR);
}

/* ---- The rest ------------------------------------------------------------------------------------------------ */

int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t number) {
  tw_lwip_socket *socket = tw_lwip_find(host, handle);
  ip_addr_t ip;
  struct sockaddr_storage to;
  if (socket == NULL || socket->state != TW_LWIP_UDP)
    return TW_ERR_STATE;
  if (!tw_esp_address_parse(&ip, address, address_size))
    return TW_ERR_ADDRESS;
  socklen_t size = tw_esp_address_store(&to, &ip, number);
  return lwip_connect(socket->fd, (struct sockaddr *)&to, size) == 0 ? 0 : tw_lwip_error(errno);
}

int32_t tw_lwip_begin_tls(tw_lwip *port, tw_lwip_socket *socket, const char *name) {
  const tw_tls_options *options = tw_easy_tls(port->easy, socket->handle);
  if (options != NULL && options->servername != NULL)
    name = options->servername;
  socket->tls = tw_tls_open(socket->fd, name, options);
  if (socket->tls == NULL)
    return TW_ERR_TLS;
  socket->state = TW_LWIP_SECURING;
  return 0;
}

int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  tw_lwip *port = host;
  tw_lwip_socket *socket = tw_lwip_find(port, handle);
  if (socket == NULL || socket->state != TW_LWIP_OPEN || socket->tls != NULL)
    return TW_ERR_STATE;
  int32_t error = tw_tls_check(port, tw_easy_tls(port->easy, handle), tw_easy_accepted(port->easy, handle));
  if (error < 0)
    return error;
  if (name_size == 0) {
    socket->state = TW_LWIP_TLS_DUE; /* the name stands in the core, which may not be asked now */
    return 0;
  }
  char terminated[TW_MAX_HOST + 1];
  if (name_size > TW_MAX_HOST)
    return TW_ERR_ARGUMENT;
  memcpy(terminated, name, name_size);
  terminated[name_size] = '\0';
  return tw_lwip_begin_tls(port, socket, terminated);
}

int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  const tw_lwip_socket *socket = tw_lwip_find(host, handle);
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
