/* loop.c: starting, stopping, and one turn of the loop. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "posix.h"

enum { LISTENERS = 32768, BACKLOG = 511, WAKE = 0, LONGEST_MS = 0x7fffffff };

/* A socket on which something has happened; `serial`: it may be another one by the time it is looked at. */
typedef struct tw_ready {
  uint32_t index;
  uint32_t serial;
  short events;
} tw_ready;

tw_posix tw_host = {.spare_fd = -1, .wake_read = -1, .wake_write = -1};

uint32_t tw_posix_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint32_t)((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000);
}

static uint32_t now_ms(void *host) {
  (void)host;
  return tw_posix_clock();
}

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  if (size > 0)
    return realloc(memory, size);
  free(memory);
  return NULL;
}

static int32_t check_tls(void *host, const tw_tls_options *tls, bool server) {
  (void)host;
  return tw_tls_check(tls, server);
}

/* ---- Start and stop ------------------------------------------------------------------------------------------ */

static void free_all(void) {
  if (tw_host.arena != NULL)
    munmap(tw_host.arena, tw_host.arena_size);
  free(tw_host.door);
  free(tw_host.socks);
  free(tw_host.polled);
  free(tw_host.poll_owner);
  free(tw_host.ready);
  free(tw_host.lingers);
  int fds[] = {tw_host.wake_read, tw_host.wake_write, tw_host.spare_fd};
  for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
    if (fds[i] >= 0)
      close(fds[i]);
  tw_host = (tw_posix){.spare_fd = -1, .wake_read = -1, .wake_write = -1};
}

/* The pools are as large as they may ever become: the system gives a page when it is first touched. */
static bool make_memory(const tw_easy_options *door) {
  tw_limits *limits = &tw_host.limits;
  uint32_t count = limits->sockets + limits->webSockets;
  tw_host.count = count;
  tw_host.arena_size = twc_need(limits);
  int flags = MAP_PRIVATE | MAP_ANONYMOUS;
#ifdef MAP_NORESERVE
  flags |= MAP_NORESERVE;
#endif
  void *arena = mmap(NULL, tw_host.arena_size, PROT_READ | PROT_WRITE, flags, -1, 0);
  tw_host.arena = arena == MAP_FAILED ? NULL : arena;
  tw_host.door = aligned_alloc(16, tw_easy_need(limits, door));
  tw_host.socks = calloc(count, sizeof *tw_host.socks);
  tw_host.polled = calloc(count + 1, sizeof *tw_host.polled);
  tw_host.poll_owner = calloc(count + 1, sizeof *tw_host.poll_owner);
  tw_host.ready = calloc(count, sizeof *tw_host.ready);
  return tw_host.arena != NULL && tw_host.door != NULL && tw_host.socks != NULL && tw_host.polled != NULL &&
         tw_host.poll_owner != NULL && tw_host.ready != NULL;
}

static bool make_wake_pipe(void) {
  int ends[2];
  if (pipe(ends) < 0)
    return false;
  tw_host.wake_read = ends[0];
  tw_host.wake_write = ends[1];
  tw_host.spare_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
  tw_host.polled[WAKE] = (struct pollfd){.fd = ends[0], .events = POLLIN};
  tw_host.polled_count = 1;
  return tw_posix_prepare(ends[0]) && tw_posix_prepare(ends[1]) && tw_host.spare_fd >= 0;
}

static int32_t refuse_start(int32_t error) {
  free_all();
  return tw_easy_refuse(error);
}

int32_t tw_posix_start(const tw_posix_options *options) {
  static const tw_posix_options defaults;
  static const tw_limits limits = TW_LIMITS_HOST;
  if (tw_host.started)
    return tw_easy_refuse(TW_ERR_STATE);
  if (options == NULL)
    options = &defaults;
  tw_host.limits = options->limits == NULL ? limits : *options->limits;
  tw_host.limits.stageBuffer = 0; /* for those who share no memory with the core */
  tw_host.backlog = options->backlog == 0 ? BACKLOG : (int)(options->backlog & LONGEST_MS);
  tw_host.keep_alive_s = options->keep_alive_s;
  tw_host.first_queued = TW_POSIX_NONE;
  tw_easy_options door = {.listeners = options->listeners == 0 ? LISTENERS : options->listeners};
  if (tw_easy_need(&tw_host.limits, &door) == 0 || tw_host.limits.sockets + tw_host.limits.webSockets == 0)
    return refuse_start(TW_ERR_ARGUMENT);
  if (!make_memory(&door))
    return refuse_start(TW_ERR_MEMORY);
  if (!make_wake_pipe())
    return refuse_start(tw_posix_error(errno));
  static const tw_easy_host host = {.now_ms = now_ms, .resize = resize, .check_tls = check_tls};
  uint32_t need = twc_need(&tw_host.limits);
  tw_host.core = twc_init(tw_host.arena, need, &tw_host.limits, &tw_host);
  tw_host.easy =
      tw_easy_init(tw_host.door, tw_easy_need(&tw_host.limits, &door), &tw_host.limits, &door, tw_host.core, &host);
  if (tw_host.core == NULL || tw_host.easy == NULL || !tw_pool_start())
    return refuse_start(TW_ERR_MEMORY);
  tw_host.started = true;
  tw_easy_use(tw_host.easy);
  return 0;
}

