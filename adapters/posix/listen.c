/* listen.c: server sockets. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { ACCEPTS_A_TURN = 256 };

/* Listens; 0, or an error. */
static int32_t listen_on(tw_sock *sock, const tw_peer *at, bool both_families) {
  int fd = socket(at->at.any.sa_family, SOCK_STREAM, 0);
  if (fd < 0)
    return tw_posix_error(errno);
  if (at->at.any.sa_family != AF_UNIX)
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
  if (at->at.any.sa_family == AF_INET6)
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){both_families ? 0 : 1}, sizeof(int));
  sock->life = TW_LIFE_READY;
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
  sock->life = TW_LIFE_LOOKUP;
  sock->lookup = tw_pool_lookup(sock, text, port, true);
  return sock->lookup == NULL ? TW_ERR_MEMORY : 0;
}

int32_t tw_posix_listen_path(tw_sock *sock, const char *path, uint32_t size) {
  tw_peer at;
  if (!tw_peer_path(&at, path, size))
    return TW_ERR_PATH;
  char *name = malloc(size + 1);
  if (name == NULL)
    return TW_ERR_MEMORY;
  memcpy(name, path, size);
  name[size] = 0;
  int32_t error = listen_on(sock, &at, false);
  if (error == 0) {
    sock->name = name; /* removed when it is closed */
    return 0;
  }
  free(name);
  tw_posix_fail(sock, error);
  return 0;
}

/* There is no descriptor left: with the spare one the connection is taken and turned away. Left where it is, it would
 * wake poll for ever. */
static void turn_away(int fd) {
  if (tw_host.spare_fd < 0)
    return;
  close(tw_host.spare_fd);
  int it = accept(fd, NULL, NULL);
  if (it >= 0)
    close(it);
  tw_host.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void take_in(int fd, int32_t listener, uint8_t kind) {
  int32_t handle = twc_accepted(tw_host.core, listener);
  if (handle < 0) {
    close(fd);
    tw_easy_tell(tw_host.easy, twc_pump(tw_host.core)); /* the listener hears of it */
    return;
  }
  tw_sock *sock = tw_posix_take(handle, kind == TW_SOCKET_UNIX_LISTENER ? TW_SOCKET_UNIX : TW_SOCKET_TCP);
  uint32_t serial = sock->serial;
  sock->life = TW_LIFE_OPEN;
  if (!tw_posix_adopt(sock, fd)) {
    close(fd);
    tw_posix_gone(sock, tw_posix_error(errno));
    return;
  }
  if (kind == TW_SOCKET_TCP_LISTENER)
    tw_posix_tune(fd);
  tw_easy_tell(tw_host.easy, twc_pump(tw_host.core)); /* told first, so that TLS finds its options */
  sock = tw_posix_find(handle);
  if (sock != NULL && sock->serial == serial)
    tw_easy_tell(tw_host.easy, twc_connected(tw_host.core, handle));
}

void tw_posix_accept(tw_sock *sock) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  uint8_t kind = sock->kind;
  for (int i = 0; i < ACCEPTS_A_TURN; i++) {
    int fd = accept(sock->fd, NULL, NULL);
    if (fd >= 0) {
      take_in(fd, handle, kind);
    } else if (errno == EMFILE || errno == ENFILE) {
      int32_t error = tw_posix_error(errno);
      turn_away(sock->fd);
      tw_easy_failed(tw_host.easy, handle, error, TW_STEP_ACCEPT);
    } else if (errno != ECONNABORTED && errno != EINTR) {
      return; /* no more for now */
    }
    sock = tw_posix_find(handle);
    if (sock == NULL || sock->serial != serial)
      return; /* a listener closed it */
  }
}
