/* stream.c: bytes in, bytes out, and the end of a stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "posix.h"

enum { READS_PER_ITERATION = 8 };

/* Returns the bytes read, 0 at the end, or an error; TW_ERR_BACKPRESSURE: nothing for now. */
static int32_t read_some(tw_sock *sock, void *data, uint32_t size) {
  if (sock->tls != NULL)
    return tw_tls_read(sock->tls, data, size);
  for (;;) {
    ssize_t got = recv(sock->watch.fd, data, size, 0);
    if (got >= 0)
      return (int32_t)got;
    if (errno == EAGAIN || errno == EWOULDBLOCK)
      return TW_ERR_BACKPRESSURE;
    if (errno != EINTR)
      return tw_posix_error(errno);
  }
}

void tw_posix_read(tw_sock *sock) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  const uint32_t room = tw_host.limits.recvBuffer;
  for (int i = 0; i < READS_PER_ITERATION; i++) {
    int32_t got = read_some(sock, twc_rx_buffer(tw_host.core), room);
    if (got == TW_ERR_BACKPRESSURE) {
      tw_posix_update(sock);
      return;
    }
    if (got < 0) {
      tw_posix_gone(sock, got);
      return;
    }
    if (got == 0) {
      sock->ended = true;
      tw_posix_update(sock);
      tw_handles_deliver(tw_host.handles, twc_ended(tw_host.core, handle));
      return;
    }
    bool tls = sock->tls != NULL;
    tw_handles_deliver(tw_host.handles, twc_received(tw_host.core, handle, (uint32_t)got));
    if (!tw_posix_is_same(handle, serial) || !sock->reading || sock->life != TW_LIFE_OPEN)
      return;
    if (!tls && (uint32_t)got < room)
      return; /* that was all; if not, the poller reports it */
  }
  if (sock->tls != NULL && tw_tls_pending(sock->tls))
    tw_posix_queue(sock);
}

/* An error behind bytes that were taken is returned by the next write: those bytes count as written. */
static int32_t write_tls(tw_sock *sock, const struct iovec *pieces, uint32_t count) {
  int32_t done = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t took = tw_tls_write(sock->tls, pieces[i].iov_base, (uint32_t)pieces[i].iov_len);
    if (took < 0)
      return done > 0 ? done : took;
    done += took;
    if ((size_t)took < pieces[i].iov_len)
      break;
  }
  return done;
}

/* A single piece costs the system less without the list. */
static ssize_t send_pieces(int fd, struct iovec *pieces, uint32_t count) {
  if (count == 1)
    return send(fd, pieces->iov_base, pieces->iov_len, MSG_NOSIGNAL);
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

static int32_t write_plain(tw_sock *sock, struct iovec *pieces, uint32_t count) {
  for (;;) {
    ssize_t sent = send_pieces(sock->watch.fd, pieces, count);
    if (sent >= 0)
      return (int32_t)sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
      return 0;
    if (errno != EINTR)
      return tw_posix_error(errno);
  }
}

/* Keeps no pointer: what the system does not take now is offered again once the descriptor is writable. */
int32_t tw_posix_write(tw_sock *sock, const tw_span *spans, uint32_t count) {
  struct iovec pieces[TW_MAX_SPANS];
  int32_t offered = 0;
  for (uint32_t i = 0; i < count; i++) {
    pieces[i] = (struct iovec){(char *)tw_host.arena + spans[i].data, spans[i].size};
    offered += (int32_t)spans[i].size;
  }
  int32_t done = sock->tls != NULL ? write_tls(sock, pieces, count) : write_plain(sock, pieces, count);
  if (done >= 0 && done < offered) {
    sock->owes_write = true;
    tw_posix_update(sock);
  }
  return done;
}

/* ---- The end ------------------------------------------------------------------------------------------------- */

void tw_posix_shutdown(tw_sock *sock) {
  sock->shut = true;
  if (sock->life != TW_LIFE_OPEN || tw_posix_end_half(sock->watch.fd, sock->tls))
    return;
  sock->owes_write = true; /* tried again once it is writable */
  tw_posix_update(sock);
}

static void reset(int fd) {
  struct linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* An orderly close while the peer may still send is left to linger.c: close(2) would reset the connection. */
void tw_posix_close(tw_sock *sock, uint32_t how) {
  bool stream = sock->kind == TW_SOCKET_TCP || sock->kind == TW_SOCKET_UNIX;
  bool open = sock->life == TW_LIFE_OPEN || sock->life == TW_LIFE_SECURING;
  if (sock->kind == TW_SOCKET_UNIX_LISTENER && sock->name != NULL)
    unlink(sock->name);
  if (stream && open && how == TW_CLOSE_ABORT)
    reset(sock->watch.fd);
  if (stream && open && how != TW_CLOSE_ABORT) {
    tw_tls *tls = sock->life == TW_LIFE_OPEN ? sock->tls : NULL;
    bool said = tw_posix_end_half(sock->watch.fd, tls);
    if (!said || !sock->ended) {
      if (!said)
        sock->tls = NULL; /* it goes with the descriptor */
      tw_posix_linger(tw_poller_remove(tw_host.poller, &sock->watch), said ? NULL : tls);
    }
  }
  tw_posix_forget(sock);
}
