/* socket_lwip.c: the places of sockets, and how they are opened, tuned and closed. See port_lwip.h. */
#include <errno.h>
#include <string.h>

#include "address.h"
#include "clock.h"
#include "esp_netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/sockets.h"
#include "network.h"
#include "port_lwip.h"

enum {
  BACKLOG = 4,
  QUEUED_AT_MOST = 64, /* connections that a listener's queue can have: more than lwIP is ever configured for */
  SLOT_MASK = 0x7fff   /* a handle is 15 bits of slot number below its generation */
};

int32_t tw_esp_socket_error(int error) {
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
  case EMFILE:
  case ENOBUFS: /* CONFIG_LWIP_MAX_SOCKETS, and lwIP's own connections, of which there are as many */
    return TW_ERR_DESCRIPTORS;
  case ENOMEM:
    return TW_ERR_MEMORY;
  default:
    return TW_ERR_HOST;
  }
}

/* A network that goes makes lwIP abort its connections, or finds no route for them: that is the cause to report. */
int32_t tw_esp_socket_reason(const tw_esp_socket *socket, int32_t error) {
  if (error == 0 || error == TW_ERR_NETWORK_DOWN)
    return error;
  bool there = ip_addr_isany_val(socket->local) ? tw_esp_network_is_up() : tw_esp_network_has(&socket->local);
  return there ? error : TW_ERR_NETWORK_DOWN;
}

bool tw_esp_socket_is_full(int error) {
  return error == EWOULDBLOCK || error == EAGAIN || error == ENOMEM || error == ENOBUFS;
}

/* ---- Places -------------------------------------------------------------------------------------------------- */

tw_esp_socket *tw_esp_socket_find(tw_esp_port *port, int32_t handle) {
  uint32_t place = (uint32_t)handle & SLOT_MASK;
  return place < port->count && port->sockets[place].handle == handle ? &port->sockets[place] : NULL;
}

tw_esp_socket *tw_esp_socket_take(tw_esp_port *port, int32_t handle, tw_esp_socket_state state) {
  uint32_t place = (uint32_t)handle & SLOT_MASK;
  if (place >= port->count || port->sockets[place].handle != TW_NONE)
    return NULL;
  tw_esp_socket *socket = &port->sockets[place];
  *socket = (tw_esp_socket){.handle = handle,
                            .fd = -1,
                            .lookup = -1,
                            .flags = TW_ESP_READING,
                            .state = (uint8_t)state,
                            .v6_first = socket->v6_first};
  ip_addr_set_any(false, &socket->local);
  return socket;
}

/* ---- Opening ------------------------------------------------------------------------------------------------- */

static void tune(int fd, bool stream) {
  int on = 1;
  lwip_fcntl(fd, F_SETFL, lwip_fcntl(fd, F_GETFL, 0) | O_NONBLOCK);
  if (!stream)
    return;
  lwip_setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  /* When there is no memory for a FIN, lwip_close waits for some as long as this says, else 20 s. */
  struct timeval soon = {0, 1000};
  lwip_setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof soon);
}

static int32_t bind_to_interface(const tw_esp_port *port, int fd) {
  struct ifreq request;
  if (port->interface == NULL)
    return 0;
  memset(&request, 0, sizeof request);
  strncpy(request.ifr_name, port->interface, sizeof request.ifr_name - 1);
  int failed = lwip_setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, &request, sizeof request);
  return failed == 0 ? 0 : TW_ERR_NETWORK_DOWN;
}

static int32_t make_socket(const tw_esp_port *port, tw_esp_socket *socket, const ip_addr_t *ip, bool stream) {
  int family = tw_esp_address_family(ip);
  socket->fd = lwip_socket(family, stream ? SOCK_STREAM : SOCK_DGRAM, 0);
  if (socket->fd < 0)
    return tw_esp_socket_error(errno);
  if (family != AF_INET)
    socket->flags |= TW_ESP_IS_V6;
  tune(socket->fd, stream);
  return bind_to_interface(port, socket->fd);
}

/* Notes which interface's address a stream has, while lwIP still knows. */
static void note_local(tw_esp_socket *socket) {
  struct sockaddr_storage address;
  socklen_t size = sizeof address;
  if (lwip_getsockname(socket->fd, (struct sockaddr *)&address, &size) == 0)
    tw_esp_address_load(&socket->local, &address);
}

