/* engine.c: the thread that runs the loop of the calls that wait (c/wait), and how other threads wait for it.
 *
 * One mutex guards the hand-over: the inbox, and whether a call is done. Each thread waits on a condition variable of
 * its own. A thread whose call is late asks the engine to give it up, and waits until it has: no call's record is left
 * while the engine may touch it. */
#include "engine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "posix.h"

enum { MS = 1000, NS_PER_MS = 1000000, NS = 1000000000, LISTENERS_EACH = 8 };

typedef enum engine_state { IDLE, STARTING, RUNNING, STOPPING, STOPPED, FORKED } engine_state;

static struct {
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  engine_state state;
  pthread_t thread;
  tw_posix_loop *loop;
  uint32_t sockets;
  int32_t error; /* why it could not start */
  bool posted;   /* the loop has been asked to look at the lists */
  tw_call *first;
  tw_call **last;
  tw_call *late;
} engine = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

uint64_t tw_engine_now(void) { return tw_posix_clock() + 1; }

bool tw_engine_may_wait(void) { return !tw_host.polling; }

/* ---- On the engine's thread ---------------------------------------------------------------------------------- */

static void wake(tw_call *call) { pthread_cond_signal(call->wait.waiter); }

void tw_engine_finish(tw_call *call) {
  pthread_mutex_lock(&engine.mutex);
  call->wait.done = true;
  wake(call);
  pthread_mutex_unlock(&engine.mutex);
}

void tw_engine_wait_until(tw_call *call, uint64_t due) {
  pthread_mutex_lock(&engine.mutex);
  bool changed = call->wait.due != due;
  call->wait.due = due;
  if (changed)
    wake(call);
  pthread_mutex_unlock(&engine.mutex);
}

static void run_late(tw_call *call) {
  while (call != NULL) {
    tw_call *next = call->wait.next_late;
    pthread_mutex_lock(&engine.mutex);
    bool over = !call->wait.done && call->wait.due != 0 && tw_engine_now() >= call->wait.due;
    pthread_mutex_unlock(&engine.mutex);
    if (over)
      call->give_up(call, TW_ERR_DEADLINE);
    pthread_mutex_lock(&engine.mutex);
    call->wait.late = false;
    wake(call);
    pthread_mutex_unlock(&engine.mutex);
    call = next;
  }
}

static void run_inbox(void *ctx) {
  (void)ctx;
  pthread_mutex_lock(&engine.mutex);
  tw_call *call = engine.first;
  tw_call *late = engine.late;
  engine.first = engine.late = NULL;
  engine.last = &engine.first;
  engine.posted = false;
  pthread_mutex_unlock(&engine.mutex);
  while (call != NULL) {
    tw_call *next = call->wait.next; /* the record is gone once it has been finished */
    call->begin(call);
    call = next;
  }
  run_late(late);
}

static int32_t start_loop(void) {
  tw_limits limits;
  tw_engine_limits(&limits, engine.sockets);
  tw_posix_options options = {.limits = &limits, .listeners = engine.sockets * LISTENERS_EACH};
  if (tw_posix_start(&options) < 0)
    return tw_last_error();
  int32_t error = tw_engine_begin(engine.sockets);
  if (error != 0)
    tw_posix_stop();
  return error;
}

static bool stopping(void) {
  pthread_mutex_lock(&engine.mutex);
  bool stops = engine.state == STOPPING;
  pthread_mutex_unlock(&engine.mutex);
  return stops;
}

/* Nothing is taken in any more: what came last is refused. */
static void refuse_inbox(void) {
  pthread_mutex_lock(&engine.mutex);
  engine.state = STOPPED;
  engine.loop = NULL;
  tw_call *late = engine.late;
  engine.late = NULL;
  for (tw_call *call = engine.first; call != NULL;) {
    tw_call *next = call->wait.next;
    call->result = TW_ERR_ABORTED;
    call->reason = "the engine was stopped";
    call->wait.done = true;
    wake(call);
    call = next;
  }
  engine.first = NULL;
  pthread_mutex_unlock(&engine.mutex);
  run_late(late);
}