void tw_posix_stop(void) {
  if (!tw_host.started || tw_easy_telling(tw_host.easy))
    return;
  tw_easy_use(NULL);
  tw_easy_release(tw_host.easy);
  for (uint32_t i = 0; i < tw_host.count; i++)
    if (tw_host.socks[i].handle != 0)
      tw_posix_close(&tw_host.socks[i], TW_CLOSE_ABORT);
  while (tw_host.linger_count > 0)
    tw_posix_linger_end(0);
  tw_pool_stop(); /* behind the sockets, which have look-ups there */
  tw_tls_stop();
  free_all();
}

void tw_posix_wake(void) {
  int before = errno; /* it may be called from a signal handler */
  ssize_t written = write(tw_host.wake_write, "", 1);
  (void)written; /* a pipe that is full wakes all the same */
  errno = before;
}

int32_t tw_posix_errno(void) { return tw_host.last_errno; }

/* ---- One turn ------------------------------------------------------------------------------------------------ */

void tw_posix_queue(tw_sock *sock) {
  if (sock->queued)
    return;
  sock->queued = true;
  sock->next = tw_host.first_queued;
  tw_host.first_queued = (uint32_t)(sock - tw_host.socks);
}

static void go_on_securing(tw_sock *sock) {
  int32_t error = 0;
  switch (tw_tls_handshake(sock->tls, &error)) {
  case TW_TLS_FAILED:
    tw_posix_gone(sock, error);
    return;
  case TW_TLS_DONE:
    sock->life = TW_LIFE_OPEN;
    tw_posix_update(sock);
    if (tw_tls_pending(sock->tls))
      tw_posix_queue(sock);
    tw_easy_tell(tw_host.easy, twc_secured(tw_host.core, sock->handle));
    return;
  default:
    tw_posix_update(sock);
    return;
  }
}

/* What is to be done although poll says nothing of it. */
static void run_queued(tw_sock *sock) {
  switch (sock->life) {
  case TW_LIFE_FAILED:
    tw_posix_gone(sock, sock->error);
    return;
  case TW_LIFE_READY:
    sock->life = TW_LIFE_OPEN;
    tw_posix_update(sock);
    tw_easy_tell(tw_host.easy, twc_connected(tw_host.core, sock->handle));
    return;
  case TW_LIFE_SECURING:
    go_on_securing(sock);
    return;
  case TW_LIFE_OPEN:
    if (sock->kind == TW_SOCKET_UDP) {
      int32_t error = sock->error;
      sock->error = 0;
      tw_easy_failed(tw_host.easy, sock->handle, error, TW_STEP_SEND);
    } else if (sock->reading && !sock->ended) {
      tw_posix_read(sock);
    }
    return;
  default:
    return;
  }
}

static void run_queue(void) {
  uint32_t index = tw_host.first_queued;
  tw_host.first_queued = TW_POSIX_NONE;
  while (index != TW_POSIX_NONE) {
    tw_sock *sock = &tw_host.socks[index];
    index = sock->next;
    sock->queued = false;
    if (sock->handle != 0)
      run_queued(sock);
  }
}

static void write_ready(tw_sock *sock) {
  sock->owes_write = false;
  if (sock->shut)
    tw_posix_shutdown(sock);
  tw_posix_update(sock);
  tw_easy_tell(tw_host.easy, twc_written(tw_host.core, sock->handle, 0));
}

static void serve(tw_sock *sock, short events) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  if (sock->life == TW_LIFE_CONNECTING) {
    tw_posix_connect_ready(sock);
  } else if (sock->life == TW_LIFE_SECURING) {
    go_on_securing(sock);
  } else if (sock->kind == TW_SOCKET_TCP_LISTENER || sock->kind == TW_SOCKET_UNIX_LISTENER) {
    tw_posix_accept(sock);
  } else {
    if ((events & (POLLOUT | POLLERR | POLLHUP)) != 0 && sock->owes_write) {
      write_ready(sock);
      sock = tw_posix_find(handle);
    }
    if (sock == NULL || sock->serial != serial || !sock->reading || sock->ended || sock->life != TW_LIFE_OPEN)
      return;
    if (sock->kind == TW_SOCKET_UDP)
      tw_posix_udp_read(sock);
    else
      tw_posix_read(sock);
  }
}