int32_t tw_esp_socket_connect(const tw_esp_port *port, tw_esp_socket *socket, const ip_addr_t *ip) {
  int32_t error = make_socket(port, socket, ip, true);
  if (error < 0)
    return error;
  struct sockaddr_storage address;
  socklen_t size = tw_esp_address_store(&address, ip, socket->port);
  socket->state = TW_ESP_CONNECTING;
  if (lwip_connect(socket->fd, (struct sockaddr *)&address, size) != 0 && errno != EINPROGRESS)
    return tw_esp_socket_reason(socket, tw_esp_socket_error(errno));
  note_local(socket);
  return 0; /* select reports the end of it */
}

void tw_esp_socket_adopt(const tw_esp_port *port, tw_esp_socket *socket, int fd) {
  socket->fd = fd;
  tune(fd, true);
  note_local(socket);
  tw_esp_port_keep_alive((void *)(uintptr_t)port, socket->handle, tw_handles_keep_alive(port->handles, socket->handle));
}

static int32_t open_stream(tw_esp_port *port, tw_esp_socket *socket, const char *name, uint32_t name_size) {
  ip_addr_t ip;
  if (name_size > 0 && tw_esp_address_parse(&ip, name, name_size))
    return tw_esp_socket_connect(port, socket, &ip);
  uint32_t first = socket->v6_first ? TW_ESP_V6 : TW_ESP_V4;
  int32_t lookup =
      tw_esp_lookup_start(port->lookups, port->count, name, name_size, tw_esp_network_versions(), first, port->wake);
  if (lookup < 0)
    return lookup;
  socket->flags |= TW_ESP_BY_NAME;
  socket->lookup = (int16_t)lookup;
  return 0;
}

