/* loop.c: starting, stopping, and one iteration of the loop. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "posix.h"

enum { LISTENERS = 32768, BACKLOG = 511, LONGEST_MS = 0x7fffffff, POSTED_PER_READ = 256, READS_OF_POSTED = 16 };

/* A clock that costs no more than reading memory, where there is one. */
#ifdef CLOCK_REALTIME_COARSE
#define CLOCK_REALTIME_CHEAP CLOCK_REALTIME_COARSE
#else
#define CLOCK_REALTIME_CHEAP CLOCK_REALTIME
#endif

_Thread_local tw_posix tw_host = {.wake = {.fd = -1}, .wake_write = -1};

/* The pipe of the loop that tw_posix_wake wakes: the first one that is running. -1: none. */
static atomic_int first_wake = -1;

uint64_t tw_posix_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint32_t now_ms(void *host) {
  (void)host;
  return (uint32_t)tw_posix_clock();
}

static int64_t unix_time(void *host) {
  (void)host;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_CHEAP, &now);
  return (int64_t)now.tv_sec;
}

static void *resize(void *host, void *memory, size_t size) {
  (void)host;
  return tw_posix_resize(memory, size);
}

static int32_t check_tls(void *host, const tw_tls_options *tls, bool server) {
  (void)host;
  return tw_tls_check(tls, server);
}

/* ---- Start and stop ------------------------------------------------------------------------------------------ */

static void free_all(void) {
  if (tw_host.arena != NULL)
    munmap(tw_host.arena, tw_host.arena_size);
  tw_posix_free(tw_host.handles_memory);
  tw_posix_free(tw_host.socks);
  tw_posix_alarms_stop();
  tw_timers_free(&tw_host.timers);
  int wake_read = tw_host.poller == NULL ? -1 : tw_poller_remove(tw_host.poller, &tw_host.wake);
  if (wake_read >= 0)
    close(wake_read);
  if (tw_host.wake_write >= 0) {
    int own = tw_host.wake_write;
    atomic_compare_exchange_strong(&first_wake, &own, -1);
    close(tw_host.wake_write);
  }
  if (tw_host.poller != NULL)
    tw_poller_free(tw_host.poller);
  tw_host = (tw_posix){.wake = {.fd = -1}, .wake_write = -1};
}

/* The pools are as large as they may ever become: the system gives a page when it is first touched. */
static bool make_memory(const tw_handles_options *handles_options) {
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
  tw_host.handles_memory = tw_posix_aligned(tw_handles_need(limits, handles_options));
  tw_host.socks = tw_posix_zeroed(count, sizeof *tw_host.socks);
  return tw_host.arena != NULL && tw_host.handles_memory != NULL && tw_host.socks != NULL;
}

static int open_pipe(int ends[2]) {
#ifdef __linux__
  return pipe2(ends, O_NONBLOCK | O_CLOEXEC);
#else
  if (pipe(ends) < 0)
    return -1;
  if (tw_posix_prepare(ends[0]) && tw_posix_prepare(ends[1]))
    return 0;
  close(ends[0]);
  close(ends[1]);
  return -1;
#endif
}

static bool make_poller(void) {
  int ends[2];
  tw_host.poller = tw_poller_new();
  if (tw_host.poller == NULL || open_pipe(ends) < 0)
    return false;
  tw_host.wake_write = ends[1];
  tw_host.wake = (tw_watch){.fd = -1, .kind = TW_WATCH_WAKE, .ready = TW_NOT_READY};
  if (tw_poller_add(tw_host.poller, &tw_host.wake, ends[0], TW_READABLE))
    return true;
  close(ends[0]);
  return false;
}

static int32_t refuse_start(int32_t error) {
  free_all();
  return tw_handles_refuse(error);
}