static void *run(void *unused) {
  int32_t error = start_loop();
  pthread_mutex_lock(&engine.mutex);
  engine.error = error;
  engine.state = error == 0 ? RUNNING : STOPPED;
  engine.loop = tw_posix_current();
  engine.last = &engine.first;
  engine.posted = false;
  pthread_cond_broadcast(&engine.changed);
  pthread_mutex_unlock(&engine.mutex);
  if (error != 0)
    return unused;
  while (!stopping() && tw_poll(TW_FOREVER) >= 0)
    tw_engine_settle();
  tw_engine_end();
  while (tw_handles_open_handles(tw_host.handles) > 0 && tw_poll(TW_FOREVER) > 0)
    ; /* they close within limits.closeTimeoutMs */
  refuse_inbox();
  tw_posix_stop();
  return unused;
}

/* ---- Starting and stopping ----------------------------------------------------------------------------------- */

static void before_fork(void) { pthread_mutex_lock(&engine.mutex); }
static void after_fork(void) { pthread_mutex_unlock(&engine.mutex); }

/* The engine's thread is not in the child. */
static void in_child(void) {
  if (engine.state != IDLE)
    engine.state = FORKED;
  pthread_mutex_unlock(&engine.mutex);
}

static void watch_forks(void) { pthread_atfork(before_fork, after_fork, in_child); }

/* A thread that takes no signals: they are the application's. */
static int start_thread(pthread_t *thread, bool detached, void *(*begin)(void *), void *ctx) {
  sigset_t all, before;
  pthread_attr_t how;
  sigfillset(&all);
  if (pthread_attr_init(&how) != 0)
    return ENOMEM;
  if (detached)
    pthread_attr_setdetachstate(&how, PTHREAD_CREATE_DETACHED);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  int error = pthread_create(thread, &how, begin, ctx);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  pthread_attr_destroy(&how);
  return error;
}

/* The mutex is held. Starts the thread and waits until it runs, or can't. */
static int32_t start(uint32_t sockets) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, watch_forks);
  engine_state before = engine.state;
  engine.sockets = sockets;
  engine.state = STARTING;
  if (start_thread(&engine.thread, false, run, NULL) != 0) {
    engine.state = before;
    pthread_cond_broadcast(&engine.changed);
    return TW_ERR_MEMORY;
  }
  while (engine.state == STARTING)
    pthread_cond_wait(&engine.changed, &engine.mutex);
  if (engine.error == 0)
    return 0;
  pthread_join(engine.thread, NULL); /* it has nothing left to do but to end */
  engine.state = before;
  pthread_cond_broadcast(&engine.changed);
  return engine.error;
}

/* The mutex is held. */
static int32_t be_running(const char **reason) {
  while (engine.state == STARTING)
    pthread_cond_wait(&engine.changed, &engine.mutex);
  if (engine.state == IDLE)
    return start(TW_ENGINE_SOCKETS);
  if (engine.state == RUNNING)
    return 0;
  *reason = engine.state == FORKED ? "the engine's thread is not in a forked process; call it before fork, or exec"
                                   : "the engine was stopped; tw_engine_start starts it again";
  return TW_ERR_STATE;
}

int32_t tw_engine_start(const tw_engine_options *options) {
  uint32_t sockets = options == NULL || options->sockets == 0 ? TW_ENGINE_SOCKETS : options->sockets;
  if (sockets > TW_ENGINE_MAX_SOCKETS)
    return tw_handles_refuse(TW_ERR_ARGUMENT), TW_ERR_ARGUMENT;
  pthread_mutex_lock(&engine.mutex);
  int32_t error = engine.state == IDLE || engine.state == STOPPED ? start(sockets) : TW_ERR_STATE;
  pthread_mutex_unlock(&engine.mutex);
  if (error != 0)
    tw_handles_refuse(error);
  return error;
}

