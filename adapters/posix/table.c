/* table.c: the sockets by handle, and the set that poll looks at. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

/* A handle is 15 bits of slot index below its generation; the whole number is compared all the same. */
enum { INDEX_MASK = 0x7fff };

tw_sock *tw_posix_find(int32_t handle) {
  uint32_t index = (uint32_t)handle & INDEX_MASK;
  if (handle <= 0 || index >= tw_host.count || tw_host.socks[index].handle != handle)
    return NULL;
  return &tw_host.socks[index];
}

tw_sock *tw_posix_take(int32_t handle, uint32_t kind) {
  tw_sock *sock = &tw_host.socks[(uint32_t)handle & INDEX_MASK];
  bool queued = sock->queued; /* by the one before it: the list still holds the place */
  uint32_t next = sock->next;
  *sock = (tw_sock){.handle = handle,
                    .serial = ++tw_host.serial,
                    .fd = -1,
                    .kind = (uint8_t)kind,
                    .reading = true,
                    .queued = queued,
                    .place = TW_POSIX_NONE,
                    .next = next};
  return sock;
}

bool tw_posix_prepare(int fd) {
  int flags = fcntl(fd, F_GETFL);
  return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0;
}

bool tw_posix_adopt(tw_sock *sock, int fd) {
  if (!tw_posix_prepare(fd))
    return false;
  sock->fd = fd;
  sock->place = tw_host.polled_count++;
  tw_host.poll_owner[sock->place] = (uint32_t)(sock - tw_host.socks);
  tw_posix_update(sock);
  return true;
}

int tw_posix_detach(tw_sock *sock) {
  int fd = sock->fd;
  if (fd < 0)
    return -1;
  uint32_t last = --tw_host.polled_count;
  tw_host.polled[sock->place] = tw_host.polled[last];
  tw_host.poll_owner[sock->place] = tw_host.poll_owner[last];
  tw_host.socks[tw_host.poll_owner[last]].place = sock->place;
  sock->fd = -1;
  sock->place = TW_POSIX_NONE;
  return fd;
}

static short interest(const tw_sock *sock) {
  switch (sock->life) {
  case TW_LIFE_CONNECTING:
    return POLLOUT;
  case TW_LIFE_SECURING:
    return tw_tls_wants(sock->tls) == TW_TLS_WRITE ? POLLOUT : POLLIN;
  case TW_LIFE_OPEN:
    return (short)((sock->reading && !sock->ended ? POLLIN : 0) |
                   (sock->owes_write || (sock->tls != NULL && tw_tls_wants(sock->tls) == TW_TLS_WRITE) ? POLLOUT : 0));
  default:
    return 0;
  }
}

void tw_posix_update(tw_sock *sock) {
  if (sock->fd < 0)
    return;
  short events = interest(sock);
  /* A descriptor of which nothing is wanted would still report its end, over and over: poll passes over negative ones.
   */
  tw_host.polled[sock->place] = (struct pollfd){.fd = events == 0 ? -1 : sock->fd, .events = events};
}

static void free_parts(tw_sock *sock) {
  if (sock->lookup != NULL)
    tw_pool_cancel(sock->lookup);
  if (sock->address_next < sock->address_count)
    tw_host.racing--;
  free(sock->addresses);
  free(sock->name);
  free(sock->peer);
}

void tw_posix_forget(tw_sock *sock) {
  if (sock->tls != NULL)
    tw_tls_free(sock->tls);
  int fd = tw_posix_detach(sock);
  if (fd >= 0)
    close(fd);
  free_parts(sock);
  sock->handle = 0;
}

void tw_posix_gone(tw_sock *sock, int32_t error) {
  int32_t handle = sock->handle;
  tw_posix_forget(sock);
  tw_easy_tell(tw_host.easy, twc_closed(tw_host.core, handle, error));
}
