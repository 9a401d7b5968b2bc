/* waiting: calls that wait (conn.h) from several threads: listeners and their handlers, ends that come meanwhile, and
 * the life of the engine. */
#include <sys/wait.h>

#include "pairs.h"
#include "twinwire/tw_posix.h"

/* ---- Listening ----------------------------------------------------------------------------------------------- */

static void *dial_once(void *ctx) {
  char data[16];
  int32_t conn = tw_dial("tcp", ctx, NULL);
  CHECK(conn > 0);
  CHECK_IS(2, tw_read_exact(conn, data, 2));
  CHECK_IS(0, tw_conn_close(conn));
  return NULL;
}

static void *accept_once(void *ctx) {
  int32_t conn = tw_accept(*(int32_t *)ctx);
  CHECK(conn > 0);
  CHECK_IS(0, tw_write_all(conn, "hi", 2));
  CHECK_IS(0, tw_conn_close(conn));
  return NULL;
}

static void many_threads_may_accept(void) {
  enum { THREADS = 8 };
  char address[TW_MAX_ADDRESS + 1];
  pthread_t acceptors[THREADS], dialers[THREADS];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  CHECK(tw_listener_addr(listener, address, sizeof address) > 0);
  CHECK_IS(0, tw_set_deadline(listener, LONG));
  for (int i = 0; i < THREADS; i++)
    pthread_create(&acceptors[i], NULL, accept_once, &listener);
  for (int i = 0; i < THREADS; i++)
    pthread_create(&dialers[i], NULL, dial_once, address);
  for (int i = 0; i < THREADS; i++)
    pthread_join(acceptors[i], NULL), pthread_join(dialers[i], NULL);
  CHECK_IS(TW_ERR_IN_USE, tw_listen("tcp", address, NULL));
  CHECK_IS(TW_ERR_HANDLE, tw_conn_close(listener));
  CHECK_IS(TW_ERR_HANDLE, tw_read(listener, address, sizeof address));
  CHECK_IS(0, tw_set_nonblocking(listener, true));
  CHECK_IS(0, tw_set_deadline(listener, 0));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_accept(listener));
  CHECK_IS(0, tw_set_nonblocking(listener, false));
  CHECK_IS(0, tw_set_read_timeout(listener, SOON));
  CHECK_IS(TW_ERR_DEADLINE, tw_accept(listener));
  CHECK_IS(0, tw_listener_close(listener));
  CHECK_IS(TW_ERR_HANDLE, tw_accept(listener));
}

static void beyond_the_backlog_connections_are_closed(void) {
  char address[TW_MAX_ADDRESS + 1], data[4];
  int32_t conns[3];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", &(tw_listen_options){.backlog = 2});
  tw_listener_addr(listener, address, sizeof address);
  for (int i = 0; i < 3; i++) {
    conns[i] = tw_dial("tcp", address, NULL);
    tw_set_deadline(conns[i], LONG);
  }
  /* The third is closed at once, before or after its attempt has seen that it is open. */
  CHECK(conns[2] == TW_ERR_RESET || conns[2] == TW_ERR_ENDED || tw_read(conns[2], data, sizeof data) <= 0);
  int32_t first = tw_accept(listener);
  CHECK(first > 0);
  CHECK_IS(0, tw_conn_close(first));
  CHECK_IS(0, tw_listener_close(listener)); /* the second one is closed with it */
  CHECK(tw_read(conns[1], data, sizeof data) <= 0);
  for (int i = 0; i < 3; i++)
    CHECK_IS(conns[i] > 0 ? 0 : TW_ERR_HANDLE, tw_conn_close(conns[i]));
}

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int handled, running, most_running;

static void on_conn(int32_t conn, void *ctx) {
  char data[16];
  pthread_mutex_lock(&lock);
  running++;
  if (running > most_running)
    most_running = running;
  pthread_mutex_unlock(&lock);
  int32_t size = tw_read(conn, data, sizeof data);
  if (size > 0)
    tw_write_all(conn, ctx, 3);
  pthread_mutex_lock(&lock);
  running--;
  handled++;
  pthread_mutex_unlock(&lock);
}

/* Waits until so many handlers run, for 30 s at most: on a busy machine threads begin late. */
static bool await_running(int count) {
  const struct timespec step = {.tv_nsec = 5000000};
  bool there = false;
  for (int i = 0; i < 6000 && !there; i++) {
    nanosleep(&step, NULL);
    pthread_mutex_lock(&lock);
    there = running == count;
    pthread_mutex_unlock(&lock);
  }
  return there;
}

