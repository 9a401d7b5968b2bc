/* connect.c: from a name or a path to a connection. The addresses of a name are tried in turn. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

void tw_posix_fail(tw_sock *sock, int32_t error) {
  sock->life = TW_LIFE_FAILED;
  sock->error = error;
  tw_posix_queue(sock);
}

static bool is_inet(const tw_peer *peer) { return peer->at.any.sa_family != AF_UNIX; }

void tw_posix_tune(int fd) {
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  if (tw_host.keep_alive_s == 0)
    return;
  setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){1}, sizeof(int));
#ifdef TCP_KEEPIDLE
  setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){(int)tw_host.keep_alive_s}, sizeof(int));
#endif
}

/* Begins one attempt; 0, or an error. */
static int32_t attempt(tw_sock *sock, const tw_peer *peer) {
  int fd = socket(peer->at.any.sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return tw_posix_error(errno);
  sock->life = TW_LIFE_CONNECTING;
  if (!tw_posix_adopt(sock, fd)) {
    int32_t error = tw_posix_error(errno);
    close(fd);
    return error;
  }
  if (is_inet(peer))
    tw_posix_tune(fd);
  if (connect(fd, &peer->at.any, peer->size) == 0 || errno == EINPROGRESS || errno == EINTR)
    return 0;                                          /* poll says when it is done, also if it is already */
  int number = errno == EAGAIN ? ECONNREFUSED : errno; /* a Unix socket whose backlog is full */
  close(tw_posix_detach(sock));
  return tw_posix_error(number);
}

static bool has_next(const tw_sock *sock) { return sock->address_next < sock->address_count; }

/* Goes on with the next address; `error`: what became of the last one. */
static void try_next(tw_sock *sock, int32_t error) {
  while (has_next(sock)) {
    const tw_peer *peer = &sock->addresses[sock->address_next++];
    if (!has_next(sock))
      tw_host.racing--;
    sock->turn_ends = tw_posix_clock() + TW_POSIX_TURN_MS;
    error = attempt(sock, peer);
    if (error == 0)
      return;
  }
  tw_posix_fail(sock, error);
}

void tw_posix_found(tw_sock *sock, int32_t error, tw_peer *addresses, uint8_t count) {
  sock->lookup = NULL;
  if (error != 0) {
    tw_posix_fail(sock, error);
  } else if (sock->kind == TW_SOCKET_TCP_LISTENER) {
    tw_posix_listen_at(sock, &addresses[0]);
    free(addresses);
  } else {
    sock->addresses = addresses;
    sock->address_count = count;
    tw_host.racing++;
    try_next(sock, TW_ERR_NAME_NOT_FOUND);
  }
}

static char *text_of(const char *text, uint32_t size) {
  char *copy = malloc(size + 1);
  if (copy != NULL) {
    memcpy(copy, text, size);
    copy[size] = 0;
  }
  return copy;
}

int32_t tw_posix_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port) {
  sock->port = port;
  sock->name = text_of(name, size);
  if (sock->name == NULL)
    return TW_ERR_MEMORY;
  tw_peer *peer = malloc(sizeof *peer);
  if (peer == NULL)
    return TW_ERR_MEMORY;
  if (tw_peer_parse(peer, name, size, port)) {
    tw_posix_found(sock, 0, peer, 1);
    return 0;
  }
  free(peer);
  sock->life = TW_LIFE_LOOKUP;
  sock->lookup = tw_pool_lookup(sock, sock->name, port, false);
  return sock->lookup == NULL ? TW_ERR_MEMORY : 0;
}

int32_t tw_posix_connect_path(tw_sock *sock, const char *path, uint32_t size) {
  tw_peer peer;
  if (!tw_peer_path(&peer, path, size))
    return TW_ERR_PATH;
  int32_t error = attempt(sock, &peer);
  if (error != 0)
    tw_posix_fail(sock, error);
  return 0;
}

static void connected(tw_sock *sock) {
  sock->life = TW_LIFE_OPEN;
  if (has_next(sock)) {
    tw_host.racing--;
    sock->address_next = sock->address_count;
  }
  free(sock->addresses);
  sock->addresses = NULL;
  tw_posix_update(sock);
  tw_easy_tell(tw_host.easy, twc_connected(tw_host.core, sock->handle));
}

void tw_posix_connect_ready(tw_sock *sock) {
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(sock->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
    error = errno;
  if (error == 0) {
    connected(sock);
    return;
  }
  int32_t code = tw_posix_error(error);
  close(tw_posix_detach(sock));
  try_next(sock, code);
}

void tw_posix_connect_turn(tw_sock *sock) {
  if (!has_next(sock))
    return;
  close(tw_posix_detach(sock));
  try_next(sock, TW_ERR_TIMEOUT);
}
