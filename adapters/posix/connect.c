/* connect.c: from a name or a path to a connection. The addresses of a name race as RFC 8305 has it: the next one is
 * tried when the last attempt has failed or 250 ms have passed, none is given up for another, and the first that
 * connects wins. */
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "posix.h"

enum { ATTEMPT_DELAY_MS = 250 /* RFC 8305 8, Connection Attempt Delay */ };

typedef struct tw_attempt {
  tw_watch watch; /* first: a watch of kind TW_WATCH_ATTEMPT is its attempt */
  tw_race *race;
  tw_peer peer;
} tw_attempt;

struct tw_race {
  tw_timer timer; /* first: the next attempt */
  tw_sock *sock;
  uint8_t count;
  uint8_t next;    /* that has not been tried */
  uint8_t running; /* attempts under way */
  int32_t error;   /* of the last one that failed */
  tw_attempt attempts[];
};

void tw_posix_fail(tw_sock *sock, int32_t error) {
  sock->life = TW_LIFE_FAILED;
  sock->error = error;
  tw_posix_queue(sock);
}

static void set_option(int fd, int level, int name, int value) { setsockopt(fd, level, name, &value, sizeof value); }

static void set_keep_alive(int fd, const tw_keep_alive *how) {
  set_option(fd, SOL_SOCKET, SO_KEEPALIVE, how->idle_s != 0);
  if (how->idle_s == 0)
    return;
#if defined(TCP_KEEPIDLE)
  set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, how->idle_s);
#elif defined(TCP_KEEPALIVE)
  set_option(fd, IPPROTO_TCP, TCP_KEEPALIVE, how->idle_s);
#endif
#ifdef TCP_KEEPINTVL
  if (how->interval_s != 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, how->interval_s);
  if (how->count != 0)
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, how->count);
#endif
}

void tw_posix_set_keep_alive(void *host, int32_t handle, const tw_keep_alive *how) {
  (void)host;
  const tw_sock *sock = tw_posix_find(handle);
  if (sock != NULL && sock->kind == TW_SOCKET_TCP && sock->watch.fd >= 0)
    set_keep_alive(sock->watch.fd, how);
}

void tw_posix_tune(int32_t handle, int fd) {
  set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
#ifdef SO_NOSIGPIPE
  set_option(fd, SOL_SOCKET, SO_NOSIGPIPE, 1);
#endif
  tw_keep_alive how = *tw_handles_keep_alive(tw_host.handles, handle);
  if (how.idle_s == 0)
    how.idle_s = (uint16_t)tw_host.keep_alive_s;
  if (how.idle_s != 0)
    set_keep_alive(fd, &how);
}

/* Begins an attempt; 0, or an error. */
static int32_t begin(tw_attempt *attempt) {
  const tw_peer *peer = &attempt->peer;
  int fd = tw_posix_socket(peer->at.any.sa_family, SOCK_STREAM);
  if (fd < 0)
    return tw_posix_error(errno);
  bool under_way = connect(fd, &peer->at.any, peer->size) == 0 || errno == EINPROGRESS || errno == EINTR;
  if (under_way && tw_poller_add(tw_host.poller, &attempt->watch, fd, TW_WRITABLE))
    return 0;
  int number = errno == EAGAIN ? ECONNREFUSED : errno; /* a Unix socket whose backlog is full */
  close(fd);
  return tw_posix_error(number);
}

static void next_due(tw_timer *timer);

/* Begins the next attempt, and those behind it while they fail at once. */
static void go_on(tw_race *race) {
  bool begun = false;
  while (race->next < race->count && !begun) {
    tw_attempt *attempt = &race->attempts[race->next++];
    int32_t error = begin(attempt);
    begun = error == 0;
    if (begun)
      race->running++;
    else
      race->error = error;
  }
  tw_timer_disarm(&tw_host.timers, &race->timer);
  if (race->running == 0)
    tw_posix_fail(race->sock, race->error);
  else if (race->next < race->count)
    tw_timer_arm(&tw_host.timers, &race->timer, tw_posix_clock() + ATTEMPT_DELAY_MS, next_due);
}

static void next_due(tw_timer *timer) { go_on((tw_race *)timer); }