static void handlers_run_at_the_same_time_up_to_a_bound(void) {
  enum { CLIENTS = 6 };
  char address[TW_MAX_ADDRESS + 1], data[4];
  int32_t conns[CLIENTS];
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", &(tw_listen_options){.handlers = 2});
  tw_listener_addr(listener, address, sizeof address);
  CHECK_IS(TW_ERR_ARGUMENT, tw_accept_each(listener, NULL, NULL));
  CHECK_IS(0, tw_accept_each(listener, on_conn, "yes"));
  CHECK_IS(TW_ERR_STATE, tw_accept_each(listener, on_conn, "yes"));
  CHECK_IS(TW_ERR_STATE, tw_accept(listener));
  for (int i = 0; i < CLIENTS; i++) {
    conns[i] = tw_dial("tcp", address, NULL);
    tw_set_deadline(conns[i], LONG);
  }
  CHECK(await_running(2)); /* each waits for what its client says */
  for (int i = 0; i < CLIENTS; i++)
    CHECK_IS(0, tw_write_all(conns[i], "go", 2));
  for (int i = 0; i < CLIENTS; i++) {
    CHECK_IS(3, tw_read_exact(conns[i], data, 3));
    CHECK_IS(0, tw_read(conns[i], data, sizeof data)); /* closed when the handler returned */
    CHECK_IS(0, tw_conn_close(conns[i]));
  }
  pthread_mutex_lock(&lock);
  CHECK(handled == CLIENTS && most_running == 2);
  pthread_mutex_unlock(&lock);
  CHECK_IS(0, tw_listener_close(listener));
}

/* ---- Waiting ------------------------------------------------------------------------------------------------- */

typedef struct reading {
  int32_t conn;
  int32_t result;
  char data[16];
} reading;

static void *read_there(void *ctx) {
  reading *it = ctx;
  it->result = tw_read(it->conn, it->data, sizeof it->data);
  return NULL;
}

/* Until another thread waits in a read on it. */
static void await_reader(int32_t conn) {
  char data[4];
  tw_set_nonblocking(conn, true);
  while (tw_read(conn, data, sizeof data) != TW_ERR_STATE)
    ;
  tw_set_nonblocking(conn, false);
}

static void two_threads_on_one_connection(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  char data[4];
  pthread_t thread;
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  int32_t second = tw_set_read_timeout(it.conn, LONG);
  CHECK_IS(0, second);
  await_reader(it.conn);
  CHECK_IS(TW_ERR_STATE, tw_read(it.conn, data, sizeof data));
  CHECK(says("another thread is reading"));
  CHECK_IS(0, tw_write_all(it.conn, "w", 1)); /* one reads, one writes */
  CHECK_IS(TW_ERR_STATE, tw_upgrade_tls(it.conn, NULL, NULL));
  CHECK(write(it.peer, "r", 1) == 1);
  pthread_join(thread, NULL);
  CHECK_IS(1, other.result);
  end_pair(it);
}

static void closing_ends_what_waits(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  pthread_t thread;
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_conn_close(it.conn));
  pthread_join(thread, NULL);
  CHECK(other.result == TW_ERR_STATE || other.result == TW_ERR_HANDLE);
  close(it.peer);
}

static void a_deadline_also_ends_what_waits_already(void) {
  pair it = make_pair();
  reading other = {.conn = it.conn};
  pthread_t thread;
  char data[4];
  pthread_create(&thread, NULL, read_there, &other);
  struct timespec pause = {.tv_nsec = 50000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_set_read_deadline(it.conn, SOON));
  pthread_join(thread, NULL);
  CHECK_IS(TW_ERR_DEADLINE, other.result);
  CHECK_IS(TW_ERR_DEADLINE, tw_read(it.conn, data, sizeof data)); /* it is an instant, and has passed */
  CHECK_IS(1, tw_write(it.conn, "x", 1));
  CHECK_IS(0, tw_set_deadline(it.conn, 0));
  CHECK(write(it.peer, "r", 1) == 1);
  CHECK_IS(1, tw_read(it.conn, data, sizeof data));
  CHECK_IS(0, tw_set_write_deadline(it.conn, 1));
  nanosleep(&pause, NULL);
  CHECK_IS(TW_ERR_DEADLINE, tw_write_all(it.conn, "x", 1));
  CHECK_IS(TW_ERR_ARGUMENT, tw_set_deadline(it.conn, 0x80000000u));
  CHECK_IS(TW_ERR_ARGUMENT, tw_set_read_timeout(it.conn, 0xffffffffu));
  end_pair(it);
}

static void non_blocking_calls_return_at_once(void) {
  pair it = make_pair();
  char data[4];
  CHECK_IS(0, tw_set_nonblocking(it.conn, true));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_read(it.conn, data, sizeof data));
  CHECK(says("ERR_WOULD_BLOCK: tw_read"));
  CHECK_IS(TW_ERR_WOULD_BLOCK, tw_read_exact(it.conn, data, sizeof data));
  CHECK_IS(2, tw_write(it.conn, "ab", 2));
  CHECK_IS(0, tw_write_all(it.conn, "cd", 2));
  CHECK(read(it.peer, data, 4) > 0);
  end_pair(it);
}