/* What poll has said, before anything changes the set. Returns how many sockets are ready. */
static uint32_t collect(uint32_t sockets, uint32_t lingers, bool *woken) {
  uint32_t count = 0;
  for (uint32_t i = WAKE + 1; i < sockets; i++) {
    if (tw_host.polled[i].fd < 0 || tw_host.polled[i].revents == 0)
      continue;
    uint32_t index = tw_host.poll_owner[i];
    tw_host.ready[count++] = (tw_ready){index, tw_host.socks[index].serial, tw_host.polled[i].revents};
  }
  for (uint32_t i = 0; i < lingers; i++)
    tw_host.lingers[i].ready = tw_host.polled[sockets + i].revents != 0;
  *woken = tw_host.polled[WAKE].revents != 0;
  return count;
}

static void serve_sockets(uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    tw_sock *sock = &tw_host.socks[tw_host.ready[i].index];
    if (sock->handle != 0 && sock->serial == tw_host.ready[i].serial)
      serve(sock, tw_host.ready[i].events);
  }
}

static bool passed(uint32_t now, uint32_t time) { return (int32_t)(now - time) >= 0; }

/* Backwards: one that ends gives its place to the last. */
static void serve_lingers(void) {
  uint32_t now = tw_posix_clock();
  for (uint32_t i = tw_host.linger_count; i-- > 0;) {
    if (tw_host.lingers[i].ready)
      tw_posix_linger_ready(i);
    else if (passed(now, tw_host.lingers[i].until))
      tw_posix_linger_end(i);
  }
}

static void next_addresses(void) {
  uint32_t now = tw_posix_clock();
  for (uint32_t i = 0; i < tw_host.count && tw_host.racing > 0; i++) {
    tw_sock *sock = &tw_host.socks[i];
    bool another = sock->handle != 0 && sock->life == TW_LIFE_CONNECTING && sock->address_next < sock->address_count;
    if (another && passed(now, sock->turn_ends))
      tw_posix_connect_turn(sock);
  }
}

static uint32_t least(uint32_t a, uint32_t b) { return a < b ? a : b; }

/* How long poll may wait, as poll takes it. */
static int patience(uint32_t ms, bool again) {
  uint32_t wait = least(ms, twc_wait(tw_host.core));
  if (again || tw_host.first_queued != TW_POSIX_NONE)
    wait = 0;
  if (tw_host.racing > 0)
    wait = least(wait, TW_POSIX_TURN_MS / 5);
  if (tw_host.linger_count > 0)
    wait = least(wait, tw_host.limits.closeTimeoutMs / 10 + 1);
  return wait == TW_FOREVER ? -1 : (int)least(wait, LONGEST_MS);
}

static void drain_wake_pipe(void) {
  char waste[64];
  while (read(tw_host.wake_read, waste, sizeof waste) > 0)
    ;
}

int32_t tw_poll(uint32_t ms) {
  if (!tw_host.started || tw_easy_telling(tw_host.easy))
    return tw_easy_refuse(TW_ERR_STATE);
  uint32_t told = tw_easy_told(tw_host.easy);
  bool open = tw_easy_open_handles(tw_host.easy) > 0;
  tw_easy_turn(tw_host.easy);
  run_queue();
  bool again = tw_easy_flush(tw_host.easy);
  bool emptied = open && tw_easy_open_handles(tw_host.easy) == 0; /* the last one has just gone: that is news */
  again = tw_easy_flush(tw_host.easy) || again || emptied || tw_easy_told(tw_host.easy) != told;
  uint32_t sockets = tw_host.polled_count;
  uint32_t lingers = tw_host.linger_count;
  for (uint32_t i = 0; i < lingers; i++)
    tw_host.polled[sockets + i] = (struct pollfd){
        .fd = tw_host.lingers[i].fd, .events = (short)(POLLIN | (tw_host.lingers[i].tls != NULL ? POLLOUT : 0))};
  int happened = poll(tw_host.polled, sockets + lingers, patience(ms, again));
  bool woken = false;
  uint32_t ready = happened > 0 ? collect(sockets, lingers, &woken) : 0;
  tw_easy_turn(tw_host.easy);
  serve_lingers();
  serve_sockets(ready);
  if (woken) {
    drain_wake_pipe();
    tw_pool_deliver();
  }
  if (tw_host.racing > 0)
    next_addresses();
  tw_easy_flush(tw_host.easy);
  return (int32_t)tw_easy_open_handles(tw_host.easy);
}
