/* listen.c: server sockets. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { ACCEPTS_PER_ITERATION = 256, LOST_PER_ITERATION = 64, FIRST_PAUSE_MS = 10, LONGEST_PAUSE_MS = 1000 };

/* Accepting stops for a while when the system has no descriptors or no memory for a connection; it waits in the backlog
 * meanwhile. */
struct tw_acceptor {
  tw_timer timer; /* first: when accepting is tried again */
  tw_sock *sock;
  uint32_t pause_ms; /* 0: the last accept succeeded */
};

/* Listens; 0, or an error. */
static int32_t listen_on(tw_sock *sock, const tw_peer *at, bool both_families) {
  sock->life = TW_LIFE_READY;
  sock->acceptor = tw_posix_zeroed(1, sizeof *sock->acceptor);
  if (sock->acceptor == NULL)
    return TW_ERR_MEMORY;
  sock->acceptor->sock = sock;
  int fd = tw_posix_socket(at->at.any.sa_family, SOCK_STREAM);
  if (fd < 0)
    return tw_posix_error(errno);
  if (at->at.any.sa_family != AF_UNIX)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
#ifdef SO_REUSEPORT
  if (tw_host.reuse_port && at->at.any.sa_family != AF_UNIX)
    setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){1}, sizeof(int));
#endif
  if (at->at.any.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){both_families ? 0 : 1}, sizeof(int));
  bool bound = bind(fd, &at->at.any, at->size) == 0;
  if (bound && listen(fd, tw_host.backlog) == 0 && tw_posix_adopt(sock, fd)) {
    tw_posix_queue(sock);
    return 0;
  }
  int number = errno;
  close(fd);
  if (bound && at->at.any.sa_family == AF_UNIX)
    unlink(at->at.path.sun_path);
  return tw_posix_error(number);
}

void tw_posix_acceptor_free(tw_sock *sock) {
  if (sock->acceptor == NULL)
    return;
  tw_timer_disarm(&tw_host.timers, &sock->acceptor->timer);
  tw_posix_free(sock->acceptor);
  sock->acceptor = NULL;
}

bool tw_posix_accept_paused(const tw_sock *sock) {
  return tw_posix_is_listener(sock) && sock->acceptor->timer.place != 0;
}

void tw_posix_listen_at(tw_sock *sock, const tw_peer *at) {
  int32_t error = listen_on(sock, at, false);
  if (error != 0)
    tw_posix_fail(sock, error);
}

static void listen_everywhere(tw_sock *sock, uint16_t port) {
  tw_peer any = {.size = sizeof any.at.v6};
  any.at.v6.sin6_family = AF_INET6;
  tw_peer_set_port(&any, port);
  int32_t error = listen_on(sock, &any, true);
  if (error == 0)
    return;
  tw_posix_acceptor_free(sock);
  if (error == TW_ERR_IN_USE || error == TW_ERR_ACCESS || !tw_peer_parse(&any, "", 0, port)) {
    tw_posix_fail(sock, error);
    return;
  }
  tw_posix_listen_at(sock, &any); /* a system without IPv6 */
}

int32_t tw_posix_listen(tw_sock *sock, const char *name, uint32_t size, uint16_t port) {
  tw_peer at;
  if (size == 0) {
    listen_everywhere(sock, port);
    return 0;
  }
  if (tw_peer_parse(&at, name, size, port)) {
    tw_posix_listen_at(sock, &at);
    return 0;
  }
  char text[TW_MAX_HOST + 1];
  memcpy(text, name, size);
  text[size] = 0;
  sock->port = port;
  sock->life = TW_LIFE_LOOKUP;
  return tw_resolver_lookup(sock, text, true) ? 0 : TW_ERR_MEMORY;
}

int32_t tw_posix_listen_path(tw_sock *sock, const char *path, uint32_t size) {
  tw_peer at;
  if (!tw_peer_path(&at, path, size))
    return TW_ERR_PATH;
  char *name = tw_posix_copy(path, size);
  if (name == NULL)
    return TW_ERR_MEMORY;
  int32_t error = listen_on(sock, &at, false);
  if (error == 0) {
    sock->name = name; /* removed when it is closed */
    return 0;
  }
  tw_posix_free(name);
  tw_posix_fail(sock, error);
  return 0;
}