static int32_t open_bound(const tw_esp_port *port, tw_esp_socket *socket, const char *name, uint32_t name_size,
                          bool stream) {
  ip_addr_t ip;
  if (!tw_esp_address_parse(&ip, name, name_size))
    return TW_ERR_ADDRESS;
  int32_t error = make_socket(port, socket, &ip, stream);
  if (error < 0)
    return error;
  int on = 1;
  if (stream) /* a port whose old connections linger in TIME_WAIT is free to listen on */
    lwip_setsockopt(socket->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  struct sockaddr_storage address;
  socklen_t size = tw_esp_address_store(&address, &ip, socket->port);
  if (lwip_bind(socket->fd, (struct sockaddr *)&address, size) != 0)
    return tw_esp_socket_error(errno);
  return stream && lwip_listen(socket->fd, BACKLOG) != 0 ? tw_esp_socket_error(errno) : 0;
}

int32_t tw_esp_socket_open(tw_esp_port *port, tw_esp_socket *socket, uint32_t kind, const char *name,
                           uint32_t name_size) {
  switch (kind) {
  case TW_SOCKET_TCP:
    return open_stream(port, socket, name, name_size);
  case TW_SOCKET_UDP:
    socket->state = TW_ESP_UDP;
    return open_bound(port, socket, name, name_size, false);
  default:
    socket->state = TW_ESP_LISTEN_DUE;
    return open_bound(port, socket, name, name_size, true);
  }
}

int32_t tw_esp_socket_begin_tls(tw_esp_port *port, tw_esp_socket *socket, const char *name) {
  const tw_tls_options *options = tw_handles_tls(port->handles, socket->handle);
  if (tw_handles_accepted(port->handles, socket->handle))
    name = NULL;
  else if (options != NULL && options->servername != NULL)
    name = options->servername;
  int32_t error = tw_esp_tls_open(&socket->tls, socket->fd, (uint32_t)socket->handle & SLOT_MASK, name, options);
  if (error < 0)
    return error;
  socket->state = TW_ESP_SECURING;
  socket->flags |= TW_ESP_TLS_FULL; /* the first step is due: it writes */
  return 0;
}

/* ---- Closing ------------------------------------------------------------------------------------------------- */

void tw_esp_socket_hold(tw_esp_socket *socket, uint16_t direction) {
  socket->flags |= direction;
  socket->held_until = tw_esp_clock_ms() + TW_ESP_HOLD_MS;
}

void tw_esp_socket_finish(tw_esp_socket *socket) {
  if (socket->tls != NULL && tw_esp_tls_finish(socket->tls) == TW_ESP_TLS_AGAIN) {
    socket->flags |= TW_ESP_FINISHING;
    return;
  }
  if (lwip_shutdown(socket->fd, SHUT_WR) != 0 && tw_esp_socket_is_full(errno)) {
    socket->flags |= TW_ESP_FINISHING;
    tw_esp_socket_hold(socket, TW_ESP_HELD);
    return;
  }
  socket->flags = (uint16_t)((socket->flags & ~TW_ESP_FINISHING) | TW_ESP_FINISHED);
}

/* Which connection of lwIP's, and whether it is in LAST_ACK. */
typedef struct inquiry {
  ip_addr_t local, remote;
  uint16_t local_port, remote_port;
  bool last_ack;
} inquiry;

static esp_err_t inquire(void *context) {
  inquiry *it = context;
  for (const struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next)
    if (pcb->local_port == it->local_port && pcb->remote_port == it->remote_port &&
        ip_addr_cmp(&pcb->local_ip, &it->local) && ip_addr_cmp(&pcb->remote_ip, &it->remote))
      it->last_ack = pcb->state == LAST_ACK;
  return ESP_OK;
}

bool tw_esp_socket_may_read(const tw_esp_socket *socket) {
  struct sockaddr_storage local, remote;
  socklen_t local_size = sizeof local;
  socklen_t remote_size = sizeof remote;
  if ((socket->flags & TW_ESP_FINISHED) == 0)
    return true;
  if (lwip_getsockname(socket->fd, (struct sockaddr *)&local, &local_size) != 0 ||
      lwip_getpeername(socket->fd, (struct sockaddr *)&remote, &remote_size) != 0)
    return !tw_esp_socket_is_full(errno);
  inquiry it = {.local_port = tw_esp_address_load(&it.local, &local)};
  it.remote_port = tw_esp_address_load(&it.remote, &remote);
  return esp_netif_tcpip_exec(inquire, &it) == ESP_OK && !it.last_ack;
}

/* With FIN, or at once with RST where lwIP is built with SO_LINGER; without it a FIN has to do. */
static void set_abort(int fd) {
  struct linger at_once = {1, 0};
  lwip_setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

static err_t refuse(void *arg, struct tcp_pcb *pcb, err_t error) {
  (void)arg, (void)pcb, (void)error;
  return ERR_VAL; /* lwIP aborts the connection */
}

static esp_err_t refuse_all(void *context) {
  const inquiry *it = context;
  for (union tcp_listen_pcbs_t list = tcp_listen_pcbs; list.pcbs != NULL; list.pcbs = list.pcbs->next)
    if (list.listen_pcbs->local_port == it->local_port && ip_addr_cmp(&list.listen_pcbs->local_ip, &it->local))
      tcp_accept(list.pcbs, refuse);
  return ESP_OK;
}

/* Takes what a listener has queued and closes it: closing a listener with connections in its queue is an assertion of
 * lwIP that fails (2.1.3), which ends the program where assertions are on. */
static void empty_queue(int fd) {
  struct sockaddr_storage local;
  socklen_t size = sizeof local;
  inquiry it;
  if (lwip_getsockname(fd, (struct sockaddr *)&local, &size) == 0) {
    it.local_port = tw_esp_address_load(&it.local, &local);
    esp_netif_tcpip_exec(refuse_all, &it); /* so that none comes behind those that are taken */
  }
  for (int i = 0; i < QUEUED_AT_MOST; i++) {
    int queued = lwip_accept(fd, NULL, NULL);
    if (queued >= 0)
      lwip_close(queued);
    else if (errno == EWOULDBLOCK)
      return;
  }
}

void tw_esp_socket_release(tw_esp_port *port, tw_esp_socket *socket, bool orderly) {
  if (socket->lookup >= 0)
    tw_esp_lookup_drop(&port->lookups[socket->lookup]);
  if (socket->state == TW_ESP_CONNECTING && (socket->flags & TW_ESP_BY_NAME) != 0)
    socket->v6_first = (socket->flags & TW_ESP_IS_V6) == 0; /* this address does not answer: the other version next */
  if (socket->fd >= 0 && (socket->state == TW_ESP_LISTENING || socket->state == TW_ESP_LISTEN_DUE))
    empty_queue(socket->fd);
  if (socket->fd >= 0 && !orderly)
    set_abort(socket->fd);
  if (socket->tls != NULL) {
    if (orderly)
      tw_esp_tls_finish(socket->tls);
    tw_esp_tls_free(socket->tls);
  } else if (socket->fd >= 0) {
    lwip_close(socket->fd);
  }
  socket->handle = TW_NONE;
  socket->fd = -1;
  socket->tls = NULL;
  socket->lookup = -1;
}