int32_t tw_posix_start(const tw_posix_options *options) {
  static const tw_posix_options defaults;
  static const tw_limits limits = TW_LIMITS_HOST;
  if (tw_host.started)
    return tw_handles_refuse(TW_ERR_STATE);
  if (options == NULL)
    options = &defaults;
  tw_host.limits = options->limits == NULL ? limits : *options->limits;
  tw_host.limits.stageBuffer = 0; /* for those who share no memory with the core */
  tw_host.backlog = options->backlog == 0 ? BACKLOG : (int)(options->backlog & LONGEST_MS);
  tw_host.keep_alive_s = options->keep_alive_s < UINT16_MAX ? options->keep_alive_s : UINT16_MAX;
  tw_host.reuse_port = options->reuse_port;
  tw_host.log = options->log;
  tw_host.log_ctx = options->log_ctx;
  tw_host.first_queued = TW_POSIX_NONE;
  tw_handles_options handles_options = {.listeners = options->listeners == 0 ? LISTENERS : options->listeners};
  if (tw_handles_need(&tw_host.limits, &handles_options) == 0 ||
      tw_host.limits.sockets + tw_host.limits.webSockets == 0)
    return refuse_start(TW_ERR_ARGUMENT);
  if (!make_memory(&handles_options))
    return refuse_start(TW_ERR_MEMORY);
  if (!make_poller())
    return refuse_start(tw_posix_error(errno));
  static const tw_handles_host host = {.now_ms = now_ms,
                                       .resize = resize,
                                       .check_tls = check_tls,
                                       .set_keep_alive = tw_posix_set_keep_alive,
                                       .set_option = tw_posix_set_option,
                                       .set_group = tw_posix_set_group,
                                       .unhandled = tw_posix_unhandled,
                                       .unix_time = unix_time};
  uint32_t need = twc_need(&tw_host.limits);
  tw_host.core = twc_init(tw_host.arena, need, &tw_host.limits, &tw_host);
  tw_host.handles = tw_handles_init(tw_host.handles_memory, tw_handles_need(&tw_host.limits, &handles_options),
                                    &tw_host.limits, &handles_options, tw_host.core, &host);
  if (tw_host.core == NULL || tw_host.handles == NULL || !tw_resolver_start())
    return refuse_start(TW_ERR_MEMORY);
  if (tw_posix_deflate() != NULL)
    tw_handles_set_deflate(tw_host.handles, tw_posix_deflate());
  tw_host.started = true;
  int none = -1;
  atomic_compare_exchange_strong(&first_wake, &none, tw_host.wake_write);
  tw_handles_use(tw_host.handles);
  return 0;
}

void tw_posix_stop(void) {
  if (!tw_host.started || tw_host.polling)
    return;
  tw_handles_use(NULL);
  tw_handles_release(tw_host.handles);
  for (uint32_t i = 0; i < tw_host.count; i++)
    if (tw_host.socks[i].handle != 0)
      tw_posix_close(&tw_host.socks[i], TW_CLOSE_ABORT);
  tw_posix_linger_stop();
  tw_resolver_stop(); /* behind the sockets, which have look-ups there */
  tw_tls_stop();
  free_all();
}

bool tw_posix_write_wake(int fd, tw_posted work) {
  int before = errno;                                          /* it may be called from a signal handler */
  bool written = write(fd, &work, sizeof work) == sizeof work; /* whole or not at all: less than PIPE_BUF */
  errno = before;
  return written;
}

void tw_posix_wake(void) { tw_posix_write_wake(atomic_load(&first_wake), (tw_posted){0}); } /* a full pipe wakes, too */

tw_posix_loop *tw_posix_current(void) { return tw_host.started ? &tw_host : NULL; }

bool tw_posix_post(tw_posix_loop *loop, void (*run)(void *ctx), void *ctx) {
  return run != NULL && tw_posix_write_wake(loop->wake_write, (tw_posted){run, ctx});
}

int32_t tw_posix_errno(void) { return tw_host.last_errno; }

/* ---- One iteration ------------------------------------------------------------------------------------------- */

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
    tw_handles_deliver(tw_host.handles, twc_secured(tw_host.core, sock->handle));
    return;
  default:
    tw_posix_update(sock);
    return;
  }
}

/* Does what no descriptor reports. The place in the list may be that of an earlier socket: each case asks what there is
 * to do. */