static void accept_again(tw_timer *timer) {
  tw_sock *sock = ((tw_acceptor *)timer)->sock;
  tw_posix_update(sock);
  tw_posix_accept(sock);
}

/* Tries again later and later. The first failure of a row is reported, and that accepting goes on. */
static void pause_accepting(tw_sock *sock, int number) {
  tw_acceptor *acceptor = sock->acceptor;
  bool reported = acceptor->pause_ms > 0;
  uint32_t pause = reported ? acceptor->pause_ms * 2 : FIRST_PAUSE_MS;
  acceptor->pause_ms = pause < LONGEST_PAUSE_MS ? pause : LONGEST_PAUSE_MS;
  tw_timer_arm(&tw_host.timers, &acceptor->timer, tw_posix_clock() + acceptor->pause_ms, accept_again);
  tw_posix_update(sock);
  if (!reported)
    tw_handles_failed(tw_host.handles, sock->handle, tw_posix_error(number), TW_STEP_ACCEPT, acceptor->pause_ms);
}

static void take_in(int fd, int32_t listener, uint8_t kind) {
  int32_t handle = twc_accepted(tw_host.core, listener);
  if (handle < 0) {
    close(fd);
    tw_handles_deliver(tw_host.handles, twc_pump(tw_host.core)); /* the listener's "error" */
    return;
  }
  tw_sock *sock = tw_posix_take(handle, kind == TW_SOCKET_UNIX_LISTENER ? TW_SOCKET_UNIX : TW_SOCKET_TCP);
  uint32_t serial = sock->serial;
  sock->life = TW_LIFE_OPEN;
  if (!tw_posix_adopt(sock, fd)) {
    int32_t error = tw_posix_error(errno);
    close(fd);
    tw_posix_gone(sock, error);
    return;
  }
  tw_handles_deliver(tw_host.handles,
                     twc_pump(tw_host.core)); /* "accepted" comes first, so that TLS finds its options */
  if (!tw_posix_is_same(handle, serial))
    return;
  if (kind == TW_SOCKET_TCP_LISTENER)
    tw_posix_tune(handle, fd);
  tw_handles_deliver(tw_host.handles, twc_connected(tw_host.core, handle));
}

static int accept_one(int fd) {
#if defined(SOCK_NONBLOCK) && defined(SOCK_CLOEXEC)
  return accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
#else
  int it = accept(fd, NULL, NULL);
  if (it < 0 || tw_posix_prepare(it))
    return it;
  close(it);
  errno = ECONNABORTED;
  return -1;
#endif
}

/* Whether an accept failed for this one connection: on Linux it also reports what has happened to it on the network. */
static bool is_lost_connection(int number) {
  switch (number) {
  case ECONNABORTED:
  case EINTR:
  case EPROTO:
  case ENOPROTOOPT:
  case EOPNOTSUPP:
  case ENETDOWN:
  case ENETUNREACH:
  case EHOSTDOWN:
  case EHOSTUNREACH:
  case ETIMEDOUT:
  case EPERM: /* a firewall */
#ifdef ENONET
  case ENONET:
#endif
    return true;
  default:
    return false;
  }
}

void tw_posix_accept(tw_sock *sock) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  uint8_t kind = sock->kind;
  int lost = 0;
  for (int i = 0; i < ACCEPTS_PER_ITERATION && tw_posix_is_same(handle, serial); i++) {
    int fd = accept_one(sock->watch.fd);
    if (fd >= 0) {
      sock->acceptor->pause_ms = 0;
      take_in(fd, handle, kind); /* a listener of its events may close it */
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      return;
    } else if (!is_lost_connection(errno) || ++lost == LOST_PER_ITERATION) {
      pause_accepting(sock, errno);
      return;
    }
  }
}