static void nothing(void *ctx) { (void)ctx; }

int32_t tw_engine_stop(void) {
  pthread_mutex_lock(&engine.mutex);
  bool runs = engine.state == RUNNING && tw_engine_may_wait();
  if (runs) {
    engine.state = STOPPING;
    tw_posix_post(engine.loop, nothing, NULL); /* a full pipe wakes it, too */
  }
  pthread_mutex_unlock(&engine.mutex);
  if (!runs)
    return tw_handles_refuse(TW_ERR_STATE), TW_ERR_STATE;
  pthread_join(engine.thread, NULL);
  return 0;
}

/* ---- On the threads that wait -------------------------------------------------------------------------------- */

static void make_waiter(pthread_cond_t *waiter) {
  pthread_condattr_t how;
  pthread_condattr_init(&how);
#ifndef __APPLE__ /* which has a relative wait instead */
  pthread_condattr_setclock(&how, CLOCK_MONOTONIC);
#endif
  pthread_cond_init(waiter, &how);
  pthread_condattr_destroy(&how);
}

static void wait_ms(pthread_cond_t *waiter, uint64_t ms) {
  struct timespec time = {.tv_sec = (time_t)(ms / MS), .tv_nsec = (long)(ms % MS) * NS_PER_MS};
#ifdef __APPLE__
  pthread_cond_timedwait_relative_np(waiter, &engine.mutex, &time);
#else
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  time.tv_sec += now.tv_sec;
  time.tv_nsec += now.tv_nsec;
  if (time.tv_nsec >= NS) {
    time.tv_nsec -= NS;
    time.tv_sec++;
  }
  pthread_cond_timedwait(waiter, &engine.mutex, &time);
#endif
}

/* The mutex is held. */
static void ask_loop(void) {
  if (!engine.posted && engine.loop != NULL)
    engine.posted = tw_posix_post(engine.loop, run_inbox, NULL);
}

/* The mutex is held. */
static void wait_for(tw_call *call, pthread_cond_t *waiter) {
  while (!call->wait.done || call->wait.late) {
    uint64_t now = tw_engine_now();
    if (call->wait.due == 0 || call->wait.late) {
      pthread_cond_wait(waiter, &engine.mutex);
    } else if (now < call->wait.due) {
      wait_ms(waiter, call->wait.due - now);
    } else {
      call->wait.late = true;
      call->wait.next_late = engine.late;
      engine.late = call;
      ask_loop();
    }
  }
}

int32_t tw_engine_call(tw_call *call) {
  pthread_cond_t waiter;
  if (!tw_engine_may_wait()) {
    call->reason = "called from a listener, whose loop it would stop";
    return TW_ERR_STATE;
  }
  pthread_mutex_lock(&engine.mutex);
  int32_t error = be_running(&call->reason);
  if (error == 0) {
    make_waiter(&waiter);
    call->wait = (tw_call_wait){.waiter = &waiter};
    *engine.last = call;
    engine.last = &call->wait.next;
    ask_loop();
    wait_for(call, &waiter);
    pthread_cond_destroy(&waiter);
  }
  pthread_mutex_unlock(&engine.mutex);
  return error == 0 ? call->result : error;
}

/* ---- Threads for handlers ------------------------------------------------------------------------------------ */

typedef struct task {
  void (*run)(void *ctx);
  void *ctx;
} task;

static void *run_task(void *ctx) {
  task it = *(task *)ctx;
  free(ctx);
  it.run(it.ctx);
  return NULL;
}

int32_t tw_engine_spawn(void (*begin)(void *ctx), void *ctx) {
  pthread_t thread;
  task *it = malloc(sizeof *it);
  if (it == NULL)
    return TW_ERR_MEMORY;
  *it = (task){begin, ctx};
  if (start_thread(&thread, true, run_task, it) == 0)
    return 0;
  free(it);
  return TW_ERR_MEMORY;
}
