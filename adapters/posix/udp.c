/* udp.c: datagrams. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { DATAGRAMS_PER_ITERATION = 64 };

int32_t tw_posix_udp_open(tw_sock *sock, const char *name, uint32_t size, uint16_t port) {
  tw_peer at;
  if (!tw_peer_parse(&at, name, size, port))
    return TW_ERR_ADDRESS;
  int fd = tw_posix_socket(at.at.any.sa_family, SOCK_DGRAM);
  if (fd < 0)
    return tw_posix_error(errno);
  setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &(int){1}, sizeof(int));
  if (tw_host.reuse_port) { /* each of the sockets on a port receives what is sent to a group */
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
#ifdef SO_REUSEPORT
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
#endif
  }
  if (at.at.any.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){1}, sizeof(int));
  sock->life = TW_LIFE_OPEN;
  if (bind(fd, &at.at.any, at.size) == 0 && tw_posix_adopt(sock, fd)) {
    sock->port = (uint16_t)at.at.any.sa_family; /* the family it can reach */
    return 0;
  }
  int32_t error = tw_posix_error(errno);
  close(fd);
  return error;
}

static bool reaches(const tw_sock *sock, const tw_peer *peer) { return sock->port == peer->at.any.sa_family; }

int32_t tw_posix_udp_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port) {
  tw_peer peer;
  if (!tw_peer_parse(&peer, name, size, port))
    return TW_ERR_ADDRESS;
  if (!reaches(sock, &peer))
    return TW_ERR_UNREACHABLE;
  if (sock->peer == NULL && (sock->peer = tw_posix_resize(NULL, sizeof *sock->peer)) == NULL)
    return TW_ERR_MEMORY;
  if (connect(sock->watch.fd, &peer.at.any, peer.size) < 0)
    return tw_posix_error(errno);
  *sock->peer = peer;
  sock->has_peer = true;
  return 0;
}

int32_t tw_posix_udp_send(tw_sock *sock, const char *name, uint32_t size, uint16_t port, const void *data,
                          uint32_t length) {
  tw_peer peer = {0};
  if (size > 0 && !tw_peer_parse(&peer, name, size, port))
    return TW_ERR_ADDRESS;
  if (size > 0 && !reaches(sock, &peer))
    return TW_ERR_UNREACHABLE;
  if (size == 0 && !sock->has_peer)
    return TW_ERR_STATE;
  for (;;) {
    ssize_t sent = size > 0 ? sendto(sock->watch.fd, data, length, MSG_NOSIGNAL, &peer.at.any, peer.size)
                            : send(sock->watch.fd, data, length, MSG_NOSIGNAL);
    if (sent >= 0)
      return (int32_t)length;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS) {
      sock->owes_write = true;
      tw_posix_update(sock);
      return TW_ERR_BACKPRESSURE;
    }
    if (errno == EINTR)
      continue;
    if (errno != ECONNREFUSED || sock->error != 0)
      return tw_posix_error(errno);
    sock->error = TW_ERR_REFUSED; /* of an earlier datagram: reported in the next iteration, and this one is sent */
    tw_posix_queue(sock);
  }
}

void tw_posix_udp_read(tw_sock *sock) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  for (int i = 0; i < DATAGRAMS_PER_ITERATION && sock->reading; i++) {
    tw_peer from = {.size = sizeof from.at};
    struct iovec into = {twc_rx_buffer(tw_host.core), tw_host.limits.recvBuffer};
    struct msghdr message = {.msg_name = &from.at, .msg_namelen = from.size, .msg_iov = &into, .msg_iovlen = 1};
    ssize_t got = recvmsg(sock->watch.fd, &message, 0);
    if (got < 0) {
      if (errno == EINTR)
        continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK)
        tw_handles_failed(tw_host.handles, handle, tw_posix_error(errno), TW_STEP_SEND, TW_FOREVER);
      return;
    }
    from.size = message.msg_namelen;
    if (sock->has_peer && !tw_peer_equal(&from, sock->peer))
      continue; /* it came before there was a peer */
    if ((message.msg_flags & MSG_TRUNC) != 0) {
      tw_handles_failed(tw_host.handles, handle, TW_ERR_TOO_LARGE, TW_STEP_RECEIVE, TW_FOREVER);
    } else {
      uint32_t size = tw_peer_text(&from, twc_rx_address(tw_host.core));
      tw_handles_deliver(tw_host.handles, twc_datagram(tw_host.core, handle, (uint32_t)got, size, tw_peer_port(&from)));
    }
    if (!tw_posix_is_same(handle, serial))
      return;
  }
}