static void run_queued(tw_sock *sock) {
  switch (sock->life) {
  case TW_LIFE_FAILED:
    tw_posix_gone(sock, sock->error);
    return;
  case TW_LIFE_READY:
    sock->life = TW_LIFE_OPEN;
    tw_posix_update(sock);
    tw_handles_deliver(tw_host.handles, twc_connected(tw_host.core, sock->handle));
    return;
  case TW_LIFE_SECURING:
    go_on_securing(sock);
    return;
  case TW_LIFE_OPEN:
    if (sock->kind == TW_SOCKET_UDP && sock->error != 0) {
      int32_t error = sock->error;
      sock->error = 0;
      tw_handles_failed(tw_host.handles, sock->handle, error, TW_STEP_SEND, TW_FOREVER);
    } else if (sock->tls != NULL && sock->reading && !sock->ended) {
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
  tw_handles_deliver(tw_host.handles, twc_written(tw_host.core, sock->handle, 0));
}

static void serve_sock(tw_sock *sock, uint8_t events) {
  int32_t handle = sock->handle;
  uint32_t serial = sock->serial;
  if (sock->life == TW_LIFE_SECURING) {
    go_on_securing(sock);
  } else if (tw_posix_is_listener(sock)) {
    if (sock->life == TW_LIFE_OPEN && !tw_posix_accept_paused(sock))
      tw_posix_accept(sock);
  } else {
    if ((events & TW_WRITABLE) != 0 && sock->owes_write)
      write_ready(sock);
    if (!tw_posix_is_same(handle, serial) || !sock->reading || sock->ended || sock->life != TW_LIFE_OPEN)
      return;
    if (sock->kind == TW_SOCKET_UDP)
      tw_posix_udp_read(sock);
    else
      tw_posix_read(sock);
  }
}

static void run_posted(void) {
  tw_posted work[POSTED_PER_READ];
  ssize_t got = sizeof work;
  for (int reads = 0; got == sizeof work && reads < READS_OF_POSTED; reads++) {
    got = read(tw_host.wake.fd, work, sizeof work);
    for (size_t i = 0; got > 0 && i < (size_t)got / sizeof *work; i++)
      if (work[i].run != NULL)
        work[i].run(work[i].ctx);
  }
  tw_resolver_deliver();            /* behind the reads: a look-up that ends in between wakes the loop once more */
  tw_handles_tick(tw_host.handles); /* emits what calls of the work have made ready, before the next delivery */
}

/* A watch that is removed meanwhile is taken out of the list. */
static void serve(tw_ready *ready, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) {
    tw_watch *watch = ready[i].watch;
    if (watch == NULL)
      continue;
    switch (watch->kind) {
    case TW_WATCH_SOCK:
      serve_sock((tw_sock *)watch, ready[i].events);
      break;
    case TW_WATCH_ATTEMPT:
      tw_posix_attempt_ready(watch);
      break;
    case TW_WATCH_LINGER:
      tw_posix_linger_ready(watch);
      break;
    default:
      run_posted();
      break;
    }
  }
}

/* How long the poller may wait, as it takes it. */
static int patience(uint32_t ms, bool again) {
  if (again || tw_host.first_queued != TW_POSIX_NONE)
    return 0;
  uint64_t wait = ms;
  uint32_t core = twc_wait(tw_host.core);
  if (core < wait)
    wait = core;
  uint64_t due = tw_timers_next(&tw_host.timers);
  if (due != UINT64_MAX) {
    uint64_t now = tw_posix_clock();
    due = due > now ? due - now : 0;
    if (due < wait)
      wait = due;
  }
  return wait == TW_FOREVER ? -1 : wait > LONGEST_MS ? LONGEST_MS : (int)wait;
}

int tw_posix_fd(void) { return tw_host.started ? tw_poller_fd(tw_host.poller) : -1; }

uint32_t tw_posix_timeout(void) {
  if (!tw_host.started)
    return TW_FOREVER;
  int ms = patience(TW_FOREVER, tw_handles_flush(tw_host.handles));
  return ms < 0 ? TW_FOREVER : (uint32_t)ms;
}

static int32_t iterate(uint32_t ms) {
  uint32_t before = tw_handles_delivered(tw_host.handles);
  bool open = tw_handles_open_handles(tw_host.handles) > 0;
  tw_handles_tick(tw_host.handles);
  run_queue();
  bool again = tw_handles_flush(tw_host.handles);
  bool emptied = open && tw_handles_open_handles(tw_host.handles) == 0; /* the last one has just gone: that is news */
  again = tw_handles_flush(tw_host.handles) || again || emptied || tw_handles_delivered(tw_host.handles) != before;
  tw_ready *ready;
  uint32_t count = tw_poller_wait(tw_host.poller, patience(ms, again), &ready);
  tw_handles_tick(tw_host.handles);
  tw_timers_fire(&tw_host.timers, tw_posix_clock());
  serve(ready, count);
  tw_handles_flush(tw_host.handles);
  return (int32_t)tw_handles_open_handles(tw_host.handles);
}

int32_t tw_poll(uint32_t ms) {
  if (!tw_host.started || tw_host.polling)
    return tw_handles_refuse(TW_ERR_STATE);
  tw_host.polling = true;
  int32_t open = iterate(ms);
  tw_host.polling = false;
  return open;
}
