/* port.c: the functions of port.h, one by one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "posix.h"

static int32_t open_kind(tw_sock *sock, uint32_t kind, const char *name, uint32_t size, uint16_t port) {
  switch (kind) {
  case TW_SOCKET_TCP:
    return tw_posix_connect(sock, name, size, port);
  case TW_SOCKET_UNIX:
    return tw_posix_connect_path(sock, name, size);
  case TW_SOCKET_UDP:
    return tw_posix_udp_open(sock, name, size, port);
  case TW_SOCKET_TCP_LISTENER:
    return tw_posix_listen(sock, name, size, port);
  case TW_SOCKET_UNIX_LISTENER:
    return tw_posix_listen_path(sock, name, size);
  default:
    return TW_ERR_UNSUPPORTED;
  }
}

int32_t twc_port_open(void *host, int32_t handle, uint32_t kind, const char *name, uint32_t name_size, uint32_t port) {
  (void)host;
  tw_sock *sock = tw_posix_take(handle, kind);
  int32_t error = open_kind(sock, kind, name, name_size, (uint16_t)port);
  if (error != 0)
    tw_posix_forget(sock);
  return error;
}

static bool is_stream(const tw_sock *sock) { return sock->kind == TW_SOCKET_TCP || sock->kind == TW_SOCKET_UNIX; }

int32_t twc_port_write(void *host, int32_t handle, const tw_span *spans, uint32_t count) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || !is_stream(sock) || sock->life != TW_LIFE_OPEN)
    return TW_ERR_STATE;
  return tw_posix_write(sock, spans, count);
}

int32_t twc_port_send_to(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port,
                         const void *data, uint32_t size) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || sock->kind != TW_SOCKET_UDP)
    return TW_ERR_STATE;
  return tw_posix_udp_send(sock, address, address_size, (uint16_t)port, data, size);
}

void twc_port_shutdown(void *host, int32_t handle) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock != NULL && is_stream(sock))
    tw_posix_shutdown(sock);
}

int32_t twc_port_connect(void *host, int32_t handle, const char *address, uint32_t address_size, uint32_t port) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || sock->kind != TW_SOCKET_UDP)
    return TW_ERR_STATE;
  return tw_posix_udp_connect(sock, address, address_size, (uint16_t)port);
}

int32_t twc_port_start_tls(void *host, int32_t handle, const char *name, uint32_t name_size) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || !is_stream(sock) || sock->life != TW_LIFE_OPEN || sock->tls != NULL)
    return TW_ERR_STATE;
  char whom[TW_MAX_HOST + 1];
  if (name_size > TW_MAX_HOST)
    return TW_ERR_ARGUMENT;
  memcpy(whom, name, name_size);
  whom[name_size] = 0;
  const char *verified = name_size > 0 ? whom : sock->name == NULL ? "" : sock->name;
  int32_t error = 0;
  bool server = tw_handles_accepted(tw_host.handles, handle);
  sock->tls = tw_tls_begin(sock->watch.fd, tw_handles_tls(tw_host.handles, handle), server, verified, &error);
  if (sock->tls == NULL)
    return error;
  sock->life = TW_LIFE_SECURING;
  tw_posix_update(sock);
  tw_posix_queue(sock); /* the handshake begins in the next iteration */
  return 0;
}

void twc_port_read(void *host, int32_t handle, uint32_t on) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL)
    return;
  sock->reading = on != 0;
  tw_posix_update(sock);
  if (sock->reading && sock->life == TW_LIFE_OPEN && sock->tls != NULL && tw_tls_pending(sock->tls))
    tw_posix_queue(sock); /* the poller does not report what TLS holds */
}

void twc_port_close(void *host, int32_t handle, uint32_t how) {
  (void)host;
  tw_sock *sock = tw_posix_find(handle);
  if (sock != NULL)
    tw_posix_close(sock, how);
}

int32_t twc_port_address(void *host, int32_t handle, uint32_t which, char *text, uint32_t capacity) {
  (void)host;
  const tw_sock *sock = tw_posix_find(handle);
  if (sock == NULL || sock->watch.fd < 0)
    return TW_ERR_STATE;
  tw_peer peer = {.size = sizeof peer.at};
  int result = which == TW_ADDRESS_LOCAL ? getsockname(sock->watch.fd, &peer.at.any, &peer.size)
                                         : getpeername(sock->watch.fd, &peer.at.any, &peer.size);
  return result < 0 ? TW_ERR_STATE : tw_peer_name(&peer, text, capacity);
}

void twc_port_random(void *host, void *data, uint32_t size) {
  (void)host;
  if (getentropy(data, size) != 0) /* at most 256 bytes, as the port's rule has it */
    abort();                       /* to go on with bytes that can be guessed would be worse */
}
