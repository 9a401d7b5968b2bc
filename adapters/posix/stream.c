/* stream.c: bytes in, bytes out, and the end of a stream. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "posix.h"

enum { READS_A_TURN = 8 };

/* Bytes, 0 at the end, or an error; TW_ERR_BACKPRESSURE: none for now. */
static int32_t read_some(tw_sock *sock, void *data, uint32_t size) {
  if (sock->tls != NULL)
    return tw_tls_read(sock->tls, data, size);
  for (;;) {
    ssize_t got = recv(sock->fd, data, size, 0);
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
  for (int i = 0; i < READS_A_TURN; i++) {
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
      tw_easy_tell(tw_host.easy, twc_ended(tw_host.core, handle));
      return;
    }
    bool tls = sock->tls != NULL;
    tw_easy_tell(tw_host.easy, twc_received(tw_host.core, handle, (uint32_t)got));
    sock = tw_posix_find(handle);
    if (sock == NULL || sock->serial != serial || !sock->reading || sock->life != TW_LIFE_OPEN)
      return;
    if (!tls && (uint32_t)got < room)
      return; /* that was all; if not, poll says so */
  }
  if (sock->tls != NULL && tw_tls_pending(sock->tls))
    tw_posix_queue(sock);
}

static int32_t write_tls(tw_sock *sock, const struct iovec *pieces, uint32_t count) {
  int32_t done = 0;
  for (uint32_t i = 0; i < count; i++) {
    int32_t took = tw_tls_write(sock->tls, pieces[i].iov_base, (uint32_t)pieces[i].iov_len);
    if (took < 0)
      return took;
    done += took;
    if ((size_t)took < pieces[i].iov_len)
      break;
  }
  return done;
}

static int32_t write_plain(tw_sock *sock, struct iovec *pieces, uint32_t count) {
  struct msghdr message = {.msg_iov = pieces, .msg_iovlen = count};
  for (;;) {
    ssize_t sent = sendmsg(sock->fd, &message, MSG_NOSIGNAL);
    if (sent >= 0)
      return (int32_t)sent;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
      return 0;
    if (errno != EINTR)
      return tw_posix_error(errno);
  }
}

/* No pointer is kept: what the kernel does not take is offered again once it can. */
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

/* Our half. False: TLS has yet to say so, once it can. */
static bool end_half(int fd, tw_tls *tls) {
  if (tls != NULL && !tw_tls_finish(tls))
    return false;
  shutdown(fd, SHUT_WR);
  return true;
}

void tw_posix_shutdown(tw_sock *sock) {
  sock->shut = true;
  if (sock->life != TW_LIFE_OPEN || end_half(sock->fd, sock->tls))
    return;
  sock->owes_write = true; /* the socket's next turn to write tries again */
  tw_posix_update(sock);
}

/* A close(2) while bytes lie unread, or are still to come, is a reset, and would take from the peer what it has not
 * read. So the descriptor is kept, and what comes thrown away, until the peer has ended as well. */
static bool linger_on(int fd, tw_tls *tls) {
  if (tw_host.linger_count == tw_host.linger_room) {
    uint32_t room = tw_host.linger_room == 0 ? 16 : tw_host.linger_room * 2;
    tw_linger *lingers = realloc(tw_host.lingers, room * sizeof *lingers);
    if (lingers == NULL)
      return false;
    tw_host.lingers = lingers;
    struct pollfd *polled = realloc(tw_host.polled, (tw_host.count + 1 + room) * sizeof *polled);
    if (polled == NULL)
      return false;
    tw_host.polled = polled;
    tw_host.linger_room = room;
  }
  uint32_t until = tw_posix_clock() + tw_host.limits.closeTimeoutMs;
  tw_host.lingers[tw_host.linger_count++] = (tw_linger){.fd = fd, .until = until, .tls = tls};
  return true;
}

void tw_posix_close(tw_sock *sock, uint32_t how) {
  bool stream = sock->kind == TW_SOCKET_TCP || sock->kind == TW_SOCKET_UNIX;
  bool open = sock->life == TW_LIFE_OPEN || sock->life == TW_LIFE_SECURING;
  if (sock->kind == TW_SOCKET_UNIX_LISTENER && sock->name != NULL)
    unlink(sock->name);
  if (stream && open && how == TW_CLOSE_ABORT) {
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    setsockopt(sock->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
  }
  if (!stream || !open || how == TW_CLOSE_ABORT) {
    tw_posix_forget(sock);
    return;
  }
  tw_tls *tls = sock->life == TW_LIFE_OPEN ? sock->tls : NULL;
  bool said = end_half(sock->fd, tls);
  if (said && sock->ended) {
    tw_posix_forget(sock);
    return;
  }
  int fd = tw_posix_detach(sock);
  if (!said)
    sock->tls = NULL; /* it goes with the descriptor */
  if (!linger_on(fd, said ? NULL : tls)) {
    close(fd);
    if (!said)
      tw_tls_free(tls);
  }
  tw_posix_forget(sock);
}

void tw_posix_linger_end(uint32_t index) {
  tw_linger *it = &tw_host.lingers[index];
  if (it->tls != NULL)
    tw_tls_free(it->tls);
  close(it->fd);
  *it = tw_host.lingers[--tw_host.linger_count];
}

void tw_posix_linger_ready(uint32_t index) {
  static char waste[16384];
  tw_linger *it = &tw_host.lingers[index];
  it->ready = false;
  if (it->tls != NULL && end_half(it->fd, it->tls)) {
    tw_tls_free(it->tls);
    it->tls = NULL;
  }
  for (int i = 0; i < READS_A_TURN; i++) {
    ssize_t got = recv(it->fd, waste, sizeof waste, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
      return;
    if (got <= 0) {
      tw_posix_linger_end(index);
      return;
    }
  }
}
