/* crowd: 8 threads with 1,000 connections of calls that wait, and 8 threads that serve them; a program for
 * ThreadSanitizer. */
#include <pthread.h>
#include <sys/resource.h>

#include "check.h"

enum { THREADS = 8, EACH = 125, LONG = 60000 };

static char address[TW_MAX_ADDRESS + 1];
static int32_t listener;

static void *serve(void *ctx) {
  int32_t conns[EACH];
  char data[8];
  (void)ctx;
  for (int i = 0; i < EACH; i++) {
    conns[i] = tw_accept(listener);
    CHECK(conns[i] > 0);
    CHECK_IS(0, tw_set_deadline(conns[i], LONG));
  }
  for (int i = 0; i < EACH; i++) {
    CHECK_IS(8, tw_read_exact(conns[i], data, 8));
    CHECK_IS(0, tw_write_all(conns[i], data, 8));
    CHECK_IS(0, tw_conn_close(conns[i]));
  }
  return NULL;
}

static void *use(void *ctx) {
  int32_t conns[EACH];
  char data[9], sent[9];
  (void)ctx;
  for (int i = 0; i < EACH; i++) {
    conns[i] = tw_dial("tcp", address, NULL);
    CHECK(conns[i] > 0);
    CHECK_IS(0, tw_set_deadline(conns[i], LONG));
  }
  for (int i = 0; i < EACH; i++) {
    snprintf(sent, sizeof sent, "%08x", (unsigned)conns[i]);
    CHECK_IS(0, tw_write_all(conns[i], sent, 8));
  }
  for (int i = 0; i < EACH; i++) {
    snprintf(sent, sizeof sent, "%08x", (unsigned)conns[i]);
    CHECK_IS(8, tw_read_exact(conns[i], data, 8));
    CHECK(memcmp(data, sent, 8) == 0);
    CHECK_IS(0, tw_read(conns[i], data, 1));
    CHECK_IS(0, tw_conn_close(conns[i]));
  }
  return NULL;
}

static void threads_share_the_engine(void) {
  pthread_t servers[THREADS], clients[THREADS];
  listener = tw_listen("tcp", "127.0.0.1:0", NULL);
  CHECK(tw_listener_addr(listener, address, sizeof address) > 0);
  CHECK_IS(0, tw_set_deadline(listener, LONG));
  for (int i = 0; i < THREADS; i++) {
    pthread_create(&servers[i], NULL, serve, NULL);
    pthread_create(&clients[i], NULL, use, NULL);
  }
  for (int i = 0; i < THREADS; i++) {
    pthread_join(servers[i], NULL);
    pthread_join(clients[i], NULL);
  }
  CHECK_IS(0, tw_listener_close(listener));
}

int main(void) {
  struct rlimit files;
  setvbuf(stdout, NULL, _IOLBF, 0);
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max; /* 2,000 sockets are more than some systems allow at first */
  setrlimit(RLIMIT_NOFILE, &files);
  RUN(threads_share_the_engine);
  CHECK_IS(0, tw_engine_stop());
  return check_end();
}