/* The families take turns, beginning with that of the first address. RFC 8305 4 */
static void interleave(tw_race *race, const tw_peer *addresses) {
  uint8_t at[2] = {0, 0};
  sa_family_t first = addresses[0].at.any.sa_family;
  for (uint8_t i = 0; i < race->count; i++) {
    for (int other = 0; other < 2; other++)
      while (at[other] < race->count && (addresses[at[other]].at.any.sa_family == first) != (other == 0))
        at[other]++;
    int family = at[i % 2] < race->count ? i % 2 : 1 - i % 2;
    race->attempts[i] = (tw_attempt){.watch = {.fd = -1, .kind = TW_WATCH_ATTEMPT, .ready = TW_NOT_READY},
                                     .race = race,
                                     .peer = addresses[at[family]++]};
  }
}

/* Leaves out the addresses that the connection's policy, if it has one, does not allow. Returns how many are left. */
static uint8_t allowed_of(const tw_sock *sock, const tw_peer *addresses, uint8_t count, tw_peer *allowed) {
  uint8_t left = 0;
  for (uint8_t i = 0; i < count; i++) {
    char text[TW_MAX_ADDRESS];
    uint32_t size = tw_peer_text(&addresses[i], text);
    if (twc_check_address(tw_host.core, sock->handle, text, size) == 0)
      allowed[left++] = addresses[i];
  }
  return left;
}

void tw_posix_race_allowed(tw_sock *sock, int32_t error, const tw_peer *addresses, uint8_t count) {
  tw_peer allowed[TW_POSIX_ADDRESSES];
  uint8_t left = allowed_of(sock, addresses, count, allowed);
  tw_posix_race(sock, count > 0 ? TW_ERR_POLICY : error, allowed, left);
}

void tw_posix_race(tw_sock *sock, int32_t error, const tw_peer *addresses, uint8_t count) {
  tw_race *race = count == 0 ? NULL : tw_posix_zeroed(1, sizeof *race + count * sizeof(tw_attempt));
  if (race == NULL) {
    tw_posix_fail(sock, count == 0 ? error : TW_ERR_MEMORY);
    return;
  }
  race->sock = sock;
  race->count = count;
  interleave(race, addresses);
  sock->race = race;
  sock->life = TW_LIFE_CONNECTING;
  go_on(race);
}

void tw_posix_race_end(tw_sock *sock) {
  tw_race *race = sock->race;
  if (race == NULL)
    return;
  sock->race = NULL;
  tw_timer_disarm(&tw_host.timers, &race->timer);
  for (uint8_t i = 0; i < race->next; i++) {
    int fd = tw_poller_remove(tw_host.poller, &race->attempts[i].watch);
    if (fd >= 0)
      close(fd);
  }
  tw_posix_free(race);
}

int32_t tw_posix_connect(tw_sock *sock, const char *name, uint32_t size, uint16_t port) {
  tw_peer peer;
  sock->port = port;
  sock->name = tw_posix_copy(name, size);
  if (sock->name == NULL)
    return TW_ERR_MEMORY;
  if (tw_peer_parse(&peer, name, size, port)) {
    tw_posix_race(sock, 0, &peer, 1);
    return 0;
  }
  sock->life = TW_LIFE_LOOKUP;
  return tw_resolver_lookup(sock, sock->name, false) ? 0 : TW_ERR_MEMORY;
}

int32_t tw_posix_connect_path(tw_sock *sock, const char *path, uint32_t size) {
  tw_peer peer;
  if (!tw_peer_path(&peer, path, size))
    return TW_ERR_PATH;
  tw_posix_race(sock, 0, &peer, 1);
  return 0;
}

void tw_posix_attempt_ready(tw_watch *watch) {
  tw_attempt *attempt = (tw_attempt *)watch;
  tw_race *race = attempt->race;
  tw_sock *sock = race->sock;
  int number = 0;
  socklen_t size = sizeof number;
  if (getsockopt(watch->fd, SOL_SOCKET, SO_ERROR, &number, &size) < 0)
    number = errno;
  if (number != 0) {
    close(tw_poller_remove(tw_host.poller, watch));
    race->error = tw_posix_error(number);
    race->running--;
    go_on(race);
    return;
  }
  sock->life = TW_LIFE_OPEN;
  if (sock->kind == TW_SOCKET_TCP)
    tw_posix_tune(sock->handle, watch->fd);
  tw_poller_move(tw_host.poller, watch, &sock->watch, 0);
  tw_posix_race_end(sock);
  tw_posix_update(sock);
  tw_handles_deliver(tw_host.handles, twc_connected(tw_host.core, sock->handle));
}
