/* table.c: the sockets by handle, and what the poller reports for each. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "posix.h"

/* A handle is 15 bits of slot index below its generation; the whole number is compared all the same. */

tw_sock *tw_posix_find(int32_t handle) {
  uint32_t index = (uint32_t)handle & TW_HANDLE_INDEX;
  if (handle <= 0 || index >= tw_host.count || tw_host.socks[index].handle != handle)
    return NULL;
  return &tw_host.socks[index];
}

bool tw_posix_is_same(int32_t handle, uint32_t serial) {
  const tw_sock *sock = tw_posix_find(handle);
  return sock != NULL && sock->serial == serial;
}

tw_sock *tw_posix_take(int32_t handle, uint32_t kind) {
  tw_sock *sock = &tw_host.socks[(uint32_t)handle & TW_HANDLE_INDEX];
  bool queued = sock->queued; /* by the one before it: the list still holds the place */
  uint32_t next = sock->next;
  *sock = (tw_sock){.watch = {.fd = -1, .kind = TW_WATCH_SOCK, .ready = TW_NOT_READY},
                    .handle = handle,
                    .serial = ++tw_host.serial,
                    .kind = (uint8_t)kind,
                    .reading = true,
                    .queued = queued,
                    .next = next};
  return sock;
}

bool tw_posix_prepare(int fd) { return ioctl(fd, FIONBIO, &(int){1}) >= 0 && fcntl(fd, F_SETFD, FD_CLOEXEC) >= 0; }

int tw_posix_socket(int family, int type) {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
#else
  int fd = socket(family, type, 0);
  if (fd < 0 || tw_posix_prepare(fd))
    return fd;
  int number = errno;
  close(fd);
  errno = number;
  return -1;
#endif
}

static uint8_t wanted(const tw_sock *sock) {
  switch (sock->life) {
  case TW_LIFE_SECURING:
    return tw_tls_wants(sock->tls) == TW_TLS_WRITE ? TW_WRITABLE : TW_READABLE;
  case TW_LIFE_OPEN:
    return (uint8_t)((sock->reading && !sock->ended && !tw_posix_accept_paused(sock) ? TW_READABLE : 0) |
                     (sock->owes_write || (sock->tls != NULL && tw_tls_wants(sock->tls) == TW_TLS_WRITE) ? TW_WRITABLE
                                                                                                         : 0));
  default:
    return 0;
  }
}

bool tw_posix_adopt(tw_sock *sock, int fd) { return tw_poller_add(tw_host.poller, &sock->watch, fd, wanted(sock)); }

void tw_posix_update(tw_sock *sock) { tw_poller_change(tw_host.poller, &sock->watch, wanted(sock)); }

char *tw_posix_copy(const char *text, uint32_t size) {
  char *copy = tw_posix_resize(NULL, size + 1);
  if (copy != NULL) {
    memcpy(copy, text, size);
    copy[size] = 0;
  }
  return copy;
}

bool tw_posix_is_listener(const tw_sock *sock) {
  return sock->kind == TW_SOCKET_TCP_LISTENER || sock->kind == TW_SOCKET_UNIX_LISTENER;
}

/* What it has of its life or its kind. */
static void forget_part(tw_sock *sock) {
  if (sock->life == TW_LIFE_LOOKUP) {
    if (sock->lookup != NULL)
      tw_resolver_cancel(sock);
  } else if (sock->kind == TW_SOCKET_UDP) {
    tw_posix_free(sock->peer);
  } else if (tw_posix_is_listener(sock)) {
    tw_posix_acceptor_free(sock);
  } else {
    tw_posix_race_end(sock);
  }
}

void tw_posix_forget(tw_sock *sock) {
  if (sock->tls != NULL)
    tw_tls_free(sock->tls);
  int fd = tw_poller_remove(tw_host.poller, &sock->watch);
  if (fd >= 0)
    close(fd);
  forget_part(sock);
  tw_posix_free(sock->name);
  sock->handle = 0;
}

void tw_posix_gone(tw_sock *sock, int32_t error) {
  int32_t handle = sock->handle;
  tw_posix_forget(sock);
  tw_handles_deliver(tw_host.handles, twc_closed(tw_host.core, handle, error));
}