/* ---- Listeners of the event API ------------------------------------------------------------------------------ */

static int32_t from_listener[4];

static void on_posted(void *ctx) {
  char data[TW_MAX_ADDRESS + 1];
  (void)ctx;
  from_listener[0] = tw_read(1, data, 1);
  from_listener[1] = tw_dial("tcp", "127.0.0.1:1", NULL);
  from_listener[2] = tw_resolve("localhost", 0, data, sizeof data);
  from_listener[3] = tw_engine_stop();
  tw_runtime_exit(0);
}

static void a_listener_gets_an_error_and_no_deadlock(void) {
  CHECK(tw_posix_start(NULL) == 0);
  CHECK(tw_posix_post(tw_posix_current(), on_posted, NULL));
  CHECK_IS(0, tw_runtime_keep_alive());
  for (int i = 0; i < 4; i++)
    CHECK_IS(TW_ERR_STATE, from_listener[i]);
  CHECK(says("called from a listener"));
  pair it = make_pair(); /* outside of an iteration a thread with a loop may wait */
  end_pair(it);
  tw_posix_stop();
}

/* ---- The engine ---------------------------------------------------------------------------------------------- */

static void *accept_there(void *ctx) {
  int32_t *it = ctx;
  *it = tw_accept(*it);
  return NULL;
}

static void stopping_ends_what_waits(void) {
  char data[16];
  pthread_t reader, acceptor;
  pair it = make_pair();
  reading other = {.conn = it.conn};
  int32_t accepted = tw_listen("tcp", "127.0.0.1:0", NULL);
  CHECK_IS(TW_ERR_STATE, tw_engine_start(NULL));
  pthread_create(&reader, NULL, read_there, &other);
  pthread_create(&acceptor, NULL, accept_there, &accepted);
  struct timespec pause = {.tv_nsec = 100000000};
  nanosleep(&pause, NULL);
  CHECK_IS(0, tw_engine_stop());
  pthread_join(reader, NULL);
  pthread_join(acceptor, NULL);
  CHECK(other.result == TW_ERR_ABORTED || other.result == TW_ERR_STATE);
  CHECK(accepted == TW_ERR_ABORTED || accepted == TW_ERR_STATE);
  CHECK_IS(0, read(it.peer, data, sizeof data) == 0 ? 0 : 1); /* its connection was closed */
  close(it.peer);
  CHECK_IS(TW_ERR_STATE, tw_read(it.conn, data, sizeof data));
  CHECK(says("tw_engine_start"));
  CHECK_IS(TW_ERR_STATE, tw_dial("tcp", "127.0.0.1:1", NULL));
  CHECK_IS(TW_ERR_STATE, tw_engine_stop());
  CHECK_IS(TW_ERR_ARGUMENT, tw_engine_start(&(tw_engine_options){.sockets = 16385}));
}

static void sockets_are_limited(void) {
  char address[TW_MAX_ADDRESS + 1];
  CHECK_IS(0, tw_engine_start(&(tw_engine_options){.sockets = 2}));
  int32_t listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  tw_listener_addr(listener, address, sizeof address);
  int32_t sock = tw_udp_bind("127.0.0.1:0");
  CHECK(listener > 0 && sock > 0);
  CHECK_IS(TW_ERR_LIMIT, tw_dial("tcp", address, NULL));
  CHECK_IS(0, tw_conn_close(sock));
  CHECK_IS(0, tw_engine_stop());
  CHECK_IS(0, tw_engine_start(NULL));
}

/* The thread is not in the child: a call there says so instead of waiting for ever. */
static void a_forked_child_gets_an_error(void) {
  pair it = make_pair();
  pid_t child = fork();
  if (child == 0)
    _exit(tw_write(it.conn, "x", 1) == TW_ERR_STATE && tw_engine_start(NULL) == TW_ERR_STATE ? 0 : 1);
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  end_pair(it);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  RUN(many_threads_may_accept);
  RUN(beyond_the_backlog_connections_are_closed);
  RUN(handlers_run_at_the_same_time_up_to_a_bound);
  RUN(two_threads_on_one_connection);
  RUN(closing_ends_what_waits);
  RUN(a_deadline_also_ends_what_waits_already);
  RUN(non_blocking_calls_return_at_once);
  RUN(a_listener_gets_an_error_and_no_deadlock);
  RUN(stopping_ends_what_waits);
  RUN(sockets_are_limited);
  RUN(a_forked_child_gets_an_error);
  CHECK_IS(0, tw_engine_stop());
  return check_end();
}
